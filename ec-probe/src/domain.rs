//! Whose credentials may go where: which of the hosts that a server announces belong to the cache that was asked for.
//! A server may name any host as a node of its own, so its word alone sends no password anywhere.

use std::net::IpAddr;
use std::str::FromStr;

use crate::endpoint::Endpoint;
use crate::plan::Plan;

/// The hosts that may hear the credentials of a plan.
#[derive(Clone, Copy, Debug)]
pub struct Domain<'a> {
    plan: &'a Plan,
    peer: Option<IpAddr>,
}

impl<'a> Domain<'a> {
    /// The domain of a plan's endpoints. `peer`: the address at which the first of them was found.
    pub fn of(plan: &'a Plan, peer: Option<IpAddr>) -> Self {
        Self { plan, peer }
    }

    /// Whether `node` is within it. A cluster without TLS announces addresses; who chose plain text has chosen that, and
    /// whoever can forge the announcement has heard the credentials already.
    pub fn holds(&self, node: &Endpoint) -> bool {
        let by_address = |address| !self.plan.tls || self.peer == Some(address);
        // The name that the endpoint has proven is as good as the one that it was dialled by.
        let proven = self.plan.server_name.as_ref().filter(|_| self.plan.tls);
        let proven = proven.and_then(|name| Endpoint::new(name, node.port()).ok());
        proven.is_some_and(|proven| are_siblings(&proven, node))
            || self.plan.targets.iter().any(|target| are_siblings(&target.endpoint, node))
            || self.plan.allowed_hosts.iter().any(|suffix| suffix.holds(node))
            || node.address().is_some_and(by_address)
    }
}

/// The end of a host name that a person vouches for, as `--allow-host` takes it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HostSuffix(String);

impl HostSuffix {
    /// Whether the host is this name, or one below it.
    pub fn holds(&self, node: &Endpoint) -> bool {
        is_at_or_below(&node.host(), &self.0)
    }
}

impl FromStr for HostSuffix {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let name = text.strip_prefix("*.").or(text.strip_prefix('.')).unwrap_or(text);
        Endpoint::new(name, 1).map(|endpoint| Self(endpoint.host()))
    }
}

/// What the names of all nodes of a cache have in common.
#[derive(Debug, PartialEq, Eq)]
enum Family {
    /// They are below this name.
    Below(String),
    /// They are ElastiCache's without TLS, with this hash, and in this Region.
    Hash(String),
}

impl Family {
    /// The family of a host name; none if its parent domain may be other people's as well.
    /// Source: <https://docs.aws.amazon.com/AmazonElastiCache/latest/dg/Endpoints.html>
    fn of(host: &str) -> Option<Self> {
        const SUFFIX: &str = ".cache.amazonaws.com";
        let is_number = |label: &str| label.len() == 4 && label.bytes().all(|byte| byte.is_ascii_digit());
        let labels: Vec<&str> = host.strip_suffix(".cn").unwrap_or(host).strip_suffix(SUFFIX)?.split('.').collect();
        match labels[..] {
            [_, hash, "ng", _, region] => Some(Self::Hash(format!("{hash}.{region}"))),
            [_, hash, kind, region] if matches!(kind, "cfg" | "clustercfg") || is_number(kind) => {
                Some(Self::Hash(format!("{hash}.{region}")))
            }
            [_, _, hash, _] if hash.len() == 6 => {
                host.split_once('.').map(|(_, parent)| Self::Below(parent.to_owned()))
            }
            // The parent of a serverless cache's name is shared by all such caches of the Region.
            _ => None,
        }
    }

    fn of_any(host: &str) -> Option<Self> {
        let is_amazons = ["amazonaws.com", "amazonaws.com.cn"].iter().any(|amazon| is_at_or_below(host, amazon));
        if is_amazons {
            return Self::of(host);
        }
        let (_, parent) = host.split_once('.')?;
        parent.contains('.').then(|| Self::Below(parent.to_owned()))
    }
}

fn are_siblings(endpoint: &Endpoint, node: &Endpoint) -> bool {
    if endpoint.host() == node.host() {
        return true;
    }
    if endpoint.address().is_some() || node.address().is_some() {
        return false;
    }
    match Family::of_any(&endpoint.host()) {
        Some(Family::Below(parent)) => is_at_or_below(&node.host(), &parent),
        Some(hash) => Family::of_any(&node.host()) == Some(hash),
        None => false,
    }
}

fn is_at_or_below(host: &str, suffix: &str) -> bool {
    host.strip_suffix(suffix).is_some_and(|rest| rest.is_empty() || rest.ends_with('.'))
}

#[cfg(test)]
mod tests {
    use ec_shared::document::{Document, Engine};

    use super::*;
    use crate::plan::Wishes;

    /// Whether the credentials for `endpoint` may go to `node`.
    fn holds(endpoint: &str, node: &str, tls: bool, allowed: &[&str]) -> bool {
        let wishes = Wishes {
            endpoint: Some(endpoint.parse().unwrap()),
            engine: Some(Engine::Valkey),
            tls: Some(tls),
            allowed_hosts: allowed.iter().map(|text| text.parse().unwrap()).collect(),
            ..Wishes::default()
        };
        let plan = Plan::new(&Document::empty(), &wishes).unwrap();
        let peer = Some("10.0.0.1".parse().unwrap());
        Domain::of(&plan, peer).holds(&node.parse().unwrap())
    }

