//! `--attach-group`: the client gets a group that the cache admits, instead of a rule of its own.
//!
//! On moto, with an interface that is attached to nothing: of an instance moto lists the groups that it was started with,
//! whatever its interface carries. ministack does not know ModifyNetworkInterfaceAttribute.

use ec_tests::{Counting, Ground, Moto, elements, need};

use super::{cache_in, codes, ec_sg, ingress, on_moto, section, states, verdicts};

/// The groups that an interface carries, sorted.
fn groups(ground: &Ground, interface: &str) -> Vec<String> {
    let interface = [("NetworkInterfaceId.1", interface)];
    let answer = ground.aws.call("ec2", "DescribeNetworkInterfaces", &interface);
    let mut groups = elements(&elements(&answer, "groupSet").concat(), "groupId");
    groups.sort();
    groups
}

fn sorted<const N: usize>(groups: [&str; N]) -> Vec<String> {
    let mut groups = groups.map(str::to_owned).to_vec();
    groups.sort();
    groups
}

/// A ground whose cache admits a group `clients`, and that group.
fn admitting(name: &str) -> (Ground, String) {
    let ground = on_moto(name);
    let clients = ground.group(&format!("{name}-clients"));
    for port in [6379, 6380] {
        ground.aws.admit("Ingress", &ground.cache_group, port, ("Groups.1.GroupId", &clients));
    }
    (ground, clients)
}

#[test]
fn the_client_gets_the_group_that_the_caches_rules_name_and_gives_it_back() {
    need!("moto_server");
    let (ground, clients) = admitting("sg-attach");
    let counting = Counting::before(&Moto::shared().url());
    let (interface, _) = ground.interface(&ground.subnet, &ground.client_group);
    let document = cache_in(&ground, &[&ground.subnet]);
    let run = |arguments: &[&str], document: &str| {
        counting.calls().clear();
        ec_sg(&counting.url(), arguments, document)
    };
    let before = ingress(&ground.aws, &ground.cache_group);

    let applied = run(&["apply", "--from", &interface, "--attach-group"], &document).ok();
    assert_eq!(
        (section(&applied)["status"].as_str(), states(&section(&applied))),
        (Some("changed"), vec!["attach done".to_owned()])
    );
    assert_eq!(counting.calls().writes(), ["ModifyNetworkInterfaceAttribute"]);
    assert_eq!(groups(&ground, &interface), sorted([&ground.client_group, &clients]));
    assert_eq!(section(&run(&["check", "--from", &interface], &document).ok())["status"], "ok");

    // Whether the second apply is told the same, or gets the first one's document, there is nothing left to do.
    for (arguments, document) in
        [(&["apply", "--from", &interface, "--attach-group"][..], &document), (&["apply"], &applied.stdout)]
    {
        let again = run(arguments, document).ok();
        assert_eq!(section(&again)["status"], "unchanged", "{arguments:?}");
        assert_eq!(counting.calls().writes(), Vec::<String>::new(), "{arguments:?}");
    }
    assert_eq!(section(&run(&["check"], &applied.stdout).ok())["status"], "ok");

    // A group that somebody has added meanwhile stays.
    let late = ground.group("sg-attach-late");
    let all = [
        ("NetworkInterfaceId", interface.as_str()),
        ("SecurityGroupId.1", &ground.client_group),
        ("SecurityGroupId.2", &clients),
        ("SecurityGroupId.3", &late),
    ];
    ground.aws.call("ec2", "ModifyNetworkInterfaceAttribute", &all);
    let revoked = run(&["revoke"], &applied.stdout).ok();
    assert_eq!(states(&section(&revoked)), ["attach done", "detach done"]);
    assert_eq!(groups(&ground, &interface), sorted([&ground.client_group, &late]));
    assert_eq!(ingress(&ground.aws, &ground.cache_group), before, "no rule came or went");
    assert_eq!(codes(&section(&run(&["check"], &revoked.stdout).exits(1))), ["EC1004", "EC1005"]);
}

#[test]
fn a_group_that_the_cache_does_not_admit_yet_gets_its_rules_too() {
    need!("moto_server");
    let ground = on_moto("sg-give");
    let url = Moto::shared().url();
    let (interface, _) = ground.interface(&ground.subnet, &ground.client_group);
    let given = ground.group("sg-give-clients");
    let apply = ["apply", "--from", &interface, &format!("--attach-group={given}")];
    let applied = ec_sg(&url, &apply, &cache_in(&ground, &[&ground.subnet])).ok();
    assert_eq!(states(&section(&applied)), ["attach done", "create done", "create done"]);
    assert_eq!(ingress(&ground.aws, &ground.cache_group), [format!("6379 {given}"), format!("6380 {given}")]);
    ec_sg(&url, &["revoke"], &applied.stdout).ok();
    assert_eq!(ingress(&ground.aws, &ground.cache_group), Vec::<String>::new());
    assert_eq!(groups(&ground, &interface), sorted([&ground.client_group]));
}

#[test]
fn check_tells_that_the_group_would_do_and_attaches_nothing() {
    need!("moto_server");
    let (ground, _) = admitting("sg-would");
    let counting = Counting::before(&Moto::shared().url());
    let (interface, _) = ground.interface(&ground.subnet, &ground.client_group);
    let document = cache_in(&ground, &[&ground.subnet]);
    let planned = section(&ec_sg(&counting.url(), &["plan", "--from", &interface, "--attach-group"], &document).ok());
    assert_eq!(states(&planned), ["attach planned"]);
    assert_eq!(verdicts(&planned, "cache_ingress"), ["yes", "yes"]);
    assert_eq!(counting.calls().writes(), Vec::<String>::new());
}

#[test]
fn whom_no_group_can_be_given_to_is_refused() {
    need!("moto_server");
    let ground = on_moto("sg-refused");
    let url = Moto::shared().url();
    let document = cache_in(&ground, &[&ground.subnet]);
    let (interface, _) = ground.interface(&ground.subnet, &ground.client_group);
    for client in ["10.0.1.0/24", &ground.client_group] {
        let apply = ["apply", "--from", client, "--attach-group"];
        ec_sg(&url, &apply, &document).exits(4).says("EC1027").says("--from i-… or eni-…");
    }
    let nobody_is_admitted = ["apply", "--from", &interface, "--attach-group"];
    ec_sg(&url, &nobody_is_admitted, &document).exits(4).says("EC1027").says("--attach-group=sg-…");
    assert_eq!(groups(&ground, &interface), sorted([&ground.client_group]));
}
