//! `ec-probe latency`: how long it takes to connect, to shake hands and to get a command answered.
//!
//! The ladder is climbed first: what is wrong has the ladder's own verdict, and what is measured is a server that has
//! proven its name and has let the user in. Then new connections to the address that answered are opened and closed, one
//! after the other. Then commands go over the ladder's own connection, each when the one before is answered, so that a
//! time is that of one command and of no queue. They are the ladder's, and change no data.

mod amount;
mod buckets;
mod measure;
mod openmetrics;
mod samples;
mod schedule;
pub mod text;

use ec_shared::document::{Finding, Section, Severity, Status};
use ec_shared::ran_on::RanOn;
use serde::{Deserialize, Serialize};

use crate::climb::Findings;
use crate::codes;

pub use amount::{Amount, HELP};
pub use buckets::Bucket;
pub use measure::{Measured, measure};
pub use openmetrics::Exposition;
pub use samples::Summary;

/// What was measured. A kind of time of which nothing was measured has no entry.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Latency {
    /// The IP address and port that was measured; `HOST:PORT` where a relay has found it.
    pub address: String,
    /// The command: `ping`, or Memcached's `version`.
    pub command: String,
    /// How much was to be measured.
    pub wanted: Amount,
    /// Connecting: SYN to SYN-ACK, seen from here; through a SOCKS5 proxy, until it says that it has connected.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub connect_us: Option<Summary>,
    /// The TLS handshake, the verification of the certificate included.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub handshake_us: Option<Summary>,
    /// From a command to its answer; with a rate, from when the command was due.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub command_us: Option<Summary>,
}

impl Latency {
    /// How many connections and commands were measured.
    fn counts(&self) -> (u64, u64) {
        let count = |summary: &Option<Summary>| summary.as_ref().map_or(0, |summary| summary.count);
        (count(&self.connect_us), count(&self.command_us))
    }

    /// What was measured as a line says it: `20 of 20 connections, 812 of 1000 commands`.
    fn progress(&self) -> String {
        let Amount { connections, commands, .. } = self.wanted;
        let (connected, answered) = self.counts();
        format!("{connected} of {connections} connections, {answered} of {commands} commands")
    }
}

impl Measured {
    /// The section. `cut`: whether a signal has ended the measuring.
    pub fn section(self, machine: &RanOn, cut: bool) -> Section {
        let Some(reach) = self.reach else { return Section::new("latency", Status::Unknown) };
        let (answers, latency) = (reach.answers, self.latency);
        let mut section = Findings { reaches: vec![reach], findings: self.findings }.section("latency", machine);
        let Some(latency) = latency else { return section };
        if answers && !cut {
            add_shortfall(&mut section, &latency);
        }
        section.fact("latency", latency)
    }
}

/// Says that the time was up before all was measured, if it was. What was not measured at all is unknown.
fn add_shortfall(section: &mut Section, latency: &Latency) {
    let (connected, answered) = latency.counts();
    if connected < latency.wanted.connections || answered < latency.wanted.commands {
        let summary = format!("{}: {}", codes::TIME_UP.title, latency.progress());
        section.findings.push(Finding::new(&codes::TIME_UP, Severity::Warning, &summary).fix(codes::TIME_UP.fix));
        if (connected == 0 && latency.wanted.connections > 0) || answered == 0 {
            section.status = Status::Unknown;
            section.reason = Some(summary);
        }
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::samples::Samples;
    use super::*;

    fn of(count: u64) -> Option<Summary> {
        let mut samples = Samples::default();
        (0..count).for_each(|_| samples.add(Duration::from_micros(80)));
        samples.summary()
    }

    fn judged(connections: u64, commands: u64) -> Section {
        let latency = Latency {
            address: "127.0.0.1:6379".into(),
            command: "ping".into(),
            wanted: Amount { connections: 2, commands: 10, rate: None },
            connect_us: of(connections),
            handshake_us: None,
            command_us: of(commands),
        };
        let mut section = Section::new("latency", Status::Ok);
        add_shortfall(&mut section, &latency);
        section
    }

    #[test]
    fn all_that_was_wanted_is_ok_and_needs_no_word() {
        assert_eq!(judged(2, 10), Section::new("latency", Status::Ok));
    }

    #[test]
    fn less_than_was_wanted_is_ok_and_said() {
        let section = judged(2, 7);
        assert_eq!((section.status, section.findings[0].code.as_str()), (Status::Ok, "EC3080"));
        assert!(section.findings[0].summary.ends_with(": 2 of 2 connections, 7 of 10 commands"));
        assert_eq!(judged(1, 10).findings.len(), 1);
    }

    #[test]
    fn what_was_not_measured_at_all_is_unknown() {
        for (connections, commands) in [(0, 0), (2, 0), (0, 10)] {
            let section = judged(connections, commands);
            assert_eq!(section.status, Status::Unknown);
            assert!(section.reason.is_some_and(|reason| reason.starts_with("the time was up")));
        }
    }
}
