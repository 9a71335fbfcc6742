//! How documents leave a stage, whether they were worked on one after the other or side by side.

use std::time::{Duration, Instant};

use super::Stage;
use crate::codes;
use crate::document::records::Record;
use crate::document::{Document, Section, Status};
use crate::exit::Exit;
use crate::failure::Failure;
use crate::interrupt::Interrupt;
use crate::output::{Format, Output, Written};
use crate::report::Report;

/// The way out of one run.
#[derive(Debug)]
pub(super) struct Leaving<'a> {
    stage: Stage,
    output: &'a mut Output,
    /// The exit code so far; none before the first document.
    exit: Option<Exit>,
    /// How many documents have left as they came because of a signal.
    passed_on: usize,
    /// Whether a document has told of the signal.
    tells_signal: bool,
    flushed: Instant,
}

impl<'a> Leaving<'a> {
    pub(super) fn new(stage: Stage, output: &'a mut Output) -> Self {
        Self { stage, output, exit: None, passed_on: 0, tells_signal: false, flushed: Instant::now() }
    }

    pub(super) fn output(&mut self) -> &mut Output {
        self.output
    }

    /// A document that has been worked on leaves.
    pub(super) fn leave(&mut self, mut document: Document, worked: Result<Section, Failure>) {
        let Stage { key, report, .. } = self.stage;
        let section = worked.unwrap_or_else(|failure| self.stage.failed(&document, &failure));
        self.complain(&section);
        let own = section.exit();
        let is_record = self.stage.is_record(&document, &section);
        let mut bytes = Vec::new();
        if self.output.format() == Format::Text {
            let mut text = Report::default();
            report(&document, &section, &mut text);
            bytes.extend(text.render().into_bytes());
            document.set_section(key, section);
        } else {
            if self.output.shows_progress() {
                self.output.note(&format!("{}: {}", document.id(), section.summary()));
            }
            document.set_section(key, section);
            document.write_line(&mut bytes);
        }
        if is_record {
            self.output.record(&bytes);
        } else {
            self.output.answer(&bytes);
        }
        self.add(if own == Exit::Ok { document.exit() } else { own });
    }

    /// Tells the failure of a section. That a signal came is told once, however many documents were in work.
    fn complain(&mut self, section: &Section) {
        let Some(failure) = section.failure.as_ref().filter(|_| section.status == Status::Error) else { return };
        let is_told = failure.exit().is_signal() && std::mem::replace(&mut self.tells_signal, true);
        // A report at a terminal tells it, too.
        if !is_told && !self.output.has_one_reader() {
            self.output.complain(failure);
        }
    }

    /// A document that came too late to be worked on leaves as it came.
    pub(super) fn pass_on(&mut self, document: &Document) {
        self.passed_on += 1;
        if self.output.format() == Format::Json {
            let mut line = Vec::new();
            document.write_line(&mut line);
            self.output.answer(&line);
        }
    }

    /// A record that is no document leaves as it came.
    pub(super) fn refuse(&mut self, record: &Record, failure: &Failure) {
        self.output.complain(failure);
        if self.output.format() == Format::Json {
            let mut line = Vec::new();
            record.write_line(&mut line);
            self.output.answer(&line);
        }
        self.add(failure.exit());
    }

    /// Counts an end into the exit code.
    pub(super) fn add(&mut self, exit: Exit) {
        self.exit = Some(self.exit.map_or(exit, |before| before.and(exit)));
    }

    /// Writes what has left.
    pub(super) fn flush(&mut self) -> Result<Written, Failure> {
        self.flushed = Instant::now();
        self.output.flush()
    }

    /// Writes what has left, where it is enough to make a write worth its while, or a person or a next stage would begin
    /// to wait for it.
    pub(super) fn flush_in_time(&mut self) -> Result<Written, Failure> {
        const ENOUGH: usize = 64 << 10;
        const SOON: Duration = Duration::from_millis(10);
        if self.output.pending() < ENOUGH && self.flushed.elapsed() < SOON {
            return Ok(Written::Yes);
        }
        self.flush()
    }

    /// The time in which a document may wait to be written begins now.
    pub(super) fn restart_clock(&mut self) {
        self.flushed = Instant::now();
    }

    /// The exit code of all documents together, once all have left.
    pub(super) fn end(self, interrupt: &Interrupt) -> Result<Exit, Failure> {
        if self.passed_on > 0 {
            let were = if self.passed_on == 1 { " was" } else { "s were" };
            self.output.warn(&format!("{} document{were} not worked on", self.passed_on));
        }
        match (self.exit, interrupt.check()) {
            // A document tells of the signal.
            (Some(exit), Err(_)) if exit.is_signal() => Ok(exit),
            (_, Err(failure)) => Err(failure),
            (Some(exit), Ok(())) => Ok(exit),
            (None, Ok(())) => Err(Failure::new(&codes::NO_INPUT, "there is no document on stdin")
                .hint("did the command before the pipe fail? run it alone and look at its exit code")),
        }
    }
}
