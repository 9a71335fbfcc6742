//! What the service asks of a token.
//!
//! Source: "Authenticating with IAM" in the ElastiCache User Guide,
//! <https://docs.aws.amazon.com/AmazonElastiCache/latest/dg/auth-iam.html>: a `SigV4` presigned request for `connect`, whose
//! host is the cache's name, good for 900 seconds. Whatever is wrong, the client hears `WRONGPASS`; the reasons here are
//! for tests alone.

use std::collections::BTreeMap;
use std::time::{Duration, SystemTime};

use aws_credential_types::Credentials;
use ec_shared::token::{self, Kind, TokenRequest};
use jiff::civil::DateTime;
use jiff::tz::TimeZone;

/// How far a token may come from the future: clocks are never quite alike.
const GRACE: Duration = Duration::from_secs(300);

/// What a cache knows of itself and of whom it lets in.
#[derive(Clone, Debug)]
pub(super) struct Expected<'a> {
    pub(super) name: &'a str,
    pub(super) region: &'a str,
    pub(super) serverless: bool,
    /// The users of its user groups.
    pub(super) users: &'a [String],
    /// The one access key that IAM knows and allows to connect.
    pub(super) credentials: &'a Credentials,
    pub(super) now: SystemTime,
}

/// Why a token was refused: the first of its faults, in this order.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Refusal {
    /// It is no token.
    NotAToken,
    /// The cache has no such user, or the token is for another one.
    User,
    /// It is for another cache, or for an endpoint instead of a name.
    Host,
    /// It is for another action than `connect`.
    Action,
    /// It is for the other kind of cache: serverless or not.
    ResourceType,
    /// It is signed for another Region or another service.
    Scope,
    /// It is good for longer than 900 seconds.
    Lifetime,
    /// Its time is over.
    Expired,
    /// Its time has not come.
    NotYetValid,
    /// Nobody knows the access key.
    AccessKey,
    /// The signature is not the one that the access key gives.
    Signature,
}

impl Expected<'_> {
    /// Judges a token that was sent for a user.
    pub(super) fn judge(&self, user: &str, token: &str) -> Result<(), Refusal> {
        let (host, parameters) = parts(token).ok_or(Refusal::NotAToken)?;
        let told = |name: &str| parameters.get(name).copied().unwrap_or_default();
        let scope: Vec<&str> = told("X-Amz-Credential").split("%2F").collect();
        let [access_key, day, region, service, "aws4_request"] = scope[..] else { return Err(Refusal::NotAToken) };
        let date = date(told("X-Amz-Date")).ok_or(Refusal::NotAToken)?;
        let lifetime = told("X-Amz-Expires").parse().map(Duration::from_secs).map_err(|_| Refusal::NotAToken)?;
        let kind = if self.serverless { "ServerlessCache" } else { "" };
        let demands = [
            (user == told("User") && self.users.iter().any(|known| known == user), Refusal::User),
            (host == self.name, Refusal::Host),
            (told("Action") == "connect", Refusal::Action),
            (told("ResourceType") == kind, Refusal::ResourceType),
            (region == self.region && service == "elasticache", Refusal::Scope),
            (told("X-Amz-Date").starts_with(day), Refusal::Scope),
            (lifetime <= token::LIFETIME, Refusal::Lifetime),
            (self.now <= date + lifetime, Refusal::Expired),
            (date <= self.now + GRACE, Refusal::NotYetValid),
            (access_key == self.credentials.access_key_id(), Refusal::AccessKey),
        ];
        if let Some((_, refusal)) = demands.iter().find(|(is_met, _)| !is_met) {
            return Err(*refusal);
        }
        // Signed once more, at the token's time and with what the service knows: all parameters must come out alike.
        let request =
            TokenRequest { name: self.name, user, region: self.region, kind: Kind::of_cache(self.serverless) };
        let own = token::sign(&request, self.credentials, date).map_err(|_| Refusal::NotAToken)?;
        let is_same = parts(own.expose()).is_some_and(|(_, own)| own == parameters);
        if is_same { Ok(()) } else { Err(Refusal::Signature) }
    }
}

