//! What a stage says of its work: its section in the document.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use crate::codes::Code;
use crate::exit::Exit;
use crate::failure::Failure;

/// The section of one tool.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Section {
    /// The verb that wrote the section.
    pub command: String,
    /// How it ended.
    pub status: Status,
    /// Why the work was skipped, or what is missing for an answer.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
    /// What was found wrong, or worth knowing.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub findings: Vec<Finding>,
    /// What is to be changed, or was.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub changes: Vec<Change>,
    /// What could not be done, in the form of stderr's `--error-format json`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub error: Option<Value>,
    /// True where a signal came before all was done: the changes that stand as `planned` were not begun.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub interrupted: Option<bool>,
    /// The facts that only this tool writes.
    #[serde(flatten)]
    pub facts: Map<String, Value>,
    /// The exit code where the status alone does not say it. Not part of the document.
    #[serde(skip)]
    #[schemars(skip)]
    pub exit: Option<Exit>,
    /// What failed, while it is this run's own failure. Not part of the document; `error` is.
    #[serde(skip)]
    #[schemars(skip)]
    pub failure: Option<Failure>,
}

/// How a stage ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Status {
    /// Asked; the answer is yes.
    Ok,
    /// Asked; the answer is no.
    No,
    /// Asked; could not be determined. `reason` names what is missing.
    Unknown,
    /// Changes are planned and not done.
    Planned,
    /// Changes were done.
    Changed,
    /// Nothing was to be done.
    Unchanged,
    /// Does not apply here; `reason` says why.
    Skipped,
    /// Could not be done; `error` says why.
    Error,
}

impl Status {
    /// Whether this status makes the document's `ok` false.
    pub fn is_no(self) -> bool {
        matches!(self, Self::No | Self::Unknown | Self::Error)
    }

    /// The word in the document.
    pub fn word(self) -> &'static str {
        match self {
            Self::Ok => "ok",
            Self::No => "no",
            Self::Unknown => "unknown",
            Self::Planned => "planned",
            Self::Changed => "changed",
            Self::Unchanged => "unchanged",
            Self::Skipped => "skipped",
            Self::Error => "error",
        }
    }
}

/// Something found wrong, or worth knowing.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Finding {
    /// `EC1004`; `explain` tells more.
    pub code: String,
    /// How much it matters.
    pub severity: Severity,
    /// One sentence in lower case.
    pub summary: String,
    /// The very facts that decide.
    #[serde(default, skip_serializing_if = "Map::is_empty")]
    pub evidence: Map<String, Value>,
    /// What to run or to do.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub fix: Option<String>,
    /// AWS's word for it, where AWS has one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub aws_code: Option<String>,
}

/// How much a finding matters.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Severity {
    /// It does not work because of this.
    Error,
    /// It works, but not as well or as safely as it should.
    Warning,
    /// Worth knowing.
    Info,
}

/// One change, planned or done.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Change {
    /// `create`, `delete`, `attach`, `detach`, `install`, `remove` …
    pub action: String,
    /// What is changed; together with `id` its identity.
    pub resource: String,
    /// The identifier that undoes it: a rule id, a policy ARN, a path.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub id: Option<String>,
    /// How it was.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub before: Option<Value>,
    /// How it is to be.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub after: Option<Value>,
    /// Why.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
    /// Who has to do it, where it is not for this tool.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub by: Option<String>,
    /// The command that does it, where it is not for this tool.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub run: Option<String>,
    /// How far it got.
    pub state: ChangeState,
}

/// How far a change got.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum ChangeState {
    /// Not done yet.
    Planned,
    /// Done, and seen to be done.
    Done,
    /// It was as wanted already.
    Unchanged,
    /// It could not be done.
    Failed,
    /// It may have been done: the answer got lost.
    Unknown,
}

impl Section {
    /// A section with nothing but its verb and status.
    pub fn new(command: &str, status: Status) -> Self {
        Self {
            command: command.to_owned(),
            status,
            reason: None,
            findings: Vec::new(),
            changes: Vec::new(),
            error: None,
            interrupted: None,
            facts: Map::new(),
            exit: None,
            failure: None,
        }
    }

    /// A section of work that does not apply here.
    pub fn skipped(command: &str, reason: impl Into<String>) -> Self {
        Self { reason: Some(reason.into()), ..Self::new(command, Status::Skipped) }
    }

    /// A section of work that could not be done.
    pub fn failed(command: &str, failure: &Failure) -> Self {
        let mut section = Self::new(command, Status::Error);
        section.blame(failure);
        section
    }

