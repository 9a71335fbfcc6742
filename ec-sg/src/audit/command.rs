//! The AWS CLI's commands that mend a rule. A person reads them before running them.

use ipnet::IpNet;

use crate::rule::{Direction, Peer, Rule, Traffic};

/// Takes rules away: one command for each group and direction.
pub(super) fn revoke(rules: &[&Rule]) -> String {
    let mut commands: Vec<String> = Vec::new();
    let mut sets: Vec<(&str, Direction)> = rules.iter().map(|rule| (rule.group.as_str(), rule.direction)).collect();
    sets.sort_unstable();
    sets.dedup();
    for (group, direction) in sets {
        let of_set = || rules.iter().filter(move |rule| (rule.group.as_str(), rule.direction) == (group, direction));
        let ids: Vec<&str> = of_set().filter_map(|rule| rule.id.as_deref()).collect();
        let command = format!("aws ec2 revoke-security-group-{} --group-id {group}", direction.word());
        if !ids.is_empty() {
            commands.push(format!("{command} --security-group-rule-ids {}", ids.join(" ")));
        }
        let without_id = of_set().filter(|rule| rule.id.is_none());
        let permissions: Vec<String> = without_id
            .filter_map(|rule| permission(rule.traffic, &rule.peer))
            .map(|each| format!("'{each}'"))
            .collect();
        if !permissions.is_empty() {
            commands.push(format!("{command} --ip-permissions {}", permissions.join(" ")));
        }
    }
    commands.join(" && ")
}

/// Takes rules away that let everybody in to these ports, once the clients are admitted by their groups.
pub(super) fn close(rules: &[&Rule], ports: &[u16]) -> String {
    let group = rules.first().map(|rule| rule.group.as_str()).unwrap_or_default();
    let admit = |(from, to): (u16, u16)| {
        let ports = if from == to { from.to_string() } else { format!("{from}-{to}") };
        format!(
            "aws ec2 authorize-security-group-ingress --group-id {group} --protocol tcp --port {ports} --source-group SG"
        )
    };
    let commands: Vec<String> = runs(ports).into_iter().map(admit).chain([revoke(rules)]).collect();
    format!("{}   # SG: the group of each client", commands.join(" && "))
}

/// Narrows a rule to these ports: in place where one range holds them, so that it never is closed in between.
pub(super) fn narrow(rule: &Rule, ports: &[u16]) -> String {
    let runs = runs(ports);
    if let (Some(id), [(from, to)]) = (&rule.id, runs.as_slice()) {
        let peer = match &rule.peer {
            Peer::Group(group) => format!("ReferencedGroupId={}", group.id),
            Peer::Range(range @ IpNet::V4(_)) => format!("CidrIpv4={range}"),
            Peer::Range(range @ IpNet::V6(_)) => format!("CidrIpv6={range}"),
            Peer::PrefixList(list) => format!("PrefixListId={list}"),
        };
        return format!(
            "aws ec2 modify-security-group-rules --group-id {} --security-group-rules \
             'SecurityGroupRuleId={id},SecurityGroupRule={{IpProtocol=tcp,FromPort={from},ToPort={to},{peer}}}'",
            rule.group
        );
    }
    let permissions = runs.iter().filter_map(|(from, to)| permission(Traffic::Tcp(*from, *to), &rule.peer));
    let permissions: Vec<String> = permissions.map(|each| format!("'{each}'")).collect();
    let direction = rule.direction.word();
    let authorize = format!("aws ec2 authorize-security-group-{direction} --group-id {}", rule.group);
    format!("{authorize} --ip-permissions {} && {}", permissions.join(" "), revoke(&[rule]))
}

/// Neighbouring ports as ranges, both ends included.
fn runs(ports: &[u16]) -> Vec<(u16, u16)> {
    let mut ports = ports.to_vec();
    ports.sort_unstable();
    let mut runs: Vec<(u16, u16)> = Vec::new();
    for port in ports {
        match runs.last_mut() {
            Some((_, to)) if to.checked_add(1) == Some(port) => *to = port,
            _ => runs.push((port, port)),
        }
    }
    runs
}

/// A rule as the AWS CLI takes it; `None` where the protocol is not known.
fn permission(traffic: Traffic, peer: &Peer) -> Option<String> {
    let traffic = match traffic {
        Traffic::All => "IpProtocol=-1".to_owned(),
        Traffic::Tcp(from, to) => format!("IpProtocol=tcp,FromPort={from},ToPort={to}"),
        Traffic::Other => return None,
    };
    let peer = match peer {
        Peer::Group(group) => format!("UserIdGroupPairs=[{{GroupId={}}}]", group.id),
        Peer::Range(range @ IpNet::V4(_)) => format!("IpRanges=[{{CidrIp={range}}}]"),
        Peer::Range(range @ IpNet::V6(_)) => format!("Ipv6Ranges=[{{CidrIpv6={range}}}]"),
        Peer::PrefixList(list) => format!("PrefixListIds=[{{PrefixListId={list}}}]"),
    };
    Some(format!("{traffic},{peer}"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fake::rule;

    fn without_id(rule: Rule) -> Rule {
        Rule { id: None, ..rule }
    }

    #[test]
    fn rules_of_one_group_and_direction_are_revoked_by_their_ids_in_one_command() {
        let tcp = Traffic::Tcp(6379, 6379);
        let one = rule("sgr-1", "sg-c", Direction::Ingress, tcp, "0.0.0.0/0");
        let two = rule("sgr-2", "sg-c", Direction::Ingress, tcp, "::/0");
        let out = without_id(rule("", "sg-c", Direction::Egress, Traffic::All, "sg-a"));
        assert_eq!(
            revoke(&[&one, &two, &out]),
            "aws ec2 revoke-security-group-ingress --group-id sg-c --security-group-rule-ids sgr-1 sgr-2 && \
             aws ec2 revoke-security-group-egress --group-id sg-c \
             --ip-permissions 'IpProtocol=-1,UserIdGroupPairs=[{GroupId=sg-a}]'"
        );
    }

    #[test]
    fn a_rule_is_narrowed_in_place_where_one_range_holds_the_ports() {
        let wide = rule("sgr-1", "sg-c", Direction::Ingress, Traffic::All, "10.0.0.0/16");
        assert_eq!(
            narrow(&wide, &[6379, 6380]),
            "aws ec2 modify-security-group-rules --group-id sg-c --security-group-rules \
             'SecurityGroupRuleId=sgr-1,SecurityGroupRule={IpProtocol=tcp,FromPort=6379,ToPort=6380,CidrIpv4=10.0.0.0/16}'"
        );
        assert_eq!(
            narrow(&wide, &[7000, 6379]),
            "aws ec2 authorize-security-group-ingress --group-id sg-c \
             --ip-permissions 'IpProtocol=tcp,FromPort=6379,ToPort=6379,IpRanges=[{CidrIp=10.0.0.0/16}]' \
             'IpProtocol=tcp,FromPort=7000,ToPort=7000,IpRanges=[{CidrIp=10.0.0.0/16}]' && \
             aws ec2 revoke-security-group-ingress --group-id sg-c --security-group-rule-ids sgr-1"
        );
    }
}
