//! What verify does beside the proof on loopback: the client asks the cache of the document.

use std::path::PathBuf;

use clap::Args;
use ec_shared::Failure;
use ec_shared::document::{Severity, Status};
use ec_shared::secret::Secret;

use super::{Asked, Work};
use crate::detect::Client;
use crate::exchange::{self, Login};

/// Flags of `verify` about the cache of the document.
#[derive(Clone, Debug, Args)]
pub struct CacheFlags {
    /// User to log in to the document's cache as; the password is in REDISCLI_AUTH or VALKEYCLI_AUTH
    #[arg(long, value_name = "USER", env = "EC_USER")]
    user: Option<String>,
    /// Certificates of the authorities that the document's cache may have, in place of the system's
    #[arg(long, value_name = "FILE", env = "EC_CAFILE")]
    cafile: Option<PathBuf>,
}

impl CacheFlags {
    /// The same as [`Asked`], with the password that is in the environment.
    #[must_use]
    pub fn over(self, asked: Asked) -> Asked {
        let variable = |name: &&str| std::env::var(name).ok().filter(|value| !value.is_empty());
        let password = ["VALKEYCLI_AUTH", "REDISCLI_AUTH"].iter().find_map(variable).map(Secret::new);
        Asked { login: Login { user: self.user, password, cafile: self.cafile }, ..asked }
    }
}

impl Work<'_> {
    /// Lets the client ask the cache of the document, where that has an endpoint.
    pub(super) fn ask_cache(&mut self, client: &Client) -> Result<(), Failure> {
        let Some(cache) = &self.cache else { return Ok(()) };
        let asked = exchange::with_cache(&self.machine.shell, &client.path, cache, &self.asked.login)?;
        let Some((exchange, finding)) = asked else { return Ok(()) };
        self.tell("exchange", &exchange);
        if finding.as_ref().is_some_and(|finding| finding.severity == Severity::Error) {
            self.section.status = Status::No;
        }
        self.section.findings.extend(finding);
        Ok(())
    }
}
