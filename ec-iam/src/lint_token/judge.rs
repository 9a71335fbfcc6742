//! Everything that can be wrong with a token and seen by looking at it.
//!
//! Sources: <https://docs.aws.amazon.com/AmazonElastiCache/latest/dg/auth-iam.html>, AWS's developer-toolkit-elasticache,
//! and <https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_sigv-authentication-methods.html>.

mod form;
mod names;
mod signed;
#[cfg(test)]
mod tests;

use std::time::SystemTime;

use aws_credential_types::Credentials;
use ec_shared::Code;
use ec_shared::document::{Deployment, Finding, Severity};
use ec_shared::token::{cache_name, name_in_endpoint, user_id};
use serde::Serialize;

use super::other;
use super::parts::Parts;
use super::peel::{Peeled, peel};
use crate::codes;

/// What is known of the cache that a token is to open, and of who logs in.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Expected {
    /// Name of the serverless cache, or id of the replication group, in lower case.
    pub cache: Option<String>,
    /// Id of the user, in lower case.
    pub user: Option<String>,
    /// Whether the cache is serverless.
    pub serverless: Option<bool>,
    /// The cache's Region.
    pub region: Option<String>,
}

/// What a token says, as far as it may be shown.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Seen {
    /// What stands where the cache's name should.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub cache: Option<String>,
    /// The user.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub user: Option<String>,
    /// The kind of cache it is for.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub deployment: Option<Deployment>,
    /// The service it is signed for.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub service: Option<String>,
    /// The Region it is signed for.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub region: Option<String>,
    /// The ends of the access key id.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub access_key_id: Option<String>,
    /// When it was signed.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub signed_at: Option<String>,
    /// When it ends, unless the credentials end sooner.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub expires_at: Option<String>,
    /// Whether it was looked through from its beginning to its end.
    #[serde(skip)]
    pub is_whole: bool,
}

/// A part of a token that is looked at; a person is told of each.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Aspect {
    /// Whether it is one, whole and bare.
    Form,
    /// The name in front.
    Cache,
    /// `User`, and `Action`.
    User,
    /// `ResourceType`.
    ResourceType,
    /// The service in the credential scope.
    Service,
    /// The Region in the credential scope.
    Region,
    /// How it is signed.
    Signing,
    /// From when to when it is good.
    Time,
    /// Key id and session token.
    Credentials,
    /// The signature itself.
    Signature,
}

/// Whether the signature was compared.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Signature {
    /// The secret key is not at hand, or the token is too wrong for it to matter.
    NotChecked,
    /// The credentials at hand give the same.
    Matches,
    /// They give another.
    Differs,
}

/// What is to be said of one token.
#[derive(Clone, Debug)]
pub struct Verdict {
    /// What it says; none for a text that is no token.
    pub seen: Option<Seen>,
    /// What is wrong, and where.
    pub remarks: Vec<(Aspect, Finding)>,
    /// Whether its signature was compared.
    pub signature: Signature,
    /// What nobody can see by looking at it.
    pub not_checked: Vec<&'static str>,
}

impl Verdict {
    /// How many things would make `ElastiCache` refuse the token.
    pub fn errors(&self) -> usize {
        self.remarks.iter().filter(|(_, finding)| finding.severity == Severity::Error).count()
    }
}

/// Looks at one token. `at_hand`: credentials with which the signature is compared, if they are those of the token.
pub fn lint(text: &str, expected: &Expected, now: SystemTime, at_hand: Option<&Credentials>) -> Verdict {
    let peeled = peel(text);
    let is_signed = peeled.text.to_ascii_lowercase().contains("x-amz-");
    match Parts::of(&peeled.text).filter(|_| is_signed) {
        Some(mut parts) => {
            let is_cut = parts.is_cut();
            if is_cut {
                // Its name or its value is not whole.
                parts.parameters.pop();
            }
            let mut judge = Judge { parts, is_cut, expected, now, seen: Seen::default(), remarks: Vec::new() };
            judge.wrapping(&peeled);
            judge.all(at_hand)
        }
        None => no_token(&peeled, is_signed, expected),
    }
}

fn no_token(peeled: &Peeled, is_signed: bool, expected: &Expected) -> Verdict {
    let sign = format!("sign a token: {}", command(expected, &Seen::default()));
    let finding = if is_signed {
        let summary = "it is a piece of a token: its beginning is missing";
        Finding::new(&codes::TOKEN_TRUNCATED, Severity::Error, summary)
            .fix(format!("give the token as one line; {sign}"))
    } else {
        let summary = format!("it is no IAM authentication token: it is {}", other::kind(&peeled.text));
        Finding::new(&codes::NOT_A_TOKEN, Severity::Error, summary).fix(sign)
    };
    let finding = finding.evidence("characters", peeled.text.chars().count());
    Verdict {
        seen: None,
        remarks: vec![(Aspect::Form, finding)],
        signature: Signature::NotChecked,
        not_checked: Vec::new(),
    }
}

