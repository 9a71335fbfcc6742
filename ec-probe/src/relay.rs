//! Opens connections through a relay, and opens the connection to a server once more.

mod command;
mod socks5;

use std::net::SocketAddr;
use std::time::Duration;

use tokio::net::TcpStream;

use crate::answer::RelayFault;
use crate::cross::Pace;
use crate::endpoint::Endpoint;
use crate::talk::Stream;
use crate::way::Relay;

pub use command::{Endings, Running};
pub use socks5::Progress;

/// A connection to a server.
#[derive(Debug)]
pub struct Opened {
    /// The connection.
    pub stream: Box<dyn Stream>,
    /// The command that carries it, which ends with this.
    pub command: Option<Running>,
}

impl Opened {
    /// A connection of TCP, to the server or to a relay.
    pub fn tcp(stream: TcpStream) -> Self {
        // Without it the kernel may hold a small command back; everything works all the same.
        let _ = stream.set_nodelay(true);
        Self { stream: Box::new(stream), command: None }
    }
}

impl Relay {
    /// Asks for a connection to `endpoint`. A command is only started: whether it connects shows when a byte comes through.
    ///
    /// # Errors
    /// Why there is none. When this is cut off, `progress` tells how far it came.
    pub async fn open(&self, endpoint: &Endpoint, progress: &mut Progress) -> Result<Opened, RelayFault> {
        match self {
            Self::Socks5(proxy) => socks5::connect(proxy, endpoint, progress).await.map(Opened::tcp),
            Self::Command(command) => command.start(endpoint),
        }
    }

    /// The pace of a cross-examination, if opening took so long. How far the server is behind the relay may not show in that,
    /// because some proxies, and every command, take the connection before they have one; so it is not hurried.
    pub fn pace(&self, took: Duration) -> Pace {
        let least = match self {
            Self::Socks5(_) => Duration::from_millis(100),
            // Another log-in at the bastion.
            Self::Command(_) => Duration::from_millis(250),
        };
        Pace::of(took.max(least))
    }
}

/// The road on which a server was reached, to go it once more.
#[derive(Clone, Copy, Debug)]
pub enum Road<'a> {
    /// To the address that took the connection.
    Address(SocketAddr),
    /// Through a relay.
    Relayed(&'a Relay, &'a Endpoint),
}

impl Road<'_> {
    /// Another connection, if it is to be had.
    pub async fn open(self) -> Option<Opened> {
        match self {
            Self::Address(address) => TcpStream::connect(address).await.ok().map(Opened::tcp),
            Self::Relayed(relay, endpoint) => relay.open(endpoint, &mut Progress::default()).await.ok(),
        }
    }
}
