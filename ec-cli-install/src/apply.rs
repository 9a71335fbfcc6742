//! Carries a plan out. What was there before stays until what replaces it has proven itself.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use ec_shared::Failure;
use ec_shared::output::Output;
use serde_json::{Map, Value, json};

use crate::codes;
use crate::load::{self, Network};
use crate::lock;
use crate::machine::Machine;
use crate::manifest::{self, Built, Manifest, Packages};
use crate::package::{self, Root};
use crate::place;
use crate::plan;
use crate::progress::Progress;
use crate::proof;
use crate::recipe::{Download, Manager, Package};
use crate::shell::{Ran, Shell};
use crate::source::{self, Tarball, Toolchain};
use crate::undo;
use crate::workplace::Workplace;

/// How long one program may work where no `--timeout` is given: the slowest machine that has to build.
const LONG: Duration = Duration::from_secs(30 * 60);
/// How long another run, or another user of the package manager, is waited for.
const PATIENCE: Duration = Duration::from_secs(10 * 60);

/// What is known of a change once it is done, beside what was planned.
pub type Outcome = Map<String, Value>;

/// A package that was installed.
#[derive(Debug)]
pub struct Installed {
    /// The package; another than was planned if the package lists were not there then.
    pub package: Package,
    /// What came with it.
    pub outcome: Outcome,
    /// Why it is not written down, if it is not.
    pub unwritten: Option<Failure>,
}

/// Installs a package, and writes down what came with it. Where the package lists have to be loaded first, it is the best
/// one `among` these that is in them.
///
/// # Errors
/// What the package manager said.
pub fn install(
    machine: &mut Machine,
    manager: Manager,
    package: Package,
    among: &[Package],
    root: Root,
    output: &Output,
) -> Result<Installed, Failure> {
    let package = if among.is_empty() { package } else { refreshed(machine, manager, among, root, output)? };
    let before = undo::installed(&machine.shell, manager).ok();
    let what = format!("installing {}", package.name);
    transact(machine, manager, &manager.install(package.name), root, output, &what)?;
    machine.forget();
    // What was there before is not this run's; where that cannot be told, nothing is.
    let after = undo::installed(&machine.shell, manager).unwrap_or_default();
    let brought: BTreeSet<String> = before.map(|before| &after - &before).unwrap_or_default();
    let brought: Vec<String> = brought.into_iter().collect();
    let mut outcome = Outcome::new();
    if brought.is_empty() {
        return Ok(Installed { package, outcome, unwritten: None });
    }
    outcome.insert("packages".to_owned(), json!(brought));
    let name = package.name.to_owned();
    let packages = Packages { package: name, manager: manager.name().to_owned(), packages: brought, at: Some(now()) };
    let unwritten = write_down(machine, manager, root, packages).err();
    Ok(Installed { package, outcome, unwritten })
}

/// Writes down in the system's manifest what came, or in the user's where packages take no root.
fn write_down(machine: &Machine, manager: Manager, root: Root, packages: Packages) -> Result<(), Failure> {
    let prefix = match machine.shell.home().filter(|_| !manager.needs_root()) {
        Some(home) => home.join(".local"),
        None => PathBuf::from("/usr/local"),
    };
    let hands = place::hands(&machine.shell, &manifest::path(&prefix), root)?;
    let mut manifest = Manifest::read(&prefix)?;
    manifest.add_packages(packages);
    manifest.write(hands, &prefix)
}

/// Runs a command of the package manager, once nobody else uses it.
///
/// # Errors
/// As [`lock::wait`] and [`package::change`].
pub fn transact(
    machine: &Machine,
    manager: Manager,
    words: &[&str],
    root: Root,
    output: &Output,
    what: &str,
) -> Result<Ran, Failure> {
    let shell = &machine.shell;
    let progress = Progress::start(output, what);
    let mut last = String::new();
    let end = shell.end_within(PATIENCE);
    loop {
        // Who may not be root learns that without waiting.
        if root != Root::No && manager.needs_root() {
            lock::wait(shell, manager, end.saturating_duration_since(Instant::now()), |who| {
                if last != who {
                    progress.tell(format!("waiting for {who}"));
                    output.detail(&format!("waiting for {who}"));
                    who.clone_into(&mut last);
                }
            })?;
        }
        progress.tell(what);
        match package::change(shell, words, root, LONG) {
            Ok(ran) => {
                progress.end(output, &ran);
                return Ok(ran);
            }
            // Somebody took the lock in between, or this failed for another reason that passes.
            Err(failure)
                if failure.code() == &codes::MANAGER_BUSY && lock::is_held(manager) && Instant::now() < end => {}
            Err(failure) => return Err(failure),
        }
    }
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
        transact(machine, manager, &words, root, output, "loading the package lists")?;
    }
    let offers = package::offers(&machine.shell, manager, packages)?;
    let offered = |package: &&Package| offers.iter().any(|offer| offer.package == package.name);
    packages.iter().find(offered).copied().ok_or_else(|| plan::no_package(packages))
}

