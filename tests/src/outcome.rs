//! How a run ended, and what a test may say of it.

use std::path::Path;
use std::time::Duration;

use serde_json::Value;

/// How a run ended.
#[derive(Debug)]
pub struct Outcome {
    pub(crate) shown: String,
    /// All of stdout.
    pub stdout: String,
    /// All of stderr.
    pub stderr: String,
    /// The exit code; 128 + n where signal n ended it.
    pub code: i32,
    /// How long it took.
    pub elapsed: Duration,
    /// The largest resident size that was seen, in KiB.
    pub peak_kib: u64,
    pub(crate) home: tempfile::TempDir,
}

#[expect(clippy::return_self_not_must_use, reason = "an assertion may be the last word")]
impl Outcome {
    /// Asserts exit code 0.
    #[track_caller]
    pub fn ok(self) -> Self {
        self.exits(0)
    }

    /// Asserts an exit code.
    #[track_caller]
    pub fn exits(self, code: i32) -> Self {
        assert!(self.code == code, "expected exit code {code}, got {}\n{}", self.code, self.told());
        self
    }

    /// Asserts that stderr holds `text`.
    #[track_caller]
    pub fn says(self, text: &str) -> Self {
        assert!(self.stderr.contains(text), "stderr does not say `{text}`\n{}", self.told());
        self
    }

    /// The one document on stdout.
    #[track_caller]
    pub fn document(&self) -> Value {
        let mut documents = self.documents();
        assert!(documents.len() == 1, "expected one document on stdout, got {}\n{}", documents.len(), self.told());
        documents.remove(0)
    }

    /// The documents on stdout, one a line.
    #[track_caller]
    pub fn documents(&self) -> Vec<Value> {
        let parse = |line: &str| serde_json::from_str(line).map_err(|error| format!("{error} in `{line}`"));
        match self.stdout.lines().map(parse).collect() {
            Ok(documents) => documents,
            Err(why) => panic!("stdout is not JSON lines: {why}\n{}", self.told()),
        }
    }

    /// The error object on stderr, of a run with `--error-format json`.
    #[track_caller]
    pub fn error(&self) -> Value {
        let object = self.stderr.lines().rev().find_map(|line| serde_json::from_str::<Value>(line).ok());
        object.unwrap_or_else(|| panic!("there is no error object on stderr\n{}", self.told()))
    }

    /// The scratch directory that was `HOME` and the working directory.
    pub fn home(&self) -> &Path {
        self.home.path()
    }

    /// Everything about the run, for a message.
    pub fn told(&self) -> String {
        let Self { shown, stdout, stderr, code, elapsed, .. } = self;
        format!("$ {shown}\n--- exit {code} after {elapsed:?}\n--- stdout\n{stdout}\n--- stderr\n{stderr}")
    }
}
