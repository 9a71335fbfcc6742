//! How a client gets onto each system: a platform becomes steps, with the exact command lines. Pure.

use serde::{Deserialize, Serialize};

use crate::plan::Site;
use crate::platform::{Platform, System};
use crate::source::Tarball;

/// The release that a source build takes where no tarball is given.
const RELEASE: &str = "9.1.0";
/// Where its tarball is.
const RELEASE_URL: &str = "https://github.com/valkey-io/valkey/archive/refs/tags/9.1.0.tar.gz";
/// Its SHA-256.
const RELEASE_SHA256: &str = "7789fe1df257774457bafb4c1d56c9f7020c3879a7f5b4234af9030b2bd82dfd";

/// One step: a command line, and what it is good for.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Step {
    /// What it is good for.
    pub purpose: String,
    /// The command line, as a shell takes it, without `sudo`.
    pub command: String,
    /// Whether the command takes `sudo`.
    pub sudo: bool,
    /// What it loads, where it loads a file.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub download: Option<Download>,
    /// The files that it leaves for good, where that is known.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub files: Vec<String>,
}

/// A file to load.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Download {
    /// Its address.
    pub url: String,
    /// Its SHA-256.
    pub sha256: String,
}

/// Another way, and when to go it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Alternative {
    /// When to go it.
    pub when: String,
    /// The step that replaces its counterpart.
    pub step: Step,
}

/// The steps, and what to do where one does not fit.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Recipe {
    /// The steps, in order.
    pub steps: Vec<Step>,
    /// Other ways.
    pub alternatives: Vec<Alternative>,
}

/// A package that holds a client with TLS.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Package {
    /// Its name.
    pub name: &'static str,
    /// The client in it.
    pub client: &'static str,
    /// Where to take it instead of the one before it.
    when: &'static str,
}

/// A package manager.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Manager {
    /// apt, of Debian and Ubuntu.
    Apt,
    /// dnf, of Amazon Linux 2023.
    Dnf,
}

const VALKEY: Package = Package { name: "valkey", client: "valkey-cli", when: "the repository has it" };
const REDIS6: Package =
    Package { name: "redis6", client: "redis6-cli", when: "the repository has no valkey, as before 2023.6.20250203" };
const VALKEY_TOOLS: Package = Package {
    name: "valkey-tools",
    client: "valkey-cli",
    when: "a repository with it is enabled, such as the backports",
};
const REDIS_TOOLS: Package =
    Package { name: "redis-tools", client: "redis-cli", when: "the release has no valkey-tools" };

impl Manager {
    /// The package manager of a system that has a package recipe.
    pub fn of(platform: &Platform) -> Option<Self> {
        match platform.id {
            System::AmazonLinux2023 => Some(Self::Dnf),
            System::Debian | System::Ubuntu => Some(Self::Apt),
            System::AmazonLinux2 | System::Other => None,
        }
    }

    /// Its name, as it stands in documents.
    pub fn name(self) -> &'static str {
        match self {
            Self::Apt => "apt",
            Self::Dnf => "dnf",
        }
    }

    /// The command that tells which of `packages` can be had.
    pub fn ask(self, packages: &[Package]) -> Vec<&'static str> {
        let names = packages.iter().map(|package| package.name);
        match self {
            Self::Apt => ["apt-cache", "policy"].into_iter().chain(names).collect(),
            Self::Dnf => ["dnf", "-q", "repoquery", "--qf", "%{name} %{version}\\n"].into_iter().chain(names).collect(),
        }
    }

    /// The command that installs `package` and what it cannot do without; it removes nothing, and asks nothing.
    pub fn install(self, package: &str) -> Vec<&str> {
        match self {
            Self::Apt => vec![
                "env",
                "DEBIAN_FRONTEND=noninteractive",
                "apt-get",
                "install",
                "-y",
                "--no-install-recommends",
                "--no-remove",
                package,
            ],
            Self::Dnf => vec!["dnf", "install", "-y", package],
        }
    }

    /// The command that loads the package lists, where the manager does not do so by itself.
    pub fn refresh(self) -> Option<Vec<&'static str>> {
        (self == Self::Apt).then(|| vec!["apt-get", "update"])
    }
}

/// The packages to take a client from, best first. Every one has TLS: redis-tools has since Redis 6.
pub fn packages(platform: &Platform) -> &'static [Package] {
    match platform.id {
        System::AmazonLinux2023 => &[VALKEY, REDIS6],
        System::Debian if platform.is_since(&[11]) => &[VALKEY_TOOLS, REDIS_TOOLS],
        System::Ubuntu if platform.is_since(&[22, 4]) => &[VALKEY_TOOLS, REDIS_TOOLS],
        System::Debian | System::Ubuntu => &[VALKEY_TOOLS],
        System::AmazonLinux2 | System::Other => &[],
    }
}

