//! Permission sets and assignments of IAM Identity Center.

use std::cell::RefCell;
use std::collections::HashMap;

use aws_sdk_identitystore::types::MemberId;
use aws_sdk_ssoadmin::config::Region;
use aws_sdk_ssoadmin::types::{
    AccountAssignment, AttachedManagedPolicy, InstanceMetadata, InstanceStatus, PermissionsBoundary, PrincipalType,
    ProvisionTargetType, StatusValues, TargetType,
};
use ec_shared::Failure;
use serde_json::Value;

use super::{AwsCloud, found, is_there, strange, unless_there};
use crate::cloud::{Progress, Task};
use crate::codes;
use crate::policy;
use crate::thing::{Person, State, Thing};

/// The instance of Identity Center that the account uses, and what is known of it.
#[derive(Debug)]
pub(super) struct Client {
    sso: aws_sdk_ssoadmin::Client,
    pub(super) store: aws_sdk_identitystore::Client,
    instance: String,
    pub(super) store_id: String,
    /// ARNs of permission sets by name: AWS finds none by its name, so that all of them have to be looked at.
    sets: RefCell<HashMap<String, String>>,
}

impl AwsCloud {
    /// The Region of Identity Center: it has one of its own, whatever the Region of a cache.
    pub(super) fn center_region(&self) -> &str {
        self.center_region.as_deref().unwrap_or(self.region())
    }

    pub(super) fn sso(&self) -> aws_sdk_ssoadmin::Client {
        let config = aws_sdk_ssoadmin::config::Builder::from(self.aws.sdk()).interceptor(self.aws.calls());
        let config = config.region(Region::new(self.center_region().to_owned())).build();
        aws_sdk_ssoadmin::Client::from_conf(config)
    }

    /// # Errors
    /// `EC2094` if Identity Center is not on in this Region.
    pub(super) fn identity_center(&self) -> Result<&Client, Failure> {
        if let Some(client) = self.identity_center.get() {
            return Ok(client);
        }
        let sso = self.sso();
        let store = aws_sdk_identitystore::config::Builder::from(self.aws.sdk()).interceptor(self.aws.calls());
        let store = store.region(Region::new(self.center_region().to_owned())).build();
        let active = self
            .instances_of_center()?
            .into_iter()
            .find(|one| one.status.as_ref().is_none_or(|s| *s == InstanceStatus::Active));
        let known = active.and_then(|instance| Some((instance.instance_arn?, instance.identity_store_id?)));
        let (instance, store_id) = known.ok_or_else(|| {
            Failure::new(&codes::IDENTITY_CENTER_NEEDED, "cannot use IAM Identity Center")
                .because(format!("it is not on in {}, as far as this account can see", self.center_region()))
                .hint("it lives in one Region: --identity-center-region; turn it on at https://console.aws.amazon.com/singlesignon")
        })?;
        let store = aws_sdk_identitystore::Client::from_conf(store);
        Ok(self.identity_center.get_or_init(|| Client { sso, store, instance, store_id, sets: RefCell::default() }))
    }

    /// The instances that the account sees.
    pub(super) fn instances_of_center(&self) -> Result<Vec<InstanceMetadata>, Failure> {
        let instances = self.sso().list_instances().into_paginator().items().send();
        call!(self, "sso" "ListInstances", "cannot look for IAM Identity Center", instances.try_collect())
    }

    /// The ARNs of the managed policies in a permission set.
    pub(super) fn managed_policies_of_set(&self, instance: &str, set: &str) -> Result<Vec<String>, Failure> {
        let request = self.sso().list_managed_policies_in_permission_set();
        let request = request.instance_arn(instance).permission_set_arn(set).into_paginator().items().send();
        let what = || format!("cannot list the policies of permission set {set}");
        let policies: Vec<AttachedManagedPolicy> =
            call!(self, "sso" "ListManagedPoliciesInPermissionSet", what(), request.try_collect())?;
        Ok(policies.into_iter().filter_map(|policy| policy.arn).collect())
    }

    /// Who has a permission set in an account.
    pub(super) fn account_assignments(
        &self,
        instance: &str,
        account: &str,
        set: &str,
    ) -> Result<Vec<AccountAssignment>, Failure> {
        let request = self.sso().list_account_assignments().instance_arn(instance).account_id(account);
        let request = request.permission_set_arn(set).into_paginator().items().send();
        let what = || format!("cannot list who holds permission set {set}");
        call!(self, "sso" "ListAccountAssignments", what(), request.try_collect())
    }

