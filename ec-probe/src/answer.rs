//! What the network answered: plain values between those who ask (`dns`, `tcp`, `tls`, `talk`) and the one who judges
//! (`verdict`).

use std::net::{IpAddr, SocketAddr};
use std::process::ExitStatus;
use std::time::Duration;

use crate::certificate::Certificate;
use crate::dns::message::Reply;
use crate::memcached;
use crate::resp;

/// An answer to one of the ladder's questions.
#[derive(Clone, Debug)]
pub enum Answer {
    /// To [`Dns`](crate::ladder::Stage::Dns).
    Addresses(Result<Vec<IpAddr>, Unresolved>),
    /// To [`Dns`](crate::ladder::Stage::Dns), where a relay resolves the name: nobody was asked.
    ResolvedThere,
    /// To [`Tcp`](crate::ladder::Stage::Tcp): one for each address, in the order of the resolver.
    Dials(Vec<Dial>),
    /// To [`Tcp`](crate::ladder::Stage::Tcp), through a relay.
    Relayed(Result<(), RelayFault>),
    /// To [`Tls`](crate::ladder::Stage::Tls): how it ended, and the certificate, if one was shown.
    Handshake(Result<Session, Fault>, Option<Certificate>),
    /// To a command of Valkey and Redis OSS.
    Reply(Result<resp::Value, Fault>),
    /// To a command of Memcached.
    Memcached(Result<memcached::Reply, Fault>),
}

impl Answer {
    /// Whether it is none, because a relay does not lead to the server.
    pub fn lacks_relay(&self) -> bool {
        matches!(
            self,
            Self::Relayed(Err(_))
                | Self::Handshake(Err(Fault::Relay(_)), _)
                | Self::Reply(Err(Fault::Relay(_)))
                | Self::Memcached(Err(Fault::Relay(_)))
        )
    }
}

/// Why a name has no addresses.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum DnsFault {
    /// The name does not exist.
    NoSuchName,
    /// The name exists and has no address.
    NoAddress,
    /// The resolver did not answer the question.
    Resolver(String),
}

/// A name that the system could not resolve, and what the servers say of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Unresolved {
    /// What the system says.
    pub fault: DnsFault,
    /// What the servers say; empty where none was asked.
    pub servers: Vec<Heard>,
}

/// What one DNS server says of a name.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Heard {
    /// The server.
    pub server: SocketAddr,
    /// What it says.
    pub said: Said,
    /// How long that took, or how long it has said nothing.
    pub took: Duration,
}

/// What a DNS server says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Said {
    /// An answer about both families of addresses.
    Reply(Reply),
    /// It cannot be asked; why, in the system's words.
    Failed(String),
    /// Nothing, so far.
    Nothing,
}

impl Heard {
    /// The server's answer.
    pub fn reply(&self) -> Option<&Reply> {
        if let Said::Reply(reply) = &self.said { Some(reply) } else { None }
    }
}

/// A name, as the system resolves it and as the servers do.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Lookup {
    /// The name.
    pub name: String,
    /// The system's addresses; none if it has none.
    pub addresses: Vec<IpAddr>,
    /// The line of the hosts file that gives the name one of them, where they are disputed.
    pub hosts_line: Option<usize>,
    /// What the servers say; empty where none was asked.
    pub servers: Vec<Heard>,
}

impl Lookup {
    /// Whether servers have answered, and none with any of the system's addresses.
    pub fn is_disputed(&self) -> bool {
        let mut replies = self.servers.iter().filter_map(Heard::reply).peekable();
        !self.addresses.is_empty()
            && replies.peek().is_some()
            && replies.all(|reply| reply.addresses.iter().all(|address| !self.addresses.contains(address)))
    }
}

/// How dialling one address went.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Dial {
    /// The address.
    pub address: SocketAddr,
    /// How long it took, where there was an outcome.
    pub took: Option<Duration>,
    /// What came of it.
    pub outcome: DialOutcome,
}

/// What came of dialling an address.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum DialOutcome {
    /// The connection stands.
    Connected,
    /// The host answered that nobody listens.
    Refused,
    /// Nobody answered.
    TimedOut,
    /// The network, or this machine, has no way there.
    Unreachable(String),
}

