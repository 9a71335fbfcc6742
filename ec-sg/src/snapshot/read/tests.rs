//! How AWS's answers are understood, and what is known from what.

use serde_json::json;

use super::vpc::{network_acl, route};
use super::*;
use crate::fake::answers;
use crate::need::Need;
use crate::network::Target;

fn known(json: serde_json::Value) -> Snapshot {
    let mut known = Snapshot::default();
    known.take(answers(json)).unwrap();
    known
}

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
fn rules_with_ids_take_the_place_of_those_without_whichever_comes_first() {
    let without = json!({"SecurityGroups": [{
        "GroupId": "sg-1", "IpPermissionsEgress": [], "IpPermissions": [
            {"IpProtocol": "tcp", "FromPort": 6379, "ToPort": 6379, "IpRanges": [{"CidrIp": "10.0.0.0/8"}],
             "Ipv6Ranges": [{"CidrIpv6": "::/0"}], "PrefixListIds": [{"PrefixListId": "pl-1"}],
             "UserIdGroupPairs": [{"GroupId": "sg-2", "UserId": "123456789012"}]},
        ],
    }]});
    let with = json!({"SecurityGroupRules": [{
        "SecurityGroupRuleId": "sgr-1", "GroupId": "sg-1", "IsEgress": false, "IpProtocol": "tcp", "FromPort": 6379,
        "ToPort": 6379, "CidrIpv4": "10.0.0.0/8", "Tags": [{"Key": "ec-sg", "Value": "orders"}],
    }]});
    assert_eq!(known(without.clone()).rules("sg-1").unwrap().len(), 4, "one for each other side");
    for order in [[&without, &with], [&with, &without]] {
        let mut known = Snapshot::default();
        for each in order {
            known.take(answers(each.clone())).unwrap();
        }
        let rules = known.rules("sg-1").unwrap();
        assert_eq!(rules.len(), 1);
        assert_eq!((rules[0].id.as_deref(), rules[0].tag.as_deref()), (Some("sgr-1"), Some("orders")));
    }
}

#[test]
fn a_group_without_rules_is_known_to_have_none_only_when_it_was_asked_for() {
    let mut known = Snapshot::default();
    assert_eq!(known.rules("sg-1"), Err(Need::Rules("sg-1".into())));
    known.asked(Need::Rules("sg-1".into()), None);
    assert_eq!(known.rules("sg-1"), Ok(&[][..]));
    known.forget_rules(&["sg-1".into()]);
    assert!(known.rules("sg-1").is_err());
}

#[test]
fn an_instance_shows_its_name_and_the_addresses_of_its_primary_interface() {
    let known = known(json!({"Reservations": [{"Instances": [
        {"InstanceId": "i-1", "PrivateIpAddress": "10.0.1.15", "Platform": "windows",
         "Tags": [{"Key": "Name", "Value": "app-1"}], "SecurityGroups": [{"GroupId": "sg-1"}],
         "NetworkInterfaces": [
            {"NetworkInterfaceId": "eni-2", "Attachment": {"DeviceIndex": 1}, "Ipv6Addresses": [{"Ipv6Address": "2001:db8::2"}]},
            {"NetworkInterfaceId": "eni-1", "Attachment": {"DeviceIndex": 0}, "Ipv6Addresses": [{"Ipv6Address": "2001:db8::1"}]},
         ]},
        {"InstanceId": "i-2", "State": {"Name": "terminated"}},
    ]}]}));
    let machine = known.machine("i-1").unwrap().unwrap();
    assert_eq!((machine.name.as_deref(), machine.interface.as_deref()), (Some("app-1"), Some("eni-1")));
    assert_eq!(machine.addresses, ["10.0.1.15".parse::<IpAddr>().unwrap(), "2001:db8::1".parse().unwrap()]);
    assert!(machine.is_windows);
    assert!(known.machine("i-2").is_err(), "a terminated instance is gone");
}

#[test]
fn a_subnet_without_a_network_acl_has_the_default_one_only_where_all_were_told() {
    // ministack associates no subnet with a VPC's default ACL; of AWS's answers, one that lacks the subnet is a part.
    let mut known = known(json!({
        "Subnets": [{"SubnetId": "subnet-1", "VpcId": "vpc-1"}],
        "NetworkAcls": [{"NetworkAclId": "acl-1", "VpcId": "vpc-1", "IsDefault": true}],
    }));
    let subnet = known.subnet("subnet-1").unwrap().unwrap().clone();
    assert_eq!(known.acl(&subnet), Err(Need::NetworkAcls("vpc-1".into())));
    known.asked(Need::NetworkAcls("vpc-1".into()), None);
    assert_eq!(known.acl(&subnet).unwrap().id, "acl-1");
}

#[test]
fn the_target_of_a_route_is_told_by_the_member_that_names_it() {
    for (member, target) in [
        (json!({"GatewayId": "local"}), Target::Local),
        (json!({"GatewayId": "igw-1"}), Target::Internet("igw-1".into())),
        (json!({"GatewayId": "vgw-1"}), Target::Beyond("vgw-1".into())),
        (json!({"VpcPeeringConnectionId": "pcx-1"}), Target::Peering("pcx-1".into())),
        (json!({"TransitGatewayId": "tgw-1"}), Target::TransitGateway("tgw-1".into())),
        (json!({"NatGatewayId": "nat-1"}), Target::Nat("nat-1".into())),
        (json!({"EgressOnlyInternetGatewayId": "eigw-1"}), Target::Internet("eigw-1".into())),
        (json!({"NetworkInterfaceId": "eni-1"}), Target::Beyond("eni-1".into())),
    ] {
        let mut from = member.clone();
        from["DestinationCidrBlock"] = json!("10.0.0.0/8");
        let from: answers::Route = serde_json::from_value(from).unwrap();
        assert_eq!(route(&from).unwrap().unwrap().target, target, "{member}");
    }
}

#[test]
fn entries_of_other_protocols_and_the_final_one_are_left_out() {
    let entry = |number: i32, protocol: &str| json!({"RuleNumber": number, "Protocol": protocol, "RuleAction": "allow", "Egress": false, "CidrBlock": "0.0.0.0/0"});
    let acl = json!({"NetworkAclId": "acl-1", "Entries": [entry(200, "6"), entry(100, "17"), entry(110, "-1"), entry(32767, "-1")]});
    let acl = network_acl(&serde_json::from_value(acl).unwrap()).unwrap();
    let numbers: Vec<u16> = acl.entries.iter().map(|entry| entry.number).collect();
    assert_eq!(numbers, [110, 200], "in the order in which they decide");
}
