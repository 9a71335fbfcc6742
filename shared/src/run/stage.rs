//! The stage that most verbs are: read documents, work on each, write each.

use std::io::{self, Read};

use super::Input;
use super::leaving::Leaving;
use crate::document::records::Records;
use crate::document::{Document, Section};
use crate::exit::Exit;
use crate::failure::Failure;
use crate::interrupt::Interrupt;
use crate::output::{Output, Written};
use crate::report::Report;

/// What a stage is called, and how a person is told of it.
#[derive(Clone, Copy, Debug)]
pub struct Stage {
    /// The tool's key in the document: `sg`, `iam`, `cli`, `probe`.
    pub key: &'static str,
    /// The verb.
    pub command: &'static str,
    /// Fills the report about a document that this stage has been through.
    pub report: fn(&Document, &Section, &mut Report),
}

impl Stage {
    /// Takes every document through `work` and writes it out, whatever happened to it, in the order of the input.
    ///
    /// `work` may add to the document what the tool owns beside its section, and gives the section. A failure of
    /// `work`, or one that its section blames, is told on stderr and stands in the section; the run goes on with the next
    /// document. A record that is JSON but no document leaves as it came. The answer is the exit code of all documents
    /// together.
    ///
    /// Where the verb [listens](Interrupt::listen) and a signal comes, the document in work leaves as `work` ends it.
    /// Those behind it that are read already leave as they came, and no more is read: whoever asked for the end does not
    /// wait for a stage before this one, and what is still in the pipe has not entered.
    ///
    /// # Errors
    /// What ends the run: input that cannot be read any further, output that cannot be written, and `EC9024` for a signal
    /// that no document tells of.
    pub fn run(
        &self,
        input: Input,
        output: &mut Output,
        work: impl FnMut(&mut Document, &mut Output) -> Result<Section, Failure>,
    ) -> Result<Exit, Failure> {
        self.run_each(input, output, |_| Ok(Vec::new()), work)
    }

    /// As [`run`](Self::run), but `spread` first turns each document that enters into those that are worked on and leave
    /// in its place, in this order; where it gives none, that is the document itself. If it fails, the document leaves
    /// with the failure.
    ///
    /// # Errors
    /// As `run`.
    pub fn run_each(
        &self,
        input: Input,
        output: &mut Output,
        spread: impl Fn(&Document) -> Result<Vec<Document>, Failure>,
        work: impl FnMut(&mut Document, &mut Output) -> Result<Section, Failure>,
    ) -> Result<Exit, Failure> {
        let mut run = Run { leaving: Leaving::new(*self, output), interrupt: Interrupt::of_process(), spread, work };
        match input {
            Input::Some(documents) => run.given(documents)?,
            Input::Stdin => run.stream(io::stdin().lock())?,
        }
        run.leaving.end(&run.interrupt)
    }

    /// The section of work that failed. Where the document lacks what a stage before has failed to write, that stage's
    /// error is the one to tell; a further one would hide it.
    pub(super) fn failed(&self, document: &Document, failure: &Failure) -> Section {
        match document.failed_stage().filter(|_| failure.exit() == Exit::Usage) {
            Some((key, earlier)) if key == self.key => Section { command: self.command.to_owned(), ..earlier },
            Some((key, earlier)) => {
                Section::skipped(self.command, format!("{key} {} ended with {}", earlier.command, earlier.summary()))
            }
            None => Section::failed(self.command, failure),
        }
    }

    /// Whether the section tells of changes that nothing else tells of.
    pub(super) fn is_record(&self, document: &Document, section: &Section) -> bool {
        section.has_news_since(None) && section.has_news_since(document.read(self.key).ok().flatten().as_ref())
    }
}

/// One run of a stage.
struct Run<'a, S, W> {
    leaving: Leaving<'a>,
    interrupt: Interrupt,
    spread: S,
    work: W,
}

