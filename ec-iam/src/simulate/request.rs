//! Reads a request: the input of `aws iam simulate-custom-policy --cli-input-json`, and what AWS's shape lacks.
//!
//! Source: <https://docs.aws.amazon.com/IAM/latest/APIReference/API_SimulateCustomPolicy.html>. Policies stand as text,
//! as AWS wants them, or as JSON. Beyond AWS's members there are `SessionPolicyInputList`, `EndpointPolicyInputList`,
//! `ServiceControlPolicies` and `ResourceControlPolicies`, and `CallerArn` may be the ARN of a role or of a session.

use std::cell::RefCell;
use std::sync::Arc;

use ec_shared::flags::is_account;
use ec_shared::{Failure, codes as shared};

use crate::codes;
use crate::evaluate::{
    Authorization, Caller, Context, Fault, Kind, Node, Policy, PolicyError, Position, Request, offset,
};
use crate::lint::{Finding, lint};

/// What is asked: every action on every resource.
#[derive(Clone, Debug, Default)]
pub struct Simulation {
    /// The policies that apply.
    pub authorization: Authorization,
    /// The actions, as they were written.
    pub actions: Vec<String>,
    /// The resources; `*` if none is named.
    pub resources: Vec<String>,
    /// Who asks.
    pub caller: Option<Caller>,
    /// The account of resources whose ARN does not tell it.
    pub owner: Option<String>,
    /// What the policies say in vain, with the name of each policy.
    pub findings: Vec<(String, Finding)>,
    /// What is known about every request.
    pub(super) context: Context,
}

const TYPES: [&str; 6] = ["string", "numeric", "boolean", "ip", "binary", "date"];
/// How EC2 launches are simulated. What is checked are the resources that the request names, whichever it is.
const HANDLING: [&str; 6] = [
    "EC2-Classic-InstanceStore",
    "EC2-Classic-EBS",
    "EC2-VPC-InstanceStore",
    "EC2-VPC-InstanceStore-Subnet",
    "EC2-VPC-EBS",
    "EC2-VPC-EBS-Subnet",
];

impl Simulation {
    /// Reads one request. `place`: line and column of the input at which it begins.
    ///
    /// # Errors
    /// `EC2030` for a policy, `EC2031` for the rest of the request, `EC9010` for bytes that are no UTF-8.
    pub fn read(bytes: &[u8], place: (usize, usize)) -> Result<Self, Failure> {
        let text = std::str::from_utf8(bytes).map_err(|error| {
            Failure::new(&shared::NOT_UTF8, "cannot read a request").because(error).at(place.0, place.1)
        })?;
        let reader = Reader { text, begin: Position { line: place.0, column: place.1 }, findings: RefCell::default() };
        let mut simulation = Self::default();
        let members = Node::of(text).and_then(Node::members).map_err(|fault| reader.refused(&fault))?;
        for (name, value) in members {
            reader.member(&mut simulation, &name, value)?;
        }
        if simulation.actions.is_empty() {
            return Err(reader.refused(&Fault::new("`ActionNames` names no action")));
        }
        if simulation.authorization.resource.is_some() && simulation.caller.is_none() {
            return Err(reader.refused(&Fault::new("`ResourcePolicy` names principals, so `CallerArn` is due")));
        }
        simulation.findings = reader.findings.into_inner();
        Ok(simulation.completed())
    }

    /// With what is meant where nothing is said: every resource, and the keys that the caller tells.
    pub(super) fn completed(mut self) -> Self {
        if self.resources.is_empty() {
            self.resources.push("*".to_owned());
        }
        if let Some(caller) = &self.caller {
            for (key, value) in caller.context() {
                self.context.set_default(key, value);
            }
        }
        self
    }

    /// What is known about requests for this resource.
    pub fn context(&self, resource: &str) -> Context {
        let mut context = self.context.clone();
        let request = self.request("", resource, &self.context);
        let caller = self.caller.as_ref().map(Caller::account);
        if let Some(account) = request.owner.or(if resource == "*" { None } else { caller }) {
            context.set_default("aws:ResourceAccount", account);
        }
        context
    }

