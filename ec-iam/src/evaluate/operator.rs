//! The names of the condition operators.
//!
//! Source: `reference_policies_elements_condition_operators.html` in the IAM User Guide,
//! <https://docs.aws.amazon.com/IAM/latest/UserGuide/>.

use std::cmp::Ordering;

/// `ForAllValues:StringNotLikeIfExists`, taken apart.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Operator {
    pub(crate) test: Test,
    pub(crate) negated: bool,
    pub(crate) if_exists: bool,
    pub(crate) set: Set,
}

/// How several values of the request count.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Set {
    Single,
    ForAllValues,
    ForAnyValue,
}

/// What is compared.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Test {
    Text,
    TextIgnoringCase,
    Like,
    Arn,
    Number(Compare),
    Date(Compare),
    Bool,
    Binary,
    Ip,
    Null,
}

/// Which order of two values is meant.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Compare {
    Equals,
    Less,
    LessOrEqual,
    Greater,
    GreaterOrEqual,
}

impl Compare {
    pub(crate) fn holds(self, order: Ordering) -> bool {
        match self {
            Self::Equals => order.is_eq(),
            Self::Less => order.is_lt(),
            Self::LessOrEqual => order.is_le(),
            Self::Greater => order.is_gt(),
            Self::GreaterOrEqual => order.is_ge(),
        }
    }
}

impl Operator {
    /// Reads `ForAllValues:StringNotLikeIfExists`. Operators are compared without regard to case, as AWS does.
    pub(crate) fn parse(name: &str) -> Option<Self> {
        let lower = name.to_ascii_lowercase();
        let (set, rest) = match lower.split_once(':') {
            None => (Set::Single, lower.as_str()),
            Some(("forallvalues", rest)) => (Set::ForAllValues, rest),
            Some(("foranyvalue", rest)) => (Set::ForAnyValue, rest),
            Some(_) => return None,
        };
        let (base, if_exists) = rest.strip_suffix("ifexists").map_or((rest, false), |base| (base, true));
        let (test, negated) = match base {
            "stringequals" => (Test::Text, false),
            "stringnotequals" => (Test::Text, true),
            "stringequalsignorecase" => (Test::TextIgnoringCase, false),
            "stringnotequalsignorecase" => (Test::TextIgnoringCase, true),
            "stringlike" => (Test::Like, false),
            "stringnotlike" => (Test::Like, true),
            // AWS: ArnEquals and ArnLike behave identically.
            "arnequals" | "arnlike" => (Test::Arn, false),
            "arnnotequals" | "arnnotlike" => (Test::Arn, true),
            "bool" => (Test::Bool, false),
            "binaryequals" => (Test::Binary, false),
            "ipaddress" => (Test::Ip, false),
            "notipaddress" => (Test::Ip, true),
            "null" if !if_exists => (Test::Null, false),
            _ => {
                let (make, compare): (fn(Compare) -> Test, &str) = match base.strip_prefix("numeric") {
                    Some(compare) => (Test::Number, compare),
                    None => (Test::Date, base.strip_prefix("date")?),
                };
                match compare {
                    "equals" => (make(Compare::Equals), false),
                    "notequals" => (make(Compare::Equals), true),
                    "lessthan" => (make(Compare::Less), false),
                    "lessthanequals" => (make(Compare::LessOrEqual), false),
                    "greaterthan" => (make(Compare::Greater), false),
                    "greaterthanequals" => (make(Compare::GreaterOrEqual), false),
                    _ => return None,
                }
            }
        };
        Some(Self { test, negated, if_exists, set })
    }
}
