#![forbid(unsafe_code)]
//! The module's errors as its callers read them (analytics.md §6).

use serde_json::{Map, Value as Json};

use crate::error::{Error, ErrorClass, OpenWords, Report};

/// The class of the module's errors.
const CLASS: ErrorClass = ErrorClass("AnalyticsError");

/// What is said of a file that cannot be opened.
const OPEN: OpenWords = OpenWords {
    class: CLASS,
    file: "analytics database",
    directory: "ANALYTICS_DIR_FAILED",
    migration: "ANALYTICS_MIGRATION_FAILED",
    open: "ANALYTICS_OPEN_FAILED",
};

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
        Error::Open(error) => error.report_open(&OPEN, operation),
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
