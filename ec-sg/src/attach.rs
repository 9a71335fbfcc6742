//! The other way to let a client in: it is given a security group that the cache admits already, instead of a rule that
//! admits one of its own.

use std::collections::BTreeSet;

use ec_shared::document::section::standing;
use ec_shared::document::{Change, Client, Section};
use ec_shared::{Document, Failure};

use crate::cloud::{Cloud, World};
use crate::codes;
use crate::need::Need;
use crate::path::{ClientKind, Question};
use crate::plan::{Attach, Choice};
use crate::rule::{Direction, GroupRef, Peer};
use crate::snapshot::Snapshot;

/// Whether the client is to be given a group.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) enum Attaching {
    /// No: rules are added.
    #[default]
    No,
    /// The one that the cache's rules name for every port.
    Admitted,
    /// This one.
    Group(String),
}

/// The groups that the client was given since it was found, as the document says.
///
/// # Errors
/// `EC9009` for a document whose `sg` is no section.
pub(crate) fn given(document: &Document) -> Result<Vec<GroupRef>, Failure> {
    let Some(section) = document.read::<Section>("sg")? else { return Ok(Vec::new()) };
    let attaches = standing(&section.changes).into_iter().filter(|change| change.action == "attach");
    let group = |change: &Change| serde_json::from_value::<Attach>(change.after.clone()?).ok();
    Ok(attaches.filter_map(group).map(|attach| GroupRef::of(attach.security_group_id)).collect())
}

/// Puts the group among the client's, and says what has to be done for that; `None` if it carries the group already, or
/// none is asked for.
///
/// # Errors
/// `EC1027` if the client is no single interface, or it cannot be told which group is meant.
pub(crate) async fn plan<C: Cloud>(
    question: &mut Question,
    client: &Client,
    world: &mut World<C>,
    attaching: &Attaching,
) -> Result<Option<Attach>, Failure> {
    let cannot = |why: String| Failure::new(&codes::NO_GROUP_TO_ATTACH, "cannot give the client a group").because(why);
    let wanted = match attaching {
        Attaching::No => return Ok(None),
        _ if question.client.kind != ClientKind::Interface => {
            return Err(cannot("only an instance or a network interface carries groups".to_owned())
                .hint("name the client with --from i-… or eni-…"));
        }
        Attaching::Group(group) => group.clone(),
        Attaching::Admitted => {
            let rules: Vec<Need> = question.cache.groups.iter().cloned().map(Need::Rules).collect();
            world.learn(rules.clone()).await;
            let groups: Vec<Need> = named_by_rules(question, &world.snapshot).into_iter().map(Need::Group).collect();
            world.learn(groups.clone()).await;
            let admitted = admitted(question, &world.snapshot);
            // One that it carries already is as good as any.
            if admitted.iter().any(|group| question.client.groups.contains(&GroupRef::of(group))) {
                return Ok(None);
            }
            match admitted.as_slice() {
                [one] => one.clone(),
                [] => {
                    if let Some(refusal) = rules.iter().chain(&groups).find_map(|need| world.snapshot.refusal(need)) {
                        return Err(refusal.clone());
                    }
                    let why = format!("no group is admitted to every port of {}", question.cache.name);
                    return Err(cannot(why).hint("name the group, and its rules are added, too: --attach-group=sg-…"));
                }
                several => {
                    return Err(cannot(format!("several groups are admitted: {}", several.join(", ")))
                        .hint("name the one that is meant: --attach-group=sg-…"));
                }
            }
        }
    };
    if question.client.groups.contains(&GroupRef::of(&wanted)) {
        return Ok(None);
    }
    let found = world.find(|known| known.group(&wanted).map(Option::<&_>::cloned)).await?;
    let found = found.ok_or_else(|| {
        Failure::new(&codes::UNKNOWN_CLIENT, format!("there is no security group {wanted} in {}", world.cloud.place()))
    })?;
    if found.vpc.is_some() && question.client.vpc.is_some() && found.vpc != question.client.vpc {
        let why = format!("{wanted} is in {}, the client in another VPC", found.vpc.unwrap_or_default());
        return Err(cannot(why).hint("an interface carries groups of its own VPC only"));
    }
    let interface = match (&client.network_interface_id, &client.instance_id) {
        (Some(interface), _) => Some(interface.clone()),
        (None, Some(instance)) => {
            let look = |known: &Snapshot| {
                known.machine(instance).map(|machine| machine.and_then(|machine| machine.interface.clone()))
            };
            world.find(look).await?
        }
        (None, None) => None,
    };
    let interface = interface
        .ok_or_else(|| cannot("its network interface is not known".to_owned()).hint("name it: --from eni-…"))?;
    question.client.groups.push(GroupRef::of(&wanted));
    Ok(Some(Attach { network_interface_id: interface, security_group_id: wanted }))
}

