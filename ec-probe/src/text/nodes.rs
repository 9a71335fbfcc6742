//! The nodes in the report: a line for each shard, or for each Memcached node that does not answer.

use std::collections::BTreeSet;

use ec_shared::report::{Mark, Report};

use crate::codes;
use crate::endpoint::Endpoint;
use crate::nodes::NodeReach;
use crate::nodes::judge::slots;
use crate::reach::Reach;
use crate::topology::Role;

/// How many shards are told one by one. Of more, only those are where something is wrong.
const MOST: usize = 20;

/// The rows for the nodes that were told; the codes that they show are given back.
pub(super) fn rows(report: &mut Report, reach: &Reach) -> Vec<&'static str> {
    let labels = labels(&reach.nodes);
    let nodes: Vec<(&NodeReach, &String)> = reach.nodes.iter().zip(&labels).collect();
    let Some(topology) = &reach.topology else {
        for (node, label) in nodes.iter().filter(|(node, _)| node.is_down()).take(MOST) {
            let row = format!("{label} {}", node.trouble());
            report.row(Mark::No, ["node", &ms(&[*node]), &row]);
        }
        return Vec::new();
    };
    let (mut well, mut more, mut told) = (0, 0, 0);
    let mut shown = Vec::new();
    for (index, shard) in topology.list.iter().enumerate() {
        let nodes: Vec<(&NodeReach, &String)> =
            nodes.iter().filter(|(node, _)| node.shard == Some(index)).copied().collect();
        let mark = mark(&nodes);
        if nodes.is_empty() {
            continue;
        }
        let is_told = if topology.list.len() <= MOST { true } else { mark != Mark::Yes && told < MOST };
        if !is_told {
            *(if mark == Mark::Yes { &mut well } else { &mut more }) += 1;
            continue;
        }
        told += 1;
        let row = format!("{}  {}", slots(&shard.slots), described(&nodes));
        let answers: Vec<&NodeReach> = nodes.iter().map(|(node, _)| *node).collect();
        let mut columns = vec![format!("shard {}", index + 1), ms(&answers), row];
        if let Some(code) = code(mark) {
            columns.push(code.to_owned());
            // Where the primary is named, its replicas are, too.
            shown.extend([code, codes::NODE_SILENT.id]);
        }
        report.row(mark, columns);
    }
    if more > 0 {
        report.row(Mark::No, ["shards", "", &format!("{more} more are not whole; the document tells which")]);
    }
    if well > 0 {
        report.row(Mark::Yes, ["shards", "", &format!("all nodes of {well} answer")]);
    }
    shown
}

/// The code of what is wrong with a shard.
fn code(mark: Mark) -> Option<&'static str> {
    match mark {
        Mark::No => Some(codes::PRIMARY_SILENT.id),
        Mark::Warning => Some(codes::NODE_SILENT.id),
        _ => None,
    }
}

fn mark(nodes: &[(&NodeReach, &String)]) -> Mark {
    let has_primary = nodes.iter().any(|(node, _)| node.is_primary() && !node.is_down());
    if !has_primary {
        Mark::No
    } else if nodes.iter().any(|(node, _)| node.is_down()) {
        Mark::Warning
    } else if nodes.iter().any(|(node, _)| node.answers.is_none()) {
        Mark::Unknown
    } else {
        Mark::Yes
    }
}

/// `primary a, 2 replicas`; every node that does not answer with its reason.
fn described(nodes: &[(&NodeReach, &String)]) -> String {
    let mut parts = Vec::new();
    let mut replicas = 0;
    for (node, label) in nodes {
        let role = if node.role == Some(Role::Primary) { "primary" } else { "replica" };
        let remark = match (node.answers, &node.failed) {
            (Some(false), Some(failed)) => format!(" {} {}", failed.stage.word(), failed.summary),
            (Some(false), None) => " does not answer".to_owned(),
            (None, _) if node.credentials_withheld => " heard no credentials".to_owned(),
            (None, _) => " not asked".to_owned(),
            (Some(true), _) if node.says.is_some() => {
                format!(" says {}", if node.is_primary() { "primary" } else { "replica" })
            }
            (Some(true), _) if role == "replica" => {
                replicas += 1;
                continue;
            }
            (Some(true), _) => String::new(),
        };
        parts.push(format!("{role} {label}{remark}"));
    }
    if replicas > 0 {
        parts.push(format!("{replicas} replica{}", if replicas == 1 { "" } else { "s" }));
    }
    parts.join(", ")
}

