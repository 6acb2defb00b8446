#![forbid(unsafe_code)]
//! The module's errors as its callers read them (usage.md §5).

use rusqlite::ffi;

use super::{Method, MissingSession};
use crate::error::{Error, ErrorClass, OpenWords, Report};

/// The class of the module's errors.
const CLASS: ErrorClass = ErrorClass("UsageError");

/// What is said of a file that cannot be opened.
const OPEN: OpenWords = OpenWords {
    class: CLASS,
    file: "usage database",
    directory: "USAGE_OPEN_FAILED",
    migration: "USAGE_MIGRATION_FAILED",
    open: "USAGE_OPEN_FAILED",
};

/// The error as the caller of `operation` reads it.
pub fn report(error: &Error, operation: &str) -> Report {
    let code = match error {
        Error::Open(error) => return error.report_open(&OPEN, operation),
        Error::Validation(_) => "USAGE_INVALID_INPUT",
        Error::Refused(refused) => refused.code,
        _ if error.sqlite_code() == Some(ffi::SQLITE_CONSTRAINT) => "USAGE_CONSTRAINT",
        _ if Method::named(operation, MissingSession::Reject).is_ok_and(Method::writes) => "USAGE_WRITE_FAILED",
        _ => "USAGE_QUERY_FAILED",
    };
    Report { class: CLASS, code, ..error.report(operation) }
}
