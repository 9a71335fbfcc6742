//! What each answer tells, and each missing one.

use super::*;
use crate::checks::Check;
use crate::checks::Verdict::{No, Unknown, Yes};
use crate::posture::fake::{Fake, ROLE, denied, instance, rows};

const MEMBER: &str =
    "arn:aws:iam::123456789012:role/aws-service-role/organizations.amazonaws.com/AWSServiceRoleForOrganizations";

fn account() -> Account {
    let (id, region) = (Some("123456789012".into()), Some("us-east-1".into()));
    Account { partition: "aws".into(), id, region, is_caller_of_center: false }
}

/// What is said of Identity Center, and of the administrator.
fn told(source: &Fake) -> [Check; 2] {
    rows(|checks| drop(check(source, &account(), checks))).try_into().unwrap()
}

#[test]
fn the_instance_tells_who_administers_the_account() {
    let [center, administrator] = told(&Fake::default());
    assert_eq!((center.verdict, center.detail.as_str()), (Yes, "ssoins-1 in us-east-1"));
    let expected = (Yes, "group g-1 through permission set Administrators");
    assert_eq!((administrator.verdict, administrator.detail.as_str()), expected);
}

/// An account without roles of Identity Center.
fn alone() -> Fake {
    Fake { roles: Ok(vec![]), ..Fake::default() }
}

#[test]
fn a_permission_set_without_the_policy_or_without_anybody_is_no_administrators() {
    for source in [
        Fake { sets: Ok(vec![]), ..alone() },
        Fake { policies_of_set: Ok(vec!["arn:aws:iam::aws:policy/ReadOnlyAccess".into()]), ..alone() },
        Fake { policies_of_set: Ok(vec!["arn:aws:iam::1:policy/AdministratorAccess".into()]), ..alone() },
        Fake { assignments: Ok(vec![]), ..alone() },
        Fake { assignments: Ok(vec![]), roles: Err(denied("iam", "ListRoles")), ..Fake::default() },
    ] {
        let [center, administrator] = told(&source);
        assert_eq!((center.verdict, administrator.verdict), (Yes, No));
        assert_eq!(administrator.code.as_deref(), Some("EC2059"));
    }
}

#[test]
fn the_roles_tell_a_member_account_what_the_instance_does_not() {
    let hidden = || Err(denied("sso", "ListPermissionSetsProvisionedToAccount"));
    for source in [
        Fake { sets: hidden(), ..Fake::default() },
        Fake { sets: Ok(vec![]), ..Fake::default() },
        Fake { instances: Ok(vec![]), ..Fake::default() },
        Fake { instances: Err(denied("sso", "ListInstances")), ..Fake::default() },
    ] {
        let [center, administrator] = told(&source);
        assert_eq!((center.verdict, administrator.verdict), (Yes, Yes));
        assert_eq!(administrator.detail, "through permission set Admins");
        if source.instances.as_ref().map_or(0, Vec::len) == 0 {
            assert_eq!(center.detail, "it has roles in the account; its home is eu-west-1");
        }
    }
}

#[test]
fn that_nothing_is_to_be_seen_proves_only_outside_of_an_organization_that_it_is_off() {
    let outside = Fake { instances: Ok(vec![]), ..alone() };
    let [center, administrator] = told(&outside);
    assert_eq!((center.verdict, center.code.as_deref()), (No, Some("EC2058")));
    assert_eq!((administrator.verdict, administrator.code.as_deref()), (No, Some("EC2059")));
    let member = Fake { roles: Ok(vec![MEMBER.into()]), ..outside };
    let [center, administrator] = told(&member);
    assert_eq!((center.verdict, administrator.verdict), (Unknown, No), "no role means no assignment");
    assert!(center.detail.starts_with("no instance is to be seen in us-east-1"), "{}", center.detail);
}

#[test]
fn where_nothing_may_be_asked_nothing_is_known() {
    let source = Fake {
        instances: Err(denied("sso", "ListInstances")),
        roles: Err(denied("iam", "ListRoles")),
        ..Fake::default()
    };
    for check in told(&source) {
        assert_eq!((check.verdict, check.code.as_deref()), (Unknown, Some("EC2050")));
        assert_eq!(check.detail, "AWS denied sso:ListInstances; AWS denied iam:ListRoles");
    }
}

#[test]
fn roles_whose_policies_may_not_be_asked_still_show_that_it_is_on() {
    let source = Fake {
        instances: Ok(vec![]),
        policies_of_role: Err(denied("iam", "ListAttachedRolePolicies")),
        ..Fake::default()
    };
    assert_eq!(told(&source).map(|check| check.verdict), [Yes, Unknown]);
}

#[test]
fn a_caller_that_came_through_it_shows_that_it_is_on() {
    let source = Fake { instances: Ok(vec![]), roles: Err(denied("iam", "ListRoles")), ..Fake::default() };
    let account = Account { is_caller_of_center: true, ..account() };
    let rows = rows(|checks| drop(check(&source, &account, checks)));
    assert_eq!([rows[0].verdict, rows[1].verdict], [Yes, Unknown]);
}

#[test]
fn an_instance_that_is_not_active_does_not_count() {
    for status in ["CREATE_IN_PROGRESS", "CREATE_FAILED", "DELETE_IN_PROGRESS"] {
        let source = Fake { instances: Ok(vec![instance(status)]), ..alone() };
        let [center, _] = told(&source);
        assert_eq!((center.verdict, center.code.as_deref()), (No, Some("EC2058")), "{status}");
        let source = Fake { roles: Ok(vec![ROLE.into()]), ..source };
        assert_eq!(told(&source).map(|check| check.verdict), [Yes, Yes], "but there is another one");
    }
}

#[test]
fn roles_that_are_called_so_are_looked_into_first_and_the_calls_are_bounded() {
    let other = |index: usize| ROLE.replace("Admins", &format!("Reader{index}"));
    let mut roles: Vec<String> = (0..=LOOKED_INTO).map(other).collect();
    let source = Fake { instances: Ok(vec![]), roles: Ok(roles.clone()), ..Fake::default() };
    assert_eq!(told(&source)[1].verdict, Unknown);
    assert_eq!(source.calls().len(), LOOKED_INTO);
    roles.push(ROLE.into());
    let source = Fake { instances: Ok(vec![]), roles: Ok(roles), ..Fake::default() };
    assert_eq!(told(&source)[1].verdict, Yes);
    assert_eq!(source.calls().len(), 1);
}

#[test]
fn the_home_stands_in_the_path_of_the_role() {
    assert_eq!(home(ROLE), "eu-west-1");
    assert_eq!(home(&ROLE.replace("eu-west-1/", "")), "us-east-1");
}
