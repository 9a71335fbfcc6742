//! Which calls are made: the needs of one kind in as few as tell them, and sooner or later in one for all there is.
//!
//! Documents come in a stream and share answers. The first of them ask narrowly: fast, and all that one document
//! takes. Many documents are told everything of a kind at once, where that is one list.

use std::collections::HashMap;
use std::mem::{Discriminant, discriminant};

use ec_shared::document::Deployment;

use crate::need::Need;

/// The narrow calls of a kind, before everything of that kind is asked for.
const NARROW: usize = 8;

/// The values that EC2 takes in one filter.
const VALUES: usize = 200;

/// Needs of one kind that are told together.
#[derive(Debug)]
pub(super) struct Batch {
    pub(super) needs: Vec<Need>,
    pub(super) scope: Scope,
}

/// How a batch is asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Scope {
    /// By its names.
    Narrow,
    /// Everything of its kind in the Region.
    Whole,
    /// Not at all: everything of its kind was told before.
    Known,
}

/// What is counted. Caches are of one kind for each deployment, and addresses for each family: their calls differ.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
struct Kind {
    need: Discriminant<Need>,
    deployment: Option<Deployment>,
    is_ipv6: bool,
}

impl Kind {
    fn of(need: &Need) -> Self {
        Self {
            need: discriminant(need),
            deployment: if let Need::Cache(deployment, _) = need { Some(*deployment) } else { None },
            is_ipv6: matches!(need, Need::InterfaceAt(ip) if ip.is_ipv6()),
        }
    }
}

/// How a kind was asked for so far.
#[derive(Debug)]
enum Pace {
    /// In so many calls, by names.
    Narrow(usize),
    /// For everything, once. What is asked anew after that is asked by its name.
    Whole,
    /// For everything, which was told.
    Listed,
}

/// How each kind was asked for so far.
#[derive(Debug, Default)]
pub(super) struct Asked(HashMap<Kind, Pace>);

impl Asked {
    /// The batches of these needs, which are made next.
    pub(super) fn batches(&mut self, needs: Vec<Need>) -> Vec<Batch> {
        let mut kinds: Vec<(Kind, Vec<Need>)> = Vec::new();
        for need in needs {
            let kind = Kind::of(&need);
            match kinds.iter_mut().find(|(each, _)| *each == kind) {
                Some((_, same)) if same.contains(&need) => {}
                Some((_, same)) => same.push(need),
                None => kinds.push((kind, vec![need])),
            }
        }
        kinds.into_iter().flat_map(|(kind, needs)| self.of_kind(kind, needs)).collect()
    }

    /// Notes that everything of the kind of `need` was told.
    pub(super) fn listed(&mut self, need: &Need) {
        self.0.insert(Kind::of(need), Pace::Listed);
    }

    fn of_kind(&mut self, kind: Kind, needs: Vec<Need>) -> Vec<Batch> {
        let calls = needs.chunks(per_call(&needs)).len();
        let pace = self.0.entry(kind).or_insert(Pace::Narrow(0));
        match pace {
            Pace::Narrow(made) if *made + calls > NARROW && needs.iter().all(is_one_list) => {
                *pace = Pace::Whole;
                vec![Batch { needs, scope: Scope::Whole }]
            }
            Pace::Narrow(made) => {
                *made += calls;
                narrow(&needs)
            }
            Pace::Whole => narrow(&needs),
            Pace::Listed => vec![Batch { needs, scope: Scope::Known }],
        }
    }
}

/// The batches of needs of one kind, by their names.
pub(super) fn narrow(needs: &[Need]) -> Vec<Batch> {
    let chunks = needs.chunks(per_call(needs));
    chunks.map(|chunk| Batch { needs: chunk.to_vec(), scope: Scope::Narrow }).collect()
}

/// What a call that takes several of a kind takes: ids, or the values of a filter.
pub(super) fn values(needs: &[Need]) -> Vec<String> {
    needs.iter().filter_map(value).collect()
}

fn value(need: &Need) -> Option<String> {
    match need {
        Need::InterfaceAt(ip) => Some(ip.to_string()),
        Need::Instance(id) | Need::Interface(id) | Need::Subnet(id) | Need::Vpc(id) => Some(id.clone()),
        Need::Group(group) | Need::Rules(group) | Need::InterfacesOf(group) => Some(group.clone()),
        Need::InstancesOf(vpc)
        | Need::GroupsOf(vpc)
        | Need::SubnetsOf(vpc)
        | Need::NetworkAcls(vpc)
        | Need::RouteTables(vpc) => Some(vpc.clone()),
        _ => None,
    }
}

