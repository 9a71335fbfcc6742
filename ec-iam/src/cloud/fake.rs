//! An account in memory that answers like AWS, and fails at the call it is told to.

use std::cell::{Cell, RefCell};
use std::collections::BTreeMap;
use std::time::Duration;

use ec_shared::document::Cache;
use ec_shared::{Code, Failure, codes};
use serde_json::Value;

use super::{Cloud, Identity, Progress, Task};
use crate::principal::{Kind, Principal};
use crate::simulate::{Asked, Iam, Page, Said};
use crate::thing::{Person, SERVICE_LINKED_ROLE, State, Thing};
use crate::user::{CacheUser, UserGroup};

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
    /// Every call whose name begins so.
    Name(&'static str),
}

#[derive(Debug, Default)]
pub(crate) struct Fake {
    /// Users, groups and roles that nobody here makes.
    pub(crate) principals: Vec<String>,
    /// Identity providers.
    pub(crate) providers: Vec<String>,
    /// What there is.
    pub(crate) things: RefCell<BTreeMap<Thing, Value>>,
    pub(crate) role_in_use: bool,
    pub(crate) users: Vec<CacheUser>,
    pub(crate) groups: Vec<UserGroup>,
    pub(crate) caches: Vec<Cache>,
    pub(crate) fails: Cell<Option<Fail>>,
    /// How many reads after a write still show what was before.
    pub(crate) lag: Cell<usize>,
    pub(crate) before: RefCell<Option<(Thing, Option<Value>)>>,
    /// The name of each call, and what it was about.
    pub(crate) calls: RefCell<Vec<String>>,
    pub(crate) paused: Cell<Duration>,
}

impl Fake {
    pub(crate) fn with_principals(principals: &[&str]) -> Self {
        Self { principals: principals.iter().map(ToString::to_string).collect(), ..Self::default() }
    }

    pub(crate) fn writes(&self) -> Vec<String> {
        let is_write = |call: &&String| ["write ", "remove "].iter().any(|verb| call.starts_with(verb));
        self.calls.borrow().iter().filter(is_write).cloned().collect()
    }

