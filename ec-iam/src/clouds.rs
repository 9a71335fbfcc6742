//! The connections to AWS: one for each Region that the documents are about, made when it is first needed.

use std::collections::HashMap;
use std::time::Duration;

use ec_shared::Failure;
use ec_shared::flags::AwsFlags;
use ec_shared::output::Output;

use crate::aws::AwsCloud;

/// The connections so far.
#[derive(Debug)]
pub struct Clouds {
    flags: AwsFlags,
    timeout: Option<Duration>,
    open: HashMap<Option<String>, AwsCloud>,
}

impl Clouds {
    /// None yet; `flags` and `timeout` are for all of them.
    pub fn new(flags: AwsFlags, timeout: Option<Duration>) -> Self {
        Self { flags, timeout, open: HashMap::new() }
    }

    /// The flags.
    pub fn flags(&self) -> &AwsFlags {
        &self.flags
    }

    /// The connection to the Region that the flags name, else to `region`, which a document names, else to that of the
    /// environment or profile.
    ///
    /// # Errors
    /// `EC9101` without a Region.
    pub fn at(&mut self, region: Option<String>, output: &Output) -> Result<&AwsCloud, Failure> {
        use std::collections::hash_map::Entry;
        let region = self.flags.region.clone().or(region);
        match self.open.entry(region) {
            Entry::Occupied(open) => Ok(open.into_mut()),
            Entry::Vacant(place) => {
                let flags = AwsFlags { region: place.key().clone(), ..self.flags.clone() };
                Ok(place.insert(AwsCloud::connect(&flags, self.timeout, output)?))
            }
        }
    }
}
