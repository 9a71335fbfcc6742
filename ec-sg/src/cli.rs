//! The command line.

use std::cell::RefCell;
use std::rc::Rc;

use clap::{Args, Parser, Subcommand};
use ec_shared::aws::Aws;
use ec_shared::document::{Deployment, Engine, Section, Status};
use ec_shared::flags::{AwsFlags, Common, Meta};
use ec_shared::output::Output;
use ec_shared::run::{Input, Stage, Tool};
use ec_shared::{Code, Document, Exit, Failure, codes as shared, token};
use ipnet::IpNet;
use tokio::runtime::Runtime;

use crate::aws::AwsCloud;
use crate::client::{self, Source};
use crate::facts::{self, Target};
use crate::wait::Patience;
use crate::{apply, check, codes, list, revoke, text};

/// Can this client reach this cache? Checks, opens and closes exactly the security-group rules it takes
#[derive(Debug, Parser)]
#[command(name = "ec-sg", version, arg_required_else_help = true, disable_help_subcommand = true, after_help = AFTER_HELP)]
pub struct Cli {
    #[command(subcommand)]
    verb: Verb,
    #[command(flatten)]
    common: Common,
    #[command(flatten)]
    aws: AwsFlags,
}

const AFTER_HELP: &str = "\
Examples:
  ec-sg check --cache orders --from i-0123456789abcdef0
  ec-sg find --cache orders --from sg-0123456789abcdef0 | ec-sg apply > open.json
  ec-sg revoke < open.json

Exit codes:
  0 done, nothing to do, or every check passed    4 refused: denied, not found, public source
  1 the answer is no                              5 temporary: a retry may help
  2 bad flags or document                         6 some changes done, some failed
  3 no Region or credentials                      7 input or output failed
";

#[derive(Debug, Subcommand)]
enum Verb {
    /// Finds the facts: the cache, its endpoints and network, the client
    Find(TargetArgs),
    /// Prints the ports of a cache, and what each is for; asks nobody
    Ports {
        /// The engine
        #[arg(long, value_name = "valkey|redis|memcached", value_parser = engine, requires = "deployment")]
        engine: Option<Engine>,
        /// How the cache is deployed
        #[arg(long, value_name = "serverless|replication_group|cluster", value_parser = deployment, requires = "engine")]
        deployment: Option<Deployment>,
    },
    /// Tells whether the client can reach every port of the cache, hop by hop, and the smallest change that would let it
    Check(TargetArgs),
    /// Tells what apply would do
    Plan {
        #[command(flatten)]
        target: TargetArgs,
        #[command(flatten)]
        public: PublicArgs,
        /// Exits with 1 if there are changes
        #[arg(long)]
        detailed_exitcode: bool,
    },
    /// Adds the rules that are missing, and nothing else
    Apply {
        #[command(flatten)]
        target: TargetArgs,
        #[command(flatten)]
        public: PublicArgs,
    },
    /// Takes back what the document on stdin says apply has added
    Revoke,
    #[command(flatten)]
    Meta(Meta),
}

#[derive(Debug, Args)]
struct TargetArgs {
    /// The cache: a serverless cache, a replication group or a cache cluster [default: the document's]
    #[arg(long, value_name = "NAME")]
    cache: Option<String>,
    /// The client: an instance, a network interface, a security group or an address range [default: the document's]
    #[arg(long, value_name = "i-…|eni-…|sg-…|CIDR")]
    from: Option<String>,
}

#[derive(Debug, Args)]
struct PublicArgs {
    /// Repeats a public address range that is meant to be admitted
    #[arg(long, value_name = "CIDR")]
    allow_public: Vec<String>,
}

impl PublicArgs {
    fn ranges(&self) -> Result<Vec<IpNet>, Failure> {
        self.allow_public.iter().map(|text| client::range(text)).collect()
    }
}

fn engine(text: &str) -> Result<Engine, String> {
    Engine::from_aws(text).ok_or_else(|| "an engine is valkey, redis or memcached".to_owned())
}

fn deployment(text: &str) -> Result<Deployment, String> {
    match text.to_ascii_lowercase().replace('-', "_").as_str() {
        "serverless" => Ok(Deployment::Serverless),
        "replication_group" => Ok(Deployment::ReplicationGroup),
        "cluster" => Ok(Deployment::Cluster),
        _ => Err("a deployment is serverless, replication_group or cluster".to_owned()),
    }
}

impl Tool for Cli {
    const NAME: &'static str = "ec-sg";
    const CODES: &'static [&'static Code] = codes::TABLE;

    fn common(&self) -> &Common {
        &self.common
    }

    fn meta(&self) -> Option<&Meta> {
        match &self.verb {
            Verb::Meta(meta) => Some(meta),
            _ => None,
        }
    }

    fn run(self, output: &mut Output) -> Result<Exit, Failure> {
        let Self { verb, common, aws } = self;
        match verb {
            Verb::Ports { engine, deployment } => list::ports(&common, engine.zip(deployment), output),
            Verb::Find(args) => Work::new(common, aws)?.find(&args, output),
            Verb::Check(args) => Work::new(common, aws)?.check(&args, output),
            Verb::Plan { target, public, detailed_exitcode } => {
                Work::new(common, aws)?.plan(&target, &public, detailed_exitcode, output)
            }
            Verb::Apply { target, public } => Work::new(common, aws)?.apply(&target, &public, output),
            Verb::Revoke => Work::new(common, aws)?.revoke(output),
            // `main` answers these before it gets here.
            Verb::Meta(_) => Ok(Exit::Ok),
        }
    }
}

