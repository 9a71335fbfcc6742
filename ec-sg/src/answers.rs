//! AWS's answers in the shape that the AWS CLI prints: what `--from-files` reads, what `find --save` writes, and what
//! `aws.rs` makes of the SDK's types. Only the members that a decision needs.
//!
//! Two answers do not say what they are about: `search-transit-gateway-routes` and `get-managed-prefix-list-entries`.
//! When saving, the id is added to them; see [`files`]. A long table: one struct for each of AWS's.
#![expect(clippy::struct_field_names, reason = "the fields bear the names of the API")]

pub(crate) mod files;

use ec_shared::door::{CacheCluster, ReplicationGroup, ServerlessCache};
use serde::{Deserialize, Serialize};

/// Everything that one or more answers said. A member that is absent was not asked for.
#[derive(Clone, Debug, Default, Deserialize, Serialize)]
#[serde(rename_all = "PascalCase", default)]
pub(crate) struct Answers {
    pub(crate) serverless_caches: Option<Vec<ServerlessCache>>,
    pub(crate) replication_groups: Option<Vec<ReplicationGroup>>,
    pub(crate) cache_clusters: Option<Vec<CacheCluster>>,
    pub(crate) cache_subnet_groups: Option<Vec<CacheSubnetGroup>>,
    pub(crate) reservations: Option<Vec<Reservation>>,
    pub(crate) network_interfaces: Option<Vec<NetworkInterface>>,
    pub(crate) security_groups: Option<Vec<SecurityGroup>>,
    pub(crate) security_group_rules: Option<Vec<SecurityGroupRule>>,
    pub(crate) stale_security_group_set: Option<Vec<StaleSecurityGroup>>,
    pub(crate) subnets: Option<Vec<Subnet>>,
    pub(crate) vpcs: Option<Vec<Vpc>>,
    pub(crate) network_acls: Option<Vec<NetworkAcl>>,
    pub(crate) route_tables: Option<Vec<RouteTable>>,
    pub(crate) vpc_peering_connections: Option<Vec<VpcPeeringConnection>>,
    pub(crate) transit_gateways: Option<Vec<TransitGateway>>,
    pub(crate) transit_gateway_vpc_attachments: Option<Vec<TransitGatewayVpcAttachment>>,
    pub(crate) transit_gateway_attachments: Option<Vec<TransitGatewayAttachment>>,
    /// `search-transit-gateway-routes`: the routes of one table.
    pub(crate) routes: Option<Vec<TransitGatewayRoute>>,
    /// Whether there are more routes than the answer holds.
    pub(crate) additional_routes_available: Option<bool>,
    /// The table of `routes`.
    pub(crate) transit_gateway_route_table_id: Option<String>,
    /// `describe-prefix-lists` and `describe-managed-prefix-lists`, which share the name.
    #[serde(alias = "ManagedPrefixLists")]
    pub(crate) prefix_lists: Option<Vec<PrefixList>>,
    /// `get-managed-prefix-list-entries`: the entries of one list.
    pub(crate) entries: Option<Vec<PrefixListEntry>>,
    /// The list of `entries`.
    pub(crate) prefix_list_id: Option<String>,
    /// `describe-vpc-attribute --attribute enableDnsSupport`.
    pub(crate) enable_dns_support: Option<AttributeBooleanValue>,
    /// `describe-vpc-attribute --attribute enableDnsHostnames`.
    pub(crate) enable_dns_hostnames: Option<AttributeBooleanValue>,
    /// The VPC of those two.
    pub(crate) vpc_id: Option<String>,
}

