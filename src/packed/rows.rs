#![forbid(unsafe_code)]
//! Rows of one shape on their way to JavaScript, column by column.

use std::collections::HashMap;

use rusqlite::{Row, types::ValueRef};

use super::{Kind, Shape};
use crate::error::Result;

/// A dictionary index is 16 bits wide; a chunk has far fewer rows.
pub const MOST_ROWS: usize = 4_096;

/// A chunk of rows.
#[derive(Debug)]
pub struct Rows {
    shape: &'static Shape,
    length: usize,
    numbers: Vec<Numbers>,
    labels: Vec<Labels>,
    texts: Vec<Texts>,
}

/// A column of numbers or booleans.
#[derive(Debug, Default)]
pub struct Numbers {
    /// One value a row; 0 for NULL.
    pub values: Vec<f64>,
    /// 1 where the row is NULL; empty if none is.
    pub nulls: Vec<u8>,
}

/// A column of texts with few different values.
#[derive(Debug, Default)]
pub struct Labels {
    /// One index a row.
    pub indices: Vec<u16>,
    /// The values; `None` is NULL.
    pub values: Vec<Option<String>>,
    known: HashMap<Option<String>, u16>,
}

/// A column of long texts, in one buffer.
#[derive(Debug, Default)]
pub struct Texts {
    buffer: String,
    cells: Vec<Option<Cell>>,
}

/// Where a text stands in the buffer.
#[derive(Debug, Clone, Copy)]
struct Cell {
    start: usize,
    end: usize,
    ascii: bool,
}

/// A text on its way out. Whoever reads the row has looked whether it is ASCII, so that JavaScript need not decode it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct OutText<'a> {
    /// The text.
    pub text: &'a str,
    /// Whether it is nothing but ASCII.
    pub ascii: bool,
}

impl Rows {
    /// No rows yet.
    pub fn new(shape: &'static Shape) -> Self {
        let count = |wanted: fn(Kind) -> bool| shape.columns.iter().filter(|column| wanted(column.kind)).count();
        Self {
            shape,
            length: 0,
            numbers: std::iter::repeat_with(Numbers::default).take(count(Kind::is_number)).collect(),
            labels: std::iter::repeat_with(Labels::default).take(count(|kind| kind == Kind::Label)).collect(),
            texts: std::iter::repeat_with(Texts::default).take(count(Kind::is_text)).collect(),
        }
    }

    /// Append the row that a statement with the shape's select list stands on.
    ///
    /// # Errors
    /// [`crate::error::Error::Internal`] if the statement has too few columns.
    pub fn push(&mut self, row: &Row<'_>) -> Result<()> {
        let (mut number, mut label, mut text) = (0, 0, 0);
        for (position, column) in self.shape.columns.iter().enumerate() {
            let value = row.get_ref(position)?;
            match column.kind {
                Kind::Integer | Kind::Real | Kind::Boolean | Kind::Seconds => {
                    self.numbers[number].push(value, self.length);
                    number += 1;
                }
                Kind::Label => {
                    self.labels[label].push(value);
                    label += 1;
                }
                Kind::Text | Kind::Json => {
                    self.texts[text].push(value);
                    text += 1;
                }
            }
        }
        self.length += 1;
        Ok(())
    }

    /// Number of rows.
    pub fn len(&self) -> usize {
        self.length
    }

    /// Whether there are no rows.
    pub fn is_empty(&self) -> bool {
        self.length == 0
    }

