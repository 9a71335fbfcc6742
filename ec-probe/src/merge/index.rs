//! Which documents there are, and where each stands.

use std::collections::HashMap;
use std::hash::{DefaultHasher, Hash, Hasher};

use ec_shared::document::Document;
use ec_shared::document::records::{Record, Records};
use ec_shared::{Failure, codes};

use super::source::Source;

/// All documents, those of one id together, in the order in which the ids were first seen.
#[derive(Debug, Default)]
pub(super) struct Index {
    sources: Vec<Source>,
    groups: Vec<Vec<Entry>>,
    by_id: HashMap<String, usize>,
}

/// Where a document stands.
#[derive(Clone, Copy, Debug)]
pub(super) struct Entry {
    source: usize,
    offset: u64,
    length: usize,
    /// Which of the documents of its record it is; none for a record that is no document.
    number: Option<usize>,
    /// The hash of its line.
    hash: u64,
}

/// A document, or a record that is none, as it is written.
#[derive(Debug)]
pub(super) struct Line {
    pub(super) document: Option<Document>,
    pub(super) bytes: Vec<u8>,
}

impl Index {
    /// Takes all documents of a source. Gives what is wrong in it; behind bytes that are no JSON nothing more is read.
    ///
    /// # Errors
    /// `EC9021` if a source cannot be read a second time.
    pub(super) fn take(&mut self, source: Source) -> Result<Vec<Failure>, Failure> {
        let mut wrong = Vec::new();
        let ended = self.all(&source, &mut wrong)?;
        wrong.extend(ended);
        self.sources.push(source);
        let of_source = |failure: Failure| {
            let source = self.sources.last().map_or("", |source| &source.name);
            Failure::new(failure.code(), format!("cannot take all of {source}")).because(failure)
        };
        Ok(wrong.into_iter().map(of_source).collect())
    }

    /// Takes records until the end; gives what keeps from reading further.
    fn all(&mut self, source: &Source, wrong: &mut Vec<Failure>) -> Result<Option<Failure>, Failure> {
        let mut records = Records::new(source.reader());
        let mut is_more = true;
        loop {
            match records.take() {
                Ok(Some(record)) => wrong.extend(self.record(&record, source)?),
                Ok(None) if !is_more => return Ok(None),
                Ok(None) => match records.fill() {
                    Ok(more) => is_more = more,
                    Err(failure) => return Ok(Some(failure)),
                },
                Err(failure) => return Ok(Some(failure)),
            }
        }
    }

    /// Takes the documents of a record; gives what is wrong with one that has none.
    fn record(&mut self, record: &Record, source: &Source) -> Result<Option<Failure>, Failure> {
        let entry = Entry {
            source: self.sources.len(),
            offset: record.offset(),
            length: record.bytes().len(),
            number: None,
            hash: 0,
        };
        match record.documents() {
            Ok(documents) => {
                for (number, document) in documents.into_iter().enumerate() {
                    let id = document.given_id();
                    self.enter(Entry { number: Some(number), ..entry }, id, &Line::of(document).bytes, source)?;
                }
                Ok(None)
            }
            Err(failure) => {
                let mut line = Vec::new();
                record.write_line(&mut line);
                self.enter(entry, None, &line, source)?;
                Ok(Some(failure))
            }
        }
    }

    /// Puts an entry to those of its id, unless the same is there. What has no id goes by its line.
    fn enter(&mut self, entry: Entry, id: Option<String>, line: &[u8], source: &Source) -> Result<(), Failure> {
        let mut hasher = DefaultHasher::new();
        line.hash(&mut hasher);
        let entry = Entry { hash: hasher.finish(), ..entry };
        // No id holds a line feed and ends in one.
        let id = id.unwrap_or_else(|| String::from_utf8_lossy(line).into_owned());
        let group = *self.by_id.entry(id).or_insert(self.groups.len());
        if group == self.groups.len() {
            self.groups.push(Vec::new());
        }
        for other in self.groups[group].iter().filter(|other| other.hash == entry.hash) {
            let from = self.sources.get(other.source).unwrap_or(source);
            if other.line(from)?.bytes == line {
                return Ok(());
            }
        }
        self.groups[group].push(entry);
        Ok(())
    }

