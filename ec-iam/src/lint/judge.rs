//! What is wrong with one value of a policy, by the tables.

use super::table::{self, Names, Table, Type};
use crate::evaluate::{Context, Pattern, Wildcards};

/// The service whose own name is looked after: the others have names of three letters, which are near to many.
const SERVICE: &str = "elasticache";

/// What is wrong with a value of `Action`.
pub(super) fn action(text: &str) -> Option<String> {
    let (prefix, name) = text.split_once(':')?;
    let Some(table) = table::service(prefix) else { return misspelt(prefix) };
    let title = table.title;
    if !name.contains(['*', '?']) {
        return unknown(&format!("action of {title}"), name, &table.actions);
    }
    let is_one = like(name, &table.actions).next().is_some();
    (!is_one).then(|| format!("no action of {title} is like `{name}`"))
}

/// The actions that a value of `Action` with wildcards means, as AWS writes them; `None` if it has none, or means
/// actions of other services than those of the tables.
pub(crate) fn actions_like(text: &str) -> Option<Vec<String>> {
    let (prefix, name) = text.split_once(':').filter(|(_, name)| name.contains(['*', '?']))?;
    let table = table::service(prefix)?;
    Some(like(name, &table.actions).map(|action| format!("{}:{action}", table.prefix)).collect())
}

/// The names that a pattern means.
fn like<'a>(pattern: &str, names: &'a Names) -> impl Iterator<Item = &'static str> + 'a {
    let lower = pattern.to_ascii_lowercase();
    let begin = lower.split(['*', '?']).next().unwrap_or_default().to_owned();
    let pattern = Pattern::new(&lower, Wildcards::Free, false);
    names.beginning(begin).filter(move |(lower, _)| pattern.matches(lower, &Context::default())).map(|(_, name)| name)
}

/// What is wrong with a key of `Condition`.
pub(super) fn condition_key(text: &str) -> Option<String> {
    let (prefix, name) = text.split_once(':')?;
    let Some(table) = table::keys(prefix) else { return misspelt(prefix) };
    let with_slash = name.find('/').map(|slash| &name[..=slash]);
    if table.keys.has(name) || with_slash.is_some_and(|begin| table.keys.has(begin)) {
        return None;
    }
    if table.keys.has(&format!("{name}/")) {
        return Some(format!("the key `{text}` goes on with a slash and a name: `{text}/NAME`"));
    }
    let what =
        if table.is_global() { "global condition key".to_owned() } else { format!("condition key of {}", table.title) };
    unknown(&what, with_slash.unwrap_or(name), &table.keys)
}

/// What is wrong with a value of `Resource`.
pub(super) fn resource(text: &str) -> Option<String> {
    let fields: Vec<&str> = text.splitn(6, ':').collect();
    let &["arn", _, service, region, account, resource] = fields.as_slice() else { return None };
    let table = table::service(service).filter(|table| table.prefix == service && !table.types.is_empty())?;
    let title = table.title;
    let is_known = ec_shared::flags::is_account(account) || account.is_empty() || account == "aws";
    if !is_open(account) && !is_known {
        return Some(format!("an ARN of {title} has an account of 12 digits, not `{account}`"));
    }
    let Some(end) = resource.find([':', '/']) else {
        // The root user is the one resource without a type.
        let is_root = service == "iam" && resource == "root";
        let separator = table.types[0].separator;
        return (!is_root && !is_open(resource))
            .then(|| format!("an ARN of {title} ends in type and name: `TYPE{separator}{resource}`"));
    };
    let (name, rest) = (&resource[..end], &resource[end + 1..]);
    if is_open(name) {
        return None;
    }
    let Some(kind) = table.types.iter().find(|kind| kind.name == name) else { return Some(unknown_type(table, name)) };
    if !resource[end..].starts_with(kind.separator) {
        let word = if kind.separator == ':' { "colon" } else { "slash" };
        let right = format!("{name}{}{rest}", kind.separator);
        return Some(format!("ARNs of {title} have a {word} between type and name: `{right}`"));
    }
    misplaced(kind, region, account).or_else(|| capital(table, kind, rest))
}

/// A field that ARNs of the type do not have, or that is lacking.
fn misplaced(kind: &Type, region: &str, account: &str) -> Option<String> {
    let fields = [("Region", region, kind.has_region), ("account", account, kind.has_account)];
    fields.into_iter().find_map(|(word, value, is_due)| match (value.is_empty(), is_due) {
        (true, true) => {
            Some(format!("ARNs of the type {} have a {word}", kind.name).replace("a account", "an account"))
        }
        // AWS owns some things itself, in the account `aws`.
        (false, false) if !is_open(value) && value != "aws" => {
            Some(format!("ARNs of the type {} have no {word}", kind.name))
        }
        _ => None,
    })
}

