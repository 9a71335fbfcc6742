//! What decides a hop, in words, as ids for scripts, and in the words of VPC Reachability Analyzer.
//!
//! <https://docs.aws.amazon.com/vpc/latest/reachability/explanation-codes.html>

use serde::{Deserialize, Serialize};

use super::answer::By;
use super::hop::Place;
use super::{ClientKind, Question};
use crate::network::LAST_ENTRY;
use crate::rule::Rule;

/// The thing that decides a hop, by its ids.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(untagged)]
pub enum Evidence {
    /// A rule of a security group.
    Rule {
        /// `sgr-…`, where it is known.
        #[serde(skip_serializing_if = "Option::is_none")]
        security_group_rule_id: Option<String>,
        /// The group.
        security_group_id: String,
    },
    /// An entry of a network ACL.
    AclEntry {
        /// The ACL.
        network_acl_id: String,
        /// The entry; 32767 for the final one.
        rule_number: u16,
    },
    /// A route of a transit gateway.
    TransitRoute {
        /// The table.
        transit_gateway_route_table_id: String,
        /// The route's destination; absent where there is no route.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        destination: Option<String>,
    },
    /// A route.
    Route {
        /// The table.
        route_table_id: String,
        /// The route's destination; absent where there is no route.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        destination: Option<String>,
        /// The route's target.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        target: Option<String>,
    },
    /// A peering connection.
    Peering {
        /// `pcx-…`
        vpc_peering_connection_id: String,
    },
    /// A transit gateway.
    Gateway {
        /// `tgw-…`
        transit_gateway_id: String,
    },
    /// An attachment of a transit gateway.
    Attachment {
        /// `tgw-attach-…`
        transit_gateway_attachment_id: String,
    },
}

