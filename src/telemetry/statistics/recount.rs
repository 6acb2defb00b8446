#![forbid(unsafe_code)]
//! Counting again what the writer keeps by increments: the counts of sessions and `telemetry_stats`.
//!
//! One grouped scan each, over covering indexes where there is one. A file with a million events takes seconds.

use std::collections::BTreeMap;

use rusqlite::{Connection, OptionalExtension, Row};

use crate::{clock::now, error::Result};

use super::{Day, StatsRow, row::DAILY};

/// Milliseconds since 1970, in SQL.
const NOW: &str = "CAST(round(unixepoch('subsec') * 1000) AS INTEGER)";

/// What a recount finds for each session that has events. Both halves read nothing but an index.
pub(super) const TRUE_SESSIONS: &str = "SELECT every.session_id, every.events, every.low, every.high, \
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
    let mut total = StatsRow::total();
    let mut days: BTreeMap<Day, StatsRow> = BTreeMap::new();
    let mut groups = conn.prepare(
        "SELECT CAST(timestamp / 86400000.0 AS INTEGER) AS day, event_type, agent_type, mode, count(*), \
         min(timestamp), max(timestamp) FROM telemetry_events GROUP BY 1, 2, 3, 4",
    )?;
    let mut rows = groups.query([])?;
    while let Some(row) = rows.next()? {
        let day = Day::numbered(row.get(0)?);
        let day = days.entry(day).or_insert_with(|| StatsRow::day(day));
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

fn count_sessions(conn: &Connection, total: &mut StatsRow, days: &mut BTreeMap<Day, StatsRow>) -> Result<()> {
    total.unique_sessions =
        conn.query_row("SELECT count(DISTINCT session_id) FROM telemetry_events", [], |row| row.get(0))?;
    let mut pairs = conn.prepare(
        "SELECT day, count(*) FROM (SELECT DISTINCT session_id, min(CAST(timestamp / 86400000.0 AS INTEGER), 2932897) AS \
         day FROM telemetry_events) GROUP BY day",
    )?;
    let mut rows = pairs.query([])?;
    while let Some(row) = rows.next()? {
        if let Some(day) = days.get_mut(&Day::numbered(row.get(0)?)) {
            day.unique_sessions += row.get::<_, i64>(1)?;
        }
    }
    Ok(())
}

fn read_durations(conn: &Connection, total: &mut StatsRow) -> Result<()> {
    let durations = "SELECT count(duration), coalesce(sum(duration), 0.0) FROM telemetry_sessions";
    let (sum, count) = conn.query_row(durations, [], |row| Ok((row.get(1)?, row.get(0)?)))?;
    total.add_durations(sum, count);
    total.last_event_id = event_counter(conn)?;
    Ok(())
}

/// The AUTOINCREMENT counter of the events.
///
/// # Errors
/// Those of SQLite.
pub fn event_counter(conn: &Connection) -> Result<i64> {
    let counter = "SELECT seq FROM sqlite_sequence WHERE name = 'telemetry_events'";
    Ok(conn.query_row(counter, [], |row| row.get(0)).optional()?.unwrap_or(0))
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
    let now = now();
    rows.iter().try_for_each(|row| row.store(conn, now))
}
