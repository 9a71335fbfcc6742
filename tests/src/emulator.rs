//! The two AWS emulators, each started once for all tests of a binary, or alone where a test needs its own.

use std::net::TcpStream;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::OnceLock;
use std::{env, io};

use crate::http::{self, Request};
use crate::server::Server;

/// The tests' Python environment: `EC_TESTS_VENV`, else a directory in the user's cache.
pub fn environment() -> PathBuf {
    if let Some(given) = env::var_os("EC_TESTS_VENV") {
        return given.into();
    }
    let cache = env::var_os("XDG_CACHE_HOME").map(PathBuf::from);
    let cache = cache.or_else(|| env::var_os("HOME").map(|home| Path::new(&home).join(".cache")));
    cache.unwrap_or_default().join("ec-tools/venv")
}

/// ministack: serverless caches, user groups; with `enforce_iam` it also denies.
#[derive(Debug)]
pub struct Ministack {
    server: Server,
}

/// How a ministack of one's own is to run.
#[derive(Clone, Debug, Default)]
pub struct MinistackOptions {
    /// The host and port that its caches name as their endpoint.
    pub cache: Option<(String, u16)>,
    /// Whether credentials and policies count.
    pub enforce_iam: bool,
}

impl Ministack {
    /// The one that all tests of this binary share.
    pub fn shared() -> &'static Self {
        static SHARED: OnceLock<Ministack> = OnceLock::new();
        SHARED.get_or_init(|| Self::start(&MinistackOptions::default()))
    }

    /// One of the test's own.
    pub fn start(options: &MinistackOptions) -> Self {
        let server = Server::start(
            "ministack",
            |port, directory| {
                let mut command = Command::new(environment().join("bin/ministack"));
                command.current_dir(directory).env("HOME", directory).env("TMPDIR", directory);
                command.env("BIND_HOST", "127.0.0.1").env("GATEWAY_PORT", port.to_string());
                // Nor an MQTT port, nor containers where this machine has Docker.
                command.env("IOT_MTLS_ENABLED", "0").env("DOCKER_HOST", "unix:///dev/null");
                if let Some((host, port)) = &options.cache {
                    command.env("REDIS_HOST", host).env("REDIS_PORT", port.to_string());
                }
                if options.enforce_iam {
                    command.env("AUTH", "true");
                }
                command
            },
            |port, _| answers(port, "/_ministack/health"),
        );
        Self { server }
    }

    /// What the tools take as `AWS_ENDPOINT_URL`.
    pub fn url(&self) -> String {
        format!("http://127.0.0.1:{}", self.server.port())
    }

    /// What it has logged.
    pub fn log(&self) -> String {
        self.server.log()
    }

    /// Ends it now.
    pub fn stop(&self) {
        self.server.stop();
    }
}

/// moto: strict about security groups and `DryRun`; knows AWS's managed policies.
#[derive(Debug)]
pub struct Moto {
    server: Server,
}

impl Moto {
    /// The one that all tests of this binary share.
    pub fn shared() -> &'static Self {
        static SHARED: OnceLock<Moto> = OnceLock::new();
        SHARED.get_or_init(Self::start)
    }

    /// One of the test's own.
    pub fn start() -> Self {
        let server = Server::start(
            "moto_server",
            |port, directory| {
                let mut command = Command::new(environment().join("bin/moto_server"));
                command.current_dir(directory).env("HOME", directory).env("MOTO_IAM_LOAD_MANAGED_POLICIES", "true");
                command.args(["-H", "127.0.0.1", "-p", &port.to_string()]);
                command
            },
            |port, _| answers(port, "/moto-api/data.json"),
        );
        Self { server }
    }

    /// Whether credentials and policies count from now on. At the start they do not.
    pub fn enforce_iam(&self, is_on: bool) {
        let address = format!("127.0.0.1:{}", self.server.port());
        // How many calls nobody is asked about.
        let free = if is_on { "0" } else { "inf" };
        let headers = [("host", address.as_str()), ("content-length", &free.len().to_string())];
        let headers = headers.map(|(name, value)| (name.to_owned(), value.to_owned())).to_vec();
        let request = Request { line: "POST /moto-api/reset-auth HTTP/1.1".to_owned(), headers, body: free.into() };
        let answer = http::exchange(&address, &request).unwrap_or_default();
        assert!(answer.starts_with(b"HTTP/1.1 200"), "moto-api/reset-auth: {}", String::from_utf8_lossy(&answer));
    }

    /// What the tools take as `AWS_ENDPOINT_URL`.
    pub fn url(&self) -> String {
        format!("http://127.0.0.1:{}", self.server.port())
    }

    /// What it has logged.
    pub fn log(&self) -> String {
        self.server.log()
    }
}

fn answers(port: u16, path: &str) -> bool {
    let address = format!("127.0.0.1:{port}");
    let headers = vec![("host".to_owned(), address.clone())];
    let request = Request { line: format!("GET {path} HTTP/1.1"), headers, body: Vec::new() };
    let answer: io::Result<Vec<u8>> = TcpStream::connect(&address).and_then(|_| http::exchange(&address, &request));
    answer.is_ok_and(|answer| answer.starts_with(b"HTTP/1.1 200"))
}
