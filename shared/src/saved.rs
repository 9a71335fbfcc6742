//! Answers of AWS that were saved: the files below a folder, for the verbs that take `--from-files`.
//!
//! Which files count their ending says, what one is about its top-level key; names and folders mean nothing.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use crate::codes;
use crate::failure::Failure;

/// The files below a folder that have one of the `endings`, in a fixed order.
///
/// # Errors
/// `EC9021` if the folder, or one below it, cannot be read.
pub fn files_below(folder: &Path, endings: &[&str]) -> Result<Vec<PathBuf>, Failure> {
    let mut files = Vec::new();
    let mut folders = vec![folder.to_owned()];
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(&folder).map_err(|error| cannot(&folder, error))? {
            let entry = entry.map_err(|error| cannot(&folder, error))?;
            let path = entry.path();
            // A link to a folder above would never end; a link to a file is read as the file.
            let kind = entry.file_type().map_err(|error| cannot(&path, error))?;
            let has_ending = |end: &std::ffi::OsStr| endings.iter().any(|ending| end.eq_ignore_ascii_case(ending));
            if kind.is_dir() {
                folders.push(path);
            } else if path.extension().is_some_and(has_ending) {
                files.push(path);
            }
        }
    }
    files.sort();
    Ok(files)
}

/// The bytes of a file, without the mark that some editors put in front of UTF-8.
///
/// # Errors
/// `EC9021` if the file cannot be read.
pub fn read(path: &Path) -> Result<Vec<u8>, Failure> {
    let mut bytes = fs::read(path).map_err(|error| cannot(path, error))?;
    if bytes.starts_with(&[0xEF, 0xBB, 0xBF]) {
        bytes.drain(..3);
    }
    Ok(bytes)
}

fn cannot(path: &Path, error: io::Error) -> Failure {
    Failure::new(&codes::READ, format!("cannot read {}", path.display())).because(error)
}
