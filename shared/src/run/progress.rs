//! How far a long run has come, for a person who watches.

use std::time::{Duration, Instant};

use crate::document::{Section, Status};
use crate::failure::Failure;
use crate::output::Output;

/// How often it is told.
const EVERY: Duration = Duration::from_secs(5);

/// What has left so far.
#[derive(Debug)]
pub(super) struct Progress {
    is_watched: bool,
    begun: Instant,
    told: Instant,
    count: Count,
}

#[derive(Clone, Copy, Debug, Default, PartialEq)]
struct Count {
    all: usize,
    no: usize,
    unknown: usize,
}

impl Progress {
    /// The progress of a run that begins now.
    pub(super) fn of(output: &Output) -> Self {
        let now = Instant::now();
        // Who reads the reports as they come sees how far it is.
        let is_watched = output.shows_progress() && !output.has_one_reader();
        Self { is_watched, begun: now, told: now, count: Count::default() }
    }

    /// Counts a document that leaves.
    pub(super) fn count(&mut self, worked: Result<&Section, &Failure>) {
        let status = worked.map_or(Status::Error, |section| section.status);
        self.count.all += 1;
        self.count.no += usize::from(status == Status::No);
        self.count.unknown += usize::from(matches!(status, Status::Unknown | Status::Error));
    }

    /// Tells it on stderr, if it is time.
    pub(super) fn tell(&mut self, output: &Output) {
        if self.is_watched && self.told.elapsed() >= EVERY {
            self.told = Instant::now();
            output.note(&self.count.sentence(self.begun.elapsed()));
        }
    }
}

impl Count {
    fn sentence(self, took: Duration) -> String {
        let Self { all, no, unknown } = self;
        let tenths = all as u128 * 10_000 / took.as_millis().max(1);
        let rate = if tenths < 100 { format!("{}.{}", tenths / 10, tenths % 10) } else { (tenths / 10).to_string() };
        let documents = if all == 1 { "document" } else { "documents" };
        format!("{all} {documents}: {} ok, {no} no, {unknown} unknown; {rate} a second", all - no - unknown)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn progress_is_what_has_left_by_its_answer_and_how_fast() {
        for (count, seconds, sentence) in [
            (Count { all: 1200, no: 50, unknown: 3 }, 5, "1200 documents: 1147 ok, 50 no, 3 unknown; 240 a second"),
            (Count { all: 1, no: 1, unknown: 0 }, 5, "1 document: 0 ok, 1 no, 0 unknown; 0.2 a second"),
            (Count::default(), 0, "0 documents: 0 ok, 0 no, 0 unknown; 0.0 a second"),
        ] {
            assert_eq!(count.sentence(Duration::from_secs(seconds)), sentence);
        }
    }
}
