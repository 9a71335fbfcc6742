//! A whole run of a stage, with real signals and real pipes: `examples/scribe.rs` as somebody else's process.
#![expect(clippy::panic, clippy::unwrap_used, reason = "a test that cannot be set up has failed")]

#[path = "stage/abreast.rs"]
mod abreast;
#[path = "stage/running.rs"]
mod running;

use std::thread;
use std::time::{Duration, Instant};

use rustix::process::Signal;
use serde_json::Value;

use running::{Running, read};

const ONE: &str = "{\"kind\":\"ec.connection\",\"format_version\":\"1.0\",\"id\":\"one\"}\n";
const TWO: &str = "{\"kind\":\"ec.connection\",\"format_version\":\"1.0\",\"id\":\"two\",\"n\":1.10}\n";

fn start(flags: &str) -> Running {
    start_by("", flags)
}

fn start_by(before: &str, flags: &str) -> Running {
    Running::start("scribe", before, flags)
}

fn until_it_begins(scribe: &mut Running, change: u32) {
    scribe.until_it_says(&format!("scribe: begins change {change}"));
}

fn states(document: &Value) -> Vec<&str> {
    document["sg"]["changes"].as_array().unwrap().iter().map(|change| change["state"].as_str().unwrap()).collect()
}

#[test]
fn after_a_signal_what_is_begun_is_finished_and_told_and_nothing_more_is_begun() {
    for (signal, code) in [(Signal::HUP, 129), (Signal::INT, 130), (Signal::TERM, 143)] {
        let mut scribe = start("--changes 3 --slow 2");
        scribe.say(ONE);
        until_it_begins(&mut scribe, 2);
        scribe.signal(signal);
        let ended = scribe.wait();
        assert_eq!((ended.code, ended.is_killed), (code, false), "{ended:?}");
        let document = read(&ended.stdout);
        assert_eq!(states(&document), ["done", "done", "planned"]);
        assert_eq!((&document["sg"]["interrupted"], &document["ok"]), (&true.into(), &false.into()));
        assert_eq!(document["sg"]["error"]["exit"], code);
        assert_eq!(ended.stderr.matches("EC9024").count(), 1, "{ended:?}");
    }
}

#[test]
fn documents_that_were_read_before_the_signal_leave_as_they_came() {
    let mut scribe = start("--slow 1");
    scribe.say(&[ONE, TWO, TWO, "{\"kind\":\"ec.conn"].concat());
    until_it_begins(&mut scribe, 1);
    scribe.signal(Signal::TERM);
    let ended = scribe.wait();
    assert_eq!(ended.code, 143, "{ended:?}");
    // All that was begun is done, so this document tells of no signal, and the run does.
    assert_eq!(read(ended.lines()[0])["sg"]["status"], "changed");
    assert_eq!(ended.lines()[1..], [TWO, TWO]);
    assert!(ended.stderr.contains("scribe: warning: 2 documents were not worked on\n"), "{ended:?}");
    assert!(ended.stderr.contains("scribe: error: cannot go on: SIGTERM came (EC9024)\n"), "{ended:?}");
}

#[test]
fn a_stage_that_waits_for_input_ends_at_once() {
    let mut scribe = start("");
    scribe.say(ONE);
    assert_eq!(states(&scribe.next_document()), ["done"]);
    scribe.signal(Signal::INT);
    let ended = scribe.wait();
    assert_eq!((ended.code, ended.stdout.as_str()), (130, ""), "{ended:?}");
}

#[test]
fn the_same_signal_twice_in_a_moment_is_one() {
    let mut scribe = start("--changes 2 --slow 1");
    scribe.say(ONE);
    until_it_begins(&mut scribe, 1);
    scribe.signal(Signal::TERM);
    scribe.signal(Signal::TERM);
    let ended = scribe.wait();
    assert_eq!(ended.code, 143);
    assert_eq!(states(&read(&ended.stdout)), ["done", "planned"]);
}

