//! The only file that starts programs: with a cleared environment, for a bounded time, with their output captured and
//! bounded.

use std::ffi::{OsStr, OsString};
use std::io::{self, Read, Write};
use std::os::unix::fs::PermissionsExt;
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::mpsc::{self, Receiver, RecvTimeoutError, Sender};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use ec_shared::{Failure, Interrupt};
use rustix::process::{Pid, Signal, kill_process, kill_process_group};

use crate::codes;

/// How much of a program's output is kept where nobody asks for more. The end is kept: errors stand there.
const KEPT: usize = 256 << 10;
/// How long a program may take to end after it was asked to.
const GRACE: Duration = Duration::from_secs(2);

/// What programs see of the world.
#[derive(Clone, Debug)]
pub struct Shell {
    path: Vec<PathBuf>,
    home: Option<PathBuf>,
    scratch: PathBuf,
    deadline: Option<Instant>,
    interrupt: Interrupt,
}

/// A program to run.
#[derive(Clone, Debug)]
pub struct Job {
    program: PathBuf,
    args: Vec<OsString>,
    input: Vec<u8>,
    dir: Option<PathBuf>,
    env: Variables,
    limit: Duration,
    most: usize,
    is_transaction: bool,
}

/// Variables of a program's environment, whose values may be secret: `Debug` shows the names alone.
#[derive(Clone, Default)]
struct Variables(Vec<(OsString, OsString)>);

impl std::fmt::Debug for Variables {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_list().entries(self.0.iter().map(|(name, _)| name)).finish()
    }
}

/// How a program ended, and what it said.
#[derive(Clone, Debug)]
pub struct Ran {
    /// The exit code; none where a signal ended the program.
    pub code: Option<i32>,
    /// Whether it was stopped because its time was over.
    pub is_late: bool,
    /// What it wrote to stdout.
    pub stdout: Vec<u8>,
    /// What it wrote to stderr.
    pub stderr: Vec<u8>,
    /// Whether it wrote more than was kept.
    pub is_cut: bool,
}

impl Shell {
    /// A shell that searches `path`, with `home` as the home and `scratch` for temporary files. Of `path` only absolute
    /// directories count: a program must not depend on where this one was started.
    pub fn new(path: &OsStr, home: Option<PathBuf>, scratch: PathBuf) -> Self {
        let path = std::env::split_paths(path).filter(|dir| dir.is_absolute()).collect();
        Self { path, home, scratch, deadline: None, interrupt: Interrupt::default() }
    }

    /// The same with another place for temporary files.
    #[must_use]
    pub fn scratch_at(self, scratch: &Path) -> Self {
        Self { scratch: scratch.to_owned(), ..self }
    }

    /// Sets an end that no program outlives, whatever its own time is.
    pub fn end_at(&mut self, deadline: Option<Instant>) {
        self.deadline = deadline;
    }

    /// Lets a signal end programs, and with them all that they have started; but no transaction of a package manager.
    pub fn heed(&mut self, interrupt: Interrupt) {
        self.interrupt = interrupt;
    }

    /// The end of something that may take `limit`, and not longer than everything.
    pub fn end_within(&self, limit: Duration) -> Instant {
        let own = Instant::now() + limit;
        self.deadline.map_or(own, |deadline| deadline.min(own))
    }

    /// Waits a moment for what another process does.
    ///
    /// # Errors
    /// `EC9024` if a signal came.
    pub fn pause(&self, time: Duration) -> Result<(), Failure> {
        self.interrupt.check()?;
        thread::sleep(time);
        self.interrupt.check()
    }

    /// The directories that are searched, in order.
    pub fn path(&self) -> &[PathBuf] {
        &self.path
    }

    /// The home of the user, if there is one.
    pub fn home(&self) -> Option<&Path> {
        self.home.as_deref()
    }

    /// Where temporary files go.
    pub fn scratch(&self) -> &Path {
        &self.scratch
    }

    /// The program `name`, as the shell would find it.
    pub fn find(&self, name: &str) -> Option<PathBuf> {
        self.path.iter().map(|dir| dir.join(name)).find(|path| is_program(path))
    }

    /// The program `name`.
    ///
    /// # Errors
    /// `EC4036` if it is not on the PATH.
    pub fn need(&self, name: &str) -> Result<PathBuf, Failure> {
        self.find(name).ok_or_else(|| Failure::new(&codes::NO_PROGRAM, format!("cannot find `{name}` on the PATH")))
    }

