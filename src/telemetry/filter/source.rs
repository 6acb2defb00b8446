#![forbid(unsafe_code)]
//! Reads a filter key by key (telemetry.md §13). In queries `''` and `null` leave a text condition out.

use super::window::Window;
use crate::client::Slice;
use crate::client::check::{at_least, non_negative, refuse, refuse_field, valid_id};
use crate::error::Result;
use crate::packed::{Field, Input};
use crate::telemetry::check::{Argument, not_an_object};

/// `limit` and `offset` are refused in two ways; queryEvents tells "too small" from "no integer".
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum SliceTexts {
    QueryEvents,
    Elsewhere,
}

/// A filter object on its way to a typed filter.
pub(super) struct Source<'a> {
    input: &'a Input,
}

/// A condition with two spellings. Whether they contradict each other is judged after everything else.
pub(super) struct Spelled<T> {
    keys: [&'static str; 2],
    values: [Option<T>; 2],
}

impl<T: Clone + PartialEq> Spelled<T> {
    fn read(keys: [&'static str; 2], read: impl Fn(&'static str) -> Result<Option<T>>) -> Result<Self> {
        Ok(Self { keys, values: [read(keys[0])?, read(keys[1])?] })
    }

    fn either(&self) -> Option<T> {
        self.values[0].clone().or_else(|| self.values[1].clone())
    }

    /// The spelling that is in use.
    fn key(&self) -> &'static str {
        self.keys[usize::from(self.values[0].is_none() && self.values[1].is_some())]
    }

    /// The one value.
    pub(super) fn settle(&self, source: &Source<'_>) -> Result<Option<T>> {
        if let [Some(one), Some(other)] = &self.values
            && one != other
        {
            let [key, alias] = self.keys;
            return Err(refuse(format!("Conflicting values for {key} and {alias}"), key, source.field(key)));
        }
        Ok(self.either())
    }
}

/// `from`, `to` and their other spellings.
pub(super) struct SpelledWindow {
    from: Spelled<f64>,
    to: Spelled<f64>,
}

impl SpelledWindow {
    pub(super) fn settle(&self, source: &Source<'_>) -> Result<Window> {
        Ok(Window { from: self.from.settle(source)?, to: self.to.settle(source)? })
    }
}

impl<'a> Source<'a> {
    /// A filter is an object or left out.
    pub(super) fn new(input: &'a Input) -> Result<Self> {
        match input {
            Input::Undefined | Input::Map(_) => Ok(Self { input }),
            _ => Err(not_an_object(Argument::Filter)),
        }
    }

