//! Decides requests of every principal of a made-up account, and counts the answers: what the evaluator costs, without
//! reading requests and writing answers.
//!
//! usage: decisions [DECISIONS]
//!
//! The account has 1,000 principals of 20 statements each, as accounts have them: managed policies that many share, an
//! inline policy of one's own with variables and conditions, a permissions boundary for every tenth, and two levels of
//! service control policies. Prints one JSON object: how many decisions, how many of each answer, and the seconds that
//! reading the policies and deciding took.

use std::error::Error;
use std::io::Write;
use std::sync::Arc;
use std::time::Instant;

use ec_iam::evaluate::{Authorization, Caller, Context, Decision, Kind, Policy, Position, Request, decide};
use serde_json::{Value, json};

const ACCOUNT: &str = "123456789012";
const PRINCIPALS: usize = 1_000;
const REGIONS: [&str; 2] = ["eu-west-1", "eu-central-1"];
const SERVICES: [&str; 10] = ["s3", "ec2", "elasticache", "sqs", "sns", "dynamodb", "kms", "logs", "lambda", "iam"];

struct Principal {
    caller: Caller,
    authorization: Authorization,
    context: Context,
}

fn main() -> Result<(), Box<dyn Error>> {
    let wanted: usize = std::env::args().nth(1).map_or(Ok(1_000_000), |text| text.parse())?;
    let begin = Instant::now();
    let principals = account()?;
    let read = begin.elapsed();
    let asked = [
        ("elasticache:Connect", format!("arn:aws:elasticache:eu-west-1:{ACCOUNT}:serverlesscache:orders")),
        ("elasticache:Connect", format!("arn:aws:elasticache:eu-west-1:{ACCOUNT}:user:user-17")),
        ("s3:GetObject", "arn:aws:s3:::team-3/home/user-23/2026/report.csv".to_owned()),
        ("ec2:TerminateInstances", format!("arn:aws:ec2:eu-west-1:{ACCOUNT}:instance/i-0abc")),
        ("iam:PassRole", format!("arn:aws:iam::{ACCOUNT}:role/app-7")),
    ];

    let begin = Instant::now();
    let mut counts = [0_usize; 3];
    let pairs = asked.iter().flat_map(|asked| principals.iter().map(move |principal| (asked, principal)));
    for ((action, resource), Principal { caller, authorization, context }) in pairs.cycle().take(wanted) {
        let decision = decide(authorization, &Request::new(action, resource, Some(caller), context));
        counts[decision as usize] += 1;
    }
    let decided = begin.elapsed().as_secs_f64();
    let count = |decision: Decision| counts[decision as usize];
    let answer = json!({
        "decisions": wanted,
        "allowed": count(Decision::Allowed),
        "implicit_deny": count(Decision::ImplicitDeny),
        "explicit_deny": count(Decision::ExplicitDeny),
        "read_s": read.as_secs_f64(),
        "decide_s": decided,
    });
    Ok(writeln!(std::io::stdout(), "{answer}")?)
}

fn account() -> Result<Vec<Principal>, Box<dyn Error>> {
    let managed = (0..40).map(managed).map(|policy| read(&policy)).collect::<Result<Vec<_>, _>>()?;
    let organization = vec![vec![read(&organization())?], vec![read(&document(&[everything()]))?]];
    let boundary = read(&document(&[
        json!({"Effect": "Allow", "NotAction": ["iam:*", "organizations:*"], "Resource": "*"}),
        json!({"Effect": "Allow", "Action": "iam:PassRole", "Resource": format!("arn:aws:iam::{ACCOUNT}:role/app-*")}),
    ]))?;
    let principal = |index: usize| {
        let arn = format!("arn:aws:iam::{ACCOUNT}:user/team-{}/user-{index}", index % 20);
        let caller = Caller::parse(&arn).ok_or("the ARN is one of a user")?;
        let identity =
            [index % 40, (index * 7 + 1) % 40, (index * 11 + 2) % 40].map(|index| Arc::clone(&managed[index]));
        let authorization = Authorization {
            identity: identity.into_iter().chain([read(&inline())?]).collect(),
            boundary: index.is_multiple_of(10).then(|| vec![Arc::clone(&boundary)]),
            service_control: organization.clone(),
            ..Authorization::default()
        };
        let mfa = if index.is_multiple_of(3) { "false" } else { "true" };
        let context = Context::new([
            ("aws:username", vec![format!("user-{index}")]),
            ("aws:PrincipalTag/team", vec![format!("team-{}", index % 20)]),
            ("aws:MultiFactorAuthPresent", vec![mfa.to_owned()]),
            ("aws:SourceIp", vec![format!("10.0.{}.7", index % 256)]),
            ("aws:RequestedRegion", vec!["eu-west-1".to_owned()]),
            ("aws:PrincipalArn", vec![arn]),
        ]);
        Ok(Principal { caller, authorization, context })
    };
    (0..PRINCIPALS).map(principal).collect()
}

