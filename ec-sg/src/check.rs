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
mod tests {
    use super::*;
    use crate::fake::{Fake, rule, scene};
    use crate::rule::Traffic;

    fn target() -> Target {
        Target { cache: Some("orders".into()), from: Some(Source::Instance("i-a".into())), repeat: String::new() }
    }

    fn run<T>(work: impl Future<Output = T>) -> T {
        tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap().block_on(work)
    }

    fn checked(cloud: &Fake) -> Section {
        run(check(&mut Document::empty(), cloud, &target())).unwrap()
    }

    fn codes_of(section: &Section) -> Vec<&str> {
        section.findings.iter().map(|finding| finding.code.as_str()).collect()
    }

    fn admits(port: u16) -> crate::rule::Rule {
        rule("sgr-1", "sg-c", Direction::Ingress, Traffic::Tcp(port, port), "sg-a")
    }

    #[test]
    fn find_asks_for_the_cache_the_client_and_the_vpc_and_no_more() {
        let cloud = scene();
        let mut document = Document::empty();
        let section = run(find(&mut document, &cloud, &target())).unwrap();
        assert_eq!(section.status, Status::Ok);
        assert_eq!(document.id(), "orders<-i-a");
        assert_eq!(document.cache().unwrap().unwrap().network.unwrap().vpc_id.as_deref(), Some("vpc-1"));
        assert_eq!(document.client().unwrap().unwrap().security_group_ids, ["sg-a"]);
        assert_eq!(cloud.calls.borrow().len(), 3);
    }

    #[test]
    fn a_document_with_its_facts_is_checked_with_one_call() {
        let cloud = scene();
        let mut document = Document::empty();
        run(find(&mut document, &cloud, &target())).unwrap();
        cloud.calls.borrow_mut().clear();
        run(check(&mut document, &cloud, &Target::default())).unwrap();
        assert_eq!(*cloud.calls.borrow(), ["rules"]);
    }

    #[test]
    fn a_closed_path_names_both_ports_and_carries_the_change_that_opens_it() {
        let section = checked(&scene());
        assert_eq!(section.status, Status::No);
        assert_eq!(codes_of(&section), ["EC1004", "EC1005"]);
        assert_eq!(section.findings[0].aws_code.as_deref(), Some("ENI_SG_RULES_MISMATCH"));
        let fix = "ec-sg apply --cache orders --from i-a   # adds tcp 6379 and 6380 from sg-a to sg-c";
        assert_eq!(section.findings[0].fix.as_deref(), Some(fix));
        assert_eq!(section.changes.len(), 2);
        assert!(section.changes.iter().all(|change| change.state == ChangeState::Planned));
    }

    #[test]
    fn the_second_port_alone_is_a_warning_and_the_answer_is_no() {
        let cloud = scene();
        cloud.rules.borrow_mut().push(admits(6379));
        let section = checked(&cloud);
        assert_eq!((section.status, codes_of(&section)), (Status::No, vec!["EC1005"]));
        assert_eq!(section.findings[0].severity, Severity::Warning);
        assert_eq!(section.changes.len(), 1);
    }

    #[test]
    fn an_open_path_is_ok_and_needs_no_change() {
        let cloud = scene();
        cloud.rules.borrow_mut().push(rule("sgr-1", "sg-c", Direction::Ingress, Traffic::All, "sg-a"));
        let section = checked(&cloud);
        assert_eq!(section.status, Status::Ok);
        assert!(section.findings.is_empty() && section.changes.is_empty());
    }

    #[test]
    fn an_unreadable_prefix_list_is_unknown_with_the_exit_code_of_its_cause() {
        let cloud = scene();
        cloud.rules.borrow_mut().push(rule("sgr-1", "sg-c", Direction::Ingress, Traffic::All, "pl-1"));
        let section = checked(&cloud);
        assert_eq!((section.status, section.exit()), (Status::Unknown, Exit::Refused));
        assert_eq!(codes_of(&section), ["EC1009", "EC1009"]);
        assert_eq!(section.changes.len(), 2, "a narrow rule would make it certain");
    }

    #[test]
    fn a_readable_prefix_list_is_read_once() {
        let mut cloud = scene();
        cloud.lists.insert("pl-1".into(), vec!["10.0.0.0/16".parse().unwrap()]);
        cloud.rules.borrow_mut().push(rule("sgr-1", "sg-c", Direction::Ingress, Traffic::All, "pl-1"));
        assert_eq!(checked(&cloud).status, Status::Ok);
        assert_eq!(cloud.calls.borrow().iter().filter(|call| **call == "prefix_list").count(), 1);
    }