    pub(super) fn field(&self, key: &str) -> Field<'a> {
        self.input.get(key).field()
    }

    /// The keys that were given, `undefined` ones included, in the caller's order.
    pub(super) fn entries(&self) -> &'a [(String, Input)] {
        match self.input {
            Input::Map(entries) => entries,
            _ => &[],
        }
    }

    /// A text condition; `''` and `null` are none.
    fn condition(&self, key: &str) -> Option<Field<'a>> {
        match self.field(key) {
            Field::Absent | Field::Null | Field::Text("") => None,
            field => Some(field),
        }
    }

    pub(super) fn session_id(&self, key: &'static str) -> Result<Option<String>> {
        self.condition(key)
            .map(|field| {
                valid_id(field)
                    .map(str::to_owned)
                    .ok_or_else(|| refuse("Invalid session ID format", "sessionId", field))
            })
            .transpose()
    }

    pub(super) fn session_ids(&self, keys: [&'static str; 2]) -> Result<Spelled<String>> {
        Spelled::read(keys, |key| self.session_id(key))
    }

    pub(super) fn text(&self, key: &'static str) -> Result<Option<String>> {
        self.condition(key)
            .map(|field| field.text().map(str::to_owned).ok_or_else(|| refuse_field(key, field)))
            .transpose()
    }

    pub(super) fn texts(&self, keys: [&'static str; 2]) -> Result<Spelled<String>> {
        Spelled::read(keys, |key| self.text(key))
    }

    /// One of a closed set of words.
    pub(super) fn word<T>(&self, key: &'static str, message: &str, parse: fn(&str) -> Option<T>) -> Result<Option<T>> {
        self.condition(key)
            .map(|field| field.text().and_then(parse).ok_or_else(|| refuse(message, key, field)))
            .transpose()
    }

    /// One or several of a closed set of words, each once; `[]` is no condition. Within a list `''` and `null` are words
    /// like any other, and wrong ones.
    pub(super) fn words<T: PartialEq>(
        &self,
        key: &'static str,
        message: &str,
        parse: fn(&str) -> Option<T>,
    ) -> Result<Vec<T>> {
        let Input::List(items) = self.input.get(key) else {
            return Ok(self.word(key, message, parse)?.into_iter().collect());
        };
        let mut words = Vec::with_capacity(items.len());
        for item in items {
            let field = item.field();
            let word = field.text().and_then(parse).ok_or_else(|| refuse(message, key, field))?;
            if !words.contains(&word) {
                words.push(word);
            }
        }
        Ok(words)
    }

    pub(super) fn boolean(&self, key: &'static str) -> Result<Option<bool>> {
        match self.field(key) {
            Field::Absent => Ok(None),
            Field::Boolean(value) => Ok(Some(value)),
            field => Err(refuse_field(key, field)),
        }
    }

    /// A condition that is a number which `read` takes.
    pub(super) fn number<T>(
        &self,
        key: &'static str,
        message: &str,
        read: fn(Field<'_>) -> Option<T>,
    ) -> Result<Option<T>> {
        match self.field(key) {
            Field::Absent => Ok(None),
            field => read(field).map(Some).ok_or_else(|| refuse(message, key, field)),
        }
    }

    pub(super) fn slice(&self, texts: SliceTexts) -> Result<Slice> {
        let limit = self.integer(
            "limit",
            1.0,
            texts,
            ["Query limit must be between 1 and 10000", "Limit must be an integer between 1 and 10000"],
        )?;
        let offset = self.integer(
            "offset",
            0.0,
            texts,
            ["Query offset must be non-negative", "Offset must be a non-negative integer"],
        )?;
        Ok(Slice { limit, offset: offset.unwrap_or(0) })
    }

    fn integer(
        &self,
        key: &'static str,
        least: f64,
        texts: SliceTexts,
        [too_small, no_integer]: [&str; 2],
    ) -> Result<Option<i64>> {
        let field = self.field(key);
        if field == Field::Absent {
            return Ok(None);
        }
        let comparable = field.number().is_some_and(|number| number.is_nan() || number >= least);
        let message = if texts == SliceTexts::QueryEvents && !comparable { too_small } else { no_integer };
        at_least(field, least).map(Some).ok_or_else(|| refuse(message, key, field))
    }

    pub(super) fn window(&self) -> Result<SpelledWindow> {
        let time = |message: &'static str| move |key| self.number(key, message, non_negative);
        let from = Spelled::read(["from", "fromTime"], time("From time must be a positive timestamp"))?;
        let to = Spelled::read(["to", "toTime"], time("To time must be a positive timestamp"))?;
        if let (Some(earliest), Some(latest)) = (from.either(), to.either())
            && earliest > 0.0
            && latest <= earliest
        {
            return Err(refuse("To time must be after from time", to.key(), self.field(to.key())));
        }
        Ok(SpelledWindow { from, to })
    }

    /// A bad order is an error, not a hint: a caller who pages by it would get wrong pages.
    pub(super) fn order<T>(&self, default: T, parse: fn(&str) -> Option<T>) -> Result<T> {
        match self.field("orderBy") {
            Field::Absent => Ok(default),
            field => field.text().and_then(parse).ok_or_else(|| refuse("Invalid orderBy value", "orderBy", field)),
        }
    }
}
