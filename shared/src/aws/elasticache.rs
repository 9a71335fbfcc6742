//! What the SDK answers about caches, in the shapes of the [door](crate::door): so that what is asked of AWS and AWS CLI
//! output make the same documents.

use aws_sdk_elasticache::types::{self, Endpoint};

use crate::door::{
    Address, CacheCluster, CacheNode, NodeGroup, ReplicationGroup, SecurityGroupMembership, ServerlessCache,
};

fn address(endpoint: Endpoint) -> Address {
    Address { address: endpoint.address, port: endpoint.port.and_then(|port| port.try_into().ok()) }
}

/// A serverless cache.
pub fn serverless_cache(from: types::ServerlessCache) -> ServerlessCache {
    ServerlessCache {
        serverless_cache_name: from.serverless_cache_name.unwrap_or_default(),
        arn: from.arn,
        status: from.status,
        engine: from.engine,
        major_engine_version: from.major_engine_version,
        full_engine_version: from.full_engine_version,
        security_group_ids: from.security_group_ids.unwrap_or_default(),
        subnet_ids: from.subnet_ids.unwrap_or_default(),
        endpoint: from.endpoint.map(address),
        reader_endpoint: from.reader_endpoint.map(address),
        user_group_id: from.user_group_id,
        network_type: from.network_type.map(|kind| kind.as_str().to_owned()),
        connection_type: from.connection_type.map(|kind| kind.as_str().to_owned()),
    }
}

/// A replication group.
pub fn replication_group(from: types::ReplicationGroup) -> ReplicationGroup {
    let node_group = |group: types::NodeGroup| NodeGroup {
        primary_endpoint: group.primary_endpoint.map(address),
        reader_endpoint: group.reader_endpoint.map(address),
    };
    ReplicationGroup {
        replication_group_id: from.replication_group_id.unwrap_or_default(),
        arn: from.arn,
        status: from.status,
        engine: from.engine,
        cluster_enabled: from.cluster_enabled,
        configuration_endpoint: from.configuration_endpoint.map(address),
        node_groups: from.node_groups.unwrap_or_default().into_iter().map(node_group).collect(),
        member_clusters: from.member_clusters.unwrap_or_default(),
        transit_encryption_enabled: from.transit_encryption_enabled,
        transit_encryption_mode: from.transit_encryption_mode.map(|mode| mode.as_str().to_owned()),
        auth_token_enabled: from.auth_token_enabled,
        user_group_ids: from.user_group_ids.unwrap_or_default(),
        network_type: from.network_type.map(|kind| kind.as_str().to_owned()),
    }
}

/// A cache cluster.
pub fn cache_cluster(from: types::CacheCluster) -> CacheCluster {
    let node = |node: types::CacheNode| CacheNode { endpoint: node.endpoint.map(address) };
    let membership = |group: types::SecurityGroupMembership| {
        group.security_group_id.map(|security_group_id| SecurityGroupMembership { security_group_id })
    };
    CacheCluster {
        cache_cluster_id: from.cache_cluster_id.unwrap_or_default(),
        arn: from.arn,
        cache_cluster_status: from.cache_cluster_status,
        engine: from.engine,
        engine_version: from.engine_version,
        configuration_endpoint: from.configuration_endpoint.map(address),
        cache_nodes: from.cache_nodes.unwrap_or_default().into_iter().map(node).collect(),
        security_groups: from.security_groups.unwrap_or_default().into_iter().filter_map(membership).collect(),
        cache_subnet_group_name: from.cache_subnet_group_name,
        replication_group_id: from.replication_group_id.filter(|id| !id.is_empty()),
        transit_encryption_enabled: from.transit_encryption_enabled,
        transit_encryption_mode: from.transit_encryption_mode.map(|mode| mode.as_str().to_owned()),
        auth_token_enabled: from.auth_token_enabled,
        network_type: from.network_type.map(|kind| kind.as_str().to_owned()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::document::Cache;

    #[test]
    fn a_cluster_of_a_replication_group_brings_its_groups_and_its_version() {
        let cluster = types::CacheCluster::builder()
            .cache_cluster_id("orders-001")
            .engine("valkey")
            .engine_version("8.1.0")
            .security_groups(types::SecurityGroupMembership::builder().security_group_id("sg-1").build())
            .cache_nodes(
                types::CacheNode::builder().endpoint(Endpoint::builder().address("h").port(7000).build()).build(),
            )
            .build();
        let cache = Cache::from(cache_cluster(cluster));
        assert_eq!(cache.engine_version.as_deref(), Some("8.1.0"));
        assert_eq!(cache.network.unwrap().security_group_ids, ["sg-1"]);
        assert_eq!(cache.endpoints[0].port, 7000);
    }
}
