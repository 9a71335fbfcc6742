//! Through a transit gateway.
//!
//! moto has gateways, attachments and associations. It fails with SearchTransitGatewayRoutes where a page size is given,
//! and its routes name no attachment: that answer comes from paper, in the form that AWS documents. Gateways of moto do not
//! say that rules may name groups across them, so that rules name addresses.

use std::fmt::Write;

use ec_tests::{Aws, Canned, Ground, Moto, need};
use serde_json::{Value, json};

use super::{aws_codes, cache_in, ec_sg, errors, ingress, owner, section, states, verdicts};

/// Two VPCs, attached to a gateway and routed to it both ways.
struct Setting {
    here: Ground,
    there: Ground,
    table: String,
    attachments: [String; 2],
}

impl Setting {
    fn new(name: &str) -> Self {
        let aws = Aws::at(&Moto::shared().url());
        let (here, there) = (Ground::lay_at(aws.clone(), name, 0), Ground::lay_at(aws.clone(), name, 1));
        let (gateway, table) = aws.transit_gateway();
        let attach = |ground: &Ground| aws.attach_vpc(&gateway, &ground.vpc, &ground.subnet);
        let attachments = [attach(&here), attach(&there)];
        aws.route("Create", &aws.main_route_table(&here.vpc), "10.1.0.0/16", &gateway);
        aws.route("Create", &aws.main_route_table(&there.vpc), "10.0.0.0/16", &gateway);
        Self { here, there, table, attachments }
    }

    fn there_and_back(&self) -> Canned {
        routed(&[("10.0.0.0/16", Some(&self.attachments[0])), ("10.1.0.0/16", Some(&self.attachments[1]))])
    }

    fn run(&self, verb: &str, cloud: &Canned, exit: i32) -> Value {
        let arguments = [verb, "--from", &self.here.instance];
        section(&ec_sg(&cloud.url(), &arguments, &cache_in(&self.there, &[&self.there.subnet])).exits(exit))
    }
}

/// moto, with these routes in every gateway's table; a route without an attachment drops the traffic.
fn routed(routes: &[(&str, Option<&str>)]) -> Canned {
    Canned::new().answer("SearchTransitGatewayRoutes", answer(routes)).before(&Moto::shared().url())
}

/// EC2's answer about routes of a transit gateway's table, as the API reference words it.
fn answer(routes: &[(&str, Option<&str>)]) -> String {
    let mut items = String::new();
    for (range, attachment) in routes {
        let state = if attachment.is_some() { "active" } else { "blackhole" };
        let over = attachment.map(|id| {
            format!("<item><transitGatewayAttachmentId>{id}</transitGatewayAttachmentId><resourceType>vpc</resourceType></item>")
        });
        let _ = write!(
            items,
            "<item><destinationCidrBlock>{range}</destinationCidrBlock><type>static</type><state>{state}</state>\
             <transitGatewayAttachments>{}</transitGatewayAttachments></item>",
            over.unwrap_or_default()
        );
    }
    format!(
        r#"<SearchTransitGatewayRoutesResponse xmlns="http://ec2.amazonaws.com/doc/2016-11-15/"><routeSet>{items}</routeSet>
        <additionalRoutesAvailable>false</additionalRoutesAvailable></SearchTransitGatewayRoutesResponse>"#
    )
}

#[test]
fn a_gateway_that_leads_both_ways_is_opened_by_rules_for_addresses() {
    need!("moto_server");
    let setting = Setting::new("tgw-open");
    let cloud = setting.there_and_back();
    let checked = setting.run("check", &cloud, 1);
    assert_eq!(errors(&checked), ["EC1004"], "{checked}");
    assert_eq!((verdicts(&checked, "route_out"), verdicts(&checked, "route_back")), (vec!["yes"], vec!["yes"]));
    assert_eq!(states(&setting.run("apply", &cloud, 0)), ["create done", "create done"]);
    let rules = ingress(&setting.there.aws, &setting.there.cache_group);
    assert!(rules[0].starts_with("6379 10.0.1.") && rules[0].ends_with("/32"), "{rules:?}");
    assert_eq!(setting.run("check", &cloud, 0)["status"], "ok");
}

#[test]
fn a_rule_that_names_a_group_does_not_count_across_a_gateway_that_does_not_tell_groups() {
    need!("moto_server");
    let setting = Setting::new("tgw-group");
    for port in [6379, 6380] {
        let source = ("Groups.1.GroupId", setting.here.client_group.as_str());
        setting.there.aws.admit("Ingress", &setting.there.cache_group, port, source);
    }
    let checked = setting.run("check", &setting.there_and_back(), 1);
    assert_eq!(errors(&checked), ["EC1004"]);
    assert_eq!(aws_codes(&checked)[0], "SG_REFERENCES_NOT_PRESERVED");
}

