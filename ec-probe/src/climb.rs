//! Climbs the ladder for each endpoint of a plan, under the one deadline of the whole work.

use std::sync::Arc;

use ec_shared::Exit;
use ec_shared::document::Finding;
use jiff::Timestamp;
use rustls::pki_types::ServerName;
use tokio::task::JoinSet;
use tokio::time::{Instant, timeout_at};

use crate::ladder::{Ladder, Outcome, Stage};
use crate::login::Credentials;
use crate::plan::Plan;
use crate::reach::{Reach, Step, millis};
use crate::trust::Trust;
use crate::verdict::{self, Context};
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
        let reach = self.reaches.iter().find(|reach| !reach.answers)?;
        reach.stages.last().map(|step| step.stage.exit())
    }
}

impl Probe {
    /// Probes all endpoints at the same time, so that a silent one does not use up the others' time.
    pub async fn run(self) -> Findings {
        let probe = Arc::new(self);
        let mut tasks = JoinSet::new();
        for index in 1..probe.plan.targets.len() {
            let probe = Arc::clone(&probe);
            tasks.spawn(async move { (index, probe.climb(index).await) });
        }
        let mut climbed = vec![(0, probe.climb(0).await)];
        climbed.extend(tasks.join_all().await);
        climbed.sort_by_key(|(index, _)| *index);

        let mut all = Findings::default();
        for (_, (reach, findings)) in climbed {
            all.reaches.push(reach);
            all.findings.extend(findings);
        }
        let logged_in = all.reaches.iter().flat_map(|reach| &reach.stages).any(|step| step.stage == Stage::Auth);
        all.findings.extend(verdict::remarks(&probe.context(0), logged_in));
        all
    }

    fn context(&self, index: usize) -> Context<'_> {
        Context {
            plan: &self.plan,
            target: &self.plan.targets[index],
            credentials: self.credentials.as_ref(),
            machine: &self.machine,
            now: self.now,
        }
    }

    /// Asks one question after the other until one is answered with no, or all are answered.
    async fn climb(&self, index: usize) -> (Reach, Vec<Finding>) {
        let context = self.context(index);
        let needs_resolver = self.plan.dialled(context.target).address().is_none();
        let mut ladder = Ladder::new(&self.plan, needs_resolver, self.credentials.is_some());
        let mut wire = Wire::new(context, self.server_names[index].clone(), &self.trust);
        let mut reach = Reach::new(&context);
        let mut findings = Vec::new();
        // The clock starts with the first question, at zero.
        let begun = Instant::now();
        let mut asked = begun;
        while let Some(stage) = ladder.next() {
            let answer = match timeout_at(self.deadline, wire.ask(stage)).await {
                Ok(answer) => answer,
                Err(_) => wire.cut_off(stage),
            };
            let took = asked.elapsed();
            let judgement = verdict::judge(stage, &answer, &context);
            ladder.take(judgement.outcome);
            reach.note(&answer, &context);
            reach.answers = judgement.outcome != Outcome::No && stage.is_command();
            reach.stages.push(Step {
                stage,
                status: judgement.outcome,
                start_ms: millis(asked - begun),
                ms: millis(took),
                summary: judgement.summary,
                code: judgement.finding.as_ref().map(|finding| finding.code.clone()),
                evidence: judgement.evidence,
            });
            findings.extend(judgement.finding);
            asked = Instant::now();
        }
        reach.total_ms = millis(begun.elapsed());
        (reach, findings)
    }
}