impl Answers {
    /// Whether none of AWS's answers is among them, as in any other JSON.
    pub(crate) fn is_empty(&self) -> bool {
        // Every member is named, so that a new one cannot be forgotten here.
        let Self {
            serverless_caches,
            replication_groups,
            cache_clusters,
            cache_subnet_groups,
            reservations,
            network_interfaces,
            security_groups,
            security_group_rules,
            stale_security_group_set,
            subnets,
            vpcs,
            network_acls,
            route_tables,
            vpc_peering_connections,
            transit_gateways,
            transit_gateway_vpc_attachments,
            transit_gateway_attachments,
            routes,
            prefix_lists,
            entries,
            enable_dns_support,
            enable_dns_hostnames,
            additional_routes_available: _,
            transit_gateway_route_table_id: _,
            prefix_list_id: _,
            vpc_id: _,
        } = self;
        let told = [
            serverless_caches.is_some(),
            replication_groups.is_some(),
            cache_clusters.is_some(),
            cache_subnet_groups.is_some(),
            reservations.is_some(),
            network_interfaces.is_some(),
            security_groups.is_some(),
            security_group_rules.is_some(),
            stale_security_group_set.is_some(),
            subnets.is_some(),
            vpcs.is_some(),
            network_acls.is_some(),
            route_tables.is_some(),
            vpc_peering_connections.is_some(),
            transit_gateways.is_some(),
            transit_gateway_vpc_attachments.is_some(),
            transit_gateway_attachments.is_some(),
            routes.is_some(),
            prefix_lists.is_some(),
            entries.is_some(),
            enable_dns_support.is_some(),
            enable_dns_hostnames.is_some(),
        ];
        !told.contains(&true)
    }
}

#[derive(Clone, Debug, Default, Deserialize, Serialize)]
#[serde(rename_all = "PascalCase")]
pub(crate) struct CacheSubnetGroup {
    pub(crate) cache_subnet_group_name: String,
    pub(crate) vpc_id: Option<String>,
    #[serde(default)]
    pub(crate) subnets: Vec<CacheSubnet>,
}

#[derive(Clone, Debug, Default, Deserialize, Serialize)]
#[serde(rename_all = "PascalCase")]
pub(crate) struct CacheSubnet {
    pub(crate) subnet_identifier: String,
}

#[derive(Clone, Debug, Default, Deserialize, Serialize)]
#[serde(rename_all = "PascalCase", default)]
pub(crate) struct Reservation {
    pub(crate) instances: Vec<Instance>,
}

#[derive(Clone, Debug, Default, Deserialize, Serialize)]
#[serde(rename_all = "PascalCase")]
pub(crate) struct Instance {
    pub(crate) instance_id: String,
    pub(crate) state: Option<InstanceState>,
    /// `windows`, or absent.
    pub(crate) platform: Option<String>,
    pub(crate) vpc_id: Option<String>,
    pub(crate) subnet_id: Option<String>,
    pub(crate) private_ip_address: Option<String>,
    #[serde(default)]
    pub(crate) security_groups: Vec<GroupIdentifier>,
    #[serde(default)]
    pub(crate) network_interfaces: Vec<InstanceNetworkInterface>,
    #[serde(default)]
    pub(crate) tags: Vec<Tag>,
}

#[derive(Clone, Debug, Default, Deserialize, Serialize)]
#[serde(rename_all = "PascalCase")]
pub(crate) struct InstanceState {
    pub(crate) name: Option<String>,
}

#[derive(Clone, Debug, Default, Deserialize, Serialize)]
#[serde(rename_all = "PascalCase")]
pub(crate) struct InstanceNetworkInterface {
    pub(crate) network_interface_id: Option<String>,
    pub(crate) attachment: Option<InstanceNetworkInterfaceAttachment>,
    #[serde(default)]
    pub(crate) ipv6_addresses: Vec<Ipv6Address>,
}

#[derive(Clone, Debug, Default, Deserialize, Serialize)]
#[serde(rename_all = "PascalCase")]
pub(crate) struct InstanceNetworkInterfaceAttachment {
    pub(crate) device_index: Option<i32>,
}

#[derive(Clone, Debug, Default, Deserialize, Serialize)]
#[serde(rename_all = "PascalCase")]
pub(crate) struct Ipv6Address {
    pub(crate) ipv6_address: String,
}

