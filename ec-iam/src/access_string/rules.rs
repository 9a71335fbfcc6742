//! Reads the rules of an access string.

use ec_shared::document::Severity;

use super::AccessString;
use super::commands::{CATEGORIES, Command, RESTRICTED};

/// A rule that cannot be read, or that AWS does not take.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Fault {
    /// The character at which the rule begins, from 1.
    pub column: usize,
    /// Whether AWS refuses the string because of it, as far as is known.
    pub severity: Severity,
    /// What is wrong with the rule.
    pub why: String,
}

/// A set of rules that allow together.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Selector {
    pub(super) keys: Patterns,
    pub(super) channels: Patterns,
    pub(super) commands: Vec<CommandRule>,
}

/// Of which keys or channels a selector is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) enum Patterns {
    #[default]
    None,
    Some,
    All,
}

/// A rule about commands.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct CommandRule {
    pub(super) allows: bool,
    /// The rule as it was written.
    pub(super) text: String,
    subject: Subject,
}

#[derive(Clone, Debug, PartialEq, Eq)]
enum Subject {
    All,
    Category(&'static str),
    /// A command in lower case, or a command and its subcommand. `select|0` is no subcommand but a first argument; it is
    /// about no command that is run without it.
    Command(String),
}

impl CommandRule {
    /// Whether the rule says something of the command.
    pub(super) fn is_about(&self, command: &Command) -> bool {
        match &self.subject {
            Subject::All => true,
            Subject::Category(category) => command.categories.contains(category),
            Subject::Command(name) => name == command.name || command.parent() == Some(name),
        }
    }

    /// Whether the rule is about all that another is about.
    pub(super) fn covers(&self, other: &Self) -> bool {
        self.is_about_all() || self.subject == other.subject
    }

    /// Whether the rule says something of every command, also of those to come.
    pub(super) fn is_about_all(&self) -> bool {
        self.subject == Subject::All
    }
}

/// A word of the string, or all that stands in a pair of parentheses.
struct Token<'a> {
    text: &'a str,
    column: usize,
}

impl AccessString {
    /// Reads a string. What cannot be read is told in [`faults`](Self::faults) and does nothing.
    pub fn read(text: &str) -> Self {
        let mut reader = Reader { read: Self { selectors: vec![Selector::default()], ..Self::default() } };
        for token in tokens(text) {
            reader.rule(&token);
        }
        reader.read
    }
}

/// Splits at spaces, but for those in parentheses.
fn tokens(text: &str) -> Vec<Token<'_>> {
    let mut tokens = Vec::new();
    let mut begun: Option<(usize, usize)> = None;
    let ends = text.char_indices().chain([(text.len(), ' ')]);
    for (place, (offset, c)) in ends.enumerate() {
        match begun {
            None if !c.is_whitespace() => begun = Some((offset, place + 1)),
            Some((start, column)) if c.is_whitespace() => {
                let word = &text[start..offset];
                let is_open = word.starts_with('(') && !word.ends_with(')');
                if !is_open || offset == text.len() {
                    tokens.push(Token { text: word, column });
                    begun = None;
                }
            }
            _ => {}
        }
    }
    tokens
}

struct Reader {
    read: AccessString,
}

impl Reader {
    fn fault(&mut self, token: &Token<'_>, severity: Severity, why: impl Into<String>) {
        self.read.faults.push(Fault { column: token.column, severity, why: why.into() });
    }

    fn refuse(&mut self, token: &Token<'_>, why: impl Into<String>) {
        self.fault(token, Severity::Error, why);
    }

    /// A rule outside parentheses.
    fn rule(&mut self, token: &Token<'_>) {
        match token.text.to_ascii_lowercase().as_str() {
            "on" => self.read.is_on = true,
            "off" => self.read.is_on = false,
            "sanitize-payload" | "skip-sanitize-payload" => {}
            "clearselectors" => self.read.selectors.truncate(1),
            "reset" => {
                self.refuse(token, "AWS does not take `reset`: it would remove the passwords, which AWS manages");
            }
            "nopass" | "resetpass" => {
                let why =
                    "how the user logs in is said by its authentication mode; whether AWS takes this rule is not known";
                self.fault(token, Severity::Warning, why);
            }
            // What stands behind these signs is a secret, or the hash of one.
            text if text.starts_with(['>', '<', '#', '!']) => {
                self.refuse(
                    token,
                    "AWS does not take passwords in access strings: create-user and modify-user have --passwords",
                );
            }
            text if text.starts_with('(') => self.selector(token),
            _ => self.selector_rule(0, token),
        }
    }

