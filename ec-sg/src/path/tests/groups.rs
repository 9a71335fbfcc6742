//! What security groups let through, and what they do not.

use super::*;

/// The verdict on the cache's ingress, given rules as (group, traffic, peer).
fn ingress(question: &Question, rules: &[(&str, Traffic, &str)], facts: Value) -> Verdict {
    let rules = rules.iter().enumerate();
    let rules: Vec<Rule> = rules
        .map(|(at, (group, traffic, peer))| rule(&format!("sgr-{at}"), group, Direction::Ingress, *traffic, peer))
        .collect();
    verdict_of(Place::CacheIngress, question, &snapshot(facts, &rules))
}

fn egress(question: &Question, rules: &[(&str, Traffic, &str)], facts: Value) -> Verdict {
    let rules = rules.iter().enumerate();
    let rules: Vec<Rule> = rules
        .map(|(at, (group, traffic, peer))| rule(&format!("sgr-{at}"), group, Direction::Egress, *traffic, peer))
        .collect();
    verdict_of(Place::ClientEgress, question, &snapshot(facts, &rules))
}

fn with_list(ranges: &[&str]) -> Value {
    let mut facts = vpc();
    facts["PrefixLists"] = json!([{"PrefixListId": "pl-1", "Cidrs": ranges}]);
    facts
}

#[test]
fn an_equal_or_wider_rule_of_any_of_the_caches_groups_admits_an_instance() {
    let mut question = question();
    question.client.groups.push(GroupRef::of("sg-b"));
    for (group, traffic, peer) in [
        ("sg-c", TCP, "sg-a"),
        ("sg-d", TCP, "sg-b"),
        ("sg-c", Traffic::Tcp(6379, 6380), "sg-a"),
        ("sg-c", Traffic::Tcp(0, 65535), "10.0.0.0/16"),
        ("sg-c", Traffic::All, "sg-a"),
        ("sg-c", TCP, "10.0.1.15/32"),
        ("sg-c", TCP, "0.0.0.0/0"),
    ] {
        assert_eq!(ingress(&question, &[(group, traffic, peer)], vpc()), Verdict::Yes, "{group} {traffic} {peer}");
    }
}

#[test]
fn a_rule_of_another_group_port_protocol_or_range_does_not() {
    for (group, traffic, peer) in [
        ("sg-x", TCP, "sg-a"),
        ("sg-c", TCP, "sg-x"),
        ("sg-c", Traffic::Tcp(6380, 6380), "sg-a"),
        ("sg-c", Traffic::Other, "sg-a"),
        ("sg-c", TCP, "10.0.2.0/24"),
        ("sg-c", TCP, "::/0"),
    ] {
        assert_eq!(ingress(&question(), &[(group, traffic, peer)], vpc()), Verdict::No, "{group} {traffic} {peer}");
    }
}

#[test]
fn client_and_cache_in_one_group_need_its_self_rule() {
    let mut question = question();
    question.client.groups = vec![GroupRef::of("sg-c")];
    assert_eq!(ingress(&question, &[("sg-c", Traffic::All, "sg-c")], vpc()), Verdict::Yes);
    assert_eq!(ingress(&question, &[], vpc()), Verdict::No);
}

#[test]
fn two_halves_are_the_whole() {
    let halves = [("sg-c", TCP, "0.0.0.0/1"), ("sg-d", TCP, "128.0.0.0/1")];
    let mut question = question();
    question.client = client(ClientKind::Group, &["sg-a"], &[]);
    assert_eq!(ingress(&question, &halves, vpc()), Verdict::Yes);
    assert_eq!(ingress(&question, &halves[..1], vpc()), Verdict::No);
}

#[test]
fn a_group_is_admitted_by_its_name_or_by_a_rule_for_everybody_not_by_a_range() {
    let mut question = question();
    question.client = client(ClientKind::Group, &["sg-a"], &[]);
    for (peer, verdict) in [("sg-a", Verdict::Yes), ("0.0.0.0/0", Verdict::Yes), ("10.0.0.0/8", Verdict::No)] {
        assert_eq!(ingress(&question, &[("sg-c", TCP, peer)], vpc()), verdict, "{peer}");
    }
    question.cache.families = BOTH.to_vec();
    assert_eq!(ingress(&question, &[("sg-c", TCP, "0.0.0.0/0")], vpc()), Verdict::No, "IPv6 is closed");
}

