//! ec-probe at every node that a server tells of: real clusters of Valkey with nodes killed, Memcached behind auto
//! discovery, and servers that announce what they should not.
#![expect(clippy::expect_used, reason = "a test that cannot be set up has failed")]

use std::fmt::Write as _;
use std::io::{BufReader, Write as _};
use std::net::{TcpListener, TcpStream};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use ec_tests::rude::{self, Rude};
use ec_tests::{
    AutoDiscovery, Certs, Cluster, ClusterOptions, Form, Memcached, Outcome, Run, Valkey, ValkeyOptions, need, resp,
    tool, wait_until,
};
use serde_json::{Value, json};

fn probe(endpoint: &str) -> Run {
    tool("ec-probe").args(["--endpoint", endpoint, "--timeout", "30s"])
}

fn section(outcome: &Outcome) -> Value {
    outcome.document()["probe"].clone()
}

/// The codes of the findings, but for the one about replicas that are loading: new ones are for some seconds.
fn codes(section: &Value) -> Vec<String> {
    let findings = section["findings"].as_array().cloned().unwrap_or_default();
    let codes = findings.iter().map(|finding| finding["code"].as_str().expect("a code").to_owned());
    codes.filter(|code| code != "EC3096").collect()
}

/// The finding with this code.
#[track_caller]
fn finding(section: &Value, code: &str) -> Value {
    let findings = section["findings"].as_array().cloned().unwrap_or_default();
    let found = findings.into_iter().find(|finding| finding["code"] == code);
    assert!(found.is_some(), "{code} in {section:#}");
    found.unwrap_or_default()
}

/// The row of a stage.
#[track_caller]
fn stage(section: &Value, name: &str) -> Value {
    let stages = section["stages"].as_array().expect("there are stages");
    let found = stages.iter().find(|step| step["stage"] == name);
    assert!(found.is_some(), "{name} in {section:#}");
    found.cloned().unwrap_or_default()
}

fn node<'a>(section: &'a Value, endpoint: &str) -> &'a Value {
    let nodes = section["nodes"].as_array().expect("there are nodes");
    nodes.iter().find(|node| node["endpoint"] == endpoint).expect("the node is told")
}

fn certified(names: &[&str]) -> (Certs, ClusterOptions) {
    let certs = Certs::new();
    let options = ClusterOptions { tls: Some(certs.server_for(names)), ..ClusterOptions::default() };
    (certs, options)
}

#[test]
fn all_nodes_of_a_cluster_are_climbed_whichever_is_asked() {
    need!("valkey-server");
    let cluster = Cluster::start(&ClusterOptions::default());
    let told = |index: usize| {
        let section = section(&probe(&cluster.node(index).endpoint()).args(["--no-tls"]).run().ok());
        assert_eq!(stage(&section, "nodes")["summary"], "6 of 6 nodes answer");
        assert_eq!((codes(&section).len(), section["client_mode"]["mode"].as_str()), (0, Some("cluster")));
        let nodes = section["nodes"].as_array().expect("nodes").clone();
        for node in &nodes {
            assert_eq!((&node["answers"], node["stages_ms"]["ping"].is_f64()), (&json!(true), true), "{node:#}");
        }
        let told = |node: &Value| json!([node["endpoint"], node["role"], node["shard"]]);
        nodes.iter().map(told).collect::<Vec<_>>()
    };
    let first = told(0);
    assert_eq!(first.len(), 6);
    assert_eq!(first[0], json!([cluster.node(0).endpoint(), "primary", 0]));
    assert_eq!(first[3], json!([cluster.node(4).endpoint(), "replica", 1]));
    assert_eq!(told(5), first, "a replica of the last shard tells them in the same order");
}

