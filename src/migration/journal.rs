#![forbid(unsafe_code)]
//! The journal `schema_migrations`: what has been applied to a file, for all modules (migrations.md §2).

use rusqlite::{Connection, params};
use serde::Serialize;

use crate::error::Result;

use super::definition::same_definition;
use super::error::{MigrationCode, MigrationError};
use super::legacy_journal;
use super::schema::{Affinity, Schema, Table};

/// Name of the journal's table.
pub const TABLE: &str = "schema_migrations";

/// Milliseconds since 1970, in SQL.
pub const NOW: &str = "CAST(round(unixepoch('subsec') * 1000) AS INTEGER)";

const CREATE: &str = "CREATE TABLE schema_migrations (
  module TEXT NOT NULL,
  version INTEGER NOT NULL CHECK (version >= 1),
  name TEXT NOT NULL,
  checksum TEXT,
  destructive INTEGER NOT NULL DEFAULT 0 CHECK (destructive IN (0, 1)),
  applied_at INTEGER NOT NULL,
  execution_ms REAL NOT NULL DEFAULT 0,
  PRIMARY KEY (module, version)
)";

// status and the command line list by time.
const CREATE_INDEX: &str = "CREATE INDEX main.idx_schema_migrations_applied_at ON schema_migrations(applied_at)";

/// What the table of the journal's name is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum JournalKind {
    /// There is none.
    Missing,
    /// Ours.
    Current,
    /// `(version, name, applied_at DATETIME)`: the older format of module `database`.
    LegacyText,
    /// `(version, name, applied_at INTEGER)`: the older format of module `usage`.
    LegacyInteger,
}

impl JournalKind {
    /// Looks for the journal of a file, and at nothing else in it.
    ///
    /// # Errors
    /// As [`JournalKind::of`], and those of SQLite.
    pub fn read(conn: &Connection, module: &str) -> Result<Self> {
        Self::of(&Schema::read_named(conn, TABLE)?, module)
    }

    /// Recognises the journal of a file.
    ///
    /// # Errors
    /// `MIGRATION_CONFLICT` if the name is taken by anything else.
    pub fn of(schema: &Schema, module: &str) -> Result<Self> {
        let Some(table) = schema.table(TABLE) else {
            return match schema.kind_of(TABLE) {
                None => Ok(Self::Missing),
                Some(found) => Err(MigrationError::conflict(module, TABLE, "the journal", found).into()),
            };
        };
        if is_current(table) {
            return Ok(Self::Current);
        }
        legacy_journal::kind_of(table).ok_or_else(|| {
            let expected = "the journal (module, version, name, checksum, destructive, applied_at, execution_ms)";
            MigrationError::conflict(module, TABLE, expected, format!("a table {}", table.signature())).into()
        })
    }

    /// The older format is to be converted.
    pub fn is_legacy(self) -> bool {
        matches!(self, Self::LegacyText | Self::LegacyInteger)
    }

    /// The module that all rows of an older format belong to.
    pub(super) fn legacy_module(self) -> &'static str {
        if self == Self::LegacyText { "database" } else { "usage" }
    }
}

fn is_current(table: &Table) -> bool {
    let columns = [
        ("module", Affinity::Text, 1),
        ("version", Affinity::Integer, 2),
        ("name", Affinity::Text, 0),
        ("checksum", Affinity::Text, 0),
        ("destructive", Affinity::Integer, 0),
        ("applied_at", Affinity::Integer, 0),
        ("execution_ms", Affinity::Real, 0),
    ];
    same_definition(&table.sql, CREATE)
        || table.columns.len() == columns.len()
            && columns.iter().all(|(name, affinity, key)| {
                table.column(name).is_some_and(|it| it.affinity() == *affinity && it.key == *key)
            })
}

/// One applied migration.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct JournalRow {
    /// Owner.
    pub module: String,
    /// Position in the module's set.
    pub version: i64,
    /// Its name at that time.
    pub name: String,
    /// `None` only for a converted row whose set has not been opened yet.
    pub checksum: Option<String>,
    /// By its flag, or found so when it ran.
    pub destructive: bool,
    /// Milliseconds since 1970.
    pub applied_at: i64,
    /// How long it took.
    pub execution_ms: f64,
}

/// The rows of `module`, by version. Older formats are read as what they will become.
///
/// # Errors
/// Those of SQLite.
pub fn rows(conn: &Connection, kind: JournalKind, module: &str) -> Result<Vec<JournalRow>> {
    Ok(all_rows(conn, kind)?.into_iter().filter(|row| row.module == module).collect())
}

