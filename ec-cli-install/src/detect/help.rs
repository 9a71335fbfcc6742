//! What a client says of itself. Pure.

use serde::Serialize;

/// The options that lines for a cache are made of.
const OPTIONS: [&str; 14] = [
    "-t",
    "-e",
    "-2",
    "-3",
    "-c",
    "--user",
    "--askpass",
    "--no-auth-warning",
    "--sni",
    "--cacert",
    "--cacertdir",
    "--insecure",
    "--tls-ciphersuites",
    "--json",
];

/// What a client knows.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Knows {
    /// The options of a choice that `--help` lists.
    pub options: Vec<&'static str>,
    /// The environment variables that it takes a password from, best first.
    pub password_from: Vec<&'static str>,
}

impl Knows {
    /// Reads the help of the client `name`.
    pub fn of(help: &str, name: &str, version: &str) -> Self {
        let options = OPTIONS.into_iter().filter(|option| lists(help, option)).collect();
        let major = version.split('.').next().and_then(|major| major.parse::<u32>().ok());
        // Of valkey-cli only, and since 9.0; REDISCLI_AUTH is older than TLS in these programs.
        let is_new = name == "valkey-cli" && major.is_some_and(|major| major >= 9);
        let has_own = help.contains("VALKEYCLI_AUTH") || is_new;
        let password_from = has_own.then_some("VALKEYCLI_AUTH").into_iter().chain(["REDISCLI_AUTH"]).collect();
        Self { options, password_from }
    }
}

/// The version in `valkey-cli 8.1.1 (git:…)`. Whatever else a program says first is no version.
pub(super) fn version(text: &str) -> Option<String> {
    let mut words = text.lines().next()?.split_whitespace();
    let is_client = words.next()?.ends_with("-cli");
    let version = words.next()?;
    let is_version = version.starts_with(|c: char| c.is_ascii_digit())
        && version.contains('.')
        && version.chars().all(|c| c.is_ascii_alphanumeric() || ".-+~".contains(c));
    (is_client && is_version).then(|| version.to_owned())
}

/// Whether the help has a line for an option.
pub(super) fn lists(help: &str, option: &str) -> bool {
    help.lines().any(|line| line.split_whitespace().next() == Some(option))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn versions_are_read_from_what_clients_say() {
        assert_eq!(version("valkey-cli 8.1.1\n").as_deref(), Some("8.1.1"));
        assert_eq!(version("redis-cli 6.2.20 (git:0a1b)\n").as_deref(), Some("6.2.20"));
        assert_eq!(version("valkey-cli 9.0.0-rc1\n").as_deref(), Some("9.0.0-rc1"));
        for other in [
            "",
            "error while loading shared libraries",
            "took 3 seconds",
            "x 8.1.1",
            "redis-cli 8\u{fffd}.1",
            "redis-cli 8",
        ] {
            assert_eq!(version(other), None, "{other}");
        }
    }

    #[test]
    fn an_option_is_listed_where_a_line_begins_with_it() {
        assert!(lists("Usage:\n  --tls              Establish a secure TLS connection.\n", "--tls"));
        assert!(!lists("  --tls-ciphers <list>\n  use stunnel instead of --tls\n", "--tls"));
    }

    #[test]
    fn a_password_comes_from_the_variables_of_each_version() {
        let from = |name: &str, version: &str| Knows::of("", name, version).password_from;
        assert_eq!(from("valkey-cli", "9.0.0"), ["VALKEYCLI_AUTH", "REDISCLI_AUTH"]);
        assert_eq!(from("valkey-cli", "8.1.1"), ["REDISCLI_AUTH"]);
        assert_eq!(from("redis-cli", "10.0.0"), ["REDISCLI_AUTH"]);
        let help =
            "  -a <password>  Password\n  VALKEYCLI_AUTH environment variable\n  -t <timeout>\n  --json  Output\n";
        let knows = Knows::of(help, "redis-cli", "?");
        assert_eq!((knows.options, knows.password_from[0]), (vec!["-t", "--json"], "VALKEYCLI_AUTH"));
    }
}