#[test]
fn a_replica_that_is_killed_is_a_warning_and_its_primary_an_error() {
    need!("valkey-server");
    let cluster = Cluster::start(&ClusterOptions::default());
    let (primary, replica) = (cluster.node(1), cluster.node(4));
    replica.stop();
    let outcome = probe(&cluster.node(0).endpoint()).args(["--no-tls"]).run().ok();
    let section_now = section(&outcome);
    let told = finding(&section_now, "EC3073");
    let expected = format!("replica {} does not answer: tcp: refused", replica.endpoint());
    assert_eq!((&told["summary"], &told["severity"]), (&json!(expected), &json!("warning")));
    let dead = node(&section_now, &replica.endpoint());
    assert_eq!((&dead["answers"], &dead["failed"]["code"]), (&json!(false), &json!("EC3005")), "{dead:#}");

    primary.stop();
    let outcome = probe(&cluster.node(0).endpoint()).args(["--no-tls"]).run().exits(1);
    let told = finding(&section(&outcome), "EC3072");
    let expected = format!("slots 5461-10922: primary {} does not answer: tcp: refused", primary.endpoint());
    assert_eq!((&told["summary"], &told["severity"]), (&json!(expected), &json!("error")));
    assert_eq!(told["evidence"]["nodes"], json!([primary.endpoint()]));
    probe(&cluster.node(0).endpoint()).args(["--no-tls", "--stage-exitcode"]).run().exits(12);
    let report = probe(&cluster.node(0).endpoint()).args(["--no-tls", "-o", "text"]).run().exits(1);
    let row = report.stdout.lines().find(|line| line.contains("shard 2")).expect("a line for the shard").to_owned();
    assert!(row.contains("✗") && row.contains("tcp refused") && row.contains("EC3072"), "{row}");
}

#[test]
fn after_a_failover_the_old_primary_is_a_warning() {
    need!("valkey-server");
    a_failover_is_told("valkey-server", "valkey-cli -c");
}

#[test]
fn a_cluster_of_redis_oss_is_told_as_one_of_valkey_is() {
    need!("redis-server");
    a_failover_is_told("redis-server", "redis-cli -c");
}

/// Probes a cluster while it is whole, and after one of its primaries was killed.
fn a_failover_is_told(program: &str, client: &str) {
    let cluster = Cluster::start(&ClusterOptions { program: Some(program.to_owned()), ..ClusterOptions::default() });
    let whole = section(&probe(&cluster.node(0).endpoint()).args(["--no-tls"]).run().ok());
    assert_eq!(stage(&whole, "nodes")["summary"], "6 of 6 nodes answer");
    assert_eq!((codes(&whole), &whole["client_mode"]["command"]), (Vec::new(), &json!(client)));
    let (primary, replica) = (cluster.node(2), cluster.node(5));
    primary.stop();
    cluster.wait_for_failover_to(5);
    wait_until("the others have heard of it", || {
        let outcome = probe(&cluster.node(0).endpoint()).args(["--no-tls"]).run();
        outcome.code == 0 && node(&section(&outcome), &replica.endpoint())["role"] == "primary"
    });
    let section = section(&probe(&cluster.node(0).endpoint()).args(["--no-tls"]).run().ok());
    assert_eq!(stage(&section, "nodes")["summary"], "5 of 6 nodes answer");
    let told = finding(&section, "EC3073");
    assert!(told["summary"].as_str().is_some_and(|told| told.contains(&primary.endpoint())), "{told:#}");
}

#[test]
fn with_tls_every_node_proves_its_own_name_and_logs_the_user_in() {
    need!("valkey-server");
    let (certs, options) = certified(&["localhost", "127.0.0.1"]);
    let users = vec!["app on >open-sesame -@all +ping +hello +cluster|shards".to_owned()];
    let cluster = Cluster::start(&ClusterOptions { users, hostnames: Some(["localhost"; 6]), ..options });
    let run = probe(&format!("localhost:{}", cluster.node(0).port())).env("EC_CAFILE", certs.ca());
    let section = section(&run.args(["--user", "app"]).env("VALKEYCLI_AUTH", "open-sesame").run().ok());
    assert_eq!(stage(&section, "nodes")["summary"], "6 of 6 nodes answer");
    for index in 0..6 {
        let node = node(&section, &format!("localhost:{}", cluster.node(index).port()));
        let stages: Vec<&String> = node["stages_ms"].as_object().expect("stages").keys().collect();
        assert_eq!(stages, ["dns", "tcp", "tls", "auth", "hello", "ping"]);
    }
    assert_eq!(section["client_mode"]["command"], "valkey-cli -c --tls");
}

