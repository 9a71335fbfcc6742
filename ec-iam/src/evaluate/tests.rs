//! The documented logic as tables, and the property that a naive reading of the same policies agrees.

use std::sync::Arc;

use proptest::prelude::*;
use proptest::sample::{select, subsequence};
use serde_json::{Value, json};

use super::naive::{self, Policies, Question};
use super::*;

const BUCKET: &str = "arn:aws:s3:::carlossalazar-logs/2026/x.log";
const ROLE_SESSION: &str = "arn:aws:sts::111122223333:assumed-role/app/one";
const USER: &str = "arn:aws:iam::111122223333:user/bob";

fn policy(kind: Kind, value: &Value) -> Arc<Policy> {
    Arc::new(
        Policy::parse("p", &value.to_string(), Position::START, kind)
            .unwrap_or_else(|error| panic!("{value}: {error:?}")),
    )
}

fn statement(effect: &str, action: &str, resource: &str) -> Value {
    json!({"Effect": effect, "Action": action, "Resource": resource})
}

fn document(statements: &[Value]) -> Value {
    json!({"Version": "2012-10-17", "Statement": statements})
}

fn allow(action: &str) -> Value {
    document(&[statement("Allow", action, "*")])
}

fn deny(action: &str) -> Value {
    document(&[statement("Allow", "*", "*"), statement("Deny", action, "*")])
}

fn granting(principal: &str) -> Value {
    document(&[json!({"Effect": "Allow", "Action": "s3:GetObject", "Resource": "*", "Principal": {"AWS": principal}})])
}

/// The policies of one case. What is `None` is not there.
#[derive(Default)]
struct Case {
    identity: Option<Value>,
    boundary: Option<Value>,
    session: Option<Value>,
    service_control: Vec<Value>,
    resource_control: Vec<Value>,
    resource: Option<Value>,
    endpoint: Option<Value>,
}

impl Case {
    fn authorization(&self) -> Authorization {
        let one = |value: &Option<Value>| value.as_ref().map(|value| vec![policy(Kind::Identity, value)]);
        let open = |value: &Value| {
            let mut value = value.clone();
            for statement in value["Statement"].as_array_mut().unwrap() {
                statement["Principal"] = "*".into();
            }
            vec![policy(Kind::Resource, &value)]
        };
        Authorization {
            identity: one(&self.identity).unwrap_or_default(),
            boundary: one(&self.boundary),
            session: one(&self.session),
            service_control: self.service_control.iter().map(|value| vec![policy(Kind::Identity, value)]).collect(),
            resource_control: self.resource_control.iter().map(open).collect(),
            resource: self.resource.as_ref().map(|value| policy(Kind::Resource, value)),
            endpoint: self.endpoint.as_ref().map(open),
        }
    }

    fn explain(&self, action: &str, caller: &str, owner: &str) -> Explanation {
        self.explain_on(BUCKET, action, caller, owner)
    }

    fn explain_on(&self, resource: &str, action: &str, caller: &str, owner: &str) -> Explanation {
        let (caller, context) = (Caller::parse(caller).unwrap(), Context::default());
        let mut request = Request::new(action, resource, Some(&caller), &context);
        request.owner = Some(owner);
        let authorization = self.authorization();
        let explanation = explain(&authorization, &request);
        assert_eq!(decide(&authorization, &request), explanation.decision, "what is fast and what explains agree");
        explanation
    }

    fn decide(&self, caller: &str, owner: &str) -> &'static str {
        self.explain("s3:GetObject", caller, owner).decision.word()
    }
}

