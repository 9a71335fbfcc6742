//! Servers with bad manners: whatever one does, the probe ends in time, its memory stays flat, and nothing of what the
//! server was told or would like to do to a terminal is shown.

use std::io::Write as _;
use std::time::Duration;

use ec_tests::{Certs, Outcome, Valkey, need, rude, s_server, sh, skip, tool};
use serde_json::{Value, json};

use super::fake_cache::FakeCache;
use super::{no, probe, section, stages, write_secret};

/// As much as a probe may ever use: the program itself is most of it.
const FLAT_KIB: u64 = 64 << 10;

#[track_caller]
fn flat(outcome: &Outcome) {
    assert!(outcome.peak_kib < FLAT_KIB, "{} KiB\n{}", outcome.peak_kib, outcome.told());
}

#[test]
fn replies_of_any_size_are_cut_at_the_limit_and_memory_stays_flat() {
    for server in [rude::huge_bulk(), rude::huge_array(), rude::endless_arrays(), rude::endless_line()] {
        let outcome = probe(&server.endpoint()).args(["--no-tls"]).run();
        no(&outcome, "hello", "EC3043");
        flat(&outcome);
    }
    let long: &[u8] =
        b"VERSION 1111111111111111111111111111111111111111111111111111111111111111111111111111111111111111";
    let long_line = rude::says(long.repeat(30).leak());
    for server in [rude::endless_stats(), long_line] {
        let outcome = probe(&server.endpoint()).args(["--no-tls", "--engine", "memcached"]).run();
        no(&outcome, "version", "EC3043");
        flat(&outcome);
    }
}

#[test]
fn a_memcached_whose_numbers_have_no_end_serves_all_the_same() {
    let server = rude::endless_numbers();
    let outcome = probe(&server.endpoint()).args(["--no-tls", "--engine", "memcached"]).run();
    assert_eq!(stages(&outcome), ["tcp", "version", "stats", "discovery"]);
    let finding = &section(&outcome)["findings"][0];
    assert_eq!((&finding["code"], &finding["severity"]), (&json!("EC3043"), &json!("warning")), "{finding:#}");
    flat(&outcome);
}

#[test]
fn what_memcached_lacks_is_named() {
    for (reply, code) in [
        (b"SERVER_ERROR out of memory preparing response\r\n".as_slice(), "EC3059"),
        (b"ERROR Too many open connections\r\n", "EC3055"),
        (b"CLIENT_ERROR bad command line format\r\n", "EC3046"),
    ] {
        let server = rude::says(reply);
        let outcome = probe(&server.endpoint()).args(["--no-tls", "--engine", "memcached"]).run();
        no(&outcome, "version", code);
    }
}

#[test]
fn web_servers_and_secure_shells_are_named_and_quoted() {
    for (server, name, words) in [(rude::http(), "HTTP", "HTTP/1.1 400"), (rude::ssh(), "SSH", "SSH-2.0-OpenSSH_9.2p1")]
    {
        for (tls, stage) in [("--no-tls", "hello"), ("--tls", "tls")] {
            let outcome = probe(&server.endpoint()).args([tls]).run();
            let finding = no(&outcome, stage, "EC3042");
            assert_eq!(finding["evidence"]["speaks"], json!(name), "{finding:#}");
            assert!(finding["evidence"]["said"].as_str().is_some_and(|said| said.starts_with(words)), "{finding:#}");
            let summary =
                section(&outcome)["stages"].as_array().expect("stages").last().expect("one")["summary"].clone();
            let told = format!("not a cache but {name}: server said {words}");
            assert!(summary.as_str().is_some_and(|summary| summary.starts_with(&told)), "{summary}");
        }
    }
}

#[test]
fn of_a_stranger_no_more_than_64_bytes_are_shown_and_all_with_escapes() {
    let server =
        rude::says(b"220 \x1b[2J\x9b\xe2\x80\xae and a long story: 0123456789012345678901234567890123456789 and so on");
    for output in ["json", "text"] {
        let outcome = probe(&server.endpoint()).args(["--no-tls", "-o", output]).run().exits(1);
        assert!(outcome.stdout.contains("x1b[2J"), "{}", outcome.told());
        assert!(!outcome.stdout.contains("and so on"), "{}", outcome.told());
        no_terminal_commands(&outcome);
    }
}

#[test]
fn a_peer_that_has_vanished_costs_no_more_than_the_deadline() {
    let server = rude::vanishes();
    let outcome = tool("ec-probe").args(["--endpoint", &server.endpoint(), "--no-tls", "--timeout", "400ms"]).run();
    no(&outcome, "ping", "EC3040");
    assert!(outcome.elapsed < Duration::from_secs(5), "{}", outcome.told());
}

