//! The door for AWS CLI output: what `aws elasticache describe-serverless-caches`, `describe-replication-groups` and
//! `describe-cache-clusters` print becomes one document per cache.
//!
//! Field names are those of the ElastiCache API, 2015-02-02.

use serde::{Deserialize, Serialize};

use crate::document::{
    Auth, AuthKind, Cache, Connection, Deployment, Document, Endpoint, EndpointRole, Engine, Network, Tls,
};
use crate::failure::Failure;

/// The documents in one record of AWS CLI output; `None` if the record is none.
pub(crate) fn documents(record: &Document) -> Option<Result<Vec<Document>, Failure>> {
    fn all<T: for<'de> Deserialize<'de> + Into<Cache>>(record: &Document, key: &str) -> Result<Vec<Document>, Failure> {
        let caches: Vec<T> = record.read(key)?.unwrap_or_default();
        Ok(caches.into_iter().map(|cache| Document::about(&cache.into())).collect())
    }
    let has = |key| record.raw(key).is_some();
    if has("ServerlessCaches") {
        Some(all::<ServerlessCache>(record, "ServerlessCaches"))
    } else if has("ReplicationGroups") {
        Some(all::<ReplicationGroup>(record, "ReplicationGroups"))
    } else if has("CacheClusters") {
        Some(all::<CacheCluster>(record, "CacheClusters"))
    } else {
        None
    }
}

/// An endpoint as every ElastiCache answer spells it.
#[derive(Clone, Debug, Deserialize, Serialize)]
#[serde(rename_all = "PascalCase")]
pub struct Address {
    /// DNS name.
    pub address: Option<String>,
    /// TCP port.
    pub port: Option<u16>,
}

impl Address {
    fn endpoint(self, role: EndpointRole) -> Option<Endpoint> {
        Some(Endpoint { role, host: self.address?, port: self.port? })
    }
}

/// A serverless cache as the API describes it.
#[derive(Clone, Debug, Default, Deserialize, Serialize)]
#[serde(rename_all = "PascalCase", default)]
#[expect(missing_docs, reason = "the fields bear the names of the API, which documents them")]
pub struct ServerlessCache {
    pub serverless_cache_name: String,
    #[serde(rename = "ARN")]
    pub arn: Option<String>,
    pub status: Option<String>,
    pub engine: Option<String>,
    pub major_engine_version: Option<String>,
    pub full_engine_version: Option<String>,
    pub security_group_ids: Vec<String>,
    pub subnet_ids: Vec<String>,
    pub endpoint: Option<Address>,
    pub reader_endpoint: Option<Address>,
    pub user_group_id: Option<String>,
    pub network_type: Option<String>,
    pub connection_type: Option<String>,
}

/// A replication group as the API describes it. It carries neither groups, nor subnets, nor the engine's version:
/// those are facts of its member clusters.
#[derive(Clone, Debug, Default, Deserialize, Serialize)]
#[serde(rename_all = "PascalCase", default)]
#[expect(missing_docs, reason = "the fields bear the names of the API, which documents them")]
pub struct ReplicationGroup {
    pub replication_group_id: String,
    #[serde(rename = "ARN")]
    pub arn: Option<String>,
    pub status: Option<String>,
    pub engine: Option<String>,
    pub cluster_enabled: Option<bool>,
    pub configuration_endpoint: Option<Address>,
    pub node_groups: Vec<NodeGroup>,
    pub member_clusters: Vec<String>,
    pub transit_encryption_enabled: Option<bool>,
    pub transit_encryption_mode: Option<String>,
    pub auth_token_enabled: Option<bool>,
    pub user_group_ids: Vec<String>,
    pub network_type: Option<String>,
}

/// One shard of a replication group.
#[derive(Clone, Debug, Default, Deserialize, Serialize)]
#[serde(rename_all = "PascalCase", default)]
#[expect(missing_docs, reason = "the fields bear the names of the API, which documents them")]
pub struct NodeGroup {
    pub primary_endpoint: Option<Address>,
    pub reader_endpoint: Option<Address>,
}