    /// The ARN of a permission set.
    pub(super) fn permission_set(&self, name: &str) -> Result<Option<String>, Failure> {
        let client = self.identity_center()?;
        if let Some(arn) = client.sets.borrow().get(name) {
            return Ok(Some(arn.clone()));
        }
        let sets = client.sso.list_permission_sets().instance_arn(&client.instance).into_paginator().items().send();
        let sets = call!(self, "sso" "ListPermissionSets", "cannot list the permission sets", sets.try_collect())?;
        let sets: Vec<String> = sets;
        for arn in sets {
            if client.sets.borrow().values().any(|known| *known == arn) {
                continue;
            }
            let request =
                client.sso.describe_permission_set().instance_arn(&client.instance).permission_set_arn(&arn).send();
            let what = format!("cannot look at permission set {arn}");
            let answer = found(call!(self, "sso" "DescribePermissionSet", what, request))?;
            if let Some(found) = answer.and_then(|answer| answer.permission_set?.name) {
                client.sets.borrow_mut().insert(found, arn);
            }
        }
        Ok(client.sets.borrow().get(name).cloned())
    }

    fn set(&self, name: &str) -> Result<String, Failure> {
        self.permission_set(name)?.ok_or_else(|| {
            Failure::new(&codes::NO_SUCH_PRINCIPAL, format!("IAM Identity Center has no permission set {name}"))
        })
    }

    pub(super) fn read_of_identity_center(&self, thing: &Thing) -> Result<State, Failure> {
        let client = self.identity_center()?;
        let what = || format!("cannot look at the {}", thing.resource());
        let (Thing::Principal(set) | Thing::Boundary(set) | Thing::InlinePolicy(set, _) | Thing::ManagedPolicy(set, _)) =
            thing
        else {
            return match thing {
                Thing::Person(person) => Ok(is_there(self.person(person)?.is_some())),
                Thing::Membership { group, user } => Ok(is_there(self.membership(group, user)?.is_some())),
                Thing::Assignment { account, set, to } => self.assignment(account, set, to),
                _ => Err(strange(thing)),
            };
        };
        let Some(arn) = self.permission_set(&set.name)? else { return Ok(State::Absent) };
        let (sso, instance) = (&client.sso, &client.instance);
        match thing {
            Thing::Boundary(_) => {
                let request = sso.get_permissions_boundary_for_permission_set();
                let request = request.instance_arn(instance).permission_set_arn(&arn).send();
                let answer = found(call!(self, "sso" "GetPermissionsBoundaryForPermissionSet", what(), request))?;
                let boundary = answer.and_then(|answer| answer.permissions_boundary);
                let arn = boundary.and_then(|boundary| boundary.managed_policy_arn);
                Ok(arn.map_or(State::Absent, |arn| State::Present(arn.into())))
            }
            Thing::InlinePolicy(..) => {
                let request = sso.get_inline_policy_for_permission_set();
                let request = request.instance_arn(instance).permission_set_arn(&arn).send();
                let answer = found(call!(self, "sso" "GetInlinePolicyForPermissionSet", what(), request))?;
                let policy = answer.and_then(|answer| answer.inline_policy).filter(|policy| !policy.is_empty());
                Ok(policy.map_or(State::Absent, |policy| State::Present(policy::decode(&policy))))
            }
            Thing::ManagedPolicy(_, policy) => {
                let attached = self.managed_policies_of_set(instance, &arn)?;
                Ok(is_there(attached.iter().any(|attached| attached == policy)))
            }
            _ => Ok(is_there(true)),
        }
    }

