//! ec-probe against real servers: Valkey, Redis OSS and Memcached, plain and with TLS, and servers with bad manners.
#![expect(clippy::expect_used, reason = "a test that cannot be set up has failed")]

#[path = "probe/engines.rs"]
mod engines;
#[path = "probe/fake_cache.rs"]
mod fake_cache;
#[path = "probe/latency.rs"]
mod latency;
#[path = "probe/manners.rs"]
mod manners;
#[path = "probe/self_test.rs"]
mod self_test;
#[path = "probe/states.rs"]
mod states;

use std::time::Duration;

use ec_tests::{Certs, Identity, Memcached, Outcome, Run, Valkey, ValkeyOptions, need, openssl, rude, s_server, tool};
use serde_json::{Value, json};

use fake_cache::FakeCache;

/// Far longer than a test may take: a verdict that waits for the deadline fails the test.
const NEVER: &str = "1440m";

fn probe(endpoint: &str) -> Run {
    tool("ec-probe").args(["--endpoint", endpoint, "--timeout", NEVER])
}

fn probe_tls(valkey: &Valkey, certs: &Certs) -> Run {
    probe(&format!("localhost:{}", valkey.port())).env("EC_CAFILE", certs.ca())
}

fn section(outcome: &Outcome) -> Value {
    outcome.document()["probe"].clone()
}

/// Asserts that the answer is no, for one reason, seen at one stage; gives the finding.
#[track_caller]
fn no(outcome: &Outcome, stage: &str, code: &str) -> Value {
    assert_eq!(outcome.code, 1, "{}", outcome.told());
    let document = outcome.document();
    assert_eq!(document["ok"], json!(false), "{}", outcome.told());
    let section = &document["probe"];
    let last = section["stages"].as_array().and_then(|stages| stages.last()).expect("there are stages");
    assert_eq!(
        (&last["stage"], &last["status"], &last["code"]),
        (&json!(stage), &json!("no"), &json!(code)),
        "{section:#}"
    );
    let findings = section["findings"].as_array().expect("there are findings");
    let errors: Vec<&Value> = findings.iter().filter(|finding| finding["severity"] == "error").collect();
    assert_eq!(errors.len(), 1, "{section:#}");
    assert_eq!(errors[0]["code"], json!(code));
    assert!(errors[0]["fix"].is_string(), "{section:#}");
    errors[0].clone()
}

/// Asserts that all went well; gives the names of the stages.
#[track_caller]
fn stages(outcome: &Outcome) -> Vec<String> {
    assert_eq!(outcome.code, 0, "{}", outcome.told());
    assert_eq!(outcome.document()["ok"], json!(true), "{}", outcome.told());
    let section = section(outcome);
    let stages = section["stages"].as_array().expect("there are stages");
    stages.iter().map(|step| step["stage"].as_str().expect("a name").to_owned()).collect()
}

fn with_user(identity: Option<Identity>, user: &str) -> Valkey {
    let users = vec!["default off".to_owned(), user.to_owned()];
    Valkey::with(ValkeyOptions { tls: identity, users, ..ValkeyOptions::default() })
}

fn with_certificate(identity: Identity) -> Valkey {
    Valkey::with(ValkeyOptions { tls: Some(identity), ..ValkeyOptions::default() })
}

#[test]
fn a_plain_valkey_answers() {
    need!("valkey-server");
    let valkey = Valkey::plain();
    let outcome = probe(&valkey.endpoint()).args(["--no-tls"]).run();
    assert_eq!(stages(&outcome), ["tcp", "hello", "ping"]);
    let section = section(&outcome);
    assert_eq!(section["server"]["engine"], "valkey");
    assert_eq!(section["server"]["mode"], "standalone");
    assert_eq!(section["server"]["role"], "primary");
    assert_eq!(section["addresses"][0]["status"], "connected");
    assert!(section["ran_on"]["host"].is_string());
    assert_eq!(outcome.document()["id"], json!(valkey.endpoint()));
}

#[test]
fn redis_oss_answers_and_is_told_from_valkey() {
    need!("redis-server");
    let outcome = probe(&Valkey::redis().endpoint()).args(["--no-tls"]).run();
    assert_eq!(stages(&outcome), ["tcp", "hello", "ping"]);
    assert_eq!(section(&outcome)["server"]["engine"], "redis");
}

