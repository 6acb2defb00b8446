#![forbid(unsafe_code)]
//! Counting again what the writer keeps by increments: the counts of sessions and `telemetry_stats`.
//!
//! One grouped scan each, over covering indexes where there is one. A file with a million events takes seconds.

use std::collections::BTreeMap;

use rusqlite::{Connection, OptionalExtension, Row, params};

use crate::error::Result;

use super::stats_row::{ALL, DAILY, StatsRow, TOTAL, breakdown_json, day_key};

/// Milliseconds since 1970, in SQL.
const NOW: &str = "CAST(round(unixepoch('subsec') * 1000) AS INTEGER)";

/// What a recount finds for each session that has events. Both halves read nothing but an index.
const TRUE_SESSIONS: &str = "SELECT every.session_id, every.events, every.low, every.high, \
     every.events - coalesce(others.events, 0) AS streams, coalesce(others.errors, 0) AS errors \
     FROM (SELECT session_id, count(*) AS events, min(timestamp) AS low, max(timestamp) AS high \
           FROM telemetry_events GROUP BY session_id) AS every \
     LEFT JOIN (SELECT session_id, count(*) AS events, sum(event_type = 'error') AS errors \
                FROM telemetry_events WHERE event_type <> 'stream' GROUP BY session_id) AS others \
     USING (session_id)";

/// Rewrites the counts of all sessions that have events. With `keep_times`, `end_time`, `duration` and `updated_at`
/// stay; without, the first two are those of the events and the last is now. Returns the number of these sessions.
///
/// # Errors
/// Those of SQLite. The caller's transaction is the frame.
pub fn recount_sessions(conn: &Connection, keep_times: bool) -> Result<usize> {
    let times = format!(
        ", end_time = truth.high, duration = CASE WHEN truth.low = 0 OR truth.high = 0 THEN NULL \
         ELSE truth.high - truth.low END, updated_at = {NOW}"
    );
    let times = if keep_times { "" } else { &times };
    let changed = conn.execute(
        &format!(
            "UPDATE telemetry_sessions SET event_count = truth.events, stream_event_count = truth.streams, \
             error_count = truth.errors{times} FROM ({TRUE_SESSIONS}) AS truth \
             WHERE telemetry_sessions.id = truth.session_id"
        ),
        [],
    )?;
    Ok(changed)
}

/// The rows that `telemetry_stats` must have: the totals first, then the days in order.
///
/// # Errors
/// Those of SQLite.
pub fn true_stats(conn: &Connection) -> Result<Vec<StatsRow>> {
    let mut total = StatsRow::new(TOTAL, ALL);
    let mut days: BTreeMap<String, StatsRow> = BTreeMap::new();
    let mut groups = conn.prepare(
        "SELECT CAST(timestamp / 86400000.0 AS INTEGER) AS day, event_type, agent_type, mode, count(*), \
         min(timestamp), max(timestamp) FROM telemetry_events GROUP BY 1, 2, 3, 4",
    )?;
    let mut rows = groups.query([])?;
    while let Some(row) = rows.next()? {
        let day = day_key(row.get(0)?);
        let day = days.entry(day.clone()).or_insert_with(|| StatsRow::new(DAILY, day));
        add_group(day, row)?;
        add_group(&mut total, row)?;
    }
    count_sessions(conn, &mut total, &mut days)?;
    read_durations(conn, &mut total)?;
    Ok(std::iter::once(total).chain(days.into_values()).collect())
}

fn add_group(stats: &mut StatsRow, row: &Row<'_>) -> rusqlite::Result<()> {
    let text = |position| row.get_ref(position).map(|value| value.as_str().unwrap_or_default().to_owned());
    stats.add(&text(1)?, &text(2)?, &text(3)?, row.get(4)?);
    stats.span(row.get(5)?, row.get(6)?);
    Ok(())
}

