//! Folders of saved answers: read with `--from-files`, written with `find --save`.
//!
//! Every `*.json` below a folder is read, whatever its name; what an answer is about, its top-level key says. An answer that
//! does not name its subject, as `search-transit-gateway-routes` and `get-managed-prefix-list-entries`, takes the id from a
//! member of ours (`TransitGatewayRouteTableId`, `PrefixListId`), else from the file's name.

use std::fs;
use std::io::Write;
use std::path::Path;

use ec_shared::document::Deployment;
use ec_shared::{Failure, codes as shared, saved};
use serde_json::Value;

use super::Answers;
use crate::cloud::{Cloud, Label, Told};
use crate::codes;
use crate::need::Need;
use crate::rule::{Direction, Opening, Rule};
use crate::snapshot::Snapshot;

/// Answers from files: whatever they do not hold is not to be had.
#[derive(Debug)]
pub(crate) struct Files;

impl Cloud for Files {
    fn region(&self) -> Option<&str> {
        None
    }

    async fn fetch(&self, needs: Vec<Need>) -> Vec<Told> {
        let told = |need: Need| {
            let failure = Failure::new(&codes::NOT_IN_FILES, format!("the files do not tell {need}"))
                .hint(format!("save the answer of: {}", need.command()));
            Told { needs: vec![need], answers: Err(failure), is_whole: false }
        };
        needs.into_iter().map(told).collect()
    }

    async fn authorize(&self, _: &[Opening], _: &Label) -> Result<Vec<Rule>, Failure> {
        Err(read_only())
    }

    async fn may_authorize(&self, _: &[Opening]) -> Result<(), Failure> {
        Err(read_only())
    }

    async fn revoke(&self, _: &str, _: Direction, _: &[String]) -> Result<(), Failure> {
        Err(read_only())
    }

    async fn set_groups(&self, _: &str, _: &[String]) -> Result<(), Failure> {
        Err(read_only())
    }
}

/// The command line does not let it come to this.
fn read_only() -> Failure {
    Failure::new(&shared::FLAGS, "cannot change anything in saved answers")
}

/// Reads all answers below a folder.
///
/// # Errors
/// `EC1030` for a file that is no JSON or holds a value that AWS does not write, and for a folder without any answer;
/// `EC9021` if something cannot be read.
pub(crate) fn read(folder: &Path) -> Result<Snapshot, Failure> {
    let mut snapshot = Snapshot::default();
    let mut told = Kinds::default();
    for path in saved::files_below(folder, &["json"])? {
        let bytes = saved::read(&path)?;
        for answers in serde_json::Deserializer::from_slice(&bytes).into_iter::<Answers>() {
            let mut answers = answers.map_err(|error| bad_file(&path, &error.to_string()))?;
            name_subject(&mut answers, &path);
            told.note(&answers);
            snapshot.take(answers).map_err(|fault| bad_file(&path, &fault))?;
        }
    }
    if !told.any {
        return Err(Failure::new(&codes::BAD_FILES, format!("there is no answer of AWS below {}", folder.display()))
            .hint("save some: aws ec2 describe-security-groups --output json > DIR/groups.json"));
    }
    told.mark(&mut snapshot);
    Ok(snapshot)
}

fn bad_file(path: &Path, why: &str) -> Failure {
    Failure::new(&codes::BAD_FILES, format!("cannot take {} for answers of AWS", path.display()))
        .because(why)
        .hint("save the answer anew with --output json; other files must not end in .json")
}

/// An answer that does not say what it is about takes it from the file's name.
fn name_subject(answers: &mut Answers, path: &Path) {
    let name = path.file_stem().and_then(|stem| stem.to_str()).unwrap_or_default();
    let id = |prefix: &str| {
        let rest = &name[name.find(prefix)?..];
        let digits = rest[prefix.len()..]
            .find(|c: char| !c.is_ascii_alphanumeric())
            .map_or(rest, |end| &rest[..prefix.len() + end]);
        Some(digits.to_owned())
    };
    if answers.routes.is_some() && answers.transit_gateway_route_table_id.is_none() {
        answers.transit_gateway_route_table_id = id("tgw-rtb-");
    }
    if answers.entries.is_some() && answers.prefix_list_id.is_none() {
        answers.prefix_list_id = id("pl-");
    }
}