#[derive(Clone, Debug, Default, Deserialize, Serialize)]
#[serde(rename_all = "PascalCase")]
pub(crate) struct GroupIdentifier {
    pub(crate) group_id: String,
}

#[derive(Clone, Debug, Default, Deserialize, Serialize)]
#[serde(rename_all = "PascalCase")]
pub(crate) struct Tag {
    pub(crate) key: String,
    #[serde(default)]
    pub(crate) value: String,
}

#[derive(Clone, Debug, Default, Deserialize, Serialize)]
#[serde(rename_all = "PascalCase")]
pub(crate) struct NetworkInterface {
    pub(crate) network_interface_id: String,
    pub(crate) vpc_id: Option<String>,
    pub(crate) subnet_id: Option<String>,
    pub(crate) description: Option<String>,
    pub(crate) interface_type: Option<String>,
    pub(crate) private_ip_address: Option<String>,
    #[serde(default)]
    pub(crate) private_ip_addresses: Vec<NetworkInterfacePrivateIpAddress>,
    #[serde(default)]
    pub(crate) ipv6_addresses: Vec<Ipv6Address>,
    #[serde(default)]
    pub(crate) groups: Vec<GroupIdentifier>,
    pub(crate) attachment: Option<NetworkInterfaceAttachment>,
}

#[derive(Clone, Debug, Default, Deserialize, Serialize)]
#[serde(rename_all = "PascalCase")]
pub(crate) struct NetworkInterfacePrivateIpAddress {
    pub(crate) private_ip_address: String,
}

#[derive(Clone, Debug, Default, Deserialize, Serialize)]
#[serde(rename_all = "PascalCase")]
pub(crate) struct NetworkInterfaceAttachment {
    pub(crate) instance_id: Option<String>,
}

#[derive(Clone, Debug, Default, Deserialize, Serialize)]
#[serde(rename_all = "PascalCase")]
pub(crate) struct SecurityGroup {
    pub(crate) group_id: String,
    pub(crate) group_name: Option<String>,
    pub(crate) vpc_id: Option<String>,
    pub(crate) owner_id: Option<String>,
    #[serde(default)]
    pub(crate) tags: Vec<Tag>,
    pub(crate) ip_permissions: Option<Vec<IpPermission>>,
    pub(crate) ip_permissions_egress: Option<Vec<IpPermission>>,
}

#[derive(Clone, Debug, Default, Deserialize, Serialize)]
#[serde(rename_all = "PascalCase")]
pub(crate) struct IpPermission {
    pub(crate) ip_protocol: String,
    pub(crate) from_port: Option<i32>,
    pub(crate) to_port: Option<i32>,
    #[serde(default)]
    pub(crate) ip_ranges: Vec<IpRange>,
    #[serde(default)]
    pub(crate) ipv6_ranges: Vec<Ipv6Range>,
    #[serde(default)]
    pub(crate) prefix_list_ids: Vec<PrefixListId>,
    #[serde(default)]
    pub(crate) user_id_group_pairs: Vec<UserIdGroupPair>,
}

#[derive(Clone, Debug, Default, Deserialize, Serialize)]
#[serde(rename_all = "PascalCase")]
pub(crate) struct IpRange {
    pub(crate) cidr_ip: String,
}

#[derive(Clone, Debug, Default, Deserialize, Serialize)]
#[serde(rename_all = "PascalCase")]
pub(crate) struct Ipv6Range {
    pub(crate) cidr_ipv6: String,
}

#[derive(Clone, Debug, Default, Deserialize, Serialize)]
#[serde(rename_all = "PascalCase")]
pub(crate) struct PrefixListId {
    pub(crate) prefix_list_id: String,
}

