//! What is wrong with an access string, and what clients will miss.

use ec_shared::document::{Cache, Deployment, Finding, Severity};

use super::AccessString;
use super::commands::COMMANDS;
use crate::codes;

/// What the clients of a cache do, beyond reading and writing keys.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ClientNeed {
    /// They speak cluster mode.
    Cluster,
    /// They read from replicas in cluster mode.
    Replicas,
    /// They choose another database than 0.
    Databases,
    /// They publish and subscribe.
    Channels,
}

impl ClientNeed {
    /// What the cache itself demands of every client.
    pub fn of(cache: &Cache) -> Vec<Self> {
        let is_serverless = cache.deployment == Some(Deployment::Serverless);
        if cache.cluster_mode.unwrap_or(is_serverless) { vec![Self::Cluster] } else { Vec::new() }
    }
}

/// Commands that clients run, when, and what becomes of those that may not.
struct Habit {
    /// Who runs them; without, everybody.
    of: Option<ClientNeed>,
    commands: &'static [&'static str],
    severity: Severity,
    why: &'static str,
}

const HABITS: [Habit; 8] = [
    Habit {
        of: None,
        commands: &["ping"],
        severity: Severity::Warning,
        why: "pools and health checks ask with it whether a connection is alive",
    },
    Habit {
        of: None,
        commands: &["info"],
        severity: Severity::Warning,
        why: "ioredis waits for it before it is ready (enableReadyCheck), and consoles begin with it",
    },
    Habit {
        of: None,
        commands: &["client|setinfo", "client|setname"],
        severity: Severity::Info,
        why: "most clients name themselves with them, and go on when they may not",
    },
    Habit {
        of: Some(ClientNeed::Cluster),
        commands: &["cluster|slots"],
        severity: Severity::Error,
        why: "most clients in cluster mode find the nodes with it, and do not start without",
    },
    Habit {
        of: Some(ClientNeed::Cluster),
        commands: &["cluster|shards", "cluster|nodes"],
        severity: Severity::Warning,
        why: "other clients in cluster mode find the nodes with one of them",
    },
    Habit {
        of: Some(ClientNeed::Cluster),
        commands: &["cluster|info", "cluster|myid", "command"],
        severity: Severity::Info,
        why: "some clients in cluster mode ask for the state, or for where commands have their keys",
    },
    Habit {
        of: Some(ClientNeed::Replicas),
        commands: &["readonly"],
        severity: Severity::Error,
        why: "replicas in cluster mode send a client away that has not run it",
    },
    Habit {
        of: Some(ClientNeed::Databases),
        commands: &["select"],
        severity: Severity::Error,
        why: "clients choose the database with it",
    },
];

const CHANNELS: [&str; 3] = ["subscribe", "psubscribe", "publish"];

/// Looks through an access string, for clients with these needs.
pub fn lint(text: &str, needs: &[ClientNeed]) -> Vec<Finding> {
    let access = AccessString::read(text);
    let mut findings: Vec<Finding> = access
        .faults
        .iter()
        .map(|fault| {
            let summary = format!("in the access string, at character {}: {}", fault.column, fault.why);
            Finding::new(&codes::ACCESS_RULE, fault.severity, summary)
                .evidence("column", fault.column)
                .fix(codes::ACCESS_RULE.fix)
        })
        .collect();
    if nothing(&access, needs, &mut findings) {
        findings.extend(HABITS.iter().filter_map(|habit| missed(habit, &access, needs)));
        findings.extend(channels(&access, needs));
        findings.extend(wide(&access));
    }
    findings
}

