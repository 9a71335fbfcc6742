//! Permission sets of IAM Identity Center, who has them, and where.

use ec_tests::{Aws, Counting, Moto, need};
use serde_json::{Value, json};

use super::{Account, Way, codes, connect, there_and_back};
use crate::{orders, statuses};

const ADMINISTRATOR: [&str; 12] = [
    "--principal",
    "permission-set/Admins",
    "--policy",
    "administrator",
    "--assign-to",
    "user/anna",
    "--email",
    "anna@example.com",
    "--full-name",
    "Anna Maria Smith",
    "--session-duration",
    "PT8H",
];

pub(super) fn sso(aws: &Aws, operation: &str, parameters: &Value) -> Value {
    aws.json("sso", &format!("SWBExternalService.{operation}"), parameters)
}

pub(super) fn store(aws: &Aws, operation: &str, parameters: &Value) -> Value {
    aws.json("identitystore", &format!("AWSIdentityStore.{operation}"), parameters)
}

/// Adds a user of the identity store; every group and permission set comes later.
pub(super) fn newcomer(account: &Account, name: &str) {
    let instance = sso(&account.aws, "ListInstances", &json!({}))["Instances"][0].clone();
    let user = json!({
        "IdentityStoreId": instance["IdentityStoreId"], "UserName": name, "DisplayName": name,
        "Name": {"GivenName": name, "FamilyName": "Smith"},
        "Emails": [{"Value": format!("{name}@example.com"), "Type": "work", "Primary": true}],
    });
    store(&account.aws, "CreateUser", &user);
}

/// Everything in Identity Center, as it tells itself.
pub(super) fn center(account: &Account) -> Value {
    let aws = &account.aws;
    let instance = sso(aws, "ListInstances", &json!({}))["Instances"][0].clone();
    let (arn, id) = (&instance["InstanceArn"], &instance["IdentityStoreId"]);
    let sets = sso(aws, "ListPermissionSets", &json!({"InstanceArn": arn}))["PermissionSets"].clone();
    let sets = sets.as_array().into_iter().flatten().map(|set| {
        let of_set = json!({"InstanceArn": arn, "PermissionSetArn": set});
        let assigned = json!({"InstanceArn": arn, "PermissionSetArn": set, "AccountId": account.id});
        json!({
            "set": sso(aws, "DescribePermissionSet", &of_set)["PermissionSet"],
            "inline": sso(aws, "GetInlinePolicyForPermissionSet", &of_set)["InlinePolicy"],
            "managed": sso(aws, "ListManagedPoliciesInPermissionSet", &of_set)["AttachedManagedPolicies"],
            "assigned": sso(aws, "ListAccountAssignments", &assigned)["AccountAssignments"],
        })
    });
    let sets: Vec<Value> = sets.collect();
    let groups = store(aws, "ListGroups", &json!({"IdentityStoreId": id}))["Groups"].clone();
    let members = groups.as_array().into_iter().flatten().map(|group| {
        let of_group = json!({"IdentityStoreId": id, "GroupId": group["GroupId"]});
        store(aws, "ListGroupMemberships", &of_group)["GroupMemberships"].clone()
    });
    let members: Vec<Value> = members.collect();
    let users = store(aws, "ListUsers", &json!({"IdentityStoreId": id}))["Users"].clone();
    json!({"sets": sets, "groups": groups, "members": members, "users": users})
}

fn back_and_forth(account: &Account, way: &Way<'_>, look: impl FnOnce()) -> Vec<String> {
    there_and_back(account, &Moto::shared().url(), way, || (account.iam(), center(account)), look)
}

/// An account with a cache's IAM user.
fn with_cache_user() -> Account {
    let account = Account::new();
    let user = [("UserId", "app"), ("UserName", "app"), ("Engine", "valkey"), ("AccessString", "on ~* +@all")];
    account.aws.call("elasticache", "CreateUser", &[&user[..], &[("AuthenticationMode.Type", "iam")]].concat());
    account
}

#[test]
fn a_group_with_a_member_gets_a_permission_set_to_connect() {
    need!("moto_server");
    let account = with_cache_user();
    newcomer(&account, "ben");
    let way = Way {
        args: &[
            "--principal",
            "permission-set/CacheUsers",
            "--assign-to",
            "group/cachers",
            "--member",
            "ben",
            "--user",
            "app",
        ],
        document: orders(&account.id),
        writes: &[
            "CreateServiceLinkedRole",
            "CreatePermissionSet",
            "PutInlinePolicyToPermissionSet",
            "CreateGroup",
            "CreateGroupMembership",
            "CreateAccountAssignment",
        ],
        takes_back: &[
            "DeleteAccountAssignment",
            "DeleteGroupMembership",
            "DeleteGroup",
            "DeleteInlinePolicyFromPermissionSet",
            "DeletePermissionSet",
            "DeleteServiceLinkedRole",
        ],
        ..Way::default()
    };
    back_and_forth(&account, &way, || {
        let center = center(&account);
        let (set, group) = (&center["sets"][0], &center["groups"][0]);
        assert_eq!((&set["set"]["Name"], &set["set"]["SessionDuration"]), (&json!("CacheUsers"), &json!("PT1H")));
        let inline: Value = serde_json::from_str(set["inline"].as_str().unwrap_or_default()).unwrap_or_default();
        assert_eq!(inline, connect(&account.id, "app"));
        assert_eq!(group["DisplayName"], "cachers");
        assert_eq!(center["members"][0][0]["MemberId"]["UserId"], center["users"][0]["UserId"]);
        assert_eq!(set["assigned"].as_array().map(Vec::len), Some(1));
        let assigned = &set["assigned"][0];
        assert_eq!((&assigned["PrincipalType"], &assigned["PrincipalId"]), (&json!("GROUP"), &group["GroupId"]));
        assert_eq!(assigned["AccountId"], account.id);
    });
}

