//! Asks an endpoint that was climbed what only its kind can tell: a cluster for its topology, Memcached for its nodes, a
//! reader endpoint for its leave to read, any other server for its replicas. Nothing that is asked changes data.

use std::net::IpAddr;
use std::time::Duration;

use ec_shared::document::{EndpointRole, Engine, Finding, Severity};
use tokio::time::{Instant, timeout_at};

use crate::answer::Answer;
use crate::client_mode::ClientMode;
use crate::climb::Probe;
use crate::codes;
use crate::discovery::{self, Discovery};
use crate::domain::Domain;
use crate::ladder::{Outcome, Stage};
use crate::nodes::judge::{self as nodes_judge, Judged};
use crate::nodes::visit::{Visits, visit};
use crate::nodes::{Member, Visit};
use crate::plan::{Plan, Target};
use crate::reach::{Reach, millis};
use crate::replication::Replication;
use crate::resp::Value;
use crate::topology::judge;
use crate::verdict::{self, Context, Judgement};
use crate::wire::Wire;

/// How long the answer to ROLE is waited for; it was asked together with PING.
const ROLE_PATIENCE: Duration = Duration::from_secs(1);

/// An endpoint, and the nodes that it has told of.
#[derive(Debug)]
pub struct Surveyed {
    /// The endpoint.
    pub reach: Reach,
    /// What is wrong or worth knowing.
    pub findings: Vec<Finding>,
    /// The nodes, where it has told of any.
    pub members: Vec<Member>,
    /// The address at which it was found.
    peer: Option<IpAddr>,
    begun: Instant,
}

/// The nodes under way.
#[derive(Debug)]
pub struct Underway {
    visits: Visits,
    start: Duration,
    took: Duration,
}

impl Probe {
    /// Climbs the ladder at an endpoint and asks what its kind can tell; the first endpoint also for its nodes.
    pub(crate) async fn survey(&self, index: usize) -> Surveyed {
        let (mut wire, begun) = (self.wire(index).with_role(), Instant::now());
        let (reach, findings) = self.climb(index, &mut wire, begun).await;
        let peer = wire.address().map(|address| address.ip());
        let mut surveyed = Surveyed { reach, findings, members: Vec::new(), peer, begun };
        // What comes after the ladder has memory of its own: a thousand silent endpoints never come to it.
        if index == 0 {
            Box::pin(self.follow(peer, &mut surveyed.findings)).await;
        }
        if surveyed.reach.answers {
            match self.plan.engine {
                Engine::Memcached if index == 0 && !self.plan.serverless => {
                    Box::pin(self.discover(&mut wire, &mut surveyed)).await;
                }
                Engine::Memcached => {}
                Engine::Valkey | Engine::Redis => {
                    Box::pin(self.question(index, &mut wire, &mut surveyed)).await;
                    if index == 0 {
                        surveyed.findings.extend(self.refusals(&mut wire, &surveyed.reach).await);
                    }
                }
            }
            surveyed.reach.client_mode = ClientMode::of(&surveyed.reach, &self.plan);
            surveyed.reach.total_ms = millis(begun.elapsed());
        }
        surveyed
    }

    /// Climbs at the nodes that an endpoint has told of; behind a single tunnel it only says that it does not.
    pub(crate) async fn visit(&self, surveyed: &mut Surveyed) -> Option<Underway> {
        let is_target =
            |member: &&Member| self.plan.targets.iter().any(|target| Ok(&target.endpoint) == member.endpoint.as_ref());
        let others = surveyed.members.len() - surveyed.members.iter().filter(is_target).count();
        if others == 0 {
            return None;
        }
        if !self.plan.reaches_others() {
            surveyed.findings.extend(nodes_judge::out_of_reach(others, &self.context(0)));
            return None;
        }
        let asked = Instant::now();
        let visits = visit(self, &surveyed.members, Domain::of(&self.plan, surveyed.peer)).await;
        Some(Underway { visits, start: asked - surveyed.begun, took: asked.elapsed() })
    }

