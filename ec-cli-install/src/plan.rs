//! What there is, and what is wanted, become what to do. Pure.

use std::path::PathBuf;

use ec_shared::Failure;
use ec_shared::document::{Change, ChangeState};
use serde_json::json;

use crate::codes;
use crate::detect::Client;
use crate::package::Offer;
use crate::platform::Platform;
use crate::recipe::{self, Download, Manager, Package, Recipe};
use crate::source::Tarball;

/// What is known before deciding.
#[derive(Debug)]
pub struct Situation<'a> {
    /// The system to plan for.
    pub platform: &'a Platform,
    /// The clients that are there, best first. None for a plan for another machine.
    pub clients: &'a [Client],
    /// Whether this is root.
    pub is_root: bool,
}

/// Where a client is built, and where it goes.
#[derive(Clone, Debug)]
pub struct Site {
    /// The client that is to be.
    pub target: PathBuf,
    /// Whether this user may put it there.
    pub is_writable: bool,
    /// Whether what a build needs is installed.
    pub has_toolchain: bool,
    /// How many compilers may run at once.
    pub cores: usize,
    /// Where the source comes from if no tarball is given.
    pub origin: Download,
}

/// What to do.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Plan {
    /// The change, if one is needed.
    pub todo: Todo,
    /// The steps of it.
    pub recipe: Recipe,
}

/// The change.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Todo {
    /// None: this client is good.
    Keep(Client),
    /// Install a package.
    Package {
        /// The package.
        package: Package,
        /// Its manager.
        manager: Manager,
        /// The version that can be had; not known while the package lists are missing, or for another machine.
        candidate: Option<String>,
        /// Whether the package lists have to be loaded first.
        refresh: bool,
    },
    /// Build from source.
    Source {
        /// Where the client goes.
        target: PathBuf,
        /// The version that is there.
        before: Option<String>,
        /// The version that the tarball has.
        version: Option<String>,
    },
}

impl Situation<'_> {
    /// Plans a package; `offers` are what the package manager said, if it was asked.
    ///
    /// # Errors
    /// `EC4011` if there is no recipe, `EC4012` if the manager has none of its packages.
    pub fn package(&self, offers: Option<&[Offer]>) -> Result<Plan, Failure> {
        let packages = recipe::packages(self.platform);
        let no_recipe = || {
            Failure::new(&codes::NO_RECIPE, format!("cannot take a client from a package on {}", self.platform.name))
                .hint("build from source: --method source --source-tarball FILE")
        };
        let manager = Manager::of(self.platform).ok_or_else(no_recipe)?;
        let candidate_of = |package: &Package| {
            offers?.iter().find(|offer| offer.package == package.name).map(|offer| offer.candidate.clone())
        };
        let offered = packages.iter().find_map(|package| Some((*package, candidate_of(package)?)));
        let refresh = offers.is_some() && offered.is_none();
        let (package, candidate) = match offered {
            Some((package, candidate)) => (package, Some(candidate)),
            None if refresh && manager.refresh().is_none() => return Err(no_package(packages)),
            None => (recipe::standard(self.platform).ok_or_else(no_recipe)?, None),
        };
        let wanted = ["valkey-cli", package.client];
        if let Some(client) =
            self.clients.iter().find(|client| client.is_good() && wanted.contains(&client.name.as_str()))
        {
            return Ok(Plan::keep(client));
        }
        // Where the manager has answered, there is nothing left to choose.
        let others = if candidate.is_some() { &[] } else { packages };
        let recipe = recipe::from_package(self.platform, package, others, !refresh, self.is_root);
        Ok(Plan { todo: Todo::Package { package, manager, candidate, refresh }, recipe })
    }

    /// Plans a build of `tarball`, or of a release to load.
    pub fn source(&self, tarball: Option<&Tarball>, site: &Site) -> Plan {
        let version = tarball.map(|tarball| tarball.inside.version.clone());
        let there = self.clients.iter().find(|client| client.path == site.target);
        let is_same = |client: &&Client| client.is_good() && (version.is_none() || client.version == version);
        if let Some(client) = there.filter(is_same) {
            return Plan::keep(client);
        }
        let before = there.and_then(|client| client.version.clone());
        let recipe = recipe::from_source(self.platform, tarball, site, self.is_root);
        Plan { todo: Todo::Source { target: site.target.clone(), before, version }, recipe }
    }
}

/// What to say where the package manager has nothing.
pub fn no_package(packages: &[Package]) -> Failure {
    let names: Vec<&str> = packages.iter().map(|package| package.name).collect();
    Failure::new(&codes::NO_PACKAGE, format!("cannot find a package {}", names.join(" or ")))
        .because("the enabled repositories have none")
        .hint("enable a repository that has one (Amazon Linux 2023: dnf install -y --releasever=latest valkey), or build from source")
}

impl Plan {
    fn keep(client: &Client) -> Self {
        Self { todo: Todo::Keep(client.clone()), recipe: Recipe::default() }
    }

