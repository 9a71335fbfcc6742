//! What is known of AWS: the facts that answers told, by their ids, and what was asked in vain.
//!
//! A look-up gives the fact, or the [`Need`] that would tell it. Facts are kept for the whole run, so that many documents
//! about one account and Region share them.

mod read;

use std::collections::{BTreeSet, HashMap, HashSet};
use std::mem::{Discriminant, discriminant};
use std::net::IpAddr;
use std::path::Path;

use ec_shared::Failure;
use ec_shared::document::Deployment;
use ec_shared::door::{CacheCluster, ReplicationGroup, ServerlessCache};
use ipnet::IpNet;

use crate::answers::files;
use crate::need::Need;
use crate::network::{
    Attachment, Group, Interface, Machine, NetworkAcl, Peering, RouteTable, Subnet, TransitGateway, TransitRoutes, Vpc,
};
use crate::rule::Rule;

/// What is known of AWS.
#[derive(Debug, Default)]
pub struct Snapshot {
    serverless: HashMap<String, ServerlessCache>,
    replication_groups: HashMap<String, ReplicationGroup>,
    cache_clusters: HashMap<String, CacheCluster>,
    cache_subnet_groups: HashMap<String, CacheSubnets>,
    machines: HashMap<String, Machine>,
    interfaces: HashMap<String, Interface>,
    groups: HashMap<String, Group>,
    rules: HashMap<String, Vec<Rule>>,
    /// Groups whose `rules` have their ids.
    with_ids: HashSet<String>,
    /// Group, and the group on the other side that is gone.
    stale: BTreeSet<(String, String)>,
    subnets: HashMap<String, Subnet>,
    vpcs: HashMap<String, Vpc>,
    dns_support: HashMap<String, bool>,
    dns_hostnames: HashMap<String, bool>,
    acls: HashMap<String, NetworkAcl>,
    acl_of_subnet: HashMap<String, String>,
    default_acl_of_vpc: HashMap<String, String>,
    tables: HashMap<String, RouteTable>,
    table_of_subnet: HashMap<String, String>,
    main_table_of_vpc: HashMap<String, String>,
    peerings: HashMap<String, Peering>,
    gateways: HashMap<String, TransitGateway>,
    /// By gateway and attachment.
    attachments: HashMap<(String, String), Attachment>,
    transit_routes: HashMap<String, TransitRoutes>,
    lists: HashMap<String, Vec<IpNet>>,
    /// The entries that a list may grow to, which count against quotas.
    list_sizes: HashMap<String, u32>,
    /// What was asked; the failure where it could not be told.
    asked: HashMap<Need, Option<Failure>>,
    /// Kinds of needs of which everything was told.
    whole: HashSet<Discriminant<Need>>,
}

/// The subnets of a cache subnet group.
#[derive(Clone, Debug, Default)]
pub struct CacheSubnets {
    /// The VPC that they are in.
    pub vpc: Option<String>,
    /// Their ids.
    pub ids: Vec<String>,
}

/// A look-up: the fact, or what would tell it.
pub type Known<T> = Result<T, Need>;

impl Snapshot {
    /// Notes that `need` was asked; facts that were told are taken in before.
    pub(crate) fn asked(&mut self, need: Need, failure: Option<Failure>) {
        self.asked.insert(need, failure);
    }

    /// Notes that all there is of the kind of `need` was told.
    pub(crate) fn told_whole(&mut self, need: &Need) {
        self.whole.insert(discriminant(need));
    }

    /// Why a need could not be fetched; `None` where it was not asked, or was told.
    pub(crate) fn refusal(&self, need: &Need) -> Option<&Failure> {
        self.asked.get(need)?.as_ref()
    }

    /// Whether the answer to `need` is in, whatever it was.
    pub(crate) fn is_asked(&self, need: &Need) -> bool {
        self.asked.contains_key(need) || self.whole.contains(&discriminant(need))
    }

