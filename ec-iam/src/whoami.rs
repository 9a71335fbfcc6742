//! Which account, partition and Region the credentials reach, and what kind of credentials they are.

use ec_shared::document::{Finding, Section, Severity, Status};
use ec_shared::token::rfc3339;

use crate::cloud::Identity;
use crate::codes;
use crate::identity::{Caller, Kind};

/// The section of `whoami`.
pub fn section(identity: &Identity) -> Section {
    let caller = Caller::of(&identity.arn);
    let finding = advice(identity, &caller);
    let status = if caller.kind == Kind::Root { Status::No } else { Status::Ok };
    let mut section = Section::new("whoami", status)
        .fact("account", &identity.account)
        .fact("partition", &caller.partition)
        .fact("region", &identity.region)
        .fact("arn", &identity.arn)
        .fact("kind", caller.kind)
        .fact("credentials", if identity.is_temporary { "temporary" } else { "long_term" });
    let optional = [
        ("identity", caller.principal),
        ("session", caller.session),
        ("permission_set", caller.permission_set),
        ("expires_at", identity.expires_at.map(rfc3339)),
        ("endpoint_url", identity.endpoint_url.clone()),
    ];
    for (name, value) in optional {
        if let Some(value) = value {
            section = section.fact(name, value);
        }
    }
    section.findings.extend(finding);
    section
}

/// What to use instead, if something better is to be had.
fn advice(identity: &Identity, caller: &Caller) -> Option<Finding> {
    if caller.kind == Kind::Root {
        return Some(
            Finding::new(&codes::ROOT_USER, Severity::Error, "these are the root user's credentials")
                .evidence("arn", &identity.arn)
                .fix("work as a user of IAM Identity Center or under a role, and delete the root user's access keys"),
        );
    }
    (!identity.is_temporary).then(|| {
        Finding::new(
            &codes::LONG_TERM_KEY,
            Severity::Warning,
            "these are long-term credentials: a stolen copy never ends",
        )
        .evidence("arn", &identity.arn)
        .fix("use temporary credentials: aws login, aws configure sso, or a role on machines of AWS")
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::{Duration, SystemTime};

    fn identity(arn: &str, is_temporary: bool) -> Identity {
        Identity {
            arn: arn.into(),
            account: "123456789012".into(),
            region: "cn-north-1".into(),
            endpoint_url: None,
            is_temporary,
            expires_at: is_temporary.then(|| SystemTime::UNIX_EPOCH + Duration::from_secs(1_704_067_200)),
        }
    }

    #[test]
    fn a_role_session_is_fine_and_its_end_is_told() {
        let section = section(&identity("arn:aws-cn:sts::123456789012:assumed-role/app/cli", true));
        assert_eq!(section.status, Status::Ok);
        assert!(section.findings.is_empty());
        assert_eq!(section.facts["kind"], "role_session");
        assert_eq!(section.facts["partition"], "aws-cn");
        assert_eq!(section.facts["identity"], "role/app");
        assert_eq!(section.facts["expires_at"], "2024-01-01T00:00:00Z");
    }

    #[test]
    fn long_term_keys_are_a_warning_and_the_root_user_is_a_no() {
        let user = section(&identity("arn:aws:iam::123456789012:user/anna", false));
        assert_eq!((user.status, user.findings[0].code.as_str()), (Status::Ok, "EC2002"));
        for is_temporary in [true, false] {
            let root = section(&identity("arn:aws:iam::123456789012:root", is_temporary));
            assert_eq!((root.status, root.findings[0].code.as_str()), (Status::No, "EC2001"));
            assert_eq!(root.findings.len(), 1);
        }
    }
}
