//! `revoke`: takes back exactly what a document says was done: rules by their ids, and the group that was attached.

use ec_shared::codes as shared;
use ec_shared::document::section::standing;
use ec_shared::document::{Change, ChangeState, Finding, Section, Severity, Status};
use ec_shared::interrupt::Interrupt;
use ec_shared::output::Output;
use ec_shared::{Document, Exit, Failure};

use crate::apply::read_rules;
use crate::client::has_form;
use crate::cloud::{Cloud, World};
use crate::plan::Attach;
use crate::rule::{Opening, Rule};
use crate::snapshot::Snapshot;
use crate::wait::Patience;
use crate::{attach, codes};

/// What a document says is ours and still there, newest first.
pub(crate) fn written(document: &Document) -> Result<Vec<Written>, Failure> {
    let Some(section) = document.read::<Section>("sg")? else { return Ok(Vec::new()) };
    let ours =
        standing(&section.changes).into_iter().filter(|change| ["create", "attach"].contains(&change.action.as_str()));
    ours.map(|change| Written::of(change, document)).collect()
}

/// Something that was done.
#[derive(Clone, Debug)]
pub(crate) enum Written {
    /// A rule that was added.
    Rule(WrittenRule),
    /// A group that was attached.
    Attach(Attach),
}

/// A rule that was added.
#[derive(Clone, Debug)]
pub(crate) struct WrittenRule {
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
        let after = change.after.clone().unwrap_or_default();
        if change.action == "attach" {
            let attach: Attach =
                serde_json::from_value(after).map_err(|error| bad(format!("`after` is no attachment: {error}")))?;
            if !has_form(&attach.network_interface_id, "eni-") || !has_form(&attach.security_group_id, "sg-") {
                return Err(bad("it names no interface or no group".to_owned()));
            }
            return Ok(Self::Attach(attach));
        }
        let id = change.id.clone().filter(|id| has_form(id, "sgr-")).ok_or_else(|| bad("it has no rule id".into()))?;
        let opening = serde_json::from_value(after).map_err(|error| bad(format!("`after` is no rule: {error}")))?;
        Ok(Self::Rule(WrittenRule { id, opening }))
    }
}

impl WrittenRule {
    fn change(&self, state: ChangeState) -> Change {
        Change::new("delete", self.opening.to_string(), state).id(&self.id).before(&self.opening)
    }
}

/// Takes it back: first the group of the client, which ends the traffic, then the rules.
pub(crate) async fn revoke<C: Cloud>(
    written: Vec<Written>,
    world: &mut World<C>,
    patience: Patience,
    interrupt: &Interrupt,
    output: &Output,
) -> Result<Section, Failure> {
    let mut section = Section::new("revoke", Status::Unchanged);
    let mut failure = None;
    let (mut rules, mut attaches) = (Vec::new(), Vec::new());
    for each in written {
        match each {
            Written::Rule(rule) => rules.push(rule),
            Written::Attach(attach) => attaches.push(attach),
        }
    }
    for attach in attaches {
        let state = if failure.is_some() || interrupt.is_raised() {
            ChangeState::Planned
        } else {
            match attach::take(world, &attach).await {
                Ok(true) => ChangeState::Done,
                Ok(false) => ChangeState::Unchanged,
                Err(error) => {
                    let state = state_after(&error);
                    failure = Some(error);
                    state
                }
            }
        };
        section.changes.push(detach(&attach, state));
    }
    let mut groups: Vec<String> = rules.iter().map(|rule| rule.opening.group.clone()).collect();
    groups.sort();
    groups.dedup();
    if let Err(unread) = read_rules(world, &groups).await {
        // Before anything was done, that is the answer; after that, what was done must not get lost.
        if section.changes.iter().all(|change| change.state != ChangeState::Done) {
            return Err(failure.unwrap_or(unread));
        }
        failure = failure.or(Some(unread));
        section.changes.extend(rules.drain(..).map(|rule| rule.change(ChangeState::Planned)));
    }
    let left = sort_out(rules, &world.snapshot, &mut section);
    if failure.is_none() {
        failure = take(world, left, &mut section.changes, interrupt).await;
    } else {
        section.changes.extend(left.iter().map(|rule| rule.change(ChangeState::Planned)));
    }
    let unread = read_back(world, &groups, &section.changes, patience, interrupt, output).await.err();
    if section.changes.iter().any(|change| change.state == ChangeState::Done) {
        section.status = Status::Changed;
    }
    if !section.findings.is_empty() {
        section.status = Status::No;
    }
    let is_left = section.changes.iter().any(|change| change.state == ChangeState::Planned);
    let interrupted = if is_left { interrupt.check().err() } else { None };
    if let Some(failure) = failure.or(interrupted).or(unread) {
        section.status = Status::Error;
        section.blame(&failure);
    }
    Ok(section)
}

