//! ec-probe and DNS: real servers and the C library's resolver, in a network of the test's own. And what really happens
//! there to packets that get lost, are refused, or have no way.
#![expect(clippy::expect_used, reason = "a test that cannot be set up has failed")]

use std::time::Duration;

use ec_tests::{Certs, Manner, Nameserver, Outcome, PrivateNetwork, Run, Valkey, ValkeyOptions, Zone, need, tool};
use serde_json::{Value, json};

const NAME: &str = "orders.example";
const CACHE: &str = "orders-x1y2z3.serverless.use1.cache.amazonaws.com";

fn probe(endpoint: &str) -> Run {
    probe_within("30s", endpoint)
}

fn probe_within(timeout: &str, endpoint: &str) -> Run {
    tool("ec-probe").args(["--endpoint", endpoint, "--no-tls", "--timeout", timeout])
}

/// The section of a good probe that all DNS servers have answered. A ladder does not wait for them, and one on loopback
/// may be at its end before.
#[track_caller]
fn settled(run: impl Fn() -> Run) -> Value {
    for _ in 0..50 {
        let section = section(&run().run().ok());
        let servers = section["dns"]["servers"].as_array().expect("servers were asked");
        if servers.iter().all(|server| server["rcode"].is_string()) {
            return section;
        }
    }
    unreachable!("50 ladders, and never an answer of all servers before the end")
}

fn section(outcome: &Outcome) -> Value {
    outcome.document()["probe"].clone()
}

/// The findings, each as its severity and code.
fn codes(section: &Value) -> Vec<String> {
    let findings = section["findings"].as_array().cloned().unwrap_or_default();
    let word = |value: &Value| value.as_str().expect("a word").to_owned();
    findings.iter().map(|finding| format!("{} {}", word(&finding["severity"]), word(&finding["code"]))).collect()
}

/// Asserts that the one error has this code and was found at this stage; gives the finding.
#[track_caller]
fn no(outcome: &Outcome, stage: &str, code: &str) -> Value {
    assert_eq!(outcome.code, 1, "{}", outcome.told());
    let section = section(outcome);
    let last = section["stages"].as_array().and_then(|stages| stages.last()).cloned().unwrap_or_default();
    assert_eq!((&last["stage"], &last["code"]), (&json!(stage), &json!(code)), "{section:#}");
    section["findings"].as_array().and_then(|findings| findings.first()).expect("a finding").clone()
}

fn summary(finding: &Value) -> &str {
    finding["summary"].as_str().expect("a sentence")
}

#[test]
fn a_name_is_told_with_its_alias_its_time_and_every_server() {
    need!("valkey-server");
    PrivateNetwork::run(|network| {
        let table = [
            (NAME, Zone::Alias("orders-001.example", 60)),
            ("orders-001.example", Zone::addresses(&["127.0.0.1", "127.0.0.9", "::1"], 15)),
        ];
        let servers = ["127.0.0.1", "127.0.0.2", "::1"];
        let _running = servers.map(|address| Nameserver::start(address, Manner::Good, &table));
        network.resolv_conf(&servers.map(|address| format!("nameserver {address}\n")).concat());
        let certs = Certs::new();
        let tls = Some(certs.server_for(&[NAME]));
        let valkey = Valkey::with(ValkeyOptions { tls, ..ValkeyOptions::default() });
        let endpoint = format!("{NAME}:{}", valkey.port());
        let run = || tool("ec-probe").args(["--endpoint", &endpoint]).env("EC_CAFILE", certs.ca());
        let section = settled(run);
        let dns = &section["dns"];
        assert_eq!(
            (&dns["name"], &dns["chain"], &dns["ttl_s"]),
            (&json!(NAME), &json!(["orders-001.example"]), &json!(15))
        );
        for (server, address) in servers.into_iter().enumerate() {
            let told = &dns["servers"][server];
            assert_eq!((&told["server"], &told["rcode"]), (&json!(address), &json!("NOERROR")), "{dns:#}");
            assert_eq!(told["addresses"], json!(["127.0.0.1", "127.0.0.9", "::1"]));
            assert!(told["ms"].as_f64().is_some_and(|ms| ms > 0.0), "{dns:#}");
        }
        assert_eq!(section["stages"][0]["summary"], "3 addresses, CNAME orders-001.example, TTL 15 s");
        assert!(codes(&section).iter().all(|code| code == "warning EC3007"), "{section:#}");

        let text = run().args(["-o", "text"]).run().ok().stdout;
        assert!(text.contains("dns") && text.contains("3 addresses"), "{text}");
    });
}

