#![forbid(unsafe_code)]
//! The checks of plain arguments: ids, limits, times and single options.

use crate::client::check::{at_least, refuse, refuse_field, valid_id, whole, whole_non_negative};
use crate::error::{Error, Result};
use crate::packed::Field;
use crate::telemetry::kinds::{CheckpointMode, OnError};

/// `limit` of getRecentErrors and getAuditTrail.
const DEFAULT_LIMIT: i64 = 50;
/// `maxAgeMs` of cleanupBuffers.
const DEFAULT_MAX_AGE_MS: f64 = 300_000.0;
/// `pageSize` of the iterators.
const DEFAULT_PAGE_SIZE: i64 = 1000;

/// An argument that has to be an object, or an array of them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Argument {
    /// An event, alone or within a batch.
    Event,
    /// The session of createSession and upsertSession.
    Session,
    /// The buffer of upsertBuffer.
    Buffer,
    /// The error of logError.
    Error,
    /// The second argument of updateSession.
    Updates,
    /// A filter; `null` is none.
    Filter,
    /// The rule of addValidationRule.
    Rule,
    /// The batch of insertEventBatch and insertEventBuffer.
    Events,
}

/// The refusal of an argument that is not an object, or, for [`Argument::Events`], not an array.
pub fn not_an_object(argument: Argument) -> Error {
    let (name, field, what) = match argument {
        Argument::Event => ("Event", "event", "object"),
        Argument::Session => ("Session", "session", "object"),
        Argument::Buffer => ("Buffer", "buffer", "object"),
        Argument::Error => ("Error", "error", "object"),
        Argument::Updates => ("Updates", "updates", "object"),
        Argument::Filter => ("Filter", "filter", "object"),
        Argument::Rule => ("Rule", "rule", "object"),
        Argument::Events => ("Events", "events", "array"),
    };
    Error::invalid(format!("{name} must be an {what}"), field)
}

/// Check the session id of updateSession, flushBuffer and their like.
///
/// # Errors
/// `Session ID is required`
pub fn session_id_argument(field: Field<'_>) -> Result<&str> {
    valid_id(field).ok_or_else(|| refuse("Session ID is required", "sessionId", field))
}

/// Check the row id `name` of resolveError or removeValidationRule.
///
/// # Errors
/// `Field "<name>" is invalid`
pub fn row_id_argument<'a>(name: &str, field: Field<'a>) -> Result<i64> {
    whole_non_negative(field).ok_or_else(|| refuse_field(name, field))
}

/// Check a required text argument.
///
/// # Errors
/// `Field "<name>" is invalid`
pub fn text_argument<'a>(name: &str, field: Field<'a>) -> Result<&'a str> {
    field.text().ok_or_else(|| refuse_field(name, field))
}

/// Check an optional text argument, such as `resolvedBy`.
///
/// # Errors
/// `Field "<name>" is invalid`
pub fn optional_text_argument<'a>(name: &str, field: Field<'a>) -> Result<Option<&'a str>> {
    if field.is_empty() { Ok(None) } else { text_argument(name, field).map(Some) }
}

/// Check an optional switch, such as `includeFailed` or `repair`.
///
/// # Errors
/// `Field "<name>" is invalid`
pub fn boolean_argument(name: &str, field: Field<'_>, default: bool) -> Result<bool> {
    match field {
        Field::Absent => Ok(default),
        Field::Boolean(value) => Ok(value),
        _ => Err(refuse_field(name, field)),
    }
}

/// Check the `limit` of getRecentErrors and getAuditTrail.
///
/// # Errors
/// `Limit must be an integer between 1 and 10000`; the bound is text of the past, larger limits are taken.
pub fn limit_argument(field: Field<'_>) -> Result<i64> {
    if field == Field::Absent { Ok(DEFAULT_LIMIT) } else { limit(field) }
}

/// An integer from 1, without an upper bound.
pub(crate) fn limit(field: Field<'_>) -> Result<i64> {
    at_least(field, 1.0).ok_or_else(|| refuse("Limit must be an integer between 1 and 10000", "limit", field))
}

