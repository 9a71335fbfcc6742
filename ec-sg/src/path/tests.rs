//! Which rules open a hop, which do not, and when nobody can tell.

use super::*;
use crate::fake::rule;
use crate::rule::Traffic;

const V4: &[Family] = &[Family::V4];
const BOTH: &[Family] = &[Family::V4, Family::V6];

fn question(client_groups: &[&str], addresses: &[&str], families: &[Family]) -> Question {
    let owned = |list: &[&str]| list.iter().map(ToString::to_string).collect();
    Question {
        cache_name: "orders".into(),
        cache: Side { vpc: Some("vpc-1".into()), groups: vec!["sg-c".into(), "sg-d".into()], addresses: vec![] },
        client: Side {
            vpc: Some("vpc-1".into()),
            groups: owned(client_groups),
            addresses: addresses.iter().map(|net| net.parse().unwrap()).collect(),
        },
        ports: vec![Port { port: 6379, protocol: "tcp", purpose: "", second: false }],
        families: families.to_vec(),
    }
}

/// The verdict on one hop of the scene's question, given rules as (group, traffic, peer).
fn ingress(question: &Question, rules: &[(&str, Traffic, &str)], lists: &[(&str, &[&str])]) -> Hop {
    hop(question, Direction::Ingress, rules, lists, None)
}

fn hop(
    question: &Question,
    direction: Direction,
    rules: &[(&str, Traffic, &str)],
    lists: &[(&str, &[&str])],
    subnets: Option<&[&str]>,
) -> Hop {
    let nets = |list: &[&str]| list.iter().map(|net| net.parse().unwrap()).collect::<Vec<IpNet>>();
    let rules = rules.iter().enumerate();
    let facts = Facts {
        rules: rules
            .map(|(at, (group, traffic, peer))| rule(&format!("sgr-{at}"), group, direction, *traffic, peer))
            .collect(),
        lists: lists.iter().map(|(id, list)| ((*id).to_owned(), Ok(nets(list)))).collect(),
        cache_subnets: subnets.map(|subnets| Ok(nets(subnets))),
    };
    through(question, &facts, direction, 6379)
}

const TCP: Traffic = Traffic::Tcp(6379, 6379);

#[test]
fn an_equal_or_wider_rule_of_any_of_the_caches_groups_admits_an_instance() {
    let instance = question(&["sg-a", "sg-b"], &["10.0.1.15/32"], V4);
    for (group, traffic, peer) in [
        ("sg-c", TCP, "sg-a"),
        ("sg-d", TCP, "sg-b"),
        ("sg-c", Traffic::Tcp(6379, 6380), "sg-a"),
        ("sg-c", Traffic::Tcp(0, 65535), "10.0.0.0/16"),
        ("sg-c", Traffic::All, "sg-a"),
        ("sg-c", TCP, "10.0.1.15/32"),
        ("sg-c", TCP, "0.0.0.0/0"),
    ] {
        assert_eq!(
            ingress(&instance, &[(group, traffic, peer)], &[]).verdict,
            Verdict::Yes,
            "{group} {traffic} {peer}"
        );
    }
}

#[test]
fn a_rule_of_another_group_port_protocol_or_range_does_not() {
    let instance = question(&["sg-a"], &["10.0.1.15/32"], V4);
    for (group, traffic, peer) in [
        ("sg-x", TCP, "sg-a"),
        ("sg-c", TCP, "sg-x"),
        ("sg-c", Traffic::Tcp(6380, 6380), "sg-a"),
        ("sg-c", Traffic::Other, "sg-a"),
        ("sg-c", TCP, "10.0.2.0/24"),
        ("sg-c", TCP, "::/0"),
    ] {
        assert_eq!(ingress(&instance, &[(group, traffic, peer)], &[]).verdict, Verdict::No, "{group} {traffic} {peer}");
    }
}

#[test]
fn client_and_cache_in_one_group_need_its_self_rule() {
    let same = question(&["sg-c"], &["10.0.1.15/32"], V4);
    assert_eq!(ingress(&same, &[("sg-c", Traffic::All, "sg-c")], &[]).verdict, Verdict::Yes);
    assert_eq!(ingress(&same, &[], &[]).verdict, Verdict::No);
}

#[test]
fn ranges_count_together() {
    let range = question(&[], &["10.0.0.0/8"], V4);
    let halves = [("sg-c", TCP, "10.0.0.0/9"), ("sg-d", TCP, "10.128.0.0/9")];
    let both = ingress(&range, &halves, &[]);
    assert_eq!((both.verdict, both.rule_ids), (Verdict::Yes, vec!["sgr-0".to_owned(), "sgr-1".to_owned()]));
    assert_eq!(ingress(&range, &halves[..1], &[]).verdict, Verdict::No);
}

#[test]
fn every_address_of_a_family_that_the_cache_speaks_has_to_be_admitted() {
    let addresses = &["10.0.1.15/32", "2001:db8::1/128"];
    let v4_only = [("sg-c", TCP, "10.0.0.0/16")];
    assert_eq!(ingress(&question(&["sg-a"], addresses, V4), &v4_only, &[]).verdict, Verdict::Yes);
    assert_eq!(ingress(&question(&["sg-a"], addresses, BOTH), &v4_only, &[]).verdict, Verdict::No);
    let both = [v4_only[0], ("sg-c", TCP, "2001:db8::/64")];
    assert_eq!(ingress(&question(&["sg-a"], addresses, BOTH), &both, &[]).verdict, Verdict::Yes);
}

