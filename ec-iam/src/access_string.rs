//! The access string of a user of ElastiCache: the ACL rules of Valkey and Redis OSS, but for what AWS keeps to itself.
//!
//! [`AccessString`] reads the rules and decides about commands as the server does: in order, the later rule wins.
//! [`lint`] tells what is wrong with a string, and which commands that clients need it denies.
//!
//! Sources: <https://docs.aws.amazon.com/AmazonElastiCache/latest/dg/Clusters.RBAC.html#Access-string> and
//! <https://valkey.io/topics/acl/>.

mod commands;
mod findings;
mod rules;
#[cfg(test)]
mod tests;

pub use commands::{COMMANDS, Command};
pub use findings::{ClientNeed, lint};
pub use rules::Fault;

use rules::{CommandRule, Patterns, Selector};

/// An access string, read.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct AccessString {
    /// Whether the user may log in at all.
    pub is_on: bool,
    /// The rules that stand outside parentheses, and those of each pair of parentheses. A command is allowed where one
    /// of them allows it.
    selectors: Vec<Selector>,
    /// The rules that cannot be read, or that AWS does not take.
    pub faults: Vec<Fault>,
}

/// What an access string says of one command.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Decision<'a> {
    /// Whether the user may run the command. On which keys and channels is another question.
    pub is_allowed: bool,
    /// The rule that decided, as it was written; none if no rule is about the command.
    pub rule: Option<&'a str>,
}

impl AccessString {
    /// Decides about a command of the [table](COMMANDS), such as `get` or `client|setinfo`. None for other commands, of
    /// which it is not known which categories they belong to.
    pub fn decide(&self, name: &str) -> Option<Decision<'_>> {
        let command = Command::find(name)?;
        if command.needs_no_permission() {
            return Some(Decision { is_allowed: true, rule: None });
        }
        let mut denied = None;
        for selector in &self.selectors {
            let rule = selector.commands.iter().rev().find(|rule| rule.is_about(command));
            match rule {
                Some(rule) if rule.allows => return Some(Decision { is_allowed: true, rule: Some(&rule.text) }),
                // What stands outside parentheses comes first, and is what a reader looks at.
                _ => denied = denied.or(rule),
            }
        }
        Some(Decision { is_allowed: false, rule: denied.map(|rule| rule.text.as_str()) })
    }

    fn may(&self, name: &str) -> bool {
        self.decide(name).is_some_and(|decision| decision.is_allowed)
    }

    /// Whether some rule allows a command and none behind it takes the same away: an approximation for commands that the
    /// table does not have.
    fn allows_any_command(&self) -> bool {
        let stands = |rules: &[CommandRule]| {
            let [rule, later @ ..] = rules else { return false };
            rule.allows && !later.iter().any(|other| !other.allows && other.covers(rule))
        };
        self.selectors
            .iter()
            .any(|selector| (0..selector.commands.len()).any(|index| stands(&selector.commands[index..])))
    }

    fn allows_every_command(&self) -> bool {
        let is_all = |selector: &Selector| {
            let last = selector.commands.iter().rev().find(|rule| rule.is_about_all());
            last.is_some_and(|rule| rule.allows)
        };
        self.selectors.iter().any(is_all)
    }

    fn names_any_key(&self) -> bool {
        self.selectors.iter().any(|selector| selector.keys != Patterns::None)
    }

    fn names_every_key(&self) -> bool {
        self.selectors.iter().any(|selector| selector.keys == Patterns::All)
    }

    fn names_any_channel(&self) -> bool {
        self.selectors.iter().any(|selector| selector.channels != Patterns::None)
    }
}
