//! ec-probe from outside the VPC: through a real OpenSSH as bastion and as SOCKS5 proxy, through rude proxies and commands,
//! and with no way at all.
#![expect(clippy::expect_used, reason = "a test that cannot be set up has failed")]

use std::fs;
use std::path::Path;

use ec_tests::rude::{self, Rude};
use ec_tests::{Certs, Outcome, Run, Signal, Sshd, Valkey, ValkeyOptions, free_port, need, sh, tool, wait_until};
use serde_json::{Value, json};

/// A server whose certificate is for this name alone, with a user `app`.
fn server_named(certs: &Certs, name: &str) -> Valkey {
    let users = ["default off", "app on >open-sesame ~* +@all"].map(str::to_owned).to_vec();
    Valkey::with(ValkeyOptions { tls: Some(certs.server_for(&[name])), users, ..ValkeyOptions::default() })
}

fn probe(endpoint: &str) -> Run {
    tool("ec-probe").args(["--endpoint", endpoint, "--timeout", "30s"])
}

/// Logs in as `app`.
fn as_app(run: Run, certs: &Certs) -> Run {
    run.args(["--user", "app"]).env("VALKEYCLI_AUTH", "open-sesame").env("EC_CAFILE", certs.ca())
}

fn section(outcome: &Outcome) -> Value {
    outcome.document()["probe"].clone()
}

/// The stages of a probe that ended well.
#[track_caller]
fn stages(outcome: &Outcome) -> Vec<String> {
    assert_eq!(outcome.code, 0, "{}", outcome.told());
    let section = section(outcome);
    let stages = section["stages"].as_array().expect("there are stages");
    stages.iter().map(|step| step["stage"].as_str().expect("a name").to_owned()).collect()
}

/// The finding of a probe that ended at this stage, seen once, for this reason.
#[track_caller]
fn no(outcome: &Outcome, stage: &str, code: &str) -> Value {
    assert_eq!(outcome.code, 1, "{}", outcome.told());
    let section = section(outcome);
    let steps = section["stages"].as_array().expect("there are stages");
    let last = steps.last().expect("there is a stage");
    assert_eq!((&last["stage"], &last["code"]), (&json!(stage), &json!(code)), "{section:#}");
    assert_eq!(steps.iter().filter(|step| step["stage"] == "tcp").count(), 1, "{section:#}");
    assert_eq!(section["findings"].as_array().map(Vec::len), Some(1), "{section:#}");
    section["findings"][0].clone()
}

/// Asserts that the summary of a finding holds `words`.
#[track_caller]
fn says(finding: &Value, words: &str) {
    assert!(finding["summary"].as_str().is_some_and(|summary| summary.contains(words)), "{words}: {finding:#}");
}

/// Whether a process is left whose command line begins with these words.
fn is_left(words: &str) -> bool {
    let processes = fs::read_dir("/proc").expect("/proc").flatten();
    let lines = processes.filter_map(|process| fs::read(process.path().join("cmdline")).ok());
    let mut lines = lines.map(|line| String::from_utf8_lossy(&line).replace('\0', " "));
    lines.any(|line| line.starts_with(words))
}

#[test]
fn through_a_real_bastion_the_endpoints_own_name_is_verified_and_the_user_logs_in() {
    need!("valkey-server", "sshd", "ssh");
    let (certs, bastion) = (Certs::new(), Sshd::start());
    let valkey = server_named(&certs, "localhost");
    let endpoint = format!("localhost:{}", valkey.port());
    let ssh = format!("{} -W %h:%p bastion", bastion.ssh());
    let outcome = as_app(probe(&endpoint), &certs).args(["--proxy-command", &ssh]).run();
    assert_eq!(stages(&outcome), ["dns", "tcp", "tls", "auth", "hello", "ping"]);
    let section = section(&outcome);
    assert_eq!(section["stages"][0]["status"], "skipped");
    assert_eq!(section["stages"][0]["summary"], "resolved at the other side");
    assert_eq!(section["stages"][1]["summary"], "through the proxy command, whose own time is in the next row");
    assert_eq!(section["through"], "the proxy command");
    assert!(section["addresses"].is_null(), "nobody here has seen an address: {section:#}");
    assert!(!is_left(&bastion.ssh()), "ssh has outlived the probe");

    let text = as_app(probe(&endpoint), &certs).env("EC_PROXY_COMMAND", &ssh).args(["-o", "text"]).run().ok();
    assert!(text.stdout.contains("through the proxy command"), "{}", text.told());
    assert!(!text.stdout.contains(&ssh), "what a command says may be a secret\n{}", text.told());
}

