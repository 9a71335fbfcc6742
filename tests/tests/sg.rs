//! ec-sg against both emulators, and against AWS's answers on paper where no emulator gives them.

use ec_tests::{Aws, Canned, Counting, Ground, Ministack, Moto, Outcome, Scene, elements, need, tool};
use serde_json::{Value, json};

/// The rules of a group that let traffic in: how many there are.
fn ingress_rules(aws: &Aws, group: &str) -> usize {
    let filter = [("Filter.1.Name", "group-id"), ("Filter.1.Value.1", group)];
    let answer = aws.call("ec2", "DescribeSecurityGroupRules", &filter);
    elements(&answer, "isEgress").iter().filter(|is_egress| *is_egress == "false").count()
}

fn section(outcome: &Outcome) -> Value {
    outcome.document()["sg"].clone()
}

fn codes(section: &Value) -> Vec<&str> {
    section["findings"].as_array().into_iter().flatten().filter_map(|finding| finding["code"].as_str()).collect()
}

fn states(section: &Value) -> Vec<String> {
    let changes = section["changes"].as_array().into_iter().flatten();
    changes.map(|change| format!("{} {}", change["action"], change["state"]).replace('"', "")).collect()
}

/// Runs ec-sg on a document against what stands at `url`.
fn ec_sg(url: &str, arguments: &[&str], document: &str) -> Outcome {
    tool("ec-sg").args(arguments).aws(url).stdin(document).run()
}

/// check says no, apply opens, a second apply writes nothing, check says yes, revoke leaves nothing.
fn there_and_back(url: &str, aws: &Aws, found: &str, group: &str, ports: usize) {
    let counting = Counting::before(url);
    let run = |verb: &str, document: &str| ec_sg(&counting.url(), &[verb], document);
    let before = ingress_rules(aws, group);

    let checked = run("check", found).exits(1);
    assert_eq!(section(&checked)["status"], "no");
    assert_eq!(states(&section(&checked)), vec!["create planned"; ports]);
    assert_eq!(counting.calls().actions(), ["DescribeSecurityGroupRules"]);

    counting.calls().clear();
    let applied = run("apply", &checked.stdout).ok();
    assert_eq!(section(&applied)["status"], "changed");
    assert_eq!(states(&section(&applied)), vec!["create done"; ports]);
    assert_eq!(counting.calls().writes(), ["AuthorizeSecurityGroupIngress"], "one request for all ports");
    assert_eq!(counting.calls().actions().len(), 3, "look, write, read back: {:?}", counting.calls().actions());
    assert_eq!(ingress_rules(aws, group), before + ports);

    counting.calls().clear();
    let again = run("apply", &applied.stdout).ok();
    assert_eq!(section(&again)["status"], "unchanged");
    assert_eq!(counting.calls().actions(), ["DescribeSecurityGroupRules"]);

    let open = run("check", &again.stdout).ok();
    assert_eq!((section(&open)["status"].as_str(), codes(&section(&open)).len()), (Some("ok"), 0));

    counting.calls().clear();
    let revoked = run("revoke", &open.stdout).ok();
    assert_eq!(section(&revoked)["status"], "changed");
    assert_eq!(counting.calls().writes(), ["RevokeSecurityGroupIngress"]);
    assert_eq!(ingress_rules(aws, group), before);

    counting.calls().clear();
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
    assert_eq!(counting.calls().actions().len(), 3, "cache, client, VPC: {:?}", counting.calls().actions());
    let document = found.document();
    assert_eq!(document["id"], format!("sg-pipe<-{}", scene.instance));
    assert_eq!(document["cache"]["network"]["vpc_id"], scene.vpc.as_str());
    assert_eq!(document["client"]["name"], "app-1");
    assert_eq!(document["client"]["security_group_ids"], json!([scene.client_group]));
    // ministack gives the reader endpoint the primary's port: 6380 comes from the documentation.
    there_and_back(&url, &scene.aws, &found.stdout, &scene.cache_group, 2);
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
    assert_eq!(ingress_rules(&scene.aws, &scene.cache_group), 0);
}

