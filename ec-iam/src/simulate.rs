//! The verb `simulate`: requests of `aws iam simulate-custom-policy` in, its answers out, decided offline.
//!
//! One line of answer for each request, in input order; a request that cannot be read is answered with its error.

mod account;
mod answer;
mod connect;
mod request;
mod text;

use std::fs::File;
use std::io::{self, IsTerminal, Read};
use std::path::PathBuf;

use clap::Args;
use ec_shared::document::records::{Record, Records};
use ec_shared::output::{Format, Output, Written};
use ec_shared::token::user_id;
use ec_shared::{Exit, Failure, codes as shared};

use crate::arn::CacheArn;
use crate::codes;
use crate::evaluate::Decision;
use crate::principal::Principal;

pub use account::Holder;
pub use answer::{ActionResult, Reason, ResourceResult, results};
pub use connect::{Answer, Question, Verdict};
pub use request::Simulation;

/// How many bytes of answers are held back while there is more to read.
const FLUSH_AT: usize = 64 << 10;

/// Flags of `simulate`.
#[derive(Debug, Args)]
pub(crate) struct SimulateFlags {
    /// File with one request or a stream of them [default: stdin]
    #[arg(value_name = "FILE")]
    file: Option<PathBuf>,
    /// Asks who may connect to this cache: the input then is what `aws iam get-account-authorization-details` prints
    #[arg(long, value_name = "ARN", requires = "user")]
    cache_arn: Option<String>,
    /// ElastiCache user to connect as
    #[arg(long, value_name = "ID", env = "EC_USER")]
    user: Option<String>,
    /// Asks about this principal alone: role/NAME, user/NAME or an ARN
    #[arg(long, value_name = "PRINCIPAL", requires = "cache_arn")]
    principal: Option<String>,
}

/// Answers every request of the input.
///
/// # Errors
/// What ends the run: an input that is no JSON, or none.
pub(crate) fn run(flags: &SimulateFlags, output: &mut Output) -> Result<Exit, Failure> {
    let answer = |source: Box<dyn Read>, output: &mut Output| match (&flags.cache_arn, &flags.user) {
        (Some(cache), Some(user)) => {
            who(source, &Question::new(&CacheArn::parse(cache)?, &user_id(user)?), flags, output)
        }
        _ => answer_all(source, output),
    };
    match &flags.file {
        Some(path) => {
            let file = File::open(path).map_err(|error| {
                Failure::new(&shared::READ, format!("cannot read {}", path.display())).because(error)
            })?;
            answer(Box::new(file), output)
        }
        None if io::stdin().is_terminal() => {
            Err(Failure::new(&shared::NO_INPUT, "there is no request: stdin is a terminal")
                .hint("name a file, or pipe in the input of `aws iam simulate-custom-policy`"))
        }
        None => answer(Box::new(io::stdin().lock()), output),
    }
}

/// Answers who in the account may connect.
fn who(
    mut source: impl Read,
    question: &Question,
    flags: &SimulateFlags,
    output: &mut Output,
) -> Result<Exit, Failure> {
    let mut text = String::new();
    source.read_to_string(&mut text).map_err(|error| {
        Failure::new(&shared::READ, "cannot read the authorization details of the account").because(error)
    })?;
    let holders = account::read(&text)?;
    let verdicts = match &flags.principal {
        None => connect::verdicts(question, &holders),
        Some(name) => {
            let wanted = Principal::parse(name)?;
            let holder = holders.iter().find(|holder| {
                Principal::parse(holder.caller.arn()).is_ok_and(|holder| {
                    (holder.kind, &holder.name) == (wanted.kind, &wanted.name)
                        && (wanted.account.is_none() || wanted.account == holder.account)
                })
            });
            let holder = holder.ok_or_else(|| {
                Failure::new(&codes::NO_SUCH_PRINCIPAL, format!("the authorization details do not name {name}"))
                    .hint("aws iam get-account-authorization-details tells of users and roles of one account")
            })?;
            connect::verdicts(question, [holder])
        }
    };
    let all = flags.principal.is_some();
    match output.format() {
        Format::Json => output.answer((connect::json(question, &verdicts, all) + "\n").as_bytes()),
        Format::Text => output.answer(connect::report(question, &verdicts, all).as_bytes()),
    }
    Ok(connect::exit(&verdicts))
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
                    output.answer(answer::json(&simulation, &results).as_bytes());
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
