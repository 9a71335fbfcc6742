//! One answer of the evaluator: the verdict on one hop for one flow, and the very thing that decides it.

use serde::{Deserialize, Serialize};

use crate::need::Need;
use crate::network::{AclEntry, Attachment, NetworkAcl, Peering, Route, RouteTable, TransitRoute, TransitRoutes};
use crate::rule::Rule;

/// The answer for one hop.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Verdict {
    /// Open.
    Yes,
    /// Closed.
    No,
    /// Open for some connections and closed for others, by the port that the client happens to use.
    Intermittent,
    /// Not determined; the detail says what is missing.
    Unknown,
    /// Not asked, because nothing could answer.
    NotAsked,
}

impl Verdict {
    /// Whether connections fail here.
    pub fn is_closed(self) -> bool {
        matches!(self, Self::No | Self::Intermittent)
    }
}

/// A verdict, and what decides it.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Answer<'s> {
    pub(crate) verdict: Verdict,
    pub(crate) by: By<'s>,
}

/// What decides a hop.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum By<'s> {
    /// Nothing has to be said, or the place says it.
    Nothing,
    /// A fact that is not known.
    Missing(Need),
    /// Both sides are in this VPC.
    SameVpc(&'s str),
    /// The two VPCs.
    OtherVpc(&'s str, &'s str),
    /// Both sides are in this subnet, where neither routes nor network ACLs apply.
    SameSubnet(&'s str),
    /// A rule lets it through.
    Rule(&'s Rule),
    /// Several rules do so together.
    Rules(Vec<&'s Rule>),
    /// No rule does; those of the right port that name a group which is not preserved on the way.
    NoRule(Vec<&'s Rule>),
    /// The rules lead to a part of the cache's subnets.
    PartOfSubnets,
    /// The API reports no security group.
    NoGroups,
    /// An entry of a network ACL.
    Entry(&'s NetworkAcl, &'s AclEntry),
    /// The final entry of a network ACL, which denies what no other matches.
    LastEntry(&'s NetworkAcl),
    /// A route.
    Route(&'s RouteTable, &'s Route),
    /// The VPC's own route, which the answer does not list.
    ImplicitLocal(&'s RouteTable),
    /// No route.
    NoRoute(&'s RouteTable),
    /// A route to something that is gone.
    Blackhole(&'s RouteTable, &'s Route),
    /// The other VPC's addresses are this VPC's own, too.
    Overlap(&'s RouteTable, &'s Route),
    /// A route to the Internet, where there are no private addresses.
    Internet(&'s RouteTable, &'s Route),
    /// A route to something whose other side the API does not show.
    Beyond(&'s RouteTable, &'s Route),
    /// A route over a peering connection to another VPC, where it is known which.
    Elsewhere(&'s RouteTable, &'s Route, Option<&'s str>),
    /// Nothing joins the two VPCs; the table that would need a route.
    Disconnected(&'s RouteTable, &'s str, &'s str),
    /// An active peering connection.
    Peering(&'s RouteTable, &'s Route, &'s Peering),
    /// A peering connection that is not active.
    PeeringState(&'s RouteTable, &'s Route, &'s Peering),
    /// A peering connection to a VPC that does not hold all of the addresses.
    OutsidePeer(&'s Route, &'s Peering),
    /// A VPC that is not attached to the gateway.
    NotAttached(&'s str, &'s str),
    /// An attachment that is not available.
    AttachmentState(&'s Attachment),
    /// An attachment without an interface in this Availability Zone.
    Zone(&'s Attachment, &'s str),
    /// An attachment that no route table is associated with.
    NotAssociated(&'s Attachment),
    /// No route in a transit gateway's table.
    NoTransitRoute(&'s TransitRoutes),
    /// A route of a transit gateway's table that drops the traffic.
    TransitBlackhole(&'s TransitRoutes, &'s TransitRoute),
    /// A route of a transit gateway's table that leads to something else.
    TransitElsewhere(&'s TransitRoutes, &'s TransitRoute, &'s Attachment),
    /// A VPC's resolver, and that of the other one, answer.
    Resolves(&'s str),
    /// The resolver of a VPC is off.
    NoResolver(&'s str),
    /// A VPC lacks an attribute that ElastiCache asks for where client and cache are in different ones.
    NoHostnames(&'s str),
}

impl<'s> Answer<'s> {
    pub(super) fn yes(by: By<'s>) -> Self {
        Self { verdict: Verdict::Yes, by }
    }

    pub(super) fn no(by: By<'s>) -> Self {
        Self { verdict: Verdict::No, by }
    }

    pub(super) fn missing(need: Need) -> Self {
        Self { verdict: Verdict::Unknown, by: By::Missing(need) }
    }

    pub(super) fn not_asked() -> Self {
        Self { verdict: Verdict::NotAsked, by: By::Nothing }
    }
}

/// The answer for addresses that are somewhere in a range, from the answers for its parts: certain only where they agree.
#[derive(Debug, Default)]
pub(super) struct Parts<'s>(Option<Answer<'s>>);

impl<'s> Parts<'s> {
    pub(super) fn add(&mut self, part: Answer<'s>) {
        self.0 = Some(match self.0.take() {
            None => part,
            Some(one) if one.verdict == part.verdict => one,
            // What may be wrong tells more than what is right.
            Some(one) => {
                let by = if one.verdict == Verdict::Yes { part.by } else { one.by };
                Answer { verdict: Verdict::Unknown, by }
            }
        });
    }

    pub(super) fn answer(self) -> Answer<'s> {
        self.0.unwrap_or_else(Answer::not_asked)
    }
}