    /// Rules in parentheses.
    fn selector(&mut self, token: &Token<'_>) {
        let Some(inner) = token.text.strip_prefix('(').and_then(|rest| rest.strip_suffix(')')) else {
            return self.refuse(token, "the parenthesis is not closed");
        };
        self.read.selectors.push(Selector::default());
        let index = self.read.selectors.len() - 1;
        for word in tokens(inner) {
            let column = token.column + word.column;
            self.selector_rule(index, &Token { column, ..word });
        }
    }

    /// A rule about keys, channels or commands.
    fn selector_rule(&mut self, index: usize, token: &Token<'_>) {
        let text = token.text.to_ascii_lowercase();
        let selector = &mut self.read.selectors[index];
        match text.as_str() {
            "allkeys" | "~*" => selector.keys = Patterns::All,
            "resetkeys" => selector.keys = Patterns::None,
            "allchannels" | "&*" => selector.channels = Patterns::All,
            "resetchannels" => selector.channels = Patterns::None,
            "allcommands" | "+@all" => self.command_rule(index, token, true, Subject::All),
            "nocommands" | "-@all" => self.command_rule(index, token, false, Subject::All),
            // Databases, from Valkey 9.1 on.
            "alldbs" | "resetdbs" => {}
            _ if text.starts_with("db=") => {}
            _ if text.starts_with(['~', '%']) => {
                if !is_key_pattern(&text) {
                    self.refuse(token, "a pattern of keys is ~PATTERN, %R~PATTERN, %W~PATTERN or %RW~PATTERN");
                } else if selector.keys == Patterns::All {
                    self.refuse(
                        token,
                        "a pattern of keys adds nothing behind ~*, and is refused; resetkeys begins anew",
                    );
                } else {
                    selector.keys = Patterns::Some;
                }
            }
            _ if text.starts_with('&') => {
                if selector.channels == Patterns::All {
                    self.refuse(
                        token,
                        "a pattern of channels adds nothing behind &*, and is refused; resetchannels begins anew",
                    );
                } else {
                    selector.channels = Patterns::Some;
                }
            }
            _ => self.about_commands(index, token, &text),
        }
    }

    fn about_commands(&mut self, index: usize, token: &Token<'_>, text: &str) {
        let (allows, name) = match text.split_at_checked(1) {
            Some(("+", name)) => (true, name),
            Some(("-", name)) => (false, name),
            // It may be a password that lacks its sign, so it is not repeated.
            _ => {
                return self.refuse(
                    token,
                    "this is no rule: rules begin with + - ~ % & or a parenthesis, or are a word such as on",
                );
            }
        };
        if let Some(category) = name.strip_prefix('@') {
            return match CATEGORIES.into_iter().find(|known| *known == category) {
                Some(known) => self.command_rule(index, token, allows, Subject::Category(known)),
                None => self.refuse(token, format!("there is no category {}", shown(token.text))),
            };
        }
        if !is_command(name) {
            return self.refuse(token, format!("{} names no command", shown(token.text)));
        }
        if RESTRICTED.contains(&name.split('|').next().unwrap_or_default()) {
            let why = format!(
                "{} is about a command that ElastiCache keeps to itself; AWS documents that it refuses such rules",
                shown(token.text)
            );
            self.fault(token, Severity::Warning, why);
        }
        self.command_rule(index, token, allows, Subject::Command(name.to_owned()));
    }

    fn command_rule(&mut self, index: usize, token: &Token<'_>, allows: bool, subject: Subject) {
        let text = token.text.to_owned();
        self.read.selectors[index].commands.push(CommandRule { allows, text, subject });
    }
}

/// `~PATTERN`, or `%` with R, W or both in front of it.
fn is_key_pattern(text: &str) -> bool {
    match text.strip_prefix('%') {
        None => true,
        // The server does not mind if the ~ is missing.
        Some(rest) => matches!(rest.split('~').next(), Some("r" | "w" | "rw" | "wr")),
    }
}

/// `get`, `client|setinfo`, `json.get`: what may be a command. Which there are depends on engine and version.
fn is_command(name: &str) -> bool {
    let is_word = |word: &str| {
        !word.is_empty() && word.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-_.".contains(&byte))
    };
    let mut words = name.split('|');
    words.next().is_some_and(is_word) && words.next().is_none_or(is_word) && words.next().is_none()
}

/// A rule of the string, for a message.
fn shown(text: &str) -> String {
    text.chars().take(40).flat_map(char::escape_debug).collect()
}