    /// Runs a program to its end, or to the end of its time.
    ///
    /// # Errors
    /// `EC4036` if it cannot be started, `EC4035` if the end of all programs came first, `EC9024` if a signal did.
    pub fn run(&self, job: &Job) -> Result<Ran, Failure> {
        let mut command = Command::new(&job.program);
        command.args(&job.args).env_clear().env("LANG", "C.UTF-8").env("TMPDIR", &self.scratch);
        command.env("PATH", std::env::join_paths(&self.path).unwrap_or_default());
        command.envs(self.home.iter().map(|home| ("HOME", home)));
        command.envs(job.env.0.iter().map(|(name, value)| (name, value)));
        command.current_dir(job.dir.as_deref().unwrap_or(Path::new("/")));
        command.stdin(if job.input.is_empty() { Stdio::null() } else { Stdio::piped() });
        // A group of its own: what make starts through a shell is stopped only with the whole group.
        command.stdout(Stdio::piped()).stderr(Stdio::piped()).process_group(0);
        let started = Instant::now();
        let mut child = spawn(&mut command).map_err(|error| {
            Failure::new(&codes::NO_PROGRAM, format!("cannot run {}", job.program.display())).because(error)
        })?;
        if let Some(mut stdin) = child.stdin.take() {
            let input = job.input.clone();
            // A program that does not read its input to the end says so by its exit code.
            thread::spawn(move || stdin.write_all(&input));
        }
        let (at_end, ends) = mpsc::channel();
        let stdout = child.stdout.take().map(|stream| Kept::of(stream, job.most, at_end.clone()));
        let stderr = child.stderr.take().map(|stream| Kept::of(stream, job.most, at_end));
        let own = started + job.limit;
        let end = self.deadline.map_or(own, |deadline| deadline.min(own));
        let is_unwanted = || !job.is_transaction && self.interrupt.is_raised();
        let is_late = !ends_before(&mut child, &ends, end, is_unwanted);
        if is_late {
            stop(&mut child, &ends, job.is_transaction);
        }
        let status = child.wait().map_err(|error| {
            Failure::new(&codes::NO_PROGRAM, format!("cannot wait for {}", job.program.display())).because(error)
        })?;
        // What a stopped program has started may live a moment longer: until the streams end, it may write.
        let (stdout, out_cut) = stdout.map(Kept::take).unwrap_or_default();
        let (stderr, err_cut) = stderr.map(Kept::take).unwrap_or_default();
        if is_late {
            self.interrupt.check()?;
        }
        if is_late && end < own {
            return Err(Failure::new(&codes::TOO_SLOW, format!("cannot finish {}", job.program.display()))
                .because("the time that --timeout gives is over")
                .hint("give more time with --timeout, then run the same command again"));
        }
        Ok(Ran { code: status.code(), is_late, stdout, stderr, is_cut: out_cut || err_cut })
    }
}

impl Job {
    /// A program with its arguments; it gets no input, and ten seconds.
    pub fn new<A: Into<OsString>>(program: impl Into<PathBuf>, args: impl IntoIterator<Item = A>) -> Self {
        Self {
            program: program.into(),
            args: args.into_iter().map(Into::into).collect(),
            input: Vec::new(),
            dir: None,
            env: Variables::default(),
            limit: Duration::from_secs(10),
            most: KEPT,
            is_transaction: false,
        }
    }

    /// Gives it something to read.
    #[must_use]
    pub fn input(mut self, input: impl Into<Vec<u8>>) -> Self {
        self.input = input.into();
        self
    }

    /// Starts it in another directory than the root.
    #[must_use]
    pub fn dir(mut self, dir: impl Into<PathBuf>) -> Self {
        self.dir = Some(dir.into());
        self
    }

    /// Lets it see more of the environment.
    #[must_use]
    pub fn env(mut self, variables: &[(OsString, OsString)]) -> Self {
        self.env.0.extend_from_slice(variables);
        self
    }

    /// Gives it another time.
    #[must_use]
    pub fn limit(mut self, limit: Duration) -> Self {
        self.limit = limit;
        self
    }

    /// Keeps up to `most` bytes of its output.
    #[must_use]
    pub fn keep(mut self, most: usize) -> Self {
        self.most = most;
        self
    }

