//! Users and user groups of ElastiCache.

use aws_sdk_elasticache::types::{AuthenticationMode, InputAuthenticationType, User};
use ec_shared::Failure;
use serde_json::{Value, json};

use super::{AwsCloud, found, is_there, strange, unless_there};
use crate::arn::CacheArn;
use crate::codes;
use crate::thing::{State, Thing};
use crate::user::{CacheUser, UserGroup};

/// The user that AWS makes in every account for groups of the engine Redis OSS, which must have one called so.
const DEFAULT_USER: &str = "default";

impl AwsCloud {
    pub(super) fn cache_users(&self, id: Option<&str>) -> Result<Vec<CacheUser>, Failure> {
        let what =
            || format!("cannot look up {}", id.map_or("the users of ElastiCache".into(), |id| format!("user {id}")));
        let users =
            self.elasticache.describe_users().set_user_id(id.map(str::to_owned)).into_paginator().items().send();
        let users = call!(self, "elasticache" "DescribeUsers", what(), users.try_collect());
        let users: Vec<User> = found(users)?.unwrap_or_default();
        Ok(users.into_iter().map(cache_user).collect())
    }

    pub(super) fn group_of_users(&self, id: &str) -> Result<Option<UserGroup>, Failure> {
        let request = self.elasticache.describe_user_groups().user_group_id(id).send();
        let what = format!("cannot look up user group {id}");
        let answer = found(call!(self, "elasticache" "DescribeUserGroups", what, request))?;
        let group = answer.and_then(|answer| answer.user_groups?.into_iter().next());
        Ok(group.map(|group| UserGroup {
            id: group.user_group_id.unwrap_or_default(),
            engine: group.engine.unwrap_or_default().to_ascii_lowercase(),
            status: group.status.unwrap_or_default(),
            users: group.user_ids.unwrap_or_default(),
            caches: [group.serverless_caches, group.replication_groups].into_iter().flatten().flatten().collect(),
        }))
    }

    pub(super) fn read_of_elasticache(&self, thing: &Thing) -> Result<State, Failure> {
        match thing {
            Thing::CacheUser(id) => Ok(self.cache_users(Some(id))?.first().map_or(State::Absent, |user| {
                let state = json!({
                    "engine": user.engine, "access_string": user.access_string, "authentication": user.authentication,
                });
                if is_settled(&user.status) { State::Present(state) } else { State::Changing }
            })),
            Thing::UserGroup(id) => Ok(self.group_of_users(id)?.map_or(State::Absent, |group| {
                if is_settled(&group.status) {
                    State::Present(json!({"engine": group.engine}))
                } else {
                    State::Changing
                }
            })),
            Thing::UserOfGroup { group, user } => Ok(self.group_of_users(group)?.map_or(State::Absent, |group| {
                if is_settled(&group.status) { is_there(group.users.contains(user)) } else { State::Changing }
            })),
            Thing::GroupOfCache { cache, group } => self.group_of_cache(cache, group),
            _ => Err(strange(thing)),
        }
    }

    pub(super) fn write_to_elasticache(&self, thing: &Thing, state: &Value) -> Result<(), Failure> {
        let fact = |name: &str| state.get(name).and_then(Value::as_str).unwrap_or_default();
        let what = || format!("cannot make the {}", thing.resource());
        match thing {
            Thing::CacheUser(id) => {
                let mode = AuthenticationMode::builder().r#type(InputAuthenticationType::Iam).build();
                let request = self.elasticache.create_user().user_id(id).user_name(id).engine(fact("engine"));
                let request = request.access_string(fact("access_string")).authentication_mode(mode).send();
                unless_there(call!(self, "elasticache" "CreateUser", what(), request).map(drop))
            }
            Thing::UserGroup(id) => {
                let request = self.elasticache.create_user_group().user_group_id(id).engine(fact("engine"));
                let default = (fact("engine") == "redis").then(|| vec![DEFAULT_USER.to_owned()]);
                let request = request.set_user_ids(default).send();
                unless_there(call!(self, "elasticache" "CreateUserGroup", what(), request).map(drop))
            }
            Thing::UserOfGroup { group, user } => {
                let request = self.elasticache.modify_user_group().user_group_id(group).user_ids_to_add(user).send();
                call!(self, "elasticache" "ModifyUserGroup", what(), request).map(drop)
            }
            Thing::GroupOfCache { cache, group } => self.attach(cache, group, true),
            _ => Err(strange(thing)),
        }
    }

