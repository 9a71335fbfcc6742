//! Takes AWS's answers in.

mod vpc;

use std::net::IpAddr;

use ipnet::IpNet;

use super::{CacheSubnets, Snapshot};
use crate::answers::{self, Answers};
use crate::cloud::TAG;
use crate::network::{
    Attached, Attachment, Group, Interface, Machine, Peering, RouteTable, Subnet, TransitGateway, TransitRoutes, Vpc,
};
use crate::rule::{Direction, GroupRef, Peer, Rule, Traffic};

/// What is wrong with an answer: the value, and what it should be.
pub(crate) type Fault = String;

impl Snapshot {
    /// Takes answers in. What is known already is replaced by what is told now.
    ///
    /// # Errors
    /// The first value that is not what its place asks for.
    pub(crate) fn take(&mut self, answers: Answers) -> Result<(), Fault> {
        self.take_caches(&answers);
        self.take_machines(&answers)?;
        self.take_groups(&answers)?;
        self.take_subnets(&answers)?;
        self.take_peerings(&answers)?;
        self.take_gateways(&answers)?;
        self.take_lists(answers)
    }

    fn take_caches(&mut self, answers: &Answers) {
        for cache in answers.serverless_caches.iter().flatten() {
            self.serverless.insert(cache.serverless_cache_name.clone(), cache.clone());
        }
        for group in answers.replication_groups.iter().flatten() {
            self.replication_groups.insert(group.replication_group_id.clone(), group.clone());
        }
        for cluster in answers.cache_clusters.iter().flatten() {
            self.cache_clusters.insert(cluster.cache_cluster_id.clone(), cluster.clone());
        }
        for group in answers.cache_subnet_groups.iter().flatten() {
            let ids = group.subnets.iter().map(|subnet| subnet.subnet_identifier.clone()).collect();
            let subnets = CacheSubnets { vpc: group.vpc_id.clone(), ids };
            self.cache_subnet_groups.insert(group.cache_subnet_group_name.clone(), subnets);
        }
    }

    fn take_machines(&mut self, answers: &Answers) -> Result<(), Fault> {
        for instance in answers.reservations.iter().flatten().flat_map(|reservation| &reservation.instances) {
            // A terminated instance is listed for an hour, without VPC and groups.
            if instance.state.as_ref().and_then(|state| state.name.as_deref()) != Some("terminated") {
                self.machines.insert(instance.instance_id.clone(), machine(instance)?);
            }
        }
        for interface in answers.network_interfaces.iter().flatten() {
            let first = interface.private_ip_address.iter();
            let others = interface.private_ip_addresses.iter().map(|each| &each.private_ip_address);
            let v6 = interface.ipv6_addresses.iter().map(|each| &each.ipv6_address);
            let mut addresses: Vec<IpAddr> = first.chain(others).chain(v6).map(address).collect::<Result<_, _>>()?;
            let mut seen = std::collections::HashSet::new();
            addresses.retain(|address| seen.insert(*address));
            let taken = Interface {
                id: interface.network_interface_id.clone(),
                vpc: interface.vpc_id.clone(),
                subnet: interface.subnet_id.clone(),
                addresses,
                groups: ids(&interface.groups),
                kind: interface.interface_type.clone(),
                description: interface.description.clone(),
                instance: interface.attachment.as_ref().and_then(|attachment| attachment.instance_id.clone()),
            };
            self.interfaces.insert(taken.id.clone(), taken);
        }
        Ok(())
    }

