//! The IAM authentication token of ElastiCache and MemoryDB.
//!
//! A token is a SigV4 presigned GET of `https://NAME/?Action=connect&User=ID` for the service `elasticache` or
//! `memorydb`, valid for 900 seconds, without its scheme; for a serverless cache `ResourceType=ServerlessCache` is signed,
//! too. NAME is the lower-cased cache name, replication group id or MemoryDB cluster name, never the endpoint.
//! Source: "Authenticating with IAM" in the ElastiCache User Guide and in the MemoryDB Developer Guide, and AWS's
//! developer-toolkit-elasticache, whose tokens have the same signatures.

use std::time::{Duration, SystemTime};

pub use aws_credential_types::Credentials;
use aws_sigv4::http_request::{
    SignableBody, SignableRequest, SignatureLocation, SigningParams, SigningSettings, sign as sigv4,
};
use aws_sigv4::sign::v4;

use crate::codes;
use crate::failure::Failure;
use crate::secret::Secret;

/// How long a token is good for, unless the credentials end sooner.
pub const LIFETIME: Duration = Duration::from_secs(900);

/// What a token is for.
#[derive(Clone, Copy, Debug)]
pub struct TokenRequest<'a> {
    /// Cache name, replication group id or MemoryDB cluster name, as [`cache_name`] gives it.
    pub name: &'a str,
    /// The user's id, as [`user_id`] gives it.
    pub user: &'a str,
    /// The cache's Region.
    pub region: &'a str,
    /// What has the name.
    pub kind: Kind,
}

/// What a user logs in to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// A replication group of ElastiCache.
    ReplicationGroup,
    /// A serverless cache of ElastiCache.
    Serverless,
    /// A cluster of MemoryDB.
    MemoryDb,
}

impl Kind {
    /// The kind of a cache of ElastiCache.
    pub fn of_cache(serverless: bool) -> Self {
        if serverless { Self::Serverless } else { Self::ReplicationGroup }
    }

    /// The service's name in signatures and ARNs.
    pub fn service(self) -> &'static str {
        match self {
            Self::ReplicationGroup | Self::Serverless => "elasticache",
            Self::MemoryDb => "memorydb",
        }
    }

    fn resource_type(self) -> &'static str {
        match self {
            Self::Serverless => "&ResourceType=ServerlessCache",
            Self::ReplicationGroup | Self::MemoryDb => "",
        }
    }
}

/// Signs a token.
///
/// # Errors
/// `EC9112` if the names cannot stand in a URL, which names that went through [`cache_name`] and [`user_id`] always can.
pub fn sign(request: &TokenRequest<'_>, credentials: &Credentials, now: SystemTime) -> Result<Secret, Failure> {
    let cannot = |why: &dyn std::fmt::Display| Failure::new(&codes::BAD_NAME, "cannot sign a token").because(why);
    let resource = format!("{}/?Action=connect&User={}{}", request.name, request.user, request.kind.resource_type());
    let url = format!("https://{resource}");

    let mut settings = SigningSettings::default();
    settings.signature_location = SignatureLocation::QueryParams;
    settings.expires_in = Some(LIFETIME);
    let identity = credentials.clone().into();
    let params = v4::SigningParams::builder()
        .identity(&identity)
        .region(request.region)
        .name(request.kind.service())
        .time(now)
        .settings(settings)
        .build()
        .map_err(|error| cannot(&error))?;
    let signable = SignableRequest::new("GET", &url, std::iter::empty(), SignableBody::Bytes(b""))
        .map_err(|error| cannot(&error))?;
    let (signed, _) = sigv4(signable, &SigningParams::V4(params)).map_err(|error| cannot(&error))?.into_parts();

    let mut token = resource;
    for (name, value) in signed.params() {
        token.push('&');
        token.push_str(name);
        token.push('=');
        encode(value, &mut token);
    }
    Ok(Secret::new(token))
}

/// Percent-encodes as SigV4 asks: everything but the unreserved characters of RFC 3986.
fn encode(text: &str, out: &mut String) {
    const HEX: &[u8; 16] = b"0123456789ABCDEF";
    for byte in text.bytes() {
        if byte.is_ascii_alphanumeric() || b"-._~".contains(&byte) {
            out.push(char::from(byte));
        } else {
            out.push('%');
            out.push(char::from(HEX[usize::from(byte >> 4)]));
            out.push(char::from(HEX[usize::from(byte & 15)]));
        }
    }
}

