//! `apply`: writes exactly the rules that are missing, and reads them back.
//!
//! A request adds rules to one group in one direction, and EC2 makes all of them or none: what is missing was looked up
//! right before, so that a duplicate is a race, or an attempt of ours whose answer got lost, and then the rules go one by
//! one. There is no client token; before anything is said of such rules, the group is read. Whatever ends a run, the next
//! one reads the world and writes only what is missing: no state is kept anywhere else.

use std::time::Duration;

use ec_shared::document::{Change, ChangeState, Section, Status};
use ec_shared::interrupt::Interrupt;
use ec_shared::output::Output;
use ec_shared::{Document, Exit, Failure};
use ipnet::IpNet;

use crate::attach::{self, Attaching};
use crate::check::{self, Looked};
use crate::cloud::{Cloud, DUPLICATE, Label, World};
use crate::facts::{self, Target};
use crate::need::Need;
use crate::path::{ClientKind, Place, Verdict};
use crate::plan::{Attach, Planned};
use crate::rule::{Direction, Opening, Peer, Rule};
use crate::snapshot::Snapshot;
use crate::wait::Patience;
use crate::{codes, plan, public};

/// EC2's error for a group that it does not know.
const NO_SUCH_GROUP: &str = "InvalidGroup.NotFound";

/// How long a group that could be read may stay unknown to those who write.
const GROUP_SHOWS_WITHIN: Duration = Duration::from_secs(15);

/// How a run is bounded.
#[derive(Clone, Debug)]
pub(crate) struct Bounds {
    /// Public ranges that are meant to be admitted.
    pub(crate) allowed: Vec<IpNet>,
    pub(crate) patience: Patience,
    /// Whether somebody wants the run to end.
    pub(crate) interrupt: Interrupt,
}

/// Applies what the document plans, or plans by itself.
pub(crate) async fn apply<C: Cloud>(
    document: &mut Document,
    world: &mut World<C>,
    target: &Target,
    attaching: &Attaching,
    bounds: &Bounds,
    output: &Output,
) -> Result<Section, Failure> {
    let planned = planned(document, target)?;
    let unsure = planned.as_ref().map(|planned| planned.unsure.clone()).unwrap_or_default();
    let attaching = match &planned {
        Some(planned) => match planned.attaches.first() {
            Some(attach) => &Attaching::Group(attach.security_group_id.clone()),
            None => &Attaching::No,
        },
        None => attaching,
    };
    // A run over many documents may have read these rules long ago.
    forget_rules(document, &mut world.snapshot)?;
    let Some(mut looked) = check::look(document, world, target, attaching).await? else {
        return Ok(Section::skipped("apply", facts::PUBLIC));
    };
    let wanted = match planned {
        Some(planned) => fitting(planned.openings, &looked)?,
        None if looked.is_joined => looked.openings(),
        // A rule between two VPCs waits until they are joined.
        None => Vec::new(),
    };
    let mut steps: Vec<Step> = wanted.into_iter().map(|opening| Step::of(opening, &looked, &world.snapshot)).collect();
    let label = label(document, &looked);
    for step in steps.iter_mut().filter(|step| unsure.contains(&step.opening)) {
        step.claim(&world.snapshot, &label);
    }
    let missing: Vec<Opening> =
        steps.iter().filter(|step| step.is_planned()).map(|step| step.opening.clone()).collect();
    public::judge(&plan::ranges(&missing), &bounds.allowed)?;
    let mut attached = looked.attach().cloned().map(|attach| (attach, ChangeState::Planned));
    let mut failure = write(world, &looked, &mut steps, &label, bounds, output).await;
    if failure.is_none()
        && !bounds.interrupt.is_raised()
        && let Some((attach, state)) = &mut attached
    {
        failure = give(world, attach, state).await;
    }
    let unread = read_back(world, &mut looked, &mut steps, &label, attached.as_ref(), bounds, output).await.err();
    // A rule can only be taken back by its id.
    for step in steps.iter_mut().filter(|step| step.state == ChangeState::Done && step.id.is_none()) {
        step.state = ChangeState::Unknown;
    }
    let is_left = steps.iter().any(Step::is_planned) || attached.as_ref().is_some_and(|(_, state)| is_planned(*state));
    let interrupted = if is_left { bounds.interrupt.check().err() } else { None };
    let failure = failure.or(interrupted).or(unread);
    Ok(section(&looked, steps, attached, failure))
}

