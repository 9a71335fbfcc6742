//! A token taken apart: `NAME/?Action=connect&User=ID&X-Amz-…`.

/// A presigned URL without its meaning.
pub(super) struct Parts {
    /// `https`, where the scheme was left in front.
    pub(super) scheme: Option<&'static str>,
    /// What stands before the path, without a port.
    pub(super) host: String,
    /// The digits behind a colon.
    pub(super) port: Option<String>,
    /// What stands between host and `?`.
    pub(super) path: String,
    /// The parameters, in order.
    pub(super) parameters: Vec<Parameter>,
}

/// One parameter of the query.
pub(super) struct Parameter {
    /// What stands before `=`.
    pub(super) name: String,
    /// What stands behind it, decoded; once more, where it was encoded twice.
    pub(super) value: String,
    /// How the value is encoded otherwise than SigV4 asks.
    pub(super) flaw: Option<Flaw>,
}

/// How a value is encoded otherwise than SigV4 asks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Flaw {
    /// `%` without two hexadecimal digits behind it, at the very end of the text.
    Cut,
    /// `%` without two hexadecimal digits behind it.
    Broken,
    /// `%252F`.
    Twice,
    /// `+`, which some read as a space.
    Plus,
    /// A reserved character that stands for itself, such as `/`.
    Bare,
}

/// The parameters that a token has.
pub(super) const KNOWN: [&str; 10] = [
    "Action",
    "User",
    "ResourceType",
    "X-Amz-Algorithm",
    "X-Amz-Credential",
    "X-Amz-Date",
    "X-Amz-Expires",
    "X-Amz-SignedHeaders",
    "X-Amz-Security-Token",
    "X-Amz-Signature",
];

impl Parts {
    /// Takes a token apart; none if it has no query.
    pub(super) fn of(text: &str) -> Option<Self> {
        let (scheme, rest) = ["https", "http"]
            .into_iter()
            .find_map(|scheme| {
                let (head, rest) = text.split_once("://")?;
                head.eq_ignore_ascii_case(scheme).then_some((Some(scheme), rest))
            })
            .unwrap_or((None, text));
        let (place, query) = rest.split_once('?')?;
        let (authority, path) = place.split_at(place.find('/').unwrap_or(place.len()));
        let is_number = |port: &str| !port.is_empty() && port.bytes().all(|byte| byte.is_ascii_digit());
        let (host, port) = match authority.rsplit_once(':') {
            Some((host, port)) if is_number(port) => (host, Some(port.to_owned())),
            _ => (authority, None),
        };
        let pieces: Vec<&str> = query.split('&').collect();
        let parameter = |(index, piece): (usize, &&str)| {
            let (name, raw) = piece.split_once('=').unwrap_or((piece, ""));
            let (value, flaw) = decoded(raw, index + 1 == pieces.len());
            Parameter { name: name.to_owned(), value, flaw }
        };
        Some(Self {
            scheme,
            host: host.to_owned(),
            port,
            path: path.to_owned(),
            parameters: pieces.iter().enumerate().map(parameter).collect(),
        })
    }

    /// Whether the text ends too soon. Signers put the signature last, or the session token behind it.
    pub(super) fn is_cut(&self) -> bool {
        let is_short = |text: &str| text.len() < 64 && text.bytes().all(|byte| byte.is_ascii_hexdigit());
        self.get("X-Amz-Signature").is_none()
            || self.parameters.last().is_some_and(|last| {
                last.flaw == Some(Flaw::Cut) || (last.name == "X-Amz-Signature" && is_short(&last.value))
            })
    }

    /// The value of a parameter, by its name in any case.
    pub(super) fn get(&self, name: &str) -> Option<&str> {
        let find = |parameter: &&Parameter| parameter.name.eq_ignore_ascii_case(name);
        self.parameters.iter().find(find).map(|parameter| parameter.value.as_str())
    }
}

/// Decodes a value once, or as often as it was encoded.
fn decoded(raw: &str, is_last: bool) -> (String, Option<Flaw>) {
    let (once, mut flaw) = decoded_once(raw, is_last);
    if !once.contains('%') {
        return (once, flaw);
    }
    let (twice, second) = decoded_once(&once, false);
    if second == Some(Flaw::Broken) || twice == once {
        return (once, flaw);
    }
    flaw = flaw.or(Some(Flaw::Twice));
    (twice, flaw)
}

/// Decodes percent-encoding once; `is_last`: whether nothing follows in the token.
pub(super) fn decoded_once(raw: &str, is_last: bool) -> (String, Option<Flaw>) {
    let mut bytes = Vec::with_capacity(raw.len());
    let mut flaw = None;
    let mut rest = raw.as_bytes();
    while let Some((&byte, tail)) = rest.split_first() {
        rest = tail;
        let digit = |index: usize| tail.get(index).and_then(|&digit| char::from(digit).to_digit(16));
        match (byte, digit(0), digit(1)) {
            (b'%', Some(high), Some(low)) => {
                bytes.push(u8::try_from(high * 16 + low).unwrap_or(byte));
                rest = &tail[2..];
                continue;
            }
            (b'%', first, _) => {
                let is_cut = is_last && (tail.is_empty() || (tail.len() == 1 && first.is_some()));
                flaw = flaw.or(Some(if is_cut { Flaw::Cut } else { Flaw::Broken }));
            }
            (b'+', ..) => flaw = flaw.or(Some(Flaw::Plus)),
            _ if byte.is_ascii_alphanumeric() || b"-._~".contains(&byte) => {}
            _ => flaw = flaw.or(Some(Flaw::Bare)),
        }
        bytes.push(byte);
    }
    (String::from_utf8_lossy(&bytes).into_owned(), flaw)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_token_has_a_host_a_path_and_parameters() {
        let parts = Parts::of("HTTPS://orders:6379/?Action=connect&User=a%2Db&Lonely").unwrap();
        assert_eq!((parts.scheme, parts.host.as_str(), parts.port.as_deref()), (Some("https"), "orders", Some("6379")));
        assert_eq!(parts.path, "/");
        assert_eq!(
            (parts.get("action"), parts.get("User"), parts.get("Lonely")),
            (Some("connect"), Some("a-b"), Some(""))
        );
        let parts = Parts::of("orders?Action=connect").unwrap();
        assert_eq!((parts.host.as_str(), parts.path.as_str(), parts.port), ("orders", "", None));
        assert!(Parts::of("open sesame").is_none());
    }

    #[test]
    fn values_are_decoded_and_what_is_wrong_with_them_is_named() {
        let cases = [
            ("a%2Fb", "a/b", None),
            ("a%252Fb", "a/b", Some(Flaw::Twice)),
            ("a/b", "a/b", Some(Flaw::Bare)),
            ("a+b%2F", "a+b/", Some(Flaw::Plus)),
            ("a%zzb", "a%zzb", Some(Flaw::Broken)),
            ("a%2", "a%2", Some(Flaw::Cut)),
            ("a%25", "a%", None),
        ];
        for (raw, value, flaw) in cases {
            assert_eq!(decoded(raw, true), (value.to_owned(), flaw), "{raw}");
        }
        assert_eq!(decoded("a%2", false).1, Some(Flaw::Broken));
    }
}
