//! An account in memory that answers like AWS, and fails at the call it is told to.

use std::cell::{Cell, RefCell};
use std::collections::BTreeMap;
use std::time::Duration;

use ec_shared::document::Cache;
use ec_shared::{Code, Failure, codes};
use serde_json::Value;

use super::{Cloud, Deletion, Identity};
use crate::principal::Principal;
use crate::user::CacheUser;

pub(crate) const ROLE_ARN: &str =
    "arn:aws:iam::123456789012:role/aws-service-role/elasticache.amazonaws.com/AWSServiceRoleForElastiCache";

/// Which call fails, with what, and whether its work is done all the same.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Fail {
    pub(crate) call: Which,
    pub(crate) code: &'static Code,
    pub(crate) is_done: bool,
}

#[derive(Clone, Copy, Debug)]
pub(crate) enum Which {
    /// The call of this number, from 1.
    Number(usize),
    /// Every call of this name.
    Name(&'static str),
}

#[derive(Debug, Default)]
pub(crate) struct Fake {
    pub(crate) principals: Vec<String>,
    pub(crate) policies: RefCell<BTreeMap<String, Value>>,
    pub(crate) role: Cell<bool>,
    pub(crate) role_in_use: bool,
    pub(crate) users: Vec<CacheUser>,
    pub(crate) caches: Vec<Cache>,
    pub(crate) fails: Cell<Option<Fail>>,
    /// How many reads after a write still show what was before.
    pub(crate) lag: Cell<usize>,
    pub(crate) calls: RefCell<Vec<&'static str>>,
    pub(crate) paused: Cell<Duration>,
}

impl Fake {
    pub(crate) fn with_principals(principals: &[&str]) -> Self {
        Self { principals: principals.iter().map(ToString::to_string).collect(), ..Self::default() }
    }

    pub(crate) fn writes(&self) -> Vec<&'static str> {
        let is_write = |call: &&&'static str| ["create", "put", "delete"].iter().any(|verb| call.starts_with(verb));
        self.calls.borrow().iter().filter(is_write).copied().collect()
    }

    /// Notes a call and does its work, unless the call is the one that fails.
    fn call<T>(&self, name: &'static str, work: impl FnOnce() -> Result<T, Failure>) -> Result<T, Failure> {
        self.calls.borrow_mut().push(name);
        let fails = |fail: &Fail| match fail.call {
            Which::Number(number) => number == self.calls.borrow().len(),
            Which::Name(called) => called == name,
        };
        let Some(fail) = self.fails.get().filter(fails) else { return work() };
        if fail.is_done {
            work()?;
        }
        Err(Failure::new(fail.code, format!("cannot {name}")))
    }

    /// Whether a read still shows the state before the last write.
    fn lags(&self) -> bool {
        let left = self.lag.get();
        self.lag.set(left.saturating_sub(1));
        left > 0 && !self.writes().is_empty()
    }

    fn key(principal: &Principal, name: &str) -> String {
        format!("{principal}/{name}")
    }

    fn no_principal(&self, principal: &Principal) -> Option<Failure> {
        let known = self.principals.contains(&principal.to_string());
        (!known).then(|| Failure::new(&codes::NOT_FOUND, format!("there is no {principal}")))
    }
}

impl Cloud for Fake {
    fn identity(&self) -> Result<Identity, Failure> {
        self.call("identity", || {
            Ok(Identity {
                arn: "arn:aws:iam::123456789012:user/anna".into(),
                account: "123456789012".into(),
                region: "us-east-1".into(),
                endpoint_url: None,
                is_temporary: false,
                expires_at: None,
            })
        })
    }

    fn caches(&self, name: &str) -> Result<Vec<Cache>, Failure> {
        self.call("caches", || Ok(self.caches.iter().filter(|cache| cache.name == name).cloned().collect()))
    }

    fn users(&self, id: Option<&str>) -> Result<Vec<CacheUser>, Failure> {
        self.call("users", || Ok(self.users.iter().filter(|user| id.is_none_or(|id| user.id == id)).cloned().collect()))
    }

    fn service_linked_role(&self) -> Result<Option<String>, Failure> {
        self.call("service_linked_role", || Ok((self.role.get() && !self.lags()).then(|| ROLE_ARN.to_owned())))
    }

    fn create_service_linked_role(&self) -> Result<(), Failure> {
        self.call("create_service_linked_role", || {
            self.role.set(true);
            Ok(())
        })
    }

    fn delete_service_linked_role(&self, _: &str) -> Result<Option<String>, Failure> {
        self.call("delete_service_linked_role", || {
            Ok(self.role.get().then(|| {
                self.role.set(self.role_in_use);
                "task".to_owned()
            }))
        })
    }

    fn deletion(&self, _: &str) -> Result<Deletion, Failure> {
        self.call("deletion", || {
            Ok(match (self.lags(), self.role_in_use) {
                (true, _) => Deletion::InProgress,
                (_, true) => Deletion::Refused("used by caches in us-east-1".to_owned()),
                _ => Deletion::Succeeded,
            })
        })
    }

    fn principal_arn(&self, principal: &Principal) -> Result<Option<String>, Failure> {
        self.call("principal_arn", || {
            let known = self.no_principal(principal).is_none();
            Ok(known.then(|| format!("arn:aws:iam::123456789012:{principal}")))
        })
    }

    fn inline_policy(&self, principal: &Principal, name: &str) -> Result<Option<Value>, Failure> {
        self.call("inline_policy", || {
            let found = self.policies.borrow().get(&Self::key(principal, name)).cloned();
            Ok(found.filter(|_| !self.lags()))
        })
    }

    fn put_inline_policy(&self, principal: &Principal, name: &str, policy: &Value) -> Result<(), Failure> {
        self.call("put_inline_policy", || {
            if let Some(failure) = self.no_principal(principal) {
                return Err(failure);
            }
            self.policies.borrow_mut().insert(Self::key(principal, name), policy.clone());
            Ok(())
        })
    }

    fn delete_inline_policy(&self, principal: &Principal, name: &str) -> Result<(), Failure> {
        self.call("delete_inline_policy", || {
            self.policies.borrow_mut().remove(&Self::key(principal, name));
            Ok(())
        })
    }

    fn pause(&self, time: Duration) {
        self.paused.set(self.paused.get() + time);
    }
}
