//! Auto discovery of Memcached: the nodes of an ElastiCache cluster, as any of them tells. A configuration is understood
//! as a whole or not at all.
//!
//! Source: <https://docs.aws.amazon.com/AmazonElastiCache/latest/dg/AutoDiscovery.AddingToYourClientLibrary.html>

use std::net::IpAddr;

use serde::{Deserialize, Serialize};

use crate::endpoint::Endpoint;
use crate::memcached::Reply;

/// How the question is put from 1.4.14 on.
const CONFIG: &str = "config get cluster";
/// How it is put before, to an item that is the server's own.
const ITEM: &str = "get AmazonElastiCache:cluster";
/// The most nodes of a configuration; ElastiCache takes 60 of a cluster.
const MOST: usize = 1000;

/// What a server tells of its cluster.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Configuration {
    /// Grows by one with each change of the membership.
    pub version: u64,
    /// In the order of the reply.
    pub nodes: Vec<Told>,
}

/// A node that is told.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Told {
    /// Where it is by name.
    pub endpoint: Endpoint,
    /// Its address, where it is told.
    pub ip: Option<IpAddr>,
}

/// What the document gets to see of a configuration, beside the nodes.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Facts {
    /// Grows by one with each change of the membership.
    pub version: u64,
    /// How many nodes there are.
    pub nodes: usize,
}

/// What came of the question.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Discovery {
    /// A cluster.
    Cluster(Configuration),
    /// A server that knows of no auto discovery.
    None,
    /// An answer that is no configuration.
    Odd,
}

/// How to put the question to a server of this version, and how to put it next if that is an error.
pub fn questions(version: Option<&str>) -> (&'static str, Option<&'static str>) {
    let number = |version: &str| -> Vec<u32> { version.split('.').map_while(|part| part.parse().ok()).collect() };
    match version.map(number) {
        Some(number) if number.len() < 3 => (CONFIG, Some(ITEM)),
        Some(number) if number < vec![1, 4, 14] => (ITEM, None),
        Some(_) => (CONFIG, None),
        None => (CONFIG, Some(ITEM)),
    }
}

/// Reads the answer to either form.
pub fn read(reply: &Reply) -> Discovery {
    match reply {
        Reply::Item(payload) => configuration(payload).map_or(Discovery::Odd, Discovery::Cluster),
        // A stock server does not know the command, and has no such item.
        Reply::Error(_) => Discovery::None,
        Reply::Stats(stats) if stats.is_empty() => Discovery::None,
        _ => Discovery::Odd,
    }
}

/// A line with the version, and one with the nodes: `host|ip|port`, by blanks.
fn configuration(payload: &[u8]) -> Option<Configuration> {
    let text = std::str::from_utf8(payload).ok()?;
    let (version, rest) = text.split_once('\n')?;
    let nodes = rest.strip_suffix('\n').unwrap_or(rest);
    let is_number = !version.is_empty() && version.bytes().all(|byte| byte.is_ascii_digit());
    if !is_number || nodes.contains(['\n', '\r']) || nodes.split(' ').count() > MOST {
        return None;
    }
    Some(Configuration {
        version: version.parse().ok()?,
        nodes: nodes.split(' ').map(told).collect::<Option<Vec<Told>>>()?,
    })
}

fn told(node: &str) -> Option<Told> {
    let parts: Vec<&str> = node.split('|').collect();
    let [host, ip, port] = parts[..] else { return None };
    let ip = if ip.is_empty() { None } else { Some(ip.parse().ok()?) };
    Some(Told { endpoint: Endpoint::new(host, port.parse().ok()?).ok()?, ip })
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::memcached;

    const PAYLOAD: &str = "12\nmyCluster.pc4ldq.0001.use1.cache.amazonaws.com|10.82.235.120|11211 \
                           myCluster.pc4ldq.0002.use1.cache.amazonaws.com|10.80.249.27|11211\n";

    fn told_by(bytes: &str) -> Discovery {
        read(&memcached::reply(bytes.as_bytes()).unwrap().unwrap())
    }

    #[test]
    fn both_documented_forms_are_read() {
        assert_eq!(PAYLOAD.len(), 136);
        for head in ["CONFIG cluster", "VALUE AmazonElastiCache:cluster"] {
            let Discovery::Cluster(cluster) = told_by(&format!("{head} 0 136\r\n{PAYLOAD}\r\nEND\r\n")) else {
                panic!("{head}")
            };
            assert_eq!((cluster.version, cluster.nodes.len()), (12, 2));
            let second = &cluster.nodes[1];
            assert_eq!(second.endpoint.to_string(), "mycluster.pc4ldq.0002.use1.cache.amazonaws.com:11211");
            assert_eq!(second.ip, Some([10, 80, 249, 27].into()));
        }
    }

    #[test]
    fn the_address_may_be_left_out_but_its_place_not() {
        let node = |text: &str| configuration(format!("1\n{text}\n").as_bytes());
        assert_eq!(node("a.example||11211").unwrap().nodes[0].ip, None);
        for odd in [
            "",
            "a.example|11211",
            "a.example|10.0.0.1|11211|x",
            "a.example|nonsense|11211",
            "a.example||0",
            "a.example||70000",
            "a example||11211",
            "a.example||11211  b.example||11211",
            "a.example||11211\nb.example||11211",
            "||11211",
            "\u{1b}[31m||11211",
        ] {
            assert_eq!(node(odd), None, "{odd:?}");
        }
        for odd in ["", "1", "-1\na||1\n", "+1\na||1\n", "\na||1\n", "99999999999999999999999\na||1\n"] {
            assert_eq!(configuration(odd.as_bytes()), None, "{odd:?}");
        }
        assert_eq!(configuration(format!("1\n{}", "a||1 ".repeat(2000).trim_end()).as_bytes()), None, "too many");
    }

    #[test]
    fn a_stock_server_knows_nothing_of_it() {
        assert_eq!(told_by("ERROR\r\n"), Discovery::None);
        assert_eq!(told_by("END\r\n"), Discovery::None);
        assert_eq!(told_by("STAT a 1\r\nEND\r\n"), Discovery::Odd);
        assert_eq!(told_by("CONFIG cluster 0 2\r\nno\r\nEND\r\n"), Discovery::Odd);
    }

    #[test]
    fn the_version_says_which_form_a_server_understands() {
        for (version, expected) in [
            (Some("1.6.18"), (CONFIG, None)),
            (Some("1.4.14"), (CONFIG, None)),
            (Some("1.4.5"), (ITEM, None)),
            (Some("1.4.13_4_gabc"), (CONFIG, Some(ITEM))),
            (Some("UNKNOWN"), (CONFIG, Some(ITEM))),
            (None, (CONFIG, Some(ITEM))),
        ] {
            assert_eq!(questions(version), expected, "{version:?}");
        }
    }

    proptest! {
        #[test]
        fn no_payload_makes_it_panic(payload in prop::collection::vec(any::<u8>(), 0..200)) {
            configuration(&payload);
        }

        #[test]
        fn no_nearly_right_payload_makes_it_panic(payload in "[0-9]{0,3}\n?([a-z.]{0,9}[|]{0,3}[0-9.]{0,9}[| \n]){0,4}") {
            configuration(payload.as_bytes());
        }
    }
}