/// `reference_policies_evaluation-logic_policy-eval-basics-*.html`: one account, layer by layer.
#[test]
fn within_an_account_every_limit_has_to_allow_and_one_deny_decides() {
    let all = || Some(allow("*"));
    let other = || Some(allow("ec2:*"));
    let cases = [
        ("nothing is allowed by default", Case::default(), "implicitDeny"),
        ("an identity-based policy allows", Case { identity: all(), ..Case::default() }, "allowed"),
        ("a deny beats an allow", Case { identity: Some(deny("s3:*")), ..Case::default() }, "explicitDeny"),
        ("a boundary limits", Case { identity: all(), boundary: other(), ..Case::default() }, "implicitDeny"),
        ("a boundary grants nothing", Case { boundary: all(), ..Case::default() }, "implicitDeny"),
        ("a session policy limits", Case { identity: all(), session: other(), ..Case::default() }, "implicitDeny"),
        ("a session policy grants nothing", Case { session: all(), ..Case::default() }, "implicitDeny"),
        (
            "every level of the organization has to allow",
            Case { identity: all(), service_control: vec![allow("*"), allow("ec2:*")], ..Case::default() },
            "implicitDeny",
        ),
        (
            "the organization allows",
            Case { identity: all(), service_control: vec![allow("*"), allow("s3:*")], ..Case::default() },
            "allowed",
        ),
        (
            "the organization denies",
            Case { identity: all(), service_control: vec![allow("*"), deny("s3:*")], ..Case::default() },
            "explicitDeny",
        ),
        (
            "a resource control policy denies",
            Case { identity: all(), resource_control: vec![deny("s3:*")], ..Case::default() },
            "explicitDeny",
        ),
        ("an endpoint limits", Case { identity: all(), endpoint: other(), ..Case::default() }, "implicitDeny"),
        ("an endpoint grants nothing", Case { endpoint: all(), ..Case::default() }, "implicitDeny"),
        (
            "a deny of the resource decides",
            Case {
                identity: all(),
                resource: Some(document(&[
                    json!({"Effect": "Deny", "Action": "s3:*", "Resource": "*", "Principal": "*"}),
                ])),
                ..Case::default()
            },
            "explicitDeny",
        ),
    ];
    for (what, case, expected) in cases {
        assert_eq!(case.decide(USER, "111122223333"), expected, "{what}");
    }
}

/// The table "Impact of resource-based policies on implicit denies", and cross-account requests.
#[test]
fn what_a_resource_grants_depends_on_whom_it_names() {
    let role = "arn:aws:iam::111122223333:role/app";
    let none: fn() -> Option<Value> = || None;
    let all: fn() -> Option<Value> = || Some(allow("*"));
    let other: fn() -> Option<Value> = || Some(allow("ec2:*"));
    // Whom the resource names, who asks, the owner, identity-based policy, boundary, session policy.
    let cases = [
        (USER, USER, "111122223333", none, none, none, "allowed"),
        (USER, USER, "111122223333", none, other, none, "allowed"),
        ("111122223333", USER, "111122223333", none, none, none, "implicitDeny"),
        ("111122223333", USER, "111122223333", all, none, none, "allowed"),
        (role, ROLE_SESSION, "111122223333", none, none, none, "allowed"),
        (role, ROLE_SESSION, "111122223333", none, other, none, "implicitDeny"),
        (role, ROLE_SESSION, "111122223333", none, all, other, "implicitDeny"),
        (ROLE_SESSION, ROLE_SESSION, "111122223333", none, other, other, "allowed"),
        ("arn:aws:iam::111122223333:user/eve", USER, "111122223333", none, none, none, "implicitDeny"),
        (USER, USER, "444455556666", none, none, none, "implicitDeny"),
        (USER, USER, "444455556666", all, none, none, "allowed"),
        ("111122223333", USER, "444455556666", all, none, none, "allowed"),
        (USER, USER, "444455556666", all, other, none, "implicitDeny"),
        (ROLE_SESSION, ROLE_SESSION, "444455556666", all, none, other, "implicitDeny"),
        ("444455556666", USER, "444455556666", all, none, none, "implicitDeny"),
    ];
    for (named, caller, owner, identity, boundary, session, expected) in cases {
        let case = Case {
            identity: identity(),
            boundary: boundary(),
            session: session(),
            resource: Some(granting(named)),
            ..Case::default()
        };
        assert_eq!(case.decide(caller, owner), expected, "{named} to {caller}, owned by {owner}");
    }
    let no_policy = Case { identity: all(), ..Case::default() };
    assert_eq!(no_policy.decide(USER, "444455556666"), "implicitDeny", "another account's resource needs a policy");
}

