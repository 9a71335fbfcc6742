//! Small worlds. The cache is in `vpc-1`, 10.0.0.0/24, the client there or in `vpc-2`, 10.0.1.0/24; both VPCs have
//! IPv6, too. All subnets are /29, smaller than AWS has them, so that every address can be tried.

use std::net::IpAddr;
use std::ops::RangeInclusive;

use ipnet::IpNet;
use serde_json::{Value, json};

use super::super::{CacheSide, ClientSide, Question};
use crate::client::LINUX;
use crate::fake;
use crate::need::Need;
use crate::network::{Destination, Peering, PeeringSide, Route, Target};
use crate::ports::Port;
use crate::rule::{Direction, GroupRef, Rule, Traffic};
use crate::segments::Family;
use crate::snapshot::Snapshot;

/// Both families.
pub(super) const BOTH: [Family; 2] = [Family::V4, Family::V6];

/// All subnets; the last is the one of `vpc-2`.
pub(super) const SUBNETS: [&str; 5] = ["subnet-a", "subnet-b", "subnet-c", "subnet-d", "subnet-z"];

/// The networks, and who wants to reach what in them.
#[derive(Clone, Debug)]
pub(super) struct World {
    pub(super) question: Question,
    pub(super) rules: Vec<Rule>,
    /// Groups, and the groups that their rules name and that are gone.
    pub(super) stale: Vec<(String, String)>,
    /// What is in `pl-1`.
    pub(super) list: Vec<IpNet>,
    /// The last is the one of `vpc-2`.
    pub(super) acls: [Vec<Entry>; 4],
    /// Of each subnet.
    pub(super) acl_of: [usize; 5],
    /// The main one of `vpc-1`, another one, the main one of `vpc-2`.
    pub(super) tables: [Vec<Route>; 3],
    /// Of each subnet, where it has one of its own.
    pub(super) table_of: [Option<usize>; 5],
    pub(super) peerings: Vec<Peering>,
}

/// An entry of a network ACL, of whatever protocol.
#[derive(Clone, Debug)]
pub(super) struct Entry {
    pub(super) number: u16,
    pub(super) allows: bool,
    pub(super) direction: Direction,
    pub(super) range: IpNet,
    /// `-1` for all.
    pub(super) protocol: &'static str,
    pub(super) ports: RangeInclusive<u16>,
}

/// The VPC of a subnet.
pub(super) fn vpc_of(subnet: usize) -> &'static str {
    if subnet == 4 { "vpc-2" } else { "vpc-1" }
}

/// Whether an address is in the VPC of a subnet.
pub(super) fn is_in_vpc_of(subnet: usize, address: IpAddr) -> bool {
    let vpc = u8::from(subnet == 4);
    BOTH.iter().any(|family| range(*family, vpc, 0, 24).contains(&address))
}

/// The range of a subnet.
pub(super) fn range_of(subnet: usize, family: Family) -> IpNet {
    if subnet == 4 { range(family, 1, 0, 29) } else { range(family, 0, subnet * 8, 29) }
}

/// All addresses of a range.
pub(super) fn addresses(range: &IpNet) -> Vec<IpAddr> {
    // Also the first and the last, which `hosts` leaves out.
    let each = range.subnets(range.max_prefix_len()).expect("the longest prefix");
    each.map(|address| address.addr()).collect()
}

/// Addresses by their subnet; those outside of all belong to nobody.
pub(super) fn by_subnet(some: &[IpAddr]) -> Vec<(usize, Vec<IpAddr>)> {
    let holds = |at, address: &IpAddr| BOTH.iter().any(|family| range_of(at, *family).contains(address));
    let of = |at| (at, some.iter().copied().filter(|address| holds(at, address)).collect());
    let mut all: Vec<(usize, Vec<IpAddr>)> = (0..SUBNETS.len()).map(of).collect();
    all.retain(|(_, addresses)| !addresses.is_empty());
    all
}

/// The range of this length that holds an address of a VPC; of IPv6, the one with as many addresses.
pub(super) fn range(family: Family, vpc: u8, host: usize, length: u8) -> IpNet {
    let host = u8::try_from(host).unwrap();
    let range = match family {
        _ if length == 0 => return family.everything(),
        Family::V4 => IpNet::new([10, 0, vpc, host].into(), length),
        Family::V6 => IpNet::new([0x2001, 0xdb8, 0, 0, 0, 0, vpc.into(), host.into()].into(), length + 96),
    };
    range.unwrap().trunc()
}

impl Entry {
    /// An entry that lets everything of a family through.
    pub(super) fn all(number: u16, direction: Direction, family: Family) -> Self {
        Self { number, allows: true, direction, range: family.everything(), protocol: "-1", ports: 0..=u16::MAX }
    }
}

