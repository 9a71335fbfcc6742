//! The two ends of a path, prepared once: what depends on one end alone is worked out before any two are compared.

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::ops::RangeInclusive;
use std::rc::Rc;

use ipnet::IpNet;

use super::acl::AclFilter;
use super::admission::Admission;
use super::answer::{Answer, By, Verdict};
use super::route::RouteMap;
use super::{CacheSide, ClientKind, ClientSide, Evaluator, Link};
use crate::network::{Subnet, Target};
use crate::rule::Direction;
use crate::segments::{Family, host, overlap};
use crate::snapshot::Known;

/// The client, prepared.
#[derive(Debug)]
pub struct ClientEnd<'s> {
    pub(super) vpc: Option<&'s str>,
    pub(super) kind: ClientKind,
    pub(super) ephemeral: RangeInclusive<u16>,
    /// Where its interfaces are; the fact that would tell, if it is not known.
    pub(super) seats: Known<Vec<Seat<'s>>>,
    groups: Vec<&'s str>,
    is_foreign: bool,
    prefix_list: Option<&'s str>,
    addresses: Addresses,
    egress: Vec<(u16, Admission<'s>)>,
}

/// A subnet that interfaces of the client are in, or, without a subnet, whatever is outside of the known VPCs.
#[derive(Debug)]
pub(super) struct Seat<'s> {
    pub(super) vpc: Option<&'s str>,
    pub(super) subnet: Option<&'s Subnet>,
    addresses: Addresses,
    /// Absent without a subnet.
    pub(super) table: Option<Known<Rc<RouteMap<'s>>>>,
    acl_out: Vec<(u16, Known<Rc<AclFilter<'s>>>)>,
    pub(super) acl_in: Option<Known<Rc<AclFilter<'s>>>>,
}

/// Ranges by family.
#[derive(Clone, Debug, Default)]
struct Addresses {
    v4: Vec<IpNet>,
    v6: Vec<IpNet>,
}

impl Addresses {
    fn of(ranges: impl IntoIterator<Item = IpNet>) -> Self {
        let (v4, v6) = ranges.into_iter().partition(|range| Family::of(range) == Family::V4);
        Self { v4, v6 }
    }

    fn get(&self, family: Family) -> &[IpNet] {
        match family {
            Family::V4 => &self.v4,
            Family::V6 => &self.v6,
        }
    }
}

/// The cache, prepared.
#[derive(Debug)]
pub struct CacheEnd<'s> {
    pub(super) vpc: Option<&'s str>,
    pub(super) ports: Vec<CachePort<'s>>,
    pub(super) subnets: Vec<Known<CacheSubnet<'s>>>,
    /// Whether clients dial a name.
    pub(super) is_named: bool,
    families: &'s [Family],
    /// All addresses of those families.
    everything: Vec<IpNet>,
    groups: Vec<&'s str>,
}

/// A port of the cache, and who may connect to it.
#[derive(Debug)]
pub(super) struct CachePort<'s> {
    pub(super) number: u16,
    ingress: Admission<'s>,
}

/// A subnet of the cache.
#[derive(Debug)]
pub(super) struct CacheSubnet<'s> {
    pub(super) subnet: &'s Subnet,
    addresses: Addresses,
    pub(super) table: Known<Rc<RouteMap<'s>>>,
    acl_in: Vec<(u16, Known<Rc<AclFilter<'s>>>)>,
    /// By the ephemeral ports of the clients so far.
    acl_out: RefCell<Vec<ByPorts<'s>>>,
}

/// What a network ACL makes of traffic to some ports.
type ByPorts<'s> = (RangeInclusive<u16>, Known<Rc<AclFilter<'s>>>);

