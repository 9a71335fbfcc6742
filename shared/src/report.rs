//! The report that a person at a terminal sees: a title, a checklist, a verdict, the fix.
//!
//! Marks always come with words, so that nothing depends on colour.

use std::fmt::Write;

use anstyle::{AnsiColor, Style};

use crate::document::{Change, ChangeState, Section, Severity, Status};

/// How many characters a cell may have and still set the width of its column.
const WIDEST: usize = 76;

/// The mark in front of a row.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mark {
    /// As it should be.
    Yes,
    /// Wrong.
    No,
    /// Works, with a remark.
    Warning,
    /// Not determined.
    Unknown,
    /// Not asked, or for information.
    Info,
    /// Something is, or will be, added.
    Add,
    /// Something is, or will be, taken away.
    Remove,
}

impl Mark {
    fn sign(self) -> (char, Style) {
        let color = |color: AnsiColor| Style::new().fg_color(Some(color.into()));
        match self {
            Self::Yes => ('✓', color(AnsiColor::Green)),
            Self::No => ('✗', color(AnsiColor::Red)),
            Self::Warning => ('!', color(AnsiColor::Yellow)),
            Self::Unknown => ('?', color(AnsiColor::Yellow)),
            Self::Info => ('·', Style::new().dimmed()),
            Self::Add => ('+', color(AnsiColor::Green)),
            Self::Remove => ('-', color(AnsiColor::Red)),
        }
    }
}

/// A report under construction.
#[derive(Debug, Default)]
pub struct Report {
    title: String,
    rows: Vec<(Mark, Vec<String>)>,
    verdict: Option<(Mark, String)>,
    fixes: Vec<String>,
}

impl Report {
    /// Sets the first line.
    pub fn title(&mut self, title: impl Into<String>) {
        self.title = title.into();
    }

    /// Adds a row; equal columns of all rows are aligned.
    pub fn row<S: Into<String>>(&mut self, mark: Mark, columns: impl IntoIterator<Item = S>) {
        self.rows.push((mark, columns.into_iter().map(Into::into).collect()));
    }

    /// Sets the verdict, the line that stands below the rows.
    pub fn verdict(&mut self, mark: Mark, text: impl Into<String>) {
        self.verdict = Some((mark, text.into()));
    }

    /// Adds a line that says what to run or to do.
    pub fn fix(&mut self, fix: impl Into<String>) {
        let fix = fix.into();
        if !self.fixes.contains(&fix) {
            self.fixes.push(fix);
        }
    }

    /// Adds what every section has: its findings, its changes, its verdict and its fixes. A tool that showed a finding
    /// in a row of its own says so with `shown`, by code.
    pub fn section(&mut self, section: &Section, shown: &[&str]) {
        for finding in section.findings.iter().filter(|finding| !shown.contains(&finding.code.as_str())) {
            let mark = match finding.severity {
                Severity::Error => Mark::No,
                Severity::Warning => Mark::Warning,
                Severity::Info => Mark::Info,
            };
            self.row(mark, [finding.summary.clone(), finding.code.clone()]);
        }
        for change in &section.changes {
            self.change(change);
        }
        let mark = match section.status {
            Status::Ok | Status::Changed | Status::Unchanged => Mark::Yes,
            Status::No | Status::Error => Mark::No,
            Status::Unknown => Mark::Unknown,
            Status::Planned | Status::Skipped => Mark::Info,
        };
        if self.verdict.is_none() {
            self.verdict(mark, section.summary());
        }
        for fix in section.findings.iter().filter_map(|finding| finding.fix.as_ref()) {
            self.fix(fix);
        }
        if let Some(hint) = section.error.as_ref().and_then(|error| error["hint"].as_str()) {
            self.fix(hint);
        }
    }

    fn change(&mut self, change: &Change) {
        let mark = match (change.state, change.action.as_str()) {
            (ChangeState::Failed, _) => Mark::No,
            (ChangeState::Unknown, _) => Mark::Unknown,
            (ChangeState::Unchanged, _) => Mark::Info,
            (_, "delete" | "detach" | "remove") => Mark::Remove,
            _ => Mark::Add,
        };
        let state = match change.state {
            ChangeState::Planned => "planned",
            ChangeState::Done => "done",
            ChangeState::Unchanged => "as wanted already",
            ChangeState::Failed => "failed",
            ChangeState::Unknown => "not known whether done",
        };
        let what = format!("{} {}", change.action, change.resource);
        let state = match &change.by {
            Some(by) => format!("for {by}"),
            None => format!("{state} {}", change.id.as_deref().unwrap_or_default()).trim_end().to_owned(),
        };
        self.row(mark, [what, state]);
    }

    /// The report as text with ANSI styles.
    pub fn render(&self) -> String {
        let bold = Style::new().bold();
        let mut text = String::new();
        if !self.title.is_empty() {
            let _ = writeln!(text, "{bold}{}{bold:#}", self.title);
        }
        let widths = self.widths();
        for (mark, columns) in &self.rows {
            let (sign, style) = mark.sign();
            let _ = write!(text, "  {style}{sign}{style:#}");
            for (index, column) in columns.iter().enumerate() {
                let last = index + 1 == columns.len();
                let pad = if last { 0 } else { widths[index].saturating_sub(column.chars().count()) + 2 };
                let _ = write!(text, " {column}{}", " ".repeat(pad.saturating_sub(1)));
            }
            text.push('\n');
        }
        if let Some((mark, verdict)) = &self.verdict {
            let (_, style) = mark.sign();
            let _ = writeln!(text, "{style}{verdict}{style:#}");
        }
        for fix in &self.fixes {
            let _ = writeln!(text, "fix: {fix}");
        }
        text
    }

    /// The width of each column: its widest cell, but for a cell that ends its row, and for one so wide that its row
    /// would no longer fit a terminal, which nothing has to line up with.
    fn widths(&self) -> Vec<usize> {
        let mut widths = Vec::new();
        for (_, columns) in &self.rows {
            for (index, column) in columns.iter().enumerate().take(columns.len().saturating_sub(1)) {
                if widths.len() <= index {
                    widths.resize(index + 1, 0);
                }
                let width = column.chars().count();
                widths[index] = widths[index].max(if width > WIDEST { 0 } else { width });
            }
        }
        widths
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn columns_line_up_and_the_verdict_stands_below() {
        let mut report = Report::default();
        report.title("orders");
        report.row(Mark::Yes, ["dns", "1.2 ms", "3 addresses"]);
        report.row(Mark::No, ["command", "0.4 ms", "no"]);
        report.verdict(Mark::No, "no: refused");
        report.fix("do this");
        report.fix("do this");
        let plain = anstream::adapter::strip_str(&report.render()).to_string();
        assert_eq!(
            plain,
            "orders\n  ✓ dns      1.2 ms  3 addresses\n  ✗ command  0.4 ms  no\nno: refused\nfix: do this\n"
        );
    }
}
