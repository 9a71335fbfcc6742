//! When each question is due, and when the last one may be asked.

use std::time::Duration;

use tokio::time::{Instant, sleep_until};

/// The time of the measuring: until when something new may be begun.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Budget {
    /// A connection.
    pub connections: Instant,
    /// A command.
    pub commands: Instant,
}

impl Budget {
    /// Divides the time from `now` to `deadline`. Connections get half of it at most. Nothing is asked in the last tenth
    /// of the `whole` time, or its last second: so every question has at least that long to be answered, and a server
    /// that has not answered at the deadline is silent, and not one that was asked too late.
    pub(super) fn new(now: Instant, deadline: Instant, whole: Duration) -> Self {
        let commands = deadline.checked_sub((whole / 10).min(Duration::from_secs(1))).unwrap_or(now).max(now);
        Self { connections: now + (commands - now) / 2, commands }
    }
}

/// When each command is due.
#[derive(Clone, Copy, Debug)]
pub(super) struct Schedule {
    begun: Instant,
    rate: Option<f64>,
}

impl Schedule {
    /// `rate` commands per second from `begun` on; without a rate, each is due when the one before is answered.
    pub(super) fn new(begun: Instant, rate: Option<f64>) -> Self {
        Self { begun, rate }
    }

    /// When the command of this number, from 0, is due; `None` when it is the turn of the next. What late answers have
    /// delayed does not move, so a rate is kept over the whole time, or caught up with.
    #[expect(clippy::cast_precision_loss, reason = "ten million commands are far below 2^52")]
    pub(super) fn due(&self, number: u64) -> Option<Instant> {
        self.rate.map(|rate| self.begun + Duration::from_secs_f64(number as f64 / rate))
    }
}

/// Waits until `due` to the microsecond. Tokio's timer counts milliseconds, and a thread that sleeps is woken some 50 µs
/// late; both would be taken for the server's time, which counts from `due`. So the timer brings it near, sleep nearer,
/// and a short spin does the rest. Nothing else is under way on this thread that could be kept waiting.
pub(super) async fn wait(due: Instant) {
    const TIMER: Duration = Duration::from_millis(2);
    const SLEEP: Duration = Duration::from_micros(100);
    if let Some(near) = due.checked_sub(TIMER).filter(|near| *near > Instant::now()) {
        sleep_until(near).await;
    }
    if let Some(nearer) = due.checked_duration_since(Instant::now()).and_then(|left| left.checked_sub(SLEEP)) {
        std::thread::sleep(nearer);
    }
    while Instant::now() < due {
        std::hint::spin_loop();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECOND: Duration = Duration::from_secs(1);

    #[test]
    fn every_question_has_time_to_be_answered() {
        let now = Instant::now();
        for (whole, asks_commands, asks_connections) in
            [(10_000, 9_000, 4_500), (1_000, 900, 450), (86_400_000, 86_399_000, 43_199_500)]
        {
            let whole = Duration::from_millis(whole);
            let budget = Budget::new(now, now + whole, whole);
            assert_eq!(budget.commands - now, Duration::from_millis(asks_commands));
            assert_eq!(budget.connections - now, Duration::from_millis(asks_connections));
        }
    }

    #[test]
    fn nothing_is_asked_when_the_ladder_has_used_up_the_time() {
        let now = Instant::now() + 10 * SECOND;
        for left in [Duration::ZERO, SECOND / 2] {
            assert_eq!(Budget::new(now, now + left, 10 * SECOND), Budget { connections: now, commands: now });
        }
    }

    #[test]
    fn commands_are_due_at_even_distances_whatever_the_answers_do() {
        let begun = Instant::now();
        let schedule = Schedule::new(begun, Some(4.0));
        let due: Vec<Duration> = (0..3).filter_map(|number| schedule.due(number)).map(|due| due - begun).collect();
        assert_eq!(due, [Duration::ZERO, SECOND / 4, SECOND / 2]);
        assert_eq!(Schedule::new(begun, None).due(7), None);
    }

    #[tokio::test]
    async fn a_wait_never_ends_early() {
        for micros in [0, 50, 500, 3_000] {
            let due = Instant::now() + Duration::from_micros(micros);
            wait(due).await;
            assert!(Instant::now() >= due);
        }
    }
}