    /// One of the requests.
    pub fn request<'a>(&'a self, action: &str, resource: &'a str, context: &'a Context) -> Request<'a> {
        let mut request = Request::new(action, resource, self.caller.as_ref(), context);
        request.owner = request.owner.or(self.owner.as_deref());
        request
    }
}

struct Reader<'a> {
    text: &'a str,
    begin: Position,
    findings: RefCell<Vec<(String, Finding)>>,
}

impl<'a> Reader<'a> {
    fn member(&self, to: &mut Simulation, name: &str, value: Node<'a>) -> Result<(), Failure> {
        let policies = &mut to.authorization;
        match name {
            "PolicyInputList" => policies.identity = self.policies(value, name, Kind::Identity)?,
            "PermissionsBoundaryPolicyInputList" => {
                policies.boundary = some(self.policies(value, name, Kind::Identity)?);
            }
            "SessionPolicyInputList" => policies.session = some(self.policies(value, name, Kind::Identity)?),
            "EndpointPolicyInputList" => policies.endpoint = some(self.policies(value, name, Kind::Resource)?),
            "ServiceControlPolicies" => policies.service_control = self.levels(value, name, Kind::Identity)?,
            "ResourceControlPolicies" => policies.resource_control = self.levels(value, name, Kind::Resource)?,
            "ResourcePolicy" if is_empty(value) => {}
            "ResourcePolicy" => policies.resource = Some(self.policy(value, name, Kind::Resource)?),
            _ => plain(to, name, value).map_err(|fault| self.refused(&fault.within(name)))?,
        }
        Ok(())
    }

    fn levels(&self, value: Node<'a>, name: &str, kind: Kind) -> Result<Vec<Vec<Arc<Policy>>>, Failure> {
        let levels = value.elements().map_err(|fault| self.refused(&fault.within(name)))?.into_iter().enumerate();
        levels.map(|(index, level)| self.policies(level, &format!("{name}.{}", index + 1), kind)).collect()
    }

    /// The policies of a list, named as AWS names them: `PolicyInputList.1`.
    fn policies(&self, value: Node<'a>, name: &str, kind: Kind) -> Result<Vec<Arc<Policy>>, Failure> {
        let policies = value.elements().map_err(|fault| self.refused(&fault.within(name)))?.into_iter().enumerate();
        policies.map(|(index, policy)| self.policy(policy, &format!("{name}.{}", index + 1), kind)).collect()
    }

    fn policy(&self, value: Node<'a>, id: &str, kind: Kind) -> Result<Arc<Policy>, Failure> {
        let is_text = value.is_text();
        let mut findings = self.findings.borrow_mut();
        let policy = if is_text {
            let text = value.text().map_err(|fault| self.refused(&fault))?;
            policy(id, &text, Position::START, kind, &mut findings)
        } else {
            policy(id, value.raw, self.begin.advanced(self.text, offset(value.raw, self.text)), kind, &mut findings)
        };
        policy.map(Arc::new).map_err(|error| {
            let Position { line, column } = error.position;
            if is_text {
                let place = format!("at line {line} column {column} of its text");
                invalid(id, &PolicyError { why: format!("{} {place}", error.why), ..error })
            } else {
                invalid(id, &error).at(line, column)
            }
        })
    }

    fn refused(&self, fault: &Fault) -> Failure {
        let Position { line, column } = self.begin.advanced(self.text, fault.offset.unwrap_or_default());
        let pointer = fault.pointer();
        let why = if pointer.is_empty() { fault.why.clone() } else { format!("{pointer}: {}", fault.why) };
        Failure::new(&codes::SIMULATION, "cannot read a request")
            .because(why)
            .at(line, column)
            .hint("aws iam simulate-custom-policy --generate-cli-skeleton shows what a request has")
    }
}

/// Reads a policy, and what it says in vain.
pub(super) fn policy(
    id: &str,
    text: &str,
    begin: Position,
    kind: Kind,
    findings: &mut Vec<(String, Finding)>,
) -> Result<Policy, PolicyError> {
    let policy = Policy::parse(id, text, begin, kind)?;
    findings.extend(lint(text, begin).into_iter().map(|finding| (id.to_owned(), finding)));
    Ok(policy)
}

