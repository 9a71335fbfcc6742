use ec_shared::document::{Cache, Deployment, Severity};

use super::*;

/// Whether a command is allowed, and by which rule.
fn decided(text: &str, name: &str) -> (bool, Option<String>) {
    let access = AccessString::read(text);
    assert_eq!(access.faults, [], "{text}");
    let decision = access.decide(name).unwrap_or_else(|| panic!("{name} is in the table"));
    (decision.is_allowed, decision.rule.map(str::to_owned))
}

#[test]
fn the_later_rule_wins() {
    for (text, name, is_allowed, rule) in [
        ("on ~* +@all", "get", true, Some("+@all")),
        ("on ~* +@all -@dangerous", "flushall", false, Some("-@dangerous")),
        ("on ~* +@all -@dangerous", "info", false, Some("-@dangerous")),
        ("on ~* +@all -@dangerous +info", "info", true, Some("+info")),
        ("on ~* -@all +@read", "set", false, Some("-@all")),
        ("on ~* +@read -@all", "get", false, Some("-@all")),
        ("on ~* +@read", "set", false, None),
        ("on ~* +get -GET", "get", false, Some("-GET")),
        ("on ~* nocommands AllCommands", "get", true, Some("AllCommands")),
    ] {
        assert_eq!(decided(text, name), (is_allowed, rule.map(str::to_owned)), "{text}: {name}");
    }
}

#[test]
fn a_command_is_of_its_subcommands_and_a_subcommand_of_itself() {
    for (text, name, is_allowed) in [
        ("+client", "client|setinfo", true),
        ("+client -client|setinfo", "client|setinfo", false),
        ("+client|setname", "client|setinfo", false),
        ("+client|setname", "client|setname", true),
        ("+client|setname -client", "client|setname", false),
        ("+@connection", "client|setinfo", true),
        ("+@connection", "ping", true),
        ("+@slow", "cluster|slots", true),
        // A first argument, and not a subcommand.
        ("+select|0", "select", false),
        ("+info|persistence", "info", false),
    ] {
        assert_eq!(decided(text, name).0, is_allowed, "{text}: {name}");
    }
}

#[test]
fn logging_in_and_leaving_needs_no_rule() {
    for name in ["auth", "hello", "quit", "reset"] {
        assert_eq!(decided("off -@all", name), (true, None), "{name}");
    }
    assert_eq!(AccessString::read("on +@all").decide("json.get"), None);
}

#[test]
fn parentheses_allow_beside_what_stands_outside() {
    let text = "on ~a -@all +get (~b -@all +set) (+@pubsub &c)";
    assert_eq!(decided(text, "get"), (true, Some("+get".into())));
    assert_eq!(decided(text, "set"), (true, Some("+set".into())));
    assert_eq!(decided(text, "publish"), (true, Some("+@pubsub".into())));
    assert_eq!(decided(text, "del"), (false, Some("-@all".into())));
    assert_eq!(decided("(+get) clearselectors", "get"), (false, None));
}

#[test]
fn faults_are_told_with_their_place() {
    let cases: [(&str, usize, &str); 16] = [
        (
            "on >hunter2 +@all",
            4,
            "AWS does not take passwords in access strings: create-user and modify-user have --passwords",
        ),
        (
            "on #0123 +@all",
            4,
            "AWS does not take passwords in access strings: create-user and modify-user have --passwords",
        ),
        ("on reset", 4, "AWS does not take `reset`: it would remove the passwords, which AWS manages"),
        ("on +@nosuch", 4, "there is no category +@nosuch"),
        ("on +", 4, "+ names no command"),
        ("on +get* ~a", 4, "+get* names no command"),
        ("on +client|setname|x", 4, "+client|setname|x names no command"),
        ("on ~* ~a", 7, "a pattern of keys adds nothing behind ~*, and is refused; resetkeys begins anew"),
        ("on &* &a", 7, "a pattern of channels adds nothing behind &*, and is refused; resetchannels begins anew"),
        ("on %X~a", 4, "a pattern of keys is ~PATTERN, %R~PATTERN, %W~PATTERN or %RW~PATTERN"),
        ("on %~a", 4, "a pattern of keys is ~PATTERN, %R~PATTERN, %W~PATTERN or %RW~PATTERN"),
        ("on (+get ~a", 4, "the parenthesis is not closed"),
        (
            "ön  (+get  %Q~a)",
            1,
            "this is no rule: rules begin with + - ~ % & or a parenthesis, or are a word such as on",
        ),
        ("on (off)", 5, "this is no rule: rules begin with + - ~ % & or a parenthesis, or are a word such as on"),
        (
            "on nopass",
            4,
            "how the user logs in is said by its authentication mode; whether AWS takes this rule is not known",
        ),
        (
            "on -config|get",
            4,
            "-config|get is about a command that ElastiCache keeps to itself; AWS documents that it refuses such rules",
        ),
    ];
    for (text, column, why) in cases {
        let faults = AccessString::read(text).faults;
        assert_eq!((faults[0].column, faults[0].why.as_str()), (column, why), "{text}");
        assert!(!format!("{:?}", lint(text, &[])).contains("hunter2"));
    }
    let nested = AccessString::read("ön  (+get  %Q~a)").faults;
    assert_eq!(nested[1].column, 12);
}

#[test]
fn what_is_fine_is_not_remarked_on() {
    let needs = [ClientNeed::Cluster, ClientNeed::Replicas];
    for text in [
        "on ~app:* +@read +@write +@connection +info +cluster -@dangerous +info",
        "on %R~app:* %W~out:* -@all +@read +@write +ping +info +client|setinfo +client|setname +command +readonly \
         +cluster|slots +cluster|shards +cluster|nodes +cluster|info +cluster|myid -@dangerous +info",
    ] {
        assert_eq!(lint(text, &needs), [], "{text}");
    }
}

