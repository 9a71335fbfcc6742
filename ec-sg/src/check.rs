//! `find`, `check` and `plan`: looks until the path is decided, or until nobody tells any more.

use std::collections::BTreeSet;

use ec_shared::document::{Change, ChangeState, Finding, Section, Status};
use ec_shared::{Document, Exit, Failure};
use ipnet::IpNet;

use crate::attach::{self, Attaching};
use crate::cloud::{Cloud, World};
use crate::facts::{self, Target};
use crate::findings::{self, Seen};
use crate::need::Need;
use crate::path::hop::{hops, needs};
use crate::path::{Evaluator, Hop, Link, Place, Question, Step, Verdict};
use crate::plan::{self, Attach, Choice, Mend};
use crate::public;
use crate::rule::Opening;
use crate::snapshot::Snapshot;

/// `find`: the facts alone.
pub(crate) async fn find<C: Cloud>(
    document: &mut Document,
    world: &mut World<C>,
    target: &Target,
) -> Result<Section, Failure> {
    facts::complete(document, world, target, true).await?;
    let cache = document.cache()?.unwrap_or_default();
    let mut section = if facts::is_public(&cache) {
        Section::skipped("find", facts::PUBLIC)
    } else {
        Section::new("find", Status::Ok)
    };
    section.findings.extend(facts::availability(&cache));
    Ok(section)
}

/// `check`: can the client reach every port, and if not, what is the smallest change that would let it?
pub(crate) async fn check<C: Cloud>(
    document: &mut Document,
    world: &mut World<C>,
    target: &Target,
    attaching: &Attaching,
) -> Result<Section, Failure> {
    let Some(looked) = look(document, world, target, attaching).await? else {
        return Ok(Section::skipped("check", facts::PUBLIC));
    };
    let mut section = looked.section("check");
    section.changes = looked.changes();
    Ok(section)
}

/// `plan`: the changes alone. With `ask`, EC2 is asked whether it would let them be made.
pub(crate) async fn plan<C: Cloud>(
    document: &mut Document,
    world: &mut World<C>,
    target: &Target,
    attaching: &Attaching,
    allowed: &[IpNet],
    ask: bool,
) -> Result<Section, Failure> {
    let Some(looked) = look(document, world, target, attaching).await? else {
        return Ok(Section::skipped("plan", facts::PUBLIC));
    };
    let openings = looked.openings();
    public::judge(&plan::ranges(&openings), allowed)?;
    if ask {
        for batch in batches(&openings) {
            world.cloud.may_authorize(&batch).await?;
        }
    }
    let mut section = looked.section("plan");
    if !openings.is_empty() || looked.attach().is_some() {
        section.status = Status::Planned;
        section.exit = None;
        section.reason = None;
    } else if section.status == Status::Ok {
        section.status = Status::Unchanged;
    }
    section.changes = looked.changes();
    Ok(section)
}

/// Openings by group and direction: what one request can hold.
pub(crate) fn batches(openings: &[Opening]) -> Vec<Vec<Opening>> {
    let mut batches: Vec<Vec<Opening>> = Vec::new();
    for opening in openings {
        let is_like = |batch: &&mut Vec<Opening>| {
            batch.first().is_some_and(|first| (&first.group, first.direction) == (&opening.group, opening.direction))
        };
        match batches.iter_mut().find(is_like) {
            Some(batch) => batch.push(opening.clone()),
            None => batches.push(vec![opening.clone()]),
        }
    }
    batches
}

/// Everything that was seen for one question.
#[derive(Debug)]
pub(crate) struct Looked {
    pub(crate) question: Question,
    pub(crate) hops: Vec<Hop>,
    pub(crate) mends: Vec<Mend>,
    /// Whether the two VPCs are joined, as far as is known: before that, rules between them open nothing.
    pub(crate) is_joined: bool,
    findings: Vec<Finding>,
    attach: Option<Attach>,
    availability: Option<Finding>,
    apply: String,
}

