//! What find, check and plan ask for, and what they answer.

use ec_shared::document::Severity;
use serde_json::json;

use super::*;
use crate::client::Source;
use crate::fake::{Fake, answers, codes_of, rule, run, scene, target};
use crate::rule::{Direction, Rule, Traffic};

fn checked(cloud: Fake) -> Section {
    run(check(&mut Document::empty(), &mut cloud.world(), &target(), &Attaching::No)).unwrap()
}

fn admits(port: u16) -> Rule {
    rule("sgr-1", "sg-c", Direction::Ingress, Traffic::Tcp(port, port), "sg-a")
}

/// The scene with one more rule.
fn scene_with(rule: Rule) -> Fake {
    let cloud = scene();
    cloud.rules.borrow_mut().push(rule);
    cloud
}

#[test]
fn find_asks_for_the_cache_the_client_and_the_vpc_and_no_more() {
    let mut world = scene().world();
    let mut document = Document::empty();
    let section = run(find(&mut document, &mut world, &target())).unwrap();
    assert_eq!(section.status, Status::Ok);
    assert_eq!(document.id(), "orders<-i-a");
    assert_eq!(document.cache().unwrap().unwrap().network.unwrap().vpc_id.as_deref(), Some("vpc-1"));
    assert_eq!(document.client().unwrap().unwrap().security_group_ids, ["sg-a"]);
    assert_eq!(world.cloud.calls.borrow().len(), 3, "{:?}", world.cloud.calls);
}

#[test]
fn of_many_documents_about_one_vpc_only_the_first_asks() {
    let mut world = scene_with(rule("sgr-1", "sg-c", Direction::Ingress, Traffic::All, "sg-a")).world();
    run(check(&mut Document::empty(), &mut world, &target(), &Attaching::No)).unwrap();
    world.cloud.calls.borrow_mut().clear();
    run(check(&mut Document::empty(), &mut world, &target(), &Attaching::No)).unwrap();
    assert_eq!(*world.cloud.calls.borrow(), Vec::<&str>::new());
}

#[test]
fn a_closed_path_names_both_ports_and_carries_the_change_that_opens_it() {
    let section = checked(scene());
    assert_eq!(section.status, Status::No);
    assert_eq!(codes_of(&section), ["EC1004", "EC1005"]);
    assert_eq!(section.findings[0].aws_code.as_deref(), Some("ENI_SG_RULES_MISMATCH"));
    let fix = "ec-sg apply --cache orders --from i-a   # adds tcp 6379 and 6380 from sg-a to sg-c";
    assert_eq!(section.findings[0].fix.as_deref(), Some(fix));
    assert_eq!(section.changes.len(), 2);
    assert!(section.changes.iter().all(|change| change.state == ChangeState::Planned));
}

#[test]
fn the_second_port_alone_is_a_warning_and_the_answer_is_no() {
    let section = checked(scene_with(admits(6379)));
    assert_eq!((section.status, codes_of(&section)), (Status::No, vec!["EC1005"]));
    assert_eq!(section.findings[0].severity, Severity::Warning);
    assert_eq!(section.changes.len(), 1);
}

#[test]
fn an_open_path_is_ok_and_needs_no_change() {
    let section = checked(scene_with(rule("sgr-1", "sg-c", Direction::Ingress, Traffic::All, "sg-a")));
    assert_eq!(section.status, Status::Ok);
    assert!(section.findings.is_empty() && section.changes.is_empty(), "{section:#?}");
}

#[test]
fn an_unreadable_prefix_list_is_unknown_with_the_exit_code_of_its_cause() {
    let mut cloud = scene_with(rule("sgr-1", "sg-c", Direction::Ingress, Traffic::All, "pl-1"));
    cloud.denied = vec![Need::PrefixList("pl-1".into())];
    let section = checked(cloud);
    assert_eq!((section.status, section.exit()), (Status::Unknown, Exit::Refused));
    assert_eq!(codes_of(&section), ["EC1009"]);
    assert_eq!(section.changes.len(), 2, "a narrow rule would make it certain");
}

