#![forbid(unsafe_code)]
//! The audit trail: rows that are part of the change's own transaction (telemetry.md §9).

use serde_json::{Map, Value, json};

use super::{
    Action, check,
    config::{AuditScope, TelemetryConfig},
    filter,
    kinds::AuditOperation,
    shape::AUDIT,
    state::Telemetry,
};
use crate::{
    client::{Args, reads},
    clock::now,
    error::Result,
    store::{Cached, Conn},
};

/// Record ids that stand for many rows.
const MANY: &str = "*";

/// One audit row.
#[derive(Debug, Default)]
struct Entry<'a> {
    table: &'a str,
    record_id: &'a str,
    old: Option<&'a Map<String, Value>>,
    new: Option<&'a Map<String, Value>>,
    session_id: Option<&'a str>,
    reason: Option<&'a str>,
    metadata: Option<Value>,
}

/// A session was created (`old` is `None`), deleted (`new` is `None`) or changed.
pub(super) fn session(
    conn: &impl Cached,
    config: &TelemetryConfig,
    id: &str,
    old: Option<&Map<String, Value>>,
    new: Option<&Map<String, Value>>,
) -> Result<()> {
    if config.audit == AuditScope::Off {
        return Ok(());
    }
    let entry = Entry { table: "telemetry_sessions", record_id: id, session_id: Some(id), ..Entry::default() };
    change(conn, config, entry, old, new, &["updatedAt"])
}

/// An error was logged or resolved, or a rule changed, under `audit: 'all'`.
pub(super) fn detail(
    conn: &Conn,
    state: &Telemetry,
    table: &str,
    id: i64,
    old: Option<&Map<String, Value>>,
    new: Option<&Map<String, Value>>,
) -> Result<()> {
    if state.config.audit != AuditScope::All {
        return Ok(());
    }
    let record_id = id.to_string();
    change(conn, &state.config, Entry { table, record_id: &record_id, ..Entry::default() }, old, new, &[])
}

/// Events were inserted by one call, under `audit: 'all'`.
pub(super) fn events_inserted(conn: &Conn, state: &Telemetry, ids: &[i64]) -> Result<()> {
    if state.config.audit != AuditScope::All {
        return Ok(());
    }
    let (Some(first), Some(last)) = (ids.iter().min(), ids.iter().max()) else { return Ok(()) };
    let one = first.to_string();
    let entry = if ids.len() == 1 {
        Entry { table: "telemetry_events", record_id: &one, ..Entry::default() }
    } else {
        let metadata = json!({ "count": ids.len(), "firstId": first, "lastId": last });
        Entry { table: "telemetry_events", record_id: MANY, metadata: Some(metadata), ..Entry::default() }
    };
    write(conn, &state.config, AuditOperation::Insert, entry, None)
}

/// One operation deleted `count` events.
pub(super) fn events_deleted(
    conn: &Conn,
    state: &Telemetry,
    count: u64,
    filter: &Value,
    reason: Option<&str>,
) -> Result<()> {
    rows_deleted(conn, state, "telemetry_events", count, filter, reason)
}

/// One operation deleted `count` rows of `table`.
pub(super) fn rows_deleted(
    conn: &Conn,
    state: &Telemetry,
    table: &str,
    count: u64,
    filter: &Value,
    reason: Option<&str>,
) -> Result<()> {
    if state.config.audit == AuditScope::Off || count == 0 {
        return Ok(());
    }
    let metadata = Some(json!({ "count": count, "filter": filter }));
    write(
        conn,
        &state.config,
        AuditOperation::Delete,
        Entry { table, record_id: MANY, reason, metadata, ..Entry::default() },
        None,
    )
}

/// getAuditTrail
pub(super) fn trail(args: &Args) -> Result<Action> {
    let table = check::text_argument("table", args.field(0))?;
    let record_id = check::text_argument("recordId", args.field(1))?;
    let limit = check::limit_argument(args.field(2))?;
    reads::list(&AUDIT, filter::audit_trail(table, record_id, limit))
}

/// Compare two states of a row and write what differs; `derived` columns alone are no change.
fn change(
    conn: &impl Cached,
    config: &TelemetryConfig,
    entry: Entry<'_>,
    old: Option<&Map<String, Value>>,
    new: Option<&Map<String, Value>>,
    derived: &[&str],
) -> Result<()> {
    let (Some(before), Some(after)) = (old, new) else {
        let operation = if old.is_none() { AuditOperation::Insert } else { AuditOperation::Delete };
        return write(conn, config, operation, Entry { old, new, ..entry }, None);
    };
    let changed: Vec<&String> =
        after.keys().filter(|key| !derived.contains(&key.as_str()) && before.get(*key) != after.get(*key)).collect();
    if changed.is_empty() {
        return Ok(());
    }
    let only = |row: &Map<String, Value>| -> Map<String, Value> {
        changed.iter().filter_map(|key| Some(((*key).clone(), row.get(*key)?.clone()))).collect()
    };
    let (old, new) = (only(before), only(after));
    let fields = serde_json::to_string(&changed).unwrap_or_default();
    write(conn, config, AuditOperation::Update, Entry { old: Some(&old), new: Some(&new), ..entry }, Some(fields))
}

fn write(
    conn: &impl Cached,
    config: &TelemetryConfig,
    operation: AuditOperation,
    entry: Entry<'_>,
    changed_fields: Option<String>,
) -> Result<()> {
    let text = |row: Option<&Map<String, Value>>| row.and_then(|row| serde_json::to_string(row).ok());
    let now = now();
    conn.cached(
        "INSERT INTO main.telemetry_audit_log (table_name, record_id, operation, old_values, new_values, changed_fields, user_id, \
         session_id, reason, metadata, timestamp, created_at) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?11)",
    )?
    .execute(rusqlite::params![
        entry.table,
        entry.record_id,
        operation.as_str(),
        text(entry.old),
        text(entry.new),
        changed_fields,
        config.audit_user_id,
        entry.session_id,
        entry.reason,
        entry.metadata.map(|metadata| metadata.to_string()),
        now,
    ])?;
    Ok(())
}