/// The example of `reference_policies_evaluation-logic_policy-eval-basics.html`: Carlos may do everything in his own bucket,
/// and the bucket of the logs lets him put objects, which his own policy denies.
#[test]
fn carlos_puts_objects_into_his_own_bucket_and_not_into_the_logs() {
    let carlos = "arn:aws:iam::111122223333:user/carlossalazar";
    let own = "arn:aws:s3:::amzn-s3-demo-bucket-carlossalazar";
    let identity = document(&[
        statement("Allow", "s3:ListAllMyBuckets", "arn:aws:s3:::*"),
        json!({"Effect": "Allow", "Action": "s3:*", "Resource": [own, format!("{own}/*")]}),
        statement("Deny", "s3:*", "arn:aws:s3:::*log*"),
    ]);
    let logs = json!({
        "Effect": "Allow",
        "Action": ["s3:DeleteObject", "s3:GetObject", "s3:PutObject"],
        "Resource": format!("{own}-logs/*"),
        "Principal": {"AWS": carlos},
    });
    let case = Case { identity: Some(identity), resource: Some(document(&[logs])), ..Case::default() };
    let decide = |action, resource| case.explain_on(resource, action, carlos, "111122223333").decision.word();
    assert_eq!(decide("s3:PutObject", "arn:aws:s3:::amzn-s3-demo-bucket-carlossalazar/a.txt"), "allowed");
    assert_eq!(decide("s3:PutObject", "arn:aws:s3:::amzn-s3-demo-bucket-carlossalazar-logs/a"), "explicitDeny");
    assert_eq!(decide("s3:PutObject", "arn:aws:s3:::amzn-s3-demo-bucket-other/a"), "implicitDeny");
}

/// The example of `access_policies_boundaries.html`: what lies outside the boundary is not allowed, whoever grants it.
#[test]
fn shirley_manages_what_her_boundary_knows() {
    let boundary =
        document(&[json!({"Effect": "Allow", "Action": ["s3:*", "cloudwatch:*", "ec2:*"], "Resource": "*"})]);
    let shirley = "arn:aws:iam::123456789012:user/ShirleyRodriguez";
    let case = |action| Case { identity: Some(allow(action)), boundary: Some(boundary.clone()), ..Case::default() };
    let decide = |action| case(action).explain_on("*", action, shirley, "123456789012").decision.word();
    assert_eq!(decide("iam:CreateUser"), "implicitDeny");
    assert_eq!(decide("ec2:RunInstances"), "allowed");
}

/// The examples of variables in `reference_policies_variables.html`.
#[test]
fn a_variable_without_a_value_takes_its_default_or_matches_nothing() {
    let decide = |resource: &str, team: Option<&str>, asked: &str| {
        let mut context = Context::default();
        context.set("aws:PrincipalTag/team", team.map(str::to_owned).into_iter().collect());
        let policy = policy(Kind::Identity, &document(&[statement("Allow", "s3:*", resource)]));
        let authorization = Authorization { identity: vec![policy], ..Authorization::default() };
        decide(&authorization, &Request::new("s3:GetObject", asked, None, &context)).word()
    };
    let with_default = "arn:aws:s3:::amzn-s3-demo-bucket-${aws:PrincipalTag/team, 'company-wide'}";
    assert_eq!(decide(with_default, Some("yellow"), "arn:aws:s3:::amzn-s3-demo-bucket-yellow"), "allowed");
    assert_eq!(decide(with_default, None, "arn:aws:s3:::amzn-s3-demo-bucket-company-wide"), "allowed");
    let without = "arn:aws:s3:::amzn-s3-demo-bucket-${aws:PrincipalTag/team}";
    assert_eq!(decide(without, None, "arn:aws:s3:::amzn-s3-demo-bucket-"), "implicitDeny");
}

#[test]
fn the_root_user_needs_no_policy_and_the_organization_limits_it() {
    let root = "arn:aws:iam::111122223333:root";
    assert_eq!(Case::default().decide(root, "111122223333"), "allowed");
    let limited = Case { service_control: vec![deny("s3:*")], ..Case::default() };
    assert_eq!(limited.decide(root, "111122223333"), "explicitDeny");
}

#[test]
fn service_linked_roles_are_beyond_the_organization() {
    let linked = "arn:aws:sts::111122223333:assumed-role/AWSServiceRoleForX/s";
    let case = Case { identity: Some(allow("*")), service_control: vec![deny("*")], ..Case::default() };
    assert_eq!(case.decide(linked, "111122223333"), "allowed");
}

