//! The command line, and what a run does for each document.

use std::hash::{BuildHasher, RandomState};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use clap::{Parser, Subcommand};
use ec_shared::document::{Document, Section, Status};
use ec_shared::flags::{AwsFlags, Common, Meta};
use ec_shared::interrupt::Interrupt;
use ec_shared::output::Output;
use ec_shared::ran_on::RanOn;
use ec_shared::run::{Input, Stage, Tool};
use ec_shared::{Code, Exit, Failure, aws};
use jiff::Timestamp;
use rustls::pki_types::ServerName;
use tokio::runtime::Runtime;
use tokio::time::Instant;

use crate::climb::Probe;
use crate::flags::Flags;
use crate::fleet::{Fleet, Prober};
use crate::latency::{self, Amount, Exposition, Measured};
use crate::login::{self, Identities};
use crate::merge::{self, Merge};
use crate::plan::{Plan, Target, Wishes};
use crate::reach::Reach;
use crate::trust::Trust;
use crate::watch::{self, Events, Orders, Rhythm, Teller, Watched};
use crate::way::{Relay, Way};
use crate::{codes, self_test, text};

/// The bound of the work on one document, unless `--timeout` says otherwise.
const PATIENCE: Duration = Duration::from_secs(10);

/// DNS, TCP, TLS, AUTH, PING: proof that a cache answers, or the one thing that is wrong
#[derive(Debug, Parser)]
#[command(
    name = "ec-probe",
    version,
    args_conflicts_with_subcommands = true,
    after_help = "\
Examples:
  ec-sg find --cache orders | ec-probe --user app --auth iam
  ec-probe --endpoint localhost:6379 --cafile ca.pem --user app --password-file /dev/fd/3 3< secret
  ec-probe --endpoint orders-x1.serverless.use1.cache.amazonaws.com:6379 --connect-to 127.0.0.1:6379
  ec-sg find --cache orders | ec-probe --proxy-command 'ssh -W %h:%p bastion'

Exit codes: 0 the cache answers, 1 it does not, 2 usage, 3 configuration, 6 partial, 7 input or output;\n\
with --stage-exitcode instead of 1: 11 dns, 12 tcp, 13 tls, 14 auth, 15 command."
)]
pub struct Cli {
    #[command(flatten)]
    flags: Flags,
    #[command(flatten)]
    fleet: Fleet,
    #[command(flatten)]
    common: Common,
    #[command(flatten)]
    aws: AwsFlags,
    #[command(subcommand)]
    verb: Option<Verb>,
}

#[derive(Debug, Subcommand)]
enum Verb {
    #[command(flatten)]
    Meta(Meta),
    /// Measures how long connecting, the TLS handshake and a command take, in microseconds
    #[command(after_help = latency::HELP)]
    Latency {
        #[command(flatten)]
        flags: Box<Flags>,
        #[command(flatten)]
        amount: Amount,
        /// Writes what was measured to this file, too, as OpenMetrics text; whole, and when the run ends
        #[arg(long, value_name = "FILE", help_heading = "Latency options")]
        openmetrics: Option<PathBuf>,
    },
    /// Asks at every tick, and tells outages and failovers; or waits until the cache answers
    #[command(after_help = watch::HELP)]
    Watch {
        #[command(flatten)]
        flags: Box<Flags>,
        #[command(flatten)]
        rhythm: Rhythm,
        /// Appends each change to this file as it happens, as JSON, one a line
        #[arg(long, value_name = "FILE", help_heading = "Watch options")]
        events: Option<PathBuf>,
    },
    /// Climbs the ladder to servers in its own process: shows, without a network, that the tool works here
    SelfTest,
    /// Joins the results of many machines and shards: one stream, documents about one connection together
    #[command(after_help = merge::HELP)]
    Merge(Merge),
}

/// What is done with a document.
enum Work {
    Probe(Fleet),
    Latency(Amount, Option<PathBuf>),
    Watch(Rhythm, Option<PathBuf>),
}

