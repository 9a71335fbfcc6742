//! What the answers of the nodes mean for the slots and keys that they hold.

use ec_shared::Code;
use ec_shared::document::{Finding, Severity};

use super::{NodeReach, Visit};
use crate::codes;
use crate::ladder::Stage;
use crate::topology::{Facts, MOST_NODES, Range, Role, Shard};
use crate::verdict::{Context, Judgement, finding};

/// How many nodes or shards a summary names; the document has them all.
const SHOWN: usize = 3;

/// The nodes, judged.
#[derive(Clone, Debug)]
pub struct Judged {
    /// For the row of the stage.
    pub judgement: Judgement,
    /// What there is to say beside the judgement's finding.
    pub others: Vec<Finding>,
}

/// Judges the nodes of a cluster. Slots without a primary that answers are an error; any other node that does not answer
/// is a warning, for clients can do without it.
pub fn cluster(topology: &Facts, visits: &[Visit], context: &Context<'_>) -> Judged {
    let mut faults = Vec::new();
    let mut lost: Vec<&Visit> = Vec::new();
    for (index, shard) in topology.list.iter().enumerate() {
        let nodes: Vec<&Visit> = visits.iter().filter(|visit| visit.node.shard == Some(index)).collect();
        if let Some(fault) = fault(shard, &nodes) {
            faults.push(fault);
            lost.extend(nodes.into_iter().filter(|visit| visit.node.role == Some(Role::Primary)));
        }
    }
    let is_spare = |visit: &&Visit| visit.node.is_down() && !lost.iter().any(|lost| std::ptr::eq(*lost, *visit));
    let spare: Vec<&Visit> = visits.iter().filter(is_spare).collect();

    let findings = [
        (!faults.is_empty())
            .then(|| about(&lost, finding(&codes::PRIMARY_SILENT, some(&faults, "; "), Stage::Nodes, context))),
        down(&codes::NODE_SILENT, Severity::Warning, &spare, context),
        withheld(visits, context),
        unasked(visits, context),
        beyond(topology.nodes.saturating_sub(visits.len()), context),
        stale(visits, context),
    ];
    judged(visits, findings.into_iter().flatten().collect())
}

/// Judges the nodes of a Memcached cluster. Each holds a share of the keys that no other has.
pub fn memcached(visits: &[Visit], context: &Context<'_>) -> Judged {
    let lost: Vec<&Visit> = visits.iter().filter(|visit| visit.node.is_down()).collect();
    let findings = [down(&codes::MEMCACHED_NODE_SILENT, Severity::Error, &lost, context), unasked(visits, context)];
    judged(visits, findings.into_iter().flatten().collect())
}

/// A remark on nodes that cannot be reached from here: only the endpoint is behind the tunnel.
pub fn out_of_reach(others: usize, context: &Context<'_>) -> Option<Finding> {
    let summary = format!("{} not probed: the tunnel leads to the endpoint alone", were(others));
    (others > 0).then(|| remark(&codes::NODES_NOT_PROBED, Severity::Info, summary, context))
}

fn judged(visits: &[Visit], mut findings: Vec<Finding>) -> Judged {
    let count = |is: fn(&NodeReach) -> bool| visits.iter().filter(|visit| is(&visit.node)).count();
    let mut summary = format!("{} of {} answer", count(|node| node.answers == Some(true)), nodes(visits.len()));
    for (count, what) in [
        (count(|node| node.answers.is_none() && node.credentials_withheld), "without credentials"),
        (count(|node| node.answers.is_none() && !node.credentials_withheld), "not asked"),
    ] {
        if count > 0 {
            summary = format!("{summary}, {count} {what}");
        }
    }
    if findings.is_empty() {
        return Judged { judgement: Judgement::ok(summary), others: findings };
    }
    let first = findings.remove(0);
    let judgement = if first.severity == Severity::Error {
        Judgement::no(summary, first)
    } else {
        Judgement { finding: Some(first), ..Judgement::ok(summary) }
    };
    Judged { judgement, others: findings }
}

/// Why nobody serves the slots of a shard, if that is known. A node that was not asked may serve them.
fn fault(shard: &Shard, nodes: &[&Visit]) -> Option<String> {
    let serves = |visit: &&Visit| visit.node.is_primary() && !visit.node.is_down();
    if shard.slots.is_empty() || nodes.iter().any(serves) {
        return None;
    }
    let primary = nodes.iter().find(|visit| visit.node.role == Some(Role::Primary));
    let why = match primary.map(|visit| &visit.node) {
        None => "no node is told to be the primary".to_owned(),
        Some(primary) if primary.is_down() => format!("primary {} {}", primary.endpoint, primary.trouble()),
        Some(primary) => format!("primary {} says that it is a replica", primary.endpoint),
    };
    Some(format!("{}: {why}", slots(&shard.slots)))
}

