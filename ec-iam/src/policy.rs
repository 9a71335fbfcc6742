//! Policy documents: the one that allows to connect, and whether two say the same.

use std::collections::{BTreeMap, BTreeSet};

use ec_shared::token;
use serde_json::{Map, Value, json};

use crate::arn::CacheArn;

/// How the names of all inline policies of ec-iam begin.
pub const NAME_PREFIX: &str = "ec-iam-";
/// How the names of those begin that allow to connect.
pub const CONNECT_PREFIX: &str = "ec-iam-connect-";
/// The name of the one that allows to set caches up.
pub const SETUP_NAME: &str = "ec-iam-setup";

/// The policy that allows its bearer to log in to one cache as one user, and nothing else. AWS checks
/// `elasticache:Connect` on both resources.
pub fn connect(cache: &CacheArn, user: &str) -> Value {
    let resources = [cache.to_string(), cache.user(user)];
    document([
        json!({"Sid": "ConnectToCache", "Effect": "Allow", "Action": "elasticache:Connect", "Resource": resources}),
    ])
}

/// The cache and the user of a policy that [`connect`] makes; `None` for any other.
pub fn read_connect(policy: &Value) -> Option<(CacheArn, String)> {
    let resources = policy["Statement"][0]["Resource"].as_array()?;
    let cache = CacheArn::parse(resources.first()?.as_str()?).ok()?;
    let user = token::user_id(resources.get(1)?.as_str()?.rsplit_once(':')?.1).ok()?;
    is_same(policy, &connect(&cache, &user)).then_some((cache, user))
}

/// A policy document of some statements.
pub fn document(statements: impl IntoIterator<Item = Value>) -> Value {
    json!({"Version": "2012-10-17", "Statement": statements.into_iter().collect::<Vec<_>>()})
}

/// The name of the inline policy for one cache and one user: the same on every run, and another for every other pair,
/// so that no grant replaces another. It stays within IAM's 128 characters: 15 + 14 (Region) + 18 + 40 + 1 + 40.
pub fn name(cache: &CacheArn, user: &str) -> String {
    format!("{CONNECT_PREFIX}{}-{user}", cache.label())
}

/// A policy document as IAM returns it: percent-encoded JSON. Some emulators return it plain. A text that is no JSON
/// stays a text, which equals no policy.
pub fn decode(text: &str) -> Value {
    let plain = if text.trim_start().starts_with('{') { text.to_owned() } else { percent_decoded(text) };
    serde_json::from_str(&plain).unwrap_or(Value::String(plain))
}

/// Whether two policies allow and deny the same: the order of statements, actions and resources, the case of actions,
/// a list of one against its element, and the `Sid` make no difference.
pub fn is_same(one: &Value, other: &Value) -> bool {
    match (normal(one), normal(other)) {
        (Some(one), Some(other)) => one == other,
        _ => one == other,
    }
}

/// Statements as a set of (element, values) pairs; `None` for what is no policy.
type Normal = (Option<String>, BTreeSet<BTreeMap<String, BTreeSet<String>>>);

fn normal(policy: &Value) -> Option<Normal> {
    let policy = policy.as_object()?;
    let version = policy.get("Version").and_then(Value::as_str).map(str::to_owned);
    let statements = match policy.get("Statement")? {
        Value::Array(statements) => statements.iter().map(statement).collect::<Option<_>>()?,
        one => BTreeSet::from([statement(one)?]),
    };
    Some((version, statements))
}

fn statement(statement: &Value) -> Option<BTreeMap<String, BTreeSet<String>>> {
    let elements = statement.as_object()?.iter().filter(|(element, _)| *element != "Sid");
    Some(elements.map(|(element, value)| (element.clone(), values(element, value))).collect())
}

fn values(element: &str, value: &Value) -> BTreeSet<String> {
    let one = |value: &Value| match value {
        Value::String(text) if element.ends_with("Action") => text.to_ascii_lowercase(),
        Value::String(text) => text.clone(),
        other => sorted(other).to_string(),
    };
    match value {
        Value::Array(values) => values.iter().map(one).collect(),
        other => BTreeSet::from([one(other)]),
    }
}

/// The value with the keys of its objects in order.
fn sorted(value: &Value) -> Value {
    match value {
        Value::Object(object) => {
            let members: BTreeMap<&String, Value> = object.iter().map(|(key, value)| (key, sorted(value))).collect();
            Value::Object(members.into_iter().map(|(key, value)| (key.clone(), value)).collect::<Map<_, _>>())
        }
        Value::Array(values) => Value::Array(values.iter().map(sorted).collect()),
        other => other.clone(),
    }
}

