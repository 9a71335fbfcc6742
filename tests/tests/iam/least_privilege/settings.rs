//! What the verbs are run on: caches of every kind, clients of every kind, and everything that can lie between.

use ec_tests::{Aws, Enforced, Ground, Scene, element, tool};
use serde_json::json;

use super::super::{OTHER, PRINCIPALS, furnish};
use super::{Case, Setting};

const READING: [&str; 3] = ["find", "check", "plan"];
const ATTACH: &str = "ec-sg apply --attach-group";

/// Within a VPC, and over a peering connection.
pub(super) fn paths() -> Setting {
    let emulator = Enforced::ministack();
    let aws = &emulator.aws;
    let scene = Scene::set(&emulator.url(), "orders");
    let ground = Ground::of(&scene);
    let (apart, carried) = (ground.another_subnet(2), &scene.client_group);
    let apart = ground.machine("app-2", &apart, carried);
    let (eni, _) = ground.interface(&scene.subnet, carried);
    aws.narrow_egress(carried);
    let list = aws.prefix_list("offices", "10.7.0.0/16");
    replication_group(aws, "sessions", &scene.subnet, &scene.cache_group);
    let there = peer(aws, &scene.vpc);
    // An open cache, and a machine that lacks nothing: what remains is the path.
    let (wide, free) = (ground.group("wide"), ground.group("free"));
    for port in [6379, 6380] {
        aws.admit("Ingress", &wide, port, ("IpRanges.1.CidrIp", "10.0.0.0/8"));
    }
    ground.machine("app-3", &ground.another_subnet(3), &free);
    serverless(aws, "wide", &scene.subnet, &wide);

    let mut cases = Vec::new();
    let asking = |cache: &str, from: &str| format!("--cache {cache} --from {from}");
    for verb in READING {
        for (cache, from) in
            [("orders", &apart), ("orders", &eni), ("orders", &list), ("orders", &there), ("sessions", &scene.instance)]
        {
            cases.push(Case::new(&format!("ec-sg {verb}"), &format!("{verb} {}", asking(cache, from))));
        }
    }
    for from in [&apart, &there, &list] {
        cases.push(Case::new("ec-sg find", &format!("find {} --save .", asking("orders", from))));
    }
    cases.push(Case::new("ec-sg find", &format!("find {}", asking("orders", carried))));
    cases.push(Case::new("ec-sg find", "find --cache wide --candidates"));
    // ministack does not show rules that name a prefix list, and apply waits until it sees what it wrote.
    for (cache, from) in [("orders", &apart), ("orders", &eni), ("orders", &there), ("sessions", &scene.instance)] {
        let arguments = format!("apply {}", asking(cache, from));
        cases.push(Case::new("ec-sg apply", &arguments));
    }
    cases.extend(["orders", "sessions"].map(|cache| Case::new("ec-sg audit", &format!("audit --cache {cache}"))));
    cases.push(Case::new("ec-sg revoke", "revoke").after(&format!("apply {}", asking("orders", &apart))));
    Setting { emulator, cases }
}

