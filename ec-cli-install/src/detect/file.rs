//! What kind of file has the name of a client, where it cannot be run.

use std::env::consts::ARCH;
use std::fs::{self, File};
use std::io::Read;
use std::path::Path;

use crate::shell::is_program;

/// Why `path` need not be tried.
pub(super) fn problem(path: &Path) -> Option<String> {
    match path.metadata() {
        Err(_) => {
            let to = fs::read_link(path).map(|to| format!(" to {}, which is not there", to.display()));
            Some(to.map_or_else(|error| error.to_string(), |to| format!("it is a link{to}")))
        }
        Ok(meta) if meta.is_dir() => Some("it is a directory".to_owned()),
        Ok(meta) if meta.is_file() && meta.len() == 0 => Some("it is an empty file".to_owned()),
        Ok(_) if !is_program(path) => Some("it is not executable".to_owned()),
        Ok(_) => None,
    }
}

/// Why `path` could not be started, where the file itself tells it.
pub(super) fn why_not(path: &Path) -> Option<String> {
    let mut head = Vec::new();
    File::open(path).ok()?.take(256).read_to_end(&mut head).ok()?;
    if let Some(line) = head.strip_prefix(b"#!") {
        let line = String::from_utf8_lossy(line);
        let interpreter = line.split_whitespace().next().unwrap_or_default().to_owned();
        let is_there = Path::new(&interpreter).exists();
        return (!is_there).then(|| format!("it is a script for {interpreter}, which is not there"));
    }
    match built_for(&head) {
        None => Some("it is no program".to_owned()),
        Some(machine) if machine != ARCH => Some(format!("it is built for {machine}, and this machine is {ARCH}")),
        // Of the right kind: a library or the loader is missing, and the system says so best.
        Some(_) => None,
    }
}

/// The processor that a program is built for, by its first bytes: of ELF (<https://refspecs.linuxfoundation.org/elf/>) or
/// Mach-O.
fn built_for(head: &[u8]) -> Option<&'static str> {
    if head.starts_with(b"\x7fELF") {
        let machine = [*head.get(18)?, *head.get(19)?];
        let is_little = head.get(5) == Some(&1);
        let machine = if is_little { u16::from_le_bytes(machine) } else { u16::from_be_bytes(machine) };
        return Some(match machine {
            3 => "x86",
            21 => "powerpc64",
            22 => "s390x",
            40 => "arm",
            62 => "x86_64",
            183 => "aarch64",
            243 => "riscv64",
            _ => "another processor",
        });
    }
    let magic: [u8; 4] = head.get(..4)?.try_into().ok()?;
    matches!(magic, [0xcf | 0xce, 0xfa, 0xed, 0xfe] | [0xca, 0xfe, 0xba, 0xbe]).then_some("macOS")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn programs_say_in_their_first_bytes_what_they_are_built_for() {
        let elf = |machine: u16| {
            let mut head = b"\x7fELF\x02\x01\x01".to_vec();
            head.resize(18, 0);
            head.extend(machine.to_le_bytes());
            head
        };
        assert_eq!(built_for(&elf(62)), Some("x86_64"));
        assert_eq!(built_for(&elf(183)), Some("aarch64"));
        assert_eq!(built_for(&elf(9999)), Some("another processor"));
        assert_eq!(built_for(&elf(183)[..18]), None);
        assert_eq!(built_for(b"\xcf\xfa\xed\xfe\x07"), Some("macOS"));
        assert_eq!(built_for(b"not a program"), None);
    }
}
