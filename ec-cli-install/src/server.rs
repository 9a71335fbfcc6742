//! A TLS server on loopback that knows one command, PING: the other side of the proof. It uses a certificate authority
//! of its own that exists for the proof alone.

use std::io::{self, Read, Write};
use std::net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::{self, JoinHandle};
use std::time::Duration;

use rcgen::{BasicConstraints, CertificateParams, DnType, IsCa, Issuer, KeyPair, KeyUsagePurpose};
use rustls::pki_types::{CertificateDer, PrivateKeyDer, PrivatePkcs8KeyDer};
use rustls::{ServerConfig, ServerConnection, Stream, SupportedProtocolVersion};

/// How long a client may stay silent.
const PATIENCE: Duration = Duration::from_secs(5);
/// The longest that a client may send before it has said something that can be answered.
const LONGEST: usize = 16 << 10;

/// A certificate authority with one certificate.
#[derive(Debug)]
pub struct Authority {
    pem: String,
    chain: Vec<CertificateDer<'static>>,
    key: PrivatePkcs8KeyDer<'static>,
}

impl Authority {
    /// A new authority called `name`, with a certificate for this machine's loopback.
    ///
    /// # Errors
    /// What the key generation says.
    pub fn new(name: &str) -> Result<Self, rcgen::Error> {
        Self::naming(name, "localhost", vec!["localhost".to_owned(), Ipv4Addr::LOCALHOST.to_string()])
    }

    /// A new authority called `name`, with a certificate for `host` alone.
    ///
    /// # Errors
    /// What the key generation says.
    pub fn of(name: &str, host: &str) -> Result<Self, rcgen::Error> {
        Self::naming(name, host, vec![host.to_owned()])
    }

    fn naming(name: &str, common_name: &str, hosts: Vec<String>) -> Result<Self, rcgen::Error> {
        let mut root = CertificateParams::default();
        root.distinguished_name.push(DnType::CommonName, name);
        root.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        root.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::DigitalSignature];
        let root_key = KeyPair::generate()?;
        let pem = root.self_signed(&root_key)?.pem();
        let issuer = Issuer::new(root, root_key);

        let mut leaf = CertificateParams::new(hosts)?;
        leaf.distinguished_name.push(DnType::CommonName, common_name);
        let leaf_key = KeyPair::generate()?;
        let certificate = leaf.signed_by(&leaf_key, &issuer)?;
        Ok(Self { pem, chain: vec![certificate.der().clone()], key: leaf_key.serialize_der().into() })
    }

    /// The authority's own certificate, for `--cacert`.
    pub fn pem(&self) -> &str {
        &self.pem
    }
}

/// A running server; it ends when it is dropped.
#[derive(Debug)]
pub struct Server {
    address: SocketAddr,
    is_over: Arc<AtomicBool>,
    is_asked: Arc<AtomicBool>,
    thread: Option<JoinHandle<()>>,
}

