//! The codes of ec-iam: `EC2xxx`.

ec_shared::codes! {
    ROOT_USER = "EC2001" No "the credentials are the root user's" {
        cause: "The root user may do everything, and nothing can limit it. AWS asks to use it for root-only tasks and nothing else.",
        see: "aws sts get-caller-identity: the ARN ends in :root",
        fix: "Work as a user of IAM Identity Center or under a role, delete the root user's access keys, and give it MFA."
    }
    LONG_TERM_KEY = "EC2002" No "the credentials are a long-term access key" {
        cause: "The access key of an IAM user stays valid until somebody deletes it, so a copy of it does, too.",
        see: "aws configure list; the key id begins with AKIA",
        fix: "Use aws login or aws sso login on your own machine, and a role on machines of AWS."
    }
    PRINCIPAL = "EC2003" Usage "the principal is not understood" {
        cause: "--principal names neither a role, a user nor a group of IAM that can carry an inline policy.",
        see: "ec-iam whoami shows the principal behind the present credentials.",
        fix: "Give role/NAME, user/NAME, group/NAME or the ARN of one of them."
    }
    NO_SUCH_PRINCIPAL = "EC2004" Refused "the principal does not exist in this account" {
        cause: "The name is wrong, or the principal belongs to another account than the credentials.",
        see: "aws iam get-role --role-name NAME; ec-iam whoami",
        fix: "Correct the name, or use credentials of the principal's account."
    }
    NO_IAM_AUTH = "EC2005" Refused "the cache does not log anybody in with IAM" {
        cause: "Memcached, and caches without a user group, know no IAM users: a Connect permission would allow nothing there.",
        see: "aws elasticache describe-serverless-caches: UserGroupId; describe-replication-groups: UserGroupIds",
        fix: "Nothing, if the cache is meant to be so. Otherwise attach a user group with an IAM user to the cache."
    }
    WHICH_USER = "EC2006" Usage "it is not known which ElastiCache user is meant" {
        cause: "Connect is allowed for one user of the cache. None was named, and the cache has several IAM users, or does not say which.",
        see: "aws elasticache describe-users",
        fix: "Name the user with --user or EC_USER."
    }
    CACHE_ARN = "EC2007" Usage "the cache's ARN is not known, or is no ARN of a cache with users" {
        cause: "A policy names the cache by its ARN. The document has none, or the text given is another resource's.",
        see: "aws elasticache describe-serverless-caches: ARN",
        fix: "Start from ec-sg find, or name the cache with --cache."
    }
    NOT_IAM_USER = "EC2008" No "the ElastiCache user does not log in with IAM" {
        cause: "The user has a password, or none. Its authentication mode is not iam, so a token for it is refused.",
        see: "aws elasticache describe-users --user-id ID: Authentication.Type",
        fix: "aws elasticache modify-user --user-id ID --authentication-mode Type=iam; user id and user name must be equal."
    }
    NOT_IN_GROUP = "EC2009" No "the ElastiCache user is in no user group of the cache" {
        cause: "A cache knows the users of its user groups and no others.",
        see: "aws elasticache describe-users --user-id ID: UserGroupIds",
        fix: "aws elasticache modify-user-group --user-group-id GROUP --user-ids-to-add ID"
    }
    NOT_VERIFIED = "EC2010" No "the ElastiCache user could not be looked up" {
        cause: "The credentials may not describe users, so nobody checked that the user exists, logs in with IAM and belongs to the cache.",
        see: "aws elasticache describe-users --user-id ID",
        fix: "Allow elasticache:DescribeUsers."
    }
    NO_PRINCIPAL = "EC2011" No "no principal is named" {
        cause: "Without --principal only the service-linked role is looked after; nobody is allowed to connect.",
        see: "ec-iam whoami shows the principal behind the present credentials.",
        fix: "Give --principal role/NAME, user/NAME or group/NAME."
    }
    STALE_PLAN = "EC2012" Refused "the plan no longer fits" {
        cause: "What the plan wants to change has changed since, or the flags ask for something else than the plan.",
        see: "Compare `before` in the plan with aws iam get-role-policy.",
        fix: "Run ec-iam plan again and look at the result."
    }
    NOT_VISIBLE = "EC2013" Temporary "IAM does not show the change yet" {
        cause: "IAM spreads changes over all Regions. It mostly takes seconds and has no upper bound.",
        see: "aws iam get-role-policy; aws iam list-roles --path-prefix /aws-service-role/elasticache.amazonaws.com/",
        fix: "Run the same command again in a minute."
    }
    ROLE_IN_USE = "EC2014" No "AWS keeps the service-linked role" {
        cause: "The account still has caches, and the role is theirs: AWS does not delete it before the last of them is gone.",
        see: "aws elasticache describe-serverless-caches; describe-replication-groups; describe-cache-clusters",
        fix: "Nothing: the role grants nothing to anybody but ElastiCache."
    }
    POLICY_EDITED = "EC2015" No "the policy is not the one that was applied" {
        cause: "Somebody changed the inline policy after ec-iam had put it there, so it is not ec-iam's to remove.",
        see: "aws iam get-role-policy; `after` of the change in the document",
        fix: "Look at the policy, and delete it by hand if nobody needs it."
    }
    AMBIGUOUS_CACHE = "EC2016" Usage "several caches have the name" {
        cause: "A serverless cache, a replication group and a cache cluster may bear the same name in one Region.",
        see: "aws elasticache describe-serverless-caches; describe-replication-groups; describe-cache-clusters",
        fix: "Pipe in the output of one of these commands instead of giving --cache."
    }
    POLICY = "EC2030" Usage "a policy is not valid" {
        cause: "AWS would refuse the policy, or it says something else than its author means: an element is unknown, missing or of the wrong form.",
        see: "The error names the policy, the JSON pointer of the value, and its line.",
        fix: "Correct the value. `aws accessanalyzer validate-policy` tells what AWS thinks of the policy."
    }
    SIMULATION = "EC2031" Usage "a request for a simulation is not understood" {
        cause: "The input is not the input of `aws iam simulate-custom-policy`, or a member of it has the wrong form.",
        see: "aws iam simulate-custom-policy --generate-cli-skeleton",
        fix: "Correct the member that the error names."
    }
    ACCOUNT = "EC2032" Usage "the authorization details of the account are not understood" {
        cause: "The input is not what `aws iam get-account-authorization-details` prints, or a part of it is missing.",
        see: "jq 'keys, .IsTruncated' < input",
        fix: "aws iam get-account-authorization-details --output json, without --max-items and --filter."
    }
    IN_VAIN = "EC2033" No "a policy names something that does not exist" {
        cause: "IAM accepts names of actions, condition keys and resources that do not exist. They match nothing, so that the statement does less than its author means.",
        see: "The service authorization reference of the service; aws accessanalyzer validate-policy",
        fix: "Correct the name that the finding shows."
    }
    DIFFERS = "EC2034" No "AWS's own simulator answers otherwise" {
        cause: "The two do not know the same: AWS's simulator considers the organization's service control policies in part, and no session policies, resource control policies and trust policies. Or a policy has changed since it was read.",
        see: "aws iam simulate-principal-policy; `Reasons` on our side, `MatchedStatements` on AWS's",
        fix: "Nothing, if the reason is one of these. Otherwise try the request itself, and report the difference."
    }
    INCOMPLETE = "EC2035" Temporary "an answer of IAM is not whole" {
        cause: "IAM said that there is more and not where it goes on, or left out what was asked. What is not whole is not judged.",
        see: "aws iam get-account-authorization-details; aws iam simulate-principal-policy",
        fix: "Run the command again."
    }
}