/// `slots 0-5460`.
pub(crate) fn slots(ranges: &[Range]) -> String {
    let one = |(from, to): &Range| if from == to { from.to_string() } else { format!("{from}-{to}") };
    let ranges: Vec<String> = ranges.iter().map(one).collect();
    if ranges.is_empty() { "no slots".to_owned() } else { format!("slots {}", some(&ranges, ", ")) }
}

fn down(code: &'static Code, severity: Severity, down: &[&Visit], context: &Context<'_>) -> Option<Finding> {
    let told: Vec<String> =
        down.iter().map(|visit| format!("{} {}", visit.node.title(), visit.node.trouble())).collect();
    let finding = Finding { severity, ..finding(code, some(&told, "; "), Stage::Nodes, context) };
    (!down.is_empty()).then(|| about(down, finding))
}

/// Adds the nodes, and the fix that the first of them knows: it is about this very network and user.
fn about(visits: &[&Visit], finding: Finding) -> Finding {
    let nodes: Vec<&str> = visits.iter().map(|visit| visit.node.endpoint.as_str()).collect();
    let finding = finding.evidence("nodes", nodes);
    // What a code says to everybody is said better of nodes here.
    let is_special = |finding: &&Finding| {
        let code = codes::TABLE.iter().find(|code| code.id == finding.code);
        code.is_some_and(|code| finding.fix.as_deref() != Some(code.fix))
    };
    let special = visits.iter().filter_map(|visit| visit.finding.as_ref()).find(is_special);
    match special.and_then(|finding| finding.fix.as_ref()) {
        Some(fix) => finding.fix(fix),
        None => finding,
    }
}

fn withheld(visits: &[Visit], context: &Context<'_>) -> Option<Finding> {
    let outside: Vec<&NodeReach> =
        visits.iter().map(|visit| &visit.node).filter(|node| node.credentials_withheld).collect();
    let names: Vec<String> = outside.iter().map(|node| node.endpoint.clone()).collect();
    let first = outside.first()?;
    let host = first.endpoint.rsplit_once(':').map_or(first.endpoint.as_str(), |(host, _)| host);
    let suffix = host.split_once('.').map_or(host, |(_, parent)| if parent.contains('.') { parent } else { host });
    // An address has no parent domain.
    let suffix = if host.parse::<std::net::IpAddr>().is_ok() { host } else { suffix };
    let summary =
        format!("credentials were kept from {} outside the cache's domain: {}", nodes(names.len()), some(&names, ", "));
    let finding = remark(&codes::NODE_OUTSIDE, Severity::Warning, summary, context).evidence("nodes", &names);
    Some(finding.fix(format!("if they are yours, give --allow-host {suffix}")))
}

fn unasked(visits: &[Visit], context: &Context<'_>) -> Option<Finding> {
    let is_unasked = |visit: &&Visit| visit.node.answers.is_none() && visit.node.total_ms.is_none();
    let count = visits.iter().filter(is_unasked).count();
    let summary = format!("{} not probed: the time was up", were(count));
    (count > 0).then(|| {
        remark(&codes::NODES_NOT_PROBED, Severity::Warning, summary, context).fix("give more time with --timeout")
    })
}

/// More nodes than a document tells.
fn beyond(count: usize, context: &Context<'_>) -> Option<Finding> {
    let summary = format!("{} not probed: the topology has more than {MOST_NODES}", were(count));
    (count > 0).then(|| remark(&codes::NODES_NOT_PROBED, Severity::Warning, summary, context))
}

fn stale(visits: &[Visit], context: &Context<'_>) -> Option<Finding> {
    let told = visits.iter().filter_map(|visit| {
        let says = if visit.node.says? == Role::Primary { "primary" } else { "replica" };
        Some(format!("{} says that it is a {says}", visit.node.title()))
    });
    let told: Vec<String> = told.collect();
    (!told.is_empty()).then(|| {
        let summary = format!("the topology is of an earlier time: {}", some(&told, "; "));
        remark(&codes::STALE_TOPOLOGY, Severity::Info, summary, context).evidence("roles", told)
    })
}

fn remark(code: &'static Code, severity: Severity, summary: String, context: &Context<'_>) -> Finding {
    let endpoint = context.target.endpoint.to_string();
    Finding::new(code, severity, summary).evidence("endpoint", endpoint).fix(code.fix)
}

