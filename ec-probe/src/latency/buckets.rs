//! Divides what was measured into buckets that widen with the values, as the eye wants them.

use serde::{Deserialize, Serialize};

/// As many buckets as fit a terminal beside what else is to be told.
const MOST: usize = 20;

/// Where buckets of one decade begin, in hundredths: preferred numbers (ISO 3), the finest series first. The last one has
/// so few that [`MOST`] of them hold whatever can be measured.
const SERIES: [&[u64]; 4] =
    [&[100, 125, 160, 200, 250, 315, 400, 500, 630, 800], &[100, 160, 250, 400, 630], &[100, 200, 500], &[100]];

/// The values of `from` and more, and less than `to`, in microseconds.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Bucket {
    /// The least that is in.
    pub from: u64,
    /// The least that is not in any more.
    pub to: u64,
    /// How many are in.
    pub count: u64,
}

/// Buckets from the one of the least value to the one of the greatest, without a gap, in the finest series of which there
/// are not too many. `recorded`: every value that occurs, in ascending order, and how often it does.
pub(super) fn buckets(recorded: &[(u64, u64)]) -> Vec<Bucket> {
    let (Some(&(least, _)), Some(&(greatest, _))) = (recorded.first(), recorded.last()) else { return Vec::new() };
    let of_series = SERIES.map(|series| between(series, least, greatest));
    let mut buckets = of_series.into_iter().find(|buckets| buckets.len() <= MOST).unwrap_or_default();
    let mut values = recorded.iter().peekable();
    for bucket in &mut buckets {
        while let Some((_, count)) = values.next_if(|(value, _)| *value < bucket.to) {
            bucket.count += count;
        }
    }
    buckets
}

/// The empty buckets of a series that hold all from `least` to `greatest`.
fn between(series: &[u64], least: u64, greatest: u64) -> Vec<Bucket> {
    let mut bounds: Vec<u64> = (0..18)
        .map(|decade| 10_u64.pow(decade))
        .flat_map(|decade| series.iter().map(move |start| decade.saturating_mul(*start) / 100))
        .collect();
    // Below 10, several of them are the same whole number.
    bounds.dedup();
    let pairs = bounds.windows(2).map(|pair| Bucket { from: pair[0], to: pair[1], count: 0 });
    pairs.filter(|bucket| bucket.to > least && bucket.from <= greatest).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn divided(recorded: &[(u64, u64)]) -> Vec<(u64, u64, u64)> {
        buckets(recorded).iter().map(|bucket| (bucket.from, bucket.to, bucket.count)).collect()
    }

    #[test]
    fn buckets_reach_from_the_least_to_the_greatest_without_a_gap() {
        assert_eq!(
            divided(&[(130, 2), (159, 1), (160, 4), (260, 1)]),
            [(125, 160, 3), (160, 200, 4), (200, 250, 0), (250, 315, 1)]
        );
        assert_eq!(divided(&[(1, 1), (7, 2)]), [(1, 2, 1), (2, 3, 0), (3, 4, 0), (4, 5, 0), (5, 6, 0), (6, 8, 2)]);
    }

    #[test]
    fn one_value_is_one_bucket_and_none_is_none() {
        assert_eq!(divided(&[(100, 9)]), [(100, 125, 9)]);
        assert_eq!(divided(&[]), []);
    }

    #[test]
    fn a_wide_range_gets_wider_buckets_and_loses_nothing() {
        for (greatest, expected) in [(900, 10), (90_000, 15), (9_000_000, 15), (86_400_000_000, 9)] {
            let divided = buckets(&[(100, 1), (greatest, 2)]);
            assert_eq!(divided.len(), expected, "up to {greatest}");
            assert_eq!(divided.iter().map(|bucket| bucket.count).sum::<u64>(), 3);
            assert!(divided[0].from <= 100 && divided[expected - 1].to > greatest);
            assert!(divided.windows(2).all(|pair| pair[0].to == pair[1].from));
        }
    }
}
