//! The four verbs, each from a document to its section.

use ec_shared::document::{Change, ChangeState, Document, Finding, Section, Severity, Status};
use ec_shared::output::Output;
use ec_shared::{Code, Exit, Failure, Interrupt};
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::json;

use crate::apply;
use crate::codes;
use crate::detect::{self, Client, NAMES};
use crate::judge::{self, Need};
use crate::machine::Machine;
use crate::package::{self, Root};
use crate::place;
use crate::plan::{Plan, Site, Situation, Todo};
use crate::platform::Platform;
use crate::recipe::{self, Manager};
use crate::request::{Method, Request};
use crate::source::{Tarball, Toolchain};

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
        let need = Need::of(document.cache()?.as_ref());
        let earlier: Option<Section> = document.read("cli")?;
        let planned: Request = earlier.as_ref().and_then(|section| fact(section, "request")).unwrap_or_default();
        let request = asked.request.clone().over(planned).absolute()?;
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
        Ok(Self { machine, asked, request, is_elsewhere, need, earlier, section })
    }

    /// What clients are there?
    ///
    /// # Errors
    /// None; the answer is in the section.
    pub fn detect(&mut self) -> Result<(), Failure> {
        let clients = self.machine.clients(self.request.prefix.as_deref()).to_vec();
        self.tell("clients", &clients);
        let broken = clients.iter().filter_map(|client| Some((client, client.problem.as_ref()?)));
        self.section.findings.extend(broken.map(|(client, problem)| {
            Finding::new(&codes::BROKEN_CLIENT, Severity::Warning, format!("{} does not run", client.path.display()))
                .evidence("problem", problem)
        }));
        match clients.first().filter(|client| client.problem.is_none()) {
            Some(client) => {
                if !client.tls.listed && self.need != Need::Plain {
                    self.deny(&codes::NO_TLS, format!("{} cannot speak TLS", client.path.display()));
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
        let (plan, tarball) = self.decide()?;
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
        self.tell("steps", &plan.recipe.steps);
        if !plan.recipe.alternatives.is_empty() {
            self.tell("alternatives", &plan.recipe.alternatives);
        }
        if self.asked.detailed_exitcode {
            self.section.exit = Some(Exit::No);
        }
        Ok(())
    }

    /// Does it, and proves the result.
    ///
    /// # Errors
    /// `EC4013` and `EC4018` if this is not the machine that was planned for, and as [`plan`](Self::plan) and
    /// [`apply::carry_out`].
    pub fn apply(&mut self, output: &Output) -> Result<(), Failure> {
        self.machine.shell.heed(Interrupt::listen()?);
        self.is_for_this_machine()?;
        let (plan, tarball) = self.decide()?;
        self.is_as_planned(&plan)?;
        let root = match (self.machine.is_root, self.asked.sudo) {
            (true, _) => Root::Already,
            (false, true) => Root::Sudo,
            (false, false) => Root::No,
        };
        let done = apply::carry_out(self.machine, &plan, tarball.as_ref(), root, output);
        let (state, status) = match (&plan.todo, &done) {
            (Todo::Keep(_), _) => (ChangeState::Unchanged, Status::Unchanged),
            (_, Ok(())) => (ChangeState::Done, Status::Changed),
            (_, Err(_)) => (ChangeState::Failed, Status::Error),
        };
        self.section.status = status;
        self.section.changes.extend(plan.change(state));
        done?;
        let client = match &plan.todo {
            Todo::Keep(client) => Some(client.clone()),
            Todo::Package { .. } => self.machine.clients(None).first().cloned(),
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
        let prefix = self.request.prefix.clone();
        let clients = self.machine.clients(prefix.as_deref());
        // Who names a prefix asks about the client in it.
        let is_asked = |client: &&Client| prefix.as_ref().is_none_or(|prefix| client.path.starts_with(prefix));
        let client = clients.iter().filter(is_asked).find(|client| client.problem.is_none()).cloned();
        if let Some(client) = client {
            return self.prove(client);
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

    /// Makes the plan, and gives the tarball that it is about.
    ///
    /// # Errors
    /// As [`Situation::package`], [`Tarball::open`] and the package manager.
    pub(crate) fn decide(&mut self) -> Result<(Plan, Option<Tarball>), Failure> {
        let is_here = !self.is_elsewhere;
        let platform = self.asked.os.clone().unwrap_or_else(|| self.machine.platform.clone());
        let method = self.request.method(&platform)?;
        self.tell("method", &method);
        let tarball = match &self.request.source_tarball {
            Some(path) => Some(Tarball::open(&self.machine.shell, path, self.request.sha256.as_deref())?),
            None => None,
        };
        let prefix = self.request.prefix.as_deref();
        let clients = if is_here { self.machine.clients(prefix).to_vec() } else { Vec::new() };
        let is_root = is_here && self.machine.is_root;
        let situation = Situation { platform: &platform, clients: &clients, is_root };
        let shell = &self.machine.shell;
        let plan = match method {
            Method::Package => {
                let manager = Manager::of(&platform).filter(|_| is_here);
                let ask = |manager| package::offers(shell, manager, recipe::packages(&platform));
                situation.package(manager.map(ask).transpose()?.as_deref())?
            }
            Method::Source => {
                let target = self.request.target(shell.home().filter(|_| is_here), is_root || !is_here)?;
                let site = Site {
                    is_writable: is_here && place::check(&target).is_ok(),
                    has_toolchain: is_here && Toolchain::find(shell, &platform, is_root).is_ok(),
                    cores: self.machine.cores,
                    target,
                };
                situation.source(tarball.as_ref(), &site)
            }
        };
        Ok((plan, tarball))
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
        let proof = self.machine.proof(&client.path)?;
        client.tls.tls12 = Some(proof.tls12.is_answered());
        client.tls.tls13 = Some(proof.tls13.is_answered());
        client.tls.verifies_ca = proof.verifies_ca();
        self.section.findings.extend(judge::findings(&client, &proof, self.need));
        self.choose(&client);
        if self.section.findings.iter().any(|finding| finding.severity == Severity::Error) {
            self.section.status = Status::No;
        }
        Ok(())
    }

    /// Writes down the client that this is about.
    fn choose(&mut self, client: &Client) {
        if !client.on_path
            && let Some(dir) = client.path.parent()
        {
            let summary = format!("{} is not on the PATH", client.path.display());
            let fix = format!("export PATH={}:$PATH", recipe::quoted(&dir.to_string_lossy()));
            self.section.findings.push(Finding::new(&codes::NOT_ON_PATH, Severity::Warning, summary).fix(fix));
        }
        self.tell("client", client);
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
