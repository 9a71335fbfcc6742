//! The configuration endpoint of a Memcached cluster: it answers auto discovery with the documented bytes, and has a real
//! Memcached behind it for everything else. No emulator speaks this.
//!
//! Source: <https://docs.aws.amazon.com/AmazonElastiCache/latest/dg/AutoDiscovery.AddingToYourClientLibrary.html>

use std::io::{self, BufRead, BufReader, Read, Write};
use std::net::TcpStream;
use std::sync::{Arc, Mutex};

use rustls::{ServerConnection, StreamOwned};

use crate::certs::Identity;
use crate::http::Listener;
use crate::memcached::Memcached;

/// A connection, plain or with TLS.
trait Stream: Read + Write {}
impl<T: Read + Write> Stream for T {}

/// How a configuration endpoint understands the question.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Form {
    /// `config get cluster`, from 1.4.14 on.
    Config,
    /// `get AmazonElastiCache:cluster`, before; it tells its version as 1.4.5.
    Item,
}

/// A configuration endpoint; it ends when dropped.
#[derive(Debug)]
pub struct AutoDiscovery {
    listener: Listener,
    heard: Arc<Mutex<Vec<String>>>,
    _behind: Memcached,
}

impl AutoDiscovery {
    /// An endpoint that answers a question in this form with this text, and speaks TLS where it has a certificate.
    pub fn start(form: Form, payload: &str, tls: Option<&Identity>) -> Self {
        let behind = Memcached::plain();
        let (address, payload) = (behind.endpoint(), payload.to_owned());
        let tls = tls.map(|identity| Arc::new(identity.server_config()));
        let heard = Arc::new(Mutex::new(Vec::new()));
        let shared = Arc::clone(&heard);
        let listener = Listener::start(move |stream| {
            let client: Box<dyn Stream> = match &tls {
                None => Box::new(stream),
                Some(tls) => {
                    let connection = ServerConnection::new(Arc::clone(tls)).expect("a connection");
                    Box::new(StreamOwned::new(connection, stream))
                }
            };
            // A client that leaves in the middle of something is the client's business.
            drop(serve(client, form, &payload, &address, &shared));
        });
        Self { listener, heard, _behind: behind }
    }

    /// The port on 127.0.0.1.
    pub fn port(&self) -> u16 {
        self.listener.address().port()
    }

    /// The commands, in order.
    pub fn heard(&self) -> Vec<String> {
        self.heard.lock().expect("nobody panics with the lock").clone()
    }
}

fn serve(
    client: Box<dyn Stream>,
    form: Form,
    payload: &str,
    behind: &str,
    heard: &Mutex<Vec<String>>,
) -> io::Result<()> {
    let mut client = BufReader::new(client);
    let mut behind = BufReader::new(TcpStream::connect(behind)?);
    let mut line = String::new();
    while client.read_line(&mut line)? > 0 {
        let command = line.trim_end();
        heard.lock().expect("nobody panics with the lock").push(command.to_owned());
        let first_words = match (form, command) {
            (Form::Config, "config get cluster") => Some("CONFIG cluster"),
            (Form::Item, "get AmazonElastiCache:cluster") => Some("VALUE AmazonElastiCache:cluster"),
            _ => None,
        };
        let reply = match first_words {
            Some(first) => format!("{first} 0 {}\r\n{payload}\r\nEND\r\n", payload.len()),
            None if form == Form::Item && command == "version" => "VERSION 1.4.5\r\n".to_owned(),
            None => {
                behind.get_mut().write_all(line.as_bytes())?;
                passed_on(&mut behind)?
            }
        };
        client.get_mut().write_all(reply.as_bytes())?;
        client.get_mut().flush()?;
        line.clear();
    }
    Ok(())
}

/// One whole reply of the Memcached behind.
fn passed_on(behind: &mut impl BufRead) -> io::Result<String> {
    let mut reply = String::new();
    loop {
        let start = reply.len();
        if behind.read_line(&mut reply)? == 0 || !reply[start..].starts_with("STAT ") {
            return Ok(reply);
        }
    }
}
