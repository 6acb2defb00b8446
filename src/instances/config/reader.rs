#![forbid(unsafe_code)]
//! Reads a configuration section by section. A refusal names the key and never the value: it may be a secret.

use std::{cell::RefCell, path::PathBuf, time::Duration};

use crate::{
    client::check::{non_negative, whole_non_negative},
    error::{Error, Result},
    packed::{Field, Input},
    telemetry::config::absolute,
};

/// Longest time in ms that SQLite waits for a lock.
const LONGEST_MS: f64 = i32::MAX as f64;

pub(super) fn invalid(key: &str) -> Error {
    Error::invalid(format!("Invalid config value for {key}"), key)
}

/// One section, and which of its keys mean something.
pub(super) struct Reader<'a> {
    /// `''` for the whole.
    name: &'static str,
    input: &'a Input,
    known: RefCell<Vec<&'static str>>,
}

impl<'a> Reader<'a> {
    pub(super) fn root(input: &'a Input) -> Result<Self> {
        match input {
            Input::Undefined | Input::Null | Input::Map(_) => Ok(Self { name: "", input, known: RefCell::default() }),
            _ => Err(invalid("config")),
        }
    }

    pub(super) fn section(&mut self, name: &'static str) -> Result<Self> {
        self.known.borrow_mut().push(name);
        match self.input.get(name) {
            input @ (Input::Undefined | Input::Map(_)) => Ok(Self { name, input, known: RefCell::default() }),
            _ => Err(invalid(name)),
        }
    }

    /// What was given for `key`.
    pub(super) fn take(&self, key: &'static str) -> Field<'a> {
        self.known.borrow_mut().push(key);
        self.input.get(key).field()
    }

    /// The value of `key` as `read` sees it, or `default`.
    fn value<T>(&mut self, key: &'static str, default: T, read: impl FnOnce(Field<'a>) -> Option<T>) -> Result<T> {
        match self.take(key) {
            Field::Absent => Ok(default),
            field => read(field).ok_or_else(|| invalid(&self.full(key))),
        }
    }

    pub(super) fn boolean(&mut self, key: &'static str, default: bool) -> Result<bool> {
        self.value(key, default, |field| match field {
            Field::Boolean(value) => Some(value),
            _ => None,
        })
    }

    pub(super) fn number(&mut self, key: &'static str, default: f64) -> Result<f64> {
        self.value(key, default, non_negative)
    }

    pub(super) fn count(&mut self, key: &'static str, default: u32) -> Result<u32> {
        self.value(key, default, |field| {
            whole_non_negative(field).map(|count| u32::try_from(count).unwrap_or(u32::MAX))
        })
    }

    pub(super) fn milliseconds(&mut self, key: &'static str, default: f64) -> Result<Duration> {
        Ok(Duration::from_secs_f64(self.number(key, default)?.min(LONGEST_MS) / 1000.0))
    }

    /// A time in seconds; 0 is none.
    pub(super) fn seconds(&mut self, key: &'static str, default: f64) -> Result<Option<Duration>> {
        Ok(Some(self.number(key, default)?)
            .filter(|it| *it > 0.0)
            .map(|it| Duration::from_secs_f64(it.min(LONGEST_MS))))
    }

    pub(super) fn text(&mut self, key: &'static str) -> Result<Option<String>> {
        self.value(key, None, |field| field.text().map(|text| Some(text.to_owned())))
    }

    pub(super) fn path(&mut self, key: &'static str, cwd: &str) -> Result<Option<PathBuf>> {
        self.value(key, None, |field| match field {
            Field::Text(text) if !text.is_empty() && !text.contains('\0') => Some(Some(absolute(text, cwd).into())),
            _ => None,
        })
    }

    /// A logger is an object with functions, which never leaves JavaScript; anything that is no object is a mistake.
    pub(super) fn logger(&mut self) -> Result<()> {
        self.known.borrow_mut().push("logger");
        match self.input.get("logger") {
            Input::Undefined | Input::Map(_) | Input::Other => Ok(()),
            _ => Err(invalid("logger")),
        }
    }

    /// The keys that were given and mean nothing.
    pub(super) fn unknown(&self) -> Vec<String> {
        let Input::Map(given) = self.input else { return Vec::new() };
        let known = self.known.borrow();
        let is_unknown = |(key, value): &&(String, Input)| *value != Input::Undefined && !known.contains(&key.as_str());
        given.iter().filter(is_unknown).map(|(key, _)| self.full(key)).collect()
    }

    fn full(&self, key: &str) -> String {
        if self.name.is_empty() { key.to_owned() } else { format!("{}.{key}", self.name) }
    }
}
