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
mod tests;
