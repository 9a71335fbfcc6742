//! Calls that take several of a kind, or tell everything of it.

use aws_sdk_ec2::types::Filter;
use ec_shared::Failure;
use ec_shared::aws::elasticache as caches;
use ec_shared::document::Deployment;

use crate::answers::Answers;
use crate::aws::batch::{Scope, values};
use crate::aws::{AwsCloud, filter, shapes};
use crate::need::Need;

/// How many a page holds where everything is asked for: EC2 throttles calls that are neither narrow nor paged harder.
const PAGE: i32 = 1000;
/// The most that a page of route tables holds.
const PAGE_OF_TABLES: i32 = 100;

impl AwsCloud {
    /// Asks for needs of one kind that are told by one list.
    pub(super) async fn list(&self, what: &str, needs: &[Need], scope: Scope) -> Result<Answers, Failure> {
        let values = (scope == Scope::Narrow).then(|| values(needs));
        match needs.first() {
            Some(Need::Cache(kind, name)) => self.caches(what, *kind, named(name, scope)).await,
            Some(Need::CacheSubnetGroup(name)) => self.cache_subnet_groups(what, named(name, scope)).await,
            Some(Need::Instance(_)) => self.instances(what, values, None).await,
            Some(Need::InstancesOf(_)) => self.instances(what, None, filters("vpc-id", values)).await,
            Some(Need::Interface(_)) => self.interfaces(what, values, None).await,
            Some(Need::InterfacesOf(_)) => self.interfaces(what, None, filters("group-id", values)).await,
            Some(Need::InterfaceAt(ip)) => {
                let name = if ip.is_ipv4() { "addresses.private-ip-address" } else { "ipv6-addresses.ipv6-address" };
                self.interfaces(what, None, filters(name, values)).await
            }
            Some(Need::Group(_)) => self.groups(what, values, None).await,
            Some(Need::GroupsOf(_)) => self.groups(what, None, filters("vpc-id", values)).await,
            Some(Need::Rules(_)) => self.rules(what, filters("group-id", values)).await,
            Some(Need::Subnet(_)) => self.subnets(what, values, None).await,
            Some(Need::SubnetsOf(_)) => self.subnets(what, None, filters("vpc-id", values)).await,
            Some(Need::Vpc(_)) => self.vpcs(what, values).await,
            Some(Need::NetworkAcls(_)) => self.network_acls(what, filters("vpc-id", values)).await,
            Some(Need::RouteTables(_)) => self.route_tables(what, filters("vpc-id", values)).await,
            _ => Ok(Answers::default()),
        }
    }

    async fn caches(&self, what: &str, kind: Deployment, name: Option<String>) -> Result<Answers, Failure> {
        let mut answers = Answers::default();
        match kind {
            Deployment::Serverless => {
                let call = self.elasticache.describe_serverless_caches().set_serverless_cache_name(name);
                let pages = call.into_paginator().items().send();
                let found: Vec<_> =
                    self.call("elasticache", "DescribeServerlessCaches", what, pages.try_collect()).await?;
                answers.serverless_caches = Some(found.into_iter().map(caches::serverless_cache).collect());
            }
            Deployment::ReplicationGroup => {
                let call = self.elasticache.describe_replication_groups().set_replication_group_id(name);
                let pages = call.into_paginator().items().send();
                let found: Vec<_> =
                    self.call("elasticache", "DescribeReplicationGroups", what, pages.try_collect()).await?;
                answers.replication_groups = Some(found.into_iter().map(caches::replication_group).collect());
            }
            Deployment::Cluster => {
                let call = self.elasticache.describe_cache_clusters().set_cache_cluster_id(name);
                let pages = call.show_cache_node_info(true).into_paginator().items().send();
                let found: Vec<_> =
                    self.call("elasticache", "DescribeCacheClusters", what, pages.try_collect()).await?;
                answers.cache_clusters = Some(found.into_iter().map(caches::cache_cluster).collect());
            }
        }
        Ok(answers)
    }

    async fn cache_subnet_groups(&self, what: &str, name: Option<String>) -> Result<Answers, Failure> {
        let call = self.elasticache.describe_cache_subnet_groups().set_cache_subnet_group_name(name);
        let pages = call.into_paginator().items().send();
        let found = self.call("elasticache", "DescribeCacheSubnetGroups", what, pages.try_collect()).await?;
        Ok(Answers { cache_subnet_groups: Some(shapes::each(found, shapes::cache_subnet_group)), ..Answers::default() })
    }

