//! Between VPCs: what joins them, and the routes that lead there and back.

use ec_tests::{Aws, Canned, Counting, Ground, Moto, element, need};
use serde_json::{Value, json};

use super::{aws_codes, cache_in, codes, ec_sg, errors, ingress, owner, resources, section, states, verdicts};

/// Two VPCs: the client is in the first, at 10.0.0.0/16, and the cache in the second, at 10.1.0.0/16.
fn two_vpcs(name: &str, moto: &Moto) -> (Ground, Ground) {
    let aws = Aws::at(&moto.url());
    (Ground::lay_at(aws.clone(), name, 0), Ground::lay_at(aws, name, 1))
}

/// Leads both VPCs to each other over `target`.
fn lead(here: &Ground, there: &Ground, target: &str) {
    let aws = &here.aws;
    aws.route("Create", &aws.main_route_table(&here.vpc), "10.1.0.0/16", target);
    aws.route("Create", &aws.main_route_table(&there.vpc), "10.0.0.0/16", target);
}

/// The same, joined by a peering connection with routes both ways.
pub(crate) fn joined(name: &str, moto: &Moto) -> (Ground, Ground) {
    let (here, there) = two_vpcs(name, moto);
    let peering = here.aws.ask_to_peer(&here.vpc, &there.vpc);
    here.aws.accept_peering(&peering);
    lead(&here, &there, &peering);
    (here, there)
}

fn run(verb: &str, here: &Ground, there: &Ground, exit: i32) -> Value {
    let arguments = [verb, "--from", &here.instance];
    section(&ec_sg(&Moto::shared().url(), &arguments, &cache_in(there, &[&there.subnet])).exits(exit))
}

#[test]
fn between_vpcs_that_nothing_joins_nothing_is_written() {
    need!("moto_server");
    let (here, there) = two_vpcs("vpc-apart", Moto::shared());
    let counting = Counting::before(&Moto::shared().url());
    let document = cache_in(&there, &[&there.subnet]);
    let applied = section(&ec_sg(&counting.url(), &["apply", "--from", &here.instance], &document).exits(1));
    assert_eq!(errors(&applied), ["EC1003", "EC1004", "EC1003"], "there, the rule, and back");
    assert!(aws_codes(&applied).contains(&"DISCONNECTED_VPCS"));
    assert!(states(&applied).iter().all(|state| state.ends_with("planned")), "{:?}", states(&applied));
    assert_eq!(counting.calls().writes(), Vec::<String>::new());
    assert_eq!(ingress(&there.aws, &there.cache_group), Vec::<String>::new());
}

#[test]
fn what_is_planned_joins_them_and_then_apply_opens_the_rest() {
    need!("moto_server");
    let (here, there) = two_vpcs("vpc-join", Moto::shared());
    let checked = run("check", &here, &there, 1);
    let (from, to) = (here.aws.main_route_table(&here.vpc), here.aws.main_route_table(&there.vpc));
    let group = &there.cache_group;
    let expected = [
        format!("{group} ingress tcp 6379 from {}", here.client_group),
        format!("{group} ingress tcp 6380 from {}", here.client_group),
        format!("peering connection between {} and {}", here.vpc, there.vpc),
        format!("{from}: route 10.1.1.0/24 pcx-NEW"),
        format!("{to}: route 10.0.1.0/24 pcx-NEW"),
    ];
    assert_eq!(resources(&checked), expected);
    let fix = checked["findings"].as_array().into_iter().flatten().find(|finding| finding["code"] == "EC1004");
    let fix = fix.and_then(|finding| finding["fix"].as_str()).unwrap_or_default();
    assert!(fix.starts_with("once the VPCs are joined: ec-sg apply"), "{fix}");

    assert_eq!(owner::carries_out(&here.aws, &checked), 3);
    assert_eq!(errors(&run("check", &here, &there, 1)), ["EC1004"], "what is left is for apply");
    let applied = run("apply", &here, &there, 0);
    assert_eq!(states(&applied), ["create done", "create done"]);
    let open = run("check", &here, &there, 0);
    assert_eq!((open["status"].as_str(), verdicts(&open, "route_back")), (Some("ok"), vec!["yes"]));
}

