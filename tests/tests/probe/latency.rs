//! `ec-probe latency` against real servers, and against such that stop in the middle.

use std::thread;
use std::time::Duration;

use ec_tests::{Certs, Memcached, Outcome, Run, Signal, Valkey, need, rude, tool, wait_until};
use serde_json::{Value, json};

use super::fake_cache::FakeCache;
use super::{NEVER, no, section, with_user, write_secret};

const PONG: Option<&str> = Some("+PONG\r\n");
const SILENCE: Option<&str> = Some("");

fn latency(endpoint: &str) -> Run {
    tool("ec-probe").args(["latency", "--endpoint", endpoint, "--timeout", NEVER])
}

fn measured(outcome: &Outcome) -> Value {
    let section = section(outcome);
    assert_eq!(section["command"], "latency", "{}", outcome.told());
    section["latency"].clone()
}

/// Asserts that there are so many times, that they are times, and that what is said of them holds together.
#[track_caller]
fn assert_times(latency: &Value, kind: &str, count: u64) {
    let times = &latency[kind];
    let number = |name: &str| times[name].as_u64().unwrap_or_default();
    assert_eq!(number("count"), count, "{kind}: {latency:#}");
    let order = ["min", "p50", "p90", "p99", "p99_9", "max"].map(number);
    assert!(order[0] > 0 && order.is_sorted(), "{kind}: {order:?}");
    let mean = times["mean"].as_f64().unwrap_or_default();
    assert!(f64_of(order[0]) - 0.1 <= mean && mean <= f64_of(order[5]) + 0.1, "{kind}: {times:#}");
    let buckets = times["buckets"].as_array().expect("there are buckets");
    assert_eq!(buckets.iter().filter_map(|bucket| bucket["count"].as_u64()).sum::<u64>(), count, "{times:#}");
    assert!(buckets.windows(2).all(|pair| pair[0]["to"] == pair[1]["from"]), "{times:#}");
}

#[expect(clippy::cast_precision_loss, reason = "microseconds of a test are far below 2^52")]
fn f64_of(number: u64) -> f64 {
    number as f64
}

#[test]
fn a_plain_valkey_is_measured_with_as_many_connections_and_commands_as_asked_for() {
    need!("valkey-server");
    let valkey = Valkey::plain();
    valkey.command(&["CONFIG", "RESETSTAT"]);
    let outcome = latency(&valkey.endpoint()).args(["--no-tls", "--count", "50", "--connections", "5"]).run().ok();
    let latency = measured(&outcome);
    assert_times(&latency, "connect_us", 5);
    assert_times(&latency, "command_us", 50);
    assert_eq!(latency["handshake_us"], Value::Null);
    assert_eq!((&latency["address"], &latency["command"]), (&json!(valkey.endpoint()), &json!("ping")));
    assert_eq!(latency["wanted"], json!({"connections": 5, "commands": 50}));
    assert_eq!(section(&outcome)["server"]["engine"], "valkey");

    // The ladder's PING, one to warm up, and the fifty; nothing else but HELLO, and what this test says itself.
    let commands = valkey.command(&["INFO", "commandstats"]);
    assert!(commands.contains("cmdstat_ping:calls=52,"), "{commands}");
    let said: Vec<&str> =
        commands.lines().filter_map(|line| line.strip_prefix("cmdstat_")?.split(':').next()).collect();
    assert!(said.iter().all(|name| ["ping", "hello", "config|resetstat"].contains(name)), "{said:?}");
    // The ladder's connection, the five, and the two that have asked for this.
    let connections = valkey.command(&["INFO", "stats"]);
    assert!(connections.contains("total_connections_received:8\r"), "{connections}");
}

#[test]
fn with_tls_and_a_password_handshakes_are_measured_and_one_log_in_is_enough() {
    need!("valkey-server");
    let certs = Certs::new();
    let valkey = with_user(Some(certs.server()), "app on >open-sesame -@all +ping");
    let run = latency(&format!("localhost:{}", valkey.port())).args(["--count", "20", "--connections", "3"]);
    let run = run.env("EC_CAFILE", certs.ca()).args(["--user", "app", "--password-file", "secret"]);
    write_secret(&run, "open-sesame\n");
    let latency = measured(&run.run().ok());
    for (kind, count) in [("connect_us", 3), ("handshake_us", 3), ("command_us", 20)] {
        assert_times(&latency, kind, count);
    }
}

#[test]
fn memcached_is_measured_by_its_version_plain_and_with_tls() {
    need!("memcached");
    let certs = Certs::new();
    let run = |endpoint: &str| latency(endpoint).args(["--engine", "memcached", "--count", "20", "--connections", "2"]);
    let plain = measured(&run(&Memcached::plain().endpoint()).args(["--no-tls"]).run().ok());
    assert_eq!(plain["command"], "version");
    let tls = measured(&run(&Memcached::tls(&certs).endpoint()).env("EC_CAFILE", certs.ca()).run().ok());
    assert_times(&tls, "handshake_us", 2);
    for latency in [plain, tls] {
        assert_times(&latency, "connect_us", 2);
        assert_times(&latency, "command_us", 20);
    }
}