#[test]
fn a_peer_whose_machine_is_cut_off_in_the_middle_is_an_outage_within_the_patience() {
    need!("valkey-server", "unshare", "ip");
    if sh("unshare -rn true").run().code != 0 {
        return skip("network namespaces are not permitted here");
    }
    // The connection stands, and then no packet gets through any more: nobody says that it has ended.
    let script = r#"unshare -rn sh -eu <<'END'
        ip link set lo up
        valkey-server --port 6379 --bind 127.0.0.1 --save "" --unixsocket socket --dir . >log &
        server=$!
        until valkey-cli -s socket PING >/dev/null 2>&1; do sleep 0.02; done
        ec-probe watch --endpoint 127.0.0.1:6379 --no-tls --every 20ms --timeout 300ms --until-first-failure &
        probe=$!
        until [ "$(valkey-cli -s socket INFO commandstats | sed -n 's/^cmdstat_ping:calls=\([0-9]*\),.*/\1/p')" -gt 20 ]; do
          sleep 0.02
        done
        ip link set lo down
        code=0; wait $probe || code=$?
        kill $server
        exit $code
END"#;
    let outcome = sh(script).run().exits(1);
    // The question on the old connection went unanswered for 300 ms; the climb after it tells what the network does now.
    let outage = &section(&outcome)["watch"]["outages"][0];
    assert_eq!((&outage["stage"], &outage["code"]), (&json!("tcp"), &json!("EC3004")), "{}", outcome.told());
    let gap = outage["gap_ms"].as_f64().unwrap_or_default();
    assert!((300.0..5000.0).contains(&gap), "{}", outcome.told());
}

#[test]
fn tls_1_1_is_not_spoken_and_named() {
    no(&probe(&rude::old_tls().endpoint()).run(), "tls", "EC3028");
    need!("openssl");
    let certs = Certs::new();
    let server = s_server(&certs.server(), &["-tls1_1"]);
    no(&probe(&format!("127.0.0.1:{}", server.port())).env("EC_CAFILE", certs.ca()).run(), "tls", "EC3028");
}

#[test]
fn a_server_without_room_for_more_clients_says_so() {
    need!("valkey-server");
    let args = vec!["--maxclients".to_owned(), "1".to_owned()];
    let valkey = Valkey::with(ec_tests::ValkeyOptions { args, ..ec_tests::ValkeyOptions::default() });
    let mut first = std::net::TcpStream::connect(valkey.endpoint()).expect("room for one");
    first.write_all(b"PING\r\n").expect("a connection");
    std::io::Read::read(&mut first, &mut [0; 7]).expect("an answer");
    no(&probe(&valkey.endpoint()).args(["--no-tls"]).run(), "hello", "EC3055");
}

/// Nothing that a terminal would take for a command, or that turns text around.
#[track_caller]
fn no_terminal_commands(outcome: &Outcome) {
    for text in [&outcome.stdout, &outcome.stderr] {
        let odd = text.chars().find(|letter| {
            (letter.is_control() && *letter != '\n')
                || matches!(letter, '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
        });
        assert_eq!(odd, None, "{}", outcome.told());
    }
}

#[test]
fn whatever_a_server_makes_of_the_password_it_is_not_shown() {
    const CANARY: &str = "canary-7f3a9c-that-nobody-else-says";
    let (hostile, cutting) = (FakeCache::hostile(), FakeCache::cutting());
    for verb in [
        vec![],
        vec!["latency", "--count", "3", "--connections", "2"],
        vec!["watch", "--every", "50ms", "--count", "3"],
    ] {
        for server in [&hostile, &cutting] {
            for output in ["json", "text"] {
                let endpoint = server.endpoint();
                let args =
                    ["--endpoint", &endpoint, "--no-tls", "-v", "-o", output, "--timeout", "2s", "--user", "app"];
                let run = tool("ec-probe").args(&verb).args(args).args(["--password-file", "secret"]);
                write_secret(&run, CANARY);
                let outcome = run.run();
                for text in [&outcome.stdout, &outcome.stderr] {
                    assert!(!text.contains(&CANARY[..8]), "the secret is told\n{}", outcome.told());
                }
                no_terminal_commands(&outcome);
            }
        }
    }
    let told = probe(&hostile.endpoint()).args(["--no-tls", "--user", "app"]).env("VALKEYCLI_AUTH", CANARY).run();
    let host: &Value = &section(&told)["topology"]["list"][0]["nodes"][0]["host"];
    assert_eq!(host, "host-***", "the test means something: the reply is read to its last name\n{}", told.told());
}
