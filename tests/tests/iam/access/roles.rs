//! Roles that people and programs from elsewhere work under, and policies on users and groups.

use ec_tests::{Failing, Fault, Moto, element, need, percent_decoded, sh};
use serde_json::{Value, json};

use super::{Account, Way, codes, there_and_back};
use crate::statuses;

const MANAGED: &str = "arn:aws:iam::aws:policy/AmazonElastiCache";

fn back_and_forth(account: &Account, way: &Way<'_>, look: impl FnOnce()) -> Vec<String> {
    there_and_back(account, &Moto::shared().url(), way, || account.iam(), look)
}

fn role(account: &Account, name: &str) -> String {
    account.aws.call("iam", "GetRole", &[("RoleName", name)])
}

/// The trust policy of a role, as IAM tells it.
fn trust(account: &Account, name: &str) -> Value {
    let text = element(&role(account, name), "AssumeRolePolicyDocument");
    let text = percent_decoded(&text.replace("&quot;", "\""));
    serde_json::from_str(&text).unwrap_or_default()
}

fn allows(who: &Value, action: &str, condition: &Value) -> Value {
    json!({"Version": "2012-10-17", "Statement": [
        {"Effect": "Allow", "Principal": who, "Action": action, "Condition": condition}
    ]})
}

#[test]
fn people_of_a_saml_provider_get_a_role_within_a_boundary() {
    need!("moto_server");
    let account = Account::new();
    let limits = account.arn("policy/limits");
    let way = Way {
        args: &[
            "--principal",
            "role/people",
            "--trust",
            "saml/Okta",
            "--policy",
            "read-only",
            "--permissions-boundary",
            &limits,
        ],
        writes: &["CreateServiceLinkedRole", "CreateRole", "PutRolePermissionsBoundary", "AttachRolePolicy"],
        takes_back: &["DetachRolePolicy", "DeleteRolePermissionsBoundary", "DeleteRole", "DeleteServiceLinkedRole"],
        ..Way::default()
    };
    back_and_forth(&account, &way, || {
        let (who, audience) = (account.arn("saml-provider/Okta"), "https://signin.aws.amazon.com/saml");
        let expected = allows(
            &json!({"Federated": who}),
            "sts:AssumeRoleWithSAML",
            &json!({"StringEquals": {"SAML:aud": audience}}),
        );
        assert_eq!(trust(&account, "people"), expected);
        assert_eq!(element(&role(&account, "people"), "PermissionsBoundaryArn"), limits);
        let attached = account.aws.call("iam", "ListAttachedRolePolicies", &[("RoleName", "people")]);
        assert_eq!(element(&attached, "PolicyArn"), format!("{MANAGED}ReadOnlyAccess"));
    });
}

#[test]
fn a_program_with_a_web_identity_gets_a_role_to_set_caches_up() {
    need!("moto_server");
    let account = Account::new();
    let way = Way {
        args: &[
            "--principal",
            "role/ci",
            "--trust",
            "oidc/https://token.actions.githubusercontent.com",
            "--subject",
            "repo:org/app:*",
            "--policy",
            "setup",
        ],
        writes: &["CreateServiceLinkedRole", "CreateRole", "PutRolePolicy"],
        takes_back: &["DeleteRolePolicy", "DeleteRole", "DeleteServiceLinkedRole"],
        ..Way::default()
    };
    back_and_forth(&account, &way, || {
        let expected = allows(
            &json!({"Federated": account.arn("oidc-provider/token.actions.githubusercontent.com")}),
            "sts:AssumeRoleWithWebIdentity",
            &json!({
                "StringEquals": {"token.actions.githubusercontent.com:aud": "sts.amazonaws.com"},
                "StringLike": {"token.actions.githubusercontent.com:sub": "repo:org/app:*"},
            }),
        );
        assert_eq!(trust(&account, "ci"), expected);
        let setup = [("RoleName", "ci"), ("PolicyName", "ec-iam-setup")];
        let setup = percent_decoded(&account.aws.call("iam", "GetRolePolicy", &setup));
        assert!(setup.contains("CreateServerlessCache") && !setup.contains("\"Action\": \"*\""), "{setup}");
    });
}

