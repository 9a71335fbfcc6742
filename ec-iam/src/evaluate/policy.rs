//! A policy, read once into the form that decides fast.
//!
//! Source: `reference_policies_grammar.html` and `reference_policies_elements.html` in the IAM User Guide,
//! <https://docs.aws.amazon.com/IAM/latest/UserGuide/>.

use super::caller::{Grant, Principal};
use super::condition::Condition;
use super::json::{Fault, Node, Position, offset};
use super::pattern::{Pattern, Wildcards};

/// What a policy is attached to: AWS asks for a `Principal` element in some and refuses it in the others.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// A principal, or what limits principals: identity-based and session policies, permissions boundaries and SCPs.
    Identity,
    /// A resource, a VPC endpoint, or what limits resources: RCPs.
    Resource,
}

/// A policy.
#[derive(Clone, Debug)]
pub struct Policy {
    id: Box<str>,
    statements: Box<[Statement]>,
}

/// What is wrong with a policy.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PolicyError {
    /// JSON pointer of the value that is wrong; empty for the policy as a whole.
    pub pointer: String,
    /// Where the value begins.
    pub position: Position,
    /// What is wrong with it.
    pub why: String,
}

/// A statement of a policy.
#[derive(Clone, Debug)]
pub struct Statement {
    /// Its index in the policy, from 0.
    pub index: usize,
    /// Its `Sid`.
    pub sid: Option<Box<str>>,
    /// Where its opening bracket stands.
    pub start: Position,
    /// Where its closing bracket stands.
    pub end: Position,
    /// Whether it denies.
    pub denies: bool,
    pub(crate) principals: Option<Listed<Principal>>,
    pub(crate) actions: Listed<Pattern>,
    /// `None` if the statement names none: it then is about the resource that the policy is attached to.
    pub(crate) resources: Option<Listed<Pattern>>,
    pub(crate) conditions: Box<[Condition]>,
}

/// The values of an element, or of its `Not` form, which means everything else.
#[derive(Clone, Debug)]
pub(crate) struct Listed<T> {
    pub(crate) negated: bool,
    pub(crate) values: Box<[T]>,
}

impl<T> Listed<T> {
    /// Whether the element means what `is` recognises.
    pub(crate) fn means(&self, is: impl FnMut(&T) -> bool) -> bool {
        self.values.iter().any(is) != self.negated
    }
}

impl Listed<Principal> {
    /// How the element reaches a caller. `NotPrincipal` reaches everybody else and, as AWS documents in
    /// `access_policies_boundaries.html`, everybody who has a permissions boundary.
    pub(crate) fn grant(&self, is_bounded: bool, of: impl FnMut(&Principal) -> Grant) -> Grant {
        let best = self.values.iter().map(of).max().unwrap_or_default();
        match (self.negated, best) {
            (false, best) => best,
            (true, Grant::None) => Grant::Direct,
            (true, _) if is_bounded => Grant::Direct,
            (true, _) => Grant::None,
        }
    }
}

impl Policy {
    /// Reads a policy. `id`: what the answer calls it; `begin`: where the text stands in what the user gave.
    ///
    /// # Errors
    /// The first thing that is wrong, with its place.
    pub fn parse(id: impl Into<Box<str>>, text: &str, begin: Position, kind: Kind) -> Result<Self, PolicyError> {
        let reader = Reader { text, begin, kind };
        let statements = reader.policy().map_err(|fault| PolicyError {
            pointer: fault.pointer(),
            position: begin.advanced(text, fault.offset.unwrap_or_default()),
            why: fault.why,
        })?;
        Ok(Self { id: id.into(), statements: statements.into() })
    }

    /// What the answer calls the policy.
    pub fn id(&self) -> &str {
        &self.id
    }

    /// The statements in order.
    pub fn statements(&self) -> &[Statement] {
        &self.statements
    }
}

struct Reader<'a> {
    text: &'a str,
    begin: Position,
    kind: Kind,
}

