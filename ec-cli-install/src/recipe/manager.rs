//! Package managers: how each is asked, what it installs with, and what it never asks back.

use crate::platform::{Platform, System};

/// A package manager.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Manager {
    /// apt, of Debian and Ubuntu.
    Apt,
    /// dnf, of Amazon Linux 2023, Fedora and Red Hat Enterprise Linux since 8.
    Dnf,
    /// dnf, with the latest repository of Amazon Linux 2023 instead of the one that the image is locked to:
    /// <https://docs.aws.amazon.com/linux/al2023/ug/deterministic-upgrades.html>.
    DnfLatest,
    /// yum, of Amazon Linux 2.
    Yum,
    /// zypper, of SUSE.
    Zypper,
    /// apk, of Alpine.
    Apk,
    /// pacman, of Arch.
    Pacman,
    /// Homebrew, on macOS.
    Brew,
    /// MacPorts, on macOS.
    Port,
}

impl Manager {
    /// The package managers of a system, the usual one first.
    pub fn all_of(platform: &Platform) -> &'static [Self] {
        match platform.id {
            System::Debian | System::Ubuntu => &[Self::Apt],
            System::AmazonLinux2 => &[Self::Yum],
            System::AmazonLinux2023 | System::Fedora => &[Self::Dnf],
            System::Sles | System::OpensuseLeap | System::OpensuseTumbleweed => &[Self::Zypper],
            System::Alpine => &[Self::Apk],
            System::Arch => &[Self::Pacman],
            System::Macos => &[Self::Brew, Self::Port],
            _ if platform.is_enterprise_linux() && platform.is_since(&[8]) => &[Self::Dnf],
            _ if platform.is_enterprise_linux() => &[Self::Yum],
            _ => &[],
        }
    }

    /// The usual package manager of a system.
    pub fn of(platform: &Platform) -> Option<Self> {
        Self::all_of(platform).first().copied()
    }

    /// What to ask where this manager has none of the packages.
    pub fn wider(self, platform: &Platform) -> Option<Self> {
        (self == Self::Dnf && platform.id == System::AmazonLinux2023).then_some(Self::DnfLatest)
    }

    /// Its name, as it stands in documents.
    pub fn name(self) -> &'static str {
        match self {
            Self::Apt => "apt",
            Self::Dnf | Self::DnfLatest => "dnf",
            Self::Yum => "yum",
            Self::Zypper => "zypper",
            Self::Apk => "apk",
            Self::Pacman => "pacman",
            Self::Brew => "brew",
            Self::Port => "port",
        }
    }

    /// The program that installs.
    pub fn program(self) -> &'static str {
        if self == Self::Apt { "apt-get" } else { self.name() }
    }

    /// Whether it has to be root. Homebrew refuses to be.
    pub fn needs_root(self) -> bool {
        self != Self::Brew
    }

    /// The command that tells which of the packages `names` can be had; [`super::answers::offers`] reads its answer.
    pub fn ask<'a>(self, names: impl IntoIterator<Item = &'a str>) -> Vec<&'a str> {
        let words: &[&str] = match self {
            Self::Apt => &["apt-cache", "policy"],
            Self::Dnf => &["dnf", "-q", "repoquery", "--qf", "%{name} %{version}\\n"],
            Self::DnfLatest => &["dnf", "-q", "--releasever=latest", "repoquery", "--qf", "%{name} %{version}\\n"],
            Self::Yum => &["yum", "-q", "info"],
            // Without refreshing, which takes root.
            Self::Zypper => &["zypper", "--non-interactive", "--no-refresh", "search", "--details", "--match-exact"],
            Self::Apk => &["apk", "policy"],
            Self::Pacman => &["pacman", "-Si"],
            Self::Brew => &["env", "HOMEBREW_NO_AUTO_UPDATE=1", "brew", "info", "--json=v2"],
            Self::Port => &["port", "-q", "info", "--name", "--version"],
        };
        words.iter().copied().chain(names).collect()
    }

    /// The command that installs `package` and what it cannot do without; it removes nothing, and asks nothing.
    pub fn install(self, package: &str) -> Vec<&str> {
        self.install_all(&[package])
    }

    /// The command that installs `packages`.
    pub fn install_all<'a>(self, packages: &[&'a str]) -> Vec<&'a str> {
        let words: &[&str] = match self {
            Self::Apt => &[
                "env",
                "DEBIAN_FRONTEND=noninteractive",
                "apt-get",
                "install",
                "-y",
                "--no-install-recommends",
                "--no-remove",
            ],
            Self::Dnf => &["dnf", "install", "-y"],
            Self::DnfLatest => &["dnf", "install", "-y", "--releasever=latest"],
            Self::Yum => &["yum", "install", "-y"],
            Self::Zypper => &["zypper", "--non-interactive", "install", "--no-recommends"],
            Self::Apk => &["apk", "add"],
            Self::Pacman => &["pacman", "-S", "--noconfirm", "--needed"],
            Self::Brew => &["brew", "install"],
            Self::Port => &["port", "-N", "install"],
        };
        words.iter().chain(packages).copied().collect()
    }

    /// The command that loads the package lists, where the manager does not do so by itself.
    ///
    /// pacman's are only loaded where there are none: newer lists on an older system make what Arch calls a partial
    /// upgrade, which it does not support (<https://wiki.archlinux.org/title/System_maintenance>).
    pub fn refresh(self) -> Option<Vec<&'static str>> {
        Some(match self {
            Self::Apt => vec!["apt-get", "update"],
            Self::Zypper => vec!["zypper", "--non-interactive", "refresh"],
            Self::Apk => vec!["apk", "update"],
            Self::Pacman => vec!["pacman", "-Sy"],
            Self::Dnf | Self::DnfLatest | Self::Yum | Self::Brew | Self::Port => return None,
        })
    }
}
