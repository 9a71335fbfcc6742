//! Redundant: rules that other rules of the same group cover wholly, alone or together.

use std::cmp::Reverse;

use ec_shared::document::{Finding, Severity};
use ipnet::IpNet;

use super::{Audit, DIRECTIONS, FAMILIES, about, brief, by, command, listed};
use crate::codes;
use crate::rule::{Direction, Peer, Rule, Traffic};
use crate::segments::{Family, Segments};

impl Audit<'_> {
    /// Rules that can be taken away without closing anything, and rules that two groups of the cache repeat.
    pub(super) fn redundant(&self) -> Vec<Finding> {
        let mut findings = Vec::new();
        let mut kept: Vec<&Rule> = Vec::new();
        for group in &self.cache.groups {
            for direction in DIRECTIONS {
                let of_set = |rule: &&Rule| rule.group == *group && rule.direction == direction && !self.is_stale(rule);
                let (needed, redundant) = sorted_out(self.rules().filter(of_set).collect());
                findings.extend(redundant.iter().map(|rule| self.covered_by(rule, &covering(&needed, rule))));
                findings.extend(needed.iter().filter_map(|rule| {
                    let other = kept.iter().find(|other| other.group != rule.group && is_same(other, rule))?;
                    (!is_made_with_the_group(rule)).then(|| repeated(rule, other))
                }));
                kept.extend(needed);
            }
        }
        findings
    }

    fn covered_by(&self, rule: &Rule, covering: &[&Rule]) -> Finding {
        let names: Vec<String> = covering.iter().map(|rule| brief(rule)).collect();
        let summary = format!("{} is covered by {}", rule.with_id(), listed(&names));
        // What lets the Internet in is to go, and then this rule is needed.
        let fix = match covering.iter().find(|each| each.direction == Direction::Ingress && self.is_open(each)) {
            Some(open) => format!("leave {}: without {} it is needed", brief(rule), brief(open)),
            None => command::revoke(&[rule]),
        };
        about(&codes::REDUNDANT_RULE, Severity::Warning, summary, &[rule]).evidence("covered_by", by(covering)).fix(fix)
    }
}

fn repeated(rule: &Rule, other: &Rule) -> Finding {
    let summary = format!("{} is also a rule of {}", rule.with_id(), other.group);
    about(&codes::REPEATED_RULE, Severity::Info, summary, &[rule]).evidence("covered_by", by(&[other])).fix(format!(
        "{}   # if nothing carries {} alone",
        command::revoke(&[rule]),
        rule.group
    ))
}

/// The rules that are needed, in their order, and those that they cover. The narrowest goes first, of equals the later.
fn sorted_out(rules: Vec<&Rule>) -> (Vec<&Rule>, Vec<&Rule>) {
    let mut order: Vec<usize> = (0..rules.len()).collect();
    order.sort_by_key(|index| (width(rules[*index]), Reverse(*index)));
    let mut is_needed = vec![true; rules.len()];
    for index in order {
        let others = (0..rules.len()).filter(|other| *other != index && is_needed[*other]);
        let others: Vec<&Rule> = others.map(|other| rules[other]).collect();
        is_needed[index] = !cover(&others, rules[index]);
    }
    let (mut needed, mut redundant) = (Vec::new(), Vec::new());
    for (rule, is_needed) in rules.into_iter().zip(is_needed) {
        if is_needed { needed.push(rule) } else { redundant.push(rule) }
    }
    (needed, redundant)
}

/// A rule that covers another is at least as wide in both respects.
fn width(rule: &Rule) -> (u32, u8) {
    let ports = match rule.traffic {
        Traffic::Other => 0,
        Traffic::Tcp(from, to) => u32::from(to).saturating_sub(u32::from(from)),
        Traffic::All => u32::MAX,
    };
    let addresses = match &rule.peer {
        Peer::Group(_) | Peer::PrefixList(_) => 0,
        Peer::Range(range) => range.max_prefix_len() - range.prefix_len(),
    };
    (ports, addresses)
}

/// Of the rules that cover `rule`, as few as do: one if one is enough.
fn covering<'r>(rules: &[&'r Rule], rule: &Rule) -> Vec<&'r Rule> {
    if let Some(one) = rules.iter().find(|one| cover(&[**one], rule)) {
        return vec![one];
    }
    let mut few: Vec<&Rule> = rules.to_vec();
    for index in (0..few.len()).rev() {
        let mut fewer = few.clone();
        fewer.remove(index);
        if cover(&fewer, rule) {
            few = fewer;
        }
    }
    few
}

/// Whether `others` together let everything through that `rule` does.
fn cover(others: &[&Rule], rule: &Rule) -> bool {
    let everything = |other: &&&Rule| other.traffic == Traffic::All;
    match rule.traffic {
        Traffic::All | Traffic::Other => admit(others.iter().filter(everything).copied(), &rule.peer),
        Traffic::Tcp(from, to) if from > to => false,
        Traffic::Tcp(from, to) => {
            // Between two of these, the same rules apply to every port.
            let mut cuts = vec![from];
            for other in others {
                if let Traffic::Tcp(first, last) = other.traffic {
                    cuts.extend([Some(first), last.checked_add(1)].into_iter().flatten());
                }
            }
            cuts.retain(|port| (from..=to).contains(port));
            cuts.iter()
                .all(|port| admit(others.iter().filter(|other| other.traffic.covers(*port)).copied(), &rule.peer))
        }
    }
}

/// Whether rules about the same traffic admit all of `peer`.
fn admit<'r>(rules: impl Iterator<Item = &'r Rule>, peer: &Peer) -> bool {
    let mut ranges = Segments::default();
    for rule in rules {
        match &rule.peer {
            same if same == peer => return true,
            Peer::Range(range) => ranges.put(*range, ()),
            Peer::Group(_) | Peer::PrefixList(_) => {}
        }
    }
    let wanted: Vec<IpNet> = match peer {
        Peer::Range(range) => vec![*range],
        Peer::Group(_) | Peer::PrefixList(_) => FAMILIES.map(Family::everything).to_vec(),
    };
    wanted.iter().all(|range| ranges.cover(*range))
}

/// Which protocol a rule about another one is for is not known.
fn is_same(one: &Rule, other: &Rule) -> bool {
    let identity = |rule: &Rule| (rule.direction, rule.traffic);
    identity(one) == identity(other) && one.peer == other.peer && one.traffic != Traffic::Other
}

/// Every group begins with a rule that lets everything out.
fn is_made_with_the_group(rule: &Rule) -> bool {
    let everywhere = matches!(&rule.peer, Peer::Range(range) if range.prefix_len() == 0);
    everywhere && rule.direction == Direction::Egress && rule.traffic == Traffic::All
}

#[cfg(test)]
mod tests;
