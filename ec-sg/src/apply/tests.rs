//! What apply writes, what it leaves, and what it says when AWS fails it.

use std::time::Duration;

use ec_shared::output::{Color, ErrorFormat, Format};
use serde_json::json;

use super::*;
use crate::client::Source;
use crate::fake::{Fake, Fault, answers, rule, run, scene, target};
use crate::revoke;
use crate::rule::Traffic;

const PATIENCE: Patience = Patience { limit: Duration::from_millis(20), first: Duration::from_millis(1) };

fn output() -> Output {
    Output::new("ec-sg", Some(Format::Json), ErrorFormat::Text, Color::Never).loudness(true, false)
}

fn try_apply(
    document: &mut Document,
    world: &mut World<Fake>,
    target: &Target,
    attaching: &Attaching,
    allowed: &[IpNet],
) -> Result<Section, Failure> {
    let bounds = Bounds { allowed: allowed.to_vec(), patience: PATIENCE, interrupt: Interrupt::default() };
    run(apply(document, world, target, attaching, &bounds, &output()))
}

/// Runs apply as the stage does, section and all.
fn applied(document: &mut Document, world: &mut World<Fake>, target: &Target) -> Section {
    applied_with(document, world, target, &Attaching::No)
}

fn applied_with(document: &mut Document, world: &mut World<Fake>, target: &Target, attaching: &Attaching) -> Section {
    let section =
        try_apply(document, world, target, attaching, &[]).unwrap_or_else(|failure| Section::failed("apply", &failure));
    document.set_section("sg", section.clone());
    section
}

fn revoked(document: &mut Document, world: &mut World<Fake>) -> Section {
    let written = revoke::written(document).unwrap();
    let section = run(revoke::revoke(written, world, PATIENCE, &Interrupt::default(), &output()))
        .unwrap_or_else(|failure| Section::failed("revoke", &failure));
    document.set_section("sg", section.clone());
    section
}

fn states(section: &Section) -> Vec<ChangeState> {
    section.changes.iter().map(|change| change.state).collect()
}

fn admits(port: u16) -> Rule {
    rule("sgr-1", "sg-c", Direction::Ingress, Traffic::Tcp(port, port), "sg-a")
}

#[test]
fn apply_opens_a_second_apply_writes_nothing_and_revoke_leaves_nothing() {
    let mut world = scene().world();
    let before = world.cloud.rules.borrow().clone();
    let mut document = Document::empty();
    let section = applied(&mut document, &mut world, &target());
    assert_eq!((section.status, states(&section)), (Status::Changed, vec![ChangeState::Done; 2]));
    assert!(section.changes.iter().all(|change| change.id.as_deref().unwrap().starts_with("sgr-")));
    assert_eq!(world.cloud.writes(), 1, "one request for both rules");
    let again = applied(&mut document, &mut world, &Target::default());
    assert_eq!((again.status, world.cloud.writes()), (Status::Unchanged, 1));
    let section = revoked(&mut document, &mut world);
    assert_eq!((section.status, states(&section)), (Status::Changed, vec![ChangeState::Done; 2]));
    assert_eq!(*world.cloud.rules.borrow(), before);
    assert!(revoke::written(&document).unwrap().is_empty(), "what was revoked is not revoked again");
}

#[test]
fn a_planned_document_is_applied_as_planned_but_for_what_is_open_by_now() {
    let mut world = scene().world();
    let mut document = Document::empty();
    let plan = run(check::plan(&mut document, &mut world, &target(), &Attaching::No, &[], false)).unwrap();
    document.set_section("sg", plan);
    world.cloud.rules.borrow_mut().push(rule(
        "sgr-1",
        "sg-c",
        Direction::Ingress,
        Traffic::Tcp(6379, 6379),
        "10.0.0.0/16",
    ));
    let section = applied(&mut document, &mut world, &Target::default());
    assert_eq!(states(&section), [ChangeState::Unchanged, ChangeState::Done]);
}

