//! Entries of network ACLs.

use std::collections::BTreeMap;
use std::ops::RangeInclusive;

use ipnet::IpNet;
use serde_json::json;

use super::{ByOthers, cache_ranges, client_ranges, owner};
use crate::network::{LAST_ENTRY, NetworkAcl};
use crate::path::{By, Place, Question, Step, Verdict};
use crate::rule::Direction;
use crate::segments::Family;
use crate::snapshot::Snapshot;

/// What is wanted of one ACL in one direction, by the ports.
type Wanted<'s> = BTreeMap<(&'s str, Direction), (&'s NetworkAcl, BTreeMap<(u16, u16), Entry>)>;

#[derive(Default)]
struct Entry {
    ranges: Vec<IpNet>,
    /// The number that it has to stand before.
    before: u16,
}

/// Entries that let the traffic through, before those that deny it. Neighbouring ports and ranges share an entry.
pub(super) fn entries(question: &Question, known: &Snapshot, steps: &[Step<'_>]) -> Vec<ByOthers> {
    let mut wanted: Wanted<'_> = BTreeMap::new();
    for step in steps {
        let (acl, before) = match (&step.answer.by, step.answer.verdict) {
            (_, Verdict::Yes | Verdict::NotAsked) => continue,
            (By::Entry(acl, entry), _) => (*acl, entry.number),
            (By::LastEntry(acl), _) => (*acl, LAST_ENTRY),
            _ => continue,
        };
        let cache = || step.to.map(|subnet| cache_ranges(question, known, subnet, step.family)).unwrap_or_default();
        let (direction, ranges) = match step.place {
            Place::ClientAclOut => (Direction::Egress, cache()),
            Place::ClientAclIn => (Direction::Ingress, cache()),
            Place::CacheAclIn => (Direction::Ingress, client_ranges(question, step)),
            Place::CacheAclOut => (Direction::Egress, client_ranges(question, step)),
            _ => continue,
        };
        let ephemeral = &question.client.ephemeral;
        let ports = step.port.map_or((*ephemeral.start(), *ephemeral.end()), |port| (port, port));
        let (_, entries) = wanted.entry((&acl.id, direction)).or_insert_with(|| (acl, BTreeMap::new()));
        let entry = entries.entry(ports).or_insert_with(|| Entry { before, ..Entry::default() });
        entry.before = entry.before.min(before);
        entry.ranges.extend(ranges);
    }
    let mut mends = Vec::new();
    for ((_, direction), (acl, entries)) in wanted {
        let mut taken: Vec<u16> =
            acl.entries.iter().filter(|entry| entry.direction == direction).map(|entry| entry.number).collect();
        for (ports, wanted) in neighbours(entries) {
            for range in IpNet::aggregate(&wanted.ranges) {
                let free = (1..wanted.before.min(LAST_ENTRY)).rev().find(|number| !taken.contains(number));
                // No number is left before the denying entry: the finding tells that entry, and renumbering is a
                // decision about all of them.
                let Some(number) = free else { continue };
                taken.push(number);
                mends.push(entry(acl, direction, number, range, &ports));
            }
        }
    }
    mends
}

/// Entries for neighbouring ports that let the same addresses through are one.
fn neighbours(entries: BTreeMap<(u16, u16), Entry>) -> Vec<(RangeInclusive<u16>, Entry)> {
    let mut joined: Vec<(RangeInclusive<u16>, Entry)> = Vec::new();
    for ((from, to), entry) in entries {
        match joined.last_mut() {
            Some((ports, last)) if ports.end().checked_add(1) == Some(from) && last.ranges == entry.ranges => {
                *ports = *ports.start()..=to;
                last.before = last.before.min(entry.before);
            }
            _ => joined.push((from..=to, entry)),
        }
    }
    joined
}

fn entry(acl: &NetworkAcl, direction: Direction, number: u16, range: IpNet, ports: &RangeInclusive<u16>) -> ByOthers {
    let (from, to) = (ports.start(), ports.end());
    let words = if from == to { from.to_string() } else { format!("{from}-{to}") };
    let (word, preposition) = (direction.word(), direction.preposition());
    let block = match Family::of(&range) {
        Family::V4 => "cidr-block",
        Family::V6 => "ipv6-cidr-block",
    };
    ByOthers {
        about: acl.id.clone(),
        direction: Some(direction),
        action: "create",
        resource: format!("{} {word} rule {number}: allow tcp {words} {preposition} {range}", acl.id),
        after: json!({
            "network_acl_id": acl.id, "direction": word, "rule_number": number, "tcp_ports": [from, to], "cidr": range,
        }),
        reason: match direction {
            Direction::Ingress => "the network ACL lets this traffic in".to_owned(),
            Direction::Egress => "the network ACL lets this traffic out".to_owned(),
        },
        by: owner(acl.owner.as_deref(), acl.vpc.as_deref()),
        run: format!(
            "aws ec2 create-network-acl-entry --network-acl-id {} --{word} --rule-number {number} --protocol tcp \
             --port-range From={from},To={to} --{block} {range} --rule-action allow",
            acl.id
        ),
    }
}
