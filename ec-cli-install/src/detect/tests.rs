use std::ffi::OsStr;
use std::fs::{self, Permissions};
use std::os::unix::fs::{PermissionsExt, symlink};
use std::time::Instant;

use tempfile::TempDir;

use super::*;

/// Directories of a PATH of their own.
struct Here(TempDir);

impl Here {
    fn new() -> Self {
        Self(tempfile::tempdir().unwrap())
    }

    fn dir(&self, name: &str) -> PathBuf {
        let dir = self.0.path().join(name);
        fs::create_dir_all(&dir).unwrap();
        dir
    }

    fn script(&self, place: &str, text: &str) -> PathBuf {
        self.file(place, format!("#!/bin/sh\n{text}\n").as_bytes(), 0o755)
    }

    fn file(&self, place: &str, bytes: &[u8], mode: u32) -> PathBuf {
        let path = self.0.path().join(place);
        self.dir(path.parent().unwrap().to_str().unwrap());
        fs::write(&path, bytes).unwrap();
        fs::set_permissions(&path, Permissions::from_mode(mode)).unwrap();
        path
    }

    /// The clients that are found here when the PATH has these directories.
    fn clients(&self, path: &[&str]) -> Vec<Client> {
        let dirs = path.iter().map(|name| self.dir(name)).chain([PathBuf::from("/bin")]);
        let shell = Shell::new(&std::env::join_paths(dirs).unwrap(), Some(self.dir("home")), std::env::temp_dir());
        clients(&shell, &[]).into_iter().filter(|client| client.path.starts_with(self.0.path())).collect()
    }

    fn problem(&self, place: &str) -> String {
        let shell = Shell::new(OsStr::new("/bin"), None, std::env::temp_dir());
        look(&shell, &self.0.path().join(place)).problem.unwrap()
    }
}

#[test]
fn what_works_with_tls_comes_first() {
    let here = Here::new();
    here.script("1/valkey-cli", "echo valkey-cli 7.2.6");
    here.script("2/redis6-cli", "echo redis-cli 6.2.7; echo '  --tls  secure'");
    here.script("home/.local/bin/valkey-cli", "echo valkey-cli 9.0.0; echo '  --tls  secure'");
    let found = here.clients(&["1", "2"]);
    let titles: Vec<_> = found.iter().map(Client::title).collect();
    assert_eq!(titles, ["valkey-cli 9.0.0", "redis6-cli 6.2.7", "valkey-cli 7.2.6"]);
    assert_eq!(found.iter().map(Client::is_good).collect::<Vec<_>>(), [true, true, false]);
    assert_eq!(found.iter().map(|client| client.on_path).collect::<Vec<_>>(), [false, true, true]);
}

#[test]
fn for_a_public_endpoint_tls_1_3_comes_before_the_better_name() {
    let mut clients =
        [Client::for_tests("/1/valkey-cli", "8.0.0", true), Client::for_tests("/2/redis-cli", "7.0.15", true)];
    clients[0].tls.listed13 = false;
    let first = |clients: &mut [Client; 2], need| {
        rank(clients, need);
        clients[0].name.clone()
    };
    assert_eq!(first(&mut clients, Need::Tls13), "redis-cli");
    assert_eq!(first(&mut clients, Need::Tls), "valkey-cli");
    assert_eq!(first(&mut clients, Need::Plain), "valkey-cli");
}

#[test]
fn one_file_under_several_names_is_one_client_and_all_its_places_are_told() {
    let here = Here::new();
    let real = here.script("real/valkey-cli-9", "echo valkey-cli 9.0.0; echo '  --tls  secure'");
    for link in ["a/valkey-cli", "b/redis-cli", "b/valkey-cli"] {
        here.dir(link.split('/').next().unwrap());
        symlink(&real, here.0.path().join(link)).unwrap();
    }
    symlink(here.dir("a"), here.0.path().join("c")).unwrap();
    let found = here.clients(&["a", "b", "c", "a"]);
    assert_eq!(found.len(), 1, "{found:?}");
    assert_eq!(found[0].path, here.0.path().join("a/valkey-cli"));
    let also: Vec<_> = ["b/valkey-cli", "b/redis-cli"].map(|link| here.0.path().join(link)).into();
    assert_eq!(found[0].also, also);
}

#[test]
fn what_cannot_be_used_is_told_with_its_reason() {
    let here = Here::new();
    here.file("plain", b"not a program", 0o644);
    here.file("empty", b"", 0o755);
    here.file("noise", b"\0\x01\x02\xff\n", 0o755);
    here.file("lost", b"#!/nonexistent/python\n", 0o755);
    symlink("/nonexistent/valkey-cli", here.0.path().join("dangling")).unwrap();
    symlink("loop", here.0.path().join("loop")).unwrap();
    here.dir("directory");
    let mut elf = b"\x7fELF\x02\x01\x01".to_vec();
    elf.resize(18, 0);
    elf.extend(22_u16.to_le_bytes());
    elf.resize(64, 0);
    here.file("foreign", &elf, 0o755);
    here.script("garbage", "head -c 4096 /dev/urandom; echo; exit 3");
    here.script("reads", "read -r line || { echo 'Password: '; exit 1; }");
    here.script("waits", "exec sleep 100");
    for (place, problem) in [
        ("plain", "it is not executable"),
        ("empty", "it is an empty file"),
        ("noise", "it is no program"),
        ("lost", "it is a script for /nonexistent/python, which is not there"),
        ("dangling", "it is a link to /nonexistent/valkey-cli, which is not there"),
        ("loop", "it is a link to loop, which is not there"),
        ("directory", "it is a directory"),
        ("reads", "--version tells no version (exit 1: Password:)"),
        ("waits", "--help did not end in time"),
    ] {
        assert_eq!(here.problem(place), problem, "{place}");
    }
    let foreign = here.problem("foreign");
    assert!(foreign.starts_with("it is built for s390x, and this machine is "), "{foreign}");
    assert!(here.problem("garbage").starts_with("--version tells no version (exit 3: "));
}

#[test]
fn all_are_asked_at_once_and_one_that_hangs_takes_no_time_of_the_others() {
    let here = Here::new();
    let path: Vec<String> = (0..10).map(|index| format!("bin{index}")).collect();
    for dir in &path {
        here.script(&format!("{dir}/redis-cli"), "exec sleep 100");
    }
    here.script("bin0/valkey-cli", "echo valkey-cli 8.1.1");
    let started = Instant::now();
    let found = here.clients(&path.iter().map(String::as_str).collect::<Vec<_>>());
    assert!(started.elapsed() < 3 * PATIENCE, "{:?}", started.elapsed());
    assert_eq!((found.len(), found[0].title()), (11, "valkey-cli 8.1.1".to_owned()));
    assert!(found[1..].iter().all(|client| client.problem.is_some()));
}
