#![forbid(unsafe_code)]
//! The settings of the connection.

use crate::store::{Location, Settings};

/// The settings of the file at `location`. It is that of telemetry, also where it is made here.
pub fn settings(location: Location) -> Settings {
    Settings { incremental_vacuum: true, ..Settings::synchronous(location) }
}
