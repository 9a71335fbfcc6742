//! Loads a source tarball over https, by way of the system's `curl`, or of GNU `wget` where there is no curl: they follow
//! the system's proxies and trust, and the steps that `plan` shows are then the ones that are taken. Whatever comes, the
//! checksum decides; what it does not fit is deleted, loaded once more, and then refused.

use std::ffi::OsString;
use std::fmt::Display;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::time::Duration;

use ec_shared::Failure;

use crate::codes;
use crate::recipe::Download;
use crate::shell::{Job, Shell};
use crate::source::{self, LARGEST, sha256_of};

/// How long loading may take.
const LONG: Duration = Duration::from_secs(10 * 60);
/// How many addresses may lead from one to the next.
const HOPS: usize = 5;

/// How the network is used.
#[derive(Clone, Debug, Default)]
pub struct Network {
    /// Variables of the environment that name proxies and certificates.
    pub variables: Vec<(OsString, OsString)>,
    /// Certificates of authorities to trust in place of the system's.
    pub ca_bundle: Option<PathBuf>,
}

impl Network {
    /// The names of the variables that count: <https://curl.se/docs/manpage.html#ENVIRONMENT>.
    pub const VARIABLES: [&'static str; 8] = [
        "https_proxy",
        "HTTPS_PROXY",
        "all_proxy",
        "ALL_PROXY",
        "no_proxy",
        "NO_PROXY",
        "SSL_CERT_FILE",
        "CURL_CA_BUNDLE",
    ];
}

/// Why an attempt has failed.
enum Trouble {
    /// It may pass.
    Passing(String),
    /// It will not.
    Lasting(Failure),
}

impl From<Failure> for Trouble {
    fn from(failure: Failure) -> Self {
        Self::Lasting(failure)
    }
}

/// Loads `wanted` to `target`, unless it is there as a whole already. `target` is only ever whole.
///
/// # Errors
/// `EC4030` if it cannot be had, `EC4021` if it has another checksum, `EC4038` if the way leads off https, `EC4036`
/// without a program that loads, `EC9022` if the disk refuses, `EC9024` if a signal came.
pub fn load(shell: &Shell, network: &Network, wanted: &Download, target: &Path) -> Result<(), Failure> {
    if has_sha256(target, &wanted.sha256).is_ok_and(|sha256| sha256.is_none()) {
        return Ok(());
    }
    let program = Loader::find(shell)?;
    let part = part(target);
    let attempt = || {
        let loaded =
            program.load(shell, network, &wanted.url, &part).and_then(|()| match has_sha256(&part, &wanted.sha256) {
                Ok(None) => fs::rename(&part, target).map_err(|error| Trouble::Lasting(cannot_keep(target, error))),
                Ok(Some(other)) => Err(Trouble::Passing(format!("its SHA-256 is {other}, not {}", wanted.sha256))),
                Err(error) => Err(Trouble::Lasting(cannot_keep(&part, error))),
            });
        // Nothing that is not whole is kept.
        let _ = fs::remove_file(&part);
        loaded
    };
    let mut last = String::new();
    for _ in 0..2 {
        match attempt() {
            Ok(()) => return Ok(()),
            Err(Trouble::Lasting(failure)) => return Err(failure),
            Err(Trouble::Passing(why)) => last = why,
        }
    }
    let (code, hint) = if last.starts_with("its SHA-256 is ") {
        (&codes::CHECKSUM, "the server has another file than it should; name another with --source-url")
    } else {
        (&codes::NOT_LOADED, "try again, name a mirror with --source-url, or give --source-tarball FILE")
    };
    Err(Failure::new(code, format!("cannot load {}", wanted.url)).because(last).because("tried twice").hint(hint))
}

/// Where `target` is while it is loaded.
pub fn part(target: &Path) -> PathBuf {
    target.with_extension("part")
}

/// The other checksum that a file has, or none if it is the right one.
fn has_sha256(path: &Path, wanted: &str) -> io::Result<Option<String>> {
    let sha256 = sha256_of(&source::read(path)?);
    Ok((sha256 != wanted).then_some(sha256))
}

/// The program that loads.
enum Loader {
    Curl(PathBuf),
    Wget(PathBuf),
}

impl Loader {
    fn find(shell: &Shell) -> Result<Self, Failure> {
        if let Some(curl) = shell.find("curl") {
            return Ok(Self::Curl(curl));
        }
        if let Some(wget) = shell.find("wget") {
            // The wget of BusyBox checks no certificate, and follows wherever it is led.
            let ran = shell.run(&Job::new(&wget, ["--version"]))?;
            if ran.text().starts_with("GNU Wget") {
                return Ok(Self::Wget(wget));
            }
        }
        Err(Failure::new(&codes::NO_PROGRAM, "cannot load the source: neither curl nor GNU wget is on the PATH")
            .hint("install curl, or load the tarball elsewhere and give --source-tarball FILE"))
    }

