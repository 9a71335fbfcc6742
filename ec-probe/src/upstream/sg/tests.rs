use std::net::IpAddr;

use ec_shared::document::{Cache, Client, Network, Section};
use ec_shared::ran_on::RanOn;
use serde_json::{Value, json};

use super::super::{Cause, Silence};
use super::Path;
use crate::endpoint::Endpoint;

/// A path as `ec-sg check` writes it, from sg-0a in subnet-0a to sg-0c in subnet-0c, open all along.
fn open() -> Value {
    json!({"command": "check", "status": "ok", "path": [
        {"hop": "vpc", "verdict": "yes", "detail": "vpc-0a"},
        {"hop": "client_egress", "tcp_ports": [6379, 6380], "verdict": "yes", "detail": "sg-0a: all traffic",
         "decided_by": [{"security_group_rule_id": "sgr-01", "security_group_id": "sg-0a"}]},
        {"hop": "client_acl_out", "tcp_ports": [6379, 6380], "client_subnet_ids": ["subnet-0a"],
         "cache_subnet_ids": ["subnet-0c"], "verdict": "yes", "detail": "acl-0a rule 100"},
        {"hop": "cache_ingress", "tcp_ports": [6379, 6380], "verdict": "yes", "detail": "sg-0c: tcp from sg-0a",
         "decided_by": [{"security_group_rule_id": "sgr-03", "security_group_id": "sg-0c"}]},
        {"hop": "dns", "verdict": "unknown", "detail": "vpc-0a does not resolve names"}]})
}

/// The same path, with hop `index` in another state, and a finding about it.
fn with(index: usize, hop: &Value, finding: &Value) -> Value {
    let mut section = open();
    for (name, value) in hop.as_object().unwrap() {
        section["path"][index][name] = value.clone();
    }
    section["status"] = json!("no");
    section["findings"] = json!([finding]);
    section
}

/// Port 6380 of the cache is closed: the rule is missing.
fn closed_for(ports: &[u16]) -> Value {
    with(
        3,
        &json!({"verdict": "no", "tcp_ports": ports, "decided_by": []}),
        &json!({"code": "EC1004", "severity": "error", "summary": "ingress tcp: no rule of sg-0c admits sg-0a",
            "evidence": {"tcp_ports": ports, "security_group_ids": ["sg-0c"], "rules_looked_at": []},
            "fix": "ec-sg apply --cache orders --from i-0a"}),
    )
}

fn cache() -> Cache {
    let network = Network {
        subnet_ids: vec!["subnet-0c".into()],
        security_group_ids: vec!["sg-0c".into()],
        ..Network::default()
    };
    Cache { name: "orders".into(), network: Some(network), ..Cache::default() }
}

fn client() -> Client {
    Client {
        instance_id: Some("i-0a".into()),
        subnet_id: Some("subnet-0a".into()),
        security_group_ids: vec!["sg-0a".into()],
        ..Client::default()
    }
}

fn read(section: &Value, cache: &Cache, client: &Client) -> Option<Path> {
    Path::of(&serde_json::from_value::<Section>(section.clone()).unwrap(), cache, client)
}

/// What is told of a dial of orders.example:6379 from i-0a, or from another machine.
fn told_on(instance_id: Option<&str>, section: &Value, address: &str) -> Option<Cause> {
    let dialled: Endpoint = "orders.example:6379".parse().unwrap();
    let addresses: [IpAddr; 1] = [address.parse().unwrap()];
    let machine = RanOn { host: "app-1".into(), instance_id: instance_id.map(str::to_owned) };
    read(section, &cache(), &client())?.explain(&Silence {
        dialled: &dialled,
        addresses: &addresses,
        machine: &machine,
    })
}

fn told(section: &Value) -> Option<Cause> {
    told_on(Some("i-0a"), section, "10.0.2.7")
}

#[test]
fn a_rule_that_is_missing_is_named_with_the_command_that_adds_it() {
    let cause = told(&closed_for(&[6379, 6380])).unwrap();
    assert_eq!(cause.code.id, "EC3069");
    assert_eq!(
        cause.summary,
        "orders.example:6379 does not answer: ingress tcp: no rule of sg-0c admits sg-0a (EC1004)"
    );
    assert_eq!(cause.fix, "ec-sg apply --cache orders --from i-0a");
    assert_eq!(cause.because[0]["code"], "EC1004");
}

#[test]
fn a_rule_that_is_missing_for_another_port_is_not_the_cause() {
    assert_eq!(told(&closed_for(&[6380])).unwrap().code.id, "EC3070");
}

#[test]
fn a_hop_that_is_closed_for_the_other_address_family_is_not_the_cause() {
    let evidence = json!({"families": ["ipv6"], "security_group_ids": ["sg-0c"]});
    let finding = json!({"code": "EC1004", "severity": "error", "summary": "closed for IPv6", "evidence": evidence});
    let section = with(3, &json!({"verdict": "no", "families": ["ipv6"]}), &finding);
    assert_eq!(told_on(Some("i-0a"), &section, "10.0.2.7").unwrap().code.id, "EC3070");
    assert_eq!(told_on(Some("i-0a"), &section, "2001:db8::7").unwrap().code.id, "EC3069");
}

