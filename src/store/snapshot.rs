#![forbid(unsafe_code)]
//! Several statements that see one state of the database.

use super::{Conn, Retry, contain::contained};
use crate::error::Result;

/// Run `run` in a transaction for reading.
pub(super) fn snapshot<T>(conn: &Conn, retry: Retry, run: impl FnOnce(&Conn) -> Result<T>) -> Result<T> {
    conn.cached("BEGIN")?.execute([])?;
    if retry.times > 0
        && let Err(error) = conn.off_the_clock(|| retry.run(|| lock_for_reading(conn)))
    {
        conn.execute_batch("ROLLBACK")?;
        return Err(error);
    }
    let value = contained(|| run(conn));
    let ended = conn.cached("COMMIT").and_then(|mut commit| Ok(commit.execute([])?));
    if ended.is_err() && !conn.is_autocommit() {
        // The deadline has met the COMMIT. A transaction that stays open would keep the WAL from being cut.
        conn.execute_batch("ROLLBACK")?;
    }
    value
}

/// Nothing has been sent yet that a second attempt would send again, and once this has succeeded no lock is in the way.
fn lock_for_reading(conn: &Conn) -> Result<()> {
    conn.cached("SELECT 1 FROM sqlite_schema LIMIT 1")?.exists([])?;
    Ok(())
}
