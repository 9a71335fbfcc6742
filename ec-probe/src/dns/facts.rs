//! What DNS says of a name: the facts that stand in the document, and the row of the report.

use std::fmt::Write as _;
use std::net::{IpAddr, SocketAddr};

use serde::{Deserialize, Serialize};

use super::files::PORT;
use super::message::Reply;
use crate::answer::{Heard, Lookup, Said};
use crate::reach::millis;

/// What the DNS servers say of the name that was dialled.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Names {
    /// The name.
    pub name: String,
    /// The names that it is an alias of, in order.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub chain: Vec<String>,
    /// The least time to live of the records that lead to its addresses, in seconds, as of now: a server counts it down.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ttl_s: Option<u32>,
    /// The servers of this machine, in the order in which it asks them.
    pub servers: Vec<Nameserver>,
}

/// What one server says.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Nameserver {
    /// Its address, with the port where it is another than 53.
    pub server: String,
    /// `NOERROR`, `NXDOMAIN`, `SERVFAIL`, `REFUSED` …; none if it has not answered.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub rcode: Option<String>,
    /// The addresses.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub addresses: Vec<IpAddr>,
    /// Why it cannot be asked, where the system tells.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub error: Option<String>,
    /// How long its answer took, or has been waited for.
    pub ms: f64,
}

impl Names {
    /// The facts of a look-up; none where no server was asked.
    pub fn of(name: &str, system: &[IpAddr], servers: &[Heard]) -> Option<Self> {
        let best = agreeing(system, servers).or_else(|| servers.iter().find_map(Heard::reply));
        (!servers.is_empty()).then(|| Self {
            name: name.to_owned(),
            chain: best.map(|reply| reply.chain.clone()).unwrap_or_default(),
            ttl_s: best.and_then(|reply| reply.ttl_s),
            servers: servers.iter().map(Nameserver::of).collect(),
        })
    }
}

impl Nameserver {
    fn of(heard: &Heard) -> Self {
        let reply = heard.reply();
        Self {
            server: shown(&heard.server),
            rcode: reply.map(|reply| reply.rcode.to_string()),
            addresses: reply.map(|reply| reply.addresses.clone()).unwrap_or_default(),
            error: if let Said::Failed(error) = &heard.said { Some(error.clone()) } else { None },
            ms: millis(heard.took),
        }
    }
}

/// A look-up in a few words: `3 addresses, CNAME orders-001.example, TTL 15 s`. Where the system has its addresses from
/// elsewhere, alias and time are not theirs.
pub fn summary(lookup: &Lookup) -> String {
    let mut words = addresses(&lookup.addresses);
    if let Some(reply) = agreeing(&lookup.addresses, &lookup.servers) {
        if let Some(alias) = reply.chain.last() {
            let _ = write!(words, ", CNAME {alias}");
        }
        if let Some(ttl_s) = reply.ttl_s {
            let _ = write!(words, ", TTL {ttl_s} s");
        }
    }
    words
}

/// Addresses in a few words.
pub fn addresses(addresses: &[IpAddr]) -> String {
    match addresses {
        [address] => address.to_string(),
        _ => format!("{} addresses", addresses.len()),
    }
}

/// The address of a server, as resolv.conf has it.
pub fn shown(server: &SocketAddr) -> String {
    match server {
        SocketAddr::V6(v6) if v6.port() == PORT && v6.scope_id() != 0 => format!("{}%{}", v6.ip(), v6.scope_id()),
        _ if server.port() == PORT => server.ip().to_string(),
        _ => server.to_string(),
    }
}

/// The first reply that has an address that the system has.
fn agreeing<'a>(system: &[IpAddr], servers: &'a [Heard]) -> Option<&'a Reply> {
    let mut replies = servers.iter().filter_map(Heard::reply);
    replies.find(|reply| reply.addresses.iter().any(|address| system.contains(address)))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::answer::tests::{addresses as parsed, heard, silent};

    fn lookup(system: &[&str], servers: Vec<Heard>) -> Lookup {
        Lookup { name: "orders.example".into(), addresses: parsed(system), hosts_line: None, servers }
    }

    #[test]
    fn the_row_tells_alias_and_time_where_they_are_the_addresses_own() {
        let servers = || vec![silent(1), heard(2, 0, &["10.0.0.1", "10.0.0.2"])];
        let row = |system: &[&str]| summary(&lookup(system, servers()));
        assert_eq!(row(&["10.0.0.2", "10.0.0.1"]), "2 addresses, CNAME orders-001.example, TTL 15 s");
        assert_eq!(row(&["10.0.0.1"]), "10.0.0.1, CNAME orders-001.example, TTL 15 s");
        assert_eq!(row(&["127.0.0.1"]), "127.0.0.1");
        assert_eq!(summary(&lookup(&["10.0.0.1", "10.0.0.2"], vec![])), "2 addresses");
    }

    #[test]
    fn the_facts_name_every_server_that_was_asked() {
        assert_eq!(Names::of("orders.example", &[], &[]), None);
        let servers = [silent(1), heard(2, 0, &["10.0.0.1"])];
        let names = Names::of("orders.example", &parsed(&["10.0.0.1"]), &servers).unwrap();
        assert_eq!((names.chain, names.ttl_s), (vec!["orders-001.example".to_owned()], Some(15)));
        let told: Vec<(&str, Option<&str>)> =
            names.servers.iter().map(|server| (server.server.as_str(), server.rcode.as_deref())).collect();
        assert_eq!(told, [("10.9.0.1", None), ("10.9.0.2", Some("NOERROR"))]);
    }

    #[test]
    fn servers_are_written_as_in_resolv_conf() {
        let shown = |text: &str| shown(&text.parse().unwrap());
        assert_eq!(shown("10.0.0.2:53"), "10.0.0.2");
        assert_eq!(shown("10.0.0.2:5353"), "10.0.0.2:5353");
        assert_eq!(shown("[fd00:ec2::253]:53"), "fd00:ec2::253");
        assert_eq!(shown("[fe80::1%2]:53"), "fe80::1%2");
    }
}
