//! What the posture is judged by, in our own words, and whoever tells it: AWS, or answers that were saved.

use std::collections::BTreeMap;
use std::time::Duration;

use ec_shared::Failure;

use super::credentials::CredentialReport;
use crate::cloud::Identity;

/// Who calls.
#[derive(Clone, Debug)]
pub enum Who {
    /// The credentials of this run.
    Present(Identity),
    /// The caller of `aws sts get-caller-identity` whose output was saved, by its ARN.
    Saved(String),
}

/// What `GetAccountSummary` tells about the root user; `None` where it does not.
///
/// Source: <https://docs.aws.amazon.com/IAM/latest/APIReference/API_GetAccountSummary.html>
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Summary {
    /// Whether it has an MFA device.
    pub has_mfa: Option<bool>,
    /// Whether it has a password. Member accounts whose root access is managed centrally have none.
    pub has_password: Option<bool>,
    /// Whether it has an access key.
    pub has_keys: Option<bool>,
}

impl Summary {
    /// Reads the map of numbers.
    pub fn of(map: &BTreeMap<String, i64>) -> Self {
        let is_set = |name: &str| map.get(name).map(|number| *number > 0);
        Self {
            has_mfa: is_set("AccountMFAEnabled"),
            has_password: is_set("AccountPasswordPresent"),
            has_keys: is_set("AccountAccessKeysPresent"),
        }
    }
}

/// An instance of IAM Identity Center.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Instance {
    /// Its ARN.
    pub arn: String,
    /// The id of its identity store, `d-1234567890`: the name of the access portal.
    pub identity_store: Option<String>,
    /// `ACTIVE`, `CREATE_IN_PROGRESS` …
    pub status: String,
    /// The Region that it is at home in, where that is told.
    pub region: Option<String>,
}

/// Somebody who holds a permission set in an account.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Assignment {
    /// `USER` or `GROUP`.
    pub principal_type: String,
    /// The id of the user or group.
    pub principal_id: String,
}

/// Whoever answers. Each failure leaves unknown what hangs on it, and nothing else.
pub trait Source {
    /// The Region where IAM Identity Center is asked.
    fn center_region(&self) -> Option<String> {
        None
    }
    /// The caller.
    fn who(&self) -> Result<Who, Failure>;
    /// The account summary.
    fn summary(&self) -> Result<Summary, Failure>;
    /// The credential report; `None` while there is none, or only one that is too old.
    fn credential_report(&self) -> Result<Option<CredentialReport>, Failure>;
    /// Asks for a new credential report.
    fn generate_credential_report(&self) -> Result<(), Failure>;
    /// The alias of the account, if it has one.
    fn alias(&self) -> Result<Option<String>, Failure>;
    /// The ARNs of the roles below a path.
    fn roles_below(&self, path: &str) -> Result<Vec<String>, Failure>;
    /// The ARNs of the managed policies of a role, by its name.
    fn policies_of_role(&self, role: &str) -> Result<Vec<String>, Failure>;
    /// The instances of IAM Identity Center that are to be seen from the account, in one Region.
    fn instances(&self) -> Result<Vec<Instance>, Failure>;
    /// The ARNs of the permission sets that the instance has put into an account.
    fn permission_sets(&self, instance: &str, account: &str) -> Result<Vec<String>, Failure>;
    /// The name of a permission set.
    fn name_of_set(&self, instance: &str, set: &str) -> Result<String, Failure>;
    /// The ARNs of the managed policies of a permission set.
    fn policies_of_set(&self, instance: &str, set: &str) -> Result<Vec<String>, Failure>;
    /// Who holds a permission set in an account.
    fn assignments(&self, instance: &str, account: &str, set: &str) -> Result<Vec<Assignment>, Failure>;
    /// Some ARN of the account that is at hand without asking.
    fn any_arn(&self) -> Option<String> {
        None
    }
    /// Waits.
    fn pause(&self, time: Duration);
}