impl By<'_> {
    /// One sentence in lower case.
    pub(crate) fn detail(&self, place: Place, question: &Question) -> String {
        match self {
            Self::Nothing => nothing(place, question),
            Self::Missing(need) => format!("{need}: not known"),
            Self::SameVpc(vpc) => (*vpc).to_owned(),
            Self::OtherVpc(from, to) => format!("the client is in {from}, the cache in {to}"),
            Self::SameSubnet(subnet) => format!("both are in {subnet}: no route and no network ACL applies"),
            Self::Rule(rule) => rule.to_string(),
            Self::Rules(rules) => rules.iter().map(ToString::to_string).collect::<Vec<_>>().join("; "),
            Self::NoRule(unpreserved) => no_rule(place, question, unpreserved),
            Self::PartOfSubnets => format!(
                "{} leads to a part of the cache's subnets, and no API tells the cache's addresses in them",
                names(question.client.groups.iter())
            ),
            Self::NoGroups => format!("the API reports no security group of {}", question.cache.name),
            Self::Entry(acl, entry) => format!("{} {entry}", acl.id),
            Self::LastEntry(acl) => format!("{} has no rule for it, and its last one denies the rest", acl.id),
            Self::Route(table, route) | Self::Blackhole(table, route) => format!("{}: {route}", table.id),
            Self::ImplicitLocal(table) => format!("{}: local", table.id),
            Self::NoRoute(table) => {
                let to = if place == Place::RouteBack { "the client" } else { "the cache" };
                format!("{} has no route to {to}", table.id)
            }
            Self::Overlap(table, route) => {
                let whose = if question.client.vpc.is_some() { "the other VPC's" } else { "the client's" };
                format!("{}: {route}: {whose} addresses are this VPC's own, too", table.id)
            }
            Self::Internet(table, route) => format!("{}: {route}: no way to private addresses", table.id),
            Self::Beyond(table, route) => {
                format!("{}: {route}: what that does with the traffic, no EC2 API tells", table.id)
            }
            Self::Elsewhere(table, route, vpc) => match vpc {
                Some(vpc) => format!("{}: {route}, which leads to {vpc}", table.id),
                None => format!("{}: {route}, which does not join the two VPCs", table.id),
            },
            Self::Disconnected(_, from, to) => format!("nothing joins {from} and {to}"),
            Self::Peering(table, route, _) => format!("{}: {route}, active", table.id),
            Self::PeeringState(_, route, peering) => format!("{route}: {} is {}", peering.id, peering.status),
            Self::OutsidePeer(route, peering) => {
                format!("{route}: {} carries only traffic to the CIDR blocks of the VPC behind it", peering.id)
            }
            Self::NotAttached(gateway, vpc) => format!("{vpc} is not attached to {gateway}"),
            Self::AttachmentState(attachment) => format!("{} is {}", attachment.id, attachment.state),
            Self::Zone(attachment, zone) => format!("{} has no subnet in {zone}", attachment.id),
            Self::NotAssociated(attachment) => format!("no route table is associated with {}", attachment.id),
            Self::NoTransitRoute(routes) => format!("{} has no route to it", routes.table),
            Self::TransitBlackhole(routes, route) => format!("{}: {route}", routes.table),
            Self::TransitElsewhere(routes, route, attachment) => {
                format!("{}: {route}, which is {}", routes.table, attached(attachment))
            }
            Self::Resolves(vpc) => format!("{vpc} resolves names"),
            Self::NoHostnames(vpc) => format!(
                "enableDnsSupport or enableDnsHostnames of {vpc} is off, and ElastiCache asks for both where VPCs differ"
            ),
            Self::NoResolver(vpc) => {
                format!("enableDnsSupport of {vpc} is off: which DNS servers the client asks, no API tells")
            }
        }
    }

    /// What decides, by its ids.
    pub(crate) fn evidence(&self) -> Vec<Evidence> {
        let rule = |rule: &Rule| Evidence::Rule {
            security_group_rule_id: rule.id.clone(),
            security_group_id: rule.group.clone(),
        };
        let peering = |id: &str| Evidence::Peering { vpc_peering_connection_id: id.to_owned() };
        let attachment = |id: &str| Evidence::Attachment { transit_gateway_attachment_id: id.to_owned() };
        let transit = |table: &str, destination: Option<String>| Evidence::TransitRoute {
            transit_gateway_route_table_id: table.to_owned(),
            destination,
        };
        let route = |table: &crate::network::RouteTable, route: Option<&crate::network::Route>| Evidence::Route {
            route_table_id: table.id.clone(),
            destination: route.map(|route| route.destination.to_string()),
            target: route.map(|route| route.target.to_string()),
        };
        match self {
            Self::Rule(one) => vec![rule(one)],
            Self::Rules(rules) => rules.iter().map(|each| rule(each)).collect(),
            Self::Entry(acl, entry) => {
                vec![Evidence::AclEntry { network_acl_id: acl.id.clone(), rule_number: entry.number }]
            }
            Self::LastEntry(acl) => {
                vec![Evidence::AclEntry { network_acl_id: acl.id.clone(), rule_number: LAST_ENTRY }]
            }
            Self::Route(table, one)
            | Self::Blackhole(table, one)
            | Self::Overlap(table, one)
            | Self::Internet(table, one)
            | Self::Beyond(table, one)
            | Self::Elsewhere(table, one, _) => vec![route(table, Some(one))],
            Self::ImplicitLocal(table) | Self::NoRoute(table) | Self::Disconnected(table, ..) => {
                vec![route(table, None)]
            }
            Self::Peering(table, one, connection) => vec![route(table, Some(one)), peering(&connection.id)],
            Self::PeeringState(.., connection) | Self::OutsidePeer(_, connection) => vec![peering(&connection.id)],
            Self::NotAttached(gateway, _) => vec![Evidence::Gateway { transit_gateway_id: (*gateway).to_owned() }],
            Self::AttachmentState(each) | Self::Zone(each, _) | Self::NotAssociated(each) => vec![attachment(&each.id)],
            Self::NoTransitRoute(routes) => vec![transit(&routes.table, None)],
            Self::TransitBlackhole(routes, one) | Self::TransitElsewhere(routes, one, _) => {
                vec![transit(&routes.table, Some(one.range.to_string()))]
            }
            _ => Vec::new(),
        }
    }

    /// Reachability Analyzer's word for what is wrong.
    pub(crate) fn aws_code(&self) -> Option<&'static str> {
        Some(match self {
            Self::NoRule(unpreserved) if !unpreserved.is_empty() => "SG_REFERENCES_NOT_PRESERVED",
            Self::NoRule(_) => "ENI_SG_RULES_MISMATCH",
            Self::Entry(..) | Self::LastEntry(_) => "SUBNET_ACL_RESTRICTION",
            Self::NoRoute(_) | Self::Elsewhere(..) => "NO_ROUTE_TO_DESTINATION",
            Self::Blackhole(..) => "BAD_STATE_ROUTE",
            Self::Overlap(..) => "CANNOT_ROUTE",
            Self::Internet(..) => "IGW_DESTINATION_ADDRESS_NOT_IN_RFC1918_EGRESS",
            Self::Beyond(..) => "UNKNOWN_RESOURCE",
            Self::Disconnected(..) => "DISCONNECTED_VPCS",
            Self::PeeringState(..) => "BAD_STATE",
            Self::OutsidePeer(..) => "PCX_REQUIRES_ADDRESS_IN_VPC_CIDR",
            Self::NotAttached(..) => "NO_POSSIBLE_DESTINATION",
            Self::AttachmentState(_) => "BAD_STATE_ATTACHMENT",
            Self::Zone(..) => "TGW_ROUTE_AZ_RESTRICTION",
            Self::NotAssociated(_) => "TGW_ATTACH_MISSING_TGW_RTB_ASSOCIATION",
            Self::NoTransitRoute(_) | Self::TransitElsewhere(..) => "TGW_RTB_NO_ROUTE_TO_TGW_ATTACHMENT",
            Self::TransitBlackhole(..) => "TGW_RTB_BAD_STATE_ROUTE",
            _ => return None,
        })
    }
}

