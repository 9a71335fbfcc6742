//! What a valid policy says about `ElastiCache` in vain: actions, condition keys and resources that there are not.
//!
//! IAM accepts such names, and they match nothing: an allow that allows nothing, or a deny that denies nothing.

mod table;

use crate::evaluate::{Context, Fault, Node, Pattern, Position, Wildcards};
use table::{ACTIONS, CONDITION_KEYS, RESOURCE_TYPES};

const SERVICE: &str = "elasticache";

/// A value of a policy that matches nothing.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Finding {
    /// JSON pointer of the value in its policy.
    pub pointer: String,
    /// Where the value begins.
    pub position: Position,
    /// What is wrong with it, and what was probably meant.
    pub why: String,
}

/// Looks through the text of a policy that [`Policy`](crate::evaluate::Policy) reads; `begin`: where the text stands in
/// what the user gave.
pub fn lint(text: &str, begin: Position) -> Vec<Finding> {
    let mut faults = Vec::new();
    // What is no policy has been refused before.
    let _ = policy(text, &mut faults);
    let finding = |fault: Fault| Finding {
        pointer: fault.pointer(),
        position: begin.advanced(text, fault.offset.unwrap_or_default()),
        why: fault.why,
    };
    faults.into_iter().map(finding).collect()
}

fn policy(text: &str, faults: &mut Vec<Fault>) -> Result<(), Fault> {
    for (name, statements) in Node::of(text)?.members()? {
        if name == "Statement" {
            let mut found = Vec::new();
            each(statements, &mut found, statement)?;
            faults.extend(found.into_iter().map(|fault| fault.within("Statement")));
        }
    }
    Ok(())
}

fn statement(node: Node<'_>, faults: &mut Vec<Fault>) -> Result<(), Fault> {
    for (name, value) in node.members()? {
        let mut found = Vec::new();
        match name.as_str() {
            "Action" | "NotAction" => each(value, &mut found, |value, found| told(value, found, action))?,
            "Resource" | "NotResource" => each(value, &mut found, |value, found| told(value, found, resource))?,
            "Condition" => {
                for (operator, keys) in value.members()? {
                    for (key, values) in keys.members()? {
                        let why = condition_key(&key);
                        found.extend(why.map(|why| values.fault(why).within(&key).within(&operator)));
                    }
                }
            }
            _ => {}
        }
        faults.extend(found.into_iter().map(|fault| fault.within(&name)));
    }
    Ok(())
}

/// Looks at a value, or at each element of a list; their faults carry the index.
fn each<'a>(
    node: Node<'a>,
    faults: &mut Vec<Fault>,
    look: impl Fn(Node<'a>, &mut Vec<Fault>) -> Result<(), Fault>,
) -> Result<(), Fault> {
    if !node.is_list() {
        return look(node, faults);
    }
    for (index, element) in node.elements()?.into_iter().enumerate() {
        let mut found = Vec::new();
        look(element, &mut found)?;
        faults.extend(found.into_iter().map(|fault| fault.within(index)));
    }
    Ok(())
}

fn told(value: Node<'_>, faults: &mut Vec<Fault>, judge: fn(&str) -> Option<String>) -> Result<(), Fault> {
    faults.extend(judge(&value.text()?).map(|why| value.fault(why)));
    Ok(())
}

/// What is wrong with a value of `Action`.
fn action(text: &str) -> Option<String> {
    let name = of_service(text)?;
    if name.contains(['*', '?']) {
        let pattern = Pattern::new(&name.to_ascii_lowercase(), Wildcards::Free, false);
        let is_one = ACTIONS.iter().any(|action| pattern.matches(&action.to_ascii_lowercase(), &Context::default()));
        return (!is_one).then(|| format!("no action of ElastiCache is like `{name}`"));
    }
    unknown("action of ElastiCache", name, ACTIONS)
}

/// What is wrong with a key of `Condition`.
fn condition_key(text: &str) -> Option<String> {
    unknown("condition key of ElastiCache", of_service(text)?, CONDITION_KEYS)
}

