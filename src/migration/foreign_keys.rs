#![forbid(unsafe_code)]
//! Enforcement of foreign keys, and rows that refer to nothing.

use std::collections::HashSet;

use rusqlite::Connection;

use crate::error::Result;

/// Whether the connection enforces foreign keys.
pub(super) fn enforced(conn: &Connection) -> Result<bool> {
    Ok(conn.query_row("PRAGMA foreign_keys", [], |row| row.get(0))?)
}

/// Turns enforcement on or off. SQLite ignores this within a transaction.
pub(super) fn enforce(conn: &Connection, on: bool) -> Result<()> {
    Ok(conn.pragma_update(None, "foreign_keys", on)?)
}

/// A row that refers to a row that is not there.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(super) struct Violation {
    pub(super) table: String,
    /// `None` in a table without rowid.
    pub(super) rowid: Option<i64>,
    pub(super) parent: String,
    key: i64,
}

/// All violations in the main database.
pub(super) fn violations(conn: &Connection) -> Result<Vec<Violation>> {
    let mut check = conn.prepare("PRAGMA main.foreign_key_check")?;
    let rows = check.query_map([], |row| {
        Ok(Violation { table: row.get(0)?, rowid: row.get(1)?, parent: row.get(2)?, key: row.get(3)? })
    })?;
    Ok(rows.collect::<rusqlite::Result<_>>()?)
}

/// The first violation of `after` that is not in `before`.
///
/// Rows are compared with their rowids, which a rebuild keeps; the number of the key within the table is not
/// compared, because a rebuild may order keys anew.
pub(super) fn first_new(before: &[Violation], after: Vec<Violation>) -> Option<Violation> {
    let known: HashSet<_> = before.iter().map(|it| (&it.table, it.rowid, &it.parent)).collect();
    after.into_iter().find(|it| !known.contains(&(&it.table, it.rowid, &it.parent)))
}
