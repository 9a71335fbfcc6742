//! What one policy gives that others do not: everything that it allows is asked of the others.
//!
//! A name with wildcards stands for every action of its service that the tables have; in a service without a table it is
//! asked as it is. A resource with wildcards is asked as it is, too, so that it is allowed only if all that it means is;
//! and the values of conditions are what is known of the request.

use ec_shared::output::{Format, Output};
use ec_shared::report::{Mark, Report};
use ec_shared::{Exit, Failure, codes as shared};
use serde_json::{Value, json};

use super::answer;
use super::live::Iam;
use super::request::{invalid, policy};
use super::text;
use crate::evaluate::{
    Authorization, Caller, Context, Decision, Fault, Kind, Mismatch, Node, Position, Request, explain,
};
use crate::lint::actions_like;
use crate::policy::decode;

const DENIES: &str = "what the policy denies is not considered";
const NOT_ACTION: &str = "a statement with NotAction allows what nobody can list; it is not considered";

/// What a policy allows.
#[derive(Debug)]
pub(super) struct Model {
    name: String,
    grants: Vec<Grant>,
    notes: Vec<String>,
}

/// An action that it allows on a resource, and the context in which it does.
#[derive(Debug)]
struct Grant {
    action: String,
    resource: String,
    context: Context,
}

/// Whether others allow the same.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Match {
    Yes,
    /// On other resources, or in another context.
    Partly,
    No,
}

impl Match {
    fn word(self) -> &'static str {
        match self {
            Self::Yes => "yes",
            Self::Partly => "partly",
            Self::No => "no",
        }
    }
}

impl Model {
    /// Reads a managed policy by its ARN, or a file by its name.
    ///
    /// # Errors
    /// `EC2030` if it is no policy, `EC9021` if the file cannot be read, `EC9106` if IAM has no such policy, else what
    /// the call ends with. `iam` is asked only for an ARN.
    pub(super) fn read<'a, I: Iam + 'a>(
        name: &str,
        iam: impl FnOnce() -> Result<&'a I, Failure>,
    ) -> Result<Self, Failure> {
        let text = if name.starts_with("arn:") {
            let text = iam()?.managed_policy(name)?;
            let missing = || Failure::new(&shared::NOT_FOUND, format!("there is no policy {name}"));
            decode(&text.ok_or_else(missing)?).to_string()
        } else {
            std::fs::read_to_string(name)
                .map_err(|error| Failure::new(&shared::READ, format!("cannot read policy {name}")).because(error))?
        };
        Self::of(name, &text)
    }

    fn of(name: &str, text: &str) -> Result<Self, Failure> {
        policy(name, text, Position::START, Kind::Identity, &mut Vec::new())
            .map_err(|error| invalid(name, &error).at(error.position.line, error.position.column))?;
        let mut model = Self { name: name.to_owned(), grants: Vec::new(), notes: Vec::new() };
        // What is no policy has been refused.
        let _ = model.take(text);
        Ok(model)
    }

    fn take(&mut self, text: &str) -> Result<(), Fault> {
        for (name, statements) in Node::of(text)?.members()? {
            if name == "Statement" {
                statements.each(|statement| self.statement(statement))?;
            }
        }
        Ok(())
    }

    fn statement(&mut self, statement: Node<'_>) -> Result<(), Fault> {
        let (mut actions, mut resources, mut context) = (Vec::new(), vec!["*".to_owned()], Context::default());
        for (name, value) in statement.members()? {
            match name.as_str() {
                "Effect" if value.text()? == "Deny" => {
                    self.notes.push(DENIES.to_owned());
                    return Ok(());
                }
                "NotAction" => {
                    self.notes.push(NOT_ACTION.to_owned());
                    return Ok(());
                }
                "Action" => actions = value.each(Node::text)?,
                "Resource" => resources = value.each(Node::text)?,
                "Condition" => context = known(value)?,
                _ => {}
            }
        }
        for action in actions.into_iter().flat_map(|action| actions_like(&action).unwrap_or_else(|| vec![action])) {
            for resource in &resources {
                let (resource, context) = (resource.clone(), context.clone());
                self.grants.push(Grant { action: action.clone(), resource, context });
            }
        }
        Ok(())
    }

