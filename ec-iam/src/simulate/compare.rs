//! Our answer beside that of AWS's own simulator.
//!
//! AWS is asked for each resource by itself, with everything that our answer takes to be known of the request.
//!
//! Sources: <https://docs.aws.amazon.com/IAM/latest/APIReference/API_SimulatePrincipalPolicy.html>;
//! <https://github.com/aws/aws-sdk/issues/102> and <https://github.com/aws/aws-cli/issues/10314> for what AWS's simulator
//! does with service control policies and trust policies.

use ec_shared::output::{Format, Output};
use ec_shared::report::{Mark, Report};
use ec_shared::{Exit, Failure};
use serde_json::{Value, json};

use super::account::Holder;
use super::answer::{self, ResourceResult};
use super::live::{Asked, Iam, Policies, Said};
use super::question::{Because, Question};
use super::request::Simulation;
use super::text;
use crate::codes;
use crate::evaluate::{Absent, Context};

const OF_PRINCIPAL: &str = "AWS's simulator considers the service control policies of the organization, as far as it can, \
                            and ours those of --scp; neither considers resource control policies";
const OF_SESSION: &str = "session policies are not in the question to AWS: its simulator knows none";
const OF_ORGANIZATION: &str =
    "service control policies are not in the question to AWS: its simulator takes none as a text";

/// Both answers to everything that was asked.
#[derive(Debug)]
pub(super) struct Comparison {
    who: Option<String>,
    pairs: Vec<Pair>,
    notes: Vec<String>,
}

/// Both answers about one action on one resource.
#[derive(Debug)]
struct Pair {
    action: String,
    ours: ResourceResult,
    aws: Said,
}

impl Pair {
    fn agrees(&self) -> bool {
        self.ours.explanation.decision == self.aws.decision
    }
}

/// Compares what is said about a principal: on our side from its policies as they were read, on AWS's as they are.
///
/// # Errors
/// What the calls end with.
pub(super) fn of_principal(iam: &impl Iam, holder: &Holder, questions: &[Question]) -> Result<Comparison, Failure> {
    let who = holder.caller.arn();
    let mut pairs = Vec::new();
    for question in questions {
        // What is not known, AWS takes to be absent.
        for Because { resource, explanation, reasons } in question.explain(holder, Absent::FromRequest) {
            let context = question.context(holder, &resource);
            let aws = iam.simulate(&Asked {
                whose: Ok(who),
                action: question.action(),
                resource: &resource,
                context: &context,
            })?;
            let assumed = question.assumed(&resource).map(|(key, value)| (key.to_owned(), value.to_owned()));
            let ours = ResourceResult { resource, explanation, reasons, assumed, notes: holder.unread.clone() };
            pairs.push(Pair { action: question.action().to_owned(), ours, aws });
        }
    }
    let session = holder.authorization.session.is_some().then_some(OF_SESSION);
    let notes = [Some(OF_PRINCIPAL), session].into_iter().flatten().map(str::to_owned).collect();
    Ok(Comparison { who: Some(who.to_owned()), pairs, notes })
}

/// Compares what is said about policies from files, whose texts AWS is given.
///
/// # Errors
/// What the calls end with.
pub(super) fn of_policies(iam: &impl Iam, simulation: &Simulation, policies: &Policies) -> Result<Comparison, Failure> {
    let mut pairs = Vec::new();
    for result in answer::results(simulation) {
        for ours in result.resources {
            let mut context: Context = simulation.context(&ours.resource);
            if let Some((key, value)) = &ours.assumed {
                context.set_default(key, value);
            }
            let (action, resource) = (result.action.as_str(), ours.resource.as_str());
            let aws = iam.simulate(&Asked { whose: Err(policies), action, resource, context: &context })?;
            pairs.push(Pair { action: result.action.clone(), ours, aws });
        }
    }
    let authorization = &simulation.authorization;
    let notes = [
        authorization.session.is_some().then_some(OF_SESSION),
        (!authorization.service_control.is_empty()).then_some(OF_ORGANIZATION),
    ];
    let who = simulation.caller.as_ref().map(|caller| caller.arn().to_owned());
    Ok(Comparison { who, pairs, notes: notes.into_iter().flatten().map(str::to_owned).collect() })
}

impl Comparison {
    /// Writes the answers, and tells whether they agree.
    pub(super) fn tell(&self, output: &mut Output) -> Exit {
        match output.format() {
            Format::Json => output.answer((self.json().to_string() + "\n").as_bytes()),
            Format::Text => output.answer(self.report().as_bytes()),
        }
        if self.agrees() { Exit::Ok } else { Exit::No }
    }

    fn agrees(&self) -> bool {
        self.pairs.iter().all(Pair::agrees)
    }

