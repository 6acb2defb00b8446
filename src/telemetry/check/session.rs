#![forbid(unsafe_code)]
//! The checks of createSession, upsertSession and updateSession.

use super::session_columns::{
    AGENT_TYPE, CREATED_AT, DURATION, END_TIME, ERROR_COUNT, EVENT_COUNT, ID, METADATA, MODE, NewSession, REPO_URL,
    SANDBOX_ID, SCHEMA_VERSION, START_TIME, STATUS, STREAM_EVENT_COUNT, SessionDetails, SessionUpdate, UPDATED_AT,
    VERSION,
};
use crate::client::check::{
    Given, count, if_given, is_blank, json, non_negative, not_blank, real, refuse, refuse_cell, text, utf16_length,
    valid_id,
};
use crate::error::Result;
use crate::packed::{Field, Record};
use crate::telemetry::kinds::SessionStatus;
use crate::telemetry::shape::SESSION;

/// Longest free status, in UTF-16 units.
const MAX_STATUS_UNITS: usize = 64;

/// Check the argument of createSession.
///
/// # Errors
/// `Error::Validation` with the message and field of the first row of telemetry.md §13 that matches.
pub fn create_session<'a>(record: &Record<'a>) -> Result<NewSession<'a>> {
    new_session(record, |record| if_given(record, STATUS, free_status))
}

/// Check the argument of upsertSession, which requires one of the known statuses.
///
/// # Errors
/// As [`create_session`].
pub fn upsert_session<'a>(record: &Record<'a>) -> Result<NewSession<'a>> {
    new_session(record, |record| known_status(record).map(Some))
}

/// Check the second argument of updateSession. Its first is checked between "not an object" and this, by
/// [`super::session_id_argument`].
///
/// # Errors
/// As [`create_session`]; `No values to set` if no column is given.
pub fn update_session<'a>(record: &Record<'a>) -> Result<SessionUpdate<'a>> {
    let update = SessionUpdate {
        id: if_given(record, ID, session_id)?,
        agent_type: if_given(record, AGENT_TYPE, agent_type)?,
        mode: if_given(record, MODE, mode)?,
        status: if_given(record, STATUS, free_status)?,
        start_time: if_given(record, START_TIME, start_time)?,
        details: SessionDetails::default(),
    };
    let details = details(record, update.start_time)?;
    if (0..SESSION.width()).all(|position| !record.at(position).is_given()) {
        return Err(refuse("No values to set", "updates", Field::Absent));
    }
    Ok(SessionUpdate { details, ..update })
}

fn new_session<'a>(
    record: &Record<'a>,
    status: impl FnOnce(&Record<'a>) -> Result<Option<&'a str>>,
) -> Result<NewSession<'a>> {
    let id = session_id(record, ID)?;
    let agent_type = agent_type(record, AGENT_TYPE)?;
    let mode = mode(record, MODE)?;
    let status = status(record)?;
    let start_time = start_time(record, START_TIME)?;
    let details = details(record, Some(start_time))?;
    Ok(NewSession { id, agent_type, mode, status, start_time, details })
}

fn session_id<'a>(record: &Record<'a>, position: usize) -> Result<&'a str> {
    valid_id(record.at(position)).ok_or_else(|| refuse_cell(record, position, "Valid session ID is required"))
}

fn agent_type<'a>(record: &Record<'a>, position: usize) -> Result<&'a str> {
    not_blank(record, position, "Agent type is required")
}

fn mode<'a>(record: &Record<'a>, position: usize) -> Result<&'a str> {
    not_blank(record, position, "Mode is required")
}

fn free_status<'a>(record: &Record<'a>, position: usize) -> Result<&'a str> {
    record
        .at(position)
        .text()
        .filter(|text| !is_blank(text) && utf16_length(text) <= MAX_STATUS_UNITS)
        .ok_or_else(|| refuse_cell(record, position, "Valid session status is required"))
}

fn known_status<'a>(record: &Record<'a>) -> Result<&'a str> {
    record
        .at(STATUS)
        .text()
        .filter(|text| SessionStatus::parse(text).is_some())
        .ok_or_else(|| refuse_cell(record, STATUS, "Valid session status is required"))
}

fn start_time(record: &Record<'_>, position: usize) -> Result<f64> {
    non_negative(record.at(position))
        .ok_or_else(|| refuse_cell(record, position, "Start time must be a positive timestamp"))
}

