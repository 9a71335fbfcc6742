//! ec-probe against real nodes of a cluster: what it tells of the topology, and what it finds missing.
#![expect(clippy::expect_used, reason = "a test that cannot be set up has failed")]

use std::net::TcpListener;

use ec_tests::{Outcome, Run, Valkey, ValkeyOptions, need, tool};
use serde_json::{Value, json};

/// A cluster of one node that owns these slots.
fn cluster(program: &str, slots: &[&str], users: &[&str]) -> Valkey {
    cluster_with(program, slots, users, &[])
}

fn cluster_with(program: &str, slots: &[&str], users: &[&str], args: &[&str]) -> Valkey {
    let bus = bus_port();
    let args = [&["--cluster-enabled", "yes", "--cluster-port", &bus], args].concat();
    let valkey = Valkey::with(ValkeyOptions {
        program: Some(program.to_owned()),
        args: args.into_iter().map(str::to_owned).collect(),
        users: users.iter().map(|&user| user.to_owned()).collect(),
        ..ValkeyOptions::default()
    });
    let answer = valkey.command(&[&["CLUSTER", "ADDSLOTSRANGE"], slots].concat());
    assert_eq!(answer, "+OK", "{}", valkey.log());
    valkey
}

/// Without one, a server takes its port plus 10000, which may be more than there are.
fn bus_port() -> String {
    let listener = TcpListener::bind(("127.0.0.1", 0)).expect("a free port");
    listener.local_addr().expect("a bound address").port().to_string()
}

fn probe(valkey: &Valkey) -> Run {
    tool("ec-probe").args(["--endpoint", &valkey.endpoint(), "--no-tls", "--timeout", "30s"])
}

/// The probe of a document that says this of the cache's mode.
fn probe_of_document(valkey: &Valkey, cluster_mode: bool) -> Run {
    let cache = json!({
        "name": "orders", "engine": "valkey", "tls": "off", "cluster_mode": cluster_mode,
        "endpoints": [{ "role": "primary", "host": "127.0.0.1", "port": valkey.port() }],
    });
    let document = json!({ "kind": "ec.connection", "format_version": "1.0", "id": "orders", "cache": cache });
    tool("ec-probe").args(["--timeout", "30s"]).stdin(document.to_string())
}

fn section(outcome: &Outcome) -> Value {
    outcome.document()["probe"].clone()
}

fn last_stage(section: &Value) -> Value {
    section["stages"].as_array().and_then(|stages| stages.last()).expect("there are stages").clone()
}

fn codes(section: &Value) -> Vec<String> {
    let findings = section["findings"].as_array().cloned().unwrap_or_default();
    findings.iter().map(|finding| finding["code"].as_str().expect("a code").to_owned()).collect()
}

#[test]
fn a_whole_cluster_tells_its_shards_nodes_and_slots() {
    for program in ["valkey-server", "redis-server"] {
        need!(program);
        let valkey = cluster(program, &["0", "16383"], &[]);
        let outcome = probe(&valkey).run();
        assert_eq!(outcome.code, 0, "{}", outcome.told());
        let section = section(&outcome);
        let topology = &section["topology"];
        assert_eq!(
            (&topology["shards"], &topology["nodes"], &topology["covered"]),
            (&json!(1), &json!(1), &json!(16384))
        );
        assert_eq!(topology["list"][0]["slots"], json!([[0, 16383]]));
        let node = &topology["list"][0]["nodes"][0];
        assert_eq!((&node["host"], &node["port"]), (&json!("127.0.0.1"), &json!(valkey.port())));
        assert_eq!((&node["role"], &node["health"]), (&json!("primary"), &json!("online")));
        let summary = last_stage(&section)["summary"].as_str().expect("a summary").to_owned();
        assert_eq!(summary, "1 shard, 1 node, all 16384 slots");
        let command = section["client_mode"]["command"].as_str().expect("a command");
        assert!(command.ends_with("-cli -c"), "{command}");
        assert_eq!(codes(&section).len(), 0, "{section:#}");
    }
}

#[test]
fn a_server_that_knows_no_hello_tells_by_its_topology_that_it_is_a_cluster() {
    need!("valkey-server");
    let valkey = cluster_with("valkey-server", &["0", "16383"], &[], &["--rename-command", "HELLO", ""]);
    let section = section(&probe(&valkey).run().ok());
    assert_eq!((&section["server"], &section["topology"]["covered"]), (&Value::Null, &json!(16384)));
    assert_eq!(section["client_mode"]["mode"], "cluster");
    let args = ["--rename-command", "HELLO", ""].map(str::to_owned).to_vec();
    let standalone = Valkey::with(ValkeyOptions { args, ..ValkeyOptions::default() });
    let outcome = probe(&standalone).run().ok();
    assert_eq!(last_stage(&self::section(&outcome))["stage"], "ping", "{}", outcome.told());
}

#[test]
fn slots_that_belong_to_no_node_are_an_error() {
    need!("valkey-server");
    let valkey = cluster("valkey-server", &["0", "99", "200", "16383"], &[]);
    let outcome = probe(&valkey).run();
    assert_eq!(outcome.code, 1, "{}", outcome.told());
    let section = section(&outcome);
    assert_eq!(codes(&section), ["EC3095"]);
    assert_eq!(section["findings"][0]["summary"], "100 slots belong to no node: 100-199");
    assert_eq!(section["findings"][0]["evidence"]["slots"], json!([[100, 199]]));
    assert_eq!(section["topology"]["covered"], 16_284);
    let refused = valkey.command(&["GET", "somewhere"]);
    assert!(refused.starts_with("-CLUSTERDOWN"), "{refused}");
}

#[test]
fn a_user_who_may_only_ask_for_slots_gets_the_topology_from_them() {
    need!("valkey-server");
    let users = ["default on nopass ~* +@all -cluster|shards"];
    let section = section(&probe(&cluster("valkey-server", &["0", "16383"], &users)).run().ok());
    assert_eq!(section["topology"]["covered"], 16_384);
    assert_eq!(section["topology"]["list"][0]["nodes"][0]["health"], "unknown");
}

#[test]
fn a_user_who_may_only_ping_gets_no_topology_and_no_fault() {
    need!("valkey-server");
    let valkey = cluster("valkey-server", &["0", "16383"], &[]);
    assert_eq!(valkey.command(&["ACL", "SETUSER", "default", "-@all", "+ping"]), "+OK");
    let alone = section(&probe(&valkey).run().ok());
    let stage = last_stage(&alone);
    assert_eq!((&stage["status"], &stage["summary"]), (&json!("skipped"), &json!("topology not told: NOPERM")));
    assert_eq!((codes(&alone).len(), &alone["topology"]), (0, &Value::Null));
    let documented = section(&probe_of_document(&valkey, true).run().ok());
    assert_eq!(codes(&documented), ["EC3098"]);
}

#[test]
fn a_document_of_the_other_mode_is_remarked_on() {
    need!("valkey-server");
    let section_of = |valkey: &Valkey, mode| section(&probe_of_document(valkey, mode).run().ok());
    let standalone = section_of(&Valkey::plain(), true);
    assert_eq!(codes(&standalone), ["EC3097"]);
    assert_eq!(standalone["findings"][0]["evidence"]["client"], "valkey-cli");
    let node = section_of(&cluster("valkey-server", &["0", "16383"], &[]), false);
    assert_eq!(codes(&node), ["EC3097"]);
    assert_eq!(node["findings"][0]["evidence"]["client"], "valkey-cli -c");
}
