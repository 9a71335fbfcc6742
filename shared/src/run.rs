//! The one `main` of all tools, and the stage that most verbs are: read documents, work on each, write each.

use std::fs::File;
use std::io::{self, IsTerminal};
use std::os::fd::AsFd;
use std::os::unix::fs::FileTypeExt;
use std::process::ExitCode;
use std::time::{Duration, Instant};

use clap::{CommandFactory, Parser};

use crate::codes::{self, Code};
use crate::document::records::{Record, Records};
use crate::document::{Document, Section, Status};
use crate::exit::Exit;
use crate::failure::Failure;
use crate::flags::{Common, Meta};
use crate::manual;
use crate::output::{Color, ErrorFormat, Format, Output, Written};
use crate::report::Report;

/// A tool, as `main` sees it.
pub trait Tool: Parser + CommandFactory {
    /// `ec-sg`.
    const NAME: &'static str;
    /// The tool's own codes; the shared ones are added by `explain`.
    const CODES: &'static [&'static Code];

    /// The common flags.
    fn common(&self) -> &Common;

    /// The verb, if it is one that every tool has.
    fn meta(&self) -> Option<&Meta>;

    /// Carries the verb out.
    ///
    /// # Errors
    /// What ended the run as a whole. What failed for one document is told in that document.
    fn run(self, output: &mut Output) -> Result<Exit, Failure>;
}

/// Runs a tool: parses the command line, runs the verb, tells errors, and ends with the right exit code.
pub fn main<T: Tool>() -> ExitCode {
    std::panic::set_hook(Box::new(|info| {
        let place = info.location().map(ToString::to_string).unwrap_or_default();
        let bug = Failure::new(&codes::BUG, format!("{} {} failed in {place}", T::NAME, env!("CARGO_PKG_VERSION")))
            .hint("run the same command again, and please report it");
        Output::new(T::NAME, None, error_format_of_args(), Color::default()).complain(&bug);
    }));
    // A panic would end with 101, which callers take for other things.
    std::panic::catch_unwind(run_tool::<T>).unwrap_or_else(|_| codes::BUG.exit.into())
}

fn run_tool<T: Tool>() -> ExitCode {
    let tool = match T::try_parse() {
        Ok(tool) => tool,
        Err(error) => return answer_parser::<T>(&error),
    };
    let mut output = tool.common().output(T::NAME);
    let result = match tool.meta() {
        Some(meta) => print_meta::<T>(meta, &mut output),
        None => tool.run(&mut output),
    };
    let ended = result.and_then(|exit| output.flush().map(|_| exit));
    match ended {
        Ok(exit) => exit.into(),
        Err(failure) => {
            output.complain(&failure);
            failure.exit().into()
        }
    }
}

/// `--help` and `--version` are answers; anything else that the parser says is an error about flags.
fn answer_parser<T: Tool>(error: &clap::Error) -> ExitCode {
    let mut output = Output::new(T::NAME, Some(Format::Text), error_format_of_args(), Color::default());
    if !error.use_stderr() {
        output.answer(error.render().ansi().to_string().as_bytes());
        return output.flush().map_or_else(|failure| failure.exit().into(), |_| ExitCode::SUCCESS);
    }
    if error.kind() == clap::error::ErrorKind::DisplayHelpOnMissingArgumentOrSubcommand {
        output.complain(
            &Failure::new(&codes::FLAGS, "no verb is given").hint(format!("{} --help shows what there is", T::NAME)),
        );
        return Exit::Usage.into();
    }
    let text = error.render().to_string();
    let mut paragraphs = text.split("\n\n");
    let head = paragraphs.next().unwrap_or_default();
    let words: Vec<&str> = head.strip_prefix("error: ").unwrap_or(head).split_whitespace().collect();
    let tip = paragraphs.find_map(|paragraph| paragraph.trim().strip_prefix("tip: ").map(str::to_owned));
    let hint = tip.unwrap_or_else(|| format!("{} --help shows what there is", T::NAME));
    output.complain(&Failure::new(&codes::FLAGS, words.join(" ")).hint(hint));
    Exit::Usage.into()
}

