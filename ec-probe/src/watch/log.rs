//! What the ticks come to: events, outages, numbers. It looks at no clock, so every order of answers can be tried.

use std::mem;
use std::time::Duration;

use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};

use crate::ladder::Stage;
use crate::reach::millis;

/// How many outages are listed; further ones are counted, so that a watch of any length takes the same memory.
pub const LISTED: usize = 1000;

/// Why there was no good answer.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Cause {
    /// The question that was answered with no.
    pub stage: Stage,
    /// The code of the finding.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub code: Option<String>,
    /// The finding in a sentence.
    pub cause: String,
}

/// Who answered.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Place {
    /// The IP address and port; `HOST:PORT` where a relay has found it.
    pub address: String,
    /// `primary`, `replica`, where the server says so when the ladder is climbed.
    pub role: Option<String>,
}

/// A time without a good answer.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Outage {
    /// The last good answer; without one, the first question. RFC 3339, to the millisecond, as all times of day here.
    pub from: String,
    /// The next good answer; none where the watch ended before.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub until: Option<String>,
    /// From the one to the other; without a next one, until the last failure.
    pub gap_ms: f64,
    /// What failed.
    #[serde(flatten)]
    pub cause: Cause,
    /// Who gave the last good answer.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub address_before: Option<String>,
    /// Who gave the next one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub address_after: Option<String>,
}

/// The facts of a watch.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Watch {
    /// The time from one tick to the next.
    pub every_ms: f64,
    /// How many ticks were done.
    pub ticks: u64,
    /// How many of them failed.
    pub failures: u64,
    /// The outages, the first 1000.
    pub outages: Vec<Outage>,
    /// How many more there were.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub outages_not_listed: u64,
    /// The longest outage of all.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub longest_gap_ms: Option<f64>,
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde passes a reference")]
fn is_zero(number: &u64) -> bool {
    *number == 0
}

/// A change of state.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(tag = "event", rename_all = "snake_case")]
pub enum Event {
    /// No good answer any more, or none from the first.
    Down {
        /// When that was known.
        at: String,
        /// What failed.
        #[serde(flatten)]
        cause: Cause,
        /// Who gave the last good answer.
        #[serde(skip_serializing_if = "Option::is_none")]
        address_before: Option<String>,
    },
    /// A good answer: the first of all, or the first again.
    Up {
        /// When it came.
        at: String,
        /// How long there was none; absent for the first of all where nothing failed before it.
        #[serde(skip_serializing_if = "Option::is_none")]
        gap_ms: Option<f64>,
        /// Who answers.
        address: String,
        /// Who did before, if that was another.
        #[serde(skip_serializing_if = "Option::is_none")]
        address_before: Option<String>,
        /// What the server is.
        #[serde(skip_serializing_if = "Option::is_none")]
        role: Option<String>,
        /// What the server before was, if that was something else.
        #[serde(skip_serializing_if = "Option::is_none")]
        role_before: Option<String>,
    },
}

/// An outage that goes on.
#[derive(Debug)]
struct Open {
    since: Duration,
    last: Duration,
    cause: Cause,
    /// Whether the climb after the failed command has failed, too, and so told the cause.
    told: bool,
}

/// What is known of the ticks so far. All times count from the beginning of the watch.
#[derive(Debug)]
pub struct Log {
    begun: Timestamp,
    ticks: u64,
    failures: u64,
    good: Option<Duration>,
    place: Option<Place>,
    open: Option<Open>,
    outages: Vec<Outage>,
    not_listed: u64,
    longest: Option<Duration>,
}

impl Log {
    /// The log of a watch that begins now.
    pub fn new(begun: Timestamp) -> Self {
        Self {
            begun,
            ticks: 0,
            failures: 0,
            good: None,
            place: None,
            open: None,
            outages: Vec::new(),
            not_listed: 0,
            longest: None,
        }
    }

    /// How many ticks were done.
    pub fn ticks(&self) -> u64 {
        self.ticks
    }

    /// How many of them failed.
    pub fn failures(&self) -> u64 {
        self.failures
    }

    /// Whether the last answer was a good one.
    pub fn is_up(&self) -> bool {
        self.good.is_some() && self.open.is_none()
    }

    /// How many outages there were, with one that goes on.
    pub fn outages(&self) -> u64 {
        self.outages.len() as u64 + self.not_listed + u64::from(self.open.is_some())
    }

