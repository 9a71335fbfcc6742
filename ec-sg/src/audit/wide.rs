//! Too wide: rules that let in more than the cache listens for.

use ec_shared::document::{Finding, Severity};

use super::{Audit, about, command, listed};
use crate::codes;
use crate::rule::{Rule, Traffic};

impl Audit<'_> {
    /// Rules that cover a port of the cache and more than its ports.
    pub(super) fn over_wide(&self) -> Vec<Finding> {
        let finding = |rule: &Rule| {
            let extra = self.extra(rule.traffic);
            if extra.is_empty() {
                return None;
            }
            let ports = self.covered(rule);
            let summary = format!("{} lets in more than tcp {}: {}", rule.with_id(), listed(&ports), listed(&extra));
            let fix = if self.is_open(rule) {
                command::close(&[rule], &ports)
            } else {
                format!("{}   # if nothing else that carries {} needs more", command::narrow(rule, &ports), rule.group)
            };
            Some(
                about(&codes::OVER_WIDE, Severity::Warning, summary, &[rule])
                    .evidence("tcp_ports", ports)
                    .evidence("extra", extra)
                    .fix(fix),
            )
        };
        self.admitting().filter(|rule| !self.is_stale(rule)).filter_map(finding).collect()
    }

    /// What is let in beside the cache's ports.
    fn extra(&self, traffic: Traffic) -> Vec<String> {
        let (from, to) = match traffic {
            Traffic::All => return vec!["every other port and protocol".to_owned()],
            Traffic::Other => return Vec::new(),
            Traffic::Tcp(from, to) => (u32::from(from), u32::from(to)),
        };
        let mut ports: Vec<u32> = self.cache.ports.iter().map(|port| u32::from(port.port)).collect();
        ports.retain(|port| (from..=to).contains(port));
        ports.sort_unstable();
        ports.push(to + 1);
        let mut extra = Vec::new();
        let mut next = from;
        for port in ports {
            if let (true, Ok(first), Ok(last)) =
                (next < port, u16::try_from(next), u16::try_from(port.saturating_sub(1)))
            {
                extra.push(Traffic::Tcp(first, last).to_string());
            }
            next = port + 1;
        }
        extra
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::audit::tests::{ALL_TCP, BOTH, MAIN, cache, found, known, numbered};

    #[test]
    fn a_rule_is_too_wide_by_the_ports_that_are_not_the_caches() {
        for (traffic, extra) in [
            (Traffic::All, &["every other port and protocol"][..]),
            (ALL_TCP, &["tcp 0-6378", "tcp 6381-65535"]),
            (Traffic::Tcp(6379, 6381), &["tcp 6381"]),
            (Traffic::Tcp(6000, 6379), &["tcp 6000-6378"]),
            (BOTH, &[]),
            (MAIN, &[]),
            (Traffic::Tcp(22, 22), &[]),
            (Traffic::Other, &[]),
        ] {
            let findings = found(&codes::OVER_WIDE, &cache(&["sg-c"]), &known(&numbered(&[(traffic, "sg-a")])));
            let told = findings.first().map_or(json!([]), |finding| finding.evidence["extra"].clone());
            assert_eq!(told, json!(extra), "{traffic}");
        }
    }
}