impl<'s> Evaluator<'s> {
    /// Prepares a client that is to be compared with caches in `cache_vpc` that have these ports.
    pub fn client(&self, side: &'s ClientSide, cache_vpc: Option<&'s str>, ports: &[u16]) -> ClientEnd<'s> {
        let groups: Vec<&str> = side.groups.iter().map(|group| group.id.as_str()).collect();
        let egress = |port: &u16| (*port, Admission::of(self.snapshot, &groups, Direction::Egress, *port));
        ClientEnd {
            vpc: side.vpc.as_deref(),
            kind: side.kind,
            ephemeral: side.ephemeral.clone(),
            seats: self.seats(side, cache_vpc, ports),
            prefix_list: side.prefix_list.as_deref(),
            addresses: Addresses::of(side.addresses.iter().copied()),
            egress: ports.iter().map(egress).collect(),
            is_foreign: side.is_foreign(),
            groups,
        }
    }

    /// Prepares a cache.
    pub fn cache(&self, side: &'s CacheSide) -> CacheEnd<'s> {
        let groups: Vec<&str> = side.groups.iter().map(String::as_str).collect();
        let port =
            |number| CachePort { number, ingress: Admission::of(self.snapshot, &groups, Direction::Ingress, number) };
        CacheEnd {
            vpc: side.vpc.as_deref(),
            ports: side.ports.iter().map(|each| port(each.port)).collect(),
            subnets: side.subnets.iter().map(|id| self.cache_subnet(side, id)).collect(),
            is_named: side.addresses.is_empty(),
            families: &side.families,
            everything: side.families.iter().map(|family| family.everything()).collect(),
            groups,
        }
    }

    fn cache_subnet(&self, side: &'s CacheSide, id: &'s str) -> Known<CacheSubnet<'s>> {
        let subnet = self.known_subnet(id)?;
        let exact = side.addresses.iter().map(|address| host(*address));
        let within: Vec<IpNet> =
            exact.filter(|address| subnet.ranges.iter().any(|range| range.contains(address))).collect();
        let acl = |direction, ports| self.snapshot.acl(subnet).map(|acl| self.filter(acl, direction, ports));
        Ok(CacheSubnet {
            subnet,
            addresses: Addresses::of(if side.addresses.is_empty() { subnet.ranges.clone() } else { within }),
            table: self.snapshot.route_table(subnet).map(|table| self.map(table)),
            acl_in: side.ports.iter().map(|each| (each.port, acl(Direction::Ingress, each.port..=each.port))).collect(),
            acl_out: RefCell::default(),
        })
    }

    /// A subnet that is named and does not exist is as good as not known.
    fn known_subnet(&self, id: &str) -> Known<&'s Subnet> {
        self.snapshot.subnet(id)?.ok_or_else(|| crate::need::Need::Subnet(id.to_owned()))
    }

    fn seats(&self, side: &'s ClientSide, cache_vpc: Option<&'s str>, ports: &[u16]) -> Known<Vec<Seat<'s>>> {
        let seat = |subnet: &'s Subnet, addresses: Vec<IpNet>| {
            let acl = |direction, range| self.snapshot.acl(subnet).map(|acl| self.filter(acl, direction, range));
            Seat {
                vpc: subnet.vpc.as_deref(),
                subnet: Some(subnet),
                addresses: Addresses::of(addresses),
                table: Some(self.snapshot.route_table(subnet).map(|table| self.map(table))),
                acl_out: ports.iter().map(|port| (*port, acl(Direction::Egress, *port..=*port))).collect(),
                acl_in: Some(acl(Direction::Ingress, side.ephemeral.clone())),
            }
        };
        let in_subnets = |vpc: &str| -> Known<Vec<Seat<'s>>> {
            let subnets = self.snapshot.subnets_of(vpc)?.into_iter().map(|subnet| {
                let common =
                    |range: &IpNet| subnet.ranges.iter().filter_map(|own| common(own, range)).collect::<Vec<_>>();
                (subnet, side.addresses.iter().flat_map(common).collect::<Vec<_>>())
            });
            Ok(subnets.filter(|(_, common)| !common.is_empty()).map(|(subnet, common)| seat(subnet, common)).collect())
        };
        match (side.kind, &side.subnet, &side.vpc) {
            (ClientKind::Interface, Some(id), _) => Ok(vec![seat(self.known_subnet(id)?, side.addresses.clone())]),
            (ClientKind::Interface, None, Some(vpc)) => in_subnets(vpc),
            (ClientKind::Interface, None, None) => Ok(Vec::new()),
            (ClientKind::Group, ..) => {
                let mut members: BTreeMap<&str, Vec<IpNet>> = BTreeMap::new();
                for group in &side.groups {
                    for interface in self.snapshot.interfaces_of(&group.id)? {
                        let Some(subnet) = &interface.subnet else { continue };
                        members.entry(subnet).or_default().extend(interface.addresses.iter().copied().map(host));
                    }
                }
                members.into_iter().map(|(id, addresses)| Ok(seat(self.known_subnet(id)?, addresses))).collect()
            }
            (ClientKind::Ranges, ..) => {
                let inside = cache_vpc.map_or(Ok(Vec::new()), in_subnets)?;
                if !inside.is_empty() {
                    return Ok(inside);
                }
                let addresses = Addresses::of(side.addresses.iter().copied());
                let outside =
                    Seat { vpc: None, subnet: None, addresses, table: None, acl_out: Vec::new(), acl_in: None };
                Ok(vec![outside])
            }
        }
    }
}

