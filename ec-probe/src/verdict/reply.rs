//! What the replies of the server mean.

use ec_shared::Code;
use ec_shared::document::{Finding, Severity};

use super::{Context, Judgement, caused, finding};
use crate::answer::Answer;
use crate::ladder::Stage;
use crate::limits::ERROR_LETTERS;
use crate::reach::Server;
use crate::resp::Value;
use crate::token::Sent;
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
        (_, Value::Error(text)) => error(stage, &said(text), context),
        (Stage::Hello, value) => match Server::greeted(value) {
            Some(server) => Judgement::ok(server.of(context.plan).to_string()),
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
        (_, memcached::Reply::Error(text)) => {
            let text = said(text.as_bytes());
            match code(&text) {
                code if code == &codes::UNEXPECTED => unexpected(stage, &text, context),
                code => Judgement::no(&text, finding(code, code.title, stage, context).evidence("reply", &text)),
            }
        }
        _ => Judgement::no("not a cache", finding(&codes::NOT_A_CACHE, codes::NOT_A_CACHE.title, stage, context)),
    }
}

/// Numbers without end: the connection is closed, and it works all the same.
pub(super) fn too_many_numbers(excess: &str, context: &Context<'_>) -> Judgement {
    let summary = format!("{} (stats): {excess}", codes::TOO_LARGE.title);
    let finding = Finding::new(&codes::TOO_LARGE, Severity::Warning, summary)
        .evidence("endpoint", context.target.endpoint.to_string())
        .evidence("stage", Stage::Stats)
        .fix(codes::TOO_LARGE.fix);
    Judgement { finding: Some(finding), ..Judgement::skipped("no numbers: reply too large") }
}

/// What a server says while it is in a state that passes by itself; `None` for every other answer.
pub(crate) fn passing(answer: &Answer) -> Option<String> {
    let Answer::Reply(Ok(Value::Error(text))) = answer else { return None };
    let text = said(text);
    let code = code(&text);
    [&codes::LOADING, &codes::MASTERDOWN, &codes::CLUSTERDOWN, &codes::BUSY].contains(&code).then_some(text)
}

/// The words of an error, short and without what the server repeats of the command.
pub(crate) fn said(text: &[u8]) -> String {
    let text = String::from_utf8_lossy(text);
    text.split(", with args").next().unwrap_or_default().chars().take(ERROR_LETTERS).collect()
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
    let finding = if code == &codes::WRONGPASS {
        refused(stage, user, context)
    } else {
        finding(code, code.title, stage, context)
    };
    Judgement::no(word, finding.evidence("reply", text))
}

/// WRONGPASS is the answer to everything that is wrong with a log-in. What is wrong with a token stands in the token, or in
/// what ec-iam has found.
fn refused(stage: Stage, user: &str, context: &Context<'_>) -> Finding {
    let credentials = context.credentials;
    let token = credentials.and_then(|credentials| Sent::read(&credentials.secret));
    let by_token = token.as_ref().and_then(|token| token.explain(user, &context.plan.tokens, context.now));
    let by_iam = || {
        let is_token = credentials.is_some_and(|credentials| credentials.iam);
        is_token.then(|| context.plan.upstream.refusal(user)).flatten()
    };
    let finding = match by_token.or_else(by_iam) {
        Some(cause) => caused(cause, stage, context),
        None if user == "default" => finding(&codes::DEFAULT_USER, codes::DEFAULT_USER.title, stage, context),
        None => {
            let finding = finding(&codes::WRONGPASS, format!("the server refused the user {user}"), stage, context);
            match fix(context) {
                Some(fix) => finding.fix(fix),
                None => finding,
            }
        }
    };
    match token {
        Some(token) => finding.evidence("token", token),
        None => finding,
    }
}

fn unexpected(stage: Stage, text: &str, context: &Context<'_>) -> Judgement {
    let finding = finding(&codes::UNEXPECTED, format!("the server answered: {text}"), stage, context);
    Judgement::no(text, finding.evidence("reply", text))
}

/// Which of the errors that are known here it is. A server's errors begin with a word for programs, but for those that
/// only say ERR.
fn code(text: &str) -> &'static Code {
    const SENTENCES: [(&str, &Code); 8] = [
        ("max number of clients", &codes::MAX_CLIENTS),
        ("too many open connections", &codes::MAX_CLIENTS),
        ("out of memory", &codes::OUT_OF_MEMORY),
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
        "OOM" => &codes::OUT_OF_MEMORY,
        _ => {
            let text = text.to_lowercase();
            let known = SENTENCES.iter().find(|(sentence, _)| text.contains(sentence));
            known.map_or(&codes::UNEXPECTED, |(_, code)| code)
        }
    }
}

/// The fix of a refusal in the words of this very cache and user.
fn fix(context: &Context<'_>) -> Option<String> {
    let credentials = context.credentials?;
    let user = credentials.user.as_deref().unwrap_or("default");
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
    use crate::answer::{Answer, Fault};
    use crate::ladder::Outcome;

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
            ("OOM command not allowed when used memory > 'maxmemory'.", "EC3059"),
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
    fn errors_of_memcached_have_their_codes() {
        let version = |text: &str| {
            let reply = memcached::Reply::Error(text.to_owned());
            judged(Engine::Memcached, Stage::Version, &Answer::Memcached(Ok(reply)))
        };
        for (text, expected) in [
            ("SERVER_ERROR out of memory preparing response", "EC3059"),
            ("ERROR Too many open connections", "EC3055"),
            ("ERROR", "EC3046"),
            ("CLIENT_ERROR bad command line format", "EC3046"),
        ] {
            let judgement = version(text);
            assert_eq!((judgement.outcome, code(&judgement)), (Outcome::No, expected), "{text}");
            assert_eq!(judgement.finding.unwrap().evidence["reply"], text);
        }
    }

    #[test]
    fn numbers_that_are_not_to_be_had_do_not_matter_and_numbers_without_end_are_remarked_on() {
        let stats = |fault| judged(Engine::Memcached, Stage::Stats, &Answer::Memcached(Err(fault)));
        let closed = stats(Fault::Closed);
        assert_eq!((closed.outcome, code(&closed)), (Outcome::Skipped, ""));
        let endless = stats(Fault::TooLarge("more than 1000 lines".into()));
        assert_eq!((endless.outcome, code(&endless)), (Outcome::Skipped, "EC3043"));
        assert_eq!(endless.finding.unwrap().severity, Severity::Warning);
    }

    #[test]
    fn some_states_pass_and_others_stay() {
        let says = |text: &str| passing(&Answer::Reply(Ok(Value::Error(text.as_bytes().to_vec()))));
        for text in ["LOADING Valkey is loading", "MASTERDOWN Link", "CLUSTERDOWN The cluster is down", "BUSY script"] {
            assert_eq!(says(text).as_deref(), Some(text));
        }
        for text in ["NOAUTH Authentication required.", "READONLY You can't write", "ERR LOADING", "MOVED 1 a:1"] {
            assert_eq!(says(text), None, "{text}");
        }
        assert_eq!(passing(&Answer::Reply(Ok(Value::Text(b"LOADING".to_vec())))), None);
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
