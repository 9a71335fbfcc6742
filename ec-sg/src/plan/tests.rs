//! That what is planned opens the path, is as narrow as the flow, and that none of it could be left out.

use proptest::prelude::*;
use serde_json::{Value, json};

use super::*;
use crate::fake::{rule, snapshot, two_separate_vpcs, vpc};
use crate::path::{CacheSide, ClientSide, Evaluator};
use crate::ports::Port;
use crate::rule::{Rule, Traffic};
use ec_shared::document::Status;

fn question(cache: &[&str], client: &[&str], addresses: &[&str]) -> Question {
    let port = |port, second| Port { port, protocol: "tcp", purpose: "", second };
    Question {
        cache: CacheSide {
            name: "orders".into(),
            vpc: Some("vpc-1".into()),
            subnets: vec!["subnet-c".into(), "subnet-d".into()],
            groups: cache.iter().map(ToString::to_string).collect(),
            ports: vec![port(6379, false), port(6380, true)],
            families: vec![Family::V4],
            ..CacheSide::default()
        },
        client: ClientSide {
            vpc: (!client.is_empty()).then(|| "vpc-1".into()),
            subnet: (!client.is_empty()).then(|| "subnet-a".into()),
            groups: client.iter().map(|id| GroupRef::of(*id)).collect(),
            addresses: addresses.iter().map(|net| net.parse().unwrap()).collect(),
            kind: if client.is_empty() { ClientKind::Ranges } else { ClientKind::Interface },
            ..ClientSide::default()
        },
    }
}

/// What is known when these rules are all that there are.
fn known(facts: Value, rules: &[Rule]) -> Snapshot {
    let mut known = snapshot(facts, rules);
    known.told_whole(&Need::SubnetsOf(String::new()));
    known
}

fn planned(question: &Question, known: &Snapshot) -> Vec<Mend> {
    let evaluator = Evaluator::new(known);
    let (client, cache) = evaluator.ends(question);
    let mut steps = Vec::new();
    evaluator.walk(&client, &cache, &mut |step| steps.push(step));
    mends(question, known, &steps, evaluator.link(&client, &cache), &Choice::of(question, known))
}

fn status(question: &Question, known: &Snapshot) -> Status {
    let evaluator = Evaluator::new(known);
    let (client, cache) = evaluator.ends(question);
    evaluator.decide(&client, &cache)
}

fn resources(mends: &[Mend]) -> Vec<String> {
    let resource = |mend: &Mend| match mend {
        Mend::Open(opening) => opening.to_string(),
        Mend::Attach(attach) => attach.resource(),
        Mend::ByOthers(mend) => mend.resource.clone(),
    };
    mends.iter().map(resource).collect()
}

fn all_out(group: &str) -> Rule {
    rule("sgr-out", group, Direction::Egress, Traffic::All, "0.0.0.0/0")
}

/// The groups by name, so that their choice can depend on it.
fn with_names(names: &[(&str, &str)]) -> Value {
    let mut facts = vpc();
    let group = |(id, name): &(&str, &str)| json!({"GroupId": id, "GroupName": name, "VpcId": "vpc-1"});
    facts["SecurityGroups"] = names.iter().map(group).collect();
    facts
}

#[test]
fn one_rule_for_each_closed_port_and_nothing_wider() {
    let question = question(&["sg-c"], &["sg-a"], &["10.0.1.15/32"]);
    let ingress = ["sg-c ingress tcp 6379 from sg-a", "sg-c ingress tcp 6380 from sg-a"];
    assert_eq!(resources(&planned(&question, &known(vpc(), &[all_out("sg-a")]))), ingress);
    let egress = ["sg-a egress tcp 6379 to sg-c", "sg-a egress tcp 6380 to sg-c"];
    assert_eq!(resources(&planned(&question, &known(vpc(), &[]))), [egress, ingress].concat());
}

