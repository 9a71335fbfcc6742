//! An account on paper.

use std::cell::{Cell, RefCell};
use std::collections::HashMap;
use std::time::Duration;

use ec_shared::failure::AwsError;
use ec_shared::{Failure, codes as shared};

use super::Answer;
use super::credentials::CredentialReport;
use super::source::{Assignment, Instance, Source, Summary, Who};
use crate::checks::{Check, Checks};
use crate::cloud::Identity;

pub(super) const HEADER: &str = "user,arn,user_creation_time,password_enabled,password_last_used,password_last_changed,\
    password_next_rotation,mfa_active,access_key_1_active,access_key_1_last_rotated,access_key_1_last_used_date,\
    access_key_1_last_used_region,access_key_1_last_used_service,access_key_2_active,access_key_2_last_rotated,\
    access_key_2_last_used_date,access_key_2_last_used_region,access_key_2_last_used_service,cert_1_active,\
    cert_1_last_rotated,cert_2_active,cert_2_last_rotated";

pub(super) const INSTANCE: &str = "arn:aws:sso:::instance/ssoins-1";
pub(super) const SET: &str = "arn:aws:sso:::permissionSet/ssoins-1/ps-1";
pub(super) const ADMINISTRATOR: &str = "arn:aws:iam::aws:policy/AdministratorAccess";
pub(super) const ROLE: &str =
    "arn:aws:iam::123456789012:role/aws-reserved/sso.amazonaws.com/eu-west-1/AWSReservedSSO_Admins_0123456789abcdef";

/// A report with these rows.
pub(super) fn report(rows: &[&str]) -> CredentialReport {
    let text = std::iter::once(HEADER).chain(rows.iter().copied()).collect::<Vec<_>>().join("\n");
    CredentialReport::parse(text.as_bytes(), None, "it").unwrap()
}

/// A row: name, password, MFA, and the day that its one key was made on.
pub(super) fn row(user: &str, password: bool, mfa: bool, key: Option<&str>) -> String {
    let (active, made) = key.map_or(("false", "N/A".to_owned()), |day| ("true", format!("{day}T00:00:00+00:00")));
    format!(
        "{user},arn:aws:iam::123456789012:user/{user},2020-01-01T00:00:00+00:00,{password},no_information,N/A,N/A,{mfa},\
         {active},{made},N/A,N/A,N/A,false,N/A,N/A,N/A,N/A,false,N/A,false,N/A"
    )
}

/// The root user's row: its password, MFA, when the password was last used, and whether it has a key.
pub(super) fn root(password: &str, mfa: bool, used: &str, key: bool) -> String {
    format!(
        "<root_account>,arn:aws:iam::123456789012:root,2020-01-01T00:00:00+00:00,{password},{used},not_supported,\
         not_supported,{mfa},{key},N/A,N/A,N/A,N/A,false,N/A,N/A,N/A,N/A,false,N/A,false,N/A"
    )
}

/// AWS's refusal of a call.
pub(super) fn denied(service: &str, operation: &str) -> Failure {
    Failure::new(&shared::ACCESS_DENIED, "cannot ask").aws(AwsError {
        service: service.to_owned(),
        operation: operation.to_owned(),
        code: Some("AccessDenied".to_owned()),
        request_id: None,
        attempts: 1,
    })
}

/// An account in order, where a test does not say otherwise: a role session asks, the root user has MFA, and a group
/// administers through Identity Center.
#[derive(Debug)]
pub(super) struct Fake {
    pub(super) who: Answer<Who>,
    pub(super) summary: Answer<Summary>,
    pub(super) report: Answer<CredentialReport>,
    /// Which look for the report is the first to find it.
    pub(super) reports_after: Cell<usize>,
    pub(super) generate: Answer<()>,
    pub(super) alias: Answer<Option<String>>,
    pub(super) roles: Answer<Vec<String>>,
    pub(super) policies_of_role: Answer<HashMap<String, Vec<String>>>,
    pub(super) instances: Answer<Vec<Instance>>,
    pub(super) sets: Answer<Vec<String>>,
    pub(super) name: Answer<String>,
    pub(super) policies_of_set: Answer<Vec<String>>,
    pub(super) assignments: Answer<Vec<Assignment>>,
    pub(super) paused: Cell<Duration>,
    pub(super) asked: RefCell<Vec<&'static str>>,
}

