#![forbid(unsafe_code)]
//! What a caller passes, before the database sees it (usage.md §4 to §6): types, and ranges that no constraint knows of.

use crate::client::check::{MAX_SAFE_INTEGER, not_an_object, valid_id, whole_non_negative};
use crate::clock::{DAY, now};
use crate::error::{Error, Result};
use crate::packed::{Field, Input};

/// `limit` of getUsageSnapshots.
const DEFAULT_LIMIT: i64 = 100;
/// `hoursBack` of getUsageSnapshots.
const DEFAULT_HOURS_BACK: f64 = 24.0;
/// `daysOld` of deleteOldUsageSnapshots.
const DEFAULT_DAYS_OLD: f64 = 30.0;
/// Milliseconds of an hour.
const HOUR: f64 = 3_600_000.0;

/// A snapshot that may be stored.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct NewSnapshot<'a> {
    pub(super) session_id: &'a str,
    pub(super) data: &'a str,
    /// One of the known types, or refused by the table.
    pub(super) kind: &'a str,
    /// Milliseconds.
    pub(super) timestamp: i64,
}

/// Check the argument of insertUsageSnapshot.
pub(super) fn snapshot(input: &Input) -> Result<NewSnapshot<'_>> {
    let session_id = object("snapshot", input)?.get("session_id");
    Ok(NewSnapshot {
        session_id: valid_id(session_id.field()).ok_or_else(|| {
            refuse("session_id", "a text of 1 to 255 characters, not blank and without control characters")
        })?,
        data: input.get("snapshot_data").field().text().ok_or_else(|| refuse("snapshot_data", "a string"))?,
        kind: match input.get("snapshot_type").field() {
            Field::Absent => "stats",
            Field::Text(kind) => kind,
            _ => return Err(refuse("snapshot_type", "a string")),
        },
        timestamp: timestamp(input.get("timestamp").field())?,
    })
}

/// 0 means now, and so does no time at all; fractions are cut.
fn timestamp(field: Field<'_>) -> Result<i64> {
    let given = match field {
        Field::Absent => 0.0,
        Field::Number(number) if (0.0..=MAX_SAFE_INTEGER).contains(&number) => number.trunc(),
        _ => return Err(refuse("timestamp", "milliseconds since 1970")),
    };
    #[expect(clippy::cast_possible_truncation, reason = "whole and below 2^53")]
    Ok(if given == 0.0 { now() as i64 } else { given as i64 })
}

/// Check the `sessionId` of getUsageSnapshots: `undefined`, `null` and `''` mean all.
pub(super) fn optional_session(input: &Input) -> Result<Option<&str>> {
    match input.field() {
        Field::Absent | Field::Null | Field::Text("") => Ok(None),
        _ => session(input).map(Some),
    }
}

/// Check the `sessionId` of getUsageSnapshotsBySession. A malformed text is no id that anybody has stored.
pub(super) fn session(input: &Input) -> Result<&str> {
    match input.field() {
        Field::Text(id) => Ok(id),
        _ => Err(refuse("sessionId", "a string")),
    }
}

/// Check the `limit` of getUsageSnapshots.
pub(super) fn limit(input: &Input) -> Result<i64> {
    match input.field() {
        Field::Absent => Ok(DEFAULT_LIMIT),
        field => whole_non_negative(field).ok_or_else(|| refuse("limit", "an integer from 0")),
    }
}

/// Check `hoursBack` of getUsageSnapshots. Returns the oldest time that is wanted.
pub(super) fn since(input: &Input) -> Result<f64> {
    match input.field() {
        Field::Absent => Ok(now() - DEFAULT_HOURS_BACK * HOUR),
        Field::Number(hours) if hours >= 0.0 => Ok(now() - hours * HOUR),
        _ => Err(refuse("hoursBack", "a number from 0, or Infinity")),
    }
}

