//! OpenSSH's server as a bastion: on loopback, with a host key of its own, for whoever runs the tests.

use std::fmt::Write as _;
use std::fs;
use std::net::TcpStream;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::Mutex;

use tempfile::TempDir;

use crate::need;
use crate::server::{Server, free_port, wait_until};

/// A running server, and the files of a client that may log in. Nothing of `~/.ssh` is read or written.
#[derive(Debug)]
pub struct Sshd {
    server: Server,
    client: TempDir,
    proxies: Mutex<Vec<Child>>,
}

impl Sshd {
    /// A bastion that connects to anywhere.
    pub fn start() -> Self {
        Self::with(&[])
    }

    /// A bastion with these lines of sshd_config, which win over the harness's own.
    ///
    /// # Panics
    /// If sshd does not start.
    pub fn with(lines: &[&str]) -> Self {
        let program = need::find("sshd").unwrap_or_else(|| panic!("sshd is not installed; ask need! first"));
        if rustix::process::getuid().is_root() {
            // As root it insists on this directory, which the service's unit makes.
            fs::create_dir_all("/run/sshd").expect("a directory for sshd");
        }
        let client = tempfile::tempdir().expect("a scratch directory");
        let key = key(client.path(), "id");
        self::key(client.path(), "id_of_stranger");
        let server = Server::start(
            "sshd",
            |port, directory| {
                self::key(directory, "host_key");
                fs::copy(key.with_extension("pub"), directory.join("authorized_keys")).expect("authorized keys");
                let own = directory.display();
                let mut config = String::new();
                for line in lines {
                    let _ = writeln!(config, "{line}");
                }
                let _ = write!(
                    config,
                    "ListenAddress 127.0.0.1\nPort {port}\nHostKey {own}/host_key\nPidFile none\n\
                     AuthorizedKeysFile {own}/authorized_keys\nStrictModes no\nUsePAM no\nPermitRootLogin yes\n\
                     PasswordAuthentication no\nKbdInteractiveAuthentication no\nMaxStartups 100\nMaxSessions 100\n\
                     UseDNS no\nLogLevel VERBOSE\n"
                );
                fs::write(directory.join("sshd_config"), config).expect("a configuration");
                let mut command = Command::new(&program);
                command.args(["-D", "-e", "-f"]).arg(directory.join("sshd_config"));
                command
            },
            |port, _| TcpStream::connect(("127.0.0.1", port)).is_ok(),
        );
        let host_key = fs::read_to_string(server.directory().join("host_key.pub")).expect("the host key");
        let known = format!("[127.0.0.1]:{} {host_key}", server.port());
        fs::write(client.path().join("known_hosts"), known).expect("known hosts");
        let bastion = Self { server, client, proxies: Mutex::default() };
        bastion.configure("config", "id", "known_hosts");
        bastion.configure("config_of_stranger", "id_of_stranger", "known_hosts");
        bastion.configure("config_without_host_key", "id", "none");
        bastion
    }

    /// `ssh -F CONFIG`, for who may log in at the host `bastion`.
    pub fn ssh(&self) -> String {
        self.ssh_with("config")
    }

    /// The same for somebody whose key the bastion does not know.
    pub fn ssh_of_stranger(&self) -> String {
        self.ssh_with("config_of_stranger")
    }

    /// The same for somebody who does not know the bastion's host key.
    pub fn ssh_without_host_key(&self) -> String {
        self.ssh_with("config_without_host_key")
    }

    /// The port on 127.0.0.1.
    pub fn port(&self) -> u16 {
        self.server.port()
    }

    /// What the bastion has logged.
    pub fn log(&self) -> String {
        self.server.log()
    }

    /// Opens a SOCKS5 proxy with `ssh -D`, and gives its `127.0.0.1:PORT`. It ends with the bastion.
    pub fn socks5(&self) -> String {
        let proxy = format!("127.0.0.1:{}", free_port());
        self.forward(&["-D", &proxy], &proxy);
        proxy
    }

    /// Opens a tunnel to `target` with `ssh -L`, and gives its near end. It ends with the bastion.
    pub fn tunnel(&self, target: &str) -> String {
        let end = format!("127.0.0.1:{}", free_port());
        self.forward(&["-L", &format!("{end}:{target}")], &end);
        end
    }

    fn forward(&self, args: &[&str], listens: &str) {
        let mut command = Command::new("setpriv");
        command.args(["--pdeathsig", "KILL", "--", "ssh", "-F"]).arg(self.client.path().join("config"));
        command.arg("-N").args(args).arg("bastion");
        command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
        let child = command.spawn().expect("ssh starts");
        self.proxies.lock().expect("nobody panics with the lock").push(child);
        wait_until("ssh forwards", || TcpStream::connect(listens).is_ok());
    }

    fn ssh_with(&self, config: &str) -> String {
        format!("ssh -F {}", self.client.path().join(config).display())
    }

    fn configure(&self, name: &str, key: &str, known_hosts: &str) {
        let (own, port) = (self.client.path().display(), self.port());
        let config = format!(
            "Host *\nHostName 127.0.0.1\nPort {port}\nIdentityFile {own}/{key}\nIdentitiesOnly yes\nIdentityAgent none\n\
             UserKnownHostsFile {own}/{known_hosts}\nGlobalKnownHostsFile none\nStrictHostKeyChecking yes\n\
             BatchMode yes\nControlPath none\n"
        );
        fs::write(self.client.path().join(name), config).expect("a configuration");
    }
}

impl Drop for Sshd {
    fn drop(&mut self) {
        for child in self.proxies.get_mut().expect("nobody panics with the lock") {
            let _ = child.kill();
            let _ = child.wait();
        }
    }
}

/// A new key without a passphrase.
fn key(directory: &Path, name: &str) -> PathBuf {
    let path = directory.join(name);
    let made = Command::new("ssh-keygen").args(["-q", "-t", "ed25519", "-N", "", "-C", name, "-f"]).arg(&path).output();
    assert!(made.is_ok_and(|made| made.status.success()), "ssh-keygen makes a key");
    fs::set_permissions(&path, fs::Permissions::from_mode(0o600)).expect("a mode");
    path
}
