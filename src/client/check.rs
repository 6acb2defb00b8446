#![forbid(unsafe_code)]
//! The tests that the checks of all records and arguments share.

use crate::error::{Error, Invalid, Result};
use crate::packed::{Field, Record};

/// Whole numbers above this are not exact in JavaScript, and far enough above it not in SQLite either.
pub(crate) const MAX_SAFE_INTEGER: f64 = 9_007_199_254_740_991.0;

/// Milliseconds up to which JavaScript has a `Date`.
const LAST_TIME_MS: f64 = 8.64e15;

/// Longest id, in UTF-16 units.
const MAX_ID_UNITS: usize = 255;

/// What the caller said about a nullable column: a partial update must tell "leave it" from "clear it".
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Given<T> {
    /// The key is missing or `undefined`.
    #[default]
    Absent,
    /// `null`
    Null,
    /// A valid value.
    Value(T),
}

impl<T> Given<T> {
    /// The value; `None` for both ways of giving none.
    pub fn value(self) -> Option<T> {
        match self {
            Self::Value(value) => Some(value),
            Self::Absent | Self::Null => None,
        }
    }

    /// Whether the caller gave a value or `null`.
    pub fn is_given(&self) -> bool {
        !matches!(self, Self::Absent)
    }
}

impl<'a> From<Given<&'a str>> for Field<'a> {
    fn from(given: Given<&'a str>) -> Self {
        match given {
            Given::Absent => Self::Absent,
            Given::Null => Self::Null,
            Given::Value(text) => Self::Text(text),
        }
    }
}

impl From<Given<f64>> for Field<'_> {
    fn from(given: Given<f64>) -> Self {
        match given {
            Given::Absent => Self::Absent,
            Given::Null => Self::Null,
            Given::Value(number) => Self::Number(number),
        }
    }
}

/// A refusal of `field` that carries the refused value where it is a primitive.
pub(crate) fn refuse(message: impl Into<String>, field: &str, value: Field<'_>) -> Error {
    Error::Validation(Box::new(Invalid {
        message: message.into(),
        field: Some(field.to_owned()),
        value: value.to_json(),
        ..Invalid::default()
    }))
}

/// The refusal of an argument that has to be an object.
pub(crate) fn not_an_object(argument: &str) -> Error {
    Error::invalid(format!("{argument} must be an object"), argument)
}

/// The refusal of an argument that has to be an array.
pub(crate) fn not_an_array(argument: &str) -> Error {
    Error::invalid(format!("{argument} must be an array"), argument)
}

/// `Field "<name>" is invalid`, the message of everything that has none of its own.
pub(crate) fn refuse_field(field: &str, value: Field<'_>) -> Error {
    refuse(format!("Field \"{field}\" is invalid"), field, value)
}

/// The refusal of the cell at `position` of `record`.
#[cold]
pub(crate) fn refuse_cell(record: &Record<'_>, position: usize, message: &str) -> Error {
    refuse(message, record.shape().key(position), record.at(position))
}

/// Whether `String.prototype.trim` leaves nothing of `text`.
pub(crate) fn is_blank(text: &str) -> bool {
    // One look at the first byte answers for almost every text.
    match text.as_bytes().first() {
        Some(b'!'..=b'~') => false,
        _ => text.chars().all(|c| (c.is_whitespace() && c != '\u{85}') || c == '\u{feff}'),
    }
}

/// Length in UTF-16 units, as JavaScript counts.
pub(crate) fn utf16_length(text: &str) -> usize {
    text.chars().map(char::len_utf16).sum()
}

/// The text of a cell if it is a valid id.
pub(crate) fn valid_id(field: Field<'_>) -> Option<&str> {
    let text = well_formed(field)?;
    let printable_ascii = text.bytes().all(|byte| matches!(byte, b' '..=b'~'));
    let valid = if printable_ascii {
        text.len() <= MAX_ID_UNITS && text.bytes().any(|byte| byte != b' ')
    } else {
        // `char::is_control` is exactly U+0000–001F and U+007F–009F.
        !is_blank(text) && utf16_length(text) <= MAX_ID_UNITS && !text.chars().any(char::is_control)
    };
    valid.then_some(text)
}

