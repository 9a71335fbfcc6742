//! The exit codes, the same in all four tools.
//!
//! 101 (a Rust panic), 123–127 (xargs, the shell), 194 (the SSM agent reboots the host) and 255 (xargs stops) are
//! never used.

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
}

impl Exit {
    /// All codes with the sentence that `--help` and the manual pages show.
    pub const TABLE: [(Self, &'static str, &'static str); 8] = [
        (Self::Ok, "ok", "done, nothing to do, or every check passed"),
        (Self::No, "no", "ran fine, the answer is no"),
        (Self::Usage, "usage", "bad flags, or a document this tool cannot read"),
        (Self::Config, "config", "cannot run here: region, credentials, missing program"),
        (Self::Refused, "refused", "access denied, quota, validation, not found"),
        (Self::Temporary, "temporary", "throttled, timed out, unreachable: a retry may help"),
        (Self::Partial, "partial", "several documents or changes, some failed"),
        (Self::Io, "io", "stdin, stdout or a file could not be read or written"),
    ];

    /// The code of two pieces of work together: equal codes stay, `Ok` and `No` make `No`, and any other
    /// mixture is `Partial`.
    #[must_use]
    pub fn and(self, other: Self) -> Self {
        match (self, other) {
            (a, b) if a == b => a,
            (Self::Ok, Self::No) | (Self::No, Self::Ok) => Self::No,
            _ => Self::Partial,
        }
    }

    /// The code of a number, as it stands in an error object.
    pub fn of_number(number: u64) -> Option<Self> {
        Self::TABLE.get(usize::try_from(number).ok()?).map(|(exit, ..)| *exit)
    }

    /// The number the process ends with.
    pub fn number(self) -> u8 {
        self as u8
    }

    /// The name in the table: `ok`, `no`, `usage` …
    pub fn name(self) -> &'static str {
        Self::TABLE[self as usize].1
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
    fn the_table_is_in_the_order_of_the_numbers() {
        for (index, (exit, ..)) in Exit::TABLE.iter().enumerate() {
            assert_eq!(usize::from(exit.number()), index);
        }
    }

    #[test]
    fn some_ok_and_some_no_is_no_and_any_other_mixture_is_partial() {
        assert_eq!(Exit::Ok.and(Exit::Ok), Exit::Ok);
        assert_eq!(Exit::Ok.and(Exit::No), Exit::No);
        assert_eq!(Exit::Temporary.and(Exit::Temporary), Exit::Temporary);
        assert_eq!(Exit::Ok.and(Exit::Temporary), Exit::Partial);
        assert_eq!(Exit::No.and(Exit::Refused), Exit::Partial);
    }
}
