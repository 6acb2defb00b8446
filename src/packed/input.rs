#![forbid(unsafe_code)]
//! A small value tree for options and filters, which come one at a time and need no packing.

use super::Field;

/// A JavaScript value as it came: types are reported, not judged.
#[derive(Debug, Clone, PartialEq, Default)]
pub enum Input {
    /// `undefined`
    #[default]
    Undefined,
    /// `null`
    Null,
    /// A boolean.
    Boolean(bool),
    /// A number, `NaN` and infinities included.
    Number(f64),
    /// A well-formed string.
    Text(String),
    /// A string that held lone surrogates; each has become U+FFFD.
    Malformed(String),
    /// An array.
    List(Vec<Input>),
    /// A plain object: its own enumerable string keys in their order.
    Map(Vec<(String, Input)>),
    /// A function, symbol, bigint, Date or other value that is none of the above.
    Other,
}

impl Input {
    /// The member `key` of an object; `Undefined` where there is none.
    pub fn get(&self, key: &str) -> &Input {
        match self {
            Self::Map(entries) => {
                entries.iter().find(|(name, _)| name == key).map_or(&Self::Undefined, |(_, value)| value)
            }
            _ => &Self::Undefined,
        }
    }

    /// The scalar in it; lists and objects are [`Field::Invalid`].
    pub fn field(&self) -> Field<'_> {
        match self {
            Self::Undefined => Field::Absent,
            Self::Null => Field::Null,
            Self::Boolean(value) => Field::Boolean(*value),
            Self::Number(value) => Field::Number(*value),
            Self::Text(text) => Field::Text(text),
            Self::Malformed(text) => Field::Malformed(text),
            Self::List(_) | Self::Map(_) | Self::Other => Field::Invalid,
        }
    }

    /// The value as JSON: `undefined` and what JSON cannot hold become `null`.
    pub fn to_json(&self) -> serde_json::Value {
        match self {
            Self::List(items) => items.iter().map(Self::to_json).collect(),
            Self::Map(entries) => entries
                .iter()
                .filter(|(_, value)| *value != Self::Undefined)
                .map(|(key, value)| (key.clone(), value.to_json()))
                .collect(),
            Self::Number(value) => json_number(*value),
            scalar => scalar.field().to_json().unwrap_or(serde_json::Value::Null),
        }
    }
}

/// A number as `JSON.stringify` writes it: whole numbers without a fraction, `null` for what JSON cannot hold.
pub fn json_number(value: f64) -> serde_json::Value {
    if value.fract() == 0.0 && value.abs() < 9_007_199_254_740_992.0 {
        #[allow(clippy::cast_possible_truncation, reason = "a whole number within ±2^53")]
        return serde_json::Value::from(value as i64);
    }
    serde_json::Number::from_f64(value).map_or(serde_json::Value::Null, Into::into)
}