    /// Whether AWS has told all that there is to `need`: then what is not there does not exist.
    fn is_told(&self, need: &Need) -> bool {
        self.asked.get(need).is_some_and(Option::is_none) || self.whole.contains(&discriminant(need))
    }

    fn look<'s, T>(&'s self, found: Option<&'s T>, need: impl FnOnce() -> Need) -> Known<Option<&'s T>> {
        if let Some(found) = found {
            return Ok(Some(found));
        }
        let need = need();
        if self.is_told(&need) { Ok(None) } else { Err(need) }
    }

    /// What the answers below a folder say, which the AWS CLI has printed, or `find --save`.
    ///
    /// # Errors
    /// `EC1030` for a file that cannot be taken for answers of AWS, and for a folder without any; `EC9021` if something
    /// cannot be read.
    pub fn of_folder(folder: &Path) -> Result<Self, Failure> {
        files::read(folder)
    }

    /// The subnets of a cache subnet group.
    pub(crate) fn cache_subnets(&self, name: &str) -> Known<Option<&CacheSubnets>> {
        self.look(self.cache_subnet_groups.get(name), || Need::CacheSubnetGroup(name.to_owned()))
    }

    /// A serverless cache.
    pub fn serverless(&self, name: &str) -> Known<Option<&ServerlessCache>> {
        self.look(self.serverless.get(name), || Need::Cache(Deployment::Serverless, name.to_owned()))
    }

    /// A replication group.
    pub fn replication_group(&self, name: &str) -> Known<Option<&ReplicationGroup>> {
        self.look(self.replication_groups.get(name), || Need::Cache(Deployment::ReplicationGroup, name.to_owned()))
    }

    /// A cache cluster.
    pub fn cache_cluster(&self, name: &str) -> Known<Option<&CacheCluster>> {
        self.look(self.cache_clusters.get(name), || Need::Cache(Deployment::Cluster, name.to_owned()))
    }

    /// The names of all caches that are known: serverless ones, replication groups, and clusters outside those.
    pub fn cache_names(&self) -> BTreeSet<&str> {
        let alone = self.cache_clusters.values().filter(|cluster| cluster.replication_group_id.is_none());
        let names = self.serverless.keys().chain(self.replication_groups.keys());
        names.map(String::as_str).chain(alone.map(|cluster| cluster.cache_cluster_id.as_str())).collect()
    }

    /// An instance; not one that is terminated.
    pub fn machine(&self, id: &str) -> Known<Option<&Machine>> {
        self.look(self.machines.get(id), || Need::Instance(id.to_owned()))
    }

    /// All instances that are known, by id.
    pub fn machines(&self) -> Vec<&Machine> {
        let mut machines: Vec<&Machine> = self.machines.values().collect();
        machines.sort_by(|one, other| one.id.cmp(&other.id));
        machines
    }

    /// A network interface.
    pub fn interface(&self, id: &str) -> Known<Option<&Interface>> {
        self.look(self.interfaces.get(id), || Need::Interface(id.to_owned()))
    }

    /// The interface at a private address.
    pub fn interface_at(&self, address: IpAddr) -> Known<Option<&Interface>> {
        let found = self.interfaces.values().filter(|interface| interface.addresses.contains(&address));
        let found = found.min_by(|one, other| one.id.cmp(&other.id));
        self.look(found, || Need::InterfaceAt(address))
    }

    /// The interfaces that carry a group, by id.
    pub fn interfaces_of(&self, group: &str) -> Known<Vec<&Interface>> {
        let need = Need::InterfacesOf(group.to_owned());
        let carries = |interface: &&Interface| interface.groups.iter().any(|each| each == group);
        if !self.is_told(&need) {
            return Err(need);
        }
        let mut found: Vec<&Interface> = self.interfaces.values().filter(carries).collect();
        found.sort_by(|one, other| one.id.cmp(&other.id));
        Ok(found)
    }

