//! What joins VPCs: peering connections and transit gateways.

use std::fmt;

use ipnet::IpNet;

/// A VPC peering connection.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Peering {
    /// `pcx-…`
    pub id: String,
    /// `active`, `pending-acceptance` …
    pub status: String,
    /// The side that asked for it.
    pub requester: PeeringSide,
    /// The side that accepts it.
    pub accepter: PeeringSide,
}

/// One side of a peering connection.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct PeeringSide {
    /// The VPC.
    pub vpc: Option<String>,
    /// The account that owns it.
    pub owner: Option<String>,
    /// The Region that it is in.
    pub region: Option<String>,
    /// The VPC's CIDR blocks.
    pub ranges: Vec<IpNet>,
    /// Whether names of this side's machines resolve to private addresses on the other side; shown of active
    /// connections only.
    pub resolves_for_other: Option<bool>,
}

impl Peering {
    /// Whether it is between these two VPCs.
    pub fn joins(&self, one: &str, other: &str) -> bool {
        let (requester, accepter) = (self.requester.vpc.as_deref(), self.accepter.vpc.as_deref());
        (requester, accepter) == (Some(one), Some(other)) || (requester, accepter) == (Some(other), Some(one))
    }

    /// Whether traffic passes.
    pub fn is_active(&self) -> bool {
        self.status == "active"
    }

    /// Whether the other side has not accepted it yet.
    pub fn is_waiting(&self) -> bool {
        self.status == "pending-acceptance"
    }

    /// Whether it can no longer become active.
    pub fn is_dead(&self) -> bool {
        matches!(self.status.as_str(), "deleted" | "deleting" | "expired" | "failed" | "rejected")
    }

    /// Whether both sides are in one Region: only then can a rule name a group of the other side.
    pub fn is_in_one_region(&self) -> bool {
        self.requester.region == self.accepter.region
    }

    /// The side that is this VPC.
    pub fn side(&self, vpc: &str) -> Option<&PeeringSide> {
        [&self.requester, &self.accepter].into_iter().find(|side| side.vpc.as_deref() == Some(vpc))
    }
}

/// A transit gateway.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct TransitGateway {
    /// `tgw-…`
    pub id: String,
    /// The account that owns it.
    pub owner: Option<String>,
    /// Whether rules may name groups of other attached VPCs.
    pub references_groups: bool,
}

/// The attachment of something to a transit gateway.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Attachment {
    /// `tgw-attach-…`
    pub id: String,
    /// The gateway that it is attached to. Two gateways that are peered see one attachment, each its own way.
    pub gateway: String,
    /// What is attached.
    pub resource: Option<Attached>,
    /// `available`, `pendingAcceptance` …
    pub state: String,
    /// The route table that decides where traffic goes that comes in through it; `None` if none is associated; absent
    /// where no answer told.
    pub table: Option<Option<String>>,
    /// Of a VPC: the subnets with an interface of the gateway, one in each Availability Zone that it serves.
    pub subnets: Vec<String>,
    /// Of a VPC: whether rules may name groups of other attached VPCs.
    pub references_groups: bool,
}

/// What is attached to a transit gateway.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Attached {
    /// A VPC.
    Vpc(String),
    /// Another transit gateway.
    Gateway(String),
    /// A VPN connection, a Direct Connect gateway …: its kind and id.
    Beyond(String),
}

impl Attachment {
    /// The VPC, if one is attached.
    pub fn vpc(&self) -> Option<&str> {
        match &self.resource {
            Some(Attached::Vpc(id)) => Some(id),
            _ => None,
        }
    }

    /// Whether traffic passes.
    pub fn is_available(&self) -> bool {
        // An attachment that is being modified keeps working.
        matches!(self.state.as_str(), "available" | "modifying")
    }
}

/// The routes of a transit gateway's route table.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct TransitRoutes {
    /// `tgw-rtb-…`
    pub table: String,
    /// The routes.
    pub routes: Vec<TransitRoute>,
    /// Whether the answer holds all of them.
    pub is_whole: bool,
}

/// A route of a transit gateway.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TransitRoute {
    /// Where to.
    pub range: IpNet,
    /// The attachments that it leads to, any of which may be used.
    pub attachments: Vec<String>,
    /// Whether the traffic is dropped.
    pub is_blackhole: bool,
}

impl fmt::Display for TransitRoute {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let target = if self.is_blackhole { "a blackhole".to_owned() } else { self.attachments.join(" or ") };
        write!(f, "{} {target}", self.range)
    }
}