/// Over a transit gateway, and what else ministack does not know. moto has no serverless caches: they come in documents.
pub(super) fn gateways() -> Setting {
    let emulator = Enforced::moto();
    let aws = &emulator.aws;
    let pair =
        |first: u8| [first, first + 1].map(|number| Ground::lay_at(aws.clone(), &format!("ground-{number}"), number));
    let (apart, joined) = (pair(0), pair(2));
    let (gateway, _) = aws.transit_gateway();
    for ground in &apart {
        aws.attach_vpc(&gateway, &ground.vpc, &ground.subnet);
    }
    let (gateway, _) = aws.transit_gateway();
    let attached = joined.each_ref().map(|ground| aws.attach_vpc(&gateway, &ground.vpc, &ground.subnet));
    for (from, to) in [(&joined[0], "10.3.0.0/16"), (&joined[1], "10.2.0.0/16")] {
        aws.route("Create", &aws.main_route_table(&from.vpc), to, &gateway);
    }
    // A rule for each port, so that nothing is to be added: moto finds the signature of such a request wrong.
    let (clients, list) = (joined[1].group("clients"), aws.prefix_list("offices", "10.7.0.0/16"));
    for port in [6379, 6380] {
        aws.admit("Ingress", &joined[1].cache_group, port, ("IpRanges.1.CidrIp", "10.2.0.0/16"));
        aws.admit("Ingress", &joined[1].cache_group, port, ("Groups.1.GroupId", &clients));
        aws.admit("Ingress", &joined[1].cache_group, port, ("PrefixListIds.1.PrefixListId", &list));
    }
    let (eni, _) = joined[1].interface(&joined[1].subnet, &joined[1].client_group);

    let mut cases = Vec::new();
    let (here, document) = (&apart[0].instance, cache_in(&apart[1]));
    for verb in ["check", "plan"] {
        cases.push(Case::new(&format!("ec-sg {verb}"), &format!("{verb} --from {here}")).on(&document));
        let listed = format!("{verb} --from {list}");
        cases.push(Case::new(&format!("ec-sg {verb}"), &listed).on(&document));
    }
    let (here, document) = (&joined[0].instance, cache_in(&joined[1]));
    let attach = format!("apply --from {eni} --attach-group");
    cases.push(Case::new(ATTACH, "revoke").and("ec-sg revoke").after(&attach).on(&document));
    for (purpose, arguments) in [
        ("ec-sg check", format!("check --from {here}")),
        ("ec-sg plan", format!("plan --from {here}")),
        ("ec-sg apply", format!("apply --from {here}")),
        ("ec-sg apply", format!("apply --from {list}")),
        ("ec-sg apply", format!("apply --from {clients}")),
        (ATTACH, attach),
        ("ec-sg audit", "audit".to_owned()),
    ] {
        cases.push(Case::new(purpose, &arguments).on(&document));
    }
    cases.push(Case::new("ec-sg find", &format!("find --cache orders --from {here} --save .")));
    let emulator = emulator.answer("elasticache:DescribeServerlessCaches", cache(&joined[1])).answer(
        "ec2:SearchTransitGatewayRoutes",
        routes(&[("10.2.0.0/16", &attached[0]), ("10.3.0.0/16", &attached[1])]),
    );
    Setting { emulator, cases }
}

/// Permissions to connect.
pub(super) fn grants() -> Setting {
    let emulator = Enforced::ministack();
    let aws = &emulator.aws;
    furnish(aws);
    let ground = Ground::lay(aws.clone(), "grants");
    for name in ["orders", "archive"] {
        serverless(aws, name, &ground.subnet, &ground.cache_group);
    }
    replication_group(aws, "sessions", &ground.subnet, &ground.cache_group);
    let cluster = [("CacheClusterId", "pages"), ("Engine", "memcached"), ("CacheNodeType", "cache.t4g.micro")];
    aws.call("elasticache", "CreateCacheCluster", &[&cluster[..], &[("NumCacheNodes", "1")]].concat());

    let mut cases = vec![Case::new("ec-iam whoami", "whoami -n")];
    for principal in PRINCIPALS {
        let asking = |verb: &str, cache: &str| format!("{verb} --cache {cache} --principal {principal} --user app");
        // The kinds of caches do not depend on the principal.
        let caches: &[&str] = if principal == "role/app" { &["orders", "sessions", "pages"] } else { &["orders"] };
        for cache in caches {
            cases.push(Case::new("ec-iam plan", &asking("plan", cache)).for_principal(principal));
            cases.push(Case::new("ec-iam apply", &asking("apply", cache)).for_principal(principal));
        }
        // A group makes no requests.
        if principal != "group/devs" {
            for cache in caches {
                cases.push(Case::new("ec-iam check --principal", &asking("check", cache)).for_principal(principal));
            }
        }
        // One policy is deleted, the other put back.
        earlier_policy(aws, principal, "ec-iam-connect-us-east-1-serverlesscache-archive-app");
        for cache in ["orders", "archive"] {
            cases.push(Case::new("ec-iam revoke", "revoke").after(&asking("apply", cache)).for_principal(principal));
        }
    }
    cases.extend(roles(aws));
    cases.extend(users(aws, &ground));
    Setting { emulator, cases }
}

