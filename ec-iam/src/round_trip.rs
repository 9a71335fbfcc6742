//! Properties of `apply` and `revoke` together, for every way to give access: twice is once, revoked is as before, and a
//! run that ends at any call is made good by the next.

use std::collections::BTreeMap;
use std::time::Duration;

use ec_shared::document::{Auth, AuthKind, Cache, ChangeState, Deployment, Document, Engine, Section, Status, Tls};
use ec_shared::{Interrupt, codes as shared};
use proptest::prelude::*;
use serde_json::Value;

use crate::apply::apply;
use crate::cli::KEY;
use crate::cloud::fake::{Fail, Fake, Which};
use crate::permission::Permission;
use crate::principal::Principal;
use crate::request::{Request, Seat, newcomer};
use crate::revoke::{revoke, undos};
use crate::survey::survey;
use crate::thing::{Person, Thing};
use crate::trust::Asked;
use crate::wait::Wait;

fn waiting(interrupt: &Interrupt) -> Wait<'_> {
    Wait { limit: Duration::from_secs(120), interrupt, tell: &|_, _| {} }
}

fn of(principal: &str, permission: Permission) -> Request {
    Request { principal: Some(Principal::parse(principal).unwrap()), permission, ..Request::default() }
}

fn seat(to: Person, members: &[&str]) -> Seat {
    Seat { to, members: members.iter().map(ToString::to_string).collect(), newcomer: None }
}

/// One request for every way.
fn ways() -> Vec<(&'static str, Request)> {
    let trust = |who: &str| Some(Asked { who: who.into(), ..Asked::default() });
    let set = |permission| of("permission-set/CacheUsers", permission);
    let anna = newcomer("anna", "Anna Smith", "anna@example.com").unwrap();
    let github = Asked { subject: Some("repo:org/app:*".into()), ..trust("oidc/token.example.com").unwrap() };
    let boundary = Some("arn:aws:iam::123456789012:policy/limits".to_owned());
    vec![
        ("a role that is there", of("role/app", Permission::Connect)),
        ("users, their group and its attachment", Request { makes_users: true, ..of("role/app", Permission::Connect) }),
        (
            "a permission set for a group",
            Request { seat: Some(seat(Person::Group("devs".into()), &["ben"])), ..set(Permission::Connect) },
        ),
        (
            "a permission set for a new administrator",
            Request {
                seat: Some(Seat { newcomer: Some(anna), ..seat(Person::User("anna".into()), &[]) }),
                ..set(Permission::Administrator)
            },
        ),
        (
            "a role for a SAML provider",
            Request { trust: trust("saml/Okta"), boundary, ..of("role/people", Permission::ReadOnly) },
        ),
        ("a role for a web identity", Request { trust: Some(github), ..of("role/ci", Permission::Setup) }),
        (
            "a role for a user with MFA",
            Request {
                trust: Some(Asked { mfa: true, ..trust("user/anna").unwrap() }),
                ..of("role/ops", Permission::FullAccess)
            },
        ),
        ("a policy on a user", of("user/anna", Permission::FullAccess)),
        ("a policy on a group", of("group/staff", Permission::Connect)),
    ]
}

fn cache(makes_users: bool) -> Cache {
    let (kind, user_group_ids) =
        if makes_users { (AuthKind::None, vec![]) } else { (AuthKind::Rbac, vec!["g".into()]) };
    Cache {
        name: "orders".into(),
        arn: Some("arn:aws:elasticache:us-east-1:123456789012:serverlesscache:orders".into()),
        engine: Some(Engine::Valkey),
        engine_version: Some("8.1".into()),
        tls: Some(Tls::Required),
        deployment: Some(Deployment::Serverless),
        auth: Some(Auth { kind, user_group_ids }),
        ..Cache::default()
    }
}

fn account(there: &[(Thing, Value)]) -> Fake {
    let provider = |name: &str| format!("arn:aws:iam::123456789012:{name}");
    let cloud = Fake {
        providers: vec![provider("saml-provider/Okta"), provider("oidc-provider/token.example.com")],
        users: vec![crate::user::CacheUser {
            id: "app".into(),
            authentication: "iam".into(),
            groups: vec!["g".into()],
            ..Default::default()
        }],
        ..Fake::with_principals(&["role/app", "user/anna", "group/staff"])
    };
    cloud.things.borrow_mut().insert(Thing::Person(Person::User("ben".into())), Value::Null);
    cloud.things.borrow_mut().extend(there.iter().cloned());
    cloud
}

/// The account as it is, without what is only a matter of how AWS tells it.
fn state(cloud: &Fake) -> BTreeMap<String, Value> {
    cloud.things.borrow().iter().map(|(thing, state)| (thing.to_string(), state.clone())).collect()
}

fn run(cloud: &Fake, request: &Request, document: &mut Document) -> Section {
    cloud.calls.borrow_mut().clear();
    let before: Option<Section> = document.read(KEY).unwrap();
    let cache = cache(request.makes_users);
    match apply(cloud, request, Some(&cache), before.as_ref(), &waiting(&Interrupt::default())) {
        Ok(section) => {
            document.set_section(KEY, section.clone());
            section
        }
        Err(failure) => Section::failed("apply", &failure),
    }
}

