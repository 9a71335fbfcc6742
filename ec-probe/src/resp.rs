//! RESP, the protocol of Valkey and Redis OSS: bytes to values, without I/O.
//!
//! The bytes come from a server that nobody vouches for, so the reader has hard limits and no recursion: a reply ends
//! at 1 MiB, 32 levels or a million elements, and a header that promises more is enough to end it.

use std::fmt;

use crate::limits::{REPLY_BYTES, REPLY_ELEMENTS, REPLY_LEVELS};

/// A reply. Out-of-band data (pushes, attributes) is read over; what RESP2 and RESP3 tell apart and no question of this
/// tool does (simple, bulk and verbatim strings, doubles and big numbers; arrays and sets) is one variant.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Value {
    /// Any kind of string, or a number that `i64` cannot hold.
    Text(Vec<u8>),
    /// An error: `WRONGPASS invalid username-password pair …`.
    Error(Vec<u8>),
    /// An integer.
    Integer(i64),
    /// A boolean.
    Boolean(bool),
    /// Nothing.
    Null,
    /// An array or a set.
    List(Vec<Self>),
    /// A map, in the order of the wire.
    Map(Vec<(Self, Self)>),
}

impl Value {
    /// The text of a string; `None` for anything else.
    pub fn text(&self) -> Option<String> {
        match self {
            Self::Text(bytes) => Some(String::from_utf8_lossy(bytes).into_owned()),
            _ => None,
        }
    }

    /// What a map, or a list of alternating names and values as RESP2 has it, holds under `name`.
    pub fn field(&self, name: &str) -> Option<&Self> {
        let is_name = |key: &Self| matches!(key, Self::Text(text) if text == name.as_bytes());
        match self {
            Self::Map(pairs) => pairs.iter().find(|(key, _)| is_name(key)).map(|(_, value)| value),
            Self::List(items) => items.chunks_exact(2).find(|pair| is_name(&pair[0])).map(|pair| &pair[1]),
            _ => None,
        }
    }
}

/// Why bytes are no reply.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Malformed {
    /// They are not RESP.
    NotResp,
    /// They are, or promise to be, more than a reply may be.
    TooLarge(Excess),
}

/// Which limit a reply exceeds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Excess {
    /// [`REPLY_BYTES`].
    Bytes,
    /// [`REPLY_LEVELS`].
    Levels,
    /// [`REPLY_ELEMENTS`].
    Elements,
}

impl fmt::Display for Excess {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Bytes => write!(f, "more than {REPLY_BYTES} bytes"),
            Self::Levels => write!(f, "more than {REPLY_LEVELS} levels"),
            Self::Elements => write!(f, "more than {REPLY_ELEMENTS} elements"),
        }
    }
}

/// A command as servers take it: an array of bulk strings.
pub fn command(words: &[&[u8]]) -> Vec<u8> {
    let mut bytes = format!("*{}\r\n", words.len()).into_bytes();
    for word in words {
        bytes.extend_from_slice(format!("${}\r\n", word.len()).as_bytes());
        bytes.extend_from_slice(word);
        bytes.extend_from_slice(b"\r\n");
    }
    bytes
}

/// Reads replies from bytes that arrive in any portions.
#[derive(Debug, Default)]
pub struct Reader {
    buffer: Vec<u8>,
    /// How much of the buffer has been read as tokens of the reply under way.
    at: usize,
    /// How much of the buffer is known to hold no line end.
    searched: usize,
    open: Vec<Frame>,
    elements: usize,
}

/// A list or map that is not complete yet.
#[derive(Debug)]
struct Frame {
    kind: Kind,
    missing: usize,
    items: Vec<Value>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    List,
    Map,
    Push,
    Attribute,
}

enum Token {
    Whole(Value),
    Opens(Kind, usize),
}

impl Reader {
    /// Takes bytes in.
    pub fn feed(&mut self, bytes: &[u8]) {
        self.buffer.extend_from_slice(bytes);
    }

    /// The bytes of the reply under way.
    pub fn pending(&self) -> &[u8] {
        &self.buffer
    }