    /// The command on the kept connection has failed; the climb that follows belongs to the same tick.
    pub fn lost(&mut self, asked: Duration, at: Duration, cause: Cause) {
        self.failures += 1;
        self.open = Some(Open { since: self.good.unwrap_or(asked), last: at, cause, told: false });
    }

    /// The ladder was climbed in vain.
    pub fn down(&mut self, asked: Duration, at: Duration, cause: Cause) -> Option<Event> {
        self.ticks += 1;
        let is_news = match &mut self.open {
            Some(open) if open.told => {
                self.failures += 1;
                open.last = at;
                false
            }
            // The climb knows the cause better than the command, which only saw the connection end.
            Some(open) => {
                *open = Open { since: open.since, last: at, cause: cause.clone(), told: true };
                true
            }
            None => {
                self.failures += 1;
                let since = self.good.unwrap_or(asked);
                self.open = Some(Open { since, last: at, cause: cause.clone(), told: true });
                true
            }
        };
        is_news.then(|| self.down_event(at, cause))
    }

    /// A good answer came, of the command on the kept connection.
    pub fn answered(&mut self, at: Duration) {
        self.ticks += 1;
        self.good = Some(at);
    }

    /// A good answer came, at the end of a climb.
    pub fn up(&mut self, at: Duration, place: Place) -> Vec<Event> {
        self.ticks += 1;
        self.good = Some(at);
        let before = self.place.replace(place.clone());
        let mut events = Vec::new();
        let mut gap = None;
        if let Some(open) = self.open.take() {
            if !open.told {
                let address_before = before.as_ref().map(|before| before.address.clone());
                events.push(Event::Down { at: self.clock(open.last), cause: open.cause.clone(), address_before });
            }
            gap = Some(millis(at.saturating_sub(open.since)));
            self.close(open, Some(at), before.as_ref().map(|before| before.address.clone()));
        }
        let Place { address, role } = place;
        let before = before.unwrap_or_default();
        events.push(Event::Up {
            at: self.clock(at),
            gap_ms: gap,
            address_before: Some(before.address).filter(|before| !before.is_empty() && *before != address),
            role_before: before.role.filter(|before| role.as_ref().is_some_and(|role| role != before)),
            address,
            role,
        });
        events
    }

    /// The facts, once the watch is over.
    pub fn facts(mut self, every: Duration) -> Watch {
        if let Some(open) = self.open.take() {
            let before = self.place.as_ref().map(|place| place.address.clone());
            self.close(open, None, before);
        }
        Watch {
            every_ms: millis(every),
            ticks: self.ticks,
            failures: self.failures,
            outages: mem::take(&mut self.outages),
            outages_not_listed: self.not_listed,
            longest_gap_ms: self.longest.map(millis),
        }
    }

    fn close(&mut self, open: Open, until: Option<Duration>, address_before: Option<String>) {
        let gap = until.unwrap_or(open.last).saturating_sub(open.since);
        self.longest = self.longest.max(Some(gap));
        if self.outages.len() >= LISTED {
            self.not_listed += 1;
            return;
        }
        let address_after = until.and(self.place.as_ref()).map(|place| place.address.clone());
        self.outages.push(Outage {
            from: self.clock(open.since),
            until: until.map(|until| self.clock(until)),
            gap_ms: millis(gap),
            cause: open.cause,
            address_before,
            address_after,
        });
    }

    fn down_event(&self, at: Duration, cause: Cause) -> Event {
        Event::Down {
            at: self.clock(at),
            cause,
            address_before: self.place.as_ref().map(|place| place.address.clone()),
        }
    }