    /// The entries, those of one id together.
    pub(super) fn groups(&self) -> impl Iterator<Item = &[Entry]> {
        self.groups.iter().map(Vec::as_slice)
    }

    /// Reads what stands at an entry.
    ///
    /// # Errors
    /// `EC9021` if it is not there any more.
    pub(super) fn read(&self, entry: &Entry) -> Result<Line, Failure> {
        entry.line(&self.sources[entry.source])
    }
}

impl Entry {
    fn line(&self, source: &Source) -> Result<Line, Failure> {
        let record = Record::new(source.at(self.offset, self.length)?);
        let Some(number) = self.number else {
            let mut bytes = Vec::new();
            record.write_line(&mut bytes);
            return Ok(Line { document: None, bytes });
        };
        let document = record.documents().ok().and_then(|documents| documents.into_iter().nth(number));
        document.map(Line::of).ok_or_else(|| {
            Failure::new(&codes::READ, format!("cannot read {} again", source.name)).because("it has changed")
        })
    }
}

impl Line {
    fn of(document: Document) -> Self {
        let mut bytes = Vec::new();
        document.write_line(&mut bytes);
        Self { document: Some(document), bytes }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The lines of the merged sources, and what is wrong with them.
    fn merged(sources: &[&str]) -> (Vec<String>, Vec<&'static str>) {
        let mut index = Index::default();
        let mut wrong = Vec::new();
        for text in sources {
            let failures = index.take(Source::kept("a file", text.as_bytes().to_vec())).unwrap();
            wrong.extend(failures.iter().map(|failure| failure.code().id));
        }
        let text = |entry| String::from_utf8(index.read(entry).unwrap().bytes).unwrap();
        (index.groups().flatten().map(text).collect(), wrong)
    }

    fn line(id: &str, n: u32) -> String {
        format!("{{\"kind\":\"ec.connection\",\"format_version\":\"1.0\",\"id\":\"{id}\",\"n\":{n}.10}}\n")
    }

    #[test]
    fn documents_of_one_id_stand_together_in_the_order_in_which_they_came() {
        let (first, second) = ([line("a", 1), line("b", 1)].concat(), [line("c", 2), line("a", 2)].concat());
        let expected = [line("a", 1), line("a", 2), line("b", 1), line("c", 2)];
        assert_eq!(merged(&[&first, &second]), (expected.to_vec(), vec![]));
    }

    #[test]
    fn the_same_result_twice_stands_once_and_nothing_else_is_lost() {
        let (one, other) = ([line("a", 1), line("a", 2)].concat(), line("a", 1).replace(",\"n\"", " , \"n\""));
        assert_eq!(merged(&[&one, &other, &line("a", 1)]).0, [line("a", 1), line("a", 2)]);
    }

    #[test]
    fn what_has_no_id_stands_for_itself() {
        let nameless = line("a", 1).replace("\"id\":\"a\",", "");
        assert_eq!(merged(&[&nameless, &line("a", 1), &nameless]).0, [nameless.clone(), line("a", 1)]);
    }

    #[test]
    fn a_line_that_is_cut_off_is_told_and_so_is_a_record_that_is_no_document_which_stays() {
        let torn = [&line("a", 1), "{\"x\":1.10}\n", &line("b", 1)[..30]].concat();
        let expected = [line("a", 1), "{\"x\":1.10}\n".to_owned(), line("c", 1)];
        assert_eq!(merged(&[&torn, &line("c", 1)]), (expected.to_vec(), vec!["EC9004", "EC9002"]));
    }
}
