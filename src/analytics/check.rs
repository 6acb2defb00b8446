#![forbid(unsafe_code)]
//! The checks of everything that a caller passes, before the database sees it (analytics.md §5, §7).

use crate::client::{
    check::{MAX_SAFE_INTEGER, not_an_object, refuse, seconds, valid_name, well_formed},
    words,
};
use crate::error::Result;
use crate::packed::{Field, Record};

use super::shape::{SESSION, TOOL_CALL};

words! {
    /// How a tool call ended.
    Status { Success = "success", Error = "error", Timeout = "timeout" }
}

/// A session that is to be started.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct NewSession {
    /// Its id, where the caller gives one.
    pub(super) id: Option<String>,
    /// Seconds, where the caller gives them.
    pub(super) started_at: Option<i64>,
}

/// A tool call that is to be recorded.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct NewToolCall<'a> {
    pub(super) id: Option<&'a str>,
    pub(super) session_id: &'a str,
    pub(super) tool_name: &'a str,
    pub(super) duration_ms: i64,
    pub(super) status: Status,
    pub(super) error_type: Option<&'a str>,
    /// Seconds, where the caller gives them.
    pub(super) timestamp: Option<i64>,
}

/// Check the argument of startSession.
pub(super) fn session(record: &Record<'_>) -> Result<NewSession> {
    Ok(NewSession {
        id: optional_id(record.at(const { SESSION.position("id") }))?.map(str::to_owned),
        started_at: time("startedAt", record.at(const { SESSION.position("startedAt") }))?,
    })
}

/// Check the argument of recordToolCall, or one of recordToolCalls.
pub(super) fn tool_call<'a>(record: &Record<'a>) -> Result<NewToolCall<'a>> {
    if !record.is_object() {
        return Err(not_an_object("call"));
    }
    let at = |position: usize| record.at(position);
    Ok(NewToolCall {
        id: optional_id(at(const { TOOL_CALL.position("id") }))?,
        session_id: text("sessionId", at(const { TOOL_CALL.position("sessionId") }))?,
        tool_name: name("toolName", at(const { TOOL_CALL.position("toolName") }))?,
        duration_ms: duration(at(const { TOOL_CALL.position("durationMs") }))?,
        status: status(at(const { TOOL_CALL.position("status") }))?,
        error_type: match at(const { TOOL_CALL.position("errorType") }) {
            Field::Absent | Field::Null => None,
            field => Some(text("errorType", field)?),
        },
        timestamp: time("timestamp", at(const { TOOL_CALL.position("timestamp") }))?,
    })
}

/// The id of a session that has to be there.
pub(super) fn id(field: Field<'_>) -> Result<&str> {
    text("id", field)
}

/// A point in time, in whole seconds rounded down; it arrives in milliseconds.
pub(super) fn time(key: &str, field: Field<'_>) -> Result<Option<i64>> {
    let refused = || refuse(format!("{key} must be a valid Date or a number of milliseconds"), key, field);
    if field.is_given() { seconds(field).map(Some).ok_or_else(refused) } else { Ok(None) }
}

/// A text.
pub(super) fn text<'a>(key: &str, field: Field<'a>) -> Result<&'a str> {
    well_formed(field).ok_or_else(|| refuse(format!("{key} must be a well-formed string"), key, field))
}

/// A text that names something.
fn name<'a>(key: &str, field: Field<'a>) -> Result<&'a str> {
    valid_name(field).ok_or_else(|| refuse(format!("{key} must be a well-formed string that is not empty"), key, field))
}

fn optional_id(field: Field<'_>) -> Result<Option<&str>> {
    if field.is_given() { name("id", field).map(Some) } else { Ok(None) }
}

/// One of the three words.
fn status(field: Field<'_>) -> Result<Status> {
    let known = field.text().and_then(Status::parse);
    known.ok_or_else(|| refuse("status must be 'success', 'error' or 'timeout'", "status", field))
}

/// Milliseconds, rounded to the nearest integer, halves up.
fn duration(field: Field<'_>) -> Result<i64> {
    match field {
        Field::Number(ms) if (0.0..=MAX_SAFE_INTEGER).contains(&ms) => {
            #[allow(clippy::cast_possible_truncation, reason = "checked above")]
            let rounded = ms.round() as i64;
            Ok(rounded)
        }
        _ => Err(refuse("durationMs must be a finite number that is not negative", "durationMs", field)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_time_may_be_missing_but_not_null() {
        assert_eq!(time("t", Field::Number(1999.0)).expect("time"), Some(1));
        assert_eq!(time("t", Field::Absent).expect("none"), None);
        assert!(time("t", Field::Null).is_err() && time("t", Field::Number(f64::NAN)).is_err());
    }

    #[test]
    fn durations_are_rounded_to_the_nearest_millisecond_halves_up() {
        for (given, kept) in [(12.5, 13), (12.499_999, 12), (0.0, 0), (-0.0, 0), (0.499_999_999_999_999_94, 0)] {
            assert_eq!(duration(Field::Number(given)).expect("duration"), kept, "{given}");
        }
        for bad in [-0.1, f64::NAN, f64::INFINITY, 1e300] {
            assert!(duration(Field::Number(bad)).is_err(), "{bad}");
        }
    }
}