#[test]
fn narrowed_egress_is_found_and_opened_too() {
    need!("ministack");
    let url = Ministack::shared().url();
    let scene = Scene::set(&url, "sg-egress");
    let everything = [
        ("GroupId", scene.client_group.as_str()),
        ("IpPermissions.1.IpProtocol", "-1"),
        ("IpPermissions.1.IpRanges.1.CidrIp", "0.0.0.0/0"),
    ];
    scene.aws.call("ec2", "RevokeSecurityGroupEgress", &everything);
    let flags = ["--cache", "sg-egress", "--from", &scene.instance];
    let checked = tool("ec-sg").args(["check"]).args(flags).aws(&url).run().exits(1);
    assert_eq!(codes(&section(&checked)), ["EC1006", "EC1006", "EC1004", "EC1005"]);
    let applied = ec_sg(&url, &["apply"], &checked.stdout).ok();
    assert_eq!(states(&section(&applied)), vec!["create done"; 4]);
    ec_sg(&url, &["check"], &applied.stdout).ok();
    let revoked = ec_sg(&url, &["revoke"], &applied.stdout).ok();
    assert_eq!(section(&revoked)["status"], "changed");
    assert_eq!(codes(&section(&ec_sg(&url, &["check"], &revoked.stdout).exits(1))).len(), 4);
}

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
fn the_whole_internet_is_not_opened_without_being_named_twice() {
    need!("ministack");
    let url = Ministack::shared().url();
    let scene = Scene::set(&url, "sg-public");
    let flags = ["apply", "--cache", "sg-public", "--from", "0.0.0.0/0"];
    let refused = tool("ec-sg").args(flags).aws(&url).run().exits(4).says("EC1010").says("--allow-public 0.0.0.0/0");
    assert_eq!(section(&refused)["error"]["code"], "EC1010");
    assert_eq!(ingress_rules(&scene.aws, &scene.cache_group), 0);
    let meant = tool("ec-sg").args(flags).args(["--allow-public", "0.0.0.0/0"]).aws(&url).run().ok();
    assert_eq!(ingress_rules(&scene.aws, &scene.cache_group), 2);
    ec_sg(&url, &["revoke"], &meant.stdout).ok();
}

#[test]
fn what_does_not_exist_is_named_with_exit_4() {
    need!("ministack");
    let url = Ministack::shared().url();
    let scene = Scene::set(&url, "sg-unknown");
    for (cache, client, code) in [
        ("nope", scene.instance.as_str(), "EC1001"),
        ("sg-unknown", "i-00000000000000001", "EC1002"),
        ("sg-unknown", "eni-00000000000000001", "EC1002"),
        ("sg-unknown", "sg-00000000000000001", "EC1002"),
    ] {
        let run = tool("ec-sg").args(["check", "--cache", cache, "--from", client]).aws(&url).run().exits(4).says(code);
        assert_eq!(run.document()["id"], format!("{cache}<-{client}"));
    }
}

#[test]
fn an_instance_in_another_vpc_is_told_and_nothing_is_written() {
    need!("ministack");
    let url = Ministack::shared().url();
    let (here, there) = (Scene::set(&url, "sg-here"), Scene::set(&url, "sg-there"));
    let counting = Counting::before(&url);
    let apply = tool("ec-sg").args(["apply", "--cache", "sg-here", "--from", &there.instance]);
    let section = section(&apply.aws(&counting.url()).run().exits(1));
    assert!(codes(&section).contains(&"EC1003"), "{section}");
    assert_eq!(counting.calls().writes(), Vec::<String>::new());
    assert_eq!(ingress_rules(&here.aws, &here.cache_group), 0);
}

fn on_moto(name: &str) -> Ground {
    Ground::lay(Aws::at(&Moto::shared().url()), name)
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
    // moto knows no serverless caches, so that a bare name cannot be resolved there; the kind of the cache can be told.
    let kind = json!({
        "kind": "ec.connection", "format_version": "1.0",
        "cache": {"name": "sg-rg", "deployment": "replication_group"},
    });
    let found = ec_sg(&Moto::shared().url(), &["find", "--from", &scene.instance], &kind.to_string()).ok();
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
    let kind = json!({
        "kind": "ec.connection", "format_version": "1.0",
        "cache": {"name": "sg-mem", "deployment": "cluster", "engine": "memcached"},
    });
    let found = ec_sg(&Moto::shared().url(), &["find", "--from", &scene.instance], &kind.to_string()).ok();
    ec_sg(&Moto::shared().url(), &["check"], &found.stdout).exits(5).says("EC1014");
}

