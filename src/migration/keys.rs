#![forbid(unsafe_code)]
//! Repairing foreign keys in tables that were not bound to them: what refers to nothing is set to NULL where that is
//! allowed, and moved to the quarantine where it is not.

use rusqlite::Connection;

use crate::error::{Error, Result};

use super::quarantine::{Fate, Quarantine, Reason, row_json};
use super::schema::{Schema, Table, quoted};

/// One foreign key of a table.
struct Key {
    parent: String,
    /// Columns of the table, and of the parent; an empty name is the parent's primary key.
    columns: Vec<(String, String)>,
}

/// Repairs all keys of `tables`. A row that is moved away may leave others behind, so this goes on until all hold.
pub(super) fn repair(conn: &Connection, tables: &[Table], quarantine: &mut Quarantine<'_>) -> Result<()> {
    let file = Schema::read(conn)?;
    loop {
        let mut changed = false;
        for table in tables.iter().filter_map(|table| file.table(&table.name)) {
            for key in keys(conn, &table.name)? {
                changed |= repair_key(conn, &file, table, &key, quarantine)?;
            }
        }
        if !changed {
            return Ok(());
        }
    }
}

fn keys(conn: &Connection, table: &str) -> Result<Vec<Key>> {
    let mut list = conn.prepare_cached(
        "SELECT seq, \"table\", \"from\", coalesce(\"to\", '') FROM pragma_foreign_key_list(?1) ORDER BY id, seq",
    )?;
    let mut keys: Vec<Key> = Vec::new();
    let mut rows = list.query([table])?;
    while let Some(row) = rows.next()? {
        if row.get::<_, i64>(0)? == 0 {
            keys.push(Key { parent: row.get(1)?, columns: Vec::new() });
        }
        if let Some(key) = keys.last_mut() {
            key.columns.push((row.get(2)?, row.get(3)?));
        }
    }
    Ok(keys)
}

fn repair_key(
    conn: &Connection,
    file: &Schema,
    table: &Table,
    key: &Key,
    quarantine: &mut Quarantine<'_>,
) -> Result<bool> {
    let (name, dangling) = (quoted(&table.name), dangling(file, key));
    let clear: Vec<_> = key.columns.iter().filter(|(from, _)| is_nullable(table, from)).collect();
    let fate = if clear.is_empty() { Fate::Moved } else { Fate::Cleared };
    let recorded = record(conn, table, &dangling, fate, quarantine)?;
    if recorded == 0 {
        return Ok(false);
    }
    let change = if clear.is_empty() {
        format!("DELETE FROM main.{name} AS child WHERE {dangling}")
    } else {
        let nulls: Vec<_> = clear.iter().map(|(from, _)| format!("{} = NULL", quoted(from))).collect();
        format!("UPDATE main.{name} AS child SET {} WHERE {dangling}", nulls.join(", "))
    };
    let changed = conn.execute(&change, [])?;
    if changed == recorded {
        Ok(true)
    } else {
        Err(Error::Internal(format!("{changed} rows of {} changed, but {recorded} were recorded", table.name)))
    }
}

/// Copies the dangling rows to the quarantine and returns their number.
fn record(conn: &Connection, table: &Table, dangling: &str, fate: Fate, to: &mut Quarantine<'_>) -> Result<usize> {
    let mut read = conn.prepare(&format!("SELECT * FROM main.{} AS child WHERE {dangling}", quoted(&table.name)))?;
    let names: Vec<_> = read.column_names().map(str::to_owned).collect();
    let mut rows = read.query([])?;
    let mut count = 0;
    while let Some(row) = rows.next()? {
        to.put(&table.name, &row_json(row, &names, 0)?, fate, Reason::ForeignKey)?;
        count += 1;
    }
    Ok(count)
}

/// The condition under which a row (`child`) refers to nothing. The parent's column stands on the left, because its
/// collation decides.
fn dangling(file: &Schema, key: &Key) -> String {
    let mut terms: Vec<_> = key.columns.iter().map(|(from, _)| format!("child.{} IS NOT NULL", quoted(from))).collect();
    if let Some(parent) = file.table(&key.parent) {
        let primary: Vec<_> = primary_key(parent);
        let equal = key.columns.iter().enumerate().map(|(position, (from, to))| {
            let to = if to.is_empty() { primary.get(position).map_or("rowid", |name| name.as_str()) } else { to };
            format!("parent.{} = child.{}", quoted(to), quoted(from))
        });
        let equal: Vec<_> = equal.collect();
        terms.push(format!(
            "NOT EXISTS (SELECT 1 FROM main.{} AS parent WHERE {})",
            quoted(&parent.name),
            equal.join(" AND ")
        ));
    }
    terms.join(" AND ")
}

fn primary_key(table: &Table) -> Vec<&String> {
    let mut key: Vec<_> = table.columns.iter().filter(|column| column.key > 0).collect();
    key.sort_by_key(|column| column.key);
    key.into_iter().map(|column| &column.name).collect()
}

fn is_nullable(table: &Table, column: &str) -> bool {
    table.column(column).is_some_and(|column| !column.not_null && column.key == 0)
}
