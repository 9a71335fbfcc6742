//! What a test stands on: a VPC with a client machine, and with or without a cache.

use std::net::Ipv6Addr;
use std::sync::atomic::{AtomicU64, Ordering};

use crate::aws::{Aws, element};

/// A VPC with a client machine and a security group for a cache. Every emulator can have one.
#[derive(Clone, Debug)]
pub struct Ground {
    /// The API that it was made with.
    pub aws: Aws,
    /// The VPC, 10.N.0.0/16.
    pub vpc: String,
    /// The subnet, 10.N.1.0/24.
    pub subnet: String,
    /// The client's security group.
    pub client_group: String,
    /// The group for a cache.
    pub cache_group: String,
    /// The client, an instance with the tag Name=app-1.
    pub instance: String,
    number: u8,
}

impl Ground {
    /// Makes it at 10.0.0.0/16; the names of the groups begin with `name`.
    pub fn lay(aws: Aws, name: &str) -> Self {
        Self::lay_at(aws, name, 0)
    }

    /// Makes it at 10.`number`.0.0/16.
    pub fn lay_at(aws: Aws, name: &str, number: u8) -> Self {
        let range = format!("10.{number}.0.0/16");
        let vpc = element(&aws.call("ec2", "CreateVpc", &[("CidrBlock", &range)]), "vpcId");
        let nothing = String::new;
        let ground = Self {
            aws,
            vpc,
            number,
            subnet: nothing(),
            client_group: nothing(),
            cache_group: nothing(),
            instance: nothing(),
        };
        let (subnet, client_group) = (ground.another_subnet(1), ground.group(&format!("{name}-client")));
        let cache_group = ground.group(&format!("{name}-cache"));
        let instance = ground.machine("app-1", &subnet, &client_group);
        Self { subnet, client_group, cache_group, instance, ..ground }
    }

    /// That of a scene.
    pub fn of(scene: &Scene) -> Self {
        Self {
            aws: scene.aws.clone(),
            vpc: scene.vpc.clone(),
            subnet: scene.subnet.clone(),
            client_group: scene.client_group.clone(),
            cache_group: scene.cache_group.clone(),
            instance: scene.instance.clone(),
            number: 0,
        }
    }

    /// One more subnet, 10.N.`third`.0/24.
    pub fn another_subnet(&self, third: u8) -> String {
        let range = format!("10.{}.{third}.0/24", self.number);
        let subnet = [("VpcId", self.vpc.as_str()), ("CidrBlock", &range)];
        element(&self.aws.call("ec2", "CreateSubnet", &subnet), "subnetId")
    }

    /// One more security group.
    pub fn group(&self, name: &str) -> String {
        let group = [("GroupName", name), ("GroupDescription", "for a test"), ("VpcId", self.vpc.as_str())];
        element(&self.aws.call("ec2", "CreateSecurityGroup", &group), "groupId")
    }

    /// One more instance, with a Name tag.
    pub fn machine(&self, name: &str, subnet: &str, group: &str) -> String {
        let instance = [
            ("ImageId", "ami-12345678"),
            ("InstanceType", "t3.micro"),
            ("MinCount", "1"),
            ("MaxCount", "1"),
            ("SubnetId", subnet),
            ("SecurityGroupId.1", group),
            ("TagSpecification.1.ResourceType", "instance"),
            ("TagSpecification.1.Tag.1.Key", "Name"),
            ("TagSpecification.1.Tag.1.Value", name),
        ];
        element(&self.aws.call("ec2", "RunInstances", &instance), "instanceId")
    }

    /// A network interface that is attached to nothing: its id and its address.
    pub fn interface(&self, subnet: &str, group: &str) -> (String, String) {
        let interface = [("SubnetId", subnet), ("SecurityGroupId.1", group)];
        let interface = self.aws.call("ec2", "CreateNetworkInterface", &interface);
        (element(&interface, "networkInterfaceId"), element(&interface, "privateIpAddress"))
    }
}

/// A VPC that speaks IPv4 and IPv6, and a security group. For moto.
///
/// AWS gives the default network ACL of such a VPC entries that let IPv6 through; moto does not.
#[derive(Clone, Debug)]
pub struct DualStack {
    aws: Aws,
    /// The VPC, 10.N.0.0/16 and a /56 of IPv6.
    pub vpc: String,
    /// The group that its interfaces carry.
    pub group: String,
    number: u8,
    block: [u8; 16],
}

