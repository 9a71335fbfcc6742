//! ec-probe logs in with IAM at a cache that checks tokens as the service does, with a real Valkey behind it.

use std::time::{Duration, SystemTime};

use aws_credential_types::Credentials;
use ec_shared::token::{self, Kind, TokenRequest};
use ec_tests::{Certs, IamCache, IamCacheOptions, Outcome, Refusal, Run, need, tool};
use serde_json::{Value, json};

/// The document of the cache, as `ec-sg find` writes it.
fn document(cache: &IamCache) -> Value {
    json!({"kind": "ec.connection", "format_version": "1.0", "id": "orders", "cache": {
        "name": "orders", "account": "123456789012", "region": "eu-west-1", "deployment": "serverless", "engine": "valkey",
        "tls": "required", "auth": {"kind": "iam", "user_group_ids": ["orders-users"]},
        "endpoints": [{"role": "primary", "host": "localhost", "port": cache.port()}]}})
}

/// A probe by whoever holds the one good access key.
fn probe(document: &Value, certs: &Certs) -> Run {
    tool("ec-probe")
        .args(["--auth", "iam", "--timeout", "30s"])
        .env("EC_USER", "app")
        .env("EC_CAFILE", certs.ca())
        .env("AWS_ACCESS_KEY_ID", IamCache::ACCESS_KEY_ID)
        .env("AWS_SECRET_ACCESS_KEY", IamCache::SECRET_ACCESS_KEY)
        .stdin(document.to_string())
}

fn section(outcome: &Outcome) -> Value {
    outcome.document()["probe"].clone()
}

/// Asserts that the log-in was refused, and gives the finding that says so.
#[track_caller]
fn refused(outcome: &Outcome, code: &str) -> Value {
    assert_eq!(outcome.code, 1, "{}", outcome.told());
    let section = section(outcome);
    let last = section["stages"].as_array().and_then(|stages| stages.last()).cloned().unwrap_or_default();
    assert_eq!(
        (&last["stage"], &last["status"], &last["code"]),
        (&json!("auth"), &json!("no"), &json!(code)),
        "{section:#}"
    );
    assert!(!outcome.stdout.contains("X-Amz-") && !outcome.stderr.contains("X-Amz-"), "{}", outcome.told());
    section["findings"][0].clone()
}

#[test]
fn a_token_that_fits_lets_the_user_in_and_the_server_answers() {
    need!("valkey-server");
    let certs = Certs::new();
    let cache = IamCache::start(&certs, IamCacheOptions::default());
    let outcome = probe(&document(&cache), &certs).run().ok();
    let section = section(&outcome);
    let stages: Vec<&Value> = section["stages"].as_array().expect("stages").iter().map(|step| &step["stage"]).collect();
    assert_eq!(stages, ["dns", "tcp", "tls", "auth", "hello", "ping"]);
    assert_eq!(section["stages"][3]["summary"], "app, by IAM token");
    assert_eq!(section["server"]["mode"], "standalone", "a real server answers");
    assert_eq!(cache.refusals(), []);
}

#[test]
fn a_replication_group_takes_a_token_without_a_resource_type() {
    need!("valkey-server");
    let certs = Certs::new();
    let cache = IamCache::start(&certs, IamCacheOptions { serverless: false, ..IamCacheOptions::default() });
    let mut group = document(&cache);
    group["cache"]["deployment"] = json!("replication_group");
    probe(&group, &certs).run().ok();
}

#[test]
fn whom_the_token_lets_in_is_bound_by_his_access_string() {
    need!("valkey-server");
    let certs = Certs::new();
    let users = vec![("app".to_owned(), "on -@all +get".to_owned())];
    let cache = IamCache::start(&certs, IamCacheOptions { users, ..IamCacheOptions::default() });
    let outcome = probe(&document(&cache), &certs).run().ok();
    assert_eq!(section(&outcome)["findings"][0]["code"], "EC3013", "{}", outcome.told());
}

#[test]
fn without_a_log_in_the_cache_wants_one() {
    need!("valkey-server");
    let certs = Certs::new();
    let cache = IamCache::start(&certs, IamCacheOptions::default());
    let endpoint = format!("localhost:{}", cache.port());
    let outcome = tool("ec-probe").args(["--endpoint", &endpoint]).env("EC_CAFILE", certs.ca()).run().exits(1);
    assert_eq!(section(&outcome)["findings"][0]["code"], "EC3010", "{}", outcome.told());
}

