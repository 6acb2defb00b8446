#![forbid(unsafe_code)]
//! Opening a connection.

use std::{
    path::{Path, PathBuf},
    time::Duration,
};

use rusqlite::{Connection, OpenFlags, config::DbConfig, ffi, limits::Limit};

use super::{Failure, Misuse, Result};
use crate::store::{self, Settings};

/// The longest value that is read: the longest string of V8, in UTF-16 units.
const LONGEST_VALUE: i32 = (1 << 29) - 24;

/// What a path means.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Place {
    /// `':memory:'`: a private database in memory.
    Memory,
    /// `''`: a private database in a temporary file that SQLite makes when memory is short.
    Temporary,
    /// A file, by absolute path. SQLite's URIs begin with `file:`, so this is never one.
    File(PathBuf),
}

impl Place {
    /// The place that `path` means; a relative one is resolved against `directory`.
    ///
    /// # Errors
    /// [`Misuse::NUL_IN_PATH`]
    pub fn parse(path: &str, directory: &Path) -> Result<Self> {
        if path.contains('\0') {
            return Err(Misuse::NUL_IN_PATH.into());
        }
        Ok(match path.trim() {
            ":memory:" => Self::Memory,
            "" => Self::Temporary,
            path => Self::File(directory.join(path)),
        })
    }
}

/// How to open a database.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OpenOptions {
    /// Which one.
    pub place: Place,
    /// No writing.
    pub readonly: bool,
    /// No creating.
    pub must_exist: bool,
    /// How long a lock is awaited.
    pub timeout: Duration,
}

/// Open what `options` mean.
pub(super) fn open(options: &OpenOptions) -> Result<Connection> {
    if options.readonly && !matches!(options.place, Place::File(_)) {
        return Err(Misuse::READONLY_MEMORY.into());
    }
    let mut flags = if options.readonly { OpenFlags::SQLITE_OPEN_READ_ONLY } else { OpenFlags::SQLITE_OPEN_READ_WRITE };
    if !options.readonly && !options.must_exist {
        flags |= OpenFlags::SQLITE_OPEN_CREATE;
    }
    let path = match &options.place {
        Place::Memory => Path::new(":memory:"),
        Place::Temporary => Path::new(""),
        Place::File(path) => {
            if path.parent().is_some_and(|directory| !directory.exists()) {
                return Err(Misuse::DIRECTORY_MISSING.into());
            }
            // Reading, SQLite would notice only at the first statement.
            if path.is_dir() {
                return Err(cannot_open(ffi::SQLITE_CANTOPEN));
            }
            path
        }
    };
    let db = Connection::open_with_flags(path, flags | OpenFlags::SQLITE_OPEN_NO_MUTEX)
        .map_err(|error| opening(error.into()))?;
    prepare(&db, options.timeout, true)?;
    Ok(db)
}

/// Open a second connection to the database of a store, with its settings.
pub(super) fn join(settings: &Settings) -> Result<Connection> {
    let db = connect(settings, OpenFlags::SQLITE_OPEN_READ_WRITE)?;
    store::apply_session(&db, settings)?;
    prepare(&db, settings.busy_timeout, settings.foreign_keys)?;
    Ok(db)
}

/// Connect to the database of `settings`, of which the busy timeout alone is set.
pub(super) fn connect(settings: &Settings, flags: OpenFlags) -> Result<Connection> {
    let db = settings.location.connect(flags).map_err(|error| opening(error.into()))?;
    db.busy_timeout(settings.busy_timeout)?;
    Ok(db)
}

/// What every connection of a caller has: misspelled names are errors and not texts, and SQL cannot corrupt the file.
pub(super) fn prepare(db: &Connection, timeout: Duration, foreign_keys: bool) -> Result<()> {
    db.busy_timeout(timeout)?;
    db.set_db_config(DbConfig::SQLITE_DBCONFIG_ENABLE_FKEY, foreign_keys)?;
    db.set_db_config(DbConfig::SQLITE_DBCONFIG_DQS_DDL, false)?;
    db.set_db_config(DbConfig::SQLITE_DBCONFIG_DQS_DML, false)?;
    db.set_db_config(DbConfig::SQLITE_DBCONFIG_DEFENSIVE, true)?;
    db.set_limit(Limit::SQLITE_LIMIT_LENGTH, LONGEST_VALUE)?;
    Ok(())
}

/// rusqlite adds the path to SQLite's text; nobody else does.
fn opening(failure: Failure) -> Failure {
    match failure {
        Failure::Sqlite { extended, .. } if extended & 0xff == ffi::SQLITE_CANTOPEN => cannot_open(extended),
        other => other,
    }
}

fn cannot_open(extended: i32) -> Failure {
    Failure::Sqlite { extended, message: "unable to open database file".to_owned(), offset: None }
}
