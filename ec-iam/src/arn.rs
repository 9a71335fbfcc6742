//! The ARNs of caches and of `ElastiCache` users.

use std::fmt;

use ec_shared::flags::is_account;
use ec_shared::{Failure, document::Cache};

use crate::codes;

/// The ARN of a cache that can know IAM users: a serverless cache or a replication group.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct CacheArn {
    partition: String,
    region: String,
    account: String,
    kind: Kind,
    name: String,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Kind {
    Serverless,
    ReplicationGroup,
}

impl Kind {
    fn word(self) -> &'static str {
        match self {
            Self::Serverless => "serverlesscache",
            Self::ReplicationGroup => "replicationgroup",
        }
    }
}

impl CacheArn {
    /// Reads `arn:PARTITION:elasticache:REGION:ACCOUNT:serverlesscache:NAME` or `…:replicationgroup:ID`. Every part is
    /// plain text: a wildcard in an ARN would widen the policy that is made from it.
    ///
    /// # Errors
    /// `EC2007` if it is no such ARN.
    pub fn parse(text: &str) -> Result<Self, Failure> {
        let parts: Vec<&str> = text.split(':').collect();
        let &["arn", partition, "elasticache", region, account, kind, name] = parts.as_slice() else {
            return Err(refused(text));
        };
        let is_plain = |part: &str| !part.is_empty() && part.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-');
        let kind = [Kind::Serverless, Kind::ReplicationGroup].into_iter().find(|known| known.word() == kind);
        match kind {
            Some(kind) if is_account(account) && [partition, region, name].into_iter().all(is_plain) => Ok(Self {
                partition: partition.to_owned(),
                region: region.to_owned(),
                account: account.to_owned(),
                kind,
                name: name.to_ascii_lowercase(),
            }),
            _ => Err(refused(text)),
        }
    }

    /// The ARN of a document's cache.
    ///
    /// # Errors
    /// `EC2007` if the document does not know it.
    pub fn of(cache: &Cache) -> Result<Self, Failure> {
        let unknown = || {
            Failure::new(&codes::CACHE_ARN, format!("cannot name the resources of cache {}", cache.name))
                .because("the document has no `cache.arn`")
                .hint("start from `ec-sg find`, or name the cache with --cache or --cache-arn")
        };
        Self::parse(cache.arn.as_deref().ok_or_else(unknown)?)
    }

    /// The ARN of the user `id` beside this cache.
    pub fn user(&self, id: &str) -> String {
        format!("arn:{}:elasticache:{}:{}:user:{id}", self.partition, self.region, self.account)
    }

    /// The cache's name.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Whether the cache is serverless, and not a replication group.
    pub fn is_serverless(&self) -> bool {
        self.kind == Kind::Serverless
    }

    /// The partition: `aws`, `aws-cn` …
    pub fn partition(&self) -> &str {
        &self.partition
    }

    /// The account.
    pub fn account(&self) -> &str {
        &self.account
    }

    /// The Region.
    pub fn region(&self) -> &str {
        &self.region
    }

    /// What tells this cache from every other of the account: Region, kind and name.
    pub fn label(&self) -> String {
        format!("{}-{}-{}", self.region, self.kind.word(), self.name)
    }
}

impl fmt::Display for CacheArn {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { partition, region, account, kind, name } = self;
        write!(f, "arn:{partition}:elasticache:{region}:{account}:{}:{name}", kind.word())
    }
}

fn refused(text: &str) -> Failure {
    let shown: String = text.chars().take(128).flat_map(char::escape_debug).collect();
    Failure::new(&codes::CACHE_ARN, format!("cannot take `{shown}` for the ARN of a cache with users")).hint(
        "arn:aws:elasticache:REGION:ACCOUNT:serverlesscache:NAME, or …:replicationgroup:ID; other caches know no users",
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_kinds_in_any_partition_are_read_and_written() {
        for text in [
            "arn:aws:elasticache:us-east-1:123456789012:serverlesscache:orders",
            "arn:aws-cn:elasticache:cn-north-1:123456789012:replicationgroup:orders",
            "arn:aws-us-gov:elasticache:us-gov-west-1:123456789012:replicationgroup:my-rg-1",
        ] {
            assert_eq!(CacheArn::parse(text).unwrap().to_string(), text);
        }
    }

    #[test]
    fn wildcards_other_resources_and_broken_arns_are_refused() {
        for wrong in [
            "",
            "orders",
            "arn:aws:elasticache:us-east-1:123456789012:serverlesscache:*",
            "arn:aws:elasticache:*:123456789012:serverlesscache:orders",
            "arn:aws:elasticache:us-east-1:*:serverlesscache:orders",
            "arn:aws:elasticache:us-east-1:123456789012:cluster:orders",
            "arn:aws:elasticache:us-east-1:123456789012:user:app",
            "arn:aws:iam::123456789012:role/app",
            "arn:aws:elasticache:us-east-1:123456789012:serverlesscache:",
            "arn:aws:elasticache:us-east-1:12345:serverlesscache:orders",
        ] {
            assert_eq!(CacheArn::parse(wrong).unwrap_err().code().id, "EC2007", "{wrong}");
        }
    }

    #[test]
    fn a_user_lives_beside_its_cache() {
        let arn = CacheArn::parse("arn:aws-cn:elasticache:cn-north-1:123456789012:replicationgroup:orders").unwrap();
        assert_eq!(arn.user("app"), "arn:aws-cn:elasticache:cn-north-1:123456789012:user:app");
    }

    #[test]
    fn caches_of_one_name_have_different_labels() {
        let label = |text| CacheArn::parse(text).unwrap().label();
        let one = label("arn:aws:elasticache:us-east-1:123456789012:serverlesscache:orders");
        let two = label("arn:aws:elasticache:us-east-1:123456789012:replicationgroup:orders");
        assert_eq!(one, "us-east-1-serverlesscache-orders");
        assert_ne!(one, two);
    }
}
