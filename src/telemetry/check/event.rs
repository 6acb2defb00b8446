#![forbid(unsafe_code)]
//! The checks of an event, which run for every record of a batch: a valid one costs no allocation.

use crate::client::check::{count, json, not_blank, real, refuse_cell, text, valid_id};
use crate::error::Result;
use crate::packed::{Field, Record};
use crate::telemetry::kinds::EventType;
use crate::telemetry::shape::EVENT;

const ID: usize = EVENT.position("id");
const SESSION_ID: usize = EVENT.position("sessionId");
const EVENT_TYPE: usize = EVENT.position("eventType");
const AGENT_TYPE: usize = EVENT.position("agentType");
const MODE: usize = EVENT.position("mode");
const PROMPT: usize = EVENT.position("prompt");
const STREAM_DATA: usize = EVENT.position("streamData");
const SANDBOX_ID: usize = EVENT.position("sandboxId");
const REPO_URL: usize = EVENT.position("repoUrl");
const METADATA: usize = EVENT.position("metadata");
const TIMESTAMP: usize = EVENT.position("timestamp");
const CREATED_AT: usize = EVENT.position("createdAt");
const VERSION: usize = EVENT.position("version");
const SCHEMA_VERSION: usize = EVENT.position("schemaVersion");

/// A valid event. `createdAt` was checked and is left out: we set it.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct NewEvent<'a> {
    /// The caller's own id.
    pub id: Option<i64>,
    /// The session; whether it exists is for the database to say.
    pub session_id: &'a str,
    /// What the event reports.
    pub event_type: EventType,
    /// The agent; not blank.
    pub agent_type: &'a str,
    /// Its mode; not blank.
    pub mode: &'a str,
    /// May be empty.
    pub prompt: Option<&'a str>,
    /// Streamed text.
    pub stream_data: Option<&'a str>,
    /// The sandbox it ran in.
    pub sandbox_id: Option<&'a str>,
    /// The repository it worked on.
    pub repo_url: Option<&'a str>,
    /// Text, stored verbatim.
    pub metadata: Option<&'a str>,
    /// Milliseconds; finite, not negative.
    pub timestamp: f64,
    /// Default 1.
    pub version: Option<i64>,
    /// Default `'1.0.0'`.
    pub schema_version: Option<&'a str>,
}

/// Check one event (telemetry.md §13, in the order of its rows).
///
/// # Errors
/// `Error::Validation` with the message and field of the first row that matches.
pub fn event<'a>(record: &Record<'a>) -> Result<NewEvent<'a>> {
    let session_id = valid_id(record.at(SESSION_ID))
        .ok_or_else(|| refuse_cell(record, SESSION_ID, "Valid session ID is required"))?;
    let event_type = record
        .at(EVENT_TYPE)
        .text()
        .and_then(EventType::parse)
        .ok_or_else(|| refuse_cell(record, EVENT_TYPE, "Valid event type is required"))?;
    let agent_type = not_blank(record, AGENT_TYPE, "Agent type is required")?;
    let mode = not_blank(record, MODE, "Mode is required")?;
    let prompt = match record.at(PROMPT) {
        Field::Absent | Field::Null => None,
        Field::Text(prompt) | Field::Malformed(prompt) => Some(prompt),
        _ => return Err(refuse_cell(record, PROMPT, "Prompt must be a string or null")),
    };
    let timestamp = super::timestamp(record, TIMESTAMP)?;
    let metadata = json(record, METADATA)?.value();
    let id = count(record, ID)?.value();
    let stream_data = text(record, STREAM_DATA)?.value();
    let sandbox_id = text(record, SANDBOX_ID)?.value();
    let repo_url = text(record, REPO_URL)?.value();
    real(record, CREATED_AT)?;
    Ok(NewEvent {
        id,
        session_id,
        event_type,
        agent_type,
        mode,
        prompt,
        stream_data,
        sandbox_id,
        repo_url,
        metadata,
        timestamp,
        version: count(record, VERSION)?.value(),
        schema_version: text(record, SCHEMA_VERSION)?.value(),
    })
}

impl<'a> NewEvent<'a> {
    /// `version` as it is stored.
    pub fn version(&self) -> i64 {
        self.version.unwrap_or(super::DEFAULT_VERSION)
    }

