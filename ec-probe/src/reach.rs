//! What was learned about one endpoint: the facts that stand in the document and that the report shows.

use std::fmt;
use std::time::Duration;

use ec_shared::Exit;
use ec_shared::document::{EndpointRole, Engine, Finding};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use crate::answer::{Answer, Dial, DialOutcome, Lookup, Session};
use crate::certificate::Certificate;
use crate::client_mode::ClientMode;
use crate::dns::facts::{self, Names};
use crate::ladder::{Outcome, Stage};
use crate::nodes::NodeReach;
use crate::plan::Plan;
use crate::replication::Replication;
use crate::topology::{Facts, Role};
use crate::verdict::{Context, Judgement};
use crate::{discovery, memcached, resp};

/// One endpoint, from the first question to the last.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Reach {
    /// `HOST:PORT`.
    pub endpoint: String,
    /// What the endpoint is for.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub role: Option<EndpointRole>,
    /// What lies between, where it is not dialled directly: a tunnel's end, or who connects in this machine's place.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub through: Option<String>,
    /// Whether it answers.
    pub answers: bool,
    /// The questions that were asked, in order.
    pub stages: Vec<Step>,
    /// What the DNS servers say of the name that was dialled.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub dns: Option<Names>,
    /// Every address, and what came of it.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub addresses: Vec<Address>,
    /// What TLS showed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tls: Option<Tls>,
    /// What the server says of itself.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub server: Option<Server>,
    /// What it says of its cluster.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub topology: Option<Facts>,
    /// What it says of its Memcached cluster.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub discovery: Option<discovery::Facts>,
    /// The nodes that were told, as they answered, in the order of the topology or configuration.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub nodes: Vec<NodeReach>,
    /// Its part in replication, outside a cluster.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub replication: Option<Replication>,
    /// How a client is to be set up.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub client_mode: Option<ClientMode>,
    /// From the first question to the last answer.
    pub total_ms: f64,
}

/// One question and its answer.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Step {
    /// The question.
    pub stage: Stage,
    /// What the answer came to.
    pub status: Outcome,
    /// When it was asked, counted from the first question.
    pub start_ms: f64,
    /// How long the answer took.
    pub ms: f64,
    /// The answer in a few words.
    pub summary: String,
    /// The code of the finding, if there is one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub code: Option<String>,
    /// Facts that stand nowhere else.
    #[serde(default, skip_serializing_if = "Map::is_empty")]
    pub evidence: Map<String, Value>,
}

/// One address of the endpoint.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Address {
    /// The IP address.
    pub address: String,
    /// `connected`, `refused`, `timeout`, `unreachable`.
    pub status: String,
    /// How long it took, where there was an outcome.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub connect_ms: Option<f64>,
    /// The system's words for the outcome, where there are any.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
}

/// What TLS showed. After a handshake that failed, there is the certificate alone.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Tls {
    /// `TLS 1.3`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub version: Option<String>,
    /// `TLS13_AES_256_GCM_SHA384`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cipher: Option<String>,
    /// The name that was asked for and verified.
    pub server_name: String,
    /// The names and addresses that the certificate is for.
    #[serde(default)]
    pub names: Vec<String>,
    /// The certificate's subject.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub subject: Option<String>,
    /// The certificate's issuer.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub issuer: Option<String>,
    /// The subjects of the certificates that the server showed with it.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub chain: Vec<String>,
    /// When the certificate's time began.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub not_before: Option<String>,
    /// When the certificate's time ends.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub not_after: Option<String>,
    /// Whole days until then; negative when it is over.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub days_left: Option<i64>,
}

/// What a server says of itself.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Server {
    /// `valkey`, `redis`, `memcached`, or whatever it calls itself.
    pub engine: String,
    /// `8.1.0`.
    pub version: String,
    /// `standalone`, `cluster`, `sentinel`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub mode: Option<String>,
    /// `primary`, `replica`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub role: Option<String>,
    /// Whether it is the proxy of a serverless cache, by the document or by its name: it does not say so itself.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub serverless: bool,
    /// A few of Memcached's numbers.
    #[serde(default, skip_serializing_if = "Map::is_empty")]
    pub stats: Map<String, Value>,
}

impl Server {
    /// What a server says in its answer to HELLO.
    pub fn greeted(greeting: &resp::Value) -> Option<Self> {
        let text = |name: &str| greeting.field(name).and_then(resp::Value::text);
        Some(Self {
            engine: text("server")?,
            version: text("version")?,
            mode: text("mode"),
            role: text("role").map(|role| if role == "master" { "primary".to_owned() } else { role }),
            serverless: false,
            stats: Map::new(),
        })
    }

    fn memcached(version: &str) -> Self {
        Self {
            engine: "memcached".to_owned(),
            version: version.to_owned(),
            mode: None,
            role: None,
            serverless: false,
            stats: Map::new(),
        }
    }

    /// The same server, with what only the plan knows of it.
    #[must_use]
    pub fn of(self, plan: &Plan) -> Self {
        Self { serverless: plan.serverless, ..self }
    }

    /// Keeps the numbers that tell how the server is doing.
    fn note(&mut self, stats: &[(String, String)]) {
        const TELLING: [&str; 8] = [
            "uptime",
            "curr_connections",
            "max_connections",
            "curr_items",
            "bytes",
            "limit_maxbytes",
            "get_hits",
            "get_misses",
        ];
        for name in TELLING {
            let number = stats.iter().find(|(known, _)| known == name).and_then(|(_, value)| value.parse::<u64>().ok());
            if let Some(number) = number {
                self.stats.insert(name.to_owned(), number.into());
            }
        }
    }

