//! Instances and network interfaces.

use aws_sdk_ec2::types as ec2;

use super::{group_id, listed, tag};
use crate::answers::{
    Instance, InstanceNetworkInterface, InstanceNetworkInterfaceAttachment, InstanceState, Ipv6Address,
    NetworkInterface, NetworkInterfaceAttachment, NetworkInterfacePrivateIpAddress, Reservation,
};

pub(in crate::aws) fn reservation(from: ec2::Reservation) -> Reservation {
    Reservation { instances: listed(from.instances, instance) }
}

fn instance(from: ec2::Instance) -> Option<Instance> {
    Some(Instance {
        instance_id: from.instance_id?,
        state: from.state.map(|state| InstanceState { name: state.name.map(|name| name.as_str().to_owned()) }),
        platform: from.platform.map(|platform| platform.as_str().to_owned()),
        vpc_id: from.vpc_id,
        subnet_id: from.subnet_id,
        private_ip_address: from.private_ip_address,
        security_groups: listed(from.security_groups, group_id),
        network_interfaces: listed(from.network_interfaces, |each| Some(instance_interface(each))),
        tags: listed(from.tags, tag),
    })
}

fn instance_interface(from: ec2::InstanceNetworkInterface) -> InstanceNetworkInterface {
    let address = |each: ec2::InstanceIpv6Address| each.ipv6_address.map(ipv6);
    InstanceNetworkInterface {
        network_interface_id: from.network_interface_id,
        attachment: from.attachment.map(|at| InstanceNetworkInterfaceAttachment { device_index: at.device_index }),
        ipv6_addresses: listed(from.ipv6_addresses, address),
    }
}

pub(in crate::aws) fn interface(from: ec2::NetworkInterface) -> Option<NetworkInterface> {
    let v4 = |each: ec2::NetworkInterfacePrivateIpAddress| {
        each.private_ip_address.map(|private_ip_address| NetworkInterfacePrivateIpAddress { private_ip_address })
    };
    let v6 = |each: ec2::NetworkInterfaceIpv6Address| each.ipv6_address.map(ipv6);
    Some(NetworkInterface {
        network_interface_id: from.network_interface_id?,
        vpc_id: from.vpc_id,
        subnet_id: from.subnet_id,
        description: from.description,
        interface_type: from.interface_type.map(|kind| kind.as_str().to_owned()),
        private_ip_address: from.private_ip_address,
        private_ip_addresses: listed(from.private_ip_addresses, v4),
        ipv6_addresses: listed(from.ipv6_addresses, v6),
        groups: listed(from.groups, group_id),
        attachment: from.attachment.map(|at| NetworkInterfaceAttachment { instance_id: at.instance_id }),
    })
}

fn ipv6(ipv6_address: String) -> Ipv6Address {
    Ipv6Address { ipv6_address }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_instance_keeps_its_state_its_name_and_the_place_of_each_interface() {
        let interface = ec2::InstanceNetworkInterface::builder()
            .network_interface_id("eni-1")
            .attachment(ec2::InstanceNetworkInterfaceAttachment::builder().device_index(1).build())
            .ipv6_addresses(ec2::InstanceIpv6Address::builder().ipv6_address("2001:db8::2").build())
            .build();
        let read = reservation(
            ec2::Reservation::builder()
                .instances(
                    ec2::Instance::builder()
                        .instance_id("i-1")
                        .state(ec2::InstanceState::builder().name(ec2::InstanceStateName::Terminated).build())
                        .platform("windows".into())
                        .tags(ec2::Tag::builder().key("Name").value("app-1").build())
                        .security_groups(ec2::GroupIdentifier::builder().group_id("sg-1").group_name("app").build())
                        .network_interfaces(interface)
                        .build(),
                )
                .build(),
        );
        let instance = read.instances.into_iter().next().unwrap();
        assert_eq!(instance.state.unwrap().name.as_deref(), Some("terminated"));
        assert_eq!(instance.platform.as_deref(), Some("windows"));
        assert_eq!((instance.tags[0].key.as_str(), instance.tags[0].value.as_str()), ("Name", "app-1"));
        assert_eq!(instance.security_groups[0].group_id, "sg-1");
        let interface = &instance.network_interfaces[0];
        assert_eq!(interface.attachment.as_ref().unwrap().device_index, Some(1));
        assert_eq!(interface.ipv6_addresses[0].ipv6_address, "2001:db8::2");
    }

    #[test]
    fn an_interface_has_all_its_addresses_and_tells_what_it_serves() {
        let second = ec2::NetworkInterfacePrivateIpAddress::builder().private_ip_address("10.0.1.16").build();
        let read = interface(
            ec2::NetworkInterface::builder()
                .network_interface_id("eni-1")
                .interface_type(ec2::NetworkInterfaceType::Lambda)
                .private_ip_address("10.0.1.15")
                .private_ip_addresses(second)
                .ipv6_addresses(ec2::NetworkInterfaceIpv6Address::builder().ipv6_address("2001:db8::1").build())
                .groups(ec2::GroupIdentifier::builder().group_id("sg-1").build())
                .attachment(ec2::NetworkInterfaceAttachment::builder().instance_id("i-1").build())
                .build(),
        )
        .unwrap();
        assert_eq!(read.private_ip_address.as_deref(), Some("10.0.1.15"));
        assert_eq!(read.private_ip_addresses[0].private_ip_address, "10.0.1.16");
        assert_eq!(read.ipv6_addresses[0].ipv6_address, "2001:db8::1");
        assert_eq!((read.interface_type.as_deref(), read.groups[0].group_id.as_str()), (Some("lambda"), "sg-1"));
        assert_eq!(read.attachment.unwrap().instance_id.as_deref(), Some("i-1"));
    }
}