/// What two ranges have in common: CIDR blocks are apart, or one holds the other.
fn common(one: &IpNet, other: &IpNet) -> Option<IpNet> {
    overlap(one, other).then(|| if one.prefix_len() >= other.prefix_len() { *one } else { *other })
}

impl<'s> ClientEnd<'s> {
    /// The families that both sides speak; a client whose addresses nobody knows may speak all.
    pub(super) fn shared_families(&self, cache: &CacheEnd<'s>) -> impl Iterator<Item = Family> {
        let speaks = |family: &Family| {
            let by_seat = self.seats.iter().flatten().any(|seat| !seat.of(*family).is_empty());
            self.kind == ClientKind::Group && self.seats.as_ref().map_or(true, Vec::is_empty)
                || by_seat
                || !self.addresses.get(*family).is_empty()
        };
        cache.families.iter().copied().filter(speaks)
    }

    /// The client's addresses of the families that the cache speaks.
    fn wanted<'c>(&'c self, cache: &CacheEnd<'s>) -> impl Iterator<Item = &'c IpNet> + Clone {
        cache.families.iter().flat_map(|family| self.addresses.get(*family))
    }

    /// What the routes from the client's subnets to the cache's lead through.
    pub(super) fn ways(&self, cache: &CacheEnd<'s>) -> Vec<&'s Target> {
        let tables = self.seats.iter().flatten().filter_map(|seat| seat.table.as_ref()?.as_ref().ok());
        let mut ways = Vec::new();
        for table in tables {
            let subnets = cache.subnets.iter().flatten();
            for range in subnets.flat_map(|subnet| subnet.addresses.v4.iter().chain(&subnet.addresses.v6)) {
                for target in table.targets(*range) {
                    if !ways.contains(&target) {
                        ways.push(target);
                    }
                }
            }
        }
        ways
    }

    /// Whether the client's groups let it out to the cache.
    pub(super) fn lets_out(&self, cache: &CacheEnd<'s>, port: u16, link: Link) -> Answer<'s> {
        if self.groups.is_empty() || self.is_foreign || self.kind == ClientKind::Ranges {
            return Answer::not_asked();
        }
        let Some((_, admission)) = self.egress.iter().find(|(each, _)| *each == port) else {
            // Prepared for other ports than this cache's: nothing can be said.
            return Answer { verdict: Verdict::Unknown, by: By::Nothing };
        };
        let by_group = admission.by_group(cache.groups.iter().copied());
        if let Some(rule) = by_group.filter(|_| link == Link::Any) {
            return Answer::yes(By::Rule(rule));
        }
        // Most clients may go anywhere.
        if admission.covers(&cache.everything) {
            return Answer::yes(admission.by(&&cache.everything));
        }
        // The cache's addresses lie somewhere in its subnets, and each family needs a way to them. Without a subnet, they may
        // be anywhere.
        let unknown = cache.subnets.iter().find_map(|subnet| subnet.as_ref().err());
        let of = |family| cache.subnets.iter().flatten().flat_map(move |subnet| subnet.of(family)).copied();
        let by_family = self.shared_families(cache).map(|family| of(family).collect::<Vec<IpNet>>());
        let mut wanted: Vec<Vec<IpNet>> = by_family.filter(|ranges| !ranges.is_empty()).collect();
        if wanted.is_empty() {
            wanted.extend(cache.everything.iter().map(|range| vec![*range]));
        }
        if unknown.is_none() && admission.covers(wanted.iter().flatten()) {
            return Answer::yes(admission.by(&wanted.iter().flatten()));
        }
        if let Some(need) = admission.missing.first() {
            return Answer::missing(need.clone());
        }
        match unknown {
            Some(need) if !admission.names_no_address() => Answer::missing(need.clone()),
            None if wanted.iter().all(|ranges| admission.meets(ranges)) => {
                Answer { verdict: Verdict::Unknown, by: By::PartOfSubnets }
            }
            _ => Answer::no(By::NoRule(by_group.into_iter().collect())),
        }
    }
}

impl<'s> Seat<'s> {
    pub(super) fn of(&self, family: Family) -> &[IpNet] {
        self.addresses.get(family)
    }

    pub(super) fn acl_out(&self, port: u16) -> Option<&Known<Rc<AclFilter<'s>>>> {
        self.acl_out.iter().find(|(each, _)| *each == port).map(|(_, filter)| filter)
    }
}

impl<'s> CacheSubnet<'s> {
    pub(super) fn of(&self, family: Family) -> &[IpNet] {
        self.addresses.get(family)
    }

