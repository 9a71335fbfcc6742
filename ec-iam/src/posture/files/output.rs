//! The outputs of the AWS CLI that count, as far as they count.

use std::collections::BTreeMap;

use serde::Deserialize;

/// The outputs of the commands that count, together: each has some of these keys.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct Output {
    // sts get-caller-identity
    pub(super) user_id: Option<String>,
    pub(super) arn: Option<Word>,
    // iam get-account-summary
    pub(super) summary_map: Option<BTreeMap<String, i64>>,
    // iam get-credential-report
    pub(super) content: Option<String>,
    pub(super) report_format: Option<String>,
    pub(super) generated_time: Option<String>,
    // iam list-account-aliases
    pub(super) account_aliases: Option<Vec<Word>>,
    // iam get-account-authorization-details
    pub(super) user_detail_list: Option<Vec<Detail>>,
    pub(super) role_detail_list: Option<Vec<Detail>>,
    // sso-admin list-instances
    pub(super) instances: Option<Vec<InstanceMetadata>>,
    // sso-admin list-permission-sets-provisioned-to-account
    pub(super) permission_sets: Option<Vec<Word>>,
    // sso-admin list-account-assignments
    pub(super) account_assignments: Option<Vec<AccountAssignment>>,
    // sso-admin list-managed-policies-in-permission-set
    pub(super) attached_managed_policies: Option<Vec<Policy>>,
    pub(super) permission_set_arn: Option<Word>,
    // sso-admin describe-permission-set
    pub(super) permission_set: Option<PermissionSet>,
    // where an output was cut off
    pub(super) is_truncated: Option<bool>,
    pub(super) next_token: Option<String>,
}

impl Output {
    /// Whether it is one of these: in the folder there may be any output.
    pub(super) fn counts(&self) -> bool {
        (self.user_id.is_some() && self.arn.is_some())
            || self.summary_map.is_some()
            || (self.content.is_some() && self.report_format.is_some())
            || self.account_aliases.is_some()
            || self.user_detail_list.is_some()
            || self.role_detail_list.is_some()
            || self.instances.is_some()
            || self.permission_sets.is_some()
            || self.account_assignments.is_some()
            || self.attached_managed_policies.is_some()
            || self.permission_set.is_some()
    }
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct Detail {
    pub(super) arn: Arn,
    #[serde(default)]
    pub(super) attached_managed_policies: Vec<Attached>,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct Attached {
    pub(super) policy_arn: String,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct InstanceMetadata {
    pub(super) instance_arn: Word,
    pub(super) identity_store_id: Option<Word>,
    pub(super) status: Option<Word>,
    pub(super) primary_region: Option<Word>,
}

#[derive(Clone, Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct AccountAssignment {
    pub(super) account_id: Word,
    pub(super) permission_set_arn: Word,
    pub(super) principal_type: Word,
    pub(super) principal_id: Word,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct Policy {
    pub(super) arn: Word,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct PermissionSet {
    pub(super) name: Word,
    pub(super) permission_set_arn: Word,
}

/// Names, ids and ARNs. They are shown, and stand in commands, so they hold only what AWS's own hold.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(try_from = "String")]
pub(super) struct Word(pub(super) String);

impl TryFrom<String> for Word {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        let is_allowed = |c: char| c.is_ascii_alphanumeric() || "_+=,.@:/-".contains(c);
        if text.chars().all(is_allowed) {
            return Ok(Self(text));
        }
        Err(format!("`{}` is no name, id or ARN", text.escape_debug()))
    }
}

/// The ARN of a user or a role, whose path may hold anything that prints.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(try_from = "String")]
pub(super) struct Arn(pub(super) String);

impl TryFrom<String> for Arn {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        if text.chars().all(|c| c.is_ascii_graphic()) {
            return Ok(Self(text));
        }
        Err(format!("`{}` is no ARN", text.escape_debug()))
    }
}
