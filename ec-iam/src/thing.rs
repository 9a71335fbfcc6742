//! The things that ec-iam creates, changes and takes away again: how a document names them, and the words for them.
//!
//! Every change is about one thing and its state. What a thing is called says how to find it again, so that a document
//! is all that `apply` and `revoke` need.

use std::fmt;
use std::time::Duration;

use serde_json::Value;

use crate::arn::CacheArn;
use crate::policy;
use crate::principal::{Kind, Principal};

/// How a change names the service-linked role.
pub const SERVICE_LINKED_ROLE: &str = "service-linked role of elasticache.amazonaws.com";

/// One thing of an account. The comment says what its state is; where it says nothing, there is nothing more to a thing
/// than that it is there, and its state is null.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Thing {
    /// ElastiCache's service-linked role. Its ARN, which AWS chooses.
    ServiceLinkedRole,
    /// A role: its trust policy. A permission set of IAM Identity Center: how long its sessions are.
    Principal(Principal),
    /// The permissions boundary of a principal. The ARN of the policy.
    Boundary(Principal),
    /// An inline policy, by its name. The policy.
    InlinePolicy(Principal, String),
    /// A managed policy that is attached to a principal, by its ARN.
    ManagedPolicy(Principal, String),
    /// A user or a group of Identity Center. Its names.
    Person(Person),
    /// A user's membership in a group of Identity Center.
    Membership {
        /// The group.
        group: String,
        /// The user.
        user: String,
    },
    /// A permission set that a user or group of Identity Center has in an account.
    Assignment {
        /// The account.
        account: String,
        /// The permission set.
        set: String,
        /// Who has it.
        to: Person,
    },
    /// A user of ElastiCache, by its id. Engine, access string and authentication.
    CacheUser(String),
    /// A user group of ElastiCache. Its engine.
    UserGroup(String),
    /// A user's membership in a user group of ElastiCache.
    UserOfGroup {
        /// The user group.
        group: String,
        /// The user.
        user: String,
    },
    /// A user group that is attached to a cache.
    GroupOfCache {
        /// The cache.
        cache: CacheArn,
        /// The user group.
        group: String,
    },
}

/// A user or a group of IAM Identity Center's identity store.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Person {
    /// A user, by the user name.
    User(String),
    /// A group, by the display name.
    Group(String),
}

/// What there is of a thing.
#[derive(Clone, Debug, PartialEq)]
pub enum State {
    /// It is not there.
    Absent,
    /// AWS is at work on it, or on what it belongs to.
    Changing,
    /// It is there.
    Present(Value),
}

const PERSONS: &str = "identity-center/";
const CACHE_USER: &str = "elasticache/user/";
const USER_GROUP: &str = "elasticache/user-group/";
const BOUNDARY: &str = "permissions-boundary";

/// The name that stands for the inline policy of a permission set, which has only one, without a name.
pub const POLICY_OF_SET: &str = "inline-policy";

