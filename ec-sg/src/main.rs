//! `ec-sg`: can this client reach this cache? See the library for everything.

use std::process::ExitCode;

fn main() -> ExitCode {
    ec_shared::run::main::<ec_sg::cli::Cli>()
}
