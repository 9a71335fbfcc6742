//! `ec-iam check` of an account: on moto, which has IAM Identity Center; on ministack, which denies; and against AWS's
//! answers on paper where no emulator gives them.

use std::fs;

use ec_tests::{Aws, Canned, Counting, Ministack, MinistackOptions, Moto, Outcome, aws_cli, element, need, tool};
use serde_json::{Value, json};

use super::{TRUST, identity};

const ACCOUNT: &str = "123456789012";
const ADMINISTRATOR: &str = "arn:aws:iam::aws:policy/AdministratorAccess";
const CENTER: &str = "/aws-reserved/sso.amazonaws.com/eu-west-1/";

fn check(url: &str) -> Outcome {
    tool("ec-iam").args(["check", "-n"]).aws(url).run()
}

/// The verdicts by check, in the order of the report.
fn verdicts(outcome: &Outcome) -> Vec<(String, String)> {
    let document = outcome.document();
    let rows = document["iam"]["checks"].as_array().into_iter().flatten();
    let text = |row: &Value, name: &str| row[name].as_str().unwrap_or_default().to_owned();
    rows.map(|row| (text(row, "check"), text(row, "verdict"))).collect()
}

/// The checks that are not `yes`, with their verdicts: `root_mfa no`.
fn others(outcome: &Outcome) -> Vec<String> {
    let others = verdicts(outcome).into_iter().filter(|(_, verdict)| verdict != "yes");
    others.map(|(check, verdict)| format!("{check} {verdict}")).collect()
}

/// The checks that are unknown.
fn unknown(outcome: &Outcome) -> Vec<String> {
    let unknown = verdicts(outcome).into_iter().filter(|(_, verdict)| verdict == "unknown");
    unknown.map(|(check, _)| check).collect()
}

/// An IAM user with a password and a key, whose secret is given, and an alias of the account.
fn furnish(url: &str) -> String {
    let aws = Aws::at(url);
    aws.call("iam", "CreateUser", &[("UserName", "anna")]);
    aws.call("iam", "CreateLoginProfile", &[("UserName", "anna"), ("Password", "Correct-horse-7")]);
    let secret = element(&aws.call("iam", "CreateAccessKey", &[("UserName", "anna")]), "SecretAccessKey");
    aws.call("iam", "CreateAccountAlias", &[("AccountAlias", "acme")]);
    secret
}

/// Gives a group a permission set with AdministratorAccess; the instance, and the set.
fn administrate(url: &str) -> (Value, Value) {
    let sso = |operation: &str, parameters: Value| -> Value {
        serde_json::from_str(&aws_cli(url, "sso-admin", operation, &parameters)).unwrap_or_default()
    };
    let instance = sso("list_instances", json!({}))["Instances"][0].clone();
    let arn = &instance["InstanceArn"];
    // moto would make up a duration that is none.
    let named = json!({"InstanceArn": arn, "Name": "Admins", "SessionDuration": "PT1H"});
    let set = sso("create_permission_set", named);
    let set = set["PermissionSet"]["PermissionSetArn"].clone();
    let policy = json!({"InstanceArn": arn, "PermissionSetArn": set, "ManagedPolicyArn": ADMINISTRATOR});
    sso("attach_managed_policy_to_permission_set", policy);
    let assignment = json!({
        "InstanceArn": arn, "PermissionSetArn": set, "TargetId": ACCOUNT, "TargetType": "AWS_ACCOUNT",
        "PrincipalType": "GROUP", "PrincipalId": "f81d4fae-7dec-11d0-a765-00a0c91e6bf6",
    });
    sso("create_account_assignment", assignment);
    // AWS does this with the assignment.
    let target = json!({"InstanceArn": arn, "PermissionSetArn": set, "TargetType": "AWS_ACCOUNT", "TargetId": ACCOUNT});
    sso("provision_permission_set", target);
    (instance, set)
}

#[test]
fn on_moto_it_tells_of_users_and_of_identity_center_and_nothing_secret() {
    need!("moto_server");
    let moto = Moto::start();
    let secret = furnish(&moto.url());
    // moto: the root user never has MFA, and no row in the credential report; nobody is assigned anything yet.
    let unassigned = ["caller no", "root_mfa no", "root_use unknown", "user_mfa no", "administrator no"];
    assert_eq!(others(&check(&moto.url()).exits(1)), unassigned);

    let (instance, _) = administrate(&moto.url());
    let counting = Counting::before(&moto.url());
    let checked = check(&counting.url()).exits(1);
    assert_eq!(others(&checked), unassigned[..4]);
    assert_eq!(counting.calls().writes(), Vec::<String>::new(), "the report that is there is taken");
    let iam = &checked.document()["iam"];
    assert_eq!((&iam["status"], &iam["account"], &iam["kind"]), (&json!("no"), &json!(ACCOUNT), &json!("iam_user")));
    assert_eq!(iam["sign_in_url"], "https://acme.signin.aws.amazon.com/console");
    let portal = format!("https://{}.awsapps.com/start", instance["IdentityStoreId"].as_str().unwrap());
    assert_eq!(iam["portal_url"], json!(portal));
    assert_eq!(
        (&iam["configure_sso"]["sso_role_name"], &iam["configure_sso"]["sso_region"]),
        (&json!("Admins"), &json!("us-east-1"))
    );
    assert!(!checked.told().contains(&secret) && !checked.stdout.contains("Correct-horse"), "{}", checked.told());
}

