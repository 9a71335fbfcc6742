//! Reads a stream of JSON records: any number, separated by white space or by nothing, with memory for one of them.

use std::io::{ErrorKind, Read};

use memchr::{memchr_iter, memchr2, memrchr};

use crate::codes;
use crate::document::check::{self, TWICE};
use crate::document::{Document, KIND, plain};
use crate::door;
use crate::failure::Failure;

/// The largest single record.
pub const LARGEST: usize = 64 << 20;
const CHUNK: usize = 64 << 10;

/// A stream of records. Take what is buffered with [`take`](Self::take), then [`fill`](Self::fill): whoever writes
/// answers can so flush them before waiting for more input.
#[derive(Debug)]
pub struct Records<R> {
    source: R,
    buffer: Vec<u8>,
    /// Where the unread bytes begin in `buffer`.
    start: usize,
    scan: Scan,
    /// Line of `buffer[start]`, from 1, its column, and how many bytes of the source come before it.
    line: usize,
    column: usize,
    offset: u64,
    begun: bool,
    ended: bool,
}

/// How far the record that begins at `start` has been looked at.
#[derive(Clone, Copy, Debug, Default)]
struct Scan {
    at: usize,
    depth: usize,
    in_string: bool,
}

/// One record as it came in.
#[derive(Clone, Debug)]
pub struct Record {
    bytes: Vec<u8>,
    line: usize,
    column: usize,
    offset: u64,
}

impl<R: Read> Records<R> {
    /// A stream of the records in `source`.
    pub fn new(source: R) -> Self {
        Self {
            source,
            buffer: Vec::new(),
            start: 0,
            scan: Scan::default(),
            line: 1,
            column: 1,
            offset: 0,
            begun: false,
            ended: false,
        }
    }

    /// Reads more of the source; false at its end.
    ///
    /// # Errors
    /// `EC9021` if the source cannot be read, `EC9007` if one record outgrows [`LARGEST`], `EC9010` for UTF-16.
    pub fn fill(&mut self) -> Result<bool, Failure> {
        if self.buffer.len() - self.start > LARGEST {
            return Err(Failure::new(&codes::TOO_LARGE, "cannot read a document of more than 64 MiB")
                .at(self.line, self.column)
                .hint("write one document a line; a stream may be of any length"));
        }
        self.buffer.drain(..self.start);
        self.start = 0;
        let kept = self.buffer.len();
        self.buffer.resize(kept + CHUNK, 0);
        let read = loop {
            match self.source.read(&mut self.buffer[kept..]) {
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                result => break result,
            }
        };
        let count = read.map_err(|error| Failure::new(&codes::READ, "cannot read stdin").because(error))?;
        self.buffer.truncate(kept + count);
        if !self.begun && self.buffer.len() >= 3 || count == 0 {
            self.begin()?;
        }
        self.ended = count == 0;
        Ok(!self.ended)
    }

    /// At the very start: takes a byte order mark off, and recognises UTF-16.
    fn begin(&mut self) -> Result<(), Failure> {
        if self.begun {
            return Ok(());
        }
        self.begun = true;
        let head = &self.buffer[..self.buffer.len().min(4)];
        if head.starts_with(&[0xFF, 0xFE])
            || head.starts_with(&[0xFE, 0xFF])
            || head.get(..2).is_some_and(|two| two.contains(&0))
        {
            return Err(Failure::new(&codes::NOT_UTF8, "cannot read stdin: it looks like UTF-16")
                .hint("write UTF-8, or convert with `iconv -f UTF-16 -t UTF-8`"));
        }
        if head.starts_with(&[0xEF, 0xBB, 0xBF]) {
            (self.start, self.offset) = (3, 3);
        }
        Ok(())
    }

    /// The next record that is wholly buffered.
    ///
    /// # Errors
    /// `EC9001` for bytes that begin no object or array, `EC9002` at the end of a source that stops in a record.
    pub fn take(&mut self) -> Result<Option<Record>, Failure> {
        if !self.begun && !self.ended {
            return Ok(None);
        }
        if self.scan.at == 0 {
            self.skip_white_space();
            match self.buffer.get(self.start) {
                None => return Ok(None),
                Some(b'{' | b'[') => {}
                Some(_) => return Err(self.no_record()),
            }
        }
        if !self.scan_to_end() {
            return if self.ended { Err(self.cut_off()) } else { Ok(None) };
        }
        let end = self.start + self.scan.at;
        let record = self.record(end);
        self.advance(end);
        self.scan = Scan::default();
        Ok(Some(record))
    }

