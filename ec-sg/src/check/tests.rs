//! What find, check and plan ask for, and what they answer.

use super::*;
use crate::fake::{Fake, rule, scene};
use crate::rule::Traffic;

fn target() -> Target {
    Target { cache: Some("orders".into()), from: Some(Source::Instance("i-a".into())), repeat: String::new() }
}

fn run<T>(work: impl Future<Output = T>) -> T {
    tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap().block_on(work)
}

fn checked(cloud: &Fake) -> Section {
    run(check(&mut Document::empty(), cloud, &target())).unwrap()
}

fn codes_of(section: &Section) -> Vec<&str> {
    section.findings.iter().map(|finding| finding.code.as_str()).collect()
}

fn admits(port: u16) -> crate::rule::Rule {
    rule("sgr-1", "sg-c", Direction::Ingress, Traffic::Tcp(port, port), "sg-a")
}

#[test]
fn find_asks_for_the_cache_the_client_and_the_vpc_and_no_more() {
    let cloud = scene();
    let mut document = Document::empty();
    let section = run(find(&mut document, &cloud, &target())).unwrap();
    assert_eq!(section.status, Status::Ok);
    assert_eq!(document.id(), "orders<-i-a");
    assert_eq!(document.cache().unwrap().unwrap().network.unwrap().vpc_id.as_deref(), Some("vpc-1"));
    assert_eq!(document.client().unwrap().unwrap().security_group_ids, ["sg-a"]);
    assert_eq!(cloud.calls.borrow().len(), 3);
}

#[test]
fn a_document_with_its_facts_is_checked_with_one_call() {
    let cloud = scene();
    let mut document = Document::empty();
    run(find(&mut document, &cloud, &target())).unwrap();
    cloud.calls.borrow_mut().clear();
    run(check(&mut document, &cloud, &Target::default())).unwrap();
    assert_eq!(*cloud.calls.borrow(), ["rules"]);
}

#[test]
fn a_closed_path_names_both_ports_and_carries_the_change_that_opens_it() {
    let section = checked(&scene());
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
    let cloud = scene();
    cloud.rules.borrow_mut().push(admits(6379));
    let section = checked(&cloud);
    assert_eq!((section.status, codes_of(&section)), (Status::No, vec!["EC1005"]));
    assert_eq!(section.findings[0].severity, Severity::Warning);
    assert_eq!(section.changes.len(), 1);
}

#[test]
fn an_open_path_is_ok_and_needs_no_change() {
    let cloud = scene();
    cloud.rules.borrow_mut().push(rule("sgr-1", "sg-c", Direction::Ingress, Traffic::All, "sg-a"));
    let section = checked(&cloud);
    assert_eq!(section.status, Status::Ok);
    assert!(section.findings.is_empty() && section.changes.is_empty());
}

#[test]
fn an_unreadable_prefix_list_is_unknown_with_the_exit_code_of_its_cause() {
    let cloud = scene();
    cloud.rules.borrow_mut().push(rule("sgr-1", "sg-c", Direction::Ingress, Traffic::All, "pl-1"));
    let section = checked(&cloud);
    assert_eq!((section.status, section.exit()), (Status::Unknown, Exit::Refused));
    assert_eq!(codes_of(&section), ["EC1009", "EC1009"]);
    assert_eq!(section.changes.len(), 2, "a narrow rule would make it certain");
}

#[test]
fn a_readable_prefix_list_is_read_once() {
    let mut cloud = scene();
    cloud.lists.insert("pl-1".into(), vec!["10.0.0.0/16".parse().unwrap()]);
    cloud.rules.borrow_mut().push(rule("sgr-1", "sg-c", Direction::Ingress, Traffic::All, "pl-1"));
    assert_eq!(checked(&cloud).status, Status::Ok);
    assert_eq!(cloud.calls.borrow().iter().filter(|call| **call == "prefix_list").count(), 1);
}

#[test]
fn narrowed_egress_is_measured_against_the_caches_subnets() {
    let cloud = scene();
    *cloud.rules.borrow_mut() = vec![
        rule("sgr-1", "sg-c", Direction::Ingress, Traffic::All, "sg-a"),
        rule("sgr-2", "sg-a", Direction::Egress, Traffic::Tcp(6379, 6380), "10.0.2.0/24"),
    ];
    assert_eq!(checked(&cloud).status, Status::Ok);
    cloud.rules.borrow_mut()[1] = rule("sgr-2", "sg-a", Direction::Egress, Traffic::All, "10.0.9.0/24");
    assert_eq!(codes_of(&checked(&cloud)), ["EC1006", "EC1006"]);
}