#[test]
fn every_way_in_which_a_name_has_no_address_has_a_code() {
    PrivateNetwork::run(|network| {
        let table = [
            ("empty.example", Zone::addresses(&[], 60)),
            (CACHE, Zone::Alias("filtered.example", 60)),
            ("filtered.example", Zone::addresses(&[], 60)),
            ("failing.example", Zone::SERVFAIL),
            ("refused.example", Zone::REFUSED),
            ("silent.example", Zone::Silence),
        ];
        let _server = Nameserver::start("127.0.0.1", Manner::Good, &table);
        network.resolv_conf("nameserver 127.0.0.1\n");
        for (name, code, told) in [
            ("gone.example", "EC3001", "there is no name gone.example: 127.0.0.1 says NXDOMAIN"),
            ("empty.example", "EC3002", "empty.example has no address: 127.0.0.1 gives no address"),
            (CACHE, "EC3087", "its addresses are kept back, as by resolvers that drop private ones"),
            ("failing.example", "EC3078", "the DNS servers fail at failing.example: 127.0.0.1 says SERVFAIL"),
            ("refused.example", "EC3078", "the DNS servers fail at refused.example: 127.0.0.1 says REFUSED"),
            ("silent.example", "EC3079", "no DNS server answers for silent.example: 127.0.0.1 gave no answer in "),
        ] {
            let outcome = probe_within("2s", &format!("{name}:6379")).args(["--stage-exitcode"]).run();
            assert_eq!(outcome.code, 11, "{}", outcome.told());
            let section = section(&outcome);
            assert_eq!(codes(&section), [format!("error {code}")], "{section:#}");
            let finding = &section["findings"][0];
            assert!(summary(finding).contains(told), "{finding:#}");
            assert_eq!(finding["evidence"]["dns"]["servers"][0]["server"], "127.0.0.1", "{finding:#}");
        }

        network.resolv_conf("nameserver 127.0.0.7\n");
        let finding = no(&probe("orders.example:6379").run(), "dns", "EC3079");
        assert!(summary(&finding).ends_with("127.0.0.7 cannot be asked (connection refused)"), "{finding:#}");
        network.resolv_conf("");
        let nowhere = no(&probe_within("1s", "silent.example:6379").run(), "dns", "EC3079");
        assert!(
            summary(&nowhere).contains("127.0.0.1 gave no answer"),
            "without a file it is this machine: {nowhere:#}"
        );
    });
}

#[test]
fn a_server_that_is_silent_holds_the_resolver_up_and_is_named() {
    PrivateNetwork::run(|network| {
        let good = [(NAME, Zone::addresses(&["127.0.0.1"], 15))];
        let _silent = Nameserver::start("127.0.0.1", Manner::Good, &[(NAME, Zone::Silence)]);
        let _good = Nameserver::start("127.0.0.2", Manner::Good, &good);
        network.resolv_conf("nameserver 127.0.0.1\nnameserver 127.0.0.2\n");
        let outcome = probe_within("3s", "orders.example:6379").run();
        let finding = no(&outcome, "dns", "EC3003");
        assert!(summary(&finding).ends_with("127.0.0.2 says 127.0.0.1"), "{finding:#}");
        assert_eq!(codes(&section(&outcome)), ["error EC3003", "warning EC3089"], "{}", outcome.told());
        assert!(outcome.elapsed < Duration::from_secs(6), "{}", outcome.told());
    });
}

#[test]
fn a_truncated_answer_is_asked_for_by_tcp_and_a_forged_one_is_not_believed() {
    need!("valkey-server");
    PrivateNetwork::run(|network| {
        let table = [(NAME, Zone::addresses(&["127.0.0.1"], 15))];
        let short = Nameserver::start("127.0.0.1", Manner::Truncates, &table);
        let _forged = Nameserver::start("127.0.0.2", Manner::IsForged, &table);
        let _nonsense = Nameserver::start("127.0.0.3", Manner::TalksNonsense, &table);
        let valkey = Valkey::plain();
        let endpoint = format!("{NAME}:{}", valkey.port());
        for address in ["127.0.0.1", "127.0.0.2"] {
            network.resolv_conf(&format!("nameserver {address}\n"));
            let section = settled(|| probe(&endpoint));
            assert_eq!(section["dns"]["servers"][0]["addresses"], json!(["127.0.0.1"]), "{section:#}");
            assert_eq!(codes(&section), Vec::<String>::new());
        }
        let all =
            ["tcp A orders.example", "tcp AAAA orders.example", "udp A orders.example", "udp AAAA orders.example"];
        assert_eq!(short.asked(), all);
        network.resolv_conf("nameserver 127.0.0.3\n");
        no(&probe_within("1s", &endpoint).run(), "dns", "EC3079");
    });
}