impl Default for Fake {
    fn default() -> Self {
        Self {
            who: Ok(Who::Present(Identity {
                arn: "arn:aws:sts::123456789012:assumed-role/ops/cli".into(),
                account: "123456789012".into(),
                region: "us-east-1".into(),
                endpoint_url: None,
                is_temporary: true,
                expires_at: None,
            })),
            summary: Ok(Summary { has_mfa: Some(true), has_password: Some(true), has_keys: Some(false) }),
            report: Ok(report(&[&root("true", true, "2020-01-01T00:00:00+00:00", false)])),
            reports_after: Cell::new(1),
            generate: Ok(()),
            alias: Ok(Some("acme".into())),
            roles: Ok(vec![ROLE.into()]),
            policies_of_role: Ok(HashMap::from([(
                "AWSReservedSSO_Admins_0123456789abcdef".into(),
                vec![ADMINISTRATOR.into()],
            )])),
            instances: Ok(vec![instance("ACTIVE")]),
            sets: Ok(vec![SET.into()]),
            name: Ok("Administrators".into()),
            policies_of_set: Ok(vec![ADMINISTRATOR.into()]),
            assignments: Ok(vec![Assignment { principal_type: "GROUP".into(), principal_id: "g-1".into() }]),
            paused: Cell::default(),
            asked: RefCell::default(),
        }
    }
}

pub(super) fn instance(status: &str) -> Instance {
    Instance { arn: INSTANCE.into(), identity_store: Some("d-1234567890".into()), status: status.into(), region: None }
}

/// The rows that `check` gives.
pub(super) fn rows(check: impl FnOnce(&mut Checks)) -> Vec<Check> {
    let mut checks = Checks::of("ec-iam check");
    check(&mut checks);
    let section = ec_shared::Section::new("check", ec_shared::document::Status::Ok);
    serde_json::from_value(checks.into_section(section).facts["checks"].clone()).unwrap()
}

impl Fake {
    pub(super) fn calls(&self) -> Vec<&'static str> {
        self.asked.borrow().clone()
    }

    fn note(&self, call: &'static str) {
        self.asked.borrow_mut().push(call);
    }
}

impl Source for Fake {
    fn center_region(&self) -> Option<String> {
        Some("us-east-1".to_owned())
    }

    fn who(&self) -> Answer<Who> {
        self.who.clone()
    }

    fn summary(&self) -> Answer<Summary> {
        self.summary.clone()
    }

    fn credential_report(&self) -> Answer<Option<CredentialReport>> {
        self.note("get");
        let looks = self.calls().iter().filter(|call| **call == "get").count();
        if looks < self.reports_after.get() { Ok(None) } else { self.report.clone().map(Some) }
    }

    fn generate_credential_report(&self) -> Answer<()> {
        self.note("generate");
        self.generate.clone()
    }

    fn alias(&self) -> Answer<Option<String>> {
        self.alias.clone()
    }

    fn roles_below(&self, path: &str) -> Answer<Vec<String>> {
        let roles = self.roles.clone()?;
        Ok(roles.into_iter().filter(|arn| arn.contains(&format!(":role{path}"))).collect())
    }

    fn policies_of_role(&self, role: &str) -> Answer<Vec<String>> {
        self.note("policies_of_role");
        self.policies_of_role.clone().map(|mut policies| policies.remove(role).unwrap_or_default())
    }

    fn instances(&self) -> Answer<Vec<Instance>> {
        self.instances.clone()
    }

    fn permission_sets(&self, instance: &str, account: &str) -> Answer<Vec<String>> {
        assert_eq!((instance, account), (INSTANCE, "123456789012"));
        self.sets.clone()
    }

    fn name_of_set(&self, _: &str, _: &str) -> Answer<String> {
        self.name.clone()
    }

    fn policies_of_set(&self, _: &str, _: &str) -> Answer<Vec<String>> {
        self.note("policies_of_set");
        self.policies_of_set.clone()
    }

    fn assignments(&self, _: &str, _: &str, _: &str) -> Answer<Vec<Assignment>> {
        self.assignments.clone()
    }

    fn pause(&self, time: Duration) {
        self.note("pause");
        self.paused.set(self.paused.get() + time);
    }
}
