//! A line at the terminal while something long goes on.

use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::Duration;

use ec_shared::output::Output;
use indicatif::{HumanBytes, ProgressBar, ProgressStyle};

use crate::shell::Ran;

/// The line. It goes when this does.
#[derive(Debug)]
pub struct Progress(ProgressBar);

impl Progress {
    /// Shows `what` is going on, if a person is watching.
    pub fn start(output: &Output, what: impl Into<String>) -> Self {
        let bar = if output.shows_progress() { ProgressBar::new_spinner() } else { ProgressBar::hidden() };
        if let Ok(style) = ProgressStyle::with_template("{spinner} {msg} ({elapsed})") {
            bar.set_style(style);
        }
        bar.enable_steady_tick(Duration::from_millis(120));
        bar.set_message(what.into());
        Self(bar)
    }

    /// Shows something else.
    pub fn tell(&self, what: impl Into<String>) {
        self.0.set_message(what.into());
    }

    /// Shows how large `file` is while `work` lets it grow.
    pub fn while_growing<T>(&self, what: &str, file: &Path, work: impl FnOnce() -> T) -> T {
        if self.0.is_hidden() {
            return work();
        }
        let is_over = AtomicBool::new(false);
        thread::scope(|scope| {
            scope.spawn(|| {
                while !is_over.load(Ordering::Relaxed) {
                    if let Ok(meta) = file.metadata() {
                        self.tell(format!("{what}: {}", HumanBytes(meta.len())));
                    }
                    thread::sleep(Duration::from_millis(100));
                }
            });
            let result = work();
            is_over.store(true, Ordering::Relaxed);
            result
        })
    }

    /// Takes the line away; what the program said is shown with `-v` only.
    pub fn end(self, output: &Output, ran: &Ran) {
        self.0.finish_and_clear();
        for line in ran.text().lines() {
            output.detail(line);
        }
    }
}

impl Drop for Progress {
    fn drop(&mut self) {
        self.0.finish_and_clear();
    }
}