/// A text as the caller has it: SQLite cannot keep a lone surrogate, and what is looked up has to be what was stored.
pub(crate) fn well_formed(field: Field<'_>) -> Option<&str> {
    match field {
        Field::Text(text) => Some(text),
        _ => None,
    }
}

/// The same for a text that names something, so that it is not empty.
pub(crate) fn valid_name(field: Field<'_>) -> Option<&str> {
    well_formed(field).filter(|text| !text.is_empty())
}

/// The value of a finite number that is not negative, as all times and durations are.
pub(crate) fn non_negative(field: Field<'_>) -> Option<f64> {
    // Adding 0.0 turns -0.0, which passes every comparison, into the zero that people mean.
    field.number().filter(|number| number.is_finite() && *number >= 0.0).map(|number| number + 0.0)
}

/// The value of an exact integer.
pub(crate) fn whole(field: Field<'_>) -> Option<i64> {
    let number = field.number().filter(|number| number.fract() == 0.0 && number.abs() <= MAX_SAFE_INTEGER)?;
    #[allow(clippy::cast_possible_truncation, reason = "a whole number within ±2^53")]
    Some(number as i64)
}

/// The value of an exact integer that is not negative, as ids, counts and versions are.
pub(crate) fn whole_non_negative(field: Field<'_>) -> Option<i64> {
    whole(field).filter(|number| *number >= 0)
}

/// An integer from `least`; what is above `i64` counts as its largest, which is just as unlimited.
pub(crate) fn at_least(field: Field<'_>, least: f64) -> Option<i64> {
    #[allow(clippy::cast_possible_truncation, reason = "the cast saturates, as wanted")]
    field.number().filter(|number| number.fract() == 0.0 && *number >= least).map(|number| number as i64)
}

/// The whole seconds of a time in milliseconds, rounded down. What is no valid `Date` has come as `NaN` or as no number.
pub(crate) fn seconds(field: Field<'_>) -> Option<i64> {
    let ms = field.number().filter(|ms| ms.abs() <= LAST_TIME_MS)?;
    #[allow(clippy::cast_possible_truncation, reason = "far below 2^53")]
    Some((ms / 1000.0).floor() as i64)
}

/// A required text that is not blank, or a refusal with `message`.
pub(crate) fn not_blank<'a>(record: &Record<'a>, position: usize, message: &str) -> Result<&'a str> {
    record.at(position).text().filter(|text| !is_blank(text)).ok_or_else(|| refuse_cell(record, position, message))
}

/// `read` applied to a cell that is there; `None` for one that is not.
pub(crate) fn if_given<'a, T>(
    record: &Record<'a>,
    position: usize,
    read: impl FnOnce(&Record<'a>, usize) -> Result<T>,
) -> Result<Option<T>> {
    if record.at(position).is_given() { read(record, position).map(Some) } else { Ok(None) }
}

/// A JSON column: text that is stored verbatim (the facade has stringified objects).
pub(crate) fn json<'a>(record: &Record<'a>, position: usize) -> Result<Given<&'a str>> {
    match record.at(position) {
        Field::Number(_) | Field::Boolean(_) | Field::Invalid => {
            Err(refuse_cell(record, position, "Metadata must be a string, a JSON-serialisable object or null"))
        }
        _ => text(record, position),
    }
}

/// Text without a message of its own.
pub(crate) fn text<'a>(record: &Record<'a>, position: usize) -> Result<Given<&'a str>> {
    column(record, position, Field::text)
}

/// An id, count or version.
pub(crate) fn count(record: &Record<'_>, position: usize) -> Result<Given<i64>> {
    column(record, position, whole_non_negative)
}

/// A time or duration without a message of its own.
pub(crate) fn real(record: &Record<'_>, position: usize) -> Result<Given<f64>> {
    column(record, position, non_negative)
}

/// `true` or `false`.
pub(crate) fn boolean(record: &Record<'_>, position: usize) -> Result<Given<bool>> {
    column(record, position, |field| match field {
        Field::Boolean(value) => Some(value),
        _ => None,
    })
}

