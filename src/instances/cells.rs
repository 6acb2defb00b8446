#![forbid(unsafe_code)]
//! The cells of a record as they are stored. The shape of the record says what each of them may be.

use rusqlite::types::Value;

use crate::{
    client::check::{refuse, refuse_field, seconds, valid_name, whole_non_negative},
    error::Result,
    packed::{Field, Kind, Record},
};

/// Columns that name a row, or refer to one: an altered text would name another.
const NAMES: [&str; 5] = ["id", "instance_id", "parent_instance_id", "parent_instance", "child_instance"];
/// Numbers that GitHub gives: no issue has the number 0, so that a filter may mean "any" by it.
const ISSUE_NUMBERS: [&str; 2] = ["issue_number", "number"];

/// The checked cells of a record by column.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Cells(Vec<(&'static str, Value)>);

impl Cells {
    /// The given cells of `record`, of these columns.
    pub(super) fn of(record: &Record<'_>, columns: impl Fn(&str) -> bool) -> Result<Self> {
        let mut cells = Vec::new();
        for (position, column) in record.shape().columns.iter().enumerate().filter(|(_, it)| columns(it.name)) {
            if let Some(value) = cell(record, position)? {
                cells.push((column.name, value));
            }
        }
        Ok(Self(cells))
    }

    /// The given cells of a new row, which needs `required`.
    pub(super) fn new(record: &Record<'_>, required: &[&str], columns: impl Fn(&str) -> bool) -> Result<Self> {
        for name in required {
            let field = record.get(name);
            if field.is_empty() {
                return Err(refuse(format!("{name} is required"), name, field));
            }
        }
        Self::of(record, columns)
    }

    /// The value of `column`, where there is one.
    pub fn get(&self, column: &str) -> Option<&Value> {
        self.0.iter().find(|(name, _)| *name == column).map(|(_, value)| value)
    }

    /// The text in `column`.
    pub fn text(&self, column: &str) -> Option<&str> {
        match self.get(column) {
            Some(Value::Text(text)) => Some(text),
            _ => None,
        }
    }

    /// `value` for `column`, whatever was given.
    #[must_use]
    pub fn with(mut self, column: &'static str, value: impl Into<Value>) -> Self {
        self.0.retain(|(name, _)| *name != column);
        self.0.push((column, value.into()));
        self
    }

    /// `value` for `column` where nothing was given.
    #[must_use]
    pub fn or(self, column: &'static str, value: impl Into<Value>) -> Self {
        if self.get(column).is_some() { self } else { self.with(column, value) }
    }

    /// Whether there is nothing to set.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Columns and values in order.
    pub fn iter(&self) -> impl ExactSizeIterator<Item = &(&'static str, Value)> {
        self.0.iter()
    }
}

/// One cell as it is stored; `None` if it was not given.
fn cell(record: &Record<'_>, position: usize) -> Result<Option<Value>> {
    let column = &record.shape().columns[position];
    let field = record.at(position);
    let refused = || refuse_field(column.name, field);
    Ok(Some(match (field, column.kind) {
        (Field::Absent, _) => return Ok(None),
        (Field::Null, _) if column.nullable => Value::Null,
        (_, Kind::Text | Kind::Label) if NAMES.contains(&column.name) => {
            Value::Text(valid_name(field).ok_or_else(refused)?.to_owned())
        }
        (_, Kind::Text | Kind::Label | Kind::Json) => Value::Text(field.text().ok_or_else(refused)?.to_owned()),
        (_, Kind::Integer) => {
            let least = i64::from(ISSUE_NUMBERS.contains(&column.name));
            Value::Integer(whole_non_negative(field).filter(|number| *number >= least).ok_or_else(refused)?)
        }
        (Field::Boolean(value), Kind::Boolean) => Value::Integer(value.into()),
        (_, Kind::Seconds) => Value::Integer(seconds(field).ok_or_else(refused)?),
        _ => return Err(refused()),
    }))
}
