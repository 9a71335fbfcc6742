//! A certificate authority, and what it signed: a good certificate and every kind of bad one.

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use rcgen::{
    BasicConstraints, CertificateParams, DnType, ExtendedKeyUsagePurpose, IsCa, Issuer, KeyPair, KeyUsagePurpose,
    date_time_ymd,
};
use rustls::ServerConfig;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use tempfile::TempDir;

/// A certificate authority whose files live as long as it does.
#[derive(Debug)]
pub struct Certs {
    directory: TempDir,
    issuer: Issuer<'static, KeyPair>,
}

/// The files of a certificate and its key.
#[derive(Clone, Debug)]
pub struct Identity {
    /// The certificate, PEM.
    pub cert: PathBuf,
    /// The private key, PEM.
    pub key: PathBuf,
}

impl Identity {
    /// How a server of the tests' own speaks TLS with it.
    pub(crate) fn server_config(&self) -> ServerConfig {
        let certs = CertificateDer::pem_file_iter(&self.cert).expect("a certificate");
        let certs = certs.collect::<Result<_, _>>().expect("a certificate");
        let key = PrivateKeyDer::from_pem_file(&self.key).expect("a key");
        let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
        let builder = ServerConfig::builder_with_provider(provider).with_safe_default_protocol_versions();
        builder.expect("versions of TLS").with_no_client_auth().with_single_cert(certs, key).expect("a key that fits")
    }
}

impl Default for Certs {
    fn default() -> Self {
        Self::new()
    }
}

impl Certs {
    /// A new authority.
    pub fn new() -> Self {
        Self::of("ec-tests authority")
    }

    /// A new authority with a name of its own. Two with the same name have different keys all the same.
    pub fn of(name: &str) -> Self {
        let directory = tempfile::tempdir().expect("a scratch directory");
        let mut params = named(name, &[]);
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        params.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::DigitalSignature];
        let key = KeyPair::generate().expect("a key");
        let cert = params.self_signed(&key).expect("a certificate");
        fs::write(directory.path().join("ca.pem"), cert.pem()).expect("a file");
        fs::write(directory.path().join("ca.key.pem"), key.serialize_pem()).expect("a file");
        Self { directory, issuer: Issuer::new(params, key) }
    }

    /// The authority's certificate, what `--cafile` takes.
    pub fn ca(&self) -> PathBuf {
        self.directory.path().join("ca.pem")
    }

    /// A good certificate for `localhost` and `127.0.0.1`.
    pub fn server(&self) -> Identity {
        self.server_for(&["localhost", "127.0.0.1"])
    }

    /// A good certificate for the names and addresses given.
    pub fn server_for(&self, names: &[&str]) -> Identity {
        self.signed(&format!("for-{}", names.join("-")), &named(names.first().unwrap_or(&"nobody"), names))
    }

    /// A certificate for `localhost` and `127.0.0.1` that expired in 2021.
    pub fn expired(&self) -> Identity {
        let mut params = named("localhost", &["localhost", "127.0.0.1"]);
        params.not_before = date_time_ymd(2020, 1, 1);
        params.not_after = date_time_ymd(2021, 1, 1);
        self.signed("expired", &params)
    }

    /// A certificate for `localhost` and `127.0.0.1` that is not valid before the year 3000.
    pub fn not_yet_valid(&self) -> Identity {
        let mut params = named("localhost", &["localhost", "127.0.0.1"]);
        params.not_before = date_time_ymd(3000, 1, 1);
        params.not_after = date_time_ymd(3001, 1, 1);
        self.signed("not-yet-valid", &params)
    }

    /// A valid certificate, for another host.
    pub fn wrong_host(&self) -> Identity {
        self.server_for(&["elsewhere.example"])
    }

    /// A certificate for `localhost` and `127.0.0.1` that no authority signed.
    pub fn self_signed(&self) -> Identity {
        let key = KeyPair::generate().expect("a key");
        let cert = named("localhost", &["localhost", "127.0.0.1"]).self_signed(&key).expect("a certificate");
        write(self.directory.path(), "self-signed", &cert.pem(), &key)
    }

    /// The authority's own certificate and key, as a server's.
    pub fn authority(&self) -> Identity {
        Identity { cert: self.ca(), key: self.directory.path().join("ca.key.pem") }
    }

    /// A certificate for `localhost` and `127.0.0.1` that is for clients.
    pub fn for_clients(&self) -> Identity {
        let mut params = named("localhost", &["localhost", "127.0.0.1"]);
        params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ClientAuth];
        self.signed("for-clients", &params)
    }

    /// A certificate that has `localhost` as its common name, and no name besides.
    pub fn common_name_only(&self) -> Identity {
        self.signed("common-name", &named("localhost", &[]))
    }

    /// A good certificate for `localhost` and `127.0.0.1` of an authority that this one vouches for. Unless it `shows_all`,
    /// the server keeps the certificate in between to itself.
    pub fn by_way_of_another(&self, shows_all: bool) -> Identity {
        let mut params = named("ec-tests intermediate", &[]);
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        params.key_usages = vec![KeyUsagePurpose::KeyCertSign];
        let between = KeyPair::generate().expect("a key");
        let shown = params.signed_by(&between, &self.issuer).expect("a certificate").pem();
        let key = KeyPair::generate().expect("a key");
        let own = named("localhost", &["localhost", "127.0.0.1"]).signed_by(&key, &Issuer::new(params, between));
        let own = own.expect("a certificate").pem();
        let (file, chain) = if shows_all { ("whole-chain", own + &shown) } else { ("half-chain", own) };
        write(self.directory.path(), file, &chain, &key)
    }

    fn signed(&self, file: &str, params: &CertificateParams) -> Identity {
        let key = KeyPair::generate().expect("a key");
        let cert = params.signed_by(&key, &self.issuer).expect("a certificate");
        write(self.directory.path(), file, &cert.pem(), &key)
    }
}

fn named(common_name: &str, names: &[&str]) -> CertificateParams {
    let names: Vec<String> = names.iter().map(|name| (*name).to_owned()).collect();
    let mut params = CertificateParams::new(names).expect("names of hosts");
    params.distinguished_name.push(DnType::CommonName, common_name);
    params
}

fn write(directory: &Path, file: &str, cert: &str, key: &KeyPair) -> Identity {
    let identity =
        Identity { cert: directory.join(format!("{file}.pem")), key: directory.join(format!("{file}.key.pem")) };
    fs::write(&identity.cert, cert).expect("a file");
    fs::write(&identity.key, key.serialize_pem()).expect("a file");
    identity
}
