//! stdout for the answer, stderr for people; both checked, neither ever a panic.

use std::io::{self, IsTerminal, Write};
use std::ops::Range;

use crate::codes;
use crate::failure::Failure;

/// What stdout carries.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
pub enum Format {
    /// One document a line.
    Json,
    /// A report for people.
    Text,
}

/// When colour is used.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, clap::ValueEnum)]
pub enum Color {
    /// On a terminal, unless `NO_COLOR` or its kin say otherwise.
    #[default]
    Auto,
    /// Always.
    #[value(alias = "on")]
    Always,
    /// Never.
    #[value(alias = "off")]
    Never,
}

/// How errors are written to stderr.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, clap::ValueEnum)]
pub enum ErrorFormat {
    /// `tool: error: …` and `tool: hint: …`.
    #[default]
    Text,
    /// One JSON object.
    Json,
}

/// How a write to stdout ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Written {
    /// The bytes are with the operating system.
    Yes,
    /// The reader has gone, as `head` does when it has enough.
    ReaderGone,
}

/// The process's two voices.
#[derive(Debug)]
pub struct Output {
    tool: &'static str,
    format: Format,
    error_format: ErrorFormat,
    color: Color,
    quiet: bool,
    verbose: bool,
    terminals: Terminals,
    pending: Vec<u8>,
    /// Which of them must not be lost.
    records: Vec<Range<usize>>,
}

/// Which of the two voices a person hears directly. Asked once: it is a system call.
#[derive(Clone, Copy, Debug)]
struct Terminals {
    stdout: bool,
    stderr: bool,
}

impl Output {
    /// Output for `tool`; `format` is the answer's, by default JSON in a pipe and a report at a terminal.
    pub fn new(tool: &'static str, format: Option<Format>, error_format: ErrorFormat, color: Color) -> Self {
        let terminals = Terminals { stdout: io::stdout().is_terminal(), stderr: io::stderr().is_terminal() };
        let by_stream = if terminals.stdout { Format::Text } else { Format::Json };
        Self {
            tool,
            format: format.unwrap_or(by_stream),
            error_format,
            color,
            quiet: false,
            verbose: false,
            terminals,
            pending: Vec::new(),
            records: Vec::new(),
        }
    }

    /// Silences, or loosens, what stderr says beside errors.
    #[must_use]
    pub fn loudness(mut self, quiet: bool, verbose: bool) -> Self {
        self.quiet = quiet;
        self.verbose = verbose;
        self
    }

    /// The same voice on stderr, without anything that waits for stdout.
    #[must_use]
    pub fn voice(&self) -> Self {
        Self { pending: Vec::new(), records: Vec::new(), ..*self }
    }

    /// What stdout carries.
    pub fn format(&self) -> Format {
        self.format
    }

    /// Whether stderr is a terminal that wants to see progress.
    pub fn shows_progress(&self) -> bool {
        !self.quiet && self.terminals.stderr
    }

    /// Whether whoever reads the report also reads stderr: what the report says need not stand there, too.
    pub fn has_one_reader(&self) -> bool {
        self.format == Format::Text && self.terminals.stdout && self.terminals.stderr
    }

    /// Whether `-v` was given.
    pub fn is_verbose(&self) -> bool {
        self.verbose
    }

    /// Takes bytes for stdout; they leave with the next [`flush`](Self::flush).
    pub fn answer(&mut self, bytes: &[u8]) {
        self.pending.extend_from_slice(bytes);
    }

    /// Takes bytes for stdout that must not be lost, because they tell of changes that this run has made: if nobody reads
    /// stdout any more, they go to stderr.
    pub fn record(&mut self, bytes: &[u8]) {
        let start = self.pending.len();
        self.answer(bytes);
        self.records.push(start..self.pending.len());
    }

    /// How many bytes wait to be flushed.
    pub fn pending(&self) -> usize {
        self.pending.len()
    }

    /// Writes what waits to stdout.
    ///
    /// # Errors
    /// `EC9022` if stdout refuses the bytes. They then go to stderr, so that the record of what was done is not lost.
    pub fn flush(&mut self) -> Result<Written, Failure> {
        if self.pending.is_empty() {
            return Ok(Written::Yes);
        }
        let bytes = std::mem::take(&mut self.pending);
        let records = std::mem::take(&mut self.records);
        let result = match self.format {
            Format::Json => write_whole(&mut io::stdout().lock(), &bytes),
            Format::Text => {
                let choice = match self.color {
                    Color::Auto => anstream::AutoStream::choice(&io::stdout()),
                    Color::Always => anstream::ColorChoice::AlwaysAnsi,
                    Color::Never => anstream::ColorChoice::Never,
                };
                write_whole(&mut anstream::AutoStream::new(io::stdout().lock(), choice), &bytes)
            }
        };
        match result {
            Ok(()) => Ok(Written::Yes),
            Err(error) if error.kind() == io::ErrorKind::BrokenPipe => {
                let records: Vec<&[u8]> = records.into_iter().filter_map(|range| bytes.get(range)).collect();
                if !records.is_empty() {
                    self.rescue("nobody reads stdout any more; what was done follows", &records.concat());
                }
                Ok(Written::ReaderGone)
            }
            Err(error) => {
                self.rescue("what stdout did not take follows", &bytes);
                Err(Failure::new(&codes::WRITE, "cannot write to stdout")
                    .because(error)
                    .hint("make room, then run the same command again; what was done is on stderr"))
            }
        }
    }

    /// Tells an error and its hint on stderr.
    pub fn complain(&self, failure: &Failure) {
        match self.error_format {
            ErrorFormat::Json => {
                if let Ok(json) = serde_json::to_string(failure) {
                    Self::stderr(&json);
                }
            }
            ErrorFormat::Text => {
                Self::stderr(&format!("{}: error: {failure} ({})", self.tool, failure.code().id));
                if let Some(hint) = failure.hint_text() {
                    Self::stderr(&format!("{}: hint: {hint}", self.tool));
                }
            }
        }
    }

    /// Says something on stderr that matters even in a script, unless `-q`.
    pub fn warn(&self, text: &str) {
        if !self.quiet {
            Self::stderr(&format!("{}: warning: {text}", self.tool));
        }
    }

    /// Says something on stderr if a person is watching.
    pub fn note(&self, text: &str) {
        if self.shows_progress() {
            Self::stderr(&format!("{}: {text}", self.tool));
        }
    }

    /// Says something on stderr with `-v`.
    pub fn detail(&self, text: &str) {
        if self.verbose {
            Self::stderr(&format!("{}: {text}", self.tool));
        }
    }

    fn rescue(&self, why: &str, bytes: &[u8]) {
        Self::stderr(&format!("{}: note: {why}", self.tool));
        let _ = io::stderr().lock().write_all(bytes);
    }

    fn stderr(line: &str) {
        // A stderr that is closed or full is no reason to fail.
        let _ = writeln!(io::stderr().lock(), "{line}");
    }
}

fn write_whole(stream: &mut impl Write, bytes: &[u8]) -> io::Result<()> {
    stream.write_all(bytes)?;
    stream.flush()
}
