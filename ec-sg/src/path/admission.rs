//! What the rules of security groups let through: the rules of all groups of an interface count together, and their order
//! does not matter.

use std::collections::HashMap;

use ipnet::IpNet;

use super::answer::By;
use crate::need::Need;
use crate::rule::{Direction, Peer, Rule};
use crate::segments::{Segments, overlap};
use crate::snapshot::{Known, Snapshot};

/// What the rules of some groups let through on one TCP port, in one direction.
#[derive(Debug)]
pub(crate) struct Admission<'s> {
    /// Rules that name a group, by the group's id.
    groups: HashMap<&'s str, &'s Rule>,
    /// Rules that name a prefix list, by its id.
    lists: HashMap<&'s str, &'s Rule>,
    /// Rules that name addresses, by index in `rules`; where several hold an address, the widest.
    ranges: Segments<usize>,
    rules: Vec<(&'s Rule, IpNet)>,
    /// Prefix lists whose entries are not known, and groups whose rules are not.
    pub(super) missing: Vec<Need>,
}

impl<'s> Admission<'s> {
    pub(super) fn of(snapshot: &'s Snapshot, groups: &[&'s str], direction: Direction, port: u16) -> Self {
        let mut admission = Self {
            groups: HashMap::new(),
            lists: HashMap::new(),
            ranges: Segments::default(),
            rules: Vec::new(),
            missing: Vec::new(),
        };
        for group in groups {
            match snapshot.rules(group) {
                Ok(rules) => {
                    let covering = |rule: &&Rule| rule.direction == direction && rule.traffic.covers(port);
                    for rule in rules.iter().filter(covering) {
                        admission.add(snapshot, rule);
                    }
                }
                Err(need) => admission.missing.push(need),
            }
        }
        // The widest last, so that one rule tells for as much as it can.
        admission.rules.sort_by_key(|(_, range)| std::cmp::Reverse(range.prefix_len()));
        for (index, (_, range)) in admission.rules.iter().enumerate() {
            admission.ranges.put(*range, index);
        }
        admission
    }

    fn add(&mut self, snapshot: &'s Snapshot, rule: &'s Rule) {
        match &rule.peer {
            Peer::Group(_) if snapshot.is_stale(rule) => {}
            Peer::Group(group) => _ = self.groups.entry(&group.id).or_insert(rule),
            Peer::Range(range) => self.rules.push((rule, *range)),
            Peer::PrefixList(id) => {
                self.lists.entry(id).or_insert(rule);
                match snapshot.prefix_list(id) {
                    Ok(ranges) => self.rules.extend(ranges.iter().map(|range| (rule, *range))),
                    Err(need) => self.missing.push(need),
                }
            }
        }
    }

    /// A rule that names one of these groups.
    pub(super) fn by_group<'g>(&self, groups: impl IntoIterator<Item = &'g str>) -> Option<&'s Rule> {
        groups.into_iter().find_map(|group| self.groups.get(group).copied())
    }

    /// A rule that names this prefix list.
    pub(super) fn by_list(&self, list: &str) -> Option<&'s Rule> {
        self.lists.get(list).copied()
    }

    /// Whether every address of every range is let through.
    pub(super) fn covers<'w>(&self, wanted: impl IntoIterator<Item = &'w IpNet>) -> bool {
        wanted.into_iter().all(|range| self.ranges.cover(*range))
    }

    /// Whether some address of some range is.
    pub(super) fn meets<'w>(&self, wanted: impl IntoIterator<Item = &'w IpNet>) -> bool {
        wanted.into_iter().any(|range| self.ranges.values(*range).next().is_some())
    }

    /// The rules that let `wanted` through, which they cover: one if one is enough.
    pub(super) fn by<'w, W>(&self, wanted: &W) -> By<'s>
    where
        W: IntoIterator<Item = &'w IpNet> + Clone,
    {
        // The widest rule stands wherever it can.
        let widest = wanted.clone().into_iter().next().and_then(|range| self.ranges.values(*range).next());
        if let Some((rule, range)) = widest.map(|index| &self.rules[*index])
            && wanted.clone().into_iter().all(|each| range.contains(each))
        {
            return By::Rule(rule);
        }
        let mut rules: Vec<&Rule> = Vec::new();
        for (rule, range) in &self.rules {
            if wanted.clone().into_iter().any(|each| overlap(range, each)) && !rules.contains(rule) {
                rules.push(rule);
            }
        }
        By::Rules(rules)
    }

    /// Whether no rule names an address.
    pub(super) fn names_no_address(&self) -> bool {
        self.ranges.is_empty()
    }
}

/// The rules of groups in one direction, for evidence; what is not known is left out.
pub(crate) fn looked_at<'s>(
    snapshot: &'s Snapshot,
    groups: impl IntoIterator<Item = &'s str>,
    direction: Direction,
) -> Vec<&'s Rule> {
    let rules = groups.into_iter().map(|group| snapshot.rules(group)).filter_map(Known::ok).flatten();
    rules.filter(|rule| rule.direction == direction).collect()
}
