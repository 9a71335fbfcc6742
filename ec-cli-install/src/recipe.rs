//! How a client gets onto each system: a platform becomes steps, with the exact command lines. Pure.
//!
//! - [`packages`]: which package of which release, as data; [`tools`]: the same for Memcached.
//! - [`manager`]: how each package manager is asked and told; [`answers`]: what it answers.
//! - [`build`]: from source; [`image`]: into a container image that nothing can be installed into.

pub mod answers;
pub mod build;
pub mod image;
pub mod manager;
pub mod packages;
pub mod tools;

use serde::{Deserialize, Serialize};

use crate::judge::Need;
use crate::platform::{Platform, System};

pub use build::{from_source, make, release, toolchain};
pub use manager::Manager;
pub use packages::{Package, packages, standard};

/// Where the numbers of [`Step::estimated_s`] and [`Step::disk_mib`] are from; those of packages are Debian's own. A step
/// without them is one that nobody has measured.
pub const ESTIMATES: &str =
    "as measured on Debian 12, x86_64, with gcc 12; of a build by one core, where the number of cores is not known";

/// How many seconds apt-get takes to install a client, see [`ESTIMATES`].
const APT_SECONDS: u32 = 3;

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
    /// How much room it takes, in MiB, where that is known.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub disk_mib: Option<u32>,
    /// About how many seconds it takes, where that is known; see [`ESTIMATES`].
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub estimated_s: Option<u32>,
    /// What it does, for whoever writes it down in another form; documents do not tell it.
    #[serde(skip)]
    pub act: Act,
}

/// What a step does.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Act {
    /// Installs packages that hold what is wanted.
    Packages,
    /// Loads the source.
    Load,
    /// Checks that it is the right one.
    Check,
    /// Unpacks it.
    Unpack,
    /// Builds the client.
    Build,
    /// Anything else.
    #[default]
    Other,
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
    /// Why it is done like this, where that is not plain.
    pub reasons: Vec<String>,
    /// The lines of a Dockerfile, where the steps are none of this machine's.
    pub dockerfile: Vec<String>,
}

/// How to install `package`; `others` may be taken instead, and `is_fresh` says whether the package lists are there.
pub fn from_package(
    platform: &Platform,
    manager: Manager,
    package: Package,
    others: &[Package],
    is_fresh: bool,
    is_root: bool,
) -> Recipe {
    let sudo = manager.needs_root() && !is_root;
    let install = |by: Manager, package: &Package| {
        let holds =
            if package.name == package.client { String::new() } else { format!(", which holds {}", package.client) };
        let step = Step::new(format!("install {}{holds}", package.name), &by.install(package.name));
        let (disk_mib, estimated_s) = (package.disk_mib, (by == Manager::Apt).then_some(APT_SECONDS));
        Step { disk_mib, estimated_s, act: Act::Packages, ..step.sudo(by.needs_root() && !is_root) }
    };
    let mut recipe = Recipe::default();
    if let Some(refresh) = manager.refresh().filter(|_| !is_fresh) {
        recipe.steps.push(Step::new("load the package lists", &refresh).sudo(sudo));
    }
    recipe.steps.push(install(manager, &package));
    if let Some(latest) = manager.wider(platform).filter(|_| package.name == "valkey") {
        recipe.or(
            "dnf finds no valkey: an image is locked to the repository of its own day",
            Step::new("install valkey of the latest repository", &latest.install(package.name))
                .sudo(sudo)
                .act(Act::Packages),
        );
    }
    if manager == Manager::DnfLatest {
        recipe.reasons.push("the repository that this image is locked to has no client; the latest one has".to_owned());
    }
    if let Some(epel) = epel(platform).filter(|_| others.iter().any(|other| *other != package)) {
        let words = manager.install(&epel);
        recipe.or("Valkey is wanted instead of Redis 6: EPEL has it", Step::new("enable EPEL", &words).sudo(sudo));
    }
    for other in others.iter().filter(|other| **other != package) {
        recipe.or(other.when, install(manager, other));
    }
    for other in Manager::all_of(platform).iter().filter(|other| other.name() != manager.name()) {
        recipe.or(&format!("{} is used instead of {}", other.name(), manager.name()), install(*other, &package));
    }
    if package.has_server {
        recipe.reasons.push(format!(
            "{} has no package with the client alone: {} brings the server, too, and does not enable or start it",
            manager.name(),
            package.name
        ));
    }
    recipe
}

/// Whether `name` is a package that this tool may have installed on `platform`.
pub fn is_known(platform: &Platform, name: &str) -> bool {
    let for_memcached = [Need::Plain, Need::Tls].map(|need| tools::packages(platform, need));
    for_memcached.into_iter().chain([packages(platform)]).flatten().any(|package| package.name == name)
}

/// The package that enables EPEL, on systems whose own repositories have no Valkey.
/// <https://docs.fedoraproject.org/en-US/epel/getting-started/>; of Oracle Linux:
/// <https://yum.oracle.com/getting-started.html>.
fn epel(platform: &Platform) -> Option<String> {
    if !platform.is_enterprise_linux() || platform.is_since(&[10]) || !platform.is_since(&[8]) {
        return None;
    }
    let major = platform.major()?;
    Some(match platform.id {
        System::Rhel => format!("https://dl.fedoraproject.org/pub/epel/epel-release-latest-{major}.noarch.rpm"),
        System::OracleLinux => format!("oracle-epel-release-el{major}"),
        _ => "epel-release".to_owned(),
    })
}

impl Recipe {
    fn or(&mut self, when: &str, step: Step) {
        self.alternatives.push(Alternative { when: when.to_owned(), step });
    }
}

impl Step {
    fn new<W: AsRef<str>>(purpose: impl Into<String>, words: &[W]) -> Self {
        let command = words.iter().map(|word| quoted(word.as_ref())).collect::<Vec<_>>().join(" ");
        let (download, files, disk_mib, estimated_s) = (None, Vec::new(), None, None);
        let act = Act::default();
        Self { purpose: purpose.into(), command, sudo: false, download, files, disk_mib, estimated_s, act }
    }

    /// A step whose command line is more than one command.
    fn typed(purpose: &str, command: String) -> Self {
        Self { command, ..Self::new(purpose, &[""; 0]) }
    }

    fn sudo(mut self, sudo: bool) -> Self {
        self.sudo = sudo;
        self
    }

    fn act(mut self, act: Act) -> Self {
        self.act = act;
        self
    }

    fn takes(mut self, disk_mib: u32, estimated_s: u32) -> Self {
        (self.disk_mib, self.estimated_s) = (Some(disk_mib), Some(estimated_s));
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
mod tests;
