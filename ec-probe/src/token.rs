//! What the IAM token that was sent says, and whether that can fit. The server says WRONGPASS to everything; much of what
//! can be wrong stands in the token.
//!
//! Source: "Authenticating with IAM" in the ElastiCache User Guide,
//! <https://docs.aws.amazon.com/AmazonElastiCache/latest/dg/auth-iam.html>

use ec_shared::document::{Cache, Deployment};
use ec_shared::secret::Secret;
use ec_shared::token::{cache_name, user_id};
use jiff::civil::DateTime;
use jiff::tz::TimeZone;
use jiff::{SignedDuration, Timestamp};
use serde::{Serialize, Serializer};

use crate::codes;
use crate::endpoint::AwsName;
use crate::upstream::Cause;

/// How far two clocks may be apart before it matters.
const GRACE: SignedDuration = SignedDuration::from_mins(5);

/// What a token says of itself, without anything that is secret. What is no name is left out: a password may look like a
/// token.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Sent {
    /// The name of the cache.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub cache: Option<String>,
    /// The id of the user.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub user: Option<String>,
    /// Whether it is for a serverless cache.
    pub serverless: bool,
    /// The service that it is signed for: `elasticache`, unless somebody has taken the wrong one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub service: Option<String>,
    /// The Region that it is signed for.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub region: Option<String>,
    /// When it begins to be good.
    #[serde(serialize_with = "as_text")]
    pub signed_at: Timestamp,
    /// When it ends.
    #[serde(serialize_with = "as_text")]
    pub expires_at: Timestamp,
}

/// What a token must say, and who says so.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Expected {
    by: &'static str,
    cache: String,
    serverless: Option<bool>,
    region: Option<String>,
}

impl Expected {
    /// As the document has it.
    pub fn by_document(cache: &Cache) -> Self {
        Self {
            by: "the document",
            cache: cache.name.to_ascii_lowercase(),
            serverless: cache.deployment.map(|deployment| deployment == Deployment::Serverless),
            region: cache.region.clone(),
        }
    }

    /// As the name of the endpoint has it.
    pub fn by_name(name: &AwsName) -> Self {
        Self {
            by: "the endpoint's name",
            cache: name.cache.clone(),
            serverless: Some(name.serverless),
            region: name.region.clone(),
        }
    }
}

impl Sent {
    /// Reads a secret; `None` if it is no token, but a password.
    pub fn read(secret: &Secret) -> Option<Self> {
        let (host, query) = secret.expose().split_once("/?")?;
        let told = |name: &str| query.split('&').find_map(|pair| pair.strip_prefix(name)?.strip_prefix('='));
        let scope = told("X-Amz-Credential")?.replace("%2F", "/").replace("%2f", "/");
        let mut scope = scope.split('/').skip(2).map(|word| Some(word.to_owned()).filter(|word| is_word(word)));
        let (region, service) = (scope.next().flatten(), scope.next().flatten());
        let signed_at = DateTime::strptime("%Y%m%dT%H%M%SZ", told("X-Amz-Date")?).ok()?;
        let signed_at = signed_at.to_zoned(TimeZone::UTC).ok()?.timestamp();
        let lifetime = told("X-Amz-Expires")?.parse().ok().map(SignedDuration::from_secs)?;
        Some(Self {
            cache: cache_name(host).ok().filter(|name| name == host),
            user: told("User").and_then(|user| user_id(user).ok()),
            serverless: told("ResourceType") == Some("ServerlessCache"),
            region,
            service,
            signed_at,
            expires_at: signed_at.checked_add(lifetime).ok()?,
        })
    }

    /// Why the server refuses the token for `user`, if that can be seen.
    pub fn explain(&self, user: &str, expected: &[Expected], now: Timestamp) -> Option<Cause> {
        let cause = |code: &'static ec_shared::Code, faults: Vec<String>| {
            let first = faults.first()?.clone();
            let summary = format!("the server refused the token of {user}: {first}");
            let because = faults.into_iter().map(Into::into).collect();
            Some(Cause { code, summary, because, left: Vec::new(), fix: code.fix.to_owned() })
        };
        let unfit = || cause(&codes::TOKEN_UNFIT, self.misfits(user, expected));
        cause(&codes::TOKEN_EXPIRED, self.out_of_time(now).into_iter().collect()).or_else(unfit)
    }

    fn out_of_time(&self, now: Timestamp) -> Option<String> {
        if now > self.expires_at {
            return Some(format!("it expired at {}, and it is {now:.0}", self.expires_at));
        }
        let is_early = self.signed_at.duration_since(now) > GRACE;
        is_early.then(|| format!("it is signed at {}, and it is only {now:.0}", self.signed_at))
    }

    fn misfits(&self, user: &str, expected: &[Expected]) -> Vec<String> {
        let mut misfits = Vec::new();
        if self.cache.is_none() {
            misfits.push("it is not for the name of a cache in lower case; an endpoint is none".to_owned());
        }
        if let Some(own) = self.user.as_deref().filter(|own| *own != user) {
            misfits.push(format!("it is for the user {own}, and the log-in names {user}"));
        }
        let kind = |serverless| if serverless { "a serverless cache" } else { "a replication group" };
        let foreign = self.service.as_ref().filter(|own| *own != "elasticache");
        for Expected { by, cache, serverless, region } in expected {
            if let Some(own) = foreign {
                misfits.push(format!("it is signed for the service {own}, and {by} is about ElastiCache"));
            }
            if let Some(own) = self.cache.as_ref().filter(|own| *own != cache) {
                misfits.push(format!("it is for the cache {own}, and {by} says {cache}"));
            }
            if let Some(serverless) = serverless.filter(|serverless| *serverless != self.serverless) {
                misfits.push(format!("it is for {}, and {by} says {}", kind(self.serverless), kind(serverless)));
            }
            if let (Some(own), Some(region)) = (&self.region, region)
                && own != region
            {
                misfits.push(format!("it is signed for {own}, and {by} says {region}"));
            }
        }
        misfits
    }
}

