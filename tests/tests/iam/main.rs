//! ec-iam against both emulators, and against AWS's answers on paper where no emulator gives them.

mod access;
mod access_strings;
mod least_privilege;
mod policies;
mod posture;
mod simulate;
mod tokens;

use ec_tests::{Aws, Canned, Counting, Ministack, MinistackOptions, Moto, Outcome, Run, element, need, tool};
use serde_json::{Value, json};

const TRUST: &str = r#"{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Principal":{"Service":"ec2.amazonaws.com"},"Action":"sts:AssumeRole"}]}"#;
const PRINCIPALS: [&str; 3] = ["role/app", "user/anna", "group/devs"];
const OTHER: &str =
    r#"{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":"elasticache:DescribeUsers","Resource":"*"}]}"#;
const POLICY: &str = "ec-iam-connect-us-east-1-serverlesscache-orders-app";

/// What `ec-sg find` says of a cache whose users log in with IAM.
fn orders(account: &str) -> String {
    json!({
        "kind": "ec.connection", "format_version": "1.0", "id": "orders",
        "cache": {
            "name": "orders", "region": "us-east-1", "deployment": "serverless", "engine": "valkey", "endpoints": [],
            "arn": format!("arn:aws:elasticache:us-east-1:{account}:serverlesscache:orders"),
            "auth": {"kind": "rbac", "user_group_ids": ["orders-users"]},
        },
    })
    .to_string()
}

/// An account with one principal of each kind and an `ElastiCache` user, and no service-linked role.
fn furnish(aws: &Aws) {
    aws.call("iam", "CreateRole", &[("RoleName", "app"), ("AssumeRolePolicyDocument", TRUST)]);
    aws.call("iam", "CreateUser", &[("UserName", "anna")]);
    aws.call("iam", "CreateGroup", &[("GroupName", "devs")]);
    let user = [
        ("UserId", "app"),
        ("UserName", "app"),
        ("Engine", "valkey"),
        ("AccessString", "on ~* +@all"),
        ("AuthenticationMode.Type", "iam"),
    ];
    aws.call("elasticache", "CreateUser", &user);
}

/// Everything of IAM that `ec-iam apply` may touch.
fn state(aws: &Aws) -> Vec<(u16, String)> {
    let role = aws.try_call("iam", "ListRoles", &[("PathPrefix", "/aws-service-role/")]);
    let has_role = (role.0, role.1.contains("AWSServiceRoleFor").to_string());
    let policies = [("Role", "app"), ("User", "anna"), ("Group", "devs")].into_iter().map(|(kind, name)| {
        let answer = aws.try_call("iam", &format!("List{kind}Policies"), &[(&format!("{kind}Name"), name)]);
        (answer.0, ec_tests::elements(&answer.1, "member").join(","))
    });
    std::iter::once(has_role).chain(policies).collect()
}

fn statuses(outcome: &Outcome) -> (String, Vec<String>) {
    let iam = &outcome.document()["iam"];
    let states = iam["changes"].as_array().into_iter().flatten();
    let states = states.map(|change| format!("{} {}", change["action"], change["state"]).replace('"', ""));
    (iam["status"].as_str().unwrap_or_default().to_owned(), states.collect())
}

