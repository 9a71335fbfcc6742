//! Thousands of documents in one run: side by side, a share of them, what an earlier run has not done, and not after too
//! many have failed.

mod crew;
mod descriptors;
mod earlier;
mod shard;
mod tolerance;

use std::num::NonZeroUsize;
use std::path::PathBuf;
use std::thread;
use std::time::{Duration, Instant};

use clap::Args;
use ec_shared::document::Document;
use ec_shared::flags::duration;
use ec_shared::interrupt::Interrupt;
use ec_shared::output::Output;
use ec_shared::run::{Abreast, Input, Stage};
use ec_shared::{Exit, Failure, Section, aws, codes};

use crew::Crew;
use earlier::Earlier;
use shard::Shard;
use tolerance::{Tally, Tolerance};

/// The flags about many documents.
#[derive(Debug, Args)]
#[command(next_help_heading = "Fleet options")]
pub struct Fleet {
    /// The most documents that are probed at a time [default: 1024, or what the limit of open files allows]
    #[arg(long, value_name = "N")]
    jobs: Option<NonZeroUsize>,
    /// Documents leave as their probes end, and not in the order of the input
    #[arg(long)]
    unordered: bool,
    /// Waits a random time of at most this before the first question, so that many machines do not ask one cache at once
    #[arg(long, value_name = "TIME", value_parser = duration)]
    jitter: Option<Duration>,
    /// Takes only this part of the documents, such as 1/4: by their ids, the same on every machine
    #[arg(long, value_name = "I/N")]
    shard: Option<Shard>,
    /// An earlier output: documents that were ok there leave with that result, and are not probed again
    #[arg(long, value_name = "FILE")]
    resume: Option<PathBuf>,
    /// Begins no more probes once more documents have failed than this: 5, or 10%
    #[arg(long, value_name = "N|P%")]
    max_errors: Option<Tolerance>,
}

/// The probe of one document.
pub trait Prober: Send + Sync + 'static {
    /// Probes.
    fn probe(&self, document: &Document) -> impl Future<Output = Result<Section, Failure>> + Send;

    /// Waits until all has ended that probes have started and left behind.
    fn settle(&self) -> impl Future<Output = ()> + Send;
}

/// What is done with each document.
#[derive(Debug)]
pub(crate) struct Orders<P> {
    prober: P,
    earlier: Option<Earlier>,
    tally: Tally,
}

impl Fleet {
    /// Takes all documents through the prober. `chance` is any number; how long `--jitter` waits hangs on it. `interrupt`
    /// cuts off the probe of what the flags name; a fleet always listens.
    ///
    /// # Errors
    /// What ends the run; see [`Stage::run_abreast`].
    pub fn run(
        self,
        stage: Stage,
        input: Input,
        output: &mut Output,
        prober: impl Prober,
        chance: u64,
        interrupt: &Interrupt,
    ) -> Result<Exit, Failure> {
        let earlier = self.resume.as_deref().map(|path| Earlier::read(path, output)).transpose()?;
        let orders = Orders { prober, earlier, tally: Tally::new(self.max_errors) };
        let pause = self.jitter.map(|most| share(most, chance));
        let runtime = aws::runtime()?;
        if let Input::Some(_) = input {
            // What the flags name is no fleet, and needs no crew.
            wait(pause, output, interrupt);
            let exit = stage.run(input, output, |document, _| runtime.block_on(uncut(&orders, document, interrupt)));
            runtime.block_on(orders.prober.settle());
            // A resolver that hangs past the deadline sits on a thread that cannot be called back; nobody waits for it.
            runtime.shutdown_background();
            return exit;
        }
        let interrupt = Interrupt::listen()?;
        let jobs = descriptors::jobs(self.jobs, output);
        wait(pause, output, &interrupt);
        let mut crew = Crew::new(orders, interrupt);
        let admits = move |id: &[u8]| self.shard.is_none_or(|shard| shard.has(id));
        let how = Abreast { jobs, keeps_order: !self.unordered, admits };
        let exit = stage.run_abreast(input, output, how, |job| crew.give(job));
        crew.end(&runtime);
        let given_up = crew.orders().tally.given_up();
        if given_up > 0 {
            output.warn(&format!("too many documents have failed (--max-errors), and {given_up} were not probed"));
        }
        exit
    }
}

/// Carries out what is to be done for one document, unless a signal comes.
async fn uncut(orders: &Orders<impl Prober>, document: &Document, interrupt: &Interrupt) -> Result<Section, Failure> {
    tokio::select! {
        biased;
        worked = orders.carry_out(document) => worked,
        () = interrupt.raised() => Err(cut_off(interrupt)),
    }
}

/// Why a probe was cut off.
fn cut_off(interrupt: &Interrupt) -> Failure {
    let why = interrupt.check().err().unwrap_or_else(|| Failure::new(&codes::INTERRUPTED, "the run has ended"));
    why.hint("nothing was found out; run the same command again, with --resume and this output to leave out what is ok")
}

impl<P: Prober> Orders<P> {
    /// What is said of a document: what an earlier run said, if that was ok; that too many have failed; or what the probe
    /// finds.
    async fn carry_out(&self, document: &Document) -> Result<Section, Failure> {
        if let Some(section) = self.earlier.as_ref().and_then(|earlier| earlier.section(document)) {
            return Ok(section);
        }
        if let Err(failure) = self.tally.check() {
            return Ok(Section::unknown("probe", &failure));
        }
        let worked = self.prober.probe(document).await;
        self.tally.note(&worked);
        worked
    }
}

/// The part of `most` that `chance` makes of it, as a share of all numbers.
fn share(most: Duration, chance: u64) -> Duration {
    let nanos = (most.as_nanos() * u128::from(chance)) >> 64;
    Duration::from_nanos(u64::try_from(nanos).unwrap_or(u64::MAX))
}

/// Waits, unless a signal comes.
fn wait(time: Option<Duration>, output: &Output, interrupt: &Interrupt) {
    const LOOK: Duration = Duration::from_millis(50);
    let Some(time) = time else { return };
    output.detail(&format!("waits {:.1} s before the first question", time.as_secs_f64()));
    let begun = Instant::now();
    while !interrupt.is_raised() {
        match time.checked_sub(begun.elapsed()) {
            Some(rest) if !rest.is_zero() => thread::sleep(rest.min(LOOK)),
            _ => return,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn jitter_is_spread_over_the_whole_time_and_never_longer() {
        let most = Duration::from_secs(30);
        assert_eq!(share(most, 0), Duration::ZERO);
        assert_eq!(share(most, u64::MAX / 2 + 1), Duration::from_secs(15));
        assert!(share(most, u64::MAX) < most);
    }
}
