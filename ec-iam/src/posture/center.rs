//! IAM Identity Center: whether it is on, and whether somebody administers the account through it.
//!
//! Only the organization's management account, and one that it has delegated this to, see the instance and its
//! assignments. But wherever somebody is given access, Identity Center puts a role into the account, and takes it away
//! with the last assignment: <https://docs.aws.amazon.com/singlesignon/latest/userguide/referencingpermissionsets.html>.
//! These roles tell a member account what the instance does not.

use ec_shared::Failure;
use ec_shared::document::{Finding, Severity};

use super::Answer;
use super::source::{Assignment, Instance, Source};
use crate::checks::{Checks, Topic};
use crate::codes;
use crate::identity::permission_set;

/// Where Identity Center puts its roles.
const ROLES: &str = "/aws-reserved/sso.amazonaws.com/";
/// Where the service-linked role of AWS Organizations is. Every account of an organization with all features has it:
/// <https://docs.aws.amazon.com/organizations/latest/userguide/orgs_manage_accounts.html>. Only such an organization can
/// have an instance that gives access to accounts:
/// <https://docs.aws.amazon.com/singlesignon/latest/userguide/identity-center-instances.html>.
const ORGANIZATIONS: &str = "/aws-service-role/organizations.amazonaws.com/";
/// How many permission sets, or roles, are looked into: each takes a call.
const LOOKED_INTO: usize = 100;

/// The account whose posture it is.
#[derive(Clone, Debug, Default)]
pub(super) struct Account {
    pub(super) partition: String,
    pub(super) id: Option<String>,
    /// The Region that is asked; none where the answers were saved.
    pub(super) region: Option<String>,
    /// Whether the caller itself came through Identity Center.
    pub(super) is_caller_of_center: bool,
}

/// What is worth knowing for signing in.
#[derive(Debug, Default)]
pub(super) struct Center {
    pub(super) instance: Option<Instance>,
    /// The name of an administrator's permission set, where it is known: the role to choose.
    pub(super) administrator: Option<String>,
}

/// How somebody administers the account.
enum Administrator {
    /// Somebody holds this permission set.
    Assigned { set: String, name: Option<String>, to: Vec<Assignment> },
    /// A role of the permission set of this name is in the account.
    Role { name: String },
}

/// Both checks.
pub(super) fn check(source: &impl Source, account: &Account, checks: &mut Checks) -> Center {
    let instances = source.instances();
    let roles = source.roles_below(ROLES);
    let instance = instances.as_ref().ok().and_then(|all| all.iter().find(|each| each.status == "ACTIVE")).cloned();
    match &instance {
        Some(instance) => checks.yes(Topic::IdentityCenter, told(instance, account)),
        None => without_instance(source, account, &instances, &roles, checks),
    }
    let assigned = instance.as_ref().map(|instance| by_assignments(source, account, &instance.arn));
    let administrator = match assigned {
        Some(Ok(Some(found))) => Ok(Some(found)),
        // An instance that is bound to the account gives no access to it, while the organization's own may.
        Some(Ok(None)) => by_roles(source, &roles).or(Ok(None)),
        // From a member account the instance may be visible and its assignments not.
        Some(Err(failure)) => by_roles(source, &roles).map_err(|second| vec![failure, second]),
        None => by_roles(source, &roles).map_err(|second| {
            let unseen = instances.as_ref().err().cloned();
            unseen.into_iter().chain([second]).collect()
        }),
    };
    let administrator = match administrator {
        Ok(Some(found)) => {
            checks.yes(Topic::Administrator, found.told());
            found.into_name()
        }
        Ok(None) => {
            let detail = "nobody holds a permission set with AdministratorAccess";
            checks.no(Topic::Administrator, detail, nobody(instance.as_ref(), account));
            None
        }
        Err(failures) => {
            checks.unknown(Topic::Administrator, &failures.iter().collect::<Vec<_>>());
            None
        }
    };
    Center { instance, administrator }
}