    /// The next whole reply; `None` until enough bytes are there.
    ///
    /// # Errors
    /// If the bytes are no RESP, or too many. There is no going on after that.
    pub fn reply(&mut self) -> Result<Option<Value>, Malformed> {
        while let Some(token) = self.token()? {
            let value = match token {
                Token::Whole(value) => value,
                Token::Opens(kind, count) => {
                    self.elements = self.elements.saturating_add(count);
                    if self.elements > REPLY_ELEMENTS {
                        return Err(Malformed::TooLarge(Excess::Elements));
                    }
                    if self.open.len() == REPLY_LEVELS {
                        return Err(Malformed::TooLarge(Excess::Levels));
                    }
                    self.open.push(Frame { kind, missing: count, items: Vec::new() });
                    match self.close() {
                        Some(value) => value,
                        None => continue,
                    }
                }
            };
            if let Some(reply) = self.place(value) {
                self.buffer.drain(..self.at);
                (self.at, self.searched, self.elements) = (0, 0, 0);
                return Ok(Some(reply));
            }
        }
        Ok(None)
    }

    /// Puts a complete value where it belongs; gives it back if it is a whole reply.
    fn place(&mut self, mut value: Value) -> Option<Value> {
        loop {
            let Some(frame) = self.open.last_mut() else { return Some(value) };
            frame.missing -= 1;
            frame.items.push(value);
            value = self.close()?;
        }
    }

    /// Takes the innermost list off if it is complete. Out-of-band data is dropped with it, and is no value.
    fn close(&mut self) -> Option<Value> {
        let frame = self.open.pop_if(|frame| frame.missing == 0)?;
        match frame.kind {
            Kind::List => Some(Value::List(frame.items)),
            Kind::Map => {
                let mut items = frame.items.into_iter();
                let mut pairs = Vec::with_capacity(items.len() / 2);
                while let (Some(name), Some(value)) = (items.next(), items.next()) {
                    pairs.push((name, value));
                }
                Some(Value::Map(pairs))
            }
            Kind::Push | Kind::Attribute => None,
        }
    }

    fn token(&mut self) -> Result<Option<Token>, Malformed> {
        let Some(&kind) = self.buffer.get(self.at) else { return Ok(None) };
        if !b"+-:$*_#,(!=%~>|".contains(&kind) {
            return Err(Malformed::NotResp);
        }
        let Some(end) = self.line_end()? else { return Ok(None) };
        let line = &self.buffer[self.at + 1..end];
        let next = end + 2;
        let token = match kind {
            b'+' | b',' | b'(' => Token::Whole(Value::Text(line.to_vec())),
            b'-' => Token::Whole(Value::Error(line.to_vec())),
            b':' => Token::Whole(integer(line).map(Value::Integer).ok_or(Malformed::NotResp)?),
            b'_' if line.is_empty() => Token::Whole(Value::Null),
            b'#' if line == b"t" || line == b"f" => Token::Whole(Value::Boolean(line == b"t")),
            b'$' | b'*' if line == b"-1" => Token::Whole(Value::Null),
            b'$' | b'!' | b'=' => {
                let length = length(line)?;
                let whole = length.saturating_add(next + 2);
                if whole > REPLY_BYTES {
                    return Err(Malformed::TooLarge(Excess::Bytes));
                }
                let Some(bulk) = self.buffer.get(next..whole) else { return Ok(None) };
                let Some(bytes) = bulk.strip_suffix(b"\r\n") else { return Err(Malformed::NotResp) };
                let value = match kind {
                    b'!' => Value::Error(bytes.to_vec()),
                    // A verbatim string begins with its format: `txt:`.
                    b'=' => Value::Text(bytes.get(4..).ok_or(Malformed::NotResp)?.to_vec()),
                    _ => Value::Text(bytes.to_vec()),
                };
                self.at = whole;
                return Ok(Some(Token::Whole(value)));
            }
            b'*' | b'~' => Token::Opens(Kind::List, length(line)?),
            b'>' => Token::Opens(Kind::Push, length(line)?),
            b'%' => Token::Opens(Kind::Map, length(line)?.saturating_mul(2)),
            b'|' => Token::Opens(Kind::Attribute, length(line)?.saturating_mul(2)),
            _ => return Err(Malformed::NotResp),
        };
        self.at = next;
        Ok(Some(token))
    }

