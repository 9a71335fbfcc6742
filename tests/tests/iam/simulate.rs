//! `ec-iam simulate` against what the emulators say: our decisions beside ministack's, and policies asked of IAM itself.

use std::collections::BTreeSet;

use ec_tests::{
    Aws, Canned, Counting, Failing, Fault, Ministack, MinistackOptions, Moto, Outcome, element, need, tool,
};
use serde_json::{Value, json};

use super::TRUST;

const CACHE: &str = "arn:aws:elasticache:us-east-1:000000000000:serverlesscache:orders";
const USER: &str = "arn:aws:elasticache:us-east-1:000000000000:user:app";
const SLR: &str =
    "arn:aws:iam::000000000000:role/aws-service-role/elasticache.amazonaws.com/AWSServiceRoleForElastiCache";

fn policy(statements: &Value) -> Value {
    json!({"Version": "2012-10-17", "Statement": statements})
}

fn connect(resource: &Value) -> Value {
    policy(&json!({"Effect": "Allow", "Action": "elasticache:Connect", "Resource": resource}))
}

/// Both answers about an action on a resource, ours first.
fn both(url: &str, policy: &Value, action: &str, resource: &str, context: &[&str]) -> (String, String) {
    let mut args = vec!["simulate", "--policy", "/dev/stdin", "--compare", "--action", action, "--resource", resource];
    args.extend(context.iter().flat_map(|entry| ["--context", entry]));
    let outcome = tool("ec-iam").args(args).aws(url).stdin(policy.to_string()).run();
    let document = outcome.document();
    let result = &document["EvaluationResults"][0];
    let word = |side: &str| result[side]["EvalResourceDecision"].as_str().unwrap_or_default().to_owned();
    let (ours, aws) = (word("Ours"), word("Aws"));
    assert_eq!((&document["Agree"], &result["Agree"]), (&json!(ours == aws), &json!(ours == aws)));
    outcome.exits(i32::from(ours != aws));
    (ours, aws)
}

#[test]
fn our_decisions_are_those_of_ministacks_simulator() {
    need!("ministack");
    let url = Ministack::shared().url();
    let allow = |action: &str, condition: Value| {
        policy(&json!({"Effect": "Allow", "Action": action, "Resource": "*", "Condition": condition}))
    };
    let deny =
        |statement: Value| policy(&json!([{"Effect": "Allow", "Action": "elasticache:*", "Resource": "*"}, statement]));
    let slr = |name: &str| allow("iam:CreateServiceLinkedRole", json!({"StringLike": {"iam:AWSServiceName": name}}));
    let cases = [
        ("allowed", connect(&json!([CACHE, USER])), "elasticache:Connect", CACHE),
        ("allowed", connect(&json!([CACHE, USER])), "elasticache:Connect", USER),
        ("implicitDeny", connect(&json!(CACHE)), "elasticache:Connect", USER),
        ("implicitDeny", connect(&json!(CACHE)), "elasticache:CreateUser", CACHE),
        ("allowed", connect(&json!("arn:aws:elasticache:*:*:serverlesscache:ord?rs")), "elasticache:Connect", CACHE),
        (
            "implicitDeny",
            connect(&json!(CACHE.to_uppercase().replace("ARN:AWS", "arn:aws"))),
            "elasticache:Connect",
            CACHE,
        ),
        ("allowed", allow("ELASTICACHE:conn*", json!({})), "elasticache:Connect", CACHE),
        ("allowed", allow("*", json!({})), "iam:CreateServiceLinkedRole", SLR),
        (
            "explicitDeny",
            deny(json!({"Effect": "Deny", "Action": "elasticache:Connect", "Resource": USER})),
            "elasticache:Connect",
            USER,
        ),
        (
            "allowed",
            deny(json!({"Effect": "Deny", "Action": "elasticache:Connect", "Resource": USER})),
            "elasticache:Connect",
            CACHE,
        ),
        (
            "explicitDeny",
            deny(json!({"Effect": "Deny", "NotAction": "elasticache:Describe*", "Resource": "*"})),
            "elasticache:Connect",
            CACHE,
        ),
        (
            "allowed",
            deny(json!({"Effect": "Deny", "NotAction": "elasticache:Conn*", "Resource": "*"})),
            "elasticache:Connect",
            CACHE,
        ),
        (
            "explicitDeny",
            deny(json!({"Effect": "Deny", "Action": "*", "NotResource": CACHE})),
            "elasticache:Connect",
            USER,
        ),
        ("allowed", allow("*", json!({"Null": {"aws:SourceVpc": "true"}})), "elasticache:Connect", CACHE),
        ("implicitDeny", allow("*", json!({"Null": {"aws:SourceVpc": "false"}})), "elasticache:Connect", CACHE),
        ("implicitDeny", allow("*", json!({"StringEquals": {"aws:SourceVpc": "vpc-1"}})), "elasticache:Connect", CACHE),
        (
            "allowed",
            allow("*", json!({"StringEqualsIfExists": {"aws:SourceVpc": "vpc-1"}})),
            "elasticache:Connect",
            CACHE,
        ),
        ("allowed", allow("*", json!({"StringNotEquals": {"aws:SourceVpc": "vpc-1"}})), "elasticache:Connect", CACHE),
        (
            "allowed",
            allow("*", json!({"ForAllValues:StringEquals": {"aws:TagKeys": ["team"]}})),
            "elasticache:Connect",
            CACHE,
        ),
        (
            "implicitDeny",
            allow("*", json!({"ForAnyValue:StringEquals": {"aws:TagKeys": ["team"]}})),
            "elasticache:Connect",
            CACHE,
        ),
        (
            "allowed",
            allow("*", json!({"StringEquals": {"aws:ResourceAccount": "000000000000"}})),
            "elasticache:Connect",
            CACHE,
        ),
        ("implicitDeny", slr("rds.amazonaws.com"), "iam:CreateServiceLinkedRole", SLR),
        ("implicitDeny", policy(&json!([])), "elasticache:Connect", CACHE),
    ];
    for (expected, policy, action, resource) in cases {
        let answers = both(&url, &policy, action, resource, &[]);
        assert_eq!(answers, (expected.to_owned(), expected.to_owned()), "{action} on {resource}: {policy}");
    }
}

