//! Roles and policies of IAM.

use aws_sdk_iam::types::{AttachedPolicy, DeletionTaskStatusType, Role, User};
use ec_shared::Failure;
use serde_json::Value;

use super::{AwsCloud, found, is_there, strange, unless_there};
use crate::cloud::{Progress, Task};
use crate::policy;
use crate::principal::{Kind, Principal};
use crate::thing::{State, Thing};

const SERVICE: &str = "elasticache.amazonaws.com";
const ROLE_PATH: &str = "/aws-service-role/elasticache.amazonaws.com/";

impl AwsCloud {
    pub(super) fn read_of_iam(&self, thing: &Thing) -> Result<State, Failure> {
        match thing {
            Thing::ServiceLinkedRole => self.service_linked_role(),
            Thing::Principal(role) => self.trust_policy(role),
            Thing::Boundary(principal) => self.boundary(principal),
            Thing::InlinePolicy(principal, name) => self.inline_policy(principal, name),
            Thing::ManagedPolicy(principal, arn) => self.has_managed_policy(principal, arn),
            _ => Err(strange(thing)),
        }
    }

    pub(super) fn write_to_iam(&self, thing: &Thing, state: &Value) -> Result<(), Failure> {
        match thing {
            Thing::ServiceLinkedRole => self.create_service_linked_role(),
            Thing::Principal(role) => self.create_role(role, state),
            Thing::Boundary(principal) => self.put_boundary(principal, state.as_str().unwrap_or_default()),
            Thing::InlinePolicy(principal, name) => self.put_inline_policy(principal, name, state),
            Thing::ManagedPolicy(principal, arn) => self.attach_managed_policy(principal, arn),
            _ => Err(strange(thing)),
        }
    }

    pub(super) fn remove_from_iam(&self, thing: &Thing) -> Result<Option<Task>, Failure> {
        match thing {
            Thing::ServiceLinkedRole => return self.delete_service_linked_role(),
            Thing::Principal(role) => {
                let request = self.iam.delete_role().role_name(&role.name).send();
                found(call!(self, "iam" "DeleteRole", format!("cannot delete {role}"), request))?;
            }
            Thing::Boundary(principal) => self.delete_boundary(principal)?,
            Thing::InlinePolicy(principal, name) => self.delete_inline_policy(principal, name)?,
            Thing::ManagedPolicy(principal, arn) => self.detach_managed_policy(principal, arn)?,
            _ => return Err(strange(thing)),
        }
        Ok(None)
    }

    /// By its path: one call, whatever the case of its name, and an answer that needs no error to say no.
    fn service_linked_role(&self) -> Result<State, Failure> {
        let mut roles = self.iam.list_roles().path_prefix(ROLE_PATH).into_paginator().items().send();
        let role = call!(self, "iam" "ListRoles", "cannot look for the service-linked role", roles.try_next())?;
        Ok(role.map_or(State::Absent, |role| State::Present(role.arn.into())))
    }

    fn create_service_linked_role(&self) -> Result<(), Failure> {
        let request = self.iam.create_service_linked_role().aws_service_name(SERVICE).send();
        let created = call!(self, "iam" "CreateServiceLinkedRole", "cannot create the service-linked role", request);
        match created {
            // Somebody was faster. AWS says so with InvalidInput and words, emulators with a code.
            Err(failure)
                if failure.aws_code() == Some("InvalidInput") && failure.to_string().contains("has been taken") =>
            {
                Ok(())
            }
            created => unless_there(created.map(drop)),
        }
    }

    fn delete_service_linked_role(&self) -> Result<Option<Task>, Failure> {
        let State::Present(Value::String(arn)) = self.service_linked_role()? else { return Ok(None) };
        let name = arn.rsplit('/').next().unwrap_or_default();
        let request = self.iam.delete_service_linked_role().role_name(name).send();
        let answer = call!(self, "iam" "DeleteServiceLinkedRole", format!("cannot delete role {name}"), request);
        Ok(found(answer)?.map(|answer| Task::RoleDeletion(answer.deletion_task_id)))
    }

    pub(super) fn progress_of_deletion(&self, task: &str) -> Result<Progress, Failure> {
        let request = self.iam.get_service_linked_role_deletion_status().deletion_task_id(task).send();
        let what = "cannot ask how far the deletion of the service-linked role is";
        let answer = call!(self, "iam" "GetServiceLinkedRoleDeletionStatus", what, request)?;
        Ok(match answer.status {
            DeletionTaskStatusType::Succeeded => Progress::Done,
            DeletionTaskStatusType::Failed => {
                let reason = answer.reason.and_then(|reason| reason.reason);
                Progress::Refused(reason.unwrap_or_else(|| "AWS gives no reason".to_owned()))
            }
            _ => Progress::InProgress,
        })
    }

    pub(super) fn arn_of(&self, principal: &Principal) -> Result<Option<String>, Failure> {
        Ok(match principal.kind {
            Kind::User => self.user(principal)?.map(|user| user.arn),
            Kind::Role | Kind::PermissionSet => self.role(principal)?.map(|role| role.arn),
            Kind::Group => {
                let request = self.iam.get_group().group_name(&principal.name).send();
                let answer = found(call!(self, "iam" "GetGroup", format!("cannot look up {principal}"), request))?;
                answer.and_then(|answer| answer.group).map(|group| group.arn)
            }
        })
    }