    /// Where the line that starts at `at` ends, if its end is there.
    fn line_end(&mut self) -> Result<Option<usize>, Malformed> {
        let from = self.searched.max(self.at);
        let newline = self.buffer[from..].iter().position(|&byte| byte == b'\n').map(|offset| from + offset);
        let end = newline.map_or(self.buffer.len(), |newline| newline + 1);
        if end > REPLY_BYTES {
            return Err(Malformed::TooLarge(Excess::Bytes));
        }
        let Some(newline) = newline else {
            self.searched = self.buffer.len();
            return Ok(None);
        };
        if newline > self.at + 1 && self.buffer[newline - 1] == b'\r' {
            Ok(Some(newline - 1))
        } else {
            Err(Malformed::NotResp)
        }
    }
}

fn integer(line: &[u8]) -> Option<i64> {
    std::str::from_utf8(line).ok()?.parse().ok()
}

fn length(line: &[u8]) -> Result<usize, Malformed> {
    if line.is_empty() || !line.iter().all(u8::is_ascii_digit) {
        return Err(Malformed::NotResp);
    }
    // A number with too many digits for `usize` is still a length, if an absurd one.
    Ok(std::str::from_utf8(line).ok().and_then(|line| line.parse().ok()).unwrap_or(usize::MAX))
}

#[cfg(test)]
pub(crate) mod tests {
    use proptest::prelude::*;

    use super::*;

    /// One way to write a value down.
    fn print(value: &Value, out: &mut Vec<u8>) {
        let bulk = |kind: char, bytes: &[u8], out: &mut Vec<u8>| {
            out.extend_from_slice(format!("{kind}{}\r\n", bytes.len()).as_bytes());
            out.extend_from_slice(bytes);
            out.extend_from_slice(b"\r\n");
        };
        match value {
            Value::Text(bytes) => bulk('$', bytes, out),
            Value::Error(bytes) => bulk('!', bytes, out),
            Value::Integer(number) => out.extend_from_slice(format!(":{number}\r\n").as_bytes()),
            Value::Boolean(yes) => out.extend_from_slice(if *yes { b"#t\r\n" } else { b"#f\r\n" }),
            Value::Null => out.extend_from_slice(b"_\r\n"),
            Value::List(items) => {
                out.extend_from_slice(format!("*{}\r\n", items.len()).as_bytes());
                for item in items {
                    print(item, out);
                }
            }
            Value::Map(pairs) => {
                out.extend_from_slice(format!("%{}\r\n", pairs.len()).as_bytes());
                for (name, value) in pairs {
                    print(name, out);
                    print(value, out);
                }
            }
        }
    }

    pub(crate) fn value() -> impl Strategy<Value = Value> {
        let bytes = || prop::collection::vec(any::<u8>(), 0..20);
        let leaf = prop_oneof![
            bytes().prop_map(Value::Text),
            bytes().prop_map(Value::Error),
            any::<i64>().prop_map(Value::Integer),
            any::<bool>().prop_map(Value::Boolean),
            Just(Value::Null),
        ];
        leaf.prop_recursive(5, 64, 6, |inner| {
            prop_oneof![
                prop::collection::vec(inner.clone(), 0..6).prop_map(Value::List),
                prop::collection::vec((inner.clone(), inner), 0..4).prop_map(Value::Map),
            ]
        })
    }

    /// Everything that comes out of bytes that come in as these portions.
    pub(crate) fn read(portions: &[&[u8]]) -> (Vec<Value>, Option<Malformed>) {
        let (mut reader, mut replies) = (Reader::default(), Vec::new());
        for portion in portions {
            reader.feed(portion);
            loop {
                match reader.reply() {
                    Ok(Some(reply)) => replies.push(reply),
                    Ok(None) => break,
                    Err(malformed) => return (replies, Some(malformed)),
                }
            }
        }
        (replies, None)
    }

    fn one(bytes: &[u8]) -> Result<Option<Value>, Malformed> {
        let mut reader = Reader::default();
        reader.feed(bytes);
        reader.reply()
    }

    /// Bytes that look like RESP often enough to get far.
    fn nearly_resp() -> impl Strategy<Value = Vec<u8>> {
        let piece = prop_oneof![
            value().prop_map(|value| {
                let mut out = Vec::new();
                print(&value, &mut out);
                out
            }),
            "[-+:$*_#,(!=%~>|][0-9a-z]{0,12}\r?\n".prop_map(String::into_bytes),
            prop::collection::vec(any::<u8>(), 0..8),
        ];
        prop::collection::vec(piece, 0..6).prop_map(|pieces| pieces.concat())
    }

