//! The programs that speak to Memcached caches, and the packages that hold them. Data.
//!
//! AWS's pages use telnet where the cache speaks plain text, and `openssl s_client` where it speaks TLS:
//! <https://docs.aws.amazon.com/AmazonElastiCache/latest/dg/in-transit-encryption.html>.

use super::{Manager, Package};
use crate::judge::Need;
use crate::platform::{Platform, System};

/// A program.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Tool {
    /// Its name.
    pub name: &'static str,
    /// Whether it speaks TLS. None of those that know Memcached's commands does.
    pub has_tls: bool,
    /// What it is good for.
    pub use_for: &'static str,
}

/// The programs, best first.
pub const TOOLS: &[Tool] = &[
    Tool { name: "openssl", has_tls: true, use_for: "commands over TLS" },
    // Beside OpenSSL 1.0.2 on Amazon Linux 2.
    Tool { name: "openssl11", has_tls: true, use_for: "commands over TLS" },
    Tool { name: "nc", has_tls: false, use_for: "commands in plain text" },
    Tool { name: "ncat", has_tls: false, use_for: "commands in plain text" },
    Tool { name: "telnet", has_tls: false, use_for: "commands in plain text, at a terminal" },
    Tool { name: "memcstat", has_tls: false, use_for: "statistics of several nodes" },
    Tool { name: "memcping", has_tls: false, use_for: "whether nodes answer" },
    Tool { name: "memcached-tool", has_tls: false, use_for: "statistics of a node" },
];

impl Tool {
    /// Whether commands can be typed into it, to a cache with this need. ncat's TLS is left out: its options are other ones.
    pub fn serves(&self, need: Need) -> bool {
        if need == Need::Plain { matches!(self.name, "nc" | "ncat" | "telnet") } else { self.has_tls }
    }
}

const OPENSSL: Package = program("openssl", "openssl", None);
const OPENSSL_OF_DEBIAN: Package = program("openssl", "openssl", Some(3));
const OPENSSL11: Package = program("openssl11", "openssl11", None);
const NMAP_NCAT: Package = program("nmap-ncat", "nc", None);
const NETCAT: Package = program("netcat-openbsd", "nc", None);
const NETCAT_OF_DEBIAN: Package = program("netcat-openbsd", "nc", Some(1));
const OPENBSD_NETCAT: Package = program("openbsd-netcat", "nc", None);
const MEMCACHED_TOOLS: Package = statistics("libmemcached-tools", Some(1));
const MEMCACHED: Package = statistics("libmemcached", None);
const MEMCACHED_AWESOME: Package = statistics("libmemcached-awesome-tools", None);

const fn program(name: &'static str, client: &'static str, disk_mib: Option<u32>) -> Package {
    Package { name, client, has_server: false, disk_mib, when: "it is there" }
}

const fn statistics(name: &'static str, disk_mib: Option<u32>) -> Package {
    Package { name, client: "memcstat", has_server: false, disk_mib, when: "statistics of several nodes are wanted" }
}

/// The packages to take a program from; the first has the one that commands can be typed into. None where the system has
/// it by itself, or is not known.
pub fn packages(platform: &Platform, need: Need) -> &'static [Package] {
    let manager = Manager::of(platform);
    if need != Need::Plain {
        return match manager {
            // OpenSSL 1.0.2 knows neither TLS 1.3 nor all that the line to try needs.
            Some(Manager::Yum) if platform.id == System::AmazonLinux2 => &[OPENSSL11],
            Some(Manager::Apt) => &[OPENSSL_OF_DEBIAN],
            Some(_) => &[OPENSSL],
            None => &[],
        };
    }
    // Not seen on a machine but Debian: <https://packages.fedoraproject.org/pkgs/libmemcached-awesome/>,
    // <https://software.opensuse.org/package/libmemcached>, <https://pkgs.alpinelinux.org/packages?name=libmemcached>.
    match manager {
        Some(Manager::Apt) => &[NETCAT_OF_DEBIAN, MEMCACHED_TOOLS],
        Some(Manager::Dnf) if platform.id == System::Fedora => &[NMAP_NCAT, MEMCACHED_AWESOME],
        Some(Manager::Dnf | Manager::DnfLatest) => &[NMAP_NCAT],
        Some(Manager::Yum) => &[NMAP_NCAT, MEMCACHED],
        Some(Manager::Zypper | Manager::Apk) => &[NETCAT, MEMCACHED],
        Some(Manager::Pacman) => &[OPENBSD_NETCAT],
        // macOS brings nc.
        Some(Manager::Brew | Manager::Port) | None => &[],
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_cache_with_tls_wants_openssl_and_a_plain_one_wants_nc() {
        for (id, tls, plain) in [
            ("amazon-linux-2023", Some("openssl"), Some("nmap-ncat")),
            ("amazon-linux-2", Some("openssl11"), Some("nmap-ncat")),
            ("debian-12", Some("openssl"), Some("netcat-openbsd")),
            ("rocky-9", Some("openssl"), Some("nmap-ncat")),
            ("opensuse-leap", Some("openssl"), Some("netcat-openbsd")),
            ("alpine", Some("openssl"), Some("netcat-openbsd")),
            ("arch", Some("openssl"), Some("openbsd-netcat")),
            ("macos", Some("openssl"), None),
            ("linux", None, None),
        ] {
            let platform = Platform::of_id(id).unwrap();
            let first = |need| packages(&platform, need).first().map(|package| package.name);
            assert_eq!((first(Need::Tls), first(Need::Plain)), (tls, plain), "{id}");
            assert_eq!(first(Need::Tls13), tls, "{id}");
        }
    }

    #[test]
    fn what_does_not_speak_tls_serves_no_cache_that_asks_for_it() {
        let serving = |need| TOOLS.iter().filter(|tool| tool.serves(need)).map(|tool| tool.name).collect::<Vec<_>>();
        assert_eq!(serving(Need::Tls), ["openssl", "openssl11"]);
        assert_eq!(serving(Need::Plain), ["nc", "ncat", "telnet"]);
    }
}
