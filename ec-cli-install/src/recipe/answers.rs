//! What package managers answer when they are asked which packages can be had. Pure.

use serde_json::Value;

use super::Manager;
use crate::package::Offer;

/// The offers in what `manager` wrote to stdout.
pub fn offers(manager: Manager, text: &str) -> Vec<Offer> {
    match manager {
        Manager::Apt => policy(text),
        Manager::Dnf | Manager::DnfLatest => repoquery(text),
        Manager::Yum | Manager::Pacman | Manager::Port => info(text),
        Manager::Zypper => table(text),
        Manager::Apk => versions(text),
        Manager::Brew => formulae(text),
    }
}

/// Whether a failure of `manager` only says that it has none, or not all, of the packages: what it has stands on stdout.
pub fn is_none(manager: Manager, code: Option<i32>, stderr: &str) -> bool {
    let says: &[&str] = match manager {
        // <https://manpages.opensuse.org/zypper>: ZYPPER_EXIT_INF_CAP_NOT_FOUND.
        Manager::Zypper => return code == Some(104),
        Manager::Yum => &["No matching Packages"],
        Manager::Pacman => &["was not found"],
        Manager::Brew => &["No available formula"],
        Manager::Port => &["not found"],
        Manager::Apt | Manager::Dnf | Manager::DnfLatest | Manager::Apk => return false,
    };
    says.iter().any(|words| stderr.contains(words))
}

fn offer(package: &str, candidate: &str) -> Offer {
    Offer { package: package.to_owned(), candidate: candidate.to_owned() }
}

/// The same package once more is a newer version of it.
fn newest(offers: impl IntoIterator<Item = Offer>) -> Vec<Offer> {
    let mut kept: Vec<Offer> = Vec::new();
    for offer in offers {
        kept.retain(|earlier| earlier.package != offer.package);
        kept.push(offer);
    }
    kept
}

/// `apt-cache policy`. A package that is only installed, and in no repository, is a candidate, too.
fn policy(text: &str) -> Vec<Offer> {
    let mut offers = Vec::new();
    let mut package = None;
    for line in text.lines() {
        if let Some(name) = line.strip_suffix(':').filter(|name| !name.starts_with(' ')) {
            package = Some(name);
        } else if let (Some(version), Some(name)) = (line.trim().strip_prefix("Candidate: "), package)
            && version != "(none)"
        {
            offers.push(offer(name, version));
        }
    }
    offers
}

/// `dnf repoquery`: a name and a version on each line, the newest version last.
fn repoquery(text: &str) -> Vec<Offer> {
    newest(text.lines().filter_map(|line| match line.split_whitespace().collect::<Vec<_>>().as_slice() {
        [name, version] => Some(offer(name, version)),
        _ => None,
    }))
}

/// `yum info`, `pacman -Si`, `port info`: `Name : valkey` and, below it, `Version : 8.1.1`.
fn info(text: &str) -> Vec<Offer> {
    let mut offers = Vec::new();
    let mut package = None;
    for (key, value) in text.lines().filter_map(|line| line.split_once(':')) {
        match key.trim().to_ascii_lowercase().as_str() {
            "name" => package = Some(value.trim()),
            "version" => offers.extend(package.map(|name| offer(name, value.trim()))),
            _ => {}
        }
    }
    newest(offers)
}

/// `zypper search --details`: a table with the newest version of a package first.
fn table(text: &str) -> Vec<Offer> {
    let rows = text.lines().map(|line| line.split('|').map(str::trim).collect::<Vec<_>>());
    let packages: Vec<Offer> =
        rows.filter(|row| row.len() == 6 && row[2] == "package").map(|row| offer(row[1], row[3])).collect();
    newest(packages.into_iter().rev())
}

/// `apk policy`: `valkey-cli policy:` and, below it, a version for each that can be had, the newest first.
fn versions(text: &str) -> Vec<Offer> {
    let mut offers: Vec<Offer> = Vec::new();
    let mut package = None;
    for line in text.lines() {
        if let Some(name) = line.strip_suffix(" policy:") {
            package = Some(name);
        } else if let (Some(version), Some(name)) = (line.trim_end().strip_suffix(':'), package) {
            offers.push(offer(name, version.trim()));
            package = None;
        }
    }
    offers
}