#[test]
fn the_first_command_is_auth_and_the_rest_are_harmless() {
    let cache = FakeCache::start();
    let run = latency(&cache.endpoint()).args(["--no-tls", "--user", "app", "--count", "4", "--connections", "2"]);
    run.env("VALKEYCLI_AUTH", "open-sesame").run().ok();
    let heard = cache.heard();
    let names: Vec<&str> = heard.iter().map(|words| words[0].as_str()).collect();
    assert_eq!(names, ["AUTH", "HELLO", "PING", "PING", "PING", "PING", "PING", "PING"]);
}

#[test]
fn where_the_ladder_fails_its_verdict_stands_and_nothing_is_measured() {
    need!("valkey-server");
    let certs = Certs::new();
    let valkey = Valkey::tls(&certs);
    let outcomes = [
        (latency(&valkey.endpoint()).args(["--no-tls"]).run(), "hello", "EC3021"),
        (latency(&valkey.endpoint()).run(), "tls", "EC3026"),
        (latency(&rude::hangs_up().endpoint()).args(["--no-tls"]).run(), "hello", "EC3041"),
    ];
    for (outcome, stage, code) in outcomes {
        no(&outcome, stage, code);
        assert_eq!(measured(&outcome), Value::Null);
    }
}

#[test]
fn a_server_that_stops_in_the_middle_is_a_no_and_what_was_measured_stays() {
    // The ladder's PING and one to warm up come before the ten that count.
    let cases = [("EC3040", SILENCE), ("EC3041", None), ("EC3050", Some("-LOADING the dataset in memory\r\n"))];
    for (code, then) in cases {
        let cache = FakeCache::pinged(move |number| if number <= 12 { PONG } else { then });
        let run = tool("ec-probe").args(["latency", "--endpoint", &cache.endpoint(), "--no-tls", "--timeout", "4s"]);
        let outcome = run.args(["--count", "50", "--connections", "2"]).run();
        let finding = no(&outcome, "ping", code);
        assert!(finding["summary"].as_str().is_some_and(|told| told.starts_with("ping 11 of 50: ")), "{finding:#}");
        let latency = measured(&outcome);
        assert_times(&latency, "connect_us", 2);
        assert_times(&latency, "command_us", 10);
        assert_eq!(section(&outcome)["answers"], false);
    }
}

#[test]
fn time_that_is_up_is_no_fault_of_the_server() {
    need!("valkey-server");
    let valkey = Valkey::plain();
    let run = tool("ec-probe").args(["latency", "--endpoint", &valkey.endpoint(), "--no-tls", "--timeout", "2s"]);
    let outcome = run.args(["--rate", "5", "--connections", "1"]).run().ok();
    let latency = measured(&outcome);
    let count = latency["command_us"]["count"].as_u64().expect("some were measured");
    assert!((1..=10).contains(&count), "{latency:#}");
    assert_times(&latency, "command_us", count);
    let finding = &section(&outcome)["findings"][0];
    assert_eq!((&finding["code"], &finding["severity"]), (&json!("EC3080"), &json!("warning")));
    let told = format!("the time was up before all was measured: 1 of 1 connections, {count} of 1000 commands");
    assert_eq!(finding["summary"], json!(told));
}

#[test]
fn with_a_rate_what_waits_behind_a_slow_answer_is_slow_too() {
    // One answer is held back for 400 ms. At 100 commands a second 40 are due meanwhile, and some 30 of them have then
    // waited for 100 ms and more. Without the rate it would be one.
    let cache = FakeCache::pinged(|number| {
        if number == 5 {
            thread::sleep(Duration::from_millis(400));
        }
        PONG
    });
    let run = latency(&cache.endpoint()).args(["--no-tls", "--rate", "100", "--count", "60", "--connections", "1"]);
    let latency = measured(&run.run().ok());
    assert_times(&latency, "command_us", 60);
    let buckets = latency["command_us"]["buckets"].as_array().expect("there are buckets");
    let slow = buckets.iter().filter(|bucket| bucket["from"].as_u64() >= Some(100_000));
    let slow: u64 = slow.filter_map(|bucket| bucket["count"].as_u64()).sum();
    assert!(slow >= 25, "{slow} were slow: {latency:#}");
}

