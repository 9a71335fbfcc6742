//! Asks whether a server proves its name with TLS. A certificate that does not hold ends the handshake, so nothing is
//! ever sent to a server that has not proven who it is; what the certificate says is reported all the same.

use std::io;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::client::{ResolvesClientCert, Resumption};
use rustls::crypto::{verify_tls12_signature, verify_tls13_signature};
use rustls::pki_types::{CertificateDer, ServerName, UnixTime};
use rustls::sign::CertifiedKey;
use rustls::{
    AlertDescription, CertificateError, ClientConfig, DigitallySignedStruct, PeerIncompatible, ProtocolVersion,
    SignatureScheme,
};
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;

use crate::answer::{CertificateFault, Fault, Session};
use crate::certificate::Certificate;
use crate::dialect::Dialect;
use crate::tap::Tap;
use crate::trust::Trust;

/// Verifies as rustls does by itself, and remembers what it was shown.
#[derive(Debug)]
pub struct Witness {
    trust: Arc<Trust>,
    shown: Mutex<Option<Shown>>,
    client_asked: AtomicBool,
}

/// What the server showed.
#[derive(Debug)]
struct Shown {
    /// Its own certificate first, then those of authorities.
    chain: Vec<CertificateDer<'static>>,
    /// The name that it was asked for.
    name: String,
}

impl Witness {
    /// A witness for one handshake.
    pub fn new(trust: &Arc<Trust>) -> Arc<Self> {
        Arc::new(Self { trust: Arc::clone(trust), shown: Mutex::default(), client_asked: AtomicBool::new(false) })
    }

    /// The certificate that the server showed.
    pub fn certificate(&self) -> Option<Certificate> {
        let shown = self.shown.lock().unwrap_or_else(PoisonError::into_inner);
        let mut chain = shown.as_ref()?.chain.iter().map(|der| Certificate::read(der));
        let own = chain.next()??;
        Some(Certificate { above: chain.flatten().map(|authority| authority.subject).collect(), ..own })
    }

    /// What an error on this connection means; `heard` are the first bytes that the server said.
    pub fn fault(&self, error: &io::Error, heard: &[u8]) -> Fault {
        match fault(error, heard, self.client_asked.load(Ordering::Relaxed)) {
            Fault::Certificate(fault) => Fault::Certificate(match self.certificate() {
                Some(certificate) => certificate.name_fault(fault, &self.name()),
                None => fault,
            }),
            fault => fault,
        }
    }

    fn name(&self) -> String {
        let shown = self.shown.lock().unwrap_or_else(PoisonError::into_inner);
        shown.as_ref().map(|shown| shown.name.clone()).unwrap_or_default()
    }
}

/// Makes `stream` a TLS connection to `name`.
///
/// # Errors
/// The error of the handshake, for [`Witness::fault`].
pub async fn handshake(stream: Tap, name: ServerName<'static>, witness: &Arc<Witness>) -> io::Result<TlsStream<Tap>> {
    let builder = ClientConfig::builder_with_provider(Arc::clone(witness.trust.provider()));
    let mut config = builder
        .with_safe_default_protocol_versions()
        .map_err(io::Error::other)?
        .dangerous()
        .with_custom_certificate_verifier(Arc::clone(witness) as _)
        .with_client_cert_resolver(Arc::clone(witness) as _);
    config.resumption = Resumption::disabled();
    TlsConnector::from(Arc::new(config)).connect(name, stream).await
}

/// The version that ElastiCache's public endpoints want.
pub const TLS_1_3: &str = "TLS 1.3";

/// What a handshake agreed on.
pub fn session(stream: &TlsStream<Tap>) -> Session {
    let connection = stream.get_ref().1;
    Session {
        version: match connection.protocol_version() {
            Some(ProtocolVersion::TLSv1_3) => TLS_1_3,
            _ => "TLS 1.2",
        },
        cipher: connection.negotiated_cipher_suite().map(|suite| format!("{:?}", suite.suite())).unwrap_or_default(),
    }
}

impl ServerCertVerifier for Witness {
    fn verify_server_cert(
        &self,
        end_entity: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        server_name: &ServerName<'_>,
        _ocsp_response: &[u8],
        now: UnixTime,
    ) -> Result<ServerCertVerified, rustls::Error> {
        let chain = std::iter::once(end_entity).chain(intermediates).map(|der| der.clone().into_owned()).collect();
        let shown = Shown { chain, name: server_name.to_str().into_owned() };
        *self.shown.lock().unwrap_or_else(PoisonError::into_inner) = Some(shown);
        self.trust.verify(end_entity, intermediates, server_name, now)
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        verify_tls12_signature(message, cert, dss, &self.trust.provider().signature_verification_algorithms)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        verify_tls13_signature(message, cert, dss, &self.trust.provider().signature_verification_algorithms)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.trust.provider().signature_verification_algorithms.supported_schemes()
    }
}