#[test]
fn rules_that_may_not_be_read_are_unknown_and_nothing_is_planned_blindly() {
    let mut cloud = scene();
    cloud.denied = vec![Need::Rules("sg-c".into())];
    let section = checked(cloud);
    assert_eq!((section.status, section.changes.len()), (Status::Unknown, 0));
}

#[test]
fn a_network_acl_that_may_not_be_read_is_unknown_and_names_the_call() {
    let mut cloud = scene_with(rule("sgr-1", "sg-c", Direction::Ingress, Traffic::All, "sg-a"));
    cloud.denied = vec![Need::NetworkAcls("vpc-1".into())];
    cloud.answers.network_acls = None;
    let section = checked(cloud);
    assert_eq!(section.status, Status::Unknown);
    let missing = section.findings[0].evidence["missing"].as_str().unwrap();
    assert_eq!(missing, "aws ec2 describe-network-acls --filters Name=vpc-id,Values=vpc-1");
}

#[test]
fn what_a_new_rule_is_chosen_by_and_may_not_be_read_is_told() {
    let mut cloud = scene();
    cloud.denied = ["sg-a", "sg-c"].map(|group| Need::Group(group.into())).to_vec();
    cloud.answers.security_groups = None;
    let section = checked(cloud);
    assert_eq!((section.status, codes_of(&section)), (Status::No, vec!["EC1004", "EC1005", "EC1009"]));
    let missing = section.findings[2].evidence["missing"].as_str().unwrap();
    assert_eq!(missing, "aws ec2 describe-security-groups --group-ids sg-a");
    let mut cloud = scene_with(rule("sgr-1", "sg-c", Direction::Ingress, Traffic::All, "sg-a"));
    cloud.denied = vec![Need::Group("sg-a".into())];
    assert_eq!(codes_of(&checked(cloud)), Vec::<&str>::new(), "where no rule is missing, none is chosen");
}

#[test]
fn narrowed_egress_is_measured_against_the_caches_subnets() {
    let with = |peer: &str| {
        let cloud = scene();
        *cloud.rules.borrow_mut() = vec![
            rule("sgr-1", "sg-c", Direction::Ingress, Traffic::All, "sg-a"),
            rule("sgr-2", "sg-a", Direction::Egress, Traffic::Tcp(6379, 6380), peer),
        ];
        checked(cloud)
    };
    assert_eq!(with("10.0.2.0/24").status, Status::Ok);
    assert_eq!(codes_of(&with("10.0.9.0/24")), ["EC1006"]);
}

#[test]
fn what_closes_the_network_is_told_with_the_owners_command() {
    let mut cloud = scene_with(rule("sgr-1", "sg-c", Direction::Ingress, Traffic::All, "sg-a"));
    let deny = json!({"RuleNumber": 50, "Protocol": "6", "RuleAction": "deny", "Egress": false,
        "CidrBlock": "10.0.1.0/24", "PortRange": {"From": 6380, "To": 6380}});
    let acls = cloud.answers.network_acls.as_mut().unwrap();
    acls[0].entries.push(serde_json::from_value(deny).unwrap());
    let section = checked(cloud);
    assert_eq!((section.status, codes_of(&section)), (Status::No, vec!["EC1016"]));
    let change = &section.changes[0];
    assert_eq!(change.resource, "acl-1 ingress rule 49: allow tcp 6380 from 10.0.1.15/32");
    assert_eq!(change.by.as_deref(), Some("account 111122223333, which owns vpc-1"));
    let command = "aws ec2 create-network-acl-entry --network-acl-id acl-1 --ingress --rule-number 49 --protocol tcp \
                   --port-range From=6380,To=6380 --cidr-block 10.0.1.15/32 --rule-action allow";
    assert_eq!(change.run.as_deref(), Some(command));
    assert!(section.findings[0].fix.as_ref().unwrap().starts_with(command), "{:?}", section.findings[0].fix);
}

#[test]
fn a_cache_that_is_not_available_is_a_warning() {
    let mut cloud = scene();
    cloud.answers.serverless_caches.as_mut().unwrap()[0].status = Some("CREATING".into());
    let section = run(find(&mut Document::empty(), &mut cloud.world(), &target())).unwrap();
    assert_eq!((section.status, codes_of(&section)), (Status::Ok, vec!["EC1007"]));
}