    /// Moves `scan.at` to behind the bracket that closes the record; false if it is not buffered yet.
    fn scan_to_end(&mut self) -> bool {
        let Scan { mut at, mut depth, mut in_string } = self.scan;
        let bytes = &self.buffer[self.start..];
        let mut complete = false;
        while at < bytes.len() && !complete {
            if in_string {
                match memchr2(b'"', b'\\', &bytes[at..]) {
                    None => at = bytes.len(),
                    Some(found) if bytes[at + found] == b'"' => {
                        in_string = false;
                        at += found + 1;
                    }
                    // An escape whose second byte is not here yet is looked at again with more input.
                    Some(found) if at + found + 1 == bytes.len() => {
                        at += found;
                        break;
                    }
                    Some(found) => at += found + 2,
                }
                continue;
            }
            match bytes[at] {
                b'"' => in_string = true,
                b'{' | b'[' => depth += 1,
                b'}' | b']' => depth -= 1,
                _ => {}
            }
            at += 1;
            complete = depth == 0;
        }
        self.scan = Scan { at, depth, in_string };
        complete
    }

    fn skip_white_space(&mut self) {
        let white = self.buffer[self.start..].iter().take_while(|byte| matches!(byte, b' ' | b'\t' | b'\n' | b'\r'));
        let end = self.start + white.count();
        self.advance(end);
    }

    fn advance(&mut self, end: usize) {
        let (lines, column) = measure(&self.buffer[self.start..end]);
        self.column = if lines == 0 { self.column + column } else { column + 1 };
        self.line += lines;
        self.offset += (end - self.start) as u64;
        self.start = end;
    }

    fn record(&self, end: usize) -> Record {
        let Self { line, column, offset, .. } = *self;
        Record { bytes: self.buffer[self.start..end].to_vec(), line, column, offset }
    }

    fn no_record(&self) -> Failure {
        let rest = &self.buffer[self.start..];
        let line = rest.split(|byte| *byte == b'\n').next().unwrap_or_default();
        let what = sentence(line).map_or_else(String::new, |excerpt| format!(" from `{excerpt}`"));
        Failure::new(&codes::SYNTAX, format!("cannot read a document{what}"))
            .because("a document begins with `{`")
            .at(self.line, self.column)
            .hint("the command before the pipe must print JSON on stdout and everything else on stderr")
    }

    fn cut_off(&self) -> Failure {
        // Text that is wrong already is told as wrong, not as cut off.
        let rest = &self.buffer[self.start..];
        if let Err(error) = check::members(rest)
            && !error.is_eof()
        {
            return self.record(self.buffer.len()).failure(&error);
        }
        Failure::new(&codes::TRUNCATED, "the input ends in the middle of a document")
            .at(self.line, self.column)
            .hint("did the command before the pipe fail? run it alone and look at its exit code")
    }
}

/// Line feeds in `bytes`, and the number of bytes behind the last.
fn measure(bytes: &[u8]) -> (usize, usize) {
    let column = memrchr(b'\n', bytes).map_or(bytes.len(), |last| bytes.len() - last - 1);
    (memchr_iter(b'\n', bytes).count(), column)
}

impl Record {
    /// The record that these bytes are, as far as is known before they are looked at.
    pub fn new(bytes: Vec<u8>) -> Self {
        Self { bytes, line: 1, column: 1, offset: 0 }
    }

