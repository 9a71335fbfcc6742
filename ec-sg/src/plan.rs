//! The smallest change that opens a path. Pure.
//!
//! One rule for each closed hop, each naming one group on each side. Which group, where a side has several: not the
//! VPC's `default` group if there is another, since everything that names no group carries that one; then one that
//! rules of this path name already; then the first by id.

use std::collections::BTreeSet;

use ec_shared::document::{Change, ChangeState, Section};
use ipnet::IpNet;

use crate::path::{Facts, Hop, Place, Question, Verdict};
use crate::rule::{Direction, Opening, Peer};

/// The rules that are missing. `defaults`: which of the groups are their VPC's default group.
pub fn openings(question: &Question, facts: &Facts, hops: &[Hop], defaults: &BTreeSet<String>) -> Vec<Opening> {
    // Across VPCs a rule alone opens nothing, and one that names a group may not even be possible.
    if is_elsewhere(hops) {
        return Vec::new();
    }
    let cache_group = choose(&question.cache.groups, defaults, |group| {
        facts.rules.iter().any(|rule| {
            rule.group == *group
                && rule.direction == Direction::Ingress
                && question.ports.iter().any(|port| rule.traffic.covers(port.port))
        })
    });
    let client_group = choose(&question.client.groups, defaults, |group| {
        facts.rules.iter().any(|rule| {
            question.cache.groups.contains(&rule.group)
                && rule.direction == Direction::Ingress
                && matches!(&rule.peer, Peer::Group(id) if id == group)
        })
    });
    let mut openings = Vec::new();
    for hop in hops.iter().filter(|hop| matches!(hop.verdict, Verdict::No | Verdict::Unknown)) {
        let (Some(tcp_port), Some(cache_group)) = (hop.tcp_port, cache_group) else { continue };
        match (hop.hop, client_group) {
            (Place::CacheIngress, Some(client_group)) => openings.push(Opening {
                group: cache_group.clone(),
                direction: Direction::Ingress,
                tcp_port,
                peer: Peer::Group(client_group.clone()),
            }),
            (Place::CacheIngress, None) => {
                openings.extend(question.client.addresses.iter().map(|range| Opening {
                    group: cache_group.clone(),
                    direction: Direction::Ingress,
                    tcp_port,
                    peer: Peer::Range(*range),
                }));
            }
            (Place::ClientEgress, Some(client_group)) => openings.push(Opening {
                group: client_group.clone(),
                direction: Direction::Egress,
                tcp_port,
                peer: Peer::Group(cache_group.clone()),
            }),
            (Place::ClientEgress, None) | (Place::Vpc, _) => {}
        }
    }
    openings
}

/// Whether client and cache are not known to be in one VPC.
pub fn is_elsewhere(hops: &[Hop]) -> bool {
    hops.iter().any(|hop| hop.hop == Place::Vpc && hop.verdict == Verdict::Unknown)
}

/// Whether the choice of groups has to know which of them are default groups.
pub fn is_ambiguous(question: &Question) -> bool {
    question.cache.groups.len() > 1 || question.client.groups.len() > 1
}

fn choose<'a>(
    groups: &'a [String],
    defaults: &BTreeSet<String>,
    in_use: impl Fn(&String) -> bool,
) -> Option<&'a String> {
    groups.iter().min_by_key(|group| (defaults.contains(*group), !in_use(group), *group))
}

/// The public part of what is to be opened is judged by these ranges.
pub fn ranges(openings: &[Opening]) -> Vec<IpNet> {
    let range = |opening: &Opening| if let Peer::Range(range) = opening.peer { Some(range) } else { None };
    openings.iter().filter_map(range).collect()
}

/// The change that adds a rule.
pub fn change(question: &Question, opening: &Opening, state: ChangeState) -> Change {
    let purpose = question.ports.iter().find(|port| port.port == opening.tcp_port).map(|port| port.purpose);
    let change = Change::new("create", opening.to_string(), state).after(opening);
    match purpose {
        Some(purpose) => change.reason(purpose),
        None => change,
    }
}

