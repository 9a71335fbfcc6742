//! The four verbs, each from a document to its section.

use ec_shared::document::{Change, ChangeState, Document, Finding, Section, Severity, Status};
use ec_shared::output::Output;
use ec_shared::{Exit, Failure};
use serde::de::DeserializeOwned;
use serde_json::json;

use crate::apply;
use crate::codes;
use crate::detect::{Client, NAMES};
use crate::judge::{self, Need};
use crate::machine::Machine;
use crate::package::{self, Root};
use crate::plan::{Plan, Situation, Todo};
use crate::platform::Platform;
use crate::proof::Proof;
use crate::recipe::{self, Manager};
use crate::request::{Method, Request};
use crate::source::Tarball;

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
    need: Need,
    earlier: Option<Section>,
    section: Section,
}

impl<'a> Work<'a> {
    /// Begins the work: reads of the document what counts here. `Err` holds the section where there is nothing to do.
    ///
    /// # Errors
    /// `EC9009` if the document cannot be read.
    pub fn begin(
        machine: &'a mut Machine,
        asked: &'a Asked,
        command: &'static str,
        document: &Document,
    ) -> Result<Result<Self, Section>, Failure> {
        let cache = document.cache()?;
        if let Some(reason) = cache.as_ref().and_then(judge::other_client) {
            return Ok(Err(Section::skipped(command, reason)));
        }
        let earlier: Option<Section> = document.read("cli")?;
        let planned: Request = earlier.as_ref().and_then(|section| fact(section, "request")).unwrap_or_default();
        let request = asked.request.clone().over(planned).absolute()?;
        let platform = asked.os.as_ref().unwrap_or(&machine.platform);
        let mut section = Section::new(command, Status::Ok).fact("ran_on", &machine.ran_on).fact("platform", platform);
        if request != Request::default() {
            section = section.fact("request", &request);
        }
        if let Some(id) = document.client()?.and_then(|client| client.instance_id).filter(|id| machine.is_other(id)) {
            section.findings.push(
                Finding::new(
                    &codes::OTHER_MACHINE,
                    Severity::Warning,
                    format!("the document's client is {id}, and this is {}", machine.ran_on),
                )
                .fix(format!("run ec-cli-install {command} on {id}")),
            );
        }
        Ok(Ok(Self { machine, asked, request, need: Need::of(cache.as_ref()), earlier, section }))
    }

    /// What clients are there?
    pub fn detect(mut self) -> Section {
        let clients = self.machine.clients(self.request.prefix.as_deref()).to_vec();
        self.section = self.section.fact("clients", &clients);
        let broken = clients.iter().filter_map(|client| Some((client, client.problem.as_ref()?)));
        self.section.findings.extend(broken.map(|(client, problem)| {
            Finding::new(&codes::BROKEN_CLIENT, Severity::Warning, format!("{} does not run", client.path.display()))
                .evidence("problem", problem)
        }));
        match clients.first().filter(|client| client.problem.is_none()) {
            Some(client) => {
                if !client.tls.listed && self.need != Need::Plain {
                    self.fail(&codes::NO_TLS, format!("{} cannot speak TLS", client.path.display()));
                }
                self.choose(client);
            }
            None => self.fail(&codes::NO_CLIENT, format!("no {} on this machine works", NAMES.join(", "))),
        }
        self.section
    }

    /// What would have to be done?
    ///
    /// # Errors
    /// As [`Situation::package`], [`Tarball::open`] and the package manager.
    pub fn plan(mut self) -> Result<Section, Failure> {
        let (plan, tarball) = self.decide()?;
        if let Some(tarball) = tarball {
            // So that apply takes the very tarball that was planned with.
            self.request.sha256 = Some(tarball.sha256);
            self.section = self.section.fact("request", &self.request);
        }
        self.section.status = Status::Planned;
        if let Todo::Keep(client) = &plan.todo {
            self.section.status = Status::Unchanged;
            self.choose(client);
            return Ok(self.section);
        }
        self.section.changes.extend(plan.change(ChangeState::Planned));
        self.section = self.section.fact("steps", &plan.recipe.steps);
        if !plan.recipe.alternatives.is_empty() {
            self.section = self.section.fact("alternatives", &plan.recipe.alternatives);
        }
        if self.asked.detailed_exitcode {
            self.section.exit = Some(Exit::No);
        }
        Ok(self.section)
    }