#[test]
fn a_key_or_trust_policy_has_to_allow_even_within_the_account() {
    let case = |principal: &str| Case {
        identity: Some(allow("*")),
        resource: Some(document(&[
            json!({"Effect": "Allow", "Action": ["kms:*", "sts:AssumeRole"], "Resource": "*", "Principal": {"AWS": principal}}),
        ])),
        ..Case::default()
    };
    let asked = [
        ("kms:Decrypt", "arn:aws:kms:eu-west-1:111122223333:key/1234abcd"),
        ("sts:AssumeRole", "arn:aws:iam::111122223333:role/admin"),
    ];
    for (action, resource) in asked {
        let decide = |named| case(named).explain_on(resource, action, USER, "111122223333").decision.word();
        assert_eq!(decide("111122223333"), "allowed", "{action}");
        assert_eq!(decide("444455556666"), "implicitDeny", "{action}");
    }
}

/// The AWS example with `NotAction`, `NotResource` and `Condition` on one page each.
#[test]
fn not_elements_mean_everything_else() {
    let cases = [
        (json!({"Effect": "Allow", "NotAction": "iam:*", "Resource": "*"}), "s3:GetObject", "allowed"),
        (
            json!({"Effect": "Allow", "NotAction": ["iam:*", "S3:get*"], "Resource": "*"}),
            "s3:GetObject",
            "implicitDeny",
        ),
        (
            json!({"Effect": "Allow", "Action": "s3:Get*", "NotResource": "arn:aws:s3:::other/*"}),
            "s3:GetObject",
            "allowed",
        ),
        (
            json!({"Effect": "Allow", "Action": "s3:*", "NotResource": "arn:aws:s3:::carlos*"}),
            "s3:GetObject",
            "implicitDeny",
        ),
        (json!({"Effect": "Allow", "Action": "S3:GETOBJECT", "Resource": "*"}), "s3:getobject", "allowed"),
        (json!({"Effect": "Allow", "Action": "s3:Get?bject", "Resource": "arn:aws:s3:::*"}), "s3:GetObject", "allowed"),
        (
            json!({"Effect": "Allow", "Action": "s3:*", "Resource": "arn:aws:s3:::CarlosSalazar-logs/*"}),
            "s3:GetObject",
            "implicitDeny",
        ),
    ];
    for (statement, action, expected) in cases {
        let case = Case { identity: Some(document(std::slice::from_ref(&statement))), ..Case::default() };
        assert_eq!(case.explain(action, USER, "111122223333").decision.word(), expected, "{statement}");
    }
}

#[test]
fn not_principal_denies_everybody_else() {
    let excepted = |name: &str| Case {
        identity: Some(allow("*")),
        resource: Some(document(&[
            json!({"Effect": "Deny", "Action": "s3:*", "Resource": "*", "NotPrincipal": {"AWS": name}}),
        ])),
        ..Case::default()
    };
    assert_eq!(excepted(USER).decide(USER, "111122223333"), "allowed");
    let bounded = Case { boundary: Some(allow("*")), ..excepted(USER) };
    assert_eq!(bounded.decide(USER, "111122223333"), "explicitDeny", "whoever has a boundary is never excepted");
    assert_eq!(excepted("arn:aws:iam::111122223333:user/eve").decide(USER, "111122223333"), "explicitDeny");
}

