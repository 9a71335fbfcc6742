//! A second reading of policies, for the tests: straight from the JSON, one rule after another, with no thought of
//! speed. It shares no code with the evaluator. It knows the operators that compare texts, numbers and truth values,
//! and `Null`.

use std::collections::BTreeMap;

use serde_json::Value;

use super::Decision;

/// What is asked.
#[derive(Clone, Debug)]
pub(super) struct Question {
    pub(super) action: String,
    pub(super) resource: String,
    pub(super) caller: String,
    pub(super) owner: String,
    pub(super) context: BTreeMap<String, Vec<String>>,
}

/// The policies that apply.
#[derive(Clone, Debug, Default)]
pub(super) struct Policies {
    pub(super) identity: Vec<Value>,
    pub(super) boundary: Option<Value>,
    pub(super) session: Option<Value>,
    pub(super) service_control: Vec<Vec<Value>>,
    pub(super) resource: Option<Value>,
}

/// Decides.
pub(super) fn decide(policies: &Policies, question: &Question) -> Decision {
    let one = |policy: &Option<Value>| policy.iter().cloned().collect::<Vec<_>>();
    let mut all = policies.identity.clone();
    all.extend(one(&policies.boundary));
    all.extend(one(&policies.session));
    all.extend(policies.service_control.iter().flatten().cloned());
    all.extend(one(&policies.resource));
    if says("Deny", &all, question, None) {
        return Decision::ExplicitDeny;
    }
    let allows = |policies: &[Value]| says("Allow", policies, question, None);
    let organization = policies.service_control.iter().all(|level| allows(level));
    let identity = allows(&policies.identity);
    let boundary = policies.boundary.is_none() || allows(&one(&policies.boundary));
    let session = policies.session.is_none() || allows(&one(&policies.session));
    let named = |reach: &[&str]| says("Allow", &one(&policies.resource), question, Some(reach));
    let account = question.caller.split(':').nth(4).unwrap();
    let allowed = organization
        && if account == question.owner {
            named(&["direct"]) || (named(&["role"]) || identity) && boundary && session
        } else {
            identity && boundary && session && named(&["direct", "role", "account"])
        };
    if allowed { Decision::Allowed } else { Decision::ImplicitDeny }
}

/// Whether a statement with this effect is about the question. `reach`: how it has to name the caller.
fn says(effect: &str, policies: &[Value], question: &Question, reach: Option<&[&str]>) -> bool {
    policies.iter().any(|policy| {
        let variables = policy["Version"] == "2012-10-17";
        list(&policy["Statement"]).iter().any(|statement| {
            statement["Effect"] == effect
                && is_about(statement, question, variables)
                && (reach.is_none()
                    || list(&statement["Principal"]["AWS"]).iter().any(|name| {
                        reach_of(name.as_str().unwrap(), &question.caller)
                            .is_some_and(|how| reach.unwrap().contains(&how))
                    }))
        })
    })
}

fn reach_of(principal: &str, caller: &str) -> Option<&'static str> {
    let account = caller.split(':').nth(4).unwrap();
    let role = caller.strip_prefix("arn:aws:sts::").map(|rest| {
        let name = rest.split('/').nth(1).unwrap();
        format!("arn:aws:iam::{account}:role/{name}")
    });
    if principal == "*" || principal == caller {
        Some("direct")
    } else if role.as_deref() == Some(principal) {
        Some("role")
    } else if principal == account || principal == format!("arn:aws:iam::{account}:root") {
        Some("account")
    } else {
        None
    }
}

fn is_about(statement: &Value, question: &Question, variables: bool) -> bool {
    let lower = |value: &Value| value.as_str().unwrap().to_lowercase();
    let action = |value: &Value| like(&lower(value), &question.action.to_lowercase());
    let resource = |value: &Value| {
        replaced(value.as_str().unwrap(), question, variables).is_some_and(|text| like(&text, &question.resource))
    };
    let element = |name: &str, is: &dyn Fn(&Value) -> bool| {
        let not = format!("Not{name}");
        match (statement.get(name), statement.get(&not)) {
            (Some(values), _) => list(values).iter().any(is),
            (None, Some(values)) => !list(values).iter().any(is),
            (None, None) => true,
        }
    };
    let principal = |value: &Value| {
        list(&value["AWS"]).iter().any(|name| reach_of(name.as_str().unwrap(), &question.caller).is_some())
    };
    let principals = statement.get("Principal").is_none_or(principal);
    let conditions = statement.get("Condition").and_then(Value::as_object);
    element("Action", &action)
        && element("Resource", &resource)
        && principals
        && conditions.into_iter().flatten().all(|(operator, keys)| {
            keys.as_object()
                .unwrap()
                .iter()
                .all(|(key, values)| holds(operator, key, &list(values), question, variables))
        })
}