/// The host of a token, and its parameters as they are encoded.
fn parts(token: &str) -> Option<(&str, BTreeMap<&str, &str>)> {
    let (host, query) = token.split_once("/?")?;
    Some((host, query.split('&').map(|pair| pair.split_once('=')).collect::<Option<_>>()?))
}

/// `20240101T000000Z`.
fn date(text: &str) -> Option<SystemTime> {
    let date = DateTime::strptime("%Y%m%dT%H%M%SZ", text).ok()?;
    Some(date.to_zoned(TimeZone::UTC).ok()?.timestamp().into())
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECRET: &str = "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY";

    type Edit = fn(String) -> String;

    /// 2024-01-01T00:00:00Z.
    fn new_year() -> SystemTime {
        SystemTime::UNIX_EPOCH + Duration::from_secs(1_704_067_200)
    }

    fn credentials(key: &str, secret: &str) -> Credentials {
        Credentials::new(key, secret, None, None, "tests")
    }

    /// What a cache `orders` in eu-west-1 says, at the new year, to a token that was signed `later`.
    fn judged(request: TokenRequest<'_>, signer: &Credentials, later: i64, edit: Edit) -> Result<(), Refusal> {
        let seconds = Duration::from_secs(later.unsigned_abs());
        let signed_at = if later < 0 { new_year() - seconds } else { new_year() + seconds };
        let token = edit(token::sign(&request, signer, signed_at).unwrap().expose().to_owned());
        let users = ["app".to_owned()];
        let known = credentials("AKIDEXAMPLE", SECRET);
        let expected = Expected {
            name: "orders",
            region: "eu-west-1",
            serverless: true,
            users: &users,
            credentials: &known,
            now: new_year(),
        };
        expected.judge(request.user, &token)
    }

    #[test]
    fn everything_about_a_token_must_fit() {
        let fitting = TokenRequest { name: "orders", user: "app", region: "eu-west-1", kind: Kind::Serverless };
        let known = credentials("AKIDEXAMPLE", SECRET);
        let same = |token: String| token;
        assert_eq!(judged(fitting, &known, 0, same), Ok(()));
        assert_eq!(judged(fitting, &known, -899, same), Ok(()));
        for (request, signer, later, refusal) in [
            (TokenRequest { user: "web", ..fitting }, &known, 0, Refusal::User),
            (TokenRequest { name: "orders.use1.cache.amazonaws.com", ..fitting }, &known, 0, Refusal::Host),
            (TokenRequest { name: "ORDERS", ..fitting }, &known, 0, Refusal::Host),
            (TokenRequest { kind: Kind::ReplicationGroup, ..fitting }, &known, 0, Refusal::ResourceType),
            (TokenRequest { region: "us-east-1", ..fitting }, &known, 0, Refusal::Scope),
            (fitting, &known, -901, Refusal::Expired),
            (fitting, &known, 301, Refusal::NotYetValid),
            (fitting, &credentials("AKIDOTHER", SECRET), 0, Refusal::AccessKey),
            (fitting, &credentials("AKIDEXAMPLE", "guess"), 0, Refusal::Signature),
        ] {
            assert_eq!(judged(request, signer, later, same), Err(refusal), "{request:?}");
        }
    }

    #[test]
    fn a_token_that_was_edited_is_refused() {
        let fitting = TokenRequest { name: "orders", user: "app", region: "eu-west-1", kind: Kind::Serverless };
        let known = credentials("AKIDEXAMPLE", SECRET);
        let edits: [(Edit, Refusal); 6] = [
            (|token| token.replace("Action=connect", "Action=connects"), Refusal::Action),
            (|token| token.replace("Expires=900", "Expires=9000"), Refusal::Lifetime),
            (|token| token.replace("Expires=900", "Expires=800"), Refusal::Signature),
            (|token| token.replace("elasticache%2F", "memorydb%2F"), Refusal::Scope),
            (|token| format!("{token}&X-Amz-Security-Token=more"), Refusal::Signature),
            (|_| "open-sesame".to_owned(), Refusal::NotAToken),
        ];
        for (edit, refusal) in edits {
            assert_eq!(judged(fitting, &known, 0, edit), Err(refusal));
        }
    }
}
