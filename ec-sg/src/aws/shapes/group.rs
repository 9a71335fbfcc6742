//! Security groups, their rules, and the prefix lists that those name.

use aws_sdk_ec2::types as ec2;

use super::{listed, tag};
use crate::answers::{
    PrefixList, PrefixListEntry, SecurityGroup, SecurityGroupRule, StaleIpPermission, StaleSecurityGroup,
    UserIdGroupPair,
};

/// The rules stay out: those with ids are told apart.
pub(in crate::aws) fn group(from: ec2::SecurityGroup) -> Option<SecurityGroup> {
    Some(SecurityGroup {
        group_id: from.group_id?,
        group_name: from.group_name,
        vpc_id: from.vpc_id,
        owner_id: from.owner_id,
        tags: listed(from.tags, tag),
        ip_permissions: None,
        ip_permissions_egress: None,
    })
}

pub(in crate::aws) fn rule(from: ec2::SecurityGroupRule) -> Option<SecurityGroupRule> {
    let pair = |group: ec2::ReferencedSecurityGroup| UserIdGroupPair {
        group_id: group.group_id,
        user_id: group.user_id,
        vpc_peering_connection_id: group.vpc_peering_connection_id,
        peering_status: group.peering_status,
    };
    Some(SecurityGroupRule {
        security_group_rule_id: from.security_group_rule_id?,
        group_id: from.group_id?,
        group_owner_id: from.group_owner_id,
        is_egress: from.is_egress?,
        ip_protocol: from.ip_protocol.unwrap_or_default(),
        from_port: from.from_port,
        to_port: from.to_port,
        cidr_ipv4: from.cidr_ipv4,
        cidr_ipv6: from.cidr_ipv6,
        prefix_list_id: from.prefix_list_id,
        referenced_group_info: from.referenced_group_info.map(pair),
        tags: listed(from.tags, tag),
    })
}

pub(in crate::aws) fn stale_group(from: ec2::StaleSecurityGroup) -> Option<StaleSecurityGroup> {
    let pair = |pair: ec2::UserIdGroupPair| {
        Some(UserIdGroupPair {
            group_id: pair.group_id,
            user_id: pair.user_id,
            vpc_peering_connection_id: pair.vpc_peering_connection_id,
            peering_status: pair.peering_status,
        })
    };
    let permission = |permission: ec2::StaleIpPermission| {
        Some(StaleIpPermission { user_id_group_pairs: listed(permission.user_id_group_pairs, pair) })
    };
    Some(StaleSecurityGroup {
        group_id: from.group_id?,
        stale_ip_permissions: listed(from.stale_ip_permissions, permission),
        stale_ip_permissions_egress: listed(from.stale_ip_permissions_egress, permission),
    })
}

pub(in crate::aws) fn prefix_list(from: ec2::ManagedPrefixList) -> Option<PrefixList> {
    Some(PrefixList {
        prefix_list_id: from.prefix_list_id?,
        prefix_list_name: from.prefix_list_name,
        cidrs: None,
        max_entries: from.max_entries,
    })
}

pub(in crate::aws) fn prefix_list_entry(from: ec2::PrefixListEntry) -> Option<PrefixListEntry> {
    from.cidr.map(|cidr| PrefixListEntry { cidr })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_kind_of_peer_is_read() {
        let base = || {
            ec2::SecurityGroupRule::builder()
                .security_group_rule_id("sgr-1")
                .group_id("sg-1")
                .is_egress(false)
                .ip_protocol("tcp")
                .from_port(6379)
                .to_port(6380)
        };
        let read = |builder: ec2::builders::SecurityGroupRuleBuilder| rule(builder.build()).unwrap();
        let plain = read(base().tags(ec2::Tag::builder().key("ec-sg").value("orders").build()));
        assert_eq!((plain.security_group_rule_id.as_str(), plain.group_id.as_str()), ("sgr-1", "sg-1"));
        assert_eq!((plain.ip_protocol.as_str(), plain.from_port, plain.to_port), ("tcp", Some(6379), Some(6380)));
        assert_eq!((plain.tags[0].key.as_str(), plain.tags[0].value.as_str()), ("ec-sg", "orders"));
        assert_eq!(read(base().cidr_ipv4("10.0.0.0/8")).cidr_ipv4.as_deref(), Some("10.0.0.0/8"));
        assert_eq!(read(base().cidr_ipv6("::/0")).cidr_ipv6.as_deref(), Some("::/0"));
        assert_eq!(read(base().prefix_list_id("pl-1")).prefix_list_id.as_deref(), Some("pl-1"));
        let group = ec2::ReferencedSecurityGroup::builder()
            .group_id("sg-2")
            .user_id("123456789012")
            .vpc_peering_connection_id("pcx-1")
            .peering_status("deleted");
        let pair = read(base().referenced_group_info(group.build())).referenced_group_info.unwrap();
        assert_eq!((pair.group_id.as_deref(), pair.user_id.as_deref()), (Some("sg-2"), Some("123456789012")));
        assert_eq!(pair.vpc_peering_connection_id.as_deref(), Some("pcx-1"));
        assert_eq!(pair.peering_status.as_deref(), Some("deleted"));
    }

    #[test]
    fn a_group_says_nothing_of_its_rules() {
        let permission = ec2::IpPermission::builder().ip_protocol("-1").build();
        let from = ec2::SecurityGroup::builder().group_id("sg-1").group_name("app").owner_id("123456789012");
        let read = group(from.ip_permissions(permission).build()).unwrap();
        assert_eq!((read.group_name.as_deref(), read.owner_id.as_deref()), (Some("app"), Some("123456789012")));
        assert!(read.ip_permissions.is_none() && read.ip_permissions_egress.is_none());
    }

    #[test]
    fn a_stale_group_names_the_groups_that_are_gone_in_its_direction() {
        let pair = ec2::UserIdGroupPair::builder().group_id("sg-9").build();
        let permission = ec2::StaleIpPermission::builder().user_id_group_pairs(pair).build();
        let from = ec2::StaleSecurityGroup::builder().group_id("sg-1").stale_ip_permissions_egress(permission);
        let read = stale_group(from.build()).unwrap();
        assert!(read.stale_ip_permissions.is_empty());
        let pair = &read.stale_ip_permissions_egress[0].user_id_group_pairs[0];
        assert_eq!(pair.group_id.as_deref(), Some("sg-9"));
    }

    #[test]
    fn a_prefix_list_says_how_many_entries_it_may_hold() {
        let read = prefix_list(ec2::ManagedPrefixList::builder().prefix_list_id("pl-1").max_entries(20).build());
        assert_eq!(read.unwrap().max_entries, Some(20));
    }
}
