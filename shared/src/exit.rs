//! The exit codes, the same in all four tools.
//!
//! 101 (a Rust panic), 123–127 (xargs, the shell), 194 (the SSM agent reboots the host) and 255 (xargs stops) are
//! never used. 129, 130 and 143 are what a shell calls the end by that signal, 128 and its number: a caller learns the
//! same whether a verb ended at once or first finished what it had begun.

use std::process::ExitCode;

/// How a run, or the work on one document, ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub enum Exit {
    /// Done, nothing to do, or every check passed.
    Ok = 0,
    /// Ran fine; the answer is no.
    No = 1,
    /// Bad flags, or a document that this tool cannot read.
    Usage = 2,
    /// Cannot run here: Region, credentials, a missing program.
    Config = 3,
    /// AWS or the machine said no: access denied, quota, validation, not found.
    Refused = 4,
    /// Throttled, timed out, unreachable: a retry may help.
    Temporary = 5,
    /// Several documents or changes; some failed.
    Partial = 6,
    /// Standard input, standard output or a file could not be read or written.
    Io = 7,
    /// As `No`, where it was asked to name the stage: the name does not resolve.
    Dns = 11,
    /// As `Dns`: no connection.
    Tcp = 12,
    /// As `Dns`: no TLS.
    Tls = 13,
    /// As `Dns`: no log-in.
    Auth = 14,
    /// As `Dns`: a command is not carried out.
    Command = 15,
    /// SIGHUP came; see [`Interrupt`](crate::interrupt::Interrupt).
    Hangup = 129,
    /// SIGINT came.
    Interrupted = 130,
    /// SIGTERM came.
    Terminated = 143,
}

impl Exit {
    /// All codes with the sentence that `--help` and the manual pages show.
    pub const TABLE: [(Self, &'static str, &'static str); 16] = [
        (Self::Ok, "ok", "done, nothing to do, or every check passed"),
        (Self::No, "no", "ran fine, the answer is no"),
        (Self::Usage, "usage", "bad flags, or a document this tool cannot read"),
        (Self::Config, "config", "cannot run here: region, credentials, missing program"),
        (Self::Refused, "refused", "access denied, quota, validation, not found"),
        (Self::Temporary, "temporary", "throttled, timed out, unreachable: a retry may help"),
        (Self::Partial, "partial", "several documents or changes, some failed"),
        (Self::Io, "io", "stdin, stdout or a file could not be read or written"),
        (Self::Dns, "dns", "with --stage-exitcode: no, because the name does not resolve"),
        (Self::Tcp, "tcp", "with --stage-exitcode: no, because nobody takes the connection"),
        (Self::Tls, "tls", "with --stage-exitcode: no, because there is no TLS"),
        (Self::Auth, "auth", "with --stage-exitcode: no, because the log-in is refused"),
        (Self::Command, "command", "with --stage-exitcode: no, because a command is not carried out"),
        (Self::Hangup, "hangup", "SIGHUP came: what was begun is finished and told, the rest not begun"),
        (Self::Interrupted, "interrupted", "SIGINT came: what was begun is finished and told, the rest not begun"),
        (Self::Terminated, "terminated", "SIGTERM came: what was begun is finished and told, the rest not begun"),
    ];

    /// The code of two pieces of work together: equal codes stay, a signal outweighs all else, answers of which one is
    /// no make `No`, and any other mixture is `Partial`.
    #[must_use]
    pub fn and(self, other: Self) -> Self {
        match (self, other) {
            (a, b) if a == b => a,
            (a, _) if a.is_signal() => a,
            (_, b) if b.is_signal() => b,
            (a, b) if a.is_answer() && b.is_answer() => Self::No,
            _ => Self::Partial,
        }
    }

    /// The code of a number, as it stands in an error object.
    pub fn of_number(number: u64) -> Option<Self> {
        Self::TABLE.iter().map(|(exit, ..)| *exit).find(|exit| u64::from(exit.number()) == number)
    }

    /// Whether it answers a question, with yes or no.
    fn is_answer(self) -> bool {
        matches!(self, Self::Ok | Self::No | Self::Dns | Self::Tcp | Self::Tls | Self::Auth | Self::Command)
    }

    /// Whether a signal asked for the end.
    pub fn is_signal(self) -> bool {
        matches!(self, Self::Hangup | Self::Interrupted | Self::Terminated)
    }

    /// The number the process ends with.
    pub fn number(self) -> u8 {
        self as u8
    }

    /// The name in the table: `ok`, `no`, `usage` …
    pub fn name(self) -> &'static str {
        Self::TABLE.iter().find(|(exit, ..)| *exit == self).map_or("", |(_, name, _)| name)
    }
}

impl From<Exit> for ExitCode {
    fn from(exit: Exit) -> Self {
        Self::from(exit.number())
    }
}

#[cfg(test)]
mod tests {
    use super::Exit;

    #[test]
    fn the_table_is_in_the_order_of_the_numbers_and_has_every_code() {
        let numbers = Exit::TABLE.map(|(exit, ..)| exit.number());
        assert_eq!(numbers, [0, 1, 2, 3, 4, 5, 6, 7, 11, 12, 13, 14, 15, 129, 130, 143]);
        for (exit, name, _) in Exit::TABLE {
            assert_eq!((Exit::of_number(exit.number().into()), exit.name()), (Some(exit), name));
        }
        assert_eq!(Exit::of_number(8), None);
    }

    #[test]
    fn some_ok_and_some_no_is_no_and_any_other_mixture_is_partial() {
        assert_eq!(Exit::Ok.and(Exit::Ok), Exit::Ok);
        assert_eq!(Exit::Ok.and(Exit::No), Exit::No);
        assert_eq!(Exit::Tcp.and(Exit::Tcp), Exit::Tcp);
        assert_eq!(Exit::Ok.and(Exit::Tcp), Exit::No);
        assert_eq!(Exit::Auth.and(Exit::Tcp), Exit::No);
        assert_eq!(Exit::Temporary.and(Exit::Temporary), Exit::Temporary);
        assert_eq!(Exit::Ok.and(Exit::Temporary), Exit::Partial);
        assert_eq!(Exit::No.and(Exit::Refused), Exit::Partial);
        assert_eq!(Exit::Tcp.and(Exit::Refused), Exit::Partial);
    }

    #[test]
    fn a_signal_outweighs_what_was_done_before_and_after_it() {
        assert_eq!(Exit::Ok.and(Exit::Terminated), Exit::Terminated);
        assert_eq!(Exit::Interrupted.and(Exit::Partial), Exit::Interrupted);
    }
}
