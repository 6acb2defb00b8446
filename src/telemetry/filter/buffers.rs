#![forbid(unsafe_code)]
//! queryBuffers.

use super::source::{SliceTexts, Source};
use super::window::Window;
use crate::client::{Query, Slice};
use crate::error::Result;
use crate::packed::Input;
use crate::telemetry::kinds::BufferStatus;
use crate::telemetry::shape::BUFFER;

/// A checked `BufferQueryFilter`.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct BufferFilter {
    /// Buffers of one session.
    pub session_id: Option<String>,
    /// Buffers with one of these statuses; none: any. Each once.
    pub statuses: Vec<BufferStatus>,
    /// Bounds of `createdAt`.
    pub window: Window,
    /// `limit` and `offset`.
    pub slice: Slice,
}

impl BufferFilter {
    /// Check the filter of queryBuffers.
    ///
    /// # Errors
    /// `Error::Validation` with the message and field of the first row of telemetry.md §13 that matches.
    pub fn query(input: &Input) -> Result<Self> {
        let source = &Source::new(input)?;
        let session_id = source.session_id("sessionId")?;
        let statuses = source.words("status", "Field \"status\" is invalid", BufferStatus::parse)?;
        let slice = source.slice(SliceTexts::Elsewhere)?;
        Ok(Self { session_id, statuses, slice, window: source.window()?.settle(source)? })
    }

    /// The rows, in the order in which they came about.
    pub fn to_sql(&self) -> Query {
        let mut query = Query::rows(&BUFFER);
        query.only("session_id = ?", self.session_id.clone());
        query.one_of("status", self.statuses.iter().map(|status| status.as_str()));
        self.window.restrict(&mut query, "created_at");
        query.sorted("id ASC", self.slice)
    }
}