#[test]
fn tls_a_user_and_a_password_from_a_file_lead_to_pong() {
    need!("valkey-server");
    let certs = Certs::new();
    let valkey = with_user(Some(certs.server()), "app on >open-sesame ~* +@all");
    let run = probe_tls(&valkey, &certs).args(["--user", "app", "--password-file", "secret"]);
    write_secret(&run, "open-sesame\n");
    let outcome = run.run();
    assert_eq!(stages(&outcome), ["dns", "tcp", "tls", "auth", "hello", "ping"]);
    let tls = &section(&outcome)["tls"];
    assert_eq!((&tls["version"], &tls["server_name"]), (&json!("TLS 1.3"), &json!("localhost")));
    assert_eq!(tls["names"], json!(["localhost", "127.0.0.1"]));
}

#[test]
fn a_server_that_knows_only_tls_1_2_answers() {
    need!("valkey-server");
    let certs = Certs::new();
    let args = vec!["--tls-protocols".to_owned(), "TLSv1.2".to_owned()];
    let valkey = Valkey::with(ValkeyOptions { tls: Some(certs.server()), args, ..ValkeyOptions::default() });
    let outcome = probe_tls(&valkey, &certs).run().ok();
    assert_eq!(section(&outcome)["tls"]["version"], "TLS 1.2");
}

#[test]
fn a_password_without_a_user_is_the_default_users() {
    need!("valkey-server");
    let valkey = Valkey::with(ValkeyOptions { password: Some("open-sesame".to_owned()), ..ValkeyOptions::default() });
    let outcome = probe(&valkey.endpoint()).args(["--no-tls"]).env("REDISCLI_AUTH", "open-sesame").run();
    assert_eq!(stages(&outcome), ["tcp", "auth", "hello", "ping"]);
    assert_eq!(section(&outcome)["findings"][0]["code"], "EC3015", "the password travelled in plain text");
    no(&probe(&valkey.endpoint()).args(["--no-tls"]).run(), "hello", "EC3010");
}

#[test]
fn a_wrong_password_is_refused_even_where_the_default_user_is_open() {
    need!("valkey-server");
    let certs = Certs::new();
    let users = vec!["app on >open-sesame ~* +@all".to_owned()];
    let valkey = Valkey::with(ValkeyOptions { tls: Some(certs.server()), users, ..ValkeyOptions::default() });
    let outcome = probe_tls(&valkey, &certs).args(["--user", "app"]).env("VALKEYCLI_AUTH", "guess").run();
    let finding = no(&outcome, "auth", "EC3012");
    assert_eq!(finding["summary"], "the server refused the user app");
}

#[test]
fn a_chain_with_a_certificate_left_out_is_not_known_and_it_is_told_what_was_shown() {
    need!("valkey-server");
    let certs = Certs::new();
    let probed = |shows_all| probe_tls(&with_certificate(certs.by_way_of_another(shows_all)), &certs).run();
    let whole = section(&probed(true).ok());
    assert_eq!(whole["tls"]["chain"], json!(["CN=ec-tests intermediate"]), "{whole:#}");
    let finding = no(&probed(false), "tls", "EC3026");
    assert_eq!(finding["evidence"]["shown_with_it"], json!([]), "{finding:#}");
    assert_eq!(finding["evidence"]["issuer"], json!("CN=ec-tests intermediate"));
}

#[test]
fn a_certificate_with_a_signature_of_old_is_named() {
    need!("openssl");
    let directory = tempfile::tempdir().expect("a scratch directory");
    let request = "req -x509 -sha1 -newkey rsa:2048 -nodes -keyout key.pem -out cert.pem -days 30 -subj /CN=localhost \
        -addext subjectAltName=DNS:localhost -addext basicConstraints=critical,CA:FALSE";
    openssl(directory.path(), &request.split_whitespace().collect::<Vec<_>>());
    let identity = Identity { cert: directory.path().join("cert.pem"), key: directory.path().join("key.pem") };
    let server = s_server(&identity, &[]);
    let run = probe(&format!("localhost:{}", server.port())).env("EC_CAFILE", &identity.cert);
    no(&run.run(), "tls", "EC3037");
}

#[test]
fn a_password_for_a_default_user_who_is_off_is_told_from_a_wrong_password() {
    need!("valkey-server");
    let valkey = with_user(None, "app on >open-sesame ~* +@all");
    let by_password = |password: &str| probe(&valkey.endpoint()).args(["--no-tls"]).env("VALKEYCLI_AUTH", password);
    no(&by_password("open-sesame").run(), "auth", "EC3049");
    no(&by_password("guess").args(["--user", "app"]).run(), "auth", "EC3012");
}

