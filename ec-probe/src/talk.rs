//! A conversation with a server: one command, one reply.

use std::fmt::{self, Debug};
use std::io;
use std::sync::Arc;

use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};

use crate::answer::Fault;
use crate::dialect::Dialect;
use crate::limits::{ITEM_BYTES, LINE_BYTES, LINES};
use crate::tls::{self, Witness};
use crate::{memcached, resp};

/// A connection, plain or with TLS.
pub trait Stream: AsyncRead + AsyncWrite + Debug + Send + Unpin {}
impl<T: AsyncRead + AsyncWrite + Debug + Send + Unpin> Stream for T {}

/// The conversation.
pub struct Conversation {
    stream: Box<dyn Stream>,
    witness: Option<Arc<Witness>>,
    resp: resp::Reader,
    memcached: Vec<u8>,
}

impl Debug for Conversation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Conversation").finish_non_exhaustive()
    }
}

impl Conversation {
    /// Begins a conversation; with TLS, its witness knows what errors mean.
    pub fn new(stream: impl Stream + 'static, witness: Option<Arc<Witness>>) -> Self {
        Self { stream: Box::new(stream), witness, resp: resp::Reader::default(), memcached: Vec::new() }
    }

    /// Sends a command of Valkey and Redis OSS, and waits for its reply.
    ///
    /// # Errors
    /// Why there is none.
    pub async fn resp(&mut self, words: &[&[u8]]) -> Result<resp::Value, Fault> {
        self.send(&resp::command(words)).await;
        self.resp_reply().await
    }

    /// Sends two commands at once, and waits for the reply to the first.
    ///
    /// # Errors
    /// Why there is none.
    pub async fn resp_together(&mut self, words: &[&[u8]], next: &[&[u8]]) -> Result<resp::Value, Fault> {
        self.send(&[resp::command(words), resp::command(next)].concat()).await;
        self.resp_reply().await
    }

    /// Waits for the reply to a command that was sent before.
    ///
    /// # Errors
    /// Why there is none.
    pub async fn resp_reply(&mut self) -> Result<resp::Value, Fault> {
        let mut chunk = vec![0; 16 << 10];
        loop {
            match self.resp.reply() {
                Ok(Some(reply)) => return Ok(reply),
                Ok(None) => {}
                Err(resp::Malformed::NotResp) => return Err(not_understood(self.resp.pending())),
                Err(resp::Malformed::TooLarge(excess)) => return Err(Fault::TooLarge(excess.to_string())),
            }
            let length = self.receive(&mut chunk).await?;
            self.resp.feed(&chunk[..length]);
        }
    }

    /// Sends a command of Memcached, and waits for its reply.
    ///
    /// # Errors
    /// Why there is none.
    pub async fn memcached(&mut self, command: &str) -> Result<memcached::Reply, Fault> {
        self.memcached.clear();
        self.send(format!("{command}\r\n").as_bytes()).await;
        let mut chunk = vec![0; 16 << 10];
        loop {
            match memcached::reply(&self.memcached) {
                Ok(Some(reply)) => return Ok(reply),
                Ok(None) => {}
                Err(memcached::Malformed::NotMemcached) => return Err(not_understood(&self.memcached)),
                Err(memcached::Malformed::TooLarge) => {
                    let lines = format!("a line of more than {LINE_BYTES} bytes, more than {LINES} lines");
                    return Err(Fault::TooLarge(format!("{lines}, or an item of more than {ITEM_BYTES} bytes")));
                }
            }
            let length = self.receive(&mut chunk).await?;
            self.memcached.extend_from_slice(&chunk[..length]);
        }
    }

    /// What to say of a reply that the deadline cut off.
    pub fn cut_off(&self) -> Fault {
        match self.resp.pending().len() + self.memcached.len() {
            0 => Fault::Silent,
            received => Fault::Slow { received },
        }
    }

    /// Sends. A server that has said why it hangs up has also stopped reading, so what it said matters more than that
    /// the command did not get through.
    async fn send(&mut self, bytes: &[u8]) {
        if self.stream.write_all(bytes).await.is_ok() {
            let _ = self.stream.flush().await;
        }
    }

    async fn receive(&mut self, chunk: &mut [u8]) -> Result<usize, Fault> {
        match self.stream.read(chunk).await {
            Ok(0) => Err(Fault::Closed),
            Ok(length) => Ok(length),
            Err(error) => Err(self.fault(&error)),
        }
    }

    fn fault(&self, error: &io::Error) -> Fault {
        match &self.witness {
            Some(witness) => witness.fault(error, b""),
            None => tls::closed(error),
        }
    }
}

fn not_understood(said: &[u8]) -> Fault {
    match Dialect::of(said) {
        Dialect::Tls => Fault::WantsTls,
        _ => Fault::NotACache { said: said.to_vec() },
    }
}