#[test]
fn a_public_cache_is_skipped_with_the_reason() {
    let mut cloud = scene();
    cloud.answers.serverless_caches.as_mut().unwrap()[0].connection_type = Some("public".into());
    let mut world = cloud.world();
    let section = run(check(&mut Document::empty(), &mut world, &target(), &Attaching::No)).unwrap();
    assert_eq!((section.status, section.reason.as_deref()), (Status::Skipped, Some(facts::PUBLIC)));
    assert!(!world.cloud.calls.borrow().contains(&"rules"));
}

#[test]
fn what_does_not_exist_is_named() {
    let named = |cache: &str, from| Target { cache: Some(cache.into()), from, ..Target::default() };
    let failure =
        |target| run(check(&mut Document::empty(), &mut scene().world(), &target, &Attaching::No)).unwrap_err();
    let unknown = failure(named("nope", Some(Source::Instance("i-a".into()))));
    assert_eq!(unknown.to_string(), "there is no cache `nope` in us-east-1");
    assert_eq!(unknown.code().id, "EC1001");
    assert_eq!(failure(named("orders", Some(Source::parse("sg-9").unwrap()))).code().id, "EC1002");
}

#[test]
fn another_account_than_the_expected_one_is_refused() {
    let expecting = |account: &str| Target { expected_account: Some(account.into()), ..target() };
    let ask = |target| run(check(&mut Document::empty(), &mut scene().world(), &target, &Attaching::No));
    assert!(ask(expecting("111122223333")).is_ok());
    assert_eq!(ask(expecting("999999999999")).unwrap_err().code().id, "EC1031");
}

#[test]
fn a_member_leads_to_its_replication_group_and_brings_the_network() {
    let mut cloud = scene();
    let caches = answers(json!({
        "ReplicationGroups": [{
            "ReplicationGroupId": "rg", "Status": "available", "Engine": "valkey", "MemberClusters": ["rg-001"],
            "ConfigurationEndpoint": {"Address": "h", "Port": 7000},
        }],
        "CacheClusters": [{
            "CacheClusterId": "rg-001", "ReplicationGroupId": "rg", "Engine": "valkey", "EngineVersion": "7.2",
            "CacheSubnetGroupName": "sng", "SecurityGroups": [{"SecurityGroupId": "sg-c"}],
        }],
        "CacheSubnetGroups": [{
            "CacheSubnetGroupName": "sng", "VpcId": "vpc-1", "Subnets": [{"SubnetIdentifier": "subnet-c"}],
        }],
    }));
    cloud.answers.replication_groups = caches.replication_groups;
    cloud.answers.cache_clusters = caches.cache_clusters;
    cloud.answers.cache_subnet_groups = caches.cache_subnet_groups;
    let mut world = cloud.world();
    for name in ["rg", "rg-001"] {
        let mut document = Document::empty();
        let target = Target { cache: Some(name.into()), ..target() };
        let section = run(check(&mut document, &mut world, &target, &Attaching::No)).unwrap();
        let cache = document.cache().unwrap().unwrap();
        assert_eq!((cache.name.as_str(), cache.engine_version.as_deref()), ("rg", Some("7.2")));
        assert_eq!(cache.network.unwrap().vpc_id.as_deref(), Some("vpc-1"));
        assert_eq!(section.changes[0].resource, "sg-c ingress tcp 7000 from sg-a");
    }
}

