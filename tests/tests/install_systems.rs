//! ec-cli-install on systems that this machine is not, with their real package managers; in an image without a shell; and
//! beside a real Memcached.
#![expect(clippy::unwrap_used, reason = "a test that cannot be set up has failed")]

use std::path::Path;
use std::time::Duration;

use ec_tests::overlay::{WITH_THE_TOOL, may_unshare, overlay};
use ec_tests::{Certs, Memcached, Outcome, command, need, sh, skip, tool};
use serde_json::{Value, json};

/// Long enough for packages on a busy machine.
const LONG: Duration = Duration::from_secs(600);

fn memcached(port: u16, tls: &str) -> String {
    let endpoint = json!({"role": "primary", "host": "localhost", "port": port});
    let cache = json!({"name": "pages", "engine": "memcached", "tls": tls, "endpoints": [endpoint]});
    json!({"kind": "ec.connection", "format_version": "1.0", "cache": cache}).to_string()
}

/// The line that the tool gives to try.
fn line_to_try(verb: &str, document: String) -> String {
    let outcome = tool("ec-cli-install").args([verb]).stdin(document).run().ok();
    let document = outcome.document();
    assert!(document["cli"]["line_to_try"].is_string(), "there is no line to try\n{}", outcome.told());
    document["cli"]["line_to_try"].as_str().unwrap().to_owned()
}

#[test]
fn the_line_to_try_speaks_to_a_memcached_with_tls_and_trusts_nobody_else() {
    need!("memcached", "openssl");
    let certs = Certs::new();
    let server = Memcached::tls(&certs);
    let line = line_to_try("verify", memcached(server.port(), "required"));
    let answered = sh(&line).env("SSL_CERT_FILE", certs.ca()).run();
    assert!(answered.stdout.starts_with("VERSION 1."), "{}", answered.told());
    let refused = sh(&line).run();
    assert_eq!(refused.stdout, "", "an authority that the system does not know: {}", refused.told());
}

#[test]
fn openssl_proves_its_tls_before_it_is_called_good_for_memcached() {
    need!("openssl");
    let document = tool("ec-cli-install").args(["apply"]).stdin(memcached(11211, "required")).run().ok().document();
    assert_eq!(document["cli"]["status"], "unchanged");
    for proof in ["tls12", "tls13", "verifies_ca"] {
        assert_eq!(document["cli"]["client"]["tls"][proof], true, "{proof}: {document}");
    }
}

/// Runs `$4` on a copy of this machine, where `$1` is the directory of the copy, `$2` the tool and `$3` the text of its
/// os-release.
const OF_ANOTHER_SYSTEM: &str = r#"
rm "$1/root/etc/os-release"
printf '%s' "$3" > "$1/root/etc/os-release"
exec chroot "$1/root" /bin/sh -euc "cd /root; $4"
"#;

/// Nothing is in the root but the tool, what it is linked to, and os-release; the tool is started with the words of `$4`.
const WITHOUT_A_SHELL: &str = r#"
set -eu
mount -t tmpfs tmpfs "$1"
mkdir -p "$1/etc" "$1/tmp"
printf '%s' "$3" > "$1/etc/os-release"
cp "$2" "$1/"
ldd "$2" | grep -o '/[^ ]*' | while read -r library; do
  mkdir -p "$1${library%/*}"
  cp "$library" "$1$library"
done
exec env -i /usr/sbin/chroot "$1" /ec-cli-install $4
"#;

fn a_copy() -> String {
    overlay("/") + WITH_THE_TOOL + OF_ANOTHER_SYSTEM
}

fn somewhere(script: &str, os_release: &str, what: &str) -> Outcome {
    let dir = tempfile::tempdir().unwrap();
    let binary = sh("command -v ec-cli-install").run().ok().stdout;
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../ec-cli-install/tests/os-release").join(os_release);
    let text = std::fs::read_to_string(path).unwrap();
    let run = command("unshare").args(["-m", "sh", "-c", script, "sh"]).args([dir.path()]);
    run.args([binary.trim(), &text, what])
        .env("PATH", "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin")
        .timeout(LONG)
        .run()
}