    pub(super) fn user(&self, principal: &Principal) -> Result<Option<User>, Failure> {
        let request = self.iam.get_user().user_name(&principal.name).send();
        let answer = found(call!(self, "iam" "GetUser", format!("cannot look up {principal}"), request))?;
        Ok(answer.and_then(|answer| answer.user))
    }

    pub(super) fn role(&self, principal: &Principal) -> Result<Option<Role>, Failure> {
        let request = self.iam.get_role().role_name(&principal.name).send();
        let answer = found(call!(self, "iam" "GetRole", format!("cannot look up {principal}"), request))?;
        Ok(answer.and_then(|answer| answer.role))
    }

    pub(super) fn has_identity_provider(&self, arn: &str) -> Result<bool, Failure> {
        let what = || format!("cannot look up the identity provider {arn}");
        let answer = if arn.contains(":saml-provider/") {
            let request = self.iam.get_saml_provider().saml_provider_arn(arn).send();
            call!(self, "iam" "GetSAMLProvider", what(), request).map(drop)
        } else {
            let request = self.iam.get_open_id_connect_provider().open_id_connect_provider_arn(arn).send();
            call!(self, "iam" "GetOpenIDConnectProvider", what(), request).map(drop)
        };
        Ok(found(answer)?.is_some())
    }

    fn trust_policy(&self, role: &Principal) -> Result<State, Failure> {
        let text = self.role(role)?.and_then(|role| role.assume_role_policy_document);
        Ok(text.map_or(State::Absent, |text| State::Present(policy::decode(&text))))
    }

    fn create_role(&self, role: &Principal, trust: &Value) -> Result<(), Failure> {
        let request = self.iam.create_role().role_name(&role.name).assume_role_policy_document(trust.to_string());
        let request = request.description("Made by ec-iam for ElastiCache").send();
        unless_there(call!(self, "iam" "CreateRole", format!("cannot create {role}"), request).map(drop))
    }

    fn boundary(&self, principal: &Principal) -> Result<State, Failure> {
        let boundary = if principal.kind == Kind::User {
            self.user(principal)?.and_then(|user| user.permissions_boundary)
        } else {
            self.role(principal)?.and_then(|role| role.permissions_boundary)
        };
        let arn = boundary.and_then(|boundary| boundary.permissions_boundary_arn);
        Ok(arn.map_or(State::Absent, |arn| State::Present(arn.into())))
    }

    fn put_boundary(&self, principal: &Principal, arn: &str) -> Result<(), Failure> {
        let name = &principal.name;
        let what = || format!("cannot set the permissions boundary of {principal}");
        if principal.kind == Kind::User {
            let request = self.iam.put_user_permissions_boundary().user_name(name).permissions_boundary(arn).send();
            call!(self, "iam" "PutUserPermissionsBoundary", what(), request).map(drop)
        } else {
            let request = self.iam.put_role_permissions_boundary().role_name(name).permissions_boundary(arn).send();
            call!(self, "iam" "PutRolePermissionsBoundary", what(), request).map(drop)
        }
    }

    fn delete_boundary(&self, principal: &Principal) -> Result<(), Failure> {
        let name = &principal.name;
        let what = || format!("cannot take away the permissions boundary of {principal}");
        found(if principal.kind == Kind::User {
            let request = self.iam.delete_user_permissions_boundary().user_name(name).send();
            call!(self, "iam" "DeleteUserPermissionsBoundary", what(), request).map(drop)
        } else {
            let request = self.iam.delete_role_permissions_boundary().role_name(name).send();
            call!(self, "iam" "DeleteRolePermissionsBoundary", what(), request).map(drop)
        })
        .map(drop)
    }

    fn has_managed_policy(&self, principal: &Principal, arn: &str) -> Result<State, Failure> {
        let attached = found(self.managed_policies(principal))?.unwrap_or_default();
        Ok(is_there(attached.iter().any(|policy| policy == arn)))
    }

    /// The ARNs of the managed policies that are attached to a principal.
    pub(super) fn managed_policies(&self, principal: &Principal) -> Result<Vec<String>, Failure> {
        let (iam, name) = (&self.iam, &principal.name);
        let what = || format!("cannot list the managed policies of {principal}");
        let policies: Vec<AttachedPolicy> = match principal.kind {
            Kind::User => {
                let policies = iam.list_attached_user_policies().user_name(name).into_paginator().items().send();
                call!(self, "iam" "ListAttachedUserPolicies", what(), policies.try_collect())?
            }
            Kind::Role | Kind::PermissionSet => {
                let policies = iam.list_attached_role_policies().role_name(name).into_paginator().items().send();
                call!(self, "iam" "ListAttachedRolePolicies", what(), policies.try_collect())?
            }
            Kind::Group => {
                let policies = iam.list_attached_group_policies().group_name(name).into_paginator().items().send();
                call!(self, "iam" "ListAttachedGroupPolicies", what(), policies.try_collect())?
            }
        };
        Ok(policies.into_iter().filter_map(|policy| policy.policy_arn).collect())
    }