#[test]
fn a_node_whose_certificate_is_for_another_name_does_not_answer_and_hears_no_password() {
    need!("valkey-server");
    let (certs, options) = certified(&["localhost"]);
    let names = ["localhost", "localhost", "localhost", "localhost", "localhost", "127.0.0.1"];
    let users = vec!["app on >open-sesame ~* +@all".to_owned()];
    let cluster = Cluster::start(&ClusterOptions { users, hostnames: Some(names), ..options });
    let run = probe(&format!("localhost:{}", cluster.node(0).port())).env("EC_CAFILE", certs.ca());
    let section = section(&run.args(["--user", "app"]).env("VALKEYCLI_AUTH", "open-sesame").run().ok());
    let odd = node(&section, &cluster.node(5).endpoint());
    assert_eq!((&odd["failed"]["stage"], &odd["failed"]["code"]), (&json!("tls"), &json!("EC3024")), "{odd:#}");
    assert_eq!(codes(&section), ["EC3073"]);
    assert!(!cluster.node(5).command(&["INFO", "commandstats"]).contains("cmdstat_auth"));
}

#[test]
fn credentials_go_to_no_host_outside_the_domain_unless_a_person_vouches_for_it() {
    need!("valkey-server");
    let (certs, options) = certified(&["localhost", "127.0.0.1", "127.0.0.2"]);
    let names = ["localhost", "127.0.0.2", "localhost", "localhost", "localhost", "localhost"];
    let users = vec!["app on >open-sesame ~* +@all".to_owned()];
    let args = ["--bind", "127.0.0.1", "127.0.0.2"].map(str::to_owned).to_vec();
    let cluster = Cluster::start(&ClusterOptions { users, hostnames: Some(names), args, ..options });
    let outside = cluster.node(1);
    let endpoint = format!("127.0.0.2:{}", outside.port());
    let run = || {
        let run = probe(&format!("localhost:{}", cluster.node(0).port())).env("EC_CAFILE", certs.ca());
        run.args(["--user", "app"]).env("VALKEYCLI_AUTH", "open-sesame")
    };
    let kept = section(&run().run().ok());
    assert_eq!(stage(&kept, "nodes")["summary"], "5 of 6 nodes answer, 1 without credentials");
    let told = finding(&kept, "EC3074");
    assert!(told["summary"].as_str().is_some_and(|told| told.contains(&endpoint)), "{told:#}");
    assert_eq!(told["fix"], "if they are yours, give --allow-host 127.0.0.2");
    let stranger = node(&kept, &endpoint);
    assert_eq!((&stranger["credentials_withheld"], &stranger["answers"]), (&json!(true), &Value::Null));
    assert!(stranger["stages_ms"]["tls"].is_f64() && stranger["stages_ms"]["auth"].is_null(), "{stranger:#}");
    assert!(!outside.command(&["INFO", "commandstats"]).contains("cmdstat_auth"));

    let vouched = section(&run().args(["--allow-host", "127.0.0.2"]).run().ok());
    assert_eq!(stage(&vouched, "nodes")["summary"], "6 of 6 nodes answer");
    assert!(outside.command(&["INFO", "commandstats"]).contains("cmdstat_auth"));
}

#[test]
fn a_user_who_may_only_ping_learns_of_no_nodes_and_of_no_fault() {
    need!("valkey-server");
    let users = vec!["app on >open-sesame -@all +ping".to_owned()];
    let cluster = Cluster::start(&ClusterOptions { users, ..ClusterOptions::default() });
    let run = probe(&cluster.node(0).endpoint()).args(["--no-tls", "--user", "app"]);
    let section = section(&run.env("VALKEYCLI_AUTH", "open-sesame").run().ok());
    assert_eq!((&section["nodes"], &section["topology"]), (&Value::Null, &Value::Null));
}

#[test]
fn behind_one_tunnel_the_nodes_are_not_climbed_and_that_is_said() {
    need!("valkey-server");
    let cluster = Cluster::start(&ClusterOptions::default());
    let run = probe("orders.example:6379").args(["--no-tls", "--connect-to", &cluster.node(0).endpoint()]);
    let section = section(&run.run().ok());
    let told = finding(&section, "EC3075");
    assert_eq!(told["severity"], "info");
    assert_eq!(told["summary"], "6 nodes were not probed: the tunnel leads to the endpoint alone");
    assert_eq!(section["nodes"], Value::Null);
}

