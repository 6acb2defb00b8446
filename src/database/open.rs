#![forbid(unsafe_code)]
//! Opening an application database (migrations.md §3).

use crate::store::{Location, Settings, Tuning};

/// What the database has beside the settings of every synchronous module (contracts/README.md §5).
const PRAGMAS: &[(&str, &str)] = &[("wal_autocheckpoint", "1000"), ("temp_store", "MEMORY"), ("cache_size", "-64000")];

/// The settings of the database at `location`.
pub fn settings(location: Location) -> Settings {
    Settings { tuning: Tuning::Pragmas(PRAGMAS), ..Settings::synchronous(location) }
}
