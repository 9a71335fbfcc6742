//! The list of checks: one row for each, and a finding where something is to be said.

mod text;

use ec_shared::document::{Finding, Section, Severity, Status};
use ec_shared::{Failure, codes as shared};
use serde::{Deserialize, Serialize};

use crate::codes;

pub(crate) use text::{rows, verdict};

/// What is checked, in the order of the report.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Topic {
    /// Who calls, and with what credentials.
    Caller,
    /// Whether the root user has MFA.
    RootMfa,
    /// Whether it has access keys.
    RootKeys,
    /// Whether it was used lately.
    RootUse,
    /// The access keys of IAM users, and how old they are.
    AccessKeys,
    /// Whether IAM users with a password have MFA.
    UserMfa,
    /// Whether IAM Identity Center is on.
    IdentityCenter,
    /// Whether somebody administers the account through it.
    Administrator,
    /// Whether ElastiCache's service-linked role is there.
    ServiceLinkedRole,
    /// Whether the cache can log anybody in with IAM.
    IamLogin,
    /// Whether the user of the cache is one that IAM logs in.
    CacheUser,
    /// Whether the user is in a user group of the cache.
    UserGroup,
    /// Whether the user may do what clients do.
    AccessString,
    /// Whether the principal may connect as that user.
    Connect,
}

impl Topic {
    /// What a person reads in front of the row.
    pub fn name(self) -> &'static str {
        match self {
            Self::Caller => "caller",
            Self::RootMfa => "root MFA",
            Self::RootKeys => "root access keys",
            Self::RootUse => "root use",
            Self::AccessKeys => "access keys",
            Self::UserMfa => "MFA of IAM users",
            Self::IdentityCenter => "Identity Center",
            Self::Administrator => "administrator",
            Self::ServiceLinkedRole => "service-linked role",
            Self::IamLogin => "IAM logins",
            Self::CacheUser => "user of the cache",
            Self::UserGroup => "user group",
            Self::AccessString => "access string",
            Self::Connect => "permission to connect",
        }
    }

    fn question(self) -> &'static str {
        match self {
            Self::Caller => "who calls",
            Self::RootMfa => "whether the root user has MFA",
            Self::RootKeys => "whether the root user has access keys",
            Self::RootUse => "when the root user was last used",
            Self::AccessKeys => "how old the access keys of IAM users are",
            Self::UserMfa => "whether the IAM users with a password have MFA",
            Self::IdentityCenter => "whether IAM Identity Center is on",
            Self::Administrator => "whether somebody administers the account through IAM Identity Center",
            Self::ServiceLinkedRole => "whether the service-linked role is there",
            Self::IamLogin => "whether the cache logs anybody in with IAM",
            Self::CacheUser => "whether the user logs in with IAM",
            Self::UserGroup => "whether the user is in a user group of the cache",
            Self::AccessString => "what the user may do",
            Self::Connect => "whether the principal may connect",
        }
    }
}

/// How a check ended. How bad a `no` is, the finding says.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Verdict {
    /// As it should be.
    Yes,
    /// Not as it should be.
    No,
    /// Not determined.
    Unknown,
    /// The account has no such thing.
    NotApplicable,
}

/// One row.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Check {
    /// What was checked.
    pub check: Topic,
    /// How it ended.
    pub verdict: Verdict,
    /// What was seen.
    pub detail: String,
    /// The code of the finding about it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub code: Option<String>,
}

/// The checks so far.
#[derive(Debug)]
pub(crate) struct Checks {
    /// What `ec-iam policy --for` calls them.
    purpose: &'static str,
    rows: Vec<Check>,
    findings: Vec<Finding>,
}

impl Checks {
    /// None yet; `purpose` is that of the policy that allows all of them.
    pub(crate) fn of(purpose: &'static str) -> Self {
        Self { purpose, rows: Vec::new(), findings: Vec::new() }
    }

    pub(crate) fn yes(&mut self, check: Topic, detail: impl Into<String>) {
        self.rows.push(Check { check, verdict: Verdict::Yes, detail: detail.into(), code: None });
    }