    fn take_groups(&mut self, answers: &Answers) -> Result<(), Fault> {
        for group in answers.security_groups.iter().flatten() {
            let taken = Group {
                id: group.group_id.clone(),
                name: group.group_name.clone(),
                vpc: group.vpc_id.clone(),
                owner: group.owner_id.clone(),
                tags: group.tags.iter().map(|tag| (tag.key.clone(), tag.value.clone())).collect(),
            };
            self.groups.insert(taken.id.clone(), taken);
            // Rules with ids tell more, and are told apart.
            if !self.with_ids.contains(&group.group_id)
                && let (Some(ingress), Some(egress)) = (&group.ip_permissions, &group.ip_permissions_egress)
            {
                let mut rules = Vec::new();
                permissions(group, Direction::Ingress, ingress, &mut rules)?;
                permissions(group, Direction::Egress, egress, &mut rules)?;
                self.rules.insert(group.group_id.clone(), rules);
            }
        }
        for from in answers.security_group_rules.iter().flatten() {
            let Some(rule) = rule(from)? else { continue };
            // The first rule with an id takes the place of those without; a rule told twice counts once.
            if self.with_ids.insert(rule.group.clone()) {
                self.rules.insert(rule.group.clone(), Vec::new());
            }
            let rules = self.rules.entry(rule.group.clone()).or_default();
            match rules.iter_mut().find(|known| known.id == rule.id) {
                Some(known) => *known = rule,
                None => rules.push(rule),
            }
        }
        for group in answers.stale_security_group_set.iter().flatten() {
            let permissions = group.stale_ip_permissions.iter().chain(&group.stale_ip_permissions_egress);
            let gone = permissions.flat_map(|each| &each.user_id_group_pairs).filter_map(|pair| pair.group_id.clone());
            self.stale.extend(gone.map(|gone| (group.group_id.clone(), gone)));
        }
        Ok(())
    }

    fn take_subnets(&mut self, answers: &Answers) -> Result<(), Fault> {
        for subnet in answers.subnets.iter().flatten() {
            let v6 = subnet.ipv6_cidr_block_association_set.iter().map(|each| &each.ipv6_cidr_block);
            let taken = Subnet {
                id: subnet.subnet_id.clone(),
                vpc: subnet.vpc_id.clone(),
                zone: subnet.availability_zone.clone(),
                owner: subnet.owner_id.clone(),
                ranges: subnet.cidr_block.iter().chain(v6).map(range).collect::<Result<_, _>>()?,
            };
            self.subnets.insert(taken.id.clone(), taken);
        }
        for vpc in answers.vpcs.iter().flatten() {
            let others = vpc.cidr_block_association_set.iter().map(|each| &each.cidr_block);
            let v6 = vpc.ipv6_cidr_block_association_set.iter().map(|each| &each.ipv6_cidr_block);
            let taken = Vpc {
                id: vpc.vpc_id.clone(),
                owner: vpc.owner_id.clone(),
                ranges: vpc.cidr_block.iter().chain(others).chain(v6).map(range).collect::<Result<_, _>>()?,
            };
            self.vpcs.insert(taken.id.clone(), taken);
        }
        if let Some(vpc) = &answers.vpc_id {
            let value = |of: &Option<answers::AttributeBooleanValue>| of.as_ref().and_then(|of| of.value);
            self.dns_support.extend(value(&answers.enable_dns_support).map(|value| (vpc.clone(), value)));
            self.dns_hostnames.extend(value(&answers.enable_dns_hostnames).map(|value| (vpc.clone(), value)));
        }
        for acl in answers.network_acls.iter().flatten() {
            for subnet in acl.associations.iter().filter_map(|each| each.subnet_id.clone()) {
                self.acl_of_subnet.insert(subnet, acl.network_acl_id.clone());
            }
            if let (Some(vpc), true) = (&acl.vpc_id, acl.is_default) {
                self.default_acl_of_vpc.insert(vpc.clone(), acl.network_acl_id.clone());
            }
            self.acls.insert(acl.network_acl_id.clone(), vpc::network_acl(acl)?);
        }
        for table in answers.route_tables.iter().flatten() {
            for association in &table.associations {
                match (&association.subnet_id, &table.vpc_id) {
                    (Some(subnet), _) => {
                        self.table_of_subnet.insert(subnet.clone(), table.route_table_id.clone());
                    }
                    (None, Some(vpc)) if association.main => {
                        self.main_table_of_vpc.insert(vpc.clone(), table.route_table_id.clone());
                    }
                    _ => {}
                }
            }
            let taken = RouteTable {
                id: table.route_table_id.clone(),
                vpc: table.vpc_id.clone(),
                owner: table.owner_id.clone(),
                routes: table
                    .routes
                    .iter()
                    .filter_map(|each| vpc::route(each).transpose())
                    .collect::<Result<_, _>>()?,
            };
            self.tables.insert(taken.id.clone(), taken);
        }
        Ok(())
    }

    fn take_peerings(&mut self, answers: &Answers) -> Result<(), Fault> {
        for peering in answers.vpc_peering_connections.iter().flatten() {
            let taken = Peering {
                id: peering.vpc_peering_connection_id.clone(),
                status: peering.status.as_ref().map(|status| status.code.clone()).unwrap_or_default(),
                requester: vpc::side(peering.requester_vpc_info.as_ref())?,
                accepter: vpc::side(peering.accepter_vpc_info.as_ref())?,
            };
            self.peerings.insert(taken.id.clone(), taken);
        }
        Ok(())
    }

