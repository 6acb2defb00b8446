#![forbid(unsafe_code)]
//! Events: inserting one, many, and deleting them.

use std::{collections::HashSet, sync::Arc};

use rusqlite::{CachedStatement, Params, params};
use serde_json::json;

use super::{
    Action, audit,
    check::{self, Argument, NewEvent, not_an_object},
    config::OnSizeLimit,
    filter::{EventDeletion, EventFilter},
    kinds::{EventType, OnError, RuleTable},
    rules::RuleSet,
    sessions,
    shape::EVENT,
    state::Telemetry,
    statistics::EventFacts,
};
use crate::{
    client::{Args, Inserted, MicroBatch, Value, count, reads},
    clock::now,
    error::{Error, Result},
    packed::{Parcel, Record},
    store::{Conn, Control, Isolation},
};

macro_rules! insert_into_events {
    ($row:literal) => {
        concat!(
            "INSERT INTO telemetry_events (id, session_id, event_type, agent_type, mode, prompt, stream_data, sandbox_id, ",
            "repo_url, metadata, timestamp, created_at, version, schema_version) ",
            $row
        )
    };
}

pub(super) const INSERT: &str =
    insert_into_events!("VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14)");

/// Under a cap: SQLite keeps a statement journal for INSERT … SELECT. A full file then costs this statement alone, where
/// [`INSERT`] would cost the whole transaction.
const INSERT_UNDER_CAP: &str =
    insert_into_events!("SELECT ?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14");

/// The columns of a deleted event that derived values depend on.
const FACTS: &str = "session_id, event_type, agent_type, mode, timestamp";

/// Inserts the events of one job: what they have in common is looked up once.
pub(super) struct Inserter<'conn> {
    conn: &'conn Conn,
    insert: CachedStatement<'conn>,
    rules: Arc<RuleSet>,
    now: f64,
}

impl<'conn> Inserter<'conn> {
    pub(super) fn new(conn: &'conn Conn, state: &mut Telemetry) -> Result<Self> {
        let insert = if state.config.on_size_limit == OnSizeLimit::Reject { INSERT_UNDER_CAP } else { INSERT };
        Ok(Self { conn, insert: conn.cached(insert)?, rules: state.rules(conn)?, now: now() })
    }

    /// `created_at` of its events.
    pub(super) fn now(&self) -> f64 {
        self.now
    }

    /// Check one record and insert it, with its session if that is wanted and missing. Returns its id.
    pub(super) fn insert(&mut self, state: &mut Telemetry, record: &Record<'_>) -> Result<i64> {
        let event = checked(record, &self.rules, self.now)?;
        if state.config.auto_create_sessions && !sessions::exists(self.conn, event.session_id)? {
            let conn = self.conn;
            return state.attempt(conn, |state| {
                sessions::create_for(conn, state, &event)?;
                self.insert_row(state, &event)
            });
        }
        self.insert_row(state, &event)
    }

    fn insert_row(&mut self, state: &mut Telemetry, event: &NewEvent<'_>) -> Result<i64> {
        state.counters.expect(self.conn, event.session_id, event.timestamp)?;
        self.insert.execute(params![
            event.id,
            event.session_id,
            event.event_type.as_str(),
            event.agent_type,
            event.mode,
            event.prompt,
            event.stream_data,
            event.sandbox_id,
            event.repo_url,
            event.metadata,
            event.timestamp,
            self.now,
            event.version(),
            event.schema_version(),
        ])?;
        let id = self.conn.last_insert_rowid();
        let facts = EventFacts {
            session_id: event.session_id,
            event_type: Some(event.event_type),
            agent_type: event.agent_type,
            mode: event.mode,
            timestamp: event.timestamp,
        };
        state.counters.inserted(id, &facts);
        Ok(id)
    }
}

/// The event in a record, if neither the checks nor a rule refuse it.
pub(super) fn checked<'a>(record: &Record<'a>, rules: &RuleSet, now: f64) -> Result<NewEvent<'a>> {
    if !record.is_object() {
        return Err(not_an_object(Argument::Event));
    }
    let event = check::event(record)?;
    rules.check_record(RuleTable::Events, |position| event.stored(position, now))?;
    Ok(event)
}

/// insertEvent: calls that came together, each alone.
pub(super) fn insert_each(parcel: Parcel, control: Control) -> Result<Action> {
    let mut calls = MicroBatch::new(parcel, control);
    Action::each(INSERT, Isolation::Own, calls.load(), move |conn, state| run_each(&mut calls, conn, state))
}

/// Insert the events of a micro-batch.
pub(super) fn run_each(calls: &mut MicroBatch, conn: &Conn, state: &mut Telemetry) -> Result<Inserted> {
    let batch = calls.batch()?;
    let bytes = batch.bytes() / batch.len().max(1);
    let mut inserter = Inserter::new(conn, state)?;
    let now = inserter.now();
    let inserted = calls.run(conn, |record| {
        state.growing(conn, bytes, |state| {
            let id = inserter.insert(state, record)?;
            audit::events_inserted(conn, state, &[id])?;
            Ok(id)
        })
    })?;
    let Some(inserted) = inserted else { return Ok(Inserted::default()) };
    Ok(Inserted { created_at: vec![now; inserted.ids.len()], ..inserted })
}

