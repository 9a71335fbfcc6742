//! Takes back what the document says was done, and nothing else.

use std::time::Duration;

use ec_shared::document::section::standing;
use ec_shared::document::{Change, ChangeState, Finding, Section, Severity, Status};
use ec_shared::{Failure, Interrupt};
use serde_json::Value;

use crate::apply::{may_be_done, not_visible, settled};
use crate::cloud::{Cloud, Deletion};
use crate::codes;
use crate::plan::{Grant, SERVICE_LINKED_ROLE};
use crate::policy;
use crate::principal::Principal;

/// One thing to take back.
#[derive(Clone, Debug, PartialEq)]
pub struct Undo {
    /// The change that takes it back; `after` is what was there before the first time.
    change: Change,
    what: What,
}

#[derive(Clone, Debug, PartialEq)]
enum What {
    /// The service-linked role that the document's `apply` created.
    Role { name: String },
    /// An inline policy that the document's `apply` wrote, and what it wrote last.
    Policy { principal: Principal, name: String, ours: Value },
}

/// What to take back, the newest first. A policy that was written several times goes back to what was there before the
/// first time.
pub fn undos(before: Option<&Section>) -> Vec<Undo> {
    let mut undos: Vec<Undo> = Vec::new();
    for done in standing(before.map_or(&[], |section| &section.changes)) {
        let Some(id) = done.id.as_deref() else { continue };
        let undo = |action| Change::new(action, &done.resource, ChangeState::Unchanged).id(id);
        if done.action == "create" && done.resource == SERVICE_LINKED_ROLE {
            let name = id.rsplit('/').next().unwrap_or_default().to_owned();
            undos.push(Undo { change: undo("delete"), what: What::Role { name } });
        } else if done.action == "attach"
            && let (Some((principal, name)), Some(ours)) = (Grant::read_id(id), &done.after)
        {
            if let Some(newer) = undos.iter_mut().find(|undo| undo.change.id == done.id) {
                newer.change.after.clone_from(&done.before);
                continue;
            }
            let change = Change { after: done.before.clone(), ..undo("detach") };
            let what = What::Policy { principal, name: name.to_owned(), ours: ours.clone() };
            undos.push(Undo { change, what });
        }
    }
    undos
}

/// Takes back what there is to take back, in order, until something cannot be, or somebody wants the run to end.
pub fn revoke(
    cloud: &impl Cloud,
    undos: Vec<Undo>,
    patience: Duration,
    interrupt: &Interrupt,
) -> (Section, Option<Failure>) {
    let mut section = Section::new("revoke", Status::Unchanged);
    let mut failure = None;
    for mut undo in undos {
        if let Err(wanted) = interrupt.check() {
            failure = Some(wanted);
            break;
        }
        match undo.carry_out(cloud, patience) {
            Ok(finding) => section.findings.extend(finding),
            Err(first) => failure = Some(first),
        }
        section.changes.push(undo.change);
        if failure.is_some() {
            break;
        }
    }
    let is_no = section.findings.iter().any(|finding| finding.severity == Severity::Error);
    let is_changed = section.changes.iter().any(|change| change.state == ChangeState::Done);
    section.status = match (&failure, is_no, is_changed) {
        (Some(_), ..) => Status::Error,
        (None, true, _) => Status::No,
        (None, false, true) => Status::Changed,
        (None, false, false) => Status::Unchanged,
    };
    if let Some(failure) = &failure {
        section.blame(failure);
    }
    (section, failure)
}

impl Undo {
    /// Takes it back. The change's state says afterwards how far that got.
    fn carry_out(&mut self, cloud: &impl Cloud, patience: Duration) -> Result<Option<Finding>, Failure> {
        let change = &mut self.change;
        let result = match &self.what {
            What::Role { name } => role(cloud, name, change, patience),
            What::Policy { principal, name, ours } => inline_policy(cloud, (principal, name), ours, change, patience),
        };
        if result.is_err() && change.state == ChangeState::Unchanged {
            change.state = ChangeState::Failed;
        }
        result
    }
}