#[test]
fn in_an_image_without_a_shell_the_plan_is_for_whoever_builds_it() {
    need!("unshare", "ldd");
    if !may_unshare() {
        return skip("this user may not have a root of its own");
    }
    let planned = somewhere(WITHOUT_A_SHELL, "distroless-12", "plan -n").ok().document();
    assert_eq!(planned["cli"]["changes"][0]["by"], "whoever builds the image", "{planned}");
    let lines = planned["cli"]["dockerfile"].as_array().unwrap();
    assert!(lines.iter().any(|line| line.as_str().unwrap().starts_with("COPY --from=")), "{planned}");
    // So is an image that has no os-release either, by the shell that is missing.
    let scratch = somewhere(WITHOUT_A_SHELL, "gentoo", "plan -n").ok().document();
    assert!(scratch["cli"]["dockerfile"].is_array(), "{scratch}");
    let applied = somewhere(WITHOUT_A_SHELL, "distroless-12", "apply -n").exits(3).says("EC4025");
    assert_eq!(applied.document()["cli"]["changes"][0]["state"], "failed", "{}", applied.told());
    somewhere(WITHOUT_A_SHELL, "distroless-12", "detect -n").exits(1);
}

/// For a cache without TLS: nc comes, serves, and goes.
const WITH_NC: &str = r"
  apt-get -qq update >/dev/null 2>&1 || exit 77
  dpkg --purge --force-depends netcat-openbsd netcat-traditional ncat telnet inetutils-telnet >/dev/null 2>&1 || :
  ec-cli-install detect < document || echo detect $? >&2
  ec-cli-install apply < document > applied || exit 77
  cat applied
  ec-cli-install detect < document
  ec-cli-install remove < applied
  ec-cli-install detect < document || echo detect $? >&2
";

#[test]
fn nc_is_installed_for_a_memcached_without_tls_and_taken_away_again() {
    need!("apt-get", "dpkg", "unshare");
    if !may_unshare() {
        return skip("this user may not install packages on a copy of this machine");
    }
    let script = format!("echo '{}' > document; {WITH_NC}", memcached(11211, "off"));
    let outcome = somewhere(&a_copy(), "debian-12", &script);
    if outcome.code == 77 {
        return skip("apt could not load packages");
    }
    let outcome = outcome.ok().says("detect 1");
    let status = |document: &Value| document["cli"]["status"].as_str().unwrap_or_default().to_owned();
    let statuses: Vec<String> = outcome.documents().iter().map(status).collect();
    assert_eq!(statuses, ["no", "changed", "ok", "changed", "no"], "{}", outcome.told());
    assert_eq!(outcome.documents()[2]["cli"]["client"]["name"], "nc", "{}", outcome.told());
}

/// Makes a package `valkey` of this machine's valkey-cli, in a repository that dnf and zypper find; no other has one.
const REPOSITORY: &str = r"
  export DEBIAN_FRONTEND=noninteractive
  { apt-get -qq update && apt-get -qq install --no-install-recommends dnf zypper rpm createrepo-c; } >/dev/null 2>&1 || exit 77
  # Debian's rpm looks elsewhere than zypper does.
  mkdir -p /etc/rpm && echo '%_dbpath /var/lib/rpm' > /etc/rpm/macros
  cp /usr/bin/valkey-cli /root/client
  dpkg --purge --force-depends valkey-server valkey-tools redis-server redis-tools redis >/dev/null 2>&1 || :
  printf '%s\n' 'Name: valkey' 'Version: 8.0.1' 'Release: 1' 'Summary: x' 'License: BSD' 'AutoReq: no' '%description' x \
    '%global __os_install_post %{nil}' '%global debug_package %{nil}' \
    '%install' 'mkdir -p %{buildroot}/usr/bin' 'cp /root/client %{buildroot}/usr/bin/valkey-cli' '%files' /usr/bin/valkey-cli > v.spec
  rpmbuild -bb --define '_rpmdir /root/repo' v.spec >/root/rpm.log 2>&1 || { cat /root/rpm.log >&2; exit 1; }
  createrepo_c repo >/dev/null 2>&1
  mkdir -p /etc/yum.repos.d /etc/zypp/repos.d
  printf '[ours]\nname=ours\nbaseurl=file:///root/repo\ngpgcheck=0\nenabled=1\n' | tee /etc/yum.repos.d/ours.repo > /etc/zypp/repos.d/ours.repo
