//! Each hop on its own, then what they come to together. What is not said otherwise is as [`fake::vpc`] has it: open but for
//! the security groups, which these tests open, too.

mod acls;
mod between_vpcs;
mod families;
mod groups;
mod routes;

use ec_shared::document::Status;
use serde_json::{Value, json};

use super::*;
use crate::client::{LINUX, WINDOWS};
use crate::fake::{rule, snapshot, two_separate_vpcs, vpc};
use crate::need::Need;
use crate::path::hop::hops;
use crate::rule::{Rule, Traffic};

const TCP: Traffic = Traffic::Tcp(6379, 6379);
const V4: &[Family] = &[Family::V4];
const BOTH: &[Family] = &[Family::V4, Family::V6];

/// i-a in subnet-a with sg-a and 10.0.1.15; the cache in subnet-c and subnet-d with sg-c and sg-d.
fn question() -> Question {
    Question {
        cache: CacheSide {
            name: "orders".into(),
            vpc: Some("vpc-1".into()),
            subnets: vec!["subnet-c".into(), "subnet-d".into()],
            groups: vec!["sg-c".into(), "sg-d".into()],
            ports: vec![Port { port: 6379, protocol: "tcp", purpose: "", second: false }],
            families: V4.to_vec(),
            ..CacheSide::default()
        },
        client: ClientSide {
            vpc: Some("vpc-1".into()),
            subnet: Some("subnet-a".into()),
            groups: vec![GroupRef::of("sg-a")],
            addresses: vec!["10.0.1.15/32".parse().unwrap()],
            ephemeral: LINUX,
            ..ClientSide::default()
        },
    }
}

/// A client that is known by nothing but a group, or a range.
fn client(kind: ClientKind, groups: &[&str], addresses: &[&str]) -> ClientSide {
    ClientSide {
        vpc: (kind != ClientKind::Ranges).then(|| "vpc-1".into()),
        subnet: None,
        groups: groups.iter().map(|id| GroupRef::of(*id)).collect(),
        addresses: addresses.iter().map(|range| range.parse().unwrap()).collect(),
        kind,
        ..ClientSide::default()
    }
}

/// Rules that open the security groups for everything.
fn open_groups() -> Vec<Rule> {
    vec![
        rule("sgr-out", "sg-a", Direction::Egress, Traffic::All, "0.0.0.0/0"),
        rule("sgr-in", "sg-c", Direction::Ingress, Traffic::All, "0.0.0.0/0"),
    ]
}

fn walk(question: &Question, known: &Snapshot) -> Vec<Hop> {
    let evaluator = Evaluator::new(known);
    let (client, cache) = evaluator.ends(question);
    let mut steps = Vec::new();
    evaluator.walk(&client, &cache, &mut |step| steps.push(step));
    let hops = hops(&steps, question, known);
    // Who counts and who explains hear the same.
    let any = |test: fn(Verdict) -> bool| hops.iter().any(|hop| test(hop.verdict));
    let told = status(any(Verdict::is_closed), any(|verdict| verdict == Verdict::Unknown));
    assert_eq!(evaluator.decide(&client, &cache), told);
    hops
}

/// The hops that are not simply open.
fn trouble(question: &Question, known: &Snapshot) -> Vec<(Place, Verdict)> {
    let hops = walk(question, known);
    hops.iter().filter(|hop| hop.verdict != Verdict::Yes).map(|hop| (hop.hop, hop.verdict)).collect()
}

fn verdict_of(place: Place, question: &Question, known: &Snapshot) -> Verdict {
    let hops = walk(question, known);
    let verdicts: Vec<Verdict> = hops.iter().filter(|hop| hop.hop == place).map(|hop| hop.verdict).collect();
    let [verdict] = verdicts.as_slice() else { panic!("{place:?}: {hops:#?}") };
    *verdict
}

#[test]
fn the_whole_path_reads_like_the_way_that_a_packet_takes() {
    let known = snapshot(vpc(), &open_groups());
    let hops = walk(&question(), &known);
    let places: Vec<Place> = hops.iter().map(|hop| hop.hop).collect();
    assert_eq!(
        places,
        [
            Place::Vpc,
            Place::ClientEgress,
            Place::ClientAclOut,
            Place::RouteOut,
            Place::CacheAclIn,
            Place::CacheIngress,
            Place::CacheAclOut,
            Place::RouteBack,
            Place::ClientAclIn,
            Place::Dns,
        ]
    );
    assert!(hops.iter().all(|hop| hop.verdict == Verdict::Yes), "{hops:#?}");
    assert_eq!(status(false, false), Status::Ok);
}
