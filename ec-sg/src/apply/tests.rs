//! What apply writes, what it leaves, and what it says when AWS fails it.

use std::time::Duration;

use ec_shared::output::{Color, ErrorFormat, Format};

use super::*;
use crate::client::Source;
use crate::fake::{Fake, Fault, rule, scene};
use crate::revoke;
use crate::rule::Traffic;

const PATIENCE: Patience = Patience { limit: Duration::from_millis(20), first: Duration::from_millis(1) };

fn target() -> Target {
    Target { cache: Some("orders".into()), from: Some(Source::Instance("i-a".into())), repeat: String::new() }
}

fn output() -> Output {
    Output::new("ec-sg", Some(Format::Json), ErrorFormat::Text, Color::Never).loudness(true, false)
}

fn run<T>(work: impl Future<Output = T>) -> T {
    tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap().block_on(work)
}

/// Runs apply as the stage does, section and all.
fn applied(document: &mut Document, cloud: &Fake, target: &Target) -> Section {
    let section = run(apply(document, cloud, target, &[], PATIENCE, &output())).unwrap();
    document.set_section("sg", section.clone());
    section
}

fn revoked(document: &mut Document, cloud: &Fake) -> Section {
    let written = revoke::written(document).unwrap();
    let section = run(revoke::revoke(written, cloud, PATIENCE, &output())).unwrap();
    document.set_section("sg", section.clone());
    section
}

fn states(section: &Section) -> Vec<ChangeState> {
    section.changes.iter().map(|change| change.state).collect()
}

#[test]
fn apply_opens_a_second_apply_writes_nothing_and_revoke_leaves_nothing() {
    let cloud = scene();
    let before = cloud.rules.borrow().clone();
    let mut document = Document::empty();
    let section = applied(&mut document, &cloud, &target());
    assert_eq!((section.status, states(&section)), (Status::Changed, vec![ChangeState::Done; 2]));
    assert!(section.changes.iter().all(|change| change.id.as_deref().unwrap().starts_with("sgr-")));
    assert_eq!(cloud.writes(), 1, "one request for both rules");
    let again = applied(&mut document, &cloud, &Target::default());
    assert_eq!((again.status, cloud.writes()), (Status::Unchanged, 1));
    let section = revoked(&mut document, &cloud);
    assert_eq!((section.status, states(&section)), (Status::Changed, vec![ChangeState::Done; 2]));
    assert_eq!(*cloud.rules.borrow(), before);
    assert!(revoke::written(&document).unwrap().is_empty(), "what was revoked is not revoked again");
}

#[test]
fn a_planned_document_is_applied_as_planned_but_for_what_is_open_by_now() {
    let cloud = scene();
    let mut document = Document::empty();
    let plan = run(check::plan(&mut document, &cloud, &target(), &[])).unwrap();
    document.set_section("sg", plan);
    cloud.rules.borrow_mut().push(rule("sgr-1", "sg-c", Direction::Ingress, Traffic::Tcp(6379, 6379), "10.0.0.0/16"));
    let section = applied(&mut document, &cloud, &Target::default());
    assert_eq!(states(&section), [ChangeState::Unchanged, ChangeState::Done]);
}

#[test]
fn a_planned_rule_that_is_not_between_this_client_and_this_cache_is_refused() {
    for after in [
        r#"{"security_group_id":"sg-x","direction":"ingress","tcp_port":6379,"peer":{"security_group_id":"sg-a"}}"#,
        r#"{"security_group_id":"sg-c","direction":"ingress","tcp_port":22,"peer":{"security_group_id":"sg-a"}}"#,
        r#"{"security_group_id":"sg-c","direction":"egress","tcp_port":6379,"peer":{"security_group_id":"sg-a"}}"#,
        r#"{"security_group_id":"sg-c","direction":"ingress","tcp_port":6379,"peer":{"security_group_id":"sg-x"}}"#,
        r#"{"security_group_id":"sg-c","direction":"ingress","tcp_port":6379,"peer":{"prefix_list_id":"pl-1"}}"#,
        r#"{"security_group_id":"sg-c","direction":"ingress","tcp_port":6379,"peer":{"cidr":"0.0.0.0/0"}}"#,
        r#"{"security_group_id":"sg-c"}"#,
    ] {
        let cloud = scene();
        let mut document = planned_document(&cloud, &target(), after);
        let result = run(apply(&mut document, &cloud, &Target::default(), &[], PATIENCE, &output()));
        assert_eq!((result.unwrap_err().code().id, cloud.writes()), ("EC1015", 0), "{after}");
    }
}

