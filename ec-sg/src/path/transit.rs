//! Through a transit gateway: from the attachment of one VPC, by the route table that is associated with it, to the
//! attachment of the other; perhaps over a second gateway that is peered with the first.

use ipnet::IpNet;

use super::answer::{Answer, By, Parts};
use crate::need::Need;
use crate::network::{Attached, Attachment, TransitRoutes};
use crate::segments::Segments;
use crate::snapshot::Snapshot;

/// A way through a gateway.
#[derive(Clone, Copy, Debug)]
pub(super) struct Leg<'s, 'a> {
    pub(super) gateway: &'s str,
    pub(super) from: &'s str,
    /// The Availability Zone that the traffic comes from.
    pub(super) zone: Option<&'s str>,
    pub(super) to: &'s str,
    pub(super) ranges: &'a [IpNet],
}

/// More gateways in a row than anybody has: peered gateways do not pass on what comes from a peered gateway.
const MOST: usize = 2;

/// Whether the gateway brings the traffic to the other VPC; `open` is the answer if it does.
pub(super) fn cross<'s>(snapshot: &'s Snapshot, leg: Leg<'s, '_>, open: &Answer<'s>) -> Answer<'s> {
    if let Err(need) = snapshot.transit_gateway(leg.gateway) {
        return Answer::missing(need);
    }
    let Some(attachment) = snapshot.attachment_of(leg.gateway, leg.from) else {
        return Answer::no(By::NotAttached(leg.gateway, leg.from));
    };
    if !attachment.is_available() {
        return Answer::no(By::AttachmentState(attachment));
    }
    match serves(snapshot, attachment, leg.zone) {
        Err(need) => return Answer::missing(need),
        Ok(false) => return Answer::no(By::Zone(attachment, leg.zone.unwrap_or_default())),
        Ok(true) => {}
    }
    from_attachment(snapshot, attachment, leg, open, MOST)
}

/// Whether a VPC's attachment has an interface in a zone: traffic from another zone is not taken.
/// <https://docs.aws.amazon.com/vpc/latest/tgw/tgw-vpc-attachments.html>
fn serves(snapshot: &Snapshot, attachment: &Attachment, zone: Option<&str>) -> Result<bool, Need> {
    let Some(zone) = zone.filter(|_| !attachment.subnets.is_empty()) else { return Ok(true) };
    let mut missing = None;
    for id in &attachment.subnets {
        match snapshot.subnet(id) {
            Ok(Some(subnet)) if subnet.zone.as_deref() == Some(zone) => return Ok(true),
            Ok(_) => {}
            Err(need) => missing = Some(need),
        }
    }
    missing.map_or(Ok(false), Err)
}

/// By the route table that is associated with an attachment.
fn from_attachment<'s>(
    snapshot: &'s Snapshot,
    attachment: &'s Attachment,
    leg: Leg<'s, '_>,
    open: &Answer<'s>,
    left: usize,
) -> Answer<'s> {
    let table = match &attachment.table {
        None => return Answer::missing(Need::TransitGateway(attachment.gateway.clone())),
        Some(None) => return Answer::no(By::NotAssociated(attachment)),
        Some(Some(table)) => table,
    };
    let routes = match snapshot.transit_routes(table) {
        Err(need) => return Answer::missing(need),
        Ok(routes) => routes,
    };
    let mut map = Segments::default();
    let mut order: Vec<usize> = (0..routes.routes.len()).collect();
    order.sort_by_key(|index| routes.routes[*index].range.prefix_len());
    for index in order {
        map.put(routes.routes[index].range, index);
    }
    let mut parts = Parts::default();
    for range in leg.ranges {
        for index in map.values(*range) {
            parts.add(follow(snapshot, routes, *index, leg, open, left));
        }
        if !map.cover(*range) {
            parts.add(if routes.is_whole {
                Answer::no(By::NoTransitRoute(routes))
            } else {
                Answer::missing(Need::TransitGatewayRoutes(table.clone()))
            });
        }
    }
    parts.answer()
}

fn follow<'s>(
    snapshot: &'s Snapshot,
    routes: &'s TransitRoutes,
    index: usize,
    leg: Leg<'s, '_>,
    open: &Answer<'s>,
    left: usize,
) -> Answer<'s> {
    let route = &routes.routes[index];
    if route.is_blackhole {
        return Answer::no(By::TransitBlackhole(routes, route));
    }
    let through = |id: &String| {
        let Some(attachment) = snapshot.attachment(leg.gateway, id) else {
            return Answer::missing(Need::TransitGateway(leg.gateway.to_owned()));
        };
        match &attachment.resource {
            _ if !attachment.is_available() => Answer::no(By::AttachmentState(attachment)),
            Some(Attached::Vpc(vpc)) if vpc == leg.to => open.clone(),
            Some(Attached::Gateway(peer)) if left > 1 => match snapshot.attachment(peer, id) {
                Some(theirs) => from_attachment(snapshot, theirs, Leg { gateway: peer, ..leg }, open, left - 1),
                None => Answer::missing(Need::TransitGateway(peer.clone())),
            },
            Some(_) => Answer::no(By::TransitElsewhere(routes, route, attachment)),
            None => Answer::missing(Need::TransitGateway(leg.gateway.to_owned())),
        }
    };
    let mut parts = Parts::default();
    route.attachments.iter().for_each(|id| parts.add(through(id)));
    parts.answer()
}

/// Whether rules may name groups across the gateway: the gateway and both attachments must say so.
/// <https://docs.aws.amazon.com/vpc/latest/tgw/tgw-vpc-attachments.html>
pub(super) fn references_groups(snapshot: &Snapshot, gateway: &str, one: &str, other: &str) -> bool {
    let attachment = |vpc| snapshot.attachment_of(gateway, vpc).is_some_and(|each| each.references_groups);
    snapshot.transit_gateway(gateway).is_ok_and(|gateway| gateway.references_groups)
        && attachment(one)
        && attachment(other)
}