    /// A security group.
    pub fn group(&self, id: &str) -> Known<Option<&Group>> {
        self.look(self.groups.get(id), || Need::Group(id.to_owned()))
    }

    /// All security groups that are known of a VPC, by id.
    pub fn groups_of<'s>(&'s self, vpc: &'s str) -> Vec<&'s Group> {
        let mut groups: Vec<&Group> =
            self.groups.values().filter(move |group| group.vpc.as_deref() == Some(vpc)).collect();
        groups.sort_by(|one, other| one.id.cmp(&other.id));
        groups
    }

    /// The rules of a group, in the order that they were told.
    pub fn rules(&self, group: &str) -> Known<&[Rule]> {
        if let Some(rules) = self.rules.get(group) {
            return Ok(rules);
        }
        let need = Need::Rules(group.to_owned());
        if self.is_told(&need) { Ok(&[]) } else { Err(need) }
    }

    /// Forgets the rules of groups, so that they are asked anew.
    pub(crate) fn forget_rules(&mut self, groups: &[String]) {
        self.whole.remove(&discriminant(&Need::Rules(String::new())));
        for group in groups {
            self.rules.remove(group);
            self.with_ids.remove(group);
            self.asked.remove(&Need::Rules(group.clone()));
        }
    }

    /// Forgets an interface, so that it is asked anew.
    pub(crate) fn forget_interface(&mut self, id: &str) {
        self.whole.remove(&discriminant(&Need::Interface(String::new())));
        self.interfaces.remove(id);
        self.asked.remove(&Need::Interface(id.to_owned()));
    }

    /// Whether the group that `rule` names is gone: said by AWS, or seen from the peering connection that led to it.
    pub fn is_stale(&self, rule: &Rule) -> bool {
        let crate::rule::Peer::Group(group) = &rule.peer else { return false };
        let is_gone = |status: &str| matches!(status, "deleted" | "deleting" | "expired" | "failed" | "rejected");
        rule.peering_status.as_deref().is_some_and(is_gone)
            || self.stale.contains(&(rule.group.clone(), group.id.clone()))
    }

    /// A subnet.
    pub fn subnet(&self, id: &str) -> Known<Option<&Subnet>> {
        self.look(self.subnets.get(id), || Need::Subnet(id.to_owned()))
    }

    /// All subnets of a VPC, by id.
    pub fn subnets_of(&self, vpc: &str) -> Known<Vec<&Subnet>> {
        let need = Need::SubnetsOf(vpc.to_owned());
        if !self.is_told(&need) {
            return Err(need);
        }
        let mut subnets: Vec<&Subnet> =
            self.subnets.values().filter(|subnet| subnet.vpc.as_deref() == Some(vpc)).collect();
        subnets.sort_by(|one, other| one.id.cmp(&other.id));
        Ok(subnets)
    }

    /// A VPC.
    pub fn vpc(&self, id: &str) -> Known<Option<&Vpc>> {
        self.look(self.vpcs.get(id), || Need::Vpc(id.to_owned()))
    }

    /// Whether a VPC's resolver answers.
    pub fn dns_support(&self, vpc: &str) -> Known<bool> {
        self.dns_support.get(vpc).copied().ok_or_else(|| Need::DnsSupport(vpc.to_owned()))
    }

    /// Whether a VPC gives its instances names, and resolves those of others.
    pub fn dns_hostnames(&self, vpc: &str) -> Known<bool> {
        self.dns_hostnames.get(vpc).copied().ok_or_else(|| Need::DnsHostnames(vpc.to_owned()))
    }

