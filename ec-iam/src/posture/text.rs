//! What a person at a terminal sees: the checklist.

use ec_shared::document::{Document, Section};
use ec_shared::report::{Mark, Report};

use super::address;
use crate::checks;

/// Fills the report.
pub(crate) fn report(_: &Document, section: &Section, report: &mut Report) {
    let fact = |name: &str| section.facts.get(name).and_then(serde_json::Value::as_str);
    let account = fact("account").map(|account| format!("account {account}"));
    let partition = fact("partition").filter(|partition| *partition != "aws").map(|each| format!("partition {each}"));
    let region = fact("region").map(|region| format!("region {region}"));
    let endpoint = fact("endpoint_url").map(|url| format!("at {url}, not AWS's own"));
    let title: Vec<String> = [account, partition, region, endpoint].into_iter().flatten().collect();
    report.title(if title.is_empty() { "an account".to_owned() } else { title.join(", ") });
    if let Some(arn) = fact("arn") {
        report.row(Mark::Info, ["you are", arn]);
    }
    checks::rows(section, report);
    let rows = [
        (
            "credential report",
            fact("credential_report_at").map(|time| format!("as of {time}; AWS makes a new one after four hours")),
        ),
        ("sign-in of IAM users", fact("sign_in_url").map(str::to_owned)),
        ("access portal", fact("portal_url").map(str::to_owned)),
    ];
    for (name, value) in rows.into_iter().filter_map(|(name, value)| Some((name, value?))) {
        report.row(Mark::Info, [name, &value]);
    }
    let answers = section.facts.get("configure_sso").and_then(serde_json::Value::as_object);
    for (index, (name, answer)) in answers.into_iter().flatten().enumerate() {
        let first = if index == 0 { "aws configure sso" } else { "" };
        let answer = format!("{}: {}", address::question(name), answer.as_str().unwrap_or_default());
        report.row(Mark::Info, [first, &answer]);
    }
    if section.error.is_some() {
        return report.section(section, &[]);
    }
    checks::verdict(section, report);
}

#[cfg(test)]
mod tests {
    use std::time::SystemTime;

    use super::*;
    use crate::posture::check;
    use crate::posture::fake::{Fake, denied, report as table, root, row};

    fn shown(source: &Fake) -> String {
        let now: jiff::Timestamp = "2026-07-01T00:00:00Z".parse().unwrap();
        let mut text = Report::default();
        report(&Document::empty(), &check(source, SystemTime::from(now)), &mut text);
        let text = text.render();
        let parts = text.split('\u{1b}').enumerate();
        parts
            .map(|(index, part)| if index == 0 { part } else { part.split_once('m').map_or("", |(_, rest)| rest) })
            .collect()
    }

    #[test]
    fn a_person_sees_every_check_and_what_to_do_about_each() {
        let rows = [root("true", true, "2026-06-28T00:00:00+00:00", false), row("anna", true, false, None)];
        let source = Fake {
            report: Ok(table(&rows.each_ref().map(String::as_str))),
            summary: Err(denied("iam", "GetAccountSummary")),
            instances: Err(denied("sso", "ListInstances")),
            roles: Err(denied("iam", "ListRoles")),
            ..Fake::default()
        };
        let expected = "\
account 123456789012, region us-east-1
  · you are               arn:aws:sts::123456789012:assumed-role/ops/cli
  ✓ caller                session cli of role/ops, temporary credentials
  ✓ root MFA              on
  ✓ root access keys      none
  ! root use              last on 2026-06-28                                      EC2055
  ✓ access keys           no IAM user has an active one
  ! MFA of IAM users      the one with a password has none: anna                  EC2057
  ? Identity Center       AWS denied sso:ListInstances; AWS denied iam:ListRoles  EC2050
  ? administrator         AWS denied sso:ListInstances; AWS denied iam:ListRoles  EC2050
  · sign-in of IAM users  https://acme.signin.aws.amazon.com/console
unknown: 2 warnings, 2 not determined
fix: root use: use the root user for nothing but the tasks that need it: https://docs.aws.amazon.com/IAM/latest/UserGuide/id_root-user.html
fix: MFA of IAM users: have them assign a device under Security credentials in the console; or, where IAM Identity Center takes their place: aws iam delete-login-profile --user-name anna
fix: allow sso:ListInstances or iam:ListRoles; ec-iam policy --for 'ec-iam check' prints a policy with all there is
";
        let shown = shown(&source);
        assert_eq!(shown, expected, "{shown}");
    }
}