impl Tool for Cli {
    const NAME: &'static str = "ec-probe";
    const CODES: &'static [&'static Code] = codes::TABLE;

    fn common(&self) -> &Common {
        &self.common
    }

    fn meta(&self) -> Option<&Meta> {
        match &self.verb {
            Some(Verb::Meta(meta)) => Some(meta),
            _ => None,
        }
    }

    fn run(self, output: &mut Output) -> Result<Exit, Failure> {
        let (flags, work) = match self.verb {
            Some(Verb::Latency { flags, amount, openmetrics }) => (*flags, Work::Latency(amount, openmetrics)),
            Some(Verb::Watch { flags, rhythm, events }) => (*flags, Work::Watch(rhythm, events)),
            Some(Verb::SelfTest) => return self_test::run(&self.common, output),
            Some(Verb::Merge(merge)) => return merge.run(output),
            _ => (self.flags, Work::Probe(self.fleet)),
        };
        let named = flags.endpoint.as_ref().map(|endpoint| {
            let mut document = Document::empty();
            document.set("id", &endpoint.to_string());
            document
        });
        let input = Input::choose(&self.common, named, false)?;
        let run = Run {
            wishes: flags.wishes(self.aws.region.as_deref())?,
            trust: Arc::new(Trust::new(flags.cafile.as_deref())?),
            aws: self.aws,
            identities: Identities::default(),
            timeout: self.common.timeout.unwrap_or(PATIENCE),
            machine: RanOn::here(),
            names_stage: flags.stage_exitcode,
        };
        match work {
            Work::Probe(fleet) => run.each_probe(fleet, input, output),
            Work::Latency(amount, openmetrics) => on_one_loop(&run.wishes.way, |runtime| {
                run.each_latency(runtime, input, output, amount, openmetrics.as_deref())
            }),
            Work::Watch(rhythm, events) => {
                let patience = self.common.timeout.unwrap_or(watch::PATIENCE);
                on_one_loop(&run.wishes.way, |runtime| {
                    run.each_watch(runtime, input, output, (rhythm, patience), events.as_deref())
                })
            }
        }
    }
}

/// Works on one document after the other.
fn on_one_loop(way: &Way, work: impl FnOnce(&Runtime) -> Result<Exit, Failure>) -> Result<Exit, Failure> {
    let runtime = aws::runtime()?;
    let exit = work(&runtime);
    runtime.block_on(way.settle());
    // A resolver that hangs past the deadline sits on a thread that cannot be called back; nobody waits for it.
    runtime.shutdown_background();
    exit
}

/// What stays the same from document to document.
struct Run {
    wishes: Wishes,
    trust: Arc<Trust>,
    aws: AwsFlags,
    identities: Identities,
    timeout: Duration,
    machine: RanOn,
    names_stage: bool,
}

/// Probes documents side by side.
struct Probes {
    run: Run,
    voice: Output,
}

impl Prober for Probes {
    async fn probe(&self, document: &Document) -> Result<Section, Failure> {
        self.run.probe(document, &self.voice).await
    }

    async fn settle(&self) {
        self.run.wishes.way.settle().await;
    }
}

impl Run {
    fn each_probe(self, fleet: Fleet, input: Input, output: &mut Output) -> Result<Exit, Failure> {
        let stage = Stage { key: "probe", command: "probe", report: text::report };
        let interrupt = self.interrupt()?;
        let probes = Probes { run: self, voice: output.voice() };
        // Every process has other keys for its hash tables.
        let chance = RandomState::new().hash_one(0);
        fleet.run(stage, input, output, probes, chance, &interrupt)
    }

    /// A signal ends this tool as it ends any other, unless it has started commands, which must not outlive it, or has a
    /// fleet in work.
    fn interrupt(&self) -> Result<Interrupt, Failure> {
        match self.wishes.way.relay() {
            Some(Relay::Command(_)) => Interrupt::listen(),
            _ => Ok(Interrupt::default()),
        }
    }

    async fn probe(&self, document: &Document, output: &Output) -> Result<Section, Failure> {
        let probe = Probe { patient: true, ..self.prepared(document, output).await? };
        let learned = probe.run().await;
        let exit = learned.exit().filter(|_| self.names_stage);
        Ok(Section { exit, ..learned.section("probe", &self.machine) })
    }

