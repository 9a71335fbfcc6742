//! Climbs the ladder for each endpoint of a plan, under the one deadline of the whole work.

use std::iter::successors;
use std::sync::Arc;
use std::time::Duration;

use ec_shared::Exit;
use ec_shared::document::{Finding, Section, Status};
use jiff::Timestamp;
use rustls::pki_types::ServerName;
use tokio::task::JoinSet;
use tokio::time::{Instant, sleep, timeout_at};

use crate::answer::{Answer, Fault};
use crate::ladder::{Ladder, Stage};
use crate::login::Credentials;
use crate::plan::Plan;
use crate::reach::{Reach, millis};
use crate::trust::Trust;
use crate::verdict::{self, Context, Late};
use crate::wire::Wire;
use ec_shared::ran_on::RanOn;

/// A plan, and what is needed to carry it out.
#[derive(Debug)]
pub struct Probe {
    /// What to probe, and how.
    pub plan: Plan,
    /// The name that each endpoint's certificate must have.
    pub server_names: Vec<ServerName<'static>>,
    /// What AUTH sends.
    pub credentials: Option<Credentials>,
    /// Whom to trust.
    pub trust: Arc<Trust>,
    /// Where the probe runs.
    pub machine: RanOn,
    /// When it runs.
    pub now: Timestamp,
    /// When it must have ended.
    pub deadline: Instant,
    /// Whether a server whose state passes by itself is asked again, as long as there is time.
    pub patient: bool,
}

/// The pauses before a server is asked again: each twice the one before, up to a second.
fn pauses() -> impl Iterator<Item = Duration> {
    successors(Some(Duration::from_millis(50)), |pause| Some((*pause * 2).min(Duration::from_secs(1))))
}

/// What was learned, endpoint by endpoint, and what is wrong or worth knowing.
#[derive(Debug, Default)]
pub struct Findings {
    /// One for each of the plan's endpoints, in its order.
    pub reaches: Vec<Reach>,
    /// All findings.
    pub findings: Vec<Finding>,
}

impl Findings {
    /// The exit code of the stage at which the first endpoint that does not answer has failed.
    pub fn exit(&self) -> Option<Exit> {
        self.reaches.iter().find_map(Reach::exit)
    }

    /// The section of the verb `command` that tells of them.
    pub(crate) fn section(self, command: &str, machine: &RanOn) -> Section {
        let status = if self.reaches.iter().all(|reach| reach.answers) { Status::Ok } else { Status::No };
        let mut section = Section::new(command, status).fact("ran_on", machine);
        let mut reaches = self.reaches.into_iter();
        if let Some(Ok(serde_json::Value::Object(facts))) = reaches.next().map(serde_json::to_value) {
            section.facts.extend(facts);
        }
        let others: Vec<Reach> = reaches.collect();
        if !others.is_empty() {
            section = section.fact("others", others);
        }
        section.findings = self.findings;
        section
    }
}

impl Probe {
    /// Probes all endpoints at the same time, so that a silent one does not use up the others' time.
    pub async fn run(self) -> Findings {
        let probe = Arc::new(self);
        let mut tasks = JoinSet::new();
        for index in 1..probe.plan.targets.len() {
            let probe = Arc::clone(&probe);
            tasks.spawn(async move { (index, probe.survey(index).await) });
        }
        let mut first = probe.survey(0).await;
        let underway = Box::pin(probe.visit(&mut first)).await;
        let mut surveyed = vec![(0, first)];
        surveyed.extend(tasks.join_all().await);
        surveyed.sort_by_key(|(index, _)| *index);
        let mut reaches: Vec<(Reach, Vec<Finding>)> =
            surveyed.into_iter().map(|(_, surveyed)| (surveyed.reach, surveyed.findings)).collect();
        if let Some(underway) = underway {
            probe.conclude(underway, &mut reaches);
        }

        let mut all = Findings::default();
        for (reach, findings) in reaches {
            all.reaches.push(reach);
            all.findings.extend(findings);
        }
        all.findings.extend(probe.remarks(&all.reaches));
        all
    }

    /// What is to be said of the probe as a whole.
    pub(crate) fn remarks(&self, reaches: &[Reach]) -> Vec<Finding> {
        let logged_in = reaches.iter().flat_map(|reach| &reach.stages).any(|step| step.stage == Stage::Auth);
        verdict::remarks(&self.context(0), logged_in)
    }