/// A server that says that it is a node of a cluster with these nodes, two to a shard.
fn announcing(nodes: &[(String, u16)]) -> Rude {
    let shards = nodes.chunks(2).count();
    let mut reply = format!("*{shards}\r\n");
    for (index, shard) in nodes.chunks(2).enumerate() {
        let (from, to) = (index * 16_384 / shards, (index + 1) * 16_384 / shards - 1);
        let _ = write!(reply, "%2\r\n+slots\r\n*2\r\n:{from}\r\n:{to}\r\n+nodes\r\n*{}\r\n", shard.len());
        for (place, (host, port)) in shard.iter().enumerate() {
            let role = if place == 0 { "master" } else { "replica" };
            let _ = write!(
                reply,
                "%5\r\n+id\r\n+{index:040}\r\n+port\r\n:{port}\r\n+endpoint\r\n+{host}\r\n+role\r\n+{role}\r\n\
                 +health\r\n+online\r\n"
            );
        }
    }
    Rude::new(move |stream| talk(stream, &reply))
}

fn talk(mut stream: TcpStream, shards: &str) {
    let Ok(second) = stream.try_clone() else { return };
    let mut reader = BufReader::new(second);
    while let Ok(Some(words)) = resp::command(&mut reader) {
        let reply = match words[0].as_str() {
            "HELLO" => "%3\r\n+server\r\n+valkey\r\n+version\r\n+8.0.0\r\n+mode\r\n+cluster\r\n",
            "PING" => "+PONG\r\n",
            "CLUSTER" => shards,
            _ => "-ERR unknown command\r\n",
        };
        if stream.write_all(reply.as_bytes()).is_err() {
            return;
        }
    }
}

#[test]
fn five_hundred_nodes_are_climbed_in_little_time_and_memory() {
    // Each has an address of its own; all are this one server's.
    let server = TcpListener::bind(("127.0.0.1", 0)).expect("a free port");
    let port = server.local_addr().expect("an address").port();
    let listeners: Vec<TcpListener> = (0..500_u16)
        .map(|index| {
            let address = format!("127.0.{}.{}", 1 + index / 250, 1 + index % 250);
            TcpListener::bind((address.as_str(), port)).expect("a free port of a loopback address")
        })
        .collect();
    let nodes: Vec<(String, u16)> = listeners
        .iter()
        .map(|node| node.local_addr().map(|at| (at.ip().to_string(), port)).expect("an address"))
        .collect();
    for listener in listeners {
        std::thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                std::thread::spawn(move || talk(stream, "*0\r\n"));
            }
        });
    }
    let server = announcing(&nodes);
    let outcome = probe(&server.endpoint()).args(["--no-tls"]).run().ok();
    let told = section(&outcome);
    assert_eq!(stage(&told, "nodes")["summary"], "500 of 500 nodes answer");
    assert!(outcome.elapsed < Duration::from_secs(5), "{:?}", outcome.elapsed);
    assert!(outcome.peak_kib < 64 << 10, "{} KiB", outcome.peak_kib);
    assert!(outcome.stdout.len() < 250_000, "{} bytes", outcome.stdout.len());
    let report = probe(&server.endpoint()).args(["--no-tls", "-o", "text"]).run().ok();
    assert!(report.stdout.lines().count() < 15, "{}", report.stdout);
}

#[test]
fn nodes_that_nobody_answers_for_leave_time_for_the_others() {
    let deaf: Vec<rude::Deaf> = (0..34).map(|_| rude::deaf()).collect();
    let alive = Rude::new(|stream| talk(stream, "*0\r\n"));
    let mut nodes: Vec<(String, u16)> = deaf.iter().map(|deaf| ("127.0.0.1".to_owned(), deaf.port())).collect();
    // The shards are asked in order of their slots.
    nodes.push(("127.0.0.1".to_owned(), alive.address().port()));
    let server = announcing(&nodes);
    let outcome =
        tool("ec-probe").args(["--endpoint", &server.endpoint(), "--no-tls", "--timeout", "3s"]).run().exits(1);
    let section = section(&outcome);
    assert_eq!(stage(&section, "nodes")["summary"], "1 of 35 nodes answer");
    assert_eq!(node(&section, &alive.endpoint())["answers"], true);
    assert_eq!(node(&section, &deaf[0].endpoint())["failed"]["code"], "EC3004");
    assert!(outcome.elapsed < Duration::from_secs(4), "{:?}", outcome.elapsed);
    let short = tool("ec-probe").args(["--endpoint", &server.endpoint(), "--no-tls", "--timeout", "1s"]).run().exits(1);
    let told = finding(&self::section(&short), "EC3075");
    assert_eq!(
        (&told["summary"], &told["severity"]),
        (&json!("3 nodes were not probed: the time was up"), &json!("warning"))
    );
}

