use super::*;
use crate::plan::Site;

fn platform(id: &str) -> Platform {
    Platform::of_id(id).unwrap()
}

fn typed(recipe: &Recipe) -> Vec<String> {
    recipe.steps.iter().map(Step::as_typed).collect()
}

fn others(recipe: &Recipe) -> Vec<String> {
    recipe.alternatives.iter().map(|alternative| alternative.step.as_typed()).collect()
}

fn package(id: &str) -> Recipe {
    let platform = platform(id);
    let (manager, package) = (Manager::of(&platform).unwrap(), standard(&platform).unwrap());
    from_package(&platform, manager, package, packages(&platform), true, false)
}

#[test]
fn amazon_linux_2023_takes_valkey_and_says_what_to_do_where_dnf_has_none() {
    let recipe = package("amazon-linux-2023");
    assert_eq!(typed(&recipe), ["sudo dnf install -y valkey"]);
    assert_eq!(others(&recipe), ["sudo dnf install -y --releasever=latest valkey", "sudo dnf install -y redis6"]);
}

#[test]
fn an_image_of_amazon_linux_2023_whose_own_repository_has_no_client_takes_the_latest_one() {
    let amazon = platform("amazon-linux-2023");
    let latest = Manager::Dnf.wider(&amazon).unwrap();
    let recipe = from_package(&amazon, latest, standard(&amazon).unwrap(), &[], true, true);
    assert_eq!(typed(&recipe), ["dnf install -y --releasever=latest valkey"]);
    assert!(recipe.reasons[0].starts_with("the repository that this image is locked to"), "{:?}", recipe.reasons);
    assert_eq!(Manager::Dnf.wider(&platform("fedora")), None);
}

#[test]
fn every_system_is_told_in_the_words_of_its_own_manager() {
    for (id, line) in [
        ("fedora-42", "sudo dnf install -y valkey"),
        ("rhel-10", "sudo dnf install -y valkey"),
        ("rhel-8", "sudo dnf install -y @redis:6"),
        ("opensuse-tumbleweed", "sudo zypper --non-interactive install --no-recommends valkey"),
        ("alpine-3.22", "sudo apk add valkey-cli"),
        ("arch", "sudo pacman -S --noconfirm --needed valkey"),
        ("macos", "brew install valkey"),
    ] {
        assert_eq!(typed(&package(id)), [line], "{id}");
    }
    assert_eq!(others(&package("macos")), ["sudo port -N install valkey"]);
}

#[test]
fn epel_is_enabled_in_the_way_of_each_kin_of_red_hat_enterprise_linux() {
    for (id, line) in [
        ("rocky-9.3", "sudo dnf install -y epel-release"),
        ("rhel-9", "sudo dnf install -y https://dl.fedoraproject.org/pub/epel/epel-release-latest-9.noarch.rpm"),
        ("oracle-linux-8", "sudo dnf install -y oracle-epel-release-el8"),
    ] {
        assert_eq!(others(&package(id)), [line, "sudo dnf install -y valkey"], "{id}");
    }
    assert_eq!(others(&package("rhel-10")), [""; 0], "which has valkey by itself");
}

#[test]
fn a_package_that_brings_the_server_says_so() {
    assert_eq!(
        package("fedora").reasons,
        ["dnf has no package with the client alone: valkey brings the server, too, and does not enable or start it"]
    );
    assert!(package("alpine").reasons.is_empty() && package("debian").reasons.is_empty());
}

#[test]
fn packages_of_clients_are_known_and_no_others() {
    let debian = platform("debian-12");
    for (name, is_known_here) in [("redis-tools", true), ("netcat-openbsd", true), ("openssl", true), ("sudo", false)] {
        assert_eq!(is_known(&debian, name), is_known_here, "{name}");
    }
    assert!(!is_known(&platform("linux"), "valkey"));
}

#[test]
fn a_machine_without_package_lists_loads_them_first() {
    let debian = platform("debian-13");
    let recipe = from_package(&debian, Manager::Apt, standard(&debian).unwrap(), &[], false, true);
    assert_eq!(
        typed(&recipe),
        [
            "apt-get update",
            "env DEBIAN_FRONTEND=noninteractive apt-get install -y --no-install-recommends --no-remove valkey-tools"
        ]
    );
}