#[test]
fn a_report_is_asked_for_where_there_is_none() {
    need!("moto_server");
    let moto = Moto::start();
    let counting = Counting::before(&moto.url());
    check(&counting.url()).exits(1);
    let of_report = |action: &String| action.contains("CredentialReport");
    let actions: Vec<String> = counting.calls().actions().into_iter().filter(of_report).collect();
    assert_eq!(actions, ["GetCredentialReport", "GenerateCredentialReport", "GetCredentialReport"]);
}

#[test]
fn what_the_aws_cli_has_saved_is_judged_as_the_account_was() {
    need!("moto_server");
    let moto = Moto::start();
    furnish(&moto.url());
    let (instance, set) = administrate(&moto.url());
    let live = check(&moto.url());
    let (arn, nothing) = (&instance["InstanceArn"], json!({}));
    let of_set = json!({"InstanceArn": arn, "PermissionSetArn": set});
    let of_account = json!({"InstanceArn": arn, "AccountId": ACCOUNT, "PermissionSetArn": set});
    let set_id = set.as_str().unwrap().rsplit('/').next().unwrap();
    let folder = tempfile::tempdir().expect("a scratch directory");
    for (name, service, operation, parameters) in [
        ("1", "sts", "get_caller_identity", &nothing),
        ("2", "iam", "get_account_summary", &nothing),
        ("3", "iam", "get_credential_report", &nothing),
        ("4", "iam", "list_account_aliases", &nothing),
        ("5", "sso-admin", "list_instances", &nothing),
        ("6", "sso-admin", "list_account_assignments", &of_account),
        ("7", "sso-admin", "describe_permission_set", &of_set),
        (set_id, "sso-admin", "list_managed_policies_in_permission_set", &of_set),
    ] {
        let printed = aws_cli(&moto.url(), service, operation, parameters);
        fs::write(folder.path().join(format!("{name}.json")), printed).unwrap();
    }
    let nobody = Canned::new().serve();
    let offline = tool("ec-iam").args(["check", "-n", "--from-files"]).args([folder.path()]);
    let offline = offline.env("AWS_ENDPOINT_URL", nobody.url()).run().exits(1);
    assert_eq!(nobody.calls().actions(), Vec::<String>::new());
    assert_eq!(verdicts(&offline), verdicts(&live));
    for fact in ["account", "partition", "arn", "kind", "sign_in_url", "portal_url"] {
        assert_eq!(offline.document()["iam"][fact], live.document()["iam"][fact], "{fact}");
    }
}

/// Takes one action at a time away from the policy that we print for the verb.
#[test]
fn one_missing_permission_leaves_one_answer_unknown_and_the_run_goes_on() {
    need!("ministack");
    let ministack = Ministack::start(&MinistackOptions { enforce_iam: true, ..MinistackOptions::default() });
    let aws = Aws::at(&ministack.url());
    let role = "AWSReservedSSO_Admins_0123456789abcdef";
    let trust = ("AssumeRolePolicyDocument", TRUST);
    aws.call("iam", "CreateRole", &[("RoleName", role), ("Path", CENTER), trust]);
    aws.call("iam", "AttachRolePolicy", &[("RoleName", role), ("PolicyArn", ADMINISTRATOR)]);
    aws.call("iam", "CreateUser", &[("UserName", "auditor")]);
    let key = aws.call("iam", "CreateAccessKey", &[("UserName", "auditor")]);
    let (id, secret) = (element(&key, "AccessKeyId"), element(&key, "SecretAccessKey"));
    let printed = tool("ec-iam").args(["policy", "--for", "ec-iam check"]).run().ok().stdout;
    let without = |actions: &[&str]| {
        let mut policy: Value = serde_json::from_str(&printed).unwrap();
        for statement in policy["Statement"].as_array_mut().unwrap() {
            // ministack forgets the path of a role when it asks which one is meant.
            statement["Resource"] = json!("*");
            let allowed = statement["Action"].as_array_mut().unwrap();
            allowed.retain(|action| !actions.contains(&action.as_str().unwrap()));
        }
        policy["Statement"]
            .as_array_mut()
            .unwrap()
            .retain(|each| each["Action"].as_array().is_some_and(|all| !all.is_empty()));
        let text = policy.to_string();
        let put = [("UserName", "auditor"), ("PolicyName", "needs"), ("PolicyDocument", text.as_str())];
        aws.call("iam", "PutUserPolicy", &put);
        check_as(&ministack.url(), &id, &secret)
    };
    let all = without(&[]);
    assert_eq!(unknown(&all), Vec::<String>::new(), "{}", all.told());
    let rows = verdicts(&all);

    let of_users = ["root_use", "access_keys", "user_mfa"];
    for (missing, expected) in [
        (&["iam:GetCredentialReport"][..], &of_users[..]),
        (&["iam:GetAccountSummary"], &[]),
        (
            &["iam:GetAccountSummary", "iam:GetCredentialReport"],
            &["root_mfa", "root_keys", "root_use", "access_keys", "user_mfa"],
        ),
        (&["iam:GenerateCredentialReport"], &[]),
        (&["iam:ListAccountAliases"], &[]),
        (&["iam:ListRoles"], &["identity_center", "administrator"]),
        (&["iam:ListAttachedRolePolicies"], &["administrator"]),
    ] {
        let checked = without(missing).exits(1);
        assert_eq!(unknown(&checked), expected, "without {missing:?}: {}", checked.told());
        for (before, now) in rows.iter().zip(verdicts(&checked)) {
            assert!(now.1 == "unknown" || *before == now, "without {missing:?}: {before:?} became {now:?}");
        }
        let fixes = checked.document()["iam"]["findings"].to_string();
        for action in missing.iter().filter(|_| !expected.is_empty()) {
            assert!(fixes.contains(&format!("allow {action}")) || fixes.contains(&format!("or {action}")), "{fixes}");
        }
    }
}