    /// A section of a question that could not be answered, because `missing` could not be had.
    pub fn unknown(command: &str, missing: &Failure) -> Self {
        let mut section = Self::new(command, Status::Unknown);
        section.reason = Some(missing.to_string());
        section.blame(missing);
        section
    }

    /// Puts a failure in; the exit code becomes the failure's, or `Partial` where some changes were done. Where the
    /// failure is that a signal came, the section says so, and the exit code is the signal's, whatever was done.
    pub fn blame(&mut self, failure: &Failure) {
        let is_signal = failure.exit().is_signal();
        let done = self.changes.iter().any(|change| change.state == ChangeState::Done);
        self.exit = Some(if done && !is_signal { Exit::Partial } else { failure.exit() });
        self.interrupted = is_signal.then_some(true);
        self.error = serde_json::to_value(failure).ok();
        self.failure = Some(failure.clone());
    }

    /// Adds a fact of this tool's own. A value that JSON cannot hold is left out.
    #[must_use]
    pub fn fact(mut self, name: &str, value: impl Serialize) -> Self {
        if let Ok(value) = serde_json::to_value(value) {
            self.facts.insert(name.to_owned(), value);
        }
        self
    }

    /// The exit code that this section asks for.
    pub fn exit(&self) -> Exit {
        self.exit.unwrap_or(match self.status {
            Status::No | Status::Unknown => Exit::No,
            Status::Error => self
                .error
                .as_ref()
                .and_then(|error| error["exit"].as_u64())
                .and_then(Exit::of_number)
                // The signal that ended an earlier run has not ended this one, and running again may help.
                .map_or(Exit::Refused, |exit| if exit.is_signal() { Exit::Temporary } else { exit }),
            _ => Exit::Ok,
        })
    }

    /// Whether something was changed, or may have been, that `before` does not tell: a record that nobody else has.
    pub(crate) fn has_news_since(&self, before: Option<&Self>) -> bool {
        let is_known = |change: &Change| before.is_some_and(|before| before.changes.contains(change));
        self.changes
            .iter()
            .filter(|change| matches!(change.state, ChangeState::Done | ChangeState::Unknown))
            .any(|change| !is_known(change))
    }

    /// Puts the changes that `before` has done in front, so that no later verb loses them.
    pub(crate) fn keep_done_changes_of(&mut self, before: Self) {
        let mut changes: Vec<Change> = before
            .changes
            .into_iter()
            .filter(|change| change.state == ChangeState::Done && !self.changes.contains(change))
            .collect();
        changes.append(&mut self.changes);
        self.changes = changes;
    }

    /// One line about the section: the status, and what it comes down to.
    pub fn summary(&self) -> String {
        let detail = match self.status {
            Status::Changed | Status::Planned => {
                let state = if self.status == Status::Changed { ChangeState::Done } else { ChangeState::Planned };
                let count = self.changes.iter().filter(|change| change.state == state).count();
                Some(format!("{count} change{}", if count == 1 { "" } else { "s" }))
            }
            Status::Skipped | Status::Unknown => self.reason.clone(),
            Status::Error => match (&self.failure, &self.error) {
                (Some(failure), _) => Some(format!("{failure} ({})", failure.code().id)),
                (None, Some(error)) => {
                    error["message"].as_str().zip(error["code"].as_str()).map(|(m, c)| format!("{m} ({c})"))
                }
                (None, None) => None,
            },
            _ => self.findings.first().map(|finding| format!("{} ({})", finding.summary, finding.code)),
        };
        match detail {
            Some(detail) => format!("{}: {detail}", self.status.word()),
            None => self.status.word().to_owned(),
        }
    }
}

impl Finding {
    /// A finding with its code, weight and sentence.
    pub fn new(code: &'static Code, severity: Severity, summary: impl Into<String>) -> Self {
        Self {
            code: code.id.to_owned(),
            severity,
            summary: summary.into(),
            evidence: Map::new(),
            fix: None,
            aws_code: None,
        }
    }

    /// Adds a fact that decides. A value that JSON cannot hold is left out.
    #[must_use]
    pub fn evidence(mut self, name: &str, value: impl Serialize) -> Self {
        if let Ok(value) = serde_json::to_value(value) {
            self.evidence.insert(name.to_owned(), value);
        }
        self
    }

    /// Says what to run or to do.
    #[must_use]
    pub fn fix(mut self, fix: impl Into<String>) -> Self {
        self.fix = Some(fix.into());
        self
    }

