use ec_shared::document::Engine;
use ec_shared::ran_on::RanOn;
use jiff::Timestamp;

use super::super::tests::{code, judged};
use super::*;
use crate::answer::Answer;
use crate::answer::tests::{addresses, heard, silent};
use crate::plan::Plan;

const NOERROR: u8 = 0;
const SERVFAIL: u8 = 2;
const NXDOMAIN: u8 = 3;
const REFUSED: u8 = 5;

fn again() -> DnsFault {
    DnsFault::Resolver("temporary failure in name resolution".into())
}

fn failed(number: u8) -> Heard {
    Heard { said: Said::Failed("connection refused".into()), ..silent(number) }
}

#[test]
fn what_the_system_only_calls_a_failure_has_a_code_each() {
    for (servers, expected) in [
        (vec![], "EC3003"),
        (vec![silent(1)], "EC3079"),
        (vec![failed(1), silent(2)], "EC3079"),
        (vec![heard(1, SERVFAIL, &[])], "EC3078"),
        (vec![silent(1), heard(2, REFUSED, &[])], "EC3078"),
        (vec![silent(1), heard(2, NXDOMAIN, &[])], "EC3001"),
        (vec![silent(1), heard(2, NOERROR, &[])], "EC3002"),
        (vec![silent(1), heard(2, NOERROR, &["10.0.0.1"])], "EC3003"),
    ] {
        let answer = Answer::Addresses(Err(Unresolved { fault: again(), servers: servers.clone() }));
        assert_eq!(code(&judged(Engine::Valkey, Stage::Dns, &answer)), expected, "{servers:?}");
    }
}

#[test]
fn that_a_name_or_an_address_is_missing_stays_the_systems_word_unless_the_servers_know_better() {
    for (fault, servers, expected) in [
        (DnsFault::NoSuchName, vec![], "EC3001"),
        (DnsFault::NoSuchName, vec![silent(1)], "EC3001"),
        (DnsFault::NoSuchName, vec![heard(1, NXDOMAIN, &[]), heard(2, NOERROR, &["10.0.0.1"])], "EC3001"),
        (DnsFault::NoSuchName, vec![heard(1, NOERROR, &[])], "EC3002"),
        (DnsFault::NoSuchName, vec![heard(1, SERVFAIL, &[])], "EC3078"),
        (DnsFault::NoAddress, vec![], "EC3002"),
        (DnsFault::NoAddress, vec![heard(1, NOERROR, &[])], "EC3002"),
        (DnsFault::NoAddress, vec![heard(1, SERVFAIL, &[])], "EC3002"),
    ] {
        let answer = Answer::Addresses(Err(Unresolved { fault, servers }));
        assert_eq!(code(&judged(Engine::Valkey, Stage::Dns, &answer)), expected, "{answer:?}");
    }
}

#[test]
fn a_cache_that_has_a_name_and_no_address_is_one_whose_addresses_are_kept_back() {
    let why = |name: &str, servers| Why::of(name, &Unresolved { fault: DnsFault::NoAddress, servers });
    let cache = "orders-x1.serverless.use1.cache.amazonaws.com";
    assert_eq!(why(cache, vec![heard(1, NOERROR, &[])]), Why::Filtered);
    assert_eq!(why("orders.example", vec![heard(1, NOERROR, &[])]), Why::NoAddress);
    assert_eq!(why(cache, vec![]), Why::NoAddress, "nobody says that the name exists");
    let gone = Unresolved { fault: DnsFault::NoSuchName, servers: vec![heard(1, NXDOMAIN, &[])] };
    assert_eq!(Why::of(cache, &gone), Why::NoSuchName);
}

#[test]
fn the_sentence_tells_what_every_server_says() {
    let servers = vec![failed(1), silent(2), heard(3, SERVFAIL, &[])];
    let answer = Answer::Addresses(Err(Unresolved { fault: again(), servers }));
    let judgement = judged(Engine::Valkey, Stage::Dns, &answer);
    assert_eq!(judgement.summary, "SERVFAIL");
    let finding = judgement.finding.unwrap();
    assert_eq!(
        finding.summary,
        "the DNS servers fail at orders.example: 10.9.0.1 cannot be asked (connection refused), \
         10.9.0.2 gave no answer in 5000 ms, 10.9.0.3 says SERVFAIL"
    );
    assert_eq!(finding.evidence["dns"]["servers"][2]["rcode"], "SERVFAIL");
}

