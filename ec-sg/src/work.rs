//! One run of a verb: the documents, the Regions that they are about, and what is known of each.

use std::cell::RefCell;
use std::collections::HashMap;
use std::path::{Path, PathBuf};

use ec_shared::aws::Aws;
use ec_shared::document::{Cache, Section, Status};
use ec_shared::flags::{AccountFlag, AwsFlags, Common};
use ec_shared::interrupt::Interrupt;
use ec_shared::output::Output;
use ec_shared::run::{Input, Stage};
use ec_shared::{Document, Exit, Failure, codes as shared, token};
use ipnet::IpNet;
use tokio::runtime::Runtime;

use crate::answers::files;
use crate::apply::Bounds;
use crate::attach::Attaching;
use crate::aws::AwsCloud;
use crate::cli::ReachArgs;
use crate::client::{Destination, Source};
use crate::cloud::World;
use crate::clouds::AnyCloud;
use crate::facts::{self, Target};
use crate::snapshot::Snapshot;
use crate::wait::Patience;
use crate::{apply, audit, candidates, check, codes, revoke, text};

/// What every verb that looks at a path shares.
#[derive(Debug)]
pub(crate) struct Work {
    common: Common,
    flags: AwsFlags,
    /// The flags' question, without a client.
    target: Target,
    /// The clients that the flags name.
    clients: Vec<Source>,
    runtime: Runtime,
    /// What is known, by Region; saved answers are of all of them.
    worlds: RefCell<HashMap<Option<String>, World<AnyCloud>>>,
    has_files: bool,
}

impl Work {
    pub(crate) fn new(
        common: Common,
        flags: AwsFlags,
        account: &AccountFlag,
        reach: &ReachArgs,
        from_files: Option<PathBuf>,
    ) -> Result<Self, Failure> {
        let named = [("region", &flags.region), ("profile", &flags.profile)];
        let named =
            named.into_iter().filter_map(|(flag, value)| value.as_ref().map(|value| format!(" --{flag} {value}")));
        let to = reach.to.as_deref().map(Destination::parse).transpose()?;
        let target = Target {
            cache: reach.cache.as_deref().map(token::cache_name).transpose()?,
            to: to.zip(reach.port),
            from: None,
            expected_account: account.expect_account.clone(),
            repeat: named.collect(),
        };
        let clients = reach.from.iter().map(|text| Source::parse(text)).collect::<Result<_, _>>()?;
        let mut worlds = HashMap::new();
        let has_files = from_files.is_some();
        if let Some(folder) = from_files {
            worlds.insert(None, World::known(AnyCloud::Files(files::Files), Snapshot::of_folder(&folder)?));
        }
        Ok(Self {
            common,
            flags,
            target,
            clients,
            runtime: ec_shared::aws::runtime()?,
            worlds: RefCell::new(worlds),
            has_files,
        })
    }

    pub(crate) fn find(&self, save: Option<&Path>, output: &mut Output) -> Result<Exit, Failure> {
        let exit = self.stage("find", false, output, &async |document, world, target, _| {
            if save.is_some() {
                world.listen();
            }
            let mut section = check::find(document, world, target).await?;
            if save.is_some() && document.client()?.is_some() {
                // Everything that decides, so that check needs nobody; what it will lack is told now.
                let looked = check::look(document, world, &Target::default(), &Attaching::No).await?;
                section.findings.extend(looked.iter().flat_map(check::Looked::missing));
            }
            Ok(section)
        })?;
        if let Some(folder) = save {
            let worlds = self.worlds.borrow();
            let heard: Vec<_> = worlds.values().flat_map(|world| world.heard().iter().cloned()).collect();
            let count = files::write(folder, &heard)?;
            output.note(&format!("saved {count} answers in {}", folder.display()));
        }
        Ok(exit)
    }

    pub(crate) fn candidates(&self, output: &mut Output) -> Result<Exit, Failure> {
        self.stage("find", false, output, &async |document, world, target, _| {
            candidates::find(document, world, target).await
        })
    }

    pub(crate) fn check(&self, attaching: &Attaching, output: &mut Output) -> Result<Exit, Failure> {
        self.stage("check", true, output, &async |document, world, target, _| {
            check::check(document, world, target, attaching).await
        })
    }

    pub(crate) fn audit(&self, output: &mut Output) -> Result<Exit, Failure> {
        self.stage("audit", false, output, &async |document, world, target, _| {
            audit::run(document, world, target).await
        })
    }

    pub(crate) fn plan(
        &self,
        attaching: &Attaching,
        allowed: &[IpNet],
        ask: bool,
        detailed_exitcode: bool,
        output: &mut Output,
    ) -> Result<Exit, Failure> {
        self.stage("plan", true, output, &async |document, world, target, _| {
            let mut section = check::plan(document, world, target, attaching, allowed, ask).await?;
            if detailed_exitcode && section.status == Status::Planned {
                section.exit = Some(Exit::No);
            }
            Ok(section)
        })
    }