    /// The shape of the rows.
    pub fn shape(&self) -> &'static Shape {
        self.shape
    }

    /// The columns whose values cross as numbers, in column order.
    pub fn numbers(&self) -> &[Numbers] {
        &self.numbers
    }

    /// The columns of kind Label, in column order.
    pub fn labels(&self) -> &[Labels] {
        &self.labels
    }

    /// The columns of kind Text and Json, in column order.
    pub fn texts(&self) -> &[Texts] {
        &self.texts
    }

    /// One row as a JSON object, in key order. For tests and archives, where packing has no use.
    pub fn to_json(&self, row: usize) -> serde_json::Value {
        let (mut number, mut label, mut text) = (0, 0, 0);
        let entries = self.shape.columns.iter().map(|column| {
            let value = match column.kind {
                Kind::Integer | Kind::Real | Kind::Boolean | Kind::Seconds => {
                    number += 1;
                    self.numbers[number - 1].to_json(row, column.kind)
                }
                Kind::Label => {
                    label += 1;
                    self.labels[label - 1].get(row).into()
                }
                Kind::Text | Kind::Json => {
                    text += 1;
                    self.texts[text - 1].get(row).into()
                }
            };
            (column.key.to_owned(), value)
        });
        serde_json::Value::Object(entries.collect())
    }
}

impl Numbers {
    #[allow(clippy::cast_precision_loss, reason = "JavaScript has no other number; ids and counts stay below 2^53")]
    fn push(&mut self, value: ValueRef<'_>, row: usize) {
        let number = match value {
            ValueRef::Integer(value) => value as f64,
            ValueRef::Real(value) => value,
            ValueRef::Null => {
                self.nulls.resize(row, 0);
                self.nulls.push(1);
                0.0
            }
            // SQLite stores what it is given: a foreign program may have left a text here.
            ValueRef::Text(_) | ValueRef::Blob(_) => f64::NAN,
        };
        self.values.push(number);
    }

    /// Whether the value in `row` is NULL.
    pub fn is_null(&self, row: usize) -> bool {
        self.nulls.get(row) == Some(&1)
    }

    fn to_json(&self, row: usize, kind: Kind) -> serde_json::Value {
        match self.values[row] {
            _ if self.is_null(row) => serde_json::Value::Null,
            value if kind == Kind::Boolean => (value != 0.0).into(),
            value => super::json_number(value),
        }
    }
}

impl Labels {
    #[allow(clippy::cast_possible_truncation, reason = "a chunk has at most MOST_ROWS rows")]
    fn push(&mut self, value: ValueRef<'_>) {
        let text = text_of(value);
        // Neighbours are alike more often than not.
        if let Some(&last) = self.indices.last()
            && self.values[usize::from(last)].as_deref() == text.as_deref()
        {
            self.indices.push(last);
            return;
        }
        let text = text.map(std::borrow::Cow::into_owned);
        let next = self.values.len() as u16;
        let index = *self.known.entry(text).or_insert_with_key(|text| {
            self.values.push(text.clone());
            next
        });
        self.indices.push(index);
    }

    fn get(&self, row: usize) -> Option<&str> {
        self.values[usize::from(self.indices[row])].as_deref()
    }
}

impl Texts {
    fn push(&mut self, value: ValueRef<'_>) {
        let cell = text_of(value).map(|text| {
            let start = self.buffer.len();
            self.buffer.push_str(&text);
            Cell { start, end: self.buffer.len(), ascii: text.is_ascii() }
        });
        self.cells.push(cell);
    }

    /// The text in `row`.
    pub fn get(&self, row: usize) -> Option<&str> {
        self.cells[row].map(|cell| &self.buffer[cell.start..cell.end])
    }

    /// All texts in row order.
    pub fn iter(&self) -> impl ExactSizeIterator<Item = Option<OutText<'_>>> {
        self.cells
            .iter()
            .map(|cell| cell.map(|Cell { start, end, ascii }| OutText { text: &self.buffer[start..end], ascii }))
    }
}

/// A text, whatever SQLite has stored: numbers and blobs of foreign programs are shown as text.
fn text_of(value: ValueRef<'_>) -> Option<std::borrow::Cow<'_, str>> {
    match value {
        ValueRef::Null => None,
        ValueRef::Text(bytes) | ValueRef::Blob(bytes) => Some(String::from_utf8_lossy(bytes)),
        ValueRef::Integer(number) => Some(number.to_string().into()),
        ValueRef::Real(number) => Some(number.to_string().into()),
    }
}