/// No instance that is active is to be seen: other signs may tell.
fn without_instance(
    source: &impl Source,
    account: &Account,
    instances: &Answer<Vec<Instance>>,
    roles: &Answer<Vec<String>>,
    checks: &mut Checks,
) {
    if account.is_caller_of_center {
        return checks.yes(Topic::IdentityCenter, "the caller came through it");
    }
    match (instances, roles) {
        (_, Ok(roles)) if !roles.is_empty() => {
            let home = home(&roles[0]);
            checks.yes(Topic::IdentityCenter, format!("it has roles in the account; its home is {home}"));
        }
        (Ok(instances), Ok(_)) if !instances.is_empty() => {
            let status = &instances[0].status;
            checks.no(Topic::IdentityCenter, format!("the instance is {status}"), not_active(&instances[0]));
        }
        // What an account outside of any organization does not have is not hidden from it.
        (Ok(_), Ok(_)) => match source.roles_below(ORGANIZATIONS) {
            Ok(roles) if roles.is_empty() => {
                checks.no(Topic::IdentityCenter, format!("off: {}", nowhere(account)), off(account));
            }
            Ok(_) => checks.unknown(Topic::IdentityCenter, &[&hidden(account)]),
            Err(failure) => checks.unknown(Topic::IdentityCenter, &[&failure]),
        },
        (instances, roles) => {
            let failures: Vec<&Failure> = instances.as_ref().err().into_iter().chain(roles.as_ref().err()).collect();
            checks.unknown(Topic::IdentityCenter, &failures);
        }
    }
}

/// The first permission set with AdministratorAccess that somebody holds in the account.
fn by_assignments(source: &impl Source, account: &Account, instance: &str) -> Answer<Option<Administrator>> {
    let Some(id) = &account.id else {
        return Err(Failure::new(&codes::NOT_DETERMINED, "it is not known which account is meant")
            .hint("aws sts get-caller-identity tells"));
    };
    let sets = source.permission_sets(instance, id)?;
    for set in sets.iter().take(LOOKED_INTO) {
        if !source.policies_of_set(instance, set)?.iter().any(|policy| is_administrator(policy)) {
            continue;
        }
        let to = source.assignments(instance, id, set)?;
        if !to.is_empty() {
            // Without its name the answer is the same.
            let name = source.name_of_set(instance, set).ok().filter(|name| !name.is_empty());
            return Ok(Some(Administrator::Assigned { set: set.clone(), name, to }));
        }
    }
    within_bounds(sets.len(), "permission sets").map(|()| None)
}

/// The first role of Identity Center with AdministratorAccess. Roles that are called so are looked into first.
fn by_roles(source: &impl Source, roles: &Answer<Vec<String>>) -> Answer<Option<Administrator>> {
    let mut names: Vec<&str> = match roles {
        Ok(roles) => roles.iter().filter_map(|arn| arn.rsplit('/').next()).collect(),
        Err(failure) => return Err(failure.clone()),
    };
    names.sort_by_key(|name| !name.to_ascii_lowercase().contains("admin"));
    for name in names.iter().take(LOOKED_INTO) {
        if source.policies_of_role(name)?.iter().any(|policy| is_administrator(policy)) {
            let name = permission_set(name).unwrap_or_else(|| (*name).to_owned());
            return Ok(Some(Administrator::Role { name }));
        }
    }
    within_bounds(names.len(), "roles of IAM Identity Center").map(|()| None)
}

fn within_bounds(count: usize, what: &str) -> Result<(), Failure> {
    if count <= LOOKED_INTO {
        return Ok(());
    }
    Err(Failure::new(&codes::NOT_DETERMINED, format!("the account has {count} {what}"))
        .because(format!("{LOOKED_INTO} were looked into, and none is an administrator's"))
        .hint("look through the AWS accounts page of IAM Identity Center in the console"))
}

pub(super) fn is_administrator(policy: &str) -> bool {
    policy.ends_with(":iam::aws:policy/AdministratorAccess")
}

