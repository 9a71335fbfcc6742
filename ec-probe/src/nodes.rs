//! The nodes of a cache, as they themselves answer: a server's topology is what it believes of others, and clients connect
//! to those others.
//!
//! [`visit`] climbs the ladder at each node by its announced name, [`judge`] says what the answers mean for the slots and
//! keys that the nodes hold.

pub mod judge;
pub mod visit;

use std::net::IpAddr;

use ec_shared::document::Finding;
use rustls::pki_types::ServerName;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use crate::discovery::Configuration;
use crate::endpoint::Endpoint;
use crate::ladder::{Outcome, Stage};
use crate::reach::Reach;
use crate::topology::{self, Role};

/// A node that a server has named.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Member {
    /// Where it is; or what was announced, and why nobody can dial it.
    pub endpoint: Result<Endpoint, (String, String)>,
    /// Its place in the topology's list of shards, from 0.
    pub shard: Option<usize>,
    /// What the topology says that it is.
    pub role: Option<Role>,
    /// The address that was announced beside the name.
    pub ip: Option<IpAddr>,
}

impl Member {
    /// The nodes of a topology, shard by shard, as many as the document tells.
    pub fn of_topology(facts: &topology::Facts) -> Vec<Self> {
        let members = facts.list.iter().enumerate().flat_map(|(index, shard)| {
            shard.nodes.iter().map(move |node| Self {
                endpoint: dialable(&node.host, node.port),
                shard: Some(index),
                role: Some(node.role),
                ip: None,
            })
        });
        members.collect()
    }

    /// The nodes of a Memcached cluster.
    pub fn of_configuration(configuration: &Configuration) -> Vec<Self> {
        let members = configuration.nodes.iter().map(|told| Self {
            endpoint: dialable(&told.endpoint.host(), told.endpoint.port()),
            shard: None,
            role: None,
            ip: told.ip,
        });
        members.collect()
    }
}

/// An endpoint whose name a certificate can have; else what was announced, and why nobody can dial it.
pub(crate) fn dialable(host: &str, port: u16) -> Result<Endpoint, (String, String)> {
    let announced = |why| (format!("{host}:{port}"), why);
    let endpoint = Endpoint::new(host, port).map_err(announced)?;
    match ServerName::try_from(endpoint.host()) {
        Ok(_) => Ok(endpoint),
        Err(error) => Err(announced(error.to_string())),
    }
}

/// What the document gets to see of a node: little, for there may be hundreds.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct NodeReach {
    /// `HOST:PORT`, as announced.
    pub endpoint: String,
    /// Its place in `topology.list`, from 0.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub shard: Option<usize>,
    /// What the topology says that it is.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub role: Option<Role>,
    /// What the node says that it is, where that differs.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub says: Option<Role>,
    /// The address that was announced beside the name.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ip: Option<IpAddr>,
    /// Whether it answers; absent where that was not determined.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub answers: Option<bool>,
    /// Whether it was asked no further than TLS, because its host is not the cache's.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub credentials_withheld: bool,
    /// How long each question took, in milliseconds.
    #[serde(default, skip_serializing_if = "Map::is_empty")]
    pub stages_ms: Map<String, Value>,
    /// The question that was answered with no.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub failed: Option<Failed>,
    /// From the first question to the last answer.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub total_ms: Option<f64>,
}

/// A question that was answered with no.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Failed {
    /// The question.
    pub stage: Stage,
    /// The answer in a few words.
    pub summary: String,
    /// The code; `explain` tells cause and fix.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub code: Option<String>,
}

/// A node, and the finding of the question that failed.
#[derive(Clone, Debug)]
pub struct Visit {
    /// For the document.
    pub node: NodeReach,
    /// The finding of the question that was answered with no, which knows the fix.
    pub finding: Option<Finding>,
}

impl Visit {
    /// A node that nobody has asked yet.
    pub fn unasked(member: &Member) -> Self {
        let (endpoint, failed) = match &member.endpoint {
            Ok(endpoint) => (endpoint.to_string(), None),
            Err((announced, why)) => {
                let failed = Failed { stage: Stage::Dns, summary: why.clone(), code: None };
                (announced.clone(), Some(failed))
            }
        };
        let node = NodeReach {
            endpoint,
            shard: member.shard,
            role: member.role,
            says: None,
            ip: member.ip,
            answers: failed.is_some().then_some(false),
            credentials_withheld: false,
            stages_ms: Map::new(),
            failed,
            total_ms: None,
        };
        Self { node, finding: None }
    }

