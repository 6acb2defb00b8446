#![forbid(unsafe_code)]
//! Sessions: creating, changing, deleting and reading them.

use rusqlite::params;
use serde_json::{Map, Value as Json, json};

use super::{
    Action, audit,
    check::{self, Argument, NewEvent, NewSession, SessionUpdate},
    events, filter,
    filter::SessionFilter,
    kinds::RuleTable,
    shape::{BUFFER, ERROR, EVENT, SESSION},
    state::Telemetry,
    statistics::recount,
};
use crate::{
    client::{Args, Query, Reply, Value, nothing, reads, rows},
    clock::now,
    error::Result,
    packed::Field,
    store::Conn,
};

const CREATED_AT: usize = SESSION.position("createdAt");
const UPDATED_AT: usize = SESSION.position("updatedAt");
const COUNTS: std::ops::RangeInclusive<usize> = SESSION.position("eventCount")..=SESSION.position("errorCount");

/// The statement of createSession and upsertSession, for the metrics.
const INSERT: &str = "INSERT INTO telemetry_sessions (…) VALUES (…)";

/// createSession: insert, or set what a second creation may set.
pub(super) fn create(args: &Args) -> Result<Action> {
    let batch = args.record(0, || check::not_an_object(Argument::Session))?;
    check::create_session(&batch.record(0))?;
    Action::write(INSERT, batch.bytes(), move |conn, state| {
        let session = check::create_session(&batch.record(0))?;
        state.growing(conn, batch.bytes(), |state| match read(conn, session.id)? {
            None => insert(conn, state, &session),
            Some(old) => change(conn, state, session.id, &old, &session.recreated()),
        })?;
        nothing(1)
    })
}

/// upsertSession: insert, or set every given key. Answers with the row.
pub(super) fn upsert(args: &Args) -> Result<Action> {
    let batch = args.record(0, || check::not_an_object(Argument::Session))?;
    check::upsert_session(&batch.record(0))?;
    Action::write(INSERT, batch.bytes(), move |conn, state| {
        let session = check::upsert_session(&batch.record(0))?;
        state.growing(conn, batch.bytes(), |state| match read(conn, session.id)? {
            None => insert(conn, state, &session),
            Some(old) => change(conn, state, session.id, &old, &session.upserted()),
        })?;
        Ok((Value::Row(Box::new(rows::chunk(conn, &SESSION, session.id)?)), Some(1)))
    })
}

/// updateSession: set the given keys of a session that exists.
pub(super) fn update(args: &Args) -> Result<Action> {
    let batch = args.record(1, || check::not_an_object(Argument::Updates))?;
    let id = check::session_id_argument(args.field(0))?.to_owned();
    check::update_session(&batch.record(0))?;
    Action::write("UPDATE telemetry_sessions SET … WHERE id = ?", batch.bytes(), move |conn, state| {
        let update = check::update_session(&batch.record(0))?;
        let Some(old) = read(conn, &id)? else { return nothing(0) };
        state.growing(conn, batch.bytes(), |state| change(conn, state, &id, &old, &update))?;
        nothing(1)
    })
}

/// deleteSession: with its events and buffers; its errors stay, without the reference.
pub(super) fn delete(args: &Args) -> Result<Action> {
    let id = match args.field(0) {
        Field::Text(id) => id.to_owned(),
        // No session can have such an id.
        _ => return Action::nothing(Value::Boolean(false)),
    };
    Action::write("DELETE FROM telemetry_sessions WHERE id = ?1", 0, move |conn, state| {
        let Some(old) = read(conn, &id)? else { return Ok((Value::Boolean(false), Some(0))) };
        let deleted = events::delete_where(conn, state, " WHERE session_id = ?1", [&id])?;
        audit::events_deleted(conn, state, deleted, &json!({ "sessionId": id }), None)?;
        conn.cached("DELETE FROM telemetry_buffers WHERE session_id = ?1")?.execute([&id])?;
        conn.cached("UPDATE telemetry_errors SET session_id = NULL WHERE session_id = ?1")?.execute([&id])?;
        conn.cached("DELETE FROM telemetry_sessions WHERE id = ?1")?.execute([&id])?;
        state.counters.session_written(&id, duration(&old), None);
        state.buffers.forget();
        audit::session(conn, &state.config, &id, Some(&old), None)?;
        Ok((Value::Boolean(true), Some(1)))
    })
}