#[test]
fn a_planned_rule_that_is_not_between_this_client_and_this_cache_is_refused() {
    for after in [
        r#"{"security_group_id":"sg-x","direction":"ingress","tcp_port":6379,"peer":{"security_group_id":"sg-a"}}"#,
        r#"{"security_group_id":"sg-c","direction":"ingress","tcp_port":22,"peer":{"security_group_id":"sg-a"}}"#,
        r#"{"security_group_id":"sg-c","direction":"egress","tcp_port":6379,"peer":{"security_group_id":"sg-a"}}"#,
        r#"{"security_group_id":"sg-c","direction":"ingress","tcp_port":6379,"peer":{"security_group_id":"sg-9"}}"#,
        r#"{"security_group_id":"sg-c","direction":"ingress","tcp_port":6379,"peer":{"prefix_list_id":"pl-1"}}"#,
        r#"{"security_group_id":"sg-c","direction":"ingress","tcp_port":6379,"peer":{"cidr":"0.0.0.0/0"}}"#,
        r#"{"security_group_id":"sg-a","direction":"egress","tcp_port":6379,"peer":{"cidr":"0.0.0.0/0"}}"#,
        r#"{"security_group_id":"sg-c"}"#,
    ] {
        let mut world = scene().world();
        let mut document = planned_document(&mut world, &target(), after);
        let result = try_apply(&mut document, &mut world, &Target::default(), &Attaching::No, &[]);
        assert_eq!((result.unwrap_err().code().id, world.cloud.writes()), ("EC1015", 0), "{after}");
    }
}

#[test]
fn a_planned_public_range_is_refused_as_any_other() {
    let after = r#"{"security_group_id":"sg-c","direction":"ingress","tcp_port":6379,"peer":{"cidr":"0.0.0.0/0"}}"#;
    let everybody: IpNet = "0.0.0.0/0".parse().unwrap();
    let mut world = scene().world();
    let anywhere = Target { from: Some(Source::Range(everybody)), ..target() };
    let mut document = planned_document(&mut world, &anywhere, after);
    let mut apply = |world: &mut World<Fake>, allowed: &[IpNet]| {
        try_apply(&mut document, world, &Target::default(), &Attaching::No, allowed).map(|section| section.status)
    };
    assert_eq!(apply(&mut world, &[]).unwrap_err().code().id, "EC1010");
    assert_eq!(world.cloud.writes(), 0);
    // The plan is for one of the two ports: the other stays closed, and that is the answer.
    assert_eq!(apply(&mut world, &[everybody]).unwrap(), Status::No);
    assert_eq!(world.cloud.writes(), 1);
}

/// A document with its facts and one planned change.
fn planned_document(world: &mut World<Fake>, target: &Target, after: &str) -> Document {
    let mut document = Document::empty();
    run(check::find(&mut document, world, target)).unwrap();
    let mut plan = Section::new("plan", Status::Planned);
    let after: serde_json::Value = serde_json::from_str(after).unwrap();
    plan.changes.push(Change::new("create", "rule", ChangeState::Planned).after(after));
    document.set_section("sg", plan);
    document
}

#[test]
fn a_rule_that_somebody_adds_at_the_same_moment_is_left_alone_and_the_other_is_written() {
    let mut world = scene().world();
    // Present for the request, not yet shown by the reads before it.
    world.cloud.rules.borrow_mut().push(admits(6379));
    world.cloud.show_late(rule("sgr-e", "sg-a", Direction::Egress, Traffic::All, "0.0.0.0/0"));
    let section = applied(&mut Document::empty(), &mut world, &target());
    assert_eq!(section.status, Status::Changed);
    assert_eq!(states(&section), [ChangeState::Unchanged, ChangeState::Done]);
}

#[test]
fn a_rule_that_shows_late_is_waited_for() {
    let mut world = scene().world();
    world.cloud.delay.set(5);
    let section = applied(&mut Document::empty(), &mut world, &target());
    assert_eq!((section.status, states(&section)), (Status::Changed, vec![ChangeState::Done; 2]));
}

