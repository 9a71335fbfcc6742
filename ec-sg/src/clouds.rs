//! AWS, or answers of it that were saved: one of them at a time.

use ec_shared::Failure;

use crate::answers::files::Files;
use crate::aws::AwsCloud;
use crate::cloud::{Cloud, Label, Told};
use crate::need::Need;
use crate::rule::{Direction, Opening, Rule};

/// Whoever answers.
#[derive(Debug)]
pub(crate) enum AnyCloud {
    Aws(Box<AwsCloud>),
    Files(Files),
}

impl AnyCloud {
    /// The address of the API, where it is not AWS's own.
    pub(crate) fn endpoint_url(&self) -> Option<&str> {
        match self {
            Self::Aws(cloud) => cloud.endpoint_url(),
            Self::Files(_) => None,
        }
    }
}

impl Cloud for AnyCloud {
    fn region(&self) -> Option<&str> {
        match self {
            Self::Aws(cloud) => cloud.region(),
            Self::Files(cloud) => cloud.region(),
        }
    }

    async fn fetch(&self, needs: Vec<Need>) -> Vec<Told> {
        match self {
            Self::Aws(cloud) => cloud.fetch(needs).await,
            Self::Files(cloud) => cloud.fetch(needs).await,
        }
    }

    async fn authorize(&self, openings: &[Opening], label: &Label) -> Result<Vec<Rule>, Failure> {
        match self {
            Self::Aws(cloud) => cloud.authorize(openings, label).await,
            Self::Files(cloud) => cloud.authorize(openings, label).await,
        }
    }

    async fn may_authorize(&self, openings: &[Opening]) -> Result<(), Failure> {
        match self {
            Self::Aws(cloud) => cloud.may_authorize(openings).await,
            Self::Files(cloud) => cloud.may_authorize(openings).await,
        }
    }

    async fn revoke(&self, group: &str, direction: Direction, ids: &[String]) -> Result<(), Failure> {
        match self {
            Self::Aws(cloud) => cloud.revoke(group, direction, ids).await,
            Self::Files(cloud) => cloud.revoke(group, direction, ids).await,
        }
    }

    async fn set_groups(&self, interface: &str, groups: &[String]) -> Result<(), Failure> {
        match self {
            Self::Aws(cloud) => cloud.set_groups(interface, groups).await,
            Self::Files(cloud) => cloud.set_groups(interface, groups).await,
        }
    }
}
