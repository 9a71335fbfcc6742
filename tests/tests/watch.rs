//! `ec-probe watch` against a real Valkey that is killed and started again.
#![expect(clippy::expect_used, reason = "a test that cannot be set up has failed")]

use std::fs;
use std::path::{Path, PathBuf};
use std::thread;
use std::time::{Duration, Instant};

use ec_tests::{
    Certs, Memcached, Outcome, Run, Running, Signal, Valkey, ValkeyOptions, free_port, need, rude, tool, wait_until,
};
use serde_json::{Value, json};

/// Far longer than a test may take: a watch that waits for it fails the test.
const NEVER: &str = "1440m";

fn watch(endpoint: &str) -> Run {
    tool("ec-probe").args(["watch", "--endpoint", endpoint, "--no-tls", "--every", "10ms", "--events", "events"])
}

fn events_of(run: &Run) -> PathBuf {
    run.home().join("events")
}

/// The events so far, each told whole.
fn events(path: &Path) -> Vec<Value> {
    let text = fs::read_to_string(path).unwrap_or_default();
    text.lines().map(|line| serde_json::from_str(line).expect("an event is one line of JSON")).collect()
}

fn names(events: &[Value]) -> Vec<&str> {
    events.iter().filter_map(|event| event["event"].as_str()).collect()
}

fn wait_for(path: &Path, wanted: &[&str]) {
    wait_until(&format!("the events {wanted:?}"), || names(&events(path)) == wanted);
}

/// A watch that ends with the first failure and has seen the cache up, and its events.
fn watch_until_failure(valkey: &Valkey) -> (PathBuf, Running) {
    let run = watch(&valkey.endpoint()).args(["--until-first-failure"]);
    let path = events_of(&run);
    let running = run.start();
    wait_for(&path, &["up"]);
    (path, running)
}

fn facts(outcome: &Outcome) -> Value {
    let section = outcome.document()["probe"].clone();
    assert_eq!(section["command"], "watch", "{}", outcome.told());
    section["watch"].clone()
}

#[test]
fn a_cache_that_answers_all_the_time_is_ok() {
    need!("valkey-server");
    let valkey = Valkey::plain();
    valkey.command(&["CONFIG", "RESETSTAT"]);
    let run = watch(&valkey.endpoint()).args(["--count", "20"]);
    let path = events_of(&run);
    let outcome = run.run().ok();
    assert_eq!(facts(&outcome), json!({"every_ms": 10.0, "ticks": 20, "failures": 0, "outages": []}));
    let events = events(&path);
    assert_eq!(names(&events), ["up"]);
    assert_eq!((&events[0]["kind"], &events[0]["role"]), (&json!("ec.event"), &json!("primary")));
    assert_eq!((&events[0]["address"], &events[0]["gap_ms"]), (&json!(valkey.endpoint()), &Value::Null));
    assert_eq!(events[0]["id"], outcome.document()["id"]);

    // One tick is the climb; all of them go over its connection.
    let commands = valkey.command(&["INFO", "commandstats"]);
    assert!(commands.contains("cmdstat_ping:calls=20,"), "{commands}");
    assert!(commands.contains("cmdstat_hello:calls=1,"), "{commands}");
}