fn take_back(cloud: &Fake, document: &mut Document) -> Section {
    cloud.calls.borrow_mut().clear();
    let before: Option<Section> = document.read(KEY).unwrap();
    let section = revoke(cloud, undos(before.as_ref()), &waiting(&Interrupt::default()));
    document.set_section(KEY, section.clone());
    section
}

/// What the request makes in an empty account, in order.
fn made(request: &Request) -> Vec<(Thing, Value)> {
    let cloud = account(&[]);
    let survey = survey(&cloud, request, Some(&cache(request.makes_users))).unwrap();
    let things = survey.changes.iter().map(|change| {
        let thing = crate::plan::thing_of(change).unwrap();
        (thing, change.after.clone().unwrap_or_default())
    });
    things.collect()
}

#[test]
fn every_way_is_applied_once_and_revoked_to_the_last_thing() {
    for (way, request) in ways() {
        let cloud = account(&[]);
        let (before, mut document) = (state(&cloud), Document::empty());
        let section = run(&cloud, &request, &mut document);
        assert_eq!(section.status, Status::Changed, "{way}: {section:?}");
        assert!(section.changes.iter().all(|change| change.state == ChangeState::Done), "{way}: {section:?}");
        let again = run(&cloud, &request, &mut document);
        assert_eq!((again.status, cloud.writes()), (Status::Unchanged, vec![]), "{way}");
        let revoked = take_back(&cloud, &mut document);
        assert_eq!(revoked.status, Status::Changed, "{way}: {revoked:?}");
        assert_eq!(state(&cloud), before, "{way}");
        assert_eq!(undos(document.read(KEY).unwrap().as_ref()), [], "{way}");
    }
}

#[test]
fn a_run_that_ends_at_any_call_is_made_good_by_the_next_and_can_be_revoked() {
    for (way, request) in ways() {
        let calls = {
            let cloud = account(&[]);
            run(&cloud, &request, &mut Document::empty());
            cloud.calls.into_inner().len()
        };
        for number in 1..=calls {
            for (is_done, code) in [(false, &shared::ACCESS_DENIED), (true, &shared::TIMEOUT)] {
                let cloud = account(&[]);
                let (before, mut document) = (state(&cloud), Document::empty());
                cloud.fails.set(Some(Fail { call: Which::Number(number), code, is_done }));
                run(&cloud, &request, &mut document);
                cloud.fails.set(None);
                let section = run(&cloud, &request, &mut document);
                assert!(!section.status.is_no(), "{way}, call {number}: {section:?}");
                run(&cloud, &request, &mut document);
                assert_eq!(cloud.writes(), Vec::<String>::new(), "{way}, call {number}");
                take_back(&cloud, &mut document);
                assert_eq!(state(&cloud), before, "{way}, call {number}, done: {is_done}");
            }
        }
    }
}

#[test]
fn a_revocation_that_ends_at_any_call_is_made_good_by_the_next() {
    for (way, request) in ways() {
        let applied = || {
            let cloud = account(&[]);
            let mut document = Document::empty();
            run(&cloud, &request, &mut document);
            (cloud, document)
        };
        let (cloud, mut document) = applied();
        take_back(&cloud, &mut document);
        for number in 1..=cloud.calls.into_inner().len() {
            for is_done in [false, true] {
                let (cloud, mut document) = applied();
                cloud.calls.borrow_mut().clear();
                cloud.fails.set(Some(Fail { call: Which::Number(number), code: &shared::TIMEOUT, is_done }));
                take_back(&cloud, &mut document);
                cloud.fails.set(None);
                take_back(&cloud, &mut document);
                assert_eq!(state(&cloud), state(&account(&[])), "{way}, call {number}, done: {is_done}");
            }
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(300))]

    /// Whatever part was there before stays, also after `revoke`.
    #[test]
    fn what_was_there_before_is_there_afterwards(way in 0..ways().len(), part in any::<u32>()) {
        let (way, request) = ways().swap_remove(way);
        let mut there: Vec<(Thing, Value)> = made(&request);
        let mut bits = 0..;
        there.retain(|_| part >> bits.next().unwrap_or(0) & 1 == 1);
        // What belongs to something that is not there cannot be there.
        while let Some(orphan) = there.iter().position(|(thing, _)| {
            Fake::owners(thing).iter().any(|owner| *owner != Thing::Person(Person::User("ben".into())) && !there.iter().any(|(thing, _)| thing == owner))
        }) {
            there.remove(orphan);
        }
        let cloud = account(&there);
        let (before, mut document) = (state(&cloud), Document::empty());
        let section = run(&cloud, &request, &mut document);
        prop_assert!(!section.status.is_no(), "{}: {:?}", way, section);
        run(&cloud, &request, &mut document);
        prop_assert_eq!(cloud.writes(), Vec::<String>::new());
        take_back(&cloud, &mut document);
        prop_assert_eq!(state(&cloud), before);
    }
}