/// The route to all of a VPC.
pub(super) fn route_to(family: Family, vpc: u8, target: Target) -> Route {
    let destination = Destination::Range(range(family, vpc, 0, 24));
    Route { destination, target, is_blackhole: false, is_propagated: false }
}

impl World {
    /// A world where everything is open; the client is in subnet-a, the cache somewhere in subnet-b.
    pub(super) fn open() -> Self {
        let rules = [("sg-a", Direction::Egress), ("sg-c", Direction::Ingress)].into_iter().flat_map(|(group, way)| {
            BOTH.map(|family| fake::rule(group, group, way, Traffic::All, &family.everything().to_string()))
        });
        let entries: Vec<Entry> = [Direction::Egress, Direction::Ingress]
            .into_iter()
            .flat_map(|way| [Entry::all(100, way, Family::V4), Entry::all(101, way, Family::V6)])
            .collect();
        let routes = |vpc| BOTH.map(|family| route_to(family, vpc, Target::Local)).to_vec();
        let mut world = Self {
            question: Question {
                cache: CacheSide {
                    vpc: Some("vpc-1".into()),
                    subnets: vec![SUBNETS[1].into()],
                    groups: vec!["sg-c".into()],
                    ports: vec![Port { port: 6379, protocol: "tcp", purpose: "", second: false }],
                    families: BOTH.to_vec(),
                    ..CacheSide::default()
                },
                client: ClientSide {
                    vpc: Some("vpc-1".into()),
                    subnet: Some(SUBNETS[0].into()),
                    groups: vec![GroupRef::of("sg-a")],
                    addresses: BOTH.map(|family| range(family, 0, 7, 32)).to_vec(),
                    ephemeral: LINUX,
                    ..ClientSide::default()
                },
            },
            rules: rules.collect(),
            stale: Vec::new(),
            list: Vec::new(),
            acls: [entries.clone(), entries.clone(), entries.clone(), entries],
            acl_of: [0, 0, 0, 0, 3],
            tables: [routes(0), routes(0), routes(1)],
            table_of: [None; 5],
            peerings: Vec::new(),
        };
        // Both rules of a group need an id.
        for (at, rule) in world.rules.iter_mut().enumerate() {
            rule.id = Some(format!("sgr-{at}"));
        }
        world
    }

    /// The client's addresses of a family.
    pub(super) fn clients(&self, family: Family) -> Vec<IpAddr> {
        let ranges = self.question.client.addresses.iter().filter(|range| Family::of(range) == family);
        ranges.flat_map(addresses).collect()
    }

    /// The cache's addresses of a family: those that are known, else all of its subnets.
    pub(super) fn caches(&self, family: Family) -> Vec<IpAddr> {
        let cache = &self.question.cache;
        let known = cache.addresses.iter().copied().filter(|address| address.is_ipv4() == (family == Family::V4));
        let subnets = (0..SUBNETS.len()).filter(|at| cache.subnets.iter().any(|id| id == SUBNETS[*at]));
        if cache.addresses.is_empty() {
            subnets.flat_map(|at| addresses(&range_of(at, family))).collect()
        } else {
            known.collect()
        }
    }

    /// What the network ACL of a subnet says.
    pub(super) fn entries(&self, subnet: usize) -> &[Entry] {
        &self.acls[self.acl_of[subnet]]
    }

    /// What the route table of a subnet says: its own, else the main one of its VPC.
    pub(super) fn routes(&self, subnet: usize) -> &[Route] {
        &self.tables[self.table_of[subnet].unwrap_or(if subnet == 4 { 2 } else { 0 })]
    }

