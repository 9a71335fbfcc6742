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
                ("auto discovery", note("it learns of every change of the nodes"))
            } else {
                ("single endpoint", None)
            };
            return Some(Self { mode: mode.to_owned(), command: None, note });
        }
        let server = reach.server.as_ref();
        // The proxy in front of a serverless cache always wants a cluster client.
        let is_cluster = match server.and_then(|server| server.mode.as_deref()) {
            _ if plan.serverless => true,
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