#[test]
fn a_name_that_is_pinned_in_the_hosts_file_is_told_with_both_answers() {
    need!("valkey-server");
    PrivateNetwork::run(|network| {
        let table = [(NAME, Zone::addresses(&["127.0.0.9"], 15)), ("failing.example", Zone::SERVFAIL)];
        let _server = Nameserver::start("127.0.0.1", Manner::Good, &table);
        network.resolv_conf("nameserver 127.0.0.1\n");
        network
            .hosts("127.0.0.1 localhost\n# pinned by hand\n127.0.0.1 orders.example known.example failing.example\n");
        let valkey = Valkey::plain();
        let run = |name: &str| probe(&format!("{name}:{}", valkey.port()));
        let probed = |name: &str| settled(|| run(name));
        let section = probed(NAME);
        assert_eq!(codes(&section), ["warning EC3088"], "{section:#}");
        let finding = &section["findings"][0];
        let told = "the system resolves orders.example to 127.0.0.1 (as /etc/hosts says, line 3), and 127.0.0.1 says 127.0.0.9";
        assert_eq!(summary(finding), told);
        assert_eq!(
            (&finding["evidence"]["system"], &finding["evidence"]["dns"]["ttl_s"]),
            (&json!(["127.0.0.1"]), &json!(15))
        );
        assert_eq!(section["stages"][0]["summary"], "127.0.0.1", "the time to live is not this address's");

        assert_eq!(codes(&probed("known.example")), ["info EC3088"], "only the hosts file has it");
        assert_eq!(codes(&probed("failing.example")), Vec::<String>::new());
        assert_eq!(
            self::section(&run("localhost").run())["dns"],
            Value::Null,
            "of this machine's own names no server is asked"
        );

        valkey.stop();
        let stale = probe(&format!("{NAME}:{}", valkey.port())).run();
        no(&stale, "tcp", "EC3005");
        assert_eq!(codes(&self::section(&stale)), ["error EC3005", "warning EC3088"]);
    });
}

#[test]
fn servers_that_do_not_answer_alike_are_told() {
    need!("valkey-server");
    PrivateNetwork::run(|network| {
        let _one = Nameserver::start("127.0.0.1", Manner::Good, &[(NAME, Zone::addresses(&["127.0.0.1"], 15))]);
        let _two = Nameserver::start("127.0.0.2", Manner::Good, &[(NAME, Zone::addresses(&["10.0.0.9"], 15))]);
        let _none = Nameserver::start("127.0.0.3", Manner::Good, &[]);
        let valkey = Valkey::plain();
        let run = || probe(&format!("{NAME}:{}", valkey.port()));
        network.resolv_conf("nameserver 127.0.0.1\nnameserver 127.0.0.2\n");
        let section = settled(run);
        assert_eq!(codes(&section), ["warning EC3089"], "{section:#}");
        let told =
            "the DNS servers do not answer alike for orders.example: 127.0.0.1 says 127.0.0.1, 127.0.0.2 says 10.0.0.9";
        assert_eq!(summary(&section["findings"][0]), told);
        // The C library believes the first one.
        network.resolv_conf("nameserver 127.0.0.3\nnameserver 127.0.0.1\n");
        let split = run().run();
        no(&split, "dns", "EC3001");
        assert_eq!(codes(&self::section(&split)), ["error EC3001", "warning EC3089"]);
    });
}

#[test]
fn a_good_probe_does_not_wait_for_a_server_that_the_system_does_not_need() {
    need!("valkey-server");
    PrivateNetwork::run(|network| {
        let _good = Nameserver::start("127.0.0.1", Manner::Good, &[(NAME, Zone::addresses(&["127.0.0.1"], 15))]);
        let _silent = Nameserver::start("127.0.0.2", Manner::Good, &[(NAME, Zone::Silence)]);
        network.resolv_conf("nameserver 127.0.0.1\nnameserver 127.0.0.2\n");
        let valkey = Valkey::plain();
        let section = section(&probe(&format!("{NAME}:{}", valkey.port())).run().ok());
        assert!(section["total_ms"].as_f64().is_some_and(|ms| ms < 900.0), "{section:#}");
        assert_eq!(section["dns"]["servers"][1]["rcode"], Value::Null);
        assert_eq!(codes(&section), Vec::<String>::new(), "it has not had the time to answer");
    });
}

