//! A network of a test's own: loopback, and what the test adds to it, under its own `/etc/resolv.conf` and `/etc/hosts`.
//!
//! The test starts itself a second time in new namespaces and does its work there, so that all of this package's servers
//! can be used as everywhere else, on any port. It needs root, or a kernel that lets users have namespaces.

use std::fs;
use std::path::Path;
use std::process::{Command, Stdio};
use std::{env, thread};

use tempfile::TempDir;

use crate::need::{is_installed, skip};

/// Set for the second start.
const INSIDE: &str = "EC_TESTS_PRIVATE_NETWORK";

/// The network that the test runs in.
#[derive(Debug)]
pub struct PrivateNetwork {
    files: TempDir,
}

impl PrivateNetwork {
    /// Runs `test` in a network of its own, which knows no name and no DNS server; the calling test ends as `test` does.
    ///
    /// # Panics
    /// If `test` does.
    pub fn run(test: impl FnOnce(&Self)) {
        if env::var_os(INSIDE).is_some() {
            let network = Self { files: tempfile::tempdir().expect("a scratch directory") };
            network.ip("link set lo up");
            network.hosts("127.0.0.1 localhost\n");
            network.resolv_conf("");
            return test(&network);
        }
        if let Some(missing) = ["unshare", "ip", "mount"].into_iter().find(|program| !is_installed(program)) {
            skip(&format!("{missing} is not installed; tests/setup installs it"));
            return;
        }
        if !is_permitted() {
            skip("this user may have no network of its own: run as root, or allow unprivileged user namespaces");
            return;
        }
        let name = thread::current().name().expect("the test runner names a test's thread").to_owned();
        let this = env::current_exe().expect("a test knows its own executable");
        let mut command = unshare();
        command.arg(this).args(["--exact", &name, "--nocapture", "--test-threads=1"]).env(INSIDE, "1");
        let output = command.stdin(Stdio::null()).output().expect("unshare runs");
        let (stdout, stderr) = (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
        assert!(output.status.success(), "in a network of its own:\n{stdout}\n{stderr}");
        assert!(stdout.contains("1 passed"), "the test was not found there:\n{stdout}\n{stderr}");
    }

    /// What `/etc/resolv.conf` says from now on.
    pub fn resolv_conf(&self, text: &str) {
        self.put("resolv.conf", text);
    }

    /// What `/etc/hosts` says from now on.
    pub fn hosts(&self, text: &str) {
        self.put("hosts", text);
    }

    /// Changes links, addresses, neighbours or routes with ip(8).
    pub fn ip(&self, words: &str) {
        run(Command::new("ip").args(words.split(' ')).env("PATH", PATH), words);
    }

    /// A wire to nowhere: what is sent to 192.0.2.9 leaves this machine and gets lost; of all other addresses in
    /// 192.0.2.0/24 nobody on the wire says that they are there.
    pub fn wire_to_nowhere(&self) {
        self.ip("link add name near type veth peer name far");
        self.ip("link set near up");
        self.ip("link set far up");
        self.ip("addr add 192.0.2.1/24 dev near");
        // Somebody seems to be there, but the other end of the wire has another address and drops what it gets.
        self.ip("neigh add 192.0.2.9 lladdr 02:00:00:00:00:09 dev near nud permanent");
    }

    /// Lays a file over one of /etc; only this network sees it.
    fn put(&self, name: &str, text: &str) {
        let (file, target) = (self.files.path().join(name), Path::new("/etc").join(name));
        let is_new = !file.exists();
        fs::write(&file, text).expect("a file");
        if is_new {
            let target = fs::canonicalize(&target).unwrap_or(target);
            run(Command::new("mount").arg("--bind").arg(&file).arg(&target).env("PATH", PATH), name);
        }
    }
}

const PATH: &str = "/usr/sbin:/usr/bin:/sbin:/bin";

/// A command in a network and a file system of its own.
fn unshare() -> Command {
    let mut command = Command::new("unshare");
    command.args(["--mount", "--net", "--propagation", "private"]);
    if !rustix::process::getuid().is_root() {
        command.arg("--map-root-user");
    }
    command
}

fn is_permitted() -> bool {
    let mut command = unshare();
    command.args(["sh", "-c", "ip link set lo up && mount --bind /etc/hosts /etc/hosts"]).env("PATH", PATH);
    command.stdout(Stdio::null()).stderr(Stdio::null()).status().is_ok_and(|status| status.success())
}

fn run(command: &mut Command, what: &str) {
    let output = command.output().expect("a program of the system runs");
    assert!(output.status.success(), "{what}: {}", String::from_utf8_lossy(&output.stderr));
}
