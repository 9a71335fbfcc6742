//! Conditions: what an operator asks of a key's values.
//!
//! Sources: `reference_policies_elements_condition_operators.html` and
//! `reference_policies_condition-single-vs-multi-valued-context-keys.html` in the IAM User Guide,
//! <https://docs.aws.amazon.com/IAM/latest/UserGuide/>.

use std::net::IpAddr;

use ipnet::IpNet;
use jiff::Timestamp;
use jiff::civil::DateTime;
use jiff::tz::TimeZone;

use super::context::Context;
use super::operator::{Operator, Set, Test};
use super::pattern::{Pattern, Wildcards};

/// `{"StringLike": {"aws:username": ["a*", "b*"]}}`: one key of one operator.
#[derive(Clone, Debug)]
pub(crate) struct Condition {
    /// The operator as it stands in the policy.
    pub(crate) operator: Box<str>,
    /// The key as it stands in the policy.
    pub(crate) key: Box<str>,
    /// The key in lower case.
    lookup: Box<str>,
    /// The values as they stand in the policy.
    pub(crate) expected: Box<[String]>,
    kind: Operator,
    operands: Box<[Operand]>,
}

/// A value of the policy, read as its operator reads it.
#[derive(Clone, Debug)]
enum Operand {
    Text(Pattern),
    Number(f64),
    Date(Timestamp),
    Bool(bool),
    Binary(Box<str>),
    Net(IpNet),
    /// With variables: read when these are known.
    Later(Pattern),
}

impl Operand {
    fn parse(written: &str, test: Test, variables: bool) -> Result<Self, String> {
        let wildcards = match test {
            Test::Like => Wildcards::Free,
            Test::Arn => Wildcards::Arn,
            _ => Wildcards::None,
        };
        if matches!(test, Test::Text | Test::Like | Test::Arn) {
            return Ok(Self::Text(Pattern::new(written, wildcards, variables)));
        }
        let pattern = Pattern::new(written, wildcards, variables);
        if pattern.is_template() {
            return Ok(Self::Later(pattern));
        }
        match test {
            Test::TextIgnoringCase => Ok(Self::Text(Pattern::new(&written.to_lowercase(), wildcards, false))),
            Test::Number(_) => number(written).map(Self::Number).ok_or("a number is due"),
            Test::Date(_) => date(written).map(Self::Date).ok_or("a date is due, such as 2026-01-31T12:00:00Z"),
            Test::Bool | Test::Null => truth(written).map(Self::Bool).ok_or("true or false is due"),
            Test::Ip => net(written).map(Self::Net).ok_or("an IP address or a range is due, such as 203.0.113.0/24"),
            Test::Binary | Test::Text | Test::Like | Test::Arn => Ok(Self::Binary(written.into())),
        }
        .map_err(str::to_owned)
    }

    /// Whether a value of the request is what the policy means.
    fn matches(&self, value: &str, test: Test, context: &Context) -> bool {
        match (self, test) {
            (Self::Text(pattern), Test::TextIgnoringCase) => pattern.matches(&value.to_lowercase(), context),
            (Self::Text(pattern), Test::Arn) => value.starts_with("arn:") && pattern.matches(value, context),
            (Self::Text(pattern), _) => pattern.matches(value, context),
            (Self::Number(due), Test::Number(compare)) => {
                number(value).and_then(|value| value.partial_cmp(due)).is_some_and(|order| compare.holds(order))
            }
            (Self::Date(due), Test::Date(compare)) => date(value).is_some_and(|value| compare.holds(value.cmp(due))),
            (Self::Bool(due), _) => truth(value) == Some(*due),
            (Self::Binary(due), _) => **due == *value,
            (Self::Net(due), _) => net(value).is_some_and(|value| due.contains(&value)),
            (Self::Later(pattern), _) => pattern
                .text(context)
                .and_then(|text| Self::parse(&text, test, false).ok())
                .is_some_and(|operand| operand.matches(value, test, context)),
            (Self::Number(_) | Self::Date(_), _) => false,
        }
    }
}

impl Condition {
    /// Reads one key of one operator; `variables`: whether the policy's version knows them.
    ///
    /// # Errors
    /// What is wrong, and the index of the value if it is one of them.
    pub(crate) fn new(
        operator: &str,
        key: &str,
        expected: Vec<String>,
        variables: bool,
    ) -> Result<Self, (Option<usize>, String)> {
        let kind =
            Operator::parse(operator).ok_or_else(|| (None, format!("there is no condition operator `{operator}`")))?;
        let operands = expected.iter().enumerate();
        let operands = operands
            .map(|(index, text)| Operand::parse(text, kind.test, variables).map_err(|why| (Some(index), why)))
            .collect::<Result<_, _>>()?;
        Ok(Self {
            operator: operator.into(),
            key: key.into(),
            lookup: key.to_ascii_lowercase().into(),
            expected: expected.into(),
            kind,
            operands,
        })
    }

