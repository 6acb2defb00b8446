#![forbid(unsafe_code)]
//! queryErrors, getRecentErrors.

use super::source::{SliceTexts, Source};
use super::window::Window;
use crate::client::check::whole_non_negative;
use crate::client::{Query, Slice};
use crate::error::Result;
use crate::packed::Input;
use crate::telemetry::kinds::Severity;
use crate::telemetry::shape::ERROR;

/// A checked `ErrorQueryFilter`.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct ErrorFilter {
    /// Errors of one session.
    pub session_id: Option<String>,
    /// Errors of one event.
    pub event_id: Option<i64>,
    /// Errors of one type.
    pub error_type: Option<String>,
    /// Errors with one of these severities; none: any. Each once.
    pub severities: Vec<Severity>,
    /// Only those resolved, or only those that are not.
    pub resolved: Option<bool>,
    /// Bounds of `timestamp`.
    pub window: Window,
    /// `limit` and `offset`.
    pub slice: Slice,
}

impl ErrorFilter {
    /// Check the filter of queryErrors.
    ///
    /// # Errors
    /// `Error::Validation` with the message and field of the first row of telemetry.md §13 that matches.
    pub fn query(input: &Input) -> Result<Self> {
        let source = &Source::new(input)?;
        let session_id = source.session_id("sessionId")?;
        let severities = source.words("severity", "Invalid severity", Severity::parse)?;
        let event_id = source.number("eventId", "Field \"eventId\" is invalid", whole_non_negative)?;
        let error_type = source.text("errorType")?;
        let resolved = source.boolean("resolved")?;
        let slice = source.slice(SliceTexts::Elsewhere)?;
        let window = source.window()?.settle(source)?;
        Ok(Self { session_id, event_id, error_type, severities, resolved, window, slice })
    }

    /// The filter of getRecentErrors.
    pub fn recent(limit: i64) -> Self {
        Self { slice: Slice { limit: Some(limit), offset: 0 }, ..Self::default() }
    }

    /// The rows, newest first.
    pub fn to_sql(&self) -> Query {
        let mut query = Query::rows(&ERROR);
        query.only("session_id = ?", self.session_id.clone());
        query.only("event_id = ?", self.event_id);
        query.only("error_type = ?", self.error_type.clone());
        query.one_of("severity", self.severities.iter().map(|severity| severity.as_str()));
        query.only("resolved = ?", self.resolved);
        self.window.restrict(&mut query, "timestamp");
        query.sorted("timestamp DESC, id DESC", self.slice)
    }
}