#[test]
fn a_group_is_admitted_by_name_or_with_everybody() {
    let group = question(&["sg-a"], &[], V4);
    assert_eq!(ingress(&group, &[("sg-c", TCP, "sg-a")], &[]).verdict, Verdict::Yes);
    assert_eq!(ingress(&group, &[("sg-c", TCP, "0.0.0.0/0")], &[]).verdict, Verdict::Yes);
    assert_eq!(ingress(&group, &[("sg-c", TCP, "10.0.0.0/8")], &[]).verdict, Verdict::No);
    let dual = question(&["sg-a"], &[], BOTH);
    assert_eq!(ingress(&dual, &[("sg-c", TCP, "0.0.0.0/0")], &[]).verdict, Verdict::No);
}

#[test]
fn a_prefix_list_is_asked_for_only_if_it_could_decide_and_then_decides() {
    let instance = question(&["sg-a"], &["10.0.1.15/32"], V4);
    let list = ("sg-c", TCP, "pl-1");
    let asked = ingress(&instance, &[list], &[]);
    assert_eq!(asked.needs, BTreeSet::from([Need::PrefixList("pl-1".into())]));
    assert!(ingress(&instance, &[list, ("sg-c", TCP, "sg-a")], &[]).needs.is_empty());
    assert!(ingress(&instance, &[("sg-c", Traffic::Other, "pl-1")], &[]).needs.is_empty());
    assert_eq!(ingress(&instance, &[list], &[("pl-1", &["10.0.0.0/16"])]).verdict, Verdict::Yes);
    assert_eq!(ingress(&instance, &[list], &[("pl-1", &["10.9.0.0/16"])]).verdict, Verdict::No);
}

#[test]
fn a_prefix_list_that_cannot_be_read_leaves_the_hop_unknown() {
    let denied = Failure::new(&ec_shared::codes::ACCESS_DENIED, "cannot read prefix list pl-1");
    let facts = Facts {
        rules: vec![rule("sgr-1", "sg-c", Direction::Ingress, TCP, "pl-1")],
        lists: BTreeMap::from([("pl-1".to_owned(), Err(denied))]),
        cache_subnets: None,
    };
    let hop = through(&question(&["sg-a"], &["10.0.1.15/32"], V4), &facts, Direction::Ingress, 6379);
    assert_eq!((hop.verdict, hop.detail.as_str()), (Verdict::Unknown, "cannot read prefix list pl-1"));
}

#[test]
fn egress_leads_to_the_caches_groups_to_everybody_or_to_all_of_its_subnets() {
    let instance = question(&["sg-a", "sg-b"], &["10.0.1.15/32"], V4);
    let egress = |rules: &[_], subnets| hop(&instance, Direction::Egress, rules, &[], subnets);
    assert_eq!(egress(&[("sg-a", Traffic::All, "0.0.0.0/0")], None).verdict, Verdict::Yes);
    assert_eq!(egress(&[("sg-b", TCP, "sg-d")], None).verdict, Verdict::Yes);
    assert_eq!(egress(&[("sg-a", Traffic::Tcp(443, 443), "0.0.0.0/0")], None).verdict, Verdict::No);
    assert_eq!(egress(&[], None).verdict, Verdict::No);
    let narrow = [("sg-a", TCP, "10.0.2.0/24")];
    assert_eq!(egress(&narrow, None).needs, BTreeSet::from([Need::CacheSubnets]));
    assert_eq!(egress(&narrow, Some(&["10.0.2.0/24"])).verdict, Verdict::Yes);
    assert_eq!(egress(&narrow, Some(&["10.0.2.0/24", "10.0.3.0/24"])).verdict, Verdict::Unknown);
    assert_eq!(egress(&narrow, Some(&["10.0.3.0/24"])).verdict, Verdict::No);
}

#[test]
fn the_egress_of_a_range_is_not_asked_for() {
    let range = question(&[], &["10.0.0.0/8"], V4);
    assert_eq!(hop(&range, Direction::Egress, &[], &[], None).verdict, Verdict::NotAsked);
}

#[test]
fn a_cache_without_reported_groups_is_unknown_not_closed() {
    let mut nameless = question(&["sg-a"], &[], V4);
    nameless.cache.groups.clear();
    assert_eq!(ingress(&nameless, &[], &[]).verdict, Verdict::Unknown);
}

#[test]
fn another_vpc_is_unknown_because_nobody_looked_for_a_way() {
    let mut elsewhere = question(&["sg-a"], &[], V4);
    elsewhere.client.vpc = Some("vpc-2".into());
    assert_eq!(vpc(&elsewhere).verdict, Verdict::Unknown);
    assert_eq!(vpc(&question(&["sg-a"], &[], V4)).verdict, Verdict::Yes);
    let mut range = question(&[], &["10.0.0.0/8"], V4);
    range.client.vpc = None;
    assert_eq!(vpc(&range).verdict, Verdict::NotAsked);
}
