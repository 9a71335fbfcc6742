//! Lines of bounded length, each a secret.

use std::io::{BufRead, BufReader, Read};

use ec_shared::secret::Secret;
use ec_shared::{Failure, codes as shared};

/// The longest line that is read, in bytes. A token with a long session token has about 2000.
pub(super) const LONGEST: usize = 16 << 10;

/// One line, without its line feed.
#[derive(Debug)]
pub(super) enum Line {
    /// Its text.
    Text(Secret),
    /// It is longer than [`LONGEST`], and was passed over.
    TooLong,
    /// It is no text.
    NotUtf8,
}

/// Reads a stream line by line.
#[derive(Debug)]
pub(super) struct Lines<R: Read> {
    reader: BufReader<R>,
}

impl<R: Read> Lines<R> {
    /// Reads from `source`.
    pub(super) fn new(source: R) -> Self {
        Self { reader: BufReader::new(source) }
    }

    /// Whether the beginning of another line is there already.
    pub(super) fn has_more(&self) -> bool {
        !self.reader.buffer().is_empty()
    }

    /// The next line; none at the end.
    ///
    /// # Errors
    /// `EC9021` if the source cannot be read.
    pub(super) fn next(&mut self) -> Result<Option<Line>, Failure> {
        let mut line = Vec::new();
        let mut is_begun = false;
        let mut is_long = false;
        loop {
            let buffer = self
                .reader
                .fill_buf()
                .map_err(|error| Failure::new(&shared::READ, "cannot read tokens from stdin").because(error))?;
            if buffer.is_empty() {
                break;
            }
            is_begun = true;
            let end = buffer.iter().position(|byte| *byte == b'\n');
            let piece = &buffer[..end.unwrap_or(buffer.len())];
            is_long |= line.len() + piece.len() > LONGEST;
            if !is_long {
                line.extend_from_slice(piece);
            }
            let taken = piece.len() + usize::from(end.is_some());
            self.reader.consume(taken);
            if end.is_some() {
                break;
            }
        }
        Ok(match (is_begun, is_long) {
            (false, _) => None,
            (true, true) => Some(Line::TooLong),
            (true, false) => Some(String::from_utf8(line).map_or(Line::NotUtf8, |text| Line::Text(Secret::new(text)))),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn told(source: &[u8]) -> Vec<String> {
        let mut lines = Lines::new(source);
        std::iter::from_fn(|| lines.next().unwrap())
            .map(|line| match line {
                Line::Text(text) => text.expose().to_owned(),
                other => format!("{other:?}"),
            })
            .collect()
    }

    #[test]
    fn lines_end_with_a_line_feed_or_with_the_input() {
        assert_eq!(told(b"a\n\nb\r\nc"), ["a", "", "b\r", "c"]);
        assert_eq!(told(b""), Vec::<String>::new());
    }

    #[test]
    fn what_is_no_line_of_text_is_told_and_the_next_line_is_read() {
        let mut source = vec![b'x'; LONGEST];
        source.extend(b"\n");
        source.extend(vec![b'y'; LONGEST + 1]);
        source.extend(b"\n\xff\nz\n");
        let told = told(&source);
        assert_eq!(told[0].len(), LONGEST);
        assert_eq!(told[1..], ["TooLong", "NotUtf8", "z"]);
    }
}
