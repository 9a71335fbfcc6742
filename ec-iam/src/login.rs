//! Whether a cache can log anybody in with IAM, and what has to be there so that it does.
//!
//! Sources: ElastiCache User Guide, "Authenticating with IAM", "Role-Based Access Control (RBAC)" and "Connecting to a
//! public endpoint"; the API reference of `CreateUser` and `CreateUserGroup`.

use ec_shared::document::{AuthKind, Cache, Connection, Deployment, Engine, Finding, Severity, Tls};

use serde_json::{Value, json};

use crate::access_string;
use crate::arn::CacheArn;
use crate::codes;
use crate::plan::Step;
use crate::thing::Thing;
use crate::user::UserGroup;

/// What a user that ec-iam creates may do: everything but what endangers the server and other users' data. INFO is among
/// the dangerous commands, and clients ask for it before they say that they are ready.
pub const ACCESS_STRING: &str = "on ~* &* +@all -@dangerous +info";

/// Why nobody can log in to this cache with IAM, if that is so.
pub fn no_iam_auth(cache: &Cache) -> Option<String> {
    let why = match cache.auth.as_ref().map(|auth| auth.kind) {
        _ if cache.engine == Some(Engine::Memcached) => "it is a Memcached cache",
        _ if cache.deployment == Some(Deployment::Cluster) => "it is a cache cluster outside any replication group",
        Some(AuthKind::None) => "it has no user group, so nobody logs in",
        Some(AuthKind::Token) => "it has an AUTH token and no user group",
        Some(AuthKind::Rbac | AuthKind::Iam) | None => return None,
    };
    Some(why.to_owned())
}

/// What of the cache itself forbids a login with IAM: engine, version, encryption. What is not known forbids nothing.
pub fn unfit(cache: &Cache) -> Vec<Finding> {
    let finding = |why: String, fix: &str| {
        Finding::new(
            &codes::UNFIT_CACHE,
            Severity::Error,
            format!("nobody can log in to {} with IAM: {why}", cache.name),
        )
        .evidence("engine", cache.engine)
        .evidence("engine_version", &cache.engine_version)
        .evidence("tls", cache.tls)
        .fix(fix)
    };
    let mut findings = Vec::new();
    if cache.engine == Some(Engine::Memcached) {
        findings.push(finding("Memcached knows no users".into(), "use a Valkey cache where logins are needed"));
        return findings;
    }
    if cache.deployment == Some(Deployment::Cluster) {
        let why = "it is a cache cluster outside any replication group".into();
        findings.push(finding(why, "create a replication group or a serverless cache"));
    }
    let least = if cache.engine == Some(Engine::Redis) { (7, 0) } else { (7, 2) };
    if let Some(version) = cache.engine_version.as_deref().and_then(version).filter(|version| *version < least) {
        findings.push(finding(
            format!("version {}.{} is older than {}.{}", version.0, version.1, least.0, least.1),
            "upgrade the engine: aws elasticache modify-replication-group --engine valkey --engine-version 8.1",
        ));
    }
    if cache.tls == Some(Tls::Off) {
        findings.push(finding(
            "it has no encryption in transit, and AWS takes users only over TLS".into(),
            "aws elasticache modify-replication-group --transit-encryption-enabled --transit-encryption-mode preferred",
        ));
    }
    findings
}

/// Major and minor version. A serverless cache tells its major version alone, which AWS then keeps at the newest minor.
fn version(text: &str) -> Option<(u32, u32)> {
    let mut parts = text.split('.');
    let major = parts.next()?.parse().ok()?;
    Some((major, parts.next().map_or(Some(u32::MAX), |minor| minor.parse().ok())?))
}

/// What has to be there so that `user` can log in to the cache with IAM: the user, in a user group, attached to the
/// cache. `groups` are the groups that are attached now; `access` is what a new user may do.
///
/// # Errors
/// A finding, if that cannot be had without taking something away from those who log in today.
pub fn steps(
    cache: &Cache,
    arn: &CacheArn,
    user: &str,
    groups: &[UserGroup],
    access: &str,
) -> Result<(Vec<Step>, Option<Finding>), Box<Finding>> {
    let engine = if cache.engine == Some(Engine::Redis) { "redis" } else { "valkey" };
    let new_user = |engine: &str| {
        let state = json!({"engine": engine, "access_string": access, "authentication": "iam"});
        Step::new(Thing::CacheUser(user.to_owned()), state)
    };
    let in_group =
        |group: &str| Step::new(Thing::UserOfGroup { group: group.to_owned(), user: user.to_owned() }, Value::Null);
    if let Some(group) = groups.first() {
        return Ok((vec![new_user(&group.engine), in_group(&group.id)], None));
    }
    if cache.auth.as_ref().is_some_and(|auth| auth.kind == AuthKind::Token) {
        let summary = format!("cache {} has an AUTH token, which a user group would replace", cache.name);
        return Err(Box::new(
            Finding::new(&codes::LOCKS_OUT, Severity::Error, summary).evidence("auth", &cache.auth).fix(
                "move the clients to users first: aws elasticache modify-replication-group --auth-token-update-strategy \
                 DELETE takes the token away, and clients with it are refused from then on",
            ),
        ));
    }
    let group = format!("{}-users", cache.name);
    // A group for Redis OSS needs a user called `default`. AWS has one in every account: on, without a password.
    let steps = vec![
        new_user(engine),
        Step::new(Thing::UserGroup(group.clone()), json!({"engine": engine})),
        in_group(&group),
        Step::new(Thing::GroupOfCache { cache: arn.clone(), group }, Value::Null),
    ];
    // With Valkey's groups the default user is off.
    let locks_out = engine == "valkey" && cache.connection != Some(Connection::Public);
    let warning = locks_out.then(|| {
        let summary = format!("clients that do not log in lose cache {} with the first user group", cache.name);
        Finding::new(&codes::LOCKS_OUT, Severity::Warning, summary)
            .evidence("auth", &cache.auth)
            .fix("make every client log in, or leave --auth away")
    });
    Ok((steps, warning))
}

