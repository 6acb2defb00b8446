#![forbid(unsafe_code)]
//! Stream buffers (telemetry.md §8): events that are safe in a row of `telemetry_buffers` and not yet in the events
//! table.
//!
//! A *managed* row (`version` 2) belongs to insertEventBuffer, one a session; the others are the caller's own. Flushing
//! a row moves its events and marks it in one transaction: exactly once, whichever process does it.

use std::{
    collections::HashMap,
    time::{Duration, Instant},
};

use rusqlite::{OptionalExtension, ffi, params};

use super::{
    Action, buffered, check, check::Argument, events, filter::BufferFilter, sessions, shape::BUFFER, state::Telemetry,
};
use crate::{
    client::{Args, count, nothing, reads},
    clock::now,
    error::{Error, Result},
    packed::{Batch, Parcel},
    store::{Conn, Level, WriteSession},
};

/// `version` of the rows that insertEventBuffer keeps.
const MANAGED: i64 = 2;
/// `version` of the caller's own rows.
const OWN: i64 = 1;

/// How much longer than ever a flush that has failed waits for the next attempt.
const PAUSE: Duration = Duration::from_secs(1);

const PENDING: &str = "SELECT id, session_id, buffer_data, version FROM telemetry_buffers WHERE ";

/// The managed rows in memory: an append need not read back what it wrote.
#[derive(Debug, Default)]
pub(super) struct Mirror {
    rows: HashMap<String, Managed>,
    oldest: Option<Instant>,
}

#[derive(Debug)]
struct Managed {
    id: i64,
    /// The JSON array without its closing bracket.
    open: String,
    count: i64,
}

impl Mirror {
    /// Forget the rows: another connection, or an undone transaction, may have changed them.
    pub(super) fn forget(&mut self) {
        self.rows.clear();
    }

    /// When the events that wait longest came.
    pub(super) fn oldest(&self) -> Option<Instant> {
        self.oldest
    }

    /// A flush has failed that may succeed later: the timer tries again.
    fn try_later(&mut self) {
        self.oldest = Some(Instant::now() + PAUSE);
    }
}

/// A row on its way into the events table.
struct Pending {
    id: i64,
    session_id: String,
    data: String,
    managed: bool,
}

/// insertEventBuffer: all events or none.
pub(super) fn insert(mut parcel: Parcel) -> Result<Action> {
    let mut flushes = true;
    Action::write("INSERT INTO telemetry_buffers (…) VALUES (…)", parcel.bytes(), move |conn, state| {
        let batch = parcel.batch()?;
        let groups = group(conn, state, batch)?;
        state.growing(conn, batch.bytes(), |state| {
            for (session_id, events) in &groups {
                append(conn, state, session_id, events)?;
            }
            Ok(())
        })?;
        for (session_id, _) in groups.iter().take_while(|_| flushes) {
            match flush_if_full(conn, state, session_id) {
                // It never fails the call that caused it: this is run again, and the flush left to the next occasion.
                Err(_) if conn.is_autocommit() => {
                    flushes = false;
                    break;
                }
                flushed => flushed?,
            }
        }
        nothing(batch.len() as u64)
    })
}

/// upsertBuffer: the caller's own pending row of a session.
pub(super) fn upsert(args: &Args) -> Result<Action> {
    let batch = args.record(0, || check::not_an_object(Argument::Buffer))?;
    check::buffer(&batch.record(0))?;
    Action::write("INSERT INTO telemetry_buffers (…) VALUES (…)", batch.bytes(), move |conn, state| {
        let buffer = check::buffer(&batch.record(0))?;
        let now = now();
        let own = conn
            .cached("SELECT id FROM telemetry_buffers WHERE session_id = ?1 AND status = 'pending' AND version = ?2")?
            .query_row((buffer.session_id, OWN), |row| row.get::<_, i64>(0))
            .optional()?;
        let status = buffer.status.map(|status| status.as_str());
        state.growing(conn, batch.bytes(), |_| {
            if let Some(id) = own {
                conn.cached(
                    "UPDATE telemetry_buffers SET buffer_data = ?2, status = coalesce(?3, status), event_count = \
                     coalesce(?4, event_count), max_size = coalesce(?5, max_size), flushed_at = iif(?6, ?7, flushed_at), \
                     flush_attempts = coalesce(?8, flush_attempts), schema_version = coalesce(?9, schema_version), \
                     last_updated = ?10 WHERE id = ?1",
                )?
                .execute(params![
                    id,
                    buffer.buffer_data,
                    status,
                    buffer.event_count,
                    buffer.max_size,
                    buffer.flushed_at.is_given(),
                    buffer.flushed_at.value(),
                    buffer.flush_attempts,
                    buffer.schema_version,
                    now,
                ])?;
                return Ok(());
            }
            conn.cached(
                "INSERT INTO telemetry_buffers (id, session_id, status, event_count, buffer_data, max_size, created_at, \
                 last_updated, flushed_at, flush_attempts, version, schema_version) VALUES (?1, ?2, coalesce(?3, 'pending'), \
                 coalesce(?4, 0), ?5, coalesce(?6, 50), ?7, ?7, ?8, coalesce(?9, 0), ?10, coalesce(?11, '1.0.0'))",
            )?
            .execute(params![
                buffer.id,
                buffer.session_id,
                status,
                buffer.event_count,
                buffer.buffer_data,
                buffer.max_size,
                now,
                buffer.flushed_at.value(),
                buffer.flush_attempts,
                OWN,
                buffer.schema_version,
            ])?;
            Ok(())
        })?;
        nothing(1)
    })
}

