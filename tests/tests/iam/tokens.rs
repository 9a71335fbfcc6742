//! Tokens: handed to real clients, looked at by `lint-token`, and never told by anything else.

use std::os::unix::fs::PermissionsExt;

use ec_tests::{Outcome, Run, Valkey, need, sh, tool};
use serde_json::Value;

const KEY: &str = "ASIAIOSFODNN7EXAMPLE";
const SECRET: &str = "canary/secret+wJalrXUtnFEMIK7MDENGbPxRfiCY";
const SESSION: &str = "canary/session+IQoJb3JpZ2luX2VjEXAMPLE==";
const SESSION_IN_TOKENS: &str = "canary%2Fsession%2BIQoJb3JpZ2luX2VjEXAMPLE%3D%3D";
const SIGN: [&str; 6] = ["token", "--cache", "orders", "--user", "app", "--serverless"];

fn with_credentials(run: Run) -> Run {
    run.env("AWS_ACCESS_KEY_ID", KEY)
        .env("AWS_SECRET_ACCESS_KEY", SECRET)
        .env("AWS_SESSION_TOKEN", SESSION)
        .env("AWS_REGION", "eu-west-1")
        .env("AWS_ENDPOINT_URL", "http://127.0.0.1:1")
}

fn token() -> String {
    with_credentials(tool("ec-iam").args(SIGN)).run().ok().stdout
}

fn lint(args: &[&str], stdin: impl Into<Vec<u8>>) -> Outcome {
    with_credentials(tool("ec-iam").args(["lint-token"]).args(args)).stdin(stdin).run()
}

#[test]
fn the_lines_for_a_shell_log_clients_in() {
    need!("valkey-server", "valkey-cli");
    let valkey = Valkey::plain();
    let script = format!(
        "eval \"$(ec-iam {} --format env)\"
         env -u REDISCLI_AUTH -u VALKEYCLI_AUTH valkey-cli -p {port} ACL SETUSER app on \"~*\" +@all \">$REDISCLI_AUTH\"
         valkey-cli -p {port} --user \"$EC_USER\" ACL WHOAMI
         if command -v redis-cli > /dev/null; then redis-cli -p {port} --user \"$EC_USER\" ACL WHOAMI; fi
         test \"$VALKEYCLI_AUTH\" = \"$REDISCLI_AUTH\"",
        SIGN.join(" "),
        port = valkey.port()
    );
    let run = with_credentials(sh(&script)).run().ok();
    let mut lines = run.stdout.lines();
    assert_eq!(lines.next(), Some("OK"), "{}", run.told());
    assert!(lines.all(|line| line == "app") && run.stdout.contains("app"), "{}", run.told());
}

#[test]
fn a_token_of_ours_has_nothing_wrong() {
    let expected = ["--cache", "orders", "--user", "app", "--serverless", "--region", "eu-west-1"];
    let run = lint(&expected, token()).ok();
    let answer = &run.documents()[0];
    assert_eq!((&answer["ok"], &answer["signature"]), (&true.into(), &"matches".into()), "{answer}");
    let people = lint(&["-o", "text"], token()).ok();
    assert!(people.stdout.contains("ok: nothing is seen to be wrong"), "{}", people.told());
}

#[test]
fn a_document_says_what_the_token_in_a_file_should_be_for() {
    let document = |region: &str| {
        let mut document: Value = serde_json::from_str(&super::orders("123456789012")).expect("a document");
        document["cache"]["region"] = region.into();
        document.to_string()
    };
    let run = |mode: u32, document: String| {
        let run = tool("ec-iam").args(["lint-token", "--token-file", "token"]).stdin(document);
        let path = run.home().join("token");
        std::fs::write(&path, token()).expect("a file");
        std::fs::set_permissions(&path, std::fs::Permissions::from_mode(mode)).expect("a mode");
        run.run()
    };
    run(0o600, document("eu-west-1")).ok();
    let wrong = run(0o600, document("us-east-1") + &document("eu-west-1")).exits(1);
    let codes: Vec<Value> = wrong.documents().iter().map(|answer| answer["findings"][0]["code"].clone()).collect();
    assert_eq!(codes, ["EC2077".into(), Value::Null]);
    run(0o644, document("eu-west-1")).exits(3).says("EC9023");
}

