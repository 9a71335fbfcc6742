//! This machine: what it is called, what system it runs, and what is known of its clients so far. What was asked once is
//! not asked again for the next document, until something is changed.

use std::collections::HashMap;
use std::env;
use std::ffi::OsString;
use std::fs;
use std::path::{Path, PathBuf};
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
    proofs: HashMap<PathBuf, Proof>,
}

impl Machine {
    /// Reads what the environment and the system say.
    pub fn here() -> Self {
        let variable = |name: &str| env::var_os(name).filter(|value| !value.is_empty());
        let path = variable("PATH").unwrap_or_else(|| OsString::from("/usr/local/bin:/usr/bin:/bin"));
        let text = |path: &str| fs::read_to_string(path).ok();
        let os_release = text("/etc/os-release").or_else(|| text("/usr/lib/os-release")).unwrap_or_default();
        Self {
            shell: Shell::new(&path, variable("HOME").map(PathBuf::from), env::temp_dir()),
            platform: Platform::of_os_release(&os_release),
            ran_on: RanOn::here(),
            is_root: geteuid().is_root(),
            network: Network {
                variables: Network::VARIABLES
                    .iter()
                    .filter_map(|name| Some(((*name).into(), variable(name)?)))
                    .collect(),
                ca_bundle: None,
            },
            cores: std::thread::available_parallelism().map_or(1, usize::from),
            clients: HashMap::new(),
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
        self.proofs.clear();
    }
}
