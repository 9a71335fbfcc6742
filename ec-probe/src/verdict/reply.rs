//! What the replies of the server mean.

use ec_shared::Code;
use ec_shared::document::{Finding, Severity};

use super::{Context, Judgement, caused, finding, redacted};
use crate::ladder::{Outcome, Stage};
use crate::reach::Server;
use crate::resp::Value;
use crate::{codes, memcached};

/// A reply of Valkey or Redis OSS.
pub(super) fn resp(stage: Stage, value: &Value, context: &Context<'_>) -> Judgement {
    match (stage, value) {
        (Stage::Auth, Value::Text(text)) if text == b"OK" => {
            let credentials = context.credentials;
            let user = credentials.and_then(|credentials| credentials.user.as_deref()).unwrap_or("default");
            let kind = if credentials.is_some_and(|credentials| credentials.iam) { "IAM token" } else { "password" };
            Judgement::ok(format!("{user}, by {kind}"))
        }
        (Stage::Ping, Value::Text(text)) if text == b"PONG" => Judgement::ok("PONG"),
        (_, Value::Error(text)) => error(stage, &said(text, context), context),
        (Stage::Hello, value) => match Server::greeted(value) {
            Some(server) => Judgement::ok(server.to_string()),
            None => Judgement::skipped("says nothing of itself"),
        },
        _ => Judgement::no("not a cache", finding(&codes::NOT_A_CACHE, codes::NOT_A_CACHE.title, stage, context)),
    }
}

/// A reply of Memcached.
pub(super) fn memcached(stage: Stage, reply: &memcached::Reply, context: &Context<'_>) -> Judgement {
    match (stage, reply) {
        (Stage::Version, memcached::Reply::Version(version)) => Judgement::ok(format!("Memcached {version}")),
        (Stage::Stats, memcached::Reply::Stats(stats)) => {
            let number = |wanted: &str| stats.iter().find(|(name, _)| name == wanted).map(|(_, value)| value.as_str());
            let items = number("curr_items").unwrap_or("?");
            let connections = number("curr_connections").unwrap_or("?");
            Judgement::ok(format!("{items} items, {connections} connections"))
        }
        (Stage::Stats, _) => Judgement::skipped("no numbers"),
        (_, memcached::Reply::Error(text)) => unexpected(stage, &said(text.as_bytes(), context), context),
        _ => Judgement::no("not a cache", finding(&codes::NOT_A_CACHE, codes::NOT_A_CACHE.title, stage, context)),
    }
}

/// The words of an error, fit to be shown: in one line, without what the server repeats of the command, which in the
/// case of AUTH is the password.
pub(crate) fn said(text: &[u8], context: &Context<'_>) -> String {
    let text = String::from_utf8_lossy(text);
    let text = text.split(", with args").next().unwrap_or_default();
    let text = redacted(text, context);
    text.chars().map(|letter| if letter.is_control() { ' ' } else { letter }).take(200).collect()
}

fn error(stage: Stage, text: &str, context: &Context<'_>) -> Judgement {
    let code = code(text);
    let word = text.split(' ').next().unwrap_or(text);
    let user = context.credentials.and_then(|credentials| credentials.user.as_deref()).unwrap_or("default");
    // A server before 6.0, or a user without the permission: PING will tell.
    if stage == Stage::Hello && (code == &codes::NOPERM || code == &codes::UNEXPECTED) {
        return Judgement::skipped(format!("{word}; not needed")).with("reply", text);
    }
    if code == &codes::UNEXPECTED {
        return unexpected(stage, text, context);
    }
    if stage == Stage::Ping && code == &codes::NOPERM {
        // The server has let the user in and carried out its own rules: the connection works.
        let finding = Finding::new(code, Severity::Warning, format!("the user {user} may not run PING"))
            .evidence("reply", text)
            .fix(code.fix);
        return Judgement { finding: Some(finding), ..Judgement::ok("answers, but the user may not run PING") };
    }
    let is_refused_token = code == &codes::WRONGPASS && context.credentials.is_some_and(|credentials| credentials.iam);
    if let Some(cause) = is_refused_token.then(|| context.plan.upstream.refusal(user)).flatten() {
        let finding = caused(cause, stage, context).evidence("reply", text);
        return Judgement::no(word, finding);
    }
    let summary =
        if code == &codes::WRONGPASS { format!("the server refused the user {user}") } else { code.title.to_owned() };
    let mut finding = finding(code, summary, stage, context).evidence("reply", text);
    if let Some(fix) = fix(code, context) {
        finding = finding.fix(fix);
    }
    Judgement { outcome: Outcome::No, finding: Some(finding), ..Judgement::ok(word) }
}

fn unexpected(stage: Stage, text: &str, context: &Context<'_>) -> Judgement {
    let finding = finding(&codes::UNEXPECTED, format!("the server answered: {text}"), stage, context);
    Judgement::no(text, finding.evidence("reply", text))
}

