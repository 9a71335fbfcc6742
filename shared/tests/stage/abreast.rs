//! Documents that are worked on side by side, by `examples/crew.rs`.

use rustix::process::Signal;
use serde_json::{Value, json};

use crate::running::{Ended, Running, read};

fn start(flags: &str) -> Running {
    Running::start("crew", "", flags)
}

/// A line with a document that has these members, too.
fn line(id: &str, members: &Value) -> String {
    let mut document = json!({"kind": "ec.connection", "format_version": "1.0", "id": id});
    for (name, value) in members.as_object().unwrap() {
        document[name] = value.clone();
    }
    format!("{document}\n")
}

fn plain(id: &str) -> String {
    line(id, &json!({}))
}

fn ids(ended: &Ended) -> Vec<String> {
    ended.lines().into_iter().map(|line| read(line)["id"].as_str().unwrap_or("no document").to_owned()).collect()
}

#[test]
fn documents_leave_in_the_order_in_which_they_came_however_the_work_ends() {
    let mut crew = start("");
    crew.say(&[line("a", &json!({"after": "c"})), line("b", &json!({"after": "a"})), plain("c")].concat());
    let ended = crew.end();
    assert_eq!((ended.code, ids(&ended)), (0, vec!["a".into(), "b".into(), "c".into()]), "{ended:?}");
    assert!(ended.lines().iter().all(|line| read(line)["cli"]["status"] == "ok"));
}

#[test]
fn unordered_each_leaves_as_its_work_ends_and_nobody_waits_for_the_end_of_the_input() {
    let mut crew = start("--unordered");
    crew.say(&[line("a", &json!({"after": "c"})), plain("b")].concat());
    assert_eq!(crew.next_document()["id"], "b");
    crew.say(&plain("c"));
    let mut ids = ids(&crew.end());
    ids.sort();
    assert_eq!(ids, ["a", "c"]);
}

#[test]
fn in_order_a_document_leaves_at_once_when_its_turn_comes_while_the_input_stays_open() {
    let mut crew = start("");
    for id in ["a", "b"] {
        crew.say(&plain(id));
        assert_eq!(crew.next_document()["id"], id);
    }
    assert_eq!(crew.end().code, 0);
}

#[test]
fn no_more_are_in_work_than_there_are_jobs_and_all_leave_however_many_come() {
    let mut crew = start("--jobs 2");
    // With three jobs, `a` and `b` would not be alone while both wait for the signal that never comes.
    let many: String = (0..200).map(|number| plain(&number.to_string())).collect();
    crew.say(&[line("a", &json!({"ends": "by signal"})), line("b", &json!({"ends": "by signal"})), many].concat());
    crew.until_it_says("crew: begins a");
    crew.until_it_says("crew: begins b");
    crew.signal(Signal::TERM);
    let ended = crew.wait();
    assert_eq!((ended.code, ended.lines().len()), (143, 202), "{ended:?}");
    assert_eq!(ended.stderr.matches("begins").count(), 2, "{ended:?}");
}

#[test]
fn a_first_document_that_takes_its_time_keeps_the_input_out_and_loses_nothing() {
    let mut crew = start("--jobs 2");
    let expected: Vec<String> = (0..200).map(|number| number.to_string()).collect();
    // The last that fits into the window of eight lets the first go.
    let first = line("0", &json!({"after": "7"}));
    let rest: String = expected[1..].iter().map(|id| plain(id)).collect();
    crew.say(&(first + &rest));
    let ended = crew.end();
    assert_eq!((ended.code, ids(&ended)), (0, expected));
}

#[test]
fn a_record_that_is_no_document_leaves_in_its_place_as_it_came() {
    let mut crew = start("");
    crew.say(&[line("a", &json!({"after": "b"})), "{\"x\": 1.10}\n".to_owned(), plain("b")].concat());
    let ended = crew.end();
    assert_eq!((ended.code, ids(&ended)), (6, vec!["a".into(), "no document".into(), "b".into()]), "{ended:?}");
    assert_eq!(ended.lines()[1], "{\"x\":1.10}\n");
    assert_eq!(ended.stderr.matches("EC9004").count(), 1, "{ended:?}");
}

#[test]
fn what_came_before_bytes_that_are_no_json_leaves_before_the_run_ends_for_them() {
    let mut crew = start("");
    crew.say(&[line("a", &json!({"after": "b"})), plain("b"), "oh, no\n".to_owned(), plain("c")].concat());
    let ended = crew.end();
    assert_eq!((ended.code, ids(&ended)), (2, vec!["a".into(), "b".into()]), "{ended:?}");
    assert!(ended.stderr.contains("EC9001"), "{ended:?}");
}

