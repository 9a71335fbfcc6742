//! An AWS in memory: strict where EC2 is strict, late where it is late, and failing where a test asks for it.

use std::cell::{Cell, RefCell};
use std::collections::BTreeMap;

use ec_shared::document::{Cache, Client, Deployment};
use ec_shared::failure::AwsError;
use ec_shared::{Failure, codes as shared};
use ipnet::IpNet;

use crate::client::Source;
use crate::cloud::{Cloud, DUPLICATE, Described, Label, Subnet, Subnets};
use crate::rule::{Direction, Opening, Rule, Traffic};

#[derive(Debug, Default)]
pub(crate) struct Fake {
    pub(crate) caches: Vec<(Deployment, Described)>,
    pub(crate) subnets: Vec<Subnet>,
    pub(crate) clients: Vec<(Source, Client)>,
    pub(crate) defaults: Vec<String>,
    pub(crate) lists: BTreeMap<String, Vec<IpNet>>,
    pub(crate) rules: RefCell<Vec<Rule>>,
    /// How many reads of rules still show the rules as they were before the latest write.
    pub(crate) delay: Cell<usize>,
    /// What reads show while they are late.
    before: RefCell<Vec<Rule>>,
    late: Cell<usize>,
    pub(crate) calls: RefCell<Vec<&'static str>>,
    /// Failures to come, by the number of the call, from 1.
    pub(crate) failures: RefCell<BTreeMap<usize, Fault>>,
}

/// What goes wrong with a call.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Fault {
    /// AWS says no.
    Denied,
    /// AWS does it, and the answer gets lost.
    AnswerLost,
    /// AWS never hears of it.
    Unheard,
}

impl Fake {
    /// The next read shows only `shown`, whatever there is.
    pub(crate) fn show_late(&self, shown: Rule) {
        *self.before.borrow_mut() = vec![shown];
        self.late.set(1);
    }

    pub(crate) fn writes(&self) -> usize {
        self.calls.borrow().iter().filter(|call| ["authorize", "revoke"].contains(call)).count()
    }

    /// Counts a call; the failure if it is to fail before it does anything, and whether its answer is to get lost.
    fn call(&self, name: &'static str) -> Result<bool, Failure> {
        self.calls.borrow_mut().push(name);
        match self.failures.borrow_mut().remove(&self.calls.borrow().len()) {
            None => Ok(false),
            Some(Fault::AnswerLost) => Ok(true),
            Some(Fault::Denied) => Err(refusal(&shared::ACCESS_DENIED, "UnauthorizedOperation")),
            Some(Fault::Unheard) => Err(Failure::new(&shared::TIMEOUT, format!("cannot {name}"))),
        }
    }

    fn write(&self, change: impl FnOnce(&mut Vec<Rule>), answer_lost: bool) -> Result<(), Failure> {
        *self.before.borrow_mut() = self.rules.borrow().clone();
        self.late.set(self.delay.get());
        change(&mut self.rules.borrow_mut());
        if answer_lost { Err(Failure::new(&shared::TIMEOUT, "no answer")) } else { Ok(()) }
    }
}

fn refusal(code: &'static ec_shared::Code, aws_code: &str) -> Failure {
    Failure::new(code, "AWS said no").aws(AwsError {
        service: "ec2".into(),
        operation: "AuthorizeSecurityGroupIngress".into(),
        code: Some(aws_code.into()),
        request_id: Some("req-1".into()),
        attempts: 1,
    })
}