/// The first few, and how many more there are.
fn some(items: &[String], separator: &str) -> String {
    let shown = items.iter().take(SHOWN).cloned().collect::<Vec<_>>().join(separator);
    match items.len().saturating_sub(SHOWN) {
        0 => shown,
        more => format!("{shown}{separator}and {more} more"),
    }
}

fn nodes(count: usize) -> String {
    format!("{count} node{}", if count == 1 { "" } else { "s" })
}

fn were(count: usize) -> String {
    format!("{} {}", nodes(count), if count == 1 { "was" } else { "were" })
}

#[cfg(test)]
mod tests {
    use ec_shared::document::Engine;
    use ec_shared::ran_on::RanOn;
    use jiff::Timestamp;

    use super::*;
    use crate::ladder::Outcome;
    use crate::nodes::{Failed, Member};
    use crate::plan::Plan;
    use crate::topology::{Health, Node, Topology};

    /// What became of a node.
    #[derive(Clone, Copy)]
    enum Is {
        Up,
        Refused,
        Unasked,
        Outside,
        Saying(Role),
    }
    use Is::{Outside, Refused, Saying, Unasked, Up};

    fn in_context<T>(judge: impl FnOnce(&Context<'_>) -> T) -> T {
        let plan = Plan::for_tests(Engine::Valkey, true);
        let machine = RanOn { host: "app-1".into(), instance_id: None };
        let target = &plan.targets[0];
        judge(&Context { plan: &plan, target, credentials: None, machine: &machine, now: Timestamp::UNIX_EPOCH })
    }

    /// Two shards, 0-9 and 10-16383, each a primary and a replica: a1, a2, b1, b2.
    fn shards() -> Vec<Shard> {
        let node = |host: &str, role| Node {
            id: None,
            host: format!("{host}.example"),
            port: 6379,
            role,
            health: Health::Online,
        };
        let shard = |name: &str, slots| Shard {
            slots: vec![slots],
            nodes: vec![node(&format!("{name}1"), Role::Primary), node(&format!("{name}2"), Role::Replica)],
        };
        vec![shard("a", (0, 9)), shard("b", (10, 16_383))]
    }

    fn facts(shards: Vec<Shard>) -> Facts {
        Topology::of(shards).facts()
    }

    fn visited(shards: Vec<Shard>, nodes: &[Is]) -> Vec<Visit> {
        let members = Member::of_topology(&facts(shards));
        let visit = |(member, is): (&Member, &Is)| {
            let mut visit = Visit::unasked(member);
            let node = &mut visit.node;
            (node.answers, node.total_ms) = (Some(true), Some(1.0));
            match is {
                Up => {}
                Refused => {
                    node.answers = Some(false);
                    let summary = "10.0.0.1 refused".to_owned();
                    node.failed = Some(Failed { stage: Stage::Tcp, summary, code: Some("EC3005".into()) });
                }
                Unasked => (node.answers, node.total_ms) = (None, None),
                Outside => (node.answers, node.credentials_withheld) = (None, true),
                Saying(role) => node.says = Some(*role),
            }
            visit
        };
        members.iter().zip(nodes).map(visit).collect()
    }

    fn judged(nodes: [Is; 4]) -> Judged {
        in_context(|context| cluster(&facts(shards()), &visited(shards(), &nodes), context))
    }

    fn findings(judged: &Judged) -> Vec<(&str, &str)> {
        let all = judged.judgement.finding.iter().chain(&judged.others);
        all.map(|finding| (finding.code.as_str(), finding.summary.as_str())).collect()
    }

    #[test]
    fn nodes_that_all_answer_are_counted() {
        let judged = judged([Up, Up, Up, Up]);
        assert_eq!((judged.judgement.summary.as_str(), judged.judgement.outcome), ("4 of 4 nodes answer", Outcome::Ok));
        assert_eq!(findings(&judged), []);
    }

    #[test]
    fn slots_whose_primary_does_not_answer_are_named() {
        let judged = judged([Refused, Up, Up, Up]);
        let expected = "slots 0-9: primary a1.example:6379 does not answer: tcp: 10.0.0.1 refused";
        assert_eq!(findings(&judged), [("EC3072", expected)]);
        assert_eq!((judged.judgement.outcome, judged.judgement.summary.as_str()), (Outcome::No, "3 of 4 nodes answer"));
        assert_eq!(judged.judgement.finding.unwrap().evidence["nodes"], serde_json::json!(["a1.example:6379"]));
    }

    #[test]
    fn a_replica_that_does_not_answer_is_a_warning_beside_a_primary_too() {
        let expected = ("EC3073", "replica b2.example:6379 does not answer: tcp: 10.0.0.1 refused");
        let alone = judged([Up, Up, Up, Refused]);
        assert_eq!((findings(&alone), alone.judgement.outcome), (vec![expected], Outcome::Ok));
        let both = judged([Refused, Up, Up, Refused]);
        assert_eq!((findings(&both)[0].0, findings(&both)[1]), ("EC3072", expected));
    }

    #[test]
    fn a_replica_that_has_taken_over_serves_the_slots() {
        let judged = judged([Refused, Saying(Role::Primary), Up, Up]);
        assert_eq!(judged.judgement.outcome, Outcome::Ok);
        assert_eq!(findings(&judged).iter().map(|finding| finding.0).collect::<Vec<_>>(), ["EC3073", "EC3076"]);
        assert_eq!(
            findings(&judged)[1].1,
            "the topology is of an earlier time: replica a2.example:6379 says that it is a primary"
        );
    }

    #[test]
    fn a_primary_that_says_it_is_a_replica_serves_nothing() {
        let judged = judged([Saying(Role::Replica), Up, Up, Up]);
        assert_eq!(findings(&judged)[0], ("EC3072", "slots 0-9: primary a1.example:6379 says that it is a replica"));
    }

    #[test]
    fn what_was_not_determined_is_no_fault() {
        let unasked = judged([Unasked, Up, Up, Unasked]);
        assert_eq!(findings(&unasked), [("EC3075", "2 nodes were not probed: the time was up")]);
        assert_eq!(unasked.judgement.outcome, Outcome::Ok);
        assert_eq!(unasked.judgement.summary, "2 of 4 nodes answer, 2 not asked");
        let outside = judged([Outside, Up, Up, Up]);
        let summary = "credentials were kept from 1 node outside the cache's domain: a1.example:6379";
        assert_eq!(findings(&outside), [("EC3074", summary)]);
        let fix = outside.judgement.finding.unwrap().fix.unwrap();
        assert_eq!(fix, "if they are yours, give --allow-host a1.example");
    }

    #[test]
    fn a_fix_that_knows_this_network_is_told_and_what_is_said_to_everybody_is_not() {
        let fix = |code: &'static Code, fix: &str| {
            let mut visits = visited(shards(), &[Refused, Up, Up, Up]);
            visits[0].finding = Some(Finding::new(code, Severity::Error, "no").fix(fix));
            let judged = in_context(|context| cluster(&facts(shards()), &visits, context));
            judged.judgement.finding.unwrap().fix.unwrap()
        };
        assert_eq!(fix(&codes::TCP_TIMEOUT, "ec-sg check --cache orders"), "ec-sg check --cache orders");
        assert_eq!(fix(&codes::TCP_REFUSED, codes::TCP_REFUSED.fix), codes::PRIMARY_SILENT.fix);
    }

