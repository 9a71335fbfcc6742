//! What a person at a terminal sees.

use ec_shared::Document;
use ec_shared::document::{Cache, Finding, Section, Status};
use ec_shared::report::{Mark, Report};

use crate::codes;
use crate::path::{Hop, Place, Verdict};

/// Fills the report of a verb.
pub(crate) fn report(document: &Document, section: &Section, report: &mut Report) {
    let cache = document.cache().ok().flatten();
    let client = document.client().ok().flatten();
    if let Some(cache) = &cache {
        let client = client.map(|client| format!("  ←  {}", client.title()));
        report.title(format!("{}{}", cache.title(), client.unwrap_or_default()));
    }
    if section.command == "find"
        && let Some(cache) = &cache
    {
        network(cache, report);
    }
    let hops: Vec<Hop> =
        section.facts.get("path").and_then(|path| serde_json::from_value(path.clone()).ok()).unwrap_or_default();
    let mut shown = Vec::new();
    // Where something changes, the changes are the answer.
    if section.command == "check" || section.changes.is_empty() {
        hops_in_rows(&hops, section, report);
        shown.extend(hops.iter().filter_map(|hop| code(hop, section)));
    }
    let shown: Vec<&str> = shown.iter().map(String::as_str).collect();
    if section.command == "check" {
        if section.status == Status::No {
            report.verdict(Mark::No, verdict(section));
        }
        // What check would change stands in the fix.
        let without_changes = Section { changes: Vec::new(), ..section.clone() };
        report.section(&without_changes, &shown);
    } else {
        report.section(section, &shown);
    }
}

fn network(cache: &Cache, report: &mut Report) {
    for endpoint in &cache.endpoints {
        let role = serde_json::to_value(endpoint.role).ok();
        let role = role.as_ref().and_then(|role| role.as_str()).unwrap_or_default().to_owned();
        report.row(Mark::Info, [role, format!("{}:{}", endpoint.host, endpoint.port)]);
    }
    if let Some(network) = &cache.network {
        let rows = [
            ("vpc", network.vpc_id.iter().cloned().collect()),
            ("subnets", network.subnet_ids.clone()),
            ("security groups", network.security_group_ids.clone()),
        ];
        for (name, ids) in rows.into_iter().filter(|(_, ids): &(_, Vec<String>)| !ids.is_empty()) {
            report.row(Mark::Info, [name.to_owned(), ids.join(" ")]);
        }
    }
}

/// One row for each hop; hops of several ports that have the same answer share a row.
fn hops_in_rows(hops: &[Hop], section: &Section, report: &mut Report) {
    let mut rest: Vec<&Hop> = hops.iter().collect();
    while let Some(first) = rest.first().copied() {
        let is_same = |hop: &Hop| (hop.hop, hop.verdict, &hop.detail) == (first.hop, first.verdict, &first.detail);
        let together = first.hop == Place::ClientEgress;
        let (same, others): (Vec<&Hop>, Vec<&Hop>) =
            rest.into_iter().partition(|hop| std::ptr::eq(*hop, first) || together && is_same(hop));
        rest = others;
        let mark = match first.verdict {
            Verdict::Yes => Mark::Yes,
            Verdict::No => Mark::No,
            Verdict::Unknown => Mark::Unknown,
            Verdict::NotAsked => Mark::Info,
        };
        let ports: Vec<String> = same.iter().filter_map(|hop| hop.tcp_port).map(|port| port.to_string()).collect();
        let name = match first.hop {
            Place::Vpc => "same VPC".to_owned(),
            Place::ClientEgress if same.len() > 1 || ports.is_empty() => "client egress".to_owned(),
            Place::ClientEgress => format!("client egress {}", ports.join(" ")),
            Place::CacheIngress => format!("ingress {}", ports.join(" ")),
        };
        let mut row = vec![name, first.detail.clone()];
        row.extend(same.iter().find_map(|hop| code(hop, section)));
        report.row(mark, row);
    }
}

/// The code of the finding about a hop.
fn code(hop: &Hop, section: &Section) -> Option<String> {
    if hop.verdict == Verdict::Yes {
        return None;
    }
    let about = |finding: &&Finding| match finding.evidence.get("tcp_port").and_then(serde_json::Value::as_u64) {
        Some(port) => hop.tcp_port.map(u64::from) == Some(port) && finding.summary.ends_with(&hop.detail),
        None if hop.verdict == Verdict::NotAsked => finding.code == codes::EGRESS_NOT_KNOWN.id,
        None => finding.summary == hop.detail,
    };
    let is_asked = hop.verdict != Verdict::NotAsked || hop.hop == Place::ClientEgress;
    section.findings.iter().filter(|_| is_asked).find(about).map(|finding| finding.code.clone())
}

fn verdict(section: &Section) -> String {
    let groups: std::collections::BTreeSet<&str> =
        section.changes.iter().filter_map(|change| change.after.as_ref()?.get("security_group_id")?.as_str()).collect();
    match section.changes.len() {
        0 => section.summary(),
        1 => format!("no: 1 rule is missing on {}", Vec::from_iter(groups).join(", ")),
        count => format!("no: {count} rules are missing on {}", Vec::from_iter(groups).join(", ")),
    }
}
