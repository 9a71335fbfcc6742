//! `ec-probe merge`: the results of many machines, shards and runs as one stream. Documents about one connection stand
//! together, in the order in which they were first seen; where machines differ, both results stay.
//!
//! The files are read twice: first for who is in them, then for what is written. So memory holds where each document stands
//! and not the document, some hundred bytes each; what cannot be read twice, a pipe, is kept whole.

mod index;
mod source;
mod verdict;

use std::path::PathBuf;

use clap::Args;
use ec_shared::output::{Format, Output, Written};
use ec_shared::report::Report;
use ec_shared::{Exit, Failure, codes};

use index::Index;
use source::Source;
use verdict::{Connection, Summary};

/// What `--help` shows below the flags.
pub const HELP: &str = "\
Examples:
  ec-probe merge app-1.ndjson app-2.ndjson > all.ndjson
  aws s3 cp s3://bucket/results/ . --recursive && ec-probe merge *.ndjson -o text

The same result twice is written once. Where machines differ about a connection, each result is written.
The exit code is that of all documents together: 0 all answer, 1 some do not, 6 some could not be probed.";

/// So many bytes make a write worth its while.
const ENOUGH: usize = 64 << 10;

/// The flags of `merge`.
#[derive(Debug, Args)]
#[command(next_help_heading = "Merge options")]
pub struct Merge {
    /// The results, one document a line; without a file, stdin
    #[arg(value_name = "FILE")]
    files: Vec<PathBuf>,
}

impl Merge {
    /// Merges.
    ///
    /// # Errors
    /// `EC9021` if a file cannot be read, `EC9003` if there is no document in any, `EC9022` if stdout cannot be written.
    pub fn run(self, output: &mut Output) -> Result<Exit, Failure> {
        let mut index = Index::default();
        let mut exit: Option<Exit> = None;
        let mut add = |more: Exit| exit = Some(exit.map_or(more, |before| before.and(more)));
        for source in Source::open(&self.files)? {
            for failure in index.take(source)? {
                // A run that was killed has written half a line; what it lost, it has not told.
                if failure.code() == &codes::TRUNCATED {
                    output.warn(&format!("{failure}; the half counts for nothing"));
                } else {
                    output.complain(&failure);
                    add(failure.exit());
                }
            }
        }
        let mut summary = Summary::default();
        for group in index.groups() {
            let mut connection = Connection::default();
            for entry in group {
                let line = index.read(entry)?;
                if let Some(document) = &line.document {
                    add(connection.take(document));
                }
                if output.format() == Format::Json {
                    output.answer(&line.bytes);
                }
            }
            summary.count(&connection);
            if output.format() == Format::Text {
                output.answer(connection.report().as_bytes());
            }
            if output.pending() > ENOUGH && output.flush()? == Written::ReaderGone {
                break;
            }
        }
        tell(&summary, output);
        exit.ok_or_else(|| {
            Failure::new(&codes::NO_INPUT, "there is no document to merge")
                .hint("merge reads what ec-probe has written, one document a line")
        })
    }
}

fn tell(summary: &Summary, output: &mut Output) {
    if output.format() == Format::Text {
        let mut report = Report::default();
        let (mark, text) = summary.verdict();
        report.verdict(mark, text);
        output.answer(report.render().as_bytes());
    } else {
        output.note(&summary.verdict().1);
    }
}
