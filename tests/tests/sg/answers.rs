//! AWS's answers on paper, as the API references word them: a replication group `orders` in one subnet of a VPC, and an
//! instance in another. Neither emulator reports the groups of node-based caches.

use ec_tests::Canned;

/// The client.
pub(crate) const CLIENT: &str = "i-1234567890abcdef0";

pub(crate) const INSTANCES: &str = r#"<DescribeInstancesResponse xmlns="http://ec2.amazonaws.com/doc/2016-11-15/"><reservationSet><item>
<instancesSet><item><instanceId>i-1234567890abcdef0</instanceId><vpcId>vpc-11112222</vpcId><subnetId>subnet-44445555</subnetId>
<privateIpAddress>10.0.1.15</privateIpAddress><instanceState><code>16</code><name>running</name></instanceState>
<groupSet><item><groupId>sg-aaaa1111</groupId><groupName>app</groupName></item></groupSet>
</item></instancesSet></item></reservationSet></DescribeInstancesResponse>"#;
const REPLICATION_GROUPS: &str = r#"<DescribeReplicationGroupsResponse xmlns="http://elasticache.amazonaws.com/doc/2015-02-02/">
<DescribeReplicationGroupsResult><ReplicationGroups><ReplicationGroup><ReplicationGroupId>orders</ReplicationGroupId>
<ARN>arn:aws:elasticache:us-east-1:123456789012:replicationgroup:orders</ARN><Status>available</Status><Engine>valkey</Engine>
<ClusterEnabled>true</ClusterEnabled><TransitEncryptionEnabled>true</TransitEncryptionEnabled>
<MemberClusters><ClusterId>orders-0001-001</ClusterId><ClusterId>orders-0001-002</ClusterId></MemberClusters>
<ConfigurationEndpoint><Address>clustercfg.orders.abc123.use1.cache.amazonaws.com</Address><Port>7000</Port></ConfigurationEndpoint>
</ReplicationGroup></ReplicationGroups></DescribeReplicationGroupsResult></DescribeReplicationGroupsResponse>"#;
const CACHE_CLUSTERS: &str = r#"<DescribeCacheClustersResponse xmlns="http://elasticache.amazonaws.com/doc/2015-02-02/">
<DescribeCacheClustersResult><CacheClusters><CacheCluster><CacheClusterId>orders-0001-001</CacheClusterId>
<CacheClusterStatus>available</CacheClusterStatus><Engine>valkey</Engine><EngineVersion>8.1.0</EngineVersion>
<ReplicationGroupId>orders</ReplicationGroupId><CacheSubnetGroupName>private</CacheSubnetGroupName>
<SecurityGroups><member><SecurityGroupId>sg-cccc1111</SecurityGroupId><Status>active</Status></member></SecurityGroups>
</CacheCluster></CacheClusters></DescribeCacheClustersResult></DescribeCacheClustersResponse>"#;
const SUBNET_GROUPS: &str = r#"<DescribeCacheSubnetGroupsResponse xmlns="http://elasticache.amazonaws.com/doc/2015-02-02/">
<DescribeCacheSubnetGroupsResult><CacheSubnetGroups><CacheSubnetGroup><CacheSubnetGroupName>private</CacheSubnetGroupName>
<VpcId>vpc-11112222</VpcId><Subnets><Subnet><SubnetIdentifier>subnet-66667777</SubnetIdentifier></Subnet></Subnets>
</CacheSubnetGroup></CacheSubnetGroups></DescribeCacheSubnetGroupsResult></DescribeCacheSubnetGroupsResponse>"#;
const SUBNETS: &str = r#"<DescribeSubnetsResponse xmlns="http://ec2.amazonaws.com/doc/2016-11-15/"><subnetSet>
<item><subnetId>subnet-44445555</subnetId><state>available</state><vpcId>vpc-11112222</vpcId><cidrBlock>10.0.1.0/24</cidrBlock>
<ipv6CidrBlockAssociationSet/><availableIpAddressCount>250</availableIpAddressCount><availabilityZone>us-east-1a</availabilityZone>
<defaultForAz>false</defaultForAz><ownerId>123456789012</ownerId></item>
<item><subnetId>subnet-66667777</subnetId><state>available</state><vpcId>vpc-11112222</vpcId><cidrBlock>10.0.2.0/24</cidrBlock>
<ipv6CidrBlockAssociationSet/><availableIpAddressCount>250</availableIpAddressCount><availabilityZone>us-east-1b</availabilityZone>
<defaultForAz>false</defaultForAz><ownerId>123456789012</ownerId></item></subnetSet></DescribeSubnetsResponse>"#;
const ROUTE_TABLES: &str = r#"<DescribeRouteTablesResponse xmlns="http://ec2.amazonaws.com/doc/2016-11-15/"><routeTableSet><item>
<routeTableId>rtb-11112222</routeTableId><vpcId>vpc-11112222</vpcId><ownerId>123456789012</ownerId><routeSet><item>
<destinationCidrBlock>10.0.0.0/16</destinationCidrBlock><gatewayId>local</gatewayId><state>active</state>
<origin>CreateRouteTable</origin></item></routeSet><associationSet><item>
<routeTableAssociationId>rtbassoc-11112222</routeTableAssociationId><routeTableId>rtb-11112222</routeTableId><main>true</main>
<associationState><state>associated</state></associationState></item></associationSet></item></routeTableSet></DescribeRouteTablesResponse>"#;
const RESOLVER: &str = r#"<DescribeVpcAttributeResponse xmlns="http://ec2.amazonaws.com/doc/2016-11-15/"><vpcId>vpc-11112222</vpcId>
<enableDnsSupport><value>true</value></enableDnsSupport></DescribeVpcAttributeResponse>"#;
const GROUPS: &str = r#"<DescribeSecurityGroupsResponse xmlns="http://ec2.amazonaws.com/doc/2016-11-15/"><securityGroupInfo>
<item><ownerId>123456789012</ownerId><groupId>sg-aaaa1111</groupId><groupName>app</groupName><vpcId>vpc-11112222</vpcId></item>
<item><ownerId>123456789012</ownerId><groupId>sg-cccc1111</groupId><groupName>cache</groupName><vpcId>vpc-11112222</vpcId></item>
</securityGroupInfo></DescribeSecurityGroupsResponse>"#;
pub(crate) const PREFIX_LIST: &str = r#"<GetManagedPrefixListEntriesResponse xmlns="http://ec2.amazonaws.com/doc/2016-11-15/">
<entrySet><item><cidr>10.0.1.0/24</cidr></item></entrySet></GetManagedPrefixListEntriesResponse>"#;

