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
    OTHER_VPC = "EC1003" No "client and cache are in different VPCs" {
        cause: "A security group admits its members inside one VPC. Across VPCs it takes peering, a transit gateway or a VPN, with routes, and often a CIDR instead of a group.",
        see: "Compare client.vpc_id and cache.network.vpc_id in the document.",
        fix: "Start the client in the cache's VPC; or connect the VPCs, then open the cache to the client's range: ec-sg apply --from CIDR."
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
}
