//! A server process: started on a free loopback port, waited for until it answers, ended with its owner.

use std::collections::BTreeSet;
use std::fs::{self, OpenOptions};
use std::net::TcpListener;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::{Mutex, OnceLock, mpsc};
use std::thread;
use std::time::{Duration, Instant};

use tempfile::TempDir;

const PATIENCE: Duration = Duration::from_secs(60);

/// A port of 127.0.0.1 that nobody listens on. No port is given twice: a server that starts slowly would not have it yet
/// when the next one looks, which then takes the first one's answers for its own.
pub fn free_port() -> u16 {
    static GIVEN: Mutex<BTreeSet<u16>> = Mutex::new(BTreeSet::new());
    loop {
        let listener = TcpListener::bind(("127.0.0.1", 0)).expect("a free port of 127.0.0.1");
        let port = listener.local_addr().expect("a bound socket has an address").port();
        if GIVEN.lock().expect("nobody panics with the lock").insert(port) {
            return port;
        }
    }
}

/// Waits until a condition holds, for a minute at most.
///
/// # Panics
/// If it does not come to hold; `what` names it.
#[track_caller]
pub fn wait_until(what: &str, mut holds: impl FnMut() -> bool) {
    let deadline = Instant::now() + PATIENCE;
    while !holds() {
        assert!(Instant::now() < deadline, "waited {PATIENCE:?} in vain: {what}");
        thread::sleep(Duration::from_millis(10));
    }
}

/// A server process. It is killed and reaped when dropped, and dies with the test run in any case.
#[derive(Debug)]
pub struct Server {
    name: String,
    command: Command,
    child: Mutex<Child>,
    port: u16,
    directory: TempDir,
}

impl Server {
    /// Starts a server on a free port and waits until it answers. `command` gets the port and a scratch directory;
    /// `answers` asks the server something.
    ///
    /// # Panics
    /// If the server ends early or never answers; its log stands in the message.
    pub fn start(name: &str, command: impl Fn(u16, &Path) -> Command, answers: impl Fn(u16, &Path) -> bool) -> Self {
        // Between the look for a free port and its use, another process may take it.
        const TRIES: usize = 3;
        for attempt in 1.. {
            let directory = tempfile::tempdir().expect("a scratch directory");
            let port = free_port();
            let command = command(port, directory.path());
            let child = Mutex::new(begin(&command, directory.path()));
            let server = Self { name: name.to_owned(), command, child, port, directory };
            let deadline = Instant::now() + PATIENCE;
            loop {
                if server.has_ended() {
                    assert!(attempt < TRIES, "{name} ended at once\n{}", server.log());
                    break;
                }
                if answers(port, server.directory.path()) {
                    return server;
                }
                assert!(Instant::now() < deadline, "{name} does not answer\n{}", server.log());
                thread::sleep(Duration::from_millis(10));
            }
        }
        unreachable!("the last try returns or panics")
    }

    /// The port on 127.0.0.1.
    pub fn port(&self) -> u16 {
        self.port
    }

    /// The server's scratch directory.
    pub fn directory(&self) -> &Path {
        self.directory.path()
    }

    /// What the server has logged.
    pub fn log(&self) -> String {
        fs::read_to_string(self.directory.path().join("log")).unwrap_or_default()
    }

    /// Ends the server now. Its port then refuses connections.
    pub fn stop(&self) {
        let mut child = self.child.lock().expect("nobody panics with the lock");
        let _ = child.kill();
        let _ = child.wait();
    }

    /// Starts the server that was stopped once more, on the same port, and does not wait for it.
    pub fn restart(&self) {
        *self.child.lock().expect("nobody panics with the lock") = begin(&self.command, self.directory.path());
    }

    fn has_ended(&self) -> bool {
        let mut child = self.child.lock().expect("nobody panics with the lock");
        !matches!(child.try_wait(), Ok(None))
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.stop();
        if thread::panicking() {
            // The test runner shows this with the failed test.
            let log = self.log();
            let from = log.lines().count().saturating_sub(40);
            let tail: Vec<&str> = log.lines().skip(from).collect();
            #[expect(clippy::print_stderr, reason = "goes to the test runner")]
            {
                eprintln!("--- log of {} on port {}\n{}", self.name, self.port, tail.join("\n"));
            }
        }
    }
}

/// Starts the command; what it says goes behind what stands in the log.
fn begin(command: &Command, directory: &Path) -> Child {
    let log = OpenOptions::new().append(true).create(true).open(directory.join("log")).expect("a log file");
    let mut command = tied_to_this_process(command);
    command.stdin(Stdio::null()).stdout(log.try_clone().expect("a second handle")).stderr(log);
    spawn(command)
}

/// The same command, killed by the kernel when the process that starts it ends: a server that tests share, or whose
/// test run was killed, has no one to drop it.
fn tied_to_this_process(command: &Command) -> Command {
    let mut tied = Command::new("setpriv");
    tied.args(["--pdeathsig", "KILL", "--"]).arg(command.get_program()).args(command.get_args()).env_clear();
    tied.env("PATH", "/usr/local/bin:/usr/bin:/bin:/usr/sbin").env("LC_ALL", "C");
    for (name, value) in command.get_envs() {
        if let Some(value) = value {
            tied.env(name, value);
        }
    }
    if let Some(directory) = command.get_current_dir() {
        tied.current_dir(directory);
    }
    tied
}

/// Spawns from a thread that lives as long as the process. The kernel ties a child to the thread that started it, and
/// a test's thread ends before the tests that share its server.
fn spawn(command: Command) -> Child {
    type Order = (Command, mpsc::Sender<std::io::Result<Child>>);
    static NURSERY: OnceLock<Mutex<mpsc::Sender<Order>>> = OnceLock::new();
    let nursery = NURSERY.get_or_init(|| {
        let (sender, orders) = mpsc::channel::<Order>();
        thread::spawn(move || {
            for (mut command, answer) in orders {
                let _ = answer.send(command.spawn());
            }
        });
        Mutex::new(sender)
    });
    let (sender, answer) = mpsc::channel();
    let shown = format!("{command:?}");
    nursery.lock().expect("nobody panics with the lock").send((command, sender)).expect("the nursery lives");
    answer.recv().expect("the nursery answers").unwrap_or_else(|error| panic!("cannot start {shown}: {error}"))
}