    /// Adds AWS's word for it.
    #[must_use]
    pub fn aws_code(mut self, word: &str) -> Self {
        self.aws_code = Some(word.to_owned());
        self
    }
}

impl Change {
    /// A change with its action, object and state.
    pub fn new(action: &str, resource: impl Into<String>, state: ChangeState) -> Self {
        Self {
            action: action.to_owned(),
            resource: resource.into(),
            id: None,
            before: None,
            after: None,
            reason: None,
            by: None,
            run: None,
            state,
        }
    }

    /// Adds the identifier that undoes it.
    #[must_use]
    pub fn id(mut self, id: impl Into<String>) -> Self {
        self.id = Some(id.into());
        self
    }

    /// Says how it is to be. A value that JSON cannot hold is left out.
    #[must_use]
    pub fn after(mut self, after: impl Serialize) -> Self {
        self.after = serde_json::to_value(after).ok();
        self
    }

    /// Says how it was. A value that JSON cannot hold is left out.
    #[must_use]
    pub fn before(mut self, before: impl Serialize) -> Self {
        self.before = serde_json::to_value(before).ok();
        self
    }

    /// Says why.
    #[must_use]
    pub fn reason(mut self, reason: impl Into<String>) -> Self {
        self.reason = Some(reason.into());
        self
    }
}

/// The done changes that no later done change has undone, newest first: what `revoke` has to take back.
///
/// `delete`, `detach` and `remove` undo `create`, `attach` and `install` of the same resource and id.
pub fn standing(changes: &[Change]) -> Vec<&Change> {
    let mut standing: Vec<&Change> = Vec::new();
    for change in changes.iter().filter(|change| change.state == ChangeState::Done) {
        let undoes = match change.action.as_str() {
            "delete" => Some("create"),
            "detach" => Some("attach"),
            "remove" => Some("install"),
            _ => None,
        };
        match undoes {
            Some(action) => standing
                .retain(|done| done.action != action || done.resource != change.resource || done.id != change.id),
            None => standing.push(change),
        }
    }
    standing.reverse();
    standing
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_undone_does_not_stand_and_the_newest_comes_first() {
        let done = |action, resource, id| Change::new(action, resource, ChangeState::Done).id(id);
        let changes = [
            done("create", "rule", "sgr-1"),
            done("create", "rule", "sgr-2"),
            done("delete", "rule", "sgr-1"),
            done("create", "rule", "sgr-3"),
            Change::new("create", "rule", ChangeState::Planned),
        ];
        let ids: Vec<_> = standing(&changes).iter().map(|change| change.id.as_deref().unwrap()).collect();
        assert_eq!(ids, ["sgr-3", "sgr-2"]);
    }

    #[test]
    fn a_failure_after_a_done_change_is_partial() {
        let failure = Failure::new(&crate::codes::THROTTLED, "cannot add a rule");
        assert_eq!(Section::failed("apply", &failure).exit(), Exit::Temporary);
        let mut section = Section::new("apply", Status::Error);
        section.changes.push(Change::new("create", "rule", ChangeState::Done));
        section.blame(&failure);
        assert_eq!(section.exit(), Exit::Partial);
    }

    #[test]
    fn a_signal_after_a_done_change_is_told_as_a_signal_and_only_by_the_run_that_it_ended() {
        let failure = Failure::new(&crate::codes::INTERRUPTED, "cannot go on").exiting(Exit::Terminated);
        let mut section = Section::new("apply", Status::Error);
        section.changes.push(Change::new("create", "rule", ChangeState::Done));
        section.blame(&failure);
        assert_eq!((section.exit(), section.interrupted), (Exit::Terminated, Some(true)));
        let json = serde_json::to_value(&section).unwrap();
        assert_eq!((&json["interrupted"], &json["error"]["exit"]), (&true.into(), &143.into()));
        assert_eq!(serde_json::from_value::<Section>(json).unwrap().exit(), Exit::Temporary);
    }

    #[test]
    fn a_change_is_news_until_the_document_tells_it() {
        let mut section = Section::new("apply", Status::Changed);
        section.changes.push(Change::new("create", "rule", ChangeState::Planned));
        assert!(!section.has_news_since(None));
        section.changes.push(Change::new("create", "rule", ChangeState::Done).id("sgr-1"));
        assert!(section.has_news_since(None));
        assert!(section.has_news_since(Some(&Section::new("apply", Status::Planned))));
        assert!(!section.has_news_since(Some(&section)));
    }
}
