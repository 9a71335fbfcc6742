//! An AWS in memory: strict where EC2 is strict, late where it is late, and failing where a test asks for it.

use std::cell::{Cell, RefCell};
use std::collections::BTreeMap;

use ec_shared::document::Section;
use ec_shared::failure::AwsError;
use ec_shared::interrupt::Interrupt;
use ec_shared::{Exit, Failure, codes as shared};
use serde_json::{Value, json};

use crate::answers::{Answers, NetworkInterface, SecurityGroupRule, Tag, UserIdGroupPair};
use crate::client::Source;
use crate::cloud::{Cloud, DUPLICATE, Label, TAG, Told, World};
use crate::facts::Target;
use crate::need::Need;
use crate::rule::{Direction, GroupRef, Opening, Peer, Rule, Traffic};
use crate::snapshot::Snapshot;

#[derive(Debug, Default)]
pub(crate) struct Fake {
    /// Everything but rules and the groups of interfaces.
    pub(crate) answers: Answers,
    pub(crate) rules: RefCell<Vec<Rule>>,
    /// The interface of the client, and the groups that it carries.
    pub(crate) groups: RefCell<Vec<String>>,
    /// How many reads of rules still show the rules as they were before the latest write.
    pub(crate) delay: Cell<usize>,
    /// What reads show while they are late.
    before: RefCell<Vec<Rule>>,
    late: Cell<usize>,
    pub(crate) calls: RefCell<Vec<&'static str>>,
    /// Failures to come, by the number of the call, from 1.
    pub(crate) failures: RefCell<BTreeMap<usize, Fault>>,
    /// Somebody who wants the run to end right after the first write.
    pub(crate) on_write: RefCell<Option<Interrupt>>,
    /// Whether the write under way is tried a second time.
    is_retried: Cell<bool>,
    /// What AWS never tells.
    pub(crate) denied: Vec<Need>,
    /// How many rules a group may have.
    pub(crate) room: Cell<Option<usize>>,
}

/// What goes wrong with a call.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Fault {
    /// AWS says no.
    Denied,
    /// AWS is asked too often.
    Throttled,
    /// AWS does it, and the answer gets lost.
    AnswerLost,
    /// AWS does it, the answer gets lost, and the SDK tries it again.
    Retried,
    /// AWS never hears of it.
    Unheard,
    /// AWS does not know yet what was just made.
    NotFoundYet,
}

impl Fake {
    /// The world that this is the cloud of.
    pub(crate) fn world(self) -> World<Self> {
        World::new(self)
    }

    /// The next read of rules shows only `shown`, whatever there is.
    pub(crate) fn show_late(&self, shown: Rule) {
        *self.before.borrow_mut() = vec![shown];
        self.late.set(2);
    }

    pub(crate) fn writes(&self) -> usize {
        self.calls.borrow().iter().filter(|call| WRITES.contains(call)).count()
    }

    /// Counts a call; the failure if it is to fail before it does anything, and whether its answer is to get lost.
    fn call(&self, name: &'static str) -> Result<bool, Failure> {
        self.calls.borrow_mut().push(name);
        match self.failures.borrow_mut().remove(&self.calls.borrow().len()) {
            None => Ok(false),
            Some(Fault::AnswerLost) => Ok(true),
            // The second attempt finds the work done.
            Some(Fault::Retried) => {
                self.is_retried.set(WRITES.contains(&name));
                Ok(false)
            }
            Some(Fault::Denied) => Err(refusal(&shared::ACCESS_DENIED, "UnauthorizedOperation")),
            Some(Fault::Throttled) => Err(refusal(&shared::THROTTLED, "RequestLimitExceeded")),
            Some(Fault::NotFoundYet) => Err(refusal(&shared::NOT_FOUND, "InvalidGroup.NotFound")),
            Some(Fault::Unheard) => Err(Failure::new(&shared::TIMEOUT, format!("cannot {name}"))),
        }
    }

    fn write(&self, change: impl FnOnce(&mut Vec<Rule>), answer_lost: bool) -> Result<(), Failure> {
        *self.before.borrow_mut() = self.rules.borrow().clone();
        self.late.set(self.delay.get());
        change(&mut self.rules.borrow_mut());
        if let Some(interrupt) = self.on_write.borrow_mut().take() {
            interrupt.raise(Exit::Interrupted);
        }
        if answer_lost { Err(Failure::new(&shared::TIMEOUT, "no answer")) } else { Ok(()) }
    }

