//! Does what is planned: one change after the other, each read back, until one fails or somebody wants the run to end.

use clap::ValueEnum;
use ec_shared::Failure;
use ec_shared::document::{Cache, Change, ChangeState, Section, Status};
use serde_json::Value;

use crate::cloud::Cloud;
use crate::codes;
use crate::permission::Permission;
use crate::plan::{self, Step};
use crate::request::Request;
use crate::survey;
use crate::thing::{State, Thing};
use crate::wait::{Wait, Written};

/// Carries out the plan in `before`, or else makes a plan and carries that out. A change may take as long as its thing
/// [may](Thing::patience), where `wait` sets no other limit.
///
/// # Errors
/// What makes a plan impossible: nothing has been written then. What fails later stands in the section.
pub fn apply(
    cloud: &impl Cloud,
    request: &Request,
    cache: Option<&Cache>,
    before: Option<&Section>,
    wait: &Wait<'_>,
) -> Result<Section, Failure> {
    let plan = before.filter(|section| plan::is_open(section));
    let mut section = match plan {
        Some(plan) => taken_up(plan, request)?,
        None => survey::survey(cloud, request, cache)?.section(request),
    };
    "apply".clone_into(&mut section.command);
    let is_blocked = section.status == Status::No;
    let mut failure = None;
    for index in 0..section.changes.len() {
        let (earlier, rest) = section.changes.split_at_mut(index);
        let change = &mut rest[0];
        if change.state == ChangeState::Planned && failure.is_none() && !is_blocked {
            let earlier = plan.is_some().then_some(&*earlier);
            failure = wait.interrupt.check().and_then(|()| one(cloud, change, earlier, wait)).err();
        }
    }
    // Not before: AWS may have been at work on it still when the plan was made.
    claim(&mut section.changes, before);
    if is_blocked {
        return Ok(section);
    }
    let is_changed = section.changes.iter().any(|change| change.state == ChangeState::Done);
    section.status = if is_changed { Status::Changed } else { Status::Unchanged };
    if let Some(failure) = &failure {
        section.status = Status::Error;
        section.blame(failure);
    }
    Ok(section)
}

/// The section of a plan, or of a run that did not come to its end, as this run goes on with it.
fn taken_up(plan: &Section, request: &Request) -> Result<Section, Failure> {
    let fact = |name: &str| plan.facts.get(name).and_then(Value::as_str);
    let asked = [("principal", request.principal.as_ref().map(ToString::to_string)), ("user", request.user.clone())];
    for (name, asked) in asked {
        if let Some(asked) = asked.filter(|asked| fact(name).is_some_and(|planned| planned != asked)) {
            return Err(Failure::new(&codes::STALE_PLAN, format!("cannot apply the plan for --{name} {asked}"))
                .because(format!("it was made for {}", fact(name).unwrap_or_default()))
                .hint("run `ec-iam plan` again, or leave the flag away"));
        }
    }
    // Nobody becomes an administrator because a document says so.
    let administers = |change: &Change| match plan::thing_of(change) {
        Some(Thing::ManagedPolicy(_, arn)) => Permission::of_managed(&arn) == Some(Permission::Administrator),
        _ => false,
    };
    if request.permission != Permission::Administrator && plan.changes.iter().any(administers) {
        return Err(Failure::new(&codes::STALE_PLAN, "cannot apply a plan that makes administrators")
            .because("a document alone is no permit for that")
            .hint("say it once more: ec-iam apply --policy administrator"));
    }
    let planned = fact("policy").unwrap_or("connect");
    if let Some(asked) = request.permission.to_possible_value().filter(|asked| !asked.matches(planned, false)) {
        return Err(Failure::new(
            &codes::STALE_PLAN,
            format!("cannot apply the plan for --policy {}", asked.get_name()),
        )
        .because(format!("it was made for {planned}"))
        .hint("run `ec-iam plan` again, or leave the flag away"));
    }
    let mut section = Section { exit: None, error: None, interrupted: None, ..plan.clone() };
    for change in &mut section.changes {
        if matches!(change.state, ChangeState::Failed | ChangeState::Unknown) {
            change.state = ChangeState::Planned;
        }
    }
    Ok(section)
}

