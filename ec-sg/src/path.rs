//! The path from client to cache and back, hop by hop. Pure: facts in, verdicts out.
//!
//! Out: the client's security groups, the network ACL of its subnet, its route table and what that leads to, the network
//! ACL of the cache's subnet, the cache's security groups. Back: security groups let answers through by themselves, network
//! ACLs and route tables do not, so the ACLs are asked for the ephemeral ports and the tables for the client's addresses.
//! Within one subnet neither ACLs nor routes apply.
//!
//! [`walk`](Evaluator::walk) gives one [`Step`] for every hop, port, pair of subnets and address family. Who only counts
//! looks at the verdicts; [`hop`] turns steps into what stands in a document. Both hear the same answers.

mod acl;
mod admission;
mod answer;
mod ends;
pub mod hop;
mod route;
mod transit;
pub(crate) mod words;

use std::cell::RefCell;
use std::collections::HashMap;
use std::net::IpAddr;
use std::ops::RangeInclusive;
use std::rc::Rc;

use ec_shared::document::Status;
use ipnet::IpNet;

pub(crate) use admission::looked_at;
pub use answer::Verdict;
pub(crate) use answer::{Answer, By};
pub use ends::{CacheEnd, ClientEnd};
pub use hop::{Hop, Place};
pub use words::Evidence;

use acl::{AclFilter, Filtered};
use ends::{CacheSubnet, Seat};
use route::{RouteMap, Way};

use crate::network::{NetworkAcl, Peering, RouteTable, Subnet, Target};
use crate::ports::Port;
use crate::rule::{Direction, GroupRef};
use crate::segments::Family;
use crate::snapshot::{Known, Snapshot};

/// Who wants to reach what.
#[derive(Clone, Debug, Default)]
pub struct Question {
    /// The cache's side.
    pub cache: CacheSide,
    /// The client's side.
    pub client: ClientSide,
}

/// The cache, or whatever else is to be reached.
#[derive(Clone, Debug, Default)]
pub struct CacheSide {
    /// Its name.
    pub name: String,
    /// The account that it belongs to, where it is known.
    pub account: Option<String>,
    /// The VPC, where it is known.
    pub vpc: Option<String>,
    /// The subnets of its interfaces.
    pub subnets: Vec<String>,
    /// The security groups on its interfaces.
    pub groups: Vec<String>,
    /// Its addresses, where they are known; else they are somewhere in its subnets.
    pub addresses: Vec<IpAddr>,
    /// The ports that are to be reached.
    pub ports: Vec<Port>,
    /// The address families that it speaks.
    pub families: Vec<Family>,
}

/// The client.
#[derive(Clone, Debug)]
pub struct ClientSide {
    /// The VPC, where it is known.
    pub vpc: Option<String>,
    /// The subnet, where it is known.
    pub subnet: Option<String>,
    /// The security groups on its interface, or the group that it was given as.
    pub groups: Vec<GroupRef>,
    /// Its addresses, where they are known.
    pub addresses: Vec<IpNet>,
    /// The prefix list that it was given as.
    pub prefix_list: Option<String>,
    /// What it was given as.
    pub kind: ClientKind,
    /// The ports that its connections start from, which the answers go to.
    pub ephemeral: RangeInclusive<u16>,
}

impl Default for ClientSide {
    fn default() -> Self {
        Self {
            vpc: None,
            subnet: None,
            groups: Vec::new(),
            addresses: Vec::new(),
            prefix_list: None,
            kind: ClientKind::default(),
            ephemeral: crate::client::EPHEMERAL,
        }
    }
}

impl ClientSide {
    /// Whether the groups belong to another account, which shows neither their rules nor their members.
    pub(crate) fn is_foreign(&self) -> bool {
        self.groups.iter().any(|group| group.account.is_some())
    }
}

/// What a client was given as.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum ClientKind {
    /// One network interface, or the primary one of an instance: everything about it is known.
    #[default]
    Interface,
    /// All interfaces that carry a group, today and later.
    Group,
    /// All addresses of ranges, whoever has them.
    Ranges,
}

