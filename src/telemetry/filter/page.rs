#![forbid(unsafe_code)]
//! Paging by key: each page begins behind the last row of the one before, so that rows that come and go meanwhile
//! neither repeat nor hide a row that stays.

use rusqlite::types::Value;

use crate::client::{Query, Slice};

/// A total order of a listing: a column, and `id` in the same direction where it is equal.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Order {
    /// Column name.
    pub column: &'static str,
    /// Position of the column in a row.
    pub position: usize,
    /// Newest or longest first.
    pub descending: bool,
    /// How a page goes on behind a cursor.
    pub resume: Resume,
}

/// The SQL that goes on behind a row. Nothing before the cursor may be looked at again where an index has the order.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Resume {
    /// `(a, id) < (?, ?)`: an index that has `id` as a column of its own starts there.
    RowValue,
    /// As two branches, the ties and what is beyond. An index ends with the rowid, but SQLite does not seek by a row value
    /// there: of a million events at one time each page would look at all before it.
    Ties,
    /// As `RowValue`, for a column that can be NULL, which sorts lowest.
    Nullable,
}

/// Where a page ended: order column and `id` of its last row.
#[derive(Debug, Clone, PartialEq)]
pub struct Cursor {
    /// The order column's value; NULL where it has none.
    pub key: Value,
    /// The row's id.
    pub id: Value,
}

/// How far an iteration has come. Start with the default.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Progress {
    /// The last row so far; `None` before the first page.
    pub after: Option<Cursor>,
    /// Rows returned so far.
    pub returned: i64,
}

impl Order {
    /// The terms of ORDER BY. SQLite sorts NULL lowest by itself.
    pub(super) fn terms(self) -> String {
        let direction = if self.descending { "DESC" } else { "ASC" };
        format!("{} {direction}, id {direction}", self.column)
    }

    /// The rows of `query` behind `cursor`.
    fn behind(self, mut query: Query, cursor: &Cursor) -> Query {
        let Cursor { key, id } = cursor.clone();
        let column = self.column;
        let sign = if self.descending { '<' } else { '>' };
        match (self.resume, &key, self.descending) {
            (Resume::Nullable, Value::Null, true) => query.and(&format!("{column} IS NULL AND id < ?"), [id]),
            (Resume::Nullable, Value::Null, false) => query.and(&format!("({column} IS NOT NULL OR id > ?)"), [id]),
            (Resume::Nullable, _, true) => {
                query.and(&format!("(({column}, id) < (?, ?) OR {column} IS NULL)"), [key, id]);
            }
            (Resume::Ties, ..) => {
                let mut ties = query.clone();
                ties.and(&format!("{column} = ? AND id {sign} ?"), [key.clone(), id]);
                query.and(&format!("{column} {sign} ?"), [key]);
                return ties.union_all(query);
            }
            _ => query.and(&format!("({column}, id) {sign} (?, ?)"), [key, id]),
        }
        query
    }
}

/// The next page of `query`, which has its conditions but no order yet; `None` when the caller's own limit is reached.
/// That limit and offset hold for the iteration, not for the page.
pub(super) fn next(query: Query, order: Order, slice: Slice, progress: &Progress, page_size: i64) -> Option<Query> {
    let limit = match slice.limit {
        Some(limit) => page_size.min(limit.saturating_sub(progress.returned)),
        None => page_size,
    };
    if limit < 1 {
        return None;
    }
    let (query, offset) = match &progress.after {
        Some(cursor) => (order.behind(query, cursor), 0),
        None => (query, slice.offset),
    };
    Some(query.sorted(&order.terms(), Slice { limit: Some(limit), offset }))
}
