#![forbid(unsafe_code)]
//! What can go wrong with a synchronous connection.

use std::borrow::Cow;

use crate::error::{Error, extended_code_name};

/// The JavaScript class of a [`Misuse`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum MisuseClass {
    /// `TypeError`
    Type,
    /// `RangeError`
    Range,
}

/// A use of the interface that SQLite never sees.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Misuse {
    /// The class to throw.
    pub class: MisuseClass,
    /// Stable code.
    pub code: &'static str,
    /// Text for people; better-sqlite3's own where it has one.
    pub message: Cow<'static, str>,
}

impl Misuse {
    /// A `TypeError`.
    pub const fn type_error(code: &'static str, message: &'static str) -> Self {
        Self { class: MisuseClass::Type, code, message: Cow::Borrowed(message) }
    }

    /// A `RangeError`.
    pub const fn range_error(code: &'static str, message: &'static str) -> Self {
        Self { class: MisuseClass::Range, code, message: Cow::Borrowed(message) }
    }

    /// The connection was closed.
    pub const NOT_OPEN: Self = Self::type_error("ERR_NOT_OPEN", "The database connection is not open");
    /// Something else is running that this would disturb.
    pub const BUSY: Self = Self::type_error("ERR_BUSY", "This database connection is busy executing a query");
    /// It cannot be closed in the middle of a migration.
    pub const MIGRATING: Self = Self::type_error("ERR_BUSY", "This database connection is running a migration");
    /// What was lent to a migration is used after its end.
    pub const MIGRATION_FINISHED: Self = Self::type_error("ERR_NOT_OPEN", "The migration has finished");
    /// The statement itself is being iterated.
    pub const STATEMENT_BUSY: Self = Self::type_error("ERR_BUSY", "This statement is busy executing a query");
    /// Rows were asked of a statement that has none.
    pub const NO_DATA: Self =
        Self::type_error("ERR_NOT_A_READER", "This statement does not return data. Use run() instead");
    /// Only blanks and comments.
    pub const NO_STATEMENT: Self =
        Self::range_error("ERR_INVALID_ARG_VALUE", "The supplied SQL string contains no statements");
    /// More than one statement where one is meant.
    pub const MORE_THAN_ONE: Self =
        Self::range_error("ERR_INVALID_ARG_VALUE", "The supplied SQL string contains more than one statement");
    /// A value of a type that SQLite does not have.
    pub const UNBINDABLE: Self =
        Self::type_error("ERR_INVALID_ARG_TYPE", "SQLite3 can only bind numbers, strings, bigints, buffers, and null");
    /// A value that is too large for SQLite.
    pub const TOO_BIG: Self = Self::range_error("ERR_OUT_OF_RANGE", "The bound string, buffer, or bigint is too big");
    /// A parameter was left without a value.
    pub const TOO_FEW: Self = Self::range_error("ERR_PARAMETER_COUNT", "Too few parameter values were provided");
    /// A value was left without a parameter.
    pub const TOO_MANY: Self = Self::range_error("ERR_PARAMETER_COUNT", "Too many parameter values were provided");
    /// Which of two objects has a name?
    pub const TWO_OBJECTS: Self =
        Self::type_error("ERR_INVALID_ARG_VALUE", "You cannot specify named parameters in two different objects");
    /// An object of a class, for parameters that have names.
    pub const NOT_PLAIN: Self =
        Self::type_error("ERR_INVALID_ARG_TYPE", "Named parameters can only be passed within plain objects");
    /// The directory of the file to open is missing.
    pub const DIRECTORY_MISSING: Self =
        Self::type_error("ERR_DIRECTORY_MISSING", "Cannot open database because the directory does not exist");
    /// A path that no file system has.
    pub const NUL_IN_PATH: Self =
        Self::type_error("ERR_INVALID_ARG_VALUE", "The path of a database cannot contain U+0000");
    /// A database that exists nowhere cannot be opened for reading alone.
    pub const READONLY_MEMORY: Self =
        Self::type_error("ERR_INVALID_ARG_VALUE", "In-memory/temporary databases cannot be readonly");

    /// An object was given for the parameters, and this name is not in it.
    pub fn missing_named(name: &str) -> Self {
        Self {
            class: MisuseClass::Range,
            code: "ERR_PARAMETER_COUNT",
            message: format!("Missing named parameter \"{name}\"").into(),
        }
    }

    /// A stored integer that a JavaScript number cannot hold.
    pub fn unsafe_integer(column: &str, value: i64) -> Self {
        Self {
            class: MisuseClass::Range,
            code: "ERR_OUT_OF_RANGE",
            message: format!("Column \"{column}\" holds {value}, which a number cannot represent; use safeIntegers()")
                .into(),
        }
    }
}

/// What [`Failure::Thrown`] says where nothing is pending.
pub const THROWN: &str = "JavaScript has thrown in the middle of a call";

/// Why a call failed.
#[derive(Debug, Clone)]
pub enum Failure {
    /// It was refused.
    Misuse(Misuse),
    /// SQLite refused it.
    Sqlite {
        /// Extended result code.
        extended: i32,
        /// SQLite's text.
        message: String,
        /// Byte offset in the SQL, where SQLite knows it.
        offset: Option<i32>,
    },
    /// Something that is no call of SQLite's failed: a file operation (backup), a migration.
    Other(Error),
    /// JavaScript has thrown something while native code was calling it; it is pending there.
    Thrown,
}

/// The result of a synchronous call.
pub type Result<T> = std::result::Result<T, Failure>;

impl Failure {
    /// SQLite's result code as the `code` of a `SqliteError`.
    pub fn sqlite_code(extended: i32) -> &'static str {
        extended_code_name(extended).unwrap_or("UNKNOWN_ERROR")
    }
}

impl From<Misuse> for Failure {
    fn from(misuse: Misuse) -> Self {
        Self::Misuse(misuse)
    }
}

impl From<Error> for Failure {
    fn from(error: Error) -> Self {
        match error {
            Error::Sqlite { extended, message } => Self::Sqlite { extended, message, offset: None },
            other => Self::Other(other),
        }
    }
}

/// For modules with errors of their own: their callers do not know the connection.
impl From<Failure> for Error {
    fn from(failure: Failure) -> Self {
        match failure {
            Failure::Sqlite { extended, message, .. } => Self::Sqlite { extended, message },
            Failure::Other(error) => error,
            Failure::Misuse(misuse) => Self::Internal(misuse.message.into_owned()),
            Failure::Thrown => Self::Internal(THROWN.to_owned()),
        }
    }
}

impl From<rusqlite::Error> for Failure {
    fn from(error: rusqlite::Error) -> Self {
        Error::from(error).into()
    }
}
