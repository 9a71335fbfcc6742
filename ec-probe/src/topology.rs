//! The topology of a cluster, as one of its nodes tells it: which shard owns which hash slots, and on which nodes.
//!
//! Pure: [`read`] takes the reply to CLUSTER SHARDS or CLUSTER SLOTS, [`judge`] says what it means. How the nodes answer
//! that are told is the matter of [`nodes`](crate::nodes).
//! Source: <https://valkey.io/commands/cluster-shards/>, <https://valkey.io/commands/cluster-slots/>

pub mod judge;
pub mod read;

use serde::{Deserialize, Serialize};

/// How many hash slots a cluster has.
pub const SLOTS: usize = 16_384;
/// How many nodes the document tells at most. ElastiCache takes 500.
pub const MOST_NODES: usize = 1_000;

/// The first and the last of some hash slots.
pub type Range = (u16, u16);

/// The shards of a cluster.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Topology {
    /// By their first slots, those without any last: every node tells them in an order of its own.
    pub shards: Vec<Shard>,
    /// How many of the [`SLOTS`] some shard owns.
    pub covered: usize,
}

/// Some slots and the nodes that hold their keys.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Shard {
    /// In order, none twice, and none that touch.
    pub slots: Vec<Range>,
    /// The primary and its replicas, by host and port.
    pub nodes: Vec<Node>,
}

/// A server of the cluster.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Node {
    /// Forty hexadecimal digits; servers before 4.0 do not tell it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub id: Option<String>,
    /// Where clients are to connect: the announced name or address.
    pub host: String,
    /// The port of the kind, plain or TLS, that the probe itself uses.
    pub port: u16,
    /// Whether it takes writes.
    pub role: Role,
    /// What the node that was asked thinks of it.
    pub health: Health,
}

/// What a node is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Role {
    /// Takes writes.
    Primary,
    /// Copies a primary.
    Replica,
}

/// How a node is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Health {
    /// In order.
    Online,
    /// The cluster has given it up.
    Failed,
    /// A replica that has got nothing of its primary's stream yet, as far as the node that was asked has heard.
    Loading,
    /// Not told.
    Unknown,
}

/// What the document gets to see of a topology.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Facts {
    /// How many shards there are.
    pub shards: usize,
    /// How many nodes there are.
    pub nodes: usize,
    /// How many of the 16384 slots some shard owns.
    pub covered: usize,
    /// The shards, to the shard with the thousandth node.
    pub list: Vec<Shard>,
}

impl Topology {
    /// The topology of these shards.
    pub fn of(mut shards: Vec<Shard>) -> Self {
        for shard in &mut shards {
            shard.slots = merged(&shard.slots);
            shard.nodes.sort_by_cached_key(|node| (node.role == Role::Replica, node.host.clone(), node.port));
        }
        shards.sort_by_key(|shard| shard.slots.first().map_or(SLOTS, |(from, _)| usize::from(*from)));
        let mut topology = Self { shards, covered: 0 };
        topology.covered = topology.owned().into_iter().map(size).sum();
        topology
    }

    /// The slots that no shard owns.
    pub fn gaps(&self) -> Vec<Range> {
        let mut gaps = Vec::new();
        let mut next = 0;
        for (from, to) in self.owned() {
            if next < from {
                gaps.push((next, from - 1));
            }
            next = to + 1;
        }
        if usize::from(next) < SLOTS {
            gaps.push((next, 16_383));
        }
        gaps
    }

    /// All nodes, shard by shard.
    pub fn nodes(&self) -> impl Iterator<Item = &Node> {
        self.shards.iter().flat_map(|shard| &shard.nodes)
    }

    /// The facts for the document, with no more than [`MOST_NODES`] in the list.
    pub fn facts(self) -> Facts {
        let (shards, nodes, covered) = (self.shards.len(), self.nodes().count(), self.covered);
        let mut left = MOST_NODES;
        let mut list = self.shards;
        list.retain_mut(|shard| {
            let is_told = left > 0;
            shard.nodes.truncate(left);
            left -= shard.nodes.len();
            is_told
        });
        Facts { shards, nodes, covered, list }
    }

    fn owned(&self) -> Vec<Range> {
        merged(&self.shards.iter().flat_map(|shard| shard.slots.iter().copied()).collect::<Vec<_>>())
    }
}

/// How many slots a range has.
pub fn size((from, to): Range) -> usize {
    usize::from(to - from) + 1
}

/// The same slots in order, in as few ranges as there can be.
fn merged(ranges: &[Range]) -> Vec<Range> {
    let mut ranges = ranges.to_vec();
    ranges.sort_unstable();
    let mut merged: Vec<Range> = Vec::new();
    for (from, to) in ranges {
        match merged.last_mut() {
            Some(last) if from <= last.1 + 1 => last.1 = last.1.max(to),
            _ => merged.push((from, to)),
        }
    }
    merged
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;

    pub(crate) fn shard(slots: &[Range], nodes: usize) -> Shard {
        let node = |index| Node {
            id: None,
            host: format!("node-{index}"),
            port: 6379,
            role: if index == 0 { Role::Primary } else { Role::Replica },
            health: Health::Online,
        };
        Shard { slots: slots.to_vec(), nodes: (0..nodes).map(node).collect() }
    }

    #[test]
    fn what_no_shard_owns_is_a_gap() {
        for (slots, covered, gaps) in [
            (vec![(0, 16_383)], 16_384, vec![]),
            (vec![(8_192, 16_383), (0, 8_191)], 16_384, vec![]),
            (vec![(0, 99), (200, 16_383)], 16_284, vec![(100, 199)]),
            (vec![(1, 1), (1, 16_382)], 16_382, vec![(0, 0), (16_383, 16_383)]),
            (vec![(0, 9), (5, 16_383), (7, 8)], 16_384, vec![]),
            (vec![], 0, vec![(0, 16_383)]),
        ] {
            let topology = Topology::of(slots.iter().map(|&range| shard(&[range], 1)).collect());
            assert_eq!((topology.covered, topology.gaps()), (covered, gaps), "{slots:?}");
        }
    }

    #[test]
    fn the_slots_of_a_shard_are_told_in_as_few_ranges_as_there_can_be() {
        let topology = Topology::of(vec![shard(&[(5, 6), (0, 1), (2, 3)], 1)]);
        assert_eq!(topology.shards[0].slots, [(0, 3), (5, 6)]);
    }

    #[test]
    fn whichever_node_tells_it_a_topology_is_told_in_one_order() {
        let mut told = [shard(&[(10, 16_383)], 3), shard(&[], 1), shard(&[(0, 9)], 1)];
        told[0].nodes.reverse();
        let shards = Topology::of(told.to_vec()).shards;
        assert_eq!(shards, [shard(&[(0, 9)], 1), shard(&[(10, 16_383)], 3), shard(&[], 1)]);
    }

    #[test]
    fn all_nodes_are_counted_and_the_first_thousand_are_told() {
        let facts = Topology::of((0..3).map(|_| shard(&[], 600)).collect()).facts();
        assert_eq!((facts.shards, facts.nodes), (3, 1_800));
        assert_eq!(facts.list.iter().map(|shard| shard.nodes.len()).collect::<Vec<_>>(), [600, 400]);
    }
}
