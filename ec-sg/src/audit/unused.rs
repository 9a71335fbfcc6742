//! Unused: security groups around the cache that no network interface carries.

use std::collections::BTreeMap;

use ec_shared::document::{Finding, Severity};

use super::{Audit, about, brief, command, listed};
use crate::codes;
use crate::need::Need;
use crate::network::Group;
use crate::rule::{Peer, Rule, Traffic};

const CONTROLS: [&str; 2] = ["EC2.22", "ec2-security-group-attached-to-eni-periodic"];

impl Audit<'_> {
    /// Groups of the cache's VPC that its rules name, or that have rules for its ports, and that nothing carries. Not
    /// those that come with a VPC or belong to the console, and not those of other accounts, whose interfaces are not
    /// shown.
    pub(super) fn unused_groups(&self) -> Vec<Finding> {
        let Some(vpc) = &self.cache.vpc else { return Vec::new() };
        let all = Need::GroupsOf(vpc.clone());
        if !self.is_told(&all) {
            self.missing.borrow_mut().insert(all);
        }
        let mut naming: BTreeMap<&str, Vec<&Rule>> = BTreeMap::new();
        for rule in self.rules() {
            if let Peer::Group(group) = &rule.peer {
                naming.entry(&group.id).or_default().push(rule);
            }
        }
        let is_of_another = |group: &Group| {
            group.owner.as_ref().zip(self.cache.account.as_ref()).is_some_and(|(owner, account)| owner != account)
        };
        let groups = self.known.groups_of(vpc).into_iter().filter(|group| {
            !self.cache.groups.contains(&group.id)
                && !group.is_default()
                && !group.is_of_console()
                && !is_of_another(group)
        });
        let finding = |group: &Group| {
            let naming = naming.get(group.id.as_str()).map(Vec::as_slice).unwrap_or_default();
            let own = if naming.is_empty() { self.rules_for_ports(&group.id) } else { Vec::new() };
            let is_near = !naming.is_empty() || !own.is_empty();
            (is_near && self.is_unused(group)).then(|| unused(group, naming, &own))
        };
        groups.filter_map(finding).collect()
    }

    /// The rules of another group that are for the cache's ports, and not for everything.
    fn rules_for_ports(&self, group: &str) -> Vec<&Rule> {
        let is_for_ports = |rule: &&Rule| {
            let is_everything = matches!(rule.traffic, Traffic::All | Traffic::Tcp(0, u16::MAX));
            !is_everything && !self.covered(rule).is_empty()
        };
        self.seen(self.known.rules(group)).unwrap_or_default().iter().filter(is_for_ports).collect()
    }

    fn is_unused(&self, group: &Group) -> bool {
        let carries = |groups: &[String]| groups.contains(&group.id);
        let is_carried = self.known.machines().iter().any(|machine| carries(&machine.groups));
        !is_carried && self.seen(self.known.interfaces_of(&group.id)).is_some_and(|found| found.is_empty())
    }
}

fn unused(group: &Group, naming: &[&Rule], own: &[&Rule]) -> Finding {
    let name = match &group.name {
        Some(name) => format!("{} ({name})", group.id),
        None => group.id.clone(),
    };
    let (rules, why) = if naming.is_empty() { (own, "has") } else { (naming, "is named by") };
    let rules_named: Vec<String> = rules.iter().map(|rule| brief(rule)).collect();
    let summary = format!("no network interface carries {name}, which {why} {}", listed(&rules_named));
    let mut commands: Vec<String> = Vec::new();
    if !naming.is_empty() {
        commands.push(command::revoke(naming));
    }
    commands.push(format!("aws ec2 delete-security-group --group-id {}", group.id));
    let fix = match group.manager() {
        Some(manager) => format!("remove {} where {manager} declares it", group.id),
        None => format!("{}   # if nothing that does not run now is to carry it", commands.join(" && ")),
    };
    about(&codes::UNUSED_GROUP, Severity::Info, summary, rules)
        .evidence("security_group_ids", [&group.id])
        .evidence("controls", CONTROLS)
        .fix(fix)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::audit::tests::{ALL_TCP, BOTH, MAIN, cache, found, group, ingress, known_of, of_group};

    #[test]
    fn a_group_that_nothing_carries_is_found_where_it_has_to_do_with_the_cache() {
        let mut other = group("sg-other", "theirs");
        other["OwnerId"] = "444455556666".into();
        let groups = json!({"SecurityGroups": [
            group("sg-0", "default"), group("sg-c", "cache"), group("sg-a", "app"), group("sg-old", "old-cache"),
            group("sg-web", "web"), group("sg-console", "ec2-elasticache-i-1:orders"), other,
        ]});
        let rules = [
            ingress(1, BOTH, "sg-a"),
            ingress(2, BOTH, "sg-0"),
            ingress(3, BOTH, "sg-console"),
            ingress(4, BOTH, "sg-other"),
            of_group("sg-old", 5, MAIN, "10.0.0.0/16"),
            of_group("sg-web", 6, ALL_TCP, "10.0.0.0/16"),
        ];
        let findings = found(&codes::UNUSED_GROUP, &cache(&["sg-c"]), &known_of(groups, &rules));
        let summaries: Vec<&str> = findings.iter().map(|finding| finding.summary.as_str()).collect();
        assert_eq!(
            summaries,
            [
                "no network interface carries sg-a (app), which is named by sgr-1 (tcp 6379-6380 from sg-a)",
                "no network interface carries sg-old (old-cache), which has sgr-5 (tcp 6379 from 10.0.0.0/16)",
            ]
        );
        assert!(findings.iter().all(|finding| finding.severity == Severity::Info));
    }
}
