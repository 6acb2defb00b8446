#![forbid(unsafe_code)]
//! Rows of one shape on their way to JavaScript: numbers, labels and texts apart, each of them row by row.

use std::{borrow::Cow, collections::HashMap};

use foldhash::fast::RandomState;
use rusqlite::{Row, types::ValueRef};

use super::{Kind, Shape, Texts};
use crate::error::Result;

/// Numbers about a completion, which stand in front of those of its rows (src/node/output.rs).
pub const HEAD: usize = 8;

/// Rows of a full chunk: decoding one holds the event loop for less than a millisecond.
const MOST_ROWS: usize = 500;
/// A chunk with so many bytes of texts is full, however few rows it has.
const MOST_BYTES: usize = 1 << 20;

/// A chunk of rows.
#[derive(Debug)]
pub struct Rows {
    shape: &'static Shape,
    length: usize,
    numbers: Vec<f64>,
    nulls: Vec<u8>,
    labels: Labels,
    texts: Texts,
}

/// The cells of kind Label: texts of few different values.
#[derive(Debug, Default)]
pub struct Labels {
    /// Row by row, positions in `values`.
    pub indices: Vec<u16>,
    /// The different values of all label columns.
    pub values: Texts,
    known: HashMap<Vec<u8>, u16, RandomState>,
    null: Option<u16>,
}

impl Rows {
    /// No rows yet.
    pub fn new(shape: &'static Shape) -> Self {
        let (numbers, nulls) = (Vec::new(), Vec::new());
        Self { shape, length: 0, numbers, nulls, labels: Labels::default(), texts: Texts::default() }
    }

    /// Append the row that a statement with the shape's select list stands on.
    ///
    /// # Errors
    /// [`crate::error::Error::Internal`] if the statement has too few columns.
    pub fn push(&mut self, row: &Row<'_>) -> Result<()> {
        self.push_each(|position| Ok(row.get_ref(position)?))
    }