    /// Judges the nodes, once all the plan's endpoints are climbed.
    pub(crate) fn conclude(&self, underway: Underway, reaches: &mut [(Reach, Vec<Finding>)]) {
        let context = self.context(0);
        let visits: Vec<Visit> = underway.visits.fill(reaches);
        let Some((reach, findings)) = reaches.first_mut() else { return };
        let Judged { judgement, others } = match &reach.topology {
            Some(topology) => nodes_judge::cluster(topology, &visits, &context),
            None => nodes_judge::memcached(&visits, &context),
        };
        findings.extend(reach.step(Stage::Nodes, underway.start, underway.took, judgement));
        findings.extend(others);
        reach.nodes = visits.into_iter().map(|visit| visit.node).collect();
        reach.total_ms = millis(underway.start + underway.took);
    }

    async fn question(&self, index: usize, wire: &mut Wire<'_>, surveyed: &mut Surveyed) {
        let context = self.context(index);
        let patience = self.deadline.min(Instant::now() + ROLE_PATIENCE);
        if let Ok(Some(Ok(role))) = timeout_at(patience, wire.role()).await {
            surveyed.reach.replication = Replication::read(&role);
            surveyed.findings.extend(surveyed.reach.replication.as_ref().and_then(|role| role.fault(&context)));
        }
        let Some(server) = surveyed.reach.server.clone() else {
            if index == 0 && is_before_hello(&surveyed.reach) {
                self.ask_topology(wire, surveyed).await;
            }
            return;
        };
        let is_cluster = server.mode.as_deref() == Some("cluster");
        if is_cluster && is_reader(context.target, &self.plan) {
            let asked = Instant::now();
            let answer = self.ask(wire, Stage::Readonly).await;
            surveyed.step(Stage::Readonly, asked, readonly(&answer, &context));
        }
        if index > 0 {
            return;
        }
        surveyed.findings.extend(judge::other_mode(&server, &context));
        if is_cluster {
            self.ask_topology(wire, surveyed).await;
        }
    }

    /// Asks, as a user who has logged in, what client libraries ask beside PING.
    async fn refusals(&self, wire: &mut Wire<'_>, reach: &Reach) -> Option<Finding> {
        if reach.stages.iter().all(|step| step.stage != Stage::Auth) {
            return None;
        }
        let answer = self.ask(wire, Stage::Clients).await;
        verdict::refused_to_clients(&answer, &self.context(0))
    }

    async fn ask_topology(&self, wire: &mut Wire<'_>, surveyed: &mut Surveyed) {
        let asked = Instant::now();
        let answer = self.ask(wire, Stage::Cluster).await;
        let survey = judge::judge(&answer, &self.context(0));
        if survey.facts.is_none() && surveyed.reach.server.is_none() {
            // Most likely there is none to be told.
            return;
        }
        surveyed.members = survey.facts.as_ref().map(Member::of_topology).unwrap_or_default();
        surveyed.reach.topology = survey.facts;
        surveyed.step(Stage::Cluster, asked, survey.judgement);
        surveyed.findings.extend(survey.others);
    }

    async fn discover(&self, wire: &mut Wire<'_>, surveyed: &mut Surveyed) {
        let asked = Instant::now();
        let answer = self.ask(wire, Stage::Discovery).await;
        let judgement = match discovered(&answer) {
            Some(Discovery::Cluster(configuration)) => {
                let facts = discovery::Facts { version: configuration.version, nodes: configuration.nodes.len() };
                let nodes = if facts.nodes == 1 { "node" } else { "nodes" };
                let summary = format!("configuration {}: {} {nodes}", facts.version, facts.nodes);
                surveyed.members = Member::of_configuration(&configuration);
                surveyed.reach.discovery = Some(facts);
                Judgement::ok(summary)
            }
            Some(Discovery::None) => Judgement::skipped("no auto discovery"),
            Some(Discovery::Odd) => Judgement::skipped("auto discovery: the answer is not understood"),
            None => Judgement::skipped("auto discovery: no answer"),
        };
        surveyed.step(Stage::Discovery, asked, judgement);
    }
}

