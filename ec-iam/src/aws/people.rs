//! Users, groups and memberships of the identity store.

use aws_sdk_identitystore::types::{AlternateIdentifier, Email, MemberId, Name, UniqueAttribute};
use ec_shared::{Failure, codes as shared};
use serde_json::Value;

use super::{AwsCloud, found, unless_there};
use crate::codes;
use crate::thing::Person;

/// The attribute of an identity store's user or group that nobody else has.
fn unique(path: &str, value: &str) -> Result<AlternateIdentifier, Failure> {
    let attribute = UniqueAttribute::builder().attribute_path(path).attribute_value(value.into()).build();
    let attribute =
        attribute.map_err(|error| Failure::new(&shared::FIELD, format!("cannot look up {value}")).because(error))?;
    Ok(AlternateIdentifier::UniqueAttribute(attribute))
}

impl AwsCloud {
    /// The id of a user or group.
    pub(super) fn person(&self, person: &Person) -> Result<Option<String>, Failure> {
        let client = self.identity_center()?;
        let what = || format!("cannot look up {person} of IAM Identity Center");
        found(match person {
            Person::User(name) => {
                let request = client.store.get_user_id().identity_store_id(&client.store_id);
                let request = request.alternate_identifier(unique("userName", name)?).send();
                call!(self, "identitystore" "GetUserId", what(), request).map(|answer| answer.user_id)
            }
            Person::Group(name) => {
                let request = client.store.get_group_id().identity_store_id(&client.store_id);
                let request = request.alternate_identifier(unique("displayName", name)?).send();
                call!(self, "identitystore" "GetGroupId", what(), request).map(|answer| answer.group_id)
            }
        })
    }

    pub(super) fn somebody(&self, person: &Person) -> Result<String, Failure> {
        self.person(person)?
            .ok_or_else(|| Failure::new(&codes::NO_SUCH_PERSON, format!("IAM Identity Center has no {person}")))
    }

    /// The id of a membership.
    pub(super) fn membership(&self, group: &str, user: &str) -> Result<Option<String>, Failure> {
        let client = self.identity_center()?;
        let (Some(group_id), Some(user_id)) =
            (self.person(&Person::Group(group.to_owned()))?, self.person(&Person::User(user.to_owned()))?)
        else {
            return Ok(None);
        };
        let request = client.store.get_group_membership_id().identity_store_id(&client.store_id);
        let request = request.group_id(group_id).member_id(MemberId::UserId(user_id)).send();
        let what = format!("cannot look for {user} in group {group}");
        Ok(found(call!(self, "identitystore" "GetGroupMembershipId", what, request))?
            .map(|answer| answer.membership_id))
    }

    pub(super) fn create(&self, person: &Person, state: &Value, what: impl Fn() -> String) -> Result<(), Failure> {
        let client = self.identity_center()?;
        let fact = |name: &str| state.get(name).and_then(Value::as_str).unwrap_or_default();
        match person {
            Person::Group(name) => {
                let request = client.store.create_group().identity_store_id(&client.store_id).display_name(name);
                let request = request.description("Made by ec-iam for ElastiCache").send();
                unless_there(call!(self, "identitystore" "CreateGroup", what(), request).map(drop))
            }
            Person::User(user) => {
                let name = Name::builder().given_name(fact("given_name")).family_name(fact("family_name")).build();
                let email = Email::builder().value(fact("email")).r#type("work").primary(true).build();
                let request = client.store.create_user().identity_store_id(&client.store_id).user_name(user);
                let request = request.name(name).display_name(fact("display_name")).emails(email).send();
                unless_there(call!(self, "identitystore" "CreateUser", what(), request).map(drop))
            }
        }
    }
}