    /// The same, and what keeps the answer about the others from being whole.
    pub(super) fn noting(mut self, unread: &[String]) -> Self {
        self.notes.extend(unread.iter().map(|unread| format!("not known: {unread}")));
        self
    }

    /// Asks the policies for everything, and answers. Ends with yes if they allow all of it.
    pub(super) fn tell(&self, authorization: &Authorization, caller: Option<&Caller>, output: &mut Output) -> Exit {
        let matched: Vec<(&Grant, Match, Vec<String>)> = self
            .grants
            .iter()
            .map(|grant| {
                let (found, reasons) = grant.ask(authorization, caller);
                (grant, found, reasons)
            })
            .collect();
        match output.format() {
            Format::Json => output.answer((self.json(&matched).to_string() + "\n").as_bytes()),
            Format::Text => output.answer(self.report(&matched).as_bytes()),
        }
        if matched.iter().all(|(_, found, _)| *found == Match::Yes) { Exit::Ok } else { Exit::No }
    }

    fn json(&self, matched: &[(&Grant, Match, Vec<String>)]) -> Value {
        let lacks = matched.iter().filter(|(_, found, _)| *found != Match::Yes).map(|(grant, found, reasons)| {
            json!({
                "EvalActionName": grant.action,
                "EvalResourceName": grant.resource,
                "Allowed": found.word(),
                "Reasons": reasons,
            })
        });
        let count = |wanted| matched.iter().filter(|(_, found, _)| *found == wanted).count();
        json!({
            "Like": self.name,
            "Lacks": lacks.collect::<Vec<_>>(),
            "Counts": {"yes": count(Match::Yes), "partly": count(Match::Partly), "no": count(Match::No)},
            "Notes": self.notes,
        })
    }

    fn report(&self, matched: &[(&Grant, Match, Vec<String>)]) -> String {
        let mut report = Report::default();
        report.title(format!("what {} allows", self.name));
        for (grant, found, reasons) in matched.iter().filter(|(_, found, _)| *found != Match::Yes) {
            let mark = if *found == Match::No { Mark::No } else { Mark::Warning };
            report.row(mark, [grant.action.as_str(), &grant.resource, found.word()]);
            for reason in reasons {
                report.row(Mark::Info, [format!("  {reason}")]);
            }
        }
        for note in &self.notes {
            report.row(Mark::Info, [note]);
        }
        let count = |wanted| matched.iter().filter(|(_, found, _)| *found == wanted).count();
        let (yes, partly, all) = (count(Match::Yes), count(Match::Partly), matched.len());
        let mark = if yes == all { Mark::Yes } else { Mark::No };
        report.verdict(mark, format!("{yes} of {all} are allowed as well, {partly} in part"));
        report.render()
    }
}

impl Grant {
    /// Whether these policies allow the same, and, where they do not but come near, why.
    fn ask(&self, authorization: &Authorization, caller: Option<&Caller>) -> (Match, Vec<String>) {
        let mut context = self.context.clone();
        for (key, value) in caller.map(Caller::context).into_iter().flatten() {
            context.set_default(key, value);
        }
        let request = Request::new(&self.action, &self.resource, caller, &context);
        let mut explanation = explain(authorization, &request);
        // That an action is not named needs no words.
        explanation.missed.retain(|missed| missed.why != Mismatch::Action);
        let is_near = !explanation.missed.is_empty();
        let reasons = text::reasons(&explanation, &answer::reasons(&explanation, &request));
        match explanation.decision {
            Decision::Allowed => (Match::Yes, Vec::new()),
            Decision::ImplicitDeny if is_near => (Match::Partly, reasons),
            Decision::ImplicitDeny => (Match::No, Vec::new()),
            Decision::ExplicitDeny => (Match::No, reasons),
        }
    }
}