/// What ministack's simulator decides otherwise than AWS documents. If one of these goes, the row moves to the test above.
#[test]
fn where_ministacks_simulator_differs_it_lacks_what_aws_documents() {
    need!("ministack");
    let url = Ministack::shared().url();
    let allow = |resource: &str, condition: Value| {
        policy(&json!({"Effect": "Allow", "Action": "*", "Resource": resource, "Condition": condition}))
    };
    let cases = [
        (
            "it takes no context from the request",
            allow("*", json!({"StringEquals": {"aws:SourceVpc": "vpc-1"}})),
            vec!["aws:SourceVpc=vpc-1"],
            ("allowed", "implicitDeny"),
        ),
        (
            "it replaces no policy variables",
            allow("arn:aws:elasticache:us-east-1:000000000000:user:${aws:username}", json!({})),
            vec!["aws:username=app"],
            ("allowed", "implicitDeny"),
        ),
        (
            "it always comes from 127.0.0.1",
            allow("*", json!({"IpAddress": {"aws:SourceIp": "127.0.0.0/8"}})),
            vec!["aws:SourceIp=203.0.113.7"],
            ("implicitDeny", "allowed"),
        ),
        (
            "it lets a wildcard in a field of an ARN reach over colons",
            allow("arn:aws:elasticache:us-*p", json!({})),
            vec![],
            ("implicitDeny", "allowed"),
        ),
    ];
    for (quirk, policy, context, (ours, ministack)) in cases {
        let answers = both(&url, &policy, "elasticache:Connect", USER, &context);
        assert_eq!(answers, (ours.to_owned(), ministack.to_owned()), "{quirk}");
    }
}

