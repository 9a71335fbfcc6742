//! Whatever call of `apply` or `revoke` goes wrong, and however: what the document tells is so, the next run ends the work
//! and writes nothing twice. Through a real process and the SDK's own retries, on moto, which is strict about duplicates.

use std::collections::BTreeSet;
use std::sync::atomic::{AtomicUsize, Ordering::SeqCst};
use std::thread;

use ec_tests::{Counting, Failing, Fault, Gate, Ground, Moto, Outcome, need, tool};
use serde_json::Value;

use super::{cache_in, ec_sg, egress, ingress, listed, on_moto, section, states};

/// A client whose own group lets nothing out: two writes of two rules each.
pub(crate) fn closed(name: &str) -> (Ground, String) {
    let ground = on_moto(name);
    ground.aws.narrow_egress(&ground.client_group);
    let document = cache_in(&ground, &[&ground.subnet]);
    let found = tool("ec-sg").args(["check", "--from", &ground.instance]).aws(&Moto::shared().url()).stdin(document);
    let mut found = found.run().exits(1).document();
    // The facts alone: what is to be done, every run sees for itself.
    if let Some(document) = found.as_object_mut() {
        document.retain(|member, _| !["sg", "ok"].contains(&member.as_str()));
    }
    (ground, found.to_string())
}

/// The rules that are there, of both groups.
pub(crate) fn there(ground: &Ground) -> Vec<String> {
    [egress(&ground.aws, &ground.client_group), ingress(&ground.aws, &ground.cache_group)].concat()
}

/// All four rules, each once.
pub(crate) fn all(ground: &Ground) -> Vec<String> {
    let (client, cache) = (&ground.client_group, &ground.cache_group);
    [format!("6379 {cache}"), format!("6380 {cache}"), format!("6379 {client}"), format!("6380 {client}")].to_vec()
}

/// Runs ec-sg where a call is tried twice at most, so that two failures are an outage.
fn run(url: &str, verb: &str, document: &str) -> Outcome {
    tool("ec-sg").args([verb]).aws(url).env("AWS_MAX_ATTEMPTS", "2").stdin(document).run()
}

/// How many rules the document says were added and not taken back.
fn told(section: &Value) -> usize {
    let done = |action: &str| -> BTreeSet<&str> {
        let done = listed(section, "changes").filter(|change| change["action"] == action && change["state"] == "done");
        done.filter_map(|change| change["id"].as_str()).collect()
    };
    (&done("create") - &done("delete")).len()
}

fn is_unsure(section: &Value) -> bool {
    states(section).iter().any(|state| state.ends_with("unknown"))
}

/// Has `survive` try a fault at each call that `verb` makes on `document`, all at the same time: retries take their pauses.
fn at_each_call(verb: &str, document: &str, survive: impl Fn(usize) + Sync) {
    let counting = Counting::before(&Moto::shared().url());
    run(&counting.url(), verb, document).ok();
    let calls = counting.calls().actions().len();
    assert!(calls >= 4, "it looks, writes twice, and reads back: {:?}", counting.calls().actions());
    thread::scope(|scope| {
        for number in 0..calls {
            let survive = &survive;
            scope.spawn(move || survive(number));
        }
    });
}

/// What there is to say of a run whose call went wrong.
fn told_of(failing: &Failing, number: usize, outcome: &Outcome) -> String {
    format!("call {number}, {:?}\n{}", failing.calls().actions().get(number), outcome.told())
}

fn apply_survives(name: &str, fault: &Fault, times: usize) {
    let moto = Moto::shared().url();
    at_each_call("apply", &closed(name).1, |number| {
        let (ground, document) = closed(&format!("{name}-{number}"));
        let failing = Failing::once(&moto, number, times, fault.clone());
        let first = run(&failing.url(), "apply", &document);
        let at = || told_of(&failing, number, &first);
        let tells = section(&first);
        let (is, says) = (there(&ground).len(), told(&tells));
        assert!(is >= says, "nothing is told that is not there: {}", at());
        assert!(is == says || is_unsure(&tells), "what is there is told, or not known: {}", at());
        assert!(first.code != 0 || is == 4, "success is told where all is done: {}", at());

        let again = run(&moto, "apply", &first.stdout);
        assert!(again.code == 0, "{}\n{}", at(), again.told());
        assert_eq!(there(&ground), all(&ground), "{}", at());

        let revoked = run(&moto, "revoke", &again.stdout).ok();
        assert_eq!(told(&section(&revoked)), 0, "{}", at());
        assert!(there(&ground).is_empty() || is_unsure(&tells), "what was added is gone: {}", at());
    });
}

