//! The IAM actions that our verbs need, and the policies made of them.

mod table;

use ec_shared::{Failure, codes as shared};
use serde_json::{Value, json};

use crate::arn::CacheArn;
use crate::policy;
use table::{NEEDS, Need, On};

/// What a policy is for, and whom it is made for. What is not known becomes `*` where AWS's ARNs allow it.
#[derive(Clone, Debug, Default)]
pub struct Scope {
    /// `aws`, `aws-cn` …
    pub partition: String,
    /// The account.
    pub account: Option<String>,
    /// The Region.
    pub region: Option<String>,
    /// The cache and the user to connect as.
    pub connect: Option<(CacheArn, String)>,
    /// The ARN of the principal that may be given a policy.
    pub principal: Option<String>,
}

impl Scope {
    /// The scope that a policy for `setup` was made for, as the ARNs of its caches tell.
    pub fn of_setup(policy: &Value) -> Option<Self> {
        let statements = policy.get("Statement")?.as_array()?;
        let mut resources = statements.iter().filter_map(|statement| statement.get("Resource")?.as_str());
        let arn: Vec<&str> = resources.find(|arn| arn.contains(":elasticache:"))?.split(':').collect();
        let &["arn", partition, "elasticache", region, account, "*"] = arn.as_slice() else { return None };
        let known = |part: &str| (part != "*").then(|| part.to_owned());
        Some(Self {
            partition: partition.to_owned(),
            account: known(account),
            region: known(region),
            ..Self::default()
        })
    }
}

/// Purposes that are nothing but the permission to connect.
const LOGINS: [&str; 3] = ["connect", "ec-iam token", "ec-probe --auth iam"];

/// Every purpose: the words, then our verbs.
pub fn purposes() -> Vec<&'static str> {
    let mut purposes: Vec<&str> =
        LOGINS.into_iter().chain(NEEDS.iter().flat_map(|need| need.purposes).copied()).collect();
    purposes.sort_unstable_by_key(|purpose| (purpose.contains(' '), *purpose));
    purposes.dedup();
    purposes
}

/// Whether a purpose is only about connecting, so that its policy needs a cache and a user.
pub fn is_login(purpose: &str) -> bool {
    LOGINS.contains(&purpose)
}

/// The policy for a purpose.
///
/// # Errors
/// `EC9008` for a purpose that is not in the table, or a login without a cache and a user.
pub fn policy(purpose: &str, scope: &Scope) -> Result<Value, Failure> {
    let cannot = || Failure::new(&shared::FLAGS, format!("cannot make a policy for `{purpose}`"));
    if is_login(purpose) {
        return match &scope.connect {
            Some((cache, user)) => Ok(policy::connect(cache, user)),
            None => Err(cannot()
                .because("it names a cache and a user, and none is given")
                .hint("--cache-arn ARN --user ID, or --cache NAME --user ID, or a document on stdin")),
        };
    }
    // `apply` with a flag takes what `apply` alone takes, and more.
    let verb = purpose.split(" --").next().filter(|verb| verb.ends_with(" apply")).unwrap_or(purpose);
    let needs: Vec<&Need> =
        NEEDS.iter().filter(|need| need.purposes.contains(&purpose) || need.purposes.contains(&verb)).collect();
    if !purposes().contains(&purpose) {
        return Err(cannot()
            .because("no verb of ours is called so")
            .hint(format!("--for takes: {}", purposes().join(", "))));
    }
    Ok(policy::document(needs.into_iter().filter_map(|need| statement(need, scope))))
}

