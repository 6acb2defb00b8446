#![forbid(unsafe_code)]
//! The checks of logError, which must not fail because of the error it logs: ids that lead nowhere are not its business.

use crate::client::check::{boolean, count, if_given, json, not_blank, real, refuse, refuse_cell, text};
use crate::error::Result;
use crate::packed::Record;
use crate::telemetry::kinds::Severity;
use crate::telemetry::shape::ERROR;

const ID: usize = ERROR.position("id");
const SESSION_ID: usize = ERROR.position("sessionId");
const EVENT_ID: usize = ERROR.position("eventId");
const ERROR_TYPE: usize = ERROR.position("errorType");
const ERROR_MESSAGE: usize = ERROR.position("errorMessage");
const ERROR_STACK: usize = ERROR.position("errorStack");
const STACK_TRACE: usize = ERROR.position("stackTrace");
const CONTEXT: usize = ERROR.position("context");
const SEVERITY: usize = ERROR.position("severity");
const RESOLVED: usize = ERROR.position("resolved");
const METADATA: usize = ERROR.position("metadata");
const TIMESTAMP: usize = ERROR.position("timestamp");
const CREATED_AT: usize = ERROR.position("createdAt");
const RESOLVED_AT: usize = ERROR.position("resolvedAt");
const RESOLVED_BY: usize = ERROR.position("resolvedBy");
const VERSION: usize = ERROR.position("version");
const SCHEMA_VERSION: usize = ERROR.position("schemaVersion");

/// A valid error. `createdAt` was checked and is left out: we set it.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct NewError<'a> {
    /// The caller's own id.
    pub id: Option<i64>,
    /// Any text; stored as NULL if there is no such session.
    pub session_id: Option<&'a str>,
    /// Stored as NULL if there is no such event.
    pub event_id: Option<i64>,
    /// Not blank.
    pub error_type: &'a str,
    /// Not blank.
    pub error_message: &'a str,
    /// From `errorStack` or `stackTrace`.
    pub error_stack: Option<&'a str>,
    /// Text, stored verbatim.
    pub context: Option<&'a str>,
    /// Default medium.
    pub severity: Severity,
    /// Default `false`.
    pub resolved: bool,
    /// Text, stored verbatim.
    pub metadata: Option<&'a str>,
    /// Milliseconds; default now.
    pub timestamp: Option<f64>,
    /// Milliseconds.
    pub resolved_at: Option<f64>,
    /// Who resolved it.
    pub resolved_by: Option<&'a str>,
    /// Default 1.
    pub version: Option<i64>,
    /// Default `'1.0.0'`.
    pub schema_version: Option<&'a str>,
}

/// Check the argument of logError.
///
/// # Errors
/// `Error::Validation` with the message and field of the first row of telemetry.md §13 that matches.
pub fn error<'a>(record: &Record<'a>) -> Result<NewError<'a>> {
    let timestamp = if_given(record, TIMESTAMP, super::timestamp)?;
    let error_type = not_blank(record, ERROR_TYPE, "Error type is required")?;
    let error_message = not_blank(record, ERROR_MESSAGE, "Error message is required")?;
    let severity = if_given(record, SEVERITY, severity)?.unwrap_or(Severity::Medium);
    let context = json(record, CONTEXT)?.value();
    let metadata = json(record, METADATA)?.value();
    let id = count(record, ID)?.value();
    let session_id = text(record, SESSION_ID)?.value();
    let event_id = count(record, EVENT_ID)?.value();
    let error_stack = text(record, ERROR_STACK)?.value();
    let resolved = boolean(record, RESOLVED)?.value().unwrap_or(false);
    real(record, CREATED_AT)?;
    let resolved_at = real(record, RESOLVED_AT)?.value();
    let resolved_by = text(record, RESOLVED_BY)?.value();
    let version = count(record, VERSION)?.value();
    let schema_version = text(record, SCHEMA_VERSION)?.value();
    let error_stack = stack(record, error_stack)?;
    Ok(NewError {
        id,
        session_id,
        event_id,
        error_type,
        error_message,
        error_stack,
        context,
        severity,
        resolved,
        metadata,
        timestamp,
        resolved_at,
        resolved_by,
        version,
        schema_version,
    })
}