/// A cache cluster as the API describes it.
#[derive(Clone, Debug, Default, Deserialize, Serialize)]
#[serde(rename_all = "PascalCase", default)]
#[expect(missing_docs, reason = "the fields bear the names of the API, which documents them")]
pub struct CacheCluster {
    pub cache_cluster_id: String,
    #[serde(rename = "ARN")]
    pub arn: Option<String>,
    pub cache_cluster_status: Option<String>,
    pub engine: Option<String>,
    pub engine_version: Option<String>,
    pub configuration_endpoint: Option<Address>,
    pub cache_nodes: Vec<CacheNode>,
    pub security_groups: Vec<SecurityGroupMembership>,
    pub cache_subnet_group_name: Option<String>,
    pub replication_group_id: Option<String>,
    pub transit_encryption_enabled: Option<bool>,
    pub transit_encryption_mode: Option<String>,
    pub auth_token_enabled: Option<bool>,
    pub network_type: Option<String>,
}

/// One node of a cache cluster.
#[derive(Clone, Debug, Default, Deserialize, Serialize)]
#[serde(rename_all = "PascalCase", default)]
#[expect(missing_docs, reason = "the fields bear the names of the API, which documents them")]
pub struct CacheNode {
    pub endpoint: Option<Address>,
}

/// A security group of a cache cluster.
#[derive(Clone, Debug, Default, Deserialize, Serialize)]
#[serde(rename_all = "PascalCase", default)]
#[expect(missing_docs, reason = "the fields bear the names of the API, which documents them")]
pub struct SecurityGroupMembership {
    pub security_group_id: String,
}

/// What an ARN says: partition, Region and account.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
struct Arn {
    partition: Option<String>,
    region: Option<String>,
    account: Option<String>,
}

impl Arn {
    fn of(arn: Option<&str>) -> Self {
        let mut parts = arn.unwrap_or_default().splitn(6, ':');
        let is_arn = parts.next() == Some("arn");
        let mut part = || parts.next().filter(|part| is_arn && !part.is_empty()).map(str::to_owned);
        let (partition, _service) = (part(), part());
        Self { partition, region: part(), account: part() }
    }
}

fn cache(name: String, arn: Option<String>) -> Cache {
    let Arn { partition, region, account } = Arn::of(arn.as_deref());
    Cache { name, arn, account, region, partition, ..Cache::default() }
}

fn tls(enabled: Option<bool>, mode: Option<&str>) -> Option<Tls> {
    Some(match (enabled?, mode) {
        (false, _) => Tls::Off,
        (true, Some("preferred")) => Tls::Preferred,
        (true, _) => Tls::Required,
    })
}

fn lower(status: Option<String>) -> Option<String> {
    status.map(|status| status.to_ascii_lowercase())
}

/// `MajorEngineVersion` is `8`, `FullEngineVersion` may be `8.1` or `valkey-8.1.0`: the longer one, digits only.
fn version(full: Option<String>, major: Option<String>) -> Option<String> {
    let digits = |text: String| text.trim_start_matches(|c: char| !c.is_ascii_digit()).to_owned();
    full.map(digits).filter(|text| !text.is_empty()).or_else(|| major.map(digits))
}

impl From<ServerlessCache> for Cache {
    fn from(from: ServerlessCache) -> Self {
        let engine = from.engine.as_deref().and_then(Engine::from_aws);
        // Answers of SDKs older than the field lack it: then the host name of a public endpoint tells.
        let is_public = match from.connection_type.as_deref() {
            Some(kind) => kind.eq_ignore_ascii_case("public"),
            None => from
                .endpoint
                .as_ref()
                .and_then(|at| at.address.as_deref())
                .is_some_and(|at| at.contains(".public.serverless.")),
        };
        let auth = match (is_public, engine, from.user_group_id) {
            (true, ..) => AuthKind::Iam.with(Vec::new()),
            (_, Some(Engine::Memcached), _) | (_, _, None) => AuthKind::None.with(Vec::new()),
            (_, _, Some(group)) => AuthKind::Rbac.with(vec![group]),
        };
        let endpoints = [(EndpointRole::Primary, from.endpoint), (EndpointRole::Reader, from.reader_endpoint)];
        Self {
            deployment: Some(Deployment::Serverless),
            engine_version: version(from.full_engine_version, from.major_engine_version),
            status: lower(from.status),
            connection: Some(if is_public { Connection::Public } else { Connection::Vpc }),
            cluster_mode: engine.filter(|engine| *engine != Engine::Memcached).map(|_| true),
            tls: Some(Tls::Required),
            auth: Some(auth),
            endpoints: endpoints.into_iter().filter_map(|(role, at)| at?.endpoint(role)).collect(),
            network: (!is_public).then_some(Network {
                vpc_id: None,
                subnet_ids: from.subnet_ids,
                security_group_ids: from.security_group_ids,
                network_type: from.network_type,
            }),
            engine,
            ..cache(from.serverless_cache_name, from.arn)
        }
    }
}

