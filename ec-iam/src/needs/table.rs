//! The table: for which purpose which actions on which resources.
//!
//! Sources: the Service Authorization Reference of EC2, ElastiCache, IAM, IAM Identity Center and STS; "Using
//! service-linked roles for ElastiCache"; the managed policy `AmazonElastiCacheFullAccess` for what creating a serverless
//! cache takes.

/// The resources that a row of the table is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum On {
    /// Actions that AWS does not narrow down.
    Everything,
    /// Everything of ElastiCache in the account and Region: what is to be created has no ARN yet.
    ElastiCache,
    /// Security groups and their rules.
    SecurityGroups,
    /// Network interfaces, the instances that they are attached to, and the security groups that they carry.
    NetworkInterfaces,
    /// The VPC, subnets and groups of a serverless cache's VPC endpoint.
    EndpointNetwork,
    /// The VPC endpoint of a serverless cache.
    VpcEndpoints,
    /// The principal named with `--principal`. Left out if none is: writing policies of any principal is to be an
    /// administrator.
    Principal,
    /// ElastiCache's service-linked role.
    ServiceLinkedRole,
    /// The instance of IAM Identity Center, its permission sets, and the account.
    IdentityCenter,
    /// The users and groups of its identity store.
    IdentityStore,
    /// The roles that IAM Identity Center puts into the account.
    IdentityCenterRoles,
    /// The groups of the account.
    Groups,
    /// The managed policies of the account, and AWS's.
    ManagedPolicies,
}

/// One row: for these purposes, these actions on these resources, under this condition.
pub(super) struct Need {
    pub(super) sid: &'static str,
    pub(super) purposes: &'static [&'static str],
    pub(super) actions: &'static [&'static str],
    pub(super) on: On,
    /// Operator, key and value.
    pub(super) conditions: &'static [(&'static str, &'static str, &'static str)],
}

const SETUP: &str = "setup";
const READ_ONLY: &str = "read-only";
// Verbs with flags, which take more than the verb alone. Their policies undo what they do, too: `revoke` has no flags.
/// The only purpose that may give network interfaces groups, and take them away again: who may, puts a machine behind any
/// group's rules.
const ATTACH: &str = "ec-sg apply --attach-group";
/// Makes a role, and sets boundaries.
const TRUST: &str = "ec-iam apply --trust";
/// Makes users of ElastiCache.
const USERS: &str = "ec-iam apply --auth iam";
/// Makes permission sets, and assigns them.
const SEATS: &str = "ec-iam apply --assign-to";

/// The policies of the whole account, those of one principal, a managed one, and AWS's own simulator.
const LIVE: &str = "ec-iam simulate --live";
const LIVE_ONE: &str = "ec-iam simulate --live --principal";
const LIKE: &str = "ec-iam simulate --like";
const COMPARE: &str = "ec-iam simulate --compare";

/// Whether a principal may log in to a cache.
const CHECK: &str = "ec-iam check --principal";

