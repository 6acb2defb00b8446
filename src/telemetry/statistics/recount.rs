#![forbid(unsafe_code)]
//! Counting again what the writer keeps by increments: the counts of sessions and `telemetry_stats`.
//!
//! One grouped scan each, over covering indexes where there is one. A file with a million events takes seconds.

use std::collections::BTreeMap;

use rusqlite::{Connection, OptionalExtension, Row};

use crate::{clock::now, error::Result, migration::journal::NOW};

use super::{Day, StatsRow, row::DAILY};

/// What a recount finds for each session that has events. Both halves read nothing but an index.
pub(super) const TRUE_SESSIONS: &str = "SELECT every.session_id, every.events, every.low, every.high, \
     every.events - coalesce(others.events, 0) AS streams, coalesce(others.errors, 0) AS errors \
     FROM (SELECT session_id, count(*) AS events, min(timestamp) AS low, max(timestamp) AS high \
           FROM main.telemetry_events GROUP BY session_id) AS every \
     LEFT JOIN (SELECT session_id, count(*) AS events, sum(event_type = 'error') AS errors \
                FROM main.telemetry_events WHERE event_type <> 'stream' GROUP BY session_id) AS others \
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
            "UPDATE main.telemetry_sessions SET event_count = truth.events, stream_event_count = truth.streams, \
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

/// Sum and number of the durations of all sessions.
pub(super) fn durations(conn: &Connection) -> Result<(f64, i64)> {
    let durations = "SELECT coalesce(sum(duration), 0.0), count(duration) FROM telemetry_sessions";
    Ok(conn.query_row(durations, [], |row| Ok((row.get(0)?, row.get(1)?)))?)
}

