//! What a person and a script are told of a path: what is wrong first, then what is not known, then what is worth knowing.

use ec_shared::Code;
use ec_shared::Failure;
use ec_shared::document::{Finding, Severity};

use crate::path::hop::ports;
use crate::path::{Hop, Place, Question, Verdict, looked_at, words};
use crate::plan::{self, Choice, Mend};
use crate::quota;
use crate::rule::{Direction, Opening, Peer, Rule};
use crate::segments::Family;
use crate::snapshot::Snapshot;
use crate::{codes, public};

/// Everything that there is to tell of one path.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Seen<'a> {
    pub(crate) question: &'a Question,
    pub(crate) snapshot: &'a Snapshot,
    pub(crate) hops: &'a [Hop],
    pub(crate) mends: &'a [Mend],
    pub(crate) choice: &'a Choice,
    /// Whether rules between the two VPCs can be written yet.
    pub(crate) is_joined: bool,
    /// The command that opens what security groups close.
    pub(crate) apply: &'a str,
}

/// The findings; `availability` is a word about the cache's state.
pub(crate) fn of(seen: &Seen<'_>, availability: Option<Finding>) -> Vec<Finding> {
    let hops = |verdict| seen.hops.iter().filter(move |hop| hop.verdict == verdict);
    let mut findings: Vec<Finding> = Vec::new();
    findings.extend(hops(Verdict::No).chain(hops(Verdict::Intermittent)).map(|hop| seen.closed(hop)));
    findings.extend(hops(Verdict::Unknown).map(|hop| seen.not_determined(hop)));
    findings.extend(seen.not_read());
    findings.extend(availability);
    findings.extend(seen.console_groups());
    findings.extend(seen.over_quota());
    findings.extend(seen.managed_by_others());
    findings.extend(seen.peering_dns());
    let is_word = |hop: &&Hop| hop.hop == Place::Dns && hop.missing.is_none();
    findings.extend(
        hops(Verdict::NotAsked)
            .filter(is_word)
            .map(|hop| Finding::new(&codes::NO_RESOLVER, Severity::Info, hop.detail.clone())),
    );
    if hops(Verdict::NotAsked).any(|hop| hop.hop == Place::ClientEgress) {
        let client = words::client(seen.question);
        let summary = format!("whether the machines in {client} are let out to the cache is not known");
        findings.push(Finding::new(&codes::EGRESS_NOT_KNOWN, Severity::Info, summary));
    }
    findings
}

/// A hop that no verdict hangs on, and that could not be read.
pub(crate) fn not_asked(hop: &Hop) -> Finding {
    let finding = Finding::new(&codes::NOT_DETERMINED, Severity::Info, hop.detail.clone());
    with_missing(finding, hop.missing.as_deref(), hop.cause.as_ref())
}

/// Adds the call that would tell, and what its refusal hints at.
fn with_missing(mut finding: Finding, command: Option<&str>, cause: Option<&Failure>) -> Finding {
    if let Some(command) = command {
        finding = finding.evidence("missing", command);
    }
    match cause.and_then(Failure::hint_text) {
        Some(hint) => finding.evidence("hint", hint),
        None => finding,
    }
}

