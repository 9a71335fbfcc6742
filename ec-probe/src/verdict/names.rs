//! What the system's resolver and the DNS servers say of a name, and what it means when they differ.
//!
//! Endpoints of ElastiCache are public names, also where they lead to private addresses: every resolver can find them, in
//! the VPC and outside, <https://docs.aws.amazon.com/AmazonElastiCache/latest/dg/elasticache-vpc-accessing.html>. So a
//! resolver that knows such a name and gives no address keeps it back.

use std::net::IpAddr;
use std::time::Duration;

use ec_shared::Code;
use ec_shared::document::{Finding, Severity};

use super::{Context, Judgement, finding};
use crate::answer::{DnsFault, Heard, Lookup, Said, Unresolved};
use crate::codes;
use crate::dns::facts::{Names, addresses, shown};
use crate::dns::files::HOSTS;
use crate::dns::message::Rcode;
use crate::endpoint::AwsName;
use crate::ladder::Stage;

/// From when on a server that has said nothing counts as silent: its question has been sent three times by then.
const SILENT: Duration = Duration::from_millis(2500);

/// Why a name has no addresses.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Why {
    /// There is no such name.
    NoSuchName,
    /// There is, without an address.
    NoAddress,
    /// There is, and its addresses are kept back.
    Filtered,
    /// The servers failed, with this code.
    ServersFailed(Rcode),
    /// No server answers.
    ServersSilent,
    /// The system's resolver failed, in its own words.
    Resolver(String),
}

impl Why {
    /// The system's word counts where the servers have none. Where it only says that it failed, they know more.
    fn of(name: &str, unresolved: &Unresolved) -> Self {
        let replies = || unresolved.servers.iter().filter_map(Heard::reply);
        let says = |rcode: Rcode| replies().any(|reply| reply.rcode == rcode);
        let gives_addresses = replies().any(|reply| !reply.addresses.is_empty());
        let empty = || if AwsName::is_endpoint(name) { Self::Filtered } else { Self::NoAddress };
        match &unresolved.fault {
            DnsFault::NoSuchName if says(Rcode::NXDOMAIN) || gives_addresses => Self::NoSuchName,
            DnsFault::Resolver(why) if gives_addresses => Self::Resolver(why.clone()),
            DnsFault::NoAddress if !says(Rcode::NOERROR) => Self::NoAddress,
            _ if says(Rcode::NXDOMAIN) => Self::NoSuchName,
            _ if says(Rcode::NOERROR) => empty(),
            fault => match (fault, replies().next()) {
                (_, Some(reply)) => Self::ServersFailed(reply.rcode),
                (DnsFault::Resolver(_), None) if !unresolved.servers.is_empty() => Self::ServersSilent,
                (DnsFault::Resolver(why), None) => Self::Resolver(why.clone()),
                (DnsFault::NoSuchName, None) => Self::NoSuchName,
                (DnsFault::NoAddress, None) => Self::NoAddress,
            },
        }
    }
}

pub(super) fn unresolved(unresolved: &Unresolved, context: &Context<'_>) -> Judgement {
    let name = context.plan.dialled(context.target).host();
    let (code, words, summary): (&'static Code, String, String) = match Why::of(&name, unresolved) {
        Why::NoSuchName => (&codes::NO_SUCH_NAME, "no such name".into(), format!("there is no name {name}")),
        Why::NoAddress => (&codes::NO_ADDRESS, "no address".into(), format!("{name} has no address")),
        Why::Filtered => {
            let summary =
                format!("{name} exists, and its addresses are kept back, as by resolvers that drop private ones");
            (&codes::ADDRESSES_FILTERED, "addresses kept back".into(), summary)
        }
        Why::ServersFailed(rcode) => {
            (&codes::SERVERS_FAIL, rcode.to_string(), format!("the DNS servers fail at {name}"))
        }
        Why::ServersSilent => {
            (&codes::SERVERS_SILENT, "no DNS server answers".into(), format!("no DNS server answers for {name}"))
        }
        Why::Resolver(why) => (&codes::RESOLVER, why.clone(), format!("the resolver did not answer for {name}: {why}")),
    };
    let summary =
        if unresolved.servers.is_empty() { summary } else { format!("{summary}: {}", all(&unresolved.servers)) };
    let mut finding = finding(code, summary, Stage::Dns, context);
    if let Some(names) = Names::of(&name, &[], &unresolved.servers) {
        finding = finding.evidence("dns", names);
    }
    Judgement::no(words, finding)
}

