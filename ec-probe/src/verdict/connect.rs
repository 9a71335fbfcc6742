//! What the answers of TCP and of TLS mean.

use std::net::IpAddr;

use ec_shared::Code;
use ec_shared::document::{Finding, Severity};

use super::{Context, Judgement, caused, finding, outside};
use crate::answer::{CertificateFault, Dial, DialOutcome, Session};
use crate::certificate::Certificate;
use crate::codes;
use crate::endpoint::AwsName;
use crate::ladder::Stage;
use crate::tls::TLS_1_3;
use crate::upstream::{Cause, Silence};
use crate::way::Way;

pub(super) fn dials(dials: &[Dial], context: &Context<'_>) -> Judgement {
    let (connected, failed): (Vec<&Dial>, Vec<&Dial>) =
        dials.iter().partition(|dial| dial.outcome == DialOutcome::Connected);
    let shown = |dials: &[&Dial]| -> Vec<String> {
        dials.iter().map(|dial| format!("{} {}", dial.address.ip(), words(&dial.outcome))).collect()
    };
    let Some(first) = connected.first() else { return nobody(&failed, &shown(&failed), context) };
    let place = match &context.plan.way {
        Way::Elsewhere(end) => format!("through {end}"),
        Way::Direct | Way::Relayed(_) => first.address.ip().to_string(),
    };
    if failed.is_empty() {
        return Judgement::ok(place);
    }
    let summary = format!("{} of {} addresses answer", connected.len(), dials.len());
    let finding = Finding::new(&codes::SOME_ADDRESSES, Severity::Warning, format!("only {summary}"))
        .evidence("endpoint", context.target.endpoint.to_string())
        .evidence("failed", shown(&failed))
        .fix(codes::SOME_ADDRESSES.fix);
    Judgement { finding: Some(finding), ..Judgement::ok(format!("{place} ({summary})")) }
}

/// No address took the connection. Silence tells the most about the network, so it names the finding if there is any.
fn nobody(failed: &[&Dial], shown: &[String], context: &Context<'_>) -> Judgement {
    let any = |outcome: &DialOutcome| failed.iter().any(|dial| dial.outcome == *outcome);
    let dialled = context.plan.dialled(context.target);
    let (code, summary, fix) = if any(&DialOutcome::TimedOut) {
        let summary = format!("{dialled} does not answer; it looks like a security group or network ACL");
        (&codes::TCP_TIMEOUT, summary, Some(check_groups(context)))
    } else if any(&DialOutcome::Refused) {
        let tunnel = context.plan.way.through().map(|end| format!("check that the tunnel at {end} is up"));
        (&codes::TCP_REFUSED, format!("{dialled} refuses the connection"), tunnel)
    } else {
        (&codes::TCP_UNREACHABLE, format!("there is no way to {dialled}"), None)
    };
    let cause = silence(failed, context).or_else(|| outside::cause(failed, context));
    let finding = match (cause, fix) {
        (Some(cause), _) => caused(cause, Stage::Tcp, context),
        (None, Some(fix)) => finding(code, summary, Stage::Tcp, context).fix(fix),
        (None, None) => finding(code, summary, Stage::Tcp, context),
    };
    let finding = finding.evidence("failed", shown);
    let words = match shown {
        [one] => one.clone(),
        _ => format!("none of {} addresses answers", shown.len()),
    };
    Judgement::no(words, finding)
}

/// Why nobody answered, if the document knows the path. Through a tunnel the packets take another one.
fn silence(failed: &[&Dial], context: &Context<'_>) -> Option<Cause> {
    let silent = failed.iter().filter(|dial| dial.outcome == DialOutcome::TimedOut);
    let addresses: Vec<IpAddr> = silent.map(|dial| dial.address.ip()).collect();
    if addresses.is_empty() || !context.plan.way.is_direct() {
        return None;
    }
    let dialled = &context.target.endpoint;
    context.plan.upstream.silence(&Silence { dialled, addresses: &addresses, machine: context.machine })
}

fn check_groups(context: &Context<'_>) -> String {
    let cache = context.plan.cache.as_deref().unwrap_or("NAME");
    let client = context.plan.client.as_ref().and_then(|client| client.instance_id.as_deref());
    let client = client.or(context.machine.instance_id.as_deref()).unwrap_or("i-…");
    format!("ec-sg check --cache {cache} --from {client}   names the rule that is missing")
}

fn words(outcome: &DialOutcome) -> &str {
    match outcome {
        DialOutcome::Connected => "connected",
        DialOutcome::Refused => "refused",
        DialOutcome::TimedOut => "no answer",
        DialOutcome::Unreachable(why) => why,
    }
}