fn detach(attach: &Attach, state: ChangeState) -> Change {
    Change::new("detach", attach.resource(), state).id(&attach.network_interface_id).before(attach)
}

/// The rules that are there as they were written; of the others, the section hears.
fn sort_out(rules: Vec<WrittenRule>, known: &Snapshot, section: &mut Section) -> Vec<WrittenRule> {
    let mut left = Vec::new();
    for rule in rules {
        let held = known.rules(&rule.opening.group).unwrap_or_default();
        let held: Option<&Rule> = held.iter().find(|held| held.id.as_ref() == Some(&rule.id));
        match held {
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
    left
}

/// Revokes group by group, and records it; the answer is the failure that ended it. What is not begun stays planned.
async fn take<C: Cloud>(
    world: &World<C>,
    mut left: Vec<WrittenRule>,
    changes: &mut Vec<Change>,
    interrupt: &Interrupt,
) -> Option<Failure> {
    let mut failed = None;
    while let Some(first) = left.first().filter(|_| failed.is_none() && !interrupt.is_raised()) {
        let (group, direction) = (first.opening.group.clone(), first.opening.direction);
        let (batch, rest): (Vec<WrittenRule>, Vec<WrittenRule>) =
            left.into_iter().partition(|rule| rule.opening.group == group && rule.opening.direction == direction);
        left = rest;
        let ids: Vec<String> = batch.iter().map(|rule| rule.id.clone()).collect();
        match world.cloud.revoke(&group, direction, &ids).await {
            Ok(()) => changes.extend(batch.iter().map(|rule| rule.change(ChangeState::Done))),
            // One of them went just now, and AWS takes away all or none: the others go one by one. Where the call was sent
            // more than once, the rules went by an attempt of ours whose answer got lost.
            Err(whole) if is_absent(&whole) => {
                for rule in batch {
                    if failed.is_some() {
                        changes.push(rule.change(ChangeState::Planned));
                        continue;
                    }
                    match world.cloud.revoke(&group, direction, std::slice::from_ref(&rule.id)).await {
                        Ok(()) => changes.push(rule.change(ChangeState::Done)),
                        Err(failure) if is_absent(&failure) => {
                            let is_ours = whole.attempts().max(failure.attempts()) > 1;
                            let state = if is_ours { ChangeState::Done } else { ChangeState::Unchanged };
                            changes.push(rule.change(state));
                        }
                        Err(failure) => {
                            changes.push(rule.change(state_after(&failure)));
                            failed = Some(failure);
                        }
                    }
                }
            }
            Err(failure) => {
                changes.extend(batch.iter().map(|rule| rule.change(state_after(&failure))));
                failed = Some(failure);
            }
        }
    }
    changes.extend(left.iter().map(|rule| rule.change(ChangeState::Planned)));
    failed
}

fn is_absent(failure: &Failure) -> bool {
    failure.code() == &shared::NOT_FOUND
}

/// Whether a request whose answer got lost was carried out is not known; the next `revoke` looks again.
fn state_after(failure: &Failure) -> ChangeState {
    if failure.exit() == Exit::Temporary { ChangeState::Unknown } else { ChangeState::Failed }
}

/// Reads until no rule that was revoked shows any more.
async fn read_back<C: Cloud>(
    world: &mut World<C>,
    groups: &[String],
    changes: &[Change],
    patience: Patience,
    interrupt: &Interrupt,
    output: &Output,
) -> Result<(), Failure> {
    let done = changes.iter().filter(|change| change.action == "delete" && change.state == ChangeState::Done);
    let gone: Vec<&str> = done.filter_map(|change| change.id.as_deref()).collect();
    if gone.is_empty() {
        return Ok(());
    }
    let tell = || output.note("waiting until AWS stops showing the rules, usually a few seconds");
    let seen = patience.until(interrupt, &tell, async || {
        read_rules(world, groups).await?;
        let held = groups.iter().flat_map(|group| world.snapshot.rules(group).unwrap_or_default());
        let mut ids = held.filter_map(|rule| rule.id.as_deref());
        Ok(ids.all(|id| !gone.contains(&id)).then_some(()))
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
    use crate::fake::{Fake, Fault, rule, run, scene};
    use crate::rule::{Direction, GroupRef, Peer, Traffic};

    fn opening(port: u16) -> Opening {
        Opening {
            group: "sg-c".into(),
            direction: Direction::Ingress,
            tcp_port: port,
            peer: Peer::Group(GroupRef::of("sg-a")),
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

    fn world(rules: &[(&str, u16)]) -> World<Fake> {
        let cloud = scene();
        let rules = rules.iter();
        *cloud.rules.borrow_mut() =
            rules.map(|(id, port)| rule(id, "sg-c", Direction::Ingress, Traffic::Tcp(*port, *port), "sg-a")).collect();
        cloud.world()
    }

    fn revoked(world: &mut World<Fake>) -> Section {
        let patience = Patience { limit: Duration::from_millis(20), first: Duration::from_millis(1) };
        let output = Output::new("ec-sg", Some(Format::Json), ErrorFormat::Text, Color::Never);
        let written = written(&document()).unwrap();
        run(revoke(written, world, patience, &Interrupt::default(), &output.loudness(true, false))).unwrap()
    }

    fn states(section: &Section) -> Vec<(&str, ChangeState)> {
        section.changes.iter().map(|change| (change.id.as_deref().unwrap(), change.state)).collect()
    }

    #[test]
    fn both_rules_go_with_one_request() {
        let mut world = world(&[("sgr-1", 6379), ("sgr-2", 6380), ("sgr-3", 6379)]);
        let section = revoked(&mut world);
        assert_eq!(section.status, Status::Changed);
        assert_eq!(world.cloud.rules.borrow().len(), 1, "a rule of somebody else stays");
        assert_eq!(world.cloud.writes(), 1);
    }

    #[test]
    fn a_rule_that_is_gone_is_as_wanted() {
        let mut world = world(&[("sgr-2", 6380)]);
        let section = revoked(&mut world);
        assert_eq!(states(&section), [("sgr-1", ChangeState::Unchanged), ("sgr-2", ChangeState::Done)]);
        let section = revoked(&mut world);
        assert_eq!((section.status, world.cloud.writes()), (Status::Unchanged, 1));
    }

    #[test]
    fn a_rule_that_was_changed_since_stays_and_is_told() {
        let mut world = world(&[("sgr-1", 443), ("sgr-2", 6380)]);
        let section = revoked(&mut world);
        assert_eq!(section.status, Status::No);
        assert_eq!(section.findings[0].code, "EC1013");
        assert_eq!(states(&section), [("sgr-1", ChangeState::Failed), ("sgr-2", ChangeState::Done)]);
    }

    #[test]
    fn a_lost_answer_leaves_it_open_and_the_next_revoke_settles_it() {
        let mut world = world(&[("sgr-1", 6379), ("sgr-2", 6380)]);
        world.cloud.failures.borrow_mut().insert(2, Fault::AnswerLost);
        let section = revoked(&mut world);
        assert_eq!((section.status, section.changes[0].state), (Status::Error, ChangeState::Unknown));
        assert_eq!(revoked(&mut world).status, Status::Unchanged);
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
