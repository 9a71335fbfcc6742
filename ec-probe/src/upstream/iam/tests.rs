use ec_shared::document::{Auth, AuthKind, Cache, Deployment, Section};
use serde_json::{Value, json};

use super::super::Cause;
use super::Access;

fn cache() -> Cache {
    let auth = Auth { kind: AuthKind::Iam, user_group_ids: vec!["orders-users".into()] };
    let deployment = Some(Deployment::Serverless);
    Cache { name: "orders".into(), auth: Some(auth), deployment, ..Cache::default() }
}

/// What `ec-iam check` writes where all is well.
fn well() -> Value {
    let row = |check: &str| json!({"check": check, "verdict": "yes", "detail": "…"});
    let rows = ["service_linked_role", "iam_login", "cache_user", "user_group", "access_string", "connect"];
    json!({"command": "check", "status": "ok", "principal": "role/app", "user": "app", "checks": rows.map(row)})
}

/// The same with findings.
fn with(findings: &Value) -> Value {
    let mut section = well();
    section["status"] = json!("no");
    section["findings"] = findings.clone();
    section
}

fn finding(code: &str, summary: &str, evidence: &Value) -> Value {
    let fix = format!("mends {code}");
    json!({"code": code, "severity": "error", "summary": summary, "evidence": evidence, "fix": fix})
}

fn not_in_group(groups: &[&str]) -> Value {
    let evidence = json!({"user": "app", "user_groups": [], "cache_user_groups": groups});
    finding("EC2009", "user app is in no user group of cache orders", &evidence)
}

fn may_not_connect(cache: &str) -> Value {
    let resources = [
        format!("arn:aws:elasticache:eu-west-1:123456789012:serverlesscache:{cache}"),
        "arn:aws:elasticache:eu-west-1:123456789012:user:app".to_owned(),
    ];
    finding("EC2103", "role/app may not connect: not allowed on user:app", &json!({"resources": resources}))
}

/// Planned or done changes, as `ec-iam plan` and `apply` write them.
fn changes(command: &str, status: &str, state: &str) -> Value {
    let policy = json!({"Statement": [{"Effect": "Allow", "Action": "elasticache:Connect",
        "Resource": ["arn:aws:elasticache:eu-west-1:123456789012:serverlesscache:orders"]}]});
    json!({"command": command, "status": status, "principal": "role/app", "user": "app", "changes": [
        {"action": "create", "resource": "service-linked role of elasticache.amazonaws.com", "state": "planned"},
        {"action": "create", "resource": "policy of role/app", "after": policy, "state": state}]})
}

fn told_of(user: &str, section: &Value) -> Option<Cause> {
    Access::of(&serde_json::from_value::<Section>(section.clone()).unwrap(), &cache())?.explain(user)
}

fn told(section: &Value) -> Option<Cause> {
    told_of("app", section)
}

#[test]
fn a_user_outside_the_group_is_told_with_the_group() {
    let cause = told(&with(&json!([not_in_group(&["orders-users"])]))).unwrap();
    assert_eq!(cause.code.id, "EC3066");
    assert_eq!(
        cause.summary,
        "the server refused the user app: user app is in no user group of cache orders (EC2009); \
         the cache's user group is orders-users"
    );
    assert_eq!(cause.fix, "mends EC2009");
}

#[test]
fn every_finding_that_keeps_a_user_out_is_a_cause() {
    for code in ["EC2005", "EC2098", "EC2008", "EC2101", "EC2009", "EC2102", "EC2103"] {
        let cause = told(&with(&json!([finding(code, "so it is", &json!({"user": "app"}))]))).unwrap();
        assert_eq!(cause.summary, format!("the server refused the user app: so it is ({code})"));
        assert_eq!(cause.because[0]["code"], code);
    }
}

#[test]
fn a_user_who_is_off_cannot_log_in_and_one_who_may_do_nothing_can() {
    let access = |summary, is_on| with(&json!([finding("EC2087", summary, &json!({"is_on": is_on}))]));
    let off = told(&access("the access string leaves the user off: it cannot log in", false)).unwrap();
    assert_eq!(off.code.id, "EC3066");
    assert_eq!(told(&access("the access string allows no command", true)).unwrap().code.id, "EC3067");
}

#[test]
fn what_counts_for_every_signer_is_told_before_what_counts_for_one() {
    let cause = told(&with(&json!([may_not_connect("orders"), not_in_group(&["orders-users"])]))).unwrap();
    assert!(cause.summary.contains("(EC2009, and 1 more)"), "{}", cause.summary);
    assert_eq!(cause.fix, "mends EC2009; mends EC2103");
    assert_eq!(cause.because.len(), 2);
}

