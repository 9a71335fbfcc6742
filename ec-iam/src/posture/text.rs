//! What a person at a terminal sees: the checklist.

use ec_shared::document::{Document, Finding, Section, Severity};
use ec_shared::report::{Mark, Report};

use super::checks::{Check, Verdict};

/// Fills the report.
pub(super) fn report(_: &Document, section: &Section, report: &mut Report) {
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
    for check in checks(section) {
        let mut row = vec![check.check.name().to_owned(), check.detail.clone()];
        row.extend(check.code.clone());
        report.row(mark(&check, section), row);
    }
    if let Some(url) = fact("sign_in_url") {
        report.row(Mark::Info, ["sign-in of IAM users", url]);
    }
    if let Some(url) = fact("portal_url") {
        report.row(Mark::Info, ["access portal", url]);
    }
    let answers = section.facts.get("configure_sso").and_then(serde_json::Value::as_object);
    for (index, (question, answer)) in answers.into_iter().flatten().enumerate() {
        let name = if index == 0 { "aws configure sso" } else { "" };
        report.row(Mark::Info, [name.to_owned(), format!("{question}: {}", answer.as_str().unwrap_or_default())]);
    }
    let shown: Vec<&str> = section.findings.iter().map(|finding| finding.code.as_str()).collect();
    if section.error.is_none() {
        report.verdict(verdict_mark(section), format!("{}{}", section.status.word(), counted(section)));
    }
    report.section(&Section { changes: Vec::new(), ..section.clone() }, &shown);
}

fn checks(section: &Section) -> Vec<Check> {
    section.facts.get("checks").and_then(|rows| serde_json::from_value(rows.clone()).ok()).unwrap_or_default()
}

fn mark(check: &Check, section: &Section) -> Mark {
    let about = |finding: &&Finding| Some(&finding.code) == check.code.as_ref();
    match check.verdict {
        Verdict::Yes => Mark::Yes,
        Verdict::NotApplicable => Mark::Info,
        Verdict::Unknown => Mark::Unknown,
        Verdict::No => match section.findings.iter().find(about).map(|finding| finding.severity) {
            Some(Severity::Warning) => Mark::Warning,
            Some(Severity::Info) => Mark::Info,
            Some(Severity::Error) | None => Mark::No,
        },
    }
}

fn verdict_mark(section: &Section) -> Mark {
    use ec_shared::document::Status;
    match section.status {
        Status::Ok => Mark::Yes,
        Status::Unknown => Mark::Unknown,
        _ => Mark::No,
    }
}

/// `: 1 error, 2 warnings, 1 not determined`.
fn counted(section: &Section) -> String {
    let unknown = checks(section).iter().filter(|check| check.verdict == Verdict::Unknown).count();
    let count = |severity| section.findings.iter().filter(|finding| finding.severity == severity).count();
    let plural = |count: usize, word: &str| match count {
        0 => None,
        1 => Some(format!("1 {word}")),
        _ => Some(format!("{count} {word}s")),
    };
    let counts = [
        plural(count(Severity::Error), "error"),
        // That something is not known is a finding, too, and counted once.
        plural(count(Severity::Warning).saturating_sub(unknown), "warning"),
        (unknown > 0).then(|| format!("{unknown} not determined")),
    ];
    let counts: Vec<String> = counts.into_iter().flatten().collect();
    if counts.is_empty() { String::new() } else { format!(": {}", counts.join(", ")) }
}
