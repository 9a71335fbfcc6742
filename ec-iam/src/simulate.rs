//! The verb `simulate`: requests of `aws iam simulate-custom-policy` in, its answers out, decided offline.
//!
//! One line of answer for each request, in input order; a request that cannot be read is answered with its error.

mod answer;
mod request;
mod text;

use std::fs::File;
use std::io::{self, IsTerminal, Read};
use std::path::PathBuf;

use clap::Args;
use ec_shared::document::records::{Record, Records};
use ec_shared::output::{Format, Output, Written};
use ec_shared::{Exit, Failure, codes as shared};

use crate::evaluate::Decision;

pub use answer::{ActionResult, Reason, ResourceResult, results};
pub use request::Simulation;

/// How many bytes of answers are held back while there is more to read.
const FLUSH_AT: usize = 64 << 10;

/// Flags of `simulate`.
#[derive(Debug, Args)]
pub(crate) struct SimulateFlags {
    /// File with one request or a stream of them [default: stdin]
    #[arg(value_name = "FILE")]
    file: Option<PathBuf>,
}

/// Answers every request of the input.
///
/// # Errors
/// What ends the run: an input that is no JSON, or none.
pub(crate) fn run(flags: &SimulateFlags, output: &mut Output) -> Result<Exit, Failure> {
    match &flags.file {
        Some(path) => {
            let file = File::open(path).map_err(|error| {
                Failure::new(&shared::READ, format!("cannot read {}", path.display())).because(error)
            })?;
            answer_all(file, output)
        }
        None if io::stdin().is_terminal() => {
            Err(Failure::new(&shared::NO_INPUT, "there is no request: stdin is a terminal")
                .hint("name a file, or pipe in the input of `aws iam simulate-custom-policy`"))
        }
        None => answer_all(io::stdin().lock(), output),
    }
}

fn answer_all(source: impl Read, output: &mut Output) -> Result<Exit, Failure> {
    let mut records = Records::new(source);
    let mut exit = None;
    loop {
        let more = records.fill()?;
        while let Some(record) = records.take()? {
            let ended = answer_one(&record, output);
            exit = Some(exit.map_or(ended, |exit: Exit| exit.and(ended)));
            if output.pending() >= FLUSH_AT && output.flush()? == Written::ReaderGone {
                return Ok(exit.unwrap_or(Exit::Ok));
            }
        }
        if !more {
            break;
        }
        // Whoever waits for this answer may be the one who writes the next request.
        if output.flush()? == Written::ReaderGone {
            return Ok(exit.unwrap_or(Exit::Ok));
        }
    }
    exit.ok_or_else(|| {
        Failure::new(&shared::NO_INPUT, "there is no request on stdin")
            .hint("did the command before the pipe fail? run it alone and look at its exit code")
    })
}

fn answer_one(record: &Record, output: &mut Output) -> Exit {
    match Simulation::read(record.bytes(), record.place()) {
        Ok(simulation) => {
            let results = results(&simulation);
            match output.format() {
                Format::Json => {
                    output.answer(answer::json(&results).as_bytes());
                    output.answer(b"\n");
                }
                Format::Text => output.answer(text::report(&simulation, &results).as_bytes()),
            }
            let is_allowed = results.iter().all(|result| result.decision == Decision::Allowed);
            if is_allowed { Exit::Ok } else { Exit::No }
        }
        Err(failure) => {
            output.complain(&failure);
            if output.format() == Format::Json {
                output.answer(answer::refused(&failure).as_bytes());
                output.answer(b"\n");
            }
            failure.exit()
        }
    }
}
