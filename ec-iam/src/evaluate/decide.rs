//! The decision over all policies of a request, as AWS documents it.
//!
//! What decides and what explains is one walk: it tells a [`Sink`] of every statement, and the one that decides fast
//! does not listen.
//!
//! Sources: `reference_policies_evaluation-logic.html` and its pages about single and cross-account requests in the IAM
//! User Guide, <https://docs.aws.amazon.com/IAM/latest/UserGuide/>.

use std::sync::Arc;

use ec_shared::flags::is_account;

use super::caller::{Caller, Grant};
use super::context::Context;
use super::pattern::Pattern;
use super::policy::{Policy, Statement};

/// The answer, in the words of `EvalDecision`; what comes later restricts more.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Decision {
    /// Every layer that has to allow does, and none denies.
    Allowed,
    /// A layer that has to allow does not.
    ImplicitDeny,
    /// A statement denies.
    ExplicitDeny,
}

impl Decision {
    /// `allowed`, `implicitDeny` or `explicitDeny`.
    pub fn word(self) -> &'static str {
        match self {
            Self::Allowed => "allowed",
            Self::ImplicitDeny => "implicitDeny",
            Self::ExplicitDeny => "explicitDeny",
        }
    }
}

/// The policies that apply to a request.
#[derive(Clone, Debug, Default)]
pub struct Authorization {
    /// The caller's policies, those of its groups among them.
    pub identity: Vec<Arc<Policy>>,
    /// The permissions boundary; `None` if there is none.
    pub boundary: Option<Vec<Arc<Policy>>>,
    /// The session policies; `None` if the session was made without.
    pub session: Option<Vec<Arc<Policy>>>,
    /// The service control policies from the root down to the account, level by level.
    pub service_control: Vec<Vec<Arc<Policy>>>,
    /// The resource control policies of the resource's account, level by level.
    pub resource_control: Vec<Vec<Arc<Policy>>>,
    /// The policy of the resource, if it has one.
    pub resource: Option<Arc<Policy>>,
    /// The policies of the VPC endpoint that the request goes through; `None` if it goes through none.
    pub endpoint: Option<Vec<Arc<Policy>>>,
}

/// What it means that the context lacks a key.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Absent {
    /// The request lacks it.
    #[default]
    FromRequest,
    /// Nobody knows its value; a statement that asks for it is taken to match if it allows.
    AtBest,
    /// Nobody knows its value; a statement that asks for it is taken to match if it denies.
    AtWorst,
}

/// One request.
#[derive(Clone, Debug)]
pub struct Request<'a> {
    action: String,
    /// The ARN of the resource, or `*`.
    pub resource: &'a str,
    /// The account that owns the resource; `None` if it is the caller's.
    pub owner: Option<&'a str>,
    /// Who asks.
    pub caller: Option<&'a Caller>,
    /// What else is known.
    pub context: &'a Context,
    /// What it means that the context lacks a key.
    pub absent: Absent,
}

impl<'a> Request<'a> {
    /// A request; an ARN that names an account tells the owner of the resource.
    pub fn new(action: &str, resource: &'a str, caller: Option<&'a Caller>, context: &'a Context) -> Self {
        let owner = resource.split(':').nth(4).filter(|account| is_account(account));
        Self { action: action.to_ascii_lowercase(), resource, owner, caller, context, absent: Absent::default() }
    }

    /// Whether caller and resource belong to different accounts, as far as they are known.
    pub fn is_cross_account(&self) -> bool {
        matches!((self.caller, self.owner), (Some(caller), Some(owner)) if caller.account() != owner)
    }

    /// Whether the service asks the policy of the resource whatever the identity-based policies say: trust policies of
    /// roles and key policies of KMS.
    pub(crate) fn needs_resource_policy(&self) -> bool {
        self.action.starts_with("sts:assumerole") && self.resource.contains(":role/")
            || self.action.starts_with("kms:") && self.resource.contains(":key/")
    }
}

