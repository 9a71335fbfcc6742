//! The decision with its reasons: the statements that decided, why the others did not match, and what is not known.

use std::sync::Arc;

use super::caller::Grant;
use super::decide::{Authorization, Decision, Layer, Mismatch, Request, Sink, walk};
use super::policy::{Policy, Statement};

/// A decision and what it rests on.
#[derive(Clone, Debug)]
pub struct Explanation {
    /// The decision.
    pub decision: Decision,
    /// The statements that decided: those that deny, or else those that allow.
    pub matched: Vec<Found>,
    /// The layers that would have to allow and do not; empty unless the decision is an implicit deny.
    pub lacking: Vec<Layer>,
    /// The statements of these layers that would allow, and why each does not.
    pub missed: Vec<Missed>,
    /// Context keys that statements about this action and resource ask for and the request does not have, each once.
    pub missing_keys: Vec<String>,
    /// What each layer says by itself, in the order in which they were asked.
    pub layers: Vec<(Layer, Decision)>,
}

/// A statement of a layer.
#[derive(Clone, Debug)]
pub struct Found {
    /// The layer.
    pub layer: Layer,
    /// The policy.
    pub policy: Arc<Policy>,
    statement: usize,
}

/// A statement that does not match, and why.
#[derive(Clone, Debug)]
pub struct Missed {
    /// The statement.
    pub found: Found,
    /// The first reason.
    pub why: Mismatch,
}

impl Found {
    /// The statement.
    pub fn statement(&self) -> &Statement {
        &self.policy.statements()[self.statement]
    }
}

impl Missed {
    /// The reason in words.
    pub fn reason(&self, request: &Request<'_>) -> String {
        let statement = self.found.statement();
        match self.why {
            Mismatch::Action if statement.actions.negated => "NotAction names the action".to_owned(),
            Mismatch::Action => "Action does not name the action".to_owned(),
            Mismatch::Resource if statement.resources.as_ref().is_some_and(|listed| listed.negated) => {
                "NotResource names the resource".to_owned()
            }
            Mismatch::Resource => "Resource does not name the resource".to_owned(),
            Mismatch::Principal if request.caller.is_none() => {
                "Principal names somebody, and the caller is not known".to_owned()
            }
            Mismatch::Principal if statement.principals.as_ref().is_some_and(|listed| listed.negated) => {
                "NotPrincipal names the caller".to_owned()
            }
            Mismatch::Principal => "Principal does not name the caller".to_owned(),
            Mismatch::Condition(index) => {
                let condition = &statement.conditions[index];
                let expected = condition.expected.join(", ");
                let actual = condition.actual(request.context);
                let actual =
                    actual.map_or_else(|| "is absent".to_owned(), |values| format!("is {}", values.join(", ")));
                format!(
                    "Condition {} {} [{expected}] does not hold: the key {actual}",
                    condition.operator, condition.key
                )
            }
        }
    }
}

#[derive(Debug, Default)]
struct Listener {
    seen: Vec<(Found, Result<Grant, Mismatch>)>,
    lacking: Vec<Layer>,
}

impl Sink for Listener {
    const ENDS_AT_DENY: bool = false;

    fn saw(&mut self, layer: Layer, policy: &Arc<Policy>, statement: usize, verdict: Result<Grant, Mismatch>) {
        self.seen.push((Found { layer, policy: Arc::clone(policy), statement }, verdict));
    }

    fn lacks(&mut self, layer: Layer) {
        self.lacking.push(layer);
    }
}

/// Decides and says why.
pub fn explain(authorization: &Authorization, request: &Request<'_>) -> Explanation {
    let mut listener = Listener::default();
    let decision = walk(authorization, request, &mut listener);
    let Listener { seen, lacking } = listener;
    let mut explanation = Explanation {
        decision,
        matched: Vec::new(),
        lacking,
        missed: Vec::new(),
        missing_keys: Vec::new(),
        layers: Vec::new(),
    };
    explanation.layers.extend(asked(authorization).map(|layer| (layer, Decision::ImplicitDeny)));
    for (found, verdict) in seen {
        let statement = found.statement();
        if matches!(verdict, Ok(_) | Err(Mismatch::Condition(_) | Mismatch::Resource)) {
            for key in missing(statement, request, verdict) {
                if !explanation.missing_keys.iter().any(|known| known.eq_ignore_ascii_case(&key)) {
                    explanation.missing_keys.push(key);
                }
            }
        }
        match verdict {
            Ok(_) => {
                let own = if statement.denies { Decision::ExplicitDeny } else { Decision::Allowed };
                let layer = explanation.layers.iter_mut().find(|(layer, _)| *layer == found.layer);
                if let Some((_, said)) = layer.filter(|(_, said)| *said != Decision::ExplicitDeny) {
                    *said = own;
                }
                if own == decision {
                    explanation.matched.push(found);
                }
            }
            Err(why) if !statement.denies && explanation.lacking.contains(&found.layer) => {
                explanation.missed.push(Missed { found, why });
            }
            Err(_) => {}
        }
    }
    explanation
}

/// The layers that there are.
fn asked(authorization: &Authorization) -> impl Iterator<Item = Layer> {
    let levels = |count: usize, layer: fn(usize) -> Layer| (0..count).map(layer);
    let optional = |is: bool, layer| is.then_some(layer);
    levels(authorization.service_control.len(), Layer::ServiceControl)
        .chain(levels(authorization.resource_control.len(), Layer::ResourceControl))
        .chain(optional(authorization.endpoint.is_some(), Layer::Endpoint))
        .chain(optional(authorization.resource.is_some(), Layer::Resource))
        .chain([Layer::Identity])
        .chain(optional(authorization.boundary.is_some(), Layer::PermissionsBoundary))
        .chain(optional(authorization.session.is_some(), Layer::Session))
}

/// The keys that a statement asks for in vain. A resource that does not match for another reason asks for nothing.
fn missing(statement: &Statement, request: &Request<'_>, verdict: Result<Grant, Mismatch>) -> Vec<String> {
    let resources = statement.resources.iter().flat_map(|listed| &listed.values);
    let variables = resources.flat_map(|pattern| pattern.missing(request.context));
    let conditions = statement.conditions.iter().flat_map(|condition| condition.missing(request.context));
    let conditions = conditions.filter(|_| verdict != Err(Mismatch::Resource));
    variables.chain(conditions).map(str::to_owned).collect()
}
