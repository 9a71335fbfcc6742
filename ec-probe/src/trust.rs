//! Whom this machine trusts: the authorities of `--cafile` and the system's. The system's are some hundred and fifty and
//! take milliseconds to read, so they are read beside the work on the network, or only when they are needed. Where
//! `SSL_CERT_FILE` or `SSL_CERT_DIR` is set, the authorities there take the place of the system's.

use std::fs::DirEntry;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, OnceLock};

use ec_shared::Failure;
use rustls::client::WebPkiServerVerifier;
use rustls::client::danger::{ServerCertVerified, ServerCertVerifier};
use rustls::crypto::CryptoProvider;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, ServerName, UnixTime};
use rustls::{CertificateError, RootCertStore};

use crate::codes;

/// The authorities, and the cryptography that goes with them.
#[derive(Debug)]
pub struct Trust {
    provider: Arc<CryptoProvider>,
    given: Option<Arc<WebPkiServerVerifier>>,
    system: OnceLock<Option<Arc<WebPkiServerVerifier>>>,
    is_read_ahead: AtomicBool,
}

impl Trust {
    /// Trusts the system's authorities, and those of `cafile` beside them: a file, or a folder of files.
    ///
    /// # Errors
    /// If the file or folder cannot be read, or holds no authority.
    pub fn new(cafile: Option<&Path>) -> Result<Self, Failure> {
        let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
        let given = cafile.map(|path| given(path, &provider)).transpose()?;
        Ok(Self { provider, given, system: OnceLock::new(), is_read_ahead: AtomicBool::new(false) })
    }

    /// Trusts this authority, and not the system's.
    ///
    /// # Errors
    /// rustls's, if it is none.
    pub fn only(authority: CertificateDer<'static>) -> Result<Self, rustls::Error> {
        let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
        let mut roots = RootCertStore::empty();
        roots.add(authority)?;
        let given = verifier(roots, &provider);
        Ok(Self { provider, given, system: OnceLock::from(None), is_read_ahead: AtomicBool::new(false) })
    }

    /// The cryptography.
    pub fn provider(&self) -> &Arc<CryptoProvider> {
        &self.provider
    }

    /// A random number that nobody can guess; none if the system has no randomness.
    pub fn random_u16(&self) -> Option<u16> {
        let mut bytes = [0; 2];
        self.provider.secure_random.fill(&mut bytes).ok()?;
        Some(u16::from_be_bytes(bytes))
    }

    /// Begins to read the system's authorities on a thread of its own, where they will surely be needed, once.
    pub fn read_ahead(trust: &Arc<Self>) {
        if trust.given.is_none() && !trust.is_read_ahead.swap(true, Ordering::Relaxed) {
            let trust = Arc::clone(trust);
            std::thread::spawn(move || {
                trust.system();
            });
        }
    }

    /// Verifies that somebody trusted vouches for the certificate and that it is for `name`.
    ///
    /// # Errors
    /// rustls's.
    pub fn verify(
        &self,
        end_entity: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        name: &ServerName<'_>,
        now: UnixTime,
    ) -> Result<ServerCertVerified, rustls::Error> {
        let by =
            |verifier: &WebPkiServerVerifier| verifier.verify_server_cert(end_entity, intermediates, name, &[], now);
        let nobody = || Err(rustls::Error::InvalidCertificate(CertificateError::UnknownIssuer));
        let verified = self.given.as_deref().map_or_else(nobody, by);
        if !may_be_mended_by_more_authorities(&verified) {
            return verified;
        }
        match self.system().map(by) {
            // That an authority of this name has another key says more than that the system does not know the name.
            None | Some(Err(rustls::Error::InvalidCertificate(CertificateError::UnknownIssuer))) => verified,
            Some(by_system) => by_system,
        }
    }

    fn system(&self) -> Option<&WebPkiServerVerifier> {
        let read = || {
            let mut roots = RootCertStore::empty();
            roots.add_parsable_certificates(rustls_native_certs::load_native_certs().certs);
            verifier(roots, &self.provider)
        };
        self.system.get_or_init(read).as_deref()
    }
}

/// A certificate that has expired, or is another's, stays so whoever vouches for it.
fn may_be_mended_by_more_authorities(verified: &Result<ServerCertVerified, rustls::Error>) -> bool {
    matches!(
        verified,
        Err(rustls::Error::InvalidCertificate(
            CertificateError::UnknownIssuer
                | CertificateError::BadSignature
                | CertificateError::UnsupportedSignatureAlgorithmForPublicKeyContext { .. }
        ))
    )
}

fn verifier(roots: RootCertStore, provider: &Arc<CryptoProvider>) -> Option<Arc<WebPkiServerVerifier>> {
    WebPkiServerVerifier::builder_with_provider(Arc::new(roots), Arc::clone(provider)).build().ok()
}

fn given(path: &Path, provider: &Arc<CryptoProvider>) -> Result<Arc<WebPkiServerVerifier>, Failure> {
    let cannot = |code| Failure::new(code, format!("cannot take authorities from {}", path.display()));
    let mut roots = RootCertStore::empty();
    let mut example = path.to_owned();
    for file in files(path).map_err(|error| cannot(&ec_shared::codes::READ).because(error))? {
        let pem = std::fs::read(&file)
            .map_err(|error| cannot(&ec_shared::codes::READ).because(format!("{}: {error}", file.display())))?;
        roots.add_parsable_certificates(CertificateDer::pem_slice_iter(&pem).filter_map(Result::ok));
        example = file;
    }
    verifier(roots, provider).ok_or_else(|| {
        cannot(&codes::CA_FILE)
            .because("it holds no certificate of an authority in PEM form")
            .hint(format!("openssl x509 -in {} -noout -subject", example.display()))
    })
}

/// The file, or the files of the folder in the order of their names. What lies in a folder beside certificates, such as
/// keys, revocation lists and links that `openssl rehash` left behind, does no harm.
fn files(path: &Path) -> io::Result<Vec<PathBuf>> {
    if !path.is_dir() {
        return Ok(vec![path.to_owned()]);
    }
    let entries = std::fs::read_dir(path)?.collect::<io::Result<Vec<_>>>()?;
    let mut files: Vec<PathBuf> = entries.iter().map(DirEntry::path).filter(|path| path.is_file()).collect();
    files.sort();
    Ok(files)
}
