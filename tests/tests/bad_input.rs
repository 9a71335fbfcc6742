//! What a pipe can do wrong, done to each of the four tools: one clear error with a code, a hint and the right exit
//! code, and every document that could be read still goes out.

use ec_tests::{Outcome, Run, command, need, sh, skip, tool};
use serde_json::Value;

/// Each tool with a verb that reads documents and needs nobody's answer.
const STAGES: [(&str, &[&str]); 4] =
    [("ec-sg", &["revoke"]), ("ec-iam", &["revoke"]), ("ec-cli-install", &["detect"]), ("ec-probe", &[])];
/// Its endpoint refuses at once, so that ec-probe, too, is soon through.
const DOCUMENT: &str = concat!(
    r#"{"kind":"ec.connection","format_version":"1.0","id":"orders","later":{"n":1.10},"cache":{"name":"orders","#,
    r#""engine":"valkey","tls":"off","endpoints":[{"role":"primary","host":"127.0.0.1","port":1}]}}"#
);

fn stage((name, verb): (&str, &[&str]), input: impl Into<Vec<u8>>) -> Outcome {
    given(tool(name).args(verb)).args(["--error-format", "json"]).stdin(input).run()
}

/// Nobody has to be asked for these documents, and nobody could be.
fn given(run: Run) -> Run {
    run.aws("http://127.0.0.1:1")
}

/// The lines of stderr that are errors, as `--error-format json` writes them.
fn errors(outcome: &Outcome) -> Vec<Value> {
    outcome.stderr.lines().filter_map(|line| serde_json::from_str(line).ok()).collect()
}

#[track_caller]
fn assert_one_error(outcome: &Outcome, code: &str, exit: i32) {
    let errors = errors(outcome);
    assert_eq!(errors.len(), 1, "one error is told\n{}", outcome.told());
    assert_eq!(errors[0]["code"], code, "{}", outcome.told());
    assert_eq!(errors[0]["exit"], exit, "{}", outcome.told());
    assert!(errors[0]["hint"].is_string(), "there is a hint\n{}", outcome.told());
    assert_eq!(outcome.code, exit, "{}", outcome.told());
}

/// Faults after which nothing more can be read, with their code.
const UNREADABLE: [(&str, &[u8], &str); 8] = [
    ("nothing", b"", "EC9003"),
    ("white space", b" \r\n\t", "EC9003"),
    ("an error message", b"Error: cannot connect\n", "EC9001"),
    ("a number", b"42\n", "EC9001"),
    ("a bracket too many", b"}\n", "EC9001"),
    ("a cut-off object", b"{\"kind\":\"ec.connection\",\"cache\":{\"na", "EC9002"),
    ("UTF-16", b"\xff\xfe{\0\"\0k\0\"\0", "EC9010"),
    ("a compressed file", b"\x1f\x8b\x08\0\0\0\0\0\0\x03", "EC9001"),
];

#[test]
fn input_that_is_no_json_is_told_with_its_code_and_place() {
    for each in STAGES {
        for (what, input, code) in UNREADABLE {
            let outcome = stage(each, input);
            assert_eq!(outcome.stdout, "", "{what} gives no document\n{}", outcome.told());
            assert_one_error(&outcome, code, 2);
        }
    }
}

