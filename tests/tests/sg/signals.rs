//! A process that is told to end, or killed, between two writes.

use ec_tests::{Failing, Fault, Gate, Moto, Running, Signal, need, tool};

use super::adversity::{all, closed, there};
use super::{ec_sg, section, states};

/// An apply whose call of this action was carried out, and whose answer waits at the gate.
fn halted(document: &str, action: &'static str) -> (Failing, Gate, Running) {
    let gate = Gate::default();
    let held = gate.clone();
    let failing = Failing::before(&Moto::shared().url(), move |_, call| {
        (call.action == action).then(|| Fault::AnswerHeld(held.clone()))
    });
    let running = tool("ec-sg").args(["apply"]).aws(&failing.url()).stdin(document).start();
    gate.wait_for(1);
    (failing, gate, running)
}

#[test]
fn a_signal_between_two_writes_ends_the_first_begins_no_second_and_the_next_run_goes_on() {
    need!("moto_server");
    for (signal, name, exit) in
        [(Signal::INT, "SIGINT", 130), (Signal::TERM, "SIGTERM", 143), (Signal::HUP, "SIGHUP", 129)]
    {
        let (ground, document) = closed(&format!("halt-{exit}"));
        let (failing, gate, running) = halted(&document, "AuthorizeSecurityGroupEgress");
        running.signal(signal);
        gate.open();
        let ended = running.end().exits(exit).says("EC9024").says(name);
        let tells = section(&ended);
        assert_eq!((&tells["interrupted"], &tells["status"]), (&true.into(), &"error".into()));
        assert_eq!(states(&tells), ["create done", "create done", "create planned", "create planned"]);
        assert_eq!(failing.calls().writes(), ["AuthorizeSecurityGroupEgress"]);
        assert_eq!(there(&ground), all(&ground)[..2]);

        let url = Moto::shared().url();
        let again = ec_sg(&url, &["apply"], &ended.stdout).ok();
        assert_eq!(states(&section(&again)), vec!["create done"; 4], "the document of both runs tells all four");
        assert_eq!(section(&again).get("interrupted"), None);
        assert_eq!(there(&ground), all(&ground));
        ec_sg(&url, &["revoke"], &again.stdout).ok();
        assert_eq!(there(&ground), Vec::<String>::new());
    }
}

#[test]
fn a_signal_before_the_first_write_lets_nothing_be_written() {
    need!("moto_server");
    let (_ground, document) = closed("halt-early");
    let (failing, gate, running) = halted(&document, "DescribeSecurityGroupRules");
    running.signal(Signal::INT);
    gate.open();
    let ended = running.end().exits(130);
    assert_eq!(states(&section(&ended)), vec!["create planned"; 4]);
    assert_eq!(section(&ended)["interrupted"], true);
    assert_eq!(failing.calls().writes(), Vec::<String>::new());
}

#[test]
fn a_process_that_is_killed_between_two_writes_leaves_no_document_and_the_next_run_goes_on() {
    need!("moto_server");
    let (ground, document) = closed("killed");
    let (_failing, gate, running) = halted(&document, "AuthorizeSecurityGroupEgress");
    running.signal(Signal::KILL);
    let ended = running.end().exits(137);
    gate.open();
    assert_eq!(ended.stdout, "");
    assert_eq!(there(&ground), all(&ground)[..2]);

    let url = Moto::shared().url();
    let again = ec_sg(&url, &["apply"], &document).ok();
    assert_eq!(there(&ground), all(&ground), "nothing twice");
    // What the first run has added, nobody has told the second.
    assert_eq!(states(&section(&again)), ["create done", "create done"]);
    assert_eq!(section(&ec_sg(&url, &["apply"], &again.stdout).ok())["status"], "unchanged");
}

#[test]
fn a_signal_during_revoke_leaves_the_rest_for_the_next_run() {
    need!("moto_server");
    let (ground, document) = closed("halt-revoke");
    let url = Moto::shared().url();
    let applied = ec_sg(&url, &["apply"], &document).ok();
    let gate = Gate::default();
    let held = gate.clone();
    // The newest rules go first: those that let in.
    let failing = Failing::before(&url, move |_, call| {
        (call.action == "RevokeSecurityGroupIngress").then(|| Fault::AnswerHeld(held.clone()))
    });
    let revoke = tool("ec-sg").args(["revoke"]).aws(&failing.url()).stdin(applied.stdout.as_str()).start();
    gate.wait_for(1);
    revoke.signal(Signal::INT);
    gate.open();
    let ended = revoke.end().exits(130);
    assert_eq!(section(&ended)["interrupted"], true);
    assert_eq!(failing.calls().writes(), ["RevokeSecurityGroupIngress"]);
    assert_eq!(there(&ground), all(&ground)[..2]);
    ec_sg(&url, &["revoke"], &ended.stdout).ok();
    assert_eq!(there(&ground), Vec::<String>::new());
}