/// When a token signed `now` ends: after 900 seconds, or with the credentials if they end sooner.
pub fn expires_at(now: SystemTime, credentials: &Credentials) -> SystemTime {
    let end = now + LIFETIME;
    credentials.expiry().map_or(end, |expiry| expiry.min(end))
}

/// A cache name or replication group id as tokens spell it: checked, in lower case.
///
/// # Errors
/// `EC9112`, with the name in the hint if an endpoint was given.
pub fn cache_name(text: &str) -> Result<String, Failure> {
    let words_are_fine =
        text.split('-').all(|word| !word.is_empty() && word.bytes().all(|b| b.is_ascii_alphanumeric()));
    if text.len() <= 50 && words_are_fine && text.starts_with(|c: char| c.is_ascii_alphabetic()) {
        return Ok(text.to_ascii_lowercase());
    }
    let failure = Failure::new(&codes::BAD_NAME, format!("cannot take `{}` for a cache name", excerpt(text)));
    Err(match name_in_endpoint(text) {
        Some(name) => failure
            .because("it is an endpoint, and AWS goes by the name, in calls and in tokens")
            .hint(format!("give the cache's name: --cache {name}")),
        None => failure.hint("a name has letters, digits and single hyphens, and begins with a letter"),
    })
}

/// An `ElastiCache` user id as tokens spell it: checked, in lower case.
///
/// # Errors
/// `EC9112`.
pub fn user_id(text: &str) -> Result<String, Failure> {
    let name = text.strip_prefix("default.").unwrap_or(text);
    let is_fine = name.starts_with(|c: char| c.is_ascii_alphabetic())
        && name.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-');
    if is_fine && text.len() <= 40 {
        return Ok(text.to_ascii_lowercase());
    }
    Err(Failure::new(&codes::BAD_NAME, format!("cannot take `{}` for a user id", excerpt(text)))
        .hint("give the id of an ElastiCache user: letters, digits and hyphens, beginning with a letter"))
}

/// The cache's name in an endpoint of AWS's form: `orders-x1y2z3.serverless.use1.cache.amazonaws.com`,
/// `master.orders.x1y2z3.use1.cache.amazonaws.com`, `orders.x1y2z3.ng.0001.use1.cache.amazonaws.com`.
pub fn name_in_endpoint(text: &str) -> Option<String> {
    let host = text.split(':').next()?.to_ascii_lowercase();
    let host = host.strip_suffix(".cn").unwrap_or(&host).strip_suffix(".cache.amazonaws.com")?.to_owned();
    let labels: Vec<&str> = host.split('.').collect();
    if labels.contains(&"serverless") {
        return labels[0].rsplit_once('-').map(|(name, _)| name.to_owned());
    }
    let label = if matches!(labels[0], "master" | "replica" | "clustercfg") { labels.get(1)? } else { &labels[0] };
    Some((*label).to_owned())
}

/// Untrusted text for a message: short, and without control characters.
fn excerpt(text: &str) -> String {
    text.chars().take(64).flat_map(char::escape_debug).collect()
}

/// The credentials that stand in the environment, without a look anywhere else; it takes microseconds.
pub fn environment_credentials() -> Option<Credentials> {
    let value = |name| std::env::var(name).ok().filter(|value: &String| !value.trim().is_empty());
    let session = value("AWS_SESSION_TOKEN");
    Some(Credentials::new(value("AWS_ACCESS_KEY_ID")?, value("AWS_SECRET_ACCESS_KEY")?, session, None, "environment"))
}

