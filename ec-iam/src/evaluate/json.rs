//! JSON with the place of every value: a fault in a policy is told with its JSON pointer, its line and its column.

use std::collections::HashSet;
use std::fmt;

use serde::Deserialize;
use serde::de::{Deserializer, MapAccess, Visitor};
use serde_json::value::RawValue;

/// A place in a text, counted as AWS counts the positions of statements: from 1, columns in bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Position {
    /// The line.
    pub line: usize,
    /// The column in that line.
    pub column: usize,
}

impl Position {
    /// The beginning of a text.
    pub const START: Self = Self { line: 1, column: 1 };

    /// The place `offset` bytes into a text that begins here.
    pub(crate) fn advanced(self, text: &str, offset: usize) -> Self {
        let passed = &text[..offset];
        match passed.rfind('\n') {
            None => Self { column: self.column + offset, ..self },
            Some(last) => Self { line: self.line + passed.matches('\n').count(), column: offset - last },
        }
    }
}

/// What is wrong, and where.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Fault {
    /// The steps to the value, the last first.
    steps: Vec<String>,
    /// Bytes from the beginning of the whole text; `None` until the place is known.
    pub(crate) offset: Option<usize>,
    pub(crate) why: String,
}

impl Fault {
    pub(crate) fn new(why: impl Into<String>) -> Self {
        Self { steps: Vec::new(), offset: None, why: why.into() }
    }

    /// One step further up: the value is a member or an element of another.
    pub(crate) fn within(mut self, step: impl fmt::Display) -> Self {
        self.steps.push(step.to_string().replace('~', "~0").replace('/', "~1"));
        self
    }

    /// Sets the place, if none is known yet: the innermost value tells most.
    pub(crate) fn at(mut self, part: &str, whole: &str) -> Self {
        self.offset.get_or_insert_with(|| offset(part, whole));
        self
    }

    /// The JSON pointer (RFC 6901) of the value.
    pub(crate) fn pointer(&self) -> String {
        self.steps.iter().rev().fold(String::new(), |pointer, step| pointer + "/" + step)
    }
}

/// How far into `whole` its slice `part` begins.
pub(crate) fn offset(part: &str, whole: &str) -> usize {
    part.as_ptr().addr() - whole.as_ptr().addr()
}

/// A value that stands in a text.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Node<'a> {
    pub(crate) raw: &'a str,
    pub(crate) whole: &'a str,
}

impl<'a> Node<'a> {
    /// Reads a text.
    pub(crate) fn of(whole: &'a str) -> Result<Self, Fault> {
        let raw: &RawValue = serde_json::from_str(whole).map_err(|error| syntax(&error, whole))?;
        Ok(Self { raw: raw.get(), whole })
    }

    fn inner(self, raw: &'a str) -> Self {
        Self { raw, ..self }
    }

    pub(crate) fn fault(self, why: impl Into<String>) -> Fault {
        Fault::new(why).at(self.raw, self.whole)
    }

    /// What kind of value it is, in words.
    pub(crate) fn kind(self) -> &'static str {
        match self.raw.as_bytes().first() {
            Some(b'{') => "an object",
            Some(b'[') => "a list",
            Some(b'"') => "a text",
            Some(b't' | b'f') => "true or false",
            Some(b'n') => "null",
            _ => "a number",
        }
    }

    pub(crate) fn is_object(self) -> bool {
        self.raw.starts_with('{')
    }

    pub(crate) fn is_list(self) -> bool {
        self.raw.starts_with('[')
    }

    pub(crate) fn is_text(self) -> bool {
        self.raw.starts_with('"')
    }

    /// The members of an object, each name once.
    pub(crate) fn members(self) -> Result<Vec<(String, Self)>, Fault> {
        if !self.is_object() {
            return Err(self.fault(format!("an object is due, and here is {}", self.kind())));
        }
        let members: Members<'a> = serde_json::from_str(self.raw).map_err(|error| self.fault(error.to_string()))?;
        let mut seen = HashSet::new();
        for (name, raw) in &members.0 {
            if !seen.insert(name) {
                return Err(self.inner(raw.get()).fault("the name stands twice").within(name));
            }
        }
        Ok(members.0.into_iter().map(|(name, raw)| (name, self.inner(raw.get()))).collect())
    }

    /// The elements of a list.
    pub(crate) fn elements(self) -> Result<Vec<Self>, Fault> {
        if !self.is_list() {
            return Err(self.fault(format!("a list is due, and here is {}", self.kind())));
        }
        let elements: Vec<&RawValue> = serde_json::from_str(self.raw).map_err(|error| self.fault(error.to_string()))?;
        Ok(elements.into_iter().map(|raw| self.inner(raw.get())).collect())
    }

    /// A list, or one value that stands for a list of one, as in most elements of a policy. Faults of an element carry
    /// its index.
    pub(crate) fn each<T>(self, mut read: impl FnMut(Self) -> Result<T, Fault>) -> Result<Vec<T>, Fault> {
        if !self.is_list() {
            return Ok(vec![read(self)?]);
        }
        let elements = self.elements()?.into_iter().enumerate();
        elements.map(|(index, element)| read(element).map_err(|fault| fault.within(index))).collect()
    }

    /// A text.
    pub(crate) fn text(self) -> Result<String, Fault> {
        if !self.is_text() {
            return Err(self.fault(format!("a text is due, and here is {}", self.kind())));
        }
        serde_json::from_str(self.raw).map_err(|error| self.fault(error.to_string()))
    }

    /// A text, or the text of a number or a truth value.
    pub(crate) fn scalar(self) -> Result<String, Fault> {
        match self.raw.as_bytes().first() {
            Some(b'{' | b'[' | b'n') => Err(self.fault(format!("a text is due, and here is {}", self.kind()))),
            Some(b'"') => self.text(),
            _ => Ok(self.raw.to_owned()),
        }
    }
}

/// A fault of serde_json's, whose own place stands in numbers beside the text.
fn syntax(error: &serde_json::Error, whole: &str) -> Fault {
    let why = error.to_string();
    let why = why.split(" at line ").next().unwrap_or_default().to_owned();
    let before: usize = whole.split_inclusive('\n').take(error.line().saturating_sub(1)).map(str::len).sum();
    let offset = (before + error.column().saturating_sub(1)).min(whole.len());
    Fault { offset: Some(offset), ..Fault::new(format!("this is no JSON: {why}")) }
}

struct Members<'a>(Vec<(String, &'a RawValue)>);

impl<'de> Deserialize<'de> for Members<'de> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct V;
        impl<'de> Visitor<'de> for V {
            type Value = Members<'de>;
            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("an object")
            }
            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Members<'de>, A::Error> {
                let mut members = Vec::with_capacity(map.size_hint().unwrap_or(8));
                while let Some(member) = map.next_entry()? {
                    members.push(member);
                }
                Ok(Members(members))
            }
        }
        deserializer.deserialize_map(V)
    }
}
