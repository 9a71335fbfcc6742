//! AWS configuration, loaded in one place, and AWS errors, reduced in one place.
//!
//! Flags come before the environment, the environment before the profile. The SDK reads `AWS_ENDPOINT_URL` and its
//! per-service forms by itself; it does not read `AWS_CA_BUNDLE`, and it sets no time-out but the one for connecting:
//! both are done here.

mod calls;
#[cfg(feature = "elasticache")]
pub mod elasticache;
mod error;

use std::path::PathBuf;
use std::time::Duration;

use aws_config::timeout::TimeoutConfig;
use aws_config::{BehaviorVersion, Region, SdkConfig};
use aws_credential_types::Credentials;
use aws_credential_types::provider::ProvideCredentials;
use aws_smithy_http_client::tls;
use aws_types::app_name::AppName;

pub use calls::Calls;
use error::{chain, credentials_failure};

use crate::codes;
use crate::failure::Failure;
use crate::flags::AwsFlags;
use crate::output::Output;

/// Bound of looking for a Region, and of looking for credentials: off EC2 the metadata service never answers.
const LOOKUP: Duration = Duration::from_secs(5);
/// Bound of one attempt of one call.
const ATTEMPT: Duration = Duration::from_secs(10);
/// Bound of one call with its retries.
const OPERATION: Duration = Duration::from_secs(60);

/// The configuration that the clients of all services share.
#[derive(Clone, Debug)]
pub struct Aws {
    sdk: SdkConfig,
    region: String,
    calls: Calls,
}

impl Aws {
    /// Loads the configuration. `timeout` bounds one call with its retries; without it, 60 seconds.
    ///
    /// # Errors
    /// `EC9101` if no Region is set anywhere; `EC9021` if the CA bundle cannot be read.
    pub async fn load(flags: &AwsFlags, timeout: Option<Duration>) -> Result<Self, Failure> {
        let operation = timeout.unwrap_or(OPERATION);
        let timeouts = TimeoutConfig::builder()
            .operation_timeout(operation)
            .operation_attempt_timeout(operation.min(ATTEMPT))
            .build();
        #[expect(clippy::disallowed_methods, reason = "this is the one loader")]
        let mut loader = aws_config::defaults(BehaviorVersion::latest())
            .timeout_config(timeouts)
            .identity_cache(aws_config::identity::IdentityCache::lazy().load_timeout(LOOKUP).build());
        if let Ok(name) = AppName::new("ec-tools") {
            loader = loader.app_name(name);
        }
        if let Some(profile) = &flags.profile {
            loader = loader.profile_name(profile);
        }
        if let Some(region) = &flags.region {
            loader = loader.region(Region::new(region.clone()));
        }
        if let Some(url) = &flags.endpoint_url {
            loader = loader.endpoint_url(url);
        }
        if let Some(bundle) = ca_bundle(flags) {
            loader = loader.http_client(trusting(&bundle)?);
        }
        let no_region = || {
            Failure::new(&codes::NO_REGION, "no AWS Region is set")
                .hint("give --region, or set AWS_REGION, or `region` in the profile")
        };
        let sdk = tokio::time::timeout(LOOKUP, loader.load()).await.map_err(|_| {
            no_region().because("nothing answered within 5 s; AWS_EC2_METADATA_DISABLED=true ends the search sooner")
        })?;
        let region = sdk.region().ok_or_else(no_region)?.to_string();
        Ok(Self { sdk, region, calls: Calls::default() })
    }

    /// What a service client is built from: `Builder::from(aws.sdk()).interceptor(aws.calls())`.
    pub fn sdk(&self) -> &SdkConfig {
        &self.sdk
    }

    /// The interceptor that counts attempts. Every client must have it, or errors cannot say how often was tried.
    pub fn calls(&self) -> Calls {
        self.calls.clone()
    }

    /// The Region.
    pub fn region(&self) -> &str {
        &self.region
    }

