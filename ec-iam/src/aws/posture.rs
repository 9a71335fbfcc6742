//! The calls of `check`: IAM's view of the account, and IAM Identity Center's.

use std::collections::BTreeMap;
use std::time::Duration;

use ec_shared::Failure;
use jiff::Timestamp;

use super::AwsCloud;
use crate::cloud::Cloud;
use crate::posture::CredentialReport;
use crate::posture::source::{Assignment, Instance, Source, Summary, Who};
use crate::principal::{Kind, Principal};

impl Source for AwsCloud {
    fn center_region(&self) -> Option<String> {
        Some(self.center_region().to_owned())
    }

    fn who(&self) -> Result<Who, Failure> {
        self.identity().map(Who::Present)
    }

    fn summary(&self) -> Result<Summary, Failure> {
        let request = self.iam.get_account_summary().send();
        let answer = call!(self, "iam" "GetAccountSummary", "cannot read the account summary", request)?;
        let map: BTreeMap<String, i64> = answer
            .summary_map
            .unwrap_or_default()
            .into_iter()
            .map(|(key, number)| (key.as_str().to_owned(), number.into()))
            .collect();
        Ok(Summary::of(&map))
    }

    fn credential_report(&self) -> Result<Option<CredentialReport>, Failure> {
        let request = self.iam.get_credential_report().send();
        let answer = match call!(self, "iam" "GetCredentialReport", "cannot read the credential report", request) {
            Ok(answer) => answer,
            // <https://docs.aws.amazon.com/IAM/latest/APIReference/API_GetCredentialReport.html>
            Err(failure) => {
                return match failure.aws_code() {
                    Some("ReportNotPresent" | "ReportExpired" | "ReportInProgress") => Ok(None),
                    _ => Err(failure),
                };
            }
        };
        let text = answer.content.unwrap_or_default().into_inner();
        let generated = answer.generated_time.and_then(|time| Timestamp::from_second(time.secs()).ok());
        CredentialReport::parse(&text, generated, "the credential report").map(Some)
    }

    fn generate_credential_report(&self) -> Result<(), Failure> {
        let request = self.iam.generate_credential_report().send();
        call!(self, "iam" "GenerateCredentialReport", "cannot ask for a credential report", request).map(drop)
    }

    fn alias(&self) -> Result<Option<String>, Failure> {
        let request = self.iam.list_account_aliases().send();
        let answer = call!(self, "iam" "ListAccountAliases", "cannot look up the account's alias", request)?;
        Ok(answer.account_aliases.into_iter().next())
    }

    fn roles_below(&self, path: &str) -> Result<Vec<String>, Failure> {
        let roles = self.iam.list_roles().path_prefix(path).into_paginator().items().send();
        let what = || format!("cannot list the roles below {path}");
        let roles: Vec<_> = call!(self, "iam" "ListRoles", what(), roles.try_collect())?;
        Ok(roles.into_iter().map(|role: aws_sdk_iam::types::Role| role.arn).collect())
    }

    fn policies_of_role(&self, role: &str) -> Result<Vec<String>, Failure> {
        self.managed_policies(&Principal { kind: Kind::Role, name: role.to_owned(), account: None })
    }

    fn instances(&self) -> Result<Vec<Instance>, Failure> {
        let instance = |from: aws_sdk_ssoadmin::types::InstanceMetadata| {
            Some(Instance {
                arn: from.instance_arn?,
                identity_store: from.identity_store_id,
                // Emulators that are older than the member show only what is ready.
                status: from.status.map_or_else(|| "ACTIVE".to_owned(), |status| status.as_str().to_owned()),
                region: from.primary_region,
            })
        };
        Ok(self.instances_of_center()?.into_iter().filter_map(instance).collect())
    }

    fn permission_sets(&self, instance: &str, account: &str) -> Result<Vec<String>, Failure> {
        let request = self.sso().list_permission_sets_provisioned_to_account();
        let request = request.instance_arn(instance).account_id(account).into_paginator().items().send();
        let what = || format!("cannot list the permission sets of account {account}");
        call!(self, "sso" "ListPermissionSetsProvisionedToAccount", what(), request.try_collect())
    }

    fn name_of_set(&self, instance: &str, set: &str) -> Result<String, Failure> {
        let request = self.sso().describe_permission_set().instance_arn(instance).permission_set_arn(set).send();
        let what = || format!("cannot look up permission set {set}");
        let answer = call!(self, "sso" "DescribePermissionSet", what(), request)?;
        Ok(answer.permission_set.and_then(|set| set.name).unwrap_or_default())
    }

    fn policies_of_set(&self, instance: &str, set: &str) -> Result<Vec<String>, Failure> {
        self.managed_policies_of_set(instance, set)
    }

    fn assignments(&self, instance: &str, account: &str, set: &str) -> Result<Vec<Assignment>, Failure> {
        let assignment = |from: aws_sdk_ssoadmin::types::AccountAssignment| {
            Some(Assignment {
                principal_type: from.principal_type?.as_str().to_owned(),
                principal_id: from.principal_id?,
            })
        };
        Ok(self.account_assignments(instance, account, set)?.into_iter().filter_map(assignment).collect())
    }

    fn pause(&self, time: Duration) {
        Cloud::pause(self, time);
    }
}
