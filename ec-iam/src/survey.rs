//! Looks at what there is, and says what is to be changed so that it becomes what is asked for.

use ec_shared::Failure;
use ec_shared::document::{Cache, Change, ChangeState, Finding, Section, Severity, Status};
use serde_json::Value;

use crate::cloud::Cloud;
use crate::codes;
use crate::plan::Step;
use crate::principal::{Kind, Principal};
use crate::request::Request;
use crate::thing::{State, Thing};
use crate::wanted;

/// What was found.
#[derive(Clone, Debug, Default)]
pub struct Survey {
    /// Planned where something is missing, unchanged where it is there.
    pub changes: Vec<Change>,
    /// What is worth knowing.
    pub findings: Vec<Finding>,
    /// The user that the principal is allowed to log in as.
    pub user: Option<String>,
}

impl Survey {
    /// Whether something is in the way, so that nothing may be changed.
    pub fn is_blocked(&self) -> bool {
        self.findings.iter().any(|finding| finding.severity == Severity::Error)
    }

    /// The section of `plan`.
    pub fn section(self, request: &Request) -> Section {
        let is_planned = self.changes.iter().any(|change| change.state == ChangeState::Planned);
        let status = match (self.is_blocked(), is_planned) {
            (true, _) => Status::No,
            (false, true) => Status::Planned,
            (false, false) => Status::Unchanged,
        };
        let mut section = Section::new("plan", status);
        section.findings = self.findings;
        section.changes = self.changes;
        request.facts(section, self.user.as_deref())
    }

    pub(crate) fn find(&mut self, finding: Finding) {
        self.findings.push(finding);
    }
}

/// Looks at everything that the request is about.
///
/// # Errors
/// What makes a plan impossible: nothing has been written then.
pub fn survey(cloud: &impl Cloud, request: &Request, cache: Option<&Cache>) -> Result<Survey, Failure> {
    let mut survey = Survey::default();
    let mut steps = vec![Step::new(Thing::ServiceLinkedRole, Value::Null)];
    steps.extend(wanted::steps(cloud, request, cache, &mut survey)?);
    let is_new = |principal: &Principal| {
        steps.iter().any(|step| matches!(&step.thing, Thing::Principal(created) if created == principal))
    };
    for step in &steps {
        let state = look(cloud, &step.thing, &is_new)?;
        match step.change(&state) {
            Ok(change) => survey.changes.push(change),
            Err(conflict) => survey.find(*conflict),
        }
    }
    Ok(survey)
}

/// What there is of a thing.
///
/// # Errors
/// `EC2004` if it belongs to a principal that does not exist, and is not `is_new`, which a step before creates.
pub fn look(cloud: &impl Cloud, thing: &Thing, is_new: &impl Fn(&Principal) -> bool) -> Result<State, Failure> {
    let (Thing::InlinePolicy(principal, _) | Thing::ManagedPolicy(principal, _) | Thing::Boundary(principal)) = thing
    else {
        return cloud.read(thing);
    };
    // An ARN may name a principal of another account, where one of the same name is somebody else.
    if principal.account.is_some() && !is_new(principal) {
        exists(cloud, principal)?;
    }
    let state = cloud.read(thing)?;
    if state == State::Absent && principal.account.is_none() && !is_new(principal) {
        exists(cloud, principal)?;
    }
    Ok(state)
}

