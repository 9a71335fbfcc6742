//! Takes back what the document says was done, and nothing else.

use ec_shared::Failure;
use ec_shared::document::section::standing;
use ec_shared::document::{Change, ChangeState, Finding, Section, Severity, Status};
use serde_json::Value;

use crate::cloud::Cloud;
use crate::codes;
use crate::plan::thing_of;
use crate::thing::{State, Thing};
use crate::wait::{Wait, Written};

/// One thing to take back.
#[derive(Clone, Debug, PartialEq)]
pub struct Undo {
    /// The change that takes it back; `after` is what was there before the first time.
    change: Change,
    thing: Thing,
    /// What the document's `apply` wrote last.
    ours: Value,
}

/// What to take back, the newest first. A thing that was written several times goes back to what was there before the
/// first time.
pub fn undos(before: Option<&Section>) -> Vec<Undo> {
    let mut undos: Vec<Undo> = Vec::new();
    for done in standing(before.map_or(&[], |section| &section.changes)) {
        let Some(thing) = thing_of(done).filter(|thing| thing.actions().0 == done.action) else { continue };
        if let Some(newer) = undos.iter_mut().find(|undo| undo.thing == thing) {
            newer.change.after.clone_from(&done.before);
            continue;
        }
        let mut change = Change::new(thing.actions().1, &done.resource, ChangeState::Unchanged);
        change.id.clone_from(&done.id);
        change.after.clone_from(&done.before);
        undos.push(Undo { change, thing, ours: done.after.clone().unwrap_or_default() });
    }
    undos
}

