//! Where the tools' binaries are: beside the test's own executable, built by the same `cargo test --workspace`.

use std::io::Write;
use std::path::{Path, PathBuf};
use std::sync::Mutex;
use std::time::SystemTime;
use std::{env, fs, io};

/// The directory of the tools: `EC_TESTS_BIN_DIR`, else the profile's directory in the target directory.
pub fn directory() -> PathBuf {
    if let Some(given) = env::var_os("EC_TESTS_BIN_DIR") {
        return given.into();
    }
    // target/debug/deps/pipeline-0123: the tools lie two levels up.
    let this = env::current_exe().expect("a test knows its own executable");
    this.ancestors().nth(2).expect("a test lies in target/<profile>/deps").to_owned()
}

/// The tools of which it was said that they are old.
static WARNED: Mutex<Vec<String>> = Mutex::new(Vec::new());

/// The binary of one tool.
pub(crate) fn path(name: &str) -> PathBuf {
    let path = directory().join(name);
    let Ok(built) = fs::metadata(&path).and_then(|data| data.modified()) else {
        panic!("{} is not built: run `cargo test --workspace --no-run` first", path.display());
    };
    let mut warned = WARNED.lock().expect("nobody panics with the lock");
    if !warned.iter().any(|tool| tool == name)
        && let Some(source) = newer_source(&path, built)
    {
        let _ = writeln!(io::stderr(), "warning: {name} is older than {source}: these tests run the old one");
        warned.push(name.to_owned());
    }
    path
}

/// A source that has changed since the binary was built, by the list that cargo leaves beside the binary.
fn newer_source(binary: &Path, built: SystemTime) -> Option<String> {
    let list = fs::read_to_string(binary.with_extension("d")).ok()?;
    let sources = list.split_once(": ")?.1.split_whitespace();
    sources
        .filter(|source| fs::metadata(source).and_then(|data| data.modified()).is_ok_and(|changed| changed > built))
        .map(str::to_owned)
        .next()
}
