//! Which user of the cache a principal is to log in as.

use ec_shared::Failure;
use ec_shared::document::{Cache, Engine, Finding, Severity};

use crate::codes;

/// A user of `ElastiCache`.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct CacheUser {
    /// The user's id.
    pub id: String,
    /// The user's name, which a client logs in with. Equal to the id where the user logs in with IAM.
    pub name: String,
    /// `active`, `modifying` or `deleting`.
    pub status: String,
    /// `valkey` or `redis`.
    pub engine: String,
    /// What the user may do.
    pub access_string: String,
    /// `iam`, `password` or `no-password`.
    pub authentication: String,
    /// The user groups that the user belongs to.
    pub groups: Vec<String>,
}

/// A user group of ElastiCache.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct UserGroup {
    /// The group's id.
    pub id: String,
    /// `valkey` or `redis`.
    pub engine: String,
    /// `creating`, `active`, `modifying` or `deleting`.
    pub status: String,
    /// The ids of its users.
    pub users: Vec<String>,
    /// The names of the serverless caches and the ids of the replication groups that it is attached to.
    pub caches: Vec<String>,
}

impl CacheUser {
    fn is_iam(&self) -> bool {
        self.authentication.eq_ignore_ascii_case("iam")
    }

    fn is_of(&self, groups: &[String]) -> bool {
        groups.is_empty() || self.groups.iter().any(|group| groups.contains(group))
    }
}

/// What is worth knowing of a user that was named.
pub fn remarks(cache: &Cache, user: &CacheUser) -> Vec<Finding> {
    let groups = groups(cache);
    let mut findings = Vec::new();
    if !user.is_iam() {
        findings.push(not_iam(user, Severity::Warning));
    }
    if !user.is_of(groups) {
        findings.push(not_in_group(cache, user, Severity::Warning));
    }
    findings
}

fn not_iam(user: &CacheUser, severity: Severity) -> Finding {
    let summary = format!("user {} of the cache logs in with {}, not with IAM", user.id, user.authentication);
    Finding::new(&codes::NOT_IAM_USER, severity, summary)
        .evidence("user", &user.id)
        .evidence("authentication", &user.authentication)
        .fix(format!("aws elasticache modify-user --user-id {} --authentication-mode Type=iam", user.id))
}

fn not_in_group(cache: &Cache, user: &CacheUser, severity: Severity) -> Finding {
    let groups = groups(cache);
    let group = groups.first().map_or("GROUP", String::as_str);
    Finding::new(
        &codes::NOT_IN_GROUP,
        severity,
        format!("user {} is in no user group of cache {}", user.id, cache.name),
    )
    .evidence("user", &user.id)
    .evidence("user_groups", &user.groups)
    .evidence("cache_user_groups", groups)
    .fix(format!("aws elasticache modify-user-group --user-group-id {group} --user-ids-to-add {}", user.id))
}

/// What is wrong with a user that is to log in with IAM.
///
/// Source: ElastiCache User Guide, "Authenticating with IAM", limitations: id and name are equal.
pub fn faults(user: &CacheUser) -> Vec<Finding> {
    let mut findings = Vec::new();
    if !user.is_iam() {
        findings.push(not_iam(user, Severity::Error));
    }
    let unfit = |summary: String, fix: &str| {
        Finding::new(&codes::UNFIT_USER, Severity::Error, summary).evidence("user", &user.id).fix(fix)
    };
    if !user.name.is_empty() && user.name != user.id {
        findings.push(
            unfit(
                format!("the user's id is {} and its name {}: for IAM they must be equal", user.id, user.name),
                "create a user whose id and name are equal: ec-iam apply --auth iam --user ID",
            )
            .evidence("user_name", &user.name),
        );
    }
    if !user.status.is_empty() && !user.status.eq_ignore_ascii_case("active") {
        let summary = format!("user {} is {}, not active", user.id, user.status);
        findings.push(unfit(summary, "wait: it mostly takes a minute").evidence("status", &user.status));
    }
    findings
}

/// What keeps a user group of the cache from letting the user in.
pub fn group_faults(cache: &Cache, user: &CacheUser, group: &UserGroup) -> Vec<Finding> {
    let unfit = |summary: String, fix: &str| {
        Finding::new(&codes::UNFIT_GROUP, Severity::Error, summary).evidence("user_group", &group.id).fix(fix)
    };
    if !group.users.contains(&user.id) {
        return vec![not_in_group(cache, user, Severity::Error)];
    }
    let mut findings = Vec::new();
    if !group.status.is_empty() && !group.status.eq_ignore_ascii_case("active") {
        let summary = format!("user group {} is {}, not active", group.id, group.status);
        findings.push(unfit(summary, "wait: it mostly takes a minute").evidence("status", &group.status));
    }
    if cache.engine == Some(Engine::Redis) && group.engine == "valkey" {
        let summary = format!("user group {} is for Valkey, and the cache is Redis OSS", group.id);
        findings.push(unfit(summary, "attach a group of the engine redis").evidence("engine", &group.engine));
    }
    findings
}

