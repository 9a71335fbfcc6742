//! The smallest change that opens a path. Pure.
//!
//! One change for each closed hop, each as narrow as the flow: security-group rules, which `apply` writes, and what has to
//! be changed about network ACLs, routes and connections between VPCs, which is for whoever owns the network.
//!
//! A rule names one group on each side. Which group, where a side has several: not one that the ElastiCache console looks
//! after, not the VPC's `default` group if there is another, since everything that names no group carries that one; then
//! one that rules of this path name already; then the first by id.

mod network;

use std::collections::BTreeSet;

use ec_shared::document::{Change, ChangeState, Section};
use ipnet::IpNet;
use serde::{Deserialize, Serialize};

pub(crate) use network::ByOthers;

use crate::need::Need;
use crate::network::Group;
use crate::path::{By, ClientKind, Link, Place, Question, Step, Verdict};
use crate::rule::{Direction, GroupRef, Opening, Peer};
use crate::segments::Family;
use crate::snapshot::Snapshot;

/// One change.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Mend {
    /// A rule that `apply` adds.
    Open(Opening),
    /// A group that `apply` gives the client.
    Attach(Attach),
    /// Something that is not for `apply`.
    ByOthers(ByOthers),
}

/// A security group that the client's interface is to carry. In a document it stands in a change as `after`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Attach {
    /// The interface.
    pub(crate) network_interface_id: String,
    /// The group that it is given.
    pub(crate) security_group_id: String,
}

impl Attach {
    /// The name of the change in a document: `sg-1 to eni-1`.
    pub(crate) fn resource(&self) -> String {
        format!("{} to {}", self.security_group_id, self.network_interface_id)
    }
}

/// The groups that new rules name.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Choice {
    pub(crate) cache: Option<String>,
    pub(crate) client: Option<GroupRef>,
}

impl Choice {
    /// Chooses; `None` on a side that has no group to choose.
    pub(crate) fn of(question: &Question, known: &Snapshot) -> Self {
        let rank = |id: &str| {
            let group = known.group(id).ok().flatten();
            (group.is_some_and(Group::is_of_console), group.is_some_and(Group::is_default))
        };
        let rules = |group: &str| known.rules(group).unwrap_or_default();
        let admits = |group: &String| {
            rules(group).iter().any(|rule| {
                rule.direction == Direction::Ingress
                    && question.cache.ports.iter().any(|port| rule.traffic.covers(port.port))
            })
        };
        let is_admitted = |group: &GroupRef| {
            question.cache.groups.iter().flat_map(|each| rules(each)).any(|rule| {
                rule.direction == Direction::Ingress && matches!(&rule.peer, Peer::Group(named) if named == group)
            })
        };
        let cache = question.cache.groups.iter().min_by_key(|group| (rank(group), !admits(group), (*group).clone()));
        let client = question.client.groups.iter().filter(|_| question.client.kind != ClientKind::Ranges);
        let client = client.min_by_key(|group| (rank(&group.id), !is_admitted(group), group.id.clone()));
        // A group of the console's alone: the console would no longer know it as its own.
        let is_free = |id: &str| !rank(id).0;
        Self {
            cache: cache.filter(|id| is_free(id)).cloned(),
            client: client.filter(|group| is_free(&group.id)).cloned(),
        }
    }
}

