//! What is not installed: a visible skip at a desk, a failure where `EC_TESTS_REAL` is set.

use std::io::Write;
use std::{env, io};

/// Leaves the test, visibly, unless all programs named are installed. `ministack` and `moto_server` are looked for in
/// the tests' Python environment.
#[macro_export]
macro_rules! need {
    ($($program:expr),+ $(,)?) => {
        $(if !$crate::is_installed($program) {
            $crate::skip(&format!("{} is not installed; tests/setup installs it", $program));
            return;
        })+
    };
}

/// Whether a program is on `PATH`, among the system's servers, or in the tests' Python environment.
pub fn is_installed(program: &str) -> bool {
    find(program).is_some()
}

/// Says that a test is skipped.
///
/// # Panics
/// Where `EC_TESTS_REAL` is set: there, nothing may be skipped.
pub fn skip(why: &str) {
    assert!(env::var_os("EC_TESTS_REAL").is_none_or(|value| value.is_empty()), "EC_TESTS_REAL is set, but {why}");
    let test = std::thread::current().name().unwrap_or("a test").to_owned();
    // Written past the test runner, which keeps what a passing test prints to itself.
    let _ = writeln!(io::stderr(), "skipped: {test}: {why}");
}

/// The path of a program.
pub(crate) fn find(program: &str) -> Option<std::path::PathBuf> {
    let path = env::var_os("PATH").unwrap_or_default();
    env::split_paths(&path)
        .chain(["/usr/sbin".into(), "/usr/local/bin".into(), crate::emulator::environment().join("bin")])
        .map(|directory| directory.join(program))
        .find(|candidate| candidate.is_file())
}