/// One run of a verb that asks AWS.
struct Work {
    common: Common,
    flags: AwsFlags,
    runtime: Runtime,
    /// The connection of the latest document's Region.
    cloud: RefCell<Option<(Option<String>, Rc<AwsCloud>)>>,
}

impl Work {
    fn new(common: Common, flags: AwsFlags) -> Result<Self, Failure> {
        Ok(Self { common, flags, runtime: ec_shared::aws::runtime()?, cloud: RefCell::default() })
    }

    fn find(&self, args: &TargetArgs, output: &mut Output) -> Result<Exit, Failure> {
        self.stage("find", args, output, &async |document, cloud, target, _| check::find(document, cloud, target).await)
    }

    fn check(&self, args: &TargetArgs, output: &mut Output) -> Result<Exit, Failure> {
        self.stage("check", args, output, &async |document, cloud, target, _| {
            check::check(document, cloud, target).await
        })
    }

    fn plan(
        &self,
        args: &TargetArgs,
        public: &PublicArgs,
        detailed_exitcode: bool,
        output: &mut Output,
    ) -> Result<Exit, Failure> {
        let allowed = public.ranges()?;
        self.stage("plan", args, output, &async |document, cloud, target, _| {
            let mut section = check::plan(document, cloud, target, &allowed).await?;
            if detailed_exitcode && section.status == Status::Planned {
                section.exit = Some(Exit::No);
            }
            Ok(section)
        })
    }

    fn apply(&self, args: &TargetArgs, public: &PublicArgs, output: &mut Output) -> Result<Exit, Failure> {
        let allowed = public.ranges()?;
        let patience = Patience::within(self.common.timeout);
        self.stage("apply", args, output, &async |document, cloud, target, output| {
            apply::apply(document, cloud, target, &allowed, patience, output).await
        })
    }

    fn revoke(&self, output: &mut Output) -> Result<Exit, Failure> {
        if self.common.null_input {
            return Err(Failure::new(&shared::NO_INPUT, "an empty document says nothing that could be revoked")
                .hint("pipe in the document that `ec-sg apply` printed"));
        }
        let patience = Patience::within(self.common.timeout);
        let input = Input::choose(&self.common, None, false)?;
        stage("revoke").run(input, output, |document, output| {
            let written = revoke::written(document)?;
            if written.is_empty() {
                return Ok(Section::new("revoke", Status::Unchanged));
            }
            let cloud = self.cloud(document, output)?;
            self.runtime.block_on(revoke::revoke(written, &*cloud, patience, output))
        })
    }

    /// Takes every document through `work`.
    fn stage(
        &self,
        command: &'static str,
        args: &TargetArgs,
        output: &mut Output,
        work: &impl AsyncFn(&mut Document, &AwsCloud, &Target, &Output) -> Result<Section, Failure>,
    ) -> Result<Exit, Failure> {
        let target = self.target(args)?;
        let named = target.cache.as_ref().map(|name| {
            let mut document = Document::empty();
            document.set("id", &target.from.as_ref().map_or(name.clone(), |from| format!("{name}<-{from}")));
            document
        });
        let input = Input::choose(&self.common, named, false)?;
        stage(command).run(input, output, |document, output| {
            let cache = document.cache()?;
            if cache.as_ref().is_some_and(facts::is_public) {
                return Ok(Section::skipped(command, facts::PUBLIC));
            }
            facts::named(document, cache.as_ref(), &target, command != "find")?;
            let cloud = self.cloud(document, output)?;
            self.runtime.block_on(work(document, &cloud, &target, output))
        })
    }

    fn target(&self, args: &TargetArgs) -> Result<Target, Failure> {
        let named = [("region", &self.flags.region), ("profile", &self.flags.profile)];
        let named =
            named.into_iter().filter_map(|(flag, value)| value.as_ref().map(|value| format!(" --{flag} {value}")));
        Ok(Target {
            cache: args.cache.as_deref().map(token::cache_name).transpose()?,
            from: args.from.as_deref().map(Source::parse).transpose()?,
            repeat: named.collect(),
        })
    }

    /// AWS in the Region that the flags name, else in the document's, else in the environment's.
    fn cloud(&self, document: &Document, output: &Output) -> Result<Rc<AwsCloud>, Failure> {
        let region = self.flags.region.clone().or(document.cache()?.and_then(|cache| cache.region));
        if let Some((known, cloud)) = &*self.cloud.borrow()
            && *known == region
        {
            return Ok(Rc::clone(cloud));
        }
        let flags = AwsFlags { region: region.clone(), ..self.flags.clone() };
        let aws = self.runtime.block_on(Aws::load(&flags, self.common.timeout))?;
        aws.tell(output);
        let cloud = Rc::new(AwsCloud::new(aws));
        *self.cloud.borrow_mut() = Some((region, Rc::clone(&cloud)));
        Ok(cloud)
    }
}

fn stage(command: &'static str) -> Stage {
    Stage { key: "sg", command, report: text::report }
}
