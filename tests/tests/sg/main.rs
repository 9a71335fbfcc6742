//! ec-sg against both emulators, and against AWS's answers on paper where no emulator gives them.
//!
//! moto knows networks and is strict about rules, but no serverless caches: there, the facts of a cache come in a document.
//! ministack knows serverless caches, but no associations of network ACLs. Their other quirks stand where they matter.
#![expect(clippy::expect_used, clippy::panic, reason = "a test that cannot be set up has failed")]

mod adversity;
mod answers;
mod attach;
mod candidates;
mod guards;
mod network;
mod offline;
mod owner;
mod paper;
mod report;
mod round_trip;
mod routes;
mod scale;
mod signals;
mod sources;
mod targets;
mod transit;

use ec_tests::{Aws, Calls, Ground, Moto, Outcome, elements, tool};
use serde_json::{Value, json};

/// The ground of a test on the moto that all share.
fn on_moto(name: &str) -> Ground {
    Ground::lay(Aws::at(&Moto::shared().url()), name)
}

/// A document about a serverless Valkey cache in these subnets of the ground, as `ec-sg find` would write it.
fn cache_in(ground: &Ground, subnets: &[&str]) -> String {
    json!({
        "kind": "ec.connection", "format_version": "1.0",
        "cache": {
            "name": "orders", "account": "123456789012", "region": "us-east-1", "deployment": "serverless",
            "engine": "valkey", "status": "available", "connection": "vpc",
            "endpoints": [{"role": "primary", "host": "orders.abc123.serverless.use1.cache.amazonaws.com", "port": 6379}],
            "network": {
                "vpc_id": ground.vpc, "subnet_ids": subnets, "security_group_ids": [ground.cache_group],
            },
        },
    })
    .to_string()
}

/// Runs ec-sg on a document against what stands at `url`.
fn ec_sg(url: &str, arguments: &[&str], document: &str) -> Outcome {
    tool("ec-sg").args(arguments).aws(url).stdin(document).run()
}

fn section(outcome: &Outcome) -> Value {
    outcome.document()["sg"].clone()
}

fn codes(section: &Value) -> Vec<&str> {
    listed(section, "findings").filter_map(|finding| finding["code"].as_str()).collect()
}

/// The codes of the findings that keep the client from the cache.
fn errors(section: &Value) -> Vec<&str> {
    let errors = listed(section, "findings").filter(|finding| finding["severity"] == "error");
    errors.filter_map(|finding| finding["code"].as_str()).collect()
}

/// What AWS calls what was found.
fn aws_codes(section: &Value) -> Vec<&str> {
    listed(section, "findings").filter_map(|finding| finding["aws_code"].as_str()).collect()
}

fn states(section: &Value) -> Vec<String> {
    listed(section, "changes")
        .map(|change| format!("{} {}", change["action"], change["state"]).replace('"', ""))
        .collect()
}

fn resources(section: &Value) -> Vec<&str> {
    listed(section, "changes").filter_map(|change| change["resource"].as_str()).collect()
}

/// The verdicts of the hops of this name.
fn verdicts<'s>(section: &'s Value, hop: &str) -> Vec<&'s str> {
    let hops = listed(section, "path").filter(|each| each["hop"] == hop);
    hops.filter_map(|each| each["verdict"].as_str()).collect()
}

fn listed<'s>(section: &'s Value, member: &str) -> impl Iterator<Item = &'s Value> {
    section[member].as_array().into_iter().flatten()
}

/// The actions of all calls so far, sorted: those of one look go out at the same time.
fn asked(calls: &Calls) -> Vec<String> {
    let mut actions = calls.actions();
    actions.sort();
    actions
}

/// The rules of a group that let traffic in, each as `PORT SOURCE`, sorted.
fn ingress(aws: &Aws, group: &str) -> Vec<String> {
    rules(aws, group, "false")
}

/// The rules of a group that let traffic out, each as `PORT DESTINATION`, sorted.
fn egress(aws: &Aws, group: &str) -> Vec<String> {
    rules(aws, group, "true")
}

fn rules(aws: &Aws, group: &str, is_egress: &str) -> Vec<String> {
    let filter = [("Filter.1.Name", "group-id"), ("Filter.1.Value.1", group)];
    let answer = aws.call("ec2", "DescribeSecurityGroupRules", &filter);
    // Every rule has one direction, and stands between it and that of the next.
    let of_direction = answer.split("<securityGroupRuleId>").filter(|rule| elements(rule, "isEgress") == [is_egress]);
    let mut rules: Vec<String> = of_direction
        .map(|rule| {
            let peer = ["referencedGroupInfo", "cidrIpv4", "cidrIpv6", "prefixListId"];
            let peer = peer.into_iter().find_map(|name| elements(rule, name).into_iter().next()).unwrap_or_default();
            let peer = elements(&peer, "groupId").into_iter().next().unwrap_or(peer);
            format!("{} {peer}", elements(rule, "fromPort").concat())
        })
        .collect();
    rules.sort();
    rules
}
