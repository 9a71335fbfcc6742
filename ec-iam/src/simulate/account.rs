//! The principals of an account and their policies, from `aws iam get-account-authorization-details`.
//!
//! Source: <https://docs.aws.amazon.com/IAM/latest/APIReference/API_GetAccountAuthorizationDetails.html>

use std::borrow::Cow;
use std::collections::HashMap;
use std::sync::Arc;

use ec_shared::Failure;
use serde::Deserialize;
use serde_json::value::RawValue;

use crate::codes;
use crate::evaluate::{Authorization, Caller, Context, Kind, Policy, Position};
use crate::policy;
use crate::principal::{self, Principal};

/// A user or a role.
#[derive(Clone, Debug)]
pub struct Holder {
    /// Who it is.
    pub caller: Caller,
    /// Its policies, those of its groups among them.
    pub authorization: Authorization,
    /// What is known about each of its requests.
    pub context: Context,
    /// The policies that could not be read or are not in the output, and why.
    pub unread: Vec<String>,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Details<'a> {
    #[serde(borrow, default)]
    user_detail_list: Vec<Detail<'a>>,
    #[serde(borrow, default)]
    group_detail_list: Vec<Detail<'a>>,
    #[serde(borrow, default)]
    role_detail_list: Vec<Detail<'a>>,
    #[serde(borrow, default)]
    policies: Vec<Managed<'a>>,
    #[serde(default)]
    is_truncated: bool,
    next_token: Option<Cow<'a, str>>,
}