#[test]
fn an_implicit_deny_says_which_layer_lacks_and_the_first_reason_of_each_candidate() {
    let statements = [
        statement("Allow", "ec2:*", "*"),
        statement("Allow", "s3:*", "arn:aws:s3:::other"),
        json!({"Effect": "Allow", "Action": "s3:*", "Resource": "*", "Condition": {"Bool": {"aws:MultiFactorAuthPresent": "true"}}}),
        statement("Deny", "iam:*", "*"),
        statement("Allow", "s3:*", "arn:aws:s3:::${aws:PrincipalTag/team}/*"),
    ];
    let case = Case { identity: Some(document(&statements)), boundary: Some(allow("*")), ..Case::default() };
    let explanation = case.explain("s3:GetObject", USER, "111122223333");
    assert_eq!(explanation.lacking, [Layer::Identity]);
    let missed: Vec<_> = explanation.missed.iter().map(|missed| (missed.found.statement().index, missed.why)).collect();
    let expected =
        [(0, Mismatch::Action), (1, Mismatch::Resource), (2, Mismatch::Condition(0)), (4, Mismatch::Resource)];
    assert_eq!(missed, expected);
    assert_eq!(explanation.missing_keys, ["aws:MultiFactorAuthPresent", "aws:principaltag/team"]);
    let (caller, context) = (Caller::parse(USER).unwrap(), Context::default());
    let request = Request::new("s3:GetObject", BUCKET, Some(&caller), &context);
    assert_eq!(
        explanation.missed[2].reason(&request),
        "Condition Bool aws:MultiFactorAuthPresent [true] does not hold: the key is absent"
    );
}

#[test]
fn only_the_statements_that_decide_are_named() {
    let case = Case { identity: Some(deny("s3:*")), service_control: vec![allow("*")], ..Case::default() };
    let explanation = case.explain("s3:GetObject", USER, "111122223333");
    assert_eq!(explanation.matched.len(), 1);
    assert_eq!(explanation.matched[0].statement().index, 1);
    let allowed = case.explain("ec2:RunInstances", USER, "111122223333");
    let layers: Vec<Layer> = allowed.matched.iter().map(|found| found.layer).collect();
    assert_eq!(layers, [Layer::ServiceControl(0), Layer::Identity]);
}

fn one_or_many(values: &'static [&'static str]) -> impl Strategy<Value = Value> {
    let many = subsequence(values, 1..=values.len().min(3)).prop_map(|values| json!(values));
    prop_oneof![select(values).prop_map(Value::from), many]
}

const ACTIONS: &[&str] = &["s3:GetObject", "S3:get*", "s3:?etObject", "s3:*", "*", "ec2:*", "s3:Put*"];
const RESOURCES: &[&str] =
    &["*", "arn:aws:s3:::a/*", "arn:aws:s3:::a/x", "arn:aws:s3:::?/${k}", "arn:aws:s3:::*", "arn:aws:s3:::b*"];
const PRINCIPALS: &[&str] =
    &["*", "111122223333", "arn:aws:iam::444455556666:root", USER, ROLE_SESSION, "arn:aws:iam::111122223333:role/app"];

fn conditions() -> impl Strategy<Value = Value> {
    let texts = select(
        &["StringEquals", "StringNotEquals", "StringEqualsIgnoreCase", "StringLike", "StringNotLike", "Bool"][..],
    );
    let numbers = select(&["NumericEquals", "NumericNotEquals", "NumericLessThan"][..]);
    let form = (select(&["", "ForAllValues:", "ForAnyValue:"][..]), select(&["", "IfExists"][..]));
    let of = |operators: BoxedStrategy<&'static str>, values: &'static [&'static str]| {
        (form.clone(), operators, select(&["k", "K", "l"][..]), one_or_many(values)).prop_map(
            |((set, if_exists), operator, key, values)| json!({format!("{set}{operator}{if_exists}"): {key: values}}),
        )
    };
    prop_oneof![
        Just(Value::Null),
        of(
            texts.clone().prop_filter("Bool has values of its own", |name| *name != "Bool").boxed(),
            &["x", "X", "x*", "?", "${k}", "${l}y"]
        ),
        of(Just("Bool").boxed(), &["true", "false"]),
        of(numbers.boxed(), &["1", "2", "10"]),
        one_or_many(&["true", "false"]).prop_map(|values| json!({"Null": {"k": values}})),
    ]
}

fn statements(with_principal: bool) -> impl Strategy<Value = Value> {
    let names = (select(&["Action", "NotAction"][..]), select(&["Resource", "NotResource"][..]));
    let values = (one_or_many(ACTIONS), one_or_many(RESOURCES), conditions(), one_or_many(PRINCIPALS));
    (select(&["Allow", "Allow", "Allow", "Deny"][..]), names, values).prop_map(
        move |(effect, (action, resource), (actions, resources, conditions, principals))| {
            let mut statement = json!({"Effect": effect, action: actions, resource: resources});
            if !conditions.is_null() {
                statement["Condition"] = conditions;
            }
            if with_principal {
                statement["Principal"] = json!({"AWS": principals});
            }
            statement
        },
    )
}

