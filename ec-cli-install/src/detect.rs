//! Which clients there are on this machine, which version each is, what it knows, and which is the best for a cache.

mod file;
mod help;
mod tools;

use std::collections::{HashMap, HashSet};
use std::path::{Path, PathBuf};
use std::thread;
use std::time::Duration;

use serde::{Serialize, Serializer};

use crate::judge::Need;
use crate::shell::{Job, Shell};

pub use help::Knows;
pub use tools::tools;

/// The names of clients, best first. All speak to Valkey and to Redis OSS.
pub const NAMES: [&str; 4] = ["valkey-cli", "redis6-cli", "redis-cli", "keydb-cli"];

/// Where installers put programs besides what is mostly on the PATH: of the system, Homebrew, MacPorts, Linuxbrew, snap, and
/// tarballs unpacked below /opt.
const USUAL: [&str; 9] = [
    "/usr/local/bin",
    "/usr/bin",
    "/opt/homebrew/bin",
    "/opt/local/bin",
    "/home/linuxbrew/.linuxbrew/bin",
    "/snap/bin",
    "/opt/valkey/bin",
    "/opt/redis/bin",
    "/usr/local/valkey/bin",
];
/// The same below the home: of the user, asdf, mise and Nix.
const USUAL_AT_HOME: [&str; 4] = [".local/bin", ".asdf/shims", ".local/share/mise/shims", ".nix-profile/bin"];

/// How long a client may take to say what it is. It takes a few milliseconds.
const PATIENCE: Duration = Duration::from_secs(2);

/// A client on this machine.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Client {
    /// Where it is.
    #[serde(serialize_with = "as_text")]
    pub path: PathBuf,
    /// Where else it is: links to the same file.
    #[serde(serialize_with = "as_texts", skip_serializing_if = "Vec::is_empty")]
    pub also: Vec<PathBuf>,
    /// Its name: one of [`NAMES`], or of the programs for Memcached.
    pub name: String,
    /// The version that it says it is.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub version: Option<String>,
    /// What is known of its TLS.
    pub tls: Tls,
    /// What else it knows, by its own word.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub knows: Option<Knows>,
    /// Whether its directory is on the PATH.
    pub on_path: bool,
    /// Why it is of no use.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub problem: Option<String>,
}

/// What is known of a client's TLS. What was not proven is absent.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Tls {
    /// Whether `--help` lists `--tls`; a client built without TLS does not.
    pub listed: bool,
    /// Whether `--help` lists `--tls-ciphersuites`; a client built with an OpenSSL that has no TLS 1.3 does not.
    pub listed13: bool,
    /// Whether it exchanged a command over TLS 1.2.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub tls12: Option<bool>,
    /// Whether it exchanged a command over TLS 1.3.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub tls13: Option<bool>,
    /// Whether it refused a server whose certificate an unknown authority signed.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub verifies_ca: Option<bool>,
    /// Whether it refused a server whose certificate is another host's. No valkey-cli does.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub verifies_host: Option<bool>,
}

impl Client {
    /// `valkey-cli 8.1.1`.
    pub fn title(&self) -> String {
        format!("{} {}", self.name, self.version.as_deref().unwrap_or("of an unknown version"))
    }

    /// Whether it works, and knows TLS by its own word.
    pub fn is_good(&self) -> bool {
        self.problem.is_none() && self.tls.listed
    }

    /// Whether it works, and does what a cache needs by its own word.
    pub fn serves(&self, need: Need) -> bool {
        let has = match need {
            Need::Plain => true,
            Need::Tls => self.tls.listed,
            Need::Tls13 => self.tls.listed && self.tls.listed13,
        };
        self.problem.is_none() && has
    }

    /// Nothing but its place is known.
    fn at(shell: &Shell, path: &Path) -> Self {
        let on_path = path.parent().is_some_and(|dir| shell.path().iter().any(|on_path| on_path == dir));
        Self {
            path: path.to_owned(),
            also: Vec::new(),
            name: path.file_name().unwrap_or_default().to_string_lossy().into_owned(),
            version: None,
            tls: Tls::default(),
            knows: None,
            on_path,
            problem: None,
        }
    }

    #[cfg(test)]
    pub(crate) fn for_tests(path: &str, version: &str, listed: bool) -> Self {
        let shell = Shell::new(std::ffi::OsStr::new("/usr/bin"), None, std::env::temp_dir());
        let tls = Tls { listed, listed13: listed, ..Tls::default() };
        Self { version: Some(version.to_owned()), tls, on_path: true, ..Self::at(&shell, Path::new(path)) }
    }
}

