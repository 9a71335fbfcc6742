//! ec-sg's finding and error codes.

ec_shared::codes! {
    UNKNOWN_CACHE = "EC1001" Refused "there is no such cache" {
        cause: "No serverless cache, replication group or cache cluster of this account and Region has this name.",
        see: "aws elasticache describe-serverless-caches; aws elasticache describe-replication-groups; aws elasticache describe-cache-clusters",
        fix: "Check the name, the Region (--region) and the account (ec-iam whoami)."
    }
    UNKNOWN_CLIENT = "EC1002" Refused "there is no such client" {
        cause: "The instance, network interface or security group does not exist in this account and Region, or the instance is terminated.",
        see: "aws ec2 describe-instances; aws ec2 describe-network-interfaces; aws ec2 describe-security-groups",
        fix: "Check the id, the Region (--region) and the account (ec-iam whoami)."
    }
    OTHER_VPC = "EC1003" No "client and cache are in different VPCs that nothing joins" {
        cause: "Across VPCs it takes a peering connection, a transit gateway or a VPN, and routes both ways. There is no peering connection between the two, and no transit gateway that both are attached to.",
        see: "Compare client.vpc_id and cache.network.vpc_id in the document; aws ec2 describe-vpc-peering-connections; aws ec2 describe-transit-gateway-vpc-attachments",
        fix: "Start the client in the cache's VPC; or have the VPCs joined as sg.changes says, then run ec-sg apply."
    }
    NO_INGRESS = "EC1004" No "no ingress rule admits the client to the cache's port" {
        cause: "None of the cache's security groups has a rule for this TCP port whose source is one of the client's groups, or a range with all of its addresses.",
        see: "aws ec2 describe-security-group-rules --filters Name=group-id,Values=SG",
        fix: "ec-sg apply adds the one rule that is missing. Until then every connection times out."
    }
    NO_INGRESS_READS = "EC1005" No "no ingress rule admits the client to the cache's second port" {
        cause: "The port for writes is open, the one for reads (6380; Memcached 11212) may not be. Many clients dial both with every connection: it works, but each connection is slow to set up, and reads from replicas fail. Its weight is a warning; the answer of check is no all the same, because not every port can be reached.",
        see: "aws ec2 describe-security-group-rules --filters Name=group-id,Values=SG",
        fix: "ec-sg apply adds the one rule that is missing."
    }
    NO_EGRESS = "EC1006" No "no egress rule lets the client out to the cache" {
        cause: "The outbound rules of the client's security groups, all traffic when a group is made, have been narrowed and lead neither to the cache's groups nor to all of its subnets.",
        see: "aws ec2 describe-security-group-rules --filters Name=group-id,Values=SG",
        fix: "ec-sg apply adds the egress rule that is missing."
    }
    NOT_AVAILABLE = "EC1007" No "the cache is not available" {
        cause: "It is being created, modified, snapshotted or deleted, or its creation failed.",
        see: "aws elasticache describe-serverless-caches, or describe-replication-groups, or describe-cache-clusters: Status",
        fix: "Wait until the status is available; a failed creation says why in aws elasticache describe-events."
    }
    EGRESS_NOT_KNOWN = "EC1008" No "whether the client's side lets the traffic out is not known" {
        cause: "The client was given as an address range: nothing says which security groups its machines carry.",
        see: "Look at the firewall or the security groups of the machines in that range.",
        fix: "Give an instance, a network interface or a security group with --from to have egress checked."
    }
    NOT_DETERMINED = "EC1009" No "a part of the path could not be determined" {
        cause: "A fact that decides could not be had: a prefix list that may not be read, a cache without reported groups, or an address that no API names.",
        see: "The finding names what is missing.",
        fix: "Allow the call that it names; or let ec-sg apply add the one rule that makes the answer certain."
    }
    PUBLIC_SOURCE = "EC1010" Refused "the source is public address space" {
        cause: "The rule would admit more public addresses than a /24 (IPv4) or a /48 (IPv6) holds.",
        see: "The error names the range.",
        fix: "Give the client as an instance or a security group. If the range is meant, repeat it: --allow-public CIDR."
    }
    BAD_CLIENT = "EC1011" Usage "the client is not given in a known form" {
        cause: "A client is an instance id (i-…), a network interface id (eni-…), a security group id (sg-…) or a CIDR without host bits.",
        see: "The error shows the value.",
        fix: "Copy the id from the console, or take the CIDR from the hint."
    }
    NOT_VISIBLE = "EC1012" Temporary "AWS took a change and does not show it yet" {
        cause: "EC2 is eventually consistent. The change was accepted, but reading it back did not show it within the bound.",
        see: "aws ec2 describe-security-group-rules --filters Name=group-id,Values=SG",
        fix: "Run the same command again: it writes only what is missing."
    }
    RULE_CHANGED = "EC1013" No "a rule is no longer what was written" {
        cause: "Somebody has changed the rule since, keeping its id. Taking it back would take back something else.",
        see: "aws ec2 describe-security-group-rules --security-group-rule-ids SGR",
        fix: "Look at the rule; if it is to go: aws ec2 revoke-security-group-ingress --security-group-rule-ids SGR."
    }
    NO_ENDPOINT = "EC1014" Temporary "the cache has no endpoint yet" {
        cause: "The ports of a node-based cache are those of its endpoints, and the API reports none while the cache is being created.",
        see: "aws elasticache describe-replication-groups, or describe-cache-clusters --show-cache-node-info",
        fix: "Wait until the cache is available, then run the same command again."
    }
    STALE_PLAN = "EC1015" Refused "the planned changes do not fit the cache any more" {
        cause: "The document plans a rule on a group or a port that is neither the cache's nor the client's today.",
        see: "Compare sg.changes with cache.network and client in the document.",
        fix: "Plan again: ec-sg plan --cache NAME --from CLIENT."
    }
    ACL_DENIES = "EC1016" No "a network ACL denies the traffic" {
        cause: "Network ACLs are stateless: the entry with the lowest number that matches decides, and what none matches is denied. Connections time out, or, where the way back is closed, seem to be sent into the void.",
        see: "aws ec2 describe-network-acls --filters Name=association.subnet-id,Values=SUBNET",
        fix: "Have the entry added that sg.changes names, before the one that denies. ec-sg does not change network ACLs: they concern everything in the subnet."
    }
    ACL_IN_PART = "EC1017" No "a network ACL lets only a part of the ephemeral ports through" {
        cause: "Answers go to the port that the client's system happened to choose. Where the network ACL allows only a part of that range, some connections work and others time out.",
        see: "aws ec2 describe-network-acls; on Linux: sysctl net.ipv4.ip_local_port_range",
        fix: "Have the entry added that sg.changes names. If the client uses fewer ports, say so in the document: client.ephemeral_ports."
    }
    NO_ROUTE = "EC1018" No "a route table does not lead there" {
        cause: "The longest prefix that matches decides. No route of the table matches the addresses, or the one that does leads elsewhere: to the Internet, to another VPC, or to this VPC's own addresses.",
        see: "aws ec2 describe-route-tables --filters Name=association.subnet-id,Values=SUBNET; without an answer, the VPC's main table: Name=association.main,Values=true",
        fix: "Have the route added that sg.changes names. VPCs with overlapping addresses cannot be joined by routes."
    }
    BLACKHOLE = "EC1019" No "a route leads to something that is gone" {
        cause: "The peering connection, gateway or interface that the route names was deleted. The route stays and drops the traffic.",
        see: "aws ec2 describe-route-tables --route-table-ids RTB: State is blackhole",
        fix: "Have the route replaced as sg.changes says."
    }
    PEERING = "EC1020" No "a peering connection does not carry the traffic" {
        cause: "It is not active, because the other side has not accepted it or it is gone; or the addresses are not in a CIDR block of the VPC behind it. Peering is not transitive.",
        see: "aws ec2 describe-vpc-peering-connections --vpc-peering-connection-ids PCX",
        fix: "Have it accepted, or a connection made between the two VPCs themselves."
    }
    TRANSIT = "EC1021" No "a transit gateway does not carry the traffic" {
        cause: "A VPC is not attached, an attachment is not available, has no subnet in the client's Availability Zone or no route table, or that table has no route to the other VPC's attachment.",
        see: "aws ec2 describe-transit-gateway-attachments; aws ec2 search-transit-gateway-routes --transit-gateway-route-table-id TABLE --filters Name=state,Values=active,blackhole",
        fix: "Have the gateway's owner make the change that sg.changes names."
    }
    NO_FAMILY = "EC1022" No "client and cache speak no common address family" {
        cause: "The cache speaks IPv4 or IPv6 only, and the client has no address of that family.",
        see: "Compare cache.network.network_type and client.private_ips in the document.",
        fix: "Give the client an address of the family; or make the cache dual_stack."
    }
    NO_RESOLVER = "EC1023" No "whether the cache's name resolves is not known" {
        cause: "The VPC's own resolver is off (enableDnsSupport), or, between two VPCs, one lacks an attribute that ElastiCache asks for. The client may ask other DNS servers, which no API shows.",
        see: "aws ec2 describe-vpc-attribute --attribute enableDnsSupport --vpc-id VPC",
        fix: "aws ec2 modify-vpc-attribute --vpc-id VPC --enable-dns-support; or look with ec-probe whether the name resolves."
    }
    PEERING_DNS = "EC1024" No "a peering connection does not resolve names of the other VPC's instances" {
        cause: "AllowDnsResolutionFromRemoteVpc is off on the cache's side. That concerns public names of instances. ElastiCache's names resolve to private addresses everywhere: worth knowing, and no fault.",
        see: "aws ec2 describe-vpc-peering-connections --vpc-peering-connection-ids PCX",
        fix: "Nothing for the cache. For instances: aws ec2 modify-vpc-peering-connection-options."
    }
    QUOTA = "EC1025" No "the rules of a security group are near or over their quota" {
        cause: "A group holds 60 rules each way, for IPv4 and IPv6 apart, unless the quota was raised. A rule that names a prefix list counts for as many as the list may hold.",
        see: "aws ec2 describe-security-group-rules --filters Name=group-id,Values=SG; aws service-quotas get-service-quota --service-code vpc --quota-code L-0EA8095F",
        fix: "Remove rules that nobody needs (ec-sg audit), let one rule name a group instead of many addresses, or have the quota raised."
    }
    MANAGED_GROUP = "EC1026" No "a security group is managed by somebody else" {
        cause: "Its tags say that CloudFormation or Terraform manages it, and may take a rule away that is not declared there; or it belongs to another account, as in a shared VPC.",
        see: "aws ec2 describe-security-groups --group-ids SG: Tags and OwnerId",
        fix: "Add the rule where the group is declared. What ec-sg apply adds works until then."
    }
    NO_GROUP_TO_ATTACH = "EC1027" Refused "no security group can be given to the client" {
        cause: "The client is no single interface; or none or several groups are admitted by the cache's rules; or the group is in another VPC.",
        see: "aws ec2 describe-security-group-rules --filters Name=group-id,Values=SG",
        fix: "Name the group: --attach-group=sg-…"
    }
    CONSOLE_GROUP = "EC1028" No "the cache has only security groups that the console looks after" {
        cause: "The console's Connect compute resource made the group for one instance. Once it is changed, the console no longer knows it as its own.",
        see: "aws ec2 describe-security-groups --group-ids SG: the name begins with elasticache-ec2-",
        fix: "Give the cache a security group of its own beside it; then run ec-sg apply."
    }
    NOT_IN_FILES = "EC1029" No "the saved answers do not hold a fact that decides" {
        cause: "--from-files asks nobody: what no file below the folder says is not known.",
        see: "The finding names the command whose answer is missing.",
        fix: "Save that answer into the folder, under any name that ends in .json; or save everything with ec-sg find --save DIR."
    }
    BAD_FILES = "EC1030" Usage "the saved answers cannot be read" {
        cause: "A file below the folder is no JSON, or a value in it is not what AWS writes there; or there is no answer of AWS's at all.",
        see: "The error names the file, and where in it.",
        fix: "Save the answer anew with --output json; files that are no JSON must not end in .json."
    }
    OTHER_ACCOUNT = "EC1031" Refused "these credentials are of another account" {
        cause: "--expect-account names one account, and the cache or the client belongs to another.",
        see: "ec-iam whoami",
        fix: "Use the right profile (--profile), or correct --expect-account."
    }
    WORLD_OPEN = "EC1032" No "the Internet is let in to the cache's ports" {
        cause: "The rules of the cache's groups together admit more public addresses to one of its ports than a /24 (IPv4) or a /48 (IPv6) holds. Address space is summed: 0.0.0.0/1 and 128.0.0.0/1 are the Internet as 0.0.0.0/0 is. Security Hub's EC2.18 (vpc-sg-open-only-to-authorized-ports) fails for 0.0.0.0/0 and ::/0. EC2.19 does not: its list of high-risk ports does not contain cache ports, so a green EC2.19 proves nothing.",
        see: "aws ec2 describe-security-group-rules --filters Name=group-id,Values=SG",
        fix: "Admit each client by its security group, then revoke the rules that the finding names."
    }
    DEFAULT_GROUP = "EC1033" No "the cache carries the VPC's default security group" {
        cause: "Everything that names no group carries the default one, and its first rule admits all members to every port. Security Hub's EC2.2 (vpc-default-security-group-closed) asks that it has no rules.",
        see: "aws ec2 describe-security-groups --filters Name=group-name,Values=default Name=vpc-id,Values=VPC",
        fix: "Give the cache a security group of its own; then take the rules of the default group away."
    }
    OVER_WIDE = "EC1034" No "a rule lets in more than the cache's ports" {
        cause: "The rule is for a range of ports, for all of TCP or for everything, and holds a port of the cache among others. The cache listens for none of them; what else carries the group may.",
        see: "aws ec2 describe-security-group-rules --security-group-rule-ids SGR",
        fix: "Narrow the rule to the cache's ports as the finding says. The command replaces the rule's description, too."
    }
    REDUNDANT_RULE = "EC1035" No "a rule lets nothing through that others do not" {
        cause: "Another rule of the same group, or several together, cover its ports and its other side wholly. It counts against the quota, and whoever revokes it believes to have closed something.",
        see: "aws ec2 describe-security-group-rules --filters Name=group-id,Values=SG",
        fix: "Revoke it, or the wider rule if the narrow one was meant. All redundant rules that are found can go together."
    }
    REPEATED_RULE = "EC1036" No "two security groups of the cache have the same rule" {
        cause: "The rules of all groups of an interface count together: one of the two is enough for the cache.",
        see: "aws ec2 describe-security-group-rules --filters Name=group-id,Values=SG1,SG2",
        fix: "Keep both if something carries one of the groups alone; else revoke one."
    }
    STALE_RULE = "EC1037" No "a rule names a security group that is gone" {
        cause: "The group was deleted, or the peering connection or transit gateway that led to it no longer does. The rule admits nobody and still counts against the quota.",
        see: "aws ec2 describe-stale-security-groups --vpc-id VPC; aws ec2 describe-security-groups --group-ids SG",
        fix: "Revoke the rule. If it names a group of another account behind a transit gateway, which no call of this account shows, it may be in use: ask there first."
    }
    UNUSED_GROUP = "EC1038" No "no network interface carries a security group" {
        cause: "The group is named by the cache's rules, or has rules for its ports, and nothing carries it now. Functions and Auto Scaling groups that rest show no interface, either. Security Hub's EC2.22 (ec2-security-group-attached-to-eni-periodic) reports such groups.",
        see: "aws ec2 describe-network-interfaces --filters Name=group-id,Values=SG",
        fix: "Revoke the rules that name the group and delete it, if nothing is to carry it again."
    }
    SECOND_PORT = "EC1039" No "a client is admitted to the cache's first port only" {
        cause: "A serverless cache has two ports: 6379 and 6380, Memcached 11211 and 11212. Many clients dial both with every connection: each is slow to set up, and reads from replicas fail.",
        see: "aws ec2 describe-security-group-rules --filters Name=group-id,Values=SG",
        fix: "ec-sg apply adds the one rule that is missing."
    }
}
