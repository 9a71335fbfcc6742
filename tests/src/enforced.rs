//! An emulator that decides by IAM's policies, and a user of its account who may do what the test lets them.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::{Value, json};

use crate::aws::{Aws, element};
use crate::canned::Canned;
use crate::emulator::{Ministack, MinistackOptions, Moto};
use crate::outcome::Outcome;
use crate::tool::Run;

/// The emulator, and the user's access key.
#[derive(Debug)]
pub struct Enforced {
    /// The API as the account's administrator sees it.
    pub aws: Aws,
    /// The number of the account.
    pub account: String,
    emulator: Emulator,
    key: (String, String),
    /// Answers to actions that the emulator does not know.
    paper: BTreeMap<String, String>,
}

#[derive(Debug)]
enum Emulator {
    Ministack(Ministack),
    /// It asks for every action on `*`, whatever the resource.
    Moto(Moto),
}

const USER: &str = "operator";

impl Enforced {
    /// On ministack.
    pub fn ministack() -> Self {
        let options = MinistackOptions { enforce_iam: true, ..MinistackOptions::default() };
        Self::on(Emulator::Ministack(Ministack::start(&options)))
    }

    /// On moto.
    pub fn moto() -> Self {
        Self::on(Emulator::Moto(Moto::start()))
    }

    fn on(emulator: Emulator) -> Self {
        let aws = Aws::at(&emulator.url());
        aws.call("iam", "CreateUser", &[("UserName", USER)]);
        let key = aws.call("iam", "CreateAccessKey", &[("UserName", USER)]);
        let key = (element(&key, "AccessKeyId"), element(&key, "SecretAccessKey"));
        let account = element(&aws.call("sts", "GetCallerIdentity", &[]), "Account");
        Self { aws, account, emulator, key, paper: BTreeMap::new() }
    }

    /// What the tools take as `AWS_ENDPOINT_URL`.
    pub fn url(&self) -> String {
        self.emulator.url()
    }

    /// Answers an action that the emulator does not know, `ec2:SearchTransitGatewayRoutes`, to those who may ask.
    #[must_use]
    pub fn answer(mut self, action: &str, answer: impl Into<String>) -> Self {
        self.paper.insert(action.to_owned(), answer.into());
        self
    }

    /// Runs a tool as the account's administrator.
    pub fn as_administrator(&self, run: Run) -> Outcome {
        let mut proxy = Canned::new();
        for (action, answer) in &self.paper {
            proxy = proxy.answer(name(action), answer.clone());
        }
        let proxy = proxy.before(&self.emulator.url());
        run.aws(&proxy.url()).run()
    }

    /// Runs a tool as a user with exactly this policy; and the actions of the calls that it made.
    pub fn run(&self, policy: &Value, run: Run) -> (Outcome, BTreeSet<String>) {
        let allowed = actions(policy);
        let mut proxy = Canned::new();
        for (action, answer) in &self.paper {
            proxy = if allowed.contains(action) || allowed.contains("*") {
                proxy.answer(name(action), answer.clone())
            } else {
                let why = format!("You are not authorized to perform this operation: {action}");
                proxy.error(name(action), 403, "UnauthorizedOperation", &why)
            };
        }
        let proxy = proxy.before(&self.emulator.url());
        self.emulator.allow(&self.aws, policy);
        let (id, secret) = &self.key;
        let run = run.aws(&proxy.url()).env("AWS_ACCESS_KEY_ID", id).env("AWS_SECRET_ACCESS_KEY", secret);
        self.emulator.enforce(true);
        let outcome = run.run();
        self.emulator.enforce(false);
        let calls = proxy.calls().all().into_iter().map(|call| format!("{}:{}", call.service, call.action));
        (outcome, calls.collect())
    }
}

impl Emulator {
    fn url(&self) -> String {
        match self {
            Self::Ministack(ministack) => ministack.url(),
            Self::Moto(moto) => moto.url(),
        }
    }

    fn allow(&self, aws: &Aws, policy: &Value) {
        let mut policy = policy.clone();
        for statement in policy["Statement"].as_array_mut().into_iter().flatten() {
            let is_of_moto = matches!(self, Self::Moto(_));
            // ministack asks for calls about service-linked roles on `*`, and for managed policies of a group on those.
            let is_other = |action: &Value| {
                let is = |word| action.as_str().is_some_and(|action| action.contains(word));
                is("ServiceLinkedRole") || is("tachGroupPolicy")
            };
            if is_of_moto || statement["Action"].as_array().is_some_and(|actions| actions.iter().any(is_other)) {
                statement["Resource"] = json!("*");
            }
            // Neither of them tells iam:AWSServiceName or iam:PolicyARN.
            if is_of_moto || statement["Condition"].to_string().contains(r#"{"iam:"#) {
                statement.as_object_mut().map(|statement| statement.remove("Condition"));
            }
        }
        let name = [("UserName", USER), ("PolicyName", "needs")];
        if actions(&policy).is_empty() {
            // IAM takes no policy without a statement.
            aws.call("iam", "DeleteUserPolicy", &name);
            return;
        }
        aws.call("iam", "PutUserPolicy", &[&name[..], &[("PolicyDocument", &policy.to_string())]].concat());
    }

    /// ministack enforces from its start, and lets the administrator do everything.
    fn enforce(&self, is_on: bool) {
        if let Self::Moto(moto) = self {
            moto.enforce_iam(is_on);
        }
    }
}

/// The actions that a policy allows.
pub fn actions(policy: &Value) -> BTreeSet<String> {
    let statements = policy["Statement"].as_array().into_iter().flatten();
    let actions = statements.flat_map(|statement| statement["Action"].as_array().into_iter().flatten());
    actions.filter_map(Value::as_str).map(str::to_owned).collect()
}

/// An action without its service.
fn name(action: &str) -> &str {
    action.split_once(':').map_or(action, |(_, name)| name)
}
