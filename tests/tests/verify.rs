//! ec-cli-install verify against a real cache: the client itself connects, checks the certificate, logs in and is answered.
#![expect(clippy::unwrap_used, reason = "a test that cannot be set up has failed")]

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::time::Duration;

use ec_tests::{Certs, Outcome, Run, Valkey, ValkeyOptions, need, rude, sh, tool};
use serde_json::{Value, json};
use tempfile::TempDir;

const PASSWORD: &str = "app-password-of-16";

/// A document about a cache on this machine.
fn document(port: u16, tls: &str) -> String {
    let endpoint = json!({"role": "primary", "host": "127.0.0.1", "port": port});
    let cache = json!({"name": "orders", "engine": "valkey", "tls": tls, "endpoints": [endpoint]});
    json!({"kind": "ec.connection", "format_version": "1.0", "cache": cache}).to_string()
}

/// A cache with TLS that wants a log-in: `app`, or the default user, with the same password.
fn cache(certs: &Certs) -> Valkey {
    let users = vec![format!("app on >{PASSWORD} ~* +@all"), format!("default on >{PASSWORD} ~* +@all")];
    Valkey::with(ValkeyOptions { tls: Some(certs.server()), users, ..ValkeyOptions::default() })
}

/// The client of this machine behind a script that writes down its arguments and what it sees of the password.
struct Watched(TempDir);

impl Watched {
    fn new() -> Self {
        let client = sh("command -v valkey-cli || command -v redis-cli").run().ok().stdout;
        let prefix = Self(tempfile::tempdir().unwrap());
        fs::create_dir(prefix.0.path().join("bin")).unwrap();
        let path = prefix.0.path().join("bin/valkey-cli");
        let log = prefix.0.path().join("log");
        let script = format!(
            "#!/bin/sh\necho \"$*, ${{REDISCLI_AUTH:+with}} a password\" >> {}\nexec {} \"$@\"\n",
            log.display(),
            client.trim()
        );
        fs::write(&path, script).unwrap();
        fs::set_permissions(path, fs::Permissions::from_mode(0o755)).unwrap();
        prefix
    }

    fn verify(&self, document: String) -> Run {
        tool("ec-cli-install").args(["verify", "--prefix"]).args([self.0.path()]).stdin(document)
    }

    /// What the client was called with for the cache at `port`.
    fn calls(&self, port: u16) -> Vec<String> {
        let log = fs::read_to_string(self.0.path().join("log")).unwrap();
        log.lines().filter(|line| line.contains(&format!("-p {port} "))).map(str::to_owned).collect()
    }
}

/// The code and the severity of each finding.
fn findings(document: &Value) -> Vec<(String, String)> {
    let text = |value: &Value| value.as_str().unwrap().to_owned();
    let all = document["cli"]["findings"].as_array().map(Vec::as_slice).unwrap_or_default();
    let ours = all.iter().filter(|finding| finding["code"] != "EC4006");
    ours.map(|finding| (text(&finding["code"]), text(&finding["severity"]))).collect()
}

#[track_caller]
fn assert_hides_the_password(outcome: &Outcome) {
    assert!(!outcome.stdout.contains(PASSWORD) && !outcome.stderr.contains(PASSWORD), "{}", outcome.told());
}

#[test]
fn the_client_logs_in_to_the_cache_and_refuses_it_for_another_authority() {
    need!("valkey-server", "valkey-cli");
    let (certs, client) = (Certs::new(), Watched::new());
    let cache = cache(&certs);
    for (variable, user) in [("REDISCLI_AUTH", None), ("VALKEYCLI_AUTH", None), ("REDISCLI_AUTH", Some("app"))] {
        let run = client.verify(document(cache.port(), "required")).env(variable, PASSWORD);
        let run = run.args(["--cafile"]).args([certs.ca()]);
        let outcome = user.into_iter().fold(run, |run, user| run.args(["--user", user])).run().ok();
        let document = outcome.document();
        let expected = json!({"endpoint": cache.endpoint(), "tls": true, "answer": "PONG", "verifies_ca": true});
        assert_eq!(document["cli"]["exchange"], expected, "{}", outcome.told());
        assert_eq!(findings(&document), [], "{}", outcome.told());
        assert_hides_the_password(&outcome);
    }
    let calls = client.calls(cache.port());
    assert_eq!(calls.len(), 6, "{calls:?}");
    assert!(calls.iter().all(|call| !call.contains(PASSWORD)), "other users see arguments: {calls:?}");
    let secret = calls.iter().filter(|call| call.ends_with("with a password"));
    assert_eq!(secret.count(), 3, "the server of another authority would get no password: {calls:?}");
}