/// The openings that a document plans; `None` where it plans nothing.
///
/// # Errors
/// serde's, for a planned change that is no opening.
pub fn planned(section: &Section) -> Result<Option<Vec<Opening>>, serde_json::Error> {
    let planned = section.changes.iter().filter(|change| change.state == ChangeState::Planned);
    let openings: Result<Vec<Opening>, _> =
        planned.map(|change| serde_json::from_value(change.after.clone().unwrap_or_default())).collect();
    openings.map(|openings| (!openings.is_empty()).then_some(openings))
}

/// What the openings do, in a few words: `adds tcp 6379 and 6380 from sg-app to sg-cache`.
pub fn in_words(openings: &[Opening]) -> String {
    let mut groups: Vec<(String, Vec<String>)> = Vec::new();
    for Opening { group, direction, tcp_port, peer } in openings {
        let place = match direction {
            Direction::Ingress => format!("from {peer} to {group}"),
            Direction::Egress => format!("out of {group} to {peer}"),
        };
        match groups.iter_mut().find(|(known, _)| *known == place) {
            Some((_, ports)) => ports.push(tcp_port.to_string()),
            None => groups.push((place, vec![tcp_port.to_string()])),
        }
    }
    let parts: Vec<String> =
        groups.into_iter().map(|(place, ports)| format!("tcp {} {place}", ports.join(" and "))).collect();
    format!("adds {}", parts.join(", "))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::fake::rule;
    use crate::path::{Family, Side, status, walk};
    use crate::ports::Port;
    use crate::rule::{Rule, Traffic};
    use ec_shared::document::Status;

    fn question(cache: &[&str], client: &[&str], addresses: &[&str]) -> Question {
        let side = |groups: &[&str], addresses: &[&str]| Side {
            vpc: (!groups.is_empty()).then(|| "vpc-1".into()),
            groups: groups.iter().map(ToString::to_string).collect(),
            addresses: addresses.iter().map(|net| net.parse().unwrap()).collect(),
        };
        let port = |port, second| Port { port, protocol: "tcp", purpose: "", second };
        Question {
            cache_name: "orders".into(),
            cache: side(cache, &[]),
            client: side(client, addresses),
            ports: vec![port(6379, false), port(6380, true)],
            families: vec![Family::V4],
        }
    }

    fn facts(rules: Vec<Rule>) -> Facts {
        let cache_subnets = Some(Ok(vec!["10.0.2.0/24".parse().unwrap()]));
        Facts { rules, lists: std::collections::BTreeMap::new(), cache_subnets }
    }

    fn planned(question: &Question, rules: Vec<Rule>, defaults: &[&str]) -> Vec<String> {
        let facts = facts(rules);
        let defaults = defaults.iter().map(ToString::to_string).collect();
        openings(question, &facts, &walk(question, &facts), &defaults).iter().map(ToString::to_string).collect()
    }

    fn all_out(group: &str) -> Rule {
        rule("sgr-out", group, Direction::Egress, Traffic::All, "0.0.0.0/0")
    }

    #[test]
    fn one_rule_for_each_closed_port_and_nothing_wider() {
        let question = question(&["sg-c"], &["sg-a"], &["10.0.1.15/32"]);
        assert_eq!(
            planned(&question, vec![all_out("sg-a")], &[]),
            ["sg-c ingress tcp 6379 from sg-a", "sg-c ingress tcp 6380 from sg-a"]
        );
        assert_eq!(
            planned(&question, vec![], &[]),
            [
                "sg-a egress tcp 6379 to sg-c",
                "sg-a egress tcp 6380 to sg-c",
                "sg-c ingress tcp 6379 from sg-a",
                "sg-c ingress tcp 6380 from sg-a"
            ]
        );
    }

    #[test]
    fn a_range_is_admitted_as_that_range() {
        let question = question(&["sg-c"], &[], &["10.0.0.0/16"]);
        assert_eq!(
            planned(&question, vec![], &[]),
            ["sg-c ingress tcp 6379 from 10.0.0.0/16", "sg-c ingress tcp 6380 from 10.0.0.0/16"]
        );
    }

    #[test]
    fn of_several_groups_not_the_default_one_then_the_one_in_use_then_the_first() {
        let question = question(&["sg-c", "sg-b"], &["sg-z", "sg-y", "sg-x"], &[]);
        let first = |rules: Vec<Rule>, defaults: &[&str]| planned(&question, rules, defaults).pop().unwrap();
        assert_eq!(first(vec![all_out("sg-x")], &[]), "sg-b ingress tcp 6380 from sg-x");
        assert_eq!(first(vec![all_out("sg-x")], &["sg-x", "sg-b"]), "sg-c ingress tcp 6380 from sg-y");
        let in_use = rule("sgr-1", "sg-c", Direction::Ingress, Traffic::Tcp(6379, 6379), "sg-z");
        assert_eq!(first(vec![all_out("sg-x"), in_use.clone()], &[]), "sg-c ingress tcp 6380 from sg-z");
        assert_eq!(first(vec![all_out("sg-x"), in_use], &["sg-z"]), "sg-c ingress tcp 6380 from sg-x");
    }

    #[test]
    fn across_vpcs_no_rule_is_planned() {
        let mut question = question(&["sg-c"], &["sg-a"], &[]);
        question.client.vpc = Some("vpc-2".into());
        assert!(planned(&question, vec![], &[]).is_empty());
    }

    #[test]
    fn openings_in_words() {
        let question = question(&["sg-c"], &["sg-a"], &["10.0.1.15/32"]);
        let facts = facts(vec![all_out("sg-a")]);
        let openings = openings(&question, &facts, &walk(&question, &facts), &BTreeSet::new());
        assert_eq!(in_words(&openings), "adds tcp 6379 and 6380 from sg-a to sg-c");
    }

    fn any_rule() -> impl Strategy<Value = Rule> {
        let group = prop::sample::select(vec!["sg-a", "sg-b", "sg-c", "sg-d", "sg-x"]);
        let peer = prop::sample::select(vec![
            "sg-a",
            "sg-b",
            "sg-c",
            "sg-x",
            "0.0.0.0/0",
            "10.0.0.0/16",
            "10.0.1.0/24",
            "10.0.2.0/25",
            "10.0.2.128/25",
        ]);
        let traffic = prop::sample::select(vec![
            Traffic::All,
            Traffic::Other,
            Traffic::Tcp(6379, 6379),
            Traffic::Tcp(6379, 6380),
            Traffic::Tcp(22, 22),
        ]);
        (group, peer, traffic, any::<bool>()).prop_map(|(group, peer, traffic, ingress)| {
            rule("sgr-0", group, if ingress { Direction::Ingress } else { Direction::Egress }, traffic, peer)
        })
    }

    proptest! {
        /// What is planned opens the path, and none of it could be left out.
        #[test]
        fn the_plan_is_enough_and_no_part_of_it_is(
            rules in prop::collection::vec(any_rule(), 0..6),
            client in prop::sample::select(vec![&["sg-a"][..], &["sg-a", "sg-b"], &["sg-c"], &[]]),
        ) {
            let question = question(&["sg-c", "sg-d"], client, &["10.0.1.15/32"]);
            let facts = facts(rules);
            let openings = openings(&question, &facts, &walk(&question, &facts), &BTreeSet::new());
            let with = |openings: &[&Opening]| {
                let mut facts = facts.clone();
                facts.rules.extend(openings.iter().map(|opening| Rule {
                    id: "sgr-new".into(),
                    group: opening.group.clone(),
                    direction: opening.direction,
                    traffic: Traffic::Tcp(opening.tcp_port, opening.tcp_port),
                    peer: opening.peer.clone(),
                    tag: None,
                }));
                status(&walk(&question, &facts))
            };
            let all: Vec<&Opening> = openings.iter().collect();
            prop_assert_eq!(with(&all), Status::Ok);
            for left_out in 0..all.len() {
                let mut fewer = all.clone();
                fewer.remove(left_out);
                prop_assert_ne!(with(&fewer), Status::Ok);
            }
        }
    }
}