    #[test]
    fn many_shards_are_named_in_part() {
        let slots = |index: u16| Shard { slots: vec![(index, index)], ..shards()[0].clone() };
        let shards: Vec<Shard> = (0..5).map(slots).collect();
        let visits = visited(shards.clone(), &[Refused; 10]);
        let judged = in_context(|context| cluster(&facts(shards), &visits, context));
        let summary = findings(&judged)[0].1;
        assert!(summary.starts_with("slots 0: primary") && summary.ends_with("refused; and 2 more"), "{summary}");
        assert_eq!(judged.judgement.finding.unwrap().evidence["nodes"].as_array().map(Vec::len), Some(5));
    }

    #[test]
    fn more_nodes_than_are_told_are_said_not_to_be_probed() {
        let topology = Facts { nodes: 1_004, ..facts(shards()) };
        let judged = in_context(|context| cluster(&topology, &visited(shards(), &[Up; 4]), context));
        assert_eq!(findings(&judged), [("EC3075", "1000 nodes were not probed: the topology has more than 1000")]);
    }

    #[test]
    fn a_node_of_memcached_that_does_not_answer_takes_its_keys_along() {
        let mut visits = visited(shards(), &[Up, Refused]);
        for visit in &mut visits {
            visit.node.role = None;
        }
        let judged = in_context(|context| memcached(&visits, context));
        assert_eq!(findings(&judged), [("EC3093", "a2.example:6379 does not answer: tcp: 10.0.0.1 refused")]);
        assert_eq!((judged.judgement.outcome, judged.judgement.summary.as_str()), (Outcome::No, "1 of 2 nodes answer"));
    }

    #[test]
    fn behind_one_tunnel_the_nodes_are_said_not_to_be_probed() {
        let summary = |count| in_context(|context| out_of_reach(count, context)).map(|finding| finding.summary);
        assert_eq!(summary(0), None);
        assert_eq!(summary(5).as_deref(), Some("5 nodes were not probed: the tunnel leads to the endpoint alone"));
    }
}