/// Roles that are made, and what they get.
fn roles(aws: &Aws) -> Vec<Case> {
    let provider = [("Name", "okta"), ("SAMLMetadataDocument", "<EntityDescriptor/>")];
    aws.call("iam", "CreateSAMLProvider", &provider);
    let provider = [("Url", "https://token.example.com"), ("ClientIDList.member.1", "sts.amazonaws.com")];
    aws.call("iam", "CreateOpenIDConnectProvider", &provider);
    let boundary = [("PolicyName", "boundary"), ("PolicyDocument", OTHER)];
    let boundary = element(&aws.call("iam", "CreatePolicy", &boundary), "Arn");
    let mut cases = Vec::new();
    for trust in ["user/anna", "saml/okta", "oidc/token.example.com --subject repo:a"] {
        let apply = format!("apply --cache orders --principal role/made --user app --trust {trust}");
        cases.push(Case::new("ec-iam apply --trust", &apply).for_principal("role/made"));
        let revoke = Case::new("ec-iam apply --trust", "revoke").and("ec-iam revoke").after(&apply);
        cases.push(revoke.for_principal("role/made"));
    }
    for principal in PRINCIPALS {
        let plan = format!("plan -n --principal {principal} --policy read-only");
        cases.push(Case::new("ec-iam plan", &plan).for_principal(principal));
        let apply = format!("apply -n --principal {principal} --policy read-only");
        cases.push(Case::new("ec-iam apply", &apply).for_principal(principal));
        cases.push(Case::new("ec-iam revoke", "revoke").after(&apply).for_principal(principal));
    }
    for principal in ["role/app", "user/anna"] {
        let apply =
            format!("apply --cache orders --user app --principal {principal} --permissions-boundary {boundary}");
        cases.push(Case::new("ec-iam apply --trust", &apply).for_principal(principal));
        let revoke = Case::new("ec-iam apply --trust", "revoke").and("ec-iam revoke").after(&apply);
        cases.push(revoke.for_principal(principal));
    }
    cases
}

/// Users of ElastiCache that are made.
fn users(aws: &Aws, ground: &Ground) -> Vec<Case> {
    let bare =
        [("ServerlessCacheName", "bare"), ("Engine", "valkey"), ("SubnetIds.SubnetId.1", ground.subnet.as_str())];
    aws.call("elasticache", "CreateServerlessCache", &bare);
    let purpose = "ec-iam apply --auth iam";
    let plan =
        |cache: &str| Case::new(purpose, &format!("plan --cache {cache} --principal role/app --user app --auth iam"));
    ["bare", "orders"].map(plan).into()
}

/// Permission sets of IAM Identity Center.
pub(super) fn seats() -> Setting {
    const PURPOSE: &str = "ec-iam apply --assign-to";
    let emulator = Enforced::moto();
    let anna = "--assign-to user/anna --email anna@example.com --full-name Anna\u{a0}Smith --policy read-only";
    let kept = format!("apply -n --principal permission-set/Kept {anna}");
    let kept = kept.split(' ').map(|argument| argument.replace('\u{a0}', " "));
    emulator.as_administrator(tool("ec-iam").args(kept)).ok();
    let mut cases = vec![Case::new("ec-iam check", "check -n")];
    for more in [
        "--assign-to user/# --email anna@example.com --full-name Anna\u{a0}Smith --policy read-only",
        "--assign-to group/# --member anna --policy setup",
    ] {
        let apply = format!("apply -n --principal permission-set/# {more}");
        cases.push(Case::new(PURPOSE, &apply));
        cases.push(Case::new(PURPOSE, "revoke").and("ec-iam revoke").after(&apply));
    }
    Setting { emulator, cases }
}

/// An instance in another VPC, with routes there and back.
fn peer(aws: &Aws, vpc: &str) -> String {
    let there = Ground::lay_at(aws.clone(), "there", 1);
    let peering = aws.ask_to_peer(&there.vpc, vpc);
    aws.accept_peering(&peering);
    aws.route("Create", &aws.main_route_table(&there.vpc), "10.0.0.0/16", &peering);
    aws.route("Create", &aws.main_route_table(vpc), "10.1.0.0/16", &peering);
    there.instance
}

/// Gives a principal a policy that is there before `apply` writes one of the same name.
fn earlier_policy(aws: &Aws, principal: &str, name: &str) {
    let (kind, who) = principal.split_once('/').unwrap_or_default();
    let kind = format!("{}{}", kind[..1].to_uppercase(), &kind[1..]);
    let put = [(format!("{kind}Name"), who), ("PolicyName".to_owned(), name), ("PolicyDocument".to_owned(), OTHER)];
    aws.call("iam", &format!("Put{kind}Policy"), &put.each_ref().map(|(name, value)| (name.as_str(), *value)));
}