/// What is wrong with a value of `Resource`.
fn resource(text: &str) -> Option<String> {
    let fields: Vec<&str> = text.splitn(6, ':').collect();
    let &["arn", _, SERVICE, region, account, resource] = fields.as_slice() else { return None };
    let is_open = |text: &str| text.contains(['*', '?', '$']);
    if !is_open(account) && !ec_shared::flags::is_account(account) {
        return Some(format!("an ARN of ElastiCache has an account of 12 digits, not `{account}`"));
    }
    let Some((kind, name)) = resource.split_once(':') else {
        return match resource.split_once('/') {
            Some((kind, name)) if RESOURCE_TYPES.contains(&kind) => {
                Some(format!("ARNs of ElastiCache have a colon between type and name: `{kind}:{name}`"))
            }
            _ if is_open(resource) => None,
            _ => Some(format!("an ARN of ElastiCache ends in type and name, such as `user:{resource}`")),
        };
    };
    if is_open(kind) {
        return None;
    }
    if let Some(why) = unknown("type of resource of ElastiCache", kind, RESOURCE_TYPES) {
        return Some(why);
    }
    if !RESOURCE_TYPES.contains(&kind) {
        return Some(format!("types of resources are in lower case: `{}`", kind.to_ascii_lowercase()));
    }
    match (kind == "globalreplicationgroup", region.is_empty()) {
        (true, false) if region != "*" => {
            return Some("a global replication group has no Region in its ARN".to_owned());
        }
        (false, true) => return Some(format!("a {kind} has a Region in its ARN")),
        _ => {}
    }
    // AWS documents for these that their names are converted to lower case.
    let is_lowered = matches!(kind, "user" | "usergroup" | "serverlesscache" | "replicationgroup" | "cluster");
    let has_capital = name.split('$').next().is_some_and(|plain| plain.contains(|c: char| c.is_ascii_uppercase()));
    (is_lowered && has_capital).then(|| {
        format!("AWS stores the name of a {kind} in lower case, and compares case: `{}`", name.to_ascii_lowercase())
    })
}

/// What comes behind the prefix of the service.
fn of_service(text: &str) -> Option<&str> {
    let (service, name) = text.split_once(':')?;
    service.eq_ignore_ascii_case(SERVICE).then_some(name)
}

fn unknown(what: &str, name: &str, known: &[&str]) -> Option<String> {
    if known.iter().any(|known| known.eq_ignore_ascii_case(name)) {
        return None;
    }
    let lower = name.to_ascii_lowercase();
    let begun = known.iter().find(|known| name.len() > 3 && known.to_ascii_lowercase().starts_with(&lower));
    let near = known.iter().map(|known| (distance(&lower, &known.to_ascii_lowercase()), known)).min();
    let near = near.filter(|(distance, _)| *distance <= 3).map(|(_, known)| known);
    let meant = begun.or(near).map(|known| format!("; `{known}` is one"));
    Some(format!("there is no {what} `{name}`{}", meant.unwrap_or_default()))
}

