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
    let mut quiet = 0;
    let mut told = 0;
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
            quiet += 1;
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
    if quiet > 0 {
        let others = if told > 0 { "other shards" } else { "shards" };
        report.row(Mark::Info, ["", "", &format!("{quiet} {others} are not told one by one")]);
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
            (Some(false), Some(failed)) => format!(" {}: {}", failed.stage.word(), failed.summary),
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

/// How people call the nodes: by the first label of their names where that tells them apart, else by host and port.
fn labels(nodes: &[NodeReach]) -> Vec<String> {
    let short = |node: &NodeReach| {
        let endpoint: Endpoint = node.endpoint.parse().ok()?;
        let host = endpoint.address().is_none().then(|| endpoint.host())?;
        host.split_once('.').map(|(label, _)| label.to_owned())
    };
    let labels: Option<Vec<String>> = nodes.iter().map(short).collect();
    let is_distinct = |labels: &Vec<String>| labels.iter().collect::<BTreeSet<_>>().len() == labels.len();
    labels.filter(is_distinct).unwrap_or_else(|| nodes.iter().map(|node| node.endpoint.clone()).collect())
}

/// The slowest of the nodes that have come to an end.
fn ms(nodes: &[&NodeReach]) -> String {
    let slowest = nodes.iter().filter_map(|node| node.total_ms).max_by(f64::total_cmp);
    slowest.map(super::ms).unwrap_or_default()
}
