//! What it means that somebody else connects in this machine's place, and cannot.
//!
//! Sources: the replies of RFC 1928, section 6, <https://www.rfc-editor.org/rfc/rfc1928>; what OpenSSH says on stderr,
//! <https://github.com/openssh/openssh-portable>: `channels.c`, `sshconnect.c`, `clientloop.c`.

use std::process::ExitStatus;

use ec_shared::Code;

use super::{Context, Judgement, finding};
use crate::answer::RelayFault;
use crate::codes;
use crate::ladder::Stage;
use crate::way::{Relay, Way};

/// The relay has taken the connection. Of a command, more is not known yet.
pub(super) fn opened(context: &Context<'_>) -> Judgement {
    let through = context.plan.way.through().unwrap_or_default();
    Judgement::ok(match context.plan.way.relay() {
        Some(Relay::Command(_)) => format!("through {through}, whose own time is in the next row"),
        _ => format!("through {through}"),
    })
}

const PORT: &str = "check host and port, and that the cache is available";
const RULES: &str = "allow the connection in the rules of the proxy";

/// Why there is no connection.
pub(super) fn fault(fault: &RelayFault, context: &Context<'_>) -> Judgement {
    let (endpoint, through) = (&context.target.endpoint, context.plan.way.through().unwrap_or_default());
    let no = |code: &'static Code, words: &str, summary: String| {
        let mut finding = finding(code, summary, Stage::Tcp, context);
        if let Some(cache) = context.plan.cache.as_ref().filter(|_| code == &codes::BEHIND_RELAY) {
            finding = finding
                .fix(format!("ec-sg check --cache {cache} --from i-… (the bastion)   names the rule that is missing"));
        }
        Judgement::no(format!("through {through}: {words}"), finding)
    };
    match fault {
        RelayFault::Down(why) => no(&codes::PROXY_DOWN, why, format!("{through} cannot be reached: {why}")),
        RelayFault::NotStarted(why) => no(&codes::PROXY_COMMAND, why, format!("{through} gives no connection: {why}")),
        RelayFault::NotSocks5 { said } => {
            let what =
                if said.is_empty() { "it answers the greeting with nothing" } else { "it speaks something else" };
            let judgement = no(&codes::NOT_SOCKS5, "not SOCKS5", format!("{through} does not speak SOCKS5: {what}"));
            let said = said.escape_ascii().to_string();
            if said.is_empty() { judgement } else { with(judgement, "said", said) }
        }
        RelayFault::LogIn => no(&codes::PROXY_LOG_IN, "wants a log-in", format!("{through} wants a log-in")),
        RelayFault::Refused(reply) => {
            let reason = reason(*reply);
            let summary = format!("{through} cannot connect to {endpoint}: {reason}");
            let judgement = with(no(&codes::BEHIND_RELAY, reason, summary), "reply", *reply);
            match reply {
                2 => fixed(judgement, RULES),
                5 => fixed(judgement, PORT),
                _ => judgement,
            }
        }
        RelayFault::HungUp => {
            let summary = format!(
                "{through} hung up instead of connecting to {endpoint}: ssh -D does that when the bastion cannot connect, \
                 and tells why on its stderr"
            );
            no(&codes::BEHIND_RELAY, "hung up instead of connecting", summary)
        }
        RelayFault::Undecided => {
            let summary =
                format!("{through} did not come through to {endpoint} in time; it looks like a security group");
            no(&codes::BEHIND_RELAY, "no answer from behind it", summary)
        }
        RelayFault::Ended { status, said } => {
            let (code, words, fix) = complaint(*status, said);
            let judgement = no(code, &words, format!("no connection to {endpoint} through {through}: {words}"));
            let judgement = with(overheard(judgement, said), "ended", status.to_string());
            match fix {
                Some(fix) => fixed(judgement, fix),
                None => judgement,
            }
        }
        RelayFault::Mute { said } => {
            let words = "no byte came through in time";
            let summary = format!(
                "no byte of {endpoint} came through {through} in time: it has not connected, or the server is silent"
            );
            overheard(no(&codes::PROXY_COMMAND, words, summary), said)
        }
    }
}