/// What `read` makes of a cell. `null` passes where the column is nullable; `Given::Null` therefore never comes from a
/// NOT NULL column.
pub(crate) fn column<'a, T>(
    record: &Record<'a>,
    position: usize,
    read: impl FnOnce(Field<'a>) -> Option<T>,
) -> Result<Given<T>> {
    let field = record.at(position);
    match field {
        Field::Absent => Ok(Given::Absent),
        // An alias stands for a column that is nullable, or it would need a rule of its own.
        Field::Null if record.shape().columns.get(position).is_none_or(|column| column.nullable) => Ok(Given::Null),
        _ => read(field).map(Given::Value).ok_or_else(|| refuse_field(record.shape().key(position), field)),
    }
}

#[cfg(test)]
pub(crate) mod testing {
    //! Records for the tests of the checks.

    use crate::error::{Error, Result};
    use crate::packed::{Batch, Field, Shape};

    /// One record of `base`, overridden by `changes`.
    pub(crate) fn record(shape: &'static Shape, base: &[(&str, Field<'_>)], changes: &[(&str, Field<'_>)]) -> Batch {
        let mut fields = vec![Field::Absent; shape.width()];
        for (key, field) in base.iter().chain(changes) {
            fields[shape.position(key)] = *field;
        }
        let mut batch = Batch::new(shape);
        batch.push(&fields);
        batch
    }

    /// Message and field of a refusal.
    pub(crate) fn refusal<T: std::fmt::Debug>(result: Result<T>) -> (String, String) {
        match result.unwrap_err() {
            Error::Validation(invalid) => (invalid.message, invalid.field.unwrap_or_default()),
            other => panic!("not a refusal: {other}"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn blank_is_what_javascript_trims_away() {
        for text in ["", " ", "\t\n\u{b}\u{c}\r", "\u{a0}\u{feff}\u{2028}\u{3000}"] {
            assert!(is_blank(text), "{text:?}");
        }
        for text in ["a", " a", "\u{200b}", "\u{85}", "\0", "é"] {
            assert!(!is_blank(text), "{text:?}");
        }
    }

    #[test]
    fn an_id_is_printable_and_at_most_255_units() {
        let (longest, too_long) = ("é".repeat(255), "a".repeat(256));
        for text in ["s1", " s1 ", "é", "😀", &"😀".repeat(127), &longest, &"a".repeat(255)] {
            assert!(valid_id(Field::Text(text)).is_some(), "{text:?}");
        }
        for text in [
            "",
            "   ",
            "a\0",
            "a\u{1f}",
            "a\u{7f}",
            "é\u{9f}",
            "\u{a0}",
            &too_long,
            &"😀".repeat(128),
            &"é".repeat(256),
        ] {
            assert!(valid_id(Field::Text(text)).is_none(), "{text:?}");
        }
        assert!(valid_id(Field::Malformed("s\u{fffd}")).is_none());
        assert!(valid_id(Field::Number(1.0)).is_none());
    }

    #[test]
    fn numbers_that_cannot_be_kept_exactly_are_not_integers() {
        assert_eq!(whole(Field::Number(-0.0)), Some(0));
        assert_eq!(whole(Field::Number(MAX_SAFE_INTEGER)), Some(9_007_199_254_740_991));
        for number in [0.5, f64::NAN, f64::INFINITY, MAX_SAFE_INTEGER + 1.0, -1e300] {
            assert_eq!(whole(Field::Number(number)), None, "{number}");
        }
        assert_eq!(non_negative(Field::Number(-0.0)).map(f64::to_bits), Some(0));
        assert_eq!(non_negative(Field::Number(f64::INFINITY)), None);
    }

    #[test]
    fn times_are_rounded_down_to_seconds_before_and_after_1970() {
        let times = [(1_700_000_000_999.9, 1_700_000_000), (-0.5, -1), (0.0, 0), (8.64e15, 8_640_000_000_000)];
        for (ms, expected) in times {
            assert_eq!(seconds(Field::Number(ms)), Some(expected), "{ms}");
        }
        for bad in [Field::Null, Field::Number(f64::NAN), Field::Number(8.65e15), Field::Text("now"), Field::Invalid] {
            assert_eq!(seconds(bad), None, "{bad:?}");
        }
    }
}
