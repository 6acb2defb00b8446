#![forbid(unsafe_code)]
//! The set that a file's journal tells of, for those who have no list at hand.

use rusqlite::Connection;

use crate::error::Result;

use super::journal::{self, JournalKind};
use super::set::{Migration, MigrationSet};

/// The applied migrations of `module`: `given` where it has that version, those of `built_in` where they have that name,
/// and any other as a function that nobody has here.
///
/// # Errors
/// `MIGRATION_CONFLICT`, `MIGRATION_GAP`, and those of SQLite.
pub fn recorded(
    conn: &Connection,
    module: &str,
    built_in: Option<&MigrationSet>,
    given: Option<&Migration>,
) -> Result<MigrationSet> {
    let kind = JournalKind::read(conn, module)?;
    let rows = journal::rows(conn, kind, module)?;
    journal::check_order(module, &rows)?;
    let migrations = rows.into_iter().map(|row| {
        let known = || built_in.and_then(|set| set.get(row.version)).filter(|it| it.name == row.name);
        let found = given.filter(|it| it.version == row.version).or_else(known).cloned();
        found.unwrap_or_else(|| Migration::external(row.version, row.name, false))
    });
    let set = MigrationSet::new(module, migrations.collect())?;
    Ok(match built_in {
        Some(built_in) => set.like(built_in),
        None => set,
    })
}
