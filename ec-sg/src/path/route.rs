//! Where a route table leads: the longest prefix that matches decides, and what no route matches goes nowhere. A propagated
//! route never takes the VPC's own addresses from the local route, however long it is.
//! <https://docs.aws.amazon.com/vpc/latest/userguide/route-tables-priority.html>

use ipnet::IpNet;

use super::answer::{Answer, By, Parts, Verdict};
use super::transit::{self, Leg};
use crate::need::Need;
use crate::network::{Destination, Route, RouteTable, Target};
use crate::segments::Segments;
use crate::snapshot::Snapshot;

/// A route table as an index of addresses.
#[derive(Debug)]
pub(crate) struct RouteMap<'s> {
    table: &'s RouteTable,
    /// The deciding route of each address, by index in the table.
    routes: Segments<usize>,
    /// Prefix lists whose entries are not known.
    missing: Vec<Need>,
}

/// One way along the path: from a subnet to addresses of a VPC.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Way<'s, 'a> {
    /// The VPC that the traffic starts in.
    pub(super) from_vpc: Option<&'s str>,
    /// The Availability Zone that it starts in.
    pub(super) from_zone: Option<&'s str>,
    /// The VPC that it is to reach; `None` for addresses outside of all that is known.
    pub(super) to_vpc: Option<&'s str>,
    /// The addresses that it is to reach.
    pub(super) to: &'a [IpNet],
}

impl<'s> RouteMap<'s> {
    pub(super) fn of(snapshot: &'s Snapshot, table: &'s RouteTable) -> Self {
        let mut map = Self { table, routes: Segments::default(), missing: Vec::new() };
        let mut ranges: Vec<(IpNet, usize)> = Vec::new();
        for (index, route) in table.routes.iter().enumerate() {
            match &route.destination {
                Destination::Range(range) => ranges.push((*range, index)),
                Destination::PrefixList(id) => match snapshot.prefix_list(id) {
                    Ok(entries) => ranges.extend(entries.iter().map(|entry| (*entry, index))),
                    Err(need) => map.missing.push(need),
                },
            }
        }
        // The longest prefix last, over all others; of two that are equal, the one that somebody wrote: not through a
        // prefix list, and not by propagation.
        let is_written = |index: usize| {
            let route = &table.routes[index];
            (!route.is_propagated, matches!(route.destination, Destination::Range(_)))
        };
        ranges.sort_by_key(|(range, index)| (range.prefix_len(), is_written(*index)));
        let local = table.routes.iter().filter(|route| route.target == Target::Local);
        let local: Vec<&Destination> = local.map(|route| &route.destination).collect();
        let is_local =
            |range: &IpNet| local.iter().any(|each| matches!(each, Destination::Range(own) if own.contains(range)));
        ranges.retain(|(range, index)| !(table.routes[*index].is_propagated && is_local(range)));
        for (range, index) in ranges {
            map.routes.put(range, index);
        }
        map
    }

    /// Whether the traffic gets where it is to go, as far as the table and what its routes lead to tell.
    pub(super) fn leads(&self, snapshot: &'s Snapshot, way: Way<'s, '_>) -> Answer<'s> {
        let mut parts = Parts::default();
        for range in way.to {
            for index in self.routes.values(*range) {
                parts.add(follow(snapshot, self.table, &self.table.routes[*index], way));
            }
            if !self.routes.cover(*range) {
                parts.add(self.no_route(snapshot, way));
            }
        }
        parts.answer()
    }

    /// What the routes to `range` lead to.
    pub(super) fn targets(&self, range: IpNet) -> impl Iterator<Item = &'s Target> {
        self.routes.values(range).map(|index| &self.table.routes[*index].target)
    }

