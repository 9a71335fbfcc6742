//! The servers of the self-test, on free ports of 127.0.0.1. They end with the runtime.

use std::io;
use std::net::{Ipv4Addr, SocketAddr};
use std::sync::Arc;

use rustls::ServerConfig;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio_rustls::TlsAcceptor;

use super::Certificates;
use crate::resp::{Reader, Value};
use crate::talk::Stream;

/// The user whom the caches let in, beside everybody who does not log in.
pub(super) const USER: &str = "app";
/// His password.
pub(super) const PASSWORD: &str = "self-test";

/// What a server is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    /// A cache that speaks plain text.
    Cache,
    /// A cache with TLS, and a certificate that holds.
    Good,
    /// A cache with a certificate that has expired.
    Expired,
    /// A cache with another's certificate.
    OtherName,
    /// A cache with a certificate that nobody vouches for.
    SelfSigned,
    /// A Memcached.
    Memcached,
    /// A web server.
    Web,
    /// Takes connections, and never says a word.
    Silent,
    /// Answers with more than any reply may be.
    Endless,
    /// Nobody: the port is free.
    Nobody,
}

/// Starts a server.
pub(super) async fn start(kind: Kind, certificates: &Certificates) -> io::Result<SocketAddr> {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await?;
    let address = listener.local_addr()?;
    let tls = match kind {
        Kind::Good => Some(Arc::clone(&certificates.good)),
        Kind::Expired => Some(Arc::clone(&certificates.expired)),
        Kind::OtherName => Some(Arc::clone(&certificates.other_name)),
        Kind::SelfSigned => Some(Arc::clone(&certificates.self_signed)),
        _ => None,
    };
    if kind != Kind::Nobody {
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                tokio::spawn(serve(kind, tls.clone(), stream));
            }
        });
    }
    Ok(address)
}

/// A client that leaves in the middle of something is the client's business.
async fn serve(kind: Kind, tls: Option<Arc<ServerConfig>>, stream: TcpStream) -> io::Result<()> {
    stream.set_nodelay(true)?;
    match tls {
        Some(config) => talk(kind, TlsAcceptor::from(config).accept(stream).await?).await,
        None => talk(kind, stream).await,
    }
}

async fn talk(kind: Kind, mut stream: impl Stream) -> io::Result<()> {
    let (mut said, mut chunk) = (Vec::new(), [0; 4096]);
    loop {
        let length = stream.read(&mut chunk).await?;
        if length == 0 {
            return Ok(());
        }
        said.extend_from_slice(&chunk[..length]);
        let answer = match kind {
            Kind::Silent | Kind::Nobody => Vec::new(),
            Kind::Web => b"HTTP/1.1 400 Bad Request\r\nConnection: close\r\n\r\n".to_vec(),
            Kind::Endless => b"$1073741824\r\n".to_vec(),
            Kind::Memcached if said.ends_with(b"version\r\n") => b"VERSION 1.6.0\r\n".to_vec(),
            Kind::Memcached if said.ends_with(b"stats\r\n") => {
                b"STAT curr_items 0\r\nSTAT curr_connections 1\r\nEND\r\n".to_vec()
            }
            Kind::Memcached => b"ERROR\r\n".to_vec(),
            Kind::Cache | Kind::Good | Kind::Expired | Kind::OtherName | Kind::SelfSigned => answers(&said),
        };
        if !answer.is_empty() {
            said.clear();
            stream.write_all(&answer).await?;
            stream.flush().await?;
        }
    }
}

/// What a cache answers to all the commands that came together. Like Valkey it says nothing to what is neither a command
/// nor a line, such as a handshake.
fn answers(said: &[u8]) -> Vec<u8> {
    if said == b"PING\r\n" {
        return answer(&["PING"]).to_vec();
    }
    let mut reader = Reader::default();
    reader.feed(said);
    let mut answers = Vec::new();
    while let Ok(Some(Value::List(words))) = reader.reply() {
        let words: Vec<String> = words.iter().filter_map(Value::text).collect();
        answers.extend(answer(&words.iter().map(String::as_str).collect::<Vec<_>>()));
    }
    answers
}

fn answer(words: &[&str]) -> &'static [u8] {
    match words {
        ["AUTH", USER, PASSWORD] => b"+OK\r\n",
        ["AUTH", ..] => b"-WRONGPASS invalid username-password pair or user is disabled.\r\n",
        ["HELLO", "3"] => b"%3\r\n+server\r\n+valkey\r\n+version\r\n+8.0.0\r\n+mode\r\n+standalone\r\n",
        ["PING"] => b"+PONG\r\n",
        _ => b"-ERR unknown command\r\n",
    }
}
