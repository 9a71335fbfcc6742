//! Flags and verbs.

use std::time::Duration;

use clap::{Args, Parser, Subcommand};
use ec_shared::document::{Cache, Document, Section, Status};
use ec_shared::flags::{AwsFlags, Common, Meta};
use ec_shared::output::Output;
use ec_shared::run::{Input, Stage, Tool};
use ec_shared::token::{cache_name, user_id};
use ec_shared::{Code, Exit, Failure, Interrupt};

use crate::aws::AwsCloud;
use crate::cloud::Cloud;
use crate::clouds::Clouds;
use crate::principal::Principal;
use crate::simulate::{self, SimulateFlags};
use crate::survey::{self, Request};
use crate::{apply, codes, lookup, print, revoke, text, whoami};

/// Our key in the document.
pub(crate) const KEY: &str = "iam";
/// How long a change may take until IAM shows it.
const PATIENCE: Duration = Duration::from_secs(120);

/// Who am I, may I connect, make it so: IAM for ElastiCache
#[derive(Debug, Parser)]
#[command(name = "ec-iam", version, arg_required_else_help = true, disable_help_subcommand = true, after_help = AFTER_HELP)]
pub struct Cli {
    #[command(subcommand)]
    verb: Verb,
    #[command(flatten)]
    aws: AwsFlags,
    #[command(flatten)]
    common: Common,
}

const AFTER_HELP: &str = "\
Examples:
  ec-iam whoami
  ec-sg find --cache orders --from i-0abc | ec-iam apply --principal role/app
  export REDISCLI_AUTH=$(ec-iam token --cache orders --user app --serverless)

Exit codes: 0 ok, 1 no, 2 usage, 3 config, 4 refused, 5 temporary, 6 partial, 7 io";

#[derive(Debug, Subcommand)]
enum Verb {
    /// Tells which account, partition and Region the credentials reach, and what kind they are
    Whoami,
    /// Says what `apply` would do
    Plan {
        #[command(flatten)]
        who: Who,
        /// Ends with 1 if there is something to do
        #[arg(long)]
        detailed_exitcode: bool,
    },
    /// Creates the service-linked role, and allows a principal to connect to the cache as one user
    Apply {
        #[command(flatten)]
        who: Who,
    },
    /// Takes back what the document says `apply` has done
    Revoke,
    /// Prints an IAM policy, ready for `aws iam create-policy --policy-document file:///dev/stdin`
    Policy(PolicyFlags),
    /// Prints the token that logs a user in for the next 15 minutes
    Token(TokenFlags),
    /// Decides what policies allow, and who may do something: from requests, files, saved authorization details or IAM
    Simulate(Box<SimulateFlags>),
    #[command(flatten)]
    Meta(Meta),
}

/// Who is to connect, to what, as whom.
#[derive(Debug, Args)]
struct Who {
    /// Who is to connect: role/NAME, user/NAME, group/NAME or an ARN [default: what the document says]
    #[arg(long, value_name = "PRINCIPAL")]
    principal: Option<String>,
    /// Name of the cache; without it, the cache of the document on stdin
    #[arg(long, value_name = "NAME")]
    cache: Option<String>,
    /// ElastiCache user to connect as [default: the cache's IAM user]
    #[arg(long, value_name = "ID", env = "EC_USER")]
    user: Option<String>,
}

/// Flags of `policy`.
#[derive(Debug, Args)]
pub(crate) struct PolicyFlags {
    /// What the policy is for: connect, setup, read-only, or a verb of ours such as 'ec-sg apply'
    #[arg(long = "for", value_name = "PURPOSE")]
    pub(crate) purpose: String,
    /// ARN of the cache to connect to
    #[arg(long, value_name = "ARN", conflicts_with = "cache")]
    pub(crate) cache_arn: Option<String>,
    /// Name of the cache to connect to; AWS is asked for its ARN
    #[arg(long, value_name = "NAME")]
    pub(crate) cache: Option<String>,
    /// ElastiCache user to connect as
    #[arg(long, value_name = "ID", env = "EC_USER")]
    pub(crate) user: Option<String>,
    /// For ec-iam's own verbs: the one principal whose policies they may write
    #[arg(long, value_name = "PRINCIPAL")]
    pub(crate) principal: Option<String>,
}

/// Flags of `token`.
#[derive(Debug, Args)]
pub(crate) struct TokenFlags {
    /// Name of the serverless cache, or id of the replication group; without it, the cache of the document on stdin
    #[arg(long, value_name = "NAME")]
    pub(crate) cache: Option<String>,
    /// ElastiCache user to log in as
    #[arg(long, value_name = "ID", env = "EC_USER")]
    pub(crate) user: Option<String>,
    /// The cache is serverless
    #[arg(long)]
    pub(crate) serverless: bool,
}