/// How many needs of this kind one call takes.
fn per_call(needs: &[Need]) -> usize {
    if needs.iter().all(|need| value(need).is_some()) { VALUES } else { 1 }
}

/// Whether all there is of a need's kind is one list, and worth asking for.
fn is_one_list(need: &Need) -> bool {
    matches!(
        need,
        Need::Cache(..)
            | Need::CacheSubnetGroup(_)
            | Need::Instance(_)
            | Need::Interface(_)
            | Need::InterfacesOf(_)
            | Need::Group(_)
            | Need::Rules(_)
            | Need::Subnet(_)
            | Need::Vpc(_)
            | Need::NetworkAcls(_)
            | Need::RouteTables(_)
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rules(groups: std::ops::Range<usize>) -> Vec<Need> {
        groups.map(|group| Need::Rules(format!("sg-{group}"))).collect()
    }

    fn cache(deployment: Deployment, name: &str) -> Need {
        Need::Cache(deployment, name.to_owned())
    }

    /// How many needs go into each call, and how.
    fn shape(batches: &[Batch]) -> Vec<(usize, Scope)> {
        batches.iter().map(|batch| (batch.needs.len(), batch.scope)).collect()
    }

    #[test]
    fn needs_of_one_kind_go_into_one_call_and_a_need_goes_once() {
        let needs = vec![
            Need::Group("sg-1".into()),
            Need::Rules("sg-1".into()),
            Need::Group("sg-2".into()),
            Need::Group("sg-1".into()),
        ];
        let batches = Asked::default().batches(needs);
        assert_eq!(shape(&batches), [(2, Scope::Narrow), (1, Scope::Narrow)]);
        assert_eq!(values(&batches[0].needs), ["sg-1", "sg-2"]);
    }

    #[test]
    fn a_call_takes_as_many_as_a_filter_or_one_where_the_api_takes_one() {
        assert_eq!(shape(&Asked::default().batches(rules(0..201))), [(200, Scope::Narrow), (1, Scope::Narrow)]);
        let lists = vec![Need::PrefixList("pl-1".into()), Need::PrefixList("pl-2".into())];
        assert_eq!(shape(&Asked::default().batches(lists)), [(1, Scope::Narrow); 2]);
        let addresses = ["10.0.0.1", "10.0.0.2", "::1"].map(|ip| Need::InterfaceAt(ip.parse().unwrap())).to_vec();
        assert_eq!(shape(&Asked::default().batches(addresses)), [(2, Scope::Narrow), (1, Scope::Narrow)]);
    }

    #[test]
    fn the_ninth_call_of_a_kind_asks_for_everything_and_later_ones_by_name_again() {
        let mut asked = Asked::default();
        for each in 0..8 {
            assert_eq!(shape(&asked.batches(rules(each..each + 1))), [(1, Scope::Narrow)], "{each}");
        }
        assert_eq!(shape(&asked.batches(vec![Need::Group("sg-1".into())])), [(1, Scope::Narrow)], "another kind");
        assert_eq!(shape(&asked.batches(rules(8..10))), [(2, Scope::Whole)]);
        assert_eq!(shape(&asked.batches(rules(0..1))), [(1, Scope::Narrow)], "what was written is read back");
    }

    #[test]
    fn more_calls_than_that_at_once_are_one_for_everything() {
        let needs = (0..9).map(|each| cache(Deployment::Serverless, &format!("cache-{each}"))).collect();
        assert_eq!(shape(&Asked::default().batches(needs)), [(9, Scope::Whole)]);
    }

    #[test]
    fn what_is_no_single_list_is_always_asked_by_name() {
        let needs = (0..9).map(|each| Need::TransitGateway(format!("tgw-{each}"))).collect();
        assert_eq!(shape(&Asked::default().batches(needs)), [(1, Scope::Narrow); 9]);
    }

    #[test]
    fn all_serverless_caches_tell_nothing_of_clusters() {
        let mut asked = Asked::default();
        asked.listed(&cache(Deployment::Serverless, "one"));
        let batches = asked.batches(vec![cache(Deployment::Serverless, "two"), cache(Deployment::Cluster, "two")]);
        assert_eq!(shape(&batches), [(1, Scope::Known), (1, Scope::Narrow)]);
    }
}
