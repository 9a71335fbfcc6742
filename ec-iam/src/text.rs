//! What a person at a terminal sees.

use ec_shared::document::{Change, ChangeState, Document, Section, Severity, Status};
use ec_shared::report::{Mark, Report};

use crate::plan;
use crate::thing::{POLICY_OF_SET, Thing};
use crate::trust::Trust;

/// The report about `whoami`.
pub fn whoami(_: &Document, section: &Section, report: &mut Report) {
    let fact = |name: &str| section.facts.get(name).and_then(serde_json::Value::as_str);
    report.title(fact("arn").unwrap_or("who am I"));
    let rows = [
        (
            "account",
            fact("account").map(|account| format!("{account}, partition {}", fact("partition").unwrap_or("?"))),
        ),
        ("region", fact("region").map(str::to_owned)),
        ("endpoint", fact("endpoint_url").map(|url| format!("{url}, not AWS's own"))),
        ("kind", fact("kind").map(|kind| kind.replace('_', " "))),
        ("identity", fact("identity").map(str::to_owned)),
        ("permission set", fact("permission_set").map(str::to_owned)),
        ("session", fact("session").map(str::to_owned)),
        (
            "credentials",
            fact("credentials").map(|kind| match fact("expires_at") {
                Some(end) => format!("{}, until {end}", kind.replace('_', "-")),
                None => kind.replace('_', "-"),
            }),
        ),
    ];
    for (name, value) in rows {
        if let Some(value) = value {
            report.row(Mark::Info, [name.to_owned(), value]);
        }
    }
    rest(section, report);
}

/// The report about `plan`, `apply` and `revoke`.
pub fn changes(document: &Document, section: &Section, report: &mut Report) {
    let fact = |name: &str| section.facts.get(name).and_then(serde_json::Value::as_str);
    let cache = document.cache().ok().flatten().map(|cache| cache.title());
    let title = match (cache, fact("principal")) {
        (Some(cache), Some(principal)) => format!("{cache}  ←  {principal}"),
        (cache, principal) => cache.or_else(|| principal.map(str::to_owned)).unwrap_or_else(|| "IAM".to_owned()),
    };
    report.title(title);
    for change in &section.changes {
        let (mark, state) = progress(change);
        let told = name(change).map_or_else(|| state.to_owned(), |name| format!("{state}: {name}"));
        report.row(mark, [subject(change), told]);
    }
    if let (Some(user), true) = (fact("user"), section.command != "revoke") {
        report.row(Mark::Info, ["user of the cache", user]);
    }
    rest(section, report);
}

/// The findings in the columns of the other rows, then what every section has.
fn rest(section: &Section, report: &mut Report) {
    for finding in &section.findings {
        let (mark, word) = match finding.severity {
            Severity::Error => (Mark::No, "problem"),
            Severity::Warning => (Mark::Warning, "warning"),
            Severity::Info => (Mark::Info, "note"),
        };
        report.row(mark, [word, &finding.summary, &finding.code]);
    }
    let shown: Vec<&str> = section.findings.iter().map(|finding| finding.code.as_str()).collect();
    report.verdict(mark(section.status), section.summary());
    report.section(&Section { changes: Vec::new(), ..section.clone() }, &shown);
}

/// What is changed: `service-linked role`, `policy of role/app`; the rest as documents have it.
fn subject(change: &Change) -> String {
    match plan::thing_of(change) {
        Some(Thing::ServiceLinkedRole) => "service-linked role".to_owned(),
        Some(Thing::InlinePolicy(principal, _) | Thing::ManagedPolicy(principal, _)) => {
            format!("policy of {principal}")
        }
        Some(Thing::Boundary(principal)) => format!("boundary of {principal}"),
        Some(thing) => thing.resource(),
        None => change.resource.clone(),
    }
}

/// What tells it from others of its kind, where the subject does not.
fn name(change: &Change) -> Option<String> {
    let value = match plan::thing_of(change)? {
        Thing::ServiceLinkedRole | Thing::InlinePolicy(..) | Thing::ManagedPolicy(..) => change.id.as_deref(),
        Thing::Principal(_) => {
            let trusted = change.after.as_ref().and_then(Trust::read)?;
            return Some(format!("trusts {}", trusted.arn().rsplit(':').next().unwrap_or_default()));
        }
        Thing::Boundary(_) => change.after.as_ref().and_then(serde_json::Value::as_str),
        _ => None,
    };
    value.and_then(|value| value.rsplit('/').next()).filter(|name| *name != POLICY_OF_SET).map(str::to_owned)
}

fn progress(change: &Change) -> (Mark, &'static str) {
    let is_removal = matches!(change.action.as_str(), "delete" | "detach");
    let done = if is_removal { Mark::Remove } else { Mark::Add };
    match (change.state, is_removal, change.before.is_some()) {
        (ChangeState::Planned, _, true) => (done, "to be replaced"),
        (ChangeState::Planned, ..) => (done, "to be created"),
        (ChangeState::Done, true, _) => (done, "removed"),
        (ChangeState::Done, false, true) => (done, "replaced"),
        (ChangeState::Done, false, false) => (done, "created"),
        (ChangeState::Unchanged, true, _) => (Mark::Info, "left as it is"),
        (ChangeState::Unchanged, false, _) => (Mark::Yes, "is there"),
        (ChangeState::Failed, ..) => (Mark::No, "failed"),
        (ChangeState::Unknown, ..) => (Mark::Unknown, "not known whether done"),
    }
}

fn mark(status: Status) -> Mark {
    match status {
        Status::Ok | Status::Changed | Status::Unchanged => Mark::Yes,
        Status::No | Status::Error => Mark::No,
        Status::Unknown => Mark::Unknown,
        Status::Planned | Status::Skipped => Mark::Info,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::codes;
    use crate::thing::SERVICE_LINKED_ROLE;
    use ec_shared::document::Finding;

    #[test]
    fn a_person_sees_what_was_done_and_what_is_worth_knowing() {
        let mut section = Section::new("apply", Status::Changed).fact("principal", "role/app").fact("user", "app");
        section
            .changes
            .push(Change::new("create", SERVICE_LINKED_ROLE, ChangeState::Unchanged).id("arn:x/AWSServiceRole"));
        section
            .changes
            .push(Change::new("attach", "inline policy p of role/app", ChangeState::Done).id("role/app/ec-iam-p"));
        section
            .findings
            .push(Finding::new(&codes::NOT_IAM_USER, Severity::Warning, "user app has a password").fix("do this"));
        let mut report = Report::default();
        changes(&Document::empty(), &section, &mut report);
        let expected = "\
role/app
  ✓ service-linked role  is there: AWSServiceRole
  + policy of role/app   created: ec-iam-p
  · user of the cache    app
  ! warning              user app has a password  EC2008
changed: 1 change
fix: do this
";
        assert_eq!(without_styles(&report.render()), expected);
    }

    fn without_styles(text: &str) -> String {
        let parts = text.split('\u{1b}');
        parts
            .enumerate()
            .map(|(index, part)| if index == 0 { part } else { part.split_once('m').map_or("", |(_, rest)| rest) })
            .collect()
    }
}
