//! `check` and `plan`: looks at the rules, walks the path, says what is missing.

use std::collections::BTreeSet;

use ec_shared::document::{ChangeState, Finding, Section, Severity, Status};
use ec_shared::{Document, Exit, Failure};
use ipnet::IpNet;

use crate::client::Source;
use crate::cloud::{Cloud, Subnets};
use crate::facts::{self, Target};
use crate::path::{self, Facts, Hop, Need, Place, Question, Verdict};
use crate::plan;
use crate::rule::{Direction, Opening};
use crate::{codes, public};

/// `find`: the facts alone.
pub(crate) async fn find(document: &mut Document, cloud: &impl Cloud, target: &Target) -> Result<Section, Failure> {
    facts::complete(document, cloud, target, true).await?;
    let cache = document.cache()?.unwrap_or_default();
    let mut section = if facts::is_public(&cache) {
        Section::skipped("find", facts::PUBLIC)
    } else {
        Section::new("find", Status::Ok)
    };
    section.findings.extend(facts::availability(&cache));
    Ok(section)
}

/// `check`: can the client reach every port, and if not, what is the smallest change that would let it?
pub(crate) async fn check(document: &mut Document, cloud: &impl Cloud, target: &Target) -> Result<Section, Failure> {
    let Some(looked) = look(document, cloud, target).await? else {
        return Ok(Section::skipped("check", facts::PUBLIC));
    };
    let mut section = looked.section("check");
    section.changes = looked.changes();
    Ok(section)
}

/// `plan`: the changes alone.
pub(crate) async fn plan(
    document: &mut Document,
    cloud: &impl Cloud,
    target: &Target,
    allowed: &[IpNet],
) -> Result<Section, Failure> {
    let Some(looked) = look(document, cloud, target).await? else {
        return Ok(Section::skipped("plan", facts::PUBLIC));
    };
    public::judge(&plan::ranges(&looked.openings), allowed)?;
    let mut section = looked.section("plan");
    if !looked.openings.is_empty() {
        section.status = Status::Planned;
        section.exit = None;
        section.reason = None;
    } else if section.status == Status::Ok {
        section.status = Status::Unchanged;
    }
    section.changes = looked.changes();
    Ok(section)
}

/// Everything that was looked at for one question.
#[derive(Debug)]
pub(crate) struct Looked {
    pub(crate) question: Question,
    pub(crate) facts: Facts,
    pub(crate) hops: Vec<Hop>,
    pub(crate) openings: Vec<Opening>,
    availability: Option<Finding>,
    apply: String,
}

/// Completes the document's facts and walks the path; `None` for a public cache.
pub(crate) async fn look(
    document: &mut Document,
    cloud: &impl Cloud,
    target: &Target,
) -> Result<Option<Looked>, Failure> {
    facts::complete(document, cloud, target, target.cache.is_some()).await?;
    let cache = document.cache()?.unwrap_or_default();
    if facts::is_public(&cache) {
        return Ok(None);
    }
    let question = facts::question(document)?;
    let source = document.client()?.as_ref().and_then(Source::of).unwrap_or_default();
    let mut looked = Looked {
        facts: Facts { rules: cloud.rules(&groups(&question)).await?, ..Facts::default() },
        question,
        hops: Vec::new(),
        openings: Vec::new(),
        availability: facts::availability(&cache),
        apply: format!("ec-sg apply --cache {} --from {source}{}", cache.name, target.repeat),
    };
    let subnets = cache.network.map(|network| network.subnet_ids).unwrap_or_default();
    looked.walk(cloud, &subnets).await;
    if looked.hops.iter().any(|hop| matches!(hop.verdict, Verdict::No | Verdict::Unknown)) {
        let defaults: BTreeSet<String> = if plan::is_ambiguous(&looked.question) {
            cloud.default_groups(&groups(&looked.question)).await?.into_iter().collect()
        } else {
            BTreeSet::new()
        };
        looked.openings = plan::openings(&looked.question, &looked.facts, &looked.hops, &defaults);
    }
    Ok(Some(looked))
}

/// The groups of both sides.
pub(crate) fn groups(question: &Question) -> Vec<String> {
    let all: BTreeSet<&String> = question.cache.groups.iter().chain(&question.client.groups).collect();
    all.into_iter().cloned().collect()
}

impl Looked {
    /// Walks the path, and fetches what would decide as long as there is such a thing.
    async fn walk(&mut self, cloud: &impl Cloud, subnets: &[String]) {
        loop {
            self.hops = path::walk(&self.question, &self.facts);
            let needs: BTreeSet<Need> = self.hops.iter().flat_map(|hop| hop.needs.iter().cloned()).collect();
            if needs.is_empty() {
                return;
            }
            for need in needs {
                match need {
                    Need::PrefixList(id) => {
                        let list = cloud.prefix_list(&id).await;
                        self.facts.lists.insert(id, list);
                    }
                    Need::CacheSubnets => {
                        let found = if subnets.is_empty() {
                            Ok(Vec::new())
                        } else {
                            cloud.subnets(&Subnets::Ids(subnets.to_vec())).await
                        };
                        let ranges = |subnets: Vec<_>| subnets.into_iter().flat_map(|s: crate::cloud::Subnet| s.ranges);
                        self.facts.cache_subnets = Some(found.map(|subnets| ranges(subnets).collect()));
                    }
                }
            }
        }
    }

