//! Dials every address of a name at the same time, and keeps what came of each.

use std::io;
use std::net::SocketAddr;
use std::time::{Duration, Instant};

use tokio::net::TcpStream;
use tokio::task::JoinSet;

use crate::answer::{Dial, DialOutcome};

/// How long the others are waited for once one address has taken the connection: a lost packet is sent again after one
/// second, so whoever has not answered by then is either cut off or far slower than the rest.
const STRAGGLERS: Duration = Duration::from_millis(1200);

/// The dialling of one endpoint's addresses. What is known so far stays known when the deadline cuts it off.
#[derive(Debug, Default)]
pub struct Dialling {
    dials: Vec<Dial>,
    streams: Vec<Option<TcpStream>>,
}

impl Dialling {
    /// Dials all `addresses`, and returns when each has an outcome or is too far behind the first that connected.
    pub async fn dial(&mut self, addresses: impl Iterator<Item = SocketAddr>) {
        let mut tasks = JoinSet::new();
        for (index, address) in addresses.enumerate() {
            self.dials.push(Dial { address, took: None, outcome: DialOutcome::TimedOut });
            self.streams.push(None);
            tasks.spawn(async move {
                let started = Instant::now();
                let result = connect(address).await;
                (index, started.elapsed(), result)
            });
        }
        while let Some(Ok(done)) = tasks.join_next().await {
            self.note(done);
            if self.streams.iter().any(Option::is_some) {
                break;
            }
        }
        // Whether or not all of the rest come in in time, the ladder goes on.
        let _ = tokio::time::timeout(STRAGGLERS, async {
            while let Some(Ok(done)) = tasks.join_next().await {
                self.note(done);
            }
        })
        .await;
    }

    fn note(&mut self, (index, took, result): (usize, Duration, io::Result<TcpStream>)) {
        let dial = &mut self.dials[index];
        dial.took = Some(took);
        dial.outcome = match result {
            Ok(stream) => {
                self.streams[index] = Some(stream);
                DialOutcome::Connected
            }
            Err(error) => outcome(&error),
        };
    }

    /// What came of each address so far.
    pub fn dials(&self) -> &[Dial] {
        &self.dials
    }

    /// The first connection in the order of the resolver, with its dial. The others are closed.
    pub fn take(&mut self) -> Option<(TcpStream, Dial)> {
        let index = self.streams.iter().position(Option::is_some)?;
        let stream = std::mem::take(&mut self.streams).swap_remove(index)?;
        Some((stream, self.dials[index].clone()))
    }
}

/// How long a connection waits for others to close, where this process has no more files to open, and how often it looks.
const CROWDED: (Duration, Duration) = (Duration::from_secs(2), Duration::from_millis(10));

/// Connects. That other probes of this process have taken all of its files says nothing about the address, so their end is
/// waited for.
async fn connect(address: SocketAddr) -> io::Result<TcpStream> {
    let begun = Instant::now();
    loop {
        match TcpStream::connect(address).await {
            Err(error) if is_crowded(&error) && begun.elapsed() < CROWDED.0 => tokio::time::sleep(CROWDED.1).await,
            result => return result,
        }
    }
}

fn is_crowded(error: &io::Error) -> bool {
    use rustix::io::Errno;
    let errno = error.raw_os_error().map(Errno::from_raw_os_error);
    matches!(errno, Some(Errno::MFILE | Errno::NFILE))
}

fn outcome(error: &io::Error) -> DialOutcome {
    match error.kind() {
        io::ErrorKind::ConnectionRefused => DialOutcome::Refused,
        io::ErrorKind::TimedOut => DialOutcome::TimedOut,
        _ => {
            let text = error.to_string();
            let text = text.split(" (os error").next().unwrap_or(&text);
            DialOutcome::Unreachable(text.to_lowercase())
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn errors_of_the_system_become_outcomes() {
        let of = |code: rustix::io::Errno| outcome(&io::Error::from(code));
        assert_eq!(of(rustix::io::Errno::CONNREFUSED), DialOutcome::Refused);
        assert_eq!(of(rustix::io::Errno::TIMEDOUT), DialOutcome::TimedOut);
        assert_eq!(of(rustix::io::Errno::NETUNREACH), DialOutcome::Unreachable("network is unreachable".into()));
    }
}