/// Of which kinds the files hold answers: what such an answer does not list does not exist.
#[derive(Debug, Default)]
struct Kinds {
    any: bool,
    kinds: Vec<Need>,
}

impl Kinds {
    fn note(&mut self, answers: &Answers) {
        let nothing = String::new;
        let caches = answers.serverless_caches.is_some()
            || answers.replication_groups.is_some()
            || answers.cache_clusters.is_some();
        let transit = answers.transit_gateways.is_some() && answers.transit_gateway_attachments.is_some();
        let kinds = [
            // One kind of cache stands for all: nobody saves the empty lists of the others.
            (caches, Need::Cache(Deployment::Serverless, nothing())),
            (answers.reservations.is_some(), Need::Instance(nothing())),
            (answers.reservations.is_some(), Need::InstancesOf(nothing())),
            (answers.network_interfaces.is_some(), Need::Interface(nothing())),
            (answers.network_interfaces.is_some(), Need::InterfaceAt(std::net::Ipv4Addr::UNSPECIFIED.into())),
            (answers.network_interfaces.is_some(), Need::InterfacesOf(nothing())),
            (answers.security_groups.is_some(), Need::Group(nothing())),
            (answers.security_groups.is_some(), Need::GroupsOf(nothing())),
            (answers.subnets.is_some(), Need::SubnetsOf(nothing())),
            (answers.vpc_peering_connections.is_some(), Need::Peerings(nothing(), nothing())),
            (transit, Need::TransitGateway(nothing())),
            (answers.stale_security_group_set.is_some(), Need::StaleRules(nothing())),
        ];
        self.kinds.extend(kinds.into_iter().filter_map(|(is_told, need)| is_told.then_some(need)));
        self.any |= !answers.is_empty();
    }

    fn mark(self, snapshot: &mut Snapshot) {
        self.kinds.iter().for_each(|need| snapshot.told_whole(need));
    }
}

/// Writes answers into a folder, one file for each; the folder is made if it is not there.
///
/// # Errors
/// `EC9022` if something cannot be written.
pub(crate) fn write(folder: &Path, answers: &[Answers]) -> Result<usize, Failure> {
    let cannot = |error: std::io::Error| {
        Failure::new(&shared::WRITE, format!("cannot save answers in {}", folder.display())).because(error)
    };
    fs::create_dir_all(folder).map_err(cannot)?;
    let mut count = 0;
    for each in answers {
        let Ok(Value::Object(members)) = serde_json::to_value(each) else { continue };
        let members = Value::Object(members);
        let Value::Object(members) = without_nothing(members) else { continue };
        let Some(key) = members.keys().next() else { continue };
        count += 1;
        let path = folder.join(format!("{count:03}-{key}.json"));
        let mut file = tempfile::NamedTempFile::new_in(folder).map_err(cannot)?;
        serde_json::to_writer(&mut file, &members).map_err(|error| cannot(error.into()))?;
        file.write_all(b"\n").map_err(cannot)?;
        file.persist(&path).map_err(|error| cannot(error.error))?;
    }
    Ok(count)
}

/// Leaves out members that say nothing.
fn without_nothing(value: Value) -> Value {
    match value {
        Value::Object(members) => {
            let kept = members.into_iter().filter(|(_, value)| !value.is_null());
            Value::Object(kept.map(|(name, value)| (name, without_nothing(value))).collect())
        }
        Value::Array(values) => Value::Array(values.into_iter().map(without_nothing).collect()),
        other => other,
    }
}

#[cfg(test)]
mod tests;