/// Completes the document's facts and walks the path; `None` for a public cache.
pub(crate) async fn look<C: Cloud>(
    document: &mut Document,
    world: &mut World<C>,
    target: &Target,
    attaching: &Attaching,
) -> Result<Option<Looked>, Failure> {
    facts::complete(document, world, target, target.names_cache()).await?;
    let cache = document.cache()?.unwrap_or_default();
    if facts::is_public(&cache) {
        return Ok(None);
    }
    let client = document.client()?.unwrap_or_default();
    if let Some(list) = &client.prefix_list_id {
        world.learn([Need::PrefixList(list.clone())]).await;
    }
    let mut question = facts::question(document, &world.snapshot)?;
    if target.from.is_none() {
        // The client stands in the document as it was before.
        let given = attach::given(document)?.into_iter().filter(|group| !question.client.groups.contains(group));
        let given: Vec<_> = given.collect();
        question.client.groups.extend(given);
    }
    let attach = attach::plan(&mut question, &client, world, attaching).await?;
    let apply = target.command("apply", &cache, Some(&client));
    walk_again(world, &question).await;
    if !is_open(&world.snapshot, &question) {
        let lists: Vec<&str> = client.prefix_list_id.iter().map(String::as_str).collect();
        world.learn(plan::needs(&question, &world.snapshot, &lists)).await;
    }
    Ok(Some(Looked::at(&world.snapshot, question, attach, facts::availability(&cache), apply)))
}

/// Walks the path until it is decided, or until nobody tells any more.
pub(crate) async fn walk_again<C: Cloud>(world: &mut World<C>, question: &Question) {
    world.learn(first_needs(question)).await;
    loop {
        let wanted = walked(&world.snapshot, question, |steps, _| needs(steps));
        if !world.learn(wanted).await {
            return;
        }
    }
}

/// What any answer takes, so that it is asked in one go.
fn first_needs(question: &Question) -> BTreeSet<Need> {
    let (client, cache) = (&question.client, &question.cache);
    let mut needs: BTreeSet<Need> = plan::groups(question).into_iter().map(Need::Rules).collect();
    needs.extend(cache.subnets.iter().chain(&client.subnet).cloned().map(Need::Subnet));
    // Within one subnet neither network ACLs nor routes apply.
    if cache.subnets.iter().any(|subnet| Some(subnet) != client.subnet.as_ref()) {
        for vpc in cache.vpc.iter().chain(&client.vpc) {
            needs.insert(Need::NetworkAcls(vpc.clone()));
            needs.insert(Need::RouteTables(vpc.clone()));
        }
    }
    needs
}