fn source(id: &str, cores: Option<usize>) -> Recipe {
    let site = Site {
        target: "/usr/local/bin/valkey-cli".into(),
        is_writable: false,
        has_toolchain: false,
        cores,
        origin: release(),
    };
    from_source(&platform(id), None, &site, false)
}

#[test]
fn amazon_linux_2_builds_the_client_alone_and_checks_what_it_loads() {
    let recipe = source("amazon-linux-2", Some(4));
    let url = "https://github.com/valkey-io/valkey/archive/refs/tags/9.1.0.tar.gz";
    let sha256 = "7789fe1df257774457bafb4c1d56c9f7020c3879a7f5b4234af9030b2bd82dfd";
    assert_eq!(
        typed(&recipe),
        [
            "sudo yum install -y gcc make openssl11-devel".to_owned(),
            format!("curl -fsSL -o valkey-9.1.0.tar.gz {url}"),
            format!("echo '{sha256}  valkey-9.1.0.tar.gz' | sha256sum -c"),
            "mkdir valkey-9.1.0-build && tar xf valkey-9.1.0.tar.gz -C valkey-9.1.0-build".to_owned(),
            "make -C valkey-9.1.0-build/valkey-9.1.0 -j4 valkey-cli BUILD_TLS=yes MALLOC=libc".to_owned(),
            "sudo install -D -m 755 valkey-9.1.0-build/valkey-9.1.0/src/valkey-cli /usr/local/bin/valkey-cli"
                .to_owned(),
        ]
    );
    assert_eq!(recipe.steps[1].download, Some(Download { url: url.to_owned(), sha256: sha256.to_owned() }));
    assert_eq!(recipe.steps[4].estimated_s, Some(5), "19 s of one core by four");
    assert_eq!(recipe.reasons.len(), 3);
}

#[test]
fn a_build_on_another_machine_takes_all_cores_of_that_machine() {
    let make = &source("debian", None).steps[4];
    assert!(make.command.contains(r#"-j"$(getconf _NPROCESSORS_ONLN)""#), "{}", make.command);
}

#[test]
fn what_a_build_needs_has_other_names_on_every_system() {
    for (id, line) in [
        ("amazon-linux-2023", "sudo dnf install -y gcc make openssl-devel"),
        ("rocky-8", "sudo dnf install -y gcc make openssl-devel"),
        ("debian", "sudo apt-get install -y --no-install-recommends gcc make libc6-dev libssl-dev"),
        ("sles", "sudo zypper --non-interactive install --no-recommends gcc make libopenssl-devel"),
        ("alpine", "sudo apk add gcc make musl-dev linux-headers openssl-dev"),
        ("arch", "sudo pacman -S --noconfirm --needed gcc make openssl"),
        ("macos", "xcode-select --install; brew install openssl@3"),
    ] {
        assert_eq!(toolchain(&platform(id), false).unwrap().as_typed(), line, "{id}");
    }
    assert_eq!(toolchain(&platform("linux"), false), None);
}

#[test]
fn alpine_and_macos_use_the_programs_that_they_have() {
    let alpine = typed(&source("alpine", None));
    assert!(alpine[1].starts_with("wget -O valkey-"), "{alpine:?}");
    let macos = typed(&source("macos", None));
    assert!(macos[2].ends_with("| shasum -a 256 -c"), "{macos:?}");
    assert_eq!(macos[5], "sudo mkdir -p /usr/local/bin");
    assert!(macos[6].starts_with("sudo install -m 755 "), "{macos:?}");
}

#[test]
fn into_an_image_the_client_is_copied_from_another_stage() {
    let recipe = image::into_image();
    assert!(recipe.steps.is_empty() && recipe.dockerfile[0].starts_with("FROM alpine:"));
    let copied = recipe.dockerfile.iter().any(|line| line.starts_with("COPY --from=") && line.ends_with(image::TARGET));
    assert!(copied, "{:?}", recipe.dockerfile);
}

#[test]
fn words_are_quoted_where_a_shell_would_take_them_apart() {
    assert_eq!(quoted("a b"), "'a b'");
    assert_eq!(quoted("it's"), r"'it'\''s'");
    assert_eq!(quoted("~/x"), "'~/x'");
    assert_eq!(quoted(""), "''");
    assert_eq!(quoted("valkey_8.1.1+dfsg1.orig.tar.xz"), "valkey_8.1.1+dfsg1.orig.tar.xz");
}