#[test]
fn a_rule_that_never_shows_or_that_somebody_takes_away_is_told_and_can_still_be_revoked() {
    let mut world = scene().world();
    world.cloud.delay.set(usize::MAX);
    let mut document = Document::empty();
    let section = applied(&mut document, &mut world, &target());
    assert_eq!((section.status, section.exit()), (Status::Error, Exit::Partial));
    assert_eq!(section.error.unwrap()["code"], "EC1012");
    assert_eq!(revoke::written(&document).unwrap().len(), 2);
}

/// The number of the call that writes, in an apply of the scene.
fn authorize() -> usize {
    let mut world = scene().world();
    applied(&mut Document::empty(), &mut world, &target());
    let at = world.cloud.calls.borrow().iter().position(|call| *call == "authorize");
    at.unwrap() + 1
}

#[test]
fn a_denied_write_is_an_error_with_its_exit_code() {
    let mut world = scene().world();
    world.cloud.failures.borrow_mut().insert(authorize(), Fault::Denied);
    let section = applied(&mut Document::empty(), &mut world, &target());
    assert_eq!((section.status, section.exit()), (Status::Error, Exit::Refused));
    assert_eq!(states(&section), [ChangeState::Failed; 2]);
}

#[test]
fn after_a_lost_answer_the_group_is_read_before_anything_is_said() {
    let mut world = scene().world();
    world.cloud.failures.borrow_mut().insert(authorize(), Fault::AnswerLost);
    let section = applied(&mut Document::empty(), &mut world, &target());
    assert_eq!((states(&section), section.exit()), (vec![ChangeState::Done; 2], Exit::Partial));
    assert!(section.changes.iter().all(|change| change.id.is_some()));
    let mut world = scene().world();
    world.cloud.failures.borrow_mut().insert(authorize(), Fault::Unheard);
    let section = applied(&mut Document::empty(), &mut world, &target());
    assert_eq!((states(&section), section.exit()), (vec![ChangeState::Unknown; 2], Exit::Temporary));
}

#[test]
fn a_duplicate_that_a_retry_met_is_our_own_rule_and_can_be_taken_back() {
    let mut world = scene().world();
    world.cloud.failures.borrow_mut().insert(authorize(), Fault::Retried);
    let mut document = Document::empty();
    let section = applied(&mut document, &mut world, &target());
    assert_eq!((section.status, states(&section)), (Status::Changed, vec![ChangeState::Done; 2]));
    assert_eq!(revoke::written(&document).unwrap().len(), 2);
}

#[test]
fn a_quota_that_is_reached_half_way_leaves_what_was_done_in_the_document() {
    let cloud = scene();
    cloud.rules.borrow_mut().clear();
    // The client's group takes its two rules, the cache's has room for one.
    for index in 0..3 {
        let filler = rule(&format!("sgr-f{index}"), "sg-c", Direction::Ingress, Traffic::Tcp(22, 22), "10.9.0.0/24");
        cloud.rules.borrow_mut().push(filler);
    }
    cloud.room.set(Some(4));
    let mut world = cloud.world();
    let mut document = Document::empty();
    let section = applied(&mut document, &mut world, &target());
    assert_eq!((section.status, section.exit()), (Status::Error, Exit::Partial));
    let failed = ChangeState::Failed;
    assert_eq!(states(&section), [ChangeState::Done, ChangeState::Done, failed, failed]);
    let section = revoked(&mut document, &mut world);
    assert_eq!(section.status, Status::Changed);
    assert_eq!(world.cloud.rules.borrow().len(), 3, "exactly what was done is undone");
}

#[test]
fn missing_egress_is_written_on_the_clients_group() {
    let mut world = scene().world();
    world.cloud.rules.borrow_mut().clear();
    let section = applied(&mut Document::empty(), &mut world, &target());
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
    assert_eq!((section.status, world.cloud.writes()), (Status::Changed, 2));
}