#[test]
fn what_no_client_checks_is_told() {
    need!("valkey-cli");
    let outcome = tool("ec-cli-install").args(["verify", "-n"]).run().ok();
    let tls = outcome.document()["cli"]["client"]["tls"].clone();
    assert_eq!((&tls["verifies_ca"], &tls["verifies_host"]), (&json!(true), &json!(false)), "{}", outcome.told());
}

#[test]
fn a_log_in_that_is_missing_or_wrong_is_not_the_clients_fault() {
    need!("valkey-server", "valkey-cli");
    let (certs, client) = (Certs::new(), Watched::new());
    let cache = cache(&certs);
    for (password, answer) in [(None, "NOAUTH"), (Some("another-password-16"), "WRONGPASS")] {
        let run = client.verify(document(cache.port(), "required")).args(["--cafile"]).args([certs.ca()]);
        let outcome = password.into_iter().fold(run, |run, value| run.env("REDISCLI_AUTH", value)).run().ok();
        let document = outcome.document();
        assert!(document["cli"]["exchange"]["answer"].as_str().unwrap().starts_with(answer), "{}", outcome.told());
        assert_eq!(document["cli"]["exchange"]["verifies_ca"], true, "{}", outcome.told());
        assert_eq!(findings(&document), [("EC4053".to_owned(), "warning".to_owned())], "{}", outcome.told());
    }
}

#[test]
fn a_cache_of_an_unknown_authority_is_refused_and_gets_no_password() {
    need!("valkey-server", "valkey-cli");
    let (certs, client) = (Certs::new(), Watched::new());
    let cache = cache(&certs);
    // The system's store does not know the authority of the tests, and neither does that authority's namesake.
    for cafile in [None, Some(Certs::new())] {
        let run = client.verify(document(cache.port(), "required")).env("REDISCLI_AUTH", PASSWORD);
        let run = cafile.iter().fold(run, |run, other| run.args(["--cafile"]).args([other.ca()]));
        let outcome = run.run().exits(1);
        let document = outcome.document();
        assert_eq!(findings(&document), [("EC4054".to_owned(), "error".to_owned())], "{}", outcome.told());
        assert_eq!(document["cli"]["status"], "no");
        assert_eq!(document["cli"]["client"]["tls"]["tls13"], true, "what was proven on loopback stands");
    }
}

#[test]
fn a_cache_that_is_not_reached_is_the_networks_fault() {
    need!("valkey-server", "valkey-cli");
    let (certs, client) = (Certs::new(), Watched::new());
    let cache = cache(&certs);
    cache.stop();
    let outcome = client.verify(document(cache.port(), "required")).run().ok();
    let stopped = outcome.document();
    assert_eq!(findings(&stopped), [("EC4052".to_owned(), "warning".to_owned())], "{}", outcome.told());
    assert!(outcome.stdout.contains("ec-probe"), "{}", outcome.told());
    assert_eq!(stopped["cli"]["client"]["tls"]["tls12"], true, "{}", outcome.told());

    let seen = client.verify(document(cache.port(), "required")).args(["-o", "text"]).run().ok();
    assert!(seen.stdout.contains(&format!("{} was not reached over TLS", cache.endpoint())), "{}", seen.told());

    let silent = rude::silent();
    let outcome = client.verify(document(silent.address().port(), "required")).run().ok();
    assert!(outcome.elapsed < Duration::from_secs(12), "{}", outcome.told());
    assert_eq!(findings(&outcome.document()), [("EC4052".to_owned(), "warning".to_owned())], "{}", outcome.told());
}

#[test]
fn to_a_cache_without_tls_no_password_is_sent() {
    need!("valkey-server", "valkey-cli");
    let client = Watched::new();
    let cache = Valkey::plain();
    let outcome = client.verify(document(cache.port(), "off")).env("REDISCLI_AUTH", PASSWORD).run().ok();
    let expected = json!({"endpoint": cache.endpoint(), "tls": false, "answer": "PONG"});
    assert_eq!(outcome.document()["cli"]["exchange"], expected, "{}", outcome.told());
    assert_eq!(client.calls(cache.port()), [format!("-h 127.0.0.1 -p {} PING,  a password", cache.port())]);
}
