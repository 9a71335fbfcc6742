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
    /// That of the web.
    Http,
    /// That of secure shells.
    Ssh,
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
            _ if begins(&["ERROR\r\n", "ERROR Too many", "CLIENT_ERROR ", "SERVER_ERROR ", "VERSION "]) => {
                Self::Memcached
            }
            // Some answer a line that is no request without a status, as HTTP/0.9 did.
            _ if begins(&["HTTP/", "<!DOCTYPE", "<!doctype", "<html", "<HTML"]) => Self::Http,
            _ if begins(&["SSH-"]) => Self::Ssh,
            _ => Self::Other,
        }
    }

    /// The protocol's name, if it is none of a cache.
    pub fn stranger(self) -> Option<&'static str> {
        match self {
            Self::Http => Some("HTTP"),
            Self::Ssh => Some("SSH"),
            Self::Resp | Self::Memcached | Self::Tls | Self::Other => None,
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
            ("ERROR Too many open connections\r\n", Dialect::Memcached),
            ("SSH-2.0-OpenSSH_9.2\r\n", Dialect::Ssh),
            ("HTTP/1.1 400 Bad Request\r\n", Dialect::Http),
            ("<!DOCTYPE HTML>\n<html lang=\"en\">", Dialect::Http),
            ("220 mail.example ESMTP\r\n", Dialect::Other),
            ("", Dialect::Other),
        ] {
            assert_eq!(Dialect::of(said.as_bytes()), dialect, "{said}");
        }
    }
}