#[test]
fn whatever_is_wrong_with_a_token_the_server_says_wrongpass() {
    need!("valkey-server");
    let certs = Certs::new();
    let cache = IamCache::start(&certs, IamCacheOptions::default());
    let right = document(&cache);
    let but = |pointer: &str, value: &str| {
        let mut document = right.clone();
        document["cache"][pointer] = json!(value);
        document
    };
    let secret = |secret: &str| probe(&right, &certs).env("AWS_SECRET_ACCESS_KEY", secret);
    for (run, refusal) in [
        (probe(&right, &certs).args(["--user", "web"]), Refusal::User),
        (probe(&but("name", "carts"), &certs), Refusal::Host),
        (probe(&but("deployment", "replication_group"), &certs), Refusal::ResourceType),
        (probe(&but("region", "us-east-1"), &certs), Refusal::Scope),
        (probe(&right, &certs).env("AWS_ACCESS_KEY_ID", "AKIAOTHER"), Refusal::AccessKey),
        (probe(&right, &certs).env("AWS_SESSION_TOKEN", "of-another-session"), Refusal::Signature),
        (secret("guess"), Refusal::Signature),
    ] {
        let before = cache.refusals().len();
        let finding = refused(&run.run(), "EC3012");
        assert_eq!(
            finding["evidence"]["reply"], "WRONGPASS invalid username-password pair or user is disabled.",
            "{finding:#}"
        );
        assert_eq!(cache.refusals()[before..], [refusal]);
    }
}

#[test]
fn what_can_be_seen_to_be_wrong_in_the_token_is_told() {
    need!("valkey-server");
    let certs = Certs::new();
    let cache = IamCache::start(&certs, IamCacheOptions::default());
    let right = document(&cache);
    let finding = refused(&probe(&right, &certs).args(["--region", "us-east-1"]).run(), "EC3048");
    let told = "it is signed for us-east-1, and the document says eu-west-1";
    assert_eq!(finding["evidence"]["because"], json!([told]), "{finding:#}");
    assert_eq!(finding["evidence"]["token"]["region"], "us-east-1");

    // A token that somebody has made before, given as a password.
    let credentials = Credentials::new(IamCache::ACCESS_KEY_ID, IamCache::SECRET_ACCESS_KEY, None, None, "tests");
    let fitting = TokenRequest { name: "orders", user: "app", region: "eu-west-1", kind: Kind::Serverless };
    let signed = |request: TokenRequest<'_>, age: u64| {
        let at = SystemTime::now() - Duration::from_secs(age);
        token::sign(&request, &credentials, at).expect("a token").expose().to_owned()
    };
    let given = |token: &str| {
        let run = tool("ec-probe").args(["--auth", "password", "--user", "app"]).stdin(right.to_string());
        run.env("EC_CAFILE", certs.ca()).env("VALKEYCLI_AUTH", token)
    };
    given(&signed(fitting, 60)).run().ok();
    for (token, code, refusal) in [
        (signed(fitting, 1000), "EC3047", Refusal::Expired),
        (signed(TokenRequest { name: "carts", ..fitting }, 60), "EC3048", Refusal::Host),
        (signed(TokenRequest { kind: Kind::ReplicationGroup, ..fitting }, 60), "EC3048", Refusal::ResourceType),
        (signed(TokenRequest { kind: Kind::MemoryDb, ..fitting }, 60), "EC3048", Refusal::ResourceType),
        (signed(TokenRequest { user: "web", ..fitting }, 60), "EC3048", Refusal::User),
    ] {
        let before = cache.refusals().len();
        let finding = refused(&given(&token).run(), code);
        assert_eq!(cache.refusals()[before..], [refusal], "{finding:#}");
    }
}

#[test]
fn a_clock_that_is_an_hour_behind_makes_tokens_that_have_expired() {
    need!("valkey-server");
    let certs = Certs::new();
    let ahead = Duration::from_secs(3600);
    let cache = IamCache::start(&certs, IamCacheOptions { ahead, ..IamCacheOptions::default() });
    refused(&probe(&document(&cache), &certs).run(), "EC3012");
    assert_eq!(cache.refusals(), [Refusal::Expired]);
}