    /// Lets it come to its end whatever signal comes: a package manager that is stopped leaves packages half installed.
    #[must_use]
    pub fn transaction(mut self) -> Self {
        self.is_transaction = true;
        self
    }
}

impl Ran {
    /// Whether it ended by itself and with exit code 0.
    pub fn is_success(&self) -> bool {
        self.code == Some(0) && !self.is_late
    }

    /// Everything it wrote, stdout first.
    pub fn text(&self) -> String {
        let lossy = String::from_utf8_lossy;
        format!("{}{}", lossy(&self.stdout), lossy(&self.stderr))
    }

    /// How it ended, and its last words: `exit 2: cc: fatal error`.
    pub fn last_words(&self) -> String {
        let end = match self.code {
            _ if self.is_late => "stopped when its time was over".to_owned(),
            Some(code) => format!("exit {code}"),
            None => "ended by a signal".to_owned(),
        };
        // stderr first: what it has is the reason.
        let spoken = [&self.stderr, &self.stdout].into_iter().find(|bytes| !bytes.trim_ascii().is_empty());
        let text = spoken.map(|bytes| String::from_utf8_lossy(bytes).into_owned()).unwrap_or_default();
        let lines: Vec<&str> = text.lines().map(str::trim).filter(|line| !line.is_empty()).collect();
        let last = lines[lines.len().saturating_sub(4)..].join("; ");
        if last.is_empty() { end } else { format!("{end}: {last}") }
    }
}

/// Whether `path` is a file that somebody may execute.
pub fn is_program(path: &Path) -> bool {
    path.metadata().is_ok_and(|meta| meta.is_file() && meta.permissions().mode() & 0o111 != 0)
}

/// Starts a program. One that has just been written is busy for a moment more where another thread starts a program at the
/// same time: until that one runs, it holds all files open that this process had open.
fn spawn(command: &mut Command) -> io::Result<Child> {
    let patience = Instant::now() + GRACE;
    loop {
        match command.spawn() {
            Err(error) if error.kind() == io::ErrorKind::ExecutableFileBusy && Instant::now() < patience => {
                thread::sleep(Duration::from_millis(2));
            }
            started => return started,
        }
    }
}

/// Whether it ends by itself, before the deadline and before it is not wanted any more.
///
/// A program that ends closes its streams a moment before: `ends` tells of each, so that a short one is not waited for
/// until the next look.
fn ends_before(child: &mut Child, ends: &Receiver<()>, deadline: Instant, is_unwanted: impl Fn() -> bool) -> bool {
    const SOON: Duration = Duration::from_micros(100);
    let mut pause = Duration::from_millis(1);
    loop {
        if !matches!(child.try_wait(), Ok(None)) {
            return true;
        }
        let left = deadline.saturating_duration_since(Instant::now());
        if left.is_zero() || is_unwanted() {
            return false;
        }
        match ends.recv_timeout(pause.min(left)) {
            Ok(()) => pause = SOON,
            Err(RecvTimeoutError::Timeout) => pause = (pause * 3 / 2).min(Duration::from_millis(20)),
            Err(RecvTimeoutError::Disconnected) => {
                thread::sleep(pause.min(left));
                pause = (pause * 3 / 2).min(Duration::from_millis(20));
            }
        }
    }
}

/// Asks first: a package manager ends what it has started when it is asked, and cannot when it is killed.
fn stop(child: &mut Child, ends: &Receiver<()>, is_transaction: bool) {
    let Some(pid) = i32::try_from(child.id()).ok().and_then(Pid::from_raw) else { return };
    let send = |signal| if is_transaction { kill_process(pid, signal) } else { kill_process_group(pid, signal) };
    let _ = send(Signal::TERM);
    if !ends_before(child, ends, Instant::now() + GRACE, || false) {
        let _ = send(Signal::KILL);
    }
}

/// The end of a stream, read by a thread of its own so that the program never waits for its reader.
struct Kept {
    tail: Arc<Mutex<(Vec<u8>, bool)>>,
    reader: JoinHandle<()>,
}

