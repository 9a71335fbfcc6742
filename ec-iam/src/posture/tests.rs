//! The whole section: which answer decides what, and that one missing answer leaves the rest.

use super::fake::{Fake, denied, report, root, row};
use super::*;
use crate::checks::Verdict::{No, NotApplicable, Unknown, Yes};
use crate::checks::{Check, Verdict};

/// The section on the first of July 2026.
fn section(source: &Fake) -> Section {
    let now: Timestamp = "2026-07-01T00:00:00Z".parse().unwrap();
    check(source, now.into())
}

fn verdicts(section: &Section) -> Vec<Verdict> {
    let rows: Vec<Check> = serde_json::from_value(section.facts["checks"].clone()).unwrap();
    rows.into_iter().map(|row| row.verdict).collect()
}

fn identity(arn: &str, is_temporary: bool) -> Who {
    let (account, region) = ("123456789012".into(), "us-east-1".into());
    Who::Present(Identity { arn: arn.into(), account, region, endpoint_url: None, is_temporary, expires_at: None })
}

#[test]
fn an_account_in_order_is_ok_and_says_where_to_sign_in() {
    let section = section(&Fake::default());
    assert_eq!((section.command.as_str(), section.status, section.findings.len()), ("check", Status::Ok, 0));
    assert_eq!(verdicts(&section), [Yes; 8]);
    assert_eq!(section.facts["sign_in_url"], "https://acme.signin.aws.amazon.com/console");
    assert_eq!(section.facts["portal_url"], "https://d-1234567890.awsapps.com/start");
    let lines = serde_json::json!({
        "sso_start_url": "https://d-1234567890.awsapps.com/start",
        "sso_region": "us-east-1",
        "sso_registration_scopes": "sso:account:access",
        "sso_account_id": "123456789012",
        "sso_role_name": "Administrators",
    });
    assert_eq!(section.facts["configure_sso"], lines);
}

#[test]
fn each_error_makes_it_no_and_warnings_do_not() {
    let good = root("true", true, "2020-01-01T00:00:00+00:00", false);
    let summary =
        |mfa, keys| Ok(source::Summary { has_mfa: Some(mfa), has_password: Some(true), has_keys: Some(keys) });
    let with = |rows: &[&str]| Fake { report: Ok(report(rows)), ..Fake::default() };
    let root_arn = "arn:aws:iam::123456789012:root";
    for (source, code, status) in [
        (Fake { who: Ok(identity(root_arn, true)), ..Fake::default() }, "EC2001", Status::No),
        (Fake { summary: summary(false, false), ..Fake::default() }, "EC2053", Status::No),
        (Fake { summary: summary(true, true), ..Fake::default() }, "EC2054", Status::No),
        (
            Fake { who: Ok(identity("arn:aws:iam::123456789012:user/a", false)), ..Fake::default() },
            "EC2002",
            Status::Ok,
        ),
        (with(&[&root("true", true, "2026-06-30T00:00:00+00:00", false)]), "EC2055", Status::Ok),
        (with(&[&good, &row("anna", false, false, Some("2020-01-01"))]), "EC2056", Status::Ok),
        (with(&[&good, &row("anna", true, false, None)]), "EC2057", Status::Ok),
        (Fake { instances: Ok(vec![]), roles: Ok(vec![]), ..Fake::default() }, "EC2058", Status::Ok),
        (Fake { assignments: Ok(vec![]), roles: Ok(vec![]), ..Fake::default() }, "EC2059", Status::Ok),
    ] {
        let section = section(&source);
        assert_eq!((section.findings[0].code.as_str(), section.status), (code, status));
        assert!(section.findings.iter().all(|finding| finding.fix.is_some()), "{code}");
    }
}

/// For every call that may be denied: which of the eight checks are then unknown.
#[test]
fn a_missing_permission_leaves_unknown_what_hangs_on_it_and_nothing_else() {
    let no = |service: &str, operation: &str| denied(service, operation);
    for (source, unknown) in [
        (Fake { who: Err(no("sts", "GetCallerIdentity")), ..Fake::default() }, &[0][..]),
        // The credential report tells as well.
        (Fake { summary: Err(no("iam", "GetAccountSummary")), ..Fake::default() }, &[]),
        (Fake { report: Err(no("iam", "GetCredentialReport")), ..Fake::default() }, &[3, 4, 5]),
        // The account's id does as well as its alias, and the roles as well as the instance.
        (Fake { alias: Err(no("iam", "ListAccountAliases")), ..Fake::default() }, &[]),
        (Fake { instances: Err(no("sso", "ListInstances")), ..Fake::default() }, &[]),
        (Fake { roles: Err(no("iam", "ListRoles")), ..Fake::default() }, &[]),
        (Fake { instances: Ok(vec![]), roles: Err(no("iam", "ListRoles")), ..Fake::default() }, &[6, 7]),
    ] {
        let section = section(&source);
        let expected: Vec<Verdict> = (0..8).map(|index| if unknown.contains(&index) { Unknown } else { Yes }).collect();
        assert_eq!(verdicts(&section), expected, "{:?}", section.reason);
        assert_eq!(section.status, if unknown.is_empty() { Status::Ok } else { Status::Unknown });
        assert_eq!(section.exit(), if unknown.is_empty() { Exit::Ok } else { Exit::No });
        assert!(section.findings.iter().all(|finding| finding.fix.as_ref().unwrap().starts_with("allow ")));
    }
}

#[test]
fn an_error_outweighs_what_is_not_known() {
    let summary = Ok(source::Summary { has_mfa: Some(false), has_password: Some(true), has_keys: Some(false) });
    let section = section(&Fake { summary, report: Err(denied("iam", "GetCredentialReport")), ..Fake::default() });
    assert_eq!(section.status, Status::No);
    assert_eq!(section.reason.as_deref(), Some("not determined: root use, access keys, MFA of IAM users"));
}

#[test]
fn without_credentials_nothing_else_is_asked() {
    let who = Err(Failure::new(&ec_shared::codes::NO_CREDENTIALS, "cannot load AWS credentials"));
    let source = Fake { who, ..Fake::default() };
    assert_eq!((section(&source).status, source.calls().len()), (Status::Error, 0));
}

#[test]
fn accounts_in_china_have_no_root_user_and_other_addresses() {
    let who = Ok(identity("arn:aws-cn:sts::123456789012:assumed-role/ops/cli", true));
    let section = section(&Fake { who, ..Fake::default() });
    assert_eq!(verdicts(&section)[1..4], [NotApplicable; 3]);
    assert_eq!(section.facts["portal_url"], "https://start.home.awsapps.cn/directory/d-1234567890");
    assert_eq!(section.status, Status::Ok);
}

#[test]
fn a_saved_arn_tells_the_kind_of_the_caller_and_no_more() {
    for (arn, verdict, code) in [
        ("arn:aws:iam::123456789012:root", No, Some("EC2001")),
        ("arn:aws:iam::123456789012:user/anna", No, Some("EC2002")),
        ("arn:aws:sts::123456789012:assumed-role/app/cli", Yes, None),
    ] {
        let section = section(&Fake { who: Ok(Who::Saved(arn.into())), ..Fake::default() });
        assert_eq!(verdicts(&section)[0], verdict);
        assert_eq!(section.findings.first().map(|finding| finding.code.as_str()), code);
        assert!(section.facts.get("credentials").is_none() && section.facts.get("region").is_none());
    }
}