/// AWS documents for these that their names are converted to lower case.
fn capital(table: &Table, kind: &Type, name: &str) -> Option<String> {
    let is_lowered = table.prefix == SERVICE
        && ["user", "usergroup", "serverlesscache", "replicationgroup", "cluster"].contains(&kind.name);
    let has_capital = name.split('$').next().is_some_and(|plain| plain.contains(|c: char| c.is_ascii_uppercase()));
    (is_lowered && has_capital).then(|| {
        let lower = name.to_ascii_lowercase();
        format!("AWS stores the name of a {} in lower case, and compares case: `{lower}`", kind.name)
    })
}

fn unknown_type(table: &Table, name: &str) -> String {
    let lower = name.to_ascii_lowercase();
    if table.types.iter().any(|kind| kind.name == lower) {
        return format!("types of resources are in lower case: `{lower}`");
    }
    let names = table.types.iter().map(|kind| kind.name);
    format!("there is no type of resource of {} `{name}`{}", table.title, meant(name, names))
}

/// A prefix that is nearly the one of `ElastiCache`.
fn misspelt(prefix: &str) -> Option<String> {
    let lower = prefix.to_ascii_lowercase();
    (distance(&lower, SERVICE) <= 2).then(|| format!("there is no service `{prefix}`; `{SERVICE}` is one"))
}

fn unknown(what: &str, name: &str, known: &Names) -> Option<String> {
    (!known.has(name)).then(|| format!("there is no {what} `{name}`{}", meant(name, known.iter())))
}

/// `; NAME is one`, where something is near.
fn meant<'a>(name: &str, known: impl Iterator<Item = &'a str>) -> String {
    let lower = name.to_ascii_lowercase();
    let (mut longer, mut near): (Option<&str>, Option<(usize, &str)>) = (None, None);
    for one in known {
        let candidate = one.to_ascii_lowercase();
        let is_shorter = longer.is_none_or(|known| one.len() < known.len());
        if name.len() > 3 && candidate.starts_with(&lower) && is_shorter {
            longer = Some(one);
        }
        // The difference in length is the least that the distance can be.
        let most = near.map_or(4, |(distance, _)| distance);
        if candidate.len().abs_diff(lower.len()) < most {
            let distance = distance(&lower, &candidate);
            if distance < most {
                near = Some((distance, one));
            }
        }
    }
    let meant = longer.or(near.map(|(_, one)| one));
    meant.map(|one| format!("; `{one}` is one")).unwrap_or_default()
}

fn is_open(text: &str) -> bool {
    text.contains(['*', '?', '$'])
}