impl Thing {
    /// Reads what [`Display`](fmt::Display) writes. Names that ec-iam does not give are none of its business.
    pub fn parse(id: &str) -> Option<Self> {
        let one_name = |text: &str| (!text.is_empty() && !text.contains('/')).then(|| text.to_owned());
        let two_names = |text: &str| {
            let (one, other) = text.split_once('/')?;
            Some((one_name(one)?, one_name(other)?))
        };
        if let Some(rest) = id.strip_prefix(PERSONS) {
            let (head, name) = rest.split_once('/')?;
            if head != "account" {
                return match (head, name.split_once('/')) {
                    ("group", Some((group, user))) => {
                        Some(Self::Membership { group: one_name(group)?, user: one_name(user)? })
                    }
                    _ => Person::parse(rest).map(Self::Person),
                };
            }
            let (account, rest) = name.split_once('/')?;
            let (set, to) = rest.split_once('/')?;
            let set = Principal::parse(&format!("permission-set/{set}")).ok()?.name;
            let account = ec_shared::flags::is_account(account).then(|| account.to_owned())?;
            return Some(Self::Assignment { account, set, to: Person::parse(to)? });
        }
        if let Some(user) = id.strip_prefix(CACHE_USER) {
            return one_name(user).map(Self::CacheUser);
        }
        if let Some(rest) = id.strip_prefix(USER_GROUP) {
            return match two_names(rest) {
                Some((group, user)) => Some(Self::UserOfGroup { group, user }),
                None => one_name(rest).map(Self::UserGroup),
            };
        }
        if id.starts_with("arn:") {
            let (cache, group) = id.rsplit_once('/')?;
            if let Ok(cache) = CacheArn::parse(cache) {
                return Some(Self::GroupOfCache { cache, group: one_name(group)? });
            }
            return id.contains(":role/aws-service-role/elasticache.").then_some(Self::ServiceLinkedRole);
        }
        let (kind, rest) = id.split_once('/')?;
        let (name, what) = rest.split_once('/').map_or((rest, None), |(name, what)| (name, Some(what)));
        let principal = Principal::parse(&format!("{kind}/{name}")).ok()?;
        match what {
            None => Some(Self::Principal(principal)),
            Some(BOUNDARY) => Some(Self::Boundary(principal)),
            Some(arn) if arn.starts_with("arn:") => Some(Self::ManagedPolicy(principal, arn.to_owned())),
            Some(name) if principal.kind == Kind::PermissionSet => {
                (name == POLICY_OF_SET).then(|| Self::InlinePolicy(principal, name.to_owned()))
            }
            Some(name) if name.starts_with(policy::NAME_PREFIX) => {
                one_name(name).map(|name| Self::InlinePolicy(principal, name))
            }
            Some(_) => None,
        }
    }

    /// The verbs for making it and for taking it away.
    pub fn actions(&self) -> (&'static str, &'static str) {
        match self {
            Self::ServiceLinkedRole
            | Self::Principal(_)
            | Self::Person(_)
            | Self::CacheUser(_)
            | Self::UserGroup(_) => ("create", "delete"),
            Self::Boundary(_)
            | Self::InlinePolicy(..)
            | Self::ManagedPolicy(..)
            | Self::Membership { .. }
            | Self::Assignment { .. }
            | Self::UserOfGroup { .. }
            | Self::GroupOfCache { .. } => ("attach", "detach"),
        }
    }

    /// What it is, in words.
    pub fn resource(&self) -> String {
        match self {
            Self::ServiceLinkedRole => SERVICE_LINKED_ROLE.to_owned(),
            Self::Principal(principal) => principal.to_string(),
            Self::Boundary(principal) => format!("permissions boundary of {principal}"),
            Self::InlinePolicy(set, _) if set.kind == Kind::PermissionSet => format!("inline policy of {set}"),
            Self::InlinePolicy(principal, name) => format!("inline policy {name} of {principal}"),
            Self::ManagedPolicy(principal, arn) => {
                format!("managed policy {} of {principal}", arn.rsplit('/').next().unwrap_or(arn))
            }
            Self::Person(person) => format!("{person} of IAM Identity Center"),
            Self::Membership { group, user } => format!("user/{user} in group/{group} of IAM Identity Center"),
            Self::Assignment { account, set, to } => format!("permission-set/{set} for {to} in account {account}"),
            Self::CacheUser(id) => format!("ElastiCache user {id}"),
            Self::UserGroup(id) => format!("ElastiCache user group {id}"),
            Self::UserOfGroup { group, user } => format!("user {user} in ElastiCache user group {group}"),
            Self::GroupOfCache { cache, group } => format!("user group {group} of cache {}", cache.name()),
        }
    }

