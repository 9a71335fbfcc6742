//! From source: only the client, with TLS.

use super::{Act, Download, Manager, Recipe, Step, quoted};
use crate::plan::Site;
use crate::platform::{Platform, System};
use crate::source::Tarball;

/// The release that a source build takes where no tarball is given.
pub(super) const RELEASE: &str = "9.1.0";
/// Where its tarball is.
pub(super) const RELEASE_URL: &str = "https://github.com/valkey-io/valkey/archive/refs/tags/9.1.0.tar.gz";
/// Its SHA-256, as <https://formulae.brew.sh/api/formula/valkey.json> has it.
pub(super) const RELEASE_SHA256: &str = "7789fe1df257774457bafb4c1d56c9f7020c3879a7f5b4234af9030b2bd82dfd";
/// How many seconds of one core the client takes to build, see [`super::ESTIMATES`].
const CORE_SECONDS: u32 = 19;

/// The release that a source build loads where nothing else is asked for.
pub fn release() -> Download {
    Download { url: RELEASE_URL.to_owned(), sha256: RELEASE_SHA256.to_owned() }
}

/// How to build the client from `tarball`, or from the latest known release.
pub fn from_source(platform: &Platform, tarball: Option<&Tarball>, site: &Site, is_root: bool) -> Recipe {
    let mut recipe = Recipe { reasons: reasons(platform), ..Recipe::default() };
    if !site.has_toolchain {
        match toolchain(platform, is_root) {
            Some(step) => recipe.steps.push(step),
            None => recipe.reasons.push(
                "a build needs make, a C compiler and the headers of OpenSSL; this system's packages of them are not known"
                    .to_owned(),
            ),
        }
    }
    let release = format!("valkey-{RELEASE}");
    let packed = format!("{release}.tar.gz");
    if tarball.is_none() {
        recipe.steps.push(load(platform, &site.origin, &packed));
    }
    let (file, top, sha256) = match tarball {
        Some(tarball) => {
            (tarball.path.display().to_string(), tarball.inside.top.display().to_string(), tarball.sha256.as_str())
        }
        None => (packed, release, site.origin.sha256.as_str()),
    };
    let sum = if platform.id == System::Macos { "shasum -a 256 -c" } else { "sha256sum -c" };
    let sha256_line = quoted(&format!("{sha256}  {file}"));
    let check = Step::typed("check that it is the right one", format!("echo {sha256_line} | {sum}"));
    recipe.steps.push(check.act(Act::Check));
    // make takes what an earlier build has left for its own, whatever it was built with.
    let fresh = format!("{top}-build");
    let unpack = format!("mkdir {0} && tar xf {1} -C {0}", quoted(&fresh), quoted(&file));
    recipe.steps.push(Step::typed("unpack it into a new directory", unpack).takes(21, 1).act(Act::Unpack));
    let top = format!("{fresh}/{top}");
    let mut words = make(site.cores.unwrap_or(1));
    words.splice(1..1, ["-C".to_owned(), top.clone()]);
    let mut build = Step::new("build the client, and only the client, with TLS", &words);
    let cores = site.cores.and_then(|cores| u32::try_from(cores).ok()).unwrap_or(1).max(1);
    if site.cores.is_none() {
        // Of another machine, the number of its cores is known to itself only.
        build.command = build.command.replacen("-j1", "-j\"$(getconf _NPROCESSORS_ONLN)\"", 1);
    }
    recipe.steps.push(build.takes(9, CORE_SECONDS.div_ceil(cores)).act(Act::Build));
    recipe.steps.extend(install(platform, &format!("{top}/src/valkey-cli"), site, is_root));
    if platform.id == System::AmazonLinux2 {
        let words = ["yum", "install", "-y", "gcc", "make", "openssl-devel"];
        recipe.or(
            "openssl-devel 1.0.2 is installed and has to stay: the client then speaks TLS 1.2, and not to public endpoints",
            Step::new("install what a build needs", &words).sudo(!is_root),
        );
    }
    recipe
}

