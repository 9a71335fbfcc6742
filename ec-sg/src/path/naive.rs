//! A second evaluator, written from AWS's documentation alone, to test the first one by. It tries one address and one port
//! after the other, in worlds that are small enough for that.
//!
//! A hop is open if everything passes that can come by: from and to whichever address of a subnet. It is closed if nothing
//! passes, and else nobody knows. One closed hop closes the path.

mod any;
mod worlds;

use std::net::IpAddr;

use ec_shared::document::Status;
use proptest::prelude::*;
use proptest::strategy::ValueTree;
use proptest::test_runner::TestRunner;

use super::{ClientKind, Evaluator};
use crate::fake;
use crate::network::{Destination, Peering, Route, Target};
use crate::rule::{Direction, Peer, Rule, Traffic};
use crate::segments::Family;
use worlds::{Entry, World, by_subnet, is_in_vpc_of, vpc_of};

/// Whether something passes; `None` if nobody knows.
type Passes = Option<bool>;

/// What all answers are.
fn all(answers: impl IntoIterator<Item = Passes>) -> Passes {
    let mut answers = answers.into_iter();
    let first = answers.next().expect("an address to try")?;
    answers.all(|answer| answer == Some(first)).then_some(first)
}

/// Whether the client reaches every port of the cache, by every family that both speak.
fn decide(world: &World) -> Status {
    let cache = &world.question.cache;
    let mut hops: Vec<Passes> = Vec::new();
    for family in &cache.families {
        let (clients, caches) = (world.clients(*family), world.caches(*family));
        if clients.is_empty() {
            continue;
        }
        let (from, to) = (by_subnet(&clients), by_subnet(&caches));
        for port in cache.ports.iter().map(|port| port.port) {
            hops.push(all(caches.iter().map(|cache| Some(egress(world, *cache, port)))));
            hops.push(Some(clients.iter().all(|client| ingress(world, *client, port))));
            let pairs = from.iter().flat_map(|from| to.iter().map(move |to| (from, to)));
            // Within one subnet neither ACLs nor routes count.
            for (from, to) in pairs.filter(|(from, to)| from.0 != to.0) {
                hops.extend(between(world, from, to, port));
            }
        }
    }
    // A client without an address of a family that the cache speaks cannot even begin.
    if hops.is_empty() || hops.contains(&Some(false)) {
        Status::No
    } else if hops.contains(&None) {
        Status::Unknown
    } else {
        Status::Ok
    }
}

/// The hops between addresses of the client in one subnet and addresses of the cache in another, there and back.
fn between(world: &World, from: &(usize, Vec<IpAddr>), to: &(usize, Vec<IpAddr>), port: u16) -> [Passes; 6] {
    let ((from, clients), (to, caches)) = (from, to);
    let there = |subnet: &usize, direction, others: &[IpAddr]| {
        let entries = world.entries(*subnet);
        all(others.iter().map(|other| Some(lets_through(entries, direction, *other, port))))
    };
    // An answer may go to any of the client's ports.
    let back = |subnet: &usize, direction, others: &[IpAddr]| {
        let entries = world.entries(*subnet);
        let ports = turning_points(world, entries);
        let lets = |other| ports.iter().all(|port| lets_through(entries, direction, other, *port));
        all(others.iter().map(|other| Some(lets(*other))))
    };
    [
        there(from, Direction::Egress, caches),
        all(caches.iter().map(|cache| leads(world, *from, *to, *cache))),
        there(to, Direction::Ingress, clients),
        back(to, Direction::Egress, clients),
        all(clients.iter().map(|client| leads(world, *to, *from, *client))),
        back(from, Direction::Ingress, caches),
    ]
}

/// Whether the client's security groups let it open a connection to this address of the cache. Nobody knows what groups the
/// addresses of a range carry: that is not asked.
fn egress(world: &World, to: IpAddr, port: u16) -> bool {
    let (client, cache) = (&world.question.client, &world.question.cache);
    let carried: Vec<&str> = client.groups.iter().map(|group| group.id.as_str()).collect();
    let others: Vec<&str> = cache.groups.iter().map(String::as_str).collect();
    client.kind == ClientKind::Ranges || some_rule_lets(world, Direction::Egress, &carried, (to, &others), port)
}

