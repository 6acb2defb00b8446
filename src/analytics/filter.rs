#![forbid(unsafe_code)]
//! Filters and listings: what a caller asks for, checked (analytics.md §5), and the SQL that answers it.

use crate::client::{
    Query, Slice,
    check::{at_least, not_an_object, refuse, well_formed},
};
use crate::error::Result;
use crate::packed::{Field, Input};

use super::check::{self, Status};

/// `limit` of a listing that has none.
const DEFAULT_LIMIT: i64 = 100;

/// A checked `ToolCallFilter`.
#[derive(Debug, Clone, PartialEq, Default)]
pub(super) struct ToolCallFilter {
    session_id: Option<String>,
    /// None: all.
    pub(super) tool_names: Vec<String>,
    /// None: all.
    pub(super) statuses: Vec<Status>,
    /// Seconds; the first that counts, and the first that does not any more.
    window: (Option<i64>, Option<i64>),
}

impl ToolCallFilter {
    /// Check the filter of listToolCalls or toolStats.
    pub(super) fn parse(input: &Input) -> Result<Self> {
        let source = object(input, "filter")?;
        Ok(Self {
            session_id: given(source, "sessionId", |field| check::text("sessionId", field))?.map(str::to_owned),
            tool_names: list(source, "toolNames", "well-formed strings", |field| {
                well_formed(field).map(str::to_owned)
            })?,
            statuses: list(source, "statuses", "'success', 'error' or 'timeout'", |field| {
                Status::parse(field.text()?)
            })?,
            window: (check::time("from", source.get("from").field())?, check::time("to", source.get("to").field())?),
        })
    }

    /// Whether calls are told apart by nothing but tool and status.
    pub(super) fn is_by_kind(&self) -> bool {
        self.session_id.is_none() && self.window == (None, None)
    }

    /// `query` of the rows that the filter lets through.
    pub(super) fn restrict(&self, mut query: Query) -> Query {
        query.only("session_id = ?", self.session_id.clone());
        if !self.tool_names.is_empty() {
            // One text for any number of names: the statement stays the same.
            let names = serde_json::Value::from(self.tool_names.clone()).to_string();
            query.and("tool_name IN (SELECT value FROM json_each(?))", [names.into()]);
        }
        query.one_of("status", self.statuses.iter().map(|status| status.as_str()));
        query.only("timestamp >= ?", self.window.0);
        query.only("timestamp < ?", self.window.1);
        query
    }
}

/// Which part of a listing is wanted, and from which end.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Listing {
    slice: Slice,
    ascending: bool,
}

impl Listing {
    /// Check the options of a listing.
    pub(super) fn parse(input: &Input) -> Result<Self> {
        let source = object(input, "options")?;
        let count = |key: &str, default| match source.get(key).field() {
            Field::Absent => Ok(default),
            field => at_least(field, 0.0).ok_or_else(|| refuse(format!("{key} must be an integer from 0"), key, field)),
        };
        let slice = Slice { limit: Some(count("limit", DEFAULT_LIMIT)?), offset: count("offset", 0)? };
        let ascending = match source.get("order").field() {
            Field::Absent | Field::Text("desc") => false,
            Field::Text("asc") => true,
            field => return Err(refuse("order must be 'asc' or 'desc'", "order", field)),
        };
        Ok(Self { slice, ascending })
    }

    /// `query` in the order of `column`, and of insertion where that is equal.
    pub(super) fn sort(self, query: Query, column: &str) -> Query {
        let direction = if self.ascending { "ASC" } else { "DESC" };
        query.sorted(&format!("{column} {direction}, rowid {direction}"), self.slice)
    }
}

/// `active` of listSessions.
pub(super) fn active(input: &Input) -> Result<Option<bool>> {
    match object(input, "options")?.get("active").field() {
        Field::Absent => Ok(None),
        Field::Boolean(active) => Ok(Some(active)),
        field => Err(refuse("active must be a boolean", "active", field)),
    }
}

fn object<'a>(input: &'a Input, name: &str) -> Result<&'a Input> {
    match input {
        Input::Undefined | Input::Map(_) => Ok(input),
        _ => Err(not_an_object(name)),
    }
}

fn given<'a, T>(source: &'a Input, key: &str, read: impl FnOnce(Field<'a>) -> Result<T>) -> Result<Option<T>> {
    let field = source.get(key).field();
    if field.is_given() { read(field).map(Some) } else { Ok(None) }
}

fn list<T>(source: &Input, key: &str, what: &str, read: impl Fn(Field<'_>) -> Option<T>) -> Result<Vec<T>> {
    let refused = |field| refuse(format!("{key} must be an array of {what}"), key, field);
    match source.get(key) {
        Input::Undefined => Ok(Vec::new()),
        Input::List(items) => {
            items.iter().map(|item| read(item.field()).ok_or_else(|| refused(item.field()))).collect()
        }
        other => Err(refused(other.field())),
    }
}
