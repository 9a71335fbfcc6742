//! Runs a tool, or a pipe of tools, the way a script would: nothing inherited, everything given.

use std::fmt::Write as _;
use std::fs;
use std::io::{Read, Write};
use std::os::unix::process::{CommandExt, ExitStatusExt};
use std::path::Path;
use std::process::{Child, Command, ExitStatus, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use crate::binaries;
use crate::outcome::Outcome;

/// The four tools.
pub const TOOLS: [&str; 4] = ["ec-sg", "ec-iam", "ec-cli-install", "ec-probe"];
const SYSTEM_PATH: &str = "/usr/local/bin:/usr/bin:/bin";

/// A run of one of the four tools.
pub fn tool(name: &str) -> Run {
    Run::of(Command::new(binaries::path(name)), name)
}

/// A run of a shell script, with the tools on `PATH`.
pub fn sh(script: &str) -> Run {
    for name in TOOLS.iter().filter(|name| script.contains(*name)) {
        binaries::path(name);
    }
    let mut command = Command::new("/bin/sh");
    command.arg("-c").arg(script);
    Run::of(command, script)
}

/// A run of any other program, in the same cleared environment.
pub fn command(program: &str) -> Run {
    Run::of(Command::new(program), program)
}

/// A program about to run.
#[derive(Debug)]
pub struct Run {
    command: Command,
    shown: String,
    stdin: Vec<u8>,
    timeout: Duration,
    home: tempfile::TempDir,
}

impl Run {
    fn of(mut command: Command, shown: &str) -> Self {
        let home = tempfile::tempdir().expect("a scratch directory");
        command
            .env_clear()
            .env("PATH", format!("{}:{SYSTEM_PATH}", binaries::directory().display()))
            .env("HOME", home.path())
            .env("LC_ALL", "C")
            .env("TZ", "UTC")
            .env("AWS_EC2_METADATA_DISABLED", "true")
            .current_dir(home.path());
        Self { command, shown: shown.to_owned(), stdin: Vec::new(), timeout: Duration::from_secs(60), home }
    }

    /// Adds arguments.
    #[must_use]
    pub fn args<S: AsRef<std::ffi::OsStr>>(mut self, args: impl IntoIterator<Item = S>) -> Self {
        for arg in args {
            let _ = write!(self.shown, " {}", arg.as_ref().to_string_lossy());
            self.command.arg(arg);
        }
        self
    }

    /// Sets a variable of the environment.
    #[must_use]
    pub fn env(mut self, name: &str, value: impl AsRef<std::ffi::OsStr>) -> Self {
        self.command.env(name, value);
        self
    }

    /// Takes a variable out of the environment.
    #[must_use]
    pub fn without(mut self, name: &str) -> Self {
        self.command.env_remove(name);
        self
    }

    /// Points the tools at an AWS endpoint, with credentials that every emulator takes.
    #[must_use]
    pub fn aws(self, url: &str) -> Self {
        self.env("AWS_ENDPOINT_URL", url)
            .env("AWS_REGION", "us-east-1")
            .env("AWS_ACCESS_KEY_ID", "test")
            .env("AWS_SECRET_ACCESS_KEY", "test")
    }

    /// Points the tools at an AWS endpoint, as another account; ministack takes twelve digits as the key of an account.
    #[must_use]
    pub fn aws_as(self, url: &str, account: &str) -> Self {
        self.aws(url).env("AWS_ACCESS_KEY_ID", account)
    }

    /// Gives the bytes on stdin; without, stdin is empty.
    #[must_use]
    pub fn stdin(mut self, bytes: impl Into<Vec<u8>>) -> Self {
        self.stdin = bytes.into();
        self
    }

    /// Runs in another directory than the scratch home.
    #[must_use]
    pub fn directory(mut self, path: &Path) -> Self {
        self.command.current_dir(path);
        self
    }

    /// How long the run may take; 60 seconds unless said.
    #[must_use]
    pub fn timeout(mut self, timeout: Duration) -> Self {
        self.timeout = timeout;
        self
    }

    /// The scratch directory that is `HOME` and the working directory, for files that the run is to find there.
    pub fn home(&self) -> &Path {
        self.home.path()
    }

    /// Runs it to its end.
    pub fn run(mut self) -> Outcome {
        let begun = Instant::now();
        // A process group of its own, so that a pipe that hangs is ended whole.
        self.command.process_group(0).stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut child = self.command.spawn().unwrap_or_else(|error| panic!("cannot run {}: {error}", self.shown));
        let mut stdin = child.stdin.take().expect("stdin is piped");
        let bytes = std::mem::take(&mut self.stdin);
        // A reader that leaves early is the test's business, not a fault of the writer.
        let writer = thread::spawn(move || drop(stdin.write_all(&bytes)));
        let stdout = reader(child.stdout.take().expect("stdout is piped"));
        let stderr = reader(child.stderr.take().expect("stderr is piped"));
        let (status, peak_kib) = wait(&mut child, begun + self.timeout);
        let in_time = status.is_some();
        let status = status.unwrap_or_else(|| end_group(&mut child));
        let _ = writer.join();
        let outcome = Outcome {
            shown: self.shown,
            stdout: stdout.join().expect("stdout was read"),
            stderr: stderr.join().expect("stderr was read"),
            code: status.code().unwrap_or_else(|| 128 + status.signal().unwrap_or_default()),
            elapsed: begun.elapsed(),
            peak_kib,
            home: self.home,
        };
        assert!(in_time, "not at its end after {:?}\n{}", self.timeout, outcome.told());
        outcome
    }
}

fn reader(mut stream: impl Read + Send + 'static) -> thread::JoinHandle<String> {
    thread::spawn(move || {
        let mut bytes = Vec::new();
        let _ = stream.read_to_end(&mut bytes);
        String::from_utf8_lossy(&bytes).into_owned()
    })
}

/// Waits for the end, and watches the largest resident size meanwhile.
fn wait(child: &mut Child, deadline: Instant) -> (Option<ExitStatus>, u64) {
    let status_file = format!("/proc/{}/status", child.id());
    let mut peak_kib = 0;
    while Instant::now() < deadline {
        let status = fs::read_to_string(&status_file).unwrap_or_default();
        let peak = status.lines().find_map(|line| line.strip_prefix("VmHWM:"));
        let kib = peak.and_then(|text| text.trim().trim_end_matches(" kB").parse().ok()).unwrap_or_default();
        peak_kib = peak_kib.max(kib);
        if let Some(status) = child.try_wait().expect("a child can be waited for") {
            return (Some(status), peak_kib);
        }
        thread::sleep(Duration::from_millis(2));
    }
    (None, peak_kib)
}

fn end_group(child: &mut Child) -> ExitStatus {
    let group = i32::try_from(child.id()).ok().and_then(rustix::process::Pid::from_raw).expect("a process id");
    let _ = rustix::process::kill_process_group(group, rustix::process::Signal::KILL);
    child.wait().expect("a child can be waited for")
}
