//! The command line.

use std::path::PathBuf;

use clap::{Args, Parser, Subcommand};
use ec_shared::document::{Deployment, Engine};
use ec_shared::flags::{AccountFlag, AwsFlags, Common, Meta};
use ec_shared::output::Output;
use ec_shared::run::Tool;
use ec_shared::{Code, Exit, Failure};
use ipnet::IpNet;

use crate::attach::Attaching;
use crate::work::Work;
use crate::{client, codes, list};

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
    #[command(flatten)]
    account: AccountFlag,
}

const AFTER_HELP: &str = "\
Examples:
  ec-sg check --cache orders --from i-0123456789abcdef0
  ec-sg check --to 10.0.2.15 --port 6379 --from sg-0123456789abcdef0 --from-files saved/
  ec-sg find --cache orders --from sg-0123456789abcdef0 | ec-sg apply > open.json
  ec-sg revoke < open.json

Exit codes:
  0 done, nothing to do, or every check passed    4 refused: denied, not found, public source
  1 the answer is no                              5 temporary: a retry may help
  2 bad flags or document                         6 some changes done, some failed
  3 no Region or credentials                      7 input or output failed
  129, 130, 143: a signal came while apply or revoke was at work; what was begun is finished and told
";

#[derive(Debug, Subcommand)]
enum Verb {
    /// Finds the facts: the cache, its endpoints and network, the client
    Find {
        #[command(flatten)]
        target: TargetArgs,
        /// Lists the instances that could connect, and why the others could not
        #[arg(long, conflicts_with_all = ["from", "save"])]
        candidates: bool,
        /// Saves the answers of AWS that decide the path, for --from-files
        #[arg(long, value_name = "DIR", conflicts_with = "from_files")]
        save: Option<PathBuf>,
    },
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
    Check {
        #[command(flatten)]
        target: TargetArgs,
        #[command(flatten)]
        attach: AttachArgs,
    },
    /// Tells what apply would do
    Plan {
        #[command(flatten)]
        target: TargetArgs,
        #[command(flatten)]
        attach: AttachArgs,
        #[command(flatten)]
        public: PublicArgs,
        /// Asks EC2, too, whether it would let the rules be added (DryRun)
        #[arg(long, conflicts_with = "from_files")]
        dry_run: bool,
        /// Exits with 1 if there are changes
        #[arg(long)]
        detailed_exitcode: bool,
    },
    /// Tells what is too open, redundant, stale, missing or near its quota on the cache's security groups
    Audit {
        /// The cache [default: the document's; with --from-files and no document, every cache in the files]
        #[arg(long, value_name = "NAME")]
        cache: Option<String>,
        /// Takes AWS's answers from every *.json below a folder, as the AWS CLI printed them, and asks nobody
        #[arg(long, value_name = "DIR")]
        from_files: Option<PathBuf>,
    },
    /// Adds the rules that are missing, and nothing else
    Apply {
        #[command(flatten)]
        target: ReachArgs,
        #[command(flatten)]
        attach: AttachArgs,
        #[command(flatten)]
        public: PublicArgs,
    },
    /// Takes back what the document on stdin says apply has done
    Revoke,
    #[command(flatten)]
    Meta(Meta),
}

/// What is to be reached, and from where.
#[derive(Clone, Debug, Default, Args)]
pub(crate) struct ReachArgs {
    /// The cache: a serverless cache, a replication group or a cache cluster [default: the document's]
    #[arg(long, value_name = "NAME")]
    pub(crate) cache: Option<String>,
    /// What is no cache: an instance, a network interface or a private address; with --port
    #[arg(long, value_name = "i-…|eni-…|IP", conflicts_with = "cache", requires = "port")]
    pub(crate) to: Option<String>,
    /// The TCP port of --to
    #[arg(long, value_name = "N", requires = "to", value_parser = clap::value_parser!(u16).range(1..))]
    pub(crate) port: Option<u16>,
    /// The client: an instance, a network interface, a security group (also of another account), a prefix list, an address
    /// range, or `self` for whatever carries the cache's own groups; may be given several times [default: the document's]
    #[arg(long, value_name = "i-…|eni-…|sg-…|pl-…|CIDR|self")]
    pub(crate) from: Vec<String>,
}

/// The same, perhaps from saved answers.
#[derive(Clone, Debug, Args)]
pub(crate) struct TargetArgs {
    #[command(flatten)]
    pub(crate) reach: ReachArgs,
    /// Takes AWS's answers from every *.json below a folder, as the AWS CLI printed them, and asks nobody
    #[arg(long, value_name = "DIR")]
    pub(crate) from_files: Option<PathBuf>,
}

#[derive(Debug, Args)]
struct AttachArgs {
    /// Gives the client a security group that the cache admits, instead of admitting one of its own; without a value, the
    /// one that the cache's rules name
    #[arg(long, value_name = "sg-…", num_args = 0..=1, require_equals = true, default_missing_value = "")]
    attach_group: Option<String>,
}

impl AttachArgs {
    fn attaching(&self) -> Result<Attaching, Failure> {
        match self.attach_group.as_deref() {
            None => Ok(Attaching::No),
            Some("") => Ok(Attaching::Admitted),
            Some(id) if client::has_form(id, "sg-") => Ok(Attaching::Group(id.to_owned())),
            Some(other) => {
                let what = format!("cannot take `{}` for a security group", other.escape_debug());
                Err(Failure::new(&codes::BAD_CLIENT, what).hint("write --attach-group=sg-…"))
            }
        }
    }
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
        let Self { verb, common, aws, account } = self;
        let work =
            |reach: &ReachArgs, files: Option<PathBuf>| Work::new(common.clone(), aws.clone(), &account, reach, files);
        match verb {
            Verb::Ports { engine, deployment } => list::ports(&common, engine.zip(deployment), output),
            Verb::Find { target, candidates: true, .. } => work(&target.reach, target.from_files)?.candidates(output),
            Verb::Find { target, save, .. } => work(&target.reach, target.from_files)?.find(save.as_deref(), output),
            Verb::Check { target, attach } => {
                work(&target.reach, target.from_files)?.check(&attach.attaching()?, output)
            }
            Verb::Plan { target, attach, public, dry_run, detailed_exitcode } => {
                let (attaching, allowed) = (attach.attaching()?, public.ranges()?);
                work(&target.reach, target.from_files)?.plan(&attaching, &allowed, dry_run, detailed_exitcode, output)
            }
            Verb::Audit { cache, from_files } => {
                work(&ReachArgs { cache, ..ReachArgs::default() }, from_files)?.audit(output)
            }
            Verb::Apply { target, attach, public } => {
                let (attaching, allowed) = (attach.attaching()?, public.ranges()?);
                work(&target, None)?.apply(&attaching, allowed, output)
            }
            Verb::Revoke => work(&ReachArgs::default(), None)?.revoke(output),
            // `main` answers these before it gets here.
            Verb::Meta(_) => Ok(Exit::Ok),
        }
    }
}