/// Whether the cache's security groups let a client at this address in.
fn ingress(world: &World, from: IpAddr, port: u16) -> bool {
    let (client, cache) = (&world.question.client, &world.question.cache);
    let carried: Vec<&str> = cache.groups.iter().map(String::as_str).collect();
    let others: Vec<&str> = client.groups.iter().map(|group| group.id.as_str()).collect();
    some_rule_lets(world, Direction::Ingress, &carried, (from, &others), port)
}

/// Whether a rule of a group that is carried names the other side, by its address or by a group that it carries. Rules only
/// allow. <https://docs.aws.amazon.com/vpc/latest/userguide/security-group-rules.html>
fn some_rule_lets(world: &World, way: Direction, carried: &[&str], other: (IpAddr, &[&str]), port: u16) -> bool {
    let counts =
        |rule: &&Rule| rule.direction == way && carried.contains(&rule.group.as_str()) && rule.traffic.covers(port);
    world.rules.iter().filter(counts).any(|rule| match &rule.peer {
        Peer::Range(range) => range.contains(&other.0),
        Peer::PrefixList(_) => world.list.iter().any(|range| range.contains(&other.0)),
        Peer::Group(group) => other.1.contains(&group.id.as_str()) && is_in_force(world, rule, &group.id),
    })
}

/// Whether a rule that names a group of the other side counts: within a VPC, or across an active peering connection within
/// a Region; not once it is stale. <https://docs.aws.amazon.com/vpc/latest/peering/vpc-peering-security-groups.html>
fn is_in_force(world: &World, rule: &Rule, named: &str) -> bool {
    let is_stale = rule.peering_status.as_deref() == Some("deleted")
        || world.stale.iter().any(|(group, gone)| *group == rule.group && gone == named);
    let (one, other) = (world.question.client.vpc.as_deref(), world.question.cache.vpc.as_deref());
    let joins = |peering: &Peering| carries(peering, one, other) && peering.requester.region == peering.accepter.region;
    !is_stale && (one == other || world.peerings.iter().any(joins))
}

/// Whether traffic between two VPCs passes through a peering connection.
fn carries(peering: &Peering, one: Option<&str>, other: Option<&str>) -> bool {
    let sides = [peering.requester.vpc.as_deref(), peering.accepter.vpc.as_deref()];
    peering.status == "active" && one != other && sides.contains(&one) && sides.contains(&other)
}

/// Whether a network ACL lets a packet to a port through: the entry with the lowest number decides, and what none decides is
/// denied. <https://docs.aws.amazon.com/vpc/latest/userguide/nacl-rules.html>
fn lets_through(entries: &[Entry], way: Direction, other: IpAddr, port: u16) -> bool {
    let matches = |entry: &&Entry| {
        let is_its_port = entry.protocol == "-1" || entry.protocol == "6" && entry.ports.contains(&port);
        entry.direction == way && entry.range.contains(&other) && is_its_port
    };
    entries.iter().filter(matches).min_by_key(|entry| entry.number).is_some_and(|entry| entry.allows)
}

/// The ephemeral ports of the client at which what an ACL does can change, instead of all the thousands.
fn turning_points(world: &World, entries: &[Entry]) -> Vec<u16> {
    let ephemeral = &world.question.client.ephemeral;
    let ends = entries.iter().flat_map(|entry| [*entry.ports.start(), entry.ports.end().saturating_add(1)]);
    ends.filter(|port| ephemeral.contains(port)).chain([*ephemeral.start()]).collect()
}

/// Whether the route table of a subnet leads to an address in another one: by the local route rather than by any that is
/// propagated, by the longest prefix, and of two that are as long by the one that was written rather than listed or
/// propagated. <https://docs.aws.amazon.com/vpc/latest/userguide/route-tables-priority.html>,
/// <https://docs.aws.amazon.com/vpn/latest/s2svpn/vpn-route-priority.html>
fn leads(world: &World, from: usize, to: usize, address: IpAddr) -> Passes {
    let mut best: Option<((bool, u8, u8), &Route)> = None;
    for route in world.routes(from) {
        let (ranges, rank) = match &route.destination {
            Destination::Range(range) if route.is_propagated => (vec![*range], 0),
            Destination::PrefixList(_) => (world.list.clone(), 1),
            Destination::Range(range) => (vec![*range], 2),
        };
        for range in ranges.iter().filter(|range| range.contains(&address)) {
            let key = (!(route.is_propagated && is_in_vpc_of(from, address)), range.prefix_len(), rank);
            if best.is_none_or(|(other, _)| key > other) {
                best = Some((key, route));
            }
        }
    }
    let Some((_, route)) = best else { return Some(false) };
    let (one, other) = (Some(vpc_of(from)), Some(vpc_of(to)));
    match &route.target {
        _ if route.is_blackhole => Some(false),
        Target::Local => Some(one == other),
        Target::Peering(id) => {
            Some(world.peerings.iter().any(|peering| peering.id == *id && carries(peering, one, other)))
        }
        // An interface or a virtual private gateway: whatever is behind it.
        Target::Beyond(_) => None,
        _ => Some(false),
    }
}

