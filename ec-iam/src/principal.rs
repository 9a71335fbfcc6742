//! The principal that is given permissions: a role, a user or a group of IAM, or a permission set of Identity Center.

use std::fmt;

use ec_shared::Failure;

use crate::codes;

/// A principal that can carry policies.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Principal {
    /// What it is.
    pub kind: Kind,
    /// Its name, which is unique in its account whatever its path.
    pub name: String,
    /// Its account, where it was given as an ARN.
    pub account: Option<String>,
}

/// What kind of principal.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Kind {
    /// A role.
    Role,
    /// A user.
    User,
    /// A group of users.
    Group,
    /// A permission set of IAM Identity Center: a role in every account where somebody is assigned to it.
    PermissionSet,
}

impl Kind {
    const ALL: [Self; 4] = [Self::Role, Self::User, Self::Group, Self::PermissionSet];

    /// The word before its name; IAM's ARNs have it, too.
    pub fn word(self) -> &'static str {
        match self {
            Self::Role => "role",
            Self::User => "user",
            Self::Group => "group",
            Self::PermissionSet => "permission-set",
        }
    }

    fn of(word: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|kind| kind.word() == word)
    }
}

impl Principal {
    /// Reads a principal that may be given a policy: `role/NAME`, `user/NAME`, `group/NAME`, `permission-set/NAME` or an
    /// ARN of IAM. The ARN of a role session stands for its role.
    ///
    /// # Errors
    /// `EC2003`, with the form to give instead.
    pub fn parse(text: &str) -> Result<Self, Failure> {
        let principal = Self::any(text)?;
        principal.takes_policies(text)?;
        Ok(principal)
    }

    /// Reads any principal, those among them whose policies are AWS's to change.
    ///
    /// # Errors
    /// `EC2003`, with the form to give instead.
    pub fn any(text: &str) -> Result<Self, Failure> {
        match text.strip_prefix("arn:") {
            Some(rest) => Self::of_arn(text, rest),
            None => Self::of_short(text),
        }
    }

    fn of_short(text: &str) -> Result<Self, Failure> {
        let (kind, name) = text.split_once('/').unwrap_or(("", text));
        match Kind::of(kind) {
            Some(kind) if !name.contains('/') => Self::named(text, kind, name, None),
            Some(kind) => {
                let name = name.rsplit('/').next().unwrap_or_default();
                Err(refused(text, "a name has no path").hint(format!("--principal {}/{name}", kind.word())))
            }
            None if name.starts_with("i-") => Err(refused(text, "an instance is no principal")
                .hint("give the role of its instance profile: --principal role/NAME")),
            None => Err(refused(text, "it is not said what it is")
                .hint("--principal role/NAME, user/NAME, group/NAME, permission-set/NAME, or an ARN")),
        }
    }

    fn of_arn(text: &str, rest: &str) -> Result<Self, Failure> {
        let parts: Vec<&str> = rest.splitn(5, ':').collect();
        let &[_, service, _, account, resource] = parts.as_slice() else {
            return Err(refused(text, "the ARN has too few parts").hint("arn:aws:iam::ACCOUNT:role/NAME"));
        };
        if !ec_shared::flags::is_account(account) {
            return Err(refused(text, "the ARN names no account").hint("arn:aws:iam::ACCOUNT:role/NAME"));
        }
        let account = Some(account.to_owned());
        let (kind, path) = resource.split_once('/').unwrap_or((resource, ""));
        match (service, kind) {
            ("iam", "root") => Err(refused(text, "the root user is allowed everything and takes no policy")
                .hint("give the role or user that the program runs as")),
            ("iam", "instance-profile") => Err(refused(text, "an instance profile takes no policy; its role does")
                .hint("aws iam get-instance-profile names the role: --principal role/NAME")),
            ("iam", _) => match Kind::of(kind) {
                Some(kind) if kind != Kind::PermissionSet => {
                    Self::named(text, kind, path.rsplit('/').next().unwrap_or_default(), account)
                }
                _ => Err(refused(text, "it is no role, user or group").hint("arn:aws:iam::ACCOUNT:role/NAME")),
            },
            ("sts", "assumed-role") => {
                Self::named(text, Kind::Role, path.split('/').next().unwrap_or_default(), account)
            }
            ("sts", "federated-user") => Err(refused(text, "a federated session takes no policy of its own")
                .hint("give the user that made the session: --principal user/NAME")),
            _ => Err(refused(text, "it is no ARN of IAM").hint("arn:aws:iam::ACCOUNT:role/NAME")),
        }
    }

