//! Values that never show: not in documents, not in logs, not in `Debug`.

use std::io::Read;
use std::os::unix::fs::{FileTypeExt, MetadataExt};
use std::path::Path;

use secrecy::{ExposeSecret, SecretString};

use crate::codes;
use crate::failure::Failure;

/// The longest secret that is read. AUTH tokens and passwords end at 128 characters; IAM tokens reach about 2 KiB.
const LONGEST: u64 = 64 << 10;

/// A password or token. `Debug` masks it, memory is wiped when it goes, and only [`expose`](Self::expose) shows it.
#[derive(Clone, Debug)]
pub struct Secret(SecretString);

impl Secret {
    /// Takes a value in.
    pub fn new(value: String) -> Self {
        Self(SecretString::from(value))
    }

    /// The value itself, for the one place that must have it.
    pub fn expose(&self) -> &str {
        self.0.expose_secret()
    }

    /// Reads a secret from a file or descriptor (`/dev/fd/3`); one final line end is not part of it.
    ///
    /// # Errors
    /// `EC9023` if a regular file can be read by others, `EC9021` if it cannot be read. Neither names the content.
    pub fn from_file(path: &Path) -> Result<Self, Failure> {
        let cannot = |why: &dyn std::fmt::Display| {
            Failure::new(&codes::READ, format!("cannot read a secret from {}", path.display())).because(why)
        };
        let file = std::fs::File::open(path).map_err(|error| cannot(&error))?;
        let meta = file.metadata().map_err(|error| cannot(&error))?;
        let kind = meta.file_type();
        if kind.is_file() && meta.mode() & 0o077 != 0 {
            return Err(Failure::new(&codes::SECRET_FILE, format!("cannot take a secret from {}", path.display()))
                .because(format!("others may read it (mode {:03o})", meta.mode() & 0o777))
                .hint(format!("chmod 600 {}", path.display())));
        }
        if !(kind.is_file() || kind.is_fifo() || kind.is_char_device() || kind.is_socket()) {
            return Err(cannot(&"it is not a file"));
        }
        let mut text = String::new();
        file.take(LONGEST).read_to_string(&mut text).map_err(|error| cannot(&error))?;
        let end = text.strip_suffix('\n').map_or(text.len(), |line| line.strip_suffix('\r').unwrap_or(line).len());
        text.truncate(end);
        if text.is_empty() {
            return Err(cannot(&"it is empty"));
        }
        Ok(Self::new(text))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn debug_shows_nothing() {
        assert!(!format!("{:?}", Secret::new("hunter2".into())).contains("hunter2"));
    }
}
