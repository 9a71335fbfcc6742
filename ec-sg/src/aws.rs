//! The only place that knows the AWS SDK: asks, and turns what comes back into our own words at once (`shapes`).

mod shapes;

use aws_sdk_ec2::types as ec2;
use ec_shared::aws::{Aws, elasticache as caches};
use ec_shared::document::{Client, Deployment};
use ec_shared::{Failure, codes as shared};
use ipnet::IpNet;

use crate::client::Source;
use crate::cloud::{Cloud, Described, Label, Subnet, Subnets, TAG};
use crate::rule::{Direction, Opening, Rule};

/// EC2 and ElastiCache of one Region.
#[derive(Debug)]
pub(crate) struct AwsCloud {
    aws: Aws,
    ec2: aws_sdk_ec2::Client,
    elasticache: aws_sdk_elasticache::Client,
}

impl AwsCloud {
    pub(crate) fn new(aws: Aws) -> Self {
        let ec2 = aws_sdk_ec2::config::Builder::from(aws.sdk()).interceptor(aws.calls()).build();
        let elasticache = aws_sdk_elasticache::config::Builder::from(aws.sdk()).interceptor(aws.calls()).build();
        Self {
            aws,
            ec2: aws_sdk_ec2::Client::from_conf(ec2),
            elasticache: aws_sdk_elasticache::Client::from_conf(elasticache),
        }
    }

    async fn serverless(&self, name: &str) -> Result<Option<Described>, Failure> {
        let answer = self.elasticache.describe_serverless_caches().serverless_cache_name(name).send().await;
        let answer = answer.map_err(|error| {
            self.aws.failure("elasticache", "DescribeServerlessCaches", format!("cannot look up cache {name}"), &error)
        });
        // A partition without serverless caches does not know the action.
        let without = |failure: &Failure| is_absent(failure) || failure.aws_code() == Some("InvalidAction");
        let Some(answer) = found(answer, without)? else { return Ok(None) };
        let cache = answer.serverless_caches.unwrap_or_default().into_iter().next();
        Ok(cache.map(|cache| Described { cache: caches::serverless_cache(cache), ..Described::default() }))
    }

    async fn replication_group(&self, name: &str) -> Result<Option<Described>, Failure> {
        let answer = self.elasticache.describe_replication_groups().replication_group_id(name).send().await;
        let answer = answer.map_err(|error| {
            let what = format!("cannot look up replication group {name}");
            self.aws.failure("elasticache", "DescribeReplicationGroups", what, &error)
        });
        let Some(answer) = found(answer, is_absent)? else { return Ok(None) };
        let group = answer.replication_groups.unwrap_or_default().into_iter().next();
        Ok(group.map(|group| {
            let member = group.member_clusters().first().cloned();
            Described { cache: caches::replication_group(group), member, ..Described::default() }
        }))
    }

    async fn cache_cluster(&self, name: &str) -> Result<Option<Described>, Failure> {
        let call = self.elasticache.describe_cache_clusters().cache_cluster_id(name).show_cache_node_info(true);
        let answer = call.send().await.map_err(|error| {
            let what = format!("cannot look up cache cluster {name}");
            self.aws.failure("elasticache", "DescribeCacheClusters", what, &error)
        });
        let Some(answer) = found(answer, is_absent)? else { return Ok(None) };
        let cluster = answer.cache_clusters.unwrap_or_default().into_iter().next();
        Ok(cluster.map(|cluster| Described {
            replication_group: cluster.replication_group_id().map(str::to_owned),
            subnet_group: cluster.cache_subnet_group_name().map(str::to_owned),
            cache: caches::cache_cluster(cluster),
            member: None,
        }))
    }

    async fn instance(&self, id: &str) -> Result<Option<Client>, Failure> {
        let answer = self.ec2.describe_instances().instance_ids(id).send().await;
        let answer = answer
            .map_err(|error| self.aws.failure("ec2", "DescribeInstances", format!("cannot look up {id}"), &error));
        let Some(answer) = found(answer, is_no_such_id)? else { return Ok(None) };
        let instances =
            answer.reservations.unwrap_or_default().into_iter().flat_map(|r| r.instances.unwrap_or_default());
        // A terminated instance is listed for an hour, without VPC and groups.
        let gone = |instance: &ec2::Instance| {
            instance.state().and_then(|state| state.name()) == Some(&ec2::InstanceStateName::Terminated)
        };
        Ok(instances.filter(|instance| !gone(instance)).map(shapes::instance).next())
    }