#[test]
fn a_planned_public_range_is_refused_as_any_other() {
    let after = r#"{"security_group_id":"sg-c","direction":"ingress","tcp_port":6379,"peer":{"cidr":"0.0.0.0/0"}}"#;
    let everybody: IpNet = "0.0.0.0/0".parse().unwrap();
    let cloud = scene();
    let mut document = planned_document(&cloud, &Target { from: Some(Source::Range(everybody)), ..target() }, after);
    let mut apply = |allowed: &[IpNet]| {
        run(apply(&mut document, &cloud, &Target::default(), allowed, PATIENCE, &output()))
            .map(|section| section.status)
    };
    assert_eq!(apply(&[]).unwrap_err().code().id, "EC1010");
    assert_eq!(cloud.writes(), 0);
    // The plan is for one of the two ports: the other stays closed, and that is the answer.
    assert_eq!(apply(&[everybody]).unwrap(), Status::No);
    assert_eq!(cloud.writes(), 1);
}

/// A document with its facts and one planned change.
fn planned_document(cloud: &Fake, target: &Target, after: &str) -> Document {
    let mut document = Document::empty();
    run(check::find(&mut document, cloud, target)).unwrap();
    let mut plan = Section::new("plan", Status::Planned);
    let after: serde_json::Value = serde_json::from_str(after).unwrap();
    plan.changes.push(Change::new("create", "rule", ChangeState::Planned).after(after));
    document.set_section("sg", plan);
    document
}

#[test]
fn a_rule_that_somebody_adds_at_the_same_moment_is_left_alone_and_the_other_is_written() {
    let cloud = scene();
    // Present for the request, not yet shown by the read before it.
    cloud.rules.borrow_mut().push(rule("sgr-1", "sg-c", Direction::Ingress, Traffic::Tcp(6379, 6379), "sg-a"));
    cloud.show_late(rule("sgr-e", "sg-a", Direction::Egress, Traffic::All, "0.0.0.0/0"));
    let section = applied(&mut Document::empty(), &cloud, &target());
    assert_eq!(section.status, Status::Changed);
    assert_eq!(states(&section), [ChangeState::Unchanged, ChangeState::Done]);
}

#[test]
fn a_rule_that_shows_late_is_waited_for() {
    let cloud = scene();
    cloud.delay.set(3);
    let section = applied(&mut Document::empty(), &cloud, &target());
    assert_eq!((section.status, states(&section)), (Status::Changed, vec![ChangeState::Done; 2]));
}

#[test]
fn a_rule_that_never_shows_is_told_and_can_still_be_revoked() {
    let cloud = scene();
    cloud.delay.set(usize::MAX);
    let mut document = Document::empty();
    let section = applied(&mut document, &cloud, &target());
    assert_eq!((section.status, section.exit()), (Status::Error, Exit::Partial));
    assert_eq!(section.error.unwrap()["code"], "EC1012");
    assert_eq!(revoke::written(&document).unwrap().len(), 2);
}

/// The calls of an apply: cache, client, subnets, rules, authorize.
const AUTHORIZE: usize = 5;

#[test]
fn a_denied_write_is_an_error_with_its_exit_code() {
    let cloud = scene();
    cloud.failures.borrow_mut().insert(AUTHORIZE, Fault::Denied);
    let section = applied(&mut Document::empty(), &cloud, &target());
    assert_eq!((section.status, section.exit()), (Status::Error, Exit::Refused));
    assert_eq!(states(&section), [ChangeState::Failed; 2]);
}

#[test]
fn after_a_lost_answer_the_group_is_read_before_anything_is_said() {
    let cloud = scene();
    cloud.failures.borrow_mut().insert(AUTHORIZE, Fault::AnswerLost);
    let section = applied(&mut Document::empty(), &cloud, &target());
    assert_eq!((states(&section), section.exit()), (vec![ChangeState::Done; 2], Exit::Partial));
    assert!(section.changes.iter().all(|change| change.id.is_some()));
    let cloud = scene();
    cloud.failures.borrow_mut().insert(AUTHORIZE, Fault::Unheard);
    let section = applied(&mut Document::empty(), &cloud, &target());
    assert_eq!((states(&section), section.exit()), (vec![ChangeState::Unknown; 2], Exit::Temporary));
}

#[test]
fn missing_egress_is_written_on_the_clients_group() {
    let cloud = scene();
    cloud.rules.borrow_mut().clear();
    let section = applied(&mut Document::empty(), &cloud, &target());
    let names: Vec<&str> = section.changes.iter().map(|change| change.resource.as_str()).collect();
    assert_eq!(
        names,
        [
            "sg-a egress tcp 6379 to sg-c",
            "sg-a egress tcp 6380 to sg-c",
            "sg-c ingress tcp 6379 from sg-a",
            "sg-c ingress tcp 6380 from sg-a"
        ]
    );
    assert_eq!((section.status, cloud.writes()), (Status::Changed, 2));
}

#[test]
fn across_vpcs_nothing_is_written() {
    let mut cloud = scene();
    cloud.clients[0].1.vpc_id = Some("vpc-2".into());
    let section = applied(&mut Document::empty(), &cloud, &target());
    assert_eq!((section.status, section.exit(), cloud.writes()), (Status::No, Exit::No, 0));
    assert!(section.findings.iter().any(|finding| finding.code == "EC1003"));
}