fn holds(operator: &str, key: &str, due: &[Value], question: &Question, variables: bool) -> bool {
    let found = question.context.iter().find(|(name, _)| name.eq_ignore_ascii_case(key));
    let values: &[String] = found.map_or(&[], |(_, values)| values);
    if operator == "Null" {
        return due.iter().any(|due| due.as_str().unwrap() == if values.is_empty() { "true" } else { "false" });
    }
    let (set, operator) = operator.split_once(':').unwrap_or(("", operator));
    let (operator, if_exists) = operator.strip_suffix("IfExists").map_or((operator, false), |rest| (rest, true));
    let is_negated = operator.contains("Not");
    if values.is_empty() {
        return if_exists || set == "ForAllValues" || (set.is_empty() && is_negated);
    }
    let equals = |value: &String| {
        due.iter().any(|due| {
            let Some(due) = replaced(due.as_str().unwrap(), question, variables) else { return false };
            let plain: String = due.iter().map(|(character, _)| *character).collect();
            match operator {
                "StringEquals" | "StringNotEquals" => plain == *value,
                "StringEqualsIgnoreCase" => plain.to_lowercase() == value.to_lowercase(),
                "StringLike" | "StringNotLike" => like_marked(&due, value),
                "Bool" => plain.eq_ignore_ascii_case(value),
                "NumericEquals" | "NumericNotEquals" => {
                    number(value).is_some_and(|value| Some(value) == number(&plain))
                }
                "NumericLessThan" => number(value).is_some_and(|value| value < number(&plain).unwrap()),
                other => panic!("{other}"),
            }
        })
    };
    match (set, is_negated) {
        ("ForAllValues", false) => values.iter().all(equals),
        ("ForAllValues", true) => !values.iter().any(equals),
        ("ForAnyValue", false) => values.iter().any(equals),
        ("ForAnyValue", true) => !values.iter().all(equals),
        (_, negated) => values.iter().any(equals) != negated,
    }
}

fn number(text: &str) -> Option<i64> {
    text.parse().ok()
}

fn list(value: &Value) -> Vec<Value> {
    match value {
        Value::Array(values) => values.clone(),
        Value::Null => Vec::new(),
        one => vec![one.clone()],
    }
}

/// Characters, and whether each may be a wildcard.
type Marked = Vec<(char, bool)>;

/// The text with `${key}` replaced; `None` if the key has not exactly one value.
fn replaced(text: &str, question: &Question, variables: bool) -> Option<Marked> {
    let mut marked = Marked::new();
    let mut rest = text;
    while let Some((before, (name, after))) = variables
        .then(|| rest.split_once("${"))
        .flatten()
        .and_then(|(before, tail)| Some((before, tail.split_once('}')?)))
    {
        marked.extend(before.chars().map(|character| (character, true)));
        let value = question.context.iter().find(|(key, _)| key.eq_ignore_ascii_case(name));
        let [value] = value?.1.as_slice() else { return None };
        marked.extend(value.chars().map(|character| (character, false)));
        rest = after;
    }
    marked.extend(rest.chars().map(|character| (character, true)));
    Some(marked)
}

trait Pattern {
    fn marked(&self) -> Marked;
}

impl Pattern for String {
    fn marked(&self) -> Marked {
        self.chars().map(|character| (character, true)).collect()
    }
}

impl Pattern for Marked {
    fn marked(&self) -> Marked {
        self.clone()
    }
}

fn like(pattern: &impl Pattern, text: &str) -> bool {
    like_marked(&pattern.marked(), text)
}

fn like_marked(pattern: &[(char, bool)], text: &str) -> bool {
    let mut characters = text.chars();
    match pattern {
        [] => text.is_empty(),
        [('*', true), rest @ ..] => {
            like_marked(rest, text) || characters.next().is_some() && like_marked(pattern, characters.as_str())
        }
        [('?', true), rest @ ..] => characters.next().is_some() && like_marked(rest, characters.as_str()),
        [(expected, _), rest @ ..] => characters.next() == Some(*expected) && like_marked(rest, characters.as_str()),
    }
}
