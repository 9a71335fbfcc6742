//! The signature that credentials give a token.

use aws_credential_types::Credentials;
use ec_shared::secret::Secret;
use ec_shared::token::{Kind, TokenRequest, cache_name, sign, user_id};

use super::clock;
use super::parts::Parts;

/// Signs again what a token says, at its own time. None if it says what no signer of ours would sign.
pub(super) fn of(parts: &Parts, region: &str, credentials: &Credentials) -> Option<Secret> {
    let (name, user) = (parts.host.as_str(), parts.get("User")?);
    let is_plain = cache_name(name).is_ok_and(|lower| lower == name)
        && user_id(user).is_ok_and(|lower| lower == user)
        && parts.port.is_none();
    if !is_plain {
        return None;
    }
    let session = parts.get("X-Amz-Security-Token").map(str::to_owned);
    let credentials =
        Credentials::new(credentials.access_key_id(), credentials.secret_access_key(), session, None, "token");
    let request = TokenRequest { name, user, region, kind: Kind::of_cache(parts.get("ResourceType").is_some()) };
    let token = sign(&request, &credentials, clock::read(parts.get("X-Amz-Date")?)?).ok()?;
    Parts::of(token.expose())?.get("X-Amz-Signature").map(|signature| Secret::new(signature.to_owned()))
}