fn as_text<S: Serializer>(time: &Timestamp, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.collect_str(time)
}

/// Whether it looks like the name of a Region or of a service.
fn is_word(text: &str) -> bool {
    (5..=25).contains(&text.len())
        && text.bytes().all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-')
}

#[cfg(test)]
mod tests {
    use super::*;

    fn token(query: &str) -> Option<Sent> {
        Sent::read(&Secret::new(query.to_owned()))
    }

    const SIGNED: &str = "X-Amz-Algorithm=AWS4-HMAC-SHA256&X-Amz-Credential=AKIDEXAMPLE%2F20260201%2Feu-west-1%2F\
        elasticache%2Faws4_request&X-Amz-Date=20260201T000000Z&X-Amz-Expires=900&X-Amz-Signature=abc";

    fn now(text: &str) -> Timestamp {
        text.parse().unwrap()
    }

    fn orders() -> Expected {
        let region = Some("eu-west-1".to_owned());
        Expected { by: "the document", cache: "orders".into(), serverless: Some(true), region }
    }

    fn explained(head: &str, expected: &[Expected], at: &str) -> Option<(&'static str, String)> {
        let sent = token(&format!("{head}&{SIGNED}")).unwrap();
        let cause = sent.explain("app", expected, now(at))?;
        let because = cause.because.iter().map(|fault| fault.as_str().unwrap_or_default().to_owned());
        Some((cause.code.id, because.collect::<Vec<_>>().join("; ")))
    }

    const FITTING: &str = "orders/?Action=connect&User=app&ResourceType=ServerlessCache";
    const TEN_MINUTES_LATER: &str = "2026-02-01T00:10:00Z";

    #[test]
    fn a_token_that_fits_explains_nothing() {
        assert_eq!(explained(FITTING, &[orders()], TEN_MINUTES_LATER), None);
        assert_eq!(explained(FITTING, &[], "2026-01-31T23:56:00Z"), None, "clocks are never quite alike");
    }

    #[test]
    fn a_token_out_of_its_time_is_told_with_both_times() {
        assert_eq!(
            explained(FITTING, &[orders()], "2026-02-01T00:15:01Z"),
            Some(("EC3047", "it expired at 2026-02-01T00:15:00Z, and it is 2026-02-01T00:15:01Z".into()))
        );
        assert_eq!(
            explained(FITTING, &[], "2026-01-31T23:00:00Z"),
            Some(("EC3047", "it is signed at 2026-02-01T00:00:00Z, and it is only 2026-01-31T23:00:00Z".into()))
        );
    }

    #[test]
    fn what_a_token_is_for_is_compared_with_what_the_connection_is_about() {
        for (head, told) in [
            (
                "carts/?Action=connect&User=app&ResourceType=ServerlessCache",
                "it is for the cache carts, and the document says orders",
            ),
            (
                "orders/?Action=connect&User=app",
                "it is for a replication group, and the document says a serverless cache",
            ),
            (
                "orders/?Action=connect&User=web&ResourceType=ServerlessCache",
                "it is for the user web, and the log-in names app",
            ),
            (
                "orders-x1y2z3.serverless.euw1.cache.amazonaws.com/?Action=connect&User=app&ResourceType=ServerlessCache",
                "it is not for the name of a cache in lower case; an endpoint is none",
            ),
            (
                "Orders/?Action=connect&User=app&ResourceType=ServerlessCache",
                "it is not for the name of a cache in lower case; an endpoint is none",
            ),
        ] {
            assert_eq!(explained(head, &[orders()], TEN_MINUTES_LATER), Some(("EC3048", told.into())), "{head}");
        }
        let memorydb = SIGNED.replace("elasticache", "memorydb");
        let sent = token(&format!("{FITTING}&{memorydb}")).unwrap();
        let cause = sent.explain("app", &[orders()], now(TEN_MINUTES_LATER)).unwrap();
        assert_eq!(cause.because, ["it is signed for the service memorydb, and the document is about ElastiCache"]);
        assert_eq!(sent.explain("app", &[], now(TEN_MINUTES_LATER)), None, "it may well be a cluster of MemoryDB");
        let elsewhere = Expected { by: "the endpoint's name", region: Some("us-east-1".into()), ..orders() };
        assert_eq!(
            explained(FITTING, &[orders(), elsewhere], TEN_MINUTES_LATER),
            Some(("EC3048", "it is signed for eu-west-1, and the endpoint's name says us-east-1".into()))
        );
    }

    #[test]
    fn a_password_is_no_token_and_of_a_token_only_names_and_times_are_told() {
        for password in ["hunter2", "a/?b=c", "/?X-Amz-Credential=a&X-Amz-Date=b&X-Amz-Expires=c"] {
            assert_eq!(token(password), None, "{password}");
        }
        let sent = token(&format!("{FITTING}&{SIGNED}")).unwrap();
        assert_eq!(
            serde_json::to_string(&sent).unwrap(),
            r#"{"cache":"orders","user":"app","serverless":true,"service":"elasticache","region":"eu-west-1","signed_at":"2026-02-01T00:00:00Z","expires_at":"2026-02-01T00:15:00Z"}"#
        );
        let odd = token(&format!("s3cr3t!/?User=s3cr3t!&{}", SIGNED.replace("eu-west-1", "S3CR3T"))).unwrap();
        assert!(!serde_json::to_string(&odd).unwrap().to_lowercase().contains("s3cr3t"), "{odd:?}");
    }
}
