//! Files for the tests of the engine and of the modules.

use rusqlite::Connection;

use super::MigrationSet;
use crate::error::Result;

/// A database in memory with what `sql` makes.
pub(crate) fn file(sql: &str) -> Connection {
    let conn = Connection::open_in_memory().expect("open");
    conn.execute_batch(sql).expect("fixture");
    conn
}

/// A database in memory with these sets, one after another: everything applied, nothing to warn of.
pub(crate) fn migrated<const N: usize>(sets: [Result<MigrationSet>; N]) -> Connection {
    let mut conn = file("");
    for set in sets.map(|set| set.expect("set")) {
        let opened = super::open(&mut conn, &set).expect("migrate");
        assert!(opened.prepared.warnings.is_empty() && opened.items.iter().all(|item| item.executed));
    }
    conn
}