#[test]
fn what_aws_is_not_asked_is_said() {
    need!("ministack");
    let url = Ministack::shared().url();
    let run = tool("ec-iam").aws(&url).stdin(connect(&json!("*")).to_string());
    std::fs::write(run.home().join("none.json"), policy(&json!([])).to_string()).unwrap();
    let limits = ["--session-policy", "none.json", "--scp", "none.json"];
    let asked = ["--cache-arn", CACHE, "--user", "app"];
    let outcome = run.args(["simulate", "--policy", "/dev/stdin", "--compare"]).args(limits).args(asked).run().exits(1);
    let document = outcome.document();
    let decisions: Vec<_> = document["EvaluationResults"].as_array().unwrap().iter().map(decisions).collect();
    assert_eq!(decisions, [("implicitDeny", "allowed"), ("implicitDeny", "allowed")]);
    assert_eq!(document["EvaluationResults"][0]["Code"], "EC2034");
    let reasons = document["EvaluationResults"][0]["Ours"]["Reasons"].as_array().unwrap();
    let layers: Vec<_> = reasons.iter().map(|reason| reason["Layer"].as_str().unwrap()).collect();
    assert_eq!(layers, ["serviceControl", "session"]);
    assert_eq!(document["Notes"].as_array().map(Vec::len), Some(2));
}

fn decisions(result: &Value) -> (&str, &str) {
    let word = |side: &str| result[side]["EvalResourceDecision"].as_str().unwrap_or_default();
    (word("Ours"), word("Aws"))
}

/// An account with a user who may connect by its group, a role that may by a managed policy, one that has half of it, and
/// one that a permissions boundary keeps from it. User, group and role `app` each have a policy of both sorts.
fn furnish(aws: &Aws, path: &str) {
    let cache = connect(&json!("*")).to_string();
    let half = connect(&json!("arn:aws:elasticache:*:*:serverlesscache:*")).to_string();
    let managed = |name: &str, text: &str| {
        element(&aws.call("iam", "CreatePolicy", &[("PolicyName", name), ("PolicyDocument", text)]), "Arn")
    };
    let (all, limit) = (managed("may-connect", &cache), managed("may-half", &half));
    aws.call("iam", "CreateGroup", &[("GroupName", "devs")]);
    let put = [("GroupName", "devs"), ("PolicyName", "p"), ("PolicyDocument", cache.as_str())];
    aws.call("iam", "PutGroupPolicy", &put);
    aws.call("iam", "CreateUser", &[("UserName", "anna"), ("Path", path)]);
    aws.call("iam", "AddUserToGroup", &[("GroupName", "devs"), ("UserName", "anna")]);
    let none = policy(&json!({"Effect": "Allow", "Action": "sns:ListTopics", "Resource": "*"})).to_string();
    let other = managed("other", &none);
    aws.call("iam", "PutUserPolicy", &[("UserName", "anna"), ("PolicyName", "p"), ("PolicyDocument", &none)]);
    aws.call("iam", "AttachUserPolicy", &[("UserName", "anna"), ("PolicyArn", &other)]);
    aws.call("iam", "AttachGroupPolicy", &[("GroupName", "devs"), ("PolicyArn", &other)]);
    for name in ["app", "half", "bounded"] {
        aws.call("iam", "CreateRole", &[("RoleName", name), ("AssumeRolePolicyDocument", TRUST), ("Path", path)]);
    }
    aws.call("iam", "AttachRolePolicy", &[("RoleName", "app"), ("PolicyArn", &all)]);
    aws.call("iam", "PutRolePolicy", &[("RoleName", "app"), ("PolicyName", "p"), ("PolicyDocument", &none)]);
    aws.call("iam", "PutRolePolicy", &[("RoleName", "half"), ("PolicyName", "p"), ("PolicyDocument", &half)]);
    aws.call("iam", "AttachRolePolicy", &[("RoleName", "bounded"), ("PolicyArn", &all)]);
    aws.call("iam", "PutRolePermissionsBoundary", &[("RoleName", "bounded"), ("PermissionsBoundary", &limit)]);
}

fn cache_of(account: &str) -> String {
    format!("arn:aws:elasticache:us-east-1:{account}:serverlesscache:orders")
}

/// Who may connect, `role/app: yes` …, and how many calls it took.
fn who(url: &str, account: &str, principal: Option<&str>) -> (Vec<String>, usize) {
    let counting = Counting::before(url);
    let cache = cache_of(account);
    let run = tool("ec-iam").args(["simulate", "--live", "--cache-arn", &cache, "--user", "app"]);
    let run = run.args(principal.into_iter().flat_map(|principal| ["--principal", principal]));
    let outcome = run.aws_as(&counting.url(), account).run();
    let document = outcome.document();
    let said = document["Principals"].as_array().into_iter().flatten().map(|principal| {
        let arn = principal["Arn"].as_str().unwrap_or_default();
        let name = arn.rsplit('/').next().unwrap_or_default();
        format!("{name}: {}", principal["Allowed"].as_str().unwrap_or_default())
    });
    (said.collect(), counting.calls().actions().len())
}