fn policies_of(with_principal: bool) -> impl Strategy<Value = Value> {
    let version = select(&["2012-10-17", "2008-10-17"][..]);
    (version, proptest::collection::vec(statements(with_principal), 1..4))
        .prop_map(|(version, statements)| json!({"Version": version, "Statement": statements}))
}

fn questions() -> impl Strategy<Value = Question> {
    let key = || proptest::option::of(subsequence(&["x", "X", "xy", "true", "1", "3"][..], 0..3));
    (
        select(&["s3:GetObject", "s3:PutObject", "ec2:RunInstances"][..]),
        select(&["arn:aws:s3:::a/x", "arn:aws:s3:::a/xy", "arn:aws:s3:::b", "*"][..]),
        select(&[USER, ROLE_SESSION][..]),
        select(&["111122223333", "444455556666"][..]),
        (key(), key()),
    )
        .prop_map(|(action, resource, caller, owner, (k, l))| Question {
            action: action.to_owned(),
            resource: resource.to_owned(),
            caller: caller.to_owned(),
            owner: owner.to_owned(),
            context: [("k", k), ("l", l)]
                .into_iter()
                .filter_map(|(name, values)| Some((name.to_owned(), values?.into_iter().map(str::to_owned).collect())))
                .collect(),
        })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(4000))]

    #[test]
    fn a_naive_reading_of_the_same_policies_agrees(
        question in questions(),
        identity in proptest::collection::vec(policies_of(false), 0..3),
        boundary in proptest::option::weighted(0.3, policies_of(false)),
        session in proptest::option::weighted(0.3, policies_of(false)),
        service_control in proptest::collection::vec(proptest::collection::vec(policies_of(false), 1..3), 0..2),
        resource in proptest::option::weighted(0.6, policies_of(true)),
    ) {
        let policies = Policies { identity, boundary, session, service_control, resource };
        let all = |kind, values: &[Value]| values.iter().map(|value| policy(kind, value)).collect::<Vec<_>>();
        let one = |value: &Option<Value>| value.as_ref().map(|value| vec![policy(Kind::Identity, value)]);
        let authorization = Authorization {
            identity: all(Kind::Identity, &policies.identity),
            boundary: one(&policies.boundary),
            session: one(&policies.session),
            service_control: policies.service_control.iter().map(|level| all(Kind::Identity, level)).collect(),
            resource: policies.resource.as_ref().map(|value| policy(Kind::Resource, value)),
            ..Authorization::default()
        };
        let context = Context::new(question.context.clone());
        let caller = Caller::parse(&question.caller).unwrap();
        let mut request = Request::new(&question.action, &question.resource, Some(&caller), &context);
        request.owner = Some(&question.owner);
        let expected = naive::decide(&policies, &question);
        prop_assert_eq!(decide(&authorization, &request), expected);
        prop_assert_eq!(explain(&authorization, &request).decision, expected);
    }

    #[test]
    fn whatever_a_key_turns_out_to_be_the_answer_lies_between_the_best_and_the_worst(
        question in questions(),
        identity in proptest::collection::vec(policies_of(false), 1..3),
        boundary in proptest::option::weighted(0.3, policies_of(false)),
    ) {
        let all = |values: &[Value]| values.iter().map(|value| policy(Kind::Identity, value)).collect::<Vec<_>>();
        let authorization =
            Authorization { identity: all(&identity), boundary: boundary.map(|value| all(&[value])), ..Authorization::default() };
        let (known, unknown) = (Context::new(question.context.clone()), Context::default());
        let caller = Caller::parse(USER).unwrap();
        let ask = |context, absent| {
            let mut request = Request::new(&question.action, &question.resource, Some(&caller), context);
            request.absent = absent;
            decide(&authorization, &request)
        };
        let answer = ask(&known, Absent::FromRequest);
        prop_assert!(ask(&unknown, Absent::AtWorst) >= answer, "the worst restricts at least as much");
        prop_assert!(ask(&unknown, Absent::AtBest) <= answer, "the best restricts at most as much");
    }
}
