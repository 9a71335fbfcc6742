//! What ec-sg asks of AWS, in its own words.

use ec_shared::Failure;
use ec_shared::document::{Cache, Client, Deployment};
use ipnet::IpNet;

use crate::client::Source;
use crate::rule::{Direction, Opening, Rule};

/// AWS, as far as ec-sg needs it. `aws.rs` is the real one.
pub(crate) trait Cloud {
    /// The Region that is asked.
    fn region(&self) -> &str;

    /// The cache of this name and kind; `None` if there is none.
    async fn cache(&self, kind: Deployment, name: &str) -> Result<Option<Described>, Failure>;

    /// The subnets. A list of ids is answered with their ranges, a subnet group without.
    async fn subnets(&self, of: &Subnets) -> Result<Vec<Subnet>, Failure>;

    /// The client behind an id; `None` if there is none. A range is no question for AWS.
    async fn client(&self, source: &Source) -> Result<Option<Client>, Failure>;

    /// Which of these groups are the default group of their VPC.
    async fn default_groups(&self, groups: &[String]) -> Result<Vec<String>, Failure>;

    /// All rules of these groups.
    async fn rules(&self, groups: &[String]) -> Result<Vec<Rule>, Failure>;

    /// The ranges in a prefix list.
    async fn prefix_list(&self, id: &str) -> Result<Vec<IpNet>, Failure>;

    /// Adds rules to one group, in one direction: all of them or none. Answers with those that AWS says it made.
    async fn authorize(&self, openings: &[Opening], label: &Label) -> Result<Vec<Rule>, Failure>;

    /// Takes rules of one group and direction away.
    async fn revoke(&self, group: &str, direction: Direction, ids: &[String]) -> Result<(), Failure>;
}

/// A cache, and where the rest of its facts is to be found.
#[derive(Clone, Debug, Default)]
pub(crate) struct Described {
    /// What was said of the cache itself.
    pub(crate) cache: Cache,
    /// A member of a replication group: it knows groups, subnets and engine version.
    pub(crate) member: Option<String>,
    /// The replication group that a cache cluster is a member of.
    pub(crate) replication_group: Option<String>,
    /// The subnet group of a cache cluster.
    pub(crate) subnet_group: Option<String>,
}

/// A set of subnets.
#[derive(Clone, Debug)]
pub(crate) enum Subnets {
    /// By their ids.
    Ids(Vec<String>),
    /// Those of a cache subnet group.
    Group(String),
}

/// A subnet.
#[derive(Clone, Debug, Default)]
pub(crate) struct Subnet {
    pub(crate) id: String,
    pub(crate) vpc_id: Option<String>,
    pub(crate) ranges: Vec<IpNet>,
}

/// How a rule that we write is marked, so that a person and a later run know it.
#[derive(Clone, Debug)]
pub(crate) struct Label {
    /// The rule's description.
    pub(crate) description: String,
    /// The value of its tag: the cache's name.
    pub(crate) tag: String,
}

/// The key of the tag on rules that we write.
pub(crate) const TAG: &str = "ec-sg";

/// AWS's code for a rule that exists already.
pub(crate) const DUPLICATE: &str = "InvalidPermission.Duplicate";
