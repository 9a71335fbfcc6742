//! How a client is to be set up for the server that was met: in cluster mode or not, with auto discovery or not.

use ec_shared::document::Engine;
use serde::{Deserialize, Serialize};

use crate::plan::Plan;
use crate::reach::Reach;

/// What to tell a client.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ClientMode {
    /// `cluster`, `standalone`, or of Memcached `auto discovery`, `single endpoint`.
    pub mode: String,
    /// The command-line client for it, where the engine has one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub command: Option<String>,
    /// What else to mind.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub note: Option<String>,
}

impl ClientMode {
    /// The mode for an endpoint that answers; none where the server does not say in which mode it is.
    pub fn of(reach: &Reach, plan: &Plan) -> Option<Self> {
        let note = |text: &str| Some(text.to_owned());
        if plan.engine == Engine::Memcached {
            let (mode, note) = if reach.discovery.is_some() {
                ("auto discovery", note("learns of every change of the nodes"))
            } else {
                ("single endpoint", None)
            };
            return Some(Self { mode: mode.to_owned(), command: None, note });
        }
        let server = reach.server.as_ref();
        // The proxy in front of a serverless cache always wants a cluster client.
        let is_cluster = match server.and_then(|server| server.mode.as_deref()) {
            _ if plan.serverless || reach.topology.is_some() => true,
            Some("cluster") => true,
            Some("standalone") => false,
            _ => return None,
        };
        let engine = server.map_or("valkey", |server| server.engine.as_str());
        let tls = if plan.tls { " --tls" } else { "" };
        Some(Self {
            mode: if is_cluster { "cluster" } else { "standalone" }.to_owned(),
            command: Some(format!("{}{tls}", program(engine, is_cluster))),
            note: if plan.serverless {
                note("database 0; port 6380 of the same name reads from replicas")
            } else {
                None
            },
        })
    }
}

/// How to start the command-line client; `-c` follows the cluster's redirections.
pub(crate) fn program(engine: &str, is_cluster: bool) -> String {
    let program = if engine == "redis" { "redis-cli" } else { "valkey-cli" };
    if is_cluster { format!("{program} -c") } else { program.to_owned() }
}

#[cfg(test)]
mod tests {
    use ec_shared::ran_on::RanOn;
    use jiff::Timestamp;
    use serde_json::{Map, json};

    use super::*;
    use crate::reach::Server;
    use crate::verdict::Context;

    /// What a client is told of a server in this mode; of none, if it does not say.
    fn told(
        engine: Engine,
        mode: Option<&str>,
        serverless: bool,
        change: impl FnOnce(&mut Reach),
    ) -> serde_json::Value {
        let plan = Plan { serverless, ..Plan::for_tests(engine, true) };
        let machine = RanOn { host: "app-1".into(), instance_id: None };
        let target = &plan.targets[0];
        let now = Timestamp::UNIX_EPOCH;
        let mut reach = Reach::new(&Context { plan: &plan, target, credentials: None, machine: &machine, now });
        reach.server = mode.map(|mode| Server {
            engine: "redis".into(),
            version: "7.1.0".into(),
            mode: Some(mode.into()),
            role: None,
            serverless: false,
            stats: Map::new(),
        });
        change(&mut reach);
        json!(ClientMode::of(&reach, &plan))
    }

    #[test]
    fn the_mode_is_the_servers() {
        let told = |mode| told(Engine::Redis, mode, false, |_| {});
        assert_eq!(told(Some("cluster")), json!({"mode": "cluster", "command": "redis-cli -c --tls"}));
        assert_eq!(told(Some("standalone")), json!({"mode": "standalone", "command": "redis-cli --tls"}));
        assert_eq!(told(Some("sentinel")), json!(null));
        assert_eq!(told(None), json!(null), "a user who may not say HELLO");
    }

    #[test]
    fn a_serverless_cache_wants_a_cluster_client_whatever_it_says() {
        let note = "database 0; port 6380 of the same name reads from replicas";
        let expected = json!({"mode": "cluster", "command": "valkey-cli -c --tls", "note": note});
        assert_eq!(told(Engine::Valkey, None, true, |_| {}), expected);
    }

    #[test]
    fn a_client_of_memcached_needs_auto_discovery_where_there_is_some() {
        assert_eq!(told(Engine::Memcached, None, false, |_| {}), json!({"mode": "single endpoint"}));
        let facts = crate::discovery::Facts { version: 1, nodes: 2 };
        let discovered = told(Engine::Memcached, None, false, |reach| reach.discovery = Some(facts));
        assert_eq!(discovered["mode"], "auto discovery");
    }
}