/// What the evaluator says.
fn decided(world: &World) -> Status {
    let known = world.snapshot();
    let evaluator = Evaluator::new(&known);
    let (client, cache) = evaluator.ends(&world.question);
    evaluator.decide(&client, &cache)
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 1000, ..ProptestConfig::default() })]

    #[test]
    fn who_tries_every_address_comes_to_the_same(world in any::any_world()) {
        prop_assert_eq!(decided(&world), decide(&world), "{:?}", world);
    }
}

#[test]
fn the_worlds_are_open_and_closed_and_undecided() {
    let mut runner = TestRunner::deterministic();
    let mut answer = || decide(&any::any_world().new_tree(&mut runner).unwrap().current());
    let answers: Vec<Status> = (0..500).map(|_| answer()).collect();
    for status in [Status::Ok, Status::No, Status::Unknown] {
        let count = answers.iter().filter(|answer| **answer == status).count();
        assert!(count >= 50, "{status:?}: {count}");
    }
}

/// Both evaluators' answers.
fn both(world: &World) -> [Status; 2] {
    [decided(world), decide(world)]
}

#[test]
fn a_way_out_for_ipv4_is_none_for_ipv6() {
    let mut world = World::open();
    world.rules.retain(|rule| rule.direction == Direction::Ingress);
    world.rules.push(fake::rule("sgr-v4", "sg-a", Direction::Egress, Traffic::All, "0.0.0.0/0"));
    assert_eq!(both(&world), [Status::No; 2]);
}

#[test]
fn the_local_route_comes_before_one_that_is_propagated_and_longer() {
    for is_blackhole in [false, true] {
        let mut world = World::open();
        let destination = Destination::Range("10.0.0.8/29".parse().unwrap());
        let target = Target::Beyond("vgw-1".into());
        world.tables[0].push(Route { destination, target, is_blackhole, is_propagated: true });
        assert_eq!(both(&world), [Status::Ok; 2], "blackhole: {is_blackhole}");
    }
}

#[test]
fn where_no_address_gets_all_answers_it_does_not_matter_which_get_none() {
    let mut world = World::open();
    // Of the cache's subnet 10.0.0.8/29, one half may answer half of the client's ports, the other half none.
    let half = worlds::range(Family::V4, 0, 8, 30);
    let ports = 32768..=40000;
    world.acls[1] = vec![
        Entry { number: 1, allows: true, direction: Direction::Ingress, range: half, protocol: "6", ports },
        Entry::all(2, Direction::Ingress, Family::V6),
        Entry::all(1, Direction::Egress, Family::V4),
        Entry::all(2, Direction::Egress, Family::V6),
    ];
    world.acl_of[0] = 1;
    assert_eq!(both(&world), [Status::No; 2]);
}

#[test]
fn a_rule_that_names_a_group_of_a_vpc_that_is_not_joined_admits_nobody_whatever_way_they_come() {
    let mut world = World::open();
    world.question.client.vpc = Some("vpc-2".into());
    world.question.client.subnet = Some("subnet-z".into());
    world.question.client.addresses = vec!["10.0.1.1/32".parse().unwrap()];
    for (table, other) in [(2, 0), (0, 1)] {
        world.tables[table].push(worlds::route_to(Family::V4, other, Target::Beyond("eni-1".into())));
    }
    world.rules.retain(|rule| rule.direction == Direction::Egress);
    world.rules.push(fake::rule("sgr-in", "sg-c", Direction::Ingress, Traffic::All, "sg-a"));
    assert_eq!(both(&world), [Status::No; 2]);
}