/// What an earlier run has written without learning whether it was done, and is there now as it was written, is that
/// run's work: it has to be known as such, or nobody takes it back.
fn claim(changes: &mut [Change], before: Option<&Section>) {
    for earlier in before.iter().flat_map(|section| &section.changes) {
        let thing = plan::thing_of(earlier).filter(|_| earlier.state == ChangeState::Unknown);
        let Some(thing) = thing else { continue };
        let there = changes
            .iter_mut()
            .find(|change| change.state == ChangeState::Unchanged && plan::thing_of(change).as_ref() == Some(&thing));
        if let Some(change) = there.filter(|change| change.action == earlier.action && change.after == earlier.after) {
            change.state = ChangeState::Done;
            change.before.clone_from(&earlier.before);
            change.reason = Some("an earlier run wrote it, and could not see then that it was there".to_owned());
        }
    }
}

/// Does one change. Its state says afterwards how far it got. `earlier` are the changes before it, if they come from a
/// document.
fn one(cloud: &impl Cloud, change: &mut Change, earlier: Option<&[Change]>, wait: &Wait<'_>) -> Result<(), Failure> {
    let step = Step::of(change)?;
    let thing = &step.thing;
    let (patience, resource) = (thing.patience(), change.resource.clone());
    if earlier.is_some() || thing.is_exclusive() {
        let is_new = |principal: &_| {
            let created = |change: &Change| plan::thing_of(change) == Some(Thing::Principal(Clone::clone(principal)));
            earlier.unwrap_or_default().iter().any(created)
        };
        let state = wait.until(cloud, &resource, patience, || {
            let state = survey::look(cloud, thing, &is_new)?;
            Ok((state != State::Changing).then_some(state))
        })?;
        let state = state.ok_or_else(|| wait.not_visible(&resource, patience))?;
        step.still_fits(change, &state)?;
        if step.is_met_by(&state)
            && let Ok(met) = step.change(&state)
        {
            *change = met;
            return Ok(());
        }
    }
    let written = Written::of(cloud, cloud.write(thing, &step.wanted), wait, patience);
    if let Written::Refused(failure) = written {
        change.state = ChangeState::Failed;
        return Err(failure);
    }
    let seen = wait.until(cloud, &resource, written.time_to_see(patience), || {
        cloud.read(thing).map(|state| step.is_met_by(&state).then_some(state))
    });
    change.state = ChangeState::Unknown;
    if let Ok(Some(state)) = seen {
        if let (Thing::ServiceLinkedRole, State::Present(Value::String(arn))) = (thing, state) {
            change.id = Some(arn);
        }
        change.state = ChangeState::Done;
        return Ok(());
    }
    Err(written.unseen(seen.err(), wait.not_visible(&resource, patience)))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cloud::fake::{Fail, Fake, ROLE_ARN, Which};
    use crate::principal::Principal;
    use crate::thing::SERVICE_LINKED_ROLE;
    use crate::user::CacheUser;
    use ec_shared::document::{Auth, AuthKind};
    use ec_shared::{Exit, Interrupt, codes as shared};
    use std::time::Duration;

    const PATIENCE: Duration = Duration::from_secs(120);

    fn waiting(interrupt: &Interrupt) -> Wait<'_> {
        Wait { limit: PATIENCE, interrupt, tell: &|_, _| {} }
    }

    const POLICY: &str = "role/app/ec-iam-connect-us-east-1-serverlesscache-orders-app";

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
            ..CacheUser::default()
        };
        Fake {
            users: vec![user("app", "g"), user("web", "another")],
            ..Fake::with_principals(&["role/app", "user/anna", "group/devs"])
        }
    }

    fn request(principal: &str) -> Request {
        Request { principal: Some(Principal::parse(principal).unwrap()), ..Request::default() }
    }

    fn run(cloud: &Fake, before: Option<&Section>) -> (Section, Option<Failure>) {
        cloud.calls.borrow_mut().clear();
        let applied = apply(cloud, &request("role/app"), Some(&orders()), before, &waiting(&Interrupt::default()));
        let section = applied.unwrap();
        let failure = section.failure.clone();
        (section, failure)
    }

    fn states(section: &Section) -> Vec<ChangeState> {
        section.changes.iter().map(|change| change.state).collect()
    }

    #[test]
    fn an_empty_account_gets_both_and_the_second_run_writes_nothing() {
        for principal in ["role/app", "user/anna", "group/devs"] {
            let cloud = account();
            let section =
                apply(&cloud, &request(principal), Some(&orders()), None, &waiting(&Interrupt::default())).unwrap();
            assert_eq!((section.status, &section.failure), (Status::Changed, &None));
            assert_eq!(states(&section), [ChangeState::Done, ChangeState::Done]);
            assert_eq!(section.changes[0].id.as_deref(), Some(ROLE_ARN));
            cloud.calls.borrow_mut().clear();
            let again =
                apply(&cloud, &request(principal), Some(&orders()), Some(&section), &waiting(&Interrupt::default()))
                    .unwrap();
            assert_eq!(again.status, Status::Unchanged);
            assert_eq!(cloud.writes(), Vec::<String>::new());
        }
    }

    #[test]
    fn once_a_signal_came_no_change_begins_and_the_next_run_does_them() {
        let (cloud, interrupt) = (account(), Interrupt::default());
        interrupt.raise(Exit::Terminated);
        let section = apply(&cloud, &request("role/app"), Some(&orders()), None, &waiting(&interrupt)).unwrap();
        assert_eq!((section.interrupted, section.exit()), (Some(true), Exit::Terminated));
        assert_eq!((states(&section), cloud.writes()), (vec![ChangeState::Planned; 2], Vec::<String>::new()));
        assert_eq!(states(&run(&cloud, Some(&section)).0), [ChangeState::Done; 2]);
    }

    #[test]
    fn a_plan_is_carried_out_as_it_stands() {
        let cloud = account();
        let plan = survey::survey(&cloud, &request("role/app"), Some(&orders())).unwrap().section(&request("role/app"));
        let section = apply(&cloud, &Request::default(), None, Some(&plan), &waiting(&Interrupt::default())).unwrap();
        assert_eq!((section.command.as_str(), section.status), ("apply", Status::Changed));
        assert_eq!(cloud.writes(), [format!("write {SERVICE_LINKED_ROLE}"), format!("write {POLICY}")]);
        assert!(cloud.has(POLICY));
    }

    #[test]
    fn a_plan_for_somebody_or_something_else_is_refused() {
        let cloud = account();
        let plan = survey::survey(&cloud, &request("role/app"), Some(&orders())).unwrap().section(&request("role/app"));
        let wider = Request { permission: Permission::FullAccess, ..request("role/app") };
        for request in [request("user/anna"), wider] {
            let failure = apply(&cloud, &request, None, Some(&plan), &waiting(&Interrupt::default())).unwrap_err();
            assert_eq!(failure.code().id, "EC2012");
        }
        assert_eq!(cloud.writes(), Vec::<String>::new());
    }

    #[test]
    fn a_plan_made_before_somebody_changed_the_policy_changes_nothing() {
        let cloud = account();
        cloud.put(SERVICE_LINKED_ROLE, ROLE_ARN);
        let plan = survey::survey(&cloud, &request("role/app"), Some(&orders())).unwrap().section(&request("role/app"));
        cloud.put(POLICY, serde_json::json!({"Statement": []}));
        let (section, failure) = run(&cloud, Some(&plan));
        assert_eq!(failure.unwrap().code().id, "EC2012");
        assert_eq!(section.status, Status::Error);
        assert_eq!(cloud.writes(), Vec::<String>::new());
    }

    #[test]
    fn a_grant_for_a_second_user_leaves_the_first() {
        let cloud = account();
        for user in ["app", "web"] {
            let request = Request { user: Some(user.into()), ..request("role/app") };
            apply(&cloud, &request, Some(&orders()), None, &waiting(&Interrupt::default())).unwrap();
        }
        assert_eq!(cloud.things.borrow().len(), 3);
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
            call: Which::Name("write role/app"),
            code: &shared::ACCESS_DENIED,
            is_done: false,
        }));
        let (section, failure) = run(&cloud, None);
        assert_eq!(failure.unwrap().to_string(), format!("cannot write {POLICY}"));
        assert_eq!(states(&section), [ChangeState::Done, ChangeState::Failed]);
        assert_eq!((section.status, section.exit()), (Status::Error, Exit::Partial));
    }

    #[test]
    fn a_write_whose_answer_got_lost_is_looked_for() {
        for (is_done, state) in [(true, ChangeState::Done), (false, ChangeState::Unknown)] {
            let cloud = account();
            cloud.put(SERVICE_LINKED_ROLE, ROLE_ARN);
            cloud.fails.set(Some(Fail { call: Which::Name("write role/app"), code: &shared::TIMEOUT, is_done }));
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
                let _ = apply(&cloud, &request("role/app"), Some(&orders()), None, &waiting(&Interrupt::default()));
                cloud.fails.set(None);
                let (section, failure) = run(&cloud, None);
                assert!(failure.is_none(), "after call {number}");
                assert!(!section.status.is_no());
                assert!(cloud.has(SERVICE_LINKED_ROLE) && cloud.has(POLICY));
                run(&cloud, Some(&section));
                assert_eq!(cloud.writes(), Vec::<String>::new(), "after call {number}");
            }
        }
    }
}
