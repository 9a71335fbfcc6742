//! The SDK's types to the shapes of the AWS CLI, and our openings to EC2's permissions.

mod group;
mod machine;
mod transit;
mod vpc;

use aws_sdk_ec2::types as ec2;
use aws_sdk_elasticache::types as elasticache;

pub(super) use group::{group, prefix_list, prefix_list_entry, rule, stale_group};
pub(super) use machine::{interface, reservation};
pub(super) use transit::{attachment, transit_gateway, transit_route, vpc_attachment};
pub(super) use vpc::{network_acl, peering, route_table, subnet, vpc};

use crate::answers::{CacheSubnet, CacheSubnetGroup, GroupIdentifier, Ipv6CidrBlockAssociation, Tag};
use crate::rule::{Opening, Peer};

/// The shape of each. What lacks its id is none.
pub(super) fn each<T, U>(from: Vec<T>, shape: impl Fn(T) -> Option<U>) -> Vec<U> {
    from.into_iter().filter_map(shape).collect()
}

/// The same of a list that may be absent.
fn listed<T, U>(from: Option<Vec<T>>, shape: impl Fn(T) -> Option<U>) -> Vec<U> {
    each(from.unwrap_or_default(), shape)
}

fn tag(from: ec2::Tag) -> Option<Tag> {
    Some(Tag { key: from.key?, value: from.value.unwrap_or_default() })
}

fn group_id(from: ec2::GroupIdentifier) -> Option<GroupIdentifier> {
    from.group_id.map(|group_id| GroupIdentifier { group_id })
}

fn ipv6_block(block: String) -> Ipv6CidrBlockAssociation {
    Ipv6CidrBlockAssociation { ipv6_cidr_block: block }
}

pub(super) fn cache_subnet_group(from: elasticache::CacheSubnetGroup) -> Option<CacheSubnetGroup> {
    let subnet = |subnet: elasticache::Subnet| {
        subnet.subnet_identifier.map(|subnet_identifier| CacheSubnet { subnet_identifier })
    };
    Some(CacheSubnetGroup {
        cache_subnet_group_name: from.cache_subnet_group_name?,
        vpc_id: from.vpc_id,
        subnets: listed(from.subnets, subnet),
    })
}

/// The permission that an opening is to EC2.
pub(super) fn permission(opening: &Opening, description: Option<&str>) -> ec2::IpPermission {
    let port = i32::from(opening.tcp_port);
    let permission = ec2::IpPermission::builder().ip_protocol("tcp").from_port(port).to_port(port);
    let text = description.map(str::to_owned);
    match &opening.peer {
        Peer::Group(group) => {
            let pair = ec2::UserIdGroupPair::builder().group_id(&group.id).set_user_id(group.account.clone());
            permission.user_id_group_pairs(pair.set_description(text).build())
        }
        Peer::Range(range @ ipnet::IpNet::V4(_)) => {
            permission.ip_ranges(ec2::IpRange::builder().cidr_ip(range.to_string()).set_description(text).build())
        }
        Peer::Range(range @ ipnet::IpNet::V6(_)) => {
            let range = ec2::Ipv6Range::builder().cidr_ipv6(range.to_string());
            permission.ipv6_ranges(range.set_description(text).build())
        }
        Peer::PrefixList(id) => {
            permission.prefix_list_ids(ec2::PrefixListId::builder().prefix_list_id(id).set_description(text).build())
        }
    }
    .build()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::rule::Direction;

    fn written(peer: Peer) -> ec2::IpPermission {
        let opening = Opening { group: "sg-1".into(), direction: Direction::Ingress, tcp_port: 6379, peer };
        permission(&opening, Some("orders"))
    }

    #[test]
    fn a_permission_is_for_one_tcp_port_and_names_its_reason() {
        let written = written(Peer::Range("10.0.0.0/8".parse().unwrap()));
        assert_eq!((written.ip_protocol(), written.from_port, written.to_port), (Some("tcp"), Some(6379), Some(6379)));
        assert_eq!(written.ip_ranges()[0].cidr_ip(), Some("10.0.0.0/8"));
        assert_eq!(written.ip_ranges()[0].description(), Some("orders"));
    }

    #[test]
    fn each_kind_of_peer_is_written() {
        let v6 = written(Peer::Range("2001:db8::/32".parse().unwrap()));
        assert_eq!(v6.ipv6_ranges()[0].cidr_ipv6(), Some("2001:db8::/32"));
        let list = written(Peer::PrefixList("pl-1".into()));
        assert_eq!(list.prefix_list_ids()[0].prefix_list_id(), Some("pl-1"));
        for (text, account) in [("sg-22222222", None), ("123456789012/sg-22222222", Some("123456789012"))] {
            let group = written(Peer::Group(text.parse().unwrap()));
            let pair = &group.user_id_group_pairs()[0];
            assert_eq!((pair.group_id(), pair.user_id()), (Some("sg-22222222"), account), "{text}");
        }
    }

    #[test]
    fn a_cache_subnet_group_brings_its_vpc_and_subnets() {
        let subnet = elasticache::Subnet::builder().subnet_identifier("subnet-1").build();
        let group = elasticache::CacheSubnetGroup::builder().cache_subnet_group_name("net").vpc_id("vpc-1");
        let read = cache_subnet_group(group.subnets(subnet).build()).unwrap();
        assert_eq!((read.cache_subnet_group_name.as_str(), read.vpc_id.as_deref()), ("net", Some("vpc-1")));
        assert_eq!(read.subnets[0].subnet_identifier, "subnet-1");
    }
}
