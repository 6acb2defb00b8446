#![forbid(unsafe_code)]
//! How an error reads to the caller of a public method: the words of telemetry, which the other modules change where their
//! contracts say something else.

use rusqlite::ffi;
use serde_json::{Map, Value as Json};

use super::{Error, Invalid, extended_code_name, primary_code_name};
use crate::migration::MigrationError;

/// The JavaScript class that stands for an error, by name. A module with classes of its own names them where it words its
/// errors ([`crate::client::ClientModule::report`]); its facade has their constructors.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ErrorClass(pub &'static str);

impl ErrorClass {
    const DATABASE: Self = Self("DatabaseError");
    const CONNECTION: Self = Self("ConnectionError");
    const VALIDATION: Self = Self("ValidationError");
    const QUERY_TIMEOUT: Self = Self("QueryTimeoutError");
    /// Of every module: a fact about the file.
    pub const MIGRATION: Self = Self("MigrationError");
    /// Not an error of ours: the caller's `signal.reason` is thrown.
    pub const ABORTED: Self = Self("AbortError");
}

/// An error as the caller of a public method sees it.
#[derive(Debug, Clone, PartialEq)]
pub struct Report {
    /// The class to throw.
    pub class: ErrorClass,
    /// Stable code; callers branch on it.
    pub code: &'static str,
    /// SQLite's extended code by name, when SQLite was the reason.
    pub extended_code: Option<&'static str>,
    /// Text for people, naming the method.
    pub message: String,
    /// The bare reason, SQLite's text for instance, where the message is not the reason itself.
    pub reason: Option<String>,
    /// The code of the reason, where it is neither SQLite's nor that of the failure.
    pub reason_code: Option<&'static str>,
    /// Position within a batch.
    pub index: Option<usize>,
    /// Property, value and rule of a refused input.
    pub invalid: Option<Invalid>,
    /// Further facts, by the names of the module's contract.
    pub details: Map<String, Json>,
    /// Structured facts of a `MigrationError`.
    pub migration: Option<MigrationError>,
}

impl Error {
    /// The error as the caller of `operation` reads it (telemetry.md §13).
    pub fn report(&self, operation: &str) -> Report {
        let (class, code, message) = match self {
            Self::At { index, error } => return Report { index: Some(*index), ..error.report(operation) },
            Self::Retried { error, .. } => return error.report(operation),
            Self::Open(error) => return error.report(operation),
            Self::Validation(invalid) => (ErrorClass::VALIDATION, "VALIDATION_ERROR", invalid.message.clone()),
            Self::Sqlite { extended, message } => sqlite_report(*extended, message, operation),
            Self::Timeout { ms } => (
                ErrorClass::QUERY_TIMEOUT,
                "SQLITE_INTERRUPT",
                format!("Query exceeded queryTimeoutMs ({ms} ms) during {operation}"),
            ),
            Self::Aborted => (ErrorClass::ABORTED, "ABORT_ERR", self.to_string()),
            Self::SizeLimit { megabytes } => (
                ErrorClass::DATABASE,
                "SQLITE_FULL",
                format!(
                    "Database size limit of {megabytes} MB reached during {operation} and nothing older than pruneDays \
                     is left to prune. Raise maxSizeMB or delete events."
                ),
            ),
            Self::Io { .. } | Self::Directory { .. } => {
                (ErrorClass::CONNECTION, "CONNECTION_ERROR", format!("Database I/O error during {operation}: {self}"))
            }
            Self::FileExists { .. } => (ErrorClass::DATABASE, "ERR_FILE_EXISTS", self.to_string()),
            Self::FileMissing { .. } => (ErrorClass::DATABASE, "ERR_FILE_MISSING", self.to_string()),
            Self::NeedsRecovery { .. } => (ErrorClass::CONNECTION, "ERR_NEEDS_RECOVERY", self.to_string()),
            Self::DirectoryMissing { .. } => (ErrorClass::DATABASE, "ERR_DIRECTORY_MISSING", self.to_string()),
            Self::Refused(refused) => (ErrorClass::DATABASE, refused.code, refused.message.clone()),
            Self::Unsupported { .. } => (ErrorClass::VALIDATION, "VALIDATION_ERROR", self.to_string()),
            Self::Migration(error) => (ErrorClass::MIGRATION, error.code.as_str(), error.message.clone()),
            Self::Closed => {
                (ErrorClass::CONNECTION, "DATABASE_CLOSED", format!("The database was closed during {operation}"))
            }
            Self::Internal(text) => (
                ErrorClass::DATABASE,
                "INTERNAL_ERROR",
                format!("Database operation failed during {operation}: {text}"),
            ),
        };
        Report {
            class,
            code,
            extended_code: match self {
                Self::Sqlite { extended, .. } => extended_code_name(*extended),
                Self::Timeout { .. } => Some("SQLITE_INTERRUPT"),
                Self::Migration(error) => error.cause.as_ref().and_then(|cause| extended_code_name(cause.extended)),
                _ => None,
            },
            message,
            reason: match self {
                Self::Validation(_)
                | Self::Refused(_)
                | Self::Closed
                | Self::FileExists { .. }
                | Self::FileMissing { .. }
                | Self::DirectoryMissing { .. }
                | Self::NeedsRecovery { .. } => None,
                _ => Some(self.to_string()),
            },
            reason_code: match self {
                Self::Directory { code, .. } => Some(code),
                Self::Io { code, .. } => *code,
                _ => None,
            },
            index: None,
            invalid: match self {
                Self::Validation(invalid) => Some((**invalid).clone()),
                _ => None,
            },
            details: match self {
                Self::Refused(refused) => refused.details.clone(),
                _ => Map::new(),
            },
            migration: match self {
                Self::Migration(error) => Some((**error).clone()),
                _ => None,
            },
        }
    }
}

