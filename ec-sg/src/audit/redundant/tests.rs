//! Which rules are redundant.

use ec_shared::document::Status;
use proptest::collection::vec;
use proptest::prelude::*;
use proptest::sample::select;
use serde_json::json;

use super::*;
use crate::audit::tests::{ALL_TCP, BOTH, MAIN, cache, found, ingress, known, numbered, of_group, rules_of, summaries};
use crate::audit::{audit, section};
use crate::fake::rule;

#[test]
fn a_rule_is_redundant_if_others_of_its_group_cover_it_alone_or_together() {
    for (rules, redundant, covered_by) in [
        (&[(MAIN, "10.0.0.0/16"), (MAIN, "10.0.1.0/24")][..], "sgr-2", &["sgr-1"][..]),
        (&[(MAIN, "10.0.1.0/24"), (MAIN, "10.0.0.0/16")], "sgr-1", &["sgr-2"]),
        (&[(MAIN, "sg-a"), (Traffic::All, "sg-a")], "sgr-1", &["sgr-2"]),
        (&[(MAIN, "sg-a"), (MAIN, "sg-a")], "sgr-2", &["sgr-1"]),
        (&[(MAIN, "pl-1"), (ALL_TCP, "pl-1")], "sgr-1", &["sgr-2"]),
        (&[(MAIN, "10.0.0.0/16"), (MAIN, "10.0.0.0/17"), (MAIN, "10.0.128.0/17")], "sgr-2", &["sgr-1"]),
        (&[(MAIN, "10.0.0.0/24"), (BOTH, "10.0.0.0/25"), (BOTH, "10.0.0.128/25")], "sgr-1", &["sgr-2", "sgr-3"]),
        (&[(Traffic::Tcp(6000, 6400), "sg-a"), (BOTH, "sg-a")], "sgr-2", &["sgr-1"]),
        (&[(MAIN, "sg-a"), (BOTH, "0.0.0.0/0"), (BOTH, "::/0")], "sgr-1", &["sgr-2", "sgr-3"]),
        (&[(Traffic::Other, "10.0.0.0/24"), (Traffic::All, "10.0.0.0/8")], "sgr-1", &["sgr-2"]),
    ] {
        let findings = found(&codes::REDUNDANT_RULE, &cache(&["sg-c"]), &known(&numbered(rules)));
        let first = findings.first().unwrap_or_else(|| panic!("nothing is found: {rules:?}"));
        assert_eq!(rules_of(first), [redundant], "{rules:?}");
        let covered: Vec<_> = first.evidence["covered_by"]
            .as_array()
            .unwrap()
            .iter()
            .map(|each| each["security_group_rule_id"].clone())
            .collect();
        assert_eq!(json!(covered), json!(covered_by), "{rules:?}");
    }
}

#[test]
fn a_rule_is_not_redundant_while_something_gets_in_by_it_alone() {
    for rules in [
        &[(MAIN, "sg-a"), (MAIN, "0.0.0.0/0")][..],
        &[(MAIN, "sg-a"), (MAIN, "10.0.0.0/8"), (MAIN, "::/0")],
        &[(MAIN, "pl-1"), (MAIN, "10.9.0.0/16")],
        &[(MAIN, "10.9.0.0/24"), (MAIN, "pl-1")],
        &[
            (BOTH, "10.0.0.0/24"),
            (Traffic::Tcp(6378, 6379), "10.0.0.0/25"),
            (Traffic::Tcp(6380, 6381), "10.0.0.128/25"),
        ],
        &[(Traffic::All, "10.0.0.0/24"), (Traffic::Other, "10.0.1.0/24"), (ALL_TCP, "10.0.0.0/16")],
        &[(Traffic::Other, "10.0.0.0/24"), (Traffic::Other, "10.0.0.0/24")],
    ] {
        let expected: &[String] = &[];
        assert_eq!(summaries(&codes::REDUNDANT_RULE, &numbered(rules)), expected, "{rules:?}");
    }
}

#[test]
fn rules_of_another_direction_or_group_cover_nothing() {
    let out = rule("sgr-2", "sg-c", Direction::Egress, Traffic::All, "10.0.0.0/8");
    let rules = [ingress(1, MAIN, "10.0.0.0/16"), out, of_group("sg-d", 3, BOTH, "10.0.0.0/8")];
    assert_eq!(found(&codes::REDUNDANT_RULE, &cache(&["sg-c", "sg-d"]), &known(&rules)), []);
}

