//! What kind of identity a caller's ARN shows.
//!
//! Source: "IAM identifiers" and "Referencing permission sets in resource policies" in AWS's user guides.

use serde::Serialize;

/// The kinds of callers.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Kind {
    /// The root user of the account.
    Root,
    /// An IAM user.
    IamUser,
    /// A person who came through IAM Identity Center.
    IdentityCenter,
    /// An EC2 instance with its instance profile.
    Ec2Instance,
    /// Another session of a role.
    RoleSession,
    /// A session that an IAM user made with `GetFederationToken`.
    FederatedUser,
    /// An ARN of a form that is not known here.
    Unknown,
}

/// A caller, as its ARN tells.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Caller {
    /// The partition of the account.
    pub partition: String,
    /// What it is.
    pub kind: Kind,
    /// The user or role, in the form that `--principal` takes.
    pub principal: Option<String>,
    /// The name of the session: the person behind Identity Center, the instance id, or what the program chose.
    pub session: Option<String>,
    /// The permission set behind an Identity Center session.
    pub permission_set: Option<String>,
}

impl Caller {
    /// Reads the ARN that `GetCallerIdentity` answers.
    pub fn of(arn: &str) -> Self {
        let parts: Vec<&str> = arn.splitn(6, ':').collect();
        let partition = parts.get(1).copied().unwrap_or_default().to_owned();
        let resource: Vec<&str> = parts.get(5).copied().unwrap_or_default().split('/').collect();
        let unknown = Self { partition, kind: Kind::Unknown, principal: None, session: None, permission_set: None };
        match resource.as_slice() {
            ["root"] => Self { kind: Kind::Root, ..unknown },
            ["user", .., name] => Self { kind: Kind::IamUser, principal: Some(format!("user/{name}")), ..unknown },
            ["federated-user", name] => {
                Self { kind: Kind::FederatedUser, session: Some((*name).to_owned()), ..unknown }
            }
            ["assumed-role", role, session] => {
                let permission_set = permission_set(role);
                let kind = match &permission_set {
                    Some(_) => Kind::IdentityCenter,
                    None if is_instance(session) => Kind::Ec2Instance,
                    None => Kind::RoleSession,
                };
                let principal = Some(format!("role/{role}"));
                Self { kind, principal, session: Some((*session).to_owned()), permission_set, ..unknown }
            }
            _ => unknown,
        }
    }
}

/// The permission set in `AWSReservedSSO_SET_0123456789abcdef`.
pub(crate) fn permission_set(role: &str) -> Option<String> {
    let (set, suffix) = role.strip_prefix("AWSReservedSSO_")?.rsplit_once('_')?;
    (suffix.len() == 16 && suffix.bytes().all(|byte| byte.is_ascii_hexdigit())).then(|| set.to_owned())
}

fn is_instance(session: &str) -> bool {
    session.strip_prefix("i-").is_some_and(|id| id.len() >= 8 && id.bytes().all(|byte| byte.is_ascii_hexdigit()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_form_of_arn_shows_its_kind() {
        for (arn, kind, principal, session) in [
            ("arn:aws:iam::123456789012:root", Kind::Root, None, None),
            ("arn:aws:iam::123456789012:user/people/anna", Kind::IamUser, Some("user/anna"), None),
            ("arn:aws:sts::123456789012:assumed-role/app/cli", Kind::RoleSession, Some("role/app"), Some("cli")),
            (
                "arn:aws:sts::123456789012:assumed-role/app/i-0123456789abcdef0",
                Kind::Ec2Instance,
                Some("role/app"),
                Some("i-0123456789abcdef0"),
            ),
            (
                "arn:aws:sts::123456789012:assumed-role/app/i-am-anna",
                Kind::RoleSession,
                Some("role/app"),
                Some("i-am-anna"),
            ),
            (
                "arn:aws-cn:sts::123456789012:assumed-role/AWSReservedSSO_Cache_Admin_0123456789abcdef/anna@example.com",
                Kind::IdentityCenter,
                Some("role/AWSReservedSSO_Cache_Admin_0123456789abcdef"),
                Some("anna@example.com"),
            ),
            ("arn:aws:sts::123456789012:federated-user/anna", Kind::FederatedUser, None, Some("anna")),
            ("arn:aws:sts::123456789012:something/new", Kind::Unknown, None, None),
            ("", Kind::Unknown, None, None),
        ] {
            let caller = Caller::of(arn);
            assert_eq!(
                (caller.kind, caller.principal.as_deref(), caller.session.as_deref()),
                (kind, principal, session)
            );
        }
    }

    #[test]
    fn the_permission_set_is_what_stands_before_the_suffix() {
        let caller = Caller::of("arn:aws:sts::123456789012:assumed-role/AWSReservedSSO_Cache_Admin_0123456789abcdef/a");
        assert_eq!(caller.permission_set.as_deref(), Some("Cache_Admin"));
        assert_eq!(caller.partition, "aws");
        assert_eq!(permission_set("AWSReservedSSO_mine"), None);
    }
}
