//! How many documents may fail before no more are probed, as `MaxErrors` of AWS Systems Manager counts: so many errors are
//! allowed, the next one stops the rest, and what has begun is finished.
//! <https://docs.aws.amazon.com/systems-manager/latest/APIReference/API_SendCommand.html>

use std::str::FromStr;
use std::sync::{Mutex, PoisonError};

use ec_shared::{Failure, Section};

use crate::codes;

/// So many failures are borne.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Tolerance {
    /// A number of documents.
    Documents(u64),
    /// A share of the documents that were probed so far, because how many will come nobody knows.
    Percent(u64),
}

impl Tolerance {
    /// Whether there are too many failures. A share is not judged before it could be one document.
    fn is_exceeded(self, count: Count) -> bool {
        match self {
            Self::Documents(most) => count.failed > most,
            Self::Percent(0) => count.failed > 0,
            Self::Percent(most) => count.all * most >= 100 && count.failed * 100 > count.all * most,
        }
    }

    fn words(self) -> String {
        match self {
            Self::Documents(most) => format!("{most}"),
            Self::Percent(most) => format!("{most}%"),
        }
    }
}

impl FromStr for Tolerance {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let parsed = match text.strip_suffix('%') {
            Some(percent) => percent.parse().ok().filter(|percent| *percent <= 100).map(Self::Percent),
            None => text.parse().ok().map(Self::Documents),
        };
        parsed.ok_or_else(|| "a number of documents, such as 5, or a share, such as 10%".to_owned())
    }
}

/// What has come of the documents so far.
#[derive(Debug)]
pub(super) struct Tally {
    tolerance: Option<Tolerance>,
    count: Mutex<Count>,
}

#[derive(Clone, Copy, Debug, Default)]
struct Count {
    all: u64,
    failed: u64,
    given_up: u64,
}

impl Tally {
    pub(super) fn new(tolerance: Option<Tolerance>) -> Self {
        Self { tolerance, count: Mutex::default() }
    }

    /// Counts a document that was probed.
    pub(super) fn note(&self, worked: &Result<Section, Failure>) {
        let mut count = self.count.lock().unwrap_or_else(PoisonError::into_inner);
        count.all += 1;
        count.failed += u64::from(worked.as_ref().map_or(true, |section| section.status.is_no()));
    }

    /// Whether one more may be probed.
    ///
    /// # Errors
    /// `EC3081` once too many have failed.
    pub(super) fn check(&self) -> Result<(), Failure> {
        let mut count = self.count.lock().unwrap_or_else(PoisonError::into_inner);
        // Once given up, always given up, however well those end that were in work.
        let is_over = |tolerance: &Tolerance| count.given_up > 0 || tolerance.is_exceeded(*count);
        let Some(tolerance) = self.tolerance.filter(is_over) else { return Ok(()) };
        count.given_up += 1;
        let Count { failed, all, .. } = *count;
        Err(Failure::new(&codes::GIVEN_UP, "not probed")
            .because(format!("{failed} of {all} documents have failed, --max-errors is {}", tolerance.words()))
            .hint("mend what the documents before this one name, then run again with --resume and this output"))
    }

    /// How many were not probed because too many had failed.
    pub(super) fn given_up(&self) -> u64 {
        self.count.lock().unwrap_or_else(PoisonError::into_inner).given_up
    }
}

#[cfg(test)]
mod tests {
    use ec_shared::document::Status;

    use super::*;

    #[test]
    fn a_tolerance_is_a_number_or_a_share() {
        assert_eq!("5".parse(), Ok(Tolerance::Documents(5)));
        assert_eq!("10%".parse(), Ok(Tolerance::Percent(10)));
        for wrong in ["", "%", "-1", "101%", "1.5", "10 %", "all"] {
            assert!(wrong.parse::<Tolerance>().is_err(), "{wrong}");
        }
    }

    #[test]
    fn once_given_up_the_rest_is_given_up_whatever_becomes_of_those_in_work() {
        let tally = Tally::new(Some(Tolerance::Percent(50)));
        let end = |status| tally.note(&Ok(Section::new("probe", status)));
        end(Status::Ok);
        end(Status::No);
        assert!(tally.check().is_ok());
        end(Status::No);
        assert_eq!(tally.check().unwrap_err().code().id, "EC3081");
        (0..9).for_each(|_| end(Status::Ok));
        assert!(tally.check().is_err());
        assert_eq!(tally.given_up(), 2);
    }

    #[test]
    fn as_many_may_fail_as_are_borne_and_the_next_one_is_too_many() {
        use Tolerance::{Documents, Percent};
        for (tolerance, failed, all, is_exceeded) in [
            (Documents(0), 0, 9, false),
            (Documents(0), 1, 1, true),
            (Documents(5), 5, 5, false),
            (Documents(5), 6, 99, true),
            (Percent(0), 1, 1, true),
            (Percent(10), 9, 9, false),
            (Percent(10), 1, 10, false),
            (Percent(10), 2, 10, true),
            (Percent(10), 5, 50, false),
            (Percent(10), 6, 50, true),
            (Percent(100), 50, 50, false),
        ] {
            assert_eq!(
                tolerance.is_exceeded(Count { all, failed, given_up: 0 }),
                is_exceeded,
                "{tolerance:?}: {failed} of {all}"
            );
        }
    }
}
