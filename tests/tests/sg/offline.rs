//! From saved answers: the same verdict and the same hops, and nobody is asked.

use std::fs;
use std::path::Path;

use ec_tests::{Canned, Ground, Ministack, Moto, Outcome, Scene, aws_cli, need, tool};
use serde_json::{Value, json};

use super::{codes, on_moto, routes, section, verdicts};

/// Runs ec-sg on saved answers, without credentials and a Region; whoever is called notes it.
fn offline(arguments: &[&str], folder: &Path, document: &str) -> Outcome {
    let nobody = Canned::new().serve();
    let run = tool("ec-sg").args(arguments).args(["--from-files"]).args([folder]);
    let outcome = run.env("AWS_ENDPOINT_URL", nobody.url()).stdin(document).run();
    assert_eq!(nobody.calls().actions(), Vec::<String>::new(), "{}", outcome.told());
    outcome
}

/// A question that has an answer on moto: a server in one subnet, a client in another, and one port of two admitted.
fn question(ground: &Ground) -> [String; 6] {
    let subnet = ground.another_subnet(2);
    let (server, _) = ground.interface(&subnet, &ground.cache_group);
    let acl = ground.aws.own_acl(&ground.vpc, &subnet);
    ground.aws.acl_entry(&acl, "egress", 50, "deny", "0.0.0.0/0", Some((40000, 41000)));
    ground.aws.admit("Ingress", &ground.cache_group, 6379, ("IpRanges.1.CidrIp", "10.0.0.0/8"));
    ["--to", &server, "--port", "6379", "--from", &ground.instance].map(str::to_owned)
}

#[test]
fn what_find_has_saved_answers_check_as_aws_does() {
    need!("moto_server");
    let ground = on_moto("off-save");
    let url = Moto::shared().url();
    let question = question(&ground);
    let folder = tempfile::tempdir().expect("a scratch directory");
    let saved = folder.path().join("saved");
    let find = tool("ec-sg").args(["find"]).args(&question).args(["--save"]).args([&saved]);
    let found = find.aws(&url).run().ok();
    let live = section(&tool("ec-sg").args(["check"]).args(&question).aws(&url).run().exits(1));
    assert_eq!(codes(&live), ["EC1017"], "something to be the same");

    let question = question.each_ref().map(String::as_str);
    let by_flags = section(&offline(&[&["check"], &question[..]].concat(), &saved, "").exits(1));
    let by_document = section(&offline(&["check"], &saved, &found.stdout).exits(1));
    for answer in [by_flags, by_document] {
        assert_eq!(answer["path"], live["path"]);
        assert_eq!((&answer["status"], &answer["changes"]), (&live["status"], &live["changes"]));
        assert_eq!(answer["findings"], live["findings"]);
    }
}

#[test]
fn between_vpcs_the_answers_about_what_joins_them_are_saved_too() {
    need!("moto_server");
    let (here, there) = routes::joined("off-peer", Moto::shared());
    let url = Moto::shared().url();
    let (server, _) = there.interface(&there.subnet, &there.cache_group);
    let question = ["--to", &server, "--port", "6379", "--from", &here.instance];
    let folder = tempfile::tempdir().expect("a scratch directory");
    tool("ec-sg").args(["find"]).args(question).args(["--save"]).args([folder.path()]).aws(&url).run().ok();
    let live = section(&tool("ec-sg").args(["check"]).args(question).aws(&url).run().exits(1));
    let answer = section(&offline(&[&["check"], &question[..]].concat(), folder.path(), "").exits(1));
    assert_eq!(verdicts(&answer, "route_back"), ["yes"]);
    assert_eq!((&answer["path"], &answer["findings"]), (&live["path"], &live["findings"]));
}