/// There is no client certificate, but that one was asked for is worth knowing.
impl ResolvesClientCert for Witness {
    fn resolve(&self, _issuers: &[&[u8]], _schemes: &[SignatureScheme]) -> Option<Arc<CertifiedKey>> {
        self.client_asked.store(true, Ordering::Relaxed);
        None
    }

    fn has_certs(&self) -> bool {
        false
    }
}

/// What an error means to whoever wants to know what to do about it.
fn fault(error: &io::Error, heard: &[u8], client_asked: bool) -> Fault {
    use rustls::Error as Tls;
    match error.get_ref().and_then(|inner| inner.downcast_ref::<Tls>()) {
        Some(Tls::InvalidCertificate(error)) => Fault::Certificate(certificate_fault(error)),
        Some(Tls::AlertReceived(AlertDescription::ProtocolVersion)) => {
            Fault::TlsVersion("the server sent the alert protocol_version".to_owned())
        }
        Some(Tls::AlertReceived(AlertDescription::CertificateRequired)) => Fault::ClientCertificate,
        Some(Tls::AlertReceived(AlertDescription::HandshakeFailure)) if client_asked => Fault::ClientCertificate,
        Some(Tls::AlertReceived(alert)) => Fault::Tls(format!("the server sent the alert {alert:?}")),
        Some(Tls::PeerIncompatible(
            PeerIncompatible::ServerDoesNotSupportTls12Or13
            | PeerIncompatible::ServerTlsVersionIsDisabledByOurConfig
            | PeerIncompatible::Tls12NotOfferedOrEnabled,
        )) => Fault::TlsVersion("the server chose a version before TLS 1.2".to_owned()),
        Some(_) if Dialect::of(heard) != Dialect::Tls && !heard.is_empty() => not_tls(heard),
        Some(error) => Fault::Tls(error.to_string()),
        None => closed(error),
    }
}

fn not_tls(heard: &[u8]) -> Fault {
    match Dialect::of(heard) {
        Dialect::Resp | Dialect::Memcached => Fault::Plain { said: heard.to_vec() },
        _ => Fault::NotACache { said: heard.to_vec() },
    }
}

/// What an error of the operating system means.
pub fn closed(error: &io::Error) -> Fault {
    match error.kind() {
        io::ErrorKind::UnexpectedEof
        | io::ErrorKind::ConnectionReset
        | io::ErrorKind::ConnectionAborted
        | io::ErrorKind::BrokenPipe => Fault::Closed,
        _ => Fault::Io(error.to_string()),
    }
}

fn certificate_fault(error: &CertificateError) -> CertificateFault {
    match error {
        CertificateError::Expired | CertificateError::ExpiredContext { .. } => CertificateFault::Expired,
        CertificateError::NotValidYet | CertificateError::NotValidYetContext { .. } => CertificateFault::NotYetValid,
        CertificateError::NotValidForName | CertificateError::NotValidForNameContext { .. } => CertificateFault::Name,
        CertificateError::UnknownIssuer => CertificateFault::UnknownAuthority,
        // The trusted authority of that name has another key, be it even one of another kind.
        CertificateError::BadSignature | CertificateError::UnsupportedSignatureAlgorithmForPublicKeyContext { .. } => {
            CertificateFault::Signature
        }
        CertificateError::InvalidPurpose | CertificateError::InvalidPurposeContext { .. } => CertificateFault::Purpose,
        CertificateError::UnsupportedSignatureAlgorithmContext { .. } => CertificateFault::Algorithm,
        error => CertificateFault::Other(error.to_string()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(error: rustls::Error, heard: &[u8], client_asked: bool) -> Fault {
        fault(&io::Error::new(io::ErrorKind::InvalidData, error), heard, client_asked)
    }

    #[test]
    fn a_server_that_answers_a_handshake_in_words_is_named() {
        let error = || rustls::Error::InvalidMessage(rustls::InvalidMessage::InvalidContentType);
        assert!(matches!(of(error(), b"ERROR\r\n", false), Fault::Plain { .. }));
        assert!(matches!(of(error(), b"HTTP/1.1 400 Bad Request", false), Fault::NotACache { .. }));
        assert!(matches!(of(error(), b"\x16\x03\x03\0\0", false), Fault::Tls(_)));
    }

    #[test]
    fn a_handshake_failure_after_a_certificate_was_asked_for_is_about_that() {
        let error = || rustls::Error::AlertReceived(AlertDescription::HandshakeFailure);
        assert_eq!(of(error(), b"\x15\x03\x03", true), Fault::ClientCertificate);
        assert!(matches!(of(error(), b"\x15\x03\x03", false), Fault::Tls(_)));
    }

    #[test]
    fn a_connection_that_ends_is_closed_however_it_ends() {
        for kind in [io::ErrorKind::UnexpectedEof, io::ErrorKind::ConnectionReset, io::ErrorKind::BrokenPipe] {
            assert_eq!(fault(&io::Error::from(kind), b"", false), Fault::Closed);
        }
    }
}