impl Administrator {
    fn told(&self) -> String {
        match self {
            Self::Assigned { set, name, to } => {
                let set = name.as_deref().unwrap_or_else(|| set.rsplit('/').next().unwrap_or(set));
                match to.as_slice() {
                    [only] => {
                        let kind = only.principal_type.to_ascii_lowercase();
                        format!("{kind} {} through permission set {set}", only.principal_id)
                    }
                    all => format!("{} users and groups through permission set {set}", all.len()),
                }
            }
            Self::Role { name } => format!("through permission set {name}"),
        }
    }

    fn into_name(self) -> Option<String> {
        match self {
            Self::Assigned { name, .. } => name,
            Self::Role { name } => Some(name),
        }
    }
}

fn told(instance: &Instance, account: &Account) -> String {
    let id = instance.arn.rsplit('/').next().unwrap_or(&instance.arn);
    match instance.region.as_ref().or(account.region.as_ref()) {
        Some(region) => format!("{id} in {region}"),
        None => id.to_owned(),
    }
}

/// The Region in a role's path; roles of an instance in us-east-1 have none.
fn home(role: &str) -> &str {
    let parts: Vec<&str> = role.split('/').collect();
    match parts.as_slice() {
        [.., "sso.amazonaws.com", region, _] => region,
        _ => "us-east-1",
    }
}

/// That it is off is a warning, as is that nobody administers through it: the account works, with what is less safe.
fn off(account: &Account) -> Finding {
    let summary = format!("IAM Identity Center is off: {}", nowhere(account));
    let console = super::address::console(&account.partition).unwrap_or("the console");
    Finding::new(&codes::NO_IDENTITY_CENTER, Severity::Warning, summary).fix(format!(
        "open {console}/singlesignon, choose the Region that is to be its home, and choose Enable; that makes the account \
         the management account of an organization"
    ))
}

fn not_active(instance: &Instance) -> Finding {
    let summary = format!("the instance of IAM Identity Center is {}", instance.status);
    let finding = Finding::new(&codes::NO_IDENTITY_CENTER, Severity::Warning, summary);
    finding
        .evidence("instance", &instance.arn)
        .fix("aws sso-admin list-instances tells its Status, and StatusReason why")
}

fn nowhere(account: &Account) -> String {
    let place = account.region.as_ref().map(|region| format!(" in {region}")).unwrap_or_default();
    format!("there is no instance{place}, and the account is in no organization")
}

/// An account of an organization does not see everything.
fn hidden(account: &Account) -> Failure {
    let place = account.region.as_ref().map(|region| format!(" in {region}")).unwrap_or_default();
    Failure::new(&codes::NOT_DETERMINED, format!("no instance is to be seen{place}"))
        .because("the organization may have one in another Region or hide it from its member accounts")
        .hint("ask in the management account: aws sso-admin list-instances --region-scope ALL_REGIONS")
}

fn nobody(instance: Option<&Instance>, account: &Account) -> Finding {
    let summary = "nobody holds a permission set with AdministratorAccess in the account";
    let finding = Finding::new(&codes::NO_ADMINISTRATOR, Severity::Warning, summary);
    let Some(instance) = instance else {
        return finding.fix(
            "once IAM Identity Center is on, assign a permission set with AdministratorAccess for this account to a user \
             or a group",
        );
    };
    let (arn, id) = (&instance.arn, account.id.as_deref().unwrap_or("ACCOUNT"));
    finding.evidence("instance", arn).fix(format!(
        "aws sso-admin create-permission-set --instance-arn {arn} --name AdministratorAccess; aws sso-admin \
         attach-managed-policy-to-permission-set --instance-arn {arn} --permission-set-arn SET --managed-policy-arn \
         arn:{}:iam::aws:policy/AdministratorAccess; aws sso-admin create-account-assignment --instance-arn {arn} \
         --permission-set-arn SET --target-type AWS_ACCOUNT --target-id {id} --principal-type USER --principal-id USER",
        account.partition
    ))
}

#[cfg(test)]
mod tests;