#[test]
fn what_keeps_nobody_out_is_no_cause() {
    let role = finding("EC2100", "the account has no service-linked role", &json!({}));
    let wide = finding("EC2089", "the access string allows more than needed", &json!({}));
    assert_eq!(told(&with(&json!([role, wide]))).unwrap().code.id, "EC3067");
}

#[test]
fn where_all_is_well_it_is_said_what_is_left() {
    let cause = told(&well()).unwrap();
    assert_eq!(cause.code.id, "EC3067");
    assert_eq!(
        cause.summary,
        "the server refused the user app, although ec-iam check finds nothing that keeps role/app out"
    );
    assert_eq!(
        cause.left,
        [
            "other credentials than those of role/app: aws sts get-caller-identity",
            "the clock of this machine: date -u; a token is good for 15 minutes",
            "a condition on the cache's VPC endpoint: aws:SourceVpce, aws:SourceVpc, aws:VpcSourceIp",
        ]
    );
}

#[test]
fn changes_that_are_not_made_come_before_what_is_left() {
    for (command, status, state) in
        [("plan", "planned", "planned"), ("apply", "error", "failed"), ("apply", "error", "unknown")]
    {
        let cause = told(&changes(command, status, state)).unwrap();
        assert_eq!(cause.code.id, "EC3068", "{command} {state}");
        assert!(cause.summary.contains("tells of 1 change not made"), "{}", cause.summary);
    }
}

#[test]
fn changes_that_were_made_may_not_have_spread_yet() {
    let made = told(&changes("apply", "changed", "done")).unwrap();
    assert_eq!(made.code.id, "EC3067");
    assert_eq!(made.left[0], "a change that has not spread yet: probe again in a minute");
    let unchanged = told(&changes("apply", "unchanged", "unchanged")).unwrap();
    assert_eq!(unchanged.left[0], "other credentials than those of role/app: aws sts get-caller-identity");
    assert_eq!(unchanged.left[2], "a policy that denies it: ec-iam check --principal role/app looks at all of them");
}

#[test]
fn what_is_not_known_is_not_called_well() {
    let depends = "it is not known whether the principal may connect: it depends on aws:SourceVpce";
    for (code, check, summary) in
        [("EC2010", "", "nobody checked that user app exists"), ("EC2050", "connect", depends)]
    {
        let cause = told(&with(&json!([finding(code, summary, &json!({"check": check}))]))).unwrap();
        assert_eq!(cause.code.id, "EC3012");
        assert_eq!(cause.summary, format!("the server refused the user app, and {summary} ({code})"));
        assert_eq!(cause.fix, format!("mends {code}"));
    }
    let mut section = well();
    section["checks"][5]["verdict"] = json!("unknown");
    assert_eq!(told(&section), None);
}

#[test]
fn what_no_log_in_hangs_on_need_not_be_known() {
    let role = finding("EC2050", "it is not known whether the role is there", &json!({"check": "service_linked_role"}));
    assert_eq!(told(&with(&json!([role]))).unwrap().code.id, "EC3067");
}

#[test]
fn a_section_about_another_user_or_another_cache_is_not_used() {
    assert_eq!(told_of("web", &well()), None);
    assert_eq!(told_of("web", &with(&json!([not_in_group(&["orders-users"])]))), None);
    assert_eq!(told(&with(&json!([not_in_group(&["carts-users"])]))), None);
    assert_eq!(told(&with(&json!([may_not_connect("carts")]))), None);
    let mut other = changes("apply", "changed", "done");
    other["changes"][1]["after"]["Statement"][0]["Resource"][0] =
        json!("arn:aws:elasticache:eu-west-1:123456789012:serverlesscache:carts");
    assert_eq!(told(&other), None);
}

#[test]
fn a_section_about_something_else_than_connections_tells_nothing() {
    let account = json!({"command": "check", "status": "ok", "principal": "role/app",
        "checks": [{"check": "caller", "verdict": "yes", "detail": "…"}]});
    let administrator = json!({"command": "apply", "status": "changed", "principal": "role/app", "user": "app",
        "policy": "administrator"});
    let revoked = changes("revoke", "changed", "done");
    for section in [account, administrator, revoked, json!({"command": "whoami", "status": "ok"})] {
        assert_eq!(told(&section), None, "{section}");
    }
}
