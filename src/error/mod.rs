#![forbid(unsafe_code)]
//! The one error type of the core, and the only place that knows SQLite's result codes.
//!
//! - [`Error`], and what a refusal says: [`Invalid`], [`Refused`]
//! - how an error reads to the caller of a public method: [`Report`]
//! - the names of the result codes: `codes`

mod codes;
mod report;

use std::{io, path::Path};

use rusqlite::ffi;
use serde_json::{Map, Value as Json};

use crate::migration::MigrationError;

pub use codes::{extended_code_name, primary_code_name, system_code_name};
pub use report::{ErrorClass, OpenWords, Report};

/// Everything that can go wrong in the core. `Display` is the bare reason; [`Error::report`] makes the text that the
/// caller of a public method reads.
#[derive(Debug, Clone, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// Input was refused before SQLite saw it, or by a validation rule.
    #[error("{}", .0.message)]
    Validation(Box<Invalid>),
    /// SQLite answered with an error.
    #[error("{message}")]
    Sqlite {
        /// Extended result code (sqlite.org/rescode.html).
        extended: i32,
        /// SQLite's own text.
        message: String,
    },
    /// The SQL of one call ran longer than `queryTimeoutMs`.
    #[error("Query exceeded queryTimeoutMs ({ms} ms)")]
    Timeout {
        /// The limit that was exceeded.
        ms: u64,
    },
    /// The caller's `AbortSignal` fired.
    #[error("The operation was aborted")]
    Aborted,
    /// A growing write met `maxSizeMB` under `onSizeLimit: 'reject'`.
    #[error("Database size limit of {megabytes} MB reached")]
    SizeLimit {
        /// The configured limit.
        megabytes: f64,
    },
    /// The directory of a database could not be made.
    #[error("{path}: {message}")]
    Directory {
        /// The directory.
        path: String,
        /// The system's error by name: `ENOTDIR`.
        code: &'static str,
        /// The operating system's text.
        message: String,
    },
    /// A file operation outside SQLite failed (archive, directory).
    #[error("{path}: {message}")]
    Io {
        /// The file or directory.
        path: String,
        /// The system's error by name; `None`: it was not the system that refused.
        code: Option<&'static str>,
        /// The operating system's text.
        message: String,
    },
    /// `backup` was asked to write over a file.
    #[error("File already exists: {path}")]
    FileExists {
        /// The target.
        path: String,
    },
    /// `backup` was asked to write into a directory that is not there.
    #[error("Directory does not exist: {path}")]
    DirectoryMissing {
        /// The directory.
        path: String,
    },
    /// A command was given a file that is not there.
    #[error("File does not exist: {path}")]
    FileMissing {
        /// The file.
        path: String,
    },
    /// Whoever opens the file next has to write before anything can be read.
    #[error(
        "{path} was not closed by the program that wrote it last and has to be recovered, which a look at it does not do. \
         Open it once for writing."
    )]
    NeedsRecovery {
        /// The file.
        path: String,
    },
    /// A rule of the module says no.
    #[error("{}", .0.message)]
    Refused(Box<Refused>),
    /// What the configuration asks for does not exist.
    #[error("{message}")]
    Unsupported {
        /// For programs, such as `cloud-sync-unsupported`.
        reason: &'static str,
        /// Text for people.
        message: &'static str,
    },
    /// What a lock kept from being done was tried again, in vain.
    #[error("{error}")]
    Retried {
        /// How often it was tried in all.
        attempts: u32,
        /// What the last attempt ended with.
        error: Box<Error>,
    },
    /// A migration or an adoption failed.
    #[error(transparent)]
    Migration(#[from] Box<MigrationError>),
    /// The record at `index` of a batch failed.
    #[error("{error}")]
    At {
        /// Position within the batch.
        index: usize,
        /// Why.
        error: Box<Error>,
    },
    /// The database could not be opened.
    #[error("{0}")]
    Open(Box<Error>),
    /// The handle was closed.
    #[error("The database is closed")]
    Closed,
    /// A defect of ours: a contained panic, a broken invariant.
    #[error("{0}")]
    Internal(String),
}

