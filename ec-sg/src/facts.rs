//! `find`: the cache, its endpoints, its network, and the client, with the fewest calls that tell them.

mod find;

use std::collections::BTreeSet;
use std::net::IpAddr;

use ec_shared::codes as shared;
use ec_shared::document::{Cache, Client, Connection, Finding, Severity};
use ec_shared::{Document, Failure};
use ipnet::IpNet;

use crate::client::{self, Destination, Source};
use crate::cloud::{Cloud, World};
use crate::network::Machine;
use crate::path::{CacheSide, ClientKind, ClientSide, Question};
use crate::rule::GroupRef;
use crate::segments::{Family, host};
use crate::{codes, ports};

/// What the flags name.
#[derive(Clone, Debug, Default)]
pub(crate) struct Target {
    pub(crate) cache: Option<String>,
    /// Something that is no cache, and its port.
    pub(crate) to: Option<(Destination, u16)>,
    pub(crate) from: Option<Source>,
    /// The only account to work in.
    pub(crate) expected_account: Option<String>,
    /// The flags about AWS that a repeated command needs, too.
    pub(crate) repeat: String,
}

impl Target {
    /// Whether the flags say what is to be reached.
    pub(crate) fn names_cache(&self) -> bool {
        self.cache.is_some() || self.to.is_some()
    }

    /// What the flags say is to be reached.
    pub(crate) fn cache_name(&self) -> Option<String> {
        self.cache.clone().or_else(|| self.to.as_ref().map(|(to, _)| to.to_string()))
    }

    /// Makes sure that the cache belongs to the account that the flags expect.
    ///
    /// # Errors
    /// `EC1031` if it belongs to another, or nothing tells which.
    pub(crate) fn expect_account(&self, cache: Option<&Cache>) -> Result<(), Failure> {
        let Some(expected) = &self.expected_account else { return Ok(()) };
        let account = cache.and_then(|cache| cache.account.as_deref());
        if account == Some(expected) {
            return Ok(());
        }
        let name = cache.map(|cache| cache.name.as_str()).unwrap_or_default();
        let belongs =
            format!("{name} belongs to {}", account.map_or("an account that nothing tells", |account| account));
        Err(Failure::new(&codes::OTHER_ACCOUNT, format!("will not work outside of account {expected}"))
            .because(belongs)
            .hint("use the right profile (--profile), or correct --expect-account"))
    }

    /// The command that does `verb` for the same question.
    pub(crate) fn command(&self, verb: &str, cache: &Cache, client: Option<&Client>) -> String {
        let from = client.and_then(Source::of).map(|source| format!(" --from {source}")).unwrap_or_default();
        let to = match (cache.deployment, cache.endpoints.first()) {
            (None, Some(endpoint)) => format!("--to {} --port {}", cache.name, endpoint.port),
            _ => format!("--cache {}", cache.name),
        };
        format!("ec-sg {verb} {to}{from}{}", self.repeat)
    }
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
    if !target.names_cache() && cache.is_none() {
        return lacks("cache", "name it with --cache, or begin with `ec-sg find`");
    }
    if needs_client && target.from.is_none() && document.client()?.is_none() {
        return lacks("client", "name it with --from: i-…, eni-…, sg-…, pl-… or a CIDR");
    }
    Ok(())
}

