//! What a package manager has brought, and how exactly that is taken away: nothing that was there before, nothing that
//! somebody has asked for since, and nothing that anything else needs.

use std::collections::BTreeSet;
use std::time::Duration;

use ec_shared::Failure;

use crate::codes;
use crate::recipe::Manager;
use crate::shell::{Job, Ran, Shell};

/// How long a question may take.
const PATIENCE: Duration = Duration::from_secs(120);

/// The database that a package manager keeps. Managers on top of the same one are undone alike.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Base {
    Dpkg,
    Rpm,
}

/// What can be taken away, and what has to stay.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Removable {
    /// These can go.
    pub go: Vec<String>,
    /// These are needed by others, or were asked for since.
    pub stay: Vec<String>,
}

/// The packages that are installed.
///
/// # Errors
/// `EC4012` if it cannot be asked on this system, `EC4016` if the question fails.
pub fn installed(shell: &Shell, manager: Manager) -> Result<BTreeSet<String>, Failure> {
    let words: &[&str] = match base(manager)? {
        Base::Dpkg => &["dpkg-query", "-W", "-f", "${binary:Package} ${db:Status-Status}\\n"],
        Base::Rpm => &["rpm", "-qa", "--qf", "%{NAME} installed\\n"],
    };
    let ran = ask(shell, words)?;
    if !ran.is_success() {
        return Err(Failure::new(&codes::MANAGER_FAILED, format!("cannot ask {} what is installed", manager.name()))
            .because(ran.last_words())
            .hint("run the command that fails by hand"));
    }
    Ok(names(&String::from_utf8_lossy(&ran.stdout)))
}

/// Which of `brought` can be taken away with `package`, for which they were brought. All are installed.
///
/// # Errors
/// `EC4041` if something else needs `package` itself.
pub fn removable(shell: &Shell, manager: Manager, package: &str, brought: &[String]) -> Result<Removable, Failure> {
    match base(manager)? {
        Base::Dpkg => dpkg(shell, package, brought),
        Base::Rpm => rpm(shell, package, brought),
    }
}

/// The command that takes exactly `packages` away. What goes was asked beforehand; nothing else may go with it.
///
/// Never `purge`: to purge Debian's valkey-tools is to delete /var/lib/valkey, and with it the data of any server.
pub fn remove(manager: Manager, packages: &[String]) -> Vec<&str> {
    let words: &[&str] = if base(manager) == Ok(Base::Dpkg) {
        &["env", "DEBIAN_FRONTEND=noninteractive", "apt-get", "remove", "-y", "--no-auto-remove"]
    } else {
        &[manager.name(), "remove", "-y", "--setopt=clean_requirements_on_remove=False"]
    };
    words.iter().copied().chain(packages.iter().map(String::as_str)).collect()
}

fn base(manager: Manager) -> Result<Base, Failure> {
    match manager.name() {
        "apt" => Ok(Base::Dpkg),
        "dnf" | "yum" => Ok(Base::Rpm),
        other => Err(Failure::new(&codes::NO_PACKAGE, format!("cannot tell what {other} has installed"))
            .because("packages are taken away by way of dpkg and rpm")
            .hint(format!("remove the package with {other}"))),
    }
}

fn dpkg(shell: &Shell, package: &str, brought: &[String]) -> Result<Removable, Failure> {
    let goes_with = |names: &[&str]| -> Result<BTreeSet<String>, Failure> {
        let words = [&["apt-get", "-s", "remove", "--no-auto-remove"], names].concat();
        let ran = ask(shell, &words)?;
        if ran.is_success() {
            Ok(simulated(&String::from_utf8_lossy(&ran.stdout)))
        } else {
            Err(Failure::new(&codes::MANAGER_FAILED, format!("cannot tell what goes with {}", names.join(", ")))
                .because(ran.last_words()))
        }
    };
    let auto = names_only(&String::from_utf8_lossy(&ask(shell, &["apt-mark", "showauto"])?.stdout));
    // What somebody has asked for since is theirs.
    let ours: BTreeSet<&str> =
        brought.iter().map(String::as_str).filter(|name| *name == package || auto.contains(plain(name))).collect();
    let is_ours = |gone: &BTreeSet<String>| gone.iter().all(|name| ours.iter().any(|own| plain(own) == plain(name)));
    if ours.contains(package) {
        let with_it = goes_with(&[package])?;
        if !is_ours(&with_it) {
            return Err(needed(package, with_it.iter().filter(|name| *name != package)));
        }
    }
    let all: Vec<&str> = ours.iter().copied().collect();
    if all.is_empty() {
        return Ok(Removable { go: Vec::new(), stay: brought.to_vec() });
    }
    let mut removable = Removable::default();
    let all_at_once = is_ours(&goes_with(&all)?);
    for name in brought {
        // Where one has to stay, each is asked for by itself: what goes with it has to be ours as well.
        let can_go = ours.contains(name.as_str()) && (all_at_once || is_ours(&goes_with(&[name])?));
        if can_go { &mut removable.go } else { &mut removable.stay }.push(name.clone());
    }
    Ok(removable)
}