    #[test]
    fn narrowed_egress_is_measured_against_the_caches_subnets() {
        let cloud = scene();
        *cloud.rules.borrow_mut() = vec![
            rule("sgr-1", "sg-c", Direction::Ingress, Traffic::All, "sg-a"),
            rule("sgr-2", "sg-a", Direction::Egress, Traffic::Tcp(6379, 6380), "10.0.2.0/24"),
        ];
        assert_eq!(checked(&cloud).status, Status::Ok);
        cloud.rules.borrow_mut()[1] = rule("sgr-2", "sg-a", Direction::Egress, Traffic::All, "10.0.9.0/24");
        assert_eq!(codes_of(&checked(&cloud)), ["EC1006", "EC1006"]);
    }

    #[test]
    fn a_cache_that_is_not_available_is_a_warning() {
        let mut cloud = scene();
        cloud.caches[0].1.cache.status = Some("creating".into());
        let section = run(find(&mut Document::empty(), &cloud, &target())).unwrap();
        assert_eq!((section.status, codes_of(&section)), (Status::Ok, vec!["EC1007"]));
    }

    #[test]
    fn a_public_cache_is_skipped_with_the_reason() {
        let mut cloud = scene();
        cloud.caches[0].1.cache.connection = Some(ec_shared::document::Connection::Public);
        let section = checked(&cloud);
        assert_eq!((section.status, section.reason.as_deref()), (Status::Skipped, Some(facts::PUBLIC)));
        assert!(!cloud.calls.borrow().contains(&"rules"));
    }

    #[test]
    fn what_does_not_exist_is_named() {
        let named = |cache: &str, from| Target { cache: Some(cache.into()), from, repeat: String::new() };
        let failure = |target| run(check(&mut Document::empty(), &scene(), &target)).unwrap_err();
        let unknown = failure(named("nope", Some(Source::Instance("i-a".into()))));
        assert_eq!(unknown.to_string(), "there is no cache `nope` in us-east-1");
        assert_eq!(unknown.code().id, "EC1001");
        assert_eq!(failure(named("orders", Some(Source::Group("sg-9".into())))).code().id, "EC1002");
    }

    #[test]
    fn a_member_leads_to_its_replication_group_and_brings_the_network() {
        use crate::cloud::Described;
        use ec_shared::document::{Cache, Deployment, Endpoint, EndpointRole, Network};
        let endpoint = Endpoint { role: EndpointRole::Primary, host: "h".into(), port: 7000 };
        let group = Cache {
            name: "rg".into(),
            deployment: Some(Deployment::ReplicationGroup),
            endpoints: vec![endpoint],
            ..Cache::default()
        };
        let network = Network { security_group_ids: vec!["sg-c".into()], ..Network::default() };
        let member = Cache {
            name: "rg-001".into(),
            engine_version: Some("7.2".into()),
            network: Some(network),
            ..Cache::default()
        };
        let mut cloud = scene();
        cloud.caches = vec![
            (
                Deployment::ReplicationGroup,
                Described { cache: group, member: Some("rg-001".into()), ..Described::default() },
            ),
            (
                Deployment::Cluster,
                Described {
                    cache: member,
                    replication_group: Some("rg".into()),
                    subnet_group: Some("sng".into()),
                    member: None,
                },
            ),
        ];
        for name in ["rg", "rg-001"] {
            let mut document = Document::empty();
            let target = Target { cache: Some(name.into()), ..target() };
            let section = run(check(&mut document, &cloud, &target)).unwrap();
            let cache = document.cache().unwrap().unwrap();
            assert_eq!((cache.name.as_str(), cache.engine_version.as_deref()), ("rg", Some("7.2")));
            assert_eq!(cache.network.unwrap().vpc_id.as_deref(), Some("vpc-1"));
            assert_eq!(section.changes[0].resource, "sg-c ingress tcp 7000 from sg-a");
        }
    }

    #[test]
    fn a_public_range_is_refused_by_plan_and_its_fix_says_how_to_mean_it() {
        let range = |text: &str| Target { from: Some(Source::parse(text).unwrap()), ..target() };
        let plan = |text: &str, allowed: &[IpNet]| run(plan(&mut Document::empty(), &scene(), &range(text), allowed));
        assert_eq!(plan("0.0.0.0/0", &[]).unwrap_err().code().id, "EC1010");
        assert_eq!(plan("0.0.0.0/0", &["0.0.0.0/0".parse().unwrap()]).unwrap().status, Status::Planned);
        assert_eq!(plan("10.0.0.0/8", &[]).unwrap().status, Status::Planned);
        let section = run(check(&mut Document::empty(), &scene(), &range("0.0.0.0/0"))).unwrap();
        let fix = section.findings[0].fix.clone().unwrap();
        assert!(fix.starts_with("ec-sg apply --cache orders --from 0.0.0.0/0 --allow-public 0.0.0.0/0 "), "{fix}");
        assert_eq!(codes_of(&section), ["EC1004", "EC1005", "EC1008"]);
    }
}