fn check_as(url: &str, id: &str, secret: &str) -> Outcome {
    let run = tool("ec-iam").args(["check", "-n"]).aws(url);
    run.env("AWS_ACCESS_KEY_ID", id).env("AWS_SECRET_ACCESS_KEY", secret).run()
}

/// What AWS answers in an account of an organization that does not see the instance.
fn member() -> Canned {
    let map = ["AccountMFAEnabled", "AccountPasswordPresent", "AccountAccessKeysPresent"]
        .map(|key| format!("<entry><key>{key}</key><value>0</value></entry>"))
        .concat();
    Canned::new()
        .answer("GetCallerIdentity", identity("arn:aws:sts::123456789012:assumed-role/app/cli"))
        .answer("GetAccountSummary", answer("GetAccountSummary", &format!("<SummaryMap>{map}</SummaryMap>")))
        .error("GetCredentialReport", 410, "ReportExpired", "The report is older than four hours.")
        .error("GenerateCredentialReport", 403, "AccessDenied", "not authorized")
        .error("ListAccountAliases", 403, "AccessDenied", "not authorized")
        .answer("ListInstances", r#"{"Instances":[]}"#)
}

fn answer(action: &str, body: &str) -> String {
    format!(
        "<{action}Response xmlns=\"https://iam.amazonaws.com/doc/2010-05-08/\"><{action}Result>{body}</{action}Result></{action}Response>"
    )
}

fn roles(path: &str, name: &str) -> String {
    let role = format!(
        "<member><Path>{path}</Path><RoleName>{name}</RoleName><RoleId>AROAEXAMPLE</RoleId>\
         <Arn>arn:aws:iam::123456789012:role{path}{name}</Arn><CreateDate>2024-01-01T00:00:00Z</CreateDate></member>"
    );
    answer("ListRoles", &format!("<Roles>{role}</Roles><IsTruncated>false</IsTruncated>"))
}

#[test]
fn a_member_account_sees_identity_center_by_the_roles_that_it_has_put_there() {
    let policies = format!(
        "<AttachedPolicies><member><PolicyName>AdministratorAccess</PolicyName><PolicyArn>{ADMINISTRATOR}</PolicyArn>\
         </member></AttachedPolicies><IsTruncated>false</IsTruncated>"
    );
    let canned = member()
        .answer("ListRoles", roles(CENTER, "AWSReservedSSO_Admins_0123456789abcdef"))
        .answer("ListAttachedRolePolicies", answer("ListAttachedRolePolicies", &policies))
        .serve();
    let checked = tool("ec-iam").args(["check", "-n"]).aws(&canned.url()).env("AWS_SESSION_TOKEN", "session").run();
    let expected = ["root_mfa not_applicable", "root_use unknown", "access_keys unknown", "user_mfa unknown"];
    assert_eq!(others(&checked.exits(1)), expected);
}

#[test]
fn that_identity_center_may_not_be_asked_about_does_not_say_that_it_is_off() {
    let canned = member()
        .json_error("ListInstances", 400, "AccessDeniedException", "not authorized")
        .error("ListRoles", 403, "AccessDenied", "not authorized")
        .serve();
    let checked = check(&canned.url()).exits(1);
    assert!(unknown(&checked).ends_with(&["identity_center".to_owned(), "administrator".to_owned()]));
    let findings = &checked.document()["iam"]["findings"];
    let last = findings.as_array().and_then(|all| all.last()).unwrap();
    assert_eq!((&last["code"], &last["aws_code"]), (&json!("EC2050"), &json!("AccessDeniedException")));
    assert!(last["fix"].as_str().unwrap().starts_with("allow sso:ListInstances or iam:ListRoles"), "{last}");
}
