//! Where a client is built: one directory for each user, private, and held by one run at a time. What a run that was
//! killed has left there is cleared away by the next; a tarball that it has loaded as a whole is used again.

use std::fmt::Display;
use std::fs::{self, DirBuilder, File, TryLockError};
use std::io;
use std::os::unix::fs::{DirBuilderExt, MetadataExt};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};
use std::{process, thread};

use ec_shared::Failure;
use rustix::fs::{Mode, OFlags, open, statvfs};
use rustix::process::geteuid;
use tempfile::TempDir;

use crate::codes;
use crate::shell::Shell;

/// How often the other run is looked at.
const LOOK: Duration = Duration::from_millis(100);
/// What a build takes, with something to spare: that of Valkey 8.1 takes 32 MB, of which the source is 19.
const ROOM: u64 = 64 << 20;

/// The directory, while this run holds it.
#[derive(Debug)]
pub struct Workplace {
    dir: PathBuf,
    build: TempDir,
    /// The lock on the directory itself: it goes with the process, however that ends.
    _held: File,
}

impl Workplace {
    /// Takes the directory, once whoever holds it is done. `tell` is told who that is.
    ///
    /// # Errors
    /// `EC4039` if it is still held after `patience`, `EC9024` if a signal came, `EC9022` if it cannot be made.
    pub fn take(shell: &Shell, patience: Duration, mut tell: impl FnMut(&str)) -> Result<Self, Failure> {
        let dir = shell.scratch().join(format!("ec-cli-install-{}", geteuid().as_raw()));
        let end = shell.end_within(patience);
        let held = loop {
            let held = open_own(&dir).map_err(|why| cannot(&dir, why))?;
            match held.try_lock() {
                // The run before may have taken the directory away at the end; then this is the lock of nothing.
                Ok(()) if is_at(&held, &dir) => break held,
                Ok(()) => {}
                Err(TryLockError::Error(error)) => return Err(cannot(&dir, error)),
                Err(TryLockError::WouldBlock) => {
                    let pid = fs::read_to_string(dir.join("pid")).unwrap_or_default();
                    let other = format!("another ec-cli-install{}", of_process(pid.trim()));
                    if Instant::now() >= end {
                        return Err(Failure::new(&codes::AT_WORK, "cannot begin the build")
                            .because(format!("{other} is at work"))
                            .hint("wait for it, or end it; then run the same command again"));
                    }
                    tell(&other);
                    shell.pause(LOOK)?;
                }
            }
        };
        // Nothing that a killed run has left may get into this build, and what it has started may still write there.
        clear(&dir, is_sha256);
        let build = tempfile::Builder::new().prefix("build-").tempdir_in(&dir).map_err(|error| cannot(&dir, error))?;
        fs::write(dir.join("pid"), process::id().to_string()).map_err(|error| cannot(&dir, error))?;
        Ok(Self { dir, build, _held: held })
    }

    /// An empty directory for the build.
    pub fn build(&self) -> &Path {
        self.build.path()
    }

    /// Where a tarball with this SHA-256 is, once it has been loaded as a whole.
    pub fn tarball(&self, sha256: &str) -> PathBuf {
        self.dir.join(sha256)
    }

    /// Says before the long work whether there is room for it.
    ///
    /// # Errors
    /// `EC4042` if not.
    pub fn has_room(&self) -> Result<(), Failure> {
        // What cannot be asked is found out by the build.
        let free = statvfs(&self.dir).map_or(u64::MAX, |stat| stat.f_bavail.saturating_mul(stat.f_frsize));
        if free >= ROOM {
            return Ok(());
        }
        Err(Failure::new(&codes::NO_ROOM, format!("cannot build in {}", self.dir.display()))
            .because(format!("{} MB are free, and a build takes {}", free >> 20, ROOM >> 20))
            .hint("make room, or set TMPDIR to a directory that has some"))
    }

    /// Ends the work for good: what was loaded is not needed any more.
    pub fn finish(self) {
        clear(&self.dir, |_| false);
    }
}

impl Drop for Workplace {
    /// A compiler that was stopped may write its last file while the directory is taken away.
    fn drop(&mut self) {
        let patience = Instant::now() + Duration::from_secs(2);
        while fs::remove_dir_all(self.build()).is_err() && self.build().exists() && Instant::now() < patience {
            thread::sleep(Duration::from_millis(20));
        }
        clear(&self.dir, is_sha256);
        // Only an empty directory goes: a tarball waits for the next run.
        let _ = fs::remove_dir(&self.dir);
    }
}

/// Takes away what is in `dir` but for what `stays`, as far as that is possible.
fn clear(dir: &Path, stays: impl Fn(&str) -> bool) {
    for entry in fs::read_dir(dir).into_iter().flatten().flatten() {
        if !stays(&entry.file_name().to_string_lossy()) {
            let path = entry.path();
            let _ = fs::remove_file(&path).or_else(|_| fs::remove_dir_all(&path));
        }
    }
}

