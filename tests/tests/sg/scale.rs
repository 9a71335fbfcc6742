//! Many documents: their order stays, and they share what is known.

use std::fmt::Write;

use ec_tests::{Counting, Moto, need};
use serde_json::{Value, json};

use super::{asked, cache_in, ec_sg, ingress, on_moto};

const DOCUMENTS: usize = 200;

/// So many documents about one cache; `client` gives each its client and its id.
fn stream(document: &str, client: impl Fn(usize) -> Value) -> String {
    let document: Value = serde_json::from_str(document).expect("a document");
    let mut lines = String::new();
    for number in 0..DOCUMENTS {
        let mut document = document.clone();
        document["id"] = json!(number.to_string());
        document["client"] = client(number);
        let _ = writeln!(lines, "{document}");
    }
    lines
}

#[test]
fn two_hundred_clients_of_one_cache_cost_as_many_calls_as_one() {
    need!("moto_server");
    let ground = on_moto("many");
    let counting = Counting::before(&Moto::shared().url());
    let subnet = ground.another_subnet(2);
    let run = |clients: usize| {
        counting.calls().clear();
        let client = |number: usize| json!({"cidr": format!("10.0.1.{}/32", number % clients)});
        let checked = ec_sg(&counting.url(), &["check"], &stream(&cache_in(&ground, &[&subnet]), client)).exits(1);
        let ids: Vec<Value> = checked.documents().iter().map(|document| document["id"].clone()).collect();
        assert_eq!(ids, (0..DOCUMENTS).map(|number| json!(number.to_string())).collect::<Vec<_>>());
        asked(counting.calls())
    };
    let one = run(1);
    assert_eq!(run(DOCUMENTS), one);
    let subnets_and_what_decides_in_them = [
        "DescribeNetworkAcls",
        "DescribeRouteTables",
        "DescribeSecurityGroupRules",
        "DescribeSecurityGroups",
        "DescribeSubnets",
        "DescribeSubnets",
    ];
    assert_eq!(one, subnets_and_what_decides_in_them);
}

#[test]
fn many_groups_are_asked_for_one_by_one_only_until_a_list_is_cheaper() {
    need!("moto_server");
    let ground = on_moto("groups");
    let counting = Counting::before(&Moto::shared().url());
    let groups: Vec<String> = (0..40).map(|number| ground.group(&format!("groups-{number}"))).collect();
    let client = |number: usize| json!({"vpc_id": ground.vpc, "security_group_ids": [groups[number % groups.len()]]});
    let documents = stream(&cache_in(&ground, &[&ground.subnet]), client);
    ec_sg(&counting.url(), &["check"], &documents).exits(1);
    let calls = asked(counting.calls());
    for action in ["DescribeSecurityGroupRules", "DescribeNetworkInterfaces", "DescribeSecurityGroups"] {
        let count = calls.iter().filter(|each| *each == action).count();
        assert!((1..=9).contains(&count), "eight by name and one for all: {action} {count}");
    }
    assert!(calls.len() < 35, "{calls:?}");
}

#[test]
fn apply_looks_at_the_rules_anew_for_each_document_and_writes_each_rule_once() {
    need!("moto_server");
    let ground = on_moto("anew");
    let counting = Counting::before(&Moto::shared().url());
    let client = json!({
        "instance_id": ground.instance, "vpc_id": ground.vpc, "subnet_id": ground.subnet, "private_ips": ["10.0.1.9"],
        "security_group_ids": [ground.client_group],
    });
    let documents = stream(&cache_in(&ground, &[&ground.subnet]), |_| client.clone());
    let applied = ec_sg(&counting.url(), &["apply"], &documents).ok().documents();
    let statuses: Vec<&Value> = applied.iter().map(|document| &document["sg"]["status"]).collect();
    assert_eq!(statuses[0], "changed");
    assert!(statuses[1..].iter().all(|status| *status == "unchanged"));
    assert_eq!(counting.calls().writes(), ["AuthorizeSecurityGroupIngress"]);
    assert_eq!(ingress(&ground.aws, &ground.cache_group).len(), 2);
    assert!(counting.calls().actions().len() < DOCUMENTS + 10, "{}", counting.calls().actions().len());
}
