//! AWS errors, reduced to a [`Failure`] that carries all that AWS said.

use std::error::Error;
use std::time::SystemTime;

use aws_credential_types::provider::error::CredentialsError;
use aws_smithy_runtime_api::client::orchestrator::HttpResponse;
use aws_smithy_runtime_api::client::result::SdkError;
use aws_smithy_types::error::metadata::ProvideErrorMetadata;
use aws_types::request_id::RequestId;

use super::Aws;
use crate::codes::{self, Code};
use crate::failure::{AwsError, Failure};

impl Aws {
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
        let failure = Failure::new(code, what).aws(aws);
        let date = error.raw_response().and_then(|response| response.headers().get("date"));
        match date.and_then(|date| clock_error(date, SystemTime::now())) {
            Some(wrong) if [codes::EXPIRED_CREDENTIALS.id, codes::BAD_CREDENTIALS.id].contains(&code.id) => failure
                .because(format!("{why}; the clock of this machine is {wrong}"))
                .hint("set the clock (timedatectl, chronyc makestep): signatures and tokens carry its time"),
            // EC2 says in an encrypted text which policy denied; who may decode it is another question.
            _ if why.contains("Encoded authorization failure message") => failure.because(why).hint(format!(
                "{}; aws sts decode-authorization-message --encoded-message TEXT tells which policy denied",
                hint(code, service, operation)
            )),
            _ => failure.because(why).hint(hint(code, service, operation)),
        }
    }
}

/// How wrong the clock of this machine is, as the `Date` of AWS's answer shows: `300 s behind AWS's`. A minute does not
/// matter to anybody; AWS allows five.
fn clock_error(date: &str, now: SystemTime) -> Option<String> {
    const HARMLESS: i64 = 60;
    let theirs = jiff::fmt::rfc2822::parse(date).ok()?.timestamp();
    let behind = theirs.as_second() - jiff::Timestamp::try_from(now).ok()?.as_second();
    let word = if behind > 0 { "behind" } else { "ahead of" };
    (behind.abs() > HARMLESS).then(|| format!("{} s {word} AWS's", behind.abs()))
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
            // 2xx: AWS has done it, and its answer cannot be read.
            Some(200..300 | 500..) => &codes::SERVER_ERROR,
            _ => &codes::REFUSED,
        },
    }
}

fn hint(code: &Code, service: &str, operation: &str) -> String {
    match code.id {
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
        id if id == codes::NOT_FOUND.id => {
            "check the name, the Region (--region) and the account (ec-iam whoami)".to_owned()
        }
        _ => "AWS's own words say what to change".to_owned(),
    }
}

/// No credentials, or expired ones: `why` is what the provider said.
pub(super) fn credentials_failure(what: &str, why: &str) -> Failure {
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
pub(super) fn chain(error: &dyn Error) -> String {
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_clock_that_is_wrong_is_told_by_how_much() {
        let new_year = SystemTime::UNIX_EPOCH + std::time::Duration::from_secs(1_704_067_200);
        for (date, expected) in [
            ("Mon, 01 Jan 2024 00:00:30 GMT", None),
            ("Mon, 01 Jan 2024 00:10:00 GMT", Some("600 s behind AWS's")),
            ("Sun, 31 Dec 2023 23:00:00 GMT", Some("3600 s ahead of AWS's")),
            ("yesterday", None),
        ] {
            assert_eq!(clock_error(date, new_year).as_deref(), expected, "{date}");
        }
    }

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
            ("", Some(200), "EC9111"),
            ("RulesPerSecurityGroupLimitExceeded", Some(400), "EC9107"),
            ("InvalidParameterValue", Some(400), "EC9107"),
        ];
        for (said, status, expected) in cases {
            assert_eq!(classify(said, status).id, expected, "{said} {status:?}");
        }
    }
}
