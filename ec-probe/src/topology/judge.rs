//! What a topology means for clients.

use ec_shared::document::{Finding, Severity};
use serde_json::json;

use super::read::{Asked, read};
use super::{Facts, Health, MOST_NODES, Node, Range, Role, SLOTS, Shard, Topology, size};
use crate::answer::Answer;
use crate::client_mode::program;
use crate::codes;
use crate::ladder::Stage;
use crate::reach::Server;
use crate::resp::Value;
use crate::verdict::{Context, Judgement, finding, said};

/// How many gaps or nodes a summary names; the evidence has them all.
const SHOWN: usize = 5;

/// The answer to the question for the topology, judged.
#[derive(Clone, Debug)]
pub struct Survey {
    /// For the row of the stage.
    pub judgement: Judgement,
    /// For the document, where the server tells its topology.
    pub facts: Option<Facts>,
    /// What there is to say beside the judgement's finding.
    pub others: Vec<Finding>,
}

/// Judges the answer of a node. A server that does not tell its topology may serve well all the same.
pub fn judge(answer: &Answer, context: &Context<'_>) -> Survey {
    let untold = |why: String, others| Survey { judgement: Judgement::skipped(why), facts: None, others };
    let host = context.target.endpoint.host();
    let asked = Asked { host: &host, tls: context.plan.tls };
    match answer {
        Answer::Reply(Ok(Value::Error(text))) => {
            let text = said(text);
            let word = text.split(' ').next().unwrap_or_default();
            untold(format!("topology not told: {word}"), refused(&text, context).into_iter().collect())
        }
        Answer::Reply(Ok(reply)) => match read(reply, asked) {
            Some(topology) => told(topology, context),
            None => untold("topology not told: the answer is not understood".to_owned(), Vec::new()),
        },
        _ => untold("topology not told: no answer".to_owned(), Vec::new()),
    }
}

/// A remark on a server that is in another mode than the document says: clients go by the document.
pub fn other_mode(server: &Server, context: &Context<'_>) -> Option<Finding> {
    let by_document = context.plan.cluster_mode?;
    let is_cluster = match server.mode.as_deref()? {
        "cluster" => true,
        "standalone" => false,
        _ => return None,
    };
    let summary = match (by_document, is_cluster) {
        (true, false) => "the document says cluster mode, and the server is standalone: use a client without it",
        (false, true) => "the document says no cluster mode, and the server is a cluster's: use a cluster client",
        _ => return None,
    };
    let finding = Finding::new(&codes::OTHER_MODE, Severity::Info, summary);
    Some(finding.evidence("client", program(&server.engine, is_cluster)).fix(codes::OTHER_MODE.fix))
}

/// A refusal is worth a word only where the document says that there is a topology to be told.
fn refused(text: &str, context: &Context<'_>) -> Option<Finding> {
    let is_cluster = context.plan.cluster_mode == Some(true);
    (is_cluster && text.starts_with("NOPERM")).then(|| {
        let summary = "the user may not ask for the topology, which cluster clients need";
        Finding::new(&codes::NO_TOPOLOGY, Severity::Info, summary).evidence("reply", text).fix(codes::NO_TOPOLOGY.fix)
    })
}

fn told(topology: Topology, context: &Context<'_>) -> Survey {
    let warning = unhealthy(&topology, context);
    let mut errors = [uncovered(&topology, context), down(&topology, context)].into_iter().flatten();
    let (judgement, others) = if let Some(error) = errors.next() {
        (Judgement::no(summary(&topology), error), errors.chain(warning).collect())
    } else {
        (Judgement { finding: warning, ..Judgement::ok(summary(&topology)) }, Vec::new())
    };
    Survey { judgement, facts: Some(topology.facts()), others }
}

/// `3 shards, 6 nodes (1 not online), all 16384 slots`.
fn summary(topology: &Topology) -> String {
    let slots =
        if topology.covered == SLOTS { format!("all {SLOTS}") } else { format!("{} of {SLOTS}", topology.covered) };
    let shards = counted(topology.shards.len(), "shard");
    let nodes = counted(topology.nodes().count(), "node");
    match not_online(topology).len() {
        0 => format!("{shards}, {nodes}, {slots} slots"),
        count => format!("{shards}, {nodes} ({count} not online), {slots} slots"),
    }
}

fn counted(count: usize, noun: &str) -> String {
    format!("{count} {noun}{}", if count == 1 { "" } else { "s" })
}

fn uncovered(topology: &Topology, context: &Context<'_>) -> Option<Finding> {
    let gaps = topology.gaps();
    let missing: usize = gaps.iter().copied().map(size).sum();
    let mut ranges: Vec<String> = gaps.iter().take(SHOWN).map(|(from, to)| format!("{from}-{to}")).collect();
    ranges.extend((gaps.len() > SHOWN).then(|| "…".to_owned()));
    let belong = if missing == 1 { "slot belongs" } else { "slots belong" };
    let summary = format!("{missing} {belong} to no node: {}", ranges.join(", "));
    (missing > 0).then(|| finding(&codes::SLOTS_UNCOVERED, summary, Stage::Cluster, context).evidence("slots", gaps))
}