/// A time as RFC 3339 in UTC, to the second: `2024-01-01T00:00:00Z`.
pub fn rfc3339(time: SystemTime) -> String {
    let seconds = time.duration_since(SystemTime::UNIX_EPOCH).map_or(0, |since| since.as_secs());
    let seconds = i64::try_from(seconds).unwrap_or(i64::MAX);
    jiff::Timestamp::from_second(seconds).map(|time| time.to_string()).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeMap;

    /// 2024-01-01T00:00:00Z.
    fn new_year() -> SystemTime {
        SystemTime::UNIX_EPOCH + Duration::from_secs(1_704_067_200)
    }

    fn parameters(token: &str) -> (String, BTreeMap<String, String>) {
        let (host, query) = token.split_once("/?").unwrap();
        let pairs = query.split('&').map(|pair| pair.split_once('=').unwrap());
        (host.to_owned(), pairs.map(|(name, value)| (name.to_owned(), value.to_owned())).collect())
    }

    /// Signatures that botocore's `SigV4QueryAuth` and an independent implementation give for the same input.
    #[test]
    fn tokens_equal_those_of_other_signers() {
        const SESSION: &str = "IQoJb3JpZ2luX2VjEXAMPLE//////////wEaCXVzLWVhc3QtMSJHMEUCIQD+/==";
        let cases = [
            (
                "my-rg-01",
                Kind::ReplicationGroup,
                "AKIDEXAMPLE",
                None,
                "b7c70a8a1a3bc251f9c2fe571af1fbe5fccd5d0d2ff7f233ba742807606fe7f3",
            ),
            (
                "cache-01",
                Kind::Serverless,
                "AKIDEXAMPLE",
                None,
                "783b93c450cb4315052241f5a79a2ade7d69e5d5ab71c0e5a9cb9199b7237b31",
            ),
            (
                "cache-01",
                Kind::Serverless,
                "ASIAIOSFODNN7EXAMPLE",
                Some(SESSION),
                "68b20413b53aaa10da1e8e64c7a5882e5a0003aad09b55b6162a1eb446c53cb8",
            ),
            (
                "my-cluster-01",
                Kind::MemoryDb,
                "AKIDEXAMPLE",
                None,
                "39197758d0ea66e551cd5a1fa25d1b3bb5c23f4822c71d6f74264d672f7304b5",
            ),
        ];
        for (name, kind, key, session, signature) in cases {
            let secret = "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY";
            let credentials = Credentials::new(key, secret, session.map(str::to_owned), None, "test");
            let request = TokenRequest { name, user: "iam-user-01", region: "us-east-1", kind };
            let token = sign(&request, &credentials, new_year()).unwrap();
            let (host, found) = parameters(token.expose());
            assert_eq!(host, name);
            assert_eq!(found["X-Amz-Signature"], signature, "{kind:?} {session:?}");
            let scope = format!("20240101%2Fus-east-1%2F{}%2Faws4_request", kind.service());
            assert_eq!(found["X-Amz-Credential"], format!("{key}%2F{scope}"));
            assert_eq!(found["X-Amz-Expires"], "900");
            assert_eq!(found.contains_key("ResourceType"), kind == Kind::Serverless);
            assert_eq!(found.contains_key("X-Amz-Security-Token"), session.is_some());
        }
    }

    #[test]
    fn a_token_ends_with_the_credentials_if_they_end_sooner() {
        let with = |expiry| Credentials::new("a", "b", None, expiry, "test");
        let soon = new_year() + Duration::from_secs(60);
        assert_eq!(expires_at(new_year(), &with(None)), new_year() + LIFETIME);
        assert_eq!(expires_at(new_year(), &with(Some(soon))), soon);
        assert_eq!(expires_at(new_year(), &with(Some(soon + LIFETIME))), new_year() + LIFETIME);
    }

    #[test]
    fn names_are_lower_cased_and_endpoints_are_refused_with_the_name() {
        assert_eq!(cache_name("My-Cache-1").unwrap(), "my-cache-1");
        for (endpoint, name) in [
            ("orders-x1y2z3.serverless.use1.cache.amazonaws.com:6379", "orders"),
            ("master.orders.x1y2z3.use1.cache.amazonaws.com", "orders"),
            ("orders.x1y2z3.ng.0001.use1.cache.amazonaws.com", "orders"),
            ("clustercfg.orders.x1.cnn1.cache.amazonaws.com.cn", "orders"),
        ] {
            let failure = cache_name(endpoint).unwrap_err();
            assert_eq!(
                failure.hint_text(),
                Some(format!("give the cache's name: --cache {name}").as_str()),
                "{endpoint}"
            );
        }
        for wrong in ["", "1a", "a--b", "-a", "a-", "a_b", "a b", "a\n"] {
            assert_eq!(cache_name(wrong).unwrap_err().code().id, "EC9112", "{wrong:?}");
        }
    }

    #[test]
    fn user_ids_are_lower_cased_and_the_managed_user_is_accepted() {
        assert_eq!(user_id("App-User").unwrap(), "app-user");
        assert_eq!(user_id("default.iam-user").unwrap(), "default.iam-user");
        for wrong in ["", "1a", "a b", "a&User=b", "other.user"] {
            assert_eq!(user_id(wrong).unwrap_err().code().id, "EC9112", "{wrong:?}");
        }
    }

    #[test]
    fn times_are_rfc_3339_in_utc() {
        assert_eq!(rfc3339(new_year()), "2024-01-01T00:00:00Z");
    }
}
