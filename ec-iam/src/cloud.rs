//! What ec-iam asks of AWS, in its own words.

use std::time::{Duration, SystemTime};

use ec_shared::Failure;
use ec_shared::document::Cache;
use serde_json::Value;

use crate::principal::Principal;
use crate::user::CacheUser;

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

/// How far the deletion of a service-linked role is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Deletion {
    /// AWS is at it.
    InProgress,
    /// The role is gone.
    Succeeded,
    /// AWS keeps the role, and says why.
    Refused(String),
}

/// The calls. Reading something that is not there is `None`, not an error.
pub trait Cloud {
    /// The caller and the credentials.
    fn identity(&self) -> Result<Identity, Failure>;
    /// The caches of a name in the Region, of every kind.
    fn caches(&self, name: &str) -> Result<Vec<Cache>, Failure>;
    /// The `ElastiCache` user of an id, or all of them.
    fn users(&self, id: Option<&str>) -> Result<Vec<CacheUser>, Failure>;
    /// The ARN of ElastiCache's service-linked role.
    fn service_linked_role(&self) -> Result<Option<String>, Failure>;
    /// Creates it; that it has been created in the meantime is success.
    fn create_service_linked_role(&self) -> Result<(), Failure>;
    /// Asks for its deletion, and returns the task that does it; `None` if it is gone.
    fn delete_service_linked_role(&self, name: &str) -> Result<Option<String>, Failure>;
    /// How far such a task is.
    fn deletion(&self, task: &str) -> Result<Deletion, Failure>;
    /// The ARN of a principal.
    fn principal_arn(&self, principal: &Principal) -> Result<Option<String>, Failure>;
    /// An inline policy of a principal; `None` if there is no such policy, or no such principal.
    fn inline_policy(&self, principal: &Principal, name: &str) -> Result<Option<Value>, Failure>;
    /// Writes an inline policy.
    fn put_inline_policy(&self, principal: &Principal, name: &str, policy: &Value) -> Result<(), Failure>;
    /// Deletes an inline policy; that it is gone already is success.
    fn delete_inline_policy(&self, principal: &Principal, name: &str) -> Result<(), Failure>;
    /// Waits.
    fn pause(&self, time: Duration);
}

#[cfg(test)]
pub(crate) mod fake;
