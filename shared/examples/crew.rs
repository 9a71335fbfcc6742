//! The smallest tool that works on documents side by side. The documents say when the work on them ends, so that
//! `tests/stage/abreast.rs` can have it end in any order.

use std::collections::BTreeSet;
use std::process::ExitCode;
use std::sync::{Arc, Condvar, Mutex, PoisonError};
use std::thread;
use std::time::Duration;

use clap::Parser;
use ec_shared::document::Status;
use ec_shared::flags::{Common, Meta};
use ec_shared::output::Output;
use ec_shared::run::{self, Abreast, Input, Job, Stage, Tool};
use ec_shared::{Code, Exit, Failure, Interrupt, Section, codes};

/// Works on documents side by side
#[derive(Debug, Parser)]
#[command(name = "crew")]
struct Crew {
    /// Documents in work at a time
    #[arg(long, default_value_t = 8)]
    jobs: usize,
    /// Documents leave as they end
    #[arg(long)]
    unordered: bool,
    /// Only documents whose id begins so
    #[arg(long, default_value = "")]
    only: String,
    #[command(flatten)]
    common: Common,
}

impl Tool for Crew {
    const NAME: &'static str = "crew";
    const CODES: &'static [&'static Code] = &[];

    fn common(&self) -> &Common {
        &self.common
    }

    fn meta(&self) -> Option<&Meta> {
        None
    }

    fn run(self, output: &mut Output) -> Result<Exit, Failure> {
        let interrupt = Interrupt::listen()?;
        let input = Input::choose(&self.common, None, false)?;
        let stage = Stage { key: "cli", command: "work", report: |_, section, report| report.section(section, &[]) };
        let how = Abreast {
            jobs: self.jobs,
            keeps_order: !self.unordered,
            admits: move |id: &[u8]| id.starts_with(self.only.as_bytes()),
        };
        let (ended, voice) = (Ended::default(), output.voice());
        stage.run_abreast(input, output, how, |job| {
            let (ended, interrupt, voice) = (ended.clone(), interrupt.clone(), voice.voice());
            thread::spawn(move || work(job, &ended, &interrupt, &voice));
        })
    }
}

/// The ids of the documents whose work has ended.
#[derive(Clone, Default)]
struct Ended(Arc<(Mutex<BTreeSet<String>>, Condvar)>);

impl Ended {
    fn note(&self, id: String) {
        self.0.0.lock().unwrap_or_else(PoisonError::into_inner).insert(id);
        self.0.1.notify_all();
    }

    fn wait_for(&self, id: &str) {
        let ended = self.0.0.lock().unwrap_or_else(PoisonError::into_inner);
        drop(self.0.1.wait_while(ended, |ended| !ended.contains(id)));
    }
}

/// `after`: the work ends after that of another document. `ends`: `badly`, `in panic`, or at a
/// signal, `by signal` well and `interrupted` not.
fn work(job: Job, ended: &Ended, interrupt: &Interrupt, voice: &Output) {
    let document = job.document();
    let text = |key| document.read::<String>(key).ok().flatten();
    let (id, ends) = (document.id(), text("ends").unwrap_or_default());
    voice.detail(&format!("begins {id}"));
    if let Some(other) = text("after") {
        ended.wait_for(&other);
    }
    while matches!(ends.as_str(), "by signal" | "interrupted") && !interrupt.is_raised() {
        thread::sleep(Duration::from_millis(1));
    }
    // What a panic does to the run is to be seen.
    assert_ne!(ends, "in panic", "as asked for");
    job.end(match ends.as_str() {
        "interrupted" => interrupt.check().map(|()| Section::new("work", Status::Ok)),
        "badly" => Err(Failure::new(&codes::FIELD, "cannot work")),
        _ => Ok(Section::new("work", Status::Ok)),
    });
    ended.note(id);
}

fn main() -> ExitCode {
    run::main::<Crew>()
}
