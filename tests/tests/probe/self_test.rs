//! `ec-probe self-test`: on a machine that is in order, and in a network namespace without as much as loopback.

use ec_tests::{Outcome, need, sh, skip, tool};
use serde_json::{Value, json};

fn cases(outcome: &Outcome) -> Vec<Value> {
    outcome.document()["probe"]["cases"].as_array().cloned().unwrap_or_default()
}

#[test]
fn on_a_machine_that_is_in_order_every_verdict_is_the_right_one() {
    // No server, no system's authorities, no configuration, and nothing on stdin.
    let outcome = tool("ec-probe").args(["self-test"]).env("SSL_CERT_FILE", "/dev/null").run().ok();
    assert_eq!(outcome.document()["ok"], json!(true));
    assert!(cases(&outcome).len() >= 15, "{}", outcome.told());
    assert!(cases(&outcome).iter().all(|case| case["expected"] == case["found"]), "{}", outcome.told());
    let report = tool("ec-probe").args(["self-test", "-o", "text"]).run().ok();
    assert!(report.stdout.ends_with("ok: every verdict is the right one\n"), "{}", report.told());
}

#[test]
fn where_loopback_does_not_work_the_verdicts_are_wrong_and_it_is_said() {
    need!("unshare");
    if sh("unshare -rn true").run().code != 0 {
        return skip("network namespaces are not permitted here");
    }
    let outcome = sh("unshare -rn ec-probe self-test").run().exits(1);
    let finding = &outcome.document()["probe"]["findings"][0];
    assert_eq!(finding["code"], json!("EC3038"), "{}", outcome.told());
    assert_eq!(finding["evidence"]["wrong"][0], json!("a cache in plain text: EC3006 instead of ok"));
}
