//! Links the unwinder into the tools, on Linux with glibc.
//!
//! The standard library asks for libgcc_s. A process opens, maps and relocates it at every start, and its constructor
//! executes CPUID, which a virtual machine answers slowly. GCC has the same code as archives, those of
//! `-static-libgcc`; a linker script with the name that the standard library asks for leads to them. Cargo has its
//! directory searched first for everything that depends on this crate.

use std::env::var;
use std::path::PathBuf;
use std::process::Command;
use std::{fs, io};

fn main() -> io::Result<()> {
    println!("cargo:rerun-if-changed=build.rs");
    if is_glibc() && linker().is_some_and(|linker| ["gcc_eh", "gcc"].iter().all(|name| has_archive(&linker, name))) {
        let directory = PathBuf::from(var("OUT_DIR").map_err(io::Error::other)?);
        fs::write(directory.join("libgcc_s.so"), "INPUT(-lgcc_eh -lgcc)\n")?;
        println!("cargo:rustc-link-search=native={}", directory.display());
    }
    Ok(())
}

fn is_glibc() -> bool {
    let is = |name: &str, value: &str| var(name).is_ok_and(|found| found == value);
    is("CARGO_CFG_TARGET_OS", "linux") && is("CARGO_CFG_TARGET_ENV", "gnu")
}

/// What links: what Cargo is configured with, else the compiler of this machine for itself.
fn linker() -> Option<String> {
    let is_native = var("HOST").is_ok_and(|host| var("TARGET").is_ok_and(|target| target == host));
    var("RUSTC_LINKER").ok().or_else(|| is_native.then(|| "cc".to_owned()))
}

/// Whether the linker has the archive: it answers with a path then, else with the bare name.
fn has_archive(linker: &str, name: &str) -> bool {
    let answer = Command::new(linker).arg(format!("-print-file-name=lib{name}.a")).output();
    answer.is_ok_and(|answer| String::from_utf8_lossy(&answer.stdout).trim_end().contains('/'))
}
