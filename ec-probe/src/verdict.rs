//! What an answer means: whether the ladder goes on, what a person reads about it, and the finding with its fix.

mod clients;
mod connect;
mod late;
mod names;
mod outside;
mod relay;
mod reply;

pub(crate) use clients::refused_to_clients;
pub(crate) use late::Late;
pub(crate) use names::differences;
pub(crate) use reply::{passing, said};

use ec_shared::Code;
use ec_shared::document::{Engine, Finding, Severity};
use jiff::Timestamp;
use serde_json::{Map, Value, json};

use crate::answer::{Answer, Fault};
use crate::codes;
use crate::dialect::Dialect;
use crate::dns;
use crate::ladder::{Outcome, Stage};
use crate::login::Credentials;
use crate::plan::{Plan, Target};
use crate::upstream::Cause;
use ec_shared::ran_on::RanOn;

/// What surrounds a question.
#[derive(Clone, Copy, Debug)]
pub struct Context<'a> {
    /// What is probed, and how.
    pub plan: &'a Plan,
    /// The endpoint in question.
    pub target: &'a Target,
    /// What AUTH sends.
    pub credentials: Option<&'a Credentials>,
    /// Where the probe runs.
    pub machine: &'a RanOn,
    /// When.
    pub now: Timestamp,
}

/// What an answer comes to.
#[derive(Clone, Debug)]
pub struct Judgement {
    /// Whether the ladder goes on.
    pub outcome: Outcome,
    /// A few words for the row of the stage.
    pub summary: String,
    /// The facts behind them, where they stand nowhere else.
    pub evidence: Map<String, Value>,
    /// What is wrong, if anything is.
    pub finding: Option<Finding>,
}

impl Judgement {
    pub(crate) fn ok(summary: impl Into<String>) -> Self {
        Self { outcome: Outcome::Ok, summary: summary.into(), evidence: Map::new(), finding: None }
    }

    pub(crate) fn skipped(summary: impl Into<String>) -> Self {
        Self { outcome: Outcome::Skipped, ..Self::ok(summary) }
    }

    pub(crate) fn no(summary: impl Into<String>, finding: Finding) -> Self {
        Self { outcome: Outcome::No, finding: Some(finding), ..Self::ok(summary) }
    }

    fn with(mut self, name: &str, value: impl Into<Value>) -> Self {
        self.evidence.insert(name.to_owned(), value.into());
        self
    }
}

/// Judges the answer to a question.
pub fn judge(stage: Stage, answer: &Answer, context: &Context<'_>) -> Judgement {
    match answer {
        Answer::Addresses(Ok(addresses)) => Judgement::ok(dns::facts::addresses(addresses)),
        Answer::Addresses(Err(unresolved)) => names::unresolved(unresolved, context),
        Answer::ResolvedThere => Judgement::skipped("resolved at the other side"),
        Answer::Dials(dials) => connect::dials(dials, context),
        Answer::Relayed(Ok(())) => relay::opened(context),
        Answer::Relayed(Err(fault)) => relay::fault(fault, context),
        Answer::Handshake(Ok(session), certificate) => connect::session(session, certificate.as_ref(), context),
        Answer::Handshake(Err(Fault::Certificate(fault)), certificate) => {
            connect::certificate(fault, certificate.as_ref(), context)
        }
        Answer::Reply(Ok(value)) => reply::resp(stage, value, context),
        Answer::Memcached(Ok(reply)) => reply::memcached(stage, reply, context),
        Answer::Memcached(Err(Fault::TooLarge(excess))) if stage == Stage::Stats => {
            reply::too_many_numbers(excess, context)
        }
        // Numbers that are not to be had are no fault of the connection.
        Answer::Memcached(Err(_)) if stage == Stage::Stats => Judgement::skipped("no numbers"),
        Answer::Handshake(Err(fault), _) | Answer::Reply(Err(fault)) | Answer::Memcached(Err(fault)) => {
            no_answer(stage, fault, context)
        }
    }
}