/// The rows of every module, by module and version.
///
/// # Errors
/// Those of SQLite.
pub fn all_rows(conn: &Connection, kind: JournalKind) -> Result<Vec<JournalRow>> {
    let sql = match kind {
        JournalKind::Missing => return Ok(Vec::new()),
        JournalKind::Current => "SELECT * FROM main.schema_migrations ORDER BY module, version".to_owned(),
        JournalKind::LegacyText | JournalKind::LegacyInteger => {
            format!("{} ORDER BY version", legacy_journal::select(kind))
        }
    };
    let mut list = conn.prepare(&sql)?;
    let rows = list.query_map([], |row| {
        Ok(JournalRow {
            module: row.get("module")?,
            version: row.get("version")?,
            name: row.get("name")?,
            checksum: row.get("checksum")?,
            destructive: row.get("destructive")?,
            applied_at: row.get("applied_at")?,
            execution_ms: row.get("execution_ms")?,
        })
    })?;
    Ok(rows.collect::<rusqlite::Result<_>>()?)
}

/// Creates the journal unless it is there.
///
/// # Errors
/// Those of SQLite.
pub fn create(conn: &Connection) -> Result<()> {
    let exists: bool = conn.query_row(
        "SELECT count(*) FROM main.sqlite_schema WHERE type = 'table' AND name = 'schema_migrations'",
        [],
        |row| row.get(0),
    )?;
    if !exists {
        conn.execute_batch(CREATE)?;
        conn.execute_batch(CREATE_INDEX)?;
    }
    Ok(())
}

/// Records an applied migration.
///
/// # Errors
/// Those of SQLite.
pub fn insert(conn: &Connection, row: &JournalRow) -> Result<()> {
    conn.execute(
        "INSERT INTO main.schema_migrations (module, version, name, checksum, destructive, applied_at, execution_ms) \
         VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7)",
        params![row.module, row.version, row.name, row.checksum, row.destructive, row.applied_at, row.execution_ms],
    )?;
    Ok(())
}

/// Forgets a migration that was rolled back.
///
/// # Errors
/// Those of SQLite.
pub fn delete(conn: &Connection, module: &str, version: i64) -> Result<()> {
    conn.execute("DELETE FROM main.schema_migrations WHERE module = ?1 AND version = ?2", params![module, version])?;
    Ok(())
}

/// Gives a converted row the checksum it did not have.
///
/// # Errors
/// Those of SQLite.
pub fn set_checksum(conn: &Connection, module: &str, version: i64, checksum: &str) -> Result<()> {
    conn.execute(
        "UPDATE main.schema_migrations SET checksum = ?3 WHERE module = ?1 AND version = ?2 AND checksum IS NULL",
        params![module, version, checksum],
    )?;
    Ok(())
}

/// Now, as the journal stores it.
///
/// # Errors
/// Those of SQLite.
pub fn now(conn: &Connection) -> Result<i64> {
    Ok(conn.query_row(&format!("SELECT {NOW}"), [], |row| row.get(0))?)
}

/// Refuses versions that are not 1..k.
///
/// # Errors
/// `MIGRATION_GAP`
pub fn check_order(module: &str, rows: &[JournalRow]) -> Result<()> {
    for (expected, row) in (1..).zip(rows) {
        if row.version != expected {
            return Err(MigrationError::new(
                MigrationCode::Gap,
                module,
                format!(
                    "The journal of {module} must hold versions 1 to {}. Found gap at version {expected}",
                    rows.len()
                ),
            )
            .at(expected)
            .into());
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::error::Error;
    use crate::migration::testing::file;

    fn kind(conn: &Connection) -> Result<JournalKind> {
        JournalKind::of(&Schema::read(conn).expect("schema"), "telemetry")
    }

    #[test]
    fn our_journal_is_recognised_as_ours() {
        let conn = file("");
        assert_eq!(kind(&conn).expect("none"), JournalKind::Missing);
        create(&conn).expect("create");
        create(&conn).expect("create again");
        assert_eq!(kind(&conn).expect("ours"), JournalKind::Current);
    }

    #[test]
    fn any_other_table_of_that_name_is_a_conflict() {
        for sql in [
            "CREATE TABLE schema_migrations (version INTEGER PRIMARY KEY, foo TEXT)",
            "CREATE TABLE schema_migrations (version INTEGER, name TEXT, applied_at DATETIME, extra TEXT)",
            "CREATE VIEW schema_migrations AS SELECT 1",
        ] {
            let error = kind(&file(sql)).expect_err("conflict");
            assert!(matches!(error, Error::Migration(error) if error.code == MigrationCode::Conflict), "{sql}");
        }
    }
}