    fn json(&self) -> Value {
        let result = |pair: &Pair| {
            let matched = pair.aws.matched.iter().map(|statement| {
                let start = statement.start.map(|(line, column)| json!({"Line": line, "Column": column}));
                json!({"SourcePolicyId": statement.policy, "StartPosition": start})
            });
            let mut result = json!({
                "EvalActionName": pair.action,
                "EvalResourceName": pair.ours.resource,
                "Agree": pair.agrees(),
                "Ours": answer::resource(&pair.ours),
                "Aws": {
                    "EvalResourceDecision": pair.aws.decision.word(),
                    "MatchedStatements": matched.collect::<Vec<_>>(),
                    "MissingContextValues": pair.aws.missing_keys,
                },
            });
            if !pair.agrees() {
                result["Code"] = codes::DIFFERS.id.into();
            }
            result
        };
        let results: Vec<Value> = self.pairs.iter().map(result).collect();
        json!({"Principal": self.who, "Agree": self.agrees(), "EvaluationResults": results, "Notes": self.notes})
    }

    fn report(&self) -> String {
        let mut report = Report::default();
        report.title(self.who.as_deref().unwrap_or("policies of no named caller"));
        for pair in &self.pairs {
            let (ours, aws) = (&pair.ours.explanation, &pair.aws);
            let mark = if pair.agrees() { Mark::Yes } else { Mark::No };
            let said = format!("ours {}, AWS's {}", ours.decision.word(), aws.decision.word());
            report.row(mark, [pair.action.as_str(), pair.ours.resource.as_str(), &said]);
            if !pair.agrees() {
                for sentence in text::reasons(ours, &pair.ours.reasons) {
                    report.row(Mark::Info, [format!("  ours: {sentence}")]);
                }
                for statement in &aws.matched {
                    report.row(Mark::Info, [format!("  AWS's: by {}", statement.policy)]);
                }
            }
            if let Some((key, value)) = &pair.ours.assumed {
                report.row(Mark::Info, [format!("  assumed: {key} is {value}")]);
            }
            for note in &pair.ours.notes {
                report.row(Mark::Unknown, [format!("  not known: {note}")]);
            }
        }
        for note in &self.notes {
            report.row(Mark::Info, [note]);
        }
        let agreed = self.pairs.iter().filter(|pair| pair.agrees()).count();
        let mark = if self.agrees() { Mark::Yes } else { Mark::No };
        report.verdict(mark, format!("the answers agree in {agreed} of {}", self.pairs.len()));
        report.render()
    }
}

#[cfg(test)]
mod tests {
    use super::super::account::read;
    use super::super::live::tests::Fake;
    use super::*;
    use crate::evaluate::Decision;

    fn aws_says(decision: Decision) -> Fake {
        let says = Said { decision, matched: Vec::new(), missing_keys: Vec::new() };
        Fake { says: Some(says), ..Fake::default() }
    }

    fn asked_of_app(iam: &Fake) -> Comparison {
        let policy = json!({"Version": "2012-10-17", "Statement": {
            "Effect": "Allow", "Action": "iam:CreateServiceLinkedRole", "Resource": "*",
            "Condition": {"StringLike": {"iam:AWSServiceName": "elasticache.amazonaws.com"}}}});
        let role = json!({"Arn": "arn:aws:iam::123456789012:role/app",
            "RolePolicyList": [{"PolicyName": "p", "PolicyDocument": policy}]});
        let holders = read(&json!({"RoleDetailList": [role]}).to_string()).unwrap();
        of_principal(iam, &holders[0], &[Question::service_linked_role("aws", "123456789012")]).unwrap()
    }

    #[test]
    fn answers_agree_or_differ_and_differing_ones_have_reasons() {
        let agreeing = asked_of_app(&aws_says(Decision::Allowed));
        assert!(agreeing.agrees());
        assert_eq!(agreeing.json()["Agree"], true);
        let differing = asked_of_app(&aws_says(Decision::ImplicitDeny));
        let result = &differing.json()["EvaluationResults"][0];
        assert_eq!((&result["Agree"], &result["Code"]), (&json!(false), &json!("EC2034")));
        assert_eq!(result["Ours"]["AssumedContext"][0]["ContextKeyName"], "iam:AWSServiceName");
        assert!(differing.report().contains("ours: by arn:aws:iam::123456789012:role/app/p statement 0"));
    }

    #[test]
    fn a_call_that_fails_leaves_no_comparison() {
        let iam = Fake { fails_at: Some(1), ..aws_says(Decision::Allowed) };
        let simulation = Simulation::read(br#"{"ActionNames": ["a:B"]}"#, (1, 1)).unwrap();
        assert!(of_policies(&iam, &simulation, &Policies::default()).is_err());
    }
}
