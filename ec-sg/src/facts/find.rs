//! Looks for the cache, for what is no cache, and for the client.

use std::net::IpAddr;

use ec_shared::Failure;
use ec_shared::document::{Cache, Client, Connection, Deployment, Endpoint, EndpointRole, Network};
use ec_shared::door::{CacheCluster, ReplicationGroup};
use ipnet::IpNet;

use super::of_machine;
use crate::client::{Destination, REMAPPED, Source};
use crate::cloud::{Cloud, World};
use crate::codes;
use crate::need::Need;
use crate::network::Interface;

const KINDS: [Deployment; 3] = [Deployment::Serverless, Deployment::ReplicationGroup, Deployment::Cluster];

pub(super) fn first_need(name: &str, kind: Option<Deployment>, to: Option<&(Destination, u16)>) -> Need {
    match to {
        Some((Destination::Instance(id), _)) => Need::Instance(id.clone()),
        Some((Destination::Interface(id), _)) => Need::Interface(id.clone()),
        Some((Destination::Address(address), _)) => Need::InterfaceAt(*address),
        None => Need::Cache(kind.unwrap_or(Deployment::Serverless), name.to_owned()),
    }
}

pub(super) fn client_need(source: &Source) -> Option<Need> {
    match source {
        Source::Instance(id) => Some(Need::Instance(id.clone())),
        Source::Interface(id) => Some(Need::Interface(id.clone())),
        Source::Group(group) if group.account.is_none() => Some(Need::Group(group.id.clone())),
        Source::PrefixList(id) => Some(Need::PrefixList(id.clone())),
        Source::Group(_) | Source::Range(_) | Source::Own => None,
    }
}

/// The cache of this name: a serverless cache, a replication group or a cache cluster, in this order; a member of a
/// replication group stands for its group.
pub(super) async fn cache<C: Cloud>(
    world: &mut World<C>,
    name: &str,
    kind: Option<Deployment>,
) -> Result<Cache, Failure> {
    for kind in KINDS.into_iter().filter(|each| kind.is_none_or(|kind| kind == *each)) {
        let found = match kind {
            Deployment::Serverless => match world.find(|known| known.serverless(name).map(Option::<&_>::cloned)).await?
            {
                Some(cache) => Some(serverless(world, cache.into()).await?),
                None => None,
            },
            Deployment::ReplicationGroup => match replication_group(world, name).await? {
                Some(group) => Some(of_group(world, group).await?),
                None => None,
            },
            Deployment::Cluster => match cluster(world, name).await? {
                Some(member) => {
                    let group = match &member.replication_group_id {
                        Some(group) => replication_group(world, group).await?,
                        None => None,
                    };
                    let cache = group.map_or_else(|| member.clone().into(), Cache::from);
                    Some(node_based(world, cache, Some(member)).await?)
                }
                None => None,
            },
        };
        if let Some(mut cache) = found {
            if let Some(region) = world.cloud.region() {
                cache.region.get_or_insert_with(|| region.to_owned());
                cache.partition.get_or_insert_with(|| ec_shared::aws::partition(region).to_owned());
            }
            return Ok(cache);
        }
    }
    Err(Failure::new(&codes::UNKNOWN_CACHE, format!("there is no cache `{name}` in {}", world.cloud.place()))
        .hint("check the name, the Region (--region) and the account (ec-iam whoami)"))
}

async fn replication_group<C: Cloud>(world: &mut World<C>, name: &str) -> Result<Option<ReplicationGroup>, Failure> {
    world.find(|known| known.replication_group(name).map(Option::<&_>::cloned)).await
}

async fn cluster<C: Cloud>(world: &mut World<C>, name: &str) -> Result<Option<CacheCluster>, Failure> {
    world.find(|known| known.cache_cluster(name).map(Option::<&_>::cloned)).await
}

/// A serverless cache lists its groups and subnets, but not its VPC.
async fn serverless<C: Cloud>(world: &mut World<C>, mut cache: Cache) -> Result<Cache, Failure> {
    if let Some(network) = &mut cache.network
        && let Some(first) = network.subnet_ids.first()
    {
        // All of them at once: the path goes through every one.
        world.learn(network.subnet_ids.iter().cloned().map(Need::Subnet)).await;
        let vpc = |known: &crate::snapshot::Snapshot| {
            known.subnet(first).map(|subnet| subnet.and_then(|subnet| subnet.vpc.clone()))
        };
        network.vpc_id = world.find(vpc).await?;
    }
    Ok(cache)
}

async fn of_group<C: Cloud>(world: &mut World<C>, group: ReplicationGroup) -> Result<Cache, Failure> {
    let member = match group.member_clusters.first() {
        Some(member) => cluster(world, member).await?,
        None => None,
    };
    node_based(world, group.into(), member).await
}

/// Groups, subnets and engine version of a node-based cache are facts of a member.
async fn node_based<C: Cloud>(
    world: &mut World<C>,
    mut cache: Cache,
    member: Option<CacheCluster>,
) -> Result<Cache, Failure> {
    let Some(member) = member else { return Ok(cache) };
    let subnet_group = member.cache_subnet_group_name.clone();
    let member = Cache::from(member);
    cache.engine_version = cache.engine_version.or(member.engine_version);
    let mut network = cache.network.take().unwrap_or_default();
    if let Some(of_member) = member.network {
        network = Network { network_type: network.network_type.or(of_member.network_type.clone()), ..of_member };
    }
    if let Some(name) = subnet_group
        && let Some(subnets) = world.find(|known| known.cache_subnets(&name).map(Option::<&_>::cloned)).await?
    {
        network.vpc_id = subnets.vpc;
        network.subnet_ids = subnets.ids;
    }
    cache.network = Some(network);
    Ok(cache)
}