impl<'a> Reader<'a> {
    fn policy(&self) -> Result<Vec<Statement>, Fault> {
        let policy = Node::of(self.text)?;
        let mut variables = false;
        let mut statements = None;
        for (name, value) in policy.members()? {
            let read = match name.as_str() {
                "Version" => version(value).map(|known| variables = known),
                "Id" => value.text().map(|_| ()),
                "Statement" => {
                    statements = Some(value);
                    Ok(())
                }
                _ => Err(value.fault(unknown(&name, &["Version", "Id", "Statement"]))),
            };
            read.map_err(|fault| fault.within(&name))?;
        }
        let statements = statements.ok_or_else(|| policy.fault("a policy has the element `Statement`"))?;
        let mut index = 0;
        let read = statements.each(|statement| {
            index += 1;
            self.statement(statement, index - 1, variables)
        });
        read.map_err(|fault| fault.within("Statement"))
    }

    fn statement(&self, node: Node<'a>, index: usize, variables: bool) -> Result<Statement, Fault> {
        let (mut sid, mut denies, mut principals, mut actions, mut resources) = (None, None, None, None, None);
        let mut conditions = Vec::new();
        for (name, value) in node.members()? {
            let negated = name.starts_with("Not");
            let read = match name.as_str() {
                "Sid" => value.text().map(|text| sid = Some(text.into())),
                "Effect" => effect(value).map(|read| denies = Some(read)),
                "Action" | "NotAction" if actions.is_some() => {
                    Err(value.fault("one of Action and NotAction is enough"))
                }
                "Action" | "NotAction" => {
                    value.each(action).map(|values| actions = Some(Listed { negated, values: values.into() }))
                }
                "Resource" | "NotResource" if resources.is_some() => {
                    Err(value.fault("one of Resource and NotResource is enough"))
                }
                "Resource" | "NotResource" => value
                    .each(|value| resource(value, variables))
                    .map(|values| resources = Some(Listed { negated, values: values.into() })),
                "Principal" | "NotPrincipal" if self.kind == Kind::Identity => {
                    Err(value.fault("a policy of this type has no principal: it is attached to one"))
                }
                "Principal" | "NotPrincipal" if principals.is_some() => {
                    Err(value.fault("one of Principal and NotPrincipal is enough"))
                }
                "Principal" | "NotPrincipal" => {
                    principal(value).map(|values| principals = Some(Listed { negated, values: values.into() }))
                }
                "Condition" => read_conditions(value, variables).map(|read| conditions = read),
                _ => Err(value.fault(unknown(
                    &name,
                    &[
                        "Sid",
                        "Effect",
                        "Principal",
                        "Action",
                        "Resource",
                        "Condition",
                        "NotPrincipal",
                        "NotAction",
                        "NotResource",
                    ],
                ))),
            };
            read.map_err(|fault| fault.within(&name))?;
        }
        if self.kind == Kind::Resource && principals.is_none() {
            return Err(node.fault("a statement of a policy of this type has the element `Principal`"));
        }
        if denies == Some(false) && principals.as_ref().is_some_and(|listed| listed.negated) {
            return Err(node.fault("`NotPrincipal` goes with the effect Deny"));
        }
        if self.kind == Kind::Identity && resources.is_none() {
            return Err(node.fault("a statement has the element `Resource` or `NotResource`"));
        }
        let start = offset(node.raw, self.text);
        Ok(Statement {
            index,
            sid,
            start: self.begin.advanced(self.text, start),
            end: self.begin.advanced(self.text, start + node.raw.len() - 1),
            denies: denies.ok_or_else(|| node.fault("a statement has the element `Effect`"))?,
            principals,
            actions: actions.ok_or_else(|| node.fault("a statement has the element `Action` or `NotAction`"))?,
            resources,
            conditions: conditions.into(),
        })
    }
}

