//! A DNS server by UDP and TCP that answers from a table, and can misbehave.

use std::collections::BTreeMap;
use std::io::{self, Read, Write};
use std::net::{IpAddr, SocketAddr, TcpListener, TcpStream, UdpSocket};
use std::sync::{Arc, Mutex};
use std::thread;

/// What a server has to say of a name.
#[derive(Clone, Debug)]
pub enum Zone {
    /// The name is an alias of another one, for so many seconds.
    Alias(&'static str, u32),
    /// The name has these addresses, for so many seconds.
    Addresses(Vec<IpAddr>, u32),
    /// There is no answer but this code.
    Code(u8),
    /// Nothing.
    Silence,
}

impl Zone {
    /// The server failed.
    pub const SERVFAIL: Self = Self::Code(2);
    /// The server does not serve.
    pub const REFUSED: Self = Self::Code(5);

    /// A name with these addresses.
    pub fn addresses(texts: &[&str], ttl_s: u32) -> Self {
        Self::Addresses(texts.iter().map(|text| text.parse().expect("an address")).collect(), ttl_s)
    }
}

/// How a server answers by UDP.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Manner {
    /// As the RFCs say.
    Good,
    /// That the answer is too long, and is to be asked for by TCP.
    Truncates,
    /// First with nonsense and with a forged answer under another id, then well.
    IsForged,
    /// With nonsense alone.
    TalksNonsense,
}

/// A running server. It answers as long as the process lives: nothing else uses the network of its test.
#[derive(Debug)]
pub struct Nameserver {
    asked: Arc<Mutex<Vec<String>>>,
}

impl Nameserver {
    /// Serves the table on port 53 of an address of this machine. A name that it lacks does not exist.
    ///
    /// # Panics
    /// If the port is taken, or not this user's.
    pub fn start(address: &str, manner: Manner, table: &[(&'static str, Zone)]) -> Self {
        let address = SocketAddr::new(address.parse().expect("an address"), 53);
        let table: Arc<BTreeMap<&'static str, Zone>> = Arc::new(table.iter().cloned().collect());
        let asked = Arc::new(Mutex::new(Vec::new()));
        let udp = UdpSocket::bind(address).expect("port 53");
        let tcp = TcpListener::bind(address).expect("port 53");
        let (served, log) = (Arc::clone(&table), Arc::clone(&asked));
        thread::spawn(move || by_udp(&udp, manner, &served, &log));
        let log = Arc::clone(&asked);
        thread::spawn(move || {
            for stream in tcp.incoming().flatten() {
                let (table, log) = (Arc::clone(&table), Arc::clone(&log));
                // It ends with an error when the client leaves.
                thread::spawn(move || by_tcp(stream, &table, &log));
            }
        });
        Self { asked }
    }

    /// What was asked so far: `udp A orders.example`, sorted, each once.
    pub fn asked(&self) -> Vec<String> {
        let mut asked = self.asked.lock().expect("nobody panics with the lock").clone();
        asked.sort();
        asked.dedup();
        asked
    }
}

fn by_udp(socket: &UdpSocket, manner: Manner, table: &BTreeMap<&'static str, Zone>, log: &Mutex<Vec<String>>) {
    let mut buffer = [0; 1024];
    while let Ok((length, from)) = socket.recv_from(&mut buffer) {
        let Some(question) = Question::read(&buffer[..length]) else { continue };
        log.lock().expect("nobody panics with the lock").push(format!("udp {question}"));
        let Some(good) = question.answer(table) else { continue };
        let mut forged = good.clone();
        forged[0] ^= 0xff;
        let mut short = question.bytes.clone();
        short[2..4].copy_from_slice(&[0x83, 0x80]);
        let messages: Vec<Vec<u8>> = match manner {
            Manner::Good => vec![good],
            Manner::Truncates => vec![short],
            Manner::IsForged => vec![nonsense(), forged, good],
            Manner::TalksNonsense => vec![nonsense()],
        };
        for message in messages {
            let _ = socket.send_to(&message, from);
        }
    }
}

/// Longer than the head of a message: on anything shorter the C library gives the server up.
fn nonsense() -> Vec<u8> {
    vec![0xff; 40]
}

/// A client may ask several questions on one connection, as the C library does.
fn by_tcp(mut stream: TcpStream, table: &BTreeMap<&'static str, Zone>, log: &Mutex<Vec<String>>) -> io::Result<()> {
    loop {
        let mut length = [0; 2];
        stream.read_exact(&mut length)?;
        let mut message = vec![0; usize::from(u16::from_be_bytes(length))];
        stream.read_exact(&mut message)?;
        let Some(question) = Question::read(&message) else { return Ok(()) };
        log.lock().expect("nobody panics with the lock").push(format!("tcp {question}"));
        let answer = question.answer(table).unwrap_or_default();
        let length = u16::try_from(answer.len()).expect("a short answer");
        stream.write_all(&[&length.to_be_bytes()[..], &answer].concat())?;
    }
}

/// A question, with the bytes of its message.
struct Question {
    name: String,
    kind: u16,
    bytes: Vec<u8>,
}

const A: u16 = 1;
const CNAME: u16 = 5;
const AAAA: u16 = 28;

impl std::fmt::Display for Question {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let kind = match self.kind {
            A => "A",
            AAAA => "AAAA",
            _ => "?",
        };
        write!(f, "{kind} {}", self.name)
    }
}

impl Question {
    fn read(message: &[u8]) -> Option<Self> {
        let (mut at, mut labels) = (12, Vec::new());
        loop {
            let size = usize::from(*message.get(at)?);
            let label = message.get(at + 1..at + 1 + size)?;
            at += size + 1;
            if size == 0 {
                break;
            }
            labels.push(String::from_utf8_lossy(label).to_ascii_lowercase());
        }
        let kind = u16::from_be_bytes(message.get(at..at + 2)?.try_into().ok()?);
        // What a client adds behind the question, such as EDNS, is left away.
        let mut bytes = message.get(..at + 4)?.to_vec();
        bytes[6..12].fill(0);
        Some(Self { name: labels.join("."), kind, bytes })
    }

