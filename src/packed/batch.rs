#![forbid(unsafe_code)]
//! Input records of one shape, as they arrive from JavaScript.

use super::{Field, Shape};
use crate::error::{Error, Result};

/// How a cell is encoded in the packed form. The facade writes these numbers, one byte a cell.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(u8)]
pub enum Tag {
    /// `undefined`
    Absent = 0,
    /// `null`
    Null = 1,
    /// The next text; its length in UTF-16 units is the next entry of `lengths`.
    Text = 2,
    /// The next entry of `numbers`.
    Number = 3,
    /// `false`
    False = 4,
    /// `true`
    True = 5,
    /// A value of a type that no column takes.
    Invalid = 6,
    /// The same text as this column had in the record before.
    Repeat = 7,
    /// In the first cell: the record is not an object. Its other cells are to be ignored.
    NotAnObject = 255,
}

#[derive(Debug, Clone, Copy, PartialEq, Default)]
enum Cell {
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
    /// An empty batch.
    pub fn new(shape: &'static Shape) -> Self {
        Self { shape, cells: Vec::new(), text: String::new() }
    }

    /// Decode the packed form: `tags` has one byte a cell, record by record; `groups` hold the texts, each group the
    /// concatenation of the texts of some records as UTF-16; `lengths` and `numbers` are read in order.
    ///
    /// # Errors
    /// [`Error::Internal`] if the parts do not fit together: a defect of the facade, not of the caller's data.
    pub fn unpack(
        shape: &'static Shape,
        tags: &[u8],
        lengths: &[i32],
        numbers: &[f64],
        groups: &[Vec<u16>],
    ) -> Result<Self> {
        let broken = || Error::Internal(format!("packed {} batch is inconsistent", shape.name));
        let width = shape.width();
        if width == 0 || !tags.len().is_multiple_of(width) {
            return Err(broken());
        }
        let mut lengths = lengths.iter();
        let mut numbers = numbers.iter();
        let mut groups = groups.iter();
        let mut group: &[u16] = &[];
        let mut batch = Self {
            shape,
            cells: Vec::with_capacity(tags.len()),
            text: String::with_capacity(groups.as_slice().iter().map(Vec::len).sum()),
        };
        for (position, &tag) in tags.iter().enumerate() {
            let cell = match tag {
                0 => Cell::Absent,
                1 => Cell::Null,
                2 => {
                    let length = usize::try_from(*lengths.next().ok_or_else(broken)?).map_err(|_| broken())?;
                    while group.is_empty() && length > 0 {
                        group = groups.next().ok_or_else(broken)?;
                    }
                    let (units, rest) = group.split_at_checked(length).ok_or_else(broken)?;
                    group = rest;
                    batch.push_utf16(units)
                }
                3 => Cell::Number(*numbers.next().ok_or_else(broken)?),
                4 => Cell::Boolean(false),
                5 => Cell::Boolean(true),
                6 => Cell::Invalid,
                255 => Cell::NotAnObject,
                7 => *position.checked_sub(width).and_then(|before| batch.cells.get(before)).ok_or_else(broken)?,
                _ => return Err(broken()),
            };
            batch.cells.push(cell);
        }
        Ok(batch)
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

    fn push_utf16(&mut self, units: &[u16]) -> Cell {
        let start = self.text.len();
        if units.iter().all(|unit| *unit < 0x80) {
            #[allow(clippy::cast_possible_truncation, reason = "checked to be ASCII just above")]
            self.text.extend(units.iter().map(|unit| char::from(*unit as u8)));
            return self.text_cell(start, false);
        }
        let mut malformed = false;
        self.text.extend(char::decode_utf16(units.iter().copied()).map(|unit| {
            unit.unwrap_or_else(|_| {
                malformed = true;
                char::REPLACEMENT_CHARACTER
            })
        }));
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::packed::{Column, Kind};

    static PAIR: Shape = Shape {
        name: "Pair",
        table: "pair",
        columns: &[Column::new("a", "a", Kind::Text), Column::new("b", "b", Kind::Real)],
        aliases: &[],
    };

    #[test]
    fn packed_cells_come_back_as_they_were_given() {
        let group: Vec<u16> = "aé😀\0".encode_utf16().chain([0xd800]).collect();
        let batch = Batch::unpack(&PAIR, &[2, 3, 7, 1, 2, 0, 6, 5], &[5, 1], &[1.5], &[group]).unwrap();
        assert_eq!(batch.len(), 4);
        assert_eq!(batch.record(0).get("a"), Field::Text("aé😀\0"));
        assert_eq!(batch.record(0).get("b"), Field::Number(1.5));
        assert_eq!(batch.record(1).get("a"), Field::Text("aé😀\0"));
        assert_eq!(batch.record(2).get("a"), Field::Malformed("\u{fffd}"));
        assert_eq!(batch.record(3).get("a"), Field::Invalid);
        assert_eq!(batch.record(3).get("b"), Field::Boolean(true));
    }

    #[test]
    fn a_batch_that_does_not_add_up_is_an_error_and_no_panic() {
        for (tags, lengths, numbers) in [
            (&[2u8, 0][..], &[][..], &[][..]),
            (&[2, 0], &[9], &[]),
            (&[3, 3], &[], &[1.0]),
            (&[7, 0], &[], &[]),
            (&[0], &[], &[]),
        ] {
            assert!(Batch::unpack(&PAIR, tags, lengths, numbers, &[vec![0x61]]).is_err());
        }
    }
}
