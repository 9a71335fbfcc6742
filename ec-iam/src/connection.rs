//! What `check` says of a connection: may this principal log in to this cache with IAM, and is everything there for it?
//!
//! The service refuses a login with one sentence, whatever is wrong: a user of another group, an id that is not the
//! name, one of two resources that no policy names. Each of these is a row of its own here.

use ec_shared::Failure;
use ec_shared::document::{Cache, Document, Finding, Section, Severity, Status};
use ec_shared::report::Report;

use crate::access_string::{self, ClientNeed};
use crate::arn::CacheArn;
use crate::checks::{self, Checks, Topic};
use crate::cloud::Cloud;
use crate::codes;
use crate::evaluate::Decision;
use crate::identity::Caller;
use crate::login;
use crate::principal::Principal;
use crate::simulate::{self, Answer, Iam, Question, Verdict};
use crate::thing::{State, Thing};
use crate::user::{self, CacheUser, UserGroup};

/// What is asked.
#[derive(Clone, Debug, Default)]
pub struct Asked {
    /// Who is to connect; without it, who calls.
    pub principal: Option<Principal>,
    /// As which user; without it, as the cache's IAM user.
    pub user: Option<String>,
}

/// The section of `check`: one row in `checks` for each check, and a finding where something is to be said. What one
/// may not ask leaves that one check unknown.
///
/// # Errors
/// `EC2003` if the caller is somebody who has no policies.
pub fn check(cloud: &(impl Cloud + Iam), asked: &Asked, cache: Option<&Cache>) -> Result<Section, Failure> {
    let principal = match &asked.principal {
        Some(principal) => principal.clone(),
        None => Principal::any(&cloud.identity()?.arn)?,
    };
    let mut checks = Checks::of("ec-iam check --principal");
    let holder = simulate::holder(cloud, &principal);
    service_linked_role(cloud, &principal, holder.as_ref(), &mut checks);
    let mut section = Section::new("check", Status::Ok).fact("principal", principal.to_string());
    if let Some(cache) = cache {
        let user = logins(cloud, asked, &principal, cache, &mut checks);
        if let Some(user) = &user {
            section = section.fact("user", user);
        }
        match (user, CacheArn::of(cache)) {
            (Some(user), Ok(arn)) => connect(&principal, holder.as_ref(), &Question::new(&arn, &user), &mut checks),
            (Some(_), Err(failure)) => checks.unknown(Topic::Connect, &[&failure]),
            (None, _) => {}
        }
    }
    Ok(checks.into_section(section))
}

/// A missing role keeps nobody from connecting. But the next cache cannot be created without it.
fn service_linked_role(
    cloud: &impl Cloud,
    principal: &Principal,
    holder: Result<&simulate::Holder, &Failure>,
    checks: &mut Checks,
) {
    match cloud.read(&Thing::ServiceLinkedRole) {
        Ok(State::Present(arn)) => {
            let name = arn.as_str().and_then(|arn| arn.rsplit('/').next()).unwrap_or("there");
            checks.yes(Topic::ServiceLinkedRole, name);
        }
        Ok(_) => {
            let ask = |holder: &simulate::Holder| {
                let arn = holder.caller.arn();
                let account = arn.split(':').nth(4).unwrap_or_default();
                Question::service_linked_role(&Caller::of(arn).partition, account).ask(holder)
            };
            let may = match holder.map(ask) {
                Ok(Answer::Yes) => format!("{principal} may create it"),
                Ok(Answer::No) => format!("{principal} may not create it"),
                Ok(Answer::Unknown) => format!("whether {principal} may create it depends on the request"),
                Err(failure) => {
                    format!("it is not known whether {principal} may create it: {}", checks::reason(failure))
                }
            };
            let summary = format!("the account has none, and {may}");
            let create = "ec-iam apply creates it; ec-iam policy --for setup prints a policy that allows it";
            let fix = match holder.err().and_then(|failure| checks.fix(&[failure])) {
                Some(fix) => format!("{create}; to know who may: {fix}"),
                None => create.to_owned(),
            };
            let mut finding = Finding::new(&codes::NO_SERVICE_LINKED_ROLE, Severity::Warning, &summary).fix(fix);
            if let Err(failure) = holder {
                finding = finding.evidence("errors", [failure]);
            }
            checks.no(Topic::ServiceLinkedRole, summary, finding);
        }
        Err(failure) => checks.unknown(Topic::ServiceLinkedRole, &[&failure]),
    }
}

