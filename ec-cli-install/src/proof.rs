//! Proves what a client can do with TLS: it has to exchange a command with a server on loopback, over TLS 1.2 and over
//! TLS 1.3, and to refuse a server that an unknown authority vouches for. Whether it looks at the host's name in the certificate is
//! told, too: no valkey-cli does. A version string proves nothing.

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
    /// With a server whose certificate is another host's.
    pub other_host: Attempt,
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

    /// Whether it checks whose certificate it is; not known of a client without TLS.
    pub fn verifies_host(&self) -> Option<bool> {
        self.has_tls().then(|| !self.other_host.is_answered())
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
    let elsewhere = Authority::of("ec-cli-install elsewhere", "elsewhere.invalid").map_err(|error| cannot(&error))?;
    let dir = tempfile::tempdir_in(shell.scratch()).map_err(|error| cannot(&error))?;
    let attempt = |by: &Authority, versions: &[&'static SupportedProtocolVersion], trusted: &Authority| {
        let pem = dir.path().join("trusted.pem");
        fs::write(&pem, trusted.pem()).map_err(|error| cannot(&error))?;
        let server = Server::start(by, versions).map_err(|error| cannot(&error))?;
        ask(shell, client, &server, &pem)
    };
    Ok(Proof {
        tls12: attempt(&known, &[&TLS12], &known)?,
        tls13: attempt(&known, &[&TLS13], &known)?,
        unknown_ca: attempt(&known, rustls::ALL_VERSIONS, &unknown)?,
        other_host: attempt(&elsewhere, rustls::ALL_VERSIONS, &elsewhere)?,
    })
}

/// Lets the client ask for a PONG; an openssl, which is used for Memcached, asks for the version.
fn ask(shell: &Shell, client: &Path, server: &Server, trusted: &Path) -> Result<Attempt, Failure> {
    let (port, trusted) = (server.port().to_string(), trusted.to_string_lossy());
    let is_openssl = client.file_name().is_some_and(|name| name.to_string_lossy().starts_with("openssl"));
    let job = if is_openssl {
        let at = format!("127.0.0.1:{port}");
        let args = [
            "s_client",
            "-quiet",
            "-verify_return_error",
            "-verify_hostname",
            "localhost",
            "-CAfile",
            &trusted,
            "-connect",
            &at,
        ];
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