#[test]
fn anything_at_an_address_can_be_asked_for() {
    let to = |to: &str| Target {
        to: Some((crate::client::Destination::parse(to).unwrap(), 6379)),
        from: Some(Source::parse("sg-c").unwrap()),
        ..Target::default()
    };
    let mut document = Document::empty();
    let section = run(check(&mut document, &mut scene().world(), &to("10.0.1.15"), &Attaching::No)).unwrap();
    assert_eq!(codes_of(&section), ["EC1006", "EC1004"], "{section:#?}");
    assert_eq!(section.changes[1].resource, "sg-a ingress tcp 6379 from sg-c");
    let cache = document.cache().unwrap().unwrap();
    assert_eq!((cache.name.as_str(), cache.endpoints[0].host.as_str()), ("10.0.1.15", "10.0.1.15"));
    assert_eq!(cache.account.as_deref(), Some("111122223333"));
    for same in ["i-a", "eni-a"] {
        let again = run(check(&mut Document::empty(), &mut scene().world(), &to(same), &Attaching::No)).unwrap();
        assert_eq!(again.changes, section.changes, "{same}");
    }
    let nobody = run(check(&mut Document::empty(), &mut scene().world(), &to("10.0.9.9"), &Attaching::No));
    assert_eq!(nobody.unwrap_err().to_string(), "there is no network interface at 10.0.9.9 in us-east-1");
}

#[test]
fn each_kind_of_source_gets_the_rule_that_names_it() {
    for (source, peer) in [
        ("sg-a", "sg-a"),
        ("self", "sg-c"),
        ("999999999999/sg-9", "999999999999/sg-9"),
        ("10.0.1.0/24", "10.0.1.0/24"),
        ("pl-1", "pl-1"),
    ] {
        let mut cloud = scene();
        let lists = json!({"PrefixLists": [{"PrefixListId": "pl-1", "Cidrs": ["10.0.1.0/24"]}]});
        cloud.answers.prefix_lists = answers(lists).prefix_lists;
        let from = Target { from: Some(Source::parse(source).unwrap()), ..target() };
        let section = run(check(&mut Document::empty(), &mut cloud.world(), &from, &Attaching::No)).unwrap();
        let resources: Vec<_> = section.changes.iter().map(|change| change.resource.as_str()).collect();
        let wanted = format!("sg-c ingress tcp 6379 from {peer}");
        assert!(resources.contains(&wanted.as_str()), "{source}: {resources:?}");
    }
}

#[test]
fn a_group_of_the_consoles_is_left_alone() {
    let mut cloud = scene();
    let groups = cloud.answers.security_groups.as_mut().unwrap();
    groups[1].group_name = Some("elasticache-ec2-orders:i-0abc".into());
    let section = checked(cloud);
    assert_eq!(section.changes, []);
    assert!(codes_of(&section).contains(&"EC1028"), "{:?}", codes_of(&section));
}

#[test]
fn a_group_that_a_tool_manages_and_a_group_that_is_full_are_told_before_anything_is_written() {
    let mut cloud = scene();
    let groups = cloud.answers.security_groups.as_mut().unwrap();
    groups[1].tags = serde_json::from_value(json!([{"Key": "ManagedBy", "Value": "Terraform"}])).unwrap();
    for index in 0..59 {
        let filler = rule(&format!("sgr-f{index}"), "sg-c", Direction::Ingress, Traffic::Tcp(22, 22), "10.9.0.0/24");
        cloud.rules.borrow_mut().push(filler);
    }
    let section = checked(cloud);
    assert_eq!(codes_of(&section), ["EC1004", "EC1005", "EC1025", "EC1026"]);
}

#[test]
fn a_public_range_is_refused_by_plan_and_its_fix_says_how_to_mean_it() {
    let range = |text: &str| Target { from: Some(Source::parse(text).unwrap()), ..target() };
    let plan = |text: &str, allowed: &[IpNet]| {
        let (mut world, target) = (scene().world(), range(text));
        run(plan(&mut Document::empty(), &mut world, &target, &Attaching::No, allowed, false))
    };
    assert_eq!(plan("0.0.0.0/0", &[]).unwrap_err().code().id, "EC1010");
    assert_eq!(plan("0.0.0.0/0", &["0.0.0.0/0".parse().unwrap()]).unwrap().status, Status::Planned);
    assert_eq!(plan("10.0.0.0/8", &[]).unwrap().status, Status::Planned);
    let everybody = range("0.0.0.0/0");
    let section = run(check(&mut Document::empty(), &mut scene().world(), &everybody, &Attaching::No)).unwrap();
    let fix = section.findings[0].fix.clone().unwrap();
    assert!(fix.starts_with("ec-sg apply --cache orders --from 0.0.0.0/0 --allow-public 0.0.0.0/0 "), "{fix}");
    assert_eq!(codes_of(&section), ["EC1004", "EC1005", "EC1008"]);
}