/// A user, a role or a group.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Detail<'a> {
    #[serde(borrow)]
    arn: Cow<'a, str>,
    #[serde(borrow)]
    group_name: Option<Cow<'a, str>>,
    #[serde(borrow, default, alias = "UserPolicyList", alias = "RolePolicyList", alias = "GroupPolicyList")]
    inline: Vec<Inline<'a>>,
    #[serde(borrow, default)]
    attached_managed_policies: Vec<Attached<'a>>,
    #[serde(borrow, default)]
    group_list: Vec<Cow<'a, str>>,
    #[serde(borrow)]
    permissions_boundary: Option<Boundary<'a>>,
    #[serde(borrow, default)]
    tags: Vec<Tag<'a>>,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Inline<'a> {
    #[serde(borrow)]
    policy_name: Cow<'a, str>,
    #[serde(borrow)]
    policy_document: &'a RawValue,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Attached<'a> {
    #[serde(borrow)]
    policy_arn: Cow<'a, str>,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Boundary<'a> {
    #[serde(borrow)]
    permissions_boundary_arn: Cow<'a, str>,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Tag<'a> {
    #[serde(borrow)]
    key: Cow<'a, str>,
    #[serde(borrow)]
    value: Cow<'a, str>,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Managed<'a> {
    #[serde(borrow)]
    arn: Cow<'a, str>,
    #[serde(borrow, default)]
    policy_version_list: Vec<Version<'a>>,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Version<'a> {
    #[serde(borrow)]
    document: &'a RawValue,
    #[serde(default)]
    is_default_version: bool,
}

type Readable = Result<Arc<Policy>, String>;

/// The users and roles of the account, in the order of the output.
///
/// # Errors
/// `EC2032` if the text is not the whole output.
pub(super) fn read(text: &str) -> Result<Vec<Holder>, Failure> {
    let refused = || Failure::new(&codes::ACCOUNT, "cannot read the authorization details of the account");
    let details: Details<'_> = serde_json::from_str(text).map_err(|error| {
        let why = error.to_string();
        let why = why.split(" at line ").next().unwrap_or_default().to_owned();
        refused().because(why).at(error.line(), error.column().max(1))
    })?;
    if details.is_truncated || details.next_token.is_some() {
        return Err(refused()
            .because("the output is cut off, so that policies may be missing")
            .hint("aws iam get-account-authorization-details, without --max-items"));
    }
    if details.user_detail_list.is_empty() && details.role_detail_list.is_empty() {
        return Err(refused().because("it names neither users nor roles"));
    }
    let managed: HashMap<&str, Readable> =
        details.policies.iter().map(|policy| (&*policy.arn, default_version(policy))).collect();
    let mut groups: HashMap<&str, Vec<Readable>> = HashMap::new();
    for group in &details.group_detail_list {
        if let Some(name) = &group.group_name {
            groups.insert(name, own(group, &managed));
        }
    }
    let holders = details.user_detail_list.iter().chain(&details.role_detail_list);
    Ok(holders.filter_map(|detail| holder(detail, &managed, &groups)).collect())
}

/// The one of them who is asked about.
///
/// # Errors
/// `EC2003` for a group, `EC2004` if it is not there.
pub(super) fn named(wanted: &Principal, holders: Vec<Holder>) -> Result<Holder, Failure> {
    if wanted.kind == principal::Kind::Group {
        return Err(no_group(wanted));
    }
    let holder = holders.into_iter().find(|holder| {
        Principal::any(holder.caller.arn()).is_ok_and(|holder| {
            (holder.kind, &holder.name) == (wanted.kind, &wanted.name)
                && (wanted.account.is_none() || wanted.account == holder.account)
        })
    });
    holder.ok_or_else(|| {
        let account = wanted.account.as_ref().map(|account| format!(" of account {account}")).unwrap_or_default();
        Failure::new(&codes::NO_SUCH_PRINCIPAL, format!("the authorization details do not name {wanted}{account}"))
            .hint("aws iam get-account-authorization-details tells of users and roles of one account")
    })
}

/// That groups ask nothing.
pub(super) fn no_group(principal: &Principal) -> Failure {
    Failure::new(&codes::PRINCIPAL, format!("cannot ask what {principal} may do"))
        .because("it makes no requests; the users in a group do, and the role that a permission set is in an account")
        .hint("--principal user/NAME of a user that is in the group, or role/AWSReservedSSO_NAME_…")
}

fn holder(
    detail: &Detail<'_>,
    managed: &HashMap<&str, Readable>,
    groups: &HashMap<&str, Vec<Readable>>,
) -> Option<Holder> {
    let caller = Caller::parse(&detail.arn)?;
    let mut unread = Vec::new();
    let mut take = |policy: Readable| policy.map_err(|why| unread.push(why)).ok();
    let mut identity: Vec<Arc<Policy>> = own(detail, managed).into_iter().filter_map(&mut take).collect();
    for name in &detail.group_list {
        let policies = groups.get(&**name).cloned();
        let policies = policies.unwrap_or_else(|| vec![Err(format!("group {name} is not in the output"))]);
        identity.extend(policies.into_iter().filter_map(&mut take));
    }
    let boundary = detail
        .permissions_boundary
        .as_ref()
        .map(|boundary| take(attached(&boundary.permissions_boundary_arn, managed)).into_iter().collect());
    let mut context = Context::new(caller.context().into_iter().map(|(key, value)| (key, vec![value])));
    for tag in &detail.tags {
        context.set(&format!("aws:PrincipalTag/{}", tag.key), vec![tag.value.clone().into_owned()]);
    }
    let authorization = Authorization { identity, boundary, ..Authorization::default() };
    Some(Holder { caller, authorization, context, unread })
}

/// The policies of a user, a role or a group itself.
fn own(detail: &Detail<'_>, managed: &HashMap<&str, Readable>) -> Vec<Readable> {
    let inline = detail
        .inline
        .iter()
        .map(|policy| parse(&format!("{}/{}", detail.arn, policy.policy_name), policy.policy_document));
    let managed = detail.attached_managed_policies.iter().map(|policy| attached(&policy.policy_arn, managed));
    inline.chain(managed).collect()
}

fn attached(arn: &str, managed: &HashMap<&str, Readable>) -> Readable {
    managed.get(arn).cloned().unwrap_or_else(|| Err(format!("policy {arn} is not in the output")))
}

fn default_version(policy: &Managed<'_>) -> Readable {
    let version = policy.policy_version_list.iter().find(|version| version.is_default_version);
    let version = version.ok_or_else(|| format!("policy {} has no default version in the output", policy.arn))?;
    parse(&policy.arn, version.document)
}

/// The AWS CLI prints policies as JSON, the API answers percent-encoded text.
fn parse(id: &str, document: &RawValue) -> Readable {
    let plain;
    let text = if document.get().starts_with('"') {
        plain = policy::decode(&serde_json::from_str::<String>(document.get()).unwrap_or_default()).to_string();
        &plain
    } else {
        document.get()
    };
    let policy = Policy::parse(id, text, Position::START, Kind::Identity);
    policy.map(Arc::new).map_err(|error| format!("policy {id} is not understood: {}: {}", error.pointer, error.why))
}
