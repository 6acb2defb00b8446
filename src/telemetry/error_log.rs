#![forbid(unsafe_code)]
//! Errors that agents report.

use rusqlite::{OptionalExtension, params};
use serde_json::{Map, Value as Json};

use super::{
    Action, audit,
    check::{self, Argument, NewError},
    filter::ErrorFilter,
    sessions,
    shape::ERROR,
    state::Telemetry,
};
use crate::{
    client::{Args, Value, nothing, reads, rows},
    clock::now,
    error::Result,
    store::Conn,
};

const INSERT: &str = "INSERT INTO telemetry_errors (id, session_id, event_id, error_type, error_message, error_stack, context, \
    severity, resolved, metadata, timestamp, created_at, resolved_at, resolved_by, version, schema_version) VALUES (?1, ?2, \
    ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14, ?15, ?16)";

/// logError. It does not fail because of the error that it logs: references that lead nowhere are kept as metadata.
pub(super) fn log(args: &Args) -> Result<Action> {
    let batch = args.record(0, || check::not_an_object(Argument::Error))?;
    check::error(&batch.record(0))?;
    Action::write(INSERT, batch.bytes(), move |conn, state| {
        let error = check::error(&batch.record(0))?;
        state.growing(conn, batch.bytes(), |state| insert(conn, state, &error))?;
        nothing(1)
    })
}

/// resolveError: whether there is such an error.
pub(super) fn resolve(args: &Args) -> Result<Action> {
    let id = check::row_id_argument("id", args.field(0))?;
    let resolved_by = check::optional_text_argument("resolvedBy", args.field(1))?.map(str::to_owned);
    const UPDATE: &str = "UPDATE telemetry_errors SET resolved = 1, resolved_at = ?2, resolved_by = ?3 WHERE id = ?1";
    Action::write(UPDATE, 0, move |conn, state| {
        let old = rows::read(conn, &ERROR, id)?;
        let found = conn.cached(UPDATE)?.execute((id, now(), &resolved_by))? > 0;
        if found {
            let new = rows::read(conn, &ERROR, id)?;
            audit::detail(conn, state, ERROR.table, id, old.as_ref(), new.as_ref())?;
        }
        Ok((Value::Boolean(found), Some(found.into())))
    })
}

/// getRecentErrors
pub(super) fn recent(args: &Args) -> Result<Action> {
    let limit = check::limit_argument(args.field(0))?;
    reads::list(&ERROR, ErrorFilter::recent(limit).to_sql())
}

/// queryErrors
pub(super) fn query(args: &Args) -> Result<Action> {
    reads::list(&ERROR, ErrorFilter::query(args.plain(0))?.to_sql())
}

fn insert(conn: &Conn, state: &mut Telemetry, error: &NewError<'_>) -> Result<()> {
    let session_id = match error.session_id {
        Some(id) if sessions::exists(conn, id)? => Some(id),
        _ => None,
    };
    let event_id = match error.event_id {
        Some(id) => conn
            .cached("SELECT id FROM telemetry_events WHERE id = ?1")?
            .query_row([id], |row| row.get::<_, i64>(0))
            .optional()?,
        None => None,
    };
    let lost_session = error.session_id.filter(|_| session_id.is_none());
    let lost_event = error.event_id.filter(|_| event_id.is_none());
    let metadata = with_lost_references(error.metadata, lost_session, lost_event);
    let now = now();
    conn.cached(INSERT)?.execute(params![
        error.id,
        session_id,
        event_id,
        error.error_type,
        error.error_message,
        error.error_stack,
        error.context,
        error.severity.as_str(),
        error.resolved,
        metadata,
        error.timestamp.unwrap_or(now),
        now,
        error.resolved_at,
        error.resolved_by,
        error.version(),
        error.schema_version(),
    ])?;
    let id = conn.last_insert_rowid();
    let new = rows::read(conn, &ERROR, id)?;
    audit::detail(conn, state, ERROR.table, id, None, new.as_ref())
}

/// Keep references that lead nowhere in the metadata, if that is empty or a JSON object.
fn with_lost_references(metadata: Option<&str>, session: Option<&str>, event: Option<i64>) -> Option<String> {
    let unchanged = || metadata.map(str::to_owned);
    if session.is_none() && event.is_none() {
        return unchanged();
    }
    let mut object: Map<String, Json> = match metadata.filter(|text| !text.trim().is_empty()) {
        None => Map::new(),
        Some(text) => match serde_json::from_str(text) {
            Ok(object) => object,
            Err(_) => return unchanged(),
        },
    };
    if let Some(session) = session {
        object.insert("unresolvedSessionId".to_owned(), session.into());
    }
    if let Some(event) = event {
        object.insert("unresolvedEventId".to_owned(), event.into());
    }
    Some(Json::Object(object).to_string())
}