    /// Append a row of values in the order of the shape's columns.
    ///
    /// # Errors
    /// None in practice.
    pub fn push_values(&mut self, values: &[ValueRef<'_>]) -> Result<()> {
        self.push_each(|position| Ok(values.get(position).copied().unwrap_or(ValueRef::Null)))
    }

    #[inline(always)]
    fn push_each<'v>(&mut self, value: impl Fn(usize) -> Result<ValueRef<'v>>) -> Result<()> {
        let labels = self.labels.indices.len();
        // Where the labels of the row before begin.
        let mut before = (self.length > 0).then(|| labels - labels / self.length);
        for (position, column) in self.shape.columns.iter().enumerate() {
            let value = value(position)?;
            match column.kind {
                Kind::Integer | Kind::Real | Kind::Boolean => self.push_number(value, |number| number),
                // A foreign program may have left a fraction.
                Kind::Seconds => self.push_number(value, f64::floor),
                Kind::Label => {
                    self.labels.push(value, before);
                    before = before.map(|before| before + 1);
                }
                Kind::Text | Kind::Json => self.texts.push(bytes_of(value).as_deref()),
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

    /// Whether it is time to send them.
    pub fn is_full(&self) -> bool {
        self.length >= MOST_ROWS || self.texts.bytes() >= MOST_BYTES
    }

    /// Forget the rows and keep the memory.
    pub fn clear(&mut self) {
        self.length = 0;
        self.numbers.clear();
        self.nulls.clear();
        self.labels.indices.clear();
        self.labels.values.clear();
        self.labels.known.clear();
        self.labels.null = None;
        self.texts.clear();
    }

    /// The shape of the rows.
    pub fn shape(&self) -> &'static Shape {
        self.shape
    }

    /// The cells that cross as numbers, row by row; 0 for NULL.
    pub fn numbers(&self) -> &[f64] {
        &self.numbers
    }

    /// 1 where the number in the same place is NULL; shorter where no NULL follows.
    pub fn nulls(&self) -> &[u8] {
        &self.nulls
    }

    /// The cells of kind Label.
    pub fn labels(&self) -> &Labels {
        &self.labels
    }

    /// The cells of kind Text and Json, row by row.
    pub fn texts(&self) -> &Texts {
        &self.texts
    }

    /// One row as a JSON object, in key order. For tests and archives, where packing has no use.
    pub fn to_json(&self, row: usize) -> serde_json::Value {
        let first = |cells: usize| row * (cells / self.length);
        let mut number = first(self.numbers.len());
        let mut label = first(self.labels.indices.len());
        let mut text = first(self.texts.len());
        let entries = self.shape.columns.iter().map(|column| {
            let value = match column.kind {
                Kind::Integer | Kind::Real | Kind::Boolean | Kind::Seconds => {
                    number += 1;
                    self.number_to_json(number - 1, column.kind)
                }
                Kind::Label => {
                    label += 1;
                    self.labels.values.to_json(self.labels.indices[label - 1].into())
                }
                Kind::Text | Kind::Json => {
                    text += 1;
                    self.texts.to_json(text - 1)
                }
            };
            (column.key.to_owned(), value)
        });
        serde_json::Value::Object(entries.collect())
    }

    #[allow(clippy::cast_precision_loss, reason = "JavaScript has no other number; ids and counts stay below 2^53")]
    #[inline(always)]
    fn push_number(&mut self, value: ValueRef<'_>, real: impl FnOnce(f64) -> f64) {
        let number = match value {
            ValueRef::Integer(value) => value as f64,
            ValueRef::Real(value) => real(value),
            ValueRef::Null => {
                self.nulls.resize(self.numbers.len(), 0);
                self.nulls.push(1);
                0.0
            }
            // SQLite stores what it is given: a foreign program may have left a text here.
            ValueRef::Text(_) | ValueRef::Blob(_) => f64::NAN,
        };
        self.numbers.push(number);
    }

    fn number_to_json(&self, position: usize, kind: Kind) -> serde_json::Value {
        match self.numbers[position] {
            _ if self.nulls.get(position) == Some(&1) => serde_json::Value::Null,
            value if kind == Kind::Boolean => (value != 0.0).into(),
            value => super::json_number(value),
        }
    }
}

impl Labels {
    /// `before`: where the label of the same column stands in the row before.
    #[allow(clippy::cast_possible_truncation, reason = "a chunk has far fewer cells")]
    fn push(&mut self, value: ValueRef<'_>, before: Option<usize>) {
        let bytes = bytes_of(value);
        // Neighbours are alike more often than not.
        if let Some(last) = before.map(|before| self.indices[before])
            && self.values.is_ascii_or_null(last.into(), bytes.as_deref())
        {
            self.indices.push(last);
            return;
        }
        let known = bytes.as_deref().map_or(self.null, |bytes| self.known.get(bytes).copied());
        let index = known.unwrap_or_else(|| {
            let next = self.values.len() as u16;
            self.values.push(bytes.as_deref());
            match bytes {
                Some(bytes) => drop(self.known.insert(bytes.into_owned(), next)),
                None => self.null = Some(next),
            }
            next
        });
        self.indices.push(index);
    }
}

/// The bytes of a text, whatever SQLite has stored: numbers and blobs of foreign programs are shown as text.
#[inline(always)]
fn bytes_of(value: ValueRef<'_>) -> Option<Cow<'_, [u8]>> {
    match value {
        ValueRef::Null => None,
        ValueRef::Text(bytes) | ValueRef::Blob(bytes) => Some(bytes.into()),
        ValueRef::Integer(number) => Some(number.to_string().into_bytes().into()),
        ValueRef::Real(number) => Some(number.to_string().into_bytes().into()),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::packed::Column;

    static TRIPLE: Shape = Shape {
        name: "Triple",
        table: "triple",
        columns: &[
            Column::new("text", "text", Kind::Text).nullable(),
            Column::new("label", "label", Kind::Label).nullable(),
            Column::new("number", "number", Kind::Integer).nullable(),
        ],
        aliases: &[],
    };

    fn rows(rows: &mut Rows, sql: &str) {
        let conn = rusqlite::Connection::open_in_memory().unwrap();
        let mut statement = conn.prepare(sql).unwrap();
        let mut found = statement.query([]).unwrap();
        while let Some(row) = found.next().unwrap() {
            rows.push(row).unwrap();
        }
    }

    #[test]
    fn rows_come_out_as_they_went_in_also_in_memory_that_is_used_again() {
        let mut packed = Rows::new(&TRIPLE);
        rows(&mut packed, "VALUES ('a', 'x', 1), (NULL, NULL, NULL), ('é', 'ü', 2.5), (7, 'x', 'y'), ('', NULL, 3)");
        assert_eq!(packed.to_json(1), json!({ "text": null, "label": null, "number": null }));
        assert_eq!(packed.to_json(2), json!({ "text": "é", "label": "ü", "number": 2.5 }));
        assert_eq!(packed.to_json(3), json!({ "text": "7", "label": "x", "number": null }));
        assert_eq!(packed.to_json(4), json!({ "text": "", "label": null, "number": 3 }));
        assert_eq!(packed.labels().indices, [0, 1, 2, 0, 1]);
        packed.clear();
        assert!(packed.is_empty());
        rows(&mut packed, "VALUES (NULL, 'x', 4), ('b', 'z', 5)");
        assert_eq!(packed.to_json(0), json!({ "text": null, "label": "x", "number": 4 }));
        assert_eq!(packed.to_json(1), json!({ "text": "b", "label": "z", "number": 5 }));
        assert_eq!(packed.labels().indices, [0, 1]);
        assert!(packed.nulls().is_empty());
    }

    #[test]
    fn a_chunk_is_full_by_its_rows_or_by_its_bytes() {
        let all =
            "WITH RECURSIVE n(i) AS (VALUES (1) UNION ALL SELECT i + 1 FROM n WHERE i < 499) SELECT 'a', i, i FROM n";
        let mut packed = Rows::new(&TRIPLE);
        rows(&mut packed, all);
        assert!(!packed.is_full());
        rows(&mut packed, "VALUES ('a', 'b', 3)");
        assert!(packed.is_full());
        packed.clear();
        rows(&mut packed, "VALUES (replace(hex(zeroblob(600000)), '0', 'é'), 'b', 3)");
        assert!(packed.is_full());
    }
}
