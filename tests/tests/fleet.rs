//! ec-probe with many documents in one run, against real servers and silent ones.
#![expect(clippy::expect_used, reason = "a test that cannot be set up has failed")]

use std::collections::BTreeSet;
use std::fs;
use std::io::{BufReader, Write};
use std::net::TcpStream;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Barrier};

use ec_tests::rude::{self, Rude};
use ec_tests::{Certs, Outcome, Run, Signal, Valkey, free_port, need, resp, sh, tool, wait_until};
use serde_json::{Value, json};

/// A document about an endpoint.
fn document(id: &str, port: u16) -> String {
    let endpoints = json!([{"role": "primary", "host": "127.0.0.1", "port": port}]);
    let cache = json!({"name": id, "engine": "valkey", "endpoints": endpoints});
    format!("{}\n", json!({"kind": "ec.connection", "format_version": "1.0", "id": id, "cache": cache}))
}

fn probe(args: &[&str]) -> Run {
    tool("ec-probe").args(args)
}

fn ids(outcome: &Outcome) -> Vec<String> {
    outcome.documents().iter().map(|document| document["id"].as_str().expect("an id").to_owned()).collect()
}

/// The ids of the documents whose section has this status.
fn with_status(documents: &[Value], status: &str) -> BTreeSet<String> {
    let with = documents.iter().filter(|document| document["probe"]["status"] == status);
    with.map(|document| document["id"].as_str().expect("an id").to_owned()).collect()
}

fn set(ids: impl IntoIterator<Item = impl ToString>) -> BTreeSet<String> {
    ids.into_iter().map(|id| id.to_string()).collect()
}

/// A plain cache that counts its clients; each is given to `greet` before its first command is answered.
fn counting(greet: impl Fn() + Send + Sync + 'static) -> (Rude, Arc<AtomicUsize>) {
    let count = Arc::new(AtomicUsize::new(0));
    let counted = Arc::clone(&count);
    let server = Rude::new(move |stream| serve(&stream, &counted, &greet));
    (server, count)
}

fn serve(mut stream: &TcpStream, count: &AtomicUsize, greet: &impl Fn()) {
    // The second connection of a probe that meets with silence asks for TLS.
    let mut first = [0];
    if stream.peek(&mut first).is_err() || first != *b"*" {
        return;
    }
    count.fetch_add(1, Ordering::SeqCst);
    greet();
    let mut commands = BufReader::new(stream);
    while let Ok(Some(words)) = resp::command(&mut commands) {
        let is_ping = words.first().is_some_and(|name| name == "PING");
        let answer: &[u8] = if is_ping { b"+PONG\r\n" } else { b"-ERR unknown command\r\n" };
        if stream.write_all(answer).is_err() {
            return;
        }
    }
}

#[test]
fn documents_are_probed_side_by_side() {
    // Whoever comes alone is never answered.
    const TOGETHER: usize = 40;
    let barrier = Barrier::new(TOGETHER);
    let (server, count) = counting(move || {
        barrier.wait();
    });
    let input: String = (0..TOGETHER).map(|id| document(&id.to_string(), server.address().port())).collect();
    let outcome = probe(&["--no-tls", "--timeout", "1440m"]).stdin(input).run().ok();
    assert_eq!((outcome.documents().len(), count.load(Ordering::SeqCst)), (TOGETHER, TOGETHER));
}

#[test]
fn hundreds_of_documents_leave_in_order_with_the_verdict_of_their_own_server() {
    need!("valkey-server");
    let certs = Certs::new();
    let caches = [Valkey::tls(&certs), Valkey::tls(&certs), Valkey::tls(&certs)];
    let silent = rude::silent();
    let is_silent = |id: usize| id % 10 == 3;
    let port = |id: usize| if is_silent(id) { silent.address().port() } else { caches[id % 3].port() };
    let input: String = (0..300).map(|id| document(&id.to_string(), port(id))).collect();
    // In turn, or thirty at a time, the silent ones alone would take longer than this run may.
    let run = probe(&["--tls", "--timeout", "5s"]).env("EC_CAFILE", certs.ca());
    let outcome = run.stdin(input).run().exits(1);
    assert_eq!(ids(&outcome), (0..300).map(|id| id.to_string()).collect::<Vec<_>>());
    let documents = outcome.documents();
    assert_eq!(with_status(&documents, "no"), set((0..300).filter(|id| is_silent(*id))));
    assert_eq!(with_status(&documents, "ok").len(), 270);
}

