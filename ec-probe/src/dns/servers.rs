//! Asks the DNS servers themselves, beside the system's resolver: what they say tells why that one says no, and how long
//! an address holds.

use std::io;
use std::net::{Ipv4Addr, Ipv6Addr, SocketAddr};
use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpStream, UdpSocket};
use tokio::sync::{Semaphore, SemaphorePermit};
use tokio::task::JoinSet;
use tokio::time::{Instant, timeout};

use super::message::{Kind, Question, Rcode, Reply};
use crate::answer::{Heard, Said};

/// How long a server is waited for: as long as the C library waits before it asks the next one.
const PATIENCE: Duration = Duration::from_secs(5);

/// After how long a question is sent again.
const AGAIN: Duration = Duration::from_secs(1);

/// How long the other servers are waited for once one has answered.
const STRAGGLERS: Duration = Duration::from_millis(300);

/// The most servers that one process asks at the same time. A run over thousands of documents must not use up its file
/// descriptors on a second opinion.
const MOST_AT_ONCE: usize = 64;

static TURNS: Semaphore = Semaphore::const_new(MOST_AT_ONCE);

/// A question to all servers under way; dropping it ends it.
#[derive(Debug)]
pub struct Asking {
    /// Whom to ask, until they are asked.
    waiting: Option<Waiting>,
    begun: Instant,
    heard: Vec<Heard>,
    tasks: JoinSet<(usize, Heard)>,
}

#[derive(Debug)]
struct Waiting {
    all: &'static Semaphore,
    servers: Vec<SocketAddr>,
    questions: [Question; 2],
}

impl Asking {
    /// Asks `servers` for all addresses of the absolute name `name`; `None` if it is no name that DNS has, or
    /// `id` gives no random number. Where too many are being asked, these wait until somebody [waits for them](Self::settle).
    pub fn begin(name: &str, servers: Vec<SocketAddr>, id: impl FnMut() -> Option<u16>) -> Option<Self> {
        Self::begin_among(&TURNS, name, servers, id)
    }

    fn begin_among(
        all: &'static Semaphore,
        name: &str,
        servers: Vec<SocketAddr>,
        mut id: impl FnMut() -> Option<u16>,
    ) -> Option<Self> {
        let questions = [Question::new(id()?, name, Kind::A)?, Question::new(id()?, name, Kind::Aaaa)?];
        let turns = all.try_acquire_many(count(&servers)).ok();
        let waiting = Some(Waiting { all, servers, questions });
        let mut asking = Self { waiting, begun: Instant::now(), heard: Vec::new(), tasks: JoinSet::new() };
        if let Some(turns) = turns {
            asking.ask(turns);
        }
        Some(asking)
    }

    /// Waits until one server has answered, or none will.
    pub async fn first(&mut self) {
        if let Some(waiting) = &self.waiting {
            // It fails only when nobody can wait for a turn any more, and nobody makes that so.
            let Ok(turns) = waiting.all.acquire_many(count(&waiting.servers)).await else { return };
            self.ask(turns);
        }
        while self.heard.iter().all(|heard| heard.reply().is_none()) {
            let Some(Ok(done)) = self.tasks.join_next().await else { return };
            self.note(done);
        }
    }

    /// Waits until all servers have answered, or will not, or are far behind the first that has.
    pub async fn settle(&mut self) {
        self.first().await;
        let _ = timeout(STRAGGLERS, async {
            while let Some(Ok(done)) = self.tasks.join_next().await {
                self.note(done);
            }
        })
        .await;
    }

    /// What the servers have said so far, in the order of the system; nothing while nobody is asked.
    pub fn heard(&mut self) -> Vec<Heard> {
        while let Some(Ok(done)) = self.tasks.try_join_next() {
            self.note(done);
        }
        let waited = self.begun.elapsed();
        self.heard.iter().cloned().map(|heard| Heard { took: heard.took.min(waited), ..heard }).collect()
    }

    fn ask(&mut self, mut turns: SemaphorePermit<'static>) {
        let Some(Waiting { servers, questions, .. }) = self.waiting.take() else { return };
        self.begun = Instant::now();
        for (index, server) in servers.into_iter().enumerate() {
            self.heard.push(Heard { server, said: Said::Nothing, took: Duration::MAX });
            let (questions, turn) = (questions.clone(), turns.split(1));
            self.tasks.spawn(async move {
                let asked = Instant::now();
                let said = ask(server, &questions).await;
                drop(turn);
                (index, Heard { server, said, took: asked.elapsed() })
            });
        }
    }

