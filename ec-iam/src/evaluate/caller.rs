//! Who asks, and whom a `Principal` element means.
//!
//! Sources: `reference_policies_elements_principal.html` and
//! `reference_policies_evaluation-logic_policy-eval-basics.html` in the IAM User Guide, <https://docs.aws.amazon.com/IAM/latest/UserGuide/>.

use ec_shared::flags::is_account;

/// The principal of a request.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Caller {
    arn: String,
    account: String,
    kind: Kind,
}

#[derive(Clone, Debug, PartialEq, Eq)]
enum Kind {
    Root,
    User,
    /// Any session of a role; the name has no path.
    Role(String),
    /// One session. Its ARN names the role without its path.
    Session(String),
    FederatedUser,
}

/// How a statement of a resource-based policy reaches a caller. What comes later grants more.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub enum Grant {
    /// Not at all.
    #[default]
    None,
    /// The account is named: within it, an identity-based policy has to allow as well.
    Account,
    /// The role is named: the permissions boundary and the session policy still limit its sessions.
    Role,
    /// The user or the session itself is named: what these do not allow does not matter.
    Direct,
}

impl Caller {
    /// Reads the ARN of a user, a role, a session or an account's root user.
    pub fn parse(arn: &str) -> Option<Self> {
        let parts: Vec<&str> = arn.splitn(6, ':').collect();
        let &["arn", _, service, "", account, resource] = parts.as_slice() else { return None };
        if !is_account(account) {
            return None;
        }
        let path: Vec<&str> = resource.split('/').collect();
        let kind = match (service, path.as_slice()) {
            ("iam", ["root"]) => Kind::Root,
            ("iam", ["user", .., name]) if !name.is_empty() => Kind::User,
            ("iam", ["role", .., name]) if !name.is_empty() => Kind::Role((*name).to_owned()),
            ("sts", ["assumed-role", role, session]) if !session.is_empty() => Kind::Session((*role).to_owned()),
            ("sts", ["federated-user", name]) if !name.is_empty() => Kind::FederatedUser,
            _ => return None,
        };
        Some(Self { arn: arn.to_owned(), account: account.to_owned(), kind })
    }

    /// The ARN.
    pub fn arn(&self) -> &str {
        &self.arn
    }

    /// The account's id.
    pub fn account(&self) -> &str {
        &self.account
    }

    /// Whether it is the account's root user, who needs no identity-based policy.
    pub(crate) fn is_root(&self) -> bool {
        self.kind == Kind::Root
    }

    /// Whether it is a service-linked role, which policies of an organization do not limit.
    pub(crate) fn is_service_linked(&self) -> bool {
        match &self.kind {
            Kind::Role(_) => self.arn.contains(":role/aws-service-role/"),
            Kind::Session(role) => role.starts_with("AWSServiceRoleFor"),
            _ => false,
        }
    }

    /// The context keys that the ARN tells. The ARN of a session lacks the role's path, so that it does not tell
    /// `aws:PrincipalArn`.
    pub(crate) fn context(&self) -> Vec<(&'static str, &str)> {
        let name = self.arn.rsplit('/').next().unwrap_or_default();
        let mut keys = vec![("aws:PrincipalAccount", self.account.as_str())];
        let kind = match self.kind {
            Kind::Root => "Account",
            Kind::User => "User",
            Kind::Role(_) | Kind::Session(_) => "AssumedRole",
            Kind::FederatedUser => "FederatedUser",
        };
        keys.push(("aws:PrincipalType", kind));
        if !matches!(self.kind, Kind::Session(_)) {
            keys.push(("aws:PrincipalArn", self.arn.as_str()));
        }
        if self.kind == Kind::User {
            keys.push(("aws:username", name));
        }
        keys
    }
}

/// One value of a `Principal` element.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Principal {
    Anyone,
    Account(Box<str>),
    Named(Box<Caller>),
    /// A service, an identity provider, a canonical user or the id of a principal that is gone: none of these is a
    /// caller here.
    Other,
}

