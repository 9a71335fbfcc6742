//! What ec-iam reads in an access string, beside what a server makes of the same rules.

use std::collections::BTreeSet;

use ec_iam::access_string::{AccessString, COMMANDS, lint};
use ec_shared::document::Severity;
use ec_tests::{Valkey, need};
use proptest::prelude::*;
use proptest::test_runner::{Config, TestRunner};

/// Rules of every kind, as people write them.
const STRINGS: [&str; 22] = [
    "on ~* +@all",
    "on ~* &* -@all +@read",
    "off",
    "on ~* +@all -@dangerous",
    "on ~* +@all -@dangerous +info",
    "on ~* +@read +@write +@connection -@admin",
    "on allkeys allcommands -flushall -FLUSHDB",
    "on ~* nocommands +get +set +client|setinfo +client|setname",
    "on ~* +client -client|kill -client|list",
    "on ~* +client|kill -client",
    "on ~* +@connection -client|tracking +cluster|slots",
    "on ~* +cluster -cluster|nodes -@admin",
    "on ~* +@slow -@scripting +eval",
    "on ~* +select|0 +info|server",
    "on ~* +@all -@all +@fast",
    "on %R~app:* %W~out:* +@read +@write sanitize-payload",
    "on resetkeys ~a resetchannels &b +@pubsub",
    "on ~a -@all +get (~b -@all +set) (&c +@pubsub -publish)",
    "on (~a +@all -@write) clearselectors +ping",
    "on ~* ( +@read -scan ) +scan -scan",
    "on ~* +command|docs -command",
    "on ~* +command -command|docs +acl|whoami",
];

/// What makes each command of the table whole for the server.
fn arguments(name: &str) -> &'static [&'static str] {
    match name {
        "acl|setuser" | "auth" | "client|kill" | "client|setname" | "cluster|keyslot" | "config|get" | "del"
        | "echo" | "function|load" | "get" | "keys" | "memory|usage" | "mget" | "psubscribe" | "sort"
        | "ssubscribe" | "subscribe" | "script|load" | "watch" => &["a"],
        "client|tracking" => &["on"],
        "client|setinfo" => &["lib-name", "a"],
        "eval" | "fcall" => &["a", "0"],
        "expire" | "publish" | "set" | "spublish" => &["a", "1"],
        "scan" => &["0"],
        // Not the first argument that a rule below allows.
        "select" => &["1"],
        "swapdb" => &["0", "1"],
        _ => &[],
    }
}

fn words(text: &str) -> Vec<&str> {
    text.split_whitespace().collect()
}

/// Gives the rules to the server; whether it takes them.
fn takes(valkey: &Valkey, text: &str) -> bool {
    valkey.command(&["ACL", "DELUSER", "app"]);
    let answer = valkey.command(&[&["ACL", "SETUSER", "app"][..], &words(text)].concat());
    answer == "+OK"
}

/// Whether the server would let the user run a command, keys and channels left aside; none if it has no such command.
fn may(valkey: &Valkey, name: &str) -> Option<bool> {
    let command: Vec<&str> = name.split('|').collect();
    let answer = valkey.command(&[&["ACL", "DRYRUN", "app"][..], &command, arguments(name)].concat());
    if answer.contains("not found") {
        return None;
    }
    assert!(answer == "+OK" || answer.contains(" has no permissions to "), "{name}: {answer}");
    Some(!answer.contains("no permissions to run"))
}

/// Compares all decisions; the answer is how many commands the server has.
fn compare(valkey: &Valkey, text: &str) -> usize {
    assert!(takes(valkey, text), "{text}");
    let access = AccessString::read(text);
    let known = COMMANDS.iter().filter_map(|command| Some((command.name, may(valkey, command.name)?)));
    let compared = known.map(|(name, theirs)| {
        let ours = access.decide(name);
        assert_eq!(ours.map(|decision| decision.is_allowed), Some(theirs), "`{text}`: {name} by {ours:?}");
    });
    compared.count()
}

#[test]
fn a_server_decides_alike_about_every_command_of_the_table() {
    need!("valkey-server");
    let valkey = Valkey::plain();
    for text in STRINGS {
        assert_eq!(compare(&valkey, text), COMMANDS.len());
    }
}

/// Each category alone, and all but each: the same commands are in it.
fn compare_categories(server: &Valkey, commands: usize) {
    let categories = COMMANDS.iter().flat_map(|command| command.categories);
    for category in categories.collect::<BTreeSet<_>>() {
        assert_eq!(compare(server, &format!("on ~* &* +@{category}")), commands);
        assert_eq!(compare(server, &format!("on ~* &* +@all -@{category}")), commands);
    }
}

#[test]
fn valkey_has_the_same_commands_in_every_category() {
    need!("valkey-server");
    compare_categories(&Valkey::plain(), COMMANDS.len());
}

/// All but CLIENT SETINFO, which came with 7.2.
#[test]
fn redis_has_the_same_commands_in_every_category() {
    need!("redis-server");
    compare_categories(&Valkey::redis(), COMMANDS.len() - 1);
}

#[test]
fn a_server_decides_alike_about_rules_in_any_order() {
    need!("valkey-server");
    let valkey = Valkey::plain();
    let subjects: Vec<String> = COMMANDS
        .iter()
        .flat_map(|command| {
            let categories = command.categories.iter().map(|category| format!("@{category}"));
            categories.chain([command.name.to_owned()]).chain(command.parent().map(str::to_owned))
        })
        .chain(["@all".to_owned()])
        .collect();
    let rule = (prop::sample::select(vec!["+", "-"]), prop::sample::select(subjects))
        .prop_map(|(sign, subject)| format!("{sign}{subject}"));
    let rules = prop::collection::vec(rule, 1..8).prop_map(|rules| rules.join(" "));
    let strings = (rules.clone(), prop::option::of(rules)).prop_map(|(root, selector)| match selector {
        Some(selector) => format!("on {root} ({selector})"),
        None => format!("on {root}"),
    });
    let config = Config { cases: 1000, failure_persistence: None, ..Config::default() };
    TestRunner::new(config)
        .run(&strings, |text| {
            compare(&valkey, &text);
            Ok(())
        })
        .expect("a server and ec-iam agree");
}

#[test]
fn a_server_refuses_what_ec_iam_calls_wrong() {
    need!("valkey-server");
    let valkey = Valkey::plain();
    for text in [
        "on +@nosuch",
        "on +",
        "on +get*",
        "on +client|setname|x",
        "on -@all|x",
        "on ~* ~a",
        "on &* &a",
        "on %X~a",
        "on %~a",
        "on (+get ~a",
        "on (off)",
        "on (nopass)",
        "on nonsense",
        "on ~a ~* %R~b",
    ] {
        let is_wrong =
            lint(text, &[]).iter().any(|finding| finding.code == "EC2086" && finding.severity == Severity::Error);
        assert!(is_wrong && !takes(&valkey, text), "{text}");
    }
    for text in STRINGS.into_iter().chain(["on ~* resetkeys ~a", "on %WR~a %r~ %r", "ON +GET allKeys", "on ()", ""]) {
        assert!(AccessString::read(text).faults.is_empty() && takes(&valkey, text), "{text}");
    }
}