    /// What is told of one need.
    fn tell(&self, need: &Need) -> Result<Answers, Failure> {
        let name = match need {
            Need::Rules(_) => "rules",
            Need::Interface(_) => "interface",
            Need::Cache(..) => "cache",
            _ => "read",
        };
        if self.call(name)? {
            return Err(Failure::new(&shared::TIMEOUT, "no answer"));
        }
        match need {
            denied if self.denied.contains(denied) => Err(refusal(&shared::ACCESS_DENIED, "UnauthorizedOperation")),
            Need::Rules(group) => {
                let rules = if self.late.get() > 0 {
                    self.late.set(self.late.get() - 1);
                    self.before.borrow()
                } else {
                    self.rules.borrow()
                };
                Ok(told(rules.iter().filter(|rule| rule.group == *group)))
            }
            _ => {
                let mut answers = self.answers.clone();
                for interface in answers.network_interfaces.iter_mut().flatten() {
                    self.dress(interface);
                }
                Ok(answers)
            }
        }
    }

    fn dress(&self, interface: &mut NetworkInterface) {
        if interface.network_interface_id == "eni-a" && !self.groups.borrow().is_empty() {
            let groups = self.groups.borrow().iter().map(|id| json!({"GroupId": id})).collect::<Vec<_>>();
            interface.groups = serde_json::from_value(Value::Array(groups)).unwrap();
        }
    }
}

const WRITES: [&str; 3] = ["authorize", "revoke", "set_groups"];

fn refusal(code: &'static ec_shared::Code, aws_code: &str) -> Failure {
    refusal_of(1, code, aws_code)
}

fn refusal_of(attempts: u32, code: &'static ec_shared::Code, aws_code: &str) -> Failure {
    Failure::new(code, "AWS said no").aws(AwsError {
        service: "ec2".into(),
        operation: "AuthorizeSecurityGroupIngress".into(),
        code: Some(aws_code.into()),
        request_id: Some("req-1".into()),
        attempts,
    })
}

impl Cloud for Fake {
    fn region(&self) -> Option<&str> {
        Some("us-east-1")
    }

    async fn fetch(&self, needs: Vec<Need>) -> Vec<Told> {
        let told = |need: Need| Told { answers: self.tell(&need), needs: vec![need], is_whole: false };
        needs.into_iter().map(told).collect()
    }

    async fn authorize(&self, openings: &[Opening], label: &Label) -> Result<Vec<Rule>, Failure> {
        let answer_lost = self.call("authorize")?;
        if openings.iter().any(|opening| self.rules.borrow().iter().any(|rule| opening.is(rule))) {
            return Err(refusal(&shared::REFUSED, DUPLICATE));
        }
        let held = |group: &str| self.rules.borrow().iter().filter(|rule| rule.group == group).count();
        if let (Some(room), Some(first)) = (self.room.get(), openings.first())
            && held(&first.group) + openings.len() > room
        {
            return Err(refusal(&shared::REFUSED, "RulesPerSecurityGroupLimitExceeded"));
        }
        let made: Vec<Rule> = openings
            .iter()
            .enumerate()
            .map(|(index, opening)| Rule {
                id: Some(format!("sgr-{:x}", 0x100 + self.calls.borrow().len() * 0x10 + index)),
                group: opening.group.clone(),
                direction: opening.direction,
                traffic: Traffic::Tcp(opening.tcp_port, opening.tcp_port),
                peer: opening.peer.clone(),
                tag: Some(label.tag.clone()),
                peering_status: None,
            })
            .collect();
        self.write(|rules| rules.extend(made.clone()), answer_lost)?;
        if self.is_retried.take() { Err(refusal_of(2, &shared::REFUSED, DUPLICATE)) } else { Ok(made) }
    }

    async fn may_authorize(&self, _: &[Opening]) -> Result<(), Failure> {
        self.call("may_authorize").map(|_| ())
    }

    async fn revoke(&self, group: &str, direction: Direction, ids: &[String]) -> Result<(), Failure> {
        let answer_lost = self.call("revoke")?;
        let is = |rule: &Rule, id: &String| {
            rule.id.as_ref() == Some(id) && rule.group == group && rule.direction == direction
        };
        if ids.iter().any(|id| !self.rules.borrow().iter().any(|rule| is(rule, id))) {
            return Err(refusal(&shared::NOT_FOUND, "InvalidSecurityGroupRuleId.NotFound"));
        }
        self.write(|rules| rules.retain(|rule| !ids.iter().any(|id| is(rule, id))), answer_lost)?;
        if self.is_retried.take() {
            return Err(refusal_of(2, &shared::NOT_FOUND, "InvalidSecurityGroupRuleId.NotFound"));
        }
        Ok(())
    }