/// rpm tells what would be missing, not of which package: all go, or the one alone.
fn rpm(shell: &Shell, package: &str, brought: &[String]) -> Result<Removable, Failure> {
    let test = |names: &[&str]| ask(shell, &[&["rpm", "-e", "--test"], names].concat());
    let all: Vec<&str> = brought.iter().map(String::as_str).collect();
    if test(&all)?.is_success() {
        return Ok(Removable { go: brought.to_vec(), stay: Vec::new() });
    }
    let ran = test(&[package])?;
    if ran.is_success() {
        let stay = brought.iter().filter(|name| *name != package).cloned().collect();
        return Ok(Removable { go: vec![package.to_owned()], stay });
    }
    Err(needed(package, [ran.last_words()].iter()))
}

fn needed<'a>(package: &str, by: impl Iterator<Item = &'a String>) -> Failure {
    let by: Vec<&str> = by.map(String::as_str).collect();
    Failure::new(&codes::NEEDED, format!("will not remove {package}"))
        .because(format!("something else needs it: {}", by.join(", ")))
        .hint("remove what needs it first, or keep both")
}

fn ask(shell: &Shell, words: &[&str]) -> Result<Ran, Failure> {
    let (program, args) = words.split_first().map_or(("", &[][..]), |(program, args)| (*program, args));
    // A signal that came while packages did must not keep it from being written down which.
    shell.run(&Job::new(shell.need(program)?, args.iter().copied()).limit(PATIENCE).keep(16 << 20).transaction())
}

/// Lines of a name and the word `installed`.
fn names(text: &str) -> BTreeSet<String> {
    text.lines().filter_map(|line| line.strip_suffix(" installed")).map(str::to_owned).collect()
}

fn names_only(text: &str) -> BTreeSet<String> {
    text.lines().map(|line| plain(line.trim()).to_owned()).collect()
}

/// What `apt-get -s remove` says: `Remv valkey-tools [8.0.1]`. What it would install in the place of something (`Inst`)
/// is no less a change that nobody has asked for.
fn simulated(text: &str) -> BTreeSet<String> {
    let change = |line: &'_ str| {
        let rest = line.strip_prefix("Remv ").or_else(|| line.strip_prefix("Inst "))?;
        rest.split(' ').next().map(str::to_owned)
    };
    text.lines().filter_map(change).collect()
}

/// A name without its architecture, which some commands tell and some do not.
fn plain(name: &str) -> &str {
    name.split(':').next().unwrap_or(name)
}

#[cfg(test)]
mod tests {
    use std::ffi::OsStr;
    use std::fs;
    use std::os::unix::fs::PermissionsExt;

    use super::*;

    /// Package managers of which one shell script speaks for all; `$0` says which is asked.
    fn shell(script: &str) -> (tempfile::TempDir, Shell) {
        let dir = tempfile::tempdir().unwrap();
        for name in ["apt-get", "apt-mark", "dpkg-query", "rpm"] {
            let path = dir.path().join(name);
            fs::write(&path, format!("#!/bin/sh\ncase \"${{0##*/}} $*\" in\n{script}\n*) exit 9;; esac\n")).unwrap();
            fs::set_permissions(&path, fs::Permissions::from_mode(0o755)).unwrap();
        }
        let shell = Shell::new(OsStr::new(&format!("{}:/usr/bin:/bin", dir.path().display())), None, dir.path().into());
        (dir, shell)
    }