    fn named(text: &str, kind: Kind, name: &str, account: Option<String>) -> Result<Self, Failure> {
        let longest = match kind {
            Kind::Role | Kind::User => 64,
            Kind::Group => 128,
            Kind::PermissionSet => 32,
        };
        let is_fine = |byte: u8| byte.is_ascii_alphanumeric() || b"_+=,.@-".contains(&byte);
        if name.is_empty() || name.len() > longest || !name.bytes().all(is_fine) {
            return Err(refused(text, "the name is not of IAM's form")
                .hint(format!("1 to {longest} letters, digits and _+=,.@- make a name")));
        }
        Ok(Self { kind, name: name.to_owned(), account })
    }

    fn takes_policies(&self, text: &str) -> Result<(), Failure> {
        let Self { kind, name, .. } = self;
        if *kind == Kind::Role && name.starts_with("AWSReservedSSO_") {
            return Err(refused(text, "IAM Identity Center owns the role and would take the policy away again")
                .hint("give the permission set itself: --principal permission-set/NAME"));
        }
        if *kind == Kind::Role && name.starts_with("AWSServiceRoleFor") {
            return Err(refused(text, "a service-linked role belongs to its AWS service")
                .hint("give the role that the program runs as"));
        }
        Ok(())
    }
}

/// `role/app`, as `--principal` takes it.
impl fmt::Display for Principal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.kind.word(), self.name)
    }
}

fn refused(text: &str, why: &str) -> Failure {
    let shown: String = text.chars().take(128).flat_map(char::escape_debug).collect();
    Failure::new(&codes::PRINCIPAL, format!("cannot take `{shown}` for a principal")).because(why)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn short_forms_and_arns_with_paths_name_principals() {
        for (text, expected) in [
            ("role/app", "role/app"),
            ("user/anna@example.com", "user/anna@example.com"),
            ("group/devs", "group/devs"),
            ("permission-set/CacheUsers", "permission-set/CacheUsers"),
            ("arn:aws:iam::123456789012:role/app", "role/app"),
            ("arn:aws-cn:iam::123456789012:role/team/eu/app", "role/app"),
            ("arn:aws-us-gov:iam::123456789012:user/people/anna", "user/anna"),
            ("arn:aws:iam::123456789012:group/devs", "group/devs"),
        ] {
            assert_eq!(Principal::parse(text).unwrap().to_string(), expected, "{text}");
        }
    }

    #[test]
    fn a_role_session_stands_for_its_role() {
        let principal = Principal::parse("arn:aws:sts::123456789012:assumed-role/app/i-0abc").unwrap();
        assert_eq!(principal.to_string(), "role/app");
        assert_eq!(principal.account.as_deref(), Some("123456789012"));
    }

    #[test]
    fn what_takes_no_inline_policy_is_refused_with_what_to_give_instead() {
        for (text, hint) in [
            ("app", "role/NAME"),
            ("role/team/app", "role/app"),
            ("role/", "make a name"),
            ("role/a b", "make a name"),
            ("role/*", "make a name"),
            ("i-0abc", "instance profile"),
            ("policy/x", "role/NAME"),
            ("arn:aws:iam::123456789012:root", "role or user"),
            ("arn:aws:iam::123456789012:instance-profile/app", "get-instance-profile"),
            ("arn:aws:iam::123456789012:policy/x", "role/NAME"),
            ("arn:aws:iam::aws:role/app", "ACCOUNT"),
            ("arn:aws:sts::123456789012:federated-user/anna", "user/NAME"),
            ("arn:aws:s3:::bucket", "ACCOUNT"),
            ("arn:aws", "role/NAME"),
            ("role/AWSReservedSSO_Admin_0123456789abcdef", "permission set"),
            ("arn:aws:sts::123456789012:assumed-role/AWSReservedSSO_Admin_0123456789abcdef/anna", "permission set"),
            ("role/AWSServiceRoleForElastiCache", "program"),
        ] {
            let failure = Principal::parse(text).unwrap_err();
            assert_eq!(failure.code().id, "EC2003", "{text}");
            let found = failure.hint_text().unwrap();
            assert!(found.contains(hint), "{text}: {found}");
        }
    }
}