/// Records that are JSON and no document, with their code.
const REFUSED: [(&str, &str, &str); 7] = [
    ("of another kind", r#"{"kind":"ec.other","format_version":"1.0"}"#, "EC9004"),
    ("of no kind", r#"{"name":"orders"}"#, "EC9004"),
    ("an array", r#"[{"kind":"ec.connection","format_version":"1.0"}]"#, "EC9004"),
    ("of version 2", r#"{"kind":"ec.connection","format_version":"2.0"}"#, "EC9005"),
    ("of no version", r#"{"kind":"ec.connection"}"#, "EC9005"),
    ("with a name twice", r#"{"kind":"ec.connection","format_version":"1.0","x":{"a":1,"a":2}}"#, "EC9006"),
    ("malformed", r#"{"kind":"ec.connection","format_version":"1.0","x":tru}"#, "EC9001"),
];

#[test]
fn a_record_that_is_no_document_is_refused_and_leaves_as_it_came() {
    for each in STAGES {
        for (what, record, code) in REFUSED {
            let outcome = stage(each, format!("{record}\n"));
            assert_eq!(outcome.stdout, format!("{record}\n"), "{what}\n{}", outcome.told());
            assert_one_error(&outcome, code, 2);
        }
    }
}

#[test]
fn the_documents_around_a_refused_record_are_worked_on_and_all_leave_in_order() {
    for each in STAGES {
        for (what, record, code) in REFUSED {
            let outcome = stage(each, format!("{DOCUMENT}\n{record}\n{DOCUMENT}\n"));
            let lines: Vec<&str> = outcome.stdout.lines().collect();
            assert_eq!(lines.len(), 3, "{what}\n{}", outcome.told());
            assert_eq!(lines[1], record, "{what}\n{}", outcome.told());
            for line in [lines[0], lines[2]] {
                assert!(line.starts_with(&DOCUMENT[..DOCUMENT.len() - 1]), "passes through\n{}", outcome.told());
                assert!(line.contains("\"command\":"), "has a section\n{}", outcome.told());
            }
            assert!(errors(&outcome).iter().any(|error| error["code"] == code), "{}", outcome.told());
            assert_ne!(outcome.code, 0, "{}", outcome.told());
        }
    }
}

#[test]
fn what_could_be_read_leaves_before_the_fault_ends_the_run() {
    for each in STAGES {
        for (what, input, code) in UNREADABLE.into_iter().filter(|(.., code)| matches!(*code, "EC9001" | "EC9002")) {
            let outcome = stage(each, [DOCUMENT.as_bytes(), b"\n", input].concat());
            assert_eq!(outcome.documents().len(), 1, "{what}\n{}", outcome.told());
            let told = errors(&outcome);
            let fault = told.iter().find(|error| error["code"] == code).expect("the fault is told");
            assert_eq!(fault["at"]["line"], 2, "{what}\n{}", outcome.told());
            assert_eq!(outcome.code, 2, "{what}\n{}", outcome.told());
        }
    }
}

#[test]
fn a_byte_order_mark_carriage_returns_and_pretty_printing_are_no_fault() {
    let pretty = DOCUMENT.replace(",\"", ",\r\n  \"");
    for each in STAGES {
        let plain = stage(each, DOCUMENT);
        let odd = stage(each, format!("\u{feff}{pretty}\r\n\r\n"));
        assert_eq!(odd.code, plain.code, "{}", odd.told());
        let head = |outcome: &Outcome| outcome.stdout[..DOCUMENT.len() - 1].to_owned();
        assert_eq!(head(&odd), head(&plain));
    }
}

#[test]
fn the_text_form_of_an_error_is_one_line_and_a_hint() {
    for (name, verb) in STAGES {
        let outcome = given(tool(name).args(verb)).stdin("oops").run().exits(2);
        let lines: Vec<&str> = outcome.stderr.lines().collect();
        assert_eq!(lines.len(), 2, "{}", outcome.told());
        assert!(lines[0].starts_with(&format!("{name}: error: ")), "{}", outcome.told());
        assert!(lines[0].ends_with("(EC9001)"), "{}", outcome.told());
        assert!(lines[1].starts_with(&format!("{name}: hint: ")), "{}", outcome.told());
    }
}

#[test]
fn a_terminal_on_stdin_is_not_waited_for() {
    need!("script");
    for (name, _) in STAGES {
        // Without anything that names a cache or an endpoint. To look at this machine takes no document.
        let (verb, exit) = match name {
            "ec-cli-install" => ("detect", 0),
            "ec-probe" => ("", 2),
            _ => ("revoke", 2),
        };
        let run = command("script").args(["-qec", &format!("{name} {verb} --error-format json"), "/dev/null"]);
        let outcome = given(run).timeout(std::time::Duration::from_secs(20)).run().exits(exit);
        // On the other side of a terminal, stdout and stderr are one.
        assert_eq!(outcome.stdout.contains("EC9003"), exit == 2, "{}", outcome.told());
    }
}

#[test]
fn a_reader_that_has_enough_is_no_error() {
    for (name, verb) in STAGES {
        let script = format!(
            "{{ yes '{DOCUMENT}' | head -n 3000 | {name} {}; echo \"exit $?\" >&2; }} | head -n 1",
            verb.join(" ")
        );
        let outcome = given(sh(&script)).run().ok();
        assert_eq!(outcome.documents().len(), 1, "{}", outcome.told());
        let exit = outcome.stderr.lines().find_map(|line| line.strip_prefix("exit ")).expect("the exit code is told");
        assert!(matches!(exit, "0" | "1"), "{}", outcome.told());
        assert!(!outcome.stderr.contains("ipe"), "nothing is said of the pipe\n{}", outcome.told());
    }
}

#[test]
fn a_full_device_is_told_and_the_documents_are_saved_on_stderr() {
    for (name, verb) in STAGES {
        let outcome = given(sh(&format!("{name} {} > /dev/full", verb.join(" ")))).stdin(DOCUMENT).run().exits(7);
        assert!(outcome.stderr.contains("(EC9022)"), "{}", outcome.told());
        assert!(outcome.stderr.contains(&DOCUMENT[..DOCUMENT.len() - 1]), "{}", outcome.told());
    }
}

#[test]
fn a_stdin_that_cannot_be_read_is_told() {
    for (name, verb) in STAGES {
        let outcome = given(sh(&format!("{name} {} < /", verb.join(" ")))).run().exits(7);
        assert!(outcome.stderr.contains("(EC9021)"), "{}", outcome.told());
    }
}

#[test]
fn a_closed_stdin_holds_no_document() {
    for (name, verb) in STAGES {
        let outcome = given(sh(&format!("{name} {} <&-", verb.join(" ")))).run();
        // A verb that needs no document begins one of its own, as it does for cron, which gives it /dev/null.
        let begins_one = name == "ec-cli-install" && outcome.documents().len() == 1;
        assert!(begins_one || outcome.stderr.contains("(EC9003)"), "{}", outcome.told());
    }
}

#[test]
fn memory_does_not_grow_with_the_number_of_documents() {
    if !std::path::Path::new("/proc/self/status").exists() {
        return skip("there is no /proc to read the memory from");
    }
    // A hundred kilobytes each, so that even a stage that looks at the network for every document is soon through.
    let padding = "x".repeat(100 << 10);
    let document = DOCUMENT.replace("1.10", &format!("\"{padding}\"")) + "\n";
    for each in STAGES {
        let few = stage(each, document.repeat(10));
        let many = stage(each, document.repeat((60 << 20) / document.len()));
        assert_eq!(many.stdout.lines().count(), (60 << 20) / document.len());
        assert!(
            many.peak_kib > 0 && many.peak_kib < few.peak_kib + (8 << 10),
            "{} KiB, then {} KiB",
            few.peak_kib,
            many.peak_kib
        );
    }
}