    fn go(manager: Manager, script: &str) -> Result<(Vec<String>, Vec<String>), Failure> {
        let (_dir, shell) = shell(script);
        let brought = ["liblzf1".to_owned(), "libjemalloc2:amd64".to_owned(), "valkey-tools".to_owned()];
        removable(&shell, manager, "valkey-tools", &brought).map(|removable| (removable.go, removable.stay))
    }

    fn both<const A: usize, const B: usize>(go: [&str; A], stay: [&str; B]) -> (Vec<String>, Vec<String>) {
        (go.map(str::to_owned).to_vec(), stay.map(str::to_owned).to_vec())
    }

    const AUTO: &str = "'apt-mark showauto') printf 'liblzf1\\nlibjemalloc2\\n';;
        *' --no-auto-remove valkey-tools') echo 'Remv valkey-tools [8.0.1]';;\n";

    #[test]
    fn what_came_with_a_package_goes_with_it() {
        let all = "apt-get*) echo 'Remv valkey-tools [8]'; echo 'Remv liblzf1 [3]'; echo 'Remv libjemalloc2 [5]';;";
        let (gone, stay) = go(Manager::Apt, &format!("{AUTO}{all}")).unwrap();
        assert_eq!((gone.len(), stay.len()), (3, 0));
    }

    #[test]
    fn what_something_else_needs_stays() {
        let script = "*' --no-auto-remove liblzf1') echo 'Remv liblzf1 [3]';;
            apt-get*) echo 'Remv valkey-tools [8]'; echo 'Remv libjemalloc2 [5]'; echo 'Remv firefox [1]';;";
        let expected = both(["liblzf1", "valkey-tools"], ["libjemalloc2:amd64"]);
        assert_eq!(go(Manager::Apt, &format!("{AUTO}{script}")).unwrap(), expected);
    }

    #[test]
    fn what_somebody_has_asked_for_since_is_theirs() {
        let script = "'apt-mark showauto') echo liblzf1;;
            *' --no-auto-remove valkey-tools') echo 'Remv valkey-tools [8.0.1]';;
            apt-get*) echo 'Remv valkey-tools [8]'; echo 'Remv liblzf1 [3]';;";
        assert_eq!(go(Manager::Apt, script).unwrap(), both(["liblzf1", "valkey-tools"], ["libjemalloc2:amd64"]));
    }

    #[test]
    fn a_package_that_something_needs_is_not_removed_at_all() {
        let script = "apt-mark*) ;; apt-get*) echo 'Remv monitoring [1]'; echo 'Remv valkey-tools [8]';;";
        let failure = go(Manager::Apt, script).unwrap_err();
        assert_eq!(failure.code().id, "EC4041");
        assert!(failure.to_string().ends_with("something else needs it: monitoring"), "{failure}");
    }

    #[test]
    fn rpm_lets_all_go_or_the_package_alone() {
        let yes = "'rpm -e --test'*) ;;";
        let alone = "'rpm -e --test valkey-tools') ;; rpm*) exit 1;;";
        let no = "rpm*) echo 'valkey is needed by (installed) x-1' >&2; exit 1;;";
        assert_eq!(go(Manager::Dnf, yes).unwrap().1.len(), 0);
        assert_eq!(go(Manager::Dnf, alone).unwrap(), both(["valkey-tools"], ["liblzf1", "libjemalloc2:amd64"]));
        assert_eq!(go(Manager::Dnf, no).unwrap_err().code().id, "EC4041");
    }

    #[test]
    fn only_what_is_installed_is_told_as_installed() {
        let (_dir, shell) = shell("dpkg-query*) printf 'liblzf1 installed\\nold config-files\\n';;");
        assert_eq!(installed(&shell, Manager::Apt).unwrap().into_iter().collect::<Vec<_>>(), ["liblzf1"]);
    }

    #[test]
    fn exactly_the_named_packages_are_removed() {
        let names = ["valkey".to_owned()];
        assert!(remove(Manager::Apt, &names).join(" ").ends_with("apt-get remove -y --no-auto-remove valkey"));
        assert!(remove(Manager::Dnf, &names).join(" ").starts_with("dnf remove -y --setopt=clean_requirements"));
    }
}
