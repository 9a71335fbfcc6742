//! The verbs, each from a document to its section.

mod memcached;
mod verify;

use std::path::{Path, PathBuf};

use ec_shared::document::section::standing;
use ec_shared::document::{Cache, Change, ChangeState, Document, Engine, Finding, Section, Severity, Status};
use ec_shared::output::Output;
use ec_shared::ran_on::RanOn;
use ec_shared::{Code, Exit, Failure, Interrupt};
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::json;

use crate::apply::{self, Outcome};
use crate::codes;
use crate::detect::{self, Client, NAMES};
use crate::exchange::Login;
use crate::judge::{self, Need};
use crate::load::Network;
use crate::machine::Machine;
use crate::package::{self, Root};
use crate::place;
use crate::plan::{self, Plan, Site, Situation, Todo};
use crate::platform::{Platform, System};
use crate::recipe::{self, Manager, Recipe};
use crate::remove::{self, Records};
use crate::request::{Method, Request};
use crate::source::{Tarball, Toolchain};

pub use verify::CacheFlags;

/// What a run was asked for.
#[derive(Clone, Debug, Default)]
pub struct Asked {
    /// By flags.
    pub request: Request,
    /// `--os`.
    pub os: Option<Platform>,
    /// `--sudo`.
    pub sudo: bool,
    /// `--detailed-exitcode`.
    pub detailed_exitcode: bool,
    /// Who logs in to the cache of the document.
    pub login: Login,
}

/// The work on one document.
#[derive(Debug)]
pub struct Work<'a> {
    machine: &'a mut Machine,
    asked: &'a Asked,
    request: Request,
    /// Whether this is a plan for another machine, of which nothing is known but its system.
    is_elsewhere: bool,
    need: Need,
    /// The cache of the document.
    cache: Option<Cache>,
    /// The cache, where it is one of Memcached, which wants other clients.
    memcached: Option<Cache>,
    /// Whether the engine of the cache is known.
    knows_engine: bool,
    earlier: Option<Section>,
    section: Section,
}

impl<'a> Work<'a> {
    /// Begins the work: reads of the document what counts here.
    ///
    /// # Errors
    /// `EC9009` if the document cannot be read.
    pub fn begin(
        machine: &'a mut Machine,
        asked: &'a Asked,
        command: &'static str,
        document: &Document,
    ) -> Result<Self, Failure> {
        let cache = document.cache()?;
        let need = Need::of(cache.as_ref());
        let knows_engine = cache.as_ref().is_some_and(|cache| cache.engine.is_some());
        let memcached = cache.clone().filter(|cache| cache.engine == Some(Engine::Memcached));
        let earlier: Option<Section> = document.read("cli")?;
        let planned: Request = earlier.as_ref().and_then(|section| fact(section, "request")).unwrap_or_default();
        let request = asked.request.clone().over(planned).absolute()?;
        let is_elsewhere = command == "plan" && asked.os.is_some();
        let mut section = Section::new(command, Status::Ok);
        if !is_elsewhere {
            section = section.fact("ran_on", &machine.ran_on);
            if let Some(container) = machine.container {
                section = section.fact("container", container);
            }
        }
        section = section.fact("platform", asked.os.as_ref().unwrap_or(&machine.platform));
        if request != Request::default() {
            section = section.fact("request", &request);
        }
        if let Some(id) = document.client()?.and_then(|client| client.instance_id).filter(|id| !machine.ran_on.is(id)) {
            section.findings.push(
                Finding::new(
                    &codes::OTHER_MACHINE,
                    Severity::Warning,
                    format!("this is {}, which is not known to be {id}", machine.ran_on),
                )
                .fix(format!("run ec-cli-install {command} on {id}")),
            );
        }
        Ok(Self { machine, asked, request, is_elsewhere, need, cache, memcached, knows_engine, earlier, section })
    }

