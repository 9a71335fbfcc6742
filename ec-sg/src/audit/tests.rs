//! What audit finds, by the rules that there are.

use serde_json::{Value, json};

use super::*;
use crate::fake::{Fake, Fault, rule, scene, snapshot};
use crate::ports::documented;
use crate::rule::Traffic;
use ec_shared::document::{Connection, Deployment, Engine};

pub(super) const MAIN: Traffic = Traffic::Tcp(6379, 6379);
pub(super) const BOTH: Traffic = Traffic::Tcp(6379, 6380);
pub(super) const ALL_TCP: Traffic = Traffic::Tcp(0, u16::MAX);

/// A serverless Valkey cache behind these groups.
pub(super) fn cache(groups: &[&str]) -> CacheSide {
    CacheSide {
        name: "orders".into(),
        account: Some("111122223333".into()),
        vpc: Some("vpc-1".into()),
        groups: groups.iter().map(ToString::to_string).collect(),
        ports: documented(Engine::Valkey, Deployment::Serverless, Connection::Vpc),
        families: vec![Family::V4],
        ..CacheSide::default()
    }
}

pub(super) fn group(id: &str, name: &str) -> Value {
    json!({"GroupId": id, "GroupName": name, "VpcId": "vpc-1", "OwnerId": "111122223333"})
}

/// All that AWS tells: vpc-1 has its default group sg-0, the clients' sg-a and sg-b and the cache's sg-c and sg-d;
/// something carries each of them.
pub(super) fn known(rules: &[Rule]) -> Snapshot {
    known_of(
        json!({
            "SecurityGroups": [
                group("sg-0", "default"), group("sg-a", "app"), group("sg-b", "jobs"), group("sg-c", "cache"),
                group("sg-d", "more"),
            ],
            "NetworkInterfaces": [{"NetworkInterfaceId": "eni-1", "Groups": [{"GroupId": "sg-a"}, {"GroupId": "sg-b"}]}],
            "PrefixListId": "pl-1", "Entries": [{"Cidr": "10.9.0.0/24"}],
        }),
        rules,
    )
}

pub(super) fn known_of(answers: Value, rules: &[Rule]) -> Snapshot {
    let mut known = snapshot(answers, rules);
    for need in [
        Need::Group(String::new()),
        Need::GroupsOf(String::new()),
        Need::InterfacesOf(String::new()),
        Need::StaleRules(String::new()),
    ] {
        known.told_whole(&need);
    }
    known
}

/// The n-th rule of the test: tcp 6379 and 6380 into sg-c, or whatever else it says.
pub(super) fn ingress(number: u32, traffic: Traffic, peer: &str) -> Rule {
    of_group("sg-c", number, traffic, peer)
}

pub(super) fn of_group(group: &str, number: u32, traffic: Traffic, peer: &str) -> Rule {
    rule(&format!("sgr-{number}"), group, Direction::Ingress, traffic, peer)
}

pub(super) fn numbered(rules: &[(Traffic, &str)]) -> Vec<Rule> {
    (1..).zip(rules).map(|(number, (traffic, peer))| ingress(number, *traffic, peer)).collect()
}

/// The findings with this code.
pub(super) fn found(code: &Code, cache: &CacheSide, known: &Snapshot) -> Vec<Finding> {
    audit(cache, known).into_iter().filter(|finding| finding.code == code.id).collect()
}

pub(super) fn summaries(code: &Code, rules: &[Rule]) -> Vec<String> {
    found(code, &cache(&["sg-c"]), &known(rules)).into_iter().map(|finding| finding.summary).collect()
}

/// The rules that a finding is about.
pub(super) fn rules_of(finding: &Finding) -> Vec<&str> {
    let rules = finding.evidence["decided_by"].as_array().unwrap();
    rules.iter().map(|rule| rule["security_group_rule_id"].as_str().unwrap()).collect()
}

#[test]
fn a_cache_whose_clients_are_admitted_by_their_groups_is_in_order() {
    assert_eq!(audit(&cache(&["sg-c"]), &known(&numbered(&[(BOTH, "sg-a"), (BOTH, "sg-b")]))), []);
}

