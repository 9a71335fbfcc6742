//! The calls of `simulate`: the policies of an account or a principal, and AWS's own simulator.

use aws_sdk_iam::types::{
    AttachedPermissionsBoundary, AttachedPolicy, ContextEntry, ContextKeyTypeEnum, EvaluationResult, GroupDetail,
    ManagedPolicyDetail, PolicyDetail, PolicyEvaluationDecisionType, RoleDetail, Statement, Tag, UserDetail,
};
use ec_shared::Failure;
use serde_json::{Value, json};

use super::{AwsCloud, found};
use crate::codes;
use crate::evaluate::{Context, Decision};
use crate::principal::{Kind, Principal};
use crate::simulate::{Asked, Iam, Page, Said, SaidStatement};

/// As many items as AWS puts on a page.
const MOST: i32 = 1000;

impl Iam for AwsCloud {
    fn page(&self, marker: Option<&str>) -> Result<Page, Failure> {
        let what = "cannot read the authorization details of the account";
        let request =
            self.iam.get_account_authorization_details().max_items(MOST).set_marker(marker.map(str::to_owned));
        let page = call!(self, "iam" "GetAccountAuthorizationDetails", what, request.send())?;
        let lists = json!({
            "UserDetailList": page.user_detail_list.unwrap_or_default().into_iter().map(user).collect::<Vec<_>>(),
            "GroupDetailList": page.group_detail_list.unwrap_or_default().into_iter().map(group).collect::<Vec<_>>(),
            "RoleDetailList": page.role_detail_list.unwrap_or_default().into_iter().map(role).collect::<Vec<_>>(),
            "Policies": page.policies.unwrap_or_default().into_iter().map(managed).collect::<Vec<_>>(),
        });
        Ok(Page { lists, is_truncated: page.is_truncated, marker: page.marker })
    }

    fn detail(&self, principal: &Principal) -> Result<Option<Value>, Failure> {
        Ok(match principal.kind {
            Kind::User => self.user(principal)?.map(|user| holder(&user.arn, user.permissions_boundary, user.tags)),
            Kind::Role => self.role(principal)?.map(|role| holder(&role.arn, role.permissions_boundary, role.tags)),
            Kind::Group | Kind::PermissionSet => None,
        })
    }

    fn inline_policies(&self, principal: &Principal) -> Result<Vec<(String, String)>, Failure> {
        let (iam, name) = (&self.iam, &principal.name);
        let what = || format!("cannot list the policies of {principal}");
        let names: Vec<String> = match principal.kind {
            Kind::User => {
                let names = iam.list_user_policies().user_name(name).into_paginator().items().send();
                call!(self, "iam" "ListUserPolicies", what(), names.try_collect())?
            }
            Kind::Role | Kind::PermissionSet => {
                let names = iam.list_role_policies().role_name(name).into_paginator().items().send();
                call!(self, "iam" "ListRolePolicies", what(), names.try_collect())?
            }
            Kind::Group => {
                let names = iam.list_group_policies().group_name(name).into_paginator().items().send();
                call!(self, "iam" "ListGroupPolicies", what(), names.try_collect())?
            }
        };
        let text = |policy: String| {
            let text = self.policy_text(principal, &policy)?;
            Ok((policy, text))
        };
        names.into_iter().map(text).collect()
    }

    fn attached_policies(&self, principal: &Principal) -> Result<Vec<String>, Failure> {
        self.managed_policies(principal)
    }

    fn groups(&self, user: &str) -> Result<Vec<(String, String)>, Failure> {
        let groups = self.iam.list_groups_for_user().user_name(user).into_paginator().items().send();
        let what = format!("cannot list the groups of user/{user}");
        let groups: Vec<_> = call!(self, "iam" "ListGroupsForUser", what, groups.try_collect())?;
        Ok(groups.into_iter().map(|group| (group.group_name, group.arn)).collect())
    }

    fn managed_policy(&self, arn: &str) -> Result<Option<String>, Failure> {
        let what = || format!("cannot read policy {arn}");
        let policy = call!(self, "iam" "GetPolicy", what(), self.iam.get_policy().policy_arn(arn).send());
        let Some(version) = found(policy)?.and_then(|answer| answer.policy?.default_version_id) else {
            return Ok(None);
        };
        let request = self.iam.get_policy_version().policy_arn(arn).version_id(version).send();
        let version = call!(self, "iam" "GetPolicyVersion", what(), request);
        Ok(found(version)?.and_then(|answer| answer.policy_version?.document))
    }

