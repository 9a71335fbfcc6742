//! The calls to IAM, ElastiCache and STS. The only file that names the SDK.

use std::time::Duration;

use aws_credential_types::Credentials;
use aws_sdk_elasticache::types::User;
use aws_sdk_iam::types::DeletionTaskStatusType;
use ec_shared::aws::{Aws, elasticache as caches, runtime};
use ec_shared::document::Cache;
use ec_shared::flags::AwsFlags;
use ec_shared::output::Output;
use ec_shared::{Failure, codes};
use serde_json::Value;

use crate::cloud::{Cloud, Deletion, Identity};
use crate::policy;
use crate::principal::{Kind, Principal};
use crate::user::CacheUser;

const SERVICE: &str = "elasticache.amazonaws.com";
const ROLE_PATH: &str = "/aws-service-role/elasticache.amazonaws.com/";

/// AWS, as the flags reach it.
#[derive(Debug)]
pub struct AwsCloud {
    runtime: tokio::runtime::Runtime,
    aws: Aws,
    iam: aws_sdk_iam::Client,
    elasticache: aws_sdk_elasticache::Client,
}

impl AwsCloud {
    /// Loads the configuration; no call is made yet.
    ///
    /// # Errors
    /// `EC9101` without a Region.
    pub fn connect(flags: &AwsFlags, timeout: Option<Duration>, output: &Output) -> Result<Self, Failure> {
        let runtime = runtime()?;
        let aws = runtime.block_on(Aws::load(flags, timeout))?;
        aws.tell(output);
        let iam = aws_sdk_iam::config::Builder::from(aws.sdk()).interceptor(aws.calls()).build();
        let elasticache = aws_sdk_elasticache::config::Builder::from(aws.sdk()).interceptor(aws.calls()).build();
        Ok(Self {
            runtime,
            aws,
            iam: aws_sdk_iam::Client::from_conf(iam),
            elasticache: aws_sdk_elasticache::Client::from_conf(elasticache),
        })
    }

    /// The Region.
    pub fn region(&self) -> &str {
        self.aws.region()
    }

    /// The credentials themselves, to sign a token with.
    ///
    /// # Errors
    /// `EC9102`, `EC9103`.
    pub fn credentials(&self) -> Result<Credentials, Failure> {
        self.runtime.block_on(self.aws.credentials())
    }
}

/// Runs a call, and reduces its error with what was tried.
macro_rules! call {
    ($cloud:expr, $service:literal $operation:literal, $what:expr, $request:expr) => {
        $cloud.runtime.block_on($request).map_err(|error| $cloud.aws.failure($service, $operation, $what, &error))
    };
}

mod simulate;

/// What is not there is an answer.
fn found<T>(result: Result<T, Failure>) -> Result<Option<T>, Failure> {
    match result {
        Err(failure) if *failure.code() == codes::NOT_FOUND => Ok(None),
        result => result.map(Some),
    }
}

impl Cloud for AwsCloud {
    fn identity(&self) -> Result<Identity, Failure> {
        let credentials = self.credentials()?;
        let config = aws_sdk_sts::config::Builder::from(self.aws.sdk()).interceptor(self.aws.calls()).build();
        let caller = aws_sdk_sts::Client::from_conf(config).get_caller_identity().send();
        let caller = call!(self, "sts" "GetCallerIdentity", "cannot ask who the caller is", caller)?;
        Ok(Identity {
            arn: caller.arn.unwrap_or_default(),
            account: caller.account.unwrap_or_default(),
            region: self.aws.region().to_owned(),
            endpoint_url: self.aws.endpoint_url().map(str::to_owned),
            is_temporary: credentials.session_token().is_some(),
            expires_at: credentials.expiry(),
        })
    }

