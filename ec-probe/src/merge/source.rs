//! Where results come from: files that can be read twice, or pipes, which are kept.

use std::fs::File;
use std::io::{self, IsTerminal, Read};
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};

use ec_shared::{Failure, codes};

/// One stream of results.
#[derive(Debug)]
pub(super) struct Source {
    /// As it is called in messages.
    pub(super) name: String,
    content: Content,
}

#[derive(Debug)]
enum Content {
    File(File),
    Kept(Vec<u8>),
}

impl Source {
    /// Opens the files, or stdin if there are none.
    ///
    /// # Errors
    /// `EC9021`; `EC9003` if stdin is a terminal.
    pub(super) fn open(files: &[PathBuf]) -> Result<Vec<Self>, Failure> {
        if files.is_empty() && io::stdin().is_terminal() {
            return Err(Failure::new(&codes::NO_INPUT, "there is nothing to merge: stdin is a terminal")
                .hint("name the files, or pipe what ec-probe has written in"));
        }
        if files.is_empty() {
            return Ok(vec![Self::kept("stdin", whole(io::stdin(), "stdin")?)]);
        }
        files.iter().map(|path| Self::file(path)).collect()
    }

    /// What was read already.
    pub(super) fn kept(name: &str, bytes: Vec<u8>) -> Self {
        Self { name: name.to_owned(), content: Content::Kept(bytes) }
    }

    fn file(path: &Path) -> Result<Self, Failure> {
        let name = path.display().to_string();
        let cannot = |error| Failure::new(&codes::READ, format!("cannot read {name}")).because(error);
        let file = File::open(path).map_err(cannot)?;
        // A pipe, such as the shell's `<(command)`, has only one reading in it.
        let is_file = file.metadata().map_err(cannot)?.is_file();
        if is_file {
            Ok(Self { name, content: Content::File(file) })
        } else {
            Ok(Self::kept(&name, whole(file, &name)?))
        }
    }

    /// Reads it from its beginning, once.
    pub(super) fn reader(&self) -> Box<dyn Read + '_> {
        match &self.content {
            Content::File(file) => Box::new(file),
            Content::Kept(bytes) => Box::new(&bytes[..]),
        }
    }

    /// Reads the bytes at a place.
    ///
    /// # Errors
    /// `EC9021` if they are not there any more.
    pub(super) fn at(&self, offset: u64, length: usize) -> Result<Vec<u8>, Failure> {
        let mut bytes = vec![0; length];
        let read = match &self.content {
            Content::File(file) => file.read_exact_at(&mut bytes, offset),
            Content::Kept(kept) => usize::try_from(offset)
                .ok()
                .and_then(|offset| kept.get(offset..)?.get(..length))
                .map(|found| bytes.copy_from_slice(found))
                .ok_or_else(|| io::ErrorKind::UnexpectedEof.into()),
        };
        let again = |error| Failure::new(&codes::READ, format!("cannot read {} again", self.name)).because(error);
        read.map(|()| bytes).map_err(again)
    }
}

fn whole(mut stream: impl Read, name: &str) -> Result<Vec<u8>, Failure> {
    let mut bytes = Vec::new();
    let read = stream.read_to_end(&mut bytes);
    read.map_err(|error| Failure::new(&codes::READ, format!("cannot read {name}")).because(error))?;
    Ok(bytes)
}
