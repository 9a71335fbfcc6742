//! Too open: the Internet is let in, or the VPC's default group stands before the cache.

use std::collections::BTreeSet;

use ec_shared::document::{Finding, Severity};
use ipnet::IpNet;

use super::{Audit, FAMILIES, about, command, listed};
use crate::codes;
use crate::public::Space;
use crate::rule::Rule;
use crate::segments::Family;

/// Security Hub's control, and AWS Config's rule behind it.
const OPEN_CONTROLS: [&str; 2] = ["EC2.18", "vpc-sg-open-only-to-authorized-ports"];
const DEFAULT_CONTROLS: [&str; 2] = ["EC2.2", "vpc-default-security-group-closed"];

impl Audit<'_> {
    /// Public address space that all rules together let in, by family; ports that the same rules open are told together.
    pub(super) fn world_open(&self) -> Vec<Finding> {
        FAMILIES.iter().flat_map(|family| self.open_to(*family)).collect()
    }

    fn open_to(&self, family: Family) -> Vec<Finding> {
        let mut opened: Vec<(Vec<&Rule>, BTreeSet<IpNet>, Vec<u16>)> = Vec::new();
        for port in self.cache.ports.iter().map(|port| port.port) {
            let (mut rules, mut ranges) = (Vec::new(), BTreeSet::new());
            for rule in self.admitting().filter(|rule| rule.traffic.covers(port)) {
                let public = |range: &IpNet| Family::of(range) == family && Space::of([range]) != Space::default();
                let public: Vec<IpNet> = self.ranges(rule).into_iter().filter(public).collect();
                if !public.is_empty() {
                    rules.push(rule);
                    ranges.extend(public);
                }
            }
            if !Space::of(&ranges).is_wide(family) {
                continue;
            }
            match opened.iter_mut().find(|(known, ..)| *known == rules) {
                Some((_, _, ports)) => ports.push(port),
                None => opened.push((rules, ranges, vec![port])),
            }
        }
        opened.into_iter().map(|(rules, ranges, ports)| Self::open(family, &rules, &ranges, &ports)).collect()
    }

    fn open(family: Family, rules: &[&Rule], ranges: &BTreeSet<IpNet>, ports: &[u16]) -> Finding {
        let (name, limit) = match family {
            Family::V4 => ("IPv4", "/24"),
            Family::V6 => ("IPv6", "/48"),
        };
        let to = format!("tcp {}", listed(ports));
        let from = some_of(ranges);
        let (severity, summary) = if Space::of(ranges).is_everything(family) {
            (Severity::Error, format!("the whole {name} Internet is let in to {to}: {from}"))
        } else {
            let summary = format!("more public {name} addresses than a {limit} holds are let in to {to}: {from}");
            (Severity::Warning, summary)
        };
        about(&codes::WORLD_OPEN, severity, summary, rules)
            .evidence("tcp_ports", ports)
            .evidence("ranges", ranges)
            .evidence("controls", OPEN_CONTROLS)
            .fix(command::close(rules, ports))
    }

    /// Whether a rule alone lets in more public address space than it should.
    pub(super) fn is_open(&self, rule: &Rule) -> bool {
        let space = Space::of(&self.ranges(rule));
        FAMILIES.into_iter().any(|family| space.is_wide(family))
    }

    /// The VPC's default group, which everything carries that names no other.
    pub(super) fn default_groups(&self) -> Vec<Finding> {
        let finding = |id: &String| {
            self.known.group(id).ok().flatten().filter(|group| group.is_default())?;
            let rules: Vec<&Rule> = self.rules().filter(|rule| rule.group == *id).collect();
            let count = match rules.len() {
                0 => return None,
                1 => "1 rule".to_owned(),
                count => format!("{count} rules"),
            };
            let summary = format!("{} carries the VPC's default group {id}, which has {count}", self.cache.name);
            let finding = about(&codes::DEFAULT_GROUP, Severity::Warning, summary, &rules);
            Some(finding.evidence("controls", DEFAULT_CONTROLS).fix(format!(
                "give {} a security group of its own instead: aws elasticache modify-serverless-cache or \
                 modify-replication-group --security-group-ids",
                self.cache.name
            )))
        };
        self.cache.groups.iter().filter_map(finding).collect()
    }
}