#[test]
fn unordered_a_document_leaves_while_one_before_it_is_in_work() {
    let (server, _) = counting(|| ());
    let silent = rude::silent();
    let input = document("slow", silent.address().port()) + &document("fast", server.address().port());
    let outcome = probe(&["--no-tls", "--unordered", "--timeout", "2s"]).stdin(input).run().exits(1);
    assert_eq!(ids(&outcome), ["fast", "slow"]);
}

#[test]
fn with_few_open_files_every_document_is_probed_all_the_same() {
    need!("valkey-server");
    let valkey = Valkey::plain();
    let input: String = (0..200).map(|id| document(&id.to_string(), valkey.port())).collect();
    let run = |jobs: &str| sh(&format!("ulimit -n 64; ec-probe --no-tls {jobs}")).stdin(input.clone()).run().ok();
    assert_eq!(run("").documents().len(), 200);
    let outcome = run("--jobs 100").says("documents are probed at a time and not 100: 64 open files are allowed");
    assert_eq!(with_status(&outcome.documents(), "ok").len(), 200);
}

#[test]
fn documents_that_take_more_open_files_than_there_are_wait_for_each_other() {
    let (server, _) = counting(|| ());
    let node = json!({"role": "node", "host": "127.0.0.1", "port": server.address().port()});
    let many: String = (0..30)
        .map(|id| {
            let mut whole: Value = serde_json::from_str(&document(&id.to_string(), 1)).expect("a document");
            whole["cache"]["endpoints"] = json!(vec![&node; 20]);
            whole.to_string() + "\n"
        })
        .collect();
    let outcome = sh("ulimit -n 64; ec-probe --no-tls").stdin(many).run().ok();
    assert_eq!(with_status(&outcome.documents(), "ok").len(), 30);
}

#[test]
fn a_run_that_a_signal_has_ended_is_resumed_and_only_what_was_not_ok_is_probed_again() {
    let (server, count) = counting(|| ());
    let (silent, port) = (rude::silent(), server.address().port());
    let many: String = (0..20).map(|id| document(&id.to_string(), port)).collect();
    let input = document("silent", silent.address().port()) + &many;
    let running = probe(&["--no-tls", "--timeout", "1440m", "--jobs", "5"]).stdin(input).start();
    // The silent one keeps a window of twenty records to itself and nineteen others.
    wait_until("all others were probed", || count.load(Ordering::SeqCst) == 19);
    running.signal(Signal::TERM);
    let first = running.end().exits(143).says("EC9024");
    let left = first.documents();
    assert_eq!(left.len(), 21, "{}", first.told());
    assert_eq!(with_status(&left, "error"), set(["silent"]));
    assert_eq!((left[0]["probe"]["interrupted"].clone(), left[0]["ok"].clone()), (json!(true), json!(false)));
    let done = with_status(&left, "ok");
    assert!(done.len() >= 19, "{}", first.told());

    // The file ends in half a line, as that of a run that was killed does.
    let before = count.load(Ordering::SeqCst);
    let again = probe(&["--no-tls", "--resume", "first.ndjson"]);
    fs::write(again.home().join("first.ndjson"), format!("{}{{\"kind\":\"ec.conn", first.stdout)).expect("a file");
    let second = again.stdin(document("silent", port) + &many).run().ok();
    assert!(second.stderr.contains("first.ndjson: 1 line is no document"), "{}", second.told());
    assert_eq!(count.load(Ordering::SeqCst) - before, 21 - done.len(), "{}", second.told());
    let results = second.documents();
    assert_eq!(with_status(&results, "ok").len(), 21);
    for (earlier, later) in left.iter().zip(&results).filter(|(earlier, _)| earlier["ok"] == true) {
        assert_eq!(earlier, later, "an earlier result stands as it was");
    }
}

