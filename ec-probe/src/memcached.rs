//! Memcached's text protocol, as far as `version`, `stats` and auto discovery need it: bytes to values, without I/O.

use crate::limits::{ITEM_BYTES, LINE_BYTES, LINES};

/// A reply.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Reply {
    /// `VERSION 1.6.18`.
    Version(String),
    /// `STAT name value`, as often as there are, and `END`.
    Stats(Vec<(String, String)>),
    /// `CONFIG key flags bytes` or `VALUE key flags bytes`, that many bytes, and `END`.
    Item(Vec<u8>),
    /// `ERROR`, `CLIENT_ERROR why`, `SERVER_ERROR why`.
    Error(String),
}

/// Why bytes are no reply.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Malformed {
    /// They are not Memcached's.
    NotMemcached,
    /// They are more than a reply may be.
    TooLarge,
}

/// Reads one reply from the bytes that are there so far; `None` until it is whole.
///
/// # Errors
/// If the bytes are not Memcached's, or too many.
pub fn reply(bytes: &[u8]) -> Result<Option<Reply>, Malformed> {
    let mut stats = Vec::new();
    let mut rest = bytes;
    loop {
        let end = rest.iter().position(|&byte| byte == b'\n');
        // What is not Memcached's is not Memcached's at its first byte, however long it becomes.
        if !is_plausible(&rest[..end.unwrap_or(rest.len())]) {
            return Err(Malformed::NotMemcached);
        }
        if end.unwrap_or(rest.len()) > LINE_BYTES || stats.len() >= LINES {
            return Err(Malformed::TooLarge);
        }
        let Some(end) = end else { return Ok(None) };
        let line = rest[..end].strip_suffix(b"\r").ok_or(Malformed::NotMemcached)?;
        let line = std::str::from_utf8(line).map_err(|_| Malformed::NotMemcached)?;
        rest = &rest[end + 1..];
        let (word, value) = line.split_once(' ').unwrap_or((line, ""));
        return Ok(Some(match word {
            "VERSION" => Reply::Version(value.to_owned()),
            "END" => Reply::Stats(stats),
            "ERROR" | "CLIENT_ERROR" | "SERVER_ERROR" => Reply::Error(line.to_owned()),
            "STAT" => {
                let (name, number) = value.split_once(' ').unwrap_or((value, ""));
                stats.push((name.to_owned(), number.to_owned()));
                continue;
            }
            "CONFIG" | "VALUE" if stats.is_empty() => return item(value, rest),
            _ => return Err(Malformed::NotMemcached),
        }));
    }
}

/// The item whose first line ends with `header`: `key flags bytes`. What follows the bytes closes the reply.
fn item(header: &str, rest: &[u8]) -> Result<Option<Reply>, Malformed> {
    const CLOSE: &[u8] = b"\r\nEND\r\n";
    let words: Vec<&str> = header.split(' ').collect();
    let [_, _, length] = words[..] else { return Err(Malformed::NotMemcached) };
    let length: usize = length.parse().map_err(|_| Malformed::NotMemcached)?;
    if length > ITEM_BYTES {
        return Err(Malformed::TooLarge);
    }
    let Some(close) = rest.get(length..) else { return Ok(None) };
    if close.starts_with(CLOSE) {
        return Ok(Some(Reply::Item(rest[..length].to_vec())));
    }
    if CLOSE.starts_with(close) { Ok(None) } else { Err(Malformed::NotMemcached) }
}

/// Whether the beginning of a line could become one of a reply.
fn is_plausible(line: &[u8]) -> bool {
    const WORDS: [&str; 9] =
        ["VERSION ", "STAT ", "CONFIG ", "VALUE ", "END\r", "ERROR\r", "ERROR ", "CLIENT_ERROR ", "SERVER_ERROR "];
    WORDS.iter().any(|word| {
        let common = word.len().min(line.len());
        word.as_bytes()[..common] == line[..common]
    })
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn replies() {
        assert_eq!(reply(b"VERSION 1.6.18\r\n"), Ok(Some(Reply::Version("1.6.18".into()))));
        assert_eq!(reply(b"ERROR\r\n"), Ok(Some(Reply::Error("ERROR".into()))));
        assert_eq!(
            reply(b"STAT pid 7\r\nSTAT version 1.6.18\r\nEND\r\n"),
            Ok(Some(Reply::Stats(vec![("pid".into(), "7".into()), ("version".into(), "1.6.18".into())])))
        );
    }

    #[test]
    fn an_item_is_as_long_as_its_header_says() {
        for head in ["CONFIG cluster", "VALUE AmazonElastiCache:cluster"] {
            let whole = format!("{head} 0 5\r\na\r\nb\n\r\nEND\r\n");
            assert_eq!(reply(whole.as_bytes()), Ok(Some(Reply::Item(b"a\r\nb\n".to_vec()))));
            for length in 0..whole.len() {
                assert_eq!(reply(&whole.as_bytes()[..length]), Ok(None), "{length} bytes");
            }
        }
        assert_eq!(reply(b"CONFIG cluster 0 999999999\r\n"), Err(Malformed::TooLarge));
        for odd in [
            "CONFIG cluster 0 1\r\nabc\r\nEND\r\n",
            "CONFIG cluster 0 -1\r\n",
            "CONFIG cluster 0 99999999999999999999\r\n",
            "CONFIG cluster 1\r\n",
            "VALUE a 0 1\r\na\r\nVALUE b 0 1\r\nb\r\nEND\r\n",
            "STAT a 1\r\nVALUE a 0 1\r\na\r\nEND\r\n",
        ] {
            assert_eq!(reply(odd.as_bytes()), Err(Malformed::NotMemcached), "{odd:?}");
        }
    }

    #[test]
    fn a_reply_that_is_not_whole_is_waited_for() {
        for part in ["", "VERS", "VERSION 1.6", "STAT pid 7\r\n", "STAT pid 7\r\nEND\r"] {
            assert_eq!(reply(part.as_bytes()), Ok(None), "{part}");
        }
    }

    #[test]
    fn other_protocols_are_not_memcached_at_their_first_byte() {
        for other in ["-ERR unknown command", "HTTP/1.1", "\u{16}\u{3}\u{3}"] {
            assert_eq!(reply(other.as_bytes()), Err(Malformed::NotMemcached), "{other}");
        }
    }

    #[test]
    fn endless_lines_and_endless_stats_end() {
        assert_eq!(reply(format!("VERSION {}", "1".repeat(4000)).as_bytes()), Err(Malformed::TooLarge));
        assert_eq!(reply("STAT a 1\r\n".repeat(2000).as_bytes()), Err(Malformed::TooLarge));
        assert_eq!(reply("no such word".repeat(1000).as_bytes()), Err(Malformed::NotMemcached));
    }

    proptest! {
        #[test]
        fn no_bytes_make_it_panic(bytes in prop::collection::vec(any::<u8>(), 0..300)) {
            let _ = reply(&bytes);
        }

        #[test]
        fn an_error_is_an_error_whatever_follows(bytes in "(STAT [a-z]{1,4} 1\r\n){0,2}[A-Z -]{0,9}\r?\n?", more in "[A-Z]{1,3}") {
            if let Err(malformed) = reply(bytes.as_bytes()) {
                prop_assert_eq!(reply((bytes + &more).as_bytes()), Err(malformed));
            }
        }
    }
}