/// A finding about `stage` that ends the ladder, with the fix of its code.
pub(crate) fn finding(code: &'static Code, summary: impl Into<String>, stage: Stage, context: &Context<'_>) -> Finding {
    let finding = Finding::new(code, Severity::Error, summary)
        .evidence("endpoint", context.target.endpoint.to_string())
        .evidence("stage", stage)
        .fix(code.fix);
    match context.plan.way.through() {
        Some(through) => finding.evidence("through", through),
        None => finding,
    }
}

/// A finding about `stage` with the cause that the document knows.
fn caused(cause: Cause, stage: Stage, context: &Context<'_>) -> Finding {
    let mut finding = finding(cause.code, cause.summary, stage, context).fix(cause.fix);
    if !cause.because.is_empty() {
        finding = finding.evidence("because", cause.because);
    }
    if !cause.left.is_empty() {
        finding = finding.evidence("left", cause.left);
    }
    finding
}

fn no_answer(stage: Stage, fault: &Fault, context: &Context<'_>) -> Judgement {
    let no = |code: &'static Code, summary: &str| Judgement::no(summary, finding(code, code.title, stage, context));
    let detailed = |code: &'static Code, summary: &str, detail: &str| {
        let finding = finding(code, format!("{}: {detail}", code.title), stage, context);
        Judgement::no(summary, finding)
    };
    match fault {
        Fault::Plain { said } => match other_engine(said, context.plan.engine) {
            Some(summary) => Judgement::no(summary, finding(&codes::OTHER_ENGINE, summary, stage, context)),
            None => quoting(no(&codes::SERVER_IS_PLAIN, "the server speaks plain text"), said, stage),
        },
        Fault::NotACache { said } => match other_engine(said, context.plan.engine) {
            Some(summary) => Judgement::no(summary, finding(&codes::OTHER_ENGINE, summary, stage, context)),
            None => stranger(said, stage, context),
        },
        Fault::WantsTls => no(&codes::SERVER_WANTS_TLS, "the server speaks TLS"),
        Fault::TlsVersion(detail) => detailed(&codes::TLS_VERSION, "no common version", detail),
        Fault::ClientCertificate => no(&codes::CLIENT_CERTIFICATE, "wants a client certificate"),
        Fault::Tls(detail) => detailed(&codes::TLS_FAILED, "handshake failed", detail),
        Fault::Closed => relay::at_the_end(no(&codes::CLOSED, "closed by the server"), context),
        Fault::Silent => relay::at_the_end(no(&codes::SILENT, "no answer"), context),
        Fault::Slow { received } => {
            let judgement = no(&codes::SLOW, &format!("{received} bytes, and no end"));
            judgement.with("received_bytes", *received)
        }
        Fault::TooLarge(excess) => detailed(&codes::TOO_LARGE, "reply too large", excess),
        Fault::Io(error) => detailed(&codes::CLOSED, "connection lost", error),
        Fault::Certificate(_) => no(&codes::CERTIFICATE_BAD, "certificate does not hold"),
        Fault::Relay(fault) => relay::fault(fault, context),
    }
}

/// Something else than a cache listens there; its first words mostly tell what.
fn stranger(said: &[u8], stage: Stage, context: &Context<'_>) -> Judgement {
    let protocol = Dialect::of(said).stranger();
    let (words, summary) = match protocol {
        Some(protocol) => {
            (format!("not a cache but {protocol}"), format!("the server is no cache, it speaks {protocol}"))
        }
        None => ("not a cache".to_owned(), codes::NOT_A_CACHE.title.to_owned()),
    };
    let mut finding = finding(&codes::NOT_A_CACHE, summary, stage, context);
    if let Some(protocol) = protocol {
        finding = finding.evidence("speaks", protocol);
    }
    let mut judgement = quoting(Judgement::no(words, finding), said, stage);
    if let Some(said) = judgement.finding.as_ref().and_then(|finding| finding.evidence.get("said")?.as_str()) {
        judgement.summary = format!("{}: server said {said}", judgement.summary);
    }
    judgement
}