/// The groups of policies that are asked, each for itself.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Layer {
    /// Identity-based policies.
    Identity,
    /// The permissions boundary.
    PermissionsBoundary,
    /// Session policies.
    Session,
    /// Service control policies of one level, from 0.
    ServiceControl(usize),
    /// Resource control policies of one level, from 0.
    ResourceControl(usize),
    /// The policy of the resource.
    Resource,
    /// The policy of the VPC endpoint.
    Endpoint,
}

/// Why a statement does not match: the first element that does not.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mismatch {
    /// `Principal` or `NotPrincipal`.
    Principal,
    /// `Action` or `NotAction`.
    Action,
    /// `Resource` or `NotResource`.
    Resource,
    /// The condition of this index, in the order of the policy.
    Condition(usize),
}

impl Statement {
    /// Whether the statement is about the request, and how it reaches the caller. A statement without principals is
    /// attached to the caller itself. `is_bounded`: whether the caller has a permissions boundary.
    pub(crate) fn verdict(&self, request: &Request<'_>, is_bounded: bool) -> Result<Grant, Mismatch> {
        if !self.actions.means(|action| action.matches(&request.action, request.context)) {
            return Err(Mismatch::Action);
        }
        let principals = self.principals.as_ref();
        let grant =
            principals.map_or(Grant::Direct, |listed| listed.grant(is_bounded, |one| one.grant(request.caller)));
        if grant == Grant::None {
            return Err(Mismatch::Principal);
        }
        let is_open = request.absent != Absent::FromRequest;
        let mut unsure = None;
        if let Some(resources) = &self.resources {
            let is_named = resources.values.iter().any(|one| one.matches(request.resource, request.context));
            let misses = |one: &Pattern| one.missing(request.context).next().is_some();
            if is_open && !is_named && resources.values.iter().any(misses) {
                unsure = Some(Mismatch::Resource);
            } else if is_named == resources.negated {
                return Err(Mismatch::Resource);
            }
        }
        for (index, condition) in self.conditions.iter().enumerate() {
            if is_open && condition.is_unsure(request.context) {
                unsure.get_or_insert(Mismatch::Condition(index));
            } else if !condition.holds(request.context) {
                return Err(Mismatch::Condition(index));
            }
        }
        match unsure {
            Some(why) if self.denies == (request.absent == Absent::AtBest) => Err(why),
            _ => Ok(grant),
        }
    }
}

/// What a walk tells.
pub(crate) trait Sink {
    /// Whether the walk may end at the first statement that denies.
    const ENDS_AT_DENY: bool;
    /// A statement was looked at.
    fn saw(&mut self, layer: Layer, policy: &Arc<Policy>, statement: usize, verdict: Result<Grant, Mismatch>);
    /// A layer that has to allow does not.
    fn lacks(&mut self, layer: Layer);
}

struct Silent;

impl Sink for Silent {
    const ENDS_AT_DENY: bool = true;
    fn saw(&mut self, _: Layer, _: &Arc<Policy>, _: usize, _: Result<Grant, Mismatch>) {}
    fn lacks(&mut self, _: Layer) {}
}

/// Decides.
pub fn decide(authorization: &Authorization, request: &Request<'_>) -> Decision {
    walk(authorization, request, &mut Silent)
}

/// What the policies of one layer say together.
#[derive(Clone, Copy, Debug, Default)]
struct Tally {
    denies: bool,
    grant: Grant,
}

impl Tally {
    fn allows(self) -> bool {
        self.grant > Grant::None
    }
}

fn tally<S: Sink>(
    layer: Layer,
    policies: &[Arc<Policy>],
    request: &Request<'_>,
    is_bounded: bool,
    sink: &mut S,
) -> Tally {
    let mut tally = Tally::default();
    for policy in policies {
        for statement in policy.statements() {
            let verdict = statement.verdict(request, is_bounded);
            sink.saw(layer, policy, statement.index, verdict);
            match verdict {
                Ok(_) if statement.denies => {
                    tally.denies = true;
                    if S::ENDS_AT_DENY {
                        return tally;
                    }
                }
                Ok(grant) => tally.grant = tally.grant.max(grant),
                Err(_) => {}
            }
        }
    }
    tally
}