#[test]
fn a_signal_ends_the_measuring_and_what_was_measured_is_told() {
    for (signal, exit) in [(Signal::INT, 130), (Signal::TERM, 143)] {
        let cache = FakeCache::pinged(|number| if number <= 8 { PONG } else { SILENCE });
        let running = latency(&cache.endpoint()).args(["--no-tls", "--connections", "1"]).start();
        // The ninth is on its way, and nobody will answer it.
        wait_until("the ninth PING", || cache.heard().iter().filter(|words| words[0] == "PING").count() == 9);
        running.signal(signal);
        let outcome = running.end().exits(exit).says("EC9024");
        let latency = measured(&outcome);
        assert_times(&latency, "connect_us", 1);
        assert_times(&latency, "command_us", 6);
        let section = section(&outcome);
        assert_eq!((&section["status"], &section["interrupted"]), (&json!("error"), &json!(true)));
        assert_eq!(outcome.document()["ok"], json!(false));
    }
}

#[test]
fn of_a_document_the_first_endpoint_is_measured_and_the_rest_passes_through() {
    need!("valkey-server");
    let (primary, reader) = (Valkey::plain(), Valkey::plain());
    let document = json!({"kind": "ec.connection", "format_version": "1.0", "id": "orders", "mine": {"kept": 1},
        "cache": {"name": "orders", "engine": "valkey", "tls": "off", "endpoints": [
            {"role": "reader", "host": "127.0.0.1", "port": reader.port()},
            {"role": "primary", "host": "127.0.0.1", "port": primary.port()}]}});
    let run = tool("ec-probe").args(["latency", "--count", "5", "--connections", "1"]).stdin(document.to_string());
    let outcome = run.run().ok();
    assert_eq!(measured(&outcome)["address"], json!(primary.endpoint()));
    assert_eq!(outcome.document()["mine"], json!({"kept": 1}));
}

#[test]
fn metrics_are_written_whole_beside_the_document() {
    need!("valkey-server");
    let valkey = Valkey::plain();
    let measure = |endpoint: &str| {
        let run =
            latency(endpoint).args(["--no-tls", "--count", "5", "--connections", "2", "--openmetrics", "ec.prom"]);
        std::fs::write(run.home().join("ec.prom"), "old").expect("a file");
        run.run()
    };
    let files = |outcome: &Outcome| -> Vec<_> {
        let files = std::fs::read_dir(outcome.home()).expect("a folder");
        files.map(|file| file.expect("a file").file_name()).collect()
    };
    let outcome = measure(&valkey.endpoint()).ok();
    assert_times(&measured(&outcome), "command_us", 5);
    assert_eq!(files(&outcome), ["ec.prom"]);
    let text = std::fs::read_to_string(outcome.home().join("ec.prom")).expect("the metrics");
    let labels = format!("id=\"{0}\",endpoint=\"{0}\"", valkey.endpoint());
    for line in [
        format!("ec_probe_up{{{labels}}} 1\n"),
        format!("ec_probe_latency_seconds_count{{{labels},stage=\"tcp\"}} 2\n"),
        format!("ec_probe_latency_seconds_count{{{labels},stage=\"ping\"}} 5\n"),
    ] {
        assert!(text.contains(&line), "{line}{text}");
    }
    assert!(text.ends_with("# EOF\n"), "{text}");

    valkey.stop();
    let outcome = measure(&valkey.endpoint()).exits(1);
    let text = std::fs::read_to_string(outcome.home().join("ec.prom")).expect("the metrics");
    assert!(text.contains(&format!("ec_probe_up{{{labels}}} 0\n")), "{text}");
}

#[test]
fn metrics_that_cannot_be_written_are_an_error_and_the_document_leaves() {
    need!("valkey-server");
    let valkey = Valkey::plain();
    let run = latency(&valkey.endpoint()).args(["--no-tls", "--count", "5", "--openmetrics", "nowhere/ec.prom"]);
    let outcome = run.run().exits(7).says("cannot write nowhere/ec.prom").says("EC9022");
    assert_times(&measured(&outcome), "command_us", 5);
}

#[test]
fn the_report_fits_a_terminal() {
    need!("valkey-server");
    let valkey = Valkey::plain();
    let outcome = latency(&valkey.endpoint()).args(["--no-tls", "-o", "text"]).run().ok();
    let lines: Vec<&str> = outcome.stdout.lines().collect();
    assert!(lines.iter().all(|line| line.chars().count() <= 80), "{}", outcome.told());
    assert!(lines[0].starts_with(&format!("{}  Valkey ", valkey.endpoint())), "{}", outcome.told());
    for beginning in ["  · µs          count     min", "  ✓ connect        20", "  ✓ ping         1000", "ok: half of"]
    {
        assert!(lines.iter().any(|line| line.starts_with(beginning)), "{beginning}\n{}", outcome.told());
    }
    let longest = format!("  {}", "█".repeat(40));
    assert!(lines.iter().any(|line| line.ends_with(&longest)), "{}", outcome.told());
}