    const TLS: &str = "clustercfg.orders.x1y2z3.use1.cache.amazonaws.com:6379";
    const PLAIN: &str = "orders.x1y2z3.clustercfg.use1.cache.amazonaws.com:6379";
    const SERVERLESS: &str = "orders-x1y2z3.serverless.use1.cache.amazonaws.com:6379";

    #[test]
    fn the_nodes_of_a_cache_of_elasticache_are_within_its_domain() {
        for (endpoint, node) in [
            (TLS, "orders-0001-001.orders.x1y2z3.use1.cache.amazonaws.com:6379"),
            (PLAIN, "orders-0001-001.x1y2z3.0001.use1.cache.amazonaws.com:6379"),
            (
                "orders.x1y2z3.ng.0001.use1.cache.amazonaws.com:6379",
                "orders-ro.x1y2z3.ng.0001.use1.cache.amazonaws.com:6379",
            ),
            ("orders.x1y2z3.cfg.use1.cache.amazonaws.com:11211", "orders.x1y2z3.0002.use1.cache.amazonaws.com:11211"),
            (SERVERLESS, "orders-x1y2z3.serverless.use1.cache.amazonaws.com:6380"),
            (
                "clustercfg.orders.x1y2z3.cnn1.cache.amazonaws.com.cn:6379",
                "orders-0001-001.orders.x1y2z3.cnn1.cache.amazonaws.com.cn:6379",
            ),
        ] {
            assert!(holds(endpoint, node, true, &[]), "{endpoint} {node}");
        }
    }

    #[test]
    fn other_caches_and_whoever_looks_like_them_are_outside() {
        for (endpoint, node) in [
            (TLS, "carts-0001-001.carts.x1y2z3.use1.cache.amazonaws.com:6379"),
            (TLS, "orders-0001-001.orders.x1y2z3.use1.cache.amazonaws.com.evil.example:6379"),
            (TLS, "evilorders.x1y2z3.use1.cache.amazonaws.com:6379"),
            (PLAIN, "orders-0001-001.aaaaaa.0001.use1.cache.amazonaws.com:6379"),
            (PLAIN, "orders-0001-001.x1y2z3.0001.usw2.cache.amazonaws.com:6379"),
            (SERVERLESS, "other-x1y2z3.serverless.use1.cache.amazonaws.com:6379"),
            (
                "orders-x1y2z3.public.serverless.use1.cache.amazonaws.com:6379",
                "x.public.serverless.use1.cache.amazonaws.com:6379",
            ),
            ("ec2-1.compute-1.amazonaws.com:6379", "ec2-2.compute-1.amazonaws.com:6379"),
        ] {
            assert!(!holds(endpoint, node, true, &[]), "{endpoint} {node}");
        }
    }

    #[test]
    fn elsewhere_the_parent_domain_counts_if_it_has_two_labels() {
        for (endpoint, node, within) in [
            ("cfg.orders.example:6379", "n1.orders.example:6379", true),
            ("cfg.orders.example:6379", "n1.a.orders.example:6379", true),
            ("cfg.orders.example:6379", "orders.example:6379", true),
            ("cfg.orders.example:6379", "n1.carts.example:6379", false),
            ("orders.example:6379", "carts.example:6379", false),
            ("orders:6379", "carts:6379", false),
            ("localhost:6379", "localhost:7000", true),
        ] {
            assert_eq!(holds(endpoint, node, true, &[]), within, "{endpoint} {node}");
        }
    }

    #[test]
    fn an_address_is_within_in_plain_text_or_where_the_endpoint_was_found() {
        for (endpoint, node, tls, within) in [
            ("cfg.orders.example:6379", "10.0.0.2:6379", false, true),
            ("cfg.orders.example:6379", "10.0.0.2:6379", true, false),
            ("cfg.orders.example:6379", "10.0.0.1:7000", true, true),
            ("10.0.0.3:6379", "10.0.0.3:7000", true, true),
            ("10.0.0.3:6379", "10.0.0.4:7000", true, false),
            ("10.0.0.3:6379", "n1.orders.example:7000", false, false),
        ] {
            assert_eq!(holds(endpoint, node, tls, &[]), within, "{endpoint} {node} {tls}");
        }
    }

    #[test]
    fn the_name_that_an_endpoint_has_proven_counts_where_there_is_proof() {
        let name = Some("clustercfg.orders.x1y2z3.use1.cache.amazonaws.com".to_owned());
        let node = "orders-0001-001.orders.x1y2z3.use1.cache.amazonaws.com:6379".parse().unwrap();
        for tls in [true, false] {
            let plan = Plan { server_name: name.clone(), ..Plan::for_tests(Engine::Valkey, tls) };
            assert_eq!(Domain::of(&plan, None).holds(&node), tls);
        }
    }

    #[test]
    fn a_person_may_vouch_for_more() {
        for (allowed, node, within) in [
            ("carts.example", "n1.carts.example:6379", true),
            (".carts.example", "n1.carts.example:6379", true),
            ("*.Carts.example", "carts.example:6379", true),
            ("10.0.0.2", "10.0.0.2:6379", true),
            ("carts.example", "notcarts.example:6379", false),
        ] {
            assert_eq!(holds("cfg.orders.example:6379", node, true, &[allowed]), within, "{allowed} {node}");
        }
        for text in ["", "*", "or ders", "*.*.example"] {
            assert!(text.parse::<HostSuffix>().is_err(), "{text:?}");
        }
    }
}