/// Why no user is made with this access string: AWS would not take it, or nobody could do anything as the user.
pub fn fault(access: &str) -> Option<Finding> {
    access_string::lint(access, &[]).into_iter().find(|finding| finding.severity == Severity::Error)
}

/// Whether a state is that of a user that ec-iam would create.
pub fn is_user(state: &Value) -> bool {
    let text = |name: &str| state.get(name).and_then(Value::as_str);
    text("authentication") == Some("iam")
        && matches!(text("engine"), Some("valkey" | "redis"))
        && text("access_string").is_some_and(|access| fault(access).is_none())
}

#[cfg(test)]
mod tests {
    use super::*;
    use ec_shared::document::Auth;

    fn orders(engine: Engine, version: &str, kind: AuthKind) -> Cache {
        Cache {
            name: "orders".into(),
            engine: Some(engine),
            engine_version: Some(version.into()),
            tls: Some(Tls::Required),
            deployment: Some(Deployment::ReplicationGroup),
            auth: Some(Auth { kind, user_group_ids: vec![] }),
            ..Cache::default()
        }
    }

    fn arn() -> CacheArn {
        CacheArn::parse("arn:aws:elasticache:us-east-1:123456789012:replicationgroup:orders").unwrap()
    }

    fn ids(steps: &[Step]) -> Vec<String> {
        steps.iter().map(|step| step.thing.to_string()).collect()
    }

    #[test]
    fn caches_without_users_have_no_iam_login() {
        let cache = |kind| orders(Engine::Valkey, "8.1", kind);
        assert!(no_iam_auth(&cache(AuthKind::None)).is_some());
        assert!(no_iam_auth(&cache(AuthKind::Token)).is_some());
        assert!(no_iam_auth(&orders(Engine::Memcached, "1.6", AuthKind::Rbac)).is_some());
        assert!(no_iam_auth(&Cache { deployment: Some(Deployment::Cluster), ..Cache::default() }).is_some());
        assert!(no_iam_auth(&cache(AuthKind::Rbac)).is_none());
        assert!(no_iam_auth(&cache(AuthKind::Iam)).is_none());
        assert!(no_iam_auth(&Cache::default()).is_none());
    }

    #[test]
    fn iam_takes_valkey_7_2_or_redis_oss_7_0_and_tls() {
        for (engine, version, fits) in [
            (Engine::Valkey, "7.2", true),
            (Engine::Valkey, "8", true),
            (Engine::Valkey, "7", true),
            (Engine::Redis, "7.0", true),
            (Engine::Redis, "7.1.0", true),
            (Engine::Redis, "6.2", false),
            (Engine::Redis, "6", false),
            (Engine::Memcached, "1.6.22", false),
        ] {
            assert_eq!(unfit(&orders(engine, version, AuthKind::None)).is_empty(), fits, "{engine:?} {version}");
        }
        let plain = Cache { tls: Some(Tls::Off), ..orders(Engine::Valkey, "8.1", AuthKind::None) };
        assert_eq!(unfit(&plain)[0].code, "EC2098");
        assert!(unfit(&Cache::default()).is_empty(), "what is not known forbids nothing");
    }

    #[test]
    fn a_cache_with_a_group_needs_the_user_in_it() {
        let group = UserGroup { id: "g".into(), engine: "redis".into(), ..UserGroup::default() };
        let cache = orders(Engine::Valkey, "8.1", AuthKind::Rbac);
        let (steps, warning) = steps(&cache, &arn(), "app", &[group], ACCESS_STRING).unwrap();
        assert_eq!(ids(&steps), ["elasticache/user/app", "elasticache/user-group/g/app"]);
        assert_eq!(steps[0].wanted["engine"], "redis");
        assert_eq!(warning, None);
    }

    #[test]
    fn a_cache_without_one_gets_a_group_and_who_does_not_log_in_is_told_to() {
        let cache = orders(Engine::Valkey, "8.1", AuthKind::None);
        let (steps, warning) = steps(&cache, &arn(), "app", &[], ACCESS_STRING).unwrap();
        let attached = format!("{}/orders-users", arn());
        let group = ["elasticache/user-group/orders-users", "elasticache/user-group/orders-users/app", &attached];
        assert_eq!(ids(&steps)[1..], group);
        assert_eq!(warning.unwrap().code, "EC2097");
    }

    #[test]
    fn a_token_in_use_is_not_taken_away() {
        let cache = orders(Engine::Valkey, "8.1", AuthKind::Token);
        let finding = steps(&cache, &arn(), "app", &[], ACCESS_STRING).unwrap_err();
        assert_eq!((finding.code.as_str(), finding.severity), ("EC2097", Severity::Error));
    }

    #[test]
    fn a_user_who_could_not_log_in_or_has_a_password_is_none_that_ec_iam_would_create() {
        let user =
            |access: &str| is_user(&json!({"engine": "valkey", "access_string": access, "authentication": "iam"}));
        assert!(user(ACCESS_STRING));
        assert!(user("on ~app:* +@read"));
        assert!(!user("~* +@all"));
        assert!(!user("on ~*"));
        assert!(!user("on >secret ~* +@all"));
        assert!(!is_user(&json!({"engine": "valkey", "access_string": "on", "authentication": "password"})));
    }
}
