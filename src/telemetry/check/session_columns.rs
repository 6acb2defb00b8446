#![forbid(unsafe_code)]
//! What a caller says about a session, and what that makes of a new row and of one that exists.

use crate::client::check::Given;
use crate::packed::Field;
use crate::telemetry::kinds::SessionStatus;
use crate::telemetry::shape::SESSION;

pub(super) const ID: usize = SESSION.position("id");
pub(super) const AGENT_TYPE: usize = SESSION.position("agentType");
pub(super) const MODE: usize = SESSION.position("mode");
pub(super) const STATUS: usize = SESSION.position("status");
pub(super) const START_TIME: usize = SESSION.position("startTime");
pub(super) const END_TIME: usize = SESSION.position("endTime");
pub(super) const DURATION: usize = SESSION.position("duration");
pub(super) const EVENT_COUNT: usize = SESSION.position("eventCount");
pub(super) const STREAM_EVENT_COUNT: usize = SESSION.position("streamEventCount");
pub(super) const ERROR_COUNT: usize = SESSION.position("errorCount");
pub(super) const SANDBOX_ID: usize = SESSION.position("sandboxId");
pub(super) const REPO_URL: usize = SESSION.position("repoUrl");
pub(super) const METADATA: usize = SESSION.position("metadata");
pub(super) const CREATED_AT: usize = SESSION.position("createdAt");
pub(super) const UPDATED_AT: usize = SESSION.position("updatedAt");
pub(super) const VERSION: usize = SESSION.position("version");
pub(super) const SCHEMA_VERSION: usize = SESSION.position("schemaVersion");

/// A valid session for createSession or upsertSession. `createdAt` and `updatedAt` were checked and are left out: we set
/// them.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct NewSession<'a> {
    /// The session's id.
    pub id: &'a str,
    /// The agent; not blank.
    pub agent_type: &'a str,
    /// Its mode; not blank.
    pub mode: &'a str,
    /// Default `'active'`; always given for upsertSession.
    pub status: Option<&'a str>,
    /// Milliseconds; finite, not negative.
    pub start_time: f64,
    /// The optional columns.
    pub details: SessionDetails<'a>,
}

/// A valid partial update; `None` and [`Given::Absent`] leave a column as it is.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub struct SessionUpdate<'a> {
    /// Renames the session.
    pub id: Option<&'a str>,
    /// The agent; not blank.
    pub agent_type: Option<&'a str>,
    /// Its mode; not blank.
    pub mode: Option<&'a str>,
    /// Not blank.
    pub status: Option<&'a str>,
    /// Milliseconds.
    pub start_time: Option<f64>,
    /// The optional columns.
    pub details: SessionDetails<'a>,
}

/// The columns that no session needs.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub struct SessionDetails<'a> {
    /// Milliseconds; where `startTime` is given too, not before it.
    pub end_time: Given<f64>,
    /// Milliseconds.
    pub duration: Given<f64>,
    /// Stored only while the session has no events.
    pub event_count: Option<i64>,
    /// Stored only while the session has no events.
    pub stream_event_count: Option<i64>,
    /// Stored only while the session has no events.
    pub error_count: Option<i64>,
    /// The sandbox it runs in.
    pub sandbox_id: Given<&'a str>,
    /// The repository it works on.
    pub repo_url: Given<&'a str>,
    /// Text, stored verbatim.
    pub metadata: Given<&'a str>,
    /// Default 1.
    pub version: Option<i64>,
    /// Default `'1.0.0'`.
    pub schema_version: Option<&'a str>,
}

#[allow(clippy::cast_precision_loss, reason = "counts and versions are below 2^53")]
fn number<'a>(count: Option<i64>) -> Field<'a> {
    count.map_or(Field::Absent, |count| Field::Number(count as f64))
}