/// Tells whether the user may do anything at all, and if not, why.
fn nothing(access: &AccessString, needs: &[ClientNeed], findings: &mut Vec<Finding>) -> bool {
    let mut tell = |severity, summary: &str, fix: &str| {
        let finding = Finding::new(&codes::ACCESS_NOTHING, severity, summary).evidence("is_on", access.is_on);
        findings.push(finding.fix(fix));
    };
    if !access.is_on {
        tell(
            Severity::Error,
            "the access string leaves the user off: it cannot log in",
            "begin the access string with on",
        );
    }
    if !access.allows_any_command() {
        tell(Severity::Error, "the access string allows no command", "allow commands: +@read, +@write, +get …");
        return false;
    }
    if !access.names_any_key() && !needs.contains(&ClientNeed::Channels) {
        tell(
            Severity::Warning,
            "the access string names no key: commands with keys are refused",
            "name the keys: ~app:*",
        );
    }
    true
}

fn missed(habit: &Habit, access: &AccessString, needs: &[ClientNeed]) -> Option<Finding> {
    let is_theirs = habit.of.is_none_or(|need| needs.contains(&need));
    let denied: Vec<&str> = habit.commands.iter().copied().filter(|name| !access.may(name)).collect();
    if denied.is_empty() || !is_theirs {
        return None;
    }
    let summary = format!("the access string denies {}: {}", spoken(&denied), habit.why);
    Some(denial(habit.severity, summary, access, &denied))
}

/// Publishing and subscribing needs commands, and channels beside them. From Redis OSS 7 on, and with Valkey, a new user
/// has no channel.
fn channels(access: &AccessString, needs: &[ClientNeed]) -> Option<Finding> {
    if !needs.contains(&ClientNeed::Channels) {
        return None;
    }
    let denied: Vec<&str> = CHANNELS.into_iter().filter(|name| !access.may(name)).collect();
    if !denied.is_empty() {
        let summary = format!("the access string denies {}, which clients publish and subscribe with", spoken(&denied));
        return Some(denial(Severity::Error, summary, access, &denied));
    }
    let finding = || {
        let summary = "the access string names no channel: nobody publishes or subscribes";
        Finding::new(&codes::ACCESS_NEED, Severity::Error, summary).fix("name the channels: &app:*")
    };
    (!access.names_any_channel()).then(finding)
}

fn denial(severity: Severity, summary: String, access: &AccessString, denied: &[&str]) -> Finding {
    let add: Vec<String> = denied.iter().map(|name| format!("+{name}")).collect();
    let finding = Finding::new(&codes::ACCESS_NEED, severity, summary)
        .evidence("denied", denied)
        .fix(format!("add to the end of the access string: {}", add.join(" ")));
    match denied.iter().find_map(|name| access.decide(name)?.rule) {
        Some(rule) => finding.evidence("rule", rule),
        None => finding,
    }
}

/// What an application seldom needs, and can do harm with.
fn wide(access: &AccessString) -> Option<Finding> {
    let is_harmful = |name: &str| name != "info" && access.may(name);
    let dangerous =
        COMMANDS.iter().filter(|command| command.categories.contains(&"dangerous") && !command.is_restricted());
    let dangerous: Vec<&str> = dangerous.map(|command| command.name).filter(|name| is_harmful(name)).collect();
    let (every_command, every_key) = (access.allows_every_command(), access.names_every_key());
    if dangerous.is_empty() {
        return None;
    }
    let what = match (every_command, every_key) {
        (true, true) => "every command on every key".to_owned(),
        (true, false) => "every command on some keys".to_owned(),
        (false, _) => spoken(&dangerous),
    };
    let finding = Finding::new(&codes::ACCESS_WIDE, Severity::Info, format!("the access string allows {what}"))
        .evidence("dangerous", &dangerous)
        .fix("allow what the application does, or end the access string with -@dangerous +info");
    Some(match dangerous.first().and_then(|name| access.decide(name)?.rule) {
        Some(rule) => finding.evidence("rule", rule),
        None => finding,
    })
}

/// `CLIENT SETINFO, PING`.
fn spoken(names: &[&str]) -> String {
    let names: Vec<String> = names.iter().map(|name| name.to_ascii_uppercase().replace('|', " ")).collect();
    names.join(", ")
}