#[test]
fn a_wrong_name_is_as_wrong_behind_every_way_and_the_password_stays_here() {
    need!("valkey-server", "sshd", "ssh");
    let (certs, bastion) = (Certs::new(), Sshd::start());
    let valkey = server_named(&certs, "orders.example");
    let endpoint = format!("localhost:{}", valkey.port());
    let ssh = format!("{} -W %h:%p bastion", bastion.ssh());
    let (socks, tunnel) = (bastion.socks5(), bastion.tunnel(&endpoint));
    for way in [["--proxy-command", &ssh], ["--socks5", &socks], ["--connect-to", &tunnel]] {
        let outcome = as_app(probe(&endpoint), &certs).args(way).run();
        says(&no(&outcome, "tls", "EC3024"), "the certificate is for orders.example, not for localhost");
        let named = as_app(probe(&endpoint), &certs).args(way).args(["--server-name", "orders.example"]).run();
        assert!(stages(&named).contains(&"auth".to_owned()));
    }
    let logged_in = valkey.command(&["ACL", "LOG"]);
    assert!(!logged_in.contains("auth"), "{logged_in}");
}

#[test]
fn a_socks_proxy_is_given_the_name_and_every_endpoint_of_a_document_goes_through_it() {
    need!("valkey-server");
    let certs = Certs::new();
    let valkey = server_named(&certs, "orders.example");
    let (proxy, names) = rude::socks5_to(valkey.endpoint());
    let document = json!({"kind": "ec.connection", "format_version": "1.0", "id": "orders", "cache": {
        "name": "orders", "engine": "valkey", "tls": "required", "endpoints": [
            {"role": "primary", "host": "orders.example", "port": 6379},
            {"role": "reader", "host": "orders.example", "port": 6380}]}});
    let run = as_app(tool("ec-probe"), &certs).args(["--socks5", &proxy.endpoint()]);
    let outcome = run.stdin(document.to_string()).run();
    assert_eq!(stages(&outcome), ["dns", "tcp", "tls", "auth", "hello", "ping"]);
    let section = section(&outcome);
    assert_eq!(section["through"], json!(format!("SOCKS5 {}", proxy.endpoint())));
    assert_eq!(section["others"][0]["answers"], true, "{section:#}");
    assert_eq!(*names.lock().expect("the names"), ["orders.example", "orders.example"]);
}

#[test]
fn opensshs_own_socks_proxy_leads_to_a_cache() {
    need!("valkey-server", "sshd", "ssh");
    let (certs, bastion) = (Certs::new(), Sshd::start());
    let (valkey, socks) = (server_named(&certs, "localhost"), bastion.socks5());
    let endpoint = format!("localhost:{}", valkey.port());
    let outcome = as_app(probe(&endpoint), &certs).args(["--socks5", &socks]).run();
    assert_eq!(stages(&outcome), ["dns", "tcp", "tls", "auth", "hello", "ping"]);

    valkey.stop();
    let finding = no(&as_app(probe(&endpoint), &certs).env("EC_SOCKS5", &socks).run(), "tcp", "EC3077");
    says(&finding, "hung up instead of connecting");
    // At a tunnel's end somebody takes every connection, so what is left to tell is where to look.
    let tunnel = bastion.tunnel(&endpoint);
    let finding = no(&as_app(probe(&endpoint), &certs).args(["--connect-to", &tunnel]).run(), "tls", "EC3041");
    assert!(finding["fix"].as_str().is_some_and(|fix| fix.contains(&tunnel)), "{finding:#}");
}

#[test]
fn what_keeps_ssh_from_connecting_is_told_at_the_stage_tcp() {
    need!("sshd", "ssh");
    let bastion = Sshd::start();
    let strict = Sshd::with(&["AllowTcpForwarding no"]);
    let refused = format!("localhost:{}", free_port());
    let gone = free_port();
    for (ssh, endpoint, code, words) in [
        (bastion.ssh(), refused.as_str(), "EC3077", "the cache refuses the bastion's connection"),
        (bastion.ssh(), "orders.invalid:6379", "EC3077", "the bastion cannot resolve the name"),
        (strict.ssh(), refused.as_str(), "EC3077", "the bastion does not allow it"),
        (bastion.ssh_of_stranger(), refused.as_str(), "EC3019", "the bastion refuses the log-in"),
        (bastion.ssh_without_host_key(), refused.as_str(), "EC3019", "ssh does not trust the bastion's host key"),
        (format!("ssh -F none -p {gone}"), refused.as_str(), "EC3019", "ssh does not reach the bastion"),
    ] {
        let host = if ssh.contains("-F none") { "127.0.0.1" } else { "bastion" };
        let run = probe(endpoint).args(["--proxy-command", &format!("{ssh} -W %h:%p {host}")]);
        let outcome = run.args(["--stage-exitcode"]).run().exits(12);
        let finding = section(&outcome)["findings"][0].clone();
        assert_eq!(finding["code"], code, "{}", outcome.told());
        says(&finding, words);
        assert!(finding["evidence"]["stderr"].is_string(), "{finding:#}");
        assert_eq!(finding["evidence"]["stage"], "tcp", "{finding:#}");
    }
    let run = probe(&refused).args(["--proxy-command", "ssh -F none -W %h:%p bastion.invalid"]);
    says(&no(&run.run(), "tcp", "EC3019"), "ssh cannot resolve the bastion's name");
}

