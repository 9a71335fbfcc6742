//! How many rules a security group holds, as the quota counts them.
//!
//! By default 60 each way, for IPv4 and IPv6 apart; a rule that names a group counts for both, one that names a prefix list
//! for as many as the list may hold. <https://docs.aws.amazon.com/vpc/latest/userguide/amazon-vpc-limits.html>

use crate::rule::{Direction, Peer, Rule};
use crate::segments::Family;
use crate::snapshot::Snapshot;

/// The rules that a group may have each way and family, unless AWS has raised it.
pub const RULES: u32 = 60;

/// What the rules of a group count for, in one direction and family.
pub fn count<'a>(
    rules: impl IntoIterator<Item = &'a Rule>,
    known: &Snapshot,
    direction: Direction,
    family: Family,
) -> u32 {
    let rules = rules.into_iter().filter(|rule| rule.direction == direction);
    rules.map(|rule| weight(&rule.peer, known, family)).sum()
}

/// What one rule counts for.
pub fn weight(peer: &Peer, known: &Snapshot, family: Family) -> u32 {
    match peer {
        Peer::Group(_) => 1,
        Peer::Range(range) => u32::from(Family::of(range) == family),
        Peer::PrefixList(id) => {
            let entries = known.prefix_list(id).map(<[_]>::len).ok().and_then(|count| u32::try_from(count).ok());
            known.prefix_list_size(id).ok().flatten().or(entries).unwrap_or(1)
        }
    }
}