    /// The partition that the Region belongs to.
    pub fn partition(&self) -> &'static str {
        partition(&self.region)
    }

    /// The address of the API, where it is not AWS's own.
    pub fn endpoint_url(&self) -> Option<&str> {
        self.sdk.endpoint_url()
    }

    /// With `-v`, names Region, partition and endpoint on stderr, and from now on every call.
    pub fn tell(&self, output: &Output) {
        if output.is_verbose() {
            let endpoint = self.endpoint_url().unwrap_or("AWS");
            output.detail(&format!("region {}, partition {}, endpoint {endpoint}", self.region, self.partition()));
            self.calls.tell(output.voice());
        }
    }

    /// The credentials.
    ///
    /// # Errors
    /// `EC9102` if there are none, `EC9103` if a log-in has expired.
    pub async fn credentials(&self) -> Result<Credentials, Failure> {
        let none = |why: String| credentials_failure("cannot load AWS credentials", &why);
        let provider = self.sdk.credentials_provider().ok_or_else(|| none("no provider is set up".to_owned()))?;
        match tokio::time::timeout(LOOKUP, provider.provide_credentials()).await {
            Ok(Ok(credentials)) => Ok(credentials),
            Ok(Err(error)) => Err(none(chain(&error))),
            Err(_) => Err(none("nothing answered within 5 s".to_owned())),
        }
    }
}

/// A runtime for calls to AWS: one thread, all drivers.
///
/// # Errors
/// `EC9021` if the operating system has no event queue left.
pub fn runtime() -> Result<tokio::runtime::Runtime, Failure> {
    tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .map_err(|error| Failure::new(&codes::READ, "cannot start the event loop").because(error))
}

/// The partition of a Region, by the prefixes in AWS's `partitions.json`.
pub fn partition(region: &str) -> &'static str {
    const PREFIXES: [(&str, &str); 7] = [
        ("cn-", "aws-cn"),
        ("us-gov-", "aws-us-gov"),
        ("us-iso-", "aws-iso"),
        ("us-isob-", "aws-iso-b"),
        ("eu-isoe-", "aws-iso-e"),
        ("us-isof-", "aws-iso-f"),
        ("eusc-", "aws-eusc"),
    ];
    PREFIXES.iter().find(|(prefix, _)| region.starts_with(prefix)).map_or("aws", |(_, partition)| partition)
}

fn ca_bundle(flags: &AwsFlags) -> Option<PathBuf> {
    flags
        .ca_bundle
        .clone()
        .or_else(|| std::env::var_os("AWS_CA_BUNDLE").filter(|path| !path.is_empty()).map(PathBuf::from))
}

/// An HTTP client that trusts the system's authorities and those in `bundle`.
fn trusting(bundle: &PathBuf) -> Result<aws_smithy_runtime_api::client::http::SharedHttpClient, Failure> {
    let cannot = |why: &dyn std::fmt::Display| {
        Failure::new(&codes::READ, format!("cannot use the CA bundle {}", bundle.display()))
            .because(why)
            .hint("--ca-bundle and AWS_CA_BUNDLE name a file of PEM certificates")
    };
    let pem = std::fs::read(bundle).map_err(|error| cannot(&error))?;
    if !pem.windows(27).any(|text| text == b"-----BEGIN CERTIFICATE-----") {
        return Err(cannot(&"it holds no PEM certificate"));
    }
    let store = tls::TrustStore::default().with_pem_certificate(pem);
    let context = tls::TlsContext::builder().with_trust_store(store).build().map_err(|error| cannot(&error))?;
    let provider = tls::Provider::Rustls(tls::rustls_provider::CryptoMode::AwsLc);
    Ok(aws_smithy_http_client::Builder::new().tls_provider(provider).tls_context(context).build_https())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn regions_belong_to_partitions() {
        for (region, expected) in [
            ("us-east-1", "aws"),
            ("cn-north-1", "aws-cn"),
            ("us-gov-west-1", "aws-us-gov"),
            ("us-isob-east-1", "aws-iso-b"),
            ("eu-isoe-west-1", "aws-iso-e"),
        ] {
            assert_eq!(partition(region), expected);
        }
    }
}