/// Slots that have an owner, and nobody who is left to serve them.
fn down(topology: &Topology, context: &Context<'_>) -> Option<Finding> {
    let is_down = |shard: &&Shard| shard.nodes.iter().all(|node| node.health == Health::Failed);
    let slots: Vec<Range> = topology.shards.iter().filter(is_down).flat_map(|shard| &shard.slots).copied().collect();
    let count: usize = slots.iter().copied().map(size).sum();
    let summary = format!("all nodes that own {count} of {SLOTS} slots have failed");
    (count > 0).then(|| finding(&codes::SHARD_DOWN, summary, Stage::Cluster, context).evidence("slots", slots))
}

fn unhealthy(topology: &Topology, context: &Context<'_>) -> Option<Finding> {
    let nodes = not_online(topology);
    let mut told: Vec<String> = nodes.iter().take(SHOWN).map(|node| described(node)).collect();
    told.extend((nodes.len() > SHOWN).then(|| "…".to_owned()));
    let all = counted(topology.nodes().count(), "node");
    let summary = format!("{} of {all} not online: {}", nodes.len(), told.join(", "));
    (!nodes.is_empty()).then(|| {
        Finding::new(&codes::NODE_NOT_ONLINE, Severity::Warning, summary)
            .evidence("endpoint", context.target.endpoint.to_string())
            .evidence("nodes", json!(&nodes[..nodes.len().min(MOST_NODES)]))
            .fix(codes::NODE_NOT_ONLINE.fix)
    })
}

/// The nodes that are known not to be in order.
fn not_online(topology: &Topology) -> Vec<&Node> {
    topology.nodes().filter(|node| matches!(node.health, Health::Failed | Health::Loading)).collect()
}

fn described(node: &Node) -> String {
    let role = if node.role == Role::Primary { "primary" } else { "replica" };
    let health = if node.health == Health::Failed { "failed" } else { "loading" };
    format!("{role} {}:{} {health}", node.host, node.port)
}

#[cfg(test)]
mod tests {
    use ec_shared::document::Engine;
    use ec_shared::ran_on::RanOn;
    use jiff::Timestamp;

    use super::super::tests::shard;
    use super::*;
    use crate::answer::Fault;
    use crate::ladder::Outcome;
    use crate::plan::Plan;

    fn server(engine: &str, mode: &str) -> Server {
        let text = |text: &str| Value::Text(text.as_bytes().to_vec());
        let pairs = [("server", engine), ("version", "8.0.1"), ("mode", mode), ("role", "master")];
        Server::greeted(&Value::Map(pairs.map(|(name, value)| (text(name), text(value))).to_vec())).unwrap()
    }

