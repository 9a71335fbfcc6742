//! What a principal is allowed: one of a few policies that ec-iam knows, and never another.

use clap::ValueEnum;
use ec_shared::Failure;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::needs::{self, Scope};
use crate::policy;
use crate::principal::{Kind, Principal};
use crate::thing::{POLICY_OF_SET, Thing};

/// What a principal is allowed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Permission {
    /// To connect to the cache as one user, and nothing else
    #[default]
    Connect,
    /// AWS's policy AmazonElastiCacheReadOnlyAccess
    ReadOnly,
    /// To set caches up, with what `ec-iam policy --for setup` prints
    Setup,
    /// AWS's policy AmazonElastiCacheFullAccess
    FullAccess,
    /// AWS's policy AdministratorAccess; only for permission sets
    Administrator,
}

impl Permission {
    const MANAGED: [(Self, &str); 3] = [
        (Self::ReadOnly, "AmazonElastiCacheReadOnlyAccess"),
        (Self::FullAccess, "AmazonElastiCacheFullAccess"),
        (Self::Administrator, "AdministratorAccess"),
    ];

    /// The managed policy that gives it, if that is AWS's own.
    fn managed(self) -> Option<&'static str> {
        Self::MANAGED.iter().find(|(permission, _)| *permission == self).map(|(_, name)| *name)
    }

    /// The permission that a managed policy of AWS's gives.
    pub fn of_managed(arn: &str) -> Option<Self> {
        let parts: Vec<&str> = arn.splitn(6, ':').collect();
        let &["arn", _, "iam", "", "aws", policy] = parts.as_slice() else { return None };
        let policy = policy.strip_prefix("policy/")?;
        Self::MANAGED.iter().find(|(_, name)| *name == policy).map(|(permission, _)| *permission)
    }

    /// The thing that gives it to a principal, and the state that the thing has then. The scope says which account and
    /// Region it is about, and for [`Connect`](Self::Connect) which cache and user.
    ///
    /// # Errors
    /// `EC9008` if the scope has no cache and user to connect to.
    pub fn of(self, principal: &Principal, scope: &Scope) -> Result<(Thing, Value), Failure> {
        if let Some(name) = self.managed() {
            let arn = format!("arn:{}:iam::aws:policy/{name}", scope.partition);
            return Ok((Thing::ManagedPolicy(principal.clone(), arn), Value::Null));
        }
        let (name, policy) = match (self, &scope.connect) {
            (Self::Connect, Some((cache, user))) => (policy::name(cache, user), needs::policy("connect", scope)?),
            (Self::Connect, None) => (String::new(), needs::policy("connect", scope)?),
            _ => (policy::SETUP_NAME.to_owned(), needs::policy("setup", scope)?),
        };
        let name = if principal.kind == Kind::PermissionSet { POLICY_OF_SET.to_owned() } else { name };
        Ok((Thing::InlinePolicy(principal.clone(), name), policy))
    }

    /// Whether an inline policy is one of those that ec-iam writes under this name.
    pub fn writes(principal: &Principal, name: &str, policy: &Value) -> bool {
        let of_set = principal.kind == Kind::PermissionSet;
        if let Some((cache, user)) = policy::read_connect(policy) {
            return of_set || name == policy::name(&cache, &user);
        }
        let setup = Scope::of_setup(policy).and_then(|scope| needs::policy("setup", &scope).ok());
        (of_set || name == policy::SETUP_NAME) && setup.is_some_and(|setup| policy::is_same(policy, &setup))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::arn::CacheArn;
    use serde_json::json;

    fn scope() -> Scope {
        let cache = CacheArn::parse("arn:aws-cn:elasticache:cn-north-1:123456789012:serverlesscache:orders").unwrap();
        Scope {
            partition: "aws-cn".into(),
            account: Some("123456789012".into()),
            region: Some("cn-north-1".into()),
            connect: Some((cache, "app".into())),
            principal: None,
        }
    }

    #[test]
    fn every_permission_is_a_thing_that_a_later_run_knows_as_ours() {
        for (permission, principal, id) in [
            (Permission::Connect, "role/app", "role/app/ec-iam-connect-cn-north-1-serverlesscache-orders-app"),
            (Permission::Connect, "permission-set/X", "permission-set/X/inline-policy"),
            (Permission::Setup, "user/anna", "user/anna/ec-iam-setup"),
            (
                Permission::ReadOnly,
                "group/devs",
                "group/devs/arn:aws-cn:iam::aws:policy/AmazonElastiCacheReadOnlyAccess",
            ),
            (
                Permission::FullAccess,
                "permission-set/X",
                "permission-set/X/arn:aws-cn:iam::aws:policy/AmazonElastiCacheFullAccess",
            ),
        ] {
            let principal = Principal::parse(principal).unwrap();
            let (thing, state) = permission.of(&principal, &scope()).unwrap();
            assert_eq!(thing.to_string(), id);
            assert_eq!(Thing::parse(id).as_ref(), Some(&thing));
            match &thing {
                Thing::InlinePolicy(principal, name) => assert!(Permission::writes(principal, name, &state)),
                Thing::ManagedPolicy(_, arn) => assert_eq!(Permission::of_managed(arn), Some(permission)),
                other => panic!("{other:?}"),
            }
        }
    }

    #[test]
    fn a_policy_that_ec_iam_does_not_write_is_not_taken_for_one() {
        let role = Principal::parse("role/app").unwrap();
        let (_, connect) = Permission::Connect.of(&role, &scope()).unwrap();
        let (_, mut setup) = Permission::Setup.of(&role, &scope()).unwrap();
        assert!(!Permission::writes(&role, "ec-iam-setup", &connect));
        assert!(Permission::writes(&role, "ec-iam-setup", &setup));
        setup["Statement"][0]["Action"] = json!("*");
        assert!(!Permission::writes(&role, "ec-iam-setup", &setup));
        assert_eq!(Permission::of_managed("arn:aws:iam::123456789012:policy/AmazonElastiCacheFullAccess"), None);
        assert_eq!(Permission::of_managed("arn:aws:iam::aws:policy/PowerUserAccess"), None);
    }

    #[test]
    fn to_connect_takes_a_cache_and_a_user() {
        let role = Principal::parse("role/app").unwrap();
        let nowhere = Scope { connect: None, ..scope() };
        assert_eq!(Permission::Connect.of(&role, &nowhere).unwrap_err().code().id, "EC9008");
        assert!(Permission::Setup.of(&role, &nowhere).is_ok());
    }
}
