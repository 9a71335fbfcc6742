//! IAM users: how old their access keys are, and whether MFA guards their passwords.

use std::cmp::Reverse;

use ec_shared::Failure;
use ec_shared::document::{Finding, Severity};
use jiff::Timestamp;
use serde::Serialize;

use super::credentials::CredentialReport;
use super::{Answer, days_between};
use crate::checks::{Checks, Topic};
use crate::codes;

/// The age in days from which on a key is a finding, as in the CIS benchmark and AWS Security Hub (IAM.3).
const OLD_DAYS: i64 = 90;
/// How many users a summary names; the evidence names all.
const SHOWN: usize = 3;

/// An active access key.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
struct Aged {
    user: String,
    age_days: Option<i64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    last_used: Option<String>,
}

/// Both checks.
pub(super) fn check(report: &Answer<CredentialReport>, now: Timestamp, checks: &mut Checks) {
    match report {
        Ok(report) => {
            keys(report, now, checks);
            mfa(report, checks);
        }
        Err(failure) => {
            checks.unknown(Topic::AccessKeys, &[failure]);
            checks.unknown(Topic::UserMfa, &[failure]);
        }
    }
}

/// Old keys are a warning: they work, and there may be a program that has nothing better.
fn keys(report: &CredentialReport, now: Timestamp, checks: &mut Checks) {
    let mut keys: Vec<Aged> = report
        .iam_users()
        .flat_map(|row| {
            row.active_keys().map(|key| Aged {
                user: row.user.clone(),
                age_days: key.made.map(|made| days_between(made, now)),
                last_used: key.used.map(|time| time.to_string()),
            })
        })
        .collect();
    // A key of unknown age may be the oldest.
    keys.sort_by_key(|key| Reverse(key.age_days.unwrap_or(i64::MAX)));
    let old: Vec<&Aged> = keys.iter().filter(|key| key.age_days.is_some_and(|age| age > OLD_DAYS)).collect();
    if let Some(oldest) = old.first() {
        let named = some_of(&old, |key| format!("{} ({} days)", key.user, key.age_days.unwrap_or_default()));
        let (detail, summary) = match keys.len() {
            1 => (
                format!("the only one is older than {OLD_DAYS} days: {named}"),
                format!("the only active access key is older than {OLD_DAYS} days: {named}"),
            ),
            all => (
                format!("{} of {all} are older than {OLD_DAYS} days: {named}", old.len()),
                format!("{} of {all} active access keys are older than {OLD_DAYS} days: {named}", old.len()),
            ),
        };
        let user = &oldest.user;
        let fix = format!(
            "aws iam list-access-keys --user-name {user}; give the program a role or a new key, then aws iam \
             update-access-key --user-name {user} --access-key-id ID --status Inactive, and delete-access-key once \
             nothing misses it"
        );
        let finding = Finding::new(&codes::OLD_KEYS, Severity::Warning, summary).evidence("access_keys", &keys);
        return checks.no(Topic::AccessKeys, detail, finding.fix(fix));
    }
    let unknown: Vec<&str> = report.iam_users().filter(|row| row.has_more_keys()).map(|row| &*row.user).collect();
    let unknown: Vec<&str> =
        unknown.into_iter().chain(keys.iter().filter(|key| key.age_days.is_none()).map(|key| &*key.user)).collect();
    if let Some(user) = unknown.first() {
        let named = some_of(&unknown, |user| (*user).to_owned());
        let missing = Failure::new(&codes::NOT_DETERMINED, "the credential report does not tell the age of all keys")
            .because(named)
            .hint(format!("aws iam list-access-keys --user-name {user}"));
        return checks.unknown(Topic::AccessKeys, &[&missing]);
    }
    match keys.first() {
        None => checks.yes(Topic::AccessKeys, "no IAM user has an active one"),
        Some(oldest) => {
            let age = oldest.age_days.unwrap_or_default();
            checks.yes(Topic::AccessKeys, format!("{} active, the oldest for {age} days", keys.len()));
        }
    }
}

/// Passwords without MFA are a warning, not an error: what such a user may do is not known here.
fn mfa(report: &CredentialReport, checks: &mut Checks) {
    let with_password: Vec<_> = report.iam_users().filter(|row| row.password_enabled == Some(true)).collect();
    let without_mfa: Vec<&str> =
        with_password.iter().filter(|row| row.mfa_active != Some(true)).map(|row| &*row.user).collect();
    let Some(user) = without_mfa.first() else {
        let detail = match with_password.len() {
            0 => "nobody has a password".to_owned(),
            1 => "the one with a password has it".to_owned(),
            all => format!("all {all} with a password have it"),
        };
        return checks.yes(Topic::UserMfa, detail);
    };
    let named = some_of(&without_mfa, |user| (*user).to_owned());
    let (detail, summary) = match (without_mfa.len(), with_password.len()) {
        (1, 1) => (
            format!("the one with a password has none: {named}"),
            format!("the one IAM user with a password has no MFA: {named}"),
        ),
        (count, all) => (
            format!("{count} of {all} with a password have none: {named}"),
            format!("{count} of {all} IAM users with a password have no MFA: {named}"),
        ),
    };
    checks.no(
        Topic::UserMfa,
        detail,
        Finding::new(&codes::USERS_WITHOUT_MFA, Severity::Warning, summary).evidence("users", &without_mfa).fix(
            format!(
                "have them assign a device under Security credentials in the console; or, where IAM Identity Center \
                 takes their place: aws iam delete-login-profile --user-name {user}"
            ),
        ),
    );
}

