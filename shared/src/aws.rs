//! AWS configuration, loaded in one place, and AWS errors, reduced in one place.
//!
//! Flags come before the environment, the environment before the profile. The SDK reads `AWS_ENDPOINT_URL` and its
//! per-service forms by itself; it does not read `AWS_CA_BUNDLE`, and it sets no time-out but the one for connecting:
//! both are done here.

use std::collections::HashMap;
use std::error::Error;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use aws_config::timeout::TimeoutConfig;
use aws_config::{BehaviorVersion, Region, SdkConfig};
use aws_credential_types::Credentials;
use aws_credential_types::provider::ProvideCredentials;
use aws_credential_types::provider::error::CredentialsError;
use aws_smithy_http_client::tls;
use aws_smithy_runtime_api::box_error::BoxError;
use aws_smithy_runtime_api::client::interceptors::Intercept;
use aws_smithy_runtime_api::client::interceptors::context::BeforeTransmitInterceptorContextRef;
use aws_smithy_runtime_api::client::orchestrator::{HttpResponse, Metadata};
use aws_smithy_runtime_api::client::result::SdkError;
use aws_smithy_runtime_api::client::retries::RequestAttempts;
use aws_smithy_runtime_api::client::runtime_components::RuntimeComponents;
use aws_smithy_types::config_bag::ConfigBag;
use aws_smithy_types::error::metadata::ProvideErrorMetadata;
use aws_types::app_name::AppName;
use aws_types::request_id::RequestId;