/// Applies twice and revokes; `run` starts a tool against the emulator at an address.
fn there_and_back(url: &str, aws: &Aws, account: &str, run: impl Fn(&str, Run) -> Run) {
    furnish(aws);
    let before = state(aws);
    for principal in PRINCIPALS {
        let counting = Counting::before(url);
        let ec_iam =
            |verb: &[&str], document: &str| run(&counting.url(), tool("ec-iam").args(verb)).stdin(document).run().ok();

        let applied = ec_iam(&["apply", "--principal", principal, "--user", "app"], &orders(account));
        assert_eq!(
            statuses(&applied),
            ("changed".into(), vec!["create done".into(), "attach done".into()]),
            "{principal}"
        );
        assert_eq!(counting.calls().writes().len(), 2);
        assert_eq!(applied.document()["iam"]["principal"], principal);

        counting.calls().clear();
        let again = ec_iam(&["apply"], &applied.stdout);
        assert_eq!(statuses(&again).0, "unchanged", "{principal}");
        assert_eq!(counting.calls().writes(), Vec::<String>::new(), "{principal}");
        assert_eq!(counting.calls().actions().len(), 3, "users, role, policy: {:?}", counting.calls().actions());

        let revoked = ec_iam(&["revoke"], &again.stdout);
        assert_eq!(statuses(&revoked).0, "changed", "{principal}");
        assert_eq!(state(aws), before, "{principal}");

        let once_more = ec_iam(&["revoke"], &revoked.stdout);
        assert_eq!(statuses(&once_more).0, "skipped", "{principal}");
    }
}

#[test]
fn on_ministack_two_applies_and_a_revoke_leave_the_account_as_it_was() {
    need!("ministack");
    let account = "222200000001";
    let url = Ministack::shared().url();
    there_and_back(&url, &Aws::of_account(&url, account), account, |at, run| run.aws_as(at, account));
}

#[test]
fn on_moto_two_applies_and_a_revoke_leave_the_account_as_it_was() {
    need!("moto_server");
    let moto = Moto::start();
    there_and_back(&moto.url(), &Aws::at(&moto.url()), "123456789012", |at, run| run.aws(at));
}

#[test]
fn in_another_account_than_expected_nothing_is_asked_further() {
    need!("moto_server");
    let counting = Counting::before(&Moto::shared().url());
    let run = |account: &str, verb: &[&str]| {
        counting.calls().clear();
        tool("ec-iam").args(verb).args(["-n", "--expect-account", account]).aws(&counting.url()).run()
    };
    for verb in ["plan", "apply", "check", "whoami"] {
        run("999999999999", &[verb]).exits(4).says("EC2017");
        assert_eq!(counting.calls().actions(), ["GetCallerIdentity"], "{verb}");
    }
    run("123456789012", &["plan"]).ok();
}

#[test]
fn the_policy_that_iam_holds_names_the_cache_and_the_user_and_nothing_else() {
    need!("moto_server");
    let moto = Moto::shared();
    let aws = Aws::at(&moto.url());
    aws.call("iam", "CreateRole", &[("RoleName", "exact"), ("AssumeRolePolicyDocument", TRUST)]);
    aws.call(
        "elasticache",
        "CreateUser",
        &[
            ("UserId", "exact"),
            ("UserName", "exact"),
            ("Engine", "valkey"),
            ("AccessString", "on ~* +@all"),
            ("AuthenticationMode.Type", "iam"),
        ],
    );
    let apply = ["apply", "--principal", "role/exact", "--user", "exact"];
    tool("ec-iam").args(apply).aws(&moto.url()).stdin(orders("123456789012")).run().ok();
    let held = aws.call(
        "iam",
        "GetRolePolicy",
        &[("RoleName", "exact"), ("PolicyName", "ec-iam-connect-us-east-1-serverlesscache-orders-exact")],
    );
    for expected in ["elasticache%3AConnect", "serverlesscache%3Aorders", "user%3Aexact"] {
        assert_eq!(held.matches(expected).count(), 1, "{expected}: {held}");
    }
    assert!(!held.contains('*') && !held.contains("%2A"), "{held}");
}