/// A connection that was taken at this end of a tunnel, or by a proxy that does not wait for its own. Where it ends or stays
/// silent, the other end may be the cause.
pub(super) fn at_the_end(judgement: Judgement, context: &Context<'_>) -> Judgement {
    let from = match &context.plan.way {
        Way::Direct | Way::Relayed(Relay::Command(_)) => return judgement,
        Way::Elsewhere(end) => format!("tunnel at {end}"),
        Way::Relayed(Relay::Socks5(proxy)) => format!("proxy at {proxy}"),
    };
    let before = judgement.finding.as_ref().and_then(|finding| finding.fix.clone()).unwrap_or_default();
    fixed(judgement, &format!("look at what the {from} says: it may not reach the cache. {before}"))
}

/// Which reply of RFC 1928 it is.
fn reason(reply: u8) -> &'static str {
    match reply {
        1 => "it failed, and it does not say why",
        2 => "its rules do not allow it",
        3 => "it has no route to the network",
        4 => "it does not reach the host, or cannot resolve its name",
        5 => "the host refuses the connection",
        6 => "the packets went astray, or nobody answered it in time",
        7 => "it makes no connections of TCP",
        8 => "it does not know this kind of address",
        _ => "it gives a reason that RFC 1928 does not know",
    }
}

/// What a command that gave no connection complains of, and what to do about it if that is known.
fn complaint(status: ExitStatus, said: &str) -> (&'static Code, String, Option<&'static str>) {
    let known = KNOWN.iter().find(|(all, ..)| all.iter().all(|words| said.contains(words)));
    // What the AWS CLI says stands above what ssh makes of its end.
    let by_aws =
        said.lines().find(|line| line.contains("An error occurred (") || line.contains("SessionManagerPlugin"));
    if let Some((_, code, words, fix)) = known {
        (*code, (*words).to_owned(), *fix)
    } else if status.success() {
        let words = "the command ended before a byte came; it found nothing wrong, so the server may have hung up";
        (&codes::PROXY_COMMAND, words.to_owned(), None)
    } else {
        let words = by_aws.or(said.lines().last()).map(|line| line.chars().take(LINE).collect());
        let words = words.unwrap_or_else(|| format!("the command ended before a byte came ({status})"));
        (&codes::PROXY_COMMAND, words, None)
    }
}

/// What stderr must hold, what it means, and what to do about it; the first that fits. `open failed` is what OpenSSH's other
/// side reports; the rest, what ssh does not get over itself.
type Known = (&'static [&'static str], &'static Code, &'static str, Option<&'static str>);
static KNOWN: &[Known] = &[
    (&["administratively prohibited"], &codes::BEHIND_RELAY, "the bastion does not allow it", Some(FORWARDING)),
    (&["open failed: ", "ame or service not known"], &codes::BEHIND_RELAY, NO_NAME, Some(NAME)),
    (&["open failed: ", "name resolution"], &codes::BEHIND_RELAY, NO_NAME, Some(NAME)),
    (
        &["open failed: ", "onnection refused"],
        &codes::BEHIND_RELAY,
        "the cache refuses the bastion's connection",
        Some(PORT),
    ),
    (&["open failed: ", "timed out"], &codes::BEHIND_RELAY, "the cache does not answer the bastion", None),
    (&["open failed: "], &codes::BEHIND_RELAY, "the bastion cannot connect to the cache", None),
    // Another ssh, whose connection this one shares, has been told why.
    (&["Stdio forwarding request failed"], &codes::BEHIND_RELAY, "the bastion cannot connect to the cache", None),
    (&["Could not resolve hostname"], &codes::PROXY_COMMAND, "ssh cannot resolve the bastion's name", Some(BASTION)),
    (&["Host key verification failed"], &codes::PROXY_COMMAND, "ssh does not trust the bastion's host key", Some(KEY)),
    (&["Permission denied ("], &codes::PROXY_COMMAND, "the bastion refuses the log-in", Some(LOG_IN)),
    (&["ssh: connect to host"], &codes::PROXY_COMMAND, "ssh does not reach the bastion", Some(BASTION)),
];
/// How much of a line fits a report.
const LINE: usize = 200;
const NO_NAME: &str = "the bastion cannot resolve the name";
const FORWARDING: &str =
    "allow it in the bastion's sshd_config (AllowTcpForwarding, PermitOpen), and for the key in authorized_keys";