#[test]
fn a_route_that_is_missing_in_the_gateways_table_or_drops_the_traffic_is_named() {
    need!("moto_server");
    let setting = Setting::new("tgw-shut");
    let [here, there] = setting.attachments.each_ref().map(|id| Some(id.as_str()));
    let (missing, bad) = ("TGW_RTB_NO_ROUTE_TO_TGW_ATTACHMENT", "TGW_RTB_BAD_STATE_ROUTE");
    for (back, word, destination, verb) in [
        (None, missing, json!(null), "create"),
        (Some(("10.0.0.0/16", None)), bad, json!("10.0.0.0/16"), "create"),
        // Of what is planned, a route for the very same range is in the way.
        (Some(("10.0.1.0/24", None)), bad, json!("10.0.1.0/24"), "replace"),
        (Some(("10.0.0.0/16", there)), missing, json!("10.0.0.0/16"), "create"),
    ] {
        let routes: Vec<_> = [("10.1.0.0/16", there)].into_iter().chain(back).collect();
        let checked = setting.run("check", &routed(&routes), 1);
        assert_eq!(errors(&checked), ["EC1004", "EC1021"], "{word}");
        assert_eq!((verdicts(&checked, "route_out"), verdicts(&checked, "route_back")), (vec!["yes"], vec!["no"]));
        let finding =
            checked["findings"].as_array().and_then(|findings| findings.iter().find(|each| each["code"] == "EC1021"));
        let finding = finding.cloned().unwrap_or_default();
        assert_eq!(finding["aws_code"], word);
        let decided_by = &finding["evidence"]["decided_by"][0];
        assert_eq!(decided_by["transit_gateway_route_table_id"], setting.table.as_str());
        assert_eq!(decided_by.get("destination").cloned().unwrap_or_default(), destination);
        // What is planned leads to the client's attachment.
        let planned = checked["changes"].as_array().into_iter().flatten().find(|change| change.get("run").is_some());
        let planned = planned.cloned().unwrap_or_default();
        assert_eq!((planned["action"].as_str(), &planned["after"]["destination"]), (Some(verb), &json!("10.0.1.0/24")));
        assert_eq!(planned["after"]["transit_gateway_attachment_id"].as_str(), here, "{word}");
    }
}

#[test]
fn vpcs_that_are_attached_to_one_gateway_get_routes_to_it() {
    need!("moto_server");
    let aws = Aws::at(&Moto::shared().url());
    let (here, there) = (Ground::lay_at(aws.clone(), "tgw-routes", 0), Ground::lay_at(aws.clone(), "tgw-routes", 1));
    let (gateway, _) = aws.transit_gateway();
    let [from, to] = [&here, &there].map(|ground| aws.attach_vpc(&gateway, &ground.vpc, &ground.subnet));
    let routes = [("10.0.0.0/16", Some(from.as_str())), ("10.1.0.0/16", Some(to.as_str()))];
    let cloud = routed(&routes);
    let document = cache_in(&there, &[&there.subnet]);
    let check = || section(&ec_sg(&cloud.url(), &["check", "--from", &here.instance], &document).exits(1));
    let checked = check();
    assert_eq!(errors(&checked), ["EC1018", "EC1004", "EC1018"]);
    assert_eq!(owner::carries_out(&aws, &checked), 2);
    assert_eq!(errors(&check()), ["EC1004"]);
}

#[test]
fn a_vpc_that_is_not_attached_is_named() {
    need!("moto_server");
    let aws = Aws::at(&Moto::shared().url());
    let (here, there) = (Ground::lay_at(aws.clone(), "tgw-alone", 0), Ground::lay_at(aws.clone(), "tgw-alone", 1));
    let (gateway, _) = aws.transit_gateway();
    aws.attach_vpc(&gateway, &there.vpc, &there.subnet);
    aws.route("Create", &aws.main_route_table(&here.vpc), "10.1.0.0/16", &gateway);
    let document = cache_in(&there, &[&there.subnet]);
    let checked = section(&ec_sg(&Moto::shared().url(), &["check", "--from", &here.instance], &document).exits(1));
    assert!(aws_codes(&checked).contains(&"NO_POSSIBLE_DESTINATION"), "{checked}");
    let finding = &checked["findings"][0];
    assert_eq!(finding["code"], "EC1021");
    assert_eq!(finding["evidence"]["decided_by"], json!([{"transit_gateway_id": gateway}]));
}

#[test]
fn a_gateways_table_that_may_not_be_read_leaves_it_open_and_nothing_is_written() {
    need!("moto_server");
    let setting = Setting::new("tgw-denied");
    let cloud = Canned::new()
        .error("SearchTransitGatewayRoutes", 403, "UnauthorizedOperation", "You are not authorized")
        .before(&Moto::shared().url());
    let checked = setting.run("check", &cloud, 1);
    assert_eq!(verdicts(&checked, "route_out"), ["unknown"]);
    let applied = setting.run("apply", &cloud, 1);
    assert!(states(&applied).iter().all(|state| state == "create planned"), "rules wait until the VPCs are joined");
    assert_eq!(cloud.calls().writes(), Vec::<String>::new());
    assert_eq!(ingress(&setting.there.aws, &setting.there.cache_group), Vec::<String>::new());
}
