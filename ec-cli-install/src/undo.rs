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
/// `EC4016` if the question fails, `EC4036` if the program for it is missing.
pub fn installed(shell: &Shell, manager: Manager) -> Result<BTreeSet<String>, Failure> {
    let words: &[&str] = match manager {
        Manager::Apt => &["dpkg-query", "-W", "-f", "${binary:Package} ${db:Status-Status}\\n"],
        Manager::Dnf | Manager::DnfLatest | Manager::Yum | Manager::Zypper => &["rpm", "-qa", "--qf", "%{NAME}\\n"],
        Manager::Apk => &["apk", "info"],
        Manager::Pacman => &["pacman", "-Qq"],
        Manager::Brew => &["brew", "list", "--formula", "-1"],
        Manager::Port => &["port", "-q", "echo", "installed"],
    };
    let ran = ask(shell, words)?;
    // pacman calls it a failure that there is nothing, and says nothing.
    if !ran.is_success() && !ran.text().trim().is_empty() {
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
    match manager {
        Manager::Apt => dpkg(shell, package, brought),
        Manager::Dnf | Manager::DnfLatest | Manager::Yum | Manager::Zypper => {
            all_or_one(shell, &["rpm", "-e", "--test"], package, brought)
        }
        Manager::Pacman => all_or_one(shell, &["pacman", "-R", "--print"], package, brought),
        Manager::Apk => apk(shell, package, brought),
        // These cannot be asked beforehand. They refuse to remove what something needs.
        Manager::Brew | Manager::Port => Ok(alone(package, brought)),
    }
}

/// The command that takes exactly `packages` away. What goes was asked beforehand; nothing else may go with it.
///
/// Never `purge`: to purge Debian's valkey-tools is to delete /var/lib/valkey, and with it the data of any server.
pub fn remove(manager: Manager, packages: &[String]) -> Vec<&str> {
    let words: &[&str] = match manager {
        Manager::Apt => &["env", "DEBIAN_FRONTEND=noninteractive", "apt-get", "remove", "-y", "--no-auto-remove"],
        Manager::Dnf | Manager::DnfLatest => &["dnf", "remove", "-y", "--setopt=clean_requirements_on_remove=False"],
        Manager::Yum => &["yum", "remove", "-y", "--setopt=clean_requirements_on_remove=0"],
        Manager::Zypper => &["zypper", "--non-interactive", "remove", "--no-clean-deps"],
        Manager::Apk => &["apk", "del"],
        Manager::Pacman => &["pacman", "-R", "--noconfirm"],
        Manager::Brew => &["brew", "uninstall"],
        Manager::Port => &["port", "-N", "uninstall"],
    };
    words.iter().copied().chain(packages.iter().map(String::as_str)).collect()
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

/// Where what stands in the way is told, and not of which package: all go, or the one alone.
fn all_or_one(shell: &Shell, test: &[&str], package: &str, brought: &[String]) -> Result<Removable, Failure> {
    let try_out = |names: &[&str]| ask(shell, &[test, names].concat());
    let all: Vec<&str> = brought.iter().map(String::as_str).collect();
    if try_out(&all)?.is_success() {
        return Ok(Removable { go: brought.to_vec(), stay: Vec::new() });
    }
    let one = alone(package, brought);
    if one.go.is_empty() {
        return Ok(one);
    }
    let ran = try_out(&[package])?;
    if ran.is_success() { Ok(one) } else { Err(needed(package, [ran.last_words()].iter())) }
}

/// apk removes with a package what came with it and nothing needs, and says so beforehand: `(1/2) Purging valkey-cli`.
fn apk(shell: &Shell, package: &str, brought: &[String]) -> Result<Removable, Failure> {
    let ran = ask(shell, &["apk", "del", "--simulate", package])?;
    let text = String::from_utf8_lossy(&ran.stdout);
    let gone = |line: &str| Some(line.split_once(" Purging ")?.1.split(' ').next()?.to_owned());
    let gone: BTreeSet<String> = text.lines().filter_map(gone).collect();
    if let Some(other) = gone.iter().find(|name| !brought.contains(name)) {
        return Err(needed(package, [format!("{other} would go with it")].iter()));
    }
    let (go, stay) = brought.iter().cloned().partition(|name| gone.contains(name));
    Ok(Removable { go, stay })
}

fn alone(package: &str, brought: &[String]) -> Removable {
    let (go, stay) = brought.iter().cloned().partition(|name| name == package);
    Removable { go, stay }
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

/// A name at the beginning of each line. Of dpkg's, which has packages that are not, those that are `installed`.
fn names(text: &str) -> BTreeSet<String> {
    let name = |line: &str| match line.trim().split_once(' ') {
        Some((name, "installed")) => Some(name.to_owned()),
        // What MacPorts says of its version.
        Some((name, rest)) => rest.trim_start().starts_with('@').then(|| name.to_owned()),
        None => Some(line.trim().to_owned()),
    };
    text.lines().filter_map(name).filter(|name| !name.is_empty()).collect()
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
        for name in ["apt-get", "apt-mark", "dpkg-query", "rpm", "pacman", "apk"] {
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
    fn pacman_is_asked_as_rpm_is_and_apk_for_what_goes() {
        assert_eq!(go(Manager::Pacman, "'pacman -R --print'*) ;;").unwrap().1.len(), 0);
        assert_eq!(go(Manager::Pacman, "pacman*) exit 1;;").unwrap_err().code().id, "EC4041");
        let purged =
            "apk*) printf '(1/2) Purging valkey-tools (8.1-r0)\\n(2/2) Purging liblzf1 (3-r0)\\nOK: 8 MiB\\n';;";
        let expected = both(["liblzf1", "valkey-tools"], ["libjemalloc2:amd64"]);
        assert_eq!(go(Manager::Apk, purged).unwrap(), expected);
        let other = "apk*) echo '(1/1) Purging monitoring (1-r0)';;";
        assert_eq!(go(Manager::Apk, other).unwrap_err().code().id, "EC4041");
    }

    #[test]
    fn a_manager_that_cannot_be_asked_takes_the_package_alone() {
        let expected = both(["valkey-tools"], ["liblzf1", "libjemalloc2:amd64"]);
        assert_eq!(go(Manager::Brew, "").unwrap(), expected);
    }

    #[test]
    fn the_names_stand_first_whoever_tells_them() {
        let read = |text: &str| names(text).into_iter().collect::<Vec<_>>();
        assert_eq!(read("valkey\n\nlibc\n"), ["libc", "valkey"]);
        assert_eq!(read("valkey  @8.1.1_0+tls\n"), ["valkey"]);
        assert_eq!(read("valkey-tools config-files\nredis-tools not-installed\n"), [""; 0]);
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
        assert!(remove(Manager::DnfLatest, &names).join(" ").starts_with("dnf remove -y --setopt=clean_requirements"));
        assert_eq!(remove(Manager::Zypper, &names).last(), Some(&"valkey"));
    }
}
