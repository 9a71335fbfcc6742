//! Certificates for the servers of the self-test, made on the spot by an authority that exists for it alone.

use std::net::Ipv4Addr;
use std::sync::Arc;

use rcgen::{BasicConstraints, CertificateParams, DnType, IsCa, Issuer, KeyPair, KeyUsagePurpose, date_time_ymd};
use rustls::ServerConfig;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};

/// What goes wrong on the way to a certificate.
type Error = Box<dyn std::error::Error + Send + Sync>;

/// The set-ups of TLS servers with a certificate for 127.0.0.1, but for what their name says.
pub(super) struct Certificates {
    authority: CertificateDer<'static>,
    pub(super) good: Arc<ServerConfig>,
    pub(super) expired: Arc<ServerConfig>,
    pub(super) other_name: Arc<ServerConfig>,
    pub(super) self_signed: Arc<ServerConfig>,
}

impl Certificates {
    pub(super) fn new() -> Result<Self, Error> {
        let mut root = params("ec-probe self-test")?;
        root.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        root.key_usages = vec![KeyUsagePurpose::KeyCertSign];
        let root_key = KeyPair::generate()?;
        let authority = root.self_signed(&root_key)?.der().clone();
        let issuer = Issuer::new(root, root_key);
        let mut expired = params("127.0.0.1")?;
        expired.not_before = date_time_ymd(2020, 1, 1);
        expired.not_after = date_time_ymd(2021, 1, 1);
        let key = KeyPair::generate()?;
        let self_signed = params("127.0.0.1")?.self_signed(&key)?.der().clone();
        Ok(Self {
            authority,
            good: signed(&params("127.0.0.1")?, &issuer)?,
            expired: signed(&expired, &issuer)?,
            other_name: signed(&CertificateParams::new(["other.invalid".to_owned()])?, &issuer)?,
            self_signed: config(self_signed, &key)?,
        })
    }

    /// The authority that signed all but one of them.
    pub(super) fn authority(&self) -> CertificateDer<'static> {
        self.authority.clone()
    }
}

fn params(common_name: &str) -> Result<CertificateParams, Error> {
    let mut params = CertificateParams::new([Ipv4Addr::LOCALHOST.to_string()])?;
    params.distinguished_name.push(DnType::CommonName, common_name);
    Ok(params)
}

fn signed(params: &CertificateParams, issuer: &Issuer<'_, KeyPair>) -> Result<Arc<ServerConfig>, Error> {
    let key = KeyPair::generate()?;
    config(params.signed_by(&key, issuer)?.der().clone(), &key)
}

fn config(certificate: CertificateDer<'static>, key: &KeyPair) -> Result<Arc<ServerConfig>, Error> {
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let builder = ServerConfig::builder_with_provider(provider).with_safe_default_protocol_versions()?;
    let key = PrivateKeyDer::Pkcs8(key.serialize_der().into());
    Ok(Arc::new(builder.with_no_client_auth().with_single_cert(vec![certificate], key)?))
}