fn severity(record: &Record<'_>, position: usize) -> Result<Severity> {
    record
        .at(position)
        .text()
        .and_then(Severity::parse)
        .ok_or_else(|| refuse_cell(record, position, "Invalid severity"))
}

/// `stackTrace` is the other spelling of `errorStack`; a `null` in one of them does not contradict the other.
fn stack<'a>(record: &Record<'a>, error_stack: Option<&'a str>) -> Result<Option<&'a str>> {
    let stack_trace = text(record, STACK_TRACE)?.value();
    match (error_stack, stack_trace) {
        (Some(one), Some(other)) if one != other => {
            Err(refuse("Conflicting values for errorStack and stackTrace", "errorStack", record.at(ERROR_STACK)))
        }
        (one, other) => Ok(one.or(other)),
    }
}

impl<'a> NewError<'a> {
    /// `version` as it is stored.
    pub fn version(&self) -> i64 {
        self.version.unwrap_or(super::DEFAULT_VERSION)
    }

    /// `schema_version` as it is stored.
    pub fn schema_version(&self) -> &'a str {
        self.schema_version.unwrap_or(super::DEFAULT_SCHEMA_VERSION)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::client::check::testing::{record, refusal};
    use crate::packed::Field;

    const VALID: &[(&str, Field<'static>)] =
        &[("errorType", Field::Text("E")), ("errorMessage", Field::Text("went wrong"))];

    #[test]
    fn an_error_of_two_words_is_enough() {
        let batch = record(&ERROR, VALID, &[("sessionId", Field::Text(""))]);
        let error = error(&batch.record(0)).unwrap();
        assert_eq!((error.severity, error.resolved, error.timestamp), (Severity::Medium, false, None));
        assert_eq!(error.session_id, Some(""));
    }

    #[test]
    fn both_spellings_of_the_stack_count_unless_they_differ() {
        let stack = |one, other| {
            let batch = record(&ERROR, VALID, &[("errorStack", one), ("stackTrace", other)]);
            error(&batch.record(0)).map(|error| error.error_stack.map(str::to_owned))
        };
        let st = Some("st".to_owned());
        assert_eq!(stack(Field::Absent, Field::Text("st")).unwrap(), st);
        assert_eq!(stack(Field::Null, Field::Text("st")).unwrap(), st);
        assert_eq!(stack(Field::Text("st"), Field::Text("st")).unwrap(), st);
        assert_eq!(
            refusal(stack(Field::Text("a"), Field::Text("b"))),
            ("Conflicting values for errorStack and stackTrace".to_owned(), "errorStack".to_owned())
        );
    }

    #[test]
    fn each_wrong_field_has_its_message() {
        for (key, field, message) in [
            ("timestamp", Field::Null, "Timestamp must be a positive number"),
            ("errorType", Field::Text(" "), "Error type is required"),
            ("errorMessage", Field::Absent, "Error message is required"),
            ("severity", Field::Text("huge"), "Invalid severity"),
            ("context", Field::Boolean(true), "Metadata must be a string, a JSON-serialisable object or null"),
            ("sessionId", Field::Number(1.0), "Field \"sessionId\" is invalid"),
            ("eventId", Field::Number(-1.0), "Field \"eventId\" is invalid"),
            ("resolved", Field::Number(1.0), "Field \"resolved\" is invalid"),
            ("resolvedAt", Field::Text("now"), "Field \"resolvedAt\" is invalid"),
            ("stackTrace", Field::Number(1.0), "Field \"stackTrace\" is invalid"),
        ] {
            let batch = record(&ERROR, VALID, &[(key, field)]);
            assert_eq!(refusal(error(&batch.record(0))), (message.to_owned(), key.to_owned()));
        }
    }
}