#[test]
fn what_nobody_can_dial_is_a_node_that_does_not_answer() {
    let server = announcing(&[("?".to_owned(), 6379), ("-a".to_owned(), 6379)]);
    let outcome = probe(&server.endpoint()).args(["--no-tls"]).run().exits(1);
    let told = finding(&section(&outcome), "EC3072");
    let expected = "slots 0-16383: primary ?:6379 does not answer: dns: `?` is neither a host name nor an address";
    assert_eq!(told["summary"], expected);
}

fn memcached(run: Run) -> Run {
    run.args(["--engine", "memcached"])
}

#[test]
fn both_forms_of_auto_discovery_lead_to_every_node() {
    need!("memcached");
    let nodes = [Memcached::plain(), Memcached::plain()];
    let [a, b] = [&nodes[0], &nodes[1]].map(Memcached::port);
    let payload = format!("12\nlocalhost|127.0.0.1|{a} 127.0.0.1||{b}\n");
    for form in [Form::Config, Form::Item] {
        let discovery = AutoDiscovery::start(form, &payload, None);
        let run = memcached(probe(&format!("127.0.0.1:{}", discovery.port()))).args(["--no-tls"]);
        let section = section(&run.run().ok());
        assert_eq!(section["discovery"], json!({"version": 12, "nodes": 2}));
        assert_eq!(stage(&section, "discovery")["summary"], "configuration 12: 2 nodes");
        assert_eq!(stage(&section, "nodes")["summary"], "2 of 2 nodes answer");
        assert_eq!(node(&section, &format!("localhost:{a}"))["ip"], "127.0.0.1");
        assert_eq!(section["client_mode"]["mode"], "auto discovery");
        let asked = if form == Form::Config { "config get cluster" } else { "get AmazonElastiCache:cluster" };
        assert_eq!(discovery.heard(), ["version", "stats", asked]);
    }
}

#[test]
fn a_memcached_node_that_is_down_is_an_error_and_its_name_is_verified_with_tls() {
    need!("memcached");
    let certs = Certs::new();
    let nodes = [Memcached::tls(&certs), Memcached::tls(&certs)];
    let [a, b] = [&nodes[0], &nodes[1]].map(Memcached::port);
    let start = |payload: &str| AutoDiscovery::start(Form::Config, payload, Some(&certs.server()));
    let probed = |discovery: &AutoDiscovery| {
        memcached(probe(&format!("localhost:{}", discovery.port()))).env("EC_CAFILE", certs.ca()).run()
    };
    let discovery = start(&format!("1\nlocalhost|127.0.0.1|{a} 127.0.0.1|127.0.0.1|{b}\n"));
    let told = section(&probed(&discovery).ok());
    assert!(node(&told, &format!("localhost:{a}"))["stages_ms"]["tls"].is_f64(), "{told:#}");

    nodes[1].stop();
    let told = section(&probed(&discovery).exits(1));
    let expected = format!("127.0.0.1:{b} does not answer: tcp: refused");
    assert_eq!(finding(&told, "EC3093")["summary"], json!(expected));

    let misnamed = start(&format!("2\n127.0.0.2||{a}\n"));
    let told = section(&probed(&misnamed).exits(1));
    assert_eq!(stage(&told, "nodes")["code"], "EC3093");
}

#[test]
fn a_memcached_server_without_auto_discovery_is_a_single_endpoint() {
    need!("memcached");
    let stock = Memcached::plain();
    let section = section(&memcached(probe(&stock.endpoint())).args(["--no-tls"]).run().ok());
    let discovery = stage(&section, "discovery");
    assert_eq!((&discovery["status"], &discovery["summary"]), (&json!("skipped"), &json!("no auto discovery")));
    assert_eq!(section["client_mode"]["mode"], "single endpoint");
}

