//! Servers with bad manners, on free ports of 127.0.0.1.

use std::io::{self, Read, Write};
use std::net::{Ipv4Addr, Shutdown, SocketAddr, SocketAddrV4, TcpStream};
use std::os::fd::OwnedFd;
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::Duration;

use rustix::net;

use crate::http::Listener;

/// A server with bad manners; it ends when dropped.
#[derive(Debug)]
pub struct Rude(Listener);

impl Rude {
    /// A server that treats every connection as `talk` does; the connection closes when `talk` returns.
    pub fn new(talk: impl Fn(TcpStream) + Send + Sync + 'static) -> Self {
        Self(Listener::start(talk))
    }

    /// The address it listens on.
    pub fn address(&self) -> SocketAddr {
        self.0.address()
    }

    /// `127.0.0.1:PORT`.
    pub fn endpoint(&self) -> String {
        self.address().to_string()
    }

    /// `http://127.0.0.1:PORT`, for the tools that speak to AWS.
    pub fn url(&self) -> String {
        format!("http://{}", self.address())
    }
}

/// A port behind which packets get lost, as behind a security group: the queue of the listener is full, so the kernel
/// drops whatever more arrives.
#[derive(Debug)]
pub struct Deaf {
    address: SocketAddr,
    _queue: (OwnedFd, TcpStream),
}

/// Takes no connection, and refuses none.
pub fn deaf() -> Deaf {
    let socket = net::socket(net::AddressFamily::INET, net::SocketType::STREAM, None).expect("a socket");
    net::bind(&socket, &SocketAddrV4::new(Ipv4Addr::LOCALHOST, 0)).expect("a free port");
    net::listen(&socket, 0).expect("a queue for one");
    let address = net::getsockname(&socket).expect("a bound socket has an address");
    let address = SocketAddr::try_from(address).expect("an IP address");
    let first = TcpStream::connect(address).expect("room for one");
    Deaf { address, _queue: (socket, first) }
}

impl Deaf {
    /// The port on 127.0.0.1.
    pub fn port(&self) -> u16 {
        self.address.port()
    }

    /// `127.0.0.1:PORT`.
    pub fn endpoint(&self) -> String {
        self.address.to_string()
    }
}

/// Accepts, and never says a word.
pub fn silent() -> Rude {
    Rude::new(|stream| listen_to_the_end(&stream))
}

/// Accepts and hangs up.
pub fn hangs_up() -> Rude {
    Rude::new(drop)
}

/// Answers with bytes that are no protocol, without waiting to be asked.
pub fn garbage() -> Rude {
    says(b"\x00\xff\xfe garbage \x07\x15\x03 that no protocol knows\r\n")
}

/// An HTTP server that finds every request bad.
pub fn http() -> Rude {
    says(b"HTTP/1.1 400 Bad Request\r\nServer: nginx\r\nContent-Length: 0\r\nConnection: close\r\n\r\n")
}

/// Says `bytes` to whoever has said something first, and then waits for the other side to leave.
pub fn says(bytes: &'static [u8]) -> Rude {
    Rude::new(move |mut stream| {
        let _ = stream.read(&mut [0; 4096]);
        let _ = stream.write_all(bytes);
        listen_to_the_end(&stream);
    })
}

/// A SOCKS5 proxy that takes everybody and answers every request with this reply of RFC 1928, as from 0.0.0.0:0; then it
/// waits for the other side to leave.
pub fn socks5(reply: u8) -> Rude {
    Rude::new(move |mut stream| {
        let _ = stream.read(&mut [0; 3]);
        let _ = stream.write_all(&[5, 0]);
        let _ = stream.read(&mut [0; 4096]);
        let _ = stream.write_all(&[5, reply, 0, 1, 0, 0, 0, 0, 0, 0]);
        listen_to_the_end(&stream);
    })
}

/// A SOCKS5 proxy that connects to this address whatever it is asked for, and gives the names that it was asked for.
pub fn socks5_to(address: String) -> (Rude, Arc<Mutex<Vec<String>>>) {
    let names = Arc::new(Mutex::new(Vec::new()));
    let heard = Arc::clone(&names);
    let proxy = Rude::new(move |mut stream| {
        let (mut request, mut server) = ([0; 512], TcpStream::connect(&address).expect("a server"));
        let _ = stream.read_exact(&mut request[..3]);
        let _ = stream.write_all(&[5, 0]);
        let length = stream.read(&mut request).unwrap_or_default();
        let name = request.get(5..length.saturating_sub(2)).unwrap_or_default();
        heard.lock().expect("nobody panics with the lock").push(String::from_utf8_lossy(name).into_owned());
        // From a name, as few proxies say it.
        let _ = stream.write_all(b"\x05\x00\x00\x03\x04here\x00\x01");
        let (mut from, mut to) = (server.try_clone().expect("a handle"), stream.try_clone().expect("a handle"));
        thread::spawn(move || drop(io::copy(&mut from, &mut to)));
        let _ = io::copy(&mut stream, &mut server);
        let _ = server.shutdown(Shutdown::Both);
    });
    (proxy, names)
}

