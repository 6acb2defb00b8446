#![forbid(unsafe_code)]
//! Sessions that another module of the file refers to and that nobody has created: agent and mode are unknown.

use rusqlite::Connection;

use super::{
    audit,
    check::{NewSession, SessionDetails},
    config::{Environment, TelemetryConfig},
    kinds::RuleTable,
    rule_table,
    shape::SESSION,
    statistics::recount,
};
use crate::{client::rows, clock::now, error::Result, packed::Input};

/// Agent and mode of a session of which nothing else is known.
const UNKNOWN: &str = "unknown";

/// Whether the session has a row.
///
/// # Errors
/// Those of SQLite.
pub fn has_session(conn: &Connection, id: &str) -> Result<bool> {
    Ok(conn.prepare_cached("SELECT 1 FROM main.telemetry_sessions WHERE id = ?1")?.exists([id])?)
}

/// Add an active session, as a client of telemetry without configuration would: within the file's validation rules, with
/// its row in the audit trail, and with true counts. The caller's transaction is the frame.
///
/// # Errors
/// [`crate::error::Error::Validation`] by a validation rule, and those of SQLite.
pub fn add_session(conn: &Connection, id: &str, start_time: f64) -> Result<()> {
    let config = TelemetryConfig::parse(&Input::Undefined, &Environment::default())?;
    let details = SessionDetails::default();
    let session = NewSession { id, agent_type: UNKNOWN, mode: UNKNOWN, status: None, start_time, details };
    let now = now();
    let stored = |position| session.stored(position, now);
    rule_table::active(conn)?.check_record(RuleTable::Sessions, stored)?;
    rows::insert(conn, &SESSION, stored)?;
    // Where somebody goes without foreign keys, a session's events may have been there before it. They are in the totals
    // already; only its own counts are not.
    if conn.prepare_cached("SELECT 1 FROM main.telemetry_events WHERE session_id = ?1 LIMIT 1")?.exists([id])? {
        recount::recount_sessions(conn, true)?;
    }
    let new = rows::read(conn, &SESSION, id)?;
    audit::session(conn, &config, id, None, new.as_ref())
}

/// Add completed sessions: those of `source`, a SELECT of id, start and end time, that have no row. Part of an adoption,
/// which the audit trail does not tell of.
///
/// # Errors
/// Those of SQLite.
pub fn add_ended_sessions(conn: &Connection, source: &str) -> Result<()> {
    let mut insert = conn.prepare(&format!(
        "INSERT INTO main.telemetry_sessions (id, agent_type, mode, status, start_time, end_time) \
         SELECT id, '{UNKNOWN}', '{UNKNOWN}', 'completed', start_time, end_time \
         FROM (SELECT NULL AS id, NULL AS start_time, NULL AS end_time WHERE 0 UNION ALL {source}) \
         WHERE typeof(id) = 'text' AND id NOT IN (SELECT id FROM main.telemetry_sessions) \
         RETURNING EXISTS (SELECT 1 FROM main.telemetry_events WHERE session_id = telemetry_sessions.id)"
    ))?;
    let have_events = insert.query_map([], |row| row.get(0))?.collect::<rusqlite::Result<Vec<bool>>>()?;
    if have_events.contains(&true) {
        recount::recount_sessions(conn, true)?;
    }
    Ok(())
}