/// getSession and getSessionWithEvents: the row, and with relations its events, buffers and errors.
pub(super) fn get(args: &Args, relations: bool) -> Result<Action> {
    let Field::Text(id) = args.field(0) else { return Action::nothing(Value::Nothing) };
    let id = id.to_owned();
    let query = Query {
        sql: format!("SELECT {} FROM telemetry_sessions WHERE id = ?1", SESSION.select_list("")),
        params: vec![id.clone().into()],
    };
    Action::read(query.sql.clone(), move |conn, reply| {
        let found = reads::send(conn, &SESSION, &query, reply)?;
        if found > 0 && relations {
            send_relations(conn, reply, &id, [true; 3])?;
        }
        Ok((Value::Nothing, Some(found)))
    })
}

/// querySessions, with the relations that the filter asks for.
pub(super) fn query(args: &Args) -> Result<Action> {
    let filter = SessionFilter::query(args.plain(0))?;
    let query = filter.to_sql();
    let wanted = [filter.include.events, filter.include.buffers, filter.include.errors];
    if wanted == [false; 3] {
        return reads::list(&SESSION, query);
    }
    Action::read(query.sql.clone(), move |conn, reply| {
        let sent = reads::send(conn, &SESSION, &query, reply)?;
        let ids: Vec<String> = conn
            .prepare_cached(&query.sql)?
            .query_map(rusqlite::params_from_iter(&query.params), |row| row.get(0))?
            .collect::<rusqlite::Result<_>>()?;
        for id in ids {
            send_relations(conn, reply, &id, wanted)?;
        }
        Ok((Value::Nothing, Some(sent)))
    })
}

/// updateSessionStats: a recount of the session, with its times.
pub(super) fn update_stats(args: &Args) -> Result<Action> {
    let Field::Text(id) = args.field(0) else { return Action::nothing(Value::Nothing) };
    let id = id.to_owned();
    Action::write("UPDATE telemetry_sessions SET event_count = … WHERE id = ?1", 0, move |conn, state| {
        nothing(recount_one(conn, state, &id)?)
    })
}

/// refreshAllSessionStats: a recount of everything derived.
pub(super) fn refresh_all() -> Result<Action> {
    Action::alone("UPDATE telemetry_sessions SET event_count = …", |session, _| {
        session.transaction(|conn, state| {
            recount::recount_sessions(conn, false)?;
            recount::rebuild_stats(conn)?;
            state.counters.recounted();
            let updated: i64 = conn.query_row("SELECT count(*) FROM telemetry_sessions", [], |row| row.get(0))?;
            Ok((Value::Json(json!({ "updated": updated, "errors": 0 })), Some(updated.unsigned_abs())))
        })
    })
}

/// Whether the session has a row.
pub(super) fn exists(conn: &Conn, id: &str) -> Result<bool> {
    Ok(conn.cached("SELECT 1 FROM telemetry_sessions WHERE id = ?1")?.exists([id])?)
}

/// The session that an event of an unknown one gets under `autoCreateSessions`.
pub(super) fn create_for(conn: &Conn, state: &mut Telemetry, event: &NewEvent<'_>) -> Result<()> {
    let text = |text| match text {
        Some(text) => check::Given::Value(text),
        None => check::Given::Absent,
    };
    let session = NewSession {
        id: event.session_id,
        agent_type: event.agent_type,
        mode: event.mode,
        status: None,
        start_time: event.timestamp,
        details: check::SessionDetails {
            sandbox_id: text(event.sandbox_id),
            repo_url: text(event.repo_url),
            ..check::SessionDetails::default()
        },
    };
    insert(conn, state, &session)
}

fn read(conn: &Conn, id: &str) -> Result<Option<Map<String, Json>>> {
    rows::read(conn, &SESSION, id)
}

fn insert(conn: &Conn, state: &mut Telemetry, session: &NewSession<'_>) -> Result<()> {
    let now = now();
    let rules = state.rules(conn)?;
    rules.check_record(RuleTable::Sessions, |position| session.stored(position, now))?;
    rows::insert(conn, &SESSION, |position| session.stored(position, now))?;
    state.counters.session_written(session.id, None, session.details.duration.value());
    if has_events(conn, session.id)? {
        // Where somebody goes without foreign keys its events may have been there before it.
        recount_one(conn, state, session.id)?;
    }
    let new = read(conn, session.id)?;
    audit::session(conn, &state.config, session.id, None, new.as_ref())
}

