//! What a network ACL lets through: stateless, the entry with the lowest number that matches decides, and what no entry
//! matches is denied.

use std::collections::BTreeSet;
use std::ops::RangeInclusive;

use ipnet::IpNet;

use crate::network::{AclEntry, NetworkAcl};
use crate::rule::Direction;
use crate::segments::{Family, Segments, host};

/// A network ACL as traffic to a range of ports meets it, in one direction.
#[derive(Debug)]
pub(crate) struct AclFilter<'s> {
    acl: &'s NetworkAcl,
    /// The deciding entry of each address, by index in the ACL; one map for each range of ports in which the same entries
    /// apply.
    slices: Vec<Segments<usize>>,
    /// The entry that decides for all ports and all addresses of a family, IPv4 and IPv6: that of most ACLs.
    everywhere: [Option<&'s AclEntry>; 2],
}

/// What a network ACL makes of some traffic.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Filtered<'s> {
    /// All of it passes; an entry that lets it.
    All(&'s AclEntry),
    /// None passes; the entry that denies it, or the final `*`.
    None(Option<&'s AclEntry>),
    /// No address passes on all ports, and some pass on some; what denies them elsewhere.
    SomePorts(Option<&'s AclEntry>),
    /// Some addresses pass and others do not; what denies them.
    SomeAddresses(Option<&'s AclEntry>),
}

impl<'s> AclFilter<'s> {
    pub(super) fn of(acl: &'s NetworkAcl, direction: Direction, ports: &RangeInclusive<u16>) -> Self {
        let entries = || acl.entries.iter().enumerate().filter(|(_, entry)| entry.direction == direction);
        let mut starts = BTreeSet::from([*ports.start()]);
        for range in entries().filter_map(|(_, entry)| entry.ports.as_ref()) {
            starts.extend([Some(*range.start()), range.end().checked_add(1)].into_iter().flatten());
        }
        let slices = starts.range(ports.clone()).map(|port| {
            let mut slice = Segments::default();
            let applies = |entry: &AclEntry| entry.ports.as_ref().is_none_or(|range| range.contains(port));
            // The lowest number last, over all others. Entries are in the order of their numbers.
            for (index, entry) in entries().filter(|(_, entry)| applies(entry)).collect::<Vec<_>>().into_iter().rev() {
                slice.put(entry.range, index);
            }
            slice
        });
        let slices: Vec<Segments<usize>> = slices.collect();
        let everywhere = [Family::V4, Family::V6].map(|family| match slices.as_slice() {
            [slice] => slice.everywhere(family).map(|index| &acl.entries[*index]),
            _ => None,
        });
        Self { acl, slices, everywhere }
    }

    /// The network ACL.
    pub(super) fn acl(&self) -> &'s NetworkAcl {
        self.acl
    }

    /// What becomes of traffic from or to all of `wanted`, which are of one family, on all of the ports.
    pub(super) fn judge(&self, wanted: &[IpNet]) -> Filtered<'s> {
        let decided = wanted.first().and_then(|range| self.everywhere[Family::of(range) as usize]);
        if let Some(entry) = decided {
            return if entry.allows { Filtered::All(entry) } else { Filtered::None(Some(entry)) };
        }
        let (mut allow, mut deny): (Option<&AclEntry>, Option<&AclEntry>) = (None, None);
        let (mut any_denied, mut any_mixed) = (false, false);
        for slice in &self.slices {
            let (mut passes, mut stops) = (false, false);
            for range in wanted {
                for index in slice.values(*range) {
                    let entry = &self.acl.entries[*index];
                    if entry.allows {
                        passes = true;
                        allow = allow.or(Some(entry));
                    } else {
                        stops = true;
                        // The lowest number is the one that an allowing entry has to stand before.
                        deny = deny.filter(|known| known.number < entry.number).or(Some(entry));
                    }
                }
                stops |= !slice.cover(*range);
            }
            any_denied |= stops;
            any_mixed |= passes && stops;
        }
        match allow {
            None => Filtered::None(deny),
            Some(entry) if !any_denied => Filtered::All(entry),
            Some(_) if any_mixed && self.any_passes_everywhere(wanted) => Filtered::SomeAddresses(deny),
            Some(_) => Filtered::SomePorts(deny),
        }
    }

    /// Whether there is an address that passes on all ports.
    fn any_passes_everywhere(&self, wanted: &[IpNet]) -> bool {
        let allows = |index: &usize| self.acl.entries[*index].allows;
        let passes = |address| self.slices.iter().all(|slice| slice.values(host(address)).any(allows));
        wanted.iter().any(|range| self.slices.iter().flat_map(|slice| slice.turns(*range)).any(passes))
    }
}
