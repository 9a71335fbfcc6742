//! Network ACLs: stateless, and asked both ways.

use ec_tests::{Aws, Counting, DualStack, Ground, Moto, need, tool};
use serde_json::{Value, json};

use super::{aws_codes, cache_in, codes, ec_sg, on_moto, owner, resources, section, verdicts};

/// A client that the cache's group admits, a cache in another subnet, and the network ACL of that subnet.
struct Setting {
    ground: Ground,
    acl: String,
    document: String,
}

impl Setting {
    fn new(name: &str) -> Self {
        let ground = on_moto(name);
        for port in [6379, 6380] {
            ground.aws.admit("Ingress", &ground.cache_group, port, ("Groups.1.GroupId", &ground.client_group));
        }
        let subnet = ground.another_subnet(2);
        let acl = ground.aws.own_acl(&ground.vpc, &subnet);
        let document = cache_in(&ground, &[&subnet]);
        Self { ground, acl, document }
    }

    fn check(&self, exit: i32) -> Value {
        let check = ["check", "--from", &self.ground.instance];
        section(&ec_sg(&Moto::shared().url(), &check, &self.document).exits(exit))
    }
}

#[test]
fn an_entry_that_denies_is_found_and_the_entry_that_is_planned_opens_the_way() {
    need!("moto_server");
    let setting = Setting::new("acl-in");
    assert_eq!(setting.check(0)["status"], "ok");
    setting.ground.aws.acl_entry(&setting.acl, "ingress", 50, "deny", "10.0.1.0/24", Some((6379, 6380)));

    let checked = setting.check(1);
    assert_eq!((codes(&checked), aws_codes(&checked)), (vec!["EC1016"], vec!["SUBNET_ACL_RESTRICTION"]));
    assert_eq!(verdicts(&checked, "cache_acl_in"), ["no"]);
    let evidence = &checked["findings"][0]["evidence"];
    assert_eq!(evidence["decided_by"], json!([{"network_acl_id": setting.acl, "rule_number": 50}]));
    assert_eq!(evidence["tcp_ports"], json!([6379, 6380]));
    let after = &checked["changes"][0]["after"];
    assert_eq!((&after["rule_number"], &after["tcp_ports"]), (&json!(49), &json!([6379, 6380])), "just before it");

    assert_eq!(owner::carries_out(&setting.ground.aws, &checked), 1);
    let open = setting.check(0);
    assert_eq!((open["status"].as_str(), verdicts(&open, "cache_acl_in")), (Some("ok"), vec!["yes"]));
}

#[test]
fn an_entry_for_one_port_closes_one_port() {
    need!("moto_server");
    let setting = Setting::new("acl-one");
    setting.ground.aws.acl_entry(&setting.acl, "ingress", 50, "deny", "10.0.0.0/16", Some((6380, 6380)));
    let checked = setting.check(1);
    assert_eq!(codes(&checked), ["EC1016"]);
    assert_eq!(checked["findings"][0]["evidence"]["tcp_ports"], json!([6380]));
    assert_eq!(verdicts(&checked, "cache_acl_in"), ["yes", "no"]);
}

#[test]
fn answers_that_may_leave_for_a_part_of_the_clients_ports_are_intermittent() {
    need!("moto_server");
    let setting = Setting::new("acl-part");
    let aws = &setting.ground.aws;
    aws.drop_acl_entry(&setting.acl, "egress", 100);
    // The ephemeral ports of Windows; Linux takes them from 32768 on.
    aws.acl_entry(&setting.acl, "egress", 100, "allow", "0.0.0.0/0", Some((49152, 65535)));

    let checked = setting.check(1);
    assert_eq!(codes(&checked), ["EC1017"]);
    assert_eq!((checked["status"].as_str(), verdicts(&checked, "cache_acl_out")), (Some("no"), vec!["intermittent"]));
    assert_eq!(checked["changes"][0]["after"]["tcp_ports"], json!([32768, 60999]), "what Linux uses");

    assert_eq!(owner::carries_out(aws, &checked), 1);
    assert_eq!(setting.check(0)["status"], "ok");
}

