//! `apply`: writes exactly the rules that are missing, and reads them back.
//!
//! A request adds rules to one group in one direction, and EC2 makes all of them or none: what is missing was looked up
//! right before, so that a duplicate is a race, and then the rules go one by one. There is no client token; after an
//! answer that got lost, the group is read before anything is said.

use ec_shared::document::{Change, ChangeState, Section, Status};
use ec_shared::output::Output;
use ec_shared::{Document, Exit, Failure};
use ipnet::IpNet;

use crate::check::{self, Looked};
use crate::cloud::{Cloud, DUPLICATE, Label};
use crate::facts::{self, Target};
use crate::path::{self, Place, Verdict};
use crate::rule::{Direction, Opening, Peer, Rule};
use crate::wait::Patience;
use crate::{codes, plan, public};

/// Applies what the document plans, or plans by itself.
pub(crate) async fn apply(
    document: &mut Document,
    cloud: &impl Cloud,
    target: &Target,
    allowed: &[IpNet],
    patience: Patience,
    output: &Output,
) -> Result<Section, Failure> {
    let planned = planned(document, target)?;
    let Some(mut looked) = check::look(document, cloud, target).await? else {
        return Ok(Section::skipped("apply", facts::PUBLIC));
    };
    let wanted = match planned {
        Some(openings) => fitting(openings, &looked)?,
        None => looked.openings.clone(),
    };
    let mut steps: Vec<Step> = wanted.into_iter().map(|opening| Step::of(opening, &looked)).collect();
    let missing: Vec<Opening> =
        steps.iter().filter(|step| step.is_planned()).map(|step| step.opening.clone()).collect();
    public::judge(&plan::ranges(&missing), allowed)?;
    let failure = write(cloud, &looked, &mut steps, &label(document, &looked)).await;
    let failure = match read_back(cloud, &mut looked, &mut steps, patience, output).await {
        Err(unread) => failure.or(Some(unread)),
        Ok(()) => failure,
    };
    Ok(section(&looked, steps, failure))
}

/// One rule on its way.
#[derive(Debug)]
struct Step {
    opening: Opening,
    state: ChangeState,
    id: Option<String>,
}

impl Step {
    /// The re-check: what is open by now needs no rule.
    fn of(opening: Opening, looked: &Looked) -> Self {
        let held = looked.facts.rules.iter().find(|rule| opening.is(rule));
        let is_missing = held.is_none() && is_closed(&opening, looked);
        let state = if is_missing { ChangeState::Planned } else { ChangeState::Unchanged };
        Self { opening, state, id: None }
    }

    fn is_planned(&self) -> bool {
        self.state == ChangeState::Planned
    }

    fn change(self, looked: &Looked) -> Change {
        let change = plan::change(&looked.question, &self.opening, self.state);
        match self.id {
            Some(id) => change.id(id),
            None => change,
        }
    }
}

/// What the document plans, where the flags do not put another question.
fn planned(document: &Document, target: &Target) -> Result<Option<Vec<Opening>>, Failure> {
    if target.cache.is_some() || target.from.is_some() {
        return Ok(None);
    }
    let Some(section) = document.read::<Section>("sg")? else { return Ok(None) };
    plan::planned(&section).map_err(|error| stale("a planned change cannot be read").because(error))
}

/// Planned rules are only written where they belong: between the groups of this cache and this client, for its ports.
fn fitting(openings: Vec<Opening>, looked: &Looked) -> Result<Vec<Opening>, Failure> {
    let question = &looked.question;
    for opening in &openings {
        let (own, other) = match opening.direction {
            Direction::Ingress => (&question.cache, &question.client),
            Direction::Egress => (&question.client, &question.cache),
        };
        let fits = own.groups.contains(&opening.group)
            && question.ports.iter().any(|port| port.port == opening.tcp_port)
            && !plan::is_elsewhere(&looked.hops)
            && match &opening.peer {
                Peer::Group(group) => other.groups.contains(group),
                Peer::Range(range) => other.addresses.contains(range),
                Peer::PrefixList(_) => false,
            };
        if !fits {
            return Err(stale(&format!("`{opening}` is planned, and is no rule that this path needs")));
        }
    }
    Ok(openings)
}

fn stale(why: &str) -> Failure {
    Failure::new(&codes::STALE_PLAN, "cannot apply the planned changes")
        .because(why)
        .hint("plan again: ec-sg plan --cache NAME --from CLIENT")
}

fn is_closed(opening: &Opening, looked: &Looked) -> bool {
    let place = match opening.direction {
        Direction::Ingress => Place::CacheIngress,
        Direction::Egress => Place::ClientEgress,
    };
    looked.hops.iter().any(|hop| {
        hop.hop == place
            && hop.tcp_port == Some(opening.tcp_port)
            && matches!(hop.verdict, Verdict::No | Verdict::Unknown)
    })
}