    async fn set_groups(&self, interface: &str, groups: &[String]) -> Result<(), Failure> {
        let answer_lost = self.call("set_groups")?;
        assert_eq!(interface, "eni-a", "the only interface");
        self.groups.replace(groups.to_vec());
        // To give the same groups twice is no error.
        self.is_retried.set(false);
        if answer_lost { Err(Failure::new(&shared::TIMEOUT, "no answer")) } else { Ok(()) }
    }
}

/// Rules as EC2 tells them.
pub(crate) fn told<'r>(rules: impl IntoIterator<Item = &'r Rule>) -> Answers {
    let told = |rule: &Rule| {
        let (ip_protocol, from_port, to_port) = match rule.traffic {
            Traffic::All => ("-1", Some(-1), Some(-1)),
            Traffic::Tcp(from, to) => ("tcp", Some(from.into()), Some(to.into())),
            Traffic::Other => ("udp", Some(53), Some(53)),
        };
        let mut told = SecurityGroupRule {
            security_group_rule_id: rule.id.clone().unwrap_or_default(),
            group_id: rule.group.clone(),
            is_egress: rule.direction == Direction::Egress,
            ip_protocol: ip_protocol.into(),
            from_port,
            to_port,
            tags: rule.tag.iter().map(|value| Tag { key: TAG.into(), value: value.clone() }).collect(),
            ..SecurityGroupRule::default()
        };
        match &rule.peer {
            Peer::Group(group) => {
                told.referenced_group_info = Some(UserIdGroupPair {
                    group_id: Some(group.id.clone()),
                    peering_status: rule.peering_status.clone(),
                    ..UserIdGroupPair::default()
                });
            }
            Peer::Range(range @ ipnet::IpNet::V4(_)) => told.cidr_ipv4 = Some(range.to_string()),
            Peer::Range(range @ ipnet::IpNet::V6(_)) => told.cidr_ipv6 = Some(range.to_string()),
            Peer::PrefixList(list) => told.prefix_list_id = Some(list.clone()),
        }
        told
    };
    Answers { security_group_rules: Some(rules.into_iter().map(told).collect()), ..Answers::default() }
}

/// Answers as the AWS CLI prints them.
pub(crate) fn answers(json: Value) -> Answers {
    serde_json::from_value(json).expect("answers in the shape of the AWS CLI")
}

/// What is known when these answers, and these rules, were told; of every group that is named, all rules are known.
pub(crate) fn snapshot(json: Value, rules: &[Rule]) -> Snapshot {
    let mut known = Snapshot::default();
    known.take(answers(json)).expect("answers that can be read");
    known.take(told(rules)).expect("rules that can be read");
    known.told_whole(&Need::Rules(String::new()));
    known
}

/// A VPC `vpc-1`, 10.0.0.0/16, as it comes: one network ACL that lets everything through, one route table. The client's
/// subnet is subnet-a, 10.0.1.0/24, the cache's are subnet-c and subnet-d, 10.0.2.0/24 and 10.0.3.0/24.
pub(crate) fn vpc() -> Value {
    let subnet = |id: &str, zone: &str, range: &str| json!({"SubnetId": id, "VpcId": "vpc-1", "AvailabilityZone": zone, "CidrBlock": range, "OwnerId": "111122223333"});
    let allow = |egress: bool| {
        json!([
            {"RuleNumber": 100, "Protocol": "-1", "RuleAction": "allow", "Egress": egress, "CidrBlock": "0.0.0.0/0"},
            {"RuleNumber": 101, "Protocol": "-1", "RuleAction": "allow", "Egress": egress, "Ipv6CidrBlock": "::/0"},
            {"RuleNumber": 32767, "Protocol": "-1", "RuleAction": "deny", "Egress": egress, "CidrBlock": "0.0.0.0/0"},
        ])
    };
    let entries: Vec<Value> =
        [allow(true), allow(false)].iter().flat_map(|list| list.as_array().cloned().unwrap()).collect();
    let associations: Vec<Value> =
        ["subnet-a", "subnet-c", "subnet-d"].iter().map(|id| json!({"SubnetId": id})).collect();
    json!({
        "Vpcs": [{"VpcId": "vpc-1", "CidrBlock": "10.0.0.0/16", "OwnerId": "111122223333"}],
        "Subnets": [
            subnet("subnet-a", "us-east-1a", "10.0.1.0/24"),
            subnet("subnet-c", "us-east-1a", "10.0.2.0/24"),
            subnet("subnet-d", "us-east-1b", "10.0.3.0/24"),
        ],
        "NetworkAcls": [{
            "NetworkAclId": "acl-1", "VpcId": "vpc-1", "IsDefault": true, "OwnerId": "111122223333",
            "Associations": associations, "Entries": entries,
        }],
        "RouteTables": [{
            "RouteTableId": "rtb-1", "VpcId": "vpc-1", "OwnerId": "111122223333",
            "Associations": [{"Main": true}],
            "Routes": [{"DestinationCidrBlock": "10.0.0.0/16", "GatewayId": "local", "State": "active"}],
        }],
        "VpcId": "vpc-1",
        "EnableDnsSupport": {"Value": true},
        "EnableDnsHostnames": {"Value": true},
    })
}

