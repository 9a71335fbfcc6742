//! How a verdict is told: one line of JSON for programs, a checklist for people.

use ec_shared::Failure;
use ec_shared::document::{Deployment, Finding, Severity};
use ec_shared::report::{Mark, Report};
use serde_json::{Map, json};

use super::judge::{Aspect, Seen, Signature, Verdict};

/// What is told of each aspect, and its name in the checklist.
const ASPECTS: [(Aspect, &str); 10] = [
    (Aspect::Form, "form"),
    (Aspect::Cache, "cache"),
    (Aspect::User, "user"),
    (Aspect::ResourceType, "resource type"),
    (Aspect::Service, "service"),
    (Aspect::Region, "region"),
    (Aspect::Signing, "signing"),
    (Aspect::Time, "time"),
    (Aspect::Credentials, "credentials"),
    (Aspect::Signature, "signature"),
];

/// The verdict as JSON; `line`: the number of the line of input, from 1.
pub(super) fn json(verdict: &Verdict, line: Option<usize>) -> String {
    let mut answer = Map::new();
    if let Some(line) = line {
        answer.insert("line".to_owned(), json!(line));
    }
    answer.insert("ok".to_owned(), json!(verdict.errors() == 0));
    if let Some(seen) = &verdict.seen {
        answer.insert("token".to_owned(), json!(seen));
        answer.insert("signature".to_owned(), json!(verdict.signature));
    }
    let findings: Vec<&Finding> = verdict.remarks.iter().map(|(_, finding)| finding).collect();
    answer.insert("findings".to_owned(), json!(findings));
    if !verdict.not_checked.is_empty() {
        answer.insert("not_checked".to_owned(), json!(verdict.not_checked));
    }
    json!(answer).to_string()
}

/// The answer about a line that could not be read.
pub(super) fn refused(failure: &Failure, line: usize) -> String {
    json!({"line": line, "ok": false, "error": failure}).to_string()
}

/// The verdict as a checklist.
pub(super) fn report(verdict: &Verdict) -> String {
    let mut report = Report::default();
    let seen = verdict.seen.as_ref();
    report.title(match seen.and_then(|seen| seen.cache.as_ref()) {
        Some(cache) => format!("token for {cache}"),
        None => "token".to_owned(),
    });
    for (aspect, name) in ASPECTS {
        let found: Vec<&Finding> =
            verdict.remarks.iter().filter(|(place, _)| *place == aspect).map(|(_, finding)| finding).collect();
        let value = seen.filter(|_| found.is_empty()).and_then(|seen| fine(aspect, seen, verdict.signature));
        if let Some(value) = value {
            report.row(Mark::Yes, [name.to_owned(), value]);
        }
        for finding in found {
            let mark = if finding.severity == Severity::Error { Mark::No } else { Mark::Warning };
            report.row(mark, [name.to_owned(), format!("{} {}", finding.summary, finding.code)]);
        }
    }
    for what in &verdict.not_checked {
        report.row(Mark::Info, [format!("not checked: {what}")]);
    }
    let fixes: Vec<&str> = verdict.remarks.iter().filter_map(|(_, finding)| finding.fix.as_deref()).collect();
    for fix in &fixes {
        // One that another begins with is said by it.
        if !fixes.iter().any(|other| other.len() > fix.len() && other.starts_with(fix)) {
            report.fix(*fix);
        }
    }
    match verdict.errors() {
        0 => report.verdict(Mark::Yes, "ok: nothing is seen to be wrong"),
        1 => report.verdict(Mark::No, "no: one thing is wrong"),
        many => report.verdict(Mark::No, format!("no: {many} things are wrong")),
    }
    report.render()
}

/// What an aspect is that nothing is wrong with; none if the token does not tell.
fn fine(aspect: Aspect, seen: &Seen, signature: Signature) -> Option<String> {
    Some(match aspect {
        Aspect::Form | Aspect::Signing if !seen.is_whole => return None,
        Aspect::Form => "one line, whole, nothing around it".to_owned(),
        Aspect::Cache => seen.cache.clone()?,
        Aspect::User => seen.user.clone()?,
        Aspect::ResourceType => match seen.deployment? {
            Deployment::Serverless => "ServerlessCache".to_owned(),
            _ => "none, so it is for a replication group".to_owned(),
        },
        Aspect::Service => seen.service.clone()?,
        Aspect::Region => seen.region.clone()?,
        Aspect::Signing => "Signature Version 4, for 900 seconds".to_owned(),
        Aspect::Time => format!("until {}", seen.expires_at.as_ref()?),
        Aspect::Credentials => seen.access_key_id.clone()?,
        Aspect::Signature if signature == Signature::Matches => "that of the credentials in the environment".to_owned(),
        Aspect::Signature => return None,
    })
}
