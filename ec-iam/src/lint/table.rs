//! What there is in IAM of `ElastiCache` and of the services that our own policies are about besides, read from texts
//! when it is first asked for.
//!
//! The texts hold the names of the service authorization reference, one on a line; the head of each says which page and
//! when. They have every operation of the API and the actions that are permissions alone. AWS publishes the same as JSON
//! at <https://servicereference.us-east-1.amazonaws.com/>. A condition key that ends in a slash goes on with a name of
//! the user's, and a type of resource stands as it does in ARNs, behind Region and account.

use std::sync::LazyLock;

/// What a prefix stands for.
#[derive(Debug)]
pub(super) struct Table {
    /// The prefix of actions and keys, and the third field of ARNs.
    pub(super) prefix: &'static str,
    /// What people call it.
    pub(super) title: &'static str,
    /// The actions.
    pub(super) actions: Names,
    /// The condition keys.
    pub(super) keys: Names,
    /// The types of resources; none where ARNs are not looked at.
    pub(super) types: Vec<Type>,
}

/// A type of resource.
#[derive(Debug)]
pub(super) struct Type {
    /// Its name in ARNs.
    pub(super) name: &'static str,
    /// Whether its ARNs have a Region.
    pub(super) has_region: bool,
    /// Whether its ARNs have an account.
    pub(super) has_account: bool,
    /// What stands behind the name: a colon or a slash.
    pub(super) separator: char,
}

/// Names in the order of their lower case.
#[derive(Debug, Default)]
pub(super) struct Names(Vec<(String, &'static str)>);

static TABLES: [LazyLock<Table>; 5] = [
    LazyLock::new(|| read("elasticache", "ElastiCache", include_str!("table/elasticache.txt"))),
    LazyLock::new(|| read("ec2", "EC2", include_str!("table/ec2.txt"))),
    LazyLock::new(|| read("iam", "IAM", include_str!("table/iam.txt"))),
    LazyLock::new(|| read("sts", "STS", include_str!("table/sts.txt"))),
    LazyLock::new(|| read(GLOBAL, "AWS", include_str!("table/global.txt"))),
];
/// The place of each prefix in [`TABLES`].
const PREFIXES: [&str; 5] = ["elasticache", "ec2", "iam", "sts", GLOBAL];
/// The prefix of the keys that every service knows. It has no actions.
const GLOBAL: &str = "aws";

/// The table of a service; case does not matter.
pub(super) fn service(prefix: &str) -> Option<&'static Table> {
    keys(prefix).filter(|table| !table.is_global())
}

/// The table of the keys with a prefix; case does not matter.
pub(super) fn keys(prefix: &str) -> Option<&'static Table> {
    let place = PREFIXES.iter().position(|known| known.eq_ignore_ascii_case(prefix))?;
    Some(&TABLES[place])
}

impl Table {
    /// Whether it is the one of the keys that every service knows.
    pub(super) fn is_global(&self) -> bool {
        self.prefix == GLOBAL
    }
}

impl Names {
    fn of(lines: &[&'static str]) -> Self {
        let mut names: Vec<_> = lines.iter().map(|name| (name.to_ascii_lowercase(), *name)).collect();
        names.sort_unstable();
        Self(names)
    }

    /// Whether the name is one of them; case does not matter.
    pub(super) fn has(&self, name: &str) -> bool {
        let name = name.to_ascii_lowercase();
        self.0.binary_search_by(|(known, _)| known.as_str().cmp(&name)).is_ok()
    }

    /// Those whose lower case begins so: in lower case, and as AWS writes them.
    pub(super) fn beginning(&self, lower: String) -> impl Iterator<Item = (&str, &'static str)> {
        let first = self.0.partition_point(|(known, _)| *known < lower);
        let known = self.0[first..].iter().map(|(known, name)| (known.as_str(), *name));
        known.take_while(move |(known, _)| known.starts_with(&lower))
    }

    /// All of them, as AWS writes them.
    pub(super) fn iter(&self) -> impl Iterator<Item = &'static str> + '_ {
        self.0.iter().map(|(_, name)| *name)
    }
}

fn read(prefix: &'static str, title: &'static str, text: &'static str) -> Table {
    let lines = |section: &str| -> Vec<&'static str> {
        let lines = text.lines().skip_while(|line| *line != section).skip(1);
        lines.take_while(|line| !line.starts_with('[')).collect()
    };
    Table {
        prefix,
        title,
        actions: Names::of(&lines("[actions]")),
        keys: Names::of(&lines("[condition keys]")),
        types: lines("[resource types]").into_iter().filter_map(Type::read).collect(),
    }
}

impl Type {
    /// Reads `region:account:cluster:` or, without both, `::cluster:`.
    fn read(line: &'static str) -> Option<Self> {
        let mut fields = line.splitn(3, ':');
        let (region, account, rest) = (fields.next()?, fields.next()?, fields.next()?);
        let separator = rest.chars().last()?;
        let name = &rest[..rest.len() - separator.len_utf8()];
        Some(Self { name, has_region: !region.is_empty(), has_account: !account.is_empty(), separator })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_text_has_all_of_its_sections_and_each_name_once() {
        for prefix in PREFIXES {
            let table = keys(prefix).unwrap();
            assert_eq!(table.prefix, prefix);
            assert_eq!(table.actions.0.is_empty(), prefix == GLOBAL, "{prefix}");
            assert_eq!(table.types.is_empty(), [GLOBAL, "sts"].contains(&prefix), "{prefix}");
            assert!(!table.keys.0.is_empty(), "{prefix}");
            for names in [&table.actions, &table.keys] {
                assert!(names.0.is_sorted_by(|one, next| one.0 < next.0), "{prefix}");
            }
            for kind in &table.types {
                assert!([':', '/'].contains(&kind.separator) && !kind.name.is_empty(), "{prefix}: {kind:?}");
            }
        }
    }

    #[test]
    fn what_is_new_is_there() {
        for (prefix, key) in [
            ("elasticache", "ConnectionType"),
            ("elasticache", "Durability"),
            ("aws", "PrincipalOrgMasterAccountId"),
            ("aws", "SourceVpcArn"),
            ("iam", "AWSServiceName"),
        ] {
            assert!(keys(prefix).unwrap().keys.has(key), "{prefix}:{key}");
        }
        assert!(service("ec2").unwrap().actions.has("describesecuritygrouprules"));
        assert!(service("aws").is_none() && service("s3").is_none());
    }
}