fn read_durations(conn: &Connection, total: &mut StatsRow) -> Result<()> {
    let (sum, count) = durations(conn)?;
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

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use proptest::prelude::*;

    use super::*;
    use crate::migration::testing::migrated;
    use crate::telemetry::schema::migrations;
    use crate::telemetry::statistics::row::{ALL, TOTAL};
    use rusqlite::params;

    #[derive(Debug, Clone)]
    struct Event {
        session: String,
        kind: &'static str,
        agent: String,
        mode: String,
        timestamp: f64,
    }

    fn event() -> impl Strategy<Value = Event> {
        let timestamp = prop_oneof![
            Just(0.0),
            Just(1e300),
            (0..4_i32, 0.0..86_400_000.0_f64).prop_map(|(day, time)| f64::from(day) * 86_400_000.0 + time),
            253_402_300_799_990.0..253_402_300_800_010.0_f64,
        ];
        let kind = prop::sample::select(vec!["start", "stream", "end", "error", "other"]);
        ("[a-c]", kind, "[x-z\u{e9}\u{1F600}]{1,2}", "[m-n]", timestamp)
            .prop_map(|(session, kind, agent, mode, timestamp)| Event { session, kind, agent, mode, timestamp })
    }

    fn insert(conn: &Connection, events: &[Event]) {
        for event in events {
            conn.execute(
                "INSERT OR IGNORE INTO telemetry_sessions (id, agent_type, mode, start_time, duration) VALUES (?1, 'a', 'm', 1, 5)",
                [&event.session],
            )
            .expect("session");
            conn.execute(
                "INSERT INTO telemetry_events (session_id, event_type, agent_type, mode, timestamp) VALUES (?1, ?2, ?3, ?4, ?5)",
                params![event.session, event.kind, event.agent, event.mode, event.timestamp],
            )
            .expect("event");
        }
    }

    /// The same by counting one event after the other.
    fn counted(events: &[Event], stat_type: &str, key: &str) -> StatsRow {
        let mut stats = StatsRow::new(stat_type, key);
        let of_row = events.iter().filter(|it| stat_type == TOTAL || Day::of(it.timestamp).key() == key);
        let mut sessions = BTreeSet::new();
        for event in of_row {
            stats.add(event.kind, &event.agent, &event.mode, 1);
            stats.span(event.timestamp, event.timestamp);
            sessions.insert(&event.session);
        }
        stats.unique_sessions = i64::try_from(sessions.len()).expect("few");
        stats
    }

    proptest! {
        #![proptest_config(ProptestConfig { cases: 32, failure_persistence: None, ..ProptestConfig::default() })]

        #[test]
        fn a_grouped_scan_finds_what_counting_one_by_one_finds(events in prop::collection::vec(event(), 0..40)) {
            let conn = migrated([migrations()]);
            insert(&conn, &events);
            let days: BTreeSet<_> = events.iter().map(|it| Day::of(it.timestamp).key()).collect();
            let truth = true_stats(&conn).expect("truth");
            let mut total = counted(&events, TOTAL, ALL);
            total.duration_count = total.unique_sessions;
            total.duration_sum = 5.0 * f64::from(i32::try_from(total.duration_count).expect("few"));
            total.avg_session_duration = Some(if events.is_empty() { 0.0 } else { 5.0 });
            total.last_event_id = i64::try_from(events.len()).expect("few");
            prop_assert_eq!(&truth[0], &total);
            let daily: Vec<_> = days.iter().map(|day| counted(&events, DAILY, day)).collect();
            prop_assert_eq!(&truth[1..], &daily[..]);
            rebuild_stats(&conn).expect("rebuild");
            let rows: i64 = conn.query_row("SELECT count(*) FROM telemetry_stats", [], |row| row.get(0)).expect("count");
            prop_assert_eq!(usize::try_from(rows).ok(), Some(truth.len()));
        }
    }

    #[test]
    fn rewriting_keeps_ids_and_drops_days_without_events() {
        let conn = migrated([migrations()]);
        let event = |timestamp| Event {
            session: "s".to_owned(),
            kind: "end",
            agent: "a".to_owned(),
            mode: "m".to_owned(),
            timestamp,
        };
        insert(&conn, &[event(1.0), event(86_400_001.0)]);
        rebuild_stats(&conn).expect("rebuild");
        let rows = || -> Vec<(i64, String, i64)> {
            let mut list =
                conn.prepare("SELECT id, stat_key, total_events FROM telemetry_stats ORDER BY stat_key").expect("list");
            let rows = list.query_map([], |row| Ok((row.get(0)?, row.get(1)?, row.get(2)?))).expect("list");
            rows.collect::<Result<_, _>>().expect("rows")
        };
        let before = rows();
        assert_eq!(before.iter().map(|row| row.1.as_str()).collect::<Vec<_>>(), ["1970-01-01", "1970-01-02", "all"]);
        conn.execute_batch(
            "DELETE FROM telemetry_events WHERE id = 1;
             UPDATE telemetry_stats SET total_events = 77, agent_breakdown = NULL;
             INSERT INTO telemetry_stats (stat_type, stat_key) VALUES ('total', 'else'), ('daily', 'all'), ('weekly', 'w')",
        )
        .expect("damage");
        rebuild_stats(&conn).expect("rebuild");
        let after = rows();
        assert_eq!(after[..2], [(before[1].0, "1970-01-02".to_owned(), 1), (before[2].0, "all".to_owned(), 1)]);
        assert_eq!((after.len(), after[2].1.as_str()), (3, "w"), "what is not ours stays");
    }

    #[test]
    fn a_recount_sets_counts_and_times_of_sessions_with_events() {
        let conn = migrated([migrations()]);
        conn.execute_batch(
            "INSERT INTO telemetry_sessions (id, agent_type, mode, start_time, end_time, duration, event_count, updated_at)
             VALUES ('a', 'a', 'm', 1, 2, 3, 9, 7), ('zero', 'a', 'm', 1, 2, 3, 9, 7), ('none', 'a', 'm', 1, 2, 3, 9, 7);
             INSERT INTO telemetry_events (session_id, event_type, agent_type, mode, timestamp) VALUES
             ('a', 'stream', 'a', 'm', 10.5), ('a', 'error', 'a', 'm', 20), ('a', 'start', 'a', 'm', 15),
             ('zero', 'stream', 'a', 'm', 0), ('zero', 'stream', 'a', 'm', 9)",
        )
        .expect("events");
        let row = |id: &str| {
            conn.query_row(
                "SELECT event_count, stream_event_count, error_count, end_time, duration, updated_at > 1e12
                 FROM telemetry_sessions WHERE id = ?1",
                [id],
                |row| Ok((row.get(0)?, row.get(1)?, row.get(2)?, row.get(3)?, row.get(4)?, row.get(5)?)),
            )
            .expect("row")
        };
        type Counts = (i64, i64, i64, f64, Option<f64>, bool);
        assert_eq!(recount_sessions(&conn, true).expect("recount"), 2);
        let kept: Counts = (3, 1, 1, 2.0, Some(3.0), false);
        assert_eq!(row("a"), kept);
        assert_eq!(recount_sessions(&conn, false).expect("recount"), 2);
        let (a, zero, none): (Counts, Counts, Counts) =
            ((3, 1, 1, 20.0, Some(9.5), true), (2, 2, 0, 9.0, None, true), (9, 0, 0, 2.0, Some(3.0), false));
        assert_eq!((row("a"), row("zero"), row("none")), (a, zero, none));
    }

    #[test]
    fn the_recount_of_sessions_reads_indexes_only() {
        let conn = migrated([migrations()]);
        let plan: Vec<String> = conn
            .prepare(&format!("EXPLAIN QUERY PLAN {TRUE_SESSIONS}"))
            .expect("plan")
            .query_map([], |row| row.get(3))
            .expect("plan")
            .collect::<Result<_, _>>()
            .expect("plan");
        let scans: Vec<_> = plan.iter().filter(|line| line.contains("telemetry_events")).collect();
        assert_eq!(scans.len(), 2, "{plan:?}");
        assert!(scans.iter().all(|line| line.contains("COVERING INDEX")), "{plan:?}");
    }
}
