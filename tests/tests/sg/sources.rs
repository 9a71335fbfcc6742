//! Clients as a person names them with `--from`.

use ec_tests::{Aws, Canned, DualStack, Ministack, Moto, Scene, need, tool};
use serde_json::{Value, json};

use super::{cache_in, codes, ec_sg, egress, ingress, on_moto, section, states, verdicts};

#[test]
fn clients_given_as_a_group_and_as_a_range() {
    need!("ministack");
    let url = Ministack::shared().url();
    let scene = Scene::set(&url, "sg-kinds");
    for (client, extra) in
        [(scene.client_group.as_str(), &[][..]), ("10.0.1.0/24", &["EC1008"]), ("10.0.0.0/8", &["EC1008"])]
    {
        let flags = ["--cache", "sg-kinds", "--from", client];
        let checked = section(&tool("ec-sg").args(["check"]).args(flags).aws(&url).run().exits(1));
        assert_eq!(codes(&checked), [&["EC1004", "EC1005"], extra].concat(), "{client}");
        let applied = tool("ec-sg").args(["apply"]).args(flags).aws(&url).run().ok();
        assert_eq!(states(&section(&applied)), ["create done", "create done"], "{client}");
        let checked = section(&tool("ec-sg").args(["check"]).args(flags).aws(&url).run().ok());
        assert_eq!((checked["status"].as_str(), codes(&checked)), (Some("ok"), extra.to_vec()), "{client}");
        ec_sg(&url, &["revoke"], &applied.stdout).ok();
    }
}

#[test]
fn a_prefix_list_is_admitted_by_one_rule_that_names_it() {
    need!("moto_server");
    let ground = on_moto("sg-list");
    let url = Moto::shared().url();
    let list = ground.aws.prefix_list("clients", "10.0.1.0/24");
    let document = cache_in(&ground, &[&ground.subnet]);
    let from_list = |verb: &str| ec_sg(&url, &[verb, "--from", &list], &document);

    assert_eq!(codes(&section(&from_list("check").exits(1))), ["EC1004", "EC1005", "EC1008"]);
    let applied = from_list("apply").ok();
    assert_eq!(ingress(&ground.aws, &ground.cache_group), [format!("6379 {list}"), format!("6380 {list}")]);
    assert_eq!(section(&from_list("check").ok())["status"], "ok");
    assert_eq!(section(&from_list("apply").ok())["status"], "unchanged");
    // Whoever has an address of the list is admitted by the same rule.
    assert_eq!(section(&ec_sg(&url, &["check", "--from", &ground.instance], &document).ok())["status"], "ok");

    ec_sg(&url, &["revoke"], &applied.stdout).ok();
    assert_eq!(ingress(&ground.aws, &ground.cache_group), Vec::<String>::new());
}

#[test]
fn a_prefix_list_that_leads_somewhere_else_admits_nobody() {
    need!("moto_server");
    let ground = on_moto("sg-else");
    let list = ground.aws.prefix_list("others", "10.0.9.0/24");
    for port in [6379, 6380] {
        ground.aws.admit("Ingress", &ground.cache_group, port, ("PrefixListIds.1.PrefixListId", &list));
    }
    let document = cache_in(&ground, &[&ground.subnet]);
    let checked = ec_sg(&Moto::shared().url(), &["check", "--from", &ground.instance], &document).exits(1);
    assert_eq!(codes(&section(&checked)), ["EC1004", "EC1005"]);
}

#[test]
fn an_ipv6_range_gets_an_ipv6_rule_where_the_cache_speaks_both() {
    need!("moto_server");
    let url = Moto::shared().url();
    let (aws, ground) = (Aws::at(&url), DualStack::lay_at(Aws::at(&url), "sg-six", 6));
    let (interface, range) = ground.interface(1);
    let question = ["--to", &interface, "--port", "6379", "--from", &range];
    let run = |verb: &str| tool("ec-sg").args([verb]).args(question).aws(&url).run();

    assert_eq!(codes(&section(&run("check").exits(1))), ["EC1004", "EC1008"]);
    let applied = run("apply").ok();
    assert_eq!(ingress(&aws, &ground.group), [format!("6379 {range}")]);
    assert_eq!(section(&run("check").ok())["status"], "ok");
    ec_sg(&url, &["revoke"], &applied.stdout).ok();
    assert_eq!(ingress(&aws, &ground.group), Vec::<String>::new());
}

#[test]
fn a_client_without_an_address_of_the_caches_family_does_not_reach_it() {
    need!("moto_server");
    let ground = on_moto("sg-family");
    let document = cache_in(&ground, &[&ground.subnet]);
    let mut document: Value = serde_json::from_str(&document).expect("a document");
    document["cache"]["network"]["network_type"] = json!("ipv6");
    let check = ["check", "--from", &ground.instance];
    let checked = section(&ec_sg(&Moto::shared().url(), &check, &document.to_string()).exits(1));
    assert!(codes(&checked).contains(&"EC1022"), "{checked}");
}

