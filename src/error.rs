#![forbid(unsafe_code)]
//! The one error type of the core, and the only place that knows SQLite's result codes.

use rusqlite::ffi;
use serde_json::{Map, Value as Json};

use crate::migration::MigrationError;

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

/// The JavaScript class that stands for an error, by name. A module with classes of its own names them where it words its
/// errors ([`crate::client::ClientModule::report`]); its facade has their constructors.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ErrorClass(pub &'static str);

impl ErrorClass {
    const DATABASE: Self = Self("DatabaseError");
    const CONNECTION: Self = Self("ConnectionError");
    const VALIDATION: Self = Self("ValidationError");
    const QUERY_TIMEOUT: Self = Self("QueryTimeoutError");
    const OPEN_CONNECTION: Self = Self("DrizzleTelemetryConnectionError");
    const OPEN_MIGRATION: Self = Self("DrizzleTelemetryMigrationError");
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
    /// A refusal of `field` with the contract's text.
    pub fn invalid(message: impl Into<String>, field: impl Into<String>) -> Self {
        Self::Validation(Box::new(Invalid { message: message.into(), field: Some(field.into()), ..Invalid::default() }))
    }

    /// A refusal by a rule of the module.
    pub fn refused(code: &'static str, message: impl Into<String>, details: Map<String, Json>) -> Self {
        Self::Refused(Box::new(Refused { code, message: message.into(), details, because: None }))
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

    /// The error as the caller of `operation` reads it (telemetry.md §13).
    pub fn report(&self, operation: &str) -> Report {
        let (class, code, message) = match self {
            Self::At { index, error } => return Report { index: Some(*index), ..error.report(operation) },
            Self::Retried { error, .. } => return error.report(operation),
            Self::Open(error) => return error.report_open(operation),
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

impl Error {
    /// The report of an error that kept the database from being opened (telemetry.md §4).
    fn report_open(&self, operation: &str) -> Report {
        let (class, code) = match self {
            Self::Migration(_) => (ErrorClass::OPEN_MIGRATION, "MIGRATION_ERROR"),
            Self::Sqlite { extended, .. } => (ErrorClass::OPEN_CONNECTION, primary_code_name(*extended)),
            _ => (ErrorClass::OPEN_CONNECTION, "CONNECTION_ERROR"),
        };
        let message = format!("Failed to initialize telemetry database: {self}");
        Report { class, code, message, ..self.report(operation) }
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

macro_rules! code_names {
    ($($name:ident),* $(,)?) => {
        /// The name of a primary result code.
        pub fn primary_code_name(code: i32) -> &'static str {
            match code & 0xff {
                $(ffi::$name => stringify!($name),)*
                _ => "UNKNOWN_ERROR",
            }
        }
    };
}

code_names!(
    SQLITE_ERROR,
    SQLITE_INTERNAL,
    SQLITE_PERM,
    SQLITE_ABORT,
    SQLITE_BUSY,
    SQLITE_LOCKED,
    SQLITE_NOMEM,
    SQLITE_READONLY,
    SQLITE_INTERRUPT,
    SQLITE_IOERR,
    SQLITE_CORRUPT,
    SQLITE_NOTFOUND,
    SQLITE_FULL,
    SQLITE_CANTOPEN,
    SQLITE_PROTOCOL,
    SQLITE_SCHEMA,
    SQLITE_TOOBIG,
    SQLITE_CONSTRAINT,
    SQLITE_MISMATCH,
    SQLITE_MISUSE,
    SQLITE_NOLFS,
    SQLITE_AUTH,
    SQLITE_RANGE,
    SQLITE_NOTADB,
);

macro_rules! extended_names {
    ($($name:ident),* $(,)?) => {
        /// The name of an extended result code; a primary one where it has no extension.
        pub fn extended_code_name(code: i32) -> Option<&'static str> {
            Some(match code {
                $(ffi::$name => stringify!($name),)*
                _ => primary_code_name(code),
            })
        }
    };
}

extended_names!(
    SQLITE_ABORT_ROLLBACK,
    SQLITE_AUTH_USER,
    SQLITE_BUSY_RECOVERY,
    SQLITE_BUSY_SNAPSHOT,
    SQLITE_BUSY_TIMEOUT,
    SQLITE_CANTOPEN_CONVPATH,
    SQLITE_CANTOPEN_DIRTYWAL,
    SQLITE_CANTOPEN_FULLPATH,
    SQLITE_CANTOPEN_ISDIR,
    SQLITE_CANTOPEN_NOTEMPDIR,
    SQLITE_CANTOPEN_SYMLINK,
    SQLITE_CONSTRAINT_CHECK,
    SQLITE_CONSTRAINT_COMMITHOOK,
    SQLITE_CONSTRAINT_DATATYPE,
    SQLITE_CONSTRAINT_FOREIGNKEY,
    SQLITE_CONSTRAINT_FUNCTION,
    SQLITE_CONSTRAINT_NOTNULL,
    SQLITE_CONSTRAINT_PINNED,
    SQLITE_CONSTRAINT_PRIMARYKEY,
    SQLITE_CONSTRAINT_ROWID,
    SQLITE_CONSTRAINT_TRIGGER,
    SQLITE_CONSTRAINT_UNIQUE,
    SQLITE_CONSTRAINT_VTAB,
    SQLITE_CORRUPT_INDEX,
    SQLITE_CORRUPT_SEQUENCE,
    SQLITE_CORRUPT_VTAB,
    SQLITE_ERROR_MISSING_COLLSEQ,
    SQLITE_ERROR_RETRY,
    SQLITE_ERROR_SNAPSHOT,
    SQLITE_IOERR_ACCESS,
    SQLITE_IOERR_AUTH,
    SQLITE_IOERR_BEGIN_ATOMIC,
    SQLITE_IOERR_BLOCKED,
    SQLITE_IOERR_CHECKRESERVEDLOCK,
    SQLITE_IOERR_CLOSE,
    SQLITE_IOERR_COMMIT_ATOMIC,
    SQLITE_IOERR_CONVPATH,
    SQLITE_IOERR_CORRUPTFS,
    SQLITE_IOERR_DATA,
    SQLITE_IOERR_DELETE,
    SQLITE_IOERR_DELETE_NOENT,
    SQLITE_IOERR_DIR_CLOSE,
    SQLITE_IOERR_DIR_FSYNC,
    SQLITE_IOERR_FSTAT,
    SQLITE_IOERR_FSYNC,
    SQLITE_IOERR_GETTEMPPATH,
    SQLITE_IOERR_IN_PAGE,
    SQLITE_IOERR_LOCK,
    SQLITE_IOERR_MMAP,
    SQLITE_IOERR_NOMEM,
    SQLITE_IOERR_RDLOCK,
    SQLITE_IOERR_READ,
    SQLITE_IOERR_ROLLBACK_ATOMIC,
    SQLITE_IOERR_SEEK,
    SQLITE_IOERR_SHMLOCK,
    SQLITE_IOERR_SHMMAP,
    SQLITE_IOERR_SHMOPEN,
    SQLITE_IOERR_SHMSIZE,
    SQLITE_IOERR_SHORT_READ,
    SQLITE_IOERR_TRUNCATE,
    SQLITE_IOERR_UNLOCK,
    SQLITE_IOERR_VNODE,
    SQLITE_IOERR_WRITE,
    SQLITE_LOCKED_SHAREDCACHE,
    SQLITE_LOCKED_VTAB,
    SQLITE_READONLY_CANTINIT,
    SQLITE_READONLY_CANTLOCK,
    SQLITE_READONLY_DBMOVED,
    SQLITE_READONLY_DIRECTORY,
    SQLITE_READONLY_RECOVERY,
    SQLITE_READONLY_ROLLBACK,
);