/// All clients on the PATH, in the usual places and in `extra` directories, best first for a cache that wants TLS. All are
/// asked at once.
pub fn clients(shell: &Shell, extra: &[PathBuf]) -> Vec<Client> {
    let mut clients = asked(places(shell, extra, &NAMES), |path| look(shell, path));
    rank(&mut clients, Need::Tls);
    clients
}

/// Best first: what works before what does not, what serves the need before what does not, then by name; the rest as a
/// shell would find it.
pub fn rank(clients: &mut [Client], need: Need) {
    let by_name = |client: &Client| NAMES.iter().position(|name| *name == client.name);
    clients.sort_by_key(|client| (client.problem.is_some(), !client.serves(need), !client.tls.listed, by_name(client)));
}

/// Asks one client what it is.
pub fn look(shell: &Shell, path: &Path) -> Client {
    let mut client = Client::at(shell, path);
    let ask = |flag: &str| match shell.run(&Job::new(path, [flag]).limit(PATIENCE)) {
        Ok(ran) if ran.is_late => Err(format!("{flag} did not end in time")),
        Ok(ran) => Ok(ran),
        Err(failure) => Err(file::why_not(path).unwrap_or_else(|| failure.to_string())),
    };
    if let Some(problem) = file::problem(path) {
        client.problem = Some(problem);
        return client;
    }
    // The help begins with the version, mostly: one start instead of two.
    let answers = ask("--help").and_then(|help| {
        let text = help.text();
        if let Some(version) = help::version(&text) {
            return Ok((text, version));
        }
        let ran = ask("--version")?;
        let version =
            help::version(&ran.text()).ok_or_else(|| format!("--version tells no version ({})", ran.last_words()))?;
        Ok((text, version))
    });
    match answers {
        Ok((text, version)) => {
            client.tls.listed = help::lists(&text, "--tls");
            client.tls.listed13 = client.tls.listed && help::lists(&text, "--tls-ciphersuites");
            client.knows = Some(Knows::of(&text, &client.name, &version));
            client.version = Some(version);
        }
        Err(why) => client.problem = Some(why),
    }
    client
}

/// Where files with these names are, each file once: the place where a shell finds it first, and the other ones.
fn places(shell: &Shell, extra: &[PathBuf], names: &[&str]) -> Vec<(PathBuf, Vec<PathBuf>)> {
    let at_home = shell.home().into_iter().flat_map(|home| USUAL_AT_HOME.map(|dir| home.join(dir)));
    let dirs = extra.iter().cloned().chain(shell.path().iter().cloned()).chain(USUAL.map(PathBuf::from)).chain(at_home);
    let mut places: Vec<(PathBuf, Vec<PathBuf>)> = Vec::new();
    let mut seen: HashMap<PathBuf, usize> = HashMap::new();
    let mut names_seen: HashSet<PathBuf> = HashSet::new();
    for path in dirs.flat_map(|dir| names.iter().map(move |name| dir.join(name)).collect::<Vec<_>>()) {
        if path.symlink_metadata().is_err() {
            continue;
        }
        // /bin is /usr/bin on most systems, and no other place.
        let dir = path.parent().and_then(|dir| dir.canonicalize().ok()).unwrap_or_default();
        if !names_seen.insert(dir.join(path.file_name().unwrap_or_default())) {
            continue;
        }
        let real = path.canonicalize().unwrap_or_else(|_| path.clone());
        if let Some(&index) = seen.get(&real) {
            places[index].1.push(path);
        } else {
            seen.insert(real, places.len());
            places.push((path, Vec::new()));
        }
    }
    places
}

/// Asks all at once: what one does not answer takes no time of the others.
fn asked(places: Vec<(PathBuf, Vec<PathBuf>)>, look: impl Fn(&Path) -> Client + Sync) -> Vec<Client> {
    let look = &look;
    thread::scope(|scope| {
        let asked = |(path, also): (PathBuf, Vec<PathBuf>)| scope.spawn(move || Client { also, ..look(&path) });
        let threads: Vec<_> = places.into_iter().map(asked).collect();
        threads.into_iter().filter_map(|thread| thread.join().ok()).collect()
    })
}

/// JSON is UTF-8, paths need not be.
fn as_text<S: Serializer>(path: &Path, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_str(&path.to_string_lossy())
}

fn as_texts<S: Serializer>(paths: &[PathBuf], serializer: S) -> Result<S::Ok, S::Error> {
    serializer.collect_seq(paths.iter().map(|path| path.to_string_lossy()))
}

#[cfg(test)]
mod tests;