impl From<ReplicationGroup> for Cache {
    fn from(from: ReplicationGroup) -> Self {
        let mut endpoints = Vec::new();
        endpoints.extend(from.configuration_endpoint.and_then(|at| at.endpoint(EndpointRole::Configuration)));
        // With cluster mode on, the shards' own addresses are the cluster client's business.
        if endpoints.is_empty()
            && let Some(group) = from.node_groups.into_iter().next()
        {
            endpoints.extend(group.primary_endpoint.and_then(|at| at.endpoint(EndpointRole::Primary)));
            endpoints.extend(group.reader_endpoint.and_then(|at| at.endpoint(EndpointRole::Reader)));
        }
        let kind = match (from.user_group_ids.is_empty(), from.auth_token_enabled) {
            (false, _) => AuthKind::Rbac,
            (true, Some(true)) => AuthKind::Token,
            (true, _) => AuthKind::None,
        };
        Self {
            deployment: Some(Deployment::ReplicationGroup),
            // Answers older than Valkey have no Engine: those groups are Redis OSS.
            engine: from.engine.as_deref().map_or(Some(Engine::Redis), Engine::from_aws),
            status: lower(from.status),
            connection: Some(Connection::Vpc),
            cluster_mode: from.cluster_enabled,
            tls: tls(from.transit_encryption_enabled, from.transit_encryption_mode.as_deref()),
            auth: Some(kind.with(from.user_group_ids)),
            endpoints,
            network: from.network_type.map(|kind| Network { network_type: Some(kind), ..Network::default() }),
            ..cache(from.replication_group_id, from.arn)
        }
    }
}

impl From<CacheCluster> for Cache {
    fn from(from: CacheCluster) -> Self {
        let engine = from.engine.as_deref().and_then(Engine::from_aws);
        let mut endpoints = Vec::new();
        endpoints.extend(from.configuration_endpoint.and_then(|at| at.endpoint(EndpointRole::Configuration)));
        let nodes = from.cache_nodes.into_iter().filter_map(|node| node.endpoint);
        endpoints.extend(nodes.filter_map(|at| at.endpoint(EndpointRole::Node)));
        let kind = if from.auth_token_enabled == Some(true) { AuthKind::Token } else { AuthKind::None };
        Self {
            deployment: Some(Deployment::Cluster),
            engine_version: from.engine_version,
            status: lower(from.cache_cluster_status),
            connection: Some(Connection::Vpc),
            cluster_mode: engine.filter(|engine| *engine != Engine::Memcached).map(|_| false),
            tls: tls(from.transit_encryption_enabled, from.transit_encryption_mode.as_deref()),
            auth: Some(kind.with(Vec::new())),
            endpoints,
            network: Some(Network {
                security_group_ids: from.security_groups.into_iter().map(|group| group.security_group_id).collect(),
                network_type: from.network_type,
                ..Network::default()
            }),
            engine,
            ..cache(from.cache_cluster_id, from.arn)
        }
    }
}