impl<S, W> Run<'_, S, W>
where
    S: Fn(&Document) -> Result<Vec<Document>, Failure>,
    W: FnMut(&mut Document, &mut Output) -> Result<Section, Failure>,
{
    fn given(&mut self, documents: Vec<Document>) -> Result<(), Failure> {
        for document in documents {
            if self.enter(document)? == Written::ReaderGone {
                return Ok(());
            }
        }
        self.leaving.flush().map(|_| ())
    }

    fn stream(&mut self, source: impl Read) -> Result<(), Failure> {
        let mut records = Records::new(source);
        loop {
            if self.buffered(&mut records)? == Written::ReaderGone || self.leaving.flush()? == Written::ReaderGone {
                return Ok(());
            }
            // All that entered has left.
            match self.interrupt.idle(|| records.fill()).transpose()? {
                Some(true) => {}
                Some(false) => break,
                None => return Ok(()),
            }
        }
        self.buffered(&mut records)?;
        self.leaving.flush().map(|_| ())
    }

    /// Works on every record that is wholly buffered.
    fn buffered<R: Read>(&mut self, records: &mut Records<R>) -> Result<Written, Failure> {
        self.leaving.restart_clock();
        loop {
            let record = match records.take() {
                Ok(Some(record)) => record,
                Ok(None) => return Ok(Written::Yes),
                Err(failure) => {
                    // What was done so far leaves before the run ends.
                    self.leaving.flush()?;
                    return Err(failure);
                }
            };
            match record.documents() {
                Ok(documents) => {
                    // A list without caches is an answer, too.
                    if documents.is_empty() {
                        self.leaving.add(Exit::Ok);
                    }
                    for document in documents {
                        if self.enter(document)? == Written::ReaderGone {
                            return Ok(Written::ReaderGone);
                        }
                    }
                }
                Err(failure) => self.leaving.refuse(&record, &failure),
            }
            if self.leaving.flush_in_time()? == Written::ReaderGone {
                return Ok(Written::ReaderGone);
            }
        }
    }

    fn enter(&mut self, document: Document) -> Result<Written, Failure> {
        if self.interrupt.is_raised() {
            self.leaving.pass_on(&document);
            return Ok(Written::Yes);
        }
        let documents = match (self.spread)(&document) {
            Ok(documents) if documents.is_empty() => vec![document],
            Ok(documents) => documents,
            Err(failure) => {
                self.leaving.leave(document, Err(failure));
                return Ok(Written::Yes);
            }
        };
        for mut document in documents {
            if self.interrupt.is_raised() {
                self.leaving.pass_on(&document);
                continue;
            }
            let section = (self.work)(&mut document, self.leaving.output());
            self.leaving.leave(document, section);
            // Nothing more is done for nobody.
            if self.leaving.flush_in_time()? == Written::ReaderGone {
                return Ok(Written::ReaderGone);
            }
        }
        Ok(Written::Yes)
    }
}

// `tests/stage.rs` takes documents through whole runs.
#[cfg(test)]
mod tests {
    use super::*;
    use crate::codes;
    use crate::document::Status;

    const STAGE: Stage = Stage { key: "probe", command: "probe", report: |_, _, _| {} };

    fn failed(stage: Stage, document: &Document, code: &'static crate::Code) -> Section {
        stage.failed(document, &Failure::new(code, "cannot begin"))
    }

    fn after_a_failed_find() -> Document {
        let mut document = Document::empty();
        document.set_section("sg", Section::failed("find", &Failure::new(&codes::NOT_FOUND, "there is no cache `x`")));
        document
    }

    #[test]
    fn what_a_failed_stage_has_not_written_is_no_failure_of_the_stages_after_it() {
        let section = failed(STAGE, &after_a_failed_find(), &codes::FIELD);
        assert_eq!(section.status, Status::Skipped);
        assert_eq!(section.reason.as_deref(), Some("sg find ended with error: there is no cache `x` (EC9106)"));
    }

    #[test]
    fn a_later_verb_of_the_same_tool_keeps_the_first_error() {
        let section = failed(Stage { key: "sg", command: "apply", ..STAGE }, &after_a_failed_find(), &codes::FIELD);
        assert_eq!((section.command.as_str(), section.status, section.exit()), ("apply", Status::Error, Exit::Refused));
        assert_eq!(section.error.unwrap()["code"], "EC9106");
    }

    #[test]
    fn any_other_failure_is_told() {
        let section = failed(STAGE, &after_a_failed_find(), &codes::READ);
        assert_eq!(section.error.unwrap()["code"], "EC9021");
        assert_eq!(failed(STAGE, &Document::empty(), &codes::FIELD).status, Status::Error);
    }
}
