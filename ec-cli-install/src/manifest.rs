//! What was installed, written down beside it: `PREFIX/share/ec-cli-install/manifest.json`. The world does not tell who
//! put a file or a package there, and `remove` has to know it even where the document of `apply` is long gone.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use ec_shared::Failure;
use serde::{Deserialize, Serialize};

use crate::codes;
use crate::place::{self, Hands};

const KIND: &str = "ec.cli-install.manifest";
const FORMAT_VERSION: &str = "1.0";

/// What was installed under one prefix.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Manifest {
    kind: String,
    format_version: String,
    /// What was installed, and not removed since.
    pub installed: Vec<Entry>,
}

/// One thing that was installed.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Entry {
    /// A client that was built.
    File(Built),
    /// Packages.
    Package(Packages),
}

/// A client that was built.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Built {
    /// Where it is.
    pub path: PathBuf,
    /// Its SHA-256, by which it is known again.
    pub sha256: String,
    /// Its version.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub version: Option<String>,
    /// The tarball that it was built from: a path or an address.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub from: Option<String>,
    /// The SHA-256 of that tarball.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub from_sha256: Option<String>,
    /// When, in RFC 3339.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub at: Option<String>,
    /// The directories that were made for it, the outermost first.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub made: Vec<PathBuf>,
}

/// Packages that one run of the package manager has brought.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Packages {
    /// The package that was asked for.
    pub package: String,
    /// The manager.
    pub manager: String,
    /// It and what came with it: those that were not installed before.
    pub packages: Vec<String>,
    /// When, in RFC 3339.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub at: Option<String>,
}

impl Default for Manifest {
    fn default() -> Self {
        Self { kind: KIND.to_owned(), format_version: FORMAT_VERSION.to_owned(), installed: Vec::new() }
    }
}

/// Where the manifest of `prefix` is.
pub fn path(prefix: &Path) -> PathBuf {
    prefix.join("share/ec-cli-install/manifest.json")
}

impl Manifest {
    /// Reads the manifest of `prefix`; an empty one where there is none.
    ///
    /// # Errors
    /// `EC4043` if there is something that is no manifest, or one of a later format.
    pub fn read(prefix: &Path) -> Result<Self, Failure> {
        let path = path(prefix);
        let cannot = |why: &dyn std::fmt::Display| {
            Failure::new(&codes::MANIFEST, format!("cannot read {}", path.display()))
                .because(why)
                .hint("move the file away; what it tells of is then no longer removed by this tool")
        };
        let text = match fs::read_to_string(&path) {
            Err(error) if matches!(error.kind(), io::ErrorKind::NotFound | io::ErrorKind::NotADirectory) => {
                return Ok(Self::default());
            }
            text => text.map_err(|error| cannot(&error))?,
        };
        let manifest: Self = serde_json::from_str(&text).map_err(|error| cannot(&error))?;
        if manifest.kind != KIND || !manifest.format_version.starts_with("1.") {
            return Err(cannot(&format_args!("it is {} {}", manifest.kind, manifest.format_version)));
        }
        Ok(manifest)
    }

    /// Writes it below `prefix`; an empty one takes its file and its directory away.
    ///
    /// # Errors
    /// As [`place::put`].
    pub fn write(&self, hands: Hands<'_>, prefix: &Path) -> Result<(), Failure> {
        let path = path(prefix);
        if !self.installed.is_empty() {
            let mut text = serde_json::to_vec_pretty(self).unwrap_or_default();
            text.push(b'\n');
            return place::put(hands, &text, &path, 0o644);
        }
        if path.symlink_metadata().is_ok() {
            place::take_away(hands, &path)?;
        }
        let own: Vec<PathBuf> = path.parent().map(Path::to_path_buf).into_iter().collect();
        place::take_away_empty(hands, &own);
        Ok(())
    }

    /// The built client at `path`, as often as it was written down: twice while one is about to replace the other.
    pub fn files(&self, path: &Path) -> impl Iterator<Item = &Built> {
        self.installed.iter().filter_map(move |entry| match entry {
            Entry::File(built) if built.path == path => Some(built),
            _ => None,
        })
    }

    /// Adds a client that is about to be put in place. What is known of the one before stays until it is there.
    pub fn add_file(&mut self, mut built: Built) {
        // The directories are those of whoever came first.
        let before: Vec<PathBuf> = self.files(&built.path).flat_map(|before| before.made.clone()).collect();
        for dir in before.into_iter().rev() {
            if !built.made.contains(&dir) {
                built.made.insert(0, dir);
            }
        }
        let is_same = |entry: &Entry| matches!(entry, Entry::File(known) if known.path == built.path && known.sha256 == built.sha256);
        self.installed.retain(|entry| !is_same(entry));
        self.installed.push(Entry::File(built));
    }

