#![forbid(unsafe_code)]
//! Statements made from checked cells, and what a constraint means to the caller.

use rusqlite::{ffi, params_from_iter, types::Value};

use super::{cells::Cells, report::instance_not_found};
use crate::{
    error::{Error, Result},
    store::Conn,
};

/// Insert a row of `cells`. Returns its rowid.
pub(super) fn insert(conn: &Conn, table: &str, cells: &Cells) -> Result<i64> {
    conn.cached(&insert_sql(table, cells))?.execute(params_from_iter(values(cells)))?;
    Ok(conn.last_insert_rowid())
}

/// Insert a row of `cells`, or set them in the row with the same `key`, and there `fresh` as well.
pub(super) fn upsert(conn: &Conn, table: &str, key: &str, cells: &Cells, fresh: &Cells) -> Result<()> {
    let excluded = cells.iter().filter(|(name, _)| *name != key).map(|(name, _)| format!("{name} = excluded.{name}"));
    let set: Vec<_> = excluded.chain(fresh.iter().map(|(name, _)| format!("{name} = ?"))).collect();
    let sql = format!("{} ON CONFLICT ({key}) DO UPDATE SET {}", insert_sql(table, cells), set.join(", "));
    conn.cached(&sql)?.execute(params_from_iter(values(cells).chain(values(fresh))))?;
    Ok(())
}

/// Set `cells` in the row whose `key` is `id`. Whether there is one.
pub(super) fn update(conn: &Conn, table: &str, cells: &Cells, key: &str, id: impl Into<Value>) -> Result<bool> {
    let set: Vec<_> = cells.iter().map(|(name, _)| format!("{name} = ?")).collect();
    let sql = format!("UPDATE {table} SET {} WHERE {key} = ?", set.join(", "));
    let id = id.into();
    let changed = conn.cached(&sql)?.execute(params_from_iter(values(cells).chain([&id])))?;
    Ok(changed > 0)
}

fn insert_sql(table: &str, cells: &Cells) -> String {
    let names: Vec<_> = cells.iter().map(|(name, _)| *name).collect();
    let places = vec!["?"; names.len()].join(", ");
    format!("INSERT INTO {table} ({}) VALUES ({places})", names.join(", "))
}

fn values(cells: &Cells) -> impl Iterator<Item = &Value> {
    cells.iter().map(|(_, value)| value)
}

/// Whether SQLite refused a row for this reason.
pub(super) fn is_refused(error: &Error, constraint: i32) -> bool {
    matches!(error, Error::Sqlite { extended, .. } if *extended == constraint)
}

/// What a refused foreign key means: the first of `references` that leads nowhere.
pub(super) fn missing_reference(conn: &Conn, cells: &Cells, references: &[&str], error: Error) -> Error {
    if !is_refused(&error, ffi::SQLITE_CONSTRAINT_FOREIGNKEY) {
        return error;
    }
    let leads_nowhere = |field: &&&str| {
        let id = cells.text(field);
        id.is_some_and(|id| exists(conn, id).is_ok_and(|there| !there))
    };
    match references.iter().find(leads_nowhere).and_then(|field| Some((*field, cells.text(field)?))) {
        Some((field, id)) => instance_not_found(id, Some(field), Some(error)),
        None => error,
    }
}

/// Whether there is an instance `id`.
pub(super) fn exists(conn: &Conn, id: &str) -> Result<bool> {
    Ok(conn.cached("SELECT 1 FROM instances WHERE id = ?1")?.exists([id])?)
}