/// Five statements of one service.
fn managed(index: usize) -> Value {
    let service = SERVICES[index % SERVICES.len()];
    let arn = |rest: &str| format!("arn:aws:{service}:*:{ACCOUNT}:{rest}");
    let actions = |names: &[&str]| names.iter().map(|name| format!("{service}:{name}")).collect::<Vec<_>>();
    document(&[
        json!({"Effect": "Allow", "Action": actions(&["Describe*", "List*", "Get*"]), "Resource": "*"}),
        json!({
            "Effect": "Allow",
            "Action": actions(&["Create*", "Connect"]),
            "Resource": [arn("serverlesscache:*"), arn("user:*")],
        }),
        json!({
            "Effect": "Allow",
            "Action": actions(&["*"]),
            "Resource": arn("*/app-*"),
            "Condition": {"StringEquals": {"aws:RequestedRegion": REGIONS}},
        }),
        json!({
            "Effect": "Deny",
            "Action": actions(&["Delete*", "Terminate*"]),
            "Resource": "*",
            "Condition": {"BoolIfExists": {"aws:MultiFactorAuthPresent": "false"}},
        }),
        json!({
            "Effect": "Allow",
            "Action": actions(&["Tag*"]),
            "Resource": "*",
            "Condition": {"ForAllValues:StringEquals": {"aws:TagKeys": ["team", "cost"]}},
        }),
    ])
}

/// Five statements of one's own.
fn inline() -> Value {
    document(&[
        json!({
            "Effect": "Allow",
            "Action": "s3:*",
            "Resource": "arn:aws:s3:::${aws:PrincipalTag/team}/home/${aws:username}/*",
        }),
        json!({
            "Effect": "Allow",
            "Action": "elasticache:Connect",
            "Resource": [
                format!("arn:aws:elasticache:eu-west-1:{ACCOUNT}:serverlesscache:orders"),
                format!("arn:aws:elasticache:eu-west-1:{ACCOUNT}:user:${{aws:username}}"),
            ],
        }),
        json!({
            "Effect": "Allow",
            "Action": ["iam:ChangePassword", "iam:GetUser"],
            "Resource": format!("arn:aws:iam::{ACCOUNT}:user/*/${{aws:username}}"),
        }),
        json!({
            "Effect": "Allow",
            "Action": "ec2:*",
            "Resource": "*",
            "Condition": {
                "IpAddress": {"aws:SourceIp": ["10.0.0.0/16", "203.0.113.0/24"]},
                "Bool": {"aws:MultiFactorAuthPresent": "true"},
            },
        }),
        json!({
            "Effect": "Deny",
            "NotAction": ["iam:*", "sts:*", "s3:*", "elasticache:*", "ec2:*"],
            "Resource": "*",
            "Condition": {"NumericGreaterThanIfExists": {"aws:MultiFactorAuthAge": "3600"}},
        }),
    ])
}

fn everything() -> Value {
    json!({"Effect": "Allow", "Action": "*", "Resource": "*"})
}

fn organization() -> Value {
    document(&[
        everything(),
        json!({
            "Effect": "Deny",
            "NotAction": ["iam:*", "sts:*", "support:*"],
            "Resource": "*",
            "Condition": {"StringNotEquals": {"aws:RequestedRegion": REGIONS}},
        }),
        json!({
            "Effect": "Deny",
            "Action": ["organizations:LeaveOrganization", "account:CloseAccount"],
            "Resource": "*",
        }),
    ])
}

fn document(statements: &[Value]) -> Value {
    json!({"Version": "2012-10-17", "Statement": statements})
}

fn read(policy: &Value) -> Result<Arc<Policy>, Box<dyn Error>> {
    let read = Policy::parse("p", &policy.to_string(), Position::START, Kind::Identity);
    Ok(Arc::new(read.map_err(|error| format!("{}: {}", error.pointer, error.why))?))
}