/// Brings the facts of a document about: everything anew if `anew`, else only what it lacks.
pub(crate) async fn complete<C: Cloud>(
    document: &mut Document,
    world: &mut World<C>,
    target: &Target,
    anew: bool,
) -> Result<(), Failure> {
    let known = document.cache()?;
    let name = target.cache_name().or_else(|| known.as_ref().map(|cache| cache.name.clone())).unwrap_or_default();
    let kind = known.as_ref().and_then(|cache| cache.deployment);
    let is_new_cache = anew || !known.as_ref().is_some_and(is_whole);
    // The first questions about both sides go out together.
    let first = is_new_cache.then(|| find::first_need(&name, kind, target.to.as_ref())).into_iter();
    let second = target.from.as_ref().and_then(find::client_need);
    world.learn(first.chain(second)).await;
    let cache = match (&target.to, known) {
        (Some((to, port)), _) if is_new_cache => Some(find::destination(world, to, *port).await?),
        (_, Some(known)) if !is_new_cache => {
            // What was found before stays as it is.
            drop(known);
            None
        }
        _ => Some(find::cache(world, &name, kind).await?),
    };
    let client = match &target.from {
        Some(source) => {
            let cache = cache.clone().or(document.cache()?).unwrap_or_default();
            Some(find::client(world, source, &cache).await?)
        }
        None => None,
    };
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
    target.expect_account(document.cache()?.as_ref())
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

/// An instance as a client.
pub fn of_machine(machine: Machine) -> Client {
    let ephemeral = if machine.is_windows { client::WINDOWS } else { client::LINUX };
    Client {
        instance_id: Some(machine.id),
        name: machine.name,
        vpc_id: machine.vpc,
        subnet_id: machine.subnet,
        private_ips: machine.addresses.iter().map(ToString::to_string).collect(),
        security_group_ids: machine.groups,
        ephemeral_ports: Some([*ephemeral.start(), *ephemeral.end()]),
        ..Client::default()
    }
}

/// The question that a document's facts put.
pub(crate) fn question(document: &Document, known: &crate::snapshot::Snapshot) -> Result<Question, Failure> {
    let cache = document.cache()?.unwrap_or_default();
    let client = document.client()?.unwrap_or_default();
    Ok(Question { cache: cache_side(cache)?, client: client_side(client, known)? })
}

/// The cache's side of the question.
///
/// # Errors
/// `EC1014` if nothing tells the cache's ports.
pub fn cache_side(cache: Cache) -> Result<CacheSide, Failure> {
    let ports = ports::of(&cache);
    if ports.is_empty() {
        return Err(crate::list::no_endpoint(&cache));
    }
    // A cache's endpoints are names; addresses are those of something that is no cache.
    let is_cache = cache.deployment.is_some();
    let addresses = cache.endpoints.iter().filter(|_| !is_cache).filter_map(|endpoint| endpoint.host.parse().ok());
    let addresses: Vec<IpAddr> = addresses.collect();
    let network = cache.network.unwrap_or_default();
    Ok(CacheSide {
        name: cache.name,
        account: cache.account,
        vpc: network.vpc_id,
        subnets: distinct(network.subnet_ids),
        groups: distinct(network.security_group_ids),
        addresses,
        ports,
        families: match network.network_type.as_deref() {
            Some("ipv6") => vec![Family::V6],
            Some("dual_stack") => vec![Family::V4, Family::V6],
            _ => vec![Family::V4],
        },
    })
}

/// The client's side of the question.
///
/// # Errors
/// `EC1011` if nothing tells who the client is.
pub fn client_side(client: Client, known: &crate::snapshot::Snapshot) -> Result<ClientSide, Failure> {
    let bad = |why: &str| Failure::new(&codes::BAD_CLIENT, "cannot tell who the client is").because(why);
    let addresses = client.private_ips.iter().filter_map(|ip| ip.parse::<IpAddr>().ok()).map(host);
    let (kind, addresses) = match (&client.cidr, &client.prefix_list_id) {
        (Some(range), _) => (ClientKind::Ranges, vec![client::range(range)?]),
        (None, Some(list)) => (ClientKind::Ranges, known.prefix_list(list).map(<[IpNet]>::to_vec).unwrap_or_default()),
        (None, None) => {
            let addresses: Vec<IpNet> = addresses.collect();
            (if addresses.is_empty() { ClientKind::Group } else { ClientKind::Interface }, addresses)
        }
    };
    let groups: Result<Vec<GroupRef>, String> =
        distinct(client.security_group_ids).iter().map(|id| id.parse()).collect();
    let groups = groups.map_err(|why| bad(&why).hint("client.security_group_ids holds the ids of security groups"))?;
    if groups.is_empty() && addresses.is_empty() && client.prefix_list_id.is_none() {
        return Err(bad("it has neither a security group nor an address")
            .hint("name the client with --from i-…, eni-…, sg-… or CIDR"));
    }
    Ok(ClientSide {
        vpc: client.vpc_id,
        subnet: client.subnet_id,
        groups,
        addresses,
        prefix_list: client.prefix_list_id,
        kind,
        ephemeral: client.ephemeral_ports.map_or(client::EPHEMERAL, |[first, last]| first..=last),
    })
}

fn distinct(ids: Vec<String>) -> Vec<String> {
    let mut seen = BTreeSet::new();
    ids.into_iter().filter(|id| seen.insert(id.clone())).collect()
}

/// A word about a cache that is not there for clients.
pub(crate) fn availability(cache: &Cache) -> Option<Finding> {
    let status = cache.status.as_deref().filter(|status| *status != "available")?;
    Some(
        Finding::new(&codes::NOT_AVAILABLE, Severity::Warning, format!("{} is {status}, not available", cache.name))
            .evidence("status", status),
    )
}
