//! Proves what a client can do with TLS: it has to exchange a command with a server on loopback, over TLS 1.2 and over
//! TLS 1.3, and to refuse a server that an unknown authority vouches for. A version string proves nothing.

use std::fmt::Display;
use std::fs;
use std::path::Path;
use std::time::Duration;

use ec_shared::Failure;
use rustls::SupportedProtocolVersion;
use rustls::version::{TLS12, TLS13};

use crate::codes;
use crate::server::{Authority, Server};
use crate::shell::{Job, Ran, Shell};

/// How long one exchange may take. On loopback it takes a few milliseconds.
const PATIENCE: Duration = Duration::from_secs(5);

/// What was proven.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Proof {
    /// Over TLS 1.2.
    pub tls12: Attempt,
    /// Over TLS 1.3.
    pub tls13: Attempt,
    /// With a server of an unknown authority; an answer here is bad.
    pub unknown_ca: Attempt,
}

/// One exchange.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Attempt {
    /// The server was asked, and the client printed its answer.
    Answered,
    /// It did not; its last words.
    Failed(String),
}

impl Attempt {
    /// Whether the server was asked, and the client printed its answer.
    pub fn is_answered(&self) -> bool {
        *self == Self::Answered
    }

    /// Why not.
    pub fn why(&self) -> Option<&str> {
        match self {
            Self::Answered => None,
            Self::Failed(why) => Some(why),
        }
    }
}

impl Proof {
    /// Whether the client speaks any TLS.
    pub fn has_tls(&self) -> bool {
        self.tls12.is_answered() || self.tls13.is_answered()
    }

    /// Whether it checks who signed the server's certificate; not known of a client without TLS.
    pub fn verifies_ca(&self) -> Option<bool> {
        self.has_tls().then(|| !self.unknown_ca.is_answered())
    }
}

/// Puts `client` to the proof.
///
/// # Errors
/// `EC4037` if the server cannot be set up, `EC4036` if the client cannot be started.
pub fn prove(shell: &Shell, client: &Path) -> Result<Proof, Failure> {
    let cannot = |why: &dyn Display| {
        Failure::new(&codes::NO_PROOF, format!("cannot prove the TLS of {}", client.display())).because(why)
    };
    let known = Authority::new("ec-cli-install proof").map_err(|error| cannot(&error))?;
    let unknown = Authority::new("ec-cli-install unknown").map_err(|error| cannot(&error))?;
    let dir = tempfile::tempdir_in(shell.scratch()).map_err(|error| cannot(&error))?;
    let (known_pem, unknown_pem) = (dir.path().join("known.pem"), dir.path().join("unknown.pem"));
    fs::write(&known_pem, known.pem()).map_err(|error| cannot(&error))?;
    fs::write(&unknown_pem, unknown.pem()).map_err(|error| cannot(&error))?;
    let attempt = |versions: &[&'static SupportedProtocolVersion], trusted: &Path| {
        let server = Server::start(&known, versions).map_err(|error| cannot(&error))?;
        ask(shell, client, &server, trusted)
    };
    Ok(Proof {
        tls12: attempt(&[&TLS12], &known_pem)?,
        tls13: attempt(&[&TLS13], &known_pem)?,
        unknown_ca: attempt(rustls::ALL_VERSIONS, &unknown_pem)?,
    })
}

/// Lets the client ask for a PONG; an openssl, which is used for Memcached, asks for the version.
fn ask(shell: &Shell, client: &Path, server: &Server, trusted: &Path) -> Result<Attempt, Failure> {
    let (port, trusted) = (server.port().to_string(), trusted.to_string_lossy());
    let is_openssl = client.file_name().is_some_and(|name| name.to_string_lossy().starts_with("openssl"));
    let job = if is_openssl {
        let at = format!("127.0.0.1:{port}");
        let args = ["s_client", "-quiet", "-verify_return_error", "-CAfile", &trusted, "-connect", &at];
        Job::new(client, args.map(str::to_owned)).input("version\r\nquit\r\n")
    } else {
        let args = ["--tls", "--cacert", &trusted, "-h", "127.0.0.1", "-p", &port, "ping"];
        Job::new(client, args.map(str::to_owned))
    };
    let ran: Ran = shell.run(&job.limit(PATIENCE))?;
    let answer = ran.stdout.trim_ascii();
    // How s_client ends says how the connection ended, which is not what is asked here.
    let prints_it = if is_openssl { answer.starts_with(b"VERSION ") } else { ran.is_success() && answer == b"PONG" };
    Ok(if prints_it && server.is_asked() { Attempt::Answered } else { Attempt::Failed(ran.last_words()) })
}