#[test]
fn a_client_that_says_which_ports_it_uses_is_taken_at_its_word() {
    need!("moto_server");
    let setting = Setting::new("acl-word");
    let aws = &setting.ground.aws;
    aws.drop_acl_entry(&setting.acl, "egress", 100);
    aws.acl_entry(&setting.acl, "egress", 100, "allow", "0.0.0.0/0", Some((49152, 65535)));
    let url = Moto::shared().url();
    let checked = ec_sg(&url, &["check", "--from", &setting.ground.instance], &setting.document).exits(1);
    let mut document = checked.document();
    document["client"]["ephemeral_ports"] = json!([50000, 60000]);
    ec_sg(&url, &["check"], &document.to_string()).ok();
}

#[test]
fn every_acl_on_the_way_is_asked_there_and_back() {
    need!("moto_server");
    let setting = Setting::new("acl-four");
    let aws = &setting.ground.aws;
    let client_acl = aws.own_acl(&setting.ground.vpc, &setting.ground.subnet);
    for acl in [&client_acl, &setting.acl] {
        for direction in ["ingress", "egress"] {
            aws.drop_acl_entry(acl, direction, 100);
        }
    }
    let checked = setting.check(1);
    for hop in ["client_acl_out", "cache_acl_in", "cache_acl_out", "client_acl_in"] {
        assert_eq!(verdicts(&checked, hop), ["no"], "{hop}");
    }
    assert_eq!(codes(&checked), ["EC1016"; 4]);
    assert_eq!(owner::carries_out(aws, &checked), 4, "{:?}", resources(&checked));
    assert_eq!(setting.check(0)["status"], "ok");
}

#[test]
fn within_one_subnet_no_acl_is_asked() {
    need!("moto_server");
    let setting = Setting::new("acl-same");
    let Setting { ground, .. } = &setting;
    let closed = ground.aws.own_acl(&ground.vpc, &ground.subnet);
    ground.aws.drop_acl_entry(&closed, "ingress", 100);
    let counting = Counting::before(&Moto::shared().url());
    let document = cache_in(ground, &[&ground.subnet]);
    let checked = section(&ec_sg(&counting.url(), &["check", "--from", &ground.instance], &document).ok());
    assert_eq!(verdicts(&checked, "route_out"), ["yes"]);
    let actions = counting.calls().actions();
    assert!(
        !actions.iter().any(|action| action == "DescribeNetworkAcls" || action == "DescribeRouteTables"),
        "{actions:?}"
    );
}

#[test]
fn one_closed_subnet_of_several_closes_the_way() {
    need!("moto_server");
    let setting = Setting::new("acl-two");
    let Setting { ground, .. } = &setting;
    let (open, closed) = (ground.another_subnet(3), ground.another_subnet(4));
    let acl = ground.aws.own_acl(&ground.vpc, &closed);
    ground.aws.acl_entry(&acl, "ingress", 10, "deny", "0.0.0.0/0", None);
    let document = cache_in(ground, &[&open, &closed]);
    let check = ["check", "--from", &ground.instance];
    let checked = section(&ec_sg(&Moto::shared().url(), &check, &document).exits(1));
    assert_eq!(codes(&checked), ["EC1016"]);
    assert_eq!(checked["findings"][0]["evidence"]["cache_subnet_ids"], json!([closed]));
}

#[test]
fn an_ipv6_way_needs_entries_of_its_own() {
    need!("moto_server");
    let url = Moto::shared().url();
    let (aws, ground) = (Aws::at(&url), DualStack::lay_at(Aws::at(&url), "acl-six", 9));
    aws.admit("Ingress", &ground.group, 6379, ("Groups.1.GroupId", &ground.group));
    let ((client, _), (server, _)) = (ground.interface(1), ground.interface(2));
    let question = ["check", "--to", &server, "--port", "6379", "--from", &client];
    let check = || tool("ec-sg").args(question).aws(&url).run();
    let checked = section(&check().exits(1));
    assert_eq!(codes(&checked), ["EC1016"; 4]);
    assert_eq!(checked["findings"][0]["evidence"]["families"], json!(["ipv6"]), "IPv4 is open");
    owner::carries_out(&aws, &checked);
    assert_eq!(section(&check().ok())["status"], "ok");
}
