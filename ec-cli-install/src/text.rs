//! What a person at a terminal sees.

use ec_shared::document::{Document, Section, Status};
use ec_shared::ran_on::RanOn;
use ec_shared::report::{Mark, Report};
use serde::de::DeserializeOwned;
use serde_json::Value;

use crate::platform::Platform;
use crate::recipe::{Alternative, Step};
use crate::verbs::fact;

/// Fills the report about a document.
pub fn report(document: &Document, section: &Section, report: &mut Report) {
    report.title(title(document, section));
    match list(section, "clients") {
        clients if clients.is_empty() => client(section, report),
        clients => clients.iter().for_each(|found| candidate(found, report)),
    }
    for found in list::<Value>(section, "tools") {
        candidate(&found, report);
    }
    for (index, step) in list::<Step>(section, "steps").iter().enumerate() {
        report.row(Mark::Add, [format!("{}. {}{}", index + 1, step.purpose, takes(step)), step.as_typed()]);
    }
    if let Some(from) = fact::<String>(section, "estimates") {
        report.row(Mark::Info, [format!("estimates: {from}")]);
    }
    for line in list::<String>(section, "dockerfile") {
        report.row(Mark::Add, [line]);
    }
    for Alternative { when, step } in list(section, "alternatives") {
        report.row(Mark::Info, [format!("or, when {when}")]);
        report.row(Mark::Info, [format!("   {}", step.purpose), step.as_typed()]);
    }
    for reason in list::<String>(section, "reasons") {
        report.row(Mark::Info, [reason]);
    }
    if let Some(line) = fact::<String>(section, "line_to_try") {
        report.row(Mark::Info, ["to try it".to_owned(), line]);
    }
    let chosen =
        section.facts.get("client").map(|client| format!("{} {}", word(client, "name"), word(client, "version")));
    match (section.status, chosen) {
        (Status::Ok, Some(chosen)) if section.command == "verify" => {
            report.verdict(Mark::Yes, format!("ok: {chosen} has proven its TLS"));
        }
        (Status::Ok, Some(chosen)) => report.verdict(Mark::Yes, format!("ok: {chosen}")),
        (Status::Unchanged, Some(chosen)) => report.verdict(Mark::Yes, format!("unchanged: {chosen} is good as it is")),
        (Status::Changed, Some(chosen)) => {
            report.verdict(Mark::Yes, format!("changed: {chosen} is installed and proven"));
        }
        (Status::Unchanged, None) if section.command == "remove" => {
            let why = section.reason.as_deref().unwrap_or("what was installed is gone");
            report.verdict(Mark::Yes, format!("unchanged: {why}"));
        }
        _ => {}
    }
    report.section(section, &[]);
}

/// `orders, serverless Valkey 8.1  ←  app-1, Debian GNU/Linux 12 (bookworm)`.
fn title(document: &Document, section: &Section) -> String {
    let platform = fact::<Platform>(section, "platform").map(|platform| platform.name);
    let here: Vec<String> =
        fact::<RanOn>(section, "ran_on").map(|machine| machine.to_string()).into_iter().chain(platform).collect();
    let cache = document.cache().ok().flatten().map(|cache| cache.title());
    let parts: Vec<String> = cache.into_iter().chain((!here.is_empty()).then(|| here.join(", "))).collect();
    parts.join("  ←  ")
}

/// A row for each client that was found.
fn candidate(client: &Value, report: &mut Report) {
    let tls = &client["tls"];
    let (mark, note) = match (client["problem"].as_str(), tls["listed"] == true, tls["listed13"] == true) {
        (Some(problem), ..) => (Mark::Warning, problem.to_owned()),
        (None, true, true) => (Mark::Yes, "with TLS 1.3".to_owned()),
        (None, true, false) => (Mark::Yes, "with TLS, and not 1.3".to_owned()),
        (None, false, _) => (Mark::Info, "without TLS".to_owned()),
    };
    let also = client["also"].as_array().map(Vec::as_slice).unwrap_or_default();
    let also = also.iter().filter_map(Value::as_str).map(|path| format!("also {path}"));
    let password = client["knows"]["password_from"][0].as_str().map(|name| format!("password from {name}"));
    let for_memcached = client["knows"].is_null() && client["problem"].is_null();
    let note = if for_memcached { format!("for Memcached {note}") } else { note };
    let notes: Vec<String> = [note].into_iter().chain(password).chain(also).collect();
    report.row(mark, [word(client, "path"), word(client, "version"), notes.join("; ")]);
}

/// ` (about 19 s, 9 MiB)`, where that is known.
fn takes(step: &Step) -> String {
    let time = step.estimated_s.map(|seconds| format!("about {seconds} s"));
    let room = step.disk_mib.map(|mib| format!("{mib} MiB"));
    let known: Vec<String> = time.into_iter().chain(room).collect();
    if known.is_empty() { String::new() } else { format!(" ({})", known.join(", ")) }
}

/// Rows for the client that was chosen, and for what it proved.
fn client(section: &Section, report: &mut Report) {
    let Some(client) = section.facts.get("client") else { return };
    report.row(Mark::Yes, ["client".to_owned(), format!("{} {}", word(client, "path"), word(client, "version"))]);
    let proofs = [
        ("tls13", "TLS 1.3", "exchanged a command with a server on loopback", "did not exchange a command"),
        ("tls12", "TLS 1.2", "exchanged a command with a server on loopback", "did not exchange a command"),
        ("verifies_ca", "authority", "refused a server that an unknown authority vouches for", "accepts any server"),
    ];
    for (key, name, yes, no) in proofs {
        if let Some(is_proven) = client["tls"][key].as_bool() {
            let (mark, text) = if is_proven { (Mark::Yes, yes) } else { (Mark::No, no) };
            report.row(mark, [name, text]);
        }
    }
    if let Some(is_checked) = client["tls"]["verifies_host"].as_bool() {
        let (mark, text) = if is_checked {
            (Mark::Yes, "refused a server whose certificate is another host's")
        } else {
            (Mark::Info, "does not look at whose certificate it is, as no valkey-cli does; ec-probe looks")
        };
        report.row(mark, ["host name", text]);
    }
    exchange(section, report);
}

/// A row for what came of asking the cache of the document.
fn exchange(section: &Section, report: &mut Report) {
    let Some(exchange) = section.facts.get("exchange") else { return };
    let over = if exchange["tls"] == true { "over TLS" } else { "in plain text" };
    let (mark, text) = match exchange["answer"].as_str() {
        Some(answer) => {
            let mark = if answer == "PONG" { Mark::Yes } else { Mark::Warning };
            (mark, format!("{} answered {over}: {answer}", word(exchange, "endpoint")))
        }
        None => (Mark::Warning, format!("{} was not reached {over}", word(exchange, "endpoint"))),
    };
    report.row(mark, ["cache".to_owned(), text]);
}

fn word(value: &Value, key: &str) -> String {
    value[key].as_str().unwrap_or("?").to_owned()
}

fn list<T: DeserializeOwned>(section: &Section, name: &str) -> Vec<T> {
    fact(section, name).unwrap_or_default()
}
