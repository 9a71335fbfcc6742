//! Puts a finished program into the prefix: whole or not at all. The only file that writes there.

use std::fs::{self, File, Permissions};
use std::io;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

use ec_shared::Failure;
use rustix::fs::{Access, access};

use crate::codes;

/// Says before the long work whether `target` can be written after it.
///
/// # Errors
/// `EC4034`.
pub fn check(target: &Path) -> Result<(), Failure> {
    if target.is_dir() {
        return Err(cannot(target, "it is a directory"));
    }
    let there = target.ancestors().skip(1).find(|dir| dir.symlink_metadata().is_ok()).unwrap_or(Path::new("/"));
    if !there.is_dir() {
        return Err(cannot(target, format!("{} is not a directory", there.display())));
    }
    access(there, Access::WRITE_OK | Access::EXEC_OK)
        .map_err(|error| cannot(target, format!("{}: {error}", there.display())))
}

/// Copies `program` to `target` with mode 755. Whoever looks sees the old file or the new one, also after a power cut.
///
/// # Errors
/// `EC4034`; `target` is then as it was.
pub fn put(program: &Path, target: &Path) -> Result<(), Failure> {
    copy(program, target).map_err(|error| cannot(target, error))
}

fn copy(program: &Path, target: &Path) -> io::Result<()> {
    let dir: PathBuf = target.parent().map(Path::to_path_buf).unwrap_or_default();
    fs::create_dir_all(&dir)?;
    let mut fresh = tempfile::Builder::new().prefix(".valkey-cli-").tempfile_in(&dir)?;
    io::copy(&mut File::open(program)?, fresh.as_file_mut())?;
    fresh.as_file().set_permissions(Permissions::from_mode(0o755))?;
    fresh.as_file().sync_all()?;
    fresh.persist(target).map_err(|error| error.error)?;
    File::open(&dir)?.sync_all()
}

fn cannot(target: &Path, why: impl std::fmt::Display) -> Failure {
    Failure::new(&codes::PREFIX, format!("cannot write {}", target.display()))
        .because(why)
        .hint("give a directory of your own with --prefix, or run as its owner")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_program_replaces_the_one_that_is_there_and_leaves_nothing_else() {
        let dir = tempfile::tempdir().unwrap();
        let (program, target) = (dir.path().join("built"), dir.path().join("prefix/bin/valkey-cli"));
        fs::write(&program, "new").unwrap();
        fs::create_dir_all(target.parent().unwrap()).unwrap();
        fs::write(&target, "old").unwrap();
        check(&target).unwrap();
        put(&program, &target).unwrap();
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
    fn a_program_that_cannot_be_read_leaves_the_old_one() {
        let dir = tempfile::tempdir().unwrap();
        let target = dir.path().join("valkey-cli");
        fs::write(&target, "old").unwrap();
        assert!(put(&dir.path().join("missing"), &target).is_err());
        assert_eq!(fs::read_to_string(&target).unwrap(), "old");
        assert_eq!(fs::read_dir(dir.path()).unwrap().count(), 1);
    }
}