    /// The time of day. It does not jump when somebody sets the clock during the watch.
    fn clock(&self, passed: Duration) -> String {
        let passed = SignedDuration::try_from(passed).unwrap_or(SignedDuration::MAX);
        format!("{:.3}", self.begun.saturating_add(passed).unwrap_or(Timestamp::MAX))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ms(number: u64) -> Duration {
        Duration::from_millis(number)
    }

    fn cause(stage: Stage) -> Cause {
        Cause { stage, code: None, cause: "no".into() }
    }

    fn at(address: &str, role: &str) -> Place {
        Place { address: address.into(), role: Some(role.into()) }
    }

    /// A log of a watch in which 10.0.0.1, the primary, has answered after 5 ms and after 100 ms.
    fn answering() -> Log {
        let mut log = Log::new("2026-02-01T00:00:00Z".parse().unwrap());
        assert_eq!(log.up(ms(5), at("10.0.0.1:6379", "primary")).len(), 1);
        log.answered(ms(100));
        log
    }

    #[test]
    fn good_answers_are_no_news() {
        let mut log = answering();
        log.answered(ms(200));
        assert!(log.is_up());
        let watch = log.facts(ms(100));
        assert_eq!((watch.ticks, watch.failures, watch.outages.len(), watch.longest_gap_ms), (3, 0, 0, None));
    }

    #[test]
    fn an_outage_lasts_from_the_last_good_answer_to_the_next() {
        let mut log = answering();
        log.lost(ms(200), ms(201), cause(Stage::Ping));
        let event = log.down(ms(201), ms(202), cause(Stage::Tcp));
        assert!(matches!(event, Some(Event::Down { cause: Cause { stage: Stage::Tcp, .. }, .. })), "{event:?}");
        assert_eq!(log.down(ms(300), ms(301), cause(Stage::Dns)), None, "down is down");
        assert!(!log.is_up());
        let events = log.up(ms(450), at("10.0.0.1:6379", "primary"));
        let [Event::Up { gap_ms: Some(gap), address_before: None, role_before: None, .. }] = &events[..] else {
            panic!("{events:?}")
        };
        assert!((gap - 350.0).abs() < 1e-9);

        let watch = log.facts(ms(100));
        assert_eq!((watch.ticks, watch.failures, watch.longest_gap_ms), (5, 2, Some(350.0)));
        let outage = &watch.outages[0];
        assert_eq!(outage.from, "2026-02-01T00:00:00.100Z");
        assert_eq!(outage.until.as_deref(), Some("2026-02-01T00:00:00.450Z"));
        assert_eq!(outage.cause.stage, Stage::Tcp, "what the climb saw first");
    }

    #[test]
    fn a_failover_tells_who_answered_before_and_after() {
        let mut log = answering();
        log.lost(ms(200), ms(201), cause(Stage::Ping));
        let events = log.up(ms(210), at("10.0.0.2:6379", "replica"));
        let [Event::Down { cause: down, .. }, Event::Up { address, address_before, role, role_before, .. }] =
            &events[..]
        else {
            panic!("{events:?}")
        };
        assert_eq!(down.stage, Stage::Ping, "a client has lost its connection, although the next one worked");
        assert_eq!((address.as_str(), address_before.as_deref()), ("10.0.0.2:6379", Some("10.0.0.1:6379")));
        assert_eq!((role.as_deref(), role_before.as_deref()), (Some("replica"), Some("primary")));
        let outage = &log.facts(ms(100)).outages[0];
        assert_eq!(outage.address_before.as_deref(), Some("10.0.0.1:6379"));
        assert_eq!(outage.address_after.as_deref(), Some("10.0.0.2:6379"));
    }

    #[test]
    fn a_cache_that_is_down_from_the_first_is_down_since_the_first_question() {
        let mut log = Log::new(Timestamp::UNIX_EPOCH);
        assert!(log.down(ms(0), ms(3), cause(Stage::Dns)).is_some());
        let watch = log.facts(ms(100));
        assert_eq!((watch.ticks, watch.failures), (1, 1));
        let outage = &watch.outages[0];
        assert_eq!((outage.from.as_str(), &outage.until, outage.gap_ms), ("1970-01-01T00:00:00.000Z", &None, 3.0));
        assert_eq!((&outage.address_before, &outage.address_after), (&None, &None));
    }

    #[test]
    fn a_command_that_failed_is_an_outage_even_if_the_climb_was_cut_off() {
        let mut log = answering();
        log.lost(ms(200), ms(201), cause(Stage::Ping));
        assert_eq!((log.outages(), log.is_up()), (1, false));
        let watch = log.facts(ms(100));
        assert_eq!((watch.ticks, watch.failures), (2, 1));
        assert_eq!((&watch.outages[0].until, watch.outages[0].gap_ms), (&None, 101.0));
    }

    #[test]
    fn outages_without_end_take_memory_with_an_end() {
        let mut log = answering();
        for turn in 0..LISTED as u64 + 7 {
            log.lost(ms(200 + turn), ms(200 + turn), cause(Stage::Ping));
            log.up(ms(200 + turn), at("10.0.0.1:6379", "primary"));
        }
        assert_eq!(log.outages(), LISTED as u64 + 7);
        let watch = log.facts(ms(100));
        assert_eq!((watch.outages.len(), watch.outages_not_listed), (LISTED, 7));
        assert_eq!(watch.longest_gap_ms, Some(100.0));
    }
}
