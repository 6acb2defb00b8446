#![forbid(unsafe_code)]
//! The transaction of a write: one of its own, or a savepoint in that of the caller.

use rusqlite::Connection;

use crate::error::Result;

/// Run `work` so that it happens as a whole or not at all.
pub(super) fn write<T>(conn: &Connection, work: impl FnOnce() -> Result<T>) -> Result<T> {
    let (begin, keep, undo) = if conn.is_autocommit() {
        ("BEGIN IMMEDIATE", "COMMIT", "ROLLBACK")
    } else {
        ("SAVEPOINT usage_call", "RELEASE usage_call", "ROLLBACK TO usage_call; RELEASE usage_call")
    };
    conn.execute_batch(begin)?;
    let done = work().and_then(|value| {
        conn.execute_batch(keep)?;
        Ok(value)
    });
    // A full disk, for instance, has had SQLite roll back by itself.
    if done.is_err() && !conn.is_autocommit() {
        conn.execute_batch(undo)?;
    }
    done
}
