//! EC2 is eventually consistent: a change is read back until it shows.

use std::time::Duration;

use ec_shared::Failure;
use ec_shared::interrupt::Interrupt;

/// How long to wait for a change to show, and how soon to look again.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Patience {
    pub(crate) limit: Duration,
    pub(crate) first: Duration,
}

impl Patience {
    const LIMIT: Duration = Duration::from_secs(300);
    const LONGEST: Duration = Duration::from_secs(5);

    /// Five minutes, or less where the whole work has to end sooner.
    pub(crate) fn within(timeout: Option<Duration>) -> Self {
        let limit = timeout.map_or(Self::LIMIT, |timeout| timeout.min(Self::LIMIT));
        Self { limit, first: Duration::from_millis(200) }
    }

    /// This long, or less where the whole patience is less.
    pub(crate) fn at_most(self, limit: Duration) -> Self {
        Self { limit: self.limit.min(limit), ..self }
    }

    /// Looks again and again, with growing pauses, until `look` gives something; `None` when the time is over, or
    /// somebody wants the run to end. `tell` hears of it once it takes longer than one look.
    pub(crate) async fn until<T>(
        self,
        interrupt: &Interrupt,
        tell: &dyn Fn(),
        mut look: impl AsyncFnMut() -> Result<Option<T>, Failure>,
    ) -> Result<Option<T>, Failure> {
        let mut waited = Duration::ZERO;
        let mut pause = self.first;
        loop {
            if let Some(seen) = look().await? {
                return Ok(Some(seen));
            }
            if waited >= self.limit || interrupt.is_raised() {
                return Ok(None);
            }
            if waited.is_zero() {
                tell();
            }
            tokio::time::sleep(pause).await;
            waited += pause;
            pause = (pause * 2).min(Self::LONGEST);
        }
    }
}
