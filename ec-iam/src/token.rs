//! The token that logs a user of `ElastiCache` or `MemoryDB` in: which cache and which user it is for, and how it is printed.
//! The signing itself is in `ec_shared::token`.

use std::time::SystemTime;

use aws_credential_types::Credentials;
use ec_shared::document::{Cache, Deployment};
use ec_shared::secret::Secret;
use ec_shared::token::{Kind, TokenRequest, cache_name, expires_at, rfc3339, sign, user_id};
use ec_shared::{Failure, codes as shared};
use serde::Serialize;

use crate::codes;
use crate::login::no_iam_auth;

/// What a token is for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Target {
    /// Name of the serverless cache, id of the replication group, or name of the `MemoryDB` cluster.
    pub cache: String,
    /// Id of the user.
    pub user: String,
    /// What is logged in to.
    pub kind: Kind,
}

impl Target {
    /// From flags alone.
    ///
    /// # Errors
    /// `EC9112` for names that AWS would not allow, `EC2006` without a user.
    pub fn of_flags(cache: &str, user: Option<&str>, kind: Kind) -> Result<Self, Failure> {
        let cache = cache_name(cache)?;
        let user = user.ok_or_else(|| no_user(&cache))?;
        Ok(Self { user: user_id(user)?, cache, kind })
    }

    /// From a document's cache.
    ///
    /// # Errors
    /// As [`of_flags`](Self::of_flags); `EC2005` if nobody logs in to the cache with IAM; `EC9009` if it is not known
    /// whether the cache is serverless, for a token of the wrong kind is refused without a reason.
    pub fn of_cache(cache: &Cache, user: Option<&str>, serverless: bool) -> Result<Self, Failure> {
        if let Some(why) = no_iam_auth(cache) {
            return Err(Failure::new(&codes::NO_IAM_AUTH, format!("cannot sign a token for cache {}", cache.name))
                .because(why)
                .hint("attach a user group with an IAM user to the cache, or log in without a token"));
        }
        let serverless = match cache.deployment {
            Some(deployment) => deployment == Deployment::Serverless,
            None if serverless => true,
            None => {
                return Err(Failure::new(&shared::FIELD, format!("cannot sign a token for cache {}", cache.name))
                    .because("the document has no `cache.deployment`")
                    .hint("start from `ec-sg find`, or say --cache NAME with or without --serverless"));
            }
        };
        Self::of_flags(&cache.name, user, Kind::of_cache(serverless))
    }
}

fn no_user(cache: &str) -> Failure {
    Failure::new(&codes::WHICH_USER, format!("cannot sign a token for cache {cache}"))
        .because("no user is named")
        .hint("--user ID, or EC_USER")
}

/// How a token is printed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
pub enum TokenFormat {
    /// The token alone
    Line,
    /// The token, and what it is good for until when
    Json,
    /// Lines for a shell: REDISCLI_AUTH, which every redis-cli and valkey-cli reads, VALKEYCLI_AUTH, which valkey-cli
    /// reads from 9.0 on, and EC_USER
    Env,
}

/// A signed token.
#[derive(Debug)]
pub struct Token {
    secret: Secret,
    target: Target,
    region: String,
    expires_at: SystemTime,
}

impl Token {
    /// Signs.
    ///
    /// # Errors
    /// `EC9103` if the credentials have ended, for then the token is refused without a reason.
    pub fn sign(target: Target, region: &str, credentials: &Credentials, now: SystemTime) -> Result<Self, Failure> {
        let expires_at = expires_at(now, credentials);
        if expires_at <= now {
            return Err(Failure::new(&shared::EXPIRED_CREDENTIALS, "cannot sign a token")
                .because(format!("the credentials ended at {}", rfc3339(expires_at)))
                .hint("log in again: aws sso login, or aws login"));
        }
        let request = TokenRequest { name: &target.cache, user: &target.user, region, kind: target.kind };
        Ok(Self { secret: sign(&request, credentials, now)?, target, region: region.to_owned(), expires_at })
    }

    /// The token as it is asked for.
    pub fn printed(&self, format: TokenFormat) -> String {
        match format {
            TokenFormat::Line => self.line(),
            TokenFormat::Json => self.json(),
            TokenFormat::Env => self.env(),
        }
    }

    /// Lines that a shell can evaluate. The clients have no variable for the user; `EC_USER` is ours.
    fn env(&self) -> String {
        let (user, token) = (quoted(&self.target.user), quoted(self.secret.expose()));
        format!("export EC_USER={user}\nexport REDISCLI_AUTH={token}\nexport VALKEYCLI_AUTH={token}\n")
    }

