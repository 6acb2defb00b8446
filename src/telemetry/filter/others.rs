#![forbid(unsafe_code)]
//! The listings with a condition or two: relations of a session, validation rules, the audit trail, days.

use super::source::Source;
use super::window::Window;
use crate::client::{Query, Slice};
use crate::error::Result;
use crate::packed::Input;
use crate::telemetry::shape::{AUDIT, BUFFER, ERROR, EVENT, RULE};

/// The events of a session as `getSession(id, true)` lists them.
pub fn events_of(session_id: &str) -> Query {
    of_session(Query::rows(&EVENT), session_id, "timestamp DESC, id DESC")
}

/// The buffers of a session as `getSession(id, true)` lists them.
pub fn buffers_of(session_id: &str) -> Query {
    of_session(Query::rows(&BUFFER), session_id, "id ASC")
}

/// The errors of a session as `getSession(id, true)` lists them.
pub fn errors_of(session_id: &str) -> Query {
    of_session(Query::rows(&ERROR), session_id, "id ASC")
}

fn of_session(mut query: Query, session_id: &str, order: &str) -> Query {
    query.only("session_id = ?", Some(session_id.to_owned()));
    query.sorted(order, Slice::default())
}

/// The audit rows of one record, newest first.
pub fn audit_trail(table: &str, record_id: &str, limit: i64) -> Query {
    let mut query = Query::rows(&AUDIT);
    query.only("table_name = ?", Some(table.to_owned()));
    query.only("record_id = ?", Some(record_id.to_owned()));
    query.sorted("timestamp DESC, id DESC", Slice { limit: Some(limit), offset: 0 })
}

/// A checked filter of listValidationRules.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct RuleFilter {
    /// Rules of one table.
    pub table_name: Option<String>,
    /// Rules of one field, as the rule spells it.
    pub field_name: Option<String>,
    /// Only those in force, or only those that are not.
    pub is_active: Option<bool>,
}

impl RuleFilter {
    /// Check the filter of listValidationRules.
    ///
    /// # Errors
    /// `Error::Validation` with the message and field of the first row of telemetry.md §13 that matches.
    pub fn query(input: &Input) -> Result<Self> {
        let source = Source::new(input)?;
        let table_name = source.text("tableName")?;
        let field_name = source.text("fieldName")?;
        Ok(Self { table_name, field_name, is_active: source.boolean("isActive")? })
    }

    /// The rules in force, for a set to be compiled from.
    pub fn active() -> Self {
        Self { is_active: Some(true), ..Self::default() }
    }

    /// The rows, in the order in which the rules apply.
    pub fn to_sql(&self) -> Query {
        let mut query = Query::rows(&RULE);
        query.only("table_name = ?", self.table_name.clone());
        query.only("field_name = ?", self.field_name.clone());
        query.only("is_active = ?", self.is_active);
        query.sorted("priority ASC, id ASC", Slice::default())
    }
}

impl Window {
    /// Check the range of getDailyStatistics.
    ///
    /// # Errors
    /// As for the `from` and `to` of any filter.
    pub fn query(input: &Input) -> Result<Self> {
        let source = &Source::new(input)?;
        source.window()?.settle(source)
    }
}
