#![forbid(unsafe_code)]
//! The JSON text of buffered events: an array of objects with the keys of an event.

use std::{borrow::Cow, collections::HashMap};

use serde_json::{Map, Value, value::RawValue};

use super::shape::EVENT;
use crate::{
    error::{Error, Result},
    packed::{Batch, Field, Kind, Record},
};

/// One event as a JSON object with the keys that were given.
pub(super) fn write(record: &Record<'_>) -> String {
    let mut object = Map::new();
    for (position, column) in EVENT.columns.iter().enumerate() {
        match record.at(position).to_json() {
            None | Some(Value::Null) => {}
            Some(value) => {
                object.insert(column.key.to_owned(), value);
            }
        }
    }
    Value::Object(object).to_string()
}

/// The events of a buffer. One without a `sessionId` belongs to the session of its row; with `all_of_row` every one does,
/// as the session may have been renamed since.
///
/// # Errors
/// [`Error::Validation`] if the text is not an array of objects.
pub(super) fn read(text: &str, session_id: &str, all_of_row: bool) -> Result<Batch> {
    let events: Vec<HashMap<String, &RawValue>> = serde_json::from_str(text)
        .map_err(|error| Error::invalid(format!("Buffer data is unreadable: {error}"), "bufferData"))?;
    let mut batch = Batch::new(&EVENT);
    for event in &events {
        let cells: Vec<Cell<'_>> = EVENT
            .columns
            .iter()
            .map(|column| match event.get(column.key) {
                found if column.key == "sessionId" && (found.is_none() || all_of_row) => Cell::Text(session_id.into()),
                None => Cell::Absent,
                Some(raw) => Cell::parse(raw, column.kind),
            })
            .collect();
        batch.push(&cells.iter().map(Cell::field).collect::<Vec<_>>());
    }
    Ok(batch)
}

/// A cell with its text unescaped.
enum Cell<'a> {
    Absent,
    Null,
    Text(Cow<'a, str>),
    Number(f64),
    Boolean(bool),
    Invalid,
}

impl<'a> Cell<'a> {
    /// Nested JSON stays the text that it is, however deep.
    fn parse(raw: &'a RawValue, kind: Kind) -> Self {
        let text = raw.get();
        if kind == Kind::Json && text.starts_with(['{', '[']) {
            return Self::Text(text.into());
        }
        match serde_json::from_str::<Value>(text) {
            Ok(Value::Null) => Self::Null,
            Ok(Value::Bool(value)) => Self::Boolean(value),
            Ok(Value::Number(number)) => number.as_f64().map_or(Self::Invalid, Self::Number),
            Ok(Value::String(text)) => Self::Text(text.into()),
            _ => Self::Invalid,
        }
    }

    fn field(&self) -> Field<'_> {
        match self {
            Self::Absent => Field::Absent,
            Self::Null => Field::Null,
            Self::Text(text) => Field::Text(text),
            Self::Number(number) => Field::Number(*number),
            Self::Boolean(value) => Field::Boolean(*value),
            Self::Invalid => Field::Invalid,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn events_come_back_from_their_text() {
        let text =
            r#"[{"sessionId":"a","eventType":"stream","timestamp":1.5,"metadata":{"b":[1,2.5]},"prompt":null},{}]"#;
        let batch = read(text, "row", false).unwrap();
        assert_eq!(batch.record(0).get("metadata"), Field::Text(r#"{"b":[1,2.5]}"#));
        assert_eq!(batch.record(0).get("prompt"), Field::Null);
        assert_eq!(batch.record(1).get("sessionId"), Field::Text("row"));
        assert_eq!(
            write(&batch.record(0)),
            r#"{"sessionId":"a","eventType":"stream","metadata":"{\"b\":[1,2.5]}","timestamp":1.5}"#
        );
    }

    #[test]
    fn what_is_no_array_of_objects_is_unreadable() {
        for text in ["", "not json", "{}", "[1]", "[{}", "null"] {
            assert!(read(text, "s", false).unwrap_err().is_refusal(), "{text}");
        }
    }
}
