//! Takes back what the document says was done, and nothing else.

use std::time::Duration;

use ec_shared::document::section::standing;
use ec_shared::document::{Change, ChangeState, Finding, Section, Severity, Status};
use ec_shared::Failure;
use serde_json::Value;

use crate::apply::{may_be_done, not_visible, settled};
use crate::cloud::{Cloud, Deletion};
use crate::codes;
use crate::plan::{Grant, SERVICE_LINKED_ROLE};
use crate::policy;
use crate::principal::Principal;

/// Takes back what there is to take back, in order, until something cannot be.
pub fn revoke(cloud: &impl Cloud, undos: Vec<Undo>, patience: Duration) -> (Section, Option<Failure>) {
    let mut section = Section::new("revoke", Status::Unchanged);
    let mut failure = None;
    for undo in undos {
        failure = undo.carry_out(cloud, patience, &mut section).err();
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

/// One thing to take back.
#[derive(Clone, Debug, PartialEq)]
pub enum Undo {
    /// The service-linked role that the document's `apply` created.
    Role {
        /// Its ARN.
        arn: String,
    },
    /// An inline policy that the document's `apply` wrote.
    Policy {
        /// Whose policy.
        principal: Principal,
        /// The policy's name.
        name: String,
        /// What was written last.
        ours: Value,
        /// What was there before the first time.
        earlier: Option<Value>,
        /// How the changes name it.
        resource: String,
    },
}

/// What to take back, the newest first. A policy that was written several times goes back to what was there before the
/// first time.
pub fn undos(before: Option<&Section>) -> Vec<Undo> {
    let mut undos: Vec<Undo> = Vec::new();
    for change in standing(before.map_or(&[], |section| &section.changes)) {
        let Some(id) = change.id.as_deref() else { continue };
        if change.action == "create" && change.resource == SERVICE_LINKED_ROLE {
            undos.push(Undo::Role { arn: id.to_owned() });
        } else if change.action == "attach"
            && let (Some((principal, name)), Some(ours)) = (Grant::read_id(id), &change.after)
        {
            let known = undos.iter_mut().find_map(|undo| match undo {
                Undo::Policy { resource, earlier, .. } if *resource == change.resource => Some(earlier),
                _ => None,
            });
            match known {
                Some(earlier) => earlier.clone_from(&change.before),
                None => undos.push(Undo::Policy {
                    principal,
                    name: name.to_owned(),
                    ours: ours.clone(),
                    earlier: change.before.clone(),
                    resource: change.resource.clone(),
                }),
            }
        }
    }
    undos
}

impl Undo {
    fn carry_out(self, cloud: &impl Cloud, patience: Duration, section: &mut Section) -> Result<(), Failure> {
        match self {
            Self::Role { arn } => role(cloud, &arn, patience, section),
            Self::Policy { principal, name, ours, earlier, resource } => {
                let now = cloud.inline_policy(&principal, &name)?;
                let id = format!("{principal}/{name}");
                let mut change = Change::new("detach", &resource, ChangeState::Unchanged).id(id);
                change.before.clone_from(&now);
                change.after.clone_from(&earlier);
                if is_same(now.as_ref(), earlier.as_ref()) {
                    change.reason = Some("it is gone already".to_owned());
                    section.changes.push(change);
                    return Ok(());
                }
                if !is_same(now.as_ref(), Some(&ours)) {
                    section.findings.push(
                        Finding::new(&codes::POLICY_EDITED, Severity::Error, format!("the {resource} was changed since"))
                            .evidence("applied", &ours)
                            .evidence("present", &now)
                            .fix("look at the policy, and delete it by hand if nobody needs it"),
                    );
                    return Ok(());
                }
                let written = match &earlier {
                    Some(policy) => cloud.put_inline_policy(&principal, &name, policy),
                    None => cloud.delete_inline_policy(&principal, &name),
                };
                let seen = || {
                    let now = cloud.inline_policy(&principal, &name)?;
                    Ok(is_same(now.as_ref(), earlier.as_ref()).then_some(()))
                };
                finish(cloud, written, seen, change, patience, section)
            }
        }
    }
}

fn is_same(one: Option<&Value>, other: Option<&Value>) -> bool {
    match (one, other) {
        (Some(one), Some(other)) => policy::is_same(one, other),
        (one, other) => one == other,
    }
}

/// Reads a write back and puts the change into the section, in the state that it has got to.
fn finish(
    cloud: &impl Cloud,
    written: Result<(), Failure>,
    seen: impl FnMut() -> Result<Option<()>, Failure>,
    mut change: Change,
    patience: Duration,
    section: &mut Section,
) -> Result<(), Failure> {
    let result = match written {
        Err(failure) if !may_be_done(&failure) => {
            change.state = ChangeState::Failed;
            Err(failure)
        }
        written => {
            let result = match settled(cloud, patience, seen) {
                Ok(Some(())) => Ok(()),
                Ok(None) => written.and_then(|()| Err(not_visible(&change.resource, patience))),
                Err(failure) => written.and(Err(failure)),
            };
            change.state = if result.is_ok() { ChangeState::Done } else { ChangeState::Unknown };
            result
        }
    };
    section.changes.push(change);
    result
}

/// Deletes the service-linked role. AWS itself keeps it while the account has caches, so this harms nobody.
fn role(cloud: &impl Cloud, arn: &str, patience: Duration, section: &mut Section) -> Result<(), Failure> {
    let name = arn.rsplit('/').next().unwrap_or_default();
    let mut change = Change::new("delete", SERVICE_LINKED_ROLE, ChangeState::Unchanged).id(arn);
    let task = match cloud.delete_service_linked_role(name) {
        Ok(Some(task)) => task,
        Ok(None) => {
            section.changes.push(change.reason("it is gone already"));
            return Ok(());
        }
        Err(failure) => {
            change.state = if may_be_done(&failure) { ChangeState::Unknown } else { ChangeState::Failed };
            section.changes.push(change);
            return Err(failure);
        }
    };
    let ended = settled(cloud, patience, || match cloud.deletion(&task)? {
        Deletion::InProgress => Ok(None),
        ended => Ok(Some(ended)),
    });
    let result = match ended {
        Ok(Some(Deletion::Refused(why))) => {
            section.findings.push(
                Finding::new(&codes::ROLE_IN_USE, Severity::Info, "AWS keeps the service-linked role: it is in use")
                    .evidence("reason", why),
            );
            change.reason = Some("AWS keeps it: it is in use".to_owned());
            Ok(())
        }
        Ok(Some(_)) => {
            change.state = ChangeState::Done;
            Ok(())
        }
        Ok(None) => {
            change.state = ChangeState::Unknown;
            Err(not_visible(SERVICE_LINKED_ROLE, patience))
        }
        Err(failure) => {
            change.state = ChangeState::Unknown;
            Err(failure)
        }
    };
    section.changes.push(change);
    result
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cloud::fake::{Fake, ROLE_ARN};
    use ec_shared::{Exit, codes as shared};
    use serde_json::json;

    const PATIENCE: Duration = Duration::from_secs(120);
    const ID: &str = "role/app/ec-iam-connect-us-east-1-serverlesscache-orders";
    const RESOURCE: &str = "inline policy ec-iam-connect-us-east-1-serverlesscache-orders of role/app";

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
        revoke(cloud, undos(Some(section)), PATIENCE)
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
        before.changes.push(Change::new("attach", "x", ChangeState::Done).id("role/app/AdministratorAccess").after("{}"));
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
                cloud.fails.set(Some((number, &shared::TIMEOUT, is_done)));
                run(&cloud, &applied());
                cloud.fails.set(None);
                let (_, failure) = run(&cloud, &applied());
                assert!(failure.is_none(), "after call {number}");
                assert!(cloud.policies.borrow().is_empty() && !cloud.role.get(), "after call {number}");
            }
        }
    }
}
