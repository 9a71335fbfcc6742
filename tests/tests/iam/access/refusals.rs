//! What is refused before anything is asked or written, with the code, the exit status and what to say instead.

use ec_tests::{Canned, Counting, Moto, need, tool};

use super::{Account, told_no_secret};

/// Flags, code and hint, where not a single call is made.
const UNHEARD: [(&[&str], &str, &str); 17] = [
    (&["--principal", "role/team/app"], "EC2003", "--principal role/app"),
    (&["--principal", "app"], "EC2003", "role/NAME"),
    (&["--principal", "arn:aws:iam::123456789012:instance-profile/app"], "EC2003", "get-instance-profile"),
    (&["--principal", "role/AWSReservedSSO_Admin_0123456789abcdef"], "EC2003", "permission-set/NAME"),
    (&["--principal", "role/x", "--session-duration", "PT2H"], "EC9008", "--assign-to"),
    (&["--principal", "permission-set/X", "--session-duration", "PT30M"], "EC9008", "PT1H to PT12H"),
    (&["--principal", "permission-set/X", "--session-duration", "PT13H"], "EC9008", "PT1H to PT12H"),
    (&["--principal", "permission-set/X", "--session-duration", "8h"], "EC9008", "PT1H to PT12H"),
    (&["--principal", "permission-set/X", "--assign-to", "group/g", "--account", "1234"], "EC9008", "twelve digits"),
    (&["--principal", "permission-set/X", "--assign-to", "devs"], "EC9008", "group/NAME"),
    (&["--principal", "permission-set/X", "--assign-to", "user/anna", "--member", "ben"], "EC9008", "--member"),
    (&["--principal", "permission-set/X", "--assign-to", "role/app"], "EC9008", "group/NAME"),
    (&["--principal", "user/anna", "--policy", "administrator"], "EC9008", "permission sets"),
    (&["--principal", "user/anna", "--trust", "saml/Okta"], "EC9008", "--trust"),
    (&["--principal", "group/devs", "--permissions-boundary", "arn:aws:iam::aws:policy/X"], "EC9008", "--trust"),
    (&["--principal", "role/x", "--permissions-boundary", "limits"], "EC9008", "arn:aws:iam::ACCOUNT:policy/NAME"),
    (
        &["--principal", "role/x", "--auth", "iam", "--access-string", "~* +@all"],
        "EC9008",
        "begin the access string with on",
    ),
];

#[test]
fn flags_that_make_no_sense_are_refused_before_any_call() {
    let canned = Canned::new().serve();
    for verb in ["plan", "apply"] {
        for (flags, code, hint) in UNHEARD {
            let args = [&[verb, "-n", "--error-format", "json"], flags].concat();
            let run = tool("ec-iam").args(args).aws(&canned.url()).run().exits(2);
            let error = run.error();
            assert_eq!(error["code"], code, "{}", run.told());
            assert!(error["hint"].as_str().is_some_and(|told| told.contains(hint)), "{hint}\n{}", run.told());
        }
    }
    assert_eq!(canned.calls().actions(), Vec::<String>::new());
}

#[test]
fn a_password_in_an_access_string_is_refused_before_any_call_and_told_to_nobody() {
    let canned = Canned::new().serve();
    for access in ["on >canary-password ~* +@all", "on ~* +@all #0123456789abcdef", "on canary-password ~* +@all"] {
        let args =
            ["apply", "--cache", "orders", "--auth", "iam", "--principal", "role/app", "--access-string", access];
        let run = tool("ec-iam").args(args).aws(&canned.url()).run().exits(2);
        told_no_secret(run, &["canary-password", "0123456789abcdef"]).says("EC9008").says("access string");
    }
    assert_eq!(canned.calls().actions(), Vec::<String>::new());
}

#[test]
fn whom_nobody_may_trust_is_refused_with_the_forms_that_there_are() {
    need!("moto_server");
    let account = Account::new();
    let counting = Counting::before(&Moto::shared().url());
    let elsewhere = "arn:aws:sts::123456789012:assumed-role/app/i-0abc";
    for (trust, more, code, exit, hint) in [
        ("anna", &[][..], "EC2092", 2, "saml/NAME"),
        ("group/devs", &[], "EC2092", 2, "saml/NAME"),
        ("user/*", &[], "EC2092", 2, "saml/NAME"),
        (elsewhere, &[], "EC2092", 2, "role/NAME"),
        ("arn:aws:iam::123456789012:root", &[], "EC2092", 2, "saml/NAME"),
        ("oidc/token.actions.githubusercontent.com", &[], "EC2092", 2, "--subject"),
        ("saml/Okta", &["--require-mfa"], "EC2092", 2, "leave --require-mfa away"),
        ("user/anna", &["--subject", "x"], "EC2092", 2, "leave --subject away"),
        ("saml/Nobody", &[], "EC2093", 4, "list-saml-providers"),
        ("oidc/accounts.example.com", &["--subject", "x"], "EC2093", 4, "list-open-id-connect-providers"),
        ("user/nobody", &[], "EC2093", 4, "list-users"),
    ] {
        let args = [&["apply", "--principal", "role/x", "--policy", "read-only", "--trust", trust], more].concat();
        let run = account.run(&counting.url(), &args, "").exits(exit);
        let error = &run.document()["iam"]["error"];
        assert_eq!(error["code"], code, "{}", run.told());
        assert!(error["hint"].as_str().is_some_and(|told| told.contains(hint)), "{hint}\n{}", run.told());
    }
    assert_eq!(counting.calls().writes(), Vec::<String>::new());
}

#[test]
fn who_is_not_in_the_account_is_given_nothing() {
    need!("moto_server");
    let account = Account::new();
    let counting = Counting::before(&Moto::shared().url());
    let cn = format!("arn:aws-cn:iam::{}:role/nobody", account.id);
    let gov = format!("arn:aws-us-gov:iam::{}:role/team/nobody", account.id);
    for principal in ["role/nobody", "user/nobody", "group/nobody", &cn, &gov] {
        let args = ["apply", "--policy", "read-only", "--principal", principal];
        let run = account.run(&counting.url(), &args, "").exits(4);
        assert_eq!(run.document()["iam"]["error"]["code"], "EC2004", "{}", run.told());
    }
    assert_eq!(counting.calls().writes(), Vec::<String>::new());
}

#[test]
fn the_arn_of_a_session_and_that_of_a_role_below_a_path_name_the_role() {
    need!("moto_server");
    let account = Account::new();
    account.aws.call(
        "iam",
        "CreateRole",
        &[("RoleName", "deep"), ("Path", "/team/eu/"), ("AssumeRolePolicyDocument", crate::TRUST)],
    );
    let session = format!("arn:aws:sts::{}:assumed-role/deep/i-0abc", account.id);
    for principal in [session, account.arn("role/team/eu/deep")] {
        let args = ["apply", "--policy", "read-only", "--principal", &principal];
        let run = account.run(&Moto::shared().url(), &args, "").ok();
        assert_eq!(run.document()["iam"]["principal"], "role/deep");
        let attached = account.aws.call("iam", "ListAttachedRolePolicies", &[("RoleName", "deep")]);
        assert!(attached.contains("AmazonElastiCacheReadOnlyAccess"), "{attached}");
        account.run(&Moto::shared().url(), &["revoke"], &run.stdout).ok();
    }
}