/// Adds what the server said. In answer to AUTH it may have said what was said to it, in whatever form, so that is not
/// shown.
fn quoting(mut judgement: Judgement, said: &[u8], stage: Stage) -> Judgement {
    if stage != Stage::Auth && !said.is_empty() {
        let said = said.escape_ascii().to_string();
        judgement.finding = judgement.finding.map(|finding| finding.evidence("said", said));
    }
    judgement
}

/// Names the engine of a server that speaks the other protocol.
fn other_engine(said: &[u8], engine: Engine) -> Option<&'static str> {
    match (Dialect::of(said), engine) {
        (Dialect::Memcached, Engine::Valkey | Engine::Redis) => Some("the server is Memcached"),
        (Dialect::Resp, Engine::Memcached) => Some("the server is Valkey or Redis OSS"),
        _ => None,
    }
}

/// Findings about the probe as a whole, whatever the network answers. `logged_in`: whether credentials were sent.
pub fn remarks(context: &Context<'_>, logged_in: bool) -> Vec<Finding> {
    let mut remarks = Vec::new();
    let endpoint = context.target.endpoint.to_string();
    if context.plan.tls_preferred {
        let summary = "the cache takes plain text beside TLS (mode preferred)";
        remarks.push(Finding::new(&codes::TLS_PREFERRED, Severity::Info, summary).fix(codes::TLS_PREFERRED.fix));
    }
    if logged_in && !context.plan.tls {
        let summary = format!("credentials went to {endpoint} in plain text");
        let finding = Finding::new(&codes::PLAIN_CREDENTIALS, Severity::Warning, summary);
        remarks.push(finding.fix(codes::PLAIN_CREDENTIALS.fix));
    }
    let client = context.plan.client.as_ref().and_then(|client| client.instance_id.as_deref());
    if let Some(client) = client.filter(|client| !context.machine.is(client)) {
        let summary = format!("the verdict is about {}, which is not known to be {client}", context.machine);
        remarks.push(
            Finding::new(&codes::OTHER_MACHINE, Severity::Warning, summary)
                .evidence("client", client)
                .evidence("ran_on", json!(context.machine))
                .fix(format!("run ec-probe on {client}")),
        );
    }
    remarks
}

#[cfg(test)]
pub(crate) mod tests {
    use ec_shared::secret::Secret;

    use super::*;

    /// Judges an answer about orders.example:6379, probed as `app` with the password `hunter2`.
    pub(crate) fn judged(engine: Engine, stage: Stage, answer: &Answer) -> Judgement {
        let plan = Plan::for_tests(engine, true);
        let credentials = Credentials { user: Some("app".into()), secret: Secret::new("hunter2".into()), iam: false };
        let machine = RanOn { host: "app-1".into(), instance_id: None };
        let now = "2026-02-01T00:00:00Z".parse().unwrap();
        let context =
            Context { plan: &plan, target: &plan.targets[0], credentials: Some(&credentials), machine: &machine, now };
        judge(stage, answer, &context)
    }

    pub(crate) fn code(judgement: &Judgement) -> &str {
        judgement.finding.as_ref().map_or("", |finding| &finding.code)
    }

    fn fault(engine: Engine, stage: Stage, fault: Fault) -> Judgement {
        judged(engine, stage, &Answer::Reply(Err(fault)))
    }

    #[test]
    fn what_holds_whatever_the_network_answers_is_remarked_on() {
        let plan = |tls, tls_preferred| Plan { tls_preferred, ..Plan::for_tests(Engine::Valkey, tls) };
        let machine = RanOn { host: "app-1".into(), instance_id: None };
        for (plan, logged_in, expected) in [
            (plan(true, false), true, &[][..]),
            (plan(true, true), true, &["EC3031"]),
            (plan(false, false), false, &[]),
            (plan(false, false), true, &["EC3015"]),
        ] {
            let (target, now) = (&plan.targets[0], Timestamp::UNIX_EPOCH);
            let remarks =
                remarks(&Context { plan: &plan, target, credentials: None, machine: &machine, now }, logged_in);
            assert_eq!(remarks.iter().map(|remark| remark.code.as_str()).collect::<Vec<_>>(), expected);
        }
    }

