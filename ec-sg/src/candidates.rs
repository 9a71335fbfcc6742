//! `find --candidates`: which instances could connect to the cache, and why the others could not.

use ec_shared::document::{Section, Status};
use ec_shared::{Document, Failure};
use serde::{Deserialize, Serialize};

use crate::check;
use crate::cloud::{Cloud, World};
use crate::facts::{self, Target};
use crate::need::Need;
use crate::path::{Hop, Question, Verdict};

/// One instance.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct Candidate {
    pub(crate) instance_id: String,
    /// Its Name tag.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) name: Option<String>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub(crate) private_ips: Vec<String>,
    /// Whether it reaches every port.
    pub(crate) verdict: Verdict,
    /// What closes the path, or is not known.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub(crate) reasons: Vec<String>,
}

/// The instances of the cache's VPC, each with the answer that `check` would give.
pub(crate) async fn find<C: Cloud>(
    document: &mut Document,
    world: &mut World<C>,
    target: &Target,
) -> Result<Section, Failure> {
    facts::complete(document, world, target, true).await?;
    let cache = document.cache()?.unwrap_or_default();
    if facts::is_public(&cache) {
        return Ok(Section::skipped("find", facts::PUBLIC));
    }
    let cache_side = facts::cache_side(cache.clone())?;
    let Some(vpc) = cache_side.vpc.clone() else {
        return Ok(Section {
            reason: Some("the cache's VPC is not known".into()),
            ..Section::new("find", Status::Unknown)
        });
    };
    world.learn([Need::InstancesOf(vpc.clone()), Need::SubnetsOf(vpc.clone())]).await;
    if let Some(failure) = world.snapshot.refusal(&Need::InstancesOf(vpc.clone())) {
        return Err(failure.clone());
    }
    let in_vpc = |machine: &&crate::network::Machine| machine.vpc.as_deref() == Some(vpc.as_str());
    let machines: Vec<_> = world.snapshot.machines().into_iter().filter(in_vpc).cloned().collect();
    // The rules of all of them in one go.
    world.learn(machines.iter().flat_map(|machine| &machine.groups).cloned().map(Need::Rules)).await;
    let mut candidates = Vec::new();
    for machine in machines {
        let client = facts::of_machine(machine);
        let question =
            Question { cache: cache_side.clone(), client: facts::client_side(client.clone(), &world.snapshot)? };
        check::walk_again(world, &question).await;
        let hops = check::hops_of(&world.snapshot, &question);
        let closed: Vec<_> = hops.iter().filter(|hop| hop.verdict.is_closed()).collect();
        let unknown: Vec<_> = hops.iter().filter(|hop| hop.verdict == Verdict::Unknown).collect();
        let (verdict, why) = match (closed.is_empty(), unknown.is_empty()) {
            (false, _) => (Verdict::No, closed),
            (_, false) => (Verdict::Unknown, unknown),
            _ => (Verdict::Yes, Vec::new()),
        };
        candidates.push(Candidate {
            instance_id: client.instance_id.unwrap_or_default(),
            name: client.name,
            private_ips: client.private_ips,
            verdict,
            reasons: reasons(&why),
        });
    }
    candidates.sort_by_key(|candidate| (candidate.verdict != Verdict::Yes, candidate.instance_id.clone()));
    let mut section = Section::new("find", Status::Ok).fact("candidates", &candidates);
    section.findings.extend(facts::availability(&cache));
    Ok(section)
}

/// One sentence for each thing that is wrong, with all ports that it is wrong for.
fn reasons(hops: &[&Hop]) -> Vec<String> {
    let mut reasons: Vec<(&str, Vec<String>)> = Vec::new();
    for hop in hops {
        let ports = hop.tcp_ports.iter().map(ToString::to_string);
        match reasons.iter_mut().find(|(detail, _)| *detail == hop.detail) {
            Some((_, known)) => known.extend(ports),
            None => reasons.push((&hop.detail, ports.collect())),
        }
    }
    let sentence = |(detail, ports): (&str, Vec<String>)| {
        if ports.is_empty() { detail.to_owned() } else { format!("tcp {}: {detail}", ports.join(" and ")) }
    };
    reasons.into_iter().map(sentence).collect()
}
