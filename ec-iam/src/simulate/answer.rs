//! The answer: the shape of `simulate-custom-policy`, and the reasons.
//!
//! As AWS does today, there is one result for each action; it has the most restrictive of the decisions about the
//! resources, which stand in `ResourceSpecificResults`. Beyond AWS's members there are `Sid` and `StatementIndex` of
//! statements, `Layers`, `Reasons`, `AssumedContext`, `Notes` and `Findings`.
//!
//! Source: <https://docs.aws.amazon.com/IAM/latest/APIReference/API_EvaluationResult.html>

use ec_shared::Failure;
use serde_json::{Map, Value, json};

use super::implied::implied;
use super::request::Simulation;
use crate::codes;
use crate::evaluate::{Decision, Explanation, Found, Layer, Position, Request, Statement, explain};

/// What is not known about an action that the policy of the resource has to allow.
const UNASKED: &str = "AWS also asks the policy of the resource about this action, and the request has none";

/// What is decided about one action.
#[derive(Clone, Debug)]
pub struct ActionResult {
    /// The action, as it was asked.
    pub action: String,
    /// The most restrictive of the decisions about the resources.
    pub decision: Decision,
    /// The decision about each resource.
    pub resources: Vec<ResourceResult>,
}

/// What is decided about one action on one resource.
#[derive(Clone, Debug)]
pub struct ResourceResult {
    /// The resource, as it was asked.
    pub resource: String,
    /// The decision and what it rests on.
    pub explanation: Explanation,
    /// What would have to allow and does not, with the statements that come near.
    pub reasons: Vec<Reason>,
    /// A key that the request has although it was not given, and its value: what the resource tells.
    pub assumed: Option<(String, String)>,
    /// What this answer does not know.
    pub notes: Vec<String>,
}

/// A layer that would have to allow and does not.
#[derive(Clone, Debug)]
pub struct Reason {
    /// The layer.
    pub layer: Layer,
    /// Its statements that would allow, and why each does not.
    pub candidates: Vec<(Found, String)>,
}

/// Decides everything that is asked.
pub fn results(simulation: &Simulation) -> Vec<ActionResult> {
    let contexts: Vec<_> = simulation.resources.iter().map(|resource| simulation.context(resource)).collect();
    let action = |action: &String| {
        let pairs = simulation.resources.iter().zip(&contexts);
        let resources: Vec<ResourceResult> = pairs
            .map(|(resource, context)| {
                let assumed = implied(action, resource, context);
                let with_assumed = assumed.map(|(key, value)| {
                    let mut context = context.clone();
                    context.set_default(key, value);
                    context
                });
                let request = simulation.request(action, resource, with_assumed.as_ref().unwrap_or(context));
                let explanation = explain(&simulation.authorization, &request);
                let reasons = reasons(&explanation, &request);
                let mut notes = Vec::new();
                if request.needs_resource_policy() && simulation.authorization.resource.is_none() {
                    notes.push(UNASKED.to_owned());
                }
                let assumed = assumed.map(|(key, value)| (key.to_owned(), value.to_owned()));
                ResourceResult { resource: resource.clone(), explanation, reasons, assumed, notes }
            })
            .collect();
        let decision = resources.iter().map(|result| result.explanation.decision).max();
        ActionResult { action: action.clone(), decision: decision.unwrap_or(Decision::ImplicitDeny), resources }
    };
    simulation.actions.iter().map(action).collect()
}

/// The layers that would have to allow and do not, with the statements that come near.
pub(crate) fn reasons(explanation: &Explanation, request: &Request<'_>) -> Vec<Reason> {
    let reason = |layer: &Layer| {
        let missed = explanation.missed.iter().filter(|missed| missed.found.layer == *layer);
        let candidates = missed.map(|missed| (missed.found.clone(), missed.reason(request))).collect();
        Reason { layer: *layer, candidates }
    };
    explanation.lacking.iter().map(reason).collect()
}

/// The answer as one line, without its line end.
pub(crate) fn json(simulation: &Simulation, results: &[ActionResult]) -> String {
    let results: Vec<Value> = results.iter().map(action).collect();
    let mut answer = json!({"EvaluationResults": results, "IsTruncated": false});
    let findings = simulation.findings.iter().map(|(policy, finding)| {
        json!({
            "Code": codes::IN_VAIN.id,
            "SourcePolicyId": policy,
            "Pointer": finding.pointer,
            "Position": position(finding.position),
            "Finding": finding.why,
        })
    });
    if !simulation.findings.is_empty() {
        answer["Findings"] = findings.collect();
    }
    answer.to_string()
}

fn position(position: Position) -> Value {
    json!({"Line": position.line, "Column": position.column})
}

/// What stands in the place of an answer if the request could not be read.
pub(crate) fn refused(failure: &Failure) -> String {
    json!({"Error": failure}).to_string()
}