/// EC2's answer about one instance, as the API reference words it.
const INSTANCES: &str = r#"<DescribeInstancesResponse xmlns="http://ec2.amazonaws.com/doc/2016-11-15/"><reservationSet><item>
<instancesSet><item><instanceId>i-1234567890abcdef0</instanceId><vpcId>vpc-11112222</vpcId><subnetId>subnet-44445555</subnetId>
<privateIpAddress>10.0.1.15</privateIpAddress><instanceState><code>16</code><name>running</name></instanceState>
<groupSet><item><groupId>sg-aaaa1111</groupId><groupName>app</groupName></item></groupSet>
</item></instancesSet></item></reservationSet></DescribeInstancesResponse>"#;
const REPLICATION_GROUPS: &str = r#"<DescribeReplicationGroupsResponse xmlns="http://elasticache.amazonaws.com/doc/2015-02-02/">
<DescribeReplicationGroupsResult><ReplicationGroups><ReplicationGroup><ReplicationGroupId>orders</ReplicationGroupId>
<ARN>arn:aws:elasticache:us-east-1:123456789012:replicationgroup:orders</ARN><Status>available</Status><Engine>valkey</Engine>
<ClusterEnabled>true</ClusterEnabled><TransitEncryptionEnabled>true</TransitEncryptionEnabled>
<MemberClusters><ClusterId>orders-0001-001</ClusterId><ClusterId>orders-0001-002</ClusterId></MemberClusters>
<ConfigurationEndpoint><Address>clustercfg.orders.abc123.use1.cache.amazonaws.com</Address><Port>7000</Port></ConfigurationEndpoint>
</ReplicationGroup></ReplicationGroups></DescribeReplicationGroupsResult></DescribeReplicationGroupsResponse>"#;
const CACHE_CLUSTERS: &str = r#"<DescribeCacheClustersResponse xmlns="http://elasticache.amazonaws.com/doc/2015-02-02/">
<DescribeCacheClustersResult><CacheClusters><CacheCluster><CacheClusterId>orders-0001-001</CacheClusterId>
<CacheClusterStatus>available</CacheClusterStatus><Engine>valkey</Engine><EngineVersion>8.1.0</EngineVersion>
<ReplicationGroupId>orders</ReplicationGroupId><CacheSubnetGroupName>private</CacheSubnetGroupName>
<SecurityGroups><member><SecurityGroupId>sg-cccc1111</SecurityGroupId><Status>active</Status></member></SecurityGroups>
</CacheCluster></CacheClusters></DescribeCacheClustersResult></DescribeCacheClustersResponse>"#;
const SUBNET_GROUPS: &str = r#"<DescribeCacheSubnetGroupsResponse xmlns="http://elasticache.amazonaws.com/doc/2015-02-02/">
<DescribeCacheSubnetGroupsResult><CacheSubnetGroups><CacheSubnetGroup><CacheSubnetGroupName>private</CacheSubnetGroupName>
<VpcId>vpc-11112222</VpcId><Subnets><Subnet><SubnetIdentifier>subnet-66667777</SubnetIdentifier></Subnet></Subnets>
</CacheSubnetGroup></CacheSubnetGroups></DescribeCacheSubnetGroupsResult></DescribeCacheSubnetGroupsResponse>"#;
const PREFIX_LIST: &str = r#"<GetManagedPrefixListEntriesResponse xmlns="http://ec2.amazonaws.com/doc/2016-11-15/">
<entrySet><item><cidr>10.0.1.0/24</cidr></item></entrySet></GetManagedPrefixListEntriesResponse>"#;