/// How people call the nodes: without what all of them have in common. Of names the first label will do where that tells
/// them apart.
fn labels(nodes: &[NodeReach]) -> Vec<String> {
    let whole = || nodes.iter().map(|node| node.endpoint.clone()).collect();
    let parsed: Option<Vec<Endpoint>> = nodes.iter().map(|node| node.endpoint.parse().ok()).collect();
    let Some(endpoints) = parsed else { return whole() };
    let are_distinct = |labels: &Vec<String>| labels.iter().collect::<BTreeSet<_>>().len() == labels.len();
    let first_label = |endpoint: &Endpoint| match endpoint.address() {
        None => endpoint.host().split('.').next().unwrap_or_default().to_owned(),
        Some(address) => address.to_string(),
    };
    let by_host = endpoints.iter().map(first_label).collect();
    let one_host = endpoints.windows(2).all(|pair| pair[0].host() == pair[1].host());
    let by_port = endpoints.iter().map(|endpoint| format!(":{}", endpoint.port())).collect();
    let one_port = endpoints.windows(2).all(|pair| pair[0].port() == pair[1].port());
    [(one_port, by_host), (one_host, by_port)]
        .into_iter()
        .find(|(is_short, labels)| *is_short && are_distinct(labels))
        .map_or_else(whole, |(_, labels)| labels)
}

/// The slowest of the nodes that have come to an end.
fn ms(nodes: &[&NodeReach]) -> String {
    let slowest = nodes.iter().filter_map(|node| node.total_ms).max_by(f64::total_cmp);
    slowest.map(super::ms).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn node(value: serde_json::Value) -> NodeReach {
        serde_json::from_value(value).unwrap()
    }

    fn labelled(endpoints: &[&str]) -> Vec<String> {
        let nodes: Vec<NodeReach> = endpoints.iter().map(|endpoint| node(json!({"endpoint": endpoint}))).collect();
        labels(&nodes)
    }

    #[test]
    fn nodes_are_called_by_what_tells_them_apart() {
        for (endpoints, labels) in [
            (
                [
                    "o-0001-001.o.x1y2z3.use1.cache.amazonaws.com:6379",
                    "o-0002-001.o.x1y2z3.use1.cache.amazonaws.com:6379",
                ],
                ["o-0001-001", "o-0002-001"],
            ),
            (["10.0.0.1:6379", "10.0.0.2:6379"], ["10.0.0.1", "10.0.0.2"]),
            (["127.0.0.1:7000", "127.0.0.1:7001"], [":7000", ":7001"]),
            (["10.0.0.1:7000", "10.0.0.2:7001"], ["10.0.0.1:7000", "10.0.0.2:7001"]),
            (["a.east.example:6379", "a.west.example:6379"], ["a.east.example:6379", "a.west.example:6379"]),
            (["?:6379", "10.0.0.2:6379"], ["?:6379", "10.0.0.2:6379"]),
        ] {
            assert_eq!(labelled(&endpoints), labels);
        }
    }

    #[test]
    fn a_shard_is_told_in_one_line_with_every_node_that_does_not_answer() {
        let primary = json!({"endpoint": "a:1", "role": "primary", "answers": true});
        let replica = json!({"endpoint": "b:1", "role": "replica", "answers": true});
        let mut dead = replica.clone();
        dead["answers"] = json!(false);
        dead["failed"] = json!({"stage": "tcp", "summary": "no answer"});
        let mut lost = dead.clone();
        lost["role"] = json!("primary");
        let mut unasked = replica.clone();
        unasked["answers"] = json!(null);
        let mut promoted = replica.clone();
        promoted["says"] = json!("primary");
        for (nodes, expected, expected_mark) in [
            (vec![&primary, &replica, &replica], "primary a, 2 replicas", Mark::Yes),
            (vec![&primary], "primary a", Mark::Yes),
            (vec![&primary, &dead], "primary a, replica b tcp no answer", Mark::Warning),
            (vec![&primary, &unasked], "primary a, replica b not asked", Mark::Unknown),
            (vec![&lost, &replica], "primary b tcp no answer, 1 replica", Mark::No),
            (vec![&lost, &promoted], "primary b tcp no answer, replica b says primary", Mark::Warning),
        ] {
            let nodes: Vec<NodeReach> = nodes.into_iter().map(|value| node(value.clone())).collect();
            let labels: Vec<String> = nodes.iter().map(|node| node.endpoint[..1].to_owned()).collect();
            let nodes: Vec<(&NodeReach, &String)> = nodes.iter().zip(&labels).collect();
            assert_eq!((described(&nodes).as_str(), mark(&nodes)), (expected, expected_mark));
        }
    }
}
