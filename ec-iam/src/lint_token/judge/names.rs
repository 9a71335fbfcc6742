//! What a token is for: the cache, the action, the user and the kind of cache.

use ec_shared::document::{Deployment, Finding, Severity};
use ec_shared::token::{cache_name, name_in_endpoint, user_id};

use super::{Aspect, Judge};
use crate::codes;
use crate::lint_token::harmless::{is_harmless, shown};

const SERVERLESS: &str = "ServerlessCache";

impl Judge<'_> {
    /// Takes down what the token is for. Every fix says how to sign for the same.
    pub(super) fn see(&mut self) {
        self.seen.cache = Some(shown(&self.parts.host).to_owned());
        self.seen.user = self.parts.get("User").map(|user| shown(user).to_owned());
        self.seen.deployment = match self.parts.get("ResourceType") {
            Some(SERVERLESS) => Some(Deployment::Serverless),
            None if !self.is_cut => Some(Deployment::ReplicationGroup),
            _ => None,
        };
    }

    pub(super) fn host(&mut self) {
        let host = self.parts.host.clone();
        let (code, summary) = if host.is_empty() {
            (&codes::TOKEN_CACHE, "no cache is named in front of the /?".to_owned())
        } else if host.contains('.') {
            let name = name_in_endpoint(&host).filter(|name| is_harmless(name));
            let what = if name.is_some() { "an endpoint" } else { "a DNS name or an address" };
            let name = name.map(|name| format!(", {name}")).unwrap_or_default();
            (&codes::TOKEN_ENDPOINT, format!("it is for {what}, and must be for the cache's name{name}"))
        } else if cache_name(&host).is_err() {
            (&codes::TOKEN_CACHE, "what stands in front of the /? is no name of a cache".to_owned())
        } else if self.parts.port.is_some() {
            (&codes::TOKEN_CACHE, "a port stands behind the cache's name".to_owned())
        } else if host.contains(|c: char| c.is_ascii_uppercase()) {
            (&codes::TOKEN_CASE, "the cache's name has upper case".to_owned())
        } else {
            match &self.expected.cache {
                Some(cache) if *cache != host => {
                    (&codes::TOKEN_CACHE, format!("it is for cache {}, and not for {cache}", shown(&host)))
                }
                _ => return,
            }
        };
        let finding = Finding::new(code, Severity::Error, summary).evidence("host", shown(&host));
        self.tell(Aspect::Cache, self.signed_anew(finding));
    }

    pub(super) fn action(&mut self) {
        let summary = match self.parts.get("Action") {
            Some("connect") => return,
            Some(action) => format!("Action is {}, and must be connect", shown(action)),
            None if self.is_cut => return,
            None => "there is no Action=connect".to_owned(),
        };
        self.wrong(Aspect::User, &codes::TOKEN_ACTION, summary);
    }

    pub(super) fn user(&mut self) {
        let Some(user) = self.parts.get("User").map(str::to_owned) else {
            if !self.is_cut {
                let has_db_user = self.parts.get("DBUser").is_some();
                let summary =
                    if has_db_user { "there is DBUser, as RDS has it, and no User" } else { "there is no User" };
                self.wrong(Aspect::User, &codes::TOKEN_USER, summary);
            }
            return;
        };
        let (code, summary) = match (user_id(&user), &self.expected.user) {
            (Err(_), _) => (&codes::TOKEN_USER, "User is no id of an ElastiCache user".to_owned()),
            (Ok(id), _) if id != user => (&codes::TOKEN_CASE, "the user's id has upper case".to_owned()),
            (Ok(id), Some(expected)) if id != *expected => {
                (&codes::TOKEN_USER, format!("it is for user {}, and not for {expected}", shown(&user)))
            }
            _ => return,
        };
        let finding = Finding::new(code, Severity::Error, summary).evidence("user", shown(&user));
        self.tell(Aspect::User, self.signed_anew(finding));
    }

    pub(super) fn resource_type(&mut self) {
        let is_serverless = match self.parts.get("ResourceType") {
            None if self.is_cut => return,
            None => false,
            Some(SERVERLESS) => true,
            Some(other) => {
                let summary = format!("ResourceType is {}, and can only be {SERVERLESS}", shown(other));
                return self.wrong(Aspect::ResourceType, &codes::TOKEN_RESOURCE_TYPE, summary);
            }
        };
        let summary = match (self.expected.serverless, is_serverless) {
            (Some(true), false) => "the cache is serverless, and there is no ResourceType=ServerlessCache",
            (Some(false), true) => "the cache is a replication group, and there is ResourceType=ServerlessCache",
            _ => return,
        };
        self.wrong(Aspect::ResourceType, &codes::TOKEN_RESOURCE_TYPE, summary);
    }
}