#[test]
fn a_range_is_admitted_as_that_range() {
    let question = question(&["sg-c"], &[], &["10.0.0.0/16"]);
    assert_eq!(
        resources(&planned(&question, &known(vpc(), &[]))),
        ["sg-c ingress tcp 6379 from 10.0.0.0/16", "sg-c ingress tcp 6380 from 10.0.0.0/16"]
    );
}

#[test]
fn of_several_groups_not_the_consoles_nor_the_default_one_then_the_one_in_use_then_the_first() {
    let question = question(&["sg-c", "sg-b"], &["sg-z", "sg-y", "sg-x"], &["10.0.1.15/32"]);
    let last = |facts: Value, rules: &[Rule]| resources(&planned(&question, &known(facts, rules))).pop().unwrap();
    let out = all_out("sg-x");
    assert_eq!(last(vpc(), std::slice::from_ref(&out)), "sg-b ingress tcp 6380 from sg-x");
    let defaults = with_names(&[("sg-x", "default"), ("sg-b", "default")]);
    assert_eq!(last(defaults, std::slice::from_ref(&out)), "sg-c ingress tcp 6380 from sg-y");
    let console = with_names(&[("sg-x", "ec2-elasticache-i-1:orders"), ("sg-b", "elasticache-ec2-orders:i-1")]);
    assert_eq!(last(console, std::slice::from_ref(&out)), "sg-c ingress tcp 6380 from sg-y");
    let in_use = rule("sgr-1", "sg-c", Direction::Ingress, Traffic::Tcp(6379, 6379), "sg-z");
    let rules = [out, in_use];
    assert_eq!(last(vpc(), &rules), "sg-c ingress tcp 6380 from sg-z");
    assert_eq!(last(with_names(&[("sg-z", "default")]), &rules), "sg-c ingress tcp 6380 from sg-x");
}

#[test]
fn openings_in_words() {
    let question = question(&["sg-c"], &["sg-a"], &["10.0.1.15/32"]);
    let mends = planned(&question, &known(vpc(), &[all_out("sg-a")]));
    let openings: Vec<Opening> = mends
        .into_iter()
        .filter_map(|mend| if let Mend::Open(opening) = mend { Some(opening) } else { None })
        .collect();
    assert_eq!(in_words(&openings), "adds tcp 6379 and 6380 from sg-a to sg-c");
}

/// The network as it is when another has carried out what is planned.
fn carried_out(mut facts: Value, mend: &ByOthers) -> Value {
    let after = &mend.after;
    let list = |facts: &mut Value, key: &str, name: &str, id: &Value| -> usize {
        facts[key].as_array().unwrap().iter().position(|each| each[name] == *id).unwrap()
    };
    if after.get("rule_number").is_some() {
        let at = list(&mut facts, "NetworkAcls", "NetworkAclId", &after["network_acl_id"]);
        facts["NetworkAcls"][at]["Entries"].as_array_mut().unwrap().push(json!({
            "RuleNumber": after["rule_number"], "Protocol": "6", "RuleAction": "allow",
            "Egress": after["direction"] == "egress", "CidrBlock": after["cidr"],
            "PortRange": {"From": after["tcp_ports"][0], "To": after["tcp_ports"][1]},
        }));
    } else if after.get("route_table_id").is_some() {
        let at = list(&mut facts, "RouteTables", "RouteTableId", &after["route_table_id"]);
        let routes = facts["RouteTables"][at]["Routes"].as_array_mut().unwrap();
        let is_there = routes.iter().any(|route| route["DestinationCidrBlock"] == after["destination"]);
        assert_eq!(mend.action == "replace", is_there, "EC2 replaces what is there and creates what is not: {mend:?}");
        routes.retain(|route| route["DestinationCidrBlock"] != after["destination"]);
        routes.push(json!({
            "DestinationCidrBlock": after["destination"], "VpcPeeringConnectionId": after["target"], "State": "active",
        }));
    } else if after.get("peer_vpc_id").is_some() {
        facts["VpcPeeringConnections"].as_array_mut().unwrap().push(json!({
            "VpcPeeringConnectionId": after["vpc_peering_connection_id"], "Status": {"Code": "active"},
            "RequesterVpcInfo": {"VpcId": after["vpc_id"]}, "AccepterVpcInfo": {"VpcId": after["peer_vpc_id"]},
        }));
    } else {
        let at =
            list(&mut facts, "VpcPeeringConnections", "VpcPeeringConnectionId", &after["vpc_peering_connection_id"]);
        facts["VpcPeeringConnections"][at]["Status"]["Code"] = json!("active");
        // The routes over it were blackholes.
        for table in facts["RouteTables"].as_array_mut().unwrap() {
            for route in table["Routes"].as_array_mut().unwrap() {
                if route["VpcPeeringConnectionId"] == after["vpc_peering_connection_id"] {
                    route["State"] = json!("active");
                }
            }
        }
    }
    facts
}

