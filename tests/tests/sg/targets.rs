//! What is to be reached, where it is no cache: `--to i-…`, `--to eni-…` and `--to IP`.

use ec_tests::{Aws, Counting, Ground, Moto, elements, need, tool};
use serde_json::json;

use super::{asked, codes, ec_sg, ingress, on_moto, section};

#[test]
fn an_instance_an_interface_and_its_address_are_reached_on_the_port_that_is_named() {
    need!("moto_server");
    let url = Moto::shared().url();
    // An address is looked for in every VPC, and other tests have theirs on the same moto.
    let ground = Ground::lay_at(Aws::at(&url), "sg-to", 77);
    let subnet = ground.another_subnet(2);
    let server = ground.machine("server", &subnet, &ground.cache_group);
    let (interface, address) = ground.interface(&subnet, &ground.cache_group);
    for to in [&server, &interface, &address] {
        let counting = Counting::before(&url);
        let question = ["--to", to, "--port", "7001", "--from", &ground.instance];
        let run = |verb: &str| tool("ec-sg").args([verb]).args(question).aws(&counting.url()).run();
        let checked = run("check").exits(1);
        assert_eq!(codes(&section(&checked)), ["EC1004"], "{to}");
        let document = checked.document();
        assert_eq!(document["id"], format!("{to}<-{}", ground.instance));
        assert_eq!(document["cache"]["network"]["security_group_ids"], json!([ground.cache_group]));
        assert_eq!(document["cache"]["endpoints"][0]["port"], 7001);
        let fix = section(&checked)["findings"][0]["fix"].clone();
        let fix = fix.as_str().unwrap_or_default().to_owned();
        assert!(fix.contains(&format!("ec-sg apply --to {to} --port 7001 --from {}", ground.instance)), "{fix}");
        assert!(!asked(counting.calls()).contains(&"DescribeServerlessCaches".to_owned()), "{to} is no cache");

        let applied = run("apply").ok();
        assert_eq!(ingress(&ground.aws, &ground.cache_group), [format!("7001 {}", ground.client_group)], "{to}");
        assert_eq!(section(&run("check").ok())["status"], "ok", "{to}");
        ec_sg(&url, &["revoke"], &applied.stdout).ok();
        assert_eq!(ingress(&ground.aws, &ground.cache_group), Vec::<String>::new(), "{to}");
    }
}

#[test]
fn the_rule_that_was_added_names_what_it_is_for() {
    need!("moto_server");
    let ground = on_moto("sg-label");
    let (interface, _) = ground.interface(&ground.subnet, &ground.cache_group);
    let question = ["apply", "--to", &interface, "--port", "6379", "--from", "10.0.1.0/24"];
    tool("ec-sg").args(question).aws(&Moto::shared().url()).run().ok();
    let group = [("GroupId.1", ground.cache_group.as_str())];
    let group = ground.aws.call("ec2", "DescribeSecurityGroups", &group);
    let described = elements(&elements(&group, "ipPermissions").concat(), "description");
    assert_eq!(described, [format!("ec-sg: {interface} from 10.0.1.0/24")]);
}

#[test]
fn what_is_not_there_is_named_with_exit_4() {
    need!("moto_server");
    let ground = on_moto("sg-nowhere");
    for to in ["i-00000000000000001", "eni-00000000000000001", "10.199.1.250"] {
        let question = ["check", "--to", to, "--port", "6379", "--from", &ground.instance];
        tool("ec-sg").args(question).aws(&Moto::shared().url()).run().exits(4).says("EC1002").says(to);
    }
}
