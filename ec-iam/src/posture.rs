//! What `check` says of an account: its posture.
//!
//! Who calls and with what, the root user, long-term keys, MFA, IAM Identity Center, and where people sign in. What one
//! may not ask, or what was not saved, leaves that one check unknown, and names the action or the command that would
//! tell; it never ends the run.

mod address;
mod center;
mod credentials;
#[cfg(test)]
mod fake;
mod files;
mod root;
pub mod source;
mod text;
mod users;

use std::time::SystemTime;

use ec_shared::document::{Finding, Section, Severity, Status};
use ec_shared::{Exit, Failure};
use jiff::Timestamp;

use crate::checks::{Checks, Topic};
use crate::cloud::Identity;
use crate::codes;
use crate::identity::{Caller, Kind};
use crate::whoami;
use center::{Account, Center};
pub(crate) use files::Files;
use root::Root;
pub(crate) use text::report;

pub use credentials::{CredentialReport, Credentials, Key};
pub use source::{Source, Who};

/// A fact, or why it is not to be had.
type Answer<T> = Result<T, Failure>;

/// The section of `check`: one row in `checks` for each check, and a finding where something is to be said.
pub fn check(source: &impl Source, now: SystemTime) -> Section {
    let now = Timestamp::try_from(now).unwrap_or_default();
    let who = source.who();
    // Without credentials, or without a way to AWS, no other call would get further.
    if let Err(failure) = &who
        && matches!(failure.exit(), Exit::Config | Exit::Temporary)
    {
        return Section::failed("check", failure);
    }
    let mut checks = Checks::of("ec-iam check");
    let mut section = caller(&who, &mut checks);
    let report = credentials::fetch(source);
    let account = account(&who, &report, source);
    let summary = source.summary();
    Root { partition: &account.partition, summary: &summary, report: &report }.check(now, &mut checks);
    users::check(&report, now, &mut checks);
    let center = center::check(source, &account, &mut checks);
    if let Some(id) = &account.id {
        section = section.fact("account", id).fact("partition", &account.partition);
    }
    if let Some(time) = report.ok().and_then(|report| report.generated) {
        section = section.fact("credential_report_at", time.to_string());
    }
    checks.into_section(addresses(section, source, &account, &center))
}

/// The facts of `whoami`, and the check of the caller.
fn caller(who: &Answer<Who>, checks: &mut Checks) -> Section {
    let section = Section::new("check", Status::Ok);
    match who {
        Ok(Who::Present(identity)) => {
            let told = whoami::section(identity);
            match told.findings.into_iter().next() {
                Some(finding) => checks.no(Topic::Caller, described(identity), finding),
                None => checks.yes(Topic::Caller, described(identity)),
            }
            Section { facts: told.facts, ..section }
        }
        Ok(Who::Saved(arn)) => {
            let caller = Caller::of(arn);
            match saved_caller(arn, &caller) {
                Some(finding) => checks.no(Topic::Caller, kind(&caller), finding),
                None => checks.yes(Topic::Caller, kind(&caller)),
            }
            section.fact("arn", arn).fact("kind", caller.kind)
        }
        Err(failure) => {
            checks.unknown(Topic::Caller, &[failure]);
            section
        }
    }
}

/// What an ARN alone tells: an IAM user may have made its credentials temporary, so this is about the user.
fn saved_caller(arn: &str, caller: &Caller) -> Option<Finding> {
    let finding = match caller.kind {
        Kind::Root => Finding::new(&codes::ROOT_USER, Severity::Error, "the caller was the root user")
            .fix("work as a user of IAM Identity Center or under a role, and delete the root user's access keys"),
        Kind::IamUser => Finding::new(
            &codes::LONG_TERM_KEY,
            Severity::Warning,
            "the caller was an IAM user, whose access keys never end by themselves",
        )
        .fix("use temporary credentials: aws login, aws configure sso, or a role on machines of AWS"),
        _ => return None,
    };
    Some(finding.evidence("arn", arn))
}

fn described(identity: &Identity) -> String {
    let length = if identity.is_temporary { "temporary" } else { "long-term" };
    let end = identity.expires_at.map(ec_shared::token::rfc3339);
    let end = end.map(|end| format!(" until {end}")).unwrap_or_default();
    format!("{}, {length} credentials{end}", kind(&Caller::of(&identity.arn)))
}

/// `IAM user anna`, `anna@example.com through IAM Identity Center`.
fn kind(caller: &Caller) -> String {
    let session = caller.session.as_deref().unwrap_or_default();
    let principal = caller.principal.as_deref().unwrap_or_default();
    match caller.kind {
        Kind::Root => "the root user".to_owned(),
        Kind::IamUser => format!("IAM user {}", principal.trim_start_matches("user/")),
        Kind::IdentityCenter => format!("{session} through IAM Identity Center"),
        Kind::Ec2Instance => format!("EC2 instance {session} under {principal}"),
        Kind::RoleSession => format!("session {session} of {principal}"),
        Kind::FederatedUser => format!("federated user {session}"),
        Kind::Unknown => "of a kind that is not known here".to_owned(),
    }
}

/// Which account it is: any ARN of it tells.
fn account(who: &Answer<Who>, report: &Answer<CredentialReport>, source: &impl Source) -> Account {
    let arn = match who {
        Ok(Who::Present(identity)) => Some(identity.arn.clone()),
        Ok(Who::Saved(arn)) => Some(arn.clone()),
        Err(_) => None,
    };
    let is_caller_of_center = arn.as_ref().is_some_and(|arn| Caller::of(arn).kind == Kind::IdentityCenter);
    let in_report = || report.as_ref().ok()?.users.first().map(|row| row.arn.clone());
    let arn = arn.or_else(in_report).or_else(|| source.any_arn()).unwrap_or_default();
    let parts: Vec<&str> = arn.splitn(6, ':').collect();
    let part = |index: usize| parts.get(index).copied().filter(|part| !part.is_empty());
    Account {
        partition: part(1).unwrap_or("aws").to_owned(),
        id: part(4).map(str::to_owned),
        region: source.center_region(),
        is_caller_of_center,
    }
}

/// Where people sign in, and what `aws configure sso` asks.
fn addresses(mut section: Section, source: &impl Source, account: &Account, center: &Center) -> Section {
    // Without the alias the account's id does as well, so a missing permission costs nothing.
    let name = source.alias().ok().flatten().or_else(|| account.id.clone());
    if let Some(url) = name.and_then(|name| address::sign_in(&account.partition, &name)) {
        section = section.fact("sign_in_url", url);
    }
    let Some(instance) = &center.instance else { return section };
    let portal = instance.identity_store.as_ref().and_then(|store| address::portal(&account.partition, store));
    let Some(portal) = portal else { return section };
    section = section.fact("portal_url", &portal);
    let Some(region) = instance.region.as_ref().or(account.region.as_ref()) else { return section };
    let lines = address::configuration(&portal, region, account.id.as_deref(), center.administrator.as_deref());
    let lines: serde_json::Map<String, serde_json::Value> =
        lines.into_iter().map(|(name, value)| (name.to_owned(), value.into())).collect();
    section.fact("configure_sso", lines)
}

/// Whole days from one time to a later one; none where the clocks disagree.
fn days_between(from: Timestamp, to: Timestamp) -> i64 {
    const SECONDS: i64 = 24 * 60 * 60;
    ((to.as_second() - from.as_second()) / SECONDS).max(0)
}

#[cfg(test)]
mod tests;