/// Opens the directory, made where it is missing. Anybody may make things in /tmp: what belongs to another is not used.
fn open_own(dir: &Path) -> Result<File, String> {
    match DirBuilder::new().mode(0o700).create(dir) {
        Err(error) if error.kind() != io::ErrorKind::AlreadyExists => return Err(error.to_string()),
        _ => {}
    }
    let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::NOFOLLOW | OFlags::CLOEXEC;
    let file = File::from(open(dir, flags, Mode::empty()).map_err(|error| error.to_string())?);
    let meta = file.metadata().map_err(|error| error.to_string())?;
    if meta.uid() != geteuid().as_raw() || meta.mode() & 0o077 != 0 {
        return Err("it belongs to somebody else, or is open to others".to_owned());
    }
    Ok(file)
}

fn is_at(held: &File, dir: &Path) -> bool {
    let same = |a: fs::Metadata, b: fs::Metadata| (a.dev(), a.ino()) == (b.dev(), b.ino());
    held.metadata().and_then(|held| Ok(same(held, dir.symlink_metadata()?))).unwrap_or(false)
}

fn of_process(pid: &str) -> String {
    if pid.is_empty() { String::new() } else { format!(" (process {pid})") }
}

fn is_sha256(name: &str) -> bool {
    name.len() == 64 && name.bytes().all(|byte| byte.is_ascii_hexdigit())
}

fn cannot(dir: &Path, why: impl Display) -> Failure {
    Failure::new(&ec_shared::codes::WRITE, format!("cannot work in {}", dir.display()))
        .because(why)
        .hint("set TMPDIR to a directory of your own")
}

#[cfg(test)]
mod tests {
    use std::ffi::OsStr;
    use std::os::unix::fs::{PermissionsExt, symlink};

    use super::*;

    fn take(scratch: &Path) -> Result<Workplace, Failure> {
        let shell = Shell::new(OsStr::new("/usr/bin:/bin"), None, scratch.to_owned());
        Workplace::take(&shell, Duration::from_millis(250), |_| {})
    }

    fn entries(dir: &Path) -> usize {
        fs::read_dir(dir).unwrap().count()
    }

    #[test]
    fn nothing_is_left_of_a_build_but_a_tarball_that_was_loaded() {
        let scratch = tempfile::tempdir().unwrap();
        drop(take(scratch.path()).unwrap());
        assert_eq!(entries(scratch.path()), 0);

        let workplace = take(scratch.path()).unwrap();
        let tarball = workplace.tarball(&"ab".repeat(32));
        fs::write(&tarball, "loaded").unwrap();
        fs::write(workplace.build().join("file"), "built").unwrap();
        drop(workplace);
        assert!(tarball.exists() && entries(tarball.parent().unwrap()) == 1);

        let again = take(scratch.path()).unwrap();
        assert!(again.tarball(&"ab".repeat(32)).exists());
        again.finish();
        assert_eq!(entries(scratch.path()), 0);
    }

    #[test]
    fn what_a_killed_run_has_left_is_cleared_away() {
        let scratch = tempfile::tempdir().unwrap();
        let dir = scratch.path().join(format!("ec-cli-install-{}", geteuid().as_raw()));
        DirBuilder::new().mode(0o700).create(&dir).unwrap();
        let left = dir.join("build-of-a-killed-run/src");
        fs::create_dir_all(&left).unwrap();
        fs::write(dir.join(format!("{}.part", "ab".repeat(32))), "half").unwrap();
        let next = take(scratch.path()).unwrap();
        assert!(!left.exists());
        assert_eq!(entries(&dir), 2, "the new build, and whose it is");
        drop(next);
        assert_eq!(entries(scratch.path()), 0);
    }

    #[test]
    fn the_second_of_two_waits_and_then_names_the_first() {
        let scratch = tempfile::tempdir().unwrap();
        let first = take(scratch.path()).unwrap();
        let failure = take(scratch.path()).unwrap_err();
        assert_eq!(failure.code().id, "EC4039");
        assert!(failure.to_string().contains(&format!("(process {}) is at work", process::id())), "{failure}");
        let ends = thread::spawn(move || {
            thread::sleep(Duration::from_millis(50));
            drop(first);
        });
        take(scratch.path()).unwrap();
        ends.join().unwrap();
    }

    #[test]
    fn a_directory_that_others_can_write_is_not_used() {
        let scratch = tempfile::tempdir().unwrap();
        let dir = scratch.path().join(format!("ec-cli-install-{}", geteuid().as_raw()));
        fs::create_dir(&dir).unwrap();
        fs::set_permissions(&dir, fs::Permissions::from_mode(0o777)).unwrap();
        assert_eq!(take(scratch.path()).unwrap_err().code().id, "EC9022");
        fs::remove_dir(&dir).unwrap();
        symlink(scratch.path(), &dir).unwrap();
        assert_eq!(take(scratch.path()).unwrap_err().code().id, "EC9022");
    }
}