    fn take_gateways(&mut self, answers: &Answers) -> Result<(), Fault> {
        let references = |options: &Option<answers::TransitGatewayOptions>| {
            options.as_ref().and_then(|options| options.security_group_referencing_support.as_deref()) == Some("enable")
        };
        for gateway in answers.transit_gateways.iter().flatten() {
            let taken = TransitGateway {
                id: gateway.transit_gateway_id.clone(),
                owner: gateway.owner_id.clone(),
                references_groups: references(&gateway.options),
            };
            self.gateways.insert(taken.id.clone(), taken);
        }
        for from in answers.transit_gateway_vpc_attachments.iter().flatten() {
            let taken = self.attachment_entry(&from.transit_gateway_id, &from.transit_gateway_attachment_id);
            taken.resource = from.vpc_id.clone().map(Attached::Vpc).or(taken.resource.take());
            taken.state = from.state.clone().unwrap_or_default();
            taken.subnets.clone_from(&from.subnet_ids);
            taken.references_groups = references(&from.options);
        }
        for from in answers.transit_gateway_attachments.iter().flatten() {
            let taken = self.attachment_entry(&from.transit_gateway_id, &from.transit_gateway_attachment_id);
            taken.state = from.state.clone().unwrap_or_default();
            let associated = from.association.as_ref().filter(|each| each.state.as_deref() == Some("associated"));
            taken.table = Some(associated.and_then(|each| each.transit_gateway_route_table_id.clone()));
            let id = from.resource_id.clone().unwrap_or_default();
            taken.resource = Some(match from.resource_type.as_deref() {
                Some("vpc") => Attached::Vpc(id),
                Some("peering") => Attached::Gateway(id),
                other => Attached::Beyond(format!("{} {id}", other.unwrap_or("attachment"))),
            });
        }
        if let (Some(routes), Some(table)) = (&answers.routes, &answers.transit_gateway_route_table_id) {
            let taken = TransitRoutes {
                table: table.clone(),
                routes: routes
                    .iter()
                    .filter_map(|each| vpc::transit_route(each).transpose())
                    .collect::<Result<_, _>>()?,
                is_whole: answers.additional_routes_available != Some(true),
            };
            self.transit_routes.insert(table.clone(), taken);
        }
        Ok(())
    }

    fn attachment_entry(&mut self, gateway: &str, id: &str) -> &mut Attachment {
        self.attachments.entry((gateway.to_owned(), id.to_owned())).or_insert_with(|| Attachment {
            id: id.to_owned(),
            gateway: gateway.to_owned(),
            ..Attachment::default()
        })
    }

    fn take_lists(&mut self, answers: Answers) -> Result<(), Fault> {
        for list in answers.prefix_lists.into_iter().flatten() {
            if let Some(entries) = list.max_entries.and_then(|entries| u32::try_from(entries).ok()) {
                self.list_sizes.insert(list.prefix_list_id.clone(), entries);
            }
            if let Some(cidrs) = list.cidrs {
                self.lists.insert(list.prefix_list_id, cidrs.iter().map(range).collect::<Result<_, _>>()?);
            }
        }
        if let (Some(entries), Some(list)) = (answers.entries, answers.prefix_list_id) {
            self.lists.insert(list, entries.iter().map(|each| range(&each.cidr)).collect::<Result<_, _>>()?);
        }
        Ok(())
    }
}

fn address(text: impl AsRef<str>) -> Result<IpAddr, Fault> {
    let text = text.as_ref();
    text.parse().map_err(|_| format!("`{}` is no IP address", text.escape_debug()))
}

/// EC2 writes ranges without host bits; what a person has written otherwise means the same.
fn range(text: impl AsRef<str>) -> Result<IpNet, Fault> {
    let text = text.as_ref();
    let range: IpNet = text.parse().map_err(|_| format!("`{}` is no CIDR block", text.escape_debug()))?;
    Ok(range.trunc())
}

fn ids(groups: &[answers::GroupIdentifier]) -> Vec<String> {
    groups.iter().map(|group| group.group_id.clone()).collect()
}