impl Tool for Cli {
    const NAME: &'static str = "ec-iam";
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
        let Self { verb, aws, common } = self;
        let mut clouds = Clouds::new(aws, common.timeout);
        match verb {
            Verb::Whoami => {
                let stage = Stage { key: KEY, command: "whoami", report: text::whoami };
                stage.run(Input::choose(&common, None, true)?, output, |_, output| {
                    Ok(whoami::section(&clouds.at(None, output)?.identity()?))
                })
            }
            Verb::Plan { who, detailed_exitcode } => {
                let stage = Stage { key: KEY, command: "plan", report: text::changes };
                let (input, who) = who.read(&common)?;
                stage.run(input, output, |document, output| {
                    let (cloud, request, cache) = who.prepare(document, &mut clouds, output)?;
                    let mut section = survey::survey(cloud, &request, cache.as_ref())?.section(&request);
                    if detailed_exitcode && section.status == Status::Planned {
                        section.exit = Some(Exit::No);
                    }
                    Ok(section)
                })
            }
            Verb::Apply { who } => {
                let stage = Stage { key: KEY, command: "apply", report: text::changes };
                let interrupt = Interrupt::listen()?;
                let (input, who) = who.read(&common)?;
                stage.run(input, output, |document, output| {
                    let (cloud, request, cache) = who.prepare(document, &mut clouds, output)?;
                    let before: Option<Section> = document.read(KEY)?;
                    let patience = patience(&common);
                    let (section, _) =
                        apply::apply(cloud, &request, cache.as_ref(), before.as_ref(), patience, &interrupt)?;
                    Ok(section)
                })
            }
            Verb::Revoke => {
                let stage = Stage { key: KEY, command: "revoke", report: text::changes };
                let interrupt = Interrupt::listen()?;
                stage.run(Input::choose(&common, None, false)?, output, |document, output| {
                    let before: Option<Section> = document.read(KEY)?;
                    let undos = revoke::undos(before.as_ref());
                    if undos.is_empty() {
                        return Ok(Section::skipped(
                            "revoke",
                            "the document has no change of ec-iam that still stands",
                        ));
                    }
                    let cloud = clouds.at(document.cache()?.and_then(|cache| cache.region), output)?;
                    let (mut section, _) = revoke::revoke(cloud, undos, patience(&common), &interrupt);
                    // Whose permission it was stays known.
                    for name in ["principal", "user"] {
                        if let Some(fact) = before.as_ref().and_then(|section| section.facts.get(name)) {
                            section = section.fact(name, fact);
                        }
                    }
                    Ok(section)
                })
            }
            Verb::Policy(flags) => print::policies(&flags, &mut clouds, &common, output),
            Verb::Token(flags) => print::tokens(&flags, &mut clouds, &common, output),
            Verb::Simulate(flags) => simulate::run(&flags, &mut clouds, output),
            Verb::Meta(_) => Ok(Exit::Ok),
        }
    }
}

impl Who {
    /// Checks the flags, and tells where the documents come from.
    fn read(self, common: &Common) -> Result<(Input, Wanted), Failure> {
        let named = match &self.cache {
            Some(name) => Some(Document::about(&Cache { name: cache_name(name)?, ..Cache::default() })),
            None => None,
        };
        let wanted = Wanted {
            request: Request {
                principal: self.principal.as_deref().map(Principal::parse).transpose()?,
                user: checked_user(self.user.as_deref())?,
            },
            is_named: named.is_some(),
        };
        Ok((Input::choose(common, named, true)?, wanted))
    }
}

/// What the flags ask for.
struct Wanted {
    request: Request,
    is_named: bool,
}

impl Wanted {
    /// What is asked for one document: what a flag does not say, an earlier section of ours may.
    fn prepare<'a>(
        &self,
        document: &mut Document,
        clouds: &'a mut Clouds,
        output: &Output,
    ) -> Result<(&'a AwsCloud, Request, Option<Cache>), Failure> {
        let mut request = self.request.clone();
        if let Some(before) = document.read::<Section>(KEY)? {
            let fact = |name: &str| before.facts.get(name).and_then(serde_json::Value::as_str);
            if request.principal.is_none() {
                request.principal = fact("principal").map(Principal::parse).transpose()?;
            }
            if request.user.is_none() {
                request.user = checked_user(fact("user"))?;
            }
        }
        let cloud = clouds.at(document.cache()?.and_then(|cache| cache.region), output)?;
        let is_asked = self.is_named || request.principal.is_some();
        let cache = if is_asked { lookup::complete(cloud, document)? } else { None };
        Ok((cloud, request, cache))
    }
}

/// A user id as AWS stores it. An environment variable that is empty names nobody.
pub(crate) fn checked_user(user: Option<&str>) -> Result<Option<String>, Failure> {
    user.filter(|user| !user.is_empty()).map(user_id).transpose()
}

fn patience(common: &Common) -> Duration {
    common.timeout.map_or(PATIENCE, |timeout| timeout.min(PATIENCE))
}