#[test]
fn a_plan_writes_nothing_and_apply_takes_it_up() {
    need!("ministack");
    let (account, url) = ("222200000002", Ministack::shared().url());
    let aws = Aws::of_account(&url, account);
    furnish(&aws);
    let before = state(&aws);
    let counting = Counting::before(&url);
    let run = |verb: &[&str], document: &str| {
        tool("ec-iam").args(verb).aws_as(&counting.url(), account).stdin(document).run()
    };

    let plan = ["plan", "--principal", "role/app", "--user", "app"];
    let planned = run(&plan, &orders(account)).ok();
    assert_eq!(statuses(&planned), ("planned".into(), vec!["create planned".into(), "attach planned".into()]));
    run(&[&plan[..], &["--detailed-exitcode"]].concat(), &orders(account)).exits(1);
    assert_eq!(counting.calls().writes(), Vec::<String>::new());
    assert_eq!(state(&aws), before);

    run(&["apply", "--principal", "user/anna"], &planned.stdout).exits(4).says("EC2012");
    let applied = run(&["apply"], &planned.stdout).ok();
    assert_eq!(statuses(&applied).0, "changed");
    run(&[&plan[..], &["--detailed-exitcode"]].concat(), &applied.stdout).ok();
}

#[test]
fn a_policy_that_was_there_before_comes_back() {
    need!("ministack");
    let (account, url) = ("222200000003", Ministack::shared().url());
    let aws = Aws::of_account(&url, account);
    furnish(&aws);
    let earlier =
        r#"{"Version":"2012-10-17","Statement":[{"Effect":"Deny","Action":"elasticache:Connect","Resource":"*"}]}"#;
    let put = [("RoleName", "app"), ("PolicyName", POLICY), ("PolicyDocument", earlier)];
    aws.call("iam", "PutRolePolicy", &put);
    let held = || aws.call("iam", "GetRolePolicy", &put[..2]).to_lowercase();
    let run =
        |verb: &[&str], document: &str| tool("ec-iam").args(verb).aws_as(&url, account).stdin(document).run().ok();

    let applied = run(&["apply", "--principal", "role/app", "--user", "app"], &orders(account));
    assert!(held().contains("allow"));
    run(&["revoke"], &applied.stdout);
    assert!(held().contains("deny"));

    aws.call("iam", "PutRolePolicy", &put);
    let applied = run(&["apply", "--principal", "role/app", "--user", "app"], &orders(account));
    aws.call("iam", "PutRolePolicy", &[put[0], put[1], ("PolicyDocument", OTHER)]);
    let edited = tool("ec-iam").args(["revoke"]).aws_as(&url, account).stdin(applied.stdout).run().exits(1);
    assert_eq!(edited.document()["iam"]["findings"][0]["code"], "EC2015");
    assert!(!held().contains("deny"));
}

#[test]
fn without_a_user_group_nobody_needs_a_permission() {
    need!("ministack");
    let (account, url) = ("222200000007", Ministack::shared().url());
    let aws = Aws::of_account(&url, account);
    furnish(&aws);
    aws.call("elasticache", "CreateServerlessCache", &[("ServerlessCacheName", "open"), ("Engine", "valkey")]);
    let apply = ["apply", "--cache", "open", "--principal", "role/app"];
    let applied = tool("ec-iam").args(apply).aws_as(&url, account).run().ok();
    let document = applied.document();
    assert_eq!(document["iam"]["findings"][0]["code"], "EC2005");
    assert_eq!(statuses(&applied), ("changed".into(), vec!["create done".into()]));
    assert_eq!(document["cache"]["auth"]["kind"], "none");
    assert!(document["cache"]["arn"].as_str().is_some_and(|arn| arn.ends_with("serverlesscache:open")));
}

#[test]
fn users_with_passwords_need_no_permission_unless_they_are_named() {
    need!("ministack");
    let (account, url) = ("222200000004", Ministack::shared().url());
    let aws = Aws::of_account(&url, account);
    furnish(&aws);
    let group = [("UserGroupId", "orders-users"), ("Engine", "valkey"), ("UserIds.member.1", "app")];
    aws.call("elasticache", "CreateUserGroup", &group);
    let run = |more: &[&str]| {
        let args = ["apply", "--principal", "role/app"].iter().chain(more);
        tool("ec-iam").args(args).aws_as(&url, account).stdin(orders(account)).run().ok()
    };
    let unnamed = run(&[]);
    assert_eq!(unnamed.document()["iam"]["findings"][0]["code"], "EC2005");
    assert_eq!(statuses(&unnamed).1, ["create done"]);
    let named = run(&["--user", "app"]);
    assert_eq!(named.document()["iam"]["findings"][0]["code"], "EC2008");
    assert_eq!(statuses(&named).1, ["create unchanged", "attach done"]);
}

