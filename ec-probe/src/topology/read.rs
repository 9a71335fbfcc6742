//! The replies to CLUSTER SHARDS and CLUSTER SLOTS, as RESP2 and RESP3 have them. A reply is understood as a whole or
//! not at all: half of a topology would look like a gap.

use std::collections::HashMap;

use super::{Health, Node, Range, Role, SLOTS, Shard, Topology};
use crate::resp::Value;

/// Whom the question went to.
#[derive(Clone, Copy, Debug)]
pub struct Asked<'a> {
    /// The host of a node that announces none: clients are to stay with the one that they know.
    pub host: &'a str,
    /// Whether TLS is spoken, which decides between the two ports of a node.
    pub tls: bool,
}

/// Reads the reply to either command; `None` if it is neither's.
pub fn read(reply: &Value, asked: Asked<'_>) -> Option<Topology> {
    let entries = list(reply)?;
    let shards = match entries.first() {
        Some(first) if first.field("nodes").is_some() => entries.iter().map(|entry| shard(entry, asked)).collect(),
        _ => owners(entries, asked),
    };
    Some(Topology::of(shards?))
}

/// An entry of CLUSTER SHARDS: the bounds of all ranges in one list, and the nodes.
fn shard(entry: &Value, asked: Asked<'_>) -> Option<Shard> {
    let (bounds, odd) = list(entry.field("slots")?)?.as_chunks::<2>();
    if !odd.is_empty() {
        return None;
    }
    Some(Shard {
        slots: bounds.iter().map(|[from, to]| range(from, to)).collect::<Option<_>>()?,
        nodes: list(entry.field("nodes")?)?.iter().map(|node| shards_node(node, asked)).collect::<Option<_>>()?,
    })
}

fn shards_node(node: &Value, asked: Asked<'_>) -> Option<Node> {
    let ports = if asked.tls { ["tls-port", "port"] } else { ["port", "tls-port"] };
    Some(Node {
        id: Some(word(node.field("id")?)?),
        host: host(node.field("endpoint")?, asked)?,
        port: ports.iter().find_map(|name| node.field(name)).and_then(port)?,
        role: match word(node.field("role")?)?.as_str() {
            "master" | "primary" => Role::Primary,
            "replica" | "slave" => Role::Replica,
            _ => return None,
        },
        health: match node.field("health").and_then(word).as_deref() {
            Some("online") => Health::Online,
            Some("fail" | "failed") => Health::Failed,
            Some("loading") => Health::Loading,
            _ => Health::Unknown,
        },
    })
}

/// The entries of CLUSTER SLOTS: a range each, with its primary and then the replicas. One shard may have many ranges.
fn owners(entries: &[Value], asked: Asked<'_>) -> Option<Vec<Shard>> {
    let mut shards: Vec<Shard> = Vec::new();
    let mut known = HashMap::new();
    for entry in entries {
        let [from, to, nodes @ ..] = list(entry)? else { return None };
        let range = range(from, to)?;
        let nodes = nodes.iter().enumerate().map(|(index, node)| slots_node(index, node, asked));
        let nodes: Vec<Node> = nodes.collect::<Option<_>>()?;
        let primary = nodes.first()?;
        let index = *known.entry((primary.id.clone(), primary.host.clone(), primary.port)).or_insert(shards.len());
        match shards.get_mut(index) {
            Some(shard) => shard.slots.push(range),
            None => shards.push(Shard { slots: vec![range], nodes }),
        }
    }
    Some(shards)
}

fn slots_node(index: usize, node: &Value, asked: Asked<'_>) -> Option<Node> {
    let [name, number, rest @ ..] = list(node)? else { return None };
    Some(Node {
        id: rest.first().and_then(word),
        host: host(name, asked)?,
        port: port(number)?,
        role: if index == 0 { Role::Primary } else { Role::Replica },
        health: Health::Unknown,
    })
}

fn list(value: &Value) -> Option<&[Value]> {
    match value {
        Value::List(items) => Some(items),
        _ => None,
    }
}

/// A short text that can be shown in one line.
fn word(value: &Value) -> Option<String> {
    value.text().filter(|text| text.len() <= 255 && !text.contains(char::is_control))
}

fn host(value: &Value, asked: Asked<'_>) -> Option<String> {
    match value {
        Value::Null => Some(asked.host.to_owned()),
        _ => word(value).map(|host| if host.is_empty() { asked.host.to_owned() } else { host }),
    }
}

fn port(value: &Value) -> Option<u16> {
    match value {
        Value::Integer(number) => u16::try_from(*number).ok(),
        _ => None,
    }
}