#[test]
fn the_live_account_of_ministack_answers_who_may_connect() {
    need!("ministack");
    let (account, url) = ("222200000010", Ministack::shared().url());
    furnish(&Aws::of_account(&url, account), "/team/");
    // ministack leaves boundaries out of the authorization details, and has them in GetRole.
    assert_eq!(who(&url, account, None), (vec!["anna: yes".into(), "app: yes".into(), "bounded: yes".into()], 1));
    assert_eq!(who(&url, account, Some("user/anna")), (vec!["anna: yes".into()], 10));
    assert_eq!(who(&url, account, Some("role/app")), (vec!["app: yes".into()], 6));
    assert_eq!(who(&url, account, Some("role/half")), (vec!["half: no".into()], 4));
    assert_eq!(who(&url, account, Some("role/bounded")), (vec!["bounded: no".into()], 7));
    let path = format!("arn:aws:iam::{account}:role/team/app");
    assert_eq!(who(&url, account, Some(&path)).0, ["app: yes"]);
    let session = format!("arn:aws:sts::{account}:assumed-role/half/i-0abc");
    assert_eq!(who(&url, account, Some(&session)).0, ["half: no"]);
}

#[test]
fn the_live_account_of_moto_answers_who_may_connect() {
    need!("moto_server");
    let (account, moto) = ("123456789012", Moto::start());
    furnish(&Aws::at(&moto.url()), "/team/");
    let (said, calls) = who(&moto.url(), account, None);
    assert_eq!(
        (said.iter().filter(|said| *said == "anna: yes" || *said == "app: yes").count(), calls),
        (2, 1),
        "{said:?}"
    );
    for (principal, expected) in [("user/anna", "anna: yes"), ("role/app", "app: yes"), ("role/half", "half: no")] {
        assert_eq!(who(&moto.url(), account, Some(principal)).0, [expected]);
    }
    let other = "arn:aws:iam::210987654321:role/team/app";
    let ask = |principal: &str| {
        let args = ["simulate", "--live", "--principal", principal, "--action", "elasticache:Connect"];
        tool("ec-iam").args(args).aws(&moto.url()).run()
    };
    ask(other).exits(4).says("role/app of account 210987654321 (EC2004)");
    ask("role/nobody").exits(4).says("there is no role/nobody in this account (EC2004)");
    ask("group/devs").exits(2).says("it makes no requests; the users in a group do");
}

#[test]
fn a_principal_is_compared_with_what_ministacks_simulator_says_of_it() {
    need!("ministack");
    let (account, url) = ("222200000011", Ministack::shared().url());
    // Its simulator finds nobody who has a path.
    furnish(&Aws::of_account(&url, account), "/");
    let cache = cache_of(account);
    let ask = |principal: &str| -> Outcome {
        let args =
            ["simulate", "--live", "--compare", "--principal", principal, "--cache-arn", &cache, "--user", "app"];
        tool("ec-iam").args(args).aws_as(&url, account).run()
    };
    let pairs = |outcome: &Outcome| {
        let document = outcome.document();
        let results = document["EvaluationResults"].as_array().unwrap().iter();
        results.map(|result| decisions(result).0.to_owned() + " " + decisions(result).1).collect::<Vec<_>>()
    };
    assert_eq!(pairs(&ask("role/app").ok()), ["allowed allowed", "allowed allowed"]);
    assert_eq!(pairs(&ask("role/half").ok()), ["allowed allowed", "implicitDeny implicitDeny"]);
    // Its simulator does not know boundaries.
    let bounded = ask("role/bounded").exits(1);
    assert_eq!(pairs(&bounded), ["allowed allowed", "implicitDeny allowed"]);
    let reasons = &bounded.document()["EvaluationResults"][1]["Ours"]["Reasons"];
    assert_eq!(reasons[0]["Layer"], "permissionsBoundary");
}