impl Server {
    /// Starts a server that speaks the TLS `versions` with the certificate of `authority`.
    ///
    /// # Errors
    /// No port on loopback, or a certificate that TLS does not take.
    pub fn start(authority: &Authority, versions: &[&'static SupportedProtocolVersion]) -> io::Result<Self> {
        let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
        let config = ServerConfig::builder_with_provider(provider)
            .with_protocol_versions(versions)
            .and_then(|builder| {
                let key = PrivateKeyDer::Pkcs8(authority.key.clone_key());
                builder.with_no_client_auth().with_single_cert(authority.chain.clone(), key)
            })
            .map_err(io::Error::other)?;
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?;
        let address = listener.local_addr()?;
        let is_over = Arc::new(AtomicBool::new(false));
        let is_asked = Arc::new(AtomicBool::new(false));
        let (over, asked, config) = (Arc::clone(&is_over), Arc::clone(&is_asked), Arc::new(config));
        let thread = thread::spawn(move || {
            for connection in listener.incoming() {
                if over.load(Ordering::SeqCst) {
                    break;
                }
                // A client that goes away, or does not like the certificate, is what the proof is about.
                let _ = connection.and_then(|stream| serve(stream, &config, &asked));
            }
        });
        Ok(Self { address, is_over, is_asked, thread: Some(thread) })
    }

    /// The port on 127.0.0.1.
    pub fn port(&self) -> u16 {
        self.address.port()
    }

    /// Whether a PING, or Memcached's version, has arrived over TLS: what a client prints is only half of the proof.
    pub fn is_asked(&self) -> bool {
        self.is_asked.load(Ordering::SeqCst)
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.is_over.store(true, Ordering::SeqCst);
        // The thread waits for a connection; this is the last.
        let woken = TcpStream::connect_timeout(&self.address, PATIENCE).is_ok();
        if let Some(thread) = self.thread.take().filter(|_| woken) {
            let _ = thread.join();
        }
    }
}

fn serve(mut tcp: TcpStream, config: &Arc<ServerConfig>, is_asked: &AtomicBool) -> io::Result<()> {
    tcp.set_read_timeout(Some(PATIENCE))?;
    tcp.set_write_timeout(Some(PATIENCE))?;
    let mut session = ServerConnection::new(Arc::clone(config)).map_err(io::Error::other)?;
    let mut stream = Stream::new(&mut session, &mut tcp);
    let mut heard = Vec::new();
    let mut chunk = [0; 1024];
    while heard.len() < LONGEST {
        let count = stream.read(&mut chunk)?;
        if count == 0 {
            break;
        }
        heard.extend_from_slice(&chunk[..count]);
        while let Some((command, length)) = first_command(&heard) {
            let (is_question, reply): (bool, &[u8]) = match command.to_ascii_lowercase().as_str() {
                "ping" => (true, b"+PONG\r\n"),
                "version" => (true, b"VERSION 1.6.0\r\n"),
                "quit" => return Ok(()),
                _ => (false, b"-ERR unknown command\r\n"),
            };
            is_asked.fetch_or(is_question, Ordering::SeqCst);
            heard.drain(..length);
            stream.write_all(reply)?;
        }
        stream.flush()?;
    }
    Ok(())
}

/// The name of the first whole command in `heard`, and the length of that command in bytes: an array of bulk strings, as
/// Valkey has it, or a line, as Memcached has it.
fn first_command(heard: &[u8]) -> Option<(String, usize)> {
    let text = std::str::from_utf8(heard).ok()?;
    let mut lines = text.split_inclusive("\r\n").take_while(|line| line.ends_with("\r\n"));
    let count = lines.next()?;
    let Some(words) = count.trim_end().strip_prefix('*') else {
        return Some((count.trim_end().to_owned(), count.len()));
    };
    let words: usize = words.parse().ok()?;
    // Each word is a line with its length and a line with the word.
    let rest: Vec<&str> = lines.take(words.checked_mul(2)?).collect();
    let is_whole = rest.len() == words * 2 && words > 0;
    let length = count.len() + rest.iter().map(|line| line.len()).sum::<usize>();
    is_whole.then(|| (rest[1].trim_end().to_owned(), length))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_command_is_recognised_once_it_is_whole() {
        let ping = b"*1\r\n$4\r\nping\r\n";
        for end in 0..ping.len() {
            assert_eq!(first_command(&ping[..end]), None);
        }
        assert_eq!(first_command(ping), Some(("ping".to_owned(), ping.len())));
        let two = b"*2\r\n$5\r\nHELLO\r\n$1\r\n3\r\n*1\r\n$4\r\nping\r\n";
        assert_eq!(first_command(two), Some(("HELLO".to_owned(), 22)));
        assert_eq!(first_command(b"version\r\nquit\r\n"), Some(("version".to_owned(), 9)));
        assert_eq!(first_command(b"version"), None);
        assert_eq!(first_command(b"*99999999999999999999\r\n"), None);
        assert_eq!(first_command(b"*18446744073709551615\r\n"), None);
    }

    #[test]
    fn a_server_ends_when_it_is_dropped() {
        let server = Server::start(&Authority::new("one").unwrap(), rustls::ALL_VERSIONS).unwrap();
        let address = server.address;
        drop(server);
        assert!(TcpStream::connect_timeout(&address, PATIENCE).is_err());
    }
}