/// The parser failed, so the flag that says how errors are told has to be looked for by hand.
fn error_format_of_args() -> ErrorFormat {
    let args: Vec<String> = std::env::args_os().map(|arg| arg.to_string_lossy().into_owned()).collect();
    let spaced = args.windows(2).any(|pair| pair[0] == "--error-format" && pair[1] == "json");
    let by_env = std::env::var("EC_ERROR_FORMAT").is_ok_and(|value| value == "json");
    if spaced || by_env || args.iter().any(|arg| arg == "--error-format=json") {
        ErrorFormat::Json
    } else {
        ErrorFormat::Text
    }
}

fn print_meta<T: Tool>(meta: &Meta, output: &mut Output) -> Result<Exit, Failure> {
    let mut page = Vec::new();
    match meta {
        Meta::Explain { code: None } => page.extend(codes::markdown(T::NAME, T::CODES).into_bytes()),
        Meta::Explain { code: Some(id) } if id == "shared" => {
            page.extend(codes::markdown("every tool", codes::TABLE).into_bytes());
        }
        Meta::Explain { code: Some(id) } => {
            let wanted = id.to_ascii_uppercase();
            let code = T::CODES.iter().chain(codes::TABLE).find(|code| code.id == wanted);
            let code = code.ok_or_else(|| {
                Failure::new(&codes::FLAGS, format!("{} has no code `{id}`", T::NAME))
                    .hint("EC1xxx: ec-sg, EC2xxx: ec-iam, EC3xxx: ec-probe, EC4xxx: ec-cli-install, EC9xxx: every tool")
            })?;
            page.extend(code.page().into_bytes());
        }
        Meta::Schema => page.extend(crate::schema::text().into_bytes()),
        Meta::Completions { shell } => clap_complete::generate(*shell, &mut T::command(), T::NAME, &mut page),
        Meta::Man => page.extend(
            manual::page(&T::command())
                .map_err(|error| Failure::new(&codes::WRITE, "cannot write the manual page").because(error))?,
        ),
    }
    output.answer(&page);
    Ok(Exit::Ok)
}

/// Where a verb takes its documents from.
#[derive(Debug)]
pub enum Input {
    /// From stdin.
    Stdin,
    /// One document, made from flags or empty; stdin is not touched.
    One(Document),
}

impl Input {
    /// Decides where the documents come from. `named`: a document that the flags make up by themselves; then stdin is
    /// left alone, so that the tool does not eat the input of a loop around it. `alone`: whether the verb can do
    /// without any document when stdin is a terminal or another device.
    ///
    /// # Errors
    /// `EC9003` if stdin is a terminal and the verb needs a document.
    pub fn choose(common: &Common, named: Option<Document>, alone: bool) -> Result<Self, Failure> {
        match named {
            Some(document) => Ok(Self::One(document)),
            None if common.null_input => Ok(Self::One(Document::empty())),
            None if !(io::stdin().is_terminal() || alone && is_device()) => Ok(Self::Stdin),
            None if alone => Ok(Self::One(Document::empty())),
            None => Err(Failure::new(&codes::NO_INPUT, "there is no document: stdin is a terminal")
                .hint("name the cache or endpoint with a flag, pipe a document in, or see --help")),
        }
    }
}