    fn note(&mut self, (index, heard): (usize, Heard)) {
        self.heard[index] = heard;
    }
}

fn count(servers: &[SocketAddr]) -> u32 {
    u32::try_from(servers.len()).unwrap_or(u32::MAX)
}

/// Asks one server both questions.
async fn ask(server: SocketAddr, questions: &[Question; 2]) -> Said {
    let mut replies = [None, None];
    let asked = timeout(PATIENCE, by_both(server, questions, &mut replies)).await;
    let failed = |error: &io::Error| {
        let text = error.to_string();
        text.split(" (os error").next().unwrap_or(&text).to_lowercase()
    };
    match (merged(replies), asked) {
        (Some(reply), _) => Said::Reply(reply),
        (None, Ok(Err(error))) => Said::Failed(failed(&error)),
        (None, _) => Said::Nothing,
    }
}

/// One answer of the answers about both families. One without the other is an answer only if it has addresses, or says
/// what is true of the name as a whole.
fn merged(replies: [Option<Reply>; 2]) -> Option<Reply> {
    let whole = |reply: &Reply| !reply.addresses.is_empty() || reply.rcode != Rcode::NOERROR;
    match replies {
        [Some(ipv4), Some(ipv6)] => {
            // A family that the server fails at does not count where the other one has addresses.
            let (mut first, second) = if whole(&ipv4) { (ipv4, ipv6) } else { (ipv6, ipv4) };
            if first.addresses.is_empty() && !second.addresses.is_empty() {
                return Some(second);
            }
            if first.chain.is_empty() {
                first.chain.clone_from(&second.chain);
            }
            first.ttl_s = first.ttl_s.into_iter().chain(second.ttl_s).min();
            first.addresses.extend(second.addresses);
            Some(first)
        }
        [Some(reply), None] | [None, Some(reply)] => Some(reply).filter(whole),
        [None, None] => None,
    }
}

async fn by_both(server: SocketAddr, questions: &[Question; 2], replies: &mut [Option<Reply>; 2]) -> io::Result<()> {
    by_udp(server, questions, replies).await?;
    for (question, reply) in questions.iter().zip(replies) {
        if reply.as_ref().is_some_and(|reply| reply.is_truncated) {
            // Half an answer would be a wrong one.
            *reply = None;
            *reply = Some(by_tcp(server, question).await?);
        }
    }
    Ok(())
}

/// Returns when both questions are answered, or one, and the other has been sent again in vain.
async fn by_udp(server: SocketAddr, questions: &[Question; 2], replies: &mut [Option<Reply>; 2]) -> io::Result<()> {
    let any = if server.is_ipv4() { Ipv4Addr::UNSPECIFIED.into() } else { Ipv6Addr::UNSPECIFIED.into() };
    let socket = UdpSocket::bind(SocketAddr::new(any, 0)).await?;
    // The kernel then drops what comes from anywhere else, and tells when the server's host refuses.
    socket.connect(server).await?;
    let mut buffer = [0; 4096];
    for round in 0_u32.. {
        if round > 1 && replies.iter().any(Option::is_some) {
            break;
        }
        for (question, _) in questions.iter().zip(&*replies).filter(|(_, reply)| reply.is_none()) {
            socket.send(&question.message()).await?;
        }
        let listened = timeout(AGAIN, async {
            while replies.iter().any(Option::is_none) {
                let length = socket.recv(&mut buffer).await?;
                // Whatever answers neither question may be forged, and is not heard.
                for (question, reply) in questions.iter().zip(&mut *replies).filter(|(_, reply)| reply.is_none()) {
                    *reply = question.read(&buffer[..length]);
                }
            }
            Ok(())
        });
        if let Ok(ended) = listened.await {
            return ended;
        }
    }
    Ok(())
}

async fn by_tcp(server: SocketAddr, question: &Question) -> io::Result<Reply> {
    let mut stream = TcpStream::connect(server).await?;
    let message = question.message();
    // Where a length is written before the message (RFC 1035, 4.2.2).
    let mut bytes = u16::try_from(message.len()).unwrap_or_default().to_be_bytes().to_vec();
    bytes.extend(message);
    stream.write_all(&bytes).await?;
    let mut answer = vec![0; usize::from(stream.read_u16().await?)];
    stream.read_exact(&mut answer).await?;
    let reply = question.read(&answer).filter(|reply| !reply.is_truncated);
    reply.ok_or_else(|| io::Error::other("no answer to the question by TCP"))
}

#[cfg(test)]
mod tests;
