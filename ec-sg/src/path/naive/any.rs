//! Worlds at random, in which much is open and everything can be closed.

use std::net::IpAddr;

use ipnet::IpNet;
use proptest::collection::vec;
use proptest::prelude::*;
use proptest::sample::{select, subsequence};

use super::super::{ClientKind, ClientSide, Question};
use super::worlds::{BOTH, Entry, SUBNETS, World, addresses, range, range_of, route_to, vpc_of};
use crate::client::{LINUX, WINDOWS};
use crate::network::{Destination, Peering, PeeringSide, Route, Target};
use crate::ports::Port;
use crate::rule::{Direction, GroupRef, Peer, Rule, Traffic};
use crate::segments::Family;

/// A world.
pub(super) fn any_world() -> impl Strategy<Value = World> {
    let rules = (any_rules(Direction::Egress), any_rules(Direction::Ingress));
    let stale = vec(select(&[("sg-c", "sg-a"), ("sg-a", "sg-c"), ("sg-c", "sg-b")][..]), 0..2);
    let acls = (prop::array::uniform4(any_acl()), prop::array::uniform4(0..3_usize));
    let tables = (any_routes(0), any_routes(0), any_routes(1));
    let own_tables = prop::array::uniform4(prop::option::of(0..2_usize));
    let whole = (select(BOTH.to_vec()), 0..2_u8).prop_map(|(family, vpc)| range(family, vpc, 0, 24));
    let list = vec(prop_oneof![3 => any_range(), 1 => whole], 0..3);
    (any_question(), rules, stale, list, acls, tables, own_tables, any_peerings()).prop_map(
        |(question, rules, stale, list, (acls, acl_of), tables, own, peerings)| {
            // A group cannot be deleted while a rule of its own VPC names it.
            let across = question.client.vpc.as_deref() == Some("vpc-2");
            let stale = stale.into_iter().filter(|_| across);
            let mut rules = [rules.0, rules.1].concat();
            for (at, rule) in rules.iter_mut().enumerate() {
                rule.id = Some(format!("sgr-{at}"));
                rule.peering_status = rule.peering_status.take().filter(|_| across);
            }
            World {
                question,
                rules,
                stale: stale.map(|(group, gone)| (group.to_owned(), gone.to_owned())).collect(),
                list,
                acls,
                acl_of: [acl_of[0], acl_of[1], acl_of[2], acl_of[3], 3],
                tables: [tables.0, tables.1, tables.2],
                table_of: [own[0], own[1], own[2], own[3], None],
                peerings,
            }
        },
    )
}

fn any_question() -> impl Strategy<Value = Question> {
    let families = || select(vec![vec![Family::V4], vec![Family::V6], BOTH.to_vec()]);
    // Mostly both sides speak the same.
    let families = (families(), prop::option::weighted(0.1, families()));
    let subnets = subsequence(vec![1, 2, 3], 1..=3);
    let known = prop::option::weighted(0.1, vec(vec(0..8_usize, 0..=2), 3));
    let groups = (subsequence(vec!["sg-d"], 0..=1), select(vec![None, None, Some("sg-b"), Some("sg-c")]));
    let ports = (subsequence(vec![6379, 6380], 1..=2), select(vec![LINUX, WINDOWS]));
    let client =
        (select(vec![0, 0, 0, 0, 0, 1, 4, 4, 4]), 0..8_usize, prop::option::weighted(0.2, (0..32_usize, 25..=30_u8)));
    (families, (subnets, known), groups, ports, client).prop_map(
        |(families, (subnets, known), groups, ports, client_at)| {
            let Question { mut cache, mut client } = World::open().question;
            let (at, host, block) = client_at;
            let exact = |families: &[Family], subnet: usize, host: usize| -> Vec<IpAddr> {
                families.iter().map(|family| addresses(&range_of(subnet, *family))[host]).collect()
            };
            let own = families.1.as_ref().unwrap_or(&families.0);
            if let Some((host, length)) = block {
                client = ClientSide { kind: ClientKind::Ranges, ..ClientSide::default() };
                client.addresses = own.iter().map(|family| range(*family, 0, host, length)).collect();
            } else {
                client.vpc = Some(vpc_of(at).into());
                client.subnet = Some(SUBNETS[at].into());
                // The cache's group is of the cache's VPC.
                client.groups.extend(groups.1.filter(|id| at != 4 || *id != "sg-c").map(GroupRef::of));
                client.addresses = exact(own, at, host).into_iter().map(IpNet::from).collect();
            }
            client.ephemeral = ports.1;
            for (at, hosts) in subnets.iter().zip(known.into_iter().flatten()) {
                cache.addresses.extend(hosts.iter().flat_map(|host| exact(&families.0, *at, *host)));
            }
            cache.subnets = subnets.iter().map(|at| SUBNETS[*at].to_owned()).collect();
            cache.groups.extend(groups.0.into_iter().map(str::to_owned));
            cache.ports = ports.0.into_iter().map(|port| Port { port, ..cache.ports[0].clone() }).collect();
            cache.families = families.0;
            Question { cache, client }
        },
    )
}