/// The package that a system is sure to have by itself, as long as its package manager was not asked.
pub fn standard(platform: &Platform) -> Option<Package> {
    let has_valkey = match platform.id {
        System::Debian => platform.is_since(&[13]),
        System::Ubuntu => platform.is_since(&[24, 4]),
        _ => true,
    };
    let packages = packages(platform);
    if has_valkey {
        packages.first().copied()
    } else {
        packages.iter().find(|package| **package == REDIS_TOOLS).copied()
    }
}

/// How to install `package`; `others` may be taken instead, and `is_fresh` says whether the package lists are there.
pub fn from_package(
    platform: &Platform,
    package: Package,
    others: &[Package],
    is_fresh: bool,
    is_root: bool,
) -> Recipe {
    let Some(manager) = Manager::of(platform) else { return Recipe::default() };
    let install = |name: &str, client: &str| {
        Step::new(format!("install {name}, which holds {client}"), &manager.install(name)).sudo(!is_root)
    };
    let mut recipe = Recipe::default();
    if let Some(refresh) = manager.refresh().filter(|_| !is_fresh) {
        recipe.steps.push(Step::new("load the package lists", &refresh).sudo(!is_root));
    }
    recipe.steps.push(install(package.name, package.client));
    if package == VALKEY {
        let words = ["dnf", "install", "-y", "--releasever=latest", VALKEY.name];
        recipe.alternatives.push(Alternative {
            when: "dnf finds no valkey: an image is locked to the repository of its own day".to_owned(),
            step: Step::new("install valkey of the latest repository", &words).sudo(!is_root),
        });
    }
    for other in others.iter().filter(|other| **other != package) {
        recipe.alternatives.push(Alternative { when: other.when.to_owned(), step: install(other.name, other.client) });
    }
    recipe
}

/// The release that a source build loads where nothing else is asked for.
pub fn release() -> Download {
    Download { url: RELEASE_URL.to_owned(), sha256: RELEASE_SHA256.to_owned() }
}

/// How to build the client from `tarball`, or from the latest known release.
pub fn from_source(platform: &Platform, tarball: Option<&Tarball>, site: &Site, is_root: bool) -> Recipe {
    let mut recipe = Recipe::default();
    if !site.has_toolchain {
        recipe.steps.extend(toolchain(platform, is_root));
    }
    let release = format!("valkey-{RELEASE}");
    let packed = format!("{release}.tar.gz");
    if tarball.is_none() {
        let words = ["curl", "-fsSL", "-o", &packed, &site.origin.url];
        let mut step = Step::new(format!("load the source of Valkey {RELEASE}"), &words);
        step.download = Some(site.origin.clone());
        recipe.steps.push(step);
    }
    let (file, top, sha256) = match tarball {
        Some(tarball) => {
            (tarball.path.display().to_string(), tarball.inside.top.display().to_string(), tarball.sha256.as_str())
        }
        None => (packed, release, site.origin.sha256.as_str()),
    };
    let mut check = Step::new("check that it is the right one", &[""; 0]);
    check.command = format!("echo {} | sha256sum -c", quoted(&format!("{sha256}  {file}")));
    recipe.steps.push(check);
    recipe.steps.push(Step::new("unpack it", &["tar", "xf", &file]));
    let mut words = make(site.cores);
    words.splice(1..1, ["-C".to_owned(), top.clone()]);
    recipe.steps.push(Step::new("build the client, and only the client, with TLS", &words));
    let (built, target) = (format!("{top}/src/valkey-cli"), site.target.display().to_string());
    let words = ["install", "-D", "-m", "755", &built, &target];
    let mut install = Step::new("install it", &words).sudo(!is_root && !site.is_writable);
    install.files.push(target);
    recipe.steps.push(install);
    if platform.id == System::AmazonLinux2 {
        let words = ["yum", "install", "-y", "gcc", "make", "openssl11-devel"];
        recipe.alternatives.push(Alternative {
            when: "the cache has a public endpoint, which wants TLS 1.3: OpenSSL 1.1.1 instead of 1.0.2".to_owned(),
            step: Step::new("install what a build needs", &words).sudo(!is_root),
        });
    }
    recipe
}