/// That a policy is not valid, without its place.
pub(super) fn invalid(id: &str, error: &PolicyError) -> Failure {
    let pointer = if error.pointer.is_empty() { String::new() } else { format!("{}: ", error.pointer) };
    Failure::new(&codes::POLICY, format!("cannot read policy {id}")).because(format!("{pointer}{}", error.why))
}

/// A member that holds no policies.
fn plain(to: &mut Simulation, name: &str, value: Node<'_>) -> Result<(), Fault> {
    match name {
        "ActionNames" => to.actions = list(value, |value| read(value, action))?,
        "ResourceArns" => to.resources = list(value, |value| read(value, resource))?,
        "ContextEntries" => {
            for (key, values) in list(value, context_entry)? {
                to.context.set(&key, values);
            }
        }
        // The skeleton that the AWS CLI prints has empty texts for what is not said.
        "CallerArn" | "ResourceOwner" | "ResourceHandlingOption" | "Marker" if is_empty(value) => {}
        "CallerArn" => to.caller = Some(read(value, caller)?),
        "ResourceOwner" => {
            let text = value.text()?;
            let account = if is_account(&text) {
                Some(text)
            } else {
                Caller::parse(&text).map(|owner| owner.account().to_owned())
            };
            let why = "the owner is an account, or an ARN such as arn:aws:iam::111122223333:root";
            to.owner = Some(account.ok_or_else(|| value.fault(why))?);
        }
        "ResourceHandlingOption" => {
            let text = value.text()?;
            if !HANDLING.contains(&text.as_str()) {
                return Err(value.fault(format!("this is one of {}", HANDLING.join(", "))));
            }
        }
        // Answers are whole.
        "MaxItems" | "Marker" => {}
        _ => return Err(value.fault("the request of simulate-custom-policy has no such member")),
    }
    Ok(())
}

/// A list without elements says nothing about its layer.
fn some(policies: Vec<Arc<Policy>>) -> Option<Vec<Arc<Policy>>> {
    (!policies.is_empty()).then_some(policies)
}

fn is_empty(value: Node<'_>) -> bool {
    value.raw == "\"\""
}

fn list<'a, T>(value: Node<'a>, read: impl FnMut(Node<'a>) -> Result<T, Fault>) -> Result<Vec<T>, Fault> {
    if value.is_list() { value.each(read) } else { value.elements().map(|_| Vec::new()) }
}

/// Reads an action that is asked about.
///
/// # Errors
/// What is wrong with it.
pub(super) fn action(text: &str) -> Result<String, String> {
    let is_action = text.split_once(':').is_some_and(|(service, name)| !service.is_empty() && !name.is_empty());
    if !is_action || text.contains(['*', '?']) {
        return Err(format!("an action is asked as service:Name without wildcards, not `{text}`"));
    }
    Ok(text.to_owned())
}

/// Reads a resource that is asked about.
///
/// # Errors
/// What is wrong with it.
pub(super) fn resource(text: &str) -> Result<String, String> {
    if text != "*" && text.splitn(6, ':').count() < 6 || text.is_empty() {
        return Err(format!("a resource is `*` or an ARN of six fields, not `{text}`"));
    }
    Ok(text.to_owned())
}

/// Reads who asks.
///
/// # Errors
/// What is wrong with it.
pub(super) fn caller(text: &str) -> Result<Caller, String> {
    let why = "the caller is named by the ARN of a user, a role, a session or an account's root user";
    Caller::parse(text).ok_or_else(|| why.to_owned())
}

/// Reads a text with one of the above.
fn read<T>(value: Node<'_>, read: fn(&str) -> Result<T, String>) -> Result<T, Fault> {
    read(&value.text()?).map_err(|why| value.fault(why))
}

