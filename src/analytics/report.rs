#![forbid(unsafe_code)]
//! The module's errors as its callers read them (analytics.md §6).

use serde_json::{Map, Value as Json};

use crate::error::{Error, ErrorClass, Report};
use crate::migration::MigrationCode;

/// The class of the module's errors.
const CLASS: ErrorClass = ErrorClass("AnalyticsError");

/// The methods that change the file.
const WRITES: [&str; 4] = ["startSession", "endSession", "recordToolCall", "recordToolCalls"];

/// A refusal for the session with this id.
pub(super) fn session_refused(code: &'static str, message: &str, id: &str) -> Error {
    refused(code, format!("{message}: {id}"), "sessionId", id)
}

pub(super) fn refused(code: &'static str, message: String, key: &str, value: &str) -> Error {
    Error::refused(code, message, Map::from_iter([(key.to_owned(), Json::from(value))]))
}

/// The error as the caller of `operation` reads it.
pub(super) fn report(error: &Error, operation: &str) -> Report {
    match error {
        Error::At { index, error } => Report { index: Some(*index), ..report(error, operation) },
        Error::Open(error) => report_open(error, operation),
        // A fact about what is closed, or about the caller: the words are the same in every module.
        Error::Aborted => error.report(operation),
        _ => {
            let code = match error {
                Error::Validation(_) => "ANALYTICS_INVALID_INPUT",
                Error::Refused(refused) => refused.code,
                Error::Closed => "ANALYTICS_CLOSED",
                _ if WRITES.contains(&operation) => "ANALYTICS_WRITE_FAILED",
                _ => "ANALYTICS_QUERY_FAILED",
            };
            Report { class: CLASS, code, ..error.report(operation) }
        }
    }
}

/// What kept the file from being opened.
fn report_open(error: &Error, operation: &str) -> Report {
    let plain = error.report(operation);
    let (class, code) = match error {
        Error::Directory { .. } => (CLASS, "ANALYTICS_DIR_FAILED"),
        Error::Migration(failure) if describes_file(failure.code) => return plain,
        Error::Migration(_) => (CLASS, "ANALYTICS_MIGRATION_FAILED"),
        _ => (CLASS, "ANALYTICS_OPEN_FAILED"),
    };
    let what = match error {
        Error::Directory { .. } => "Failed to create the directory of the analytics database",
        Error::Migration(_) => "Failed to migrate the analytics database",
        _ => "Failed to open the analytics database",
    };
    let details = match error {
        Error::Directory { path, .. } => Map::from_iter([("path".to_owned(), Json::from(path.as_str()))]),
        _ => Map::new(),
    };
    Report { class, code, message: format!("{what}: {error}"), reason: Some(error.to_string()), details, ..plain }
}

/// Whether the failure is a fact about the file and not about the call (contracts/README.md §2).
fn describes_file(code: MigrationCode) -> bool {
    matches!(code, MigrationCode::Conflict | MigrationCode::Diverged | MigrationCode::Ahead | MigrationCode::Gap)
}
