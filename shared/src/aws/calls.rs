//! Every call is counted, and named for `-v`.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use aws_smithy_runtime_api::box_error::BoxError;
use aws_smithy_runtime_api::client::interceptors::Intercept;
use aws_smithy_runtime_api::client::interceptors::context::BeforeTransmitInterceptorContextRef;
use aws_smithy_runtime_api::client::orchestrator::Metadata;
use aws_smithy_runtime_api::client::retries::RequestAttempts;
use aws_smithy_runtime_api::client::runtime_components::RuntimeComponents;
use aws_smithy_types::config_bag::ConfigBag;

use crate::output::Output;

/// Counts the attempts of every operation, and names each call for `-v`.
#[derive(Clone, Debug, Default)]
pub struct Calls(Arc<Mutex<Log>>);

#[derive(Debug, Default)]
struct Log {
    attempts: HashMap<String, u32>,
    voice: Option<Output>,
}

impl Calls {
    /// How often the latest call of `operation` was sent.
    pub(super) fn attempts(&self, operation: &str) -> u32 {
        self.log().attempts.get(operation).copied().unwrap_or(0)
    }

    /// From now on, names every call on `voice`.
    pub(super) fn tell(&self, voice: Output) {
        self.log().voice = Some(voice);
    }

    fn log(&self) -> MutexGuard<'_, Log> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[aws_smithy_runtime_api::client::interceptors::dyn_dispatch_hint]
impl Intercept for Calls {
    fn name(&self) -> &'static str {
        "Calls"
    }

    fn read_before_attempt(
        &self,
        _: &BeforeTransmitInterceptorContextRef<'_>,
        _: &RuntimeComponents,
        bag: &mut ConfigBag,
    ) -> Result<(), BoxError> {
        let attempt = bag.load::<RequestAttempts>().map_or(1, RequestAttempts::attempts);
        if let Some(call) = bag.load::<Metadata>() {
            let mut log = self.log();
            log.attempts.insert(call.name().to_owned(), attempt);
            if let Some(voice) = &log.voice {
                voice.detail(&format!("call {} {} (attempt {attempt})", call.service().to_lowercase(), call.name()));
            }
        }
        Ok(())
    }
}