/// The scene with its client in vpc-2, which nothing joins to vpc-1.
fn far_away() -> Fake {
    let mut cloud = scene();
    let more = answers(json!({
        "Subnets": [{"SubnetId": "subnet-z", "VpcId": "vpc-2", "CidrBlock": "10.2.1.0/24"}],
        "NetworkAcls": [{"NetworkAclId": "acl-z", "VpcId": "vpc-2", "Associations": [{"SubnetId": "subnet-z"}]}],
        "RouteTables": [{"RouteTableId": "rtb-z", "VpcId": "vpc-2", "Associations": [{"Main": true}]}],
    }));
    cloud.answers.subnets.as_mut().unwrap().extend(more.subnets.unwrap());
    cloud.answers.network_acls.as_mut().unwrap().extend(more.network_acls.unwrap());
    cloud.answers.route_tables.as_mut().unwrap().extend(more.route_tables.unwrap());
    let instance = &mut cloud.answers.reservations.as_mut().unwrap()[0].instances[0];
    instance.vpc_id = Some("vpc-2".into());
    instance.subnet_id = Some("subnet-z".into());
    instance.private_ip_address = Some("10.2.1.15".into());
    cloud
}

#[test]
fn between_vpcs_that_nothing_joins_nothing_is_written_and_the_rules_wait() {
    let mut world = far_away().world();
    let section = applied(&mut Document::empty(), &mut world, &target());
    assert_eq!((section.status, section.exit(), world.cloud.writes()), (Status::No, Exit::No, 0));
    assert!(section.findings.iter().any(|finding| finding.code == "EC1003"));
    assert!(states(&section).iter().all(|state| *state == ChangeState::Planned));
    let resources: Vec<_> = section.changes.iter().map(|change| change.resource.as_str()).collect();
    assert!(resources.contains(&"sg-c ingress tcp 6379 from sg-a"), "{section:#?}");
}

#[test]
fn what_security_groups_do_not_decide_does_not_keep_apply_from_its_work() {
    let mut cloud = scene();
    cloud.denied = vec![Need::RouteTables("vpc-1".into()), Need::NetworkAcls("vpc-1".into())];
    cloud.answers.route_tables = None;
    cloud.answers.network_acls = None;
    let section = applied(&mut Document::empty(), &mut cloud.world(), &target());
    assert_eq!((section.status, section.exit()), (Status::Changed, Exit::Ok));
    assert!(section.findings.iter().any(|finding| finding.code == "EC1009"), "and that it is not known is told");
}

mod attaching {
    use super::*;

    /// The cache admits sg-b; the client's interface carries sg-a.
    fn admitting() -> Fake {
        let mut cloud = scene();
        let group = json!([{"GroupId": "sg-b", "GroupName": "clients", "VpcId": "vpc-1"}]);
        let group: Vec<crate::answers::SecurityGroup> = serde_json::from_value(group).unwrap();
        cloud.answers.security_groups.as_mut().unwrap().extend(group);
        cloud.rules.borrow_mut().push(rule("sgr-1", "sg-c", Direction::Ingress, Traffic::Tcp(6379, 6380), "sg-b"));
        cloud
    }

    #[test]
    fn the_client_gets_the_group_keeps_its_own_and_gives_it_back() {
        let mut world = admitting().world();
        let mut document = Document::empty();
        let section = applied_with(&mut document, &mut world, &target(), &Attaching::Admitted);
        assert_eq!((section.status, states(&section)), (Status::Changed, vec![ChangeState::Done]));
        assert_eq!(*world.cloud.groups.borrow(), ["sg-a", "sg-b"]);
        let again = applied(&mut document, &mut world, &Target::default());
        assert_eq!(again.status, Status::Unchanged, "the document knows what the client was given");
        // A group that somebody has added meanwhile stays.
        world.cloud.groups.borrow_mut().push("sg-late".into());
        let section = revoked(&mut document, &mut world);
        assert_eq!(section.status, Status::Changed);
        assert_eq!(*world.cloud.groups.borrow(), ["sg-a", "sg-late"]);
        assert!(revoke::written(&document).unwrap().is_empty());
    }

