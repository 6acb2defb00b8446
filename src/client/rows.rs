#![forbid(unsafe_code)]
//! Single rows, for the writes that compare what was with what is.

use rusqlite::{
    Params, ToSql,
    types::{ToSqlOutput, Value},
};
use serde_json::Map;

use crate::{
    error::Result,
    packed::{Field, Rows, Shape},
    store::{Cached, Conn},
};

/// The row with this key as a JSON object in key order; `None` if there is none.
pub(crate) fn read(
    conn: &impl Cached,
    shape: &'static Shape,
    id: impl ToSql,
) -> Result<Option<Map<String, serde_json::Value>>> {
    let rows = chunk(conn, shape, id)?;
    Ok(match rows.is_empty() {
        true => None,
        false => rows.to_json(0).as_object().cloned(),
    })
}

/// The row with this key, packed.
pub(crate) fn chunk(conn: &impl Cached, shape: &'static Shape, id: impl ToSql) -> Result<Rows> {
    let mut packed = Rows::new(shape);
    let sql = format!("SELECT {} FROM main.{} WHERE id = ?1", shape.select_list(""), shape.table);
    let mut statement = conn.cached(&sql)?;
    let mut rows = statement.query([id])?;
    if let Some(row) = rows.next()? {
        packed.push(row)?;
    }
    Ok(packed)
}

/// The rows that a write with RETURNING and the shape's select list gives back.
pub(crate) fn returned(conn: &impl Cached, shape: &'static Shape, sql: &str, params: impl Params) -> Result<Rows> {
    let mut packed = Rows::new(shape);
    let mut statement = conn.cached(sql)?;
    let mut rows = statement.query(params)?;
    while let Some(row) = rows.next()? {
        packed.push(row)?;
    }
    Ok(packed)
}

/// A cell on its way into a statement. Whole numbers go in as integers: SQLite keeps what a column's affinity makes of
/// them.
pub(crate) struct Bound<'a>(pub(crate) Field<'a>);

impl ToSql for Bound<'_> {
    fn to_sql(&self) -> rusqlite::Result<ToSqlOutput<'_>> {
        Ok(match self.0 {
            Field::Text(text) | Field::Malformed(text) => ToSqlOutput::from(text),
            Field::Number(number) => ToSqlOutput::Owned(Value::Real(number)),
            Field::Boolean(value) => ToSqlOutput::Owned(Value::Integer(value.into())),
            Field::Absent | Field::Null | Field::Invalid => ToSqlOutput::Owned(Value::Null),
        })
    }
}

/// Insert a row of the cells that are given. Returns its rowid.
pub(crate) fn insert<'a>(conn: &impl Cached, shape: &'static Shape, cell: impl Fn(usize) -> Field<'a>) -> Result<i64> {
    let given: Vec<usize> = (0..shape.columns.len()).filter(|position| cell(*position).is_given()).collect();
    let names: Vec<_> = given.iter().map(|position| shape.columns[*position].name).collect();
    let places = vec!["?"; given.len()].join(", ");
    let sql = format!("INSERT INTO main.{} ({}) VALUES ({places})", shape.table, names.join(", "));
    let cells = given.iter().map(|position| Bound(cell(*position)));
    Ok(conn.cached(&sql)?.insert(rusqlite::params_from_iter(cells))?)
}

/// Set the cells that are given in the row with this key.
pub(crate) fn update<'a>(
    conn: &Conn,
    shape: &'static Shape,
    id: Field<'a>,
    cell: impl Fn(usize) -> Field<'a>,
) -> Result<()> {
    let given: Vec<usize> = (0..shape.columns.len()).filter(|position| cell(*position).is_given()).collect();
    let names: Vec<_> = given.iter().map(|position| format!("{} = ?", shape.columns[*position].name)).collect();
    let sql = format!("UPDATE {} SET {} WHERE id = ?", shape.table, names.join(", "));
    let cells = given.iter().map(|position| Bound(cell(*position))).chain([Bound(id)]);
    conn.cached(&sql)?.execute(rusqlite::params_from_iter(cells))?;
    Ok(())
}
