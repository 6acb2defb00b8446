#![forbid(unsafe_code)]
//! Journals of older formats: what they say, and how they become ours (migrations.md §7).

use rusqlite::Connection;

use crate::error::Result;

use super::journal::{self, JournalKind, NOW};
use super::schema::{Affinity, Column, Table};

/// Which older format a table is, if it is one.
pub(super) fn kind_of(table: &Table) -> Option<JournalKind> {
    let affinity = |name| table.column(name).map(Column::affinity);
    if table.columns.len() != 3
        || affinity("version") != Some(Affinity::Integer)
        || affinity("name") != Some(Affinity::Text)
    {
        return None;
    }
    let applied_at = table.column("applied_at")?;
    if applied_at.declared.eq_ignore_ascii_case("DATETIME") {
        Some(JournalKind::LegacyText)
    } else {
        (applied_at.affinity() == Affinity::Integer).then_some(JournalKind::LegacyInteger)
    }
}

/// The rows of an older format in the columns of ours. Times below 100 000 000 000 are seconds.
pub(super) fn select(kind: JournalKind) -> String {
    format!(
        "SELECT '{module}' AS module, version, coalesce(name, '') AS name, NULL AS checksum, 0 AS destructive, \
         coalesce(CASE WHEN typeof(applied_at) = 'text' THEN CAST(round(unixepoch(applied_at, 'subsec') * 1000) AS \
         INTEGER) WHEN applied_at < 100000000000 THEN CAST(applied_at * 1000 AS INTEGER) ELSE CAST(applied_at AS \
         INTEGER) END, {NOW}) AS applied_at, 0.0 AS execution_ms FROM main.schema_migrations",
        module = kind.legacy_module()
    )
}

/// Replaces a journal of an older format by ours with the same rows. Part of the caller's transaction.
///
/// # Errors
/// Those of SQLite.
pub(super) fn convert(conn: &Connection, kind: JournalKind) -> Result<()> {
    let rows = journal::all_rows(conn, kind)?;
    conn.execute_batch("DROP TABLE main.schema_migrations")?;
    journal::create(conn)?;
    rows.iter().try_for_each(|row| journal::insert(conn, row))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::migration::{Schema, testing::file};

    fn kind(conn: &Connection) -> Result<JournalKind> {
        JournalKind::of(&Schema::read(conn).expect("schema"), "telemetry")
    }

    #[test]
    fn text_times_of_the_database_module_become_milliseconds() {
        let conn = file(
            "CREATE TABLE schema_migrations (version INTEGER PRIMARY KEY, name TEXT NOT NULL,
               applied_at DATETIME DEFAULT CURRENT_TIMESTAMP);
             INSERT INTO schema_migrations VALUES (1, 'one', '2025-06-15 15:06:40'), (2, 'two', '2025-06-15 15:06:41');",
        );
        let found = kind(&conn).expect("legacy");
        assert_eq!(found, JournalKind::LegacyText);
        let before = journal::rows(&conn, found, "database").expect("rows");
        convert(&conn, found).expect("convert");
        let after = journal::rows(&conn, kind(&conn).expect("ours"), "database").expect("rows");
        assert_eq!(before, after);
        assert_eq!((after.len(), after[0].applied_at, &after[0].checksum), (2, 1_750_000_000_000, &None));
    }

    #[test]
    fn integer_times_belong_to_usage_and_keep_their_milliseconds() {
        let conn = file(
            "CREATE TABLE schema_migrations (version INTEGER PRIMARY KEY, name TEXT, applied_at INTEGER NOT NULL);
             INSERT INTO schema_migrations VALUES (1, 'one', 1750000000123), (2, 'two', 1750000000);",
        );
        let found = kind(&conn).expect("legacy");
        assert_eq!(found, JournalKind::LegacyInteger);
        convert(&conn, found).expect("convert");
        let after = journal::rows(&conn, JournalKind::Current, "usage").expect("rows");
        assert_eq!((after[0].applied_at, after[1].applied_at), (1_750_000_000_123, 1_750_000_000_000));
    }
}