    /// What it is good for.
    pub fn reason(&self) -> &'static str {
        match self {
            Self::ServiceLinkedRole => "ElastiCache manages network interfaces and security groups of caches under it",
            Self::Principal(principal) if principal.kind == Kind::PermissionSet => {
                "IAM Identity Center gives its users temporary credentials with the permissions of the set"
            }
            Self::Principal(_) => "whoever its trust policy names works under it with temporary credentials",
            Self::Boundary(_) => "no policy gives more than the boundary allows",
            Self::InlinePolicy(_, name) if name.starts_with(policy::CONNECT_PREFIX) => {
                "AWS checks elasticache:Connect on the cache and on the user at every IAM login"
            }
            Self::InlinePolicy(..) | Self::ManagedPolicy(..) => "it allows what was asked for",
            Self::Person(_) => "people sign in to AWS through IAM Identity Center",
            Self::Membership { .. } => "who is in the group has its permission sets",
            Self::Assignment { .. } => "it lets them work in the account with the permissions of the set",
            Self::CacheUser(_) => "an IAM login is as a user of ElastiCache whose id and name are equal",
            Self::UserGroup(_) => "a cache knows users through a user group",
            Self::UserOfGroup { .. } => "the cache knows the users of its user groups and no others",
            Self::GroupOfCache { .. } => "with it, the cache lets its users in, and nobody else",
        }
    }

    /// Whether a state is the one that is wanted. For most things, being there is all.
    pub fn is_same(&self, one: &Value, other: &Value) -> bool {
        match self {
            Self::InlinePolicy(..) => policy::is_same(one, other),
            Self::Principal(principal) if principal.kind == Kind::Role => policy::is_same(one, other),
            Self::Boundary(_) => one == other,
            // A user that is there may have been given other commands and keys: that is its owner's business.
            Self::CacheUser(_) => is_same_fact("authentication", one, other),
            Self::UserGroup(_) => is_same_fact("engine", one, other),
            Self::ServiceLinkedRole
            | Self::Principal(_)
            | Self::ManagedPolicy(..)
            | Self::Person(_)
            | Self::Membership { .. }
            | Self::Assignment { .. }
            | Self::UserOfGroup { .. }
            | Self::GroupOfCache { .. } => true,
        }
    }

    /// How long AWS may take until it shows a change. IAM mostly takes seconds, ElastiCache minutes where nodes have to
    /// learn of users.
    pub fn patience(&self) -> Duration {
        Duration::from_secs(match self {
            Self::CacheUser(_) | Self::UserGroup(_) | Self::UserOfGroup { .. } => 600,
            Self::GroupOfCache { .. } => 1800,
            _ => 120,
        })
    }

    /// Whether AWS takes no change of it while it is at work on an earlier one.
    pub fn is_exclusive(&self) -> bool {
        matches!(self, Self::CacheUser(_) | Self::UserGroup(_) | Self::UserOfGroup { .. } | Self::GroupOfCache { .. })
    }

    /// Whether it may be replaced where it is there in another state: only what bears a name of ec-iam's own.
    pub fn is_ours(&self) -> bool {
        matches!(self, Self::InlinePolicy(principal, _) if principal.kind != Kind::PermissionSet)
    }
}

fn is_same_fact(name: &str, one: &Value, other: &Value) -> bool {
    let fact = |value: &Value| value.get(name).and_then(Value::as_str).map(str::to_ascii_lowercase);
    fact(one) == fact(other)
}

/// `role/app/ec-iam-connect-…`, `elasticache/user/app`, `identity-center/group/devs/anna`: what a change has as `id`.
impl fmt::Display for Thing {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::ServiceLinkedRole => f.write_str(SERVICE_LINKED_ROLE),
            Self::Principal(principal) => write!(f, "{principal}"),
            Self::Boundary(principal) => write!(f, "{principal}/{BOUNDARY}"),
            Self::InlinePolicy(principal, name) | Self::ManagedPolicy(principal, name) => {
                write!(f, "{principal}/{name}")
            }
            Self::Person(person) => write!(f, "{PERSONS}{person}"),
            Self::Membership { group, user } => write!(f, "{PERSONS}group/{group}/{user}"),
            Self::Assignment { account, set, to } => write!(f, "{PERSONS}account/{account}/{set}/{to}"),
            Self::CacheUser(id) => write!(f, "{CACHE_USER}{id}"),
            Self::UserGroup(id) => write!(f, "{USER_GROUP}{id}"),
            Self::UserOfGroup { group, user } => write!(f, "{USER_GROUP}{group}/{user}"),
            Self::GroupOfCache { cache, group } => write!(f, "{cache}/{group}"),
        }
    }
}

