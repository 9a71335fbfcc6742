//! Trust policies: who may work under a role.
//!
//! Sources: IAM User Guide, "Create a role for SAML 2.0 federation", "Create a role for OpenID Connect federation" and
//! "Creating a role to delegate permissions to an IAM user".

use ec_shared::Failure;
use serde_json::{Value, json};

use crate::codes;
use crate::policy;
use crate::principal::Principal;

/// Who may assume a role, and under which condition.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Trust {
    /// The ARN of the identity provider, user or role.
    arn: String,
    /// What only these kinds have.
    kind: With,
}

#[derive(Clone, Debug, PartialEq, Eq)]
enum With {
    /// Sign-in through a SAML provider.
    Saml,
    /// A token of an OpenID Connect provider for this audience and subject; a subject may have wildcards.
    Oidc { audience: String, subject: String },
    /// A user or role of IAM, if asked so only after a sign-in with MFA.
    Iam { mfa: bool },
}

/// What the flags say of a trust policy.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Asked {
    /// `saml/NAME`, `oidc/ISSUER`, `user/NAME`, `role/NAME`, or the ARN of one of them.
    pub who: String,
    /// The audience of an OpenID Connect token.
    pub audience: Option<String>,
    /// Its subject.
    pub subject: Option<String>,
    /// Whether a user must have signed in with MFA.
    pub mfa: bool,
}

/// The audience that AWS's own examples use, for GitHub and EKS alike.
const AUDIENCE: &str = "sts.amazonaws.com";

impl Asked {
    /// Whether the account has to be known to name who is trusted.
    pub fn is_relative(&self) -> bool {
        !self.who.starts_with("arn:")
    }

    /// The trust policy that is asked for, in the account `account` of the partition `partition`.
    ///
    /// # Errors
    /// `EC2092` if it cannot be told who is meant, if a condition is missing without which everybody of the provider
    /// could come in, or if a flag does not fit.
    pub fn trust(&self, partition: &str, account: &str) -> Result<Trust, Failure> {
        let who = self.who.as_str();
        let arn = match who.split_once('/') {
            _ if who.starts_with("arn:") => who.to_owned(),
            Some(("saml", name)) => format!("arn:{partition}:iam::{account}:saml-provider/{name}"),
            Some(("oidc", issuer)) => {
                let issuer = issuer.strip_prefix("https://").unwrap_or(issuer).trim_end_matches('/');
                format!("arn:{partition}:iam::{account}:oidc-provider/{issuer}")
            }
            Some(("user" | "role", _)) => format!("arn:{partition}:iam::{account}:{who}"),
            _ => return Err(refused(who, "it is not said what it is").hint(FORMS)),
        };
        let kind = Family::of(&arn)
            .ok_or_else(|| refused(who, "it is neither an identity provider of IAM nor a user or role").hint(FORMS))?;
        let kind = match kind {
            Family::Saml => With::Saml,
            Family::Iam => With::Iam { mfa: self.mfa },
            Family::Oidc => With::Oidc {
                audience: self.audience.clone().unwrap_or_else(|| AUDIENCE.to_owned()),
                subject: self.subject.clone().filter(|subject| !subject.trim_matches('*').is_empty()).ok_or_else(
                    || {
                        refused(who, "without a subject, everybody with a token of the provider could use the role")
                            .hint("--subject, such as repo:ORG/REPO:ref:refs/heads/main")
                    },
                )?,
            },
        };
        let misfits = [
            (self.mfa && !matches!(kind, With::Iam { .. }), "--require-mfa", "is for users of IAM"),
            (self.subject.is_some() && !matches!(kind, With::Oidc { .. }), "--subject", "is for OpenID Connect"),
            (self.audience.is_some() && !matches!(kind, With::Oidc { .. }), "--audience", "is for OpenID Connect"),
        ];
        if let Some((_, flag, why)) = misfits.into_iter().find(|(is_misfit, ..)| *is_misfit) {
            return Err(refused(who, &format!("{flag} {why}")).hint(format!("leave {flag} away")));
        }
        Ok(Trust { arn, kind })
    }
}

const FORMS: &str = "saml/NAME, oidc/ISSUER, user/NAME, role/NAME, or the ARN of one of them";

/// Who an ARN is about, as far as trust policies differ.
enum Family {
    Saml,
    Oidc,
    Iam,
}

