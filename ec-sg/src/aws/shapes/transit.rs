//! Transit gateways, their attachments and routes.

use aws_sdk_ec2::types as ec2;

use crate::answers::{
    TransitGateway, TransitGatewayAssociation, TransitGatewayAttachment, TransitGatewayOptions, TransitGatewayRoute,
    TransitGatewayRouteAttachment, TransitGatewayVpcAttachment,
};

type Referencing = ec2::SecurityGroupReferencingSupportValue;

fn options(referencing: Option<Referencing>) -> TransitGatewayOptions {
    TransitGatewayOptions { security_group_referencing_support: referencing.map(|value| value.as_str().to_owned()) }
}

pub(in crate::aws) fn transit_gateway(from: ec2::TransitGateway) -> Option<TransitGateway> {
    Some(TransitGateway {
        transit_gateway_id: from.transit_gateway_id?,
        owner_id: from.owner_id,
        state: from.state.map(|state| state.as_str().to_owned()),
        options: from.options.map(|from| options(from.security_group_referencing_support)),
    })
}

pub(in crate::aws) fn vpc_attachment(from: ec2::TransitGatewayVpcAttachment) -> Option<TransitGatewayVpcAttachment> {
    Some(TransitGatewayVpcAttachment {
        transit_gateway_attachment_id: from.transit_gateway_attachment_id?,
        transit_gateway_id: from.transit_gateway_id?,
        vpc_id: from.vpc_id,
        state: from.state.map(|state| state.as_str().to_owned()),
        subnet_ids: from.subnet_ids.unwrap_or_default(),
        options: from.options.map(|from| options(from.security_group_referencing_support)),
    })
}

pub(in crate::aws) fn attachment(from: ec2::TransitGatewayAttachment) -> Option<TransitGatewayAttachment> {
    let association = |from: ec2::TransitGatewayAttachmentAssociation| TransitGatewayAssociation {
        transit_gateway_route_table_id: from.transit_gateway_route_table_id,
        state: from.state.map(|state| state.as_str().to_owned()),
    };
    Some(TransitGatewayAttachment {
        transit_gateway_attachment_id: from.transit_gateway_attachment_id?,
        transit_gateway_id: from.transit_gateway_id?,
        resource_type: from.resource_type.map(|kind| kind.as_str().to_owned()),
        resource_id: from.resource_id,
        state: from.state.map(|state| state.as_str().to_owned()),
        association: from.association.map(association),
    })
}

pub(in crate::aws) fn transit_route(from: ec2::TransitGatewayRoute) -> TransitGatewayRoute {
    let attachments = from.transit_gateway_attachments.unwrap_or_default().into_iter();
    let id = |each: ec2::TransitGatewayRouteAttachment| TransitGatewayRouteAttachment {
        transit_gateway_attachment_id: each.transit_gateway_attachment_id,
    };
    TransitGatewayRoute {
        destination_cidr_block: from.destination_cidr_block,
        state: from.state.map(|state| state.as_str().to_owned()),
        transit_gateway_attachments: attachments.map(id).collect(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_gateway_and_an_attachment_say_whether_groups_may_be_named_across() {
        let of_gateway =
            ec2::TransitGatewayOptions::builder().security_group_referencing_support(Referencing::Enable).build();
        let gateway = ec2::TransitGateway::builder().transit_gateway_id("tgw-1").options(of_gateway).build();
        let said = transit_gateway(gateway).unwrap().options.unwrap().security_group_referencing_support;
        assert_eq!(said.as_deref(), Some("enable"));
        let of_attachment = ec2::TransitGatewayVpcAttachmentOptions::builder()
            .security_group_referencing_support(Referencing::Disable)
            .build();
        let read = vpc_attachment(
            ec2::TransitGatewayVpcAttachment::builder()
                .transit_gateway_attachment_id("tgw-attach-1")
                .transit_gateway_id("tgw-1")
                .vpc_id("vpc-1")
                .state(ec2::TransitGatewayAttachmentState::Available)
                .subnet_ids("subnet-1")
                .options(of_attachment)
                .build(),
        )
        .unwrap();
        assert_eq!((read.state.as_deref(), read.subnet_ids[0].as_str()), (Some("available"), "subnet-1"));
        assert_eq!(read.options.unwrap().security_group_referencing_support.as_deref(), Some("disable"));
    }

    #[test]
    fn an_attachment_has_what_it_leads_to_and_the_table_that_routes_from_it() {
        let association = ec2::TransitGatewayAttachmentAssociation::builder()
            .transit_gateway_route_table_id("tgw-rtb-1")
            .state(ec2::TransitGatewayAssociationState::Associated)
            .build();
        let read = attachment(
            ec2::TransitGatewayAttachment::builder()
                .transit_gateway_attachment_id("tgw-attach-1")
                .transit_gateway_id("tgw-1")
                .resource_type(ec2::TransitGatewayAttachmentResourceType::Peering)
                .resource_id("tgw-2")
                .association(association)
                .build(),
        )
        .unwrap();
        assert_eq!((read.resource_type.as_deref(), read.resource_id.as_deref()), (Some("peering"), Some("tgw-2")));
        let association = read.association.unwrap();
        assert_eq!(association.transit_gateway_route_table_id.as_deref(), Some("tgw-rtb-1"));
        assert_eq!(association.state.as_deref(), Some("associated"));
    }

    #[test]
    fn a_route_names_the_attachments_that_it_leads_over() {
        let over = ec2::TransitGatewayRouteAttachment::builder().transit_gateway_attachment_id("tgw-attach-1").build();
        let read = transit_route(
            ec2::TransitGatewayRoute::builder()
                .destination_cidr_block("10.1.0.0/16")
                .state(ec2::TransitGatewayRouteState::Blackhole)
                .transit_gateway_attachments(over)
                .build(),
        );
        assert_eq!(read.destination_cidr_block.as_deref(), Some("10.1.0.0/16"));
        assert_eq!(read.state.as_deref(), Some("blackhole"));
        let over = read.transit_gateway_attachments[0].transit_gateway_attachment_id.as_deref();
        assert_eq!(over, Some("tgw-attach-1"));
    }
}