const NAME: &str = "check the endpoint's name, and the resolver of the bastion: it must be the VPC's";
const BASTION: &str = "check the bastion's name and port, and that it is up";
const KEY: &str = "check the bastion's host key, and put it into known_hosts: ssh-keyscan BASTION shows it";
const LOG_IN: &str = "check user and key: ssh must log in without asking, as ssh -o BatchMode=yes BASTION true shows";

/// Adds what the command said.
fn overheard(judgement: Judgement, said: &str) -> Judgement {
    if said.is_empty() { judgement } else { with(judgement, "stderr", said) }
}

fn with(mut judgement: Judgement, name: &str, value: impl serde::Serialize) -> Judgement {
    judgement.finding = judgement.finding.map(|finding| finding.evidence(name, value));
    judgement
}

fn fixed(mut judgement: Judgement, fix: &str) -> Judgement {
    judgement.finding = judgement.finding.map(|finding| finding.fix(fix));
    judgement
}

#[cfg(test)]
mod tests {
    use std::os::unix::process::ExitStatusExt;

    use super::*;

    fn complained(code: i32, said: &str) -> (&'static str, String) {
        let (code, words, _) = complaint(ExitStatus::from_raw(code << 8), said);
        (code.id, words)
    }

    #[test]
    fn what_the_bastion_reports_is_told_from_what_ssh_does_not_get_over_itself() {
        for (said, code, words) in [
            (
                "channel 0: open failed: administratively prohibited: open failed\nstdio forwarding failed",
                "EC3077",
                "the bastion does not allow it",
            ),
            (
                "channel 0: open failed: connect failed: Connection refused\nstdio forwarding failed",
                "EC3077",
                "the cache refuses the bastion's connection",
            ),
            (
                "channel 0: open failed: connect failed: Connection timed out\nstdio forwarding failed",
                "EC3077",
                "the cache does not answer the bastion",
            ),
            (
                "channel 0: open failed: connect failed: Name or service not known\nstdio forwarding failed",
                "EC3077",
                "the bastion cannot resolve the name",
            ),
            (
                "channel 0: open failed: connect failed: No route to host\nstdio forwarding failed",
                "EC3077",
                "the bastion cannot connect to the cache",
            ),
            (
                "ssh: Could not resolve hostname bastion: Name or service not known",
                "EC3019",
                "ssh cannot resolve the bastion's name",
            ),
            (
                "No ED25519 host key is known for bastion and you have requested strict checking.\nHost key verification failed.",
                "EC3019",
                "ssh does not trust the bastion's host key",
            ),
            ("app@bastion: Permission denied (publickey).", "EC3019", "the bastion refuses the log-in"),
            ("ssh: connect to host bastion port 22: Connection refused", "EC3019", "ssh does not reach the bastion"),
            ("ssh: connect to host bastion port 22: Connection timed out", "EC3019", "ssh does not reach the bastion"),
            (
                "kex_exchange_identification: read: Connection reset",
                "EC3019",
                "kex_exchange_identification: read: Connection reset",
            ),
        ] {
            assert_eq!(complained(255, said), (code, words.to_owned()));
        }
    }

    #[test]
    fn a_command_that_says_nothing_is_known_by_how_it_ended() {
        assert_eq!(complained(1, ""), ("EC3019", "the command ended before a byte came (exit status: 1)".to_owned()));
        assert!(complained(0, "Warning: Permanently added").1.ends_with("so the server may have hung up"));
    }

    #[test]
    fn every_reply_of_rfc_1928_has_its_words() {
        let mut reasons: Vec<&str> = (1..=9).map(reason).collect();
        reasons.dedup();
        assert_eq!(reasons.len(), 9);
        assert_eq!(reason(0xff), reason(9));
    }
}