impl Kept {
    /// Reads `stream`, and says `at_end` when it is.
    fn of(mut stream: impl Read + Send + 'static, most: usize, at_end: Sender<()>) -> Self {
        let tail = Arc::new(Mutex::new((Vec::new(), false)));
        let shared = Arc::clone(&tail);
        let reader = thread::spawn(move || {
            let mut chunk = vec![0; 64 << 10];
            while let Ok(count @ 1..) = stream.read(&mut chunk) {
                let (kept, is_cut) = &mut *shared.lock().unwrap_or_else(PoisonError::into_inner);
                kept.extend_from_slice(&chunk[..count]);
                if kept.len() > most {
                    kept.drain(..kept.len() - most);
                    *is_cut = true;
                }
            }
            // Nobody listens any more where the program has ended first.
            let _ = at_end.send(());
        });
        Self { tail, reader }
    }

    /// What was kept. A grandchild may hold the stream open after the program has ended; it is not waited for.
    fn take(self) -> (Vec<u8>, bool) {
        let patience = Instant::now() + GRACE;
        while !self.reader.is_finished() && Instant::now() < patience {
            thread::sleep(Duration::from_micros(200));
        }
        std::mem::take(&mut *self.tail.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shell() -> Shell {
        Shell::new(OsStr::new("/usr/bin:/bin:relative"), Some("/home/somebody".into()), std::env::temp_dir())
    }

    fn sh(script: &str) -> Job {
        Job::new("/bin/sh", ["-c", script])
    }

    #[test]
    fn a_program_sees_a_cleared_environment() {
        let ran = shell().run(&Job::new("/usr/bin/env", [""; 0])).unwrap();
        let text = ran.text();
        let mut names: Vec<_> = text.lines().filter_map(|line| line.split('=').next()).collect();
        names.sort_unstable();
        assert_eq!(names, ["HOME", "LANG", "PATH", "TMPDIR"]);
        assert!(text.contains("PATH=/usr/bin:/bin\n"), "a relative directory is not searched: {text}");
    }

    #[test]
    fn a_program_that_does_not_end_is_stopped_and_what_it_said_is_kept() {
        let started = Instant::now();
        let ran = shell().run(&sh("echo hello; exec sleep 60").limit(Duration::from_millis(300))).unwrap();
        assert!(ran.is_late && !ran.is_success() && started.elapsed() < Duration::from_secs(5));
        assert_eq!(ran.last_words(), "stopped when its time was over: hello");
    }

    #[test]
    fn the_end_of_all_programs_comes_before_the_time_of_one() {
        let mut shell = shell();
        shell.end_at(Some(Instant::now() + Duration::from_millis(100)));
        assert_eq!(shell.run(&sh("exec sleep 60")).unwrap_err().code().id, "EC4035");
    }

    #[test]
    fn a_program_that_ignores_the_request_to_end_is_killed() {
        let ran = shell().run(&sh("trap '' TERM; while :; do :; done").limit(Duration::from_millis(100))).unwrap();
        assert!(ran.is_late && ran.code.is_none());
    }

    #[test]
    fn a_signal_ends_a_program_with_all_that_it_has_started_and_no_transaction() {
        let mut shell = shell();
        let interrupt = Interrupt::default();
        shell.heed(interrupt.clone());
        interrupt.raise(ec_shared::Exit::Interrupted);
        let started = Instant::now();
        assert_eq!(shell.run(&sh("sh -c 'sleep 60; true'; true")).unwrap_err().code().id, "EC9024");
        assert!(started.elapsed() < GRACE, "nobody holds the streams open any more");
        assert!(shell.run(&sh("sleep 0.1; echo done").transaction()).unwrap().is_success());
    }

    #[test]
    fn a_grandchild_that_holds_the_output_open_is_not_waited_for() {
        let started = Instant::now();
        assert!(shell().run(&sh("sleep 20 & echo done")).unwrap().is_success());
        assert!(started.elapsed() < Duration::from_secs(6));
    }

    #[test]
    fn of_too_much_output_the_end_is_kept() {
        let ran = shell().run(&sh("yes first | head -c 600000; echo last").keep(10)).unwrap();
        assert!(ran.is_cut);
        assert_eq!(ran.text(), "first\nlast\n"[1..].to_owned());
    }

    #[test]
    fn input_arrives_and_errors_are_told_with_their_last_words() {
        assert_eq!(shell().run(&Job::new("/bin/cat", [""; 0]).input("in")).unwrap().text(), "in");
        assert_eq!(shell().run(&sh("echo out; echo why >&2; exit 3")).unwrap().last_words(), "exit 3: why");
        assert_eq!(shell().run(&Job::new("/nonexistent", [""; 0])).unwrap_err().code().id, "EC4036");
    }
}
