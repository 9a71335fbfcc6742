//! What a VPC network is made of, as far as it decides whether a TCP connection can be made.
//!
//! Names are AWS's. Ids are kept as AWS writes them.

mod links;

use std::fmt;
use std::net::IpAddr;
use std::ops::RangeInclusive;

use ipnet::IpNet;

pub use links::{Attached, Attachment, Peering, PeeringSide, TransitGateway, TransitRoute, TransitRoutes};

use crate::rule::Direction;

/// A security group, without its rules.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Group {
    /// `sg-…`
    pub id: String,
    /// The name, unique in its VPC.
    pub name: Option<String>,
    /// The VPC.
    pub vpc: Option<String>,
    /// The account that owns it.
    pub owner: Option<String>,
    /// Its tags, as key and value.
    pub tags: Vec<(String, String)>,
}

impl Group {
    /// Whether it is the group that comes with the VPC, which every interface carries that names no other.
    pub fn is_default(&self) -> bool {
        self.name.as_deref() == Some("default")
    }

    /// Whether the console's "connect compute resource" made it: a cache's `elasticache-ec2-…` or an instance's
    /// `ec2-elasticache-…`. The console no longer takes a group for its own once it was changed.
    /// <https://docs.aws.amazon.com/AmazonElastiCache/latest/dg/compute-connection.html>
    pub fn is_of_console(&self) -> bool {
        let named = |prefix| self.name.as_deref().is_some_and(|name| name.starts_with(prefix) && name.contains(':'));
        named("elasticache-ec2-") || named("ec2-elasticache-")
    }

    /// The tool that manages the group and would undo changes of others: told by its tags.
    pub fn manager(&self) -> Option<&'static str> {
        let has = |key: &str| self.tags.iter().any(|(each, _)| each == key);
        let says = |key: &str, value: &str| {
            self.tags.iter().any(|(each, text)| each.eq_ignore_ascii_case(key) && text.eq_ignore_ascii_case(value))
        };
        if has("aws:cloudformation:stack-name") {
            Some("CloudFormation")
        } else if ["ManagedBy", "managed-by", "managed_by"].iter().any(|key| says(key, "terraform"))
            || self.tags.iter().any(|(key, value)| key.eq_ignore_ascii_case("terraform") && value != "false")
        {
            Some("Terraform")
        } else {
            None
        }
    }
}

/// An EC2 instance.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Machine {
    /// `i-…`
    pub id: String,
    /// Its Name tag.
    pub name: Option<String>,
    /// Whether it runs Windows.
    pub is_windows: bool,
    /// The VPC.
    pub vpc: Option<String>,
    /// The subnet of its primary interface.
    pub subnet: Option<String>,
    /// The primary interface, which the instance dials out through.
    pub interface: Option<String>,
    /// The primary interface's private addresses.
    pub addresses: Vec<IpAddr>,
    /// The primary interface's security groups.
    pub groups: Vec<String>,
}

/// A network interface.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Interface {
    /// `eni-…`
    pub id: String,
    /// The VPC.
    pub vpc: Option<String>,
    /// The subnet.
    pub subnet: Option<String>,
    /// Its private addresses.
    pub addresses: Vec<IpAddr>,
    /// Its security groups.
    pub groups: Vec<String>,
    /// `interface`, `lambda`, `vpc_endpoint`, `nat_gateway` …
    pub kind: Option<String>,
    /// What its maker wrote on it.
    pub description: Option<String>,
    /// The instance that it is attached to.
    pub instance: Option<String>,
}

/// A subnet.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Subnet {
    /// `subnet-…`
    pub id: String,
    /// The VPC.
    pub vpc: Option<String>,
    /// `us-east-1a`
    pub zone: Option<String>,
    /// The account that owns it: another one where the VPC is shared.
    pub owner: Option<String>,
    /// Its CIDR blocks, IPv4 and IPv6.
    pub ranges: Vec<IpNet>,
}

/// A VPC.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Vpc {
    /// `vpc-…`
    pub id: String,
    /// The account that owns it.
    pub owner: Option<String>,
    /// Its CIDR blocks, IPv4 and IPv6.
    pub ranges: Vec<IpNet>,
}

/// A network ACL.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct NetworkAcl {
    /// `acl-…`
    pub id: String,
    /// The VPC.
    pub vpc: Option<String>,
    /// The account that owns it.
    pub owner: Option<String>,
    /// Its entries, the lowest number first, without the final `*` that denies everything.
    pub entries: Vec<AclEntry>,
}

/// An entry of a network ACL, as far as it can matter for TCP.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AclEntry {
    /// Its number: the lowest that matches decides.
    pub number: u16,
    /// Whether traffic is let through.
    pub allows: bool,
    /// Out of the subnet or into it.
    pub direction: Direction,
    /// The other side.
    pub range: IpNet,
    /// The destination ports; `None` for all protocols.
    pub ports: Option<RangeInclusive<u16>>,
}

