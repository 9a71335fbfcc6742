//! States of a server that pass by themselves: it is asked again within the deadline, and what came of it is told.

use std::io::Write as _;
use std::net::TcpStream;

use ec_tests::{Outcome, Run, Valkey, ValkeyOptions, free_port, need, rude, tool, wait_until};
use serde_json::json;

use super::fake_cache::FakeCache;
use super::{no, probe, section, stages};

fn briefly(endpoint: &str) -> Run {
    tool("ec-probe").args(["--endpoint", endpoint, "--no-tls", "--timeout", "800ms"])
}

/// Asserts that the server was asked more than once, and still said the same.
#[track_caller]
fn stays(outcome: &Outcome, code: &str) {
    let finding = no(outcome, "ping", code);
    assert!(finding["evidence"]["tries"].as_u64() > Some(2), "{finding:#}");
}

#[test]
fn a_server_that_is_done_loading_before_the_deadline_answers_and_it_is_told_how_long_it_took() {
    let cache = FakeCache::pinged(|time| {
        Some(if time < 4 { "-LOADING Valkey is loading the dataset in memory\r\n" } else { "+PONG\r\n" })
    });
    let outcome = probe(&cache.endpoint()).args(["--no-tls"]).run();
    assert_eq!(stages(&outcome), ["tcp", "hello", "ping"]);
    let section = section(&outcome);
    let finding = &section["findings"][0];
    assert_eq!((&finding["code"], &finding["severity"]), (&json!("EC3058"), &json!("info")), "{section:#}");
    assert_eq!(finding["evidence"]["tries"], json!(4));
    assert!(finding["evidence"]["waited_s"].as_f64() >= Some(0.3), "{finding:#}");
    let summary = section["stages"][2]["summary"].as_str().unwrap_or_default();
    assert!(summary.starts_with("PONG, after 0.") && summary.ends_with(" s of LOADING"), "{summary}");
    assert_eq!(cache.heard().iter().filter(|words| words[0] == "PING").count(), 4);
}

#[test]
fn a_real_server_that_loads_its_data_is_waited_for() {
    need!("valkey-server");
    // It takes its time for each key, and answers in between.
    let args = "--enable-debug-command yes --key-load-delay 300 --loading-process-events-interval-bytes 1024";
    let args = args.split(' ').map(str::to_owned).collect();
    let valkey = Valkey::with(ValkeyOptions { args, ..ValkeyOptions::default() });
    assert_eq!(valkey.command(&["DEBUG", "POPULATE", "10000"]), "+OK");
    assert_eq!(valkey.command(&["SAVE"]), "+OK");
    valkey.stop();
    valkey.restart();
    stays(&briefly(&valkey.endpoint()).run(), "EC3050");
    let outcome = probe(&valkey.endpoint()).args(["--no-tls"]).run().ok();
    let finding = &section(&outcome)["findings"][0];
    assert_eq!(finding["code"], json!("EC3058"), "{}", outcome.told());
    assert_eq!(finding["evidence"]["said_first"], json!("LOADING Valkey is loading the dataset in memory"));
}

#[test]
fn a_replica_whose_primary_is_gone_says_so_until_the_deadline() {
    need!("valkey-server");
    let nobody = free_port().to_string();
    let args = ["--replicaof", "127.0.0.1", &nobody, "--replica-serve-stale-data", "no"].map(str::to_owned).to_vec();
    let valkey = Valkey::with(ValkeyOptions { args, ..ValkeyOptions::default() });
    stays(&briefly(&valkey.endpoint()).run(), "EC3051");
}

#[test]
fn a_script_that_does_not_end_is_named_and_once_it_is_killed_the_server_answers() {
    need!("valkey-server");
    let args = ["--busy-reply-threshold", "20"].map(str::to_owned).to_vec();
    let valkey = Valkey::with(ValkeyOptions { args, ..ValkeyOptions::default() });
    let mut client = TcpStream::connect(valkey.endpoint()).expect("a connection");
    client.write_all(b"EVAL \"while true do end\" 0\r\n").expect("a connection");
    wait_until("the script blocks the server", || valkey.command(&["PING"]).starts_with("-BUSY"));
    stays(&briefly(&valkey.endpoint()).run(), "EC3054");
    assert_eq!(valkey.command(&["SCRIPT", "KILL"]), "+OK");
    probe(&valkey.endpoint()).args(["--no-tls"]).run().ok();
}

#[test]
fn whoever_watches_or_measures_hears_of_it_at_once() {
    let loading = rude::says(b"-LOADING Valkey is loading the dataset in memory\r\n");
    let args = ["latency", "--endpoint", &loading.endpoint(), "--no-tls", "--timeout", super::NEVER];
    let outcome = tool("ec-probe").args(args).run().exits(1);
    assert_eq!(section(&outcome)["stages"][1]["code"], json!("EC3050"), "{}", outcome.told());
}
