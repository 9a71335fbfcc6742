//! `make demo`: the main job end to end, also when the ports are taken, when it runs twice, and when it is interrupted.
#![expect(clippy::expect_used, reason = "a test that cannot be set up has failed")]

use std::fs::{self, File};
use std::net::TcpListener;
use std::os::unix::process::{CommandExt, ExitStatusExt};
use std::path::Path;
use std::process::{Child, Command, Stdio};

use ec_tests::{binaries, need, wait_until};
use rustix::process::{Pid, Signal, kill_process_group};

/// A demo under way, with a directory of its own for all that it writes.
struct Demo {
    child: Child,
    scratch: tempfile::TempDir,
}

impl Demo {
    fn start() -> Self {
        let scratch = tempfile::tempdir().expect("a scratch directory");
        fs::create_dir(scratch.path().join("tmp")).expect("a directory");
        let shown = File::create(scratch.path().join("shown")).expect("a file");
        let child = Command::new(concat!(env!("CARGO_MANIFEST_DIR"), "/../demo/run"))
            .arg(binaries())
            .env("TMPDIR", scratch.path().join("tmp"))
            .env("AWS_PROFILE", "somebody-elses")
            .process_group(0)
            .stdin(Stdio::null())
            .stderr(shown.try_clone().expect("a second handle"))
            .stdout(shown)
            .spawn()
            .expect("the demo starts");
        Self { child, scratch }
    }

    fn shown(&self) -> String {
        fs::read_to_string(self.scratch.path().join("shown")).unwrap_or_default()
    }

    fn signal(&self, signal: Signal) {
        let group = i32::try_from(self.child.id()).ok().and_then(Pid::from_raw).expect("a process id");
        kill_process_group(group, signal).expect("the demo still runs");
    }

    #[track_caller]
    fn assert_ends_well(&mut self) {
        let status = self.child.wait().expect("the demo ends");
        assert_eq!(status.code(), Some(0), "{}", self.shown());
        self.assert_nothing_is_left();
    }

    #[track_caller]
    fn assert_nothing_is_left(&self) {
        let tmp = self.scratch.path().join("tmp");
        wait_until("the demo's servers end", || running_in(&tmp).is_empty());
        assert_eq!(fs::read_dir(&tmp).expect("the directory is there").count(), 0, "{}", self.shown());
    }
}

/// The processes whose working directory lies in a directory.
fn running_in(directory: &Path) -> Vec<String> {
    let processes = fs::read_dir("/proc").expect("processes can be listed").flatten();
    processes
        .filter(|process| fs::read_link(process.path().join("cwd")).is_ok_and(|cwd| cwd.starts_with(directory)))
        .map(|process| process.file_name().to_string_lossy().into_owned())
        .collect()
}

#[test]
fn two_demos_at_once_with_the_usual_port_taken_both_end_well() {
    need!("valkey-server", "valkey-cli", "ministack", "openssl", "jq");
    // If somebody else has it, all the better.
    let _taken = TcpListener::bind(("127.0.0.1", 6379));
    let mut demos = [Demo::start(), Demo::start()];
    for demo in &mut demos {
        demo.assert_ends_well();
        let shown = demo.shown();
        for expected in ["ok: true", "hello from the demo", "EC1004", "0 ingress rules", "0 policies of role app"] {
            assert!(shown.contains(expected), "it does not show `{expected}`\n{shown}");
        }
    }
}

#[test]
fn an_interrupted_demo_leaves_nothing() {
    need!("valkey-server", "valkey-cli", "ministack", "openssl", "jq");
    for (signal, code) in [(Signal::INT, 130), (Signal::TERM, 143)] {
        let mut demo = Demo::start();
        wait_until("the demo comes to the pipe", || demo.shown().contains("== The pipe"));
        demo.signal(signal);
        let status = demo.child.wait().expect("the demo ends");
        assert_eq!(status.code().or(status.signal().map(|signal| 128 + signal)), Some(code), "{}", demo.shown());
        demo.assert_nothing_is_left();
    }
}

#[test]
fn the_servers_of_a_demo_that_is_killed_end_with_it() {
    need!("valkey-server", "valkey-cli", "ministack", "openssl", "jq");
    let mut demo = Demo::start();
    wait_until("the demo comes to the pipe", || demo.shown().contains("== The pipe"));
    let tmp = demo.scratch.path().join("tmp");
    assert!(!running_in(&tmp).is_empty());
    demo.child.kill().expect("the demo still runs");
    demo.child.wait().expect("the demo ends");
    wait_until("the demo's servers end", || running_in(&tmp).is_empty());
}
