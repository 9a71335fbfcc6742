//! Does what is planned: one change after the other, each read back, until one fails or somebody wants the run to end.

use std::time::Duration;

use ec_shared::document::{Cache, Change, ChangeState, Section, Status};
use ec_shared::{Exit, Failure, Interrupt, codes as shared};

use crate::cloud::Cloud;
use crate::codes;
use crate::plan::{self, Present, Step};
use crate::survey::{self, Request};

/// How long to look for a change whose answer got lost, before it counts as unknown.
const LOST: Duration = Duration::from_secs(5);

/// Carries out the plan in `before`, or else makes a plan and carries that out. `patience` is how long a change may
/// take until IAM shows it.
///
/// # Errors
/// What makes a plan impossible: nothing has been written then. What fails later stands in the section.
pub fn apply(
    cloud: &impl Cloud,
    request: &Request,
    cache: Option<&Cache>,
    before: Option<&Section>,
    patience: Duration,
    interrupt: &Interrupt,
) -> Result<(Section, Option<Failure>), Failure> {
    let plan = before.filter(|section| plan::is_open(section));
    let mut section = match plan {
        Some(plan) => taken_up(plan, request)?,
        None => survey::survey(cloud, request, cache)?.section(request),
    };
    "apply".clone_into(&mut section.command);
    let mut failure = None;
    for change in &mut section.changes {
        if change.state == ChangeState::Planned && failure.is_none() {
            failure = interrupt.check().and_then(|()| one(cloud, change, plan.is_some(), patience)).err();
        }
    }
    let is_changed = section.changes.iter().any(|change| change.state == ChangeState::Done);
    section.status = if is_changed { Status::Changed } else { Status::Unchanged };
    if let Some(failure) = &failure {
        section.status = Status::Error;
        section.blame(failure);
    }
    Ok((section, failure))
}

/// The section of a plan as this run goes on with it.
fn taken_up(plan: &Section, request: &Request) -> Result<Section, Failure> {
    let asked = [("principal", request.principal.as_ref().map(ToString::to_string)), ("user", request.user.clone())];
    for (name, asked) in asked {
        let planned = plan.facts.get(name).and_then(serde_json::Value::as_str);
        if let Some(asked) = asked.filter(|asked| planned.is_some_and(|planned| planned != asked)) {
            return Err(Failure::new(&codes::STALE_PLAN, format!("cannot apply the plan for --{name} {asked}"))
                .because(format!("it was made for {}", planned.unwrap_or_default()))
                .hint("run `ec-iam plan` again, or leave the flag away"));
        }
    }
    Ok(Section { exit: None, error: None, ..plan.clone() })
}

/// Does one change. Its state says afterwards how far it got.
fn one(cloud: &impl Cloud, change: &mut Change, is_from_document: bool, patience: Duration) -> Result<(), Failure> {
    let step = Step::of(change)?;
    if is_from_document {
        let present = survey::look(cloud, &step)?;
        step.still_fits(change, &present)?;
        if step.is_met_by(&present) {
            *change = step.change(&present);
            return Ok(());
        }
    }
    let written = match &step {
        Step::ServiceLinkedRole => cloud.create_service_linked_role(),
        Step::Grant(grant) => cloud.put_inline_policy(&grant.principal, &grant.name, &grant.policy),
    };
    if let Err(failure) = &written
        && !may_be_done(failure)
    {
        change.state = ChangeState::Failed;
        return written;
    }
    let patience = if written.is_ok() { patience } else { patience.min(LOST) };
    let seen =
        settled(cloud, patience, || read(cloud, &step).map(|present| step.is_met_by(&present).then_some(present)));
    change.state = ChangeState::Unknown;
    // What the write said comes before what the look afterwards said.
    match (seen, written) {
        (Ok(Some(present)), _) => {
            if let Present::Role(Some(arn)) = present {
                change.id = Some(arn);
            }
            change.state = ChangeState::Done;
            Ok(())
        }
        (_, Err(failure)) | (Err(failure), Ok(())) => Err(failure),
        (Ok(None), Ok(())) => Err(not_visible(&change.resource, patience)),
    }
}

fn read(cloud: &impl Cloud, step: &Step) -> Result<Present, Failure> {
    match step {
        Step::ServiceLinkedRole => cloud.service_linked_role().map(Present::Role),
        Step::Grant(grant) => cloud.inline_policy(&grant.principal, &grant.name).map(Present::Policy),
    }
}

/// Whether a call that failed may have been carried out all the same: its answer got lost, or never came.
pub fn may_be_done(failure: &Failure) -> bool {
    failure.exit() == Exit::Temporary && *failure.code() != shared::THROTTLED
}

