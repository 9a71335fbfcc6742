//! What is read of a folder, and what is refused.

use std::fs;

use super::*;
use crate::checks::Verdict::{self, No, Unknown, Yes};
use crate::checks::{Check, Topic};
use crate::posture::check;
use crate::posture::fake::{ADMINISTRATOR, HEADER, INSTANCE, ROLE, SET, root, row};

const SUMMARY: &str =
    r#"{"SummaryMap":{"AccountMFAEnabled":1,"AccountPasswordPresent":1,"AccountAccessKeysPresent":0,"Users":2}}"#;
const CALLER: &str =
    r#"{"UserId":"AROAX:cli","Account":"123456789012","Arn":"arn:aws:sts::123456789012:assumed-role/ops/cli"}"#;

fn folder(files: &[(&str, &str)]) -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    for (name, text) in files {
        let path = folder.path().join(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, text).unwrap();
    }
    folder
}

/// The verdicts that the files give on the first of July 2026.
fn verdicts(files: &[(&str, &str)]) -> Vec<Verdict> {
    checks(files).into_iter().map(|check| check.verdict).collect()
}

fn checks(files: &[(&str, &str)]) -> Vec<Check> {
    let now: Timestamp = "2026-07-01T00:00:00Z".parse().unwrap();
    let section = check(&Files::read(folder(files).path()).unwrap(), now.into());
    serde_json::from_value(section.facts["checks"].clone()).unwrap()
}

fn about(topic: Topic, files: &[(&str, &str)]) -> Check {
    checks(files).into_iter().find(|check| check.check == topic).unwrap()
}

fn failure(files: &[(&str, &str)]) -> (&'static str, String) {
    let folder = folder(files);
    let failure = Files::read(folder.path()).unwrap_err();
    (failure.code().id, failure.to_string().replace(&folder.path().display().to_string(), "DIR"))
}

fn csv() -> String {
    let good = root("true", true, "2020-01-01T00:00:00+00:00", false);
    format!("{HEADER}\n{good}\n{}\n", row("anna", true, true, Some("2026-06-01")))
}