fn change(
    conn: &Conn,
    state: &mut Telemetry,
    id: &str,
    old: &Map<String, Json>,
    update: &SessionUpdate<'_>,
) -> Result<()> {
    let rules = state.rules(conn)?;
    rules.check_record(RuleTable::Sessions, |position| update.set(position))?;
    let counted = has_events(conn, id)?;
    let now = now();
    let set = |position: usize| match position {
        CREATED_AT => Field::Absent,
        UPDATED_AT => Field::Number(now),
        // As long as there are events the counts are ours.
        position if counted && COUNTS.contains(&position) => Field::Absent,
        position => update.set(position),
    };
    let new_id = update.id.unwrap_or(id);
    let renamed = new_id != id;
    // Where somebody goes without foreign keys there may be events that waited for a session of that id.
    let met = renamed && has_events(conn, new_id)?;
    rows::update(conn, &SESSION, Field::Text(id), set)?;
    if renamed {
        rename(conn, state, id, new_id)?;
    }
    if met {
        // Two sessions have become one: what was counted per session is no sum any more.
        recount::recount_sessions(conn, true)?;
        recount::rebuild_stats(conn)?;
        state.counters.recounted();
    }
    let new = read(conn, new_id)?;
    if !met {
        state.counters.session_written(id, duration(old), new.as_ref().and_then(duration));
        state.counters.session_written(new_id, None, None);
    }
    audit::session(conn, &state.config, id, Some(old), new.as_ref())
}

/// Let what refers to a session follow its new id. With foreign keys on, `ON UPDATE CASCADE` has done it.
fn rename(conn: &Conn, state: &mut Telemetry, id: &str, new_id: &str) -> Result<()> {
    state.buffers.forget();
    if state.config.enable_foreign_keys {
        return Ok(());
    }
    for table in ["telemetry_events", "telemetry_buffers", "telemetry_errors"] {
        conn.cached(&format!("UPDATE {table} SET session_id = ?2 WHERE session_id = ?1"))?.execute((id, new_id))?;
    }
    Ok(())
}

/// Recount one session from its events. Without events nothing changes.
fn recount_one(conn: &Conn, state: &mut Telemetry, id: &str) -> Result<u64> {
    let Some(old) = read(conn, id)? else { return Ok(0) };
    let updated = conn
        .cached(
            "UPDATE telemetry_sessions SET (event_count, stream_event_count, error_count, end_time, duration) = (SELECT \
             count(*), count(*) FILTER (WHERE event_type = 'stream'), count(*) FILTER (WHERE event_type = 'error'), \
             max(timestamp), CASE WHEN min(timestamp) <> 0 AND max(timestamp) <> 0 THEN max(timestamp) - min(timestamp) \
             END FROM telemetry_events WHERE session_id = ?1), updated_at = ?2 WHERE id = ?1 AND EXISTS (SELECT 1 FROM \
             telemetry_events WHERE session_id = ?1)",
        )?
        .execute(params![id, now()])?;
    if updated > 0 {
        let new = read(conn, id)?;
        state.counters.session_written(id, duration(&old), new.as_ref().and_then(duration));
    }
    Ok(updated as u64)
}

fn has_events(conn: &Conn, id: &str) -> Result<bool> {
    Ok(conn.cached("SELECT 1 FROM telemetry_events WHERE session_id = ?1 LIMIT 1")?.exists([id])?)
}

fn duration(row: &Map<String, Json>) -> Option<f64> {
    row.get("duration").and_then(Json::as_f64)
}

fn send_relations(conn: &Conn, reply: &dyn Reply, id: &str, [events, buffers, errors]: [bool; 3]) -> Result<()> {
    if events {
        reads::send(conn, &EVENT, &filter::events_of(id), reply)?;
    }
    if buffers {
        reads::send(conn, &BUFFER, &filter::buffers_of(id), reply)?;
    }
    if errors {
        reads::send(conn, &ERROR, &filter::errors_of(id), reply)?;
    }
    Ok(())
}