/// What a TLS handshake agreed on.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Session {
    /// `TLS 1.3`.
    pub version: &'static str,
    /// `TLS13_AES_256_GCM_SHA384`.
    pub cipher: String,
}

/// Why a peer that took the connection gave no answer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Fault {
    /// It speaks plain text where TLS was spoken.
    Plain {
        /// The first bytes that it said.
        said: Vec<u8>,
    },
    /// It speaks TLS where plain text was spoken.
    WantsTls,
    /// Its certificate does not prove that it is the server.
    Certificate(CertificateFault),
    /// It and this client have no version of TLS in common.
    TlsVersion(String),
    /// It wants a certificate of the client.
    ClientCertificate,
    /// TLS failed in some other way.
    Tls(String),
    /// It closed the connection.
    Closed,
    /// It said nothing until the deadline.
    Silent,
    /// It said something, but no whole answer, until the deadline.
    Slow {
        /// How many bytes came.
        received: usize,
    },
    /// It speaks some other protocol.
    NotACache {
        /// The first bytes that it said.
        said: Vec<u8>,
    },
    /// Its answer is longer than any answer may be.
    TooLarge(String),
    /// The operating system ended the connection.
    Io(String),
    /// It was never reached, as shows only now.
    Relay(RelayFault),
}

/// Why a relay gives no connection to the server.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum RelayFault {
    /// Nobody takes the connection to the proxy; why.
    Down(String),
    /// The command cannot be started; why.
    NotStarted(String),
    /// The proxy does not speak SOCKS5.
    NotSocks5 {
        /// The first bytes that it said, if any.
        said: Vec<u8>,
    },
    /// The proxy wants a log-in.
    LogIn,
    /// The proxy answered that it gives no connection: a reply of RFC 1928.
    Refused(u8),
    /// The proxy hung up instead of answering, as OpenSSH's does.
    HungUp,
    /// The proxy had not answered when the time was up.
    Undecided,
    /// The command ended before a byte came through.
    Ended {
        /// How.
        status: ExitStatus,
        /// What it said on stderr.
        said: String,
    },
    /// The command goes on, and no byte had come through when the time was up.
    Mute {
        /// What it said on stderr.
        said: String,
    },
}

/// What is wrong with a certificate.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum CertificateFault {
    /// Its time is over.
    Expired,
    /// Its time has not come.
    NotYetValid,
    /// It is another name's.
    Name,
    /// Nobody but itself vouches for it.
    SelfSigned,
    /// Nobody that this machine trusts vouches for it.
    UnknownAuthority,
    /// Somebody of the name that is trusted vouches for it, but with another key.
    Signature,
    /// It is an authority's, which vouches for others.
    OfAuthority,
    /// It is for something else than servers.
    Purpose,
    /// It has the name as its common name only, which does not count.
    CommonName,
    /// It, or an authority's above it, is signed with an algorithm that is not taken any more.
    Algorithm,
    /// Anything else.
    Other(String),
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;
    use crate::dns::message::Rcode;

    pub(crate) fn addresses(texts: &[&str]) -> Vec<IpAddr> {
        texts.iter().map(|text| text.parse().unwrap()).collect()
    }

    /// What the server 10.9.0.`number` says after a millisecond; with addresses, there is an alias.
    pub(crate) fn heard(number: u8, rcode: u8, texts: &[&str]) -> Heard {
        let chain = texts.first().map(|_| "orders-001.example".to_owned()).into_iter().collect();
        let ttl_s = texts.first().map(|_| 15);
        let reply = Reply { rcode: Rcode(rcode), is_truncated: false, chain, addresses: addresses(texts), ttl_s };
        let server = SocketAddr::from(([10, 9, 0, number], 53));
        Heard { server, said: Said::Reply(reply), took: Duration::from_millis(1) }
    }

    /// The server 10.9.0.`number` has said nothing for five seconds.
    pub(crate) fn silent(number: u8) -> Heard {
        Heard { said: Said::Nothing, took: Duration::from_secs(5), ..heard(number, 0, &[]) }
    }
}