    #[test]
    fn a_cache_of_the_other_protocol_is_named() {
        let judgement = fault(Engine::Valkey, Stage::Ping, Fault::NotACache { said: b"ERROR\r\n".to_vec() });
        assert_eq!((code(&judgement), judgement.summary.as_str()), ("EC3045", "the server is Memcached"));
        let said = b"-NOAUTH Authentication required.\r\n".to_vec();
        assert_eq!(code(&fault(Engine::Memcached, Stage::Version, Fault::Plain { said })), "EC3045");
    }

    #[test]
    fn what_a_stranger_says_is_quoted_with_escapes() {
        let judgement = fault(Engine::Valkey, Stage::Ping, Fault::NotACache { said: b"SSH-2.0\r\n\x1b[31m".to_vec() });
        assert_eq!(judgement.summary, r"not a cache but SSH: server said SSH-2.0\r\n\x1b[31m");
        assert_eq!(code(&judgement), "EC3042");
        assert_eq!(judgement.finding.unwrap().evidence["speaks"], "SSH");
        let judgement = fault(Engine::Valkey, Stage::Tls, Fault::NotACache { said: b"220 ESMTP\r\n".to_vec() });
        assert_eq!(judgement.summary, r"not a cache: server said 220 ESMTP\r\n");
    }

    #[test]
    fn what_is_said_to_a_log_in_is_not_shown() {
        let judgement = fault(Engine::Valkey, Stage::Auth, Fault::NotACache { said: b"you said 2retnuh".to_vec() });
        assert_eq!((judgement.summary.as_str(), code(&judgement)), ("not a cache", "EC3042"));
        assert!(!format!("{judgement:?}").contains("2retnuh"), "{judgement:?}");
    }

    #[test]
    fn every_other_fault_has_its_code() {
        for (given, expected) in [
            (Fault::Plain { said: b"+PONG\r\n".to_vec() }, "EC3020"),
            (Fault::WantsTls, "EC3021"),
            (Fault::TlsVersion("old".into()), "EC3028"),
            (Fault::ClientCertificate, "EC3029"),
            (Fault::Tls("odd".into()), "EC3030"),
            (Fault::Silent, "EC3040"),
            (Fault::Closed, "EC3041"),
            (Fault::Io("lost".into()), "EC3041"),
            (Fault::TooLarge("more".into()), "EC3043"),
            (Fault::Slow { received: 7 }, "EC3044"),
        ] {
            let judgement = fault(Engine::Valkey, Stage::Ping, given);
            assert_eq!(code(&judgement), expected);
            assert_eq!(judgement.outcome, Outcome::No);
        }
    }

    #[test]
    fn credentials_in_plain_text_and_a_foreign_machine_are_remarked_on() {
        let mut plan = Plan::for_tests(Engine::Valkey, false);
        plan.client = Some(ec_shared::document::Client {
            instance_id: Some("i-0abc".into()),
            ..ec_shared::document::Client::default()
        });
        let credentials = Credentials { user: None, secret: Secret::new("hunter2".into()), iam: false };
        let here =
            |instance_id: Option<&str>| RanOn { host: "app-1".into(), instance_id: instance_id.map(str::to_owned) };
        let codes = |machine: &RanOn| -> Vec<String> {
            let context = Context {
                plan: &plan,
                target: &plan.targets[0],
                credentials: Some(&credentials),
                machine,
                now: Timestamp::UNIX_EPOCH,
            };
            remarks(&context, true).into_iter().map(|finding| finding.code).collect()
        };
        assert_eq!(codes(&here(Some("i-0abc"))), ["EC3015"]);
        assert_eq!(codes(&here(Some("i-0def"))), ["EC3015", "EC3065"]);
        assert_eq!(codes(&here(None)), ["EC3015", "EC3065"]);
    }
}
