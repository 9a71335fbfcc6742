//! The ports of a cache, and what each is for.
//!
//! Of a node-based cache the endpoints say it; a serverless cache has two, and they are fixed.

use ec_shared::document::{Cache, Connection, Deployment, EndpointRole, Engine};
use serde::Serialize;

/// One TCP port of a cache.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Port {
    /// The number.
    pub port: u16,
    /// Always `tcp`.
    pub protocol: &'static str,
    /// What goes over it.
    pub purpose: &'static str,
    /// Whether clients do without it, as far as slow connections and no reads from replicas will do.
    pub second: bool,
}

const WRITES: &str = "writes, and reads that see them";
const ALL: &str = "all commands";
const READS: &str = "reads from replicas; many clients open it with every connection";
const DISCOVERY: &str = "all commands, and auto discovery";
const SECOND: &str = "the second port of a serverless Memcached cache, open it with the first";

impl Port {
    fn main(port: u16, purpose: &'static str) -> Self {
        Self { port, protocol: "tcp", purpose, second: false }
    }

    fn second(port: u16, purpose: &'static str) -> Self {
        Self { port, protocol: "tcp", purpose, second: true }
    }
}

/// The documented ports of an engine and a deployment; those of a node-based cache are the defaults.
pub fn documented(engine: Engine, deployment: Deployment, connection: Connection) -> Vec<Port> {
    match (engine, deployment, connection) {
        // Of a public endpoint only 6379 is documented.
        (Engine::Valkey | Engine::Redis, Deployment::Serverless, Connection::Public) => vec![Port::main(6379, ALL)],
        (Engine::Valkey | Engine::Redis, Deployment::Serverless, _) => {
            vec![Port::main(6379, WRITES), Port::second(6380, READS)]
        }
        (Engine::Memcached, Deployment::Serverless, _) => vec![Port::main(11211, ALL), Port::second(11212, SECOND)],
        (Engine::Valkey | Engine::Redis, ..) => vec![Port::main(6379, ALL)],
        (Engine::Memcached, ..) => vec![Port::main(11211, DISCOVERY)],
    }
}

/// The ports of this cache. Empty where nothing tells them: a node-based cache without endpoints.
pub fn of(cache: &Cache) -> Vec<Port> {
    let serverless = cache.deployment == Some(Deployment::Serverless);
    let connection = cache.connection.unwrap_or(Connection::Vpc);
    let documented = match (cache.engine, cache.deployment) {
        (Some(engine), Some(deployment)) => documented(engine, deployment, connection),
        _ => Vec::new(),
    };
    let main_purpose = documented.first().map_or(ALL, |port| port.purpose);
    let mut ports: Vec<Port> = Vec::new();
    // First those that are for more than reads: an endpoint for reads on the same port adds nothing.
    for only_reads in [false, true] {
        for at in cache.endpoints.iter().filter(|at| (at.role == EndpointRole::Reader) == only_reads) {
            if ports.iter().all(|known| known.port != at.port) {
                ports.push(if only_reads { Port::second(at.port, READS) } else { Port::main(at.port, main_purpose) });
            }
        }
    }
    if serverless {
        // The second port belongs to every serverless cache in a VPC, also where the API reports no reader endpoint,
        // or reports the primary's again.
        for port in documented {
            if ports.iter().all(|known| known.second != port.second) {
                ports.push(port);
            }
        }
        ports.sort_by_key(|port| port.second);
    }
    ports
}

#[cfg(test)]
mod tests {
    use super::*;
    use ec_shared::document::Endpoint;

    fn numbers(ports: &[Port]) -> Vec<(u16, bool)> {
        ports.iter().map(|port| (port.port, port.second)).collect()
    }

    fn cache(deployment: Deployment, engine: Engine, endpoints: &[(EndpointRole, u16)]) -> Cache {
        let endpoints = endpoints.iter().map(|(role, port)| Endpoint { role: *role, host: "h".into(), port: *port });
        Cache { deployment: Some(deployment), engine: Some(engine), endpoints: endpoints.collect(), ..Cache::default() }
    }

    #[test]
    fn a_serverless_cache_has_two_ports_whatever_the_api_reports() {
        use EndpointRole::{Primary, Reader};
        let ports =
            |endpoints: &[(EndpointRole, u16)]| numbers(&of(&cache(Deployment::Serverless, Engine::Valkey, endpoints)));
        assert_eq!(ports(&[(Primary, 6379), (Reader, 6380)]), [(6379, false), (6380, true)]);
        assert_eq!(ports(&[(Primary, 6379)]), [(6379, false), (6380, true)]);
        assert_eq!(ports(&[(Primary, 35001), (Reader, 35001)]), [(35001, false), (6380, true)]);
        assert_eq!(ports(&[]), [(6379, false), (6380, true)]);
    }

    #[test]
    fn a_serverless_memcached_cache_has_11211_and_11212() {
        let ports = of(&cache(Deployment::Serverless, Engine::Memcached, &[(EndpointRole::Primary, 11211)]));
        assert_eq!(numbers(&ports), [(11211, false), (11212, true)]);
    }

    #[test]
    fn a_public_endpoint_has_only_6379() {
        let public = documented(Engine::Valkey, Deployment::Serverless, Connection::Public);
        assert_eq!(numbers(&public), [(6379, false)]);
    }

    #[test]
    fn a_node_based_cache_has_the_ports_of_its_endpoints_and_no_others() {
        use EndpointRole::{Configuration, Node, Primary, Reader};
        let group = cache(Deployment::ReplicationGroup, Engine::Redis, &[(Primary, 7000), (Reader, 7000)]);
        assert_eq!(numbers(&of(&group)), [(7000, false)]);
        let memcached =
            cache(Deployment::Cluster, Engine::Memcached, &[(Configuration, 11311), (Node, 11311), (Node, 11311)]);
        assert_eq!(numbers(&of(&memcached)), [(11311, false)]);
        assert!(of(&cache(Deployment::Cluster, Engine::Memcached, &[])).is_empty());
    }
}