#[test]
fn two_groups_with_the_same_rule_are_worth_a_word() {
    let everywhere =
        |group: &str, number: u32| rule(&format!("sgr-{number}"), group, Direction::Egress, Traffic::All, "0.0.0.0/0");
    let rules = [
        of_group("sg-c", 1, BOTH, "sg-a"),
        of_group("sg-d", 2, BOTH, "sg-a"),
        everywhere("sg-c", 3),
        everywhere("sg-d", 4),
    ];
    let findings = audit(&cache(&["sg-c", "sg-d"]), &known(&rules));
    let summaries: Vec<&str> = findings.iter().map(|finding| finding.summary.as_str()).collect();
    assert_eq!(summaries, ["sgr-2 sg-d: tcp 6379-6380 from sg-a is also a rule of sg-c"]);
    assert_eq!(section(findings).status, Status::Ok);
}

#[test]
fn a_rule_that_only_the_internet_covers_stays() {
    let rules = numbered(&[(MAIN, "10.0.1.0/24"), (MAIN, "0.0.0.0/0")]);
    let findings = found(&codes::REDUNDANT_RULE, &cache(&["sg-c"]), &known(&rules));
    assert_eq!(
        findings[0].fix.as_deref(),
        Some("leave sgr-1 (tcp 6379 from 10.0.1.0/24): without sgr-2 (tcp 6379 from 0.0.0.0/0) it is needed")
    );
}

/// Any rule of a small world: four TCP ports, eight addresses and what is around them, two groups, a prefix list.
fn any_rule() -> impl Strategy<Value = Rule> {
    let ports = (0_u16..4, 0_u16..4).prop_map(|(one, other)| Traffic::Tcp(one.min(other), one.max(other)));
    let traffic = prop_oneof![6 => ports, 1 => Just(Traffic::All), 1 => Just(Traffic::Other)];
    let range = (0_u8..8, 29_u8..=32).prop_map(|(last, length)| format!("10.0.0.{last}/{length}"));
    let named = select(vec!["sg-a", "sg-b", "pl-1", "0.0.0.0/0", "::/0"]).prop_map(str::to_owned);
    (traffic, prop_oneof![range, named]).prop_map(|(traffic, peer)| {
        let peer = peer.parse::<IpNet>().map_or(peer, |range| range.trunc().to_string());
        rule("sgr-1", "sg-c", Direction::Ingress, traffic, &peer)
    })
}

/// Whether somebody is let in to a port, `None` for another protocol: one address, or whoever is in a group or list.
fn lets_in(rules: &[&Rule], port: Option<u16>, who: &str) -> bool {
    let of_port = |rule: &&&Rule| port.map_or(rule.traffic == Traffic::All, |port| rule.traffic.covers(port));
    let named = |name: &str| rules.iter().filter(of_port).any(|rule| rule.peer.to_string() == name);
    match who.parse::<IpNet>() {
        Ok(address) => {
            rules.iter().filter(of_port).any(|rule| matches!(&rule.peer, Peer::Range(r) if r.contains(&address)))
        }
        Err(_) => named(who) || named("0.0.0.0/0") && named("::/0"),
    }
}

/// Who is let in where.
fn let_in(rules: &[&Rule]) -> Vec<bool> {
    let addresses = (0..8).map(|last| format!("10.0.0.{last}/32"));
    let others = ["192.0.2.1/32", "2001:db8::1/128", "sg-a", "sg-b", "pl-1"].map(str::to_owned);
    let all: Vec<String> = addresses.chain(others).collect();
    let ports = [Some(0), Some(1), Some(2), Some(3), None];
    ports.iter().flat_map(|port| all.iter().map(|who| lets_in(rules, *port, who))).collect()
}

proptest! {
    #[test]
    fn all_redundant_rules_can_be_taken_away_and_no_other(rules in vec(any_rule(), 0..10)) {
        // Which other protocol a rule is for, is not known: such rules are apart.
        let all: Vec<&Rule> = rules.iter().collect();
        let (needed, redundant) = sorted_out(all.clone());
        prop_assert_eq!(let_in(&needed), let_in(&all));
        for index in (0..needed.len()).filter(|index| needed[*index].traffic != Traffic::Other) {
            let mut fewer = needed.clone();
            fewer.remove(index);
            prop_assert_ne!(let_in(&fewer), let_in(&needed), "{} is not needed", needed[index]);
        }
        for rule in redundant {
            prop_assert!(cover(&covering(&needed, rule), rule));
        }
    }
}
