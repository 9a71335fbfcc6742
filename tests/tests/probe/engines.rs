//! Valkey 8 and Redis OSS 7 are judged alike: the same server, once of each make, and the same verdict.

use ec_tests::{Certs, Valkey, ValkeyOptions, need, tool};
use serde_json::Value;

use super::{NEVER, section};

/// How a server is, how it is spoken to, and what comes of it.
struct Case {
    tls: bool,
    users: &'static [&'static str],
    args: &'static [&'static str],
    speaks_tls: bool,
    login: Option<(&'static str, &'static str)>,
    /// The last stage, and the code at it.
    expected: (&'static str, Option<&'static str>),
}

const PLAIN: Case =
    Case { tls: false, users: &[], args: &[], speaks_tls: false, login: None, expected: ("ping", None) };
const TLS: Case = Case { tls: true, speaks_tls: true, ..PLAIN };
const APP: &[&str] = &["default off", "app on >open-sesame ~* +@all"];
const GOOD: Option<(&str, &str)> = Some(("app", "open-sesame"));

const CASES: [Case; 16] = [
    PLAIN,
    TLS,
    Case { args: &["--tls-protocols", "TLSv1.2"], ..TLS },
    Case { users: APP, login: GOOD, ..PLAIN },
    Case { users: APP, login: GOOD, ..TLS },
    Case { users: APP, expected: ("hello", Some("EC3010")), ..TLS },
    Case { login: GOOD, expected: ("auth", Some("EC3012")), ..TLS },
    Case { users: APP, login: Some(("app", "guess")), expected: ("auth", Some("EC3012")), ..TLS },
    Case { users: APP, login: Some(("", "open-sesame")), expected: ("auth", Some("EC3049")), ..TLS },
    Case { login: Some(("", "guess")), expected: ("auth", Some("EC3011")), ..TLS },
    Case { users: &["app off >open-sesame ~* +@all"], login: GOOD, expected: ("auth", Some("EC3012")), ..TLS },
    Case { users: &["default off", "app on >open-sesame -@all +ping"], login: GOOD, ..TLS },
    Case {
        users: &["default off", "app on >open-sesame -@all +get"],
        login: GOOD,
        expected: ("ping", Some("EC3013")),
        ..TLS
    },
    Case { speaks_tls: true, expected: ("tls", Some("EC3020")), ..PLAIN },
    Case { speaks_tls: false, expected: ("hello", Some("EC3021")), ..TLS },
    Case { args: &["--tls-auth-clients", "yes"], expected: ("hello", Some("EC3029")), ..TLS },
];

fn verdict(program: &str, case: &Case, certs: &Certs) -> (String, Option<String>) {
    let own = |words: &[&str]| words.iter().map(|&word| word.to_owned()).collect();
    let server = Valkey::with(ValkeyOptions {
        program: Some(program.to_owned()),
        tls: case.tls.then(|| certs.server()),
        users: own(case.users),
        args: own(case.args),
        ..ValkeyOptions::default()
    });
    let tls = if case.speaks_tls { "--tls" } else { "--no-tls" };
    let mut run = tool("ec-probe").args(["--endpoint", &server.endpoint(), tls, "--timeout", NEVER]);
    if let Some((user, password)) = case.login {
        run = run.env("EC_USER", user).env("VALKEYCLI_AUTH", password);
    }
    let section = section(&run.env("EC_CAFILE", certs.ca()).run());
    let last = section["stages"].as_array().and_then(|stages| stages.last()).cloned().unwrap_or_default();
    let text = |value: &Value| value.as_str().map(str::to_owned);
    (text(&last["stage"]).unwrap_or_default(), text(&last["code"]))
}

#[test]
fn valkey_and_redis_oss_are_judged_alike() {
    need!("valkey-server", "redis-server");
    let certs = Certs::new();
    for (number, case) in CASES.iter().enumerate() {
        let expected = (case.expected.0.to_owned(), case.expected.1.map(str::to_owned));
        for program in ["valkey-server", "redis-server"] {
            assert_eq!(verdict(program, case, &certs), expected, "case {number} of {program}");
        }
    }
}