impl Person {
    /// Reads `user/NAME` or `group/NAME`.
    pub fn parse(text: &str) -> Option<Self> {
        match text.split_once('/')? {
            (_, name) if name.is_empty() || name.len() > 1024 || name.contains(['/', '\n']) => None,
            ("user", name) => Some(Self::User(name.to_owned())),
            ("group", name) => Some(Self::Group(name.to_owned())),
            _ => None,
        }
    }
}

impl fmt::Display for Person {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::User(name) => write!(f, "user/{name}"),
            Self::Group(name) => write!(f, "group/{name}"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_id_of_a_thing_says_what_it_is() {
        let role = || Principal::parse("role/app").unwrap();
        let set = || Principal::parse("permission-set/CacheUsers").unwrap();
        let group = || Person::Group("devs".into());
        let cache = CacheArn::parse("arn:aws-cn:elasticache:cn-north-1:123456789012:replicationgroup:orders").unwrap();
        let full = "arn:aws:iam::aws:policy/AmazonElastiCacheFullAccess";
        for (thing, id) in [
            (Thing::Principal(role()), "role/app".to_owned()),
            (Thing::Boundary(role()), "role/app/permissions-boundary".to_owned()),
            (Thing::InlinePolicy(role(), "ec-iam-connect-x".into()), "role/app/ec-iam-connect-x".to_owned()),
            (Thing::ManagedPolicy(role(), full.into()), format!("role/app/{full}")),
            (Thing::Principal(set()), "permission-set/CacheUsers".to_owned()),
            (Thing::InlinePolicy(set(), POLICY_OF_SET.into()), "permission-set/CacheUsers/inline-policy".to_owned()),
            (Thing::Person(group()), "identity-center/group/devs".to_owned()),
            (
                Thing::Person(Person::User("anna@example.com".into())),
                "identity-center/user/anna@example.com".to_owned(),
            ),
            (
                Thing::Membership { group: "devs".into(), user: "anna".into() },
                "identity-center/group/devs/anna".to_owned(),
            ),
            (
                Thing::Assignment { account: "123456789012".into(), set: "CacheUsers".into(), to: group() },
                "identity-center/account/123456789012/CacheUsers/group/devs".to_owned(),
            ),
            (Thing::CacheUser("app".into()), "elasticache/user/app".to_owned()),
            (Thing::UserGroup("g".into()), "elasticache/user-group/g".to_owned()),
            (Thing::UserOfGroup { group: "g".into(), user: "app".into() }, "elasticache/user-group/g/app".to_owned()),
            (Thing::GroupOfCache { cache: cache.clone(), group: "g".into() }, format!("{cache}/g")),
        ] {
            assert_eq!(thing.to_string(), id);
            assert_eq!(Thing::parse(&id), Some(thing), "{id}");
        }
    }

    #[test]
    fn an_id_that_ec_iam_does_not_give_is_no_thing() {
        for id in [
            "",
            "role",
            "role/",
            "role/app/AdministratorAccess",
            "role/app/ec-iam-connect-a/b",
            "permission-set/X/another",
            "everybody/x",
            "identity-center/group/",
            "identity-center/account/1/X/group/devs",
            "identity-center/account/123456789012/X/role/devs",
            "elasticache/user/",
            "elasticache/user-group/a/b/c",
            "arn:aws:iam::123456789012:role/admin",
        ] {
            assert_eq!(Thing::parse(id), None, "{id}");
        }
    }

    #[test]
    fn only_the_inline_policies_with_names_of_our_own_may_be_replaced() {
        let of = |id: &str| Thing::parse(id).unwrap().is_ours();
        assert!(of("role/app/ec-iam-connect-x"));
        assert!(!of("role/app") && !of("permission-set/X/inline-policy") && !of("elasticache/user/app"));
    }
}