    /// The name as people write it.
    pub fn name(&self) -> &str {
        match Engine::from_aws(&self.engine) {
            Some(engine) => engine.name(),
            None => &self.engine,
        }
    }
}

impl fmt::Display for Server {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}", self.name(), self.version)?;
        [&self.mode, &self.role].into_iter().flatten().try_for_each(|word| write!(f, ", {word}"))?;
        if self.serverless { f.write_str(", serverless") } else { Ok(()) }
    }
}

impl Reach {
    /// The exit code of the stage that failed, if the endpoint does not answer.
    /// Where it is a node that does not answer, that node's stage counts.
    pub fn exit(&self) -> Option<Exit> {
        let last = self.stages.last().filter(|_| !self.answers)?;
        let needed = |node: &&NodeReach| node.role != Some(Role::Replica) && last.stage == Stage::Nodes;
        let failed = self.nodes.iter().filter(needed).find_map(|node| node.failed.as_ref());
        Some(failed.map_or(last.stage, |failed| failed.stage).exit())
    }

    /// An endpoint of which nothing is known yet.
    pub fn new(context: &Context<'_>) -> Self {
        Self {
            endpoint: context.target.endpoint.to_string(),
            role: context.target.role,
            through: context.plan.way.through(),
            answers: false,
            stages: Vec::new(),
            dns: None,
            addresses: Vec::new(),
            tls: None,
            server: None,
            topology: None,
            discovery: None,
            nodes: Vec::new(),
            replication: None,
            client_mode: None,
            total_ms: 0.0,
        }
    }

    /// Keeps a question, when it was asked, how long its answer took and what that came to; gives the finding.
    pub(crate) fn step(
        &mut self,
        stage: Stage,
        start: Duration,
        took: Duration,
        judgement: Judgement,
    ) -> Option<Finding> {
        let failed_before = self.stages.iter().any(|step| step.status == Outcome::No);
        self.answers = judgement.outcome != Outcome::No && stage.is_command() && !failed_before;
        self.stages.push(Step {
            stage,
            status: judgement.outcome,
            start_ms: millis(start),
            ms: millis(took),
            summary: judgement.summary,
            code: judgement.finding.as_ref().map(|finding| finding.code.clone()),
            evidence: judgement.evidence,
        });
        judgement.finding
    }

    /// Keeps what the DNS servers have said by the end; the row of a name that was resolved tells it, too.
    pub fn looked_up(&mut self, lookup: &Lookup) {
        self.dns = Names::of(&lookup.name, &lookup.addresses, &lookup.servers);
        let resolved = self.stages.iter_mut().find(|step| step.stage == Stage::Dns && step.status == Outcome::Ok);
        if let Some(step) = resolved {
            step.summary = facts::summary(lookup);
        }
    }

    /// Keeps the facts of an answer.
    pub fn note(&mut self, answer: &Answer, context: &Context<'_>) {
        match answer {
            Answer::Dials(dials) => self.addresses = dials.iter().map(Address::of).collect(),
            Answer::Handshake(result, certificate) if certificate.is_some() || result.is_ok() => {
                self.tls = Some(Tls::of(result.as_ref().ok(), certificate.as_ref(), context));
            }
            Answer::Reply(Ok(greeting)) => {
                if let Some(server) = Server::greeted(greeting) {
                    self.server = Some(server.of(context.plan));
                }
            }
            Answer::Memcached(Ok(memcached::Reply::Version(version))) => {
                self.server = Some(Server::memcached(version).of(context.plan));
            }
            Answer::Memcached(Ok(memcached::Reply::Stats(stats))) => {
                if let Some(server) = &mut self.server {
                    server.note(stats);
                }
            }
            _ => {}
        }
    }
}

impl Address {
    fn of(dial: &Dial) -> Self {
        let (status, reason) = match &dial.outcome {
            DialOutcome::Connected => ("connected", None),
            DialOutcome::Refused => ("refused", None),
            DialOutcome::TimedOut => ("timeout", None),
            DialOutcome::Unreachable(reason) => ("unreachable", Some(reason.clone())),
        };
        Self {
            address: dial.address.ip().to_string(),
            status: status.to_owned(),
            connect_ms: dial.took.map(millis),
            reason,
        }
    }
}

impl Tls {
    fn of(session: Option<&Session>, certificate: Option<&Certificate>, context: &Context<'_>) -> Self {
        Self {
            version: session.map(|session| session.version.to_owned()),
            cipher: session.map(|session| session.cipher.clone()),
            server_name: context.plan.server_name(context.target),
            names: certificate.map(|certificate| certificate.names.clone()).unwrap_or_default(),
            subject: certificate.map(|certificate| certificate.subject.clone()),
            issuer: certificate.map(|certificate| certificate.issuer.clone()),
            chain: certificate.map(|certificate| certificate.above.clone()).unwrap_or_default(),
            not_before: certificate.map(|certificate| certificate.not_before.to_string()),
            not_after: certificate.map(|certificate| certificate.not_after.to_string()),
            days_left: certificate.map(|certificate| certificate.days_left(context.now)),
        }
    }
}

/// Milliseconds, to the microsecond.
pub fn millis(duration: Duration) -> f64 {
    (duration.as_secs_f64() * 1e6).round() / 1e3
}
