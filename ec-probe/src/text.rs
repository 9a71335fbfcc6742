//! The report for a person at a terminal.

mod nodes;

use ec_shared::document::{Document, EndpointRole, Section, Severity, Status};
use ec_shared::report::{Mark, Report};
use serde_json::Value;

use crate::codes;
use crate::ladder::Outcome;
use crate::reach::{Reach, Step};
use crate::replication::Replication;
use ec_shared::ran_on::RanOn;

/// Fills the report about a document that was probed.
pub fn report(document: &Document, section: &Section, report: &mut Report) {
    let facts = Value::Object(section.facts.clone());
    let ran_on = serde_json::from_value::<RanOn>(facts["ran_on"].clone()).unwrap_or_default();
    // A section without these facts tells of an error, and has nothing to show but that.
    let mut shown = Vec::new();
    if let Ok(reach) = serde_json::from_value::<Reach>(facts.clone()) {
        report.title(title(document, &reach));
        for step in &reach.stages {
            row(report, step, section);
            shown.extend(step.code.clone());
        }
        shown.extend(nodes::rows(report, &reach).into_iter().map(str::to_owned));
        shown.extend(kind(report, &reach).map(str::to_owned));
        let others: Vec<Reach> = serde_json::from_value(facts["others"].clone()).unwrap_or_default();
        for other in &others {
            shown.extend(summed_up(report, other));
        }
        for finding in section.findings.iter().filter(|finding| !shown.contains(&finding.code)) {
            let mark = if finding.severity == Severity::Info { Mark::Info } else { Mark::Warning };
            report.row(mark, ["note", "", &finding.summary, &finding.code]);
        }
        shown.extend(section.findings.iter().map(|finding| finding.code.clone()));
        verdict(report, section, &reach, &ran_on);
    }
    let shown: Vec<&str> = shown.iter().map(String::as_str).collect();
    report.section(section, &shown);
}

pub(crate) fn title(document: &Document, reach: &Reach) -> String {
    match document.cache() {
        Ok(Some(cache)) => format!("{}  {}", cache.title(), reach.endpoint),
        _ => reach.endpoint.clone(),
    }
}

/// What the server is to its replicas and clients; the code that a row shows is given back.
fn kind(report: &mut Report, reach: &Reach) -> Option<&'static str> {
    let mut shown = None;
    match &reach.replication {
        Some(Replication::Primary { count, .. }) if *count > 0 => {
            let replicas = if *count == 1 { "replica is" } else { "replicas are" };
            report.row(Mark::Info, ["role", "", &format!("{count} {replicas} connected")]);
        }
        Some(Replication::Replica { primary, link }) => {
            let row = format!("copies {primary}, link {link}");
            if link == "connected" {
                report.row(Mark::Info, ["role", "", &row]);
            } else {
                shown = Some(codes::REPLICA_BEHIND.id);
                report.row(Mark::Warning, ["role", "", &row, codes::REPLICA_BEHIND.id]);
            }
        }
        _ => {}
    }
    if let Some(client) = &reach.client_mode {
        let command = client.command.as_ref().map(|command| format!(": {command}")).unwrap_or_default();
        let note = client.note.as_ref().map(|note| format!("; {note}")).unwrap_or_default();
        report.row(Mark::Info, ["client", "", &format!("{}{command}{note}", client.mode)]);
    }
    shown
}

pub(crate) fn row(report: &mut Report, step: &Step, section: &Section) {
    let is_warning = |code: &String| {
        section.findings.iter().any(|finding| finding.code == *code && finding.severity == Severity::Warning)
    };
    let mark = match step.status {
        Outcome::Ok if step.code.as_ref().is_some_and(is_warning) => Mark::Warning,
        Outcome::Ok => Mark::Yes,
        Outcome::No => Mark::No,
        Outcome::Skipped => Mark::Info,
    };
    let mut columns = vec![step.stage.word().to_owned(), ms(step.ms), step.summary.clone()];
    columns.extend(step.code.clone());
    report.row(mark, columns);
}

/// Another endpoint in one row: its last stage. The code that the row shows is given back.
fn summed_up(report: &mut Report, other: &Reach) -> Option<String> {
    let role = match other.role {
        Some(EndpointRole::Reader) => "reader",
        Some(EndpointRole::Node) => "node",
        _ => "also",
    };
    let last = other.stages.last()?;
    let mark = if other.answers { Mark::Yes } else { Mark::No };
    let summary = format!("{} {}: {}", other.endpoint, last.stage.word(), last.summary);
    let mut columns = vec![role.to_owned(), ms(other.total_ms), summary];
    columns.extend(last.code.clone());
    report.row(mark, columns);
    last.code.clone()
}

fn verdict(report: &mut Report, section: &Section, reach: &Reach, ran_on: &RanOn) {
    let error = section.findings.iter().find(|finding| finding.severity == Severity::Error);
    if let (Status::No, Some(finding)) = (section.status, error) {
        report.verdict(Mark::No, format!("no: {} (on {ran_on})", finding.summary));
    } else {
        let server = reach.server.as_ref().map_or("the server", |server| server.name());
        report.verdict(Mark::Yes, format!("ok: {server} answers after {} (on {ran_on})", ms(reach.total_ms)));
    }
}

fn ms(milliseconds: f64) -> String {
    format!("{milliseconds:.1} ms")
}
