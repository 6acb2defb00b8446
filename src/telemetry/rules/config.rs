#![forbid(unsafe_code)]
//! Reads a `ruleConfig`, or a schema within one, key by key; what nobody has read in the end is an unknown key.

use regex_lite::{Regex, RegexBuilder};
use serde_json::{Map, Value};

use crate::client::check::refuse;
use crate::error::{Error, Result};
use crate::packed::Field;

/// `Invalid validation rule: <reason>`
pub(crate) fn refuse_rule(reason: &str, key: &str, value: Field<'_>) -> Error {
    refuse(format!("Invalid validation rule: {reason}"), key, value)
}

/// Why a configuration is wrong.
pub(super) type Reason = String;

/// An object whose keys are taken out one by one.
pub(super) struct Keys(Map<String, Value>);

impl Keys {
    pub(super) fn new(object: Map<String, Value>) -> Self {
        Self(object)
    }

    /// The object behind a `ruleConfig`.
    pub(super) fn parse(text: &str) -> Result<Self, Reason> {
        match serde_json::from_str(text) {
            Ok(Value::Object(object)) => Ok(Self(object)),
            _ => Err("ruleConfig must be a JSON object".to_owned()),
        }
    }

    pub(super) fn take(&mut self, key: &str) -> Option<Value> {
        self.0.shift_remove(key)
    }

    fn read<T>(&mut self, key: &str, what: &str, read: impl FnOnce(Value) -> Option<T>) -> Result<Option<T>, Reason> {
        self.take(key).map(|value| read(value).ok_or_else(|| format!("{key} must be {what}"))).transpose()
    }

    pub(super) fn boolean(&mut self, key: &str) -> Result<Option<bool>, Reason> {
        self.read(key, "a boolean", |value| value.as_bool())
    }

    pub(super) fn number(&mut self, key: &str) -> Result<Option<f64>, Reason> {
        self.read(key, "a finite number", |value| value.as_f64())
    }

    pub(super) fn count(&mut self, key: &str) -> Result<Option<usize>, Reason> {
        let whole = |value: Value| value.as_f64().filter(|number| *number >= 0.0 && number.fract() == 0.0);
        #[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "not negative; the cast saturates")]
        self.read(key, "an integer of at least 0", |value| whole(value).map(|number| number as usize))
    }

    pub(super) fn text(&mut self, key: &str) -> Result<Option<String>, Reason> {
        self.read(key, "a string", |value| match value {
            Value::String(text) => Some(text),
            _ => None,
        })
    }

    pub(super) fn list(&mut self, key: &str) -> Result<Option<Vec<Value>>, Reason> {
        self.read(key, "an array", |value| match value {
            Value::Array(items) => Some(items),
            _ => None,
        })
    }

    pub(super) fn object(&mut self, key: &str) -> Result<Option<Map<String, Value>>, Reason> {
        self.read(key, "an object", |value| match value {
            Value::Object(object) => Some(object),
            _ => None,
        })
    }

    /// A least and a largest value.
    pub(super) fn bounds<T: PartialOrd>(
        &mut self,
        [min, max]: [&str; 2],
        read: impl Fn(&mut Self, &str) -> Result<Option<T>, Reason>,
    ) -> Result<(Option<T>, Option<T>), Reason> {
        let bounds = (read(self, min)?, read(self, max)?);
        match &bounds {
            (Some(low), Some(high)) if high < low => Err(format!("{max} must not be less than {min}")),
            _ => Ok(bounds),
        }
    }

    /// Refuse what is left: a misspelt key would be a rule that tests nothing.
    pub(super) fn finish(self) -> Result<(), Reason> {
        match self.0.keys().next() {
            Some(key) => Err(format!("unknown key \"{key}\"")),
            None => Ok(()),
        }
    }
}

/// A regular expression of linear time, with JavaScript's flags of the same meaning.
pub(super) fn regex(pattern: &str, flags: &str) -> Result<Regex, Reason> {
    let mut builder = RegexBuilder::new(pattern);
    for (index, flag) in flags.char_indices() {
        if flags[..index].contains(flag) {
            return Err(format!("flag \"{flag}\" is given twice"));
        }
        match flag {
            'i' => builder.case_insensitive(true),
            'm' => builder.multi_line(true),
            's' => builder.dot_matches_new_line(true),
            // The engine always works on code points.
            'u' => &mut builder,
            _ => return Err(format!("unknown flag \"{flag}\"")),
        };
    }
    builder.build().map_err(|error| format!("regex: {error}"))
}

/// Whether the number of code points of `text` is within bounds.
pub(super) fn length_within(text: &str, (min, max): (Option<usize>, Option<usize>)) -> bool {
    // Bytes bound the code points on both sides, which spares counting those of most long texts.
    if min.is_some_and(|min| text.len() < min) || max.is_some_and(|max| text.len() / 4 > max) {
        return false;
    }
    let length = text.chars().count();
    min.is_none_or(|min| length >= min) && max.is_none_or(|max| length <= max)
}