fn forget_rules(document: &Document, known: &mut Snapshot) -> Result<(), Failure> {
    let cache = document.cache()?.and_then(|cache| cache.network).map(|network| network.security_group_ids);
    let client = document.client()?.map(|client| client.security_group_ids);
    known.forget_rules(&[cache.unwrap_or_default(), client.unwrap_or_default()].concat());
    Ok(())
}

/// One rule on its way.
#[derive(Debug)]
struct Step {
    opening: Opening,
    state: ChangeState,
    id: Option<String>,
    /// AWS has said that the rule is there already.
    is_duplicate: bool,
}

impl Step {
    /// The re-check: what is open by now needs no rule.
    fn of(opening: Opening, looked: &Looked, known: &Snapshot) -> Self {
        let held = held(known, &opening);
        let is_missing = held.is_none() && is_closed(&opening, looked);
        let state = if is_missing { ChangeState::Planned } else { ChangeState::Unchanged };
        Self { opening, state, id: None, is_duplicate: false }
    }

    fn is_planned(&self) -> bool {
        is_planned(self.state)
    }

    fn change(self, looked: &Looked) -> Change {
        let change = plan::change(&looked.question, &self.opening, self.state);
        match self.id {
            Some(id) => change.id(id),
            None => change,
        }
    }
}

fn is_planned(state: ChangeState) -> bool {
    state == ChangeState::Planned
}

/// The rule that is exactly this one.
fn held<'k>(known: &'k Snapshot, opening: &Opening) -> Option<&'k Rule> {
    known.rules(&opening.group).ok()?.iter().find(|rule| opening.is(rule))
}

/// What the document plans, where the flags do not put another question.
fn planned(document: &Document, target: &Target) -> Result<Option<Planned>, Failure> {
    if target.names_cache() || target.from.is_some() {
        return Ok(None);
    }
    let Some(section) = document.read::<Section>("sg")? else { return Ok(None) };
    plan::planned(&section).map_err(|error| stale("a planned change cannot be read").because(error))
}

/// Planned rules are only written where they belong: between the groups of this cache and this client, for its ports.
fn fitting(openings: Vec<Opening>, looked: &Looked) -> Result<Vec<Opening>, Failure> {
    let (cache, client) = (&looked.question.cache, &looked.question.client);
    let own: Vec<Opening> = looked.openings();
    for opening in &openings {
        let is_of_side = match opening.direction {
            Direction::Ingress => cache.groups.contains(&opening.group),
            Direction::Egress => client.groups.iter().any(|group| group.id == opening.group),
        };
        let is_of_other = match (opening.direction, &opening.peer) {
            (Direction::Ingress, Peer::Group(group)) => client.groups.contains(group),
            (Direction::Egress, Peer::Group(group)) => cache.groups.contains(&group.id),
            (Direction::Ingress, Peer::Range(range)) => client.addresses.contains(range),
            (Direction::Ingress, Peer::PrefixList(list)) => client.prefix_list.as_ref() == Some(list),
            // Ranges of the cache's subnets, as this run would plan them itself.
            (Direction::Egress, _) => own.contains(opening),
        };
        let fits = is_of_side
            && is_of_other
            && cache.ports.iter().any(|port| port.port == opening.tcp_port)
            && looked.is_joined;
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
            && hop.tcp_ports.contains(&opening.tcp_port)
            && matches!(hop.verdict, Verdict::No | Verdict::Unknown)
    })
}

/// How our rules are marked. EC2 takes fewer characters in a description than a document's id may have.
fn label(document: &Document, looked: &Looked) -> Label {
    let client = document.client().ok().flatten().as_ref().and_then(crate::client::Source::of).unwrap_or_default();
    let name = &looked.question.cache.name;
    let description: String = format!("ec-sg: {name} from {client}")
        .chars()
        .filter(|c| c.is_ascii_alphanumeric() || " ._-:/()#,@[]+=&;{}!$*".contains(*c))
        .take(255)
        .collect();
    Label { description, tag: name.clone() }
}