/// Everything on the cache's side. The answer is the user to log in as, where there is one.
fn logins(
    cloud: &impl Cloud,
    asked: &Asked,
    principal: &Principal,
    cache: &Cache,
    checks: &mut Checks,
) -> Option<String> {
    let unfit = login::unfit(cache);
    let is_unfit = !unfit.is_empty();
    let no_login = login::no_iam_auth(cache).filter(|_| !is_unfit);
    if let Some(why) = &no_login {
        let summary = format!("nobody logs in to {} with IAM: {why}", cache.name);
        let finding = Finding::new(&codes::NO_IAM_AUTH, Severity::Info, summary)
            .evidence("auth", &cache.auth)
            .fix("ec-iam apply --auth iam creates an IAM user and attaches it to the cache");
        checks.no(Topic::IamLogin, why.clone(), finding);
    } else {
        checks.found(Topic::IamLogin, "engine, version and encryption fit", unfit);
    }
    if is_unfit || no_login.is_some() {
        return None;
    }
    let users = match cloud.users(asked.user.as_deref()) {
        Ok(users) => users,
        Err(failure) => {
            for topic in [Topic::CacheUser, Topic::UserGroup, Topic::AccessString] {
                checks.unknown(topic, &[&failure]);
            }
            return asked.user.clone();
        }
    };
    let user = match &asked.user {
        Some(id) => users.first().ok_or_else(|| format!("there is no ElastiCache user {id}")),
        None => match user::choose(cache, &users, &principal.name) {
            Ok(chosen) => chosen.ok_or_else(|| "none of the users in its user groups logs in with IAM".to_owned()),
            Err(failure) => {
                checks.unknown(Topic::CacheUser, &[&failure]);
                return None;
            }
        },
    };
    match user {
        Ok(user) => {
            checks.found(Topic::CacheUser, format!("{} logs in with IAM", user.id), user::faults(user));
            group(cloud, cache, user, checks);
            let remarks = access_string::lint(&user.access_string, &ClientNeed::of(cache));
            checks.found(Topic::AccessString, user.access_string.clone(), remarks);
            Some(user.id.clone())
        }
        Err(why) => {
            let finding = Finding::new(&codes::NOT_IAM_USER, Severity::Error, why.clone())
                .evidence("user", &asked.user)
                .fix("ec-iam apply --auth iam creates the user and puts it into the cache's user group");
            checks.no(Topic::CacheUser, why, finding);
            None
        }
    }
}

/// Whether one of the cache's groups has the user, and knows it by now.
fn group(cloud: &impl Cloud, cache: &Cache, user: &CacheUser, checks: &mut Checks) {
    let attached = cache.auth.as_ref().map_or(&[][..], |auth| &auth.user_group_ids);
    let Some(id) = attached.iter().find(|group| user.groups.contains(group)).or(attached.first()) else {
        let failure = Failure::new(&codes::WHICH_USER, "the cache does not tell its user groups");
        return checks.unknown(Topic::UserGroup, &[&failure]);
    };
    match cloud.user_group(id) {
        Ok(Some(group)) => {
            let faults = user::group_faults(cache, user, &group);
            checks.found(Topic::UserGroup, format!("{id} has {} and is attached to {}", user.id, cache.name), faults);
        }
        Ok(None) => {
            let missing = UserGroup { id: id.clone(), ..UserGroup::default() };
            checks.found(Topic::UserGroup, "", user::group_faults(cache, user, &missing));
        }
        Err(failure) => checks.unknown(Topic::UserGroup, &[&failure]),
    }
}

/// Whether the principal's policies allow to connect, on the cache and on the user.
fn connect(
    principal: &Principal,
    holder: Result<&simulate::Holder, &Failure>,
    question: &Question,
    checks: &mut Checks,
) {
    let holder = match holder {
        Ok(holder) => holder,
        Err(failure) => return checks.unknown(Topic::Connect, &[failure]),
    };
    let verdict = Verdict::new(question, holder);
    match verdict.answer() {
        Answer::Yes => checks.yes(Topic::Connect, format!("{principal} is allowed on the cache and on the user")),
        Answer::No => {
            let detail = closed(&verdict, question).join("; ");
            let summary = format!("{principal} may not connect: {detail}");
            let finding = Finding::new(&codes::MAY_NOT_CONNECT, Severity::Error, summary)
                .evidence("resources", question.resources())
                .evidence("reasons", verdict.sentences(question))
                .fix(format!("ec-iam apply --principal {principal}"));
            checks.no(Topic::Connect, detail, finding);
        }
        Answer::Unknown => {
            let keys = verdict.missing_keys(question);
            let why = if keys.is_empty() {
                verdict.sentences(question).join("; ")
            } else {
                format!("it depends on {}", keys.join(", "))
            };
            let failure = Failure::new(&codes::DEPENDS, why)
                .hint("ec-iam simulate --live --context KEY=VALUE … decides it for a request");
            checks.unknown(Topic::Connect, &[&failure]);
        }
    }
}

/// The resources that a principal may not connect to: `not allowed on user:app`.
fn closed(verdict: &Verdict<'_>, question: &Question) -> Vec<String> {
    let because = verdict.because(question).into_iter();
    let closed = because.filter_map(|because| {
        let word = match because.explanation.decision {
            Decision::Allowed => return None,
            Decision::ImplicitDeny => "not allowed on",
            Decision::ExplicitDeny => "denied on",
        };
        let resource = because.resource.splitn(6, ':').last().unwrap_or_default();
        Some(format!("{word} {resource}"))
    });
    closed.collect()
}

/// What a person sees.
pub(crate) fn report(document: &Document, section: &Section, report: &mut Report) {
    let fact = |name: &str| section.facts.get(name).and_then(serde_json::Value::as_str);
    let cache = document.cache().ok().flatten().map(|cache| cache.title());
    let ends = [cache, fact("principal").map(str::to_owned)];
    report.title(ends.into_iter().flatten().collect::<Vec<_>>().join("  ←  "));
    checks::rows(section, report);
    if section.error.is_some() {
        return report.section(section, &[]);
    }
    checks::verdict(section, report);
}

#[cfg(test)]
mod tests;