#[test]
fn a_configuration_that_is_none_is_no_topology() {
    need!("memcached");
    let discovery = AutoDiscovery::start(Form::Config, "12\nlocalhost|127.0.0.1\n", None);
    let run = memcached(probe(&format!("127.0.0.1:{}", discovery.port()))).args(["--no-tls"]);
    let section = section(&run.run().ok());
    assert_eq!(stage(&section, "discovery")["summary"], "auto discovery: the answer is not understood");
}

#[test]
fn a_primary_tells_its_replicas_and_a_replica_the_state_of_its_link() {
    need!("valkey-server");
    let primary = Valkey::plain();
    let args = ["--replicaof", "127.0.0.1", &primary.port().to_string()].map(str::to_owned).to_vec();
    let replica = Valkey::with(ValkeyOptions { args, ..ValkeyOptions::default() });
    wait_until("the replica copies", || replica.command(&["INFO", "replication"]).contains("link_status:up"));
    wait_until("the primary has heard of it", || primary.command(&["INFO", "replication"]).contains("state=online"));
    let section_of = |valkey: &Valkey| section(&probe(&valkey.endpoint()).args(["--no-tls"]).run().ok());
    let expected = json!({"role": "primary", "count": 1, "replicas": [replica.endpoint()]});
    assert_eq!(section_of(&primary)["replication"], expected);
    let told = section_of(&replica);
    assert_eq!(told["replication"], json!({"role": "replica", "primary": primary.endpoint(), "link": "connected"}));
    assert_eq!(told["client_mode"], json!({"mode": "standalone", "command": "valkey-cli"}));
    assert_eq!(codes(&told).len(), 0);

    primary.stop();
    wait_until("the replica has noticed", || replica.command(&["INFO", "replication"]).contains("link_status:down"));
    let alone = section_of(&replica);
    let told = finding(&alone, "EC3092");
    assert!(told["summary"].as_str().is_some_and(|told| told.contains(&primary.endpoint())), "{told:#}");
    assert_eq!(told["severity"], "warning");
    let report = probe(&replica.endpoint()).args(["--no-tls", "-o", "text"]).run().ok();
    let rows: Vec<&str> = report.stdout.lines().filter(|line| line.contains("EC3092")).collect();
    assert!(matches!(rows[..], [row] if row.contains("copies")), "{}", report.stdout);
}

#[test]
fn the_reader_endpoint_of_a_cluster_is_asked_to_serve_reads() {
    need!("valkey-server");
    let users = vec!["app on >open-sesame ~* +@all -readonly".to_owned()];
    let cluster = Cluster::start(&ClusterOptions { users, ..ClusterOptions::default() });
    let listed =
        |role: &str, index: usize| json!({"role": role, "host": "127.0.0.1", "port": cluster.node(index).port()});
    let document = json!({"kind": "ec.connection", "format_version": "1.0", "id": "orders", "cache": {
        "name": "orders", "engine": "valkey", "deployment": "serverless", "tls": "off", "cluster_mode": true,
        "endpoints": [listed("primary", 0), listed("reader", 3)]}});
    let run = || tool("ec-probe").args(["--no-tls", "--timeout", "30s"]).stdin(document.to_string());
    let told = section(&run().run().ok());
    assert_eq!(stage(&told["others"][0], "readonly")["summary"], "OK: reads are served here");
    assert_eq!(stage(&told, "nodes")["summary"], "6 of 6 nodes answer", "the endpoints of the document among them");
    let note = told["client_mode"]["note"].as_str().expect("a note");
    assert!(note.starts_with("database 0; port 6380"), "{note}");

    let refused = section(&run().args(["--user", "app"]).env("VALKEYCLI_AUTH", "open-sesame").run().ok());
    let told = finding(&refused, "EC3094");
    assert_eq!(told["severity"], "warning");
    assert_eq!(stage(&refused["others"][0], "readonly")["summary"], "refused: NOPERM");
}