#[test]
fn a_peering_connection_without_routes_leads_nowhere() {
    need!("moto_server");
    let (here, there) = two_vpcs("vpc-unrouted", Moto::shared());
    let peering = here.aws.ask_to_peer(&here.vpc, &there.vpc);
    here.aws.accept_peering(&peering);
    let checked = run("check", &here, &there, 1);
    assert_eq!(errors(&checked), ["EC1018", "EC1004", "EC1018"]);
    assert_eq!(checked["findings"][0]["aws_code"], "NO_ROUTE_TO_DESTINATION");
    assert_eq!(owner::carries_out(&here.aws, &checked), 2, "{:?}", resources(&checked));
    assert_eq!(errors(&run("check", &here, &there, 1)), ["EC1004"]);
}

#[test]
fn a_peering_connection_that_nobody_has_accepted_waits_for_that() {
    need!("moto_server");
    let (here, there) = two_vpcs("vpc-asked", Moto::shared());
    let peering = here.aws.ask_to_peer(&here.vpc, &there.vpc);
    lead(&here, &there, &peering);
    let checked = run("check", &here, &there, 1);
    assert_eq!(errors(&checked), ["EC1020", "EC1004", "EC1020"]);
    assert_eq!(checked["findings"][0]["aws_code"], "BAD_STATE");
    let evidence = &checked["findings"][0]["evidence"]["decided_by"];
    assert_eq!(*evidence, json!([{"vpc_peering_connection_id": peering}]));
    assert_eq!(owner::carries_out(&here.aws, &checked), 1, "{:?}", resources(&checked));
    assert_eq!(errors(&run("check", &here, &there, 1)), ["EC1004"]);
}

#[test]
fn a_peering_connection_that_was_deleted_is_made_anew_beside_its_routes_or_in_their_place() {
    need!("moto_server");
    // A route that is wider than the subnet can stay, since the longer prefix decides; one for the subnet is replaced.
    for (name, ranges, verb) in [
        ("vpc-gone-wide", ["10.1.0.0/16", "10.0.0.0/16"], "create"),
        ("vpc-gone", ["10.1.1.0/24", "10.0.1.0/24"], "replace"),
    ] {
        let (here, there) = two_vpcs(name, Moto::shared());
        let aws = &here.aws;
        let gone = aws.ask_to_peer(&here.vpc, &there.vpc);
        aws.accept_peering(&gone);
        for (ground, range) in [&here, &there].into_iter().zip(ranges) {
            aws.route("Create", &aws.main_route_table(&ground.vpc), range, &gone);
        }
        run("apply", &here, &there, 0);
        aws.delete_peering(&gone);
        // AWS shows the routes as blackholes from then on; moto goes on calling them active.
        let checked = run("check", &here, &there, 1);
        assert_eq!(errors(&checked), ["EC1020", "EC1020"], "the rules are still there");
        assert_eq!(states(&checked), ["create planned", &format!("{verb} planned"), &format!("{verb} planned")]);
        assert_eq!(owner::carries_out(aws, &checked), 3);
        assert_eq!(run("check", &here, &there, 0)["status"], "ok", "{name}");
    }
}

/// moto, where the routes over peering connections are blackholes, as AWS shows them while the connection is not active.
fn with_blackholes(here: &Ground, there: &Ground) -> Canned {
    let filter =
        [("Filter.1.Name", "vpc-id"), ("Filter.1.Value.1", here.vpc.as_str()), ("Filter.1.Value.2", &there.vpc)];
    let tables = here.aws.call("ec2", "DescribeRouteTables", &filter);
    let mut routes: Vec<String> = tables.split("<destinationCidrBlock>").map(str::to_owned).collect();
    for route in routes.iter_mut().filter(|route| route.contains("<vpcPeeringConnectionId>")) {
        *route = route.replace("<state>active</state>", "<state>blackhole</state>");
    }
    let tables = routes.join("<destinationCidrBlock>");
    Canned::new().answer("DescribeRouteTables", tables).before(&Moto::shared().url())
}

