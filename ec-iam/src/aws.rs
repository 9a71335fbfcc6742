//! The calls to AWS. Nothing but this file and those below it names the SDK.

use std::cell::OnceCell;
use std::time::Duration;

use aws_credential_types::Credentials;
use ec_shared::aws::{Aws, elasticache as caches, runtime};
use ec_shared::document::Cache;
use ec_shared::flags::AwsFlags;
use ec_shared::output::Output;
use ec_shared::{Failure, codes};
use serde_json::Value;

use crate::cloud::{Cloud, Identity, Progress, Task};
use crate::principal::{Kind, Principal};
use crate::thing::{State, Thing};
use crate::user::{CacheUser, UserGroup};

/// Runs a call, and reduces its error with what was tried.
macro_rules! call {
    ($cloud:expr, $service:literal $operation:literal, $what:expr, $request:expr) => {
        $cloud.runtime.block_on($request).map_err(|error| $cloud.aws.failure($service, $operation, $what, &error))
    };
}

mod elasticache;
mod iam;
mod identity_center;
mod people;
mod posture;
mod simulate;

/// AWS, as the flags reach it.
#[derive(Debug)]
pub struct AwsCloud {
    runtime: tokio::runtime::Runtime,
    aws: Aws,
    iam: aws_sdk_iam::Client,
    elasticache: aws_sdk_elasticache::Client,
    /// Where Identity Center is, if not in the Region of everything else.
    center_region: Option<String>,
    /// Made when it is first needed: few runs are about Identity Center.
    identity_center: OnceCell<identity_center::Client>,
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
            center_region: None,
            identity_center: OnceCell::new(),
        })
    }

    /// The same with Identity Center in another Region.
    #[must_use]
    pub fn with_identity_center_in(self, region: Option<String>) -> Self {
        Self { center_region: region, ..self }
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
                    .filter(|cluster| cluster.replication_group_id.as_deref().is_none_or(str::is_empty))
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
        self.cache_users(id)
    }

    fn user_group(&self, id: &str) -> Result<Option<UserGroup>, Failure> {
        self.group_of_users(id)
    }

    fn principal_arn(&self, principal: &Principal) -> Result<Option<String>, Failure> {
        match principal.kind {
            Kind::PermissionSet => self.permission_set(&principal.name),
            _ => self.arn_of(principal),
        }
    }

    fn has_provider(&self, arn: &str) -> Result<bool, Failure> {
        self.has_identity_provider(arn)
    }

    fn read(&self, thing: &Thing) -> Result<State, Failure> {
        match Service::of(thing) {
            Service::Iam => self.read_of_iam(thing),
            Service::IdentityCenter => self.read_of_identity_center(thing),
            Service::ElastiCache => self.read_of_elasticache(thing),
        }
    }

    fn write(&self, thing: &Thing, state: &Value) -> Result<Option<Task>, Failure> {
        match Service::of(thing) {
            Service::Iam => self.write_to_iam(thing, state).map(|()| None),
            Service::IdentityCenter => self.write_to_identity_center(thing, state),
            Service::ElastiCache => self.write_to_elasticache(thing, state).map(|()| None),
        }
    }

    fn remove(&self, thing: &Thing) -> Result<Option<Task>, Failure> {
        match Service::of(thing) {
            Service::Iam => self.remove_from_iam(thing),
            Service::IdentityCenter => self.remove_from_identity_center(thing),
            Service::ElastiCache => self.remove_from_elasticache(thing).map(|()| None),
        }
    }

    fn progress(&self, task: &Task) -> Result<Progress, Failure> {
        match task {
            Task::RoleDeletion(id) => self.progress_of_deletion(id),
            Task::Assignment(id) => self.progress_of_assignment(id, true),
            Task::Unassignment(id) => self.progress_of_assignment(id, false),
            Task::Provisioning(id) => self.progress_of_provisioning(id),
        }
    }

    fn pause(&self, time: Duration) {
        std::thread::sleep(time);
    }
}

/// The service that a thing belongs to.
#[derive(Clone, Copy, Debug)]
enum Service {
    Iam,
    IdentityCenter,
    ElastiCache,
}

impl Service {
    fn of(thing: &Thing) -> Self {
        match thing {
            Thing::ServiceLinkedRole => Self::Iam,
            Thing::Principal(principal)
            | Thing::Boundary(principal)
            | Thing::InlinePolicy(principal, _)
            | Thing::ManagedPolicy(principal, _) => match principal.kind {
                Kind::PermissionSet => Self::IdentityCenter,
                Kind::Role | Kind::User | Kind::Group => Self::Iam,
            },
            Thing::Person(_) | Thing::Membership { .. } | Thing::Assignment { .. } => Self::IdentityCenter,
            Thing::CacheUser(_) | Thing::UserGroup(_) | Thing::UserOfGroup { .. } | Thing::GroupOfCache { .. } => {
                Self::ElastiCache
            }
        }
    }
}

/// What is there is present, and there is nothing more to say of it.
fn is_there(is_there: bool) -> State {
    if is_there { State::Present(Value::Null) } else { State::Absent }
}

/// That somebody was faster is success.
fn unless_there(result: Result<(), Failure>) -> Result<(), Failure> {
    result.or_else(|failure| {
        let is_there = matches!(
            failure.aws_code(),
            Some("EntityAlreadyExists" | "EntityAlreadyExistsException" | "ConflictException")
        ) || failure.aws_code().is_some_and(|code| code.contains("AlreadyExists"));
        if is_there { Ok(()) } else { Err(failure) }
    })
}

/// No service has a thing of this kind: the caller has dispatched it wrongly.
fn strange(thing: &Thing) -> Failure {
    Failure::new(&codes::FIELD, format!("cannot handle the {}", thing.resource()))
}