/// What is known after these changes.
fn after(facts: &Value, rules: &[Rule], mends: &[&Mend]) -> Snapshot {
    let (mut facts, mut rules) = (facts.clone(), rules.to_vec());
    for mend in mends {
        match mend {
            Mend::Open(opening) => rules.push(Rule {
                id: Some(format!("sgr-new{}", rules.len())),
                group: opening.group.clone(),
                direction: opening.direction,
                traffic: Traffic::Tcp(opening.tcp_port, opening.tcp_port),
                peer: opening.peer.clone(),
                tag: None,
                peering_status: None,
            }),
            Mend::ByOthers(mend) => facts = carried_out(facts, mend),
            Mend::Attach(_) => {}
        }
    }
    let mut known = known(facts, &rules);
    known.told_whole(&Need::peerings("", ""));
    known
}

fn any_rule() -> impl Strategy<Value = Rule> {
    let group = prop::sample::select(vec!["sg-a", "sg-b", "sg-c", "sg-d", "sg-x"]);
    let peer = prop::sample::select(vec![
        "sg-a",
        "sg-b",
        "sg-c",
        "sg-x",
        "0.0.0.0/0",
        "10.0.0.0/16",
        "10.0.1.0/24",
        "10.0.2.0/25",
        "10.0.2.128/25",
        "10.2.0.0/16",
    ]);
    let traffic = prop::sample::select(vec![
        Traffic::All,
        Traffic::Other,
        Traffic::Tcp(6379, 6379),
        Traffic::Tcp(6379, 6380),
        Traffic::Tcp(22, 22),
    ]);
    (group, peer, traffic, any::<bool>(), 0..1000_u16).prop_map(|(group, peer, traffic, ingress, id)| {
        let direction = if ingress { Direction::Ingress } else { Direction::Egress };
        rule(&format!("sgr-{id:x}"), group, direction, traffic, peer)
    })
}

fn any_entry() -> impl Strategy<Value = Value> {
    let range = prop::sample::select(vec!["0.0.0.0/0", "10.0.0.0/16", "10.0.1.0/24", "10.0.2.0/24", "10.2.0.0/16"]);
    let ports = prop::sample::select(vec![
        None,
        Some((6379, 6379)),
        Some((6379, 6380)),
        Some((32768, 65535)),
        Some((1024, 40000)),
    ]);
    // Numbers with room before them: where there is none, nothing can be planned.
    (20..200_u16, any::<bool>(), any::<bool>(), range, ports).prop_map(|(number, allow, egress, range, ports)| {
        let mut entry = json!({
            "RuleNumber": number * 10, "Protocol": if ports.is_some() { "6" } else { "-1" },
            "RuleAction": if allow { "allow" } else { "deny" }, "Egress": egress, "CidrBlock": range,
        });
        if let Some((from, to)) = ports {
            entry["PortRange"] = json!({"From": from, "To": to});
        }
        entry
    })
}

