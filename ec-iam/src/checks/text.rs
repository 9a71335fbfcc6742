//! What a person at a terminal sees of checks: a checklist, and what to do about each.

use ec_shared::document::{Finding, Section, Severity, Status};
use ec_shared::report::{Mark, Report};

use super::{Check, Verdict};

/// One row for each check.
pub(crate) fn rows(section: &Section, report: &mut Report) {
    for check in checks(section) {
        let mut row = vec![check.check.name().to_owned(), check.detail.clone()];
        row.extend(check.code.clone());
        report.row(mark(&check, section), row);
    }
}

/// The verdict, and the fixes.
pub(crate) fn verdict(section: &Section, report: &mut Report) {
    report.verdict(verdict_mark(section), format!("{}{}", section.status.word(), counted(section)));
    for finding in &section.findings {
        let Some(fix) = &finding.fix else { continue };
        let about = |check: &&Check| check.verdict == Verdict::No && check.code.as_ref() == Some(&finding.code);
        match checks(section).iter().find(about) {
            Some(check) => report.fix(format!("{}: {fix}", check.check.name())),
            // What opens one unknown often opens several.
            None => report.fix(fix),
        }
    }
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