/// What is no cache, as a cache whose address is known: every stage after this one can work with it.
pub(super) async fn destination<C: Cloud>(world: &mut World<C>, to: &Destination, port: u16) -> Result<Cache, Failure> {
    let (vpc, subnet, groups, addresses) = match to {
        Destination::Instance(id) => {
            let machine = world.find(|known| known.machine(id).map(Option::<&_>::cloned)).await?;
            let machine = machine.ok_or_else(|| unknown(world, &format!("instance {id}")))?;
            (machine.vpc, machine.subnet, machine.groups, machine.addresses)
        }
        Destination::Interface(id) => {
            let interface = world.find(|known| known.interface(id).map(Option::<&_>::cloned)).await?;
            let interface = interface.ok_or_else(|| unknown(world, &format!("network interface {id}")))?;
            (interface.vpc, interface.subnet, interface.groups, interface.addresses)
        }
        Destination::Address(address) => {
            let interface = world.find(|known| known.interface_at(*address).map(Option::<&_>::cloned)).await?;
            let interface = interface.ok_or_else(|| unknown(world, &format!("network interface at {address}")))?;
            (interface.vpc, interface.subnet, interface.groups, vec![*address])
        }
    };
    // The address is in a subnet, and that belongs to an account.
    let account = match &subnet {
        Some(id) => {
            world.find(|known| known.subnet(id).map(|found| found.and_then(|found| found.owner.clone()))).await?
        }
        None => None,
    };
    let endpoint = |address: &IpAddr| Endpoint { role: EndpointRole::Node, host: address.to_string(), port };
    let speaks = |v4: bool| addresses.iter().any(|address| address.is_ipv4() == v4);
    let network_type = match (speaks(true), speaks(false)) {
        (true, true) => "dual_stack",
        (false, true) => "ipv6",
        _ => "ipv4",
    };
    Ok(Cache {
        name: to.to_string(),
        account,
        region: world.cloud.region().map(str::to_owned),
        connection: Some(Connection::Vpc),
        endpoints: addresses.iter().map(endpoint).collect(),
        network: Some(Network {
            vpc_id: vpc,
            subnet_ids: subnet.into_iter().collect(),
            security_group_ids: groups,
            network_type: Some(network_type.to_owned()),
        }),
        ..Cache::default()
    })
}

pub(super) async fn client<C: Cloud>(world: &mut World<C>, source: &Source, cache: &Cache) -> Result<Client, Failure> {
    Ok(match source {
        Source::Range(range) => Client { cidr: Some(range.to_string()), ..Client::default() },
        Source::PrefixList(id) => {
            world.find(|known| known.prefix_list(id).map(<[IpNet]>::to_vec)).await?;
            Client { prefix_list_id: Some(id.clone()), ..Client::default() }
        }
        Source::Own => {
            let network = cache.network.clone().unwrap_or_default();
            Client { vpc_id: network.vpc_id, security_group_ids: network.security_group_ids, ..Client::default() }
        }
        // What belongs to another account cannot be looked up; that it exists, EC2 checks when a rule names it.
        Source::Group(group) if group.account.is_some() => {
            Client { security_group_ids: vec![group.to_string()], ..Client::default() }
        }
        Source::Group(group) => {
            let found = world.find(|known| known.group(&group.id).map(Option::<&_>::cloned)).await?;
            let found = found.ok_or_else(|| unknown(world, &format!("security group {group}")))?;
            Client { vpc_id: found.vpc, security_group_ids: vec![found.id], ..Client::default() }
        }
        Source::Instance(id) => {
            let machine = world.find(|known| known.machine(id).map(Option::<&_>::cloned)).await?;
            of_machine(machine.ok_or_else(|| unknown(world, &format!("instance {id}")))?)
        }
        Source::Interface(id) => {
            let interface = world.find(|known| known.interface(id).map(Option::<&_>::cloned)).await?;
            of_interface(interface.ok_or_else(|| unknown(world, &format!("network interface {id}")))?)
        }
    })
}

fn unknown<C: Cloud>(world: &World<C>, name: &str) -> Failure {
    Failure::new(&codes::UNKNOWN_CLIENT, format!("there is no {name} in {}", world.cloud.place()))
        .hint("check the id, the Region (--region) and the account (ec-iam whoami)")
}

fn of_interface(interface: Interface) -> Client {
    let is_remapped = matches!(interface.kind.as_deref(), Some("lambda" | "nat_gateway"));
    Client {
        network_interface_id: Some(interface.id),
        vpc_id: interface.vpc,
        subnet_id: interface.subnet,
        private_ips: interface.addresses.iter().map(ToString::to_string).collect(),
        security_group_ids: interface.groups,
        ephemeral_ports: is_remapped.then_some([*REMAPPED.start(), *REMAPPED.end()]),
        ..Client::default()
    }
}