#[test]
fn a_later_signal_ends_a_run_that_does_not_end() {
    let mut scribe = start("--endless 1");
    scribe.say(ONE);
    until_it_begins(&mut scribe, 1);
    let begun = Instant::now();
    while !scribe.has_ended() {
        assert!(begun.elapsed() < Duration::from_secs(30));
        scribe.signal(Signal::INT);
        thread::sleep(Duration::from_millis(10));
    }
    assert!(begun.elapsed() > Duration::from_millis(900));
    let ended = scribe.wait();
    assert_eq!((ended.code, ended.stdout.as_str()), (130, ""), "{ended:?}");
}

#[test]
fn a_verb_that_does_not_listen_ends_as_programs_do() {
    let mut scribe = start("--deaf --endless 1");
    scribe.say(ONE);
    until_it_begins(&mut scribe, 1);
    scribe.signal(Signal::TERM);
    let ended = scribe.wait();
    assert_eq!((ended.code, ended.is_killed), (143, true), "{ended:?}");
}

#[test]
fn a_signal_that_is_to_be_ignored_is() {
    let mut scribe = start_by("trap '' HUP", "--changes 2");
    scribe.say(ONE);
    assert_eq!(states(&scribe.next_document()), ["done", "done"]);
    scribe.signal(Signal::HUP);
    scribe.say(TWO);
    assert_eq!(states(&scribe.next_document()), ["done", "done"]);
    assert_eq!(scribe.end().code, 0);
}

#[test]
fn a_signal_that_ends_the_reader_too_leaves_the_record_on_stderr() {
    let mut scribe = start("--slow 1");
    scribe.stdout = None;
    scribe.say(&[ONE, TWO].concat());
    until_it_begins(&mut scribe, 1);
    scribe.signal(Signal::TERM);
    let ended = scribe.wait();
    let (_, record) =
        ended.stderr.split_once("scribe: note: nobody reads stdout any more; what was done follows\n").unwrap();
    assert_eq!(states(&read(record.lines().next().unwrap())), ["done"], "{ended:?}");
    assert!(!record.contains("\"two\""), "{ended:?}");
    assert_eq!(ended.code, 143, "{ended:?}");
}

#[test]
fn without_a_reader_the_run_ends_and_only_a_record_goes_to_stderr() {
    for (flags, begun) in [("--changes 1", 1), ("--changes 0", 0)] {
        let mut scribe = start(flags);
        scribe.stdout = None;
        scribe.say(ONE);
        let ended = scribe.wait();
        assert_eq!(ended.code, 0, "{ended:?}");
        assert_eq!(ended.stderr.matches("begins").count(), begun, "{ended:?}");
        assert_eq!(ended.stderr.contains("what was done follows"), begun > 0, "{ended:?}");
    }
}

#[test]
fn a_document_is_worked_on_once_for_each_that_it_is_spread_into_and_they_leave_in_order() {
    let mut scribe = start("--for b --for a");
    scribe.say(&[ONE, TWO].concat());
    let ended = scribe.end();
    assert_eq!(ended.code, 0, "{ended:?}");
    let ids: Vec<Value> = ended.lines().iter().map(|line| read(line)["id"].clone()).collect();
    assert_eq!(ids, ["b", "a", "b", "a"]);
    assert!(ended.lines().iter().all(|line| states(&read(line)) == ["done"]));
}

#[test]
fn a_signal_comes_between_those_that_a_document_is_spread_into() {
    let mut scribe = start("--for b --for a --slow 1");
    scribe.say(&[ONE, TWO].concat());
    until_it_begins(&mut scribe, 1);
    scribe.signal(Signal::TERM);
    let ended = scribe.wait();
    let left: Vec<Value> = ended.lines().into_iter().map(read).collect();
    let ids: Vec<&Value> = left.iter().map(|document| &document["id"]).collect();
    assert_eq!(ids, ["b", "a", "two"], "{ended:?}");
    assert_eq!(left.iter().map(|document| document.get("sg").is_some()).collect::<Vec<_>>(), [true, false, false]);
}

#[test]
fn a_document_that_cannot_be_spread_leaves_with_the_failure() {
    let mut scribe = start("--for ''");
    scribe.say(ONE);
    let ended = scribe.end();
    assert_eq!(ended.code, 2, "{ended:?}");
    let document = read(&ended.stdout);
    assert_eq!((&document["id"], &document["sg"]["error"]["code"]), (&"one".into(), &"EC9008".into()));
}
