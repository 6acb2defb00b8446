//! What the derived values of a file must be, counted from its events by other means than those of the product.

use std::{
    collections::{BTreeMap, BTreeSet},
    path::Path,
};

use rusqlite::Connection;
use serde_json::json;

struct Event {
    session: String,
    kind: String,
    agent: String,
    mode: String,
    timestamp: f64,
    day: String,
}

/// Hold the derived values of the file against its events.
pub(crate) fn check(path: &Path) {
    let conn = Connection::open(path).expect("open");
    let events = events(&conn);
    check_sessions(&conn, &events);
    let everything: Vec<&Event> = events.iter().collect();
    let mut expected = BTreeMap::from([(("total".to_owned(), "all".to_owned()), figures(&everything))]);
    let mut days: BTreeMap<&str, Vec<&Event>> = BTreeMap::new();
    for event in &events {
        days.entry(&event.day).or_default().push(event);
    }
    for (day, events) in days {
        expected.insert(("daily".to_owned(), day.to_owned()), figures(&events));
    }
    let mut stored = stored(&conn);
    // A file without any event need not have a row of totals.
    stored.entry(("total".to_owned(), "all".to_owned())).or_insert_with(|| figures(&[]));
    assert_eq!(stored, expected);
    check_average(&conn);
}

fn events(conn: &Connection) -> Vec<Event> {
    let sql = "SELECT session_id, event_type, agent_type, mode, timestamp, iif(timestamp >= 253402300800000, 'out-of-range', \
        strftime('%Y-%m-%d', CAST(timestamp / 1000 AS INTEGER), 'unixepoch')) FROM telemetry_events";
    let mut statement = conn.prepare(sql).expect("events");
    let rows = statement.query_map([], |row| {
        Ok(Event {
            session: row.get(0)?,
            kind: row.get(1)?,
            agent: row.get(2)?,
            mode: row.get(3)?,
            timestamp: row.get(4)?,
            day: row.get(5)?,
        })
    });
    rows.expect("events").collect::<Result<_, _>>().expect("events")
}

fn check_sessions(conn: &Connection, events: &[Event]) {
    let mut expected: BTreeMap<String, (i64, i64, i64)> = BTreeMap::new();
    for event in events {
        let counts = expected.entry(event.session.clone()).or_default();
        counts.0 += 1;
        counts.1 += i64::from(event.kind == "stream");
        counts.2 += i64::from(event.kind == "error");
    }
    let mut statement = conn
        .prepare("SELECT id, event_count, stream_event_count, error_count FROM telemetry_sessions")
        .expect("sessions");
    let rows = statement.query_map([], |row| {
        Ok((row.get::<_, String>(0)?, (row.get::<_, i64>(1)?, row.get::<_, i64>(2)?, row.get::<_, i64>(3)?)))
    });
    for row in rows.expect("sessions") {
        let (id, counts) = row.expect("session");
        // The counts of a session without events are the caller's.
        if let Some(expected) = expected.get(&id) {
            assert_eq!(counts, *expected, "the counts of session {id}");
        }
    }
}

fn figures(events: &[&Event]) -> serde_json::Value {
    let of_kind = |kind: &str| events.iter().filter(|event| event.kind == kind).count();
    let by = |key: fn(&Event) -> &str| {
        let mut counts: BTreeMap<&str, i64> = BTreeMap::new();
        for event in events {
            *counts.entry(key(event)).or_default() += 1;
        }
        json!(counts).to_string()
    };
    let times = || events.iter().map(|event| event.timestamp);
    json!({
        "events": events.len(), "start": of_kind("start"), "stream": of_kind("stream"), "end": of_kind("end"),
        "error": of_kind("error"),
        "sessions": events.iter().map(|event| &event.session).collect::<BTreeSet<_>>().len(),
        "agents": by(|event| &event.agent), "modes": by(|event| &event.mode),
        "min": times().reduce(f64::min), "max": times().reduce(f64::max),
    })
}

fn stored(conn: &Connection) -> BTreeMap<(String, String), serde_json::Value> {
    let sql = "SELECT stat_type, stat_key, total_events, start_events, stream_events, end_events, error_events, \
        unique_sessions, coalesce(agent_breakdown, '{}'), coalesce(mode_breakdown, '{}'), min_timestamp, max_timestamp FROM \
        telemetry_stats";
    let mut statement = conn.prepare(sql).expect("stats");
    let rows = statement.query_map([], |row| {
        let count = |position: usize| row.get::<_, i64>(position);
        let time = |position: usize| row.get::<_, Option<f64>>(position);
        let figures = json!({
            "events": count(2)?, "start": count(3)?, "stream": count(4)?, "end": count(5)?, "error": count(6)?,
            "sessions": count(7)?, "agents": row.get::<_, String>(8)?, "modes": row.get::<_, String>(9)?,
            "min": time(10)?, "max": time(11)?,
        });
        Ok(((row.get(0)?, row.get(1)?), figures))
    });
    rows.expect("stats").collect::<Result<_, _>>().expect("stats")
}

fn check_average(conn: &Connection) {
    let expected: Option<f64> =
        conn.query_row("SELECT avg(duration) FROM telemetry_sessions", [], |row| row.get(0)).expect("average");
    let stored: Option<f64> = conn
        .query_row("SELECT max(avg_session_duration) FROM telemetry_stats WHERE stat_type = 'total'", [], |row| {
            row.get(0)
        })
        .expect("average");
    let (expected, stored) = (expected.unwrap_or(0.0), stored.unwrap_or(0.0));
    let off = (expected - stored).abs();
    assert!(off <= 1e-9 * expected.abs().max(1.0), "average duration {stored} instead of {expected}");
}

/// Numbers of one query.
pub(crate) fn numbers(path: &Path, sql: &str) -> Vec<i64> {
    let conn = Connection::open(path).expect("open");
    let mut statement = conn.prepare(sql).expect(sql);
    let rows = statement.query_map([], |row| row.get(0)).expect(sql);
    rows.collect::<Result<_, _>>().expect(sql)
}

/// The number of one query.
pub(crate) fn number(path: &Path, sql: &str) -> i64 {
    numbers(path, sql)[0]
}
