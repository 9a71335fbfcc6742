//! Which protocol a server speaks, judged by the first bytes that it says.

/// A protocol.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Dialect {
    /// That of Valkey and Redis OSS.
    Resp,
    /// Memcached's.
    Memcached,
    /// TLS.
    Tls,
    /// None of these.
    Other,
}

impl Dialect {
    /// Judges the first bytes of a server's answer.
    pub fn of(said: &[u8]) -> Self {
        let begins = |words: &[&str]| words.iter().any(|word| said.starts_with(word.as_bytes()));
        match said {
            // A handshake or an alert, of any version.
            [0x15 | 0x16, 3, ..] => Self::Tls,
            [b'-' | b'+', letter, ..] if letter.is_ascii_uppercase() => Self::Resp,
            _ if begins(&["ERROR\r\n", "CLIENT_ERROR ", "SERVER_ERROR ", "VERSION "]) => Self::Memcached,
            _ => Self::Other,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::Dialect;

    #[test]
    fn first_bytes_tell_the_protocol() {
        for (said, dialect) in [
            ("+PONG\r\n", Dialect::Resp),
            ("-NOAUTH Authentication required.\r\n", Dialect::Resp),
            ("ERROR\r\n", Dialect::Memcached),
            ("\u{15}\u{3}\u{3}\0\u{2}", Dialect::Tls),
            ("SSH-2.0-OpenSSH_9.2\r\n", Dialect::Other),
            ("HTTP/1.1 400 Bad Request\r\n", Dialect::Other),
            ("", Dialect::Other),
        ] {
            assert_eq!(Dialect::of(said.as_bytes()), dialect, "{said}");
        }
    }
}