    pub(super) fn acl_in(&self, port: u16) -> Option<&Known<Rc<AclFilter<'s>>>> {
        self.acl_in.iter().find(|(each, _)| *each == port).map(|(_, filter)| filter)
    }

    pub(super) fn acl_out(
        &self,
        evaluator: &Evaluator<'s>,
        ephemeral: &RangeInclusive<u16>,
    ) -> Known<Rc<AclFilter<'s>>> {
        let mut known = self.acl_out.borrow_mut();
        if let Some((_, filter)) = known.iter().find(|(ports, _)| ports == ephemeral) {
            return filter.clone();
        }
        let acl = evaluator.snapshot.acl(self.subnet);
        let filter = acl.map(|acl| evaluator.filter(acl, Direction::Egress, ephemeral.clone()));
        known.push((ephemeral.clone(), filter.clone()));
        filter
    }
}

impl<'s> CacheEnd<'s> {
    /// Whether the cache's groups let the client in.
    pub(super) fn lets_in(&self, client: &ClientEnd<'s>, port: &CachePort<'s>, link: Link) -> Answer<'s> {
        if self.groups.is_empty() {
            return Answer { verdict: Verdict::Unknown, by: By::NoGroups };
        }
        let admission = &port.ingress;
        let by_group = admission.by_group(client.groups.iter().copied());
        if let Some(rule) = by_group.filter(|_| link != Link::None) {
            return Answer::yes(By::Rule(rule));
        }
        if let Some(rule) = client.prefix_list.and_then(|list| admission.by_list(list)) {
            return Answer::yes(By::Rule(rule));
        }
        // Which addresses the members of a group have, and will have, nobody knows: only a rule for everybody is sure.
        let wanted = client.wanted(self);
        let is_known = client.kind != ClientKind::Group && wanted.clone().next().is_some();
        if is_known && admission.covers(wanted.clone()) {
            return Answer::yes(admission.by(&wanted));
        }
        if !is_known && admission.covers(&self.everything) {
            return Answer::yes(admission.by(&&self.everything));
        }
        match admission.missing.first() {
            Some(need) => Answer::missing(need.clone()),
            None => Answer::no(By::NoRule(by_group.into_iter().collect())),
        }
    }
}
