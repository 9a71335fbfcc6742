//! Valkey's source, as Debian has it: kept in the user's cache from one run of the tests to the next.

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::OnceLock;
use std::time::Duration;

use crate::need::skip;
use crate::tool::command;

/// Long enough for a mirror that is far away.
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

/// A source tarball of Valkey; loaded once, and kept in the user's cache. Without one, the test is skipped visibly.
pub fn tarball() -> Option<&'static Path> {
    static TARBALL: OnceLock<Result<PathBuf, String>> = OnceLock::new();
    let loaded = TARBALL.get_or_init(|| {
        let dir = cache()?.join("valkey-source");
        if let Some(there) = orig(&dir) {
            return Ok(there);
        }
        let fresh = tempfile::tempdir().map_err(|error| error.to_string())?;
        let run = command("/bin/sh").args(["-c", LOAD, "load"]).args([fresh.path()]).timeout(LONG).run();
        let loaded = orig(fresh.path()).ok_or_else(|| format!("apt has no source of valkey\n{}", run.told()))?;
        // Two tests may load at once: each puts a whole file into place.
        let (name, part) = (loaded.file_name().unwrap_or_default(), dir.join(format!(".part-{}", std::process::id())));
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

/// The directory of the tests in the user's cache.
pub(crate) fn cache() -> Result<PathBuf, &'static str> {
    let cache = std::env::var_os("XDG_CACHE_HOME").map(PathBuf::from);
    let cache = cache.or_else(|| Some(PathBuf::from(std::env::var_os("HOME")?).join(".cache")));
    Ok(cache.ok_or("there is no HOME")?.join("ec-tools"))
}
