#![forbid(unsafe_code)]
//! Deleting so that nothing can be read in the free pages (sqlite.org/pragma.html#pragma_secure_delete).

use rusqlite::Connection;

use crate::error::Result;

/// Run `work` so that what it deletes or replaces is overwritten with zeros in the file.
///
/// # Errors
/// Those of `work` and of SQLite.
pub fn overwriting<T>(conn: &Connection, work: impl FnOnce() -> Result<T>) -> Result<T> {
    let before: i64 = conn.query_row("PRAGMA secure_delete", [], |row| row.get(0))?;
    conn.pragma_update(None, "secure_delete", true)?;
    let done = work();
    conn.pragma_update(None, "secure_delete", before)?;
    done
}
