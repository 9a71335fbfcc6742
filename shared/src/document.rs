//! The `ec.connection` document: one JSON object for one client–cache connection.
//!
//! A document is kept as its top-level members in order, each as the text that came in. A tool reads typed views of the
//! members it knows and replaces only its own, so unknown keys, key order and the text of numbers pass through unchanged.

pub mod cache;
pub mod check;
pub mod records;
pub mod section;

use memchr::memchr2;
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::value::{RawValue, to_raw_value};

pub use cache::{Auth, AuthKind, Cache, Client, Connection, Deployment, Endpoint, EndpointRole, Engine, Network, Tls};
pub use section::{Change, ChangeState, Finding, Section, Severity, Status};

use crate::codes;
use crate::exit::Exit;
use crate::failure::Failure;

/// The `kind` of every document.
pub const KIND: &str = "ec.connection";
/// The `format_version` that is written; any `1.x` is read.
pub const FORMAT_VERSION: &str = "1.0";
/// The keys whose sections say how a stage ended, in the order of the pipe.
pub const SECTIONS: [&str; 4] = ["sg", "iam", "cli", "probe"];

/// One document: its top-level members in order.
#[derive(Clone, Debug)]
pub struct Document {
    members: Vec<(String, Box<RawValue>)>,
}

impl Document {
    /// A document that says nothing yet but what it is.
    pub fn empty() -> Self {
        let mut document = Self { members: Vec::new() };
        document.set("kind", &KIND);
        document.set("format_version", &FORMAT_VERSION);
        document
    }

    /// A document about one cache.
    pub fn about(cache: &Cache) -> Self {
        let mut document = Self::empty();
        document.set("id", &cache.name);
        document.set("cache", cache);
        document
    }

    pub(crate) fn from_members(members: Vec<(String, Box<RawValue>)>) -> Self {
        Self { members }
    }

    pub(crate) fn raw(&self, key: &str) -> Option<&RawValue> {
        self.members.iter().find(|(name, _)| name == key).map(|(_, value)| &**value)
    }

    /// Reads the member `key` as a `T`; `None` where the document has no such member.
    ///
    /// # Errors
    /// `EC9009` with the path of the value that is missing or of another type.
    pub fn read<T: DeserializeOwned>(&self, key: &str) -> Result<Option<T>, Failure> {
        let Some(raw) = self.raw(key) else { return Ok(None) };
        if let Ok(value) = serde_json::from_str(raw.get()) {
            return Ok(Some(value));
        }
        // Keeping track of the path costs as much as reading; it is only done for who has to be told.
        let mut json = serde_json::Deserializer::from_str(raw.get());
        serde_path_to_error::deserialize(&mut json).map(Some).map_err(|error| {
            let path = error.path().to_string();
            let path = if path == "." { key.to_owned() } else { format!("{key}.{path}") };
            Failure::new(&codes::FIELD, format!("cannot read `{path}` of document {}", self.id()))
                .because(plain(error.inner()))
                .hint("start from `ec-sg find`, or correct the document")
        })
    }

    /// Sets the member `key`, in its place if it is there, at the end if it is new; `ok` stays last.
    pub fn set(&mut self, key: &str, value: &impl Serialize) {
        // Our own types hold no map with keys that are not strings, the one thing that JSON cannot carry.
        let raw = to_raw_value(value).unwrap_or_else(|_| RawValue::NULL.to_owned());
        if let Some(member) = self.members.iter_mut().find(|(name, _)| name == key) {
            member.1 = raw;
            return;
        }
        let end = match self.members.last() {
            Some((last, _)) if last == "ok" => self.members.len() - 1,
            _ => self.members.len(),
        };
        self.members.insert(end, (key.to_owned(), raw));
    }

    /// The cache, as far as the document knows it.
    ///
    /// # Errors
    /// `EC9009` if `cache` is there and is not a cache.
    pub fn cache(&self) -> Result<Option<Cache>, Failure> {
        self.read("cache")
    }

    /// The client, as far as the document knows it.
    ///
    /// # Errors
    /// `EC9009` if `client` is there and is not a client.
    pub fn client(&self) -> Result<Option<Client>, Failure> {
        self.read("client")
    }

    /// The document's `id`, or `-` where it has none.
    pub fn id(&self) -> String {
        self.given_id().unwrap_or_else(|| "-".to_owned())
    }

    /// The document's `id`, where it has one.
    pub fn given_id(&self) -> Option<String> {
        self.raw("id").and_then(|raw| serde_json::from_str(raw.get()).ok())
    }

    /// Puts a stage's section in, and brings `ok` up to date. Changes that an earlier verb of the same tool has done
    /// stay in front of the new ones, so that `revoke` works from any later document.
    pub fn set_section(&mut self, key: &str, mut section: Section) {
        let explained = self.is_no_explained();
        let said_no = self.says_no();
        if let Ok(Some(before)) = self.read::<Section>(key) {
            section.keep_done_changes_of(before);
        }
        self.set(key, &section);
        let ok = self.statuses().all(|status| !status.is_no()) && (explained || !said_no);
        self.members.retain(|(name, _)| name != "ok");
        self.set("ok", &ok);
    }

    /// The first stage, in the order of the pipe, that could not do its work: its key and its section.
    pub fn failed_stage(&self) -> Option<(&'static str, Section)> {
        let sections = SECTIONS.iter().filter_map(|key| Some((*key, self.read::<Section>(key).ok()??)));
        sections.into_iter().find(|(_, section)| section.status == Status::Error)
    }