    /// The node as a climb has found it.
    #[must_use]
    pub fn climbed(self, reach: &Reach, findings: &[Finding]) -> Self {
        // What was asked of an endpoint beyond the ladder is not the node's matter.
        let is_rung = |stage| !matches!(stage, Stage::Cluster | Stage::Nodes | Stage::Discovery | Stage::Readonly);
        let rungs = || reach.stages.iter().filter(|step| is_rung(step.stage));
        let failed = rungs().find(|step| step.status == Outcome::No);
        let last = rungs().next_back();
        let answers = last.is_some_and(|step| step.stage.is_command());
        let own_address = format!("{} ", self.node.endpoint.rsplit_once(':').map_or("", |(host, _)| host));
        let says = reach.server.as_ref().and_then(|server| match server.role.as_deref() {
            Some("primary") => Some(Role::Primary),
            Some("replica") => Some(Role::Replica),
            _ => None,
        });
        let node = NodeReach {
            says: says.filter(|says| self.node.role.is_some_and(|told| told != *says)),
            answers: if failed.is_some() { Some(false) } else { answers.then_some(true) },
            stages_ms: rungs().map(|step| (step.stage.word().to_owned(), step.ms.into())).collect(),
            failed: failed.map(|step| Failed {
                stage: step.stage,
                summary: step.summary.strip_prefix(&own_address).unwrap_or(&step.summary).to_owned(),
                code: step.code.clone(),
            }),
            total_ms: last.map(|step| ((step.start_ms + step.ms) * 1e3).round() / 1e3),
            ..self.node
        };
        let code = failed.and_then(|step| step.code.as_ref());
        Self { node, finding: findings.iter().find(|finding| Some(&finding.code) == code).cloned() }
    }
}

impl NodeReach {
    /// What the node is, by its own word, else by the topology's.
    pub fn is_primary(&self) -> bool {
        self.says.or(self.role) == Some(Role::Primary)
    }

    /// Whether it was asked, and answered with no.
    pub fn is_down(&self) -> bool {
        self.answers == Some(false)
    }

    /// `does not answer: tcp: 10.0.0.1 refused`.
    pub fn trouble(&self) -> String {
        match &self.failed {
            Some(failed) => format!("does not answer: {}: {}", failed.stage.word(), failed.summary),
            None => "does not answer".to_owned(),
        }
    }

    /// `primary 10.0.0.1:6379`, by the topology.
    pub fn title(&self) -> String {
        let role = match self.role {
            Some(Role::Primary) => "primary ",
            Some(Role::Replica) => "replica ",
            None => "",
        };
        format!("{role}{}", self.endpoint)
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    /// A node that the topology calls a replica at 10.0.0.1:6379, climbed with these stages and last states.
    fn climbed(stages: &[(&str, &str)], says: &str) -> NodeReach {
        let step = |(index, (stage, status)): (usize, &(&str, &str))| {
            let summary = if *status == "no" { "10.0.0.1 refused" } else { "fine" };
            json!({"stage": stage, "status": status, "start_ms": index, "ms": 0.5, "summary": summary})
        };
        let steps: Vec<Value> = stages.iter().enumerate().map(step).collect();
        let reach = json!({
            "endpoint": "10.0.0.1:6379", "answers": true, "stages": steps, "total_ms": 99.0,
            "server": {"engine": "valkey", "version": "8.0.1", "role": says},
        });
        let reach: Reach = serde_json::from_value(reach).unwrap();
        let endpoint = Ok("10.0.0.1:6379".parse().unwrap());
        let member = Member { endpoint, shard: Some(0), role: Some(Role::Replica), ip: None };
        Visit::unasked(&member).climbed(&reach, &[]).node
    }

    #[test]
    fn a_node_answers_if_it_carries_out_a_command() {
        let node = climbed(&[("tcp", "ok"), ("hello", "skipped"), ("ping", "ok")], "replica");
        assert_eq!((node.answers, node.failed, node.says), (Some(true), None, None));
        assert_eq!(Value::Object(node.stages_ms), json!({"tcp": 0.5, "hello": 0.5, "ping": 0.5}));
    }

    #[test]
    fn what_failed_is_told_without_the_nodes_own_address() {
        let node = climbed(&[("tcp", "no")], "replica");
        assert_eq!((node.answers, node.trouble().as_str()), (Some(false), "does not answer: tcp: refused"));
    }

    #[test]
    fn a_node_that_was_asked_no_further_than_tls_is_not_known_to_answer() {
        assert_eq!(climbed(&[("tcp", "ok"), ("tls", "ok")], "replica").answers, None);
    }

    #[test]
    fn what_an_endpoint_was_asked_beyond_the_ladder_is_not_about_the_node() {
        let node = climbed(&[("tcp", "ok"), ("ping", "ok"), ("cluster", "no"), ("nodes", "no")], "replica");
        assert_eq!((node.answers, node.failed, node.total_ms), (Some(true), None, Some(1.5)));
    }

    #[test]
    fn a_node_that_says_something_else_than_the_topology_is_quoted() {
        let node = climbed(&[("ping", "ok")], "primary");
        assert_eq!((node.says, node.is_primary()), (Some(Role::Primary), true));
    }

    #[test]
    fn a_name_that_no_certificate_can_have_cannot_be_dialled() {
        for (host, port) in [("?", 6379), ("-a", 6379), ("a.example", 0), ("", 6379)] {
            assert!(dialable(host, port).is_err(), "{host}:{port}");
        }
        assert!(dialable("::1", 6379).is_ok() && dialable("n_1.example", 6379).is_ok());
    }
}
