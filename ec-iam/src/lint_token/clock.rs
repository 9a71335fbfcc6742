//! Times as tokens write them, and spans as people say them.

use std::time::{Duration, SystemTime};

use jiff::civil::DateTime;
use jiff::tz::TimeZone;

/// Reads `20240101T000000Z`.
pub(super) fn read(text: &str) -> Option<SystemTime> {
    let (date, time) = text.strip_suffix('Z')?.split_once('T')?;
    let is_number = |text: &str, digits| text.len() == digits && text.bytes().all(|byte| byte.is_ascii_digit());
    if !is_number(date, 8) || !is_number(time, 6) {
        return None;
    }
    let pair = |text: &str, at: usize| text.get(at..at + 2)?.parse::<i8>().ok();
    let (year, month, day) = (date[..4].parse().ok()?, pair(date, 4)?, pair(date, 6)?);
    let plain = DateTime::new(year, month, day, pair(time, 0)?, pair(time, 2)?, pair(time, 4)?, 0).ok()?;
    let seconds = plain.to_zoned(TimeZone::UTC).ok()?.timestamp().as_second();
    SystemTime::UNIX_EPOCH.checked_add(Duration::from_secs(u64::try_from(seconds).ok()?))
}

/// `45 s`, `12 min`, `3 h`, `40 d`: whole units, rounded down.
pub(super) fn span(span: Duration) -> String {
    match span.as_secs() {
        seconds @ 0..=119 => format!("{seconds} s"),
        seconds @ 120..=7199 => format!("{} min", seconds / 60),
        seconds @ 7200..=172_799 => format!("{} h", seconds / 3600),
        seconds => format!("{} d", seconds / 86_400),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_of_tokens_are_read_and_nothing_else() {
        let new_year = SystemTime::UNIX_EPOCH + Duration::from_secs(1_704_067_200);
        assert_eq!(read("20240101T000000Z"), Some(new_year));
        for wrong in [
            "",
            "20240101",
            "20240101T000000",
            "2024-01-01T00:00:00Z",
            "20241301T000000Z",
            "19690101T000000Z",
            "2024010１T00000Z",
        ] {
            assert_eq!(read(wrong), None, "{wrong}");
        }
    }

    #[test]
    fn spans_are_in_the_unit_that_people_would_use() {
        for (seconds, expected) in [(0, "0 s"), (119, "119 s"), (120, "2 min"), (7200, "2 h"), (172_800, "2 d")] {
            assert_eq!(span(Duration::from_secs(seconds)), expected);
        }
    }
}