/// The result of everything in the core.
pub type Result<T, E = Error> = std::result::Result<T, E>;

/// What was wrong with a piece of input.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Invalid {
    /// Text for people; the contract gives it in quotes.
    pub message: String,
    /// The property that was refused.
    pub field: Option<String>,
    /// The refused value, where it is known to the core.
    pub value: Option<Json>,
    /// The validation rule that refused it.
    pub rule_id: Option<i64>,
}

/// What a module refuses by a rule of its own: a name that is taken, a row that is not there.
#[derive(Debug, Clone)]
pub struct Refused {
    /// A code of the module.
    pub code: &'static str,
    /// Text for people.
    pub message: String,
    /// Structured facts, by the names of the contract.
    pub details: Map<String, Json>,
    /// What the database said, where it was asked.
    pub because: Option<Error>,
}

impl Error {
    /// The system has refused something about the file or directory `path`.
    pub fn io(path: &Path, error: &io::Error) -> Self {
        let code = Some(system_code_name(error.kind()));
        Self::Io { path: path.display().to_string(), code, message: error.to_string() }
    }

    /// A refusal of `field` with the contract's text.
    pub fn invalid(message: impl Into<String>, field: impl Into<String>) -> Self {
        Self::Validation(Box::new(Invalid { message: message.into(), field: Some(field.into()), ..Invalid::default() }))
    }

    /// A refusal by a rule of the module.
    pub fn refused(code: &'static str, message: impl Into<String>, details: Map<String, Json>) -> Self {
        Self::Refused(Box::new(Refused { code, message: message.into(), details, because: None }))
    }

    /// The same error as what kept a file from being opened.
    pub fn while_opening(self) -> Self {
        Self::Open(Box::new(self))
    }

    /// The same error with the position of its record within a batch.
    pub fn at_index(self, index: usize) -> Self {
        Self::At { index, error: Box::new(self) }
    }

    /// SQLite's primary result code, if SQLite was the reason.
    pub fn sqlite_code(&self) -> Option<i32> {
        match self {
            Self::Sqlite { extended, .. } => Some(extended & 0xff),
            Self::At { error, .. } | Self::Retried { error, .. } => error.sqlite_code(),
            _ => None,
        }
    }

    /// Whether the call was refused, by a check or by a rule of the module: nothing went wrong in the database.
    pub fn is_refusal(&self) -> bool {
        match self {
            Self::Validation(_) | Self::Refused(_) => true,
            Self::At { error, .. } | Self::Retried { error, .. } => error.is_refusal(),
            _ => false,
        }
    }

    /// Whether the same call may succeed later without any change: a lock, a full disk, an I/O error.
    pub fn is_transient(&self) -> bool {
        matches!(
            self.sqlite_code(),
            Some(
                ffi::SQLITE_BUSY
                    | ffi::SQLITE_LOCKED
                    | ffi::SQLITE_FULL
                    | ffi::SQLITE_IOERR
                    | ffi::SQLITE_NOMEM
                    | ffi::SQLITE_INTERRUPT
            )
        ) || matches!(self, Self::Timeout { .. } | Self::SizeLimit { .. } | Self::Io { .. } | Self::Directory { .. })
    }
}

impl From<rusqlite::Error> for Error {
    fn from(error: rusqlite::Error) -> Self {
        match error {
            rusqlite::Error::SqliteFailure(code, message) => Self::Sqlite {
                extended: code.extended_code,
                message: message.unwrap_or_else(|| ffi::code_to_str(code.extended_code).to_owned()),
            },
            rusqlite::Error::SqlInputError { error, msg, .. } => {
                Self::Sqlite { extended: error.extended_code, message: msg }
            }
            other => Self::Internal(other.to_string()),
        }
    }
}
