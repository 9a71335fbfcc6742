//! Lets a client exchange a command with the cache of the document, as a person would: its endpoint, its TLS, and the
//! password from the environment. What the client then says becomes what it means.
//!
//! A client that does not arrive is the network's fault, and not the client's: which fault, ec-probe tells.

use std::ffi::OsString;
use std::fs;
use std::path::{Path, PathBuf};
use std::time::Duration;

use ec_shared::Failure;
use ec_shared::document::{Cache, EndpointRole, Finding, Severity, Tls};
use ec_shared::secret::Secret;
use serde::Serialize;

use crate::codes;
use crate::server::Authority;
use crate::shell::{Job, Ran, Shell};

/// How long one exchange may take, the network included.
const PATIENCE: Duration = Duration::from_secs(5);

/// Who logs in, and whom to trust.
#[derive(Clone, Debug, Default)]
pub struct Login {
    /// The user; the default user unless given.
    pub user: Option<String>,
    /// The password or token.
    pub password: Option<Secret>,
    /// Certificates of authorities to trust in place of the system's.
    pub cafile: Option<PathBuf>,
}

/// What came of it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Exchange {
    /// `HOST:PORT`.
    pub endpoint: String,
    /// Whether TLS was spoken.
    pub tls: bool,
    /// What the cache answered to PING: `PONG`, or why not. Absent where nothing came back.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub answer: Option<String>,
    /// Whether the client refused the cache when it was told to trust an authority that vouches for nobody.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub verifies_ca: Option<bool>,
}

/// What a client has said means this.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Said {
    /// The cache answered PONG.
    Pong,
    /// The cache answered otherwise.
    Refused(String),
    /// The client did not like the certificate.
    Distrusts(String),
    /// Nothing came back.
    Nothing(String),
}

/// A cache to ask.
#[derive(Debug)]
struct Target<'a> {
    host: &'a str,
    port: u16,
    tls: bool,
}

/// Lets `client` ask `cache` for a PONG; nothing where the document names no endpoint.
///
/// # Errors
/// `EC4036` if the client cannot be started, `EC4037` if no temporary file can be made.
pub fn with_cache(
    shell: &Shell,
    client: &Path,
    cache: &Cache,
    login: &Login,
) -> Result<Option<(Exchange, Option<Finding>)>, Failure> {
    let Some(target) = Target::of(cache) else { return Ok(None) };
    let said = understand(&shell.run(&target.job(client, login))?);
    let mut exchange = Exchange { endpoint: target.to_string(), tls: target.tls, answer: None, verifies_ca: None };
    if target.tls && matches!(said, Said::Pong | Said::Refused(_)) {
        exchange.verifies_ca = distrusts(shell, client, &target)?;
    }
    let mut finding = finding(client, &exchange.endpoint, &said);
    if exchange.verifies_ca == Some(false) {
        let summary = format!("{} accepts {} for any authority", client.display(), exchange.endpoint);
        finding = Some(Finding::new(&codes::NO_CA_CHECK, Severity::Error, summary));
    }
    exchange.answer = match said {
        Said::Pong => Some("PONG".to_owned()),
        Said::Refused(why) => Some(why),
        Said::Distrusts(_) | Said::Nothing(_) => None,
    };
    Ok(Some((exchange, finding)))
}

/// Whether the client refuses the cache when it is to trust a stranger alone. Credentials are not sent there.
fn distrusts(shell: &Shell, client: &Path, target: &Target<'_>) -> Result<Option<bool>, Failure> {
    let cannot = |why: &dyn std::fmt::Display| {
        Failure::new(&codes::NO_PROOF, format!("cannot prove whom {} trusts", client.display())).because(why)
    };
    let stranger = Authority::new("ec-cli-install unknown").map_err(|error| cannot(&error))?;
    let dir = tempfile::tempdir_in(shell.scratch()).map_err(|error| cannot(&error))?;
    let pem = dir.path().join("unknown.pem");
    fs::write(&pem, stranger.pem()).map_err(|error| cannot(&error))?;
    let nobody = Login { cafile: Some(pem), ..Login::default() };
    Ok(match understand(&shell.run(&target.job(client, &nobody))?) {
        Said::Distrusts(_) => Some(true),
        Said::Pong | Said::Refused(_) => Some(false),
        Said::Nothing(_) => None,
    })
}

impl<'a> Target<'a> {
    fn of(cache: &'a Cache) -> Option<Self> {
        use EndpointRole::{Configuration, Node, Primary, Reader};
        let endpoint = [Primary, Configuration, Node, Reader]
            .iter()
            .find_map(|role| cache.endpoints.iter().find(|endpoint| endpoint.role == *role))?;
        Some(Self { host: &endpoint.host, port: endpoint.port, tls: cache.tls != Some(Tls::Off) })
    }

    /// The client's own command line. The password is in its environment, where other users do not see it.
    fn job(&self, client: &Path, login: &Login) -> Job {
        let mut args: Vec<OsString> = ["-h", self.host, "-p", &self.port.to_string()].map(OsString::from).to_vec();
        if self.tls {
            args.push("--tls".into());
            if let Some(cafile) = &login.cafile {
                args.extend(["--cacert".into(), cafile.into()]);
            }
        }
        // Without TLS no password leaves this machine: a cache has one only together with TLS.
        let password = login.password.as_ref().filter(|_| self.tls);
        if let Some(user) = login.user.as_ref().filter(|_| password.is_some()) {
            args.extend(["--user".into(), user.into()]);
        }
        args.push("PING".into());
        // Every version knows this name; VALKEYCLI_AUTH came with 9.0.
        let env: Vec<_> =
            password.iter().map(|password| ("REDISCLI_AUTH".into(), OsString::from(password.expose()))).collect();
        Job::new(client, args).env(&env).limit(PATIENCE)
    }
}

