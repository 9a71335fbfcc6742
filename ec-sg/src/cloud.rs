//! What ec-sg asks of AWS and has it do, in its own words.

use ec_shared::Failure;

use crate::answers::Answers;
use crate::need::Need;
use crate::rule::{Direction, Opening, Rule};
use crate::snapshot::Snapshot;

/// AWS, as far as ec-sg needs it. `aws.rs` is the real one; `answers/files.rs` reads what was saved.
pub(crate) trait Cloud {
    /// The Region that is asked; `None` where answers come from files.
    fn region(&self) -> Option<&str>;

    /// Where the answers come from, for sentences: `us-east-1`, `the files`.
    fn place(&self) -> &str {
        self.region().unwrap_or("the files")
    }

    /// Asks for facts, as few calls at a time as tell them. Every need is told once.
    async fn fetch(&self, needs: Vec<Need>) -> Vec<Told>;

    /// Adds rules to one group, in one direction: all of them or none. Answers with those that AWS says it made.
    async fn authorize(&self, openings: &[Opening], label: &Label) -> Result<Vec<Rule>, Failure>;

    /// Whether AWS would let these rules be added: asks, and adds nothing.
    async fn may_authorize(&self, openings: &[Opening]) -> Result<(), Failure>;

    /// Takes rules of one group and direction away.
    async fn revoke(&self, group: &str, direction: Direction, ids: &[String]) -> Result<(), Failure>;

    /// Gives an interface exactly these security groups.
    async fn set_groups(&self, interface: &str, groups: &[String]) -> Result<(), Failure>;
}

/// The answer to some needs.
#[derive(Debug)]
pub(crate) struct Told {
    pub(crate) needs: Vec<Need>,
    pub(crate) answers: Result<Answers, Failure>,
    /// Whether the answers hold all there is of the kind of these needs, and not these alone.
    pub(crate) is_whole: bool,
}

/// How a rule that we write is marked, so that a person and a later run know it.
#[derive(Clone, Debug)]
pub(crate) struct Label {
    /// The rule's description.
    pub(crate) description: String,
    /// The value of its tag: the cache's name.
    pub(crate) tag: String,
}

/// The key of the tag on rules that we write.
pub(crate) const TAG: &str = "ec-sg";

/// AWS's code for a rule that exists already.
pub(crate) const DUPLICATE: &str = "InvalidPermission.Duplicate";

/// A cloud, and what is known of it so far.
#[derive(Debug)]
pub(crate) struct World<C> {
    pub(crate) cloud: C,
    pub(crate) snapshot: Snapshot,
    /// Every answer, where somebody wants to save them.
    heard: Option<Vec<Answers>>,
}

impl<C: Cloud> World<C> {
    /// A cloud that was not asked yet.
    pub(crate) fn new(cloud: C) -> Self {
        Self::known(cloud, Snapshot::default())
    }

    /// A cloud of which something is known.
    pub(crate) fn known(cloud: C, snapshot: Snapshot) -> Self {
        Self { cloud, snapshot, heard: None }
    }

    /// From now on, keeps every answer.
    pub(crate) fn listen(&mut self) {
        self.heard.get_or_insert_default();
    }

    /// The answers since [`listen`](Self::listen).
    pub(crate) fn heard(&self) -> &[Answers] {
        self.heard.as_deref().unwrap_or_default()
    }

    /// Asks for what was not asked yet; whether that was anything. What cannot be had is noted as such.
    pub(crate) async fn learn(&mut self, needs: impl IntoIterator<Item = Need>) -> bool {
        let new: Vec<Need> = needs.into_iter().filter(|need| !self.snapshot.is_asked(need)).collect();
        if new.is_empty() {
            return false;
        }
        for told in self.cloud.fetch(new).await {
            let failure = match told.answers {
                Ok(answers) => {
                    if let Some(heard) = &mut self.heard {
                        heard.push(answers.clone());
                    }
                    if told.is_whole {
                        told.needs.iter().for_each(|need| self.snapshot.told_whole(need));
                    }
                    let fault = self.snapshot.take(answers).err();
                    fault.map(|fault| {
                        Failure::new(&ec_shared::codes::REFUSED, "cannot take AWS's answer").because(fault)
                    })
                }
                Err(failure) => Some(failure),
            };
            for need in told.needs {
                self.snapshot.asked(need, failure.clone());
            }
        }
        true
    }

    /// Looks until the fact is known.
    ///
    /// # Errors
    /// Why it could not be had.
    pub(crate) async fn find<T>(
        &mut self,
        look: impl Fn(&Snapshot) -> crate::snapshot::Known<T>,
    ) -> Result<T, Failure> {
        loop {
            let need = match look(&self.snapshot) {
                Ok(found) => return Ok(found),
                Err(need) => need,
            };
            if !self.learn([need.clone()]).await {
                let unknown = || Failure::new(&crate::codes::NOT_DETERMINED, format!("cannot find {need}"));
                return Err(self.snapshot.refusal(&need).cloned().unwrap_or_else(unknown));
            }
        }
    }
}