/// EC2's answer about network ACLs: one for both subnets, whose entries for traffic that comes in are given as XML.
pub(crate) fn network_acls(ingress: &str) -> String {
    let subnet = |subnet: &str| {
        format!(
            "<item><networkAclAssociationId>aclassoc-{subnet}</networkAclAssociationId>\
             <networkAclId>acl-11112222</networkAclId><subnetId>subnet-{subnet}</subnetId></item>"
        )
    };
    format!(
        r#"<DescribeNetworkAclsResponse xmlns="http://ec2.amazonaws.com/doc/2016-11-15/"><networkAclSet><item>
<networkAclId>acl-11112222</networkAclId><vpcId>vpc-11112222</vpcId><default>true</default><ownerId>123456789012</ownerId><entrySet>
{ingress}{}{}{}</entrySet><associationSet>{}{}</associationSet><tagSet/></item></networkAclSet></DescribeNetworkAclsResponse>"#,
        acl_entry(100, "allow", true, ""),
        acl_entry(32767, "deny", true, ""),
        acl_entry(32767, "deny", false, ""),
        subnet("44445555"),
        subnet("66667777"),
    )
}

/// An entry for TCP where `ports` holds a `portRange`, else for everything.
pub(crate) fn acl_entry(number: u16, action: &str, is_egress: bool, ports: &str) -> String {
    let protocol = if ports.is_empty() { "-1" } else { "6" };
    format!(
        "<item><ruleNumber>{number}</ruleNumber><protocol>{protocol}</protocol><ruleAction>{action}</ruleAction>\
         <egress>{is_egress}</egress><cidrBlock>0.0.0.0/0</cidrBlock>{ports}</item>"
    )
}

/// EC2's answer about rules of sg-cccc1111, each given as the XML of its source; the client may go anywhere.
fn rules(ingress: &[&str]) -> String {
    let rule = |at: usize, group: &str, is_egress: bool, rest: &str| {
        format!(
            "<item><securityGroupRuleId>sgr-{at:017x}</securityGroupRuleId><groupId>{group}</groupId>\
             <isEgress>{is_egress}</isEgress>{rest}</item>"
        )
    };
    let out = "<ipProtocol>-1</ipProtocol><fromPort>-1</fromPort><toPort>-1</toPort><cidrIpv4>0.0.0.0/0</cidrIpv4>";
    let ports = "<ipProtocol>tcp</ipProtocol><fromPort>6000</fromPort><toPort>7999</toPort>";
    let ingress = ingress.iter().enumerate();
    let ingress: String =
        ingress.map(|(at, source)| rule(at, "sg-cccc1111", false, &format!("{ports}{source}"))).collect();
    format!(
        r#"<DescribeSecurityGroupRulesResponse xmlns="http://ec2.amazonaws.com/doc/2016-11-15/"><securityGroupRuleSet>{}{ingress}</securityGroupRuleSet></DescribeSecurityGroupRulesResponse>"#,
        rule(0xff, "sg-aaaa1111", true, out)
    )
}

/// All of it, with these rules on the cache's group.
pub(crate) fn replication_group(ingress: &[&str]) -> Canned {
    Canned::new()
        .error("DescribeServerlessCaches", 404, "ServerlessCacheNotFoundFault", "no such cache")
        .answer("DescribeReplicationGroups", REPLICATION_GROUPS)
        .answer("DescribeCacheClusters", CACHE_CLUSTERS)
        .answer("DescribeCacheSubnetGroups", SUBNET_GROUPS)
        .answer("DescribeInstances", INSTANCES)
        .answer("DescribeSecurityGroupRules", rules(ingress))
        .answer("DescribeSecurityGroups", GROUPS)
        .answer("DescribeSubnets", SUBNETS)
        .answer("DescribeNetworkAcls", network_acls(&acl_entry(100, "allow", false, "")))
        .answer("DescribeRouteTables", ROUTE_TABLES)
        .answer("DescribeVpcAttribute", RESOLVER)
}