impl DualStack {
    /// Makes it at 10.`number`.0.0/16.
    pub fn lay_at(aws: Aws, name: &str, number: u8) -> Self {
        let range = format!("10.{number}.0.0/16");
        let vpc = aws.call("ec2", "CreateVpc", &[("CidrBlock", &range), ("AmazonProvidedIpv6CidrBlock", "true")]);
        let (vpc, block) = (element(&vpc, "vpcId"), element(&vpc, "ipv6CidrBlock"));
        let block: Ipv6Addr = block.trim_end_matches("/56").parse().expect("an IPv6 block");
        let group = [("GroupName", name), ("GroupDescription", "for a test"), ("VpcId", vpc.as_str())];
        let group = element(&aws.call("ec2", "CreateSecurityGroup", &group), "groupId");
        Self { aws, vpc, group, number, block: block.octets() }
    }

    /// A network interface in a new subnet, 10.N.`third`.0/24, and the subnet's IPv6 range.
    pub fn interface(&self, third: u8) -> (String, String) {
        let mut block = self.block;
        block[7] = third;
        let (four, six) = (format!("10.{}.{third}.0/24", self.number), format!("{}/64", Ipv6Addr::from(block)));
        let subnet = [("VpcId", self.vpc.as_str()), ("CidrBlock", &four), ("Ipv6CidrBlock", &six)];
        let subnet = element(&self.aws.call("ec2", "CreateSubnet", &subnet), "subnetId");
        let interface = [("SubnetId", subnet.as_str()), ("SecurityGroupId.1", &self.group), ("Ipv6AddressCount", "1")];
        let interface = self.aws.call("ec2", "CreateNetworkInterface", &interface);
        (element(&interface, "networkInterfaceId"), six)
    }
}

/// A VPC with a client machine and a serverless Valkey cache in it, and no rule that lets one reach the other. The cache
/// has a user group with one user, `app`, that logs in with IAM.
#[derive(Clone, Debug)]
pub struct Scene {
    /// The API that it was made with.
    pub aws: Aws,
    /// The VPC, 10.0.0.0/16.
    pub vpc: String,
    /// The subnet, 10.0.1.0/24.
    pub subnet: String,
    /// The client's security group.
    pub client_group: String,
    /// The cache's security group.
    pub cache_group: String,
    /// The client, an instance with the tag Name=app-1.
    pub instance: String,
    /// The cache's name.
    pub cache: String,
    /// The access key that stands for the account.
    pub account: String,
    /// A role for the client's program, with no policy.
    pub role: String,
}

impl Scene {
    /// Sets the scene around a new cache `name`; the names of group and role derive from it.
    pub fn set(url: &str, name: &str) -> Self {
        Self::around(Aws::at(url), "test", name)
    }

    /// Sets the scene in an account of its own, so that what belongs to the whole account, such as the service-linked
    /// role, is this test's alone. For ministack; run the tools with `aws_as(url, &scene.account)`.
    pub fn alone(url: &str, name: &str) -> Self {
        static ACCOUNTS: AtomicU64 = AtomicU64::new(111_100_000_000);
        let account = ACCOUNTS.fetch_add(1, Ordering::Relaxed).to_string();
        Self::around(Aws::of_account(url, &account), &account, name)
    }

    fn around(aws: Aws, account: &str, name: &str) -> Self {
        let Ground { aws, vpc, subnet, client_group, cache_group, instance, .. } = Ground::lay(aws, name);
        // The user belongs to the account, so that another scene in it may have made it.
        let user = [("UserId", "app"), ("UserName", "app"), ("Engine", "valkey"), ("AccessString", "on ~* +@all")];
        aws.try_call("elasticache", "CreateUser", &[&user[..], &[("AuthenticationMode.Type", "iam")]].concat());
        let users = format!("{name}-users");
        let members = [("UserGroupId", users.as_str()), ("Engine", "valkey"), ("UserIds.member.1", "app")];
        aws.call("elasticache", "CreateUserGroup", &members);
        let cache = [
            ("ServerlessCacheName", name),
            ("Engine", "valkey"),
            ("UserGroupId", users.as_str()),
            ("SubnetIds.SubnetId.1", subnet.as_str()),
            ("SecurityGroupIds.SecurityGroupId.1", cache_group.as_str()),
        ];
        aws.call("elasticache", "CreateServerlessCache", &cache);
        let role = format!("{name}-app");
        let trust = r#"{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Principal":{"Service":"ec2.amazonaws.com"},"Action":"sts:AssumeRole"}]}"#;
        aws.call("iam", "CreateRole", &[("RoleName", &role), ("AssumeRolePolicyDocument", trust)]);
        Self {
            aws,
            vpc,
            subnet,
            client_group,
            cache_group,
            instance,
            cache: name.to_owned(),
            role,
            account: account.to_owned(),
        }
    }
}