    pub(super) fn remove_from_elasticache(&self, thing: &Thing) -> Result<(), Failure> {
        let what = || format!("cannot take away the {}", thing.resource());
        found(match thing {
            Thing::CacheUser(id) => {
                let request = self.elasticache.delete_user().user_id(id).send();
                call!(self, "elasticache" "DeleteUser", what(), request).map(drop)
            }
            Thing::UserGroup(id) => {
                let request = self.elasticache.delete_user_group().user_group_id(id).send();
                call!(self, "elasticache" "DeleteUserGroup", what(), request).map(drop)
            }
            Thing::UserOfGroup { group, user } => {
                let request = self.elasticache.modify_user_group().user_group_id(group).user_ids_to_remove(user).send();
                call!(self, "elasticache" "ModifyUserGroup", what(), request).map(drop)
            }
            Thing::GroupOfCache { cache, group } => self.attach(cache, group, false),
            _ => Err(strange(thing)),
        })
        .map(drop)
    }

    fn group_of_cache(&self, arn: &CacheArn, group: &str) -> Result<State, Failure> {
        Ok(match self.groups_of_cache(arn)? {
            Some((true, groups)) => is_there(groups.iter().any(|attached| attached == group)),
            Some((false, _)) => State::Changing,
            None => State::Absent,
        })
    }

    /// Whether AWS is done with a cache, and the cache's groups.
    fn groups_of_cache(&self, arn: &CacheArn) -> Result<Option<(bool, Vec<String>)>, Failure> {
        let name = arn.name();
        let what = || format!("cannot look up cache {name}");
        let (status, groups) = if arn.is_serverless() {
            let request = self.elasticache.describe_serverless_caches().serverless_cache_name(name).send();
            let answer = found(call!(self, "elasticache" "DescribeServerlessCaches", what(), request))?;
            let Some(cache) = answer.and_then(|answer| answer.serverless_caches?.into_iter().next()) else {
                return Ok(None);
            };
            (cache.status, cache.user_group_id.into_iter().collect())
        } else {
            let request = self.elasticache.describe_replication_groups().replication_group_id(name).send();
            let answer = found(call!(self, "elasticache" "DescribeReplicationGroups", what(), request))?;
            let Some(cache) = answer.and_then(|answer| answer.replication_groups?.into_iter().next()) else {
                return Ok(None);
            };
            (cache.status, cache.user_group_ids.unwrap_or_default())
        };
        Ok(Some((status.is_none_or(|status| status.eq_ignore_ascii_case("available")), groups)))
    }

    /// A serverless cache has one group, and a second one takes its place. A document, or a plan, may be older than the
    /// first: its users would be locked out.
    fn takes_no_group_away(&self, arn: &CacheArn, group: &str) -> Result<(), Failure> {
        let attached = self.groups_of_cache(arn)?.map(|(_, groups)| groups).unwrap_or_default();
        let name = arn.name();
        match attached.iter().find(|attached| *attached != group) {
            None => Ok(()),
            Some(other) => Err(Failure::new(&codes::STALE_PLAN, format!("cannot attach user group {group} to {name}"))
                .because(format!("user group {other} has been attached since, and its users would lose the cache"))
                .hint(format!("look at the cache anew: ec-iam plan --auth iam --cache {name}"))),
        }
    }

    fn attach(&self, arn: &CacheArn, group: &str, is_wanted: bool) -> Result<(), Failure> {
        let name = arn.name();
        let what = || format!("cannot change the user group of cache {name}");
        if arn.is_serverless() {
            if is_wanted {
                self.takes_no_group_away(arn, group)?;
            }
            let request = self.elasticache.modify_serverless_cache().serverless_cache_name(name);
            let request = if is_wanted { request.user_group_id(group) } else { request.remove_user_group(true) };
            call!(self, "elasticache" "ModifyServerlessCache", what(), request.send()).map(drop)
        } else {
            let request = self.elasticache.modify_replication_group().replication_group_id(name);
            let request =
                if is_wanted { request.user_group_ids_to_add(group) } else { request.user_group_ids_to_remove(group) };
            call!(self, "elasticache" "ModifyReplicationGroup", what(), request.apply_immediately(true).send())
                .map(drop)
        }
    }
}

/// Whether AWS is done with a user or group. Some emulators tell no status.
fn is_settled(status: &str) -> bool {
    status.is_empty() || status.eq_ignore_ascii_case("active")
}

fn cache_user(user: User) -> CacheUser {
    let kind = user.authentication.and_then(|authentication| authentication.r#type);
    CacheUser {
        id: user.user_id.unwrap_or_default(),
        name: user.user_name.unwrap_or_default(),
        status: user.status.unwrap_or_default(),
        engine: user.engine.unwrap_or_default().to_ascii_lowercase(),
        access_string: user.access_string.unwrap_or_default(),
        authentication: kind.map_or_else(|| "an unknown mode".to_owned(), |kind| kind.as_str().to_owned()),
        groups: user.user_group_ids.unwrap_or_default(),
    }
}