#[test]
fn plan_asks_ec2_whether_it_would_let_it_only_where_it_is_told_to() {
    for (ask, calls) in [(false, 0), (true, 1)] {
        let mut world = scene().world();
        run(plan(&mut Document::empty(), &mut world, &target(), &Attaching::No, &[], ask)).unwrap();
        let asked = world.cloud.calls.borrow().iter().filter(|call| **call == "may_authorize").count();
        assert_eq!((asked, world.cloud.writes()), (calls, 0));
    }
}

mod attaching {
    use super::*;

    /// The cache admits sg-b on both ports; the client carries sg-a.
    fn admitting() -> Fake {
        let mut cloud = scene();
        let group = json!([{"GroupId": "sg-b", "GroupName": "clients", "VpcId": "vpc-1"}]);
        cloud
            .answers
            .security_groups
            .as_mut()
            .unwrap()
            .extend(serde_json::from_value::<Vec<crate::answers::SecurityGroup>>(group).unwrap());
        let ports = Traffic::Tcp(6379, 6380);
        cloud.rules.borrow_mut().push(rule("sgr-1", "sg-c", Direction::Ingress, ports, "sg-b"));
        cloud
    }

    fn checked(cloud: Fake, attaching: &Attaching) -> Result<Section, Failure> {
        run(check(&mut Document::empty(), &mut cloud.world(), &target(), attaching))
    }

    fn resources(section: &Section) -> Vec<String> {
        section.changes.iter().map(|change| format!("{} {}", change.action, change.resource)).collect()
    }

    #[test]
    fn the_group_that_the_cache_admits_is_all_that_the_client_lacks() {
        let section = checked(admitting(), &Attaching::Admitted).unwrap();
        assert_eq!(resources(&section), ["attach sg-b to eni-a"]);
    }

    #[test]
    fn a_group_that_is_not_admitted_yet_gets_its_rules_too() {
        let section = checked(admitting(), &Attaching::Group("sg-c".into())).unwrap();
        let rules = ["create sg-c ingress tcp 6379 from sg-c", "create sg-c ingress tcp 6380 from sg-c"];
        assert_eq!(resources(&section), [&["attach sg-c to eni-a"][..], &rules].concat());
    }

    #[test]
    fn where_none_or_several_are_admitted_somebody_has_to_say_which() {
        assert_eq!(checked(scene(), &Attaching::Admitted).unwrap_err().code().id, "EC1027");
        let cloud = admitting();
        cloud.rules.borrow_mut().push(rule("sgr-2", "sg-c", Direction::Ingress, Traffic::All, "sg-c"));
        let failure = checked(cloud, &Attaching::Admitted).unwrap_err();
        assert!(failure.to_string().ends_with("several groups are admitted: sg-b, sg-c"), "{failure}");
    }

    #[test]
    fn that_no_group_is_admitted_takes_rules_and_groups_that_may_be_read() {
        for denied in [Need::Rules("sg-c".into()), Need::Group("sg-b".into())] {
            let mut cloud = admitting();
            cloud.answers.security_groups.as_mut().unwrap().retain(|group| group.group_id != "sg-b");
            cloud.denied = vec![denied];
            let failure = checked(cloud, &Attaching::Admitted).unwrap_err();
            assert_eq!(*failure.code(), ec_shared::codes::ACCESS_DENIED, "{failure}");
        }
    }

    #[test]
    fn a_client_that_carries_it_already_needs_nothing() {
        let mut cloud = admitting();
        cloud.answers.reservations.as_mut().unwrap()[0].instances[0].security_groups =
            serde_json::from_value(json!([{"GroupId": "sg-a"}, {"GroupId": "sg-b"}])).unwrap();
        let section = checked(cloud, &Attaching::Admitted).unwrap();
        assert_eq!((section.status, section.changes.len()), (Status::Ok, 0));
    }
}