    /// The documents in this record: itself, or one per cache if it is AWS CLI output.
    ///
    /// # Errors
    /// `EC9001`, `EC9006` with line and column; `EC9004` for another kind of record, `EC9005` for a later format.
    pub fn documents(&self) -> Result<Vec<Document>, Failure> {
        let members = check::members(&self.bytes).map_err(|error| self.failure(&error))?;
        let document = Document::from_members(members);
        match self.kind_and_version(&document)? {
            Kind::Connection => Ok(vec![document]),
            Kind::Other => door::documents(&document).unwrap_or_else(|| {
                Err(Failure::new(&codes::NOT_A_DOCUMENT, "cannot take a record that has no `kind`")
                    .at(self.line, self.column)
                    .hint("begin with `ec-sg find`, or with `aws elasticache describe-serverless-caches`"))
            }),
        }
    }

    /// The bytes of the record, as they came in.
    pub fn bytes(&self) -> &[u8] {
        &self.bytes
    }

    /// How many bytes of the input come before the record.
    pub fn offset(&self) -> u64 {
        self.offset
    }

    /// Line and column of the input at which the record begins, from 1.
    pub fn place(&self) -> (usize, usize) {
        (self.line, self.column)
    }

    /// The record on one line, as it came in. Nothing that could be read gets lost.
    pub fn write_line(&self, out: &mut Vec<u8>) {
        super::minify(&self.bytes, out);
        out.push(b'\n');
    }

    fn kind_and_version(&self, document: &Document) -> Result<Kind, Failure> {
        let text = |key| document.raw(key).and_then(|raw| serde_json::from_str::<String>(raw.get()).ok());
        match text("kind") {
            None => return Ok(Kind::Other),
            Some(kind) if kind == KIND => {}
            Some(kind) => {
                return Err(Failure::new(&codes::NOT_A_DOCUMENT, format!("cannot take a record of kind `{kind}`"))
                    .because(format!("this tool reads `{KIND}`"))
                    .at(self.line, self.column)
                    .hint("is the order of the commands in the pipe right?"));
            }
        }
        let version = text("format_version").unwrap_or_default();
        if version != "1" && !version.starts_with("1.") {
            return Err(Failure::new(&codes::VERSION, format!("cannot read format_version `{version}`"))
                .because("this tool reads 1.x")
                .at(self.line, self.column)
                .hint("use the version of the tools that wrote the document"));
        }
        Ok(Kind::Connection)
    }

    fn failure(&self, error: &serde_json::Error) -> Failure {
        // serde_json counts from the record's own first line.
        let line = self.line + error.line().saturating_sub(1);
        let column = if error.line() == 1 { self.column - 1 + error.column() } else { error.column() };
        let why = plain(error);
        let (code, hint) = if why.starts_with(TWICE) {
            (&codes::DUPLICATE_NAME, "remove one of the two: programs disagree on which one counts")
        } else if self.bytes.first() == Some(&b'[') {
            let what = Failure::new(&codes::NOT_A_DOCUMENT, "cannot take an array for a document");
            return what.at(self.line, self.column).hint("take it apart with `jq -c '.[]'`");
        } else {
            (&codes::SYNTAX, "look at what the command before the pipe printed")
        };
        Failure::new(code, "cannot read a document").because(why).at(line, column.max(1)).hint(hint)
    }
}

enum Kind {
    Connection,
    Other,
}

