//! `find`: the cache, its endpoints, its network, and the client, with the fewest calls that tell them.

use std::collections::BTreeSet;

use ec_shared::codes as shared;
use ec_shared::document::{Cache, Client, Connection, Deployment, Finding, Network, Severity};
use ec_shared::{Document, Failure};

use crate::client::Source;
use crate::cloud::{Cloud, Described, Subnets};
use crate::path::{Family, Question, Side};
use crate::{codes, ports};

/// What the flags name.
#[derive(Clone, Debug, Default)]
pub(crate) struct Target {
    pub(crate) cache: Option<String>,
    pub(crate) from: Option<Source>,
    /// The flags about AWS that a repeated command needs, too.
    pub(crate) repeat: String,
}

/// Makes sure, before anybody is asked, that there is a cache to ask about, and a client where one is needed. `cache` is
/// the document's.
pub(crate) fn named(
    document: &Document,
    cache: Option<&Cache>,
    target: &Target,
    needs_client: bool,
) -> Result<(), Failure> {
    let lacks =
        |what: &str, hint: &str| Err(Failure::new(&shared::FIELD, format!("the document names no {what}")).hint(hint));
    if target.cache.is_none() && cache.is_none() {
        return lacks("cache", "name it with --cache, or begin with `ec-sg find`");
    }
    if needs_client && target.from.is_none() && document.client()?.is_none() {
        return lacks("client", "name it with --from: i-…, eni-…, sg-… or a CIDR");
    }
    Ok(())
}

/// Brings the facts of a document about: everything anew if `anew`, else only what it lacks.
pub(crate) async fn complete(
    document: &mut Document,
    cloud: &impl Cloud,
    target: &Target,
    anew: bool,
) -> Result<(), Failure> {
    let known = document.cache()?;
    let name = target.cache.clone().or_else(|| known.as_ref().map(|cache| cache.name.clone())).unwrap_or_default();
    let kind = known.as_ref().and_then(|cache| cache.deployment);
    let cache = async {
        match known.filter(|cache| !anew && is_whole(cache)) {
            Some(_) => Ok(None),
            None => find_cache(cloud, &name, kind).await.map(Some),
        }
    };
    let client = async {
        match &target.from {
            Some(source) => find_client(cloud, source).await.map(Some),
            None => Ok(None),
        }
    };
    let (cache, client) = tokio::join!(cache, client);
    let (cache, client) = (cache?, client?);
    let is_new = cache.is_some() || client.is_some();
    let source = match &client {
        Some(client) => Source::of(client),
        None => document.client()?.as_ref().and_then(Source::of),
    };
    if is_new {
        document.set("id", &source.map_or(name.clone(), |source| format!("{name}<-{source}")));
    }
    if let Some(cache) = cache {
        document.set("cache", &cache);
    }
    if let Some(client) = client {
        document.set("client", &client);
    }
    Ok(())
}

/// Whether the facts of a cache suffice for every question.
fn is_whole(cache: &Cache) -> bool {
    is_public(cache)
        || cache
            .network
            .as_ref()
            .is_some_and(|network| network.vpc_id.is_some() && !network.security_group_ids.is_empty())
}

/// Whether no security group stands before the cache.
pub(crate) fn is_public(cache: &Cache) -> bool {
    cache.connection == Some(Connection::Public)
}

/// Why nothing is to be done for a public cache.
pub(crate) const PUBLIC: &str = "the cache has a public endpoint: it is in no VPC, and no security group stands before \
                                 it; IAM and TLS 1.3 guard it";

/// The cache of this name: a serverless cache, a replication group or a cache cluster, in this order; a member of a
/// replication group stands for its group.
async fn find_cache(cloud: &impl Cloud, name: &str, kind: Option<Deployment>) -> Result<Cache, Failure> {
    let kinds = [Deployment::Serverless, Deployment::ReplicationGroup, Deployment::Cluster];
    for kind in kinds.into_iter().filter(|each| kind.is_none_or(|kind| kind == *each)) {
        let Some(described) = cloud.cache(kind, name).await? else { continue };
        return match kind {
            Deployment::Serverless => serverless(cloud, described.cache).await,
            Deployment::ReplicationGroup => {
                let member = match &described.member {
                    Some(member) => cloud.cache(Deployment::Cluster, member).await?,
                    None => None,
                };
                node_based(cloud, described.cache, member).await
            }
            Deployment::Cluster => {
                let group = match &described.replication_group {
                    Some(group) => cloud.cache(Deployment::ReplicationGroup, group).await?,
                    None => None,
                };
                let cache = group.map_or_else(|| described.cache.clone(), |group| group.cache);
                node_based(cloud, cache, Some(described)).await
            }
        };
    }
    Err(Failure::new(&codes::UNKNOWN_CACHE, format!("there is no cache `{name}` in {}", cloud.region()))
        .hint("check the name, the Region (--region) and the account (ec-iam whoami)"))
}