fn attached(attachment: &crate::network::Attachment) -> String {
    use crate::network::Attached;
    match &attachment.resource {
        Some(Attached::Vpc(vpc)) => vpc.clone(),
        Some(Attached::Gateway(gateway)) => format!("the peered {gateway}"),
        Some(Attached::Beyond(what)) => what.clone(),
        None => "something that no answer tells".to_owned(),
    }
}

fn names<T: ToString>(all: impl Iterator<Item = T>) -> String {
    all.map(|each| each.to_string()).collect::<Vec<_>>().join(" or ")
}

/// The client as a sentence names it.
pub(crate) fn client(question: &Question) -> String {
    let client = &question.client;
    match &client.prefix_list {
        Some(list) => list.clone(),
        None if client.groups.is_empty() => {
            client.addresses.iter().map(ToString::to_string).collect::<Vec<_>>().join(", ")
        }
        None => names(client.groups.iter()),
    }
}

fn no_rule(place: Place, question: &Question, unpreserved: &[&Rule]) -> String {
    let sentence = match place {
        Place::CacheIngress => {
            format!("no rule of {} admits {}", names(question.cache.groups.iter()), client(question))
        }
        _ => format!("no rule of {} leads to {}", client(question), names(question.cache.groups.iter())),
    };
    match unpreserved.first() {
        Some(rule) => format!("{sentence}: `{rule}` names a group, and the way between the VPCs does not tell groups"),
        None => sentence,
    }
}

fn nothing(place: Place, question: &Question) -> String {
    let is_range = question.client.kind == ClientKind::Ranges;
    let is_foreign = question.client.is_foreign();
    match place {
        Place::Vpc if is_range => "an address range names no VPC".to_owned(),
        Place::Vpc if question.client.vpc.is_none() => "the client's VPC is not known".to_owned(),
        Place::Vpc => "the cache's VPC is not known".to_owned(),
        Place::Family => {
            let words: Vec<&str> = question.cache.families.iter().map(|family| family.word()).collect();
            format!("the cache speaks {} only, and the client has no such address", words.join(" and "))
        }
        Place::ClientEgress | Place::ClientSubnet if is_foreign => {
            format!("only its account sees the rules and the members of {}", client(question))
        }
        Place::ClientEgress => "which groups an address range carries is not known".to_owned(),
        Place::ClientSubnet if question.client.kind == ClientKind::Group => {
            format!("no network interface carries {}", client(question))
        }
        Place::ClientSubnet => "the client's subnet is not known".to_owned(),
        Place::CacheSubnet => format!("the API reports no subnet of {}", question.cache.name),
        _ => String::new(),
    }
}