/// What a module says of a file that cannot be opened.
#[derive(Debug, Clone, Copy)]
pub struct OpenWords {
    /// The class of the module's errors.
    pub class: ErrorClass,
    /// What messages call the file: `analytics database`.
    pub file: &'static str,
    /// The code for a directory that cannot be made.
    pub directory: &'static str,
    /// The code for a migration that failed.
    pub migration: &'static str,
    /// The code for everything else.
    pub open: &'static str,
}

impl Error {
    /// The report of an error that kept the file of a module from being opened. Facts about the file are `MigrationError`s
    /// (contracts/README.md §2).
    pub fn report_open(&self, words: &OpenWords, operation: &str) -> Report {
        let plain = self.report(operation);
        let (code, what) = match self {
            Self::Migration(error) if error.code.describes_file() => return plain,
            Self::Migration(_) => (words.migration, "migrate"),
            Self::Directory { .. } => (words.directory, "create the directory of"),
            _ => (words.open, "open"),
        };
        let details = match self {
            Self::Directory { path, .. } => Map::from_iter([("path".to_owned(), Json::from(path.as_str()))]),
            _ => Map::new(),
        };
        let message = format!("Failed to {what} the {}: {self}", words.file);
        Report { class: words.class, code, message, reason: Some(self.to_string()), details, ..plain }
    }
}

fn sqlite_report(extended: i32, text: &str, operation: &str) -> (ErrorClass, &'static str, String) {
    let code = primary_code_name(extended);
    match extended & 0xff {
        ffi::SQLITE_CONSTRAINT => {
            (ErrorClass::VALIDATION, code, format!("Database constraint violation during {operation}: {text}"))
        }
        ffi::SQLITE_BUSY | ffi::SQLITE_LOCKED => {
            (ErrorClass::DATABASE, code, format!("Database is locked during {operation}. Try again later."))
        }
        ffi::SQLITE_FULL => (ErrorClass::DATABASE, code, format!("Disk is full during {operation}.")),
        ffi::SQLITE_CORRUPT | ffi::SQLITE_NOTADB => {
            (ErrorClass::DATABASE, code, format!("Database file is corrupt during {operation}: {text}"))
        }
        ffi::SQLITE_IOERR | ffi::SQLITE_CANTOPEN => {
            (ErrorClass::CONNECTION, "CONNECTION_ERROR", format!("Database I/O error during {operation}"))
        }
        ffi::SQLITE_ERROR if text.starts_with("no such table") => {
            (ErrorClass::DATABASE, code, format!("Database table not found during {operation}. Run migrations first."))
        }
        _ => (ErrorClass::DATABASE, code, format!("Database operation failed during {operation}: {text}")),
    }
}