/// The failure of a change that IAM has taken and does not show.
pub fn not_visible(resource: &str, patience: Duration) -> Failure {
    Failure::new(&codes::NOT_VISIBLE, format!("cannot see the change of the {resource}"))
        .because(format!("IAM does not show it after {} s", patience.as_secs()))
        .hint("run the same command again in a minute")
}

/// Reads until there is an answer, more and more seldom, for at most `patience`.
pub fn settled<T>(
    cloud: &impl Cloud,
    patience: Duration,
    mut read: impl FnMut() -> Result<Option<T>, Failure>,
) -> Result<Option<T>, Failure> {
    const FIRST: Duration = Duration::from_millis(200);
    const LONGEST: Duration = Duration::from_secs(5);
    let (mut waited, mut pause) = (Duration::ZERO, FIRST);
    loop {
        let answer = read()?;
        if answer.is_some() || waited >= patience {
            return Ok(answer);
        }
        pause = pause.min(patience.saturating_sub(waited));
        cloud.pause(pause);
        waited += pause;
        pause = (pause * 2).min(LONGEST);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cloud::fake::{Fail, Fake, ROLE_ARN, Which};
    use crate::principal::Principal;
    use crate::user::CacheUser;
    use ec_shared::document::{Auth, AuthKind};

    const PATIENCE: Duration = Duration::from_secs(120);

    fn orders() -> Cache {
        let arn = "arn:aws:elasticache:us-east-1:123456789012:serverlesscache:orders";
        let auth = Auth { kind: AuthKind::Rbac, user_group_ids: vec!["g".into()] };
        Cache { name: "orders".into(), arn: Some(arn.into()), auth: Some(auth), ..Cache::default() }
    }

    fn account() -> Fake {
        let user = |id: &str, group: &str| CacheUser {
            id: id.into(),
            authentication: "iam".into(),
            groups: vec![group.into()],
        };
        Fake {
            users: vec![user("app", "g"), user("web", "another")],
            ..Fake::with_principals(&["role/app", "user/anna", "group/devs"])
        }
    }

    fn request(principal: &str) -> Request {
        Request { principal: Some(Principal::parse(principal).unwrap()), user: None }
    }

    fn run(cloud: &Fake, before: Option<&Section>) -> (Section, Option<Failure>) {
        cloud.calls.borrow_mut().clear();
        apply(cloud, &request("role/app"), Some(&orders()), before, PATIENCE, &Interrupt::default()).unwrap()
    }

    fn states(section: &Section) -> Vec<ChangeState> {
        section.changes.iter().map(|change| change.state).collect()
    }

    #[test]
    fn an_empty_account_gets_both_and_the_second_run_writes_nothing() {
        for principal in ["role/app", "user/anna", "group/devs"] {
            let cloud = account();
            let (section, failure) =
                apply(&cloud, &request(principal), Some(&orders()), None, PATIENCE, &Interrupt::default()).unwrap();
            assert!(failure.is_none());
            assert_eq!(section.status, Status::Changed);
            assert_eq!(states(&section), [ChangeState::Done, ChangeState::Done]);
            assert_eq!(section.changes[0].id.as_deref(), Some(ROLE_ARN));
            cloud.calls.borrow_mut().clear();
            let (again, _) =
                apply(&cloud, &request(principal), Some(&orders()), Some(&section), PATIENCE, &Interrupt::default())
                    .unwrap();
            assert_eq!(again.status, Status::Unchanged);
            assert_eq!(cloud.writes(), Vec::<&str>::new());
        }
    }

    #[test]
    fn once_a_signal_came_no_change_begins_and_the_next_run_does_them() {
        let (cloud, interrupt) = (account(), Interrupt::default());
        interrupt.raise(Exit::Terminated);
        let (section, _) = apply(&cloud, &request("role/app"), Some(&orders()), None, PATIENCE, &interrupt).unwrap();
        assert_eq!((section.interrupted, section.exit()), (Some(true), Exit::Terminated));
        assert_eq!((states(&section), cloud.writes()), (vec![ChangeState::Planned; 2], Vec::<&str>::new()));
        assert_eq!(states(&run(&cloud, Some(&section)).0), [ChangeState::Done; 2]);
    }

    #[test]
    fn a_plan_is_carried_out_as_it_stands() {
        let cloud = account();
        let plan = survey::survey(&cloud, &request("role/app"), Some(&orders())).unwrap().section(&request("role/app"));
        let (section, _) =
            apply(&cloud, &Request::default(), None, Some(&plan), PATIENCE, &Interrupt::default()).unwrap();
        assert_eq!((section.command.as_str(), section.status), ("apply", Status::Changed));
        assert_eq!(cloud.writes(), ["create_service_linked_role", "put_inline_policy"]);
        assert!(cloud.policies.borrow().contains_key("role/app/ec-iam-connect-us-east-1-serverlesscache-orders-app"));
    }

    #[test]
    fn a_plan_for_somebody_else_is_refused() {
        let cloud = account();
        let plan = survey::survey(&cloud, &request("role/app"), Some(&orders())).unwrap().section(&request("role/app"));
        let failure =
            apply(&cloud, &request("user/anna"), None, Some(&plan), PATIENCE, &Interrupt::default()).unwrap_err();
        assert_eq!(failure.code().id, "EC2012");
        assert_eq!(cloud.writes(), Vec::<&str>::new());
    }

    #[test]
    fn a_plan_made_before_somebody_changed_the_policy_changes_nothing() {
        let cloud = account();
        cloud.role.set(true);
        let plan = survey::survey(&cloud, &request("role/app"), Some(&orders())).unwrap().section(&request("role/app"));
        let key = "role/app/ec-iam-connect-us-east-1-serverlesscache-orders-app".to_owned();
        cloud.policies.borrow_mut().insert(key, serde_json::json!({"Statement": []}));
        let (section, failure) = run(&cloud, Some(&plan));
        assert_eq!(failure.unwrap().code().id, "EC2012");
        assert_eq!(section.status, Status::Error);
        assert_eq!(cloud.writes(), Vec::<&str>::new());
    }

    #[test]
    fn a_grant_for_a_second_user_leaves_the_first() {
        let cloud = account();
        for user in ["app", "web"] {
            let request = Request { user: Some(user.into()), ..request("role/app") };
            apply(&cloud, &request, Some(&orders()), None, PATIENCE, &Interrupt::default()).unwrap();
        }
        assert_eq!(cloud.policies.borrow().len(), 2);
    }

    #[test]
    fn iam_is_given_time_to_show_a_change() {
        let cloud = account();
        cloud.lag.set(3);
        let (section, _) = run(&cloud, None);
        assert_eq!(states(&section), [ChangeState::Done, ChangeState::Done]);
        assert!(cloud.paused.get() > Duration::ZERO);
    }

    #[test]
    fn a_change_that_never_shows_is_unknown_after_two_minutes() {
        let cloud = account();
        cloud.lag.set(usize::MAX);
        let (section, failure) = run(&cloud, None);
        assert_eq!(states(&section), [ChangeState::Unknown, ChangeState::Planned]);
        assert_eq!(failure.unwrap().code().id, "EC2013");
        assert_eq!(cloud.paused.get(), PATIENCE);
    }

    #[test]
    fn a_refused_write_has_failed_and_what_was_done_before_stays_done() {
        let cloud = account();
        cloud.fails.set(Some(Fail {
            call: Which::Name("put_inline_policy"),
            code: &shared::ACCESS_DENIED,
            is_done: false,
        }));
        let (section, failure) = run(&cloud, None);
        assert_eq!(failure.unwrap().to_string(), "cannot put_inline_policy");
        assert_eq!(states(&section), [ChangeState::Done, ChangeState::Failed]);
        assert_eq!((section.status, section.exit()), (Status::Error, Exit::Partial));
    }

    #[test]
    fn a_write_whose_answer_got_lost_is_looked_for() {
        for (is_done, state) in [(true, ChangeState::Done), (false, ChangeState::Unknown)] {
            let cloud = account();
            cloud.role.set(true);
            cloud.fails.set(Some(Fail { call: Which::Name("put_inline_policy"), code: &shared::TIMEOUT, is_done }));
            let (section, failure) = run(&cloud, None);
            assert_eq!(states(&section), [ChangeState::Unchanged, state]);
            assert_eq!(failure.is_some(), !is_done);
        }
    }

    /// A run that ends at any call, its work done or not, is made good by the next one.
    #[test]
    fn runs_that_end_at_any_call_converge() {
        let whole = {
            let cloud = account();
            run(&cloud, None);
            cloud.calls.into_inner().len()
        };
        for number in 1..=whole {
            for is_done in [false, true] {
                let cloud = account();
                cloud.fails.set(Some(Fail { call: Which::Number(number), code: &shared::ACCESS_DENIED, is_done }));
                let _ = apply(&cloud, &request("role/app"), Some(&orders()), None, PATIENCE, &Interrupt::default());
                cloud.fails.set(None);
                let (section, failure) = run(&cloud, None);
                assert!(failure.is_none(), "after call {number}");
                assert!(!section.status.is_no());
                assert!(cloud.role.get());
                assert_eq!(cloud.policies.borrow().len(), 1);
                run(&cloud, Some(&section));
                assert_eq!(cloud.writes(), Vec::<&str>::new(), "after call {number}");
            }
        }
    }
}
