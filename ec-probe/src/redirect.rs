//! Where MOVED and ASK lead: a server that sends a client away is of use only if the one that it names answers.
//!
//! Source: <https://valkey.io/topics/cluster-spec/>, "Redirection and resharding"

use std::net::IpAddr;
use std::time::Duration;

use ec_shared::document::Finding;
use serde_json::json;
use tokio::time::Instant;

use crate::climb::Probe;
use crate::codes;
use crate::domain::Domain;
use crate::endpoint::Endpoint;
use crate::nodes::{Member, Visit, dialable};
use crate::reach::Reach;

/// How often a client is sent on at most.
const MOST: usize = 5;
/// How long a server that was named is waited for.
const PATIENCE: Duration = Duration::from_secs(2);

/// A slot, and who is said to own it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Redirect {
    /// The hash slot.
    pub slot: u16,
    /// The server.
    pub owner: Endpoint,
}

impl Redirect {
    /// Reads `MOVED 3999 10.0.0.1:6381`; without a host, it is that of the server that was asked.
    pub fn read(reply: &str, asked: &Endpoint) -> Option<Self> {
        let words: Vec<&str> = reply.split(' ').collect();
        let ["MOVED" | "ASK", slot, place] = words[..] else { return None };
        let (host, port) = place.rsplit_once(':')?;
        let host = if host.is_empty() { asked.host() } else { host.to_owned() };
        let owner = dialable(&host, port.parse().ok()?).ok()?;
        Some(Self { slot: slot.parse().ok()?, owner })
    }
}

/// Where it ends.
#[derive(Clone, Debug, PartialEq, Eq)]
enum End {
    /// At a server that answers.
    Answers,
    /// At one that does not, for this reason.
    Silent(String),
    /// At one that is not to hear the credentials.
    Outside,
    /// At one that was asked before.
    Circle,
    /// Nowhere, after [`MOST`] servers.
    Endless,
    /// Behind the tunnel.
    OutOfReach,
}

impl Probe {
    /// Follows the redirection with which the first endpoint has answered, and adds to its finding where that leads.
    pub(crate) async fn follow(&self, peer: Option<IpAddr>, findings: &mut [Finding]) {
        let asked = &self.plan.targets[0].endpoint;
        let Some(finding) = findings.iter_mut().find(|finding| finding.code == codes::MOVED.id) else { return };
        let Some(first) = redirect(finding, asked) else { return };
        let (hops, end) = self.walk(first.clone(), peer).await;
        let owner = hops.last().unwrap_or(&first.owner);
        finding.summary = told(first.slot, owner, &end);
        finding.evidence.insert("slot".to_owned(), json!(first.slot));
        let hops: Vec<String> = hops.iter().map(ToString::to_string).collect();
        finding.evidence.insert("redirects".to_owned(), json!(hops));
    }

    async fn walk(&self, first: Redirect, peer: Option<IpAddr>) -> (Vec<Endpoint>, End) {
        let mut hops = vec![self.plan.targets[0].endpoint.clone()];
        let mut next = first;
        let end = loop {
            if hops.contains(&next.owner) {
                break End::Circle;
            }
            if hops.len() > MOST {
                break End::Endless;
            }
            hops.push(next.owner.clone());
            if !self.plan.reaches_others() {
                break End::OutOfReach;
            }
            if self.credentials.is_some() && !Domain::of(&self.plan, peer).holds(&next.owner) {
                break End::Outside;
            }
            let node = self.at_nodes(std::slice::from_ref(&next.owner), self.credentials.clone());
            let deadline = self.deadline.min(Instant::now() + PATIENCE);
            let (reach, findings) = node.climb_node(0, false, deadline).await;
            if reach.answers {
                break End::Answers;
            }
            let on = findings.iter().find(|finding| finding.code == codes::MOVED.id);
            match on.and_then(|finding| redirect(finding, &next.owner)) {
                Some(redirect) => next = redirect,
                None => break End::Silent(trouble(&next.owner, &reach, &findings)),
            }
        };
        hops.remove(0);
        (hops, end)
    }
}

fn redirect(finding: &Finding, asked: &Endpoint) -> Option<Redirect> {
    Redirect::read(finding.evidence.get("reply")?.as_str()?, asked)
}

fn trouble(owner: &Endpoint, reach: &Reach, findings: &[Finding]) -> String {
    let member = Member { endpoint: Ok(owner.clone()), shard: None, role: None, ip: None };
    Visit::unasked(&member).climbed(reach, findings).node.trouble()
}

fn told(slot: u16, owner: &Endpoint, end: &End) -> String {
    match end {
        End::Answers => format!("the server sends the client elsewhere: slot {slot} is at {owner}, which answers"),
        End::Silent(trouble) => format!("slot {slot} is unreachable: its owner {owner} {trouble}"),
        End::Outside => {
            format!("the server sends the client to {owner} for slot {slot}, outside the cache's domain: not followed")
        }
        End::Circle => format!("the servers send the client round in a circle for slot {slot}, by way of {owner}"),
        End::Endless => format!("the servers send the client on and on for slot {slot}; the last named is {owner}"),
        End::OutOfReach => {
            format!("the server sends the client to {owner} for slot {slot}, which the tunnel does not lead to")
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_redirection_names_slot_and_owner() {
        let asked = "orders.example:6379".parse().unwrap();
        let read = |reply| Redirect::read(reply, &asked).map(|to| (to.slot, to.owner.to_string()));
        for (reply, owner) in [
            ("MOVED 3999 10.0.0.1:6381", "10.0.0.1:6381"),
            ("ASK 3999 n1.orders.example:6381", "n1.orders.example:6381"),
            ("MOVED 3999 :6381", "orders.example:6381"),
            ("MOVED 3999 ::1:6381", "[::1]:6381"),
        ] {
            assert_eq!(read(reply), Some((3999, owner.to_owned())), "{reply}");
        }
        for odd in [
            "MOVED",
            "MOVED 1",
            "MOVED x a:1",
            "MOVED 1 a",
            "MOVED 1 a:0",
            "MOVED 1 a-:1",
            "MOVED 1 1.2.3.4.5:1",
            "MOVED 1 a:1 b",
            "TRYAGAIN 1 a:1",
        ] {
            assert_eq!(read(odd), None, "{odd}");
        }
    }
}