#[test]
fn lines_that_cannot_be_read_are_told_and_the_rest_is_answered() {
    let mut input = vec![b'x'; (16 << 10) + 1];
    input.extend(b"\n\xff\xfe\n\n");
    input.extend(token().into_bytes());
    let run = lint(&[], input).exits(6).says("EC2079").says("EC9010");
    let told: Vec<(Value, Value)> =
        run.documents().iter().map(|answer| (answer["line"].clone(), answer["error"]["code"].clone())).collect();
    assert_eq!(
        told,
        [(1.into(), "EC2079".into()), (2.into(), "EC9010".into()), (4.into(), Value::Null)],
        "{}",
        run.told()
    );
    lint(&[], "\n \n").exits(2).says("EC9003");
}

/// Whoever answers a token is answered before the next one: the input stays open meanwhile.
#[test]
fn an_answer_does_not_wait_for_the_next_token() {
    let script = format!(
        "mkfifo tokens answers; ec-iam lint-token < tokens > answers & exec 3> tokens 4< answers
         ec-iam {sign} >&3; read -r first <&4; ec-iam {sign} >&3; read -r second <&4
         exec 3>&-; wait; printf '%s\\n' \"$first\" \"$second\"",
        sign = SIGN.join(" ")
    );
    let run = with_credentials(sh(&script)).run().ok();
    assert_eq!(run.documents().iter().map(|answer| answer["line"].as_u64()).collect::<Vec<_>>(), [Some(1), Some(2)]);
}

/// Everything that ec-iam says where it should not tell a secret, with `-v` and at a terminal's format.
#[test]
fn no_verb_tells_a_secret() {
    let token = token();
    let signature = token.trim().split('&').find_map(|part| part.strip_prefix("X-Amz-Signature="));
    let signature = signature.expect("a signature").to_owned();
    let document = super::orders("123456789012");
    let mangled: Vec<String> = vec![
        token.clone(),
        token.replace("orders/?", "orders-x1y2z3.serverless.use1.cache.amazonaws.com/?"),
        token.replace("/?", "?"),
        token.replace("X-Amz-Signature=", "User="),
        token.replace("&X-Amz-Signature=", "/"),
        token.replace("X-Amz-Security-Token=", "X-Amz-Date="),
        token.replace("&X-Amz-Security-Token=", "&"),
        token.replace("elasticache", SESSION_IN_TOKENS),
        token.replace(KEY, &signature),
        token.replace('&', "\n"),
        token.replace("Action=connect", &format!("Action={signature}")),
        format!("{signature}/?{}", token.split('?').nth(1).expect("a query")),
        SECRET.to_owned(),
        SESSION.to_owned(),
        signature.clone(),
        format!("{{\"token\":\"{}\"", token.trim()),
    ];
    let mut runs: Vec<(Vec<&str>, String)> = Vec::new();
    for verb in [
        &["whoami", "--timeout", "1s"][..],
        &["plan", "--principal", "role/app", "--user", "app", "--timeout", "1s"],
        &["apply", "--principal", "role/app", "--user", "app", "--timeout", "1s"],
        &["revoke"],
        &["policy", "--for", "connect", "--user", "app"],
        &["simulate"],
        &["token", "--user", "A B"],
    ] {
        runs.push((verb.to_vec(), document.clone()));
    }
    for mangled in &mangled {
        runs.push((vec!["lint-token"], mangled.clone()));
        runs.push((vec!["lint-token", "-o", "text", "--cache", "orders", "--user", "app"], mangled.clone()));
    }
    // A token on the wrong verb's stdin.
    for verb in [&["revoke"][..], &["simulate"], &["token", "--user", "app"]] {
        runs.push((verb.to_vec(), token.clone()));
    }
    for (args, stdin) in runs {
        for format in ["text", "json"] {
            let run = tool("ec-iam").args(&args).args(["-v", "--error-format", format]).stdin(stdin.clone());
            let run = with_credentials(run).run();
            for secret in [SECRET, SESSION, SESSION_IN_TOKENS, signature.as_str(), token.trim()] {
                let told = run.stdout.contains(secret) || run.stderr.contains(secret);
                assert!(!told, "{secret} after {args:?}\n{}", run.told());
            }
        }
    }
    // The one verb whose answer is a token says nothing of it elsewhere.
    let run = with_credentials(tool("ec-iam").args(SIGN).args(["-v", "-o", "json"])).run().ok();
    assert!(!run.stderr.contains("X-Amz"), "{}", run.told());
}
