//! There and back: check says no, apply opens, a second apply writes nothing, check says yes, revoke leaves nothing.

use ec_tests::{Aws, Counting, Ground, Ministack, Moto, Scene, need, tool};
use serde_json::json;

use super::{asked, codes, ec_sg, errors, ingress, on_moto, section, states};

const RULES: &str = "DescribeSecurityGroupRules";
const GROUPS: &str = "DescribeSecurityGroups";
const SUBNETS: &str = "DescribeSubnets";
const RESOLVER: &str = "DescribeVpcAttribute";

/// The client is in the cache's own subnet, where neither routes nor network ACLs are asked for.
fn there_and_back(url: &str, aws: &Aws, found: &str, group: &str, ports: usize) {
    let counting = Counting::before(url);
    let run = |verb: &str, document: &str| {
        counting.calls().clear();
        ec_sg(&counting.url(), &[verb], document)
    };
    let before = ingress(aws, group).len();

    let checked = run("check", found).exits(1);
    assert_eq!(section(&checked)["status"], "no");
    assert_eq!(states(&section(&checked)), vec!["create planned"; ports]);
    assert_eq!(asked(counting.calls()), [RULES, GROUPS, SUBNETS, RESOLVER]);

    let applied = run("apply", &checked.stdout).ok();
    assert_eq!(section(&applied)["status"], "changed");
    assert_eq!(states(&section(&applied)), vec!["create done"; ports]);
    let looks_writes_and_reads_back = ["AuthorizeSecurityGroupIngress", RULES, RULES, GROUPS, SUBNETS, RESOLVER];
    assert_eq!(asked(counting.calls()), looks_writes_and_reads_back, "one request for all ports");
    assert_eq!(ingress(aws, group).len(), before + ports);

    let again = run("apply", &applied.stdout).ok();
    assert_eq!(section(&again)["status"], "unchanged");
    assert_eq!(asked(counting.calls()), [RULES, SUBNETS, RESOLVER]);

    let open = run("check", &again.stdout).ok();
    assert_eq!((section(&open)["status"].as_str(), codes(&section(&open)).len()), (Some("ok"), 0));
    assert_eq!(asked(counting.calls()), [RULES, SUBNETS, RESOLVER]);

    let revoked = run("revoke", &open.stdout).ok();
    assert_eq!(section(&revoked)["status"], "changed");
    assert_eq!(asked(counting.calls()), [RULES, RULES, "RevokeSecurityGroupIngress"]);
    assert_eq!(ingress(aws, group).len(), before);

    let once_more = run("revoke", &revoked.stdout).ok();
    assert_eq!(section(&once_more)["status"], "unchanged");
    assert_eq!(counting.calls().actions(), Vec::<String>::new());
}

#[test]
fn a_serverless_cache_is_found_opened_and_closed_again() {
    need!("ministack");
    let url = Ministack::shared().url();
    let scene = Scene::set(&url, "sg-pipe");
    let counting = Counting::before(&url);
    let found = tool("ec-sg").args(["find", "--cache", "sg-pipe", "--from", &scene.instance]);
    let found = found.aws(&counting.url()).run().ok();
    assert_eq!(asked(counting.calls()), ["DescribeInstances", "DescribeServerlessCaches", SUBNETS]);
    let document = found.document();
    assert_eq!(document["id"], format!("sg-pipe<-{}", scene.instance));
    assert_eq!(document["cache"]["network"]["vpc_id"], scene.vpc.as_str());
    assert_eq!(document["client"]["name"], "app-1");
    assert_eq!(document["client"]["security_group_ids"], json!([scene.client_group]));
    // ministack gives the reader endpoint the primary's port: 6380 comes from the documentation.
    there_and_back(&url, &scene.aws, &found.stdout, &scene.cache_group, 2);
}

#[test]
fn a_replication_group_is_opened_where_duplicates_are_an_error() {
    need!("moto_server");
    let scene = on_moto("sg-rg");
    let parameters = [
        ("ReplicationGroupId", "sg-rg"),
        ("ReplicationGroupDescription", "x"),
        ("Engine", "redis"),
        ("Port", "7000"),
        ("NumCacheClusters", "2"),
        ("CacheNodeType", "cache.t3.micro"),
    ];
    scene.aws.call("elasticache", "CreateReplicationGroup", &parameters);
    let found = found_as(&scene, "sg-rg", "replication_group");
    let mut document = found.document();
    assert_eq!(document["cache"]["endpoints"][0]["role"], "primary");
    // moto has no member clusters, and so no groups and subnets of the cache.
    document["cache"]["network"] = json!({
        "vpc_id": scene.vpc, "subnet_ids": [scene.subnet], "security_group_ids": [scene.cache_group],
    });
    there_and_back(&Moto::shared().url(), &scene.aws, &document.to_string(), &scene.cache_group, 1);
}

