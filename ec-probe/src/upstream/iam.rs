//! What ec-iam has found out about log-ins with IAM, and what it makes of a token that the server refuses.
//!
//! Source: "Authenticating with IAM" in the ElastiCache User Guide, with the condition keys that count for a connection,
//! <https://docs.aws.amazon.com/AmazonElastiCache/latest/dg/auth-iam.html>.

use ec_shared::document::{Cache, ChangeState, Deployment, Finding, Section};
use serde::Deserialize;
use serde_json::Value;

use super::{Cause, found, left, texts};
use crate::codes;

/// The findings of ec-iam that keep a user from logging in, whoever signs the token; that the principal may not connect
/// comes last, because it counts only if that principal has signed.
const KEEP_OUT: [&str; 8] = ["EC2005", "EC2098", "EC2008", "EC2101", "EC2087", "EC2009", "EC2102", "EC2103"];
/// The rows of `check` that together say that the log-in works.
const WELL: [&str; 4] = ["iam_login", "cache_user", "user_group", "connect"];
/// What no log-in waits for.
const SERVICE_LINKED_ROLE: &str = "service-linked role";

/// Who may log in to the cache as whom.
#[derive(Clone, Debug)]
pub(super) struct Access {
    command: String,
    user: Option<String>,
    principal: Option<String>,
    rows: Vec<Row>,
    findings: Vec<Finding>,
    /// How many changes were made for the log-in, and how many are planned, or have failed.
    made: usize,
    unmade: usize,
    serverless: Option<bool>,
}

/// A row of `check`, as far as it matters here.
#[derive(Clone, Debug, Deserialize)]
struct Row {
    check: String,
    verdict: String,
}

impl Access {
    /// What a section says; `None` where it is about something else than connections to this cache.
    pub(super) fn of(section: &Section, cache: &Cache) -> Option<Self> {
        let fact = |name: &str| section.facts.get(name).and_then(Value::as_str).map(str::to_owned);
        let rows = section.facts.get("checks").cloned().unwrap_or_else(|| Value::Array(Vec::new()));
        let is_of_connections =
            matches!(section.command.as_str(), "check" | "plan" | "apply") && !section.facts.contains_key("policy");
        if !is_of_connections || !is_about(section, cache) {
            return None;
        }
        let of_log_in = section.changes.iter().filter(|change| !change.resource.starts_with(SERVICE_LINKED_ROLE));
        let states: Vec<ChangeState> = of_log_in.map(|change| change.state).collect();
        let is_made = |state: &&ChangeState| **state == ChangeState::Done;
        let is_unmade =
            |state: &&ChangeState| matches!(state, ChangeState::Planned | ChangeState::Failed | ChangeState::Unknown);
        Some(Self {
            user: fact("user"),
            principal: fact("principal"),
            rows: serde_json::from_value(rows).ok()?,
            findings: section.findings.clone(),
            made: states.iter().filter(is_made).count(),
            unmade: states.iter().filter(is_unmade).count(),
            serverless: cache.deployment.map(|deployment| deployment == Deployment::Serverless),
            command: section.command.clone(),
        })
    }

    /// Why the token of `user` was refused; `None` where this is about another user, or does not tell.
    pub(super) fn explain(&self, user: &str) -> Option<Cause> {
        if self.user.as_deref().is_some_and(|known| !known.eq_ignore_ascii_case(user)) {
            return None;
        }
        let symptom = format!("the server refused the user {user}");
        let mut reasons: Vec<&Finding> = self.findings.iter().filter(|finding| keeps_out(finding, user)).collect();
        reasons.sort_by_key(|finding| KEEP_OUT.iter().position(|code| finding.code == *code));
        if !reasons.is_empty() {
            let mut cause = found(&codes::REFUSED_AS_FOUND, &symptom, &reasons)?;
            let groups = reasons.iter().find_map(|finding| texts(finding, "cache_user_groups"));
            if let Some(groups) = groups.filter(|groups| !groups.is_empty()) {
                cause.summary = format!("{}; the cache's user group is {}", cause.summary, groups.join(", "));
            }
            return Some(cause);
        }
        if self.unmade > 0 {
            let s = if self.unmade == 1 { "" } else { "s" };
            let summary = format!("{symptom}, and ec-iam {} tells of {} change{s} not made", self.command, self.unmade);
            let fix = codes::REFUSED_BEFORE_APPLY.fix.to_owned();
            return Some(Cause { code: &codes::REFUSED_BEFORE_APPLY, summary, because: vec![], left: vec![], fix });
        }
        if let Some(finding) = self.findings.iter().find(|finding| leaves_open(finding)) {
            let mut cause = found(&codes::WRONGPASS, &symptom, &[finding])?;
            cause.summary = format!("{symptom}, and {} ({})", finding.summary, finding.code);
            return Some(cause);
        }
        let principal = self.principal.as_deref().filter(|_| self.is_well())?;
        let summary = format!("{symptom}, although ec-iam {} finds nothing that keeps {principal} out", self.command);
        Some(left(&codes::REFUSED_THOUGH_ALLOWED, summary, self.what_is_left(principal)))
    }