    /// What clients are there?
    ///
    /// # Errors
    /// None; the answer is in the section.
    pub fn detect(&mut self) -> Result<(), Failure> {
        if self.memcached.is_some() {
            self.detect_tools();
            return Ok(());
        }
        let prefix = self.request.prefix.clone();
        if !self.knows_engine {
            let tools = self.machine.look_around(prefix.as_deref()).to_vec();
            self.tell("tools", &tools);
        }
        let clients = self.clients(prefix.as_deref());
        self.tell("clients", &clients);
        self.tell_broken(&clients);
        match clients.first().filter(|client| client.problem.is_none()) {
            Some(client) => {
                let path = client.path.display();
                match self.need {
                    Need::Plain => {}
                    _ if !client.tls.listed => self.deny(&codes::NO_TLS, format!("{path} cannot speak TLS")),
                    Need::Tls13 if !client.serves(Need::Tls13) => {
                        self.deny(&codes::NO_TLS13, format!("{path} cannot speak TLS 1.3"));
                    }
                    Need::Tls | Need::Tls13 => {}
                }
                self.choose(client);
            }
            None => self.deny(&codes::NO_CLIENT, format!("no {} on this machine works", NAMES.join(", "))),
        }
        Ok(())
    }

    /// What would have to be done?
    ///
    /// # Errors
    /// As [`Situation::package`], [`Tarball::open`] and the package manager.
    pub fn plan(&mut self) -> Result<(), Failure> {
        let (plan, tarball) = self.decide(None)?;
        if let Some(tarball) = tarball {
            // So that apply takes the very tarball that was planned with.
            self.request.sha256 = Some(tarball.sha256);
            self.tell("request", &self.request.clone());
        }
        if let Todo::Keep(client) = &plan.todo {
            self.section.status = Status::Unchanged;
            self.choose(client);
            return Ok(());
        }
        self.section.status = Status::Planned;
        self.section.changes.extend(plan.change(ChangeState::Planned));
        self.tell_recipe(&plan.recipe);
        if self.asked.detailed_exitcode {
            self.section.exit = Some(Exit::No);
        }
        Ok(())
    }

    /// Does it, and proves the result.
    ///
    /// # Errors
    /// `EC4013` and `EC4018` if this is not the machine that was planned for, and as [`plan`](Self::plan) and [`apply`].
    pub fn apply(&mut self, output: &Output) -> Result<(), Failure> {
        self.machine.shell.heed(Interrupt::listen()?);
        self.is_for_this_machine()?;
        let (mut plan, tarball) = self.decide(None)?;
        self.is_as_planned(&plan)?;
        let takes_root = !matches!(&plan.todo, Todo::Package { manager, .. } if !manager.needs_root());
        let root = if takes_root { self.root() } else { Root::Already };
        let done = self.carry_out(&mut plan, tarball, root, output);
        let (state, status) = match (&plan.todo, &done) {
            (Todo::Keep(_), _) => (ChangeState::Unchanged, Status::Unchanged),
            (_, Ok(_)) => (ChangeState::Done, Status::Changed),
            (_, Err(_)) => (ChangeState::Failed, Status::Error),
        };
        self.section.status = status;
        let mut change = plan.change(state);
        if let (Some(change), Ok(outcome)) = (&mut change, &done)
            && !outcome.is_empty()
        {
            let mut after = change.after.take().unwrap_or_else(|| json!({}));
            after.as_object_mut().into_iter().for_each(|after| after.extend(outcome.clone()));
            change.after = Some(after);
        }
        self.section.changes.extend(change);
        done?;
        let client = match &plan.todo {
            Todo::Keep(client) => Some(client.clone()),
            Todo::Package { .. } if self.memcached.is_some() => self.serving_tools().into_iter().next(),
            Todo::Package { .. } => self.clients(None).into_iter().next(),
            Todo::Image => None,
            Todo::Source { target, .. } => Some(detect::look(&self.machine.shell, target)),
        };
        if let Some(client) = client {
            return self.prove(client);
        }
        self.deny(&codes::NO_CLIENT, "the package is installed, and no client is found".to_owned());
        Ok(())
    }

