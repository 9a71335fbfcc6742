//! Makes the credentials that the server is to hear: a password as it was given, or an IAM token signed here and now.

use std::time::{Duration, SystemTime};

use ec_shared::Failure;
use ec_shared::aws::Aws;
use ec_shared::flags::AwsFlags;
use ec_shared::secret::Secret;
use ec_shared::token::{self, Kind, TokenRequest};

use crate::plan::Login;

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

/// The credentials for a log-in; none where there is to be none.
///
/// # Errors
/// If AWS credentials or a Region are needed and cannot be had.
pub async fn credentials(login: &Login, flags: &AwsFlags, timeout: Duration) -> Result<Option<Credentials>, Failure> {
    Ok(match login {
        Login::None => None,
        Login::Password { user, password } => {
            Some(Credentials { user: user.clone(), secret: password.clone(), iam: false })
        }
        Login::Iam { user, cache, region, serverless } => {
            let at_hand = token::environment_credentials().filter(|_| flags.profile.is_none());
            let (identity, region) = if let (Some(identity), Some(region)) = (at_hand, region) {
                (identity, region.clone())
            } else {
                let flags = AwsFlags { region: region.clone().or_else(|| flags.region.clone()), ..flags.clone() };
                let aws = Aws::load(&flags, Some(timeout)).await?;
                (aws.credentials().await?, aws.region().to_owned())
            };
            let request = TokenRequest { name: cache, user, region: &region, kind: Kind::of_cache(*serverless) };
            let secret = token::sign(&request, &identity, SystemTime::now())?;
            Some(Credentials { user: Some(user.clone()), secret, iam: true })
        }
    })
}