/// Writes the planned steps, group by group; stops at the first failure, and when somebody wants it to.
async fn write<C: Cloud>(
    world: &mut World<C>,
    looked: &Looked,
    steps: &mut [Step],
    label: &Label,
    bounds: &Bounds,
    output: &Output,
) -> Option<Failure> {
    while let Some(first) = steps.iter().find(|step| step.is_planned()).filter(|_| !bounds.interrupt.is_raised()) {
        let (group, direction) = (first.opening.group.clone(), first.opening.direction);
        let mut batch: Vec<&mut Step> = steps
            .iter_mut()
            .filter(|step| step.is_planned() && step.opening.group == group && step.opening.direction == direction)
            .collect();
        if let Err(failure) = write_batch(&world.cloud, &mut batch, label, bounds, output).await {
            // Whether a request whose answer got lost was carried out, only reading tells.
            let lost = failure.exit() == Exit::Temporary;
            let state = if lost { ChangeState::Unknown } else { ChangeState::Failed };
            for step in batch.iter_mut().filter(|step| step.is_planned()) {
                step.state = state;
            }
            if lost && read_rules(world, &plan::groups(&looked.question)).await.is_ok() {
                for step in batch.iter_mut().filter(|step| step.state == ChangeState::Unknown) {
                    step.claim(&world.snapshot, label);
                }
            }
            return Some(failure);
        }
    }
    None
}

/// Reads the rules of groups anew.
///
/// # Errors
/// Why they could not be read.
pub(crate) async fn read_rules<C: Cloud>(world: &mut World<C>, groups: &[String]) -> Result<(), Failure> {
    world.snapshot.forget_rules(groups);
    world.learn(groups.iter().cloned().map(Need::Rules)).await;
    let refused = groups.iter().find_map(|group| world.snapshot.refusal(&Need::Rules(group.clone())));
    refused.cloned().map_or(Ok(()), Err)
}

/// Gives the client's interface the group, beside those that it carries at this moment.
async fn give<C: Cloud>(world: &mut World<C>, attach: &Attach, state: &mut ChangeState) -> Option<Failure> {
    match attach::give(world, attach).await {
        Ok(is_done) => {
            *state = if is_done { ChangeState::Done } else { ChangeState::Unchanged };
            None
        }
        Err(failure) => {
            *state = if failure.exit() == Exit::Temporary { ChangeState::Unknown } else { ChangeState::Failed };
            Some(failure)
        }
    }
}

async fn write_batch(
    cloud: &impl Cloud,
    batch: &mut [&mut Step],
    label: &Label,
    bounds: &Bounds,
    output: &Output,
) -> Result<(), Failure> {
    let openings: Vec<Opening> = batch.iter().map(|step| step.opening.clone()).collect();
    match authorize(cloud, &openings, label, bounds, output).await {
        Ok(made) => {
            for step in batch {
                step.made(&made);
            }
            Ok(())
        }
        Err(whole) if whole.aws_code() == Some(DUPLICATE) => {
            for step in batch {
                match authorize(cloud, std::slice::from_ref(&step.opening), label, bounds, output).await {
                    Ok(made) => step.made(&made),
                    Err(failure) if failure.aws_code() == Some(DUPLICATE) => {
                        step.is_there(whole.attempts().max(failure.attempts()) > 1);
                    }
                    Err(failure) => return Err(failure),
                }
            }
            Ok(())
        }
        Err(failure) => Err(failure),
    }
}

/// Adds the rules. A group that was made a moment ago shows when it is read and may not be there yet when it is written to:
/// then it is tried again, for a while. <https://docs.aws.amazon.com/ec2/latest/devguide/eventual-consistency.html>
async fn authorize(
    cloud: &impl Cloud,
    openings: &[Opening],
    label: &Label,
    bounds: &Bounds,
    output: &Output,
) -> Result<Vec<Rule>, Failure> {
    let tell = || output.note("waiting until the security group is known everywhere in AWS");
    let mut answer = Ok(Vec::new());
    let tried = bounds.patience.at_most(GROUP_SHOWS_WITHIN).until(&bounds.interrupt, &tell, async || {
        answer = cloud.authorize(openings, label).await;
        let is_not_there = answer.as_ref().is_err_and(|failure| failure.aws_code() == Some(NO_SUCH_GROUP));
        Ok((!is_not_there).then_some(()))
    });
    tried.await?;
    answer
}

