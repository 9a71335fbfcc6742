//! The files by which the system resolves names: which servers it asks, and which names it knows without them.

use std::net::{IpAddr, Ipv4Addr, SocketAddr, SocketAddrV6};
use std::path::Path;

/// Where the system's resolver finds its servers.
pub const RESOLV_CONF: &str = "/etc/resolv.conf";

/// Where the system's resolver looks before it asks a server.
pub const HOSTS: &str = "/etc/hosts";

/// How many servers the C library asks; it does not look at more (resolv.conf(5), MAXNS).
const MOST_SERVERS: usize = 3;

/// The port of DNS.
pub const PORT: u16 = 53;

/// The servers that the system's resolver asks, in its order, as the file says now.
pub fn nameservers() -> Vec<SocketAddr> {
    // Without the file the system asks this very machine, as it does with an empty one.
    servers_of(&std::fs::read_to_string(RESOLV_CONF).unwrap_or_default(), interface_index)
}

/// The line of the system's hosts file that gives `name` one of these addresses.
pub fn line_of(name: &str, addresses: &[IpAddr]) -> Option<usize> {
    line_in(&std::fs::read_to_string(HOSTS).ok()?, name, addresses)
}

/// The servers that the text of a resolv.conf(5) names. `index` knows the numbers of network interfaces.
fn servers_of(text: &str, index: impl Fn(&str) -> Option<u32>) -> Vec<SocketAddr> {
    let words = text.lines().filter_map(|line| line.strip_prefix("nameserver"));
    let words = words.filter(|rest| rest.starts_with([' ', '\t'])).filter_map(|rest| rest.split_whitespace().next());
    let servers = words.filter_map(|word| match word.split_once('%') {
        None => Some(SocketAddr::new(word.parse().ok()?, PORT)),
        Some((address, scope)) => {
            let scope = scope.parse().ok().or_else(|| index(scope))?;
            Some(SocketAddrV6::new(address.parse().ok()?, PORT, 0, scope).into())
        }
    });
    let servers: Vec<SocketAddr> = servers.take(MOST_SERVERS).collect();
    if servers.is_empty() { vec![(Ipv4Addr::LOCALHOST, PORT).into()] } else { servers }
}

/// The number of a network interface.
fn interface_index(name: &str) -> Option<u32> {
    // The word comes from a file: it names an interface, and leads nowhere else.
    let name = Path::new(name).file_name().filter(|file| *file == name)?;
    std::fs::read_to_string(Path::new("/sys/class/net").join(name).join("ifindex")).ok()?.trim().parse().ok()
}

/// The line of a hosts(5) text that gives `name` one of `addresses`, counted from 1.
fn line_in(text: &str, name: &str, addresses: &[IpAddr]) -> Option<usize> {
    let found = text.lines().position(|line| {
        let mut words = line.split('#').next().unwrap_or_default().split_whitespace();
        let address = words.next().and_then(|word| word.parse().ok());
        address.is_some_and(|address| addresses.contains(&address)) && words.any(|word| word.eq_ignore_ascii_case(name))
    });
    found.map(|index| index + 1)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn servers(text: &str) -> Vec<String> {
        let index = |name: &str| (name == "eth0").then_some(2);
        servers_of(text, index).iter().map(SocketAddr::to_string).collect()
    }

    #[test]
    fn servers_are_read_as_the_c_library_reads_them() {
        let text = "# generated\nsearch example.com\noptions ndots:5\nnameserver 10.0.0.2 \n\
                    nameserver\tfd00:ec2::253   # word\n nameserver 10.0.0.9\n;nameserver 10.0.0.8\nnameserver10.0.0.7\n";
        assert_eq!(servers(text), ["10.0.0.2:53", "[fd00:ec2::253]:53"]);
    }

    #[test]
    fn a_scope_is_a_number_or_an_interface() {
        let text = "nameserver fe80::1%eth0\nnameserver fe80::2%7\nnameserver fe80::3%nowhere\n";
        assert_eq!(servers(text), ["[fe80::1%2]:53", "[fe80::2%7]:53"]);
    }

    #[test]
    fn more_servers_than_the_c_library_asks_are_not_asked() {
        let text =
            "nameserver 10.0.0.1\nnameserver 10.0.0.2\nnameserver odd\nnameserver 10.0.0.3\nnameserver 10.0.0.4\n";
        assert_eq!(servers(text), ["10.0.0.1:53", "10.0.0.2:53", "10.0.0.3:53"]);
    }

    #[test]
    fn without_a_server_it_is_this_machine() {
        assert_eq!(servers(""), ["127.0.0.1:53"]);
        assert_eq!(servers("nameserver\nnameserver odd\n"), ["127.0.0.1:53"]);
    }

    #[test]
    fn a_name_stands_in_the_hosts_file_with_its_address() {
        let text = "127.0.0.1 localhost\n# 10.0.0.1 orders.example\n10.0.0.1\tshort Orders.Example # pinned\n";
        let line = |name: &str, address: &str| line_in(text, name, &[address.parse().unwrap()]);
        assert_eq!(line("orders.example", "10.0.0.1"), Some(3));
        assert_eq!(line("orders.example", "10.0.0.2"), None);
        assert_eq!(line("pinned", "10.0.0.1"), None);
        assert_eq!(line("localhost", "127.0.0.1"), Some(1));
    }

    #[test]
    fn a_scope_that_is_a_path_is_no_interface() {
        for name in ["../net/lo", "lo/", "/etc", "..", ""] {
            assert_eq!(interface_index(name), None, "{name}");
        }
    }
}
