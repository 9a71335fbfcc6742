//! Asks which addresses a name has, as the application would: with getaddrinfo, and so with `/etc/hosts`, search
//! domains and everything else that is set up on this machine. Those are dialled.
//!
//! The DNS servers themselves are asked at the same time ([`servers`]), for what getaddrinfo does not tell: why there is
//! no address, which names lead to one, how long it holds, and whether it is DNS that says so at all. Nobody waits for
//! them, unless the system has no answer.

pub mod facts;
pub mod files;
pub mod message;
pub mod servers;

use std::io;
use std::net::IpAddr;

use crate::answer::DnsFault;

/// The most addresses of one name that are looked at. Real caches have a handful.
const MOST: usize = 64;

/// The addresses of `name`, in the order in which the system wants them to be tried.
pub async fn resolve(name: &str) -> Result<Vec<IpAddr>, DnsFault> {
    let found = tokio::net::lookup_host((name, 0)).await.map_err(|error| fault(&error))?;
    let mut addresses: Vec<IpAddr> = Vec::new();
    for address in found.map(|address| address.ip()) {
        if addresses.len() < MOST && !addresses.contains(&address) {
            addresses.push(address);
        }
    }
    if addresses.is_empty() { Err(DnsFault::NoAddress) } else { Ok(addresses) }
}

/// Whether the servers know anything of `name`: of the names of this very machine they must not be asked (RFC 6761, 6.3).
pub fn is_for_servers(name: &str) -> bool {
    name != "localhost" && !name.ends_with(".localhost")
}

/// Which of getaddrinfo's errors it is. The standard library keeps only its text, which is the C locale's because no
/// Rust program sets another.
fn fault(error: &io::Error) -> DnsFault {
    let text = error.to_string();
    let text = text.rsplit(": ").next().unwrap_or(&text);
    match text {
        "Name or service not known" | "Name does not resolve" => DnsFault::NoSuchName,
        "No address associated with hostname" | "Name has no usable address" => DnsFault::NoAddress,
        _ => DnsFault::Resolver(text.to_lowercase()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn of_this_machine_the_servers_are_not_asked() {
        assert!(is_for_servers("orders.example") && is_for_servers("localhost.example"));
        assert!(!is_for_servers("localhost") && !is_for_servers("cache.localhost"));
    }

    #[test]
    fn the_resolvers_errors_are_told_apart() {
        let of = |text: &str| fault(&io::Error::other(format!("failed to lookup address information: {text}")));
        assert_eq!(of("Name or service not known"), DnsFault::NoSuchName);
        assert_eq!(of("No address associated with hostname"), DnsFault::NoAddress);
        let again = "Temporary failure in name resolution";
        assert_eq!(of(again), DnsFault::Resolver(again.to_lowercase()));
    }
}