#[test]
fn a_cluster_without_an_endpoint_is_to_be_waited_for() {
    need!("moto_server");
    let scene = on_moto("sg-mem");
    let parameters = [
        ("CacheClusterId", "sg-mem"),
        ("Engine", "memcached"),
        ("NumCacheNodes", "1"),
        ("CacheNodeType", "cache.t3.micro"),
    ];
    scene.aws.call("elasticache", "CreateCacheCluster", &parameters);
    // moto's cache clusters have no endpoints, as AWS's have none while they are being created.
    let found = found_as(&scene, "sg-mem", "cluster");
    ec_sg(&Moto::shared().url(), &["check"], &found.stdout).exits(5).says("EC1014");
}

/// moto knows no serverless caches, so that a bare name cannot be resolved there; the kind of the cache can be told.
fn found_as(scene: &Ground, name: &str, deployment: &str) -> ec_tests::Outcome {
    let kind = json!({
        "kind": "ec.connection", "format_version": "1.0", "cache": {"name": name, "deployment": deployment},
    });
    ec_sg(&Moto::shared().url(), &["find", "--from", &scene.instance], &kind.to_string()).ok()
}

#[test]
fn one_command_applies_and_a_broken_rule_is_named() {
    need!("ministack");
    let url = Ministack::shared().url();
    let scene = Scene::set(&url, "sg-one");
    let flags = ["--cache", "sg-one", "--from", &scene.instance];
    let run = |verb: &str| tool("ec-sg").args([verb]).args(flags).aws(&url).run();
    let applied = run("apply").ok();
    run("check").ok();
    let second = section(&applied)["changes"][1].clone();
    assert_eq!(second["after"]["tcp_port"], 6380);
    let id = second["id"].as_str().expect("a rule that was added has an id");
    let rule = [("GroupId", scene.cache_group.as_str()), ("SecurityGroupRuleId.1", id)];
    scene.aws.call("ec2", "RevokeSecurityGroupIngress", &rule);
    let checked = section(&run("check").exits(1));
    assert_eq!((checked["status"].as_str(), codes(&checked)), (Some("no"), vec!["EC1005"]));
    // What is gone already needs no revoking; what is there goes.
    let revoked = section(&ec_sg(&url, &["revoke"], &applied.stdout).ok());
    assert_eq!(states(&revoked), ["create done", "create done", "delete unchanged", "delete done"]);
    assert_eq!(ingress(&scene.aws, &scene.cache_group), Vec::<String>::new());
}

#[test]
fn narrowed_egress_is_found_and_opened_too() {
    need!("ministack");
    let url = Ministack::shared().url();
    let scene = Scene::set(&url, "sg-egress");
    scene.aws.narrow_egress(&scene.client_group);
    let flags = ["--cache", "sg-egress", "--from", &scene.instance];
    let checked = tool("ec-sg").args(["check"]).args(flags).aws(&url).run().exits(1);
    assert_eq!(codes(&section(&checked)), ["EC1006", "EC1004", "EC1005"]);
    let evidence = &section(&checked)["findings"][0]["evidence"];
    assert_eq!(evidence["tcp_ports"], json!([6379, 6380]), "both ports are one finding");
    let applied = ec_sg(&url, &["apply"], &checked.stdout).ok();
    assert_eq!(states(&section(&applied)), vec!["create done"; 4]);
    ec_sg(&url, &["check"], &applied.stdout).ok();
    let revoked = ec_sg(&url, &["revoke"], &applied.stdout).ok();
    assert_eq!(section(&revoked)["status"], "changed");
    assert_eq!(codes(&section(&ec_sg(&url, &["check"], &revoked.stdout).exits(1))), ["EC1006", "EC1004", "EC1005"]);
}

#[test]
fn vpcs_with_the_same_addresses_cannot_be_joined_and_nothing_is_written() {
    need!("ministack");
    let url = Ministack::shared().url();
    let (here, there) = (Scene::set(&url, "sg-here"), Scene::set(&url, "sg-there"));
    let counting = Counting::before(&url);
    let apply = tool("ec-sg").args(["apply", "--cache", "sg-here", "--from", &there.instance]);
    let section = section(&apply.aws(&counting.url()).run().exits(1));
    assert_eq!(errors(&section), ["EC1018", "EC1004", "EC1018"], "there, the rule, and back");
    assert_eq!(section["findings"][0]["aws_code"], "CANNOT_ROUTE");
    assert_eq!(states(&section), Vec::<String>::new(), "no rule and no route joins them");
    assert_eq!(counting.calls().writes(), Vec::<String>::new());
    assert_eq!(ingress(&here.aws, &here.cache_group), Vec::<String>::new());
}
