//! The root user: MFA, access keys, and whether it is in use.
//!
//! The account summary tells the first two as of now. The credential report, up to four hours old, tells them to
//! whoever may read that and not the summary.

use ec_shared::Failure;
use ec_shared::document::{Finding, Severity};
use jiff::Timestamp;

use super::address;
use super::credentials::{CredentialReport, Credentials};
use super::source::Summary;
use super::{Answer, days_between};
use crate::checks::{Checks, Topic};
use crate::codes;

/// A root user that was used within as many days is in use: the tasks that need it come up less than once a month.
const LATELY_DAYS: i64 = 30;

/// There is no root user: <https://docs.amazonaws.cn/en_us/aws/latest/userguide/iam.html>.
const CHINA: &str = "aws-cn";
/// The root user may have keys, but cannot sign in to the console:
/// <https://docs.aws.amazon.com/govcloud-us/latest/UserGuide/govcloud-account-root-user.html>.
const GOVCLOUD: &str = "aws-us-gov";

/// What is known of the root user.
#[derive(Clone, Copy)]
pub(super) struct Root<'a> {
    pub(super) partition: &'a str,
    pub(super) summary: &'a Answer<Summary>,
    pub(super) report: &'a Answer<CredentialReport>,
}

impl Root<'_> {
    /// All three checks.
    pub(super) fn check(self, now: Timestamp, checks: &mut Checks) {
        if self.partition == CHINA {
            for topic in [Topic::RootMfa, Topic::RootKeys, Topic::RootUse] {
                checks.not_applicable(topic, "accounts in China have no root user");
            }
            return;
        }
        self.mfa(checks);
        self.keys(checks);
        self.last_use(now, checks);
    }

    /// Without MFA it is an error: the password, or the mailbox that can reset it, is then all that guards the account.
    fn mfa(self, checks: &mut Checks) {
        if self.partition == GOVCLOUD {
            return checks.not_applicable(Topic::RootMfa, "in GovCloud the root user cannot sign in to the console");
        }
        let has_password = self.fact(|summary| summary.has_password, |row| row.password_enabled);
        if let Ok(false) = has_password {
            return checks.not_applicable(Topic::RootMfa, "the root user has no password, so that nobody can sign in");
        }
        match self.fact(|summary| summary.has_mfa, |row| row.mfa_active) {
            Ok(true) => checks.yes(Topic::RootMfa, "on"),
            Ok(false) => checks.no(
                Topic::RootMfa,
                "off",
                Finding::new(&codes::ROOT_WITHOUT_MFA, Severity::Error, "the root user signs in without MFA").fix(
                    format!(
                        "sign in as the root user at {}/, open Security credentials in the menu of the account, and choose \
                         Assign MFA device; better two devices than one",
                        self.console()
                    ),
                ),
            ),
            Err(failures) => checks.unknown(Topic::RootMfa, &failures),
        }
    }

    /// A key of the root user is an error: nothing can limit it, and MFA does not guard it.
    fn keys(self, checks: &mut Checks) {
        match self.fact(|summary| summary.has_keys, |row| Some(row.active_keys().next().is_some())) {
            Ok(false) => checks.yes(Topic::RootKeys, "none"),
            Ok(true) => {
                let with_itself = "with the key itself: aws iam list-access-keys, aws iam delete-access-key \
                                   --access-key-id ID";
                let way = match self.partition {
                    GOVCLOUD => with_itself.to_owned(),
                    _ => format!(
                        "as the root user at {}/, Security credentials, Access keys; or {with_itself}",
                        self.console()
                    ),
                };
                let finding = Finding::new(&codes::ROOT_KEYS, Severity::Error, "the root user has an access key");
                let fix = format!("let what uses it work under a role, then delete it {way}");
                checks.no(Topic::RootKeys, "there is one", finding.fix(fix));
            }
            Err(failures) => checks.unknown(Topic::RootKeys, &failures),
        }
    }

    /// That it was used is a warning: some tasks need it, and from outside they look the same.
    fn last_use(self, now: Timestamp, checks: &mut Checks) {
        let row = match self.report {
            Ok(report) => report.root(),
            Err(failure) => return checks.unknown(Topic::RootUse, &[failure]),
        };
        let Some(row) = row else {
            let missing = Failure::new(&codes::NOT_DETERMINED, "the credential report has no row for the root user")
                .hint("aws iam generate-credential-report, and run the same command again");
            return checks.unknown(Topic::RootUse, &[&missing]);
        };
        let Some(used) = row.last_used() else {
            return checks.yes(Topic::RootUse, "no use of it is on record");
        };
        let days = days_between(used, now);
        let day = used.strftime("%Y-%m-%d");
        let detail = format!("last on {day}");
        if days > LATELY_DAYS {
            return checks.yes(Topic::RootUse, detail);
        }
        checks.no(
            Topic::RootUse,
            detail,
            Finding::new(&codes::ROOT_IN_USE, Severity::Warning, format!("the root user was last used on {day}"))
                .evidence("last_used", used.to_string())
                .evidence("days", days)
                .fix("use the root user for nothing but the tasks that need it: https://docs.aws.amazon.com/IAM/latest/UserGuide/id_root-user.html"),
        );
    }

    /// What the summary says, else what the report says, else why neither does.
    fn fact(
        &self,
        of_summary: impl Fn(&Summary) -> Option<bool>,
        of_row: impl Fn(&Credentials) -> Option<bool>,
    ) -> Result<bool, Vec<&Failure>> {
        let summary = self.summary.as_ref().map(of_summary);
        let report = self.report.as_ref().map(|report| report.root().and_then(of_row));
        match (summary, report) {
            (Ok(Some(fact)), _) | (_, Ok(Some(fact))) => Ok(fact),
            (summary, report) => Err(summary.err().into_iter().chain(report.err()).collect()),
        }
    }

    fn console(&self) -> &'static str {
        address::console(self.partition).unwrap_or("the console")
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::checks::Verdict::{self, No, NotApplicable, Unknown, Yes};
    use crate::posture::fake::{denied, report, root, row, rows};

    /// The verdicts about MFA, keys and use on the first of July 2026.
    fn verdicts(partition: &str, summary: &Answer<Summary>, report: &Answer<CredentialReport>) -> [Verdict; 3] {
        let now = "2026-07-01T00:00:00Z".parse().unwrap();
        let rows = rows(|checks| Root { partition, summary, report }.check(now, checks));
        [rows[0].verdict, rows[1].verdict, rows[2].verdict]
    }

    fn summary(mfa: bool, password: Option<bool>, keys: bool) -> Summary {
        Summary { has_mfa: Some(mfa), has_password: password, has_keys: Some(keys) }
    }

    fn told(row: &str) -> CredentialReport {
        report(&[row])
    }

    #[test]
    fn the_summary_tells_of_mfa_and_keys() {
        let report = Ok(told(&root("true", false, "no_information", false)));
        for (told, expected) in [
            (summary(true, Some(true), false), [Yes, Yes, Yes]),
            (summary(false, Some(true), false), [No, Yes, Yes]),
            (summary(false, None, true), [No, No, Yes]),
            (summary(false, Some(false), false), [NotApplicable, Yes, Yes]),
            (summary(false, Some(false), true), [NotApplicable, No, Yes]),
        ] {
            assert_eq!(verdicts("aws", &Ok(told), &report), expected, "{told:?}");
        }
    }

    #[test]
    fn without_the_summary_the_report_tells() {
        let denied = Err(denied("iam", "GetAccountSummary"));
        for (row, expected) in [
            (root("not_supported", true, "no_information", false), [Yes, Yes, Yes]),
            (root("true", false, "no_information", true), [No, No, Yes]),
            (root("false", false, "no_information", false), [NotApplicable, Yes, Yes]),
            (row("anna", true, true, None), [Unknown, Unknown, Unknown]),
        ] {
            assert_eq!(verdicts("aws", &denied, &Ok(told(&row))), expected, "{row}");
        }
    }

    #[test]
    fn without_either_all_is_unknown_and_any_of_the_two_would_do() {
        let (summary, report) = (Err(denied("iam", "GetAccountSummary")), Err(denied("iam", "GetCredentialReport")));
        assert_eq!(verdicts("aws", &summary, &report), [Unknown, Unknown, Unknown]);
        let root = Root { partition: "aws", summary: &summary, report: &report };
        let rows = rows(|checks| root.mfa(checks));
        assert_eq!(rows[0].detail, "AWS denied iam:GetAccountSummary; AWS denied iam:GetCredentialReport");
    }

    #[test]
    fn a_summary_alone_does_not_tell_when_the_root_user_was_used() {
        let report = Err(denied("iam", "GetCredentialReport"));
        assert_eq!(verdicts("aws", &Ok(summary(true, Some(true), false)), &report), [Yes, Yes, Unknown]);
        let silent = Ok(Summary::default());
        assert_eq!(verdicts("aws", &silent, &Ok(CredentialReport::default())), [Unknown, Unknown, Unknown]);
    }

    #[test]
    fn a_use_within_thirty_days_is_lately() {
        for (used, expected) in [
            ("2026-06-30T23:59:59+00:00", No),
            ("2026-06-01T00:00:00+00:00", No),
            ("2026-05-31T00:00:00+00:00", Yes),
            ("2026-07-02T00:00:00+00:00", No),
            ("N/A", Yes),
        ] {
            let report = Ok(told(&root("true", true, used, false)));
            assert_eq!(verdicts("aws", &Ok(summary(true, Some(true), false)), &report)[2], expected, "{used}");
        }
    }

    #[test]
    fn other_partitions_have_another_root_user_or_none() {
        let (summary, report) = (Ok(summary(false, Some(false), true)), Ok(told(&root("false", false, "N/A", true))));
        assert_eq!(verdicts("aws-cn", &summary, &report), [NotApplicable; 3]);
        assert_eq!(verdicts("aws-us-gov", &summary, &report), [NotApplicable, No, Yes]);
    }
}