/// How our rules are marked. EC2 takes fewer characters in a description than a document's id may have.
fn label(document: &Document, looked: &Looked) -> Label {
    let client = document.client().ok().flatten().as_ref().and_then(crate::client::Source::of).unwrap_or_default();
    let name = &looked.question.cache_name;
    let description: String = format!("ec-sg: {name} from {client}")
        .chars()
        .filter(|c| c.is_ascii_alphanumeric() || " ._-:/()#,@[]+=&;{}!$*".contains(*c))
        .take(255)
        .collect();
    Label { description, tag: name.clone() }
}

/// Writes the planned steps, group by group; stops at the first failure.
async fn write(cloud: &impl Cloud, looked: &Looked, steps: &mut [Step], label: &Label) -> Option<Failure> {
    while let Some(first) = steps.iter().find(|step| step.is_planned()) {
        let (group, direction) = (first.opening.group.clone(), first.opening.direction);
        let mut batch: Vec<&mut Step> = steps
            .iter_mut()
            .filter(|step| step.is_planned() && step.opening.group == group && step.opening.direction == direction)
            .collect();
        if let Err(failure) = write_batch(cloud, &mut batch, label).await {
            // Whether a request whose answer got lost was carried out, only reading tells.
            let lost = failure.exit() == Exit::Temporary;
            let state = if lost { ChangeState::Unknown } else { ChangeState::Failed };
            for step in batch.iter_mut().filter(|step| step.is_planned()) {
                step.state = state;
            }
            if lost && let Ok(rules) = cloud.rules(&check::groups(&looked.question)).await {
                for step in batch.iter_mut().filter(|step| step.state == ChangeState::Unknown) {
                    if let Some(rule) = rules.iter().find(|rule| step.opening.is(rule)) {
                        (step.state, step.id) = (state_of(rule, label), Some(rule.id.clone()));
                    }
                }
            }
            return Some(failure);
        }
    }
    None
}

async fn write_batch(cloud: &impl Cloud, batch: &mut [&mut Step], label: &Label) -> Result<(), Failure> {
    let openings: Vec<Opening> = batch.iter().map(|step| step.opening.clone()).collect();
    match cloud.authorize(&openings, label).await {
        Ok(made) => {
            for step in batch {
                step.made(&made);
            }
            Ok(())
        }
        Err(failure) if failure.aws_code() == Some(DUPLICATE) => {
            for step in batch {
                match cloud.authorize(std::slice::from_ref(&step.opening), label).await {
                    Ok(made) => step.made(&made),
                    // It is there: by another hand, or by an attempt of ours whose answer got lost. Reading back tells.
                    Err(failure) if failure.aws_code() == Some(DUPLICATE) => step.state = ChangeState::Unchanged,
                    Err(failure) => return Err(failure),
                }
            }
            Ok(())
        }
        Err(failure) => Err(failure),
    }
}

impl Step {
    fn made(&mut self, made: &[Rule]) {
        self.state = ChangeState::Done;
        self.id = made.iter().find(|rule| self.opening.is(rule)).map(|rule| rule.id.clone());
    }
}

/// A rule that bears our mark for this cache is our work.
fn state_of(rule: &Rule, label: &Label) -> ChangeState {
    if rule.tag.as_ref() == Some(&label.tag) { ChangeState::Done } else { ChangeState::Unchanged }
}

/// Reads until every rule that was written shows, then walks the path anew.
async fn read_back(
    cloud: &impl Cloud,
    looked: &mut Looked,
    steps: &mut [Step],
    patience: Patience,
    output: &Output,
) -> Result<(), Failure> {
    let done: Vec<Opening> =
        steps.iter().filter(|step| step.state == ChangeState::Done).map(|step| step.opening.clone()).collect();
    if done.is_empty() {
        return Ok(());
    }
    let groups = check::groups(&looked.question);
    let tell = || output.note("waiting until AWS shows the new rules, usually a few seconds");
    let seen = patience.until(&tell, async || {
        let rules = cloud.rules(&groups).await?;
        let all = done.iter().all(|opening| rules.iter().any(|rule| opening.is(rule)));
        Ok(all.then_some(rules))
    });
    let Some(rules) = seen.await? else {
        return Err(Failure::new(&codes::NOT_VISIBLE, "cannot see the new rules yet")
            .because("AWS accepted them and does not show them")
            .hint("run the same command again: it writes only what is missing"));
    };
    for step in steps.iter_mut().filter(|step| step.state == ChangeState::Done && step.id.is_none()) {
        step.id = rules.iter().find(|rule| step.opening.is(rule)).map(|rule| rule.id.clone());
    }
    looked.facts.rules = rules;
    looked.hops = path::walk(&looked.question, &looked.facts);
    looked.openings.clear();
    Ok(())
}

fn section(looked: &Looked, steps: Vec<Step>, failure: Option<Failure>) -> Section {
    let mut section = looked.section("apply");
    section.changes = steps.into_iter().map(|step| step.change(looked)).collect();
    if let Some(failure) = failure {
        section.status = Status::Error;
        section.reason = None;
        section.blame(&failure);
    } else if section.status == Status::Ok {
        let any_done = section.changes.iter().any(|change| change.state == ChangeState::Done);
        section.status = if any_done { Status::Changed } else { Status::Unchanged };
    }
    section
}

#[cfg(test)]
mod tests;
