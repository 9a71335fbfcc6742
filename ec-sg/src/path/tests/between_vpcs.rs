//! Peering connections and transit gateways, and which rules count across them.

use super::*;

/// Two VPCs, peered as `pcx-1`, with routes.
fn peered() -> Value {
    let mut facts = two_separate_vpcs();
    for (table, range) in ["10.2.0.0/16", "10.0.0.0/16"].into_iter().enumerate() {
        let route = json!({"DestinationCidrBlock": range, "VpcPeeringConnectionId": "pcx-1", "State": "active"});
        facts["RouteTables"][table]["Routes"].as_array_mut().unwrap().push(route);
    }
    facts["VpcPeeringConnections"] = json!([{
        "VpcPeeringConnectionId": "pcx-1", "Status": {"Code": "active"},
        "RequesterVpcInfo": {"VpcId": "vpc-2", "Region": "us-east-1", "CidrBlock": "10.2.0.0/16"},
        "AccepterVpcInfo": {"VpcId": "vpc-1", "Region": "us-east-1", "CidrBlock": "10.0.0.0/16"},
    }]);
    facts
}

fn from_other_vpc() -> Question {
    let mut question = question();
    question.client.vpc = Some("vpc-2".into());
    question.client.subnet = Some("subnet-z".into());
    question.client.addresses = vec!["10.2.1.15/32".parse().unwrap()];
    question
}

fn by_group() -> Vec<Rule> {
    vec![
        rule("sgr-out", "sg-a", Direction::Egress, TCP, "sg-c"),
        rule("sgr-in", "sg-c", Direction::Ingress, TCP, "sg-a"),
    ]
}

/// What is wrong, but for the note that the VPCs differ.
fn trouble(question: &Question, known: &Snapshot) -> Vec<(Place, Verdict)> {
    let mut trouble = super::trouble(question, known);
    trouble.retain(|(place, _)| ![Place::Vpc, Place::Dns].contains(place));
    trouble
}

fn closed(facts: Value, rules: &[Rule]) -> Vec<(Place, Option<String>)> {
    let mut known = snapshot(facts, rules);
    known.told_whole(&Need::peerings("", ""));
    let hops = walk(&from_other_vpc(), &known);
    hops.into_iter().filter(|hop| hop.verdict.is_closed()).map(|hop| (hop.hop, hop.aws_code)).collect()
}

#[test]
fn an_active_peering_connection_with_routes_both_ways_carries_groups_too() {
    let known = snapshot(peered(), &by_group());
    assert_eq!(trouble(&from_other_vpc(), &known), []);
    let hops = walk(&from_other_vpc(), &known);
    let out = hops.iter().find(|hop| hop.hop == Place::RouteOut).unwrap();
    assert_eq!(
        serde_json::to_value(&out.decided_by).unwrap(),
        json!([
            {"route_table_id": "rtb-z", "destination": "10.0.0.0/16", "target": "pcx-1"},
            {"vpc_peering_connection_id": "pcx-1"},
        ])
    );
}

#[test]
fn each_way_needs_its_route() {
    for (table, place) in [(1, Place::RouteOut), (0, Place::RouteBack)] {
        let mut facts = peered();
        facts["RouteTables"][table]["Routes"].as_array_mut().unwrap().pop();
        assert_eq!(closed(facts, &by_group()), [(place, Some("NO_ROUTE_TO_DESTINATION".to_owned()))]);
    }
}

#[test]
fn a_peering_connection_that_is_not_active_carries_nothing() {
    for status in ["pending-acceptance", "provisioning", "expired", "deleted"] {
        let mut facts = peered();
        facts["VpcPeeringConnections"][0]["Status"]["Code"] = json!(status);
        let expected =
            [(Place::RouteOut, Some("BAD_STATE".to_owned())), (Place::RouteBack, Some("BAD_STATE".to_owned()))];
        assert_eq!(closed(facts, &open_groups()), expected, "{status}");
    }
}

