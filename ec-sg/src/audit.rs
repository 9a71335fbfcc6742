//! `audit`: what is too open, redundant, stale, missing or near its quota on the security groups of a cache.
//!
//! Decisions:
//! - What is public is judged by address space, over all rules together, and not by string.
//! - A rule that names a security group or a prefix list is covered by one that names the same, or by one that admits
//!   everybody: who is a member changes, and is no address space. So the entries of a list cover nothing, either.
//! - All redundant rules can be taken away together: those that cover them are never redundant themselves. One that only a
//!   rule for the Internet covers is to stay, since that one is to go.
//! - A group that a rule names is gone if AWS says so. Where AWS does not, it is if all groups of the VPC were told, the
//!   VPC's own default group among them, and it is none of these and no other that is known.
//! - What could not be read is a finding, and the answer is `unknown`, unless something was found wrong.

mod command;
mod full;
mod open;
mod peers;
mod redundant;
mod stale;
mod unused;
mod wide;

use std::cell::RefCell;
use std::collections::{BTreeMap, BTreeSet};

use ec_shared::document::{Finding, Section, Severity, Status};
use ec_shared::{Code, Document, Failure};
use ipnet::IpNet;

use crate::cloud::{Cloud, World};
use crate::facts::{self, Target};
use crate::need::Need;
use crate::path::{CacheSide, Evidence};
use crate::rule::{Direction, Peer, Rule};
use crate::segments::Family;
use crate::snapshot::{Known, Snapshot};
use crate::{codes, quota};

/// What is found on the security groups of a cache: the worst first, then by group and rule.
pub fn audit(cache: &CacheSide, known: &Snapshot) -> Vec<Finding> {
    Audit::of(cache, known, format!("ec-sg apply --cache {}", cache.name)).findings()
}

/// The verb: learns what it takes, and tells what is found.
pub(crate) async fn run<C: Cloud>(
    document: &mut Document,
    world: &mut World<C>,
    target: &Target,
) -> Result<Section, Failure> {
    facts::complete(document, world, target, target.names_cache()).await?;
    let cache = document.cache()?.unwrap_or_default();
    if facts::is_public(&cache) {
        return Ok(Section::skipped("audit", facts::PUBLIC));
    }
    let apply = target.command("apply", &cache, None);
    let side = facts::cache_side(cache)?;
    // With their ids, whatever is known of them.
    let rules = side.groups.iter().cloned().map(Need::Rules);
    world.learn(rules.chain(side.vpc.clone().map(Need::GroupsOf))).await;
    loop {
        let audit = Audit::of(&side, &world.snapshot, apply.clone());
        let findings = audit.findings();
        let missing = audit.missing.take();
        if !world.learn(missing).await {
            return Ok(section(findings).fact("rules", counts(&side, &world.snapshot)));
        }
    }
}

fn section(findings: Vec<Finding>) -> Section {
    let is_unknown = |finding: &&Finding| finding.code == codes::NOT_DETERMINED.id;
    let is_wrong = |finding: &&Finding| finding.severity != Severity::Info && !is_unknown(finding);
    let unknown = findings.iter().find(is_unknown).map(|finding| finding.summary.clone());
    let (status, reason) = match (findings.iter().any(|finding| is_wrong(&finding)), unknown) {
        (true, _) => (Status::No, None),
        (false, Some(unknown)) => (Status::Unknown, Some(unknown)),
        (false, None) => (Status::Ok, None),
    };
    Section { findings, reason, ..Section::new("audit", status) }
}

/// How many rules each group holds, as the quota counts them: by direction and family.
fn counts(
    cache: &CacheSide,
    known: &Snapshot,
) -> BTreeMap<String, BTreeMap<&'static str, BTreeMap<&'static str, u32>>> {
    let of = |rules: &[Rule], direction: Direction| {
        let of = |family: Family| (family.word(), quota::count(rules, known, direction, family));
        (direction.word(), FAMILIES.map(of).into())
    };
    let counts = cache.groups.iter().filter_map(|group| Some((group.clone(), known.rules(group).ok()?)));
    counts.map(|(group, rules)| (group, DIRECTIONS.map(|direction| of(rules, direction)).into())).collect()
}

const FAMILIES: [Family; 2] = [Family::V4, Family::V6];
const DIRECTIONS: [Direction; 2] = [Direction::Ingress, Direction::Egress];

/// One look at what is known.
#[derive(Debug)]
struct Audit<'s> {
    cache: &'s CacheSide,
    known: &'s Snapshot,
    /// The command that opens what is closed, but for `--from`.
    apply: String,
    /// What was looked for and is not known.
    missing: RefCell<BTreeSet<Need>>,
}

impl<'s> Audit<'s> {
    fn of(cache: &'s CacheSide, known: &'s Snapshot, apply: String) -> Self {
        Self { cache, known, apply, missing: RefCell::default() }
    }

