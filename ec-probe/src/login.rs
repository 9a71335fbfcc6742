//! Makes the credentials that the server is to hear: a password as it was given, or an IAM token signed here and now.

use std::collections::HashMap;
use std::time::{Duration, SystemTime};

use ec_shared::Failure;
use ec_shared::aws::Aws;
use ec_shared::flags::AwsFlags;
use ec_shared::secret::Secret;
use ec_shared::token::{self, Kind, TokenRequest};

use tokio::sync::Mutex;

use crate::plan::Login;

/// So long before credentials end they are looked up again; a token may be in use for a while after it is signed.
const BEFORE_THE_END: Duration = Duration::from_secs(300);
/// How long a look-up that failed is not repeated.
const BETWEEN_FAILURES: Duration = Duration::from_secs(10);

/// What AUTH sends.
#[derive(Clone, Debug)]
pub struct Credentials {
    /// The user; without one, it is the default user.
    pub user: Option<String>,
    /// The password or token.
    pub secret: Secret,
    /// Whether it is an IAM token.
    pub iam: bool,
}

/// The credentials for a log-in; none where there is to be none. AWS credentials are looked up once for all log-ins that
/// share `identities`.
///
/// # Errors
/// If AWS credentials or a Region are needed and cannot be had.
pub async fn credentials(
    login: &Login,
    flags: &AwsFlags,
    timeout: Duration,
    identities: &Identities,
) -> Result<Option<Credentials>, Failure> {
    Ok(match login {
        Login::None => None,
        Login::Password { user, password } => {
            Some(Credentials { user: user.clone(), secret: password.clone(), iam: false })
        }
        Login::Iam { user, cache, region, serverless } => {
            let at_hand = token::environment_credentials().filter(|_| flags.profile.is_none());
            let identity = if let (Some(credentials), Some(region)) = (at_hand, region) {
                Identity { credentials, region: region.clone() }
            } else {
                let flags = AwsFlags { region: region.clone().or_else(|| flags.region.clone()), ..flags.clone() };
                // In a box, because every probe would have room for it, and hardly any needs it.
                let look_up = Box::pin(async {
                    let aws = Aws::load(&flags, Some(timeout)).await?;
                    Ok(Identity { credentials: aws.credentials().await?, region: aws.region().to_owned() })
                });
                identities.get(flags.region.as_deref(), SystemTime::now, look_up).await?
            };
            let request =
                TokenRequest { name: cache, user, region: &identity.region, kind: Kind::of_cache(*serverless) };
            let secret = token::sign(&request, &identity.credentials, SystemTime::now())?;
            Some(Credentials { user: Some(user.clone()), secret, iam: true })
        }
    })
}

/// Who signs, and where.
#[derive(Clone, Debug)]
struct Identity {
    credentials: token::Credentials,
    region: String,
}

/// The AWS credentials of a run, by the Region that was asked for. A thousand documents must not ask the metadata service or
/// STS a thousand times.
#[derive(Debug, Default)]
pub struct Identities(Mutex<HashMap<Option<String>, Kept>>);

/// What a look-up came to, and until when it is not done again.
#[derive(Debug)]
struct Kept {
    found: Result<Identity, Failure>,
    until: Option<SystemTime>,
}

impl Identities {
    /// What is kept for the Region, or what the look-up finds; meanwhile the others wait.
    async fn get(
        &self,
        region: Option<&str>,
        clock: impl Fn() -> SystemTime,
        look_up: impl Future<Output = Result<Identity, Failure>>,
    ) -> Result<Identity, Failure> {
        let mut known = self.0.lock().await;
        let region = region.map(str::to_owned);
        if let Some(kept) = known.get(&region).filter(|kept| kept.until.is_none_or(|until| clock() < until)) {
            return kept.found.clone();
        }
        let found = look_up.await;
        let until = match &found {
            Ok(identity) => identity.credentials.expiry().map(|expiry| expiry - BEFORE_THE_END),
            Err(_) => Some(clock() + BETWEEN_FAILURES),
        };
        known.insert(region, Kept { found: found.clone(), until });
        found
    }
}

#[cfg(test)]
mod tests {
    use std::cell::Cell;

    use ec_shared::codes;

    use super::*;

    fn identity(expiry: Option<SystemTime>) -> Identity {
        let credentials = token::Credentials::new("AKIDEXAMPLE", "secret", None, expiry, "test");
        Identity { credentials, region: "eu-west-1".to_owned() }
    }

    /// How often is looked up at these seconds of the clock, if this is what is found.
    fn look_ups(found: &Result<Identity, Failure>, times: &[u64]) -> usize {
        let (identities, count) = (Identities::default(), Cell::new(0));
        ec_shared::aws::runtime().unwrap().block_on(async {
            for seconds in times {
                let look_up = async {
                    count.set(count.get() + 1);
                    found.clone()
                };
                let clock = || SystemTime::UNIX_EPOCH + Duration::from_secs(*seconds);
                assert_eq!(identities.get(Some("eu-west-1"), clock, look_up).await.is_ok(), found.is_ok());
            }
        });
        count.get()
    }

    #[test]
    fn credentials_are_looked_up_once_and_again_before_they_end() {
        assert_eq!(look_ups(&Ok(identity(None)), &[0, 1, 1_000_000]), 1);
        let an_hour = SystemTime::UNIX_EPOCH + Duration::from_secs(3600);
        assert_eq!(look_ups(&Ok(identity(Some(an_hour))), &[0, 3000, 3299]), 1);
        assert_eq!(look_ups(&Ok(identity(Some(an_hour))), &[0, 3299, 3300]), 2);
    }

    #[test]
    fn a_look_up_that_failed_is_not_repeated_for_each_document_and_not_remembered_for_ever() {
        let failure = Failure::new(&codes::READ, "nobody answers");
        assert_eq!(look_ups(&Err(failure.clone()), &[0, 1, 9]), 1);
        assert_eq!(look_ups(&Err(failure), &[0, 9, 10]), 2);
    }
}
