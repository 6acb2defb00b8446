#![forbid(unsafe_code)]
//! queryEvents, iterateEvents, deleteEvents.

use super::page::{self, Order, Progress, Resume};
use super::source::{SliceTexts, Source};
use super::window::Window;
use crate::client::check::refuse;
use crate::client::words;
use crate::client::{Query, Slice};
use crate::error::Result;
use crate::packed::{Field, Input};
use crate::telemetry::kinds::EventType;
use crate::telemetry::shape::EVENT;

words! {
    /// `orderBy` of an event listing.
    EventOrder {
        TimestampDesc = "timestamp_desc",
        TimestampAsc = "timestamp_asc",
        CreatedAtDesc = "created_at_desc",
        CreatedAtAsc = "created_at_asc",
    }
}

impl EventOrder {
    /// The order in SQL.
    pub const fn order(self) -> Order {
        const TIMESTAMP: Order = order("timestamp", "timestamp", Resume::Ties);
        const CREATED_AT: Order = order("createdAt", "created_at", Resume::RowValue);
        match self {
            Self::TimestampDesc => TIMESTAMP,
            Self::TimestampAsc => Order { descending: false, ..TIMESTAMP },
            Self::CreatedAtDesc => CREATED_AT,
            Self::CreatedAtAsc => Order { descending: false, ..CREATED_AT },
        }
    }
}

const fn order(key: &str, column: &'static str, resume: Resume) -> Order {
    Order { column, position: EVENT.position(key), descending: true, resume }
}

/// Every key of `TelemetryQueryFilter`.
const KEYS: [&str; 14] = [
    "sessionId",
    "eventType",
    "agentType",
    "category",
    "mode",
    "action",
    "sandboxId",
    "from",
    "to",
    "fromTime",
    "toTime",
    "limit",
    "offset",
    "orderBy",
];

/// A checked `TelemetryQueryFilter`.
#[derive(Debug, Clone, PartialEq)]
pub struct EventFilter {
    /// Events of one session.
    pub session_id: Option<String>,
    /// Events of one type.
    pub event_type: Option<EventType>,
    /// Events of one agent.
    pub agent_type: Option<String>,
    /// Events in one mode.
    pub mode: Option<String>,
    /// Events in one sandbox.
    pub sandbox_id: Option<String>,
    /// Bounds of `timestamp`.
    pub window: Window,
    /// `limit` and `offset`.
    pub slice: Slice,
    /// The order.
    pub order_by: EventOrder,
}

impl Default for EventFilter {
    fn default() -> Self {
        Self {
            session_id: None,
            event_type: None,
            agent_type: None,
            mode: None,
            sandbox_id: None,
            window: Window::default(),
            slice: Slice::default(),
            order_by: EventOrder::TimestampDesc,
        }
    }
}

impl EventFilter {
    /// Check the filter of queryEvents.
    ///
    /// # Errors
    /// `Error::Validation` with the message and field of the first row of telemetry.md §13 that matches.
    pub fn query(input: &Input) -> Result<Self> {
        Self::read(&Source::new(input)?, SliceTexts::QueryEvents)
    }

    /// Check the filter of iterateEvents.
    ///
    /// # Errors
    /// As [`EventFilter::query`], with the texts of other methods for `limit` and `offset`.
    pub fn iteration(input: &Input) -> Result<Self> {
        Self::read(&Source::new(input)?, SliceTexts::Elsewhere)
    }

    fn read(source: &Source<'_>, texts: SliceTexts) -> Result<Self> {
        let session_id = source.session_id("sessionId")?;
        let event_type = source.word("eventType", "Invalid event type", EventType::parse)?;
        let agent_type = source.texts(["agentType", "category"])?;
        let mode = source.texts(["mode", "action"])?;
        let sandbox_id = source.text("sandboxId")?;
        let slice = source.slice(texts)?;
        let window = source.window()?;
        let order_by = source.order(EventOrder::TimestampDesc, EventOrder::parse)?;
        Ok(Self {
            session_id,
            event_type,
            agent_type: agent_type.settle(source)?,
            mode: mode.settle(source)?,
            sandbox_id,
            window: window.settle(source)?,
            slice,
            order_by,
        })
    }

    /// The rows of queryEvents.
    pub fn to_sql(&self) -> Query {
        self.restrict(Query::rows(&EVENT)).sorted(&self.order_by.order().terms(), self.slice)
    }

    /// The next page of iterateEvents; `None` when the filter's own limit is reached. A page shorter than it could be is
    /// the last one.
    pub fn page(&self, progress: &Progress, page_size: i64) -> Option<Query> {
        page::next(self.restrict(Query::rows(&EVENT)), self.order_by.order(), self.slice, progress, page_size)
    }

    /// The ids of the rows that [`EventFilter::to_sql`] returns, for use as a sub-select.
    pub fn to_ids_sql(&self) -> Query {
        let query = self.restrict(Query::ids(&EVENT));
        if self.slice == Slice::default() {
            return query;
        }
        query.sorted(&self.order_by.order().terms(), self.slice)
    }

    fn restrict(&self, mut query: Query) -> Query {
        query.only("session_id = ?", self.session_id.clone());
        if let Some(event_type) = self.event_type {
            query.only("event_type = ?", Some(event_type.as_str().to_owned()));
            if event_type != EventType::Stream {
                // The partial indexes of the rare types: SQLite does not infer their condition from a parameter.
                query.and("event_type <> 'stream'", []);
            }
        }
        query.only("agent_type = ?", self.agent_type.clone());
        query.only("mode = ?", self.mode.clone());
        query.only("sandbox_id = ?", self.sandbox_id.clone());
        self.window.restrict(&mut query, "timestamp");
        query
    }
}

/// A checked filter of deleteEvents: a mistake in it must not empty a table.
#[derive(Debug, Clone, PartialEq)]
pub struct EventDeletion {
    /// What queryEvents would return is deleted.
    pub filter: EventFilter,
    /// The filter as the caller spelled it, as JSON, for the audit row.
    pub given: String,
}

impl EventDeletion {
    /// Check the filter of deleteEvents. None and `{}` delete all events.
    ///
    /// # Errors
    /// As [`EventFilter::iteration`]; also for a key that is unknown or has no value, and if no key has one.
    pub fn parse(input: &Input) -> Result<Self> {
        let source = Source::new(input)?;
        let filter = EventFilter::read(&source, SliceTexts::Elsewhere)?;
        let entries = source.entries();
        if let Some((key, value)) = entries.iter().find(|(key, _)| !KEYS.contains(&key.as_str())) {
            return Err(refuse(format!("Unknown filter key \"{key}\""), key, value.field()));
        }
        if !entries.is_empty() && entries.iter().all(|(_, value)| *value == Input::Undefined) {
            return Err(refuse("Delete filter has no usable key", "filter", Field::Absent));
        }
        let empty = |value: &Input| matches!(value.field(), Field::Null | Field::Text(""));
        if let Some((key, value)) = entries.iter().find(|(_, value)| empty(value)) {
            return Err(refuse(format!("Empty value for filter key \"{key}\""), key, value.field()));
        }
        let given = if *input == Input::Undefined { "{}".to_owned() } else { input.to_json().to_string() };
        Ok(Self { filter, given })
    }
}