/// A range that holds some addresses of the subnets, or all.
fn any_range() -> impl Strategy<Value = IpNet> {
    let family = select(vec![Family::V4, Family::V4, Family::V4, Family::V6]);
    (family, select(vec![0, 0, 0, 1]), 0..32_usize, select(vec![0, 24, 27, 28, 29, 30, 31, 32]))
        .prop_map(|(family, vpc, host, length)| range(family, vpc, host, length))
}

/// A few rules; mostly, there is one that lets everything through, or all of a group, or a part of the subnets.
fn any_rules(direction: Direction) -> impl Strategy<Value = Vec<Rule>> {
    let open = World::open().rules.into_iter().filter(|rule| rule.direction == direction);
    let open: [Rule; 2] = open.collect::<Vec<_>>().try_into().expect("one for each family");
    // Where the cache may be, or the client.
    let (hosts, parts, group) = match direction {
        Direction::Egress => (8..32_usize, 8, "sg-c"),
        Direction::Ingress => (0..8, 1, "sg-a"),
    };
    let (of_group, of_part) = (open[0].clone(), open.clone());
    let opening = prop_oneof![
        4 => Just(open.to_vec()),
        2 => any_status().prop_map(move |peering_status| {
            vec![Rule { peer: Peer::Group(GroupRef::of(group)), peering_status, ..of_group.clone() }]
        }),
        parts => (hosts, 27..=30_u8).prop_map(move |(host, length)| {
            let part = |(rule, family): (&Rule, &Family)| {
                Rule { peer: Peer::Range(range(*family, 0, host, length)), ..rule.clone() }
            };
            of_part.iter().zip(&BOTH).map(part).collect()
        }),
        1 => Just(Vec::new()),
    ];
    (vec(any_rule(direction), 0..=2), opening).prop_map(|(rules, opening)| [rules, opening].concat())
}

/// What AWS shows of the peering connection that leads to a group.
fn any_status() -> impl Strategy<Value = Option<String>> {
    select(vec![None, None, Some("active"), Some("deleted")]).prop_map(|status| status.map(str::to_owned))
}

fn any_rule(direction: Direction) -> impl Strategy<Value = Rule> {
    let groups = match direction {
        Direction::Egress => vec!["sg-a", "sg-a", "sg-a", "sg-b", "sg-c"],
        Direction::Ingress => vec!["sg-c", "sg-c", "sg-c", "sg-d", "sg-a"],
    };
    let traffic = prop_oneof![
        2 => Just(Traffic::All),
        4 => (6378..=6380_u16, 0..3_u16).prop_map(|(from, more)| Traffic::Tcp(from, from + more)),
        2 => Just(Traffic::Tcp(0, u16::MAX)),
        1 => Just(Traffic::Other),
    ];
    let peer = prop_oneof![
        4 => any_range().prop_map(Peer::Range),
        4 => select(vec!["sg-a", "sg-b", "sg-c", "sg-d"]).prop_map(|id| Peer::Group(GroupRef::of(id))),
        1 => Just(Peer::PrefixList("pl-1".into())),
    ];
    (select(groups), traffic, peer, any_status()).prop_map(move |(group, traffic, peer, status)| Rule {
        id: None,
        group: group.into(),
        direction,
        traffic,
        peering_status: status.filter(|_| matches!(peer, Peer::Group(_))),
        peer,
        tag: None,
    })
}