/// A SOCKS5 proxy that takes nobody without a log-in.
pub fn socks5_with_log_in() -> Rude {
    says(&[5, 0xff])
}

/// A SOCKS5 proxy that has not come through when the client's patience ends.
pub fn socks5_in_vain() -> Rude {
    says(&[5, 0])
}

/// Answers `+PONG`, one byte every `pause`, without end.
pub fn drips(pause: Duration) -> Rude {
    Rude::new(move |mut stream| {
        for byte in b"+PONG".iter().cycle() {
            if stream.write_all(&[*byte]).is_err() {
                return;
            }
            thread::sleep(pause);
        }
    })
}

/// Answers every request with a bulk string of 1 GiB, and really sends it.
pub fn huge_bulk() -> Rude {
    Rude::new(|mut stream| {
        let _ = stream.read(&mut [0; 4096]);
        let _ = stream.write_all(b"$1073741824\r\n").and_then(|()| pour(&mut stream, &[b'x'; 1 << 14], 1 << 16));
    })
}

/// Answers with arrays in arrays, without end.
pub fn endless_arrays() -> Rude {
    Rude::new(|mut stream| {
        let _ = stream.read(&mut [0; 4096]);
        let _ = pour(&mut stream, &b"*1\r\n".repeat(1 << 14), usize::MAX);
    })
}

/// Answers with one line that never ends.
pub fn endless_line() -> Rude {
    Rude::new(|mut stream| {
        let _ = stream.read(&mut [0; 4096]);
        let _ = stream.write_all(b"+").and_then(|()| pour(&mut stream, &[b'x'; 1 << 14], usize::MAX));
    })
}

/// Answers with the header of a list that no memory holds.
pub fn huge_array() -> Rude {
    says(b"*2147483647\r\n")
}

/// Answers every request of Memcached with numbers, without end.
pub fn endless_stats() -> Rude {
    Rude::new(|mut stream| {
        let _ = stream.read(&mut [0; 4096]);
        let _ = pour(&mut stream, &b"STAT curr_items 7\r\n".repeat(1 << 10), usize::MAX);
    })
}

/// A Memcached that is in order, but for its numbers: they have no end.
pub fn endless_numbers() -> Rude {
    Rude::new(|mut stream| {
        let _ = stream.read(&mut [0; 4096]);
        let _ = stream.write_all(b"VERSION 1.6.18\r\n");
        let _ = stream.read(&mut [0; 4096]);
        let _ = pour(&mut stream, &b"STAT curr_items 7\r\n".repeat(1 << 10), usize::MAX);
    })
}

/// An SSH server: it speaks first, and takes no other protocol.
pub fn ssh() -> Rude {
    Rude::new(|mut stream| {
        let _ = stream.write_all(b"SSH-2.0-OpenSSH_9.2p1 Debian-2+deb12u7\r\n");
        let _ = stream.read(&mut [0; 4096]);
        let _ = stream.write_all(b"Invalid SSH identification string.\r\n");
        listen_to_the_end(&stream);
    })
}

/// A TLS server of the last century: to a handshake it answers with the alert `protocol_version`.
pub fn old_tls() -> Rude {
    says(b"\x15\x03\x01\x00\x02\x02\x46")
}

/// Answers HELLO in full, and is never heard of again: its machine is gone, and nobody is left to say so.
pub fn vanishes() -> Rude {
    says(b"%3\r\n+server\r\n+valkey\r\n+version\r\n+8.0.1\r\n+mode\r\n+standalone\r\n")
}

fn pour(stream: &mut TcpStream, bytes: &[u8], times: usize) -> io::Result<()> {
    for _ in 0..times {
        stream.write_all(bytes)?;
    }
    Ok(())
}

fn listen_to_the_end(mut stream: &TcpStream) {
    let mut ignored = [0; 4096];
    while stream.read(&mut ignored).is_ok_and(|count| count > 0) {}
}