/// ministack lists no subnet with the default network ACL of a VPC. Live, ec-sg knows that it has heard all ACLs of the VPC;
/// files may hold some of them, so that offline the default one is not certain.
#[test]
fn with_ministacks_answers_the_network_acls_are_not_known_and_all_the_rest_is_the_same() {
    need!("ministack");
    let url = Ministack::shared().url();
    let scene = Scene::set(&url, "off-mini");
    let second = [("VpcId", scene.vpc.as_str()), ("CidrBlock", "10.0.2.0/24")];
    let second = ec_tests::element(&scene.aws.call("ec2", "CreateSubnet", &second), "subnetId");
    let machine = [
        ("ImageId", "ami-12345678"),
        ("MinCount", "1"),
        ("MaxCount", "1"),
        ("SubnetId", second.as_str()),
        ("SecurityGroupId.1", scene.client_group.as_str()),
    ];
    let client = ec_tests::element(&scene.aws.call("ec2", "RunInstances", &machine), "instanceId");
    for port in [6379, 6380] {
        scene.aws.admit("Ingress", &scene.cache_group, port, ("Groups.1.GroupId", &scene.client_group));
    }
    let question = ["--cache", "off-mini", "--from", &client];
    let folder = tempfile::tempdir().expect("a scratch directory");
    tool("ec-sg").args(["find"]).args(question).args(["--save"]).args([folder.path()]).aws(&url).run().ok();
    let live = section(&tool("ec-sg").args(["check"]).args(question).aws(&url).run().ok());
    let answer = section(&offline(&[&["check"], &question[..]].concat(), folder.path(), "").exits(1));
    assert_eq!((live["status"].as_str(), answer["status"].as_str()), (Some("ok"), Some("unknown")));
    let (mut same, mut other) = (0, Vec::new());
    for (before, now) in
        live["path"].as_array().into_iter().flatten().zip(answer["path"].as_array().into_iter().flatten())
    {
        if before == now {
            same += 1;
        } else {
            other.push(now["hop"].as_str().unwrap_or_default());
            assert_eq!(
                now["missing"],
                format!("aws ec2 describe-network-acls --filters Name=vpc-id,Values={}", scene.vpc)
            );
        }
    }
    assert_eq!(other, ["client_acl_out", "cache_acl_in", "cache_acl_out", "client_acl_in"]);
    assert_eq!(same, 7, "{answer}");
}

/// Saves what the AWS CLI prints, each call under a name of its own.
fn save(ground: &Ground, folder: &Path, calls: &[(&str, &str, Value)]) {
    let url = Moto::shared().url();
    fs::create_dir_all(folder.join("deeper")).expect("a folder");
    for (name, operation, parameters) in calls {
        let printed = aws_cli(&url, "ec2", operation, parameters);
        assert!(printed.contains(&ground.vpc) || operation.contains("rules"), "{printed}");
        fs::write(folder.join(name), printed).expect("a file");
    }
}

fn of_vpc(ground: &Ground) -> Value {
    json!({"Filters": [{"Name": "vpc-id", "Values": [ground.vpc]}]})
}

#[test]
fn what_the_aws_cli_has_printed_is_read_whatever_the_files_are_called() {
    need!("moto_server");
    let ground = on_moto("off-cli");
    let question = question(&ground);
    let folder = tempfile::tempdir().expect("a scratch directory");
    let of_group = json!({"Filters": [{"Name": "group-id", "Values": [ground.cache_group, ground.client_group]}]});
    let calls = [
        ("a.json", "describe_instances", json!({"InstanceIds": [ground.instance]})),
        ("monday.json", "describe_network_interfaces", json!({"NetworkInterfaceIds": [question[1]]})),
        ("deeper/rules.JSON", "describe_security_group_rules", of_group),
        ("deeper/subnets of the VPC.json", "describe_subnets", of_vpc(&ground)),
        ("acls.json", "describe_network_acls", of_vpc(&ground)),
        ("z.json", "describe_route_tables", of_vpc(&ground)),
        ("résolveur.json", "describe_vpc_attribute", json!({"VpcId": ground.vpc, "Attribute": "enableDnsSupport"})),
    ];
    save(&ground, folder.path(), &calls);
    fs::write(folder.path().join("notes.txt"), "no answer of AWS").expect("a file");
    let live = tool("ec-sg").args(["check"]).args(&question).aws(&Moto::shared().url()).run().exits(1);
    let question = question.each_ref().map(String::as_str);
    let answer = section(&offline(&[&["check"], &question[..]].concat(), folder.path(), "").exits(1));
    assert_eq!(answer["path"], section(&live)["path"]);
    assert_eq!(answer["findings"], section(&live)["findings"]);
}

