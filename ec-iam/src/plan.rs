//! What is wanted, and the changes that lead there.

use ec_shared::Failure;
use ec_shared::document::{Change, ChangeState, Finding, Section, Severity};
use serde_json::Value;

use crate::codes;
use crate::login;
use crate::permission::Permission;
use crate::principal::Kind;
use crate::thing::{SERVICE_LINKED_ROLE, State, Thing};
use crate::trust::Trust;

/// One thing that is to be there in the end, in this state.
#[derive(Clone, Debug, PartialEq)]
pub struct Step {
    /// The thing.
    pub thing: Thing,
    /// Its state; null where being there is all.
    pub wanted: Value,
}

impl Step {
    /// A thing in a state.
    pub fn new(thing: Thing, wanted: impl Into<Value>) -> Self {
        Self { thing, wanted: wanted.into() }
    }

    /// Whether nothing is left to do.
    pub fn is_met_by(&self, state: &State) -> bool {
        matches!(state, State::Present(present) if self.thing.is_same(present, &self.wanted))
    }

    /// The change from what there is to what is wanted: planned, or unchanged if nothing is left to do.
    ///
    /// # Errors
    /// A finding, if somebody else's thing is in the way.
    pub fn change(&self, state: &State) -> Result<Change, Box<Finding>> {
        let is_met = self.is_met_by(state);
        let change_state = if is_met { ChangeState::Unchanged } else { ChangeState::Planned };
        let thing = &self.thing;
        let mut change = Change::new(thing.actions().0, thing.resource(), change_state).reason(thing.reason());
        if *thing != Thing::ServiceLinkedRole {
            change = change.id(thing.to_string());
        }
        if !self.wanted.is_null() {
            change = change.after(&self.wanted);
        }
        match (state, thing) {
            (State::Present(Value::String(arn)), Thing::ServiceLinkedRole) => Ok(change.id(arn)),
            (State::Present(present), _) if !is_met && thing.is_ours() => Ok(change.before(present)),
            (State::Present(present), _) if !is_met => Err(Box::new(
                Finding::new(
                    &codes::CONFLICT,
                    Severity::Error,
                    format!("{} is there in another form", thing.resource()),
                )
                .evidence("present", present)
                .evidence("wanted", &self.wanted)
                .fix("choose another name, or look who uses it and change it by hand"),
            )),
            _ => Ok(change),
        }
    }

    /// The step of a planned change. A document is no permit: only what ec-iam itself would plan is taken from it.
    ///
    /// # Errors
    /// `EC9009` if the change is none that ec-iam plans.
    pub fn of(change: &Change) -> Result<Self, Failure> {
        let step = thing_of(change).map(|thing| Self::new(thing, change.after.clone().unwrap_or_default()));
        step.filter(|step| change.action == step.thing.actions().0 && step.is_of_ours()).ok_or_else(|| {
            Failure::new(&ec_shared::codes::FIELD, format!("cannot apply the planned change `{}`", change.resource))
                .because("it is none that `ec-iam plan` writes")
                .hint("run `ec-iam plan` again")
        })
    }

    /// Whether ec-iam itself could have planned it.
    fn is_of_ours(&self) -> bool {
        let wanted = &self.wanted;
        match &self.thing {
            Thing::InlinePolicy(principal, name) => Permission::writes(principal, name, wanted),
            Thing::ManagedPolicy(principal, arn) => match Permission::of_managed(arn) {
                Some(Permission::Administrator) => principal.kind == Kind::PermissionSet,
                found => found.is_some(),
            },
            Thing::Principal(principal) if principal.kind == Kind::Role => Trust::read(wanted).is_some(),
            Thing::Principal(principal) => principal.kind == Kind::PermissionSet && wanted.is_object(),
            Thing::Boundary(_) => {
                wanted.as_str().is_some_and(|arn| arn.starts_with("arn:") && arn.contains(":policy/"))
            }
            Thing::CacheUser(_) => login::is_user(wanted),
            Thing::UserGroup(_) | Thing::Person(_) => wanted.is_object(),
            Thing::ServiceLinkedRole
            | Thing::Membership { .. }
            | Thing::Assignment { .. }
            | Thing::UserOfGroup { .. }
            | Thing::GroupOfCache { .. } => wanted.is_null(),
        }
    }

