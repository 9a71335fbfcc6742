//! `ec-probe self-test`: climbs the ladder to servers in this very process, each with one thing wrong, and compares the
//! verdicts with what they must be. It needs no network but loopback, and shows that the tool works on this machine:
//! that TLS, clock and sockets do, and that nothing on it lets answers through that are none.

mod certificates;
mod servers;

use std::net::{Ipv4Addr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use ec_shared::document::{Document, Engine, Finding, Section, Severity, Status};
use ec_shared::flags::Common;
use ec_shared::output::Output;
use ec_shared::ran_on::RanOn;
use ec_shared::report::{Mark, Report};
use ec_shared::run::{Input, Stage};
use ec_shared::secret::Secret;
use ec_shared::{Exit, Failure, aws};
use jiff::Timestamp;
use rustls::pki_types::ServerName;
use serde::{Deserialize, Serialize};
use tokio::time::Instant;

use crate::climb::Probe;
use crate::codes;
use crate::endpoint::Endpoint;
use crate::login::Credentials;
use crate::plan::{Plan, Wishes};
use crate::reach::millis;
use crate::trust::Trust;
use certificates::Certificates;
use servers::{Kind, PASSWORD, USER};

/// The time for a verdict that need not be waited for.
const PATIENCE: Duration = Duration::from_secs(10);
/// The time for a server of which it is known that it will not answer.
const SILENCE: Duration = Duration::from_millis(300);
/// What stands for a code where the server must be found to answer.
const ANSWERS: &str = "ok";

/// A server, how it is spoken to, and what must come of it.
struct Case {
    name: &'static str,
    server: Kind,
    tls: bool,
    engine: Engine,
    password: Option<&'static str>,
    expected: &'static str,
}

const fn case(name: &'static str, server: Kind, tls: bool, expected: &'static str) -> Case {
    Case { name, server, tls, engine: Engine::Valkey, password: None, expected }
}

const CASES: [Case; 15] = [
    case("a cache in plain text", Kind::Cache, false, ANSWERS),
    case("a cache with TLS", Kind::Good, true, ANSWERS),
    Case { password: Some(PASSWORD), ..case("a log-in", Kind::Good, true, ANSWERS) },
    Case { engine: Engine::Memcached, ..case("Memcached", Kind::Memcached, false, ANSWERS) },
    case("nobody listens", Kind::Nobody, false, "EC3005"),
    Case { password: Some("guessed"), ..case("a wrong password", Kind::Good, true, "EC3012") },
    case("TLS to a cache in plain text", Kind::Cache, true, "EC3020"),
    case("plain text to a cache with TLS", Kind::Good, false, "EC3021"),
    case("a certificate that has expired", Kind::Expired, true, "EC3022"),
    case("a certificate of another name", Kind::OtherName, true, "EC3024"),
    case("a certificate that is self-signed", Kind::SelfSigned, true, "EC3025"),
    case("silence", Kind::Silent, false, "EC3040"),
    case("a web server", Kind::Web, false, "EC3042"),
    case("a reply without end", Kind::Endless, false, "EC3043"),
    case("Memcached, taken for Valkey", Kind::Memcached, false, "EC3045"),
];

/// What came of a case, for the document.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
struct Tried {
    /// What the server was.
    case: String,
    /// The code that must come of it, or `ok`.
    expected: String,
    /// The code that came of it, or `ok`.
    found: String,
    /// How long the probe took.
    ms: f64,
}

impl Tried {
    /// The verdict in words, if it is not the right one.
    fn wrong(&self) -> Option<String> {
        let Self { case, expected, found, .. } = self;
        (found != expected).then(|| format!("{case}: {found} instead of {expected}"))
    }
}

/// Tries every case.
///
/// # Errors
/// If the servers cannot be started, or stdout refuses the answer.
pub(crate) fn run(common: &Common, output: &mut Output) -> Result<Exit, Failure> {
    let mut document = Document::empty();
    document.set("id", &"self-test");
    let runtime = aws::runtime()?;
    let stage = Stage { key: "probe", command: "self-test", report };
    let exit = stage.run(Input::one(document), output, |_, _| {
        let machine = RanOn::here();
        Ok(section(runtime.block_on(all(&machine, common.timeout.unwrap_or(PATIENCE)))?, &machine))
    });
    runtime.shutdown_background();
    exit
}

/// All cases, one after the other: a busy machine must not make one of them late.
async fn all(machine: &RanOn, patience: Duration) -> Result<Vec<Tried>, Failure> {
    let cannot =
        |why: &dyn std::fmt::Display| Failure::new(&codes::SELF_TEST, "cannot start the self-test").because(why);
    let certificates = Certificates::new().map_err(|error| cannot(&error))?;
    let trust = Arc::new(Trust::only(certificates.authority()).map_err(|error| cannot(&error))?);
    let mut tried = Vec::new();
    for case in &CASES {
        let address = servers::start(case.server, &certificates).await.map_err(|error| cannot(&error))?;
        let begun = Instant::now();
        let deadline = begun + if case.server == Kind::Silent { SILENCE } else { patience };
        let findings = probe(case, address, &trust, machine, deadline)?.run().await.findings;
        let error = findings.into_iter().find(|finding| finding.severity == Severity::Error);
        tried.push(Tried {
            case: case.name.to_owned(),
            expected: case.expected.to_owned(),
            found: error.map_or_else(|| ANSWERS.to_owned(), |finding| finding.code),
            ms: millis(begun.elapsed()),
        });
    }
    Ok(tried)
}

fn probe(
    case: &Case,
    address: SocketAddr,
    trust: &Arc<Trust>,
    machine: &RanOn,
    deadline: Instant,
) -> Result<Probe, Failure> {
    let wishes = Wishes {
        endpoint: Endpoint::new(&address.ip().to_string(), address.port()).ok(),
        engine: Some(case.engine),
        tls: Some(case.tls),
        ..Wishes::default()
    };
    let login = |password: &str| Credentials {
        user: Some(USER.to_owned()),
        secret: Secret::new(password.to_owned()),
        iam: false,
    };
    Ok(Probe {
        plan: Plan::new(&Document::empty(), &wishes)?,
        server_names: vec![ServerName::from(std::net::IpAddr::from(Ipv4Addr::LOCALHOST))],
        credentials: case.password.map(login),
        trust: Arc::clone(trust),
        machine: machine.clone(),
        now: Timestamp::now(),
        deadline,
        patient: false,
    })
}

fn section(tried: Vec<Tried>, machine: &RanOn) -> Section {
    let wrong: Vec<String> = tried.iter().filter_map(Tried::wrong).collect();
    let finding = wrong.first().map(|first| {
        let summary = format!("{} of {} verdicts are wrong, such as that on {first}", wrong.len(), tried.len());
        Finding::new(&codes::SELF_TEST, Severity::Error, summary).evidence("wrong", &wrong).fix(codes::SELF_TEST.fix)
    });
    let status = if finding.is_none() { Status::Ok } else { Status::No };
    let mut section = Section::new("self-test", status).fact("ran_on", machine).fact("cases", tried);
    section.findings.extend(finding);
    section
}

/// Fills the report.
fn report(_: &Document, section: &Section, report: &mut Report) {
    report.title("self-test");
    let cases = section.facts.get("cases").cloned().unwrap_or_default();
    for tried in serde_json::from_value::<Vec<Tried>>(cases).unwrap_or_default() {
        let ms = format!("{:.1} ms", tried.ms);
        match tried.wrong() {
            None => report.row(Mark::Yes, [tried.case, tried.found, ms]),
            Some(_) => report.row(Mark::No, [tried.case, format!("{} instead of {}", tried.found, tried.expected), ms]),
        }
    }
    if section.status == Status::Ok {
        report.verdict(Mark::Yes, "ok: every verdict is the right one");
    }
    report.section(section, &[codes::SELF_TEST.id]);
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tried(expected: &str, found: &str) -> Tried {
        Tried { case: "silence".into(), expected: expected.into(), found: found.into(), ms: 1.0 }
    }

    #[test]
    fn a_verdict_that_is_not_the_right_one_is_an_error_with_both() {
        let machine = RanOn { host: "app-1".into(), instance_id: None };
        assert_eq!(section(vec![tried("ok", "ok")], &machine).status, Status::Ok);
        let section = section(vec![tried("ok", "ok"), tried("EC3040", "ok")], &machine);
        assert_eq!((section.status, section.findings.len()), (Status::No, 1));
        assert_eq!(
            section.findings[0].summary,
            "1 of 2 verdicts are wrong, such as that on silence: ok instead of EC3040"
        );
    }

    #[test]
    fn every_code_that_is_expected_is_one_of_ours() {
        for Case { expected, name, .. } in CASES {
            assert!(expected == ANSWERS || codes::TABLE.iter().any(|code| code.id == expected), "{name}: {expected}");
        }
    }
}