/// All rows.
pub(super) const NEEDS: &[Need] = &[
    Need {
        sid: "SeeCaches",
        purposes: &[
            "ec-sg find",
            "ec-sg check",
            "ec-sg plan",
            "ec-sg apply",
            "ec-sg audit",
            "ec-iam plan",
            "ec-iam apply",
            CHECK,
            READ_ONLY,
            SETUP,
        ],
        actions: &[
            "elasticache:DescribeServerlessCaches",
            "elasticache:DescribeReplicationGroups",
            "elasticache:DescribeCacheClusters",
        ],
        on: On::Everything,
        conditions: &[],
    },
    Need {
        sid: "SeeSubnetGroups",
        purposes: &["ec-sg find", "ec-sg check", "ec-sg plan", "ec-sg apply", "ec-sg audit", READ_ONLY, SETUP],
        actions: &["elasticache:DescribeCacheSubnetGroups"],
        on: On::Everything,
        conditions: &[],
    },
    Need {
        sid: "SeeUsers",
        purposes: &["ec-iam plan", "ec-iam apply", CHECK, READ_ONLY, SETUP],
        actions: &["elasticache:DescribeUsers"],
        on: On::Everything,
        conditions: &[],
    },
    Need {
        sid: "SeeRules",
        purposes: &["ec-sg find", "ec-sg check", "ec-sg plan", "ec-sg apply", "ec-sg revoke", "ec-sg audit", READ_ONLY],
        actions: &["ec2:DescribeSecurityGroupRules"],
        on: On::Everything,
        conditions: &[],
    },
    Need {
        sid: "SeeGroups",
        purposes: &["ec-sg find", "ec-sg check", "ec-sg plan", "ec-sg apply", "ec-sg audit", READ_ONLY],
        actions: &[
            "ec2:DescribeSecurityGroups",
            "ec2:DescribeNetworkInterfaces",
            "ec2:DescribeSubnets",
            "ec2:DescribeManagedPrefixLists",
            "ec2:GetManagedPrefixListEntries",
        ],
        on: On::Everything,
        conditions: &[],
    },
    // find, too: --candidates and --save look at the whole path.
    Need {
        sid: "SeePath",
        purposes: &["ec-sg find", "ec-sg check", "ec-sg plan", "ec-sg apply", READ_ONLY],
        actions: &[
            "ec2:DescribeInstances",
            "ec2:DescribeNetworkAcls",
            "ec2:DescribeRouteTables",
            "ec2:DescribeVpcAttribute",
            "ec2:DescribeVpcPeeringConnections",
            "ec2:DescribeTransitGateways",
            "ec2:DescribeTransitGatewayAttachments",
            "ec2:DescribeTransitGatewayVpcAttachments",
            "ec2:SearchTransitGatewayRoutes",
        ],
        on: On::Everything,
        conditions: &[],
    },
    Need {
        sid: "SeeStaleRules",
        purposes: &["ec-sg audit", READ_ONLY],
        actions: &["ec2:DescribeStaleSecurityGroups"],
        on: On::Everything,
        conditions: &[],
    },
    Need {
        sid: "OpenPorts",
        purposes: &["ec-sg apply"],
        actions: &["ec2:AuthorizeSecurityGroupIngress", "ec2:AuthorizeSecurityGroupEgress", "ec2:CreateTags"],
        on: On::SecurityGroups,
        conditions: &[],
    },
    Need {
        sid: "AttachGroups",
        purposes: &[ATTACH],
        actions: &["ec2:ModifyNetworkInterfaceAttribute"],
        on: On::NetworkInterfaces,
        conditions: &[],
    },
    Need {
        sid: "ClosePorts",
        purposes: &["ec-sg revoke"],
        actions: &["ec2:RevokeSecurityGroupIngress", "ec2:RevokeSecurityGroupEgress"],
        on: On::SecurityGroups,
        conditions: &[],
    },
    Need {
        sid: "WhoAmI",
        purposes: &["ec-iam whoami", "ec-iam check", CHECK, "ec-iam plan", "ec-iam apply", READ_ONLY],
        actions: &["sts:GetCallerIdentity"],
        on: On::Everything,
        conditions: &[],
    },
    Need {
        sid: "SeeAccount",
        purposes: &["ec-iam check"],
        actions: &[
            "iam:GetAccountSummary",
            "iam:GetCredentialReport",
            "iam:GenerateCredentialReport",
            "iam:ListAccountAliases",
            "iam:ListRoles",
        ],
        on: On::Everything,
        conditions: &[],
    },
    Need {
        sid: "SeeIdentityCenterRoles",
        purposes: &["ec-iam check"],
        actions: &["iam:ListAttachedRolePolicies"],
        on: On::IdentityCenterRoles,
        conditions: &[],
    },
    Need {
        sid: "SeeIdentityCenter",
        purposes: &["ec-iam check"],
        actions: &[
            "sso:ListInstances",
            "sso:ListPermissionSetsProvisionedToAccount",
            "sso:ListManagedPoliciesInPermissionSet",
            "sso:ListAccountAssignments",
            "sso:DescribePermissionSet",
        ],
        on: On::Everything,
        conditions: &[],
    },
    Need {
        sid: "SeeServiceLinkedRole",
        purposes: &["ec-iam plan", "ec-iam apply", "ec-iam revoke", CHECK, READ_ONLY],
        actions: &["iam:ListRoles"],
        on: On::Everything,
        conditions: &[],
    },
    Need {
        sid: "SeePrincipal",
        purposes: &["ec-iam plan", "ec-iam apply", "ec-iam revoke", READ_ONLY],
        actions: &[
            "iam:GetRole",
            "iam:GetRolePolicy",
            "iam:ListAttachedRolePolicies",
            "iam:GetUser",
            "iam:GetUserPolicy",
            "iam:ListAttachedUserPolicies",
            "iam:GetGroupPolicy",
            "iam:ListAttachedGroupPolicies",
        ],
        on: On::Principal,
        conditions: &[],
    },
    Need {
        sid: "SeeGroup",
        purposes: &["ec-iam plan", "ec-iam apply", READ_ONLY],
        actions: &["iam:GetGroup"],
        on: On::Principal,
        conditions: &[],
    },
    Need {
        sid: "WritePolicy",
        purposes: &["ec-iam apply", "ec-iam revoke"],
        actions: &["iam:PutRolePolicy", "iam:PutUserPolicy", "iam:PutGroupPolicy"],
        on: On::Principal,
        conditions: &[],
    },
    Need {
        sid: "DeletePolicy",
        purposes: &["ec-iam revoke"],
        actions: &["iam:DeleteRolePolicy", "iam:DeleteUserPolicy", "iam:DeleteGroupPolicy"],
        on: On::Principal,
        conditions: &[],
    },
    Need {
        sid: "AttachElastiCachePolicies",
        purposes: &["ec-iam apply"],
        actions: &["iam:AttachRolePolicy", "iam:AttachUserPolicy", "iam:AttachGroupPolicy"],
        on: On::Principal,
        conditions: &[("ArnLike", "iam:PolicyARN", "arn:*:iam::aws:policy/AmazonElastiCache*")],
    },
    Need {
        sid: "DetachElastiCachePolicies",
        purposes: &["ec-iam revoke"],
        actions: &["iam:DetachRolePolicy", "iam:DetachUserPolicy", "iam:DetachGroupPolicy"],
        on: On::Principal,
        conditions: &[("ArnLike", "iam:PolicyARN", "arn:*:iam::aws:policy/AmazonElastiCache*")],
    },
    Need {
        sid: "SeeTrusted",
        purposes: &[TRUST],
        actions: &["iam:GetSAMLProvider", "iam:GetOpenIDConnectProvider", "iam:GetRole", "iam:GetUser"],
        on: On::Everything,
        conditions: &[],
    },
    Need {
        sid: "MakeRole",
        purposes: &[TRUST],
        actions: &[
            "iam:CreateRole",
            "iam:DeleteRole",
            "iam:DeleteRolePolicy",
            "iam:PutRolePermissionsBoundary",
            "iam:DeleteRolePermissionsBoundary",
            "iam:PutUserPermissionsBoundary",
            "iam:DeleteUserPermissionsBoundary",
        ],
        on: On::Principal,
        conditions: &[],
    },
    Need {
        sid: "SeeUserGroups",
        purposes: &[USERS, CHECK],
        actions: &["elasticache:DescribeUserGroups"],
        on: On::Everything,
        conditions: &[],
    },
    Need {
        sid: "MakeUsers",
        purposes: &[USERS],
        actions: &[
            "elasticache:CreateUser",
            "elasticache:DeleteUser",
            "elasticache:CreateUserGroup",
            "elasticache:ModifyUserGroup",
            "elasticache:DeleteUserGroup",
            "elasticache:ModifyServerlessCache",
            "elasticache:ModifyReplicationGroup",
        ],
        on: On::ElastiCache,
        conditions: &[],
    },
    Need {
        sid: "FindIdentityCenter",
        purposes: &[SEATS],
        actions: &["sso:ListInstances"],
        on: On::Everything,
        conditions: &[],
    },
    Need {
        sid: "AssignPermissionSets",
        purposes: &[SEATS],
        actions: &[
            "sso:ListPermissionSets",
            "sso:DescribePermissionSet",
            "sso:GetInlinePolicyForPermissionSet",
            "sso:GetPermissionsBoundaryForPermissionSet",
            "sso:ListManagedPoliciesInPermissionSet",
            "sso:ListAccountAssignments",
            "sso:ListAccountsForProvisionedPermissionSet",
            "sso:DescribeAccountAssignmentCreationStatus",
            "sso:DescribeAccountAssignmentDeletionStatus",
            "sso:DescribePermissionSetProvisioningStatus",
            "sso:CreatePermissionSet",
            "sso:DeletePermissionSet",
            "sso:PutInlinePolicyToPermissionSet",
            "sso:DeleteInlinePolicyFromPermissionSet",
            "sso:PutPermissionsBoundaryToPermissionSet",
            "sso:DeletePermissionsBoundaryFromPermissionSet",
            "sso:AttachManagedPolicyToPermissionSet",
            "sso:DetachManagedPolicyFromPermissionSet",
            "sso:ProvisionPermissionSet",
            "sso:CreateAccountAssignment",
            "sso:DeleteAccountAssignment",
        ],
        on: On::IdentityCenter,
        conditions: &[],
    },
    Need {
        sid: "KeepPeople",
        purposes: &[SEATS],
        actions: &[
            "identitystore:GetUserId",
            "identitystore:GetGroupId",
            "identitystore:GetGroupMembershipId",
            "identitystore:CreateUser",
            "identitystore:DeleteUser",
            "identitystore:CreateGroup",
            "identitystore:DeleteGroup",
            "identitystore:CreateGroupMembership",
            "identitystore:DeleteGroupMembership",
        ],
        on: On::IdentityStore,
        conditions: &[],
    },
    Need {
        sid: "CreateServiceLinkedRole",
        purposes: &["ec-iam apply", SETUP],
        actions: &["iam:CreateServiceLinkedRole"],
        on: On::ServiceLinkedRole,
        conditions: &[("StringEquals", "iam:AWSServiceName", "elasticache.amazonaws.com")],
    },
    Need {
        sid: "DeleteServiceLinkedRole",
        purposes: &["ec-iam revoke"],
        actions: &["iam:DeleteServiceLinkedRole", "iam:GetServiceLinkedRoleDeletionStatus"],
        on: On::ServiceLinkedRole,
        conditions: &[],
    },
    Need {
        sid: "SetUpCaches",
        purposes: &[SETUP],
        actions: &[
            "elasticache:CreateServerlessCache",
            "elasticache:ModifyServerlessCache",
            "elasticache:CreateReplicationGroup",
            "elasticache:ModifyReplicationGroup",
            "elasticache:CreateCacheCluster",
            "elasticache:ModifyCacheCluster",
            "elasticache:CreateCacheSubnetGroup",
            "elasticache:CreateUser",
            "elasticache:ModifyUser",
            "elasticache:CreateUserGroup",
            "elasticache:ModifyUserGroup",
            "elasticache:AddTagsToResource",
        ],
        on: On::ElastiCache,
        conditions: &[],
    },
    Need {
        sid: "SeeSetUp",
        purposes: &[SETUP],
        actions: &[
            "elasticache:DescribeUserGroups",
            "elasticache:DescribeEvents",
            "ec2:DescribeVpcs",
            "ec2:DescribeSubnets",
            "ec2:DescribeSecurityGroups",
        ],
        on: On::Everything,
        conditions: &[],
    },
    Need {
        sid: "ServerlessEndpoint",
        purposes: &[SETUP],
        actions: &["ec2:CreateVpcEndpoint"],
        on: On::VpcEndpoints,
        conditions: &[("StringLike", "ec2:VpceServiceName", "com.amazonaws.elasticache.serverless.*")],
    },
    Need {
        sid: "ServerlessEndpointNetwork",
        purposes: &[SETUP],
        actions: &["ec2:CreateVpcEndpoint"],
        on: On::EndpointNetwork,
        conditions: &[],
    },
    Need {
        sid: "ServerlessEndpointTags",
        purposes: &[SETUP],
        actions: &["ec2:CreateTags"],
        on: On::VpcEndpoints,
        conditions: &[
            ("StringEquals", "ec2:CreateAction", "CreateVpcEndpoint"),
            ("StringEquals", "aws:RequestTag/AmazonElastiCacheManaged", "true"),
        ],
    },
    Need {
        sid: "SeeAccount",
        purposes: &[LIVE],
        actions: &["iam:GetAccountAuthorizationDetails"],
        on: On::Everything,
        conditions: &[],
    },
    Need {
        sid: "SeePolicies",
        purposes: &[LIVE_ONE, CHECK],
        actions: &[
            "iam:GetUser",
            "iam:ListUserPolicies",
            "iam:GetUserPolicy",
            "iam:ListAttachedUserPolicies",
            "iam:ListGroupsForUser",
            "iam:GetRole",
            "iam:ListRolePolicies",
            "iam:GetRolePolicy",
            "iam:ListAttachedRolePolicies",
        ],
        on: On::Principal,
        conditions: &[],
    },
    Need {
        sid: "SeePoliciesOfGroups",
        purposes: &[LIVE_ONE, CHECK],
        actions: &["iam:ListGroupPolicies", "iam:GetGroupPolicy", "iam:ListAttachedGroupPolicies"],
        on: On::Groups,
        conditions: &[],
    },
    Need {
        sid: "SeeManagedPolicies",
        purposes: &[LIVE_ONE, CHECK, LIKE],
        actions: &["iam:GetPolicy", "iam:GetPolicyVersion"],
        on: On::ManagedPolicies,
        conditions: &[],
    },
    Need {
        sid: "AskSimulator",
        purposes: &[COMPARE],
        actions: &["iam:SimulatePrincipalPolicy", "iam:SimulateCustomPolicy"],
        on: On::Everything,
        conditions: &[],
    },
];
