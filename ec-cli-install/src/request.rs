//! What is asked for: by flags, or by the planned document that `apply` reads.

use std::path::{Path, PathBuf};

use clap::{Args, ValueEnum};
use ec_shared::{Failure, codes};
use serde::{Deserialize, Serialize};

use crate::codes::UNVOUCHED;
use crate::load;
use crate::platform::Platform;
use crate::recipe::{self, Download};

/// How the client gets here.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Method {
    /// By the system's package manager.
    Package,
    /// Built from a source tarball.
    Source,
}

/// What is asked for. Also a fact of the section, so that a later stage knows it.
#[derive(Clone, Debug, Default, PartialEq, Eq, Args, Serialize, Deserialize)]
pub struct Request {
    /// How to install [default: package where the system has one]
    #[arg(long, value_name = "METHOD")]
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub method: Option<Method>,
    /// Tarball of Valkey's source, .tar.gz or .tar.xz, to build the client from
    #[arg(long, value_name = "FILE", group = "source")]
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub source_tarball: Option<PathBuf>,
    /// Address to load that tarball from, such as a mirror's; https only [default: the release on GitHub]
    #[arg(long, value_name = "URL", group = "source")]
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub source_url: Option<String>,
    /// SHA-256 that the tarball must have [default for --source-url: the known release's]
    #[arg(long, value_name = "HEX", requires = "source", value_parser = sha256)]
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub sha256: Option<String>,
    /// Where a built client goes: DIR/bin [default: /usr/local as root, else ~/.local]
    #[arg(long, value_name = "DIR")]
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub prefix: Option<PathBuf>,
    /// Certificates of authorities to trust when loading, in place of the system's
    #[arg(long, value_name = "FILE")]
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ca_bundle: Option<PathBuf>,
}

impl Request {
    /// This request, with what it leaves open taken from `earlier`, an earlier stage's.
    #[must_use]
    pub fn over(self, earlier: Self) -> Self {
        // A checksum belongs to its tarball, wherever that comes from.
        let is_source_given = self.source_tarball.is_some() || self.source_url.is_some();
        let (source_tarball, source_url, sha256) = if is_source_given {
            (self.source_tarball, self.source_url, self.sha256)
        } else {
            (earlier.source_tarball, earlier.source_url, earlier.sha256)
        };
        Self {
            method: self.method.or(earlier.method),
            source_tarball,
            source_url,
            sha256,
            prefix: self.prefix.or(earlier.prefix),
            ca_bundle: self.ca_bundle.or(earlier.ca_bundle),
        }
    }

    /// The request with whole paths, as a document may be read in another directory, and with an address that may be used.
    ///
    /// # Errors
    /// `EC9021` if the present directory cannot be told, `EC9008` if the address is none to load from.
    pub fn absolute(mut self) -> Result<Self, Failure> {
        if let Some(Err(why)) = self.source_url.as_deref().map(load::https) {
            // The address is not shown: it may hold a password.
            return Err(Failure::new(&codes::FLAGS, "cannot load from --source-url")
                .because(why)
                .hint("give https://HOST/PATH; a password belongs nowhere where processes are listed"));
        }
        for path in [&mut self.source_tarball, &mut self.prefix, &mut self.ca_bundle].into_iter().flatten() {
            *path = std::path::absolute(&*path).map_err(|error| {
                Failure::new(&codes::READ, format!("cannot tell where {} is", path.display())).because(error)
            })?;
        }
        Ok(self)
    }

    /// The method, given or by what else is given or by the system.
    ///
    /// # Errors
    /// `EC9008` if a tarball, its address or a prefix is given for a package.
    pub fn method(&self, platform: &Platform) -> Result<Method, Failure> {
        let builds = self.source_tarball.is_some() || self.source_url.is_some() || self.prefix.is_some();
        match self.method {
            Some(Method::Package) if builds => {
                Err(Failure::new(&codes::FLAGS, "--method package takes no --source-tarball, --source-url or --prefix")
                    .because("packages go where the system's package manager puts them")
                    .hint("leave them out, or build with --method source"))
            }
            Some(method) => Ok(method),
            None if builds || recipe::standard(platform).is_none() => Ok(Method::Source),
            None => Ok(Method::Package),
        }
    }

    /// Whether whoever gave `flags` vouches for what is loaded. A document may name a mirror of the known release, and
    /// nothing else: to build a source is to run it.
    ///
    /// # Errors
    /// `EC4045` if only a document does.
    pub fn is_vouched_for(&self, flags: &Self) -> Result<(), Failure> {
        let is_own = flags.source_url.is_some() || flags.source_tarball.is_some() || self.source_url.is_none();
        if is_own || self.origin().sha256 == recipe::release().sha256 {
            return Ok(());
        }
        Err(Failure::new(&UNVOUCHED, "will not load the source that the document names")
            .because("its checksum is not that of the known release")
            .hint("if you trust it, give --source-url and --sha256 yourself"))
    }