    fn attach_managed_policy(&self, principal: &Principal, arn: &str) -> Result<(), Failure> {
        let name = &principal.name;
        let what = || format!("cannot attach {arn} to {principal}");
        let iam = &self.iam;
        match principal.kind {
            Kind::User => {
                let request = iam.attach_user_policy().user_name(name).policy_arn(arn).send();
                call!(self, "iam" "AttachUserPolicy", what(), request).map(drop)
            }
            Kind::Group => {
                let request = iam.attach_group_policy().group_name(name).policy_arn(arn).send();
                call!(self, "iam" "AttachGroupPolicy", what(), request).map(drop)
            }
            Kind::Role | Kind::PermissionSet => {
                let request = iam.attach_role_policy().role_name(name).policy_arn(arn).send();
                call!(self, "iam" "AttachRolePolicy", what(), request).map(drop)
            }
        }
    }

    fn detach_managed_policy(&self, principal: &Principal, arn: &str) -> Result<(), Failure> {
        let name = &principal.name;
        let what = || format!("cannot detach {arn} from {principal}");
        let iam = &self.iam;
        found(match principal.kind {
            Kind::User => {
                let request = iam.detach_user_policy().user_name(name).policy_arn(arn).send();
                call!(self, "iam" "DetachUserPolicy", what(), request).map(drop)
            }
            Kind::Group => {
                let request = iam.detach_group_policy().group_name(name).policy_arn(arn).send();
                call!(self, "iam" "DetachGroupPolicy", what(), request).map(drop)
            }
            Kind::Role | Kind::PermissionSet => {
                let request = iam.detach_role_policy().role_name(name).policy_arn(arn).send();
                call!(self, "iam" "DetachRolePolicy", what(), request).map(drop)
            }
        })
        .map(drop)
    }

    fn inline_policy(&self, principal: &Principal, policy: &str) -> Result<State, Failure> {
        let text = found(self.policy_text(principal, policy))?;
        Ok(text.map_or(State::Absent, |text| State::Present(policy::decode(&text))))
    }

    /// An inline policy as IAM has it.
    pub(super) fn policy_text(&self, principal: &Principal, policy: &str) -> Result<String, Failure> {
        let name = &principal.name;
        let what = || format!("cannot read policy {policy} of {principal}");
        let iam = &self.iam;
        match principal.kind {
            Kind::Role | Kind::PermissionSet => {
                let request = iam.get_role_policy().role_name(name).policy_name(policy).send();
                call!(self, "iam" "GetRolePolicy", what(), request).map(|answer| answer.policy_document)
            }
            Kind::User => {
                let request = iam.get_user_policy().user_name(name).policy_name(policy).send();
                call!(self, "iam" "GetUserPolicy", what(), request).map(|answer| answer.policy_document)
            }
            Kind::Group => {
                let request = iam.get_group_policy().group_name(name).policy_name(policy).send();
                call!(self, "iam" "GetGroupPolicy", what(), request).map(|answer| answer.policy_document)
            }
        }
    }

    fn put_inline_policy(&self, principal: &Principal, policy: &str, document: &Value) -> Result<(), Failure> {
        let (name, text) = (&principal.name, document.to_string());
        let what = || format!("cannot write policy {policy} of {principal}");
        let iam = &self.iam;
        match principal.kind {
            Kind::Role | Kind::PermissionSet => {
                let request = iam.put_role_policy().role_name(name).policy_name(policy).policy_document(text).send();
                call!(self, "iam" "PutRolePolicy", what(), request).map(drop)
            }
            Kind::User => {
                let request = iam.put_user_policy().user_name(name).policy_name(policy).policy_document(text).send();
                call!(self, "iam" "PutUserPolicy", what(), request).map(drop)
            }
            Kind::Group => {
                let request = iam.put_group_policy().group_name(name).policy_name(policy).policy_document(text).send();
                call!(self, "iam" "PutGroupPolicy", what(), request).map(drop)
            }
        }
    }

    fn delete_inline_policy(&self, principal: &Principal, policy: &str) -> Result<(), Failure> {
        let name = &principal.name;
        let what = || format!("cannot delete policy {policy} of {principal}");
        let iam = &self.iam;
        found(match principal.kind {
            Kind::Role | Kind::PermissionSet => {
                let request = iam.delete_role_policy().role_name(name).policy_name(policy).send();
                call!(self, "iam" "DeleteRolePolicy", what(), request).map(drop)
            }
            Kind::User => {
                let request = iam.delete_user_policy().user_name(name).policy_name(policy).send();
                call!(self, "iam" "DeleteUserPolicy", what(), request).map(drop)
            }
            Kind::Group => {
                let request = iam.delete_group_policy().group_name(name).policy_name(policy).send();
                call!(self, "iam" "DeleteGroupPolicy", what(), request).map(drop)
            }
        })
        .map(drop)
    }
}
