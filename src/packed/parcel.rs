#![forbid(unsafe_code)]
//! Input records on their way from JavaScript: flat parts that cost the JavaScript thread little to make and to hand
//! over. They are decoded where they are used, on a thread of the store.

use super::{Batch, Shape, batch::Cell};
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

/// The texts of some records, one after another.
#[derive(Debug, Clone)]
pub enum TextGroup {
    /// Nothing but ASCII, which is UTF-8 as it is.
    Ascii(Vec<u8>),
    /// Anything else, as UTF-16.
    Wide(Vec<u16>),
}

impl TextGroup {
    /// A group of its UTF-16 units: half the memory where that is possible.
    pub fn new(units: &[u16]) -> Self {
        if is_ascii(units) { Self::Ascii(narrow(units).collect()) } else { Self::Wide(units.to_vec()) }
    }

    fn len(&self) -> usize {
        match self {
            Self::Ascii(bytes) => bytes.len(),
            Self::Wide(units) => units.len(),
        }
    }
}

/// Two passes without a branch inside, this one and [`narrow`], are faster than one with.
fn is_ascii(units: &[u16]) -> bool {
    units.iter().fold(0, |all, unit| all | unit) < 0x80
}

/// ASCII units as bytes.
#[allow(clippy::cast_possible_truncation, reason = "the caller has seen that they are ASCII")]
fn narrow(units: &[u16]) -> impl Iterator<Item = u8> {
    units.iter().map(|unit| *unit as u8)
}

/// Records in the packed form: `tags` has one byte a cell, record by record; `groups` hold the texts, each group the
/// concatenation of the texts of some records; `lengths` (UTF-16 units) and `numbers` are read in order.
#[derive(Debug, Clone)]
pub struct Parcel {
    shape: &'static Shape,
    tags: Vec<u8>,
    lengths: Vec<i32>,
    numbers: Vec<f64>,
    groups: Vec<TextGroup>,
    batch: Option<Batch>,
}

impl Parcel {
    /// Records of `shape`, not looked at yet.
    pub fn new(
        shape: &'static Shape,
        tags: Vec<u8>,
        lengths: Vec<i32>,
        numbers: Vec<f64>,
        groups: Vec<TextGroup>,
    ) -> Self {
        Self { shape, tags, lengths, numbers, groups, batch: None }
    }

    /// Number of records.
    pub fn len(&self) -> usize {
        self.batch.as_ref().map_or(self.tags.len() / self.shape.width(), Batch::len)
    }

    /// Whether there is no record.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Memory that the records hold, in bytes.
    pub fn bytes(&self) -> usize {
        let text: usize = self.groups.iter().map(TextGroup::len).sum();
        self.batch.as_ref().map_or(text + 16 * self.tags.len(), Batch::bytes)
    }

    /// The records, decoded at the first call.
    ///
    /// # Errors
    /// [`Error::Internal`] if the parts do not fit together: a defect of the facade, not of the caller's data.
    pub fn batch(&mut self) -> Result<&Batch> {
        let batch = match self.batch.take() {
            Some(batch) => batch,
            None => {
                let batch = self.unpack()?;
                (self.tags, self.groups) = (Vec::new(), Vec::new());
                batch
            }
        };
        Ok(self.batch.insert(batch))
    }

    fn unpack(&self) -> Result<Batch> {
        let broken = || Error::Internal(format!("packed {} records are inconsistent", self.shape.name));
        let width = self.shape.width();
        if !self.tags.len().is_multiple_of(width) {
            return Err(broken());
        }
        let mut lengths = self.lengths.iter();
        let mut numbers = self.numbers.iter();
        let mut texts = Texts::new(&self.groups);
        let mut cells = Vec::with_capacity(self.tags.len());
        for (position, &tag) in self.tags.iter().enumerate() {
            cells.push(match tag {
                0 => Cell::Absent,
                1 => Cell::Null,
                2 => {
                    let length = lengths.next().and_then(|length| usize::try_from(*length).ok());
                    length.and_then(|length| texts.next(length)).ok_or_else(broken)?
                }
                3 => Cell::Number(*numbers.next().ok_or_else(broken)?),
                4 => Cell::Boolean(false),
                5 => Cell::Boolean(true),
                6 => Cell::Invalid,
                7 => *position.checked_sub(width).and_then(|before| cells.get(before)).ok_or_else(broken)?,
                255 => Cell::NotAnObject,
                _ => return Err(broken()),
            });
        }
        let text = String::from_utf8(texts.utf8).map_err(|_| broken())?;
        Ok(Batch::from_parts(self.shape, cells, text))
    }
}

/// Reads the texts of the groups one after another and keeps them as UTF-8.
struct Texts<'a> {
    groups: std::slice::Iter<'a, TextGroup>,
    group: Rest<'a>,
    utf8: Vec<u8>,
}

