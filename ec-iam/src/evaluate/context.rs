//! The request context: what is known about a request beside action and resource.

/// Context keys and their values. Keys are compared without regard to case.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Context(Vec<(Box<str>, Vec<String>)>);

impl Context {
    /// A context of these keys; of a key that is given twice, the last counts.
    pub fn new<K: AsRef<str>, V: Into<String>>(entries: impl IntoIterator<Item = (K, Vec<V>)>) -> Self {
        let mut context = Self::default();
        for (key, values) in entries {
            context.set(key.as_ref(), values.into_iter().map(Into::into).collect());
        }
        context
    }

    /// Sets a key.
    pub fn set(&mut self, key: &str, values: Vec<String>) {
        let key: Box<str> = key.to_ascii_lowercase().into();
        match self.0.binary_search_by(|(known, _)| known.cmp(&key)) {
            Ok(index) => self.0[index].1 = values,
            Err(index) => self.0.insert(index, (key, values)),
        }
    }

    /// Sets a key that is not there yet.
    pub fn set_default(&mut self, key: &str, value: &str) {
        if self.values(&key.to_ascii_lowercase()).is_none() {
            self.set(key, vec![value.to_owned()]);
        }
    }

    /// Sets every key of another context.
    pub fn extend(&mut self, other: &Self) {
        for (key, values) in other.entries() {
            self.set(key, values.to_vec());
        }
    }

    /// The keys in lower case, and their values.
    pub fn entries(&self) -> impl Iterator<Item = (&str, &[String])> {
        self.0.iter().map(|(key, values)| (&**key, values.as_slice()))
    }

    /// The values of a key in lower case; `None` if the key is absent. A key without values counts as absent.
    pub(crate) fn values(&self, key: &str) -> Option<&[String]> {
        let index = self.0.binary_search_by(|(known, _)| (**known).cmp(key)).ok()?;
        let values = self.0[index].1.as_slice();
        (!values.is_empty()).then_some(values)
    }

    /// The value of a key in lower case that has exactly one: a variable stands for no list.
    pub(crate) fn single(&self, key: &str) -> Option<&str> {
        match self.values(key)? {
            [value] => Some(value),
            _ => None,
        }
    }
}