/// Whether the version knows variables. Without the element, the old one is meant, which does not.
fn version(value: Node<'_>) -> Result<bool, Fault> {
    match value.text()?.as_str() {
        "2012-10-17" => Ok(true),
        "2008-10-17" => Ok(false),
        other => Err(value.fault(format!("there is no version `{other}`; the present one is 2012-10-17"))),
    }
}

/// Whether the effect denies.
fn effect(value: Node<'_>) -> Result<bool, Fault> {
    match value.text()?.as_str() {
        "Allow" => Ok(false),
        "Deny" => Ok(true),
        other => Err(value.fault(format!("`Effect` is Allow or Deny, not `{other}`"))),
    }
}

/// An element of another name, and the one that was probably meant.
fn unknown(name: &str, known: &[&str]) -> String {
    let singular = name.strip_suffix('s').unwrap_or(name);
    let near = known.iter().find(|known| known.eq_ignore_ascii_case(name) || known.eq_ignore_ascii_case(singular));
    near.map_or_else(
        || format!("there is no element `{name}`"),
        |near| format!("there is no element `{name}`; `{near}` is one"),
    )
}

fn action(value: Node<'_>) -> Result<Pattern, Fault> {
    let text = value.text()?.to_ascii_lowercase();
    let is_action =
        text == "*" || text.split_once(':').is_some_and(|(service, name)| !service.is_empty() && !name.is_empty());
    if !is_action {
        return Err(value.fault(format!("an action is written service:Name, not `{text}`")));
    }
    Ok(Pattern::new(&text, Wildcards::Free, false))
}

fn resource(value: Node<'_>, variables: bool) -> Result<Pattern, Fault> {
    let text = value.text()?;
    if !(text.starts_with("arn:") || text.starts_with('*') || variables && text.starts_with("${")) {
        return Err(value.fault(format!("a resource is `*` or an ARN, not `{text}`")));
    }
    Ok(Pattern::new(&text, Wildcards::Resource, variables))
}

fn principal(value: Node<'_>) -> Result<Vec<Principal>, Fault> {
    if value.is_text() {
        return match value.text()?.as_str() {
            "*" => Ok(vec![Principal::Anyone]),
            other => Err(value.fault(format!("a principal is `*` or an object such as {{\"AWS\": \"{other}\"}}"))),
        };
    }
    let mut principals = Vec::new();
    for (kind, value) in value.members()? {
        let read = match kind.as_str() {
            "AWS" => value.each(|value| {
                let text = value.text()?;
                Principal::parse(&text).map_err(|why| value.fault(why))
            }),
            "Service" | "Federated" | "CanonicalUser" => value.each(|value| value.text().map(|_| Principal::Other)),
            other => Err(value.fault(unknown(other, &["AWS", "Service", "Federated", "CanonicalUser"]))),
        };
        principals.extend(read.map_err(|fault| fault.within(&kind))?);
    }
    Ok(principals)
}

