//! What has to be changed about the network, and by whom: entries of network ACLs, routes, connections between VPCs.

mod acl;

use ec_shared::document::{Change, ChangeState};
use ipnet::IpNet;
use serde_json::{Value, json};

use crate::network::{Attachment, Destination, Route, RouteTable, TransitRoutes};
use crate::path::{By, ClientKind, Place, Question, Step, Verdict};
use crate::rule::Direction;
use crate::segments::{Family, overlap};
use crate::snapshot::Snapshot;

/// A change that is not for `apply`.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct ByOthers {
    /// The id of what is to be changed, as hops name it.
    pub(crate) about: String,
    /// Which way, where that is a part of what is to be changed.
    pub(crate) direction: Option<Direction>,
    pub(crate) action: &'static str,
    pub(crate) resource: String,
    pub(crate) after: Value,
    pub(crate) reason: String,
    /// Who owns what is to be changed.
    pub(crate) by: String,
    /// The command.
    pub(crate) run: String,
}

impl ByOthers {
    pub(crate) fn change(&self) -> Change {
        let change = Change::new(self.action, self.resource.clone(), ChangeState::Planned)
            .after(&self.after)
            .reason(&self.reason);
        Change { by: Some(self.by.clone()), run: Some(self.run.clone()), ..change }
    }
}

/// The identifier of what is created by a change before it, in the same plan.
const NEW_PEERING: &str = "pcx-NEW";
const NEW_ATTACHMENT: &str = "tgw-attach-NEW";

