//! Nearly full: groups whose rules come near the quota.

use ec_shared::document::{Finding, Severity};

use super::{Audit, DIRECTIONS, FAMILIES, listed};
use crate::rule::{Peer, Rule};
use crate::{codes, quota};

/// From here on a group is worth a word.
const NEAR: u32 = quota::RULES * 9 / 10;

impl Audit<'_> {
    /// Groups that are nine tenths full, or more, in one direction.
    pub(super) fn near_quota(&self) -> Vec<Finding> {
        let mut findings = Vec::new();
        for group in &self.cache.groups {
            let Some(rules) = self.seen(self.known.rules(group)) else { continue };
            self.learn_sizes(rules);
            for direction in DIRECTIONS {
                let counts = FAMILIES.map(|family| (family, quota::count(rules, self.known, direction, family)));
                let near: Vec<String> = counts
                    .iter()
                    .filter(|(_, count)| *count >= NEAR)
                    .map(|(family, count)| format!("{count} for {}", family.word()))
                    .collect();
                if near.is_empty() {
                    continue;
                }
                let direction = direction.word();
                let summary = format!(
                    "{group} has {direction} rules near the default quota of {}: {}",
                    quota::RULES,
                    listed(&near)
                );
                let mut finding = Finding::new(&codes::QUOTA, Severity::Warning, summary)
                    .evidence("security_group_ids", [group])
                    .evidence("direction", direction);
                for (family, count) in counts {
                    finding = finding.evidence(family.word(), count);
                }
                findings.push(finding.fix("remove rules that nobody needs, or have quota L-0EA8095F raised"));
            }
        }
        findings
    }

    /// A prefix list counts for as many rules as it may hold.
    fn learn_sizes(&self, rules: &[Rule]) {
        for rule in rules {
            if let Peer::PrefixList(list) = &rule.peer {
                self.seen(self.known.prefix_list_size(list));
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::audit::tests::{BOTH, numbered, summaries};

    #[test]
    fn a_group_is_nearly_full_from_nine_tenths_of_the_quota() {
        for (count, near) in [(53, false), (54, true), (60, true)] {
            let ranges: Vec<String> = (0..count).map(|each| format!("10.0.{}.0/24", each * 2)).collect();
            let rules: Vec<_> = ranges.iter().map(|range| (BOTH, range.as_str())).collect();
            let expected: Vec<String> = near
                .then(|| format!("sg-c has ingress rules near the default quota of 60: {count} for ipv4"))
                .into_iter()
                .collect();
            assert_eq!(summaries(&codes::QUOTA, &numbered(&rules)), expected);
        }
    }
}