/// `anna, bob, eve and 3 more`.
fn some_of<T>(all: &[T], name: impl Fn(&T) -> String) -> String {
    let shown: Vec<String> = all.iter().take(SHOWN).map(name).collect();
    match all.len() - shown.len() {
        0 => shown.join(", "),
        more => format!("{} and {more} more", shown.join(", ")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::checks::Verdict::{No, Unknown, Yes};
    use crate::checks::{Check, Verdict};
    use crate::posture::fake::{denied, report, root, row, rows};

    /// Both checks on the first of July 2026.
    fn checked(table: &[String]) -> Vec<Check> {
        let table: Vec<&str> = table.iter().map(String::as_str).collect();
        let now = "2026-07-01T00:00:00Z".parse().unwrap();
        rows(|checks| check(&Ok(report(&table)), now, checks))
    }

    fn told(check: &Check) -> (Verdict, &str) {
        (check.verdict, &check.detail)
    }

    #[test]
    fn keys_are_old_after_ninety_days() {
        for (days, expected) in [
            (&[][..], (Yes, "no IAM user has an active one")),
            (&["2026-06-01"], (Yes, "1 active, the oldest for 30 days")),
            (&["2026-06-01", "2026-04-02"], (Yes, "2 active, the oldest for 90 days")),
            (&["2026-04-01"], (No, "the only one is older than 90 days: user0 (91 days)")),
            (&["2027-01-01"], (Yes, "1 active, the oldest for 0 days")),
            (
                &["2026-06-01", "2025-07-01", "2024-07-01"],
                (No, "2 of 3 are older than 90 days: user2 (730 days), user1 (365 days)"),
            ),
            (
                &["2020-01-01", "2021-01-01", "2022-01-01", "2023-01-01", "2024-01-01"],
                (
                    No,
                    "5 of 5 are older than 90 days: user0 (2373 days), user1 (2007 days), \
                     user2 (1642 days) and 2 more",
                ),
            ),
        ] {
            let user = |(index, day): (usize, &&str)| row(&format!("user{index}"), false, false, Some(day));
            let table: Vec<String> = days.iter().enumerate().map(user).collect();
            assert_eq!(told(&checked(&table)[0]), expected);
        }
    }

    #[test]
    fn keys_that_the_report_does_not_show_are_of_unknown_age() {
        let more = format!("{},2 more: aws iam list-access-keys", row("anna", false, false, Some("2026-06-01")));
        let text = format!("{},additional_credentials_info\n{more}", crate::posture::fake::HEADER);
        let report = Ok(CredentialReport::parse(text.as_bytes(), None, "it").unwrap());
        let now = "2026-07-01T00:00:00Z".parse().unwrap();
        let rows = rows(|checks| check(&report, now, checks));
        assert_eq!(told(&rows[0]), (Unknown, "the credential report does not tell the age of all keys: anna"));
    }

    #[test]
    fn only_passwords_need_mfa() {
        for (users, expected) in [
            (&[(false, false)][..], (Yes, "nobody has a password")),
            (&[(true, true), (false, false)], (Yes, "the one with a password has it")),
            (&[(true, true), (true, true)], (Yes, "all 2 with a password have it")),
            (&[(true, false)], (No, "the one with a password has none: user0")),
            (&[(true, false), (true, true)], (No, "1 of 2 with a password have none: user0")),
        ] {
            let user =
                |(index, (password, mfa)): (usize, &(bool, bool))| row(&format!("user{index}"), *password, *mfa, None);
            let table: Vec<String> = users.iter().enumerate().map(user).collect();
            assert_eq!(told(&checked(&table)[1]), expected);
        }
    }

    #[test]
    fn the_root_user_is_no_iam_user() {
        let checks = checked(&[root("true", false, "N/A", true)]);
        assert_eq!([checks[0].verdict, checks[1].verdict], [Yes, Yes]);
    }

    #[test]
    fn without_the_report_both_are_unknown() {
        let now = Timestamp::UNIX_EPOCH;
        let rows = rows(|checks| check(&Err(denied("iam", "GetCredentialReport")), now, checks));
        assert_eq!(rows.iter().map(told).collect::<Vec<_>>(), [(Unknown, "AWS denied iam:GetCredentialReport"); 2]);
    }
}