    /// The section of a verb: the path, its status and the findings.
    pub(crate) fn section(&self, command: &str) -> Section {
        let mut section = Section::new(command, path::status(&self.hops)).fact("path", &self.hops);
        if section.status == Status::Unknown {
            let hop = self.hops.iter().find(|hop| hop.verdict == Verdict::Unknown);
            section.reason = hop.map(|hop| hop.detail.clone());
            section.exit = self.hops.iter().find_map(|hop| hop.cause.as_ref()).map(Failure::exit).or(Some(Exit::No));
        }
        section.findings = self.findings();
        section
    }

    /// The planned changes.
    pub(crate) fn changes(&self) -> Vec<ec_shared::document::Change> {
        let change = |opening| plan::change(&self.question, opening, ChangeState::Planned);
        self.openings.iter().map(change).collect()
    }

    /// What is wrong first, then what is not known, then what is worth knowing.
    fn findings(&self) -> Vec<Finding> {
        let hops = |verdict| self.hops.iter().filter(move |hop| hop.verdict == verdict);
        let mut findings: Vec<Finding> = hops(Verdict::No).map(|hop| self.closed(hop)).collect();
        findings.extend(hops(Verdict::Unknown).map(|hop| self.not_determined(hop)));
        findings.extend(self.availability.clone());
        if hops(Verdict::NotAsked).any(|hop| hop.hop == Place::ClientEgress) {
            let range = plan_ranges(&self.question);
            let summary = format!("whether the machines in {range} are let out to the cache is not known");
            findings.push(Finding::new(&codes::EGRESS_NOT_KNOWN, Severity::Info, summary));
        }
        findings
    }

    fn closed(&self, hop: &Hop) -> Finding {
        let port = hop.tcp_port.unwrap_or_default();
        let is_second = self.question.ports.iter().any(|each| each.port == port && each.second);
        let (code, severity) = match hop.hop {
            Place::CacheIngress if is_second => (&codes::NO_INGRESS_READS, Severity::Warning),
            Place::CacheIngress => (&codes::NO_INGRESS, Severity::Error),
            Place::ClientEgress | Place::Vpc => (&codes::NO_EGRESS, Severity::Error),
        };
        let (direction, groups) = match hop.hop {
            Place::CacheIngress => (Direction::Ingress, &self.question.cache.groups),
            Place::ClientEgress | Place::Vpc => (Direction::Egress, &self.question.client.groups),
        };
        let rules = self.facts.rules.iter().filter(|rule| rule.direction == direction && groups.contains(&rule.group));
        let looked_at: Vec<String> = rules.map(|rule| format!("{} {rule}", rule.id)).collect();
        let finding = Finding::new(code, severity, format!("{} tcp {port}: {}", direction.word(), hop.detail))
            .evidence("tcp_port", port)
            .evidence("security_group_ids", groups)
            .evidence("rules_looked_at", looked_at)
            .aws_code("ENI_SG_RULES_MISMATCH");
        self.with_fix(finding)
    }

    fn not_determined(&self, hop: &Hop) -> Finding {
        let code = match (hop.hop, &self.question.client.vpc, &self.question.cache.vpc) {
            (Place::Vpc, Some(client), Some(cache)) => {
                return Finding::new(&codes::OTHER_VPC, Severity::Warning, hop.detail.clone())
                    .evidence("client_vpc_id", client)
                    .evidence("cache_vpc_id", cache)
                    .fix(format!(
                        "start the client in {cache}; or connect the VPCs and open the cache to the client's CIDR"
                    ));
            }
            _ => &codes::NOT_DETERMINED,
        };
        let finding = match hop.tcp_port {
            Some(port) => {
                Finding::new(code, Severity::Warning, format!("tcp {port}: {}", hop.detail)).evidence("tcp_port", port)
            }
            None => Finding::new(code, Severity::Warning, hop.detail.clone()),
        };
        match hop.cause.as_ref().and_then(Failure::hint_text) {
            Some(hint) => self.with_fix(finding.evidence("hint", hint)),
            None => self.with_fix(finding),
        }
    }

    /// One line that mends all that can be mended, the same for every finding.
    fn with_fix(&self, finding: Finding) -> Finding {
        if self.openings.is_empty() {
            return finding;
        }
        let ranges = plan::ranges(&self.openings);
        let allow = match public::judge(&ranges, &[]) {
            Ok(()) => String::new(),
            Err(_) => format!(" --allow-public {}", plan_ranges(&self.question)),
        };
        finding.fix(format!("{}{allow}   # {}", self.apply, plan::in_words(&self.openings)))
    }
}

fn plan_ranges(question: &Question) -> String {
    question.client.addresses.iter().map(ToString::to_string).collect::<Vec<_>>().join(", ")
}

#[cfg(test)]
mod tests;