#[test]
fn a_peering_connection_to_another_vpc_does_not_lead_there() {
    let mut facts = peered();
    facts["VpcPeeringConnections"][0]["AccepterVpcInfo"]["VpcId"] = json!("vpc-9");
    let word = Some("NO_ROUTE_TO_DESTINATION".to_owned());
    assert_eq!(closed(facts, &open_groups()), [(Place::RouteOut, word.clone()), (Place::RouteBack, word)]);
}

#[test]
fn where_nothing_joins_the_vpcs_that_is_said() {
    let mut facts = peered();
    facts["VpcPeeringConnections"] = json!([]);
    for table in facts["RouteTables"].as_array_mut().unwrap() {
        table["Routes"].as_array_mut().unwrap().pop();
    }
    let word = Some("DISCONNECTED_VPCS".to_owned());
    assert_eq!(closed(facts, &open_groups()), [(Place::RouteOut, word.clone()), (Place::RouteBack, word)]);
}

#[test]
fn across_regions_a_rule_cannot_name_the_group() {
    let mut facts = peered();
    facts["VpcPeeringConnections"][0]["RequesterVpcInfo"]["Region"] = json!("eu-west-1");
    let word = Some("SG_REFERENCES_NOT_PRESERVED".to_owned());
    assert_eq!(closed(facts.clone(), &by_group()), [(Place::ClientEgress, word.clone()), (Place::CacheIngress, word)]);
    assert_eq!(closed(facts, &open_groups()), []);
}

#[test]
fn a_vpc_with_the_same_addresses_cannot_be_reached() {
    let mut facts = peered();
    facts["RouteTables"][1]["Routes"][0]["DestinationCidrBlock"] = json!("10.0.2.0/24");
    assert!(closed(facts, &open_groups()).contains(&(Place::RouteOut, Some("CANNOT_ROUTE".to_owned()))));
}

/// The same two VPCs joined by `tgw-1` instead: attachments att-1 and att-2, one route table.
fn transit(references: &str) -> Value {
    let mut facts = peered();
    facts["VpcPeeringConnections"] = json!([]);
    for table in facts["RouteTables"].as_array_mut().unwrap() {
        let route = table["Routes"].as_array_mut().unwrap().last_mut().unwrap();
        *route = json!({
            "DestinationCidrBlock": route["DestinationCidrBlock"], "TransitGatewayId": "tgw-1", "State": "active",
        });
    }
    let options = json!({"SecurityGroupReferencingSupport": references});
    let attachment = |id: &str, vpc: &str, subnets: Value| {
        json!({
            "TransitGatewayAttachmentId": id, "TransitGatewayId": "tgw-1", "VpcId": vpc, "State": "available",
            "SubnetIds": subnets, "Options": options,
        })
    };
    facts["TransitGateways"] = json!([{"TransitGatewayId": "tgw-1", "OwnerId": "1", "Options": options}]);
    facts["TransitGatewayVpcAttachments"] = json!([
        attachment("att-1", "vpc-1", json!(["subnet-c", "subnet-d"])),
        attachment("att-2", "vpc-2", json!(["subnet-z"]))
    ]);
    let associated = |id: &str, vpc: &str| {
        json!({
            "TransitGatewayAttachmentId": id, "TransitGatewayId": "tgw-1", "ResourceType": "vpc", "ResourceId": vpc,
            "State": "available", "Association": {"TransitGatewayRouteTableId": "tgw-rtb-1", "State": "associated"},
        })
    };
    facts["TransitGatewayAttachments"] = json!([associated("att-1", "vpc-1"), associated("att-2", "vpc-2")]);
    let route = |range: &str, attachment: &str| {
        json!({
            "DestinationCidrBlock": range, "State": "active",
            "TransitGatewayAttachments": [{"TransitGatewayAttachmentId": attachment}],
        })
    };
    facts["Routes"] = json!([route("10.0.0.0/16", "att-1"), route("10.2.0.0/16", "att-2")]);
    facts["TransitGatewayRouteTableId"] = json!("tgw-rtb-1");
    facts
}

