//! The path that ec-sg has looked at, hop by hop, and what it makes of a dial that nobody answers.
//!
//! Sources: security groups and network ACLs drop what they do not admit,
//! <https://docs.aws.amazon.com/vpc/latest/userguide/vpc-security-groups.html>; connections beyond what an instance can
//! track are dropped, too,
//! <https://docs.aws.amazon.com/AWSEC2/latest/UserGuide/security-group-connection-tracking.html>.

use std::net::IpAddr;

use ec_shared::document::{Cache, Client, Finding, Section};
use serde::Deserialize;
use serde_json::Value;

use super::{Cause, Silence, found, left, texts};
use crate::codes;

/// The findings of ec-sg about a hop that is closed.
const CLOSED: [&str; 11] =
    ["EC1003", "EC1004", "EC1005", "EC1006", "EC1016", "EC1017", "EC1018", "EC1019", "EC1020", "EC1021", "EC1022"];

/// A path from the document's client to its cache.
#[derive(Clone, Debug)]
pub(super) struct Path {
    hops: Vec<Hop>,
    findings: Vec<Finding>,
    /// The client in a few words, and its id where it is an instance.
    client: String,
    instance_id: Option<String>,
    cache: String,
}

/// A hop, as far as it matters here.
#[derive(Clone, Debug, Deserialize)]
struct Hop {
    #[serde(rename = "hop")]
    place: String,
    #[serde(default)]
    tcp_ports: Vec<u16>,
    #[serde(default)]
    families: Vec<String>,
    #[serde(default)]
    client_subnet_ids: Vec<String>,
    #[serde(default)]
    cache_subnet_ids: Vec<String>,
    verdict: Verdict,
    detail: String,
    #[serde(default)]
    decided_by: Vec<Value>,
    #[serde(default)]
    missing: Option<String>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
enum Verdict {
    Yes,
    No,
    Intermittent,
    Unknown,
    NotAsked,
}

impl Path {
    /// The path of a section; `None` where it has none, or one between other ends than these.
    pub(super) fn of(section: &Section, cache: &Cache, client: &Client) -> Option<Self> {
        if !matches!(section.command.as_str(), "check" | "plan" | "apply") {
            return None;
        }
        let path = Self {
            hops: serde_json::from_value(section.facts.get("path")?.clone()).ok()?,
            findings: section.findings.clone(),
            client: client.title(),
            instance_id: client.instance_id.clone(),
            cache: cache.name.clone(),
        };
        (!path.hops.is_empty() && path.leads_between(section, cache, client)).then_some(path)
    }

    /// Whether every subnet and group that decides belongs to this cache or to this client, as far as the document tells
    /// which they have.
    fn leads_between(&self, section: &Section, cache: &Cache, client: &Client) -> bool {
        let Some(network) = &cache.network else { return false };
        let among = |ids: &[&str], known: &[&str]| known.is_empty() || ids.iter().all(|id| known.contains(id));
        let cache_groups = strs(&network.security_group_ids);
        // What `--attach-group` gives the client does not stand among the client's groups in the document.
        let attached = section.changes.iter().filter(|change| change.action == "attach");
        let attached = attached.filter_map(|change| change.after.as_ref()?["security_group_id"].as_str());
        let own = client.security_group_ids.iter().map(|id| id.rsplit('/').next().unwrap_or(id));
        let client_groups: Vec<&str> = own.chain(attached).collect();
        let groups_fit =
            |ids: &[&str], is_egress: bool| among(ids, if is_egress { &client_groups } else { &cache_groups });
        let subnet: Vec<&str> = client.subnet_id.as_deref().into_iter().collect();
        let hop_fits = |hop: &Hop| {
            let groups: Vec<&str> = hop.decided_by.iter().filter_map(|by| by["security_group_id"].as_str()).collect();
            among(&strs(&hop.cache_subnet_ids), &strs(&network.subnet_ids))
                && among(&strs(&hop.client_subnet_ids), &subnet)
                && groups_fit(&groups, hop.place == "client_egress")
        };
        let finding_fits = |finding: &Finding| {
            let is_egress = match finding.code.as_str() {
                "EC1004" | "EC1005" => false,
                "EC1006" => true,
                _ => return true,
            };
            groups_fit(&texts(finding, "security_group_ids").unwrap_or_default(), is_egress)
        };
        self.hops.iter().all(hop_fits) && self.findings.iter().all(finding_fits)
    }

