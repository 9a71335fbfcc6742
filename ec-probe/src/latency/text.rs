//! The report about what was measured: a table, the commands as bars, the verdict.

use ec_shared::document::{Document, Section, Severity, Status};
use ec_shared::ran_on::RanOn;
use ec_shared::report::{Mark, Report};
use serde_json::Value;

use super::{Bucket, Latency, Summary};
use crate::ladder::Outcome;
use crate::reach::Reach;
use crate::text;

/// How many cells the longest bar has.
const WIDEST: u64 = 40;

/// Fills the report about a document whose cache was measured.
pub fn report(document: &Document, section: &Section, report: &mut Report) {
    let facts = Value::Object(section.facts.clone());
    let reach = serde_json::from_value::<Reach>(facts.clone());
    let latency = serde_json::from_value::<Latency>(facts["latency"].clone());
    let (Ok(reach), Ok(latency)) = (reach, latency) else {
        // The ladder has ended it.
        return text::report(document, section, report);
    };
    let title = text::title(document, &reach);
    report.title(reach.server.as_ref().map_or(title.clone(), |server| format!("{title}  {server}")));
    table(report, &latency);
    if let Some(summary) = &latency.command_us {
        report.row(Mark::Info, [format!("{:>15}  {:>8}", "µs", latency.command)]);
        for bar in bars(&summary.buckets) {
            report.row(Mark::Info, [bar]);
        }
    }
    let mut shown = Vec::new();
    if let Some(step) = reach.stages.last().filter(|step| step.status == Outcome::No) {
        text::row(report, step, section);
        shown.extend(step.code.as_deref());
    }
    for finding in section.findings.iter().filter(|finding| !shown.contains(&finding.code.as_str())) {
        let mark = if finding.severity == Severity::Info { Mark::Info } else { Mark::Warning };
        report.row(mark, [format!("{} ({})", finding.summary, finding.code)]);
    }
    shown.extend(section.findings.iter().map(|finding| finding.code.as_str()));
    if let (Status::Ok, Some(summary)) = (section.status, &latency.command_us) {
        let ran_on = serde_json::from_value::<RanOn>(facts["ran_on"].clone()).unwrap_or_default();
        let Summary { p50, p99, .. } = summary;
        let verdict = format!("ok: half of the answers within {p50} µs, 99 % within {p99} µs (on {ran_on})");
        report.verdict(Mark::Yes, verdict);
    }
    report.section(section, &shown);
}

fn table(report: &mut Report, latency: &Latency) {
    let line = |name: &str, cells: [String; 8]| {
        cells.into_iter().fold(format!("{name:<9}"), |line, cell| format!("{line} {cell:>7}"))
    };
    let head = ["count", "min", "p50", "p90", "p99", "p99.9", "max", "mean"];
    report.row(Mark::Info, [line("µs", head.map(str::to_owned))]);
    let rows = [
        ("connect", &latency.connect_us),
        ("handshake", &latency.handshake_us),
        (latency.command.as_str(), &latency.command_us),
    ];
    for (name, summary) in rows {
        if let Some(Summary { count, min, p50, p90, p99, p99_9, max, mean, .. }) = summary {
            let cells = [count, min, p50, p90, p99, p99_9, max].map(u64::to_string);
            let [count, min, p50, p90, p99, p99_9, max] = cells;
            report.row(Mark::Yes, [line(name, [count, min, p50, p90, p99, p99_9, max, format!("{mean:.0}")])]);
        }
    }
}

/// One line for each bucket: from where to where, how many, and a bar.
fn bars(buckets: &[Bucket]) -> Vec<String> {
    let most = buckets.iter().map(|bucket| bucket.count).max().unwrap_or_default();
    let line = |Bucket { from, to, count }: &Bucket| {
        let range = format!("{from} – {to}");
        format!("{range:>15}  {count:>8}  {}", bar(*count, most)).trim_end().to_owned()
    };
    buckets.iter().map(line).collect()
}

/// A bar as long as `count` of `most`, to an eighth of a cell. What is not nothing is seen.
fn bar(count: u64, most: u64) -> String {
    const PARTS: [&str; 8] = ["", "▏", "▎", "▍", "▌", "▋", "▊", "▉"];
    let eighths = (count * WIDEST * 8).checked_div(most).unwrap_or_default().max(u64::from(count > 0));
    let (whole, part) =
        (usize::try_from(eighths / 8).unwrap_or_default(), usize::try_from(eighths % 8).unwrap_or_default());
    format!("{}{}", "█".repeat(whole), PARTS[part])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_longest_bar_has_forty_cells_and_the_shortest_is_seen() {
        for (count, most, expected) in [
            (1000, 1000, "█".repeat(40)),
            (500, 1000, "█".repeat(20)),
            (1, 1_000_000, "▏".to_owned()),
            (0, 1000, String::new()),
            (0, 0, String::new()),
            (13, 320, "█▋".to_owned()),
        ] {
            assert_eq!(bar(count, most), expected, "{count} of {most}");
        }
    }

    #[test]
    fn bars_line_up_and_fit_a_terminal() {
        let of = |from, to, count| Bucket { from, to, count };
        let lines = bars(&[of(63, 80, 2), of(80, 100, 0), of(100_000, 125_000, 10_000_000)]);
        assert_eq!(lines[0], "        63 – 80         2  ▏");
        assert_eq!(lines[1], "       80 – 100         0");
        assert!(lines[2].starts_with("100000 – 125000  10000000  ███"));
        // Four cells stand in front of each row.
        assert!(lines.iter().all(|line| line.chars().count() + 4 <= 80));
    }
}
