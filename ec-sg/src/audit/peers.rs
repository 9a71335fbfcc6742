//! Missing: clients that are admitted to the cache's first port and not to its second.

use ec_shared::document::{Finding, Severity};
use ipnet::IpNet;

use super::{Audit, about, listed};
use crate::codes;
use crate::public::Space;
use crate::rule::{Peer, Rule};
use crate::segments::{Family, Segments};

impl Audit<'_> {
    /// Peers that reach 6379 and not 6380 (Memcached: 11211 and 11212). Not the Internet, which is to reach neither.
    pub(super) fn second_port(&self) -> Vec<Finding> {
        let ports = |second: bool| -> Vec<u16> {
            self.cache.ports.iter().filter(|port| port.second == second).map(|port| port.port).collect()
        };
        let (first, second) = (ports(false), ports(true));
        let mut lacking: Vec<(&Rule, Vec<u16>)> = Vec::new();
        for rule in self.admitting().filter(|rule| first.iter().any(|port| rule.traffic.covers(*port))) {
            let closed: Vec<u16> = second.iter().copied().filter(|port| !self.reaches(rule, *port)).collect();
            if !closed.is_empty() && self.is_meant(rule) {
                lacking.push((rule, closed));
            }
        }
        // A range within another that lacks the same is told with it.
        let is_within = |one: &Rule, other: &Rule| match (&one.peer, &other.peer) {
            (Peer::Range(one), Peer::Range(other)) => one != other && other.contains(one),
            _ => false,
        };
        let mut told: Vec<(&Rule, Vec<u16>)> = Vec::new();
        for (rule, closed) in &lacking {
            let is_told = told.iter().any(|(other, _)| other.peer == rule.peer)
                || lacking.iter().any(|(other, theirs)| theirs == closed && is_within(rule, other));
            if !is_told {
                told.push((rule, closed.clone()));
            }
        }
        told.into_iter().map(|(rule, closed)| self.lacks(rule, &first, &closed)).collect()
    }

    fn lacks(&self, rule: &Rule, first: &[u16], closed: &[u16]) -> Finding {
        let Rule { peer, .. } = rule;
        let summary = format!("{peer} is admitted to tcp {} and not to tcp {}", listed(first), listed(closed));
        about(&codes::SECOND_PORT, Severity::Warning, summary, &[rule])
            .evidence("tcp_ports", closed)
            .evidence("peer", peer)
            .fix(format!("{} --from {peer}", self.apply))
    }

    /// Whether a rule's peer is a client that the cache is there for.
    fn is_meant(&self, rule: &Rule) -> bool {
        match &rule.peer {
            Peer::Group(_) => !self.is_stale(rule),
            Peer::PrefixList(_) => true,
            Peer::Range(range) => {
                let family = Family::of(range);
                self.cache.families.contains(&family) && !Space::of([range]).is_wide(family)
            }
        }
    }

    /// Whether all of a rule's peer is admitted to a port, by whichever rules.
    fn reaches(&self, rule: &Rule, port: u16) -> bool {
        let mut admitted = Segments::default();
        for other in self.admitting().filter(|other| other.traffic.covers(port)) {
            if other.peer == rule.peer {
                return true;
            }
            self.ranges(other).into_iter().for_each(|range| admitted.put(range, ()));
        }
        let wanted: Vec<IpNet> = match &rule.peer {
            Peer::Range(range) => vec![*range],
            // Its members reach the cache in a family that the cache speaks, so that `apply` would add nothing, either.
            Peer::Group(_) => self.cache.families.iter().map(|family| family.everything()).collect(),
            // Without its entries, it is not known whether they are admitted.
            Peer::PrefixList(list) => match self.seen(self.known.prefix_list(list)) {
                Some(ranges) => ranges.to_vec(),
                None => return true,
            },
        };
        wanted.iter().all(|range| admitted.cover(*range))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::audit::tests::{MAIN, cache, found, known, numbered};
    use crate::rule::Traffic;

    #[test]
    fn a_peer_of_the_first_port_is_missed_at_the_second() {
        const SECOND: Traffic = Traffic::Tcp(6380, 6380);
        for (rules, lacking) in [
            (&[(MAIN, "sg-a")][..], &["sg-a"][..]),
            (&[(MAIN, "sg-a"), (SECOND, "sg-a")], &[]),
            (&[(MAIN, "sg-a"), (SECOND, "10.0.0.0/8")], &["sg-a"]),
            (&[(MAIN, "sg-a"), (SECOND, "0.0.0.0/0")], &[]),
            (&[(MAIN, "sg-a"), (SECOND, "::/0")], &["sg-a"]),
            (&[(MAIN, "10.0.0.0/16"), (SECOND, "10.0.0.0/17"), (SECOND, "10.0.128.0/17")], &[]),
            (&[(MAIN, "10.0.0.0/16"), (SECOND, "10.0.0.0/17"), (MAIN, "10.0.1.0/24")], &["10.0.0.0/16"]),
            (&[(MAIN, "10.0.0.0/16"), (MAIN, "10.0.1.0/24")], &["10.0.0.0/16"]),
            (&[(MAIN, "pl-1"), (SECOND, "10.9.0.0/16")], &[]),
            (&[(MAIN, "pl-1")], &["pl-1"]),
            (&[(MAIN, "0.0.0.0/0"), (MAIN, "fd00::/64"), (MAIN, "sg-nowhere"), (SECOND, "sg-b")], &[]),
        ] {
            let findings = found(&codes::SECOND_PORT, &cache(&["sg-c"]), &known(&numbered(rules)));
            let fixes: Vec<&str> = findings.iter().filter_map(|finding| finding.fix.as_deref()).collect();
            let expected: Vec<String> =
                lacking.iter().map(|peer| format!("ec-sg apply --cache orders --from {peer}")).collect();
            assert_eq!(fixes, expected, "{rules:?}");
        }
    }
}