#[test]
fn a_blackhole_over_a_peering_connection_that_waits_takes_its_acceptance_and_no_route() {
    need!("moto_server");
    let (here, there) = two_vpcs("vpc-waits", Moto::shared());
    let peering = here.aws.ask_to_peer(&here.vpc, &there.vpc);
    lead(&here, &there, &peering);
    let cloud = with_blackholes(&here, &there);
    let check = ["check", "--from", &here.instance];
    let checked = section(&ec_sg(&cloud.url(), &check, &cache_in(&there, &[&there.subnet])).exits(1));
    assert_eq!(errors(&checked), ["EC1020", "EC1004", "EC1020"]);
    assert_eq!(resources(&checked)[2..], [format!("peering connection {peering}")], "beside the two rules");
}

#[test]
fn a_blackhole_over_a_peering_connection_that_is_gone_is_named() {
    need!("moto_server");
    let (here, there) = joined("vpc-blackhole", Moto::shared());
    let table =
        here.aws.call("ec2", "DescribeRouteTables", &[("RouteTableId.1", &here.aws.main_route_table(&here.vpc))]);
    here.aws.delete_peering(&element(&table, "vpcPeeringConnectionId"));
    let cloud = with_blackholes(&here, &there);
    let check = ["check", "--from", &here.instance];
    let checked = section(&ec_sg(&cloud.url(), &check, &cache_in(&there, &[&there.subnet])).exits(1));
    assert_eq!(errors(&checked), ["EC1019", "EC1004", "EC1019"]);
    assert_eq!(checked["findings"][0]["aws_code"], "BAD_STATE_ROUTE");
}

#[test]
fn a_route_for_a_part_of_the_caches_subnet_is_not_certain() {
    need!("moto_server");
    let (here, there) = two_vpcs("vpc-part", Moto::shared());
    let aws = &here.aws;
    let peering = aws.ask_to_peer(&here.vpc, &there.vpc);
    aws.accept_peering(&peering);
    aws.route("Create", &aws.main_route_table(&here.vpc), "10.1.1.0/25", &peering);
    aws.route("Create", &aws.main_route_table(&there.vpc), "10.0.0.0/16", &peering);
    let checked = run("check", &here, &there, 1);
    assert_eq!(verdicts(&checked, "route_out"), ["unknown"], "which half the cache is in, no API tells");
    assert_eq!(verdicts(&checked, "route_back"), ["yes"]);
}

#[test]
fn between_peered_vpcs_a_rule_names_the_clients_group_and_revoke_takes_it_back() {
    need!("moto_server");
    let (here, there) = joined("vpc-peer", Moto::shared());
    let url = Moto::shared().url();
    let document = cache_in(&there, &[&there.subnet]);
    let applied = ec_sg(&url, &["apply", "--from", &here.instance], &document).ok();
    let client = &here.client_group;
    assert_eq!(ingress(&there.aws, &there.cache_group), [format!("6379 {client}"), format!("6380 {client}")]);
    let found = section(&applied);
    assert_eq!(codes(&found), ["EC1024", "EC1023", "EC1023"], "words about names, and no fault");
    ec_sg(&url, &["revoke"], &applied.stdout).ok();
    assert_eq!(ingress(&there.aws, &there.cache_group), Vec::<String>::new());
}

#[test]
fn a_route_to_the_internet_is_no_way_to_another_vpc() {
    need!("moto_server");
    let (here, there) = two_vpcs("vpc-igw", Moto::shared());
    let aws = &here.aws;
    let gateway = element(&aws.call("ec2", "CreateInternetGateway", &[]), "internetGatewayId");
    aws.call("ec2", "AttachInternetGateway", &[("InternetGatewayId", &gateway), ("VpcId", &here.vpc)]);
    aws.route("Create", &aws.main_route_table(&here.vpc), "0.0.0.0/0", &gateway);
    let checked = run("check", &here, &there, 1);
    assert!(aws_codes(&checked).contains(&"IGW_DESTINATION_ADDRESS_NOT_IN_RFC1918_EGRESS"), "{checked}");
}
