use super::*;

#[test]
fn a_block_that_is_no_longer_associated_is_no_range_of_its_vpc() {
    use ec2::VpcCidrBlockStateCode::{Associated, Disassociated};
    let block = |cidr: &str, state| {
        let state = ec2::VpcCidrBlockState::builder().state(state).build();
        ec2::VpcCidrBlockAssociation::builder().cidr_block(cidr).cidr_block_state(state).build()
    };
    let read = vpc(ec2::Vpc::builder()
        .vpc_id("vpc-1")
        .cidr_block("10.0.0.0/16")
        .cidr_block_association_set(block("10.0.0.0/16", Associated))
        .cidr_block_association_set(block("10.9.0.0/16", Disassociated))
        .ipv6_cidr_block_association_set(
            ec2::VpcIpv6CidrBlockAssociation::builder().ipv6_cidr_block("2001:db8::/56").build(),
        )
        .build())
    .unwrap();
    let blocks: Vec<_> = read.cidr_block_association_set.iter().map(|each| each.cidr_block.as_str()).collect();
    assert_eq!(blocks, ["10.0.0.0/16"]);
    assert_eq!(read.ipv6_cidr_block_association_set[0].ipv6_cidr_block, "2001:db8::/56");
}

#[test]
fn a_subnet_has_its_blocks_its_zone_and_its_owner() {
    let over = ec2::SubnetCidrBlockState::builder().state(ec2::SubnetCidrBlockStateCode::Failed).build();
    let v6 = ec2::SubnetIpv6CidrBlockAssociation::builder().ipv6_cidr_block("2001:db8::/64");
    let read = subnet(
        ec2::Subnet::builder()
            .subnet_id("subnet-1")
            .availability_zone("us-east-1a")
            .owner_id("123456789012")
            .cidr_block("10.0.1.0/24")
            .ipv6_cidr_block_association_set(v6.ipv6_cidr_block_state(over).build())
            .build(),
    )
    .unwrap();
    assert_eq!((read.cidr_block.as_deref(), read.owner_id.as_deref()), (Some("10.0.1.0/24"), Some("123456789012")));
    assert_eq!(read.availability_zone.as_deref(), Some("us-east-1a"));
    assert!(read.ipv6_cidr_block_association_set.is_empty());
}

#[test]
fn a_network_acl_keeps_every_entry_and_its_subnets() {
    let entry = ec2::NetworkAclEntry::builder()
        .rule_number(100)
        .protocol("6")
        .rule_action(ec2::RuleAction::Deny)
        .egress(true)
        .cidr_block("10.0.0.0/8")
        .port_range(ec2::PortRange::builder().from(6379).to(6380).build());
    let read = network_acl(
        ec2::NetworkAcl::builder()
            .network_acl_id("acl-1")
            .is_default(true)
            .associations(ec2::NetworkAclAssociation::builder().subnet_id("subnet-1").build())
            .entries(entry.build())
            .entries(ec2::NetworkAclEntry::builder().build())
            .build(),
    )
    .unwrap();
    assert!(read.is_default);
    assert_eq!(read.associations[0].subnet_id.as_deref(), Some("subnet-1"));
    let entry = &read.entries[0];
    assert_eq!((entry.rule_number, entry.protocol.as_str(), entry.rule_action.as_str()), (100, "6", "deny"));
    let ports = entry.port_range.as_ref().unwrap();
    assert_eq!((entry.egress, ports.from, ports.to), (true, Some(6379), Some(6380)));
    assert_eq!(read.entries[1].rule_number, -1);
}

#[test]
fn a_route_table_has_its_routes_with_their_targets_and_says_whether_it_is_the_main_one() {
    let route = ec2::Route::builder()
        .destination_cidr_block("10.1.0.0/16")
        .vpc_peering_connection_id("pcx-1")
        .state(ec2::RouteState::Blackhole)
        .origin(ec2::RouteOrigin::CreateRoute);
    let over = ec2::RouteTableAssociationState::builder().state(ec2::RouteTableAssociationStateCode::Disassociated);
    let gone = ec2::RouteTableAssociation::builder().subnet_id("subnet-9").association_state(over.build());
    let read = route_table(
        ec2::RouteTable::builder()
            .route_table_id("rtb-1")
            .associations(gone.build())
            .associations(ec2::RouteTableAssociation::builder().main(true).build())
            .routes(route.build())
            .build(),
    )
    .unwrap();
    assert_eq!((read.associations.len(), read.associations[0].main), (1, true));
    let route = &read.routes[0];
    assert_eq!(route.vpc_peering_connection_id.as_deref(), Some("pcx-1"));
    assert_eq!((route.state.as_deref(), route.origin.as_deref()), (Some("blackhole"), Some("CreateRoute")));
}

#[test]
fn a_peering_connection_has_both_sides() {
    let side = |vpc: &str, block: &str| {
        ec2::VpcPeeringConnectionVpcInfo::builder()
            .vpc_id(vpc)
            .region("us-east-1")
            .cidr_block(block)
            .cidr_block_set(ec2::CidrBlock::builder().cidr_block(block).build())
            .ipv6_cidr_block_set(ec2::Ipv6CidrBlock::builder().ipv6_cidr_block("2001:db8::/56").build())
    };
    let options = ec2::VpcPeeringConnectionOptionsDescription::builder().allow_dns_resolution_from_remote_vpc(true);
    let status = ec2::VpcPeeringConnectionStateReason::builder()
        .code(ec2::VpcPeeringConnectionStateReasonCode::PendingAcceptance);
    let read = peering(
        ec2::VpcPeeringConnection::builder()
            .vpc_peering_connection_id("pcx-1")
            .status(status.build())
            .requester_vpc_info(side("vpc-1", "10.0.0.0/16").peering_options(options.build()).build())
            .accepter_vpc_info(side("vpc-2", "10.1.0.0/16").build())
            .build(),
    )
    .unwrap();
    assert_eq!(read.status.unwrap().code, "pending-acceptance");
    let (requester, accepter) = (read.requester_vpc_info.unwrap(), read.accepter_vpc_info.unwrap());
    assert_eq!((requester.vpc_id.as_deref(), accepter.vpc_id.as_deref()), (Some("vpc-1"), Some("vpc-2")));
    assert_eq!(requester.peering_options.unwrap().allow_dns_resolution_from_remote_vpc, Some(true));
    assert_eq!(accepter.cidr_block_set[0].cidr_block, "10.1.0.0/16");
    assert_eq!(accepter.ipv6_cidr_block_set[0].ipv6_cidr_block, "2001:db8::/56");
}