#[test]
fn a_cache_that_is_not_available_is_a_warning() {
    let mut cloud = scene();
    cloud.caches[0].1.cache.status = Some("creating".into());
    let section = run(find(&mut Document::empty(), &cloud, &target())).unwrap();
    assert_eq!((section.status, codes_of(&section)), (Status::Ok, vec!["EC1007"]));
}

#[test]
fn a_public_cache_is_skipped_with_the_reason() {
    let mut cloud = scene();
    cloud.caches[0].1.cache.connection = Some(ec_shared::document::Connection::Public);
    let section = checked(&cloud);
    assert_eq!((section.status, section.reason.as_deref()), (Status::Skipped, Some(facts::PUBLIC)));
    assert!(!cloud.calls.borrow().contains(&"rules"));
}

#[test]
fn what_does_not_exist_is_named() {
    let named = |cache: &str, from| Target { cache: Some(cache.into()), from, repeat: String::new() };
    let failure = |target| run(check(&mut Document::empty(), &scene(), &target)).unwrap_err();
    let unknown = failure(named("nope", Some(Source::Instance("i-a".into()))));
    assert_eq!(unknown.to_string(), "there is no cache `nope` in us-east-1");
    assert_eq!(unknown.code().id, "EC1001");
    assert_eq!(failure(named("orders", Some(Source::Group("sg-9".into())))).code().id, "EC1002");
}

#[test]
fn a_member_leads_to_its_replication_group_and_brings_the_network() {
    use crate::cloud::Described;
    use ec_shared::document::{Cache, Deployment, Endpoint, EndpointRole, Network};
    let endpoint = Endpoint { role: EndpointRole::Primary, host: "h".into(), port: 7000 };
    let group = Cache {
        name: "rg".into(),
        deployment: Some(Deployment::ReplicationGroup),
        endpoints: vec![endpoint],
        ..Cache::default()
    };
    let network = Network { security_group_ids: vec!["sg-c".into()], ..Network::default() };
    let member =
        Cache { name: "rg-001".into(), engine_version: Some("7.2".into()), network: Some(network), ..Cache::default() };
    let mut cloud = scene();
    cloud.caches = vec![
        (
            Deployment::ReplicationGroup,
            Described { cache: group, member: Some("rg-001".into()), ..Described::default() },
        ),
        (
            Deployment::Cluster,
            Described {
                cache: member,
                replication_group: Some("rg".into()),
                subnet_group: Some("sng".into()),
                member: None,
            },
        ),
    ];
    for name in ["rg", "rg-001"] {
        let mut document = Document::empty();
        let target = Target { cache: Some(name.into()), ..target() };
        let section = run(check(&mut document, &cloud, &target)).unwrap();
        let cache = document.cache().unwrap().unwrap();
        assert_eq!((cache.name.as_str(), cache.engine_version.as_deref()), ("rg", Some("7.2")));
        assert_eq!(cache.network.unwrap().vpc_id.as_deref(), Some("vpc-1"));
        assert_eq!(section.changes[0].resource, "sg-c ingress tcp 7000 from sg-a");
    }
}

#[test]
fn a_public_range_is_refused_by_plan_and_its_fix_says_how_to_mean_it() {
    let range = |text: &str| Target { from: Some(Source::parse(text).unwrap()), ..target() };
    let plan = |text: &str, allowed: &[IpNet]| run(plan(&mut Document::empty(), &scene(), &range(text), allowed));
    assert_eq!(plan("0.0.0.0/0", &[]).unwrap_err().code().id, "EC1010");
    assert_eq!(plan("0.0.0.0/0", &["0.0.0.0/0".parse().unwrap()]).unwrap().status, Status::Planned);
    assert_eq!(plan("10.0.0.0/8", &[]).unwrap().status, Status::Planned);
    let section = run(check(&mut Document::empty(), &scene(), &range("0.0.0.0/0"))).unwrap();
    let fix = section.findings[0].fix.clone().unwrap();
    assert!(fix.starts_with("ec-sg apply --cache orders --from 0.0.0.0/0 --allow-public 0.0.0.0/0 "), "{fix}");
    assert_eq!(codes_of(&section), ["EC1004", "EC1005", "EC1008"]);
}
