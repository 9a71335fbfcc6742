//! Runs a tool, or a pipe of tools, the way a script would: nothing inherited, everything given.

use std::fmt::Write as _;
use std::fs;
use std::io::{Read, Write};
use std::os::unix::process::{CommandExt, ExitStatusExt};
use std::path::Path;
use std::process::{Child, Command, ExitStatus, Stdio};
use std::thread;
use std::time::{Duration, Instant};

pub use rustix::process::Signal;

use rustix::process::Pid;

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
    is_unread: bool,
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
        let timeout = Duration::from_secs(60);
        Self { command, shown: shown.to_owned(), stdin: Vec::new(), timeout, is_unread: false, home }
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

    /// Nobody reads stdout: whoever did has left before the first byte.
    #[must_use]
    pub fn unread(mut self) -> Self {
        self.is_unread = true;
        self
    }

    /// Runs it to its end.
    pub fn run(self) -> Outcome {
        self.start().end()
    }

    /// Starts it.
    pub fn start(mut self) -> Running {
        let begun = Instant::now();
        // A process group of its own, so that a pipe that hangs is ended whole.
        self.command.process_group(0).stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut child = self.command.spawn().unwrap_or_else(|error| panic!("cannot run {}: {error}", self.shown));
        let mut stdin = child.stdin.take().expect("stdin is piped");
        let bytes = std::mem::take(&mut self.stdin);
        // A reader that leaves early is the test's business, not a fault of the writer.
        let writer = thread::spawn(move || drop(stdin.write_all(&bytes)));
        let stdout = child.stdout.take().expect("stdout is piped");
        let stdout = if self.is_unread { thread::spawn(String::new) } else { reader(stdout) };
        let stderr = reader(child.stderr.take().expect("stderr is piped"));
        let Self { shown, timeout, home, .. } = self;
        Running { child: Guarded(child), begun, writer, stdout, stderr, shown, timeout, home }
    }
}

/// A program while it runs. One that is not waited for is killed.
#[derive(Debug)]
pub struct Running {
    child: Guarded,
    begun: Instant,
    writer: thread::JoinHandle<()>,
    stdout: thread::JoinHandle<String>,
    stderr: thread::JoinHandle<String>,
    shown: String,
    timeout: Duration,
    home: tempfile::TempDir,
}

/// A child that does not outlive this.
#[derive(Debug)]
struct Guarded(Child);

impl Drop for Guarded {
    fn drop(&mut self) {
        if matches!(self.0.try_wait(), Ok(None)) {
            end_group(&mut self.0);
        }
    }
}

impl Running {
    /// Sends it a signal.
    pub fn signal(&self, signal: Signal) {
        let process = process(&self.child.0);
        rustix::process::kill_process(process, signal).expect("a child that was not waited for can be signalled");
    }

    /// Waits for its end.
    pub fn end(mut self) -> Outcome {
        let (status, peak_kib) = wait(&mut self.child.0, self.begun + self.timeout);
        let in_time = status.is_some();
        let status = status.unwrap_or_else(|| end_group(&mut self.child.0));
        let Self { begun, writer, stdout, stderr, shown, timeout, home, .. } = self;
        let _ = writer.join();
        let outcome = Outcome {
            shown,
            stdout: stdout.join().expect("stdout was read"),
            stderr: stderr.join().expect("stderr was read"),
            code: status.code().unwrap_or_else(|| 128 + status.signal().unwrap_or_default()),
            elapsed: begun.elapsed(),
            peak_kib,
            home,
        };
        assert!(in_time, "not at its end after {timeout:?}\n{}", outcome.told());
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
    let _ = rustix::process::kill_process_group(process(child), Signal::KILL);
    child.wait().expect("a child can be waited for")
}

fn process(child: &Child) -> Pid {
    i32::try_from(child.id()).ok().and_then(Pid::from_raw).expect("a process id")
}
