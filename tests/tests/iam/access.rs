//! Every way to give somebody access: planned, applied, applied again, and taken back, in an account of its own.

mod adversity;
mod identity_center;
mod refusals;
mod roles;
mod users;

use std::fmt::Debug;
use std::sync::atomic::{AtomicU32, Ordering};

use ec_tests::{Aws, Counting, Moto, Outcome, element, tool};
use serde_json::{Value, json};

use super::statuses;

/// The secrets of all these runs, which nobody is ever told.
const SECRETS: [&str; 2] = ["canary/secret-access-key", "canary/session-token"];

/// A new account of moto's.
#[derive(Debug)]
struct Account {
    /// Its number.
    id: String,
    /// The id of an access key in it.
    key: String,
    aws: Aws,
}

impl Account {
    /// With a user below a path, a group, a policy to be a boundary, a role, and identity providers.
    fn new() -> Self {
        Self::at(&Moto::shared().url())
    }

    /// The same in the moto at `url`.
    fn at(url: &str) -> Self {
        static NEXT: AtomicU32 = AtomicU32::new(1);
        let id = format!("3333{:08}", NEXT.fetch_add(1, Ordering::Relaxed));
        let role = format!("arn:aws:iam::{id}:role/tests");
        let session = [("RoleArn", role.as_str()), ("RoleSessionName", "tests")];
        let key = element(&Aws::at(url).call("sts", "AssumeRole", &session), "AccessKeyId");
        let aws = Aws::of_account(url, &key);
        let everything =
            r#"{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":"elasticache:*","Resource":"*"}]}"#;
        aws.call("iam", "CreateUser", &[("UserName", "anna"), ("Path", "/people/")]);
        aws.call("iam", "CreateGroup", &[("GroupName", "devs")]);
        aws.call("iam", "CreatePolicy", &[("PolicyName", "limits"), ("PolicyDocument", everything)]);
        aws.call("iam", "CreateRole", &[("RoleName", "app"), ("AssumeRolePolicyDocument", super::TRUST)]);
        let metadata = "<EntityDescriptor/>".repeat(60);
        aws.call("iam", "CreateSAMLProvider", &[("Name", "Okta"), ("SAMLMetadataDocument", &metadata)]);
        aws.call("iam", "CreateOpenIDConnectProvider", &[("Url", "https://token.actions.githubusercontent.com")]);
        Self { id, key, aws }
    }

    /// A run in the account through the API at `url`, on a document or on none.
    fn run(&self, url: &str, args: &[&str], document: &str) -> Outcome {
        let run = tool("ec-iam").args(args).args((document.is_empty()).then_some("-n"));
        let run = run.aws(url).env("AWS_ACCESS_KEY_ID", &self.key).env("AWS_MAX_ATTEMPTS", "1");
        let run = run.env("AWS_SECRET_ACCESS_KEY", SECRETS[0]).env("AWS_SESSION_TOKEN", SECRETS[1]);
        told_no_secret(run.stdin(document).run(), &[SECRETS[0], SECRETS[1], &self.key])
    }

    /// Users, groups and roles of IAM, with all that they carry.
    fn iam(&self) -> String {
        let kinds = [("Filter.member.1", "User"), ("Filter.member.2", "Role"), ("Filter.member.3", "Group")];
        let details = self.aws.call("iam", "GetAccountAuthorizationDetails", &kinds);
        details.split("<ResponseMetadata>").next().unwrap_or_default().to_owned()
    }

    /// An ARN of IAM in the account.
    fn arn(&self, resource: &str) -> String {
        format!("arn:aws:iam::{}:{resource}", self.id)
    }
}

#[track_caller]
fn told_no_secret(outcome: Outcome, secrets: &[&str]) -> Outcome {
    for secret in secrets {
        assert!(!outcome.stdout.contains(secret) && !outcome.stderr.contains(secret), "{secret}\n{}", outcome.told());
    }
    outcome
}

/// A way to give access.
#[derive(Debug, Default)]
struct Way<'a> {
    /// What is asked for.
    args: &'a [&'a str],
    /// About which cache, if about one.
    document: String,
    /// What has to be said once more where a plan is applied.
    consent: &'a [&'a str],
    /// The calls that make it so, in order.
    writes: &'a [&'a str],
    /// The calls that take it back, in order.
    takes_back: &'a [&'a str],
}

/// Plans, applies, applies twice more and revokes twice; `state` is what the account holds, `look` looks while the way is
/// open. Gives what `plan` found.
fn there_and_back<S: Debug + PartialEq>(
    account: &Account,
    url: &str,
    way: &Way<'_>,
    state: impl Fn() -> S,
    look: impl FnOnce(),
) -> Vec<String> {
    let counting = Counting::before(url);
    let run = |verb: &str, args: &[&str], document: &str| {
        counting.calls().clear();
        account.run(&counting.url(), &[&[verb], args].concat(), document)
    };
    let none: [&str; 0] = [];
    let before = state();

    let plan = run("plan", way.args, &way.document).ok();
    assert_eq!(statuses(&plan).0, "planned", "{}", plan.told());
    assert_eq!(counting.calls().writes(), none, "a plan writes nothing");
    assert_eq!(state(), before, "a plan changes nothing");

    let applied = run("apply", way.consent, &plan.stdout).ok();
    assert_eq!(statuses(&applied).0, "changed", "{}", applied.told());
    assert_eq!(counting.calls().writes(), way.writes, "{}", applied.told());
    look();

    let again = run("apply", way.consent, &applied.stdout).ok();
    assert_eq!((statuses(&again).0.as_str(), counting.calls().writes()), ("unchanged", vec![]), "{}", again.told());
    let afresh = run("apply", way.args, &way.document).ok();
    assert_eq!((statuses(&afresh).0.as_str(), counting.calls().writes()), ("unchanged", vec![]), "{}", afresh.told());

    let revoked = run("revoke", &[], &again.stdout).ok();
    assert_eq!(statuses(&revoked).0, "changed", "{}", revoked.told());
    assert_eq!(counting.calls().writes(), way.takes_back, "{}", revoked.told());
    assert_eq!(state(), before, "{}", revoked.told());

    let once_more = run("revoke", &[], &revoked.stdout).ok();
    assert_eq!((statuses(&once_more).0.as_str(), counting.calls().all()), ("skipped", vec![]), "{}", once_more.told());
    codes(&plan)
}

/// The codes of what was found.
fn codes(outcome: &Outcome) -> Vec<String> {
    let findings = outcome.document()["iam"]["findings"].clone();
    let findings = findings.as_array().cloned().unwrap_or_default();
    findings.iter().filter_map(|finding| finding["code"].as_str().map(str::to_owned)).collect()
}

/// The policy that lets `user` connect to the serverless cache `orders`.
fn connect(account: &str, user: &str) -> Value {
    let arn = |resource: &str| format!("arn:aws:elasticache:us-east-1:{account}:{resource}");
    json!({"Version": "2012-10-17", "Statement": [{
        "Sid": "ConnectToCache",
        "Effect": "Allow",
        "Action": "elasticache:Connect",
        "Resource": [arn("serverlesscache:orders"), arn(&format!("user:{user}"))],
    }]})
}
