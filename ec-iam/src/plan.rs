//! What is wanted, and the changes that lead there.

use ec_shared::Failure;
use ec_shared::document::{Change, ChangeState, Section};
use serde_json::Value;

use crate::arn::CacheArn;
use crate::codes;
use crate::policy;
use crate::principal::Principal;

/// How a change names the service-linked role.
pub const SERVICE_LINKED_ROLE: &str = "service-linked role of elasticache.amazonaws.com";

/// One thing that is to be there in the end.
#[derive(Clone, Debug, PartialEq)]
pub enum Step {
    /// ElastiCache's service-linked role.
    ServiceLinkedRole,
    /// The permission to connect.
    Grant(Grant),
}

/// A principal's permission to connect to one cache as one user.
#[derive(Clone, Debug, PartialEq)]
pub struct Grant {
    /// Who is allowed.
    pub principal: Principal,
    /// The name of the inline policy.
    pub name: String,
    /// The policy.
    pub policy: Value,
}

/// What there is now of what a step wants.
#[derive(Clone, Debug, PartialEq)]
pub enum Present {
    /// The ARN of the service-linked role.
    Role(Option<String>),
    /// The inline policy of the grant's name.
    Policy(Option<Value>),
}

impl Grant {
    /// The permission for `principal` to connect to `cache` as `user`.
    pub fn new(principal: Principal, cache: &CacheArn, user: &str) -> Self {
        Self { principal, name: policy::name(cache, user), policy: policy::connect(cache, user) }
    }

    /// What a change says that it changes.
    pub fn resource(&self) -> String {
        format!("inline policy {} of {}", self.name, self.principal)
    }

    /// `role/app/ec-iam-connect-…`: neither names of principals nor of policies have a slash.
    pub fn id(&self) -> String {
        format!("{}/{}", self.principal, self.name)
    }

    /// The principal and the policy's name in an id. Names that ec-iam does not give are none of its business.
    pub fn read_id(id: &str) -> Option<(Principal, &str)> {
        let (principal, name) = id.rsplit_once('/')?;
        let principal = Principal::parse(principal).ok()?;
        name.starts_with(policy::NAME_PREFIX).then_some((principal, name))
    }
}

impl Step {
    /// Whether nothing is left to do.
    pub fn is_met_by(&self, present: &Present) -> bool {
        match (self, present) {
            (Self::ServiceLinkedRole, Present::Role(arn)) => arn.is_some(),
            (Self::Grant(grant), Present::Policy(Some(policy))) => policy::is_same(policy, &grant.policy),
            _ => false,
        }
    }

    /// The change from what is present to what is wanted: planned, or unchanged if nothing is left to do.
    pub fn change(&self, present: &Present) -> Change {
        let state = if self.is_met_by(present) { ChangeState::Unchanged } else { ChangeState::Planned };
        let change = match self {
            Self::ServiceLinkedRole => Change::new("create", SERVICE_LINKED_ROLE, state)
                .reason("ElastiCache manages network interfaces and security groups of caches under it"),
            Self::Grant(grant) => Change::new("attach", grant.resource(), state)
                .id(grant.id())
                .after(&grant.policy)
                .reason("AWS checks elasticache:Connect on the cache and on the user at every IAM login"),
        };
        match present {
            Present::Role(Some(arn)) => change.id(arn),
            Present::Policy(Some(policy)) if state == ChangeState::Planned => change.before(policy),
            _ => change,
        }
    }

    /// The step of a planned change. A document is no permit: only what ec-iam itself would plan is taken from it.
    ///
    /// # Errors
    /// `EC9009` if the change is none that ec-iam plans.
    pub fn of(change: &Change) -> Result<Self, Failure> {
        let strange = || {
            Failure::new(&ec_shared::codes::FIELD, format!("cannot apply the planned change `{}`", change.resource))
                .because("it is none that `ec-iam plan` writes")
                .hint("run `ec-iam plan` again")
        };
        if change.action == "create" && change.resource == SERVICE_LINKED_ROLE {
            return Ok(Self::ServiceLinkedRole);
        }
        let (principal, name) = change.id.as_deref().and_then(Grant::read_id).ok_or_else(strange)?;
        let (cache, user) = change.after.as_ref().and_then(policy::read_connect).ok_or_else(strange)?;
        let grant = Grant::new(principal, &cache, &user);
        if change.action == "attach" && grant.name == name { Ok(Self::Grant(grant)) } else { Err(strange()) }
    }