/// The beginning of a line that is a sentence, such as the error of a command that failed before the pipe. Anything else
/// may be a secret that went into the wrong program, and is not shown.
fn sentence(line: &[u8]) -> Option<String> {
    const LONGEST_WORD: usize = 20;
    let text = String::from_utf8_lossy(&line[..line.len().min(40)]);
    let mut words = text.split_whitespace();
    let is_sentence = words.clone().count() > 1 && words.all(|word| word.len() <= LONGEST_WORD);
    is_sentence.then(|| text.escape_debug().to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A source that hands out its bytes a few at a time.
    struct Drip<'a>(&'a [u8], usize);

    impl Read for Drip<'_> {
        fn read(&mut self, buffer: &mut [u8]) -> std::io::Result<usize> {
            let count = self.1.min(self.0.len()).min(buffer.len());
            buffer[..count].copy_from_slice(&self.0[..count]);
            self.0 = &self.0[count..];
            Ok(count)
        }
    }

    fn read(input: &[u8], step: usize) -> (Vec<String>, Option<Failure>) {
        let mut records = Records::new(Drip(input, step));
        let mut lines = Vec::new();
        loop {
            match records.take() {
                Ok(Some(record)) => {
                    let mut line = Vec::new();
                    record.write_line(&mut line);
                    lines.push(String::from_utf8(line).unwrap());
                }
                Ok(None) if records.ended => return (lines, None),
                Ok(None) => {
                    if let Err(failure) = records.fill() {
                        return (lines, Some(failure));
                    }
                }
                Err(failure) => return (lines, Some(failure)),
            }
        }
    }

    #[test]
    fn records_are_found_however_they_are_separated_and_however_they_arrive() {
        let input = b"\xEF\xBB\xBF{\"a\":\"}\\\"{\"}\r\n{ \"b\" : [1,\n 2] }{\"c\":{}} \n";
        for step in 1..=input.len() {
            let (lines, failure) = read(input, step);
            assert_eq!(lines, ["{\"a\":\"}\\\"{\"}\n", "{\"b\":[1,2]}\n", "{\"c\":{}}\n"], "step {step}");
            assert!(failure.is_none());
        }
    }

    #[test]
    fn a_record_can_be_found_again_by_its_offset_and_length() {
        let input: &[u8] = b"\xEF\xBB\xBF \n{\"a\":1} {\"b\":[\n1]}\r\n\n{}";
        for step in 1..=input.len() {
            let mut records = Records::new(Drip(input, step));
            let mut found = 0;
            while !records.ended {
                records.fill().unwrap();
                while let Some(record) = records.take().unwrap() {
                    let offset = usize::try_from(record.offset()).unwrap();
                    assert_eq!(&input[offset..offset + record.bytes().len()], record.bytes(), "step {step}");
                    found += 1;
                }
            }
            assert_eq!(found, 3);
        }
    }

    #[test]
    fn what_came_before_a_fault_is_read_and_the_fault_is_told_with_its_place() {
        let (lines, failure) = read(b"{\"a\":1}\n  An error occurred", 100);
        assert_eq!(lines.len(), 1);
        assert_eq!(
            failure.unwrap().to_string(),
            "cannot read a document from `An error occurred`: a document begins with `{` at line 2 column 3"
        );
    }

    #[test]
    fn what_may_be_a_secret_is_not_shown() {
        for secret in [
            "hunter2",
            "IQoJb3JpZ2luX2VjEXAMPLE//////////wEaCXVzLWVhc3QtMSJHMEUCIQD",
            "AUTH app/?Action=connect&User=app&X-Amz-Sig",
        ] {
            let failure = read(secret.as_bytes(), 100).1.unwrap();
            assert!(failure.to_string().starts_with("cannot read a document: "), "{failure}");
        }
    }

    #[test]
    fn an_input_that_stops_early_is_told_apart_from_one_that_is_wrong() {
        assert_eq!(read(b"{\"a\":[1,", 3).1.unwrap().code().id, "EC9002");
        assert_eq!(read(b"{\"a\":[1,}", 3).1.unwrap().code().id, "EC9001");
        assert_eq!(read(b"{\"a\\", 3).1.unwrap().code().id, "EC9002");
    }

    #[test]
    fn utf_16_is_recognised() {
        assert_eq!(read(b"\xFF\xFE{\0}\0", 100).1.unwrap().code().id, "EC9010");
    }

    fn failure_of(json: &str) -> Failure {
        Record::new(json.into()).documents().unwrap_err()
    }

    #[test]
    fn each_kind_of_wrong_record_has_its_own_code() {
        assert_eq!(failure_of("[1]").code().id, "EC9004");
        assert_eq!(failure_of("{}").code().id, "EC9004");
        assert_eq!(failure_of(r#"{"kind":"ec.sg.plan"}"#).code().id, "EC9004");
        assert_eq!(failure_of(r#"{"kind":"ec.connection","format_version":"2.0"}"#).code().id, "EC9005");
        assert_eq!(failure_of(r#"{"kind":"ec.connection","kind":"x"}"#).code().id, "EC9006");
        let syntax = failure_of("{\"kind\":\"ec.connection\",\n \"x\":tru}");
        assert_eq!(syntax.code().id, "EC9001");
        assert!(syntax.to_string().ends_with("at line 2 column 9"), "{syntax}");
    }
}