#[test]
fn a_user_below_a_path_gets_a_role_with_mfa_and_is_trusted_by_the_real_arn() {
    need!("moto_server");
    let account = Account::new();
    let way = Way {
        args: &["--principal", "role/ops", "--trust", "user/anna", "--require-mfa", "--policy", "full-access"],
        writes: &["CreateServiceLinkedRole", "CreateRole", "AttachRolePolicy"],
        takes_back: &["DetachRolePolicy", "DeleteRole", "DeleteServiceLinkedRole"],
        ..Way::default()
    };
    back_and_forth(&account, &way, || {
        let expected = allows(
            &json!({"AWS": account.arn("user/people/anna")}),
            "sts:AssumeRole",
            &json!({"Bool": {"aws:MultiFactorAuthPresent": "true"}}),
        );
        assert_eq!(trust(&account, "ops"), expected);
    });
}

#[test]
fn a_policy_on_a_user_or_group_works_and_is_not_recommended() {
    need!("moto_server");
    let account = Account::new();
    let iam = |action: &str, kind: &str, name: &str| account.aws.call("iam", action, &[(kind, name)]);
    let user = Way {
        args: &["--principal", "user/anna", "--policy", "full-access"],
        writes: &["CreateServiceLinkedRole", "AttachUserPolicy"],
        takes_back: &["DetachUserPolicy", "DeleteServiceLinkedRole"],
        ..Way::default()
    };
    let found = back_and_forth(&account, &user, || {
        let attached = iam("ListAttachedUserPolicies", "UserName", "anna");
        assert_eq!(element(&attached, "PolicyArn"), format!("{MANAGED}FullAccess"));
    });
    assert_eq!(found, ["EC2090"]);
    let group = Way {
        args: &["--principal", "group/devs", "--policy", "setup"],
        writes: &["CreateServiceLinkedRole", "PutGroupPolicy"],
        takes_back: &["DeleteGroupPolicy", "DeleteServiceLinkedRole"],
        ..Way::default()
    };
    let found = back_and_forth(&account, &group, || {
        assert_eq!(element(&iam("ListGroupPolicies", "GroupName", "devs"), "member"), "ec-iam-setup");
    });
    assert_eq!(found, ["EC2090"]);
}

#[test]
fn a_plan_goes_through_a_pipe_to_apply_and_back() {
    need!("moto_server");
    let account = Account::new();
    let before = account.iam();
    let plan = "ec-iam plan -n --principal role/ops --trust user/anna --policy read-only";
    let pipe = |script: &str| sh(script).aws(&Moto::shared().url()).env("AWS_ACCESS_KEY_ID", &account.key).run().ok();
    let applied = pipe(&format!("{plan} | ec-iam apply"));
    assert_eq!(statuses(&applied).1, ["create done", "create done", "attach done"]);
    assert!(role(&account, "ops").contains("<RoleName>ops</RoleName>"));
    account.run(&Moto::shared().url(), &["revoke"], &applied.stdout).ok();
    pipe(&format!("{plan} | ec-iam apply | ec-iam apply | ec-iam revoke"));
    assert_eq!(account.iam(), before);
}

#[test]
fn a_role_that_somebody_else_trusts_otherwise_is_left_alone() {
    need!("moto_server");
    let account = Account::new();
    let before = account.iam();
    // `app` is for EC2.
    let args = ["--principal", "role/app", "--trust", "user/anna", "--policy", "read-only"];
    for verb in ["plan", "apply"] {
        let run = account.run(&Moto::shared().url(), &[&[verb], &args[..]].concat(), "").exits(1);
        assert_eq!((statuses(&run).0, codes(&run)), ("no".into(), vec!["EC2091".into()]), "{}", run.told());
    }
    assert_eq!(account.iam(), before);
}

#[test]
fn what_stopped_halfway_goes_on_as_it_was_asked_for_without_the_flags() {
    need!("moto_server");
    let (account, url) = (Account::new(), Moto::shared().url());
    let (before, limits) = (account.iam(), account.arn("policy/limits"));
    let plan = ["plan", "--principal", "role/people", "--trust", "saml/Okta", "--policy", "read-only"];
    let plan = account.run(&url, &[&plan[..], &["--permissions-boundary", &limits]].concat(), "").ok();
    let failing =
        Failing::before(&url, |_, call| (call.action == "PutRolePermissionsBoundary").then_some(Fault::Denied));
    let stopped = account.run(&failing.url(), &["apply"], &plan.stdout).exits(6);
    assert_eq!(statuses(&stopped).1, ["create done", "create done", "attach failed", "attach planned"]);

    let applied = account.run(&url, &["apply"], &stopped.stdout).ok();
    assert_eq!(statuses(&applied).1, ["create done", "create done", "attach done", "attach done"]);
    assert_eq!(element(&role(&account, "people"), "PermissionsBoundaryArn"), limits);
    account.run(&url, &["revoke"], &applied.stdout).ok();
    assert_eq!(account.iam(), before);
}
