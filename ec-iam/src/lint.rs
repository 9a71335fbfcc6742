//! What a valid policy says in vain: actions, condition keys and resources of `ElastiCache`, EC2, IAM and STS that there
//! are not, and global condition keys that no service knows.
//!
//! IAM accepts such names, and they match nothing: an allow that allows nothing, or a deny that denies nothing.

mod judge;
mod table;

use crate::evaluate::{Fault, Node, Position};
use judge::{action, condition_key, resource};

pub(crate) use judge::actions_like;

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

#[cfg(test)]
mod tests {
    use super::*;

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