impl AuthKind {
    fn with(self, user_group_ids: Vec<String>) -> Auth {
        Auth { kind: self, user_group_ids }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::document::check;

    fn caches(json: &str) -> Vec<Cache> {
        let record = Document::from_members(check::members(json.as_bytes()).unwrap());
        documents(&record).unwrap().unwrap().iter().map(|document| document.cache().unwrap().unwrap()).collect()
    }

    #[test]
    fn a_serverless_cache_has_both_ports_and_always_tls() {
        let caches = caches(
            r#"{"ServerlessCaches":[{"ServerlessCacheName":"orders","Status":"AVAILABLE","Engine":"valkey","FullEngineVersion":"8.1",
            "SecurityGroupIds":["sg-1"],"SubnetIds":["subnet-1"],"ARN":"arn:aws:elasticache:us-east-1:123456789012:serverlesscache:orders",
            "Endpoint":{"Address":"orders-x.serverless.use1.cache.amazonaws.com","Port":6379},
            "ReaderEndpoint":{"Address":"orders-x.serverless.use1.cache.amazonaws.com","Port":6380}}]}"#,
        );
        let cache = &caches[0];
        assert_eq!(cache.title(), "orders, serverless Valkey 8.1");
        assert_eq!(cache.status.as_deref(), Some("available"));
        assert_eq!(cache.endpoints.iter().map(|at| at.port).collect::<Vec<_>>(), [6379, 6380]);
        assert_eq!(
            (cache.tls, cache.cluster_mode, cache.connection),
            (Some(Tls::Required), Some(true), Some(Connection::Vpc))
        );
        assert_eq!((cache.account.as_deref(), cache.region.as_deref()), (Some("123456789012"), Some("us-east-1")));
    }

    #[test]
    fn a_public_cache_is_known_by_its_type_or_by_its_host_name() {
        for json in [
            r#"{"ServerlessCaches":[{"ServerlessCacheName":"p","Engine":"valkey","ConnectionType":"public"}]}"#,
            r#"{"ServerlessCaches":[{"ServerlessCacheName":"p","Engine":"valkey","Endpoint":{"Address":"p-x.public.serverless.use1.cache.amazonaws.com","Port":6379}}]}"#,
        ] {
            let cache = &caches(json)[0];
            assert_eq!(cache.connection, Some(Connection::Public));
            assert_eq!(cache.network, None);
        }
    }

    #[test]
    fn a_replication_group_gives_its_configuration_or_its_primary_endpoint() {
        let caches = caches(
            r#"{"ReplicationGroups":[
            {"ReplicationGroupId":"cme","ClusterEnabled":true,"ConfigurationEndpoint":{"Address":"c","Port":6379},"TransitEncryptionEnabled":true,"TransitEncryptionMode":"preferred"},
            {"ReplicationGroupId":"cmd","ClusterEnabled":false,"NodeGroups":[{"PrimaryEndpoint":{"Address":"p","Port":7000},"ReaderEndpoint":{"Address":"r","Port":7000}}],"TransitEncryptionEnabled":false,"AuthTokenEnabled":true}]}"#,
        );
        assert_eq!(caches[0].endpoints[0].role, EndpointRole::Configuration);
        assert_eq!(caches[0].tls, Some(Tls::Preferred));
        assert_eq!(caches[1].endpoints.len(), 2);
        assert_eq!(caches[1].auth.as_ref().unwrap().kind, AuthKind::Token);
        assert_eq!(caches[1].engine, Some(Engine::Redis));
    }

    #[test]
    fn a_memcached_cluster_gives_its_configuration_endpoint_and_its_nodes() {
        let caches = caches(
            r#"{"CacheClusters":[{"CacheClusterId":"m","Engine":"memcached","EngineVersion":"1.6.22","ConfigurationEndpoint":{"Address":"m.cfg","Port":11211},
            "CacheNodes":[{"Endpoint":{"Address":"m.0001","Port":11211}}],"SecurityGroups":[{"SecurityGroupId":"sg-9","Status":"active"}]}]}"#,
        );
        let roles: Vec<_> = caches[0].endpoints.iter().map(|at| at.role).collect();
        assert_eq!(roles, [EndpointRole::Configuration, EndpointRole::Node]);
        assert_eq!(caches[0].network.as_ref().unwrap().security_group_ids, ["sg-9"]);
    }
}