/// What meets the conditions. A key of an operator that negates is best left out.
fn known(conditions: Node<'_>) -> Result<Context, Fault> {
    let mut context = Context::default();
    for (operator, keys) in conditions.members()? {
        let negates = operator.contains("Not") || operator.starts_with("Null");
        for (key, values) in keys.members()?.into_iter().filter(|_| !negates) {
            let first = values.each(Node::scalar)?.into_iter().take(1).collect();
            context.set(&key, first);
        }
    }
    Ok(context)
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;
    use crate::evaluate::Policy;

    const MODEL: &str = r#"{"Version": "2012-10-17", "Statement": [
        {"Effect": "Allow", "Action": ["elasticache:*SecurityGroups", "ec2:DescribeVpcs", "sns:List*"], "Resource": "*"},
        {"Effect": "Allow", "Action": "iam:CreateServiceLinkedRole",
            "Resource": "arn:aws:iam::*:role/aws-service-role/elasticache.amazonaws.com/AWSServiceRoleForElastiCache",
            "Condition": {"StringLike": {"iam:AWSServiceName": "elasticache.amazonaws.com"}}}]}"#;

    /// `ACTION yes` …, for a policy with these statements.
    fn asked(statements: &Value) -> Vec<String> {
        let text = json!({"Version": "2012-10-17", "Statement": statements}).to_string();
        let own = Policy::parse("own", &text, Position::START, Kind::Identity).unwrap();
        let authorization = Authorization { identity: vec![Arc::new(own)], ..Authorization::default() };
        let model = Model::of("model", MODEL).unwrap();
        let asked = model.grants.iter().map(|grant| {
            format!("{} {}", grant.action.split(':').nth(1).unwrap(), grant.ask(&authorization, None).0.word())
        });
        asked.collect()
    }

    fn allow(action: &str, resource: &str) -> Value {
        json!({"Effect": "Allow", "Action": action, "Resource": resource})
    }

    #[test]
    fn every_action_of_the_model_is_allowed_in_part_or_not() {
        let role = "arn:aws:iam::123456789012:role/aws-service-role/*";
        let cases = [
            (
                json!([]),
                ["DescribeCacheSecurityGroups no", "DescribeVpcs no", "List* no", "CreateServiceLinkedRole no"],
            ),
            (
                json!([allow("*", "*")]),
                ["DescribeCacheSecurityGroups yes", "DescribeVpcs yes", "List* yes", "CreateServiceLinkedRole yes"],
            ),
            (
                json!([allow("elasticache:Describe*", "*"), allow("sns:*", "arn:aws:sns:*:*:x"), allow("iam:*", role)]),
                [
                    "DescribeCacheSecurityGroups yes",
                    "DescribeVpcs no",
                    "List* partly",
                    "CreateServiceLinkedRole partly",
                ],
            ),
            (
                json!([
                    allow("*", "*"),
                    {"Effect": "Deny", "Action": "iam:*", "Resource": "*"},
                ]),
                ["DescribeCacheSecurityGroups yes", "DescribeVpcs yes", "List* yes", "CreateServiceLinkedRole no"],
            ),
        ];
        for (statements, expected) in cases {
            assert_eq!(asked(&statements), expected, "{statements}");
        }
    }

    #[test]
    fn the_conditions_of_the_model_are_what_is_known() {
        let with = |value: &str| {
            let mut statement = allow("iam:CreateServiceLinkedRole", "*");
            statement["Condition"] = json!({"StringEquals": {"iam:AWSServiceName": value}});
            asked(&json!([statement])).pop().unwrap()
        };
        assert_eq!(with("elasticache.amazonaws.com"), "CreateServiceLinkedRole yes");
        assert_eq!(with("rds.amazonaws.com"), "CreateServiceLinkedRole partly");
    }

    #[test]
    fn what_cannot_be_listed_is_said() {
        let text = r#"{"Statement": [{"Effect": "Allow", "NotAction": "iam:*", "Resource": "*"},
            {"Effect": "Deny", "Action": "*", "Resource": "*"}]}"#;
        let model = Model::of("model", text).unwrap();
        assert_eq!(model.grants.len(), 0);
        assert_eq!(model.notes, [NOT_ACTION, DENIES]);
        assert_eq!(Model::of("model", "{}").unwrap_err().code().id, "EC2030");
    }
}