/// flushBuffer: all pending rows of one session. Answers with the number of events.
pub(super) fn flush_one(args: &Args) -> Result<Action> {
    let session_id = check::session_id_argument(args.field(0))?.to_owned();
    let sql = format!("{PENDING} session_id = ?1 AND status = 'pending' ORDER BY id");
    Action::write(sql.clone(), 0, move |conn, state| {
        let mut moved = 0;
        for row in pending(conn, &sql, [&session_id])? {
            moved += flush_row(conn, state, &row)?;
        }
        count(moved)
    })
}

/// flushEventBuffers: all pending rows of the file, and the failed ones if that is asked for.
pub(super) fn flush_all(args: &Args) -> Result<Action> {
    let failed = check::boolean_argument("includeFailed", args.field(0), false)?;
    let statuses = if failed { "status IN ('pending', 'failed')" } else { "status = 'pending'" };
    let sql = format!("{PENDING} {statuses} ORDER BY id");
    Action::write(sql.clone(), 0, move |conn, state| {
        let mut moved = 0;
        for row in pending(conn, &sql, [])? {
            moved += flush_row(conn, state, &row)?;
        }
        nothing(moved)
    })
}

/// cleanupBuffers and cleanupOldBuffers: flushed rows that are older than `maxAgeMs`.
pub(super) fn cleanup(args: &Args) -> Result<Action> {
    let age = check::max_age_argument(args.field(0))?;
    Action::write(CLEANUP, 0, move |conn, _| count(remove_flushed(conn, now() - age)?))
}

const CLEANUP: &str = "DELETE FROM telemetry_buffers WHERE status = 'flushed' AND flushed_at <= ?1";

/// Remove the rows that were flushed before `cutoff`.
pub(super) fn remove_flushed(conn: &Conn, cutoff: f64) -> Result<u64> {
    Ok(conn.cached(CLEANUP)?.execute([cutoff])? as u64)
}

/// queryBuffers
pub(super) fn query(args: &Args) -> Result<Action> {
    reads::list(&BUFFER, BufferFilter::query(args.plain(0))?.to_sql())
}

/// Flush every managed row, each in a transaction of its own: by the timer, at close, and at open what a crash left.
pub(super) fn flush_managed(session: &mut WriteSession<Telemetry>) {
    session.module.buffers.oldest = None;
    let sql = format!("{PENDING} status = 'pending' AND version = {MANAGED} ORDER BY id");
    let rows = match pending(&session.conn, &sql, []) {
        Ok(rows) => rows,
        Err(error) => {
            session.module.buffers.try_later();
            return session.notices().warn(&format!("stream buffers could not be read: {error}"));
        }
    };
    for row in rows {
        // Another process may have flushed it in the meantime: it is read again within the transaction.
        let by_id = format!("{PENDING} id = ?1 AND status = 'pending'");
        let flushed = session.transaction(|conn, state| {
            for row in pending(conn, &by_id, [row.id])? {
                flush_row(conn, state, &row)?;
            }
            Ok(())
        });
        if let Err(error) = flushed {
            // It stays pending; the events are safe where they are.
            session.module.buffers.try_later();
            session.notices().tell(
                Level::Warn,
                &format!("stream buffer {} was not flushed: {error}", row.id),
                serde_json::Map::new(),
            );
            if error.sqlite_code() == Some(ffi::SQLITE_BUSY) {
                // It has been waited for long enough, once for all of them.
                break;
            }
        }
    }
}

/// Check every event as insertEvent does and sort them by session, in the order of appearance.
fn group(conn: &Conn, state: &mut Telemetry, batch: &Batch) -> Result<Vec<(String, Vec<String>)>> {
    let rules = state.rules(conn)?;
    let now = now();
    let mut groups: Vec<(String, Vec<String>)> = Vec::new();
    for (index, record) in batch.records().enumerate() {
        let checked = (|| {
            let event = events::checked(&record, &rules, now)?;
            if state.config.auto_create_sessions && !sessions::exists(conn, event.session_id)? {
                sessions::create_for(conn, state, &event)?;
            }
            Ok(event.session_id)
        })();
        let session_id = checked.map_err(|error: Error| error.at_index(index))?;
        let text = buffered::write(&record);
        match groups.iter_mut().find(|(id, _)| id == session_id) {
            Some((_, events)) => events.push(text),
            None => groups.push((session_id.to_owned(), vec![text])),
        }
    }
    Ok(groups)
}

