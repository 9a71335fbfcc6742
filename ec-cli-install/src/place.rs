//! Puts what is finished into the prefix, whole or not at all, and takes it away again. The only file that writes there.

use std::fmt::Display;
use std::fs::{self, File, Permissions};
use std::io::{self, Write};
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::time::Duration;

use ec_shared::Failure;
use rustix::fs::{Access, access};

use crate::codes;
use crate::package::Root;
use crate::shell::{Job, Ran, Shell};

/// Who writes.
#[derive(Clone, Copy, Debug)]
pub enum Hands<'a> {
    /// This process.
    Own,
    /// root, behind `sudo -n`: for the last step alone, everything before it is this user's work.
    Roots(&'a Shell),
}

/// Writes stdin to `$1` with mode `$2`, as [`put`] does.
const PUT: &str = r#"set -eu; umask 022; dir=${1%/*}; mkdir -p -- "$dir"
[ ! -d "$1" ] || { echo 'it is a directory' >&2; exit 1; }
fresh=$(mktemp "$dir/.ec-cli-install-XXXXXX"); trap 'rm -f "$fresh"' EXIT
cat > "$fresh"; chmod "$2" "$fresh"; sync "$fresh"; mv -f -- "$fresh" "$1""#;

/// Says before the long work who can write `target` after it.
///
/// # Errors
/// `EC4034` if nobody can; `EC4015` if it takes root, and sudo asks for a password.
pub fn hands<'a>(shell: &'a Shell, target: &Path, root: Root) -> Result<Hands<'a>, Failure> {
    let there = nearest(target)?;
    match access(there, Access::WRITE_OK | Access::EXEC_OK) {
        Ok(()) => Ok(Hands::Own),
        Err(rustix::io::Errno::ACCESS) if root == Root::Sudo => {
            let ran = shell.run(&Job::new(shell.need("sudo")?, ["-n", "--", "true"]).transaction())?;
            if ran.is_success() { Ok(Hands::Roots(shell)) } else { Err(no_sudo(target, &ran)) }
        }
        Err(error) => Err(cannot(target, format!("{}: {error}", there.display()))),
    }
}

/// Whether this process can write `target`.
///
/// # Errors
/// `EC4034` if not.
pub fn check(target: &Path) -> Result<(), Failure> {
    let there = nearest(target)?;
    access(there, Access::WRITE_OK | Access::EXEC_OK)
        .map_err(|error| cannot(target, format!("{}: {error}", there.display())))
}

/// The directories above `target` that are yet to be made, the outermost first.
pub fn missing(target: &Path) -> Vec<PathBuf> {
    let above = target.ancestors().skip(1).take_while(|dir| dir.symlink_metadata().is_err());
    let mut missing: Vec<PathBuf> = above.map(Path::to_path_buf).collect();
    missing.reverse();
    missing
}

/// Writes `content` to `target` with `mode`. Whoever looks sees the old file or the new one, also after a power cut; a
/// program that runs from the old one goes on.
///
/// # Errors
/// `EC4034`; `target` is then as it was.
pub fn put(hands: Hands<'_>, content: &[u8], target: &Path, mode: u32) -> Result<(), Failure> {
    match hands {
        Hands::Own => write(content, target, mode).map_err(|error| cannot(target, error)),
        Hands::Roots(shell) => {
            let words = ["sh", "-c", PUT, "sh", &target.to_string_lossy(), &format!("{mode:o}")].map(str::to_owned);
            as_root(shell, &words, content, target)
        }
    }
}

/// Takes `target` away.
///
/// # Errors
/// `EC4034`; `target` is then as it was.
pub fn take_away(hands: Hands<'_>, target: &Path) -> Result<(), Failure> {
    match hands {
        Hands::Own => fs::remove_file(target).map_err(|error| cannot(target, error)),
        Hands::Roots(shell) => {
            let words = ["rm", "-f", "--", &target.to_string_lossy()].map(str::to_owned);
            as_root(shell, &words, b"", target)
        }
    }
}

/// Takes those of `dirs` away that are empty, the innermost first. One that holds something stays, whoever made it.
pub fn take_away_empty(hands: Hands<'_>, dirs: &[PathBuf]) {
    for dir in dirs.iter().rev() {
        let _ = match hands {
            Hands::Own => fs::remove_dir(dir).is_ok(),
            Hands::Roots(shell) => {
                as_root(shell, &["rmdir", "--", &dir.to_string_lossy()].map(str::to_owned), b"", dir).is_ok()
            }
        };
    }
}

fn write(content: &[u8], target: &Path, mode: u32) -> io::Result<()> {
    let dir: PathBuf = target.parent().map(Path::to_path_buf).unwrap_or_default();
    fs::create_dir_all(&dir)?;
    let mut fresh = tempfile::Builder::new().prefix(".ec-cli-install-").tempfile_in(&dir)?;
    fresh.write_all(content)?;
    fresh.as_file().set_permissions(Permissions::from_mode(mode))?;
    fresh.as_file().sync_all()?;
    fresh.persist(target).map_err(|error| error.error)?;
    File::open(&dir)?.sync_all()
}

fn as_root(shell: &Shell, words: &[String], input: &[u8], target: &Path) -> Result<(), Failure> {
    let args = ["-n", "--"].into_iter().chain(words.iter().map(String::as_str));
    // A write that was begun is finished: it takes no time.
    let job = Job::new(shell.need("sudo")?, args).input(input).limit(Duration::from_secs(60)).transaction();
    let ran = shell.run(&job)?;
    match () {
        () if ran.is_success() => Ok(()),
        () if ran.text().contains("sudo: ") => Err(no_sudo(target, &ran)),
        () => Err(cannot(target, ran.last_words())),
    }
}