    /// Whether the request meets the condition.
    pub(crate) fn holds(&self, context: &Context) -> bool {
        let Operator { test, negated, if_exists, set } = self.kind;
        let values = context.values(&self.lookup);
        if test == Test::Null {
            let is_absent = values.is_none();
            return self
                .operands
                .iter()
                .any(|due| due.matches(if is_absent { "true" } else { "false" }, test, context));
        }
        let Some(values) = values else {
            return if_exists || set == Set::ForAllValues || (set == Set::Single && negated);
        };
        let is_met = |value: &String| self.operands.iter().any(|due| due.matches(value, test, context)) != negated;
        match set {
            Set::ForAllValues => values.iter().all(is_met),
            // AWS leaves open what a list means here: one equal value is enough, and too many for a negation.
            Set::Single if negated => values.iter().all(is_met),
            Set::ForAnyValue | Set::Single => values.iter().any(is_met),
        }
    }

    /// The values that the request has for the key.
    pub(crate) fn actual<'a>(&self, context: &'a Context) -> Option<&'a [String]> {
        context.values(&self.lookup)
    }

    /// Whether the answer rests on a key that has no value here.
    pub(crate) fn is_unsure(&self, context: &Context) -> bool {
        context.values(&self.lookup).is_none() || self.missing(context).next().is_some()
    }

    /// The keys that are looked for and have no value. An operator that asks whether a key is there misses nothing.
    pub(crate) fn missing<'a>(&'a self, context: &'a Context) -> impl Iterator<Item = &'a str> {
        let own = (self.kind.test != Test::Null && context.values(&self.lookup).is_none()).then_some(&*self.key);
        let variables = self.operands.iter().filter_map(|operand| match operand {
            Operand::Text(pattern) | Operand::Later(pattern) => Some(pattern.missing(context)),
            _ => None,
        });
        own.into_iter().chain(variables.flatten())
    }
}

fn number(text: &str) -> Option<f64> {
    text.trim().parse().ok().filter(|number: &f64| number.is_finite())
}

fn truth(text: &str) -> Option<bool> {
    match text.to_ascii_lowercase().as_str() {
        "true" => Some(true),
        "false" => Some(false),
        _ => None,
    }
}

/// A date of ISO 8601, whole or without time or zone (which then is UTC), or seconds since 1970.
fn date(text: &str) -> Option<Timestamp> {
    let seconds = || text.parse().ok().and_then(|seconds| Timestamp::from_second(seconds).ok());
    let civil = || {
        let plain: DateTime = text.trim_end_matches('Z').parse().ok()?;
        Some(plain.to_zoned(TimeZone::UTC).ok()?.timestamp())
    };
    seconds().or_else(|| text.parse().ok()).or_else(civil)
}

