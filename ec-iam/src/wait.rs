//! Waiting for AWS: until a change shows, until work that goes on is done, and no longer than anybody wants.

use std::time::Duration;

use ec_shared::{Exit, Failure, Interrupt, codes as shared};

use crate::cloud::{Cloud, Progress, Task};
use crate::codes;

/// How long to look for a change whose answer got lost, before it counts as unknown.
const LOST: Duration = Duration::from_secs(5);

/// The pauses between one look and the next: longer and longer, and `patience` together.
pub fn pauses(patience: Duration) -> impl Iterator<Item = Duration> {
    const FIRST: Duration = Duration::from_millis(200);
    const LONGEST: Duration = Duration::from_secs(5);
    let (mut left, mut pause) = (patience, FIRST);
    std::iter::from_fn(move || {
        let next = pause.min(left);
        left -= next;
        pause = (pause * 2).min(LONGEST);
        (!next.is_zero()).then_some(next)
    })
}

/// How a run waits.
#[derive(Clone, Copy)]
pub struct Wait<'a> {
    /// How long at most for one change, whatever the change may take.
    pub limit: Duration,
    /// What ends the waiting early.
    pub interrupt: &'a Interrupt,
    /// Is told what is waited for, and for how long already, while a person watches.
    pub tell: &'a dyn Fn(&str, Duration),
}

impl std::fmt::Debug for Wait<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Wait").field("limit", &self.limit).finish_non_exhaustive()
    }
}

impl Wait<'_> {
    /// Reads until there is an answer, more and more seldom, for at most `patience`.
    ///
    /// # Errors
    /// What reading ends with, and `EC9024` if a signal came.
    pub fn until<T>(
        &self,
        cloud: &impl Cloud,
        resource: &str,
        patience: Duration,
        mut read: impl FnMut() -> Result<Option<T>, Failure>,
    ) -> Result<Option<T>, Failure> {
        /// Nobody likes to wait longer for Ctrl-C.
        const SLICE: Duration = Duration::from_millis(250);
        let patience = patience.min(self.limit);
        let (mut waited, mut pauses) = (Duration::ZERO, pauses(patience));
        loop {
            let answer = read()?;
            if answer.is_some() {
                return Ok(answer);
            }
            let Some(mut left) = pauses.next() else { return Ok(None) };
            if waited >= Duration::from_secs(1) {
                (self.tell)(resource, waited);
            }
            waited += left;
            while !left.is_zero() {
                self.interrupt.check()?;
                let slice = left.min(SLICE);
                cloud.pause(slice);
                left -= slice;
            }
        }
    }

    /// Waits for the end of work that AWS goes on with.
    ///
    /// # Errors
    /// `EC2099` with AWS's reason if it is refused, `EC2013` if it does not end in time.
    fn ended(&self, cloud: &impl Cloud, task: Option<Task>, patience: Duration) -> Result<(), Failure> {
        let Some(task) = task else { return Ok(()) };
        let end = self.until(cloud, task.resource(), patience, || match cloud.progress(&task)? {
            Progress::InProgress => Ok(None),
            end => Ok(Some(end)),
        })?;
        match end {
            Some(Progress::Refused(why)) => {
                Err(Failure::new(&codes::REFUSED_LATER, "AWS has taken the call and not done its work").because(why))
            }
            Some(_) => Ok(()),
            None => Err(self.not_visible(task.resource(), patience)),
        }
    }

    /// The failure of a change that AWS has taken and does not show.
    pub fn not_visible(&self, resource: &str, patience: Duration) -> Failure {
        let waited = patience.min(self.limit).as_secs();
        Failure::new(&codes::NOT_VISIBLE, format!("cannot see the change of the {resource}"))
            .because(format!("AWS does not show it after {waited} s"))
            .hint("run the same command again in a minute")
    }
}

/// What came of a call that writes.
#[derive(Debug)]
pub enum Written {
    /// AWS says that it is done.
    Done,
    /// AWS says that it is not.
    Refused(Failure),
    /// Nobody knows: the answer got lost, or what became of it could not be asked.
    Lost(Failure),
}

impl Written {
    /// Waits for the end of what AWS goes on with after the call.
    pub fn of(cloud: &impl Cloud, called: Result<Option<Task>, Failure>, wait: &Wait<'_>, patience: Duration) -> Self {
        match called.map(|task| wait.ended(cloud, task, patience)) {
            Ok(Ok(())) => Self::Done,
            Ok(Err(failure)) if *failure.code() == codes::REFUSED_LATER => Self::Refused(failure),
            Err(failure) if !may_be_done(&failure) => Self::Refused(failure),
            Ok(Err(failure)) | Err(failure) => Self::Lost(failure),
        }
    }

    /// How long to look for it: short if the answer got lost, and once if AWS is known to be at it still.
    pub fn time_to_see(&self, patience: Duration) -> Duration {
        match self {
            Self::Lost(failure) if *failure.code() == codes::NOT_VISIBLE => Duration::ZERO,
            Self::Lost(_) => patience.min(LOST),
            Self::Done | Self::Refused(_) => patience,
        }
    }

    /// Why it is not known to be done, though it was looked for. What the write said comes before what the look said.
    pub fn unseen(self, look: Option<Failure>, not_visible: Failure) -> Failure {
        match self {
            Self::Lost(failure) | Self::Refused(failure) => failure,
            Self::Done => look.unwrap_or(not_visible),
        }
    }
}

/// Whether a call that failed may have been carried out all the same: its answer got lost, or never came.
fn may_be_done(failure: &Failure) -> bool {
    failure.exit() == Exit::Temporary && *failure.code() != shared::THROTTLED
}
