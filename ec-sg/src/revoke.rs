//! `revoke`: takes back exactly what a document says was added, by rule id.

use ec_shared::codes as shared;
use ec_shared::document::section::standing;
use ec_shared::document::{Change, ChangeState, Finding, Section, Severity, Status};
use ec_shared::output::Output;
use ec_shared::{Document, Exit, Failure};

use crate::client::has_form;
use crate::cloud::Cloud;
use crate::codes;
use crate::rule::Opening;
use crate::wait::Patience;

/// The rules that a document says are ours and still there, newest first.
pub(crate) fn written(document: &Document) -> Result<Vec<Written>, Failure> {
    let Some(section) = document.read::<Section>("sg")? else { return Ok(Vec::new()) };
    let ours = standing(&section.changes).into_iter().filter(|change| change.action == "create");
    ours.map(|change| Written::of(change, document)).collect()
}

/// A rule that was added.
#[derive(Clone, Debug)]
pub(crate) struct Written {
    id: String,
    opening: Opening,
}

impl Written {
    fn of(change: &Change, document: &Document) -> Result<Self, Failure> {
        let bad = |why: String| {
            Failure::new(&shared::FIELD, format!("cannot undo `{}` of document {}", change.resource, document.id()))
                .because(why)
                .hint("revoke takes the document that apply printed, as it was printed")
        };
        let id = change.id.clone().filter(|id| has_form(id, "sgr-")).ok_or_else(|| bad("it has no rule id".into()))?;
        let opening = serde_json::from_value(change.after.clone().unwrap_or_default())
            .map_err(|error| bad(format!("`after` is no rule: {error}")))?;
        Ok(Self { id, opening })
    }

    fn change(&self, state: ChangeState) -> Change {
        Change::new("delete", self.opening.to_string(), state).id(&self.id).before(&self.opening)
    }
}

/// Takes the rules back.
pub(crate) async fn revoke(
    rules: Vec<Written>,
    cloud: &impl Cloud,
    patience: Patience,
    output: &Output,
) -> Result<Section, Failure> {
    let mut groups: Vec<String> = rules.iter().map(|rule| rule.opening.group.clone()).collect();
    groups.sort();
    groups.dedup();
    let held = cloud.rules(&groups).await?;
    let mut section = Section::new("revoke", Status::Unchanged);
    let mut left: Vec<Written> = Vec::new();
    for rule in rules {
        match held.iter().find(|held| held.id == rule.id) {
            None => section.changes.push(rule.change(ChangeState::Unchanged)),
            Some(held) if rule.opening.is(held) => left.push(rule),
            Some(held) => {
                let summary = format!("{} was written as `{}` and is now `{held}`: it stays", rule.id, rule.opening);
                let finding = Finding::new(&codes::RULE_CHANGED, Severity::Warning, summary);
                section.findings.push(
                    finding
                        .evidence("rule_id", &rule.id)
                        .fix(format!("aws ec2 describe-security-group-rules --security-group-rule-ids {}", rule.id)),
                );
                section.changes.push(rule.change(ChangeState::Failed));
            }
        }
    }
    let failure = take(cloud, left, &mut section.changes).await;
    let failure = match read_back(cloud, &groups, &section.changes, patience, output).await {
        Err(unread) => failure.or(Some(unread)),
        Ok(()) => failure,
    };
    if section.changes.iter().any(|change| change.state == ChangeState::Done) {
        section.status = Status::Changed;
    }
    if !section.findings.is_empty() {
        section.status = Status::No;
    }
    if let Some(failure) = failure {
        section.status = Status::Error;
        section.blame(&failure);
    }
    Ok(section)
}

/// Revokes group by group, and records it; the answer is the failure that ended it.
async fn take(cloud: &impl Cloud, mut left: Vec<Written>, changes: &mut Vec<Change>) -> Option<Failure> {
    while let Some(first) = left.first() {
        let (group, direction) = (first.opening.group.clone(), first.opening.direction);
        let (batch, rest): (Vec<Written>, Vec<Written>) =
            left.into_iter().partition(|rule| rule.opening.group == group && rule.opening.direction == direction);
        left = rest;
        let ids: Vec<String> = batch.iter().map(|rule| rule.id.clone()).collect();
        match cloud.revoke(&group, direction, &ids).await {
            Ok(()) => changes.extend(batch.iter().map(|rule| rule.change(ChangeState::Done))),
            // One of them went just now, and AWS takes away all or none: the others go one by one.
            Err(failure) if is_absent(&failure) => {
                for rule in batch {
                    let result = cloud.revoke(&group, direction, std::slice::from_ref(&rule.id)).await;
                    match result {
                        Ok(()) => changes.push(rule.change(ChangeState::Done)),
                        Err(failure) if is_absent(&failure) => changes.push(rule.change(ChangeState::Unchanged)),
                        Err(failure) => {
                            changes.push(rule.change(state_after(&failure)));
                            return Some(failure);
                        }
                    }
                }
            }
            Err(failure) => {
                changes.extend(batch.iter().map(|rule| rule.change(state_after(&failure))));
                return Some(failure);
            }
        }
    }
    None
}

fn is_absent(failure: &Failure) -> bool {
    failure.code() == &shared::NOT_FOUND
}

