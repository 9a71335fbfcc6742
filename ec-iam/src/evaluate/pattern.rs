//! Texts with wildcards and policy variables: `*` is any number of characters, `?` is one, `${aws:username}` is a value
//! of the request.
//!
//! Sources: `reference_policies_elements_resource.html` (wildcards) and `reference_policies_variables.html` of the IAM
//! User Guide, <https://docs.aws.amazon.com/IAM/latest/UserGuide/>.

use super::context::Context;

/// What `*` and `?` mean in a text.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Wildcards {
    /// They are plain characters.
    None,
    /// `*` matches anything.
    Free,
    /// A resource: within the first five fields of an ARN, `*` crosses a colon only as the last character of its field.
    Resource,
    /// A value of an ARN operator: each of the six fields is compared by itself.
    Arn,
}

/// A text to compare with, split once.
#[derive(Clone, Debug)]
pub(crate) struct Pattern(Shape);

#[derive(Clone, Debug)]
enum Shape {
    Any,
    Exact(Box<str>),
    Prefix(Box<str>),
    Glob(Box<[Token]>),
    /// With variables: what they stand for is known with the request.
    Template(Box<[Part]>),
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Token {
    Byte(u8),
    One,
    Many,
    /// Any number of characters but colons.
    Within,
}

#[derive(Clone, Debug)]
enum Part {
    Fixed(Box<[Token]>),
    Variable { key: Box<str>, default: Option<Box<str>> },
}

impl Pattern {
    /// Splits a text. `variables`: whether the policy's version knows them.
    pub(crate) fn new(text: &str, wildcards: Wildcards, variables: bool) -> Self {
        if variables && text.contains("${") {
            let parts = parts(text, wildcards);
            return match parts.as_slice() {
                [Part::Fixed(tokens)] => Self::of_tokens(tokens),
                _ => Self(Shape::Template(parts.into())),
            };
        }
        let mut tokens = Vec::with_capacity(text.len());
        push_tokens(text, text, 0, wildcards, &mut tokens);
        Self::of_tokens(&tokens)
    }

    fn of_tokens(tokens: &[Token]) -> Self {
        let literal = |tokens: &[Token]| {
            let bytes: Option<Vec<u8>> =
                tokens.iter().map(|token| if let Token::Byte(b) = token { Some(*b) } else { None }).collect();
            bytes.and_then(|bytes| String::from_utf8(bytes).ok())
        };
        Self(match tokens {
            [Token::Many] => Shape::Any,
            [head @ .., Token::Many] if literal(head).is_some() => {
                Shape::Prefix(literal(head).unwrap_or_default().into())
            }
            _ => literal(tokens).map_or_else(|| Shape::Glob(tokens.into()), |text| Shape::Exact(text.into())),
        })
    }

    /// Whether the text is meant. A variable without a value means no text at all.
    pub(crate) fn matches(&self, text: &str, context: &Context) -> bool {
        match &self.0 {
            Shape::Any => true,
            Shape::Exact(exact) => **exact == *text,
            Shape::Prefix(prefix) => text.starts_with(&**prefix),
            Shape::Glob(tokens) => glob(tokens, text),
            Shape::Template(parts) => resolve(parts, context).is_some_and(|tokens| glob(&tokens, text)),
        }
    }

    /// The keys of the variables that have neither a value in the request nor a default.
    pub(crate) fn missing<'a>(&'a self, context: &'a Context) -> impl Iterator<Item = &'a str> {
        let parts: &[Part] = if let Shape::Template(parts) = &self.0 { parts } else { &[] };
        parts.iter().filter_map(|part| match part {
            Part::Variable { key, default: None } if context.single(key).is_none() => Some(&**key),
            _ => None,
        })
    }

    /// The text with its variables replaced, where it has no wildcards.
    pub(crate) fn text(&self, context: &Context) -> Option<String> {
        match &self.0 {
            Shape::Exact(text) => Some(text.to_string()),
            Shape::Template(parts) => {
                let bytes: Option<Vec<u8>> = resolve(parts, context)?
                    .into_iter()
                    .map(|token| if let Token::Byte(byte) = token { Some(byte) } else { None })
                    .collect();
                String::from_utf8(bytes?).ok()
            }
            Shape::Any | Shape::Prefix(_) | Shape::Glob(_) => None,
        }
    }

