#![forbid(unsafe_code)]
//! Opening the file of telemetry for usage (migrations.md §3).

use crate::store::{Location, Settings};

/// The settings of the file at `location`. It is that of telemetry, also where it is made here.
pub fn settings(location: Location) -> Settings {
    Settings { incremental_vacuum: true, ..Settings::synchronous(location) }
}