/// `brew info --json=v2`.
fn formulae(text: &str) -> Vec<Offer> {
    let answer: Value = serde_json::from_str(text).unwrap_or_default();
    let formulae = answer["formulae"].as_array().map(Vec::as_slice).unwrap_or_default();
    let known = |formula: &Value| Some(offer(formula["name"].as_str()?, formula["versions"]["stable"].as_str()?));
    formulae.iter().filter_map(known).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn told(manager: Manager, text: &str) -> Vec<(String, String)> {
        offers(manager, text).into_iter().map(|offer| (offer.package, offer.candidate)).collect()
    }

    fn are(offers: &[(&str, &str)]) -> Vec<(String, String)> {
        offers.iter().map(|(package, version)| ((*package).to_owned(), (*version).to_owned())).collect()
    }

    /// The files below `tests/answers` are what the programs of apt 2.6, dnf 4.14, zypper 1.14 and pacman 6.0 printed.
    #[test]
    fn apt_tells_what_can_be_had() {
        let text = include_str!("../../tests/answers/apt-cache-policy");
        let offers = [("valkey-tools", "8.0.1+dfsg1-1~bpo12+1"), ("redis-tools", "5:7.0.15-1~deb12u10")];
        assert_eq!(told(Manager::Apt, text), are(&offers));
    }

    #[test]
    fn dnf_tells_what_can_be_had() {
        let text = include_str!("../../tests/answers/dnf-repoquery");
        assert_eq!(told(Manager::Dnf, text), are(&[("redis6", "6.2.14"), ("valkey", "8.0.6")]));
    }

    #[test]
    fn zypper_tells_it_in_a_table_with_the_newest_first() {
        let text = include_str!("../../tests/answers/zypper-search");
        assert_eq!(told(Manager::Zypper, text), are(&[("valkey", "8.0.6-1"), ("redis6", "6.2.14-1")]));
        let source = "  | valkey | srcpackage | 9.9.9 | noarch | OSS\n";
        assert_eq!(told(Manager::Zypper, &format!("{text}{source}")).len(), 2, "sources are no packages");
    }

    #[test]
    fn pacman_and_yum_and_port_tell_it_in_paragraphs() {
        let text = include_str!("../../tests/answers/pacman-si");
        assert_eq!(told(Manager::Pacman, text), are(&[("valkey", "8.1.1-1")]));
        let yum = "Installed Packages\nName        : openssl\nArch        : x86_64\nEpoch       : 1\nVersion     : 1.0.2k\n\
                   Summary     : Utilities: for TLS\n\nAvailable Packages\nName        : openssl\nVersion     : 1.0.2k\n\
                   Name        : nmap-ncat\nVersion     : 6.40\n";
        assert_eq!(told(Manager::Yum, yum), are(&[("openssl", "1.0.2k"), ("nmap-ncat", "6.40")]));
        assert_eq!(told(Manager::Port, "name: valkey\nversion: 9.0.0\n"), are(&[("valkey", "9.0.0")]));
    }

    #[test]
    fn apk_and_brew_tell_it_in_forms_of_their_own() {
        let apk = "valkey-cli policy:\n  8.1.3-r0:\n    https://dl-cdn.alpinelinux.org/alpine/v3.22/main\n  8.1.2-r0:\n    lib/apk/db/installed\n";
        assert_eq!(told(Manager::Apk, apk), are(&[("valkey-cli", "8.1.3-r0")]));
        let brew = r#"{"formulae":[{"name":"valkey","versions":{"stable":"9.1.0","head":"HEAD"}}],"casks":[]}"#;
        assert_eq!(told(Manager::Brew, brew), are(&[("valkey", "9.1.0")]));
    }

    #[test]
    fn no_answer_and_noise_are_no_offers() {
        use Manager::{Apk, Apt, Brew, Dnf, Pacman, Port, Yum, Zypper};
        for manager in [Apt, Dnf, Yum, Zypper, Apk, Pacman, Brew, Port] {
            for noise in ["", "\n\n", "warning:\n", "| | | |\n", "{}", "[1", ":\n:\n"] {
                assert_eq!(told(manager, noise), [], "{manager:?} {noise:?}");
            }
        }
    }

    #[test]
    fn having_none_is_told_apart_from_not_answering() {
        assert!(is_none(Manager::Zypper, Some(104), ""));
        assert!(!is_none(Manager::Zypper, Some(7), "System management is locked by the application with pid 1234"));
        assert!(is_none(Manager::Pacman, Some(1), "error: package 'valkey' was not found\n"));
        assert!(!is_none(Manager::Pacman, Some(1), "error: failed to initialize alpm library\n"));
        assert!(is_none(Manager::Yum, Some(1), "Error: No matching Packages to list\n"));
    }
}