fn as_json(csv: &str, time: &str) -> String {
    let content = base64_simd::STANDARD.encode_to_string(csv);
    format!(r#"{{"Content":"{content}","ReportFormat":"text/csv","GeneratedTime":"{time}"}}"#)
}

fn details(roles: &str) -> String {
    format!(r#"{{"UserDetailList":[],"GroupDetailList":[],"RoleDetailList":[{roles}],"Policies":[]}}"#)
}

fn role(arn: &str, policy: &str) -> String {
    format!(r#"{{"Arn":"{arn}","AttachedManagedPolicies":[{{"PolicyName":"p","PolicyArn":"{policy}"}}]}}"#)
}

#[test]
fn every_answer_is_recognised_by_its_key_whatever_the_file_is_called() {
    let (csv, roles) = (csv(), details(&role(ROLE, ADMINISTRATOR)));
    let report = as_json(&csv, "2026-06-30T12:00:00+00:00");
    for report in [("b/report.json", &report), ("b/report.csv", &csv)] {
        let files = [("a.json", SUMMARY), (report.0, report.1), ("c.JSON", CALLER), ("d.json", &roles)];
        assert_eq!(verdicts(&files), [Yes; 8]);
    }
    assert_eq!(verdicts(&[("all.json", &[SUMMARY, &report, CALLER, &roles].join("\n"))]), [Yes; 8], "a stream");
}

#[test]
fn what_the_files_do_not_hold_is_unknown() {
    assert_eq!(verdicts(&[("a.json", SUMMARY)]), [Unknown, Yes, Yes, Unknown, Unknown, Unknown, Unknown, Unknown]);
    assert_eq!(verdicts(&[("a.csv", &csv())]), [Unknown, Yes, Yes, Yes, Yes, Yes, Unknown, Unknown]);
    assert_eq!(verdicts(&[("a.json", CALLER)])[..3], [Yes, Unknown, Unknown]);
}

#[test]
fn the_age_of_keys_is_told_as_of_the_report() {
    let files = folder(&[("a.json", &as_json(&csv(), "2030-01-01T00:00:00Z"))]);
    let files = Files::read(files.path()).unwrap();
    let section = check(&files, files.saved_at().unwrap());
    assert_eq!(section.findings.iter().filter(|finding| finding.code == "EC2056").count(), 1);
    assert_eq!(section.facts["credential_report_at"], "2030-01-01T00:00:00Z");
}

#[test]
fn of_two_reports_the_newer_one_counts() {
    let old = as_json(&format!("{HEADER}\n{}\n", row("anna", true, false, None)), "2025-01-01T00:00:00Z");
    let new = as_json(&csv(), "2026-06-01T00:00:00Z");
    for files in [[("a.json", &*old), ("b.json", &new)], [("a.json", &new), ("b.json", &old)]] {
        assert_eq!(about(Topic::UserMfa, &files).verdict, Yes);
    }
}

#[test]
fn identity_center_is_told_by_its_own_answers() {
    let instances = format!(r#"{{"Instances":[{{"InstanceArn":"{INSTANCE}","IdentityStoreId":"d-1234567890"}}]}}"#);
    let assigned = |account: &str| {
        format!(
            r#"{{"AccountAssignments":[{{"AccountId":"{account}","PermissionSetArn":"{SET}","PrincipalType":"GROUP","PrincipalId":"g-1"}}]}}"#
        )
    };
    let policies =
        format!(r#"{{"AttachedManagedPolicies":[{{"Name":"AdministratorAccess","Arn":"{ADMINISTRATOR}"}}]}}"#);
    let named = policies.replacen('{', &format!(r#"{{"PermissionSetArn":"{SET}","#), 1);
    let sets = format!(r#"{{"PermissionSets":["{SET}"]}}"#);
    let set = format!(r#"{{"PermissionSet":{{"Name":"Admins","PermissionSetArn":"{SET}"}}}}"#);
    let (ours, others) = (assigned("123456789012"), assigned("999999999999"));
    let all = |more: &[(&'static str, &str)]| {
        let base = [("a.json", CALLER), ("i.json", &instances)];
        let files: Vec<(&str, &str)> = base.into_iter().chain(more.iter().copied()).collect();
        about(Topic::Administrator, &files)
    };
    let told = all(&[("b.json", &ours), ("set-ps-1.json", &policies), ("n.json", &set)]);
    assert_eq!((told.verdict, told.detail.as_str()), (Yes, "group g-1 through permission set Admins"));
    assert_eq!(all(&[("b.json", &ours), ("x.json", &named)]).verdict, Yes, "a member of ours names the set");
    assert_eq!(all(&[("b.json", &ours)]).verdict, Unknown, "the policies are not among the files");
    assert_eq!(all(&[("b.json", &others), ("ps-1.json", &policies)]).verdict, Unknown, "that is another account");
    assert_eq!(all(&[("c.json", &sets), ("ps-1.json", r#"{"AttachedManagedPolicies":[]}"#)]).verdict, No);
    assert_eq!(all(&[("c.json", &sets), ("ps-1.json", &policies)]).verdict, Unknown, "nor is who holds it");
}

#[test]
fn the_path_of_a_role_may_hold_anything_that_prints() {
    let roles = [role("arn:aws:iam::123456789012:role/team!/$x/app", "p"), role(ROLE, ADMINISTRATOR)].join(",");
    assert_eq!(about(Topic::Administrator, &[("a.json", &details(&roles))]).verdict, Yes);
}

#[test]
fn details_that_were_filtered_do_not_prove_that_there_are_no_roles() {
    let center = |roles: &str| {
        about(
            Topic::IdentityCenter,
            &[("a.json", CALLER), ("d.json", &details(roles)), ("i.json", r#"{"Instances":[]}"#)],
        )
    };
    assert_eq!(center("").verdict, Unknown);
    let other = role(
        "arn:aws:iam::123456789012:role/aws-service-role/support.amazonaws.com/AWSServiceRoleForSupport",
        ADMINISTRATOR,
    );
    assert_eq!(center(&other).verdict, No, "an account in no organization");
}

#[test]
fn what_cannot_be_read_is_named_with_its_file_and_place() {
    let cannot = |why: &str| ("EC2051", format!("cannot take DIR/a.json for output of the AWS CLI: {why}"));
    for (text, why) in [
        (r#"{"SummaryMap": ["#, "invalid type: sequence, expected a map at line 1 column 15"),
        (r#"{"SummaryMap": {"Users": 1"#, "EOF while parsing an object at line 1 column 26"),
        (r#"{"AccountAliases":["a b"]}"#, "`a b` is no name, id or ARN at line 1 column 25"),
        (r#"{"UserDetailList":[{"Arn":"arn:\u001b[2J"}]}"#, r"`arn:\u{1b}[2J` is no ARN at line 1 column 42"),
        (r#"{"SummaryMap":{},"NextToken":"x"}"#, "the output is cut off"),
        (r#"{"RoleDetailList":[],"IsTruncated":true}"#, "the output is cut off"),
        (r#"{"Content":"%","ReportFormat":"text/csv"}"#, "Content is not in base64"),
        (r#"{"Content":"","ReportFormat":"text/csv","GeneratedTime":"now"}"#, "GeneratedTime is no time"),
    ] {
        assert_eq!(failure(&[("a.json", text)]), cannot(why));
    }
    let bad = format!("{HEADER}\nanna\n");
    let why = "line 2: the first line names 22 columns, this one has 1";
    for (name, text) in [("r.csv", bad.clone()), ("r.json", as_json(&bad, "2026-01-01T00:00:00Z"))] {
        let expected = format!("cannot read the credential report in DIR/{name}: {why}");
        assert_eq!(failure(&[(name, &text)]), ("EC2060", expected));
    }
}

#[test]
fn a_folder_without_any_answer_is_an_error_and_other_tables_are_left_alone() {
    let expected = ("EC2051", "there is no answer about an account below DIR".to_owned());
    assert_eq!(failure(&[]), expected);
    let keys = ("anna_accessKeys.csv", "Access key ID,Secret access key\nAKIAX,secret\n");
    let other = r#"{"Vpcs":[],"NextToken":"of no interest"}"#;
    assert_eq!(failure(&[keys, ("x.json", other), ("notes.txt", "no")]), expected);
}

#[test]
fn answers_of_two_accounts_are_refused() {
    let (code, message) = failure(&[("a.csv", &csv()), ("b.json", &CALLER.replace("123456789012", "999999999999"))]);
    assert_eq!(code, "EC2052");
    let expected = "cannot take DIR/a.csv and DIR/b.json together: one is about account 123456789012, the other about 999999999999";
    assert_eq!(message, expected);
}
