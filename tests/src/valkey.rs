//! Valkey, or Redis OSS where Valkey is not installed: plain, with TLS, with users.

use std::fmt::Write as _;
use std::io::{BufRead, BufReader, Read, Write};
use std::os::unix::net::UnixStream;
use std::path::Path;
use std::process::Command;
use std::time::Duration;

use crate::certs::{Certs, Identity};
use crate::need;
use crate::server::{Server, wait_until};

/// How a server is to run. Without anything: plain text, nobody asked for a password.
#[derive(Clone, Debug, Default)]
pub struct ValkeyOptions {
    /// The program; `valkey-server`, else `redis-server`, unless said.
    pub program: Option<String>,
    /// The server's certificate and key; with one, the port speaks TLS and nothing else.
    pub tls: Option<Identity>,
    /// The default user's password (`requirepass`).
    pub password: Option<String>,
    /// Users, in the words of an ACL file: `app on >secret ~* +@all`.
    pub users: Vec<String>,
    /// Further arguments.
    pub args: Vec<String>,
    /// The port of the cluster's bus, where the arguments name one.
    pub bus: Option<u16>,
}

/// A running server.
#[derive(Debug)]
pub struct Valkey {
    server: Server,
    password: Option<String>,
    bus: Option<u16>,
}

impl Valkey {
    /// A server that speaks plain text and asks nobody for a password.
    pub fn plain() -> Self {
        Self::with(ValkeyOptions::default())
    }

    /// A server that speaks TLS only, with the good certificate for `localhost` and `127.0.0.1`.
    pub fn tls(certs: &Certs) -> Self {
        Self::with(ValkeyOptions { tls: Some(certs.server()), ..ValkeyOptions::default() })
    }

    /// Redis OSS instead of Valkey, plain.
    pub fn redis() -> Self {
        Self::with(ValkeyOptions { program: Some("redis-server".to_owned()), ..ValkeyOptions::default() })
    }

    /// A server with the options given.
    pub fn with(options: ValkeyOptions) -> Self {
        let named = options.program.as_deref().unwrap_or("valkey-server");
        let program = need::find(named).or_else(|| need::find("redis-server"));
        let program = program.unwrap_or_else(|| panic!("{named} is not installed; ask need! first"));
        let server = Server::start(
            named,
            |port, directory| {
                let mut command = Command::new(&program);
                command.args(["--bind", "127.0.0.1", "--save", "", "--appendonly", "no", "--daemonize", "no"]);
                command.arg("--dir").arg(directory).arg("--unixsocket").arg(directory.join("socket"));
                let port = port.to_string();
                match &options.tls {
                    None => command.args(["--port", &port]),
                    Some(identity) => command
                        .args(["--port", "0", "--tls-port", &port, "--tls-auth-clients", "no", "--tls-cert-file"])
                        .arg(&identity.cert)
                        .arg("--tls-key-file")
                        .arg(&identity.key)
                        .arg("--tls-ca-cert-file")
                        .arg(&identity.cert),
                };
                if let Some(password) = &options.password {
                    command.args(["--requirepass", password]);
                }
                for user in &options.users {
                    command.arg("--user").args(user.split_whitespace());
                }
                command.args(&options.args);
                command
            },
            |_, directory| ask(&directory.join("socket"), &["PING"]).is_some(),
        );
        Self { server, password: options.password, bus: options.bus }
    }

    /// The port on 127.0.0.1.
    pub fn port(&self) -> u16 {
        self.server.port()
    }

    /// `127.0.0.1:PORT`.
    pub fn endpoint(&self) -> String {
        format!("127.0.0.1:{}", self.port())
    }

    /// The port of the cluster's bus.
    ///
    /// # Panics
    /// If the options name none.
    pub fn bus_port(&self) -> u16 {
        self.bus.expect("a cluster's node")
    }

    /// Ends the server now; its port then refuses connections.
    pub fn stop(&self) {
        self.server.stop();
    }

    /// Starts the server that was stopped once more, on the same port, and waits until it answers.
    pub fn restart(&self) {
        self.server.restart();
        let socket = self.server.directory().join("socket");
        wait_until("the server answers again", || ask(&socket, &["PING"]).is_some());
    }

    /// What the server has logged.
    pub fn log(&self) -> String {
        self.server.log()
    }

    /// Sends a command as the default user, past TLS and network; the answer as the server wrote it.
    ///
    /// # Panics
    /// If the server does not answer.
    pub fn command(&self, words: &[&str]) -> String {
        let socket = self.server.directory().join("socket");
        let mut lines: Vec<&[&str]> = Vec::new();
        let auth = self.password.as_deref().map(|password| ["AUTH", password]);
        lines.extend(auth.as_ref().map(<[&str; 2]>::as_slice));
        lines.push(words);
        exchange(&socket, &lines).unwrap_or_else(|| panic!("the server does not answer {words:?}\n{}", self.log()))
    }
}

fn ask(socket: &Path, words: &[&str]) -> Option<String> {
    exchange(socket, &[words])
}

/// Sends commands one after the other; the last answer: a line, or the bytes of a bulk string.
fn exchange(socket: &Path, commands: &[&[&str]]) -> Option<String> {
    let mut stream = UnixStream::connect(socket).ok()?;
    stream.set_read_timeout(Some(Duration::from_secs(5))).ok()?;
    let mut reader = BufReader::new(stream.try_clone().ok()?);
    let mut answer = String::new();
    for words in commands {
        let mut request = format!("*{}\r\n", words.len());
        for word in *words {
            let _ = write!(request, "${}\r\n{word}\r\n", word.len());
        }
        stream.write_all(request.as_bytes()).ok()?;
        answer.clear();
        if reader.read_line(&mut answer).ok()? == 0 {
            return None;
        }
        if let Some(length) = answer.strip_prefix('$').and_then(|text| text.trim().parse::<usize>().ok()) {
            let mut bulk = vec![0; length + 2];
            reader.read_exact(&mut bulk).ok()?;
            answer = String::from_utf8_lossy(&bulk[..length]).into_owned();
        }
    }
    Some(answer.trim_end().to_owned())
}