/// EC2's answer about rules of sg-cccc1111, each given as the XML of its source; the client may go anywhere.
fn rules(ingress: &[&str]) -> String {
    let rule = |at: usize, group: &str, is_egress: bool, rest: &str| {
        format!(
            "<item><securityGroupRuleId>sgr-{at:017x}</securityGroupRuleId><groupId>{group}</groupId><isEgress>{is_egress}</isEgress>{rest}</item>"
        )
    };
    let out = "<ipProtocol>-1</ipProtocol><fromPort>-1</fromPort><toPort>-1</toPort><cidrIpv4>0.0.0.0/0</cidrIpv4>";
    let ports = "<ipProtocol>tcp</ipProtocol><fromPort>6000</fromPort><toPort>7999</toPort>";
    let ingress = ingress.iter().enumerate();
    let ingress: String =
        ingress.map(|(at, source)| rule(at, "sg-cccc1111", false, &format!("{ports}{source}"))).collect();
    format!(
        r#"<DescribeSecurityGroupRulesResponse xmlns="http://ec2.amazonaws.com/doc/2016-11-15/"><securityGroupRuleSet>{}{ingress}</securityGroupRuleSet></DescribeSecurityGroupRulesResponse>"#,
        rule(0xff, "sg-aaaa1111", true, out)
    )
}

/// A replication group on paper; neither emulator reports the groups of node-based caches.
fn replication_group(ingress: &[&str]) -> Canned {
    Canned::new()
        .error("DescribeServerlessCaches", 404, "ServerlessCacheNotFoundFault", "no such cache")
        .answer("DescribeReplicationGroups", REPLICATION_GROUPS)
        .answer("DescribeCacheClusters", CACHE_CLUSTERS)
        .answer("DescribeCacheSubnetGroups", SUBNET_GROUPS)
        .answer("DescribeInstances", INSTANCES)
        .answer("DescribeSecurityGroupRules", rules(ingress))
}

fn check_on_paper(cloud: &Canned) -> Outcome {
    tool("ec-sg").args(["check", "--cache", "orders", "--from", "i-1234567890abcdef0"]).aws(&cloud.url()).run()
}

#[test]
fn a_replication_group_gets_its_network_from_a_member() {
    let cloud = replication_group(&[]).serve();
    let checked = check_on_paper(&cloud).exits(1);
    let cache = checked.document()["cache"].clone();
    assert_eq!(cache["engine_version"], "8.1.0");
    assert_eq!(
        cache["network"],
        json!({"vpc_id": "vpc-11112222", "subnet_ids": ["subnet-66667777"], "security_group_ids": ["sg-cccc1111"]})
    );
    assert_eq!(cloud.calls().actions().len(), 6, "{:?}", cloud.calls().actions());
    assert_eq!(codes(&section(&checked)), ["EC1004"], "a replication group has one port");
    assert_eq!(section(&checked)["changes"][0]["resource"], "sg-cccc1111 ingress tcp 7000 from sg-aaaa1111");
}

#[test]
fn a_person_sees_which_hop_is_closed_and_what_opens_it() {
    let text = |cloud: &Canned, verb: &str, client: &str| {
        tool("ec-sg").args([verb, "--cache", "orders", "--from", client, "-o", "text"]).aws(&cloud.url()).run()
    };
    let cloud = replication_group(&[]).serve();
    assert_eq!(
        text(&cloud, "check", "i-1234567890abcdef0").exits(1).stdout,
        "\
orders, replication group Valkey 8.1.0  ←  i-1234567890abcdef0 10.0.1.15
  ✓ same VPC            vpc-11112222
  ✓ client egress 7000  sg-aaaa1111: all traffic to 0.0.0.0/0
  ✗ ingress 7000        no rule of sg-cccc1111 admits sg-aaaa1111  EC1004
no: 1 rule is missing on sg-cccc1111
fix: ec-sg apply --cache orders --from i-1234567890abcdef0   # adds tcp 7000 from sg-aaaa1111 to sg-cccc1111
"
    );
    assert_eq!(
        text(&cloud, "plan", "10.0.1.0/24").ok().stdout,
        "\
orders, replication group Valkey 8.1.0  ←  10.0.1.0/24
  ✗ ingress tcp 7000: no rule of sg-cccc1111 admits 10.0.1.0/24                EC1004
  · whether the machines in 10.0.1.0/24 are let out to the cache is not known  EC1008
  + create sg-cccc1111 ingress tcp 7000 from 10.0.1.0/24                       planned
planned: 1 change
fix: ec-sg apply --cache orders --from 10.0.1.0/24   # adds tcp 7000 from 10.0.1.0/24 to sg-cccc1111
"
    );
}

