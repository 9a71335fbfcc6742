//! A private address that nobody here reaches: what is known of where this machine is, and the ways in.
//!
//! Sources: <https://docs.aws.amazon.com/AmazonElastiCache/latest/dg/accessing-elasticache.html>; port forwarding to a remote
//! host, <https://docs.aws.amazon.com/systems-manager/latest/userguide/session-manager-working-with-sessions-start.html>.

use std::net::IpAddr;

use ec_shared::document::EndpointRole;

use super::Context;
use crate::answer::{Dial, DialOutcome};
use crate::codes;
use crate::plan::Surroundings;
use crate::upstream::Cause;

/// Why nobody answered, if all that is known is that the addresses are private and this machine is not known to be in a
/// VPC; `None` where it is, or may be, or where the client is a network that was named as such.
pub(super) fn cause(failed: &[&Dial], context: &Context<'_>) -> Option<Cause> {
    let plan = context.plan;
    let is_lost = |dial: &&Dial| matches!(dial.outcome, DialOutcome::TimedOut | DialOutcome::Unreachable(_));
    let addresses: Vec<IpAddr> = failed.iter().map(|dial| dial.address.ip()).collect();
    let client = plan.client.as_ref();
    if !plan.way.is_direct()
        || context.machine.instance_id.is_some()
        || plan.surroundings == Surroundings::Container
        || client.is_some_and(|client| client.instance_id.is_none())
        || !failed.iter().all(is_lost)
        || !addresses.iter().copied().all(is_private)
    {
        return None;
    }
    let has_no_route = failed.iter().all(|dial| matches!(dial.outcome, DialOutcome::Unreachable(_)));
    let shown: Vec<String> = addresses.iter().map(IpAddr::to_string).collect();
    let (verb, what) = if shown.len() == 1 { ("is", "a private address") } else { ("are", "private addresses") };
    let how = if has_no_route { "has no way to" } else { "gets no answer from" };
    let summary = format!(
        "this machine, which does not show to be an EC2 instance, {how} {}: {} {verb} {what}, and reached only from inside the \
         VPC, from a network joined to it, or through a tunnel",
        context.target.endpoint,
        shown.join(", ")
    );
    let mut left = vec![
        "whether this machine's network is joined to the VPC: by VPN, Direct Connect, peering or a transit gateway"
            .to_owned(),
    ];
    if !has_no_route {
        left.push("if it is: a security group, network ACL or route that drops the packets".to_owned());
    }
    Some(Cause { code: &codes::OUTSIDE_VPC, summary, because: Vec::new(), left, fix: ways_in(context) })
}

/// Whether only a network's own machines have a way to the address: RFC 1918, RFC 6598, which VPCs may use, too, and RFC 4193.
fn is_private(address: IpAddr) -> bool {
    match address {
        IpAddr::V4(address) => {
            let [first, second, ..] = address.octets();
            address.is_private() || (first == 100 && second & 0b1100_0000 == 64)
        }
        IpAddr::V6(address) => match address.to_ipv4_mapped() {
            Some(address) => is_private(address.into()),
            None => address.is_unique_local(),
        },
    }
}