/// The number that the API gives to an ACL's final entry, which denies everything.
pub const LAST_ENTRY: u16 = 32767;

impl fmt::Display for AclEntry {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let verb = if self.allows { "allows" } else { "denies" };
        write!(f, "rule {} {verb} ", self.number)?;
        match &self.ports {
            None => f.write_str("all traffic")?,
            Some(ports) if *ports == (0..=u16::MAX) => f.write_str("all tcp")?,
            Some(ports) if ports.start() == ports.end() => write!(f, "tcp {}", ports.start())?,
            Some(ports) => write!(f, "tcp {}-{}", ports.start(), ports.end())?,
        }
        write!(f, " {} {}", self.direction.preposition(), self.range)
    }
}

/// A route table.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct RouteTable {
    /// `rtb-…`
    pub id: String,
    /// The VPC.
    pub vpc: Option<String>,
    /// The account that owns it.
    pub owner: Option<String>,
    /// Its routes.
    pub routes: Vec<Route>,
}

/// A route.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Route {
    /// Where to.
    pub destination: Destination,
    /// By what way.
    pub target: Target,
    /// Whether the target is gone: the traffic is dropped.
    pub is_blackhole: bool,
    /// Whether a virtual private gateway put it there. A route that somebody wrote comes first.
    pub is_propagated: bool,
}

/// The destination of a route.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Destination {
    /// A CIDR block.
    Range(IpNet),
    /// All blocks of a prefix list.
    PrefixList(String),
}

impl fmt::Display for Destination {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Range(range) => write!(f, "{range}"),
            Self::PrefixList(id) => f.write_str(id),
        }
    }
}

/// What a route leads to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Target {
    /// The VPC itself.
    Local,
    /// `pcx-…`
    Peering(String),
    /// `tgw-…`
    TransitGateway(String),
    /// `igw-…` or `eigw-…`: the Internet, where private addresses do not exist.
    Internet(String),
    /// `nat-…`: hands on what it gets, as the routes of its own subnet say.
    Nat(String),
    /// Anything whose other side the API does not show: a virtual private gateway, an appliance's interface, a Gateway
    /// Load Balancer endpoint, a core network …
    Beyond(String),
}

impl fmt::Display for Target {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Local => f.write_str("local"),
            Self::Peering(id) | Self::TransitGateway(id) | Self::Internet(id) | Self::Nat(id) | Self::Beyond(id) => {
                f.write_str(id)
            }
        }
    }
}

impl fmt::Display for Route {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}", self.destination, self.target)?;
        if self.is_blackhole { f.write_str(", a blackhole") } else { Ok(()) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn groups_that_others_look_after_are_known() {
        let named = |name: &str| Group { name: Some(name.into()), ..Group::default() };
        for (name, of_console) in [
            ("elasticache-ec2-orders:i-0abc", true),
            ("ec2-elasticache-i-0abc:orders", true),
            ("elasticache-ec2", false),
            ("orders-cache", false),
        ] {
            assert_eq!(named(name).is_of_console(), of_console, "{name}");
        }
        let tagged = |key: &str, value: &str| Group { tags: vec![(key.into(), value.into())], ..Group::default() };
        for (key, value, manager) in [
            ("aws:cloudformation:stack-name", "net", Some("CloudFormation")),
            ("ManagedBy", "terraform", Some("Terraform")),
            ("managed-by", "Terraform", Some("Terraform")),
            ("terraform", "true", Some("Terraform")),
            ("Name", "terraform", None),
        ] {
            assert_eq!(tagged(key, value).manager(), manager, "{key}={value}");
        }
    }

    #[test]
    fn entries_and_routes_read_as_the_console_shows_them() {
        let entry = |number, allows, ports| AclEntry {
            number,
            allows,
            direction: Direction::Ingress,
            range: "10.0.1.0/24".parse().unwrap(),
            ports,
        };
        assert_eq!(entry(100, true, None).to_string(), "rule 100 allows all traffic from 10.0.1.0/24");
        assert_eq!(entry(90, false, Some(6379..=6379)).to_string(), "rule 90 denies tcp 6379 from 10.0.1.0/24");
        assert_eq!(entry(1, true, Some(1024..=65535)).to_string(), "rule 1 allows tcp 1024-65535 from 10.0.1.0/24");
        let route = Route {
            destination: Destination::Range("10.1.0.0/16".parse().unwrap()),
            target: Target::Peering("pcx-1".into()),
            is_blackhole: true,
            is_propagated: false,
        };
        assert_eq!(route.to_string(), "10.1.0.0/16 pcx-1, a blackhole");
    }
}
