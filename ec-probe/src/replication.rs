//! What ROLE tells that HELLO does not: who copies from the server, or whether its own copying works.
//!
//! Source: <https://valkey.io/commands/role/>

use ec_shared::document::{Finding, Severity};
use serde::{Deserialize, Serialize};

use crate::codes;
use crate::resp::Value;
use crate::verdict::Context;

/// How many replicas the document names at most; ElastiCache takes five.
const MOST: usize = 100;

/// A server's part in replication.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "role", rename_all = "snake_case")]
pub enum Replication {
    /// It takes writes.
    Primary {
        /// How many replicas are connected.
        count: usize,
        /// Where they are by the primary's own knowledge: `10.0.0.2:6379`.
        replicas: Vec<String>,
    },
    /// It copies a primary.
    Replica {
        /// Where its primary is.
        primary: String,
        /// `connected`; or why not, in the server's word: `connect`, `connecting`, `sync`.
        link: String,
    },
}

impl Replication {
    /// Reads the reply to ROLE; none if the server does not tell, or is neither.
    pub fn read(reply: &Value) -> Option<Self> {
        let Value::List(parts) = reply else { return None };
        match (parts.first()?.text()?.as_str(), &parts[1..]) {
            ("master", [_, Value::List(replicas)]) => Some(Self::Primary {
                count: replicas.len(),
                replicas: replicas.iter().take(MOST).map(replica).collect::<Option<_>>()?,
            }),
            ("slave", [host, port, link, _]) => {
                Some(Self::Replica { primary: place(host, port)?, link: link.text().filter(|link| is_word(link))? })
            }
            _ => None,
        }
    }

    /// A warning about a replica that has lost its primary.
    pub fn fault(&self, context: &Context<'_>) -> Option<Finding> {
        let Self::Replica { primary, link } = self else { return None };
        let summary = format!("the replica's link to its primary {primary} is not up: {link}");
        (link != "connected").then(|| {
            Finding::new(&codes::REPLICA_BEHIND, Severity::Warning, summary)
                .evidence("endpoint", context.target.endpoint.to_string())
                .evidence("link", link)
                .fix(codes::REPLICA_BEHIND.fix)
        })
    }
}

fn replica(entry: &Value) -> Option<String> {
    match entry {
        Value::List(parts) => place(parts.first()?, parts.get(1)?),
        _ => None,
    }
}

fn place(host: &Value, port: &Value) -> Option<String> {
    let port = match port {
        Value::Integer(port) => u16::try_from(*port).ok()?,
        port => port.text()?.parse().ok()?,
    };
    host.text().filter(|host| is_word(host)).map(|host| format!("{host}:{port}"))
}

/// A short text that can be shown in one line.
fn is_word(text: &str) -> bool {
    text.len() <= 255 && !text.contains(char::is_control)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::resp::Reader;
    use crate::resp::tests::value;

    fn told(reply: &str) -> Option<Replication> {
        let mut reader = Reader::default();
        reader.feed(reply.replace(' ', "\r\n").as_bytes());
        reader.feed(b"\r\n");
        Replication::read(&reader.reply().unwrap().unwrap())
    }

    #[test]
    fn a_primary_tells_who_copies_from_it() {
        let expected = Replication::Primary { count: 1, replicas: vec!["10.0.0.2:6379".into()] };
        assert_eq!(told("*3 +master :7 *1 *3 +10.0.0.2 +6379 +7"), Some(expected));
        assert_eq!(told("*3 +master :0 *0"), Some(Replication::Primary { count: 0, replicas: vec![] }));
    }

    #[test]
    fn a_replica_tells_whom_it_copies_and_how_that_goes() {
        for link in ["connected", "connect", "sync"] {
            let expected = Replication::Replica { primary: "10.0.0.1:6379".into(), link: link.into() };
            assert_eq!(told(&format!("*5 +slave +10.0.0.1 :6379 +{link} :-1")), Some(expected));
        }
    }

    #[test]
    fn whatever_else_is_answered_tells_nothing() {
        for reply in ["-NOPERM", "*2 +sentinel *0", "*0", "+OK", "*1 +master", "*5 +slave +a :70000 +connected :1"] {
            assert_eq!(told(reply), None, "{reply}");
        }
    }

    proptest! {
        #[test]
        fn no_value_makes_it_panic(reply in value()) {
            Replication::read(&reply);
        }
    }
}