    fn findings(&self) -> Vec<Finding> {
        let mut findings = [
            self.world_open(),
            self.default_groups(),
            self.over_wide(),
            self.redundant(),
            self.stale(),
            self.unused_groups(),
            self.second_port(),
            self.near_quota(),
        ]
        .concat();
        findings.extend(self.not_determined());
        findings.sort_by_key(subject);
        findings
    }

    /// What a look-up gives; what it lacks is noted.
    fn seen<T>(&self, known: Known<T>) -> Option<T> {
        known.map_err(|need| self.missing.borrow_mut().insert(need)).ok()
    }

    /// The rules of the cache's groups, in the order of the groups.
    fn rules(&self) -> impl Iterator<Item = &'s Rule> {
        self.cache.groups.iter().filter_map(|group| self.seen(self.known.rules(group))).flatten()
    }

    /// Those that admit somebody to at least one port of the cache.
    fn admitting(&self) -> impl Iterator<Item = &'s Rule> {
        self.rules().filter(|rule| rule.direction == Direction::Ingress && !self.covered(rule).is_empty())
    }

    /// The cache's ports that a rule covers.
    fn covered(&self, rule: &Rule) -> Vec<u16> {
        self.cache.ports.iter().map(|port| port.port).filter(|port| rule.traffic.covers(*port)).collect()
    }

    /// The addresses that a rule names; none for a group, whose members change.
    fn ranges(&self, rule: &Rule) -> Vec<IpNet> {
        match &rule.peer {
            Peer::Group(_) => Vec::new(),
            Peer::Range(range) => vec![*range],
            Peer::PrefixList(list) => self.seen(self.known.prefix_list(list)).unwrap_or_default().to_vec(),
        }
    }

    /// Whether AWS has answered `need`.
    fn is_told(&self, need: &Need) -> bool {
        self.known.is_asked(need) && self.known.refusal(need).is_none()
    }

    /// What could not be read.
    fn not_determined(&self) -> Vec<Finding> {
        let unknown = |what: String| Finding::new(&codes::NOT_DETERMINED, Severity::Warning, what);
        let mut findings = Vec::new();
        if self.cache.groups.is_empty() {
            findings.push(unknown(format!("the API reports no security group of {}", self.cache.name)));
        }
        if self.cache.vpc.is_none() {
            findings.push(unknown("the cache's VPC is not known".to_owned()));
        }
        let what = |need: &Need| {
            let cause = self.known.refusal(need);
            cause.map_or_else(|| format!("{need}: not known"), ToString::to_string)
        };
        let missing = self.missing.borrow();
        let mut missing: Vec<&Need> = missing.iter().collect();
        // One call tells them, saved or not.
        let is_one_call = |one: &Need, other: &Need| {
            what(one) == what(other) || matches!((one, other), (Need::InterfacesOf(_), Need::InterfacesOf(_)))
        };
        missing.dedup_by(|one, other| is_one_call(one, other));
        findings.extend(missing.into_iter().map(|need| {
            let cause = self.known.refusal(need);
            let finding = unknown(what(need)).evidence("missing", need.command());
            match cause.and_then(Failure::hint_text) {
                Some(hint) => finding.fix(hint),
                None => finding,
            }
        }));
        findings
    }
}

/// A finding about rules.
fn about(code: &'static Code, severity: Severity, summary: String, rules: &[&Rule]) -> Finding {
    let groups: BTreeSet<&str> = rules.iter().map(|rule| rule.group.as_str()).collect();
    Finding::new(code, severity, summary).evidence("security_group_ids", groups).evidence("decided_by", by(rules))
}

/// A rule in the words of a sentence about its group.
fn brief(rule: &Rule) -> String {
    let name = rule.id.as_ref().unwrap_or(&rule.group);
    format!("{name} ({} {} {})", rule.traffic, rule.direction.preposition(), rule.peer)
}

/// Rules by their ids.
fn by(rules: &[&Rule]) -> Vec<Evidence> {
    let by = |rule: &&Rule| Evidence::Rule {
        security_group_rule_id: rule.id.clone(),
        security_group_id: rule.group.clone(),
    };
    rules.iter().map(by).collect()
}

/// The order of findings: what is not known comes after what is wrong.
fn subject(finding: &Finding) -> (u8, bool, String, String) {
    let severity = match finding.severity {
        Severity::Error => 0,
        Severity::Warning => 1,
        Severity::Info => 2,
    };
    let evidence = |name: &str| finding.evidence.get(name).map(ToString::to_string).unwrap_or_default();
    let is_unknown = finding.code == codes::NOT_DETERMINED.id;
    (severity, is_unknown, evidence("security_group_ids"), evidence("decided_by"))
}

/// `6379 and 6380`.
fn listed(all: &[impl ToString]) -> String {
    let all: Vec<String> = all.iter().map(ToString::to_string).collect();
    match all.split_last() {
        Some((last, rest)) if !rest.is_empty() => format!("{} and {last}", rest.join(", ")),
        _ => all.concat(),
    }
}

#[cfg(test)]
mod tests;