#[test]
fn what_does_not_exist_is_refused_before_anything_is_written() {
    need!("ministack");
    let (account, url) = ("222200000005", Ministack::shared().url());
    furnish(&Aws::of_account(&url, account));
    let counting = Counting::before(&url);
    for (args, code, exit) in [
        (["--principal", "role/nobody", "--user", "app"], "EC2004", 4),
        (["--principal", "group/nobody", "--user", "app"], "EC2004", 4),
        (["--principal", "arn:aws:iam::999999999999:role/app", "--user", "app"], "EC2004", 4),
        (["--principal", "role/app", "--user", "nobody"], "EC9106", 4),
        (["--principal", "role/app", "--cache", "nothing"], "EC9106", 4),
    ] {
        let run =
            tool("ec-iam").args(["apply"]).args(args).aws_as(&counting.url(), account).stdin(orders(account)).run();
        let document = run.exits(exit).document();
        assert_eq!(document["iam"]["error"]["code"], code, "{args:?}");
        assert_eq!(document["ok"], false);
    }
    assert_eq!(counting.calls().writes(), Vec::<String>::new());
}

#[test]
fn whoami_tells_the_account_and_that_root_is_wrong() {
    need!("ministack", "moto_server");
    let url = Ministack::shared().url();
    let root = tool("ec-iam").args(["whoami", "-n"]).aws_as(&url, "222200000006").run().exits(1).document();
    assert_eq!((&root["iam"]["account"], &root["iam"]["kind"]), (&json!("222200000006"), &json!("root")));
    assert_eq!(root["iam"]["findings"][0]["code"], "EC2001");
    let user =
        tool("ec-iam").args(["whoami"]).aws(&Moto::shared().url()).stdin(orders("123456789012")).run().ok().document();
    assert_eq!((&user["iam"]["kind"], &user["cache"]["name"]), (&json!("iam_user"), &json!("orders")));
    assert_eq!(user["iam"]["findings"][0]["code"], "EC2002");
}

#[test]
fn whoami_tells_a_role_session_apart_and_when_it_ends() {
    let canned = Canned::new()
        .answer("GetCallerIdentity", identity("arn:aws:sts::123456789012:assumed-role/app/i-0123456789abcdef0"))
        .serve();
    let run = tool("ec-iam").args(["whoami", "-n"]).aws(&canned.url()).env("AWS_SESSION_TOKEN", "session").run().ok();
    let iam = &run.document()["iam"];
    assert_eq!((&iam["kind"], &iam["credentials"]), (&json!("ec2_instance"), &json!("temporary")));
    assert_eq!(iam["identity"], "role/app");
    assert_eq!(iam["findings"], Value::Null);
}

#[test]
fn without_credentials_it_says_where_to_sign_up_and_the_document_still_leaves() {
    let run =
        tool("ec-iam").args(["whoami"]).env("AWS_REGION", "us-east-1").stdin(orders("123456789012")).run().exits(3);
    assert_eq!(run.document()["iam"]["error"]["code"], "EC9102");
    assert_eq!(run.document()["cache"]["name"], "orders");
    run.says("https://portal.aws.amazon.com/billing/signup");
}

#[test]
fn credentials_that_have_expired_are_told_as_such() {
    let canned = Canned::new().error("GetCallerIdentity", 403, "ExpiredToken", "The security token is expired").serve();
    let run = tool("ec-iam").args(["whoami", "-n"]).aws(&canned.url()).run().exits(3);
    assert_eq!(run.document()["iam"]["error"]["code"], "EC9103");
}

