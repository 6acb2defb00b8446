#![forbid(unsafe_code)]
//! Rebuilding one table to its definition: rename, create, copy, drop. The new table has the definition's own text.
//!
//! Runs with foreign keys not enforced and with `legacy_alter_table`, so that neither keys nor views and triggers of
//! other tables follow the rename.

use rusqlite::types::{ToSqlOutput, ValueRef};
use rusqlite::{Connection, OptionalExtension, params_from_iter};

use crate::error::{Error, Result};

use super::quarantine::{Fate, Quarantine, Reason, row_json};
use super::schema::{Column, Index, Table, quoted};

/// What a column of the new table gets.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Mapping {
    /// Column of the new table.
    pub column: String,
    /// SQL over the columns of the old table.
    pub value: String,
}

impl Mapping {
    /// `value`, or the column's default where the definition demands a value and there is none.
    pub fn new(column: &Column, value: String) -> Self {
        let value = match &column.default {
            Some(default) if column.not_null => format!("coalesce({value}, {default})"),
            _ => value,
        };
        Self { column: column.name.clone(), value }
    }
}

/// A table and what it is to become.
pub(super) struct Rebuild<'a> {
    pub(super) found: &'a Table,
    pub(super) wanted: &'a Table,
    pub(super) mapping: Vec<Mapping>,
    /// Columns of the owner's that are kept behind the definition's, nullable.
    pub(super) extras: Vec<&'a Column>,
    /// Unique indexes of the definition: what they refuse must be known while copying.
    pub(super) unique: Vec<&'a Index>,
}

impl Rebuild<'_> {
    /// Does it. Rows that the definition refuses go to the quarantine.
    pub(super) fn run(mut self, conn: &Connection, quarantine: &mut Quarantine<'_>) -> Result<()> {
        let counter = sequence(conn, &self.found.name)?;
        let old = format!("{}__runledger_old", self.wanted.name);
        conn.execute_batch(&format!("ALTER TABLE main.{} RENAME TO {}", quoted(&self.found.name), quoted(&old)))?;
        conn.execute_batch(&self.wanted.sql)?;
        for extra in std::mem::take(&mut self.extras) {
            conn.execute_batch(&add_column(&self.wanted.name, extra))?;
            let name = quoted(&extra.name);
            self.mapping.push(Mapping { column: extra.name.clone(), value: name });
        }
        for index in &self.unique {
            conn.execute_batch(&index.sql)?;
        }
        self.copy(conn, &old, quarantine)?;
        conn.execute_batch(&format!("DROP TABLE main.{}", quoted(&old)))?;
        keep_sequence(conn, &self.wanted.name, counter)
    }

    fn copy(&self, conn: &Connection, old: &str, quarantine: &mut Quarantine<'_>) -> Result<()> {
        let columns: Vec<_> = self.mapping.iter().map(|it| quoted(&it.column)).collect();
        let values: Vec<_> = self.mapping.iter().map(|it| it.value.as_str()).collect();
        let insert = format!("INSERT INTO main.{} ({})", quoted(&self.wanted.name), columns.join(", "));
        let (values, old) = (values.join(", "), quoted(old));
        let all_at_once = conn.execute(&format!("{insert} SELECT {values} FROM main.{old}"), []).map_err(Error::from);
        match all_at_once {
            Ok(_) => Ok(()),
            // One refused row undoes the whole statement; then each row is looked at by itself.
            Err(error) if Reason::of(&error).is_some() => {
                let places = vec!["?"; self.mapping.len()].join(", ");
                self.copy_each(
                    conn,
                    &format!("SELECT {values}, * FROM main.{old}"),
                    &format!("{insert} VALUES ({places})"),
                    quarantine,
                )
            }
            Err(error) => Err(error),
        }
    }

    fn copy_each(&self, conn: &Connection, select: &str, insert: &str, quarantine: &mut Quarantine<'_>) -> Result<()> {
        let mut read = conn.prepare(select)?;
        let width = self.mapping.len();
        let names: Vec<_> = read.column_names().skip(width).map(str::to_owned).collect();
        let mut rows = read.query([])?;
        while let Some(row) = rows.next()? {
            // As they are: a text of another program need not be UTF-8.
            let values = (0..width).map(|position| row.get_ref(position)).collect::<rusqlite::Result<_>>()?;
            if let Some((fate, reason)) = self.insert(conn, insert, values)? {
                quarantine.put(&self.found.name, &row_json(row, &names, width)?, fate, reason)?;
            }
        }
        Ok(())
    }

    /// Inserts one row. If it is refused, values of nullable columns are given up one by one, then the row.
    fn insert(&self, conn: &Connection, sql: &str, mut values: Vec<ValueRef<'_>>) -> Result<Option<(Fate, Reason)>> {
        let mut insert = conn.prepare_cached(sql)?;
        let mut attempt = |values: &[ValueRef<'_>]| {
            let params = params_from_iter(values.iter().copied().map(ToSqlOutput::Borrowed));
            match insert.execute(params).map_err(Error::from) {
                Ok(_) => Ok(None),
                Err(error) => match Reason::of(&error) {
                    Some(reason) => Ok(Some((reason, error.to_string()))),
                    None => Err(error),
                },
            }
        };
        let Some((first, mut refusal)) = attempt(&values)? else { return Ok(None) };
        for position in 0..values.len() {
            if values[position] == ValueRef::Null || !self.is_nullable(position) {
                continue;
            }
            let kept = std::mem::replace(&mut values[position], ValueRef::Null);
            match attempt(&values)? {
                None => return Ok(Some((Fate::Cleared, first))),
                // Another constraint speaks now: this value was one of the refused ones.
                Some((_, next)) if next != refusal => refusal = next,
                Some(_) => values[position] = kept,
            }
        }
        Ok(Some((Fate::Moved, first)))
    }

    fn is_nullable(&self, position: usize) -> bool {
        let column = self.wanted.column(&self.mapping[position].column);
        column.is_none_or(|column| !column.not_null && column.key == 0)
    }
}

/// `ALTER TABLE … ADD COLUMN` for a column of the owner's: type and default stay, NOT NULL does not.
fn add_column(table: &str, column: &Column) -> String {
    let default = column.default.as_ref().map_or(String::new(), |default| format!(" DEFAULT ({default})"));
    format!("ALTER TABLE main.{} ADD COLUMN {} {}{default}", quoted(table), quoted(&column.name), column.declared)
}

/// The AUTOINCREMENT counter of a table that has one.
fn sequence(conn: &Connection, table: &str) -> Result<Option<i64>> {
    let exists = "SELECT 1 FROM main.sqlite_schema WHERE name = 'sqlite_sequence'";
    if conn.query_row(exists, [], |_| Ok(())).optional()?.is_none() {
        return Ok(None);
    }
    let counter = "SELECT seq FROM main.sqlite_sequence WHERE name = ?1 COLLATE NOCASE";
    Ok(conn.query_row(counter, [table], |row| row.get(0)).optional()?)
}

/// An id that was given once is not given again.
fn keep_sequence(conn: &Connection, table: &str, before: Option<i64>) -> Result<()> {
    let (Some(before), Some(now)) = (before, before.map_or(Ok(None), |_| sequence(conn, table).map(Some))?) else {
        return Ok(());
    };
    match now {
        Some(now) if now >= before => {}
        Some(_) => {
            conn.execute("UPDATE main.sqlite_sequence SET seq = ?2 WHERE name = ?1", (table, before))?;
        }
        None => {
            conn.execute("INSERT INTO main.sqlite_sequence (name, seq) VALUES (?1, ?2)", (table, before))?;
        }
    }
    Ok(())
}