    fn load(&self, shell: &Shell, network: &Network, url: &str, part: &Path) -> Result<(), Trouble> {
        match self {
            Self::Curl(curl) => load_with_curl(shell, network, curl, url, part),
            Self::Wget(wget) => load_with_wget(shell, network, wget, url, part),
        }
    }
}

fn load_with_curl(shell: &Shell, network: &Network, curl: &Path, url: &str, part: &Path) -> Result<(), Trouble> {
    // -q: a configuration of the user's could switch off what is asked for here.
    let mut args: Vec<OsString> = "-q --fail --silent --show-error --location --proto =https --proto-redir =https \
        --connect-timeout 20 --speed-limit 1000 --speed-time 30"
        .split_whitespace()
        .map(OsString::from)
        .collect();
    args.extend(["--max-redirs".into(), HOPS.to_string().into()]);
    args.extend(["--max-filesize".into(), LARGEST.to_string().into()]);
    args.extend(network.ca_bundle.iter().flat_map(|file| ["--cacert".into(), file.clone().into()]));
    args.extend(["--output".into(), part.into(), "--url".into(), url.into()]);
    let ran = shell.run(&Job::new(curl, args).env(&network.variables).limit(LONG))?;
    match ran.code {
        _ if ran.is_success() => Ok(()),
        // CURLE_UNSUPPORTED_PROTOCOL: https://curl.se/libcurl/c/libcurl-errors.html
        Some(1) => Err(off_https(url, ran.last_words()).into()),
        Some(23) => Err(cannot_keep(part, ran.last_words()).into()),
        _ => Err(Trouble::Passing(ran.last_words())),
    }
}

/// wget follows anywhere, so that each step is asked for by itself.
fn load_with_wget(shell: &Shell, network: &Network, wget: &Path, url: &str, part: &Path) -> Result<(), Trouble> {
    let mut at = url.to_owned();
    for _ in 0..=HOPS {
        let mut args: Vec<OsString> =
            "--no-config --no-hsts --no-verbose --server-response --max-redirect=0 --tries=1 \
            --timeout=30 --output-document"
                .split_whitespace()
                .map(OsString::from)
                .collect();
        args.push(part.into());
        args.extend(network.ca_bundle.iter().flat_map(|file| ["--ca-certificate".into(), file.clone().into()]));
        args.push(at.clone().into());
        let ran = shell.run(&Job::new(wget, args).env(&network.variables).limit(LONG))?;
        if ran.is_success() {
            return Ok(());
        }
        let text = ran.text();
        let next = text.lines().filter_map(|line| line.trim().strip_prefix("Location: ")).next_back();
        match (ran.code, next.map(|next| next.split(' ').next().unwrap_or(next))) {
            (Some(8), Some(next)) => {
                at = resolved(&at, next).ok_or_else(|| off_https(url, format!("it leads to {next}")))?;
            }
            (Some(3), _) => return Err(cannot_keep(part, ran.last_words()).into()),
            _ => return Err(Trouble::Passing(ran.last_words())),
        }
    }
    Err(Trouble::Passing(format!("it leads from one address to the next, more than {HOPS} times")))
}

/// The address that `location` names for who is at `at`, if it is one of https.
fn resolved(at: &str, location: &str) -> Option<String> {
    if location.starts_with('/') && !location.starts_with("//") {
        let rest = at.strip_prefix("https://")?;
        return Some(format!("https://{}{location}", rest.split('/').next()?));
    }
    location.starts_with("https://").then(|| location.to_owned())
}

fn off_https(url: &str, why: impl Display) -> Failure {
    Failure::new(&codes::NOT_HTTPS, format!("will not load {url}"))
        .because(why)
        .hint("give an address that stays on https")
}

fn cannot_keep(path: &Path, why: impl Display) -> Failure {
    Failure::new(&ec_shared::codes::WRITE, format!("cannot keep {}", path.display()))
        .because(why)
        .hint("make room, or set TMPDIR to a directory that has some")
}