#[test]
fn a_server_of_the_other_kind_is_found_out_behind_a_relay_too() {
    need!("valkey-server", "sshd", "ssh");
    let (certs, bastion) = (Certs::new(), Sshd::start());
    let (plain, tls) = (Valkey::plain(), Valkey::tls(&certs));
    let (ssh, socks) = (format!("{} -W %h:%p bastion", bastion.ssh()), bastion.socks5());
    for way in [["--proxy-command", &ssh], ["--socks5", &socks]] {
        no(&probe(&plain.endpoint()).args(way).run(), "tls", "EC3020");
        no(&probe(&tls.endpoint()).args(way).args(["--no-tls"]).run(), "hello", "EC3021");
        let outcome = probe(&plain.endpoint()).args(way).args(["--no-tls"]).run();
        assert_eq!(stages(&outcome), ["tcp", "hello", "ping"]);
    }
}

#[test]
fn a_proxy_that_does_not_connect_has_its_reason_told() {
    for (reply, words) in [
        (1, "it does not say why"),
        (2, "its rules do not allow it"),
        (3, "no route to the network"),
        (4, "does not reach the host"),
        (5, "the host refuses the connection"),
        (6, "nobody answered it in time"),
        (7, "makes no connections of TCP"),
        (8, "does not know this kind of address"),
    ] {
        let proxy = rude::socks5(reply);
        let finding = no(&probe("orders.example:6379").args(["--socks5", &proxy.endpoint()]).run(), "tcp", "EC3077");
        says(&finding, words);
        assert_eq!(finding["evidence"]["reply"], json!(reply));
    }
}

#[test]
fn a_proxy_that_is_none_is_told_from_one_that_is_not_there() {
    let through = |proxy: &str| {
        let run = tool("ec-probe").args(["--endpoint", "orders.example:6379", "--socks5", proxy, "--timeout", "500ms"]);
        run.run()
    };
    let rude = |server: &Rude| through(&server.endpoint());
    let finding = no(&rude(&rude::http()), "tcp", "EC3017");
    assert!(finding["evidence"]["said"].as_str().is_some_and(|said| said.starts_with("HTTP/1.1 400")), "{finding:#}");
    says(&no(&rude(&rude::silent()), "tcp", "EC3017"), "answers the greeting with nothing");
    no(&rude(&rude::hangs_up()), "tcp", "EC3017");
    no(&rude(&rude::socks5_with_log_in()), "tcp", "EC3018");
    says(&no(&rude(&rude::socks5_in_vain()), "tcp", "EC3077"), "did not come through");
    says(&no(&through(&format!("localhost:{}", free_port())), "tcp", "EC3009"), "connection refused");
    no(&through(&rude::deaf().endpoint()), "tcp", "EC3009");
    no(&through("proxy.invalid:1080"), "tcp", "EC3009");
    no(&rude(&rude::socks5(0)), "tls", "EC3040");
}

#[test]
fn a_command_that_is_no_way_is_told_by_how_it_ends() {
    let through = |command: &str| {
        let run = tool("ec-probe").args(["--endpoint", "orders.example:6379", "--proxy-command", command]);
        run.args(["--timeout", "2s"]).run()
    };
    says(&no(&through("false"), "tcp", "EC3019"), "exit status: 1");
    says(&no(&through("true"), "tcp", "EC3019"), "the server may have hung up");
    says(&no(&through("no-such-program %h"), "tcp", "EC3019"), "not found");
    says(&no(&through("sh -c 'echo out of order >&2; exit 3'"), "tcp", "EC3019"), "out of order");
    says(&no(&through("sh -c 'echo patience >&2; exec sleep 1000'"), "tcp", "EC3019"), "no byte");
    let finding = no(&through("sh -c 'echo what is this; exec cat >/dev/null'"), "tls", "EC3042");
    assert_eq!(finding["evidence"]["said"], "what is this\\n", "{finding:#}");
    let noisy = no(&through("sh -c 'yes | head -c 9000000 >&2; printf \"\\033[31mred\" >&2; exit 1'"), "tcp", "EC3019");
    let heard = noisy["evidence"]["stderr"].as_str().unwrap_or_default();
    assert!(heard.len() <= 2048 && heard.ends_with("[31mred") && !heard.contains('\u{1b}'), "{noisy:#}");
}

