//! What ec-iam asks of AWS, in its own words.

use std::time::{Duration, SystemTime};

use ec_shared::Failure;
use ec_shared::document::Cache;
use serde_json::Value;

use crate::principal::Principal;
use crate::thing::{State, Thing};
use crate::user::{CacheUser, UserGroup};

/// Who calls, and with what.
#[derive(Clone, Debug)]
pub struct Identity {
    /// The caller's ARN.
    pub arn: String,
    /// The caller's account.
    pub account: String,
    /// The Region that calls go to.
    pub region: String,
    /// The address of the API, where it is not AWS's own.
    pub endpoint_url: Option<String>,
    /// Whether the credentials end by themselves.
    pub is_temporary: bool,
    /// When they end, where that is known.
    pub expires_at: Option<SystemTime>,
}

/// Work that AWS goes on with after it has answered.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Task {
    /// The deletion of a service-linked role.
    RoleDeletion(String),
    /// The creation of an account assignment.
    Assignment(String),
    /// The deletion of an account assignment.
    Unassignment(String),
    /// The way of a changed permission set to its accounts.
    Provisioning(String),
}

impl Task {
    /// What the work is about.
    pub fn resource(&self) -> &'static str {
        match self {
            Self::RoleDeletion(_) => crate::thing::SERVICE_LINKED_ROLE,
            Self::Assignment(_) | Self::Unassignment(_) => "account assignment",
            Self::Provisioning(_) => "permission set",
        }
    }
}

/// How far such work is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Progress {
    /// AWS is at it.
    InProgress,
    /// It is done.
    Done,
    /// AWS does not do it, and says why.
    Refused(String),
}

/// The calls. Reading something that is not there is no error.
pub trait Cloud {
    /// The caller and the credentials.
    fn identity(&self) -> Result<Identity, Failure>;
    /// The caches of a name in the Region, of every kind.
    fn caches(&self, name: &str) -> Result<Vec<Cache>, Failure>;
    /// The `ElastiCache` user of an id, or all of them.
    fn users(&self, id: Option<&str>) -> Result<Vec<CacheUser>, Failure>;
    /// The user group of an id.
    fn user_group(&self, id: &str) -> Result<Option<UserGroup>, Failure>;
    /// The ARN of a principal.
    fn principal_arn(&self, principal: &Principal) -> Result<Option<String>, Failure>;
    /// Whether an identity provider of IAM exists.
    fn has_provider(&self, arn: &str) -> Result<bool, Failure>;
    /// What there is of a thing. What belongs to something that is not there is not there either.
    fn read(&self, thing: &Thing) -> Result<State, Failure>;
    /// Makes a thing, or gives it another state. That somebody was faster is success.
    fn write(&self, thing: &Thing, state: &Value) -> Result<Option<Task>, Failure>;
    /// Takes a thing away; that it is gone already is success.
    fn remove(&self, thing: &Thing) -> Result<Option<Task>, Failure>;
    /// How far AWS is with its work.
    fn progress(&self, task: &Task) -> Result<Progress, Failure>;
    /// Waits.
    fn pause(&self, time: Duration);
}

#[cfg(test)]
pub(crate) mod fake;
