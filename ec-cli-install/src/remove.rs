//! Takes away exactly what was installed: the client that is still the one that was put there, and the packages that
//! came and that nothing else needs.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

use clap::Args;
use ec_shared::document::{Change, ChangeState};
use ec_shared::output::Output;
use ec_shared::{Failure, Interrupt};
use serde_json::json;

use crate::apply;
use crate::codes;
use crate::machine::Machine;
use crate::manifest::{Built, Entry, Manifest, Packages};
use crate::package::Root;
use crate::place;
use crate::recipe::{self, Manager};
use crate::request::Request;
use crate::source::sha256_of;
use crate::undo;
use crate::verbs::Asked;

/// Flags of `remove`.
#[derive(Clone, Debug, Args)]
pub struct Flags {
    /// The prefix whose manifest tells what was installed [default: /usr/local and ~/.local]
    #[arg(long, value_name = "DIR")]
    prefix: Option<PathBuf>,
    /// Takes root behind `sudo -n` where it is needed
    #[arg(long)]
    sudo: bool,
}

impl From<Flags> for Asked {
    fn from(flags: Flags) -> Self {
        let request = Request { prefix: flags.prefix, ..Request::default() };
        Self { request, sudo: flags.sudo, ..Self::default() }
    }
}

/// What became of one thing.
#[derive(Debug)]
pub struct Removed {
    /// The change.
    pub change: Change,
    /// Why it stays, or stays in part.
    pub failure: Option<Failure>,
}

/// The manifests of some prefixes.
#[derive(Debug)]
pub struct Records(Vec<(PathBuf, Manifest)>);

impl Records {
    /// Reads them.
    ///
    /// # Errors
    /// As [`Manifest::read`].
    pub fn read(prefixes: &[PathBuf]) -> Result<Self, Failure> {
        let prefixes: BTreeSet<&PathBuf> = prefixes.iter().collect();
        let read = |prefix: &PathBuf| Ok((prefix.clone(), Manifest::read(prefix)?));
        prefixes.into_iter().map(read).collect::<Result<_, Failure>>().map(Self)
    }

    /// Everything that was installed and not removed since, the newest first.
    pub fn entries(&self) -> Vec<Entry> {
        let mut entries: Vec<Entry> = self.0.iter().flat_map(|(_, manifest)| manifest.installed.clone()).collect();
        entries.reverse();
        // While one client was about to replace another at the same place, both were written down.
        let mut seen = BTreeSet::new();
        entries.retain(|entry| match entry {
            Entry::File(built) => seen.insert(built.path.clone()),
            Entry::Package(_) => true,
        });
        entries
    }

    /// What the changes of a document have installed. Where the document tells less than the manifest, the manifest
    /// counts, too; what neither tells is not removed.
    pub fn entries_of(&self, changes: &[&Change]) -> Vec<Entry> {
        changes.iter().filter(|change| change.action == "install").map(|change| self.entry_of(change)).collect()
    }

    fn entry_of(&self, change: &Change) -> Entry {
        let after = change.after.clone().unwrap_or_default();
        let text = |name: &str| after[name].as_str().map(str::to_owned);
        if let Some(package) = change.resource.strip_prefix("package ") {
            let told = after["packages"].as_array().into_iter().flatten().filter_map(|name| name.as_str());
            let mut packages: Vec<String> = told.map(str::to_owned).collect();
            if packages.is_empty() {
                let known = self.0.iter().find_map(|(_, manifest)| manifest.package(package));
                packages = known.map(|known| known.packages.clone()).unwrap_or_default();
            }
            let manager = text("manager").unwrap_or_default();
            return Entry::Package(Packages { package: package.to_owned(), manager, packages, at: None });
        }
        let path = PathBuf::from(&change.resource);
        Entry::File(Built {
            sha256: text("sha256").unwrap_or_default(),
            version: text("version"),
            path,
            ..Built::default()
        })
    }

    /// What is known of the client at `path`.
    fn files<'a>(&'a self, path: &'a Path) -> impl Iterator<Item = &'a Built> {
        self.0.iter().flat_map(move |(_, manifest)| manifest.files(path))
    }

    /// The directories that were made for something, the outermost first.
    fn made_for(&self, entry: &Entry) -> Vec<PathBuf> {
        let Entry::File(built) = entry else { return Vec::new() };
        let made = self.files(&built.path).last().map(|known| known.made.clone());
        made.unwrap_or_else(|| built.made.clone())
    }

    /// Forgets something in every manifest that tells of it.
    fn forget(&mut self, machine: &Machine, root: Root, entry: &Entry) -> Result<(), Failure> {
        for (prefix, manifest) in &mut self.0 {
            let before = manifest.clone();
            match entry {
                Entry::File(built) => manifest.forget_file(&built.path),
                Entry::Package(packages) => manifest.forget_package(&packages.package),
            }
            if *manifest != before {
                let hands = place::hands(&machine.shell, &crate::manifest::path(prefix), root)?;
                manifest.write(hands, prefix)?;
            }
        }
        Ok(())
    }
}

