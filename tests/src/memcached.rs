//! Memcached, plain and with TLS.

use std::io::{self, BufRead, BufReader, Write};
use std::net::TcpStream;
use std::process::Command;
use std::time::Duration;

use crate::certs::{Certs, Identity};
use crate::need;
use crate::server::Server;

/// A running server.
#[derive(Debug)]
pub struct Memcached {
    server: Server,
}

impl Memcached {
    /// A server that speaks plain text.
    pub fn plain() -> Self {
        Self::start(None)
    }

    /// A server that speaks TLS only, with the good certificate for `localhost` and `127.0.0.1`.
    pub fn tls(certs: &Certs) -> Self {
        Self::start(Some(&certs.server()))
    }

    /// The port on 127.0.0.1.
    pub fn port(&self) -> u16 {
        self.server.port()
    }

    /// `127.0.0.1:PORT`.
    pub fn endpoint(&self) -> String {
        format!("127.0.0.1:{}", self.port())
    }

    /// Ends the server now; its port then refuses connections.
    pub fn stop(&self) {
        self.server.stop();
    }

    fn start(tls: Option<&Identity>) -> Self {
        let program = need::find("memcached").unwrap_or_else(|| panic!("memcached is not installed; ask need! first"));
        let server = Server::start(
            "memcached",
            |port, _| {
                let mut command = Command::new(&program);
                command.args(["-l", "127.0.0.1", "-U", "0", "-t", "1", "-p", &port.to_string()]);
                if rustix::process::getuid().is_root() {
                    // As root it insists on being told whom to run as.
                    command.args(["-u", "root"]);
                }
                if let Some(identity) = tls {
                    let (cert, key) = (identity.cert.display(), identity.key.display());
                    command.args(["-Z", "-o", &format!("ssl_chain_cert={cert},ssl_key={key}")]);
                }
                command
            },
            |port, _| answers(port, tls.is_some()),
        );
        Self { server }
    }
}

/// Plain, it tells its version. With TLS, it meets plain text with an alert, or hangs up.
fn answers(port: u16, tls: bool) -> bool {
    let Ok(mut stream) = TcpStream::connect(("127.0.0.1", port)) else { return false };
    let _ = stream.set_read_timeout(Some(Duration::from_secs(5)));
    let mut line = String::new();
    let sent = stream.write_all(b"version\r\n");
    let read = BufReader::new(stream).read_line(&mut line);
    sent.is_ok() && if tls { !read.as_ref().is_err_and(is_silence) } else { line.starts_with("VERSION ") }
}

fn is_silence(error: &io::Error) -> bool {
    matches!(error.kind(), io::ErrorKind::WouldBlock | io::ErrorKind::TimedOut)
}
