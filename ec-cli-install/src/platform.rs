//! Which system this is: the text of os-release becomes a [`Platform`]. Pure.

use serde::{Deserialize, Serialize};

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
    /// Anything else.
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
}

impl Platform {
    /// The systems that `--os` takes; Debian and Ubuntu also with a version, as in `debian-12`.
    pub const IDS: &'static str = "amazon-linux-2023, amazon-linux-2, debian[-VERSION], ubuntu[-VERSION]";

    /// Reads the text of `/etc/os-release`.
    pub fn of_os_release(text: &str) -> Self {
        let value = |key: &str| {
            text.lines().rev().find_map(|line| line.trim().strip_prefix(key)?.strip_prefix('=').map(unquote))
        };
        let version = value("VERSION_ID").filter(|version| !version.is_empty());
        let name = value("PRETTY_NAME").or_else(|| value("NAME")).unwrap_or_else(|| "an unnamed system".to_owned());
        let like = value("ID_LIKE").unwrap_or_default();
        let is_like = |id: &str| like.split_ascii_whitespace().any(|word| word == id);
        let (id, version) = match (value("ID").unwrap_or_default().as_str(), version.as_deref()) {
            ("amzn", Some("2023")) => (System::AmazonLinux2023, None),
            ("amzn", Some("2")) => (System::AmazonLinux2, None),
            ("debian", _) => (System::Debian, version),
            ("ubuntu", _) => (System::Ubuntu, version),
            // What is built on Ubuntu mostly names Debian, too. Its version numbers are its own.
            _ if is_like("ubuntu") => (System::Ubuntu, None),
            _ if is_like("debian") => (System::Debian, None),
            _ => (System::Other, version),
        };
        Self { id, version, name }
    }

    /// Reads a value of `--os`.
    ///
    /// # Errors
    /// A sentence for clap to show.
    pub fn of_id(text: &str) -> Result<Self, String> {
        let with_version = |system: &str| {
            let rest = text.strip_prefix(system)?;
            let number = |rest: &str| {
                rest.strip_prefix('-').filter(|version| version.split('.').all(is_number)).map(str::to_owned)
            };
            if rest.is_empty() { Some(None) } else { number(rest).map(Some) }
        };
        let platform = |id, version: Option<String>, name: &str| {
            let name = version.as_ref().map_or_else(|| name.to_owned(), |version| format!("{name} {version}"));
            Self { id, version, name }
        };
        match text {
            "amazon-linux-2023" => return Ok(platform(System::AmazonLinux2023, None, "Amazon Linux 2023")),
            "amazon-linux-2" => return Ok(platform(System::AmazonLinux2, None, "Amazon Linux 2")),
            _ => {}
        }
        let debian = with_version("debian").map(|version| platform(System::Debian, version, "Debian"));
        let ubuntu = || with_version("ubuntu").map(|version| platform(System::Ubuntu, version, "Ubuntu"));
        debian.or_else(ubuntu).ok_or_else(|| format!("known are {}", Self::IDS))
    }

    /// Whether `wanted`, a value of `--os` or of a plan, is this system. A system without a recipe may be taken for any.
    pub fn is(&self, wanted: &Self) -> bool {
        let same_version = match (&self.version, &wanted.version) {
            (Some(here), Some(there)) => here == there,
            _ => true,
        };
        self.id == System::Other || (self.id == wanted.id && same_version)
    }

    /// Whether the version is `least` or later; a version that is not known counts as a late one.
    pub fn is_since(&self, least: &[u32]) -> bool {
        let Some(version) = &self.version else { return true };
        let numbers: Vec<u32> = version.split('.').map_while(|part| part.parse().ok()).collect();
        numbers.as_slice() >= least
    }
}

fn is_number(text: &str) -> bool {
    !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit())
}

/// A value of os-release, which is a shell assignment.
fn unquote(value: &str) -> String {
    let value = value.trim();
    let inner = |quote: char| value.strip_prefix(quote).and_then(|value| value.strip_suffix(quote));
    if let Some(value) = inner('\'') {
        return value.to_owned();
    }
    let mut plain = String::new();
    let mut chars = inner('"').unwrap_or(value).chars();
    while let Some(c) = chars.next() {
        plain.push(if c == '\\' { chars.next().unwrap_or(c) } else { c });
    }
    plain
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(text: &str) -> (System, Option<String>, String) {
        let platform = Platform::of_os_release(text);
        (platform.id, platform.version, platform.name)
    }

    #[test]
    fn the_four_systems_are_recognised_by_their_own_os_release() {
        for (text, id, version, name) in [
            (
                include_str!("../tests/os-release/amazon-linux-2023"),
                System::AmazonLinux2023,
                None,
                "Amazon Linux 2023.6.20250203",
            ),
            (include_str!("../tests/os-release/amazon-linux-2"), System::AmazonLinux2, None, "Amazon Linux 2"),
            (
                include_str!("../tests/os-release/debian-12"),
                System::Debian,
                Some("12"),
                "Debian GNU/Linux 12 (bookworm)",
            ),
            (include_str!("../tests/os-release/ubuntu-24.04"), System::Ubuntu, Some("24.04"), "Ubuntu 24.04.1 LTS"),
        ] {
            assert_eq!(of(text), (id, version.map(str::to_owned), name.to_owned()));
        }
    }

    #[test]
    fn a_relative_is_taken_for_its_family_without_a_version() {
        assert_eq!(of("ID=linuxmint\nID_LIKE=\"ubuntu debian\"\nVERSION_ID=\"22\"\n").0, System::Ubuntu);
        assert_eq!(of("ID=raspbian\nID_LIKE=debian\nVERSION_ID=12\n").1, None);
    }

    #[test]
    fn a_system_without_a_recipe_is_other() {
        for text in
            ["ID=alpine\nVERSION_ID=3.22.0\n", "ID=amzn\nVERSION_ID=2018.03\n", "ID=\"fedora\"\n", "", "\0\nID\n=\n"]
        {
            assert_eq!(of(text).0, System::Other, "{text:?}");
        }
    }

    #[test]
    fn values_are_read_as_a_shell_reads_them_and_the_last_counts() {
        assert_eq!(of("PRETTY_NAME='It is'\n").2, "It is");
        assert_eq!(of("PRETTY_NAME=\"a \\\"b\\\" \\$c\"\r\n").2, "a \"b\" $c");
        assert_eq!(of("ID=alpine\nID=debian\n").0, System::Debian);
    }

    #[test]
    fn ids_of_systems_are_taken_with_and_without_a_version() {
        assert_eq!(Platform::of_id("debian-12").unwrap().version.as_deref(), Some("12"));
        assert_eq!(Platform::of_id("ubuntu").unwrap().version, None);
        for wrong in ["", "debian-", "debian-bookworm", "ubuntux", "Debian", "amazon-linux", "alpine"] {
            assert!(Platform::of_id(wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn versions_compare_by_their_numbers() {
        let ubuntu = |version| Platform::of_id(version).unwrap();
        assert!(!ubuntu("ubuntu-22.04").is_since(&[24, 4]));
        assert!(ubuntu("ubuntu-24.04").is_since(&[24, 4]) && ubuntu("ubuntu-26.04").is_since(&[24, 4]));
        assert!(ubuntu("ubuntu").is_since(&[24, 4]));
    }
}