/// Check `daysOld` of deleteOldUsageSnapshots. Returns the time before which everything goes.
pub(super) fn before(input: &Input) -> Result<f64> {
    match input.field() {
        Field::Absent => Ok(now() - DEFAULT_DAYS_OLD * DAY),
        Field::Number(days) if days >= 0.0 && days.is_finite() => Ok(now() - days * DAY),
        _ => Err(refuse("daysOld", "a finite number from 0")),
    }
}

/// An argument that has to be an object.
pub(super) fn object<'a>(name: &str, input: &'a Input) -> Result<&'a Input> {
    match input {
        Input::Map(_) => Ok(input),
        _ => Err(not_an_object(name)),
    }
}

/// The refusal of `field`, which should have been `wanted`.
pub(super) fn refuse(field: &str, wanted: &str) -> Error {
    Error::invalid(format!("{field} must be {wanted}"), field)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn given(entries: &[(&str, Input)]) -> Input {
        let base = [("session_id", Input::Text("s".into())), ("snapshot_data", Input::Text("{}".into()))];
        let mut all: Vec<(String, Input)> = base.map(|(key, value)| (key.to_owned(), value)).into();
        for (key, value) in entries {
            all.retain(|(name, _)| name != key);
            all.push(((*key).to_owned(), value.clone()));
        }
        Input::Map(all)
    }

    fn refused(entries: &[(&str, Input)]) -> String {
        match snapshot(&given(entries)) {
            Err(Error::Validation(invalid)) => invalid.field.clone().unwrap_or_default(),
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn a_snapshot_needs_a_session_and_a_text() {
        for bad in [Input::Undefined, Input::Null, Input::Text(String::new()), Input::Malformed("\u{fffd}".into())] {
            assert_eq!(refused(&[("session_id", bad)]), "session_id");
        }
        for bad in [Input::Undefined, Input::Null, Input::Map(Vec::new()), Input::Number(1.0)] {
            assert_eq!(refused(&[("snapshot_data", bad)]), "snapshot_data");
        }
        for bad in [Input::Null, Input::Number(1.0)] {
            assert_eq!(refused(&[("snapshot_type", bad)]), "snapshot_type");
        }
        assert!(snapshot(&Input::List(Vec::new())).is_err());
        assert_eq!(snapshot(&given(&[("snapshot_data", Input::Text(String::new()))])).expect("empty").data, "");
    }

    #[test]
    fn a_time_is_cut_to_milliseconds_and_0_is_now() {
        for (time, stored) in [(1.9, 1), (1_700_000_000_123.0, 1_700_000_000_123)] {
            assert_eq!(timestamp(Field::Number(time)).expect("time"), stored);
        }
        for time in [Field::Absent, Field::Number(0.0), Field::Number(-0.0), Field::Number(0.5)] {
            assert!(timestamp(time).expect("now") > 1_700_000_000_000, "{time:?}");
        }
        for bad in [f64::NAN, -1.0, -0.5, f64::INFINITY, 1e300] {
            assert!(timestamp(Field::Number(bad)).is_err(), "{bad}");
        }
        assert!(timestamp(Field::Null).is_err() && timestamp(Field::Text("1")).is_err());
    }

    #[test]
    fn limits_and_spans_have_defaults_and_bounds() {
        assert_eq!((limit(&Input::Undefined).ok(), limit(&Input::Number(0.0)).ok()), (Some(100), Some(0)));
        for bad in [Input::Number(-1.0), Input::Number(1.5), Input::Number(f64::INFINITY), Input::Null] {
            assert!(limit(&bad).is_err(), "{bad:?}");
        }
        assert_eq!(since(&Input::Number(f64::INFINITY)).expect("all"), f64::NEG_INFINITY);
        for bad in [Input::Number(-1.0), Input::Number(f64::NAN), Input::Null, Input::Text("1".into())] {
            assert!(since(&bad).is_err() && before(&bad).is_err(), "{bad:?}");
        }
        assert!(before(&Input::Number(f64::INFINITY)).is_err());
        let day = now() - before(&Input::Number(1.0)).expect("a day");
        assert!((day - DAY).abs() < 1000.0, "{day}");
    }
}