    /// Why a dial along this path was not answered; `None` where the path does not tell.
    pub(super) fn explain(&self, silence: &Silence<'_>) -> Option<Cause> {
        let symptom = format!("{} does not answer", silence.dialled);
        if let Some(cause) = self.elsewhere(silence, &symptom) {
            return Some(cause);
        }
        let port = silence.dialled.port();
        // That the name resolves has been seen.
        let concerns = |hop: &&Hop| {
            hop.place != "dns"
                && (hop.tcp_ports.is_empty() || hop.tcp_ports.contains(&port))
                && is_of(&strs(&hop.families), silence.addresses)
        };
        let hops: Vec<&Hop> = self.hops.iter().filter(concerns).collect();
        if hops.iter().any(|hop| matches!(hop.verdict, Verdict::No | Verdict::Intermittent)) {
            let concerns = |finding: &&Finding| {
                let ports = finding.evidence.get("tcp_ports").and_then(Value::as_array);
                CLOSED.contains(&finding.code.as_str())
                    && ports.is_none_or(|ports| ports.contains(&port.into()))
                    && is_of(&texts(finding, "families").unwrap_or_default(), silence.addresses)
            };
            let findings: Vec<&Finding> = self.findings.iter().filter(concerns).collect();
            return found(&codes::PATH_CLOSED, &symptom, &findings);
        }
        if let Some(hop) = hops.iter().find(|hop| hop.verdict == Verdict::Unknown) {
            let summary = format!("{symptom}, and a part of the path is not known: {}", hop.detail);
            let fix = hop.missing.as_ref().map(|command| format!("{command}   tells what is not known"));
            let fix = fix.unwrap_or_else(|| codes::TCP_TIMEOUT.fix.to_owned());
            return Some(Cause { code: &codes::TCP_TIMEOUT, summary, because: vec![], left: vec![], fix });
        }
        let summary = format!("{symptom}, although every hop from {} lets the connection through", self.client);
        Some(left(&codes::PATH_OPEN, summary, self.what_is_left(silence, &hops)))
    }

    /// Whoever dialled is known to be another machine than the one whose path was looked at.
    fn elsewhere(&self, silence: &Silence<'_>, symptom: &str) -> Option<Cause> {
        let (client, here) = (self.instance_id.as_deref()?, silence.machine.instance_id.as_deref()?);
        (client != here).then(|| Cause {
            code: &codes::OTHER_PATH,
            summary: format!("{symptom}, and the path that was looked at is that of {client}, not of {here}"),
            because: vec![],
            left: vec![],
            fix: format!(
                "run ec-probe on {client}; or look at this machine's path: ec-sg check --cache {} --from {here}",
                self.cache
            ),
        })
    }

    fn what_is_left(&self, silence: &Silence<'_>, hops: &[&Hop]) -> Vec<String> {
        let mut left = Vec::new();
        if let (None, Some(client)) = (&silence.machine.instance_id, &self.instance_id) {
            left.push(format!("another machine: {} is not known to be {client}", silence.machine));
        }
        let not_asked = hops.iter().filter(|hop| hop.verdict == Verdict::NotAsked && hop.place.starts_with("client_"));
        left.extend(not_asked.take(1).map(|_| format!("the network of {}, which nobody has looked at", self.client)));
        left.push("a firewall on this machine itself: nft list ruleset, iptables -S".to_owned());
        let addresses: Vec<String> = silence.addresses.iter().map(IpAddr::to_string).collect();
        let (host, addresses) = (silence.dialled.host(), addresses.join(", "));
        if silence.dialled.address().is_none() {
            left.push(format!("an old DNS answer: compare {addresses} with dig {host}"));
        }
        left.push("connection tracking at its limit: ethtool -S DEVICE, conntrack_allowance_exceeded".to_owned());
        left
    }
}

/// Whether one of the addresses is of these families; without any, all families are meant.
fn is_of(families: &[&str], addresses: &[IpAddr]) -> bool {
    let word = |address: &IpAddr| if address.is_ipv4() { "ipv4" } else { "ipv6" };
    families.is_empty() || addresses.iter().any(|address| families.contains(&word(address)))
}

fn strs(texts: &[String]) -> Vec<&str> {
    texts.iter().map(String::as_str).collect()
}

#[cfg(test)]
mod tests;
