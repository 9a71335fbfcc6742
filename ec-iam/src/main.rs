//! `ec-iam`: who am I, may I connect, make it so.

use std::process::ExitCode;

fn main() -> ExitCode {
    ec_shared::run::main::<ec_iam::cli::Cli>()
}