#[test]
fn a_topology_of_an_earlier_time_is_remarked_on() {
    need!("valkey-server");
    let primary = Valkey::plain();
    let args = ["--replicaof", "127.0.0.1", &primary.port().to_string()].map(str::to_owned).to_vec();
    let replica = Valkey::with(ValkeyOptions { args, ..ValkeyOptions::default() });
    let place = |valkey: &Valkey| ("127.0.0.1".to_owned(), valkey.port());
    let server = announcing(&[place(&replica), place(&primary)]);
    let section = section(&probe(&server.endpoint()).args(["--no-tls"]).run().ok());
    let told = finding(&section, "EC3076");
    assert_eq!(told["severity"], "info");
    assert!(told["summary"].as_str().is_some_and(|told| told.contains("says that it is a primary")), "{told:#}");
    assert_eq!(node(&section, &replica.endpoint())["says"], "replica");
}

/// Sends every client to this place.
fn sending_to(place: impl Fn() -> String + Send + Sync + 'static) -> Rude {
    Rude::new(move |mut stream| {
        let Ok(second) = stream.try_clone() else { return };
        let mut reader = BufReader::new(second);
        while let Ok(Some(_)) = resp::command(&mut reader) {
            if stream.write_all(format!("-MOVED 3999 {}\r\n", place()).as_bytes()).is_err() {
                return;
            }
        }
    })
}

#[test]
fn a_redirection_to_a_name_that_no_certificate_can_have_is_told_and_not_followed() {
    for place in ["cache-:6379", "1.2.3.4.5:6379"] {
        let server = sending_to(move || place.to_owned());
        let section = section(&probe(&server.endpoint()).args(["--no-tls"]).run().exits(1));
        assert_eq!(finding(&section, "EC3056")["evidence"]["reply"], format!("MOVED 3999 {place}"));
    }
}

#[test]
fn a_redirection_is_followed_to_whoever_owns_the_slot() {
    need!("valkey-server");
    let owner = Valkey::plain();
    let endpoint = owner.endpoint();
    let sent = sending_to(move || endpoint.clone());
    let told = |run: Run| {
        let told = finding(&section(&run.run().exits(1)), "EC3056");
        (told["summary"].as_str().unwrap_or_default().to_owned(), told["evidence"].clone())
    };
    let plain = |server: &Rude| probe(&server.endpoint()).args(["--no-tls"]);
    let (summary, evidence) = told(plain(&sent));
    assert!(summary.ends_with(&format!("slot 3999 is at {}, which answers", owner.endpoint())), "{summary}");
    assert_eq!((&evidence["slot"], &evidence["redirects"]), (&json!(3999), &json!([owner.endpoint()])));
    let (summary, _) = told(plain(&sent).args(["--connect-to", &sent.endpoint()]));
    assert!(summary.ends_with("which the tunnel does not lead to"), "{summary}");
    let stranger = sending_to(|| "n1.carts.example:6379".to_owned());
    let (summary, _) = told(plain(&stranger).env("VALKEYCLI_AUTH", "open-sesame"));
    assert!(summary.ends_with("for slot 3999, outside the cache's domain: not followed"), "{summary}");

    owner.stop();
    let (summary, _) = told(plain(&sent));
    let expected = format!("slot 3999 is unreachable: its owner {} does not answer: tcp: refused", owner.endpoint());
    assert_eq!(summary, expected);
}

#[test]
fn redirections_that_lead_nowhere_come_to_an_end() {
    let places: Arc<Mutex<Vec<String>>> = Arc::default();
    let servers: Vec<Rude> = (0..8)
        .map(|index| {
            let places = Arc::clone(&places);
            sending_to(move || places.lock().expect("no panic")[index].clone())
        })
        .collect();
    let told = || {
        let told = finding(&section(&probe(&servers[0].endpoint()).args(["--no-tls"]).run().exits(1)), "EC3056");
        let hops = told["evidence"]["redirects"].as_array().map(Vec::len);
        (told["summary"].as_str().unwrap_or_default().to_owned(), hops)
    };
    let chain = |length: usize| (0..8).map(|index| servers[(index + 1) % length].endpoint()).collect();
    *places.lock().expect("no panic") = chain(2);
    let (summary, hops) = told();
    assert!(summary.starts_with("the servers send the client round in a circle"), "{summary}");
    assert_eq!(hops, Some(1));
    *places.lock().expect("no panic") = chain(8);
    let (summary, hops) = told();
    assert!(summary.starts_with("the servers send the client on and on"), "{summary}");
    assert_eq!(hops, Some(5));
}