impl Step {
    /// Whether the rule was added, nobody has told: if it is there and bears our mark, it was.
    fn claim(&mut self, known: &Snapshot, label: &Label) {
        if let Some(rule) = held(known, &self.opening) {
            (self.state, self.id) = (state_of(rule, label), rule.id.clone());
        }
    }

    fn made(&mut self, made: &[Rule]) {
        self.state = ChangeState::Done;
        self.id = made.iter().find(|rule| self.opening.is(rule)).and_then(|rule| rule.id.clone());
    }

    /// The rule is there: by another hand, or by an attempt of ours whose answer got lost, which reading back tells.
    fn is_there(&mut self, was_retried: bool) {
        self.is_duplicate = true;
        self.state = if was_retried { ChangeState::Unknown } else { ChangeState::Unchanged };
    }
}

/// A rule that bears our mark for this cache is our work.
fn state_of(rule: &Rule, label: &Label) -> ChangeState {
    if rule.tag.as_ref() == Some(&label.tag) { ChangeState::Done } else { ChangeState::Unchanged }
}

/// Reads until every rule that was written, or is said to be there, shows; then walks the path anew.
async fn read_back<C: Cloud>(
    world: &mut World<C>,
    looked: &mut Looked,
    steps: &mut [Step],
    label: &Label,
    attached: Option<&(Attach, ChangeState)>,
    bounds: &Bounds,
    output: &Output,
) -> Result<(), Failure> {
    let to_be_seen = steps.iter().filter(|step| step.state == ChangeState::Done || step.is_duplicate);
    let rules: Vec<Opening> = to_be_seen.map(|step| step.opening.clone()).collect();
    let is_attached = attached.is_some_and(|(_, state)| *state == ChangeState::Done);
    if rules.is_empty() && !is_attached {
        return Ok(());
    }
    let groups = plan::groups(&looked.question);
    let tell = || output.note("waiting until AWS shows the new rules, usually a few seconds");
    let seen = bounds.patience.until(&bounds.interrupt, &tell, async || {
        if !rules.is_empty() {
            read_rules(world, &groups).await?;
        }
        Ok(rules.iter().all(|opening| held(&world.snapshot, opening).is_some()).then_some(()))
    });
    if seen.await?.is_none() {
        return Err(Failure::new(&codes::NOT_VISIBLE, "cannot see the new rules yet")
            .because("AWS accepted them and does not show them")
            .hint("run the same command again: it writes only what is missing"));
    }
    for step in steps.iter_mut().filter(|step| step.id.is_none()) {
        let Some(rule) = held(&world.snapshot, &step.opening) else { continue };
        if step.is_duplicate && step.state == ChangeState::Unknown {
            step.state = state_of(rule, label);
        }
        if step.state == ChangeState::Done {
            step.id.clone_from(&rule.id);
        }
    }
    *looked = looked.again(&world.snapshot);
    Ok(())
}

fn section(
    looked: &Looked,
    steps: Vec<Step>,
    attached: Option<(Attach, ChangeState)>,
    failure: Option<Failure>,
) -> Section {
    let mut section = looked.section("apply");
    // What security groups do not decide is not for apply: that it is not known does not make its work unfinished.
    let is_closed = looked.hops.iter().any(|hop| hop.verdict.is_closed());
    let of_groups = |verdict| looked.hops.iter().any(|hop| hop.hop.is_of_groups() && hop.verdict == verdict);
    if section.status == Status::Unknown && !is_closed && !of_groups(Verdict::Unknown) {
        (section.status, section.reason, section.exit) = (Status::Ok, None, None);
    }
    section.changes = attached.map(|(attach, state)| plan::attach_change(&attach, state)).into_iter().collect();
    section.changes.extend(steps.into_iter().map(|step| step.change(looked)));
    if !looked.is_joined && looked.question.client.kind != ClientKind::Ranges {
        let waiting = looked.openings();
        section.changes.extend(waiting.iter().map(|each| plan::change(&looked.question, each, ChangeState::Planned)));
    }
    section.changes.extend(looked.by_others());
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