    /// The network ACL of a subnet.
    ///
    /// AWS lists every subnet with its ACL. ministack lists none with the default ACL of a VPC, which is the one of
    /// every subnet that has no other; that is only certain when all ACLs of the VPC were told.
    pub fn acl(&self, subnet: &Subnet) -> Known<&NetworkAcl> {
        let need = || Need::NetworkAcls(subnet.vpc.clone().unwrap_or_default());
        let by_default = || {
            let vpc = subnet.vpc.as_ref()?;
            self.default_acl_of_vpc.get(vpc).filter(|_| self.is_told(&need()))
        };
        let id = self.acl_of_subnet.get(&subnet.id).or_else(by_default);
        id.and_then(|id| self.acls.get(id)).ok_or_else(need)
    }

    /// The route table of a subnet: its own, else the main one of its VPC.
    pub fn route_table(&self, subnet: &Subnet) -> Known<&RouteTable> {
        let main = || subnet.vpc.as_ref().and_then(|vpc| self.main_table_of_vpc.get(vpc));
        let id = self.table_of_subnet.get(&subnet.id).or_else(main);
        id.and_then(|id| self.tables.get(id)).ok_or_else(|| Need::RouteTables(subnet.vpc.clone().unwrap_or_default()))
    }

    /// The peering connections between two VPCs that are not gone for good, by id.
    pub fn peerings(&self, one: &str, other: &str) -> Known<Vec<&Peering>> {
        let need = Need::peerings(one, other);
        let mut found: Vec<&Peering> = self.peerings.values().filter(|peering| peering.joins(one, other)).collect();
        if found.is_empty() && !self.is_told(&need) {
            return Err(need);
        }
        found.sort_by(|one, other| one.id.cmp(&other.id));
        Ok(found)
    }

    /// A peering connection, whatever it joins; `None` if nothing is known of it.
    pub fn peering(&self, id: &str) -> Option<&Peering> {
        self.peerings.get(id)
    }

    /// A transit gateway.
    pub fn transit_gateway(&self, id: &str) -> Known<&TransitGateway> {
        self.gateways.get(id).ok_or_else(|| Need::TransitGateway(id.to_owned()))
    }

    /// The attachment of a VPC to a transit gateway.
    pub fn attachment_of(&self, gateway: &str, vpc: &str) -> Option<&Attachment> {
        self.attachments.values().find(|each| each.gateway == gateway && each.vpc() == Some(vpc))
    }

    /// An attachment, as its gateway sees it.
    pub fn attachment(&self, gateway: &str, id: &str) -> Option<&Attachment> {
        self.attachments.get(&(gateway.to_owned(), id.to_owned()))
    }

    /// The transit gateways that two VPCs are both attached to, by id, as far as they are known.
    pub fn gateways_between(&self, one: &str, other: &str) -> BTreeSet<&str> {
        let of = |vpc: &str| -> BTreeSet<&str> {
            let attached = self.attachments.values().filter(|each| each.vpc() == Some(vpc) && each.is_available());
            attached.map(|each| each.gateway.as_str()).collect()
        };
        &of(one) & &of(other)
    }

    /// The gateway that a transit gateway's route table belongs to, as far as an attachment tells.
    pub fn gateway_of_table(&self, table: &str) -> Option<&str> {
        let associated = |each: &&Attachment| matches!(&each.table, Some(Some(id)) if id == table);
        self.attachments.values().filter(associated).map(|each| each.gateway.as_str()).min()
    }

    /// The routes of a transit gateway's route table.
    pub fn transit_routes(&self, table: &str) -> Known<&TransitRoutes> {
        self.transit_routes.get(table).ok_or_else(|| Need::TransitGatewayRoutes(table.to_owned()))
    }

    /// The ranges in a prefix list.
    pub fn prefix_list(&self, id: &str) -> Known<&[IpNet]> {
        self.lists.get(id).map(Vec::as_slice).ok_or_else(|| Need::PrefixList(id.to_owned()))
    }

    /// How many rules a reference to a prefix list counts for; `None` if there is no such list.
    pub fn prefix_list_size(&self, id: &str) -> Known<Option<u32>> {
        self.look(self.list_sizes.get(id), || Need::PrefixListSize(id.to_owned())).map(Option::<&_>::copied)
    }
}
