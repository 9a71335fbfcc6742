//! What ec-probe makes of a failure when ec-sg and ec-iam have looked at the same connection before: real output of both,
//! a cache that judges tokens as the service does, and a port behind which packets get lost.
#![expect(clippy::expect_used, reason = "a test that cannot be set up has failed")]

use std::path::Path;

use ec_tests::{
    Canned, Certs, IamCache, IamCacheOptions, Ministack, MinistackOptions, Outcome, Refusal, Run, Scene, need, rude,
    sh, tool,
};
use serde_json::{Value, json};

/// An account with a cache that logs in with IAM, and that cache.
struct Setting {
    certs: Certs,
    cache: IamCache,
    aws: Canned,
    _ministack: Ministack,
    scene: Scene,
}

impl Setting {
    /// The account has one user who logs in with IAM, and is in one group. No emulator has such users.
    fn with_user(user: &str, group: &str) -> Self {
        let certs = Certs::new();
        let options = IamCacheOptions { region: "us-east-1".to_owned(), ..IamCacheOptions::default() };
        let cache = IamCache::start(&certs, options);
        let endpoint = Some(("localhost".to_owned(), cache.port()));
        let ministack = Ministack::start(&MinistackOptions { cache: endpoint, ..MinistackOptions::default() });
        let scene = Scene::set(&ministack.url(), "orders");
        let user = format!(
            "<DescribeUsersResponse><DescribeUsersResult><Users><member><UserId>{user}</UserId><UserName>{user}</UserName>\
             <Status>active</Status><Engine>valkey</Engine><AccessString>on ~* +@all</AccessString>\
             <UserGroupIds><member>{group}</member></UserGroupIds><Authentication><Type>iam</Type></Authentication>\
             </member></Users></DescribeUsersResult></DescribeUsersResponse>"
        );
        let aws = Canned::new().answer("DescribeUsers", user).before(&ministack.url());
        Self { certs, cache, aws, _ministack: ministack, scene }
    }

    /// Finds the cache, runs `iam`, and logs in as `user`, with an access key that the cache does not know.
    fn log_in(&self, iam: &str, user: &str) -> Run {
        let Scene { instance, role, .. } = &self.scene;
        sh(&format!(
            "ec-sg find --cache orders --from {instance} | {iam} --principal role/{role} --user {user} | \
             ec-probe --auth iam --user {user}"
        ))
        .aws(&self.aws.url())
        .env("EC_CAFILE", self.certs.ca())
    }
}

/// Signs with the access key that may connect.
fn signed_by_who_may(run: Run) -> Run {
    run.env("AWS_ACCESS_KEY_ID", IamCache::ACCESS_KEY_ID).env("AWS_SECRET_ACCESS_KEY", IamCache::SECRET_ACCESS_KEY)
}

/// The first finding of the probe, which has failed at `stage` for the reason with this code.
#[track_caller]
fn cause(outcome: &Outcome, stage: &str, code: &str) -> Value {
    assert_eq!(outcome.code, 1, "{}", outcome.told());
    let section = &outcome.document()["probe"];
    let last = section["stages"].as_array().and_then(|stages| stages.last()).cloned().unwrap_or_default();
    assert_eq!((&last["stage"], &last["code"]), (&json!(stage), &json!(code)), "{section:#}");
    section["findings"][0].clone()
}

#[test]
fn a_user_outside_the_caches_group_is_told_with_the_group() {
    need!("valkey-server", "ministack");
    let setting = Setting::with_user("web", "other");
    let outcome = signed_by_who_may(setting.log_in("ec-iam check", "web")).run();
    let finding = cause(&outcome, "auth", "EC3066");
    let told = "the server refused the user web: user web is in no user group of cache orders (EC2009";
    assert!(finding["summary"].as_str().is_some_and(|summary| summary.starts_with(told)), "{finding:#}");
    assert!(finding["summary"].as_str().is_some_and(|summary| summary.contains("orders-users")), "{finding:#}");
    assert!(finding["fix"].as_str().is_some_and(|fix| fix.contains("modify-user-group")), "{finding:#}");
    assert_eq!(setting.cache.refusals(), [Refusal::User]);
}

#[test]
fn a_permission_that_is_missing_is_told_and_the_fix_that_is_told_mends_it() {
    need!("valkey-server", "ministack");
    let setting = Setting::with_user("app", "orders-users");
    let finding = cause(&setting.log_in("ec-iam check", "app").run(), "auth", "EC3066");
    assert_eq!(finding["evidence"]["because"][0]["code"], "EC2103", "{finding:#}");
    assert_eq!(finding["fix"], json!(format!("ec-iam apply --principal role/{}", setting.scene.role)));
    let planned = cause(&setting.log_in("ec-iam plan", "app").run(), "auth", "EC3068");
    assert!(planned["fix"].as_str().is_some_and(|fix| fix.starts_with("ec-iam apply")), "{planned:#}");

    signed_by_who_may(setting.log_in("ec-iam apply", "app")).run().ok();
}