#[test]
fn what_aws_own_policy_gives_beyond_ours_is_told() {
    need!("moto_server");
    let url = Moto::shared().url();
    let like = |arn: &str, policy: &Value| {
        let args = ["simulate", "--policy", "/dev/stdin", "--like", arn];
        tool("ec-iam").args(args).aws(&url).stdin(policy.to_string()).run()
    };
    let full = "arn:aws:iam::aws:policy/AmazonElastiCacheFullAccess";
    let setup = serde_json::from_str(&tool("ec-iam").args(["policy", "--for", "setup"]).run().ok().stdout).unwrap();
    let document = like(full, &setup).exits(1).document();
    let lacks = |wanted: &str| -> Vec<&str> {
        let all = document["Lacks"].as_array().unwrap().iter().filter(|lack| lack["Allowed"] == wanted);
        all.map(|lack| lack["EvalActionName"].as_str().unwrap()).collect()
    };
    assert!(lacks("no").contains(&"elasticache:DeleteUser") && lacks("no").contains(&"kms:ListKeys"), "{document}");
    assert!(lacks("partly").contains(&"elasticache:CreateServerlessCache"), "{document}");
    for given in ["ec2:DescribeVpcs", "iam:CreateServiceLinkedRole", "ec2:CreateTags"] {
        assert!(!lacks("no").contains(&given) && !lacks("partly").contains(&given), "{given}: {document}");
    }
    assert_eq!(
        like(full, &policy(&json!({"Effect": "Allow", "Action": "*", "Resource": "*"}))).ok().document()["Lacks"],
        json!([])
    );
    like("arn:aws:iam::aws:policy/None", &setup).exits(4).says("there is no policy arn:aws:iam::aws:policy/None");
}

#[test]
fn without_a_simulator_there_is_no_comparison() {
    need!("moto_server");
    let args = ["simulate", "--policy", "/dev/stdin", "--compare", "--action", "elasticache:Connect"];
    let run = tool("ec-iam").args(args).aws(&Moto::shared().url()).stdin(connect(&json!("*")).to_string());
    let outcome = run.timeout(std::time::Duration::from_secs(120)).run().exits(5);
    assert_eq!(outcome.stdout, "");
    outcome.says("cannot ask AWS's simulator about elasticache:Connect on *");
}

/// The second page names nothing that could be allowed, and cannot be had.
#[test]
fn an_account_of_which_a_page_fails_is_not_judged() {
    let page = "<GetAccountAuthorizationDetailsResponse><GetAccountAuthorizationDetailsResult>\
                <IsTruncated>true</IsTruncated><Marker>2</Marker><UserDetailList><member><Path>/</Path>\
                <UserName>ann</UserName><UserId>AIDA1</UserId><Arn>arn:aws:iam::000000000000:user/ann</Arn></member></UserDetailList>\
                <GroupDetailList/><RoleDetailList/><Policies/></GetAccountAuthorizationDetailsResult>\
                </GetAccountAuthorizationDetailsResponse>";
    let canned = Canned::new().answer("GetAccountAuthorizationDetails", page).serve();
    let args = ["simulate", "--live", "--cache-arn", CACHE, "--user", "app"];
    // The paper has but one page, which names itself as the next.
    let outcome = tool("ec-iam").args(args).aws(&canned.url()).run().exits(5).says("IAM says that there is more");
    assert_eq!((outcome.stdout.as_str(), canned.calls().actions().len()), ("", 2));
    let second = |before: usize, _: &_| (before > 0).then_some(Fault::Broken);
    let failing = Failing::before(&canned.url(), second);
    let outcome = tool("ec-iam").args(args).aws(&failing.url()).timeout(std::time::Duration::from_secs(120)).run();
    assert_eq!(outcome.exits(5).stdout, "");
}