/// Asks every layer, then combines the answers.
pub(crate) fn walk<S: Sink>(authorization: &Authorization, request: &Request<'_>, sink: &mut S) -> Decision {
    let mut denied = false;
    let mut ask = |layer, policies: &[Arc<Policy>], sink: &mut S| {
        // What is denied already needs no more answers, unless somebody listens.
        if denied && S::ENDS_AT_DENY {
            return Tally::default();
        }
        let tally = tally(layer, policies, request, authorization.boundary.is_some(), sink);
        denied |= tally.denies;
        tally
    };
    // Service-linked roles are beyond the policies of an organization.
    let is_limited = !request.caller.is_some_and(Caller::is_service_linked);
    let levels = |levels: &'_ [Vec<Arc<Policy>>]| if is_limited { levels.len() } else { 0 };
    let mut limits: Vec<(Layer, bool)> = Vec::new();
    for level in 0..levels(&authorization.service_control) {
        let layer = Layer::ServiceControl(level);
        limits.push((layer, ask(layer, &authorization.service_control[level], sink).allows()));
    }
    for level in 0..levels(&authorization.resource_control) {
        let layer = Layer::ResourceControl(level);
        limits.push((layer, ask(layer, &authorization.resource_control[level], sink).allows()));
    }
    if let Some(policies) = &authorization.endpoint {
        limits.push((Layer::Endpoint, ask(Layer::Endpoint, policies, sink).allows()));
    }
    let resource = authorization.resource.as_ref();
    let resource = resource.map(|policy| ask(Layer::Resource, std::slice::from_ref(policy), sink));
    let identity = ask(Layer::Identity, &authorization.identity, sink);
    let mut optional = |layer, policies: &Option<Vec<Arc<Policy>>>, sink: &mut S| {
        policies.as_ref().is_none_or(|policies| ask(layer, policies, sink).allows())
    };
    let boundary = optional(Layer::PermissionsBoundary, &authorization.boundary, sink);
    let session = optional(Layer::Session, &authorization.session, sink);
    if denied {
        return Decision::ExplicitDeny;
    }
    let answers = Answers {
        accounts: if request.is_cross_account() {
            Accounts::Two
        } else if request.needs_resource_policy() && resource.is_some() {
            Accounts::OneAndAsked
        } else {
            Accounts::One
        },
        resource: resource.unwrap_or_default().grant,
        identity: identity.allows() || request.caller.is_some_and(Caller::is_root),
        boundary,
        session,
    };
    let mut allowed = true;
    let mut lacks = |layer, sink: &mut S| {
        allowed = false;
        sink.lacks(layer);
    };
    for (layer, _) in limits.into_iter().filter(|(_, allows)| !allows) {
        lacks(layer, sink);
    }
    for layer in answers.lacking().into_iter().flatten() {
        lacks(layer, sink);
    }
    if allowed { Decision::Allowed } else { Decision::ImplicitDeny }
}

/// Whose caller and resource are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Accounts {
    /// One account's; identity-based policies suffice.
    One,
    /// One account's, and the service asks the policy of the resource all the same.
    OneAndAsked,
    /// Each another's: both have to allow.
    Two,
}

/// What the layers that belong to one of the two accounts say.
#[derive(Clone, Copy, Debug)]
struct Answers {
    accounts: Accounts,
    resource: Grant,
    identity: bool,
    boundary: bool,
    session: bool,
}

impl Answers {
    /// The layers that would have to allow and do not.
    fn lacking(self) -> [Option<Layer>; 4] {
        let is_enough = self.accounts != Accounts::Two && self.resource >= Grant::Role;
        let is_unlimited = self.accounts != Accounts::Two && self.resource == Grant::Direct;
        let asks_resource = self.accounts != Accounts::One;
        [
            (!self.identity && !is_enough).then_some(Layer::Identity),
            (!self.boundary && !is_unlimited).then_some(Layer::PermissionsBoundary),
            (!self.session && !is_unlimited).then_some(Layer::Session),
            (asks_resource && self.resource == Grant::None).then_some(Layer::Resource),
        ]
    }
}
