//! Turns the bytes of one record into the members of a document, and refuses what two programs could read differently:
//! names that stand twice in one object, at any depth.

use std::borrow::Cow;
use std::collections::HashSet;
use std::fmt;

use serde::de::{Deserialize, DeserializeSeed, Deserializer, Error, MapAccess, SeqAccess, Visitor};
use serde_json::value::RawValue;

/// What every message about a name that stands twice begins with.
pub(crate) const TWICE: &str = "duplicate name";

/// The top-level members of a JSON object, in order.
///
/// # Errors
/// serde_json's, with line and column in `record`.
pub(crate) fn members(record: &[u8]) -> Result<Vec<(String, Box<RawValue>)>, serde_json::Error> {
    serde_json::from_slice::<Strict>(record)?;
    Ok(serde_json::from_slice::<Members>(record)?.0)
}

struct Members(Vec<(String, Box<RawValue>)>);

impl<'de> Deserialize<'de> for Members {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct V;
        impl<'de> Visitor<'de> for V {
            type Value = Members;
            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("an object")
            }
            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Members, A::Error> {
                let mut members = Vec::with_capacity(map.size_hint().unwrap_or(16));
                while let Some(member) = map.next_entry()? {
                    members.push(member);
                }
                Ok(Members(members))
            }
        }
        deserializer.deserialize_map(V)
    }
}

/// Reads a value for the sake of its faults alone.
struct Strict;

impl<'de> Deserialize<'de> for Strict {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(Self)
    }
}

impl<'de> DeserializeSeed<'de> for Strict {
    type Value = Self;
    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for Strict {
    type Value = Self;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a JSON value")
    }
    fn visit_bool<E: Error>(self, _: bool) -> Result<Self, E> {
        Ok(self)
    }
    fn visit_i64<E: Error>(self, _: i64) -> Result<Self, E> {
        Ok(self)
    }
    fn visit_u64<E: Error>(self, _: u64) -> Result<Self, E> {
        Ok(self)
    }
    fn visit_f64<E: Error>(self, _: f64) -> Result<Self, E> {
        Ok(self)
    }
    fn visit_str<E: Error>(self, _: &str) -> Result<Self, E> {
        Ok(self)
    }
    fn visit_unit<E: Error>(self) -> Result<Self, E> {
        Ok(self)
    }
    fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<Self, A::Error> {
        while seq.next_element_seed(Self)?.is_some() {}
        Ok(self)
    }
    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self, A::Error> {
        let mut names = Names::default();
        while let Some(Name(name)) = map.next_key::<Name<'de>>()? {
            if let Some(name) = names.insert(name) {
                return Err(A::Error::custom(format_args!("{TWICE} `{name}`")));
            }
            map.next_value_seed(Self)?;
        }
        Ok(self)
    }
}

/// A name, borrowed from the input where it has no escapes.
struct Name<'de>(Cow<'de, str>);

impl<'de> Deserialize<'de> for Name<'de> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct V;
        impl<'de> Visitor<'de> for V {
            type Value = Name<'de>;
            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a name")
            }
            fn visit_borrowed_str<E: Error>(self, name: &'de str) -> Result<Name<'de>, E> {
                Ok(Name(Cow::Borrowed(name)))
            }
            fn visit_str<E: Error>(self, name: &str) -> Result<Name<'de>, E> {
                Ok(Name(Cow::Owned(name.to_owned())))
            }
        }
        deserializer.deserialize_str(V)
    }
}

/// The names of one object. Few are compared one by one, which costs less than hashing; many are hashed, so that a
/// hostile object does not cost quadratic time.
#[derive(Default)]
struct Names<'de> {
    few: Vec<Cow<'de, str>>,
    many: HashSet<Cow<'de, str>>,
}

impl<'de> Names<'de> {
    const FEW: usize = 24;

    /// Takes a name in; gives it back if it is there already.
    fn insert(&mut self, name: Cow<'de, str>) -> Option<Cow<'de, str>> {
        if self.few.contains(&name) || (self.few.len() == Self::FEW && self.many.contains(&name)) {
            return Some(name);
        }
        if self.few.len() < Self::FEW {
            self.few.push(name);
        } else {
            self.many.insert(name);
        }
        None
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_twice_is_refused_at_any_depth_and_however_it_is_written() {
        for json in [r#"{"a":1,"a":2}"#, r#"{"x":[{"a":1,"a":1}]}"#, r#"{"a":1,"\u0061":2}"#] {
            let error = members(json.as_bytes()).unwrap_err().to_string();
            assert!(error.starts_with("duplicate name `a`"), "{json}: {error}");
        }
    }

    #[test]
    fn a_name_twice_among_many_is_refused() {
        let many: Vec<String> = (0..100).map(|n| format!("\"k{n}\":0")).collect();
        let json = format!("{{{},\"k77\":1}}", many.join(","));
        assert!(members(json.as_bytes()).unwrap_err().to_string().starts_with("duplicate name `k77`"));
    }

    #[test]
    fn the_same_name_in_two_objects_is_fine() {
        assert_eq!(members(br#"{"a":{"a":1},"b":[{"a":1},{"a":2}]}"#).unwrap().len(), 2);
    }

    #[test]
    fn nesting_beyond_127_is_an_error_and_not_a_crash() {
        let json = format!("{{\"a\":{}{}}}", "[".repeat(100_000), "]".repeat(100_000));
        assert!(members(json.as_bytes()).is_err());
    }
}
