//! Network ACLs, routes, peering connections.

use super::{Fault, range, traffic};
use crate::answers;
use crate::network::{AclEntry, Destination, LAST_ENTRY, NetworkAcl, PeeringSide, Route, Target, TransitRoute};
use crate::rule::{Direction, Traffic};

pub(super) fn network_acl(from: &answers::NetworkAcl) -> Result<NetworkAcl, Fault> {
    let mut entries = Vec::new();
    for entry in &from.entries {
        let Ok(number) = u16::try_from(entry.rule_number) else {
            return Err(format!("{} is no rule number", entry.rule_number));
        };
        let ports = match traffic(
            &entry.protocol,
            entry.port_range.as_ref().and_then(|range| range.from),
            entry.port_range.as_ref().and_then(|range| range.to),
        ) {
            Traffic::All => None,
            Traffic::Tcp(from, to) => Some(from..=to),
            Traffic::Other => continue,
        };
        // The final entry denies everything, with or without being listed.
        if number == LAST_ENTRY {
            continue;
        }
        let Some(cidr) = entry.cidr_block.as_ref().or(entry.ipv6_cidr_block.as_ref()) else { continue };
        entries.push(AclEntry {
            number,
            allows: entry.rule_action == "allow",
            direction: if entry.egress { Direction::Egress } else { Direction::Ingress },
            range: range(cidr)?,
            ports,
        });
    }
    entries.sort_by_key(|entry| entry.number);
    Ok(NetworkAcl { id: from.network_acl_id.clone(), vpc: from.vpc_id.clone(), owner: from.owner_id.clone(), entries })
}

/// `None` for a route whose destination is of a kind that is newer than this program.
pub(super) fn route(from: &answers::Route) -> Result<Option<Route>, Fault> {
    let cidr = from.destination_cidr_block.as_ref().or(from.destination_ipv6_cidr_block.as_ref());
    let destination = match (cidr, &from.destination_prefix_list_id) {
        (Some(cidr), _) => Destination::Range(range(cidr)?),
        (None, Some(list)) => Destination::PrefixList(list.clone()),
        (None, None) => return Ok(None),
    };
    // An instance's route names its interface, too.
    let internet = from.egress_only_internet_gateway_id.iter().chain(&from.carrier_gateway_id);
    let beyond = [&from.network_interface_id, &from.local_gateway_id, &from.core_network_arn, &from.odb_network_arn];
    let target = match from.gateway_id.as_deref() {
        Some("local") => Target::Local,
        Some(id) if id.starts_with("igw-") => Target::Internet(id.to_owned()),
        Some(id) => Target::Beyond(id.to_owned()),
        None => {
            let peering = from.vpc_peering_connection_id.clone().map(Target::Peering);
            let gateway = || from.transit_gateway_id.clone().map(Target::TransitGateway);
            let nat = || from.nat_gateway_id.clone().map(Target::Nat);
            let internet = || internet.map(|id| Target::Internet(id.clone())).next();
            let beyond = || beyond.into_iter().flatten().next().map(|id| Target::Beyond(id.clone()));
            let known = peering.or_else(gateway).or_else(nat).or_else(internet).or_else(beyond);
            known.unwrap_or_else(|| Target::Beyond("a target that the answer does not name".to_owned()))
        }
    };
    Ok(Some(Route {
        destination,
        target,
        is_blackhole: from.state.as_deref() == Some("blackhole"),
        is_propagated: from.origin.as_deref() == Some("EnableVgwRoutePropagation"),
    }))
}

pub(super) fn side(from: Option<&answers::PeeringVpcInfo>) -> Result<PeeringSide, Fault> {
    let Some(from) = from else { return Ok(PeeringSide::default()) };
    let all = from.cidr_block_set.iter().map(|each| &each.cidr_block);
    let v6 = from.ipv6_cidr_block_set.iter().map(|each| &each.ipv6_cidr_block);
    Ok(PeeringSide {
        vpc: from.vpc_id.clone(),
        owner: from.owner_id.clone(),
        region: from.region.clone(),
        ranges: from.cidr_block.iter().chain(all).chain(v6).map(range).collect::<Result<_, _>>()?,
        resolves_for_other: from.peering_options.as_ref().and_then(|each| each.allow_dns_resolution_from_remote_vpc),
    })
}

pub(super) fn transit_route(from: &answers::TransitGatewayRoute) -> Result<Option<TransitRoute>, Fault> {
    let Some(cidr) = &from.destination_cidr_block else { return Ok(None) };
    let attachments = from.transit_gateway_attachments.iter();
    Ok(Some(TransitRoute {
        range: range(cidr)?,
        attachments: attachments.filter_map(|each| each.transit_gateway_attachment_id.clone()).collect(),
        is_blackhole: from.state.as_deref() == Some("blackhole"),
    }))
}
