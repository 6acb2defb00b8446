#![forbid(unsafe_code)]
//! Adopting the files of the usage-tracking server (usage.md §3): the same two tables with times in seconds, and with a
//! foreign key that cannot work or none.

use rusqlite::Connection;

use crate::error::Result;
use crate::migration::Column;
use crate::telemetry;

/// Columns in which values below 100 000 000 000 are seconds.
const TIMES: [&str; 3] = ["created_at", "updated_at", "timestamp"];

/// Seconds become milliseconds.
pub(super) fn value(column: &Column) -> Option<String> {
    let name = TIMES.iter().find(|name| **name == column.name)?;
    Some(format!(
        "CASE WHEN typeof({name}) IN ('integer', 'real') AND {name} < 100000000000 THEN CAST({name} * 1000 AS INTEGER) \
         ELSE {name} END"
    ))
}

/// Sessions that only snapshots know of get a row, so that no snapshot is lost.
pub(super) fn add_missing_sessions(conn: &Connection) -> Result<()> {
    telemetry::add_ended_sessions(
        conn,
        "SELECT session_id, min(CAST(timestamp AS REAL)), max(CAST(timestamp AS REAL)) FROM main.usage_snapshots GROUP BY 1",
    )
}