/// The step that installs what a build needs, on systems where that is known.
pub fn toolchain(platform: &Platform, is_root: bool) -> Option<Step> {
    let words: &[&str] = match platform.id {
        System::AmazonLinux2023 => &["dnf", "install", "-y", "gcc", "make", "openssl-devel"],
        System::AmazonLinux2 => &["yum", "install", "-y", "gcc", "make", "openssl-devel"],
        System::Debian | System::Ubuntu => {
            &["apt-get", "install", "-y", "--no-install-recommends", "gcc", "make", "libc6-dev", "libssl-dev"]
        }
        System::Other => return None,
    };
    Some(Step::new("install what a build needs", words).sudo(!is_root))
}

/// The command that builds the client, in the directory of the source.
pub fn make(cores: usize) -> Vec<String> {
    ["make", &format!("-j{cores}"), "valkey-cli", "BUILD_TLS=yes", "MALLOC=libc"].map(str::to_owned).to_vec()
}

impl Step {
    fn new<W: AsRef<str>>(purpose: impl Into<String>, words: &[W]) -> Self {
        let command = words.iter().map(|word| quoted(word.as_ref())).collect::<Vec<_>>().join(" ");
        Self { purpose: purpose.into(), command, sudo: false, download: None, files: Vec::new() }
    }

    fn sudo(mut self, sudo: bool) -> Self {
        self.sudo = sudo;
        self
    }

    /// The line to type.
    pub fn as_typed(&self) -> String {
        if self.sudo { format!("sudo {}", self.command) } else { self.command.clone() }
    }
}

/// A word as a shell takes it.
pub fn quoted(word: &str) -> String {
    let is_plain = |c: char| c.is_ascii_alphanumeric() || "-_./:=+,@%~".contains(c);
    if !word.is_empty() && word.chars().all(is_plain) && !word.starts_with('~') {
        word.to_owned()
    } else {
        format!("'{}'", word.replace('\'', r"'\''"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn platform(id: &str) -> Platform {
        Platform::of_id(id).unwrap()
    }

    fn typed(recipe: &Recipe) -> Vec<String> {
        recipe.steps.iter().map(Step::as_typed).collect()
    }

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
        ] {
            assert_eq!(standard(&platform(id)).map(|package| package.name), expected, "{id}");
        }
    }

    #[test]
    fn amazon_linux_2023_takes_valkey_and_says_what_to_do_where_dnf_has_none() {
        let recipe = from_package(&platform("amazon-linux-2023"), VALKEY, &[VALKEY, REDIS6], true, false);
        assert_eq!(typed(&recipe), ["sudo dnf install -y valkey"]);
        let others: Vec<_> = recipe.alternatives.iter().map(|alternative| alternative.step.as_typed()).collect();
        assert_eq!(others, ["sudo dnf install -y --releasever=latest valkey", "sudo dnf install -y redis6"]);
    }

    #[test]
    fn a_machine_without_package_lists_loads_them_first() {
        let recipe = from_package(&platform("debian-13"), VALKEY_TOOLS, &[], false, true);
        assert_eq!(
            typed(&recipe),
            [
                "apt-get update",
                "env DEBIAN_FRONTEND=noninteractive apt-get install -y --no-install-recommends --no-remove valkey-tools"
            ]
        );
    }

    #[test]
    fn amazon_linux_2_builds_the_client_alone_and_checks_what_it_loads() {
        let target = "/usr/local/bin/valkey-cli".into();
        let site = Site { target, is_writable: false, has_toolchain: false, cores: 4, origin: release() };
        let recipe = from_source(&platform("amazon-linux-2"), None, &site, false);
        assert_eq!(
            typed(&recipe),
            [
                "sudo yum install -y gcc make openssl-devel".to_owned(),
                format!("curl -fsSL -o valkey-{RELEASE}.tar.gz {RELEASE_URL}"),
                format!("echo '{RELEASE_SHA256}  valkey-{RELEASE}.tar.gz' | sha256sum -c"),
                format!("tar xf valkey-{RELEASE}.tar.gz"),
                format!("make -C valkey-{RELEASE} -j4 valkey-cli BUILD_TLS=yes MALLOC=libc"),
                format!("sudo install -D -m 755 valkey-{RELEASE}/src/valkey-cli /usr/local/bin/valkey-cli"),
            ]
        );
        assert!(RELEASE_URL.contains(RELEASE) && recipe.steps[1].download.is_some());
    }

    #[test]
    fn words_are_quoted_where_a_shell_would_take_them_apart() {
        assert_eq!(quoted("a b"), "'a b'");
        assert_eq!(quoted("it's"), r"'it'\''s'");
        assert_eq!(quoted("~/x"), "'~/x'");
        assert_eq!(quoted(""), "''");
        assert_eq!(quoted("valkey_8.1.1+dfsg1.orig.tar.xz"), "valkey_8.1.1+dfsg1.orig.tar.xz");
    }
}
