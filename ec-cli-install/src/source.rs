//! Builds `valkey-cli`, and nothing else of Valkey, from a tarball: only the client, with TLS, without its own memory
//! allocator, which takes a tenth of the time of building it all.

use std::fmt::Write;
use std::fs::File;
use std::io::{self, Read};
use std::path::{Path, PathBuf};
use std::time::Duration;

use ec_shared::Failure;
use sha2::{Digest, Sha256};

use crate::archive::{self, Inside};
use crate::codes;
use crate::platform::Platform;
use crate::recipe;
use crate::shell::{Job, Ran, Shell};

/// The largest tarball that is read. Valkey's has 4 MB.
pub const LARGEST: u64 = 64 << 20;

/// A tarball that was read, checked and looked through.
#[derive(Clone, Debug)]
pub struct Tarball {
    /// Where it is.
    pub path: PathBuf,
    /// Its SHA-256, in hexadecimal.
    pub sha256: String,
    /// What it is about.
    pub inside: Inside,
    plain: Vec<u8>,
}

impl Tarball {
    /// Reads a tarball. The checksum comes before everything else: what is not what was asked for is not even
    /// decompressed.
    ///
    /// # Errors
    /// `EC9021` if it cannot be read, `EC4021` if it has not the SHA-256 `wanted`, and as [`archive::inspect`].
    pub fn open(shell: &Shell, path: &Path, wanted: Option<&str>) -> Result<Self, Failure> {
        let cannot = |why: &dyn std::fmt::Display| {
            Failure::new(&ec_shared::codes::READ, format!("cannot read {}", path.display()))
                .because(why)
                .hint("check the name of the tarball, and who may read it")
        };
        let packed = read(path).map_err(|error| cannot(&error))?;
        let sha256 = sha256_of(&packed);
        if let Some(wanted) = wanted.filter(|wanted| !wanted.eq_ignore_ascii_case(&sha256)) {
            return Err(Failure::new(&codes::CHECKSUM, format!("will not use {}", path.display()))
                .because(format!("its SHA-256 is {sha256}, not {wanted}"))
                .hint("download it again from a source that you trust"));
        }
        let plain = archive::decompress(shell, &packed).map_err(|failure| failure.because(path.display()))?;
        let inside = archive::inspect(&plain).map_err(|failure| failure.because(path.display()))?;
        Ok(Self { path: path.to_owned(), sha256, inside, plain })
    }

    /// The archive without its compression.
    pub(crate) fn plain(&self) -> &[u8] {
        &self.plain
    }

    #[cfg(test)]
    pub(crate) fn for_tests(path: &str, version: &str) -> Self {
        let inside = Inside { top: format!("valkey-{version}").into(), version: version.to_owned() };
        Self { path: path.into(), sha256: sha256_of(b""), inside, plain: Vec::new() }
    }
}

/// Reads a whole tarball, and nothing that is none: not a device, and not without end.
///
/// # Errors
/// What the operating system says, or why it is not read.
pub fn read(path: &Path) -> io::Result<Vec<u8>> {
    let meta = path.metadata()?;
    if !meta.is_file() {
        return Err(io::Error::other("it is not a file"));
    }
    if meta.len() > LARGEST {
        return Err(io::Error::other(format!("it is larger than {} MiB", LARGEST >> 20)));
    }
    let mut packed = Vec::new();
    File::open(path)?.take(LARGEST).read_to_end(&mut packed)?;
    Ok(packed)
}

/// The SHA-256 of `bytes`, in hexadecimal.
pub fn sha256_of(bytes: &[u8]) -> String {
    Sha256::digest(bytes).iter().fold(String::new(), |mut text, byte| {
        let _ = write!(text, "{byte:02x}");
        text
    })
}

/// What a build needs.
#[derive(Clone, Debug)]
pub struct Toolchain {
    make: PathBuf,
    compiler: PathBuf,
}

impl Toolchain {
    /// Finds what a build needs, and names all that is missing at once.
    ///
    /// # Errors
    /// `EC4031` with the line that installs it.
    pub fn find(shell: &Shell, platform: &Platform, is_root: bool) -> Result<Self, Failure> {
        let make = shell.find("make");
        let compiler = ["cc", "gcc", "clang"].iter().find_map(|name| shell.find(name));
        let mut missing = Vec::new();
        if make.is_none() {
            missing.push("make");
        }
        match &compiler {
            None => missing.push("a C compiler"),
            Some(compiler) if !has_openssl_headers(shell, compiler)? => missing.push("the headers of OpenSSL"),
            Some(_) => {}
        }
        match (make, compiler) {
            (Some(make), Some(compiler)) if missing.is_empty() => Ok(Self { make, compiler }),
            _ => Err(Failure::new(
                &codes::NO_TOOLCHAIN,
                format!("cannot build valkey-cli without {}", missing.join(", ")),
            )
            .hint(recipe::toolchain(platform, is_root).map_or_else(
                || {
                    "install make, a C compiler and the headers of OpenSSL with this system's package manager"
                        .to_owned()
                },
                |step| step.as_typed(),
            ))),
        }
    }
}

fn has_openssl_headers(shell: &Shell, compiler: &Path) -> Result<bool, Failure> {
    let job = Job::new(compiler, ["-E", "-x", "c", "-o", "/dev/null", "-"]).input("#include <openssl/ssl.h>\n");
    Ok(shell.run(&job)?.is_success())
}

/// Builds the client of `tarball` in the empty directory `dir` within `limit`, with `cores` compilers at once. Gives the
/// program, and what make said.
///
/// # Errors
/// `EC4032` if make fails, `EC4035` if it takes too long, and as [`archive::unpack`].
pub fn build(
    shell: &Shell,
    tools: &Toolchain,
    tarball: &Tarball,
    dir: &Path,
    cores: usize,
    limit: Duration,
) -> Result<(PathBuf, Ran), Failure> {
    archive::unpack(&tarball.plain, dir)?;
    let top = dir.join(&tarball.inside.top);
    let mut words: Vec<_> = recipe::make(cores).into_iter().skip(1).collect();
    words.push(format!("CC={}", tools.compiler.display()));
    // Whole command lines instead of coloured names of files: who reads them needs them whole.
    words.push("V=1".to_owned());
    let ran = shell.run(&Job::new(&tools.make, words).dir(&top).limit(limit).keep(1 << 20))?;
    let program = top.join("src/valkey-cli");
    if ran.is_late {
        return Err(Failure::new(&codes::TOO_SLOW, "cannot build valkey-cli")
            .because(format!("make did not end within {} s", limit.as_secs()))
            .hint("is the machine busy? run the same command again"));
    }
    if !ran.is_success() || !program.is_file() {
        return Err(Failure::new(&codes::BUILD_FAILED, format!("cannot build valkey-cli {}", tarball.inside.version))
            .because(format!("make: {}", ran.last_words()))
            .hint("-v shows all that make said; the installed client is untouched"));
    }
    Ok((program, ran))
}