/// The changes that open the path: `steps` are those of a walk, `link` what there is between the VPCs.
pub(crate) fn mends(
    question: &Question,
    known: &Snapshot,
    steps: &[Step<'_>],
    link: Link,
    choice: &Choice,
) -> Vec<Mend> {
    let network = network::mends(question, known, steps);
    // Between VPCs that no change of ours would join, rules would open nothing.
    let openings = if network::is_hopeless(question, known, steps) {
        Vec::new()
    } else {
        openings(question, known, steps, link, choice)
    };
    openings.into_iter().map(Mend::Open).chain(network.into_iter().map(Mend::ByOthers)).collect()
}

/// The rules that are missing.
fn openings(question: &Question, known: &Snapshot, steps: &[Step<'_>], link: Link, choice: &Choice) -> Vec<Opening> {
    let mut openings: Vec<Opening> = Vec::new();
    for step in steps.iter().filter(|step| is_open_question(step)) {
        let (Some(tcp_port), Some(cache_group)) = (step.port, &choice.cache) else { continue };
        let (group, direction, peers) = match step.place {
            Place::CacheIngress => (cache_group.clone(), Direction::Ingress, ingress_peers(question, link, choice)),
            Place::ClientEgress => {
                let Some(client) = &choice.client else { continue };
                let peers = egress_peers(question, known, link, cache_group);
                (client.id.clone(), Direction::Egress, peers)
            }
            _ => continue,
        };
        openings.extend(peers.into_iter().map(|peer| Opening { group: group.clone(), direction, tcp_port, peer }));
    }
    openings
}

/// Whether the rule that would make the step certain can be named: not where the rules themselves could not be read.
fn is_open_question(step: &Step<'_>) -> bool {
    use crate::need::Need;
    match (step.answer.verdict, &step.answer.by) {
        (Verdict::Unknown, By::Missing(Need::Rules(_))) => false,
        (verdict, _) => verdict.is_closed() || verdict == Verdict::Unknown,
    }
}

fn ingress_peers(question: &Question, link: Link, choice: &Choice) -> Vec<Peer> {
    if let Some(list) = &question.client.prefix_list {
        return vec![Peer::PrefixList(list.clone())];
    }
    match &choice.client {
        Some(group) if link != Link::None => vec![Peer::Group(group.clone())],
        _ => {
            let spoken = |range: &&IpNet| question.cache.families.contains(&Family::of(range));
            IpNet::aggregate(&question.client.addresses.iter().filter(spoken).copied().collect())
                .into_iter()
                .map(Peer::Range)
                .collect()
        }
    }
}

fn egress_peers(question: &Question, known: &Snapshot, link: Link, cache_group: &str) -> Vec<Peer> {
    if link == Link::Any {
        return vec![Peer::Group(GroupRef::of(cache_group))];
    }
    let ranges: Vec<IpNet> =
        question.cache.subnets.iter().flat_map(|subnet| network::cache_ranges(question, known, subnet, None)).collect();
    IpNet::aggregate(&ranges).into_iter().map(Peer::Range).collect()
}

/// The public part of what is to be opened is judged by these ranges.
pub(crate) fn ranges(openings: &[Opening]) -> Vec<IpNet> {
    let range = |opening: &Opening| if let Peer::Range(range) = opening.peer { Some(range) } else { None };
    openings.iter().filter_map(range).collect()
}

/// The change that adds a rule.
pub(crate) fn change(question: &Question, opening: &Opening, state: ChangeState) -> Change {
    let purpose = question.cache.ports.iter().find(|port| port.port == opening.tcp_port).map(|port| port.purpose);
    let change = Change::new("create", opening.to_string(), state).after(opening);
    match purpose {
        Some(purpose) => change.reason(purpose),
        None => change,
    }
}

/// The change that gives the client a group.
pub(crate) fn attach_change(attach: &Attach, state: ChangeState) -> Change {
    Change::new("attach", attach.resource(), state)
        .id(&attach.network_interface_id)
        .after(attach)
        .reason("the client is admitted by the rules that name this group")
}

/// What a document plans, and `apply` does.
#[derive(Clone, Debug, Default)]
pub(crate) struct Planned {
    pub(crate) openings: Vec<Opening>,
    /// Those of them that an earlier run has written without learning what became of it.
    pub(crate) unsure: Vec<Opening>,
    pub(crate) attaches: Vec<Attach>,
}

/// What a document plans and `apply` does; `None` where it plans nothing. What an earlier `apply` has begun in vain, or does
/// not know to be done, is still to be done.
///
/// # Errors
/// serde's, for a planned change that is neither a rule nor a group to attach.
pub(crate) fn planned(section: &Section) -> Result<Option<Planned>, serde_json::Error> {
    use ChangeState::{Failed, Planned as NotBegun, Unknown};
    let ours = |change: &&Change| matches!(change.state, NotBegun | Failed | Unknown) && change.run.is_none();
    let mut planned = Planned::default();
    for change in section.changes.iter().filter(ours) {
        let after = change.after.clone().unwrap_or_default();
        match change.action.as_str() {
            "attach" => planned.attaches.push(serde_json::from_value(after)?),
            "create" => {
                let opening: Opening = serde_json::from_value(after)?;
                if change.state == Unknown {
                    planned.unsure.push(opening.clone());
                }
                planned.openings.push(opening);
            }
            // What `revoke` has left to do is for `revoke`.
            _ => {}
        }
    }
    Ok((!planned.openings.is_empty() || !planned.attaches.is_empty()).then_some(planned))
}

/// What the openings do, in a few words: `adds tcp 6379 and 6380 from sg-app to sg-cache`.
pub(crate) fn in_words(openings: &[Opening]) -> String {
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

/// The groups of both sides, each once.
pub(crate) fn groups(question: &Question) -> Vec<String> {
    let client = question.client.groups.iter().filter(|group| group.account.is_none()).map(|group| &group.id);
    let all: BTreeSet<&String> = question.cache.groups.iter().chain(client).collect();
    all.into_iter().cloned().collect()
}

/// What a new rule is chosen by: whose the groups are, and how much the prefix lists count for, those of their rules and
/// `lists`.
pub(crate) fn needs(question: &Question, known: &Snapshot, lists: &[&str]) -> BTreeSet<Need> {
    let groups = groups(question);
    let rules = groups.iter().flat_map(|group| known.rules(group).unwrap_or_default());
    let named =
        rules.filter_map(|rule| if let Peer::PrefixList(list) = &rule.peer { Some(list.as_str()) } else { None });
    let sizes =
        named.chain(lists.iter().copied()).map(|list| Need::PrefixListSize(list.to_owned())).collect::<Vec<_>>();
    groups.into_iter().map(Need::Group).chain(sizes).collect()
}

#[cfg(test)]
mod tests;