#[test]
fn where_ec_iam_finds_nothing_wrong_it_is_said_what_is_left() {
    need!("valkey-server", "ministack");
    let setting = Setting::with_user("app", "orders-users");
    let applied = cause(&setting.log_in("ec-iam apply", "app").run(), "auth", "EC3067");
    assert!(applied["evidence"]["left"][0].to_string().contains("not spread yet"), "{applied:#}");
    let checked = cause(&setting.log_in("ec-iam check", "app").run(), "auth", "EC3067");
    assert!(checked["evidence"]["left"][0].to_string().contains("other credentials"), "{checked:#}");
    assert_eq!(setting.cache.refusals(), [Refusal::AccessKey, Refusal::AccessKey]);
}

/// What `ec-sg check` says of a cache and a client, by saved answers of AWS; the cache is moved to `port` of this machine.
fn checked(cache: &str, client: &str, port: u16) -> Value {
    let saved = Path::new(env!("CARGO_MANIFEST_DIR")).join("../ec-sg/tests/saved");
    let args = ["check", "--cache", cache, "--from", client, "--from-files", "path"];
    let document = tool("ec-sg").args(args).directory(&saved).run().stdout;
    let mut document: Value = serde_json::from_str(&document.replace("6379", &port.to_string())).expect("a document");
    document["cache"]["endpoints"] = json!([{"role": "primary", "host": "127.0.0.1", "port": port}]);
    document
}

fn probed(document: &Value) -> Outcome {
    tool("ec-probe").args(["--timeout", "300ms", "--auth", "none"]).stdin(document.to_string()).run()
}

#[test]
fn a_time_out_behind_a_missing_rule_names_the_rule_and_the_command_that_adds_it() {
    let deaf = rude::deaf();
    let finding = cause(&probed(&checked("orders", "i-0b", deaf.port())), "tcp", "EC3069");
    let told = format!("{} does not answer: ", deaf.endpoint());
    assert!(finding["summary"].as_str().is_some_and(|summary| summary.starts_with(&told)), "{finding:#}");
    let because = finding["evidence"]["because"].as_array().expect("findings");
    let codes: Vec<&Value> = because.iter().map(|finding| &finding["code"]).collect();
    assert_eq!(codes, ["EC1006", "EC1004"], "the rule for the reader's port is not the cause");
    let fix = finding["fix"].as_str().unwrap_or_default();
    assert!(fix.starts_with("ec-sg apply --cache orders --from i-0b"), "{fix}");
}

#[test]
fn a_time_out_behind_a_network_acl_names_the_acl_and_who_can_change_it() {
    let deaf = rude::deaf();
    let finding = cause(&probed(&checked("carts", "i-0a", deaf.port())), "tcp", "EC3069");
    let because = finding["evidence"]["because"].as_array().expect("findings");
    let codes: Vec<&Value> = because.iter().map(|finding| &finding["code"]).collect();
    assert_eq!(codes, ["EC1017"], "what denies the reader's port is not the cause");
    let fix = finding["fix"].as_str().unwrap_or_default();
    assert!(fix.contains("network-acl-entry") && fix.contains("# by"), "{fix}");
}

#[test]
fn a_time_out_although_every_hop_is_open_says_so_and_what_is_left() {
    let deaf = rude::deaf();
    let finding = cause(&probed(&checked("orders", "i-0a", deaf.port())), "tcp", "EC3070");
    let left = finding["evidence"]["left"].to_string();
    for word in ["another machine", "firewall", "conntrack_allowance_exceeded"] {
        assert!(left.contains(word), "{word}: {finding:#}");
    }
}

#[test]
fn what_ec_sg_says_of_another_client_is_not_used() {
    let deaf = rude::deaf();
    let mut document = checked("orders", "i-0b", deaf.port());
    document["client"] = checked("orders", "i-0a", deaf.port())["client"].clone();
    cause(&probed(&document), "tcp", "EC3004");
}

#[test]
fn through_a_tunnel_the_path_is_another_one() {
    let deaf = rude::deaf();
    let document = checked("orders", "i-0b", deaf.port());
    let run = tool("ec-probe").args(["--timeout", "300ms", "--auth", "none", "--connect-to", &deaf.endpoint()]);
    cause(&run.stdin(document.to_string()).run(), "tcp", "EC3004");
}