impl<'a> NewSession<'a> {
    /// `status` as an insert stores it.
    pub fn status(&self) -> &'a str {
        self.status.unwrap_or(SessionStatus::Active.as_str())
    }

    /// The cell at `position` of the shape as an insert stores it, for validation rules.
    pub fn stored(&self, position: usize, now: f64) -> Field<'a> {
        let given = match position {
            CREATED_AT | UPDATED_AT => return Field::Number(now),
            STATUS => return Field::Text(self.status()),
            _ => self.upserted().set(position),
        };
        match (given, position) {
            (Field::Absent, EVENT_COUNT | STREAM_EVENT_COUNT | ERROR_COUNT) => number(Some(0)),
            (Field::Absent, VERSION) => number(Some(super::DEFAULT_VERSION)),
            (Field::Absent, SCHEMA_VERSION) => Field::Text(super::DEFAULT_SCHEMA_VERSION),
            (Field::Absent, _) => Field::Null,
            _ => given,
        }
    }

    /// What createSession changes in a session that exists: times and counts, for instance, stay.
    pub fn recreated(&self) -> SessionUpdate<'a> {
        let SessionDetails { sandbox_id, repo_url, metadata, .. } = self.details;
        SessionUpdate {
            agent_type: Some(self.agent_type),
            mode: Some(self.mode),
            status: self.status,
            details: SessionDetails { sandbox_id, repo_url, metadata, ..SessionDetails::default() },
            ..SessionUpdate::default()
        }
    }

    /// What upsertSession changes in a session that exists: every given column.
    pub fn upserted(&self) -> SessionUpdate<'a> {
        SessionUpdate {
            id: Some(self.id),
            agent_type: Some(self.agent_type),
            mode: Some(self.mode),
            status: self.status,
            start_time: Some(self.start_time),
            details: self.details,
        }
    }
}

impl<'a> SessionUpdate<'a> {
    /// The cell at `position` of the shape as the update sets it; [`Field::Absent`] for a column that it leaves alone and
    /// for the times that we set.
    pub fn set(&self, position: usize) -> Field<'a> {
        let text = |text: Option<&'a str>| text.map_or(Field::Absent, Field::Text);
        let details = &self.details;
        match position {
            ID => text(self.id),
            AGENT_TYPE => text(self.agent_type),
            MODE => text(self.mode),
            STATUS => text(self.status),
            START_TIME => self.start_time.map_or(Field::Absent, Field::Number),
            END_TIME => details.end_time.into(),
            DURATION => details.duration.into(),
            EVENT_COUNT => number(details.event_count),
            STREAM_EVENT_COUNT => number(details.stream_event_count),
            ERROR_COUNT => number(details.error_count),
            SANDBOX_ID => details.sandbox_id.into(),
            REPO_URL => details.repo_url.into(),
            METADATA => details.metadata.into(),
            VERSION => number(details.version),
            SCHEMA_VERSION => text(details.schema_version),
            _ => Field::Absent,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::client::check::testing::record;
    use crate::telemetry::check::create_session;

    const VALID: &[(&str, Field<'static>)] = &[
        ("id", Field::Text("s1")),
        ("agentType", Field::Text("claude")),
        ("mode", Field::Text("code")),
        ("startTime", Field::Number(10.0)),
    ];

    #[test]
    fn creating_a_session_again_keeps_its_times_and_counts() {
        let given = [("eventCount", Field::Number(3.0)), ("sandboxId", Field::Null), ("status", Field::Absent)];
        let batch = record(&SESSION, VALID, &given);
        let session = create_session(&batch.record(0)).unwrap();
        let update = session.recreated();
        assert_eq!((update.id, update.start_time, update.status), (None, None, None));
        assert_eq!((update.details.event_count, update.details.sandbox_id), (None, Given::Null));
        assert_eq!(session.upserted().details.event_count, Some(3));
        assert_eq!(session.stored(STATUS, 5.0), Field::Text("active"));
        assert_eq!(session.stored(UPDATED_AT, 5.0), Field::Number(5.0));
        assert_eq!(session.stored(ERROR_COUNT, 5.0), Field::Number(0.0));
        assert_eq!(session.stored(DURATION, 5.0), Field::Null);
    }
}
