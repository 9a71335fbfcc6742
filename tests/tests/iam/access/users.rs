//! Users and user groups of ElastiCache that are made and attached to a cache, at AWS's pace.

use ec_tests::{Aws, Moto, Outcome, PaperCache, PaperElastiCache, element, need, percent_decoded};
use serde_json::{Value, json};

use super::{Account, Way, codes, there_and_back};
use crate::statuses;

pub(super) const ARGS: [&str; 4] = ["--auth", "iam", "--principal", "role/app"];
/// A document that knows the cache's name alone.
pub(super) const ORDERS: &str =
    r#"{"kind":"ec.connection","format_version":"1.0","cache":{"name":"orders","endpoints":[]}}"#;
const ACCESS: &str = "on ~* &* +@all -@dangerous +info";

pub(super) fn serverless(engine: &str, version: &str) -> PaperCache {
    PaperCache { engine: engine.into(), version: version.into(), is_serverless: true, ..replication_group() }
}

fn replication_group() -> PaperCache {
    PaperCache { name: "orders".into(), engine: "valkey".into(), has_tls: true, ..PaperCache::default() }
}

/// An account with one cache, where each change takes two looks.
fn paper(cache: PaperCache) -> PaperElastiCache {
    PaperElastiCache::before(&Moto::shared().url(), 2, &[cache])
}

fn back_and_forth(paper: &PaperElastiCache, way: &Way<'_>, look: impl FnOnce(&Account)) -> Vec<String> {
    let account = Account::new();
    there_and_back(&account, &paper.url(), way, || (account.iam(), paper.told()), || look(&account))
}

/// The cache gets a user and a group of its own, which the call `attach` attaches, and all of it is taken back.
fn attached_and_back(paper: &PaperElastiCache, attach: &str, look: impl FnOnce(&Account)) -> Vec<String> {
    let way = Way {
        args: &ARGS,
        document: ORDERS.into(),
        writes: &writes(attach),
        takes_back: &takes_back(attach),
        ..Way::default()
    };
    back_and_forth(paper, &way, look)
}

/// A user group `team` with the user `web`.
fn add_team(paper: &PaperElastiCache) {
    let aws = Aws::at(&paper.url());
    paper.work_for(0);
    let web = [("UserId", "web"), ("UserName", "web"), ("Engine", "valkey"), ("AccessString", "on ~* +@all")];
    aws.call("elasticache", "CreateUser", &web);
    let team = [("UserGroupId", "team"), ("Engine", "valkey"), ("UserIds.member.1", "web")];
    aws.call("elasticache", "CreateUserGroup", &team);
    paper.work_for(2);
}

/// The calls that make all that a cache needs, where `attach` is the one that attaches the group.
fn writes(attach: &str) -> [&str; 6] {
    ["CreateServiceLinkedRole", "CreateUser", "CreateUserGroup", "ModifyUserGroup", attach, "PutRolePolicy"]
}

fn takes_back(detach: &str) -> [&str; 6] {
    ["DeleteRolePolicy", detach, "ModifyUserGroup", "DeleteUserGroup", "DeleteUser", "DeleteServiceLinkedRole"]
}

fn run(paper: &PaperElastiCache, args: &[&str], document: &str) -> Outcome {
    Account::new().run(&paper.url(), args, document)
}

#[test]
fn a_serverless_cache_gets_a_user_its_group_and_the_groups_attachment() {
    need!("moto_server");
    let paper = paper(serverless("valkey", "8"));
    let found = attached_and_back(&paper, "ModifyServerlessCache", |account| {
        let user = format!("user app: valkey iam {ACCESS}");
        assert_eq!(paper.told(), [user.as_str(), "group orders-users: valkey [app]", "cache orders: orders-users"]);
        let policy = "ec-iam-connect-us-east-1-serverlesscache-orders-app";
        let held = account.aws.call("iam", "GetRolePolicy", &[("RoleName", "app"), ("PolicyName", policy)]);
        let held: Value = serde_json::from_str(&percent_decoded(&element(&held, "PolicyDocument"))).unwrap();
        assert_eq!(held, super::connect("123456789012", "app"));
    });
    // Who does not log in today loses the cache.
    assert_eq!(found, ["EC2097"]);
}

#[test]
fn a_replication_group_with_a_user_group_keeps_it_and_gets_one_more_user() {
    need!("moto_server");
    let paper = paper(PaperCache { group: Some("team".into()), ..replication_group() });
    add_team(&paper);
    let way = Way {
        args: &[&ARGS[..], &["--user", "batch", "--access-string", "on ~app:* +@read +ping"]].concat(),
        document: ORDERS.into(),
        writes: &["CreateServiceLinkedRole", "CreateUser", "ModifyUserGroup", "PutRolePolicy"],
        takes_back: &["DeleteRolePolicy", "ModifyUserGroup", "DeleteUser", "DeleteServiceLinkedRole"],
        ..Way::default()
    };
    let found = back_and_forth(&paper, &way, |_| {
        let told = paper.told();
        assert_eq!(told[0], "user batch: valkey iam on ~app:* +@read +ping");
        assert_eq!(told[2..], ["group team: valkey [batch web]", "cache orders: team"]);
    });
    assert_eq!(found, Vec::<String>::new());
}

