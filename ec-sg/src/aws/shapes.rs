//! EC2's types to our own, and back.

use aws_sdk_ec2::types as ec2;
use ec_shared::document::Client;

use crate::cloud::{Label, Subnet, TAG};
use crate::rule::{Direction, Opening, Peer, Rule, Traffic};

fn group_ids(groups: Option<Vec<ec2::GroupIdentifier>>) -> Vec<String> {
    groups.unwrap_or_default().into_iter().filter_map(|group| group.group_id).collect()
}

/// An instance dials out through its primary interface, whose groups and addresses the instance shows as its own.
pub(super) fn instance(from: ec2::Instance) -> Client {
    let name = from.tags().iter().find(|tag| tag.key() == Some("Name")).and_then(|tag| tag.value()).map(str::to_owned);
    let primary = from
        .network_interfaces()
        .iter()
        .find(|each| each.attachment().and_then(ec2::InstanceNetworkInterfaceAttachment::device_index) == Some(0));
    let v6 = primary.map(ec2::InstanceNetworkInterface::ipv6_addresses).unwrap_or_default().iter();
    let v6 = v6.filter_map(|each| each.ipv6_address()).map(str::to_owned);
    Client {
        private_ips: from.private_ip_address.clone().into_iter().chain(v6).collect(),
        instance_id: from.instance_id,
        name: name.filter(|name| !name.is_empty()),
        vpc_id: from.vpc_id,
        subnet_id: from.subnet_id,
        security_group_ids: group_ids(from.security_groups),
        ..Client::default()
    }
}

pub(super) fn interface(from: ec2::NetworkInterface) -> Client {
    let v6 = from.ipv6_addresses.unwrap_or_default().into_iter().filter_map(|each| each.ipv6_address);
    Client {
        network_interface_id: from.network_interface_id,
        private_ips: from.private_ip_address.into_iter().chain(v6).collect(),
        vpc_id: from.vpc_id,
        subnet_id: from.subnet_id,
        security_group_ids: group_ids(from.groups),
        ..Client::default()
    }
}

pub(super) fn subnet(from: ec2::Subnet) -> Subnet {
    let v6 =
        from.ipv6_cidr_block_association_set.unwrap_or_default().into_iter().filter_map(|each| each.ipv6_cidr_block);
    let ranges = from.cidr_block.into_iter().chain(v6).filter_map(|range| range.parse().ok());
    Subnet { ranges: ranges.collect(), id: from.subnet_id.unwrap_or_default(), vpc_id: from.vpc_id }
}

/// `None` for a rule whose other side is of a kind that is newer than this program.
pub(super) fn rule(from: ec2::SecurityGroupRule) -> Option<Rule> {
    let range = from.cidr_ipv4.or(from.cidr_ipv6);
    let peer = match (range, from.prefix_list_id, from.referenced_group_info) {
        (Some(range), ..) => Peer::Range(range.parse().ok()?),
        (_, Some(list), _) => Peer::PrefixList(list),
        (.., Some(group)) => Peer::Group(group.group_id?),
        _ => return None,
    };
    let tags = from.tags.unwrap_or_default();
    Some(Rule {
        id: from.security_group_rule_id?,
        group: from.group_id?,
        direction: if from.is_egress? { Direction::Egress } else { Direction::Ingress },
        traffic: traffic(from.ip_protocol.as_deref().unwrap_or_default(), from.from_port, from.to_port),
        peer,
        tag: tags.into_iter().find(|tag| tag.key.as_deref() == Some(TAG)).and_then(|tag| tag.value),
    })
}

/// AWS writes TCP as `tcp` and also takes its number; ports that are absent or -1 are all ports.
fn traffic(protocol: &str, from: Option<i32>, to: Option<i32>) -> Traffic {
    let port = |port: Option<i32>, all: u16| port.and_then(|port| u16::try_from(port).ok()).unwrap_or(all);
    match protocol {
        "-1" => Traffic::All,
        "tcp" | "6" => Traffic::Tcp(port(from, 0), port(to, u16::MAX)),
        _ => Traffic::Other,
    }
}