/// How many characters have to be added, taken away or replaced.
fn distance(one: &str, other: &str) -> usize {
    let mut row: Vec<usize> = (0..=other.len()).collect();
    for (index, character) in one.bytes().enumerate() {
        let mut diagonal = row[0];
        row[0] = index + 1;
        for (column, expected) in other.bytes().enumerate() {
            let replaced = diagonal + usize::from(character != expected);
            diagonal = row[column + 1];
            row[column + 1] = replaced.min(diagonal + 1).min(row[column] + 1);
        }
    }
    row[other.len()]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_there_is_is_not_told() {
        for text in [
            "elasticache:Connect",
            "ElastiCache:describeCacheClusters",
            "elasticache:*",
            "elasticache:Describe*Caches",
            "s3:Typo",
            "*",
        ] {
            assert_eq!(action(text), None, "{text}");
        }
        for text in ["elasticache:ConnectionType", "ELASTICACHE:enginetype", "aws:SourceIp", "s3:prefix"] {
            assert_eq!(condition_key(text), None, "{text}");
        }
        for text in [
            "*",
            "arn:aws:elasticache:*",
            "arn:aws:elasticache:*:*:*",
            "arn:aws-cn:elasticache:cn-north-1:123456789012:serverlesscache:orders",
            "arn:aws:elasticache:*:123456789012:user:${aws:username}",
            "arn:aws:elasticache::123456789012:globalreplicationgroup:ldgnf-orders",
            "arn:aws:elasticache:*:*:user*",
            "arn:aws:s3:::Bucket",
        ] {
            assert_eq!(resource(text), None, "{text}");
        }
    }

    #[test]
    fn what_there_is_not_is_told_with_what_was_probably_meant() {
        let cases = [
            (action("elasticache:Conect"), "there is no action of ElastiCache `Conect`; `Connect` is one"),
            (action("elasticache:Login"), "there is no action of ElastiCache `Login`"),
            (action("elasticache:Descibe*"), "no action of ElastiCache is like `Descibe*`"),
            (
                condition_key("elasticache:Engine"),
                "there is no condition key of ElastiCache `Engine`; `EngineType` is one",
            ),
            (
                condition_key("elasticache:TransitEncryption"),
                "there is no condition key of ElastiCache `TransitEncryption`; `TransitEncryptionEnabled` is one",
            ),
            (
                condition_key("elasticache:EngineTypes"),
                "there is no condition key of ElastiCache `EngineTypes`; `EngineType` is one",
            ),
            (
                resource("arn:aws:elasticache:eu-west-1:123456789012:serverless-cache:orders"),
                "there is no type of resource of ElastiCache `serverless-cache`; `serverlesscache` is one",
            ),
            (
                resource("arn:aws:elasticache:eu-west-1:123456789012:user/app"),
                "ARNs of ElastiCache have a colon between type and name: `user:app`",
            ),
            (
                resource("arn:aws:elasticache:eu-west-1:123456789012:orders"),
                "an ARN of ElastiCache ends in type and name, such as `user:orders`",
            ),
            (
                resource("arn:aws:elasticache:eu-west-1:123456789012:User:app"),
                "types of resources are in lower case: `user`",
            ),
            (resource("arn:aws:elasticache::123456789012:user:app"), "a user has a Region in its ARN"),
            (
                resource("arn:aws:elasticache:eu-west-1:123456789012:globalreplicationgroup:x"),
                "a global replication group has no Region in its ARN",
            ),
            (
                resource("arn:aws:elasticache:eu-west-1:1234:user:app"),
                "an ARN of ElastiCache has an account of 12 digits, not `1234`",
            ),
            (
                resource("arn:aws:elasticache:*:*:user:App"),
                "AWS stores the name of a user in lower case, and compares case: `app`",
            ),
        ];
        for (found, expected) in cases {
            assert_eq!(found.as_deref(), Some(expected));
        }
    }

    #[test]
    fn findings_name_their_place() {
        let text = "{\"Statement\": [{\"Effect\": \"Allow\", \"Action\": [\"elasticache:Connect\",\n \"elasticache:Conect\"], \"Resource\": \"*\",\n\
                    \"Condition\": {\"Bool\": {\"elasticache:Tls\": \"true\"}}}]}";
        let findings = lint(text, Position::START);
        let told: Vec<_> = findings.iter().map(|finding| (finding.pointer.as_str(), finding.position.line)).collect();
        assert_eq!(told, [("/Statement/0/Action/1", 2), ("/Statement/0/Condition/Bool/elasticache:Tls", 3)]);
    }

    #[test]
    fn our_own_policies_have_no_findings() {
        let scope = crate::needs::Scope {
            partition: "aws".to_owned(),
            account: None,
            region: None,
            connect: None,
            principal: None,
        };
        for purpose in ["setup", "read-only", "ec-sg apply"] {
            let policy = crate::needs::policy(purpose, &scope).unwrap();
            assert_eq!(lint(&policy.to_string(), Position::START), [], "{purpose}");
        }
    }
}
