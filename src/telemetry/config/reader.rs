#![forbid(unsafe_code)]
//! Reads a configuration key by key.

use super::JournalMode;
use super::path::{self, Environment, Target};
use crate::client::check::{non_negative, refuse, whole};
use crate::error::{Error, Result};
use crate::packed::{Field, Input};

/// The largest integer that JavaScript keeps exactly.
pub(super) const MAX_SAFE_INTEGER: i64 = 9_007_199_254_740_991;

pub(super) fn invalid(key: &str, value: Field<'_>) -> Error {
    refuse(format!("Invalid config value for {key}"), key, value)
}

/// Reads one key after the other and notes what it came to.
pub(super) struct Reader<'a> {
    pub(super) input: &'a Input,
    pub(super) entries: Vec<(String, Input)>,
}

impl Reader<'_> {
    /// The value of `key` as `read` sees it, or `default`; a value that `read` does not take is refused.
    fn value<T>(
        &mut self,
        key: &str,
        default: T,
        show: impl FnOnce(&T) -> Option<Input>,
        read: impl FnOnce(Field<'_>) -> Option<T>,
    ) -> Result<T> {
        let given = self.input.get(key);
        let (value, shown) = if *given == Input::Undefined {
            let shown = show(&default);
            (default, shown)
        } else {
            (read(given.field()).ok_or_else(|| invalid(key, given.field()))?, Some(given.clone()))
        };
        self.entries.extend(shown.map(|shown| (key.to_owned(), shown)));
        Ok(value)
    }

    pub(super) fn boolean(&mut self, key: &str, default: bool) -> Result<bool> {
        self.value(
            key,
            default,
            |value| Some(Input::Boolean(*value)),
            |field| match field {
                Field::Boolean(value) => Some(value),
                _ => None,
            },
        )
    }

    #[allow(clippy::cast_precision_loss, clippy::cast_sign_loss, reason = "0 to 2^53")]
    pub(super) fn integer(&mut self, key: &str, default: u64, range: std::ops::RangeInclusive<i64>) -> Result<u64> {
        self.value(
            key,
            default,
            |value| Some(Input::Number(*value as f64)),
            |field| whole(field).filter(|number| range.contains(number)).map(|number| number as u64),
        )
    }

    pub(super) fn number(&mut self, key: &str, default: f64) -> Result<f64> {
        self.value(key, default, |value| Some(Input::Number(*value)), non_negative)
    }

    pub(super) fn number_or_false(
        &mut self,
        key: &str,
        default: Option<f64>,
        good: impl FnOnce(f64) -> bool,
    ) -> Result<Option<f64>> {
        self.value(
            key,
            default,
            |value| value.map(Input::Number),
            |field| match field {
                Field::Boolean(false) => Some(None),
                Field::Number(number) if good(number) => Some(Some(number)),
                _ => None,
            },
        )
    }

    pub(super) fn word<T: Copy>(
        &mut self,
        key: &str,
        default: T,
        parse: fn(&str) -> Option<T>,
        as_str: fn(T) -> &'static str,
    ) -> Result<T> {
        let show = |value: &T| Some(Input::Text(as_str(*value).to_owned()));
        self.value(key, default, show, |field| field.text().and_then(parse))
    }

    pub(super) fn text(&mut self, key: &str, good: impl FnOnce(Field<'_>) -> bool) -> Result<Option<String>> {
        self.value(
            key,
            None,
            |_| None,
            |field| {
                let text = field.text()?.to_owned();
                good(field).then_some(Some(text))
            },
        )
    }

    pub(super) fn target(&mut self, environment: &Environment) -> Result<Target> {
        let given = self.text("dbPath", path::is_usable)?;
        let target = environment.target(given.as_deref());
        self.entries = vec![("dbPath".to_owned(), Input::Text(target.shown.clone()))];
        Ok(target)
    }

    /// `enableWAL: false` is the older spelling of `journalMode: 'delete'`.
    pub(super) fn journal_mode(&mut self) -> Result<JournalMode> {
        let enable_wal = self.boolean("enableWAL", true)?;
        let default = if enable_wal { JournalMode::Auto } else { JournalMode::Delete };
        match self.word("journalMode", default, JournalMode::parse, JournalMode::as_str)? {
            JournalMode::Wal if !enable_wal => Err(invalid("journalMode", self.input.get("journalMode").field())),
            JournalMode::Auto if !enable_wal => Ok(JournalMode::Delete),
            mode => Ok(mode),
        }
    }

    /// A logger is an object with functions, which never leaves JavaScript; anything that is no object is a mistake.
    pub(super) fn logger(&self) -> Result<()> {
        match self.input.get("logger") {
            Input::Undefined | Input::Map(_) | Input::Other => Ok(()),
            other => Err(invalid("logger", other.field())),
        }
    }

    pub(super) fn keep_the_rest(&mut self) {
        let Input::Map(given) = self.input else { return };
        for (key, value) in given {
            let known = key == "logger" || self.entries.iter().any(|(name, _)| name == key);
            if !known && *value != Input::Undefined {
                self.entries.push((key.clone(), value.clone()));
            }
        }
    }
}