/// Whether a request whose answer got lost was carried out is not known; the next `revoke` looks again.
fn state_after(failure: &Failure) -> ChangeState {
    if failure.exit() == Exit::Temporary { ChangeState::Unknown } else { ChangeState::Failed }
}

/// Reads until no rule that was revoked shows any more.
async fn read_back(
    cloud: &impl Cloud,
    groups: &[String],
    changes: &[Change],
    patience: Patience,
    output: &Output,
) -> Result<(), Failure> {
    let done = changes.iter().filter(|change| change.state == ChangeState::Done);
    let gone: Vec<&str> = done.filter_map(|change| change.id.as_deref()).collect();
    if gone.is_empty() {
        return Ok(());
    }
    let tell = || output.note("waiting until AWS stops showing the rules, usually a few seconds");
    let seen = patience.until(&tell, async || {
        let rules = cloud.rules(groups).await?;
        Ok(rules.iter().all(|rule| !gone.contains(&rule.id.as_str())).then_some(()))
    });
    seen.await?.ok_or_else(|| {
        Failure::new(&codes::NOT_VISIBLE, "the revoked rules still show")
            .because("AWS accepted the request and still lists them")
            .hint("run the same command again: it takes away only what is there")
    })
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use ec_shared::output::{Color, ErrorFormat, Format};

    use super::*;
    use crate::fake::{Fake, Fault, rule, scene};
    use crate::rule::{Direction, Peer, Traffic};

    fn opening(port: u16) -> Opening {
        Opening {
            group: "sg-c".into(),
            direction: Direction::Ingress,
            tcp_port: port,
            peer: Peer::Group("sg-a".into()),
        }
    }

    /// A document that says that rules for 6379 and 6380 were added as sgr-1 and sgr-2.
    fn document() -> Document {
        let mut section = Section::new("apply", Status::Changed);
        for (id, port) in [("sgr-1", 6379), ("sgr-2", 6380)] {
            let opening = opening(port);
            section.changes.push(Change::new("create", opening.to_string(), ChangeState::Done).id(id).after(&opening));
        }
        let mut document = Document::empty();
        document.set_section("sg", section);
        document
    }

    fn cloud(rules: &[(&str, u16)]) -> Fake {
        let cloud = scene();
        let rules = rules.iter();
        *cloud.rules.borrow_mut() =
            rules.map(|(id, port)| rule(id, "sg-c", Direction::Ingress, Traffic::Tcp(*port, *port), "sg-a")).collect();
        cloud
    }

    fn revoked(cloud: &Fake) -> Section {
        let patience = Patience { limit: Duration::from_millis(20), first: Duration::from_millis(1) };
        let output = Output::new("ec-sg", Some(Format::Json), ErrorFormat::Text, Color::Never);
        let written = written(&document()).unwrap();
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        runtime.block_on(revoke(written, cloud, patience, &output.loudness(true, false))).unwrap()
    }

    fn states(section: &Section) -> Vec<(&str, ChangeState)> {
        section.changes.iter().map(|change| (change.id.as_deref().unwrap(), change.state)).collect()
    }

    #[test]
    fn both_rules_go_with_one_request() {
        let cloud = cloud(&[("sgr-1", 6379), ("sgr-2", 6380), ("sgr-3", 6379)]);
        let section = revoked(&cloud);
        assert_eq!(section.status, Status::Changed);
        assert_eq!(cloud.rules.borrow().len(), 1, "a rule of somebody else stays");
        assert_eq!(cloud.writes(), 1);
    }

    #[test]
    fn a_rule_that_is_gone_is_as_wanted() {
        let cloud = cloud(&[("sgr-2", 6380)]);
        let section = revoked(&cloud);
        assert_eq!(states(&section), [("sgr-1", ChangeState::Unchanged), ("sgr-2", ChangeState::Done)]);
        let section = revoked(&cloud);
        assert_eq!((section.status, cloud.writes()), (Status::Unchanged, 1));
    }

    #[test]
    fn a_rule_that_was_changed_since_stays_and_is_told() {
        let cloud = cloud(&[("sgr-1", 443), ("sgr-2", 6380)]);
        let section = revoked(&cloud);
        assert_eq!(section.status, Status::No);
        assert_eq!(section.findings[0].code, "EC1013");
        assert_eq!(states(&section), [("sgr-1", ChangeState::Failed), ("sgr-2", ChangeState::Done)]);
    }

    #[test]
    fn a_lost_answer_leaves_it_open_and_the_next_revoke_settles_it() {
        let cloud = cloud(&[("sgr-1", 6379), ("sgr-2", 6380)]);
        cloud.failures.borrow_mut().insert(2, Fault::AnswerLost);
        let section = revoked(&cloud);
        assert_eq!((section.status, section.changes[0].state), (Status::Error, ChangeState::Unknown));
        assert_eq!(revoked(&cloud).status, Status::Unchanged);
    }

    #[test]
    fn a_document_that_does_not_say_which_rule_is_refused() {
        for id in ["", "sgr-1;x", "sg-1"] {
            let mut section = Section::new("apply", Status::Changed);
            section.changes.push(Change::new("create", "rule", ChangeState::Done).id(id).after(opening(6379)));
            let mut document = Document::empty();
            document.set_section("sg", section);
            assert_eq!(written(&document).unwrap_err().code().id, "EC9009", "{id}");
        }
    }
}