";

/// The same for pacman, whose packages and lists are tar archives.
const REPOSITORY_OF_PACMAN: &str = r"
  export DEBIAN_FRONTEND=noninteractive
  { apt-get -qq update && apt-get -qq install --no-install-recommends pacman-package-manager; } >/dev/null 2>&1 || exit 77
  mkdir -p package/usr/bin repo list/valkey-8.0.1-1
  cp /usr/bin/valkey-cli package/usr/bin/
  dpkg --purge --force-depends valkey-server valkey-tools redis-server redis-tools redis >/dev/null 2>&1 || :
  printf '%s\n' 'pkgname = valkey' 'pkgver = 8.0.1-1' 'pkgdesc = x' 'arch = any' 'size = 1' 'builddate = 1' > package/.PKGINFO
  tar cJf repo/valkey-8.0.1-1-any.pkg.tar.xz -C package .PKGINFO usr
  printf '%s\n' %FILENAME% valkey-8.0.1-1-any.pkg.tar.xz '' %NAME% valkey '' %VERSION% 8.0.1-1 '' %ARCH% any '' > list/valkey-8.0.1-1/desc
  tar czf repo/extra.db -C list valkey-8.0.1-1
  printf '[options]\nArchitecture = auto\nSigLevel = Never\n[extra]\nServer = file:///root/repo\n' > /etc/pacman.conf
";

fn is_installed_by(manager: &str, repository: &str, os_release: &str) {
    need!("apt-get", "dpkg", "unshare", "valkey-cli");
    if !may_unshare() {
        return skip("this user may not install packages on a copy of this machine");
    }
    // Debian's zypper cannot read a database of rpm that is not empty, and so removes nothing.
    let removes = manager != "zypper";
    let mut verbs = "ec-cli-install plan -n; ec-cli-install apply -n; ec-cli-install apply -n;".to_owned();
    if removes {
        verbs.push_str(" ec-cli-install remove -n; [ ! -e /usr/bin/valkey-cli ]; ec-cli-install remove -n");
    }
    let outcome = somewhere(&a_copy(), os_release, &format!("{repository}{verbs}"));
    if outcome.code == 77 {
        return skip(&format!("apt could not load {manager}"));
    }
    let outcome = outcome.ok();
    let documents = outcome.documents();
    let status = |document: &Value| document["cli"]["status"].as_str().unwrap_or_default().to_owned();
    let statuses: Vec<String> = documents.iter().map(status).collect();
    let expected = ["planned", "changed", "unchanged", "changed", "unchanged"];
    assert_eq!(statuses, expected[..if removes { 5 } else { 3 }], "{}", outcome.told());
    assert_eq!(documents[1]["cli"]["changes"][0]["after"]["packages"], json!(["valkey"]), "{}", outcome.told());
    assert_eq!(documents[1]["cli"]["changes"][0]["after"]["manager"], manager, "{}", outcome.told());
    for document in &documents[1..3] {
        assert_eq!(document["cli"]["client"]["tls"]["tls13"], true, "{}", outcome.told());
    }
}

#[test]
fn dnf_is_asked_and_installs_on_what_calls_itself_fedora() {
    is_installed_by("dnf", REPOSITORY, "fedora-42");
}

#[test]
fn zypper_is_asked_and_installs_on_what_calls_itself_opensuse() {
    is_installed_by("zypper", REPOSITORY, "opensuse-tumbleweed");
}

#[test]
fn pacman_loads_its_lists_first_and_installs_on_what_calls_itself_arch() {
    is_installed_by("pacman", REPOSITORY_OF_PACMAN, "arch");
}
