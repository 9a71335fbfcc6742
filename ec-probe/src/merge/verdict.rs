//! What the results about one connection come to, and what all of them do.

use std::fmt::Write;

use ec_shared::document::{Document, Section, Status};
use ec_shared::ran_on::RanOn;
use ec_shared::report::{Mark, Report};
use ec_shared::{Exit, Failure};
use serde::Deserialize;

/// The results about one connection.
#[derive(Debug, Default)]
pub(super) struct Connection {
    id: String,
    results: Vec<Found>,
}

#[derive(Debug)]
struct Found {
    answer: Answer,
    ran_on: String,
    summary: String,
}

/// What a result says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Answer {
    Ok,
    No,
    Unknown,
}

impl Connection {
    /// Takes a result; gives the exit code that it asks for.
    pub(super) fn take(&mut self, document: &Document) -> Exit {
        self.id = document.id();
        let section = document.read::<Section>("probe").and_then(|section| {
            section.ok_or_else(|| Failure::new(&ec_shared::codes::FIELD, "the document was not probed"))
        });
        let (answer, ran_on, summary, exit) = match section {
            Ok(section) => {
                let ran_on = section.facts.get("ran_on").and_then(|fact| RanOn::deserialize(fact).ok());
                let ran_on = ran_on.map_or_else(|| "-".to_owned(), |machine| machine.to_string());
                (Answer::of(section.status), ran_on, section.summary(), section.exit())
            }
            Err(failure) => (Answer::Unknown, "-".to_owned(), failure.to_string(), Exit::Ok),
        };
        self.results.push(Found { answer, ran_on, summary });
        if exit == Exit::Ok { document.exit() } else { exit }
    }

    /// No if any machine is told no; ok if all are told ok.
    fn answer(&self) -> Answer {
        let all_ok = self.results.iter().all(|found| found.answer == Answer::Ok);
        match (self.says(Answer::No), all_ok) {
            (true, _) => Answer::No,
            (false, true) => Answer::Ok,
            (false, false) => Answer::Unknown,
        }
    }

    fn says(&self, answer: Answer) -> bool {
        self.results.iter().any(|found| found.answer == answer)
    }

    /// Whether one result says that the cache answers, and another that it does not.
    fn is_conflict(&self) -> bool {
        self.says(Answer::Ok) && self.says(Answer::No)
    }

    /// What a person is told: nothing of a connection that works from everywhere.
    pub(super) fn report(&self) -> String {
        if self.answer() == Answer::Ok {
            return String::new();
        }
        let mut report = Report::default();
        report.title(&self.id);
        for found in &self.results {
            report.row(found.answer.mark(), [&found.ran_on, &found.summary]);
        }
        report.render()
    }
}

impl Answer {
    fn of(status: Status) -> Self {
        match status {
            Status::Ok => Self::Ok,
            Status::No => Self::No,
            _ => Self::Unknown,
        }
    }

    fn mark(self) -> Mark {
        match self {
            Self::Ok => Mark::Yes,
            Self::No => Mark::No,
            Self::Unknown => Mark::Unknown,
        }
    }
}

/// All connections, counted.
#[derive(Debug, Default)]
pub(super) struct Summary {
    ok: usize,
    no: usize,
    unknown: usize,
    conflicts: usize,
}

impl Summary {
    /// Counts a connection; what is no document is none.
    pub(super) fn count(&mut self, connection: &Connection) {
        if connection.results.is_empty() {
            return;
        }
        match connection.answer() {
            Answer::Ok => self.ok += 1,
            Answer::No => self.no += 1,
            Answer::Unknown => self.unknown += 1,
        }
        self.conflicts += usize::from(connection.is_conflict());
    }

    /// The line that sums up.
    pub(super) fn verdict(&self) -> (Mark, String) {
        let Self { ok, no, unknown, conflicts } = self;
        let mark = match (no, unknown) {
            (0, 0) => Mark::Yes,
            (0, _) => Mark::Unknown,
            _ => Mark::No,
        };
        let all = ok + no + unknown;
        let connections = if all == 1 { "connection" } else { "connections" };
        let mut text = format!("{all} {connections}: {ok} ok, {no} no, {unknown} unknown");
        if *conflicts > 0 {
            let _ = write!(text, "; machines differ about {conflicts}");
        }
        (mark, text)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn connection(statuses: &[Option<Status>]) -> (Connection, Vec<Exit>) {
        let mut connection = Connection::default();
        let exits = statuses.iter().map(|status| {
            let mut document = Document::empty();
            if let Some(status) = status {
                document.set_section("probe", Section::new("probe", *status));
            }
            connection.take(&document)
        });
        let exits = exits.collect();
        (connection, exits)
    }

    #[test]
    fn a_connection_is_ok_if_all_machines_say_so_and_no_if_one_does() {
        use Answer::{No, Ok, Unknown};
        for (statuses, answer, is_conflict) in [
            (vec![Some(Status::Ok)], Ok, false),
            (vec![Some(Status::Ok), Some(Status::Ok)], Ok, false),
            (vec![Some(Status::Ok), Some(Status::No)], No, true),
            (vec![Some(Status::No), Some(Status::Unknown)], No, false),
            (vec![Some(Status::Ok), Some(Status::Error)], Unknown, false),
            (vec![Some(Status::Ok), None], Unknown, false),
        ] {
            let connection = connection(&statuses).0;
            assert_eq!((connection.answer(), connection.is_conflict()), (answer, is_conflict), "{statuses:?}");
            assert_eq!(connection.report().is_empty(), answer == Ok);
        }
    }

    #[test]
    fn the_exit_code_is_that_of_the_results() {
        let exits = connection(&[Some(Status::Ok), Some(Status::No), Some(Status::Unknown), None]).1;
        assert_eq!(exits, [Exit::Ok, Exit::No, Exit::No, Exit::Ok]);
    }

    #[test]
    fn the_line_that_sums_up_counts_connections_and_not_results() {
        let mut summary = Summary::default();
        for statuses in [
            vec![Some(Status::Ok), Some(Status::Ok)],
            vec![Some(Status::Ok), Some(Status::No)],
            vec![Some(Status::Error)],
            vec![],
        ] {
            summary.count(&connection(&statuses).0);
        }
        let text = "3 connections: 1 ok, 1 no, 1 unknown; machines differ about 1";
        assert_eq!(summary.verdict(), (Mark::No, text.to_owned()));
        assert_eq!(
            Summary { ok: 1, ..Summary::default() }.verdict(),
            (Mark::Yes, "1 connection: 1 ok, 0 no, 0 unknown".into())
        );
    }
}
