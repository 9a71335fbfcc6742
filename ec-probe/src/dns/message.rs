//! DNS messages, as far as a question for the addresses of a name needs them (RFC 1035, RFC 3596).
//!
//! Written here and not taken from a library: hickory-proto switches features of futures and once_cell on, below the AWS
//! SDK, which would be compiled anew, and brings ten crates for two types of records and an alias. Strict instead of
//! lenient: what is no answer to the very question is none at all.

use std::fmt::{self, Write as _};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

/// The most aliases that are followed. Real names have one or two.
const LONGEST_CHAIN: usize = 16;

/// The most addresses that are kept of one answer.
const MOST_ADDRESSES: usize = 64;

/// A type of record that holds addresses.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// IPv4 addresses.
    A,
    /// IPv6 addresses.
    Aaaa,
}

impl Kind {
    fn number(self) -> u16 {
        match self {
            Self::A => 1,
            Self::Aaaa => 28,
        }
    }
}

/// How a server's work on a question ended: its response code (RFC 1035, 4.1.1).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Rcode(pub u8);

impl Rcode {
    /// The name exists, though perhaps without an address.
    pub const NOERROR: Self = Self(0);
    /// The server could not ask further, or did not believe what it heard.
    pub const SERVFAIL: Self = Self(2);
    /// The name does not exist.
    pub const NXDOMAIN: Self = Self(3);
    /// The server does not serve this client, or not this name.
    pub const REFUSED: Self = Self(5);
}

impl fmt::Display for Rcode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0 {
            0 => f.write_str("NOERROR"),
            1 => f.write_str("FORMERR"),
            2 => f.write_str("SERVFAIL"),
            3 => f.write_str("NXDOMAIN"),
            4 => f.write_str("NOTIMP"),
            5 => f.write_str("REFUSED"),
            other => write!(f, "RCODE {other}"),
        }
    }
}

/// A question for the addresses of an absolute name.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Question {
    id: u16,
    name: String,
    kind: Kind,
}

/// A server's answer to a question.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Reply {
    /// How it ended.
    pub rcode: Rcode,
    /// Whether there is more, to be asked for by TCP; nothing of the rest is kept then.
    pub is_truncated: bool,
    /// The names that the name is an alias of, in order.
    pub chain: Vec<String>,
    /// The addresses of the last of them.
    pub addresses: Vec<IpAddr>,
    /// The least time to live of all records that lead there, in seconds.
    pub ttl_s: Option<u32>,
}

impl Question {
    /// A question; `None` if `name` cannot be written in a message.
    pub fn new(id: u16, name: &str, kind: Kind) -> Option<Self> {
        let name = name.strip_suffix('.').unwrap_or(name).to_ascii_lowercase();
        let can_be_written = name.len() <= 253 && name.split('.').all(|label| (1..=63).contains(&label.len()));
        can_be_written.then_some(Self { id, name, kind })
    }

    /// The message that asks it, and asks for recursion.
    pub fn message(&self) -> Vec<u8> {
        let mut bytes = self.id.to_be_bytes().to_vec();
        // Flags: recursion desired. Then the number of questions, answers, authorities and additional records.
        bytes.extend([0x01, 0x00, 0, 1, 0, 0, 0, 0, 0, 0]);
        for label in self.name.split('.') {
            bytes.extend(u8::try_from(label.len()));
            bytes.extend(label.as_bytes());
        }
        bytes.push(0);
        bytes.extend(self.kind.number().to_be_bytes());
        bytes.extend(INTERNET.to_be_bytes());
        bytes
    }

    /// The answer that a message gives to this question; `None` if it is none, or no message at all.
    pub fn read(&self, message: &[u8]) -> Option<Reply> {
        let mut reader = Reader { bytes: message, at: 0 };
        let (id, flags) = (reader.u16()?, reader.u16()?);
        let (questions, answers) = (reader.u16()?, reader.u16()?);
        reader.take(4)?;
        let is_response = flags & 0x8000 != 0;
        let is_query = flags & 0x7800 == 0;
        let rcode = Rcode((flags & 0x000f) as u8);
        let is_truncated = flags & 0x0200 != 0;
        if id != self.id || !is_response || !is_query {
            return None;
        }
        let empty = Reply { rcode, is_truncated, chain: Vec::new(), addresses: Vec::new(), ttl_s: None };
        if questions == 0 && rcode != Rcode::NOERROR {
            // Who does not understand a question need not repeat it.
            return Some(Reply { is_truncated: false, ..empty });
        }
        let is_mine = questions == 1
            && reader.name()? == self.name
            && reader.u16()? == self.kind.number()
            && reader.u16()? == INTERNET;
        if !is_mine {
            return None;
        }
        if is_truncated {
            return Some(empty);
        }
        let records = (0..answers).map(|_| reader.record()).collect::<Option<Vec<_>>>()?;
        Some(Reply { rcode, is_truncated, ..follow(&self.name, self.kind, &records) })
    }
}