use crate::codes::{self, Code};
use crate::failure::{AwsError, Failure};
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
            self.calls.0.lock().unwrap_or_else(PoisonError::into_inner).voice = Some(output.voice());
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

    /// An SDK error as a failure. `what` says what was tried on what.
    pub fn failure<E>(
        &self,
        service: &str,
        operation: &str,
        what: impl Into<String>,
        error: &SdkError<E, HttpResponse>,
    ) -> Failure
    where
        E: ProvideErrorMetadata + Error + 'static,
    {
        let what = what.into();
        if let Some(cause) = credentials_error(error) {
            return credentials_failure(&what, &chain(cause));
        }
        let said = error.code();
        let status = error.raw_response().map(|response| response.status().as_u16());
        let aws = AwsError {
            service: service.to_owned(),
            operation: operation.to_owned(),
            code: said.map(str::to_owned),
            request_id: error.meta().request_id().map(str::to_owned),
            attempts: self.calls.attempts(operation),
        };
        let (code, why) = match error {
            SdkError::TimeoutError(_) => (&codes::TIMEOUT, "no answer in time".to_owned()),
            SdkError::DispatchFailure(failure) if failure.is_timeout() => (&codes::TIMEOUT, chain(error)),
            SdkError::DispatchFailure(_) => (&codes::UNREACHABLE, chain(error)),
            _ => (
                classify(said.unwrap_or_default(), status),
                error.message().map_or_else(|| chain(error), str::to_owned),
            ),
        };
        let failure = Failure::new(code, what).because(why).aws(aws);
        match hint(code, service, operation) {
            Some(hint) => failure.hint(hint),
            None => failure,
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

/// What each kind of refusal is, by AWS's own code and, where that says nothing, by the HTTP status.
///
/// Codes: the common errors of the Query protocol, EC2's error list, and the IAM and ElastiCache API references.
fn classify(said: &str, status: Option<u16>) -> &'static Code {
    let has = |part: &str| said.contains(part);
    match said {
        "AccessDenied" | "AccessDeniedException" | "UnauthorizedOperation" | "UnauthorizedAccess" | "OptInRequired" => {
            &codes::ACCESS_DENIED
        }
        "ExpiredToken" | "ExpiredTokenException" | "RequestExpired" | "TokenRefreshRequired" => {
            &codes::EXPIRED_CREDENTIALS
        }
        "InvalidClientTokenId"
        | "UnrecognizedClientException"
        | "AuthFailure"
        | "SignatureDoesNotMatch"
        | "InvalidAccessKeyId"
        | "MissingAuthenticationToken"
        | "IncompleteSignature"
        | "RequestTimeTooSkewed" => &codes::BAD_CREDENTIALS,
        "RequestLimitExceeded" | "TooManyRequestsException" | "APICallRateForCustomerExceeded" => &codes::THROTTLED,
        "ServiceUnavailable" | "InternalError" | "InternalFailure" | "ServiceFailure" | "Unavailable" => {
            &codes::SERVER_ERROR
        }
        "NoSuchEntity" | "NoSuchEntityException" => &codes::NOT_FOUND,
        _ if has("Throttl") => &codes::THROTTLED,
        _ if has("NotFound") => &codes::NOT_FOUND,
        _ => match status {
            Some(429) => &codes::THROTTLED,
            Some(500..) => &codes::SERVER_ERROR,
            _ => &codes::REFUSED,
        },
    }
}

fn hint(code: &Code, service: &str, operation: &str) -> Option<String> {
    let text = match code.id {
        id if id == codes::ACCESS_DENIED.id => {
            format!("allow the action {service}:{operation}; `ec-iam policy` prints the statements our verbs need")
        }
        id if id == codes::EXPIRED_CREDENTIALS.id => {
            "log in again: aws sso login, aws login, or new session credentials".to_owned()
        }
        id if id == codes::BAD_CREDENTIALS.id => {
            "check the access key, and the clock of this machine (date -u)".to_owned()
        }
        id if id == codes::UNREACHABLE.id || id == codes::TIMEOUT.id => {
            "check the network, HTTPS_PROXY, AWS_ENDPOINT_URL and AWS_CA_BUNDLE, then run it again".to_owned()
        }
        id if id == codes::THROTTLED.id || id == codes::SERVER_ERROR.id => {
            "run the same command again in a while".to_owned()
        }
        _ => return None,
    };
    Some(text)
}

fn credentials_failure(what: &str, why: &str) -> Failure {
    let expired = why.contains("expired");
    let code = if expired { &codes::EXPIRED_CREDENTIALS } else { &codes::NO_CREDENTIALS };
    Failure::new(code, what).because(if expired { why } else { "no AWS credentials were found" }).hint(if expired {
        "log in again: aws sso login, or aws login"
    } else {
        "aws sso login, or aws login, or set AWS_PROFILE, or run under a role; no account yet: \
         https://portal.aws.amazon.com/billing/signup"
    })
}

/// The credentials error in an error's chain of causes.
fn credentials_error<'a>(error: &'a (dyn Error + 'static)) -> Option<&'a CredentialsError> {
    let mut next = Some(error);
    while let Some(error) = next {
        if let Some(found) = error.downcast_ref::<CredentialsError>() {
            return Some(found);
        }
        next = error.source();
    }
    None
}

/// All causes in one line. `Display` of an SDK error alone says only its kind.
fn chain(error: &dyn Error) -> String {
    let mut text = error.to_string();
    let mut next = error.source();
    while let Some(error) = next {
        let cause = error.to_string();
        if !text.ends_with(&cause) {
            text.push_str(": ");
            text.push_str(&cause);
        }
        next = error.source();
    }
    text
}

/// Counts the attempts of every operation, and names each call for `-v`.
#[derive(Clone, Debug, Default)]
pub struct Calls(Arc<Mutex<Log>>);

#[derive(Debug, Default)]
struct Log {
    attempts: HashMap<String, u32>,
    voice: Option<Output>,
}

impl Calls {
    /// How often the latest call of `operation` was sent.
    fn attempts(&self, operation: &str) -> u32 {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).attempts.get(operation).copied().unwrap_or(0)
    }
}

#[aws_smithy_runtime_api::client::interceptors::dyn_dispatch_hint]
impl Intercept for Calls {
    fn name(&self) -> &'static str {
        "Calls"
    }

    fn read_before_attempt(
        &self,
        _: &BeforeTransmitInterceptorContextRef<'_>,
        _: &RuntimeComponents,
        bag: &mut ConfigBag,
    ) -> Result<(), BoxError> {
        let attempt = bag.load::<RequestAttempts>().map_or(1, RequestAttempts::attempts);
        if let Some(call) = bag.load::<Metadata>() {
            let mut log = self.0.lock().unwrap_or_else(PoisonError::into_inner);
            log.attempts.insert(call.name().to_owned(), attempt);
            if let Some(voice) = &log.voice {
                voice.detail(&format!("call {} {} (attempt {attempt})", call.service().to_lowercase(), call.name()));
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn aws_codes_fall_into_our_kinds() {
        let cases = [
            ("UnauthorizedOperation", Some(403), "EC9105"),
            ("ExpiredToken", Some(400), "EC9103"),
            ("AuthFailure", Some(401), "EC9104"),
            ("ServerlessCacheNotFoundFault", Some(404), "EC9106"),
            ("InvalidGroup.NotFound", Some(400), "EC9106"),
            ("NoSuchEntity", Some(404), "EC9106"),
            ("Throttling", Some(400), "EC9108"),
            ("RequestLimitExceeded", Some(503), "EC9108"),
            ("InternalError", Some(500), "EC9111"),
            ("", Some(502), "EC9111"),
            ("RulesPerSecurityGroupLimitExceeded", Some(400), "EC9107"),
            ("InvalidParameterValue", Some(400), "EC9107"),
        ];
        for (said, status, expected) in cases {
            assert_eq!(classify(said, status).id, expected, "{said} {status:?}");
        }
    }

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