#[test]
fn the_worst_comes_first_then_what_is_not_known() {
    let rules = [ingress(1, Traffic::All, "0.0.0.0/0"), ingress(2, MAIN, "pl-unread"), ingress(3, BOTH, "sg-b")];
    let mut all = known(&rules);
    all.asked(Need::PrefixList("pl-unread".into()), None);
    all.asked(Need::PrefixListSize("pl-unread".into()), None);
    let mut side = cache(&["sg-c"]);
    side.vpc = Some("vpc-1".into());
    let codes: Vec<String> = audit(&side, &all).into_iter().map(|finding| finding.code).collect();
    assert_eq!(codes, ["EC1032", "EC1034", "EC1009"]);
}

#[test]
fn what_is_not_known_makes_the_answer_unknown_unless_something_is_wrong() {
    let of = |code: &'static Code, severity| Finding::new(code, severity, "what is found");
    let unknown = of(&codes::NOT_DETERMINED, Severity::Warning);
    let remark = of(&codes::UNUSED_GROUP, Severity::Info);
    let wrong = of(&codes::SECOND_PORT, Severity::Warning);
    for (findings, status, reason) in [
        (vec![], Status::Ok, None),
        (vec![remark.clone()], Status::Ok, None),
        (vec![unknown.clone(), remark], Status::Unknown, Some("what is found")),
        (vec![wrong, unknown], Status::No, None),
    ] {
        let section = section(findings);
        assert_eq!((section.status, section.reason.as_deref()), (status, reason));
    }
}

fn audited(cloud: Fake) -> (Section, Vec<&'static str>) {
    let target = Target { cache: Some("orders".into()), ..Target::default() };
    let mut world = World::new(cloud);
    let mut document = Document::empty();
    let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
    let section = runtime.block_on(run(&mut document, &mut world, &target)).unwrap();
    let calls = world.cloud.calls.take();
    (section, calls)
}

#[test]
fn the_verb_learns_what_it_takes_and_counts_the_rules() {
    let cloud = scene();
    cloud.rules.borrow_mut().push(ingress(1, BOTH, "sg-a"));
    let (section, _) = audited(cloud);
    assert_eq!((section.status, section.findings), (Status::Ok, vec![]));
    let counts = json!({"sg-c": {"egress": {"ipv4": 0, "ipv6": 0}, "ingress": {"ipv4": 1, "ipv6": 1}}});
    assert_eq!(section.facts["rules"], counts);
}

/// The scene, with rules that name sg-far behind a peering connection, and more.
fn scene_with_a_far_group(more: &[Rule]) -> Fake {
    let far = Rule { peering_status: Some("active".into()), ..ingress(1, BOTH, "sg-far") };
    let cloud = scene();
    cloud.rules.borrow_mut().push(far);
    cloud.rules.borrow_mut().extend(more.iter().cloned());
    cloud
}

#[test]
fn stale_rules_are_asked_for_where_a_rule_names_a_group_elsewhere() {
    let reads = |cloud: Fake| audited(cloud).1.iter().filter(|call| **call == "read").count();
    let near = scene();
    near.rules.borrow_mut().push(ingress(1, BOTH, "sg-a"));
    assert_eq!(reads(scene_with_a_far_group(&[])), reads(near) + 1);
}

#[test]
fn a_refused_call_is_named_and_the_rest_is_told() {
    for (more, status) in [(vec![], Status::Unknown), (vec![ingress(2, MAIN, "sg-a")], Status::No)] {
        let (_, calls) = audited(scene_with_a_far_group(&more));
        let cloud = scene_with_a_far_group(&more);
        cloud.failures.borrow_mut().insert(calls.len(), Fault::Denied);
        let (section, _) = audited(cloud);
        assert_eq!(section.status, status);
        let unknown = section.findings.iter().find(|finding| finding.code == codes::NOT_DETERMINED.id).unwrap();
        assert_eq!(unknown.evidence["missing"], "aws ec2 describe-stale-security-groups --vpc-id vpc-1");
    }
}
