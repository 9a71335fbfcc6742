//! Looks, tick by tick. What is known so far stays known when a signal or the time ends it.

use std::time::Duration;

use ec_shared::Failure;
use ec_shared::document::{Engine, Finding};
use ec_shared::flags::AwsFlags;
use jiff::Timestamp;
use tokio::time::{Instant, sleep_until};

use super::Rhythm;
use super::log::{Cause, Log, Place};
use super::tell::Teller;
use crate::climb::Probe;
use crate::ladder::{Outcome, Stage};
use crate::login;
use crate::reach::Reach;
use crate::verdict;
use crate::wire::Wire;

/// How old an IAM token may become: it is valid for 15 minutes, and a clock may be somewhat off.
/// <https://docs.aws.amazon.com/AmazonElastiCache/latest/dg/auth-iam.html>
const TOKEN_AGE: Duration = Duration::from_secs(10 * 60);

/// The time for AWS credentials.
const AWS_PATIENCE: Duration = Duration::from_secs(10);

/// What is known so far of the plan's first endpoint.
#[derive(Debug)]
pub struct Watched {
    /// The last climb that was finished.
    pub reach: Option<Reach>,
    /// Its findings.
    pub findings: Vec<Finding>,
    /// All ticks.
    pub log: Log,
}

/// The connection is lost; why stands in the log.
struct Lost;

/// How a watch is to be done.
#[derive(Clone, Copy, Debug)]
pub struct Orders<'a> {
    /// When to look.
    pub rhythm: Rhythm,
    /// The time for a command's answer, and for a climb.
    pub patience: Duration,
    /// Where AWS credentials come from: an IAM token does not live as long as a watch.
    pub aws: &'a AwsFlags,
}

/// A watch under way.
struct Watching<'a> {
    begun: Instant,
    orders: Orders<'a>,
    teller: Teller<'a>,
    watched: &'a mut Watched,
}

/// Watches the first endpoint of the plan. The future may be dropped at any time; `watched` then holds all that was seen
/// until then.
///
/// # Errors
/// If events cannot be told, or an IAM token cannot be made anew.
pub async fn watch(
    mut probe: Probe,
    orders: Orders<'_>,
    teller: Teller<'_>,
    watched: &mut Watched,
) -> Result<(), Failure> {
    let mut watching = Watching { begun: Instant::now(), orders, teller, watched };
    let mut signed = Instant::now();
    loop {
        if signed.elapsed() > TOKEN_AGE && probe.credentials.as_ref().is_some_and(|credentials| credentials.iam) {
            let anew = login::Identities::default();
            probe.credentials = login::credentials(&probe.plan.login, orders.aws, AWS_PATIENCE, &anew).await?;
            signed = Instant::now();
        }
        probe.now = Timestamp::now();
        probe.deadline = watching.deadline();
        let mut wire = probe.wire(0);
        if watching.climb(&probe, &mut wire).await? {
            if watching.keep(&probe, &mut wire).await.is_err() {
                // The climb that tells why belongs to the same tick.
                continue;
            }
        } else {
            watching.pause().await;
        }
        if watching.is_over() {
            return Ok(());
        }
    }
}

impl Watching<'_> {
    /// Climbs the ladder; whether the server answers.
    async fn climb(&mut self, probe: &Probe, wire: &mut Wire<'_>) -> Result<bool, Failure> {
        let asked = Instant::now();
        let (reach, mut findings) = probe.climb(0, wire, asked).await;
        let at = self.begun.elapsed();
        findings.extend(probe.remarks(std::slice::from_ref(&reach)));
        let address = wire.place().filter(|_| reach.answers);
        let is_up = address.is_some();
        let events = if let Some(address) = address {
            let role = reach.server.as_ref().and_then(|server| server.role.clone());
            self.watched.log.up(at, Place { address, role })
        } else {
            let cause = cause(&reach, &findings);
            self.watched.log.down(asked - self.begun, at, cause).into_iter().collect()
        };
        self.watched.reach = Some(reach);
        self.watched.findings = findings;
        events.iter().try_for_each(|event| self.teller.tell(event))?;
        Ok(is_up)
    }

    /// Asks at every tick on the connection that has logged in, until an answer is not a good one or the watch is over.
    async fn keep(&mut self, probe: &Probe, wire: &mut Wire<'_>) -> Result<(), Lost> {
        let command = if probe.plan.engine == Engine::Memcached { Stage::Version } else { Stage::Ping };
        while !self.is_over() {
            self.pause().await;
            let asked = self.begun.elapsed();
            let answer = probe.ask_until(self.deadline(), wire, command).await;
            let at = self.begun.elapsed();
            let judgement = verdict::judge(command, &answer, &probe.context(0));
            if judgement.outcome == Outcome::No {
                let finding = judgement.finding;
                let cause = Cause {
                    stage: command,
                    code: finding.as_ref().map(|finding| finding.code.clone()),
                    cause: finding.map_or(judgement.summary, |finding| finding.summary),
                };
                self.watched.log.lost(asked, at, cause);
                return Err(Lost);
            }
            self.watched.log.answered(at);
        }
        Ok(())
    }

    /// Waits for the next tick; not if the watch is over, or will be.
    async fn pause(&self) {
        if !self.is_over() {
            let next = self.orders.rhythm.next(self.begun.elapsed());
            sleep_until(self.begun + self.orders.rhythm.last_call().map_or(next, |last| last.min(next))).await;
        }
    }

    /// When a question that is asked now must have been answered. Whoever waits for the cache wants the last verdict when
    /// the time is up; of a watch, the last question may go unanswered.
    fn deadline(&self) -> Instant {
        let patience = Instant::now() + self.orders.patience;
        match self.orders.rhythm.span {
            Some(span) if self.orders.rhythm.wait_until_up => patience.min(self.begun + span),
            _ => patience,
        }
    }

    fn is_over(&self) -> bool {
        let log = &self.watched.log;
        let is_late = self.orders.rhythm.last_call().is_some_and(|last| self.begun.elapsed() >= last);
        is_late || self.orders.rhythm.is_over(log.ticks(), log.failures(), log.is_up())
    }
}

/// Why the last question of a climb was answered with no.
fn cause(reach: &Reach, findings: &[Finding]) -> Cause {
    let step = reach.stages.last();
    let code = step.and_then(|step| step.code.clone());
    let finding = findings.iter().find(|finding| Some(&finding.code) == code.as_ref());
    let cause = finding.map(|finding| &finding.summary).or(step.map(|step| &step.summary));
    Cause { stage: step.map_or(Stage::Tcp, |step| step.stage), cause: cause.cloned().unwrap_or_default(), code }
}
