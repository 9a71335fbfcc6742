//! What the four tools have in common, and nothing that only one of them needs.
//!
//! - [`document`]: the `ec.connection` document that travels through the pipe, and its stream reader.
//! - [`door`]: AWS CLI output on stdin becomes documents.
//! - [`run`]: the one `main`, the stage that reads, works and writes, and the tools' one voice.
//! - [`exit`], [`codes`], [`failure`]: how a run ends, and how an error is told.
//! - [`interrupt`]: what a verb that writes does about a signal.
//! - [`output`], [`report`]: JSON lines for programs, a report for people.
//! - [`flags`]: the command-line flags that every tool takes.
//! - [`saved`]: the files that `--from-files` reads.
//! - [`secret`]: values that never show. [`ran_on`]: the machine that a local verdict is about.
//! - [`aws`], [`token`] (feature `aws`): configuration, error reduction, and the IAM authentication token.
//!
//! This crate knows none of the tools.

pub mod codes;
pub mod document;
pub mod door;
pub mod exit;
pub mod failure;
pub mod flags;
pub mod interrupt;
mod manual;
pub mod output;
pub mod ran_on;
pub mod report;
pub mod run;
pub mod saved;
pub mod schema;
pub mod secret;

#[cfg(feature = "aws")]
pub mod aws;
#[cfg(feature = "aws")]
pub mod token;

pub use codes::Code;
pub use document::{Document, Section};
pub use exit::Exit;
pub use failure::Failure;
pub use interrupt::Interrupt;
