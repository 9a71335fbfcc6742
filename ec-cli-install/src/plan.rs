//! What there is, and what is wanted, become what to do. Pure.

use std::path::PathBuf;

use ec_shared::Failure;
use ec_shared::document::{Change, ChangeState};
use serde_json::json;

use crate::codes;
use crate::detect::Client;
use crate::judge::Need;
use crate::package::Offer;
use crate::platform::Platform;
use crate::recipe::{self, Download, Manager, Package, Recipe, image, tools};
use crate::source::Tarball;

/// What is known before deciding.
#[derive(Debug)]
pub struct Situation<'a> {
    /// The system to plan for.
    pub platform: &'a Platform,
    /// The clients that are there, best first. None for a plan for another machine.
    pub clients: &'a [Client],
    /// The package manager; none where the system has none, or has lost it.
    pub manager: Option<Manager>,
    /// What the cache asks of a client.
    pub need: Need,
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
    /// How many compilers may run at once; not known of another machine.
    pub cores: Option<usize>,
    /// Where the source is loaded from where no tarball is given.
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
        /// The packages that would do, best first.
        among: &'static [Package],
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
    /// None on this machine: whoever builds its image copies a client into it.
    Image,
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
        if packages.is_empty() {
            return Err(no_recipe());
        }
        let standard = recipe::standard(self.platform);
        self.one_of(packages, standard.ok_or_else(no_recipe)?, &["valkey-cli"], offers)
    }

    /// Plans a program that speaks to Memcached.
    ///
    /// # Errors
    /// `EC4011` if there is no recipe, `EC4012` if the manager has none of the packages.
    pub fn tool(&self, offers: Option<&[Offer]>) -> Result<Plan, Failure> {
        // What the clients are has been looked at with this need in mind.
        if let Some(tool) = self.clients.iter().find(|tool| tool.problem.is_none()) {
            return Ok(Plan::keep(tool));
        }
        let packages = tools::packages(self.platform, self.need);
        let Some(first) = packages.first() else {
            return Err(Failure::new(
                &codes::NO_RECIPE,
                format!("cannot name a package with a client for Memcached on {}", self.platform.name),
            )
            .hint("install openssl, or nc for a cache without TLS, in the way of this system"));
        };
        self.one_of(packages, *first, &[], offers)
    }

    /// Plans the best of `packages`, or `standard` where the manager was not asked. A client that is named in `kept`, or
    /// is what the package would bring, is left alone.
    fn one_of(
        &self,
        packages: &'static [Package],
        standard: Package,
        kept: &[&str],
        offers: Option<&[Offer]>,
    ) -> Result<Plan, Failure> {
        let Some(manager) = self.manager else { return Err(no_manager(self.platform)) };
        let candidate_of = |package: &Package| {
            offers?.iter().find(|offer| offer.package == package.name).map(|offer| offer.candidate.clone())
        };
        let offered = packages.iter().find_map(|package| Some((*package, candidate_of(package)?)));
        let refresh = offers.is_some() && offered.is_none() && !standard.is_module();
        let (package, candidate) = match offered {
            Some((package, candidate)) => (package, Some(candidate)),
            None if refresh && manager.refresh().is_none() => return Err(no_package(packages)),
            None => (standard, None),
        };
        let is_wanted = |client: &&Client| client.name == package.client || kept.contains(&client.name.as_str());
        if let Some(client) = self.clients.iter().filter(|client| client.serves(self.need)).find(is_wanted) {
            return Ok(Plan::keep(client));
        }
        // Where the manager has answered, there is nothing left to choose.
        let others = if candidate.is_some() { &[] } else { packages };
        let recipe = recipe::from_package(self.platform, manager, package, others, !refresh, self.is_root);
        Ok(Plan { todo: Todo::Package { package, manager, candidate, refresh, among: packages }, recipe })
    }

    /// Plans a build of `tarball`, or of a release to load.
    pub fn source(&self, tarball: Option<&Tarball>, site: &Site) -> Plan {
        let version = tarball.map(|tarball| tarball.inside.version.clone());
        let there = self.clients.iter().find(|client| client.path == site.target);
        let is_same = |client: &&Client| client.serves(self.need) && (version.is_none() || client.version == version);
        if let Some(client) = there.filter(is_same) {
            return Plan::keep(client);
        }
        let before = there.and_then(|client| client.version.clone());
        let recipe = recipe::from_source(self.platform, tarball, site, self.is_root);
        Plan { todo: Todo::Source { target: site.target.clone(), before, version }, recipe }
    }

    /// Plans a client in the image of this machine, unless there is a good one.
    pub fn image(&self) -> Plan {
        let good = self.clients.iter().find(|client| client.serves(self.need));
        good.map_or_else(|| Plan { todo: Todo::Image, recipe: image::into_image() }, Plan::keep)
    }
}

/// What to say where nothing can be installed into.
pub fn no_manager(platform: &Platform) -> Failure {
    let because = "it has no package manager, or the package manager is not on the PATH";
    Failure::new(&codes::NO_MANAGER, format!("cannot install anything into {}", platform.name))
        .because(because)
        .hint("build from source with --method source; ec-cli-install plan --os distroless   shows how to copy a client into an image")
}

/// What to say where the package manager has nothing.
pub fn no_package(packages: &[Package]) -> Failure {
    let names: Vec<&str> = packages.iter().map(|package| package.name).collect();
    Failure::new(&codes::NO_PACKAGE, format!("cannot find a package {}", names.join(" or ")))
        .because("the enabled repositories have none")
        .hint("enable a repository that has one, or build from source: --method source")
}

impl Plan {
    fn keep(client: &Client) -> Self {
        Self { todo: Todo::Keep(client.clone()), recipe: Recipe::default() }
    }

    /// The change as it stands in the document.
    pub fn change(&self, state: ChangeState) -> Option<Change> {
        let (resource, id, before, after) = match &self.todo {
            Todo::Keep(_) => return None,
            Todo::Image => {
                let mut change = Change::new("install", image::TARGET, state);
                change.by = Some("whoever builds the image".to_owned());
                return Some(change);
            }
            Todo::Package { package, manager, candidate, .. } => {
                let mut after = json!({"manager": manager.name(), "client": package.client});
                if package.has_server {
                    after["server"] = json!("installed, neither enabled nor started");
                }
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
mod tests;
