use super::*;
use crate::checks::{Check, Verdict::*};
use crate::cloud::fake::{Fail, Fake, ROLE_ARN, Which};
use crate::login::ACCESS_STRING;
use crate::policy;
use crate::thing::SERVICE_LINKED_ROLE;
use ec_shared::codes as shared;
use ec_shared::document::{Auth, AuthKind, Deployment, Engine, Tls};

const ARN: &str = "arn:aws:elasticache:us-east-1:123456789012:serverlesscache:orders";

fn orders() -> Cache {
    Cache {
        name: "orders".into(),
        arn: Some(ARN.into()),
        engine: Some(Engine::Valkey),
        engine_version: Some("8.1".into()),
        tls: Some(Tls::Required),
        deployment: Some(Deployment::Serverless),
        auth: Some(Auth { kind: AuthKind::Rbac, user_group_ids: vec!["g".into()] }),
        ..Cache::default()
    }
}

fn app() -> CacheUser {
    CacheUser {
        id: "app".into(),
        name: "app".into(),
        status: "active".into(),
        engine: "valkey".into(),
        access_string: ACCESS_STRING.into(),
        authentication: "iam".into(),
        groups: vec!["g".into()],
    }
}

fn users_of(group: &str, users: &[&str]) -> UserGroup {
    UserGroup {
        id: group.into(),
        engine: "valkey".into(),
        status: "active".into(),
        users: users.iter().map(ToString::to_string).collect(),
        caches: vec!["orders".into()],
    }
}

/// An account where role/app may connect to orders as app.
fn account() -> Fake {
    let cloud =
        Fake { users: vec![app()], groups: vec![users_of("g", &["app"])], ..Fake::with_principals(&["role/app"]) };
    let cache = CacheArn::parse(ARN).unwrap();
    cloud.put(SERVICE_LINKED_ROLE, ROLE_ARN);
    cloud.put(&format!("role/app/{}", policy::name(&cache, "app")), policy::connect(&cache, "app"));
    cloud
}

fn asked(principal: &str) -> Asked {
    Asked { principal: Some(Principal::any(principal).unwrap()), user: None }
}

fn run(cloud: &Fake, cache: &Cache) -> Section {
    check(cloud, &asked("role/app"), Some(cache)).unwrap()
}

fn rows(section: &Section) -> Vec<Check> {
    serde_json::from_value(section.facts["checks"].clone()).unwrap()
}

/// The rows that are not as they should be, with the codes of their findings.
fn wrong(section: &Section) -> Vec<(Topic, checks::Verdict, String)> {
    let rows = rows(section).into_iter().filter(|row| row.verdict != Yes);
    rows.map(|row| (row.check, row.verdict, row.code.unwrap_or_default())).collect()
}

#[test]
fn where_everything_is_there_all_is_well_and_the_user_is_told() {
    let section = run(&account(), &orders());
    assert_eq!((section.status, wrong(&section)), (Status::Ok, vec![]));
    assert_eq!((&section.facts["principal"], &section.facts["user"]), (&"role/app".into(), &"app".into()));
    assert_eq!(rows(&section).len(), 6);
}

#[test]
fn each_thing_that_is_wrong_is_the_one_row_that_says_so() {
    let with_user = |user: CacheUser| Fake { users: vec![user], ..account() };
    let with_group = |group: UserGroup| Fake { groups: vec![group], ..account() };
    let cases = [
        (with_user(CacheUser { authentication: "password".into(), ..app() }), Topic::CacheUser, "EC2008"),
        (with_user(CacheUser { name: "App".into(), ..app() }), Topic::CacheUser, "EC2101"),
        (with_user(CacheUser { status: "modifying".into(), ..app() }), Topic::CacheUser, "EC2101"),
        (with_user(CacheUser { access_string: "off ~* +@all".into(), ..app() }), Topic::AccessString, "EC2087"),
        (with_group(users_of("g", &["web"])), Topic::UserGroup, "EC2009"),
        (with_group(users_of("h", &["app"])), Topic::UserGroup, "EC2009"),
        (with_group(UserGroup { status: "modifying".into(), ..users_of("g", &["app"]) }), Topic::UserGroup, "EC2102"),
    ];
    for (cloud, topic, code) in cases {
        let asked = Asked { user: Some("app".into()), ..asked("role/app") };
        let section = check(&cloud, &asked, Some(&orders())).unwrap();
        assert_eq!(wrong(&section), [(topic, No, code.to_owned())]);
        assert_eq!(section.status, Status::No);
    }
}

#[test]
fn a_policy_for_the_cache_alone_or_for_nothing_lets_nobody_in() {
    let cache = CacheArn::parse(ARN).unwrap();
    let id = format!("role/app/{}", policy::name(&cache, "app"));
    let cloud = account();
    let mut half = policy::connect(&cache, "app");
    half["Statement"][0]["Resource"] = ARN.into();
    cloud.put(&id, half);
    let section = run(&cloud, &orders());
    assert_eq!(wrong(&section), [(Topic::Connect, No, "EC2103".to_owned())]);
    assert_eq!(section.findings[0].summary, "role/app may not connect: not allowed on user:app");
    cloud.things.borrow_mut().clear();
    let section = run(&cloud, &orders());
    let both = [(Topic::ServiceLinkedRole, No, "EC2100".to_owned()), (Topic::Connect, No, "EC2103".to_owned())];
    assert_eq!(wrong(&section), both);
    assert!(section.findings[0].summary.contains("role/app may not create it"), "{:?}", section.findings);
}

#[test]
fn who_may_create_the_service_linked_role_is_told() {
    let cloud = account();
    cloud.things.borrow_mut().remove(&Thing::ServiceLinkedRole);
    let scope = crate::needs::Scope { partition: "aws".into(), ..Default::default() };
    cloud.put("role/app/ec-iam-setup", crate::needs::policy("setup", &scope).unwrap());
    let section = run(&cloud, &orders());
    assert_eq!(section.findings[0].summary, "the account has none, and role/app may create it");
}

#[test]
fn a_cache_that_logs_nobody_in_with_iam_ends_the_questions() {
    let open = Cache { auth: Some(Auth { kind: AuthKind::None, user_group_ids: vec![] }), ..orders() };
    let section = run(&account(), &open);
    assert_eq!(wrong(&section), [(Topic::IamLogin, No, "EC2005".to_owned())]);
    assert_eq!((section.status, rows(&section).len()), (Status::Ok, 2));
    let plain = Cache { tls: Some(Tls::Off), ..orders() };
    let section = run(&account(), &plain);
    assert_eq!((section.status, wrong(&section)), (Status::No, vec![(Topic::IamLogin, No, "EC2098".to_owned())]));
}

#[test]
fn what_may_not_be_asked_is_unknown_and_the_rest_is_answered() {
    let cases: [(&str, &[Topic]); 4] = [
        ("read service-linked", &[Topic::ServiceLinkedRole]),
        ("users", &[Topic::CacheUser, Topic::UserGroup, Topic::AccessString]),
        ("user_group", &[Topic::UserGroup]),
        ("detail", &[Topic::Connect]),
    ];
    for (call, topics) in cases {
        let cloud = account();
        cloud.fails.set(Some(Fail { call: Which::Name(call), code: &shared::ACCESS_DENIED, is_done: false }));
        let asked = Asked { user: Some("app".into()), ..asked("role/app") };
        let section = check(&cloud, &asked, Some(&orders())).unwrap();
        let unknown: Vec<Topic> = wrong(&section).into_iter().map(|(topic, ..)| topic).collect();
        assert_eq!((section.status, unknown.as_slice()), (Status::Unknown, topics), "{call}");
    }
}
