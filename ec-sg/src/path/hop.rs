//! Hops as they stand in a document: the steps that differ in port, subnet or address family alone, together.

use std::collections::BTreeSet;

use ec_shared::Failure;
use serde::{Deserialize, Serialize};

use super::words::Evidence;
use super::{By, Question, Step, Verdict};
use crate::need::Need;
use crate::segments::Family;
use crate::snapshot::Snapshot;

/// What a hop is about, in the order of travel.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Place {
    /// Both in one VPC.
    Vpc,
    /// An address family that both speak.
    Family,
    /// Out of the client's groups.
    ClientEgress,
    /// Where the client's interfaces are.
    ClientSubnet,
    /// Out through the network ACL of the client's subnet.
    ClientAclOut,
    /// By the route table of the client's subnet to the cache.
    RouteOut,
    /// Where the cache's interfaces are.
    CacheSubnet,
    /// In through the network ACL of the cache's subnet.
    CacheAclIn,
    /// Into the cache's groups.
    CacheIngress,
    /// The answer, out through the network ACL of the cache's subnet.
    CacheAclOut,
    /// The answer, by the route table of the cache's subnet to the client.
    RouteBack,
    /// The answer, in through the network ACL of the client's subnet.
    ClientAclIn,
    /// The cache's name.
    Dns,
}

impl Place {
    /// Whether security groups decide it, which `apply` can open.
    pub fn is_of_groups(self) -> bool {
        matches!(self, Self::ClientEgress | Self::CacheIngress)
    }
}

/// One hop of the path.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Hop {
    /// What it is about.
    pub hop: Place,
    /// The TCP ports of the cache, where the hop is about some of them.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub tcp_ports: Vec<u16>,
    /// The address families, where the cache speaks both and the hop is about some.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub families: Vec<String>,
    /// The subnets of the client's side.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub client_subnet_ids: Vec<String>,
    /// The subnets of the cache's side.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub cache_subnet_ids: Vec<String>,
    /// The answer.
    pub verdict: Verdict,
    /// Why.
    pub detail: String,
    /// What decides.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub decided_by: Vec<Evidence>,
    /// Reachability Analyzer's word for what is wrong.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub aws_code: Option<String>,
    /// The command that would tell what is not known.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub missing: Option<String>,
    /// Why that could not be had.
    #[serde(skip)]
    pub cause: Option<Failure>,
}

/// The hops of the steps of one walk, in the order of travel. Steps are put together that differ in one respect alone:
/// first in the port, then in the family, then in the subnets of either side. So a hop is about all combinations of its
/// ports, families and subnets.
pub(crate) fn hops(steps: &[Step<'_>], question: &Question, snapshot: &Snapshot) -> Vec<Hop> {
    let mut hops: Vec<Hop> = steps.iter().map(|step| of(step, question, snapshot)).collect();
    together(&mut hops, |hop| &mut hop.tcp_ports);
    together(&mut hops, |hop| &mut hop.families);
    together(&mut hops, |hop| &mut hop.cache_subnet_ids);
    together(&mut hops, |hop| &mut hop.client_subnet_ids);
    hops.sort_by_key(|hop| hop.hop);
    hops
}

/// Joins hops that differ in `part` alone.
fn together<T: Clone + PartialEq>(hops: &mut Vec<Hop>, part: impl Fn(&mut Hop) -> &mut Vec<T>) {
    let mut joined: Vec<Hop> = Vec::new();
    for mut hop in hops.drain(..) {
        let own = std::mem::take(part(&mut hop));
        let alike = joined.iter_mut().position(|known| {
            let theirs = std::mem::take(part(known));
            let is_alike = *known == hop && !hop.stands_alone();
            *part(known) = theirs;
            is_alike
        });
        if let Some(index) = alike {
            let theirs = part(&mut joined[index]);
            theirs.extend(own.into_iter().filter(|each| !theirs.contains(each)).collect::<Vec<_>>());
        } else {
            *part(&mut hop) = own;
            joined.push(hop);
        }
    }
    *hops = joined;
}

/// What would have to be asked for an answer.
pub(crate) fn needs<'a>(steps: impl IntoIterator<Item = &'a Step<'a>>) -> BTreeSet<Need> {
    let needs = steps.into_iter().filter_map(|step| match &step.answer.by {
        By::Missing(need) => Some(need.clone()),
        _ => None,
    });
    needs.collect()
}

fn of(step: &Step<'_>, question: &Question, snapshot: &Snapshot) -> Hop {
    let answer = &step.answer;
    let mut hop = Hop {
        hop: step.place,
        tcp_ports: step.port.into_iter().collect(),
        families: step.family.map(Family::word).map(str::to_owned).into_iter().collect(),
        client_subnet_ids: step.from.map(|subnet| subnet.id.clone()).into_iter().collect(),
        cache_subnet_ids: step.to.map(str::to_owned).into_iter().collect(),
        verdict: answer.verdict,
        detail: answer.by.detail(step.place, question),
        decided_by: answer.by.evidence(),
        aws_code: None,
        missing: None,
        cause: None,
    };
    if answer.verdict == Verdict::Intermittent {
        let ports = &question.client.ephemeral;
        hop.detail = format!("only a part of tcp {}-{} passes: {}", ports.start(), ports.end(), hop.detail);
    }
    if question.cache.families.len() < 2 {
        hop.families.clear();
    }
    if !matches!(answer.verdict, Verdict::Yes | Verdict::NotAsked) {
        hop.aws_code = answer.by.aws_code().map(str::to_owned);
    }
    if let By::Missing(need) = &answer.by {
        hop.missing = Some(need.command());
        hop.cause = snapshot.refusal(need).cloned();
        if let Some(cause) = &hop.cause {
            hop.detail = cause.to_string();
        }
    }
    hop
}

impl Hop {
    /// A closed port of the cache is told apart from the others: which of them it is decides how much it matters.
    fn stands_alone(&self) -> bool {
        self.hop == Place::CacheIngress && self.verdict == Verdict::No
    }
}

/// The words of a hop's ports: `6379 and 6380`.
pub(crate) fn ports(hop: &Hop) -> String {
    hop.tcp_ports.iter().map(ToString::to_string).collect::<Vec<_>>().join(" and ")
}
