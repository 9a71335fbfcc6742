//! As much HTTP/1.1 as AWS's clients and emulators speak: requests with a length, one answer per connection.

use std::io::{self, BufRead, BufReader, Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;

/// The id of every request that is answered from paper.
pub(crate) const REQUEST_ID: &str = "00000000-0000-0000-0000-000000000000";

/// A request.
#[derive(Clone, Debug)]
pub(crate) struct Request {
    /// `POST / HTTP/1.1`.
    pub(crate) line: String,
    /// Names in lower case, with their values.
    pub(crate) headers: Vec<(String, String)>,
    /// The body.
    pub(crate) body: Vec<u8>,
}

impl Request {
    /// A header's value.
    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(header, _)| header == name).map(|(_, value)| value.as_str())
    }

    fn read(stream: &TcpStream) -> io::Result<Self> {
        let mut reader = BufReader::new(stream);
        let mut line = String::new();
        reader.read_line(&mut line)?;
        let mut request = Self { line: line.trim_end().to_owned(), headers: Vec::new(), body: Vec::new() };
        loop {
            let mut header = String::new();
            if reader.read_line(&mut header)? == 0 || header.trim_end().is_empty() {
                break;
            }
            if let Some((name, value)) = header.trim_end().split_once(':') {
                request.headers.push((name.to_ascii_lowercase(), value.trim().to_owned()));
            }
        }
        let length = request.header("content-length").and_then(|text| text.parse().ok()).unwrap_or(0);
        request.body.resize(length, 0);
        reader.read_exact(&mut request.body)?;
        Ok(request)
    }
}

/// A listener on a free port of 127.0.0.1 with a thread per connection; it ends when dropped.
#[derive(Debug)]
pub(crate) struct Listener {
    address: SocketAddr,
    ended: Arc<AtomicBool>,
}

impl Listener {
    /// Gives every connection to `talk`.
    pub(crate) fn start(talk: impl Fn(TcpStream) + Send + Sync + 'static) -> Self {
        let listener = TcpListener::bind(("127.0.0.1", 0)).expect("a free port of 127.0.0.1");
        let address = listener.local_addr().expect("a bound socket has an address");
        let ended = Arc::new(AtomicBool::new(false));
        let (talk, over) = (Arc::new(talk), ended.clone());
        thread::spawn(move || {
            for stream in listener.incoming() {
                if over.load(Ordering::Acquire) {
                    break;
                }
                let talk = talk.clone();
                thread::spawn(move || stream.map(|stream| talk(stream)));
            }
        });
        Self { address, ended }
    }

    /// Answers every request with the whole answer, status line included, that `answer` gives.
    pub(crate) fn http(answer: impl Fn(Request) -> io::Result<Vec<u8>> + Send + Sync + 'static) -> Self {
        Self::start(move |mut stream| {
            let answered = Request::read(&stream).and_then(&answer).and_then(|bytes| stream.write_all(&bytes));
            // A client that left early has no use for the answer.
            drop(answered);
        })
    }

    pub(crate) fn address(&self) -> SocketAddr {
        self.address
    }
}

impl Drop for Listener {
    fn drop(&mut self) {
        self.ended.store(true, Ordering::Release);
        // Wakes the thread that accepts.
        let _ = TcpStream::connect(self.address);
    }
}

/// A whole answer with a body, and the request id that AWS sends with each.
pub(crate) fn answer(status: &str, content_type: &str, body: &str) -> Vec<u8> {
    let length = body.len();
    format!(
        "HTTP/1.1 {status}\r\nContent-Type: {content_type}\r\nContent-Length: {length}\r\nConnection: close\r\n\
         x-amzn-RequestId: {REQUEST_ID}\r\n\r\n{body}"
    )
    .into_bytes()
}

/// Sends a request and gives the whole answer.
pub(crate) fn exchange(to: &str, request: &Request) -> io::Result<Vec<u8>> {
    let mut stream = TcpStream::connect(to)?;
    let mut bytes = format!("{}\r\n", request.line).into_bytes();
    for (name, value) in request.headers.iter().filter(|(name, _)| name != "connection") {
        bytes.extend(format!("{name}: {value}\r\n").into_bytes());
    }
    bytes.extend_from_slice(b"connection: close\r\n\r\n");
    bytes.extend_from_slice(&request.body);
    stream.write_all(&bytes)?;
    let mut whole = Vec::new();
    stream.read_to_end(&mut whole)?;
    Ok(whole)
}