/// Takes one thing away.
///
/// # Errors
/// None but that a signal came before it was begun; everything else stands beside the change.
pub fn carry_out(
    machine: &mut Machine,
    records: &mut Records,
    entry: &Entry,
    root: Root,
    output: &Output,
) -> Result<Removed, Failure> {
    Interrupt::listen()?.check()?;
    let mut change = match entry {
        Entry::File(built) => {
            let mut change = Change::new("remove", built.path.display().to_string(), ChangeState::Unchanged);
            change.before = built.version.as_ref().map(|version| json!({"version": version}));
            change
        }
        Entry::Package(packages) => {
            Change::new("remove", format!("package {}", packages.package), ChangeState::Unchanged)
        }
    };
    let result = match entry {
        Entry::File(built) => file(machine, records, built, root),
        Entry::Package(packages) => package(machine, packages, root, output, &mut change),
    };
    let failure = match result {
        Ok(is_done) => {
            if is_done {
                // What was done is undone under the same name.
                change.state = ChangeState::Done;
                change.id = Some(change.resource.strip_prefix("package ").unwrap_or(&change.resource).to_owned());
                machine.forget();
            }
            let made = records.made_for(entry);
            let failure = records.forget(machine, root, entry).err();
            if let (Some(outermost), None) = (made.first(), &failure)
                && let Ok(hands) = place::hands(&machine.shell, &outermost.join("x"), root)
            {
                place::take_away_empty(hands, &made);
            }
            failure
        }
        Err(why) => {
            change.state = ChangeState::Failed;
            Some(why)
        }
    };
    Ok(Removed { change, failure })
}

/// Removes a client if it is the one that was installed; whether there was something to remove.
fn file(machine: &Machine, records: &Records, built: &Built, root: Root) -> Result<bool, Failure> {
    let path = &built.path;
    let will_not = |why: String| {
        Failure::new(&codes::CHANGED_SINCE, format!("will not remove {}", path.display()))
            .because(why)
            .hint("look at what is there; if you do not want it, remove it by hand")
    };
    // What a document says is no leave to remove any file.
    if !path.is_absolute() || !path.ends_with("bin/valkey-cli") {
        return Err(will_not("it is nothing that this tool installs".to_owned()));
    }
    let Ok(meta) = path.symlink_metadata() else { return Ok(false) };
    let known: BTreeSet<&str> = records
        .files(path)
        .chain([built])
        .map(|built| built.sha256.as_str())
        .filter(|sha256| !sha256.is_empty())
        .collect();
    if known.is_empty() {
        return Err(will_not("neither the document nor a manifest tells what was installed there".to_owned()));
    }
    if !meta.is_file() {
        return Err(will_not("it is not the file that was installed any more".to_owned()));
    }
    let content = fs::read(path).map_err(|error| will_not(error.to_string()))?;
    let sha256 = sha256_of(&content);
    if !known.contains(sha256.as_str()) {
        return Err(will_not(format!("it was changed since it was installed: its SHA-256 is {sha256}")));
    }
    place::take_away(place::hands(&machine.shell, path, root)?, path)?;
    Ok(true)
}

