//! What was measured as OpenMetrics text, for the collectors of monitoring systems.
//! <https://prometheus.io/docs/specs/om/open_metrics_spec/>

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::path::{Path, PathBuf};
use std::{fs, io};

use ec_shared::document::{Section, Status};
use ec_shared::{Failure, codes};
use serde_json::Value;

use super::{Latency, Summary};
use crate::ladder::Stage;

/// The measurements of a run, to be exposed together: the format wants all samples of one metric in one place.
#[derive(Debug, Default)]
pub struct Exposition {
    /// By the document's id and its endpoint, which no two samples of a metric may share; the last one is told.
    caches: BTreeMap<(String, String), Exposed>,
}

/// One cache.
#[derive(Debug)]
struct Exposed {
    /// `None` where it is not known.
    up: Option<bool>,
    latency: Option<Latency>,
}

impl Exposition {
    /// Takes what the section of a document tells. Of an endpoint that was not asked there is nothing to tell.
    pub fn take(&mut self, id: &str, section: &Section) {
        let Some(endpoint) = section.facts.get("endpoint").and_then(Value::as_str) else { return };
        let up = match section.status {
            Status::Ok => Some(true),
            Status::No => Some(false),
            _ => None,
        };
        let latency = section.facts.get("latency").and_then(|latency| serde_json::from_value(latency.clone()).ok());
        self.caches.insert((id.to_owned(), endpoint.to_owned()), Exposed { up, latency });
    }

    /// The text.
    pub fn text(&self) -> String {
        let mut text = "\
# TYPE ec_probe_up gauge
# HELP ec_probe_up Whether the cache answers.
"
        .to_owned();
        for (names, Exposed { up, .. }) in &self.caches {
            if let Some(up) = up {
                let _ = writeln!(text, "ec_probe_up{{{}}} {}", labels(names), u8::from(*up));
            }
        }
        text.push_str(
            "\
# TYPE ec_probe_latency_seconds summary
# UNIT ec_probe_latency_seconds seconds
# HELP ec_probe_latency_seconds The time to connect (tcp), to shake hands (tls), and to get a command answered.
",
        );
        for (names, Exposed { latency, .. }) in &self.caches {
            let Some(latency) = latency else { continue };
            let stages = [
                (Stage::Tcp.word(), &latency.connect_us),
                (Stage::Tls.word(), &latency.handshake_us),
                (latency.command.as_str(), &latency.command_us),
            ];
            for (stage, summary) in stages {
                if let Some(summary) = summary {
                    add(&mut text, &format!("{},stage=\"{stage}\"", labels(names)), summary);
                }
            }
        }
        text.push_str("# EOF\n");
        text
    }

    /// Writes the text to a file; whoever reads the file finds the old text or the new one, and never a half. What is no
    /// file, such as a descriptor of the shell, takes it as it comes.
    ///
    /// # Errors
    /// `EC9022` if it cannot be written.
    pub fn write(&self, path: &Path) -> Result<(), Failure> {
        write_whole(path, self.text().as_bytes()).map_err(|error| {
            Failure::new(&codes::WRITE, format!("cannot write {}", path.display())).because(error).hint(
                "give --openmetrics a file in a folder that can be written to; the document was written all the same",
            )
        })
    }
}

fn write_whole(path: &Path, bytes: &[u8]) -> io::Result<()> {
    if fs::metadata(path).is_ok_and(|meta| !meta.is_file()) {
        return fs::write(path, bytes);
    }
    // Beside it, because only within a file system a file takes another's place; and not with an ending that a
    // collector looks for.
    let mut beside = path.as_os_str().to_owned();
    beside.push(format!(".{}.tmp", std::process::id()));
    let beside = PathBuf::from(beside);
    let written = fs::write(&beside, bytes).and_then(|()| fs::rename(&beside, path));
    if written.is_err() {
        // There is nothing of use in it, if it is there at all.
        let _ = fs::remove_file(&beside);
    }
    written
}

fn labels((id, endpoint): &(String, String)) -> String {
    format!("id=\"{}\",endpoint=\"{}\"", escaped(id), escaped(endpoint))
}

fn escaped(value: &str) -> String {
    value.replace('\\', "\\\\").replace('"', "\\\"").replace('\n', "\\n")
}

fn add(text: &mut String, labels: &str, summary: &Summary) {
    const NAME: &str = "ec_probe_latency_seconds";
    let Summary { count, min, p50, p90, p99, p99_9, max, mean, .. } = *summary;
    for (quantile, micros) in [("0", min), ("0.5", p50), ("0.9", p90), ("0.99", p99), ("0.999", p99_9), ("1", max)] {
        let _ = writeln!(text, "{NAME}{{{labels},quantile=\"{quantile}\"}} {}", seconds(f64_of(micros)));
    }
    let _ = writeln!(text, "{NAME}_sum{{{labels}}} {}", seconds(mean * f64_of(count)));
    let _ = writeln!(text, "{NAME}_count{{{labels}}} {count}");
}

