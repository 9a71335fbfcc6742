//! Asks a SOCKS5 proxy for a connection. The proxy is given the name and resolves it; nobody logs in.
//!
//! Source: RFC 1928, <https://www.rfc-editor.org/rfc/rfc1928>.

use std::net::IpAddr;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use crate::answer::RelayFault;
use crate::endpoint::Endpoint;

const VERSION: u8 = 5;
const NO_LOG_IN: u8 = 0;
const NO_METHOD: u8 = 0xff;
const CONNECT: u8 = 1;
const SUCCEEDED: u8 = 0;
const IPV4: u8 = 1;
const NAME: u8 = 3;
const IPV6: u8 = 4;

/// How much of what a stranger says is kept.
const KEPT: usize = 64;

/// How far asking has come.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Progress {
    /// The proxy has not taken the connection.
    #[default]
    Dialling,
    /// It has, and has not answered the greeting.
    Greeting,
    /// It speaks SOCKS5, and has not answered the request.
    Asked,
}

impl Progress {
    /// Why there is no connection, if the time was up.
    pub fn cut_off(self) -> RelayFault {
        match self {
            Self::Dialling => RelayFault::Down("no answer".to_owned()),
            Self::Greeting => RelayFault::NotSocks5 { said: Vec::new() },
            Self::Asked => RelayFault::Undecided,
        }
    }
}

/// A connection to `target`, made by `proxy`.
pub(super) async fn connect(
    proxy: &Endpoint,
    target: &Endpoint,
    progress: &mut Progress,
) -> Result<TcpStream, RelayFault> {
    let mut stream = dial(proxy).await?;
    *progress = Progress::Greeting;
    send(&mut stream, &[VERSION, 1, NO_LOG_IN]).await?;
    let [version, method] = receive(&mut stream).await?;
    match (version, method) {
        (VERSION, NO_LOG_IN) => {}
        (VERSION, NO_METHOD) => return Err(RelayFault::LogIn),
        _ => return Err(stranger(&stream, &[version, method])),
    }
    *progress = Progress::Asked;
    let asked = send(&mut stream, &request(target)).await.and(receive(&mut stream).await);
    let [version, reply, _, kind] = asked.map_err(|_| RelayFault::HungUp)?;
    match (version, reply) {
        (VERSION, SUCCEEDED) => {}
        (VERSION, reply) => return Err(RelayFault::Refused(reply)),
        _ => return Err(stranger(&stream, &[version, reply])),
    }
    // From where the proxy connects. The server's own bytes begin behind it.
    match kind {
        IPV4 => drop(receive::<6>(&mut stream).await?),
        IPV6 => drop(receive::<18>(&mut stream).await?),
        NAME => {
            let [length] = receive(&mut stream).await?;
            let mut rest = vec![0; usize::from(length) + 2];
            stream.read_exact(&mut rest).await.map_err(|_| RelayFault::NotSocks5 { said: Vec::new() })?;
        }
        _ => return Err(stranger(&stream, &[version, reply, 0, kind])),
    }
    Ok(stream)
}

/// The first address of the proxy that takes the connection.
async fn dial(proxy: &Endpoint) -> Result<TcpStream, RelayFault> {
    let dialled = TcpStream::connect((proxy.host().as_str(), proxy.port())).await;
    dialled.map_err(|error| {
        let text = error.to_string();
        let text = text.rsplit(": ").next().unwrap_or_default();
        RelayFault::Down(text.split(" (os error").next().unwrap_or_default().to_lowercase())
    })
}

fn request(target: &Endpoint) -> Vec<u8> {
    let mut request = vec![VERSION, CONNECT, 0];
    match target.address() {
        Some(IpAddr::V4(address)) => {
            request.push(IPV4);
            request.extend(address.octets());
        }
        Some(IpAddr::V6(address)) => {
            request.push(IPV6);
            request.extend(address.octets());
        }
        None => {
            let name = target.host();
            // A name of an endpoint has 253 bytes at most.
            request.extend([NAME, u8::try_from(name.len()).unwrap_or(u8::MAX)]);
            request.extend(name.as_bytes());
        }
    }
    request.extend(target.port().to_be_bytes());
    request
}

async fn send(stream: &mut TcpStream, bytes: &[u8]) -> Result<(), RelayFault> {
    stream.write_all(bytes).await.map_err(|_| RelayFault::NotSocks5 { said: Vec::new() })
}

async fn receive<const N: usize>(stream: &mut TcpStream) -> Result<[u8; N], RelayFault> {
    let mut bytes = [0; N];
    match stream.read_exact(&mut bytes).await {
        Ok(_) => Ok(bytes),
        // Whoever hangs up in the middle is not understood.
        Err(_) => Err(RelayFault::NotSocks5 { said: Vec::new() }),
    }
}

/// Whoever begins like this, and with whatever else has come in by now, speaks something else.
fn stranger(stream: &TcpStream, begins: &[u8]) -> RelayFault {
    let mut said = [begins, [0; KEPT].as_slice()].concat();
    let more = stream.try_read(&mut said[begins.len()..]).unwrap_or_default();
    said.truncate(begins.len() + more);
    RelayFault::NotSocks5 { said }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_name_goes_to_the_proxy_as_it_is() {
        let request = |target: &str| request(&target.parse().unwrap());
        assert_eq!(request("orders.example:6379"), b"\x05\x01\x00\x03\x0eorders.example\x18\xeb");
        assert_eq!(request("10.0.0.1:6380"), b"\x05\x01\x00\x01\x0a\x00\x00\x01\x18\xec");
        assert_eq!(request("[fd00::1]:6379"), b"\x05\x01\x00\x04\xfd\0\0\0\0\0\0\0\0\0\0\0\0\0\0\x01\x18\xeb");
    }

    #[test]
    fn what_the_deadline_cuts_off_tells_how_far_it_came() {
        assert_eq!(Progress::default().cut_off(), RelayFault::Down("no answer".into()));
        assert_eq!(Progress::Greeting.cut_off(), RelayFault::NotSocks5 { said: vec![] });
        assert_eq!(Progress::Asked.cut_off(), RelayFault::Undecided);
    }
}
