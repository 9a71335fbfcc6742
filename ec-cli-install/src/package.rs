//! Installs a client by way of the system's package manager, which is also asked what it has.

use std::time::Duration;

use ec_shared::Failure;

use crate::codes;
use crate::recipe::{Manager, Package, answers, quoted};
use crate::shell::{Job, Ran, Shell};

/// What a package manager has of a package.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Offer {
    /// The package.
    pub package: String,
    /// The version that can be had.
    pub candidate: String,
}

/// How commands that take root are run.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Root {
    /// As they are: this is root.
    Already,
    /// Behind `sudo -n`, which never asks for a password.
    Sudo,
    /// Not at all.
    No,
}

/// Asks the package manager which of `packages` it has.
///
/// # Errors
/// `EC4036` if the manager is missing, `EC4016` and `EC4017` if it fails, `EC4035` if it does not answer.
pub fn offers(shell: &Shell, manager: Manager, packages: &[Package]) -> Result<Vec<Offer>, Failure> {
    let names = packages.iter().filter(|package| !package.is_module()).map(|package| package.name);
    let words = manager.ask(names);
    let ran = run(shell, &words, Duration::from_secs(120))?;
    if !ran.is_success() && !answers::is_none(manager, ran.code, &ran.text()) {
        return Err(failure(&words, &ran));
    }
    Ok(answers::offers(manager, &String::from_utf8_lossy(&ran.stdout)))
}

/// Runs a command of the package manager that changes the system.
///
/// # Errors
/// `EC4015` if this may not be root, `EC4016`, `EC4017` if the manager fails, `EC4035` if it takes longer than `limit`.
pub fn change(shell: &Shell, words: &[&str], root: Root, limit: Duration) -> Result<Ran, Failure> {
    let line = line(words);
    let not_root = || Failure::new(&codes::NOT_ROOT, format!("cannot run `{line}`"));
    let ran = match root {
        Root::Already => run(shell, words, limit)?,
        Root::No => {
            return Err(not_root()
                .because("it takes root")
                .hint(format!("run `sudo {line}`, or give --sudo, or build into your home with --method source")));
        }
        Root::Sudo => {
            let ran = run(shell, &[&["sudo", "-n", "--"], words].concat(), limit)?;
            if String::from_utf8_lossy(&ran.stderr).contains("sudo: ") && !ran.is_success() {
                return Err(not_root().because(ran.last_words()).hint(format!("run `sudo {line}`")));
            }
            ran
        }
    };
    if ran.is_success() { Ok(ran) } else { Err(failure(words, &ran)) }
}

fn run(shell: &Shell, words: &[&str], limit: Duration) -> Result<Ran, Failure> {
    let (program, args) = words.split_first().map_or(("", &[][..]), |(program, args)| (*program, args));
    let ran = shell.run(&Job::new(shell.need(program)?, args.iter().copied()).limit(limit).transaction())?;
    if ran.is_late {
        return Err(Failure::new(&codes::TOO_SLOW, format!("cannot finish `{}`", line(words)))
            .because(format!("it did not end within {} s", limit.as_secs()))
            .hint("run the same command again; a package manager may be waiting for another"));
    }
    Ok(ran)
}

fn line(words: &[&str]) -> String {
    words.iter().map(|word| quoted(word)).collect::<Vec<_>>().join(" ")
}

/// A failure that may pass by itself is told apart from one that will not.
fn failure(words: &[&str], ran: &Ran) -> Failure {
    const PASSING: [&str; 8] = [
        "Could not get lock",
        "Unable to acquire",
        "is another process using it",
        "Waiting for process",
        "Failed to fetch",
        "Temporary failure resolving",
        "Failed to download metadata",
        "Could not resolve host",
    ];
    let text = ran.text();
    let passes = PASSING.iter().any(|words| text.contains(words));
    let code = if passes { &codes::MANAGER_BUSY } else { &codes::MANAGER_FAILED };
    let hint = if passes {
        "wait, or refresh the package lists (apt-get update), then run the same command again"
    } else {
        "mend what the package manager names, then run the same command again"
    };
    Failure::new(code, format!("cannot finish `{}`", line(words))).because(ran.last_words()).hint(hint)
}

#[cfg(test)]
mod tests {
    use std::ffi::OsStr;

    use super::*;

    fn shell(script: &str) -> (tempfile::TempDir, Shell) {
        use std::os::unix::fs::PermissionsExt;
        let dir = tempfile::tempdir().unwrap();
        for name in ["apt-get", "sudo"] {
            std::fs::write(dir.path().join(name), format!("#!/bin/sh\n{script}\n")).unwrap();
            std::fs::set_permissions(dir.path().join(name), std::fs::Permissions::from_mode(0o755)).unwrap();
        }
        let path = format!("{}:/usr/bin:/bin", dir.path().display());
        let shell = Shell::new(OsStr::new(&path), None, std::env::temp_dir());
        (dir, shell)
    }

    fn refused(script: &str, root: Root) -> Failure {
        let (_dir, shell) = shell(script);
        change(&shell, &["apt-get", "install", "x"], root, Duration::from_secs(1)).unwrap_err()
    }

    #[test]
    fn what_passes_by_itself_is_told_apart_from_what_does_not() {
        let lock = "echo 'E: Could not get lock /var/lib/dpkg/lock-frontend. It is held by process 7' >&2; exit 100";
        assert_eq!(refused(lock, Root::Already).code().id, "EC4017");
        let unmet = "echo 'E: Unmet dependencies' >&2; exit 100";
        let failure = refused(unmet, Root::Already);
        assert_eq!(failure.to_string(), "cannot finish `apt-get install x`: exit 100: E: Unmet dependencies");
        assert_eq!(failure.code().id, "EC4016");
        assert_eq!(refused("exec sleep 100", Root::Already).code().id, "EC4035");
    }

    #[test]
    fn without_root_the_line_to_run_is_told() {
        let failure = refused("exit 0", Root::No);
        assert_eq!(failure.code().id, "EC4015");
        assert!(failure.hint_text().unwrap().starts_with("run `sudo apt-get install x`"));
        assert_eq!(refused("echo 'sudo: a password is required' >&2; exit 1", Root::Sudo).code().id, "EC4015");
    }

    #[test]
    fn sudo_never_asks() {
        let (_dir, shell) = shell("echo \"$0 $*\"");
        let ran = change(&shell, &["apt-get", "install", "x"], Root::Sudo, Duration::from_secs(5)).unwrap();
        assert!(ran.text().trim().ends_with("sudo -n -- apt-get install x"), "{}", ran.text());
    }
}
