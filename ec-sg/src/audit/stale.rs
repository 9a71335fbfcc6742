//! Stale: rules that name a group which is gone, so that they admit nobody.

use ec_shared::document::{Finding, Severity};

use super::{Audit, about, command};
use crate::codes;
use crate::need::Need;
use crate::rule::{GroupRef, Peer, Rule};

impl Audit<'_> {
    /// Rules of the cache's groups, of both directions, whose other side is gone.
    pub(super) fn stale(&self) -> Vec<Finding> {
        self.rules().filter(|rule| self.is_stale(rule)).map(|rule| self.stale_rule(rule)).collect()
    }

    /// Whether the group that a rule names is gone. What it takes to know is noted.
    pub(super) fn is_stale(&self, rule: &Rule) -> bool {
        let Peer::Group(group) = &rule.peer else { return false };
        if self.known.is_stale(rule) {
            return true;
        }
        // A group that rules of its own VPC name cannot be deleted.
        let Some(vpc) = &self.cache.vpc else { return false };
        let found = self.known.group(&group.id).ok().flatten();
        if found.is_some_and(|found| found.vpc.as_ref() == Some(vpc)) {
            return false;
        }
        if rule.peering_status.is_none() {
            let all = Need::GroupsOf(vpc.clone());
            if !self.is_told(&all) {
                self.missing.borrow_mut().insert(all);
                return false;
            }
            // Among all groups of a VPC is its default group, which cannot be deleted.
            if self.known.groups_of(vpc).iter().any(|group| group.is_default()) {
                return self.is_nowhere(group);
            }
        }
        let stale = Need::StaleRules(vpc.clone());
        if !self.is_told(&stale) {
            self.missing.borrow_mut().insert(stale);
        }
        false
    }

    /// A transit gateway, too, joins VPCs whose rules name each other's groups.
    fn is_nowhere(&self, group: &GroupRef) -> bool {
        self.seen(self.known.group(&group.id)).is_some_and(|found| found.is_none())
    }

    fn stale_rule(&self, rule: &Rule) -> Finding {
        let name = rule.with_id();
        let summary = match (&rule.peering_status, self.known.is_stale(rule)) {
            (Some(status), true) if status != "active" => {
                format!("{name} admits nobody: the peering connection to the group is {status}")
            }
            (_, true) => format!("{name} admits nobody: the group is gone"),
            (_, false) => format!("{name} admits nobody: there is no such group in the cache's VPC or elsewhere"),
        };
        about(&codes::STALE_RULE, Severity::Warning, summary, &[rule]).fix(command::revoke(&[rule]))
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::audit::tests::{BOTH, cache, found, group, ingress, known_of, summaries};

    #[test]
    fn a_rule_is_stale_when_the_group_or_the_peering_is_gone() {
        let across = |status: &str| Rule { peering_status: Some(status.into()), ..ingress(1, BOTH, "sg-far") };
        for (rule, stale) in [
            (ingress(1, BOTH, "sg-a"), false),
            (ingress(1, BOTH, "sg-nowhere"), true),
            (across("active"), false),
            (across("deleted"), true),
        ] {
            assert_eq!(
                summaries(&codes::STALE_RULE, std::slice::from_ref(&rule)).len(),
                usize::from(stale),
                "{rule:?}"
            );
        }
        let said = json!({"StaleSecurityGroupSet": [
            {"GroupId": "sg-c", "StaleIpPermissions": [{"UserIdGroupPairs": [{"GroupId": "sg-far"}]}]},
        ]});
        let findings = found(&codes::STALE_RULE, &cache(&["sg-c"]), &known_of(said, &[across("active")]));
        assert_eq!(findings[0].summary, "sgr-1 sg-c: tcp 6379-6380 from sg-far admits nobody: the group is gone");
        assert_eq!(
            findings[0].fix.as_deref(),
            Some("aws ec2 revoke-security-group-ingress --group-id sg-c --security-group-rule-ids sgr-1")
        );
    }

    #[test]
    fn that_a_group_is_nowhere_is_believed_of_a_whole_list_only() {
        // Without the default group, that every VPC has, the list is a part.
        let part = json!({"SecurityGroups": [group("sg-c", "cache"), group("sg-a", "app")]});
        let findings = found(&codes::STALE_RULE, &cache(&["sg-c"]), &known_of(part, &[ingress(1, BOTH, "sg-nowhere")]));
        assert_eq!(findings, []);
    }
}