/// One verdict on the way.
#[derive(Clone, Debug)]
pub(crate) struct Step<'s> {
    /// The hop.
    pub(crate) place: Place,
    /// The TCP port of the cache, where the hop is about one.
    pub(crate) port: Option<u16>,
    /// The family, where the hop is about one.
    pub(crate) family: Option<Family>,
    /// The client's subnet, where the hop is about one.
    pub(crate) from: Option<&'s Subnet>,
    /// The cache's subnet, where the hop is about one.
    pub(crate) to: Option<&'s str>,
    /// The answer.
    pub(crate) answer: Answer<'s>,
}

/// Decides paths between ends that are prepared once and compared often.
#[derive(Debug)]
pub struct Evaluator<'s> {
    snapshot: &'s Snapshot,
    filters: RefCell<HashMap<FilterKey<'s>, Rc<AclFilter<'s>>>>,
    maps: RefCell<HashMap<&'s str, Rc<RouteMap<'s>>>>,
}

type FilterKey<'s> = (&'s str, Direction, RangeInclusive<u16>);

impl<'s> Evaluator<'s> {
    /// An evaluator of what is known.
    pub fn new(snapshot: &'s Snapshot) -> Self {
        Self { snapshot, filters: RefCell::default(), maps: RefCell::default() }
    }

    /// Prepares both ends of one question.
    pub(crate) fn ends(&self, question: &'s Question) -> (ClientEnd<'s>, CacheEnd<'s>) {
        let cache = &question.cache;
        let ports: Vec<u16> = cache.ports.iter().map(|port| port.port).collect();
        (self.client(&question.client, cache.vpc.as_deref(), &ports), self.cache(cache))
    }

    /// Whether the client reaches every port of the cache: the verdicts alone.
    pub fn decide(&self, client: &ClientEnd<'s>, cache: &CacheEnd<'s>) -> Status {
        let (mut closed, mut unknown) = (false, false);
        self.walk(client, cache, &mut |step| {
            closed |= step.answer.verdict.is_closed();
            unknown |= step.answer.verdict == Verdict::Unknown;
        });
        status(closed, unknown)
    }

