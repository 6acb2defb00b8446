#![forbid(unsafe_code)]
//! The history: the rows of `usage_snapshots`.

use rusqlite::{Connection, ToSql, params};
use serde_json::{Map, Value as Json};

use super::{MissingSession, Rows, check, rows, transaction};
use crate::error::{Error, Result};
use crate::packed::Input;
use crate::telemetry;

const SELECT: &str = "SELECT id, session_id, snapshot_data, snapshot_type, timestamp FROM main.usage_snapshots";
const NEWEST_FIRST: &str = "ORDER BY timestamp DESC, id DESC";

/// insertUsageSnapshot: the row as it was stored.
pub(super) fn insert(conn: &Connection, snapshot: &Input, missing: MissingSession) -> Result<Json> {
    let snapshot = check::snapshot(snapshot)?;
    transaction::write(conn, || {
        if !telemetry::has_session(conn, snapshot.session_id)? {
            match missing {
                MissingSession::Reject => return Err(session_not_found(snapshot.session_id)),
                #[allow(clippy::cast_precision_loss, reason = "below 2^53")]
                MissingSession::Create => {
                    telemetry::add_session(conn, snapshot.session_id, snapshot.timestamp as f64)?;
                }
            }
        }
        let id = conn
            .prepare_cached(
                "INSERT INTO main.usage_snapshots (session_id, snapshot_data, snapshot_type, timestamp) \
                 VALUES (?1, ?2, ?3, ?4)",
            )?
            .insert(params![snapshot.session_id, snapshot.data, snapshot.kind, snapshot.timestamp])?;
        Ok(rows::all(conn, &format!("{SELECT} WHERE id = ?1"), [id])?.into_first().unwrap_or_default())
    })
}

fn session_not_found(id: &str) -> Error {
    let details = Map::from_iter([("sessionId".to_owned(), id.into())]);
    let message = format!("There is no session \"{id}\": create it first, or open with missingSession 'create'");
    Error::refused("USAGE_SESSION_NOT_FOUND", message, details)
}

/// getUsageSnapshots: those since a time, of one session or of all.
pub(super) fn recent(conn: &Connection, session: &Input, limit: &Input, hours_back: &Input) -> Result<Rows> {
    let (session, limit, since) = (check::optional_session(session)?, check::limit(limit)?, check::since(hours_back)?);
    let of_session = if session.is_some() { "session_id = ?3 AND " } else { "" };
    let sql = format!("{SELECT} WHERE {of_session}timestamp >= ?1 {NEWEST_FIRST} LIMIT ?2");
    let mut params: Vec<&dyn ToSql> = vec![&since, &limit];
    params.extend(session.as_ref().map(|session| session as &dyn ToSql));
    rows::all(conn, &sql, &params[..])
}

/// getUsageSnapshotsBySession: all of one session.
pub(super) fn of_session(conn: &Connection, session: &Input) -> Result<Rows> {
    let session = check::session(session)?;
    rows::all(conn, &format!("{SELECT} WHERE session_id = ?1 {NEWEST_FIRST}"), [session])
}

/// deleteOldUsageSnapshots: how many went.
pub(super) fn delete_old(conn: &Connection, days_old: &Input) -> Result<usize> {
    let before = check::before(days_old)?;
    transaction::write(conn, || {
        Ok(conn.prepare_cached("DELETE FROM main.usage_snapshots WHERE timestamp < ?1")?.execute([before])?)
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::usage::testing::file;

    #[test]
    fn every_query_goes_through_an_index_and_sorts_nothing() {
        let conn = file();
        let plan = |sql: &str| -> String {
            let mut explain = conn.prepare(&format!("EXPLAIN QUERY PLAN {sql}")).expect("plan");
            let steps =
                explain.query_map(rusqlite::params_from_iter(vec![1; explain.parameter_count()]), |row| row.get(3));
            steps.expect("plan").collect::<rusqlite::Result<Vec<String>>>().expect("plan").join("; ")
        };
        for (sql, index) in [
            (format!("{SELECT} WHERE timestamp >= ?1 {NEWEST_FIRST} LIMIT ?2"), "timestamp (timestamp>?)"),
            (
                format!("{SELECT} WHERE session_id = ?3 AND timestamp >= ?1 {NEWEST_FIRST} LIMIT ?2"),
                "session_id (session_id=? AND timestamp>?)",
            ),
            (format!("{SELECT} WHERE session_id = ?1 {NEWEST_FIRST}"), "session_id (session_id=?)"),
            ("DELETE FROM main.usage_snapshots WHERE timestamp < ?1".to_owned(), "timestamp (timestamp<?)"),
        ] {
            let steps = plan(&sql);
            assert!(steps.contains(&format!("INDEX idx_usage_snapshots_{index}")), "{sql}: {steps}");
            assert!(!steps.contains("TEMP B-TREE"), "{sql}: {steps}");
        }
    }
}
