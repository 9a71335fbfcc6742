//! What a person sees of a simulation.

use ec_shared::report::{Mark, Report};

use super::answer::{ActionResult, Reason, ResourceResult, because, word};
use super::request::Simulation;
use crate::codes;
use crate::evaluate::{Caller, Decision, Explanation, Found};

/// The report about one request.
pub(crate) fn report(simulation: &Simulation, results: &[ActionResult]) -> String {
    let mut report = Report::default();
    report.title(simulation.caller.as_ref().map_or("policies of no named caller", Caller::arn));
    for result in results {
        for resource in &result.resources {
            rows(result, resource, &mut report);
        }
    }
    for (policy, finding) in &simulation.findings {
        let place = format!("{policy} {}", finding.pointer);
        report.row(Mark::Warning, [&format!("{place}: {}", finding.why), codes::IN_VAIN.id]);
    }
    let allowed = results.iter().filter(|result| result.decision == Decision::Allowed).count();
    let (mark, word) = if allowed == results.len() { (Mark::Yes, "allowed") } else { (Mark::No, "not allowed") };
    report.verdict(
        mark,
        format!("{word}: {allowed} of {} action{}", results.len(), if results.len() == 1 { "" } else { "s" }),
    );
    report.render()
}

fn rows(result: &ActionResult, resource: &ResourceResult, report: &mut Report) {
    let explanation = &resource.explanation;
    let mark = if explanation.decision == Decision::Allowed { Mark::Yes } else { Mark::No };
    report.row(mark, [result.action.as_str(), resource.resource.as_str(), explanation.decision.word()]);
    // One cell each: whatever stands beside an ARN would leave the terminal.
    let mut detail = |mark, text: String| report.row(mark, [format!("  {text}")]);
    for sentence in reasons(explanation, &resource.reasons) {
        detail(Mark::Info, sentence);
    }
    if let Some((key, value)) = &resource.assumed {
        detail(Mark::Info, format!("assumed: {key} is {value}"));
    }
    if !explanation.missing_keys.is_empty() {
        detail(Mark::Unknown, format!("not known: {}", explanation.missing_keys.join(", ")));
    }
    for note in &resource.notes {
        detail(Mark::Unknown, format!("not known: {note}"));
    }
}

/// The statements that decided, and the layers that lack one; what comes near is indented.
pub(crate) fn reasons(explanation: &Explanation, reasons: &[Reason]) -> Vec<String> {
    let by = if explanation.decision == Decision::ExplicitDeny { "denied by" } else { "by" };
    let mut told: Vec<String> = explanation.matched.iter().map(|found| format!("{by} {}", name(found))).collect();
    for reason in reasons {
        told.push(format!("{}: {}", word(reason.layer), because(reason)));
        told.extend(reason.candidates.iter().map(|(found, why)| format!("  {}: {why}", name(found))));
    }
    told
}

/// `PolicyInputList.1 statement 0 (ConnectToCache)`.
fn name(found: &Found) -> String {
    let statement = found.statement();
    let sid = statement.sid.as_ref().map(|sid| format!(" ({sid})")).unwrap_or_default();
    format!("{} statement {}{sid}", found.policy.id(), statement.index)
}
