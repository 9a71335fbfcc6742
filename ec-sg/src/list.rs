//! `ports`: an answer of its own kind, one object for each question. Asks nobody.

use std::io;

use ec_shared::document::records::Records;
use ec_shared::document::{Cache, Connection, Deployment, Engine};
use ec_shared::flags::Common;
use ec_shared::output::{Format, Output, Written};
use ec_shared::report::{Mark, Report};
use ec_shared::run::Input;
use ec_shared::{Document, Exit, Failure, codes as shared};
use serde::Serialize;

use crate::codes;
use crate::facts::{self, Target};
use crate::ports::{self, Port};

/// One answer.
#[derive(Serialize)]
struct Answer {
    kind: &'static str,
    format_version: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    cache: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    engine: Option<Engine>,
    #[serde(skip_serializing_if = "Option::is_none")]
    deployment: Option<Deployment>,
    /// Whether security groups stand before these ports.
    security_groups: bool,
    ports: Vec<Port>,
}

/// Prints the ports of an engine and a deployment, or those of each document on stdin.
pub(crate) fn ports(
    common: &Common,
    named: Option<(Engine, Deployment)>,
    output: &mut Output,
) -> Result<Exit, Failure> {
    if let Some((engine, deployment)) = named {
        let ports = ports::documented(engine, deployment, Connection::Vpc);
        print(&Answer::new(None, Some(engine), Some(deployment), true, ports), output);
        return Ok(Exit::Ok);
    }
    let mut exit = None;
    let mut answer = |result: Result<(), Failure>, output: &Output| {
        let own = result.map_or_else(
            |failure| {
                output.complain(&failure);
                failure.exit()
            },
            |()| Exit::Ok,
        );
        exit = Some(exit.map_or(own, |before: Exit| before.and(own)));
    };
    match Input::choose(common, None, false)? {
        Input::Some(documents) => documents.iter().for_each(|document| answer(of_document(document, output), output)),
        Input::Stdin => {
            let mut records = Records::new(io::stdin().lock());
            let mut more = true;
            while more {
                more = records.fill()?;
                while let Some(record) = records.take()? {
                    match record.documents() {
                        Ok(documents) => {
                            for document in documents {
                                answer(of_document(&document, output), output);
                            }
                        }
                        Err(failure) => answer(Err(failure), output),
                    }
                }
                if output.flush()? == Written::ReaderGone {
                    break;
                }
            }
        }
    }
    exit.ok_or_else(|| {
        Failure::new(&shared::NO_INPUT, "there is no document on stdin")
            .hint("name --engine and --deployment, or pipe a document in")
    })
}

fn of_document(document: &Document, output: &mut Output) -> Result<(), Failure> {
    let cache = document.cache()?;
    facts::named(document, cache.as_ref(), &Target::default(), false)?;
    let cache = cache.unwrap_or_default();
    let ports = ports::of(&cache);
    if ports.is_empty() {
        return Err(no_endpoint(&cache));
    }
    let behind_groups = !facts::is_public(&cache);
    print(&Answer::new(Some(cache.name), cache.engine, cache.deployment, behind_groups, ports), output);
    Ok(())
}

/// What is to be said of a cache whose ports nothing tells.
pub(crate) fn no_endpoint(cache: &Cache) -> Failure {
    Failure::new(&codes::NO_ENDPOINT, format!("cannot tell the ports of {}", cache.name))
        .because("the API reports no endpoint of it")
        .hint("wait until the cache is available, then find it again")
}

impl Answer {
    fn new(
        cache: Option<String>,
        engine: Option<Engine>,
        deployment: Option<Deployment>,
        security_groups: bool,
        ports: Vec<Port>,
    ) -> Self {
        Self { kind: "ec.sg.ports", format_version: "1.0", cache, engine, deployment, security_groups, ports }
    }
}

fn print(answer: &Answer, output: &mut Output) {
    if output.format() == Format::Json {
        let mut line = serde_json::to_vec(answer).unwrap_or_default();
        line.push(b'\n');
        output.answer(&line);
        return;
    }
    let mut report = Report::default();
    let about = Cache {
        name: answer.cache.clone().unwrap_or_else(|| "ports".to_owned()),
        engine: answer.engine,
        deployment: answer.deployment,
        ..Cache::default()
    };
    report.title(about.title());
    for port in &answer.ports {
        report.row(Mark::Info, [format!("{} {}", port.protocol, port.port), port.purpose.to_owned()]);
    }
    if !answer.security_groups {
        report.verdict(Mark::Info, facts::PUBLIC);
    }
    output.answer(report.render().as_bytes());
}