/// Gives the interface the group, beside those that it carries at this moment; whether that took a change.
///
/// # Errors
/// Why the interface could not be read or changed.
pub(crate) async fn give<C: Cloud>(world: &mut World<C>, attach: &Attach) -> Result<bool, Failure> {
    let mut groups = groups_of(world, &attach.network_interface_id).await?;
    if groups.contains(&attach.security_group_id) {
        return Ok(false);
    }
    groups.push(attach.security_group_id.clone());
    world.cloud.set_groups(&attach.network_interface_id, &groups).await?;
    Ok(true)
}

/// Takes the group away from the interface again; whether that took a change. The last group of an interface stays: EC2
/// would put the VPC's default group in its place.
///
/// # Errors
/// Why the interface could not be read or changed.
pub(crate) async fn take<C: Cloud>(world: &mut World<C>, attach: &Attach) -> Result<bool, Failure> {
    let mut groups = groups_of(world, &attach.network_interface_id).await?;
    if !groups.contains(&attach.security_group_id) {
        return Ok(false);
    }
    groups.retain(|group| *group != attach.security_group_id);
    if groups.is_empty() {
        return Err(Failure::new(&codes::NO_GROUP_TO_ATTACH, "cannot take the group away")
            .because(format!("{} carries no other", attach.network_interface_id))
            .hint("give the interface another group first"));
    }
    world.cloud.set_groups(&attach.network_interface_id, &groups).await?;
    Ok(true)
}

/// The groups that an interface carries at this moment.
async fn groups_of<C: Cloud>(world: &mut World<C>, interface: &str) -> Result<Vec<String>, Failure> {
    world.snapshot.forget_interface(interface);
    let found = world.find(|known| known.interface(interface).map(Option::<&_>::cloned)).await?;
    let gone = || {
        Failure::new(
            &codes::UNKNOWN_CLIENT,
            format!("there is no network interface {interface} in {}", world.cloud.place()),
        )
    };
    Ok(found.ok_or_else(gone)?.groups)
}

/// New rules name the group that is attached.
pub(crate) fn choice(choice: Choice, attach: Option<&Attach>) -> Choice {
    match attach {
        Some(attach) => Choice { client: Some(GroupRef::of(&attach.security_group_id)), ..choice },
        None => choice,
    }
}

fn named_by_rules(question: &Question, known: &Snapshot) -> BTreeSet<String> {
    let rules = question.cache.groups.iter().flat_map(|group| known.rules(group).unwrap_or_default());
    let named = rules.filter(|rule| rule.direction == Direction::Ingress && !known.is_stale(rule));
    named.filter_map(|rule| if let Peer::Group(group) = &rule.peer { Some(group.id.clone()) } else { None }).collect()
}

/// The groups of the client's VPC that the cache's rules name for every port, but for those that others look after.
fn admitted(question: &Question, known: &Snapshot) -> Vec<String> {
    let admits = |id: &String, port: u16| {
        question.cache.groups.iter().flat_map(|group| known.rules(group).unwrap_or_default()).any(|rule| {
            rule.direction == Direction::Ingress
                && rule.traffic.covers(port)
                && matches!(&rule.peer, Peer::Group(group) if group.id == *id)
        })
    };
    let fits = |id: &String| {
        let group = known.group(id).ok().flatten();
        group.is_some_and(|group| group.vpc == question.client.vpc && !group.is_default() && !group.is_of_console())
    };
    let all = named_by_rules(question, known).into_iter().filter(fits);
    all.filter(|id| question.cache.ports.iter().all(|port| admits(id, port.port))).collect()
}
