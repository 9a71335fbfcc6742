//! What the stages before have found out about this connection, and what a failure means in its light.
//!
//! The network gives one answer to many faults: silence, or `WRONGPASS`. The sections `sg` and `iam` of the document hold
//! what AWS says about the same connection, so the probe can name the one thing that is wrong; or say that none of what
//! they looked at is, and what is left then. Codes and names are the interface between the tools; a section that is not
//! about the cache, the client and the user of the document as it is now is not used.

mod iam;
mod sg;

use std::net::IpAddr;

use ec_shared::Code;
use ec_shared::document::{Cache, Client, Document, Finding, Section};
use ec_shared::ran_on::RanOn;
use serde_json::{Value, json};

use crate::endpoint::Endpoint;

/// What is known from before.
#[derive(Clone, Debug, Default)]
pub struct Upstream {
    path: Option<sg::Path>,
    access: Option<iam::Access>,
}

/// Why a stage failed, as far as the document knows.
#[derive(Clone, Debug, PartialEq)]
pub struct Cause {
    /// What kind of cause it is.
    pub code: &'static Code,
    /// One sentence: what failed, and why.
    pub summary: String,
    /// The findings that say so, each with its code and summary.
    pub because: Vec<Value>,
    /// What can be the cause, where nothing is known to be.
    pub left: Vec<String>,
    /// What to run or to do.
    pub fix: String,
}

/// A dial that nobody answered.
#[derive(Clone, Copy, Debug)]
pub struct Silence<'a> {
    /// What was dialled.
    pub dialled: &'a Endpoint,
    /// The addresses that did not answer.
    pub addresses: &'a [IpAddr],
    /// Who dialled.
    pub machine: &'a RanOn,
}

impl Upstream {
    /// Reads what the document's sections say of its cache and its client. What cannot be read says nothing.
    pub fn read(document: &Document, cache: Option<&Cache>, client: Option<&Client>) -> Self {
        let section = |key| document.read::<Section>(key).ok().flatten();
        let Some(cache) = cache else { return Self::default() };
        Self {
            path: client.and_then(|client| sg::Path::of(&section("sg")?, cache, client)),
            access: section("iam").and_then(|section| iam::Access::of(&section, cache)),
        }
    }

    /// Why nobody answered; `None` where the document does not know better than the network.
    pub fn silence(&self, silence: &Silence<'_>) -> Option<Cause> {
        self.path.as_ref()?.explain(silence)
    }

    /// Why the token of a user was refused; `None` where the document does not know better than the server.
    pub fn refusal(&self, user: &str) -> Option<Cause> {
        self.access.as_ref()?.explain(user)
    }
}

/// The cause that stands in findings of another tool: the first is told, all of them are evidence.
fn found(code: &'static Code, symptom: &str, findings: &[&Finding]) -> Option<Cause> {
    let first = findings.first()?;
    let more = match findings.len() - 1 {
        0 => String::new(),
        more => format!(", and {more} more"),
    };
    let mut fixes: Vec<&str> = Vec::new();
    for fix in findings.iter().filter_map(|finding| finding.fix.as_deref()) {
        if !fixes.contains(&fix) {
            fixes.push(fix);
        }
    }
    Some(Cause {
        code,
        summary: format!("{symptom}: {} ({}{more})", first.summary, first.code),
        because: findings.iter().map(|finding| told(finding)).collect(),
        left: Vec::new(),
        fix: if fixes.is_empty() { code.fix.to_owned() } else { fixes.join("; ") },
    })
}

/// The cause where nothing that was looked at is one.
fn left(code: &'static Code, summary: String, left: Vec<String>) -> Cause {
    let fix = format!("look at what is left: {}", left.join("; "));
    Cause { code, summary, because: Vec::new(), left, fix }
}

fn told(finding: &Finding) -> Value {
    json!({"code": finding.code, "summary": finding.summary})
}

/// The texts of an array in a finding's evidence.
fn texts<'a>(finding: &'a Finding, name: &str) -> Option<Vec<&'a str>> {
    Some(finding.evidence.get(name)?.as_array()?.iter().filter_map(Value::as_str).collect())
}
