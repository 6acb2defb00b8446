#![forbid(unsafe_code)]
//! One row of `telemetry_stats`: the totals, or one UTC day of event timestamps.

use std::collections::BTreeMap;

use rusqlite::{Connection, OptionalExtension, Row, named_params};

use super::{Day, change::StatsChange};
use crate::error::Result;

/// `stat_type` of the one row of totals.
pub(super) const TOTAL: &str = "total";
/// `stat_key` of the one row of totals.
pub(super) const ALL: &str = "all";
/// `stat_type` of the rows of days.
pub(super) const DAILY: &str = "daily";
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

    /// The row of totals, without events.
    pub fn total() -> Self {
        Self::new(TOTAL, ALL)
    }

    /// The row of a day, without events.
    pub fn day(day: Day) -> Self {
        Self::new(DAILY, day.key())
    }

    /// Reads the row as it is stored; without events if it is not there.
    ///
    /// # Errors
    /// Those of SQLite.
    pub fn load(self, conn: &Connection) -> Result<Self> {
        let stored =
            conn.prepare_cached(LOAD)?.query_row((&self.stat_type, &self.stat_key), Self::from_row).optional()?;
        Ok(stored.unwrap_or(self))
    }

    /// Writes the row over the one with its type and key. A day without events has none.
    ///
    /// # Errors
    /// Those of SQLite.
    pub fn store(&self, conn: &Connection, now: f64) -> Result<()> {
        if self.stat_type == DAILY && self.total_events == 0 {
            conn.prepare_cached("DELETE FROM telemetry_stats WHERE stat_type = ?1 AND stat_key = ?2")?
                .execute((&self.stat_type, &self.stat_key))?;
            return Ok(());
        }
        let agents = breakdown_json(&self.agent_breakdown);
        let modes = breakdown_json(&self.mode_breakdown);
        let values = named_params! {
            ":type": self.stat_type, ":key": self.stat_key, ":total": self.total_events, ":start": self.start_events,
            ":stream": self.stream_events, ":end": self.end_events, ":error": self.error_events,
            ":unique": self.unique_sessions, ":agents": agents, ":modes": modes,
            ":average": self.avg_session_duration, ":min": self.min_timestamp, ":max": self.max_timestamp,
            ":now": now, ":sum": self.duration_sum, ":count": self.duration_count, ":last": self.last_event_id,
        };
        if conn.prepare_cached(UPDATE)?.execute(values)? == 0 {
            conn.prepare_cached(INSERT)?.execute(values)?;
        }
        Ok(())
    }

    /// Adds what a transaction has changed.
    pub(super) fn apply(&mut self, change: &StatsChange) {
        let [start, stream, end, error] = change.by_type;
        self.total_events += change.events;
        self.start_events += start;
        self.stream_events += stream;
        self.end_events += end;
        self.error_events += error;
        self.unique_sessions += change.unique_sessions;
        merge(&mut self.agent_breakdown, &change.agents);
        merge(&mut self.mode_breakdown, &change.modes);
        if change.inserted {
            self.span(change.min, change.max);
        }
    }

    /// Changes sum and number of durations, and their mean with them. Only the row of totals has them.
    pub fn add_durations(&mut self, sum: f64, count: i64) {
        self.duration_sum += sum;
        self.duration_count += count;
        if self.duration_count == 0 {
            // No rounding error outlives the last session.
            self.duration_sum = 0.0;
        }
        #[expect(clippy::cast_precision_loss, reason = "no file holds 2^53 sessions")]
        let mean = if self.duration_count == 0 { 0.0 } else { self.duration_sum / self.duration_count as f64 };
        self.avg_session_duration = Some(mean);
    }

    /// Widens the range of timestamps to `low` and `high`.
    pub fn span(&mut self, low: f64, high: f64) {
        self.min_timestamp = Some(self.min_timestamp.map_or(low, |min| min.min(low)));
        self.max_timestamp = Some(self.max_timestamp.map_or(high, |max| max.max(high)));
    }
}

const LOAD: &str = "SELECT stat_type, stat_key, total_events, start_events, stream_events, end_events, error_events, \
    unique_sessions, agent_breakdown, mode_breakdown, avg_session_duration, min_timestamp, max_timestamp, duration_sum, \
    duration_count, last_event_id FROM telemetry_stats WHERE stat_type = ?1 AND stat_key = ?2";

const UPDATE: &str = "UPDATE telemetry_stats SET total_events = :total, start_events = :start, stream_events = :stream, \
    end_events = :end, error_events = :error, unique_sessions = :unique, agent_breakdown = :agents, mode_breakdown = :modes, \
    avg_session_duration = :average, min_timestamp = :min, max_timestamp = :max, computed_at = :now, updated_at = :now, \
    duration_sum = :sum, duration_count = :count, last_event_id = :last WHERE stat_type = :type AND stat_key = :key";

const INSERT: &str = "INSERT INTO telemetry_stats (stat_type, stat_key, total_events, start_events, stream_events, \
    end_events, error_events, unique_sessions, agent_breakdown, mode_breakdown, avg_session_duration, min_timestamp, \
    max_timestamp, computed_at, updated_at, duration_sum, duration_count, last_event_id) VALUES (:type, :key, :total, :start, \
    :stream, :end, :error, :unique, :agents, :modes, :average, :min, :max, :now, :now, :sum, :count, :last)";

impl StatsRow {
    pub(super) fn from_row(row: &Row<'_>) -> rusqlite::Result<Self> {
        Ok(Self {
            stat_type: row.get(0)?,
            stat_key: row.get(1)?,
            total_events: row.get(2)?,
            start_events: row.get(3)?,
            stream_events: row.get(4)?,
            end_events: row.get(5)?,
            error_events: row.get(6)?,
            unique_sessions: row.get(7)?,
            agent_breakdown: breakdown(row.get::<_, Option<String>>(8)?),
            mode_breakdown: breakdown(row.get::<_, Option<String>>(9)?),
            avg_session_duration: row.get(10)?,
            min_timestamp: row.get(11)?,
            max_timestamp: row.get(12)?,
            duration_sum: row.get(13)?,
            duration_count: row.get(14)?,
            last_event_id: row.get(15)?,
        })
    }
}

/// A foreign program may have left anything in the column; verifyStatistics finds and mends it.
fn breakdown(text: Option<String>) -> Breakdown {
    text.and_then(|text| serde_json::from_str(&text).ok()).unwrap_or_default()
}

fn merge(counts: &mut Breakdown, deltas: &Breakdown) {
    for (key, delta) in deltas {
        let count = counts.entry(key.clone()).or_insert(0);
        *count += delta;
        if *count == 0 {
            counts.remove(key);
        }
    }
}

/// A breakdown as the column has it: a JSON object without blanks.
pub(super) fn breakdown_json(breakdown: &Breakdown) -> String {
    serde_json::Value::from_iter(breakdown.iter().map(|(key, count)| (key.as_str(), *count))).to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn breakdowns_are_ordered_by_code_point() {
        let breakdown = ["b", "\u{1F600}", "\u{FF5E}", "a", "B"].map(|key| (key.to_owned(), 1)).into();
        assert_eq!(breakdown_json(&breakdown), "{\"B\":1,\"a\":1,\"b\":1,\"\u{FF5E}\":1,\"\u{1F600}\":1}");
        assert_eq!(breakdown_json(&Breakdown::new()), "{}");
    }
}