fn walked<T>(snapshot: &Snapshot, question: &Question, then: impl FnOnce(&[Step<'_>], Link) -> T) -> T {
    let evaluator = Evaluator::new(snapshot);
    let (client, cache) = evaluator.ends(question);
    let mut steps = Vec::new();
    evaluator.walk(&client, &cache, &mut |step| steps.push(step));
    then(&steps, evaluator.link(&client, &cache))
}

/// The hops of a question, with what is known.
pub(crate) fn hops_of(snapshot: &Snapshot, question: &Question) -> Vec<Hop> {
    walked(snapshot, question, |steps, _| hops(steps, question, snapshot))
}

fn is_open(snapshot: &Snapshot, question: &Question) -> bool {
    walked(snapshot, question, |steps, _| {
        steps.iter().all(|step| matches!(step.answer.verdict, Verdict::Yes | Verdict::NotAsked))
    })
}

/// Between two VPCs, rules wait for the connection: a group of the other side cannot even be named before.
fn is_joined(question: &Question, hops: &[Hop]) -> bool {
    let is_one = question.client.vpc.is_none() || question.client.vpc == question.cache.vpc;
    let is_closed = |hop: &Hop| matches!(hop.hop, Place::RouteOut | Place::RouteBack) && hop.verdict != Verdict::Yes;
    is_one || !hops.iter().any(is_closed)
}

impl Looked {
    /// Draws the conclusions from what is known.
    fn at(
        snapshot: &Snapshot,
        question: Question,
        attach: Option<Attach>,
        availability: Option<Finding>,
        apply: String,
    ) -> Self {
        let choice = attach::choice(Choice::of(&question, snapshot), attach.as_ref());
        let (hops, mends) = walked(snapshot, &question, |steps, link| {
            (hops(steps, &question, snapshot), plan::mends(&question, snapshot, steps, link, &choice))
        });
        let mends: Vec<Mend> = attach.clone().map(Mend::Attach).into_iter().chain(mends).collect();
        let is_joined = is_joined(&question, &hops);
        let seen = Seen {
            question: &question,
            snapshot,
            hops: &hops,
            mends: &mends,
            choice: &choice,
            is_joined,
            apply: &apply,
        };
        let findings = findings::of(&seen, availability.clone());
        Self { question, hops, mends, is_joined, findings, attach, availability, apply }
    }

    /// The same question, with what is known by now.
    pub(crate) fn again(&self, snapshot: &Snapshot) -> Self {
        let (attach, availability) = (self.attach.clone(), self.availability.clone());
        Self::at(snapshot, self.question.clone(), attach, availability, self.apply.clone())
    }

    /// The section of a verb: the path, its status and the findings.
    pub(crate) fn section(&self, command: &str) -> Section {
        let any = |test: fn(Verdict) -> bool| self.hops.iter().any(|hop| test(hop.verdict));
        let status = crate::path::status(any(Verdict::is_closed), any(|verdict| verdict == Verdict::Unknown));
        let mut section = Section::new(command, status).fact("path", &self.hops);
        if status == Status::Unknown {
            let hop = self.hops.iter().find(|hop| hop.verdict == Verdict::Unknown);
            section.reason = hop.map(|hop| hop.detail.clone());
            section.exit = self.hops.iter().find_map(|hop| hop.cause.as_ref()).map(Failure::exit).or(Some(Exit::No));
        }
        section.findings.clone_from(&self.findings);
        section
    }

    /// What is not determined for want of an answer, also where no verdict hangs on it.
    pub(crate) fn missing(&self) -> Vec<Finding> {
        let told = self.findings.iter().filter(|finding| finding.evidence.contains_key("missing")).cloned();
        let words = self.hops.iter().filter(|hop| hop.verdict == Verdict::NotAsked && hop.missing.is_some());
        told.chain(words.map(findings::not_asked)).collect()
    }

    /// The rules to be added.
    pub(crate) fn openings(&self) -> Vec<Opening> {
        let opening = |mend: &Mend| if let Mend::Open(opening) = mend { Some(opening.clone()) } else { None };
        self.mends.iter().filter_map(opening).collect()
    }

    /// The group to be attached.
    pub(crate) fn attach(&self) -> Option<&Attach> {
        self.mends.iter().find_map(|mend| if let Mend::Attach(attach) = mend { Some(attach) } else { None })
    }

    /// What is not for `apply`, as planned changes.
    pub(crate) fn by_others(&self) -> Vec<Change> {
        let change = |mend: &Mend| if let Mend::ByOthers(mend) = mend { Some(mend.change()) } else { None };
        self.mends.iter().filter_map(change).collect()
    }

    /// All planned changes.
    pub(crate) fn changes(&self) -> Vec<Change> {
        let change = |mend: &Mend| match mend {
            Mend::Open(opening) => plan::change(&self.question, opening, ChangeState::Planned),
            Mend::Attach(attach) => plan::attach_change(attach, ChangeState::Planned),
            Mend::ByOthers(mend) => mend.change(),
        };
        self.mends.iter().map(change).collect()
    }
}

#[cfg(test)]
mod tests;
