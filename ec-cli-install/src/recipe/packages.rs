//! Which package of which release holds a client with TLS. Data.
//!
//! Where a row cannot be seen from AWS's or Debian's own pages, its comment has the page of the distribution that says so.
//! The package manager is asked before anything is installed; these rows say what to ask for, in which order, and what to
//! plan for a machine that cannot be asked.

use crate::platform::{Platform, System};

/// A package that holds a client with TLS.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Package {
    /// Its name.
    pub name: &'static str,
    /// The client in it.
    pub client: &'static str,
    /// Whether the server comes with it. No package of these starts or enables it.
    pub has_server: bool,
    /// How much room it takes, in MiB, where that is known: of Debian's, by its package index.
    pub disk_mib: Option<u32>,
    /// Where to take it instead of the one before it.
    pub when: &'static str,
}

const fn client_only(name: &'static str, client: &'static str, disk_mib: Option<u32>, when: &'static str) -> Package {
    Package { name, client, has_server: false, disk_mib, when }
}

const fn with_server(name: &'static str, client: &'static str, when: &'static str) -> Package {
    Package { name, client, has_server: true, disk_mib: None, when }
}

/// <https://docs.aws.amazon.com/AmazonElastiCache/latest/dg/connect-tls.html>
const VALKEY: Package = with_server("valkey", "valkey-cli", "the repository has it");
/// <https://docs.aws.amazon.com/AmazonElastiCache/latest/dg/set-up.html>
const REDIS6: Package = with_server("redis6", "redis6-cli", "the repository has no valkey, as before 2023.6.20250203");
/// <https://packages.debian.org/valkey-tools>, <https://packages.ubuntu.com/valkey-tools>
const VALKEY_TOOLS: Package =
    client_only("valkey-tools", "valkey-cli", Some(7), "a repository with it is enabled, such as the backports");
/// <https://packages.debian.org/redis-tools>
const REDIS_TOOLS: Package = client_only("redis-tools", "redis-cli", Some(6), "the release has no valkey-tools");
/// Not seen on a machine: <https://packages.fedoraproject.org/pkgs/valkey/valkey/>
const VALKEY_OF_EPEL: Package = with_server("valkey", "valkey-cli", "EPEL is enabled, which has it");
/// Redis 6.2 of AppStream. Not seen on a machine:
/// <https://docs.redhat.com/en/documentation/red_hat_enterprise_linux/9/html/package_manifest>
const REDIS_9: Package = with_server("redis", "redis-cli", "EPEL is not enabled");
/// The stream 6 of the module; the default stream is Redis 5, which has no TLS. Not seen on a machine:
/// <https://docs.redhat.com/en/documentation/red_hat_enterprise_linux/8/html/package_manifest>
const REDIS_8: Package = with_server("@redis:6", "redis-cli", "EPEL is not enabled");
/// <https://software.opensuse.org/package/redis>
const REDIS_OF_SUSE: Package = with_server("redis", "redis-cli", "the release has no valkey");
/// <https://pkgs.alpinelinux.org/packages?name=valkey-cli>
const VALKEY_CLI: Package = client_only("valkey-cli", "valkey-cli", None, "the repository has it");
/// <https://pkgs.alpinelinux.org/packages?name=redis>
const REDIS_OF_ALPINE: Package = with_server("redis", "redis-cli", "the release has no valkey-cli, as before 3.20");

