#![forbid(unsafe_code)]
//! A SELECT that grows by the conditions that a filter has. Only those appear, so that few different texts come about
//! and the statement cache finds them again.

use rusqlite::types::Value;

use crate::packed::Shape;

/// More words than this are one list: SQLite has a limit on placeholders, and each number of them is another statement.
const MOST_WORDS: usize = 32;

/// SQL with the values of its placeholders in order.
#[derive(Debug, Clone, PartialEq)]
pub struct Query {
    /// One statement; every value is a placeholder.
    pub sql: String,
    /// The values.
    pub params: Vec<Value>,
}

impl Query {
    /// All columns of `shape` in key order, without a condition yet.
    pub(crate) fn rows(shape: &Shape) -> Self {
        Self { sql: format!("SELECT {} FROM {}", shape.select_list(""), shape.table), params: Vec::new() }
    }

    /// `select`, without a condition yet.
    pub(crate) fn of(select: &str) -> Self {
        Self { sql: select.to_owned(), params: Vec::new() }
    }

    /// The ids of `shape`'s table, without a condition yet.
    pub(crate) fn ids(shape: &Shape) -> Self {
        Self { sql: format!("SELECT id FROM {}", shape.table), params: Vec::new() }
    }

    /// AND a condition with one placeholder, if there is a value for it.
    pub(crate) fn only(&mut self, condition: &str, value: Option<impl Into<Value>>) {
        if let Some(value) = value {
            self.and(condition, [value.into()]);
        }
    }

    /// AND a condition with its values.
    pub(crate) fn and(&mut self, condition: &str, values: impl IntoIterator<Item = Value>) {
        let conjunction = if self.sql.contains(" WHERE ") { " AND " } else { " WHERE " };
        self.sql.push_str(conjunction);
        self.sql.push_str(condition);
        self.params.extend(values);
    }

    /// AND "`column` is one of `words`"; no words, no condition. One word is an equality, which an index follows in order.
    pub(crate) fn one_of(&mut self, column: &str, words: impl ExactSizeIterator<Item = impl Into<String>>) {
        match words.len() {
            0 => {}
            1 => self.and(&format!("{column} = ?"), words.map(text)),
            count if count > MOST_WORDS => {
                let list: Vec<String> = words.map(Into::into).collect();
                let list = serde_json::Value::from(list).to_string();
                self.and(&format!("{column} IN (SELECT value FROM json_each(?))"), [Value::Text(list)]);
            }
            count => {
                let places = vec!["?"; count].join(", ");
                self.and(&format!("{column} IN ({places})"), words.map(text));
            }
        }
    }

    /// The rows of both; the order that follows holds for all of them.
    pub(crate) fn union_all(mut self, other: Self) -> Self {
        self.sql.push_str(" UNION ALL ");
        self.sql.push_str(&other.sql);
        self.params.extend(other.params);
        self
    }

    /// End with the order, and with LIMIT and OFFSET where they say anything.
    pub(crate) fn sorted(mut self, order: &str, slice: Slice) -> Self {
        self.sql.push_str(" ORDER BY ");
        self.sql.push_str(order);
        if slice.limit.is_some() || slice.offset > 0 {
            self.sql.push_str(" LIMIT ?");
            self.params.push(slice.limit.unwrap_or(-1).into());
        }
        if slice.offset > 0 {
            self.sql.push_str(" OFFSET ?");
            self.params.push(slice.offset.into());
        }
        self
    }
}

fn text(word: impl Into<String>) -> Value {
    Value::Text(word.into())
}

/// Which part of the rows a caller wants.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Slice {
    /// At least 1; `None`: all.
    pub limit: Option<i64>,
    /// Rows to leave out first.
    pub offset: i64,
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::telemetry::shape::SCHEMA_VERSIONS;

    fn ids() -> Query {
        Query::ids(&SCHEMA_VERSIONS)
    }

    #[test]
    fn only_what_is_asked_for_appears() {
        assert_eq!(ids().sorted("id", Slice::default()).sql, "SELECT id FROM telemetry_schema_versions ORDER BY id");
        let mut query = ids();
        query.only("a = ?", None::<i64>);
        query.only("b = ?", Some(1));
        query.one_of("c", ["x"].into_iter());
        query.one_of("d", ["y", "z"].into_iter());
        query.one_of("e", std::iter::empty::<&str>());
        let query = query.sorted("id DESC", Slice { limit: None, offset: 2 });
        assert_eq!(
            query.sql,
            "SELECT id FROM telemetry_schema_versions WHERE b = ? AND c = ? AND d IN (?, ?) ORDER BY id DESC LIMIT ? \
             OFFSET ?"
        );
        assert_eq!(query.params, [1.into(), text("x"), text("y"), text("z"), (-1).into(), 2.into()]);
    }
}