fn end_time(record: &Record<'_>) -> Result<Given<f64>> {
    match record.at(END_TIME) {
        Field::Absent => Ok(Given::Absent),
        Field::Null => Ok(Given::Null),
        field => non_negative(field)
            .map(Given::Value)
            .ok_or_else(|| refuse_cell(record, END_TIME, "End time must be a positive timestamp")),
    }
}

fn details<'a>(record: &Record<'a>, start_time: Option<f64>) -> Result<SessionDetails<'a>> {
    let end_time = end_time(record)?;
    if end_time.value().is_some_and(|end| start_time.is_some_and(|start| end < start)) {
        return Err(refuse_cell(record, END_TIME, "End time must be after start time"));
    }
    let metadata = json(record, METADATA)?;
    let details = SessionDetails {
        end_time,
        duration: real(record, DURATION)?,
        event_count: count(record, EVENT_COUNT)?.value(),
        stream_event_count: count(record, STREAM_EVENT_COUNT)?.value(),
        error_count: count(record, ERROR_COUNT)?.value(),
        sandbox_id: text(record, SANDBOX_ID)?,
        repo_url: text(record, REPO_URL)?,
        metadata,
        version: None,
        schema_version: None,
    };
    real(record, CREATED_AT)?;
    real(record, UPDATED_AT)?;
    let version = count(record, VERSION)?.value();
    Ok(SessionDetails { version, schema_version: text(record, SCHEMA_VERSION)?.value(), ..details })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::client::check::testing::{record, refusal};

    const VALID: &[(&str, Field<'static>)] = &[
        ("id", Field::Text("s1")),
        ("agentType", Field::Text("claude")),
        ("mode", Field::Text("code")),
        ("status", Field::Text("active")),
        ("startTime", Field::Number(10.0)),
    ];

    #[test]
    fn a_status_of_ones_own_can_be_created_but_not_upserted() {
        let batch = record(&SESSION, VALID, &[("status", Field::Text("paused"))]);
        assert_eq!(create_session(&batch.record(0)).unwrap().status, Some("paused"));
        let message = "Valid session status is required".to_owned();
        assert_eq!(refusal(upsert_session(&batch.record(0))), (message.clone(), "status".to_owned()));
        let long = "x".repeat(65);
        for bad in [Field::Null, Field::Text(" "), Field::Text(&long), Field::Number(1.0)] {
            let batch = record(&SESSION, VALID, &[("status", bad)]);
            assert_eq!(refusal(create_session(&batch.record(0))).0, message);
        }
        let batch = record(&SESSION, VALID, &[("status", Field::Absent)]);
        assert_eq!(create_session(&batch.record(0)).unwrap().status(), "active");
        assert_eq!(refusal(upsert_session(&batch.record(0))).0, message);
        let batch = record(&SESSION, VALID, &[("status", Field::Text("error"))]);
        assert!(upsert_session(&batch.record(0)).is_ok());
    }

    #[test]
    fn a_session_may_end_when_it_starts_but_not_before() {
        for (end, good) in [(9.9, false), (10.0, true)] {
            let batch = record(&SESSION, VALID, &[("endTime", Field::Number(end))]);
            assert_eq!(create_session(&batch.record(0)).is_ok(), good);
        }
        let only_end = record(&SESSION, &[], &[("endTime", Field::Number(1.0))]);
        assert_eq!(update_session(&only_end.record(0)).unwrap().details.end_time, Given::Value(1.0));
    }

    #[test]
    fn an_update_tells_clearing_a_column_from_leaving_it() {
        let batch = record(&SESSION, &[], &[("metadata", Field::Null)]);
        let update = update_session(&batch.record(0)).unwrap();
        assert_eq!(update.details.metadata, Given::Null);
        assert_eq!(update.details.repo_url, Given::Absent);
        assert_eq!(update.set(METADATA), Field::Null);
        let nothing = record(&SESSION, &[], &[]);
        let refused = ("No values to set".to_owned(), "updates".to_owned());
        assert_eq!(refusal(update_session(&nothing.record(0))), refused);
    }

    #[test]
    fn null_is_refused_only_where_the_column_has_none() {
        for column in SESSION.columns {
            let batch = record(&SESSION, VALID, &[(column.key, Field::Null)]);
            assert_eq!(upsert_session(&batch.record(0)).is_ok(), column.nullable, "{}", column.key);
            let batch = record(&SESSION, &[], &[(column.key, Field::Null)]);
            assert_eq!(update_session(&batch.record(0)).is_ok(), column.nullable, "{}", column.key);
        }
    }
}
