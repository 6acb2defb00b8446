#![forbid(unsafe_code)]
//! The module's errors as its callers read them (usage.md §5).

use rusqlite::ffi;

use super::Method;
use crate::error::{Error, ErrorClass, Report};

/// The class of the module's errors.
const CLASS: ErrorClass = ErrorClass("UsageError");

impl Method {
    /// The error as the caller of `operation`, which is this method, reads it.
    pub fn report(self, error: &Error, operation: &str) -> Report {
        let code = match error {
            Error::Validation(_) => "USAGE_INVALID_INPUT",
            Error::Refused(refused) => refused.code,
            _ if error.sqlite_code() == Some(ffi::SQLITE_CONSTRAINT) => "USAGE_CONSTRAINT",
            _ if self.writes() => "USAGE_WRITE_FAILED",
            _ => "USAGE_QUERY_FAILED",
        };
        Report { class: CLASS, code, ..error.report(operation) }
    }
}