/// insertEventBatch: one transaction; the first bad event undoes it, or is left out.
pub(super) fn insert_batch(mut parcel: Parcel, on_error: OnError) -> Result<Action> {
    Action::write(INSERT, parcel.bytes(), move |conn, state| {
        let batch = parcel.batch()?;
        let began = std::time::Instant::now();
        let mut inserter = Inserter::new(conn, state)?;
        let (mut ids, mut touched, mut errors) = (Vec::new(), HashSet::new(), Vec::new());
        let bytes = batch.bytes();
        state.growing(conn, bytes, |state| {
            for (index, record) in batch.records().enumerate() {
                match inserter.insert(state, &record) {
                    Ok(id) => {
                        ids.push(id);
                        if let Some(session_id) = record.get("sessionId").text()
                            && !touched.contains(session_id)
                        {
                            touched.insert(session_id.to_owned());
                        }
                    }
                    Err(error) if on_error == OnError::Rollback || conn.is_autocommit() => {
                        return Err(error.at_index(index));
                    }
                    Err(error) => errors.push(batch_error(index, &error)),
                }
            }
            audit::events_inserted(conn, state, &ids)
        })?;
        let result = json!({
            "eventsInserted": ids.len(),
            "sessionsUpserted": touched.len(),
            "buffersProcessed": 0,
            "errorsLogged": 0,
            "processingTime": began.elapsed().as_secs_f64() * 1000.0,
            "inserted": ids.len(),
            "failed": errors.len(),
            "errors": errors,
        });
        Ok((Value::Json(result), Some(ids.len() as u64)))
    })
}

/// An empty batch does not touch the file.
pub(super) fn insert_nothing() -> Result<Action> {
    Action::nothing(Value::Json(json!({
        "eventsInserted": 0, "sessionsUpserted": 0, "buffersProcessed": 0, "errorsLogged": 0, "processingTime": 0,
        "inserted": 0, "failed": 0, "errors": [],
    })))
}

fn batch_error(index: usize, error: &Error) -> serde_json::Value {
    let report = error.report("insertEventBatch");
    let mut entry = json!({ "index": index, "code": report.code, "message": report.message });
    if let Some(extended) = report.extended_code {
        entry["extendedCode"] = extended.into();
    }
    if let Some(field) = report.invalid.and_then(|invalid| invalid.field) {
        entry["field"] = field.into();
    }
    entry
}

/// queryEvents
pub(super) fn query(args: &Args) -> Result<Action> {
    let query = EventFilter::query(args.plain(0))?.to_sql();
    reads::list(&EVENT, query)
}

/// deleteEvents: exactly what queryEvents with the same filter returns.
pub(super) fn delete(args: &Args) -> Result<Action> {
    let deletion = EventDeletion::parse(args.plain(0))?;
    let ids = deletion.filter.to_ids_sql();
    let everything = deletion.filter == EventFilter::default();
    let condition = if everything { String::new() } else { format!(" WHERE id IN ({})", ids.sql) };
    let filter = serde_json::from_str(&deletion.given).unwrap_or_default();
    Action::write(format!("DELETE FROM telemetry_events{condition}"), 0, move |conn, state| {
        let params = if everything { &[][..] } else { &ids.params[..] };
        let deleted = delete_where(conn, state, &condition, rusqlite::params_from_iter(params))?;
        audit::events_deleted(conn, state, deleted, &filter, None)?;
        count(deleted)
    })
}

/// deleteEventsBefore
pub(super) fn delete_before(args: &Args) -> Result<Action> {
    let timestamp = check::timestamp_argument(args.field(0))?;
    Action::write("DELETE FROM telemetry_events WHERE timestamp < ?1", 0, move |conn, state| {
        let deleted = delete_where(conn, state, " WHERE timestamp < ?1", [timestamp])?;
        let filter = json!({ "before": crate::packed::json_number(timestamp) });
        audit::events_deleted(conn, state, deleted, &filter, None)?;
        count(deleted)
    })
}

/// Delete the events that `condition` selects and keep everything derived from them true. Returns how many there were.
pub(super) fn delete_where(
    conn: &Conn,
    state: &mut Telemetry,
    condition: &str,
    params: impl Params + Clone,
) -> Result<u64> {
    if !state.config.enable_foreign_keys {
        let sql = format!(
            "UPDATE telemetry_errors SET event_id = NULL WHERE event_id IN (SELECT id FROM telemetry_events{condition})"
        );
        conn.cached(&sql)?.execute(params.clone())?;
    }
    let mut statement = conn.cached(&format!("DELETE FROM telemetry_events{condition} RETURNING {FACTS}"))?;
    let mut rows = statement.query(params)?;
    let mut deleted = 0;
    while let Some(row) = rows.next()? {
        let (kind, agent, mode): (String, String, String) = (row.get(1)?, row.get(2)?, row.get(3)?);
        let session_id: String = row.get(0)?;
        let facts = EventFacts {
            session_id: &session_id,
            event_type: EventType::parse(&kind),
            agent_type: &agent,
            mode: &mode,
            timestamp: row.get(4)?,
        };
        state.counters.deleted(conn, &facts)?;
        deleted += 1;
    }
    Ok(deleted)
}