    /// Where the source comes from if no tarball is given.
    pub fn origin(&self) -> Download {
        let release = recipe::release();
        Download {
            url: self.source_url.clone().unwrap_or(release.url),
            sha256: self.sha256.clone().unwrap_or(release.sha256),
        }
    }

    /// Where a built client goes.
    ///
    /// # Errors
    /// `EC9008` if no prefix is given and there is no home.
    pub fn target(&self, home: Option<&Path>, is_root: bool) -> Result<PathBuf, Failure> {
        let prefix = match (&self.prefix, home) {
            (Some(prefix), _) => prefix.clone(),
            (None, _) if is_root => PathBuf::from("/usr/local"),
            (None, Some(home)) => home.join(".local"),
            (None, None) => {
                return Err(Failure::new(&codes::FLAGS, "cannot tell where to install: HOME is not set")
                    .hint("give --prefix DIR"));
            }
        };
        Ok(prefix.join("bin/valkey-cli"))
    }
}

/// Reads a SHA-256.
pub(crate) fn sha256(text: &str) -> Result<String, String> {
    let is_hex = text.len() == 64 && text.bytes().all(|byte| byte.is_ascii_hexdigit());
    if is_hex { Ok(text.to_ascii_lowercase()) } else { Err("a SHA-256 is 64 hexadecimal digits".to_owned()) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_method_follows_from_what_is_given() {
        let on = |id: &str, request: &Request| request.method(&Platform::of_id(id).unwrap());
        let nothing = Request::default();
        assert_eq!(on("debian-12", &nothing).unwrap(), Method::Package);
        assert_eq!(on("amazon-linux-2", &nothing).unwrap(), Method::Source);
        assert_eq!(on("debian-10", &nothing).unwrap(), Method::Source);
        let prefix = Request { prefix: Some("/opt".into()), ..Request::default() };
        assert_eq!(on("debian-12", &prefix).unwrap(), Method::Source);
        let both = Request { method: Some(Method::Package), ..prefix };
        assert_eq!(on("debian-12", &both).unwrap_err().code().id, "EC9008");
    }

    #[test]
    fn flags_come_before_the_document_and_a_checksum_stays_with_its_tarball() {
        let planned = Request {
            source_tarball: Some("/a.tar.gz".into()),
            sha256: Some("00".into()),
            prefix: Some("/opt".into()),
            ..Request::default()
        };
        assert_eq!(Request::default().over(planned.clone()), planned);
        let other = Request { source_tarball: Some("/b.tar.gz".into()), ..Request::default() }.over(planned);
        assert_eq!((other.sha256, other.prefix), (None, Some("/opt".into())));
    }

    #[test]
    fn a_mirror_has_the_known_release_unless_another_checksum_is_given() {
        let mirror = Request { source_url: Some("https://mirror.example/v.tar.gz".into()), ..Request::default() };
        assert_eq!(mirror.origin(), Download { url: "https://mirror.example/v.tar.gz".into(), ..recipe::release() });
        let other = Request { sha256: Some("ab".into()), ..mirror.clone() };
        assert_eq!(other.origin().sha256, "ab");
        let planned = Request { source_tarball: Some("/a.tar.gz".into()), ..Request::default() };
        assert_eq!(mirror.clone().over(planned), mirror, "a tarball of the plan does not stand in the way");
    }

    #[test]
    fn a_document_names_no_source_but_the_known_release() {
        let url = || Some("https://mirror.example/v.tar.gz".to_owned());
        let of = |sha256: Option<&str>| Request {
            source_url: url(),
            sha256: sha256.map(str::to_owned),
            ..Request::default()
        };
        let nothing = Request::default();
        let code = |request: &Request, flags: &Request| request.is_vouched_for(flags).map_err(|why| why.code().id);
        assert_eq!(code(&of(None), &nothing), Ok(()));
        assert_eq!(code(&of(Some(&recipe::release().sha256)), &nothing), Ok(()));
        assert_eq!(code(&of(Some("ab")), &nothing), Err("EC4045"));
        assert_eq!(code(&of(Some("ab")), &of(Some("ab"))), Ok(()));
        assert_eq!(code(&nothing, &nothing), Ok(()));
    }

    #[test]
    fn a_built_client_goes_to_the_system_as_root_and_home_otherwise() {
        let request = Request::default();
        let home = Some(Path::new("/home/a"));
        assert_eq!(request.target(home, true).unwrap(), PathBuf::from("/usr/local/bin/valkey-cli"));
        assert_eq!(request.target(home, false).unwrap(), PathBuf::from("/home/a/.local/bin/valkey-cli"));
        assert_eq!(request.target(None, false).unwrap_err().code().id, "EC9008");
    }
}
