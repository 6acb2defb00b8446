#![forbid(unsafe_code)]
//! One value of a record as JavaScript gave it.

/// A cell of an input record. Types are reported, not judged: the rules of a module decide what is valid.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub enum Field<'a> {
    /// `undefined`, or the key is missing.
    #[default]
    Absent,
    /// `null`
    Null,
    /// A string. For a JSON column also an object that the facade has passed through `JSON.stringify`.
    Text(&'a str),
    /// A string that held lone surrogates; each has become U+FFFD.
    Malformed(&'a str),
    /// A number, `NaN` and infinities included.
    Number(f64),
    /// A boolean.
    Boolean(bool),
    /// Anything else: a function, a symbol, a bigint, a Date, an object where none is possible, an object that
    /// `JSON.stringify` refused.
    Invalid,
}

impl<'a> Field<'a> {
    /// The text of a string cell.
    pub fn text(self) -> Option<&'a str> {
        match self {
            Self::Text(text) | Self::Malformed(text) => Some(text),
            _ => None,
        }
    }

    /// The value of a number cell.
    pub fn number(self) -> Option<f64> {
        match self {
            Self::Number(number) => Some(number),
            _ => None,
        }
    }

    /// Whether the caller gave a value or `null` for it.
    pub fn is_given(self) -> bool {
        self != Self::Absent
    }

    /// Whether the cell holds neither a value nor something invalid.
    pub fn is_empty(self) -> bool {
        matches!(self, Self::Absent | Self::Null)
    }

    /// The value for an error's `value`, where it is a primitive.
    pub fn to_json(self) -> Option<serde_json::Value> {
        match self {
            Self::Absent | Self::Invalid => None,
            Self::Null => Some(serde_json::Value::Null),
            Self::Text(text) | Self::Malformed(text) => Some(text.into()),
            Self::Number(number) => Some(super::json_number(number)),
            Self::Boolean(value) => Some(value.into()),
        }
    }
}