    pub(super) fn write_to_identity_center(&self, thing: &Thing, state: &Value) -> Result<Option<Task>, Failure> {
        let client = self.identity_center()?;
        let (sso, instance) = (&client.sso, &client.instance);
        let what = || format!("cannot make the {}", thing.resource());
        match thing {
            Thing::Principal(set) => {
                let duration = state.get("session_duration").and_then(Value::as_str).unwrap_or("PT1H");
                let request = sso.create_permission_set().instance_arn(instance).name(&set.name);
                let request = request.description("Made by ec-iam for ElastiCache").session_duration(duration).send();
                unless_there(call!(self, "sso" "CreatePermissionSet", what(), request).map(drop))?;
                Ok(None)
            }
            Thing::Boundary(set) => {
                let boundary = PermissionsBoundary::builder().set_managed_policy_arn(state.as_str().map(str::to_owned));
                let arn = self.set(&set.name)?;
                let request = sso.put_permissions_boundary_to_permission_set().instance_arn(instance);
                let request = request.permission_set_arn(&arn).permissions_boundary(boundary.build()).send();
                call!(self, "sso" "PutPermissionsBoundaryToPermissionSet", what(), request)?;
                self.provision(&arn)
            }
            Thing::InlinePolicy(set, _) => {
                let arn = self.set(&set.name)?;
                let request = sso.put_inline_policy_to_permission_set().instance_arn(instance);
                let request = request.permission_set_arn(&arn).inline_policy(state.to_string()).send();
                call!(self, "sso" "PutInlinePolicyToPermissionSet", what(), request)?;
                self.provision(&arn)
            }
            Thing::ManagedPolicy(set, policy) => {
                let arn = self.set(&set.name)?;
                let request = sso.attach_managed_policy_to_permission_set().instance_arn(instance);
                let request = request.permission_set_arn(&arn).managed_policy_arn(policy).send();
                unless_there(call!(self, "sso" "AttachManagedPolicyToPermissionSet", what(), request).map(drop))?;
                self.provision(&arn)
            }
            Thing::Person(person) => self.create(person, state, what).map(|()| None),
            Thing::Membership { group, user } => {
                let group_id = self.somebody(&Person::Group(group.clone()))?;
                let user_id = self.somebody(&Person::User(user.clone()))?;
                let request = client.store.create_group_membership().identity_store_id(&client.store_id);
                let request = request.group_id(group_id).member_id(MemberId::UserId(user_id)).send();
                unless_there(call!(self, "identitystore" "CreateGroupMembership", what(), request).map(drop))?;
                Ok(None)
            }
            Thing::Assignment { account, set, to } => {
                let (kind, id) = (kind_of(to), self.somebody(to)?);
                let request = sso.create_account_assignment().instance_arn(instance).target_id(account);
                let request = request.target_type(TargetType::AwsAccount).permission_set_arn(self.set(set)?);
                let request = request.principal_type(kind).principal_id(id).send();
                let answer = call!(self, "sso" "CreateAccountAssignment", what(), request)?;
                Ok(answer.account_assignment_creation_status.and_then(|s| s.request_id).map(Task::Assignment))
            }
            _ => Err(strange(thing)),
        }
    }

    pub(super) fn remove_from_identity_center(&self, thing: &Thing) -> Result<Option<Task>, Failure> {
        let client = self.identity_center()?;
        let (sso, instance, store) = (&client.sso, &client.instance, &client.store);
        let what = || format!("cannot take away the {}", thing.resource());
        match thing {
            Thing::Person(person) => {
                let Some(id) = self.person(person)? else { return Ok(None) };
                found(match person {
                    Person::User(_) => {
                        let request = store.delete_user().identity_store_id(&client.store_id).user_id(id).send();
                        call!(self, "identitystore" "DeleteUser", what(), request).map(drop)
                    }
                    Person::Group(_) => {
                        let request = store.delete_group().identity_store_id(&client.store_id).group_id(id).send();
                        call!(self, "identitystore" "DeleteGroup", what(), request).map(drop)
                    }
                })?;
                Ok(None)
            }
            Thing::Membership { group, user } => {
                let Some(id) = self.membership(group, user)? else { return Ok(None) };
                let request = store.delete_group_membership().identity_store_id(&client.store_id).membership_id(id);
                found(call!(self, "identitystore" "DeleteGroupMembership", what(), request.send()))?;
                Ok(None)
            }
            Thing::Assignment { account, set, to } => {
                let (Some(arn), Some(id)) = (self.permission_set(set)?, self.person(to)?) else { return Ok(None) };
                let request = sso.delete_account_assignment().instance_arn(instance).target_id(account);
                let request = request.target_type(TargetType::AwsAccount).permission_set_arn(arn);
                let request = request.principal_type(kind_of(to)).principal_id(id).send();
                let answer = found(call!(self, "sso" "DeleteAccountAssignment", what(), request))?;
                let status = answer.and_then(|answer| answer.account_assignment_deletion_status);
                Ok(status.and_then(|status| status.request_id).map(Task::Unassignment))
            }
            Thing::Principal(set)
            | Thing::Boundary(set)
            | Thing::InlinePolicy(set, _)
            | Thing::ManagedPolicy(set, _) => {
                let Some(arn) = self.permission_set(&set.name)? else { return Ok(None) };
                self.remove_from_set(thing, &set.name, &arn)
            }
            _ => Err(strange(thing)),
        }
    }

    fn remove_from_set(&self, thing: &Thing, name: &str, arn: &str) -> Result<Option<Task>, Failure> {
        let client = self.identity_center()?;
        let (sso, instance) = (&client.sso, &client.instance);
        let what = || format!("cannot take away the {}", thing.resource());
        found(match thing {
            Thing::Boundary(_) => {
                let request = sso.delete_permissions_boundary_from_permission_set();
                let request = request.instance_arn(instance).permission_set_arn(arn).send();
                call!(self, "sso" "DeletePermissionsBoundaryFromPermissionSet", what(), request).map(drop)
            }
            Thing::InlinePolicy(..) => {
                let request = sso.delete_inline_policy_from_permission_set();
                let request = request.instance_arn(instance).permission_set_arn(arn).send();
                call!(self, "sso" "DeleteInlinePolicyFromPermissionSet", what(), request).map(drop)
            }
            Thing::ManagedPolicy(_, policy) => {
                let request = sso.detach_managed_policy_from_permission_set().instance_arn(instance);
                let request = request.permission_set_arn(arn).managed_policy_arn(policy).send();
                call!(self, "sso" "DetachManagedPolicyFromPermissionSet", what(), request).map(drop)
            }
            _ => {
                let request = sso.delete_permission_set().instance_arn(instance).permission_set_arn(arn).send();
                found(call!(self, "sso" "DeletePermissionSet", what(), request))?;
                client.sets.borrow_mut().remove(name);
                return Ok(None);
            }
        })?;
        self.provision(arn)
    }