/// Distinct numbers in each direction, as EC2 has them.
fn distinct(entries: Vec<Value>) -> Vec<Value> {
    let mut seen = BTreeSet::new();
    let key = |entry: &Value| (entry["RuleNumber"].as_u64(), entry["Egress"].as_bool());
    entries.into_iter().filter(|entry| seen.insert(key(entry))).collect()
}

/// Two VPCs, and whatever joins them.
fn two_vpcs(peering: Option<&str>, routes: [Option<&str>; 2]) -> Value {
    let mut facts = two_separate_vpcs();
    for (table, (state, range)) in routes.iter().zip(["10.2.0.0/16", "10.0.0.0/16"]).enumerate() {
        let route = state
            .map(|state| json!({"DestinationCidrBlock": range, "VpcPeeringConnectionId": "pcx-1", "State": state}));
        facts["RouteTables"][table]["Routes"].as_array_mut().unwrap().extend(route);
    }
    let connection = peering.map(|status| {
        json!({
            "VpcPeeringConnectionId": "pcx-1", "Status": {"Code": status},
            "RequesterVpcInfo": {"VpcId": "vpc-2"}, "AccepterVpcInfo": {"VpcId": "vpc-1"},
        })
    });
    facts["VpcPeeringConnections"] = connection.into_iter().collect();
    facts
}

fn enough_and_no_part_of_it(question: &Question, facts: &Value, rules: &[Rule]) -> Result<(), TestCaseError> {
    let before = after(facts, rules, &[]);
    let mends = planned(question, &before);
    let all: Vec<&Mend> = mends.iter().collect();
    let known = after(facts, rules, &all);
    prop_assert_eq!(status(question, &known), Status::Ok, "{:#?}", resources(&mends));
    for left_out in 0..all.len() {
        let mut fewer = all.clone();
        let without = fewer.remove(left_out);
        let status = status(question, &after(facts, rules, &fewer));
        prop_assert_ne!(status, Status::Ok, "without {:?} of {:#?}", without, resources(&mends));
    }
    for mend in &mends {
        if let Mend::Open(opening) = mend {
            prop_assert!([6379, 6380].contains(&opening.tcp_port));
            prop_assert!(
                question.cache.groups.contains(&opening.group)
                    || question.client.groups.contains(&GroupRef::of(&opening.group))
            );
        }
    }
    Ok(())
}

proptest! {
    /// What is planned opens the path, and none of it could be left out.
    #[test]
    fn within_a_vpc_the_plan_is_enough_and_no_part_of_it_is(
        rules in prop::collection::vec(any_rule(), 0..6),
        client in prop::sample::select(vec![&["sg-a"][..], &["sg-a", "sg-b"], &["sg-c"], &[]]),
        entries in prop::collection::vec(any_entry(), 0..6),
        own in any::<bool>(),
    ) {
        let question = question(&["sg-c", "sg-d"], client, &["10.0.1.15/32"]);
        let mut facts = vpc();
        if own {
            facts["NetworkAcls"][0]["Entries"] = Value::Array(distinct(entries));
        }
        enough_and_no_part_of_it(&question, &facts, &rules)?;
    }

    /// The same where client and cache are in two VPCs, joined in whatever way.
    #[test]
    fn between_vpcs_the_plan_is_enough_and_no_part_of_it_is(
        rules in prop::collection::vec(any_rule(), 0..6),
        peering in prop::sample::select(vec![None, Some("active"), Some("pending-acceptance")]),
        routes in prop::array::uniform2(prop::sample::select(vec![None, Some("active"), Some("blackhole")])),
        entries in prop::collection::vec(any_entry(), 0..4),
    ) {
        let mut question = question(&["sg-c", "sg-d"], &["sg-a"], &["10.2.1.15/32"]);
        question.client.vpc = Some("vpc-2".into());
        question.client.subnet = Some("subnet-z".into());
        let mut facts = two_vpcs(peering, routes);
        facts["NetworkAcls"][1]["Entries"] = Value::Array(distinct(entries));
        enough_and_no_part_of_it(&question, &facts, &rules)?;
    }
}
