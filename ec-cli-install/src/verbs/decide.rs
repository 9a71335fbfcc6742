//! From the request, the document and this machine to a plan, and from a planned document to whether it still fits.

use std::path::Path;

use ec_shared::Failure;
use ec_shared::document::{Change, ChangeState, Section, Status};

use super::{Work, fact};
use crate::codes;
use crate::detect::{self, Client};
use crate::package;
use crate::place;
use crate::plan::{Plan, Site, Situation};
use crate::platform::{Platform, System};
use crate::recipe::{self, Manager, Recipe};
use crate::request::{Method, Request};
use crate::source::{Tarball, Toolchain};

impl Work<'_> {
    /// Decides what to do; `loaded` is the source where it had to be loaded first.
    pub(crate) fn decide(&mut self, loaded: Option<&Path>) -> Result<(Plan, Option<Tarball>), Failure> {
        let is_here = !self.is_elsewhere;
        let platform = self.asked.os.clone().unwrap_or_else(|| self.machine.platform.clone());
        if self.memcached.is_some() {
            return Ok((self.decide_tool(&platform)?, None));
        }
        let manager = self.manager(&platform);
        if self.has_nothing(&platform, manager) {
            let clients = if is_here { self.clients(None) } else { Vec::new() };
            let situation =
                Situation { platform: &platform, clients: &clients, manager, need: self.need, is_root: false };
            return Ok((situation.image(), None));
        }
        let method = self.request.method(&platform)?;
        self.tell("method", &method);
        let tarball = match loaded.or(self.request.source_tarball.as_deref()) {
            Some(path) => Some(Tarball::open(&self.machine.shell, path, self.request.sha256.as_deref())?),
            None => None,
        };
        let prefix = self.request.prefix.clone();
        let clients = if is_here { self.clients(prefix.as_deref()) } else { Vec::new() };
        let is_root = is_here && self.machine.is_root;
        let situation = Situation { platform: &platform, clients: &clients, manager, need: self.need, is_root };
        let shell = &self.machine.shell;
        let plan = match method {
            Method::Package => {
                let packages = recipe::packages(&platform);
                let asked = manager.filter(|_| is_here && !packages.is_empty());
                let mut offers = asked.map(|manager| package::offers(shell, manager, packages)).transpose()?;
                let wider = asked.and_then(|manager| manager.wider(&platform));
                let manager = match wider.filter(|_| offers.as_ref().is_some_and(Vec::is_empty)) {
                    Some(wider) => {
                        offers = Some(package::offers(shell, wider, packages)?);
                        Some(wider)
                    }
                    None => manager,
                };
                Situation { manager, ..situation }.package(offers.as_deref())?
            }
            Method::Source => {
                let target = self.request.target(shell.home().filter(|_| is_here), is_root || !is_here)?;
                let site = Site {
                    is_writable: is_here && place::check(&target).is_ok(),
                    has_toolchain: is_here && Toolchain::find(shell, &platform, is_root).is_ok(),
                    cores: is_here.then_some(self.machine.cores),
                    origin: self.request.origin(),
                    target,
                };
                situation.source(tarball.as_ref(), &site)
            }
        };
        Ok((plan, tarball))
    }

    /// The package manager: of another machine the usual one, of this one the one that is there.
    pub(super) fn manager(&self, platform: &Platform) -> Option<Manager> {
        let is_there = |manager: &Manager| self.is_elsewhere || self.machine.shell.find(manager.program()).is_some();
        Manager::all_of(platform).iter().copied().find(is_there)
    }

    /// Whether there is nothing to install with, and nobody has asked for another way.
    fn has_nothing(&self, platform: &Platform, manager: Option<Manager>) -> bool {
        let asks_for_more = self.request != Request::default();
        let has_shell = self.is_elsewhere || self.machine.shell.find("sh").is_some();
        !asks_for_more && (platform.id == System::Distroless || (manager.is_none() && !has_shell))
    }

    /// The clients, best first for this cache.
    pub(super) fn clients(&mut self, prefix: Option<&Path>) -> Vec<Client> {
        let mut clients = self.machine.clients(prefix).to_vec();
        detect::rank(&mut clients, self.need);
        clients
    }

    pub(super) fn is_for_this_machine(&self) -> Result<(), Failure> {
        let is_planned = |section: &&Section| section.status == Status::Planned;
        let planned =
            self.earlier.as_ref().filter(is_planned).and_then(|section| fact::<Platform>(section, "platform"));
        match self.asked.os.clone().or(planned) {
            Some(wanted) if !self.machine.platform.is(&wanted) => {
                Err(Failure::new(&codes::OTHER_SYSTEM, format!("cannot work on this machine for {}", wanted.name))
                    .because(format!("this is {}", self.machine.platform.name))
                    .hint("leave --os out, or run the command on a machine of that system"))
            }
            _ => Ok(()),
        }
    }

    pub(super) fn is_as_planned(&self, plan: &Plan) -> Result<(), Failure> {
        let Some(earlier) = self.earlier.as_ref().filter(|section| section.status == Status::Planned) else {
            return Ok(());
        };
        let Some(now) = plan.change(ChangeState::Planned) else { return Ok(()) };
        let planned: Vec<&Change> =
            earlier.changes.iter().filter(|change| change.state == ChangeState::Planned).collect();
        if planned.iter().any(|change| change.resource == now.resource) {
            return Ok(());
        }
        let resources: Vec<&str> = planned.iter().map(|change| change.resource.as_str()).collect();
        Err(Failure::new(&codes::STALE_PLAN, format!("will not install {}", now.resource))
            .because(format!("planned is {}", resources.join(", ")))
            .hint("plan again on this machine; apply without a planned document does so by itself"))
    }

    pub(super) fn tell_recipe(&mut self, recipe: &Recipe) {
        let mut reasons = recipe.reasons.clone();
        let takes_sudo = recipe.steps.iter().any(|step| step.sudo);
        if takes_sudo && !self.is_elsewhere && self.machine.shell.find("sudo").is_none() {
            reasons.push(
                "there is no sudo here: run the steps as root, or build into your home with --method source".to_owned(),
            );
        }
        if !recipe.steps.is_empty() {
            self.tell("steps", &recipe.steps);
        }
        if recipe.steps.iter().any(|step| step.estimated_s.is_some()) {
            self.tell("estimates", &recipe::ESTIMATES);
        }
        if !recipe.alternatives.is_empty() {
            self.tell("alternatives", &recipe.alternatives);
        }
        if !recipe.dockerfile.is_empty() {
            self.tell("dockerfile", &recipe.dockerfile);
        }
        if !reasons.is_empty() {
            self.tell("reasons", &reasons);
        }
    }
}