    /// Notes a call and does its work, unless the call is the one that fails.
    fn call<T>(&self, name: impl Into<String>, work: impl FnOnce() -> Result<T, Failure>) -> Result<T, Failure> {
        let name = name.into();
        self.calls.borrow_mut().push(name.clone());
        let fails = |fail: &Fail| match fail.call {
            Which::Number(number) => number == self.calls.borrow().len(),
            Which::Name(called) => name.starts_with(called),
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
        left > 0
    }

    fn remember(&self, thing: &Thing) {
        self.before.replace(Some((thing.clone(), self.things.borrow().get(thing).cloned())));
    }

    /// Whether a thing is there, by its id.
    pub(crate) fn has(&self, id: &str) -> bool {
        self.things.borrow().keys().any(|thing| thing.to_string() == id)
    }

    /// The state of a thing that is there.
    pub(crate) fn state(&self, id: &str) -> Value {
        let things = self.things.borrow();
        things.iter().find(|(thing, _)| thing.to_string() == id).map(|(_, state)| state.clone()).unwrap()
    }

    /// Puts a thing there.
    pub(crate) fn put(&self, id: &str, state: impl Into<Value>) {
        let thing = if id == SERVICE_LINKED_ROLE { Thing::ServiceLinkedRole } else { Thing::parse(id).unwrap() };
        self.things.borrow_mut().insert(thing, state.into());
    }

    /// What a thing belongs to must be there before it, and the other way round when that goes.
    pub(crate) fn owners(thing: &Thing) -> Vec<Thing> {
        let of = |principal: &Principal| match principal.kind {
            Kind::PermissionSet => vec![Thing::Principal(principal.clone())],
            _ => Vec::new(),
        };
        match thing {
            Thing::Boundary(principal) | Thing::InlinePolicy(principal, _) | Thing::ManagedPolicy(principal, _) => {
                of(principal)
            }
            Thing::Membership { group, user } => {
                vec![Thing::Person(Person::Group(group.clone())), Thing::Person(Person::User(user.clone()))]
            }
            Thing::Assignment { set, to, .. } => {
                let set = Principal { kind: Kind::PermissionSet, name: set.clone(), account: None };
                vec![Thing::Principal(set), Thing::Person(to.clone())]
            }
            Thing::UserOfGroup { user, .. } => vec![Thing::CacheUser(user.clone())],
            _ => Vec::new(),
        }
    }

    fn no_principal(&self, principal: &Principal) -> Option<Failure> {
        let known = self.principals.contains(&principal.to_string())
            || self.things.borrow().contains_key(&Thing::Principal(principal.clone()));
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

    fn user_group(&self, id: &str) -> Result<Option<UserGroup>, Failure> {
        self.call("user_group", || Ok(self.groups.iter().find(|group| group.id == id).cloned()))
    }

    fn principal_arn(&self, principal: &Principal) -> Result<Option<String>, Failure> {
        self.call("principal_arn", || {
            let known = self.no_principal(principal).is_none();
            Ok(known.then(|| format!("arn:aws:iam::123456789012:{principal}")))
        })
    }

    fn has_provider(&self, arn: &str) -> Result<bool, Failure> {
        self.call("has_provider", || Ok(self.providers.iter().any(|provider| provider == arn)))
    }

    fn read(&self, thing: &Thing) -> Result<State, Failure> {
        self.call(format!("read {thing}"), || {
            let before = self.before.borrow().clone().filter(|(written, _)| written == thing && self.lags());
            let found = before.map_or_else(|| self.things.borrow().get(thing).cloned(), |(_, before)| before);
            Ok(found.map_or(State::Absent, State::Present))
        })
    }

    fn write(&self, thing: &Thing, state: &Value) -> Result<Option<Task>, Failure> {
        self.call(format!("write {thing}"), || {
            if let Thing::InlinePolicy(principal, _) | Thing::ManagedPolicy(principal, _) = thing
                && let Some(failure) = self.no_principal(principal)
            {
                return Err(failure);
            }
            if let Some(missing) = Self::owners(thing).iter().find(|owner| !self.things.borrow().contains_key(owner)) {
                return Err(Failure::new(&codes::NOT_FOUND, format!("there is no {}", missing.resource())));
            }
            self.remember(thing);
            let state = if *thing == Thing::ServiceLinkedRole { Value::from(ROLE_ARN) } else { state.clone() };
            self.things.borrow_mut().insert(thing.clone(), state);
            Ok(matches!(thing, Thing::Assignment { .. }).then(|| Task::Assignment("task".to_owned())))
        })
    }

    fn remove(&self, thing: &Thing) -> Result<Option<Task>, Failure> {
        self.call(format!("remove {thing}"), || {
            let is_role = *thing == Thing::ServiceLinkedRole;
            if let Some(user) = self.things.borrow().keys().find(|other| Self::owners(other).contains(thing)) {
                return Err(Failure::new(&codes::REFUSED, format!("{} is in use by {user}", thing.resource())));
            }
            self.remember(thing);
            if !is_role {
                self.things.borrow_mut().remove(thing);
            }
            Ok(is_role.then(|| Task::RoleDeletion("task".to_owned())))
        })
    }

    fn progress(&self, task: &Task) -> Result<Progress, Failure> {
        self.call("progress", || {
            let is_role = matches!(task, Task::RoleDeletion(_));
            Ok(match (self.lags(), is_role && self.role_in_use) {
                (true, _) => Progress::InProgress,
                (_, true) => Progress::Refused("used by caches in us-east-1".to_owned()),
                _ => {
                    if matches!(task, Task::RoleDeletion(_)) {
                        self.things.borrow_mut().remove(&Thing::ServiceLinkedRole);
                    }
                    Progress::Done
                }
            })
        })
    }

    fn pause(&self, time: Duration) {
        self.paused.set(self.paused.get() + time);
    }
}

/// The policies that are there, for the question what a principal may do.
impl Iam for Fake {
    fn page(&self, _: Option<&str>) -> Result<Page, Failure> {
        self.call("page", || Ok(Page::default()))
    }

    fn detail(&self, principal: &Principal) -> Result<Option<Value>, Failure> {
        let detail = serde_json::json!({"Arn": format!("arn:aws:iam::123456789012:{principal}"), "Tags": []});
        self.call("detail", || Ok(self.no_principal(principal).is_none().then_some(detail)))
    }

    fn inline_policies(&self, principal: &Principal) -> Result<Vec<(String, String)>, Failure> {
        self.call("inline_policies", || {
            let things = self.things.borrow();
            let of_principal = things.iter().filter_map(|(thing, policy)| match thing {
                Thing::InlinePolicy(holder, name) if holder == principal => Some((name.clone(), policy.to_string())),
                _ => None,
            });
            Ok(of_principal.collect())
        })
    }

    fn attached_policies(&self, _: &Principal) -> Result<Vec<String>, Failure> {
        self.call("attached_policies", || Ok(Vec::new()))
    }

    fn groups(&self, _: &str) -> Result<Vec<(String, String)>, Failure> {
        self.call("groups", || Ok(Vec::new()))
    }

    fn managed_policy(&self, _: &str) -> Result<Option<String>, Failure> {
        self.call("managed_policy", || Ok(None))
    }

    fn simulate(&self, _: &Asked<'_>) -> Result<Said, Failure> {
        self.call("simulate", || Err(Failure::new(&codes::REFUSED, "nobody simulates here")))
    }
}
