//! The one `main` of all tools, and where a verb takes its documents from.

mod abreast;
mod gate;
mod leaving;
mod progress;
mod stage;
mod window;

use std::fs::File;
use std::io::{self, IsTerminal};
use std::os::fd::AsFd;
use std::os::unix::fs::FileTypeExt;
use std::process::ExitCode;

use clap::{CommandFactory, Parser};

use crate::codes::{self, Code};
use crate::document::Document;
use crate::exit::Exit;
use crate::failure::Failure;
use crate::flags::{Common, Meta};
use crate::manual;
use crate::output::{Color, ErrorFormat, Format, Output};

pub use abreast::{Abreast, Job};
pub use stage::Stage;

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
    /// These, made from flags or empty; stdin is not touched.
    Some(Vec<Document>),
}

impl Input {
    /// One document, made from flags or empty.
    pub fn one(document: Document) -> Self {
        Self::Some(vec![document])
    }

    /// Decides where the documents come from. `named`: a document that the flags make up by themselves; then stdin is
    /// left alone, so that the tool does not eat the input of a loop around it. `alone`: whether the verb can do
    /// without any document when stdin is a terminal or another device.
    ///
    /// # Errors
    /// `EC9003` if stdin is a terminal and the verb needs a document.
    pub fn choose(common: &Common, named: Option<Document>, alone: bool) -> Result<Self, Failure> {
        match named {
            Some(document) => Ok(Self::one(document)),
            None if common.null_input => Ok(Self::one(Document::empty())),
            None if !(io::stdin().is_terminal() || alone && is_device()) => Ok(Self::Stdin),
            None if alone => Ok(Self::one(Document::empty())),
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