#[derive(Clone, Debug, Default, Deserialize, Serialize)]
#[serde(rename_all = "PascalCase")]
pub(crate) struct UserIdGroupPair {
    pub(crate) group_id: Option<String>,
    pub(crate) user_id: Option<String>,
    pub(crate) vpc_peering_connection_id: Option<String>,
    pub(crate) peering_status: Option<String>,
}

#[derive(Clone, Debug, Default, Deserialize, Serialize)]
#[serde(rename_all = "PascalCase")]
pub(crate) struct SecurityGroupRule {
    pub(crate) security_group_rule_id: String,
    pub(crate) group_id: String,
    pub(crate) group_owner_id: Option<String>,
    pub(crate) is_egress: bool,
    pub(crate) ip_protocol: String,
    pub(crate) from_port: Option<i32>,
    pub(crate) to_port: Option<i32>,
    pub(crate) cidr_ipv4: Option<String>,
    pub(crate) cidr_ipv6: Option<String>,
    pub(crate) prefix_list_id: Option<String>,
    pub(crate) referenced_group_info: Option<UserIdGroupPair>,
    #[serde(default)]
    pub(crate) tags: Vec<Tag>,
}

/// A group with rules that reference a group that is gone, or one across a peering connection that is.
#[derive(Clone, Debug, Default, Deserialize, Serialize)]
#[serde(rename_all = "PascalCase")]
pub(crate) struct StaleSecurityGroup {
    pub(crate) group_id: String,
    #[serde(default)]
    pub(crate) stale_ip_permissions: Vec<StaleIpPermission>,
    #[serde(default)]
    pub(crate) stale_ip_permissions_egress: Vec<StaleIpPermission>,
}

#[derive(Clone, Debug, Default, Deserialize, Serialize)]
#[serde(rename_all = "PascalCase")]
pub(crate) struct StaleIpPermission {
    #[serde(default)]
    pub(crate) user_id_group_pairs: Vec<UserIdGroupPair>,
}

#[derive(Clone, Debug, Default, Deserialize, Serialize)]
#[serde(rename_all = "PascalCase")]
pub(crate) struct Subnet {
    pub(crate) subnet_id: String,
    pub(crate) vpc_id: Option<String>,
    pub(crate) availability_zone: Option<String>,
    pub(crate) owner_id: Option<String>,
    pub(crate) cidr_block: Option<String>,
    #[serde(default)]
    pub(crate) ipv6_cidr_block_association_set: Vec<Ipv6CidrBlockAssociation>,
}

#[derive(Clone, Debug, Default, Deserialize, Serialize)]
#[serde(rename_all = "PascalCase")]
pub(crate) struct Ipv6CidrBlockAssociation {
    pub(crate) ipv6_cidr_block: String,
}

#[derive(Clone, Debug, Default, Deserialize, Serialize)]
#[serde(rename_all = "PascalCase")]
pub(crate) struct CidrBlockAssociation {
    pub(crate) cidr_block: String,
}

#[derive(Clone, Debug, Default, Deserialize, Serialize)]
#[serde(rename_all = "PascalCase")]
pub(crate) struct Vpc {
    pub(crate) vpc_id: String,
    pub(crate) owner_id: Option<String>,
    pub(crate) cidr_block: Option<String>,
    #[serde(default)]
    pub(crate) cidr_block_association_set: Vec<CidrBlockAssociation>,
    #[serde(default)]
    pub(crate) ipv6_cidr_block_association_set: Vec<Ipv6CidrBlockAssociation>,
}

#[derive(Clone, Debug, Default, Deserialize, Serialize)]
#[serde(rename_all = "PascalCase")]
pub(crate) struct NetworkAcl {
    pub(crate) network_acl_id: String,
    pub(crate) vpc_id: Option<String>,
    pub(crate) owner_id: Option<String>,
    #[serde(default)]
    pub(crate) is_default: bool,
    #[serde(default)]
    pub(crate) associations: Vec<SubnetAssociation>,
    #[serde(default)]
    pub(crate) entries: Vec<NetworkAclEntry>,
}

