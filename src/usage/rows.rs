#![forbid(unsafe_code)]
//! Rows as JSON objects, their keys the names of the columns.

use rusqlite::{Connection, Params, Row, types::ValueRef};
use serde_json::{Map, Value as Json};

use crate::error::Result;
use crate::packed::json_number;

/// All rows of a query.
pub(super) fn all(conn: &Connection, sql: &str, params: impl Params) -> Result<Vec<Json>> {
    let mut statement = conn.prepare_cached(sql)?;
    let names: Vec<String> = statement.column_names().map(str::to_owned).collect();
    let rows = statement.query_map(params, |row| object(row, &names))?;
    Ok(rows.collect::<rusqlite::Result<_>>()?)
}

/// Other programs may have put any value into any column: it is told as it is.
fn object(row: &Row<'_>, names: &[String]) -> rusqlite::Result<Json> {
    let mut object = Map::new();
    for (position, name) in names.iter().enumerate() {
        let value = match row.get_ref(position)? {
            ValueRef::Null => Json::Null,
            ValueRef::Integer(integer) => integer.into(),
            ValueRef::Real(number) => json_number(number),
            ValueRef::Text(bytes) | ValueRef::Blob(bytes) => String::from_utf8_lossy(bytes).into(),
        };
        object.insert(name.clone(), value);
    }
    Ok(Json::Object(object))
}
