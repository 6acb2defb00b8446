//! Inserting: each event in a transaction of its own, or all of them in one.

use std::{collections::BTreeMap, fs, path::PathBuf, time::Instant};

use rusqlite::{CachedStatement, Connection, params};
use serde_json::{Value, json};

use crate::{
    Job, Result, SCHEMA,
    clock::Clock,
    open,
    workload::{ABREAST, Event, events, now, session_id},
};

const INSERT_SESSION: &str =
    "INSERT INTO telemetry_sessions (id, agent_type, mode, start_time) VALUES (?1, 'claude', 'code', ?2)";
const INSERT_EVENT: &str = "INSERT INTO telemetry_events (session_id, event_type, agent_type, mode, prompt, \
    stream_data, sandbox_id, repo_url, metadata, timestamp, created_at) \
    VALUES (?1, ?2, ?3, ?4, ?5, ?6, NULL, NULL, ?7, ?8, ?9)";
const COUNT_EVENTS: &str = "UPDATE telemetry_sessions SET event_count = event_count + ?1, \
    stream_event_count = stream_event_count + ?2, error_count = error_count + ?3, \
    end_time = max(coalesce(end_time, 0), ?4), \
    duration = max(coalesce(end_time, 0), ?4) - min(coalesce(end_time - duration, ?5), ?5), updated_at = ?6 \
    WHERE id = ?7";

/// What a batch adds to a session.
struct Counts {
    events: i64,
    streams: i64,
    errors: i64,
    latest: f64,
    earliest: f64,
}

/// Measures on a new file each time.
pub(crate) struct Writer {
    scratch: PathBuf,
    single: bool,
    lists: Vec<Vec<Event>>,
}

impl Writer {
    pub(crate) fn new(job: &Job) -> Self {
        let (calls, count) = (job.number("calls"), job.number("events"));
        let base = now() - 3_600_000.0;
        let lists = (0..calls).map(|call| events(count, base, 140 + call * count)).collect();
        Self { scratch: job.scratch(), single: job.work() == "insert", lists }
    }

    pub(crate) fn measure(&mut self) -> Result<Value> {
        fs::create_dir_all(&self.scratch)?;
        let mut conn = open(&self.scratch.join("limit.db"))?;
        let figures = self.measure_on(&mut conn);
        conn.close().map_err(|(_, error)| error)?;
        fs::remove_dir_all(&self.scratch)?;
        figures
    }

    fn measure_on(&self, conn: &mut Connection) -> Result<Value> {
        conn.execute_batch(SCHEMA)?;
        let base = now() - 3_600_000.0;
        for number in 0..ABREAST * 3 {
            conn.execute(INSERT_SESSION, params![session_id(number), base])?;
        }
        insert(conn, &events(140, base, 0))?;
        conn.query_row("PRAGMA wal_checkpoint(TRUNCATE)", [], |_| Ok(()))?;
        if self.single { self.measure_singles(conn) } else { self.measure_batches(conn) }
    }

    fn measure_singles(&self, conn: &mut Connection) -> Result<Value> {
        let list = &self.lists[0];
        let mut times = Vec::with_capacity(list.len());
        let clock = Clock::start();
        for event in list {
            let began = Instant::now();
            insert(conn, std::slice::from_ref(event))?;
            times.push(began.elapsed().as_secs_f64() * 1000.0);
        }
        let mut figures = clock.stop(list.len());
        times.sort_by(f64::total_cmp);
        figures["p50"] = json!(times[times.len() / 2]);
        figures["p99"] = json!(times[times.len() * 99 / 100]);
        Ok(figures)
    }

    fn measure_batches(&self, conn: &mut Connection) -> Result<Value> {
        let clock = Clock::start();
        for list in &self.lists {
            insert(conn, list)?;
        }
        Ok(clock.stop(self.lists.len()))
    }
}

/// One transaction: the events, and once for each session its counters.
fn insert(conn: &mut Connection, events: &[Event]) -> Result<()> {
    let now = now();
    let transaction = conn.transaction()?;
    {
        let mut statement = transaction.prepare_cached(INSERT_EVENT)?;
        for event in events {
            insert_one(&mut statement, event, now)?;
        }
        let mut statement = transaction.prepare_cached(COUNT_EVENTS)?;
        for (session, counts) in count(events) {
            let Counts { events, streams, errors, latest, earliest } = counts;
            statement.execute(params![events, streams, errors, latest, earliest, now, session])?;
        }
    }
    Ok(transaction.commit()?)
}

fn insert_one(statement: &mut CachedStatement<'_>, event: &Event, now: f64) -> Result<()> {
    let Event { session, kind, agent, mode, prompt, stream_data, metadata, timestamp } = event;
    statement.execute(params![session, kind, agent, mode, prompt, stream_data, metadata, timestamp, now])?;
    Ok(())
}

fn count(events: &[Event]) -> BTreeMap<&str, Counts> {
    let mut sessions = BTreeMap::new();
    for event in events {
        let time = event.timestamp;
        let counts = sessions.entry(event.session.as_str()).or_insert(Counts {
            events: 0,
            streams: 0,
            errors: 0,
            latest: time,
            earliest: time,
        });
        counts.events += 1;
        counts.streams += i64::from(event.kind == "stream");
        counts.errors += i64::from(event.kind == "error");
        counts.latest = counts.latest.max(time);
        counts.earliest = counts.earliest.min(time);
    }
    sessions
}
