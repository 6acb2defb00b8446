#![forbid(unsafe_code)]
//! UTC days of event timestamps.

use crate::clock::DAY;

/// First millisecond of the year 10000, which has no four-digit date.
const YEAR_10000: f64 = 253_402_300_800_000.0;
/// Its day.
pub(super) const YEAR_10000_DAY: i64 = 2_932_897;

/// A UTC day, counted from 1970-01-01; everything beyond the year 9999 is one "day".
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Day(i64);

impl Day {
    /// All of the time behind the year 9999.
    pub const OUT_OF_RANGE: Self = Self(i64::MAX);

    /// The day with this number, as SQL has it: `CAST(timestamp / 86400000.0 AS INTEGER)`.
    pub fn numbered(number: i64) -> Self {
        if number >= YEAR_10000_DAY { Self::OUT_OF_RANGE } else { Self(number) }
    }

    /// The day of a timestamp in ms ≥ 0.
    pub fn of(timestamp: f64) -> Self {
        if timestamp >= YEAR_10000 {
            return Self::OUT_OF_RANGE;
        }
        #[allow(clippy::cast_possible_truncation, reason = "below YEAR_10000 / DAY")]
        Self((timestamp / DAY).floor() as i64)
    }

    /// First millisecond of the day, and of what follows it.
    #[allow(clippy::cast_precision_loss, reason = "day numbers are small")]
    pub fn bounds(self) -> (f64, f64) {
        if self == Self::OUT_OF_RANGE {
            return (YEAR_10000, f64::INFINITY);
        }
        (self.0 as f64 * DAY, (self.0 + 1) as f64 * DAY)
    }

    /// `2025-06-15`, or `out-of-range`.
    pub fn key(self) -> String {
        if self == Self::OUT_OF_RANGE {
            return "out-of-range".to_owned();
        }
        // Days to a civil date by eras of 400 years, counted from March: http://howardhinnant.github.io/date_algorithms.html
        let shifted = self.0 + 719_468;
        let era = shifted.div_euclid(146_097);
        let day_of_era = shifted.rem_euclid(146_097);
        let year_of_era = (day_of_era - day_of_era / 1_460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
        let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
        let month_from_march = (5 * day_of_year + 2) / 153;
        let day = day_of_year - (153 * month_from_march + 2) / 5 + 1;
        let month = if month_from_march < 10 { month_from_march + 3 } else { month_from_march - 9 };
        let year = year_of_era + era * 400 + i64::from(month <= 2);
        format!("{year:04}-{month:02}-{day:02}")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn days_have_their_calendar_names() {
        for (timestamp, key) in [
            (0.0, "1970-01-01"),
            (86_399_999.999_9, "1970-01-01"),
            (951_782_400_000.0, "2000-02-29"),
            (1_750_000_000_000.0, "2025-06-15"),
            (4_107_542_399_999.0, "2100-02-28"),
            (4_107_542_400_000.0, "2100-03-01"),
            (YEAR_10000 - 1.0, "9999-12-31"),
            (YEAR_10000, "out-of-range"),
            (f64::MAX, "out-of-range"),
        ] {
            assert_eq!(Day::of(timestamp).key(), key);
        }
    }

    #[test]
    fn days_agree_with_sqlite() {
        let conn = rusqlite::Connection::open_in_memory().expect("open");
        for day in (0..YEAR_10000_DAY).step_by(3_331).chain([YEAR_10000_DAY - 1, 59, 11_016]) {
            let expected: String =
                conn.query_row("SELECT date(?1 * 86400, 'unixepoch')", [day], |row| row.get(0)).expect("date");
            assert_eq!(Day::numbered(day).key(), expected);
        }
        assert_eq!(Day::numbered(YEAR_10000_DAY), Day::of(YEAR_10000));
    }

    #[test]
    fn a_timestamp_lies_within_the_bounds_of_its_day() {
        for timestamp in [0.0, 0.5, 86_400_000.0, 1_750_000_000_000.25, YEAR_10000, 1e300] {
            let (from, to) = Day::of(timestamp).bounds();
            assert!(from <= timestamp && timestamp < to);
        }
    }
}