fn action(result: &ActionResult) -> Value {
    // The statements of the resources that have the decision of the whole; each once.
    let decisive = result.resources.iter().filter(|resource| resource.explanation.decision == result.decision);
    let matched = distinct(decisive.flat_map(|resource| &resource.explanation.matched).map(statement));
    let keys = result.resources.iter().flat_map(|resource| &resource.explanation.missing_keys);
    let name = match result.resources.as_slice() {
        [one] => &one.resource,
        _ => "*",
    };
    let mut answer = Map::new();
    let mut set = |name: &str, value: Value| answer.insert(name.to_owned(), value);
    set("EvalActionName", result.action.as_str().into());
    set("EvalResourceName", name.into());
    set("EvalDecision", result.decision.word().into());
    set("MatchedStatements", matched.into());
    set("MissingContextValues", distinct(keys.map(|key| key.as_str().into())).into());
    let said = |is: fn(Layer) -> bool| {
        let layers = result.resources.iter().flat_map(|resource| &resource.explanation.layers);
        let mut said =
            layers.filter(|(layer, _)| is(*layer)).map(|(_, decision)| *decision == Decision::Allowed).peekable();
        said.peek().is_some().then(|| said.all(|allowed| allowed))
    };
    if let Some(allowed) = said(|layer| matches!(layer, Layer::ServiceControl(_) | Layer::ResourceControl(_))) {
        set("OrganizationsDecisionDetail", json!({"AllowedByOrganizations": allowed}));
    }
    if let Some(allowed) = said(|layer| layer == Layer::PermissionsBoundary) {
        set("PermissionsBoundaryDecisionDetail", json!({"AllowedByPermissionsBoundary": allowed}));
    }
    set("ResourceSpecificResults", result.resources.iter().map(resource).collect::<Vec<_>>().into());
    Value::Object(answer)
}

/// The answer about one resource.
pub(crate) fn resource(result: &ResourceResult) -> Value {
    let Explanation { decision, matched, missing_keys, layers, .. } = &result.explanation;
    let mut answer = Map::new();
    let mut set = |name: &str, value: Value| answer.insert(name.to_owned(), value);
    set("EvalResourceName", result.resource.as_str().into());
    set("EvalResourceDecision", decision.word().into());
    set("MatchedStatements", matched.iter().map(statement).collect::<Vec<_>>().into());
    set("MissingContextValues", missing_keys.as_slice().into());
    if let Some((_, said)) = layers.iter().find(|(layer, _)| *layer == Layer::PermissionsBoundary) {
        set("PermissionsBoundaryDecisionDetail", json!({"AllowedByPermissionsBoundary": *said == Decision::Allowed}));
    }
    let with_layer = |layer: Layer, mut members: Map<String, Value>| {
        let mut all = Map::from_iter([("Layer".to_owned(), word(layer).into())]);
        if let Layer::ServiceControl(level) | Layer::ResourceControl(level) = layer {
            all.insert("Level".to_owned(), (level + 1).into());
        }
        all.append(&mut members);
        Value::Object(all)
    };
    let said = layers
        .iter()
        .map(|(layer, said)| with_layer(*layer, Map::from_iter([("Decision".to_owned(), said.word().into())])));
    set("Layers", said.collect::<Vec<_>>().into());
    let reasons = result.reasons.iter().map(|reason| {
        let candidates = reason.candidates.iter().map(|(found, why)| {
            let mut candidate = statement(found);
            candidate["Reason"] = why.as_str().into();
            candidate
        });
        let candidates = candidates.collect::<Vec<_>>();
        let members = [("Reason".to_owned(), because(reason).into()), ("Candidates".to_owned(), candidates.into())];
        with_layer(reason.layer, Map::from_iter(members))
    });
    set("Reasons", reasons.collect::<Vec<_>>().into());
    if let Some((key, value)) = &result.assumed {
        set("AssumedContext", json!([context_entry((key, value))]));
    }
    if !result.notes.is_empty() {
        set("Notes", result.notes.as_slice().into());
    }
    Value::Object(answer)
}

/// A key of the context, as requests have it.
pub(crate) fn context_entry((key, value): (&str, &str)) -> Value {
    json!({"ContextKeyName": key, "ContextKeyValues": [value]})
}

/// Why a layer does not allow, in words.
pub(crate) fn because(reason: &Reason) -> &'static str {
    match (reason.layer, reason.candidates.is_empty()) {
        (Layer::Resource, true) => "the resource has no policy with a statement that allows",
        (_, true) => "it has no statement that allows",
        (_, false) => "none of its statements that allow is about this request",
    }
}

/// A statement, as AWS names it, and by its `Sid` and index.
pub(crate) fn statement(found: &Found) -> Value {
    let Statement { index, sid, start, end, .. } = found.statement();
    let kind = if found.layer == Layer::Resource { "resource" } else { source_type(found.policy.id()) };
    let mut answer = json!({
        "SourcePolicyId": found.policy.id(),
        "SourcePolicyType": kind,
        "StartPosition": position(*start),
        "EndPosition": position(*end),
        "StatementIndex": index,
    });
    if let Some(sid) = sid {
        answer["Sid"] = (&**sid).into();
    }
    answer
}

/// Where a policy comes from, in AWS's words: an ARN tells, and the number of a policy in a request does not.
fn source_type(id: &str) -> &'static str {
    let mut fields = id.splitn(6, ':').skip(4);
    let (account, resource) = (fields.next().unwrap_or_default(), fields.next().unwrap_or_default());
    match resource.split('/').next() {
        Some("user") => "user",
        Some("group") => "group",
        Some("role") => "role",
        Some("policy") if account == "aws" => "aws-managed",
        Some("policy") => "user-managed",
        _ => "none",
    }
}

/// The name of a layer.
pub(crate) fn word(layer: Layer) -> &'static str {
    match layer {
        Layer::Identity => "identity",
        Layer::PermissionsBoundary => "permissionsBoundary",
        Layer::Session => "session",
        Layer::ServiceControl(_) => "serviceControl",
        Layer::ResourceControl(_) => "resourceControl",
        Layer::Resource => "resource",
        Layer::Endpoint => "endpoint",
    }
}

/// Each value once.
pub(crate) fn distinct(values: impl Iterator<Item = Value>) -> Vec<Value> {
    let mut distinct = Vec::new();
    for value in values {
        if !distinct.contains(&value) {
            distinct.push(value);
        }
    }
    distinct
}
