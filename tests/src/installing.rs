//! What the tests of ec-cli-install share: the source that a client is built from, prefixes, and a copy of this machine
//! on which packages may come and go.
#![expect(clippy::unwrap_used, reason = "a test that cannot be set up has failed")]

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::sync::OnceLock;
use std::time::Duration;

use serde_json::Value;
use tempfile::TempDir;

use crate::need::skip;
use crate::outcome::Outcome;
use crate::overlay::{WITH_THE_TOOL, overlay};
use crate::tool::{Run, command, sh, tool};

/// Long enough for a build on a busy machine.
const LONG: Duration = Duration::from_secs(900);

/// Loads the source tarball of Debian's valkey package into the directory $1, from where this machine's own packages
/// come. Sources need not be enabled: apt gets lists and caches of its own. A mirror may lack the source of a package
/// that it has; then a later release's will do.
const LOAD: &str = r#"
set -eu
cd "$1"
mkdir -p lists/partial cache/archives/partial
apt="apt-get -qq -o Dir::Etc::sourcelist=$PWD/list -o Dir::Etc::sourceparts=- -o Dir::State::lists=$PWD/lists -o Dir::Cache=$PWD/cache"
apt-get indextargets --format 'deb-src $(REPO_URI) $(RELEASE) $(COMPONENT)' 'Created-By: Packages' 'Component: main' |
  grep -v security > own
for suite in backports own trixie; do
  case $suite in
    backports) grep backports own > list || continue ;;
    own) cp own list ;;
    *) sed -n "1s/ [^ ]* main$/ $suite main/p" own > list ;;
  esac
  $apt update && $apt source --download-only --tar-only valkey && exit
done
exit 1
"#;

/// A source tarball of Valkey; loaded once, and kept in the user's cache.
pub fn valkey_source() -> Option<&'static Path> {
    static TARBALL: OnceLock<Result<PathBuf, String>> = OnceLock::new();
    let loaded = TARBALL.get_or_init(|| {
        let cache = std::env::var_os("XDG_CACHE_HOME").map(PathBuf::from);
        let cache = cache.or_else(|| Some(PathBuf::from(std::env::var_os("HOME")?).join(".cache")));
        let dir = cache.ok_or("there is no HOME")?.join("ec-tools/valkey-source");
        if let Some(there) = orig(&dir) {
            return Ok(there);
        }
        let fresh = tempfile::tempdir().map_err(|error| error.to_string())?;
        let run = command("/bin/sh").args(["-c", LOAD, "load"]).args([fresh.path()]).timeout(LONG).run();
        let loaded = orig(fresh.path()).ok_or_else(|| format!("apt has no source of valkey\n{}", run.told()))?;
        // Two tests may load at once: each puts a whole file into place.
        let (name, part) = (loaded.file_name().unwrap(), dir.join(format!(".part-{}", std::process::id())));
        fs::create_dir_all(&dir).and_then(|()| fs::copy(&loaded, &part)).map_err(|error| error.to_string())?;
        fs::rename(&part, dir.join(name)).map_err(|error| error.to_string())?;
        Ok(dir.join(name))
    });
    loaded.as_deref().map_err(|why| skip(&format!("no source tarball could be loaded: {why}"))).ok()
}

fn orig(dir: &Path) -> Option<PathBuf> {
    let paths = fs::read_dir(dir).ok()?.filter_map(|entry| Some(entry.ok()?.path()));
    paths.into_iter().find(|path| path.to_string_lossy().contains(".orig.tar."))
}

/// A prefix with a client in it that must not get lost.
#[derive(Debug)]
pub struct Prefix(TempDir);

impl Default for Prefix {
    fn default() -> Self {
        Self::new()
    }
}

impl Prefix {
    /// The directory.
    pub fn path(&self) -> &Path {
        self.0.path()
    }

