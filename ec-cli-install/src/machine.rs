//! This machine: what it is called, what system it runs, and what is known of its clients so far. What was asked once is
//! not asked again for the next document, until something is changed.

use std::collections::HashMap;
use std::env;
use std::ffi::OsString;
use std::fs;
use std::path::{Path, PathBuf};
use std::thread;
use std::time::{Duration, Instant};

use ec_shared::Failure;
use ec_shared::ran_on::RanOn;
use rustix::process::geteuid;

use crate::detect::{self, Client};
use crate::load::Network;
use crate::platform::Platform;
use crate::proof::{self, Proof};
use crate::shell::Shell;

/// This machine.
#[derive(Debug)]
pub struct Machine {
    /// Starts programs.
    pub shell: Shell,
    /// The system.
    pub platform: Platform,
    /// What it is called.
    pub ran_on: RanOn,
    /// Whether this process is root.
    pub is_root: bool,
    /// How many compilers may run at once.
    pub cores: usize,
    /// How this machine reaches the network.
    pub network: Network,
    clients: HashMap<Option<PathBuf>, Vec<Client>>,
    tools: Option<Vec<Client>>,
    proofs: HashMap<PathBuf, Proof>,
}

impl Machine {
    /// Reads what the environment and the system say.
    pub fn here() -> Self {
        let variable = |name: &str| env::var_os(name).filter(|value| !value.is_empty());
        let path = variable("PATH").unwrap_or_else(|| OsString::from("/usr/local/bin:/usr/bin:/bin"));
        let text = |path: &str| fs::read_to_string(path).ok();
        let os_release = || text("/etc/os-release").or_else(|| text("/usr/lib/os-release")).unwrap_or_default();
        let mut platform = match text("/System/Library/CoreServices/SystemVersion.plist") {
            Some(plist) => Platform::of_system_version(&plist),
            None => Platform::of_os_release(&os_release()),
        };
        platform.arch = Some(env::consts::ARCH.to_owned());
        let container = container(|path| Path::new(path).exists(), |name| variable(name).is_some());
        platform.container = container.map(str::to_owned);
        Self {
            shell: Shell::new(&path, variable("HOME").map(PathBuf::from), env::temp_dir()),
            platform,
            ran_on: RanOn::here(),
            is_root: geteuid().is_root(),
            network: Network {
                variables: Network::VARIABLES
                    .iter()
                    .filter_map(|name| Some(((*name).into(), variable(name)?)))
                    .collect(),
                ca_bundle: None,
            },
            cores: thread::available_parallelism().map_or(1, usize::from),
            clients: HashMap::new(),
            tools: None,
            proofs: HashMap::new(),
        }
    }

    /// Begins the work on a document, which must not take longer than `limit`.
    pub fn begin(&mut self, limit: Option<Duration>) {
        self.shell.end_at(limit.map(|limit| Instant::now() + limit));
    }

    /// The clients on this machine, best first; those below `prefix` count, too.
    pub fn clients(&mut self, prefix: Option<&Path>) -> &[Client] {
        let bin: Vec<PathBuf> = prefix.iter().map(|prefix| prefix.join("bin")).collect();
        self.clients.entry(prefix.map(Path::to_path_buf)).or_insert_with(|| detect::clients(&self.shell, &bin))
    }

    /// The programs on this machine that speak to Memcached, best first.
    pub fn tools(&mut self) -> &[Client] {
        self.tools.get_or_insert_with(|| detect::tools(&self.shell))
    }

    /// Looks for clients and for the programs that speak to Memcached at once; gives the latter.
    pub fn look_around(&mut self, prefix: Option<&Path>) -> &[Client] {
        let shell = &self.shell;
        thread::scope(|scope| {
            let tools = scope.spawn(|| detect::tools(shell));
            let bin: Vec<PathBuf> = prefix.iter().map(|prefix| prefix.join("bin")).collect();
            let key = prefix.map(Path::to_path_buf);
            self.clients.entry(key).or_insert_with(|| detect::clients(shell, &bin));
            self.tools = tools.join().ok();
        });
        self.tools()
    }

    /// What `client` proves.
    ///
    /// # Errors
    /// As [`proof::prove`].
    pub fn proof(&mut self, client: &Path) -> Result<Proof, Failure> {
        if let Some(proof) = self.proofs.get(client) {
            return Ok(proof.clone());
        }
        let proof = proof::prove(&self.shell, client)?;
        self.proofs.insert(client.to_owned(), proof.clone());
        Ok(proof)
    }

    /// Forgets what is known of the clients: something was installed.
    pub fn forget(&mut self) {
        self.clients.clear();
        self.tools = None;
        self.proofs.clear();
    }
}

/// The kind of container, by what each leaves in it: files of Docker and Podman, variables of Kubernetes and systemd-nspawn.
fn container(is_there: impl Fn(&str) -> bool, is_set: impl Fn(&str) -> bool) -> Option<&'static str> {
    if is_set("KUBERNETES_SERVICE_HOST") {
        Some("kubernetes")
    } else if is_there("/run/.containerenv") {
        Some("podman")
    } else if is_there("/.dockerenv") {
        Some("docker")
    } else {
        is_set("container").then_some("container")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_container_is_known_by_what_its_maker_leaves_in_it() {
        let of = |left: &'static str| container(|path| path == left, |name| name == left);
        assert_eq!(of("/.dockerenv"), Some("docker"));
        assert_eq!(of("/run/.containerenv"), Some("podman"));
        assert_eq!(of("KUBERNETES_SERVICE_HOST"), Some("kubernetes"));
        assert_eq!(of("container"), Some("container"));
        assert_eq!(of("nothing"), None);
    }
}