/// Whether stdin is a device, and so no pipe that a stage before has left empty: cron and the like give /dev/null.
fn is_device() -> bool {
    let file = io::stdin().as_fd().try_clone_to_owned().map(File::from);
    file.and_then(|file| file.metadata()).is_ok_and(|meta| meta.file_type().is_char_device())
}

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
    /// `work`, or one that its section blames, is told on stderr and stands in the section; the run goes on with the next document. A record that is
    /// JSON but no document leaves as it came. The answer is the exit code of all documents together.
    ///
    /// # Errors
    /// What ends the run: input that cannot be read any further, output that cannot be written.
    pub fn run(
        &self,
        input: Input,
        output: &mut Output,
        mut work: impl FnMut(&mut Document, &mut Output) -> Result<Section, Failure>,
    ) -> Result<Exit, Failure> {
        let mut tally = Tally::default();
        match input {
            Input::One(document) => {
                self.one(document, output, &mut tally, &mut work);
                output.flush()?;
            }
            Input::Stdin => {
                let mut records = Records::new(io::stdin().lock());
                loop {
                    if self.buffered(&mut records, output, &mut tally, &mut work)? == Written::ReaderGone
                        || output.flush()? == Written::ReaderGone
                    {
                        return Ok(tally.exit.unwrap_or(Exit::Ok));
                    }
                    if !records.fill()? {
                        self.buffered(&mut records, output, &mut tally, &mut work)?;
                        break;
                    }
                }
                output.flush()?;
            }
        }
        tally.exit.ok_or_else(|| {
            Failure::new(&codes::NO_INPUT, "there is no document on stdin")
                .hint("did the command before the pipe fail? run it alone and look at its exit code")
        })
    }

    /// Works on every record that is wholly buffered.
    fn buffered<R: io::Read>(
        &self,
        records: &mut Records<R>,
        output: &mut Output,
        tally: &mut Tally,
        work: &mut impl FnMut(&mut Document, &mut Output) -> Result<Section, Failure>,
    ) -> Result<Written, Failure> {
        // Enough to make a write worth its while, and never so late that a person or a next stage waits for it.
        const ENOUGH: usize = 64 << 10;
        const SOON: Duration = Duration::from_millis(10);
        let mut flushed = Instant::now();
        loop {
            let record = match records.take() {
                Ok(Some(record)) => record,
                Ok(None) => return Ok(Written::Yes),
                Err(failure) => {
                    // What was done so far leaves before the run ends.
                    output.flush()?;
                    return Err(failure);
                }
            };
            match record.documents() {
                Ok(documents) => {
                    // A list without caches is an answer, too.
                    if documents.is_empty() {
                        tally.add(Exit::Ok);
                    }
                    for document in documents {
                        self.one(document, output, tally, work);
                    }
                }
                Err(failure) => refuse(&record, &failure, output, tally),
            }
            if output.pending() >= ENOUGH || flushed.elapsed() >= SOON {
                if output.flush()? == Written::ReaderGone {
                    return Ok(Written::ReaderGone);
                }
                flushed = Instant::now();
            }
        }
    }

    /// The section of work that failed. Where the document lacks what a stage before has failed to write, that stage's
    /// error is the one to tell; a further one would hide it.
    fn failed(&self, document: &Document, failure: &Failure) -> Section {
        match document.failed_stage().filter(|_| failure.exit() == Exit::Usage) {
            Some((key, earlier)) if key == self.key => Section { command: self.command.to_owned(), ..earlier },
            Some((key, earlier)) => {
                Section::skipped(self.command, format!("{key} {} ended with {}", earlier.command, earlier.summary()))
            }
            None => Section::failed(self.command, failure),
        }
    }

    fn one(
        &self,
        mut document: Document,
        output: &mut Output,
        tally: &mut Tally,
        work: &mut impl FnMut(&mut Document, &mut Output) -> Result<Section, Failure>,
    ) {
        let section = work(&mut document, output).unwrap_or_else(|failure| self.failed(&document, &failure));
        // A report at a terminal tells it, too.
        if let Some(failure) =
            section.failure.as_ref().filter(|_| section.status == Status::Error && !output.has_one_reader())
        {
            output.complain(failure);
        }
        let own = section.exit();
        if output.format() == Format::Text {
            let mut report = Report::default();
            (self.report)(&document, &section, &mut report);
            output.answer(report.render().as_bytes());
            document.set_section(self.key, section);
        } else {
            if output.shows_progress() {
                output.note(&format!("{}: {}", document.id(), section.summary()));
            }
            document.set_section(self.key, section);
            let mut line = Vec::new();
            document.write_line(&mut line);
            output.answer(&line);
        }
        tally.add(if own == Exit::Ok { document.exit() } else { own });
    }
}

/// A record that is no document leaves as it came.
fn refuse(record: &Record, failure: &Failure, output: &mut Output, tally: &mut Tally) {
    output.complain(failure);
    if output.format() == Format::Json {
        let mut line = Vec::new();
        record.write_line(&mut line);
        output.answer(&line);
    }
    tally.add(failure.exit());
}

/// The exit code so far; none before the first document.
#[derive(Debug, Default)]
struct Tally {
    exit: Option<Exit>,
}

impl Tally {
    fn add(&mut self, exit: Exit) {
        self.exit = Some(self.exit.map_or(exit, |before| before.and(exit)));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const STAGE: Stage = Stage { key: "probe", command: "probe", report: |_, _, _| {} };

    fn failed(stage: Stage, document: &Document, code: &'static Code) -> Section {
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