    /// Does what `plan` says, which becomes what was really done.
    fn carry_out(
        &mut self,
        plan: &mut Plan,
        mut tarball: Option<Tarball>,
        root: Root,
        output: &Output,
    ) -> Result<Outcome, Failure> {
        match plan.todo.clone() {
            Todo::Keep(_) => Ok(Outcome::new()),
            Todo::Image => Err(plan::no_manager(&self.machine.platform)),
            Todo::Package { package, manager, candidate, refresh, among } => {
                let choice = if refresh { among } else { &[] };
                let installed = apply::install(self.machine, manager, package, choice, root, output)?;
                let candidate = candidate.filter(|_| installed.package == package);
                plan.todo = Todo::Package { package: installed.package, manager, candidate, refresh, among };
                self.section.findings.extend(installed.unwritten.map(|why| {
                    let summary = format!("that {} was installed is not written down", installed.package.name);
                    Finding::new(&codes::NOT_RECORDED, Severity::Warning, summary).evidence("reason", why.to_string())
                }));
                Ok(installed.outcome)
            }
            Todo::Source { target, .. } => {
                let workplace = apply::begin_build(self.machine, &target, root, output)?;
                if workplace.has_waited {
                    // The run before may have done all that there was to do.
                    self.machine.forget();
                    (*plan, tarball) = self.decide(None)?;
                }
                let origin = self.request.origin();
                if tarball.is_none() && !matches!(plan.todo, Todo::Keep(_)) {
                    let file = apply::load(self.machine, &workplace, &self.network(), &origin, output)?;
                    (*plan, tarball) = self.decide(Some(&file))?;
                }
                let Some(tarball) = tarball.filter(|_| !matches!(plan.todo, Todo::Keep(_))) else {
                    return Ok(Outcome::new());
                };
                let given = self.request.source_tarball.as_ref().map(|path| path.display().to_string());
                let from = given.unwrap_or(origin.url);
                let outcome = apply::build(self.machine, workplace, &tarball, &from, &target, root, output)?;
                self.machine.forget();
                Ok(outcome)
            }
        }
    }

    /// Takes away what was installed: what the document tells of, or else what the manifests do.
    ///
    /// # Errors
    /// The first of what stays although it was installed; what stays beside it is told in the changes.
    pub fn remove(&mut self, output: &Output) -> Result<(), Failure> {
        self.machine.shell.heed(Interrupt::listen()?);
        let changes = self.earlier.take().map(|section| (fact::<RanOn>(&section, "ran_on"), section.changes));
        let (ran_on, changes) = changes.unwrap_or_default();
        let done = standing(&changes);
        if let Some(there) = ran_on.filter(|there| !done.is_empty() && *there != self.machine.ran_on) {
            let summary =
                format!("what the document tells of was installed on {there}, and this is {}", self.machine.ran_on);
            self.section.status = Status::No;
            self.section.findings.push(
                Finding::new(&codes::OTHER_MACHINE, Severity::Error, summary)
                    .fix(format!("run ec-cli-install remove on {there}")),
            );
            return Ok(());
        }
        let root = self.root();
        let usual = || [Some(PathBuf::from("/usr/local")), self.machine.shell.home().map(|home| home.join(".local"))];
        let prefixes: Vec<PathBuf> = match &self.request.prefix {
            Some(prefix) => vec![prefix.clone()],
            None => usual().into_iter().flatten().collect(),
        };
        let mut records = Records::read(&prefixes)?;
        let entries = if done.is_empty() { records.entries() } else { records.entries_of(&done) };
        self.section.status = Status::Unchanged;
        if entries.is_empty() {
            self.section.reason = Some("neither the document nor a manifest tells of anything installed".to_owned());
        }
        let mut first = None;
        for entry in entries {
            let removed = remove::carry_out(self.machine, &mut records, &entry, root, output)?;
            if removed.change.state == ChangeState::Done {
                self.section.status = Status::Changed;
            }
            let mut change = removed.change;
            if let Some(why) = &removed.failure {
                change.reason = Some(why.to_string());
            }
            self.section.changes.push(change);
            first = first.or(removed.failure);
        }
        first.map_or(Ok(()), Err)
    }

    /// Is what is there good?
    ///
    /// # Errors
    /// `EC4013` if this is not the system that `--os` names, `EC4037` if nothing can be proven here.
    pub fn verify(&mut self) -> Result<(), Failure> {
        self.is_for_this_machine()?;
        if self.memcached.is_some() {
            return self.verify_tool();
        }
        let prefix = self.request.prefix.clone();
        let clients = self.clients(prefix.as_deref());
        // Who names a prefix asks about the client in it.
        let is_asked = |client: &&Client| prefix.as_ref().is_none_or(|prefix| client.path.starts_with(prefix));
        let client = clients.iter().filter(is_asked).find(|client| client.problem.is_none()).cloned();
        if let Some(client) = client {
            self.prove(client.clone())?;
            return self.ask_cache(&client);
        }
        let bin = prefix.map(|prefix| prefix.join("bin"));
        let place = bin.map_or_else(|| "on this machine".to_owned(), |bin| format!("in {}", bin.display()));
        self.deny(&codes::NO_CLIENT, format!("no {} {place} works", NAMES.join(", ")));
        Ok(())
    }

