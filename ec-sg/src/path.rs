//! The path from client to cache, hop by hop, as far as security groups decide it. Pure.
//!
//! Security groups only allow; the rules of all groups of an interface count together. So a hop is open if the rules of
//! any of its groups, alone or together, let one TCP port through to every address of the other side.

use std::collections::{BTreeMap, BTreeSet};

use ec_shared::Failure;
use ec_shared::document::Status;
use ipnet::IpNet;
use serde::{Deserialize, Serialize};

use crate::ports::Port;
use crate::rule::{Direction, Peer, Rule};

/// Who wants to reach what.
#[derive(Clone, Debug)]
pub struct Question {
    /// The name of the cache.
    pub cache_name: String,
    /// The cache's side.
    pub cache: Side,
    /// The client's side.
    pub client: Side,
    /// The ports that are to be reached.
    pub ports: Vec<Port>,
    /// The address families that the cache speaks: IPv4, IPv6 or both.
    pub families: Vec<Family>,
}

/// One side of the path.
#[derive(Clone, Debug, Default)]
pub struct Side {
    /// The VPC, where it is known.
    pub vpc: Option<String>,
    /// The security groups on its interfaces.
    pub groups: Vec<String>,
    /// Its addresses, where they are known.
    pub addresses: Vec<IpNet>,
}

/// An address family.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Family {
    /// IPv4.
    V4,
    /// IPv6.
    V6,
}

impl Family {
    /// The family of a range.
    pub fn of(range: &IpNet) -> Self {
        match range {
            IpNet::V4(_) => Self::V4,
            IpNet::V6(_) => Self::V6,
        }
    }

    fn everything(self) -> IpNet {
        match self {
            Self::V4 => IpNet::V4(ipnet::Ipv4Net::default()),
            Self::V6 => IpNet::V6(ipnet::Ipv6Net::default()),
        }
    }
}

/// What AWS says, as far as it was asked.
#[derive(Clone, Debug, Default)]
pub struct Facts {
    /// The rules of all groups of both sides.
    pub rules: Vec<Rule>,
    /// The prefix lists that were asked for.
    pub lists: BTreeMap<String, Result<Vec<IpNet>, Failure>>,
    /// The ranges of the cache's subnets, if they were asked for.
    pub cache_subnets: Option<Result<Vec<IpNet>, Failure>>,
}

/// A fact that would decide, and was not asked for yet.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Need {
    /// The entries of a prefix list.
    PrefixList(String),
    /// The ranges of the cache's subnets.
    CacheSubnets,
}

/// What a hop is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Place {
    /// Both in one VPC.
    Vpc,
    /// Out of the client's groups.
    ClientEgress,
    /// Into the cache's groups.
    CacheIngress,
}

/// The answer for one hop.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Verdict {
    /// Open.
    Yes,
    /// Closed.
    No,
    /// Not determined; the detail says what is missing.
    Unknown,
    /// Not asked, because nothing could answer.
    NotAsked,
}

/// One hop of the path.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Hop {
    /// What it is about.
    pub hop: Place,
    /// The TCP port, for the hops through security groups.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tcp_port: Option<u16>,
    /// The answer.
    pub verdict: Verdict,
    /// Why.
    pub detail: String,
    /// The rules that decide.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub rule_ids: Vec<String>,
    /// What would have to be asked for an answer.
    #[serde(skip)]
    pub needs: BTreeSet<Need>,
    /// Why a fact that would decide could not be had.
    #[serde(skip)]
    pub cause: Option<Failure>,
}

impl Hop {
    fn new(hop: Place, verdict: Verdict, detail: impl Into<String>) -> Self {
        let detail = detail.into();
        Self { hop, tcp_port: None, verdict, detail, rule_ids: Vec::new(), needs: BTreeSet::new(), cause: None }
    }
}