    async fn interface(&self, id: &str) -> Result<Option<Client>, Failure> {
        let answer = self.ec2.describe_network_interfaces().network_interface_ids(id).send().await;
        let answer = answer.map_err(|error| {
            self.aws.failure("ec2", "DescribeNetworkInterfaces", format!("cannot look up {id}"), &error)
        });
        let Some(answer) = found(answer, is_no_such_id)? else { return Ok(None) };
        Ok(answer.network_interfaces.unwrap_or_default().into_iter().next().map(shapes::interface))
    }

    async fn security_groups(&self, ids: &[String]) -> Result<Option<Vec<ec2::SecurityGroup>>, Failure> {
        let pages = self.ec2.describe_security_groups().set_group_ids(Some(ids.to_vec())).into_paginator();
        let groups = pages.items().send().collect::<Result<Vec<_>, _>>().await.map_err(|error| {
            self.aws.failure("ec2", "DescribeSecurityGroups", format!("cannot look up {}", ids.join(", ")), &error)
        });
        found(groups, is_no_such_id)
    }

    async fn subnets_by_id(&self, ids: &[String]) -> Result<Vec<Subnet>, Failure> {
        let pages = self.ec2.describe_subnets().set_subnet_ids(Some(ids.to_vec())).into_paginator();
        let subnets = pages.items().send().collect::<Result<Vec<_>, _>>().await.map_err(|error| {
            self.aws.failure("ec2", "DescribeSubnets", format!("cannot look up {}", ids.join(", ")), &error)
        })?;
        Ok(subnets.into_iter().map(shapes::subnet).collect())
    }

    async fn subnets_of_group(&self, name: &str) -> Result<Vec<Subnet>, Failure> {
        let call = self.elasticache.describe_cache_subnet_groups().cache_subnet_group_name(name);
        let answer = call.send().await.map_err(|error| {
            let what = format!("cannot look up cache subnet group {name}");
            self.aws.failure("elasticache", "DescribeCacheSubnetGroups", what, &error)
        })?;
        let groups = answer.cache_subnet_groups.unwrap_or_default().into_iter();
        Ok(groups
            .flat_map(|group| {
                let vpc_id = group.vpc_id;
                group.subnets.unwrap_or_default().into_iter().map(move |subnet| Subnet {
                    id: subnet.subnet_identifier.unwrap_or_default(),
                    vpc_id: vpc_id.clone(),
                    ranges: Vec::new(),
                })
            })
            .collect())
    }
}

impl Cloud for AwsCloud {
    fn region(&self) -> &str {
        self.aws.region()
    }

    async fn cache(&self, kind: Deployment, name: &str) -> Result<Option<Described>, Failure> {
        let described = match kind {
            Deployment::Serverless => self.serverless(name).await?,
            Deployment::ReplicationGroup => self.replication_group(name).await?,
            Deployment::Cluster => self.cache_cluster(name).await?,
        };
        Ok(described.map(|mut described| {
            described.cache.region.get_or_insert_with(|| self.aws.region().to_owned());
            described.cache.partition.get_or_insert_with(|| self.aws.partition().to_owned());
            described
        }))
    }

    async fn subnets(&self, of: &Subnets) -> Result<Vec<Subnet>, Failure> {
        match of {
            Subnets::Ids(ids) => self.subnets_by_id(ids).await,
            Subnets::Group(name) => self.subnets_of_group(name).await,
        }
    }

    async fn client(&self, source: &Source) -> Result<Option<Client>, Failure> {
        match source {
            Source::Instance(id) => self.instance(id).await,
            Source::Interface(id) => self.interface(id).await,
            Source::Group(id) => {
                let group = self.security_groups(std::slice::from_ref(id)).await?.into_iter().flatten().next();
                Ok(group.map(|group| Client {
                    vpc_id: group.vpc_id,
                    security_group_ids: vec![id.clone()],
                    ..Client::default()
                }))
            }
            Source::Range(range) => Ok(Some(Client { cidr: Some(range.to_string()), ..Client::default() })),
        }
    }

    async fn default_groups(&self, groups: &[String]) -> Result<Vec<String>, Failure> {
        let groups = self.security_groups(groups).await?.unwrap_or_default();
        let defaults = groups.into_iter().filter(|group| group.group_name() == Some("default"));
        Ok(defaults.filter_map(|group| group.group_id).collect())
    }

