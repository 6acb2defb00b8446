#![forbid(unsafe_code)]
//! querySessions, iterateSessions.

use super::page::{self, Order, Progress, Resume};
use super::source::{SliceTexts, Source};
use super::window::Window;
use crate::client::check::{at_least, non_negative, refuse};
use crate::client::words;
use crate::client::{Query, Slice};
use crate::error::Result;
use crate::packed::{Field, Input};
use crate::telemetry::kinds::SessionStatus;
use crate::telemetry::shape::SESSION;

words! {
    /// `orderBy` of a session listing.
    SessionOrder {
        StartTimeDesc = "start_time_desc",
        StartTimeAsc = "start_time_asc",
        DurationDesc = "duration_desc",
        DurationAsc = "duration_asc",
    }
}

impl SessionOrder {
    /// The order in SQL.
    pub const fn order(self) -> Order {
        const START_TIME: Order = order("startTime", "start_time", Resume::RowValue);
        const DURATION: Order = order("duration", "duration", Resume::Nullable);
        match self {
            Self::StartTimeDesc => START_TIME,
            Self::StartTimeAsc => Order { descending: false, ..START_TIME },
            Self::DurationDesc => DURATION,
            Self::DurationAsc => Order { descending: false, ..DURATION },
        }
    }
}

const fn order(key: &str, column: &'static str, resume: Resume) -> Order {
    Order { column, position: SESSION.position(key), descending: true, resume }
}

/// Which relations come with each session.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Include {
    /// `includeEvents`
    pub events: bool,
    /// `includeBuffers`
    pub buffers: bool,
    /// `includeErrors`
    pub errors: bool,
}

/// A checked `SessionQueryFilter`.
#[derive(Debug, Clone, PartialEq)]
pub struct SessionFilter {
    /// One session.
    pub id: Option<String>,
    /// Sessions of one agent.
    pub agent_type: Option<String>,
    /// Sessions in one mode.
    pub mode: Option<String>,
    /// Sessions in one sandbox.
    pub sandbox_id: Option<String>,
    /// Sessions with one of these statuses; none: any. Each once.
    pub statuses: Vec<SessionStatus>,
    /// Bounds of `startTime`.
    pub window: Window,
    /// Lowest and highest `duration`.
    pub duration: (Option<f64>, Option<f64>),
    /// Lowest and highest `eventCount`.
    pub event_count: (Option<i64>, Option<i64>),
    /// Relations to add; iterateSessions ignores them.
    pub include: Include,
    /// `limit` and `offset`.
    pub slice: Slice,
    /// The order.
    pub order_by: SessionOrder,
}

impl SessionFilter {
    /// Check the filter of querySessions or iterateSessions.
    ///
    /// # Errors
    /// `Error::Validation` with the message and field of the first row of telemetry.md §13 that matches.
    pub fn query(input: &Input) -> Result<Self> {
        let source = &Source::new(input)?;
        let id = source.session_ids(["sessionId", "id"])?;
        let statuses = source.words("status", "Invalid session status", SessionStatus::parse)?;
        let agent_type = source.texts(["agentType", "category"])?;
        let mode = source.texts(["mode", "action"])?;
        let sandbox_id = source.text("sandboxId")?;
        let include = Include {
            events: source.boolean("includeEvents")?.unwrap_or(false),
            buffers: source.boolean("includeBuffers")?.unwrap_or(false),
            errors: source.boolean("includeErrors")?.unwrap_or(false),
        };
        let slice = source.slice(SliceTexts::Elsewhere)?;
        let window = source.window()?;
        let (duration, event_count) = ranges(source)?;
        let order_by = source.order(SessionOrder::StartTimeDesc, SessionOrder::parse)?;
        Ok(Self {
            id: id.settle(source)?,
            agent_type: agent_type.settle(source)?,
            mode: mode.settle(source)?,
            sandbox_id,
            statuses,
            window: window.settle(source)?,
            duration,
            event_count,
            include,
            slice,
            order_by,
        })
    }

    /// The rows of querySessions, without relations.
    pub fn to_sql(&self) -> Query {
        self.restrict(Query::rows(&SESSION)).sorted(&self.order_by.order().terms(), self.slice)
    }

    /// The next page of iterateSessions; `None` when the filter's own limit is reached. A page shorter than it could be
    /// is the last one.
    pub fn page(&self, progress: &Progress, page_size: i64) -> Option<Query> {
        page::next(self.restrict(Query::rows(&SESSION)), self.order_by.order(), self.slice, progress, page_size)
    }

    fn restrict(&self, mut query: Query) -> Query {
        query.only("id = ?", self.id.clone());
        query.one_of("status", self.statuses.iter().map(|status| status.as_str()));
        query.only("agent_type = ?", self.agent_type.clone());
        query.only("mode = ?", self.mode.clone());
        query.only("sandbox_id = ?", self.sandbox_id.clone());
        self.window.restrict(&mut query, "start_time");
        query.only("duration >= ?", self.duration.0);
        query.only("duration <= ?", self.duration.1);
        query.only("event_count >= ?", self.event_count.0);
        query.only("event_count <= ?", self.event_count.1);
        query
    }
}

type Range<T> = (Option<T>, Option<T>);

/// All four bounds are checked before the pairs are compared: they share one row of the table, in this order.
fn ranges(source: &Source<'_>) -> Result<(Range<f64>, Range<i64>)> {
    let count = |field: Field<'_>| at_least(field, 0.0);
    let duration = (
        source.number("minDuration", "Min duration must be non-negative", non_negative)?,
        source.number("maxDuration", "Max duration must be non-negative", non_negative)?,
    );
    let event_count = (
        source.number("minEventCount", "Min event count must be non-negative", count)?,
        source.number("maxEventCount", "Max event count must be non-negative", count)?,
    );
    let reversed =
        |key: &str, noun: &str| refuse(format!("Max {noun} must be greater than min {noun}"), key, source.field(key));
    match (duration, event_count) {
        ((Some(min), Some(max)), _) if max < min => Err(reversed("maxDuration", "duration")),
        (_, (Some(min), Some(max))) if max < min => Err(reversed("maxEventCount", "event count")),
        ranges => Ok(ranges),
    }
}