/// Walks the path: the VPC, then for every port out of the client's groups and into the cache's.
pub fn walk(question: &Question, facts: &Facts) -> Vec<Hop> {
    let mut hops = vec![vpc(question)];
    for direction in [Direction::Egress, Direction::Ingress] {
        hops.extend(question.ports.iter().map(|port| through(question, facts, direction, port.port)));
    }
    hops
}

/// The answer for the whole path: no if one hop is closed, unknown if one could not be determined.
pub fn status(hops: &[Hop]) -> Status {
    let any = |verdict| hops.iter().any(|hop| hop.verdict == verdict);
    if any(Verdict::No) {
        Status::No
    } else if any(Verdict::Unknown) {
        Status::Unknown
    } else {
        Status::Ok
    }
}

fn vpc(question: &Question) -> Hop {
    let hop = |verdict, detail: &str| Hop::new(Place::Vpc, verdict, detail);
    match (&question.client.vpc, &question.cache.vpc) {
        (Some(client), Some(cache)) if client == cache => hop(Verdict::Yes, cache),
        (Some(client), Some(cache)) => hop(
            Verdict::Unknown,
            &format!(
                "the client is in {client}, the cache in {cache}; peering, transit gateways and VPNs are not looked at"
            ),
        ),
        (None, _) if question.client.groups.is_empty() => hop(Verdict::NotAsked, "an address range names no VPC"),
        (None, _) => hop(Verdict::Unknown, "the client's VPC is not known"),
        (_, None) => hop(Verdict::Unknown, "the cache's VPC is not known"),
    }
}

/// Whether the rules of one side let TCP to `port` through to all of the other side.
fn through(question: &Question, facts: &Facts, direction: Direction, port: u16) -> Hop {
    let (place, own, other) = match direction {
        Direction::Ingress => (Place::CacheIngress, &question.cache, &question.client),
        Direction::Egress => (Place::ClientEgress, &question.client, &question.cache),
    };
    let mut hop = Hop::new(place, Verdict::No, no_rule(question, direction));
    hop.tcp_port = Some(port);
    if own.groups.is_empty() {
        (hop.verdict, hop.detail) = match direction {
            Direction::Ingress => {
                (Verdict::Unknown, format!("the API reports no security group of {}", question.cache_name))
            }
            Direction::Egress => (Verdict::NotAsked, "which groups an address range carries is not known".to_owned()),
        };
        return hop;
    }
    let rules: Vec<&Rule> =
        facts.rules.iter().filter(|rule| rule.direction == direction && rule.traffic.covers(port)).collect();
    let rules: Vec<&Rule> = rules.into_iter().filter(|rule| own.groups.contains(&rule.group)).collect();
    if let Some(rule) = rules.iter().find(|rule| matches!(&rule.peer, Peer::Group(id) if other.groups.contains(id))) {
        return open(hop, &[rule]);
    }
    let reach = Reach::of(&rules, facts);
    let everything: Vec<IpNet> = question.families.iter().map(|family| family.everything()).collect();
    if let Some(rules) = reach.all_of(&everything) {
        return open(hop, &rules);
    }
    let spoken = |nets: &[IpNet]| -> Vec<IpNet> {
        nets.iter().copied().filter(|net| question.families.contains(&Family::of(net))).collect()
    };
    let wanted = match direction {
        Direction::Ingress => Ok(spoken(&other.addresses)),
        // The cache's addresses lie somewhere in its subnets.
        Direction::Egress if reach.is_empty() => Ok(Vec::new()),
        Direction::Egress => match &facts.cache_subnets {
            Some(subnets) => subnets.as_deref().map(spoken).map_err(Some),
            None => Err(None),
        },
    };
    match wanted {
        Ok(wanted) if wanted.is_empty() => return hop,
        Ok(wanted) => {
            if let Some(rules) = reach.all_of(&wanted) {
                return open(hop, &rules);
            }
            if direction == Direction::Egress && reach.some_of(&wanted) {
                hop.verdict = Verdict::Unknown;
                hop.detail = format!(
                    "{} leads to a part of the cache's subnets, and no API tells the cache's addresses in them",
                    question.client.groups.join(", ")
                );
            }
        }
        Err(None) => _ = hop.needs.insert(Need::CacheSubnets),
        Err(Some(failure)) => hop.cause = Some(failure.clone()),
    }
    hop.needs.extend(reach.needs);
    hop.cause = hop.cause.or(reach.cause);
    if let Some(cause) = &hop.cause {
        hop.verdict = Verdict::Unknown;
        hop.detail = cause.to_string();
    }
    hop
}

