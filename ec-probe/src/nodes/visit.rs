//! Climbs the ladder at every node: some at a time, each by its announced name, under the one deadline of the document.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use ec_shared::document::Finding;
use rustls::pki_types::ServerName;
use tokio::task::JoinSet;
use tokio::time::Instant;

use super::{Member, Visit};
use crate::climb::Probe;
use crate::domain::Domain;
use crate::endpoint::Endpoint;
use crate::login::Credentials;
use crate::plan::Target;
use crate::reach::Reach;

/// How many nodes are climbed at the same time.
const ABREAST: usize = 32;
/// The least that a node gets of the time: a lost packet is sent again after one second.
const LEAST: Duration = Duration::from_millis(1200);

/// Where what is known of a member comes from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Source {
    /// From the plan's endpoint with this number, which is climbed anyway.
    Target(usize),
    /// From the climb with this number.
    Climb(usize),
    /// From nowhere: nobody can dial it.
    Nowhere,
}

/// The nodes on the way. The plan's own endpoints among them are still to be filled in.
#[derive(Debug)]
pub struct Visits {
    /// One for each member, in their order.
    pub all: Vec<Visit>,
    targets: Vec<(usize, usize)>,
}

impl Visits {
    /// Fills in what is known of the plan's own endpoints, which stand here in its order.
    pub fn fill(mut self, reaches: &[(Reach, Vec<Finding>)]) -> Vec<Visit> {
        for (member, target) in self.targets {
            if let Some((reach, findings)) = reaches.get(target) {
                self.all[member] = self.all[member].clone().climbed(reach, findings);
            }
        }
        self.all
    }
}

/// Climbs at all members that are not among the plan's endpoints. Where there are credentials, a node outside the `domain`
/// does not hear them: it is asked no further than TLS.
pub(crate) async fn visit(probe: &Probe, members: &[Member], domain: Domain<'_>) -> Visits {
    let (sources, endpoints) = sources(members, &probe.plan.targets);
    let withheld: Vec<bool> = endpoints.iter().map(|node| probe.credentials.is_some() && !domain.holds(node)).collect();
    let trusted = Arc::new(probe.at_nodes(&endpoints, probe.credentials.clone()));
    // Whoever must not hear the credentials is climbed by somebody who does not have them.
    let outside = Arc::new(probe.at_nodes(&endpoints, None));

    let mut climbed: Vec<Option<(Reach, Vec<Finding>)>> = endpoints.iter().map(|_| None).collect();
    let mut tasks = JoinSet::new();
    let mut next = 0;
    loop {
        while next < endpoints.len() && tasks.len() < ABREAST && Instant::now() < probe.deadline {
            let left = probe.deadline - Instant::now();
            let deadline = probe.deadline.min(Instant::now() + share(left, endpoints.len() - next));
            let (index, withheld) = (next, withheld[next]);
            let probe = Arc::clone(if withheld { &outside } else { &trusted });
            tasks.spawn(async move { (index, probe.climb_node(index, withheld, deadline).await) });
            next += 1;
        }
        let Some(Ok((index, result))) = tasks.join_next().await else { break };
        climbed[index] = Some(result);
    }

    let mut visits = Visits { all: Vec::with_capacity(members.len()), targets: Vec::new() };
    for (index, (member, source)) in members.iter().zip(sources).enumerate() {
        let mut visit = Visit::unasked(member);
        match source {
            Source::Target(target) => visits.targets.push((index, target)),
            Source::Climb(climb) => {
                visit.node.credentials_withheld = withheld[climb];
                if let Some((reach, findings)) = &climbed[climb] {
                    visit = visit.climbed(reach, findings);
                }
            }
            Source::Nowhere => {}
        }
        visits.all.push(visit);
    }
    visits
}

/// Who is to be climbed, each endpoint once, and where each member's result will be.
fn sources(members: &[Member], targets: &[Target]) -> (Vec<Source>, Vec<Endpoint>) {
    let mut known: HashMap<String, Source> = HashMap::new();
    for (index, target) in targets.iter().enumerate() {
        known.insert(target.endpoint.to_string(), Source::Target(index));
    }
    let mut endpoints = Vec::new();
    let mut source = |member: &Member| {
        let endpoint = member.endpoint.as_ref().ok()?;
        Some(*known.entry(endpoint.to_string()).or_insert_with(|| {
            endpoints.push(endpoint.clone());
            Source::Climb(endpoints.len() - 1)
        }))
    };
    let sources = members.iter().map(|member| source(member).unwrap_or(Source::Nowhere)).collect();
    (sources, endpoints)
}

/// How much of the time that is left the next of so many `waiting` nodes may take. Nodes that nobody answers for must not
/// use up the time of those that come after them.
fn share(left: Duration, waiting: usize) -> Duration {
    let rounds = u32::try_from(waiting.div_ceil(ABREAST)).unwrap_or(u32::MAX).max(1);
    (left / rounds).max(LEAST)
}

impl Probe {
    /// The same probe of these nodes, which must be [`dialable`](super::dialable): each has a name to verify.
    pub(crate) fn at_nodes(&self, nodes: &[Endpoint], credentials: Option<Credentials>) -> Self {
        let verifiable = |node: &Endpoint| ServerName::try_from(node.host()).ok();
        Self {
            plan: self.plan.for_nodes(nodes.iter().cloned()),
            server_names: nodes.iter().filter_map(verifiable).collect(),
            credentials,
            trust: Arc::clone(&self.trust),
            machine: self.machine.clone(),
            now: self.now,
            deadline: self.deadline,
            // One node that is loading must not hold up the verdict on all.
            patient: false,
        }
    }

    /// Climbs at one of them, on demand no further than TLS.
    pub(crate) async fn climb_node(&self, index: usize, to_tls: bool, deadline: Instant) -> (Reach, Vec<Finding>) {
        let ladder = self.ladder(index);
        let ladder = if to_tls { ladder.up_to_tls() } else { ladder };
        self.climb_until(deadline, ladder, &mut self.wire(index), Instant::now()).await
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::topology::Role;

    fn member(endpoint: &str) -> Member {
        let endpoint = endpoint.parse().map_err(|why| (endpoint.to_owned(), why));
        Member { endpoint, shard: Some(0), role: Some(Role::Primary), ip: None }
    }

    #[test]
    fn every_endpoint_is_climbed_once_and_the_plans_own_not_again() {
        let members = ["a:1", "b:1", "a:1", "c:1", "?:1", "b:2"].map(member);
        let targets = [Target { role: None, endpoint: "b:1".parse().unwrap() }];
        let (sources, endpoints) = sources(&members, &targets);
        assert_eq!(endpoints.iter().map(ToString::to_string).collect::<Vec<_>>(), ["a:1", "c:1", "b:2"]);
        assert_eq!(
            sources,
            [
                Source::Climb(0),
                Source::Target(0),
                Source::Climb(0),
                Source::Climb(1),
                Source::Nowhere,
                Source::Climb(2)
            ]
        );
    }

    #[test]
    fn nodes_share_the_time_and_each_has_enough_for_a_lost_packet() {
        let seconds = Duration::from_secs;
        for (left, waiting, expected) in [
            (seconds(10), 1, seconds(10)),
            (seconds(10), 32, seconds(10)),
            (seconds(10), 33, seconds(5)),
            (seconds(32), 500, seconds(2)),
            (seconds(10), 500, LEAST),
            (seconds(0), 1, LEAST),
        ] {
            assert_eq!(share(left, waiting), expected, "{waiting}");
        }
    }
}