fn count_sessions(conn: &Connection, total: &mut StatsRow, days: &mut BTreeMap<String, StatsRow>) -> Result<()> {
    total.unique_sessions =
        conn.query_row("SELECT count(DISTINCT session_id) FROM telemetry_events", [], |row| row.get(0))?;
    let mut pairs = conn.prepare(
        "SELECT day, count(*) FROM (SELECT DISTINCT session_id, min(CAST(timestamp / 86400000.0 AS INTEGER), 2932897) AS \
         day FROM telemetry_events) GROUP BY day",
    )?;
    let mut rows = pairs.query([])?;
    while let Some(row) = rows.next()? {
        if let Some(day) = days.get_mut(&day_key(row.get(0)?)) {
            day.unique_sessions += row.get::<_, i64>(1)?;
        }
    }
    Ok(())
}

fn read_durations(conn: &Connection, total: &mut StatsRow) -> Result<()> {
    let durations = "SELECT count(duration), coalesce(sum(duration), 0.0) FROM telemetry_sessions";
    (total.duration_count, total.duration_sum) = conn.query_row(durations, [], |row| Ok((row.get(0)?, row.get(1)?)))?;
    #[expect(clippy::cast_precision_loss, reason = "no file holds 2^53 sessions")]
    let mean = if total.duration_count == 0 { 0.0 } else { total.duration_sum / total.duration_count as f64 };
    total.avg_session_duration = Some(mean);
    let counter = "SELECT seq FROM sqlite_sequence WHERE name = 'telemetry_events'";
    total.last_event_id = conn.query_row(counter, [], |row| row.get(0)).optional()?.unwrap_or(0);
    Ok(())
}

/// Rewrites `telemetry_stats`. Rows keep their ids; days without events lose theirs.
///
/// # Errors
/// Those of SQLite. The caller's transaction is the frame.
pub fn rebuild_stats(conn: &Connection) -> Result<()> {
    let rows = true_stats(conn)?;
    let days: Vec<_> = rows.iter().filter(|row| row.stat_type == DAILY).map(|row| row.stat_key.as_str()).collect();
    conn.execute(
        "DELETE FROM telemetry_stats WHERE stat_type = 'total' AND stat_key <> 'all' \
         OR stat_type = 'daily' AND stat_key NOT IN (SELECT value FROM json_each(?1))",
        [serde_json::Value::from(days).to_string()],
    )?;
    rows.iter().try_for_each(|row| write(conn, row))
}

/// Writes one row over the one with its type and key.
fn write(conn: &Connection, row: &StatsRow) -> Result<()> {
    let mut upsert = conn.prepare_cached(&format!(
        "INSERT INTO telemetry_stats (stat_type, stat_key, total_events, start_events, stream_events, end_events, \
         error_events, unique_sessions, agent_breakdown, mode_breakdown, avg_session_duration, min_timestamp, \
         max_timestamp, duration_sum, duration_count, last_event_id, computed_at, updated_at) \
         VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14, ?15, ?16, {NOW}, {NOW}) \
         ON CONFLICT (stat_type, stat_key) DO UPDATE SET total_events = excluded.total_events, \
         start_events = excluded.start_events, stream_events = excluded.stream_events, \
         end_events = excluded.end_events, error_events = excluded.error_events, \
         unique_sessions = excluded.unique_sessions, agent_breakdown = excluded.agent_breakdown, \
         mode_breakdown = excluded.mode_breakdown, avg_session_duration = excluded.avg_session_duration, \
         min_timestamp = excluded.min_timestamp, max_timestamp = excluded.max_timestamp, \
         duration_sum = excluded.duration_sum, duration_count = excluded.duration_count, \
         last_event_id = excluded.last_event_id, computed_at = excluded.computed_at, updated_at = excluded.updated_at"
    ))?;
    upsert.execute(params![
        row.stat_type,
        row.stat_key,
        row.total_events,
        row.start_events,
        row.stream_events,
        row.end_events,
        row.error_events,
        row.unique_sessions,
        breakdown_json(&row.agent_breakdown),
        breakdown_json(&row.mode_breakdown),
        row.avg_session_duration,
        row.min_timestamp,
        row.max_timestamp,
        row.duration_sum,
        row.duration_count,
        row.last_event_id,
    ])?;
    Ok(())
}