    /// Forgets the clients that were at `path` but for the last one, which is in place now.
    pub fn settle_file(&mut self, path: &Path) {
        let last = self.files(path).last().cloned();
        self.forget_file(path);
        self.installed.extend(last.map(Entry::File));
    }

    /// Forgets the client at `path`.
    pub fn forget_file(&mut self, path: &Path) {
        self.installed.retain(|entry| !matches!(entry, Entry::File(built) if built.path == path));
    }

    /// What came with `package`.
    pub fn package(&self, package: &str) -> Option<&Packages> {
        self.installed.iter().find_map(|entry| match entry {
            Entry::Package(packages) if packages.package == package => Some(packages),
            _ => None,
        })
    }

    /// Adds packages, and what is known of earlier runs for the same one.
    pub fn add_packages(&mut self, mut fresh: Packages) {
        let before = self.package(&fresh.package).map(|before| before.packages.clone()).unwrap_or_default();
        fresh.packages.extend(before);
        fresh.packages.sort_unstable();
        fresh.packages.dedup();
        self.forget_package(&fresh.package);
        self.installed.push(Entry::Package(fresh));
    }

    /// Forgets `package` and what came with it.
    pub fn forget_package(&mut self, package: &str) {
        self.installed.retain(|entry| !matches!(entry, Entry::Package(packages) if packages.package == package));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn built(sha256: &str, made: &[&str]) -> Built {
        let made = made.iter().map(PathBuf::from).collect();
        Built { path: "/p/bin/valkey-cli".into(), sha256: sha256.into(), made, ..Built::default() }
    }

    fn hashes(manifest: &Manifest) -> Vec<&str> {
        manifest.files(Path::new("/p/bin/valkey-cli")).map(|built| built.sha256.as_str()).collect()
    }

    #[test]
    fn what_was_written_is_read_and_nothing_is_left_of_what_was_forgotten() {
        let prefix = tempfile::tempdir().unwrap();
        let mut manifest = Manifest::read(prefix.path()).unwrap();
        assert_eq!(manifest, Manifest::default());
        manifest.add_file(built("a", &[]));
        manifest.write(Hands::Own, prefix.path()).unwrap();
        assert_eq!(Manifest::read(prefix.path()).unwrap(), manifest);
        manifest.forget_file(Path::new("/p/bin/valkey-cli"));
        manifest.write(Hands::Own, prefix.path()).unwrap();
        assert!(!prefix.path().join("share/ec-cli-install").exists());
        manifest.write(Hands::Own, prefix.path()).unwrap();
    }

    #[test]
    fn until_a_client_is_in_place_both_it_and_the_one_before_are_known() {
        let mut manifest = Manifest::default();
        manifest.add_file(built("old", &["/p", "/p/bin"]));
        manifest.add_file(built("new", &[]));
        manifest.add_file(built("new", &[]));
        assert_eq!(hashes(&manifest), ["old", "new"]);
        manifest.settle_file(Path::new("/p/bin/valkey-cli"));
        assert_eq!(hashes(&manifest), ["new"]);
        let made = &manifest.files(Path::new("/p/bin/valkey-cli")).next().unwrap().made;
        assert_eq!(made, &[PathBuf::from("/p"), PathBuf::from("/p/bin")], "who came first made the directories");
    }

    #[test]
    fn packages_of_two_runs_are_known_together() {
        let run = |packages: &[&str]| Packages {
            package: "valkey-tools".into(),
            manager: "apt".into(),
            packages: packages.iter().map(|name| (*name).to_owned()).collect(),
            at: None,
        };
        let mut manifest = Manifest::default();
        manifest.add_packages(run(&["valkey-tools", "liblzf1"]));
        manifest.add_packages(run(&["libjemalloc2", "liblzf1"]));
        assert_eq!(manifest.package("valkey-tools").unwrap().packages, ["libjemalloc2", "liblzf1", "valkey-tools"]);
        assert_eq!(manifest.installed.len(), 1);
    }

    #[test]
    fn what_is_no_manifest_is_not_written_over() {
        let prefix = tempfile::tempdir().unwrap();
        let file = path(prefix.path());
        fs::create_dir_all(file.parent().unwrap()).unwrap();
        let later = r#"{"kind":"ec.cli-install.manifest","format_version":"2.0","installed":[]}"#;
        for text in ["", "{}", "[1", later] {
            fs::write(&file, text).unwrap();
            assert_eq!(Manifest::read(prefix.path()).unwrap_err().code().id, "EC4043", "{text}");
        }
    }
}