/// An instance dials out through its primary interface, whose groups and addresses the instance shows as its own.
fn machine(from: &answers::Instance) -> Result<Machine, Fault> {
    let index = |each: &answers::InstanceNetworkInterface| each.attachment.as_ref().and_then(|at| at.device_index);
    let primary = from.network_interfaces.iter().find(|each| index(each) == Some(0));
    let v6 = primary.iter().flat_map(|each| &each.ipv6_addresses).map(|each| &each.ipv6_address);
    let name = from.tags.iter().find(|tag| tag.key == "Name").map(|tag| tag.value.clone());
    Ok(Machine {
        id: from.instance_id.clone(),
        name: name.filter(|name| !name.is_empty()),
        is_windows: from.platform.as_deref().is_some_and(|platform| platform.eq_ignore_ascii_case("windows")),
        vpc: from.vpc_id.clone(),
        subnet: from.subnet_id.clone(),
        interface: primary.and_then(|each| each.network_interface_id.clone()),
        addresses: from.private_ip_address.iter().chain(v6).map(address).collect::<Result<_, _>>()?,
        groups: ids(&from.security_groups),
    })
}

/// AWS writes TCP as `tcp` and also takes its number; ports that are absent or -1 are all ports.
fn traffic(protocol: &str, from: Option<i32>, to: Option<i32>) -> Traffic {
    let port = |port: Option<i32>, all: u16| port.and_then(|port| u16::try_from(port).ok()).unwrap_or(all);
    match protocol {
        "-1" => Traffic::All,
        "tcp" | "6" => Traffic::Tcp(port(from, 0), port(to, u16::MAX)),
        _ => Traffic::Other,
    }
}

/// `None` for a rule whose other side is of a kind that is newer than this program.
fn rule(from: &answers::SecurityGroupRule) -> Result<Option<Rule>, Fault> {
    let peer = match (&from.cidr_ipv4, &from.cidr_ipv6, &from.prefix_list_id, &from.referenced_group_info) {
        (Some(cidr), ..) | (_, Some(cidr), ..) => Peer::Range(range(cidr)?),
        (.., Some(list), _) => Peer::PrefixList(list.clone()),
        (.., Some(pair)) => match group_ref(pair, from.group_owner_id.as_deref()) {
            Some(group) => Peer::Group(group),
            None => return Ok(None),
        },
        _ => return Ok(None),
    };
    Ok(Some(Rule {
        id: Some(from.security_group_rule_id.clone()),
        group: from.group_id.clone(),
        direction: if from.is_egress { Direction::Egress } else { Direction::Ingress },
        traffic: traffic(&from.ip_protocol, from.from_port, from.to_port),
        peer,
        tag: from.tags.iter().find(|tag| tag.key == TAG).map(|tag| tag.value.clone()),
        peering_status: from.referenced_group_info.as_ref().and_then(|pair| pair.peering_status.clone()),
    }))
}

/// The group that a rule of an account's group names; its account, where that is another one.
fn group_ref(pair: &answers::UserIdGroupPair, owner: Option<&str>) -> Option<GroupRef> {
    let account = pair.user_id.clone().filter(|account| owner.is_some_and(|owner| owner != account));
    Some(GroupRef { account, id: pair.group_id.clone()? })
}

/// The rules of one group and direction as `describe-security-groups` writes them: one for each other side.
fn permissions(
    group: &answers::SecurityGroup,
    direction: Direction,
    from: &[answers::IpPermission],
    rules: &mut Vec<Rule>,
) -> Result<(), Fault> {
    for permission in from {
        let traffic = traffic(&permission.ip_protocol, permission.from_port, permission.to_port);
        let mut add = |peer: Peer, peering_status: Option<String>| {
            rules.push(Rule {
                id: None,
                group: group.group_id.clone(),
                direction,
                traffic,
                peer,
                tag: None,
                peering_status,
            });
        };
        for each in &permission.ip_ranges {
            add(Peer::Range(range(&each.cidr_ip)?), None);
        }
        for each in &permission.ipv6_ranges {
            add(Peer::Range(range(&each.cidr_ipv6)?), None);
        }
        for each in &permission.prefix_list_ids {
            add(Peer::PrefixList(each.prefix_list_id.clone()), None);
        }
        for pair in &permission.user_id_group_pairs {
            if let Some(named) = group_ref(pair, group.owner_id.as_deref()) {
                add(Peer::Group(named), pair.peering_status.clone());
            }
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests;