/// How many characters have to be added, taken away or replaced.
fn distance(one: &str, other: &str) -> usize {
    let mut row: Vec<usize> = (0..=other.len()).collect();
    for (index, character) in one.bytes().enumerate() {
        let mut diagonal = row[0];
        row[0] = index + 1;
        for (column, expected) in other.bytes().enumerate() {
            let replaced = diagonal + usize::from(character != expected);
            diagonal = row[column + 1];
            row[column + 1] = replaced.min(diagonal + 1).min(row[column] + 1);
        }
    }
    row[other.len()]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_there_is_is_not_told() {
        for text in [
            "elasticache:Connect",
            "ElastiCache:describeCacheClusters",
            "elasticache:*",
            "elasticache:Describe*Caches",
            "ec2:Describe*",
            "ec2:?reateTags",
            "iam:CreateServiceLinkedRole",
            "sts:AssumeRole*",
            "s3:Typo",
            "ecs:RunTask",
            "*",
        ] {
            assert_eq!(action(text), None, "{text}");
        }
        for text in [
            "elasticache:ConnectionType",
            "ELASTICACHE:enginetype",
            "aws:SourceIp",
            "aws:PrincipalTag/team",
            "aws:RequestTag/a/b",
            "ec2:ResourceTag/team",
            "ec2:Add/group",
            "iam:awsservicename",
            "sts:ExternalId",
            "s3:prefix",
            "token.actions.githubusercontent.com:sub",
        ] {
            assert_eq!(condition_key(text), None, "{text}");
        }
        for text in [
            "*",
            "arn:aws:elasticache:*",
            "arn:aws:elasticache:*:*:*",
            "arn:aws-cn:elasticache:cn-north-1:123456789012:serverlesscache:orders",
            "arn:aws:elasticache:*:123456789012:user:${aws:username}",
            "arn:aws:elasticache::123456789012:globalreplicationgroup:ldgnf-orders",
            "arn:aws:elasticache:*:*:user*",
            "arn:aws:ec2:eu-west-1::image/ami-1",
            "arn:aws:ec2:*:*:snapshot/*",
            "arn:aws:ec2:eu-west-1:123456789012:security-group/sg-1",
            "arn:aws:iam::123456789012:role/team/App",
            "arn:aws:iam::aws:policy/AmazonElastiCacheFullAccess",
            "arn:aws:iam::123456789012:root",
            "arn:aws:iam::*:user/${aws:username}",
            "arn:aws:sts::123456789012:assumed-role/app/i-0abc",
            "arn:aws:s3:::Bucket",
        ] {
            assert_eq!(resource(text), None, "{text}");
        }
    }

    #[test]
    fn actions_and_keys_that_there_are_not_are_told_with_what_was_probably_meant() {
        let cases = [
            (action("elasticache:Conect"), "there is no action of ElastiCache `Conect`; `Connect` is one"),
            (action("elasticache:Login"), "there is no action of ElastiCache `Login`"),
            (action("elasticache:Descibe*"), "no action of ElastiCache is like `Descibe*`"),
            (
                action("iam:CreateServiceLinkRole"),
                "there is no action of IAM `CreateServiceLinkRole`; `CreateServiceLinkedRole` is one",
            ),
            (
                action("ec2:AuthorizeSecurityGroupsIngress"),
                "there is no action of EC2 `AuthorizeSecurityGroupsIngress`; `AuthorizeSecurityGroupIngress` is one",
            ),
            (
                action("ec2:DescribeSecurityGroup"),
                "there is no action of EC2 `DescribeSecurityGroup`; `DescribeSecurityGroups` is one",
            ),
            (action("ec2:Authorise*"), "no action of EC2 is like `Authorise*`"),
            (action("elasticcache:Connect"), "there is no service `elasticcache`; `elasticache` is one"),
            (condition_key("elastic-cache:EngineType"), "there is no service `elastic-cache`; `elasticache` is one"),
            (
                condition_key("elasticache:Engine"),
                "there is no condition key of ElastiCache `Engine`; `EngineType` is one",
            ),
            (
                condition_key("elasticache:TransitEncryption"),
                "there is no condition key of ElastiCache `TransitEncryption`; `TransitEncryptionEnabled` is one",
            ),
            (
                condition_key("elasticache:EngineTypes"),
                "there is no condition key of ElastiCache `EngineTypes`; `EngineType` is one",
            ),
            (condition_key("iam:AwsService"), "there is no condition key of IAM `AwsService`; `AWSServiceName` is one"),
            (
                condition_key("aws:PrincipleArn"),
                "there is no global condition key `PrincipleArn`; `PrincipalArn` is one",
            ),
            (
                condition_key("aws:RequestTags/team"),
                "there is no global condition key `RequestTags/`; `RequestTag/` is one",
            ),
            (
                condition_key("aws:PrincipalTag"),
                "the key `aws:PrincipalTag` goes on with a slash and a name: `aws:PrincipalTag/NAME`",
            ),
        ];
        for (found, expected) in cases {
            assert_eq!(found.as_deref(), Some(expected));
        }
    }

    #[test]
    fn wildcards_mean_the_actions_of_a_table() {
        assert_eq!(actions_like("ElastiCache:?onnect"), Some(vec!["elasticache:Connect".to_owned()]));
        assert_eq!(actions_like("elasticache:*").map(|actions| actions.len()), Some(77));
        assert_eq!(actions_like("sts:Nothing*"), Some(vec![]));
        for text in ["elasticache:Connect", "s3:*", "*"] {
            assert_eq!(actions_like(text), None, "{text}");
        }
    }

    #[test]
    fn arns_that_no_resource_has_are_told_with_the_right_form() {
        let cases = [
            (
                "arn:aws:elasticache:eu-west-1:123456789012:serverless-cache:orders",
                "there is no type of resource of ElastiCache `serverless-cache`; `serverlesscache` is one",
            ),
            (
                "arn:aws:elasticache:eu-west-1:123456789012:user/app",
                "ARNs of ElastiCache have a colon between type and name: `user:app`",
            ),
            (
                "arn:aws:elasticache:eu-west-1:123456789012:orders",
                "an ARN of ElastiCache ends in type and name: `TYPE:orders`",
            ),
            ("arn:aws:elasticache:eu-west-1:123456789012:User:app", "types of resources are in lower case: `user`"),
            ("arn:aws:elasticache::123456789012:user:app", "ARNs of the type user have a Region"),
            (
                "arn:aws:elasticache:eu-west-1:123456789012:globalreplicationgroup:x",
                "ARNs of the type globalreplicationgroup have no Region",
            ),
            (
                "arn:aws:elasticache:eu-west-1:1234:user:app",
                "an ARN of ElastiCache has an account of 12 digits, not `1234`",
            ),
            ("arn:aws:elasticache:eu-west-1::user:app", "ARNs of the type user have an account"),
            (
                "arn:aws:elasticache:*:*:user:App",
                "AWS stores the name of a user in lower case, and compares case: `app`",
            ),
            (
                "arn:aws:ec2:eu-west-1:123456789012:securitygroup/sg-1",
                "there is no type of resource of EC2 `securitygroup`; `security-group` is one",
            ),
            ("arn:aws:ec2:eu-west-1:123456789012:image/ami-1", "ARNs of the type image have no account"),
            (
                "arn:aws:ec2:eu-west-1:123456789012:vpc:vpc-1",
                "ARNs of EC2 have a slash between type and name: `vpc/vpc-1`",
            ),
            ("arn:aws:iam:eu-west-1:123456789012:role/app", "ARNs of the type role have no Region"),
            ("arn:aws:iam::123456789012:app", "an ARN of IAM ends in type and name: `TYPE/app`"),
        ];
        for (text, expected) in cases {
            assert_eq!(resource(text).as_deref(), Some(expected), "{text}");
        }
    }
}