fn read_conditions(value: Node<'_>, variables: bool) -> Result<Vec<Condition>, Fault> {
    let mut conditions = Vec::new();
    for (operator, keys) in value.members()? {
        for (key, value) in keys.members().map_err(|fault| fault.within(&operator))? {
            let read = value.each(Node::scalar).and_then(|expected| {
                Condition::new(&operator, &key, expected, variables).map_err(|(index, why)| {
                    let fault = value.fault(why);
                    if let (Some(index), true) = (index, value.is_list()) { fault.within(index) } else { fault }
                })
            });
            conditions.push(read.map_err(|fault| fault.within(&key).within(&operator))?);
        }
    }
    Ok(conditions)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn error(text: &str, kind: Kind) -> (String, usize, usize, String) {
        let PolicyError { pointer, position, why } = Policy::parse("p", text, Position::START, kind).unwrap_err();
        (pointer, position.line, position.column, why)
    }

    #[test]
    fn an_error_names_the_value_its_line_and_what_is_due() {
        let allow = |rest: &str| {
            format!("{{\"Version\": \"2012-10-17\",\n \"Statement\": [{{\"Effect\": \"Allow\",\n  {rest}}}]}}")
        };
        let cases = [
            (allow(r#""Action": "x:Y", "Resource": "*", "Actoin": 1"#), "/Statement/0/Actoin", 3),
            (allow(r#""Action": ["x:Y", "Get"], "Resource": "*""#), "/Statement/0/Action/1", 3),
            (allow(r#""Action": "x:Y", "Resource": "bucket""#), "/Statement/0/Resource", 3),
            (allow(r#""Action": "x:Y""#), "/Statement/0", 2),
            (allow(r#""Resource": "*""#), "/Statement/0", 2),
            (allow(r#""Action": "x:Y", "Resource": "*", "Principal": "*""#), "/Statement/0/Principal", 3),
            (allow(r#""Action": "x:Y", "NotAction": "x:Z", "Resource": "*""#), "/Statement/0/NotAction", 3),
            (
                allow(r#""Action": "x:Y", "Resource": "*", "Condition": {"Bool": {"a/b": ["true", "x"]}}"#),
                "/Statement/0/Condition/Bool/a~1b/1",
                3,
            ),
            (
                allow(r#""Action": "x:Y", "Resource": "*", "Condition": {"Equals": {"a": "x"}}"#),
                "/Statement/0/Condition/Equals/a",
                3,
            ),
            ("{\"Statement\": [],\n\"Version\": \"2012\"}".to_owned(), "/Version", 2),
            ("{\"Statement\": [],\n\"Statement\": []}".to_owned(), "/Statement", 2),
            ("{}".to_owned(), "", 1),
            ("[]".to_owned(), "", 1),
            ("{\"Statement\":\n\n oops}".to_owned(), "", 3),
            ("{\"Statement\": {\"Effect\": \"allow\"}}".to_owned(), "/Statement/Effect", 1),
        ];
        for (text, pointer, line) in cases {
            let (found, at, _, why) = error(&text, Kind::Identity);
            assert_eq!((found.as_str(), at), (pointer, line), "{text}: {why}");
        }
    }

    #[test]
    fn a_resource_based_policy_has_principals_that_can_exist() {
        let policy = |principal: &str| format!(r#"{{"Statement": {{"Effect": "Allow", "Action": "x:Y"{principal}}}}}"#);
        assert!(Policy::parse("p", &policy(r#", "Principal": "*""#), Position::START, Kind::Resource).is_ok());
        assert_eq!(error(&policy(""), Kind::Resource).0, "/Statement");
        assert_eq!(error(&policy(r#", "NotPrincipal": "*""#), Kind::Resource).0, "/Statement");
        let named = policy(r#", "Principal": {"AWS": ["*", "bob"]}"#);
        assert_eq!(error(&named, Kind::Resource).0, "/Statement/Principal/AWS/1");
        assert_eq!(error(&policy(r#", "Principal": "bob""#), Kind::Resource).0, "/Statement/Principal");
    }

    #[test]
    fn statements_know_where_they_stand() {
        let text =
            "{\"Statement\": [\n  {\"Sid\": \"One\", \"Effect\": \"Deny\", \"Action\": \"*\",\n \"Resource\": \"*\"}]}";
        let policy = Policy::parse("p", text, Position { line: 5, column: 9 }, Kind::Identity).unwrap();
        let statement = &policy.statements()[0];
        assert_eq!(
            (statement.start, statement.end),
            (Position { line: 6, column: 3 }, Position { line: 7, column: 17 })
        );
        assert_eq!((statement.sid.as_deref(), statement.denies), (Some("One"), true));
    }

    #[test]
    fn a_misspelt_element_is_told_with_the_right_one() {
        let (.., why) = error(r#"{"Statements": []}"#, Kind::Identity);
        assert_eq!(why, "there is no element `Statements`; `Statement` is one");
    }
}
