//! Finds the cache that a name, or a document that knows too little, is about.

use ec_shared::document::{Auth, AuthKind, Cache, ChangeState, Document, Section};
use ec_shared::{Failure, codes as shared};
use serde_json::{Map, Value, json};

use crate::cloud::Cloud;
use crate::codes;
use crate::plan;
use crate::thing::Thing;

/// The one cache of a name.
///
/// # Errors
/// `EC9106` if there is none, `EC2016` if there are several.
pub fn by_name(cloud: &impl Cloud, name: &str) -> Result<Cache, Failure> {
    let mut caches = cloud.caches(name)?.into_iter();
    match (caches.next(), caches.next()) {
        (Some(cache), None) => Ok(cache),
        (None, _) => Err(Failure::new(&shared::NOT_FOUND, format!("there is no cache `{name}`"))
            .hint("check name, Region and account: ec-iam whoami, aws elasticache describe-serverless-caches")),
        (Some(_), Some(_)) => Err(Failure::new(&codes::AMBIGUOUS_CACHE, format!("several caches are called `{name}`"))
            .hint("pipe in the right one: aws elasticache describe-serverless-caches, or describe-replication-groups")),
    }
}

/// The document's cache, with what a permission to connect depends on: its ARN, and how a client logs in. If AWS has to
/// be asked, its answer takes the place of what a name alone had left empty.
///
/// # Errors
/// As [`by_name`].
pub fn complete(cloud: &impl Cloud, document: &mut Document) -> Result<Option<Cache>, Failure> {
    let Some(cache) = document.cache()? else { return Ok(None) };
    if cache.arn.is_some() && cache.auth.is_some() {
        return Ok(Some(cache));
    }
    let found = by_name(cloud, &cache.name)?;
    if cache.endpoints.is_empty() {
        document.set("cache", &found);
    }
    Ok(Some(found))
}

/// Writes into the document's cache what a section says was changed of it: the user groups that let users in. A stage
/// behind this one would not ask for a login otherwise.
///
/// # Errors
/// `EC9009` if the document's cache cannot be read.
pub fn learn(document: &mut Document, section: &Section) -> Result<(), Failure> {
    let Some(cache) = document.cache()? else { return Ok(()) };
    let mut auth = cache.auth.unwrap_or(Auth { kind: AuthKind::None, user_group_ids: Vec::new() });
    let known = auth.clone();
    for change in section.changes.iter().filter(|change| change.state == ChangeState::Done) {
        let Some(Thing::GroupOfCache { cache: of, group }) = plan::thing_of(change) else { continue };
        if of.name() != cache.name {
            continue;
        }
        auth.user_group_ids.retain(|attached| *attached != group);
        if change.action == "attach" {
            auth.user_group_ids.push(group);
        }
        auth.kind = if auth.user_group_ids.is_empty() { AuthKind::None } else { AuthKind::Rbac };
    }
    if auth != known
        && let Some(mut members) = document.read::<Map<String, Value>>("cache")?
    {
        // What else stands there stays, whoever wrote it.
        members.insert("auth".to_owned(), json!(auth));
        document.set("cache", &members);
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cloud::fake::Fake;
    use ec_shared::document::{Change, Deployment, Status};

    fn orders(deployment: Deployment) -> Cache {
        Cache {
            name: "orders".into(),
            arn: Some("arn:aws:elasticache:us-east-1:123456789012:serverlesscache:orders".into()),
            auth: Some(Auth { kind: AuthKind::None, user_group_ids: vec![] }),
            deployment: Some(deployment),
            ..Cache::default()
        }
    }

    fn account(deployments: &[Deployment]) -> Fake {
        Fake { caches: deployments.iter().copied().map(orders).collect(), ..Fake::default() }
    }

    #[test]
    fn a_name_alone_is_completed_and_the_document_learns_it() {
        let cloud = account(&[Deployment::Serverless]);
        let mut document = Document::about(&Cache { name: "orders".into(), ..Cache::default() });
        let found = complete(&cloud, &mut document).unwrap();
        assert_eq!(found, Some(orders(Deployment::Serverless)));
        assert_eq!(document.cache().unwrap(), found);
    }

    #[test]
    fn a_document_that_knows_enough_asks_nobody() {
        let cloud = account(&[]);
        let mut document = Document::about(&orders(Deployment::Serverless));
        assert!(complete(&cloud, &mut document).unwrap().is_some());
        assert!(complete(&cloud, &mut Document::empty()).unwrap().is_none());
        assert!(cloud.calls.borrow().is_empty());
    }

    #[test]
    fn no_cache_and_several_caches_are_refused() {
        let code = |cloud: &Fake| by_name(cloud, "orders").unwrap_err().code().id;
        assert_eq!(code(&account(&[])), "EC9106");
        assert_eq!(code(&account(&[Deployment::Serverless, Deployment::ReplicationGroup])), "EC2016");
    }

    #[test]
    fn the_document_learns_which_user_groups_the_cache_has_now() {
        let mut document = Document::about(&orders(Deployment::Serverless));
        let auth = |document: &Document| document.cache().unwrap().unwrap().auth.unwrap();
        for (action, kind, groups) in
            [("attach", AuthKind::Rbac, vec!["g".to_owned()]), ("detach", AuthKind::None, vec![])]
        {
            let mut section = Section::new("apply", Status::Changed);
            let id = "arn:aws:elasticache:us-east-1:123456789012:serverlesscache:orders/g";
            section.changes.push(Change::new(action, "user group g of cache orders", ChangeState::Done).id(id));
            learn(&mut document, &section).unwrap();
            assert_eq!((auth(&document).kind, auth(&document).user_group_ids), (kind, groups));
        }
    }
}