fn told(text: &str, needs: &[ClientNeed]) -> Vec<(String, Severity, String, Option<String>)> {
    let findings = lint(text, needs).into_iter();
    findings.map(|finding| (finding.code, finding.severity, finding.summary, finding.fix)).collect()
}

#[test]
fn what_clients_need_is_told_with_the_rule_to_add() {
    use ClientNeed::{Channels, Cluster, Databases, Replicas};
    let all = "on ~app:* &app:* +@all -@dangerous +info";
    for (text, needs, severity, beginning, fix) in [
        (format!("{all} -ping"), None, Severity::Warning, "the access string denies PING: pools", "+ping"),
        (format!("{all} -info"), None, Severity::Warning, "the access string denies INFO: ioredis", "+info"),
        (
            format!("{all} -client"),
            None,
            Severity::Info,
            "the access string denies CLIENT SETINFO, CLIENT SETNAME: most clients",
            "+client|setinfo +client|setname",
        ),
        (
            format!("{all} -cluster|slots"),
            Some(Cluster),
            Severity::Error,
            "the access string denies CLUSTER SLOTS: most clients",
            "+cluster|slots",
        ),
        (
            format!("{all} -cluster|nodes"),
            Some(Cluster),
            Severity::Warning,
            "the access string denies CLUSTER NODES: other clients",
            "+cluster|nodes",
        ),
        (
            format!("{all} -command"),
            Some(Cluster),
            Severity::Info,
            "the access string denies COMMAND: some clients",
            "+command",
        ),
        (
            format!("{all} -readonly"),
            Some(Replicas),
            Severity::Error,
            "the access string denies READONLY: replicas",
            "+readonly",
        ),
        (
            format!("{all} -select"),
            Some(Databases),
            Severity::Error,
            "the access string denies SELECT: clients choose",
            "+select",
        ),
        (
            format!("{all} -@pubsub"),
            Some(Channels),
            Severity::Error,
            "the access string denies SUBSCRIBE, PSUBSCRIBE, PUBLISH, which",
            "+subscribe +psubscribe +publish",
        ),
        (
            format!("{all} resetchannels"),
            Some(Channels),
            Severity::Error,
            "the access string names no channel: nobody",
            "&app:*",
        ),
    ] {
        let told = told(&text, needs.as_slice());
        let about: Vec<_> = told.iter().filter(|(code, ..)| code == "EC2088").collect();
        assert_eq!(about.len(), 1, "{text}: {told:?}");
        let (_, found, summary, advice) = about[0];
        assert_eq!(*found, severity, "{text}");
        assert!(summary.starts_with(beginning), "{text}: {summary}");
        assert!(advice.as_ref().is_some_and(|advice| advice.ends_with(fix)), "{text}: {advice:?}");
    }
    // Without the need, nothing is missed.
    let about = told(&format!("{all} -cluster -readonly -select -@pubsub"), &[]);
    assert!(about.iter().all(|(code, ..)| code != "EC2088"), "{about:?}");
}

#[test]
fn a_user_that_may_do_nothing_is_told_why() {
    let summaries = |text: &str| -> Vec<String> {
        let told = told(text, &[]).into_iter();
        told.filter(|(code, ..)| code == "EC2087").map(|(_, _, summary, _)| summary).collect()
    };
    assert_eq!(summaries("~* +@all"), ["the access string leaves the user off: it cannot log in"]);
    assert_eq!(summaries("on off ~* +@all"), ["the access string leaves the user off: it cannot log in"]);
    assert_eq!(summaries("on ~*"), ["the access string allows no command"]);
    assert_eq!(summaries("on ~* +@all -@all"), ["the access string allows no command"]);
    assert_eq!(summaries("on +@all"), ["the access string names no key: commands with keys are refused"]);
    assert_eq!(summaries("on (~* +get)"), Vec::<String>::new());
    assert_eq!(summaries("").len(), 2);
}

#[test]
fn a_wide_string_is_told_as_worth_knowing() {
    let wide = |text: &str| {
        let told = told(text, &[]).into_iter().find(|(code, ..)| code == "EC2089");
        told.map(|(_, severity, summary, _)| (severity, summary))
    };
    let info = |summary: &str| Some((Severity::Info, summary.to_owned()));
    assert_eq!(wide("on ~* +@all"), info("the access string allows every command on every key"));
    assert_eq!(wide("on ~app:* +@all"), info("the access string allows every command on some keys"));
    assert_eq!(
        wide("on ~app:* +@read +@write"),
        info("the access string allows FLUSHALL, FLUSHDB, KEYS, SORT, SWAPDB")
    );
    assert_eq!(wide("on ~* +@read +@write -@dangerous +info"), None);
}

#[test]
fn the_cache_says_whether_clients_speak_cluster_mode() {
    let of =
        |deployment, cluster_mode| !ClientNeed::of(&Cache { deployment, cluster_mode, ..Cache::default() }).is_empty();
    assert!(of(Some(Deployment::Serverless), None));
    assert!(of(Some(Deployment::ReplicationGroup), Some(true)));
    assert!(!of(Some(Deployment::ReplicationGroup), Some(false)));
    assert!(!of(None, None));
}

#[test]
fn the_table_is_in_order() {
    assert!(COMMANDS.is_sorted_by_key(|command| command.name));
}
