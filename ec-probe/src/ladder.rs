//! The ladder: which question comes after which, and when to stop. It asks nobody itself, so every order of answers can
//! be tried without a network.

use std::collections::VecDeque;

use ec_shared::Exit;
use ec_shared::document::Engine;
use serde::{Deserialize, Serialize};

use crate::plan::Plan;

/// A question to the network.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Stage {
    /// Which addresses has the name?
    Dns,
    /// Which of them take a connection?
    Tcp,
    /// Does the server prove its name?
    Tls,
    /// Does it let the user in?
    Auth,
    /// Which server is it?
    Hello,
    /// Does it carry a command out?
    Ping,
    /// Of which shards and nodes is its cluster? No rung of the ladder: asked of a cluster that was climbed.
    Cluster,
    /// Does it let the user ask what client libraries ask when they connect? No rung either.
    Clients,
    /// Which version is the Memcached server?
    Version,
    /// How is it doing?
    Stats,
    /// Of which nodes is its Memcached cluster? No rung either, like all that follow.
    Discovery,
    /// Does a reader endpoint let readers read?
    Readonly,
    /// Do the nodes answer that were told? Asked of each of them, on a ladder of its own.
    Nodes,
}

impl Stage {
    /// The word in documents and reports.
    pub fn word(self) -> &'static str {
        match self {
            Self::Dns => "dns",
            Self::Tcp => "tcp",
            Self::Tls => "tls",
            Self::Auth => "auth",
            Self::Hello => "hello",
            Self::Ping => "ping",
            Self::Cluster => "cluster",
            Self::Clients => "clients",
            Self::Version => "version",
            Self::Stats => "stats",
            Self::Discovery => "discovery",
            Self::Readonly => "readonly",
            Self::Nodes => "nodes",
        }
    }

    /// The exit code that names this stage as the one that failed.
    pub fn exit(self) -> Exit {
        match self {
            Self::Dns => Exit::Dns,
            Self::Tcp => Exit::Tcp,
            Self::Tls => Exit::Tls,
            Self::Auth => Exit::Auth,
            Self::Hello
            | Self::Ping
            | Self::Cluster
            | Self::Clients
            | Self::Version
            | Self::Stats
            | Self::Discovery
            | Self::Readonly
            | Self::Nodes => Exit::Command,
        }
    }

    /// Whether an answer shows that the server carries out commands.
    pub fn is_command(self) -> bool {
        !matches!(self, Self::Dns | Self::Tcp | Self::Tls | Self::Auth | Self::Hello)
    }
}

/// What an answer comes to.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Outcome {
    /// Yes; the next question can be asked.
    Ok,
    /// No; there is no use in asking further.
    No,
    /// No, and it does not matter.
    Skipped,
}

/// The questions that are still to be asked.
#[derive(Clone, Debug)]
pub struct Ladder {
    rungs: VecDeque<Stage>,
}

impl Ladder {
    /// The questions of a plan. `needs_resolver`: whether what is dialled is a name. `logs_in`: whether there are
    /// credentials; they are the first thing that the server hears, because some servers close the connection of a
    /// client that says anything else before.
    pub fn new(plan: &Plan, needs_resolver: bool, logs_in: bool) -> Self {
        let talk: &[Stage] = match plan.engine {
            Engine::Memcached => &[Stage::Version, Stage::Stats],
            Engine::Valkey | Engine::Redis => &[Stage::Hello, Stage::Ping],
        };
        let mut rungs = VecDeque::new();
        rungs.extend(needs_resolver.then_some(Stage::Dns));
        rungs.push_back(Stage::Tcp);
        rungs.extend(plan.tls.then_some(Stage::Tls));
        rungs.extend(logs_in.then_some(Stage::Auth));
        rungs.extend(talk);
        Self { rungs }
    }

    /// The same questions, but none that a server could take for a client's.
    #[must_use]
    pub fn up_to_tls(mut self) -> Self {
        self.rungs.retain(|stage| matches!(stage, Stage::Dns | Stage::Tcp | Stage::Tls));
        self
    }

    /// The next question; none when the ladder has been climbed, or fallen from.
    pub fn next(&self) -> Option<Stage> {
        self.rungs.front().copied()
    }

    /// Takes what the answer to the next question came to.
    pub fn take(&mut self, outcome: Outcome) {
        self.rungs.pop_front();
        if outcome == Outcome::No {
            self.rungs.clear();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn climbed(ladder: &mut Ladder, answers: impl Fn(Stage) -> Outcome) -> Vec<Stage> {
        let mut asked = Vec::new();
        while let Some(stage) = ladder.next() {
            asked.push(stage);
            ladder.take(answers(stage));
        }
        asked
    }

    #[test]
    fn the_log_in_comes_before_any_other_command() {
        let mut ladder = Ladder::new(&Plan::for_tests(Engine::Valkey, true), true, true);
        let asked = climbed(&mut ladder, |_| Outcome::Ok);
        assert_eq!(asked, [Stage::Dns, Stage::Tcp, Stage::Tls, Stage::Auth, Stage::Hello, Stage::Ping]);
    }

    #[test]
    fn after_a_no_nothing_more_is_asked() {
        let mut ladder = Ladder::new(&Plan::for_tests(Engine::Valkey, true), true, true);
        let asked = climbed(&mut ladder, |stage| if stage == Stage::Tls { Outcome::No } else { Outcome::Ok });
        assert_eq!(asked, [Stage::Dns, Stage::Tcp, Stage::Tls], "credentials go to nobody who has not proven his name");
    }

    #[test]
    fn who_is_not_to_hear_credentials_hears_no_command() {
        let mut ladder = Ladder::new(&Plan::for_tests(Engine::Valkey, true), true, true).up_to_tls();
        assert_eq!(climbed(&mut ladder, |_| Outcome::Ok), [Stage::Dns, Stage::Tcp, Stage::Tls]);
    }

    #[test]
    fn a_hello_that_is_not_allowed_does_not_matter() {
        let mut ladder = Ladder::new(&Plan::for_tests(Engine::Redis, false), false, false);
        let asked = climbed(&mut ladder, |stage| if stage == Stage::Hello { Outcome::Skipped } else { Outcome::Ok });
        assert_eq!(asked, [Stage::Tcp, Stage::Hello, Stage::Ping]);
    }

    #[test]
    fn memcached_is_asked_for_its_version() {
        let mut ladder = Ladder::new(&Plan::for_tests(Engine::Memcached, false), false, false);
        assert_eq!(climbed(&mut ladder, |_| Outcome::Ok), [Stage::Tcp, Stage::Version, Stage::Stats]);
    }
}
