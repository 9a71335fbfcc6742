//! IPv4 and IPv6 side by side.

use super::*;

#[test]
fn of_a_cache_that_speaks_both_each_family_that_the_client_has_must_be_open() {
    let mut facts = vpc();
    for (at, range) in ["2001:db8:1:1::/64", "2001:db8:1:2::/64", "2001:db8:1:3::/64"].iter().enumerate() {
        facts["Subnets"][at]["Ipv6CidrBlockAssociationSet"] = json!([{"Ipv6CidrBlock": range}]);
    }
    let local = json!({"DestinationIpv6CidrBlock": "2001:db8:1::/48", "GatewayId": "local", "State": "active"});
    facts["RouteTables"][0]["Routes"].as_array_mut().unwrap().push(local);
    let mut question = question();
    question.cache.families = BOTH.to_vec();
    question.client.addresses.push("2001:db8:1:1::15/128".parse().unwrap());
    let mut rules = open_groups();
    assert!(trouble(&question, &snapshot(facts.clone(), &rules)).contains(&(Place::CacheIngress, Verdict::No)));
    rules.push(rule("sgr-6", "sg-c", Direction::Ingress, TCP, "2001:db8:1::/48"));
    rules.push(rule("sgr-7", "sg-a", Direction::Egress, TCP, "::/0"));
    assert_eq!(trouble(&question, &snapshot(facts.clone(), &rules)), []);
    // The default ACL's rule for IPv6 has a number of its own.
    let entries = facts["NetworkAcls"][0]["Entries"].as_array_mut().unwrap();
    entries.retain(|entry| entry["RuleNumber"] != 101);
    let hops = walk(&question, &snapshot(facts, &rules));
    let closed: Vec<_> = hops.iter().filter(|hop| hop.verdict == Verdict::No).collect();
    assert!(closed.iter().all(|hop| hop.families == ["ipv6"]), "{closed:#?}");
    assert_eq!(closed.len(), 4);
}
