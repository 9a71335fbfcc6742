//! The parts of a network between client and cache, made through AWS's API as whoever owns the network makes them.

use crate::aws::{Aws, element};

/// Both ends of a range of ports.
type Ports = (u16, u16);

impl Aws {
    /// Gives a subnet a network ACL of its own that lets everything through, by its entry 100.
    pub fn own_acl(&self, vpc: &str, subnet: &str) -> String {
        let acl = element(&self.call("ec2", "CreateNetworkAcl", &[("VpcId", vpc)]), "networkAclId");
        for direction in ["ingress", "egress"] {
            self.acl_entry(&acl, direction, 100, "allow", "0.0.0.0/0", None);
        }
        let filter = [("Filter.1.Name", "association.subnet-id"), ("Filter.1.Value.1", subnet)];
        let before = self.call("ec2", "DescribeNetworkAcls", &filter);
        // The answer lists every subnet of the VPC with its association.
        let of_subnet = before.split("<item>").find(|item| item.contains(&format!("<subnetId>{subnet}<")));
        let association = element(of_subnet.unwrap_or_default(), "networkAclAssociationId");
        let replace = [("AssociationId", association.as_str()), ("NetworkAclId", acl.as_str())];
        self.call("ec2", "ReplaceNetworkAclAssociation", &replace);
        acl
    }

    /// Adds an entry to a network ACL, for TCP to these ports, or for everything.
    pub fn acl_entry(
        &self,
        acl: &str,
        direction: &str,
        number: u64,
        action: &str,
        range: &str,
        tcp_ports: Option<Ports>,
    ) {
        let number = number.to_string();
        let (from, to) = tcp_ports.unwrap_or_default();
        let (from, to) = (from.to_string(), to.to_string());
        let mut entry = vec![
            ("NetworkAclId", acl),
            ("RuleNumber", &number),
            ("Protocol", if tcp_ports.is_some() { "6" } else { "-1" }),
            ("RuleAction", action),
            ("Egress", if direction == "egress" { "true" } else { "false" }),
            (if range.contains(':') { "Ipv6CidrBlock" } else { "CidrBlock" }, range),
        ];
        if tcp_ports.is_some() {
            entry.extend([("PortRange.From", from.as_str()), ("PortRange.To", to.as_str())]);
        }
        self.call("ec2", "CreateNetworkAclEntry", &entry);
    }

    /// Takes an entry of a network ACL away.
    pub fn drop_acl_entry(&self, acl: &str, direction: &str, number: u64) {
        let egress = (direction == "egress").to_string();
        let entry = [("NetworkAclId", acl), ("RuleNumber", &number.to_string()), ("Egress", &egress)];
        self.call("ec2", "DeleteNetworkAclEntry", &entry);
    }

    /// The main route table of a VPC.
    pub fn main_route_table(&self, vpc: &str) -> String {
        let filters = [
            ("Filter.1.Name", "vpc-id"),
            ("Filter.1.Value.1", vpc),
            ("Filter.2.Name", "association.main"),
            ("Filter.2.Value.1", "true"),
        ];
        element(&self.call("ec2", "DescribeRouteTables", &filters), "routeTableId")
    }

    /// Adds a route over a peering connection (`pcx-…`), a transit gateway (`tgw-…`) or an Internet gateway (`igw-…`), or
    /// with the verb `Replace` leads it there.
    pub fn route(&self, verb: &str, table: &str, range: &str, target: &str) {
        let kind = match target.split('-').next() {
            Some("pcx") => "VpcPeeringConnectionId",
            Some("tgw") => "TransitGatewayId",
            _ => "GatewayId",
        };
        let route = [("RouteTableId", table), ("DestinationCidrBlock", range), (kind, target)];
        self.call("ec2", &format!("{verb}Route"), &route);
    }

    /// Takes a route away.
    pub fn drop_route(&self, table: &str, range: &str) {
        self.call("ec2", "DeleteRoute", &[("RouteTableId", table), ("DestinationCidrBlock", range)]);
    }

    /// Asks for a peering connection; nobody has accepted it yet.
    pub fn ask_to_peer(&self, vpc: &str, other: &str) -> String {
        let peering = [("VpcId", vpc), ("PeerVpcId", other)];
        element(&self.call("ec2", "CreateVpcPeeringConnection", &peering), "vpcPeeringConnectionId")
    }

    /// Accepts a peering connection.
    pub fn accept_peering(&self, id: &str) {
        self.call("ec2", "AcceptVpcPeeringConnection", &[("VpcPeeringConnectionId", id)]);
    }

    /// Deletes a peering connection.
    pub fn delete_peering(&self, id: &str) {
        self.call("ec2", "DeleteVpcPeeringConnection", &[("VpcPeeringConnectionId", id)]);
    }

    /// A transit gateway, and its route table.
    pub fn transit_gateway(&self) -> (String, String) {
        let gateway = element(&self.call("ec2", "CreateTransitGateway", &[]), "transitGatewayId");
        let filter = [("Filter.1.Name", "transit-gateway-id"), ("Filter.1.Value.1", gateway.as_str())];
        let tables = self.call("ec2", "DescribeTransitGatewayRouteTables", &filter);
        (gateway, element(&tables, "transitGatewayRouteTableId"))
    }

    /// Attaches a VPC to a transit gateway, through one of its subnets.
    pub fn attach_vpc(&self, gateway: &str, vpc: &str, subnet: &str) -> String {
        let attachment = [("TransitGatewayId", gateway), ("VpcId", vpc), ("SubnetIds.1", subnet)];
        let made = self.call("ec2", "CreateTransitGatewayVpcAttachment", &attachment);
        element(&made, "transitGatewayAttachmentId")
    }

    /// A prefix list of one range.
    pub fn prefix_list(&self, name: &str, range: &str) -> String {
        let list = [("PrefixListName", name), ("AddressFamily", "IPv4"), ("MaxEntries", "5"), ("Entry.1.Cidr", range)];
        element(&self.call("ec2", "CreateManagedPrefixList", &list), "prefixListId")
    }

    /// Adds a rule for TCP to one port to a security group. `source` is the member of `IpPermissions.1` that says from
    /// where, or to where, and its value.
    pub fn admit(&self, direction: &str, group: &str, tcp_port: u16, source: (&str, &str)) {
        let (port, member) = (tcp_port.to_string(), format!("IpPermissions.1.{}", source.0));
        let rule = [
            ("GroupId", group),
            ("IpPermissions.1.IpProtocol", "tcp"),
            ("IpPermissions.1.FromPort", &port),
            ("IpPermissions.1.ToPort", &port),
            (&member, source.1),
        ];
        self.call("ec2", &format!("AuthorizeSecurityGroup{direction}"), &rule);
    }

    /// Takes the rule away that a security group is made with: everything may go everywhere.
    pub fn narrow_egress(&self, group: &str) {
        let everything = [
            ("GroupId", group),
            ("IpPermissions.1.IpProtocol", "-1"),
            ("IpPermissions.1.IpRanges.1.CidrIp", "0.0.0.0/0"),
        ];
        self.call("ec2", "RevokeSecurityGroupEgress", &everything);
    }
}
