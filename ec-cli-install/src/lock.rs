//! Who holds the lock of a package manager. It is waited for, with a bound, and the holder is named: on a machine that
//! has just booted, that is most often its own first update.

use std::fs::{self, File};
use std::os::unix::fs::MetadataExt;
use std::path::Path;
use std::time::{Duration, Instant};

use ec_shared::Failure;
use rustix::fs::{major, minor};
use rustix::process::{Flock, FlockType, fcntl_getlk};

use crate::codes;
use crate::recipe::Manager;
use crate::shell::Shell;

/// How often the lock is looked at.
const LOOK: Duration = Duration::from_millis(200);

/// Who holds a lock.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Holder {
    /// What holds it: `unattended-upgr (process 812)`.
    pub who: String,
    /// The file that is locked.
    pub file: String,
}

/// Waits until nobody holds a lock of `manager`. `tell` is told who does.
///
/// # Errors
/// `EC4017` with the holder after `patience`, `EC9024` if a signal came.
pub fn wait(shell: &Shell, manager: Manager, patience: Duration, mut tell: impl FnMut(&str)) -> Result<(), Failure> {
    let (started, end) = (Instant::now(), shell.end_within(patience));
    while let Some(Holder { who, file }) = files(manager).iter().find_map(|file| holder(Path::new(file))) {
        if Instant::now() >= end {
            return Err(Failure::new(&codes::MANAGER_BUSY, format!("cannot use {} just now", manager.name()))
                .because(format!("{who} has held {file} for {} s", started.elapsed().as_secs()))
                .hint("wait until it is done, then run the same command again; --timeout bounds the wait"));
        }
        tell(&who);
        shell.pause(LOOK)?;
    }
    Ok(())
}

/// Whether anybody holds a lock of `manager`.
pub fn is_held(manager: Manager) -> bool {
    files(manager).iter().any(|file| holder(Path::new(file)).is_some())
}

/// The files that a package manager locks with fcntl(2).
fn files(manager: Manager) -> &'static [&'static str] {
    match manager {
        Manager::Apt => &[
            "/var/lib/dpkg/lock-frontend",
            "/var/lib/dpkg/lock",
            "/var/lib/apt/lists/lock",
            "/var/cache/apt/archives/lock",
        ],
        Manager::Dnf | Manager::DnfLatest | Manager::Yum | Manager::Zypper => {
            &["/var/lib/rpm/.rpm.lock", "/usr/lib/sysimage/rpm/.rpm.lock"]
        }
        Manager::Apk => &["/lib/apk/db/lock"],
        // pacman's is a file that is there or not, and tells nothing of its holder; the others wait by themselves.
        Manager::Pacman | Manager::Brew | Manager::Port => &[],
    }
}

/// Who holds the lock on `path`, if anybody does.
pub fn holder(path: &Path) -> Option<Holder> {
    let pid = if let Ok(file) = File::open(path) {
        fcntl_getlk(&file, &Flock::from(FlockType::WriteLock)).ok()??.pid.map(|pid| pid.as_raw_nonzero().get())
    } else {
        // The file is root's; the kernel's list of locks is everybody's.
        let meta = path.metadata().ok()?;
        let locks = fs::read_to_string("/proc/locks").ok()?;
        Some(listed(&locks, major(meta.dev()), minor(meta.dev()), meta.ino())?)
    };
    let name = pid.and_then(|pid| fs::read_to_string(format!("/proc/{pid}/comm")).ok());
    let who = match (pid, name) {
        (Some(pid), Some(name)) => format!("{} (process {pid})", name.trim()),
        (Some(pid), None) => format!("process {pid}"),
        // In a container, a process outside has no number.
        (None, _) => "a process that cannot be seen from here".to_owned(),
    };
    Some(Holder { who, file: path.display().to_string() })
}

/// Looks for a lock in `/proc/locks`: `1: POSIX  ADVISORY  WRITE 812 fe:01:1835 0 EOF`.
fn listed(locks: &str, major: u32, minor: u32, inode: u64) -> Option<i32> {
    let place = format!("{major:02x}:{minor:02x}:{inode}");
    let line = locks.lines().find(|line| line.split_whitespace().nth(5) == Some(&place) && line.contains(" WRITE "))?;
    line.split_whitespace().nth(4)?.parse().ok()
}

#[cfg(test)]
mod tests {
    use std::ffi::OsStr;

    use rustix::fs::{FlockOperation, fcntl_lock};

    use super::*;

    #[test]
    fn the_kernels_list_tells_who_holds_a_lock() {
        let locks = "1: FLOCK  ADVISORY  WRITE 7 fe:01:18 0 EOF\n2: -> POSIX  ADVISORY  WRITE 9 fe:01:99 0 EOF\n\
                     3: POSIX  ADVISORY  READ 5 fe:01:1835 0 EOF\n4: POSIX  ADVISORY  WRITE 812 fe:01:1835 0 EOF\n";
        assert_eq!(listed(locks, 0xfe, 1, 1835), Some(812));
        assert_eq!(listed(locks, 0xfe, 1, 99), None, "who waits does not hold it");
        assert_eq!(listed(locks, 0xfe, 2, 1835), None);
    }

    #[test]
    fn a_lock_of_ones_own_is_no_lock_and_nobody_holds_what_is_not_there() {
        let file = tempfile::NamedTempFile::new().unwrap();
        fcntl_lock(file.as_file(), FlockOperation::LockExclusive).unwrap();
        assert_eq!(holder(file.path()), None);
        assert_eq!(holder(Path::new("/nonexistent/lock")), None);
    }

    #[test]
    fn nobody_is_waited_for_where_nobody_holds_a_lock() {
        let shell = Shell::new(OsStr::new("/usr/bin:/bin"), None, std::env::temp_dir());
        let mut told = Vec::new();
        wait(&shell, Manager::Dnf, Duration::ZERO, |who| told.push(who.to_owned())).unwrap();
        assert_eq!(told, Vec::<String>::new());
    }
}