impl Surveyed {
    fn step(&mut self, stage: Stage, asked: Instant, judgement: Judgement) {
        self.findings.extend(self.reach.step(stage, asked - self.begun, asked.elapsed(), judgement));
    }
}

fn discovered(answer: &Answer) -> Option<Discovery> {
    match answer {
        Answer::Memcached(Ok(reply)) => Some(discovery::read(reply)),
        _ => None,
    }
}

/// Whether an endpoint is for reads alone: by the document, by the port of a serverless cache, or by ElastiCache's names.
/// Source: <https://docs.aws.amazon.com/AmazonElastiCache/latest/dg/Endpoints.html>
fn is_reader(target: &Target, plan: &Plan) -> bool {
    let host = target.endpoint.host();
    let label = host.split('.').next().unwrap_or_default();
    let is_named = host.contains(".cache.amazonaws.com") && (label == "replica" || label.ends_with("-ro"));
    target.role == Some(EndpointRole::Reader) || (plan.serverless && target.endpoint.port() == 6380) || is_named
}

/// Whether the server does not know HELLO, as those before 6.0: only the topology then tells its mode. A user who may
/// not say HELLO is another matter, for it is not likely that more than that is allowed.
fn is_before_hello(reach: &Reach) -> bool {
    let hello = reach.stages.iter().find(|step| step.stage == Stage::Hello);
    hello.is_some_and(|step| step.status == Outcome::Skipped && step.summary.starts_with("ERR"))
}

/// Judges the answer to READONLY, without which a replica of a cluster sends every reader away.
fn readonly(answer: &Answer, context: &Context<'_>) -> Judgement {
    match answer {
        Answer::Reply(Ok(Value::Text(text))) if text == b"OK" => Judgement::ok("OK: reads are served here"),
        Answer::Reply(Ok(Value::Error(text))) => {
            let reply = verdict::said(text);
            let word = reply.split(' ').next().unwrap_or_default();
            let summary = format!("the reader endpoint {} refuses READONLY: {word}", context.target.endpoint);
            let finding = Finding::new(&codes::READONLY_REFUSED, Severity::Warning, summary)
                .evidence("endpoint", context.target.endpoint.to_string())
                .evidence("reply", &reply)
                .fix(codes::READONLY_REFUSED.fix);
            Judgement { outcome: Outcome::Skipped, finding: Some(finding), ..Judgement::ok(format!("refused: {word}")) }
        }
        _ => Judgement::skipped("no answer"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_reader_endpoint_is_known_by_the_document_the_port_or_the_name() {
        let (reader, primary) = (Some(EndpointRole::Reader), Some(EndpointRole::Primary));
        for (role, endpoint, serverless, expected) in [
            (reader, "orders.example:6379", false, true),
            (primary, "orders.example:6379", false, false),
            (None, "orders-x1y2z3.serverless.use1.cache.amazonaws.com:6380", true, true),
            (None, "orders-x1y2z3.serverless.use1.cache.amazonaws.com:6379", true, false),
            (None, "orders.example:6380", false, false),
            (None, "replica.orders.x1y2z3.use1.cache.amazonaws.com:6379", false, true),
            (None, "orders-ro.x1y2z3.ng.0001.use1.cache.amazonaws.com:6379", false, true),
            (None, "master.orders.x1y2z3.use1.cache.amazonaws.com:6379", false, false),
            (None, "replica.example:6379", false, false),
        ] {
            let plan = Plan { serverless, ..Plan::for_tests(Engine::Valkey, true) };
            let target = Target { role, endpoint: endpoint.parse().unwrap() };
            assert_eq!(is_reader(&target, &plan), expected, "{role:?} {endpoint}");
        }
    }
}