    /// Ends the work: the section, in which a failure stands beside what was found before.
    pub fn end(mut self, result: Result<(), Failure>) -> Section {
        if let Err(failure) = result {
            self.section.status = Status::Error;
            self.section.blame(&failure);
        }
        self.section
    }

    fn root(&self) -> Root {
        match (self.machine.is_root, self.asked.sudo) {
            (true, _) => Root::Already,
            (false, true) => Root::Sudo,
            (false, false) => Root::No,
        }
    }

    fn network(&self) -> Network {
        Network { ca_bundle: self.request.ca_bundle.clone(), ..self.machine.network.clone() }
    }

    /// Decides what to do; `loaded` is the source where it had to be loaded first. Gives the tarball that it is about.
    ///
    /// # Errors
    /// As [`Situation::package`], [`Tarball::open`] and the package manager.
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
    fn manager(&self, platform: &Platform) -> Option<Manager> {
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
    fn clients(&mut self, prefix: Option<&Path>) -> Vec<Client> {
        let mut clients = self.machine.clients(prefix).to_vec();
        detect::rank(&mut clients, self.need);
        clients
    }

    fn is_for_this_machine(&self) -> Result<(), Failure> {
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

    fn is_as_planned(&self, plan: &Plan) -> Result<(), Failure> {
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

    /// Puts the client to the proof, and the verdict into the section.
    fn prove(&mut self, mut client: Client) -> Result<(), Failure> {
        if self.is_plain_memcached() {
            self.choose(&client);
            return Ok(());
        }
        let proof = self.machine.proof(&client.path)?;
        client.tls.tls12 = Some(proof.tls12.is_answered());
        client.tls.tls13 = Some(proof.tls13.is_answered());
        client.tls.verifies_ca = proof.verifies_ca();
        client.tls.verifies_host = proof.verifies_host();
        self.section.findings.extend(judge::findings(&client, &proof, self.need));
        self.choose(&client);
        if self.section.findings.iter().any(|finding| finding.severity == Severity::Error) {
            self.section.status = Status::No;
        }
        Ok(())
    }

    /// Writes down the client that this is about.
    fn choose(&mut self, client: &Client) {
        if self.memcached.is_some() {
            return self.choose_tool(client);
        }
        if !client.on_path
            && let Some(dir) = client.path.parent()
        {
            let summary = format!("{} is not on the PATH", client.path.display());
            let fix = format!("export PATH={}:$PATH", recipe::quoted(&dir.to_string_lossy()));
            self.section.findings.push(Finding::new(&codes::NOT_ON_PATH, Severity::Warning, summary).fix(fix));
        }
        self.tell("client", client);
    }

    /// Says of what does not run why it does not.
    fn tell_broken(&mut self, clients: &[Client]) {
        let broken = clients.iter().filter_map(|client| Some((client, client.problem.as_ref()?)));
        self.section.findings.extend(broken.map(|(client, problem)| {
            Finding::new(&codes::BROKEN_CLIENT, Severity::Warning, format!("{} does not run", client.path.display()))
                .evidence("problem", problem)
        }));
    }

    fn tell_recipe(&mut self, recipe: &Recipe) {
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

    fn deny(&mut self, code: &'static Code, summary: String) {
        self.section.status = Status::No;
        let fix = "ec-cli-install apply   installs a client with TLS";
        self.section.findings.push(Finding::new(code, Severity::Error, summary).fix(fix));
    }

    fn tell(&mut self, name: &str, value: &impl Serialize) {
        self.section.facts.insert(name.to_owned(), json!(value));
    }
}

/// A fact of a section of ours, as the type that it was written from.
pub(crate) fn fact<T: DeserializeOwned>(section: &Section, name: &str) -> Option<T> {
    serde_json::from_value(section.facts.get(name)?.clone()).ok()
}
