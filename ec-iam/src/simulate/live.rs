//! The policies of an account or of one principal, asked of IAM and put into the shape in which the AWS CLI saves them.
//!
//! Sources: <https://docs.aws.amazon.com/IAM/latest/APIReference/API_GetAccountAuthorizationDetails.html> and the pages
//! of the other calls in the same reference.

use ec_shared::Failure;
use serde_json::{Map, Value, json};

use super::account::{Holder, named, no_group, read};
use crate::codes;
use crate::evaluate::{Context, Decision};
use crate::principal::{Kind, Principal};

/// The lists of the authorization details.
const LISTS: [&str; 4] = ["UserDetailList", "GroupDetailList", "RoleDetailList", "Policies"];

/// What `simulate` asks of IAM. Reading something that is not there is `None`, not an error.
pub trait Iam {
    /// One page of the authorization details of the account.
    fn page(&self, marker: Option<&str>) -> Result<Page, Failure>;
    /// A user or a role in the shape of the authorization details, without its policies.
    fn detail(&self, principal: &Principal) -> Result<Option<Value>, Failure>;
    /// The names and texts of its inline policies.
    fn inline_policies(&self, principal: &Principal) -> Result<Vec<(String, String)>, Failure>;
    /// The ARNs of the managed policies that are attached to it.
    fn attached_policies(&self, principal: &Principal) -> Result<Vec<String>, Failure>;
    /// The names and ARNs of a user's groups.
    fn groups(&self, user: &str) -> Result<Vec<(String, String)>, Failure>;
    /// The text of a managed policy's default version.
    fn managed_policy(&self, arn: &str) -> Result<Option<String>, Failure>;
    /// What AWS's own simulator says.
    fn simulate(&self, asked: &Asked<'_>) -> Result<Said, Failure>;
}

/// A page of the authorization details.
#[derive(Clone, Debug, Default)]
pub struct Page {
    /// The lists, each under AWS's name for it.
    pub lists: Value,
    /// Whether AWS has more.
    pub is_truncated: bool,
    /// Where it goes on.
    pub marker: Option<String>,
}

/// Texts of policies.
#[derive(Clone, Debug, Default)]
pub struct Policies {
    /// Identity-based policies.
    pub identity: Vec<String>,
    /// The permissions boundary.
    pub boundary: Vec<String>,
}

/// A question for AWS's own simulator.
#[derive(Clone, Debug)]
pub struct Asked<'a> {
    /// The ARN of the principal that has the policies, or their texts.
    pub whose: Result<&'a str, &'a Policies>,
    /// The action.
    pub action: &'a str,
    /// The resource.
    pub resource: &'a str,
    /// What is known of the request.
    pub context: &'a Context,
}

/// What AWS's own simulator says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Said {
    /// The decision.
    pub decision: Decision,
    /// The statements that decided.
    pub matched: Vec<SaidStatement>,
    /// The keys that it would have liked to know.
    pub missing_keys: Vec<String>,
}

/// A statement, as AWS's own simulator names it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SaidStatement {
    /// The name of the policy, or its number in the request.
    pub policy: String,
    /// Line and column at which the statement begins.
    pub start: Option<(i32, i32)>,
}

/// The authorization details of the whole account.
///
/// # Errors
/// What the calls end with: half a list would be an answer about half an account.
pub(super) fn account(iam: &impl Iam) -> Result<Value, Failure> {
    let mut whole: Map<String, Value> = LISTS.iter().map(|name| ((*name).to_owned(), json!([]))).collect();
    let mut marker: Option<String> = None;
    loop {
        let mut page = iam.page(marker.as_deref())?;
        for name in LISTS {
            if let (Some(Value::Array(all)), Some(Value::Array(more))) = (whole.get_mut(name), page.lists.get_mut(name))
            {
                all.append(more);
            }
        }
        if !page.is_truncated {
            return Ok(whole.into());
        }
        if page.marker.is_none() || page.marker == marker {
            return Err(Failure::new(&codes::INCOMPLETE, "cannot read the authorization details of the account")
                .because("IAM says that there is more, and not where it goes on"));
        }
        marker = page.marker;
    }
}

/// A user or a role with its policies, those of its groups among them.
///
/// # Errors
/// `EC2003` for a group, `EC2004` if there is no such principal, else what the calls end with.
pub fn holder(iam: &impl Iam, principal: &Principal) -> Result<Holder, Failure> {
    named(principal, read(&details(iam, principal)?.to_string())?)
}