    /// Walks the path; `sink` hears of every step.
    pub(crate) fn walk(&self, client: &ClientEnd<'s>, cache: &CacheEnd<'s>, sink: &mut impl FnMut(Step<'s>)) {
        let step = |place, answer| Step { place, port: None, family: None, from: None, to: None, answer };
        sink(step(Place::Vpc, vpc(client, cache)));
        if client.shared_families(cache).next().is_none() {
            sink(step(Place::Family, Answer::no(By::Nothing)));
        }
        let link = self.link(client, cache);
        for port in &cache.ports {
            let answer = client.lets_out(cache, port.number, link);
            sink(Step { port: Some(port.number), ..step(Place::ClientEgress, answer) });
        }
        match &client.seats {
            Err(need) => sink(step(Place::ClientSubnet, Answer::missing(need.clone()))),
            Ok(seats) if seats.is_empty() => sink(step(Place::ClientSubnet, Answer::not_asked())),
            Ok(seats) => {
                for seat in seats {
                    for subnet in &cache.subnets {
                        self.between(client, seat, cache, subnet, sink);
                    }
                }
            }
        }
        if cache.subnets.is_empty() {
            sink(step(Place::CacheSubnet, Answer { verdict: Verdict::Unknown, by: By::Nothing }));
        }
        for port in &cache.ports {
            sink(Step { port: Some(port.number), ..step(Place::CacheIngress, cache.lets_in(client, port, link)) });
        }
        self.names(client, cache, &mut |answer| sink(step(Place::Dns, answer)));
    }

    /// There and back between one place of the client's and one subnet of the cache's.
    fn between(
        &self,
        client: &ClientEnd<'s>,
        seat: &Seat<'s>,
        cache: &CacheEnd<'s>,
        there: &Known<CacheSubnet<'s>>,
        sink: &mut impl FnMut(Step<'s>),
    ) {
        let there = match there {
            Ok(there) => there,
            Err(need) => {
                let answer = Answer::missing(need.clone());
                sink(Step { place: Place::CacheSubnet, port: None, family: None, from: seat.subnet, to: None, answer });
                return;
            }
        };
        for family in client.shared_families(cache) {
            let (here_at, there_at) = (seat.of(family), there.of(family));
            let mut tell = |place, port, answer| {
                let (from, to) = (seat.subnet, Some(there.subnet.id.as_str()));
                sink(Step { place, port, family: Some(family), from, to, answer });
            };
            if seat.subnet.is_some_and(|subnet| subnet.id == there.subnet.id) {
                tell(Place::RouteOut, None, Answer::yes(By::SameSubnet(&there.subnet.id)));
                continue;
            }
            // A subnet without addresses of the family has no interface that could be reached by it.
            if here_at.is_empty() || there_at.is_empty() {
                continue;
            }
            let out = Way {
                from_vpc: seat.vpc,
                from_zone: seat.subnet.and_then(|subnet| subnet.zone.as_deref()),
                to_vpc: cache.vpc,
                to: there_at,
            };
            let back =
                Way { from_vpc: cache.vpc, from_zone: there.subnet.zone.as_deref(), to_vpc: seat.vpc, to: here_at };
            if let Some(table) = &seat.table {
                for port in &cache.ports {
                    if let Some(filter) = seat.acl_out(port.number) {
                        tell(Place::ClientAclOut, Some(port.number), filtered(filter, there_at));
                    }
                }
                tell(Place::RouteOut, None, self.leads(table, out));
            }
            for port in &cache.ports {
                if let Some(filter) = there.acl_in(port.number) {
                    tell(Place::CacheAclIn, Some(port.number), filtered(filter, here_at));
                }
            }
            tell(Place::CacheAclOut, None, filtered(&there.acl_out(self, &client.ephemeral), here_at));
            tell(Place::RouteBack, None, self.leads(&there.table, back));
            if let Some(filter) = &seat.acl_in {
                tell(Place::ClientAclIn, None, filtered(filter, there_at));
            }
        }
    }

    fn leads(&self, table: &Known<Rc<RouteMap<'s>>>, way: Way<'s, '_>) -> Answer<'s> {
        match table {
            Ok(map) => map.leads(self.snapshot, way),
            Err(need) => Answer::missing(need.clone()),
        }
    }

    /// What there is between the two VPCs that a rule may name groups across.
    pub(crate) fn link(&self, client: &ClientEnd<'s>, cache: &CacheEnd<'s>) -> Link {
        let (Some(from), Some(to)) = (client.vpc, cache.vpc) else { return Link::Any };
        if from == to {
            return Link::Any;
        }
        let is_bridge = |peering: &&Peering| peering.is_active() && peering.is_in_one_region();
        let mut link = Link::Any;
        for way in client.ways(cache) {
            link = match way {
                Target::Peering(id) if self.snapshot.peering(id).is_some_and(|each| !each.is_in_one_region()) => {
                    Link::None
                }
                Target::TransitGateway(id) if self.snapshot.transit_gateway(id).is_err() => continue,
                Target::TransitGateway(id) if transit::references_groups(self.snapshot, id, from, to) => Link::Ingress,
                Target::TransitGateway(_) => Link::None,
                // An appliance or a gateway of another kind hides the groups.
                Target::Beyond(_) => match self.snapshot.peerings(from, to) {
                    Ok(between) if !between.iter().any(is_bridge) => Link::None,
                    _ => continue,
                },
                _ => continue,
            };
        }
        link
    }

    /// Whether the client can resolve the cache's name, as far as the VPCs decide it. Between two VPCs, ElastiCache asks for
    /// both attributes on both sides. <https://docs.aws.amazon.com/AmazonElastiCache/latest/dg/elasticache-vpc-accessing.html>
    fn names(&self, client: &ClientEnd<'s>, cache: &CacheEnd<'s>, tell: &mut impl FnMut(Answer<'s>)) {
        let Some(vpc) = client.vpc.filter(|_| client.kind != ClientKind::Ranges && cache.is_named) else { return };
        let not_known = |need| Answer { verdict: Verdict::NotAsked, by: By::Missing(need) };
        match self.snapshot.dns_support(vpc) {
            Err(need) => return tell(not_known(need)),
            Ok(false) => return tell(Answer { verdict: Verdict::Unknown, by: By::NoResolver(vpc) }),
            Ok(true) => tell(Answer::yes(By::Resolves(vpc))),
        }
        let Some(other) = cache.vpc.filter(|other| *other != vpc) else { return };
        let asked = [(vpc, self.snapshot.dns_hostnames(vpc)), (other, self.snapshot.dns_support(other))];
        for (vpc, attribute) in asked.into_iter().chain([(other, self.snapshot.dns_hostnames(other))]) {
            match attribute {
                Err(need) => tell(not_known(need)),
                // Names of caches are public ones, which most often resolve all the same: worth a word, and no more.
                Ok(false) => tell(Answer { verdict: Verdict::NotAsked, by: By::NoHostnames(vpc) }),
                Ok(true) => {}
            }
        }
    }

    fn filter(&self, acl: &'s NetworkAcl, direction: Direction, ports: RangeInclusive<u16>) -> Rc<AclFilter<'s>> {
        let key = (acl.id.as_str(), direction, ports.clone());
        let mut filters = self.filters.borrow_mut();
        Rc::clone(filters.entry(key).or_insert_with(|| Rc::new(AclFilter::of(acl, direction, &ports))))
    }

    fn map(&self, table: &'s RouteTable) -> Rc<RouteMap<'s>> {
        let mut maps = self.maps.borrow_mut();
        Rc::clone(maps.entry(&table.id).or_insert_with(|| Rc::new(RouteMap::of(self.snapshot, table))))
    }
}

/// Which rules that name a group count on the way.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Link {
    /// All do.
    Any,
    /// Those that let traffic in.
    Ingress,
    /// None.
    None,
}

/// The verdict of a network ACL.
fn filtered<'s>(filter: &Known<Rc<AclFilter<'s>>>, wanted: &[IpNet]) -> Answer<'s> {
    let filter = match filter {
        Ok(filter) => filter,
        Err(need) => return Answer::missing(need.clone()),
    };
    let denied = |entry: Option<_>| match entry {
        Some(entry) => By::Entry(filter.acl(), entry),
        None => By::LastEntry(filter.acl()),
    };
    match filter.judge(wanted) {
        Filtered::All(entry) => Answer::yes(By::Entry(filter.acl(), entry)),
        Filtered::None(entry) => Answer::no(denied(entry)),
        Filtered::SomePorts(entry) => Answer { verdict: Verdict::Intermittent, by: denied(entry) },
        Filtered::SomeAddresses(entry) => Answer { verdict: Verdict::Unknown, by: denied(entry) },
    }
}

fn vpc<'s>(client: &ClientEnd<'s>, cache: &CacheEnd<'s>) -> Answer<'s> {
    match (client.vpc, cache.vpc) {
        (Some(from), Some(to)) if from == to => Answer::yes(By::SameVpc(from)),
        (Some(from), Some(to)) => Answer { verdict: Verdict::NotAsked, by: By::OtherVpc(from, to) },
        (None, Some(_)) if client.kind == ClientKind::Ranges => Answer::not_asked(),
        _ => Answer { verdict: Verdict::Unknown, by: By::Nothing },
    }
}

/// The answer for the whole path.
pub(crate) fn status(closed: bool, unknown: bool) -> Status {
    match (closed, unknown) {
        (true, _) => Status::No,
        (_, true) => Status::Unknown,
        _ => Status::Ok,
    }
}

#[cfg(test)]
mod naive;
#[cfg(test)]
mod tests;