/// Takes back what there is to take back, in order, until something cannot be, or somebody wants the run to end.
pub fn revoke(cloud: &impl Cloud, undos: Vec<Undo>, wait: &Wait<'_>) -> Section {
    let mut section = Section::new("revoke", Status::Unchanged);
    let mut failure = None;
    for mut undo in undos {
        if let Err(wanted) = wait.interrupt.check() {
            failure = Some(wanted);
            break;
        }
        match undo.carry_out(cloud, wait) {
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
    section
}

impl Undo {
    /// Takes it back. The change's state says afterwards how far that got.
    fn carry_out(&mut self, cloud: &impl Cloud, wait: &Wait<'_>) -> Result<Option<Finding>, Failure> {
        let result = self.take_back(cloud, wait);
        if result.is_err() && self.change.state == ChangeState::Unchanged {
            self.change.state = ChangeState::Failed;
        }
        result
    }

    fn take_back(&mut self, cloud: &impl Cloud, wait: &Wait<'_>) -> Result<Option<Finding>, Failure> {
        let Self { change, thing, ours } = self;
        let (patience, resource) = (thing.patience(), change.resource.clone());
        let earlier = change.after.clone();
        let is_back = |state: &State| match (state, &earlier) {
            (State::Present(now), Some(earlier)) => thing.is_same(now, earlier),
            (state, None) => *state == State::Absent,
            _ => false,
        };
        let now = wait.until(cloud, &resource, patience, || {
            let state = cloud.read(thing)?;
            Ok((state != State::Changing).then_some(state))
        })?;
        let now = now.ok_or_else(|| wait.not_visible(&resource, patience))?;
        if is_back(&now) {
            change.reason = Some("it is gone already".to_owned());
            return Ok(None);
        }
        if !matches!(&now, State::Present(present) if thing.is_same(present, ours)) {
            change.reason = Some("it was changed since it was written".to_owned());
            return Ok(Some(edited(change, ours, &now)));
        }
        if let (State::Present(present), false) = (&now, ours.is_null()) {
            change.before = Some(present.clone());
        }
        let called = match &earlier {
            Some(state) => cloud.write(thing, state),
            None => cloud.remove(thing),
        };
        let written = Written::of(cloud, called, wait, patience);
        if let Written::Refused(failure) = written {
            if !is_in_use(&failure) {
                return Err(failure);
            }
            change.reason = Some("AWS keeps it: it is in use".to_owned());
            return Ok(Some(in_use(change, thing, &failure)));
        }
        change.state = ChangeState::Unknown;
        let seen = wait.until(cloud, &resource, written.time_to_see(patience), || {
            cloud.read(thing).map(|state| is_back(&state).then_some(()))
        });
        if let Ok(Some(())) = seen {
            change.state = ChangeState::Done;
            return Ok(None);
        }
        Err(written.unseen(seen.err(), wait.not_visible(&resource, patience)))
    }
}

fn edited(change: &Change, ours: &Value, now: &State) -> Finding {
    let now = if let State::Present(now) = now { Some(now) } else { None };
    Finding::new(&codes::POLICY_EDITED, Severity::Error, format!("the {} was changed since", change.resource))
        .evidence("applied", ours)
        .evidence("present", now)
        .fix("look at it, and delete it by hand if nobody needs it")
}

/// Whether AWS keeps a thing because something else needs it. The codes: IAM, Identity Center and ElastiCache.
fn is_in_use(failure: &Failure) -> bool {
    *failure.code() == codes::REFUSED_LATER
        || failure
            .aws_code()
            .is_some_and(|code| matches!(code, "DeleteConflict" | "ConflictException" | "InvalidUserGroupState"))
}

/// What was made stays, for somebody else has put it to use since: that is no failure.
fn in_use(change: &Change, thing: &Thing, failure: &Failure) -> Finding {
    let code = if *thing == Thing::ServiceLinkedRole { &codes::ROLE_IN_USE } else { &codes::IN_USE };
    Finding::new(code, Severity::Info, format!("AWS keeps the {}: it is in use", change.resource))
        .evidence("reason", failure.to_string())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cloud::fake::{Fail, Fake, ROLE_ARN, Which};
    use crate::thing::SERVICE_LINKED_ROLE;
    use ec_shared::{Exit, Interrupt, codes as shared};
    use serde_json::json;
    use std::time::Duration;

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
        cloud.put(SERVICE_LINKED_ROLE, ROLE_ARN);
        cloud.put(ID, policy("app"));
        cloud
    }

    fn run(cloud: &Fake, section: &Section) -> (Section, Option<Failure>) {
        let interrupt = Interrupt::default();
        let wait = Wait { limit: PATIENCE, interrupt: &interrupt, tell: &|_, _| {} };
        let section = revoke(cloud, undos(Some(section)), &wait);
        let failure = section.failure.clone();
        (section, failure)
    }

    #[test]
    fn everything_that_was_done_is_taken_back_the_newest_first() {
        let cloud = account();
        let (section, failure) = run(&cloud, &applied());
        assert!(failure.is_none());
        assert_eq!(section.status, Status::Changed);
        assert_eq!(cloud.writes(), [format!("remove {ID}"), format!("remove {SERVICE_LINKED_ROLE}")]);
        assert!(cloud.things.borrow().is_empty());
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
        assert!(cloud.has(SERVICE_LINKED_ROLE));
    }

    #[test]
    fn a_policy_that_was_replaced_comes_back_also_after_several_times() {
        let cloud = account();
        let mut before = Section::new("apply", Status::Changed);
        before.changes.push(attached(Some(policy("first")), policy("second")));
        before.changes.push(attached(Some(policy("second")), policy("app")));
        let (section, _) = run(&cloud, &before);
        assert_eq!(section.changes.len(), 1);
        assert_eq!(cloud.state(ID), policy("first"));
    }

    #[test]
    fn a_policy_that_somebody_edited_is_left_alone_and_told() {
        let cloud = account();
        cloud.put(ID, policy("edited"));
        let (section, failure) = run(&cloud, &applied());
        assert!(failure.is_none());
        assert_eq!((section.status, section.findings[0].code.as_str()), (Status::No, "EC2015"));
        assert_eq!(cloud.state(ID), policy("edited"));
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
                assert!(cloud.things.borrow().is_empty(), "after call {number}");
            }
        }
    }
}
