//! The command line.

use clap::{Args, Parser, Subcommand};
use ec_shared::document::Document;
use ec_shared::flags::{Common, Meta};
use ec_shared::output::Output;
use ec_shared::run::{Input, Stage, Tool};
use ec_shared::{Code, Exit, Failure};

use crate::codes;
use crate::machine::Machine;
use crate::platform::Platform;
use crate::remove;
use crate::request::Request;
use crate::script::{self, ScriptFlags};
use crate::text;
use crate::verbs::{Asked, CacheFlags, Work};

/// A client for Valkey and Redis OSS caches on this machine: detected, planned, installed, proven
#[derive(Clone, Debug, Parser)]
#[command(name = "ec-cli-install", version, arg_required_else_help = true, after_help = EXAMPLES)]
pub struct Cli {
    #[command(flatten)]
    common: Common,
    #[command(subcommand)]
    verb: Verb,
}

const EXAMPLES: &str = "\
Examples:
  ec-cli-install detect                              what is there
  ec-sg find --cache orders | ec-cli-install apply   a client with TLS, unless there is one
  ec-cli-install apply --source-tarball valkey-8.1.1.tar.gz --sha256 HEX --prefix ~/.local
  ec-cli-install plan --os amazon-linux-2            the steps for another system
  ec-cli-install remove                              what apply has installed, and nothing else
  ec-cli-install script --os debian | ssh HOST sh    the same steps, run there

Exit codes: 0 ok, 1 no, 2 usage, 3 cannot run here, 4 refused, 5 temporary, 6 partial, 7 input or output";

#[derive(Clone, Debug, Subcommand)]
enum Verb {
    /// Lists the clients on this machine, best first
    Detect {
        #[command(flatten)]
        place: Place,
    },
    /// Shows the steps that install a client, and changes nothing
    Plan {
        #[command(flatten)]
        wanted: Wanted,
        /// Exits 1 if there is something to do
        #[arg(long)]
        detailed_exitcode: bool,
    },
    /// Installs a client with TLS unless there is one, and proves it
    Apply {
        #[command(flatten)]
        wanted: Wanted,
        /// Takes root behind `sudo -n` where it is needed: for the package manager, or to put a built client in place
        #[arg(long)]
        sudo: bool,
    },
    /// Proves the client's TLS with a server on loopback, and with the document's cache where it has an endpoint
    Verify {
        #[command(flatten)]
        place: Place,
        #[command(flatten)]
        cache: CacheFlags,
    },
    /// Removes what apply has installed, and nothing else
    Remove {
        #[command(flatten)]
        flags: remove::Flags,
    },
    /// Prints the plan as a script for another machine, ready for `ssh HOST sh`
    Script(ScriptFlags),
    #[command(flatten)]
    Meta(Meta),
}

/// Flags of the verbs that install.
#[derive(Clone, Debug, Args)]
struct Wanted {
    #[command(flatten)]
    request: Request,
    /// The system, where it is not this one; plan takes any: amazon-linux-2023, debian-12, rocky-9, alpine, macos,
    /// distroless …; a wrong one lists them all
    #[arg(long, value_name = "ID", value_parser = Platform::of_id)]
    os: Option<Platform>,
}

/// Flags of the verbs that look.
#[derive(Clone, Debug, Args)]
struct Place {
    /// A prefix to look in beside the usual places: DIR/bin
    #[arg(long, value_name = "DIR")]
    prefix: Option<std::path::PathBuf>,
    /// The system that this has to be
    #[arg(long, value_name = "ID", value_parser = Platform::of_id)]
    os: Option<Platform>,
}

impl From<Wanted> for Asked {
    fn from(wanted: Wanted) -> Self {
        Self { request: wanted.request, os: wanted.os, ..Self::default() }
    }
}

impl From<Place> for Asked {
    fn from(place: Place) -> Self {
        Self { request: Request { prefix: place.prefix, ..Request::default() }, os: place.os, ..Self::default() }
    }
}

impl Tool for Cli {
    const NAME: &'static str = "ec-cli-install";
    const CODES: &'static [&'static Code] = codes::TABLE;

    fn common(&self) -> &Common {
        &self.common
    }

    fn meta(&self) -> Option<&Meta> {
        if let Verb::Meta(meta) = &self.verb { Some(meta) } else { None }
    }

    fn run(self, output: &mut Output) -> Result<Exit, Failure> {
        type Step = fn(&mut Work<'_>, &Output) -> Result<(), Failure>;
        let (command, asked, step): (_, Asked, Step) = match self.verb {
            Verb::Detect { place } => ("detect", place.into(), |work, _| work.detect()),
            Verb::Plan { wanted, detailed_exitcode } => {
                ("plan", Asked { detailed_exitcode, ..wanted.into() }, |work, _| work.plan())
            }
            Verb::Apply { wanted, sudo } => {
                ("apply", Asked { sudo, ..wanted.into() }, |work, output| work.apply(output))
            }
            Verb::Remove { flags } => ("remove", flags.into(), |work, output| work.remove(output)),
            Verb::Verify { place, cache } => ("verify", cache.over(place.into()), |work, _| work.verify()),
            Verb::Script(flags) => return script::run(flags, output),
            Verb::Meta(_) => return Ok(Exit::Ok),
        };
        let mut machine = Machine::here();
        let input = Input::choose(&self.common, None, true)?;
        Stage { key: "cli", command, report: text::report }.run(input, output, |document: &mut Document, output| {
            machine.begin(self.common.timeout);
            let mut work = Work::begin(&mut machine, &asked, command, document)?;
            let result = step(&mut work, output);
            Ok(work.end(result))
        })
    }
}
