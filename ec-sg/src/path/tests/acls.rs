//! Network ACLs: the lowest number, both directions, the ephemeral ports.

use super::*;

/// Number, allow, egress, range, ports.
type Entry<'a> = (u16, bool, bool, &'a str, Option<(u16, u16)>);

/// The network with an ACL of its own for a subnet.
fn with_acl(subnet: &str, entries: &[Entry<'_>]) -> Snapshot {
    let mut facts = vpc();
    let entry = |(number, allow, egress, range, ports): &Entry<'_>| {
        let mut entry = json!({
            "RuleNumber": number, "Protocol": if ports.is_some() { "6" } else { "-1" },
            "RuleAction": if *allow { "allow" } else { "deny" }, "Egress": egress,
        });
        entry[if range.contains(':') { "Ipv6CidrBlock" } else { "CidrBlock" }] = json!(range);
        if let Some((from, to)) = ports {
            entry["PortRange"] = json!({"From": from, "To": to});
        }
        entry
    };
    let acl = json!({
        "NetworkAclId": "acl-2", "VpcId": "vpc-1", "Associations": [{"SubnetId": subnet}],
        "Entries": entries.iter().map(entry).collect::<Vec<_>>(),
    });
    // AWS lists a subnet with one ACL only.
    let associations = facts["NetworkAcls"][0]["Associations"].as_array_mut().unwrap();
    associations.retain(|each| each["SubnetId"] != subnet);
    facts["NetworkAcls"].as_array_mut().unwrap().push(acl);
    snapshot(facts, &open_groups())
}

const ALL: Option<(u16, u16)> = None;
const PORT: Option<(u16, u16)> = Some((6379, 6379));
const OUT_ALL: (u16, bool, bool, &str, Option<(u16, u16)>) = (900, true, true, "0.0.0.0/0", ALL);
const IN_ALL: (u16, bool, bool, &str, Option<(u16, u16)>) = (900, true, false, "0.0.0.0/0", ALL);

#[test]
fn the_lowest_number_that_matches_decides_and_what_none_matches_is_denied() {
    for (what, entries, expected) in [
        ("an allow alone", &[(100, true, false, "10.0.1.0/24", PORT), OUT_ALL][..], None),
        ("nothing", &[OUT_ALL], Some(Verdict::No)),
        ("a deny before", &[(90, false, false, "10.0.1.15/32", ALL), IN_ALL, OUT_ALL], Some(Verdict::No)),
        (
            "a deny behind",
            &[(100, true, false, "10.0.1.0/24", PORT), (200, false, false, "0.0.0.0/0", ALL), OUT_ALL],
            None,
        ),
        ("a deny of another port", &[(90, false, false, "0.0.0.0/0", Some((1, 6378))), IN_ALL, OUT_ALL], None),
        ("a deny of another range", &[(90, false, false, "10.0.9.0/24", ALL), IN_ALL, OUT_ALL], None),
        (
            "an allow of another port",
            &[(100, true, false, "0.0.0.0/0", Some((6380, 6380))), OUT_ALL],
            Some(Verdict::No),
        ),
        ("an allow for IPv6", &[(100, true, false, "::/0", ALL), OUT_ALL], Some(Verdict::No)),
    ] {
        let known = with_acl("subnet-c", entries);
        let expected: Vec<_> = expected.map(|verdict| (Place::CacheAclIn, verdict)).into_iter().collect();
        assert_eq!(trouble(&question(), &known), expected, "{what}");
    }
}

#[test]
fn each_direction_of_each_subnet_is_a_hop_of_its_own() {
    for (subnet, egress, place) in [
        ("subnet-a", true, Place::ClientAclOut),
        ("subnet-a", false, Place::ClientAclIn),
        ("subnet-c", false, Place::CacheAclIn),
        ("subnet-c", true, Place::CacheAclOut),
    ] {
        let other = if egress { IN_ALL } else { OUT_ALL };
        let known = with_acl(subnet, &[other]);
        assert_eq!(trouble(&question(), &known), [(place, Verdict::No)], "{subnet} egress {egress}");
    }
}

#[test]
fn answers_need_all_of_the_clients_ephemeral_ports() {
    for (ports, system, verdict) in [
        (Some((32768, 60999)), LINUX, Verdict::Yes),
        (Some((1024, 65535)), LINUX, Verdict::Yes),
        (Some((49152, 65535)), LINUX, Verdict::Intermittent),
        (Some((49152, 65535)), WINDOWS, Verdict::Yes),
        (Some((32768, 60999)), WINDOWS, Verdict::Intermittent),
        (Some((1024, 32767)), LINUX, Verdict::No),
    ] {
        let known = with_acl("subnet-c", &[IN_ALL, (100, true, true, "0.0.0.0/0", ports)]);
        let mut question = question();
        question.cache.subnets = vec!["subnet-c".into()];
        question.client.ephemeral = system;
        assert_eq!(verdict_of(Place::CacheAclOut, &question, &known), verdict, "{ports:?}");
    }
}

#[test]
fn two_entries_that_share_the_ports_between_them_are_as_good_as_one() {
    let halves = [
        IN_ALL,
        (100, true, true, "0.0.0.0/0", Some((32768, 50000))),
        (110, true, true, "0.0.0.0/0", Some((50001, 65535))),
    ];
    assert_eq!(trouble(&question(), &with_acl("subnet-c", &halves)), []);
}

#[test]
fn an_acl_that_lets_a_part_of_the_caches_subnet_be_reached_decides_nothing() {
    let known =
        with_acl("subnet-a", &[IN_ALL, (100, true, true, "10.0.2.0/25", ALL), (110, true, true, "10.0.3.0/24", ALL)]);
    assert_eq!(trouble(&question(), &known), [(Place::ClientAclOut, Verdict::Unknown)]);
}

#[test]
fn within_one_subnet_no_acl_applies() {
    let known = with_acl("subnet-a", &[]);
    let mut question = question();
    question.cache.subnets = vec!["subnet-a".into()];
    assert_eq!(trouble(&question, &known), []);
}

#[test]
fn one_closed_subnet_of_the_cache_is_enough_for_a_no_and_is_named() {
    let known = with_acl("subnet-d", &[OUT_ALL]);
    let hops = walk(&question(), &known);
    let closed: Vec<_> = hops.iter().filter(|hop| hop.verdict == Verdict::No).collect();
    assert_eq!(closed.len(), 1);
    assert_eq!((closed[0].hop, &closed[0].cache_subnet_ids), (Place::CacheAclIn, &vec!["subnet-d".to_owned()]));
    assert_eq!(closed[0].aws_code.as_deref(), Some("SUBNET_ACL_RESTRICTION"));
    assert_eq!(
        serde_json::to_value(&closed[0].decided_by).unwrap(),
        json!([{"network_acl_id": "acl-2", "rule_number": 32767}])
    );
}

#[test]
fn a_subnet_whose_acl_nobody_told_is_unknown_and_names_the_call() {
    let mut facts = vpc();
    facts["NetworkAcls"] = json!([]);
    let hops = walk(&question(), &snapshot(facts, &open_groups()));
    let unknown: Vec<_> = hops.iter().filter(|hop| hop.verdict == Verdict::Unknown).collect();
    assert!(!unknown.is_empty());
    for hop in unknown {
        assert_eq!(hop.missing.as_deref(), Some(Need::NetworkAcls("vpc-1".into()).command().as_str()));
    }
}