    fn simulate(&self, asked: &Asked<'_>) -> Result<Said, Failure> {
        let Asked { whose, action, resource, context } = *asked;
        let what = || format!("cannot ask AWS's simulator about {action} on {resource}");
        let entries = Some(entries(context)).filter(|entries| !entries.is_empty());
        let results: Vec<EvaluationResult> = match whose {
            Ok(principal) => {
                let request = self.iam.simulate_principal_policy().policy_source_arn(principal);
                let request = request.action_names(action).resource_arns(resource).set_context_entries(entries);
                let results = request.into_paginator().items().send();
                call!(self, "iam" "SimulatePrincipalPolicy", what(), results.try_collect())?
            }
            Err(policies) => {
                let boundary = Some(policies.boundary.clone()).filter(|boundary| !boundary.is_empty());
                let request = self.iam.simulate_custom_policy().set_policy_input_list(Some(policies.identity.clone()));
                let request = request.set_permissions_boundary_policy_input_list(boundary);
                let request = request.action_names(action).resource_arns(resource).set_context_entries(entries);
                let results = request.into_paginator().items().send();
                call!(self, "iam" "SimulateCustomPolicy", what(), results.try_collect())?
            }
        };
        said(results, resource).ok_or_else(|| {
            Failure::new(&codes::INCOMPLETE, what()).because("the answer has no decision about this resource")
        })
    }
}

/// What the results say about the resource: in a result of its own, or among those of the action.
fn said(results: Vec<EvaluationResult>, resource: &str) -> Option<Said> {
    for result in results {
        let specific = result.resource_specific_results.unwrap_or_default();
        if let Some(result) = specific.into_iter().find(|result| result.eval_resource_name == resource) {
            return told(&result.eval_resource_decision, result.matched_statements, result.missing_context_values);
        }
        if result.eval_resource_name.as_deref() == Some(resource) {
            return told(&result.eval_decision, result.matched_statements, result.missing_context_values);
        }
    }
    None
}

fn told(
    decision: &PolicyEvaluationDecisionType,
    matched: Option<Vec<Statement>>,
    missing_keys: Option<Vec<String>>,
) -> Option<Said> {
    let decision = match decision {
        PolicyEvaluationDecisionType::Allowed => Decision::Allowed,
        PolicyEvaluationDecisionType::ExplicitDeny => Decision::ExplicitDeny,
        PolicyEvaluationDecisionType::ImplicitDeny => Decision::ImplicitDeny,
        _ => return None,
    };
    let matched = matched.unwrap_or_default().into_iter().map(|statement| SaidStatement {
        policy: statement.source_policy_id.unwrap_or_default(),
        start: statement.start_position.map(|position| (position.line, position.column)),
    });
    Some(Said { decision, matched: matched.collect(), missing_keys: missing_keys.unwrap_or_default() })
}

/// The context as AWS's simulator takes it, each key with the type of its values.
///
/// Source: <https://docs.aws.amazon.com/IAM/latest/APIReference/API_ContextEntry.html>
fn entries(context: &Context) -> Vec<ContextEntry> {
    let entry = |(key, values): (&str, &[String])| {
        ContextEntry::builder()
            .context_key_name(key)
            .set_context_key_values(Some(values.to_vec()))
            .context_key_type(kind(key, values.len()))
            .build()
    };
    context.entries().map(entry).collect()
}

/// The type of a key's values; the key is in lower case.
fn kind(key: &str, count: usize) -> ContextKeyTypeEnum {
    use ContextKeyTypeEnum as Type;
    let (one, several) = match key {
        "aws:sourceip" | "aws:vpcsourceip" => (Type::Ip, Type::IpList),
        "aws:currenttime" | "aws:tokenissuetime" => (Type::Date, Type::DateList),
        "aws:epochtime" | "aws:multifactorauthage" => (Type::Numeric, Type::NumericList),
        "aws:multifactorauthpresent" | "aws:securetransport" | "aws:viaawsservice" | "aws:principalisawsservice" => {
            (Type::Boolean, Type::BooleanList)
        }
        "aws:tagkeys" | "aws:calledvia" => (Type::StringList, Type::StringList),
        _ => (Type::String, Type::StringList),
    };
    if count == 1 { one } else { several }
}