#[test]
fn what_carries_the_caches_own_groups_is_admitted_by_a_rule_of_the_group_for_itself() {
    need!("moto_server");
    let ground = on_moto("sg-self");
    let url = Moto::shared().url();
    let document = cache_in(&ground, &[&ground.subnet]);
    let applied = ec_sg(&url, &["apply", "--from", "self"], &document).ok();
    let own = &ground.cache_group;
    assert_eq!(ingress(&ground.aws, own), [format!("6379 {own}"), format!("6380 {own}")]);
    assert_eq!(section(&ec_sg(&url, &["check", "--from", "self"], &document).ok())["status"], "ok");
    ec_sg(&url, &["revoke"], &applied.stdout).ok();
    assert_eq!(ingress(&ground.aws, own), Vec::<String>::new());
}

#[test]
fn a_group_of_another_account_is_admitted_and_its_own_side_is_left_to_that_account() {
    need!("moto_server");
    let ground = on_moto("sg-foreign");
    let url = Moto::shared().url();
    let document = cache_in(&ground, &[&ground.subnet]);
    // moto asks that the group exists, wherever. AWS does, too, and knows the groups of every account.
    let id = on_moto("sg-abroad").group("sg-abroad-clients");
    let foreign = &format!("210987654321/{id}");

    let checked = section(&ec_sg(&url, &["check", "--from", foreign], &document).exits(1));
    assert_eq!(codes(&checked), ["EC1004", "EC1005", "EC1009", "EC1008"], "its rules are not ours to read");
    assert_eq!(verdicts(&checked, "client_egress"), ["not_asked"]);

    let applied = ec_sg(&url, &["apply", "--from", foreign], &document).ok();
    assert_eq!(states(&section(&applied)), ["create done", "create done"]);
    assert_eq!(ingress(&ground.aws, &ground.cache_group), [format!("6379 {id}"), format!("6380 {id}")]);
    // Whether the other account lets the traffic out and along, nobody here knows.
    let checked = section(&ec_sg(&url, &["check", "--from", foreign], &document).exits(1));
    assert_eq!((checked["status"].as_str(), codes(&checked)), (Some("unknown"), vec!["EC1009", "EC1008"]));
    ec_sg(&url, &["revoke"], &applied.stdout).ok();
    assert_eq!(ingress(&ground.aws, &ground.cache_group), Vec::<String>::new());
}

#[test]
fn several_clients_become_several_documents_in_their_order() {
    need!("moto_server");
    let ground = on_moto("sg-several");
    let url = Moto::shared().url();
    let clients = [ground.instance.as_str(), "10.0.1.0/24", ground.client_group.as_str()];
    let flags = clients.iter().flat_map(|client| ["--from", client]);
    let document = cache_in(&ground, &[&ground.subnet]);
    let applied = tool("ec-sg").args(["apply"]).args(flags).aws(&url).stdin(document.repeat(2)).run().ok();
    let ids: Vec<String> =
        applied.documents().iter().map(|each| each["id"].as_str().unwrap_or_default().to_owned()).collect();
    let expected: Vec<String> = clients.iter().map(|client| format!("orders<-{client}")).collect();
    assert_eq!(ids, [expected.clone(), expected].concat());
    // The instance carries the group: what its document has opened, the third finds open, and the second round all of it.
    let statuses =
        applied.documents().into_iter().map(|each| each["sg"]["status"].as_str().unwrap_or_default().to_owned());
    assert_eq!(
        statuses.collect::<Vec<_>>(),
        ["changed", "changed", "unchanged", "unchanged", "unchanged", "unchanged"]
    );
    let group = &ground.client_group;
    let expected = [
        "6379 10.0.1.0/24".to_owned(),
        format!("6379 {group}"),
        "6380 10.0.1.0/24".to_owned(),
        format!("6380 {group}"),
    ];
    assert_eq!(ingress(&ground.aws, &ground.cache_group), expected);
    ec_sg(&url, &["revoke"], &applied.stdout).ok();
    assert_eq!(ingress(&ground.aws, &ground.cache_group), Vec::<String>::new());
}

#[test]
fn egress_to_another_vpc_names_the_caches_subnets_and_not_its_group() {
    need!("moto_server");
    let (here, there) = super::routes::joined("sg-out", Moto::shared());
    let url = Moto::shared().url();
    here.aws.narrow_egress(&here.client_group);
    let applied = ec_sg(&url, &["apply", "--from", &here.instance], &cache_in(&there, &[&there.subnet])).ok();
    // A rule that lets out may name a group over a peering connection, too.
    let group = &there.cache_group;
    assert_eq!(egress(&here.aws, &here.client_group), [format!("6379 {group}"), format!("6380 {group}")]);
    ec_sg(&url, &["check"], &applied.stdout).ok();
    ec_sg(&url, &["revoke"], &applied.stdout).ok();
    assert_eq!(egress(&here.aws, &here.client_group), Vec::<String>::new());
}

#[test]
fn clients_that_are_no_clients_are_refused_before_anybody_is_asked() {
    let cloud = Canned::new().serve();
    for wrong in ["10.0.0.5/8", "10.0.0.5", "sg-xyz", "i-", "orders"] {
        let flags = ["check", "--cache", "orders", "--from", wrong];
        tool("ec-sg").args(flags).aws(&cloud.url()).run().exits(2).says("EC1011");
    }
    assert_eq!(cloud.calls().actions(), Vec::<String>::new());
}
