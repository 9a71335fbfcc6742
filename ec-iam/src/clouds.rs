//! The connections to AWS: one for each Region that the documents are about, made when it is first needed.

use std::collections::HashMap;
use std::time::Duration;

use ec_shared::Failure;
use ec_shared::flags::AwsFlags;
use ec_shared::output::Output;

use crate::aws::AwsCloud;
use crate::cloud::Cloud;
use crate::codes;

/// The connections so far.
#[derive(Debug)]
pub struct Clouds {
    flags: AwsFlags,
    expected_account: Option<String>,
    center_region: Option<String>,
    timeout: Option<Duration>,
    open: HashMap<Option<String>, AwsCloud>,
}

impl Clouds {
    /// None yet; the rest is for all of them.
    pub fn new(flags: AwsFlags, expected_account: Option<String>, timeout: Option<Duration>) -> Self {
        Self { flags, expected_account, center_region: None, timeout, open: HashMap::new() }
    }

    /// The same with IAM Identity Center in another Region than everything else.
    #[must_use]
    pub fn with_identity_center_in(self, region: Option<String>) -> Self {
        Self { center_region: region, ..self }
    }

    /// The flags.
    pub fn flags(&self) -> &AwsFlags {
        &self.flags
    }

    /// The connection to the Region that the flags name, else to `region`, which a document names, else to that of the
    /// environment or profile.
    ///
    /// # Errors
    /// `EC9101` without a Region; `EC2017` if the credentials are not of the account that is expected.
    pub fn at(&mut self, region: Option<String>, output: &Output) -> Result<&AwsCloud, Failure> {
        use std::collections::hash_map::Entry;
        let region = self.flags.region.clone().or(region);
        match self.open.entry(region) {
            Entry::Occupied(open) => Ok(open.into_mut()),
            Entry::Vacant(place) => {
                let flags = AwsFlags { region: place.key().clone(), ..self.flags.clone() };
                let cloud = AwsCloud::connect(&flags, self.timeout, output)?
                    .with_identity_center_in(self.center_region.clone());
                if let Some(expected) = &self.expected_account {
                    expect_account(&cloud, expected)?;
                }
                Ok(place.insert(cloud))
            }
        }
    }
}

fn expect_account(cloud: &impl Cloud, expected: &str) -> Result<(), Failure> {
    let found = cloud.identity()?.account;
    if found == expected {
        return Ok(());
    }
    Err(Failure::new(&codes::OTHER_ACCOUNT, format!("will not work outside of account {expected}"))
        .because(format!("the credentials are of account {found}"))
        .hint("use the right profile (--profile), or correct --expect-account"))
}