#[test]
fn the_policies_for_simulate_are_enough_and_without_each_action_the_action_is_named() {
    need!("ministack");
    let ministack = Ministack::start(&MinistackOptions { enforce_iam: true, ..MinistackOptions::default() });
    let url = ministack.url();
    let aws = Aws::at(&url);
    let account = element(&aws.call("sts", "GetCallerIdentity", &[]), "Account");
    furnish(&aws, "/");
    aws.call("iam", "CreateUser", &[("UserName", "operator")]);
    let key = aws.call("iam", "CreateAccessKey", &[("UserName", "operator")]);
    let (id, secret) = (element(&key, "AccessKeyId"), element(&key, "SecretAccessKey"));
    let cache = cache_of(&account);
    let ask = |flags: &[&str]| {
        let run = tool("ec-iam").args(["simulate", "--cache-arn", &cache, "--user", "app"]).args(flags).aws(&url);
        run.env("AWS_ACCESS_KEY_ID", &id).env("AWS_SECRET_ACCESS_KEY", &secret).run()
    };
    let anna = format!("arn:aws:iam::{account}:user/anna");
    let app = format!("arn:aws:iam::{account}:role/app");
    let cases: [(&str, &str, &[&str]); 4] = [
        ("ec-iam simulate --live", &app, &["--live"]),
        ("ec-iam simulate --live --principal", &anna, &["--live", "--principal", &anna]),
        ("ec-iam simulate --live --principal", &app, &["--live", "--principal", &app]),
        ("ec-iam simulate --compare", &app, &["--live", "--principal", &app, "--compare"]),
    ];
    for (purpose, principal, flags) in cases {
        let mut whole = needed(purpose, principal, &account);
        if purpose.ends_with("--compare") {
            let other = needed("ec-iam simulate --live --principal", principal, &account);
            whole["Statement"].as_array_mut().unwrap().extend(other["Statement"].as_array().unwrap().iter().cloned());
        }
        let put = |policy: &Value| {
            let text = policy.to_string();
            let put = [("UserName", "operator"), ("PolicyName", "needs"), ("PolicyDocument", text.as_str())];
            aws.call("iam", "PutUserPolicy", &put);
        };
        put(&whole);
        ask(flags).ok();
        let counting = Counting::before(&url);
        let run = tool("ec-iam").args(["simulate", "--cache-arn", &cache, "--user", "app"]).args(flags);
        run.aws(&counting.url()).env("AWS_ACCESS_KEY_ID", &id).env("AWS_SECRET_ACCESS_KEY", &secret).run().ok();
        let mut made = counting.calls().actions();
        made.sort_unstable();
        made.dedup();
        // The other way to ask the simulator takes policies, not a principal.
        let other = "iam:SimulateCustomPolicy";
        let allowed: BTreeSet<String> = actions(&whole).into_iter().filter(|action| action != other).collect();
        assert_eq!(allowed, made.iter().map(|action| format!("iam:{action}")).collect(), "{purpose}");
        for action in made {
            put(&without(&whole, &format!("iam:{action}")));
            ask(flags).exits(4).says(&format!("allow the action iam:{action}"));
        }
    }
}

fn actions(policy: &Value) -> BTreeSet<String> {
    let statements = policy["Statement"].as_array().into_iter().flatten();
    let actions = statements.filter_map(|statement| statement["Action"].as_array()).flatten();
    actions.filter_map(|action| action.as_str().map(str::to_owned)).collect()
}

/// What `ec-iam policy` prints for a purpose.
fn needed(purpose: &str, principal: &str, account: &str) -> Value {
    let args =
        ["policy", "--for", purpose, "--principal", principal, "--cache-arn", &cache_of(account), "--user", "app"];
    serde_json::from_str(&tool("ec-iam").args(args).run().ok().stdout).unwrap_or_default()
}

/// The policy without an action, which it has.
fn without(policy: &Value, action: &str) -> Value {
    let mut statements: Vec<Value> = policy["Statement"].as_array().cloned().unwrap_or_default();
    let mut taken = 0;
    for actions in statements.iter_mut().filter_map(|statement| statement["Action"].as_array_mut()) {
        let before = actions.len();
        actions.retain(|known| known != action);
        taken += before - actions.len();
    }
    assert!(taken > 0, "{action} is not in the policy");
    statements.retain(|statement| statement["Action"] != json!([]));
    // A policy has at least one.
    statements.push(json!({"Effect": "Allow", "Action": "sts:GetCallerIdentity", "Resource": "*"}));
    self::policy(&statements.into())
}
