//! The facts that stages share: the cache and the client. Written by `ec-sg find` and by the door for AWS CLI output,
//! read by all. Every field that was not determined is absent.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// A cache: what a client must know of it to connect.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Cache {
    /// Serverless cache name, replication group id or cache cluster id.
    pub name: String,
    /// The cache's ARN.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub arn: Option<String>,
    /// Twelve-digit account id.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub account: Option<String>,
    /// AWS Region.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub region: Option<String>,
    /// `aws`, `aws-cn`, `aws-us-gov` …
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub partition: Option<String>,
    /// How the cache is deployed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub deployment: Option<Deployment>,
    /// The engine.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub engine: Option<Engine>,
    /// `8.1`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub engine_version: Option<String>,
    /// `available`, `creating`, `modifying` … in lower case.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub status: Option<String>,
    /// Inside a VPC, or public.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub connection: Option<Connection>,
    /// Whether clients must speak cluster mode. Serverless Valkey and Redis OSS caches always do.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cluster_mode: Option<bool>,
    /// Encryption in transit.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tls: Option<Tls>,
    /// How a client logs in.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub auth: Option<Auth>,
    /// Where a client dials.
    #[serde(default)]
    pub endpoints: Vec<Endpoint>,
    /// Where the cache lives. Absent for a public cache.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub network: Option<Network>,
}

/// How a cache is deployed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Deployment {
    /// A serverless cache.
    Serverless,
    /// A replication group of Valkey or Redis OSS nodes.
    ReplicationGroup,
    /// A cache cluster: Memcached, or a single node outside any replication group.
    Cluster,
}

/// The engine of a cache.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Engine {
    /// Valkey.
    Valkey,
    /// Redis OSS.
    Redis,
    /// Memcached.
    Memcached,
}

impl Engine {
    /// The engine by AWS's name for it, in any case.
    pub fn from_aws(name: &str) -> Option<Self> {
        match name.to_ascii_lowercase().as_str() {
            "valkey" => Some(Self::Valkey),
            "redis" => Some(Self::Redis),
            "memcached" => Some(Self::Memcached),
            _ => None,
        }
    }

    /// The name as people write it.
    pub fn name(self) -> &'static str {
        match self {
            Self::Valkey => "Valkey",
            Self::Redis => "Redis OSS",
            Self::Memcached => "Memcached",
        }
    }
}

/// Whether a cache lives in a VPC or has a public endpoint.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Connection {
    /// Inside a VPC, behind security groups.
    Vpc,
    /// Serverless Valkey 9 and later with a public endpoint: no VPC, no security group, TLS 1.3 and IAM.
    Public,
}

/// Encryption in transit.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Tls {
    /// Only TLS.
    Required,
    /// TLS and plain text on the same port.
    Preferred,
    /// Only plain text.
    Off,
}

/// How a client logs in.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Auth {
    /// The kind of log-in.
    pub kind: AuthKind,
    /// The user groups attached to the cache.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub user_group_ids: Vec<String>,
}

/// The kind of log-in.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum AuthKind {
    /// Nobody asks.
    None,
    /// One AUTH token for the default user.
    Token,
    /// Users and user groups; passwords or IAM.
    Rbac,
    /// IAM only.
    Iam,
}

/// One address that a client dials.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Endpoint {
    /// What the endpoint is for.
    pub role: EndpointRole,
    /// DNS name, as the API reports it.
    pub host: String,
    /// TCP port.
    pub port: u16,
}

/// What an endpoint is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum EndpointRole {
    /// Writes, and reads that see them.
    Primary,
    /// Reads from replicas.
    Reader,
    /// Where a cluster client or a discovering Memcached client starts.
    Configuration,
    /// One node.
    Node,
}

/// Where a cache lives.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Network {
    /// The VPC.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub vpc_id: Option<String>,
    /// The subnets of the cache's interfaces.
    #[serde(default)]
    pub subnet_ids: Vec<String>,
    /// The security groups of the cache.
    #[serde(default)]
    pub security_group_ids: Vec<String>,
    /// `ipv4`, `ipv6` or `dual_stack`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub network_type: Option<String>,
}

/// A client: the machine, interface, group or address range that wants to connect.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Client {
    /// The EC2 instance.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub instance_id: Option<String>,
    /// The instance's Name tag.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    /// The network interface, where the client was given as one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub network_interface_id: Option<String>,
    /// The address range, where the client was given as one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cidr: Option<String>,
    /// The client's VPC.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub vpc_id: Option<String>,
    /// The client's subnet.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub subnet_id: Option<String>,
    /// Private IPv4 and IPv6 addresses.
    #[serde(default)]
    pub private_ips: Vec<String>,
    /// The client's security groups; one of another account as `123456789012/sg-…`.
    #[serde(default)]
    pub security_group_ids: Vec<String>,
    /// The prefix list, where the client was given as one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub prefix_list_id: Option<String>,
    /// The first and the last of the ports that the client's connections start from, which network ACLs must let the
    /// answers through to.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ephemeral_ports: Option<[u16; 2]>,
}

impl Cache {
    /// `orders, serverless Valkey 8.1`.
    pub fn title(&self) -> String {
        let deployment = match self.deployment {
            Some(Deployment::Serverless) => Some("serverless"),
            Some(Deployment::ReplicationGroup) => Some("replication group"),
            Some(Deployment::Cluster) => Some("cache cluster"),
            None => None,
        };
        let words: Vec<&str> =
            deployment.into_iter().chain(self.engine.map(Engine::name)).chain(self.engine_version.as_deref()).collect();
        if words.is_empty() { self.name.clone() } else { format!("{}, {}", self.name, words.join(" ")) }
    }
}

impl Client {
    /// `i-0abc "app-1" 10.0.1.15`, or whatever the client was given as.
    pub fn title(&self) -> String {
        let mut words: Vec<String> = Vec::new();
        words.extend(
            self.instance_id
                .clone()
                .or_else(|| self.network_interface_id.clone())
                .or_else(|| self.cidr.clone())
                .or_else(|| self.prefix_list_id.clone()),
        );
        if words.is_empty() {
            words.push(self.security_group_ids.join(" "));
        }
        words.extend(self.name.as_ref().map(|name| format!("\"{name}\"")));
        words.extend(self.private_ips.first().cloned());
        words.join(" ")
    }
}
