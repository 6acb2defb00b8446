#![forbid(unsafe_code)]
//! Enforcement of foreign keys, and rows that refer to nothing.

use std::collections::HashMap;

use rusqlite::{Connection, ErrorCode};

use crate::error::Result;

use super::schema::{Schema, quoted};

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
    /// The parent table; what SQLite says about it if the key cannot be checked.
    pub(super) parent: String,
}

/// All violations in the main database.
pub(super) fn violations(conn: &Connection) -> Result<Vec<Violation>> {
    match check(conn, "PRAGMA main.foreign_key_check") {
        Ok(violations) => Ok(violations),
        // One key that cannot be checked ends the check of the whole file, and it may be in a table of the owner's.
        Err(rusqlite::Error::SqliteFailure(..)) => check_each(conn),
        Err(error) => Err(error.into()),
    }
}

/// Table by table. A key whose parent has no matching unique index counts as one violation without a row.
fn check_each(conn: &Connection) -> Result<Vec<Violation>> {
    let mut all = Vec::new();
    for table in Schema::read(conn)?.tables {
        match check(conn, &format!("PRAGMA main.foreign_key_check({})", quoted(&table.name))) {
            Ok(violations) => all.extend(violations),
            Err(rusqlite::Error::SqliteFailure(error, Some(message))) if error.code == ErrorCode::Unknown => {
                let key = Violation { table: table.name, rowid: None, parent: message };
                all.push(key);
            }
            Err(error) => return Err(error.into()),
        }
    }
    Ok(all)
}

fn check(conn: &Connection, pragma: &str) -> rusqlite::Result<Vec<Violation>> {
    let mut check = conn.prepare(pragma)?;
    let rows =
        check.query_map([], |row| Ok(Violation { table: row.get(0)?, rowid: row.get(1)?, parent: row.get(2)? }))?;
    rows.collect()
}

/// The first violation of `after` that is not in `before`, or not as often: in a table without rowid all look alike.
///
/// Rows are compared by table, rowid and parent. The number of the key within its table says nothing: a rebuild may
/// order keys anew.
pub(super) fn first_new(before: &[Violation], after: Vec<Violation>) -> Option<Violation> {
    let mut known = HashMap::<_, usize>::new();
    before.iter().for_each(|it| *known.entry(it).or_default() += 1);
    after.into_iter().find(|it| match known.get_mut(it) {
        Some(left @ 1..) => {
            *left -= 1;
            false
        }
        _ => true,
    })
}
