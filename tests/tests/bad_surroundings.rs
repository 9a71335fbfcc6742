//! What a machine, an account and a network can do wrong, done to the tools that call AWS: one clear error with a code,
//! a hint and the right exit code.
#![expect(clippy::expect_used, reason = "a test that cannot be set up has failed")]

use std::time::Duration;

use ec_tests::{Canned, Ministack, MinistackOptions, Outcome, Run, Scene, need, rude, tool};
use serde_json::Value;

/// A verb of each tool that cannot do without AWS.
const CALLERS: [(&str, &[&str]); 2] = [
    ("ec-sg", &["find", "--cache", "orders", "--from", "i-0123456789abcdef0"]),
    ("ec-iam", &["plan", "--cache", "orders", "--principal", "role/app", "--user", "app"]),
];

fn caller((name, verb): (&str, &[&str])) -> Run {
    tool(name).args(verb).args(["--error-format", "json"])
}

/// One error on stderr, and the same in the one document on stdout.
#[track_caller]
fn assert_told(outcome: &Outcome, code: &str, exit: i32) -> Value {
    let error = outcome.error();
    assert_eq!(outcome.stderr.lines().count(), 1, "one error is told\n{}", outcome.told());
    assert_eq!((&error["code"], outcome.code), (&Value::from(code), exit), "{}", outcome.told());
    assert!(error["hint"].is_string(), "there is a hint\n{}", outcome.told());
    let document = outcome.document();
    let section = document.get("sg").or(document.get("iam")).expect("a section");
    assert_eq!(section["status"], "error", "{}", outcome.told());
    assert_eq!(section["error"], error, "{}", outcome.told());
    assert_eq!(document["ok"], false, "{}", outcome.told());
    error
}

#[test]
fn without_a_region_nothing_is_guessed() {
    for each in CALLERS {
        let outcome = caller(each).aws("http://127.0.0.1:1").without("AWS_REGION").run();
        assert_told(&outcome, "EC9101", 3);
    }
}

#[test]
fn without_credentials_nobody_is_called() {
    for each in CALLERS {
        let canned = Canned::new().serve();
        let run = caller(each).aws(&canned.url()).without("AWS_ACCESS_KEY_ID").without("AWS_SECRET_ACCESS_KEY");
        let outcome = run.run();
        assert_told(&outcome, "EC9102", 3);
        assert!(outcome.elapsed < Duration::from_secs(10), "{}", outcome.told());
        assert_eq!(canned.calls().actions(), Vec::<String>::new());
    }
}

/// All that the two callers could ask first.
const FIRST_CALLS: [&str; 9] = [
    "DescribeServerlessCaches",
    "DescribeReplicationGroups",
    "DescribeCacheClusters",
    "DescribeInstances",
    "DescribeSubnets",
    "DescribeUsers",
    "GetRole",
    "ListRoles",
    "GetCallerIdentity",
];

fn refusing(status: u16, code: &str, message: &str) -> Canned {
    let refuse = |canned: Canned, action: &&str| canned.error(action, status, code, message);
    FIRST_CALLS.iter().fold(Canned::new(), refuse).serve()
}

#[test]
fn what_aws_refuses_is_told_with_its_own_word_service_operation_and_request() {
    let cases = [
        (403, "ExpiredToken", "EC9103", 3),
        (403, "InvalidClientTokenId", "EC9104", 3),
        (403, "SignatureDoesNotMatch", "EC9104", 3),
        (403, "AccessDenied", "EC9105", 4),
        (400, "InvalidParameterValue", "EC9107", 4),
    ];
    for each in CALLERS {
        for (status, word, code, exit) in cases {
            let canned = refusing(status, word, "the reason that AWS gives");
            let outcome = caller(each).aws(&canned.url()).run();
            let error = assert_told(&outcome, code, exit);
            assert_eq!(error["aws"]["code"], word, "{}", outcome.told());
            for key in ["service", "operation", "request_id", "attempts"] {
                assert!(!error["aws"][key].is_null(), "{key}\n{}", outcome.told());
            }
            assert_eq!(canned.calls().writes(), Vec::<String>::new());
        }
    }
}

