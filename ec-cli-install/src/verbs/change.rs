//! What changes this machine: a plan is carried out, and what was installed is taken away.

use std::path::PathBuf;

use ec_shared::document::section::standing;
use ec_shared::document::{ChangeState, Finding, Severity, Status};
use ec_shared::output::Output;
use ec_shared::ran_on::RanOn;
use ec_shared::{Failure, Interrupt};

use super::{Work, fact};
use crate::apply::{self, Outcome};
use crate::codes;
use crate::load::Network;
use crate::package::Root;
use crate::plan::{self, Plan, Todo};
use crate::remove::{self, Records};

impl Work<'_> {
    /// Does what `plan` says, which becomes what was really done.
    pub(super) fn carry_out(&mut self, plan: &mut Plan, root: Root, output: &Output) -> Result<Outcome, Failure> {
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
                // Since it was decided, another run may have done all that there was to do.
                self.machine.forget();
                let (decided, mut tarball) = self.decide(None)?;
                *plan = decided;
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

    fn network(&self) -> Network {
        Network { ca_bundle: self.request.ca_bundle.clone(), ..self.machine.network.clone() }
    }
}
