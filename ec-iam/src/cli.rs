//! Flags and verbs.

use std::time::Duration;

use clap::{Args, Parser, Subcommand};
use ec_shared::document::{Section, Status};
use ec_shared::flags::{AccountFlag, AwsFlags, Common, Meta};
use ec_shared::output::Output;
use ec_shared::run::{Input, Stage, Tool};
use ec_shared::{Code, Exit, Failure, Interrupt};

use crate::check::{self, CheckFlags};
use crate::cloud::Cloud;
use crate::clouds::Clouds;
use crate::lint_token::{self, LintTokenFlags};
use crate::simulate::{self, SimulateFlags};
use crate::token::TokenFormat;
use crate::wait::Wait;
use crate::who::{Conditions, Who};
use crate::{apply, codes, lookup, print, revoke, survey, text, whoami};

/// Our key in the document.
pub(crate) const KEY: &str = "iam";

/// Who am I, may I connect, make it so: IAM for ElastiCache
#[derive(Debug, Parser)]
#[command(name = "ec-iam", version, arg_required_else_help = true, disable_help_subcommand = true, after_help = AFTER_HELP)]
pub struct Cli {
    #[command(subcommand)]
    verb: Verb,
    #[command(flatten)]
    aws: AwsFlags,
    #[command(flatten)]
    account: AccountFlag,
    /// Region of IAM Identity Center, if it is another [default: the Region of everything else]
    #[arg(
        long,
        global = true,
        value_name = "REGION",
        env = "EC_IDENTITY_CENTER_REGION",
        help_heading = "AWS options",
        hide_env_values = true
    )]
    identity_center_region: Option<String>,
    #[command(flatten)]
    common: Common,
}

const AFTER_HELP: &str = "\
Examples:
  ec-iam check
  ec-sg find --cache orders --from i-0abc | ec-iam apply --principal role/app
  ec-iam check --cache orders --principal role/app
  export REDISCLI_AUTH=$(ec-iam token --cache orders --user app --serverless)

Exit codes: 0 ok, 1 no, 2 usage, 3 config, 4 refused, 5 temporary, 6 partial, 7 io";

#[derive(Debug, Subcommand)]
enum Verb {
    /// Tells which account, partition and Region the credentials reach, and what kind they are
    Whoami,
    /// Checks whether a principal may connect to a cache; without a cache, the account: root user, keys, MFA and sign-in
    Check(CheckFlags),
    /// Says what `apply` would do
    Plan {
        #[command(flatten)]
        who: Who,
        /// Ends with 1 if there is something to do
        #[arg(long)]
        detailed_exitcode: bool,
    },
    /// Creates the service-linked role, and gives a principal a permission, such as to connect to the cache
    Apply {
        #[command(flatten)]
        who: Who,
    },
    /// Takes back what the document says `apply` has done
    Revoke,
    /// Prints an IAM policy, ready for `aws iam create-policy --policy-document file:///dev/stdin`
    Policy(PolicyFlags),
    /// Prints the trust policy of a role, ready for `aws iam create-role --assume-role-policy-document file:///dev/stdin`
    Trust(TrustPolicyFlags),
    /// Prints the token that logs a user in for the next 15 minutes
    Token(TokenFlags),
    /// Tells everything that can be seen to be wrong with a token; reads tokens from stdin, one a line
    LintToken(LintTokenFlags),
    /// Decides what policies allow, and who may do something: from requests, files, saved authorization details or IAM
    Simulate(Box<SimulateFlags>),
    #[command(flatten)]
    Meta(Meta),
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

/// Flags of `trust`.
#[derive(Debug, Args)]
pub(crate) struct TrustPolicyFlags {
    /// Who may use the role: saml/NAME, oidc/ISSUER, user/NAME, role/NAME or the ARN of one of them
    #[arg(value_name = "WHO")]
    pub(crate) who: String,
    /// Account of the provider, user or role [default: that of the credentials]
    #[arg(long, value_name = "ACCOUNT")]
    pub(crate) account: Option<String>,
    #[command(flatten)]
    pub(crate) conditions: Conditions,
}

/// Flags of `token`.
#[derive(Debug, Args)]
#[command(after_help = "\
No client has a variable for the user, so that it is named on its command line:
  eval \"$(ec-iam token --cache orders --user app --serverless --format env)\"
  valkey-cli --tls -h ENDPOINT --user \"$EC_USER\" PING")]
pub(crate) struct TokenFlags {
    /// Name of the serverless cache, or id of the replication group; without it, the cache of the document on stdin
    #[arg(long, value_name = "NAME")]
    pub(crate) cache: Option<String>,
    /// User to log in as
    #[arg(long, value_name = "ID", env = "EC_USER")]
    pub(crate) user: Option<String>,
    /// The cache is serverless
    #[arg(long)]
    pub(crate) serverless: bool,
    /// NAME is a MemoryDB cluster's
    #[arg(long, requires = "cache", conflicts_with = "serverless")]
    pub(crate) memorydb: bool,
    /// How the token is printed [default: line, or json with --output json]
    #[arg(long, value_name = "FORMAT")]
    pub(crate) format: Option<TokenFormat>,
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
        let Self { verb, aws, account, identity_center_region, common } = self;
        let mut clouds = Clouds::new(aws, account.expect_account, common.timeout)
            .with_identity_center_in(identity_center_region.filter(|region| !region.is_empty()));
        match verb {
            Verb::Whoami => {
                let stage = Stage { key: KEY, command: "whoami", report: text::whoami };
                stage.run(Input::choose(&common, None, true)?, output, |_, output| {
                    Ok(whoami::section(&clouds.at(None, output)?.identity()?))
                })
            }
            Verb::Check(flags) => check::run(&flags, &mut clouds, &common, output),
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
                    let tell = |resource: &str, waited: Duration| tell(output, resource, waited);
                    let wait = Wait { limit: limit(&common), interrupt: &interrupt, tell: &tell };
                    let section = apply::apply(cloud, &request, cache.as_ref(), before.as_ref(), &wait)?;
                    lookup::learn(document, &section)?;
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
                    let tell = |resource: &str, waited: Duration| tell(output, resource, waited);
                    let wait = Wait { limit: limit(&common), interrupt: &interrupt, tell: &tell };
                    let mut section = revoke::revoke(cloud, undos, &wait);
                    lookup::learn(document, &section)?;
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
            Verb::Trust(flags) => print::trust(flags, &mut clouds, output),
            Verb::Token(flags) => print::tokens(&flags, &mut clouds, &common, output),
            Verb::Simulate(flags) => simulate::run(&flags, &mut clouds, output),
            Verb::LintToken(flags) => lint_token::run(&flags, clouds.flags(), &common, output),
            Verb::Meta(_) => Ok(Exit::Ok),
        }
    }
}

/// Tells a person what a run waits for.
fn tell(output: &Output, resource: &str, waited: Duration) {
    output.note(&format!("waiting for the {resource} ({} s)", waited.as_secs()));
}

/// How long a change may take, where a flag says so.
fn limit(common: &Common) -> Duration {
    common.timeout.unwrap_or(Duration::MAX)
}
