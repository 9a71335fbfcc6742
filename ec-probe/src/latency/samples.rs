//! What was measured of one thing: kept in a histogram of constant size and error, and summed up.

use std::time::Duration;

use hdrhistogram::Histogram;
use serde::{Deserialize, Serialize};

use super::buckets::{Bucket, buckets};

/// Times of one kind, in microseconds, to three significant digits and at most a day. The memory does not grow with
/// their number.
#[derive(Clone, Debug)]
pub(super) struct Samples(Histogram<u64>);

impl Default for Samples {
    fn default() -> Self {
        #[expect(clippy::expect_used, reason = "three constants that the constructor takes")]
        Self(Histogram::new_with_bounds(1, 86_400_000_000, 3).expect("1 is at least 1, and 3 digits at most 5"))
    }
}

impl Samples {
    /// Adds a time, rounded; what takes no measurable time has taken a microsecond.
    pub(super) fn add(&mut self, took: Duration) {
        let micros = (took.as_nanos() + 500) / 1000;
        self.0.saturating_record(u64::try_from(micros).unwrap_or(u64::MAX).max(1));
    }

    /// How many there are.
    pub(super) fn len(&self) -> u64 {
        self.0.len()
    }

    /// What they come to; `None` where there are none.
    pub(super) fn summary(&self) -> Option<Summary> {
        let at = |quantile| self.0.value_at_quantile(quantile);
        let recorded: Vec<(u64, u64)> =
            self.0.iter_recorded().map(|value| (value.value_iterated_to(), value.count_at_value())).collect();
        (!recorded.is_empty()).then(|| Summary {
            count: self.0.len(),
            min: self.0.min(),
            p50: at(0.5),
            p90: at(0.9),
            p99: at(0.99),
            p99_9: at(0.999),
            max: self.0.max(),
            mean: (self.0.mean() * 10.0).round() / 10.0,
            buckets: buckets(&recorded),
        })
    }
}

/// What times of one kind come to, in microseconds. `p99` is the least time that 99 of 100 did not exceed; of fewer than
/// 100 it is the greatest, as `p99_9` is of fewer than 1000.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Summary {
    /// How many were measured.
    pub count: u64,
    /// The shortest.
    pub min: u64,
    /// The median.
    pub p50: u64,
    /// The 90th percentile.
    pub p90: u64,
    /// The 99th percentile.
    pub p99: u64,
    /// The 99.9th percentile.
    pub p99_9: u64,
    /// The longest.
    pub max: u64,
    /// The mean.
    pub mean: f64,
    /// How they are spread.
    pub buckets: Vec<Bucket>,
}

#[cfg(test)]
mod tests {
    use super::*;

    fn summary(micros: impl IntoIterator<Item = u64>) -> Summary {
        let mut samples = Samples::default();
        micros.into_iter().for_each(|micros| samples.add(Duration::from_micros(micros)));
        samples.summary().unwrap()
    }

    #[test]
    fn percentiles_are_values_that_so_many_did_not_exceed() {
        let Summary { count, min, p50, p90, p99, p99_9, max, mean, .. } = summary(1..=1000);
        assert_eq!((count, min, p50, p90, p99, p99_9, max), (1000, 1, 500, 900, 990, 999, 1000));
        assert!((mean - 500.5).abs() < 0.05, "{mean}");
    }

    #[test]
    fn one_outlier_moves_the_maximum_and_not_the_median() {
        let summary = summary(std::iter::repeat_n(100, 999).chain([50_000]));
        assert_eq!((summary.p50, summary.p99, summary.p99_9), (100, 100, 100));
        assert!((50_000..=50_050).contains(&summary.max), "three digits: {}", summary.max);
    }

    #[test]
    fn of_few_the_high_percentiles_are_the_greatest() {
        let summary = summary([10, 20, 30]);
        assert_eq!((summary.p50, summary.p90, summary.p99, summary.p99_9), (20, 30, 30, 30));
    }

    #[test]
    fn whatever_is_measured_the_percentiles_are_in_order() {
        for values in [vec![1], vec![7, 3_000_000], (1..5000).map(|value| value * value).collect()] {
            let told = summary(values.clone());
            let order = [told.min, told.p50, told.p90, told.p99, told.p99_9, told.max];
            assert!(order.is_sorted(), "{order:?}");
            assert_eq!(told.count, values.len() as u64);
            assert_eq!(told.buckets.iter().map(|bucket| bucket.count).sum::<u64>(), told.count);
        }
    }

    #[test]
    fn times_are_rounded_and_never_zero() {
        for (nanos, micros) in [(0, 1), (1, 1), (1_499, 1), (1_500, 2)] {
            let mut samples = Samples::default();
            samples.add(Duration::from_nanos(nanos));
            assert_eq!(samples.summary().unwrap().max, micros, "{nanos} ns");
        }
        assert_eq!(Samples::default().summary(), None);
    }
}