    /// Refuses a planned change whose starting point is no longer what it was.
    ///
    /// # Errors
    /// `EC2012`.
    pub fn still_fits(&self, planned: &Change, state: &State) -> Result<(), Failure> {
        let fits = match (&planned.before, state) {
            (None, State::Absent) => true,
            (Some(before), State::Present(now)) => self.thing.is_same(before, now),
            _ => false,
        };
        if fits || self.is_met_by(state) {
            return Ok(());
        }
        Err(Failure::new(&codes::STALE_PLAN, format!("cannot change the {} as planned", planned.resource))
            .because("it has changed since the plan was made")
            .hint("run `ec-iam plan` again, and look at what it says"))
    }
}

/// The thing that a change is about.
pub fn thing_of(change: &Change) -> Option<Thing> {
    if change.resource == SERVICE_LINKED_ROLE {
        return Some(Thing::ServiceLinkedRole);
    }
    Thing::parse(change.id.as_deref()?).filter(|thing| *thing != Thing::ServiceLinkedRole)
}

/// Whether a section has work left: a plan, or an `apply` that did not come to its end. What that one was asked for, its
/// document alone knows: to plan anew without its flags would leave parts of it away, a boundary for one.
pub fn is_open(section: &Section) -> bool {
    let is_left = |change: &Change| match section.command.as_str() {
        "plan" => change.state == ChangeState::Planned,
        "apply" => matches!(change.state, ChangeState::Planned | ChangeState::Failed | ChangeState::Unknown),
        _ => false,
    };
    section.changes.iter().any(is_left)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::arn::CacheArn;
    use crate::policy;
    use crate::principal::Principal;
    use ec_shared::document::Status;
    use serde_json::json;

    fn grant(user: &str) -> Step {
        let cache = CacheArn::parse("arn:aws:elasticache:us-east-1:123456789012:serverlesscache:orders").unwrap();
        let role = Principal::parse("role/app").unwrap();
        Step::new(Thing::InlinePolicy(role, policy::name(&cache, user)), policy::connect(&cache, user))
    }

    fn role() -> Step {
        Step::new(Thing::ServiceLinkedRole, Value::Null)
    }

    #[test]
    fn a_planned_change_says_all_that_its_step_needs() {
        for step in [role(), grant("app")] {
            let change = step.change(&State::Absent).unwrap();
            assert_eq!(change.state, ChangeState::Planned);
            assert_eq!(Step::of(&change).unwrap(), step);
        }
    }

    #[test]
    fn what_is_there_is_left_alone() {
        let present = State::Present(grant("app").wanted);
        assert_eq!(grant("app").change(&present).unwrap().state, ChangeState::Unchanged);
        let arn =
            "arn:aws:iam::123456789012:role/aws-service-role/elasticache.amazonaws.com/AWSServiceRoleForElastiCache";
        let change = role().change(&State::Present(arn.into())).unwrap();
        assert_eq!((change.state, change.id.as_deref()), (ChangeState::Unchanged, Some(arn)));
    }

    #[test]
    fn another_policy_of_the_name_is_kept_as_before() {
        let old = grant("web").wanted;
        let change = grant("app").change(&State::Present(old.clone())).unwrap();
        assert_eq!((change.state, change.before), (ChangeState::Planned, Some(old)));
    }

    #[test]
    fn a_plan_fits_while_its_starting_point_stays() {
        let step = grant("app");
        let planned = step.change(&State::Absent).unwrap();
        assert!(step.still_fits(&planned, &State::Absent).is_ok());
        assert!(step.still_fits(&planned, &State::Present(grant("app").wanted)).is_ok());
        let failure = step.still_fits(&planned, &State::Present(grant("web").wanted)).unwrap_err();
        assert_eq!(failure.code().id, "EC2012");
    }

    #[test]
    fn a_change_that_ec_iam_does_not_plan_is_refused() {
        let good = grant("app").change(&State::Absent).unwrap();
        assert!(Step::of(&good).is_ok());
        for change in [
            Change::new("create", "admin user", ChangeState::Planned),
            Change { id: Some("role/app/AdministratorAccess".into()), ..good.clone() },
            Change { id: Some("everybody/x".into()), ..good.clone() },
            Change { id: Some("role/app/ec-iam-connect-us-east-1-serverlesscache-web-app".into()), ..good.clone() },
            Change {
                after: Some(serde_json::json!({"Statement": {"Effect": "Allow", "Action": "*", "Resource": "*"}})),
                ..good.clone()
            },
            Change { after: None, ..good.clone() },
            Change { action: "detach".into(), ..good },
        ] {
            assert_eq!(Step::of(&change).unwrap_err().code().id, "EC9009");
        }
    }

    #[test]
    fn a_plan_is_open_while_work_is_left_and_so_is_a_run_that_did_not_end() {
        let mut section = Section::new("plan", Status::Planned);
        assert!(!is_open(&section));
        section.changes.push(grant("app").change(&State::Absent).unwrap());
        assert!(is_open(&section));
        for (command, state, expected) in [
            ("plan", ChangeState::Failed, false),
            ("apply", ChangeState::Planned, true),
            ("apply", ChangeState::Failed, true),
            ("apply", ChangeState::Unknown, true),
            ("apply", ChangeState::Done, false),
            ("apply", ChangeState::Unchanged, false),
            ("revoke", ChangeState::Failed, false),
        ] {
            section.command = command.into();
            section.changes[0].state = state;
            assert_eq!(is_open(&section), expected, "{command} {state:?}");
        }
    }

    #[test]
    fn what_somebody_else_has_made_in_another_form_is_in_the_way() {
        for (id, there, wanted) in [
            ("role/app", json!({"Statement": []}), json!({"Statement": [{"Effect": "Allow"}]})),
            ("role/app/permissions-boundary", json!("arn:aws:iam::aws:policy/A"), json!("arn:aws:iam::aws:policy/B")),
            ("permission-set/X/inline-policy", json!({"Statement": []}), grant("app").wanted),
            ("elasticache/user/app", json!({"authentication": "password"}), json!({"authentication": "iam"})),
        ] {
            let step = Step::new(Thing::parse(id).unwrap(), wanted);
            let finding = step.change(&State::Present(there)).unwrap_err();
            assert_eq!((finding.code.as_str(), finding.severity), ("EC2091", Severity::Error), "{id}");
        }
    }

    #[test]
    fn a_document_can_not_ask_for_what_no_flag_can() {
        let planned = |id: &str, after: Value| {
            let thing = Thing::parse(id).unwrap();
            let change = Change::new(thing.actions().0, thing.resource(), ChangeState::Planned).id(id);
            if after.is_null() { change } else { change.after(after) }
        };
        let everybody = policy::document([json!({"Effect": "Allow", "Principal": "*", "Action": "sts:AssumeRole"})]);
        let administrator = "arn:aws:iam::aws:policy/AdministratorAccess";
        let user = json!({"engine": "valkey", "authentication": "no-password", "access_string": "on ~* +@all"});
        for change in [
            planned("role/app", everybody),
            planned(&format!("role/app/{administrator}"), Value::Null),
            planned("role/app/arn:aws:iam::123456789012:policy/mine", Value::Null),
            planned("user/anna", json!({})),
            planned("elasticache/user/app", user),
        ] {
            assert_eq!(Step::of(&change).unwrap_err().code().id, "EC9009", "{change:?}");
        }
        assert!(Step::of(&planned(&format!("permission-set/Admins/{administrator}"), Value::Null)).is_ok());
    }
}