#[test]
fn a_new_administrator_is_created_and_signs_in_through_identity_center() {
    need!("moto_server");
    let account = Account::new();
    let way = Way {
        args: &ADMINISTRATOR,
        consent: &["--policy", "administrator"],
        writes: &[
            "CreateServiceLinkedRole",
            "CreatePermissionSet",
            "AttachManagedPolicyToPermissionSet",
            "CreateUser",
            "CreateAccountAssignment",
        ],
        takes_back: &[
            "DeleteAccountAssignment",
            "DeleteUser",
            "DetachManagedPolicyFromPermissionSet",
            "DeletePermissionSet",
            "DeleteServiceLinkedRole",
        ],
        ..Way::default()
    };
    back_and_forth(&account, &way, || {
        let center = center(&account);
        let (set, user) = (&center["sets"][0], &center["users"][0]);
        assert_eq!(set["set"]["SessionDuration"], "PT8H");
        assert_eq!(set["managed"][0]["Arn"], "arn:aws:iam::aws:policy/AdministratorAccess");
        assert_eq!((&user["UserName"], &user["Name"]["GivenName"]), (&json!("anna"), &json!("Anna Maria")));
        assert_eq!(user["Emails"][0]["Value"], "anna@example.com");
        let assigned = &set["assigned"][0];
        assert_eq!((&assigned["PrincipalType"], &assigned["PrincipalId"]), (&json!("USER"), &user["UserId"]));
    });
}

#[test]
fn nobody_becomes_an_administrator_because_a_document_says_so() {
    need!("moto_server");
    let account = Account::new();
    let counting = Counting::before(&Moto::shared().url());
    let plan = account.run(&counting.url(), &[&["plan"], &ADMINISTRATOR[..]].concat(), "").ok();
    let refused = account.run(&counting.url(), &["apply"], &plan.stdout).exits(4).says("--policy administrator");
    assert_eq!(refused.document()["iam"]["error"]["code"], "EC2012");
    assert_eq!(counting.calls().writes(), Vec::<String>::new());
}

#[test]
fn another_policy_of_the_permission_set_is_left_alone() {
    need!("moto_server");
    let account = Account::new();
    let instance = sso(&account.aws, "ListInstances", &json!({}))["Instances"][0]["InstanceArn"].clone();
    // moto answers with null for what is not said here, which no SDK reads.
    let named = json!({
        "InstanceArn": instance, "Name": "CacheUsers", "SessionDuration": "PT1H", "Description": "", "RelayState": "",
    });
    let set = sso(&account.aws, "CreatePermissionSet", &named);
    let set = set["PermissionSet"]["PermissionSetArn"].clone();
    let policy = json!({"InstanceArn": instance, "PermissionSetArn": set, "InlinePolicy": crate::OTHER});
    sso(&account.aws, "PutInlinePolicyToPermissionSet", &policy);
    let before = (account.iam(), center(&account));
    let args = ["apply", "--principal", "permission-set/CacheUsers", "--policy", "setup"];
    let run = account.run(&Moto::shared().url(), &args, "").exits(1);
    assert_eq!((statuses(&run).0, codes(&run)), ("no".into(), vec!["EC2091".into()]), "{}", run.told());
    assert_eq!((account.iam(), center(&account)), before);
}

#[test]
fn who_is_not_in_the_identity_store_is_not_assigned() {
    need!("moto_server");
    let account = Account::new();
    let counting = Counting::before(&Moto::shared().url());
    for who in [&["user/nobody"][..], &["group/devs", "--member", "nobody"]] {
        let args = ["apply", "--principal", "permission-set/X", "--policy", "setup", "--assign-to"];
        let run = account.run(&counting.url(), &[&args[..], who].concat(), "").exits(4).says("--email and --full-name");
        assert_eq!(run.document()["iam"]["error"]["code"], "EC2095", "{who:?}");
    }
    assert_eq!(counting.calls().writes(), Vec::<String>::new());
}

#[test]
fn identity_center_may_be_in_another_region_than_everything_else() {
    need!("moto_server");
    let (account, url) = (Account::new(), Moto::shared().url());
    let way = ["--principal", "permission-set/Readers", "--policy", "read-only", "--assign-to", "group/staff"];
    let run = |verb: &str, region: &[&str], document: &str| {
        account.run(&url, &[&[verb], &way[..], region].concat(), document)
    };
    let there = ["--identity-center-region", "eu-west-1"];
    let applied = run("apply", &there, "").ok();
    assert_eq!(statuses(&run("plan", &there, "").ok()).0, "unchanged");
    let here = statuses(&run("plan", &[], "").ok()).1;
    assert!(here.contains(&"create planned".to_owned()), "{here:?}");
    let revoke = [&["revoke"], &there[..]].concat();
    assert_eq!(statuses(&account.run(&url, &revoke, &applied.stdout).ok()).0, "changed");
}
