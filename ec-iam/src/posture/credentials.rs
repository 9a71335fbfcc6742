//! The credential report: a table of all users of the account, the root user among them.
//!
//! Source: <https://docs.aws.amazon.com/IAM/latest/UserGuide/id_credentials_getting-report.html>

use std::time::Duration;

use ec_shared::Failure;
use jiff::Timestamp;
use serde::{Deserialize, Deserializer, de};

use super::source::Source;
use crate::codes;
use crate::wait::pauses;

/// The name of the root user's row.
const ROOT: &str = "<root_account>";
/// How long AWS may take to make a report. It mostly takes seconds.
const PATIENCE: Duration = Duration::from_secs(60);

/// The report.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct CredentialReport {
    /// Its rows.
    pub users: Vec<Credentials>,
    /// When AWS made it, where that is told.
    pub generated: Option<Timestamp>,
}

/// One row: what a user can prove itself with.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
pub struct Credentials {
    /// The name of the user.
    #[serde(deserialize_with = "name")]
    pub user: String,
    /// Its ARN.
    #[serde(deserialize_with = "arn")]
    pub arn: String,
    /// Whether it has a password; `None` where the report does not say, as it once did not of the root user.
    #[serde(deserialize_with = "flag")]
    pub password_enabled: Option<bool>,
    #[serde(deserialize_with = "time")]
    password_last_used: Option<Timestamp>,
    /// Whether it has an MFA device.
    #[serde(deserialize_with = "flag")]
    pub mfa_active: Option<bool>,
    #[serde(deserialize_with = "flag")]
    access_key_1_active: Option<bool>,
    #[serde(deserialize_with = "time")]
    access_key_1_last_rotated: Option<Timestamp>,
    #[serde(deserialize_with = "time")]
    access_key_1_last_used_date: Option<Timestamp>,
    #[serde(deserialize_with = "flag")]
    access_key_2_active: Option<bool>,
    #[serde(deserialize_with = "time")]
    access_key_2_last_rotated: Option<Timestamp>,
    #[serde(deserialize_with = "time")]
    access_key_2_last_used_date: Option<Timestamp>,
    /// Says how many keys there are beyond the two that have columns. Not in reports from before 2025.
    #[serde(default)]
    additional_credentials_info: Option<String>,
}

/// An active access key.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Key {
    /// When it was made.
    pub made: Option<Timestamp>,
    /// When it was last used.
    pub used: Option<Timestamp>,
}

impl CredentialReport {
    /// Reads the CSV, whatever the order of its columns, and whichever else it has.
    ///
    /// # Errors
    /// `EC2060` with the line; `what` says which report could not be read.
    pub fn parse(text: &[u8], generated: Option<Timestamp>, what: &str) -> Result<Self, Failure> {
        let refused = |why: String| {
            Failure::new(&codes::CREDENTIAL_REPORT, format!("cannot read {what}"))
                .because(why)
                .hint("aws iam generate-credential-report, then save aws iam get-credential-report anew")
        };
        let rows: Result<Vec<Credentials>, csv::Error> = csv::Reader::from_reader(text).deserialize().collect();
        Ok(Self { users: rows.map_err(|error| refused(fault(&error)))?, generated })
    }

    /// The root user's row. Accounts in China, and emulators, have none.
    pub fn root(&self) -> Option<&Credentials> {
        self.users.iter().find(|row| row.user == ROOT)
    }

    /// The rows of IAM users.
    pub fn iam_users(&self) -> impl Iterator<Item = &Credentials> {
        self.users.iter().filter(|row| row.user != ROOT)
    }
}

impl Credentials {
    /// The active access keys that have columns.
    pub fn active_keys(&self) -> impl Iterator<Item = Key> {
        let keys = [
            (self.access_key_1_active, self.access_key_1_last_rotated, self.access_key_1_last_used_date),
            (self.access_key_2_active, self.access_key_2_last_rotated, self.access_key_2_last_used_date),
        ];
        keys.into_iter().filter(|(active, ..)| *active == Some(true)).map(|(_, made, used)| Key { made, used })
    }