#[test]
fn groups_with_their_permissions_do_where_the_rules_were_not_saved() {
    need!("moto_server");
    let ground = on_moto("off-groups");
    let question = question(&ground);
    let folder = tempfile::tempdir().expect("a scratch directory");
    // All in one file, one answer after the other, as `for … done > all.json` leaves them.
    let calls = [
        "describe_instances",
        "describe_network_interfaces",
        "describe_security_groups",
        "describe_subnets",
        "describe_network_acls",
        "describe_route_tables",
    ];
    let all: String = calls.iter().map(|call| aws_cli(&Moto::shared().url(), "ec2", call, &of_vpc(&ground))).collect();
    fs::write(folder.path().join("all.json"), all).expect("a file");
    let question = question.each_ref().map(String::as_str);
    let answer = section(&offline(&[&["check"], &question[..]].concat(), folder.path(), "").exits(1));
    assert_eq!(codes(&answer), ["EC1017"], "{answer}");
    assert_eq!((verdicts(&answer, "cache_ingress"), verdicts(&answer, "client_egress")), (vec!["yes"], vec!["yes"]));
}

#[test]
fn what_the_files_do_not_hold_is_named_with_the_command_that_tells_it() {
    need!("moto_server");
    let ground = on_moto("off-less");
    let question = question(&ground);
    let folder = tempfile::tempdir().expect("a scratch directory");
    let calls = [
        ("instances.json", "describe_instances", of_vpc(&ground)),
        ("interfaces.json", "describe_network_interfaces", of_vpc(&ground)),
        ("groups.json", "describe_security_groups", of_vpc(&ground)),
        ("subnets.json", "describe_subnets", of_vpc(&ground)),
        ("acls.json", "describe_network_acls", of_vpc(&ground)),
    ];
    save(&ground, folder.path(), &calls);
    let question = question.each_ref().map(String::as_str);
    let answer = section(&offline(&[&["check"], &question[..]].concat(), folder.path(), "").exits(1));
    assert_eq!(verdicts(&answer, "route_out"), ["unknown"]);
    let missing: Vec<&Value> =
        answer["findings"].as_array().into_iter().flatten().map(|each| &each["evidence"]["missing"]).collect();
    let expected = json!(format!("aws ec2 describe-route-tables --filters Name=vpc-id,Values={}", ground.vpc));
    assert!(missing.contains(&&expected), "{missing:?}");
}

#[test]
fn files_that_are_no_answers_are_refused_by_name() {
    let folder = tempfile::tempdir().expect("a scratch directory");
    let check = ["check", "--to", "10.0.1.5", "--port", "6379", "--from", "10.0.1.0/24"];
    offline(&check, folder.path(), "").exits(2).says("EC1030");
    offline(&check, &folder.path().join("nowhere"), "").exits(7).says("EC9021").says("nowhere");
    fs::write(folder.path().join("subnets.json"), r#"{"Subnets": [{"SubnetId": "subnet-1", "CidrBlock": "ten"}]}"#)
        .expect("a file");
    offline(&check, folder.path(), "").exits(2).says("EC1030").says("subnets.json").says("`ten` is no CIDR block");
    fs::write(folder.path().join("subnets.json"), "{").expect("a file");
    offline(&check, folder.path(), "").exits(2).says("EC1030").says("subnets.json");
}