    /// Refuses a planned change whose starting point is no longer what it was.
    ///
    /// # Errors
    /// `EC2012`.
    pub fn still_fits(&self, planned: &Change, present: &Present) -> Result<(), Failure> {
        let Present::Policy(now) = present else { return Ok(()) };
        let fits = match (&planned.before, now) {
            (None, None) => true,
            (Some(before), Some(now)) => policy::is_same(before, now),
            _ => false,
        };
        if fits || self.is_met_by(present) {
            return Ok(());
        }
        Err(Failure::new(&codes::STALE_PLAN, format!("cannot change the {} as planned", planned.resource))
            .because("it has changed since the plan was made")
            .hint("run `ec-iam plan` again, and look at what it says"))
    }
}

/// Whether a section is a plan with work left.
pub fn is_open(section: &Section) -> bool {
    section.command == "plan" && section.changes.iter().any(|change| change.state == ChangeState::Planned)
}

#[cfg(test)]
mod tests {
    use super::*;
    use ec_shared::document::Status;

    fn grant(user: &str) -> Step {
        let cache = CacheArn::parse("arn:aws:elasticache:us-east-1:123456789012:serverlesscache:orders").unwrap();
        Step::Grant(Grant::new(Principal::parse("role/app").unwrap(), &cache, user))
    }

    #[test]
    fn a_planned_change_says_all_that_its_step_needs() {
        for (step, present) in [(Step::ServiceLinkedRole, Present::Role(None)), (grant("app"), Present::Policy(None))] {
            let change = step.change(&present);
            assert_eq!(change.state, ChangeState::Planned);
            assert_eq!(Step::of(&change).unwrap(), step);
        }
    }

    #[test]
    fn what_is_there_is_left_alone() {
        let Step::Grant(wanted) = grant("app") else { panic!() };
        let present = Present::Policy(Some(wanted.policy));
        assert_eq!(grant("app").change(&present).state, ChangeState::Unchanged);
        let arn =
            "arn:aws:iam::123456789012:role/aws-service-role/elasticache.amazonaws.com/AWSServiceRoleForElastiCache";
        let change = Step::ServiceLinkedRole.change(&Present::Role(Some(arn.into())));
        assert_eq!((change.state, change.id.as_deref()), (ChangeState::Unchanged, Some(arn)));
    }

    #[test]
    fn another_policy_of_the_name_is_kept_as_before() {
        let Step::Grant(old) = grant("web") else { panic!() };
        let change = grant("app").change(&Present::Policy(Some(old.policy.clone())));
        assert_eq!((change.state, change.before), (ChangeState::Planned, Some(old.policy)));
    }

    #[test]
    fn a_plan_fits_while_its_starting_point_stays() {
        let Step::Grant(old) = grant("web") else { panic!() };
        let Step::Grant(new) = grant("app") else { panic!() };
        let none = Present::Policy(None);
        let step = grant("app");
        let planned = step.change(&none);
        assert!(step.still_fits(&planned, &none).is_ok());
        assert!(step.still_fits(&planned, &Present::Policy(Some(new.policy))).is_ok());
        let failure = step.still_fits(&planned, &Present::Policy(Some(old.policy))).unwrap_err();
        assert_eq!(failure.code().id, "EC2012");
    }

    #[test]
    fn a_change_that_ec_iam_does_not_plan_is_refused() {
        let good = grant("app").change(&Present::Policy(None));
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
    fn only_a_plan_with_work_left_is_a_plan() {
        let mut section = Section::new("plan", Status::Planned);
        assert!(!is_open(&section));
        section.changes.push(grant("app").change(&Present::Policy(None)));
        assert!(is_open(&section));
        section.command = "apply".into();
        assert!(!is_open(&section));
    }
}