    /// When password or keys were last used. AWS began to note it in 2014 and 2015.
    pub fn last_used(&self) -> Option<Timestamp> {
        [self.password_last_used, self.access_key_1_last_used_date, self.access_key_2_last_used_date]
            .into_iter()
            .flatten()
            .max()
    }

    /// Whether there are more keys than the report has columns for.
    pub fn has_more_keys(&self) -> bool {
        self.additional_credentials_info.as_deref().is_some_and(|text| !matches!(text, "" | "N/A" | "0"))
    }
}

/// The report; if there is none that AWS still counts as new, AWS makes one.
///
/// # Errors
/// `EC2050` if it takes too long; what the source says.
pub(super) fn fetch(source: &impl Source) -> Result<CredentialReport, Failure> {
    if let Some(report) = source.credential_report()? {
        return Ok(report);
    }
    source.generate_credential_report()?;
    let mut pauses = pauses(PATIENCE);
    loop {
        if let Some(report) = source.credential_report()? {
            return Ok(report);
        }
        let Some(pause) = pauses.next() else {
            return Err(Failure::new(&codes::NOT_DETERMINED, "cannot get the credential report")
                .because(format!("AWS has not made it within {} s", PATIENCE.as_secs()))
                .hint("run the same command again in a minute"));
        };
        source.pause(pause);
    }
}

/// IAM's own rule for names. They stand in the commands that a fix shows, so nothing else gets in.
fn name<'de, D: Deserializer<'de>>(text: D) -> Result<String, D::Error> {
    let name = String::deserialize(text)?;
    let is_allowed = |c: char| c.is_ascii_alphanumeric() || "_+=,.@-".contains(c);
    if name == ROOT || (!name.is_empty() && name.chars().all(is_allowed)) {
        return Ok(name);
    }
    Err(de::Error::custom(format_args!("`{}` is no name of an IAM user", name.escape_debug())))
}

fn arn<'de, D: Deserializer<'de>>(text: D) -> Result<String, D::Error> {
    let arn = String::deserialize(text)?;
    if arn.starts_with("arn:") && arn.split(':').count() >= 6 && !arn.contains(char::is_control) {
        return Ok(arn);
    }
    Err(de::Error::custom(format_args!("`{}` is no ARN", arn.escape_debug())))
}

fn flag<'de, D: Deserializer<'de>>(text: D) -> Result<Option<bool>, D::Error> {
    let text = String::deserialize(text)?;
    match text.to_ascii_lowercase().as_str() {
        "true" => Ok(Some(true)),
        "false" => Ok(Some(false)),
        "n/a" | "not_supported" => Ok(None),
        _ => Err(de::Error::custom(format_args!("`{}` is neither true nor false", text.escape_debug()))),
    }
}

fn time<'de, D: Deserializer<'de>>(text: D) -> Result<Option<Timestamp>, D::Error> {
    let text = String::deserialize(text)?;
    match text.as_str() {
        "N/A" | "no_information" | "not_supported" => Ok(None),
        _ => match text.parse() {
            Ok(time) => Ok(Some(time)),
            Err(_) => Err(de::Error::custom(format_args!("`{}` is no time", text.escape_debug()))),
        },
    }
}

