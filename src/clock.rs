#![forbid(unsafe_code)]
//! The one clock: milliseconds since 1970, as `Date.now()`.

use std::time::{SystemTime, UNIX_EPOCH};

/// Milliseconds of a day.
pub const DAY: f64 = 86_400_000.0;

/// Whole milliseconds since 1970.
#[allow(clippy::cast_precision_loss, reason = "exact until the year 287396")]
pub fn now() -> f64 {
    SystemTime::now().duration_since(UNIX_EPOCH).map_or(0.0, |since| since.as_millis() as f64)
}

/// Whole seconds since 1970.
#[allow(clippy::cast_possible_truncation, reason = "far below 2^53")]
pub fn now_seconds() -> i64 {
    (now() / 1000.0) as i64
}