    /// Whether the text has variables.
    pub(crate) fn is_template(&self) -> bool {
        matches!(self.0, Shape::Template(_))
    }
}

/// Appends `part` of the text `whole`, which begins at `offset` there.
fn push_tokens(part: &str, whole: &str, offset: usize, wildcards: Wildcards, tokens: &mut Vec<Token>) {
    let bytes = whole.as_bytes();
    let mut colons = whole[..offset].matches(':').count();
    for (index, byte) in part.bytes().enumerate() {
        let next = bytes.get(offset + index + 1);
        tokens.push(match byte {
            b'?' if wildcards != Wildcards::None => Token::One,
            b'*' if wildcards != Wildcards::None => {
                let crosses = match wildcards {
                    Wildcards::Resource => matches!(next, None | Some(b':')) || !whole.starts_with("arn:"),
                    Wildcards::Arn => next.is_none(),
                    Wildcards::Free | Wildcards::None => true,
                };
                if crosses || colons >= 5 { Token::Many } else { Token::Within }
            }
            byte => {
                colons += usize::from(byte == b':');
                Token::Byte(byte)
            }
        });
    }
}

/// Splits a text at its variables: `${key}`, `${key, 'default'}`, and `${*}`, `${?}`, `${$}` for the plain characters.
/// What only looks like a variable is text.
fn parts(text: &str, wildcards: Wildcards) -> Vec<Part> {
    let mut parts = Vec::new();
    let mut tokens = Vec::new();
    let mut at = 0;
    while let Some(begin) = text[at..].find("${").map(|found| at + found) {
        push_tokens(&text[at..begin], text, at, wildcards, &mut tokens);
        let Some(end) = text[begin..].find('}').map(|found| begin + found) else {
            at = begin;
            break;
        };
        match &text[begin + 2..end] {
            plain @ ("*" | "?" | "$") => tokens.push(Token::Byte(plain.as_bytes()[0])),
            inner => {
                if !tokens.is_empty() {
                    parts.push(Part::Fixed(std::mem::take(&mut tokens).into()));
                }
                let (key, default) = match inner.split_once(',') {
                    Some((key, default)) => (key, Some(default.trim().trim_matches('\'').into())),
                    None => (inner, None),
                };
                parts.push(Part::Variable { key: key.trim().to_ascii_lowercase().into(), default });
            }
        }
        at = end + 1;
    }
    push_tokens(&text[at..], text, at, wildcards, &mut tokens);
    if !tokens.is_empty() || parts.is_empty() {
        parts.push(Part::Fixed(tokens.into()));
    }
    parts
}

/// The tokens with every variable replaced; its value has no wildcards.
fn resolve(parts: &[Part], context: &Context) -> Option<Vec<Token>> {
    let mut tokens = Vec::new();
    for part in parts {
        match part {
            Part::Fixed(fixed) => tokens.extend_from_slice(fixed),
            Part::Variable { key, default } => {
                let value = context.single(key).or(default.as_deref())?;
                tokens.extend(value.bytes().map(Token::Byte));
            }
        }
    }
    Some(tokens)
}

fn glob(tokens: &[Token], text: &str) -> bool {
    if tokens.contains(&Token::Within) { glob_within(tokens, text) } else { glob_free(tokens, text.as_bytes()) }
}

/// The length of the character that begins with this byte.
fn width(byte: u8) -> usize {
    match byte {
        0xF0.. => 4,
        0xE0.. => 3,
        0xC0.. => 2,
        _ => 1,
    }
}

/// Only the last `*` ever has to give back what it took: linear in practice, and at worst the product of the lengths.
fn glob_free(tokens: &[Token], text: &[u8]) -> bool {
    let (mut at, mut index) = (0, 0);
    let mut star = None;
    while at < text.len() {
        match tokens.get(index) {
            Some(Token::Many | Token::Within) => {
                star = Some((index, at));
                index += 1;
            }
            Some(Token::Byte(byte)) if *byte == text[at] => {
                at += 1;
                index += 1;
            }
            Some(Token::One) => {
                at += width(text[at]);
                index += 1;
            }
            _ => {
                let Some((begin, end)) = star else { return false };
                at = end + width(text[end]);
                star = Some((begin, at));
                index = begin + 1;
            }
        }
    }
    tokens[index..].iter().all(|token| *token == Token::Many)
}

/// With two kinds of `*` all ways to match are followed side by side: the product of the lengths, whatever the text.
fn glob_within(tokens: &[Token], text: &str) -> bool {
    let is_star = |token: Option<&Token>| matches!(token, Some(Token::Many | Token::Within));
    let skip_stars = |states: &mut [bool]| {
        for index in 0..tokens.len() {
            if states[index] && is_star(tokens.get(index)) {
                states[index + 1] = true;
            }
        }
    };
    let mut states = vec![false; tokens.len() + 1];
    states[0] = true;
    skip_stars(&mut states);
    for (at, byte) in text.bytes().enumerate() {
        let is_whole = text.is_char_boundary(at + 1);
        let mut next = vec![false; tokens.len() + 1];
        for index in (0..tokens.len()).filter(|index| states[*index]) {
            match tokens[index] {
                Token::Byte(expected) if expected == byte => next[index + 1] = true,
                Token::Many => next[index] = true,
                Token::Within if byte != b':' => next[index] = true,
                Token::One => next[if is_whole { index + 1 } else { index }] = true,
                _ => {}
            }
        }
        // A star ends with a whole character, so that `?` begins with one.
        if is_whole {
            skip_stars(&mut next);
        }
        states = next;
    }
    states[tokens.len()]
}

#[cfg(test)]
mod tests {
    use super::*;

