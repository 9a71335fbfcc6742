//! `ec-probe`: see the library for what it does.

use std::process::ExitCode;

fn main() -> ExitCode {
    ec_shared::run::main::<ec_probe::cli::Cli>()
}
