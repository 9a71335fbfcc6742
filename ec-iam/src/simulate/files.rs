//! A request that flags make: policies from files, and what is asked about them.

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use clap::Args;
use ec_shared::{Failure, codes as shared};

use super::live::Policies;
use super::request::{Simulation, caller, invalid, policy};
use crate::codes;
use crate::evaluate::{Authorization, Caller, Kind, Node, Policy, Position, offset};
use crate::lint::Finding;

/// The policies of a request.
#[derive(Debug, Args)]
#[command(next_help_heading = "Policies from files")]
pub(crate) struct PolicyFiles {
    /// Identity-based policy, or a JSON list of them; may be repeated
    #[arg(
        long = "policy",
        value_name = "FILE",
        requires = "question",
        group = "comparable",
        conflicts_with_all = ["file", "live"]
    )]
    policies: Vec<PathBuf>,
    /// Permissions boundary
    #[arg(long, value_name = "FILE", requires = "policies", conflicts_with_all = ["principal", "file", "live"])]
    boundary: Option<PathBuf>,
    /// Session policy; may be repeated
    #[arg(long = "session-policy", value_name = "FILE", requires = "question")]
    session: Vec<PathBuf>,
    /// Service control policies of one level, a policy or a JSON list of them; repeated from the root down to the
    /// account. Each level has to allow, as it does in AWS with the policy FullAWSAccess
    #[arg(long = "scp", value_name = "FILE", requires = "question")]
    service_control: Vec<PathBuf>,
    /// Who asks: ARN of a user, a role, a session or an account's root user
    #[arg(
        long,
        value_name = "ARN",
        requires = "policies",
        conflicts_with_all = ["principal", "file", "live"],
        value_parser = caller
    )]
    caller_arn: Option<Caller>,
}

impl PolicyFiles {
    /// Whether there are any.
    pub(super) fn is_empty(&self) -> bool {
        self.policies.is_empty()
    }

    /// Who asks.
    pub(super) fn caller(&self) -> Option<&Caller> {
        self.caller_arn.as_ref()
    }

    /// The request: every action on every resource, with the keys of `context` known; and the texts of the policies
    /// that AWS's own simulator takes.
    ///
    /// # Errors
    /// `EC2030` for a policy, `EC9021` for a file that cannot be read.
    pub(super) fn simulation(
        &self,
        actions: Vec<String>,
        resources: Vec<String>,
        context: &[(String, Vec<String>)],
    ) -> Result<(Simulation, Policies), Failure> {
        let mut simulation =
            Simulation { actions, resources, caller: self.caller_arn.clone(), ..Simulation::default() };
        let Simulation { authorization, findings, .. } = &mut simulation;
        let (policies, identity) = all(&self.policies, findings)?;
        authorization.identity = policies;
        let (policies, boundary) = all(self.boundary.as_slice(), findings)?;
        authorization.boundary = some(policies);
        self.limit(authorization, findings)?;
        for (key, values) in context {
            simulation.context.set(key, values.clone());
        }
        Ok((simulation.completed(), Policies { identity, boundary }))
    }

    /// Adds the policies that limit whatever a principal has of its own.
    ///
    /// # Errors
    /// As above.
    pub(super) fn limit(
        &self,
        authorization: &mut Authorization,
        findings: &mut Vec<(String, Finding)>,
    ) -> Result<(), Failure> {
        authorization.session = some(all(&self.session, findings)?.0);
        for path in &self.service_control {
            authorization.service_control.push(all(std::slice::from_ref(path), findings)?.0);
        }
        Ok(())
    }
}

/// The policies of several files, and their texts.
fn all(paths: &[PathBuf], findings: &mut Vec<(String, Finding)>) -> Result<(Vec<Arc<Policy>>, Vec<String>), Failure> {
    let mut policies = (Vec::new(), Vec::new());
    for path in paths {
        policies.extend(read(path, findings)?);
    }
    Ok(policies)
}

fn some(policies: Vec<Arc<Policy>>) -> Option<Vec<Arc<Policy>>> {
    (!policies.is_empty()).then_some(policies)
}

/// The policies of a file, which are called as it is, and their texts.
fn read(path: &Path, findings: &mut Vec<(String, Finding)>) -> Result<Vec<(Arc<Policy>, String)>, Failure> {
    let name = path.display().to_string();
    let text = fs::read_to_string(path)
        .map_err(|error| Failure::new(&shared::READ, format!("cannot read policy {name}")).because(error))?;
    let whole = Node::of(&text).map_err(|fault| {
        let Position { line, column } = Position::START.advanced(&text, fault.offset.unwrap_or_default());
        Failure::new(&codes::POLICY, format!("cannot read policy {name}")).because(fault.why).at(line, column)
    })?;
    let list = whole.is_list();
    let policies = if list { whole.elements().unwrap_or_default() } else { vec![whole] };
    let policies = policies.into_iter().enumerate().map(|(index, node)| {
        let id = if list { format!("{name}.{}", index + 1) } else { name.clone() };
        let begin = Position::START.advanced(&text, offset(node.raw, &text));
        let policy = policy(&id, node.raw, begin, Kind::Identity, findings).map_err(|error| {
            let Position { line, column } = error.position;
            invalid(&id, &error).at(line, column)
        })?;
        Ok((Arc::new(policy), node.raw.to_owned()))
    });
    policies.collect()
}

/// Reads `KEY=VALUE`.
///
/// # Errors
/// What is wrong with it.
pub(super) fn context_entry(text: &str) -> Result<(String, String), String> {
    match text.split_once('=') {
        Some((key, value)) if key.contains(':') => Ok((key.to_owned(), value.to_owned())),
        _ => Err("a context key is given as KEY=VALUE, such as aws:SourceVpc=vpc-0abc".to_owned()),
    }
}

/// The keys in the order of the flags, with all values that were given for each.
pub(super) fn context_entries(given: &[(String, String)]) -> Vec<(String, Vec<String>)> {
    let mut entries: Vec<(String, Vec<String>)> = Vec::new();
    for (key, value) in given {
        match entries.iter_mut().find(|(known, _)| known.eq_ignore_ascii_case(key)) {
            Some((_, values)) => values.push(value.clone()),
            None => entries.push((key.clone(), vec![value.clone()])),
        }
    }
    entries
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_that_is_given_twice_has_two_values() {
        let given = ["aws:TagKeys=team", "aws:SourceIp=10.0.0.1", "AWS:tagkeys=cost=1"];
        let given: Vec<_> = given.iter().map(|text| context_entry(text).unwrap()).collect();
        let entries = context_entries(&given);
        assert_eq!(entries[0], ("aws:TagKeys".to_owned(), vec!["team".to_owned(), "cost=1".to_owned()]));
        assert_eq!(entries[1], ("aws:SourceIp".to_owned(), vec!["10.0.0.1".to_owned()]));
        assert!(context_entry("aws:SourceIp").is_err() && context_entry("team=a").is_err());
    }
}