    /// Brings a changed permission set to the accounts that have it already. Where nobody has it yet, the assignment
    /// will.
    fn provision(&self, arn: &str) -> Result<Option<Task>, Failure> {
        let client = self.identity_center()?;
        let accounts = client.sso.list_accounts_for_provisioned_permission_set().instance_arn(&client.instance);
        let accounts = accounts.permission_set_arn(arn).into_paginator().items().send();
        let what = format!("cannot tell which accounts have permission set {arn}");
        let accounts = call!(self, "sso" "ListAccountsForProvisionedPermissionSet", what, accounts.try_collect())?;
        let accounts: Vec<String> = accounts;
        if accounts.is_empty() {
            return Ok(None);
        }
        let request = client.sso.provision_permission_set().instance_arn(&client.instance).permission_set_arn(arn);
        let request = request.target_type(ProvisionTargetType::AllProvisionedAccounts).send();
        let what = format!("cannot bring permission set {arn} to its accounts");
        let answer = call!(self, "sso" "ProvisionPermissionSet", what, request)?;
        let status = answer.permission_set_provisioning_status;
        let status = status.filter(|status| status.status != Some(StatusValues::Succeeded));
        Ok(status.and_then(|status| status.request_id).map(Task::Provisioning))
    }

    fn assignment(&self, account: &str, set: &str, to: &Person) -> Result<State, Failure> {
        let client = self.identity_center()?;
        let (Some(arn), Some(id)) = (self.permission_set(set)?, self.person(to)?) else { return Ok(State::Absent) };
        let assignments = found(self.account_assignments(&client.instance, account, &arn))?.unwrap_or_default();
        let kind = kind_of(to);
        Ok(is_there(assignments.iter().any(|assignment| {
            assignment.principal_id.as_deref() == Some(&id) && assignment.principal_type.as_ref() == Some(&kind)
        })))
    }

    pub(super) fn progress_of_assignment(&self, id: &str, is_creation: bool) -> Result<Progress, Failure> {
        let client = self.identity_center()?;
        let what = "cannot ask how far the account assignment is";
        let status = if is_creation {
            let request = client.sso.describe_account_assignment_creation_status().instance_arn(&client.instance);
            let request = request.account_assignment_creation_request_id(id).send();
            call!(self, "sso" "DescribeAccountAssignmentCreationStatus", what, request)?
                .account_assignment_creation_status
        } else {
            let request = client.sso.describe_account_assignment_deletion_status().instance_arn(&client.instance);
            let request = request.account_assignment_deletion_request_id(id).send();
            call!(self, "sso" "DescribeAccountAssignmentDeletionStatus", what, request)?
                .account_assignment_deletion_status
        };
        let (status, reason) = status.map_or((None, None), |status| (status.status, status.failure_reason));
        Ok(progress(status.as_ref(), reason))
    }

    pub(super) fn progress_of_provisioning(&self, id: &str) -> Result<Progress, Failure> {
        let client = self.identity_center()?;
        let request = client.sso.describe_permission_set_provisioning_status().instance_arn(&client.instance);
        let request = request.provision_permission_set_request_id(id).send();
        let what = "cannot ask how far the permission set is";
        let answer = call!(self, "sso" "DescribePermissionSetProvisioningStatus", what, request)?;
        let status = answer.permission_set_provisioning_status;
        let (status, reason) = status.map_or((None, None), |status| (status.status, status.failure_reason));
        Ok(progress(status.as_ref(), reason))
    }
}

fn progress(status: Option<&StatusValues>, reason: Option<String>) -> Progress {
    match status {
        Some(StatusValues::Succeeded) => Progress::Done,
        Some(StatusValues::Failed) => Progress::Refused(reason.unwrap_or_else(|| "AWS gives no reason".to_owned())),
        _ => Progress::InProgress,
    }
}

fn kind_of(person: &Person) -> PrincipalType {
    match person {
        Person::User(_) => PrincipalType::User,
        Person::Group(_) => PrincipalType::Group,
    }
}