impl Principal {
    /// Reads the value of the kind `AWS`.
    pub(crate) fn parse(text: &str) -> Result<Self, String> {
        if text == "*" {
            return Ok(Self::Anyone);
        }
        if is_account(text) {
            return Ok(Self::Account(text.into()));
        }
        if !text.starts_with("arn:") {
            // AWS puts the unique id in the place of the ARN when a principal is deleted.
            let is_id = text.len() >= 16 && text.bytes().all(|byte| byte.is_ascii_uppercase() || byte.is_ascii_digit());
            return if is_id { Ok(Self::Other) } else { Err("this is neither `*`, an account nor an ARN".to_owned()) };
        }
        if text.contains(['*', '?']) {
            return Err("a principal's ARN has no wildcards; use a condition on aws:PrincipalArn".to_owned());
        }
        match Caller::parse(text) {
            Some(caller) if caller.is_root() => Ok(Self::Account(caller.account.into())),
            Some(caller) => Ok(Self::Named(Box::new(caller))),
            None => Err("this is no ARN of a user, a role, a session or an account".to_owned()),
        }
    }

    /// How the principal reaches the caller.
    pub(crate) fn grant(&self, caller: Option<&Caller>) -> Grant {
        match (self, caller) {
            (Self::Anyone, _) => Grant::Direct,
            (Self::Account(account), Some(caller)) if **account == *caller.account => Grant::Account,
            (Self::Named(named), Some(caller)) => match (&named.kind, &caller.kind) {
                // Names of roles are unique within an account, whatever their path.
                (Kind::Role(one), Kind::Role(other) | Kind::Session(other))
                    if one == other && named.account == caller.account =>
                {
                    Grant::Role
                }
                _ if named.arn == caller.arn => Grant::Direct,
                _ => Grant::None,
            },
            _ => Grant::None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SESSION: &str = "arn:aws:sts::111122223333:assumed-role/app/i-0abc";

    #[test]
    fn a_principal_reaches_a_caller_by_account_by_role_or_directly() {
        let cases = [
            ("*", SESSION, Grant::Direct),
            ("111122223333", SESSION, Grant::Account),
            ("arn:aws:iam::111122223333:root", SESSION, Grant::Account),
            ("444455556666", SESSION, Grant::None),
            ("arn:aws:iam::111122223333:role/team/app", SESSION, Grant::Role),
            ("arn:aws:iam::444455556666:role/app", SESSION, Grant::None),
            (SESSION, SESSION, Grant::Direct),
            ("arn:aws:sts::111122223333:assumed-role/app/other", SESSION, Grant::None),
            ("arn:aws:iam::111122223333:user/bob", "arn:aws:iam::111122223333:user/bob", Grant::Direct),
            ("arn:aws:iam::111122223333:user/x/bob", "arn:aws:iam::111122223333:user/bob", Grant::None),
            ("AIDACKCEVSQ6C2EXAMPLE", SESSION, Grant::None),
        ];
        for (principal, caller, expected) in cases {
            let caller = Caller::parse(caller).unwrap();
            assert_eq!(Principal::parse(principal).unwrap().grant(Some(&caller)), expected, "{principal}");
        }
        assert_eq!(Principal::Anyone.grant(None), Grant::Direct);
    }

    #[test]
    fn what_can_be_no_principal_is_refused() {
        for wrong in ["bob", "arn:aws:iam::111122223333:user/*", "arn:aws:s3:::bucket", "arn:aws:iam::1:root", ""] {
            assert!(Principal::parse(wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn the_arn_of_a_session_does_not_tell_the_path_of_its_role() {
        let keys =
            |arn| Caller::parse(arn).unwrap().context().iter().map(|(key, _)| (*key).to_owned()).collect::<Vec<_>>();
        assert_eq!(keys(SESSION), ["aws:PrincipalAccount", "aws:PrincipalType"]);
        let user = "arn:aws-cn:iam::111122223333:user/team/bob";
        assert_eq!(keys(user), ["aws:PrincipalAccount", "aws:PrincipalType", "aws:PrincipalArn", "aws:username"]);
    }

    #[test]
    fn service_linked_roles_are_known_by_path_or_name() {
        let is_linked = |arn| Caller::parse(arn).unwrap().is_service_linked();
        assert!(is_linked("arn:aws:iam::111122223333:role/aws-service-role/x.amazonaws.com/AWSServiceRoleForX"));
        assert!(is_linked("arn:aws:sts::111122223333:assumed-role/AWSServiceRoleForX/s"));
        assert!(!is_linked(SESSION));
    }
}
