//! Which system this is: the text of os-release becomes a [`Platform`]. Pure.
//!
//! os-release: <https://www.freedesktop.org/software/systemd/man/latest/os-release.html>.

mod os_release;

use serde::{Deserialize, Serialize};

use os_release::{Text, base_release};

/// A system that there is a recipe for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum System {
    /// Amazon Linux 2023.
    #[serde(rename = "amazon-linux-2023")]
    AmazonLinux2023,
    /// Amazon Linux 2.
    #[serde(rename = "amazon-linux-2")]
    AmazonLinux2,
    /// Debian and what is built on it.
    Debian,
    /// Ubuntu and what is built on it.
    Ubuntu,
    /// Red Hat Enterprise Linux and what is built of its sources.
    Rhel,
    /// CentOS Stream.
    CentosStream,
    /// Rocky Linux.
    Rocky,
    /// AlmaLinux.
    Almalinux,
    /// Oracle Linux.
    OracleLinux,
    /// Fedora and what is built on it.
    Fedora,
    /// SUSE Linux Enterprise.
    Sles,
    /// openSUSE Leap.
    OpensuseLeap,
    /// openSUSE Tumbleweed and what is built on it.
    OpensuseTumbleweed,
    /// Alpine Linux.
    Alpine,
    /// Arch Linux and what is built on it.
    Arch,
    /// macOS.
    Macos,
    /// An image without a package manager and a shell, which nothing can be installed into.
    Distroless,
    /// Any other.
    Other,
}

/// A system and its version.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Platform {
    /// The system.
    pub id: System,
    /// `12`, `24.04`; absent where the system does not say, or where its numbers are not those of `id`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub version: Option<String>,
    /// The name that the system gives itself.
    pub name: String,
    /// The processor, as `uname -m` calls it; absent in a plan for another machine.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub arch: Option<String>,
    /// The kind of container that this is known to be in.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub container: Option<String>,
}

/// What is known of a system by name.
struct Known {
    system: System,
    /// Its id in `--os` and in documents.
    id: &'static str,
    /// What `ID` is in its os-release.
    ids: &'static [&'static str],
    name: &'static str,
    /// Whether recipes depend on its version.
    has_versions: bool,
}

const KNOWN: &[Known] = &[
    known(System::AmazonLinux2023, "amazon-linux-2023", &[], "Amazon Linux 2023", false),
    known(System::AmazonLinux2, "amazon-linux-2", &[], "Amazon Linux 2", false),
    known(System::Debian, "debian", &["debian"], "Debian", true),
    known(System::Ubuntu, "ubuntu", &["ubuntu"], "Ubuntu", true),
    known(System::Rhel, "rhel", &["rhel"], "Red Hat Enterprise Linux", true),
    known(System::CentosStream, "centos-stream", &["centos"], "CentOS Stream", true),
    known(System::Rocky, "rocky", &["rocky"], "Rocky Linux", true),
    known(System::Almalinux, "almalinux", &["almalinux"], "AlmaLinux", true),
    known(System::OracleLinux, "oracle-linux", &["ol"], "Oracle Linux", true),
    known(System::Fedora, "fedora", &["fedora"], "Fedora", true),
    known(System::Sles, "sles", &["sles", "sles_sap", "sled"], "SUSE Linux Enterprise Server", true),
    known(System::OpensuseLeap, "opensuse-leap", &["opensuse-leap"], "openSUSE Leap", true),
    known(System::OpensuseTumbleweed, "opensuse-tumbleweed", &["opensuse-tumbleweed"], "openSUSE Tumbleweed", false),
    known(System::Alpine, "alpine", &["alpine"], "Alpine Linux", true),
    known(System::Arch, "arch", &["arch", "archarm"], "Arch Linux", false),
    known(System::Macos, "macos", &[], "macOS", true),
    // Systems that only run containers have no package manager either.
    known(System::Distroless, "distroless", &["bottlerocket", "flatcar", "cos"], "an image without a shell", false),
    known(System::Other, "linux", &[], "Linux", false),
];

const fn known(
    system: System,
    id: &'static str,
    ids: &'static [&'static str],
    name: &'static str,
    has_versions: bool,
) -> Known {
    Known { system, id, ids, name, has_versions }
}

impl Platform {
    /// Reads the text of `/etc/os-release`. An empty text, as in an image without that file, is a system without a name.
    pub fn of_os_release(text: &str) -> Self {
        let text = Text(text);
        let version = text.value("VERSION_ID").filter(|version| !version.is_empty());
        let name = text.value("PRETTY_NAME").or_else(|| text.value("NAME")).filter(|name| !name.is_empty());
        let name = name.unwrap_or_else(|| "an unnamed system".to_owned());
        let id = text.value("ID").unwrap_or_default().to_ascii_lowercase();
        let (id, version) = match (id.as_str(), version.as_deref()) {
            ("amzn", Some("2023")) => (System::AmazonLinux2023, None),
            ("amzn", Some("2")) => (System::AmazonLinux2, None),
            // The first Amazon Linux resembles nothing that is still looked after.
            ("amzn", _) => (System::Other, version),
            // Distroless images call themselves Debian, and have nothing of it but some libraries.
            _ if name == "Distroless" => (System::Distroless, None),
            (id, _) => match KNOWN.iter().find(|known| known.ids.contains(&id)) {
                Some(known) => (known.system, version.filter(|_| known.has_versions)),
                None => relative(&text, version),
            },
        };
        Self { id, version, name, arch: None, container: None }
    }

