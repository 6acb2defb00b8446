#![forbid(unsafe_code)]
//! Texts on their way to JavaScript, in the forms that it has for strings.

/// Texts and NULLs in the two forms in which JavaScript has strings. Whoever reads the rows transcodes them, so that the
/// JavaScript thread need not.
#[derive(Debug, Default)]
pub struct Texts {
    ascii: Vec<u8>,
    wide: Vec<u16>,
    cells: Vec<Cell>,
}

/// Where a text stands in the buffers of [`Texts`].
#[derive(Debug, Clone, Copy)]
enum Cell {
    Null,
    Ascii { start: usize, end: usize },
    Wide { start: usize, end: usize },
}

/// A text on its way out.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum OutText<'a> {
    /// Nothing but ASCII.
    Ascii(&'a [u8]),
    /// Anything else, as UTF-16.
    Wide(&'a [u16]),
}

impl Texts {
    /// Number of cells.
    pub fn len(&self) -> usize {
        self.cells.len()
    }

    /// Whether there is no cell.
    pub fn is_empty(&self) -> bool {
        self.cells.is_empty()
    }

    /// Bytes that they take.
    pub(super) fn bytes(&self) -> usize {
        self.ascii.len() + 2 * self.wide.len()
    }

    /// The cells in order; `None` is NULL.
    pub fn iter(&self) -> impl ExactSizeIterator<Item = Option<OutText<'_>>> {
        self.cells.iter().map(|cell| self.text(*cell))
    }

    pub(super) fn clear(&mut self) {
        self.ascii.clear();
        self.wide.clear();
        self.cells.clear();
    }

    /// Append the text of these bytes; what is not UTF-8 in them becomes U+FFFD.
    #[inline(always)]
    pub(super) fn push(&mut self, bytes: Option<&[u8]>) {
        let cell = match bytes {
            None => Cell::Null,
            Some(bytes) if bytes.is_ascii() => {
                let start = self.ascii.len();
                self.ascii.extend_from_slice(bytes);
                Cell::Ascii { start, end: self.ascii.len() }
            }
            Some(bytes) => {
                let start = self.wide.len();
                widen(&String::from_utf8_lossy(bytes), &mut self.wide);
                Cell::Wide { start, end: self.wide.len() }
            }
        };
        self.cells.push(cell);
    }

    #[inline(always)]
    fn text(&self, cell: Cell) -> Option<OutText<'_>> {
        match cell {
            Cell::Null => None,
            Cell::Ascii { start, end } => Some(OutText::Ascii(&self.ascii[start..end])),
            Cell::Wide { start, end } => Some(OutText::Wide(&self.wide[start..end])),
        }
    }

    /// Whether the cell is exactly this. Not asked of texts beyond ASCII: `false` for those.
    #[inline(always)]
    pub(super) fn is_ascii_or_null(&self, position: usize, bytes: Option<&[u8]>) -> bool {
        match self.text(self.cells[position]) {
            None => bytes.is_none(),
            Some(OutText::Ascii(text)) => bytes == Some(text),
            Some(OutText::Wide(_)) => false,
        }
    }

    pub(super) fn to_json(&self, position: usize) -> serde_json::Value {
        match self.text(self.cells[position]) {
            None => serde_json::Value::Null,
            Some(OutText::Ascii(text)) => String::from_utf8_lossy(text).into(),
            Some(OutText::Wide(units)) => String::from_utf16_lossy(units).into(),
        }
    }
}

/// Append a text as UTF-16. Most of it is ASCII, which is widened by the block.
fn widen(text: &str, units: &mut Vec<u16>) {
    const BLOCK: usize = 32;
    let mut rest = text;
    while !rest.is_empty() {
        let plain = rest.as_bytes().chunks(BLOCK).take_while(|block| block.is_ascii()).map(<[u8]>::len).sum();
        let (ascii, other) = rest.split_at(plain);
        units.extend(ascii.bytes().map(u16::from));
        let mixed = other.char_indices().map(|(start, _)| start).find(|start| *start >= BLOCK).unwrap_or(other.len());
        let (mixed, behind) = other.split_at(mixed);
        units.extend(mixed.encode_utf16());
        rest = behind;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn texts_come_out_as_they_went_in() {
        let block = "b".repeat(32);
        let given =
            ["", "a", "é", "a😀\0", &block, &format!("{block}é{block}"), &format!("{}😀{block}ü", "c".repeat(31))];
        let mut texts = Texts::default();
        for text in given {
            texts.push(Some(text.as_bytes()));
        }
        texts.push(None);
        texts.push(Some(b"\xff"));
        let read: Vec<_> = (0..texts.len()).map(|position| texts.to_json(position)).collect();
        let expected = given.map(serde_json::Value::from);
        assert_eq!(read[..given.len()], expected);
        assert_eq!(read[given.len()..], [serde_json::Value::Null, "\u{fffd}".into()]);
        assert!(matches!(texts.iter().next(), Some(Some(OutText::Ascii(b"")))));
        assert!(texts.iter().flatten().filter(|text| matches!(text, OutText::Wide(_))).count() == 5);
    }
}
