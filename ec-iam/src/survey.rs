//! Looks at what there is: the service-linked role, the user of the cache, the principal and its policy.

use ec_shared::document::{Cache, Change, ChangeState, Finding, Section, Severity, Status};
use ec_shared::{Failure, codes as shared};

use crate::arn::CacheArn;
use crate::cloud::Cloud;
use crate::codes;
use crate::plan::{Grant, Present, Step};
use crate::principal::Principal;
use crate::user;

/// What the flags, or an earlier section of the document, ask for.
#[derive(Clone, Debug, Default)]
pub struct Request {
    /// Who is to connect.
    pub principal: Option<Principal>,
    /// As which user of the cache.
    pub user: Option<String>,
}

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
    /// The section of `plan`.
    pub fn section(self, request: &Request) -> Section {
        let is_planned = self.changes.iter().any(|change| change.state == ChangeState::Planned);
        let mut section = Section::new("plan", if is_planned { Status::Planned } else { Status::Unchanged });
        section.findings = self.findings;
        section.changes = self.changes;
        facts(section, request.principal.as_ref(), self.user.as_deref())
    }
}

/// Adds the facts that later verbs take up: who, and as which user.
pub fn facts(mut section: Section, principal: Option<&Principal>, user: Option<&str>) -> Section {
    if let Some(principal) = principal {
        section = section.fact("principal", principal.to_string());
    }
    match user {
        Some(user) => section.fact("user", user),
        None => section,
    }
}

/// Looks at everything that the request is about.
///
/// # Errors
/// What makes a plan impossible: nothing has been written then.
pub fn survey(cloud: &impl Cloud, request: &Request, cache: Option<&Cache>) -> Result<Survey, Failure> {
    let mut survey = Survey::default();
    let grant = if let Some(principal) = &request.principal {
        grant(cloud, principal, request.user.as_deref(), cache, &mut survey)?
    } else {
        survey.findings.push(
            Finding::new(&codes::NO_PRINCIPAL, Severity::Info, "nobody is allowed to connect: no principal is named")
                .fix("--principal role/NAME allows a role to connect"),
        );
        None
    };
    for step in std::iter::once(Step::ServiceLinkedRole).chain(grant.map(Step::Grant)) {
        let present = look(cloud, &step)?;
        survey.changes.push(step.change(&present));
    }
    Ok(survey)
}

/// What there is of what a step wants.
///
/// # Errors
/// `EC2004` if the principal of a grant does not exist.
pub fn look(cloud: &impl Cloud, step: &Step) -> Result<Present, Failure> {
    match step {
        Step::ServiceLinkedRole => Ok(Present::Role(cloud.service_linked_role()?)),
        Step::Grant(grant) => {
            // An ARN may name a principal of another account, where one of the same name is somebody else.
            if grant.principal.account.is_some() {
                exists(cloud, &grant.principal)?;
            }
            let policy = cloud.inline_policy(&grant.principal, &grant.name)?;
            if policy.is_none() && grant.principal.account.is_none() {
                exists(cloud, &grant.principal)?;
            }
            Ok(Present::Policy(policy))
        }
    }
}

fn exists(cloud: &impl Cloud, principal: &Principal) -> Result<(), Failure> {
    let missing = |why: String| {
        Failure::new(&codes::NO_SUCH_PRINCIPAL, format!("cannot allow {principal} to connect")).because(why).hint(
            format!(
                "check the name and the account: aws iam get-{0} --{0}-name {1}, ec-iam whoami",
                principal.kind.word(),
                principal.name
            ),
        )
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

/// The permission to write, if this cache needs one.
fn grant(
    cloud: &impl Cloud,
    principal: &Principal,
    user: Option<&str>,
    cache: Option<&Cache>,
    survey: &mut Survey,
) -> Result<Option<Grant>, Failure> {
    let cache = cache.ok_or_else(|| {
        Failure::new(&codes::CACHE_ARN, format!("cannot allow {principal} to connect"))
            .because("the document names no cache")
            .hint("--cache NAME, or pipe in what `ec-sg find` prints")
    })?;
    let not_needed = |why: &str| {
        let summary = format!("{principal} needs no permission to connect to {}: {why}", cache.name);
        Finding::new(&codes::NO_IAM_AUTH, Severity::Info, summary).evidence("auth", &cache.auth)
    };
    if let Some(why) = user::no_iam_auth(cache) {
        survey.findings.push(not_needed(&why));
        return Ok(None);
    }
    let arn = CacheArn::of(cache)?;
    let user = if let Some(user) = user {
        survey.findings.extend(verify(cloud, cache, user)?);
        user.to_owned()
    } else if let Some(user) = user::choose(cache, &cloud.users(None)?, &principal.name)? {
        user.id.clone()
    } else {
        survey.findings.push(not_needed("none of the users in its user groups logs in with IAM"));
        return Ok(None);
    };
    survey.user = Some(user.clone());
    Ok(Some(Grant::new(principal.clone(), &arn, &user)))
}

/// Looks up a user that was named; that the credentials may not look is worth a warning, no more.
fn verify(cloud: &impl Cloud, cache: &Cache, user: &str) -> Result<Vec<Finding>, Failure> {
    match cloud.users(Some(user)) {
        Ok(users) => match users.first() {
            Some(found) => Ok(user::remarks(cache, found)),
            None => Err(Failure::new(&shared::NOT_FOUND, format!("there is no ElastiCache user `{user}`"))
                .hint("aws elasticache describe-users lists them; --user takes the user's id")),
        },
        Err(failure) if *failure.code() == shared::ACCESS_DENIED => {
            let mut finding = Finding::new(
                &codes::NOT_VERIFIED,
                Severity::Warning,
                format!("nobody checked that user {user} exists and logs in with IAM"),
            );
            finding.aws_code = failure.aws_code().map(str::to_owned);
            finding.fix = failure.hint_text().map(str::to_owned);
            Ok(vec![finding])
        }
        Err(failure) => Err(failure),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cloud::fake::{Fail, Fake, Which};
    use crate::user::CacheUser;
    use ec_shared::document::{Auth, AuthKind};

    fn orders(kind: AuthKind) -> Cache {
        let arn = "arn:aws:elasticache:us-east-1:123456789012:serverlesscache:orders";
        let auth = Auth { kind, user_group_ids: vec!["g".into()] };
        Cache { name: "orders".into(), arn: Some(arn.into()), auth: Some(auth), ..Cache::default() }
    }

    fn request(principal: &str, user: Option<&str>) -> Request {
        Request { principal: Some(Principal::parse(principal).unwrap()), user: user.map(str::to_owned) }
    }

    fn account(users: &[(&str, &str)]) -> Fake {
        let users = users.iter().map(|(id, authentication)| CacheUser {
            id: (*id).into(),
            authentication: (*authentication).into(),
            groups: vec!["g".into()],
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
        assert_eq!(cloud.writes(), Vec::<&str>::new());
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
        assert_eq!(*cloud.calls.borrow(), ["service_linked_role"]);
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
