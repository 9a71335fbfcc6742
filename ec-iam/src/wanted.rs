//! What a request wants to be there in the end.

use ec_shared::document::{Cache, Finding, Severity};
use ec_shared::{Failure, codes as shared, token};
use serde_json::{Value, json};

use crate::arn::CacheArn;
use crate::cloud::Cloud;
use crate::codes;
use crate::identity::Caller;
use crate::login;
use crate::needs::Scope;
use crate::plan::Step;
use crate::principal::{Kind, Principal};
use crate::request::{Request, Seat};
use crate::survey::Survey;
use crate::thing::{Person, State, Thing};
use crate::user;

/// What is to be there in the end, in the order in which it is made: nobody is allowed anything before the boundary is
/// set, and nobody is assigned before the permissions are there.
pub(crate) fn steps(
    cloud: &impl Cloud,
    request: &Request,
    cache: Option<&Cache>,
    survey: &mut Survey,
) -> Result<Vec<Step>, Failure> {
    let Some(principal) = &request.principal else {
        survey.find(
            Finding::new(&codes::NO_PRINCIPAL, Severity::Info, "nobody is allowed to connect: no principal is named")
                .fix("--principal role/NAME allows a role to connect"),
        );
        return Ok(Vec::new());
    };
    let mut scope = scope(cloud, request, cache)?;
    let mut steps = Vec::new();
    if request.needs_cache() {
        let Some(user) = user_of_cache(cloud, request, principal, cache, survey, &mut steps)? else {
            return Ok(steps);
        };
        let cache = cache.map(CacheArn::of).transpose()?;
        scope.connect = cache.zip(Some(user.clone()));
        survey.user = Some(user);
    }
    steps.extend(made(cloud, request, principal, &scope)?);
    if let Some(arn) = &request.boundary {
        steps.push(Step::new(Thing::Boundary(principal.clone()), arn.as_str()));
    }
    let (thing, state) = request.permission.of(principal, &scope)?;
    steps.push(Step::new(thing, state));
    steps.extend(seats(cloud, request, principal, &scope)?);
    if matches!(principal.kind, Kind::User | Kind::Group) {
        let summary = format!("{principal} carries the policy itself, which works and is not what AWS recommends");
        survey.find(Finding::new(&codes::DIRECT_POLICY, Severity::Warning, summary).fix(
            "give a role, and let people sign in: --principal role/NAME --trust …, or \
                 --principal permission-set/NAME --assign-to group/NAME",
        ));
    }
    Ok(steps)
}

/// Account, partition and Region that policies are about. Whose credentials these are is asked only where it matters.
fn scope(cloud: &impl Cloud, request: &Request, cache: Option<&Cache>) -> Result<Scope, Failure> {
    if !request.needs_account() {
        return Ok(Scope::default());
    }
    let identity = cloud.identity()?;
    Ok(Scope {
        partition: Caller::of(&identity.arn).partition,
        account: Some(identity.account),
        region: Some(cache.and_then(|cache| cache.region.clone()).unwrap_or(identity.region)),
        ..Scope::default()
    })
}

/// The principal itself, where it is asked for: a role with its trust policy, a permission set with its sessions.
fn made(cloud: &impl Cloud, request: &Request, principal: &Principal, scope: &Scope) -> Result<Option<Step>, Failure> {
    if let Some(asked) = &request.trust {
        let account = scope.account.as_deref().unwrap_or_default();
        let mut trust = asked.trust(&scope.partition, account)?;
        let missing = |what: &str| {
            Failure::new(&codes::NO_PROVIDER, format!("cannot let {what} use {principal}"))
                .because("the account has none of that name")
                .hint("aws iam list-saml-providers; list-open-id-connect-providers; list-users")
        };
        match trust.principal() {
            Some(trusted) if trusted.account.as_deref() == Some(account) => {
                let arn = cloud.principal_arn(&trusted)?.ok_or_else(|| missing(&trusted.to_string()))?;
                trust = trust.with_arn(arn);
            }
            None if !cloud.has_provider(trust.arn())? => return Err(missing(trust.arn())),
            // Another account's users cannot be looked up; IAM itself refuses one that does not exist.
            Some(_) | None => {}
        }
        return Ok(Some(Step::new(Thing::Principal(principal.clone()), trust.policy())));
    }
    // A name that nobody is assigned to may be mistyped: such a set has to be there.
    let set = (principal.kind == Kind::PermissionSet && request.seat.is_some()).then(|| {
        Step::new(Thing::Principal(principal.clone()), json!({"session_duration": request.session_duration()}))
    });
    Ok(set)
}