/// Remarks on a name that the system resolves otherwise than the servers, or that these do not agree about.
pub(crate) fn differences(lookup: &Lookup, context: &Context<'_>) -> Vec<Finding> {
    let remark = |code: &'static Code, severity, summary: String| {
        let finding = Finding::new(code, severity, summary)
            .evidence("endpoint", context.target.endpoint.to_string())
            .evidence("system", &lookup.addresses)
            .fix(code.fix);
        match Names::of(&lookup.name, &lookup.addresses, &lookup.servers) {
            Some(names) => finding.evidence("dns", names),
            None => finding,
        }
    };
    let mut remarks = Vec::new();
    if let Some((heard, severity)) = elsewhere(lookup) {
        let Lookup { name, addresses: system, .. } = lookup;
        let (source, fix) = match lookup.hosts_line {
            Some(line) => (
                format!("as {HOSTS} says, line {line}"),
                Some(format!("check line {line} of {HOSTS}: it hides every change that DNS tells")),
            ),
            None => ("from a cache, or another source of names than DNS".to_owned(), None),
        };
        let summary = format!("the system resolves {name} to {} ({source}), and {}", listed(system), says(heard));
        let finding = remark(&codes::OTHER_ADDRESSES, severity, summary);
        remarks.push(match (lookup.hosts_line, fix) {
            (Some(line), Some(fix)) => finding.evidence("hosts_line", line).fix(fix),
            _ => finding,
        });
    }
    if !are_alike(&lookup.servers) {
        let summary = format!("the DNS servers do not answer alike for {}: {}", lookup.name, all(&lookup.servers));
        remarks.push(remark(&codes::SERVERS_DISAGREE, Severity::Warning, summary));
    }
    remarks
}

/// A server that says otherwise than the system, where none says the same. That DNS does not have a name which the
/// system has is often meant so; a name without a dot is one of a search domain's.
fn elsewhere(lookup: &Lookup) -> Option<(&Heard, Severity)> {
    let replied = || lookup.servers.iter().filter_map(|heard| Some((heard, heard.reply()?)));
    if !lookup.is_disputed() {
        return None;
    }
    if let Some((heard, _)) = replied().find(|(_, reply)| !reply.addresses.is_empty()) {
        return Some((heard, Severity::Warning));
    }
    let unknown = replied().find(|_| lookup.name.contains('.'))?.0;
    replied().all(|(_, reply)| reply.rcode == Rcode::NXDOMAIN).then_some((unknown, Severity::Info))
}

/// Whether it does not matter which of the servers is asked. One that has not had the time to answer is like any other.
fn are_alike(servers: &[Heard]) -> bool {
    let mut replies = servers.iter().filter_map(Heard::reply);
    let Some(first) = replies.next() else { return true };
    let is_like_first = |heard: &Heard| match &heard.said {
        Said::Reply(reply) if first.addresses.is_empty() || reply.addresses.is_empty() => {
            reply.rcode == first.rcode && reply.addresses.is_empty() == first.addresses.is_empty()
        }
        Said::Reply(reply) => reply.addresses.iter().any(|address| first.addresses.contains(address)),
        Said::Failed(_) => false,
        Said::Nothing => heard.took < SILENT,
    };
    servers.iter().all(is_like_first)
}

fn all(servers: &[Heard]) -> String {
    servers.iter().map(says).collect::<Vec<_>>().join(", ")
}

fn says(heard: &Heard) -> String {
    let server = shown(&heard.server);
    match &heard.said {
        Said::Reply(reply) if !reply.addresses.is_empty() => format!("{server} says {}", listed(&reply.addresses)),
        Said::Reply(reply) if reply.rcode == Rcode::NOERROR => format!("{server} gives no address"),
        Said::Reply(reply) => format!("{server} says {}", reply.rcode),
        Said::Failed(why) => format!("{server} cannot be asked ({why})"),
        Said::Nothing => format!("{server} gave no answer in {} ms", heard.took.as_millis()),
    }
}

fn listed(all: &[IpAddr]) -> String {
    match all {
        [] | [_] => addresses(all),
        [first, ..] if all.len() > 3 => format!("{first} and {} more", all.len() - 1),
        _ => all.iter().map(IpAddr::to_string).collect::<Vec<_>>().join(", "),
    }
}

#[cfg(test)]
mod tests;