fn revoke_survives(name: &str, fault: &Fault, times: usize) {
    let moto = Moto::shared().url();
    let applied = |name: &str| {
        let (ground, document) = closed(name);
        (ground, run(&moto, "apply", &document).ok().stdout)
    };
    at_each_call("revoke", &applied(name).1, |number| {
        let (ground, document) = applied(&format!("{name}-{number}"));
        let failing = Failing::once(&moto, number, times, fault.clone());
        let first = run(&failing.url(), "revoke", &document);
        let at = || told_of(&failing, number, &first);
        let (is, says) = (there(&ground).len(), told(&section(&first)));
        assert!(says >= is, "what is still there can still be taken back: {}", at());
        assert!(first.code != 0 || (is, says) == (0, 0), "success is told where all is done: {}", at());
        let again = run(&moto, "revoke", &first.stdout);
        assert!(again.code == 0, "{}\n{}", at(), again.told());
        assert_eq!(there(&ground), Vec::<String>::new(), "{}", at());
    });
}

#[test]
fn apply_that_is_throttled_once_goes_on() {
    need!("moto_server");
    apply_survives("apply-slow", &Fault::Throttled, 1);
}

#[test]
fn apply_that_is_throttled_until_it_gives_up_is_run_again() {
    need!("moto_server");
    apply_survives("apply-late", &Fault::Throttled, 2);
}

#[test]
fn apply_that_aws_fails_with_is_run_again() {
    need!("moto_server");
    apply_survives("apply-down", &Fault::Broken, 2);
}

#[test]
fn apply_whose_answer_gets_lost_knows_its_own_rules_again() {
    need!("moto_server");
    apply_survives("apply-lost", &Fault::AnswerLost, 1);
}

#[test]
fn apply_whose_answers_get_lost_until_it_gives_up_is_run_again() {
    need!("moto_server");
    apply_survives("apply-deaf", &Fault::AnswerLost, 2);
}

#[test]
fn revoke_that_is_throttled_until_it_gives_up_is_run_again() {
    need!("moto_server");
    revoke_survives("revoke-late", &Fault::Throttled, 2);
}

#[test]
fn revoke_that_aws_fails_with_is_run_again() {
    need!("moto_server");
    revoke_survives("revoke-down", &Fault::Broken, 2);
}

#[test]
fn revoke_whose_answer_gets_lost_finds_the_rules_gone() {
    need!("moto_server");
    revoke_survives("revoke-lost", &Fault::AnswerLost, 1);
}

#[test]
fn revoke_whose_answers_get_lost_until_it_gives_up_is_run_again() {
    need!("moto_server");
    revoke_survives("revoke-deaf", &Fault::AnswerLost, 2);
}