/// The entries of a network ACL; mostly, what none of them decides is let through.
fn any_acl() -> impl Strategy<Value = Vec<Entry>> {
    let protocol = select(vec!["-1", "6", "6", "6", "17"]);
    let ports = prop_oneof![
        4 => select(vec![6379..=6379, 6379..=6380, 0..=u16::MAX, 1024..=u16::MAX, LINUX, WINDOWS]),
        1 => (30000..=u16::MAX, any::<u16>()).prop_map(|(one, other)| one.min(other)..=one.max(other)),
    ];
    let direction = select(vec![Direction::Egress, Direction::Ingress]);
    let entry = (1..200_u16, any::<bool>(), direction, any_range(), protocol, ports);
    let entry = entry.prop_map(|(number, allows, direction, range, protocol, ports)| Entry {
        number,
        allows,
        direction,
        range,
        protocol,
        ports,
    });
    let entries = prop_oneof![1 => Just(Vec::new()), 1 => vec(entry, 1..=6)];
    (entries, prop::bool::weighted(0.95)).prop_map(|(mut entries, open)| {
        for direction in [Direction::Egress, Direction::Ingress] {
            for (number, family) in [(200, Family::V4), (201, Family::V6)] {
                entries.extend(open.then(|| Entry::all(number, direction, family)));
            }
        }
        // A number is used once in each direction.
        entries.sort_by_key(|entry| (entry.direction, entry.number));
        entries.dedup_by_key(|entry| (entry.direction, entry.number));
        entries
    })
}

/// The routes of a table of the first or the second VPC; mostly, one leads to the other VPC.
fn any_routes(vpc: u8) -> impl Strategy<Value = Vec<Route>> {
    let own = BOTH.map(|family| range(family, vpc, 0, 24));
    let target = prop_oneof![
        2 => select(vec!["pcx-1", "pcx-1", "pcx-2", "pcx-3"]).prop_map(|id| Target::Peering(id.into())),
        1 => Just(Target::Internet("igw-1".into())),
        6 => select(vec!["eni-1", "eni-1", "vgw-1"]).prop_map(|id| Target::Beyond(id.into())),
    ];
    let destination = prop_oneof![
        9 => any_range().prop_map(Destination::Range),
        1 => Just(Destination::PrefixList("pl-1".into())),
    ];
    let route = (destination, target, prop::bool::weighted(0.2), any::<bool>());
    let route = route.prop_map(|(destination, target, is_blackhole, propagated)| {
        let is_propagated = propagated && target == Target::Beyond("vgw-1".into());
        Route { destination, target, is_blackhole, is_propagated }
    });
    // What EC2 accepts: within the VPC only interfaces, and the way to all of it is given.
    let accepted = move |route: &Route| match &route.destination {
        Destination::Range(to) if !route.is_propagated && own.iter().any(|own| own.contains(to)) => {
            route.target == Target::Beyond("eni-1".into()) && !own.contains(to)
        }
        Destination::PrefixList(_) => !route.is_propagated,
        Destination::Range(_) => true,
    };
    let extra = prop_oneof![1 => Just(Vec::new()), 1 => vec(route, 1..=2)];
    (extra, prop::bool::weighted(0.9)).prop_map(move |(extra, is_joined)| {
        let local = BOTH.iter().map(|family| route_to(*family, vpc, Target::Local));
        let across = BOTH.iter().map(|family| route_to(*family, 1 - vpc, Target::Peering("pcx-1".into())));
        let mut routes: Vec<Route> = Vec::new();
        for route in extra.into_iter().filter(accepted).chain(local).chain(across.filter(|_| is_joined)) {
            // A destination is named once, and once more by propagation.
            let is_same =
                |other: &Route| other.destination == route.destination && other.is_propagated == route.is_propagated;
            if !routes.iter().any(is_same) {
                routes.push(route);
            }
        }
        routes
    })
}

/// The connection between the VPCs, an older one between them, and one that leads elsewhere.
fn any_peerings() -> impl Strategy<Value = Vec<Peering>> {
    let status = prop_oneof![8 => Just("active"), 1 => Just("pending-acceptance"), 1 => Just("deleted")];
    let region = select(vec!["us-east-1", "us-east-1", "us-east-1", "us-east-1", "eu-west-1"]);
    (status, region, any::<bool>(), subsequence(vec!["pcx-2", "pcx-3"], 0..=2)).prop_map(
        |(status, region, asks, ids)| {
            let side = |vpc: u8, region: &str| PeeringSide {
                vpc: Some(format!("vpc-{}", vpc + 1)),
                region: Some(region.to_owned()),
                ranges: BOTH.map(|family| range(family, vpc, 0, 24)).to_vec(),
                ..PeeringSide::default()
            };
            let peering = |id: &str| {
                let (status, other) = match id {
                    "pcx-1" => (status, side(1, region)),
                    "pcx-2" => ("deleted", side(1, region)),
                    _ => ("active", side(2, "us-east-1")),
                };
                let mut sides = [side(0, "us-east-1"), other];
                if asks {
                    sides.reverse();
                }
                let [requester, accepter] = sides;
                Peering { id: id.to_owned(), status: status.to_owned(), requester, accepter }
            };
            ["pcx-1"].into_iter().chain(ids).map(peering).collect()
        },
    )
}