/// A serverless cache lists its groups and subnets, but not its VPC.
async fn serverless(cloud: &impl Cloud, mut cache: Cache) -> Result<Cache, Failure> {
    if let Some(network) = &mut cache.network
        && let Some(first) = network.subnet_ids.first()
    {
        let subnets = cloud.subnets(&Subnets::Ids(vec![first.clone()])).await?;
        network.vpc_id = subnets.into_iter().find_map(|subnet| subnet.vpc_id);
    }
    Ok(cache)
}

/// Groups, subnets and engine version of a node-based cache are facts of a member.
async fn node_based(cloud: &impl Cloud, mut cache: Cache, member: Option<Described>) -> Result<Cache, Failure> {
    let Some(member) = member else { return Ok(cache) };
    cache.engine_version = cache.engine_version.or(member.cache.engine_version);
    let mut network = cache.network.take().unwrap_or_default();
    if let Some(of_member) = member.cache.network {
        network = Network { network_type: network.network_type.or(of_member.network_type.clone()), ..of_member };
    }
    if let Some(group) = member.subnet_group {
        let subnets = cloud.subnets(&Subnets::Group(group)).await?;
        network.vpc_id = subnets.iter().find_map(|subnet| subnet.vpc_id.clone());
        network.subnet_ids = subnets.into_iter().map(|subnet| subnet.id).collect();
    }
    cache.network = Some(network);
    Ok(cache)
}

async fn find_client(cloud: &impl Cloud, source: &Source) -> Result<Client, Failure> {
    let name = match source {
        Source::Range(range) => return Ok(Client { cidr: Some(range.to_string()), ..Client::default() }),
        Source::Instance(id) => format!("instance {id}"),
        Source::Interface(id) => format!("network interface {id}"),
        Source::Group(id) => format!("security group {id}"),
    };
    cloud.client(source).await?.ok_or_else(|| {
        Failure::new(&codes::UNKNOWN_CLIENT, format!("there is no {name} in {}", cloud.region()))
            .hint("check the id, the Region (--region) and the account (ec-iam whoami)")
    })
}

/// The question that a document's facts put.
pub(crate) fn question(document: &Document) -> Result<Question, Failure> {
    let cache = document.cache()?.unwrap_or_default();
    let client = document.client()?.unwrap_or_default();
    let ports = ports::of(&cache);
    if ports.is_empty() {
        return Err(crate::list::no_endpoint(&cache));
    }
    let network = cache.network.unwrap_or_default();
    let families = match network.network_type.as_deref() {
        Some("ipv6") => vec![Family::V6],
        Some("dual_stack") => vec![Family::V4, Family::V6],
        _ => vec![Family::V4],
    };
    let addresses = match &client.cidr {
        Some(range) => vec![crate::client::range(range)?],
        None => {
            client.private_ips.iter().filter_map(|ip| ip.parse::<std::net::IpAddr>().ok()).map(Into::into).collect()
        }
    };
    if client.security_group_ids.is_empty() && !addresses.iter().any(|range| families.contains(&Family::of(range))) {
        return Err(Failure::new(&codes::BAD_CLIENT, "cannot tell who the client is")
            .because("it has neither a security group nor an address of a family that the cache speaks")
            .hint("name the client with --from i-…, eni-…, sg-… or CIDR"));
    }
    Ok(Question {
        cache_name: cache.name,
        cache: Side { vpc: network.vpc_id, groups: distinct(network.security_group_ids), addresses: Vec::new() },
        client: Side { vpc: client.vpc_id, groups: distinct(client.security_group_ids), addresses },
        ports,
        families,
    })
}

fn distinct(groups: Vec<String>) -> Vec<String> {
    let mut seen = BTreeSet::new();
    groups.into_iter().filter(|group| seen.insert(group.clone())).collect()
}

/// A word about a cache that is not there for clients.
pub(crate) fn availability(cache: &Cache) -> Option<Finding> {
    let status = cache.status.as_deref().filter(|status| *status != "available")?;
    Some(
        Finding::new(&codes::NOT_AVAILABLE, Severity::Warning, format!("{} is {status}, not available", cache.name))
            .evidence("status", status),
    )
}