#[test]
fn no_command_outlives_the_probe_however_that_ends() {
    // How long they sleep is also what they are known by.
    let sleep = |flags: &str| format!("{flags}sleep 3600.{}", free_port());
    let start = |command: &str, timeout: &str| {
        let run = tool("ec-probe").args(["--endpoint", "orders.example:6379", "--proxy-command", command]);
        run.args(["--timeout", timeout]).start()
    };
    let ordinary = sleep("");
    no(&start(&ordinary, "300ms").end(), "tcp", "EC3019");
    assert!(!is_left(&ordinary), "{ordinary}");

    let stubborn = sleep("env --ignore-signal=TERM ");
    no(&start(&stubborn, "300ms").end(), "tcp", "EC3019");
    let sleeps = stubborn.trim_start_matches("env --ignore-signal=TERM ");
    wait_until("the stubborn command is killed", || !is_left(sleeps));

    let interrupted = sleep("");
    let running = start(&interrupted, "60s");
    wait_until("the command runs", || is_left(&interrupted));
    running.signal(Signal::TERM);
    let outcome = running.end().exits(143);
    assert_eq!(outcome.document()["probe"]["status"], "error", "{}", outcome.told());
    assert!(!is_left(&interrupted), "{interrupted}");
}

#[test]
fn a_command_is_not_given_the_password() {
    let run = probe("orders.example:6379").args(["--user", "app"]).env("VALKEYCLI_AUTH", "open-sesame");
    let outcome = run.env("REDISCLI_AUTH", "open-sesame").args(["--proxy-command", "sh -c 'env >&2; exit 1'"]).run();
    let finding = no(&outcome, "tcp", "EC3019");
    assert!(finding["evidence"]["stderr"].as_str().is_some_and(|said| said.contains("PATH=")), "{finding:#}");
    assert!(!outcome.stdout.contains("open-sesame") && !outcome.stdout.contains("_AUTH"), "{}", outcome.told());
}

#[test]
fn latency_and_watch_go_the_same_way() {
    need!("valkey-server", "sshd", "ssh");
    let bastion = Sshd::start();
    let valkey = Valkey::plain();
    let endpoint = format!("localhost:{}", valkey.port());
    let (ssh, socks) = (format!("{} -W %h:%p bastion", bastion.ssh()), bastion.socks5());
    for (way, connections) in [(["--proxy-command", &ssh], Value::Null), (["--socks5", &socks], json!(3))] {
        let run = tool("ec-probe").args(["latency", "--endpoint", &endpoint, "--no-tls", "--connections", "3"]);
        let outcome = run.args(["--count", "20", "--timeout", "30s"]).args(way).run().ok();
        let latency = &section(&outcome)["latency"];
        assert_eq!((&latency["address"], &latency["command_us"]["count"]), (&json!(endpoint), &json!(20)));
        assert_eq!(latency["connect_us"]["count"], connections, "{latency:#}");

        let run = tool("ec-probe").args(["watch", "--endpoint", &endpoint, "--no-tls", "--every", "20ms"]);
        let outcome = run.args(["--count", "5", "--timeout", "30s"]).args(way).run().ok();
        assert_eq!(section(&outcome)["watch"]["failures"], 0, "{}", outcome.told());
    }
    assert!(!is_left(&format!("{} -W", bastion.ssh())), "ssh has outlived the tool");
}

#[test]
fn a_wait_through_a_bastion_goes_there_anew_until_the_cache_is_up() {
    need!("valkey-server", "sshd", "ssh");
    let (bastion, valkey) = (Sshd::start(), Valkey::plain());
    let endpoint = format!("localhost:{}", valkey.port());
    let ssh = format!("{} -W %h:%p bastion", bastion.ssh());
    valkey.stop();
    let run = tool("ec-probe").args(["watch", "--endpoint", &endpoint, "--no-tls", "--wait-until-up", "--for", "50s"]);
    let running = run.args(["--proxy-command", &ssh]).start();
    wait_until("the bastion has tried", || bastion.log().contains(&format!("port {}: failed", valkey.port())));
    valkey.restart();
    let outcome = running.end().ok();
    let outage = &section(&outcome)["watch"]["outages"][0];
    assert_eq!((&outage["stage"], &outage["code"]), (&json!("tcp"), &json!("EC3077")), "{}", outcome.told());
    assert!(!is_left(&format!("{} -W", bastion.ssh())), "ssh has outlived the tool");
}