fn statement(need: &Need, scope: &Scope) -> Option<Value> {
    let any = "*".to_owned();
    let (partition, account) = (&scope.partition, scope.account.as_ref().unwrap_or(&any));
    let region = scope.region.as_ref().unwrap_or(&any);
    let ec2 = |kind: &str| format!("arn:{partition}:ec2:{region}:{account}:{kind}/*");
    let mut actions = need.actions.to_vec();
    let resource = match need.on {
        On::Everything => json!("*"),
        On::ElastiCache => json!(format!("arn:{partition}:elasticache:{region}:{account}:*")),
        On::SecurityGroups => json!([ec2("security-group"), ec2("security-group-rule")]),
        On::NetworkInterfaces => json!([ec2("network-interface"), ec2("security-group"), ec2("instance")]),
        On::EndpointNetwork => json!([ec2("vpc"), ec2("subnet"), ec2("security-group")]),
        On::VpcEndpoints => json!(ec2("vpc-endpoint")),
        On::Principal => {
            let arn = scope.principal.as_ref()?;
            let kind = ["Role", "User", "Group"]
                .into_iter()
                .find(|kind| arn.contains(&format!(":{}/", kind.to_lowercase())))?;
            // `ListGroupsForUser` is about a user.
            actions.retain(|action| action.contains(kind) && (kind == "User" || !action.ends_with("User")));
            if actions.is_empty() {
                return None;
            }
            json!(arn)
        }
        On::Groups => {
            // Only users are in groups.
            scope.principal.as_ref().filter(|arn| arn.contains(":user/"))?;
            json!(format!("arn:{partition}:iam::{account}:group/*"))
        }
        On::ManagedPolicies => {
            json!([format!("arn:{partition}:iam::{account}:policy/*"), format!("arn:{partition}:iam::aws:policy/*")])
        }
        On::IdentityCenter => json!([
            format!("arn:{partition}:sso:::instance/*"),
            format!("arn:{partition}:sso:::permissionSet/*/*"),
            format!("arn:{partition}:sso:::account/{account}"),
        ]),
        On::IdentityStore => json!([
            format!("arn:{partition}:identitystore::{account}:identitystore/*"),
            format!("arn:{partition}:identitystore:::user/*"),
            format!("arn:{partition}:identitystore:::group/*"),
            format!("arn:{partition}:identitystore:::membership/*"),
        ]),
        On::ServiceLinkedRole => json!(format!(
            "arn:{partition}:iam::{account}:role/aws-service-role/elasticache.amazonaws.com/AWSServiceRoleForElastiCache"
        )),
        On::IdentityCenterRoles => {
            json!(format!("arn:{partition}:iam::{account}:role/aws-reserved/sso.amazonaws.com/*"))
        }
    };
    let mut statement = json!({"Sid": need.sid, "Effect": "Allow", "Action": actions, "Resource": resource});
    for (operator, key, value) in need.conditions {
        statement["Condition"][operator][key] = json!(value);
    }
    Some(statement)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeSet;

    fn scope() -> Scope {
        Scope {
            partition: "aws-cn".into(),
            account: Some("123456789012".into()),
            region: Some("cn-north-1".into()),
            connect: None,
            principal: Some("arn:aws-cn:iam::123456789012:role/app".into()),
        }
    }

    fn actions(policy: &Value) -> BTreeSet<String> {
        let statements = policy["Statement"].as_array().unwrap().iter();
        statements
            .flat_map(|statement| statement["Action"].as_array().unwrap())
            .map(|action| action.as_str().unwrap().to_owned())
            .collect()
    }

    #[test]
    fn every_purpose_gives_statements_without_wildcard_actions() {
        for purpose in purposes().into_iter().filter(|purpose| !is_login(purpose)) {
            let policy = policy(purpose, &scope()).unwrap();
            let actions = actions(&policy);
            assert!(!actions.is_empty(), "{purpose}");
            assert!(actions.iter().all(|action| !action.contains('*')), "{purpose}");
        }
    }

    #[test]
    fn reading_verbs_may_write_nothing() {
        let of_sg = ["ec-sg find", "ec-sg check", "ec-sg plan", "ec-sg audit"];
        for purpose in ["read-only", "ec-iam whoami", "ec-iam check", "ec-iam plan"].into_iter().chain(of_sg) {
            for action in actions(&policy(purpose, &scope()).unwrap()) {
                let verb = action.split_once(':').unwrap().1;
                assert!(
                    // To have a credential report made is reading in the eyes of IAM, too.
                    ["Describe", "Get", "List", "Search", "GenerateCredentialReport"]
                        .iter()
                        .any(|read| verb.starts_with(read)),
                    "{purpose}: {action}"
                );
            }
        }
    }

    #[test]
    fn the_service_linked_role_is_named_exactly_and_only_for_elasticache() {
        let policy = policy("setup", &scope()).unwrap();
        let statements = policy["Statement"].as_array().unwrap();
        let found = statements.iter().find(|statement| statement["Sid"] == "CreateServiceLinkedRole").unwrap();
        assert_eq!(
            *found,
            json!({
                "Sid": "CreateServiceLinkedRole",
                "Effect": "Allow",
                "Action": ["iam:CreateServiceLinkedRole"],
                "Resource": "arn:aws-cn:iam::123456789012:role/aws-service-role/elasticache.amazonaws.com/AWSServiceRoleForElastiCache",
                "Condition": {"StringEquals": {"iam:AWSServiceName": "elasticache.amazonaws.com"}},
            })
        );
    }

    #[test]
    fn policies_may_be_written_only_for_the_principal_that_was_named() {
        let named = policy("ec-iam apply", &scope()).unwrap();
        assert!(actions(&named).contains("iam:PutRolePolicy"));
        assert!(!actions(&named).contains("iam:PutUserPolicy"));
        let unnamed = policy("ec-iam apply", &Scope { principal: None, ..scope() }).unwrap();
        assert!(actions(&unnamed).iter().all(|action| !action.contains("Policy")));
        let attached =
            named["Statement"].as_array().unwrap().iter().find(|one| one["Sid"] == "AttachElastiCachePolicies");
        let only = "arn:*:iam::aws:policy/AmazonElastiCache*";
        assert_eq!(attached.unwrap()["Condition"], json!({"ArnLike": {"iam:PolicyARN": only}}));
    }

    #[test]
    fn the_groups_of_an_interface_may_be_changed_only_where_that_is_what_it_is_for() {
        let may = |purpose: &&str| {
            !is_login(purpose)
                && actions(&policy(purpose, &scope()).unwrap()).contains("ec2:ModifyNetworkInterfaceAttribute")
        };
        assert_eq!(purposes().into_iter().filter(may).collect::<Vec<_>>(), ["ec-sg apply --attach-group"]);
    }

    #[test]
    fn a_login_needs_a_cache_and_a_user_and_other_words_are_refused() {
        assert_eq!(policy("connect", &scope()).unwrap_err().code().id, "EC9008");
        let failure = policy("ec-sg fly", &scope()).unwrap_err();
        assert!(failure.hint_text().unwrap().contains("ec-sg find"));
    }

    /// The calls that `aws.rs` and the files below it make, in the words of IAM, against those that the table allows our
    /// own verbs.
    #[test]
    fn the_table_has_every_call_of_ec_iam_and_no_other() {
        let below = std::fs::read_dir(concat!(env!("CARGO_MANIFEST_DIR"), "/src/aws")).unwrap();
        let below = below.map(|file| std::fs::read_to_string(file.unwrap().path()).unwrap());
        let sources: Vec<String> = below.chain([include_str!("aws.rs").to_owned()]).collect();
        let calls: BTreeSet<String> = sources
            .iter()
            .flat_map(|source| source.split("call!(self, \"").skip(1))
            .filter_map(|rest| {
                let mut words = rest.split('"');
                Some(format!("{}:{}", words.next()?, words.nth(1)?))
            })
            .collect();
        let mut allowed = BTreeSet::new();
        for kind in ["role", "user", "group"] {
            let principal = Some(format!("arn:aws:iam::123456789012:{kind}/app"));
            for verb in purposes().into_iter().filter(|purpose| purpose.starts_with("ec-iam ") && !is_login(purpose)) {
                allowed.extend(actions(&policy(verb, &Scope { principal: principal.clone(), ..scope() }).unwrap()));
            }
        }
        assert_eq!(calls, allowed);
    }
}