#[test]
fn network_acls_and_routes_are_named_as_well() {
    for (code, verdict) in [("EC1016", "no"), ("EC1017", "intermittent"), ("EC1018", "no"), ("EC1019", "no")] {
        let finding = json!({"code": code, "severity": "error", "summary": "closed", "fix": "aws ec2 …   # by them"});
        let cause = told(&with(2, &json!({"verdict": verdict}), &finding)).unwrap();
        assert_eq!((cause.code.id, cause.fix.as_str()), ("EC3069", "aws ec2 …   # by them"), "{code}");
        assert_eq!(cause.summary, format!("orders.example:6379 does not answer: closed ({code})"));
    }
}

#[test]
fn where_every_hop_is_open_it_is_said_what_is_left() {
    let cause = told(&open()).unwrap();
    assert_eq!(cause.code.id, "EC3070");
    assert_eq!(
        cause.summary,
        "orders.example:6379 does not answer, although every hop from i-0a lets the connection through"
    );
    assert_eq!(
        cause.left,
        [
            "a firewall on this machine itself: nft list ruleset, iptables -S",
            "an old DNS answer: compare 10.0.2.7 with dig orders.example",
            "connection tracking at its limit: ethtool -S DEVICE, conntrack_allowance_exceeded",
        ]
    );
    let elsewhere = told_on(None, &open(), "10.0.2.7").unwrap();
    assert_eq!(elsewhere.left[0], "another machine: app-1 is not known to be i-0a");
}

#[test]
fn a_side_that_nobody_looked_at_is_among_what_is_left() {
    let mut section = open();
    section["path"][1]["verdict"] = json!("not_asked");
    assert_eq!(told(&section).unwrap().left[0], "the network of i-0a, which nobody has looked at");
}

#[test]
fn from_another_instance_the_path_that_was_looked_at_tells_nothing() {
    for section in [open(), closed_for(&[6379])] {
        let cause = told_on(Some("i-0b"), &section, "10.0.2.7").unwrap();
        assert_eq!(cause.code.id, "EC3071");
        assert_eq!(
            cause.fix,
            "run ec-probe on i-0a; or look at this machine's path: ec-sg check --cache orders --from i-0b"
        );
    }
}

#[test]
fn a_part_that_is_not_known_is_not_called_open() {
    let hop = json!({"verdict": "unknown", "detail": "the entries of acl-0a",
        "missing": "aws ec2 describe-network-acls --network-acl-ids acl-0a"});
    let cause =
        told(&with(2, &hop, &json!({"code": "EC1009", "severity": "warning", "summary": "not known"}))).unwrap();
    assert_eq!(cause.code.id, "EC3004");
    assert_eq!(
        cause.summary,
        "orders.example:6379 does not answer, and a part of the path is not known: the entries of acl-0a"
    );
    assert!(cause.fix.starts_with("aws ec2 describe-network-acls"), "{}", cause.fix);
}

#[test]
fn a_section_about_other_ends_than_the_document_names_now_is_not_used() {
    let is_used = |cache: &Cache, client: &Client| {
        [open(), closed_for(&[6379])].map(|section| read(&section, cache, client).is_some())
    };
    assert_eq!(is_used(&cache(), &client()), [true, true]);

    let other_subnet = Client { subnet_id: Some("subnet-0b".into()), ..client() };
    let other_group = Client { security_group_ids: vec!["sg-0b".into()], ..client() };
    assert_eq!(is_used(&cache(), &other_subnet), [false, false]);
    assert_eq!(is_used(&cache(), &other_group), [false, false]);

    let network = cache().network.unwrap();
    let group = Network { security_group_ids: vec!["sg-0d".into()], ..network.clone() };
    let subnet = Network { subnet_ids: vec!["subnet-0d".into()], ..network };
    for network in [Some(group), Some(subnet), None] {
        assert_eq!(is_used(&Cache { network, ..cache() }, &client()), [false, false]);
    }
}

#[test]
fn a_group_that_ec_sg_has_given_to_the_client_is_the_clients() {
    let mut section = open();
    section["path"][1]["decided_by"][0]["security_group_id"] = json!("sg-0x");
    let rule = json!({"action": "create", "resource": "a rule", "state": "planned",
        "after": {"security_group_id": "sg-0x"}});
    section["changes"] = json!([rule]);
    assert!(read(&section, &cache(), &client()).is_none());
    section["changes"] = json!([{"action": "attach", "resource": "sg-0x to eni-0a", "state": "done",
        "after": {"security_group_id": "sg-0x", "network_interface_id": "eni-0a"}}]);
    assert!(read(&section, &cache(), &client()).is_some());
}

#[test]
fn a_section_without_a_path_tells_nothing() {
    for command in ["find", "revoke", "audit"] {
        let mut section = open();
        section["command"] = json!(command);
        assert_eq!(told(&section), None, "{command}");
    }
    assert_eq!(told(&json!({"command": "check", "status": "skipped", "reason": "a public endpoint"})), None);
    assert_eq!(told(&json!({"command": "check", "status": "ok", "path": "of another version"})), None);
}