impl Cloud for Fake {
    fn region(&self) -> &'static str {
        "us-east-1"
    }

    async fn cache(&self, kind: Deployment, name: &str) -> Result<Option<Described>, Failure> {
        self.call("cache")?;
        let found = self.caches.iter().find(|(each, described)| *each == kind && described.cache.name == name);
        Ok(found.map(|(_, described)| described.clone()))
    }

    async fn subnets(&self, of: &Subnets) -> Result<Vec<Subnet>, Failure> {
        self.call("subnets")?;
        Ok(match of {
            Subnets::Ids(ids) => self.subnets.iter().filter(|subnet| ids.contains(&subnet.id)).cloned().collect(),
            Subnets::Group(_) => self.subnets.clone(),
        })
    }

    async fn client(&self, source: &Source) -> Result<Option<Client>, Failure> {
        self.call("client")?;
        Ok(self.clients.iter().find(|(each, _)| each == source).map(|(_, client)| client.clone()))
    }

    async fn default_groups(&self, groups: &[String]) -> Result<Vec<String>, Failure> {
        self.call("default_groups")?;
        Ok(self.defaults.iter().filter(|group| groups.contains(group)).cloned().collect())
    }

    async fn rules(&self, groups: &[String]) -> Result<Vec<Rule>, Failure> {
        self.call("rules")?;
        let rules = if self.late.get() > 0 {
            self.late.set(self.late.get() - 1);
            self.before.borrow()
        } else {
            self.rules.borrow()
        };
        Ok(rules.iter().filter(|rule| groups.contains(&rule.group)).cloned().collect())
    }

    async fn prefix_list(&self, id: &str) -> Result<Vec<IpNet>, Failure> {
        self.call("prefix_list")?;
        self.lists.get(id).cloned().ok_or_else(|| refusal(&shared::ACCESS_DENIED, "UnauthorizedOperation"))
    }

    async fn authorize(&self, openings: &[Opening], label: &Label) -> Result<Vec<Rule>, Failure> {
        let answer_lost = self.call("authorize")?;
        if openings.iter().any(|opening| self.rules.borrow().iter().any(|rule| opening.is(rule))) {
            return Err(refusal(&shared::REFUSED, DUPLICATE));
        }
        let made: Vec<Rule> = openings
            .iter()
            .enumerate()
            .map(|(index, opening)| Rule {
                id: format!("sgr-{:x}", 0x100 + self.calls.borrow().len() * 0x10 + index),
                group: opening.group.clone(),
                direction: opening.direction,
                traffic: Traffic::Tcp(opening.tcp_port, opening.tcp_port),
                peer: opening.peer.clone(),
                tag: Some(label.tag.clone()),
            })
            .collect();
        self.write(|rules| rules.extend(made.clone()), answer_lost)?;
        Ok(made)
    }

    async fn revoke(&self, group: &str, direction: Direction, ids: &[String]) -> Result<(), Failure> {
        let answer_lost = self.call("revoke")?;
        let is = |rule: &Rule, id: &String| rule.id == *id && rule.group == group && rule.direction == direction;
        if ids.iter().any(|id| !self.rules.borrow().iter().any(|rule| is(rule, id))) {
            return Err(refusal(&shared::NOT_FOUND, "InvalidSecurityGroupRuleId.NotFound"));
        }
        self.write(|rules| rules.retain(|rule| !ids.iter().any(|id| is(rule, id))), answer_lost)
    }
}

/// The scene of most tests: the serverless cache `orders` behind sg-c, the instance i-a with sg-a, all in vpc-1.
pub(crate) fn scene() -> Fake {
    let cache = Cache {
        name: "orders".into(),
        deployment: Some(Deployment::Serverless),
        engine: Some(ec_shared::document::Engine::Valkey),
        status: Some("available".into()),
        connection: Some(ec_shared::document::Connection::Vpc),
        network: Some(ec_shared::document::Network {
            subnet_ids: vec!["subnet-1".into()],
            security_group_ids: vec!["sg-c".into()],
            ..Default::default()
        }),
        ..Cache::default()
    };
    let client = Client {
        instance_id: Some("i-a".into()),
        vpc_id: Some("vpc-1".into()),
        private_ips: vec!["10.0.1.15".into()],
        security_group_ids: vec!["sg-a".into()],
        ..Client::default()
    };
    let subnet =
        Subnet { id: "subnet-1".into(), vpc_id: Some("vpc-1".into()), ranges: vec!["10.0.2.0/24".parse().unwrap()] };
    Fake {
        caches: vec![(Deployment::Serverless, Described { cache, ..Described::default() })],
        subnets: vec![subnet],
        clients: vec![(Source::Instance("i-a".into()), client)],
        rules: RefCell::new(vec![rule("sgr-e", "sg-a", Direction::Egress, Traffic::All, "0.0.0.0/0")]),
        ..Fake::default()
    }
}

/// A rule; the peer is told by its form.
pub(crate) fn rule(id: &str, group: &str, direction: Direction, traffic: Traffic, peer: &str) -> Rule {
    use crate::rule::Peer;
    let peer = match peer.parse() {
        Ok(range) => Peer::Range(range),
        Err(_) if peer.starts_with("pl-") => Peer::PrefixList(peer.into()),
        Err(_) => Peer::Group(peer.into()),
    };
    Rule { id: id.into(), group: group.into(), direction, traffic, peer, tag: None }
}