    /// The whole answer; none where there is to be silence.
    fn answer(&self, table: &BTreeMap<&'static str, Zone>) -> Option<Vec<u8>> {
        let mut bytes = self.bytes.clone();
        bytes[2] = 0x81;
        let (mut code, mut count) = (0, 0_u8);
        let mut name = self.name.clone();
        // The question's name stands at offset 12.
        let mut owner = vec![0xc0, 12];
        loop {
            match table.get(name.as_str()) {
                None => code = 3,
                Some(Zone::Silence) => return None,
                Some(Zone::Code(said)) => code = *said,
                Some(Zone::Alias(target, ttl_s)) => {
                    let target_bytes = written(target);
                    record(&mut bytes, &owner, CNAME, *ttl_s, &target_bytes);
                    count += 1;
                    (*target).clone_into(&mut name);
                    owner = target_bytes;
                    continue;
                }
                Some(Zone::Addresses(addresses, ttl_s)) => {
                    for address in addresses {
                        let (kind, data) = match address {
                            IpAddr::V4(v4) => (A, v4.octets().to_vec()),
                            IpAddr::V6(v6) => (AAAA, v6.octets().to_vec()),
                        };
                        if kind == self.kind {
                            record(&mut bytes, &owner, kind, *ttl_s, &data);
                            count += 1;
                        }
                    }
                }
            }
            break;
        }
        bytes[3] = 0x80 | code;
        bytes[7] = count;
        Some(bytes)
    }
}

fn written(name: &str) -> Vec<u8> {
    let mut bytes = Vec::new();
    for label in name.split('.') {
        bytes.push(u8::try_from(label.len()).expect("a short label"));
        bytes.extend(label.as_bytes());
    }
    bytes.push(0);
    bytes
}

fn record(bytes: &mut Vec<u8>, owner: &[u8], kind: u16, ttl_s: u32, data: &[u8]) {
    bytes.extend(owner);
    bytes.extend(kind.to_be_bytes());
    bytes.extend([0, 1]);
    bytes.extend(ttl_s.to_be_bytes());
    bytes.extend(u16::try_from(data.len()).expect("a short record").to_be_bytes());
    bytes.extend(data);
}