    pub(crate) fn not_applicable(&mut self, check: Topic, detail: impl Into<String>) {
        self.rows.push(Check { check, verdict: Verdict::NotApplicable, detail: detail.into(), code: None });
    }

    /// `detail` stands behind the name of the check, the finding's summary by itself.
    pub(crate) fn no(&mut self, check: Topic, detail: impl Into<String>, finding: Finding) {
        let code = Some(finding.code.clone());
        self.rows.push(Check { check, verdict: Verdict::No, detail: detail.into(), code });
        self.findings.push(finding);
    }

    /// Adds findings that stand for one check: the worst of them decides, and is told behind the name of the check.
    pub(crate) fn found(&mut self, check: Topic, detail: impl Into<String>, findings: Vec<Finding>) {
        let weight = |finding: &&Finding| match finding.severity {
            Severity::Error => 2,
            Severity::Warning => 1,
            Severity::Info => 0,
        };
        match findings.iter().max_by_key(weight) {
            Some(worst) if worst.severity != Severity::Info => {
                let (code, detail) = (Some(worst.code.clone()), worst.summary.clone());
                self.rows.push(Check { check, verdict: Verdict::No, detail, code });
            }
            _ => self.yes(check, detail),
        }
        self.findings.extend(findings);
    }

    /// Notes that every way to an answer has failed, or none of the answers tells. The finding is a warning: nothing was
    /// found wrong.
    pub(crate) fn unknown(&mut self, check: Topic, failures: &[&Failure]) {
        let mut reasons: Vec<String> = failures.iter().map(|failure| reason(failure)).collect();
        reasons.dedup();
        let detail = if reasons.is_empty() { "AWS does not tell".to_owned() } else { reasons.join("; ") };
        let summary = format!("it is not known {}: {detail}", check.question());
        let mut finding = Finding::new(&codes::NOT_DETERMINED, Severity::Warning, summary)
            .evidence("check", check)
            .evidence("errors", failures);
        finding.fix = self.fix(failures);
        finding.aws_code = failures.iter().find_map(|failure| failure.aws_code().map(str::to_owned));
        self.rows.push(Check { check, verdict: Verdict::Unknown, detail, code: Some(finding.code.clone()) });
        self.findings.push(finding);
    }

    /// Any of the ways would do. To allow an action is the one that surely helps; hints are for what no action opens.
    pub(crate) fn fix(&self, failures: &[&Failure]) -> Option<String> {
        let actions: Vec<String> = failures.iter().filter_map(|failure| denied(failure)).collect();
        if !actions.is_empty() {
            let actions = actions.join(" or ");
            return Some(format!(
                "allow {actions}; ec-iam policy --for '{}' prints a policy with all there is",
                self.purpose
            ));
        }
        let mut hints: Vec<&str> = failures.iter().filter_map(|failure| failure.hint_text()).collect();
        hints.dedup();
        (!hints.is_empty()).then(|| hints.join("; or "))
    }

    /// Puts rows, findings and status into a section. Only errors make it `no`: warnings are advice to heed, and an
    /// account that nobody may look into is not called safe.
    pub(crate) fn into_section(self, section: Section) -> Section {
        let is_wrong = self.findings.iter().any(|finding| finding.severity == Severity::Error);
        let unknown: Vec<&str> =
            self.rows.iter().filter(|row| row.verdict == Verdict::Unknown).map(|row| row.check.name()).collect();
        let status = match (is_wrong, unknown.is_empty()) {
            (true, _) => Status::No,
            (false, false) => Status::Unknown,
            (false, true) => Status::Ok,
        };
        let reason = (!unknown.is_empty()).then(|| format!("not determined: {}", unknown.join(", ")));
        let mut section = Section { status, reason, ..section.fact("checks", &self.rows) };
        section.findings.extend(self.findings);
        section
    }
}

/// Why something is not known: what AWS denied, or what went wrong.
pub(crate) fn reason(failure: &Failure) -> String {
    match denied(failure) {
        Some(action) => format!("AWS denied {action}"),
        None => failure.to_string(),
    }
}

/// The action that was denied, if that is the failure.
fn denied(failure: &Failure) -> Option<String> {
    failure.aws_action().filter(|_| *failure.code() == shared::ACCESS_DENIED)
}