/// The association of a network ACL or a route table.
#[derive(Clone, Debug, Default, Deserialize, Serialize)]
#[serde(rename_all = "PascalCase")]
pub(crate) struct SubnetAssociation {
    pub(crate) subnet_id: Option<String>,
    /// Of a route table: whether it is the VPC's main one.
    #[serde(default)]
    pub(crate) main: bool,
}

#[derive(Clone, Debug, Default, Deserialize, Serialize)]
#[serde(rename_all = "PascalCase")]
pub(crate) struct NetworkAclEntry {
    pub(crate) rule_number: i32,
    pub(crate) protocol: String,
    pub(crate) rule_action: String,
    pub(crate) egress: bool,
    pub(crate) cidr_block: Option<String>,
    pub(crate) ipv6_cidr_block: Option<String>,
    pub(crate) port_range: Option<PortRange>,
}

#[derive(Clone, Debug, Default, Deserialize, Serialize)]
#[serde(rename_all = "PascalCase")]
pub(crate) struct PortRange {
    pub(crate) from: Option<i32>,
    pub(crate) to: Option<i32>,
}

#[derive(Clone, Debug, Default, Deserialize, Serialize)]
#[serde(rename_all = "PascalCase")]
pub(crate) struct RouteTable {
    pub(crate) route_table_id: String,
    pub(crate) vpc_id: Option<String>,
    pub(crate) owner_id: Option<String>,
    #[serde(default)]
    pub(crate) associations: Vec<SubnetAssociation>,
    #[serde(default)]
    pub(crate) routes: Vec<Route>,
}

#[derive(Clone, Debug, Default, Deserialize, Serialize)]
#[serde(rename_all = "PascalCase")]
pub(crate) struct Route {
    pub(crate) destination_cidr_block: Option<String>,
    pub(crate) destination_ipv6_cidr_block: Option<String>,
    pub(crate) destination_prefix_list_id: Option<String>,
    /// `local`, `igw-…`, `vgw-…`, `vpce-…`.
    pub(crate) gateway_id: Option<String>,
    pub(crate) egress_only_internet_gateway_id: Option<String>,
    pub(crate) nat_gateway_id: Option<String>,
    pub(crate) transit_gateway_id: Option<String>,
    pub(crate) local_gateway_id: Option<String>,
    pub(crate) carrier_gateway_id: Option<String>,
    pub(crate) network_interface_id: Option<String>,
    pub(crate) vpc_peering_connection_id: Option<String>,
    pub(crate) core_network_arn: Option<String>,
    pub(crate) odb_network_arn: Option<String>,
    /// `active`, `blackhole` or `filtered`.
    pub(crate) state: Option<String>,
    /// `CreateRouteTable`, `CreateRoute` or `EnableVgwRoutePropagation`.
    pub(crate) origin: Option<String>,
}

#[derive(Clone, Debug, Default, Deserialize, Serialize)]
#[serde(rename_all = "PascalCase")]
pub(crate) struct VpcPeeringConnection {
    pub(crate) vpc_peering_connection_id: String,
    pub(crate) status: Option<PeeringStatus>,
    pub(crate) requester_vpc_info: Option<PeeringVpcInfo>,
    pub(crate) accepter_vpc_info: Option<PeeringVpcInfo>,
}

#[derive(Clone, Debug, Default, Deserialize, Serialize)]
#[serde(rename_all = "PascalCase")]
pub(crate) struct PeeringStatus {
    pub(crate) code: String,
}

#[derive(Clone, Debug, Default, Deserialize, Serialize)]
#[serde(rename_all = "PascalCase")]
pub(crate) struct PeeringVpcInfo {
    pub(crate) vpc_id: Option<String>,
    pub(crate) owner_id: Option<String>,
    pub(crate) region: Option<String>,
    pub(crate) cidr_block: Option<String>,
    #[serde(default)]
    pub(crate) cidr_block_set: Vec<CidrBlockAssociation>,
    #[serde(default)]
    pub(crate) ipv6_cidr_block_set: Vec<Ipv6CidrBlockAssociation>,
    pub(crate) peering_options: Option<PeeringOptions>,
}