/// The changes, each once.
pub(crate) fn mends(question: &Question, known: &Snapshot, steps: &[Step<'_>]) -> Vec<ByOthers> {
    let mut mends: Vec<ByOthers> = acl::entries(question, known, steps);
    for step in steps.iter().filter(|step| step.answer.verdict == Verdict::No) {
        let plan = Plan { question, known, step };
        for mend in plan.mends() {
            if mends.iter().all(|known| known.resource != mend.resource) {
                mends.push(mend);
            }
        }
    }
    mends
}

/// Whether the way between two VPCs is closed, and no change is known that opens it: their addresses overlap, say.
pub(crate) fn is_hopeless(question: &Question, known: &Snapshot, steps: &[Step<'_>]) -> bool {
    let is_way = |step: &&Step<'_>| matches!(step.place, Place::RouteOut | Place::RouteBack);
    let closed = steps.iter().filter(is_way).filter(|step| step.answer.verdict == Verdict::No);
    question.client.vpc.is_some()
        && question.client.vpc != question.cache.vpc
        && closed.map(|step| Plan { question, known, step }).any(|plan| plan.mends().is_empty())
}

/// The addresses of the cache in one of its subnets: exact ones where they are known.
pub(super) fn cache_ranges(question: &Question, known: &Snapshot, subnet: &str, family: Option<Family>) -> Vec<IpNet> {
    let is_of = |range: &IpNet| family.is_none_or(|family| Family::of(range) == family);
    let spoken = |range: &IpNet| question.cache.families.contains(&Family::of(range));
    let exact: Vec<IpNet> = question.cache.addresses.iter().copied().map(crate::segments::host).collect();
    let ranges = match known.subnet(subnet) {
        Ok(Some(subnet)) => subnet.ranges.clone(),
        _ => Vec::new(),
    };
    let exact: Vec<IpNet> = exact.into_iter().filter(|each| ranges.iter().any(|range| range.contains(each))).collect();
    let ranges = if exact.is_empty() { ranges } else { exact };
    ranges.into_iter().filter(|range| is_of(range) && spoken(range)).collect()
}

/// The addresses of the client that a step is about.
fn client_ranges(question: &Question, step: &Step<'_>) -> Vec<IpNet> {
    let is_of = |range: &&IpNet| step.family.is_none_or(|family| Family::of(range) == family);
    let subnet = step.from.map(|subnet| subnet.ranges.as_slice()).unwrap_or_default();
    let own = question.client.addresses.iter().filter(is_of);
    match question.client.kind {
        ClientKind::Interface => own.copied().collect(),
        ClientKind::Group => subnet.iter().filter(is_of).copied().collect(),
        ClientKind::Ranges if subnet.is_empty() => own.copied().collect(),
        ClientKind::Ranges => own
            .flat_map(|range| {
                subnet.iter().filter(|each| overlap(each, range)).map(move |each| narrower(*each, *range))
            })
            .collect(),
    }
}

fn narrower(one: IpNet, other: IpNet) -> IpNet {
    if one.prefix_len() >= other.prefix_len() { one } else { other }
}

fn owner(account: Option<&str>, vpc: Option<&str>) -> String {
    let vpc = vpc.unwrap_or("the VPC");
    match account {
        Some(account) => format!("account {account}, which owns {vpc}"),
        None => format!("the owner of {vpc}"),
    }
}

/// The changes for one closed step about routes.
struct Plan<'a, 's> {
    question: &'a Question,
    known: &'s Snapshot,
    step: &'a Step<'s>,
}

impl Plan<'_, '_> {
    fn mends(&self) -> Vec<ByOthers> {
        match &self.step.answer.by {
            By::NoRoute(table) | By::Internet(table, _) | By::Elsewhere(table, ..) | By::Disconnected(table, ..) => {
                self.routes(table)
            }
            By::Blackhole(table, route) if self.vpcs().is_none_or(|(from, to)| from == to) => {
                vec![without_route(table, route)]
            }
            By::PeeringState(.., peering) if peering.is_waiting() => {
                vec![accept(&peering.id, peering.accepter.owner.as_deref(), peering.accepter.vpc.as_deref())]
            }
            By::Blackhole(table, _) | By::PeeringState(table, ..) => self.routes(table),
            By::NotAttached(gateway, vpc) => vec![attach(gateway, vpc)],
            By::AttachmentState(attachment) if attachment.state == "pendingAcceptance" => vec![ByOthers {
                about: attachment.id.clone(),
                direction: None,
                action: "accept",
                resource: attachment.id.clone(),
                after: json!({"transit_gateway_attachment_id": attachment.id}),
                reason: "an attachment carries traffic once the gateway's owner has accepted it".to_owned(),
                by: self.gateway_owner(&attachment.gateway),
                run: format!(
                    "aws ec2 accept-transit-gateway-vpc-attachment --transit-gateway-attachment-id {}",
                    attachment.id
                ),
            }],
            By::Zone(attachment, zone) => self.zone(attachment, zone),
            By::NotAssociated(attachment) => vec![ByOthers {
                about: attachment.id.clone(),
                direction: None,
                action: "associate",
                resource: format!("a route table with {}", attachment.id),
                after: json!({"transit_gateway_attachment_id": attachment.id}),
                reason: "the associated route table decides where traffic from an attachment goes".to_owned(),
                by: self.gateway_owner(&attachment.gateway),
                run: format!(
                    "aws ec2 associate-transit-gateway-route-table --transit-gateway-attachment-id {} \
                     --transit-gateway-route-table-id TABLE",
                    attachment.id
                ),
            }],
            By::NoTransitRoute(routes) | By::TransitElsewhere(routes, ..) | By::TransitBlackhole(routes, _) => {
                self.transit_routes(routes)
            }
            _ => Vec::new(),
        }
    }

    /// The VPCs that the traffic goes from and to.
    fn vpcs(&self) -> Option<(&str, &str)> {
        let (client, cache) = (self.question.client.vpc.as_deref()?, self.question.cache.vpc.as_deref()?);
        Some(if self.step.place == Place::RouteBack { (cache, client) } else { (client, cache) })
    }

    /// The ranges that the traffic goes to: whole subnets, so that the route outlives a single address.
    fn ranges(&self) -> Vec<IpNet> {
        let is_of = |range: &&IpNet| self.step.family.is_none_or(|family| Family::of(range) == family);
        let to = || self.step.to.and_then(|id| self.known.subnet(id).ok().flatten());
        let subnet = if self.step.place == Place::RouteBack { self.step.from } else { to() };
        subnet.map(|subnet| subnet.ranges.iter().filter(is_of).copied().collect()).unwrap_or_default()
    }

    /// Routes over what joins the two VPCs, which is made where there is none.
    fn routes(&self, table: &RouteTable) -> Vec<ByOthers> {
        let Some((from, to)) = self.vpcs().filter(|(from, to)| from != to) else { return Vec::new() };
        let mut mends = Vec::new();
        let peerings = self.known.peerings(from, to).unwrap_or_default();
        let peering = peerings.iter().filter(|peering| !peering.is_dead()).min_by_key(|peering| !peering.is_active());
        let gateway = self.known.gateways_between(from, to).into_iter().next();
        let (flag, target) = match (peering, gateway) {
            (Some(peering), _) => {
                if peering.is_waiting() {
                    let side = &peering.accepter;
                    mends.push(accept(&peering.id, side.owner.as_deref(), side.vpc.as_deref()));
                }
                ("vpc-peering-connection-id", peering.id.as_str())
            }
            (None, Some(gateway)) => ("transit-gateway-id", gateway),
            (None, None) => {
                // The same change whichever way the traffic goes.
                let client = self.question.client.vpc.as_deref().unwrap_or(from);
                let cache = self.question.cache.vpc.as_deref().unwrap_or(to);
                mends.push(ByOthers {
                    about: table.id.clone(),
                    direction: None,
                    action: "create",
                    resource: format!("peering connection between {client} and {cache}"),
                    after: json!({"vpc_id": client, "peer_vpc_id": cache, "vpc_peering_connection_id": NEW_PEERING}),
                    reason: "nothing joins the two VPCs".to_owned(),
                    by: format!("the owners of {client} and {cache}"),
                    run: format!(
                        "aws ec2 create-vpc-peering-connection --vpc-id {client} --peer-vpc-id {cache}, \
                         then aws ec2 accept-vpc-peering-connection"
                    ),
                });
                ("vpc-peering-connection-id", NEW_PEERING)
            }
        };
        let own = |route: &Route| if let Destination::Range(range) = route.destination { Some(range) } else { None };
        let known: Vec<IpNet> = table.routes.iter().filter_map(own).collect();
        for (verb, range) in verbs(&known, self.ranges()) {
            let block = match Family::of(&range) {
                Family::V4 => "destination-cidr-block",
                Family::V6 => "destination-ipv6-cidr-block",
            };
            mends.push(ByOthers {
                about: table.id.clone(),
                direction: None,
                action: verb,
                resource: format!("{}: route {range} {target}", table.id),
                after: json!({"route_table_id": table.id, "destination": range, "target": target}),
                reason: match self.step.place {
                    Place::RouteBack => "the cache's answers find the client".to_owned(),
                    _ => "the client's traffic finds the cache".to_owned(),
                },
                by: owner(table.owner.as_deref(), table.vpc.as_deref()),
                run: format!("aws ec2 {verb}-route --route-table-id {} --{block} {range} --{flag} {target}", table.id),
            });
        }
        mends
    }

    fn zone(&self, attachment: &Attachment, zone: &str) -> Vec<ByOthers> {
        let at = match self.step.place {
            Place::RouteBack => self.step.to,
            _ => self.step.from.map(|subnet| subnet.id.as_str()),
        };
        let Some(subnet) = at else { return Vec::new() };
        vec![ByOthers {
            about: attachment.id.clone(),
            direction: None,
            action: "modify",
            resource: format!("{}: add {subnet}", attachment.id),
            after: json!({"transit_gateway_attachment_id": attachment.id, "add_subnet_id": subnet}),
            reason: format!("traffic from {zone} enters the gateway only through a subnet in {zone}"),
            by: owner(None, attachment.vpc()),
            run: format!(
                "aws ec2 modify-transit-gateway-vpc-attachment --transit-gateway-attachment-id {} \
                 --add-subnet-ids {subnet}",
                attachment.id
            ),
        }]
    }

    fn transit_routes(&self, routes: &TransitRoutes) -> Vec<ByOthers> {
        let Some((_, to)) = self.vpcs() else { return Vec::new() };
        let gateway = self.gateway_of(routes);
        let attachment = gateway.and_then(|gateway| self.known.attachment_of(gateway, to));
        let mut mends = Vec::new();
        if let (None, Some(gateway)) = (attachment, gateway) {
            mends.push(attach(gateway, to));
        }
        let target = attachment.map_or(NEW_ATTACHMENT, |attachment| attachment.id.as_str());
        let known: Vec<IpNet> = routes.routes.iter().map(|route| route.range).collect();
        for (verb, range) in verbs(&known, self.ranges()) {
            mends.push(ByOthers {
                about: routes.table.clone(),
                direction: None,
                action: verb,
                resource: format!("{}: route {range} {target}", routes.table),
                after: json!({
                    "transit_gateway_route_table_id": routes.table, "destination": range,
                    "transit_gateway_attachment_id": target,
                }),
                reason: format!("the gateway hands the traffic on to {to}"),
                by: gateway.map_or_else(|| "the transit gateway's owner".to_owned(), |id| self.gateway_owner(id)),
                run: format!(
                    "aws ec2 {verb}-transit-gateway-route --transit-gateway-route-table-id {} \
                     --destination-cidr-block {range} --transit-gateway-attachment-id {target}",
                    routes.table
                ),
            });
        }
        mends
    }

    /// The gateway whose route table this is: the one that an attachment is associated with it at.
    fn gateway_of(&self, routes: &TransitRoutes) -> Option<&str> {
        self.known.gateway_of_table(&routes.table)
    }

    fn gateway_owner(&self, gateway: &str) -> String {
        match self.known.transit_gateway(gateway).ok().and_then(|gateway| gateway.owner.as_deref()) {
            Some(account) => format!("account {account}, which owns {gateway}"),
            None => format!("the owner of {gateway}"),
        }
    }
}

/// How the routes to these ranges come about: one that the table has for exactly a range, or for a part of it, is replaced;
/// beside a wider one, the longer prefix decides.
fn verbs(known: &[IpNet], ranges: Vec<IpNet>) -> Vec<(&'static str, IpNet)> {
    let verbs = ranges.into_iter().flat_map(|range| {
        let within: Vec<IpNet> = known.iter().copied().filter(|each| range.contains(each)).collect();
        let is_new = !within.contains(&range);
        let replaced = within.into_iter().map(|each| ("replace", each));
        is_new.then_some(("create", range)).into_iter().chain(replaced).collect::<Vec<_>>()
    });
    verbs.collect()
}

fn accept(id: &str, account: Option<&str>, vpc: Option<&str>) -> ByOthers {
    ByOthers {
        about: id.to_owned(),
        direction: None,
        action: "accept",
        resource: format!("peering connection {id}"),
        after: json!({"vpc_peering_connection_id": id}),
        reason: "a peering connection carries traffic once the other side has accepted it".to_owned(),
        by: owner(account, vpc),
        run: format!("aws ec2 accept-vpc-peering-connection --vpc-peering-connection-id {id}"),
    }
}

/// Within a VPC: once the blackhole is gone, the VPC's own route applies.
fn without_route(table: &RouteTable, route: &Route) -> ByOthers {
    let flag = match &route.destination {
        Destination::PrefixList(_) => "destination-prefix-list-id",
        Destination::Range(IpNet::V4(_)) => "destination-cidr-block",
        Destination::Range(IpNet::V6(_)) => "destination-ipv6-cidr-block",
    };
    ByOthers {
        about: table.id.clone(),
        direction: None,
        action: "delete",
        resource: format!("{}: route {} {}", table.id, route.destination, route.target),
        after: json!({"route_table_id": table.id, "destination": route.destination.to_string()}),
        reason: "without the blackhole, the VPC's own route applies".to_owned(),
        by: owner(table.owner.as_deref(), table.vpc.as_deref()),
        run: format!("aws ec2 delete-route --route-table-id {} --{flag} {}", table.id, route.destination),
    }
}

fn attach(gateway: &str, vpc: &str) -> ByOthers {
    ByOthers {
        about: gateway.to_owned(),
        direction: None,
        action: "attach",
        resource: format!("{vpc} to {gateway}"),
        after: json!({"transit_gateway_id": gateway, "vpc_id": vpc}),
        reason: "a transit gateway carries traffic between attached VPCs only".to_owned(),
        by: owner(None, Some(vpc)),
        run: format!(
            "aws ec2 create-transit-gateway-vpc-attachment --transit-gateway-id {gateway} --vpc-id {vpc} \
             --subnet-ids SUBNET..."
        ),
    }
}
