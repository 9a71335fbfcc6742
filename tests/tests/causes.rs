//! What ec-probe makes of a failure when ec-iam has looked at the same connection before: its real output, and a cache
//! that judges tokens as the service does.

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