/// The IAM user of the cache when none was named: the only one, or the one that is called like the principal. `None`
/// if the cache has no IAM users.
///
/// # Errors
/// `EC2006` if there are several, or if the cache does not tell its user groups.
pub fn choose<'a>(cache: &Cache, users: &'a [CacheUser], principal: &str) -> Result<Option<&'a CacheUser>, Failure> {
    let groups = groups(cache);
    let which = || Failure::new(&codes::WHICH_USER, format!("cannot tell which user of cache {} is meant", cache.name));
    if groups.is_empty() {
        return Err(which()
            .because("the cache does not tell its user group")
            .hint("--user ID; the user that AWS makes for public caches is default.iam-user"));
    }
    let candidates: Vec<&CacheUser> = users.iter().filter(|user| user.is_iam() && user.is_of(groups)).collect();
    let namesake = candidates.iter().find(|user| user.id.eq_ignore_ascii_case(principal));
    match (candidates.as_slice(), namesake) {
        ([], _) => Ok(None),
        ([only], _) => Ok(Some(only)),
        (_, Some(user)) => Ok(Some(user)),
        (several, None) => {
            let ids: Vec<&str> = several.iter().map(|user| user.id.as_str()).collect();
            Err(which()
                .because(format!("its IAM users are {}", ids.join(", ")))
                .hint(format!("name one of them: --user {}", ids[0])))
        }
    }
}

fn groups(cache: &Cache) -> &[String] {
    cache.auth.as_ref().map_or(&[], |auth| auth.user_group_ids.as_slice())
}

#[cfg(test)]
mod tests {
    use super::*;
    use ec_shared::document::{Auth, AuthKind};

    fn cache(kind: AuthKind, groups: &[&str]) -> Cache {
        let user_group_ids = groups.iter().map(ToString::to_string).collect();
        Cache { name: "orders".into(), auth: Some(Auth { kind, user_group_ids }), ..Cache::default() }
    }

    fn user(id: &str, authentication: &str, group: &str) -> CacheUser {
        CacheUser {
            id: id.into(),
            authentication: authentication.into(),
            groups: vec![group.into()],
            ..CacheUser::default()
        }
    }

    #[test]
    fn the_only_iam_user_of_the_group_is_chosen_and_passwords_and_other_groups_do_not_count() {
        let users = [user("pw", "password", "g"), user("app", "iam", "g"), user("other", "iam", "h")];
        let chosen = choose(&cache(AuthKind::Rbac, &["g"]), &users, "web").unwrap();
        assert_eq!(chosen.map(|user| user.id.as_str()), Some("app"));
    }

    #[test]
    fn among_several_the_namesake_of_the_principal_is_chosen() {
        let users = [user("app", "iam", "g"), user("web", "iam", "g")];
        let orders = cache(AuthKind::Rbac, &["g"]);
        assert_eq!(choose(&orders, &users, "Web").unwrap().map(|user| user.id.as_str()), Some("web"));
        let failure = choose(&orders, &users, "batch").unwrap_err();
        assert_eq!(failure.code().id, "EC2006");
        assert_eq!(failure.hint_text(), Some("name one of them: --user app"));
    }

    #[test]
    fn without_an_iam_user_nobody_is_chosen_and_without_a_group_nobody_can_tell() {
        let users = [user("app", "password", "g")];
        assert_eq!(choose(&cache(AuthKind::Rbac, &["g"]), &users, "app").unwrap(), None);
        assert_eq!(choose(&cache(AuthKind::Iam, &[]), &users, "app").unwrap_err().code().id, "EC2006");
    }

    #[test]
    fn a_named_user_that_cannot_log_in_with_iam_is_remarked_on() {
        let codes = |user: &CacheUser| -> Vec<String> {
            remarks(&cache(AuthKind::Rbac, &["g"]), user).into_iter().map(|finding| finding.code).collect()
        };
        assert_eq!(codes(&user("app", "iam", "g")), Vec::<String>::new());
        assert_eq!(codes(&user("app", "password", "g")), ["EC2008"]);
        assert_eq!(codes(&user("app", "no-password", "h")), ["EC2008", "EC2009"]);
    }
}
