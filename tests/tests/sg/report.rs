//! What a person at a terminal sees, with AWS's answers on paper so that every byte is known.

use ec_tests::{Canned, tool};

use super::answers::{CLIENT, acl_entry, network_acls, replication_group};

fn text(cloud: &Canned, verb: &str, client: &str) -> ec_tests::Outcome {
    tool("ec-sg").args([verb, "--cache", "orders", "--from", client, "-o", "text"]).aws(&cloud.url()).run()
}

#[test]
fn a_person_sees_which_hop_is_closed_and_what_opens_it() {
    let cloud = replication_group(&[]).serve();
    assert_eq!(
        text(&cloud, "check", CLIENT).exits(1).stdout,
        "\
orders, replication group Valkey 8.1.0  ←  i-1234567890abcdef0 10.0.1.15
  ✓ same VPC              vpc-11112222
  ✓ client egress         sg-aaaa1111: all traffic to 0.0.0.0/0
  ✓ network ACLs, routes  acl-11112222 rule 100, rtb-11112222 local
  ✗ ingress 7000          no rule of sg-cccc1111 admits sg-aaaa1111  EC1004
  ✓ name resolution       vpc-11112222 resolves names
no: 1 rule is missing on sg-cccc1111
fix: ec-sg apply --cache orders --from i-1234567890abcdef0   # adds tcp 7000 from sg-aaaa1111 to sg-cccc1111
"
    );
    assert_eq!(
        text(&cloud, "plan", "10.0.1.0/24").ok().stdout,
        "\
orders, replication group Valkey 8.1.0  ←  10.0.1.0/24
  ✗ ingress tcp 7000: no rule of sg-cccc1111 admits 10.0.1.0/24                EC1004
  · whether the machines in 10.0.1.0/24 are let out to the cache is not known  EC1008
  + create sg-cccc1111 ingress tcp 7000 from 10.0.1.0/24                       planned
planned: 1 change
fix: ec-sg apply --cache orders --from 10.0.1.0/24   # adds tcp 7000 from 10.0.1.0/24 to sg-cccc1111
"
    );
}

#[test]
fn a_person_sees_who_has_to_change_what_about_the_network() {
    let group = "<referencedGroupInfo><groupId>sg-aaaa1111</groupId></referencedGroupInfo>";
    let port = "<portRange><from>7000</from><to>7000</to></portRange>";
    let entries = acl_entry(90, "deny", false, port) + &acl_entry(100, "allow", false, "");
    let cloud = replication_group(&[group]).answer("DescribeNetworkAcls", network_acls(&entries)).serve();
    assert_eq!(
        text(&cloud, "check", CLIENT).exits(1).stdout,
        "\
orders, replication group Valkey 8.1.0  ←  i-1234567890abcdef0 10.0.1.15
  ✓ same VPC              vpc-11112222
  ✓ client egress         sg-aaaa1111: all traffic to 0.0.0.0/0
  ✓ network ACLs, routes  acl-11112222 rule 100, rtb-11112222 local
  ✗ cache ACL in 7000     acl-11112222 rule 90 denies tcp 7000 from 0.0.0.0/0  EC1016
  ✓ ingress 7000          sg-cccc1111: tcp 6000-7999 from sg-aaaa1111
  ✓ name resolution       vpc-11112222 resolves names
no: 1 change of the network is needed
fix: aws ec2 create-network-acl-entry --network-acl-id acl-11112222 --ingress --rule-number 89 --protocol tcp \
--port-range From=7000,To=7000 --cidr-block 10.0.1.15/32 --rule-action allow   \
# by account 123456789012, which owns vpc-11112222
"
    );
}
