//! A fact that would decide and is not known: what it is, and the AWS call that tells it.
//!
//! The evaluator answers with needs, whoever has AWS fetches them, and the evaluator looks again. So no call is made
//! whose answer does not matter, and what cannot be had is named.

use std::fmt;
use std::net::IpAddr;

use ec_shared::document::Deployment;

/// One fact.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Need {
    /// A cache of this kind and name.
    Cache(Deployment, String),
    /// The subnets of a cache subnet group.
    CacheSubnetGroup(String),
    /// An instance.
    Instance(String),
    /// The instances of a VPC.
    InstancesOf(String),
    /// A network interface.
    Interface(String),
    /// The interface that has a private address.
    InterfaceAt(IpAddr),
    /// The interfaces that carry a security group.
    InterfacesOf(String),
    /// A security group: its name, VPC and owner.
    Group(String),
    /// The security groups of a VPC.
    GroupsOf(String),
    /// The rules of a security group.
    Rules(String),
    /// The rules of a VPC's groups whose other side is gone.
    StaleRules(String),
    /// A subnet.
    Subnet(String),
    /// The subnets of a VPC.
    SubnetsOf(String),
    /// A VPC: its CIDR blocks and owner.
    Vpc(String),
    /// Whether a VPC's resolver answers.
    DnsSupport(String),
    /// Whether a VPC gives its instances names.
    DnsHostnames(String),
    /// The network ACLs of a VPC.
    NetworkAcls(String),
    /// The route tables of a VPC.
    RouteTables(String),
    /// The peering connections between two VPCs, the lesser id first.
    Peerings(String, String),
    /// A transit gateway, its attachments and their associations.
    TransitGateway(String),
    /// The routes of a transit gateway's route table.
    TransitGatewayRoutes(String),
    /// The entries of a prefix list.
    PrefixList(String),
    /// How many entries a prefix list may hold.
    PrefixListSize(String),
}

impl Need {
    /// The peering connections between two VPCs, in either direction.
    pub fn peerings(one: &str, other: &str) -> Self {
        let (one, other) = if one <= other { (one, other) } else { (other, one) };
        Self::Peerings(one.to_owned(), other.to_owned())
    }

    /// The AWS CLI command that tells it.
    pub fn command(&self) -> String {
        match self {
            Self::Cache(Deployment::Serverless, name) => {
                format!("aws elasticache describe-serverless-caches --serverless-cache-name {name}")
            }
            Self::Cache(Deployment::ReplicationGroup, name) => {
                format!("aws elasticache describe-replication-groups --replication-group-id {name}")
            }
            Self::Cache(Deployment::Cluster, name) => {
                format!("aws elasticache describe-cache-clusters --show-cache-node-info --cache-cluster-id {name}")
            }
            Self::CacheSubnetGroup(name) => {
                format!("aws elasticache describe-cache-subnet-groups --cache-subnet-group-name {name}")
            }
            Self::Instance(id) => format!("aws ec2 describe-instances --instance-ids {id}"),
            Self::InstancesOf(vpc) => format!("aws ec2 describe-instances --filters Name=vpc-id,Values={vpc}"),
            Self::Interface(id) => format!("aws ec2 describe-network-interfaces --network-interface-ids {id}"),
            Self::InterfaceAt(ip) => {
                let name = if ip.is_ipv4() { "addresses.private-ip-address" } else { "ipv6-addresses.ipv6-address" };
                format!("aws ec2 describe-network-interfaces --filters Name={name},Values={ip}")
            }
            Self::InterfacesOf(group) => {
                format!("aws ec2 describe-network-interfaces --filters Name=group-id,Values={group}")
            }
            Self::Group(id) => format!("aws ec2 describe-security-groups --group-ids {id}"),
            Self::GroupsOf(vpc) => format!("aws ec2 describe-security-groups --filters Name=vpc-id,Values={vpc}"),
            Self::Rules(group) => {
                format!("aws ec2 describe-security-group-rules --filters Name=group-id,Values={group}")
            }
            Self::StaleRules(vpc) => format!("aws ec2 describe-stale-security-groups --vpc-id {vpc}"),
            Self::Subnet(id) => format!("aws ec2 describe-subnets --subnet-ids {id}"),
            Self::SubnetsOf(vpc) => format!("aws ec2 describe-subnets --filters Name=vpc-id,Values={vpc}"),
            Self::Vpc(id) => format!("aws ec2 describe-vpcs --vpc-ids {id}"),
            Self::DnsSupport(vpc) => {
                format!("aws ec2 describe-vpc-attribute --attribute enableDnsSupport --vpc-id {vpc}")
            }
            Self::DnsHostnames(vpc) => {
                format!("aws ec2 describe-vpc-attribute --attribute enableDnsHostnames --vpc-id {vpc}")
            }
            Self::NetworkAcls(vpc) => format!("aws ec2 describe-network-acls --filters Name=vpc-id,Values={vpc}"),
            Self::RouteTables(vpc) => format!("aws ec2 describe-route-tables --filters Name=vpc-id,Values={vpc}"),
            Self::Peerings(one, other) => format!(
                "aws ec2 describe-vpc-peering-connections --filters Name=requester-vpc-info.vpc-id,Values={one},{other} \
                 Name=accepter-vpc-info.vpc-id,Values={one},{other}"
            ),
            Self::TransitGateway(id) => format!(
                "aws ec2 describe-transit-gateways --transit-gateway-ids {id}, \
                 and describe-transit-gateway-attachments and describe-transit-gateway-vpc-attachments \
                 --filters Name=transit-gateway-id,Values={id}"
            ),
            Self::TransitGatewayRoutes(table) => format!(
                "aws ec2 search-transit-gateway-routes --transit-gateway-route-table-id {table} \
                 --filters Name=state,Values=active,blackhole"
            ),
            Self::PrefixListSize(id) => format!("aws ec2 describe-managed-prefix-lists --prefix-list-ids {id}"),
            Self::PrefixList(id) => format!("aws ec2 get-managed-prefix-list-entries --prefix-list-id {id}"),
        }
    }
}

