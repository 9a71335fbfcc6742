//! Route tables within a VPC, and to whoever is outside of it.

use super::*;

/// The network with other routes in its one table, beside the local one.
fn with_routes(routes: &Value) -> Value {
    let mut facts = vpc();
    let table = facts["RouteTables"][0]["Routes"].as_array_mut().unwrap();
    table.extend(routes.as_array().cloned().unwrap());
    facts
}

#[test]
fn the_longest_prefix_decides() {
    let appliance = json!({"DestinationCidrBlock": "10.0.2.0/24", "NetworkInterfaceId": "eni-fw", "State": "active"});
    let known = snapshot(with_routes(&json!([appliance])), &open_groups());
    let hops = walk(&question(), &known);
    let hop = hops.iter().find(|hop| hop.hop == Place::RouteOut && hop.verdict != Verdict::Yes).unwrap();
    assert_eq!((hop.verdict, hop.aws_code.as_deref()), (Verdict::Unknown, Some("UNKNOWN_RESOURCE")));
    assert_eq!(hop.cache_subnet_ids, ["subnet-c"]);
    let wider = json!({"DestinationCidrBlock": "10.0.0.0/8", "NetworkInterfaceId": "eni-fw", "State": "active"});
    assert_eq!(trouble(&question(), &snapshot(with_routes(&json!([wider])), &open_groups())), []);
}

#[test]
fn a_blackhole_drops_the_traffic() {
    let gone = json!({"DestinationCidrBlock": "10.0.3.0/24", "NetworkInterfaceId": "eni-x", "State": "blackhole"});
    let hops = walk(&question(), &snapshot(with_routes(&json!([gone])), &open_groups()));
    let closed: Vec<_> = hops.iter().filter(|hop| hop.verdict == Verdict::No).collect();
    assert_eq!(closed.len(), 1, "{closed:#?}");
    assert_eq!((closed[0].hop, closed[0].aws_code.as_deref()), (Place::RouteOut, Some("BAD_STATE_ROUTE")));
}

#[test]
fn an_explicit_association_comes_before_the_main_table() {
    let mut facts = vpc();
    facts["RouteTables"].as_array_mut().unwrap().push(json!({
        "RouteTableId": "rtb-2", "VpcId": "vpc-1", "Associations": [{"SubnetId": "subnet-a"}],
        "Routes": [{"DestinationCidrBlock": "10.0.2.0/23", "NatGatewayId": "nat-1", "State": "blackhole"}],
    }));
    let hops = walk(&question(), &snapshot(facts, &open_groups()));
    let hop = hops.iter().find(|hop| hop.verdict == Verdict::No).unwrap();
    assert!(hop.detail.starts_with("rtb-2: 10.0.2.0/23 nat-1, a blackhole"), "{}", hop.detail);
}

#[test]
fn a_client_outside_of_the_vpc_needs_a_way_back() {
    let mut question = question();
    question.client = client(ClientKind::Ranges, &[], &["192.168.0.0/16"]);
    let verdict = |routes: Value| {
        let mut known = snapshot(with_routes(&routes), &open_groups());
        known.told_whole(&Need::SubnetsOf(String::new()));
        verdict_of(Place::RouteBack, &question, &known)
    };
    assert_eq!(verdict(json!([])), Verdict::No);
    assert_eq!(
        verdict(json!([{"DestinationCidrBlock": "0.0.0.0/0", "GatewayId": "igw-1", "State": "active"}])),
        Verdict::No
    );
    assert_eq!(
        verdict(json!([{"DestinationCidrBlock": "192.168.0.0/16", "GatewayId": "vgw-1", "State": "active"}])),
        Verdict::Yes
    );
}

#[test]
fn a_range_inside_the_vpc_is_taken_for_the_subnets_that_it_touches() {
    let mut question = question();
    question.client = client(ClientKind::Ranges, &[], &["10.0.1.128/25"]);
    let mut known = snapshot(vpc(), &open_groups());
    known.told_whole(&Need::SubnetsOf(String::new()));
    let hops = walk(&question, &known);
    let out = hops.iter().find(|hop| hop.hop == Place::ClientAclOut).unwrap();
    assert_eq!((out.verdict, &out.client_subnet_ids), (Verdict::Yes, &vec!["subnet-a".to_owned()]));
}