/// Takes the place where clients are built, once no other run is there, and says beforehand whether `target` can be
/// written and whether what a build needs is there.
///
/// # Errors
/// `EC4031`, and as [`place::hands`] and [`Workplace::take`].
pub fn begin_build(machine: &Machine, target: &Path, root: Root, output: &Output) -> Result<Workplace, Failure> {
    place::hands(&machine.shell, target, root)?;
    Toolchain::find(&machine.shell, &machine.platform, machine.is_root)?;
    let progress = Progress::start(output, "beginning");
    let mut last = String::new();
    let workplace = Workplace::take(&machine.shell, PATIENCE, |who| {
        if last != who {
            progress.tell(format!("waiting for {who}"));
            output.detail(&format!("waiting for {who}"));
            who.clone_into(&mut last);
        }
    })?;
    workplace.has_room()?;
    Ok(workplace)
}

/// Loads the source, unless an earlier run has; gives the file.
///
/// # Errors
/// As [`load::load`].
pub fn load(
    machine: &Machine,
    workplace: &Workplace,
    network: &Network,
    origin: &Download,
    output: &Output,
) -> Result<PathBuf, Failure> {
    let file = workplace.tarball(&origin.sha256);
    let what = format!("loading {}", origin.url);
    output.detail(&what);
    let progress = Progress::start(output, &what);
    progress.while_growing(&what, &load::part(&file), || load::load(&machine.shell, network, origin, &file))?;
    Ok(file)
}

/// Builds the client of `tarball`, proves it, and puts it to `target`; `from` is where the tarball came from.
///
/// # Errors
/// What the build or the proof said. The client that was there is then as it was.
pub fn build(
    machine: &Machine,
    workplace: Workplace,
    tarball: &Tarball,
    from: &str,
    target: &Path,
    root: Root,
    output: &Output,
) -> Result<Outcome, Failure> {
    let prefix = target.parent().and_then(Path::parent).unwrap_or(target);
    let before = Manifest::read(prefix)?;
    let tools = Toolchain::find(&machine.shell, &machine.platform, machine.is_root)?;
    // The compiler's own temporary files, too, are to go with it.
    let shell = machine.shell.clone().scratch_at(workplace.build());
    let progress = Progress::start(output, format!("building valkey-cli {}", tarball.inside.version));
    let (program, ran) = source::build(&shell, &tools, tarball, workplace.build(), machine.cores, LONG)?;
    progress.end(output, &ran);
    let content = std::fs::read(&program).map_err(|error| {
        Failure::new(&ec_shared::codes::READ, format!("cannot read {}", program.display())).because(error)
    })?;
    prove(&shell, &program, tarball)?;

    let hands = place::hands(&machine.shell, target, root)?;
    let sha256 = source::sha256_of(&content);
    let mut made = place::missing(target);
    made.extend(
        place::missing(&manifest::path(prefix)).into_iter().filter(|dir| !made.contains(dir)).collect::<Vec<_>>(),
    );
    let mut manifest = before.clone();
    // The machine may lose its power between any two lines: what is in place is written down at every moment.
    manifest.add_file(Built {
        path: target.to_owned(),
        sha256: sha256.clone(),
        version: Some(tarball.inside.version.clone()),
        from: Some(from.to_owned()),
        from_sha256: Some(tarball.sha256.clone()),
        at: Some(now()),
        made: made.clone(),
    });
    machine.shell.pause(Duration::ZERO)?;
    if let Err(failure) = manifest.write(hands, prefix).and_then(|()| place::put(hands, &content, target, 0o755)) {
        // The disk is full, most often. Nothing is to tell of what is not there.
        let _ = before.write(hands, prefix);
        place::take_away_empty(hands, &made);
        return Err(failure);
    }
    manifest.settle_file(target);
    manifest.write(hands, prefix)?;
    workplace.finish();
    let mut outcome = Outcome::new();
    outcome.insert("sha256".to_owned(), json!(sha256));
    Ok(outcome)
}

fn prove(shell: &Shell, program: &Path, tarball: &Tarball) -> Result<(), Failure> {
    let proof = proof::prove(shell, program)?;
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
    Ok(())
}

/// The time, in RFC 3339, to the second.
fn now() -> String {
    jiff::Timestamp::now().strftime("%Y-%m-%dT%H:%M:%SZ").to_string()
}