/// Runs ec-probe on a document in a network of its own, where 10.20.30.0/24 swallows every packet, and no other network is;
/// none where that cannot be made. The machine shows the asset tag `tag`, as an EC2 instance does, and no other.
fn in_a_network_of_its_own(document: &Value, tag: &str, variable: &str) -> Option<Outcome> {
    const NETWORK: &str = "ip link add v0 type veth peer name v1 && ip link set v1 up && ip link set v0 arp off up && \
                           ip addr add 10.20.30.1/24 dev v0";
    const MACHINE: &str = "mount -t tmpfs tmpfs /sys/devices/virtual && mkdir -p /sys/devices/virtual/dmi/id && \
                           echo $TAG > /sys/devices/virtual/dmi/id/board_asset_tag";
    let inside = |script: &str| {
        let script = format!("PATH=$PATH:/usr/sbin:/sbin; unshare -n -m sh -c '{NETWORK} && {MACHINE} && {script}'");
        sh(&script).env("TAG", tag).env(variable, "1")
    };
    if inside("true").run().code != 0 {
        ec_tests::skip("this user may not make a network of his own");
        return None;
    }
    Some(inside("ec-probe --auth none --timeout 500ms").stdin(document.to_string()).run())
}

/// A cache at this address, and a client that is an EC2 instance.
fn at(host: &str) -> Value {
    json!({"kind": "ec.connection", "format_version": "1.0", "id": "orders",
        "client": {"instance_id": "i-0123456789abcdef0"}, "cache": {"name": "orders", "region": "eu-west-1",
        "endpoints": [{"role": "primary", "host": host, "port": 6379}]}})
}

#[test]
fn a_private_address_that_is_not_reached_is_told_with_the_ways_in() {
    for (host, status, words) in [
        ("10.20.30.40", "timeout", "gets no answer from 10.20.30.40:6379"),
        ("10.99.0.1", "unreachable", "has no way to 10.99.0.1:6379"),
        ("fd12::1", "unreachable", "fd12::1 is a private address"),
    ] {
        let Some(outcome) = in_a_network_of_its_own(&at(host), "none", "NOTHING") else { return };
        let section = section(&outcome.exits(1));
        let finding = &section["findings"][0];
        assert_eq!((&finding["code"], &section["addresses"][0]["status"]), (&json!("EC3008"), &json!(status)));
        says(finding, words);
        let fix = finding["fix"].as_str().unwrap_or_default();
        assert!(fix.contains("--region eu-west-1 --target i-0123456789abcdef0 "), "{fix}");
        let parameters = fix.split('\'').find(|part| part.starts_with("{\"host\"")).expect("the parameters");
        let parameters: Value = serde_json::from_str(parameters).expect("JSON");
        assert_eq!(parameters, json!({"host": [host], "portNumber": ["6379"], "localPortNumber": ["6379"]}));
    }
}

#[test]
fn what_is_or_may_be_inside_is_not_said_to_be_outside() {
    for (tag, variable) in [
        ("i-0123456789abcdef0", "NOTHING"),
        ("none", "AWS_EXECUTION_ENV"),
        ("none", "ECS_CONTAINER_METADATA_URI_V4"),
        ("none", "AWS_LAMBDA_FUNCTION_NAME"),
        ("none", "KUBERNETES_SERVICE_HOST"),
    ] {
        let Some(outcome) = in_a_network_of_its_own(&at("10.99.0.1"), tag, variable) else { return };
        assert_eq!(section(&outcome)["findings"][0]["code"], "EC3006", "{tag} {variable}\n{}", outcome.told());
    }
}

#[test]
fn a_path_that_ec_sg_has_looked_at_explains_more_than_a_private_address() {
    let saved = Path::new(env!("CARGO_MANIFEST_DIR")).join("../ec-sg/tests/saved");
    let args = ["check", "--cache", "orders", "--from", "i-0b", "--from-files", "path"];
    let mut document = tool("ec-sg").args(args).directory(&saved).run().document();
    document["cache"]["endpoints"] = json!([{"role": "primary", "host": "10.20.30.40", "port": 6379}]);
    let Some(outcome) = in_a_network_of_its_own(&document, "none", "NOTHING") else { return };
    let section = section(&outcome.exits(1));
    assert_eq!(section["stages"][0]["code"], "EC3069", "{section:#}");
}