fn inline_policy(
    cloud: &impl Cloud,
    (principal, name): (&Principal, &str),
    ours: &Value,
    change: &mut Change,
    patience: Duration,
) -> Result<Option<Finding>, Failure> {
    let earlier = change.after.clone();
    let now = cloud.inline_policy(principal, name)?;
    if is_same(now.as_ref(), earlier.as_ref()) {
        change.reason = Some("it is gone already".to_owned());
        return Ok(None);
    }
    if !is_same(now.as_ref(), Some(ours)) {
        change.reason = Some("it was changed since it was written".to_owned());
        let summary = format!("the {} was changed since", change.resource);
        return Ok(Some(
            Finding::new(&codes::POLICY_EDITED, Severity::Error, summary)
                .evidence("applied", ours)
                .evidence("present", &now)
                .fix("look at the policy, and delete it by hand if nobody needs it"),
        ));
    }
    change.before = now;
    let written = match &earlier {
        Some(policy) => cloud.put_inline_policy(principal, name, policy),
        None => cloud.delete_inline_policy(principal, name),
    };
    if let Err(failure) = &written
        && !may_be_done(failure)
    {
        return written.map(|()| None);
    }
    change.state = ChangeState::Unknown;
    let seen = settled(cloud, patience, || {
        let now = cloud.inline_policy(principal, name)?;
        Ok(is_same(now.as_ref(), earlier.as_ref()).then_some(()))
    });
    match (seen, written) {
        (Ok(Some(())), _) => {
            change.state = ChangeState::Done;
            Ok(None)
        }
        (_, Err(failure)) | (Err(failure), Ok(())) => Err(failure),
        (Ok(None), Ok(())) => Err(not_visible(&change.resource, patience)),
    }
}

/// Deletes the service-linked role. AWS itself keeps it while the account has caches, so this harms nobody.
fn role(cloud: &impl Cloud, name: &str, change: &mut Change, patience: Duration) -> Result<Option<Finding>, Failure> {
    let asked = cloud.delete_service_linked_role(name);
    if asked.as_ref().is_err_and(may_be_done) {
        change.state = ChangeState::Unknown;
    }
    let Some(task) = asked? else {
        change.reason = Some("it is gone already".to_owned());
        return Ok(None);
    };
    change.state = ChangeState::Unknown;
    let ended = settled(cloud, patience, || match cloud.deletion(&task)? {
        Deletion::InProgress => Ok(None),
        ended => Ok(Some(ended)),
    })?;
    match ended {
        Some(Deletion::Refused(why)) => {
            change.state = ChangeState::Unchanged;
            change.reason = Some("AWS keeps it: it is in use".to_owned());
            let summary = "AWS keeps the service-linked role: it is in use";
            Ok(Some(Finding::new(&codes::ROLE_IN_USE, Severity::Info, summary).evidence("reason", why)))
        }
        Some(_) => {
            change.state = ChangeState::Done;
            Ok(None)
        }
        None => Err(not_visible(SERVICE_LINKED_ROLE, patience)),
    }
}

