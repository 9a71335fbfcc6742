//! What the resource of a request tells of its context.

use crate::evaluate::Context;

/// The key that AWS adds to a request to create a service-linked role, and its value: the service, whose name stands in
/// the path of the role that is asked about. `None` if the key is known otherwise.
///
/// Source: <https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_iam-condition-keys.html>
pub(super) fn implied<'a>(action: &str, resource: &'a str, known: &Context) -> Option<(&'static str, &'a str)> {
    let is_asked = action.eq_ignore_ascii_case("iam:CreateServiceLinkedRole");
    if !is_asked || known.values("iam:awsservicename").is_some() {
        return None;
    }
    let role = resource.split_once(":role/aws-service-role/")?.1;
    let (service, _) = role.split_once('/')?;
    (!service.is_empty()).then_some(("iam:AWSServiceName", service))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_path_of_a_service_linked_role_names_its_service() {
        let role =
            "arn:aws:iam::123456789012:role/aws-service-role/elasticache.amazonaws.com/AWSServiceRoleForElastiCache";
        let nothing = Context::default();
        let named = Some(("iam:AWSServiceName", "elasticache.amazonaws.com"));
        assert_eq!(implied("iam:CreateServiceLinkedRole", role, &nothing), named);
        assert_eq!(implied("IAM:createservicelinkedrole", role, &nothing), named);
        assert_eq!(implied("iam:DeleteServiceLinkedRole", role, &nothing), None);
        assert_eq!(implied("iam:CreateServiceLinkedRole", "arn:aws:iam::123456789012:role/app", &nothing), None);
        assert_eq!(implied("iam:CreateServiceLinkedRole", "*", &nothing), None);
        let given = Context::new([("iam:AWSServiceName", vec!["rds.amazonaws.com"])]);
        assert_eq!(implied("iam:CreateServiceLinkedRole", role, &given), None);
    }
}