    /// Whether all was looked at that this verb looks at, and found as it should be.
    fn is_well(&self) -> bool {
        if self.command != "check" {
            return self.user.is_some();
        }
        let is_yes = |name: &&str| self.rows.iter().any(|row| row.check == **name && row.verdict == "yes");
        WELL.iter().all(is_yes)
    }

    fn what_is_left(&self, principal: &str) -> Vec<String> {
        let mut left = Vec::new();
        if self.made > 0 {
            left.push("a change that has not spread yet: probe again in a minute".to_owned());
        }
        left.push(format!("other credentials than those of {principal}: aws sts get-caller-identity"));
        left.push("the clock of this machine: date -u; a token is good for 15 minutes".to_owned());
        if self.command != "check" {
            left.push(format!("a policy that denies it: ec-iam check --principal {principal} looks at all of them"));
        }
        left.push(match self.serverless {
            Some(false) => "a condition on where the connection comes from: aws:SourceIp".to_owned(),
            _ => "a condition on the cache's VPC endpoint: aws:SourceVpce, aws:SourceVpc, aws:VpcSourceIp".to_owned(),
        });
        left
    }
}

/// Whether the cache that the section names, wherever it names one, is this one.
fn is_about(section: &Section, cache: &Cache) -> bool {
    let is_cache = |arn: &str| arn.contains(":serverlesscache:") || arn.contains(":replicationgroup:");
    let names_this = |arn: &str| arn.rsplit(':').next().is_some_and(|name| name.eq_ignore_ascii_case(&cache.name));
    let groups = cache.auth.as_ref().map(|auth| auth.user_group_ids.as_slice()).unwrap_or_default();
    let mut arns: Vec<&str> = Vec::new();
    for finding in &section.findings {
        if texts(finding, "cache_user_groups").is_some_and(|known| known.iter().ne(groups.iter())) {
            return false;
        }
        arns.extend(texts(finding, "resources").unwrap_or_default());
    }
    for policy in section.changes.iter().filter_map(|change| change.after.as_ref()) {
        all_texts(policy, &mut arns);
    }
    arns.into_iter().filter(|arn| is_cache(arn)).all(names_this)
}

/// All texts of a value, at any depth.
fn all_texts<'a>(value: &'a Value, texts: &mut Vec<&'a str>) {
    match value {
        Value::String(text) => texts.push(text),
        Value::Array(values) => values.iter().for_each(|value| all_texts(value, texts)),
        Value::Object(members) => members.values().for_each(|value| all_texts(value, texts)),
        _ => {}
    }
}

/// Whether a finding says why this user cannot log in.
fn keeps_out(finding: &Finding, user: &str) -> bool {
    let is_theirs = finding.evidence.get("user").and_then(Value::as_str).is_none_or(|theirs| theirs == user);
    // Of an access string it matters here whether it leaves the user off; that it allows no command comes later.
    let is_off = finding.code != "EC2087" || finding.evidence.get("is_on") == Some(&Value::Bool(false));
    KEEP_OUT.contains(&finding.code.as_str()) && is_theirs && is_off
}

/// Whether a finding says that something is not known which a log-in hangs on.
fn leaves_open(finding: &Finding) -> bool {
    let check = finding.evidence.get("check").and_then(Value::as_str).unwrap_or_default();
    finding.code == "EC2010" || finding.code == "EC2050" && WELL.contains(&check)
}

#[cfg(test)]
mod tests;