fn some_of(ranges: &BTreeSet<IpNet>) -> String {
    const SHOWN: usize = 3;
    let shown: Vec<String> = ranges.iter().take(SHOWN).map(ToString::to_string).collect();
    match ranges.len().checked_sub(SHOWN) {
        Some(rest @ 1..) => format!("{} and {rest} more", shown.join(", ")),
        _ => listed(&shown),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::audit::tests::{
        ALL_TCP, BOTH, MAIN, cache, found, known, known_of, numbered, of_group, rules_of, summaries,
    };
    use crate::rule::Traffic;

    #[test]
    fn the_internet_is_found_by_its_addresses_however_rules_write_it() {
        use Severity::{Error, Warning};
        for (rules, severity, decided_by) in [
            (&[(MAIN, "0.0.0.0/0")][..], Some(Error), &["sgr-1"][..]),
            (&[(MAIN, "0.0.0.0/1"), (MAIN, "128.0.0.0/1")], Some(Error), &["sgr-1", "sgr-2"]),
            (&[(MAIN, "::/0")], Some(Error), &["sgr-1"]),
            (&[(Traffic::All, "0.0.0.0/0")], Some(Error), &["sgr-1"]),
            (&[(Traffic::Tcp(1024, 7000), "0.0.0.0/0")], Some(Error), &["sgr-1"]),
            (&[(MAIN, "0.0.0.0/1"), (MAIN, "sg-a")], Some(Warning), &["sgr-1"]),
            (&[(MAIN, "203.0.112.0/23")], Some(Warning), &["sgr-1"]),
            (&[(MAIN, "203.0.113.0/24"), (ALL_TCP, "198.51.100.7/32")], Some(Warning), &["sgr-1", "sgr-2"]),
            (&[(MAIN, "2001:db8::/47")], Some(Warning), &["sgr-1"]),
            (&[(MAIN, "203.0.113.0/24"), (MAIN, "10.0.0.0/8"), (MAIN, "2001:db8::/48")], None, &[]),
            (&[(Traffic::Tcp(443, 443), "0.0.0.0/0"), (Traffic::Other, "0.0.0.0/0")], None, &[]),
        ] {
            let findings = found(&codes::WORLD_OPEN, &cache(&["sg-c"]), &known(&numbered(rules)));
            assert_eq!(findings.first().map(|finding| finding.severity), severity, "{rules:?}");
            assert_eq!(findings.first().map(rules_of).unwrap_or_default(), decided_by, "{rules:?}");
        }
    }

    #[test]
    fn the_internet_is_put_together_from_all_groups_of_the_cache() {
        let rules = [of_group("sg-c", 1, MAIN, "0.0.0.0/1"), of_group("sg-d", 2, MAIN, "128.0.0.0/1")];
        let findings = found(&codes::WORLD_OPEN, &cache(&["sg-c", "sg-d"]), &known(&rules));
        assert_eq!(findings[0].severity, Severity::Error);
        assert_eq!(findings[0].summary, "the whole IPv4 Internet is let in to tcp 6379: 0.0.0.0/1 and 128.0.0.0/1");
        assert_eq!(findings[0].evidence["controls"][0], "EC2.18");
    }

    #[test]
    fn ports_that_the_same_rules_open_are_told_together() {
        let same = summaries(&codes::WORLD_OPEN, &numbered(&[(BOTH, "0.0.0.0/0")]));
        assert_eq!(same, ["the whole IPv4 Internet is let in to tcp 6379 and 6380: 0.0.0.0/0"]);
        let apart = numbered(&[(MAIN, "0.0.0.0/0"), (BOTH, "8.0.0.0/8")]);
        assert_eq!(
            summaries(&codes::WORLD_OPEN, &apart),
            [
                "the whole IPv4 Internet is let in to tcp 6379: 0.0.0.0/0 and 8.0.0.0/8",
                "more public IPv4 addresses than a /24 holds are let in to tcp 6380: 8.0.0.0/8",
            ]
        );
    }

    #[test]
    fn a_prefix_list_counts_with_its_entries() {
        let rules = numbered(&[(MAIN, "pl-9")]);
        let answers = json!({"PrefixListId": "pl-9", "Entries": [{"Cidr": "0.0.0.0/1"}, {"Cidr": "128.0.0.0/1"}]});
        let findings = found(&codes::WORLD_OPEN, &cache(&["sg-c"]), &known_of(answers, &rules));
        assert_eq!((findings[0].severity, rules_of(&findings[0])), (Severity::Error, vec!["sgr-1"]));
    }

    #[test]
    fn the_default_group_is_named_while_it_has_rules() {
        let rules = [of_group("sg-0", 1, Traffic::All, "sg-0")];
        let findings = found(&codes::DEFAULT_GROUP, &cache(&["sg-0"]), &known(&rules));
        assert_eq!(findings[0].summary, "orders carries the VPC's default group sg-0, which has 1 rule");
        assert_eq!(findings[0].evidence["controls"][0], "EC2.2");
        assert_eq!(found(&codes::DEFAULT_GROUP, &cache(&["sg-0"]), &known(&[])), []);
        assert_eq!(found(&codes::DEFAULT_GROUP, &cache(&["sg-c"]), &known(&rules)), []);
    }
}
