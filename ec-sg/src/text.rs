//! What a person at a terminal sees.

use ec_shared::Document;
use ec_shared::document::{Cache, Finding, Section, Severity, Status};
use ec_shared::report::{Mark, Report};

use crate::candidates::Candidate;
use crate::codes;
use crate::findings::name;
use crate::path::hop::ports;
use crate::path::{Evidence, Hop, Place, Verdict};

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
        candidates(section, report);
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
    if section.command == "audit" && !section.findings.is_empty() {
        match section.status {
            Status::No => report.verdict(Mark::No, format!("no: {}", counted(&section.findings))),
            Status::Ok => report.verdict(Mark::Yes, format!("ok: {}", counted(&section.findings))),
            _ => {}
        }
    }
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

/// One row for each hop; the network ACLs and routes that let the traffic through share one.
fn hops_in_rows(hops: &[Hop], section: &Section, report: &mut Report) {
    let is_network = |hop: &&Hop| {
        use Place::{CacheAclIn, CacheAclOut, ClientAclIn, ClientAclOut, RouteBack, RouteOut};
        let place = hop.hop;
        hop.verdict == Verdict::Yes
            && [ClientAclOut, RouteOut, CacheAclIn, CacheAclOut, RouteBack, ClientAclIn].contains(&place)
    };
    let mut open: Vec<String> = Vec::new();
    for hop in hops.iter().filter(is_network) {
        let short = hop.decided_by.iter().map(in_short).collect::<Vec<_>>();
        let short = if short.is_empty() { vec![hop.detail.clone()] } else { short };
        open.extend(short.into_iter().filter(|each| !open.contains(each)).collect::<Vec<_>>());
    }
    for hop in hops {
        if is_network(&hop) {
            if !open.is_empty() {
                report.row(Mark::Yes, ["network ACLs, routes".to_owned(), some_of(&open)]);
                open.clear();
            }
            continue;
        }
        let mark = match hop.verdict {
            Verdict::Yes => Mark::Yes,
            Verdict::No | Verdict::Intermittent => Mark::No,
            Verdict::Unknown => Mark::Unknown,
            Verdict::NotAsked => Mark::Info,
        };
        let second = hop.hop == Place::CacheIngress && is_second(hop, section);
        // One answer for all ports needs no port.
        let is_one = hop.hop == Place::ClientEgress && hops.iter().filter(|each| each.hop == hop.hop).count() == 1;
        let name = match (hop.hop, hop.tcp_ports.is_empty() || is_one) {
            (place, true) => name(place).to_owned(),
            (place, false) => format!("{} {}{}", name(place), ports(hop), if second { " (reads)" } else { "" }),
        };
        let mut row = vec![name, hop.detail.clone()];
        row.extend(code(hop, section));
        report.row(mark, row);
    }
}

fn some_of(details: &[String]) -> String {
    const SHOWN: usize = 4;
    let shown = details.iter().take(SHOWN).cloned().collect::<Vec<_>>().join(", ");
    match details.len().checked_sub(SHOWN) {
        Some(rest @ 1..) => format!("{shown} and {rest} more"),
        _ => shown,
    }
}

/// What decides, in a few words: `acl-1 rule 100`, `rtb-1 local`.
fn in_short(evidence: &Evidence) -> String {
    match evidence {
        Evidence::AclEntry { network_acl_id, rule_number } => format!("{network_acl_id} rule {rule_number}"),
        Evidence::Route { route_table_id, target, .. } => {
            format!("{route_table_id} {}", target.as_deref().unwrap_or("local"))
        }
        Evidence::TransitRoute { transit_gateway_route_table_id, destination } => {
            format!("{transit_gateway_route_table_id} {}", destination.as_deref().unwrap_or_default())
        }
        Evidence::Peering { vpc_peering_connection_id: id }
        | Evidence::Gateway { transit_gateway_id: id }
        | Evidence::Attachment { transit_gateway_attachment_id: id } => id.clone(),
        Evidence::Rule { security_group_id, security_group_rule_id } => {
            security_group_rule_id.clone().unwrap_or_else(|| security_group_id.clone())
        }
    }
}

/// One row for each instance that could be a client.
fn candidates(section: &Section, report: &mut Report) {
    let all = section.facts.get("candidates").and_then(|all| serde_json::from_value(all.clone()).ok());
    let all: Vec<Candidate> = all.unwrap_or_default();
    for candidate in &all {
        let mark = match candidate.verdict {
            Verdict::Yes => Mark::Yes,
            Verdict::Unknown => Mark::Unknown,
            _ => Mark::No,
        };
        let name = candidate.name.as_ref().map(|name| format!(" \"{name}\"")).unwrap_or_default();
        let address = candidate.private_ips.first().cloned().unwrap_or_default();
        let reasons = candidate.reasons.join("; ");
        report.row(mark, [format!("{}{name}", candidate.instance_id), address, reasons]);
    }
    if section.facts.contains_key("candidates") {
        let could = all.iter().filter(|candidate| candidate.verdict == Verdict::Yes).count();
        report.verdict(Mark::Info, format!("{could} of {} instances could connect", all.len()));
    }
}

/// Whether the hop is about the port for reads: its finding says so.
fn is_second(hop: &Hop, section: &Section) -> bool {
    code(hop, section).is_some_and(|code| code == codes::NO_INGRESS_READS.id)
}

/// The code of the finding about a hop.
fn code(hop: &Hop, section: &Section) -> Option<String> {
    if hop.verdict == Verdict::Yes {
        return None;
    }
    if hop.verdict == Verdict::NotAsked {
        return (hop.hop == Place::ClientEgress).then(|| codes::EGRESS_NOT_KNOWN.id.to_owned());
    }
    let about = |finding: &&Finding| {
        let ports = finding.evidence.get("tcp_ports").cloned().unwrap_or_else(|| serde_json::json!([]));
        finding.summary.ends_with(&hop.detail) && ports == serde_json::json!(hop.tcp_ports)
    };
    section.findings.iter().find(about).map(|finding| finding.code.clone())
}

/// `1 error, 2 warnings`.
fn counted(findings: &[Finding]) -> String {
    let count = |severity, word: &str| match findings.iter().filter(|each| each.severity == severity).count() {
        0 => None,
        1 => Some(format!("1 {word}")),
        count => Some(format!("{count} {word}s")),
    };
    let counts =
        [count(Severity::Error, "error"), count(Severity::Warning, "warning"), count(Severity::Info, "remark")];
    counts.into_iter().flatten().collect::<Vec<_>>().join(", ")
}

fn verdict(section: &Section) -> String {
    let ours: Vec<_> = section.changes.iter().filter(|change| change.run.is_none()).collect();
    let groups: std::collections::BTreeSet<&str> =
        ours.iter().filter_map(|change| change.after.as_ref()?.get("security_group_id")?.as_str()).collect();
    let rules = match ours.len() {
        0 => None,
        1 => Some(format!("1 rule is missing on {}", Vec::from_iter(groups).join(", "))),
        count => Some(format!("{count} rules are missing on {}", Vec::from_iter(groups).join(", "))),
    };
    let others = match section.changes.len() - ours.len() {
        0 => None,
        1 => Some("1 change of the network is needed".to_owned()),
        count => Some(format!("{count} changes of the network are needed")),
    };
    let parts: Vec<String> = rules.into_iter().chain(others).collect();
    if parts.is_empty() { section.summary() } else { format!("no: {}", parts.join(", ")) }
}
