//! What is asked of `plan`, `apply` and `check`.

use ec_shared::document::Section;
use ec_shared::{Failure, codes as shared};
use serde_json::{Map, Value, json};

use crate::login::ACCESS_STRING;
use crate::permission::Permission;
use crate::principal::{Kind, Principal};
use crate::thing::Person;
use crate::trust::Asked;

/// What the flags, or an earlier section of the document, ask for.
#[derive(Clone, Debug, Default)]
pub struct Request {
    /// Who gets the permission.
    pub principal: Option<Principal>,
    /// As which user of the cache.
    pub user: Option<String>,
    /// The permission.
    pub permission: Permission,
    /// Who may use the role, which is created if it is missing.
    pub trust: Option<Asked>,
    /// The ARN of the policy that is to be the principal's boundary.
    pub boundary: Option<String>,
    /// How long sessions of a permission set are: `PT8H`.
    pub session: Option<String>,
    /// Who has the permission set.
    pub seat: Option<Seat>,
    /// The account where the permission set is to be had, if not that of the credentials.
    pub account: Option<String>,
    /// Whether the user of the cache, its user group and their attachment are made where they are missing.
    pub makes_users: bool,
    /// What a user may do that is made.
    pub access_string: Option<String>,
}

/// Who of IAM Identity Center has a permission set.
#[derive(Clone, Debug, PartialEq)]
pub struct Seat {
    /// The user or group.
    pub to: Person,
    /// Users who are to be in the group.
    pub members: Vec<String>,
    /// The names and address of the user, if it is to be created.
    pub newcomer: Option<Map<String, Value>>,
}

impl Request {
    /// Whether a cache and one of its users have to be known.
    pub fn needs_cache(&self) -> bool {
        self.permission == Permission::Connect
    }

    /// Whether it matters whose credentials these are.
    pub fn needs_account(&self) -> bool {
        self.permission != Permission::Connect || self.trust.is_some() || self.seat.is_some()
    }

    /// How long the sessions of a new permission set are. An hour is what AWS gives if nobody says.
    pub fn session_duration(&self) -> &str {
        self.session.as_deref().unwrap_or("PT1H")
    }

    /// What a user may do that is made.
    pub fn access_string(&self) -> &str {
        self.access_string.as_deref().unwrap_or(ACCESS_STRING)
    }

    /// Adds the facts that later verbs take up: who, as which user, for what.
    pub fn facts(&self, mut section: Section, user: Option<&str>) -> Section {
        if let Some(principal) = &self.principal {
            section = section.fact("principal", principal.to_string());
        }
        if self.permission != Permission::Connect {
            section = section.fact("policy", self.permission);
        }
        match user {
            Some(user) => section.fact("user", user),
            None => section,
        }
    }

    /// Refuses what does not go together.
    ///
    /// # Errors
    /// `EC9008`.
    pub fn checked(self) -> Result<Self, Failure> {
        let kind = self.principal.as_ref().map(|principal| principal.kind);
        let is = |wanted: &[Kind]| kind.is_none_or(|kind| wanted.contains(&kind));
        let set = &[Kind::PermissionSet];
        let members = self.seat.as_ref().is_some_and(|seat| !seat.members.is_empty());
        let group = self.seat.as_ref().is_some_and(|seat| matches!(seat.to, Person::Group(_)));
        let misfits = [
            (self.trust.is_some() && !is(&[Kind::Role]), "--trust", "only a role has a trust policy"),
            (self.boundary.is_some() && kind == Some(Kind::Group), "--permissions-boundary", "a group has no boundary"),
            (self.seat.is_some() && !is(set), "--assign-to", "only a permission set is assigned"),
            (self.session.is_some() && !is(set), "--session-duration", "only a permission set has one here"),
            (members && !group, "--member", "only a group has members"),
            (
                self.permission == Permission::Administrator && !is(set),
                "--policy administrator",
                "only people who sign in through Identity Center should be administrators",
            ),
        ];
        match misfits.into_iter().find(|(is_misfit, ..)| *is_misfit) {
            Some((_, flag, why)) => Err(Failure::new(&shared::FLAGS, format!("cannot take {flag}")).because(why).hint(
                "roles: --trust; permission sets: --assign-to, --member, --session-duration; see ec-iam apply --help",
            )),
            None => Ok(self),
        }
    }
}

/// The names and the address of a new user of Identity Center, in the shape of its `CreateUser`.
///
/// # Errors
/// `EC9008` if a name has no second part, or an address no `@`.
pub fn newcomer(user: &str, full_name: &str, email: &str) -> Result<Map<String, Value>, Failure> {
    let (given, family) = full_name.trim().rsplit_once(' ').ok_or_else(|| {
        Failure::new(&shared::FLAGS, "cannot take --full-name")
            .because("IAM Identity Center wants a given and a family name")
            .hint("--full-name 'Anna Smith'")
    })?;
    if !email.split_once('@').is_some_and(|(name, host)| !name.is_empty() && host.contains('.')) {
        return Err(Failure::new(&shared::FLAGS, "cannot take --email").hint("--email anna@example.com"));
    }
    let state = json!({
        "user_name": user,
        "display_name": full_name.trim(),
        "given_name": given.trim(),
        "family_name": family,
        "email": email,
    });
    Ok(match state {
        Value::Object(state) => state,
        _ => Map::new(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(principal: &str) -> Request {
        Request { principal: Some(Principal::parse(principal).unwrap()), ..Request::default() }
    }

    #[test]
    fn what_does_not_go_together_is_refused() {
        let seat = |to: Person, members: &[&str]| {
            let members = members.iter().map(ToString::to_string).collect();
            Some(Seat { to, members, newcomer: None })
        };
        let group = || Person::Group("devs".into());
        assert!(Request { seat: seat(group(), &["anna"]), ..of("permission-set/X") }.checked().is_ok());
        for (request, flag) in [
            (Request { trust: Some(Asked::default()), ..of("user/anna") }, "--trust"),
            (Request { boundary: Some("arn".into()), ..of("group/devs") }, "--permissions-boundary"),
            (Request { seat: seat(group(), &[]), ..of("role/app") }, "--assign-to"),
            (Request { session: Some("PT1H".into()), ..of("role/app") }, "--session-duration"),
            (Request { seat: seat(Person::User("anna".into()), &["ben"]), ..of("permission-set/X") }, "--member"),
            (Request { permission: Permission::Administrator, ..of("role/app") }, "--policy administrator"),
        ] {
            let failure = request.checked().unwrap_err();
            assert_eq!(failure.code().id, "EC9008");
            assert!(failure.to_string().contains(flag), "{failure}");
        }
    }

    #[test]
    fn a_new_user_has_two_names_and_an_address() {
        let anna = newcomer("anna", "Anna Maria Smith", "anna@example.com").unwrap();
        assert_eq!((&anna["given_name"], &anna["family_name"]), (&json!("Anna Maria"), &json!("Smith")));
        assert!(newcomer("anna", "Anna", "anna@example.com").is_err());
        assert!(newcomer("anna", "Anna Smith", "anna").is_err());
    }
}
