//! An example as somebody else's process, with real pipes and real signals.

use std::io::{BufRead, BufReader, Read, Write};
use std::os::unix::process::ExitStatusExt;
use std::process::{Child, ChildStderr, ChildStdin, ChildStdout, Command, Stdio};

use rustix::process::{Pid, Signal, kill_process};
use serde_json::Value;

/// The tool, while it runs.
#[derive(Debug)]
pub(crate) struct Running {
    child: Child,
    pub(crate) stdin: Option<ChildStdin>,
    pub(crate) stdout: Option<BufReader<ChildStdout>>,
    stderr: BufReader<ChildStderr>,
    told: String,
}

/// How it ended.
#[derive(Debug)]
pub(crate) struct Ended {
    /// The exit code; 128 and its number where a signal ended it.
    pub(crate) code: i32,
    pub(crate) is_killed: bool,
    pub(crate) stdout: String,
    pub(crate) stderr: String,
}

impl Running {
    /// Starts an example from a shell that runs `before` first.
    pub(crate) fn start(example: &str, before: &str, flags: &str) -> Self {
        let tests = std::env::current_exe().unwrap();
        let program = tests.ancestors().nth(2).unwrap().join("examples").join(example);
        assert!(program.exists(), "`cargo test` builds the examples, but not with `--test`");
        let mut child = Command::new("sh")
            .args(["-c", &format!("{before}\nexec \"$0\" --verbose --output json {flags}")])
            .arg(program)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        Self {
            stdin: child.stdin.take(),
            stdout: child.stdout.take().map(BufReader::new),
            stderr: BufReader::new(child.stderr.take().unwrap()),
            told: String::new(),
            child,
        }
    }

    pub(crate) fn say(&mut self, text: &str) {
        self.stdin.as_mut().unwrap().write_all(text.as_bytes()).unwrap();
    }

    /// Waits until it has told this on stderr.
    pub(crate) fn until_it_says(&mut self, line: &str) {
        while !self.told.lines().any(|told| told == line) {
            assert_ne!(self.stderr.read_line(&mut self.told).unwrap(), 0, "{}", self.told);
        }
    }

    pub(crate) fn next_document(&mut self) -> Value {
        let mut line = String::new();
        self.stdout.as_mut().unwrap().read_line(&mut line).unwrap();
        serde_json::from_str(&line).unwrap()
    }

    pub(crate) fn signal(&self, signal: Signal) {
        kill_process(Pid::from_child(&self.child), signal).unwrap();
    }

    pub(crate) fn has_ended(&mut self) -> bool {
        self.child.try_wait().unwrap().is_some()
    }

    /// Closes stdin, and waits for the end.
    pub(crate) fn end(mut self) -> Ended {
        self.stdin = None;
        self.wait()
    }

    /// Waits for the end, with more to come on stdin for all that the tool knows.
    pub(crate) fn wait(mut self) -> Ended {
        let mut stdout = String::new();
        if let Some(stream) = &mut self.stdout {
            stream.read_to_string(&mut stdout).unwrap();
        }
        self.stderr.read_to_string(&mut self.told).unwrap();
        let status = self.child.wait().unwrap();
        Ended {
            code: status.code().or(status.signal().map(|signal| 128 + signal)).unwrap(),
            is_killed: status.signal().is_some(),
            stdout,
            stderr: self.told,
        }
    }
}

impl Ended {
    pub(crate) fn lines(&self) -> Vec<&str> {
        self.stdout.split_inclusive('\n').collect()
    }
}

/// A document of a line.
pub(crate) fn read(line: &str) -> Value {
    serde_json::from_str(line).unwrap_or_else(|error| panic!("{error}: {line}"))
}
