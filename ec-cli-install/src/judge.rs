//! What a client that was put to the proof is worth for the cache of a document. Pure.

use ec_shared::document::{Cache, Connection, Finding, Severity, Tls};

use crate::codes;
use crate::detect::Client;
use crate::proof::Proof;

/// What a cache asks of a client's TLS.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Need {
    /// Plain text only.
    Plain,
    /// TLS of either version. Also where the cache is not known: TLS is what this tool is for.
    Tls,
    /// TLS 1.3, as public endpoints do.
    Tls13,
}

impl Need {
    /// What `cache` asks for.
    pub fn of(cache: Option<&Cache>) -> Self {
        match cache.map(|cache| (cache.connection, cache.tls)) {
            Some((Some(Connection::Public), _)) => Self::Tls13,
            Some((_, Some(Tls::Off))) => Self::Plain,
            _ => Self::Tls,
        }
    }
}

/// What is wrong with `client`, given what it proved and what is needed.
pub fn findings(client: &Client, proof: &Proof, need: Need) -> Vec<Finding> {
    let path = client.path.display();
    let weight = |is_error: bool| if is_error { Severity::Error } else { Severity::Warning };
    let mut findings = Vec::new();
    match (proof.tls12.why(), proof.tls13.why()) {
        (Some(why), Some(_)) => findings.push(
            Finding::new(&codes::NO_TLS, weight(need != Need::Plain), format!("{path} cannot speak TLS"))
                .evidence("client_said", why)
                .fix("ec-cli-install apply   installs a client with TLS"),
        ),
        (None, Some(why)) => findings.push(
            Finding::new(&codes::NO_TLS13, weight(need == Need::Tls13), format!("{path} cannot speak TLS 1.3"))
                .evidence("client_said", why),
        ),
        (Some(why), None) => findings.push(
            Finding::new(&codes::NO_TLS12, Severity::Warning, format!("{path} cannot speak TLS 1.2"))
                .evidence("client_said", why),
        ),
        (None, None) => {}
    }
    if proof.verifies_ca() == Some(false) {
        findings.push(Finding::new(
            &codes::NO_CA_CHECK,
            Severity::Error,
            format!("{path} accepts a certificate of an unknown authority"),
        ));
    }
    findings
}

/// The line that asks a Memcached cache for its version with `program`, one of openssl, nc, ncat and telnet.
pub fn line_to_try(cache: &Cache, program: &str) -> String {
    let at =
        cache.endpoints.first().map_or_else(|| ("HOST", 11211), |endpoint| (endpoint.host.as_str(), endpoint.port));
    let (host, port) = at;
    let asks = r"printf 'version\r\nquit\r\n' |";
    match program {
        // Typed by hand: telnet ends with its input, before the answer.
        "telnet" => format!("telnet {host} {port}"),
        program if program.starts_with("openssl") => format!(
            "{asks} {program} s_client -quiet -verify_return_error -verify_hostname {host} -servername {host} -connect {host}:{port}"
        ),
        program => format!("{asks} {program} {host} {port}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::proof::Attempt::{Answered, Failed};

    fn client() -> Client {
        Client::for_tests("/usr/bin/valkey-cli", "8.1.1", true)
    }

    fn judged(tls12: bool, tls13: bool, unknown_ca: bool, need: Need) -> Vec<(String, Severity)> {
        let attempt = |is_answered| if is_answered { Answered } else { Failed("exit 1".into()) };
        let proof = Proof {
            tls12: attempt(tls12),
            tls13: attempt(tls13),
            unknown_ca: attempt(unknown_ca),
            other_host: Answered,
        };
        findings(&client(), &proof, need).into_iter().map(|finding| (finding.code, finding.severity)).collect()
    }

    #[test]
    fn a_client_with_both_versions_that_checks_the_authority_is_fine_for_every_cache() {
        for need in [Need::Plain, Need::Tls, Need::Tls13] {
            assert_eq!(judged(true, true, false, need), []);
        }
    }

    #[test]
    fn a_client_without_tls_is_wrong_unless_the_cache_is_plain() {
        assert_eq!(judged(false, false, false, Need::Tls), [("EC4002".to_owned(), Severity::Error)]);
        assert_eq!(judged(false, false, false, Need::Plain), [("EC4002".to_owned(), Severity::Warning)]);
    }

    #[test]
    fn tls_1_3_is_a_must_for_public_caches_only() {
        assert_eq!(judged(true, false, false, Need::Tls), [("EC4003".to_owned(), Severity::Warning)]);
        assert_eq!(judged(true, false, false, Need::Tls13), [("EC4003".to_owned(), Severity::Error)]);
        assert_eq!(judged(false, true, false, Need::Tls), [("EC4008".to_owned(), Severity::Warning)]);
    }

    #[test]
    fn a_client_that_trusts_anybody_is_wrong() {
        assert_eq!(judged(true, true, true, Need::Tls), [("EC4004".to_owned(), Severity::Error)]);
    }

    #[test]
    fn the_line_to_try_names_the_endpoint_and_checks_its_certificate() {
        use ec_shared::document::{Endpoint, EndpointRole};
        let mut cache = Cache { tls: Some(Tls::Required), ..Cache::default() };
        assert!(line_to_try(&cache, "openssl").ends_with("-connect HOST:11211"));
        cache.endpoints.push(Endpoint { role: EndpointRole::Primary, host: "m.example".into(), port: 11212 });
        let line = line_to_try(&cache, "openssl11");
        assert!(line.contains("| openssl11 s_client ") && line.contains(" -verify_hostname m.example "), "{line}");
        assert!(line_to_try(&cache, "nc").ends_with("| nc m.example 11212"));
        assert_eq!(line_to_try(&cache, "telnet"), "telnet m.example 11212");
    }
}