fn range(from: &Value, to: &Value) -> Option<Range> {
    let (from, to) = (port(from)?, port(to)?);
    (from <= to && usize::from(to) < SLOTS).then_some((from, to))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::resp::Reader;
    use crate::resp::tests::value;

    const ID: &str = "7e9664e7f1a84ee28b6b91e712806795abd7b769";
    const ASKED: Asked<'_> = Asked { host: "orders.example", tls: false };

    /// Reads what stands here in the place of a server's bytes: words by blanks, `$` before a bulk string.
    fn understood(reply: &str, asked: Asked<'_>) -> Option<Topology> {
        let bulk = |word: &str| match word.strip_prefix('$') {
            Some(text) => format!("${}\r\n{text}\r\n", text.len()),
            None => format!("{word}\r\n"),
        };
        let mut reader = Reader::default();
        reader.feed(reply.split_whitespace().map(bulk).collect::<String>().as_bytes());
        read(&reader.reply().unwrap().unwrap(), asked)
    }

    fn node(host: &str, port: u16, role: Role, health: Health) -> Node {
        Node { id: Some(ID.into()), host: host.into(), port, role, health }
    }

    /// As Valkey 8.0.1 and Redis OSS 7.0.15 write a node, in RESP2 and RESP3.
    fn real(version: u8) -> String {
        let (entry, node) = if version == 2 { ("*4", "*14") } else { ("%2", "%7") };
        format!(
            "*1 {entry} $slots *4 :0 :99 :200 :16383 $nodes *1 {node} $id ${ID} $port :36379 $ip $ $endpoint $ \
             $role $master $replication-offset :0 $health $online"
        )
    }

    #[test]
    fn shards_read_the_same_in_resp2_and_resp3() {
        for version in [2, 3] {
            let topology = understood(&real(version), ASKED).unwrap();
            assert_eq!(topology.covered, 16_284);
            assert_eq!(topology.shards[0].slots, [(0, 99), (200, 16_383)]);
            let primary = node("orders.example", 36_379, Role::Primary, Health::Online);
            assert_eq!(topology.shards[0].nodes, [primary], "no announced name means the one that was asked");
        }
    }

    #[test]
    fn slots_read_the_same_in_resp2_and_resp3() {
        for metadata in ["*0", "%0"] {
            let primary = format!("*4 $ :36379 ${ID} {metadata}");
            let reply = format!("*2 *3 :0 :99 {primary} *3 :200 :16383 {primary}");
            let topology = understood(&reply, ASKED).unwrap();
            assert_eq!((topology.shards.len(), topology.covered), (1, 16_284));
            let primary = node("orders.example", 36_379, Role::Primary, Health::Unknown);
            assert_eq!(topology.shards[0], Shard { slots: vec![(0, 99), (200, 16_383)], nodes: vec![primary] });
        }
    }

    #[test]
    fn a_cluster_that_owns_nothing_covers_nothing() {
        assert_eq!(understood("*0", ASKED), Some(Topology::of(vec![])));
    }

    #[test]
    fn replicas_announced_names_and_the_port_of_the_kind_in_use_are_read() {
        let reply = format!(
            "*1 %2 $slots *0 $nodes *1 %6 $id ${ID} $port :6379 $tls-port :6380 $endpoint $b.example $role $replica \
             $health $fail"
        );
        for (tls, port) in [(false, 6379), (true, 6380)] {
            let topology = understood(&reply, Asked { tls, ..ASKED }).unwrap();
            assert_eq!(topology.shards[0].nodes, [node("b.example", port, Role::Replica, Health::Failed)]);
        }
        let reply = "*1 *4 :0 :16383 *2 _ :7000 *2 $10.0.0.2 :7001";
        let hosts: Vec<(String, u16, Role)> =
            understood(reply, ASKED).unwrap().nodes().map(|node| (node.host.clone(), node.port, node.role)).collect();
        assert_eq!(
            hosts,
            [("orders.example".into(), 7000, Role::Primary), ("10.0.0.2".into(), 7001, Role::Replica)],
            "a server before 4.0 tells no ids"
        );
    }

    #[test]
    fn an_odd_reply_is_not_understood() {
        for reply in [
            "+OK",
            "*1 :1",
            "*1 *2 :0 :1",
            "*1 *3 :0 :16384 *2 $a :1",
            "*1 *3 :2 :1 *2 $a :1",
            "*1 *3 :0 :1 *2 $a :65536",
            "*1 *3 :0 :1 *2 $\u{1b}[31m :1",
            "*1 %2 $slots *1 :0 $nodes *0",
            "*2 %2 $slots *0 $nodes *0 :7",
            "*1 %2 $slots *0 $nodes *1 %4 $id $a $port :1 $endpoint $b $role $sentinel",
        ] {
            assert_eq!(understood(reply, ASKED), None, "{reply}");
        }
    }

    proptest! {
        #[test]
        fn no_value_makes_it_panic(reply in value()) {
            read(&reply, ASKED);
        }

        #[test]
        fn no_nearly_right_value_makes_it_panic(bounds in prop::collection::vec(value(), 0..3), nodes in value()) {
            let text = |text: &str| Value::Text(text.as_bytes().to_vec());
            let entry = Value::Map(vec![(text("slots"), Value::List(bounds.clone())), (text("nodes"), nodes.clone())]);
            read(&Value::List(vec![entry]), ASKED);
            let entry = Value::List([bounds, vec![nodes]].concat());
            read(&Value::List(vec![entry]), ASKED);
        }

        #[test]
        fn what_is_covered_and_the_gaps_are_all_slots(bounds in prop::collection::vec((0_u16..16_384, 0_u16..16_384), 0..9)) {
            let slots = bounds.iter().map(|&(a, b)| (a.min(b), a.max(b))).collect();
            let topology = Topology::of(vec![Shard { slots, nodes: vec![] }]);
            let missing: usize = topology.gaps().into_iter().map(super::super::size).sum();
            prop_assert_eq!(topology.covered + missing, SLOTS);
        }
    }
}