#[test]
fn a_server_that_is_killed_and_started_again_is_one_outage_at_least_as_long_as_it_was_down() {
    need!("valkey-server");
    let valkey = Valkey::plain();
    let run = watch(&valkey.endpoint()).args(["--for", NEVER]);
    let path = events_of(&run);
    let running = run.start();
    wait_for(&path, &["up"]);
    valkey.stop();
    let down = Instant::now();
    wait_for(&path, &["up", "down"]);
    // So long that many ticks fail; what is asserted is measured, and not this.
    thread::sleep(Duration::from_millis(200));
    let surely_down = down.elapsed();
    valkey.restart();
    wait_for(&path, &["up", "down", "up"]);
    running.signal(Signal::TERM);
    let outcome = running.end().exits(143);

    let watch = facts(&outcome);
    let outages = watch["outages"].as_array().expect("outages are listed");
    assert_eq!(outages.len(), 1, "{watch:#}");
    let outage = &outages[0];
    assert_eq!((&outage["stage"], &outage["code"]), (&json!("tcp"), &json!("EC3005")));
    assert_eq!(
        (&outage["address_before"], &outage["address_after"]),
        (&json!(valkey.endpoint()), &outage["address_before"])
    );
    let gap = outage["gap_ms"].as_f64().expect("a gap is a number");
    assert!(gap >= surely_down.as_secs_f64() * 1e3, "{surely_down:?}: {watch:#}");
    assert_eq!(watch["longest_gap_ms"], outage["gap_ms"]);
    assert!(watch["failures"].as_u64() > Some(1) && watch["failures"].as_u64() < watch["ticks"].as_u64(), "{watch:#}");

    let events = events(&path);
    assert_eq!((&events[1]["stage"], &events[2]["gap_ms"]), (&json!("tcp"), &outage["gap_ms"]));
    let outcome = outcome.says(" is down since ").says(" ms without an answer: ");
    let section = outcome.document()["probe"].clone();
    assert_eq!((&section["status"], &section["findings"][0]["code"]), (&json!("error"), &json!("EC3090")));
}

#[test]
fn a_connection_that_is_cut_is_an_outage_although_the_next_one_works() {
    need!("valkey-server");
    let valkey = Valkey::plain();
    let (path, running) = watch_until_failure(&valkey);
    valkey.command(&["CLIENT", "KILL", "TYPE", "normal", "SKIPME", "yes"]);
    let outcome = running.end().exits(1);
    assert_eq!(names(&events(&path)), ["up", "down", "up"], "the climb after it is still done");
    let watch = facts(&outcome);
    assert_eq!((&watch["failures"], &watch["outages"][0]["stage"]), (&json!(1), &json!("ping")), "{watch:#}");
    let section = &outcome.document()["probe"];
    assert_eq!((&section["status"], &section["answers"]), (&json!("no"), &json!(true)));
    assert_eq!(section["findings"][0]["code"], "EC3090");
}

#[test]
fn a_primary_that_has_become_a_replica_is_told() {
    need!("valkey-server");
    let valkey = Valkey::plain();
    let (path, running) = watch_until_failure(&valkey);
    valkey.command(&["REPLICAOF", "127.0.0.1", &free_port().to_string()]);
    valkey.command(&["CLIENT", "KILL", "TYPE", "normal", "SKIPME", "yes"]);
    let outcome = running.end().exits(1).says(", replica where there was a primary");
    let events = events(&path);
    assert_eq!((&events[2]["role"], &events[2]["role_before"]), (&json!("replica"), &json!("primary")));
    assert_eq!(events[2]["address_before"], Value::Null, "it is still the same address");
    assert_eq!(facts(&outcome)["outages"][0]["stage"], "ping");
}

#[test]
fn with_tls_and_a_password_one_log_in_is_enough() {
    need!("valkey-server");
    let certs = Certs::new();
    let users = vec!["app on >open-sesame -@all +ping".to_owned()];
    let valkey = Valkey::with(ValkeyOptions { tls: Some(certs.server()), users, ..ValkeyOptions::default() });
    valkey.command(&["CONFIG", "RESETSTAT"]);
    let endpoint = format!("localhost:{}", valkey.port());
    let run = tool("ec-probe").args(["watch", "--endpoint", &endpoint, "--every", "10ms", "--count", "5"]);
    let run = run.args(["--user", "app"]).env("EC_CAFILE", certs.ca()).env("VALKEYCLI_AUTH", "open-sesame");
    assert_eq!(facts(&run.run().ok())["ticks"], 5);
    let commands = valkey.command(&["INFO", "commandstats"]);
    assert!(commands.contains("cmdstat_auth:calls=1,") && commands.contains("cmdstat_ping:calls=5,"), "{commands}");
}

