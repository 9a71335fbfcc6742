//! Decides every pair of an instance and a serverless cache in a folder of saved answers, and counts the verdicts: what
//! the evaluator costs, without reading documents and writing them.
//!
//! usage: pairs FOLDER PAIRS
//!
//! Prints one JSON object: how many pairs, how many of each verdict, and the seconds that preparing and deciding took.

use std::collections::BTreeSet;
use std::error::Error;
use std::io::Write;
use std::path::PathBuf;
use std::time::Instant;

use ec_sg::facts;
use ec_sg::path::{CacheSide, ClientSide, Evaluator};
use ec_sg::snapshot::Snapshot;
use ec_shared::document::{Cache, Status};
use serde_json::json;

fn main() -> Result<(), Box<dyn Error>> {
    let mut arguments = std::env::args_os().skip(1);
    let folder: PathBuf = arguments.next().ok_or("no folder is named")?.into();
    let wanted: usize =
        arguments.next().and_then(|text| text.to_str()?.parse().ok()).ok_or("no number of pairs is named")?;
    let begin = Instant::now();
    let known = Snapshot::of_folder(&folder)?;
    let (clients, caches) = (clients(&known)?, caches(&known)?);
    let read = begin.elapsed();

    let begin = Instant::now();
    let ports: BTreeSet<u16> = caches.iter().flat_map(|cache| &cache.ports).map(|port| port.port).collect();
    let ports: Vec<u16> = ports.into_iter().collect();
    let evaluator = Evaluator::new(&known);
    let vpc = caches.first().and_then(|cache| cache.vpc.as_deref());
    let clients: Vec<_> = clients.iter().map(|client| evaluator.client(client, vpc, &ports)).collect();
    let caches: Vec<_> = caches.iter().map(|cache| evaluator.cache(cache)).collect();
    let prepared = begin.elapsed();

    let begin = Instant::now();
    let (mut ok, mut no, mut unknown) = (0_usize, 0_usize, 0_usize);
    let pairs = clients.iter().flat_map(|client| caches.iter().map(move |cache| (client, cache)));
    for (client, cache) in pairs.cycle().take(wanted) {
        match evaluator.decide(client, cache) {
            Status::Ok => ok += 1,
            Status::No => no += 1,
            _ => unknown += 1,
        }
    }
    let decided = begin.elapsed();
    let answer = json!({
        "pairs": ok + no + unknown, "ok": ok, "no": no, "unknown": unknown, "read_s": read.as_secs_f64(),
        "prepare_s": prepared.as_secs_f64(), "decide_s": decided.as_secs_f64(),
    });
    Ok(writeln!(std::io::stdout(), "{answer}")?)
}

fn clients(known: &Snapshot) -> Result<Vec<ClientSide>, Box<dyn Error>> {
    let machines = known.machines().into_iter().cloned();
    machines.map(|machine| Ok(facts::client_side(facts::of_machine(machine), known)?)).collect()
}

fn caches(known: &Snapshot) -> Result<Vec<CacheSide>, Box<dyn Error>> {
    let names = known.cache_names().into_iter();
    let caches = names.map(|name| {
        let cache = known.serverless(name).ok().flatten().cloned().ok_or("only serverless caches are looked at")?;
        let mut side = facts::cache_side(Cache::from(cache))?;
        let subnet = side.subnets.first().and_then(|id| known.subnet(id).ok().flatten());
        side.vpc = subnet.and_then(|subnet| subnet.vpc.clone());
        Ok(side)
    });
    caches.collect()
}
