//! `ec-cli-install`: a `valkey-cli` with TLS on this machine.

use std::process::ExitCode;

fn main() -> ExitCode {
    ec_shared::run::main::<ec_cli_install::cli::Cli>()
}