/// An address or a range; an address is a range of one.
fn net(text: &str) -> Option<IpNet> {
    text.parse::<IpNet>().ok().map(|net| net.trunc()).or_else(|| text.parse::<IpAddr>().ok().map(IpNet::from))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn holds(operator: &str, expected: &[&str], actual: Option<&[&str]>) -> bool {
        let mut context = Context::new([("aws:username", vec!["bob"])]);
        if let Some(values) = actual {
            context.set("Key:Name", values.iter().map(|value| (*value).to_owned()).collect());
        }
        let expected = expected.iter().map(|text| (*text).to_owned()).collect();
        Condition::new(operator, "key:NAME", expected, true).unwrap().holds(&context)
    }

    #[test]
    fn every_operator_compares_in_its_own_way() {
        let cases: &[(&str, &str, &str, bool)] = &[
            ("StringEquals", "Bob", "Bob", true),
            ("StringEquals", "Bob", "bob", false),
            ("StringEquals", "b*", "bob", false),
            ("StringEquals", "${aws:username}", "bob", true),
            ("StringNotEquals", "Bob", "bob", true),
            ("StringEqualsIgnoreCase", "BÖB", "böb", true),
            ("StringEqualsIgnoreCase", "${aws:username}", "BOB", true),
            ("StringNotEqualsIgnoreCase", "BOB", "bob", false),
            ("StringLike", "b?b*", "bobby", true),
            ("StringLike", "B*", "bob", false),
            ("StringNotLike", "b*", "bob", false),
            ("stringlike", "b*", "bob", true),
            ("NumericEquals", "10", "10.0", true),
            ("NumericNotEquals", "10", "11", true),
            ("NumericLessThan", "10", "9", true),
            ("NumericLessThan", "10", "10", false),
            ("NumericLessThanEquals", "10", "10", true),
            ("NumericGreaterThan", "10", "10", false),
            ("NumericGreaterThanEquals", "-1", "-1", true),
            ("NumericLessThan", "10", "ten", false),
            ("DateEquals", "2026-01-31T12:00:00Z", "1769860800", true),
            ("DateNotEquals", "2026-01-31", "2026-01-31T00:00:00Z", false),
            ("DateLessThan", "2026-01-31T12:00:00Z", "2026-01-31T13:59:59+02:00", true),
            ("DateLessThanEquals", "2026-01-31T12:00:00Z", "2026-01-31T12:00:00.001Z", false),
            ("DateGreaterThan", "2026-01-31", "2026-01-31T00:00Z", false),
            ("DateGreaterThanEquals", "2026-01-31", "2026-02-01", true),
            ("Bool", "true", "True", true),
            ("Bool", "false", "true", false),
            ("BinaryEquals", "QmluYXJ5", "QmluYXJ5", true),
            ("BinaryEquals", "QmluYXJ5", "qmluYXJ5", false),
            ("IpAddress", "203.0.113.0/24", "203.0.113.9", true),
            ("IpAddress", "203.0.113.9", "203.0.113.9", true),
            ("IpAddress", "2001:db8::/32", "2001:db8:1::1", true),
            ("IpAddress", "203.0.113.0/24", "2001:db8::1", false),
            ("NotIpAddress", "203.0.113.0/24", "203.0.114.1", true),
            ("ArnEquals", "arn:aws:sns:*:111122223333:*", "arn:aws:sns:eu-west-1:111122223333:news", true),
            ("ArnLike", "arn:aws:sns:*:news", "arn:aws:sns:eu-west-1:111122223333:news", false),
            ("ArnLike", "*", "no-arn", false),
            ("ArnNotLike", "arn:aws:sns:*:111122223333:*", "arn:aws:sqs:eu-west-1:111122223333:q", true),
            ("ArnNotEquals", "arn:aws:iam::111122223333:role/a", "arn:aws:iam::111122223333:role/a", false),
        ];
        for (operator, expected, actual, answer) in cases {
            assert_eq!(holds(operator, &[expected], Some(&[actual])), *answer, "{operator} {expected} {actual}");
        }
    }

    #[test]
    fn an_absent_key_fails_a_condition_unless_it_is_negated_or_asks_for_that() {
        let cases = [
            ("StringEquals", false),
            ("StringNotEquals", true),
            ("StringEqualsIfExists", true),
            ("StringNotEqualsIfExists", true),
            ("NotIpAddressIfExists", true),
            ("ForAllValues:StringEquals", true),
            ("ForAllValues:StringNotLike", true),
            ("ForAnyValue:StringEquals", false),
            ("ForAnyValue:StringNotEquals", false),
            ("ForAnyValue:StringEqualsIfExists", true),
        ];
        for (operator, answer) in cases {
            let expected = if operator.starts_with("NotIp") { "10.0.0.0/8" } else { "a" };
            assert_eq!(holds(operator, &[expected], None), answer, "{operator}");
            assert_eq!(holds(operator, &[expected], Some(&[])), answer, "{operator}, no value");
        }
    }

    #[test]
    fn null_asks_whether_the_key_is_absent() {
        assert!(holds("Null", &["true"], None));
        assert!(!holds("Null", &["false"], None));
        assert!(holds("Null", &["false"], Some(&["x"])));
        assert!(holds("Null", &["true", "false"], Some(&["x"])));
    }

    #[test]
    fn the_set_forms_look_at_every_value_or_at_any() {
        let cases: &[(&str, &[&str], &[&str], bool)] = &[
            ("ForAllValues:StringEquals", &["a", "b"], &["a", "b", "a"], true),
            ("ForAllValues:StringEquals", &["a", "b"], &["a", "c"], false),
            ("ForAnyValue:StringEquals", &["a", "b"], &["c", "b"], true),
            ("ForAnyValue:StringEquals", &["a", "b"], &["c"], false),
            ("ForAllValues:StringNotEquals", &["a", "b"], &["c", "d"], true),
            ("ForAllValues:StringNotEquals", &["a", "b"], &["c", "a"], false),
            ("ForAnyValue:StringNotEquals", &["a", "b"], &["a", "c"], true),
            ("StringEquals", &["a"], &["b", "a"], true),
            ("StringNotEquals", &["a"], &["b", "a"], false),
        ];
        for (operator, expected, actual, answer) in cases {
            assert_eq!(holds(operator, expected, Some(actual)), *answer, "{operator} {expected:?} {actual:?}");
        }
    }

    #[test]
    fn what_no_operator_can_read_is_refused() {
        let refused =
            |operator: &str, value: &str| Condition::new(operator, "k", vec![value.to_owned()], true).is_err();
        for (operator, value) in [
            ("StringMatches", "x"),
            ("NullIfExists", "true"),
            ("ForSomeValues:StringEquals", "x"),
            ("NumericEquals", "ten"),
            ("DateEquals", "yesterday"),
            ("Bool", "yes"),
            ("IpAddress", "10.0.0.0/33"),
        ] {
            assert!(refused(operator, value), "{operator} {value}");
        }
        assert!(!refused("NumericEquals", "${aws:username}"));
    }
}