/// The commands, one a line, ready to be pasted, below a line that says what for. What leads to every node of a cluster comes first where there is one.
fn ways_in(context: &Context<'_>) -> String {
    const WAYS: &str =
        "run ec-probe inside the VPC, or go through a machine there that may reach the cache, by one of:";
    let (plan, endpoint) = (context.plan, &context.target.endpoint);
    let (host, port) = (endpoint.host(), endpoint.port());
    let instance = plan.client.as_ref().and_then(|client| client.instance_id.as_deref()).unwrap_or("i-…");
    let region = plan.region.as_ref().map_or(String::new(), |region| format!(" --region {region}"));
    let probe = format!("ec-probe --endpoint {endpoint}");
    let at_the_end = format!("{probe} --connect-to 127.0.0.1:{port}");
    let command = format!("{probe} --proxy-command 'ssh -W %h:%p BASTION'");
    let socks = format!("ssh -f -N -D 1080 BASTION && {probe} --socks5 127.0.0.1:1080");
    let tunnel = format!("ssh -f -N -L {port}:{endpoint} BASTION && {at_the_end}");
    let session = format!(
        "aws ssm start-session{region} --target {instance} --document-name AWS-StartPortForwardingSessionToRemoteHost \
         --parameters '{{\"host\":[\"{host}\"],\"portNumber\":[\"{port}\"],\"localPortNumber\":[\"{port}\"]}}'  \
         # while it runs: {at_the_end}"
    );
    if plan.cluster_mode == Some(true) || context.target.role == Some(EndpointRole::Configuration) {
        let session = format!("{session}; it leads to one node only, as does ssh -L");
        [WAYS, &command, &socks, &session].join("\n")
    } else {
        [WAYS, &command, &tunnel, &session].join("\n")
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use ec_shared::document::{Client, Engine};
    use ec_shared::ran_on::RanOn;
    use jiff::Timestamp;

    use super::*;
    use crate::plan::Plan;
    use crate::way::Way;

    fn dial(address: &str, outcome: DialOutcome) -> Dial {
        let address = std::net::SocketAddr::new(address.parse().unwrap(), 6379);
        Dial { address, took: Some(Duration::from_millis(1)), outcome }
    }

    fn lost(address: &str) -> Dial {
        dial(address, DialOutcome::TimedOut)
    }

    fn told_on(machine: &RanOn, plan: &Plan, dials: &[Dial]) -> Option<Cause> {
        let target = &plan.targets[0];
        let context = Context { plan, target, credentials: None, machine, now: Timestamp::UNIX_EPOCH };
        cause(&dials.iter().collect::<Vec<_>>(), &context)
    }

    fn told(plan: &Plan, dials: &[Dial]) -> Option<Cause> {
        told_on(&RanOn { host: "desk".into(), instance_id: None }, plan, dials)
    }

    fn plan() -> Plan {
        Plan::for_tests(Engine::Valkey, true)
    }

    #[test]
    fn private_addresses_are_those_that_a_vpc_has() {
        for (address, expected) in [
            ("10.0.0.1", true),
            ("172.16.0.1", true),
            ("172.31.255.254", true),
            ("192.168.1.1", true),
            ("100.64.0.1", true),
            ("100.127.255.254", true),
            ("fd12::1", true),
            ("fc00::1", true),
            ("::ffff:10.0.0.1", true),
            ("172.32.0.1", false),
            ("100.128.0.1", false),
            ("100.63.255.254", false),
            ("127.0.0.1", false),
            ("169.254.169.254", false),
            ("203.0.113.1", false),
            ("2001:db8::1", false),
            ("fe80::1", false),
        ] {
            assert_eq!(is_private(address.parse().unwrap()), expected, "{address}");
        }
    }

    #[test]
    fn a_private_address_without_an_answer_says_what_is_known_and_what_is_not() {
        let cause = told(&plan(), &[lost("10.0.0.1"), lost("10.0.1.1")]).unwrap();
        assert_eq!(cause.code.id, "EC3008");
        assert_eq!(
            cause.summary,
            "this machine, which does not show to be an EC2 instance, gets no answer from orders.example:6379: 10.0.0.1, \
             10.0.1.1 are private addresses, and reached only from inside the VPC, from a network joined to it, or through a \
             tunnel"
        );
        assert!(cause.left[0].starts_with("whether this machine's network is joined"), "{cause:?}");
        assert!(cause.left[1].contains("security group"), "{cause:?}");
    }

    #[test]
    fn without_a_route_no_security_group_can_be_the_cause() {
        let no_route = DialOutcome::Unreachable("network is unreachable".into());
        let cause = told(&plan(), &[dial("fd12::1", no_route)]).unwrap();
        assert!(cause.summary.contains("has no way to"), "{}", cause.summary);
        assert_eq!(cause.left.len(), 1);
    }

    #[test]
    fn where_this_machine_is_or_may_be_inside_nothing_is_guessed() {
        let lost_one = [lost("10.0.0.1")];
        let instance = RanOn { host: "app-1".into(), instance_id: Some("i-0123456789abcdef0".into()) };
        assert_eq!(told_on(&instance, &plan(), &lost_one), None);
        assert_eq!(told(&Plan { surroundings: Surroundings::Container, ..plan() }, &lost_one), None, "a container");
        let office = Client { cidr: Some("198.51.100.0/24".into()), ..Client::default() };
        assert_eq!(told(&Plan { client: Some(office), ..plan() }, &lost_one), None, "a network that is let in");
        let tunnel = Way::Elsewhere("10.0.0.9:6379".parse().unwrap());
        assert_eq!(told(&Plan { way: tunnel, ..plan() }, &lost_one), None, "a tunnel");
        assert_eq!(told(&plan(), &[lost("203.0.113.1")]), None, "a public address");
        assert_eq!(
            told(&plan(), &[lost("10.0.0.1"), dial("10.0.0.2", DialOutcome::Refused)]),
            None,
            "a host that answers"
        );
    }

    #[test]
    fn the_ways_in_are_ready_to_be_pasted() {
        let fix = told(&plan(), &[lost("10.0.0.1")]).unwrap().fix;
        assert_eq!(
            fix.lines().skip(1).collect::<Vec<_>>(),
            [
                "ec-probe --endpoint orders.example:6379 --proxy-command 'ssh -W %h:%p BASTION'",
                "ssh -f -N -L 6379:orders.example:6379 BASTION && ec-probe --endpoint orders.example:6379 --connect-to \
                 127.0.0.1:6379",
                "aws ssm start-session --target i-… --document-name AWS-StartPortForwardingSessionToRemoteHost --parameters \
                 '{\"host\":[\"orders.example\"],\"portNumber\":[\"6379\"],\"localPortNumber\":[\"6379\"]}'  # while it runs: \
                 ec-probe --endpoint orders.example:6379 --connect-to 127.0.0.1:6379",
            ]
        );
    }

    #[test]
    fn to_a_cluster_a_way_to_all_nodes_comes_first_and_the_documents_client_is_the_instance() {
        let client = Client { instance_id: Some("i-0abc".into()), ..Client::default() };
        let region = Some("eu-west-1".to_owned());
        let plan = Plan { cluster_mode: Some(true), client: Some(client), region, ..plan() };
        let fix = told(&plan, &[lost("10.0.0.1")]).unwrap().fix;
        let lines: Vec<&str> = fix.lines().collect();
        assert!(lines[2].ends_with("--socks5 127.0.0.1:1080"), "{fix}");
        assert!(lines[3].starts_with("aws ssm start-session --region eu-west-1 --target i-0abc "), "{fix}");
        assert!(lines[3].ends_with("one node only, as does ssh -L"), "{fix}");
    }
}
