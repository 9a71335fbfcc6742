//! The verb `lint-token`: an IAM authentication token in, everything out that can be seen to be wrong with it.
//!
//! ElastiCache refuses a wrong token with one sentence, whatever the reason. Most reasons stand in the token. One line of
//! answer for each token, in input order. No answer and no error shows a signature, a session token or a token.

mod answer;
mod clock;
mod harmless;
mod judge;
mod lines;
mod other;
mod parts;
mod peel;
mod signature;

use std::io::{self, IsTerminal};
use std::path::PathBuf;
use std::time::SystemTime;

use aws_credential_types::Credentials;
use clap::Args;
use ec_shared::document::{Deployment, Document};
use ec_shared::flags::{AwsFlags, Common};
use ec_shared::output::{Format, Output, Written};
use ec_shared::run::Input;
use ec_shared::secret::Secret;
use ec_shared::token::{cache_name, environment_credentials};
use ec_shared::{Exit, Failure, codes as shared};

use crate::codes;
use crate::print::{each_document, user_of};
use crate::who::checked_user;
use lines::{LONGEST, Line, Lines};

pub use judge::{Aspect, Expected, Seen, Signature, Verdict, lint};

/// Flags of `lint-token`.
#[derive(Debug, Args)]
#[command(after_help = "\
Tokens come on stdin, one a line, and never as an argument: a token is a secret. What no flag says is not compared; \
with --token-file, the document on stdin says it. The signature is compared where the credentials in the environment \
are those of the token.

Exit codes: 0 nothing is seen to be wrong, 1 something is, 2 unreadable

Examples:
  printenv REDISCLI_AUTH | ec-iam lint-token --cache orders --serverless --user app
  ec-sg find --cache orders | ec-iam lint-token --token-file token.txt --user app")]
pub(crate) struct LintTokenFlags {
    /// Name of the cache that the token should be for
    #[arg(long, value_name = "NAME")]
    cache: Option<String>,
    /// ElastiCache user that the token should be for
    #[arg(long, value_name = "ID", env = "EC_USER")]
    user: Option<String>,
    /// The cache is serverless; with =false, it is a replication group
    #[arg(long, value_name = "BOOL", num_args = 0..=1, require_equals = true, default_missing_value = "true")]
    serverless: Option<bool>,
    /// File or descriptor with the token; stdin then brings the document of the cache
    #[arg(long, value_name = "FILE")]
    token_file: Option<PathBuf>,
}

/// Looks at every token of the input.
///
/// # Errors
/// What ends the run: no token, or an input that cannot be read.
pub(crate) fn run(
    flags: &LintTokenFlags,
    aws: &AwsFlags,
    common: &Common,
    output: &mut Output,
) -> Result<Exit, Failure> {
    let expected = Expected {
        cache: flags.cache.as_deref().map(cache_name).transpose()?,
        user: checked_user(flags.user.as_deref())?,
        serverless: flags.serverless,
        region: aws.region.clone(),
    };
    let linter = Linter {
        expected,
        now: SystemTime::now(),
        // A profile names other credentials than the environment's.
        at_hand: if aws.profile.is_none() { environment_credentials() } else { None },
    };
    match &flags.token_file {
        Some(path) => linter.file(&Secret::from_file(path)?, common, output),
        None if io::stdin().is_terminal() => Err(no_token("stdin is a terminal")),
        None => linter.stream(Lines::new(io::stdin().lock()), output),
    }
}

fn no_token(why: &str) -> Failure {
    Failure::new(&shared::NO_INPUT, "there is no token")
        .because(why)
        .hint("printenv REDISCLI_AUTH | ec-iam lint-token, or name a file of mode 600 with --token-file")
}

struct Linter {
    expected: Expected,
    now: SystemTime,
    at_hand: Option<Credentials>,
}

impl Linter {
    /// Looks at one token for every document about its cache; without a document, for what the flags say.
    fn file(&self, token: &Secret, common: &Common, output: &mut Output) -> Result<Exit, Failure> {
        if token.expose().len() > LONGEST {
            return Err(too_long("the file"));
        }
        let mut exit = Exit::Ok;
        let mut look = |expected: &Expected, output: &mut Output| {
            let ended = self.look(token.expose(), expected, None, output);
            exit = exit.and(ended);
        };
        if self.expected.cache.is_some() {
            look(&self.expected, output);
        } else {
            each_document(Input::choose(common, None, true)?, |document| {
                look(&self.completed(document)?, output);
                Ok(())
            })?;
        }
        Ok(exit)
    }

    /// What the flags say, and behind them the document.
    fn completed(&self, document: &Document) -> Result<Expected, Failure> {
        let mut expected = self.expected.clone();
        if expected.user.is_none() {
            expected.user = checked_user(user_of(document)?.as_deref())?;
        }
        if let Some(cache) = document.cache()? {
            expected.cache = Some(cache_name(&cache.name)?);
            expected.region = expected.region.or(cache.region);
            expected.serverless = expected.serverless.or(cache.deployment.map(|kind| kind == Deployment::Serverless));
        }
        Ok(expected)
    }

    /// Looks at one token a line.
    fn stream(&self, mut lines: Lines<impl io::Read>, output: &mut Output) -> Result<Exit, Failure> {
        let mut exit: Option<Exit> = None;
        let mut number = 0;
        while let Some(line) = lines.next()? {
            number += 1;
            let ended = match line {
                Line::Text(token) if token.expose().trim().is_empty() => continue,
                Line::Text(token) => self.look(token.expose(), &self.expected, Some(number), output),
                Line::TooLong => refuse(&too_long(&format!("line {number}")), number, output),
                Line::NotUtf8 => {
                    let failure = Failure::new(&shared::NOT_UTF8, format!("cannot read line {number} as a token"))
                        .because("it is not UTF-8, and tokens are ASCII")
                        .hint("printenv REDISCLI_AUTH | file -");
                    refuse(&failure, number, output)
                }
            };
            exit = Some(exit.map_or(ended, |exit| exit.and(ended)));
            // Whoever waits for this answer may be the one who writes the next token.
            if !lines.has_more() && output.flush()? == Written::ReaderGone {
                break;
            }
        }
        exit.ok_or_else(|| no_token("stdin is empty: did the command before the pipe fail?"))
    }

    fn look(&self, token: &str, expected: &Expected, line: Option<usize>, output: &mut Output) -> Exit {
        let verdict = lint(token, expected, self.now, self.at_hand.as_ref());
        match output.format() {
            Format::Json => output.answer((answer::json(&verdict, line) + "\n").as_bytes()),
            Format::Text => output.answer(answer::report(&verdict).as_bytes()),
        }
        if verdict.errors() == 0 { Exit::Ok } else { Exit::No }
    }
}

fn too_long(what: &str) -> Failure {
    Failure::new(&codes::TOKEN_TOO_LONG, format!("cannot take {what} for a token"))
        .because(format!("it has more than {LONGEST} bytes"))
        .hint("give one token a line")
}

fn refuse(failure: &Failure, line: usize, output: &mut Output) -> Exit {
    output.complain(failure);
    if output.format() == Format::Json {
        output.answer((answer::refused(failure, line) + "\n").as_bytes());
    }
    failure.exit()
}
