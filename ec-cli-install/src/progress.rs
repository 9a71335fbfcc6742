//! A line at the terminal while something long goes on.

use std::time::Duration;

use ec_shared::output::Output;
use indicatif::ProgressBar;

use crate::shell::Ran;

/// The line. It goes when this does.
#[derive(Debug)]
pub struct Progress(ProgressBar);

impl Progress {
    /// Shows `what` is going on, if a person is watching.
    pub fn start(output: &Output, what: impl Into<String>) -> Self {
        let bar = if output.shows_progress() { ProgressBar::new_spinner() } else { ProgressBar::hidden() };
        bar.enable_steady_tick(Duration::from_millis(120));
        bar.set_message(what.into());
        Self(bar)
    }

    /// Shows something else.
    pub fn tell(&self, what: impl Into<String>) {
        self.0.set_message(what.into());
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
