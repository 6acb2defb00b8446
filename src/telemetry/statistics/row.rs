#![forbid(unsafe_code)]
//! One row of `telemetry_stats`.

use std::collections::BTreeMap;

use rusqlite::{OptionalExtension, Row, named_params};

use super::change::StatsChange;
use crate::{
    error::Result,
    store::Conn,
    telemetry::kinds::EventType,
};

/// A row of `telemetry_stats`: the total, or one UTC day.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct StatsRow {
    /// Events.
    pub total_events: i64,
    /// Events by type, in the order of [`EventType::ALL`].
    pub by_type: [i64; 4],
    /// Distinct sessions of these events.
    pub unique_sessions: i64,
    /// Events by agent.
    pub agents: BTreeMap<String, i64>,
    /// Events by mode.
    pub modes: BTreeMap<String, i64>,
    /// Lowest timestamp.
    pub min_timestamp: Option<f64>,
    /// Highest timestamp.
    pub max_timestamp: Option<f64>,
    /// Sum of the sessions' durations that are not null; 0 on days.
    pub duration_sum: f64,
    /// Number of those sessions; 0 on days.
    pub duration_count: i64,
    /// The AUTOINCREMENT counter of `telemetry_events` up to which the row counts; 0 on days.
    pub last_event_id: i64,
}

/// Which row.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(super) struct StatsKey {
    pub(super) kind: &'static str,
    pub(super) key: String,
}

impl StatsKey {
    pub(super) fn total() -> Self {
        Self { kind: "total", key: "all".to_owned() }
    }

    pub(super) fn day(day: super::Day) -> Self {
        Self { kind: "daily", key: day.key() }
    }
}

const COLUMNS: &str = "total_events, start_events, stream_events, end_events, error_events, unique_sessions, \
                       agent_breakdown, mode_breakdown, min_timestamp, max_timestamp, duration_sum, duration_count, \
                       last_event_id";

impl StatsRow {
    /// Read the row, if it is there.
    pub(super) fn load(conn: &Conn, key: &StatsKey) -> Result<Option<Self>> {
        let sql = format!("SELECT {COLUMNS} FROM telemetry_stats WHERE stat_type = ?1 AND stat_key = ?2");
        Ok(conn.cached(&sql)?.query_row((key.kind, &key.key), Self::from_row).optional()?)
    }

    /// Write the row, new or not. A day without events has none.
    pub(super) fn store(&self, conn: &Conn, key: &StatsKey, now: f64) -> Result<()> {
        if key.kind == "daily" && self.total_events == 0 {
            conn.cached("DELETE FROM telemetry_stats WHERE stat_type = ?1 AND stat_key = ?2")?
                .execute((key.kind, &key.key))?;
            return Ok(());
        }
        let agents = breakdown_text(&self.agents);
        let modes = breakdown_text(&self.modes);
        let values = named_params! {
            ":kind": key.kind, ":key": key.key, ":total": self.total_events, ":start": self.by_type[0],
            ":stream": self.by_type[1], ":end": self.by_type[2], ":error": self.by_type[3],
            ":unique": self.unique_sessions, ":agents": agents, ":modes": modes, ":average": self.average(key),
            ":min": self.min_timestamp, ":max": self.max_timestamp, ":now": now, ":sum": self.duration_sum,
            ":count": self.duration_count, ":last": self.last_event_id,
        };
        let updated = conn
            .cached(
                "UPDATE telemetry_stats SET total_events = :total, start_events = :start, stream_events = :stream, \
                 end_events = :end, error_events = :error, unique_sessions = :unique, agent_breakdown = :agents, \
                 mode_breakdown = :modes, avg_session_duration = :average, min_timestamp = :min, max_timestamp = :max, \
                 computed_at = :now, updated_at = :now, duration_sum = :sum, duration_count = :count, \
                 last_event_id = :last WHERE stat_type = :kind AND stat_key = :key",
            )?
            .execute(values)?;
        if updated == 0 {
            conn.cached(
                "INSERT INTO telemetry_stats (stat_type, stat_key, total_events, start_events, stream_events, end_events, \
                 error_events, unique_sessions, agent_breakdown, mode_breakdown, avg_session_duration, min_timestamp, \
                 max_timestamp, computed_at, updated_at, duration_sum, duration_count, last_event_id) VALUES (:kind, :key, \
                 :total, :start, :stream, :end, :error, :unique, :agents, :modes, :average, :min, :max, :now, :now, :sum, \
                 :count, :last)",
            )?
            .execute(values)?;
        }
        Ok(())
    }

    pub(super) fn apply(&mut self, change: &StatsChange) {
        self.total_events += change.events;
        for (position, delta) in change.by_type.iter().enumerate() {
            self.by_type[position] += delta;
        }
        self.unique_sessions += change.unique_sessions;
        merge(&mut self.agents, &change.agents);
        merge(&mut self.modes, &change.modes);
        if change.inserted {
            self.min_timestamp = Some(self.min_timestamp.map_or(change.min, |min| min.min(change.min)));
            self.max_timestamp = Some(self.max_timestamp.map_or(change.max, |max| max.max(change.max)));
        }
    }

    /// Mean duration of sessions; days have none.
    #[allow(clippy::cast_precision_loss, reason = "a count of sessions")]
    fn average(&self, key: &StatsKey) -> Option<f64> {
        (key.kind == "total").then(|| self.average_duration())
    }

    /// Mean of the durations, 0 without any.
    #[allow(clippy::cast_precision_loss, reason = "a count of sessions")]
    pub fn average_duration(&self) -> f64 {
        if self.duration_count == 0 { 0.0 } else { self.duration_sum / self.duration_count as f64 }
    }

    fn from_row(row: &Row<'_>) -> rusqlite::Result<Self> {
        Ok(Self {
            total_events: row.get(0)?,
            by_type: [row.get(1)?, row.get(2)?, row.get(3)?, row.get(4)?],
            unique_sessions: row.get(5)?,
            agents: breakdown(row.get::<_, Option<String>>(6)?),
            modes: breakdown(row.get::<_, Option<String>>(7)?),
            min_timestamp: row.get(8)?,
            max_timestamp: row.get(9)?,
            duration_sum: row.get(10)?,
            duration_count: row.get(11)?,
            last_event_id: row.get(12)?,
        })
    }
}

/// Position of a type in [`StatsRow::by_type`].
pub(super) fn type_index(kind: EventType) -> usize {
    match kind {
        EventType::Start => 0,
        EventType::Stream => 1,
        EventType::End => 2,
        EventType::Error => 3,
    }
}

fn breakdown(text: Option<String>) -> BTreeMap<String, i64> {
    // A foreign program may have left anything here; verifyStatistics finds and mends it.
    text.and_then(|text| serde_json::from_str(&text).ok()).unwrap_or_default()
}

/// A breakdown as its JSON text; keys are sorted, because the map is.
fn breakdown_text(map: &BTreeMap<String, i64>) -> String {
    serde_json::to_string(map).unwrap_or_default()
}

fn merge(counts: &mut BTreeMap<String, i64>, deltas: &BTreeMap<String, i64>) {
    for (key, delta) in deltas {
        let count = counts.entry(key.clone()).or_insert(0);
        *count += delta;
        if *count == 0 {
            counts.remove(key);
        }
    }
}