    fn caches(&self, name: &str) -> Result<Vec<Cache>, Failure> {
        let what = || format!("cannot look up cache {name}");
        let serverless = self.elasticache.describe_serverless_caches().serverless_cache_name(name).send();
        let serverless = found(call!(self, "elasticache" "DescribeServerlessCaches", what(), serverless));
        let groups = self.elasticache.describe_replication_groups().replication_group_id(name).send();
        let groups = found(call!(self, "elasticache" "DescribeReplicationGroups", what(), groups));
        let clusters =
            self.elasticache.describe_cache_clusters().cache_cluster_id(name).show_cache_node_info(true).send();
        let clusters = found(call!(self, "elasticache" "DescribeCacheClusters", what(), clusters));

        let mut caches: Vec<Cache> = Vec::new();
        let mut failures = Vec::new();
        match serverless {
            Ok(answer) => caches.extend(
                answer
                    .into_iter()
                    .flat_map(|answer| answer.serverless_caches.unwrap_or_default())
                    .map(|cache| caches::serverless_cache(cache).into()),
            ),
            Err(failure) => failures.push(failure),
        }
        match groups {
            Ok(answer) => caches.extend(
                answer
                    .into_iter()
                    .flat_map(|answer| answer.replication_groups.unwrap_or_default())
                    .map(|group| caches::replication_group(group).into()),
            ),
            Err(failure) => failures.push(failure),
        }
        match clusters {
            Ok(answer) => caches.extend(
                answer
                    .into_iter()
                    .flat_map(|answer| answer.cache_clusters.unwrap_or_default())
                    .filter(|cluster| cluster.replication_group_id.is_none())
                    .map(|cluster| caches::cache_cluster(cluster).into()),
            ),
            Err(failure) => failures.push(failure),
        }
        match failures.into_iter().next() {
            Some(failure) if caches.is_empty() => Err(failure),
            _ => Ok(caches),
        }
    }

    fn users(&self, id: Option<&str>) -> Result<Vec<CacheUser>, Failure> {
        let what =
            || format!("cannot look up {}", id.map_or("the users of ElastiCache".into(), |id| format!("user {id}")));
        let users =
            self.elasticache.describe_users().set_user_id(id.map(str::to_owned)).into_paginator().items().send();
        let users = call!(self, "elasticache" "DescribeUsers", what(), users.try_collect());
        let users: Vec<User> = found(users)?.unwrap_or_default();
        Ok(users.into_iter().map(cache_user).collect())
    }

    fn service_linked_role(&self) -> Result<Option<String>, Failure> {
        let mut roles = self.iam.list_roles().path_prefix(ROLE_PATH).into_paginator().items().send();
        let role = call!(self, "iam" "ListRoles", "cannot look for the service-linked role", roles.try_next())?;
        Ok(role.map(|role| role.arn))
    }

    fn create_service_linked_role(&self) -> Result<(), Failure> {
        let request = self.iam.create_service_linked_role().aws_service_name(SERVICE).send();
        match call!(self, "iam" "CreateServiceLinkedRole", "cannot create the service-linked role", request) {
            // Somebody was faster. AWS says so with InvalidInput and words, emulators with a code.
            Err(failure) if failure.aws_code() == Some("EntityAlreadyExists") => Ok(()),
            Err(failure)
                if failure.aws_code() == Some("InvalidInput") && failure.to_string().contains("has been taken") =>
            {
                Ok(())
            }
            result => result.map(drop),
        }
    }

    fn delete_service_linked_role(&self, name: &str) -> Result<Option<String>, Failure> {
        let request = self.iam.delete_service_linked_role().role_name(name).send();
        let answer = call!(self, "iam" "DeleteServiceLinkedRole", format!("cannot delete role {name}"), request);
        Ok(found(answer)?.map(|answer| answer.deletion_task_id))
    }

    fn deletion(&self, task: &str) -> Result<Deletion, Failure> {
        let request = self.iam.get_service_linked_role_deletion_status().deletion_task_id(task).send();
        let what = "cannot ask how far the deletion of the service-linked role is";
        let answer = call!(self, "iam" "GetServiceLinkedRoleDeletionStatus", what, request)?;
        Ok(match answer.status {
            DeletionTaskStatusType::Succeeded => Deletion::Succeeded,
            DeletionTaskStatusType::Failed => {
                let reason = answer.reason.and_then(|reason| reason.reason);
                Deletion::Refused(reason.unwrap_or_else(|| "AWS gives no reason".to_owned()))
            }
            _ => Deletion::InProgress,
        })
    }

