#![forbid(unsafe_code)]
//! `migration_quarantine`: rows that an adoption could not keep as they were (migrations.md §7). Nothing is lost.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use rusqlite::types::ValueRef;
use rusqlite::{Connection, Row, ffi, params};

use crate::error::{Error, Result};

use super::journal::NOW;

const CREATE: &str = "CREATE TABLE IF NOT EXISTS main.migration_quarantine (
  id INTEGER PRIMARY KEY,
  module TEXT NOT NULL,
  source_table TEXT NOT NULL,
  row TEXT NOT NULL,
  reason TEXT NOT NULL CHECK (reason IN ('foreign_key', 'check', 'not_null', 'unique')),
  moved_at INTEGER NOT NULL
)";

/// Which constraint of the definition refused a row.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Reason {
    ForeignKey,
    Check,
    NotNull,
    Unique,
}

impl Reason {
    fn as_str(self) -> &'static str {
        match self {
            Self::ForeignKey => "foreign_key",
            Self::Check => "check",
            Self::NotNull => "not_null",
            Self::Unique => "unique",
        }
    }

    /// The constraint behind an error of SQLite; `None` if it was something else.
    pub(super) fn of(error: &Error) -> Option<Self> {
        let Error::Sqlite { extended, .. } = error else { return None };
        match *extended {
            ffi::SQLITE_CONSTRAINT_NOTNULL => Some(Self::NotNull),
            ffi::SQLITE_CONSTRAINT_UNIQUE | ffi::SQLITE_CONSTRAINT_PRIMARYKEY | ffi::SQLITE_CONSTRAINT_ROWID => {
                Some(Self::Unique)
            }
            // A text in an INTEGER PRIMARY KEY or a STRICT column is refused for what it is, like by a CHECK.
            ffi::SQLITE_CONSTRAINT_CHECK | ffi::SQLITE_CONSTRAINT_DATATYPE | ffi::SQLITE_MISMATCH => Some(Self::Check),
            _ => None,
        }
    }
}

/// What became of a row.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Fate {
    /// It is in the quarantine only.
    Moved,
    /// It stayed, with a refused value set to NULL; the quarantine has the original.
    Cleared,
}

/// Writes to the quarantine of one module, and counts.
#[derive(Debug)]
pub(super) struct Quarantine<'a> {
    conn: &'a Connection,
    module: String,
    counts: BTreeMap<(String, Fate, Reason), u64>,
}

impl<'a> Quarantine<'a> {
    pub(super) fn new(conn: &'a Connection, module: &str) -> Self {
        Self { conn, module: module.to_owned(), counts: BTreeMap::new() }
    }

    /// Records one row, given as JSON.
    pub(super) fn put(&mut self, table: &str, row: &str, fate: Fate, reason: Reason) -> Result<()> {
        if self.counts.is_empty() {
            self.conn.execute_batch(CREATE)?;
        }
        self.conn
            .prepare_cached(&format!(
                "INSERT INTO main.migration_quarantine (module, source_table, row, reason, moved_at) \
                 VALUES (?1, ?2, ?3, ?4, {NOW})"
            ))?
            .execute(params![self.module, table, row, reason.as_str()])?;
        *self.counts.entry((table.to_owned(), fate, reason)).or_default() += 1;
        Ok(())
    }

    /// The counts, for `logger.warn`.
    pub(super) fn warnings(&self) -> Vec<String> {
        let text = |((table, fate, reason), count): (&(String, Fate, Reason), &u64)| {
            let rows = if *count == 1 { "row" } else { "rows" };
            let module = &self.module;
            match fate {
                Fate::Moved => {
                    format!("{module}: {count} {rows} of {table} moved to migration_quarantine ({})", reason.as_str())
                }
                Fate::Cleared => format!(
                    "{module}: a refused value was set to NULL in {count} {rows} of {table}, originals in \
                     migration_quarantine ({})",
                    reason.as_str()
                ),
            }
        };
        self.counts.iter().map(text).collect()
    }
}

/// A row as a JSON object: the columns from `first` on, under `names`.
pub(super) fn row_json(row: &Row<'_>, names: &[String], first: usize) -> Result<String> {
    let mut json = String::from("{");
    for (position, name) in names.iter().enumerate() {
        let comma = if position == 0 { "" } else { "," };
        let name = serde_json::Value::from(name.as_str());
        // Writing to a String cannot fail.
        let _ = write!(json, "{comma}{name}:");
        write_value(&mut json, row.get_ref(first + position)?);
    }
    json.push('}');
    Ok(json)
}

fn write_value(json: &mut String, value: ValueRef<'_>) {
    let text = match value {
        ValueRef::Null => "null".to_owned(),
        ValueRef::Integer(number) => number.to_string(),
        // JSON has no infinity. SQLite writes it like this too, and every parser reads it back.
        ValueRef::Real(number) if number.is_infinite() => {
            if number > 0.0 {
                "9e999".to_owned()
            } else {
                "-9e999".to_owned()
            }
        }
        ValueRef::Real(number) => serde_json::Value::from(number).to_string(),
        ValueRef::Text(bytes) => match std::str::from_utf8(bytes) {
            Ok(text) => serde_json::Value::from(text).to_string(),
            Err(_) => blob(bytes),
        },
        ValueRef::Blob(bytes) => blob(bytes),
    };
    json.push_str(&text);
}

fn blob(bytes: &[u8]) -> String {
    format!("{{\"$blob\":\"{}\"}}", STANDARD.encode(bytes))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_row_keeps_every_value_in_json() {
        let conn = Connection::open_in_memory().expect("open");
        let json: String = conn
            .query_row("SELECT 1, 1.5, 9e999, 'a\"b', x'00ff', NULL, CAST(x'ff' AS TEXT)", [], |row| {
                let names: Vec<_> = (0..7).map(|number| format!("c{number}")).collect();
                Ok(row_json(row, &names, 0).expect("json"))
            })
            .expect("row");
        assert_eq!(
            json,
            r#"{"c0":1,"c1":1.5,"c2":9e999,"c3":"a\"b","c4":{"$blob":"AP8="},"c5":null,"c6":{"$blob":"/w=="}}"#
        );
    }
}