fn serverless(aws: &Aws, name: &str, subnet: &str, group: &str) {
    let cache = [
        ("ServerlessCacheName", name),
        ("Engine", "valkey"),
        ("UserGroupId", "test-users"),
        ("SubnetIds.SubnetId.1", subnet),
        ("SecurityGroupIds.SecurityGroupId.1", group),
    ];
    let group = [("UserGroupId", "test-users"), ("Engine", "valkey"), ("UserIds.member.1", "app")];
    aws.try_call("elasticache", "CreateUserGroup", &group);
    aws.call("elasticache", "CreateServerlessCache", &cache);
}

fn replication_group(aws: &Aws, name: &str, subnet: &str, group: &str) {
    let subnets = [
        ("CacheSubnetGroupName", "subnets"),
        ("CacheSubnetGroupDescription", "for a test"),
        ("SubnetIds.SubnetIdentifier.1", subnet),
    ];
    aws.call("elasticache", "CreateCacheSubnetGroup", &subnets);
    let cache = [
        ("ReplicationGroupId", name),
        ("ReplicationGroupDescription", "for a test"),
        ("Engine", "valkey"),
        ("CacheNodeType", "cache.t4g.micro"),
        ("NumCacheClusters", "2"),
        ("CacheSubnetGroupName", "subnets"),
        ("SecurityGroupIds.SecurityGroupId.1", group),
    ];
    aws.call("elasticache", "CreateReplicationGroup", &cache);
}

/// A document about a cache, as `ec-sg find` writes it.
fn cache_in(ground: &Ground) -> String {
    json!({
        "kind": "ec.connection", "format_version": "1.0",
        "cache": {
            "name": "orders", "account": "123456789012", "region": "us-east-1", "deployment": "serverless",
            "engine": "valkey", "status": "available", "connection": "vpc",
            "endpoints": [{"role": "primary", "host": "orders.abc123.serverless.use1.cache.amazonaws.com", "port": 6379}],
            "network": {
                "vpc_id": ground.vpc, "subnet_ids": [ground.subnet], "security_group_ids": [ground.cache_group],
            },
        },
    })
    .to_string()
}

/// ElastiCache's answer about the same.
fn cache(ground: &Ground) -> String {
    let cache = format!(
        "<ServerlessCacheName>orders</ServerlessCacheName><Status>available</Status><Engine>valkey</Engine>\
         <ARN>arn:aws:elasticache:us-east-1:123456789012:serverlesscache:orders</ARN>\
         <SubnetIds><SubnetId>{}</SubnetId></SubnetIds>\
         <SecurityGroupIds><SecurityGroupId>{}</SecurityGroupId></SecurityGroupIds>\
         <Endpoint><Address>orders.abc123.serverless.use1.cache.amazonaws.com</Address><Port>6379</Port></Endpoint>",
        ground.subnet, ground.cache_group
    );
    let result = format!("<ServerlessCaches><member>{cache}</member></ServerlessCaches>");
    format!(
        "<DescribeServerlessCachesResponse><DescribeServerlessCachesResult>{result}</DescribeServerlessCachesResult>\
         </DescribeServerlessCachesResponse>"
    )
}

/// EC2's answer about the routes of a transit gateway.
fn routes(routes: &[(&str, &str)]) -> String {
    let item = |(range, attachment): &(&str, &str)| {
        format!(
            "<item><destinationCidrBlock>{range}</destinationCidrBlock><type>static</type><state>active</state>\
             <transitGatewayAttachments><item><transitGatewayAttachmentId>{attachment}</transitGatewayAttachmentId>\
             <resourceType>vpc</resourceType></item></transitGatewayAttachments></item>"
        )
    };
    let items: String = routes.iter().map(item).collect();
    let body = format!("<routeSet>{items}</routeSet><additionalRoutesAvailable>false</additionalRoutesAvailable>");
    ec2("SearchTransitGatewayRoutes", &body)
}

fn ec2(action: &str, body: &str) -> String {
    format!(r#"<{action}Response xmlns="http://ec2.amazonaws.com/doc/2016-11-15/">{body}</{action}Response>"#)
}
