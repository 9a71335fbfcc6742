//! Carries a plan out. What was there before stays until what replaces it has proven itself.

use std::path::Path;
use std::time::{Duration, Instant};
use std::{fs, thread};

use ec_shared::Failure;
use ec_shared::output::Output;
use indicatif::ProgressBar;
use tempfile::TempDir;

use crate::codes;
use crate::machine::Machine;
use crate::package::{self, Root};
use crate::place;
use crate::plan::{self, Plan, Todo};
use crate::proof;
use crate::recipe::{Manager, Package};
use crate::shell::Ran;
use crate::source::{self, Tarball, Toolchain};

/// How long one program may work where no `--timeout` is given: the slowest machine that has to build.
const LONG: Duration = Duration::from_secs(30 * 60);

/// Does what `plan` says.
///
/// # Errors
/// What the package manager, the build or the proof said. Nothing of the client that was there is then changed.
pub fn carry_out(
    machine: &mut Machine,
    plan: &Plan,
    tarball: Option<&Tarball>,
    root: Root,
    output: &Output,
) -> Result<(), Failure> {
    match &plan.todo {
        Todo::Keep(_) => return Ok(()),
        Todo::Image => return Err(plan::no_manager(&machine.platform)),
        Todo::Package { package, manager, refresh, among, .. } => {
            let package = if *refresh { refreshed(machine, *manager, among, root, output)? } else { *package };
            let progress = Progress::start(output, format!("installing {}", package.name));
            let ran = package::change(&machine.shell, &manager.install(package.name), root, LONG)?;
            progress.end(output, &ran);
        }
        Todo::Source { target, .. } => {
            let tarball = tarball.ok_or_else(|| {
                Failure::new(&codes::NO_TARBALL, "cannot build valkey-cli without its source")
                    .hint("ec-cli-install plan --method source shows what to load; then give --source-tarball FILE")
            })?;
            place::check(target)?;
            build(machine, tarball, target, output)?;
        }
    }
    machine.forget();
    Ok(())
}

/// Loads the package lists, and gives the best of `packages` that is in them.
fn refreshed(
    machine: &Machine,
    manager: Manager,
    packages: &[Package],
    root: Root,
    output: &Output,
) -> Result<Package, Failure> {
    if let Some(words) = manager.refresh() {
        let progress = Progress::start(output, "loading the package lists".to_owned());
        let ran = package::change(&machine.shell, &words, root, LONG)?;
        progress.end(output, &ran);
    }
    let offers = package::offers(&machine.shell, manager, packages)?;
    let offered = |package: &&Package| offers.iter().any(|offer| offer.package == package.name);
    packages.iter().find(offered).copied().ok_or_else(|| plan::no_package(packages))
}

fn build(machine: &Machine, tarball: &Tarball, target: &Path, output: &Output) -> Result<(), Failure> {
    let tools = Toolchain::find(&machine.shell, &machine.platform, machine.is_root)?;
    let dir = Workplace::within(machine.shell.scratch())?;
    // The compiler's own temporary files, too, are to go with it.
    let shell = machine.shell.clone().scratch_at(dir.path());
    let progress = Progress::start(output, format!("building valkey-cli {}", tarball.inside.version));
    let (program, ran) = source::build(&shell, &tools, tarball, dir.path(), machine.cores, LONG)?;
    progress.end(output, &ran);
    let proof = proof::prove(&machine.shell, &program)?;
    let unproven = |what: &str| {
        Failure::new(
            &codes::UNPROVEN,
            format!("will not install the valkey-cli {} that was built", tarball.inside.version),
        )
        .because(what)
        .hint("library and headers of OpenSSL must be of one version; the installed client is untouched")
    };
    if !proof.has_tls() {
        return Err(unproven("it does not speak TLS").because(proof.tls13.why().unwrap_or_default()));
    }
    if proof.verifies_ca() == Some(false) {
        return Err(unproven("it accepts a certificate of an unknown authority"));
    }
    place::put(&program, target)
}

/// A directory that is private to this user, and gone whatever happens: nothing of an earlier build can leak into the next.
struct Workplace(TempDir);

impl Workplace {
    fn within(scratch: &Path) -> Result<Self, Failure> {
        let dir = tempfile::Builder::new().prefix("ec-cli-install-").tempdir_in(scratch);
        dir.map(Self).map_err(|error| {
            let what = format!("cannot make a directory in {}", scratch.display());
            Failure::new(&ec_shared::codes::WRITE, what).because(error)
        })
    }

    fn path(&self) -> &Path {
        self.0.path()
    }
}

impl Drop for Workplace {
    /// A compiler that was stopped may write its last file while the directory is taken away.
    fn drop(&mut self) {
        let patience = Instant::now() + Duration::from_secs(2);
        while fs::remove_dir_all(self.path()).is_err() && self.path().exists() && Instant::now() < patience {
            thread::sleep(Duration::from_millis(20));
        }
    }
}

/// A line at the terminal while something long goes on.
struct Progress(ProgressBar);

impl Progress {
    fn start(output: &Output, what: String) -> Self {
        let bar = if output.shows_progress() { ProgressBar::new_spinner() } else { ProgressBar::hidden() };
        bar.enable_steady_tick(Duration::from_millis(120));
        bar.set_message(what);
        Self(bar)
    }

    /// Takes the line away; what the program said is shown with `-v` only.
    fn end(self, output: &Output, ran: &Ran) {
        self.0.finish_and_clear();
        for line in ran.text().lines() {
            output.detail(line);
        }
    }
}

impl Drop for Progress {
    fn drop(&mut self) {
        self.0.finish_and_clear();
    }
}