impl fmt::Display for Need {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Cache(Deployment::Serverless, name) => write!(f, "serverless cache {name}"),
            Self::Cache(Deployment::ReplicationGroup, name) => write!(f, "replication group {name}"),
            Self::Cache(Deployment::Cluster, name) => write!(f, "cache cluster {name}"),
            Self::CacheSubnetGroup(name) => write!(f, "cache subnet group {name}"),
            Self::Instance(id) => write!(f, "instance {id}"),
            Self::InstancesOf(vpc) => write!(f, "the instances of {vpc}"),
            Self::Interface(id) => write!(f, "network interface {id}"),
            Self::InterfaceAt(ip) => write!(f, "the network interface at {ip}"),
            Self::InterfacesOf(group) => write!(f, "the network interfaces that carry {group}"),
            Self::Group(id) => write!(f, "security group {id}"),
            Self::GroupsOf(vpc) => write!(f, "the security groups of {vpc}"),
            Self::Rules(group) => write!(f, "the rules of {group}"),
            Self::StaleRules(vpc) => write!(f, "the stale rules of {vpc}"),
            Self::Subnet(id) => write!(f, "subnet {id}"),
            Self::SubnetsOf(vpc) => write!(f, "the subnets of {vpc}"),
            Self::Vpc(id) => write!(f, "VPC {id}"),
            Self::DnsSupport(vpc) => write!(f, "enableDnsSupport of {vpc}"),
            Self::DnsHostnames(vpc) => write!(f, "enableDnsHostnames of {vpc}"),
            Self::NetworkAcls(vpc) => write!(f, "the network ACLs of {vpc}"),
            Self::RouteTables(vpc) => write!(f, "the route tables of {vpc}"),
            Self::Peerings(one, other) => write!(f, "the peering connections between {one} and {other}"),
            Self::TransitGateway(id) => write!(f, "transit gateway {id} and its attachments"),
            Self::TransitGatewayRoutes(table) => write!(f, "the routes of {table}"),
            Self::PrefixListSize(id) => write!(f, "how much prefix list {id} may hold"),
            Self::PrefixList(id) => write!(f, "the entries of prefix list {id}"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn peering_connections_between_two_vpcs_are_one_need_whichever_comes_first() {
        assert_eq!(Need::peerings("vpc-b", "vpc-a"), Need::peerings("vpc-a", "vpc-b"));
    }

    #[test]
    fn the_command_asks_for_what_the_sentence_names() {
        for (need, words, command) in [
            (
                Need::Rules("sg-1".into()),
                "the rules of sg-1",
                "describe-security-group-rules --filters Name=group-id,Values=sg-1",
            ),
            (Need::Subnet("subnet-1".into()), "subnet subnet-1", "describe-subnets --subnet-ids subnet-1"),
            (
                Need::InterfaceAt("10.0.1.15".parse().unwrap()),
                "the network interface at 10.0.1.15",
                "describe-network-interfaces --filters Name=addresses.private-ip-address,Values=10.0.1.15",
            ),
        ] {
            assert_eq!((need.to_string().as_str(), need.command()), (words, format!("aws ec2 {command}")));
        }
    }
}