#[test]
fn a_last_document_needs_no_line_feed_and_one_that_is_cut_off_is_told() {
    let mut crew = start("");
    crew.say(&[&plain("a"), plain("b").trim_end()].concat());
    assert_eq!(ids(&crew.end()), ["a", "b"]);
    let mut crew = start("");
    crew.say(&[&plain("a"), "{\"kind\":"].concat());
    let ended = crew.end();
    assert_eq!((ended.code, ids(&ended)), (2, vec!["a".into()]), "{ended:?}");
    assert!(ended.stderr.contains("EC9002"), "{ended:?}");
}

#[test]
fn without_any_document_the_run_has_failed() {
    let ended = start("").end();
    assert_eq!((ended.code, ended.stderr.contains("EC9003")), (2, true), "{ended:?}");
}

#[test]
fn work_that_fails_or_panics_is_told_and_its_document_leaves_in_its_place() {
    let mut crew = start("");
    crew.say(&[line("a", &json!({"ends": "in panic"})), line("b", &json!({"ends": "badly"})), plain("c")].concat());
    let ended = crew.end();
    assert_eq!((ended.code, ids(&ended)), (6, vec!["a".into(), "b".into(), "c".into()]), "{ended:?}");
    let codes: Vec<Value> = ended.lines().iter().map(|line| read(line)["cli"]["error"]["code"].clone()).collect();
    assert_eq!(codes, [json!("EC9099"), json!("EC9009"), json!(null)], "{ended:?}");
}

#[test]
fn after_a_signal_those_in_work_leave_as_they_end_and_those_that_were_read_as_they_came() {
    for (flags, order) in [("--jobs 1", ["a", "b", "c"]), ("--jobs 1 --unordered", ["b", "c", "a"])] {
        let mut crew = start(flags);
        crew.say(&[line("a", &json!({"ends": "by signal"})), plain("b"), plain("c")].concat());
        crew.until_it_says("crew: begins a");
        crew.signal(Signal::INT);
        let ended = crew.wait();
        assert_eq!(ended.code, 130, "{ended:?}");
        let mut ids = ids(&ended);
        if flags.contains("unordered") {
            // Whether the work has ended before those that wait are let out is chance.
            ids.sort_by_key(|id| order.iter().position(|known| known == id));
        }
        assert_eq!(ids, order, "{ended:?}");
        let worked: Vec<String> = ended
            .lines()
            .into_iter()
            .map(read)
            .filter(|document| document.get("cli").is_some())
            .map(|document| document["id"].to_string())
            .collect();
        assert_eq!(worked, ["\"a\""], "{ended:?}");
        assert!(ended.stderr.contains("crew: warning: 2 documents were not worked on\n"), "{ended:?}");
    }
}

#[test]
fn a_signal_is_told_once_however_many_were_in_work() {
    let mut crew = start("");
    crew.say(&["a", "b", "c"].map(|id| line(id, &json!({"ends": "interrupted"}))).concat());
    for id in ["a", "b", "c"] {
        crew.until_it_says(&format!("crew: begins {id}"));
    }
    crew.signal(Signal::HUP);
    let ended = crew.wait();
    assert_eq!((ended.code, ended.lines().len()), (129, 3), "{ended:?}");
    assert!(ended.lines().iter().all(|line| read(line)["cli"]["interrupted"] == true), "{ended:?}");
    assert_eq!(ended.stderr.matches("EC9024").count(), 1, "{ended:?}");
}

#[test]
fn a_run_that_waits_for_input_ends_at_once() {
    let mut crew = start("");
    crew.say(&plain("a"));
    assert_eq!(crew.next_document()["id"], "a");
    crew.signal(Signal::TERM);
    let ended = crew.wait();
    assert_eq!((ended.code, ended.stdout.as_str()), (143, ""), "{ended:?}");
}

#[test]
fn without_a_reader_the_run_ends_while_others_are_in_work_and_more_is_to_come() {
    let mut crew = start("--unordered");
    crew.stdout = None;
    crew.say(&[line("a", &json!({"ends": "by signal"})), plain("b")].concat());
    let ended = crew.wait();
    assert_eq!((ended.code, ended.is_killed), (0, false), "{ended:?}");
}

#[test]
fn what_is_not_admitted_neither_enters_nor_leaves_and_is_no_failure() {
    let mut crew = start("--only b");
    crew.say(&[plain("a"), plain("b1"), "{\"x\":1}\n".to_owned(), plain("c"), plain("b2")].concat());
    let ended = crew.end();
    assert_eq!((ended.code, ids(&ended)), (0, vec!["b1".into(), "b2".into()]), "{ended:?}");
    let mut crew = start("--only z");
    crew.say(&plain("a"));
    let ended = crew.end();
    assert_eq!((ended.code, ended.stdout.as_str()), (0, ""), "{ended:?}");
}