/// The class of records that matter.
const INTERNET: u16 = 1;

/// A record, as far as it matters.
struct Record {
    owner: String,
    ttl_s: u32,
    data: Data,
}

enum Data {
    Address(IpAddr),
    Alias(String),
    Other,
}

/// Follows the aliases from `name` to addresses of one kind. What does not lie on the way does not count.
fn follow(name: &str, kind: Kind, records: &[Record]) -> Reply {
    let mut reply =
        Reply { rcode: Rcode::NOERROR, is_truncated: false, chain: Vec::new(), addresses: Vec::new(), ttl_s: None };
    let mut used: Vec<u32> = Vec::new();
    let mut at = name;
    while reply.chain.len() < LONGEST_CHAIN {
        let alias = records.iter().find_map(|record| match &record.data {
            Data::Alias(target) if record.owner == at => Some((target, record.ttl_s)),
            _ => None,
        });
        let Some((target, ttl_s)) = alias else { break };
        if target == name || reply.chain.contains(target) {
            break;
        }
        reply.chain.push(target.clone());
        used.push(ttl_s);
        at = target;
    }
    for record in records.iter().filter(|record| record.owner == at) {
        match record.data {
            Data::Address(address) if address.is_ipv4() == (kind == Kind::A) => {
                if reply.addresses.len() < MOST_ADDRESSES && !reply.addresses.contains(&address) {
                    reply.addresses.push(address);
                }
                used.push(record.ttl_s);
            }
            _ => {}
        }
    }
    reply.ttl_s = used.into_iter().min();
    reply
}

/// Reads a message from front to back. Nothing is read twice, and no more than there is.
struct Reader<'a> {
    bytes: &'a [u8],
    at: usize,
}

impl<'a> Reader<'a> {
    fn take(&mut self, count: usize) -> Option<&'a [u8]> {
        let taken = self.bytes.get(self.at..self.at.checked_add(count)?)?;
        self.at += count;
        Some(taken)
    }

    fn u16(&mut self) -> Option<u16> {
        self.take(2)?.try_into().ok().map(u16::from_be_bytes)
    }

    fn u32(&mut self) -> Option<u32> {
        self.take(4)?.try_into().ok().map(u32::from_be_bytes)
    }

    /// A name in lower case; in labels, what is no letter, digit, hyphen or underscore is written `\DDD`.
    fn name(&mut self) -> Option<String> {
        let mut name = String::new();
        let mut length = 1;
        let mut at = self.at;
        // A pointer leads to before the part of the name that it stands in, so no name goes round in circles.
        let mut bound = self.at;
        let mut end = None;
        loop {
            let size = usize::from(*self.bytes.get(at)?);
            match size {
                0 => {
                    self.at = end.unwrap_or(at + 1);
                    return Some(name);
                }
                1..=63 => {
                    length += size + 1;
                    if length > 255 {
                        return None;
                    }
                    if !name.is_empty() {
                        name.push('.');
                    }
                    for &byte in self.bytes.get(at + 1..at + 1 + size)? {
                        match byte {
                            b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'-' | b'_' => {
                                name.push(byte.to_ascii_lowercase().into());
                            }
                            _ => {
                                let _ = write!(name, "\\{byte:03}");
                            }
                        }
                    }
                    at += size + 1;
                }
                0xc0..=0xff => {
                    let target = (size & 0x3f) << 8 | usize::from(*self.bytes.get(at + 1)?);
                    if target >= bound {
                        return None;
                    }
                    end = end.or(Some(at + 2));
                    (at, bound) = (target, target);
                }
                _ => return None,
            }
        }
    }

    fn record(&mut self) -> Option<Record> {
        let owner = self.name()?;
        let (kind, class, ttl_s) = (self.u16()?, self.u16()?, self.u32()?);
        let length = usize::from(self.u16()?);
        let start = self.at;
        let rest = self.take(length)?;
        let data = match (class, kind) {
            (INTERNET, 1) => Data::Address(<[u8; 4]>::try_from(rest).ok().map(Ipv4Addr::from)?.into()),
            (INTERNET, 28) => Data::Address(<[u8; 16]>::try_from(rest).ok().map(Ipv6Addr::from)?.into()),
            (INTERNET, 5) => {
                let mut inner = Reader { bytes: self.bytes, at: start };
                let target = inner.name()?;
                if inner.at != start + length {
                    return None;
                }
                Data::Alias(target)
            }
            _ => Data::Other,
        };
        // A time with the highest bit set counts as none (RFC 2181, 8).
        let ttl_s = if ttl_s > i32::MAX as u32 { 0 } else { ttl_s };
        Some(Record { owner, ttl_s, data })
    }
}

#[cfg(test)]
mod tests;
