//! VPCs, their subnets, network ACLs and route tables, and the peering connections between them.

use aws_sdk_ec2::types as ec2;

use super::{ipv6_block, listed};
use crate::answers::{
    CidrBlockAssociation, NetworkAcl, NetworkAclEntry, PeeringOptions, PeeringStatus, PeeringVpcInfo, PortRange, Route,
    RouteTable, Subnet, SubnetAssociation, Vpc, VpcPeeringConnection,
};

/// Whether an association is over; AWS lists it for a while.
fn is_over(state: Option<impl AsRef<str>>) -> bool {
    state.is_some_and(|state| matches!(state.as_ref(), "disassociated" | "failed"))
}

pub(in crate::aws) fn subnet(from: ec2::Subnet) -> Option<Subnet> {
    let v6 = |each: ec2::SubnetIpv6CidrBlockAssociation| {
        let is_over = is_over(each.ipv6_cidr_block_state.and_then(|state| state.state));
        each.ipv6_cidr_block.filter(|_| !is_over).map(ipv6_block)
    };
    Some(Subnet {
        subnet_id: from.subnet_id?,
        vpc_id: from.vpc_id,
        availability_zone: from.availability_zone,
        owner_id: from.owner_id,
        cidr_block: from.cidr_block,
        ipv6_cidr_block_association_set: listed(from.ipv6_cidr_block_association_set, v6),
    })
}

pub(in crate::aws) fn vpc(from: ec2::Vpc) -> Option<Vpc> {
    let v4 = |each: ec2::VpcCidrBlockAssociation| {
        let is_over = is_over(each.cidr_block_state.and_then(|state| state.state));
        each.cidr_block.filter(|_| !is_over).map(v4_block)
    };
    let v6 = |each: ec2::VpcIpv6CidrBlockAssociation| {
        let is_over = is_over(each.ipv6_cidr_block_state.and_then(|state| state.state));
        each.ipv6_cidr_block.filter(|_| !is_over).map(ipv6_block)
    };
    Some(Vpc {
        vpc_id: from.vpc_id?,
        owner_id: from.owner_id,
        cidr_block: from.cidr_block,
        cidr_block_association_set: listed(from.cidr_block_association_set, v4),
        ipv6_cidr_block_association_set: listed(from.ipv6_cidr_block_association_set, v6),
    })
}

fn v4_block(cidr_block: String) -> CidrBlockAssociation {
    CidrBlockAssociation { cidr_block }
}

pub(in crate::aws) fn network_acl(from: ec2::NetworkAcl) -> Option<NetworkAcl> {
    let association =
        |each: ec2::NetworkAclAssociation| Some(SubnetAssociation { subnet_id: each.subnet_id, main: false });
    Some(NetworkAcl {
        network_acl_id: from.network_acl_id?,
        vpc_id: from.vpc_id,
        owner_id: from.owner_id,
        is_default: from.is_default == Some(true),
        associations: listed(from.associations, association),
        entries: listed(from.entries, |entry| Some(acl_entry(entry))),
    })
}

fn acl_entry(from: ec2::NetworkAclEntry) -> NetworkAclEntry {
    NetworkAclEntry {
        // -1 is no number: an entry without one is refused, not left out.
        rule_number: from.rule_number.unwrap_or(-1),
        protocol: from.protocol.unwrap_or_default(),
        rule_action: from.rule_action.map(|action| action.as_str().to_owned()).unwrap_or_default(),
        egress: from.egress == Some(true),
        cidr_block: from.cidr_block,
        ipv6_cidr_block: from.ipv6_cidr_block,
        port_range: from.port_range.map(|range| PortRange { from: range.from, to: range.to }),
    }
}

pub(in crate::aws) fn route_table(from: ec2::RouteTable) -> Option<RouteTable> {
    let association = |each: ec2::RouteTableAssociation| {
        let is_over = is_over(each.association_state.and_then(|state| state.state));
        (!is_over).then_some(SubnetAssociation { subnet_id: each.subnet_id, main: each.main == Some(true) })
    };
    Some(RouteTable {
        route_table_id: from.route_table_id?,
        vpc_id: from.vpc_id,
        owner_id: from.owner_id,
        associations: listed(from.associations, association),
        routes: listed(from.routes, |each| Some(route(each))),
    })
}

fn route(from: ec2::Route) -> Route {
    Route {
        destination_cidr_block: from.destination_cidr_block,
        destination_ipv6_cidr_block: from.destination_ipv6_cidr_block,
        destination_prefix_list_id: from.destination_prefix_list_id,
        gateway_id: from.gateway_id,
        egress_only_internet_gateway_id: from.egress_only_internet_gateway_id,
        nat_gateway_id: from.nat_gateway_id,
        transit_gateway_id: from.transit_gateway_id,
        local_gateway_id: from.local_gateway_id,
        carrier_gateway_id: from.carrier_gateway_id,
        network_interface_id: from.network_interface_id,
        vpc_peering_connection_id: from.vpc_peering_connection_id,
        core_network_arn: from.core_network_arn,
        odb_network_arn: from.odb_network_arn,
        state: from.state.map(|state| state.as_str().to_owned()),
        origin: from.origin.map(|origin| origin.as_str().to_owned()),
    }
}

pub(in crate::aws) fn peering(from: ec2::VpcPeeringConnection) -> Option<VpcPeeringConnection> {
    let status = from.status.and_then(|status| status.code);
    Some(VpcPeeringConnection {
        vpc_peering_connection_id: from.vpc_peering_connection_id?,
        status: status.map(|code| PeeringStatus { code: code.as_str().to_owned() }),
        requester_vpc_info: from.requester_vpc_info.map(side),
        accepter_vpc_info: from.accepter_vpc_info.map(side),
    })
}

fn side(from: ec2::VpcPeeringConnectionVpcInfo) -> PeeringVpcInfo {
    let options = |options: ec2::VpcPeeringConnectionOptionsDescription| PeeringOptions {
        allow_dns_resolution_from_remote_vpc: options.allow_dns_resolution_from_remote_vpc,
    };
    PeeringVpcInfo {
        vpc_id: from.vpc_id,
        owner_id: from.owner_id,
        region: from.region,
        cidr_block: from.cidr_block,
        cidr_block_set: listed(from.cidr_block_set, |each| each.cidr_block.map(v4_block)),
        ipv6_cidr_block_set: listed(from.ipv6_cidr_block_set, |each| each.ipv6_cidr_block.map(ipv6_block)),
        peering_options: from.peering_options.map(options),
    }
}

#[cfg(test)]
mod tests;
