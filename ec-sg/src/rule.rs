//! Security-group rules: those that AWS holds, and those that we add.
//!
//! The identity of a rule is (group, direction, protocol, ports, peer). Its description and tags are no part of it.

use std::fmt;
use std::str::FromStr;

use ipnet::IpNet;
use serde::{Deserialize, Serialize};

use crate::client::has_form;

/// Which way the traffic goes, seen from the members of the group.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Direction {
    /// To the members.
    Ingress,
    /// From the members.
    Egress,
}

impl Direction {
    /// The word in the document.
    pub fn word(self) -> &'static str {
        match self {
            Self::Ingress => "ingress",
            Self::Egress => "egress",
        }
    }

    pub(crate) fn preposition(self) -> &'static str {
        match self {
            Self::Ingress => "from",
            Self::Egress => "to",
        }
    }
}

/// The other side of a rule.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Peer {
    /// Every interface that carries the group.
    #[serde(rename = "security_group_id")]
    Group(GroupRef),
    /// Every address in the range.
    #[serde(rename = "cidr")]
    Range(IpNet),
    /// Every address in the list's ranges.
    #[serde(rename = "prefix_list_id")]
    PrefixList(String),
}

impl fmt::Display for Peer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Group(group) => write!(f, "{group}"),
            Self::PrefixList(id) => f.write_str(id),
            Self::Range(range) => write!(f, "{range}"),
        }
    }
}

/// A security group, perhaps of another account: `sg-…` or `123456789012/sg-…`, as the console writes it.
///
/// Ids of groups are unique across accounts: two references are the same if their ids are.
#[derive(Clone, Debug, Eq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct GroupRef {
    /// The account, where it is another one.
    pub account: Option<String>,
    /// `sg-…`
    pub id: String,
}

impl GroupRef {
    /// A group of this account, or of whichever.
    pub fn of(id: impl Into<String>) -> Self {
        Self { account: None, id: id.into() }
    }
}

impl PartialEq for GroupRef {
    fn eq(&self, other: &Self) -> bool {
        self.id == other.id
    }
}

impl fmt::Display for GroupRef {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.account {
            Some(account) => write!(f, "{account}/{}", self.id),
            None => f.write_str(&self.id),
        }
    }
}

impl FromStr for GroupRef {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let (account, id) = match text.split_once('/') {
            Some((account, id)) => (Some(account), id),
            None => (None, text),
        };
        if !has_form(id, "sg-") || !account.is_none_or(ec_shared::flags::is_account) {
            return Err("a security group is written sg-… or 123456789012/sg-…".to_owned());
        }
        Ok(Self { account: account.map(str::to_owned), id: id.to_owned() })
    }
}

impl TryFrom<String> for GroupRef {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        text.parse()
    }
}

impl From<GroupRef> for String {
    fn from(group: GroupRef) -> Self {
        group.to_string()
    }
}

/// What a rule lets through, as far as it can matter for TCP.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Traffic {
    /// Every protocol and port.
    All,
    /// These TCP ports, both ends included.
    Tcp(u16, u16),
    /// Another protocol.
    Other,
}

impl Traffic {
    /// Whether TCP to `port` is let through.
    pub fn covers(self, port: u16) -> bool {
        match self {
            Self::All => true,
            Self::Tcp(from, to) => (from..=to).contains(&port),
            Self::Other => false,
        }
    }
}

impl fmt::Display for Traffic {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::All => f.write_str("all traffic"),
            Self::Tcp(0, u16::MAX) => f.write_str("all tcp"),
            Self::Tcp(from, to) if from == to => write!(f, "tcp {from}"),
            Self::Tcp(from, to) => write!(f, "tcp {from}-{to}"),
            Self::Other => f.write_str("another protocol"),
        }
    }
}

/// A rule that AWS holds.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Rule {
    /// `sgr-…`; `describe-security-groups` does not tell it.
    pub id: Option<String>,
    /// The group that it is a rule of.
    pub group: String,
    /// Which way.
    pub direction: Direction,
    /// What it lets through.
    pub traffic: Traffic,
    /// From where, or to where.
    pub peer: Peer,
    /// The value of our tag, on rules that we wrote.
    pub tag: Option<String>,
    /// The state of the peering connection that the group on the other side is reached through: `active`, `deleted` …
    pub peering_status: Option<String>,
}

impl Rule {
    /// The rule with its id, for evidence: `sgr-1 sg-1: tcp 6379 from sg-2`.
    pub fn with_id(&self) -> String {
        match &self.id {
            Some(id) => format!("{id} {self}"),
            None => self.to_string(),
        }
    }
}

impl fmt::Display for Rule {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {} {} {}", self.group, self.traffic, self.direction.preposition(), self.peer)
    }
}

/// A rule that we add: one TCP port, one peer. In a document it stands in a change as `after`, or as `before`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Opening {
    /// The group that gets the rule.
    #[serde(rename = "security_group_id")]
    pub group: String,
    /// Which way.
    pub direction: Direction,
    /// The TCP port.
    pub tcp_port: u16,
    /// From where, or to where.
    pub peer: Peer,
}

impl Opening {
    /// Whether `rule` is exactly this one.
    pub fn is(&self, rule: &Rule) -> bool {
        self.group == rule.group
            && self.direction == rule.direction
            && rule.traffic == Traffic::Tcp(self.tcp_port, self.tcp_port)
            && self.peer == rule.peer
    }
}

/// The name of the change in a document: `sg-1 ingress tcp 6379 from sg-2`.
impl fmt::Display for Opening {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { group, direction, tcp_port, peer } = self;
        write!(f, "{group} {} tcp {tcp_port} {} {peer}", direction.word(), direction.preposition())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_port_is_covered_by_its_protocol_and_its_range() {
        for (traffic, covered) in [
            (Traffic::All, true),
            (Traffic::Tcp(6379, 6379), true),
            (Traffic::Tcp(0, 65535), true),
            (Traffic::Tcp(6000, 6380), true),
            (Traffic::Tcp(6380, 6380), false),
            (Traffic::Tcp(6380, 6379), false),
            (Traffic::Other, false),
        ] {
            assert_eq!(traffic.covers(6379), covered, "{traffic}");
        }
    }

    #[test]
    fn an_opening_reads_back_from_the_document_it_was_written_to() {
        let opening = Opening {
            group: "sg-1".into(),
            direction: Direction::Ingress,
            tcp_port: 6379,
            peer: Peer::Range("10.0.0.0/16".parse().unwrap()),
        };
        let json = serde_json::to_string(&opening).unwrap();
        assert_eq!(
            json,
            r#"{"security_group_id":"sg-1","direction":"ingress","tcp_port":6379,"peer":{"cidr":"10.0.0.0/16"}}"#
        );
        assert_eq!(serde_json::from_str::<Opening>(&json).unwrap(), opening);
        assert_eq!(opening.to_string(), "sg-1 ingress tcp 6379 from 10.0.0.0/16");
    }
}
