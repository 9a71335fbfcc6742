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
    NOT_VISIBLE = "EC2013" Temporary "AWS does not show the change yet" {
        cause: "IAM spreads changes over all Regions, and ElastiCache over all nodes. It mostly takes seconds or minutes and has no upper bound.",
        see: "aws iam get-role-policy; aws iam list-roles --path-prefix /aws-service-role/elasticache.amazonaws.com/",
        fix: "Run the same command again in a minute."
    }
    ROLE_IN_USE = "EC2014" No "AWS keeps the service-linked role" {
        cause: "The account still has caches, and the role is theirs: AWS does not delete it before the last of them is gone.",
        see: "aws elasticache describe-serverless-caches; describe-replication-groups; describe-cache-clusters",
        fix: "Nothing: the role grants nothing to anybody but ElastiCache."
    }
    POLICY_EDITED = "EC2015" No "what was applied has been changed since" {
        cause: "Somebody changed the policy, or whatever it is, after ec-iam had put it there, so it is not ec-iam's to remove.",
        see: "aws iam get-role-policy; `after` of the change in the document",
        fix: "Look at it, and delete it by hand if nobody needs it."
    }
    AMBIGUOUS_CACHE = "EC2016" Usage "several caches have the name" {
        cause: "A serverless cache, a replication group and a cache cluster may bear the same name in one Region.",
        see: "aws elasticache describe-serverless-caches; describe-replication-groups; describe-cache-clusters",
        fix: "Pipe in the output of one of these commands instead of giving --cache."
    }
    OTHER_ACCOUNT = "EC2017" Refused "these credentials are of another account" {
        cause: "--expect-account names one account, and the credentials belong to another.",
        see: "ec-iam whoami",
        fix: "Use the right profile (--profile), or correct --expect-account."
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
    NOT_DETERMINED = "EC2050" No "a part of the account's posture is not known" {
        cause: "The credentials may not ask for it, AWS did not answer, or the saved answers do not hold it. Nothing was guessed.",
        see: "`checks` of the section; the finding names the action of IAM, or the command of the AWS CLI, that would tell",
        fix: "Allow the action (ec-iam policy --for 'ec-iam check' prints them all), or save the answer of the command."
    }
    SAVED_ANSWERS = "EC2051" Usage "saved answers about an account are not understood" {
        cause: "A file below the folder is no output of the AWS CLI, holds a value that AWS does not write, or was cut off.",
        see: "The error names the file, and the place in it.",
        fix: "Save the answer anew with --output json and without --max-items; other files must not end in .json or .csv."
    }
    SEVERAL_ACCOUNTS = "EC2052" Usage "the saved answers are about several accounts" {
        cause: "The account summary does not say whose it is, so answers of two accounts in one folder could not be told apart.",
        see: "The error names two files and their accounts.",
        fix: "Keep the answers of each account in a folder of its own."
    }
    ROOT_WITHOUT_MFA = "EC2053" No "the root user has no MFA" {
        cause: "Whoever learns the root user's password, or gets hold of its mailbox, owns the account.",
        see: "aws iam get-account-summary: AccountMFAEnabled",
        fix: "Sign in as the root user, and assign an MFA device under Security credentials. No API can do that."
    }
    ROOT_KEYS = "EC2054" No "the root user has an access key" {
        cause: "The key may do everything, nothing can limit it, and no MFA guards it.",
        see: "aws iam get-account-summary: AccountAccessKeysPresent",
        fix: "Let the programs that use it work under a role, then delete it under Security credentials of the root user."
    }
    ROOT_IN_USE = "EC2055" No "the root user was used lately" {
        cause: "Somebody signed in as the root user, or used its access key. Few tasks need it, and AWS asks to use it for these alone.",
        see: "The credential report: password_last_used and access_key_1_last_used_date of <root_account>; CloudTrail",
        fix: "Work as a user of IAM Identity Center or under a role."
    }
    OLD_KEYS = "EC2056" No "access keys of IAM users are old" {
        cause: "An access key stays valid until somebody deletes it. The longer it lies about, the more copies of it there are.",
        see: "The credential report: access_key_1_active and access_key_1_last_rotated",
        fix: "Use roles and IAM Identity Center instead, or make a new key, use it, and delete the old one."
    }
    USERS_WITHOUT_MFA = "EC2057" No "IAM users sign in with a password alone" {
        cause: "They have a password for the console and no MFA device.",
        see: "The credential report: password_enabled and mfa_active",
        fix: "Assign an MFA device to each, or delete the password; better, let people sign in through IAM Identity Center."
    }
    NO_IDENTITY_CENTER = "EC2058" No "people cannot sign in through IAM Identity Center" {
        cause: "No instance of IAM Identity Center gives access to this account, so people work with long-term credentials.",
        see: "aws sso-admin list-instances, in each Region that it may be in",
        fix: "Enable it in the console of the organization's management account. No API can do that."
    }
    NO_ADMINISTRATOR = "EC2059" No "nobody administers the account through IAM Identity Center" {
        cause: "No permission set with the policy AdministratorAccess is assigned in this account, so it is administered in a less safe way.",
        see: "aws sso-admin list-permission-sets-provisioned-to-account; aws iam list-roles --path-prefix /aws-reserved/sso.amazonaws.com/",
        fix: "Assign a permission set with AdministratorAccess to a user or a group for this account."
    }
    CREDENTIAL_REPORT = "EC2060" Usage "the credential report is not understood" {
        cause: "A line of it has another form than AWS writes: too few columns, a time that is none, a name that IAM does not allow.",
        see: "The error names the line.",
        fix: "aws iam generate-credential-report, then save aws iam get-credential-report anew."
    }
    NOT_A_TOKEN = "EC2065" No "the text is no IAM authentication token" {
        cause: "It has no parameters of a signature: it is a password, a key, or a credential of another kind.",
        see: "ec-iam token prints one: NAME/?Action=connect&User=ID&X-Amz-Algorithm=AWS4-HMAC-SHA256&…",
        fix: "Sign a token with ec-iam token. A password or an AUTH token needs no lint: it is compared as it is."
    }
    TOKEN_WRAPPED = "EC2066" No "something stands around the token, or inside it" {
        cause: "Quotes, white space, a line break of the terminal, or the command that should have taken the token became part of it.",
        see: "printenv REDISCLI_AUTH | wc: one line, one word",
        fix: "Hand it over without copying: export REDISCLI_AUTH=$(ec-iam token …)."
    }
    TOKEN_TRUNCATED = "EC2067" No "the token is not whole" {
        cause: "Its beginning or its end is missing. A token has 300 to 2000 characters, and some fields and terminals hold less.",
        see: "A token ends in X-Amz-Signature and 64 hexadecimal digits, or in X-Amz-Security-Token.",
        fix: "Hand it over without copying: export REDISCLI_AUTH=$(ec-iam token …)."
    }
    TOKEN_ENDPOINT = "EC2068" No "the token is for an endpoint instead of the cache's name" {
        cause: "The client dials the endpoint; the token names the cache: the serverless cache's name, or the replication group's id.",
        see: "https://docs.aws.amazon.com/AmazonElastiCache/latest/dg/auth-iam.html",
        fix: "Sign with the cache's name as host: ec-iam token --cache NAME. It cannot be mended afterwards, for the name is signed."
    }
    TOKEN_SCHEME = "EC2069" No "the token begins with a scheme" {
        cause: "A token is the presigned URL without https:// or http:// in front.",
        see: "The first characters of the token are the cache's name.",
        fix: "Cut the scheme off. It is not signed, so that the rest stays valid."
    }
    TOKEN_CASE = "EC2070" No "the token names the cache or the user in upper case" {
        cause: "AWS stores both names in lower case, and compares case.",
        see: "aws elasticache describe-users; describe-serverless-caches; describe-replication-groups",
        fix: "Sign with the names in lower case, as ec-iam token does whatever it is given."
    }
    TOKEN_CACHE = "EC2071" No "the token is for another cache, or for none" {
        cause: "The name in front of `/?` is not the cache's, or has something beside the name, such as a port.",
        see: "aws elasticache describe-serverless-caches; describe-replication-groups",
        fix: "Sign with the cache's name alone: ec-iam token --cache NAME."
    }
    TOKEN_PATH = "EC2072" No "the token's path is not /" {
        cause: "The path is signed and must be `/`. Some URL builders leave it out where nothing but a query follows.",
        see: "A token begins NAME/?Action=connect",
        fix: "Sign https://NAME/?Action=connect&User=ID, with the slash before the question mark."
    }
    TOKEN_USER = "EC2073" No "the token is for another user, or for none" {
        cause: "`User` is missing, is no id of an ElastiCache user, or is another one than AUTH or --user names.",
        see: "aws elasticache describe-users",
        fix: "Sign for the user that logs in: ec-iam token --user ID."
    }
    TOKEN_ACTION = "EC2074" No "the token's action is not connect" {
        cause: "`Action=connect` is missing, or written otherwise. ElastiCache takes no other action, and compares case.",
        see: "A token begins NAME/?Action=connect",
        fix: "Sign with Action=connect."
    }
    TOKEN_RESOURCE_TYPE = "EC2075" No "the token is for the other kind of cache" {
        cause: "Tokens of serverless caches carry ResourceType=ServerlessCache, and those of replication groups carry no ResourceType. Some clients never send it.",
        see: "https://docs.aws.amazon.com/AmazonElastiCache/latest/dg/auth-iam.html",
        fix: "ec-iam token --serverless for a serverless cache, and without it for a replication group."
    }
    TOKEN_SERVICE = "EC2076" No "the token is signed for another service" {
        cause: "The fourth part of X-Amz-Credential is not elasticache. RDS, MemoryDB and others have tokens that look alike.",
        see: "X-Amz-Credential is KEY/DATE/REGION/elasticache/aws4_request",
        fix: "Sign for the service elasticache. If the cache is a MemoryDB cluster, nothing is wrong with the service: ec-iam token --memorydb signs so."
    }
    TOKEN_REGION = "EC2077" No "the token is signed for another Region" {
        cause: "The signer took its own Region for the cache's. botocore reads AWS_DEFAULT_REGION and not AWS_REGION; other SDKs prefer AWS_REGION.",
        see: "env | grep REGION; aws configure list",
        fix: "Sign with the cache's Region: ec-iam token --region REGION."
    }
    TOKEN_SIGNING = "EC2078" No "the token is signed otherwise than ElastiCache asks" {
        cause: "A token is a GET, presigned with Signature Version 4 in the query, for 900 seconds, with host as the only signed header.",
        see: "https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_sigv-create-signed-request.html",
        fix: "Presign with X-Amz-Expires=900 and no header but host, or take the token of ec-iam token."
    }
    TOKEN_TOO_LONG = "EC2079" Usage "a line is too long to be a token" {
        cause: "Tokens have about 2000 characters at most, and a line is read up to 16 KiB.",
        see: "wc -L < input",
        fix: "Give one token a line."
    }
    TOKEN_EXPIRED = "EC2080" No "the token has expired" {
        cause: "A token opens connections for 15 minutes after it is signed; connections that are open stay so for 12 hours.",
        see: "X-Amz-Date and X-Amz-Expires in the token; date -u",
        fix: "Sign a new one for every connection, or every 10 minutes. If it was signed just now, set the clock of the machine that signs."
    }
    TOKEN_CLOCK = "EC2081" No "the token is not valid yet" {
        cause: "It is dated in the future: the clock of the machine that signed is ahead, or that of this machine is behind.",
        see: "date -u; curl -sI https://sts.amazonaws.com | grep -i ^date",
        fix: "Set the clock (chronyc tracking, timedatectl), and sign again."
    }
    TOKEN_CREDENTIALS = "EC2082" No "the token's credentials do not go together" {
        cause: "Temporary keys (ASIA) sign with their session token, and long-term keys (AKIA) have none.",
        see: "aws configure list; env | cut -d= -f1 | grep ^AWS_",
        fix: "Export all three of AWS_ACCESS_KEY_ID, AWS_SECRET_ACCESS_KEY and AWS_SESSION_TOKEN, or unset the last one with a long-term key."
    }
    TOKEN_ENCODING = "EC2083" No "characters of the token are not encoded as they were signed" {
        cause: "A value is percent-encoded twice or not at all, or the token went through HTML, JSON or a shell that escaped it.",
        see: "The finding names the parameters.",
        fix: "Encode each value once, as RFC 3986 says, and let nothing encode the finished token again."
    }
    TOKEN_PARAMETER = "EC2084" No "a parameter of the token stands twice, or does not belong there" {
        cause: "Parameters were set by hand that the signer sets, too, or added after the token had been signed.",
        see: "printenv REDISCLI_AUTH | tr '?&' '\\n\\n' | cut -d= -f1 | sort | uniq -c",
        fix: "Let the signer set all X-Amz parameters, and change nothing afterwards."
    }
    TOKEN_SIGNATURE = "EC2085" No "the signature is not the one that these credentials give" {
        cause: "The secret access key in the environment has the same key id and gives another signature: the secret is another, a part of the token was changed after signing, or something beside it was signed.",
        see: "ec-iam token with the same credentials gives another X-Amz-Signature for the same X-Amz-Date.",
        fix: "Correct AWS_SECRET_ACCESS_KEY, and sign the empty body of a GET and nothing else."
    }
    ACCESS_RULE = "EC2086" No "a rule of the access string is not taken" {
        cause: "The rule is not understood, or it is one that AWS keeps to itself: passwords, reset, and commands that ElastiCache restricts.",
        see: "aws elasticache describe-users --user-id ID: AccessString; the finding names the character at which the rule begins",
        fix: "Correct the rule: https://docs.aws.amazon.com/AmazonElastiCache/latest/dg/Clusters.RBAC.html#Access-string"
    }
    ACCESS_NOTHING = "EC2087" No "the access string lets the user do nothing" {
        cause: "The user is off, as it is without the word on, or no rule allows a command, or none names a key.",
        see: "aws elasticache describe-users --user-id ID: AccessString",
        fix: "aws elasticache modify-user --user-id ID --access-string 'on ~app:* +@read +@write +@connection +info'"
    }
    ACCESS_NEED = "EC2088" No "the access string denies what clients need" {
        cause: "Clients run commands of their own when they connect, and publish and subscribe on channels; a later rule takes away what an earlier one gave.",
        see: "The server answers NOPERM; ACL WHOAMI and ACL LIST show the user and its rules.",
        fix: "Add the rules that the finding names to the end of the access string."
    }
    ACCESS_WIDE = "EC2089" No "the access string allows more than an application needs" {
        cause: "It allows every command, or some of the category dangerous, which may stop the cache or empty it.",
        see: "ACL CAT dangerous",
        fix: "Allow what the application does, or end the access string with -@dangerous +info."
    }
    DIRECT_POLICY = "EC2090" No "a user or group carries the policy itself" {
        cause: "It works. But users have access keys that never end, and AWS recommends roles, whose credentials do.",
        see: "aws iam list-user-policies; list-attached-user-policies; the same for groups",
        fix: "Let people sign in through IAM Identity Center, and give programs a role."
    }
    CONFLICT = "EC2091" No "something of the name is there in another form" {
        cause: "The role has another trust policy, the permission set another inline policy, the principal another boundary, or the user another authentication. They are somebody's, so ec-iam does not change them.",
        see: "`present` and `wanted` in the finding",
        fix: "Choose another name, or change what is there by hand if nobody else uses it."
    }
    TRUST = "EC2092" Usage "the trust policy cannot be made" {
        cause: "It is not said who is trusted, or a condition is missing without which too many would be.",
        see: "ec-iam trust --help",
        fix: "Give saml/NAME, oidc/ISSUER with --subject, user/NAME or role/NAME."
    }
    NO_PROVIDER = "EC2093" Refused "whom the role is to trust does not exist" {
        cause: "The account has no identity provider, user or role of the name.",
        see: "aws iam list-saml-providers; aws iam list-open-id-connect-providers; aws iam list-users",
        fix: "Create the provider first: aws iam create-saml-provider, or create-open-id-connect-provider."
    }
    IDENTITY_CENTER_NEEDED = "EC2094" Refused "what is asked for needs IAM Identity Center, which is not on" {
        cause: "The account has no instance of Identity Center in this Region, or only the management account sees it.",
        see: "aws sso-admin list-instances --region REGION",
        fix: "Name its Region with --region, or turn it on: https://console.aws.amazon.com/singlesignon"
    }
    NO_SUCH_PERSON = "EC2095" Refused "IAM Identity Center does not know the user" {
        cause: "The identity store has no user of the name. Where an external identity source brings the users, only that can add one.",
        see: "aws identitystore list-users --identity-store-id ID",
        fix: "Correct the name, or give --email and --full-name so that the user is created."
    }
    IN_USE = "EC2096" No "AWS keeps what was made, because it is in use" {
        cause: "Somebody has put policies on the role, users in the group, or assignments on the permission set since.",
        see: "`reason` in the finding",
        fix: "Nothing if it is to stay. Otherwise take away what uses it, and run the same command again."
    }
    LOCKS_OUT = "EC2097" No "clients that do not log in would lose the cache" {
        cause: "The first user group of a Valkey cache turns its default user off, and a user group takes the place of an AUTH token.",
        see: "aws elasticache describe-replication-groups: AuthTokenEnabled, UserGroupIds; CLIENT LIST on the server",
        fix: "Make every client log in as a user before the group is attached."
    }
    UNFIT_CACHE = "EC2098" No "the cache cannot log anybody in with IAM" {
        cause: "IAM logins need Valkey 7.2 or Redis OSS 7.0, encryption in transit, and a serverless cache or a replication group.",
        see: "aws elasticache describe-replication-groups: Engine, TransitEncryptionEnabled; describe-serverless-caches",
        fix: "Upgrade the engine, turn encryption in transit on, or use another cache."
    }
    REFUSED_LATER = "EC2099" Refused "AWS took the call and did not do its work" {
        cause: "The work goes on after the answer, and AWS gave it up.",
        see: "The error has AWS's reason.",
        fix: "Mend what the reason names, and run the same command again."
    }
    NO_SERVICE_LINKED_ROLE = "EC2100" No "the account has no service-linked role of ElastiCache" {
        cause: "ElastiCache makes it with the first cache if whoever creates that may, and cannot create a cache without it.",
        see: "aws iam list-roles --path-prefix /aws-service-role/elasticache.amazonaws.com/",
        fix: "ec-iam apply creates it; it takes iam:CreateServiceLinkedRole for elasticache.amazonaws.com."
    }
    UNFIT_USER = "EC2101" No "the ElastiCache user cannot log in with IAM" {
        cause: "Its id and its name differ, or AWS is still at work on it.",
        see: "aws elasticache describe-users --user-id ID: UserName, Status",
        fix: "Create a user whose id and name are equal; wait until it is active."
    }
    UNFIT_GROUP = "EC2102" No "the user group does not let the user in" {
        cause: "AWS is still at work on the group, or it is for another engine than the cache's.",
        see: "aws elasticache describe-user-groups --user-group-id ID: Engine, Status",
        fix: "Wait until it is active, or attach a group of the cache's engine."
    }
    MAY_NOT_CONNECT = "EC2103" No "the principal may not connect" {
        cause: "AWS checks elasticache:Connect on the ARN of the cache and on that of the user. One of them is not allowed, or is denied.",
        see: "ec-iam simulate --live --principal PRINCIPAL --cache-arn ARN --user ID",
        fix: "ec-iam apply --principal PRINCIPAL, or take away what denies it."
    }
    DEPENDS = "EC2104" No "whether the principal may connect depends on the request" {
        cause: "A policy has a condition on something that only a request tells, or could not be read.",
        see: "ec-iam simulate --live --principal PRINCIPAL --cache-arn ARN --user ID",
        fix: "Give the values of the request: ec-iam simulate --live --context KEY=VALUE."
    }
}