    /// A route that a list of unknown entries may hold is not missing for certain. And the VPC's own addresses are always
    /// local, whether or not an emulator lists the route.
    fn no_route(&self, snapshot: &'s Snapshot, way: Way<'s, '_>) -> Answer<'s> {
        match self.missing.first() {
            Some(need) => Answer::missing(need.clone()),
            None if way.to_vpc.is_some() && way.from_vpc == way.to_vpc => Answer::yes(By::ImplicitLocal(self.table)),
            None => unconnected(snapshot, self.table, way).unwrap_or(Answer::no(By::NoRoute(self.table))),
        }
    }
}

fn follow<'s>(snapshot: &'s Snapshot, table: &'s RouteTable, route: &'s Route, way: Way<'s, '_>) -> Answer<'s> {
    let by = By::Route(table, route);
    if route.is_blackhole {
        return waiting(snapshot, table, route, way).unwrap_or(Answer::no(By::Blackhole(table, route)));
    }
    match (&route.target, way.from_vpc, way.to_vpc) {
        (Target::Local, Some(from), Some(to)) if from == to => Answer::yes(by),
        // The other VPC's addresses are this VPC's own, too.
        (Target::Local, ..) => Answer::no(By::Overlap(table, route)),
        (Target::Peering(id), Some(from), Some(to)) => peering(snapshot, table, route, id, from, to, way.to),
        (Target::TransitGateway(id), Some(from), Some(to)) => {
            let leg = Leg { gateway: id, from, zone: way.from_zone, to, ranges: way.to };
            transit::cross(snapshot, leg, &Answer::yes(by))
        }
        // A NAT gateway brings nothing back to whoever has dialled in.
        (Target::Internet(_), ..) | (Target::Nat(_), _, None) => Answer::no(By::Internet(table, route)),
        (Target::Nat(_), Some(from), Some(to)) if from != to => unconnected(snapshot, table, way)
            .unwrap_or(Answer { verdict: Verdict::Unknown, by: By::Beyond(table, route) }),
        // What is outside of the known VPCs is reached through anything that leads out of this one.
        (_, _, None) => Answer::yes(by),
        _ => Answer { verdict: Verdict::Unknown, by: By::Beyond(table, route) },
    }
}

/// A route over a peering connection that nobody has accepted yet is a blackhole to AWS, and needs nothing but that.
/// <https://docs.aws.amazon.com/vpc/latest/peering/vpc-peering-routing.html>
fn waiting<'s>(
    snapshot: &'s Snapshot,
    table: &'s RouteTable,
    route: &'s Route,
    way: Way<'s, '_>,
) -> Option<Answer<'s>> {
    let (Target::Peering(id), Some(from), Some(to)) = (&route.target, way.from_vpc, way.to_vpc) else { return None };
    match snapshot.peerings(from, to) {
        Err(need) => (!snapshot.is_asked(&need)).then(|| Answer::missing(need)),
        Ok(between) => {
            let peering = between.into_iter().find(|peering| peering.id == *id && peering.is_waiting())?;
            Some(Answer::no(By::PeeringState(table, route, peering)))
        }
    }
}

fn peering<'s>(
    snapshot: &'s Snapshot,
    table: &'s RouteTable,
    route: &'s Route,
    id: &str,
    from: &'s str,
    to: &'s str,
    ranges: &[IpNet],
) -> Answer<'s> {
    let between = match snapshot.peerings(from, to) {
        Ok(between) => between,
        Err(_) if snapshot.peering(id).is_some() => Vec::new(),
        Err(need) => return Answer::missing(need),
    };
    let Some(peering) = between.into_iter().find(|peering| peering.id == id) else {
        return Answer::no(By::Elsewhere(table, route, snapshot.peering(id).and_then(|peering| other(peering, from))));
    };
    if !peering.is_active() {
        return Answer::no(By::PeeringState(table, route, peering));
    }
    let theirs = peering.side(to).map(|side| side.ranges.as_slice()).unwrap_or_default();
    let is_theirs = |range: &IpNet| theirs.iter().any(|each| each.contains(range));
    if !theirs.is_empty() && !ranges.iter().all(is_theirs) {
        return Answer::no(By::OutsidePeer(route, peering));
    }
    Answer::yes(By::Peering(table, route, peering))
}

fn other<'s>(peering: &'s crate::network::Peering, than: &str) -> Option<&'s str> {
    let sides = [&peering.requester, &peering.accepter];
    sides.into_iter().filter_map(|side| side.vpc.as_deref()).find(|vpc| *vpc != than)
}

/// Where nothing leads from one VPC to the other: no, with what there is between them. `None` within one VPC, and where
/// the other side is none.
fn unconnected<'s>(snapshot: &'s Snapshot, table: &'s RouteTable, way: Way<'s, '_>) -> Option<Answer<'s>> {
    let (Some(from), Some(to)) = (way.from_vpc, way.to_vpc) else { return None };
    if from == to {
        return None;
    }
    match snapshot.peerings(from, to) {
        Err(need) => Some(Answer::missing(need)),
        Ok(peerings) => {
            let peering = peerings.into_iter().find(|peering| !peering.is_dead());
            let gateway = snapshot.gateways_between(from, to).into_iter().next();
            (peering.is_none() && gateway.is_none()).then_some(Answer::no(By::Disconnected(table, from, to)))
        }
    }
}