/// The first directory above `target` that is there.
fn nearest(target: &Path) -> Result<&Path, Failure> {
    if target.is_dir() {
        return Err(cannot(target, "it is a directory"));
    }
    let there = target.ancestors().skip(1).find(|dir| dir.symlink_metadata().is_ok()).unwrap_or(Path::new("/"));
    if there.is_dir() { Ok(there) } else { Err(cannot(target, format!("{} is not a directory", there.display()))) }
}

fn no_sudo(target: &Path, ran: &Ran) -> Failure {
    Failure::new(&codes::NOT_ROOT, format!("cannot write {}", target.display()))
        .because("it takes root")
        .because(ran.last_words())
        .hint("run `sudo -v` first, or give a directory of your own with --prefix")
}

fn cannot(target: &Path, why: impl Display) -> Failure {
    Failure::new(&codes::PREFIX, format!("cannot write {}", target.display()))
        .because(why)
        .hint("give a directory of your own with --prefix, or run as its owner")
}

#[cfg(test)]
mod tests {
    use std::ffi::OsStr;

    use super::*;

    #[test]
    fn a_program_replaces_the_one_that_is_there_and_leaves_nothing_else() {
        let dir = tempfile::tempdir().unwrap();
        let target = dir.path().join("prefix/bin/valkey-cli");
        fs::create_dir_all(target.parent().unwrap()).unwrap();
        fs::write(&target, "old").unwrap();
        check(&target).unwrap();
        put(Hands::Own, b"new", &target, 0o755).unwrap();
        assert_eq!(fs::read_to_string(&target).unwrap(), "new");
        assert_eq!(target.metadata().unwrap().permissions().mode() & 0o7777, 0o755);
        assert_eq!(fs::read_dir(target.parent().unwrap()).unwrap().count(), 1);
    }

    #[test]
    fn a_prefix_that_is_missing_is_made_and_one_that_cannot_be_is_told_beforehand() {
        let dir = tempfile::tempdir().unwrap();
        check(&dir.path().join("a/b/bin/valkey-cli")).unwrap();
        fs::write(dir.path().join("file"), "").unwrap();
        fs::create_dir_all(dir.path().join("taken/bin/valkey-cli")).unwrap();
        for wrong in ["file/bin/valkey-cli", "taken/bin/valkey-cli"] {
            let failure = check(&dir.path().join(wrong)).unwrap_err();
            assert_eq!(failure.code().id, "EC4034", "{failure}");
        }
    }

    #[test]
    fn only_the_directories_that_were_made_go_with_the_program() {
        let dir = tempfile::tempdir().unwrap();
        let target = dir.path().join("a/b/valkey-cli");
        let made = missing(&target);
        assert_eq!(made, [dir.path().join("a"), dir.path().join("a/b")]);
        put(Hands::Own, b"", &target, 0o755).unwrap();
        assert!(missing(&target).is_empty());
        fs::write(dir.path().join("a/of-somebody-else"), "").unwrap();
        take_away(Hands::Own, &target).unwrap();
        take_away_empty(Hands::Own, &made);
        assert!(!dir.path().join("a/b").exists() && dir.path().join("a/of-somebody-else").exists());
    }

    /// A `sudo` that runs what it is given, or says what the real one says.
    fn sudo(dir: &Path, script: &str) -> Shell {
        let program = dir.join("sudo");
        fs::write(&program, format!("#!/bin/sh\n{script}\n")).unwrap();
        fs::set_permissions(&program, Permissions::from_mode(0o755)).unwrap();
        Shell::new(OsStr::new(&format!("{}:/usr/bin:/bin", dir.display())), None, std::env::temp_dir())
    }

    #[test]
    fn roots_hands_write_and_take_away_as_ones_own_do() {
        let dir = tempfile::tempdir().unwrap();
        let shell = sudo(dir.path(), "[ \"$1 $2\" = '-n --' ] || exit 9; shift 2; exec \"$@\"");
        let (hands, target) = (Hands::Roots(&shell), dir.path().join("with space/bin/valkey-cli"));
        let made = missing(&target);
        put(hands, b"\x7fELF\0", &target, 0o755).unwrap();
        assert_eq!(fs::read(&target).unwrap(), b"\x7fELF\0");
        assert_eq!(target.metadata().unwrap().permissions().mode() & 0o7777, 0o755);
        assert_eq!(fs::read_dir(target.parent().unwrap()).unwrap().count(), 1);
        take_away(hands, &target).unwrap();
        take_away_empty(hands, &made);
        assert!(!dir.path().join("with space").exists());
        fs::create_dir_all(target.join("x")).unwrap();
        assert_eq!(put(hands, b"", &target.join("x"), 0o755).unwrap_err().code().id, "EC4034");
    }

    #[test]
    fn a_sudo_that_wants_a_password_is_told_as_what_it_is() {
        let dir = tempfile::tempdir().unwrap();
        let shell = sudo(dir.path(), "echo 'sudo: a password is required' >&2; exit 1");
        let failure = put(Hands::Roots(&shell), b"", &dir.path().join("valkey-cli"), 0o755).unwrap_err();
        assert_eq!(failure.code().id, "EC4015");
        assert!(failure.to_string().ends_with("it takes root: exit 1: sudo: a password is required"), "{failure}");
    }
}