    async fn instances(&self, what: &str, ids: Ids, filters: Filters) -> Result<Answers, Failure> {
        let page = page(PAGE, &ids, &filters);
        let call = self.ec2.describe_instances().set_instance_ids(ids).set_filters(filters).set_max_results(page);
        let pages = call.into_paginator().items().send();
        let found: Vec<_> = self.call("ec2", "DescribeInstances", what, pages.try_collect()).await?;
        let reservations = found.into_iter().map(shapes::reservation).collect();
        Ok(Answers { reservations: Some(reservations), ..Answers::default() })
    }

    async fn interfaces(&self, what: &str, ids: Ids, filters: Filters) -> Result<Answers, Failure> {
        let page = page(PAGE, &ids, &filters);
        let call = self.ec2.describe_network_interfaces().set_network_interface_ids(ids).set_filters(filters);
        let pages = call.set_max_results(page).into_paginator().items().send();
        let found = self.call("ec2", "DescribeNetworkInterfaces", what, pages.try_collect()).await?;
        Ok(Answers { network_interfaces: Some(shapes::each(found, shapes::interface)), ..Answers::default() })
    }

    async fn groups(&self, what: &str, ids: Ids, filters: Filters) -> Result<Answers, Failure> {
        let page = page(PAGE, &ids, &filters);
        let call = self.ec2.describe_security_groups().set_group_ids(ids).set_filters(filters).set_max_results(page);
        let pages = call.into_paginator().items().send();
        let found = self.call("ec2", "DescribeSecurityGroups", what, pages.try_collect()).await?;
        Ok(Answers { security_groups: Some(shapes::each(found, shapes::group)), ..Answers::default() })
    }

    async fn rules(&self, what: &str, filters: Filters) -> Result<Answers, Failure> {
        let page = page(PAGE, &None, &filters);
        let call = self.ec2.describe_security_group_rules().set_filters(filters).set_max_results(page);
        let pages = call.into_paginator().items().send();
        let found = self.call("ec2", "DescribeSecurityGroupRules", what, pages.try_collect()).await?;
        Ok(Answers { security_group_rules: Some(shapes::each(found, shapes::rule)), ..Answers::default() })
    }

    async fn subnets(&self, what: &str, ids: Ids, filters: Filters) -> Result<Answers, Failure> {
        let page = page(PAGE, &ids, &filters);
        let call = self.ec2.describe_subnets().set_subnet_ids(ids).set_filters(filters).set_max_results(page);
        let pages = call.into_paginator().items().send();
        let found = self.call("ec2", "DescribeSubnets", what, pages.try_collect()).await?;
        Ok(Answers { subnets: Some(shapes::each(found, shapes::subnet)), ..Answers::default() })
    }

    async fn vpcs(&self, what: &str, ids: Ids) -> Result<Answers, Failure> {
        let page = page(PAGE, &ids, &None);
        let pages = self.ec2.describe_vpcs().set_vpc_ids(ids).set_max_results(page).into_paginator().items().send();
        let found = self.call("ec2", "DescribeVpcs", what, pages.try_collect()).await?;
        Ok(Answers { vpcs: Some(shapes::each(found, shapes::vpc)), ..Answers::default() })
    }

    async fn network_acls(&self, what: &str, filters: Filters) -> Result<Answers, Failure> {
        let page = page(PAGE, &None, &filters);
        let call = self.ec2.describe_network_acls().set_filters(filters).set_max_results(page);
        let pages = call.into_paginator().items().send();
        let found = self.call("ec2", "DescribeNetworkAcls", what, pages.try_collect()).await?;
        Ok(Answers { network_acls: Some(shapes::each(found, shapes::network_acl)), ..Answers::default() })
    }

    async fn route_tables(&self, what: &str, filters: Filters) -> Result<Answers, Failure> {
        let page = page(PAGE_OF_TABLES, &None, &filters);
        let call = self.ec2.describe_route_tables().set_filters(filters).set_max_results(page);
        let pages = call.into_paginator().items().send();
        let found = self.call("ec2", "DescribeRouteTables", what, pages.try_collect()).await?;
        Ok(Answers { route_tables: Some(shapes::each(found, shapes::route_table)), ..Answers::default() })
    }
}

/// The ids that a call is narrowed to; `None` for everything.
type Ids = Option<Vec<String>>;
/// The filters that a call is narrowed by; `None` for everything.
type Filters = Option<Vec<Filter>>;

fn filters(name: &str, values: Option<Vec<String>>) -> Filters {
    values.map(|values| vec![filter(name, values)])
}

fn named(name: &str, scope: Scope) -> Option<String> {
    (scope == Scope::Narrow).then(|| name.to_owned())
}

/// The size of a page. AWS takes none with ids.
fn page(size: i32, ids: &Ids, filters: &Filters) -> Option<i32> {
    (ids.is_none() && filters.is_none()).then_some(size)
}