/// The authorization details of one user or role alone, with its groups and policies and no others.
fn details(iam: &impl Iam, principal: &Principal) -> Result<Value, Failure> {
    let (list, policies) = match principal.kind {
        Kind::User => ("UserDetailList", "UserPolicyList"),
        Kind::Role => ("RoleDetailList", "RolePolicyList"),
        Kind::Group | Kind::PermissionSet => return Err(no_group(principal)),
    };
    let mut needed = Vec::new();
    let mut holder = iam.detail(principal)?.ok_or_else(|| {
        Failure::new(&codes::NO_SUCH_PRINCIPAL, format!("there is no {principal} in this account"))
            .hint("check the name, and the account of the credentials: ec-iam whoami")
    })?;
    add_policies(iam, principal, policies, &mut holder, &mut needed)?;
    if let Some(boundary) = holder["PermissionsBoundary"]["PermissionsBoundaryArn"].as_str() {
        needed.push(boundary.to_owned());
    }
    let mut groups = Vec::new();
    if principal.kind == Kind::User {
        for (name, arn) in iam.groups(&principal.name)? {
            let mut group = json!({"GroupName": name, "Arn": arn});
            let of = Principal { kind: Kind::Group, name, account: None };
            add_policies(iam, &of, "GroupPolicyList", &mut group, &mut needed)?;
            groups.push(group);
        }
    }
    holder["GroupList"] = groups.iter().map(|group| group["GroupName"].clone()).collect();
    needed.sort_unstable();
    needed.dedup();
    let mut managed = Vec::new();
    for arn in needed {
        // A policy that is gone, or that the emulator does not have, is told by whoever reads the details.
        if let Some(text) = iam.managed_policy(&arn)? {
            managed.push(json!({"Arn": arn, "PolicyVersionList": [{"Document": text, "IsDefaultVersion": true}]}));
        }
    }
    Ok(json!({list: [holder], "GroupDetailList": groups, "Policies": managed}))
}

/// Adds the inline policies and the names of the managed ones, and notes the latter as needed.
fn add_policies(
    iam: &impl Iam,
    principal: &Principal,
    list: &str,
    to: &mut Value,
    needed: &mut Vec<String>,
) -> Result<(), Failure> {
    let inline = iam.inline_policies(principal)?.into_iter();
    to[list] = inline.map(|(name, text)| json!({"PolicyName": name, "PolicyDocument": text})).collect();
    let attached = iam.attached_policies(principal)?;
    to["AttachedManagedPolicies"] = attached.iter().map(|arn| json!({"PolicyArn": arn})).collect();
    needed.extend(attached);
    Ok(())
}

#[cfg(test)]
pub(super) mod tests {
    use std::cell::RefCell;

    use ec_shared::codes as shared;

    use super::*;

    const ALLOW: &str = r#"{"Version":"2012-10-17","Statement":{"Effect":"Allow","Action":"*","Resource":"*"}}"#;

    /// An account with the user ann, who is in the group devs, and the role app. The call of number `fails_at` fails.
    #[derive(Default)]
    pub(in super::super) struct Fake {
        pub(in super::super) pages: Vec<Page>,
        pub(in super::super) says: Option<Said>,
        pub(in super::super) fails_at: Option<usize>,
        pub(in super::super) calls: RefCell<Vec<String>>,
    }

    impl Fake {
        fn called(&self, call: impl Into<String>) -> Result<(), Failure> {
            let mut calls = self.calls.borrow_mut();
            calls.push(call.into());
            if self.fails_at == Some(calls.len()) {
                return Err(Failure::new(&shared::ACCESS_DENIED, "cannot"));
            }
            Ok(())
        }
    }

    impl Iam for Fake {
        fn page(&self, marker: Option<&str>) -> Result<Page, Failure> {
            self.called(format!("page {}", marker.unwrap_or("-")))?;
            Ok(self.pages[self.calls.borrow().len() - 1].clone())
        }

        fn detail(&self, principal: &Principal) -> Result<Option<Value>, Failure> {
            self.called(format!("detail {principal}"))?;
            let known = ["user/ann", "role/app"].contains(&principal.to_string().as_str());
            Ok(known.then(|| {
                json!({
                    "Arn": format!("arn:aws:iam::123456789012:{principal}"),
                    "PermissionsBoundary": {"PermissionsBoundaryArn": "arn:aws:iam::aws:policy/limit"},
                })
            }))
        }

        fn inline_policies(&self, principal: &Principal) -> Result<Vec<(String, String)>, Failure> {
            self.called(format!("inline {principal}"))?;
            Ok(vec![("own".to_owned(), ALLOW.to_owned())])
        }