    /// Reads `SystemVersion.plist`, in which macOS says what it is.
    pub fn of_system_version(plist: &str) -> Self {
        let value = |key: &str| {
            let rest = plist.split_once(&format!("<key>{key}</key>"))?.1.trim_start().strip_prefix("<string>")?;
            rest.split_once('<').map(|(value, _)| value.to_owned())
        };
        let version = value("ProductVersion");
        let name = value("ProductName").into_iter().chain(version.clone()).collect::<Vec<_>>().join(" ");
        Self { id: System::Macos, version, name, arch: None, container: None }
    }

    /// Reads a value of `--os`: an id, or an id and a version as in `debian-12`.
    ///
    /// # Errors
    /// A sentence for clap to show.
    pub fn of_id(text: &str) -> Result<Self, String> {
        let read = |known: &Known| {
            let rest = text.strip_prefix(known.id)?;
            let version = match rest.strip_prefix('-') {
                None if rest.is_empty() => None,
                Some(version) if known.has_versions && version.split('.').all(is_number) => Some(version.to_owned()),
                _ => return None,
            };
            let words: Vec<&str> = [Some(known.name), version.as_deref()].into_iter().flatten().collect();
            Some(Self { id: known.system, name: words.join(" "), version, arch: None, container: None })
        };
        KNOWN.iter().find_map(read).ok_or_else(|| {
            let ids: Vec<&str> = KNOWN.iter().map(|known| known.id).collect();
            format!("known are {}; most also with a version, as in debian-12", ids.join(", "))
        })
    }

    /// Whether `wanted`, a value of `--os` or of a plan, is this system. A system without a recipe may be taken for any.
    pub fn is(&self, wanted: &Self) -> bool {
        let same_version = match (&self.version, &wanted.version) {
            // Releases have as many numbers as they need: 9 is all of 9.4.
            (Some(here), Some(there)) => {
                here.strip_prefix(there.as_str()).is_some_and(|rest| rest.is_empty() || rest.starts_with('.'))
            }
            _ => true,
        };
        self.id == System::Other || (self.id == wanted.id && same_version)
    }

    /// Whether the version is `least` or later; a version that is not known counts as a late one.
    pub fn is_since(&self, least: &[u32]) -> bool {
        let Some(version) = &self.version else { return true };
        // `3.23_alpha20250612` is a version, too.
        let number = |part: &str| {
            let end = part.find(|c: char| !c.is_ascii_digit()).unwrap_or(part.len());
            part[..end].parse().ok()
        };
        let numbers: Vec<u32> = version.split('.').map_while(number).collect();
        numbers.as_slice() >= least
    }

    /// Whether it is Red Hat Enterprise Linux, or built of its sources: packages and their versions are then the same.
    pub fn is_enterprise_linux(&self) -> bool {
        use System::{Almalinux, CentosStream, OracleLinux, Rhel, Rocky};
        matches!(self.id, Rhel | CentosStream | Rocky | Almalinux | OracleLinux)
    }

    /// The first number of the version.
    pub fn major(&self) -> Option<&str> {
        self.version.as_deref()?.split('.').next()
    }
}

/// The system that an unknown one is built on, as it says itself: with the version of that one, where it tells it.
fn relative(text: &Text<'_>, version: Option<String>) -> (System, Option<String>) {
    let like = text.value("ID_LIKE").unwrap_or_default().to_ascii_lowercase();
    let is_like = |ids: &[&str]| like.split_ascii_whitespace().any(|word| ids.contains(&word));
    let codename = |keys: &[&str]| keys.iter().find_map(|key| base_release(&text.value(key)?)).map(str::to_owned);
    let platform = text.value("PLATFORM_ID").unwrap_or_default();
    // The platform of modules: el9 is what is built of the sources of Red Hat Enterprise Linux 9.
    if let Some(release) = platform.strip_prefix("platform:el").filter(|release| is_number(release)) {
        return (System::Rhel, Some(release.to_owned()));
    }
    // What is built on Ubuntu mostly names Debian, too. The version numbers of all these are their own.
    if is_like(&["ubuntu"]) {
        (System::Ubuntu, codename(&["UBUNTU_CODENAME", "VERSION_CODENAME"]))
    } else if is_like(&["debian"]) {
        (System::Debian, codename(&["DEBIAN_CODENAME", "VERSION_CODENAME"]))
    } else if is_like(&["opensuse-tumbleweed", "opensuse", "suse"]) {
        (System::OpensuseTumbleweed, None)
    } else if is_like(&["alpine"]) {
        (System::Alpine, None)
    } else if is_like(&["arch", "archlinux"]) {
        (System::Arch, None)
    } else if is_like(&["fedora"]) && !is_like(&["rhel", "centos"]) {
        (System::Fedora, None)
    } else {
        (System::Other, version)
    }
}

fn is_number(text: &str) -> bool {
    !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit())
}

#[cfg(test)]
mod tests;