fn open(mut hop: Hop, rules: &[&Rule]) -> Hop {
    hop.verdict = Verdict::Yes;
    hop.detail = rules.iter().map(ToString::to_string).collect::<Vec<_>>().join("; ");
    hop.rule_ids = rules.iter().map(|rule| rule.id.clone()).collect();
    hop
}

fn no_rule(question: &Question, direction: Direction) -> String {
    let names = |groups: &[String]| groups.join(" or ");
    let client = if question.client.groups.is_empty() {
        question.client.addresses.iter().map(ToString::to_string).collect::<Vec<_>>().join(", ")
    } else {
        names(&question.client.groups)
    };
    match direction {
        Direction::Ingress => format!("no rule of {} admits {client}", names(&question.cache.groups)),
        Direction::Egress => format!("no rule of {client} leads to {}", names(&question.cache.groups)),
    }
}

/// The ranges that a set of rules reaches.
struct Reach<'a> {
    ranges: Vec<(IpNet, &'a Rule)>,
    merged: Vec<IpNet>,
    /// Lists that were not asked for.
    needs: BTreeSet<Need>,
    /// Why a list could not be had.
    cause: Option<Failure>,
}

impl<'a> Reach<'a> {
    fn of(rules: &[&'a Rule], facts: &Facts) -> Self {
        let mut reach = Self { ranges: Vec::new(), merged: Vec::new(), needs: BTreeSet::new(), cause: None };
        for rule in rules {
            match &rule.peer {
                Peer::Group(_) => {}
                Peer::Range(range) => reach.ranges.push((*range, rule)),
                Peer::PrefixList(id) => match facts.lists.get(id) {
                    Some(Ok(ranges)) => reach.ranges.extend(ranges.iter().map(|range| (*range, *rule))),
                    Some(Err(failure)) => reach.cause = Some(failure.clone()),
                    None => _ = reach.needs.insert(Need::PrefixList(id.clone())),
                },
            }
        }
        // Two halves side by side are one range.
        reach.merged = IpNet::aggregate(&reach.ranges.iter().map(|(range, _)| *range).collect());
        reach
    }

    fn is_empty(&self) -> bool {
        self.ranges.is_empty() && self.needs.is_empty() && self.cause.is_none()
    }

    /// The rules that reach all of `wanted`: one rule if one is enough, else all that have a part in it.
    fn all_of(&self, wanted: &[IpNet]) -> Option<Vec<&'a Rule>> {
        if !wanted.iter().all(|net| self.merged.iter().any(|range| range.contains(net))) {
            return None;
        }
        let alone = self.ranges.iter().find(|(range, _)| wanted.iter().all(|net| range.contains(net)));
        if let Some((_, rule)) = alone {
            return Some(vec![rule]);
        }
        let mut rules: Vec<&Rule> = Vec::new();
        for (range, rule) in &self.ranges {
            if wanted.iter().any(|net| overlap(range, net)) && !rules.contains(rule) {
                rules.push(rule);
            }
        }
        Some(rules)
    }

    fn some_of(&self, wanted: &[IpNet]) -> bool {
        self.merged.iter().any(|range| wanted.iter().any(|net| overlap(range, net)))
    }
}

fn overlap(one: &IpNet, other: &IpNet) -> bool {
    one.contains(other) || other.contains(one)
}

#[cfg(test)]
mod tests {
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
            assert_eq!(
                ingress(&instance, &[(group, traffic, peer)], &[]).verdict,
                Verdict::No,
                "{group} {traffic} {peer}"
            );
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
}