#[test]
fn memcached_is_watched_by_its_version() {
    need!("memcached");
    let memcached = Memcached::plain();
    let run = watch(&memcached.endpoint()).args(["--engine", "memcached", "--count", "5"]);
    let path = events_of(&run);
    let outcome = run.run().ok();
    assert_eq!(facts(&outcome)["ticks"], 5);
    assert_eq!(events(&path)[0]["address"], json!(memcached.endpoint()));
}

#[test]
fn a_wait_ends_when_the_cache_has_come_up() {
    need!("valkey-server");
    let valkey = Valkey::plain();
    valkey.stop();
    let run = watch(&valkey.endpoint()).args(["--wait-until-up", "--for", NEVER]);
    let path = events_of(&run);
    let running = run.start();
    wait_for(&path, &["down"]);
    valkey.restart();
    let outcome = running.end().ok();
    assert_eq!(names(&events(&path)), ["down", "up"]);
    assert_eq!(outcome.document()["probe"]["status"], "ok");
    assert_eq!(facts(&outcome)["outages"][0]["address_before"], Value::Null);
}

#[test]
fn a_wait_in_vain_ends_with_the_last_verdict() {
    let silent = rude::silent();
    let refused = format!("127.0.0.1:{}", free_port());
    for (endpoint, stage, code) in [(refused, "tcp", "EC3005"), (silent.endpoint(), "hello", "EC3040")] {
        let outcome = watch(&endpoint).args(["--wait-until-up", "--for", "300ms", "--timeout", NEVER]).run().exits(1);
        let section = outcome.document()["probe"].clone();
        let last = section["stages"].as_array().and_then(|stages| stages.last()).expect("there are stages");
        assert_eq!((&last["stage"], &last["code"]), (&json!(stage), &json!(code)), "{}", outcome.told());
        let codes: Vec<&Value> = section["findings"].as_array().into_iter().flatten().map(|it| &it["code"]).collect();
        assert_eq!(codes, ["EC3091", code]);
    }
}

#[test]
fn the_stage_that_failed_is_the_exit_code_for_who_asks() {
    need!("valkey-server");
    let (valkey, nobody) = (Valkey::plain(), format!("127.0.0.1:{}", free_port()));
    for (endpoint, tls, until, code) in [
        (nobody.as_str(), "--no-tls", ["--until-first-failure", "--quiet"].as_slice(), 12),
        (nobody.as_str(), "--no-tls", &["--wait-until-up", "--for", "50ms"], 12),
        (&valkey.endpoint(), "--tls", &["--until-first-failure"], 13),
        (&valkey.endpoint(), "--no-tls", &["--wait-until-up"], 0),
    ] {
        let run = tool("ec-probe").args(["watch", "--endpoint", endpoint, tls, "--stage-exitcode"]);
        run.args(until.iter().copied()).run().exits(code);
    }
}

#[test]
fn a_watch_that_ends_before_the_first_answer_is_unknown() {
    let outcome = watch(&rude::silent().endpoint()).args(["--for", "100ms", "--timeout", NEVER]).run().exits(1);
    assert_eq!(outcome.document()["probe"]["status"], "unknown");
}

#[test]
fn events_on_stdout_stand_before_the_document() {
    need!("valkey-server");
    let valkey = Valkey::plain();
    let args = ["watch", "--endpoint", &valkey.endpoint(), "--no-tls", "--count", "2", "--events", "/dev/stdout"];
    let kinds: Vec<Value> =
        tool("ec-probe").args(args).run().ok().documents().iter().map(|record| record["kind"].clone()).collect();
    assert_eq!(kinds, ["ec.event", "ec.connection"]);
}

#[test]
fn a_file_for_events_that_cannot_be_written_is_told_before_anything_is_asked() {
    let run = tool("ec-probe").args(["watch", "--endpoint", "127.0.0.1:1", "--events", "no/such/directory"]);
    run.run().exits(7).says("cannot write the events to no/such/directory");
}