/// What the lines that AWS prints for this system would do.
/// <https://docs.aws.amazon.com/AmazonElastiCache/latest/dg/set-up.html>
fn reasons(platform: &Platform) -> Vec<String> {
    let printed: &[&str] = match platform.id {
        System::AmazonLinux2 => &[
            "the recipe that AWS's page printed ends at tar: its wget saves 7.2.6.tar.gz, and its tar looks for valkey-7.2.6.tar.gz",
            "it builds the server, too, with all that this takes, and puts nothing on the PATH",
            "openssl11-devel instead of openssl-devel: public endpoints want TLS 1.3, which OpenSSL 1.0.2 does not have",
        ],
        _ => &[],
    };
    printed.iter().map(|reason| (*reason).to_owned()).collect()
}

fn load(platform: &Platform, origin: &Download, packed: &str) -> Step {
    // Alpine has the wget of BusyBox, and no curl.
    let words: &[&str] = match platform.id {
        System::Alpine => &["wget", "-O", packed, &origin.url],
        _ => &["curl", "-fsSL", "-o", packed, &origin.url],
    };
    let mut step = Step::new(format!("load the source of Valkey {RELEASE}"), words);
    step.download = Some(origin.clone());
    step.disk_mib = Some(4);
    step.act(Act::Load)
}

fn install(platform: &Platform, built: &str, site: &Site, is_root: bool) -> Vec<Step> {
    let target = site.target.display().to_string();
    let sudo = !is_root && !site.is_writable;
    // The install of macOS knows no -D.
    let (dir, words): (Option<Step>, &[&str]) = match (platform.id, site.target.parent()) {
        (System::Macos, Some(bin)) => {
            let words = ["mkdir", "-p", &bin.display().to_string()];
            (Some(Step::new("make its directory", &words).sudo(sudo)), &["install", "-m", "755", built, &target])
        }
        _ => (None, &["install", "-D", "-m", "755", built, &target]),
    };
    let mut install = Step::new("install it", words).sudo(sudo);
    install.files.push(target.clone());
    install.disk_mib = Some(2);
    dir.into_iter().chain([install]).collect()
}

/// The step that installs what a build needs, on systems where that is known.
pub fn toolchain(platform: &Platform, is_root: bool) -> Option<Step> {
    let manager = Manager::of(platform)?;
    if platform.id == System::Macos {
        // The compiler is Apple's; make finds Homebrew's OpenSSL by itself.
        let purpose = "install what a build needs; the first command opens a window";
        return Some(Step::typed(purpose, "xcode-select --install; brew install openssl@3".to_owned()));
    }
    let packages: &[&str] = match (platform.id, manager) {
        (System::AmazonLinux2, _) => &["gcc", "make", "openssl11-devel"],
        (_, Manager::Apt) => {
            // Nothing needs the answer of a question here.
            let words =
                ["apt-get", "install", "-y", "--no-install-recommends", "gcc", "make", "libc6-dev", "libssl-dev"];
            let step = Step::new("install what a build needs", &words).sudo(!is_root);
            return Some(Step { disk_mib: Some(240), ..step });
        }
        (_, Manager::Zypper) => &["gcc", "make", "libopenssl-devel"],
        // linux-headers for what the C library of Alpine does not bring.
        (_, Manager::Apk) => &["gcc", "make", "musl-dev", "linux-headers", "openssl-dev"],
        // Arch has the headers in the packages themselves.
        (_, Manager::Pacman) => &["gcc", "make", "openssl"],
        _ => &["gcc", "make", "openssl-devel"],
    };
    Some(Step::new("install what a build needs", &manager.install_all(packages)).sudo(!is_root))
}

/// The command that builds the client, in the directory of the source.
pub fn make(cores: usize) -> Vec<String> {
    ["make", &format!("-j{cores}"), "valkey-cli", "BUILD_TLS=yes", "MALLOC=libc"].map(str::to_owned).to_vec()
}