fn append(conn: &Conn, state: &mut Telemetry, session_id: &str, events: &[String]) -> Result<()> {
    let now = now();
    let batch_size = batch_size(state);
    let mut managed = match state.buffers.rows.remove(session_id) {
        Some(managed) => Some(managed),
        None => find_managed(conn, session_id)?,
    };
    let mut open = managed.as_mut().map(|managed| std::mem::take(&mut managed.open)).unwrap_or_default();
    for event in events {
        open.push(if open.is_empty() { '[' } else { ',' });
        open.push_str(event);
    }
    let data = format!("{open}]");
    let count = managed.as_ref().map_or(0, |managed| managed.count) + i64::try_from(events.len()).unwrap_or(i64::MAX);
    let id = match managed {
        Some(managed) => {
            conn.cached(
                "UPDATE telemetry_buffers SET buffer_data = ?2, event_count = ?3, max_size = ?4, last_updated = ?5 WHERE \
                 id = ?1",
            )?
            .execute(params![managed.id, data, count, batch_size, now])?;
            managed.id
        }
        None => {
            conn.cached(
                "INSERT INTO telemetry_buffers (session_id, event_count, buffer_data, max_size, created_at, last_updated, \
                 version) VALUES (?1, ?2, ?3, ?4, ?5, ?5, ?6)",
            )?
            .execute(params![session_id, count, data, batch_size, now, MANAGED])?;
            conn.last_insert_rowid()
        }
    };
    state.buffers.rows.insert(session_id.to_owned(), Managed { id, open, count });
    state.buffers.oldest.get_or_insert_with(Instant::now);
    Ok(())
}

fn find_managed(conn: &Conn, session_id: &str) -> Result<Option<Managed>> {
    let found = conn
        .cached(
            "SELECT id, buffer_data, event_count FROM telemetry_buffers WHERE session_id = ?1 AND status = 'pending' AND \
             version = ?2 ORDER BY id LIMIT 1",
        )?
        .query_row((session_id, MANAGED), |row| Ok((row.get(0)?, row.get::<_, String>(1)?, row.get(2)?)))
        .optional()?;
    Ok(found.map(|(id, mut data, count)| {
        if data.ends_with(']') {
            data.pop();
        }
        // The empty array has no event that a comma could follow.
        let open = if data.trim() == "[" { String::new() } else { data };
        Managed { id, open, count }
    }))
}

fn flush_if_full(conn: &Conn, state: &mut Telemetry, session_id: &str) -> Result<()> {
    let batch_size = batch_size(state);
    let full = state.buffers.rows.get(session_id).filter(|managed| managed.count >= batch_size);
    let Some(managed) = full else { return Ok(()) };
    let row = Pending {
        id: managed.id,
        session_id: session_id.to_owned(),
        data: format!("{}]", managed.open),
        managed: true,
    };
    flush_row(conn, state, &row)?;
    Ok(())
}

/// Move the events of one row into the events table. A failure is noted in the row and is no error, unless it cost the
/// transaction. Returns the number of events.
fn flush_row(conn: &Conn, state: &mut Telemetry, row: &Pending) -> Result<u64> {
    let flushed = state.attempt(conn, |state| {
        let batch = buffered::read(&row.data, &row.session_id, row.managed)?;
        let mut inserter = events::Inserter::new(conn, state)?;
        let now = inserter.now();
        state.growing(conn, row.data.len(), |state| {
            batch.records().try_for_each(|record| inserter.insert(state, &record).map(drop))
        })?;
        conn.cached(
            "UPDATE telemetry_buffers SET status = 'flushed', flushed_at = ?2, last_updated = ?2, buffer_data = iif(?3, \
             '[]', buffer_data) WHERE id = ?1",
        )?
        .execute((row.id, now, row.managed))?;
        Ok(batch.len() as u64)
    });
    state.buffers.rows.remove(&row.session_id);
    match flushed {
        Ok(moved) => Ok(moved),
        Err(error) if conn.is_autocommit() => Err(error),
        Err(error) => {
            let status = if error.is_transient() {
                state.buffers.try_later();
                "pending"
            } else {
                "failed"
            };
            conn.cached(
                "UPDATE telemetry_buffers SET status = ?2, flush_attempts = flush_attempts + 1, last_updated = ?3 WHERE id = \
                 ?1",
            )?
            .execute((row.id, status, now()))?;
            state.warn(format!("stream buffer {} of session {} is {status}: {error}", row.id, row.session_id));
            Ok(0)
        }
    }
}

/// Events that fill a managed row.
fn batch_size(state: &Telemetry) -> i64 {
    i64::try_from(state.config.stream_batch_size).unwrap_or(i64::MAX)
}

fn pending(conn: &Conn, sql: &str, params: impl rusqlite::Params) -> Result<Vec<Pending>> {
    let mut statement = conn.cached(sql)?;
    let rows = statement.query_map(params, |row| {
        let version: i64 = row.get(3)?;
        Ok(Pending { id: row.get(0)?, session_id: row.get(1)?, data: row.get(2)?, managed: version == MANAGED })
    })?;
    Ok(rows.collect::<rusqlite::Result<_>>()?)
}