    proptest! {
        #[test]
        fn what_is_printed_is_read_back(values in prop::collection::vec(value(), 0..4)) {
            let mut bytes = Vec::new();
            for value in &values {
                print(value, &mut bytes);
            }
            prop_assert_eq!(read(&[&bytes]), (values, None));
        }

        #[test]
        fn the_portions_in_which_bytes_arrive_make_no_difference(bytes in nearly_resp(), size in 1_usize..9) {
            let portions: Vec<&[u8]> = bytes.chunks(size).collect();
            prop_assert_eq!(read(&portions), read(&[&bytes]));
        }

        #[test]
        fn no_bytes_make_it_panic(bytes in prop::collection::vec(any::<u8>(), 0..300)) {
            read(&[&bytes]);
        }
    }

    #[test]
    fn the_other_ways_to_write_a_value_are_read_too() {
        let text = |text: &str| Value::Text(text.as_bytes().to_vec());
        for (bytes, value) in [
            ("+PONG\r\n", text("PONG")),
            ("-ERR no\r\n", Value::Error(b"ERR no".to_vec())),
            ("=8\r\ntxt:PONG\r\n", text("PONG")),
            (",1.5\r\n", text("1.5")),
            ("(340282366920938463463374607431768211456\r\n", text("340282366920938463463374607431768211456")),
            ("$-1\r\n", Value::Null),
            ("*-1\r\n", Value::Null),
            ("~1\r\n:1\r\n", Value::List(vec![Value::Integer(1)])),
            ("|1\r\n+ttl\r\n:9\r\n+PONG\r\n", text("PONG")),
            (">2\r\n+invalidate\r\n*0\r\n+PONG\r\n", text("PONG")),
            ("*2\r\n|1\r\n+ttl\r\n:9\r\n:1\r\n:2\r\n", Value::List(vec![Value::Integer(1), Value::Integer(2)])),
        ] {
            assert_eq!(one(bytes.as_bytes()), Ok(Some(value)), "{bytes}");
        }
    }

    #[test]
    fn the_header_of_a_reply_that_is_too_large_is_enough() {
        assert_eq!(one(b"$1073741824\r\n"), Err(Malformed::TooLarge(Excess::Bytes)));
        assert_eq!(one(b"$99999999999999999999999999\r\n"), Err(Malformed::TooLarge(Excess::Bytes)));
        assert_eq!(one(b"*2147483647\r\n"), Err(Malformed::TooLarge(Excess::Elements)));
        assert_eq!(one(b"%99999999999999999999999999\r\n"), Err(Malformed::TooLarge(Excess::Elements)));
        assert_eq!(one("*1\r\n".repeat(200_000).as_bytes()), Err(Malformed::TooLarge(Excess::Levels)));
        assert_eq!(one(&b"+".repeat(REPLY_BYTES + 1)), Err(Malformed::TooLarge(Excess::Bytes)));
        assert_eq!(one(b"*700000\r\n*700000\r\n"), Err(Malformed::TooLarge(Excess::Elements)));
    }

    #[test]
    fn other_protocols_are_not_resp() {
        for bytes in
            ["HTTP/1.1 400 Bad Request\r\n", "SSH-2.0-OpenSSH\r\n", "ERROR\r\n", "+OK\n", ":x\r\n", "$1\r\nab\r\n"]
        {
            assert_eq!(one(bytes.as_bytes()), Err(Malformed::NotResp), "{bytes}");
        }
    }

    #[test]
    fn a_field_is_found_in_a_map_and_in_a_flat_list() {
        for bytes in ["%1\r\n+mode\r\n+cluster\r\n", "*2\r\n+mode\r\n+cluster\r\n"] {
            let value = one(bytes.as_bytes()).unwrap().unwrap();
            assert_eq!(value.field("mode").and_then(Value::text).as_deref(), Some("cluster"));
            assert_eq!(value.field("role"), None);
        }
    }

    #[test]
    fn a_command_is_an_array_of_bulk_strings() {
        assert_eq!(command(&[b"AUTH", b"", b"a b\r\n"]), b"*3\r\n$4\r\nAUTH\r\n$0\r\n\r\n$5\r\na b\r\n\r\n");
    }
}
