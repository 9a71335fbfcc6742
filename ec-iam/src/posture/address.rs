//! The addresses where people sign in, and what they tell the AWS CLI. Each partition has its own.
//!
//! Sources: <https://docs.aws.amazon.com/IAM/latest/UserGuide/console_account-alias.html>,
//! <https://docs.aws.amazon.com/signin/latest/userguide/sign-in-urls-defined.html>,
//! <https://docs.amazonaws.cn/en_us/aws/latest/userguide/iam-identity-center.html>,
//! <https://docs.aws.amazon.com/govcloud-us/latest/UserGuide/govcloud-sso.html>; names and questions are those of
//! <https://docs.aws.amazon.com/cli/latest/userguide/cli-configure-sso.html>.

/// Where IAM users of an account sign in; `name` is its alias, or its id, which stays valid beside an alias.
pub(super) fn sign_in(partition: &str, name: &str) -> Option<String> {
    let domain = match partition {
        "aws" => "signin.aws.amazon.com",
        "aws-cn" => "signin.amazonaws.cn",
        "aws-us-gov" => "signin.amazonaws-us-gov.com",
        _ => return None,
    };
    Some(format!("https://{name}.{domain}/console"))
}

/// The console.
pub(super) fn console(partition: &str) -> Option<&'static str> {
    match partition {
        "aws" => Some("https://console.aws.amazon.com"),
        "aws-cn" => Some("https://console.amazonaws.cn"),
        "aws-us-gov" => Some("https://console.amazonaws-us-gov.com"),
        _ => None,
    }
}

/// The access portal of an identity store. A name that an administrator has chosen for it is in no API; this address
/// stays valid beside it.
pub(super) fn portal(partition: &str, identity_store: &str) -> Option<String> {
    match partition {
        "aws" => Some(format!("https://{identity_store}.awsapps.com/start")),
        "aws-cn" => Some(format!("https://start.home.awsapps.cn/directory/{identity_store}")),
        "aws-us-gov" => Some(format!("https://start.us-gov-home.awsapps.com/directory/{identity_store}")),
        _ => None,
    }
}

/// What `aws configure sso` writes into `~/.aws/config`, by the names that it has there.
pub(super) fn configuration(
    portal: &str,
    region: &str,
    account: Option<&str>,
    role: Option<&str>,
) -> Vec<(&'static str, String)> {
    let lines = [
        ("sso_start_url", Some(portal)),
        ("sso_region", Some(region)),
        ("sso_registration_scopes", Some("sso:account:access")),
        ("sso_account_id", account),
        ("sso_role_name", role),
    ];
    lines.into_iter().filter_map(|(name, value)| Some((name, value?.to_owned()))).collect()
}

/// How `aws configure sso` asks for it.
pub(super) fn question(name: &str) -> &str {
    match name {
        "sso_start_url" => "SSO start URL",
        "sso_region" => "SSO region",
        "sso_registration_scopes" => "SSO registration scopes",
        "sso_account_id" => "account",
        "sso_role_name" => "role",
        other => other,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_partition_has_its_own_addresses_and_none_is_made_up() {
        for (partition, expected) in [
            ("aws", "https://acme.signin.aws.amazon.com/console https://d-1.awsapps.com/start"),
            ("aws-cn", "https://acme.signin.amazonaws.cn/console https://start.home.awsapps.cn/directory/d-1"),
            (
                "aws-us-gov",
                "https://acme.signin.amazonaws-us-gov.com/console https://start.us-gov-home.awsapps.com/directory/d-1",
            ),
        ] {
            let addresses = [sign_in(partition, "acme").unwrap(), portal(partition, "d-1").unwrap()];
            assert_eq!(addresses.join(" "), expected);
            assert!(console(partition).is_some());
        }
        assert_eq!((sign_in("aws-iso", "acme"), portal("aws-iso", "d-1"), console("aws-iso")), (None, None, None));
    }
}