    /// A fresh one.
    pub fn new() -> Self {
        let prefix = Self(tempfile::tempdir().unwrap());
        fs::create_dir(prefix.0.path().join("bin")).unwrap();
        fs::write(prefix.client(), "#!/bin/sh\necho valkey-cli 7.2.6\n").unwrap();
        fs::set_permissions(prefix.client(), fs::Permissions::from_mode(0o755)).unwrap();
        prefix
    }

    /// The client in it.
    pub fn client(&self) -> PathBuf {
        self.0.path().join("bin/valkey-cli")
    }

    /// `ec-cli-install apply` of a tarball into this prefix.
    pub fn apply(&self, tarball: &Path) -> Run {
        let run = tool("ec-cli-install").args(["apply", "-n", "--source-tarball"]).args([tarball]);
        run.args(["--prefix".as_ref(), self.0.path()]).timeout(LONG)
    }

    /// The client is the one that was there, and nothing else is.
    #[track_caller]
    pub fn assert_untouched(&self) {
        assert_eq!(fs::read_to_string(self.client()).unwrap(), "#!/bin/sh\necho valkey-cli 7.2.6\n");
        assert_eq!(fs::read_dir(self.0.path().join("bin")).unwrap().count(), 1, "nothing else is in the prefix");
    }
}

/// A tarball that looks like Valkey's source and whose build runs `script` and then copies the client of this machine:
/// what happens around a build is tested without the minute that one takes.
pub fn quick_source(dir: &Path, script: &str) -> PathBuf {
    let version = sh("valkey-cli --version").run().ok().stdout;
    let version = version.split_whitespace().nth(1).unwrap();
    let makefile = format!("valkey-cli:\n\t{script}\n\tcp \"$$(command -v valkey-cli)\" src/valkey-cli\n");
    fs::create_dir_all(dir.join("v/src")).unwrap();
    fs::write(dir.join("v/src/version.h"), format!("#define VALKEY_VERSION \"{version}\"\n")).unwrap();
    fs::write(dir.join("v/Makefile"), makefile).unwrap();
    sh("tar czf quick.tar.gz --remove-files v").directory(dir).run().ok();
    dir.join("quick.tar.gz")
}

/// The run failed with this code, and says so in the document, too.
#[track_caller]
pub fn refused(outcome: Outcome, code: &str, exit: i32) -> Value {
    let outcome = outcome.exits(exit).says(code);
    let document = outcome.document();
    assert_eq!(document["cli"]["error"]["code"], code, "{}", outcome.told());
    assert_eq!(document["ok"], false, "{}", outcome.told());
    document
}

/// The client of the document has proven its TLS.
#[track_caller]
pub fn assert_proven(document: &Value) {
    let client = &document["cli"]["client"];
    for proof in ["tls12", "tls13", "verifies_ca"] {
        assert_eq!(client["tls"][proof], true, "{proof}: {document}");
    }
}

/// Runs the shell script `$3` on a copy of this machine that has no client.
const WITHOUT_A_CLIENT: &str = r#"
# What is forgotten need not be on a disk.
echo force-unsafe-io > "$1/root/etc/dpkg/dpkg.cfg.d/unsafe"
exec chroot "$1/root" /bin/sh -euc "
  dpkg --purge --force-depends valkey-server valkey-tools redis-server redis-tools redis >/dev/null 2>&1 || :
  cd /; $3"
"#;

/// The outcome of a shell script on such a copy.
pub fn on_a_copy(script: &str) -> Outcome {
    let dir = tempfile::tempdir().unwrap();
    let binary = sh("command -v ec-cli-install").run().ok().stdout;
    let mounted = overlay("/") + WITH_THE_TOOL + WITHOUT_A_CLIENT;
    let run = command("unshare").args(["-m", "sh", "-c", &mounted, "sh"]).args([dir.path()]);
    run.args([binary.trim(), script])
        .env("PATH", "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin")
        .timeout(LONG)
        .run()
}