#[test]
fn packets_that_get_lost_are_refused_or_have_no_way_are_told_apart() {
    PrivateNetwork::run(|network| {
        // Of private addresses it is said that they are reached from inside the VPC alone; these are public ones.
        network.wire_to_nowhere();
        for (kind, net) in
            [("unreachable", "198.51.100.0/25"), ("prohibit", "198.51.100.128/25"), ("blackhole", "203.0.113.0/25")]
        {
            network.ip(&format!("route add {kind} {net}"));
        }
        for (address, code, status, reason) in [
            ("192.0.2.9", "EC3004", "timeout", None),
            ("127.0.0.1", "EC3005", "refused", None),
            ("192.0.2.10", "EC3006", "unreachable", Some("no route to host")),
            ("198.51.100.1", "EC3006", "unreachable", Some("no route to host")),
            ("198.51.100.129", "EC3006", "unreachable", Some("permission denied")),
            ("203.0.113.1", "EC3006", "unreachable", Some("invalid argument")),
            ("203.0.113.129", "EC3006", "unreachable", Some("network is unreachable")),
        ] {
            // A neighbour is asked for three times, for a second each.
            let timeout = if code == "EC3004" { "2s" } else { "15s" };
            let outcome = probe_within(timeout, &format!("{address}:6379")).run();
            no(&outcome, "tcp", code);
            let told = &section(&outcome)["addresses"][0];
            assert_eq!((&told["status"], &told["reason"]), (&json!(status), &json!(reason)), "{address}: {told:#}");
        }
    });
}

#[test]
fn each_address_of_a_name_is_dialled_and_told_for_itself() {
    need!("valkey-server");
    PrivateNetwork::run(|network| {
        network.wire_to_nowhere();
        let addresses = Zone::addresses(&["192.0.2.9", "203.0.113.129", "127.0.0.1", "127.0.0.9"], 15);
        let _server = Nameserver::start("127.0.0.1", Manner::Good, &[(NAME, addresses)]);
        network.resolv_conf("nameserver 127.0.0.1\n");
        let valkey = Valkey::plain();
        let section = section(&probe(&format!("{NAME}:{}", valkey.port())).run().ok());
        let mut told: Vec<String> = section["addresses"]
            .as_array()
            .expect("addresses")
            .iter()
            .map(|address| format!("{} {}", address["address"], address["status"]).replace('"', ""))
            .collect();
        told.sort();
        assert_eq!(
            told,
            ["127.0.0.1 connected", "127.0.0.9 refused", "192.0.2.9 timeout", "203.0.113.129 unreachable"]
        );
        assert_eq!(codes(&section), ["warning EC3007"]);
    });
}

#[test]
fn an_old_version_of_tls_at_a_public_endpoint_is_remarked_on() {
    const PUBLIC: &str = "orders-x1y2z3.public.serverless.use1.cache.amazonaws.com";
    need!("valkey-server");
    let certs = Certs::new();
    let old = vec!["--tls-protocols".to_owned(), "TLSv1.2".to_owned()];
    for (args, expected) in [(old, vec!["warning EC3032"]), (vec![], vec![])] {
        let tls = Some(certs.server_for(&[PUBLIC]));
        let valkey = Valkey::with(ValkeyOptions { tls, args, ..ValkeyOptions::default() });
        let run = tool("ec-probe").args(["--endpoint", &format!("{PUBLIC}:6379"), "--connect-to", &valkey.endpoint()]);
        let section = section(&run.env("EC_CAFILE", certs.ca()).run().ok());
        assert_eq!(codes(&section), expected, "{section:#}");
    }
}

#[test]
fn authorities_come_from_a_file_a_folder_or_the_variables_of_openssl() {
    need!("valkey-server");
    let certs = Certs::new();
    let valkey = Valkey::tls(&certs);
    let folder = tempfile::tempdir().expect("a folder");
    std::fs::copy(certs.ca(), folder.path().join("0a1b2c3d.0")).expect("a file");
    std::fs::write(folder.path().join("README"), "no certificate").expect("a file");
    let probed = |variable: &str, value: &std::path::Path| {
        tool("ec-probe").args(["--endpoint", &format!("localhost:{}", valkey.port())]).env(variable, value).run()
    };
    for (variable, value) in [
        ("EC_CAFILE", certs.ca()),
        ("EC_CAFILE", folder.path().to_owned()),
        ("SSL_CERT_FILE", certs.ca()),
        ("SSL_CERT_DIR", folder.path().to_owned()),
    ] {
        let outcome = probed(variable, &value);
        assert_eq!(outcome.code, 0, "{variable}={}: {}", value.display(), outcome.told());
    }
    no(&probed("SSL_CERT_FILE", &folder.path().join("README")), "tls", "EC3026");
}