fn percent_decoded(text: &str) -> String {
    let bytes = text.as_bytes();
    let mut out = Vec::with_capacity(bytes.len());
    let mut at = 0;
    while at < bytes.len() {
        let escaped = (bytes[at] == b'%').then(|| text.get(at + 1..at + 3)).flatten();
        if let Some(byte) = escaped.and_then(|hex| u8::from_str_radix(hex, 16).ok()) {
            out.push(byte);
            at += 3;
        } else {
            out.push(bytes[at]);
            at += 1;
        }
    }
    String::from_utf8_lossy(&out).into_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn orders() -> CacheArn {
        CacheArn::parse("arn:aws-cn:elasticache:cn-north-1:123456789012:serverlesscache:orders").unwrap()
    }

    #[test]
    fn connect_names_exactly_the_cache_and_the_user() {
        assert_eq!(
            connect(&orders(), "app"),
            json!({"Version": "2012-10-17", "Statement": [{
                "Sid": "ConnectToCache",
                "Effect": "Allow",
                "Action": "elasticache:Connect",
                "Resource": [
                    "arn:aws-cn:elasticache:cn-north-1:123456789012:serverlesscache:orders",
                    "arn:aws-cn:elasticache:cn-north-1:123456789012:user:app",
                ],
            }]})
        );
    }

    #[test]
    fn cache_and_user_are_read_back_from_a_connect_policy_and_from_no_other() {
        let policy = connect(&orders(), "app");
        assert_eq!(read_connect(&policy), Some((orders(), "app".to_owned())));
        let mut wider = policy.clone();
        wider["Statement"][0]["Resource"][1] = json!(orders().user("*"));
        let mut more = policy;
        more["Statement"] = json!([more["Statement"][0], {"Effect": "Allow", "Action": "*", "Resource": "*"}]);
        for other in [wider, more, json!({}), json!([]), document([])] {
            assert_eq!(read_connect(&other), None, "{other}");
        }
    }

    #[test]
    fn the_longest_name_fits_into_iam() {
        let cache = format!("arn:aws:elasticache:ap-southeast-1:123456789012:replicationgroup:{}", "r".repeat(40));
        assert!(name(&CacheArn::parse(&cache).unwrap(), &"u".repeat(40)).len() <= 128);
    }

    #[test]
    fn writing_it_differently_makes_no_difference() {
        let ours = connect(&orders(), "app");
        let [cache, user] = [orders().to_string(), orders().user("app")];
        for same in [
            json!({"Statement": {"Action": ["elasticache:connect"], "Resource": [user, cache], "Effect": "Allow"}, "Version": "2012-10-17"}),
            json!({"Version": "2012-10-17", "Id": "x", "Statement": [{"Sid": "", "Effect": "Allow", "Action": "ELASTICACHE:Connect", "Resource": [cache, user, cache]}]}),
        ] {
            assert!(is_same(&ours, &same), "{same}");
        }
    }

    #[test]
    fn any_other_meaning_is_a_difference() {
        let ours = connect(&orders(), "app");
        let with = |element: &str, value: Value| {
            let mut changed = ours.clone();
            changed["Statement"][0][element] = value;
            changed
        };
        for other in [
            with("Resource", json!([orders().to_string()])),
            with("Resource", json!("*")),
            with("Effect", json!("Deny")),
            with("Action", json!(["elasticache:Connect", "elasticache:DescribeUsers"])),
            with("Condition", json!({"Bool": {"aws:SecureTransport": "true"}})),
            connect(&orders(), "web"),
            document([]),
            json!("text"),
            Value::Null,
        ] {
            assert!(!is_same(&ours, &other), "{other}");
        }
    }

    #[test]
    fn conditions_are_compared_whatever_the_order_of_their_keys() {
        let with = |condition: Value| {
            document([json!({"Effect": "Allow", "Action": "a:B", "Resource": "*", "Condition": condition})])
        };
        let one = with(json!({"StringLike": {"a": "1", "b": "2"}, "Bool": {"c": "true"}}));
        assert!(is_same(&one, &with(json!({"Bool": {"c": "true"}, "StringLike": {"b": "2", "a": "1"}}))));
        assert!(!is_same(&one, &with(json!({"StringLike": {"a": "1", "b": "3"}, "Bool": {"c": "true"}}))));
    }

    #[test]
    fn iams_encoding_is_read_and_so_is_plain_json() {
        let policy = connect(&orders(), "app");
        let plain = policy.to_string();
        let encoded = plain.bytes().map(|byte| format!("%{byte:02X}")).collect::<Vec<_>>().concat();
        assert_eq!(decode(&encoded), policy);
        assert_eq!(decode(&plain), policy);
        assert_eq!(decode("%7Bbroken"), json!("{broken"));
        assert_eq!(decode("100%"), json!("100%"));
    }
}
