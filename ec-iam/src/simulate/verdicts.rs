//! The answers about all principals that are asked about, for programs and for people.

use ec_shared::Exit;
use ec_shared::report::{Mark, Report};
use serde_json::{Map, Value, json};

use super::account::Holder;
use super::answer::{self, distinct, statement};
use super::question::{Answer, Because, CONNECT, Question, Verdict};
use super::text;
use crate::evaluate::Authorization;

/// Asks about all holders.
pub(super) fn verdicts<'a>(question: &Question, holders: impl IntoIterator<Item = &'a Holder>) -> Vec<Verdict<'a>> {
    holders.into_iter().map(|holder| Verdict::new(question, holder)).collect()
}

/// Yes if anybody may for sure.
pub(crate) fn exit(verdicts: &[Verdict<'_>]) -> Exit {
    if verdicts.iter().any(|verdict| verdict.answer() == Answer::Yes) { Exit::Ok } else { Exit::No }
}

/// The answer as one line, without its line end: the principals that may or for which it is not known, and with `all`
/// the others, too.
pub(crate) fn json(question: &Question, verdicts: &[Verdict<'_>], all: bool) -> String {
    let count = |answer| verdicts.iter().filter(|verdict| verdict.answer() == answer).count();
    let told = verdicts.iter().filter(|verdict| all || verdict.answer() != Answer::No);
    let principals: Vec<Value> = told.map(|verdict| principal(question, verdict)).collect();
    let mut answer = json!({
        "Action": question.action(),
        "Resources": question.resources(),
        "Principals": principals,
        "Counts": {"yes": count(Answer::Yes), "unknown": count(Answer::Unknown), "no": count(Answer::No)},
        "Notes": notes(question, verdicts),
    });
    let assumed = question.resources().iter().filter_map(|resource| question.assumed(resource));
    let assumed = distinct(assumed.map(answer::context_entry));
    if !assumed.is_empty() {
        answer["AssumedContext"] = assumed.into();
    }
    answer.to_string()
}

/// What the answer does not consider, and why nobody may connect who seems to be allowed.
pub(super) fn notes(question: &Question, verdicts: &[Verdict<'_>]) -> Vec<String> {
    let mut accounts = question.resources().iter().filter_map(|resource| resource.split(':').nth(4));
    let account = accounts.next().filter(|account| !account.is_empty() && question.action() == CONNECT);
    let foreign =
        account.filter(|account| verdicts.iter().any(|verdict| verdict.holder().caller.account() != *account));
    let foreign = foreign.map(|account| {
        format!("the cache belongs to account {account}, and ElastiCache has no policies that let another account in")
    });
    let knows = |is: fn(&Authorization) -> bool| verdicts.iter().any(|verdict| is(&verdict.holder().authorization));
    let layers = [
        ("service control policies", knows(|known| !known.service_control.is_empty())),
        ("resource control policies", false),
        ("session policies", knows(|known| known.session.is_some())),
        ("policies of endpoints", false),
    ];
    let lacking = layers.into_iter().filter(|(_, is_known)| !is_known).map(|(name, _)| name).collect::<Vec<_>>();
    foreign.into_iter().chain([format!("not considered: {}", lacking.join(", "))]).collect()
}

fn principal(question: &Question, verdict: &Verdict<'_>) -> Value {
    let results = verdict.because(question).into_iter().map(|Because { resource, explanation, reasons }| {
        let candidates = reasons.iter().flat_map(|reason| &reason.candidates).map(|(found, why)| {
            let mut candidate = statement(found);
            candidate["Reason"] = why.as_str().into();
            candidate
        });
        json!({
            "EvalResourceName": resource,
            "MatchedStatements": explanation.matched.iter().map(statement).collect::<Vec<_>>(),
            "Candidates": candidates.collect::<Vec<_>>(),
        })
    });
    let results: Vec<Value> = results.collect();
    let mut answer = Map::new();
    answer.insert("Arn".to_owned(), verdict.holder().caller.arn().into());
    answer.insert("Allowed".to_owned(), verdict.answer().word().into());
    answer.insert("MissingContextValues".to_owned(), verdict.missing_keys(question).into());
    answer.insert("ResourceSpecificResults".to_owned(), results.into());
    if !verdict.holder().unread.is_empty() {
        answer.insert("Notes".to_owned(), verdict.holder().unread.as_slice().into());
    }
    Value::Object(answer)
}

/// The report for people; with `all` also about those who may not, and why.
pub(crate) fn report(question: &Question, verdicts: &[Verdict<'_>], all: bool) -> String {
    let mut report = Report::default();
    report.title(title(question));
    for verdict in verdicts.iter().filter(|verdict| all || verdict.answer() != Answer::No) {
        let keys = verdict.missing_keys(question);
        let why = keys.into_iter().chain(verdict.holder().unread.iter().cloned()).collect::<Vec<_>>().join(", ");
        let columns = [verdict.holder().caller.arn(), verdict.answer().word(), &why];
        report.row(mark(verdict.answer()), columns.into_iter().filter(|column| !column.is_empty()));
        if all {
            for because in verdict.because(question) {
                report.row(Mark::Info, [format!("  {}", because.resource)]);
                for sentence in text::reasons(&because.explanation, &because.reasons) {
                    report.row(Mark::Info, [format!("    {sentence}")]);
                }
            }
        }
    }
    for (key, value) in question.resources().iter().filter_map(|resource| question.assumed(resource)) {
        report.row(Mark::Info, [format!("assumed: {key} is {value}")]);
    }
    for note in notes(question, verdicts) {
        report.row(Mark::Info, [note]);
    }
    let count = |answer| verdicts.iter().filter(|verdict| verdict.answer() == answer).count();
    let (yes, unknown, all) = (count(Answer::Yes), count(Answer::Unknown), verdicts.len());
    let mark = if yes > 0 { Mark::Yes } else { Mark::No };
    let of_others = if unknown > 0 { format!(", of {unknown} it is not known") } else { String::new() };
    let deed = if question.action() == CONNECT { "connect" } else { "do it" };
    report.verdict(mark, format!("{yes} of {all} may {deed}{of_others}"));
    report.render()
}

/// What a person is told is asked.
fn title(question: &Question) -> String {
    match (question.action(), question.resources()) {
        (CONNECT, [cache, user]) => format!("who may connect: {cache} as {user}"),
        (action, resources) => format!("who may do {action} on {}", resources.join(", ")),
    }
}

fn mark(answer: Answer) -> Mark {
    match answer {
        Answer::Yes => Mark::Yes,
        Answer::Unknown => Mark::Unknown,
        Answer::No => Mark::No,
    }
}