fn is_same(one: Option<&Value>, other: Option<&Value>) -> bool {
    match (one, other) {
        (Some(one), Some(other)) => policy::is_same(one, other),
        (one, other) => one == other,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cloud::fake::{Fail, Fake, ROLE_ARN, Which};
    use ec_shared::{Exit, codes as shared};
    use serde_json::json;

    const PATIENCE: Duration = Duration::from_secs(120);
    const ID: &str = "role/app/ec-iam-connect-us-east-1-serverlesscache-orders-app";
    const RESOURCE: &str = "inline policy ec-iam-connect-us-east-1-serverlesscache-orders-app of role/app";

    fn policy(user: &str) -> Value {
        json!({"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Action": "elasticache:Connect", "Resource": user}]})
    }

    fn attached(before: Option<Value>, after: Value) -> Change {
        let mut change = Change::new("attach", RESOURCE, ChangeState::Done).id(ID).after(after);
        change.before = before;
        change
    }

    /// A document that says: the role was created, the policy was written.
    fn applied() -> Section {
        let mut section = Section::new("apply", Status::Changed);
        section.changes.push(Change::new("create", SERVICE_LINKED_ROLE, ChangeState::Done).id(ROLE_ARN));
        section.changes.push(attached(None, policy("app")));
        section
    }

    /// The account that such a document is about.
    fn account() -> Fake {
        let cloud = Fake::with_principals(&["role/app"]);
        cloud.role.set(true);
        cloud.policies.borrow_mut().insert(ID.into(), policy("app"));
        cloud
    }

    fn run(cloud: &Fake, section: &Section) -> (Section, Option<Failure>) {
        revoke(cloud, undos(Some(section)), PATIENCE, &Interrupt::default())
    }

    #[test]
    fn everything_that_was_done_is_taken_back_the_newest_first() {
        let cloud = account();
        let (section, failure) = run(&cloud, &applied());
        assert!(failure.is_none());
        assert_eq!(section.status, Status::Changed);
        assert_eq!(cloud.writes(), ["delete_inline_policy", "delete_service_linked_role"]);
        assert!(cloud.policies.borrow().is_empty() && !cloud.role.get());
        let mut changes = applied().changes;
        changes.extend(section.changes);
        assert_eq!(standing(&changes), Vec::<&Change>::new());
    }

    #[test]
    fn a_role_that_was_there_before_stays() {
        let cloud = account();
        let mut before = applied();
        before.changes[0].state = ChangeState::Unchanged;
        run(&cloud, &before);
        assert!(cloud.role.get());
    }

    #[test]
    fn a_policy_that_was_replaced_comes_back_also_after_several_times() {
        let cloud = account();
        let mut before = Section::new("apply", Status::Changed);
        before.changes.push(attached(Some(policy("first")), policy("second")));
        before.changes.push(attached(Some(policy("second")), policy("app")));
        let (section, _) = run(&cloud, &before);
        assert_eq!(section.changes.len(), 1);
        assert_eq!(cloud.policies.borrow()[ID], policy("first"));
    }

    #[test]
    fn a_policy_that_somebody_edited_is_left_alone_and_told() {
        let cloud = account();
        cloud.policies.borrow_mut().insert(ID.into(), policy("edited"));
        let (section, failure) = run(&cloud, &applied());
        assert!(failure.is_none());
        assert_eq!((section.status, section.findings[0].code.as_str()), (Status::No, "EC2015"));
        assert_eq!(cloud.policies.borrow()[ID], policy("edited"));
    }

    #[test]
    fn what_is_gone_already_is_no_error() {
        let cloud = Fake::with_principals(&[]);
        let (section, failure) = run(&cloud, &applied());
        assert!(failure.is_none());
        assert_eq!(section.status, Status::Unchanged);
        assert!(section.changes.iter().all(|change| change.state == ChangeState::Unchanged));
    }

    #[test]
    fn a_role_that_is_in_use_stays_and_is_told() {
        let cloud = Fake { role_in_use: true, ..account() };
        let (section, failure) = run(&cloud, &applied());
        assert!(failure.is_none());
        assert_eq!((section.status, section.exit()), (Status::Changed, Exit::Ok));
        assert_eq!(section.findings[0].code, "EC2014");
        assert_eq!(section.changes[1].state, ChangeState::Unchanged);
    }

    #[test]
    fn a_deletion_takes_its_time_and_no_more_than_two_minutes() {
        let cloud = account();
        cloud.lag.set(4);
        let (section, failure) = run(&cloud, &applied());
        assert!(failure.is_none() && section.status == Status::Changed);
        let cloud = account();
        cloud.lag.set(usize::MAX);
        let mut only_role = applied();
        only_role.changes.pop();
        let (section, failure) = run(&cloud, &only_role);
        assert_eq!(failure.unwrap().code().id, "EC2013");
        assert_eq!(section.changes[0].state, ChangeState::Unknown);
        assert_eq!(cloud.paused.get(), PATIENCE);
    }

    #[test]
    fn a_foreign_or_made_up_change_is_not_touched() {
        let mut before = Section::new("apply", Status::Changed);
        before
            .changes
            .push(Change::new("attach", "x", ChangeState::Done).id("role/app/AdministratorAccess").after("{}"));
        before.changes.push(Change::new("create", "role admin", ChangeState::Done).id("arn:aws:iam::1:role/admin"));
        assert_eq!(undos(Some(&before)), []);
        assert_eq!(undos(None), []);
    }

    /// A run that ends at any call, its work done or not, is made good by the next one with the same document.
    #[test]
    fn runs_that_end_at_any_call_converge() {
        let whole = {
            let cloud = account();
            run(&cloud, &applied());
            cloud.calls.into_inner().len()
        };
        for number in 1..=whole {
            for is_done in [false, true] {
                let cloud = account();
                cloud.fails.set(Some(Fail { call: Which::Number(number), code: &shared::TIMEOUT, is_done }));
                run(&cloud, &applied());
                cloud.fails.set(None);
                let (_, failure) = run(&cloud, &applied());
                assert!(failure.is_none(), "after call {number}");
                assert!(cloud.policies.borrow().is_empty() && !cloud.role.get(), "after call {number}");
            }
        }
    }
}