#[test]
fn a_denied_call_names_the_action_and_our_own_policies_are_enough() {
    need!("ministack");
    let ministack = Ministack::start(&MinistackOptions { enforce_iam: true, ..MinistackOptions::default() });
    let aws = Aws::at(&ministack.url());
    furnish(&aws);
    aws.call("iam", "CreateUser", &[("UserName", "operator")]);
    let key = aws.call("iam", "CreateAccessKey", &[("UserName", "operator")]);
    let (id, secret) = (element(&key, "AccessKeyId"), element(&key, "SecretAccessKey"));
    let account = element(&aws.call("sts", "GetCallerIdentity", &[]), "Account");
    let run = |verb: &[&str], document: &str| {
        let run = tool("ec-iam").args(verb).aws(&ministack.url()).stdin(document);
        run.env("AWS_ACCESS_KEY_ID", &id).env("AWS_SECRET_ACCESS_KEY", &secret).run()
    };
    let allow = |verb: &str| {
        let args = ["policy", "--for", verb, "--principal", "role/app"];
        let mut policy: Value = serde_json::from_str(&tool("ec-iam").args(args).run().ok().stdout).unwrap();
        // ministack decides on calls about service-linked roles without their resource and without iam:AWSServiceName.
        for statement in policy["Statement"].as_array_mut().unwrap() {
            if statement["Sid"].as_str().is_some_and(|sid| sid.ends_with("ServiceLinkedRole")) {
                statement["Resource"] = json!("*");
                statement.as_object_mut().unwrap().remove("Condition");
            }
        }
        let text = policy.to_string();
        let put = [("UserName", "operator"), ("PolicyName", "needs"), ("PolicyDocument", text.as_str())];
        aws.call("iam", "PutUserPolicy", &put);
    };

    let apply = ["apply", "--principal", "role/app", "--user", "app"];
    let denied = run(&apply, &orders(&account)).exits(4).says("allow the action iam:ListRoles");
    assert_eq!(denied.document()["iam"]["error"]["code"], "EC9105");

    allow("ec-iam plan");
    let planned = run(&["plan", "--principal", "role/app", "--user", "app"], &orders(&account)).ok();
    let half = run(&["apply"], &planned.stdout).exits(4).says("allow the action iam:CreateServiceLinkedRole");
    assert_eq!(statuses(&half).1, ["create failed", "attach planned"]);

    allow("ec-iam apply");
    let applied = run(&apply, &orders(&account)).ok();
    assert_eq!(statuses(&applied).1, ["create done", "attach done"]);

    allow("ec-iam revoke");
    assert_eq!(statuses(&run(&["revoke"], &applied.stdout).ok()).0, "changed");
}

#[test]
fn the_only_iam_user_of_the_caches_group_is_found() {
    let canned = paper_account().serve();
    let run =
        tool("ec-iam").args(["plan", "--cache", "orders", "--principal", "role/app"]).aws(&canned.url()).run().ok();
    let iam = &run.document()["iam"];
    assert_eq!((&iam["user"], &iam["status"]), (&json!("app"), &json!("planned")));
    let resources = &iam["changes"][1]["after"]["Statement"][0]["Resource"];
    assert_eq!(
        *resources,
        json!([
            "arn:aws:elasticache:us-east-1:123456789012:serverlesscache:orders",
            "arn:aws:elasticache:us-east-1:123456789012:user:app",
        ])
    );
}

#[test]
fn a_role_that_somebody_else_has_just_created_is_success_and_waiting_has_an_end() {
    let taken =
        "Service role name AWSServiceRoleForElastiCache has been taken in this account, please try a different suffix.";
    let canned = Canned::new()
        .answer("ListRoles", roles(""))
        .error("CreateServiceLinkedRole", 400, "InvalidInput", taken)
        .serve();
    let run = tool("ec-iam").args(["apply", "-n", "--timeout", "1s"]).aws(&canned.url()).run().exits(5).says("EC2013");
    assert_eq!(statuses(&run), ("error".into(), vec!["create unknown".into()]));
    assert_eq!(canned.calls().writes(), ["CreateServiceLinkedRole"]);
}