    /// `schema_version` as it is stored.
    pub fn schema_version(&self) -> &'a str {
        self.schema_version.unwrap_or(super::DEFAULT_SCHEMA_VERSION)
    }

    /// The cell at `position` of the shape as it will be stored, for validation rules: defaults are filled in, and an id
    /// that only the database knows is [`Field::Absent`].
    #[allow(clippy::cast_precision_loss, reason = "ids and versions are below 2^53")]
    pub fn stored(&self, position: usize, created_at: f64) -> Field<'a> {
        let nullable = |text: Option<&'a str>| text.map_or(Field::Null, Field::Text);
        match position {
            ID => self.id.map_or(Field::Absent, |id| Field::Number(id as f64)),
            SESSION_ID => Field::Text(self.session_id),
            EVENT_TYPE => Field::Text(self.event_type.as_str()),
            AGENT_TYPE => Field::Text(self.agent_type),
            MODE => Field::Text(self.mode),
            PROMPT => nullable(self.prompt),
            STREAM_DATA => nullable(self.stream_data),
            SANDBOX_ID => nullable(self.sandbox_id),
            REPO_URL => nullable(self.repo_url),
            METADATA => nullable(self.metadata),
            TIMESTAMP => Field::Number(self.timestamp),
            CREATED_AT => Field::Number(created_at),
            VERSION => Field::Number(self.version() as f64),
            SCHEMA_VERSION => Field::Text(self.schema_version()),
            _ => Field::Absent,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::client::check::testing::{record, refusal};

    const VALID: &[(&str, Field<'static>)] = &[
        ("sessionId", Field::Text("s1")),
        ("eventType", Field::Text("stream")),
        ("agentType", Field::Text("claude")),
        ("mode", Field::Text("code")),
        ("timestamp", Field::Number(1.5)),
    ];

    #[test]
    fn a_minimal_event_gets_the_defaults_of_the_schema() {
        let batch = record(&EVENT, VALID, &[]);
        let event = event(&batch.record(0)).unwrap();
        assert_eq!((event.session_id, event.event_type, event.timestamp), ("s1", EventType::Stream, 1.5));
        assert_eq!((event.id, event.prompt, event.metadata), (None, None, None));
        assert_eq!((event.version(), event.schema_version()), (1, "1.0.0"));
    }

    #[test]
    fn rules_see_the_event_as_it_will_be_stored() {
        let batch = record(&EVENT, VALID, &[("prompt", Field::Null)]);
        let event = event(&batch.record(0)).unwrap();
        let stored: Vec<_> = (0..EVENT.width()).map(|position| event.stored(position, 9.0)).collect();
        assert_eq!(stored[ID], Field::Absent);
        assert_eq!(stored[PROMPT], Field::Null);
        assert_eq!(stored[CREATED_AT], Field::Number(9.0));
        assert_eq!(stored[VERSION], Field::Number(1.0));
        assert_eq!(stored[SCHEMA_VERSION], Field::Text("1.0.0"));
    }

    #[test]
    fn the_first_wrong_field_in_the_order_of_the_contract_is_named() {
        // Everything is wrong; mending one field after the other uncovers the next.
        let all_wrong: Vec<_> = EVENT.columns.iter().map(|column| (column.key, Field::Invalid)).collect();
        let mended: &[(&str, Field<'static>, &str)] = &[
            ("sessionId", Field::Text("s1"), "Valid session ID is required"),
            ("eventType", Field::Text("end"), "Valid event type is required"),
            ("agentType", Field::Text("claude"), "Agent type is required"),
            ("mode", Field::Text("code"), "Mode is required"),
            ("prompt", Field::Null, "Prompt must be a string or null"),
            ("timestamp", Field::Number(0.0), "Timestamp must be a positive number"),
            ("metadata", Field::Null, "Metadata must be a string, a JSON-serialisable object or null"),
            ("id", Field::Number(0.0), "Field \"id\" is invalid"),
            ("streamData", Field::Text(""), "Field \"streamData\" is invalid"),
            ("sandboxId", Field::Null, "Field \"sandboxId\" is invalid"),
            ("repoUrl", Field::Null, "Field \"repoUrl\" is invalid"),
            ("createdAt", Field::Absent, "Field \"createdAt\" is invalid"),
            ("version", Field::Number(2.0), "Field \"version\" is invalid"),
            ("schemaVersion", Field::Text("2"), "Field \"schemaVersion\" is invalid"),
        ];
        for (done, (key, _, message)) in mended.iter().enumerate() {
            let good: Vec<_> = mended[..done].iter().map(|(key, field, _)| (*key, *field)).collect();
            let batch = record(&EVENT, &all_wrong, &good);
            assert_eq!(refusal(event(&batch.record(0))), ((*message).to_owned(), (*key).to_owned()));
        }
        let good: Vec<_> = mended.iter().map(|(key, field, _)| (*key, *field)).collect();
        assert!(event(&record(&EVENT, &all_wrong, &good).record(0)).is_ok());
    }

    #[test]
    fn null_is_refused_only_where_the_column_has_none() {
        for column in EVENT.columns {
            let batch = record(&EVENT, VALID, &[(column.key, Field::Null)]);
            assert_eq!(event(&batch.record(0)).is_ok(), column.nullable, "{}", column.key);
        }
    }
}