/// The packages to take a client from, best first. Every one has TLS: redis has since Redis 6.
pub fn packages(platform: &Platform) -> &'static [Package] {
    use System::{
        Alpine, AmazonLinux2, AmazonLinux2023, Arch, Debian, Distroless, Fedora, Macos, OpensuseLeap,
        OpensuseTumbleweed, Other, Sles, Ubuntu,
    };
    match platform.id {
        AmazonLinux2023 => &[VALKEY, REDIS6],
        Debian if platform.is_since(&[11]) => &[VALKEY_TOOLS, REDIS_TOOLS],
        Ubuntu if platform.is_since(&[22, 4]) => &[VALKEY_TOOLS, REDIS_TOOLS],
        Debian | Ubuntu => &[VALKEY_TOOLS],
        // <https://packages.fedoraproject.org/pkgs/valkey/valkey/>, <https://archlinux.org/packages/extra/x86_64/valkey/>,
        // <https://formulae.brew.sh/formula/valkey>, <https://ports.macports.org/port/valkey/>
        Fedora | Arch | Macos | OpensuseTumbleweed => &[VALKEY],
        // <https://software.opensuse.org/package/valkey>
        Sles | OpensuseLeap => &[VALKEY, REDIS_OF_SUSE],
        Alpine if platform.is_since(&[3, 20]) => &[VALKEY_CLI, REDIS_OF_ALPINE],
        Alpine => &[REDIS_OF_ALPINE],
        AmazonLinux2 | Distroless | Other => &[],
        // Red Hat Enterprise Linux and its kin. In 10 valkey is in AppStream, and there is no redis.
        _ if platform.is_since(&[10]) => &[VALKEY],
        _ if platform.is_since(&[9]) => &[VALKEY_OF_EPEL, REDIS_9],
        _ if platform.is_since(&[8]) => &[VALKEY_OF_EPEL, REDIS_8],
        _ => &[],
    }
}

/// The package that a system is sure to have by itself, as long as its package manager was not asked.
pub fn standard(platform: &Platform) -> Option<Package> {
    let has_the_first = match platform.id {
        System::Debian => platform.is_since(&[13]),
        System::Ubuntu => platform.is_since(&[24, 4]),
        System::Sles | System::OpensuseLeap => platform.is_since(&[15, 7]),
        _ if platform.is_enterprise_linux() => platform.is_since(&[10]),
        _ => true,
    };
    packages(platform).get(usize::from(!has_the_first)).copied()
}

impl Package {
    /// Whether it is a module or a group, which a package manager installs and is not asked for.
    pub fn is_module(&self) -> bool {
        self.name.starts_with('@')
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_package_is_expected_where_the_release_has_it() {
        for (id, expected) in [
            ("amazon-linux-2023", Some("valkey")),
            ("amazon-linux-2", None),
            ("debian", Some("valkey-tools")),
            ("debian-13", Some("valkey-tools")),
            ("debian-12", Some("redis-tools")),
            ("debian-10", None),
            ("ubuntu-24.04", Some("valkey-tools")),
            ("ubuntu-22.04", Some("redis-tools")),
            ("ubuntu-20.04", None),
            ("rhel-10", Some("valkey")),
            ("rocky-9.4", Some("redis")),
            ("almalinux-8", Some("@redis:6")),
            ("oracle-linux-7", None),
            ("centos-stream", Some("valkey")),
            ("fedora-42", Some("valkey")),
            ("sles-15.6", Some("redis")),
            ("sles-15.7", Some("valkey")),
            ("opensuse-leap-16.0", Some("valkey")),
            ("opensuse-tumbleweed", Some("valkey")),
            ("alpine-3.19", Some("redis")),
            ("alpine-3.20", Some("valkey-cli")),
            ("arch", Some("valkey")),
            ("macos", Some("valkey")),
            ("distroless", None),
            ("linux", None),
        ] {
            let platform = Platform::of_id(id).unwrap();
            assert_eq!(standard(&platform).map(|package| package.name), expected, "{id}");
        }
    }

    #[test]
    fn the_client_comes_alone_where_the_system_has_it_alone() {
        for (id, has_server) in
            [("debian-12", false), ("ubuntu", false), ("alpine", false), ("fedora", true), ("arch", true)]
        {
            let package = standard(&Platform::of_id(id).unwrap()).unwrap();
            assert_eq!(package.has_server, has_server, "{id}");
        }
    }
}