fn holder(arn: &str, boundary: Option<AttachedPermissionsBoundary>, tags: Option<Vec<Tag>>) -> Value {
    let mut holder = json!({"Arn": arn, "Tags": tags.unwrap_or_default().iter().map(tag).collect::<Vec<_>>()});
    if let Some(arn) = boundary.and_then(|boundary| boundary.permissions_boundary_arn) {
        holder["PermissionsBoundary"] = json!({"PermissionsBoundaryArn": arn});
    }
    holder
}

fn user(user: UserDetail) -> Value {
    let mut detail = holder(user.arn.as_deref().unwrap_or_default(), user.permissions_boundary, user.tags);
    detail["UserPolicyList"] = inline(user.user_policy_list);
    detail["AttachedManagedPolicies"] = attached(user.attached_managed_policies);
    detail["GroupList"] = user.group_list.unwrap_or_default().into();
    detail
}

fn role(role: RoleDetail) -> Value {
    let mut detail = holder(role.arn.as_deref().unwrap_or_default(), role.permissions_boundary, role.tags);
    detail["RolePolicyList"] = inline(role.role_policy_list);
    detail["AttachedManagedPolicies"] = attached(role.attached_managed_policies);
    detail
}

fn group(group: GroupDetail) -> Value {
    json!({
        "GroupName": group.group_name,
        "Arn": group.arn.unwrap_or_default(),
        "GroupPolicyList": inline(group.group_policy_list),
        "AttachedManagedPolicies": attached(group.attached_managed_policies),
    })
}

fn managed(policy: ManagedPolicyDetail) -> Value {
    let versions = policy.policy_version_list.unwrap_or_default().into_iter();
    let versions =
        versions.map(|version| json!({"Document": version.document, "IsDefaultVersion": version.is_default_version}));
    json!({"Arn": policy.arn.unwrap_or_default(), "PolicyVersionList": versions.collect::<Vec<_>>()})
}

fn inline(policies: Option<Vec<PolicyDetail>>) -> Value {
    let policies = policies.unwrap_or_default().into_iter();
    policies
        .map(|policy| {
            json!({"PolicyName": policy.policy_name.unwrap_or_default(), "PolicyDocument": policy.policy_document})
        })
        .collect()
}

fn attached(policies: Option<Vec<AttachedPolicy>>) -> Value {
    let policies = policies.unwrap_or_default().into_iter();
    policies.map(|policy| json!({"PolicyArn": policy.policy_arn.unwrap_or_default()})).collect()
}

fn tag(tag: &Tag) -> Value {
    json!({"Key": tag.key, "Value": tag.value})
}

#[cfg(test)]
mod tests {
    use aws_sdk_iam::types::ResourceSpecificResult;

    use super::*;

    fn result(resource: &str, decision: PolicyEvaluationDecisionType) -> EvaluationResult {
        let result = EvaluationResult::builder().eval_action_name("a:B").eval_resource_name(resource);
        result.eval_decision(decision).build().unwrap()
    }

    #[test]
    fn a_decision_stands_in_a_result_of_its_own_or_among_those_of_the_action() {
        use PolicyEvaluationDecisionType as Type;
        let own = vec![result("one", Type::Allowed), result("two", Type::ExplicitDeny)];
        assert_eq!(said(own, "two").unwrap().decision, Decision::ExplicitDeny);
        let specific =
            ResourceSpecificResult::builder().eval_resource_name("one").eval_resource_decision(Type::Allowed);
        let mut among = result("*", Type::ImplicitDeny);
        among.resource_specific_results = Some(vec![specific.build().unwrap()]);
        assert_eq!(said(vec![among.clone()], "one").unwrap().decision, Decision::Allowed);
        assert_eq!(said(vec![among.clone()], "*").unwrap().decision, Decision::ImplicitDeny);
        assert_eq!(said(vec![among], "three"), None);
    }

    #[test]
    fn the_keys_of_a_context_have_types() {
        let context = Context::new([
            ("aws:SourceIp", vec!["10.0.0.1"]),
            ("aws:TagKeys", vec!["team"]),
            ("iam:AWSServiceName", vec!["x"]),
            ("aws:PrincipalOrgPaths", vec!["a", "b"]),
        ]);
        let types: Vec<String> = entries(&context)
            .into_iter()
            .map(|entry| {
                let kind = entry.context_key_type.map(|kind| kind.as_str().to_owned());
                format!("{} {}", entry.context_key_name.unwrap_or_default(), kind.unwrap_or_default())
            })
            .collect();
        let expected = [
            "aws:principalorgpaths stringList",
            "aws:sourceip ip",
            "aws:tagkeys stringList",
            "iam:awsservicename string",
        ];
        assert_eq!(types, expected);
    }
}