/// What is left of a group.
enum Rest<'a> {
    Ascii(&'a [u8]),
    Wide(&'a [u16]),
}

impl<'a> Texts<'a> {
    fn new(groups: &'a [TextGroup]) -> Self {
        let units = groups.iter().map(TextGroup::len).sum();
        Self { groups: groups.iter(), group: Rest::Ascii(&[]), utf8: Vec::with_capacity(units) }
    }

    #[allow(clippy::cast_possible_truncation, reason = "a parcel is far below 4 GiB: what is in flight is bounded")]
    fn next(&mut self, length: usize) -> Option<Cell> {
        while length > 0 && matches!(self.group, Rest::Ascii(&[]) | Rest::Wide(&[])) {
            self.group = match self.groups.next()? {
                TextGroup::Ascii(bytes) => Rest::Ascii(bytes),
                TextGroup::Wide(units) => Rest::Wide(units),
            };
        }
        let start = self.utf8.len();
        let malformed = match self.group {
            Rest::Ascii(bytes) => {
                let (text, rest) = bytes.split_at_checked(length)?;
                self.group = Rest::Ascii(rest);
                self.utf8.extend_from_slice(text);
                false
            }
            Rest::Wide(units) => {
                let (text, rest) = units.split_at_checked(length)?;
                self.group = Rest::Wide(rest);
                self.push(text)
            }
        };
        Some(Cell::Text { start: start as u32, end: self.utf8.len() as u32, malformed })
    }

    /// Append a text as UTF-8, lone surrogates as U+FFFD. Returns whether there were any.
    fn push(&mut self, units: &[u16]) -> bool {
        if is_ascii(units) {
            self.utf8.extend(narrow(units));
            return false;
        }
        let mut malformed = false;
        let mut buffer = [0; 4];
        for unit in char::decode_utf16(units.iter().copied()) {
            malformed |= unit.is_err();
            let letter = unit.unwrap_or(char::REPLACEMENT_CHARACTER);
            self.utf8.extend_from_slice(letter.encode_utf8(&mut buffer).as_bytes());
        }
        malformed
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::packed::{Column, Field, Kind};

    static PAIR: Shape = Shape {
        name: "Pair",
        table: "pair",
        columns: &[Column::new("a", "a", Kind::Text), Column::new("b", "b", Kind::Real)],
        aliases: &[],
    };

    fn parcel(tags: &[u8], lengths: &[i32], numbers: &[f64], groups: &[&[u16]]) -> Parcel {
        let groups = groups.iter().map(|units| TextGroup::new(units)).collect();
        Parcel::new(&PAIR, tags.to_vec(), lengths.to_vec(), numbers.to_vec(), groups)
    }

    #[test]
    fn groups_of_ascii_and_of_other_texts_follow_each_other() {
        let (first, second) = ([0x61, 0x62], [0xe9, 0x63]);
        let mut parcel = parcel(&[2, 0, 2, 0, 2, 0, 2, 0], &[1, 1, 0, 2], &[], &[&first, &second]);
        let batch = parcel.batch().unwrap();
        let texts: Vec<_> = batch.records().map(|record| record.get("a")).collect();
        assert_eq!(texts, ["a", "b", "", "éc"].map(Field::Text));
    }

    #[test]
    fn packed_cells_come_back_as_they_were_given() {
        let group: Vec<u16> = "aé😀\0".encode_utf16().chain([0xd800]).collect();
        let mut parcel = parcel(&[2, 3, 7, 1, 2, 0, 6, 5], &[5, 1], &[1.5], &[&group]);
        assert_eq!(parcel.len(), 4);
        let batch = parcel.batch().unwrap();
        assert_eq!(batch.len(), 4);
        assert_eq!(batch.record(0).get("a"), Field::Text("aé😀\0"));
        assert_eq!(batch.record(0).get("b"), Field::Number(1.5));
        assert_eq!(batch.record(1).get("a"), Field::Text("aé😀\0"));
        assert_eq!(batch.record(2).get("a"), Field::Malformed("\u{fffd}"));
        assert_eq!(batch.record(3).get("a"), Field::Invalid);
        assert_eq!(batch.record(3).get("b"), Field::Boolean(true));
        assert_eq!(parcel.len(), 4, "decoding does not change how many there are");
    }

    #[test]
    fn records_that_do_not_add_up_are_an_error_and_no_panic() {
        for (tags, lengths, numbers) in [
            (&[2u8, 0][..], &[][..], &[][..]),
            (&[2, 0], &[9], &[]),
            (&[2, 0], &[-1], &[]),
            (&[3, 3], &[], &[1.0]),
            (&[7, 0], &[], &[]),
            (&[9, 0], &[], &[]),
            (&[0], &[], &[]),
        ] {
            assert!(parcel(tags, lengths, numbers, &[&[0x61]]).batch().is_err());
        }
    }
}