#[derive(Clone, Debug, Default, Deserialize, Serialize)]
#[serde(rename_all = "PascalCase")]
pub(crate) struct PeeringOptions {
    pub(crate) allow_dns_resolution_from_remote_vpc: Option<bool>,
}

#[derive(Clone, Debug, Default, Deserialize, Serialize)]
#[serde(rename_all = "PascalCase")]
pub(crate) struct TransitGateway {
    pub(crate) transit_gateway_id: String,
    pub(crate) owner_id: Option<String>,
    pub(crate) state: Option<String>,
    pub(crate) options: Option<TransitGatewayOptions>,
}

/// Options of a transit gateway, or of its attachment to a VPC.
#[derive(Clone, Debug, Default, Deserialize, Serialize)]
#[serde(rename_all = "PascalCase")]
pub(crate) struct TransitGatewayOptions {
    /// `enable` or `disable`.
    pub(crate) security_group_referencing_support: Option<String>,
}

#[derive(Clone, Debug, Default, Deserialize, Serialize)]
#[serde(rename_all = "PascalCase")]
pub(crate) struct TransitGatewayVpcAttachment {
    pub(crate) transit_gateway_attachment_id: String,
    pub(crate) transit_gateway_id: String,
    pub(crate) vpc_id: Option<String>,
    pub(crate) state: Option<String>,
    #[serde(default)]
    pub(crate) subnet_ids: Vec<String>,
    pub(crate) options: Option<TransitGatewayOptions>,
}

#[derive(Clone, Debug, Default, Deserialize, Serialize)]
#[serde(rename_all = "PascalCase")]
pub(crate) struct TransitGatewayAttachment {
    pub(crate) transit_gateway_attachment_id: String,
    pub(crate) transit_gateway_id: String,
    pub(crate) resource_type: Option<String>,
    pub(crate) resource_id: Option<String>,
    pub(crate) state: Option<String>,
    pub(crate) association: Option<TransitGatewayAssociation>,
}

#[derive(Clone, Debug, Default, Deserialize, Serialize)]
#[serde(rename_all = "PascalCase")]
pub(crate) struct TransitGatewayAssociation {
    pub(crate) transit_gateway_route_table_id: Option<String>,
    pub(crate) state: Option<String>,
}

#[derive(Clone, Debug, Default, Deserialize, Serialize)]
#[serde(rename_all = "PascalCase")]
pub(crate) struct TransitGatewayRoute {
    pub(crate) destination_cidr_block: Option<String>,
    pub(crate) state: Option<String>,
    #[serde(default)]
    pub(crate) transit_gateway_attachments: Vec<TransitGatewayRouteAttachment>,
}

#[derive(Clone, Debug, Default, Deserialize, Serialize)]
#[serde(rename_all = "PascalCase")]
pub(crate) struct TransitGatewayRouteAttachment {
    pub(crate) transit_gateway_attachment_id: Option<String>,
}

#[derive(Clone, Debug, Default, Deserialize, Serialize)]
#[serde(rename_all = "PascalCase")]
pub(crate) struct PrefixList {
    pub(crate) prefix_list_id: String,
    pub(crate) prefix_list_name: Option<String>,
    /// Of a list that AWS manages.
    pub(crate) cidrs: Option<Vec<String>>,
    pub(crate) max_entries: Option<i32>,
}

#[derive(Clone, Debug, Default, Deserialize, Serialize)]
#[serde(rename_all = "PascalCase")]
pub(crate) struct PrefixListEntry {
    pub(crate) cidr: String,
}

#[derive(Clone, Debug, Default, Deserialize, Serialize)]
#[serde(rename_all = "PascalCase")]
pub(crate) struct AttributeBooleanValue {
    pub(crate) value: Option<bool>,
}
