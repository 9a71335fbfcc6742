//! As much of the protocol of Valkey as a server needs that stands between a client and another server: commands are read
//! word by word, replies are passed on as they are.

use std::io::{self, BufRead, ErrorKind, Read};

/// Reads one command: an array of bulk strings. `None` where the client has left.
///
/// # Errors
/// If it is no such array, or the connection breaks.
pub fn command(reader: &mut impl BufRead) -> io::Result<Option<Vec<String>>> {
    let mut line = String::new();
    if reader.read_line(&mut line)? == 0 {
        return Ok(None);
    }
    let mut words = Vec::new();
    for _ in 0..number(&line, '*')? {
        line.clear();
        reader.read_line(&mut line)?;
        let mut bytes = vec![0; number(&line, '$')? + 2];
        reader.read_exact(&mut bytes)?;
        words.push(String::from_utf8_lossy(&bytes[..bytes.len() - 2]).into_owned());
    }
    Ok(Some(words))
}

/// A command as bytes.
pub(crate) fn encoded(words: &[String]) -> Vec<u8> {
    let words = words.iter().map(|word| format!("${}\r\n{word}\r\n", word.len()));
    format!("*{}\r\n{}", words.len(), words.collect::<String>()).into_bytes()
}

/// Copies one whole reply, of either version of the protocol.
///
/// # Errors
/// If the connection breaks before its end.
pub(crate) fn copy_reply(reader: &mut impl BufRead, reply: &mut Vec<u8>) -> io::Result<()> {
    let start = reply.len();
    if reader.read_until(b'\n', reply)? == 0 {
        return Err(ErrorKind::UnexpectedEof.into());
    }
    let line = String::from_utf8_lossy(&reply[start..]).into_owned();
    let mark = line.chars().next().unwrap_or_default();
    // Nothing follows a line without a number, nor the length -1 that stands for nothing.
    let Ok(count) = number(&line, mark) else { return Ok(()) };
    match mark {
        '$' | '=' | '!' => {
            reader.take(count as u64 + 2).read_to_end(reply)?;
        }
        '*' | '~' | '>' => (0..count).try_for_each(|_| copy_reply(reader, reply))?,
        '%' => (0..2 * count).try_for_each(|_| copy_reply(reader, reply))?,
        // Attributes come before the reply that they are about.
        '|' => (0..=2 * count).try_for_each(|_| copy_reply(reader, reply))?,
        _ => {}
    }
    Ok(())
}

fn number(line: &str, mark: char) -> io::Result<usize> {
    let number = line.trim_end().strip_prefix(mark).and_then(|text| text.parse().ok());
    number.ok_or_else(|| io::Error::new(ErrorKind::InvalidData, format!("no {mark} and number: {line:?}")))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_command_is_read_as_it_was_written() {
        let words = ["AUTH".to_owned(), "app".to_owned(), "a\r\nb".to_owned()];
        assert_eq!(command(&mut encoded(&words).as_slice()).unwrap().unwrap(), words);
        assert_eq!(command(&mut b"".as_slice()).unwrap(), None);
        assert!(command(&mut b"PING\r\n".as_slice()).is_err());
    }

    #[test]
    fn a_reply_is_copied_to_its_end_and_no_further() {
        for reply in [
            "+OK\r\n",
            "-ERR no\r\n",
            ":1\r\n",
            "$5\r\na\r\nbc\r\n",
            "$-1\r\n",
            "*-1\r\n",
            "*2\r\n$1\r\na\r\n*1\r\n:1\r\n",
            "%1\r\n+server\r\n=7\r\ntxt:abc\r\n",
            "|1\r\n+ttl\r\n:1\r\n+OK\r\n",
        ] {
            let both = format!("{reply}+NEXT\r\n");
            let mut copied = Vec::new();
            copy_reply(&mut both.as_bytes(), &mut copied).unwrap();
            assert_eq!(String::from_utf8_lossy(&copied), reply);
        }
    }
}