impl Family {
    fn of(arn: &str) -> Option<Self> {
        let parts: Vec<&str> = arn.splitn(6, ':').collect();
        let &["arn", _, "iam", "", account, resource] = parts.as_slice() else { return None };
        let (kind, name) = resource.split_once('/')?;
        let is_plain = |byte: u8| byte.is_ascii_alphanumeric() || b"_+=,.@-/".contains(&byte);
        if !ec_shared::flags::is_account(account) || name.is_empty() || !name.bytes().all(is_plain) {
            return None;
        }
        match kind {
            "saml-provider" => Some(Self::Saml),
            "oidc-provider" if name.contains('.') => Some(Self::Oidc),
            // The same rules for names as elsewhere: a session of Identity Center is no one to be trusted by name.
            "user" | "role" => Principal::parse(arn).is_ok().then_some(Self::Iam),
            _ => None,
        }
    }
}

impl Trust {
    /// The ARN of the provider, user or role.
    pub fn arn(&self) -> &str {
        &self.arn
    }

    /// The user or role that is trusted; `None` for an identity provider.
    pub fn principal(&self) -> Option<Principal> {
        matches!(self.kind, With::Iam { .. }).then(|| Principal::parse(&self.arn).ok()).flatten()
    }

    /// The same with the ARN as IAM tells it: a name alone does not say the path.
    #[must_use]
    pub fn with_arn(self, arn: String) -> Self {
        Self { arn, ..self }
    }

    /// The trust policy.
    pub fn policy(&self) -> Value {
        let arn = &self.arn;
        let (who, action, condition) = match &self.kind {
            With::Saml => (
                json!({"Federated": arn}),
                "sts:AssumeRoleWithSAML",
                Some(json!({"StringEquals": {"SAML:aud": sign_in(arn)}})),
            ),
            With::Oidc { audience, subject } => {
                let issuer = arn.split_once(":oidc-provider/").map_or("", |(_, issuer)| issuer);
                let (audience, subject) =
                    ((format!("{issuer}:aud"), json!(audience)), (format!("{issuer}:sub"), json!(subject)));
                let is_pattern = subject.1.as_str().is_some_and(|subject| subject.contains(['*', '?']));
                let condition = if is_pattern {
                    json!({"StringEquals": {audience.0: audience.1}, "StringLike": {subject.0: subject.1}})
                } else {
                    json!({"StringEquals": {audience.0: audience.1, subject.0: subject.1}})
                };
                (json!({"Federated": arn}), "sts:AssumeRoleWithWebIdentity", Some(condition))
            }
            With::Iam { mfa } => (
                json!({"AWS": arn}),
                "sts:AssumeRole",
                mfa.then(|| json!({"Bool": {"aws:MultiFactorAuthPresent": "true"}})),
            ),
        };
        let mut statement = json!({"Effect": "Allow", "Principal": who, "Action": action});
        if let Some(condition) = condition {
            statement["Condition"] = condition;
        }
        policy::document([statement])
    }

    /// The trust that a policy of ours states; `None` for any other.
    pub fn read(policy: &Value) -> Option<Self> {
        let statement = policy.get("Statement")?.get(0)?;
        let principal = statement.get("Principal")?;
        let arn = principal.get("Federated").or_else(|| principal.get("AWS"))?.as_str()?.to_owned();
        let condition = |suffix: &str| {
            let operators = statement.get("Condition")?.as_object()?.values();
            let mut keys = operators.filter_map(Value::as_object).flatten();
            keys.find(|(key, _)| key.ends_with(suffix)).and_then(|(_, value)| value.as_str()).map(str::to_owned)
        };
        let asked = Asked {
            who: arn,
            audience: condition(":aud").filter(|_| condition(":sub").is_some()),
            subject: condition(":sub"),
            mfa: condition("MultiFactorAuthPresent").is_some(),
        };
        let trust = asked.trust("", "").ok()?;
        policy::is_same(policy, &trust.policy()).then_some(trust)
    }
}

/// The audience of SAML assertions: the sign-in address of the partition.
fn sign_in(arn: &str) -> &'static str {
    match arn.split(':').nth(1) {
        Some("aws-cn") => "https://signin.amazonaws.cn/saml",
        Some("aws-us-gov") => "https://signin.amazonaws-us-gov.com/saml",
        _ => "https://signin.aws.amazon.com/saml",
    }
}