#[test]
fn a_password_that_nobody_set_is_named() {
    need!("valkey-server");
    let outcome = probe(&Valkey::plain().endpoint()).args(["--no-tls"]).env("VALKEYCLI_AUTH", "guess").run();
    no(&outcome, "auth", "EC3011");
}

#[test]
fn a_user_who_may_only_ping_is_enough() {
    need!("valkey-server");
    let valkey = with_user(None, "app on >open-sesame -@all +ping");
    let run = probe(&valkey.endpoint()).args(["--no-tls", "--user", "app"]);
    let outcome = run.env("VALKEYCLI_AUTH", "open-sesame").run();
    assert_eq!(stages(&outcome), ["tcp", "auth", "hello", "ping"]);
    let findings = section(&outcome)["findings"].as_array().cloned().unwrap_or_default();
    let remark = findings.iter().find(|finding| finding["code"] == "EC3039").expect("a word about clients");
    assert_eq!(remark["evidence"]["refused"], json!(["INFO", "CLIENT SETINFO"]), "{remark:#}");
}

#[test]
fn of_a_user_who_may_run_what_clients_run_nothing_is_said() {
    need!("valkey-server");
    let valkey = with_user(None, "app on >open-sesame -@all +ping +hello +info +client|setinfo");
    let run = probe(&valkey.endpoint()).args(["--no-tls", "--user", "app"]);
    let outcome = run.env("VALKEYCLI_AUTH", "open-sesame").run().ok();
    assert!(!outcome.stdout.contains("EC3039"), "{}", outcome.told());
}

#[test]
fn a_user_who_may_not_even_ping_is_connected_with_a_warning() {
    need!("valkey-server");
    let valkey = with_user(None, "app on >open-sesame -@all +get");
    let run = probe(&valkey.endpoint()).args(["--no-tls", "--user", "app"]);
    let outcome = run.env("VALKEYCLI_AUTH", "open-sesame").run().ok();
    assert!(outcome.stdout.contains("EC3013"), "{}", outcome.told());
}

#[test]
fn memcached_tells_its_version_plain_and_with_tls() {
    need!("memcached");
    let plain = Memcached::plain();
    let outcome = probe(&plain.endpoint()).args(["--engine", "memcached", "--no-tls"]).run();
    assert_eq!(stages(&outcome), ["tcp", "version", "stats", "discovery"]);
    assert!(section(&outcome)["server"]["stats"]["uptime"].is_u64(), "{}", outcome.told());

    let certs = Certs::new();
    let tls = Memcached::tls(&certs);
    let run = probe(&tls.endpoint()).args(["--engine", "memcached"]).env("EC_CAFILE", certs.ca());
    assert_eq!(stages(&run.run()), ["tcp", "tls", "version", "stats", "discovery"]);
}

#[test]
fn tls_spoken_to_a_plain_server_is_named_without_waiting() {
    need!("valkey-server", "memcached");
    no(&probe(&Valkey::plain().endpoint()).run(), "tls", "EC3020");
    no(&probe(&Memcached::plain().endpoint()).args(["--engine", "memcached"]).run(), "tls", "EC3020");
}

#[test]
fn plain_text_spoken_to_a_tls_server_is_named_without_waiting() {
    need!("valkey-server", "memcached");
    let certs = Certs::new();
    no(&probe(&Valkey::tls(&certs).endpoint()).args(["--no-tls"]).run(), "hello", "EC3021");
    let memcached = Memcached::tls(&certs);
    no(&probe(&memcached.endpoint()).args(["--no-tls", "--engine", "memcached"]).run(), "version", "EC3021");
}

#[test]
fn the_other_protocol_is_named() {
    need!("valkey-server", "memcached");
    let valkey = Valkey::plain();
    no(&probe(&valkey.endpoint()).args(["--no-tls", "--engine", "memcached"]).run(), "version", "EC3045");
    no(&probe(&Memcached::plain().endpoint()).args(["--no-tls", "--engine", "valkey"]).run(), "hello", "EC3045");
}