impl std::fmt::Display for Target<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}:{}", self.host, self.port)
    }
}

fn understand(ran: &Ran) -> Said {
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).trim().to_owned();
    meaning(ran.is_late, &text(&ran.stdout), &text(&ran.stderr))
}

/// What a client's words mean. Its exit code tells little: it is 0 also where the cache has refused.
fn meaning(is_late: bool, stdout: &str, stderr: &str) -> Said {
    let first = |text: &str| text.lines().next().unwrap_or_default().chars().take(200).collect::<String>();
    let log_in = stderr.lines().find_map(|line| line.strip_prefix("AUTH failed: "));
    match (log_in, stdout) {
        // The default user may be open: then the command is carried out all the same, as somebody else.
        (Some(why), _) => Said::Refused(first(why)),
        (None, "PONG") => Said::Pong,
        _ if is_late => Said::Nothing(format!("it did not end within {} s", PATIENCE.as_secs())),
        (None, "") if stderr.contains("certificate verify failed") => Said::Distrusts(first(stderr)),
        (None, "") => Said::Nothing(first(stderr)),
        (None, answer) => Said::Refused(first(answer)),
    }
}

fn finding(client: &Path, endpoint: &str, said: &Said) -> Option<Finding> {
    let client = client.display();
    Some(match said {
        Said::Pong => return None,
        Said::Refused(why) => {
            let summary = format!("{endpoint} answers {client}, and does not carry out PING");
            Finding::new(&codes::CACHE_REFUSES, Severity::Warning, summary).evidence("answer", why).fix(
                "set REDISCLI_AUTH to the password or token, and name the user with --user; ec-iam check tells more",
            )
        }
        Said::Distrusts(why) => {
            let summary = format!("{client} refuses the certificate of {endpoint}");
            Finding::new(&codes::CERTIFICATE_REFUSED, Severity::Error, summary)
                .evidence("client_said", why)
                .fix("install the package ca-certificates, or give the authority's certificate with --cafile")
        }
        Said::Nothing(why) => {
            let summary = format!("{client} does not reach {endpoint}; its TLS is proven on loopback alone");
            Finding::new(&codes::NOT_REACHED, Severity::Warning, summary)
                .evidence("client_said", why)
                .fix("ec-probe   names what is in the way")
        }
    })
}

#[cfg(test)]
mod tests {
    use ec_shared::document::Endpoint;

    use super::*;

    #[test]
    fn what_a_client_says_is_told_apart() {
        let refused = |why: &str| Said::Refused(why.to_owned());
        let noauth = "NOAUTH Authentication required.";
        let wrong = "WRONGPASS invalid username-password pair or user is disabled.";
        for (stdout, stderr, expected) in [
            ("PONG", "", Said::Pong),
            (noauth, "", refused(noauth)),
            ("PONG", &*format!("AUTH failed: {wrong}"), refused(wrong)),
            ("LOADING the dataset", "", refused("LOADING the dataset")),
        ] {
            assert_eq!(meaning(false, stdout, stderr), expected, "{stdout} {stderr}");
        }
        let at = "Could not connect to Valkey at cache.example:6379: ";
        for why in ["Connection refused", "Name or service not known", "SSL_connect failed: Connection reset by peer"] {
            assert!(matches!(meaning(false, "", &format!("{at}{why}")), Said::Nothing(_)), "{why}");
        }
        let distrusts = meaning(false, "", &format!("{at}SSL_connect failed: certificate verify failed"));
        assert!(matches!(distrusts, Said::Distrusts(_)), "{distrusts:?}");
        assert_eq!(meaning(true, "", ""), Said::Nothing("it did not end within 5 s".to_owned()));
    }

    #[test]
    fn only_a_certificate_that_is_refused_is_the_clients_own_no() {
        let weight = |said: &Said| {
            finding(Path::new("/c"), "cache.example:6379", said).map(|finding| (finding.code, finding.severity))
        };
        let why = || String::from("because");
        assert_eq!(weight(&Said::Pong), None);
        assert_eq!(weight(&Said::Refused(why())), Some(("EC4053".to_owned(), Severity::Warning)));
        assert_eq!(weight(&Said::Nothing(why())), Some(("EC4052".to_owned(), Severity::Warning)));
        assert_eq!(weight(&Said::Distrusts(why())), Some(("EC4054".to_owned(), Severity::Error)));
    }

    #[test]
    fn the_endpoint_that_takes_commands_is_asked_and_a_password_goes_nowhere_without_tls() {
        let at = |role, host: &str| Endpoint { role, host: host.to_owned(), port: 6379 };
        let endpoints = vec![at(EndpointRole::Reader, "reader"), at(EndpointRole::Primary, "primary")];
        let mut cache = Cache { endpoints, ..Cache::default() };
        let login = Login {
            user: Some("app".to_owned()),
            password: Some(Secret::new("app-password".to_owned())),
            cafile: Some("/ca.pem".into()),
        };
        let shown = |cache: &Cache| format!("{:?}", Target::of(cache).unwrap().job(Path::new("/c"), &login));
        let with_tls = shown(&cache);
        for word in ["primary", "--tls", "--cacert", "/ca.pem", "--user", "app", "REDISCLI_AUTH"] {
            assert!(with_tls.contains(&format!("\"{word}\"")), "{word}: {with_tls}");
        }
        assert!(!with_tls.contains("app-password"), "{with_tls}");
        cache.tls = Some(Tls::Off);
        let without = shown(&cache);
        assert!(!without.contains("--tls") && !without.contains("AUTH") && !without.contains("--user"), "{without}");
        assert!(Target::of(&Cache::default()).is_none());
    }
}