pub(super) fn permission(opening: &Opening, label: &Label) -> ec2::IpPermission {
    let port = i32::from(opening.tcp_port);
    let permission = ec2::IpPermission::builder().ip_protocol("tcp").from_port(port).to_port(port);
    let text = &label.description;
    match &opening.peer {
        Peer::Group(id) => {
            permission.user_id_group_pairs(ec2::UserIdGroupPair::builder().group_id(id).description(text).build())
        }
        Peer::Range(range @ ipnet::IpNet::V4(_)) => {
            permission.ip_ranges(ec2::IpRange::builder().cidr_ip(range.to_string()).description(text).build())
        }
        Peer::Range(range @ ipnet::IpNet::V6(_)) => {
            permission.ipv6_ranges(ec2::Ipv6Range::builder().cidr_ipv6(range.to_string()).description(text).build())
        }
        Peer::PrefixList(id) => {
            permission.prefix_list_ids(ec2::PrefixListId::builder().prefix_list_id(id).description(text).build())
        }
    }
    .build()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn protocols_and_ports_as_ec2_writes_them() {
        for (protocol, from, to, expected) in [
            ("-1", Some(-1), Some(-1), Traffic::All),
            ("tcp", Some(6379), Some(6380), Traffic::Tcp(6379, 6380)),
            ("6", Some(6379), Some(6379), Traffic::Tcp(6379, 6379)),
            ("tcp", None, None, Traffic::Tcp(0, 65535)),
            ("udp", Some(6379), Some(6379), Traffic::Other),
            ("icmp", Some(-1), Some(-1), Traffic::Other),
            ("17", None, None, Traffic::Other),
        ] {
            assert_eq!(traffic(protocol, from, to), expected, "{protocol} {from:?} {to:?}");
        }
    }

    #[test]
    fn each_kind_of_peer_is_read() {
        let base = || {
            ec2::SecurityGroupRule::builder()
                .security_group_rule_id("sgr-1")
                .group_id("sg-1")
                .is_egress(false)
                .ip_protocol("tcp")
                .from_port(6379)
                .to_port(6379)
        };
        let group = ec2::ReferencedSecurityGroup::builder().group_id("sg-2").build();
        let tag = ec2::Tag::builder().key(TAG).value("orders").build();
        let read = rule(base().referenced_group_info(group).tags(tag).build()).unwrap();
        assert_eq!((read.peer, read.tag.as_deref()), (Peer::Group("sg-2".into()), Some("orders")));
        let read = |built: ec2::SecurityGroupRule| rule(built).map(|rule| rule.peer);
        assert_eq!(read(base().cidr_ipv4("10.0.0.0/8").build()), Some(Peer::Range("10.0.0.0/8".parse().unwrap())));
        assert_eq!(read(base().cidr_ipv6("::/0").build()), Some(Peer::Range("::/0".parse().unwrap())));
        assert_eq!(read(base().prefix_list_id("pl-1").build()), Some(Peer::PrefixList("pl-1".into())));
        assert_eq!(read(base().build()), None);
    }

    #[test]
    fn an_instance_shows_its_name_and_the_addresses_of_its_primary_interface() {
        let second = ec2::InstanceNetworkInterface::builder()
            .attachment(ec2::InstanceNetworkInterfaceAttachment::builder().device_index(1).build())
            .ipv6_addresses(ec2::InstanceIpv6Address::builder().ipv6_address("2001:db8::2").build())
            .build();
        let primary = ec2::InstanceNetworkInterface::builder()
            .attachment(ec2::InstanceNetworkInterfaceAttachment::builder().device_index(0).build())
            .ipv6_addresses(ec2::InstanceIpv6Address::builder().ipv6_address("2001:db8::1").build())
            .build();
        let client = instance(
            ec2::Instance::builder()
                .instance_id("i-1")
                .private_ip_address("10.0.1.15")
                .tags(ec2::Tag::builder().key("Name").value("app-1").build())
                .security_groups(ec2::GroupIdentifier::builder().group_id("sg-1").group_name("app").build())
                .network_interfaces(second)
                .network_interfaces(primary)
                .build(),
        );
        assert_eq!(client.title(), "i-1 \"app-1\" 10.0.1.15");
        assert_eq!(client.private_ips, ["10.0.1.15", "2001:db8::1"]);
        assert_eq!(client.security_group_ids, ["sg-1"]);
    }
}