/// What is wrong with the table, and in which line.
fn fault(error: &csv::Error) -> String {
    let why = match error.kind() {
        csv::ErrorKind::UnequalLengths { expected_len, len, .. } => {
            format!("the first line names {expected_len} columns, this one has {len}")
        }
        csv::ErrorKind::Utf8 { .. } => "it is not UTF-8".to_owned(),
        csv::ErrorKind::Deserialize { err, .. } => err.kind().to_string(),
        _ => error.to_string(),
    };
    format!("line {}: {why}", error.position().map_or(1, csv::Position::line))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::posture::fake::{Fake, HEADER, denied, report};

    const ANNA: &str = "anna,arn:aws:iam::123456789012:user/anna,2020-01-01T00:00:00+00:00,true,2026-01-02T03:04:05+00:00,\
        N/A,N/A,false,true,2020-01-01T00:00:00+00:00,N/A,N/A,N/A,false,N/A,N/A,N/A,N/A,false,N/A,false,N/A";

    fn fault(text: &str) -> String {
        CredentialReport::parse(text.as_bytes(), None, "it").unwrap_err().to_string()
    }

    #[test]
    fn columns_are_found_by_name_in_any_order_and_new_ones_do_no_harm() {
        let mut columns: Vec<Vec<&str>> =
            [HEADER, ANNA].into_iter().map(|line| line.split(',').rev().chain(["new"]).collect()).collect();
        columns[1][0] = "a \"new\"";
        let text: Vec<String> = columns.iter().map(|line| line.join(",")).collect();
        let turned = CredentialReport::parse(text.join("\n").as_bytes(), None, "it").unwrap();
        assert_eq!(turned, report(&[ANNA]));
        assert_eq!(turned.users[0].active_keys().count(), 1);
        assert_eq!(turned.users[0].last_used().unwrap().to_string(), "2026-01-02T03:04:05Z");
    }

    #[test]
    fn a_name_with_a_comma_is_quoted() {
        let quoted = ANNA
            .replace("anna,arn:aws:iam::123456789012:user/anna", r#""an,na","arn:aws:iam::123456789012:user/an,na""#);
        assert_eq!(report(&[&quoted]).users[0].user, "an,na");
    }

    #[test]
    fn what_is_malformed_is_told_with_its_line() {
        let with = |from: &str, to: &str| format!("{HEADER}\n{ANNA}\n{}\n", ANNA.replace(from, to));
        for (text, why) in [
            (with(",false,N/A,false,N/A", ""), "line 3: the first line names 22 columns, this one has 18"),
            (with("true,2026", "perhaps,2026"), "line 3: `perhaps` is neither true nor false"),
            (with("2026-01-02T03:04:05+00:00", "yesterday"), "line 3: `yesterday` is no time"),
            (with("anna,arn", "anna; rm,arn"), "line 3: `anna; rm` is no name of an IAM user"),
            (with("arn:aws", "brn:aws"), "line 3: `brn:aws:iam::123456789012:user/anna` is no ARN"),
            (format!("{}\n{ANNA}\n", HEADER.replace("mfa_active", "mfa")), "line 2: missing field `mfa_active`"),
            (HEADER.replace(',', ";") + "\n" + &ANNA.replace(',', ";"), "line 2: missing field `user`"),
        ] {
            assert_eq!(fault(&text), format!("cannot read it: {why}"));
        }
    }

    #[test]
    fn a_report_without_rows_is_one() {
        assert_eq!(report(&[]), CredentialReport::default());
    }

    #[test]
    fn the_report_is_made_and_waited_for_where_there_is_none() {
        let source = Fake { reports_after: 3.into(), ..Fake::default() };
        assert_eq!(fetch(&source), source.report);
        assert_eq!(source.calls(), ["get", "generate", "get", "pause", "get"]);
        let source = Fake::default();
        assert!(fetch(&source).is_ok());
        assert_eq!(source.calls(), ["get"], "one that still counts is taken");
    }

    #[test]
    fn a_report_that_does_not_come_is_waited_for_a_minute() {
        let source = Fake { reports_after: usize::MAX.into(), ..Fake::default() };
        assert_eq!(fetch(&source).unwrap_err().code().id, "EC2050");
        assert_eq!(source.paused.get(), PATIENCE);
    }

    #[test]
    fn whoever_may_not_make_a_report_learns_why() {
        let denied = denied("iam", "GenerateCredentialReport");
        let source = Fake { reports_after: 3.into(), generate: Err(denied.clone()), ..Fake::default() };
        assert_eq!(fetch(&source), Err(denied));
    }
}
