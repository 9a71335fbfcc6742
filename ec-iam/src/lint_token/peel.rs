//! Takes off what stands around a token that went through a terminal, a shell or a file.

use super::parts::decoded_once;

/// The bare text, and what was taken off.
pub(super) struct Peeled {
    /// What is left.
    pub(super) text: String,
    /// What stood around it or inside it.
    pub(super) around: Vec<&'static str>,
    /// How its characters were escaped.
    pub(super) escaped: Vec<&'static str>,
}

/// How often something may stand around something.
const DEPTH: usize = 8;
const QUOTES: [(&str, &str); 5] = [("'", "'"), ("\"", "\""), ("`", "`"), ("“", "”"), ("‘", "’")];

/// Takes everything off that is known.
pub(super) fn peel(line: &str) -> Peeled {
    let mut peeled = Peeled { text: line.to_owned(), around: Vec::new(), escaped: Vec::new() };
    for _ in 0..DEPTH {
        let Some((what, text)) = outermost(&peeled.text) else { break };
        peeled.text = text;
        if !peeled.around.contains(&what) {
            peeled.around.push(what);
        }
    }
    if peeled.text.contains(is_blank) {
        peeled.text.retain(|c| !is_blank(c));
        peeled.around.push("white space inside");
    }
    for (what, escape, plain) in
        [("as in HTML", "&amp;", "&"), ("as in JSON", "\\u0026", "&"), ("with backslashes", "\\", "")]
    {
        if peeled.text.contains(escape) {
            peeled.text = peeled.text.replace(escape, plain);
            peeled.escaped.push(what);
        }
    }
    if !peeled.text.contains('?') && peeled.text.contains("X-Amz-") && peeled.text.to_ascii_uppercase().contains("%3F")
    {
        peeled.text = decoded_once(&peeled.text, false).0;
        peeled.escaped.push("percent-encoded as a whole");
    }
    peeled
}

/// The outermost thing that stands around a token, and what is left without it.
fn outermost(text: &str) -> Option<(&'static str, String)> {
    let trimmed = text.trim_matches(is_blank);
    if trimmed.len() < text.len() {
        let is_line_end = text.ends_with('\r') && trimmed.len() + 1 == text.len();
        return Some((if is_line_end { "a carriage return" } else { "white space" }, trimmed.to_owned()));
    }
    if let Some(token) = of_json(text) {
        return Some(("the JSON of `ec-iam token -o json`", token));
    }
    if let Some(value) = of_assignment(text) {
        return Some(("a shell assignment", value.to_owned()));
    }
    if let Some(token) = of_command(text) {
        return Some(("a command", token.to_owned()));
    }
    QUOTES.iter().find_map(|(open, close)| {
        let rest = text.strip_prefix(open);
        let bare = rest.map(|rest| rest.strip_suffix(close).unwrap_or(rest)).or_else(|| text.strip_suffix(close));
        bare.map(|bare| ("quotes", bare.to_owned()))
    })
}

fn is_blank(c: char) -> bool {
    c.is_whitespace() || c.is_control() || matches!(c, '\u{feff}' | '\u{200b}')
}

fn of_json(text: &str) -> Option<String> {
    let value: serde_json::Value = text.starts_with('{').then(|| serde_json::from_str(text).ok())??;
    value["token"].as_str().map(str::to_owned)
}

/// `export NAME=VALUE` or `NAME=VALUE`, where the name is one that holds a secret.
fn of_assignment(text: &str) -> Option<&str> {
    let (name, value) = text.strip_prefix("export ").unwrap_or(text).split_once('=')?;
    let is_name = name.bytes().all(|byte| byte.is_ascii_uppercase() || byte == b'_');
    (is_name && ["AUTH", "TOKEN", "PASSWORD"].iter().any(|end| name.ends_with(end))).then_some(value)
}

/// `AUTH USER TOKEN`, and `HELLO 3 AUTH USER TOKEN`.
fn of_command(text: &str) -> Option<&str> {
    let mut words = text.split(' ').filter(|word| !word.is_empty());
    let mut first = words.next()?;
    if first.eq_ignore_ascii_case("HELLO") {
        words.next()?;
        first = words.next()?;
    }
    let last = words.next_back()?;
    first.eq_ignore_ascii_case("AUTH").then_some(last)
}

#[cfg(test)]
mod tests {
    use super::*;

    const TOKEN: &str = "orders/?Action=connect&User=app&X-Amz-Signature=00";

    #[test]
    fn what_stands_around_a_token_is_named_and_taken_off() {
        let cases: [(String, &[&str], &[&str]); 16] = [
            (TOKEN.to_owned(), &[], &[]),
            (format!("{TOKEN}\r"), &["a carriage return"], &[]),
            (format!(" {TOKEN}\t"), &["white space"], &[]),
            (format!("\u{feff}{TOKEN}"), &["white space"], &[]),
            (format!("'{TOKEN}'"), &["quotes"], &[]),
            (format!("“{TOKEN}”"), &["quotes"], &[]),
            (format!("{TOKEN}\""), &["quotes"], &[]),
            (format!("export REDISCLI_AUTH='{TOKEN}'"), &["a shell assignment", "quotes"], &[]),
            (format!("VALKEYCLI_AUTH={TOKEN}"), &["a shell assignment"], &[]),
            (format!("auth app {TOKEN}"), &["a command"], &[]),
            (format!("HELLO 3 AUTH app {TOKEN}"), &["a command"], &[]),
            (format!("{{\"token\":\"{TOKEN}\"}}"), &["the JSON of `ec-iam token -o json`"], &[]),
            (TOKEN.replace("&User", "& User"), &["white space inside"], &[]),
            (TOKEN.replace('&', "&amp;"), &[], &["as in HTML"]),
            (TOKEN.replace('?', "\\?").replace('=', "\\="), &[], &["with backslashes"]),
            (
                TOKEN.replace('/', "%2f").replace('?', "%3f").replace('&', "%26").replace('=', "%3d"),
                &[],
                &["percent-encoded as a whole"],
            ),
        ];
        for (text, around, escaped) in cases {
            let peeled = peel(&text);
            assert_eq!(peeled.text, TOKEN, "{text}");
            assert_eq!((peeled.around.as_slice(), peeled.escaped.as_slice()), (around, escaped), "{text}");
        }
    }
}