/// Which of the errors that are known here it is. A server's errors begin with a word for programs, but for those that
/// only say ERR.
fn code(text: &str) -> &'static Code {
    const SENTENCES: [(&str, &Code); 6] = [
        ("max number of clients", &codes::MAX_CLIENTS),
        ("without any password configured", &codes::NO_PASSWORD_SET),
        ("no password is set", &codes::NO_PASSWORD_SET),
        ("invalid password", &codes::WRONGPASS),
        ("service is not available", &codes::IAM_UNAVAILABLE),
        ("exceeded limit of iam", &codes::IAM_UNAVAILABLE),
    ];
    match text.split(' ').next().unwrap_or_default() {
        "NOAUTH" => &codes::NOAUTH,
        "WRONGPASS" => &codes::WRONGPASS,
        "NOPERM" => &codes::NOPERM,
        "LOADING" => &codes::LOADING,
        "MASTERDOWN" => &codes::MASTERDOWN,
        "CLUSTERDOWN" => &codes::CLUSTERDOWN,
        "READONLY" => &codes::READONLY,
        "BUSY" => &codes::BUSY,
        "MOVED" | "ASK" => &codes::MOVED,
        "DENIED" => &codes::PROTECTED_MODE,
        _ => {
            let text = text.to_lowercase();
            let known = SENTENCES.iter().find(|(sentence, _)| text.contains(sentence));
            known.map_or(&codes::UNEXPECTED, |(_, code)| code)
        }
    }
}

/// The fix in the words of this very cache and user.
fn fix(code: &'static Code, context: &Context<'_>) -> Option<String> {
    let credentials = context.credentials?;
    let user = credentials.user.as_deref().unwrap_or("default");
    if code != &codes::WRONGPASS {
        return None;
    }
    Some(if credentials.iam {
        let cache = context.plan.cache.as_deref().unwrap_or("NAME");
        format!("ec-iam plan --cache {cache} --user {user} --principal role/NAME   shows whether the role may connect")
    } else {
        format!(
            "check the password, and that {user} is on and in the cache's user group: aws elasticache describe-users"
        )
    })
}

#[cfg(test)]
mod tests {
    use ec_shared::document::Engine;

    use super::super::tests::{code, judged};
    use super::*;
    use crate::answer::Answer;

    fn replied(stage: Stage, value: Value) -> Judgement {
        judged(Engine::Valkey, stage, &Answer::Reply(Ok(value)))
    }

    fn error(stage: Stage, text: &str) -> Judgement {
        replied(stage, Value::Error(text.as_bytes().to_vec()))
    }

    #[test]
    fn every_error_that_is_known_has_its_code() {
        for (text, expected) in [
            ("NOAUTH Authentication required.", "EC3010"),
            ("ERR AUTH <password> called without any password configured for the default user.", "EC3011"),
            ("ERR Client sent AUTH, but no password is set", "EC3011"),
            ("WRONGPASS invalid username-password pair or user is disabled.", "EC3012"),
            ("ERR invalid password", "EC3012"),
            ("ERR service is not available", "EC3014"),
            ("ERR Exceeded limit of IAM Authentication requests", "EC3014"),
            ("LOADING Valkey is loading the dataset in memory", "EC3050"),
            ("MASTERDOWN Link with MASTER is down", "EC3051"),
            ("CLUSTERDOWN The cluster is down", "EC3052"),
            ("READONLY You can't write against a read only replica.", "EC3053"),
            ("BUSY Valkey is busy running a script.", "EC3054"),
            ("ERR max number of clients reached", "EC3055"),
            ("MOVED 3999 10.0.0.1:6381", "EC3056"),
            ("DENIED Valkey is running in protected mode", "EC3057"),
            ("ERR something else", "EC3046"),
        ] {
            let judgement = error(Stage::Auth, text);
            assert_eq!((judgement.outcome, code(&judgement)), (Outcome::No, expected), "{text}");
            assert_eq!(judgement.finding.unwrap().evidence["reply"], text);
        }
    }

    #[test]
    fn the_command_that_an_error_repeats_is_not_shown() {
        let judgement = error(Stage::Auth, "ERR unknown command 'AUTH', with args beginning with: 'app' 'hunt");
        assert!(!format!("{judgement:?}").contains("hunt"), "{judgement:?}");
        assert_eq!(judgement.summary, "ERR unknown command 'AUTH'");
    }

    #[test]
    fn a_hello_that_is_refused_is_skipped_unless_it_says_what_ping_would() {
        for text in ["NOPERM User app has no permissions to run the 'hello' command", "ERR unknown command `HELLO`"] {
            let judgement = error(Stage::Hello, text);
            assert_eq!((judgement.outcome, code(&judgement)), (Outcome::Skipped, ""), "{text}");
        }
        assert_eq!(
            code(&error(Stage::Hello, "NOAUTH HELLO must be called with the client already authenticated")),
            "EC3010"
        );
    }

    #[test]
    fn a_user_who_may_not_ping_is_connected_all_the_same() {
        let judgement = error(Stage::Ping, "NOPERM User app has no permissions to run the 'ping' command");
        assert_eq!((judgement.outcome, code(&judgement)), (Outcome::Ok, "EC3013"));
    }

    #[test]
    fn an_answer_to_ping_that_is_no_pong_is_no_caches() {
        assert_eq!(code(&replied(Stage::Ping, Value::Integer(1))), "EC3042");
    }

    #[test]
    fn a_server_that_greets_is_described() {
        let text = |text: &str| Value::Text(text.as_bytes().to_vec());
        let greeting = Value::Map(vec![
            (text("server"), text("valkey")),
            (text("version"), text("8.1.0")),
            (text("mode"), text("cluster")),
            (text("role"), text("master")),
        ]);
        assert_eq!(replied(Stage::Hello, greeting).summary, "Valkey 8.1.0, cluster, primary");
    }
}
