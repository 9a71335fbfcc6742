//! How often to look, and until when: the flags of the verb.

use std::time::Duration;

use clap::Args;
use ec_shared::flags;

/// What the help says below the flags.
pub const HELP: &str = "\
First everything that ec-probe asks without a verb, of the first endpoint. Then, at every tick, one PING, or version of \
Memcached, on the connection that has logged in. When that fails, everything is asked anew, name resolution first, \
because a failover moves the name to another address. Nothing that is sent changes data.

An outage lasts from the last good answer to the next one. The watch ends with --count, --for, --until-first-failure or \
a signal, and with nothing else. In a watch, --timeout bounds each tick's question and each climb after it [default: 2s].

stdout carries the document, at the end, for the next stage of a pipe. Changes are told on stderr while they happen, and \
as JSON, one a line, in --events FILE: /dev/fd/3 or /dev/stdout will do.

Exit codes: 0 no outage, 1 an outage; with --wait-until-up 0 it answers, 1 it did not within --for; \
130 after Ctrl-C.

Examples:
  ec-sg find --cache orders | ec-probe watch --user app --auth iam --for 10m --events failover.ndjson
  ec-probe watch --endpoint localhost:6379 --no-tls --until-first-failure
  ec-probe watch --endpoint localhost:6379 --cafile ca.pem --wait-until-up --every 1s --for 5m";

/// The shortest tick. The timer counts milliseconds, so that far shorter ones would not be kept; and a cache in use is not
/// to be asked a thousand times a second.
const SHORTEST: Duration = Duration::from_millis(10);

/// When to look.
#[derive(Clone, Copy, Debug, Args)]
#[command(next_help_heading = "Watch options")]
pub struct Rhythm {
    /// The time from one tick to the next; ticks that a slow answer has run over are left out
    #[arg(long, value_name = "TIME", default_value = "100ms", value_parser = every)]
    pub every: Duration,
    /// Ends after so many ticks
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u64).range(1..))]
    pub count: Option<u64>,
    /// Ends after this time; a tick that is not done by then does not count
    #[arg(long = "for", value_name = "TIME", value_parser = flags::duration)]
    pub span: Option<Duration>,
    /// Ends with the first tick that fails
    #[arg(long)]
    pub until_first_failure: bool,
    /// Ends with the first good answer, or with the last verdict when --for is over
    #[arg(long, conflicts_with_all = ["count", "until_first_failure"])]
    pub wait_until_up: bool,
}

fn every(text: &str) -> Result<Duration, String> {
    let every = flags::duration(text)?;
    if every < SHORTEST { Err("a tick takes 10ms at least".to_owned()) } else { Ok(every) }
}

impl Rhythm {
    /// Ends when `--for` is over. Whoever waits for the cache ends with a verdict instead, which the deadlines bring.
    pub async fn time_is_up(&self) {
        match self.span.filter(|_| !self.wait_until_up) {
            Some(span) => tokio::time::sleep(span).await,
            None => std::future::pending().await,
        }
    }

    /// After this time a wait asks nothing more: what is asked in the last tenth of its time, or its last second, could be
    /// cut off by the end, and a cache that refuses would pass for a silent one.
    pub(super) fn last_call(&self) -> Option<Duration> {
        let span = self.span.filter(|_| self.wait_until_up)?;
        Some(span.saturating_sub((span / 10).min(Duration::from_secs(1))))
    }

    /// Whether a watch is over that has done so many ticks, of which so many have failed; the last one has, or not.
    pub(super) fn is_over(&self, ticks: u64, failures: u64, is_up: bool) -> bool {
        self.count.is_some_and(|count| ticks >= count)
            || self.until_first_failure && failures > 0
            || self.wait_until_up && is_up
    }

    /// How long after the beginning the next tick is due, `passed` after the beginning: at a whole multiple, so that the
    /// rhythm is kept, but never in the past. A server that was slow is not asked all the more for it.
    pub(super) fn next(&self, passed: Duration) -> Duration {
        let done = passed.as_nanos() / self.every.as_nanos().max(1);
        let into = passed.as_nanos() - done * self.every.as_nanos();
        passed + self.every.saturating_sub(Duration::from_nanos(u64::try_from(into).unwrap_or(u64::MAX)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MS: Duration = Duration::from_millis(1);

    fn rhythm() -> Rhythm {
        Rhythm { every: 100 * MS, count: None, span: None, until_first_failure: false, wait_until_up: false }
    }

    #[test]
    fn ticks_are_due_at_whole_multiples_and_missed_ones_are_left_out() {
        for (passed, due) in [(0, 100), (1, 100), (99, 100), (100, 200), (101, 200), (730, 800)] {
            assert_eq!(rhythm().next(passed * MS), due * MS, "{passed} ms");
        }
    }

    #[test]
    fn a_watch_ends_by_what_was_asked_for_and_by_nothing_else() {
        assert!(!rhythm().is_over(1_000_000, 1_000, false));
        let counted = Rhythm { count: Some(3), ..rhythm() };
        assert!(!counted.is_over(2, 2, false) && counted.is_over(3, 0, true));
        let failing = Rhythm { until_first_failure: true, ..rhythm() };
        assert!(!failing.is_over(9, 0, true) && failing.is_over(9, 1, true), "also if it answers again at once");
        let waiting = Rhythm { wait_until_up: true, ..rhythm() };
        assert!(!waiting.is_over(9, 9, false) && waiting.is_over(10, 9, true));
    }

    #[test]
    fn the_last_question_of_a_wait_has_time_to_be_answered() {
        let waiting = |span| Rhythm { wait_until_up: true, span, ..rhythm() }.last_call();
        assert_eq!(waiting(Some(1_000 * MS)), Some(900 * MS));
        assert_eq!(waiting(Some(60_000 * MS)), Some(59_000 * MS));
        assert_eq!(waiting(None), None);
        assert_eq!(Rhythm { span: Some(MS), ..rhythm() }.last_call(), None, "a watch drops the question instead");
    }

    #[test]
    fn ticks_are_no_shorter_than_the_timer_can_keep() {
        assert_eq!(every("10ms"), Ok(10 * MS));
        for wrong in ["0", "9ms", "x"] {
            assert!(every(wrong).is_err(), "{wrong}");
        }
    }
}
