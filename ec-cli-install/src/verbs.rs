//! The verbs, each from a document to its section.

mod change;
mod decide;
mod memcached;
mod verify;

use ec_shared::document::{Cache, ChangeState, Document, Engine, Finding, Section, Severity, Status};
use ec_shared::output::Output;
use ec_shared::{Code, Exit, Failure, Interrupt};
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::json;

use crate::codes;
use crate::detect::{self, Client, NAMES};
use crate::exchange::Login;
use crate::judge::{self, Need};
use crate::machine::Machine;
use crate::package::Root;
use crate::plan::Todo;
use crate::platform::Platform;
use crate::recipe;
use crate::request::Request;

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
        request.is_vouched_for(&asked.request)?;
        let is_elsewhere = command == "plan" && asked.os.is_some();
        let mut section = Section::new(command, Status::Ok);
        if !is_elsewhere {
            section = section.fact("ran_on", &machine.ran_on);
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
    /// `EC4013` and `EC4018` if this is not the machine that was planned for, and as [`plan`](Self::plan) and [`crate::apply`].
    pub fn apply(&mut self, output: &Output) -> Result<(), Failure> {
        self.machine.shell.heed(Interrupt::listen()?);
        self.is_for_this_machine()?;
        let (mut plan, _) = self.decide(None)?;
        self.is_as_planned(&plan)?;
        let takes_root = !matches!(&plan.todo, Todo::Package { manager, .. } if !manager.needs_root());
        let root = if takes_root { self.root() } else { Root::Already };
        let done = self.carry_out(&mut plan, root, output);
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