    /// What surrounds the questions to an endpoint.
    pub(crate) fn context(&self, index: usize) -> Context<'_> {
        Context {
            plan: &self.plan,
            target: &self.plan.targets[index],
            credentials: self.credentials.as_ref(),
            machine: &self.machine,
            now: self.now,
        }
    }

    /// A wire to an endpoint.
    pub(crate) fn wire(&self, index: usize) -> Wire<'_> {
        Wire::new(self.context(index), self.server_names[index].clone(), &self.trust)
    }

    /// The questions to an endpoint.
    pub(crate) fn ladder(&self, index: usize) -> Ladder {
        let needs_resolver = self.plan.dialled(&self.plan.targets[index]).address().is_none();
        Ladder::new(&self.plan, needs_resolver, self.credentials.is_some())
    }

    /// Asks one question, and waits for the answer until the deadline.
    pub(crate) async fn ask(&self, wire: &mut Wire<'_>, stage: Stage) -> Answer {
        self.ask_until(self.deadline, wire, stage).await
    }

    /// As [`ask`](Self::ask), but with a deadline of its own.
    pub(crate) async fn ask_until(&self, deadline: Instant, wire: &mut Wire<'_>, stage: Stage) -> Answer {
        match timeout_at(deadline, wire.ask(stage)).await {
            Ok(answer) => answer,
            Err(_) => wire.cut_off(stage),
        }
    }

    /// As [`ask_until`](Self::ask_until); a server that is loading, failing over or busy is asked again until that has passed or the
    /// time is up.
    async fn ask_again(&self, deadline: Instant, wire: &mut Wire<'_>, stage: Stage) -> (Answer, Option<Late>) {
        let mut answer = self.ask_until(deadline, wire, stage).await;
        let first = Instant::now();
        let mut late: Option<Late> = None;
        for pause in pauses().take_while(|pause| self.patient && Instant::now() + *pause < deadline) {
            let Some(said) = verdict::passing(&answer) else { break };
            sleep(pause).await;
            let next = self.ask_until(deadline, wire, stage).await;
            let late = late.get_or_insert(Late { said, tries: 1, waited: Duration::ZERO });
            *late = Late { tries: late.tries + 1, waited: first.elapsed(), ..late.clone() };
            if matches!(next, Answer::Reply(Err(Fault::Silent | Fault::Slow { .. }))) {
                // The deadline cut it off. What the server said before tells more.
                break;
            }
            answer = next;
        }
        (answer, late)
    }

    /// Asks one question after the other until one is answered with no, or all are answered. The clock starts with the
    /// first question, at zero.
    pub(crate) async fn climb(&self, index: usize, wire: &mut Wire<'_>, begun: Instant) -> (Reach, Vec<Finding>) {
        self.climb_until(self.deadline, self.ladder(index), wire, begun).await
    }

    /// As [`climb`](Self::climb), but with a deadline and questions of its own.
    pub(crate) async fn climb_until(
        &self,
        deadline: Instant,
        mut ladder: Ladder,
        wire: &mut Wire<'_>,
        begun: Instant,
    ) -> (Reach, Vec<Finding>) {
        let context = wire.context();
        let mut reach = Reach::new(&context);
        let mut findings = Vec::new();
        let (mut asked, mut dialled) = (begun, begun);
        while let Some(stage) = ladder.next() {
            if stage == Stage::Tcp {
                dialled = asked;
            }
            let (answer, late) = self.ask_again(deadline, wire, stage).await;
            let judgement = verdict::judge(stage, &answer, &context).late(late.as_ref(), stage, &context);
            ladder.take(judgement.outcome);
            reach.note(&answer, &context);
            // That a relay has never led to the server may show late; it is this stage that has failed then.
            let (stage, since) = if answer.lacks_relay() {
                reach.stages.retain(|step| step.stage != Stage::Tcp);
                (Stage::Tcp, dialled)
            } else {
                (stage, asked)
            };
            findings.extend(reach.step(stage, since - begun, since.elapsed(), judgement));
            asked = Instant::now();
        }
        reach.total_ms = millis(begun.elapsed());
        if !reach.answers {
            let _ = timeout_at(self.deadline, wire.wait_for_servers()).await;
        }
        if let Some(lookup) = wire.lookup() {
            reach.looked_up(&lookup);
            findings.extend(verdict::differences(&lookup, &context));
        }
        (reach, findings)
    }
}