#[test]
fn a_bad_certificate_is_described_and_never_sees_the_password() {
    need!("valkey-server");
    let certs = Certs::new();
    for (identity, code) in [
        (certs.expired(), "EC3022"),
        (certs.not_yet_valid(), "EC3023"),
        (certs.wrong_host(), "EC3024"),
        (certs.self_signed(), "EC3025"),
        (Certs::of("another authority").server(), "EC3026"),
        (Certs::new().server(), "EC3033"),
        (certs.authority(), "EC3034"),
        (certs.for_clients(), "EC3035"),
        (certs.common_name_only(), "EC3036"),
    ] {
        let valkey = with_certificate(identity);
        let outcome = probe_tls(&valkey, &certs).args(["--user", "app"]).env("VALKEYCLI_AUTH", "open-sesame").run();
        let finding = no(&outcome, "tls", code);
        assert!(finding["evidence"]["not_after"].is_string(), "{finding:#}");
        assert!(finding["evidence"]["subject"].is_string(), "{finding:#}");
        assert_eq!(finding["evidence"]["clock_behind_s"].is_u64(), code == "EC3023", "{finding:#}");
        let commands = valkey.command(&["INFO", "commandstats"]);
        assert!(!commands.contains("cmdstat_auth"), "{code}: {commands}");
    }
}

#[test]
fn through_a_tunnel_the_endpoints_own_name_is_verified() {
    need!("valkey-server");
    let certs = Certs::new();
    let valkey = with_certificate(certs.server_for(&["orders.example"]));
    let through =
        |endpoint| probe(endpoint).args(["--connect-to", &valkey.endpoint()]).env("EC_CAFILE", certs.ca()).run();
    let outcome = through("orders.example:6379");
    assert_eq!(stages(&outcome), ["tcp", "tls", "hello", "ping"]);
    assert_eq!(section(&outcome)["endpoint"], "orders.example:6379");
    no(&through("other.example:6379"), "tls", "EC3024");

    let named = probe(&valkey.endpoint()).args(["--server-name", "orders.example"]).env("EC_CAFILE", certs.ca());
    named.run().ok();
}

#[test]
fn a_server_that_wants_a_client_certificate_is_named() {
    need!("valkey-server");
    let certs = Certs::new();
    let args = vec!["--tls-auth-clients".to_owned(), "yes".to_owned()];
    let valkey = Valkey::with(ValkeyOptions { tls: Some(certs.server()), args, ..ValkeyOptions::default() });
    no(&probe_tls(&valkey, &certs).run(), "hello", "EC3029");
}

#[test]
fn a_server_that_has_stopped_refuses() {
    need!("valkey-server");
    let valkey = Valkey::plain();
    valkey.stop();
    let outcome = probe(&valkey.endpoint()).run();
    no(&outcome, "tcp", "EC3005");
    assert_eq!(section(&outcome)["addresses"][0]["status"], "refused");
}

#[test]
fn a_port_behind_which_packets_get_lost_looks_like_a_security_group() {
    let deaf = rude::deaf();
    let outcome = tool("ec-probe").args(["--endpoint", &deaf.endpoint(), "--timeout", "300ms"]).run();
    let finding = no(&outcome, "tcp", "EC3004");
    assert!(finding["fix"].as_str().is_some_and(|fix| fix.starts_with("ec-sg check --cache")), "{finding:#}");
    assert_eq!(section(&outcome)["addresses"][0]["status"], "timeout");
}

#[test]
fn a_name_without_an_address_is_a_no() {
    let outcome = tool("ec-probe").args(["--endpoint", "orders.invalid:6379", "--timeout", "5s"]).run().exits(1);
    let code = section(&outcome)["findings"][0]["code"].clone();
    assert!(["EC3001", "EC3003", "EC3079"].contains(&code.as_str().unwrap_or_default()), "{}", outcome.told());
}

#[test]
fn a_silent_server_is_a_no_within_the_deadline() {
    let silent = rude::silent();
    for (flag, stage) in [("--no-tls", "hello"), ("--tls", "tls")] {
        let outcome = tool("ec-probe").args(["--endpoint", &silent.endpoint(), flag, "--timeout", "300ms"]).run();
        no(&outcome, stage, "EC3040");
    }
}

#[test]
fn one_byte_after_the_other_does_not_stretch_the_deadline() {
    let drips = rude::drips(Duration::from_millis(20));
    let outcome = tool("ec-probe").args(["--endpoint", &drips.endpoint(), "--no-tls", "--timeout", "500ms"]).run();
    no(&outcome, "hello", "EC3044");
}

#[test]
fn who_says_nothing_that_is_known_is_no_cache_and_who_hangs_up_has_closed() {
    no(&probe(&rude::garbage().endpoint()).args(["--no-tls"]).run(), "hello", "EC3042");
    no(&probe(&rude::hangs_up().endpoint()).args(["--no-tls"]).run(), "hello", "EC3041");
    no(&probe(&rude::hangs_up().endpoint()).run(), "tls", "EC3041");
}