    #[test]
    fn the_last_group_of_an_interface_is_not_taken() {
        let mut world = admitting().world();
        let mut document = Document::empty();
        applied_with(&mut document, &mut world, &target(), &Attaching::Admitted);
        *world.cloud.groups.borrow_mut() = vec!["sg-b".into()];
        let section = revoked(&mut document, &mut world);
        assert_eq!(section.error.unwrap()["code"], "EC1027");
        assert_eq!(*world.cloud.groups.borrow(), ["sg-b"]);
    }
}

/// Adversity: whatever call fails, and however, the next run ends the work, and the undo is exact.
mod adversity {
    use super::*;

    const FAULTS: [Fault; 6] =
        [Fault::Denied, Fault::Throttled, Fault::AnswerLost, Fault::Retried, Fault::Unheard, Fault::NotFoundYet];

    /// A client whose groups lack egress, too: two writes of two rules each.
    fn closed() -> Fake {
        let cloud = scene();
        cloud.rules.borrow_mut().clear();
        cloud
    }

    /// The same world, as the next process finds it.
    fn next(world: World<Fake>) -> World<Fake> {
        let cloud = world.cloud;
        cloud.calls.borrow_mut().clear();
        cloud.failures.borrow_mut().clear();
        World::new(cloud)
    }

    /// How many rules are there, and how many the document says were added.
    fn truth(world: &World<Fake>, document: &Document) -> (usize, usize) {
        (world.cloud.rules.borrow().len(), revoke::written(document).unwrap().len())
    }

    #[test]
    fn a_group_that_was_made_a_moment_ago_is_waited_for() {
        let mut world = scene().world();
        let mut document = Document::empty();
        let calls = {
            let mut dry = scene().world();
            applied(&mut Document::empty(), &mut dry, &target());
            dry.cloud.calls.borrow().clone()
        };
        let write = calls.iter().position(|call| *call == "authorize").unwrap() + 1;
        world.cloud.failures.borrow_mut().extend([(write, Fault::NotFoundYet), (write + 1, Fault::NotFoundYet)]);
        let section = applied(&mut document, &mut world, &target());
        assert_eq!((section.status, world.cloud.writes()), (Status::Changed, 3), "{section:#?}");
    }

    #[test]
    fn whichever_call_of_apply_fails_the_next_run_converges_and_undo_is_exact() {
        for fault in FAULTS {
            for call in 1.. {
                let mut world = closed().world();
                world.cloud.failures.borrow_mut().insert(call, fault);
                let mut document = Document::empty();
                let first = applied(&mut document, &mut world, &target());
                let was_reached = world.cloud.failures.borrow().is_empty();
                let unsure = states(&first).contains(&ChangeState::Unknown);
                let (there, told) = truth(&world, &document);
                assert!(there >= told, "{fault:?} at {call}: nothing is claimed that is not there");
                assert!(there == told || unsure, "{fault:?} at {call}: what is there is told, or not known");
                let mut world = next(world);
                let again = applied(&mut document, &mut world, &target());
                assert!(matches!(again.status, Status::Changed | Status::Unchanged), "{fault:?} at {call}: {again:#?}");
                let rules = world.cloud.rules.borrow().len();
                assert_eq!(rules, 4, "{fault:?} at {call}: each rule once");
                let mut world = next(world);
                revoked(&mut document, &mut world);
                let (there, told) = truth(&world, &document);
                assert_eq!(told, 0, "{fault:?} at {call}");
                assert_eq!(there, 0, "{fault:?} at {call}: what was added is gone");
                if !was_reached {
                    assert!(call > 8, "a run makes that many calls");
                    break;
                }
            }
        }
    }