fn refused(who: &str, why: &str) -> Failure {
    let shown: String = who.chars().take(128).flat_map(char::escape_debug).collect();
    Failure::new(&codes::TRUST, format!("cannot make a trust policy for `{shown}`")).because(why)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn asked(who: &str) -> Asked {
        Asked { who: who.into(), ..Asked::default() }
    }

    fn of_github(subject: &str) -> Asked {
        Asked { subject: Some(subject.into()), ..asked("oidc/https://token.actions.githubusercontent.com") }
    }

    fn policy(asked: &Asked) -> Value {
        asked.trust("aws", "123456789012").unwrap().policy()["Statement"][0].clone()
    }

    #[test]
    fn people_of_a_saml_provider_come_in_through_the_sign_in_page() {
        let statement = policy(&asked("saml/Okta"));
        assert_eq!(statement["Principal"]["Federated"], "arn:aws:iam::123456789012:saml-provider/Okta");
        assert_eq!(statement["Action"], "sts:AssumeRoleWithSAML");
        assert_eq!(statement["Condition"], json!({"StringEquals": {"SAML:aud": "https://signin.aws.amazon.com/saml"}}));
        for (partition, audience) in
            [("aws-cn", "https://signin.amazonaws.cn/saml"), ("aws-us-gov", "https://signin.amazonaws-us-gov.com/saml")]
        {
            let policy = asked("saml/Okta").trust(partition, "123456789012").unwrap().policy();
            assert_eq!(policy["Statement"][0]["Condition"]["StringEquals"]["SAML:aud"], audience);
        }
    }

    #[test]
    fn a_web_identity_is_tied_to_its_audience_and_subject() {
        let statement = policy(&of_github("repo:org/app:ref:refs/heads/main"));
        assert_eq!(statement["Action"], "sts:AssumeRoleWithWebIdentity");
        assert_eq!(
            statement["Condition"],
            json!({"StringEquals": {
                "token.actions.githubusercontent.com:aud": "sts.amazonaws.com",
                "token.actions.githubusercontent.com:sub": "repo:org/app:ref:refs/heads/main",
            }})
        );
        let statement = policy(&of_github("repo:org/*"));
        assert_eq!(
            statement["Condition"]["StringLike"],
            json!({"token.actions.githubusercontent.com:sub": "repo:org/*"})
        );
    }

    #[test]
    fn a_user_may_have_to_sign_in_with_mfa() {
        let anna = asked("user/anna");
        assert_eq!(policy(&anna)["Condition"], Value::Null);
        assert_eq!(policy(&anna)["Principal"]["AWS"], "arn:aws:iam::123456789012:user/anna");
        let statement = policy(&Asked { mfa: true, ..anna });
        assert_eq!(statement["Condition"], json!({"Bool": {"aws:MultiFactorAuthPresent": "true"}}));
    }

    #[test]
    fn what_would_let_in_too_many_or_nobody_is_refused_with_what_to_say_instead() {
        let without_subject = asked("oidc/token.actions.githubusercontent.com");
        for (asked, hint) in [
            (asked("anna"), "saml/NAME"),
            (asked("saml/"), "saml/NAME"),
            (asked("group/devs"), "saml/NAME"),
            (asked("arn:aws:iam::123456789012:root"), "saml/NAME"),
            (asked("arn:aws:iam::*:user/anna"), "saml/NAME"),
            (asked("user/*"), "saml/NAME"),
            (asked("oidc/localhost"), "saml/NAME"),
            (without_subject, "--subject"),
            (of_github("*"), "--subject"),
            (Asked { mfa: true, ..asked("saml/Okta") }, "leave --require-mfa"),
            (Asked { subject: Some("x".into()), ..asked("user/anna") }, "leave --subject"),
            (Asked { audience: Some("x".into()), ..asked("saml/Okta") }, "leave --audience"),
        ] {
            let failure = asked.trust("aws", "123456789012").unwrap_err();
            assert_eq!(failure.code().id, "EC2092", "{asked:?}");
            assert!(failure.hint_text().unwrap().contains(hint), "{asked:?}: {failure:?}");
        }
    }

    #[test]
    fn a_policy_of_ours_is_read_back_and_no_other() {
        for asked in [
            asked("saml/Okta"),
            asked("user/anna"),
            Asked { mfa: true, ..asked("role/ops") },
            of_github("repo:org/*"),
            Asked { audience: Some("other".into()), ..of_github("repo:org/app:x") },
        ] {
            let trust = asked.trust("aws", "123456789012").unwrap();
            assert_eq!(Trust::read(&trust.policy()), Some(trust));
        }
        let mut edited = asked("user/anna").trust("aws", "123456789012").unwrap().policy();
        edited["Statement"][0]["Principal"] = json!({"AWS": "*"});
        assert_eq!(Trust::read(&edited), None);
        assert_eq!(Trust::read(&json!({})), None);
    }
}