#[test]
fn a_range_is_admitted_by_rules_that_hold_all_of_it() {
    let mut question = question();
    question.client = client(ClientKind::Ranges, &[], &["10.0.4.0/23"]);
    let rules = |ranges: &[&'static str]| ranges.iter().map(|range| ("sg-c", TCP, *range)).collect::<Vec<_>>();
    for (ranges, verdict) in [
        (&["10.0.0.0/8"][..], Verdict::Yes),
        (&["10.0.4.0/24", "10.0.5.0/24"], Verdict::Yes),
        (&["10.0.4.0/24"], Verdict::No),
        (&["10.0.4.0/24", "10.0.6.0/24"], Verdict::No),
    ] {
        assert_eq!(ingress(&question, &rules(ranges), vpc()), verdict, "{ranges:?}");
    }
}

#[test]
fn a_prefix_list_is_its_ranges_and_a_client_given_as_one_is_admitted_by_its_name() {
    let list = [("sg-c", TCP, "pl-1")];
    assert_eq!(ingress(&question(), &list, with_list(&["10.0.1.0/24"])), Verdict::Yes);
    assert_eq!(ingress(&question(), &list, with_list(&["10.9.0.0/16"])), Verdict::No);
    assert_eq!(ingress(&question(), &list, vpc()), Verdict::Unknown, "nobody told its entries");
    let mut named = question();
    named.client = client(ClientKind::Ranges, &[], &["10.9.0.0/16"]);
    named.client.prefix_list = Some("pl-1".into());
    assert_eq!(ingress(&named, &list, vpc()), Verdict::Yes);
}

#[test]
fn a_rule_that_names_a_group_that_is_gone_admits_nobody() {
    let stale =
        Rule { peering_status: Some("deleted".into()), ..rule("sgr-1", "sg-c", Direction::Ingress, TCP, "sg-a") };
    assert_eq!(verdict_of(Place::CacheIngress, &question(), &snapshot(vpc(), &[stale])), Verdict::No);
    let mut facts = vpc();
    facts["StaleSecurityGroupSet"] = json!([
        {"GroupId": "sg-c", "StaleIpPermissions": [{"UserIdGroupPairs": [{"GroupId": "sg-a"}]}]}
    ]);
    assert_eq!(ingress(&question(), &[("sg-c", TCP, "sg-a")], facts), Verdict::No);
}

#[test]
fn egress_leads_to_the_caches_groups_or_to_all_of_its_subnets() {
    for (peer, verdict) in [
        ("sg-c", Verdict::Yes),
        ("sg-x", Verdict::No),
        ("0.0.0.0/0", Verdict::Yes),
        ("10.0.2.0/23", Verdict::Yes),
        ("10.0.2.0/24", Verdict::Unknown),
        ("10.0.2.128/25", Verdict::Unknown),
        ("10.9.0.0/16", Verdict::No),
    ] {
        assert_eq!(egress(&question(), &[("sg-a", TCP, peer)], vpc()), verdict, "{peer}");
    }
    assert_eq!(egress(&question(), &[], vpc()), Verdict::No);
}

#[test]
fn where_the_caches_address_is_known_egress_need_not_reach_the_whole_subnet() {
    let mut question = question();
    question.cache.subnets = vec!["subnet-c".into()];
    question.cache.addresses = vec!["10.0.2.9".parse().unwrap()];
    assert_eq!(egress(&question, &[("sg-a", TCP, "10.0.2.9/32")], vpc()), Verdict::Yes);
    assert_eq!(egress(&question, &[("sg-a", TCP, "10.0.2.8/32")], vpc()), Verdict::No);
}

#[test]
fn what_an_address_range_carries_nobody_knows() {
    let mut question = question();
    question.client = client(ClientKind::Ranges, &[], &["10.0.1.0/24"]);
    assert_eq!(verdict_of(Place::ClientEgress, &question, &snapshot(vpc(), &[])), Verdict::NotAsked);
}

#[test]
fn rules_that_nobody_told_are_asked_for() {
    let mut known = Snapshot::default();
    known.take(crate::fake::answers(vpc())).unwrap();
    let hops = walk(&question(), &known);
    let hop = hops.iter().find(|hop| hop.hop == Place::CacheIngress).unwrap();
    assert_eq!(hop.verdict, Verdict::Unknown);
    assert_eq!(hop.missing.as_deref(), Some(Need::Rules("sg-c".into()).command().as_str()));
}

#[test]
fn an_interface_without_an_address_of_the_caches_family_cannot_connect() {
    let mut question = question();
    question.cache.families = vec![Family::V6];
    let mut rules = open_groups();
    rules.push(rule("sgr-6", "sg-c", Direction::Ingress, Traffic::All, "::/0"));
    assert!(trouble(&question, &snapshot(vpc(), &rules)).contains(&(Place::Family, Verdict::No)));
}
