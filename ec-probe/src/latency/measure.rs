//! Measures, question by question. What is known so far stays known when the server, the time or a signal ends it.

use std::net::IpAddr;
use std::time::Duration;

use ec_shared::document::{Engine, Finding};
use tokio::time::Instant;

use super::samples::Samples;
use super::schedule::{self, Budget, Schedule};
use super::{Amount, Latency};
use crate::answer::Answer;
use crate::climb::Probe;
use crate::ladder::{Outcome, Stage};
use crate::reach::Reach;
use crate::verdict;
use crate::way::Relay;
use crate::wire::Wire;

/// What is known so far of the plan's first endpoint.
#[derive(Debug, Default)]
pub struct Measured {
    /// The ladder, once it has been climbed; with the question that ended the measuring, if one did.
    pub reach: Option<Reach>,
    /// All findings.
    pub findings: Vec<Finding>,
    /// The times, once there may be some.
    pub latency: Option<Latency>,
}

/// The server gives no answer, or not the right one; which one stands in the findings.
struct Fallen;

/// Which one of how many it is, from 1; 0 is the one to warm up.
#[derive(Clone, Copy)]
struct Turn {
    number: u64,
    of: u64,
}

/// The measuring of a server that has been found to answer.
struct Measuring<'a> {
    probe: &'a Probe,
    begun: Instant,
    /// The address that answers, where it is known.
    address: Option<IpAddr>,
    connect: Samples,
    handshake: Samples,
    command: Samples,
    measured: &'a mut Measured,
}

/// Climbs the ladder to the first endpoint of the plan, and measures it. `whole` is the time that the work was given in
/// all. The future may be dropped at any time; `measured` then holds all that was measured until then.
pub async fn measure(probe: &Probe, amount: Amount, whole: Duration, measured: &mut Measured) {
    let begun = Instant::now();
    let mut wire = probe.wire(0);
    let (reach, findings) = probe.climb(0, &mut wire, begun).await;
    measured.findings = findings;
    measured.findings.extend(probe.remarks(std::slice::from_ref(&reach)));
    let place = wire.place().filter(|_| reach.answers);
    measured.reach = Some(reach);
    let Some(place) = place else { return };

    // To start a command is not to connect, so there is nothing to measure but commands of the cache.
    let is_command = matches!(probe.plan.way.relay(), Some(Relay::Command(_)));
    let amount = Amount { connections: if is_command { 0 } else { amount.connections }, ..amount };
    let budget = Budget::new(Instant::now(), probe.deadline, whole);
    let command = if probe.plan.engine == Engine::Memcached { Stage::Version } else { Stage::Ping };
    measured.latency = Some(Latency {
        address: place,
        command: command.word().to_owned(),
        wanted: amount,
        connect_us: None,
        handshake_us: None,
        command_us: None,
    });
    let mut measuring = Measuring {
        probe,
        begun,
        address: wire.address().map(|address| address.ip()),
        connect: Samples::default(),
        handshake: Samples::default(),
        command: Samples::default(),
        measured,
    };
    if measuring.connections(amount.connections, budget).await.is_ok() {
        // How that ended stands in `measured`, too.
        let _ = measuring.commands(&mut wire, command, amount, budget).await;
    }
}

impl Measuring<'_> {
    async fn connections(&mut self, count: u64, budget: Budget) -> Result<(), Fallen> {
        while self.connect.len() < count && Instant::now() < budget.connections {
            let mut wire = self.probe.wire(0);
            if let Some(address) = self.address {
                wire = wire.to(address);
            }
            let turn = Turn { number: self.connect.len() + 1, of: count };
            let (answer, took) = self.ask(&mut wire, Stage::Tcp, turn, Instant::now()).await?;
            // Of a connection it is known more exactly than by whoever waits for all addresses.
            let dial = if let Answer::Dials(dials) = &answer { dials.first() } else { None };
            self.connect.add(dial.and_then(|dial| dial.took).unwrap_or(took));
            if self.probe.plan.tls {
                let (_, took) = self.ask(&mut wire, Stage::Tls, turn, Instant::now()).await?;
                self.handshake.add(took);
            }
        }
        Ok(())
    }

    async fn commands(
        &mut self,
        wire: &mut Wire<'_>,
        command: Stage,
        amount: Amount,
        budget: Budget,
    ) -> Result<(), Fallen> {
        let of = amount.commands;
        if Instant::now() < budget.commands {
            // It warms up the way there and the server, and does not count.
            self.ask(wire, command, Turn { number: 0, of }, Instant::now()).await?;
        }
        let schedule = Schedule::new(Instant::now(), amount.rate);
        while self.command.len() < of {
            let due = schedule.due(self.command.len()).unwrap_or_else(Instant::now);
            if due.max(Instant::now()) >= budget.commands {
                break;
            }
            schedule::wait(due).await;
            let (_, took) = self.ask(wire, command, Turn { number: self.command.len() + 1, of }, due).await?;
            self.command.add(took);
        }
        Ok(())
    }

    /// Asks one question, and gives the answer with the time since it was due. An answer that is none ends the measuring,
    /// as it would end the ladder.
    async fn ask(
        &mut self,
        wire: &mut Wire<'_>,
        stage: Stage,
        turn: Turn,
        due: Instant,
    ) -> Result<(Answer, Duration), Fallen> {
        let asked = Instant::now();
        let answer = self.probe.ask(wire, stage).await;
        let answered = Instant::now();
        let judgement = verdict::judge(stage, &answer, &self.probe.context(0));
        if judgement.outcome != Outcome::No {
            return Ok((answer, answered - due));
        }
        if let Some(reach) = &mut self.measured.reach {
            // The code's own sentence is about a server that has never answered.
            let Turn { number, of } = turn;
            let summary = format!("{} {number} of {of}: {}", stage.word(), judgement.summary);
            let finding = reach.step(stage, asked - self.begun, answered - asked, judgement);
            self.measured.findings.extend(finding.map(|finding| Finding { summary, ..finding }));
        }
        Err(Fallen)
    }
}

/// However the measuring ends, also by being dropped, what was measured is kept.
impl Drop for Measuring<'_> {
    fn drop(&mut self) {
        if let Some(latency) = &mut self.measured.latency {
            latency.connect_us = self.connect.summary();
            latency.handshake_us = self.handshake.summary();
            latency.command_us = self.command.summary();
        }
        if let Some(reach) = &mut self.measured.reach {
            reach.total_ms = crate::reach::millis(self.begun.elapsed());
        }
    }
}