/// Removes packages; whether there was something to remove. What stays of them is told in the change.
fn package(
    machine: &Machine,
    packages: &Packages,
    root: Root,
    output: &Output,
    change: &mut Change,
) -> Result<bool, Failure> {
    let name = &packages.package;
    let will_not = |why: String| {
        Failure::new(&codes::CHANGED_SINCE, format!("will not remove package {name}"))
            .because(why)
            .hint("remove it by hand, if you do not want it")
    };
    let manager = Manager::all_of(&machine.platform)
        .iter()
        .copied()
        .find(|manager| manager.name() == packages.manager)
        .ok_or_else(|| will_not(format!("{} is not the package manager of this system", packages.manager)))?;
    // What a document says is no leave to remove any package.
    if !recipe::is_known(&machine.platform, name) {
        return Err(will_not("it is nothing that this tool installs".to_owned()));
    }
    if packages.packages.is_empty() {
        change.reason = Some("it was there before, or nothing tells what came with it".to_owned());
        return Ok(false);
    }
    let there = undo::installed(&machine.shell, manager)?;
    let brought: Vec<String> = packages.packages.iter().filter(|name| there.contains(*name)).cloned().collect();
    if brought.is_empty() {
        return Ok(false);
    }
    let removable = undo::removable(&machine.shell, manager, name, &brought)?;
    if !removable.stay.is_empty() {
        change.reason =
            Some(format!("{} stays: something else needs it, or it was asked for since", removable.stay.join(", ")));
    }
    if removable.go.is_empty() {
        return Ok(false);
    }
    let root = if manager.needs_root() { root } else { Root::Already };
    change.before = Some(json!({"manager": manager.name(), "packages": removable.go}));
    apply::transact(
        machine,
        manager,
        &undo::remove(manager, &removable.go),
        root,
        output,
        &format!("removing {name}"),
    )?;
    let left = undo::installed(&machine.shell, manager)?;
    match removable.go.iter().find(|name| left.contains(*name)) {
        None => Ok(true),
        Some(name) => Err(Failure::new(&codes::MANAGER_FAILED, format!("cannot remove {name}"))
            .because(format!("{} says that it has, and it is still there", manager.name()))),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn records(installed: Vec<Entry>) -> Records {
        let mut manifest = Manifest::default();
        manifest.installed = installed;
        Records(vec![("/p".into(), manifest)])
    }

    fn built(sha256: &str) -> Built {
        Built { path: "/p/bin/valkey-cli".into(), sha256: sha256.into(), ..Built::default() }
    }

    fn done(resource: &str, after: serde_json::Value) -> Change {
        let mut change = Change::new("install", resource, ChangeState::Done);
        change.after = Some(after);
        change
    }

    #[test]
    fn a_client_that_was_about_to_be_replaced_is_one_thing() {
        let records = records(vec![Entry::File(built("old")), Entry::File(built("new"))]);
        assert_eq!(records.entries(), [Entry::File(built("new"))]);
        let known: Vec<_> = records.files(Path::new("/p/bin/valkey-cli")).map(|built| built.sha256.as_str()).collect();
        assert_eq!(known, ["old", "new"], "either may be there");
    }

    #[test]
    fn a_document_tells_what_was_installed_and_the_manifest_what_it_leaves_open() {
        let packages = |packages: &[&str]| {
            let packages = packages.iter().map(|name| (*name).to_owned()).collect();
            Entry::Package(Packages { package: "valkey-tools".into(), manager: "apt".into(), packages, at: None })
        };
        let records = records(vec![packages(&["valkey-tools", "liblzf1"])]);
        let file = done("/p/bin/valkey-cli", json!({"sha256": "ab"}));
        let told = done("package valkey-tools", json!({"manager": "apt", "packages": ["valkey-tools"]}));
        let open = done("package valkey-tools", json!({"manager": "apt"}));
        assert_eq!(records.entries_of(&[&file]), [Entry::File(built("ab"))]);
        assert_eq!(records.entries_of(&[&told]), [packages(&["valkey-tools"])]);
        assert_eq!(records.entries_of(&[&open]), [packages(&["valkey-tools", "liblzf1"])]);
    }

    fn removed(path: &Path, known: &Built) -> Result<bool, Failure> {
        let built = Built { path: path.to_owned(), ..known.clone() };
        file(&Machine::here(), &records(Vec::new()), &built, Root::No)
    }

    #[test]
    fn only_the_very_client_that_was_installed_is_removed() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("bin/valkey-cli");
        fs::create_dir(dir.path().join("bin")).unwrap();
        let known = built(&sha256_of(b"ours"));
        assert!(!removed(&path, &known).unwrap(), "there is nothing");
        fs::write(&path, "theirs").unwrap();
        assert_eq!(removed(&path, &known).unwrap_err().code().id, "EC4040");
        assert_eq!(removed(&path, &built("")).unwrap_err().code().id, "EC4040");
        fs::write(&path, "ours").unwrap();
        assert!(removed(&path, &known).unwrap());
        assert!(!path.exists());
        std::os::unix::fs::symlink("/bin/sh", &path).unwrap();
        assert_eq!(removed(&path, &known).unwrap_err().code().id, "EC4040");
    }

    #[test]
    fn a_document_cannot_name_any_file_or_package() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("passwd");
        fs::write(&path, "ours").unwrap();
        assert_eq!(removed(&path, &built(&sha256_of(b"ours"))).unwrap_err().code().id, "EC4040");
        let packages = Packages {
            package: "openssh-server".into(),
            manager: "apt".into(),
            packages: vec!["openssh-server".into()],
            at: None,
        };
        let mut machine = Machine::here();
        machine.platform = crate::platform::Platform::of_id("debian-12").unwrap();
        let output = Output::new("test", None, ec_shared::output::ErrorFormat::Text, ec_shared::output::Color::Never);
        let mut change = Change::new("remove", "package openssh-server", ChangeState::Unchanged);
        let failure = package(&machine, &packages, Root::Already, &output, &mut change).unwrap_err();
        assert_eq!(
            failure.to_string(),
            "will not remove package openssh-server: it is nothing that this tool installs"
        );
    }
}