/// The command that signs the token that is wanted, as far as it is known which.
fn command(expected: &Expected, seen: &Seen) -> String {
    let of_seen = |text: &Option<String>, read: fn(&str) -> Option<String>| text.as_deref().and_then(read);
    let name = |text: &str| name_in_endpoint(text).or_else(|| cache_name(text).ok());
    let cache = expected.cache.clone().or_else(|| of_seen(&seen.cache, name));
    let user = expected.user.clone().or_else(|| of_seen(&seen.user, |user| user_id(user).ok()));
    let is_serverless = expected.serverless.unwrap_or(seen.deployment == Some(Deployment::Serverless));
    let mut command = format!(
        "ec-iam token --cache {} --user {}",
        cache.as_deref().unwrap_or("NAME"),
        user.as_deref().unwrap_or("ID")
    );
    if is_serverless {
        command.push_str(" --serverless");
    }
    if let Some(region) = expected.region.as_deref().or(seen.region.as_deref().filter(|region| is_region(region))) {
        command.push_str(" --region ");
        command.push_str(region);
    }
    command
}

/// Whether a text has the form of a Region: `eu-west-1`, `us-gov-east-1`. An availability zone has not.
fn is_region(text: &str) -> bool {
    let words: Vec<&str> = text.split('-').collect();
    let is_number = |word: &str| !word.is_empty() && word.bytes().all(|byte| byte.is_ascii_digit());
    let is_word = |word: &&str| !word.is_empty() && word.bytes().all(|byte| byte.is_ascii_lowercase());
    words.split_last().is_some_and(|(number, names)| names.len() >= 2 && is_number(number) && names.iter().all(is_word))
}

/// One token while it is looked at.
struct Judge<'a> {
    parts: Parts,
    /// Whether the end is missing; then the last parameter that was there is not looked at.
    is_cut: bool,
    expected: &'a Expected,
    now: SystemTime,
    seen: Seen,
    remarks: Vec<(Aspect, Finding)>,
}

impl Judge<'_> {
    fn all(mut self, at_hand: Option<&Credentials>) -> Verdict {
        self.see();
        let scope = self.scope();
        // Whatever else is wrong with a token of another kind, the remedy is one of ours.
        if let Some(service) = scope.as_ref().and_then(|scope| other::service(&scope.service)) {
            let summary = format!("it is a token for {service}, which ElastiCache does not take");
            self.wrong(Aspect::Service, &codes::TOKEN_SERVICE, summary);
            // Its names are of other things.
            self.seen = Seen { cache: None, user: None, deployment: None, ..self.seen };
            return Verdict { not_checked: Vec::new(), ..self.verdict(Signature::NotChecked) };
        }
        self.form();
        self.host();
        self.action();
        self.user();
        self.resource_type();
        if let Some(scope) = &scope {
            self.service(scope);
            self.region(scope);
        }
        self.signing(scope.as_ref());
        self.time();
        if let Some(scope) = &scope {
            self.credentials(scope);
        }
        let signature = match (scope, at_hand) {
            (Some(scope), Some(at_hand)) if at_hand.access_key_id() == scope.key => self.signature(&scope, at_hand),
            _ => Signature::NotChecked,
        };
        self.verdict(signature)
    }

    fn verdict(self, signature: Signature) -> Verdict {
        let Expected { cache, user, serverless, region } = self.expected;
        let is_cache_known = cache.is_some() && serverless.is_some() && region.is_some();
        let questions = [
            (
                !is_cache_known,
                "whether it is for your cache: say --cache, --serverless[=false] and --region, or pipe the document in",
            ),
            (user.is_none(), "whether AUTH or --user names the same user: say --user"),
            (
                signature == Signature::NotChecked,
                "whether the signature is right: it is compared where the environment has the credentials that signed",
            ),
            (true, "whether the credentials still exist, and until when the session behind them lasts"),
            (true, "whether they may elasticache:Connect to the cache and as the user"),
            (true, "whether the user exists, is on, logs in with IAM and is in a user group of the cache"),
        ];
        let not_checked = questions.into_iter().filter(|(is_open, _)| *is_open).map(|(_, what)| what).collect();
        Verdict { seen: Some(self.seen), remarks: self.remarks, signature, not_checked }
    }

    fn tell(&mut self, aspect: Aspect, finding: Finding) {
        self.remarks.push((aspect, finding));
    }

    /// Tells of something that only another token mends.
    fn wrong(&mut self, aspect: Aspect, code: &'static Code, summary: impl Into<String>) {
        let finding = Finding::new(code, Severity::Error, summary);
        self.tell(aspect, self.signed_anew(finding));
    }

    /// Adds the command that signs what is wanted.
    fn signed_anew(&self, finding: Finding) -> Finding {
        finding.fix(format!("sign a new one: {}", command(self.expected, &self.seen)))
    }
}