#[test]
fn a_cache_whose_groups_are_not_reported_is_unknown() {
    // As in moto, and in an account whose member clusters cannot be seen.
    let cloud = replication_group(&[]).error("DescribeCacheClusters", 404, "CacheClusterNotFound", "no such cluster");
    let checked = section(&check_on_paper(&cloud.serve()).exits(1));
    assert_eq!((checked["status"].as_str(), codes(&checked)), (Some("unknown"), vec!["EC1009", "EC1009"]));
    assert_eq!(checked.get("changes"), None, "nobody knows where a rule would belong");
}

#[test]
fn a_wider_rule_covers_whatever_its_source() {
    for source in [
        "<referencedGroupInfo><groupId>sg-aaaa1111</groupId></referencedGroupInfo>",
        "<cidrIpv4>10.0.0.0/16</cidrIpv4>",
        "<prefixListId>pl-12345678</prefixListId>",
    ] {
        let cloud = replication_group(&[source]).answer("GetManagedPrefixListEntries", PREFIX_LIST).serve();
        assert_eq!(section(&check_on_paper(&cloud).ok())["status"], "ok", "{source}");
    }
}

#[test]
fn a_prefix_list_that_may_not_be_read_is_unknown_and_names_the_action() {
    let list = "<prefixListId>pl-12345678</prefixListId>";
    let cloud = replication_group(&[list])
        .error("GetManagedPrefixListEntries", 403, "UnauthorizedOperation", "You are not authorized")
        .serve();
    let checked = check_on_paper(&cloud).exits(4);
    let section = section(&checked);
    assert_eq!((section["status"].as_str(), codes(&section)), (Some("unknown"), vec!["EC1009"]));
    assert!(section["reason"].as_str().is_some_and(|reason| reason.contains("GetManagedPrefixListEntries")));
}

#[test]
fn a_member_leads_to_its_group_and_a_denied_write_names_the_action() {
    let cloud = replication_group(&[])
        .error("AuthorizeSecurityGroupIngress", 403, "UnauthorizedOperation", "You are not authorized")
        .serve();
    let flags = ["apply", "--cache", "orders-0001-001", "--from", "i-1234567890abcdef0"];
    let applied = tool("ec-sg").args(flags).aws(&cloud.url()).run().exits(4);
    let applied = applied.says("allow the action ec2:AuthorizeSecurityGroupIngress");
    assert_eq!(states(&section(&applied)), ["create failed"]);
    assert_eq!(section(&applied)["error"]["aws"]["code"], "UnauthorizedOperation");
}

#[test]
fn a_public_cache_is_skipped() {
    let answer = r#"<DescribeServerlessCachesResponse xmlns="http://elasticache.amazonaws.com/doc/2015-02-02/"><DescribeServerlessCachesResult>
<ServerlessCaches><member><ServerlessCacheName>open</ServerlessCacheName><Status>available</Status><Engine>valkey</Engine>
<MajorEngineVersion>9</MajorEngineVersion><ConnectionType>public</ConnectionType><Endpoint>
<Address>open-x1.public.serverless.use1.cache.amazonaws.com</Address><Port>6379</Port></Endpoint></member></ServerlessCaches>
</DescribeServerlessCachesResult></DescribeServerlessCachesResponse>"#;
    let cloud = Canned::new().answer("DescribeServerlessCaches", answer).answer("DescribeInstances", INSTANCES).serve();
    for verb in ["find", "check", "plan", "apply"] {
        cloud.calls().clear();
        let flags = [verb, "--cache", "open", "--from", "i-1234567890abcdef0"];
        let run = tool("ec-sg").args(flags).aws(&cloud.url()).run().ok();
        assert_eq!(section(&run)["status"], "skipped", "{verb}");
        cloud.calls().clear();
        let again = ec_sg(&cloud.url(), &["apply"], &run.stdout).ok();
        assert_eq!(section(&again)["status"], "skipped", "{verb}");
        assert_eq!(cloud.calls().actions(), Vec::<String>::new());
    }
}
