//! Tells changes as they happen: to people on stderr, to programs as JSON lines.

use std::fs::{File, OpenOptions};
use std::io::{self, Write};
use std::os::fd::AsFd;
use std::path::Path;

use ec_shared::output::Output;
use ec_shared::{Failure, codes};
use serde::Serialize;

use super::log::{Cause, Event};

/// An event as a line.
#[derive(Serialize)]
struct Line<'a> {
    kind: &'static str,
    id: &'a str,
    endpoint: &'a str,
    #[serde(flatten)]
    event: &'a Event,
}

/// The file that events are written to, if there is to be one.
#[derive(Debug, Default)]
pub struct Events(Option<(File, String)>);

impl Events {
    /// Opens the file, to write behind what it holds.
    ///
    /// # Errors
    /// `EC9022` if it cannot be opened.
    pub fn open(path: Option<&Path>) -> Result<Self, Failure> {
        let Some(path) = path else { return Ok(Self::default()) };
        // Opened anew, a stdout that is a file would be written over by what goes to stdout itself.
        let opened = match path.to_str() {
            Some("/dev/stdout" | "/dev/fd/1") => io::stdout().as_fd().try_clone_to_owned().map(File::from),
            Some("/dev/stderr" | "/dev/fd/2") => io::stderr().as_fd().try_clone_to_owned().map(File::from),
            _ => OpenOptions::new().append(true).create(true).open(path),
        };
        match opened {
            Ok(file) => Ok(Self(Some((file, path.display().to_string())))),
            Err(error) => Err(unwritten(&path.display().to_string(), error)),
        }
    }
}

/// Tells the events of one endpoint.
#[derive(Debug)]
pub struct Teller<'a> {
    /// Of which document it is.
    pub id: String,
    /// `HOST:PORT`.
    pub endpoint: String,
    /// For programs.
    pub events: &'a mut Events,
    /// For people.
    pub output: &'a Output,
}

impl Teller<'_> {
    /// Tells an event, at once.
    ///
    /// # Errors
    /// `EC9022` if the file cannot be written.
    pub fn tell(&mut self, event: &Event) -> Result<(), Failure> {
        let Self { id, endpoint, events, output } = self;
        let sentence = format!("{endpoint} {}", sentence(event));
        match event {
            Event::Up { gap_ms: None, .. } => output.note(&sentence),
            _ => output.warn(&sentence),
        }
        let Some((file, name)) = &mut events.0 else { return Ok(()) };
        let line = serde_json::to_string(&Line { kind: "ec.event", id, endpoint, event }).unwrap_or_default();
        // In one write, so that whoever reads along sees whole lines.
        file.write_all(format!("{line}\n").as_bytes()).map_err(|error| unwritten(name, error))
    }
}

fn unwritten(name: &str, error: io::Error) -> Failure {
    Failure::new(&codes::WRITE, format!("cannot write the events to {name}")).because(error)
}

/// An event for people.
fn sentence(event: &Event) -> String {
    match event {
        Event::Down { at, cause: Cause { stage, code, cause }, .. } => {
            let code = code.as_ref().map_or(String::new(), |code| format!(" ({code})"));
            format!("is down since {at}: {}: {cause}{code}", stage.word())
        }
        Event::Up { at, gap_ms, address, address_before, role, role_before } => {
            let again = gap_ms.map_or(String::new(), |gap| format!(" after {gap:.0} ms without an answer"));
            let moved = address_before.as_ref().map_or(String::new(), |before| format!(", before {before}"));
            let turned = match (role, role_before) {
                (Some(role), Some(before)) => format!(", {role} where there was a {before}"),
                _ => String::new(),
            };
            format!("answers since {at}{again}: {address}{moved}{turned}")
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ladder::Stage;

    #[test]
    fn people_read_what_happened() {
        let at = || "2026-02-01T00:00:00.123Z".to_owned();
        let cause = Cause { stage: Stage::Tcp, code: Some("EC3005".into()), cause: "the host refuses".into() };
        let down = Event::Down { at: at(), cause, address_before: None };
        assert_eq!(sentence(&down), "is down since 2026-02-01T00:00:00.123Z: tcp: the host refuses (EC3005)");
        let up = |gap_ms, before: Option<&str>, role_before: Option<&str>| {
            sentence(&Event::Up {
                at: at(),
                gap_ms,
                address: "10.0.0.2:6379".into(),
                address_before: before.map(str::to_owned),
                role: Some("primary".into()),
                role_before: role_before.map(str::to_owned),
            })
        };
        assert_eq!(up(None, None, None), "answers since 2026-02-01T00:00:00.123Z: 10.0.0.2:6379");
        assert_eq!(
            up(Some(812.4), Some("10.0.0.1:6379"), Some("replica")),
            "answers since 2026-02-01T00:00:00.123Z after 812 ms without an answer: 10.0.0.2:6379, before 10.0.0.1:6379, \
             primary where there was a replica"
        );
    }
}