#[test]
fn after_too_many_errors_no_more_are_probed_and_every_document_leaves() {
    let refused = free_port();
    let input: String = (0..50).map(|id| document(&id.to_string(), refused)).collect();
    let outcome = probe(&["--no-tls", "--jobs", "1", "--max-errors", "3"]).stdin(input).run().exits(1);
    let outcome = outcome.says("too many documents have failed (--max-errors), and 46 were not probed");
    let documents = outcome.documents();
    assert_eq!(with_status(&documents, "no"), set(0..4));
    assert_eq!(with_status(&documents, "unknown"), set(4..50));
    let last = &documents[49];
    assert_eq!((&last["ok"], &last["probe"]["error"]["code"]), (&json!(false), &json!("EC3081")));
    let why = "not probed: 4 of 4 documents have failed, --max-errors is 3";
    assert_eq!(last["probe"]["reason"], json!(why));
}

#[test]
fn the_shards_together_are_the_whole_and_merging_their_results_tells_of_each_document_once() {
    let (server, count) = counting(|| ());
    let refused = free_port();
    let port = |id: usize| if id < 3 { refused } else { server.address().port() };
    let input: String = (0..60).map(|id| document(&format!("orders<-i-{id}"), port(id))).collect();
    let merge = tool("ec-probe").args(["merge", "1", "2", "3", "1"]);
    let mut seen = BTreeSet::new();
    for shard in 1..=3 {
        let run = probe(&["--no-tls", "--shard", &format!("{shard}/3"), "--jitter", "10ms"]).stdin(input.clone());
        let outcome = run.run();
        let found = set(ids(&outcome));
        assert!(found.len() > 5 && seen.is_disjoint(&found), "shard {shard}: {found:?}");
        seen.extend(found);
        fs::write(merge.home().join(shard.to_string()), &outcome.stdout).expect("a file");
    }
    assert_eq!((seen.len(), count.load(Ordering::SeqCst)), (60, 57));
    let merged = merge.run().exits(1);
    assert_eq!((merged.documents().len(), set(ids(&merged))), (60, seen));
}

#[test]
fn merging_keeps_what_machines_say_differently_about_one_cache_side_by_side() {
    let (server, _) = counting(|| ());
    let (good, bad) = (server.address().port(), free_port());
    let from = |a: u16, b: u16| probe(&["--no-tls"]).stdin(document("a", a) + &document("b", b)).run().stdout;
    let (here, there) = (from(good, good), from(bad, good));
    let merge = |args: &[&str]| tool("ec-probe").args(["merge"]).args(args).stdin(format!("{here}{there}{here}")).run();
    let merged = merge(&[]).exits(1);
    assert_eq!(ids(&merged), ["a", "a", "b", "b"]);
    let lines: BTreeSet<&str> = here.lines().chain(there.lines()).collect();
    assert_eq!(merged.stdout.lines().collect::<BTreeSet<_>>(), lines, "each result is as it was");

    let report = merge(&["-o", "text"]).exits(1).stdout;
    let rows: Vec<&str> = report.lines().collect();
    assert_eq!((rows[0], rows.len()), ("a", 4), "{report}");
    assert!(rows[1].contains('✓') && rows[2].contains('✗') && rows[2].contains("EC3005"), "{report}");
    assert_eq!(rows[3], "2 connections: 1 ok, 1 no, 0 unknown; machines differ about 1");
}

#[test]
fn credentials_of_aws_are_looked_up_once_for_all_documents() {
    let (server, count) = counting(|| ());
    let input: String = (0..30).map(|id| document(&format!("cache-{id}"), server.address().port())).collect();
    let run = probe(&["--no-tls", "--auth", "iam", "--user", "app", "--profile", "slow", "--region", "us-east-1"]);
    let home = run.home().to_owned();
    let answer = json!({"Version": 1, "AccessKeyId": "AKIDEXAMPLE", "SecretAccessKey": "secret"});
    let script = format!("#!/bin/sh\necho asked >> '{}/asked'\necho '{answer}'\n", home.display());
    fs::create_dir(home.join(".aws")).expect("a directory");
    fs::write(home.join("process"), script).expect("a script");
    let process = format!("[profile slow]\ncredential_process = sh {}/process\n", home.display());
    fs::write(home.join(".aws/config"), process).expect("a profile");
    let outcome = run.stdin(input).run();
    assert_eq!((outcome.documents().len(), count.load(Ordering::SeqCst)), (30, 30), "{}", outcome.told());
    let asked = fs::read_to_string(home.join("asked")).expect("the process was asked");
    assert_eq!(asked.lines().count(), 1);
}
