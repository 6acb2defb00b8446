#![forbid(unsafe_code)]
//! One row of `telemetry_stats`: the totals, or one UTC day of event timestamps.

use std::collections::BTreeMap;

/// `stat_type` of the one row of totals.
pub const TOTAL: &str = "total";
/// `stat_key` of the one row of totals.
pub const ALL: &str = "all";
/// `stat_type` of the rows of days.
pub const DAILY: &str = "daily";
/// `stat_key` of the day row for timestamps that no calendar day with four digits of year holds.
pub const OUT_OF_RANGE: &str = "out-of-range";

/// Milliseconds of a UTC day.
pub const DAY_MS: f64 = 86_400_000.0;

/// Number of events by agent or by mode. Ordered bytewise, which in UTF-8 is the order of code points.
pub type Breakdown = BTreeMap<String, i64>;

/// The derived columns of a row of `telemetry_stats`.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct StatsRow {
    /// [`TOTAL`] or [`DAILY`].
    pub stat_type: String,
    /// [`ALL`], a day such as `2025-06-15`, or [`OUT_OF_RANGE`].
    pub stat_key: String,
    /// Events.
    pub total_events: i64,
    /// Events of type `start`.
    pub start_events: i64,
    /// Events of type `stream`.
    pub stream_events: i64,
    /// Events of type `end`.
    pub end_events: i64,
    /// Events of type `error`.
    pub error_events: i64,
    /// Distinct sessions of these events.
    pub unique_sessions: i64,
    /// Events by agent.
    pub agent_breakdown: Breakdown,
    /// Events by mode.
    pub mode_breakdown: Breakdown,
    /// Mean of the durations of all sessions that have one, 0 without any, in ms; NULL on days.
    pub avg_session_duration: Option<f64>,
    /// Lowest event timestamp, ms.
    pub min_timestamp: Option<f64>,
    /// Highest event timestamp, ms.
    pub max_timestamp: Option<f64>,
    /// Sum of the durations, in ms; 0 on days.
    pub duration_sum: f64,
    /// Number of sessions with a duration; 0 on days.
    pub duration_count: i64,
    /// AUTOINCREMENT counter of the events; 0 on days.
    pub last_event_id: i64,
}

impl StatsRow {
    /// A row without events.
    pub fn new(stat_type: &str, stat_key: impl Into<String>) -> Self {
        Self { stat_type: stat_type.to_owned(), stat_key: stat_key.into(), ..Self::default() }
    }

    /// Counts `events` more of one type, agent and mode.
    pub fn add(&mut self, event_type: &str, agent: &str, mode: &str, events: i64) {
        self.total_events += events;
        match event_type {
            "start" => self.start_events += events,
            "stream" => self.stream_events += events,
            "end" => self.end_events += events,
            "error" => self.error_events += events,
            _ => {}
        }
        *self.agent_breakdown.entry(agent.to_owned()).or_default() += events;
        *self.mode_breakdown.entry(mode.to_owned()).or_default() += events;
    }

    /// Widens the range of timestamps to `low` and `high`.
    pub fn span(&mut self, low: f64, high: f64) {
        self.min_timestamp = Some(self.min_timestamp.map_or(low, |min| min.min(low)));
        self.max_timestamp = Some(self.max_timestamp.map_or(high, |max| max.max(high)));
    }
}

/// A breakdown as the column has it: a JSON object without blanks.
pub fn breakdown_json(breakdown: &Breakdown) -> String {
    serde_json::Value::from_iter(breakdown.iter().map(|(key, count)| (key.as_str(), *count))).to_string()
}

/// Number of the UTC day, from 1970 on, that a timestamp ≥ 0 in ms falls on. The same as the CAST in `recount`.
#[expect(clippy::cast_possible_truncation, reason = "a float beyond i64 becomes its limit, which is out of range")]
pub fn day_of(timestamp: f64) -> i64 {
    (timestamp / DAY_MS) as i64
}

/// `stat_key` of a day: `2025-06-15`, or [`OUT_OF_RANGE`] beyond the years 0 to 9999.
pub fn day_key(day: i64) -> String {
    // 9999-12-31 and 0000-01-01.
    if !(-719_528..=2_932_896).contains(&day) {
        return OUT_OF_RANGE.to_owned();
    }
    // Civil calendar from days, in eras of 400 years that begin on the first of March.
    let shifted = day + 719_468;
    let (era, day_of_era) = (shifted.div_euclid(146_097), shifted.rem_euclid(146_097));
    let year_of_era = (day_of_era - day_of_era / 1460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
    let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let month_from_march = (5 * day_of_year + 2) / 153;
    let day = day_of_year - (153 * month_from_march + 2) / 5 + 1;
    let month = if month_from_march < 10 { month_from_march + 3 } else { month_from_march - 9 };
    let year = era * 400 + year_of_era + i64::from(month <= 2);
    format!("{year:04}-{month:02}-{day:02}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn days_are_those_of_utc() {
        let key = |timestamp| day_key(day_of(timestamp));
        assert_eq!(key(0.0), "1970-01-01");
        assert_eq!(key(1_750_000_000_000.0), "2025-06-15");
        assert_eq!(key(951_782_400_000.0), "2000-02-29");
        assert_eq!(key(86_399_999.999), "1970-01-01");
        assert_eq!(key(253_402_300_799_999.0), "9999-12-31");
        assert_eq!(key(253_402_300_800_000.0), OUT_OF_RANGE);
        assert_eq!(key(f64::INFINITY), OUT_OF_RANGE);
        assert_eq!(day_key(-1), "1969-12-31");
    }

    #[test]
    fn days_agree_with_sqlite() {
        let conn = rusqlite::Connection::open_in_memory().expect("open");
        for day in (-719_528..=2_932_896).step_by(3_331).chain([2_932_896, 59, 11_016]) {
            let expected: String =
                conn.query_row("SELECT date(?1 * 86400, 'unixepoch')", [day], |row| row.get(0)).expect("date");
            assert_eq!(day_key(day), expected);
        }
    }

    #[test]
    fn breakdowns_are_ordered_by_code_point() {
        let breakdown = ["b", "\u{1F600}", "\u{FF5E}", "a", "B"].map(|key| (key.to_owned(), 1)).into();
        assert_eq!(breakdown_json(&breakdown), "{\"B\":1,\"a\":1,\"b\":1,\"\u{FF5E}\":1,\"\u{1F600}\":1}");
        assert_eq!(breakdown_json(&Breakdown::new()), "{}");
    }
}