#[test]
fn a_wrong_clock_is_told_as_the_reason_why_aws_takes_no_signature() {
    for each in CALLERS {
        let refuse =
            |canned: Canned, action: &&str| canned.error(action, 403, "SignatureDoesNotMatch", "not yet current");
        let canned = FIRST_CALLS.iter().fold(Canned::new(), refuse).dated("Mon, 01 Jan 2024 00:00:00 GMT").serve();
        let outcome = caller(each).aws(&canned.url()).run();
        let error = assert_told(&outcome, "EC9104", 3);
        assert!(error["causes"][0].as_str().unwrap().contains(" s ahead of AWS's"), "{}", outcome.told());
        assert!(error["hint"].as_str().unwrap().starts_with("set the clock"), "{}", outcome.told());
    }
}

#[test]
fn throttling_is_retried_and_then_told_as_temporary() {
    for each in CALLERS {
        let canned = refusing(400, "Throttling", "Rate exceeded");
        let outcome = caller(each).aws(&canned.url()).run();
        let error = assert_told(&outcome, "EC9108", 5);
        assert_eq!(error["retryable"], true);
        assert!(error["aws"]["attempts"].as_u64().expect("a number") > 1, "{}", outcome.told());
    }
}

#[test]
fn an_endpoint_that_accepts_and_never_answers_is_not_waited_for_beyond_the_bound() {
    for each in CALLERS {
        let silent = rude::silent();
        let outcome = caller(each).aws(&silent.url()).args(["--timeout", "1s"]).run();
        assert_told(&outcome, "EC9109", 5);
        assert!(outcome.elapsed < Duration::from_secs(5), "{}", outcome.told());
    }
}

#[test]
fn an_endpoint_that_is_not_there_or_is_not_aws_is_told_as_such() {
    for each in CALLERS {
        for rude in [rude::hangs_up(), rude::garbage()] {
            let outcome = caller(each).aws(&rude.url()).args(["--timeout", "5s"]).run();
            assert_told(&outcome, "EC9110", 5);
        }
        let outcome = caller(each).aws("http://127.0.0.1:1").args(["--timeout", "5s"]).run();
        assert_told(&outcome, "EC9110", 5);
        let outcome = caller(each).aws("http://nobody.invalid").args(["--timeout", "5s"]).run();
        assert_told(&outcome, "EC9110", 5);
    }
}

#[test]
fn an_unknown_cache_is_told_by_each_tool() {
    need!("ministack");
    for (each, code) in CALLERS.into_iter().zip(["EC1001", "EC9106"]) {
        let outcome = caller(each).aws_as(&Ministack::shared().url(), "222200000001").run();
        assert_told(&outcome, code, 4);
    }
}

#[test]
fn an_unknown_client_and_an_unknown_principal_are_told() {
    need!("ministack");
    let url = Ministack::shared().url();
    let scene = Scene::alone(&url, "orders");
    for (each, code) in CALLERS.into_iter().zip(["EC1002", "EC2004"]) {
        let outcome = caller(each).aws_as(&url, &scene.account).run();
        assert_told(&outcome, code, 4);
    }
}

#[test]
fn who_is_denied_learns_which_action_to_allow() {
    need!("ministack");
    let ministack = Ministack::start(&MinistackOptions { enforce_iam: true, ..MinistackOptions::default() });
    let scene = Scene::set(&ministack.url(), "orders");
    scene.aws.call("iam", "CreateUser", &[("UserName", "nobody")]);
    let key = scene.aws.call("iam", "CreateAccessKey", &[("UserName", "nobody")]);
    for (each, action) in CALLERS.into_iter().zip(["elasticache:Describe", "elasticache:Describe"]) {
        let outcome = caller(each)
            .aws(&ministack.url())
            .env("AWS_ACCESS_KEY_ID", ec_tests::element(&key, "AccessKeyId"))
            .env("AWS_SECRET_ACCESS_KEY", ec_tests::element(&key, "SecretAccessKey"))
            .run();
        let error = assert_told(&outcome, "EC9105", 4);
        assert!(error["hint"].as_str().expect("a hint").contains(action), "{}", outcome.told());
    }
}