#[test]
fn the_states_of_a_server_are_told_apart() {
    let cases: [(&'static [u8], &str); 7] = [
        (b"-LOADING Valkey is loading the dataset in memory\r\n", "EC3050"),
        (b"-MASTERDOWN Link with MASTER is down and replica-serve-stale-data is set to 'no'.\r\n", "EC3051"),
        (b"-CLUSTERDOWN The cluster is down\r\n", "EC3052"),
        (b"-BUSY Valkey is busy running a script.\r\n", "EC3054"),
        (b"-ERR max number of clients reached\r\n", "EC3055"),
        (b"-MOVED 3999 10.0.0.1:6381\r\n", "EC3056"),
        (b"-DENIED Valkey is running in protected mode\r\n", "EC3057"),
    ];
    for (reply, code) in cases {
        let server = rude::says(reply);
        let outcome = tool("ec-probe").args(["--endpoint", &server.endpoint(), "--no-tls", "--timeout", "300ms"]).run();
        no(&outcome, "hello", code);
    }
}

#[test]
fn an_iam_token_is_the_first_thing_that_the_server_hears() {
    let cache = FakeCache::start();
    let document = json!({"kind": "ec.connection", "format_version": "1.0", "id": "orders", "cache": {
        "name": "orders", "region": "eu-west-1", "deployment": "serverless", "engine": "valkey",
        "auth": {"kind": "iam"}, "endpoints": [{"role": "primary", "host": "127.0.0.1", "port": cache.port()}]}});
    let run = tool("ec-probe").args(["--no-tls", "--user", "App", "-v"]).aws("http://127.0.0.1:9");
    let outcome = run.stdin(document.to_string()).run();
    assert_eq!(stages(&outcome), ["tcp", "auth", "hello", "ping"]);
    let first = &cache.heard()[0];
    assert_eq!(first[..2], ["AUTH", "app"]);
    let token = "orders/?Action=connect&User=app&ResourceType=ServerlessCache&X-Amz-Algorithm=AWS4-HMAC-SHA256&";
    assert!(first[2].starts_with(token), "{first:?}");
    assert!(first[2].contains("%2Feu-west-1%2Felasticache%2Faws4_request"), "{first:?}");
    for said in [&outcome.stdout, &outcome.stderr] {
        assert!(!said.contains("X-Amz-"), "the token is told\n{}", outcome.told());
    }
}

#[test]
fn every_endpoint_of_a_document_is_probed_and_the_rest_of_it_passes_through() {
    need!("valkey-server");
    let (primary, reader) = (Valkey::plain(), Valkey::plain());
    let document = json!({"kind": "ec.connection", "format_version": "1.0", "id": "orders", "mine": {"kept": 1},
        "client": {"instance_id": "i-0123456789abcdef0"},
        "cache": {"name": "orders", "engine": "valkey", "tls": "off", "endpoints": [
            {"role": "reader", "host": "127.0.0.1", "port": reader.port()},
            {"role": "primary", "host": "127.0.0.1", "port": primary.port()}]}});
    let probed = || tool("ec-probe").stdin(document.to_string()).run();
    let outcome = probed().ok();
    let section = section(&outcome);
    assert_eq!(section["endpoint"], json!(primary.endpoint()));
    assert_eq!(section["others"][0]["endpoint"], json!(reader.endpoint()));
    assert_eq!(section["others"][0]["role"], "reader");
    assert_eq!(section["findings"][0]["code"], "EC3065", "this machine is not the document's client");
    assert_eq!(outcome.document()["mine"], json!({"kept": 1}));

    reader.stop();
    let section = probed().exits(1).document()["probe"].clone();
    assert_eq!((&section["status"], &section["answers"]), (&json!("no"), &json!(true)));
    assert_eq!(section["others"][0]["stages"][0]["code"], "EC3005");
}

#[test]
fn among_many_documents_each_gets_its_own_verdict() {
    need!("valkey-server");
    let valkey = Valkey::plain();
    let document = |id: &str, port: u16| {
        let endpoints = json!([{"role": "primary", "host": "127.0.0.1", "port": port}]);
        json!({"kind": "ec.connection", "format_version": "1.0", "id": id,
            "cache": {"name": id, "tls": "off", "endpoints": endpoints}})
    };
    let documents = format!("{}\n{}\n", document("good", valkey.port()), document("bad", ec_tests::free_port()));
    let outcome = tool("ec-probe").stdin(documents).run().exits(1);
    let verdicts: Vec<(String, bool)> = outcome
        .documents()
        .iter()
        .map(|document| (document["id"].as_str().unwrap_or_default().to_owned(), document["ok"] == true))
        .collect();
    assert_eq!(verdicts, [("good".to_owned(), true), ("bad".to_owned(), false)]);
}

#[test]
fn the_stage_that_failed_is_the_exit_code_for_who_asks() {
    need!("valkey-server");
    let (plain, users, deaf) = (Valkey::plain(), with_user(None, "app on >open-sesame ~* +@all"), rude::deaf());
    let loading = rude::says(b"-LOADING Valkey is loading the dataset in memory\r\n");
    let probed = |endpoint: &str, tls: &str, password: &str| {
        let run = || {
            let waits = [deaf.endpoint(), loading.endpoint()].contains(&endpoint.to_owned());
            let timeout = if waits { "300ms" } else { "30s" };
            let run = tool("ec-probe").args(["--endpoint", endpoint, tls, "--timeout", timeout]);
            if password.is_empty() { run } else { run.args(["--user", "app"]).env("VALKEYCLI_AUTH", password) }
        };
        (run().run().code, run().args(["--stage-exitcode"]).run().code)
    };
    for (endpoint, tls, password, codes) in [
        (plain.endpoint().as_str(), "--no-tls", "", (0, 0)),
        ("orders.invalid:6379", "--no-tls", "", (1, 11)),
        (deaf.endpoint().as_str(), "--no-tls", "", (1, 12)),
        (plain.endpoint().as_str(), "--tls", "", (1, 13)),
        (users.endpoint().as_str(), "--no-tls", "guess", (1, 14)),
        (loading.endpoint().as_str(), "--no-tls", "", (1, 15)),
    ] {
        assert_eq!(probed(endpoint, tls, password), codes, "{endpoint} {tls}");
    }

    let document = |port: u16| {
        json!({"kind": "ec.connection", "format_version": "1.0", "id": "orders", "cache": {"name": "orders",
            "tls": "off", "endpoints": [{"role": "primary", "host": "127.0.0.1", "port": port}]}})
    };
    let several = |ports: [u16; 2]| {
        let documents = ports.map(|port| document(port).to_string()).join("\n");
        tool("ec-probe").args(["--stage-exitcode", "--timeout", "1s"]).stdin(documents).run().code
    };
    assert_eq!(several([deaf.port(), deaf.port()]), 12);
    assert_eq!(several([plain.port(), deaf.port()]), 1, "some answer: there is no one stage");
}

#[test]
fn no_secret_is_told_whatever_the_server_does() {
    const CANARY: &str = "canary-7f3a9c";
    need!("valkey-server");
    let certs = Certs::new();
    let refusing = Valkey::tls(&certs);
    let strange = with_certificate(certs.self_signed());
    let (echo, renamed) = (FakeCache::echo(), FakeCache::renamed_auth());
    let open = Valkey::plain();
    let endpoints = [
        format!("localhost:{}", refusing.port()),
        format!("localhost:{}", strange.port()),
        echo.endpoint(),
        renamed.endpoint(),
        open.endpoint(),
        rude::garbage().endpoint(),
    ];
    for endpoint in &endpoints {
        for tls in ["--tls", "--no-tls"] {
            for output in ["json", "text"] {
                let run = tool("ec-probe").args(["--endpoint", endpoint, tls, "-v", "-o", output, "--timeout", "2s"]);
                let run = run.args(["--user", "app", "--password-file", "secret"]).env("EC_CAFILE", certs.ca());
                write_secret(&run, CANARY);
                let outcome = run.env("VALKEYCLI_AUTH", CANARY).run().exits(1);
                let told = outcome.stdout.contains(CANARY) || outcome.stderr.contains(CANARY);
                assert!(!told, "the secret is told\n{}", outcome.told());
            }
        }
    }
}

#[test]
fn a_password_file_that_others_may_read_is_refused() {
    let run = tool("ec-probe").args(["--endpoint", "127.0.0.1:1", "--password-file", "secret"]);
    std::fs::write(run.home().join("secret"), "open-sesame").expect("a file");
    run.run().exits(3).says("chmod 600");
}

/// Puts a secret where `--password-file secret` finds it.
fn write_secret(run: &Run, secret: &str) {
    use std::os::unix::fs::PermissionsExt;
    let path = run.home().join("secret");
    std::fs::write(&path, secret).expect("a file");
    std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o600)).expect("a mode");
}