pub(super) fn session(session: &Session, certificate: Option<&Certificate>, context: &Context<'_>) -> Judgement {
    let judgement = Judgement::ok(match certificate {
        Some(certificate) => {
            format!("{}, name matches, {} days left", session.version, certificate.days_left(context.now))
        }
        None => session.version.to_owned(),
    });
    let name = context.plan.server_name(context.target);
    if session.version == TLS_1_3 || !AwsName::is_public(&name) {
        return judgement;
    }
    let summary = format!("{name} is a public endpoint, which speaks {TLS_1_3} alone, and this is {}", session.version);
    let finding = Finding::new(&codes::PUBLIC_TLS, Severity::Warning, summary)
        .evidence("endpoint", context.target.endpoint.to_string())
        .evidence("version", session.version)
        .evidence("issuer", certificate.map(|certificate| &certificate.issuer))
        .fix(codes::PUBLIC_TLS.fix);
    Judgement { finding: Some(finding), ..judgement }
}

pub(super) fn certificate(
    fault: &CertificateFault,
    certificate: Option<&Certificate>,
    context: &Context<'_>,
) -> Judgement {
    let name = context.plan.server_name(context.target);
    let said = |tell: fn(&Certificate) -> String| certificate.map(tell).unwrap_or_default();
    let (code, words, summary): (&'static Code, &str, String) = match fault {
        CertificateFault::Expired => {
            let end = said(|certificate| certificate.not_after.to_string());
            (&codes::CERTIFICATE_EXPIRED, "certificate expired", format!("the certificate of {name} expired on {end}"))
        }
        CertificateFault::NotYetValid => {
            let start = said(|certificate| certificate.not_before.to_string());
            let summary = format!("the certificate of {name} is not valid before {start}");
            (&codes::CERTIFICATE_NOT_YET_VALID, "certificate not valid yet", summary)
        }
        CertificateFault::Name => {
            let names = said(|certificate| certificate.names.join(", "));
            let names = if names.is_empty() { "no name at all".to_owned() } else { names };
            let summary = format!("the certificate is for {names}, not for {name}");
            (&codes::CERTIFICATE_NAME, "certificate for another name", summary)
        }
        CertificateFault::SelfSigned => {
            let summary = format!("the certificate of {name} is self-signed");
            (&codes::CERTIFICATE_SELF_SIGNED, "certificate self-signed", summary)
        }
        CertificateFault::UnknownAuthority => {
            let issuer = said(|certificate| certificate.issuer.clone());
            let summary = format!("the certificate of {name} is signed by \"{issuer}\", which is not trusted here");
            (&codes::CERTIFICATE_UNKNOWN_AUTHORITY, "unknown authority", summary)
        }
        CertificateFault::Signature => {
            let issuer = said(|certificate| certificate.issuer.clone());
            let summary = format!(
                "the certificate of {name} is signed by \"{issuer}\", but not with the key that is trusted here"
            );
            (&codes::CERTIFICATE_SIGNATURE, "certificate signed with another key", summary)
        }
        CertificateFault::OfAuthority => {
            let summary = format!("the certificate of {name} is an authority's, and may not be a server's");
            (&codes::CERTIFICATE_OF_AUTHORITY, "certificate of an authority", summary)
        }
        CertificateFault::Purpose => {
            let summary = format!("the certificate of {name} is not for a server");
            (&codes::CERTIFICATE_PURPOSE, "certificate for something else", summary)
        }
        CertificateFault::CommonName => {
            let summary = format!("the certificate has {name} only as its common name, which does not count");
            (&codes::CERTIFICATE_COMMON_NAME, "name only as common name", summary)
        }
        CertificateFault::Algorithm => {
            let summary = format!("the certificate of {name} is signed with an algorithm that is no longer accepted");
            (&codes::CERTIFICATE_ALGORITHM, "signature algorithm not accepted", summary)
        }
        CertificateFault::Other(why) => {
            let summary = format!("the certificate of {name} does not hold: {why}");
            (&codes::CERTIFICATE_BAD, "certificate does not hold", summary)
        }
    };
    let mut finding = finding(code, summary, Stage::Tls, context);
    if let Some(certificate) = certificate {
        finding = finding
            .evidence("subject", &certificate.subject)
            .evidence("names", &certificate.names)
            .evidence("issuer", &certificate.issuer)
            .evidence("shown_with_it", &certificate.above)
            .evidence("not_before", certificate.not_before.to_string())
            .evidence("not_after", certificate.not_after.to_string())
            .evidence("now", context.now.to_string());
        if *fault == CertificateFault::NotYetValid {
            // A clock is at least that far behind, if it is the clock.
            let seconds = certificate.not_before.duration_since(context.now).as_secs();
            finding = finding.evidence("clock_behind_s", seconds);
        }
    }
    Judgement::no(words, finding)
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use ec_shared::document::Engine;

    use ec_shared::ran_on::RanOn;

    use super::super::tests::{code, judged};
    use super::session as session_of;
    use super::*;
    use crate::answer::{Answer, Fault};
    use crate::endpoint::Endpoint;
    use crate::ladder::Outcome;
    use crate::plan::Plan;

    fn dialled(outcomes: &[DialOutcome]) -> Judgement {
        let dial = |(index, outcome): (usize, &DialOutcome)| Dial {
            address: format!("203.0.113.{index}:6379").parse().unwrap(),
            took: Some(Duration::from_millis(1)),
            outcome: outcome.clone(),
        };
        let dials = outcomes.iter().enumerate().map(dial).collect();
        judged(Engine::Valkey, Stage::Tcp, &Answer::Dials(dials))
    }

    #[test]
    fn silence_looks_like_a_security_group_and_names_the_command_that_checks() {
        let judgement = dialled(&[DialOutcome::Refused, DialOutcome::TimedOut]);
        assert_eq!(code(&judgement), "EC3004");
        assert_eq!(judgement.summary, "none of 2 addresses answers");
        assert!(judgement.finding.unwrap().fix.unwrap().starts_with("ec-sg check --cache NAME --from i-…"));
    }

    #[test]
    fn refused_and_unreachable_are_told_apart() {
        assert_eq!(code(&dialled(&[DialOutcome::Refused])), "EC3005");
        assert_eq!(code(&dialled(&[DialOutcome::Unreachable("no route".into())])), "EC3006");
    }

    #[test]
    fn one_dead_address_among_others_is_a_warning() {
        let judgement = dialled(&[DialOutcome::TimedOut, DialOutcome::Connected]);
        assert_eq!((judgement.outcome, code(&judgement)), (Outcome::Ok, "EC3007"));
        assert_eq!(judgement.summary, "203.0.113.1 (1 of 2 addresses answer)");
    }

    #[test]
    fn an_older_version_at_a_public_endpoint_is_a_warning() {
        let judged = |host: &str, version| {
            let mut plan = Plan::for_tests(Engine::Valkey, true);
            plan.targets[0].endpoint = Endpoint::new(host, 6379).unwrap();
            let machine = RanOn { host: "app-1".into(), instance_id: None };
            let now = "2026-02-01T00:00:00Z".parse().unwrap();
            let context = Context { plan: &plan, target: &plan.targets[0], credentials: None, machine: &machine, now };
            let session = Session { version, cipher: String::new() };
            let judgement = session_of(&session, None, &context);
            (judgement.outcome, code(&judgement).to_owned())
        };
        let (public, private) =
            ("orders-x1.public.serverless.use1.cache.amazonaws.com", "orders-x1.serverless.use1.cache.amazonaws.com");
        assert_eq!(judged(public, "TLS 1.2"), (Outcome::Ok, "EC3032".to_owned()));
        assert_eq!(judged(public, TLS_1_3), (Outcome::Ok, String::new()));
        assert_eq!(judged(private, "TLS 1.2"), (Outcome::Ok, String::new()));
    }

    #[test]
    fn a_bad_certificate_shows_what_it_says() {
        let certificate = Certificate {
            subject: "CN=cache".into(),
            issuer: "CN=somebody".into(),
            names: vec!["*.other.example".into()],
            above: vec![],
            is_authority: false,
            not_before: "2026-01-01T00:00:00Z".parse().unwrap(),
            not_after: "2026-01-31T00:00:00Z".parse().unwrap(),
        };
        let judged = |fault| {
            let answer = Answer::Handshake(Err(Fault::Certificate(fault)), Some(certificate.clone()));
            judged(Engine::Valkey, Stage::Tls, &answer)
        };
        for (fault, expected, summary) in [
            (CertificateFault::Expired, "EC3022", "the certificate of orders.example expired on 2026-01-31T00:00:00Z"),
            (
                CertificateFault::NotYetValid,
                "EC3023",
                "the certificate of orders.example is not valid before 2026-01-01T00:00:00Z",
            ),
            (CertificateFault::Name, "EC3024", "the certificate is for *.other.example, not for orders.example"),
            (CertificateFault::SelfSigned, "EC3025", "the certificate of orders.example is self-signed"),
            (
                CertificateFault::UnknownAuthority,
                "EC3026",
                "the certificate of orders.example is signed by \"CN=somebody\", which is not trusted here",
            ),
            (
                CertificateFault::Signature,
                "EC3033",
                "the certificate of orders.example is signed by \"CN=somebody\", but not with the key that is trusted here",
            ),
            (
                CertificateFault::OfAuthority,
                "EC3034",
                "the certificate of orders.example is an authority's, and may not be a server's",
            ),
            (CertificateFault::Purpose, "EC3035", "the certificate of orders.example is not for a server"),
            (
                CertificateFault::CommonName,
                "EC3036",
                "the certificate has orders.example only as its common name, which does not count",
            ),
            (
                CertificateFault::Algorithm,
                "EC3037",
                "the certificate of orders.example is signed with an algorithm that is no longer accepted",
            ),
            (CertificateFault::Other("odd".into()), "EC3027", "the certificate of orders.example does not hold: odd"),
        ] {
            let judgement = judged(fault);
            assert_eq!((judgement.outcome, code(&judgement)), (Outcome::No, expected));
            let finding = judgement.finding.unwrap();
            assert_eq!(finding.summary, summary);
            assert_eq!(finding.evidence["names"][0], "*.other.example");
        }
    }
}