    /// The bare token, with its line end.
    fn line(&self) -> String {
        format!("{}\n", self.secret.expose())
    }

    /// The token and what it is good for, as one line of JSON.
    fn json(&self) -> String {
        #[derive(Serialize)]
        struct Answer<'a> {
            token: &'a str,
            user: &'a str,
            cache: &'a str,
            region: &'a str,
            service: &'a str,
            #[serde(skip_serializing_if = "Option::is_none")]
            deployment: Option<Deployment>,
            expires_at: String,
        }
        let Target { cache, user, kind } = &self.target;
        let deployment = match kind {
            Kind::ReplicationGroup => Some(Deployment::ReplicationGroup),
            Kind::Serverless => Some(Deployment::Serverless),
            Kind::MemoryDb => None,
        };
        let (token, region, expires_at) = (self.secret.expose(), self.region.as_str(), rfc3339(self.expires_at));
        // Texts always serialise.
        let json = serde_json::to_string(&Answer {
            token,
            user,
            cache,
            region,
            service: kind.service(),
            deployment,
            expires_at,
        });
        json.unwrap_or_default() + "\n"
    }
}

/// One word for sh, whatever it holds.
fn quoted(text: &str) -> String {
    format!("'{}'", text.replace('\'', "'\\''"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use ec_shared::document::{Auth, AuthKind};
    use std::collections::BTreeMap;
    use std::time::Duration;

    /// 2024-01-01T00:00:00Z.
    fn new_year() -> SystemTime {
        SystemTime::UNIX_EPOCH + Duration::from_secs(1_704_067_200)
    }

    fn parts(token: &str) -> (&str, BTreeMap<&str, &str>) {
        let (host, query) = token.trim_end().split_once("/?").unwrap();
        (host, query.split('&').map(|pair| pair.split_once('=').unwrap()).collect())
    }

    /// Tokens of botocore's `SigV4QueryAuth`, confirmed by a second implementation. The order of parameters is free.
    #[test]
    fn tokens_equal_those_of_botocore() {
        const SESSION: &str = "IQoJb3JpZ2luX2VjEXAMPLE//////////wEaCXVzLWVhc3QtMSJHMEUCIQD+/==";
        let vectors = [
            (
                "My-RG-01",
                Kind::ReplicationGroup,
                ("AKIDEXAMPLE", None),
                "my-rg-01/?Action=connect&User=iam-user-01&X-Amz-Algorithm=AWS4-HMAC-SHA256&X-Amz-Credential=AKIDEXAMPLE%2F20240101%2Fus-east-1%2Felasticache%2Faws4_request&X-Amz-Date=20240101T000000Z&X-Amz-Expires=900&X-Amz-SignedHeaders=host&X-Amz-Signature=b7c70a8a1a3bc251f9c2fe571af1fbe5fccd5d0d2ff7f233ba742807606fe7f3",
            ),
            (
                "cache-01",
                Kind::Serverless,
                ("AKIDEXAMPLE", None),
                "cache-01/?Action=connect&User=iam-user-01&ResourceType=ServerlessCache&X-Amz-Algorithm=AWS4-HMAC-SHA256&X-Amz-Credential=AKIDEXAMPLE%2F20240101%2Fus-east-1%2Felasticache%2Faws4_request&X-Amz-Date=20240101T000000Z&X-Amz-Expires=900&X-Amz-SignedHeaders=host&X-Amz-Signature=783b93c450cb4315052241f5a79a2ade7d69e5d5ab71c0e5a9cb9199b7237b31",
            ),
            (
                "cache-01",
                Kind::Serverless,
                ("ASIAIOSFODNN7EXAMPLE", Some(SESSION)),
                "cache-01/?Action=connect&User=iam-user-01&ResourceType=ServerlessCache&X-Amz-Algorithm=AWS4-HMAC-SHA256&X-Amz-Credential=ASIAIOSFODNN7EXAMPLE%2F20240101%2Fus-east-1%2Felasticache%2Faws4_request&X-Amz-Date=20240101T000000Z&X-Amz-Expires=900&X-Amz-SignedHeaders=host&X-Amz-Security-Token=IQoJb3JpZ2luX2VjEXAMPLE%2F%2F%2F%2F%2F%2F%2F%2F%2F%2FwEaCXVzLWVhc3QtMSJHMEUCIQD%2B%2F%3D%3D&X-Amz-Signature=68b20413b53aaa10da1e8e64c7a5882e5a0003aad09b55b6162a1eb446c53cb8",
            ),
            (
                "My-Cluster-01",
                Kind::MemoryDb,
                ("AKIDEXAMPLE", None),
                "my-cluster-01/?Action=connect&User=iam-user-01&X-Amz-Algorithm=AWS4-HMAC-SHA256&X-Amz-Credential=AKIDEXAMPLE%2F20240101%2Fus-east-1%2Fmemorydb%2Faws4_request&X-Amz-Date=20240101T000000Z&X-Amz-Expires=900&X-Amz-SignedHeaders=host&X-Amz-Signature=39197758d0ea66e551cd5a1fa25d1b3bb5c23f4822c71d6f74264d672f7304b5",
            ),
        ];
        for (cache, kind, (key, session), expected) in vectors {
            let secret = "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY";
            let credentials = Credentials::new(key, secret, session.map(str::to_owned), None, "test");
            let target = Target::of_flags(cache, Some("IAM-user-01"), kind).unwrap();
            let token = Token::sign(target, "us-east-1", &credentials, new_year()).unwrap();
            assert_eq!(parts(&token.line()), parts(expected));
        }
    }

    fn sign_with_end(end: Option<SystemTime>) -> Result<Token, Failure> {
        let credentials = Credentials::new("AKIDEXAMPLE", "secret", None, end, "test");
        let target = Target::of_flags("orders", Some("app"), Kind::Serverless).unwrap();
        Token::sign(target, "us-east-1", &credentials, new_year())
    }

    #[test]
    fn json_tells_when_the_token_ends() {
        let soon = new_year() + Duration::from_secs(600);
        for (end, expected) in [(None, "2024-01-01T00:15:00Z"), (Some(soon), "2024-01-01T00:10:00Z")] {
            let answer: serde_json::Value = serde_json::from_str(&sign_with_end(end).unwrap().json()).unwrap();
            assert_eq!(answer["expires_at"], expected);
            assert_eq!(answer["deployment"], "serverless");
            assert!(answer["token"].as_str().unwrap().starts_with("orders/?Action=connect&User=app&"));
        }
    }

    #[test]
    fn a_shell_gets_the_token_for_every_client_and_the_user() {
        let token = sign_with_end(None).unwrap();
        let bare = token.line();
        let bare = bare.trim_end();
        assert_eq!(
            token.printed(TokenFormat::Env),
            format!("export EC_USER='app'\nexport REDISCLI_AUTH='{bare}'\nexport VALKEYCLI_AUTH='{bare}'\n")
        );
        assert_eq!(quoted("it's $HOME"), r"'it'\''s $HOME'");
    }

    #[test]
    fn credentials_that_have_ended_sign_nothing() {
        assert_eq!(sign_with_end(Some(new_year())).unwrap_err().code().id, "EC9103");
    }

    #[test]
    fn debug_does_not_show_the_token() {
        let token = sign_with_end(None).unwrap();
        assert!(!format!("{token:?}").contains("X-Amz-Signature"));
    }

    #[test]
    fn a_document_says_whether_its_cache_is_serverless_and_whether_a_token_helps() {
        let cache = |deployment, kind| Cache {
            name: "orders".into(),
            deployment,
            auth: Some(Auth { kind, user_group_ids: vec![] }),
            ..Cache::default()
        };
        let of = |cache: &Cache, serverless| Target::of_cache(cache, Some("app"), serverless);
        assert_eq!(of(&cache(Some(Deployment::Serverless), AuthKind::Rbac), false).unwrap().kind, Kind::Serverless);
        let group = cache(Some(Deployment::ReplicationGroup), AuthKind::Rbac);
        assert_eq!(of(&group, true).unwrap().kind, Kind::ReplicationGroup);
        assert_eq!(of(&cache(None, AuthKind::Rbac), true).unwrap().kind, Kind::Serverless);
        assert_eq!(of(&cache(None, AuthKind::Rbac), false).unwrap_err().code().id, "EC9009");
        assert_eq!(of(&cache(Some(Deployment::Serverless), AuthKind::None), false).unwrap_err().code().id, "EC2005");
        let failure = Target::of_cache(&cache(Some(Deployment::Serverless), AuthKind::Iam), None, false).unwrap_err();
        assert_eq!(failure.code().id, "EC2006");
    }
}