#[test]
fn a_transit_gateway_carries_the_traffic_by_its_own_table() {
    assert_eq!(trouble(&from_other_vpc(), &snapshot(transit("disable"), &open_groups())), []);
    let mut no_route = transit("disable");
    no_route["Routes"].as_array_mut().unwrap().remove(0);
    assert_eq!(
        closed(no_route, &open_groups()),
        [(Place::RouteOut, Some("TGW_RTB_NO_ROUTE_TO_TGW_ATTACHMENT".to_owned()))]
    );
    let mut blackhole = transit("disable");
    blackhole["Routes"][1]["State"] = json!("blackhole");
    assert_eq!(closed(blackhole, &open_groups()), [(Place::RouteBack, Some("TGW_RTB_BAD_STATE_ROUTE".to_owned()))]);
    let mut longer = transit("disable");
    longer["Routes"].as_array_mut().unwrap().push(json!({
        "DestinationCidrBlock": "10.0.2.0/24", "State": "active",
        "TransitGatewayAttachments": [{"TransitGatewayAttachmentId": "att-2"}],
    }));
    assert_eq!(
        closed(longer, &open_groups()),
        [(Place::RouteOut, Some("TGW_RTB_NO_ROUTE_TO_TGW_ATTACHMENT".to_owned()))]
    );
}

#[test]
fn attachments_have_to_be_there_available_associated_and_in_the_zone() {
    let out = |word: &str| vec![(Place::RouteOut, Some(word.to_owned()))];
    let mut no_zone = transit("disable");
    no_zone["Subnets"][3]["AvailabilityZone"] = json!("us-east-1c");
    no_zone["TransitGatewayVpcAttachments"][1]["SubnetIds"] = json!(["subnet-a"]);
    assert_eq!(closed(no_zone, &open_groups()), out("TGW_ROUTE_AZ_RESTRICTION"));
    let mut pending = transit("disable");
    pending["TransitGatewayAttachments"][1]["State"] = json!("pendingAcceptance");
    let states = closed(pending, &open_groups());
    assert_eq!(
        states,
        [out("BAD_STATE_ATTACHMENT"), vec![(Place::RouteBack, Some("BAD_STATE_ATTACHMENT".to_owned()))]].concat()
    );
    let mut alone = transit("disable");
    alone["TransitGatewayAttachments"][1]["Association"] = Value::Null;
    assert_eq!(closed(alone, &open_groups()), out("TGW_ATTACH_MISSING_TGW_RTB_ASSOCIATION"));
    let mut nowhere = transit("disable");
    nowhere["TransitGatewayAttachments"].as_array_mut().unwrap().pop();
    nowhere["TransitGatewayVpcAttachments"].as_array_mut().unwrap().pop();
    assert!(closed(nowhere, &open_groups()).contains(&out("NO_POSSIBLE_DESTINATION")[0]));
}

#[test]
fn across_a_transit_gateway_groups_count_on_the_way_in_only_and_only_where_all_agree() {
    let word = Some("SG_REFERENCES_NOT_PRESERVED".to_owned());
    assert_eq!(closed(transit("enable"), &by_group()), [(Place::ClientEgress, word.clone())]);
    assert_eq!(
        closed(transit("disable"), &by_group()),
        [(Place::ClientEgress, word.clone()), (Place::CacheIngress, word)]
    );
}

#[test]
fn a_table_whose_routes_nobody_told_is_unknown_and_names_the_call() {
    let mut facts = transit("disable");
    facts["Routes"] = Value::Null;
    let hops = walk(&from_other_vpc(), &snapshot(facts, &open_groups()));
    let out = hops.iter().find(|hop| hop.hop == Place::RouteOut).unwrap();
    assert_eq!(out.verdict, Verdict::Unknown);
    assert_eq!(out.missing.as_deref(), Some(Need::TransitGatewayRoutes("tgw-rtb-1".into()).command().as_str()));
}

