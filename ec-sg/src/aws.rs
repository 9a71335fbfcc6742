//! The only place that knows the AWS SDK: asks (`fetch`), writes, and turns what comes back into the shapes of
//! [`answers`](crate::answers) at once (`shapes`).

mod batch;
mod fetch;
mod shapes;

use std::cell::RefCell;
use std::error::Error;

use aws_sdk_ec2::error::{ProvideErrorMetadata, SdkError};
use aws_sdk_ec2::types as ec2;
use ec_shared::aws::Aws;
use ec_shared::{Failure, codes as shared};

use crate::answers::Answers;
use crate::cloud::{Cloud, Label, TAG, Told};
use crate::need::Need;
use crate::rule::{Direction, Opening, Rule};
use crate::snapshot::Snapshot;

/// AWS's code for a call that was only tried, and would have been allowed.
const WOULD_BE_ALLOWED: &str = "DryRunOperation";

/// EC2 and ElastiCache of one Region.
#[derive(Debug)]
pub(crate) struct AwsCloud {
    aws: Aws,
    ec2: aws_sdk_ec2::Client,
    elasticache: aws_sdk_elasticache::Client,
    asked: RefCell<batch::Asked>,
}

impl AwsCloud {
    /// A Region that was not asked yet.
    pub(crate) fn new(aws: Aws) -> Self {
        let ec2 = aws_sdk_ec2::config::Builder::from(aws.sdk()).interceptor(aws.calls()).build();
        let elasticache = aws_sdk_elasticache::config::Builder::from(aws.sdk()).interceptor(aws.calls()).build();
        Self {
            aws,
            ec2: aws_sdk_ec2::Client::from_conf(ec2),
            elasticache: aws_sdk_elasticache::Client::from_conf(elasticache),
            asked: RefCell::default(),
        }
    }

    /// The address of the API, where it is not AWS's own.
    pub(crate) fn endpoint_url(&self) -> Option<&str> {
        self.aws.endpoint_url()
    }

    /// Has a call done. `what` says what is tried on what.
    async fn call<T, E>(
        &self,
        service: &str,
        operation: &str,
        what: &str,
        call: impl Future<Output = Result<T, SdkError<E>>>,
    ) -> Result<T, Failure>
    where
        E: ProvideErrorMetadata + Error + 'static,
    {
        call.await.map_err(|error| self.aws.failure(service, operation, what, &error))
    }

    /// The one call that adds rules, or with `dry_run` only tries whether it may. Both carry a tag: whether tags may be
    /// set is part of the question.
    async fn add(
        &self,
        openings: &[Opening],
        label: Option<&Label>,
        dry_run: Option<bool>,
    ) -> Result<Vec<ec2::SecurityGroupRule>, Failure> {
        let Some(Opening { group, direction, .. }) = openings.first() else { return Ok(Vec::new()) };
        let description = label.map(|label| label.description.as_str());
        let permissions: Vec<_> = openings.iter().map(|opening| shapes::permission(opening, description)).collect();
        let tag = ec2::Tag::builder().key(TAG).value(label.map(|label| label.tag.as_str()).unwrap_or_default()).build();
        let tags =
            ec2::TagSpecification::builder().resource_type(ec2::ResourceType::SecurityGroupRule).tags(tag).build();
        let what = format!("cannot add a rule to {group}");
        let made = match direction {
            Direction::Ingress => {
                let call = self.ec2.authorize_security_group_ingress().group_id(group).tag_specifications(tags);
                let call = call.set_ip_permissions(Some(permissions)).set_dry_run(dry_run).send();
                self.call("ec2", "AuthorizeSecurityGroupIngress", &what, call).await?.security_group_rules
            }
            Direction::Egress => {
                let call = self.ec2.authorize_security_group_egress().group_id(group).tag_specifications(tags);
                let call = call.set_ip_permissions(Some(permissions)).set_dry_run(dry_run).send();
                self.call("ec2", "AuthorizeSecurityGroupEgress", &what, call).await?.security_group_rules
            }
        };
        Ok(made.unwrap_or_default())
    }
}

impl Cloud for AwsCloud {
    fn region(&self) -> Option<&str> {
        Some(self.aws.region())
    }

    async fn fetch(&self, needs: Vec<Need>) -> Vec<Told> {
        self.tell(needs).await
    }

    async fn authorize(&self, openings: &[Opening], label: &Label) -> Result<Vec<Rule>, Failure> {
        let made = self.add(openings, Some(label), None).await?;
        Ok(openings.first().map(|opening| rules(&opening.group, made)).unwrap_or_default())
    }

    async fn may_authorize(&self, openings: &[Opening]) -> Result<(), Failure> {
        let Some(opening) = openings.first() else { return Ok(()) };
        match self.add(openings, None, Some(true)).await {
            Err(failure) if failure.aws_code() == Some(WOULD_BE_ALLOWED) => Ok(()),
            Err(failure) => Err(failure),
            Ok(_) => {
                let what = format!("cannot ask whether a rule may be added to {}", opening.group);
                Err(Failure::new(&shared::REFUSED, what)
                    .because("the endpoint does not know DryRun: it added the rule"))
            }
        }
    }

    async fn revoke(&self, group: &str, direction: Direction, ids: &[String]) -> Result<(), Failure> {
        let what = format!("cannot take {} away from {group}", ids.join(", "));
        let ids = Some(ids.to_vec());
        match direction {
            Direction::Ingress => {
                let call = self.ec2.revoke_security_group_ingress().group_id(group).set_security_group_rule_ids(ids);
                self.call("ec2", "RevokeSecurityGroupIngress", &what, call.send()).await?;
            }
            Direction::Egress => {
                let call = self.ec2.revoke_security_group_egress().group_id(group).set_security_group_rule_ids(ids);
                self.call("ec2", "RevokeSecurityGroupEgress", &what, call.send()).await?;
            }
        }
        Ok(())
    }

    async fn set_groups(&self, interface: &str, groups: &[String]) -> Result<(), Failure> {
        let what = format!("cannot give {interface} the groups {}", groups.join(", "));
        let call = self.ec2.modify_network_interface_attribute().network_interface_id(interface);
        let call = call.set_groups(Some(groups.to_vec())).send();
        self.call("ec2", "ModifyNetworkInterfaceAttribute", &what, call).await.map(drop)
    }
}

/// Rules that were made, as the snapshot reads them. They stand: one that cannot be read is no failure.
fn rules(group: &str, made: Vec<ec2::SecurityGroupRule>) -> Vec<Rule> {
    let made = shapes::each(made, shapes::rule);
    let mut snapshot = Snapshot::default();
    let answers = Answers { security_group_rules: Some(made), ..Answers::default() };
    let read = snapshot.take(answers).is_ok();
    snapshot.rules(group).ok().filter(|_| read).map(<[Rule]>::to_vec).unwrap_or_default()
}

/// A filter of EC2's that lets any of these values through.
fn filter(name: &str, values: Vec<String>) -> ec2::Filter {
    ec2::Filter::builder().name(name).set_values(Some(values)).build()
}