    #[test]
    fn what_was_begun_in_vain_is_done_by_the_next_run_of_the_document_beside_what_was_not_begun() {
        for fault in [Fault::Denied, Fault::Unheard] {
            let mut world = closed().world();
            applied(&mut Document::empty(), &mut world, &target());
            let first_write = world.cloud.calls.borrow().iter().position(|call| *call == "authorize").unwrap() + 1;
            let mut world = closed().world();
            world.cloud.failures.borrow_mut().insert(first_write, fault);
            let mut document = Document::empty();
            let section = applied(&mut document, &mut world, &target());
            assert!(states(&section).contains(&ChangeState::Planned), "{fault:?}");
            let mut world = next(world);
            let section = applied(&mut document, &mut world, &Target::default());
            assert_eq!((section.status, world.cloud.rules.borrow().len()), (Status::Changed, 4), "{fault:?}");
        }
    }

    #[test]
    fn whichever_call_of_revoke_fails_the_next_run_ends_it() {
        for fault in FAULTS {
            for call in 1.. {
                let mut world = closed().world();
                let mut document = Document::empty();
                applied(&mut document, &mut world, &target());
                let mut world = next(world);
                world.cloud.failures.borrow_mut().insert(call, fault);
                revoked(&mut document, &mut world);
                let was_reached = world.cloud.failures.borrow().is_empty();
                let (there, told) = truth(&world, &document);
                assert!(told >= there, "{fault:?} at {call}: what is still there can still be undone");
                let mut world = next(world);
                let section = revoked(&mut document, &mut world);
                assert!(
                    matches!(section.status, Status::Changed | Status::Unchanged),
                    "{fault:?} at {call}: {section:#?}"
                );
                assert_eq!(world.cloud.rules.borrow().len(), 0, "{fault:?} at {call}");
                if !was_reached {
                    break;
                }
            }
        }
    }

    #[test]
    fn a_process_that_is_killed_between_two_writes_has_written_what_the_next_one_finds() {
        // Two writes: the run ends for good after the first, and its document is lost.
        let mut world = closed().world();
        let label = Label { description: "ec-sg: orders from i-a".into(), tag: "orders".into() };
        let opening = |tcp_port| Opening {
            group: "sg-a".into(),
            direction: Direction::Egress,
            tcp_port,
            peer: Peer::Group(crate::rule::GroupRef::of("sg-c")),
        };
        run(world.cloud.authorize(&[opening(6379), opening(6380)], &label)).unwrap();
        let section = applied(&mut Document::empty(), &mut world, &target());
        assert_eq!((section.status, states(&section)), (Status::Changed, vec![ChangeState::Done; 2]));
        assert_eq!(world.cloud.rules.borrow().len(), 4);
    }
}

#[test]
fn a_signal_between_two_writes_lets_the_first_stand_and_the_next_run_finish() {
    let cloud = scene();
    cloud.rules.borrow_mut().clear();
    let mut world = cloud.world();
    let interrupt = Interrupt::default();
    *world.cloud.on_write.borrow_mut() = Some(interrupt.clone());
    let bounds = Bounds { allowed: Vec::new(), patience: PATIENCE, interrupt };
    let mut document = Document::empty();
    let section = run(apply(&mut document, &mut world, &target(), &Attaching::No, &bounds, &output())).unwrap();
    let (done, planned) = (ChangeState::Done, ChangeState::Planned);
    assert_eq!(states(&section), [done, done, planned, planned]);
    assert_eq!((section.interrupted, section.exit()), (Some(true), Exit::Interrupted));
    document.set_section("sg", section);
    let section = applied(&mut document, &mut World::new(world.cloud), &target());
    assert_eq!((section.status, states(&section)), (Status::Changed, vec![done, done]));
    assert_eq!(revoke::written(&document).unwrap().len(), 4, "the document of both runs tells all four");
}
