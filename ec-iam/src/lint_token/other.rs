//! What a text is that is no token of `ElastiCache`.

use ec_shared::token::name_in_endpoint;

/// Services whose presigned requests look like tokens of `ElastiCache` and are of another form.
const SERVICES: [(&str, &str); 6] = [
    ("rds-db", "Amazon RDS or Aurora"),
    ("dsql", "Aurora DSQL"),
    ("s3", "Amazon S3"),
    ("sts", "AWS STS"),
    ("kafka-cluster", "Amazon MSK"),
    ("neptune-db", "Amazon Neptune"),
];

/// The service whose token this is, by its name in the credential scope; none if its tokens have our form, or if it is
/// not known.
pub(super) fn service(name: &str) -> Option<&'static str> {
    SERVICES.iter().find(|(known, _)| *known == name).map(|(_, service)| *service)
}

/// What a text without any signature is, as far as its form tells.
pub(super) fn kind(text: &str) -> &'static str {
    let begins = |prefixes: &[&str]| prefixes.iter().any(|prefix| text.starts_with(prefix));
    let is_alphanumeric = text.bytes().all(|byte| byte.is_ascii_alphanumeric());
    if begins(&["k8s-aws-v1."]) {
        "a token for a cluster of Amazon EKS"
    } else if begins(&["eyJ"]) && text.contains('.') {
        "a JSON Web Token"
    } else if begins(&["AKIA", "ASIA"]) && text.len() == 20 && is_alphanumeric {
        "an access key id"
    } else if begins(&["IQoJ", "FwoG", "FQoG"]) && text.len() > 100 {
        "a session token of AWS STS"
    } else if begins(&["redis://", "rediss://", "valkey://", "valkeys://"]) {
        "the address of a cache"
    } else if begins(&["http://", "https://"]) {
        "a URL without a signature"
    } else if begins(&["arn:"]) {
        "an ARN"
    } else if name_in_endpoint(text).is_some() {
        "an endpoint"
    } else if text.contains("/?Action=connect") {
        "a token without its signature"
    } else if (1..=128).contains(&text.len()) && text.bytes().all(|byte| byte.is_ascii_graphic()) {
        "perhaps a password or an AUTH token"
    } else {
        "of no form that is known here"
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn other_secrets_are_told_by_their_form() {
        let session = format!("IQoJb3JpZ2luX2Vj{}", "A".repeat(200));
        for (text, expected) in [
            ("k8s-aws-v1.aHR0cHM6", "a token for a cluster of Amazon EKS"),
            ("eyJhbGciOiJIUzI1NiJ9.e30.AAAA", "a JSON Web Token"),
            ("AKIAIOSFODNN7EXAMPLE", "an access key id"),
            (session.as_str(), "a session token of AWS STS"),
            ("rediss://app:secret@orders:6379", "the address of a cache"),
            ("https://aws.amazon.com/?a=b", "a URL without a signature"),
            ("arn:aws:elasticache:eu-west-1:123456789012:user:app", "an ARN"),
            ("master.orders.x1y2z3.use1.cache.amazonaws.com:6379", "an endpoint"),
            ("orders/?Action=connect&User=app", "a token without its signature"),
            ("correct-horse-battery-staple", "perhaps a password or an AUTH token"),
            ("wörter", "of no form that is known here"),
        ] {
            assert_eq!(kind(text), expected, "{text}");
        }
        assert_eq!(service("rds-db"), Some("Amazon RDS or Aurora"));
        assert_eq!(service("memorydb"), None);
    }
}