/// Seconds, to the microsecond.
fn seconds(micros: f64) -> f64 {
    micros.round() / 1e6
}

#[expect(clippy::cast_precision_loss, reason = "counts and microseconds of a day are far below 2^52")]
fn f64_of(number: u64) -> f64 {
    number as f64
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::super::{Amount, samples::Samples};
    use super::*;

    fn section(status: Status, endpoint: &str, times: &[u64]) -> Section {
        let mut samples = Samples::default();
        for &micros in times {
            samples.add(Duration::from_micros(micros));
        }
        let latency = Latency {
            address: "10.0.0.1:6379".into(),
            command: "ping".into(),
            wanted: Amount { connections: 1, commands: 2, rate: None },
            connect_us: None,
            handshake_us: None,
            command_us: samples.summary(),
        };
        Section::new("latency", status).fact("endpoint", endpoint).fact("latency", latency)
    }

    #[test]
    fn a_cache_is_a_summary_in_seconds_and_whether_it_is_up() {
        let mut exposition = Exposition::default();
        exposition.take("orders", &section(Status::Ok, "orders.example:6379", &[80, 1520]));
        assert_eq!(
            exposition.text(),
            "\
# TYPE ec_probe_up gauge
# HELP ec_probe_up Whether the cache answers.
ec_probe_up{id=\"orders\",endpoint=\"orders.example:6379\"} 1
# TYPE ec_probe_latency_seconds summary
# UNIT ec_probe_latency_seconds seconds
# HELP ec_probe_latency_seconds The time to connect (tcp), to shake hands (tls), and to get a command answered.
ec_probe_latency_seconds{id=\"orders\",endpoint=\"orders.example:6379\",stage=\"ping\",quantile=\"0\"} 0.00008
ec_probe_latency_seconds{id=\"orders\",endpoint=\"orders.example:6379\",stage=\"ping\",quantile=\"0.5\"} 0.00008
ec_probe_latency_seconds{id=\"orders\",endpoint=\"orders.example:6379\",stage=\"ping\",quantile=\"0.9\"} 0.00152
ec_probe_latency_seconds{id=\"orders\",endpoint=\"orders.example:6379\",stage=\"ping\",quantile=\"0.99\"} 0.00152
ec_probe_latency_seconds{id=\"orders\",endpoint=\"orders.example:6379\",stage=\"ping\",quantile=\"0.999\"} 0.00152
ec_probe_latency_seconds{id=\"orders\",endpoint=\"orders.example:6379\",stage=\"ping\",quantile=\"1\"} 0.00152
ec_probe_latency_seconds_sum{id=\"orders\",endpoint=\"orders.example:6379\",stage=\"ping\"} 0.0016
ec_probe_latency_seconds_count{id=\"orders\",endpoint=\"orders.example:6379\",stage=\"ping\"} 2
# EOF
"
        );
    }

    #[test]
    fn what_is_not_known_is_not_told() {
        for (status, told) in [(Status::Ok, Some("1")), (Status::No, Some("0")), (Status::Unknown, None)] {
            let mut exposition = Exposition::default();
            exposition.take("orders", &section(status, "orders.example:6379", &[]));
            let text = exposition.text();
            let samples: Vec<&str> = text.lines().filter(|line| !line.starts_with('#')).collect();
            assert_eq!(samples.iter().map(|line| line.rsplit(' ').next().unwrap()).next(), told, "{status:?}");
        }
        let mut exposition = Exposition::default();
        exposition.take("orders", &Section::new("latency", Status::Error));
        assert_eq!(exposition.text(), Exposition::default().text());
    }

    #[test]
    fn no_two_samples_have_the_same_labels() {
        let mut exposition = Exposition::default();
        exposition.take("orders", &section(Status::No, "orders.example:6379", &[]));
        exposition.take("orders", &section(Status::Ok, "orders.example:6379", &[]));
        exposition.take("orders", &section(Status::Ok, "orders.example:6380", &[]));
        let text = exposition.text();
        assert_eq!(text.lines().filter(|line| line.ends_with("} 1")).count(), 2);
        assert_eq!(text.lines().filter(|line| line.ends_with("} 0")).count(), 0);
    }

    #[test]
    fn labels_hold_whatever_a_document_calls_itself() {
        assert_eq!(escaped("a \"b\" \\ c\nd"), r#"a \"b\" \\ c\nd"#);
    }
}