fn remarks(system: &[&str], hosts_line: Option<usize>, servers: Vec<Heard>) -> Vec<Finding> {
    let plan = Plan::for_tests(Engine::Valkey, true);
    let machine = RanOn { host: "app-1".into(), instance_id: None };
    let now = Timestamp::UNIX_EPOCH;
    let context = Context { plan: &plan, target: &plan.targets[0], credentials: None, machine: &machine, now };
    differences(&Lookup { name: "orders.example".into(), addresses: addresses(system), hosts_line, servers }, &context)
}

fn codes_of(remarks: &[Finding]) -> Vec<(&str, Severity)> {
    remarks.iter().map(|finding| (finding.code.as_str(), finding.severity)).collect()
}

#[test]
fn a_name_pinned_in_the_hosts_file_is_told_with_both_answers() {
    let found = remarks(&["10.0.0.1"], Some(3), vec![heard(1, NOERROR, &["10.0.0.9", "10.0.0.8"])]);
    assert_eq!(codes_of(&found), [("EC3088", Severity::Warning)]);
    assert_eq!(
        found[0].summary,
        "the system resolves orders.example to 10.0.0.1 (as /etc/hosts says, line 3), and 10.9.0.1 says 10.0.0.9, 10.0.0.8"
    );
    assert_eq!(found[0].evidence["system"][0], "10.0.0.1");
    assert_eq!(found[0].evidence["dns"]["ttl_s"], 15);
    assert!(found[0].fix.as_deref().unwrap().starts_with("check line 3 of /etc/hosts"));
}

#[test]
fn an_address_from_nowhere_is_called_a_caches() {
    let found = remarks(&["10.0.0.1"], None, vec![heard(1, NOERROR, &["10.0.0.9"])]);
    assert!(found[0].summary.contains("(from a cache, or another source of names than DNS)"), "{}", found[0].summary);
}

#[test]
fn a_name_that_dns_does_not_have_is_only_mentioned() {
    let found = remarks(&["10.0.0.1"], Some(1), vec![heard(1, NXDOMAIN, &[])]);
    assert_eq!(codes_of(&found), [("EC3088", Severity::Info)]);
    assert_eq!(remarks(&["10.0.0.1"], None, vec![heard(1, SERVFAIL, &[])]), []);
}

#[test]
fn whoever_says_the_same_in_part_agrees() {
    for servers in [
        vec![],
        vec![heard(1, NOERROR, &["10.0.0.1"])],
        vec![heard(1, NOERROR, &["10.0.0.2", "10.0.0.1"]), heard(2, NOERROR, &["10.0.0.1"])],
        vec![silent(1)],
        vec![Heard { took: Duration::from_millis(5), ..silent(1) }, heard(2, NOERROR, &["10.0.0.1"])],
    ] {
        assert_eq!(remarks(&["10.0.0.1"], None, servers.clone()), [], "{servers:?}");
    }
}

#[test]
fn servers_that_do_not_answer_alike_are_a_warning() {
    let good = || heard(1, NOERROR, &["10.0.0.1"]);
    for other in [
        heard(2, NOERROR, &["10.0.0.9"]),
        heard(2, NOERROR, &[]),
        heard(2, NXDOMAIN, &[]),
        heard(2, SERVFAIL, &[]),
        silent(2),
        failed(2),
    ] {
        for servers in [vec![good(), other.clone()], vec![other.clone(), good()]] {
            let found = remarks(&["10.0.0.1"], None, servers);
            assert_eq!(codes_of(&found), [("EC3089", Severity::Warning)], "{other:?}");
        }
    }
    let both = remarks(&[], None, vec![heard(1, NXDOMAIN, &[]), good()]);
    assert_eq!(
        both[0].summary,
        "the DNS servers do not answer alike for orders.example: 10.9.0.1 says NXDOMAIN, 10.9.0.1 says 10.0.0.1"
    );
    assert_eq!(remarks(&[], None, vec![heard(1, SERVFAIL, &[]), heard(2, SERVFAIL, &[])]), []);
}

#[test]
fn many_addresses_are_counted() {
    let many = addresses(&["10.0.0.1", "10.0.0.2", "10.0.0.3", "10.0.0.4"]);
    assert_eq!(listed(&many), "10.0.0.1 and 3 more");
    assert_eq!(listed(&many[..2]), "10.0.0.1, 10.0.0.2");
}
