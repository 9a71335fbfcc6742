//! `ec-probe watch`: outages and failovers, as a client sees them.
//!
//! The ladder is climbed first, and one command asked at every tick on the connection that has logged in. When it fails,
//! the ladder is climbed anew in the same tick, name resolution first: that tells the cause, and after a failover it finds
//! the new address. A connection that was lost is an outage even if the next one works at once, because a client has lost
//! it, too.

mod log;
mod look;
mod rhythm;
mod tell;
pub mod text;

use std::time::Duration;

use ec_shared::document::{Finding, Section, Severity, Status};
use ec_shared::ran_on::RanOn;
use jiff::Timestamp;

use crate::climb::Findings;
use crate::codes;
use crate::reach::Reach;

pub use log::{Cause, Event, LISTED, Log, Outage, Place, Watch};
pub use look::{Orders, Watched, watch};
pub use rhythm::{HELP, Rhythm};
pub use tell::{Events, Teller};

/// The time for a command's answer and for a climb, unless `--timeout` says otherwise: enough for a lost packet to be sent
/// again, which the first of a connection is after a second.
pub const PATIENCE: Duration = Duration::from_secs(2);

impl Watched {
    /// What is known of a watch that begins now.
    pub fn new(now: Timestamp) -> Self {
        Self { reach: None, findings: Vec::new(), log: Log::new(now) }
    }

    /// The section. If `names_stage`, a no has the exit code of the stage that failed: of a wait the last, else the first.
    pub fn section(self, rhythm: Rhythm, machine: &RanOn, names_stage: bool) -> Section {
        let (outages, is_up) = (self.log.outages(), self.log.is_up());
        let watch = self.log.facts(rhythm.every);
        let last = self.reach.as_ref().and_then(Reach::exit);
        let first = watch.outages.first().map(|outage| outage.cause.stage.exit());
        let mut section = match self.reach {
            Some(reach) => Findings { reaches: vec![reach], findings: self.findings }.section("watch", machine),
            None => Section::new("watch", Status::Unknown).fact("ran_on", machine),
        };
        judge(&mut section, rhythm.wait_until_up, is_up, outages, &watch);
        if names_stage && section.status == Status::No {
            section.exit = if rhythm.wait_until_up { last } else { first };
        }
        section.fact("watch", watch)
    }
}

/// What a watch comes to: of a wait, whether the cache answers now; else whether it did all the time.
fn judge(section: &mut Section, waits: bool, is_up: bool, outages: u64, watch: &Watch) {
    if watch.ticks == 0 && outages == 0 {
        section.status = Status::Unknown;
        section.reason = Some("the watch ended before the first answer".to_owned());
        return;
    }
    let (code, detail) = match (waits, is_up, outages) {
        (true, true, _) | (false, _, 0) => {
            section.status = Status::Ok;
            return;
        }
        (true, false, _) => (&codes::NOT_UP, format!("{} ticks", watch.ticks)),
        (false, ..) => {
            let noun = if outages == 1 { "outage" } else { "outages" };
            let longest = watch.longest_gap_ms.unwrap_or_default();
            (&codes::OUTAGE, format!("{outages} {noun}, the longest {longest:.0} ms"))
        }
    };
    section.status = Status::No;
    let summary = format!("{}: {detail}", code.title);
    section.findings.insert(0, Finding::new(code, Severity::Error, summary).fix(code.fix));
}

#[cfg(test)]
mod tests {
    use super::*;

    fn judged(waits: bool, is_up: bool, outages: u64, ticks: u64) -> Section {
        let watch = Watch {
            every_ms: 100.0,
            ticks,
            failures: outages,
            outages: Vec::new(),
            outages_not_listed: 0,
            longest_gap_ms: (outages > 0).then_some(812.3),
        };
        let mut section = Section::new("watch", Status::Ok);
        judge(&mut section, waits, is_up, outages, &watch);
        section
    }

    #[test]
    fn a_watch_is_ok_if_there_was_no_outage() {
        assert_eq!(judged(false, true, 0, 9), Section::new("watch", Status::Ok));
        for is_up in [true, false] {
            let section = judged(false, is_up, 2, 9);
            assert_eq!((section.status, section.findings[0].code.as_str()), (Status::No, "EC3090"));
            assert!(section.findings[0].summary.ends_with(": 2 outages, the longest 812 ms"), "{section:?}");
        }
    }

    #[test]
    fn a_wait_is_ok_if_the_cache_answers_at_the_end() {
        assert_eq!(judged(true, true, 1, 9), Section::new("watch", Status::Ok));
        let section = judged(true, false, 1, 9);
        assert_eq!((section.status, section.findings[0].code.as_str()), (Status::No, "EC3091"));
    }

    #[test]
    fn what_was_not_seen_is_unknown() {
        for waits in [true, false] {
            assert_eq!(judged(waits, false, 0, 0).status, Status::Unknown);
        }
        assert_eq!(judged(false, false, 1, 0).status, Status::No, "a command that failed was seen");
    }
}