#[test]
fn a_replication_group_without_a_user_group_gets_one() {
    need!("moto_server");
    let paper = paper(replication_group());
    let found = attached_and_back(&paper, "ModifyReplicationGroup", |_| {
        assert_eq!(paper.told()[1..], ["group orders-users: valkey [app]", "cache orders: orders-users"]);
    });
    assert_eq!(found, ["EC2097"]);
}

#[test]
fn a_group_for_redis_oss_has_the_user_that_is_called_default() {
    need!("moto_server");
    let paper = paper(serverless("redis", "7"));
    let found = attached_and_back(&paper, "ModifyServerlessCache", |_| {
        assert!(paper.told().contains(&"group orders-users: redis [app default]".to_owned()), "{:?}", paper.told());
    });
    assert_eq!(found, Vec::<String>::new());
}

#[test]
fn a_cache_that_cannot_log_users_in_is_refused_and_stays_as_it_is() {
    need!("moto_server");
    let old = json!({
        "kind": "ec.connection", "format_version": "1.0",
        "cache": {
            "name": "orders", "region": "us-east-1", "deployment": "replication_group", "engine": "redis",
            "engine_version": "6.2", "tls": "required", "endpoints": [],
            "arn": "arn:aws:elasticache:us-east-1:123456789012:replicationgroup:orders",
            "auth": {"kind": "none", "user_group_ids": []},
        },
    });
    for (cache, document, code) in [
        (PaperCache { has_token: true, ..replication_group() }, ORDERS.to_owned(), "EC2097"),
        (serverless("memcached", "1.6"), ORDERS.to_owned(), "EC2098"),
        (PaperCache { has_tls: false, ..replication_group() }, ORDERS.to_owned(), "EC2098"),
        (replication_group(), old.to_string(), "EC2098"),
    ] {
        let paper = paper(cache);
        for verb in ["plan", "apply"] {
            let run = run(&paper, &[&[verb], &ARGS[..]].concat(), &document).exits(1);
            assert_eq!((statuses(&run).0, codes(&run)), ("no".into(), vec![code.into()]), "{}", run.told());
        }
        assert_eq!(paper.calls().writes(), Vec::<String>::new());
    }
}

#[test]
fn a_wait_that_does_not_end_stops_in_time_and_the_next_run_goes_on() {
    need!("moto_server");
    let (account, paper) = (Account::new(), paper(serverless("valkey", "8")));
    account.aws.call("iam", "CreateServiceLinkedRole", &[("AWSServiceName", "elasticache.amazonaws.com")]);
    let before = (account.iam(), paper.told());
    paper.work_for(usize::MAX);
    let apply = [&["apply", "--timeout", "3s"], &ARGS[..]].concat();
    let stuck = account.run(&paper.url(), &apply, ORDERS).exits(5).says("EC2013");
    assert!(stuck.elapsed.as_secs() < 20, "{}", stuck.told());
    let rest = std::iter::repeat_n("planned", 4).enumerate();
    let rest = rest.map(|(index, state)| format!("{} {state}", if index == 0 { "create" } else { "attach" }));
    let expected: Vec<String> =
        ["create unchanged".to_owned(), "create unknown".to_owned()].into_iter().chain(rest).collect();
    assert_eq!(statuses(&stuck).1, expected);

    paper.work_for(0);
    let applied = account.run(&paper.url(), &[&["apply"], &ARGS[..]].concat(), &stuck.stdout).ok();
    assert_eq!(paper.told().len(), 3, "{}", applied.told());
    account.run(&paper.url(), &["revoke"], &applied.stdout).ok();
    assert_eq!((account.iam(), paper.told()), before);
}

#[test]
fn a_user_group_that_was_attached_after_the_plan_is_not_replaced() {
    need!("moto_server");
    let (account, paper) = (Account::new(), paper(serverless("valkey", "8")));
    let plan = account.run(&paper.url(), &[&["plan"], &ARGS[..]].concat(), ORDERS).ok();
    add_team(&paper);
    paper.work_for(0);
    let attach = [("ServerlessCacheName", "orders"), ("UserGroupId", "team")];
    Aws::at(&paper.url()).call("elasticache", "ModifyServerlessCache", &attach);
    let run = account.run(&paper.url(), &["apply"], &plan.stdout);
    assert!(paper.told().contains(&"cache orders: team".to_owned()), "{:?}\n{}", paper.told(), run.told());
    let run = run.exits(6).says("EC2012").says("user group team");
    account.run(&paper.url(), &["revoke"], &run.stdout).ok();
    assert_eq!(paper.told().iter().filter(|line| line.contains("app") || line.contains("orders-users")).count(), 0);
}

#[test]
fn somebody_elses_user_of_the_name_is_left_alone() {
    need!("moto_server");
    let paper = paper(serverless("valkey", "8"));
    let aws = Aws::at(&paper.url());
    let app = [("UserId", "app"), ("UserName", "app"), ("Engine", "valkey"), ("AccessString", "on ~* +@all")];
    aws.call("elasticache", "CreateUser", &[&app[..], &[("AuthenticationMode.Type", "password")]].concat());
    paper.work_for(0);
    paper.calls().clear();
    let run = run(&paper, &[&["apply"], &ARGS[..]].concat(), ORDERS).exits(1);
    assert!(codes(&run).contains(&"EC2091".to_owned()), "{}", run.told());
    assert_eq!(paper.calls().writes(), Vec::<String>::new());
}