/// `vpc-1` with the cache, and beside it `vpc-2`, 10.2.0.0/16, with the client's subnet-z. Nothing joins them.
pub(crate) fn two_separate_vpcs() -> Value {
    let mut facts = vpc();
    facts["Vpcs"].as_array_mut().unwrap().push(json!({"VpcId": "vpc-2", "CidrBlock": "10.2.0.0/16"}));
    facts["Subnets"].as_array_mut().unwrap().push(json!({
        "SubnetId": "subnet-z", "VpcId": "vpc-2", "AvailabilityZone": "us-east-1a", "CidrBlock": "10.2.1.0/24",
    }));
    let mut acl = facts["NetworkAcls"][0].clone();
    acl["NetworkAclId"] = json!("acl-z");
    acl["VpcId"] = json!("vpc-2");
    acl["Associations"] = json!([{"SubnetId": "subnet-z"}]);
    facts["NetworkAcls"].as_array_mut().unwrap().push(acl);
    facts["RouteTables"].as_array_mut().unwrap().push(json!({
        "RouteTableId": "rtb-z", "VpcId": "vpc-2", "Associations": [{"Main": true}],
        "Routes": [{"DestinationCidrBlock": "10.2.0.0/16", "GatewayId": "local", "State": "active"}],
    }));
    facts
}

/// Runs to the end what waits for answers.
pub(crate) fn run<T>(work: impl Future<Output = T>) -> T {
    tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap().block_on(work)
}

/// The question of the scene.
pub(crate) fn target() -> Target {
    Target { cache: Some("orders".into()), from: Some(Source::Instance("i-a".into())), ..Target::default() }
}

/// The codes of a section's findings.
pub(crate) fn codes_of(section: &Section) -> Vec<&str> {
    section.findings.iter().map(|finding| finding.code.as_str()).collect()
}

/// The scene of most tests: the serverless cache `orders` behind sg-c in subnet-c, the instance i-a with sg-a in subnet-a.
pub(crate) fn scene() -> Fake {
    let mut all = vpc();
    all["ServerlessCaches"] = json!([{
        "ServerlessCacheName": "orders", "Status": "available", "Engine": "valkey", "FullEngineVersion": "8.1",
        "ARN": "arn:aws:elasticache:us-east-1:111122223333:serverlesscache:orders",
        "SecurityGroupIds": ["sg-c"], "SubnetIds": ["subnet-c"],
    }]);
    all["Reservations"] = json!([{"Instances": [{
        "InstanceId": "i-a", "VpcId": "vpc-1", "SubnetId": "subnet-a", "PrivateIpAddress": "10.0.1.15",
        "State": {"Name": "running"}, "SecurityGroups": [{"GroupId": "sg-a"}],
        "NetworkInterfaces": [{"NetworkInterfaceId": "eni-a", "Attachment": {"DeviceIndex": 0}}],
    }]}]);
    all["NetworkInterfaces"] = json!([{
        "NetworkInterfaceId": "eni-a", "VpcId": "vpc-1", "SubnetId": "subnet-a", "PrivateIpAddress": "10.0.1.15",
        "Groups": [{"GroupId": "sg-a"}],
    }]);
    all["SecurityGroups"] = json!([
        {"GroupId": "sg-a", "GroupName": "app", "VpcId": "vpc-1", "OwnerId": "111122223333"},
        {"GroupId": "sg-c", "GroupName": "cache", "VpcId": "vpc-1", "OwnerId": "111122223333"},
    ]);
    Fake {
        answers: answers(all),
        rules: RefCell::new(vec![rule("sgr-e", "sg-a", Direction::Egress, Traffic::All, "0.0.0.0/0")]),
        groups: RefCell::new(vec!["sg-a".into()]),
        ..Fake::default()
    }
}

/// A rule; the peer is told by its form.
pub(crate) fn rule(id: &str, group: &str, direction: Direction, traffic: Traffic, peer: &str) -> Rule {
    let peer = match peer.parse() {
        Ok(range) => Peer::Range(range),
        Err(_) if peer.starts_with("pl-") => Peer::PrefixList(peer.into()),
        Err(_) => Peer::Group(GroupRef::of(peer)),
    };
    Rule { id: Some(id.into()), group: group.into(), direction, traffic, peer, tag: None, peering_status: None }
}