    /// Whether the document says `ok: false`.
    pub fn says_no(&self) -> bool {
        self.raw("ok").is_some_and(|raw| raw.get() == "false")
    }

    /// What the document alone asks the exit code to be: at least 1 while it says `ok: false`.
    pub fn exit(&self) -> Exit {
        if self.says_no() { Exit::No } else { Exit::Ok }
    }

    /// An `ok: false` that no section accounts for was put there by somebody else, and stays.
    fn is_no_explained(&self) -> bool {
        self.statuses().any(Status::is_no)
    }

    fn statuses(&self) -> impl Iterator<Item = Status> {
        #[derive(serde::Deserialize)]
        struct Head {
            status: Status,
        }
        SECTIONS
            .iter()
            .filter_map(|key| self.raw(key))
            .filter_map(|raw| serde_json::from_str::<Head>(raw.get()).ok())
            .map(|head| head.status)
    }

    /// Appends the document as one line, with its final newline.
    pub fn write_line(&self, out: &mut Vec<u8>) {
        out.push(b'{');
        for (index, (name, value)) in self.members.iter().enumerate() {
            if index > 0 {
                out.push(b',');
            }
            // Writing a string into memory cannot fail.
            let _ = serde_json::to_writer(&mut *out, name);
            out.push(b':');
            minify(value.get().as_bytes(), out);
        }
        out.extend_from_slice(b"}\n");
    }
}

/// Copies JSON text without the white space between its tokens.
pub(crate) fn minify(json: &[u8], out: &mut Vec<u8>) {
    let mut copied = 0;
    let mut at = 0;
    while at < json.len() {
        match json[at] {
            b'"' => at = end_of_string(json, at),
            b' ' | b'\t' | b'\n' | b'\r' => {
                out.extend_from_slice(&json[copied..at]);
                at += 1;
                copied = at;
            }
            _ => at += 1,
        }
    }
    out.extend_from_slice(&json[copied..]);
}

/// The index behind the closing quote of the string that opens at `start`, or the end of the text.
fn end_of_string(json: &[u8], start: usize) -> usize {
    let mut at = start + 1;
    while let Some(found) = json.get(at..).and_then(|rest| memchr2(b'"', b'\\', rest)) {
        if json[at + found] == b'"' {
            return at + found + 1;
        }
        at += found + 2;
    }
    json.len()
}

/// serde_json's words without the position, which is told apart.
pub(crate) fn plain(error: &serde_json::Error) -> String {
    let text = error.to_string();
    match text.rfind(" at line ") {
        Some(end) => text[..end].to_owned(),
        None => text,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn document(json: &str) -> Document {
        check::members(json.as_bytes()).map(Document::from_members).unwrap()
    }

    fn line(document: &Document) -> String {
        let mut out = Vec::new();
        document.write_line(&mut out);
        String::from_utf8(out).unwrap()
    }

    #[test]
    fn unknown_keys_their_order_and_the_text_of_numbers_pass_through() {
        let json = r#"{"z":1.10,"kind":"ec.connection","big":12345678901234567890123,"a":{"x":1e2,"b":[ "a b\" " ]}}"#;
        assert_eq!(
            line(&document(json)),
            "{\"z\":1.10,\"kind\":\"ec.connection\",\"big\":12345678901234567890123,\"a\":{\"x\":1e2,\"b\":[\"a b\\\" \"]}}\n"
        );
    }

    #[test]
    fn a_section_is_set_before_ok_and_ok_follows_the_statuses() {
        let mut document = Document::empty();
        document.set_section("sg", Section::new("check", Status::No));
        assert!(document.says_no());
        document.set_section("iam", Section::new("apply", Status::Unchanged));
        assert!(document.says_no());
        document.set_section("sg", Section::new("apply", Status::Changed));
        assert_eq!(
            line(&document),
            "{\"kind\":\"ec.connection\",\"format_version\":\"1.0\",\"sg\":{\"command\":\"apply\",\"status\":\"changed\"},\
             \"iam\":{\"command\":\"apply\",\"status\":\"unchanged\"},\"ok\":true}\n"
        );
    }

    #[test]
    fn a_no_that_no_section_accounts_for_stays() {
        let mut document = document(r#"{"kind":"ec.connection","ok":false}"#);
        document.set_section("sg", Section::new("check", Status::Ok));
        assert!(document.says_no());
    }

    #[test]
    fn done_changes_outlive_a_later_verb() {
        let mut document = Document::empty();
        let mut applied = Section::new("apply", Status::Changed);
        applied.changes.push(Change::new("create", "sg-1 ingress tcp 6379 sg-2", ChangeState::Done).id("sgr-1"));
        document.set_section("sg", applied);
        document.set_section("sg", Section::new("check", Status::Ok));
        let section: Section = document.read("sg").unwrap().unwrap();
        assert_eq!(section.command, "check");
        assert_eq!(section.changes[0].id.as_deref(), Some("sgr-1"));
    }

    #[test]
    fn a_wrong_type_is_named_by_its_path() {
        let document = document(
            r#"{"kind":"ec.connection","id":"o","cache":{"name":"o","endpoints":[{"role":"primary","host":"h","port":"6379"}]}}"#,
        );
        let failure = document.cache().unwrap_err();
        assert_eq!(
            failure.to_string(),
            "cannot read `cache.endpoints[0].port` of document o: invalid type: string \"6379\", expected u16"
        );
    }
}