    fn matches(pattern: &str, wildcards: Wildcards, text: &str) -> bool {
        let context = Context::new([("aws:username", vec!["bo*"]), ("aws:tag", vec!["a", "b"])]);
        Pattern::new(pattern, wildcards, true).matches(text, &context)
    }

    #[test]
    fn a_star_is_any_number_of_characters_and_a_question_mark_is_one() {
        let cases = [
            ("*", "", true),
            ("a*c", "abbbc", true),
            ("a*c", "ab", false),
            ("a?c", "aéc", true),
            ("a?c", "ac", false),
            ("*???", "日", false),
            ("*b*b", "abab", true),
            ("a*b?d*", "axxbcdxx", true),
            ("", "", true),
            ("", "a", false),
        ];
        for (pattern, text, expected) in cases {
            assert_eq!(matches(pattern, Wildcards::Free, text), expected, "{pattern} {text}");
        }
    }

    #[test]
    fn in_a_resource_only_the_last_star_of_a_field_crosses_colons() {
        let orders = "arn:aws:elasticache:eu-west-1:123456789012:serverlesscache:orders";
        let cases = [
            ("*", true),
            ("arn:aws:elasticache:*", true),
            ("arn:aws:elasticache:*:serverlesscache:orders", true),
            ("arn:aws:elasticache:*:*:serverlesscache:*", true),
            ("arn:aws:elasticache:e*t-1:123456789012:serverlesscache:orders", true),
            ("arn:aws:elasticache:e*2:serverlesscache:orders", false),
            ("arn:aws:elasticache:*:123456789012:*orders", true),
            ("arn:aws:elasticache:eu-west-?:123456789012:serverlesscache:order?", true),
            ("arn:aws:ElastiCache:*", false),
        ];
        for (pattern, expected) in cases {
            assert_eq!(matches(pattern, Wildcards::Resource, orders), expected, "{pattern}");
        }
    }

    #[test]
    fn an_arn_operator_compares_field_by_field() {
        let topic = "arn:aws:sns:eu-west-1:123456789012:news:urgent";
        let cases = [
            ("arn:*:sns:*:*:*", true),
            ("arn:aws:sns:*:news:urgent", false),
            ("arn:aws:sns:*:1234567890??:n*t", true),
            ("arn:aws:sns:*", true),
        ];
        for (pattern, expected) in cases {
            assert_eq!(matches(pattern, Wildcards::Arn, topic), expected, "{pattern}");
        }
    }

    #[test]
    fn variables_stand_for_one_value_taken_literally() {
        let cases = [
            ("home/${aws:username}/*", "home/bo*/x", true),
            ("home/${aws:username}/*", "home/bob/x", false),
            ("home/${AWS:UserName}", "home/bo*", true),
            ("team/${aws:team, 'none'}", "team/none", true),
            ("team/${aws:team}", "team/", false),
            ("${aws:tag}", "a", false),
            ("a${*}${?}${$}", "a*?$", true),
            ("a${*}", "ab", false),
            ("a${unclosed", "a${unclosed", true),
        ];
        for (pattern, text, expected) in cases {
            assert_eq!(matches(pattern, Wildcards::Free, text), expected, "{pattern} {text}");
        }
    }

    #[test]
    fn the_old_version_knows_no_variables() {
        let pattern = Pattern::new("${aws:username}", Wildcards::Free, false);
        let context = Context::new([("aws:username", vec!["bob"])]);
        assert!(pattern.matches("${aws:username}", &context));
        assert!(!pattern.matches("bob", &context));
    }
}