    async fn rules(&self, groups: &[String]) -> Result<Vec<Rule>, Failure> {
        if groups.is_empty() {
            return Ok(Vec::new());
        }
        let filter = ec2::Filter::builder().name("group-id").set_values(Some(groups.to_vec())).build();
        let pages = self.ec2.describe_security_group_rules().filters(filter).into_paginator();
        let rules = pages.items().send().collect::<Result<Vec<_>, _>>().await.map_err(|error| {
            let what = format!("cannot read the rules of {}", groups.join(", "));
            self.aws.failure("ec2", "DescribeSecurityGroupRules", what, &error)
        })?;
        Ok(rules.into_iter().filter_map(shapes::rule).collect())
    }

    async fn prefix_list(&self, id: &str) -> Result<Vec<IpNet>, Failure> {
        let pages = self.ec2.get_managed_prefix_list_entries().prefix_list_id(id).into_paginator();
        let entries = pages.items().send().collect::<Result<Vec<_>, _>>().await.map_err(|error| {
            self.aws.failure("ec2", "GetManagedPrefixListEntries", format!("cannot read prefix list {id}"), &error)
        })?;
        Ok(entries.into_iter().filter_map(|entry| entry.cidr?.parse().ok()).collect())
    }

    async fn authorize(&self, openings: &[Opening], label: &Label) -> Result<Vec<Rule>, Failure> {
        let Some(Opening { group, direction, .. }) = openings.first() else { return Ok(Vec::new()) };
        let permissions: Vec<_> = openings.iter().map(|opening| shapes::permission(opening, label)).collect();
        let tag = ec2::Tag::builder().key(TAG).value(&label.tag).build();
        let tags =
            ec2::TagSpecification::builder().resource_type(ec2::ResourceType::SecurityGroupRule).tags(tag).build();
        let what = format!("cannot add a rule to {group}");
        let made = match direction {
            Direction::Ingress => {
                let call = self.ec2.authorize_security_group_ingress().group_id(group).tag_specifications(tags);
                let answer = call.set_ip_permissions(Some(permissions)).send().await;
                answer
                    .map_err(|error| self.aws.failure("ec2", "AuthorizeSecurityGroupIngress", what, &error))?
                    .security_group_rules
            }
            Direction::Egress => {
                let call = self.ec2.authorize_security_group_egress().group_id(group).tag_specifications(tags);
                let answer = call.set_ip_permissions(Some(permissions)).send().await;
                answer
                    .map_err(|error| self.aws.failure("ec2", "AuthorizeSecurityGroupEgress", what, &error))?
                    .security_group_rules
            }
        };
        Ok(made.unwrap_or_default().into_iter().filter_map(shapes::rule).collect())
    }

    async fn revoke(&self, group: &str, direction: Direction, ids: &[String]) -> Result<(), Failure> {
        let what = format!("cannot take {} away from {group}", ids.join(", "));
        let ids = Some(ids.to_vec());
        match direction {
            Direction::Ingress => {
                let call = self.ec2.revoke_security_group_ingress().group_id(group).set_security_group_rule_ids(ids);
                let answer = call.send().await;
                answer.map_err(|error| self.aws.failure("ec2", "RevokeSecurityGroupIngress", what, &error))?;
            }
            Direction::Egress => {
                let call = self.ec2.revoke_security_group_egress().group_id(group).set_security_group_rule_ids(ids);
                let answer = call.send().await;
                answer.map_err(|error| self.aws.failure("ec2", "RevokeSecurityGroupEgress", what, &error))?;
            }
        }
        Ok(())
    }
}

/// Turns "there is no such thing" into `None`.
fn found<T>(answer: Result<T, Failure>, absent: impl Fn(&Failure) -> bool) -> Result<Option<T>, Failure> {
    match answer {
        Ok(answer) => Ok(Some(answer)),
        Err(failure) if absent(&failure) => Ok(None),
        Err(failure) => Err(failure),
    }
}

fn is_absent(failure: &Failure) -> bool {
    failure.code() == &shared::NOT_FOUND
}

/// Ids of a length that AWS does not make are malformed to it; they do not exist any more than others.
fn is_no_such_id(failure: &Failure) -> bool {
    is_absent(failure) || failure.aws_code().is_some_and(|code| code.ends_with(".Malformed"))
}
