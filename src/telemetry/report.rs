#![forbid(unsafe_code)]
//! The module's errors as its callers read them (telemetry.md §13).

use crate::error::{Error, ErrorClass, Report, primary_code_name};

/// The class of an error that kept the file from being opened.
const CONNECTION: ErrorClass = ErrorClass("DrizzleTelemetryConnectionError");
/// The same for one of its migrations.
const MIGRATION: ErrorClass = ErrorClass("DrizzleTelemetryMigrationError");

/// The error as the caller of `operation` reads it.
pub(super) fn report(error: &Error, operation: &str) -> Report {
    match error {
        Error::Open(error) => report_open(error, operation),
        _ => error.report(operation),
    }
}

/// What kept the file from being opened (telemetry.md §4).
fn report_open(error: &Error, operation: &str) -> Report {
    let (class, code) = match error {
        Error::Migration(_) => (MIGRATION, "MIGRATION_ERROR"),
        Error::Sqlite { extended, .. } => (CONNECTION, primary_code_name(*extended)),
        _ => (CONNECTION, "CONNECTION_ERROR"),
    };
    let message = format!("Failed to initialize telemetry database: {error}");
    Report { class, code, message, ..error.report(operation) }
}
