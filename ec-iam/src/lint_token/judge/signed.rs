//! By whom, how, for where and until when a token is signed.

use std::time::Duration;

use aws_credential_types::Credentials;
use ec_shared::document::{Finding, Severity};
use ec_shared::token::{LIFETIME, rfc3339};

use super::{Aspect, Judge, Signature, command, is_region};
use crate::codes;
use crate::lint_token::harmless::{masked, shown};
use crate::lint_token::{clock, signature};

const SERVICE: &str = "elasticache";
const ALGORITHM: &str = "AWS4-HMAC-SHA256";
/// How far AWS's services mostly let clocks differ.
/// Source: <https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_sigv.html>
const TOLERANCE: Duration = Duration::from_secs(300);
const LIFETIME_S: u64 = LIFETIME.as_secs();

/// What stands in `X-Amz-Credential`: `KEY/DATE/REGION/SERVICE/aws4_request`.
pub(super) struct Scope {
    pub(super) key: String,
    date: String,
    region: String,
    pub(super) service: String,
}

impl Judge<'_> {
    /// Reads the credential scope; none if there is none that can be read.
    pub(super) fn scope(&mut self) -> Option<Scope> {
        let pieces: Vec<String> = self.parts.get("X-Amz-Credential")?.split('/').map(str::to_owned).collect();
        let Ok([key, date, region, service, end]) = <[String; 5]>::try_from(pieces) else {
            let summary = "X-Amz-Credential is not KEY/DATE/REGION/elasticache/aws4_request";
            self.wrong(Aspect::Signing, &codes::TOKEN_SIGNING, summary);
            return None;
        };
        self.seen.access_key_id = Some(masked(&key));
        self.seen.service = Some(shown(&service).to_owned());
        self.seen.region = Some(shown(&region).to_owned());
        if end != "aws4_request" {
            self.wrong(Aspect::Signing, &codes::TOKEN_SIGNING, "X-Amz-Credential does not end in aws4_request");
        }
        Some(Scope { key, date, region, service })
    }

    pub(super) fn service(&mut self, scope: &Scope) {
        if scope.service != SERVICE {
            let summary = format!("it is signed for the service {}, and not for {SERVICE}", shown(&scope.service));
            self.wrong(Aspect::Service, &codes::TOKEN_SERVICE, summary);
        }
    }

    pub(super) fn region(&mut self, scope: &Scope) {
        let region = shown(&scope.region);
        let summary = match &self.expected.region {
            Some(expected) if *expected != scope.region => {
                format!("it is signed for {region}, and the cache is in {expected}")
            }
            None if !is_region(&scope.region) => format!("it is signed for {region}, which is no Region"),
            _ => return,
        };
        let fix = format!(
            "sign a new one: {}; botocore reads AWS_DEFAULT_REGION alone, most other SDKs prefer AWS_REGION",
            command(self.expected, &self.seen)
        );
        let finding = Finding::new(&codes::TOKEN_REGION, Severity::Error, summary).evidence("region", region);
        self.tell(Aspect::Region, finding.fix(fix));
    }

    pub(super) fn signing(&mut self, scope: Option<&Scope>) {
        let mut wrong = Vec::new();
        // What was cut off may be what is missing.
        let get = |name: &str| self.parts.get(name).or(if self.is_cut { None } else { Some("") });
        for (name, wanted) in [("X-Amz-Algorithm", ALGORITHM), ("X-Amz-SignedHeaders", "host")] {
            match get(name) {
                Some("") => wrong.push(format!("there is no {name}={wanted}")),
                Some(value) if value != wanted => wrong.push(format!("{name} is {}, not {wanted}", shown(value))),
                _ => {}
            }
        }
        match get("X-Amz-Date") {
            Some(date) if clock::read(date).is_none() => {
                wrong.push("X-Amz-Date is not of the form 20240101T000000Z".to_owned());
            }
            Some(date) if scope.is_some_and(|scope| scope.date.len() != 8 || !date.starts_with(&scope.date)) => {
                wrong.push("X-Amz-Credential is of another day than X-Amz-Date".to_owned());
            }
            _ => {}
        }
        if !self.is_cut && !self.parts.get("X-Amz-Signature").is_some_and(is_signature) {
            wrong.push("X-Amz-Signature is not 64 hexadecimal digits in lower case".to_owned());
        }
        let mut is_short = false;
        match get("X-Amz-Expires").map(|expires| (expires, expires.parse())) {
            Some((_, Ok(LIFETIME_S))) | None => {}
            Some((_, Ok(1..LIFETIME_S))) => is_short = true,
            Some(("", _)) => wrong.push(format!("there is no X-Amz-Expires={LIFETIME_S}")),
            Some((expires, _)) => wrong.push(format!("X-Amz-Expires is {}, not {LIFETIME_S}", shown(expires))),
        }
        for summary in wrong {
            self.wrong(Aspect::Signing, &codes::TOKEN_SIGNING, summary);
        }
        if is_short {
            let summary = format!(
                "X-Amz-Expires is less than the {LIFETIME_S} that AWS documents; whether it is taken is not known"
            );
            let finding = Finding::new(&codes::TOKEN_SIGNING, Severity::Warning, summary);
            self.tell(Aspect::Signing, self.signed_anew(finding));
        }
    }

    pub(super) fn time(&mut self) {
        let Some(signed_at) = self.parts.get("X-Amz-Date").and_then(clock::read) else { return };
        let seconds = self.parts.get("X-Amz-Expires").and_then(|seconds| seconds.parse().ok());
        let expires_at = signed_at + seconds.map_or(LIFETIME, |seconds| Duration::from_secs(seconds).min(LIFETIME));
        self.seen.signed_at = Some(rfc3339(signed_at));
        self.seen.expires_at = Some(rfc3339(expires_at));
        if let Ok(since) = self.now.duration_since(expires_at) {
            let fix = format!(
                "sign a new one: {}; if it was signed just now, set the clock of the machine that signs",
                command(self.expected, &self.seen)
            );
            let summary = format!("it ended {} ago", clock::span(since));
            let finding = Finding::new(&codes::TOKEN_EXPIRED, Severity::Error, summary)
                .evidence("expires_at", rfc3339(expires_at))
                .evidence("now", rfc3339(self.now))
                .evidence("seconds", since.as_secs());
            return self.tell(Aspect::Time, finding.fix(fix));
        }
        let ahead = signed_at.duration_since(self.now).unwrap_or_default();
        if ahead.as_secs() > 0 {
            let (severity, tolerance) = if ahead > TOLERANCE {
                (Severity::Error, "")
            } else {
                (Severity::Warning, "; AWS mostly lets clocks differ by 5 minutes")
            };
            let summary = format!("it is dated {} in the future{tolerance}", clock::span(ahead));
            let finding = Finding::new(&codes::TOKEN_CLOCK, severity, summary)
                .evidence("signed_at", rfc3339(signed_at))
                .evidence("now", rfc3339(self.now))
                .evidence("seconds", ahead.as_secs());
            let fix = "set the clocks of the machine that signs and of this one: timedatectl, chronyc tracking";
            self.tell(Aspect::Time, finding.fix(fix));
        }
    }

    pub(super) fn credentials(&mut self, scope: &Scope) {
        // Prefixes: https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_identifiers.html#identifiers-prefixes
        let (summary, fix) = match (scope.key.get(..4).unwrap_or_default(), self.parts.get("X-Amz-Security-Token")) {
            (_, Some("")) => ("X-Amz-Security-Token is empty", "export AWS_SESSION_TOKEN with its value, or unset it"),
            ("ASIA", None) if !self.is_cut => (
                "the key is temporary, and its session token is missing",
                "export AWS_SESSION_TOKEN beside the key and sign again: it is signed, and cannot be added afterwards",
            ),
            ("AKIA", Some(_)) => (
                "the key is a long-term one, and carries the session token of other credentials",
                "unset AWS_SESSION_TOKEN and sign again",
            ),
            ("AROA" | "AIDA" | "AGPA" | "AIPA" | "ANPA" | "ANVA", _) => (
                "where the access key id should stand there is the unique id of a role, user, group or policy",
                "sign with an access key: its id begins with ASIA or AKIA",
            ),
            _ if scope.key.is_empty() => {
                ("there is no access key id in X-Amz-Credential", codes::TOKEN_CREDENTIALS.fix)
            }
            _ => return,
        };
        let finding = Finding::new(&codes::TOKEN_CREDENTIALS, Severity::Error, summary);
        self.tell(Aspect::Credentials, finding.evidence("access_key_id", masked(&scope.key)).fix(fix));
    }

    /// Signs what the token says with the credentials that are said to have signed it.
    pub(super) fn signature(&mut self, scope: &Scope, at_hand: &Credentials) -> Signature {
        // These change the signature, and tell more than that it is another.
        let moot = [
            &codes::TOKEN_TRUNCATED,
            &codes::TOKEN_PATH,
            &codes::TOKEN_ACTION,
            &codes::TOKEN_SERVICE,
            &codes::TOKEN_SIGNING,
            &codes::TOKEN_PARAMETER,
        ];
        if self.remarks.iter().any(|(_, finding)| moot.iter().any(|code| code.id == finding.code)) {
            return Signature::NotChecked;
        }
        let Some(computed) = signature::of(&self.parts, &scope.region, at_hand) else { return Signature::NotChecked };
        if self.parts.get("X-Amz-Signature") == Some(computed.expose()) {
            return Signature::Matches;
        }
        let summary = "the credentials in the environment have its key id, and sign otherwise";
        let finding = Finding::new(&codes::TOKEN_SIGNATURE, Severity::Error, summary);
        let finding = finding.evidence("access_key_id", masked(&scope.key)).fix(codes::TOKEN_SIGNATURE.fix);
        self.tell(Aspect::Signature, finding);
        Signature::Differs
    }
}

fn is_signature(text: &str) -> bool {
    text.len() == 64 && text.bytes().all(|byte| byte.is_ascii_digit() || (b'a'..=b'f').contains(&byte))
}
