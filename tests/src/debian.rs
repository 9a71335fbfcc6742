//! A small Debian in a directory, made by debootstrap from where this machine's own packages come, and kept in the user's
//! cache. Each run is on a copy that is forgotten.

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::OnceLock;
use std::time::Duration;

use crate::need::skip;
use crate::outcome::Outcome;
use crate::overlay::{may_unshare, overlay};
use crate::tool::{Run, command};

/// Long enough for a mirror that is far away.
const LONG: Duration = Duration::from_secs(900);

/// Makes the Debian in the directory $1: the release that this machine is, with apt's own idea of where packages come
/// from and how they are reached.
const MAKE: &str = r#"
set -eu
. /etc/os-release
mirror=$(apt-get indextargets --format '$(REPO_URI)' 'Created-By: Packages' "Release: $VERSION_CODENAME" | head -n 1)
[ "$ID" = debian ] && [ -n "$mirror" ]
debootstrap --variant=minbase "$VERSION_CODENAME" "$1" "$mirror" >&2
apt-config dump Acquire | grep -v '""' > "$1/etc/apt/apt.conf.d/00machine"
apt-get indextargets --format 'deb $(REPO_URI) $(RELEASE) $(COMPONENT)' 'Created-By: Packages' 'Component: main' |
  grep -E " $VERSION_CODENAME(-updates|-security)? main" | sort -u > "$1/etc/apt/sources.list"
rm -rf "$1"/var/lib/apt/lists/* "$1"/var/cache/apt/*
"#;

/// Runs the shell script $3 on a copy of the Debian $2, at $1.
const ON_THE_COPY: &str = r#"
for file in resolv.conf hosts; do [ ! -e "/etc/$file" ] || cat "/etc/$file" > "$1/root/etc/$file"; done
exec chroot "$1/root" /bin/sh -euc "cd; $3"
"#;

/// The Debian of this machine's release.
#[derive(Clone, Copy, Debug)]
pub struct Debian(&'static Path);

impl Debian {
    /// Makes it, unless there is one. Without root or a mirror, the test is skipped visibly.
    pub fn here() -> Option<Self> {
        static MADE: OnceLock<Result<PathBuf, String>> = OnceLock::new();
        if !may_unshare() {
            skip("this user may not mount, and so has no Debian of its own");
            return None;
        }
        let made = MADE.get_or_init(|| {
            let dir = cache()?.join("debian");
            if dir.join("etc/os-release").exists() {
                return Ok(dir);
            }
            fs::create_dir_all(cache()?).map_err(|error| error.to_string())?;
            let fresh = cache()?.join(format!("debian.part-{}", std::process::id()));
            let run = as_root("/bin/sh").args(["-c", MAKE, "make"]).args([&fresh]).run();
            if run.code != 0 {
                let _ = fs::remove_dir_all(&fresh);
                return Err(run.told());
            }
            // Two binaries may make one at once: the second stays out of the way.
            if fs::rename(&fresh, &dir).is_err() {
                let _ = fs::remove_dir_all(&fresh);
            }
            Ok(dir)
        });
        made.as_deref().map(Self).map_err(|why| skip(&format!("no Debian could be made: {why}"))).ok()
    }

    /// Runs a shell script on a copy of it, with `stdin`.
    pub fn run(self, script: &str, stdin: &str) -> Outcome {
        let dir = tempfile::tempdir().expect("a scratch directory");
        let mounted = overlay("$2") + ON_THE_COPY;
        let run = as_root("unshare").args(["-m", "sh", "-c", &mounted, "sh"]).args([dir.path(), self.0]);
        run.args([script]).stdin(stdin).run()
    }
}

fn as_root(program: &str) -> Run {
    let path = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";
    command(program).env("PATH", path).env("HOME", "/root").timeout(LONG)
}

/// The directory of the tests in the user's cache.
fn cache() -> Result<PathBuf, &'static str> {
    let cache = std::env::var_os("XDG_CACHE_HOME").map(PathBuf::from);
    let cache = cache.or_else(|| Some(PathBuf::from(std::env::var_os("HOME")?).join(".cache")));
    Ok(cache.ok_or("there is no HOME")?.join("ec-tools"))
}