fn context_entry(entry: Node<'_>) -> Result<(String, Vec<String>), Fault> {
    let (mut key, mut values, mut is_list) = (None, Vec::new(), true);
    for (name, value) in entry.members()? {
        let read = match name.as_str() {
            "ContextKeyName" => value.text().map(|name| key = Some(name)),
            "ContextKeyValues" => list(value, Node::scalar).map(|read| values = read),
            "ContextKeyType" => value.text().and_then(|name| {
                is_list = name.ends_with("List");
                let known = TYPES.contains(&name.trim_end_matches("List"));
                known.then_some(()).ok_or_else(|| {
                    value.fault(format!("this is one of {}, or their lists such as stringList", TYPES.join(", ")))
                })
            }),
            _ => Err(value.fault("an entry has ContextKeyName, ContextKeyValues and ContextKeyType")),
        };
        read.map_err(|fault| fault.within(&name))?;
    }
    if !is_list && values.len() > 1 {
        return Err(entry.fault("a key of this type has one value; its list type has several"));
    }
    let key = key.ok_or_else(|| entry.fault("an entry has the member `ContextKeyName`"))?;
    Ok((key, values))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn error(json: &str) -> String {
        Simulation::read(json.as_bytes(), (1, 1)).unwrap_err().to_string()
    }

    #[test]
    fn what_is_wrong_is_told_with_pointer_and_line() {
        let cases = [
            (
                "{\"ActionNames\": [\"a:B\"],\n \"PolicyInputList\": [{\"Statement\":\n {\"Effect\": \"No\"}}]}",
                "cannot read policy PolicyInputList.1: /Statement/Effect: `Effect` is Allow or Deny, not `No` at line 3 column 13",
            ),
            (
                r#"{"ActionNames": ["a:B"], "PolicyInputList": ["{\n}"]}"#,
                "cannot read policy PolicyInputList.1: a policy has the element `Statement` at line 1 column 1 of its text",
            ),
            (
                "{\"ActionNames\":\n[\"a:*\"]}",
                "cannot read a request: /ActionNames/0: an action is asked as service:Name without wildcards, not `a:*` at line 2 column 2",
            ),
            (
                r#"{"ActionNames": ["a:B"], "ContextEntries": [{"ContextKeyName": "k", "ContextKeyType": "text"}]}"#,
                "cannot read a request: /ContextEntries/0/ContextKeyType: this is one of string, numeric, boolean, ip, binary, date, or their lists such as stringList at line 1 column 87",
            ),
            (r#"{"PolicyInputList": []}"#, "cannot read a request: `ActionNames` names no action at line 1 column 1"),
        ];
        for (json, expected) in cases {
            assert_eq!(error(json), expected);
        }
    }

    #[test]
    fn the_skeleton_of_the_aws_cli_leaves_out_what_is_empty() {
        let json = r#"{"PolicyInputList": [], "PermissionsBoundaryPolicyInputList": [], "ActionNames": ["a:B"], "ResourceArns": [],
            "ResourcePolicy": "", "ResourceOwner": "", "CallerArn": "", "ContextEntries": [], "ResourceHandlingOption": "",
            "MaxItems": 0, "Marker": ""}"#;
        let simulation = Simulation::read(json.as_bytes(), (1, 1)).unwrap();
        assert!(simulation.authorization.boundary.is_none() && simulation.caller.is_none());
        assert_eq!(simulation.resources, ["*"]);
    }

    #[test]
    fn the_owner_of_a_resource_stands_in_its_arn_or_beside_it() {
        let json = r#"{"ActionNames": ["a:B"], "ResourceOwner": "arn:aws:iam::444455556666:root", "CallerArn": "arn:aws:iam::111122223333:user/bob"}"#;
        let simulation = Simulation::read(json.as_bytes(), (1, 1)).unwrap();
        let owner = |resource: &str| simulation.context(resource).values("aws:resourceaccount").map(<[String]>::to_vec);
        assert_eq!(owner("arn:aws:s3:::bucket"), Some(vec!["444455556666".to_owned()]));
        assert_eq!(owner("arn:aws:sqs:eu-west-1:111122223333:q"), Some(vec!["111122223333".to_owned()]));
    }
}