    pub(crate) fn apply(
        &self,
        attaching: &Attaching,
        allowed: Vec<IpNet>,
        output: &mut Output,
    ) -> Result<Exit, Failure> {
        let bounds =
            Bounds { allowed, patience: Patience::within(self.common.timeout), interrupt: Interrupt::listen()? };
        self.stage("apply", true, output, &async |document, world, target, output| {
            apply::apply(document, world, target, attaching, &bounds, output).await
        })
    }

    pub(crate) fn revoke(&self, output: &mut Output) -> Result<Exit, Failure> {
        if self.common.null_input {
            return Err(Failure::new(&shared::NO_INPUT, "an empty document says nothing that could be revoked")
                .hint("pipe in the document that `ec-sg apply` printed"));
        }
        let patience = Patience::within(self.common.timeout);
        let interrupt = Interrupt::listen()?;
        let input = Input::choose(&self.common, None, false)?;
        stage("revoke").run(input, output, |document, output| {
            let written = revoke::written(document)?;
            if written.is_empty() {
                return Ok(Section::new("revoke", Status::Unchanged));
            }
            self.target.expect_account(document.cache()?.as_ref())?;
            self.in_world(self.region(document)?, output, async |world| {
                revoke::revoke(written, world, patience, &interrupt, output).await
            })
        })
    }

    /// Takes every document through `work`, once for each client that the flags name.
    fn stage(
        &self,
        command: &'static str,
        needs_client: bool,
        output: &mut Output,
        work: &impl AsyncFn(&mut Document, &mut World<AnyCloud>, &Target, &Output) -> Result<Section, Failure>,
    ) -> Result<Exit, Failure> {
        let input = self.input()?;
        let mut clients = self.clients.iter().cycle();
        let spread = |document: &Document| Ok(vec![document.clone(); self.clients.len()]);
        stage(command).run_each(input, output, spread, |document, output| {
            let target = Target { from: clients.next().cloned(), ..self.target.clone() };
            let cache = document.cache()?;
            if cache.as_ref().is_some_and(facts::is_public) {
                return Ok(Section::skipped(command, facts::PUBLIC));
            }
            facts::named(document, cache.as_ref(), &target, needs_client)?;
            if let Some(name) = self.target.cache_name() {
                document.set("id", &target.from.as_ref().map_or(name.clone(), |from| format!("{name}<-{from}")));
            }
            let region = self.region(document)?;
            self.in_world(region, output, async |world| {
                let section = work(document, world, &target, output).await?;
                Ok(match world.cloud.endpoint_url() {
                    // Whoever forgets a variable that leads to an emulator finds it here.
                    Some(url) => section.fact("endpoint_url", url),
                    None => section,
                })
            })
        })
    }

    /// The Region that the flags name, else the document; else the environment decides.
    fn region(&self, document: &Document) -> Result<Option<String>, Failure> {
        match (self.has_files, &self.flags.region) {
            (true, _) => Ok(None),
            (false, Some(region)) => Ok(Some(region.clone())),
            (false, None) => Ok(document.cache()?.and_then(|cache| cache.region)),
        }
    }

    /// Works in what is known of a Region.
    fn in_world<T>(
        &self,
        region: Option<String>,
        output: &Output,
        work: impl AsyncFnOnce(&mut World<AnyCloud>) -> Result<T, Failure>,
    ) -> Result<T, Failure> {
        let known = self.worlds.borrow_mut().remove(&region);
        let mut world = if let Some(world) = known {
            world
        } else {
            let flags = AwsFlags { region: region.clone(), ..self.flags.clone() };
            let aws = self.runtime.block_on(Aws::load(&flags, self.common.timeout))?;
            aws.tell(output);
            World::new(AnyCloud::Aws(Box::new(AwsCloud::new(aws))))
        };
        let result = self.runtime.block_on(work(&mut world));
        self.worlds.borrow_mut().insert(region, world);
        result
    }

    /// Where the documents come from. Saved answers that nobody narrows are about every cache in them.
    fn input(&self) -> Result<Input, Failure> {
        let input = Input::choose(&self.common, self.named(), self.has_files)?;
        if !self.has_files || self.target.names_cache() || matches!(input, Input::Stdin) {
            return Ok(input);
        }
        let worlds = self.worlds.borrow();
        let names = worlds.values().flat_map(|world| world.snapshot.cache_names());
        let document = |name: &str| {
            let mut document = Document::empty();
            document.set("id", &name);
            document.set("cache", &Cache { name: name.to_owned(), ..Cache::default() });
            document
        };
        let documents: Vec<Document> = names.map(document).collect();
        if documents.is_empty() {
            return Err(Failure::new(&codes::UNKNOWN_CACHE, "there is no cache in the files")
                .hint("save some: aws elasticache describe-serverless-caches --output json > DIR/caches.json"));
        }
        Ok(Input::Some(documents))
    }

    /// The document that the flags make up by themselves.
    fn named(&self) -> Option<Document> {
        let name = self.target.cache_name()?;
        let mut document = Document::empty();
        document.set("id", &name);
        Some(document)
    }
}

fn stage(command: &'static str) -> Stage {
    Stage { key: "sg", command, report: text::report }
}
