//! The smallest tool that writes: it ticks changes off, and writes down which it has done. It shows what a tool owes to
//! `ec_shared::run`, and `tests/stage.rs` does to it what a shell may do to a tool.

use std::process::ExitCode;
use std::thread;
use std::time::Duration;

use clap::Parser;
use ec_shared::document::{Change, ChangeState, Status};
use ec_shared::flags::{Common, Meta};
use ec_shared::output::Output;
use ec_shared::run::{self, Input, Stage, Tool};
use ec_shared::{Code, Document, Exit, Failure, Interrupt, Section, codes};

/// Ticks changes off
#[derive(Debug, Parser)]
#[command(name = "scribe")]
struct Scribe {
    /// Changes of each document
    #[arg(long, default_value_t = 1)]
    changes: u32,
    /// Work on each document once for each of these
    #[arg(long = "for")]
    recipients: Vec<String>,
    /// A change that takes until a signal comes
    #[arg(long)]
    slow: Option<u32>,
    /// A change that never ends
    #[arg(long)]
    endless: Option<u32>,
    /// Ends at once on a signal, as verbs do that only read
    #[arg(long)]
    deaf: bool,
    #[command(flatten)]
    common: Common,
}

impl Tool for Scribe {
    const NAME: &'static str = "scribe";
    const CODES: &'static [&'static Code] = &[];

    fn common(&self) -> &Common {
        &self.common
    }

    fn meta(&self) -> Option<&Meta> {
        None
    }

    fn run(self, output: &mut Output) -> Result<Exit, Failure> {
        let interrupt = if self.deaf { Interrupt::default() } else { Interrupt::listen()? };
        let input = Input::choose(&self.common, None, false)?;
        let stage = Stage { key: "sg", command: "apply", report: |_, section, report| report.section(section, &[]) };
        stage.run_each(input, output, |document| self.spread(document), |_, output| Ok(self.work(&interrupt, output)))
    }
}

impl Scribe {
    fn spread(&self, document: &Document) -> Result<Vec<Document>, Failure> {
        if self.recipients.iter().any(String::is_empty) {
            return Err(Failure::new(&codes::FLAGS, "cannot work for nobody"));
        }
        let addressed = |recipient: &String| {
            let mut document = document.clone();
            document.set("id", recipient);
            document
        };
        Ok(self.recipients.iter().map(addressed).collect())
    }

    fn work(&self, interrupt: &Interrupt, output: &Output) -> Section {
        let mut section = Section::new("apply", Status::Changed);
        let name = |number| format!("change {number}");
        section
            .changes
            .extend((1..=self.changes).map(|number| Change::new("create", name(number), ChangeState::Planned)));
        for (number, change) in (1..).zip(&mut section.changes) {
            // Before each change, and never within one: what is begun is finished.
            if let Err(failure) = interrupt.check() {
                section.status = Status::Error;
                section.blame(&failure);
                break;
            }
            output.detail(&format!("begins {}", change.resource));
            while self.endless == Some(number) || self.slow == Some(number) && !interrupt.is_raised() {
                thread::sleep(Duration::from_millis(1));
            }
            change.state = ChangeState::Done;
        }
        section
    }
}

fn main() -> ExitCode {
    run::main::<Scribe>()
}