    /// The change as it stands in the document.
    pub fn change(&self, state: ChangeState) -> Option<Change> {
        let (resource, id, before, after) = match &self.todo {
            Todo::Keep(_) => return None,
            Todo::Package { package, manager, candidate, .. } => {
                let mut after = json!({"manager": manager.name(), "client": package.client});
                if let Some(version) = candidate {
                    after["version"] = json!(version);
                }
                (format!("package {}", package.name), package.name.to_owned(), None, Some(after))
            }
            Todo::Source { target, before, version } => {
                let version_of = |version: &Option<String>| version.as_ref().map(|version| json!({"version": version}));
                let target = target.display().to_string();
                (target.clone(), target, version_of(before), version_of(version))
            }
        };
        let mut change = Change::new("install", resource, state);
        change.before = before;
        change.after = after;
        // What undoes a change is known when it is done.
        change.id = (state == ChangeState::Done).then_some(id);
        Some(change)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::detect::Tls;

    fn client(path: &str, version: &str, listed: bool) -> Client {
        Client {
            path: path.into(),
            name: path.rsplit('/').next().unwrap().into(),
            version: Some(version.into()),
            tls: Tls { listed, ..Tls::default() },
            on_path: true,
            problem: None,
        }
    }

    fn package(id: &str, clients: &[Client], offers: Option<&[(&str, &str)]>) -> Result<String, Failure> {
        let platform = Platform::of_id(id).unwrap();
        let offers: Option<Vec<Offer>> = offers.map(|offers| {
            let offer = |(package, candidate): &(&str, &str)| Offer {
                package: (*package).into(),
                candidate: (*candidate).into(),
            };
            offers.iter().map(offer).collect()
        });
        let plan = Situation { platform: &platform, clients, is_root: true }.package(offers.as_deref())?;
        Ok(match plan.todo {
            Todo::Keep(client) => format!("keep {}", client.path.display()),
            Todo::Package { package, candidate, refresh, .. } => {
                format!("{}{} {}", if refresh { "refresh, " } else { "" }, package.name, candidate.unwrap_or_default())
            }
            Todo::Source { target, .. } => format!("build {}", target.display()),
        })
    }

    #[test]
    fn the_best_package_that_the_manager_has_is_taken() {
        let both = [("redis-tools", "7.0.15"), ("valkey-tools", "8.0.1")];
        assert_eq!(package("debian-12", &[], Some(&both)).unwrap(), "valkey-tools 8.0.1");
        assert_eq!(package("debian-12", &[], Some(&both[..1])).unwrap(), "redis-tools 7.0.15");
        assert_eq!(package("debian-12", &[], Some(&[])).unwrap(), "refresh, redis-tools ");
        assert_eq!(package("amazon-linux-2023", &[], Some(&[("redis6", "6.2.14")])).unwrap(), "redis6 6.2.14");
        assert_eq!(package("amazon-linux-2023", &[], Some(&[])).unwrap_err().code().id, "EC4012");
    }

    #[test]
    fn for_another_machine_the_package_of_its_release_is_planned() {
        assert_eq!(package("amazon-linux-2023", &[], None).unwrap(), "valkey ");
        assert_eq!(package("debian-12", &[], None).unwrap(), "redis-tools ");
        assert_eq!(package("amazon-linux-2", &[], None).unwrap_err().code().id, "EC4011");
    }

    #[test]
    fn what_is_good_is_left_alone() {
        let valkey = client("/opt/bin/valkey-cli", "7.2.6", true);
        let plain = client("/usr/bin/valkey-cli", "7.2.6", false);
        let redis = client("/usr/bin/redis-cli", "7.0.15", true);
        let (both, redis_only) = ([("redis-tools", "7"), ("valkey-tools", "8")], [("redis-tools", "7")]);
        assert_eq!(package("debian-12", &[valkey], Some(&both)).unwrap(), "keep /opt/bin/valkey-cli");
        assert_eq!(package("debian-12", &[plain], Some(&both)).unwrap(), "valkey-tools 8");
        // A redis-cli will do where there is nothing better to be had.
        assert_eq!(package("debian-12", std::slice::from_ref(&redis), Some(&both)).unwrap(), "valkey-tools 8");
        assert_eq!(package("debian-12", &[redis], Some(&redis_only)).unwrap(), "keep /usr/bin/redis-cli");
    }

    fn build(clients: &[Client], version: Option<&str>) -> Todo {
        let platform = Platform::of_id("amazon-linux-2").unwrap();
        let tarball = version.map(|version| Tarball::for_tests("/src/valkey.tar.gz", version));
        let target = PathBuf::from("/opt/bin/valkey-cli");
        let site = Site { target, is_writable: true, has_toolchain: true, cores: 2, origin: recipe::release() };
        Situation { platform: &platform, clients, is_root: true }.source(tarball.as_ref(), &site).todo
    }

    #[test]
    fn a_client_of_the_same_version_in_the_prefix_is_not_built_again() {
        let there = client("/opt/bin/valkey-cli", "8.1.1", true);
        let elsewhere = client("/usr/bin/valkey-cli", "8.1.1", true);
        let built = |before: Option<&str>| Todo::Source {
            target: "/opt/bin/valkey-cli".into(),
            before: before.map(str::to_owned),
            version: Some("8.1.1".into()),
        };
        assert_eq!(build(std::slice::from_ref(&there), Some("8.1.1")), Todo::Keep(there));
        assert_eq!(build(&[elsewhere], Some("8.1.1")), built(None));
        assert_eq!(build(&[client("/opt/bin/valkey-cli", "7.2.6", true)], Some("8.1.1")), built(Some("7.2.6")));
        assert_eq!(build(&[client("/opt/bin/valkey-cli", "8.1.1", false)], Some("8.1.1")), built(Some("8.1.1")));
    }
}
