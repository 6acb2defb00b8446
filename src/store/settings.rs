#![forbid(unsafe_code)]
//! What a store is opened with.

use std::{
    path::{Path, PathBuf},
    sync::atomic::{AtomicU64, Ordering},
    time::Duration,
};

use rusqlite::{Connection, OpenFlags};

use super::{JournalChoice, Retry};

/// Where the data lives.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Location {
    /// A file, by absolute path.
    File(PathBuf),
    /// A private in-memory database (sqlite.org/inmemorydb.html, `vfs=memdb`), by its process-wide unique URI.
    Memory(String),
}

impl Location {
    /// What an absolute path means, or `:memory:`.
    pub fn of(path: &str) -> Self {
        if path == ":memory:" { Self::memory() } else { Self::File(PathBuf::from(path)) }
    }

    /// A new private in-memory database.
    pub fn memory() -> Self {
        static NEXT: AtomicU64 = AtomicU64::new(1);
        Self::Memory(format!("file:/runledger-{}?vfs=memdb", NEXT.fetch_add(1, Ordering::Relaxed)))
    }

    /// Connect to it, without any setting.
    ///
    /// # Errors
    /// Those of SQLite.
    pub fn connect(&self, flags: OpenFlags) -> rusqlite::Result<Connection> {
        let flags = flags | OpenFlags::SQLITE_OPEN_NO_MUTEX;
        match self {
            Self::File(path) => Connection::open_with_flags(path, flags),
            Self::Memory(uri) => Connection::open_with_flags(uri, flags | OpenFlags::SQLITE_OPEN_URI),
        }
    }

    /// The main file, if there is one.
    pub fn path(&self) -> Option<&Path> {
        match self {
            Self::File(path) => Some(path),
            Self::Memory(_) => None,
        }
    }
}

/// What a connection has beside journal mode, `synchronous`, foreign keys and busy timeout.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Tuning {
    /// That of a store (telemetry.md §4.7): caches, memory map, a checkpointer of its own.
    Store,
    /// These pragmas, by name and value, and SQLite's defaults.
    Pragmas(&'static [(&'static str, &'static str)]),
}

/// Settings of a database; every connection to it has the same.
#[derive(Debug, Clone, PartialEq)]
pub struct Settings {
    /// The database.
    pub location: Location,
    /// Which journal mode to ask for.
    pub journal: JournalChoice,
    /// fsync on every group commit (`synchronous=FULL`) instead of on checkpoints only.
    pub full_durability: bool,
    /// Whether foreign keys are enforced.
    pub foreign_keys: bool,
    /// How long a lock is awaited.
    pub busy_timeout: Duration,
    /// How often what needs a lock is tried again.
    pub retry: Retry,
    /// Most reader connections of a store; they are opened on demand.
    pub readers: usize,
    /// The file and the directories that are made for it are their owner's alone (0600 and 0700 on POSIX) instead of
    /// what the umask says. What is there keeps its mode.
    pub private: bool,
    /// Whether each statement is told to whom the store tells its notices, once the database is open.
    pub log_statements: bool,
    /// Whether a file that is made can give pages back in steps (`auto_vacuum=INCREMENTAL`).
    pub incremental_vacuum: bool,
    /// The other pragmas.
    pub tuning: Tuning,
}

impl Settings {
    /// What the modules with one synchronous connection have in common (contracts/README.md §5): WAL where that works,
    /// foreign keys, five seconds for a lock, `synchronous=NORMAL`.
    pub fn synchronous(location: Location) -> Self {
        Self {
            location,
            journal: JournalChoice::Auto,
            full_durability: false,
            foreign_keys: true,
            busy_timeout: Duration::from_secs(5),
            retry: Retry::default(),
            readers: 0,
            private: false,
            log_statements: false,
            incremental_vacuum: false,
            tuning: Tuning::Pragmas(&[]),
        }
    }
}
