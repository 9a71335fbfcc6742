//! Which clients there are on this machine, which version each is, whether it knows TLS, and which is the best.

use std::collections::HashSet;
use std::path::{Path, PathBuf};
use std::time::Duration;

use serde::{Serialize, Serializer};

use crate::shell::{Job, Shell, is_program};

/// The names of clients, best first. All speak to Valkey and to Redis OSS.
pub const NAMES: [&str; 3] = ["valkey-cli", "redis6-cli", "redis-cli"];

/// How long a client may take to say what it is.
const PATIENCE: Duration = Duration::from_secs(5);

/// A client on this machine.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Client {
    /// Where it is.
    #[serde(serialize_with = "as_text")]
    pub path: PathBuf,
    /// Its name: one of [`NAMES`].
    pub name: String,
    /// The version that it says it is.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub version: Option<String>,
    /// What is known of its TLS.
    pub tls: Tls,
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
    /// Whether it exchanged a command over TLS 1.2.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub tls12: Option<bool>,
    /// Whether it exchanged a command over TLS 1.3.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub tls13: Option<bool>,
    /// Whether it refused a server whose certificate an unknown authority signed.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub verifies_ca: Option<bool>,
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
}

/// All clients on the PATH, in the usual places and in `extra` directories, best first. The same program under two
/// names of a directory counts once.
pub fn clients(shell: &Shell, extra: &[PathBuf]) -> Vec<Client> {
    let usual = ["/usr/local/bin", "/usr/bin"].into_iter().map(PathBuf::from);
    let home = shell.home().map(|home| home.join(".local/bin"));
    let dirs = extra.iter().cloned().chain(shell.path().iter().cloned()).chain(usual).chain(home);
    let paths = dirs.flat_map(|dir| NAMES.map(|name| dir.join(name)));
    let mut seen = HashSet::new();
    let mut clients: Vec<Client> = paths
        .filter(|path| is_program(path))
        .filter(|path| seen.insert(path.canonicalize().unwrap_or_else(|_| path.clone())))
        .map(|path| look(shell, &path))
        .collect();
    rank(&mut clients);
    clients
}

/// Asks one client what it is.
pub fn look(shell: &Shell, path: &Path) -> Client {
    let ask = |flag: &str| match shell.run(&Job::new(path, [flag]).limit(PATIENCE)) {
        Ok(ran) if ran.is_late => Err(format!("{flag} did not end in time")),
        Ok(ran) => Ok(ran),
        Err(failure) => Err(failure.to_string()),
    };
    let name = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
    let on_path = path.parent().is_some_and(|dir| shell.path().iter().any(|on_path| on_path == dir));
    let mut client = Client { name, version: None, tls: Tls::default(), on_path, problem: None, path: path.to_owned() };
    match ask("--version") {
        Ok(ran) => match version(&ran.text()) {
            Some(version) => client.version = Some(version),
            None => client.problem = Some(format!("--version tells no version ({})", ran.last_words())),
        },
        Err(why) => client.problem = Some(why),
    }
    if client.problem.is_none() {
        match ask("--help") {
            Ok(ran) => client.tls.listed = lists_tls(&ran.text()),
            Err(why) => client.problem = Some(why),
        }
    }
    client
}

/// Best first: what works before what does not, TLS before none, then by name; the rest as a shell would find it.
fn rank(clients: &mut [Client]) {
    let by_name = |client: &Client| NAMES.iter().position(|name| *name == client.name);
    clients.sort_by_key(|client| (client.problem.is_some(), !client.tls.listed, by_name(client)));
}

/// The version in `valkey-cli 8.1.1 (git:…)`.
fn version(text: &str) -> Option<String> {
    let word = text.lines().next()?.split_whitespace().nth(1)?;
    word.starts_with(|c: char| c.is_ascii_digit()).then(|| word.to_owned())
}

fn lists_tls(help: &str) -> bool {
    help.lines().any(|line| line.split_whitespace().next() == Some("--tls"))
}

/// JSON is UTF-8, paths need not be.
fn as_text<S: Serializer>(path: &Path, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_str(&path.to_string_lossy())
}

#[cfg(test)]
mod tests {
    use std::ffi::OsStr;
    use std::fs;
    use std::os::unix::fs::{PermissionsExt, symlink};

    use super::*;

    #[test]
    fn versions_are_read_from_what_clients_say() {
        assert_eq!(version("valkey-cli 8.1.1\n").as_deref(), Some("8.1.1"));
        assert_eq!(version("redis-cli 6.2.20 (git:0a1b)\n").as_deref(), Some("6.2.20"));
        assert_eq!(version("error while loading shared libraries"), None);
        assert_eq!(version(""), None);
    }

    #[test]
    fn tls_is_an_option_of_its_own_in_the_help() {
        assert!(lists_tls("Usage:\n  --tls              Establish a secure TLS connection.\n"));
        assert!(!lists_tls("  --tls-ciphers <list>\n  use stunnel instead of --tls\n"));
    }

    fn script(dir: &Path, name: &str, text: &str) {
        fs::write(dir.join(name), format!("#!/bin/sh\n{text}\n")).unwrap();
        fs::set_permissions(dir.join(name), fs::Permissions::from_mode(0o755)).unwrap();
    }

    #[test]
    fn what_works_with_tls_comes_first_and_a_link_is_no_second_client() {
        let dir = tempfile::tempdir().unwrap();
        let (first, second, link) = (dir.path().join("1"), dir.path().join("2"), dir.path().join("3"));
        fs::create_dir(&first).unwrap();
        fs::create_dir(&second).unwrap();
        symlink(&second, &link).unwrap();
        script(&first, "valkey-cli", "echo valkey-cli 7.2.6");
        script(&first, "redis-cli", "exec sleep 100");
        script(&second, "redis6-cli", "echo redis-cli 6.2.7; echo '  --tls  secure'");
        fs::write(second.join("valkey-cli"), "not a program").unwrap();
        let path = std::env::join_paths([&first, &second, &link, Path::new("/bin")]).unwrap();
        let shell = Shell::new(OsStr::new(&path), None, std::env::temp_dir());
        let ours: Vec<_> =
            clients(&shell, &[]).into_iter().filter(|client| client.path.starts_with(dir.path())).collect();
        assert_eq!(
            ours.iter().map(Client::title).collect::<Vec<_>>(),
            ["redis6-cli 6.2.7", "valkey-cli 7.2.6", "redis-cli of an unknown version"]
        );
        assert_eq!(ours.iter().map(Client::is_good).collect::<Vec<_>>(), [true, false, false]);
        assert_eq!(ours[2].problem.as_deref(), Some("--version did not end in time"));
    }
}