    fn each_latency(
        &self,
        runtime: &Runtime,
        input: Input,
        output: &mut Output,
        amount: Amount,
        openmetrics: Option<&Path>,
    ) -> Result<Exit, Failure> {
        let interrupt = Interrupt::listen()?;
        let mut exposition = Exposition::default();
        let stage = Stage { key: "probe", command: "latency", report: latency::text::report };
        let exit = stage.run(input, output, |document, output| {
            let section = runtime.block_on(self.latency(document, output, amount, &interrupt))?;
            if openmetrics.is_some() {
                exposition.take(&document.id(), &section);
            }
            Ok(section)
        });
        // However the run has ended, what was measured is told.
        let written = openmetrics.map_or(Ok(()), |path| exposition.write(path));
        exit.and_then(|exit| written.map(|()| exit))
    }

    /// A signal ends the measuring; what was measured until then is told.
    async fn latency(
        &self,
        document: &Document,
        output: &Output,
        amount: Amount,
        interrupt: &Interrupt,
    ) -> Result<Section, Failure> {
        let probe = self.prepared(document, output).await?;
        let mut measured = Measured::default();
        let cut = tokio::select! {
            biased;
            () = latency::measure(&probe, amount, self.timeout, &mut measured) => false,
            () = interrupt.raised() => true,
        };
        let exit = measured.reach.as_ref().and_then(Reach::exit).filter(|_| self.names_stage);
        let mut section = Section { exit, ..measured.section(&self.machine, cut) };
        if let Err(failure) = interrupt.check()
            && cut
        {
            section.status = Status::Error;
            section.blame(&failure.hint("what was measured until then stands in the document"));
        }
        Ok(section)
    }

    fn each_watch(
        &self,
        runtime: &Runtime,
        input: Input,
        output: &mut Output,
        how: (Rhythm, Duration),
        events: Option<&Path>,
    ) -> Result<Exit, Failure> {
        let interrupt = Interrupt::listen()?;
        let mut events = Events::open(events)?;
        let stage = Stage { key: "probe", command: "watch", report: watch::text::report };
        stage.run(input, output, |document, output| {
            runtime.block_on(self.watch(document, output, how, &mut events, &interrupt))
        })
    }

    /// The time or a signal ends the watch; what was seen until then is told.
    async fn watch(
        &self,
        document: &Document,
        output: &Output,
        (rhythm, patience): (Rhythm, Duration),
        events: &mut Events,
        interrupt: &Interrupt,
    ) -> Result<Section, Failure> {
        let probe = self.prepared(document, output).await?;
        let endpoint = probe.plan.targets[0].endpoint.to_string();
        let teller = Teller { id: document.id(), endpoint, events, output };
        let orders = Orders { rhythm, patience, aws: &self.aws };
        let mut watched = Watched::new(Timestamp::now());
        let ended = tokio::select! {
            biased;
            () = interrupt.raised() => interrupt
                .check()
                .map_err(|failure| failure.hint("what was seen until then stands in the document")),
            ended = watch::watch(probe, orders, teller, &mut watched) => ended,
            () = rhythm.time_is_up() => Ok(()),
        };
        let mut section = watched.section(rhythm, &self.machine, self.names_stage);
        if let Err(failure) = ended {
            section.status = Status::Error;
            section.blame(&failure);
        }
        Ok(section)
    }

    /// What is to be done for a document, and all that is needed to do it.
    async fn prepared(&self, document: &Document, output: &Output) -> Result<Probe, Failure> {
        let plan = Plan::new(document, &self.wishes)?;
        let server_names = plan.targets.iter().map(|target| server_name(&plan, target)).collect::<Result<_, _>>()?;
        for target in &plan.targets {
            let tls = if plan.tls { "TLS" } else { "plain text" };
            let through = plan.way.through().map_or(String::new(), |through| format!(" through {through}"));
            output.detail(&format!("{}: {tls}{through}", target.endpoint));
        }
        if plan.tls {
            Trust::read_ahead(&self.trust);
        }
        let credentials = login::credentials(&plan.login, &self.aws, self.timeout, &self.identities).await?;
        Ok(Probe {
            plan,
            server_names,
            credentials,
            trust: Arc::clone(&self.trust),
            machine: self.machine.clone(),
            now: Timestamp::now(),
            deadline: Instant::now() + self.timeout,
            patient: false,
        })
    }
}

fn server_name(plan: &Plan, target: &Target) -> Result<ServerName<'static>, Failure> {
    let name = plan.server_name(target);
    ServerName::try_from(name.clone()).map_err(|error| {
        Failure::new(&codes::BAD_ENDPOINT, format!("cannot verify the name `{}`", name.escape_default())).because(error)
    })
}