fn exists(cloud: &impl Cloud, principal: &Principal) -> Result<(), Failure> {
    let missing = |why: String| {
        let (kind, name) = (principal.kind.word(), &principal.name);
        let hint = match principal.kind {
            Kind::PermissionSet => "--assign-to creates a permission set that is missing".to_owned(),
            Kind::Role => format!(
                "check the name and the account: aws iam get-role --role-name {name}, ec-iam whoami; \
                 --trust creates a role that is missing"
            ),
            _ => format!("check the name and the account: aws iam get-{kind} --{kind}-name {name}, ec-iam whoami"),
        };
        Failure::new(&codes::NO_SUCH_PRINCIPAL, format!("cannot give {principal} a permission")).because(why).hint(hint)
    };
    let arn = cloud
        .principal_arn(principal)?
        .ok_or_else(|| missing(format!("the account has no {} {}", principal.kind.word(), principal.name)))?;
    let here = arn.split(':').nth(4).unwrap_or_default();
    match &principal.account {
        Some(account) if account != here => {
            Err(missing(format!("it is of account {account}, and the credentials are of account {here}")))
        }
        _ => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cloud::fake::{Fail, Fake, Which};
    use crate::thing::SERVICE_LINKED_ROLE;
    use crate::user::CacheUser;
    use ec_shared::codes as shared;
    use ec_shared::document::{Auth, AuthKind};

    fn orders(kind: AuthKind) -> Cache {
        let arn = "arn:aws:elasticache:us-east-1:123456789012:serverlesscache:orders";
        let auth = Auth { kind, user_group_ids: vec!["g".into()] };
        Cache { name: "orders".into(), arn: Some(arn.into()), auth: Some(auth), ..Cache::default() }
    }

    fn request(principal: &str, user: Option<&str>) -> Request {
        Request {
            principal: Some(Principal::parse(principal).unwrap()),
            user: user.map(str::to_owned),
            ..Request::default()
        }
    }

    fn account(users: &[(&str, &str)]) -> Fake {
        let users = users.iter().map(|(id, authentication)| CacheUser {
            id: (*id).into(),
            authentication: (*authentication).into(),
            groups: vec!["g".into()],
            ..CacheUser::default()
        });
        Fake { users: users.collect(), ..Fake::with_principals(&["role/app"]) }
    }

    fn codes_of(survey: &Survey) -> Vec<&str> {
        survey.findings.iter().map(|finding| finding.code.as_str()).collect()
    }

    #[test]
    fn in_an_empty_account_both_parts_are_planned_and_nothing_is_written() {
        let cloud = account(&[("app", "iam")]);
        let survey = survey(&cloud, &request("role/app", None), Some(&orders(AuthKind::Rbac))).unwrap();
        assert_eq!(survey.user.as_deref(), Some("app"));
        assert!(survey.changes.iter().all(|change| change.state == ChangeState::Planned));
        assert_eq!(survey.changes.len(), 2);
        assert_eq!(cloud.writes(), Vec::<String>::new());
    }

    #[test]
    fn a_cache_without_iam_users_needs_no_permission() {
        for (kind, users) in
            [(AuthKind::None, &[][..]), (AuthKind::Token, &[]), (AuthKind::Rbac, &[("app", "password")])]
        {
            let survey = survey(&account(users), &request("role/app", None), Some(&orders(kind))).unwrap();
            assert_eq!(codes_of(&survey), ["EC2005"], "{kind:?}");
            assert_eq!(survey.changes.len(), 1);
        }
    }

    #[test]
    fn without_a_principal_only_the_role_is_looked_at() {
        let cloud = account(&[]);
        let survey = survey(&cloud, &Request::default(), None).unwrap();
        assert_eq!(codes_of(&survey), ["EC2011"]);
        assert_eq!(*cloud.calls.borrow(), [format!("read {SERVICE_LINKED_ROLE}")]);
    }

    #[test]
    fn a_named_user_is_allowed_with_a_remark_if_it_has_a_password() {
        let survey =
            survey(&account(&[("app", "password")]), &request("role/app", Some("app")), Some(&orders(AuthKind::Rbac)));
        let survey = survey.unwrap();
        assert_eq!(codes_of(&survey), ["EC2008"]);
        assert_eq!(survey.changes.len(), 2);
    }

    #[test]
    fn what_does_not_exist_is_refused() {
        let rbac = orders(AuthKind::Rbac);
        let code = |request: &Request, cache: Option<&Cache>| {
            survey(&account(&[("app", "iam")]), request, cache).unwrap_err().code().id
        };
        assert_eq!(code(&request("role/app", Some("nobody")), Some(&rbac)), "EC9106");
        assert_eq!(code(&request("role/nobody", None), Some(&rbac)), "EC2004");
        assert_eq!(code(&request("arn:aws:iam::999999999999:role/app", None), Some(&rbac)), "EC2004");
        assert_eq!(code(&request("role/app", None), Some(&Cache { arn: None, ..rbac })), "EC2007");
        assert_eq!(code(&request("role/app", None), None), "EC2007");
    }

    #[test]
    fn a_permission_set_that_nobody_is_assigned_to_has_to_be_there() {
        let asked = request("permission-set/Typo", Some("app"));
        let failure = survey(&account(&[("app", "iam")]), &asked, Some(&orders(AuthKind::Rbac))).unwrap_err();
        assert_eq!(failure.code().id, "EC2004");
        assert!(failure.hint_text().unwrap().contains("--assign-to"));
    }

    #[test]
    fn a_user_that_may_not_be_looked_up_is_a_warning_if_it_was_named_and_an_error_otherwise() {
        let rbac = orders(AuthKind::Rbac);
        let denied = || {
            let cloud = account(&[("app", "iam")]);
            cloud.fails.set(Some(Fail { call: Which::Name("users"), code: &shared::ACCESS_DENIED, is_done: false }));
            cloud
        };
        let named = survey(&denied(), &request("role/app", Some("app")), Some(&rbac)).unwrap();
        assert_eq!(codes_of(&named), ["EC2010"]);
        assert_eq!(survey(&denied(), &request("role/app", None), Some(&rbac)).unwrap_err().code().id, "EC9105");
    }
}
