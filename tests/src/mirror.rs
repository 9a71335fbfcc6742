//! A server that has a file, on https alone, and gives it in every way that goes wrong.

use std::io::{self, Read, Write};
use std::net::TcpStream;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;
use std::time::Duration;

use rustls::{ServerConfig, ServerConnection, Stream};

use crate::certs::Identity;

use crate::rude::Rude;

/// The server; it ends when dropped.
///
/// | path | what comes |
/// |---|---|
/// | `/good` | the file |
/// | `/damaged` | the file with one bit turned |
/// | `/damaged-once` | that at first, then the file |
/// | `/short` | half of it, then the end |
/// | `/slow` | the file, sixteen bytes a second |
/// | `/moved`, `/far` | to `/good`, by a path alone and by a whole address |
/// | `/off-https` | to http |
/// | anything else | 404 |
#[derive(Debug)]
pub struct Mirror {
    server: Rude,
    asked: Arc<AtomicUsize>,
}

impl Mirror {
    /// A mirror of `file`, with the certificate of `identity`.
    pub fn new(identity: &Identity, file: Vec<u8>) -> Self {
        let config = identity.server_config();
        let (config, asked) = (Arc::new(config), Arc::new(AtomicUsize::new(0)));
        let count = Arc::clone(&asked);
        // A client that does not like the certificate, or what comes, hangs up.
        let server = Rude::new(move |stream| drop(serve(stream, &config, &file, &count)));
        Self { server, asked }
    }

    /// The address of a path.
    pub fn url(&self, path: &str) -> String {
        format!("https://localhost:{}{path}", self.server.address().port())
    }

    /// How often it was asked for anything.
    pub fn asked(&self) -> usize {
        self.asked.load(Ordering::SeqCst)
    }
}

fn serve(mut tcp: TcpStream, config: &Arc<ServerConfig>, file: &[u8], asked: &AtomicUsize) -> io::Result<()> {
    tcp.set_read_timeout(Some(Duration::from_secs(10)))?;
    let mut session = ServerConnection::new(Arc::clone(config)).map_err(io::Error::other)?;
    let mut stream = Stream::new(&mut session, &mut tcp);
    let mut received = Vec::new();
    let mut chunk = [0; 4096];
    while !received.windows(4).any(|end| end == b"\r\n\r\n") {
        let count @ 1.. = stream.read(&mut chunk)? else { return Ok(()) };
        received.extend_from_slice(&chunk[..count]);
    }
    let head = String::from_utf8_lossy(&received);
    let host = head.lines().find_map(|line| line.strip_prefix("Host: ")).unwrap_or_default();
    let count = asked.fetch_add(1, Ordering::SeqCst);
    let mut damaged = file.to_vec();
    damaged[file.len() / 2] ^= 1;
    let moved =
        |to: &str| format!("HTTP/1.1 302 Found\r\nLocation: {to}\r\nContent-Length: 0\r\nConnection: close\r\n\r\n");
    let found = format!("HTTP/1.1 200 OK\r\nContent-Length: {}\r\nConnection: close\r\n\r\n", file.len());
    let (head, body): (String, &[u8]) = match head.split(' ').nth(1) {
        Some("/good" | "/slow") => (found, file),
        Some("/damaged-once") if count > 0 => (found, file),
        Some("/damaged" | "/damaged-once") => (found, &damaged),
        Some("/short") => (found, &file[..file.len() / 2]),
        Some("/moved") => (moved("/good"), b""),
        Some("/far") => (moved(&format!("https://{host}/good")), b""),
        Some("/off-https") => (moved("http://localhost:9/good"), b""),
        _ => ("HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\nConnection: close\r\n\r\n".to_owned(), b""),
    };
    let is_slow = String::from_utf8_lossy(&received).contains(" /slow ");
    stream.write_all(head.as_bytes())?;
    for part in body.chunks(if is_slow { 16 } else { usize::MAX }) {
        stream.write_all(part)?;
        stream.flush()?;
        if is_slow {
            thread::sleep(Duration::from_secs(1));
        }
    }
    session.send_close_notify();
    session.write_tls(&mut tcp).map(drop)
}