    /// Hands `judge` a context whose document says this of the cluster mode.
    fn in_context<T>(cluster_mode: Option<bool>, judge: impl FnOnce(&Context<'_>) -> T) -> T {
        let plan = Plan { cluster_mode, ..Plan::for_tests(Engine::Valkey, true) };
        let machine = RanOn { host: "app-1".into(), instance_id: None };
        judge(&Context {
            plan: &plan,
            target: &plan.targets[0],
            credentials: None,
            machine: &machine,
            now: Timestamp::UNIX_EPOCH,
        })
    }

    fn surveyed(topology: Topology) -> Survey {
        in_context(None, |context| told(topology, context))
    }

    fn codes(survey: &Survey) -> Vec<&str> {
        survey.judgement.finding.iter().chain(&survey.others).map(|finding| finding.code.as_str()).collect()
    }

    fn three_shards() -> Topology {
        Topology::of([(0, 5_460), (5_461, 10_922), (10_923, 16_383)].iter().map(|&slots| shard(&[slots], 2)).collect())
    }

    #[test]
    fn a_whole_cluster_is_summed_up() {
        let survey = surveyed(three_shards());
        assert_eq!(survey.judgement.summary, "3 shards, 6 nodes, all 16384 slots");
        assert_eq!((survey.judgement.outcome, codes(&survey).len()), (Outcome::Ok, 0));
        assert_eq!(survey.facts.map(|facts| (facts.shards, facts.nodes, facts.covered)), Some((3, 6, 16_384)));
    }

    #[test]
    fn slots_of_no_node_are_an_error_that_names_them() {
        let survey = surveyed(Topology::of(vec![shard(&[(0, 99), (200, 16_382)], 1)]));
        assert_eq!((survey.judgement.outcome, codes(&survey)), (Outcome::No, vec!["EC3095"]));
        assert_eq!(survey.judgement.summary, "1 shard, 1 node, 16283 of 16384 slots");
        let finding = survey.judgement.finding.unwrap();
        assert_eq!(finding.summary, "101 slots belong to no node: 100-199, 16383-16383");
        assert_eq!(finding.evidence["slots"], serde_json::json!([[100, 199], [16_383, 16_383]]));
    }

    #[test]
    fn many_gaps_are_cut_short_for_people_alone() {
        let slots: Vec<_> = (0..8_192).map(|half| (half * 2, half * 2)).collect();
        let finding = surveyed(Topology::of(vec![shard(&slots, 1)])).judgement.finding.unwrap();
        assert_eq!(finding.summary, "8192 slots belong to no node: 1-1, 3-3, 5-5, 7-7, 9-9, …");
        assert_eq!(finding.evidence["slots"].as_array().map(Vec::len), Some(8_192));
    }

    #[test]
    fn a_node_that_is_not_online_is_a_warning_beside_a_gap_too() {
        let mut topology = three_shards();
        topology.shards[1].nodes[1].health = Health::Failed;
        topology.shards[2].nodes[1].health = Health::Loading;
        let survey = surveyed(topology.clone());
        assert_eq!((survey.judgement.outcome, codes(&survey)), (Outcome::Ok, vec!["EC3096"]));
        let finding = survey.judgement.finding.unwrap();
        assert_eq!(finding.summary, "2 of 6 nodes not online: replica node-1:6379 failed, replica node-1:6379 loading");
        assert!(survey.judgement.summary.starts_with("3 shards, 6 nodes (2 not online), all 16384 slots"));
        assert_eq!(finding.severity, Severity::Warning);

        topology.shards.remove(0);
        assert_eq!(codes(&surveyed(Topology::of(topology.shards))), ["EC3095", "EC3096"]);
    }

    #[test]
    fn a_shard_whose_nodes_have_all_failed_is_an_error() {
        let mut topology = three_shards();
        topology.shards[0].nodes[0].health = Health::Failed;
        assert_eq!(codes(&surveyed(topology.clone())), ["EC3096"], "its replica can take over");
        topology.shards[0].nodes[1].health = Health::Failed;
        let survey = surveyed(topology.clone());
        assert_eq!((survey.judgement.outcome, codes(&survey)), (Outcome::No, vec!["EC3099", "EC3096"]));
        let finding = survey.judgement.finding.unwrap();
        assert_eq!(finding.summary, "all nodes that own 5461 of 16384 slots have failed");
        assert_eq!(finding.evidence["slots"], json!([[0, 5_460]]));

        topology.shards.remove(1);
        assert_eq!(codes(&surveyed(Topology::of(topology.shards))), ["EC3095", "EC3099", "EC3096"]);
    }

    #[test]
    fn what_is_not_known_of_a_nodes_health_is_no_finding() {
        let mut topology = three_shards();
        topology.shards[0].nodes[0].health = Health::Unknown;
        assert_eq!(codes(&surveyed(topology)).len(), 0);
    }

    #[test]
    fn a_server_that_does_not_tell_its_topology_may_serve_all_the_same() {
        let noperm = "NOPERM User app has no permissions to run the 'cluster|slots' command";
        let error = |text: &str| Answer::Reply(Ok(Value::Error(text.into())));
        for (answer, cluster_mode, summary, expected) in [
            (error(noperm), None, "topology not told: NOPERM", vec![]),
            (error(noperm), Some(false), "topology not told: NOPERM", vec![]),
            (error(noperm), Some(true), "topology not told: NOPERM", vec!["EC3098"]),
            (error("ERR unknown command"), Some(true), "topology not told: ERR", vec![]),
            (Answer::Reply(Ok(Value::Null)), Some(true), "topology not told: the answer is not understood", vec![]),
            (Answer::Reply(Err(Fault::Silent)), Some(true), "topology not told: no answer", vec![]),
        ] {
            let survey = in_context(cluster_mode, |context| judge(&answer, context));
            assert_eq!((survey.judgement.summary.as_str(), codes(&survey)), (summary, expected), "{answer:?}");
            assert_eq!((survey.judgement.outcome, survey.facts), (Outcome::Skipped, None));
        }
    }

    #[test]
    fn a_document_and_a_server_of_different_modes_are_remarked_on() {
        for (document, engine, mode, client) in [
            (Some(true), "valkey", "standalone", Some("valkey-cli")),
            (Some(false), "redis", "cluster", Some("redis-cli -c")),
            (Some(true), "valkey", "cluster", None),
            (Some(false), "valkey", "standalone", None),
            (Some(true), "valkey", "sentinel", None),
            (None, "valkey", "cluster", None),
        ] {
            let finding = in_context(document, |context| other_mode(&server(engine, mode), context));
            let told = finding.as_ref().map(|finding| (finding.code.as_str(), finding.evidence["client"].as_str()));
            assert_eq!(told, client.map(|client| ("EC3097", Some(client))), "{document:?} {mode}");
        }
    }
}