/// Check the argument of deleteEventsBefore. A negative time is one: nothing is older.
///
/// # Errors
/// `Timestamp must be a positive number`
pub fn timestamp_argument(field: Field<'_>) -> Result<f64> {
    finite(field).ok_or_else(|| refuse("Timestamp must be a positive number", "timestamp", field))
}

/// Check the argument of cleanupBuffers.
///
/// # Errors
/// `Field "maxAgeMs" is invalid`
pub fn max_age_argument(field: Field<'_>) -> Result<f64> {
    if field == Field::Absent {
        return Ok(DEFAULT_MAX_AGE_MS);
    }
    finite(field).ok_or_else(|| refuse_field("maxAgeMs", field))
}

/// Check the `pageSize` of an iterator.
///
/// # Errors
/// `Field "pageSize" is invalid`
pub fn page_size_argument(field: Field<'_>) -> Result<i64> {
    if field == Field::Absent {
        return Ok(DEFAULT_PAGE_SIZE);
    }
    whole(field).filter(|size| *size >= 1).ok_or_else(|| refuse_field("pageSize", field))
}

/// Check the `onError` of insertEventBatch.
///
/// # Errors
/// `Field "onError" is invalid`
pub fn on_error_argument(field: Field<'_>) -> Result<OnError> {
    choice("onError", field, OnError::Rollback, OnError::parse)
}

/// Check the `mode` of checkpoint.
///
/// # Errors
/// `Field "mode" is invalid`
pub fn checkpoint_mode_argument(field: Field<'_>) -> Result<CheckpointMode> {
    choice("mode", field, CheckpointMode::Passive, CheckpointMode::parse)
}

fn choice<T>(name: &str, field: Field<'_>, default: T, parse: fn(&str) -> Option<T>) -> Result<T> {
    if field == Field::Absent {
        return Ok(default);
    }
    field.text().and_then(parse).ok_or_else(|| refuse_field(name, field))
}

fn finite(field: Field<'_>) -> Option<f64> {
    field.number().filter(|number| number.is_finite())
}

#[cfg(test)]
mod tests {
    use super::*;

    const BAD: [Field<'static>; 6] = [
        Field::Null,
        Field::Text("1"),
        Field::Boolean(true),
        Field::Invalid,
        Field::Number(f64::NAN),
        Field::Number(f64::INFINITY),
    ];

    #[test]
    fn an_argument_left_out_has_its_default_and_a_wrong_one_is_refused() {
        assert_eq!(limit_argument(Field::Absent).unwrap(), 50);
        assert_eq!(page_size_argument(Field::Absent).unwrap(), 1000);
        assert_eq!(max_age_argument(Field::Absent).unwrap(), 300_000.0);
        assert_eq!(on_error_argument(Field::Absent).unwrap(), OnError::Rollback);
        assert!(timestamp_argument(Field::Absent).is_err());
        for bad in BAD {
            assert!(limit_argument(bad).is_err(), "{bad:?}");
            assert!(page_size_argument(bad).is_err(), "{bad:?}");
            assert!(max_age_argument(bad).is_err(), "{bad:?}");
            assert!(timestamp_argument(bad).is_err(), "{bad:?}");
            assert!(on_error_argument(bad).is_err(), "{bad:?}");
            assert!(row_id_argument("id", bad).is_err(), "{bad:?}");
        }
    }

    #[test]
    fn a_limit_has_no_upper_bound() {
        assert_eq!(limit_argument(Field::Number(20_000.0)).unwrap(), 20_000);
        assert_eq!(limit_argument(Field::Number(1e300)).unwrap(), i64::MAX);
        for bad in [0.0, -1.0, 1.5] {
            assert!(limit_argument(Field::Number(bad)).is_err(), "{bad}");
        }
    }

    #[test]
    fn a_negative_age_or_time_is_a_time() {
        assert_eq!(timestamp_argument(Field::Number(-1.0)).unwrap(), -1.0);
        assert_eq!(max_age_argument(Field::Number(-1.0)).unwrap(), -1.0);
    }
}
