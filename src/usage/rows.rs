#![forbid(unsafe_code)]
//! Rows on their way out.

use rusqlite::{Connection, Params, types::ValueRef};
use serde_json::{Map, Value as Json};

use crate::error::Result;
use crate::packed::json_number;

/// Rows of one query.
#[derive(Debug, Clone, PartialEq)]
pub struct Rows {
    /// The names of the columns, which are those of the properties in JavaScript.
    pub columns: Vec<String>,
    /// The cells, row by row.
    pub cells: Vec<Json>,
}

impl Rows {
    /// The first row as an object.
    pub(super) fn into_first(self) -> Option<Json> {
        if self.cells.is_empty() {
            return None;
        }
        Some(Json::Object(Map::from_iter(self.columns.into_iter().zip(self.cells))))
    }
}

/// All rows of a query. Other programs may have put any value into any column: it is told as it is.
pub(super) fn all(conn: &Connection, sql: &str, params: impl Params) -> Result<Rows> {
    let mut statement = conn.prepare_cached(sql)?;
    let columns: Vec<String> = statement.column_names().map(str::to_owned).collect();
    let mut cells = Vec::new();
    let mut rows = statement.query(params)?;
    while let Some(row) = rows.next()? {
        for position in 0..columns.len() {
            cells.push(match row.get_ref(position)? {
                ValueRef::Null => Json::Null,
                ValueRef::Integer(integer) => integer.into(),
                ValueRef::Real(number) => json_number(number),
                ValueRef::Text(bytes) | ValueRef::Blob(bytes) => String::from_utf8_lossy(bytes).into(),
            });
        }
    }
    Ok(Rows { columns, cells })
}