    /// Does it, and proves the result.
    ///
    /// # Errors
    /// `EC4013` and `EC4018` if this is not the machine that was planned for, and as [`plan`](Self::plan). What fails
    /// later stands in the section.
    pub fn apply(mut self, output: &Output) -> Result<Section, Failure> {
        self.is_for_this_machine()?;
        let (plan, tarball) = self.decide()?;
        self.is_as_planned(&plan)?;
        let root = match (self.machine.is_root, self.asked.sudo) {
            (true, _) => Root::Already,
            (false, true) => Root::Sudo,
            (false, false) => Root::No,
        };
        let done = apply::carry_out(self.machine, &plan, tarball.as_ref(), root, output);
        match done {
            Err(failure) => {
                self.section.changes.extend(plan.change(ChangeState::Failed));
                return Ok(self.blame(&failure, output));
            }
            Ok(Some(change)) => {
                self.section.status = Status::Changed;
                self.section.changes.push(change);
            }
            Ok(None) => self.section.status = Status::Unchanged,
        }
        let client = match &plan.todo {
            Todo::Keep(client) => Some(client.clone()),
            Todo::Package { .. } => self.machine.clients(None).first().cloned(),
            Todo::Source { target, .. } => Some(crate::detect::look(&self.machine.shell, target)),
        };
        let Some(client) = client else {
            self.fail(&codes::NO_CLIENT, "the package is installed, and no client is found".to_owned());
            return Ok(self.section);
        };
        Ok(self.prove(client, output))
    }

    /// Is what is there good?
    ///
    /// # Errors
    /// `EC4013` if this is not the system that `--os` names.
    pub fn verify(mut self, output: &Output) -> Result<Section, Failure> {
        self.is_for_this_machine()?;
        let prefix = self.request.prefix.clone();
        let clients = self.machine.clients(prefix.as_deref());
        // Who names a prefix asks about the client in it.
        let is_asked = |client: &&Client| prefix.as_ref().is_none_or(|prefix| client.path.starts_with(prefix));
        let client = clients.iter().filter(is_asked).find(|client| client.problem.is_none()).cloned();
        if let Some(client) = client {
            return Ok(self.prove(client, output));
        }
        let place = prefix
            .map_or_else(|| "on this machine".to_owned(), |prefix| format!("in {}", prefix.join("bin").display()));
        self.fail(&codes::NO_CLIENT, format!("no {} {place} works", NAMES.join(", ")));
        Ok(self.section)
    }

    fn decide(&mut self) -> Result<(Plan, Option<Tarball>), Failure> {
        let is_here = self.asked.os.as_ref().is_none_or(|os| self.machine.platform.is(os));
        let platform = self.asked.os.clone().unwrap_or_else(|| self.machine.platform.clone());
        let method = self.request.method(&platform)?;
        self.section = std::mem::replace(&mut self.section, Section::new("", Status::Ok)).fact("method", method);
        let tarball = match &self.request.source_tarball {
            Some(path) => Some(Tarball::open(&self.machine.shell, path, self.request.sha256.as_deref())?),
            None => None,
        };
        let prefix = self.request.prefix.as_deref();
        let clients = if is_here { self.machine.clients(prefix).to_vec() } else { Vec::new() };
        let is_root = is_here && self.machine.is_root;
        let situation = Situation { platform: &platform, clients: &clients, is_root };
        let plan = match method {
            Method::Package => {
                let manager = Manager::of(&platform).filter(|_| is_here);
                let ask = |manager| package::offers(&self.machine.shell, manager, recipe::packages(&platform));
                situation.package(manager.map(ask).transpose()?.as_deref())?
            }
            Method::Source => {
                let home = self.machine.shell.home().filter(|_| is_here);
                let target = self.request.target(home, is_root || !is_here)?;
                situation.source(tarball.as_ref(), target, self.machine.cores)
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
    fn prove(mut self, mut client: Client, output: &Output) -> Section {
        let proof = match self.machine.proof(&client.path) {
            Ok(proof) => proof,
            Err(failure) => return self.blame(&failure, output),
        };
        let Proof { tls12, tls13, .. } = &proof;
        client.tls.tls12 = Some(tls12.is_answered());
        client.tls.tls13 = Some(tls13.is_answered());
        client.tls.verifies_ca = proof.verifies_ca();
        self.section.findings.extend(judge::findings(&client, &proof, self.need));
        self.choose(&client);
        if self.section.findings.iter().any(|finding| finding.severity == Severity::Error) {
            self.section.status = Status::No;
        }
        self.section
    }

    /// Writes down the client that this is about.
    fn choose(&mut self, client: &Client) {
        if !client.on_path
            && let Some(dir) = client.path.parent()
        {
            self.section.findings.push(
                Finding::new(
                    &codes::NOT_ON_PATH,
                    Severity::Warning,
                    format!("{} is not on the PATH", client.path.display()),
                )
                .fix(format!("export PATH={}:$PATH", recipe::quoted(&dir.to_string_lossy()))),
            );
        }
        self.section.facts.insert("client".to_owned(), json!(client));
    }

    fn fail(&mut self, code: &'static ec_shared::Code, summary: String) {
        self.section.status = Status::No;
        self.section.findings.push(
            Finding::new(code, Severity::Error, summary).fix("ec-cli-install apply   installs a client with TLS"),
        );
    }

    /// A failure that must not lose what the section says already.
    fn blame(mut self, failure: &Failure, output: &Output) -> Section {
        output.complain(failure);
        self.section.status = Status::Error;
        self.section.blame(failure);
        self.section
    }
}

fn fact<T: DeserializeOwned>(section: &Section, name: &str) -> Option<T> {
    serde_json::from_value(section.facts.get(name)?.clone()).ok()
}
