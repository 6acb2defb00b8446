#![forbid(unsafe_code)]
//! The checks of upsertBuffer.

use crate::client::check::{Given, column, count, json, real, refuse_cell, refuse_field, text, valid_id};
use crate::error::Result;
use crate::packed::Record;
use crate::telemetry::kinds::BufferStatus;
use crate::telemetry::shape::BUFFER;

const ID: usize = BUFFER.position("id");
const SESSION_ID: usize = BUFFER.position("sessionId");
const STATUS: usize = BUFFER.position("status");
const EVENT_COUNT: usize = BUFFER.position("eventCount");
const BUFFER_DATA: usize = BUFFER.position("bufferData");
const MAX_SIZE: usize = BUFFER.position("maxSize");
const CREATED_AT: usize = BUFFER.position("createdAt");
const LAST_UPDATED: usize = BUFFER.position("lastUpdated");
const FLUSHED_AT: usize = BUFFER.position("flushedAt");
const FLUSH_ATTEMPTS: usize = BUFFER.position("flushAttempts");
const VERSION: usize = BUFFER.position("version");
const SCHEMA_VERSION: usize = BUFFER.position("schemaVersion");

/// A valid buffer of a caller's own. `createdAt`, `lastUpdated` and `version` were checked and are left out: we set them.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct NewBuffer<'a> {
    /// The caller's own id.
    pub id: Option<i64>,
    /// The session; whether it exists is for the database to say.
    pub session_id: &'a str,
    /// Default pending.
    pub status: Option<BufferStatus>,
    /// Default 0.
    pub event_count: Option<i64>,
    /// Text, stored verbatim; whether it holds events shows when it is flushed.
    pub buffer_data: &'a str,
    /// Default 50.
    pub max_size: Option<i64>,
    /// Milliseconds.
    pub flushed_at: Given<f64>,
    /// Default 0.
    pub flush_attempts: Option<i64>,
    /// Default `'1.0.0'`.
    pub schema_version: Option<&'a str>,
}

/// Check the argument of upsertBuffer.
///
/// # Errors
/// `Error::Validation` with the message and field of the first row of telemetry.md §13 that matches.
pub fn buffer<'a>(record: &Record<'a>) -> Result<NewBuffer<'a>> {
    let session_id = valid_id(record.at(SESSION_ID))
        .ok_or_else(|| refuse_cell(record, SESSION_ID, "Valid session ID is required"))?;
    let buffer_data = json(record, BUFFER_DATA)?;
    let id = count(record, ID)?.value();
    let status = column(record, STATUS, |field| field.text().and_then(BufferStatus::parse))?.value();
    let event_count = count(record, EVENT_COUNT)?.value();
    let buffer_data =
        buffer_data.value().ok_or_else(|| refuse_field(BUFFER.key(BUFFER_DATA), record.at(BUFFER_DATA)))?;
    let max_size = count(record, MAX_SIZE)?.value();
    real(record, CREATED_AT)?;
    real(record, LAST_UPDATED)?;
    let flushed_at = real(record, FLUSHED_AT)?;
    let flush_attempts = count(record, FLUSH_ATTEMPTS)?.value();
    count(record, VERSION)?;
    let schema_version = text(record, SCHEMA_VERSION)?.value();
    Ok(NewBuffer {
        id,
        session_id,
        status,
        event_count,
        buffer_data,
        max_size,
        flushed_at,
        flush_attempts,
        schema_version,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::client::check::testing::{record, refusal};
    use crate::packed::Field;

    const VALID: &[(&str, Field<'static>)] =
        &[("sessionId", Field::Text("s1")), ("bufferData", Field::Text("not json"))];

    #[test]
    fn data_that_is_no_json_is_kept_until_the_flush() {
        let batch = record(&BUFFER, VALID, &[("flushedAt", Field::Null)]);
        let buffer = buffer(&batch.record(0)).unwrap();
        assert_eq!((buffer.buffer_data, buffer.status), ("not json", None));
        assert_eq!(buffer.flushed_at, Given::Null);
    }

    #[test]
    fn each_wrong_field_has_its_message() {
        let metadata = "Metadata must be a string, a JSON-serialisable object or null";
        for (key, field, message) in [
            ("sessionId", Field::Absent, "Valid session ID is required"),
            ("bufferData", Field::Number(5.0), metadata),
            ("bufferData", Field::Null, "Field \"bufferData\" is invalid"),
            ("bufferData", Field::Absent, "Field \"bufferData\" is invalid"),
            ("status", Field::Text("lost"), "Field \"status\" is invalid"),
            ("maxSize", Field::Number(1.5), "Field \"maxSize\" is invalid"),
            ("version", Field::Text("1"), "Field \"version\" is invalid"),
            ("lastUpdated", Field::Number(-1.0), "Field \"lastUpdated\" is invalid"),
        ] {
            let batch = record(&BUFFER, VALID, &[(key, field)]);
            assert_eq!(refusal(buffer(&batch.record(0))), (message.to_owned(), key.to_owned()));
        }
    }
}
