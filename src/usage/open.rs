#![forbid(unsafe_code)]
//! Opening the file of telemetry for usage (migrations.md §3).

use crate::{
    error::{Error, Result},
    store::{Location, Settings},
    sync_conn::{ModuleFile, OpenedFile},
    telemetry,
};

use super::schema;

/// The settings of the file at `location`. It is that of telemetry, also where it is made here.
pub fn settings(location: Location) -> Settings {
    Settings { incremental_vacuum: true, ..Settings::synchronous(location) }
}

/// Open the file at `location`, and apply the migrations of telemetry and of usage.
///
/// # Errors
/// [`Error::Open`] with the reason.
pub fn open(location: Location) -> Result<OpenedFile> {
    let open = || {
        let sets = [telemetry::schema::migrations()?, schema::migrations()?];
        ModuleFile { settings: &settings(location), sets: &sets, migrate: true }.open()?.accepted()
    };
    open().map_err(Error::while_opening)
}