impl Seen<'_> {
    fn closed(&self, hop: &Hop) -> Finding {
        let (code, severity) = self.code(hop);
        let summary = match hop.hop {
            Place::ClientEgress => format!("egress tcp {}: {}", ports(hop), hop.detail),
            Place::CacheIngress => format!("ingress tcp {}: {}", ports(hop), hop.detail),
            Place::Family => hop.detail.clone(),
            place if hop.tcp_ports.is_empty() => format!("{}: {}", name(place), hop.detail),
            place => format!("{} tcp {}: {}", name(place), ports(hop), hop.detail),
        };
        self.with_fix(hop, self.with_evidence(hop, Finding::new(code, severity, summary)))
    }

    fn code(&self, hop: &Hop) -> (&'static Code, Severity) {
        let is_second = |port: &u16| self.question.cache.ports.iter().any(|each| each.port == *port && each.second);
        let word = hop.aws_code.as_deref().unwrap_or_default();
        match hop.hop {
            Place::CacheIngress if hop.tcp_ports.iter().all(is_second) => (&codes::NO_INGRESS_READS, Severity::Warning),
            Place::CacheIngress => (&codes::NO_INGRESS, Severity::Error),
            Place::ClientEgress => (&codes::NO_EGRESS, Severity::Error),
            Place::Family => (&codes::NO_FAMILY, Severity::Error),
            _ if hop.verdict == Verdict::Intermittent => (&codes::ACL_IN_PART, Severity::Error),
            Place::ClientAclOut | Place::CacheAclIn | Place::CacheAclOut | Place::ClientAclIn => {
                (&codes::ACL_DENIES, Severity::Error)
            }
            _ if word == "DISCONNECTED_VPCS" => (&codes::OTHER_VPC, Severity::Error),
            _ if word == "BAD_STATE_ROUTE" => (&codes::BLACKHOLE, Severity::Error),
            _ if word.starts_with("TGW_") || word == "BAD_STATE_ATTACHMENT" || word == "NO_POSSIBLE_DESTINATION" => {
                (&codes::TRANSIT, Severity::Error)
            }
            _ if word == "BAD_STATE" || word == "PCX_REQUIRES_ADDRESS_IN_VPC_CIDR" => {
                (&codes::PEERING, Severity::Error)
            }
            _ => (&codes::NO_ROUTE, Severity::Error),
        }
    }

    fn not_determined(&self, hop: &Hop) -> Finding {
        let what =
            if hop.tcp_ports.is_empty() { hop.detail.clone() } else { format!("tcp {}: {}", ports(hop), hop.detail) };
        let code = if hop.hop == Place::Dns { &codes::NO_RESOLVER } else { &codes::NOT_DETERMINED };
        let finding = self.with_evidence(hop, Finding::new(code, Severity::Warning, what));
        let finding = with_missing(finding, hop.missing.as_deref(), hop.cause.as_ref());
        if hop.hop.is_of_groups() { self.with_fix(hop, finding) } else { finding }
    }

    /// What new rules would have been chosen by, and could not be read.
    fn not_read(&self) -> Vec<Finding> {
        let openings = self.openings();
        if openings.is_empty() {
            return Vec::new();
        }
        let list =
            |opening: &'_ Opening| if let Peer::PrefixList(list) = &opening.peer { Some(list.clone()) } else { None };
        let lists: Vec<String> = openings.iter().filter_map(list).collect();
        let lists: Vec<&str> = lists.iter().map(String::as_str).collect();
        let mut findings: Vec<Finding> = Vec::new();
        for need in plan::needs(self.question, self.snapshot, &lists) {
            let Some(cause) = self.snapshot.refusal(&need) else { continue };
            let finding = Finding::new(&codes::NOT_DETERMINED, Severity::Warning, cause.to_string());
            let finding = with_missing(finding, Some(&need.command()), Some(cause));
            // One call tells of several groups.
            if findings.iter().all(|known| known.summary != finding.summary) {
                findings.push(finding);
            }
        }
        findings
    }

    fn with_evidence(&self, hop: &Hop, mut finding: Finding) -> Finding {
        if !hop.tcp_ports.is_empty() {
            finding = finding.evidence("tcp_ports", &hop.tcp_ports);
        }
        if !hop.families.is_empty() {
            finding = finding.evidence("families", &hop.families);
        }
        if !hop.client_subnet_ids.is_empty() {
            finding = finding.evidence("client_subnet_ids", &hop.client_subnet_ids);
        }
        if !hop.cache_subnet_ids.is_empty() {
            finding = finding.evidence("cache_subnet_ids", &hop.cache_subnet_ids);
        }
        if !hop.decided_by.is_empty() {
            finding = finding.evidence("decided_by", &hop.decided_by);
        }
        if hop.hop.is_of_groups() {
            let client = self.question.client.groups.iter().map(|group| group.id.as_str());
            let (direction, groups): (_, Vec<&str>) = match hop.hop {
                Place::ClientEgress => (Direction::Egress, client.collect()),
                _ => (Direction::Ingress, self.question.cache.groups.iter().map(String::as_str).collect()),
            };
            let rules = looked_at(self.snapshot, groups.iter().copied(), direction);
            let rules: Vec<String> = rules.into_iter().map(Rule::with_id).collect();
            finding = finding.evidence("security_group_ids", groups).evidence("rules_looked_at", rules);
        }
        match &hop.aws_code {
            Some(code) => finding.aws_code(code),
            None => finding,
        }
    }

    /// What mends the hop: one line for all rules, the same for every finding; for the rest the owners' commands.
    fn with_fix(&self, hop: &Hop, finding: Finding) -> Finding {
        if !hop.hop.is_of_groups() {
            let about = |id: &str| {
                let evidence = serde_json::to_string(&hop.decided_by).unwrap_or_default();
                evidence.contains(&format!("\"{id}\""))
            };
            let direction = match hop.hop {
                Place::ClientAclOut | Place::CacheAclOut => Some(Direction::Egress),
                Place::ClientAclIn | Place::CacheAclIn => Some(Direction::Ingress),
                _ => None,
            };
            let runs = self.mends.iter().filter_map(|mend| match mend {
                Mend::ByOthers(mend) if mend.direction == direction && about(&mend.about) => {
                    Some(format!("{}   # by {}", mend.run, mend.by))
                }
                _ => None,
            });
            let runs: Vec<String> = runs.collect();
            return if runs.is_empty() { finding } else { finding.fix(runs.join("; ")) };
        }
        let openings = self.openings();
        let attach =
            self.mends.iter().find_map(|mend| if let Mend::Attach(attach) = mend { Some(attach) } else { None });
        let mut words: Vec<String> = attach.iter().map(|attach| format!("attaches {}", attach.resource())).collect();
        if !openings.is_empty() {
            words.push(plan::in_words(&openings));
        }
        if words.is_empty() {
            return finding;
        }
        let ranges = plan::ranges(&openings);
        let allow = match public::judge(&ranges, &[]) {
            Ok(()) => String::new(),
            Err(_) => format!(" --allow-public {}", words::client(self.question)),
        };
        let when = if self.is_joined { "" } else { "once the VPCs are joined: " };
        let with = attach.map(|attach| format!(" --attach-group={}", attach.security_group_id)).unwrap_or_default();
        finding.fix(format!("{when}{}{with}{allow}   # {}", self.apply, words.join(", ")))
    }

    fn openings(&self) -> Vec<Opening> {
        let opening = |mend: &Mend| if let Mend::Open(opening) = mend { Some(opening.clone()) } else { None };
        self.mends.iter().filter_map(opening).collect()
    }

    /// A closed side whose groups all belong to the console.
    fn console_groups(&self) -> Option<Finding> {
        let is_closed = |place| self.hops.iter().any(|hop| hop.hop == place && hop.verdict.is_closed());
        let of_cache = is_closed(Place::CacheIngress) && self.choice.cache.is_none();
        let groups: Vec<String> = self.question.cache.groups.clone();
        (of_cache && !groups.is_empty()).then(|| {
            let summary =
                format!("{} is looked after by the ElastiCache console: no rule is added to it", groups.join(", "));
            Finding::new(&codes::CONSOLE_GROUP, Severity::Warning, summary).evidence("security_group_ids", groups).fix(
                format!(
                    "give {} a security group of its own: aws elasticache modify-serverless-cache or \
                     modify-replication-group --security-group-ids",
                    self.question.cache.name
                ),
            )
        })
    }

    /// Groups that the planned rules would fill beyond the default quota.
    fn over_quota(&self) -> Vec<Finding> {
        let openings = self.openings();
        let mut findings = Vec::new();
        for batch in crate::check::batches(&openings) {
            let Some(Opening { group, direction, .. }) = batch.first() else { continue };
            let Ok(rules) = self.snapshot.rules(group) else { continue };
            for family in [Family::V4, Family::V6] {
                let held = quota::count(rules, self.snapshot, *direction, family);
                let added: u32 = batch.iter().map(|each| quota::weight(&each.peer, self.snapshot, family)).sum();
                if added > 0 && held + added > quota::RULES {
                    let summary = format!(
                        "{group} has {held} {} rules for {} and would get {added} more: the default quota is {}",
                        direction.word(),
                        family.word(),
                        quota::RULES
                    );
                    findings.push(
                        Finding::new(&codes::QUOTA, Severity::Warning, summary)
                            .evidence("security_group_id", group)
                            .evidence("rules", held)
                            .evidence("added", added)
                            .fix("remove rules that nobody needs (ec-sg audit), or have quota L-0EA8095F raised"),
                    );
                }
            }
        }
        findings
    }

    /// Groups that a tool manages, which may take planned rules away again, and groups of other accounts.
    fn managed_by_others(&self) -> Vec<Finding> {
        let mut groups: Vec<String> = self.openings().into_iter().map(|opening| opening.group).collect();
        groups.dedup();
        let own = self.snapshot_owner();
        let finding = |id: &String| {
            let group = self.snapshot.group(id).ok().flatten()?;
            let summary = match (group.manager(), &group.owner) {
                (Some(manager), _) => format!("{id} is managed by {manager}, which may take the new rule away again"),
                (None, Some(owner)) if own.is_some_and(|own| own != owner) => {
                    format!("{id} belongs to account {owner}: only there can rules be added")
                }
                _ => return None,
            };
            Some(
                Finding::new(&codes::MANAGED_GROUP, Severity::Warning, summary)
                    .evidence("security_group_id", id)
                    .fix("add the rule where the group is declared; sg.changes says which"),
            )
        };
        groups.iter().filter_map(finding).collect()
    }

    /// The account of the cache: the one that its groups are expected to belong to.
    fn snapshot_owner(&self) -> Option<&str> {
        self.question.cache.account.as_deref()
    }

    /// Between peered VPCs: an option that names of other machines need, and ElastiCache's do not.
    fn peering_dns(&self) -> Option<Finding> {
        let (client, cache) = (self.question.client.vpc.as_deref()?, self.question.cache.vpc.as_deref()?);
        if client == cache || !self.question.cache.addresses.is_empty() {
            return None;
        }
        let peering = self.snapshot.peerings(client, cache).ok()?.into_iter().find(|peering| peering.is_active())?;
        let is_off = peering.side(cache)?.resolves_for_other == Some(false);
        is_off.then(|| {
            let summary = format!(
                "{}: names of {cache}'s instances do not resolve to private addresses in {client}; the cache's name does",
                peering.id
            );
            Finding::new(&codes::PEERING_DNS, Severity::Info, summary).evidence("vpc_peering_connection_id", &peering.id)
        })
    }
}

/// The name of a hop, as the report shows it.
pub(crate) fn name(place: Place) -> &'static str {
    match place {
        Place::Vpc => "same VPC",
        Place::Family => "address family",
        Place::ClientEgress => "client egress",
        Place::ClientSubnet => "client subnet",
        Place::ClientAclOut => "client ACL out",
        Place::RouteOut => "route to the cache",
        Place::CacheSubnet => "cache subnet",
        Place::CacheAclIn => "cache ACL in",
        Place::CacheIngress => "ingress",
        Place::CacheAclOut => "cache ACL back out",
        Place::RouteBack => "route back",
        Place::ClientAclIn => "client ACL back in",
        Place::Dns => "name resolution",
    }
}