#[test]
fn of_two_applies_at_the_same_moment_one_adds_the_rules_and_the_other_finds_them() {
    need!("moto_server");
    let ground = on_moto("twins");
    let document = cache_in(&ground, &[&ground.subnet]);
    let gate = Gate::default();
    let held = gate.clone();
    let failing = Failing::before(&Moto::shared().url(), move |_, call| {
        (call.action == "AuthorizeSecurityGroupIngress").then(|| Fault::Held(held.clone()))
    });
    let apply =
        || tool("ec-sg").args(["apply", "--from", &ground.instance]).aws(&failing.url()).stdin(document.as_str());
    let (one, other) = (apply().start(), apply().start());
    // Both have looked and found the rules missing.
    gate.wait_for(2);
    gate.open();
    let mut ended = [one.end().ok(), other.end().ok()];
    let client = &ground.client_group;
    assert_eq!(ingress(&ground.aws, &ground.cache_group), [format!("6379 {client}"), format!("6380 {client}")]);
    ended.sort_by_key(|outcome| section(outcome)["status"] != "changed");
    assert_eq!(states(&section(&ended[0])), ["create done", "create done"]);
    assert_eq!(section(&ended[1])["status"], "unchanged");
    assert_eq!(states(&section(&ended[1])), ["create unchanged", "create unchanged"]);

    // What one has added, only that one takes back.
    let url = Moto::shared().url();
    ec_sg(&url, &["revoke"], &ended[1].stdout).ok();
    assert_eq!(ingress(&ground.aws, &ground.cache_group).len(), 2);
    ec_sg(&url, &["revoke"], &ended[0].stdout).ok();
    assert_eq!(ingress(&ground.aws, &ground.cache_group), Vec::<String>::new());
}

#[test]
fn a_rule_that_shows_up_between_look_and_write_is_not_written_twice() {
    need!("moto_server");
    let ground = on_moto("between");
    let document = cache_in(&ground, &[&ground.subnet]);
    let gate = Gate::default();
    let held = gate.clone();
    let failing = Failing::before(&Moto::shared().url(), move |_, call| {
        (call.action == "AuthorizeSecurityGroupIngress").then(|| Fault::Held(held.clone()))
    });
    let apply = tool("ec-sg").args(["apply", "--from", &ground.instance]).aws(&failing.url()).stdin(document);
    let apply = apply.start();
    gate.wait_for(1);
    // moto takes a rule with another description for another rule.
    let (group, client) = (ground.cache_group.as_str(), ground.client_group.as_str());
    let description = format!("ec-sg: orders from {}", ground.instance);
    let rule = [
        ("GroupId", group),
        ("IpPermissions.1.IpProtocol", "tcp"),
        ("IpPermissions.1.FromPort", "6379"),
        ("IpPermissions.1.ToPort", "6379"),
        ("IpPermissions.1.Groups.1.GroupId", client),
        ("IpPermissions.1.Groups.1.Description", &description),
    ];
    ground.aws.call("ec2", "AuthorizeSecurityGroupIngress", &rule);
    gate.open();
    let applied = apply.end().ok();
    assert_eq!(states(&section(&applied)), ["create unchanged", "create done"]);
    // The rule of somebody else stays.
    ec_sg(&Moto::shared().url(), &["revoke"], &applied.stdout).ok();
    assert_eq!(ingress(&ground.aws, &ground.cache_group), [format!("6379 {}", ground.client_group)]);
}

#[test]
fn a_group_that_aws_does_not_know_everywhere_yet_is_waited_for() {
    need!("moto_server");
    let (ground, document) = closed("young");
    let failing = Failing::before(&Moto::shared().url(), {
        let left = AtomicUsize::new(2);
        let is_left = move || left.fetch_update(SeqCst, SeqCst, |left| left.checked_sub(1)).is_ok();
        move |_, call| (call.is_write() && is_left()).then_some(Fault::GroupNotThereYet)
    });
    let applied = run(&failing.url(), "apply", &document).ok();
    assert_eq!((states(&section(&applied)), there(&ground)), (vec!["create done".to_owned(); 4], all(&ground)));
}

#[test]
fn whoever_leaves_before_the_answer_finds_what_was_done_on_stderr() {
    need!("moto_server");
    let (ground, document) = closed("gone");
    let counting = Counting::before(&Moto::shared().url());
    let applied = tool("ec-sg").args(["apply"]).aws(&counting.url()).stdin(document).unread().run();
    assert_eq!((applied.stdout.as_str(), there(&ground)), ("", all(&ground)));
    let record = applied.stderr.lines().find(|line| line.starts_with('{'));
    let record = record.unwrap_or_else(|| panic!("there is no record\n{}", applied.told()));
    ec_sg(&counting.url(), &["revoke"], record).ok();
    assert_eq!(there(&ground), Vec::<String>::new());
}
