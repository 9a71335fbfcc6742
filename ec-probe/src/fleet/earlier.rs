//! What an earlier run has found. Of its output only the places of the documents are kept in memory, by their ids.

use std::collections::HashMap;
use std::fs::File;
use std::io::{BufRead, BufReader};
use std::os::unix::fs::FileExt;
use std::path::Path;

use ec_shared::document::records::Record;
use ec_shared::document::{Document, Status};
use ec_shared::output::Output;
use ec_shared::{Failure, Section, codes};

/// The output of an earlier run, one document a line.
#[derive(Debug)]
pub(super) struct Earlier {
    file: File,
    /// Where the line about an id whose probe was ok begins, and how long it is.
    places: HashMap<String, (u64, usize)>,
}

impl Earlier {
    /// Reads a file. A line that is no document, such as the last of a run that was killed, counts for nothing.
    ///
    /// # Errors
    /// `EC9021` if the file cannot be read.
    pub(super) fn read(path: &Path, output: &Output) -> Result<Self, Failure> {
        let cannot = |error| Failure::new(&codes::READ, format!("cannot read {}", path.display())).because(error);
        let file = File::open(path).map_err(cannot)?;
        let mut source = BufReader::new(&file);
        let (mut line, mut offset, mut torn) = (Vec::new(), 0, 0);
        let mut places = HashMap::new();
        loop {
            line.clear();
            let length = source.read_until(b'\n', &mut line).map_err(cannot)?;
            if length == 0 {
                break;
            }
            match document(&line) {
                Some(document) => {
                    // Of two lines about one id, such as two runs have written into one file, the later one counts.
                    let is_ok = ok_section(&document).is_some();
                    match document.given_id() {
                        Some(id) if is_ok => drop(places.insert(id, (offset, length))),
                        Some(id) => drop(places.remove(&id)),
                        None => {}
                    }
                }
                None => torn += usize::from(!line.trim_ascii().is_empty()),
            }
            offset += length as u64;
        }
        if torn > 0 {
            let are = if torn == 1 { "1 line is no document" } else { &format!("{torn} lines are no documents") };
            output.warn(&format!("{}: {are}, which counts for nothing", path.display()));
        }
        output.detail(&format!("{}: {} documents were ok", path.display(), places.len()));
        Ok(Self { file, places })
    }

    /// What was found about this document, if it was ok.
    pub(super) fn section(&self, of: &Document) -> Option<Section> {
        let (offset, length) = *self.places.get(&of.given_id()?)?;
        let mut line = vec![0; length];
        self.file.read_exact_at(&mut line, offset).ok()?;
        ok_section(&document(&line)?)
    }
}

/// The document of a line.
fn document(line: &[u8]) -> Option<Document> {
    Record::new(line.to_vec()).documents().ok()?.pop()
}

fn ok_section(document: &Document) -> Option<Section> {
    let section = document.read::<Section>("probe").ok()??;
    (section.status == Status::Ok && section.command == "probe").then_some(section)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_is_one_whole_document() {
        const ONE: &str = r#"{"kind":"ec.connection","format_version":"1.0","id":"a"}"#;
        let twice = [ONE, ONE].concat();
        for (line, is_document) in
            [(ONE, true), (&ONE[..50], false), ("", false), (&twice, false), ("oh, no", false), ("{}", false)]
        {
            assert_eq!(document(line.as_bytes()).is_some(), is_document, "{line}");
        }
    }

    #[test]
    fn only_a_probe_that_was_ok_is_not_done_again() {
        let is_ok = |key: &str, command: &str, status: Status| {
            let mut document = Document::empty();
            document.set_section(key, Section::new(command, status));
            ok_section(&document).is_some()
        };
        assert!(is_ok("probe", "probe", Status::Ok));
        for status in [Status::No, Status::Unknown, Status::Error, Status::Skipped] {
            assert!(!is_ok("probe", "probe", status), "{status:?}");
        }
        assert!(!is_ok("probe", "latency", Status::Ok));
        assert!(!is_ok("sg", "probe", Status::Ok));
    }
}