        fn attached_policies(&self, principal: &Principal) -> Result<Vec<String>, Failure> {
            self.called(format!("attached {principal}"))?;
            Ok(vec!["arn:aws:iam::aws:policy/shared".to_owned()])
        }

        fn groups(&self, user: &str) -> Result<Vec<(String, String)>, Failure> {
            self.called(format!("groups {user}"))?;
            Ok(vec![("devs".to_owned(), "arn:aws:iam::123456789012:group/devs".to_owned())])
        }

        fn managed_policy(&self, arn: &str) -> Result<Option<String>, Failure> {
            self.called(format!("managed {}", arn.rsplit('/').next().unwrap_or_default()))?;
            Ok((!arn.ends_with("/gone")).then(|| ALLOW.to_owned()))
        }

        fn simulate(&self, asked: &Asked<'_>) -> Result<Said, Failure> {
            self.called(format!("simulate {} {}", asked.action, asked.resource))?;
            Ok(self.says.clone().unwrap())
        }
    }

    fn page(user: &str, is_truncated: bool, marker: Option<&str>) -> Page {
        let lists =
            json!({"UserDetailList": [{"Arn": format!("arn:aws:iam::123456789012:user/{user}")}], "Policies": []});
        Page { lists, is_truncated, marker: marker.map(str::to_owned) }
    }

    #[test]
    fn the_pages_of_an_account_are_put_together() {
        let iam = Fake { pages: vec![page("ann", true, Some("2")), page("bob", false, None)], ..Fake::default() };
        let holders = read(&account(&iam).unwrap().to_string()).unwrap();
        let names: Vec<&str> = holders.iter().map(|holder| holder.caller.arn()).collect();
        assert_eq!(names, ["arn:aws:iam::123456789012:user/ann", "arn:aws:iam::123456789012:user/bob"]);
        assert_eq!(*iam.calls.borrow(), ["page -", "page 2"]);
    }

    #[test]
    fn half_an_account_is_none() {
        let pages = vec![page("ann", true, Some("2")), page("bob", false, None)];
        let failed = account(&Fake { pages, fails_at: Some(2), ..Fake::default() }).unwrap_err();
        assert_eq!(*failed.code(), shared::ACCESS_DENIED);
        for pages in [
            vec![page("ann", true, None)],
            vec![page("ann", true, Some("2")), page("bob", true, Some("2")), page("eve", false, None)],
        ] {
            assert_eq!(account(&Fake { pages, ..Fake::default() }).unwrap_err().code().id, "EC2035");
        }
    }

    #[test]
    fn of_a_user_its_groups_are_asked_and_each_managed_policy_once() {
        let iam = Fake::default();
        let holder = holder(&iam, &Principal::any("user/ann").unwrap()).unwrap();
        let expected = [
            "detail user/ann",
            "inline user/ann",
            "attached user/ann",
            "groups ann",
            "inline group/devs",
            "attached group/devs",
            "managed limit",
            "managed shared",
        ];
        assert_eq!(*iam.calls.borrow(), expected);
        assert_eq!(holder.authorization.identity.len(), 4, "own and shared, of the user and of the group");
        assert_eq!(holder.authorization.boundary.as_ref().map(Vec::len), Some(1));
        assert_eq!(holder.unread, Vec::<String>::new());
    }

    #[test]
    fn of_a_role_no_groups_are_asked() {
        let iam = Fake::default();
        holder(&iam, &Principal::any("role/app").unwrap()).unwrap();
        let expected = ["detail role/app", "inline role/app", "attached role/app", "managed limit", "managed shared"];
        assert_eq!(*iam.calls.borrow(), expected);
    }

    #[test]
    fn whichever_call_fails_there_is_no_answer_from_the_rest() {
        for fails_at in 1..=8 {
            let iam = Fake { fails_at: Some(fails_at), ..Fake::default() };
            let failed = holder(&iam, &Principal::any("user/ann").unwrap()).unwrap_err();
            assert_eq!(*failed.code(), shared::ACCESS_DENIED, "{fails_at}");
            assert_eq!(iam.calls.borrow().len(), fails_at);
        }
    }

    #[test]
    fn groups_and_principals_that_there_are_not_are_refused() {
        let code = |text| holder(&Fake::default(), &Principal::any(text).unwrap()).unwrap_err().code().id;
        assert_eq!(code("group/devs"), "EC2003");
        assert_eq!(code("role/other"), "EC2004");
        assert_eq!(code("arn:aws:iam::210987654321:role/app"), "EC2004");
    }
}