#[test]
fn a_service_linked_role_in_use_stays_and_that_is_no_error() {
    let arn = "arn:aws:iam::123456789012:role/aws-service-role/elasticache.amazonaws.com/AWSServiceRoleForElastiCache";
    let status =
        "<Status>FAILED</Status><Reason><Reason>A service-linked role is required for ElastiCache.</Reason></Reason>";
    let role = format!(
        "<member><Path>/</Path><RoleName>AWSServiceRoleForElastiCache</RoleName><RoleId>AROAEXAMPLE</RoleId>\
         <Arn>{arn}</Arn><CreateDate>2024-01-01T00:00:00Z</CreateDate></member>"
    );
    let canned = Canned::new()
        .answer("ListRoles", roles(&role))
        .answer("DeleteServiceLinkedRole", answer("DeleteServiceLinkedRole", "<DeletionTaskId>task/1</DeletionTaskId>"))
        .answer("GetServiceLinkedRoleDeletionStatus", answer("GetServiceLinkedRoleDeletionStatus", status))
        .serve();
    let document = json!({
        "kind": "ec.connection", "format_version": "1.0",
        "iam": {"command": "apply", "status": "changed", "changes": [{
            "action": "create", "resource": "service-linked role of elasticache.amazonaws.com", "id": arn, "state": "done",
        }]},
    });
    let run = tool("ec-iam").args(["revoke"]).aws(&canned.url()).stdin(document.to_string()).run().ok();
    assert_eq!(run.document()["iam"]["findings"][0]["code"], "EC2014");
    assert_eq!(statuses(&run), ("unchanged".into(), vec!["create done".into(), "delete unchanged".into()]));
}

/// A caller, as STS answers.
fn identity(arn: &str) -> String {
    answer("GetCallerIdentity", &format!("<Arn>{arn}</Arn><UserId>AROAEXAMPLE</UserId><Account>123456789012</Account>"))
}

fn roles(members: &str) -> String {
    answer("ListRoles", &format!("<Roles>{members}</Roles><IsTruncated>false</IsTruncated>"))
}

fn answer(action: &str, result: &str) -> String {
    format!("<{action}Response><{action}Result>{result}</{action}Result></{action}Response>")
}

/// An account of AWS with a cache, its user group, and a role; with the users that no emulator has.
fn paper_account() -> Canned {
    let cache = "<ServerlessCaches><member><ServerlessCacheName>orders</ServerlessCacheName><Status>available</Status>\
        <Engine>valkey</Engine><ARN>arn:aws:elasticache:us-east-1:123456789012:serverlesscache:orders</ARN>\
        <UserGroupId>orders-users</UserGroupId></member></ServerlessCaches>";
    let user = |id: &str, kind: &str, group: &str| {
        format!(
            "<member><UserId>{id}</UserId><UserName>{id}</UserName><Status>active</Status><Engine>valkey</Engine>\
             <UserGroupIds><member>{group}</member></UserGroupIds><Authentication><Type>{kind}</Type></Authentication></member>"
        )
    };
    let users =
        [user("admin", "password", "orders-users"), user("app", "iam", "orders-users"), user("web", "iam", "other")];
    let role = "<Role><Path>/</Path><RoleName>app</RoleName><RoleId>AROAEXAMPLE</RoleId>\
        <Arn>arn:aws:iam::123456789012:role/app</Arn><CreateDate>2024-01-01T00:00:00Z</CreateDate></Role>";
    Canned::new()
        .answer("DescribeServerlessCaches", answer("DescribeServerlessCaches", cache))
        .error("DescribeReplicationGroups", 404, "ReplicationGroupNotFoundFault", "not found")
        .error("DescribeCacheClusters", 404, "CacheClusterNotFound", "not found")
        .answer("DescribeUsers", answer("DescribeUsers", &format!("<Users>{}</Users>", users.concat())))
        .answer("ListRoles", roles(""))
        .error("GetRolePolicy", 404, "NoSuchEntity", "The role policy with name x cannot be found.")
        .answer("GetRole", answer("GetRole", role))
}