    /// What AWS tells of it.
    pub(super) fn snapshot(&self) -> Snapshot {
        let range = |vpc, length, family| range(family, vpc, 0, length);
        let vpc = |vpc: u8| {
            json!({
                "VpcId": format!("vpc-{}", vpc + 1), "CidrBlock": range(vpc, 24, Family::V4),
                "Ipv6CidrBlockAssociationSet": [{"Ipv6CidrBlock": range(vpc, 24, Family::V6)}],
            })
        };
        let each = 0..SUBNETS.len();
        let subnet = |at: usize| {
            json!({
                "SubnetId": SUBNETS[at], "VpcId": vpc_of(at), "AvailabilityZone": "us-east-1a",
                "CidrBlock": range_of(at, Family::V4),
                "Ipv6CidrBlockAssociationSet": [{"Ipv6CidrBlock": range_of(at, Family::V6)}],
            })
        };
        let associated = |test: &dyn Fn(usize) -> bool| -> Vec<Value> {
            each.clone().filter(|at| test(*at)).map(|at| json!({"SubnetId": SUBNETS[at]})).collect()
        };
        let acl = |(at, entries): (usize, &Vec<Entry>)| {
            json!({
                "NetworkAclId": format!("acl-{at}"), "VpcId": if at == 3 { "vpc-2" } else { "vpc-1" },
                "Associations": associated(&|subnet| self.acl_of[subnet] == at),
                "Entries": entries.iter().map(told_entry).collect::<Vec<_>>(),
            })
        };
        let table = |(at, routes): (usize, &Vec<Route>)| {
            let mut associations = associated(&|subnet| self.table_of[subnet] == Some(at));
            associations.extend((at != 1).then(|| json!({"Main": true})));
            json!({
                "RouteTableId": format!("rtb-{at}"), "VpcId": if at == 2 { "vpc-2" } else { "vpc-1" },
                "Associations": associations, "Routes": routes.iter().map(told_route).collect::<Vec<_>>(),
            })
        };
        let group = |id: &str, vpc: Option<&String>| json!({"GroupId": id, "GroupName": id, "VpcId": vpc});
        let (client, cache) = (&self.question.client.vpc, &self.question.cache.vpc);
        let stale = self.stale.iter().map(|(group, gone)| {
            json!({"GroupId": group, "StaleIpPermissions": [{"UserIdGroupPairs": [{"GroupId": gone}]}]})
        });
        let facts = json!({
            "Vpcs": [vpc(0), vpc(1)],
            "Subnets": each.clone().map(subnet).collect::<Vec<_>>(),
            "SecurityGroups": [
                group("sg-a", client.as_ref()), group("sg-b", client.as_ref()),
                group("sg-c", cache.as_ref()), group("sg-d", cache.as_ref()),
            ],
            "StaleSecurityGroupSet": stale.collect::<Vec<_>>(),
            "PrefixLists": [{"PrefixListId": "pl-1", "Cidrs": self.list}],
            "NetworkAcls": self.acls.iter().enumerate().map(acl).collect::<Vec<_>>(),
            "RouteTables": self.tables.iter().enumerate().map(table).collect::<Vec<_>>(),
            "VpcPeeringConnections": self.peerings.iter().map(told_peering).collect::<Vec<_>>(),
        });
        let mut known = fake::snapshot(facts, &self.rules);
        for vpc in ["vpc-1", "vpc-2"] {
            let on = json!({"Value": true});
            let names = json!({"VpcId": vpc, "EnableDnsSupport": on, "EnableDnsHostnames": on});
            known.take(fake::answers(names)).unwrap();
        }
        known.told_whole(&Need::peerings("vpc-1", "vpc-2"));
        known.told_whole(&Need::SubnetsOf("vpc-1".into()));
        known
    }
}

fn told_entry(entry: &Entry) -> Value {
    let mut told = json!({
        "RuleNumber": entry.number, "Protocol": entry.protocol, "Egress": entry.direction == Direction::Egress,
        "RuleAction": if entry.allows { "allow" } else { "deny" },
    });
    told[if entry.range.addr().is_ipv4() { "CidrBlock" } else { "Ipv6CidrBlock" }] = json!(entry.range);
    if entry.protocol != "-1" {
        told["PortRange"] = json!({"From": entry.ports.start(), "To": entry.ports.end()});
    }
    told
}

fn told_route(route: &Route) -> Value {
    let origin = if route.is_propagated { "EnableVgwRoutePropagation" } else { "CreateRoute" };
    let mut told = json!({"Origin": origin, "State": if route.is_blackhole { "blackhole" } else { "active" }});
    let (key, to) = match &route.destination {
        Destination::Range(IpNet::V4(range)) => ("DestinationCidrBlock", range.to_string()),
        Destination::Range(IpNet::V6(range)) => ("DestinationIpv6CidrBlock", range.to_string()),
        Destination::PrefixList(id) => ("DestinationPrefixListId", id.clone()),
    };
    told[key] = json!(to);
    let key = match &route.target {
        Target::Peering(_) => "VpcPeeringConnectionId",
        Target::Beyond(id) if id.starts_with("eni-") => "NetworkInterfaceId",
        _ => "GatewayId",
    };
    told[key] = json!(route.target.to_string());
    told
}

fn told_peering(peering: &Peering) -> Value {
    let side = |side: &PeeringSide| {
        let ranges = side.ranges.iter().map(|range| json!({"CidrBlock": range})).collect::<Vec<_>>();
        json!({
            "VpcId": side.vpc, "Region": side.region, "CidrBlockSet": ranges,
            "PeeringOptions": {"AllowDnsResolutionFromRemoteVpc": true},
        })
    };
    json!({
        "VpcPeeringConnectionId": peering.id, "Status": {"Code": peering.status},
        "RequesterVpcInfo": side(&peering.requester), "AccepterVpcInfo": side(&peering.accepter),
    })
}
