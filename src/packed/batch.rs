#![forbid(unsafe_code)]
//! Input records of one shape, as they arrive from JavaScript.

use super::{Field, Shape};

#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub(super) enum Cell {
    #[default]
    Absent,
    Null,
    Text {
        start: u32,
        end: u32,
        malformed: bool,
    },
    Number(f64),
    Boolean(bool),
    Invalid,
    NotAnObject,
}

/// Records of one shape with their text in one buffer.
#[derive(Debug, Clone)]
pub struct Batch {
    shape: &'static Shape,
    cells: Vec<Cell>,
    text: String,
}

impl Batch {
    /// Records of cells that refer to `text`.
    pub(super) fn from_parts(shape: &'static Shape, cells: Vec<Cell>, text: String) -> Self {
        Self { shape, cells, text }
    }

    /// An empty batch.
    pub fn new(shape: &'static Shape) -> Self {
        Self { shape, cells: Vec::new(), text: String::new() }
    }

    /// Append one record; fields beyond the shape's width are dropped, missing ones are absent.
    pub fn push(&mut self, fields: &[Field<'_>]) {
        for position in 0..self.shape.width() {
            let cell = match fields.get(position).copied().unwrap_or_default() {
                Field::Absent => Cell::Absent,
                Field::Null => Cell::Null,
                Field::Text(text) => self.push_text(text, false),
                Field::Malformed(text) => self.push_text(text, true),
                Field::Number(number) => Cell::Number(number),
                Field::Boolean(value) => Cell::Boolean(value),
                Field::Invalid => Cell::Invalid,
            };
            self.cells.push(cell);
        }
    }

    /// Number of records.
    pub fn len(&self) -> usize {
        self.cells.len() / self.shape.width()
    }

    /// Whether there is no record.
    pub fn is_empty(&self) -> bool {
        self.cells.is_empty()
    }

    /// Memory that the batch holds, in bytes.
    pub fn bytes(&self) -> usize {
        self.text.len() + self.cells.len() * size_of::<Cell>()
    }

    /// The shape of the records.
    pub fn shape(&self) -> &'static Shape {
        self.shape
    }

    /// The record at `index`.
    ///
    /// # Panics
    /// If `index` is not below [`Batch::len`].
    pub fn record(&self, index: usize) -> Record<'_> {
        let width = self.shape.width();
        Record { shape: self.shape, cells: &self.cells[index * width..(index + 1) * width], text: &self.text }
    }

    /// All records in order.
    pub fn records(&self) -> impl ExactSizeIterator<Item = Record<'_>> {
        (0..self.len()).map(|index| self.record(index))
    }

    fn push_text(&mut self, text: &str, malformed: bool) -> Cell {
        let start = self.text.len();
        self.text.push_str(text);
        self.text_cell(start, malformed)
    }

    #[allow(clippy::cast_possible_truncation, reason = "a batch is far below 4 GiB: the queue is bounded")]
    fn text_cell(&self, start: usize, malformed: bool) -> Cell {
        Cell::Text { start: start as u32, end: self.text.len() as u32, malformed }
    }
}

/// One record of a [`Batch`].
#[derive(Debug, Clone, Copy)]
pub struct Record<'a> {
    shape: &'static Shape,
    cells: &'a [Cell],
    text: &'a str,
}

impl<'a> Record<'a> {
    /// The cell at `position`, which comes from [`Shape::position`].
    pub fn at(&self, position: usize) -> Field<'a> {
        match self.cells[position] {
            Cell::Absent => Field::Absent,
            Cell::Null => Field::Null,
            Cell::Text { start, end, malformed } => {
                let text = &self.text[start as usize..end as usize];
                if malformed { Field::Malformed(text) } else { Field::Text(text) }
            }
            Cell::Number(number) => Field::Number(number),
            Cell::Boolean(value) => Field::Boolean(value),
            Cell::Invalid | Cell::NotAnObject => Field::Invalid,
        }
    }

    /// Whether the caller gave an object for it.
    pub fn is_object(&self) -> bool {
        self.cells.first() != Some(&Cell::NotAnObject)
    }

    /// The cell of the column with the JavaScript name `key`.
    pub fn get(&self, key: &str) -> Field<'a> {
        self.at(self.shape.position(key))
    }

    /// The shape of the record.
    pub fn shape(&self) -> &'static Shape {
        self.shape
    }
}