    fn principal_arn(&self, principal: &Principal) -> Result<Option<String>, Failure> {
        let name = &principal.name;
        let what = || format!("cannot look up {principal}");
        found(match principal.kind {
            Kind::Role => call!(self, "iam" "GetRole", what(), self.iam.get_role().role_name(name).send())
                .map(|answer| answer.role.map(|role| role.arn)),
            Kind::User => call!(self, "iam" "GetUser", what(), self.iam.get_user().user_name(name).send())
                .map(|answer| answer.user.map(|user| user.arn)),
            Kind::Group => call!(self, "iam" "GetGroup", what(), self.iam.get_group().group_name(name).send())
                .map(|answer| answer.group.map(|group| group.arn)),
        })
        .map(Option::flatten)
    }

    fn inline_policy(&self, principal: &Principal, policy: &str) -> Result<Option<Value>, Failure> {
        let name = &principal.name;
        let what = || format!("cannot read policy {policy} of {principal}");
        let iam = &self.iam;
        let text = found(match principal.kind {
            Kind::Role => {
                let request = iam.get_role_policy().role_name(name).policy_name(policy).send();
                call!(self, "iam" "GetRolePolicy", what(), request).map(|answer| answer.policy_document)
            }
            Kind::User => {
                let request = iam.get_user_policy().user_name(name).policy_name(policy).send();
                call!(self, "iam" "GetUserPolicy", what(), request).map(|answer| answer.policy_document)
            }
            Kind::Group => {
                let request = iam.get_group_policy().group_name(name).policy_name(policy).send();
                call!(self, "iam" "GetGroupPolicy", what(), request).map(|answer| answer.policy_document)
            }
        })?;
        Ok(text.as_deref().map(policy::decode))
    }

    fn put_inline_policy(&self, principal: &Principal, policy: &str, document: &Value) -> Result<(), Failure> {
        let (name, text) = (&principal.name, document.to_string());
        let what = || format!("cannot write policy {policy} of {principal}");
        let iam = &self.iam;
        match principal.kind {
            Kind::Role => {
                let request = iam.put_role_policy().role_name(name).policy_name(policy).policy_document(text).send();
                call!(self, "iam" "PutRolePolicy", what(), request).map(drop)
            }
            Kind::User => {
                let request = iam.put_user_policy().user_name(name).policy_name(policy).policy_document(text).send();
                call!(self, "iam" "PutUserPolicy", what(), request).map(drop)
            }
            Kind::Group => {
                let request = iam.put_group_policy().group_name(name).policy_name(policy).policy_document(text).send();
                call!(self, "iam" "PutGroupPolicy", what(), request).map(drop)
            }
        }
    }

    fn delete_inline_policy(&self, principal: &Principal, policy: &str) -> Result<(), Failure> {
        let name = &principal.name;
        let what = || format!("cannot delete policy {policy} of {principal}");
        let iam = &self.iam;
        found(match principal.kind {
            Kind::Role => {
                let request = iam.delete_role_policy().role_name(name).policy_name(policy).send();
                call!(self, "iam" "DeleteRolePolicy", what(), request).map(drop)
            }
            Kind::User => {
                let request = iam.delete_user_policy().user_name(name).policy_name(policy).send();
                call!(self, "iam" "DeleteUserPolicy", what(), request).map(drop)
            }
            Kind::Group => {
                let request = iam.delete_group_policy().group_name(name).policy_name(policy).send();
                call!(self, "iam" "DeleteGroupPolicy", what(), request).map(drop)
            }
        })
        .map(drop)
    }

    fn pause(&self, time: Duration) {
        std::thread::sleep(time);
    }
}

fn cache_user(user: User) -> CacheUser {
    let kind = user.authentication.and_then(|authentication| authentication.r#type);
    CacheUser {
        id: user.user_id.unwrap_or_default(),
        authentication: kind.map_or_else(|| "an unknown mode".to_owned(), |kind| kind.as_str().to_owned()),
        groups: user.user_group_ids.unwrap_or_default(),
    }
}