/// Whether a tarball may be loaded from this address. A password in it would be shown to everybody who lists processes.
///
/// # Errors
/// Why not, without the address.
pub fn https(text: &str) -> Result<(), &'static str> {
    let rest = text.strip_prefix("https://").ok_or("its address does not begin with https://")?;
    let authority = rest.split(['/', '?', '#']).next().unwrap_or_default();
    if authority.is_empty() || !text.bytes().all(|byte| byte.is_ascii_graphic()) {
        return Err("its address names no host, or has spaces in it");
    }
    if authority.contains('@') {
        return Err("there is a user or a password in its address");
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use std::ffi::OsStr;
    use std::os::unix::fs::PermissionsExt;

    use super::*;

    /// A machine on which `name` is this shell script, and nothing else loads.
    fn machine(name: &str, script: &str) -> (tempfile::TempDir, Shell) {
        let dir = tempfile::tempdir().unwrap();
        let program = dir.path().join(name);
        fs::write(&program, format!("#!/bin/sh\n{script}\n")).unwrap();
        fs::set_permissions(&program, fs::Permissions::from_mode(0o755)).unwrap();
        let shell = Shell::new(dir.path().as_os_str(), None, dir.path().into());
        (dir, shell)
    }

    fn loaded(name: &str, script: &str) -> Result<String, Failure> {
        let (dir, shell) = machine(name, script);
        let wanted = Download { url: "https://mirror.example/v.tar.gz".into(), sha256: sha256_of(b"whole\n") };
        let target = dir.path().join("tarball");
        let result = load(&shell, &Network::default(), &wanted, &target);
        let left = fs::read_dir(dir.path()).unwrap().count();
        assert_eq!(left, 1 + usize::from(result.is_ok()) + usize::from(dir.path().join("calls").exists()));
        result.map(|()| fs::read_to_string(target).unwrap())
    }

    /// The last but two arguments of curl are `--output FILE --url`.
    const OUTPUT: &str = "here=${0%/*}; echo >> $here/calls; while [ \"$1\" != --output ]; do shift; done; out=$2;";

    #[test]
    fn what_has_the_right_checksum_is_kept() {
        assert_eq!(loaded("curl", &format!("{OUTPUT} echo whole > $out")).unwrap(), "whole\n");
    }

    #[test]
    fn what_comes_damaged_is_loaded_once_more() {
        let script = "[ $(/usr/bin/wc -l < $here/calls) = 2 ] && echo whole > $out || echo who > $out";
        assert_eq!(loaded("curl", &format!("{OUTPUT} {script}")).unwrap(), "whole\n");
    }

    #[test]
    fn what_comes_damaged_twice_is_refused_and_nothing_is_kept() {
        let failure = loaded("curl", &format!("{OUTPUT} echo who > $out")).unwrap_err();
        assert_eq!(failure.code().id, "EC4021");
        assert!(failure.to_string().ends_with("tried twice"), "{failure}");
    }

    #[test]
    fn a_server_that_breaks_off_is_told_apart_from_one_that_leads_off_https() {
        let broken = "echo who > $out; echo 'curl: (18) transfer closed' >&2; exit 18";
        assert_eq!(loaded("curl", &format!("{OUTPUT} {broken}")).unwrap_err().code().id, "EC4030");
        let script = "echo 'curl: (1) Protocol \"http\" disabled' >&2; exit 1";
        assert_eq!(loaded("curl", script).unwrap_err().code().id, "EC4038");
        assert_eq!(loaded("curl", "echo 'curl: (23) No space left' >&2; exit 23").unwrap_err().code().id, "EC9022");
    }

    #[test]
    fn wget_is_led_on_by_https_alone() {
        let wget = |then: &str| {
            format!(
                "case $1 in --version) echo GNU Wget 1.21;; *) for url; do :; done; case $url in
                *mirror*) echo '  Location: {then}' >&2; exit 8;;
                *) while [ $1 != --output-document ]; do shift; done; echo whole > $2;; esac;; esac"
            )
        };
        assert_eq!(loaded("wget", &wget("https://other.example/v")).unwrap(), "whole\n");
        assert_eq!(loaded("wget", &wget("http://other.example/v")).unwrap_err().code().id, "EC4038");
        let endless = loaded("wget", &wget("https://mirror.example/again")).unwrap_err();
        assert_eq!(endless.code().id, "EC4030");
        assert_eq!(loaded("wget", "echo BusyBox").unwrap_err().code().id, "EC4036");
    }

    #[test]
    fn a_location_is_an_address_or_a_path() {
        let at = |location| resolved("https://m.example:8443/a/b", location);
        assert_eq!(at("/c").as_deref(), Some("https://m.example:8443/c"));
        assert_eq!(at("https://o.example/c").as_deref(), Some("https://o.example/c"));
        for off in ["http://m.example/c", "//o.example/c", "file:///etc/passwd", "c"] {
            assert_eq!(at(off), None, "{off}");
        }
    }

    #[test]
    fn what_was_loaded_before_is_not_loaded_again() {
        let dir = tempfile::tempdir().unwrap();
        let target = dir.path().join("tarball");
        fs::write(&target, "whole\n").unwrap();
        let shell = Shell::new(OsStr::new("/nonexistent"), None, dir.path().into());
        let wanted = Download { url: "https://mirror.example/v.tar.gz".into(), sha256: sha256_of(b"whole\n") };
        load(&shell, &Network::default(), &wanted, &target).unwrap();
        fs::write(&target, "who").unwrap();
        assert_eq!(load(&shell, &Network::default(), &wanted, &target).unwrap_err().code().id, "EC4036");
    }

    #[test]
    fn only_https_is_an_address() {
        https("https://mirror.example:8443/a/b.tar.gz?x=1").unwrap();
        for wrong in
            ["", "http://m/x", "ftp://m/x", "https://", "https:///x", "https://u:p@m/x", "https://m/a b", "HTTPS://m"]
        {
            assert!(https(wrong).is_err(), "{wrong}");
        }
    }
}
