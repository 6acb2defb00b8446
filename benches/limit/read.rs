//! Reading: every row is stepped and every cell looked at; nothing is kept of it.

use std::hint::black_box;

use rusqlite::{Connection, Params, types::ValueRef};
use serde_json::Value;

use crate::{
    Job, Result,
    clock::Clock,
    open,
    workload::{ABREAST, SESSION_EVENTS, session_id},
};

const EVENT_COLUMNS: usize = 14;
const OF_SESSION: &str =
    "SELECT * FROM telemetry_events WHERE session_id = ?1 ORDER BY timestamp DESC, id DESC LIMIT ?2";
const LATEST: &str = "SELECT * FROM telemetry_events ORDER BY timestamp DESC, id DESC LIMIT ?1";
const OF_SANDBOX: &str =
    "SELECT * FROM telemetry_events WHERE sandbox_id = ?1 ORDER BY timestamp DESC, id DESC LIMIT ?2";

/// Measures on a file that is there.
pub(crate) struct Reader {
    conn: Connection,
    work: String,
    calls: usize,
    limit: i64,
    /// Complete sessions of the file.
    sessions: usize,
}

impl Reader {
    pub(crate) fn new(job: &Job) -> Result<Self> {
        let sessions = job.number("events") / (ABREAST * SESSION_EVENTS) * ABREAST;
        let conn = open(&job.file())?;
        let (calls, limit) = (job.number("calls"), i64::try_from(job.number("limit"))?);
        Ok(Self { conn, work: job.work().to_owned(), calls, limit, sessions })
    }

    pub(crate) fn measure(&mut self) -> Result<Value> {
        let ids: Vec<_> = (0..self.calls).map(|call| session_id(call * 7919 % self.sessions)).collect();
        let expected = match self.work.as_str() {
            "session" => SESSION_EVENTS,
            "scan" => 0,
            _ => usize::try_from(self.limit)?,
        };
        let clock = Clock::start();
        let mut found = Vec::with_capacity(self.calls);
        for id in &ids {
            found.push(match self.work.as_str() {
                "page" => self.step(OF_SESSION, (id, self.limit))?,
                "session" => self.step(OF_SESSION, (id, -1))?,
                "latest" => self.step(LATEST, [self.limit])?,
                "scan" => self.step(OF_SANDBOX, ("nowhere", self.limit))?,
                other => return Err(format!("no such work: {other}").into()),
            });
        }
        let figures = clock.stop(self.calls);
        if let Some(count) = found.into_iter().find(|count| *count != expected) {
            return Err(format!("{count} rows instead of {expected}").into());
        }
        Ok(figures)
    }

    fn step(&self, sql: &str, parameters: impl Params) -> Result<usize> {
        let mut statement = self.conn.prepare_cached(sql)?;
        let mut rows = statement.query(parameters)?;
        let mut count = 0;
        let mut bytes = 0;
        while let Some(row) = rows.next()? {
            count += 1;
            for column in 0..EVENT_COLUMNS {
                bytes += match row.get_ref(column)? {
                    ValueRef::Text(text) => text.len(),
                    other => usize::from(black_box(other) != ValueRef::Null),
                };
            }
        }
        black_box(bytes);
        Ok(count)
    }
}
