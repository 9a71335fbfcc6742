//! Calls about one VPC, one prefix list, or what lies between VPCs.

use aws_sdk_ec2::types::{VpcAttributeName, VpcPeeringConnection, VpcPeeringConnectionStateReasonCode};
use ec_shared::Failure;

use super::{if_allowed, if_known};
use crate::answers::{Answers, AttributeBooleanValue};
use crate::aws::{AwsCloud, filter, shapes};

/// The most routes that an answer holds.
const ROUTES: i32 = 1000;

impl AwsCloud {
    pub(super) async fn stale_rules(&self, what: &str, vpc: &str) -> Result<Answers, Failure> {
        let pages = self.ec2.describe_stale_security_groups().vpc_id(vpc).into_paginator().items().send();
        let found = self.call("ec2", "DescribeStaleSecurityGroups", what, pages.try_collect()).await?;
        Ok(Answers { stale_security_group_set: Some(shapes::each(found, shapes::stale_group)), ..Answers::default() })
    }

    pub(super) async fn dns_support(&self, what: &str, vpc: &str) -> Result<Answers, Failure> {
        let call = self.ec2.describe_vpc_attribute().vpc_id(vpc).attribute(VpcAttributeName::EnableDnsSupport);
        let said = self.call("ec2", "DescribeVpcAttribute", what, call.send()).await?.enable_dns_support;
        let enable_dns_support = said.map(|said| AttributeBooleanValue { value: said.value });
        Ok(Answers { vpc_id: Some(vpc.to_owned()), enable_dns_support, ..Answers::default() })
    }

    pub(super) async fn dns_hostnames(&self, what: &str, vpc: &str) -> Result<Answers, Failure> {
        let call = self.ec2.describe_vpc_attribute().vpc_id(vpc).attribute(VpcAttributeName::EnableDnsHostnames);
        let said = self.call("ec2", "DescribeVpcAttribute", what, call.send()).await?.enable_dns_hostnames;
        let enable_dns_hostnames = said.map(|said| AttributeBooleanValue { value: said.value });
        Ok(Answers { vpc_id: Some(vpc.to_owned()), enable_dns_hostnames, ..Answers::default() })
    }

    /// The peering connections between two VPCs, and what they are attached to: a route may lead over either. That nothing
    /// joins them takes both answers; where a peering connection does, the other is an addition.
    pub(super) async fn peerings(&self, what: &str, one: &str, other: &str) -> Result<Answers, Failure> {
        let both = || vec![one.to_owned(), other.to_owned()];
        let call = self.ec2.describe_vpc_peering_connections();
        let call = call.filters(filter("requester-vpc-info.vpc-id", both()));
        let pages = call.filters(filter("accepter-vpc-info.vpc-id", both())).into_paginator().items().send();
        let peerings = self.call("ec2", "DescribeVpcPeeringConnections", what, pages.try_collect());

        let call = self.ec2.describe_transit_gateway_vpc_attachments().filters(filter("vpc-id", both()));
        let pages = call.into_paginator().items().send();
        let attachments = self.call("ec2", "DescribeTransitGatewayVpcAttachments", what, pages.try_collect());

        let (peerings, attachments) = tokio::join!(peerings, attachments);
        let peerings: Vec<_> = peerings?;
        let attachments = if peerings.iter().any(joins) { if_allowed(attachments) } else { if_known(attachments) };
        Ok(Answers {
            vpc_peering_connections: Some(shapes::each(peerings, shapes::peering)),
            transit_gateway_vpc_attachments: attachments?.map(|found| shapes::each(found, shapes::vpc_attachment)),
            ..Answers::default()
        })
    }

    pub(super) async fn transit_gateway(&self, what: &str, id: &str) -> Result<Answers, Failure> {
        let of = || filter("transit-gateway-id", vec![id.to_owned()]);
        let pages = self.ec2.describe_transit_gateways().transit_gateway_ids(id).into_paginator().items().send();
        let gateways = self.call("ec2", "DescribeTransitGateways", what, pages.try_collect());

        let pages = self.ec2.describe_transit_gateway_attachments().filters(of()).into_paginator().items().send();
        let attachments = self.call("ec2", "DescribeTransitGatewayAttachments", what, pages.try_collect());

        let pages = self.ec2.describe_transit_gateway_vpc_attachments().filters(of()).into_paginator().items().send();
        let of_vpcs = self.call("ec2", "DescribeTransitGatewayVpcAttachments", what, pages.try_collect());

        let (gateways, attachments, of_vpcs) = tokio::try_join!(gateways, attachments, of_vpcs)?;
        Ok(Answers {
            transit_gateways: Some(shapes::each(gateways, shapes::transit_gateway)),
            transit_gateway_attachments: Some(shapes::each(attachments, shapes::attachment)),
            transit_gateway_vpc_attachments: Some(shapes::each(of_vpcs, shapes::vpc_attachment)),
            ..Answers::default()
        })
    }

    pub(super) async fn transit_gateway_routes(&self, what: &str, table: &str) -> Result<Answers, Failure> {
        let states = filter("state", vec!["active".to_owned(), "blackhole".to_owned()]);
        let call = self.ec2.search_transit_gateway_routes().transit_gateway_route_table_id(table).filters(states);
        let pages = call.into_paginator().page_size(ROUTES).send();
        let pages: Vec<_> = self.call("ec2", "SearchTransitGatewayRoutes", what, pages.try_collect()).await?;
        // Every page but the last says that there are more.
        let additional_routes_available = pages.last().and_then(|page| page.additional_routes_available);
        let routes = pages.into_iter().flat_map(|page| page.routes.unwrap_or_default());
        Ok(Answers {
            transit_gateway_route_table_id: Some(table.to_owned()),
            routes: Some(routes.map(shapes::transit_route).collect()),
            additional_routes_available,
            ..Answers::default()
        })
    }

    pub(super) async fn prefix_list(&self, what: &str, id: &str) -> Result<Answers, Failure> {
        let pages = self.ec2.get_managed_prefix_list_entries().prefix_list_id(id).into_paginator().items().send();
        let entries = self.call("ec2", "GetManagedPrefixListEntries", what, pages.try_collect()).await?;
        Ok(Answers {
            prefix_list_id: Some(id.to_owned()),
            entries: Some(shapes::each(entries, shapes::prefix_list_entry)),
            ..Answers::default()
        })
    }

    pub(super) async fn prefix_list_size(&self, what: &str, id: &str) -> Result<Answers, Failure> {
        let pages = self.ec2.describe_managed_prefix_lists().prefix_list_ids(id).into_paginator().items().send();
        let lists = self.call("ec2", "DescribeManagedPrefixLists", what, pages.try_collect()).await?;
        Ok(Answers { prefix_lists: Some(shapes::each(lists, shapes::prefix_list)), ..Answers::default() })
    }
}

/// Whether a peering connection is there to stay, accepted or not yet.
fn joins(peering: &VpcPeeringConnection) -> bool {
    let code = peering.status.as_ref().and_then(|status| status.code.as_ref());
    matches!(
        code,
        Some(VpcPeeringConnectionStateReasonCode::Active | VpcPeeringConnectionStateReasonCode::PendingAcceptance)
    )
}