/// Who gets a permission set: the group or user, the group's members, and the assignment.
fn seats(cloud: &impl Cloud, request: &Request, principal: &Principal, scope: &Scope) -> Result<Vec<Step>, Failure> {
    let Some(Seat { to, members, newcomer }) = &request.seat else { return Ok(Vec::new()) };
    let mut steps = Vec::new();
    let mut person = |person: Person, state: Value| -> Result<(), Failure> {
        let thing = Thing::Person(person.clone());
        let must_be_there = matches!(person, Person::User(_)) && state.is_null();
        if must_be_there && cloud.read(&thing)? == State::Absent {
            return Err(Failure::new(&codes::NO_SUCH_PERSON, format!("IAM Identity Center has no {person}"))
                .hint("--email and --full-name create the user; with an external identity source, create it there"));
        }
        if !must_be_there {
            steps.push(Step::new(thing, state));
        }
        Ok(())
    };
    match to {
        Person::User(_) => person(to.clone(), newcomer.clone().map_or(Value::Null, Value::Object))?,
        Person::Group(_) => person(to.clone(), json!({}))?,
    }
    for member in members {
        person(Person::User(member.clone()), Value::Null)?;
    }
    if let Person::Group(group) = to {
        let membership = |user: &String| Thing::Membership { group: group.clone(), user: user.clone() };
        steps.extend(members.iter().map(|user| Step::new(membership(user), Value::Null)));
    }
    let account = request.account.clone().or_else(|| scope.account.clone()).unwrap_or_default();
    let assignment = Thing::Assignment { account, set: principal.name.clone(), to: to.clone() };
    steps.push(Step::new(assignment, Value::Null));
    Ok(steps)
}

/// The user of the cache that is logged in as, and what has to be there for it; `None` if nobody logs in there with IAM.
fn user_of_cache(
    cloud: &impl Cloud,
    request: &Request,
    principal: &Principal,
    cache: Option<&Cache>,
    survey: &mut Survey,
    steps: &mut Vec<Step>,
) -> Result<Option<String>, Failure> {
    let cache = cache.ok_or_else(|| {
        Failure::new(&codes::CACHE_ARN, format!("cannot allow {principal} to connect"))
            .because("the document names no cache")
            .hint("--cache NAME, or pipe in what `ec-sg find` prints")
    })?;
    let not_needed = |why: &str| {
        let summary = format!("{principal} needs no permission to connect to {}: {why}", cache.name);
        Finding::new(&codes::NO_IAM_AUTH, Severity::Info, summary).evidence("auth", &cache.auth)
    };
    if request.makes_users {
        return users_made(cloud, request, principal, cache, survey, steps);
    }
    if let Some(why) = login::no_iam_auth(cache) {
        survey.find(not_needed(&why).fix("--auth iam creates an IAM user and attaches it to the cache"));
        return Ok(None);
    }
    CacheArn::of(cache)?;
    if let Some(user) = &request.user {
        survey.findings.extend(verify(cloud, cache, user)?);
        return Ok(Some(user.clone()));
    }
    if let Some(user) = user::choose(cache, &cloud.users(None)?, &principal.name)? {
        return Ok(Some(user.id.clone()));
    }
    let finding = not_needed("none of the users in its user groups logs in with IAM");
    survey.find(finding.fix("--auth iam creates an IAM user and attaches it to the cache"));
    Ok(None)
}

/// As [`user_of_cache`], where users and groups that are missing are to be made.
fn users_made(
    cloud: &impl Cloud,
    request: &Request,
    principal: &Principal,
    cache: &Cache,
    survey: &mut Survey,
    steps: &mut Vec<Step>,
) -> Result<Option<String>, Failure> {
    let unfit = login::unfit(cache);
    if !unfit.is_empty() {
        survey.findings.extend(unfit);
        return Ok(None);
    }
    let user = match &request.user {
        Some(user) => user.clone(),
        None => token::user_id(&principal.name).map_err(|_| {
            Failure::new(&codes::WHICH_USER, format!("cannot name a user of cache {} after {principal}", cache.name))
                .hint("--user ID: letters, digits and hyphens, beginning with a letter")
        })?,
    };
    let attached = cache.auth.as_ref().map_or(&[][..], |auth| &auth.user_group_ids);
    let mut groups = Vec::new();
    for id in attached {
        groups.extend(cloud.user_group(id)?);
    }
    match login::steps(cache, &CacheArn::of(cache)?, &user, &groups, request.access_string()) {
        Ok((made, warning)) => {
            steps.extend(made);
            survey.findings.extend(warning);
            Ok(Some(user))
        }
        Err(finding) => {
            survey.find(*finding);
            Ok(None)
        }
    }
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
