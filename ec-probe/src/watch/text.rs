//! The report about a watch: the outages, and the verdict.

use ec_shared::document::{Document, Section, Status};
use ec_shared::ran_on::RanOn;
use ec_shared::report::{Mark, Report};
use serde_json::Value;

use super::{Outage, Watch};
use crate::reach::Reach;
use crate::text;

/// How many outages are shown; the document has more.
const SHOWN: usize = 20;

/// Fills the report about a document whose cache was watched.
pub fn report(document: &Document, section: &Section, report: &mut Report) {
    let facts = Value::Object(section.facts.clone());
    let Ok(watch) = serde_json::from_value::<Watch>(facts["watch"].clone()) else {
        return text::report(document, section, report);
    };
    if let Ok(reach) = serde_json::from_value::<Reach>(facts.clone()) {
        report.title(text::title(document, &reach));
    }
    for outage in watch.outages.iter().take(SHOWN) {
        report.row(Mark::No, row(outage));
    }
    let more = watch.outages_not_listed + watch.outages.len().saturating_sub(SHOWN) as u64;
    if more > 0 {
        report.row(Mark::Info, [format!("and {more} more")]);
    }
    let ran_on = serde_json::from_value::<RanOn>(facts["ran_on"].clone()).unwrap_or_default();
    let ticks = format!("{} of {} ticks failed (on {ran_on})", watch.failures, watch.ticks);
    match section.status {
        Status::Ok => report.verdict(Mark::Yes, format!("ok: {ticks}")),
        Status::No => {
            let why = section.findings.first().map_or("", |finding| &finding.summary);
            report.verdict(Mark::No, format!("no: {why}; {ticks}"));
        }
        _ => {}
    }
    let mut told: Vec<&str> = section.findings.first().map(|finding| finding.code.as_str()).into_iter().collect();
    told.extend(watch.outages.iter().take(SHOWN).filter_map(|outage| outage.cause.code.as_deref()));
    report.section(section, &told);
}

fn row(outage: &Outage) -> Vec<String> {
    let Outage { from, until, gap_ms, cause, address_before, address_after } = outage;
    let end = if until.is_some() { "" } else { ", not over" };
    let mut row =
        vec![from.clone(), format!("{gap_ms:.0} ms{end}"), cause.stage.word().to_owned(), cause.cause.clone()];
    if let (Some(before), Some(after)) = (address_before, address_after)
        && before != after
    {
        row.push(format!("{before} → {after}"));
    }
    row.extend(cause.code.clone());
    row
}