/// The client's VPC at `tgw-2`, which is peered with the cache's `tgw-1`.
fn peered_gateways() -> Value {
    let mut facts = transit("disable");
    facts["RouteTables"][1]["Routes"][1]["TransitGatewayId"] = json!("tgw-2");
    facts["TransitGateways"].as_array_mut().unwrap().push(json!({"TransitGatewayId": "tgw-2"}));
    facts["TransitGatewayVpcAttachments"][1]["TransitGatewayId"] = json!("tgw-2");
    let associations = facts["TransitGatewayAttachments"].as_array_mut().unwrap();
    associations[1]["TransitGatewayId"] = json!("tgw-2");
    associations[1]["Association"]["TransitGatewayRouteTableId"] = json!("tgw-rtb-2");
    for (gateway, peer, table) in [("tgw-1", "tgw-2", "tgw-rtb-1"), ("tgw-2", "tgw-1", "tgw-rtb-2")] {
        associations.push(json!({
            "TransitGatewayAttachmentId": "att-p", "TransitGatewayId": gateway, "ResourceType": "peering",
            "ResourceId": peer, "State": "available",
            "Association": {"TransitGatewayRouteTableId": table, "State": "associated"},
        }));
    }
    facts["Routes"][1]["TransitGatewayAttachments"][0]["TransitGatewayAttachmentId"] = json!("att-p");
    facts
}

#[test]
fn gateways_that_are_peered_carry_the_traffic_by_both_tables() {
    let mut known = snapshot(peered_gateways(), &open_groups());
    let second = json!({
        "TransitGatewayRouteTableId": "tgw-rtb-2",
        "Routes": [
            {"DestinationCidrBlock": "10.0.0.0/16", "State": "active",
             "TransitGatewayAttachments": [{"TransitGatewayAttachmentId": "att-p"}]},
            {"DestinationCidrBlock": "10.2.0.0/16", "State": "active",
             "TransitGatewayAttachments": [{"TransitGatewayAttachmentId": "att-2"}]},
        ],
    });
    known.take(crate::fake::answers(second)).unwrap();
    assert_eq!(trouble(&from_other_vpc(), &known), []);
}

#[test]
fn of_a_gateway_in_another_region_nothing_is_known() {
    let mut known = snapshot(peered_gateways(), &open_groups());
    known.take(crate::fake::answers(json!({"TransitGatewayRouteTableId": "tgw-rtb-2", "Routes": []}))).unwrap();
    let hops = walk(&from_other_vpc(), &known);
    let out = hops.iter().find(|hop| hop.hop == Place::RouteOut).unwrap();
    assert_eq!((out.verdict, out.aws_code.as_deref()), (Verdict::No, Some("TGW_RTB_NO_ROUTE_TO_TGW_ATTACHMENT")));
}

#[test]
fn names_across_vpcs_need_both_attributes_on_both_sides() {
    let mut known = snapshot(peered(), &by_group());
    let attribute = |vpc: &str, support: bool, names: bool| {
        crate::fake::answers(json!({
            "VpcId": vpc, "EnableDnsSupport": {"Value": support}, "EnableDnsHostnames": {"Value": names},
        }))
    };
    known.take(attribute("vpc-2", true, true)).unwrap();
    assert_eq!(verdict_of(Place::Dns, &from_other_vpc(), &known), Verdict::Yes);
    known.take(attribute("vpc-2", true, false)).unwrap();
    assert!(super::trouble(&from_other_vpc(), &known).contains(&(Place::Dns, Verdict::NotAsked)));
    known.take(attribute("vpc-2", false, true)).unwrap();
    assert_eq!(verdict_of(Place::Dns, &from_other_vpc(), &known), Verdict::Unknown);
}
